"""Three-way check (三方核对表): gate, sheet and bank person by person, with what differs. Pure; the sums are numbers, not formulas.

    CheckHead, CheckLine     whose month, and one worker three times
    three_way_sheet          -> xlsx; lines that differ are coloured
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.forms.book import HELD, WARNED, Book, Column, Stamp, Table, days, money


@dataclass(frozen=True, slots=True)
class CheckHead:
    """Whose month."""

    project: str
    general: str
    month: date
    due_on: date
    """The last day on which it is paid in time."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One worker, three times; None where a side has nothing of him."""

    name: str
    team: str
    gate_milli: int
    undecided: int
    accrued_fen: int
    sheet_milli: int | None
    gross_fen: int | None
    withheld_fen: int | None
    net_fen: int | None
    paid_fen: int
    differences: str
    """What differs, in words; empty when nothing does."""
    is_red: bool


def three_way_sheet(head: CheckHead, lines: Sequence[CheckLine], stamp: Stamp) -> bytes:
    """Everybody of the month, in the order given."""
    book = Book(stamp.word("three_way_title", month=stamp.month(head.month)), stamp)
    columns = (
        Column("no", 5, "count"), Column("name", 11), Column("team", 15),
        Column("gate_days", 9, "days", True, "by_gate"), Column("undecided_days", 9, "count", True, "by_gate"),
        Column("accrued", 13, "money", True, "by_gate"),
        Column("sheet_days", 9, "days", True, "by_sheet"), Column("gross_on_sheet", 13, "money", True, "by_sheet"),
        Column("withheld", 12, "money", True, "by_sheet"), Column("net_on_sheet", 13, "money", True, "by_sheet"),
        Column("paid_bank", 13, "money", True, "by_bank"), Column("differences", 26),
    )  # fmt: skip
    table = Table(book, "three_way", columns)
    table.title(stamp.word("three_way_title", month=stamp.month(head.month)))
    table.facts([("project", head.project), ("general", head.general), ("wages_due_on", str(head.due_on)), ("money_unit", table.book.stamp.word("yuan"))])
    table.head()
    for number, line in enumerate(lines, start=1):
        table.add(
            {
                "no": number, "name": line.name, "team": line.team, "gate_days": days(line.gate_milli),
                "undecided_days": line.undecided or None, "accrued": money(line.accrued_fen), "sheet_days": days(line.sheet_milli),
                "gross_on_sheet": money(line.gross_fen), "withheld": money(line.withheld_fen), "net_on_sheet": money(line.net_fen),
                "paid_bank": money(line.paid_fen), "differences": line.differences,
            },
            colour=WARNED if line.is_red else HELD if line.differences else "",
            sums={
                "gate_days": line.gate_milli, "undecided_days": line.undecided, "accrued": line.accrued_fen,
                "sheet_days": line.sheet_milli or 0, "gross_on_sheet": line.gross_fen or 0, "withheld": line.withheld_fen or 0,
                "net_on_sheet": line.net_fen or 0, "paid_bank": line.paid_fen,
            },
        )  # fmt: skip
    table.total(stamp.word("total"), span=3, formulas=False)
    table.note(stamp.word("three_way_note"))
    table.sign(("sign_maker", "sign_checker"))
    return book.bytes()
