"""The county's list of projects (在建项目工资支付监管清单) and its sums by town (分镇街汇总). Pure; sums are numbers, not formulas.

    ProjectLine, TownLine    one project, and one town
    county_list              -> xlsx of two sheets
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.forms.book import HELD, WARNED, Book, Column, Stamp, Table, local_time, money


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """One project."""

    town: str
    """In words, or its nine digits; empty where none is recorded."""
    name: str
    code: str
    level: str
    """red, yellow, green or grey."""
    level_word: str
    reason: str
    red: int
    yellow: int
    overdue: int
    people: int
    seen_today: int
    owed_fen: int | None
    """Owed past its pay day; None while it is not worked out."""
    oldest: date | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class TownLine:
    """One town."""

    town: str
    code: str
    projects: int
    red: int
    yellow: int
    green: int
    grey: int
    people: int
    seen_today: int
    owing: int
    owed_fen: int
    overdue: int


_COLOURS = {"red": WARNED, "yellow": HELD}


def county_list(area: str, lines: Sequence[ProjectLine], towns: Sequence[TownLine], stamp: Stamp) -> bytes:
    """Every project in the order given, and the towns on a sheet of their own."""
    book = Book(stamp.word("county_title"), stamp)
    facts = [("county_area", area), ("money_unit", stamp.word("yuan")), ("county_seen_at", str(stamp.made_on))]
    table = Table(
        book,
        "county_projects",
        (
            Column("no", 5, "count"), Column("town", 11), Column("project", 26), Column("project_code", 13), Column("level", 7, "centre"),
            Column("county_reason", 24), Column("red_findings", 7, "count", True, "findings"),
            Column("yellow_findings", 7, "count", True, "findings"), Column("late_findings", 7, "count", True, "findings"),
            Column("on_roster", 8, "count", True), Column("came_today", 8, "count", True), Column("owed_late", 14, "money", True),
            Column("oldest_month", 9, "centre"), Column("last_seen", 16, "time"),
        ),
    )  # fmt: skip
    table.title(stamp.word("county_title"))
    table.facts(facts)
    table.head()
    for number, line in enumerate(lines, start=1):
        table.add(
            {
                "no": number, "town": line.town or stamp.word("no_town"), "project": line.name, "project_code": line.code, "level": line.level_word,
                "county_reason": line.reason, "red_findings": line.red, "yellow_findings": line.yellow, "late_findings": line.overdue,
                "on_roster": line.people, "came_today": line.seen_today, "owed_late": money(line.owed_fen),
                "oldest_month": f"{line.oldest:%Y-%m}" if line.oldest else "", "last_seen": local_time(line.last_seen_at, stamp.zone),
            },
            colour=_COLOURS.get(line.level, ""),
            sums={
                "red_findings": line.red, "yellow_findings": line.yellow, "late_findings": line.overdue, "on_roster": line.people,
                "came_today": line.seen_today, "owed_late": line.owed_fen or 0,
            },
        )  # fmt: skip
    table.total(stamp.word("total"), span=3, formulas=False)
    table.note(stamp.word("county_note"))
    table.sign(("sign_maker", "sign_checker"))
    by_town = Table(
        book,
        "county_towns",
        (
            Column("no", 5, "count"), Column("town", 18), Column("town_code", 12, "centre"), Column("projects", 8, "count", True),
            Column("red_projects", 7, "count", True, "levels"), Column("yellow_projects", 7, "count", True, "levels"),
            Column("green_projects", 7, "count", True, "levels"), Column("grey_projects", 8, "count", True, "levels"),
            Column("on_roster", 9, "count", True), Column("came_today", 9, "count", True), Column("owing_projects", 9, "count", True),
            Column("owed_late", 15, "money", True), Column("late_findings", 9, "count", True),
        ),
    )  # fmt: skip
    by_town.title(stamp.word("county_towns_title"))
    by_town.facts(facts)
    by_town.head()
    for number, town in enumerate(towns, start=1):
        counts = {
            "projects": town.projects, "red_projects": town.red, "yellow_projects": town.yellow, "green_projects": town.green,
            "grey_projects": town.grey, "on_roster": town.people, "came_today": town.seen_today, "owing_projects": town.owing,
            "late_findings": town.overdue,
        }  # fmt: skip
        by_town.add(
            {"no": number, "town": town.town or stamp.word("no_town"), "town_code": town.code, **counts, "owed_late": money(town.owed_fen)},
            colour=WARNED if town.red else "", sums={**counts, "owed_late": town.owed_fen},
        )  # fmt: skip
    by_town.total(stamp.word("total"), span=3, formulas=False)
    by_town.note(stamp.word("county_note"))
    by_town.sign(("sign_maker", "sign_checker"))
    return book.bytes()
