"""What is owed, and for how long (欠薪账龄).

    age(dues, today)             ->  Arrears of a worker, a team, a company or a project: buckets, months in a row
    allocate(months, payments)   ->  which month each payment pays: the one it names, else the oldest

What is not due yet is owed, and no arrears. A month paid too high never pays for another (domain.md 4.5).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.workdays import next_month


class Bucket(StrEnum):
    """Days past the pay day (账龄)."""

    NOT_DUE = "not_due"
    """The pay day has not passed."""
    TO_30 = "1-30"
    TO_90 = "31-90"
    TO_180 = "91-180"
    TO_365 = "181-365"
    OVER_365 = "over_365"


_LAST_DAYS = ((0, Bucket.NOT_DUE), (30, Bucket.TO_30), (90, Bucket.TO_90), (180, Bucket.TO_180), (365, Bucket.TO_365))


@dataclass(frozen=True, slots=True)
class Due:
    """What one engagement is owed for one month."""

    engagement_id: int
    worker_id: int
    team_id: int
    company_id: int
    month: date
    """First day of the month it was earned in."""
    owed_fen: int
    """Not negative; 0 for a month that is paid."""
    due_on: date
    """The last day on which it is paid in time."""


@dataclass(frozen=True, slots=True)
class Arrears:
    """What a group is owed. ``owed_fen`` is the sum of the buckets."""

    owed_fen: int
    """Due or not."""
    overdue_fen: int
    """Owed past its pay day: the arrears (欠薪)."""
    buckets: tuple[tuple[Bucket, int], ...]
    """(bucket, fen), every bucket, from not due to oldest."""
    workers: int
    """People who are owed something past its pay day."""
    months_unpaid: int
    """The longest row of months, one after the other, in which one worker is owed something past its pay day."""
    oldest_due_on: date | None
    """Pay day of the oldest arrears; None without any."""


@dataclass(frozen=True, slots=True)
class MonthDebt:
    """What one worker should get for a month."""

    month: date
    net_fen: int


@dataclass(frozen=True, slots=True)
class PaidFor:
    """A payment to be put to months."""

    id: int
    amount_fen: int
    """Positive; returned money is subtracted beforehand."""
    for_month: date | None
    """The month it names; None pays the oldest month first."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which month each payment pays. Every fen of every payment is in ``paid`` or in ``surplus``, once."""

    paid: tuple[tuple[int, date, int], ...]
    """(payment id, month, fen), by payment."""
    left: tuple[tuple[date, int], ...]
    """(month, fen still owed), months with something left, oldest first."""
    surplus: tuple[tuple[int, date | None, int], ...]
    """(payment id, month it names, fen beyond what was owed): kept apart, set against nothing."""


def bucket(due_on: date, today: date) -> Bucket:
    """Return how long something due on ``due_on`` is overdue. The pay day itself is in time."""
    days = (today - due_on).days
    return next((name for last, name in _LAST_DAYS if days <= last), Bucket.OVER_365)


def age(dues: Iterable[Due], today: date) -> Arrears:
    """Sort what a group is owed by age. Whoever is to be asked about (a worker, a team ...) gives his own dues only.

    Raises:
        ValueError: something owed is negative.
    """
    sums = dict.fromkeys(Bucket, 0)
    overdue: dict[int, set[date]] = defaultdict(set)
    oldest: date | None = None
    for due in dues:
        if due.owed_fen < 0:
            raise ValueError("what is owed is not negative")
        name = bucket(due.due_on, today)
        sums[name] += due.owed_fen
        if due.owed_fen and name is not Bucket.NOT_DUE:
            overdue[due.worker_id].add(due.month)
            oldest = due.due_on if oldest is None else min(oldest, due.due_on)
    owed = sum(sums.values())
    return Arrears(
        owed_fen=owed,
        overdue_fen=owed - sums[Bucket.NOT_DUE],
        buckets=tuple(sums.items()),
        workers=len(overdue),
        months_unpaid=max(map(_longest_row, overdue.values()), default=0),
        oldest_due_on=oldest,
    )


def _longest_row(months: set[date]) -> int:
    longest = row = 0
    before: date | None = None
    for month in sorted(months):
        row = row + 1 if before is not None and next_month(before) == month else 1
        longest = max(longest, row)
        before = month
    return longest


def allocate(months: Iterable[MonthDebt], payments: Iterable[PaidFor]) -> Allocation:
    """Put one worker's payments to his months: first those that name a month, then the others, oldest month first.

    What a payment has beyond the month it names stays beside it (多付): it pays no other month without the worker's
    written word. The order in which months and payments are given does not matter; payments are taken by id.

    Raises:
        ValueError: a month is given twice or is negative, a payment is given twice or not positive.
    """
    left: dict[date, int] = {}
    for debt in months:
        if debt.month in left or debt.net_fen < 0:
            raise ValueError("a month is owed once, and not less than nothing")
        left[debt.month] = debt.net_fen
    ordered = sorted(payments, key=lambda p: p.id)
    if len({p.id for p in ordered}) != len(ordered) or any(p.amount_fen <= 0 for p in ordered):
        raise ValueError("a payment is given once and is positive")
    paid: dict[int, list[tuple[int, date, int]]] = {p.id: [] for p in ordered}
    surplus: list[tuple[int, date | None, int]] = []
    for payment in (*(p for p in ordered if p.for_month), *(p for p in ordered if not p.for_month)):
        rest = payment.amount_fen
        for month in [payment.for_month] if payment.for_month else sorted(left):
            part = min(rest, left.get(month, 0))
            if part:
                left[month] -= part
                rest -= part
                paid[payment.id].append((payment.id, month, part))
        if rest:
            surplus.append((payment.id, payment.for_month, rest))
    return Allocation(
        paid=tuple(line for lines in paid.values() for line in lines),
        left=tuple((month, fen) for month, fen in sorted(left.items()) if fen),
        surplus=tuple(sorted(surplus, key=lambda s: s[0])),
    )
