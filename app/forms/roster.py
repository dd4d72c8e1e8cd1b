"""The roster as an Excel file: rows in, an empty workbook to fill in out. Pure: bytes to values and back.

    read_roster        xlsx bytes -> Roster: every row that is not blank, each with its values or its faults
    roster_workbook    an empty workbook with headings, drop-downs and notes

A row is never dropped: what cannot be read becomes a ``CellFault`` on the row that holds it. A file that cannot
be read at all is one ``Unusable`` with one reason. Faults never carry the cell's content: it may be a person's.
"""

import contextlib
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.parsers import expat

import xlsxwriter
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.cell import column_index_from_string, coordinate_from_string
from openpyxl.utils.datetime import from_excel
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from app.domain.identity import NumberWrong, check_phone, check_uscc
from app.errors import TooLarge, Unusable
from app.wording import papers as words
from app.wording import terms as pay_words

ROWS_MAX = 20_000
"""People of one file. The largest site of the seed county had 2,000."""
UNPACKED_BYTES_MAX = 32 * 1024**2
"""20,000 full rows of the template unpack to about 11 MB; a zip bomb to gigabytes."""
PARTS_MAX = 1_000
ELEMENTS_MAX = {"c": 500_000, "string": 300_000, "row": 1_100_000, "content": 1_500_000, "other": 100_000}
"""XML elements of one file. openpyxl makes objects of them, at 2 microseconds for a row, 5 for a cell, 15 for a
string and 30 for a style, and a few hundred kilobytes may hold millions: what is allowed costs some ten seconds."""
ATTRIBUTE_CHARACTERS_MAX = 4_000_000
"""Of all elements that are neither rows nor cells nor strings, together: some are lists of ranges to be read."""
EXCEL_ROWS = 1_048_576
ROWS_WALKED_MAX = 4 * EXCEL_ROWS
"""Rows of all sheets down to the last one of each, those left out included: a blank one costs half a microsecond."""
FORMAT_CHARACTERS_MAX = 255
"""Excel's own limit. openpyxl needs the square of a format's length to see that it is no date."""
OLD_BEGINNINGS = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x09\x08", b"\x09\x04", b"\x09\x02", b"\x09\x00")
"""Of an .xls: the container of Excel 97 and of protected workbooks, and the bare sheets of Excel 2 to 5."""
HEADING_ROWS = 10
COLUMNS_MAX = 64
RATE_FEN_MAX = 10_000_000
"""100,000 yuan a day: above it a comma was lost or a month's pay was meant."""

REQUIRED = ("name", "id_number", "company", "team", "day_rate", "entry_on")

HEADINGS: dict[str, tuple[str, ...]] = {
    "name": ("姓名", "工人姓名", "人员姓名", "name", "worker name", "full name"),
    "id_number": ("身份证号", "身份证号码", "身份证", "证件号码", "证件号", "公民身份号码", "id number", "identity number", "id no"),
    "sex": ("性别", "sex", "gender"),
    "phone": ("手机号", "手机号码", "手机", "联系电话", "电话", "联系方式", "phone", "mobile", "phone number"),
    "company": ("单位", "单位名称", "用工单位", "所属单位", "参建单位", "企业名称", "公司", "company", "company name", "employer"),
    "uscc": ("统一社会信用代码", "社会信用代码", "信用代码", "credit code", "uscc", "unified social credit code"),
    "role": ("参建类型", "单位类型", "企业类型", "company role", "role"),
    "team": ("班组", "班组名称", "所在班组", "team", "team name", "crew"),
    "trade": ("工种", "岗位", "trade", "work type"),
    "day_rate": ("日工资", "日工资标准", "工资标准", "日薪", "单价", "day rate", "daily rate", "daily wage"),
    "entry_on": ("进场日期", "进场时间", "入场日期", "入场时间", "entry date", "start date", "entry"),
    "exit_on": ("退场日期", "退场时间", "离场日期", "离场时间", "exit date", "end date", "exit", "last day"),
    "pay_kind": ("计薪方式", "计酬方式", "工资类型", "pay kind", "kind of pay"),
    # Not 单位, which is the company.
    "unit": ("计量单位", "计价单位", "计件单位", "unit", "unit of work"),
    # In the words of the desk's form, and no wider: a column of sums or of other contracts must go on being passed over.
    "overtime_rule": ("加班怎么算", "加班计价方式", "overtime pay", "overtime rule"),
    "relation": ("签的是", "签订的是", "合同或书面协议", "signed agreement", "contract or agreement"),
    "card": ("卡号", "实名卡号", "考勤卡号", "ic卡号", "card number", "card no", "card"),
}
"""Column -> headings it goes by, without spaces, brackets and case."""

_BLANKS = {0x00A0: " ", 0x3000: " ", 0x200B: None, 0x200C: None, 0x200D: None, 0xFEFF: None, 0x2060: None}
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_CLEAN = {**_BLANKS, **_WIDE}


@dataclass(frozen=True, slots=True)
class CellFault:
    """One thing wrong with one cell. ``column`` is a key of ``HEADINGS``, or empty for the whole row."""

    column: str
    code: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RosterRow:
    """One row as it was written, cell by cell made usable. A value with a fault is None."""

    sheet: str
    number: int
    """As Excel shows it, from 1."""
    name: str | None = None
    id_number: str | None = None
    """Digits and X; its check digit is not looked at here."""
    sex: str | None = None
    """``M``, ``F`` or None when the file does not say."""
    phone: str | None = None
    company: str | None = None
    uscc: str | None = None
    role: str | None = None
    """Code of ``app.wording.papers.COMPANY_ROLES``."""
    team: str | None = None
    trade: str | None = None
    day_rate_fen: int | None = None
    entry_on: date | None = None
    exit_on: date | None = None
    """First day no longer on the project: the day after the last day written in the file."""
    card: str | None = None
    pay_kind: str = "day"
    """``day``, ``hour``, ``month`` or ``piece``: what ``day_rate_fen`` is for; by the day when the file does not say."""
    unit: str | None = None
    """Of measured work, for ``piece``."""
    overtime_rule: str | None = None
    """``law``, ``units`` or ``none``; None when the file does not say."""
    relation: str | None = None
    """``labour_contract`` or ``work_agreement``; None when the file does not say."""
    faults: tuple[CellFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Roster:
    """What was found in the file."""

    rows: tuple[RosterRow, ...]
    sheets_read: tuple[str, ...]
    sheets_left_out: tuple[str, ...]
    """Hidden ones, and ones without a heading row."""


def read_roster(content: bytes, *, bytes_max: int, rows_max: int = ROWS_MAX) -> Roster:
    """Read every visible sheet that has a heading row among its first ten rows.

    Args:
        bytes_max: largest file.
        rows_max: most people in one file.

    Raises:
        TooLarge: ``roster_too_large``; ``roster_unpacks_too_large`` when the parts would be too big unpacked.
        Unusable: ``roster_empty_file``, ``roster_old_format`` (.xls or protected by a password),
            ``roster_not_xlsx``, ``roster_no_headings``, ``roster_column_missing``, ``roster_heading_twice``,
            ``roster_no_rows``, ``roster_too_many_rows``.
    """
    formulas = _check_container(content, bytes_max)
    reader = _Reader(content)
    try:
        reader.read()
        rows: list[RosterRow] = []
        read: list[str] = []
        left_out: list[str] = []
        for sheet, part in reader.sheets:
            if sheet.sheet_state != "visible":
                left_out.append(sheet.title)
                continue
            found = _sheet_rows(sheet, reader.wb.epoch, formulas.get(part, frozenset()), rows_max - len(rows), rows_max)
            if found is None:
                left_out.append(sheet.title)
            else:
                read.append(sheet.title)
                rows.extend(found)
    except (Unusable, TooLarge):
        raise
    except Exception as error:  # openpyxl raises whatever its parsers met, the sheets' own only while they are read
        raise Unusable("roster_not_xlsx", f"openpyxl: {type(error).__name__}") from None
    finally:
        reader.archive.close()
    if not read:
        raise Unusable("roster_no_headings", "no visible sheet has a heading row", rows=HEADING_ROWS)
    if not rows:
        raise Unusable("roster_no_rows", "headings but nobody below them")
    return Roster(_without_repeats(rows), tuple(read), tuple(left_out))


# --- the container -----------------------------------------------------------------------------------------


def _check_container(content: bytes, bytes_max: int) -> dict[str, Set[tuple[int, int]]]:
    """Refuse what could hurt before anything is made of it.

    Returns:
        Part -> its cells that are formulas, as (row from 1, column from 0): their last value may be missing, which
        must not look like a blank cell.
    """
    if not content:
        raise Unusable("roster_empty_file", "no bytes")
    if len(content) > bytes_max:
        raise TooLarge("roster_too_large", f"{len(content)} bytes", limit=bytes_max)
    if content.startswith(OLD_BEGINNINGS):
        raise Unusable("roster_old_format", "an OLE file, or a sheet of before it")
    look = _Look()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            # zipfile never unpacks more of a part than its directory declares, so the sum binds.
            if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
                raise TooLarge("roster_unpacks_too_large", f"{len(parts)} parts", limit=UNPACKED_BYTES_MAX)
            if "[Content_Types].xml" not in archive.namelist():
                raise Unusable("roster_not_xlsx", "a zip, but not a workbook")
            for part in parts:
                # Whatever it is called: the workbook itself says which part is its sheets and strings.
                look.at(part.filename, archive.read(part))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise Unusable("roster_not_xlsx", type(error).__name__) from None
    except Exception as error:
        if isinstance(error, (Unusable, TooLarge)):
            raise
        raise Unusable("roster_not_xlsx", type(error).__name__) from None  # zlib.error has no common base
    return look.formulas


class _Look:
    """Counts the elements of one file's parts with the parser openpyxl uses too, and makes nothing of them."""

    KINDS = {"c": "c", "si": "string", "is": "string", "row": "row", **dict.fromkeys(("v", "f", "t", "phoneticPr"), "content")}

    def __init__(self) -> None:
        self.formulas: dict[str, set[tuple[int, int]]] = {}
        self._counts: Counter[str] = Counter()
        self._characters = self._rows_walked = 0

    def at(self, part: str, text: bytes) -> None:
        """Look at one part. One that is not XML is a picture, or openpyxl will stop at the very same place."""
        self._part, self._row, self._row_last = part, 0, 0
        self._cell, self._cells_after, self._in_cell = None, 0, False
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._element
        parser.StartDoctypeDeclHandler = self._document_type
        with contextlib.suppress(expat.ExpatError):
            parser.Parse(text, True)
        self._rows_walked += self._row_last
        if self._rows_walked > ROWS_WALKED_MAX:
            raise TooLarge("roster_unpacks_too_large", "too many rows left out", limit=UNPACKED_BYTES_MAX)

    def _document_type(self, *_: object) -> None:
        # No workbook declares a document type; entities that unfold into gigabytes need one.
        raise Unusable("roster_not_xlsx", "declares a document type")

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        kind = self.KINDS.get(name, "other")
        self._counts[kind] += 1
        if self._counts[kind] > ELEMENTS_MAX[kind]:
            raise TooLarge("roster_unpacks_too_large", f"too many elements: {kind}", limit=UNPACKED_BYTES_MAX)
        if kind == "c":
            self._cell, self._cells_after = (attributes["r"], 0) if "r" in attributes else (self._cell, self._cells_after + 1)
            self._in_cell = True
        elif kind == "row":
            self._row = int(float(attributes.get("r", self._row + 1)))
            if not 0 < self._row <= EXCEL_ROWS:
                raise Unusable("roster_not_xlsx", "a row where no sheet has one")
            self._row_last = max(self._row_last, self._row)
            self._cell, self._cells_after, self._in_cell = None, 0, False
        elif name == "f" and self._in_cell:
            column = column_index_from_string(coordinate_from_string(self._cell)[0]) if self._cell else 0
            self.formulas.setdefault(self._part, set()).add((self._row, column + self._cells_after - 1))
        elif kind == "other":
            # Rules and lists after the cells have formulas of their own.
            self._in_cell = False
            self._characters += sum(map(len, attributes.values()))
            if self._characters > ATTRIBUTE_CHARACTERS_MAX or len(attributes.get("formatCode", "")) > FORMAT_CHARACTERS_MAX:
                raise TooLarge("roster_unpacks_too_large", "attributes too long", limit=UNPACKED_BYTES_MAX)


class _Reader(ExcelReader):
    """openpyxl's reader without what a roster never needs: names, links, charts, properties, themes."""

    def __init__(self, content: bytes) -> None:
        try:
            super().__init__(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        except Exception as error:  # noqa: BLE001 - whatever openpyxl meets in somebody's file
            raise Unusable("roster_not_xlsx", f"openpyxl: {type(error).__name__}") from None
        self.sheets: list[tuple[ReadOnlyWorksheet, str]] = []
        """Sheets with the part each is read from."""

    def read(self) -> None:
        """Read everything but the rows, which are read as they are asked for."""
        self.read_manifest()
        self.read_strings()
        self.read_workbook()
        apply_stylesheet(self.archive, self.wb)
        found = [(sheet, rel.target) for sheet, rel in self.parser.find_sheets() if "chartsheet" not in rel.Type]
        if len({part for _, part in found}) < len(found):
            # A thousand sheets of one part would be read a thousand times.
            raise Unusable("roster_not_xlsx", "two sheets are the same part")
        for sheet, part in found:
            if part in self.valid_files:
                opened = ReadOnlyWorksheet(self.wb, sheet.name, part, self.shared_strings)
                opened.sheet_state = sheet.state
                self.sheets.append((opened, part))


# --- rows --------------------------------------------------------------------------------------------------


def _sheet_rows(sheet: Any, epoch: datetime, formulas: Set[tuple[int, int]], room: int, rows_max: int) -> list[RosterRow] | None:
    sheet.reset_dimensions()  # the dimension a file declares is often wrong, and may claim a million rows
    columns: dict[str, int] | None = None
    head: list[tuple[int, tuple[Any, ...]]] = []
    rows: list[RosterRow] = []
    # openpyxl gives one and the same tuple for every row a file leaves out; there may be a million of them.
    blank = None
    for number, cells in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX), start=1):
        if cells is blank:
            continue
        if columns is None:
            head.append((number, cells))
            columns = _heading_columns(cells, sheet.title)
            if columns is None and number >= HEADING_ROWS:
                break
            continue
        if all(_is_blank(cell) and (number, at) not in formulas for at, cell in enumerate(cells)):
            blank = cells
            continue
        if not any(at < len(cells) and (not _is_blank(cells[at]) or (number, at) in formulas) for at in columns.values()):
            # Only columns nobody asks for, such as a serial number drawn down too far: nobody is on this row.
            continue
        if len(rows) >= room:
            raise Unusable("roster_too_many_rows", "more rows than a file may have", limit=rows_max)
        rows.append(_row(sheet.title, number, cells, columns, epoch, formulas))
    if columns is None:
        best = max((_matches(cells) for _, cells in head), key=len, default={})
        if {"name", "id_number"} & best.keys() and len(best) >= 3:
            # A heading row that lacks what is needed is worth one clear sentence, not "no headings".
            missing = [column for column in REQUIRED if column not in best]
            raise Unusable(
                "roster_column_missing",
                "required headings are missing",
                sheet=sheet.title,
                columns="、".join(HEADINGS[column][0] for column in missing),
                columns_en=", ".join(HEADINGS_EN[column] for column in missing),
            )
        return None
    return rows


def _matches(cells: tuple[Any, ...]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, cell in enumerate(cells):
        column = _BY_HEADING.get(_heading(cell.value)) if isinstance(cell.value, str) else None
        if column is not None:
            found.setdefault(column, []).append(at)
    return found


def _heading_columns(cells: tuple[Any, ...], sheet: str) -> dict[str, int] | None:
    found = _matches(cells)
    if any(column not in found for column in REQUIRED):
        return None
    for column, places in found.items():
        if len(places) > 1:
            raise Unusable("roster_heading_twice", "two columns mean the same", sheet=sheet, column=HEADINGS[column][0])
    return {column: places[0] for column, places in found.items()}


def _heading(text: str) -> str:
    text = re.sub(r"\(.*?\)|\[.*?\]|【.*?】", "", text.translate(_CLEAN))
    text = re.sub(r"[*:：#\"']", "", text).casefold()
    return re.sub(r"[\s_./-]+", "", text)


_BY_HEADING = {_heading(said): column for column, names in HEADINGS.items() for said in names}
HEADINGS_EN = {column: next(said for said in names if said.isascii()) for column, names in HEADINGS.items()}
"""Column -> its English heading."""
TITLES_EN = {column: said.capitalize().replace("Id ", "ID ") for column, said in HEADINGS_EN.items()}
"""Column -> its English heading as a title."""


def _row(
    sheet: str, number: int, cells: tuple[Any, ...], columns: dict[str, int], epoch: datetime, formulas: Set[tuple[int, int]]
) -> RosterRow:
    values: dict[str, Any] = {}
    faults: list[CellFault] = []
    for column, at in columns.items():
        cell = cells[at] if at < len(cells) else None
        try:
            if cell is not None and cell.data_type == "e":
                raise _Wrong("cell_error")
            if cell is None or _is_blank(cell):
                if (number, at) in formulas:
                    raise _Wrong("formula_without_value")
                if column in REQUIRED:
                    raise _Wrong("cell_missing")
                continue
            field_name, value = _READERS[column](cell.value, epoch)
            values[field_name] = value
        except _Wrong as wrong:
            faults.append(CellFault(column, wrong.code, wrong.facts))
    if values.get("entry_on") and values.get("exit_on") and values["exit_on"] <= values["entry_on"]:
        faults.append(CellFault("exit_on", "exit_before_entry"))
    return RosterRow(sheet, number, faults=tuple(faults), **values)


def _without_repeats(rows: list[RosterRow]) -> tuple[RosterRow, ...]:
    """The same rows; a person or card that stood above already is a fault of the later row."""
    people: dict[str, RosterRow] = {}
    cards: dict[str, RosterRow] = {}
    kept: list[RosterRow] = []
    for row in rows:
        faults = list(row.faults)
        if row.id_number is not None:
            first = people.setdefault(row.id_number, row)
            if first is not row:
                faults.append(CellFault("id_number", "row_repeated", {"sheet": first.sheet, "first_row": first.number}))
        if row.card is not None:
            first = cards.setdefault(row.card, row)
            # A repeated person repeats his card too; that is one mistake, not two.
            if first is not row and first.id_number != row.id_number:
                faults.append(CellFault("card", "card_repeated", {"sheet": first.sheet, "first_row": first.number}))
        if len(faults) != len(row.faults):
            row = _with_faults(row, tuple(faults))
        kept.append(row)
    return tuple(kept)


def _with_faults(row: RosterRow, faults: tuple[CellFault, ...]) -> RosterRow:
    return RosterRow(**{name: getattr(row, name) for name in row.__slots__ if name != "faults"}, faults=faults)


# --- cells -------------------------------------------------------------------------------------------------


class _Wrong(Exception):
    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


def _is_blank(cell: Any) -> bool:
    return cell.value is None or (isinstance(cell.value, str) and not cell.value.translate(_CLEAN).strip())


def tidy_text(text: str) -> str:
    """Without invisible characters, and spaces at the ends or doubled inside; letters and signs stay as they were written."""
    return " ".join(text.translate(_BLANKS).split())


def clean_text(text: str) -> str:
    """Without full-width letters and digits, invisible characters, and spaces at the ends or doubled inside."""
    return " ".join(text.translate(_CLEAN).split())


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Wrong("cell_not_text")
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= 1e15:
            raise _Wrong("cell_not_text")
        value = int(value)
    said = clean_text(str(value))
    if any(ord(sign) < 32 or 0xD800 <= ord(sign) <= 0xDFFF for sign in said):
        raise _Wrong("cell_not_text")
    return said


def _short(name: str, length_max: int) -> Callable[[Any, datetime], tuple[str, str]]:
    def read(value: Any, _epoch: datetime) -> tuple[str, str]:
        said = _text(value)
        if len(said) > length_max:
            raise _Wrong("text_too_long", limit=length_max)
        return name, said

    return read


def _name(value: Any, _epoch: datetime) -> tuple[str, str]:
    if not isinstance(value, str):
        raise _Wrong("name_wrong")
    # The dot inside minority names is typed in five ways.
    said = re.sub(r"\s*[·•・‧∙]\s*", "·", _text(value))
    # 张 三: blanks inside a Chinese name only align the printed column.
    if not said.isascii():
        said = re.sub(r"(?<=[^\x00-\x7f])\s+(?=[^\x00-\x7f])", "", said)
    if len(said) > 100:
        raise _Wrong("text_too_long", limit=100)
    if any(sign.isdigit() for sign in said) or not any(sign.isalpha() for sign in said):
        raise _Wrong("name_wrong")
    return "name", said


def _id_number(value: Any, _epoch: datetime) -> tuple[str, str]:
    # Excel keeps 15 digits of a number: the last three of an ID number are gone for good.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1e15:
        raise _Wrong("id_number_as_number")
    said = re.sub(r"[\s-]", "", _text(value)).lstrip("'").upper()
    if re.fullmatch(r"\d(\.\d+)?E\+?\d+", said):
        raise _Wrong("id_number_as_number")
    return "id_number", said


def _sex(value: Any, _epoch: datetime) -> tuple[str, str]:
    said = {"男": "M", "m": "M", "male": "M", "女": "F", "f": "F", "female": "F"}.get(_text(value).casefold())
    if said is None:
        raise _Wrong("sex_wrong")
    return "sex", said


def _phone(value: Any, _epoch: datetime) -> tuple[str, str]:
    return "phone", _checked(check_phone, value)


def _uscc(value: Any, _epoch: datetime) -> tuple[str, str]:
    if isinstance(value, int | float) and abs(value) >= 1e15:
        raise _Wrong("cell_as_number")
    return "uscc", _checked(check_uscc, value)


def _checked(check: Callable[[str], str], value: Any) -> str:
    try:
        return check(_text(value))
    except NumberWrong as wrong:
        raise _Wrong(wrong.code) from None


def _role(value: Any, _epoch: datetime) -> tuple[str, str]:
    role = words.company_role(_text(value))
    if role is None:
        raise _Wrong("company_role_unknown")
    return "role", role


def _trade(value: Any, _epoch: datetime) -> tuple[str, str]:
    said = _text(value)
    if len(said) > 50:
        raise _Wrong("text_too_long", limit=50)
    return "trade", words.trade(said)


def _card(value: Any, _epoch: datetime) -> tuple[str, str]:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1e15:
        raise _Wrong("cell_as_number")
    said = re.sub(r"\s", "", _text(value))
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,64}", said):
        raise _Wrong("card_wrong")
    return "card", said


def _pay_kind(value: Any, _epoch: datetime) -> tuple[str, str]:
    kind = pay_words.pay_kind(_text(value))
    if kind is None:
        raise _Wrong("pay_kind_unknown")
    return "pay_kind", kind


def _overtime_rule(value: Any, _epoch: datetime) -> tuple[str, str]:
    rule = pay_words.overtime_rule(_text(value))
    if rule is None:
        raise _Wrong("overtime_rule_unknown")
    return "overtime_rule", rule


def _relation(value: Any, _epoch: datetime) -> tuple[str, str]:
    relation = pay_words.relation(_text(value))
    if relation is None:
        raise _Wrong("relation_unknown")
    return "relation", relation


def _rate(value: Any, _epoch: datetime) -> tuple[str, int]:
    return "day_rate_fen", fen(value)


def fen(value: Any) -> int:
    """Yuan as a cell has them -> whole fen, exactly; nothing is rounded.

    Raises:
        _Wrong: ``money_wrong``, ``money_decimals``, ``money_not_positive``, ``money_too_large``.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Wrong("money_wrong")
    if isinstance(value, float):
        # What Excel shows: a sum kept as 350.09999999999997 is 350.1 to whoever typed it.
        said = format(value, ".15g")
    else:
        said = clean_text(str(value)).replace(" ", "")
        said = re.sub(r"^[¥￥]|^rmb", "", said, flags=re.IGNORECASE)
        said = re.sub(r"(元)?(/(天|日|工日|day))?$|元整$", "", said, flags=re.IGNORECASE)
        if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", said):
            said = said.replace(",", "")
    if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,30})?", said):
        raise _Wrong("money_wrong")
    amount = Decimal(said) * 100
    if amount != amount.to_integral_value():
        raise _Wrong("money_decimals")
    if amount <= 0:
        raise _Wrong("money_not_positive")
    if amount > RATE_FEN_MAX:
        raise _Wrong("money_too_large", limit=RATE_FEN_MAX // 100)
    return int(amount)


def _entry(value: Any, epoch: datetime) -> tuple[str, date]:
    return "entry_on", _day(value, epoch)


def _exit(value: Any, epoch: datetime) -> tuple[str, date]:
    # People write the last day they were there; the project lets go of them the day after.
    return "exit_on", _day(value, epoch) + timedelta(days=1)


def _day(value: Any, epoch: datetime) -> date:
    try:
        if isinstance(value, datetime):
            found = value.date()
        elif isinstance(value, date):
            found = value
        elif isinstance(value, bool):
            raise _Wrong("date_wrong")
        elif isinstance(value, int | float):
            # 20260301 typed as a number, or a date whose cell lost its format (36,526 is the first day of 2000).
            if 19_000_101 <= value <= 21_001_231:
                found = _ymd(str(int(value)))
            elif 36_526 <= value <= 73_415:
                serial = from_excel(value, epoch)
                found = serial.date() if isinstance(serial, datetime) else serial
            else:
                raise _Wrong("date_wrong")
        elif isinstance(value, str):
            found = _ymd(clean_text(value))
        else:
            raise _Wrong("date_wrong")
    except (ValueError, OverflowError):
        raise _Wrong("date_wrong") from None
    if not 1990 <= found.year <= 2100:
        raise _Wrong("date_wrong")
    return found


def _ymd(said: str) -> date:
    said = re.sub(r"[ T]\d{1,2}:\d{2}(:\d{2}(\.0+)?)?$", "", said).replace(" ", "")
    parts = re.fullmatch(r"(\d{4})([-/.年])(\d{1,2})[-/.月](\d{1,2})日?", said) or re.fullmatch(r"(\d{4})()(\d{2})(\d{2})", said)
    if parts is None:
        raise _Wrong("date_wrong")
    return date(int(parts[1]), int(parts[3]), int(parts[4]))


_READERS: dict[str, Callable[[Any, datetime], tuple[str, Any]]] = {
    "name": _name,
    "id_number": _id_number,
    "sex": _sex,
    "phone": _phone,
    "company": _short("company", 200),
    "uscc": _uscc,
    "role": _role,
    "team": _short("team", 100),
    "trade": _trade,
    "day_rate": _rate,
    "entry_on": _entry,
    "exit_on": _exit,
    "card": _card,
    "pay_kind": _pay_kind,
    "unit": _short("unit", 16),
    "overtime_rule": _overtime_rule,
    "relation": _relation,
}


# --- out ---------------------------------------------------------------------------------------------------

_TEMPLATE = (
    "name", "id_number", "phone", "company", "uscc", "role", "team", "trade", "entry_on", "exit_on", "card",
    "pay_kind", "day_rate", "unit", "overtime_rule", "relation",
)  # fmt: skip
"""In the order the desk asks: who, where and since when, the card, what was agreed."""
_WIDTHS = {"name": 12, "id_number": 24, "phone": 15, "company": 28, "uscc": 24, "role": 14, "team": 14, "trade": 14, "card": 16}
_SHOWN = {
    "day_rate": ("日工资(元)", "Day rate (yuan)"),
    "exit_on": ("退场日期(最后在场日)", "Exit date (last day)"),
}
_NEW_NAME = ("项目上还没有这个名称；新的才照写，已有的请从下拉列表选。", "The project has no such name yet; a known one is chosen from the list.")
_ROWS_READY = 2_000
"""Rows of the empty workbook that have formats and drop-downs."""


def roster_workbook(language: str = "zh", *, companies: Sequence[str] = (), teams: Sequence[str] = ()) -> bytes:
    """An empty roster to fill in, as xlsx: formats that keep ID numbers whole, drop-downs, and a sheet of notes.

    Args:
        companies, teams: those of the project, to choose from; another one may be typed.

    What it holds can be given back to ``read_roster`` as soon as one person is entered.
    """
    chinese = language != "en"
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    # The same workbook every time: no clock in the file.
    book.set_properties({"title": "花名册" if chinese else "Roster", "created": datetime(2026, 1, 1)})  # noqa: DTZ001
    sheet = book.add_worksheet("花名册" if chinese else "Roster")
    notes = book.add_worksheet("填写说明" if chinese else "Notes")
    title = book.add_format({"bold": True, "bg_color": "#DDE7F3", "border": 1, "text_wrap": True, "valign": "vcenter"})
    needed = book.add_format({"bold": True, "bg_color": "#FBE3D6", "border": 1, "text_wrap": True, "valign": "vcenter"})
    text = book.add_format({"num_format": "@"})
    money = book.add_format({"num_format": "0.00"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})

    # A list inside a rule holds 255 characters; on the sheet of notes it holds a county.
    lists: dict[str, str] = {}
    for at, column, names in ((4, "company", companies), (5, "team", teams)):
        if names:
            letter = "EF"[at - 4]
            lists[column] = f"='{notes.name}'!${letter}$2:${letter}${len(names) + 1}"
            notes.set_column(at, at, 32)
            for line, name in enumerate(names, start=1):
                notes.write_string(line, at, name)

    def shown(column: str) -> str:
        pair = _SHOWN.get(column, (HEADINGS[column][0], TITLES_EN[column]))
        return pair[0 if chinese else 1]

    for at, column in enumerate(_TEMPLATE):
        form = {"day_rate": money, "entry_on": day, "exit_on": day}.get(column, text)
        sheet.set_column(at, at, _WIDTHS.get(column, 14), form)
        sheet.write_string(0, at, shown(column), needed if column in REQUIRED else title)
        rule = _rule(column, chinese, lists)
        if rule:
            sheet.data_validation(1, at, _ROWS_READY, at, rule)
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.repeat_rows(0)

    sheet.set_row(0, 34)
    sheet.fit_to_pages(1, 0)
    notes.set_landscape()
    notes.set_paper(9)
    notes.fit_to_pages(1, 0)
    notes.set_column(0, 0, 24)
    notes.set_column(1, 1, 60, wrapped)
    notes.set_column(2, 2, 28)
    for at, said in enumerate(("栏目", "怎么填", "例") if chinese else ("Heading", "How to fill it in", "Example")):
        notes.write_string(0, at, said, title)
    for at, column in ((4, "company"), (5, "team")):
        if column in lists:
            notes.write_string(0, at, (f"已登记的{HEADINGS[column][0]}" if chinese else f"{TITLES_EN[column]} on record"), title)
    for line, column in enumerate(_TEMPLATE, start=1):
        explained = words.ROSTER_NOTES[column][0 if chinese else 1]
        must = ("必填。" if chinese else "Required. ") if column in REQUIRED else ""
        notes.write_string(line, 0, shown(column))
        notes.write_string(line, 1, must + explained, wrapped)
        notes.write_string(line, 2, words.ROSTER_EXAMPLES[column])
    book.close()
    return out.getvalue()


def _rule(column: str, chinese: bool, lists: Mapping[str, str]) -> dict[str, Any] | None:
    index = 0 if chinese else 1
    said = words.ROSTER_NOTES[column][index][:250]
    base = {"ignore_blank": True, "error_title": "填写有误" if chinese else "Please check", "error_message": said}
    if column in lists:
        return {**base, "validate": "list", "source": lists[column], "error_type": "warning", "error_message": _NEW_NAME[index]}
    if column == "role":
        return {**base, "validate": "list", "source": [words.NAMES[f"company_role.{role}"][index] for role in words.COMPANY_ROLES]}
    if column in ("pay_kind", "overtime_rule", "relation"):
        return {**base, "validate": "list", "source": [pair[index] for key, pair in pay_words.NAMES.items() if key.startswith(f"{column}.")]}
    if column == "trade":
        # A list in a cell holds 255 characters at most: the common ones; anything else may be typed.
        common = _fitting(words.NAMES[f"trade.{trade}"][index] for trade in words.TRADES_COMMON)
        return {**base, "validate": "list", "source": common, "error_type": "information"}
    if column == "id_number":
        return {**base, "validate": "length", "criteria": "==", "value": 18}
    if column == "phone":
        return {**base, "validate": "length", "criteria": "==", "value": 11, "error_type": "warning"}
    if column == "uscc":
        return {**base, "validate": "length", "criteria": "==", "value": 18}
    if column == "day_rate":
        return {**base, "validate": "decimal", "criteria": "between", "minimum": 0.01, "maximum": RATE_FEN_MAX // 100}
    if column in ("entry_on", "exit_on"):
        return {**base, "validate": "date", "criteria": "between", "minimum": date(1990, 1, 1), "maximum": date(2100, 12, 31)}
    return None


def _fitting(names: Iterator[str]) -> list[str]:
    fitting: list[str] = []
    for name in names:
        if len(",".join([*fitting, name])) > 250:
            break
        fitting.append(name)
    return fitting
