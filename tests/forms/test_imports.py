"""Measured work, wage cards and calendars in Excel: every row comes back, as values or with its faults."""

import io
import re
import time
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import TooLarge, Unusable
from app.forms import calendar, cards, measures, roster
from app.forms.reading import exact
from app.wording import LANGUAGES, SENTENCES, sentence
from tests.cast import LI_ID, WANG_ID, ZHAO_ID
from tests.forms.test_roster_file import workbook

BYTES = 8 * 1024**2
WORK = ["序号", "班组", "所属月份", "计量日期", "分项工程", "计量单位", "工程量", "单价(元)", "计价比例(%)", "分配方式"]
TON = [1, "钢筋一班", "2026-03", "2026-03-28", "3#楼底板钢筋绑扎", "吨", 12.345, 650, None, None]
SHARES = ["序号", "身份证号", "姓名", "份额"]
AT = {key: place for place, key in enumerate(("no", "team", "month", "measured_on", "item", "unit", "quantity_milli", "unit_price_fen", "percent", "split_by"))}


def work(*shares: list, **changed: Any) -> measures.MeasureRow:
    line = list(TON)
    for key, value in changed.items():
        line[AT[key]] = value
    sheets = {"计量": [WORK, line]} | ({"份额": [SHARES, *shares]} if shares else {})
    return measures.read_measures(workbook(sheets=sheets), bytes_max=BYTES).rows[0]


def faults(row: Any) -> list[tuple[str, str]]:
    return [(fault.column, fault.code) for fault in row.faults]


# --- measured work ---------------------------------------------------------------------------------------------


def test_measured_work_comes_back_as_it_was_written():
    row = work()
    assert (row.team, row.month, row.measured_on, row.unit) == ("钢筋一班", date(2026, 3, 1), date(2026, 3, 28), "吨")
    assert (row.quantity_milli, row.unit_price_fen, row.percent, row.split_by, row.shares) == (12_345, 65_000, 100, "days", ())
    assert row.usable and (row.sheet, row.number) == ("计量", 2)


@pytest.mark.parametrize(("key", "written", "read"), [
    ("month", "2026年3月", date(2026, 3, 1)), ("month", 202_603, date(2026, 3, 1)), ("month", "2026/3", date(2026, 3, 1)),
    ("month", datetime(2026, 3, 28), date(2026, 3, 1)), ("month", "2026-03-28", date(2026, 3, 1)),  # noqa: DTZ001
    ("measured_on", "2026年3月28日", date(2026, 3, 28)), ("measured_on", 20_260_328, date(2026, 3, 28)),
    ("quantity_milli", "1,234.5", 1_234_500), ("quantity_milli", 350.09999999999997, 350_100), ("quantity_milli", 0.001, 1), ("quantity_milli", "１２", 12_000),
    ("unit_price_fen", "¥650.00", 65_000), ("unit_price_fen", 0.07, 7),
    ("percent", 150, 150), ("percent", "200%", 200), ("percent", 1.5, 150), ("percent", 3, 300), ("percent", "150％", 150), ("percent", 150.0, 150),
    ("split_by", "按工日", "days"), ("split_by", "By man-days", "days"), ("no", 7, "7"), ("no", "A-7", "A-7"),
])  # fmt: skip
def test_a_cell_is_read_however_it_is_written(key: str, written: object, read: object):
    row = work(**{key: written})
    assert getattr(row, key) == read and row.usable


@pytest.mark.parametrize(("key", "written", "code"), [
    ("team", None, "cell_missing"), ("team", "长" * 101, "text_too_long"), ("team", True, "cell_not_text"),
    ("month", "三月", "date_wrong"), ("month", "2026-13", "date_wrong"), ("month", 202_613, "date_wrong"), ("month", "1026-01", "date_wrong"),
    ("measured_on", "2026-02-30", "date_wrong"), ("measured_on", None, "cell_missing"),
    ("quantity_milli", 12.3456, "number_decimals"), ("quantity_milli", 0, "number_range"), ("quantity_milli", -1, "number_range"), ("quantity_milli", "约12", "number_malformed"),
    ("quantity_milli", True, "number_malformed"), ("quantity_milli", 1e10, "number_range"), ("quantity_milli", "1,2", "number_malformed"), ("quantity_milli", 1e300, "number_malformed"),
    ("unit_price_fen", 650.005, "money_decimals"), ("unit_price_fen", 0, "money_not_positive"), ("unit_price_fen", "面议", "money_wrong"),
    ("percent", 120, "measure_percent_wrong"), ("percent", 2.5, "measure_percent_wrong"), ("percent", "很多", "measure_percent_wrong"), ("percent", True, "measure_percent_wrong"),
    ("split_by", "看着分", "measure_split_unknown"), ("item", "#REF!", "cell_error"), ("unit", "一" * 17, "text_too_long"),
])  # fmt: skip
def test_each_cell_of_a_work_says_what_is_wrong_with_it(key: str, written: object, code: str):
    row = work(**{key: written})
    assert faults(row) == [(key, code)] and not row.usable
    assert getattr(row, key) is None


def test_work_measured_before_its_month_is_a_fault():
    assert faults(work(measured_on="2026-02-28")) == [("measured_on", "measure_month_wrong")]


def test_work_of_agreed_shares_has_them_and_other_work_has_none():
    row = work([1, WANG_ID, "王建国", 3], [1, LI_ID, "李铁柱", "2"], split_by="按约定份额")
    assert [(share.id_number, share.share, share.number) for share in row.shares] == [(WANG_ID, 3, 2), (LI_ID, 2, 3)] and row.usable
    assert faults(work(split_by="按约定份额")) == [("split_by", "measure_shares_wrong")]
    assert faults(work([1, WANG_ID, "", 3])) == [("split_by", "measure_shares_wrong")]


@pytest.mark.parametrize(("line", "fault"), [
    ([1, WANG_ID, "", 2.5], ("share", "share_whole")), ([1, WANG_ID, "", 0], ("share", "number_range")), ([1, WANG_ID, "", None], ("share", "cell_missing")),
    ([1, 110101199003070134, "", 2], ("id_number", "id_number_as_number")), ([1, None, "", 2], ("id_number", "cell_missing")),
])  # fmt: skip
def test_a_share_that_is_wrong_keeps_its_work_from_being_entered(line: list, fault: tuple[str, str]):
    row = work([1, LI_ID, "", 1], line, split_by="按份额")
    assert faults(row.shares[1]) == [fault] and not row.faults and not row.usable


def test_a_worker_who_shares_twice_in_one_work_is_a_fault_of_the_later_row():
    row = work([1, WANG_ID, "", 3], [1, WANG_ID, "", 2], split_by="按份额")
    assert [faults(share) for share in row.shares] == [[], [("id_number", "row_repeated")]]
    assert row.shares[1].faults[0].facts == {"sheet": "份额", "first_row": 2}


def test_a_share_of_no_work_is_not_lost():
    content = workbook(sheets={"计量": [WORK, TON], "份额": [SHARES, [9, WANG_ID, "", 3], [None, LI_ID, "", 3]]})
    found = measures.read_measures(content, bytes_max=BYTES)
    assert [faults(share) for share in found.loose] == [[("no", "measure_no_unknown")], [("no", "cell_missing")]]
    assert found.rows[0].shares == () and found.sheets_read == ("计量", "份额")


def test_two_works_of_one_number_do_not_both_take_the_shares():
    line = [*TON[:9], "按份额"]
    found = measures.read_measures(workbook(sheets={"计量": [WORK, line, line], "份额": [SHARES, [1, WANG_ID, "", 3]]}), bytes_max=BYTES)
    assert len(found.rows[0].shares) == 1 and found.rows[0].usable
    assert ("no", "row_repeated") in faults(found.rows[1])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, None, "x"]), st.sampled_from([WANG_ID, LI_ID, ZHAO_ID, None]), st.sampled_from([1, 2, 0, None])), min_size=1, max_size=8))
def test_every_share_of_a_file_is_somewhere_once(lines: list[tuple]):
    sheets = {"计量": [WORK, TON, [2, *TON[1:9], "按份额"]], "份额": [SHARES, *([no, who, "", share] for no, who, share in lines)]}
    found = measures.read_measures(workbook(sheets=sheets), bytes_max=BYTES)
    numbers = sorted([share.number for row in found.rows for share in row.shares] + [share.number for share in found.loose])
    assert numbers == [at for at, line in enumerate(lines, start=2) if any(cell is not None for cell in line)]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10**12))
def test_a_quantity_is_exact_to_the_thousandth(milli: int):
    assert exact(f"{milli // 1000}.{milli % 1000:03d}", greatest=10**12) == milli
    assert exact(milli / 1000, greatest=10**12) == milli


# --- cards -----------------------------------------------------------------------------------------------------

CARDS = ["姓名", "身份证号", "银行卡号", "开户行", "联行号", "户名"]
CARD, OTHER = "6217003810001234561", "6217003810001234579"
MINE = ["王建国", WANG_ID, CARD, "中国建设银行成都锦江支行", "105651000012", None]


def read_cards(*lines: list) -> tuple[cards.CardRow, ...]:
    return cards.read_cards(workbook(CARDS, *lines), bytes_max=BYTES).rows


def test_a_card_comes_back_tidied():
    (row,) = read_cards(["王建国", f" {WANG_ID.lower()} ", "6217 0038-1000 1234 561", "中国建设银行", None, "王建国"])
    assert (row.id_number, row.card, row.bank, row.bank_code, row.holder, row.faults) == (WANG_ID, CARD, "中国建设银行", None, "王建国", ())


@pytest.mark.parametrize(("place", "written", "fault"), [
    (2, 6217003810001234561, ("card", "cell_as_number")), (2, "6.217E+18", ("card", "cell_as_number")), (2, "62170038", ("card", "bank_card_length")),
    (2, "6217OO3810001234561", ("card", "bank_card_characters")), (2, None, ("card", "cell_missing")), (1, None, ("id_number", "cell_missing")),
    (1, 110101199003070134, ("id_number", "id_number_as_number")), (3, None, ("bank", "cell_missing")), (3, "行" * 101, ("bank", "text_too_long")),
    (4, "10565100001", ("bank_code", "bank_code_wrong")), (4, 105651000012, None), (5, "王5", ("holder", "name_wrong")),
])  # fmt: skip
def test_each_cell_of_a_card_says_what_is_wrong_with_it(place: int, written: object, fault: tuple[str, str] | None):
    line = list(MINE)
    line[place] = written
    (row,) = read_cards(line)
    assert faults(row) == ([fault] if fault else [])


def test_a_check_digit_that_is_wrong_is_a_warning_since_some_passbooks_have_it():
    warned = [read_cards([*MINE[:2], f"621700381000123456{digit}", *MINE[3:]])[0] for digit in range(10)]
    assert sorted(row.warnings for row in warned) == [()] + [("bank_card_check_digit",)] * 9 and not any(row.faults for row in warned)


def test_one_card_for_two_men_and_two_cards_for_one_are_faults_of_the_later_row():
    rows = read_cards(MINE, ["李铁柱", LI_ID, *MINE[2:]], ["王建国", WANG_ID, OTHER, *MINE[3:]], MINE)
    assert [faults(row) for row in rows] == [[], [("card", "card_repeated")], [("id_number", "row_repeated")], [("id_number", "row_repeated")]]
    assert rows[1].faults[0].facts == {"sheet": "花名册", "first_row": 2}


def test_a_card_does_not_show_in_what_is_logged():
    assert CARD not in repr(read_cards(MINE)[0]) and WANG_ID not in repr(read_cards(MINE)[0]) and "王建国" not in repr(read_cards(MINE)[0])


# --- calendar --------------------------------------------------------------------------------------------------


def read_days(*lines: list) -> calendar.CalendarFile:
    return calendar.read_calendar(workbook(["日期", "类型", "名称"], *lines), bytes_max=BYTES)


def test_a_notice_comes_back_day_by_day():
    found = read_days(["2026-10-01", "法定节假日", "国庆节"], [datetime(2026, 10, 10), "补班", None], [20_261_003, "Moved rest day", "国庆节"])  # noqa: DTZ001
    assert found.cells == ((date(2026, 10, 1), "statutory", "国庆节"), (date(2026, 10, 10), "makeup", ""), (date(2026, 10, 3), "adjust_rest", "国庆节"))


@pytest.mark.parametrize(("line", "fault"), [
    (["十月一日", "法定", ""], ("day_on", "date_wrong")), ([None, "法定", ""], ("day_on", "cell_missing")), (["2026-10-02", "假期", ""], ("kind", "calendar_kind_unknown")),
    (["2026-10-02", None, "国庆节"], ("kind", "cell_missing")), (["2026-10-01", "补班", ""], ("day_on", "calendar_date_twice")), (["2026-10-02", "法定", "节" * 41], ("name", "text_too_long")),
])  # fmt: skip
def test_a_day_that_is_wrong_says_so(line: list, fault: tuple[str, str]):
    found = read_days(["2026-10-01", "法定", "国庆节"], line)
    assert faults(found.rows[1]) == [fault] and found.rows[1].number == 3 and not found.rows[0].faults


# --- files -----------------------------------------------------------------------------------------------------

READERS = (measures.read_measures, cards.read_cards, calendar.read_calendar)
EMPTY = (measures.measures_workbook, cards.cards_workbook, calendar.calendar_workbook)


def refused(read: Any, content: bytes, **limits: int) -> str:
    with pytest.raises((Unusable, TooLarge)) as error:
        read(content, **{"bytes_max": BYTES, **limits})
    for language in LANGUAGES:
        assert "…" not in sentence(error.value.code, language, **error.value.facts)
    assert error.value.code in SENTENCES
    return error.value.code


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_is_no_table_is_refused_in_words(read: Any):
    assert refused(read, b"") == "workbook_empty_file"
    assert refused(read, b"x" * 200, bytes_max=100) == "workbook_too_large"
    assert refused(read, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") == "workbook_old_format"
    assert refused(read, b"PK\x05\x06" + bytes(18)) == "workbook_not_xlsx"
    assert refused(read, workbook(["什么", "都", "没有"])) == "workbook_no_headings"


def test_a_heading_row_that_lacks_a_column_or_has_one_twice_is_one_clear_fault():
    assert refused(measures.read_measures, workbook(["班组", "工程量"], ["钢筋一班", 3])) == "workbook_column_missing"
    assert refused(cards.read_cards, workbook(["身份证号", "卡号", "账号", "开户行"], [WANG_ID, CARD, CARD, "建行"])) == "workbook_heading_twice"
    assert refused(calendar.read_calendar, workbook(["日期", "类型"])) == "workbook_no_rows"


def test_more_rows_than_a_file_may_have_are_refused_not_cut_off():
    lines = [[f"2026-01-{day:02d}", "法定", ""] for day in range(1, 12)]
    assert refused(calendar.read_calendar, workbook(["日期", "类型", "名称"], *lines), rows_max=10) == "workbook_too_many_rows"
    assert len(calendar.read_calendar(workbook(["日期", "类型", "名称"], *lines), bytes_max=BYTES, rows_max=11).rows) == 11


@pytest.mark.parametrize("read", READERS)
def test_a_bomb_is_refused_before_anything_is_made_of_it(read: Any):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (roster.UNPACKED_BYTES_MAX + 1))
    assert refused(read, out.getvalue()) == "workbook_unpacks_too_large"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", '<!DOCTYPE x [<!ENTITY a "a">]><Types>&a;</Types>')
    assert refused(read, out.getvalue()) == "workbook_not_xlsx"


def test_a_stray_cell_in_the_last_row_of_excel_costs_little():
    book = openpyxl.Workbook()
    book.active.append(["日期", "类型"])
    book.active.append(["2026-10-01", "法定"])
    book.active.cell(1_048_576, 1, " ")
    out = io.BytesIO()
    book.save(out)
    began = time.perf_counter()
    assert len(calendar.read_calendar(out.getvalue(), bytes_max=BYTES).rows) == 1
    assert time.perf_counter() - began < 5


def test_a_formula_counts_as_its_last_value_and_one_without_a_value_is_a_fault():
    book = openpyxl.load_workbook(io.BytesIO(workbook(WORK, TON)))
    book.active["G2"] = "=10+2"
    out = io.BytesIO()
    book.save(out)
    (row,) = measures.read_measures(out.getvalue(), bytes_max=BYTES).rows
    assert faults(row) == [("quantity_milli", "formula_without_value")]


def test_a_title_notes_and_hidden_sheets_do_not_matter():
    content = workbook(sheets={"说明": [["怎么填"]], "旧": [CARDS, MINE], "卡": [["工资卡一览"], [], CARDS, MINE]}, hidden=("旧",))
    found = cards.read_cards(content, bytes_max=BYTES)
    assert found.sheets_read == ("卡",) and found.rows[0].number == 4


# --- workbooks to fill in --------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("read", "make"), list(zip(READERS, EMPTY, strict=True)))
def test_the_empty_workbook_with_its_own_examples_is_read_back(read: Any, make: Any, language: str):
    content = make(language)
    assert content == make(language)
    assert refused(read, content) == "workbook_no_rows"
    book = openpyxl.load_workbook(io.BytesIO(content))
    notes = list(book.worksheets[-1].iter_rows(min_row=2, values_only=True))
    first = book.worksheets[0]
    examples = {heading: example for title, heading, _, example in notes if title == first.title}
    for cell in first[1]:
        first.cell(2, cell.column, examples[cell.value])
        assert first.cell(1, cell.column).value and first.column_dimensions[cell.column_letter].width >= 7
    out = io.BytesIO()
    book.save(out)
    (row,) = read(out.getvalue(), bytes_max=BYTES).rows
    assert row.faults == ()
    for sheet in book.worksheets:
        assert sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.page_setup.orientation == "landscape"
        assert bool(re.search("[\u4e00-\u9fff]", sheet.title)) == (language == "zh")


def test_a_workbook_of_cards_may_name_the_workers_already():
    content = cards.cards_workbook(rows=[{"name": "=1+1", "id_number": WANG_ID}, {"name": "李铁柱", "id_number": LI_ID}])
    rows = cards.read_cards(content, bytes_max=BYTES).rows
    assert [(row.id_number, faults(row)) for row in rows] == [
        (WANG_ID, [("name", "name_wrong"), ("card", "cell_missing"), ("bank", "cell_missing")]), (LI_ID, [("card", "cell_missing"), ("bank", "cell_missing")]),
    ]  # fmt: skip
    assert openpyxl.load_workbook(io.BytesIO(content)).active["A2"].data_type == "s"


@pytest.mark.parametrize("make", EMPTY)
def test_a_drop_down_holds_what_excel_can_hold(make: Any):
    for language in LANGUAGES:
        for sheet in openpyxl.load_workbook(io.BytesIO(make(language))).worksheets:
            assert all(len(rule.formula1) <= 257 for rule in sheet.data_validations.dataValidation)
