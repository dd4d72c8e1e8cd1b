"""Timetables to facts: tests in the language of the site.

    3 08:00 wang in  g1
    3 17:30 wang out g2  card        # day, local time, who, which way, which gate, then what was special

A day is a day of the month of the story (``2026-03`` unless told); ``04-30`` names another month. A time may have
seconds. A gate is ``g`` and its id. Words after the gate: ``card``, ``code``, ``id_card`` (the channel; face
unless told); ``ask`` (nobody has confirmed yet), ``confirmed``, ``denied``, ``refused``. Ids run from 1 in the order
of the lines.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.domain import attendance, wages
from app.domain.facts import (
    AttendancePolicy,
    Channel,
    Direction,
    Engagement,
    Passage,
    PayKind,
    Payment,
    ProjectMonth,
    Terms,
    Verdict,
)
from app.domain.timesheet import work_days
from app.domain.workdays import local

CAST = {"wang": 1, "li": 2, "zhao": 3, "sun": 4, "zhou": 5, "wu": 6, "zheng": 7, "feng": 8}
"""The workers; ``feng`` is engaged nowhere by default."""

NAMES = {number: name for name, number in CAST.items()}

POLICY = AttendancePolicy()

MONTH = "2026-03"

_ASKED = {
    "ask": (Verdict.ASK, "needs_confirmation", None),
    "confirmed": (Verdict.ASK, "needs_confirmation", True),
    "denied": (Verdict.ASK, "needs_confirmation", False),
    "refused": (Verdict.REFUSE, "not_engaged", None),
}


def instant(text: str, *, month: str = MONTH, policy: AttendancePolicy = POLICY) -> datetime:
    """Read ``"3 08:00"`` (or ``"04-30 22:00:05"``) as the aware UTC instant on the project's wall clock."""
    day, clock = text.split()
    year, month_number = month.split("-")
    if "-" in day:
        month_number, day = day.split("-")
    hour, minute, second = (*clock.split(":"), "0")[:3]
    at = datetime(  # noqa: DTZ001 (the zone comes in the next step)
        int(year), int(month_number), int(day), int(hour), int(minute), int(second)
    )
    return at.replace(tzinfo=ZoneInfo(policy.time_zone)).astimezone(UTC)


def passages(timetable: str, *, month: str = MONTH, policy: AttendancePolicy = POLICY) -> tuple[Passage, ...]:
    """Read a timetable as passages, in the order of its lines."""
    found: list[Passage] = []
    for line in timetable.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        day, clock, who, way, gate, *special = words
        channel, verdict, code, confirmed = Channel.FACE, Verdict.ADMIT, "admitted", None
        for word in special:
            if word in _ASKED:
                verdict, code, confirmed = _ASKED[word]
            else:
                channel = Channel(word)
        found.append(
            Passage(
                id=len(found) + 1,
                worker_id=CAST[who],
                gate_id=int(gate.removeprefix("g")),
                direction=Direction(way),
                occurred_at=instant(f"{day} {clock}", month=month, policy=policy),
                channel=channel,
                verdict=verdict,
                code=code,
                confirmed=confirmed,
            )
        )
    return tuple(found)


def pairing(
    timetable: str, *, at: str | None = None, month: str = MONTH, policy: AttendancePolicy = POLICY
) -> attendance.Pairing:
    """Pair a timetable. ``at`` is now; two days after the last line unless told."""
    facts = passages(timetable, month=month, policy=policy)
    last = max((p.occurred_at for p in facts), default=datetime(2026, 3, 1, tzinfo=UTC))
    as_of = instant(at, month=month, policy=policy) if at else last + timedelta(days=2)
    return attendance.pair(facts, policy=policy, as_of=as_of)


def paired(
    timetable: str, *, at: str | None = None, month: str = MONTH, policy: AttendancePolicy = POLICY
) -> list[tuple[str, int, str]]:
    """Pair a timetable and tell it by worker and time: name, day of the work date, what happened.

    ``("wang", 3, "08:00-17:30")`` is a session, ``("wang", 3, "missing_out 08:00")`` a loose passage and
    ``("wang", 3, "inside 08:00")`` an open one.
    """

    def clock(at_: datetime) -> str:
        return f"{local(at_, policy):%H:%M}"

    answer = pairing(timetable, at=at, month=month, policy=policy)
    told = [(s.worker_id, s.in_at, s.work_date, f"{clock(s.in_at)}-{clock(s.out_at)}") for s in answer.sessions]
    told += [(x.worker_id, x.at, x.work_date, f"{x.reason} {clock(x.at)}") for x in answer.loose]
    told += [(x.worker_id, x.in_at, x.work_date, f"inside {clock(x.in_at)}") for x in answer.inside]
    return [(NAMES[who], day.day, what) for who, _, day, what in sorted(told)]


def flagged(timetable: str, **how: str) -> list[str]:
    """The flags of every session, loose and open passage of a timetable, sorted, each once."""
    answer = pairing(timetable, **how)
    return sorted({flag for part in (*answer.sessions, *answer.loose, *answer.inside) for flag in part.flags})


def daily(
    timetable: str, *, at: str | None = None, month: str = MONTH, policy: AttendancePolicy = POLICY
) -> list[tuple[str, int, str, int, int | None]]:
    """Name, day, state, proven minutes, man-days in thousandths (None while not settled)."""
    answer = attendance.days(pairing(timetable, at=at, month=month, policy=policy), policy=policy)
    return [(NAMES[d.worker_id], d.work_date.day, str(d.state), d.minutes, d.day_milli) for d in answer]


def terms(*, since: date = date(2026, 1, 1), **rates_fen: int) -> tuple[Terms, ...]:
    """Day rates, open-ended: ``terms(wang=400_00)``."""
    return tuple(
        Terms(CAST[name], CAST[name], CAST[name], PayKind.DAY, rate, since) for name, rate in rates_fen.items()
    )


def engagements(names: Iterable[str], *, entry_on: date = date(2026, 1, 1), exit_on: date | None = None):
    """One engagement each, on project 1."""
    return tuple(Engagement(CAST[n], CAST[n], 1, 1, 1, entry_on, exit_on) for n in names)


def month_wages(
    timetable: str, *, at: str | None = None, month: str = MONTH, policy: AttendancePolicy = POLICY, **rates_fen: int
) -> tuple[wages.MonthWage, ...]:
    """Price a timetable at the day rates given. Everybody in the cast but ``feng`` is engaged."""
    facts = project_month(timetable, at=at, month=month, policy=policy, **rates_fen)
    return wages.month_wages(facts, work_days(facts))


def accruals(
    timetable: str, *, at: str | None = None, month: str = MONTH, policy: AttendancePolicy = POLICY, **rates_fen: int
) -> tuple[wages.Accrual, ...]:
    """Accrue a timetable at the day rates given, by worker and date."""
    found = month_wages(timetable, at=at, month=month, policy=policy, **rates_fen)
    return tuple(sorted((a for m in found for a in m.accruals), key=lambda a: (a.worker_id, a.work_date)))


def owed(timetable: str, **rates_fen: int) -> list[tuple[str, int, int | str]]:
    """Name, day and fen earned; for a day that earns nothing yet, the reason in place of the fen."""
    return [
        (NAMES[a.worker_id], a.work_date.day, a.amount_fen if a.state == "earned" else str(a.state))
        for a in accruals(timetable, **rates_fen)
    ]


def paid(*, ids_from: int = 1, for_month: date = date(2026, 3, 1), **amounts_fen: int) -> tuple[Payment, ...]:
    """One payment each, made on the pay day: ``paid(wang=400_00)``."""
    return tuple(
        Payment(i, CAST[name], amount, date(2026, 4, 15), for_month, "bank")
        for i, (name, amount) in enumerate(amounts_fen.items(), ids_from)
    )


def project_month(
    timetable: str,
    *,
    at: str | None = None,
    month: str = MONTH,
    policy: AttendancePolicy = POLICY,
    payments: Iterable[Payment] = (),
    engaged: Iterable[Engagement] | None = None,
    agreed: Iterable[Terms] = (),
    **rates_fen: Any,
) -> ProjectMonth:
    """The month of a story as wages and the audit see it. Everybody in the cast but ``feng`` is engaged unless told.

    ``at`` is now; two days after the last line unless told. ``agreed`` are terms beside the day rates. Other names are
    fields of ``ProjectMonth`` (``calendar=``, ``corrections=`` ...).
    """
    facts = passages(timetable, month=month, policy=policy)
    last = max((p.occurred_at for p in facts), default=datetime(2026, 3, 1, tzinfo=UTC))
    fields = {name: rates_fen.pop(name) for name in list(rates_fen) if name not in CAST}
    return ProjectMonth(
        project_id=1,
        month=date.fromisoformat(f"{month}-01"),
        as_of=instant(at, month=month, policy=policy) if at else last + timedelta(days=2),
        policy=policy,
        passages=facts,
        engagements=tuple(engaged) if engaged is not None else engagements(n for n in CAST if n != "feng"),
        terms=(*terms(**rates_fen), *agreed),
        payments=tuple(payments),
        **fields,
    )
