"""Today on site: who is here, who left, who has not come, by company, team and trade; the gates; and the last seven days."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from app import access, projection, wording
from app.domain import workdays
from app.errors import Forbidden
from app.pages import charts, lines, page
from app.pages.heads import ABSENT, HEARD, LEFT, ON_SITE, STATES, Group, Heads, Where, headcount, heads
from app.pages.kinds import Kind
from app.pages.lines import PassageLine
from app.pages.page import Ask, Page, shown, with_query
from app.pages.shell import own_hash
from app.pages.words import marked
from app.store import gates, health, people
from app.store.kept import kept
from app.store.money import midnight
from app.store.people import ProjectInfo

LATEST = 8
WEEK_DAYS = 7
PEOPLE_MAX = 300
"""Names of one list; more are found by a filter."""
LISTS_EVERY_MS = 10_000
"""A page fetches its lists again when something has changed, and not sooner than so long after the last time."""
BY = ("team", "company", "trade")
CHART_TEAMS_MAX = 16
"""A chart of more bars than a screen has room for shows the largest."""


@dataclass(frozen=True)
class GroupLine:
    """One company, team or trade today; each number leads to its people."""

    group: Group
    urls: dict[str, str]
    """State -> where its people are listed."""
    url: str
    """Where all of them are."""


@dataclass(frozen=True)
class FigureLine:
    """One of the large numbers, which leads to its people."""

    state: str
    count: int
    url: str
    current: bool


@dataclass(frozen=True)
class PersonLine:
    """A worker of a list."""

    name: str
    url: str
    team: str
    company: str
    trade: str
    state: str


@dataclass(frozen=True)
class DayPoint:
    """Who came on one day, and how many could have."""

    on: date
    came: int
    roster: int


@dataclass(frozen=True)
class GateLine:
    """How a lane is today."""

    name: str
    direction: str
    state: str
    """heard, silent, never or off: the device that was heard last."""
    last_seen_at: datetime | None
    passed: int
    """Went through; who only asked has not."""
    refused: int
    last_passage_at: datetime | None
    missing: int
    """Numbers without a record today, of its readers of cards and codes."""
    stored: int
    """Events its devices said they still keep."""


@dataclass(frozen=True)
class Chosen:
    """A filter that holds, and this page without it."""

    label: str
    url: str


@dataclass(frozen=True)
class Lists:
    """What stands below the numbers and follows them: people, groups, lanes, the last passages."""

    project_id: int
    as_of: datetime
    by: str
    """How the table is grouped: team, company or trade."""
    ways: tuple[tuple[str, str], ...]
    """(way of grouping, this page grouped so)."""
    groups: tuple[GroupLine, ...]
    outside: int
    """Passed today and are on nobody's roster."""
    by_hand: int
    """As ``Heads`` says."""
    chosen: tuple[Chosen, ...]
    """Filters that hold."""
    listed: str
    """Which list of people is open: on_site, left, absent or all; empty for none."""
    people: tuple[PersonLine, ...]
    more: int
    """How many of them are not shown."""
    latest: tuple[PassageLine, ...]
    """The last passages, newest first."""
    gates: tuple[GateLine, ...]


@dataclass(frozen=True)
class TodayContext:
    """What the page of today shows."""

    project_id: int = shown("The project, for links")
    now: Heads = shown("Everybody's whereabouts as numbers, and the instant they are for")
    figures: tuple[FigureLine, ...] = shown("On site, left, not come, each with its list")
    management: GroupLine = shown("Management apart, with its list")
    undecided_days: int = shown("Days of this month that a person must decide")
    undecided_workers: int = shown("Workers those days belong to")
    lists: Lists = shown("People, groups, lanes and the last passages: what is fetched again when the numbers have changed")
    lists_url: str = shown("Where the lists of this page are fetched again")
    lists_every_ms: int = shown("How often at most")
    week: tuple[DayPoint, ...] = shown("The last seven days, oldest first: the chart as a table")
    chart_height: int = shown("Height of the chart of teams in pixels, by the number of teams")
    beginning: bool = shown("Hardly anybody has passed yet, and the reader may see the first day's list: a link leads there")
    stream: str = shown("Address of the stream of numbers")
    wall_url: str = shown("The wall of this project")


def gather(ask: Ask):
    """Headcounts, groups, people of a list, gates and the week. A guard has his desk instead."""
    if not ask.may("attendance.read"):
        if ask.may("gate.watch"):
            return page.go(f"/projects/{ask.project.id}/gate")
        if ask.may("devices.write"):
            return page.go(f"/projects/{ask.project.id}/settings")
        if ask.may("sheets.read"):
            return page.go(f"/projects/{ask.project.id}/payroll")
        if ask.may("journal.read"):
            return page.go(f"/projects/{ask.project.id}/journal")
        raise Forbidden("not_allowed", "attendance.read")
    project = ask.project
    counted = heads(ask.db, project, ask.now)
    asked = _Asked.of(ask, counted)
    # The month and the week at once: whoever is behind his rows is worked out once.
    month, week_from = workdays.month_of(ask.today), _week_of(ask.today)[0]
    days = projection.counted(ask.db, project.id, min(month, week_from), ask.today + timedelta(days=1), ask.now, came_from=week_from)
    undecided = [worker for worker, day in days.undecided if day >= month]
    lists = _lists(ask, asked, counted)
    return TodayContext(
        project_id=project.id,
        now=counted,
        figures=tuple(
            FigureLine(state, n, asked.url(show=state, anchor=True), asked.show == state)
            for state, n in ((ON_SITE, counted.on_site), (LEFT, counted.left), (ABSENT, counted.absent))
        ),
        management=asked.line(counted.management, "of"),
        undecided_days=len(undecided),
        undecided_workers=len(set(undecided)),
        lists=lists,
        lists_url=asked.url(here=f"/projects/{project.id}/today/lists"),
        lists_every_ms=LISTS_EVERY_MS,
        week=_points(ask.db, project.id, ask.today, days.came, counted.came),
        chart_height=charts.teams_height(min(len(counted.teams), CHART_TEAMS_MAX)),
        beginning=len(lists.latest) < LATEST and ask.may("papers.read"),
        stream=f"/projects/{project.id}/today/stream",
        wall_url=f"/projects/{project.id}/wall",
    )


def _lists(ask: Ask, asked: "_Asked", counted: Heads) -> Lists:
    project = ask.project
    reader = lines.Reader(
        ask.db, project.id, ask.policy, today=ask.today, view=access.view_of(ask.person, project), links=True,
        language=ask.language, whole=False, known=counted.people,
    )  # fmt: skip
    chosen = asked.people(counted)
    return Lists(
        project_id=project.id,
        as_of=counted.as_of,
        by=asked.by,
        ways=tuple((way, asked.url(by=way)) for way in BY),
        groups=tuple(asked.line(group) for group in asked.groups(counted)),
        outside=counted.outside,
        by_hand=counted.by_hand,
        chosen=asked.chosen(ask),
        listed=asked.show,
        people=tuple(
            PersonLine(w.name, f"/projects/{project.id}/workers/{w.worker_id}", w.team, w.company, w.trade, w.state)
            for w in chosen[:PEOPLE_MAX]
        ),
        more=max(0, len(chosen) - PEOPLE_MAX),
        latest=reader.lines(lines.latest(ask.db, project.id, LATEST)),
        gates=_gates(ask),
    )


PARTS = ("hand", "people", "groups", "gates", "latest")
"""Macros of ``parts/today.html``: the page puts those in place that have changed."""


def lists_of(ask: Ask) -> dict:
    """The lists of this page as they stand now, each as HTML, and the chart above the groups; asked for when the stream tells another ``stand``."""
    counted = heads(ask.db, ask.project, ask.now)
    lists = _lists(ask, _Asked.of(ask, counted), counted)
    return {
        "stand": counted.stand,
        "parts": {name: page.piece(ask.language, "parts/today.html", name, lists) for name in PARTS if name != "people" or lists.listed},
        "teams": _teams_option(counted, ask.language),
        "said": ask.say("名单已更新到 %(at)s。", at=f"{counted.as_of:%H:%M}"),
    }


@dataclass(frozen=True)
class _Asked:
    """What the address asks for: a grouping, filters, a list."""

    here: str
    by: str
    show: str
    team: str
    company: str
    trade: str
    of: str
    """``management``, or empty for everybody."""

    @classmethod
    def of(cls, ask: Ask, counted: Heads) -> "_Asked":
        """Words that name nothing of today are left out: an old link opens all the same."""
        q = ask.query
        known = {
            "team": {group.key for group in counted.teams}, "company": {group.key for group in counted.companies},
            "trade": {group.key for group in counted.trades}, "of": {counted.management.key},
        }  # fmt: skip
        filters = {name: q.get(name, "") if q.get(name, "") in keys else "" for name, keys in known.items()}
        show = q.get("show", "")
        return cls(
            f"/projects/{ask.project.id}", q.get("by", "") if q.get("by", "") in BY else BY[0],
            show if show in (*STATES, "all") else "", **filters,
        )

    def url(self, *, here: str = "", anchor: bool = False, **changed: str) -> str:
        values = {"by": "" if self.by == BY[0] else self.by, "show": self.show, "team": self.team, "company": self.company, "trade": self.trade, "of": self.of}
        values |= changed
        if values["by"] == BY[0]:
            values["by"] = ""
        return with_query(here or self.here, **values) + ("#people" if anchor else "")

    def groups(self, counted: Heads) -> tuple[Group, ...]:
        found = {"team": counted.teams, "company": counted.companies, "trade": counted.trades}[self.by]
        wanted = getattr(self, self.by)
        if self.by == "team" and self.company:
            found = tuple(group for group in found if group.sub == self.company)
        return tuple(group for group in found if not wanted or group.key == wanted)

    def line(self, group: Group, by: str = "") -> GroupLine:
        of = {by or self.by: group.key}
        return GroupLine(group, {state: self.url(show=state, anchor=True, **of) for state in STATES}, self.url(show="all", anchor=True, **of))

    def people(self, counted: Heads) -> list[Where]:
        if not self.show:
            return []
        return [
            w for w in counted.people
            if self.show in ("all", w.state) and self.team in ("", str(w.team_id)) and self.company in ("", w.company)
            and (not self.trade or w.trade == self.trade) and (not self.of or w.management)
        ]  # fmt: skip

    def chosen(self, ask: Ask) -> tuple[Chosen, ...]:
        names = {str(team.id): team.name for team in people.teams(ask.db, ask.project.id)}
        trade = wording.name(f"trade.{self.trade}", ask.language) if self.trade else ""
        of = ask.say("管理人员") if self.of else ""
        said = {"team": names.get(self.team, self.team), "company": self.company, "trade": trade, "of": of}
        return tuple(Chosen(label, self.url(anchor=True, **{name: ""})) for name, label in said.items() if label)


def _week_of(today: date) -> list[date]:
    return [today - timedelta(days=n) for n in range(WEEK_DAYS)][::-1]


def week(db: Session, project: ProjectInfo, now: datetime, *, came_today: int | None = None) -> tuple[DayPoint, ...]:
    """Who came on each of the last seven days.

    Args:
        came_today: as it was counted just now.
    """
    today = workdays.work_date(now, page.policy_of(project))
    came = projection.counted(db, project.id, _week_of(today)[0], today + timedelta(days=1), now).came
    return _points(db, project.id, today, came, came_today)


def _points(db: Session, project_id: int, today: date, came: Mapping[date, int], came_today: int | None) -> tuple[DayPoint, ...]:
    days = _week_of(today)
    engagements = kept(db, project_id, "engagements", lambda: people.engagements(db, project_id))
    # Nearly everybody is there all week, and is looked at once.
    steady = {e.worker_id for e in engagements if e.covers(days[0]) and e.covers(days[-1])}
    others = [e for e in engagements if e.worker_id not in steady]
    return tuple(
        DayPoint(
            day, came_today if day == today and came_today is not None else came.get(day, 0),
            len(steady) + len({e.worker_id for e in others if e.covers(day)}),
        )
        for day in days
    )  # fmt: skip


def _gates(ask: Ask) -> tuple[GateLine, ...]:
    morning = midnight(ask.today, ask.project.time_zone)
    sent = health.of_devices(ask.db, ask.project.id, morning, ask.now)
    devices: dict[int, list[gates.DeviceInfo]] = defaultdict(list)
    for one in gates.devices(ask.db, ask.project.id):
        devices[one.gate_id].append(one)
    found = []
    for lane in gates.gates(ask.db, ask.project.id):
        working = [one for one in devices[lane.id] if one.disabled_at is None]
        heard = max((one.last_seen_at for one in working if one.last_seen_at), default=None)
        state = "off" if not working else "never" if heard is None else "heard" if ask.now - heard <= HEARD else "silent"
        of = [sent[one.id] for one in devices[lane.id]]
        at = max((one.last_at for one in of if one.last_at), default=None)
        found.append(
            GateLine(
                lane.name, str(lane.direction), state, workdays.local(heard, ask.policy) if heard else None,
                sum(one.admitted for one in of), sum(one.refused for one in of),
                workdays.local(at, ask.policy) if at else None, sum(one.missing.events for one in of if one.missing),
                sum(sent[one.id].stored or 0 for one in working),
            )
        )  # fmt: skip
    return tuple(found)


def counts(kind: Kind, counted: Heads) -> dict:
    """What the stream sends when a number has changed: the figures of this page, and the wall whole."""
    return {
        "figures": {
            "on_site": counted.on_site, "came": counted.came, "left": counted.left, "absent": counted.absent, "roster": counted.roster,
            "management": counted.management.came, "as_of": f"{counted.as_of:%H:%M}",
        },
        "day": counted.day.isoformat(),
        "stand": counted.stand,
        "wall": page.piece(kind.language, "parts/wall.html", "body", counted),
    }  # fmt: skip


def chart_teams(ask: Ask) -> dict:
    """Option of the chart of teams: the largest, as many as a screen has room for."""
    return _teams_option(heads(ask.db, ask.project, ask.now), ask.language)


def _teams_option(counted: Heads, language: str) -> dict:
    rows = sorted(counted.teams, key=lambda g: -g.roster)[:CHART_TEAMS_MAX]
    return charts.teams([(g.name, g.on_site, g.left, g.absent) for g in rows], language)


def chart_week(ask: Ask) -> dict:
    """Option of the chart of the week."""
    came = len(headcount(ask.db, ask.project.id, ask.now).came_today)
    return charts.week([(f"{p.on:%m-%d}", p.came, p.roster) for p in week(ask.db, ask.project, ask.now, came_today=came)], ask.language)


@dataclass(frozen=True)
class WallPageContext:
    """The wall for somebody who is signed in: counts, and nobody's name."""

    project_name: str = shown("Name of the project")
    now: Heads = shown("Everybody's whereabouts as numbers")
    week: tuple[DayPoint, ...] = shown("The last seven days, oldest first")
    stream: str = shown("Address of the stream")
    own_hash: str = shown("Of our scripts: with newer ones the screen loads itself anew")
    other_url: str = shown("This screen in the other language")


def gather_wall(ask: Ask) -> WallPageContext:
    """Counts by company and team."""
    counted = heads(ask.db, ask.project, ask.now)
    return WallPageContext(
        project_name=ask.project.name, now=counted,
        week=week(ask.db, ask.project, ask.now, came_today=counted.came), stream=f"/projects/{ask.project.id}/today/stream",
        own_hash=own_hash(), other_url="",
    )  # fmt: skip


PAGE = Page("/projects/{project_id:int}", marked("今日现场"), "today.html", "project.read", TodayContext, gather, marked("今日"))
PAGE_WALL = Page("/projects/{project_id:int}/wall", marked("大屏"), "wall.html", "attendance.read", WallPageContext, gather_wall)
