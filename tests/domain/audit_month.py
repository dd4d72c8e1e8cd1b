"""Months for the audit rules: a story, what lies beside it, and whom a rule finds."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.domain.audit import COUNTY_RULES, RULES, Finding, Thresholds, run, run_county
from app.domain.audit.beside import (
    Act,
    Batch,
    Beside,
    Card,
    Change,
    CountyMonth,
    Debit,
    Elsewhere,
    Held,
    Line,
    Paper,
    Person,
    Sheet,
    Sighting,
    SpecialAccount,
    Trace,
    Transfer,
)
from app.domain.facts import DayKind, DayMark, MarkKind
from tests.story import CAST, project_month

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
NOTICE = {MARCH + timedelta(days=n): DayKind.WORKDAY for n in range(31)}
"""A notice in which every day of March is a working day."""


def at(day: date, hour: int = 8, minute: int = 0, second: int = 0, ms: int = 0) -> datetime:
    """An instant, by the clock on the wall of the project."""
    return datetime(day.year, day.month, day.day, hour, minute, second, ms * 1000, UTC) - timedelta(hours=8)


def march(day: int) -> date:
    """That day of the month of the stories."""
    return date(2026, 3, day)


def full(*names: str, day: int = 3, gate: str = "g1") -> str:
    """A whole day of everybody named, a minute apart."""
    lines = [f"{day} 08:{n:02d} {name} in {gate}\n{day} 17:{30 + n} {name} out {gate}" for n, name in enumerate(names)]
    return "\n".join(lines)


def beside(**more: Any) -> Beside:
    """What was gathered: nothing, but it was looked for."""
    return Beside(**{"gathered": True} | more)


def line(id: int = 1, who: str = "wang", net: int = 400_00, *, milli: int = 1000, sheet: int = 1, **more: Any) -> Line:
    """A line of March."""
    worker = CAST[who]
    values = {"team_id": 1, "engagement_id": worker, "origin_month": MARCH, "day_milli": milli, "gross_fen": net,
              "deductions_fen": 0, "advances_fen": 0, "net_fen": net, "verdict": "agree"} | more  # fmt: skip
    return Line(id, sheet, worker_id=worker, **values)


def act(name: str, on: date, by: str = "wu") -> Act:
    """A step somebody took."""
    return Act(name, by, at(on), on)


def sheet(*acts: Act, id: int = 1, **more: Any) -> Sheet:
    """A team's sheet."""
    return Sheet(**{"id": id, "team_id": 1, "kind": "regular", "version": 1, "drafted_by": "liu", "acts": acts} | more)


def transfer(id: int = 1, line_id: int = 1, who: str = "wang", fen: int = 400_00, *, arrived: date | None = None, **more: Any) -> Transfer:
    """A transfer for a line, sent on 14 April."""
    values = {"batch_id": 1, "card_id": 7, "holder_is_worker": True, "sent_on": date(2026, 4, 14), "arrived_on": arrived} | more
    return Transfer(id, line_id=line_id, worker_id=CAST[who], amount_fen=fen, **values)


def change(id: int, who: str, day: int, *, by: str = "wu", ok: tuple[str, ...] = ("liu", "chen"), reason: str = "forgot", on: date | None = None, kind: str = "missing_out") -> Change:
    """An approved correction about a day of March."""
    return Change(id, CAST[who], march(day), kind, reason, by, on or march(day), ok)


def leave(kind: MarkKind, day: int, who: str | None = None) -> DayMark:
    """A mark of one date; the whole project's without a name."""
    return DayMark(1, kind, march(day), march(day) + timedelta(days=1), 0, worker_id=CAST[who] if who else None)


def found(rule: str, story: str = "", *, beside: Beside = Beside(), limits: Thresholds | None = None, **month: Any) -> list[Finding]:  # noqa: B008
    """What a rule finds in a month."""
    said = project_month(story, **{"at": "04-20 00:00"} | month)
    return list(run(said, [RULES[rule]], beside=beside, limits=limits or Thresholds()))


def county(rule: str, **more: Any) -> list[Finding]:
    """What a rule across projects finds for projects 1 and 2."""
    values = {"month": MARCH, "as_of": at(MAY), "projects": frozenset({1, 2})} | more
    return [f for of in run_county(CountyMonth(**values), [COUNTY_RULES[rule]]).values() for f in of]


__all__ = [
    "APRIL", "MARCH", "MAY", "NOTICE", "Act", "Batch", "Beside", "Card", "Change", "Debit", "Elsewhere", "Held", "Line", "Paper",
    "Person", "Sheet", "Sighting", "SpecialAccount", "Trace", "Transfer", "act", "at", "beside", "change", "county", "found", "full",
    "leave", "line", "march", "sheet", "transfer",
]  # fmt: skip
