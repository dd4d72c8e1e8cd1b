"""The three-way check as printed."""

from datetime import date

from app.forms.threeway import CheckHead, CheckLine, three_way_sheet
from tests.forms.site import ENGLISH, NAMES, NASTY, STAMP, Opened

HEAD = CheckHead("锦江区东湖片区安置房二期工程", "中国建筑第八工程局有限公司", date(2026, 3, 1), date(2026, 4, 15))


def lines() -> list[CheckLine]:
    return [
        CheckLine(name, "钢筋一班", 20_500 + at, at % 3, 8_000_01 + at, None if at == 0 else 20_500, None if at == 0 else 8_000_01,
                  None if at == 0 else 100_00, None if at == 0 else 7_900_01, 7_900_01, "有考勤不在表、到期未付" if at == 0 else "", at == 0)
        for at, name in enumerate(NAMES)
    ]  # fmt: skip


def test_every_column_adds_up_to_the_fen_and_prints_as_a_form():
    opened = Opened(three_way_sheet(HEAD, lines(), STAMP))
    assert opened.prints_as_a_form()
    row = opened.find("合计")[0]
    total = {column: opened.sheet()[f"{column}{row}"].value for column in "DFK"}
    assert round(total["F"] * 100) == sum(line.accrued_fen for line in lines())
    assert round(total["K"] * 100) == sum(line.paid_fen for line in lines())
    assert round(total["D"] * 1000) == sum(line.gate_milli for line in lines())
    assert opened.formulas_found() == {}, "it is put together with other projects' elsewhere"


def test_who_must_be_looked_at_first_is_coloured():
    opened = Opened(three_way_sheet(HEAD, lines(), STAMP))
    first = opened.find(1)[0]
    assert [row for row in range(len(NAMES)) if opened.sheet().cell(first + row, 2).fill.fgColor.rgb == "FFFCE4D6"] == [0]


def test_it_reads_english_and_keeps_text_as_text():
    told = [CheckLine(name, name, 0, 0, 0, None, None, None, None, 0, "Paid, not seen", False) for name in NASTY]
    opened = Opened(three_way_sheet(HEAD, told, ENGLISH))
    assert opened.find("Differences")
