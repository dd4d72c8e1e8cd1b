"""The attendance sheet: what each mark means, who was never there, and the times behind it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import pytest

from app.forms.attendance import (
    AttendanceHead,
    AttendanceRow,
    CorrectionRow,
    DayCell,
    TimeRow,
    attendance_sheet,
    cell_of,
)
from tests.forms.site import ENGLISH, MARCH, NAMES, NASTY, STAMP, Opened

HEAD = AttendanceHead("锦江区东湖片区安置房二期工程", MARCH, "中国建筑第八工程局有限公司", "四川宏远建筑劳务有限公司", "钢筋一班", date(2026, 4, 1), date(2026, 4, 3))
PATTERN = ("full", "full", "half", "full", "rain", "full", "rest", "leave", "absent", "stoppage", "flagged")


def cells(at: int) -> tuple[DayCell | None, ...]:
    days = [DayCell(PATTERN[(at + day) % 11], 90 if PATTERN[(at + day) % 11] == "full" and day % 4 == 0 else 0) for day in range(31)]
    return tuple(None if at % 9 == 3 and day < 5 or at % 9 == 5 and day > 27 else cell for day, cell in enumerate(days))


def rows(count: int = 25) -> tuple[AttendanceRow, ...]:
    made = []
    for at in range(count):
        month = cells(at)
        seen = [cell for cell in month if cell]
        made.append(
            AttendanceRow(
                NAMES[at], f"511023********{at:03d}X", "steel_fixer", month,
                sum({"full": 1000, "half": 500}.get(cell.mark, 0) for cell in seen), sum(cell.overtime_minutes for cell in seen),
                sum(1000 for cell in seen if cell.mark in ("leave", "absent")), "3日补卡" if at == 2 else "",
            )
        )  # fmt: skip
    return tuple(made)


IN_AT, OUT_AT = datetime(2026, 3, 2, 22, 58, 7, tzinfo=UTC), datetime(2026, 3, 3, 10, 1, 8, tzinfo=UTC)
TIMES = tuple(TimeRow(date(2026, 3, 3), name, "钢筋一班", IN_AT, OUT_AT, 39_781, "东门") for name in NAMES) + (
    TimeRow(date(2026, 3, 3), "王建国", "钢筋一班", IN_AT, None, None, "东门", "缺出场"),
)
CORRECTIONS = (
    CorrectionRow(date(2026, 3, 3), "王建国", "missing_out", "06:58:07 进，无出场", "18:00:00 出场", "闸机断电，班组长在场证明", "王建国", "李铁柱",
                  "周敏", datetime(2026, 3, 4, 1, 2, 3, tzinfo=UTC), "ab" * 32),
)  # fmt: skip


@pytest.fixture(scope="module")
def opened() -> Opened:
    return Opened(attendance_sheet(HEAD, rows(), TIMES, CORRECTIONS, STAMP))


def first(opened: Opened) -> int:
    return opened.find("王建国")[0]


def test_each_date_has_its_mark_and_overtime_is_written_under_it(opened: Opened):
    row = [opened.sheet().cell(first(opened), 5 + day).value for day in range(11)]
    assert row == ["√\n加1.5", "√", "△", "√", "雨", "√", "○", "假", "×", "停", "?"]


def test_dates_before_entry_are_hatched_and_not_just_blank(opened: Opened):
    zhao = opened.find("赵长河")[0]
    assert [opened.sheet().cell(zhao, 5 + day).fill.patternType for day in range(6)] == ["lightUp"] * 5 + [None]
    assert [opened.sheet().cell(zhao, 5 + day).value for day in range(5)] == [None] * 5


def test_the_sums_at_the_foot_are_the_sums_of_the_lines(opened: Opened):
    total = opened.find("当日出勤人数")[0]
    start = first(opened)
    for col in range(5, 39):
        formula, stored = opened.formulas.worksheets[0].cell(total, col).value, opened.sheet().cell(total, col).value
        lines = [opened.sheet().cell(row, col).value for row in range(start, start + 25)]
        if col < 36:
            assert formula.startswith("=COUNTIF(") and stored == sum(str(said or "")[:1] in "√△" and bool(said) for said in lines)
        else:
            assert formula.startswith("=SUM(") and stored == pytest.approx(sum(lines))


def test_times_are_the_sites_clock_with_seconds(opened: Opened):
    row = opened.find("王建国", 1)[0]
    assert opened.column("进场时间", row, 1, 1) == [datetime(2026, 3, 3, 6, 58, 7)]  # noqa: DTZ001
    assert opened.column("秒", row, 1, 1) == [39_781]
    assert opened.column("出场时间", row + 25, 1, 1) == [None]
    assert opened.column("秒", opened.find("合计", 1)[0], 1, 1) == [25 * 39_781]


def test_the_team_of_a_time_stands_beside_it_only_where_the_sheet_is_of_several():
    alone = Opened(attendance_sheet(HEAD, rows(), TIMES, CORRECTIONS, STAMP))
    assert "班组" not in [cell.value for cell in alone.sheet(1)[alone.find("姓名", 1)[0]]]
    several = Opened(attendance_sheet(replace(HEAD, team=""), rows(), TIMES, CORRECTIONS, STAMP))
    assert several.column("班组", several.find("王建国", 1)[0], 1, 1) == ["钢筋一班"]
    assert several.column("秒", several.find("合计", 1)[0], 1, 1) == [25 * 39_781]


CAME = datetime(2026, 3, 5, 0, 0, tzinfo=UTC)


class Day(NamedTuple):
    state: str
    day_milli: int | None = None
    overtime_minutes: int = 0
    first_in_at: datetime | None = None
    detail: Mapping[str, Any] = {}


@pytest.mark.parametrize(
    ("day", "is_rest", "is_over", "mark"),
    [
        (None, False, True, "absent"), (None, True, True, "rest"), (None, True, False, None), (None, False, False, None),
        (Day("undecided"), True, True, "flagged"), (Day("present"), False, False, "flagged"),
        (Day("off"), False, True, "absent"), (Day("off", detail={"mark": None}), False, True, "absent"),
        (Day("off", detail={"mark": {"kind": "leave"}}), False, True, "leave"), (Day("off", detail={"mark": {"kind": "rain"}}), False, True, "rain"),
        (Day("off", detail={"mark": {"kind": "rest"}}), False, True, "rest"), (Day("off", detail={"mark": {"kind": "late"}}), False, True, "absent"),
        (Day("worked", 1000, 60), True, True, "full"), (Day("worked", 999), False, True, "half"), (Day("worked", 0), False, True, "absent"),
        (Day("worked", 0, first_in_at=CAME), False, True, "short"),
        (Day("worked", 0, first_in_at=CAME, detail={"mark": {"kind": "leave"}}), False, True, "leave"),
    ],
)  # fmt: skip
def test_every_day_has_one_mark(day, is_rest, is_over, mark):
    found = cell_of(day, is_rest=is_rest, is_over=is_over)
    assert (found and found.mark) == mark
    if mark == "full":
        assert found.overtime_minutes == 60


def test_a_correction_says_who_asked_and_who_decided(opened: Opened):
    row = opened.find("王建国", 2)[0]
    assert [opened.sheet(2).cell(row, col).value for col in (4, 8, 9, 10, 12)] == ["补出场", "王建国", "李铁柱", "周敏", "abababababababab"]


def test_it_prints_as_a_form(opened: Opened):
    assert opened.prints_as_a_form()


def test_a_short_row_is_refused_rather_than_shifted():
    with pytest.raises(ValueError, match="30 cells"):
        attendance_sheet(HEAD, [replace(rows(1)[0], cells=cells(0)[:30])], (), (), STAMP)
    with pytest.raises(ValueError, match="mark"):
        attendance_sheet(HEAD, [replace(rows(1)[0], cells=(DayCell("yes"), *cells(0)[1:]))], (), (), STAMP)


def test_a_name_that_looks_like_a_formula_is_shown():
    people = [replace(row, name=nasty, note=nasty) for row, nasty in zip(rows(7), NASTY, strict=True)]
    opened = Opened(attendance_sheet(HEAD, people, [replace(TIMES[0], name=NASTY[0])], [replace(CORRECTIONS[0], reason=NASTY[0])], STAMP))
    assert {formula[:5] for formula, _ in opened.formulas_found().values()} == {"=COUN", "=SUM("}
    assert opened.find(NASTY[0]) and opened.find(NASTY[0], 1) and opened.find(NASTY[0], 2)


def test_a_february_without_anybody_in_english():
    opened = Opened(attendance_sheet(replace(HEAD, month=date(2026, 2, 1)), (), (), (), ENGLISH))
    assert opened.find("Attendance, February 2026") and opened.find("28")
    assert not opened.formulas_found()
