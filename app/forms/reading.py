"""Excel files that come in: tables of known columns, and plain cells. Pure: bytes to values, with a fault for each bad cell.

    Field, Form          one column that is looked for; the columns of one kind of sheet
    read_forms           xlsx bytes -> Table for each form: every row that is not blank, with its values or its faults
    read_cells           xlsx bytes -> the cells of its one sheet, for files whose columns a template names
    empty_workbook       a workbook to fill in: headings, formats, drop-downs, a sheet of notes
    exact                a number of a cell as whole thousandths, never rounded

The guards against bombs, entities, damaged files and formulas without a value are those of ``forms.roster``. A row is
never dropped: what cannot be read is a ``CellFault`` of the row that holds it. A file that cannot be read at all is one
refusal with a ``workbook_*`` code. Faults never carry what a cell holds: it may be a person's.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from app.errors import ServiceError, TooLarge, Unusable

# The guards stay with the roster, whose tests hold them; here they say "workbook" where they said "roster".
from app.forms.roster import (
    COLUMNS_MAX,
    HEADING_ROWS,
    CellFault,
    _check_container,
    _heading,
    _is_blank,
    _Reader,
    _Wrong,
    clean_text,
)

ROWS_MAX = 20_000
_ROWS_READY = 1_000
"""Rows of an empty workbook that have formats and drop-downs."""

Read = Callable[[Any, datetime], Any]
"""What a cell holds, and the first day of the workbook's calendar -> the value. Raises ``_Wrong``."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a form."""

    key: str
    headings: tuple[str, ...]
    """The first is the Chinese one we write, the first in ASCII the English one; brackets, blanks and case do not count."""
    read: Read
    required: bool = False
    width: float = 14
    note: tuple[str, str] = ("", "")
    """How to fill it in, Chinese and English."""
    example: str = ""
    number_format: str = "@"
    choices: tuple[tuple[str, str], ...] = ()
    """Chinese and English words of a drop-down; 255 characters in all."""

    @property
    def titles(self) -> tuple[str, str]:
        return self.headings[0], next(said for said in self.headings if said.isascii()).capitalize()


@dataclass(frozen=True, slots=True)
class Form:
    """The columns of one kind of sheet."""

    title: tuple[str, str]
    fields: tuple[Field, ...]
    telling: frozenset[str] = frozenset()
    """Keys of which all stand in a heading row that means this form, even when it lacks a required column."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: the values that could be read, by key, and what is wrong with the others."""

    sheet: str
    number: int
    """As Excel shows it, from 1."""
    values: Mapping[str, Any]
    faults: tuple[CellFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """What was found of one form."""

    rows: tuple[TableRow, ...]
    sheets_read: tuple[str, ...]


@contextmanager
def _as_workbook() -> Iterator[None]:
    """Whatever the guards or openpyxl say, said of a workbook."""
    try:
        yield
    except (Unusable, TooLarge) as error:
        code = error.code.replace("roster_", "workbook_", 1)
        raise type(error)(code, error.detail, **error.facts) from None
    except ServiceError:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever its parsers met, some while rows are read
        raise Unusable("workbook_not_xlsx", f"openpyxl: {type(error).__name__}") from None


def _sheets(content: bytes, bytes_max: int) -> Iterator[tuple[Any, datetime, Set[tuple[int, int]]]]:
    """Each visible sheet that is not empty of cells, the workbook's epoch, and the sheet's cells that are formulas."""
    formulas = _check_container(content, bytes_max)
    reader = _Reader(content)
    try:
        reader.read()
        for sheet, part in reader.sheets:
            if sheet.sheet_state == "visible":
                sheet.reset_dimensions()
                yield sheet, reader.wb.epoch, formulas.get(part, frozenset())
    finally:
        reader.archive.close()


def read_forms(content: bytes, forms: Sequence[Form], *, bytes_max: int, rows_max: int = ROWS_MAX) -> tuple[Table, ...]:
    """Read every visible sheet whose heading row, among its first ten rows, is that of one of ``forms``.

    Args:
        bytes_max: largest file.
        rows_max: most rows of one form in one file.

    Returns:
        A table for each form, in their order. A sheet without such a heading row, as one of notes, is left out.

    Raises:
        TooLarge: ``workbook_too_large``, ``workbook_unpacks_too_large``.
        Unusable: ``workbook_empty_file``, ``workbook_old_format`` (.xls, or protected by a password),
            ``workbook_not_xlsx``, ``workbook_no_headings`` of the first form, ``workbook_column_missing``,
            ``workbook_heading_twice``, ``workbook_too_many_rows``, ``workbook_no_rows`` of the first form.
    """
    found: list[list[TableRow]] = [[] for _ in forms]
    titles: list[list[str]] = [[] for _ in forms]
    with _as_workbook():
        for sheet, epoch, formulas in _sheets(content, bytes_max):
            at, rows = _read_sheet(sheet, epoch, formulas, forms, [rows_max - len(rows) for rows in found], rows_max)
            if at is not None:
                found[at] += rows
                titles[at].append(sheet.title)
    if not titles[0]:
        needed = [field.titles for field in forms[0].fields if field.required]
        raise Unusable(
            "workbook_no_headings", "no visible sheet has a heading row", rows=HEADING_ROWS,
            columns="、".join(zh for zh, _ in needed), columns_en=", ".join(en for _, en in needed),
        )  # fmt: skip
    if not found[0]:
        raise Unusable("workbook_no_rows", "headings but nothing below them")
    return tuple(Table(tuple(rows), tuple(names)) for rows, names in zip(found, titles, strict=True))


def _read_sheet(
    sheet: Any, epoch: datetime, formulas: Set[tuple[int, int]], forms: Sequence[Form], room: Sequence[int], rows_max: int
) -> tuple[int | None, list[TableRow]]:
    """Which form the sheet is, and its rows."""
    form: Form | None = None
    at, columns = 0, dict[str, int]()
    rows: list[TableRow] = []
    # openpyxl gives one and the same tuple for every row a file leaves out; there may be a million of them.
    blank = None
    for number, cells in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX), start=1):
        if cells is blank:
            continue
        if form is None:
            headed = _heading_row(cells, forms, sheet.title)
            if headed is not None:
                at, columns = headed
                form = forms[at]
            elif number >= HEADING_ROWS:
                break
            continue
        if not any(place < len(cells) and (not _is_blank(cells[place]) or (number, place) in formulas) for place in columns.values()):
            # Blank, or only columns nobody asks for, such as a serial number drawn down too far.
            blank = cells
            continue
        if len(rows) >= room[at]:
            raise Unusable("workbook_too_many_rows", "more rows than a file may have", limit=rows_max)
        rows.append(_row(sheet.title, number, cells, form, columns, epoch, formulas))
    return (None if form is None else at), rows


def _heading_row(cells: tuple[Any, ...], forms: Sequence[Form], sheet: str) -> tuple[int, dict[str, int]] | None:
    """The form a row heads and where its columns are; the form with the most columns in it when it could be several."""
    best: tuple[int, int, dict[str, list[int]]] | None = None
    for at, form in enumerate(forms):
        by_heading = {_heading(said): field.key for field in form.fields for said in field.headings}
        places: dict[str, list[int]] = {}
        for place, cell in enumerate(cells):
            key = by_heading.get(_heading(cell.value)) if isinstance(cell.value, str) else None
            if key is not None:
                places.setdefault(key, []).append(place)
        needed = {field.key for field in form.fields if field.required}
        if (needed <= places.keys() or form.telling and form.telling <= places.keys()) and (best is None or len(places) > best[0]):
            best = len(places), at, places
    if best is None:
        return None
    _, at, places = best
    titles = {field.key: field.titles for field in forms[at].fields}
    missing = [field.titles for field in forms[at].fields if field.required and field.key not in places]
    if missing:
        # A heading row that lacks what is needed is worth one clear sentence, not "no headings".
        raise Unusable(
            "workbook_column_missing", "required headings are missing", sheet=sheet[:31],
            columns="、".join(zh for zh, _ in missing), columns_en=", ".join(en for _, en in missing),
        )  # fmt: skip
    for key, found in places.items():
        if len(found) > 1:
            raise Unusable("workbook_heading_twice", "two columns mean the same", sheet=sheet[:31], column=titles[key][0], column_en=titles[key][1])
    return at, {key: found[0] for key, found in places.items()}


def _row(
    sheet: str, number: int, cells: tuple[Any, ...], form: Form, columns: Mapping[str, int], epoch: datetime, formulas: Set[tuple[int, int]]
) -> TableRow:
    values: dict[str, Any] = {}
    faults: list[CellFault] = []
    for field in form.fields:
        if field.key not in columns:
            continue
        place = columns[field.key]
        cell = cells[place] if place < len(cells) else None
        try:
            if cell is not None and cell.data_type == "e":
                raise _Wrong("cell_error")
            if cell is None or _is_blank(cell):
                if (number, place) in formulas:
                    raise _Wrong("formula_without_value")
                if field.required:
                    raise _Wrong("cell_missing")
                continue
            values[field.key] = field.read(cell.value, epoch)
        except _Wrong as wrong:
            faults.append(CellFault(field.key, wrong.code, wrong.facts))
    return TableRow(sheet, number, values, tuple(faults))


UNREADABLE = "="
"""Stands for a formula without a value and for an error in ``read_cells``: nothing a bank writes, so whoever reads the
row finds it wrong instead of blank."""


def read_cells(content: bytes, *, bytes_max: int, rows_max: int = ROWS_MAX) -> list[list[Any]]:
    """Return the cells of the one sheet that holds anything: text, numbers and dates as Excel has them, None for a blank.

    Row n of the file is item n - 1. A formula counts as its last value.

    Raises:
        TooLarge, Unusable: as ``read_forms``; ``workbook_several_sheets``: two visible sheets hold something, and
            only one of them could be meant; an empty workbook is ``workbook_no_rows``.
    """
    found: list[list[Any]] = []
    with _as_workbook():
        for sheet, _, formulas in _sheets(content, bytes_max):
            rows = _plain(sheet, formulas, rows_max)
            if rows and found:
                raise Unusable("workbook_several_sheets", "two sheets hold something")
            found = found or rows
    if not found:
        raise Unusable("workbook_no_rows", "nothing in it")
    return found


def _plain(sheet: Any, formulas: Set[tuple[int, int]], rows_max: int) -> list[list[Any]]:
    rows: list[list[Any]] = []
    blank = None
    for number, cells in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX), start=1):
        if cells is blank:
            continue
        said = [
            UNREADABLE if cell.data_type == "e" or cell.value is None and (number, place) in formulas else cell.value
            for place, cell in enumerate(cells)
        ]
        if all(value is None or isinstance(value, str) and not clean_text(value) for value in said):
            blank = cells
            continue
        if number > rows_max:
            raise Unusable("workbook_too_many_rows", "more rows than a file may have", limit=rows_max)
        rows += [[] for _ in range(number - 1 - len(rows))]
        rows.append(said)
    return rows


# --- cells -----------------------------------------------------------------------------------------------------


def exact(value: Any, *, greatest: int) -> int:
    """A number as a cell has it -> whole thousandths; nothing is rounded.

    Args:
        greatest: of the thousandths; the least is 1.

    Raises:
        _Wrong: ``number_malformed``, ``number_decimals`` beyond the third, ``number_range``.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Wrong("number_malformed")
    # What Excel shows: a sum kept as 350.09999999999997 is 350.1 to whoever typed it.
    said = format(value, ".15g") if isinstance(value, float) else clean_text(str(value)).replace(" ", "")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", said):
        said = said.replace(",", "")
    if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,30})?", said):
        raise _Wrong("number_malformed")
    amount = Decimal(said) * 1000
    if amount != amount.to_integral_value():
        raise _Wrong("number_decimals")
    if not 1 <= amount <= greatest:
        raise _Wrong("number_range", greatest=greatest // 1000)
    return int(amount)


# --- out -------------------------------------------------------------------------------------------------------


def empty_workbook(forms: Sequence[Form], *, language: str = "zh", rows: Sequence[Sequence[Mapping[str, Any]]] = ()) -> bytes:
    """A workbook to fill in, one sheet a form and one of notes; what it holds can be given back to ``read_forms``.

    Args:
        rows: for each form what stands there already, by key; text stays text.
    """
    index = 1 if language == "en" else 0
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    # The same workbook every time: no clock in the file.
    book.set_properties({"title": forms[0].title[index], "created": datetime(2026, 1, 1)})  # noqa: DTZ001
    base = {"font_name": "宋体", "font_size": 10, "border": 1, "text_wrap": True, "valign": "vcenter"}
    title = book.add_format({**base, "bold": True, "bg_color": "#DDE7F3"})
    needed = book.add_format({**base, "bold": True, "bg_color": "#FBE3D6"})
    wrapped = book.add_format(base)
    for number, form in enumerate(forms):
        sheet = book.add_worksheet(form.title[index])
        for at, field in enumerate(form.fields):
            style = book.add_format({"font_name": "宋体", "font_size": 10, "num_format": field.number_format})
            sheet.set_column(at, at, field.width, style)
            sheet.write_string(0, at, field.titles[index], needed if field.required else title)
            if field.choices:
                rule = {"validate": "list", "source": [pair[index] for pair in field.choices], "ignore_blank": True}
                rule |= {"error_title": ("填写有误", "Please check")[index], "error_message": field.note[index][:250]}
                sheet.data_validation(1, at, _ROWS_READY, at, rule)
            framed = book.add_format({"font_name": "宋体", "font_size": 10, "num_format": field.number_format, "border": 1})
            for line, known in enumerate(rows[number] if number < len(rows) else (), start=1):
                value = known.get(field.key)
                if isinstance(value, str) and value:
                    sheet.write_string(line, at, value, framed)
                elif isinstance(value, date):
                    sheet.write_datetime(line, at, value, framed)
                elif value is None or value == "":
                    sheet.write_blank(line, at, None, framed)
                else:
                    sheet.write_number(line, at, value, framed)
        sheet.set_row(0, 30)
        sheet.freeze_panes(1, min(2, len(form.fields)))
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.set_footer("&R&8 &P / &N")
    notes = book.add_worksheet(("填写说明", "Notes")[index])
    for at, (width, said) in enumerate(zip((16, 20, 62, 26), (("工作表", "栏目", "怎么填", "例"), ("Sheet", "Heading", "How to fill it in", "Example"))[index], strict=True)):
        notes.set_column(at, at, width)
        notes.write_string(0, at, said, title)
    line = 1
    for form in forms:
        for field in form.fields:
            must = ("必填。", "Required. ")[index] if field.required else ""
            for at, said in enumerate((form.title[index], field.titles[index], must + field.note[index], field.example)):
                notes.write_string(line, at, said, wrapped)
            line += 1
    notes.set_landscape()
    notes.set_paper(9)
    notes.fit_to_pages(1, 0)
    book.close()
    return out.getvalue()
