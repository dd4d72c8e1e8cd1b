"""The statutory calendar (放假安排) as an Excel file: the dates a yearly notice names. Pure.

    read_calendar        xlsx bytes -> CalendarFile: every row, with its values or its faults
    calendar_workbook    an empty workbook to fill in
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from app.forms.reading import Field, Form, empty_workbook, read_forms
from app.forms.roster import CellFault, _day, _short, _text, _Wrong
from app.wording import timekeeping as words

ROWS_MAX = 4_000
"""Ten years, day by day."""


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """One date. A value with a fault is None."""

    sheet: str
    number: int
    """As Excel shows it, from 1."""
    day_on: date | None = None
    kind: str | None = None
    """``workday``, ``makeup``, ``rest``, ``adjust_rest`` or ``statutory``."""
    name: str = ""
    faults: tuple[CellFault, ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """What was found in the file."""

    rows: tuple[CalendarRow, ...]
    sheets_read: tuple[str, ...]

    @property
    def cells(self) -> tuple[tuple[date | None, str | None, str], ...]:
        """Date, kind and name of each row, as ``timekeeping.import_calendar`` takes them."""
        return tuple((row.day_on, row.kind, row.name) for row in self.rows)


def read_calendar(content: bytes, *, bytes_max: int, rows_max: int = ROWS_MAX) -> CalendarFile:
    """Read dates. One that stood above already is a fault of the later row, whatever it says.

    Raises:
        TooLarge, Unusable: as ``reading.read_forms``.
    """
    (table,) = read_forms(content, (_FORM,), bytes_max=bytes_max, rows_max=rows_max)
    seen: dict[date, CalendarRow] = {}
    rows = []
    for found in table.rows:
        row = CalendarRow(found.sheet, found.number, **found.values, faults=found.faults)
        if row.day_on is not None:
            first = seen.setdefault(row.day_on, row)
            if first is not row:
                row = replace(row, faults=(*row.faults, CellFault("day_on", "calendar_date_twice", {"date": row.day_on.isoformat()})))
        rows.append(row)
    return CalendarFile(tuple(rows), table.sheets_read)


def _kind(value: Any, _epoch: datetime) -> str:
    said = _text(value)
    kind = words.day_kind(said) or {pair[1].casefold(): key.partition(".")[2] for key, pair in words.NAMES.items() if key.startswith("day_kind.")}.get(said.casefold())
    if kind is None:
        raise _Wrong("calendar_kind_unknown")
    return kind


_NAME = _short("", 40)

_FORM = Form(
    ("日历", "Calendar"),
    (
        Field("day_on", ("日期", "date", "day on"), lambda value, epoch: _day(value, epoch), True, 14, ("一天一行。", "One row a day."), "2026-10-01", "yyyy-mm-dd"),
        Field("kind", ("类型", "日期类型", "性质", "kind"), _kind, True, 16, ("只需列出通知写明的日子。", "Only what the notice names."), "法定节假日", "@",
              tuple(words.NAMES[f"day_kind.{kind}"] for kind in ("statutory", "adjust_rest", "makeup", "rest", "workday"))),
        Field("name", ("名称", "节日", "name", "holiday"), lambda value, epoch: _NAME(value, epoch)[1], False, 20, ("哪个节日。", "Which holiday."), "国庆节"),
    ),
    frozenset({"day_on", "kind"}),
)  # fmt: skip


def calendar_workbook(language: str = "zh") -> bytes:
    """An empty workbook to fill in."""
    return empty_workbook((_FORM,), language=language)
