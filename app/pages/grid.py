"""The grid of a month (考勤月表): one team, a row a worker, a column a day."""

from dataclasses import dataclass
from datetime import date, timedelta

from app import projection
from app.domain import workdays
from app.domain.identity import name_order
from app.domain.workdays import local, month_of, next_month
from app.errors import BadRequest, NotFound
from app.forms.attendance import DayCell, cell_of
from app.pages.page import Ask, Page, shown, with_query
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.store import people, sheets, timekeeping
from app.store.projection import DayLine

MARKS = {
    "leave": (marked("假"), marked("请假")), "stoppage": (marked("停"), marked("停工")), "rain": (marked("雨"), marked("雨停")),
    "rest": ("○", marked("休息日")), "absent": ("×", marked("无通行，或出勤不计工日")),
}  # fmt: skip
"""Mark of the paper form -> (what stands in the cell, what it means)."""
SHOWS = {"marks": marked("标记"), "hours": marked("工时"), "times": marked("时刻")}
WEEKDAYS = (marked("一"), marked("二"), marked("三"), marked("四"), marked("五"), marked("六"), marked("日"))
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)


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


@dataclass(frozen=True)
class Cell:
    """One day of one worker."""

    on: date
    mark: str
    """Empty where nothing can stand: before he came, after he left, days to come."""
    below: str
    """Second line: overtime hours, or when he left."""
    tone: str
    says: str
    """What the mark stands for."""
    url: str


@dataclass(frozen=True)
class GridRow:
    """One worker of the team."""

    name: str
    url: str
    trade: str | None
    cells: tuple[Cell, ...]
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
    team: Team | None = shown("The chosen team; None when the project has none")
    shows: tuple[Show, ...] = shown("Ways to fill the cells")
    show: str = shown("The way they are filled now")
    days: tuple[GridDay, ...] = shown("Every date of the month")
    rows: tuple[GridRow, ...] = shown("The workers of the team in that month, by name")
    present: tuple[int | None, ...] = shown("How many worked on each date that is over; None for the others")
    day_milli: int = shown("Settled man-days of the team, in thousandths")
    overtime_minutes: int = shown("Overtime of the team")
    undecided: int = shown("Days of the team that somebody must decide")
    papers: tuple[Paper, ...] = shown("The attendance sheet to take away")


def asked_month(text: str, default: date) -> date:
    """The month a query string names."""
    if not text:
        return default
    try:
        month = workdays.parse_month(text)
    except ValueError:
        raise BadRequest("month_malformed") from None
    if not EARLIEST <= month < LATEST:
        raise BadRequest("month_out_of_range")
    return month


def gather(ask: Ask) -> GridContext:
    """The team's days of the month, from the projection."""
    month = asked_month(ask.query.get("month", ""), month_of(ask.today))
    end = next_month(month)
    teams = tuple(Team(t.id, t.name) for t in people.teams(ask.db, ask.project.id))
    wanted = ask.number("team")
    team = next((t for t in teams if t.id == wanted), None)
    if wanted is not None and team is None:
        raise NotFound("team_unknown")
    if team is None and teams:
        team = teams[0]
    show = ask.query.get("show", "")
    show = show if show in SHOWS else "marks"
    days = _days(ask, month, end)
    rows = _rows(ask, team, month, end, frozenset(d.on for d in days if d.is_rest), show) if team else ()
    team_id = team.id if team else None

    def url(of: date, how: str) -> str:
        kept = how if how != "marks" else None
        return with_query(f"/projects/{ask.project.id}/grid", month=f"{of:%Y-%m}", team=team_id, show=kept)

    return GridContext(
        month=month,
        previous_url=url(month_of(month - timedelta(days=1)), show),
        next_url=url(end, show) if end <= ask.today else "",
        teams=teams,
        team=team,
        shows=tuple(Show(ask.say(label), url(month, word), word == show) for word, label in SHOWS.items()),
        show=show,
        days=days,
        rows=rows,
        present=tuple(
            sum(row.cells[at].tone == "work" for row in rows) if day.on < ask.today else None for at, day in enumerate(days)
        ),
        day_milli=sum(row.day_milli for row in rows),
        overtime_minutes=sum(row.overtime_minutes for row in rows),
        undecided=sum(row.undecided for row in rows),
        papers=papers(ask, (marked("考勤表"), "attendance", {"team_id": team.id, "month": f"{month:%Y-%m}"})) if team else (),
    )


def _days(ask: Ask, month: date, end: date) -> tuple[GridDay, ...]:
    calendar = timekeeping.calendar(ask.db, month, end)
    dates = (month + timedelta(days=n) for n in range((end - month).days))
    return tuple(
        GridDay(day, ask.say(WEEKDAYS[day.weekday()]), not calendar[day].is_work if day in calendar else day.weekday() > 4)
        for day in dates
    )


def _rows(ask: Ask, team: Team, month: date, end: date, rest: frozenset[date], show: str) -> tuple[GridRow, ...]:
    places = [
        place
        for place in sheets.places(ask.db, ask.project.id).values()
        if place.team_id == team.id and place.entry_on < end and (place.exit_on is None or place.exit_on > month)
    ]
    who = sheets.listed(ask.db, {place.id for place in places})
    workers = sorted({place.worker_id for place in places})
    of_worker: dict[int, dict[date, DayLine]] = {worker: {} for worker in workers}
    for line in projection.days_of(ask.db, ask.project.id, workers, month, end, ask.now):
        of_worker[line.worker_id][line.work_date] = line
    rows = []
    for place in places:
        own = {on: line for on, line in of_worker[place.worker_id].items() if line.engagement_id == place.id}
        cells = []
        day = month
        while day < end:
            covers = place.entry_on <= day and (place.exit_on is None or day < place.exit_on)
            line = own.get(day)
            found = cell_of(line, is_rest=day in rest, is_over=day < ask.today) if covers or line else None
            cells.append(_cell(ask, place.worker_id, day, line, found, show))
            day += timedelta(days=1)
        rows.append(
            GridRow(
                name=who[place.id].name,
                url=_url(ask, place.worker_id, month),
                trade=who[place.id].trade,
                cells=tuple(cells),
                day_milli=sum(line.day_milli or 0 for line in own.values()),
                overtime_minutes=sum(line.overtime_minutes for line in own.values()),
                undecided=sum(line.state == "undecided" for line in own.values()),
            )
        )
    return tuple(sorted(rows, key=lambda row: (name_order(row.name), row.url)))


def _url(ask: Ask, worker_id: int, month: date, day: date | None = None) -> str:
    path = with_query(f"/projects/{ask.project.id}/workers/{worker_id}", month=f"{month:%Y-%m}", day=day)
    return path + (f"#d-{day}" if day else "")


def _cell(ask: Ask, worker_id: int, day: date, line: DayLine | None, found: DayCell | None, show: str) -> Cell:
    if found is None:
        return Cell(day, "", "", "rest", "", "")
    url = _url(ask, worker_id, month_of(day), day) if line else ""
    if line and line.state == "present":
        return Cell(day, *_filled("?", "", line, ask, show), "ask", ask.say("仍在场内"), url)
    if found.mark == "flagged":
        return Cell(day, *_filled("?", "", line, ask, show), "ask", ask.say("待确认"), url)
    if line is None or found.mark in MARKS:
        mark, says = MARKS[found.mark]
        return Cell(day, ask.say(mark), "", "rest", ask.say(says), url)
    says = ask.say("出勤 %(n)s 工日", n=f"{(line.day_milli or 0) / 1000:g}")
    below = ""
    if found.overtime_minutes:
        hours = _hours(found.overtime_minutes)
        below = f"+{hours}"
        says += " · " + ask.say("加班 %(n)s 小时", n=hours)
    return Cell(day, *_filled("√" if found.mark == "full" else "△", below, line, ask, show), "work", says, url)


def _filled(mark: str, below: str, line: DayLine | None, ask: Ask, show: str) -> tuple[str, str]:
    """Both lines of a cell of a day with passages."""
    if line is None or show == "marks" or (show == "hours" and mark == "?"):
        return mark, below
    if show == "hours":
        return _hours(line.minutes), below
    ends = (f"{local(at, ask.policy):%H:%M}" if at else "?" for at in (line.first_in_at, line.last_out_at))
    return next(ends), next(ends)


def _hours(minutes: int) -> str:
    return f"{minutes / 60:.1f}".removesuffix(".0")


PAGE = Page(
    "/projects/{project_id:int}/grid", marked("考勤月表"), "grid.html", "attendance.read", GridContext, gather, marked("考勤月表")
)
