"""The wage sheet as it is printed and opened: sums, colours, what a posted sheet leaves out."""

from dataclasses import replace

import pytest

from app.forms import payroll
from app.forms.book import Stamp
from tests.forms.site import ENGLISH, NASTY, PAYROLL, STAMP, Opened, pay_lines

SHAPES = (payroll.payroll_short, payroll.payroll_detail, payroll.payroll_statutory, payroll.payroll_notice)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_total_is_a_formula_over_all_lines_with_their_sum_stored(shape):
    opened = Opened(shape(PAYROLL, pay_lines(), STAMP))
    first = opened.find(1)[0]
    found = opened.formulas_found()
    assert found
    for place, (formula, stored) in found.items():
        letter = place.split("!")[1].rstrip("0123456789")
        assert formula == f"=SUM({letter}{first}:{letter}{first + 24})"
        cells = [opened.sheet()[f"{letter}{row}"].value for row in range(first, first + 25)]
        assert stored == pytest.approx(sum(cells), abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_prints_as_a_form_and_is_the_same_file_every_time(shape):
    content = shape(PAYROLL, pay_lines(), STAMP)
    assert Opened(content).prints_as_a_form()
    assert content == shape(PAYROLL, pay_lines(), STAMP)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_name_that_looks_like_a_formula_is_shown_and_not_computed(shape):
    lines = [replace(line, name=nasty, team=nasty, company=nasty, note=nasty, trade=nasty, card=nasty, id_number=nasty, dispute=nasty)
             for line, nasty in zip(pay_lines(), NASTY, strict=False)]  # fmt: skip
    opened = Opened(shape(replace(PAYROLL, project=NASTY[0], team=NASTY[0]), lines, STAMP))
    assert all(formula.startswith("=SUM(") for formula, _ in opened.formulas_found().values())
    assert opened.column("姓名", opened.find(1)[0], 7) == [*NASTY[:5], "a b c ", "007"]
    assert not opened.formulas.worksheets[0]._hyperlinks


def test_the_statutory_sheet_adds_up_across():
    opened = Opened(payroll.payroll_statutory(PAYROLL, pay_lines(), STAMP))
    first = opened.find(1)[0]

    def col(heading: str) -> list[float]:
        return opened.column(heading, first, 25)

    for at in range(25):
        gross = col("基本工资")[at] + col("加班工资")[at] + col("奖励/补贴")[at]
        held = sum(col(name)[at] for name in ("预支(生活费)", "扣社保", "扣个税", "罚款(赔偿)", "其他扣款"))
        assert col("应发合计")[at] == pytest.approx(gross)
        assert col("扣款合计")[at] == pytest.approx(held)
        assert col("实发工资")[at] == pytest.approx(gross - held)
        assert col("未付余额")[at] == pytest.approx(col("上期未付")[at] + gross - held - col("本次支付")[at])


def test_an_id_or_card_number_keeps_its_digits():
    opened = Opened(payroll.payroll_statutory(PAYROLL, pay_lines(1), STAMP))
    row = opened.find(1)[0]
    assert opened.column("身份证号", row, 1) == ["51102319800101000X"]
    assert opened.column("银行卡号", row, 1) == ["6217003810001234000"]
    assert opened.sheet().cell(row, opened.find("银行卡号")[1]).number_format == "@"


def test_a_line_that_differs_from_the_gate_is_coloured_and_says_the_gates_days():
    opened = Opened(payroll.payroll_short(PAYROLL, pay_lines(), STAMP))
    first = opened.find(1)[0]
    coloured = [row - first for row in range(first, first + 25) if opened.sheet().cell(row, 2).fill.fgColor.rgb == "FFFCE4D6"]
    assert coloured == [4, 11]
    assert opened.column("备注", first + 4, 1) == ["门禁 22.5 天"]
    assert opened.find("橙色行：出勤天数与门禁记录不一致，备注为门禁天数，应有更正记录。")


def test_a_sheet_that_agrees_with_the_gate_has_no_colour_and_no_note():
    opened = Opened(payroll.payroll_short(PAYROLL, pay_lines(3), STAMP))
    assert not [cell for row in opened.sheet().iter_rows() for cell in row if "橙色" in str(cell.value)]


def test_a_disputed_line_shows_what_is_held():
    opened = Opened(payroll.payroll_statutory(PAYROLL, pay_lines(), STAMP))
    first = opened.find(1)[0]
    assert opened.column("争议/暂缓", first + 8, 1) == ["暂缓 50.00 元\n对2日出勤有异议"]
    assert opened.sheet().cell(first + 8, 2).fill.fgColor.rgb == "FFFFF2CC"


def test_the_posted_notice_has_no_id_number_no_phone_and_no_card():
    opened = Opened(payroll.payroll_notice(PAYROLL, pay_lines(), STAMP))
    shown = " ".join(str(cell.value) for row in opened.sheet().iter_rows() for cell in row if cell.value is not None)
    for line in pay_lines():
        assert line.name in shown
        assert line.id_number not in shown and line.card not in shown and line.phone not in shown


def test_a_man_with_back_pay_on_a_second_line_is_one_person():
    lines = pay_lines(2)
    opened = Opened(payroll.payroll_short(PAYROLL, [*lines, replace(lines[0], regular_fen=100)], STAMP))
    assert opened.find("合计  共 2 人")


def test_a_sheet_without_lines_totals_nothing():
    opened = Opened(payroll.payroll_statutory(PAYROLL, (), STAMP))
    assert opened.find("合计  共 0 人")
    assert not opened.formulas_found()


def test_a_sheet_in_english():
    opened = Opened(payroll.payroll_statutory(PAYROLL, pay_lines(), ENGLISH))
    assert opened.find("Statutory wage sheet, March 2026")
    assert opened.column("Trade", opened.find(1)[0], 1) == ["Steel fixer"]


def test_the_date_printed_is_the_sites_date():
    assert str(STAMP.made_on) == "2026-04-04"  # 17:30 UTC is the next morning there
    assert str(Stamp(STAMP.made_at, "UTC", "").made_on) == "2026-04-03"
