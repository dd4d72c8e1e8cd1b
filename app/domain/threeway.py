"""Three-way check (三方核对): what the gate saw, what the sheet says, what the bank paid, person by person. Pure.

    compare      three lists of people of one month  ->  Check: sums of each, and everybody whose three do not agree
    teams_of     the same by team, for bars side by side

What the gate saw is worked out from passages, corrections and terms; what the sheet says are the lines of the newest sheets for
wages earned in the month, back pay of later sheets included; what the bank paid are payments for the month, returned ones subtracted,
and what went outside the special account named apart. Nothing here is rounded: a fen that differs is a difference.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Gate:
    """One worker's month as the facts make it."""

    worker_id: int
    team_id: int | None
    day_milli: int
    undecided_days: int
    accrued_fen: int
    """Gross."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One worker's month on the newest sheets."""

    worker_id: int
    team_id: int | None
    day_milli: int
    gross_fen: int
    withheld_fen: int
    net_fen: int
    unsigned: int = 0
    """Lines without his word on exactly what they say."""
    disputed: int = 0


@dataclass(frozen=True, slots=True)
class Bank:
    """What reached one worker for the month."""

    worker_id: int
    paid_fen: int
    outside_fen: int = 0
    """Of ``paid_fen``: in cash or from another account than the special one."""
    transit_fen: int = 0
    """Sent, and the bank has not answered; not in ``paid_fen``."""


class Difference(StrEnum):
    """Where two of the three do not agree."""

    PAID_WITHOUT_WORK = "paid_without_work"
    """有发薪无考勤: paid, and the gate never saw him."""
    NOT_AT_GATE = "not_at_gate"
    """表上有、闸机无: on the sheet, and the gate never saw him."""
    NOT_ON_SHEET = "not_on_sheet"
    """有考勤不在表: at the gate, and on no sheet."""
    UNPAID = "unpaid"
    """到期未付: due, and nothing has reached him."""
    UNDERPAID = "underpaid"
    OVERPAID = "overpaid"
    DAYS_MORE = "days_more"
    """The sheet has more days than the gate."""
    DAYS_FEWER = "days_fewer"
    SUM_MORE = "sum_more"
    """The sheet's gross is above what the days have earned."""
    SUM_LESS = "sum_less"
    OUTSIDE = "outside"
    """账外支付: not through the special account."""
    UNSIGNED = "unsigned"
    """Paid on a line the worker has not signed."""
    DISPUTED = "disputed"
    UNDECIDED = "undecided"
    """Days nobody has decided."""


RED = frozenset(
    {Difference.PAID_WITHOUT_WORK, Difference.NOT_AT_GATE, Difference.NOT_ON_SHEET, Difference.UNPAID, Difference.DAYS_MORE}
)
"""What a worker's wages or the public's trust hang on."""


@dataclass(frozen=True, slots=True)
class Row:
    """One worker, three times."""

    worker_id: int
    team_id: int | None
    gate: Gate | None
    sheet: Sheet | None
    bank: Bank | None
    differences: tuple[Difference, ...]
    at_stake_fen: int
    """The largest of the sums that differ, for the order of the list."""

    @property
    def is_red(self) -> bool:
        return any(each in RED for each in self.differences)


@dataclass(frozen=True, slots=True)
class Sums:
    """One of the three, added up."""

    people: int
    day_milli: int
    fen: int


@dataclass(frozen=True, slots=True)
class Check:
    """A project's month, three times."""

    gate: Sums
    """People seen, man-days, gross wages of the days."""
    sheet: Sums
    """People, man-days, gross wages on the sheets."""
    bank: Sums
    """People paid, man-days on lines that are paid whole, money received."""
    net_fen: int
    """On the sheets, after deductions and advances: what should reach the workers."""
    withheld_fen: int
    outside_fen: int
    transit_fen: int
    undecided_days: int
    has_sheet: bool
    is_due: bool
    rows: tuple[Row, ...]
    """Everybody, those who differ most first."""
    counts: Mapping[Difference, int] = field(default_factory=dict)

    @property
    def differing(self) -> tuple[Row, ...]:
        """Those whose three do not agree."""
        return tuple(row for row in self.rows if row.differences)


def compare(gates: Iterable[Gate], sheets: Iterable[Sheet], banks: Iterable[Bank], *, is_due: bool) -> Check:
    """Compare the three for one month of one project. Each worker at most once in each list.

    Args:
        is_due: the pay day has passed. Before, money that has not come is no difference, nor is a missing sheet.

    Raises:
        ValueError: a worker twice in one list.
    """
    at_gate, on_sheet, at_bank = _by_worker(gates), _by_worker(sheets), _by_worker(banks)
    has_sheet = bool(on_sheet)
    rows = []
    for worker_id in sorted(at_gate.keys() | on_sheet.keys() | at_bank.keys()):
        gate, sheet, bank = at_gate.get(worker_id), on_sheet.get(worker_id), at_bank.get(worker_id)
        found, stake = _differences(gate, sheet, bank, is_due=is_due)
        team = gate.team_id if gate and gate.team_id is not None else sheet.team_id if sheet else None
        rows.append(Row(worker_id, team, gate, sheet, bank, found, stake))
    counts: dict[Difference, int] = defaultdict(int)
    for row in rows:
        for each in row.differences:
            counts[each] += 1
    whole = [row for row in rows if _is_paid_whole(row)]
    return Check(
        gate=Sums(
            sum(_was_seen(g) for g in at_gate.values()), sum(g.day_milli for g in at_gate.values()),
            sum(g.accrued_fen for g in at_gate.values()),
        ),
        sheet=Sums(len(on_sheet), sum(s.day_milli for s in on_sheet.values()), sum(s.gross_fen for s in on_sheet.values())),
        bank=Sums(
            sum(b.paid_fen > 0 for b in at_bank.values()), sum(row.sheet.day_milli for row in whole if row.sheet),
            sum(b.paid_fen for b in at_bank.values()),
        ),
        net_fen=sum(s.net_fen for s in on_sheet.values()),
        withheld_fen=sum(s.withheld_fen for s in on_sheet.values()),
        outside_fen=sum(b.outside_fen for b in at_bank.values()),
        transit_fen=sum(b.transit_fen for b in at_bank.values()),
        undecided_days=sum(g.undecided_days for g in at_gate.values()),
        has_sheet=has_sheet,
        is_due=is_due,
        rows=tuple(sorted(rows, key=lambda r: (not r.differences, not r.is_red, -r.at_stake_fen, r.worker_id))),
        counts=dict(counts),
    )  # fmt: skip


def _by_worker(given):
    found = {}
    for each in given:
        if each.worker_id in found:
            raise ValueError("a worker is in each list once")
        found[each.worker_id] = each
    return found


def _was_seen(gate: Gate | None) -> bool:
    return gate is not None and bool(gate.day_milli or gate.undecided_days)


def _is_paid_whole(row: Row) -> bool:
    return row.sheet is not None and row.bank is not None and row.sheet.net_fen > 0 and row.bank.paid_fen >= row.sheet.net_fen


def _differences(gate: Gate | None, sheet: Sheet | None, bank: Bank | None, *, is_due: bool) -> tuple[tuple[Difference, ...], int]:
    found: list[Difference] = []
    stakes = [0]
    accrued, days = (gate.accrued_fen, gate.day_milli) if gate else (0, 0)
    paid = bank.paid_fen if bank else 0
    seen = _was_seen(gate)
    # Wages without a day (paid leave, a share of measured work) are what the facts say, and nobody's invention.
    if paid > 0 and not seen and not accrued:
        found.append(Difference.PAID_WITHOUT_WORK)
        stakes.append(paid)
    if sheet is None:
        if is_due and (days or accrued):
            found.append(Difference.NOT_ON_SHEET)
            stakes.append(accrued)
    else:
        if not seen and not accrued and (sheet.day_milli or sheet.gross_fen):
            found.append(Difference.NOT_AT_GATE)
        elif sheet.day_milli != days:
            found.append(Difference.DAYS_MORE if sheet.day_milli > days else Difference.DAYS_FEWER)
        if sheet.gross_fen != accrued and Difference.NOT_AT_GATE not in found:
            found.append(Difference.SUM_MORE if sheet.gross_fen > accrued else Difference.SUM_LESS)
        stakes.append(abs(sheet.gross_fen - accrued))
        if sheet.disputed:
            found.append(Difference.DISPUTED)
        if sheet.unsigned and paid > 0:
            found.append(Difference.UNSIGNED)
    expected = sheet.net_fen if sheet else accrued
    if is_due and expected > 0 and paid <= 0:
        found.append(Difference.UNPAID)
        stakes.append(expected)
    elif is_due and 0 < paid < expected:
        found.append(Difference.UNDERPAID)
        stakes.append(expected - paid)
    elif paid > max(expected, 0) and Difference.PAID_WITHOUT_WORK not in found:
        found.append(Difference.OVERPAID)
        stakes.append(paid - max(expected, 0))
    if bank and bank.outside_fen > 0:
        found.append(Difference.OUTSIDE)
    if gate and gate.undecided_days:
        found.append(Difference.UNDECIDED)
    return tuple(sorted(found, key=_ORDER.__getitem__)), max(stakes)


_ORDER = {each: place for place, each in enumerate(Difference)}


@dataclass(frozen=True, slots=True)
class TeamRow:
    """One team, three times."""

    team_id: int | None
    gate: Sums
    sheet: Sums
    bank: Sums
    differing: int
    """People whose three do not agree."""
    red: int


def teams_of(check: Check) -> tuple[TeamRow, ...]:
    """Return the check by team, the most red first; people without a team last. The sums are those of the check."""
    of: dict[int | None, list[Row]] = defaultdict(list)
    for row in check.rows:
        of[row.team_id].append(row)
    found = [
        TeamRow(
            team_id,
            Sums(
                sum(_was_seen(r.gate) for r in rows), sum(r.gate.day_milli for r in rows if r.gate),
                sum(r.gate.accrued_fen for r in rows if r.gate),
            ),
            Sums(
                sum(r.sheet is not None for r in rows), sum(r.sheet.day_milli for r in rows if r.sheet),
                sum(r.sheet.gross_fen for r in rows if r.sheet),
            ),
            Sums(
                sum(r.bank is not None and r.bank.paid_fen > 0 for r in rows),
                sum(r.sheet.day_milli for r in rows if r.sheet and _is_paid_whole(r)),
                sum(r.bank.paid_fen for r in rows if r.bank),
            ),
            sum(bool(r.differences) for r in rows),
            sum(r.is_red for r in rows),
        )
        for team_id, rows in of.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda t: (t.team_id is None, -t.red, -t.differing, t.team_id or 0)))
