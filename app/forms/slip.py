"""Wage slips (工资清单): one page a worker, with a code that anybody can check. Pure.

    Slip, SlipItem     what one page says
    wage_slips         -> xlsx; 800 pages a sheet, as Excel holds 1,026 breaks at most
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import segno

from app.forms.book import Book, Column, Stamp, Table, money, shown, trimmed

SHEET_SLIPS_MAX = 800
QR_PIXELS = 104
_COLUMNS = (Column("slip_item", 24), Column("slip_how", 31), Column("slip_amount", 15, "money"))
"""70 characters: 72 fit on A4 upright, more would print a second page."""


@dataclass(frozen=True, slots=True)
class SlipItem:
    """One item paid or withheld."""

    label: str
    how: str
    """What it was computed from, as ``21.5 天 × 300.00 元``."""
    amount_fen: int
    """Of a withheld item what was taken, >= 0."""


@dataclass(frozen=True, slots=True)
class Slip:
    """One worker's month."""

    name: str
    id_number: str
    """Masked already."""
    company: str
    team: str
    trade: str
    month: date
    day_milli: int
    overtime_minutes: int
    items: tuple[SlipItem, ...]
    withheld: tuple[SlipItem, ...]
    paid_fen: int
    unpaid_fen: int
    paid_on: date | None = None
    code: str = ""
    """Verification code (查验码), grouped for reading out."""

    @property
    def gross_fen(self) -> int:
        return sum(item.amount_fen for item in self.items)

    @property
    def withheld_fen(self) -> int:
        return sum(item.amount_fen for item in self.withheld)

    @property
    def net_fen(self) -> int:
        return self.gross_fen - self.withheld_fen


def wage_slips(
    project: str, slips: Sequence[Slip], stamp: Stamp, *, verify_url: str = "", told: Callable[[int], None] = lambda _done: None
) -> bytes:
    """Slips to hand out.

    Args:
        verify_url: where the code is checked: the code goes behind it, also in the picture that a telephone reads;
            neither picture nor sentence when empty.
        told: is told after each slip how many are written.
    """
    book = Book(stamp.word("slips"), stamp)
    for start in range(0, max(len(slips), 1), SHEET_SLIPS_MAX):
        suffix = f" {start // SHEET_SLIPS_MAX + 1}" if len(slips) > SHEET_SLIPS_MAX else ""
        # Excel forgets breaks on a sheet fitted to a page: the columns are a page wide by themselves.
        table = Table(book, "slips", _COLUMNS, portrait=True, fit=False, suffix=suffix)
        breaks = []
        for done, slip in enumerate(slips[start : start + SHEET_SLIPS_MAX], start + 1):
            _one(table, project, slip, verify_url)
            breaks.append(table.row)
            told(done)
        table.sheet.set_h_pagebreaks(breaks[:-1])
    return book.bytes()


def _one(table: Table, project: str, slip: Slip, verify_url: str) -> None:
    stamp = table.book.stamp
    table.title(stamp.word("slip_title", month=stamp.month(slip.month)))
    table.facts([("project", project)])
    table.facts([("company", slip.company), ("team", slip.team)])
    table.facts([("name", slip.name), ("id_number", slip.id_number), ("trade", shown("trade", slip.trade, stamp))])
    for index, column in enumerate(_COLUMNS):
        table.put(table.row, index, stamp.word(column.key), "centre", bold=True, bg_color="#DDE7F3")
    table.sheet.set_row(table.row, 20)
    table.row += 1
    # Beside the amounts, not among them: these are no yuan.
    _line(table, stamp.word("slip_days"), stamp.word("slip_days_of", n=trimmed(slip.day_milli / 1000)), None, "text")
    _line(table, stamp.word("slip_overtime"), stamp.word("slip_hours_of", n=trimmed(round(slip.overtime_minutes / 60, 2))), None, "text")
    gross = _items(table, slip.items, "slip_gross", slip.gross_fen)
    withheld = _items(table, slip.withheld, "slip_withheld", slip.withheld_fen)
    table.put(table.row, 0, stamp.word("slip_net"), "text", bold=True)
    table.put(table.row, 1, None, "text")
    table.sheet.set_row(table.row, 20)
    table.formula(table.row, 2, f"=C{gross + 1}-C{withheld + 1}", "money", slip.net_fen / 100, bold=True)
    table.row += 1
    _line(table, stamp.word("slip_paid"), "", money(slip.paid_fen), "money")
    _line(table, stamp.word("slip_unpaid"), "", money(slip.unpaid_fen), "money")
    if slip.paid_on:
        _line(table, stamp.word("slip_paid_on"), "", slip.paid_on, "date")
    if slip.code:
        _line(table, stamp.word("slip_code"), slip.code, None, "text")
        if verify_url:
            table.note(stamp.word("slip_verify", url=verify_url))
            _picture(table, verify_url + slip.code)
    table.note(stamp.word("slip_rights"))
    table.sign(("sign_person", "sign_date"))


def _picture(table: Table, address: str) -> None:
    """The address as a QR code on a row of its own, in the middle column: 27 mm, which every telephone reads off paper."""
    out = io.BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(out, kind="png", scale=4, border=2)
    pixels = code.symbol_size(scale=4, border=2)[0]
    table.sheet.set_row_pixels(table.row, QR_PIXELS + 8)
    table.sheet.insert_image(
        table.row, 1, "qr.png",
        {"image_data": out, "x_scale": QR_PIXELS / pixels, "y_scale": QR_PIXELS / pixels, "x_offset": 4, "y_offset": 4,
         "object_position": 1, "description": address},
    )  # fmt: skip
    table.row += 1


def _items(table: Table, items: Sequence[SlipItem], sum_key: str, sum_fen: int) -> int:
    """The items and their sum; returns the row of the sum, from 0."""
    first = table.row
    for item in items:
        _line(table, item.label, item.how, money(item.amount_fen), "money")
    table.put(table.row, 0, table.book.stamp.word(sum_key), "text", bold=True)
    table.put(table.row, 1, None, "text")
    table.sheet.set_row(table.row, 20)
    if items:
        table.formula(table.row, 2, f"=SUM(C{first + 1}:C{table.row})", "money", sum_fen / 100, bold=True)
    else:
        table.put(table.row, 2, 0, "money", bold=True)
    table.row += 1
    return table.row - 1


def _line(table: Table, label: str, how: str, value: object, kind: str) -> None:
    table.add({"slip_item": label, "slip_how": how})
    table.put(table.last_row, 2, value, kind)
