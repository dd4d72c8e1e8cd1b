"""Today on site: three headcounts that are often mixed up, by team, and the last seven days."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app import access, payroll
from app.domain import workdays
from app.domain.attendance import DayState, Headcount
from app.errors import Forbidden
from app.pages import charts, lines, page
from app.pages.lines import PassageLine
from app.pages.page import Ask, Page, shown
from app.pages.words import marked
from app.store import people

LATEST = 8
WEEK_DAYS = 7


@dataclass(frozen=True)
class TeamLine:
    """One team today."""

    name: str
    company: str
    on_site: int
    left: int
    absent: int
    roster: int
    rate: int | None
    """Per cent of the roster that came; None without a roster."""


@dataclass(frozen=True)
class DayPoint:
    """Who came on one day, and how many could have."""

    on: date
    came: int
    roster: int


@dataclass(frozen=True)
class TodayContext:
    """What the page of today shows."""

    project_id: int = shown("The project, for links")
    today: date = shown("Today's work date on the project's calendar; before 04:00 it is still yesterday")
    as_of: datetime = shown("The instant the numbers are for, on the project's clock")
    on_site: int = shown("People inside now")
    came: int = shown("People with at least one passage today")
    roster: int = shown("People engaged today, whether they came or not")
    undecided_days: int = shown("Days of this month that a person must decide")
    undecided_workers: int = shown("Workers those days belong to")
    teams: tuple[TeamLine, ...] = shown("Each team with people on the roster or on site")
    outside: int = shown("People who came today and are on no team's roster today")
    week: tuple[DayPoint, ...] = shown("The last seven days, oldest first: the chart as a table")
    latest: tuple[PassageLine, ...] = shown("The last passages, newest first")
    chart_height: int = shown("Height of the chart of teams in pixels, by the number of teams")


def gather(ask: Ask):
    """Headcounts, teams, week and the last passages. A guard has the gate's screen instead."""
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
    project, policy = ask.project, ask.policy
    count = payroll.headcount_of(ask.db, project.id, ask.now)
    month = workdays.month_of(ask.today)
    month_days = payroll.attendance_of(ask.db, project.id, month, ask.now)
    undecided = [d for d in month_days if d.state is DayState.UNDECIDED]
    rows, outside = _teams(ask, count)
    reader = lines.Reader(
        ask.db,
        project.id,
        policy,
        today=ask.today,
        view=access.view_of(ask.person, project),
        links=True,
        language=ask.language,
    )
    return TodayContext(
        project_id=project.id,
        today=ask.today,
        as_of=workdays.local(ask.now, policy),
        on_site=len(count.on_site),
        came=len(count.came_today),
        roster=len(count.roster),
        undecided_days=len(undecided),
        undecided_workers=len({d.worker_id for d in undecided}),
        teams=rows,
        outside=outside,
        week=_week(ask),
        latest=reader.lines(lines.latest(ask.db, project.id, LATEST)),
        chart_height=charts.teams_height(len(rows)),
    )


def _teams(ask: Ask, count: Headcount) -> tuple[tuple[TeamLine, ...], int]:
    names = {t.id: t for t in people.teams(ask.db, ask.project.id)}
    team_of = {e.worker_id: e.team_id for e in people.engagements(ask.db, ask.project.id) if e.covers(ask.today)}
    roster = Counter(team_of.values())
    on_site = Counter(team_of[w] for w in count.on_site if w in team_of)
    # A night worker came yesterday and is on site today: he is not missing.
    here = set(count.came_today) | set(count.on_site)
    came = Counter(team_of[w] for w in here if w in team_of)
    rows = [
        TeamLine(
            name=names[team].name,
            company=names[team].company_name,
            on_site=on_site[team],
            left=came[team] - on_site[team],
            absent=roster[team] - came[team],
            roster=roster[team],
            rate=round(100 * came[team] / roster[team]) if roster[team] else None,
        )
        for team in sorted(roster, key=lambda t: (names[t].company_name, -roster[t], names[t].name))
    ]
    return tuple(rows), len(here - team_of.keys())


def _week(ask: Ask) -> tuple[DayPoint, ...]:
    days = [ask.today - timedelta(days=back) for back in range(WEEK_DAYS - 1, -1, -1)]
    came: Counter[date] = Counter()
    for month in sorted({workdays.month_of(day) for day in days}):
        came.update(d.work_date for d in payroll.attendance_of(ask.db, ask.project.id, month, ask.now))
    engagements = people.engagements(ask.db, ask.project.id)
    return tuple(DayPoint(day, came[day], len({e.worker_id for e in engagements if e.covers(day)})) for day in days)


def chart_teams(ask: Ask) -> dict:
    """Option of the chart of teams."""
    rows, _ = _teams(ask, payroll.headcount_of(ask.db, ask.project.id, ask.now))
    return charts.teams([(t.name, t.on_site, t.left, t.absent) for t in rows], ask.language)


def chart_week(ask: Ask) -> dict:
    """Option of the chart of the week."""
    return charts.week([(f"{p.on:%m-%d}", p.came, p.roster) for p in _week(ask)], ask.language)


PAGE = Page("/projects/{project_id:int}", marked("今日现场"), "today.html", "project.read", TodayContext, gather, marked("今日"))
