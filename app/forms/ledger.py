"""The ledger of wages paid (农民工工资支付台账): a worker's year on one page, as the law wants it kept. Pure.

    LedgerHead, LedgerMonth, LedgerWorker     what is printed
    wage_ledger                               -> xlsx, A3, one page a worker, 800 a sheet as Excel holds 1,026 breaks

Employer, period, name, ID number, phone, working time, every item due, every item withheld, net, when and how it was
paid with its proof; and what is still owed after each line. Sums along and down are formulas with their values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from xlsxwriter.utility import xl_col_to_name

from app.forms.book import A3, Book, Column, Stamp, Table, days, hours, money, shown

SHEET_WORKERS_MAX = 800
SCALE = 80
"""Per cent: so the columns are one A3 page wide, also with the wider fonts of other programs than Excel."""


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """What stands over each page."""

    project: str
    from_on: date
    to_on: date
    """Last day told."""
    general: str = ""


@dataclass(frozen=True, slots=True)
class LedgerMonth:
    """One line of a sheet and what was paid for it, fen and milli-days. Gross, withheld, net and owed follow from its parts."""

    month: date
    """First day; of back pay the month it is for."""
    day_milli: int
    overtime_minutes: int
    regular_fen: int
    """基本工资; of piece work what the quantities earned."""
    overtime_fen: int = 0
    allowance_fen: int = 0
    advances_fen: int = 0
    """预支(生活费) taken back, >= 0."""
    social_fen: int = 0
    tax_fen: int = 0
    damage_fen: int = 0
    other_fen: int = 0
    paid_fen: int = 0
    paid_on: tuple[date, ...] = ()
    proof: str = ""
    """Bank's number, or that he signed."""
    note: str = ""

    @property
    def gross_fen(self) -> int:
        return self.regular_fen + self.overtime_fen + self.allowance_fen

    @property
    def withheld_fen(self) -> int:
        return self.advances_fen + self.social_fen + self.tax_fen + self.damage_fen + self.other_fen

    @property
    def net_fen(self) -> int:
        return self.gross_fen - self.withheld_fen

    @property
    def unpaid_fen(self) -> int:
        """Never below 0: what was paid before its month is closed, or too much, pays for no other month."""
        return max(0, self.net_fen - self.paid_fen)


@dataclass(frozen=True, slots=True)
class LedgerWorker:
    """One worker's page."""

    name: str
    id_number: str
    """Whole: the law wants it."""
    phone: str
    company: str
    team: str
    trade: str
    months: tuple[LedgerMonth, ...]
    brought_fen: int = 0
    """Owed from before the period."""

    @property
    def owed_fen(self) -> int:
        return self.brought_fen + sum(line.unpaid_fen for line in self.months)


_COLUMNS = (
    Column("month", 8, "centre"), Column("day_milli", 7, "days", True), Column("overtime", 7, "hours", True),
    Column("regular", 10, "money", True, "ledger_due"), Column("overtime_pay", 9, "item", True, "ledger_due"),
    Column("allowance", 9, "item", True, "ledger_due"), Column("gross_sum", 10, "money", True, "ledger_due"),
    Column("advances", 9.5, "item", True, "ledger_held"), Column("social", 8, "item", True, "ledger_held"),
    Column("tax", 8, "item", True, "ledger_held"), Column("damage", 8.5, "item", True, "ledger_held"),
    Column("other_deduction", 8.5, "item", True, "ledger_held"), Column("deductions", 9, "item", True, "ledger_held"),
    Column("net", 10, "money", True), Column("paid_on", 11, "date", False, "ledger_pay"),
    Column("paid_fen", 10, "money", True, "ledger_pay"), Column("proof", 20, "text", False, "ledger_pay"),
    Column("owed_sum", 10, "money"), Column("note", 9),
)  # fmt: skip


def wage_ledger(
    head: LedgerHead, workers: Sequence[LedgerWorker], stamp: Stamp, *, told: Callable[[int], None] = lambda _done: None
) -> bytes:
    """The ledger of some workers, a page each.

    Args:
        told: is told after each page how many are written.
    """
    book = Book(stamp.word("ledger_title"), stamp)
    for start in range(0, max(len(workers), 1), SHEET_WORKERS_MAX):
        suffix = f" {start // SHEET_WORKERS_MAX + 1}" if len(workers) > SHEET_WORKERS_MAX else ""
        # Excel forgets breaks on a sheet fitted to a page: this one is made to fit by its scale.
        table = Table(book, "ledger", _COLUMNS, paper=A3, fit=False, suffix=suffix)
        table.sheet.set_print_scale(SCALE)
        breaks = []
        for done, worker in enumerate(workers[start : start + SHEET_WORKERS_MAX], start + 1):
            _page(table, head, worker)
            breaks.append(table.row)
            told(done)
        table.sheet.set_h_pagebreaks(breaks[:-1])
    return book.bytes()


def _page(table: Table, head: LedgerHead, worker: LedgerWorker) -> None:
    stamp = table.book.stamp
    table.again()
    table.title(stamp.word("ledger_title"))
    table.facts([("project", head.project), ("general", head.general), ("company", worker.company), ("period", f"{head.from_on} — {head.to_on}"), ("money_unit", table.book.stamp.word("yuan"))])
    table.facts([("name", worker.name), ("id_number", worker.id_number), ("phone", worker.phone), ("team", worker.team),
                 ("trade", shown("trade", worker.trade, stamp))])  # fmt: skip
    table.head(repeat=False)
    letter = {key: xl_col_to_name(at) for key, at in table.at.items()}
    owed_at, brought_row = table.at["owed_sum"], table.row
    for index in range(len(_COLUMNS)):
        table.put(brought_row, index, None, "text")
    table.sheet.merge_range(brought_row, 0, brought_row, 2, "", table.book.cell("centre", bold=True))
    table.sheet.write_string(brought_row, 0, stamp.word("brought"), table.book.cell("centre", bold=True))
    table.put(brought_row, owed_at, money(worker.brought_fen), "money", bold=True)
    table.sheet.set_row(brought_row, 24)
    table.row += 1
    owed = worker.brought_fen
    for line in worker.months:
        owed += line.unpaid_fen
        table.add(_values(line), height=26, sums=_sums(line))
        row = table.last_row
        sums = {
            "gross_sum": (f"=SUM({letter['regular']}{row + 1}:{letter['allowance']}{row + 1})", line.gross_fen),
            "deductions": (f"=SUM({letter['advances']}{row + 1}:{letter['other_deduction']}{row + 1})", line.withheld_fen),
            "net": (f"={letter['gross_sum']}{row + 1}-{letter['deductions']}{row + 1}", line.net_fen),
            "owed_sum": (f"={letter['owed_sum']}{row}+MAX(0,{letter['net']}{row + 1}-{letter['paid_fen']}{row + 1})", owed),
        }
        for key, (formula, fen) in sums.items():
            table.formula(row, table.at[key], formula, "item" if key == "deductions" else "money", fen / 100)
    table.total(stamp.word("total"), span=1)
    total_row = table.row - 1
    table.formula(total_row, owed_at, f"={letter['owed_sum']}{total_row}", "money", owed / 100, bold=True)
    table.sheet.set_row(total_row, 24)
    table.note(stamp.word("ledger_keep"))
    table.sign(("sign_worker", "sign_sub_clerk", "sign_officer", "sign_manager"))


def _values(line: LedgerMonth) -> dict[str, object]:
    # One payment is a date Excel can count with; of several, each on its line.
    paid_on: object = line.paid_on[0] if len(line.paid_on) == 1 else "\n".join(map(str, line.paid_on))
    return {
        "month": f"{line.month:%Y-%m}", "day_milli": days(line.day_milli), "overtime": hours(line.overtime_minutes),
        "paid_on": paid_on, "proof": line.proof, "note": line.note, **{key: money(fen) for key, fen in _fen(line).items()},
    }  # fmt: skip


def _sums(line: LedgerMonth) -> dict[str, int]:
    return {"day_milli": line.day_milli, "overtime": line.overtime_minutes, **_fen(line)}


def _fen(line: LedgerMonth) -> dict[str, int]:
    return {
        "regular": line.regular_fen, "overtime_pay": line.overtime_fen, "allowance": line.allowance_fen, "gross_sum": line.gross_fen,
        "advances": line.advances_fen, "social": line.social_fen, "tax": line.tax_fen, "damage": line.damage_fen,
        "other_deduction": line.other_fen, "deductions": line.withheld_fen, "net": line.net_fen, "paid_fen": line.paid_fen,
    }  # fmt: skip
