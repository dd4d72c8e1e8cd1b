"""House style of the printed forms: one workbook, sheets of columns, a total row, a signature line. Pure.

    Stamp            when, where and over which chain head a form was made, and in which language
    Column           one column of a table: heading, width, kind of value, total or not
    Book, Table      write a workbook; ``Book.bytes()`` is the same for the same input
    money, days, hours, local_time, shown    fen, milli-days, minutes, instants and codes as a cell has them

Text is always written as text: ``=cmd|...`` typed as a name stays a name, an ID or card number keeps its digits.
Money is a number, fen / 100. A total is a formula with its value stored, so that a reader without a calculator
sees it too. Every sheet prints one page wide, repeats its heading rows, and carries page n / m, the date it was
made and the head of the chain in the footer.
"""

import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from app.domain.counted import filled
from app.forms.words import HEADS
from app.wording import NAMES

FONT = "宋体"
A3, A4 = 8, 9
TEXT_MAX = 1_000
"""Characters of one cell that are printed; the rest is an ellipsis. Excel itself stops at 32,767."""
ROW_HEIGHT = 20
LINE_HEIGHT = 13.5
"""宋体 10 with a little air: at 12.5 the second line of a long name touched the border."""
ROW_HEIGHT_MAX = 400
"""Points. Excel stops at 409."""
WARNED = "#FCE4D6"
HELD = "#FFF2CC"
HEADING = "#DDE7F3"

_SHRINK = {"shrink": True}
"""A number too long for its column is printed smaller; Excel would print ##### instead."""
_KINDS: dict[str, dict[str, Any]] = {
    "text": {"num_format": "@", "text_wrap": True},
    "centre": {"num_format": "@", "text_wrap": True, "align": "center"},
    "count": {"num_format": "0", "align": "center", **_SHRINK},
    "money": {"num_format": "#,##0.00_ ;-#,##0.00_ ", "align": "right", **_SHRINK},
    "item": {"num_format": '#,##0.00_ ;-#,##0.00_ ;"-"_ ', "align": "right", **_SHRINK},
    "days": {"num_format": "#,##0.0##_ ", "align": "right", **_SHRINK},
    "hours": {"num_format": "#,##0.0#_ ", "align": "right", **_SHRINK},
    "number": {"num_format": "#,##0.###_ ", "align": "right", **_SHRINK},
    "date": {"num_format": "yyyy-mm-dd", "align": "center", **_SHRINK},
    "time": {"num_format": "yyyy-mm-dd hh:mm:ss", "align": "center", **_SHRINK},
    "span": {"num_format": "[h]:mm:ss_ ", "align": "right", **_SHRINK},
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the foot of every page says."""

    made_at: datetime
    """Aware, UTC. The date printed is its date in ``zone``."""
    zone: str
    """IANA name of the project's zone, as ``Asia/Shanghai``."""
    head_hash: str
    """Head of the project's chain the form was made from, hex digits; empty when there is none yet."""
    language: str = "zh"
    """``zh`` or ``en``; anything else is Chinese."""
    journal: str = ""
    """Head of the journal before this form was taken, number:hash."""

    @property
    def made_on(self) -> date:
        return self.made_at.astimezone(ZoneInfo(self.zone)).date()

    def word(self, key: str, **facts: Any) -> str:
        """The heading or title ``key`` of ``HEADS`` in the form's language, filled with ``facts``."""
        return filled(HEADS[key][1 if self.language == "en" else 0], facts)

    def month(self, month: date) -> str:
        """A month as a title has it: 2026年3月, March 2026."""
        if self.language == "en":
            return f"{_MONTHS[month.month - 1]} {month.year}"
        return f"{month.year}年{month.month}月"


_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    key: str
    """Of ``HEADS``, and of the values of a row."""
    width: float
    """In characters of Latin text; a Chinese character needs two."""
    kind: str = "text"
    """``text``, ``centre``, ``count``, ``money``, ``item`` (money, nothing is a dash), ``days``, ``hours``, ``number``, ``date``,
    ``time`` or ``span``."""
    total: bool = False
    group: str = ""
    """Key of the heading that stands over this column and its neighbours of the same group."""


def money(fen: int | None) -> float | None:
    """Fen as yuan. Exact to the fen below 90 billion yuan, where Excel's 15 digits end as well."""
    return None if fen is None else fen / 100


def days(milli: int | None) -> float | None:
    """Thousandths of a day as days."""
    return None if milli is None else milli / 1000


def hours(minutes: int | None) -> float | None:
    """Minutes as hours, not rounded: the sum of the cells is the stored total. The format shows hundredths."""
    return None if minutes is None else minutes / 60


def local_time(at: datetime | None, zone: str) -> datetime | None:
    """An aware instant as the wall clock of ``zone`` shows it, without a zone: cells have none.

    Raises:
        ValueError: ``at`` has no zone.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def shown(kind: str, value: str | None, stamp: Stamp) -> str:
    """The name of a code (``trade``, ``welder`` -> 电焊工); what is no code is shown as it is."""
    pair = NAMES.get(f"{kind}.{value}") if value else None
    return pair[1 if stamp.language == "en" else 0] if pair else value or ""


def trimmed(number: float) -> str:
    """A number without idle zeros: 1.50 -> 1.5, 2.0 -> 2."""
    return f"{number:.3f}".rstrip("0").rstrip(".") if number else "0"


def clean(value: object) -> str:
    """Text as a cell can hold it: no control characters, no half characters, at most ``TEXT_MAX``."""
    said = re.sub("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]", " ", str(value))
    return said if len(said) <= TEXT_MAX else said[: TEXT_MAX - 1] + "…"


def _wide(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WFA" else 1 for sign in text)


def lines_of(text: str, width: float) -> int:
    """Lines that a text needs in a cell ``width`` characters wide."""
    return sum(max(1, ceil(_wide(part) * 1.05 / max(width - 0.5, 1))) for part in text.split("\n"))


class Book:
    """A workbook in the making. ``bytes()`` closes it."""

    def __init__(self, title: str, stamp: Stamp) -> None:
        self.stamp = stamp
        self._out = io.BytesIO()
        self._book = xlsxwriter.Workbook(
            self._out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        )
        created = local_time(stamp.made_at, "UTC")
        self._book.set_properties({"title": clean(title), "created": created})
        self._formats: dict[tuple[Any, ...], Any] = {}

    def style(self, **wanted: Any) -> Any:
        """A format, made once: 宋体 10, in the middle of the cell, unless ``wanted`` says otherwise."""
        key = tuple(sorted(wanted.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format({"font_name": FONT, "font_size": 10, "valign": "vcenter", **wanted})
        return self._formats[key]

    def cell(self, kind: str, **more: Any) -> Any:
        """A bordered format for a kind of value."""
        return self.style(border=1, **{**_KINDS[kind], **more})

    def sheet(self, key: str, *, paper: int = A4, portrait: bool = False, fit: bool = True, suffix: str = "") -> Any:
        """A worksheet named by ``HEADS[key]``, set up to print. ``fit``: one page wide; then Excel heeds no breaks."""
        sheet = self._book.add_worksheet(f"{self.stamp.word(key)}{suffix}"[:31])
        sheet.set_paper(paper)
        if portrait:
            sheet.set_portrait()
        else:
            sheet.set_landscape()
        if fit:
            sheet.fit_to_pages(1, 0)
        sheet.center_horizontally()
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.7)
        head = re.sub("[^0-9A-Za-z:_-]", "", self.stamp.head_hash)[:64] or "-"
        made, page, chain = (self.stamp.word(f"foot_{part}") for part in ("made", "page", "chain"))
        # A blank after a size: &8 and then a digit would be another size.
        journal = re.sub("[^0-9A-Za-z:]", "", self.stamp.journal)[:84]
        # A paper about many projects rests on no one chain of passages.
        rests_on = [f"{chain} {head}"] if self.stamp.head_hash or not journal else []
        ends = "\n".join([*rests_on, *([f"{self.stamp.word('foot_journal')} {journal}"] if journal else [])])
        sheet.set_footer(f"&L&8 {made} {self.stamp.made_on.isoformat()}   {page}&R&8 {ends}", {"margin": 0.3})
        sheet.hide_gridlines(2)
        return sheet

    def bytes(self) -> bytes:
        """The finished file."""
        self._book.close()
        return self._out.getvalue()


class Table:
    """One sheet that is a table: title, facts, headings, rows, total, notes, signatures, from the top down.

    ``page``: as ``Book.sheet`` takes it.
    """

    def __init__(self, book: Book, sheet_key: str, columns: Sequence[Column], **page: Any) -> None:
        self.book, self.columns = book, tuple(columns)
        self.sheet = book.sheet(sheet_key, **page)
        self.at = {column.key: index for index, column in enumerate(self.columns)}
        self.row = 0
        self.first_row = self.last_row = -1
        self._sums = {column.key: 0 for column in self.columns if column.total}
        for index, column in enumerate(self.columns):
            self.sheet.set_column(index, index, column.width)

    @property
    def width(self) -> float:
        return sum(column.width for column in self.columns)

    def put(self, row: int, col: int, value: Any, kind: str, **more: Any) -> None:
        """Write one cell by its kind. None is a bordered blank; text stays text."""
        style = self.book.cell(kind, **more)
        if value is None or value == "":
            self.sheet.write_blank(row, col, None, style)
        elif isinstance(value, str):
            self.sheet.write_string(row, col, clean(value), self.book.cell("text" if kind not in ("text", "centre") else kind, **more))
        elif isinstance(value, datetime | date):
            self.sheet.write_datetime(row, col, value, style)
        else:
            self.sheet.write_number(row, col, value, style)

    def across(self, text: str, *, height: float | None = None, **style: Any) -> None:
        """One text over the whole width."""
        form = self.book.style(text_wrap=True, **style)
        said = clean(text)
        lines = lines_of(said, self.width * 10 / style.get("font_size", 10))
        self.sheet.set_row(self.row, height or max(ROW_HEIGHT, min(ROW_HEIGHT_MAX, lines * LINE_HEIGHT + 4)))
        if len(self.columns) > 1:
            # merge_range writes by type: an empty merge first, then the text as text.
            self.sheet.merge_range(self.row, 0, self.row, len(self.columns) - 1, "", form)
        self.sheet.write_string(self.row, 0, said, form)
        self.row += 1

    def title(self, text: str) -> None:
        self.across(text, height=32, bold=True, font_size=16, align="center")

    def facts(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Labelled facts under the title (项目名称：…); those without a value are left out."""
        sign = ": " if self.book.stamp.language == "en" else "："
        said = [f"{self.book.stamp.word(key)}{sign}{value}" for key, value in pairs if value]
        if said:
            self.across("    ".join(said), align="left")

    def again(self) -> None:
        """Begin another table below this one: rows and sums are counted anew."""
        self.first_row = self.last_row = -1
        self._sums = dict.fromkeys(self._sums, 0)

    def head(self, *, repeat: bool = True) -> None:
        """The heading rows, two where columns are grouped; they repeat on every page unless each page has its own."""
        grouped = any(column.group for column in self.columns)
        top, style = self.row, self.book.cell("centre", bold=True, bg_color=HEADING)
        tall = 1
        start = 0
        while start < len(self.columns):
            column = self.columns[start]
            end = start
            while column.group and end + 1 < len(self.columns) and self.columns[end + 1].group == column.group:
                end += 1
            low = top + 1 if grouped else top
            if column.group:
                self._merged(top, start, top, end, self.book.stamp.word(column.group), style)
                for index in range(start, end + 1):
                    self.sheet.write_string(low, index, self.heading(index), style)
            else:
                self._merged(top, start, low, start, self.heading(start), style)
            for index in range(start, end + 1):
                tall = max(tall, lines_of(self.heading(index), self.columns[index].width * 0.95))
            start = end + 1
        self.row = top + (2 if grouped else 1)
        if grouped:
            self.sheet.set_row(top, ROW_HEIGHT)
        self.sheet.set_row(self.row - 1, max(ROW_HEIGHT, tall * LINE_HEIGHT + 6))
        if repeat:
            self.sheet.repeat_rows(top, self.row - 1)
            self.sheet.freeze_panes(self.row, min(2, len(self.columns)))

    def heading(self, index: int) -> str:
        return self.book.stamp.word(self.columns[index].key)

    def _merged(self, row: int, col: int, row_end: int, col_end: int, text: str, style: Any) -> None:
        if (row, col) != (row_end, col_end):
            self.sheet.merge_range(row, col, row_end, col_end, "", style)
        self.sheet.write_string(row, col, clean(text), style)

    def add(self, values: Mapping[str, Any], *, colour: str = "", height: float = ROW_HEIGHT, sums: Mapping[str, int] | None = None) -> None:
        """One row.

        Args:
            values: column key -> what the cell shows; a key that is missing is a blank cell.
            colour: background, as ``#FCE4D6``.
            height: at least, in points; text that wraps makes it more.
            sums: column key -> whole fen, milli-days or minutes that the column's stored total grows by, for every
                column with a total.
        """
        more = {"bg_color": colour} if colour else {}
        if self.first_row < 0:
            self.first_row = self.row
        lines = 1
        for index, column in enumerate(self.columns):
            value = values.get(column.key)
            self.put(self.row, index, value, column.kind, **more)
            if isinstance(value, str):
                lines = max(lines, lines_of(clean(value), column.width))
        for key in self._sums:
            self._sums[key] += (sums or {}).get(key, 0)
        self.sheet.set_row(self.row, max(height, min(ROW_HEIGHT_MAX, lines * LINE_HEIGHT + 2)))
        self.last_row = self.row
        self.row += 1

    def total(self, label: str, *, span: int = 2, formulas: bool = True) -> None:
        """The total row: ``label`` over the first ``span`` columns, a sum with its value under each totalled one.

        Args:
            formulas: False writes the sums as numbers, for a table that is put together with others' elsewhere.
        """
        style = self.book.cell("centre", bold=True)
        self._merged(self.row, 0, self.row, span - 1, label, style)
        for index, column in enumerate(self.columns[span:], start=span):
            if not column.total:
                self.put(self.row, index, None, "text", bold=True)
                continue
            exact = self._sums[column.key]
            value = {"money": money, "item": money, "days": days, "hours": hours}.get(column.kind, lambda sum_: sum_)(exact)
            form = self.book.cell(column.kind, bold=True)
            if self.first_row < 0 or not formulas:
                self.sheet.write_number(self.row, index, value if self.first_row >= 0 else 0, form)
            else:
                letter = xl_col_to_name(index)
                formula = f"=SUM({letter}{self.first_row + 1}:{letter}{self.last_row + 1})"
                self.sheet.write_formula(self.row, index, formula, form, value)
        self.sheet.set_row(self.row, ROW_HEIGHT)
        self.row += 1

    def formula(self, row: int, col: int, formula: str, kind: str, value: float, **more: Any) -> None:
        """A formula with its value stored."""
        self.sheet.write_formula(row, col, formula, self.book.cell(kind, **more), value)

    def note(self, text: str) -> None:
        """A sentence under the table."""
        self.across(text, font_size=9, align="left")

    def sign(self, keys: Sequence[str]) -> None:
        """The signature line: each label with a line to sign on."""
        sign = ": " if self.book.stamp.language == "en" else "："
        self.across("   ".join(f"{self.book.stamp.word(key)}{sign}______________" for key in keys), height=36 if self.width > 110 else 54, align="left")
