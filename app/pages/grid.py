"""The grid of a month (考勤月表): a row a worker, a column a day, fifty rows at once; and one day of it with what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from markupsafe import Markup, escape

from app import periods, projection
from app.domain import timesheet
from app.domain.attendance import told_as
from app.domain.facts import AttendancePolicy
from app.domain.identity import name_order
from app.domain.sheet import Blocker
from app.domain.workdays import local, month_of, next_month
from app.errors import NotFound, ServiceError
from app.forms.attendance import DayCell, cell_of
from app.pages import blockers, corrections, marks
from app.pages import show as shows
from app.pages.blockers import BlockerRow
from app.pages.corrections import AskForm
from app.pages.filled import asked_month
from app.pages.marks import MarkForm, MarkRow
from app.pages.page import Ask, Page, shown, with_query
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.store import gates, money, people, sheets, timekeeping
from app.store import projection as projected
from app.store.projection import DayLine
from app.wording import sentence

MARKS = {
    "leave": (marked("假"), marked("请假")), "stoppage": (marked("停"), marked("停工")), "rain": (marked("雨"), marked("雨停")),
    "rest": ("○", marked("休息日")), "short": (marked("短"), marked("到场不计工日")),
    "absent": ("×", marked("无通行")), "no_gate": ("–", marked("闸机未启用")),
}  # fmt: skip
"""Mark of the paper form -> (what stands in the cell, what it means)."""
SHOWS = {"marks": marked("标记"), "hours": marked("工时"), "times": marked("时刻")}
WEEKDAYS = (marked("一"), marked("二"), marked("三"), marked("四"), marked("五"), marked("六"), marked("日"))
ROWS_A_PAGE = 50
ROWS_MAX = 200
"""Of a team on one page, to be printed."""
BLOCKERS_SHOWN = 12
EVERYBODY = "all"
"""Word of the query string instead of a team's number."""


@dataclass(frozen=True)
class Team:
    """A team to choose."""

    id: int
    name: str


@dataclass(frozen=True)
class GridDay:
    """A date at the head of a column."""

    on: date
    weekday: str
    is_rest: bool
    """A rest or statutory day of the calendar; Saturday and Sunday where none was imported."""
    says: str
    """Date and weekday, for whoever points at a cell."""


@dataclass(frozen=True)
class GridRow:
    """One worker of the page."""

    name: str
    url: str
    team: str
    """Empty where all rows are of one team."""
    trade: str | None
    cells: Markup
    """A ``<td>`` a date: fifteen hundred of them are put together here, since a template takes three times as long."""
    worked: tuple[bool, ...]
    """Whether each date counts as worked."""
    day_milli: int
    overtime_minutes: int
    undecided: int


@dataclass(frozen=True)
class Show:
    """A way to fill the cells: marks, hours inside, first in and last out."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True)
class GridContext:
    """What the grid of a month shows."""

    month: date = shown("First day of the month")
    previous_url: str = shown("Address of the month before")
    next_url: str = shown("Address of the month after; empty for the month we are in")
    teams: tuple[Team, ...] = shown("Teams to choose from")
    team: Team | None = shown("The chosen team; None for everybody, or when the project has none")
    everybody: bool = shown("All teams are listed")
    shows: tuple[Show, ...] = shown("Ways to fill the cells")
    show: str = shown("The way they are filled now")
    days: tuple[GridDay, ...] = shown("Every date of the month")
    today: date = shown("Today on the project's own calendar: the grid opens there")
    by_weekday: bool = shown("No statutory calendar was imported for some date of the month: Saturday and Sunday are taken for rest days")
    rows: tuple[GridRow, ...] = shown("The workers of this page of the list, by name")
    total: int = shown("How many workers there are over all pages")
    first: int = shown("Number of the first row of this page, from 1")
    present: tuple[int | None, ...] = shown("How many of this page worked on each date, today so far; None for those to come")
    page_milli: int = shown("Settled man-days of this page, in thousandths")
    page_overtime: int = shown("Overtime minutes of this page")
    page_undecided: int = shown("Days of this page that somebody must decide")
    day_milli: int = shown("Settled man-days over all pages, in thousandths")
    overtime_minutes: int = shown("Overtime over all pages")
    undecided: int = shown("Days over all pages that somebody must decide")
    page: int = shown("Which page of the list this is, from 1")
    pages: int = shown("How many pages the list has")
    earlier_url: str = shown("Address of the page before; empty on the first")
    later_url: str = shown("Address of the next page; empty on the last")
    whole_url: str = shown("Address of the team on one page, to print; empty where it is on one already")
    state: str = shown("Where the wage month stands: open, locked or closed")
    blockers: tuple[BlockerRow, ...] = shown("What stands in the way of closing the month, each with its next step")
    blockers_more: int = shown("How many more there are than are listed")
    blocked: str = shown("Why nobody can say what stands in the way; empty else")
    payroll_url: str = shown("The wage month; empty for readers who may not open it")
    papers: tuple[Paper, ...] = shown("The attendance sheet to take away")


def gather(ask: Ask) -> GridContext:
    """The days of one team, or of everybody, fifty workers at once, from the projection."""
    month = asked_month(ask.query.get("month", ""), month_of(ask.today))
    end = next_month(month)
    teams = tuple(Team(t.id, t.name) for t in people.teams(ask.db, ask.project.id))
    everybody = ask.query.get("team") == EVERYBODY and bool(teams)
    wanted = None if everybody else ask.number("team")
    team = next((t for t in teams if t.id == wanted), None)
    if wanted is not None and team is None:
        raise NotFound("team_unknown")
    if team is None and teams and not everybody:
        team = teams[0]
    show = ask.query.get("show", "")
    show = show if show in SHOWS else "marks"
    days = _days(ask, month, end)
    members = sheets.members(ask.db, ask.project.id, month, end, team.id if team else None) if teams else []
    members.sort(key=lambda m: (name_order(m.name), m.worker_id, m.id))
    whole = ask.query.get("whole") == "1" and team is not None and len(members) <= ROWS_MAX
    at_once = ROWS_MAX if whole else ROWS_A_PAGE
    pages = max(1, -(-len(members) // at_once))
    at = min(pages, max(1, ask.number("page") or 1))
    here = members[(at - 1) * at_once : at * at_once]
    rows = _rows(ask, here, month, end, days, show, everybody)
    ids = {member.id for member in members}
    theirs = {member.worker_id for member in members}
    day_milli, overtime_minutes, undecided = projection.month_totals(ask.db, ask.project.id, month, ask.now, ids, theirs)
    state = sheets.period_state(ask.db, ask.project.id, month)
    found, blocked = _blockers(ask, month, state)
    if team is not None and not found:
        # What stands in the way is anybody's of the project.
        ask.about("team", team.id)
    team_word = EVERYBODY if everybody else team.id if team else None

    def url(of: date, how: str, **more: object) -> str:
        kept = how if how != "marks" else None
        return with_query(f"/projects/{ask.project.id}/grid", month=f"{of:%Y-%m}", team=team_word, show=kept, **more)

    return GridContext(
        month=month,
        previous_url=url(month_of(month - timedelta(days=1)), show),
        next_url=url(end, show) if end <= ask.today else "",
        teams=teams,
        team=team,
        everybody=everybody,
        shows=tuple(Show(ask.say(label), url(month, word, page=at if at > 1 else None), word == show) for word, label in SHOWS.items()),
        show=show,
        days=days,
        today=ask.today,
        by_weekday=len(timekeeping.calendar(ask.db, month, end)) < len(days),
        rows=rows,
        total=len(members),
        first=(at - 1) * at_once + 1,
        present=tuple(
            sum(row.worked[n] for row in rows) if day.on <= ask.today else None for n, day in enumerate(days)
        ),
        page_milli=sum(row.day_milli for row in rows),
        page_overtime=sum(row.overtime_minutes for row in rows),
        page_undecided=sum(row.undecided for row in rows),
        day_milli=day_milli,
        overtime_minutes=overtime_minutes,
        undecided=undecided,
        page=at,
        pages=pages,
        earlier_url=url(month, show, page=at - 1) if at > 1 else "",
        later_url=url(month, show, page=at + 1) if at < pages else "",
        whole_url=url(month, show, whole=1) if team and pages > 1 and len(members) <= ROWS_MAX else "",
        state=state,
        blockers=blockers.rows_of(ask, month, found, {}, shown=BLOCKERS_SHOWN),
        blockers_more=max(0, len(found) - BLOCKERS_SHOWN),
        blocked=blocked,
        payroll_url=with_query(f"/projects/{ask.project.id}/payroll", month=f"{month:%Y-%m}") if ask.may("sheets.read") else "",
        papers=papers(ask, (marked("考勤表"), "attendance", {"team_id": team.id, "month": f"{month:%Y-%m}"})) if team else (),
    )


def _blockers(ask: Ask, month: date, state: str) -> tuple[tuple[Blocker, ...], str]:
    """What stands in the way of the month's close; of a month that runs, what is undecided so far."""
    db, project = ask.db, ask.project
    if state == "closed":
        return (), ""
    end = next_month(month)
    if end <= ask.today:
        try:
            found = periods.outlook(db, project.id, month, ask.now)
        except ServiceError as error:
            return (), sentence(error.code, ask.language, **error.facts)
        return tuple(b for b in found if b.code != "month_not_over"), ""
    undecided = projection.counted(db, project.id, month, end, ask.now, came_from=end).undecided
    return (
        *(Blocker("day_undecided", "worker", worker, on) for worker, on in undecided),
        *(Blocker("correction_pending", "correction", c.id, c.work_date) for c in timekeeping.pending_corrections(db, project.id, month, end)),
    ), ""


def _days(ask: Ask, month: date, end: date) -> tuple[GridDay, ...]:
    calendar = timekeeping.calendar(ask.db, month, end)
    dates = (month + timedelta(days=n) for n in range((end - month).days))
    return tuple(
        GridDay(
            day, ask.say(WEEKDAYS[day.weekday()]), not calendar[day].is_work if day in calendar else day.weekday() > 4,
            shows.filters(ask.language)["day"](day),
        )
        for day in dates
    )  # fmt: skip


def _rows(
    ask: Ask, members: Sequence[sheets.Member], month: date, end: date, days: Sequence[GridDay], show: str, with_team: bool
) -> tuple[GridRow, ...]:
    workers = sorted({member.worker_id for member in members})
    of: dict[tuple[int, int | None], dict[date, DayLine]] = {}
    for line in projection.days_of(ask.db, ask.project.id, workers, month, end, ask.now):
        of.setdefault((line.worker_id, line.engagement_id), {})[line.work_date] = line
    filler = _Filler(ask, show)
    rows = []
    for member in members:
        own: Mapping[date, DayLine] = of.get((member.worker_id, member.id), {})
        cells = [filler.cell(member, day, own.get(day.on)) for day in days]
        rows.append(
            GridRow(
                name=member.name,
                url=with_query(f"/projects/{ask.project.id}/workers/{member.worker_id}", month=f"{month:%Y-%m}"),
                team=member.team_name if with_team else "",
                trade=member.trade,
                cells=Markup("".join(html for html, _ in cells)),
                worked=tuple(tone == "work" for _, tone in cells),
                day_milli=sum(line.day_milli or 0 for line in own.values()),
                overtime_minutes=sum(line.overtime_minutes for line in own.values()),
                undecided=sum(line.state == "undecided" for line in own.values()),
            )
        )
    return tuple(rows)


class _Filler:
    """Fills the cells of one page; what a mark says is said once."""

    def __init__(self, ask: Ask, show: str) -> None:
        self.show, self.say, self.policy, self.today = show, ask.say, ask.policy, ask.today
        self.path = f"/projects/{ask.project.id}/grid/"
        self.undecided, self.inside = ask.say("待确认"), (ask.say("在"), ask.say("仍在场内"))
        self.marks = {key: (ask.say(mark), ask.say(says)) for key, (mark, says) in MARKS.items()}
        self.said: dict[tuple[int | None, int], str] = {}
        first_at = gates.heard_from(ask.db, ask.project.id)
        self.gates_from = local(first_at, ask.policy).date() if first_at else date.max

    def cell(self, member: sheets.Member, day: GridDay, line: DayLine | None) -> tuple[str, str]:
        """One day of one worker: (its HTML, its tone: work, ask or rest)."""
        on = day.on
        covers = member.entry_on <= on and (member.exit_on is None or on < member.exit_on)
        found = cell_of(line, is_rest=day.is_rest, is_over=on < self.today, had_gates=on >= self.gates_from) if covers or line else None
        weekend = " weekend" if day.is_rest else ""
        if found is None:
            return f'<td class="rest{weekend}"></td>', "rest"
        below = ""
        if line is not None and line.state == "present":
            # The day goes on: nobody has anything to decide.
            tone, (mark, says) = "work", self.inside
            mark, below = self._filled(mark, "", line)
        elif line is not None and found.mark == "flagged":
            tone, says = "ask", self.undecided
            mark, below = self._filled("?", "", line)
        elif line is None or found.mark in MARKS:
            tone, (mark, says) = "rest", self.marks[found.mark]
        else:
            tone, says = "work", self._worked(line, found)
            over = f"+{_hours(found.overtime_minutes)}" if found.overtime_minutes else ""
            mark, below = self._filled("√" if found.mark == "full" else "△", over, line)
        under = f"<br><small>{below}</small>" if below else ""
        # Marks and sentences are the catalogue's, the others are numbers: only a translator could need the escaping.
        link = f'<a href="{self.path}{member.worker_id}?day={on}" title="{day.says} {escape(says)}">{escape(mark)}{under}</a>'
        return f'<td class="{tone}{weekend}">{link}</td>', tone

    def _worked(self, line: DayLine, found: DayCell) -> str:
        key = line.day_milli, found.overtime_minutes
        if key not in self.said:
            says = self.say("出勤 %(n)s 工日", n=f"{(line.day_milli or 0) / 1000:g}")
            if found.overtime_minutes:
                says += " · " + self.say("加班 %(n)s 小时", n=_hours(found.overtime_minutes))
            self.said[key] = says
        return self.said[key]

    def _filled(self, mark: str, below: str, line: DayLine) -> tuple[str, str]:
        """Both lines of a cell of a day with passages."""
        waits = line.state in ("present", "undecided")
        if self.show == "marks" or (self.show == "hours" and waits):
            return mark, below
        if self.show == "hours":
            return _hours(line.minutes), below
        missing = mark if waits else "?"
        ends = (f"{local(at, self.policy):%H:%M}" if at else missing for at in (line.first_in_at, line.last_out_at))
        return next(ends), next(ends)


def _hours(minutes: int) -> str:
    return f"{minutes / 60:.1f}".removesuffix(".0")


PAGE = Page(
    "/projects/{project_id:int}/grid", marked("考勤月表"), "grid.html", "attendance.read", GridContext, gather, marked("考勤月表")
)


# --- one day -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """One passage of the day."""

    at: datetime
    gate: str
    direction: str
    channel: str
    verdict: str
    """admit, refuse or ask: what it has come to by now."""
    counts: bool
    """The day rests on it."""


@dataclass(frozen=True)
class Stay:
    """An entry and its exit."""

    in_at: datetime
    out_at: datetime
    minutes: int


@dataclass(frozen=True)
class Loose:
    """Half of a stay."""

    at: datetime
    reason: str


@dataclass(frozen=True)
class Corrected:
    """A correction of the day, whatever became of it."""

    kind: str
    asks: str
    state: str
    reason: str


@dataclass(frozen=True)
class Rules:
    """The attendance rules that hold for the day."""

    version: int
    standard_hours: float
    stay_hours_max: float
    cutover: str
    """HH:MM of the project's clock until which an entry belongs to the day before."""
    units: tuple[tuple[float, float], ...]
    """(hours on site from which, man-days)."""


@dataclass(frozen=True)
class DayContext:
    """What one day of the grid shows."""

    worker_id: int = shown("The worker, for links")
    name: str = shown("The worker's name, in full")
    team: str = shown("His team on that day; empty when nobody had engaged him")
    day: date = shown("The work date the page is about")
    grid_url: str = shown("The month and team the day is of")
    worker_url: str = shown("His page with that day opened; empty for readers who may not")
    state: str = shown("What the day is: worked, short, undecided, present, off, or empty when there is nothing of it")
    minutes: int = shown("On site, proven by pairs of passages")
    day_milli: int | None = shown("Man-days in thousandths; None while somebody must decide")
    overtime_minutes: int = shown("Of which overtime")
    kind: str = shown("Kind of date by the calendar; empty when none was imported")
    mark: str = shown("Leave, stoppage, rain or rest that holds; empty else")
    seen: tuple[Seen, ...] = shown("His passages, oldest first; those that do not count, too")
    stays: tuple[Stay, ...] = shown("An entry each with its exit")
    loose: tuple[Loose, ...] = shown("Passages without their other half")
    inside_since: datetime | None = shown("Since when he is inside; None when he is not")
    corrections: tuple[Corrected, ...] = shown("Corrections of the day, whatever became of them")
    marks: tuple[MarkRow, ...] = shown("Leave and stoppage of the day that are about him: his own, his team's, the project's; voided ones, too")
    mark_form_of: MarkForm | None = shown("The form that records leave or stoppage; None for readers who may not")
    mark_kinds: tuple[str, ...] = shown("Kinds of marks")
    month: date = shown("First day of its month")
    month_state: str = shown("Where the wage month stands: open, locked or closed")
    rules: Rules = shown("The attendance rules that hold for him on that day")
    form: AskForm | None = shown("The form that asks for a correction; None for readers who may not")
    reasons: tuple[str, ...] = shown("Reasons one may give")
    project_id: int = shown("The project, for links")


def day(ask: Ask) -> DayContext:
    """One day of one worker, with the passages, the rules and the corrections it rests on."""
    db, project = ask.db, ask.project
    worker_id = ask.id("worker_id")
    on = corrections.asked_day(ask.query.get("day", "")) or ask.today
    own = people.workers(db, project.id, today=ask.today, worker_id=worker_id)
    if not own:
        raise NotFound("worker_not_on_project")
    found = projection.days_of(db, project.id, [worker_id], on, on + timedelta(days=1), ask.now)
    line = found[0] if found else None
    detail = line.detail if line else {}
    covering = next((row for row in own if row.entry_on <= on and (row.exit_on is None or on < row.exit_on)), None)
    facts = money.project_facts(db, project.id, on, ask.now, workers=[worker_id])
    policy = timesheet.policy_at(facts, covering.team_id if covering else None, covering.company_id if covering else None, on)
    clock = lambda text: local(datetime.fromisoformat(text), ask.policy)  # noqa: E731 - a word for the lines below
    inside = detail.get("inside")
    mark = detail.get("mark")
    return DayContext(
        worker_id=worker_id,
        name=own[-1].name,
        team=covering.team_name if covering else "",
        day=on,
        grid_url=with_query(f"/projects/{project.id}/grid", month=f"{on:%Y-%m}", team=covering.team_id if covering else None),
        worker_url=corrections.day_url(ask, worker_id, on) if ask.may("wages.read") else "",
        state=told_as(line.state, line.day_milli, came=line.first_in_at is not None) if line else "",
        minutes=line.minutes if line else 0,
        day_milli=line.day_milli if line else 0,
        overtime_minutes=line.overtime_minutes if line else 0,
        kind=detail.get("kind") or "",
        mark=mark["kind"] if mark else "",
        seen=_seen(ask, worker_id, on, policy, frozenset(detail.get("passages", ()))),
        stays=tuple(Stay(clock(s["in_at"]), clock(s["out_at"]), s["minutes"]) for s in detail.get("sessions", ())),
        loose=tuple(Loose(clock(part["at"]), part["reason"]) for part in detail.get("loose", ())),
        inside_since=clock(inside["in_at"]) if inside else None,
        corrections=tuple(
            Corrected(str(c.kind), corrections.asks_for(ask, c), c.state, c.reason)
            for c in timekeeping.corrections_of(db, project.id, on, on + timedelta(days=1), worker_id)
        ),
        marks=marks.of_day(ask, worker_id, covering.team_id if covering else None, on),
        mark_form_of=marks.form_of(worker_id, on) if ask.may("marks.write") else None,
        mark_kinds=marks.KINDS,
        month=month_of(on),
        month_state=sheets.period_state(db, project.id, month_of(on)),
        rules=Rules(
            policy.version, policy.standard_minutes / 60, policy.session_max / timedelta(hours=1),
            f"{policy.cutover // timedelta(hours=1):02d}:{policy.cutover // timedelta(minutes=1) % 60:02d}",
            tuple((step.minutes_min / 60, step.day_milli / 1000) for step in policy.units if step.day_milli),
        ),
        form=corrections.form_of(ask, worker_id, on) if ask.may("corrections.request") and on <= ask.today else None,
        reasons=corrections.REASONS,
        project_id=project.id,
    )


def _seen(ask: Ask, worker_id: int, on: date, policy: AttendancePolicy, counted: frozenset[int]) -> tuple[Seen, ...]:
    """The passages the day rests on, and what else the gates saw of him between its cutover and the next day's.

    The day may rest on one that a gate put down to somebody else and a correction put right.
    """
    start = money.midnight(on, ask.policy.time_zone)
    found = projected.passages_of(ask.db, ask.project.id, [worker_id], start - timedelta(days=1), start + timedelta(days=3))
    missed = counted - {p.id for p in found}
    if missed:
        found = sorted([*found, *gates.passages_by_id(ask.db, ask.project.id, missed)], key=lambda p: (p.occurred_at, p.id))
    around = start + policy.cutover, start + timedelta(days=1) + policy.cutover
    names = {g.id: g.name for g in gates.gates(ask.db, ask.project.id)}
    return tuple(
        Seen(
            local(p.occurred_at, ask.policy), names.get(p.gate_id, "—"), str(p.direction), str(p.channel),
            ("admit" if p.confirmed else "refuse") if p.confirmed is not None else str(p.verdict), p.id in counted,
        )
        for p in found
        if p.id in counted or around[0] <= p.occurred_at < around[1]
    )


PAGE_DAY = Page("/projects/{project_id:int}/grid/{worker_id:int}", marked("一天的依据"), "grid_day.html", "attendance.read", DayContext, day)
