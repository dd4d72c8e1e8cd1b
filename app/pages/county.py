"""The county: every project of an inspector's area in its colour, with the reason, the worst first (红黄绿), and the sums by town (镇街)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from app import access, inspection, oversight
from app.domain import workdays
from app.domain.colour import Level
from app.pages.page import Ask, Page, policy_of, shown, with_query
from app.pages.papers import Paper
from app.pages.words import marked

ROWS_A_PAGE = 100
NO_TOWN = "0"
"""Stands in an address for the projects whose area code says the county only."""


@dataclass(frozen=True)
class CountyRow:
    """One project."""

    url: str
    """Its three-way check: the daily question."""
    name: str
    code: str
    area_code: str
    town: str
    """Its town in words, or the nine digits; empty where none is recorded."""
    level: str
    reason: str
    """What to look at first; empty for green and grey."""
    reason_url: str
    """The findings of that reason, the oldest opened."""
    count: int
    red: int
    yellow: int
    overdue: int
    findings_url: str
    people: int
    seen_today: int
    last_seen_at: datetime | None
    overdue_fen: int | None
    oldest: date | None


@dataclass(frozen=True)
class LevelTab:
    """A colour with how many projects have it."""

    level: str
    """Empty for all."""
    count: int
    url: str
    current: bool


@dataclass(frozen=True)
class TownRow:
    """One town (镇街)."""

    name: str
    """In words, or its nine digits; empty for the projects that have none."""
    code: str
    url: str
    """This page with the town's projects only."""
    current: bool
    projects: int
    levels: tuple[LevelTab, ...]
    """Red, yellow, green and grey, with the town's projects of each; without an address where there are none."""
    people: int
    seen_today: int
    owing: int
    overdue_fen: int
    overdue: int


@dataclass(frozen=True)
class CountyContext:
    """What the county page shows."""

    towns: tuple[TownRow, ...] = shown("The towns of the area with their sums; none when no project names its town")
    town: str = shown("The chosen town, nine digits; 0 for the projects without one; empty for all")
    town_label: str = shown("What the chosen town is called")

    tabs: tuple[LevelTab, ...] = shown("Colours with the number of projects; all of them first")
    q: str = shown("Text searched in names and codes")
    level: str = shown("The chosen colour; empty for all")
    rows: tuple[CountyRow, ...] = shown("The projects of this page of the list, the worst first")
    total: int = shown("Projects the conditions leave")
    overdue_fen: int = shown("Owed past its pay day, over all projects")
    red: int = shown("Red findings that wait for an answer, over all projects")
    overdue: int = shown("Findings past their deadline, over all projects")
    people: int = shown("People on the rosters today, over all projects")
    seen_today: int = shown("People the gates have let through today, over all projects")
    papers: tuple[Paper, ...] = shown("The list as a file to take away")
    page: int = shown("Which page of the list this is, from 1")
    pages: int = shown("How many pages the list has")
    previous_url: str = shown("Address of the page before; empty on the first")
    next_url: str = shown("Address of the next page; empty on the last")


def gather(ask: Ask) -> CountyContext:
    """The projects of the reader's area."""
    lines = inspection.county(ask.db, access.inspected(ask.db, ask.person), ask.now)
    level, q = ask.query.get("level", ""), ask.query.get("q", "").strip()[:50]
    known = inspection.towns(lines)
    town = ask.query.get("town", "")
    town = town if town in {each.code or NO_TOWN for each in known} else ""
    inside = [line for line in lines if town in ("", line.town or NO_TOWN)]
    counts = Counter(line.colour.level for line in inside)
    found = [
        line
        for line in inside
        if (level not in set(Level) or line.colour.level == level)
        and (not q or q.casefold() in line.project.name.casefold() or q.casefold() in line.project.code.casefold())
    ]
    pages = max(1, -(-len(found) // ROWS_A_PAGE))
    at = min(pages, max(1, ask.number("page") or 1))

    def address(**changed: object) -> str:
        return with_query("/county", **{"level": level, "q": q, "town": town, **changed})

    return CountyContext(
        towns=tuple(_town(each, address, town) for each in known) if any(each.code for each in known) else (),
        town=town,
        town_label=next((each.name or each.code for each in known if (each.code or NO_TOWN) == town), ""),
        tabs=(
            LevelTab("", len(inside), address(level=""), level not in set(Level)),
            *(LevelTab(each.value, counts[each], address(level=each.value), level == each) for each in Level if counts[each]),
        ),
        q=q,
        level=level,
        rows=tuple(_row(ask, line) for line in found[(at - 1) * ROWS_A_PAGE : at * ROWS_A_PAGE]),
        total=len(found),
        overdue_fen=sum(line.overdue_fen or 0 for line in inside),
        red=sum(line.colour.red for line in inside),
        overdue=sum(line.colour.overdue for line in inside),
        people=sum(line.people for line in inside),
        seen_today=sum(line.seen_today for line in inside),
        papers=(Paper(ask.say(marked("监管清单")), with_query("/v1/county/forms/projects", language=ask.language)),),
        page=at,
        pages=pages,
        previous_url=address(page=at - 1) if at > 1 else "",
        next_url=address(page=at + 1) if at < pages else "",
    )


def _town(town: inspection.Town, address: Callable[..., str], chosen: str) -> TownRow:
    key = town.code or NO_TOWN
    return TownRow(
        name=town.name or town.code,
        code=town.code,
        url=address(town="" if key == chosen else key, level="", q=""),
        current=key == chosen,
        projects=town.projects,
        levels=tuple(
            LevelTab(each.value, town.levels.get(each, 0), address(town=key, level=each.value, q="") if each in town.levels else "", False) for each in Level
        ),
        people=town.people,
        seen_today=town.seen_today,
        owing=town.owing,
        overdue_fen=town.overdue_fen,
        overdue=town.overdue,
    )


def _row(ask: Ask, line: inspection.ProjectLine) -> CountyRow:
    project, colour = line.project, line.colour
    findings = f"/projects/{project.id}/findings"
    reason_url = with_query(findings, rule=colour.rule, finding=colour.finding_id) + f"#f-{colour.finding_id}"
    return CountyRow(
        url=f"/projects/{project.id}/three-way",
        name=project.name,
        code=project.code,
        area_code=project.area_code,
        town=line.town_name or line.town,
        level=colour.level.value,
        reason=oversight.title_of(colour.rule, ask.language) if colour.rule else "",
        reason_url=reason_url if colour.rule else "",
        count=colour.count,
        red=colour.red,
        yellow=colour.yellow,
        overdue=colour.overdue,
        findings_url=with_query(findings, state="waiting"),
        people=line.people,
        seen_today=line.seen_today,
        last_seen_at=workdays.local(line.last_seen_at, policy_of(project)) if line.last_seen_at else None,
        overdue_fen=line.overdue_fen,
        oldest=line.oldest,
    )


PAGE = Page("/county", marked("本地区项目"), "county.html", "county.read", CountyContext, gather)
