"""What each worker is owed.

    accrue(days, terms)       ->  Accrual: one per worker and work date, each with the passages it rests on
    owed(accruals, payments)  ->  Owed: one per worker

Wages are added up from proven days; nothing is deducted from a calendar. Every day given comes back as one
accrual, whatever its state: a day that earns nothing *yet* says why and what it may be worth at most.

Not here yet: overtime prices, piece and monthly pay, deductions, and back pay (the difference between a closed
month's recomputed and written amounts), which needs written lines to differ from.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.attendance import Day, DayState, day_milli_max
from app.domain.facts import AttendancePolicy, Engagement, PayKind, Payment, Terms


class AccrualState(StrEnum):
    """Whether a day's wages stand, and if not, what is missing."""

    EARNED = "earned"
    """Decided day, one rate: the amount stands."""
    UNDECIDED = "undecided"
    """A person must decide the day first."""
    PRESENT = "present"
    """The worker is still on site; the day goes on."""
    NO_TERMS = "no_terms"
    """Worked, but no terms cover the date: nobody recorded what he earns."""
    SEVERAL_TERMS = "several_terms"
    """Worked, but more than one rate covers the date: somebody must void one."""


@dataclass(frozen=True, slots=True)
class Accrual:
    """The wages of one worker for one work date (应计工资)."""

    worker_id: int
    work_date: date
    state: AccrualState
    amount_fen: int
    """What stands: more than 0 only when ``earned``. A turn-back at the gate is ``earned`` with 0."""
    amount_max_fen: int | None
    """``amount_fen`` when earned; else what the day can be worth at most, at the top step of the unit table (for
    a worked day: at its own man-days). None when no rate is known."""
    day_milli: int | None
    """As in ``Day``."""
    rate_fen: int | None
    """Fen per man-day; None without exactly one rate."""
    terms_id: int | None
    passage_ids: tuple[int, ...]
    """Every fen names the passages that earned it."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What one worker has earned, received and still has to get, over the days and payments given."""

    worker_id: int
    accrued_fen: int
    """Sum of ``amount_fen`` of his accruals."""
    paid_fen: int
    """Sum of his payments, returned transfers subtracted."""
    owed_fen: int
    """max(0, accrued - paid)."""
    overpaid_fen: int
    """max(0, paid - accrued): kept apart, never taken from another worker or another month."""
    undecided_days: int
    """Days a person must decide (``undecided`` or ``several_terms``); their wages come on top of ``owed_fen``."""
    undecided_fen_max: int
    """What those days are worth at most; days of unknown rate are not in it."""
    no_terms_days: int
    """Worked days with no terms; their wages are unknown and come on top."""
    undecided_on: tuple[date, ...]
    no_terms_on: tuple[date, ...]
    accruals: tuple[Accrual, ...]
    """All of his, by date."""
    payment_ids: tuple[int, ...]
    """All of his, by id."""


def wage_fen(rate_fen: int, milli: int) -> int:
    """Return ``rate_fen`` x ``milli`` / 1000, rounded half up to a whole fen.

    This is the only rounding between a passage and a payment (domain.md 1.4, attendance.md 3): a month is the
    sum of rounded days, never a rounded sum.

    Args:
        rate_fen: fen per man-day, positive.
        milli: thousandths of a man-day, not negative.

    Raises:
        ValueError: ``rate_fen`` is not positive or ``milli`` is negative.
    """
    if rate_fen <= 0 or milli < 0:
        raise ValueError("a rate is positive and a day is not negative")
    return (rate_fen * milli + 500) // 1000


def accrue(
    days: Iterable[Day],
    terms: Iterable[Terms],
    *,
    policy: AttendancePolicy,
    engagements: Iterable[Engagement] = (),
) -> tuple[Accrual, ...]:
    """Price each day by the terms that cover its work date, in order of worker, then date.

    A night shift is priced at the rate of the date it began on. When several terms cover a date, those whose
    engagement covers it too are preferred: a worker who left and came back has open-ended old terms beside the
    new ones. Terms whose engagement has ended still price work that was done: the gate let him in, and that
    is a finding, not a reason not to pay.

    Args:
        days: at most one per worker and work date.
        terms: not voided ones.
        policy: its unit table says what an undecided day is worth at most.
        engagements: of the project; only used to choose between terms.

    Raises:
        ValueError: a worker has two days of one date, a rate is not positive, or a kind of pay is unknown.
    """
    by_worker: dict[int, list[Terms]] = defaultdict(list)
    for term in terms:
        if term.kind is not PayKind.DAY:
            raise ValueError(f"terms {term.id}: pay by {term.kind} cannot be computed")
        by_worker[term.worker_id].append(term)
    engaged = {e.id: e for e in engagements}
    accruals: dict[tuple[int, date], Accrual] = {}
    for day in days:
        key = day.worker_id, day.work_date
        if key in accruals:
            raise ValueError(f"worker {day.worker_id} has two days of {day.work_date}")
        accruals[key] = _accrual(day, _covering(by_worker[day.worker_id], day.work_date, engaged), policy)
    return tuple(accrual for _, accrual in sorted(accruals.items()))


def _covering(terms: list[Terms], day: date, engaged: dict[int, Engagement]) -> list[Terms]:
    covering = [t for t in terms if t.covers(day)]
    if len(covering) > 1:
        live = [t for t in covering if t.engagement_id in engaged and engaged[t.engagement_id].covers(day)]
        covering = live or covering
    return covering


_UNSETTLED = {DayState.UNDECIDED: AccrualState.UNDECIDED, DayState.PRESENT: AccrualState.PRESENT}


def _accrual(day: Day, terms: list[Terms], policy: AttendancePolicy) -> Accrual:
    only = terms[0] if len(terms) == 1 else None
    milli_max = day_milli_max(policy) if day.day_milli is None else day.day_milli
    highest = max((wage_fen(t.rate_fen, milli_max) for t in terms), default=None)
    if day.day_milli is None:
        state = _UNSETTLED[day.state]
    elif day.day_milli == 0 or only is not None:
        # Nothing times an unknown rate is nothing: a turn-back needs no terms.
        state = AccrualState.EARNED
    else:
        state = AccrualState.SEVERAL_TERMS if terms else AccrualState.NO_TERMS
    earned = state is AccrualState.EARNED
    amount = wage_fen(only.rate_fen, day.day_milli) if earned and only is not None else 0
    return Accrual(
        worker_id=day.worker_id,
        work_date=day.work_date,
        state=state,
        amount_fen=amount,
        amount_max_fen=amount if earned else highest,
        day_milli=day.day_milli,
        rate_fen=only.rate_fen if only else None,
        terms_id=only.id if only else None,
        passage_ids=day.passage_ids,
    )


_TO_DECIDE = frozenset({AccrualState.UNDECIDED, AccrualState.SEVERAL_TERMS})


def owed(accruals: Iterable[Accrual], payments: Iterable[Payment]) -> dict[int, Owed]:
    """Set each worker's accruals against his payments; keyed by worker id, ascending.

    Both sides must cover the same span, usually one month's days and the payments for that month. A worker
    with payments and no work is in the answer (all of it overpaid), and so is one with work and no payment.
    For each, ``accrued - paid == owed - overpaid``. The same payment given twice counts once.

    Raises:
        ValueError: two different payments have one id.
    """
    earned: dict[int, list[Accrual]] = defaultdict(list)
    for accrual in accruals:
        earned[accrual.worker_id].append(accrual)
    received: dict[int, dict[int, Payment]] = defaultdict(dict)
    seen: dict[int, Payment] = {}
    for payment in payments:
        if seen.setdefault(payment.id, payment) != payment:
            raise ValueError(f"two different payments have the id {payment.id}")
        received[payment.worker_id][payment.id] = payment
    return {
        worker_id: _owed(worker_id, earned.get(worker_id, []), received.get(worker_id, {}))
        for worker_id in sorted(earned.keys() | received.keys())
    }


def _owed(worker_id: int, accruals: list[Accrual], payments: dict[int, Payment]) -> Owed:
    accruals = sorted(accruals, key=lambda a: a.work_date)
    accrued_fen = sum(a.amount_fen for a in accruals)
    paid_fen = sum(p.amount_fen for p in payments.values())
    to_decide = [a for a in accruals if a.state in _TO_DECIDE]
    no_terms_on = tuple(a.work_date for a in accruals if a.state is AccrualState.NO_TERMS)
    return Owed(
        worker_id=worker_id,
        accrued_fen=accrued_fen,
        paid_fen=paid_fen,
        owed_fen=max(0, accrued_fen - paid_fen),
        overpaid_fen=max(0, paid_fen - accrued_fen),
        undecided_days=len(to_decide),
        undecided_fen_max=sum(a.amount_max_fen or 0 for a in to_decide),
        no_terms_days=len(no_terms_on),
        undecided_on=tuple(a.work_date for a in to_decide),
        no_terms_on=no_terms_on,
        accruals=tuple(accruals),
        payment_ids=tuple(sorted(payments)),
    )
