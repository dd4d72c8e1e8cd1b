"""Settlement on leaving (退场工资结算确认书): one worker, every month, one signature. Pure.

    SettledLine, Leaver     his months and who he is
    settlement_sheet        -> xlsx, A4 upright
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.forms.book import Book, Column, Stamp, Table, days, money, shown


@dataclass(frozen=True, slots=True)
class SettledLine:
    """One month of work."""

    month: date
    day_milli: int
    gross_fen: int
    withheld_fen: int
    paid_fen: int

    @property
    def owed_fen(self) -> int:
        return self.gross_fen - self.withheld_fen - self.paid_fen


@dataclass(frozen=True, slots=True)
class Leaver:
    """Who leaves."""

    name: str
    id_number: str
    """Whole: he signs for it."""
    project: str
    general: str
    company: str
    team: str
    trade: str
    entry_on: date
    exit_on: date
    """His last day on the project."""
    phone: str = ""
    owed_due_on: date | None = None
    """Day by which what is still owed is promised."""
    content_hash: str = ""
    """Fingerprint of the settlement, hex digits."""


def settlement_sheet(leaver: Leaver, lines: Sequence[SettledLine], stamp: Stamp) -> bytes:
    """The paper he signs. It says 结清 only when nothing is owed over all months; what is owed otherwise, and by when it is promised."""
    book = Book(stamp.word("settlement_title"), stamp)
    columns = (
        Column("month", 12, "centre"), Column("day_milli", 11, "days", True), Column("accrued", 16, "money", True),
        Column("withheld", 14, "money", True), Column("paid_all", 16, "money", True), Column("owed", 16, "money", True),
    )  # fmt: skip
    table = Table(book, "settlement", columns, portrait=True)
    table.title(stamp.word("settlement_title"))
    table.facts([("project", leaver.project), ("general", leaver.general)])
    table.facts([("company", leaver.company), ("team", leaver.team), ("trade", shown("trade", leaver.trade, stamp))])
    table.facts([("name", leaver.name), ("id_number", leaver.id_number), ("phone", leaver.phone)])
    table.facts([("entry_on", str(leaver.entry_on)), ("exit_on", str(leaver.exit_on)), ("money_unit", table.book.stamp.word("yuan"))])
    table.head()
    for line in lines:
        table.add(
            {"month": f"{line.month:%Y-%m}", "day_milli": days(line.day_milli), "accrued": money(line.gross_fen), "withheld": money(line.withheld_fen),
             "paid_all": money(line.paid_fen), "owed": money(line.owed_fen)},
            sums={"day_milli": line.day_milli, "accrued": line.gross_fen, "withheld": line.withheld_fen, "paid_all": line.paid_fen, "owed": line.owed_fen},
        )  # fmt: skip
    table.total(stamp.word("total"), span=1)
    owed = sum(line.owed_fen for line in lines)
    if owed <= 0:
        said = stamp.word("settled_yes", entry=leaver.entry_on, exit=leaver.exit_on)
    elif leaver.owed_due_on:
        said = stamp.word("settled_no", yuan=f"{owed / 100:.2f}", due=leaver.owed_due_on)
    else:
        said = stamp.word("settled_no_due", yuan=f"{owed / 100:.2f}")
    table.across(said, height=48, font_size=11, align="left")
    table.note(stamp.word("settlement_rights"))
    if leaver.content_hash:
        table.note(f"{stamp.word('settlement_hash')} {leaver.content_hash}")
    table.sign(("sign_person", "sign_date"))
    table.sign(("sign_sub_seal", "sign_general_seal"))
    return book.bytes()
