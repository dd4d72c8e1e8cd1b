"""Exit settlement (退场结算): everything a leaving worker earned, what was withheld, what he got, what he still gets.

    settle(months)              ->  Settlement, with one line a month
    settlement_hash(settlement) ->  what the worker's signature (结清) is bound to
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from app.domain.chain import canonical


@dataclass(frozen=True, slots=True)
class SettledMonth:
    """One month of an engagement."""

    month: date
    """First day."""
    gross_fen: int
    withheld_fen: int
    """Deductions and advances taken back."""
    paid_fen: int
    """Returned transfers subtracted; money outside the special account too."""

    @property
    def owed_fen(self) -> int:
        """gross - withheld - paid; negative when more was paid than was due."""
        return self.gross_fen - self.withheld_fen - self.paid_fen


@dataclass(frozen=True, slots=True)
class Settlement:
    """The sums over all months. ``owed_fen == accrued_fen - withheld_fen - paid_fen + overpaid_fen``."""

    accrued_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    """Sum of the months' shortfalls: what he still gets. A month paid too high never pays for another
    (domain.md 4.5)."""
    months: tuple[SettledMonth, ...]
    """By month."""
    overpaid_fen: int = 0
    """Sum of the months' surpluses; kept apart, never set off without his written word."""


def settle(months: Iterable[SettledMonth]) -> Settlement:
    """Add the months up, in any order given.

    Raises:
        ValueError: a month is given twice, or is not the first day of one.
    """
    ordered = tuple(sorted(months, key=lambda m: m.month))
    if len({m.month for m in ordered}) != len(ordered):
        raise ValueError("a month is settled once")
    if any(m.month.day != 1 for m in ordered):
        raise ValueError("a month is named by its first day")
    return Settlement(
        accrued_fen=sum(m.gross_fen for m in ordered),
        withheld_fen=sum(m.withheld_fen for m in ordered),
        paid_fen=sum(m.paid_fen for m in ordered),
        owed_fen=sum(max(0, m.owed_fen) for m in ordered),
        months=ordered,
        overpaid_fen=sum(max(0, -m.owed_fen) for m in ordered),
    )


def settlement_hash(engagement_id: int, exit_on: date | None, settlement: Settlement) -> str:
    """Return 64 hex digits over everything the worker signs: whose account, when he left, every month and the sums.

    The same content always has the same hash; any other fen has another, so an old signature does not fit it.
    """
    return sha256(
        canonical(
            {
                "engagement_id": engagement_id,
                "exit_on": exit_on,
                "accrued_fen": settlement.accrued_fen,
                "withheld_fen": settlement.withheld_fen,
                "paid_fen": settlement.paid_fen,
                "owed_fen": settlement.owed_fen,
                "overpaid_fen": settlement.overpaid_fen,
                "months": [
                    {"month": m.month, "gross_fen": m.gross_fen, "withheld_fen": m.withheld_fen, "paid_fen": m.paid_fen}
                    for m in settlement.months
                ],
            }
        )
    ).hexdigest()
