"""The attendance sheet (考勤表): a month as a grid of marks, the times behind it, and the corrections. Pure.

    DayCell, AttendanceRow, TimeRow, CorrectionRow, AttendanceHead     what is printed
    cell_of                                                            a day -> its mark, for the page of the grid too
    attendance_sheet                                                   -> xlsx of three sheets
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from xlsxwriter.utility import xl_col_to_name

from app.domain.attendance import told_as
from app.forms.book import A3, Book, Column, Stamp, Table, days, hours, local_time, shown, trimmed

MARKS = {"full": "√", "half": "△", "absent": "×", "rest": "○", "leave": "假", "stoppage": "停", "rain": "雨", "flagged": "?", "no_gate": "–", "short": "短"}
"""What a date was -> its mark. ``half`` is any part of a day, ``short`` a stay that is worth no man-day. A date outside the engagement is hatched."""
_AT_WORK = ("full", "half")
_AWAY = ("leave", "stoppage", "rain", "rest")


@dataclass(frozen=True, slots=True)
class DayCell:
    """One date of one worker."""

    mark: str
    """Key of ``MARKS``."""
    overtime_minutes: int = 0


class DayFacts(Protocol):
    """What is known of one date of one worker."""

    @property
    def state(self) -> str: ...
    @property
    def day_milli(self) -> int | None: ...
    @property
    def overtime_minutes(self) -> int: ...
    @property
    def first_in_at(self) -> datetime | None: ...
    @property
    def detail(self) -> Mapping[str, Any]: ...


def cell_of(day: DayFacts | None, *, is_rest: bool, is_over: bool, had_gates: bool = True) -> DayCell | None:
    """The field of a date within the engagement, on the page and on paper alike.

    Args:
        day: None where nothing was recorded.
        is_rest: a rest day of the calendar: nothing recorded is a rest then, on any other date an absence.
        is_over: the date is behind us; until it is, nothing recorded means nothing.
        had_gates: a gate had been heard by then; before, nobody could be absent.
    """
    if day is None and not had_gates:
        return DayCell("no_gate") if is_over else None
    if day is None:
        return DayCell("rest" if is_rest else "absent") if is_over else None
    if day.state in ("undecided", "present"):
        return DayCell("flagged")
    if day.state == "off" or not day.day_milli:
        kind = (day.detail.get("mark") or {}).get("kind")
        if kind in _AWAY:
            return DayCell(kind)
        return DayCell("short" if told_as(day.state, day.day_milli, came=day.first_in_at is not None) == "short" else "absent")
    return DayCell("full" if day.day_milli >= 1000 else "half", day.overtime_minutes)


@dataclass(frozen=True, slots=True)
class AttendanceRow:
    """One worker's month."""

    name: str
    id_number: str
    """Masked already."""
    trade: str
    cells: tuple[DayCell | None, ...]
    """One for every date of the month; None before entry and after exit."""
    day_milli: int
    overtime_minutes: int
    away_milli: int
    """Leave and absence, thousandths of a day."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class TimeRow:
    """One stay inside the gate."""

    work_date: date
    name: str
    team: str
    in_at: datetime | None
    out_at: datetime | None
    """Aware UTC; None where no passage was seen."""
    seconds: int | None
    """None while one end is missing."""
    gate: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """One approved correction (补卡)."""

    work_date: date
    name: str
    kind: str
    """Of ``correction_kind.*``."""
    before: str
    after: str
    reason: str
    asked_by: str
    leader_by: str
    officer_by: str
    decided_at: datetime
    evidence_hash: str = ""
    """Hex digits of the evidence file, whole; the first 16 are printed."""


@dataclass(frozen=True, slots=True)
class AttendanceHead:
    """What stands over the grid."""

    project: str
    month: date
    """First day of the month."""
    general: str = ""
    company: str = ""
    team: str = ""
    public_from: date | None = None
    public_to: date | None = None


def attendance_sheet(
    head: AttendanceHead, rows: Sequence[AttendanceRow], times: Sequence[TimeRow], corrections: Sequence[CorrectionRow], stamp: Stamp
) -> bytes:
    """The month's attendance of a team or a company.

    Raises:
        ValueError: a row has not one cell for every date of the month, or a mark is none of ``MARKS``.
    """
    last = calendar.monthrange(head.month.year, head.month.month)[1]
    for row in rows:
        if len(row.cells) != last:
            raise ValueError(f"{len(row.cells)} cells in a month of {last} days")
        if any(cell is not None and cell.mark not in MARKS for cell in row.cells):
            raise ValueError("a mark that is none")
    month = stamp.month(head.month)
    book = Book(stamp.word("attendance", month=month), stamp)
    _grid(book, head, rows, last)
    _times(book, head, times)
    _corrections(book, head, corrections)
    return book.bytes()


class _Grid(Table):
    """A table whose columns 4 to 4 + n are dates: their headings are numbers."""

    def heading(self, index: int) -> str:
        key = self.columns[index].key
        return key[1:] if key[0] == "d" and key[1:].isdigit() else super().heading(index)


def _grid(book: Book, head: AttendanceHead, rows: Sequence[AttendanceRow], last: int) -> None:
    stamp = book.stamp
    dates = tuple(Column(f"d{day}", 4.1, "centre") for day in range(1, last + 1))
    columns = (
        Column("no", 5, "count"), Column("name", 10, "centre"), Column("id_number", 20, "centre"), Column("trade", 10), *dates,
        Column("days_sum", 10.5, "days", True), Column("overtime_sum", 8, "hours", True), Column("away", 9, "days", True),
        Column("note", 14), Column("sign_self", 13),
    )  # fmt: skip
    table = _Grid(book, "grid", columns, paper=A3)
    posted = f"{head.public_from} — {head.public_to}" if head.public_from and head.public_to else ""
    table.title(stamp.word("attendance", month=stamp.month(head.month)))
    period = f"{head.month} — {head.month.replace(day=last)}"
    table.facts([("project", head.project), ("general", head.general), ("company", head.company), ("team", head.team), ("period", period), ("public", posted)])
    table.head()
    hatched = book.cell("centre", pattern=14, fg_color="#A6A6A6", bg_color="#FFFFFF")
    for number, row in enumerate(rows, start=1):
        marks = {f"d{day}": _mark(cell, stamp) for day, cell in enumerate(row.cells, start=1)}
        table.add(
            {"no": number, "name": row.name, "id_number": row.id_number, "trade": shown("trade", row.trade, stamp), **marks,
             "days_sum": days(row.day_milli), "overtime_sum": hours(row.overtime_minutes), "away": days(row.away_milli), "note": row.note},
            height=27, sums={"days_sum": row.day_milli, "overtime_sum": row.overtime_minutes, "away": row.away_milli},
        )  # fmt: skip
        for day, cell in enumerate(row.cells, start=1):
            if cell is None:
                table.sheet.write_blank(table.last_row, table.at[f"d{day}"], None, hatched)
    table.total(stamp.word("present"), span=4)
    total_row = table.row - 1
    for day in range(1, last + 1):
        col = table.at[f"d{day}"]
        if table.first_row >= 0:
            cells = f"{xl_col_to_name(col)}{table.first_row + 1}:{xl_col_to_name(col)}{table.last_row + 1}"
            # A mark may be followed by overtime.
            formula = f'=COUNTIF({cells},"√*")+COUNTIF({cells},"△*")'
            present = sum(1 for row in rows if (cell := row.cells[day - 1]) is not None and cell.mark in _AT_WORK)
            table.sheet.write_formula(total_row, col, formula, book.cell("count", bold=True), present)
    table.note(stamp.word("marks_note"))
    table.sign(("sign_leader", "sign_keeper", "sign_sub", "sign_manager"))


def _mark(cell: DayCell | None, stamp: Stamp) -> str | None:
    if cell is None:
        return None
    said = MARKS[cell.mark]
    if cell.overtime_minutes:
        said += "\n" + stamp.word("plus", hours=trimmed(round(cell.overtime_minutes / 60, 1)))
    return said


def _times(book: Book, head: AttendanceHead, times: Sequence[TimeRow]) -> None:
    stamp = book.stamp
    # The team of a sheet of one team stands over the table.
    team = () if head.team else (Column("team", 14),)
    columns = (
        Column("no", 6, "count"), Column("work_date", 12, "date"), Column("name", 12, "centre"), *team,
        Column("in_at", 20, "time"), Column("out_at", 20, "time"), Column("in_span", 11, "span"), Column("seconds", 9, "count", True),
        Column("gate", 26), Column("note", 16),
    )  # fmt: skip
    table = Table(book, "times", columns, portrait=True)
    table.title(stamp.word("times_title", month=stamp.month(head.month)))
    table.facts([("project", head.project), ("company", head.company), ("team", head.team)])
    table.head()
    for number, row in enumerate(times, start=1):
        table.add(
            {"no": number, "work_date": row.work_date, "name": row.name, "team": row.team, "in_at": local_time(row.in_at, stamp.zone),
             "out_at": local_time(row.out_at, stamp.zone), "in_span": None if row.seconds is None else row.seconds / 86_400,
             "seconds": row.seconds, "gate": row.gate, "note": row.note},
            height=16, sums={"seconds": row.seconds or 0},
        )  # fmt: skip
    table.total(stamp.word("total"), span=3 + len(team))


def _corrections(book: Book, head: AttendanceHead, corrections: Sequence[CorrectionRow]) -> None:
    stamp = book.stamp
    columns = (
        Column("no", 5, "count"), Column("work_date", 11, "date"), Column("name", 10, "centre"), Column("kind", 12), Column("before", 18),
        Column("after", 18), Column("reason", 24), Column("asked_by", 10), Column("leader_by", 11), Column("officer_by", 14),
        Column("decided_at", 19, "time"), Column("evidence", 18),
    )  # fmt: skip
    table = Table(book, "corrections", columns)
    table.title(stamp.word("corrections_title", month=stamp.month(head.month)))
    table.facts([("project", head.project), ("company", head.company), ("team", head.team)])
    table.head()
    for number, row in enumerate(corrections, start=1):
        table.add(
            {"no": number, "work_date": row.work_date, "name": row.name, "kind": shown("correction_kind", row.kind, stamp), "before": row.before,
             "after": row.after, "reason": row.reason, "asked_by": row.asked_by, "leader_by": row.leader_by, "officer_by": row.officer_by,
             "decided_at": local_time(row.decided_at, stamp.zone), "evidence": row.evidence_hash[:16]},
        )  # fmt: skip
    table.sign(("sign_leader", "sign_officer", "sign_manager"))
