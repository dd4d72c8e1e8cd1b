"""What every printed form owes the eye: no ##### for a long number, room for every line of a text."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from app.forms.account import account_book
from app.forms.attendance import attendance_sheet
from app.forms.book import LINE_HEIGHT, lines_of
from app.forms.county import county_list
from app.forms.ledger import wage_ledger
from app.forms.payroll import payroll_detail, payroll_notice, payroll_short, payroll_statutory
from app.forms.people import movement_sheet, moves_sheet, people_sheet
from app.forms.settlement import settlement_sheet
from app.forms.slip import wage_slips
from tests.forms import test_account, test_attendance_sheet, test_county, test_slip, test_wage_ledger
from tests.forms.site import ENGLISH, PAYROLL, STAMP, Opened, pay_lines

LONG = "混凝土浇筑与养护综合班组（含二次结构）"
COMPANY = "海盐县恒远建筑劳务分包有限责任公司第二工程分公司"
RICH = tuple(
    replace(line, name="古丽巴哈尔·阿不都热合曼", team=LONG, company=COMPANY, regular_fen=9_876_543_210, day_milli=31_125, overtime_minutes=99_999,
            bank="中国建设银行股份有限公司嘉兴南湖支行", dispute="本人称10月18日少算一个工日，当天在三号楼浇筑到晚上十点")
    for line in pay_lines()
)  # fmt: skip
FORMS = {
    "short": lambda stamp: payroll_short(PAYROLL, RICH, stamp),
    "detail": lambda stamp: payroll_detail(PAYROLL, RICH, stamp),
    "statutory": lambda stamp: payroll_statutory(PAYROLL, RICH, stamp),
    "notice": lambda stamp: payroll_notice(PAYROLL, RICH, stamp),
    "attendance": lambda stamp: attendance_sheet(
        test_attendance_sheet.HEAD, test_attendance_sheet.rows(), test_attendance_sheet.TIMES, test_attendance_sheet.CORRECTIONS, stamp
    ),
    "account": lambda stamp: account_book(test_account.ACCOUNT, test_account.movements(), stamp),
    "roster": lambda stamp: people_sheet(test_account.HEAD, test_account.people(), stamp),
    "moves": lambda stamp: moves_sheet(test_account.HEAD, test_account.MOVES, stamp),
    "movement": lambda stamp: movement_sheet(test_account.HEAD, test_wage_ledger.MOVES, stamp),
    "ledger": lambda stamp: wage_ledger(test_wage_ledger.HEAD, [test_wage_ledger.worker(at) for at in range(3)], stamp),
    "county": lambda stamp: county_list("330424", [replace(line, name=COMPANY, reason=COMPANY) for line in test_county.LINES], test_county.TOWNS, stamp),
    "slips": lambda stamp: wage_slips("锦江区东湖片区安置房二期工程", [test_slip.one(at) for at in range(3)], stamp),
    "settlement": lambda stamp: settlement_sheet(test_slip.LEAVER, test_slip.MONTHS, stamp),
}


@pytest.mark.parametrize("stamp", [STAMP, ENGLISH], ids=["zh", "en"])
@pytest.mark.parametrize("form", FORMS)
def test_no_number_is_printed_as_hashes_and_no_line_of_a_text_is_cut(form, stamp):
    numbers = texts = 0
    for sheet in Opened(FORMS[form](stamp)).formulas.worksheets:
        merged = {cell for area in sheet.merged_cells.ranges for row in sheet[area.coord] for cell in (each.coordinate for each in row)}
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, int | float | date | datetime) or cell.data_type == "f":
                    numbers += 1
                    assert cell.alignment.shrink_to_fit, f"{sheet.title}!{cell.coordinate} would be printed as #####"
                elif isinstance(cell.value, str) and cell.alignment.wrap_text and cell.coordinate not in merged:
                    texts += 1
                    width = sheet.column_dimensions[cell.column_letter].width
                    height = sheet.row_dimensions[cell.row].height
                    needed = lines_of(cell.value, width) * (LINE_HEIGHT - 1)
                    assert height is None or height >= needed, f"{sheet.title}!{cell.coordinate}: {cell.value!r} needs {needed}, has {height}"
    assert numbers and texts


def test_money_has_its_thousands_apart_and_nothing_is_a_dash_only_where_it_is_an_item():
    opened = Opened(payroll_statutory(PAYROLL, pay_lines(), STAMP))
    row = opened.find("王建国")[0]
    cells = {name: opened.formulas.worksheets[0].cell(row, opened.find(name)[1]) for name in ("实发工资", "其他扣款")}
    assert cells["实发工资"].number_format.startswith("#,##0.00") and "-\"" not in cells["实发工资"].number_format
    assert cells["其他扣款"].value == 0 and cells["其他扣款"].number_format.endswith('"-"_ ')

