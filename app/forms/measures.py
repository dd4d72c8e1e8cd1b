"""Measured piece work (计件工程量) as an Excel file: what each team did, and, where agreed, each worker's share of it. Pure.

    read_measures        xlsx bytes -> Measures: every row, with its values or its faults
    measures_workbook    an empty workbook to fill in, with drop-downs and notes

Two sheets: 计量 holds the work; 份额 the shares of work that is not split by man-days, each row naming its work by the
number (序号) it has on the first sheet. Nothing is rounded: a quantity has at most three decimals, a price two.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from app.forms.reading import ROWS_MAX, Field, Form, Read, TableRow, empty_workbook, exact, read_forms
from app.forms.roster import CellFault, _day, _id_number, _name, _short, _text, _Wrong, fen

QUANTITY_MILLI_MAX = 1_000_000_000_000
SHARE_MAX = 1_000_000
PERCENTS = (100, 150, 200, 300)


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One worker's share of one work."""

    sheet: str
    number: int
    """As Excel shows it, from 1."""
    no: str | None = None
    """Number of the work on the other sheet."""
    id_number: str | None = None
    """Digits and X; its check digit is not looked at here."""
    name: str | None = None
    share: int | None = None
    """Only the proportion among the shares of one work counts."""
    faults: tuple[CellFault, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One work, cell by cell made usable. A value with a fault is None."""

    sheet: str
    number: int
    no: str | None = None
    team: str | None = None
    month: date | None = None
    """First day of the month it is paid for."""
    measured_on: date | None = None
    item: str | None = None
    unit: str | None = None
    quantity_milli: int | None = None
    unit_price_fen: int | None = None
    percent: int | None = 100
    split_by: str | None = "days"
    """``days`` or ``shares``."""
    shares: tuple[ShareRow, ...] = ()
    """For ``shares``; each may have faults of its own, and then the work cannot be entered."""
    faults: tuple[CellFault, ...] = ()

    @property
    def usable(self) -> bool:
        return not self.faults and not any(share.faults for share in self.shares)


@dataclass(frozen=True, slots=True)
class Measures:
    """What was found in the file."""

    rows: tuple[MeasureRow, ...]
    loose: tuple[ShareRow, ...]
    """Shares that belong to no work of the file, each with its fault."""
    sheets_read: tuple[str, ...]


def read_measures(content: bytes, *, bytes_max: int, rows_max: int = ROWS_MAX) -> Measures:
    """Read measured work and its shares.

    Args:
        bytes_max: largest file.
        rows_max: most works, and most shares, of one file.

    Raises:
        TooLarge, Unusable: as ``reading.read_forms``.
    """
    works, parts = read_forms(content, (_WORK, _SHARES), bytes_max=bytes_max, rows_max=rows_max)
    shares = _without_repeats([_share(row) for row in parts.rows])
    by_no: dict[str, list[ShareRow]] = {}
    for share in shares:
        if share.no is not None:
            by_no.setdefault(share.no, []).append(share)
    rows: list[MeasureRow] = []
    taken: dict[str, MeasureRow] = {}
    for found in works.rows:
        row = _work(found)
        faults = list(row.faults)
        if row.no is not None:
            first = taken.setdefault(row.no, row)
            if first is not row:
                faults.append(CellFault("no", "row_repeated", {"sheet": first.sheet, "first_row": first.number}))
            else:
                row = replace(row, shares=tuple(by_no.pop(row.no, ())))
        if row.split_by is not None and (row.split_by == "shares") != bool(row.shares):
            faults.append(CellFault("split_by", "measure_shares_wrong"))
        rows.append(replace(row, faults=tuple(faults)))
    homeless = {id(share) for of in by_no.values() for share in of}
    loose = []
    for share in shares:
        if id(share) in homeless:
            share = replace(share, faults=(*share.faults, CellFault("no", "measure_no_unknown")))
        if share.no is None or id(share) in homeless or share.faults and share.no not in taken:
            loose.append(share)
    return Measures(tuple(rows), tuple(loose), (*works.sheets_read, *parts.sheets_read))


def _work(found: TableRow) -> MeasureRow:
    values, faults = dict(found.values), list(found.faults)
    wrong = {fault.column for fault in faults}
    # A cell that could not be read is unknown, not what an empty one means.
    values |= {key: None for key in ("percent", "split_by") if key in wrong}
    month, measured_on = values.get("month"), values.get("measured_on")
    if month and measured_on and measured_on < month:
        faults.append(CellFault("measured_on", "measure_month_wrong"))
    return MeasureRow(found.sheet, found.number, **values, faults=tuple(faults))


def _share(found: TableRow) -> ShareRow:
    return ShareRow(found.sheet, found.number, **found.values, faults=found.faults)


def _without_repeats(shares: list[ShareRow]) -> list[ShareRow]:
    """The same shares; a worker who stood with the same work above already is a fault of the later row."""
    seen: dict[tuple[str, str], ShareRow] = {}
    kept = []
    for share in shares:
        if share.no is not None and share.id_number is not None:
            first = seen.setdefault((share.no, share.id_number), share)
            if first is not share:
                fault = CellFault("id_number", "row_repeated", {"sheet": first.sheet, "first_row": first.number})
                share = replace(share, faults=(*share.faults, fault))
        kept.append(share)
    return kept


# --- cells -----------------------------------------------------------------------------------------------------


def _text_of(length_max: int) -> Read:
    read = _short("", length_max)
    return lambda value, epoch: read(value, epoch)[1]


def _month(value: Any, epoch: datetime) -> date:
    if isinstance(value, str):
        found = re.fullmatch(r"(\d{4})(?:[-/.年](\d{1,2})月?|(\d{2}))", _text(value).replace(" ", ""))
        if found is not None:
            month = int(found[2] or found[3])
            if not 1 <= month <= 12 or not 1990 <= int(found[1]) <= 2100:
                raise _Wrong("date_wrong")
            return date(int(found[1]), month, 1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and 199_001 <= value <= 210_012:
        # 202603 typed as a number.
        return _month(str(int(value)), epoch) if float(value).is_integer() else _day(value, epoch)
    return _day(value, epoch).replace(day=1)


def _percent(value: Any, _epoch: datetime) -> int:
    # 150, 150 %, and 1.5 of a cell that shows per cent; 1 and 3 can only be multiples, as no percentage is that low.
    said = str(value).replace("％", "%").strip() if not isinstance(value, bool) else ""
    if re.fullmatch(r"\d{3}(\.0)?\s*%?", said):
        percent = int(re.sub(r"\D.*", "", said))
    elif isinstance(value, int | float) and not isinstance(value, bool) and value in (1, 1.5, 2, 3):
        percent = round(value * 100)
    else:
        raise _Wrong("measure_percent_wrong")
    if percent not in PERCENTS:
        raise _Wrong("measure_percent_wrong")
    return percent


_SPLITS = {
    "days": ("按工日", "按工日分配", "工日", "按天", "by man-days", "man-days", "days"),
    "shares": ("按约定份额", "按份额", "按份额分配", "份额", "by agreed shares", "shares"),
}


def _split(value: Any, _epoch: datetime) -> str:
    said = _text(value).casefold()
    for code, spoken in _SPLITS.items():
        if said in spoken:
            return code
    raise _Wrong("measure_split_unknown")


def _share_of(value: Any, _epoch: datetime) -> int:
    # Shares are whole numbers: 3 and 2, 60 and 40.
    milli = exact(value, greatest=SHARE_MAX * 1000)
    if milli % 1000:
        raise _Wrong("share_whole")
    return milli // 1000


def _of(read: Any) -> Read:
    """A reader of the roster's, without the name of its column."""
    return lambda value, epoch: read(value, epoch)[1]


_NO = Field("no", ("序号", "编号", "no", "number"), _text_of(20), False, 8, ("份额表用它指明是哪一项；不分份额可不填。", "The sheet of shares names the work by it; needed only then."), "1")

_WORK = Form(
    ("计量", "Work"),
    (
        _NO,
        Field("team", ("班组", "班组名称", "所在班组", "team", "crew"), _text_of(100), True, 16, ("与系统中的班组名称一致。", "As the team is called in the system."), "钢筋一班"),
        Field("month", ("所属月份", "月份", "month"), _month, True, 11, ("计入哪个月的工资，如 2026-03。", "The month it is paid for, as 2026-03."), "2026-03"),
        Field("measured_on", ("计量日期", "验收日期", "日期", "measured on", "date"), lambda value, epoch: _day(value, epoch), True, 12,
              ("量方当天。", "The day it was measured."), "2026-03-28", "yyyy-mm-dd"),
        Field("item", ("分项工程", "工程项目", "工作内容", "施工内容", "项目", "item", "work"), _text_of(100), True, 30, ("做了什么、在哪里。", "What was done, and where."), "3#楼地下室顶板钢筋绑扎"),
        Field("unit", ("计量单位", "单位", "unit"), _text_of(16), True, 10, ("米、平方米、吨、个等。", "m, m², t, pieces ..."), "吨"),
        Field("quantity_milli", ("工程量", "数量", "完成工程量", "quantity"), lambda value, _epoch: exact(value, greatest=QUANTITY_MILLI_MAX), True, 12,
              ("最多三位小数。", "At most three decimals."), "12.345", "0.###"),
        Field("unit_price_fen", ("单价(元)", "单价", "unit price", "price"), lambda value, _epoch: fen(value), True, 12, ("每单位多少元，最多两位小数。", "Yuan a unit, at most two decimals."), "650.00", "0.00"),
        Field("percent", ("计价比例(%)", "计价比例", "比例", "percent"), _percent, False, 12, ("不填为 100；超定额部分 150、200 或 300。", "100 when empty; 150, 200 or 300 beyond the quota."), "100", "0"),
        Field("split_by", ("分配方式", "分配", "split", "split by"), _split, False, 14, ("不填为按工日；按约定份额须填份额表。", "By man-days when empty; shares need the other sheet."), "按工日", "@",
              (("按工日", "By man-days"), ("按约定份额", "By agreed shares"))),
    ),
    frozenset({"team", "quantity_milli"}),
)  # fmt: skip

_SHARES = Form(
    ("份额", "Shares"),
    (
        replace(_NO, required=True, note=("计量表中的序号。", "The work's number on the other sheet.")),
        Field("id_number", ("身份证号", "身份证号码", "身份证", "id number"), _of(_id_number), True, 24, ("18 位，单元格须为文本格式。", "18 characters, in a text cell."), "990000199001010017"),
        Field("name", ("姓名", "name"), _of(_name), False, 12, ("便于核对。", "For whoever checks."), "王建国"),
        Field("share", ("份额", "占比", "share"), _share_of, True, 10, ("整数，只看比例：3 和 2，或 60 和 40。", "A whole number; only the proportion counts."), "3", "0"),
    ),
    frozenset({"share", "id_number"}),
)  # fmt: skip


def measures_workbook(language: str = "zh", rows: tuple[Mapping[str, Any], ...] = ()) -> bytes:
    """An empty workbook to fill in; ``rows`` are works that stand there already, by key."""
    return empty_workbook((_WORK, _SHARES), language=language, rows=(rows,))
