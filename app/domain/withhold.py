"""What may be withheld from a month's wage, and what is left (扣款与预支).

    withhold(gross, deductions, advances, minimum)  ->  Withheld: what is applied, what is paid out, what is carried

Order (domain.md 4.3 and 4.4): tax, social insurance, housing fund and court orders whole; then damage and what was
agreed in writing, capped; then proved advances. Nothing is ever taken that is not there, and nothing is forgotten:
what a month cannot bear is carried to the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.facts import Advance, Deduction, DeductionKind

CAP_PERMILLE = 200
"""Damage and agreed deductions together: at most 20 % of the month's wage (domain.md 4.4)."""

_WHOLE = (
    DeductionKind.INCOME_TAX,
    DeductionKind.SOCIAL_INSURANCE,
    DeductionKind.HOUSING_FUND,
    DeductionKind.COURT_ORDER,
)
_CAPPED = (DeductionKind.DAMAGE, DeductionKind.AGREED)


@dataclass(frozen=True, slots=True)
class Withheld:
    """What a month's wage bears. ``gross == deductions_fen + advances_fen + net_fen``."""

    deductions: tuple[tuple[int, int], ...]
    """(deduction id, fen applied now), in the order they are taken; 0 for one the month cannot bear."""
    advances: tuple[tuple[int, int], ...]
    """(advance id, fen taken back now), oldest first; unproved advances are not in it."""
    deductions_fen: int
    advances_fen: int
    net_fen: int
    """What is paid out (实发), never below 0."""
    carried: tuple[tuple[str, int, int], ...]
    """("deduction" or "advance", id, fen still to be taken), only what is more than 0."""


def withhold(
    gross_fen: int, deductions: Sequence[Deduction], advances: Sequence[Advance], *, minimum_fen: int
) -> Withheld:
    """Apply deductions and advances to one month's wage. The order they are given in does not matter.

    Args:
        gross_fen: wage of the month, not negative.
        deductions: of this engagement, this month's and what earlier months carried; within a kind the earlier month
            first, then the lower id.
        advances: of this engagement; the earlier day first, then the lower id. An unproved one is never taken.
        minimum_fen: monthly minimum wage of the place. Damage and agreed deductions leave at least this much.

    Raises:
        ValueError: the wage or the minimum is negative, or more was applied before than there was.
    """
    if gross_fen < 0 or minimum_fen < 0:
        raise ValueError("a wage and a minimum wage are not negative")
    if any(not 0 <= each.applied_fen <= each.amount_fen for each in (*deductions, *advances)):
        raise ValueError("no more can have been applied than there is")
    rest = gross_fen
    applied: list[tuple[int, int]] = []
    recovered: list[tuple[int, int]] = []
    carried: list[tuple[str, int, int]] = []

    def take(kind: str, row: Deduction | Advance, at_most: int) -> int:
        wanted = row.amount_fen - row.applied_fen
        taken = min(wanted, at_most)
        (applied if kind == "deduction" else recovered).append((row.id, taken))
        if wanted > taken:
            carried.append((kind, row.id, wanted - taken))
        return taken

    for deduction in _sorted(deductions, _WHOLE):
        rest -= take("deduction", deduction, rest)
    room = min(gross_fen * CAP_PERMILLE // 1000, max(0, rest - minimum_fen))
    for deduction in _sorted(deductions, _CAPPED):
        taken = take("deduction", deduction, room)
        room -= taken
        rest -= taken
    for advance in sorted(advances, key=lambda a: (a.paid_on, a.id)):
        if advance.proved:
            rest -= take("advance", advance, rest)
    return Withheld(
        deductions=tuple(applied),
        advances=tuple(recovered),
        deductions_fen=sum(fen for _, fen in applied),
        advances_fen=sum(fen for _, fen in recovered),
        net_fen=rest,
        carried=tuple(carried),
    )


def _sorted(deductions: Sequence[Deduction], kinds: tuple[DeductionKind, ...]) -> list[Deduction]:
    wanted = [d for d in deductions if d.kind in kinds]
    return sorted(wanted, key=lambda d: (kinds.index(d.kind), d.month, d.id))
