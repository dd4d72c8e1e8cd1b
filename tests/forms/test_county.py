"""The county's list as printed: every project in its colour, every town with its sums, and no formula anywhere."""

from dataclasses import replace
from datetime import UTC, date, datetime

from app.forms.county import ProjectLine, TownLine, county_list
from tests.forms.site import ENGLISH, NASTY, STAMP, Opened

LINES = (
    ProjectLine("武原街道", "城西安置房二期", "HY-01", "red", "红", "工资表已列未到账", 3, 2, 1, 120, 96, 1_234_567_89, date(2026, 2, 1), datetime(2026, 4, 3, 9, tzinfo=UTC)),
    ProjectLine("", "县人民医院扩建", "HY-02", "yellow", "黄", "补卡过多", 0, 1, 0, 40, 0, None, None, None),
    ProjectLine("沈荡镇", "粮库", "HY-03", "green", "绿", "", 0, 0, 0, 8, 7, 0, None, datetime(2026, 4, 4, 1, tzinfo=UTC)),
)
TOWNS = (TownLine("武原街道", "330424100", 1, 1, 0, 0, 0, 120, 96, 1, 1_234_567_89, 1), TownLine("", "", 2, 0, 1, 1, 0, 48, 7, 0, 0, 0))


def test_the_sums_are_numbers_to_the_fen_and_the_worst_is_coloured():
    opened = Opened(county_list("330424", LINES, TOWNS, replace(STAMP, head_hash="9f2c" * 16)))
    assert opened.prints_as_a_form() and opened.formulas_found() == {}
    for at, (people, owed) in enumerate(((168, 1_234_567.89), (168, 1_234_567.89))):
        row = opened.find("合计", at)[0]
        told = [cell.value for cell in opened.sheet(at)[row]]
        assert people in told and owed in told
    first = opened.find("HY-01")[0]
    assert [opened.sheet().cell(first + n, 2).fill.fgColor.rgb for n in range(3)] == ["FFFCE4D6", "FFFFF2CC", "00000000"]
    assert opened.find("未填镇街") and opened.find("未填镇街", 1)


def test_a_paper_of_many_projects_names_no_single_chain_but_the_journal():
    opened = Opened(county_list("330424", LINES, TOWNS, replace(STAMP, head_hash="", journal="812:" + "ab" * 32)))
    foot = opened.formulas.worksheets[0].oddFooter.right.text
    assert "812:" + "ab" * 32 in foot and "链首" not in foot


def test_it_reads_english_and_keeps_text_as_text():
    told = [replace(LINES[0], name=name, town=name, reason=name) for name in NASTY]
    opened = Opened(county_list(NASTY[0], told, TOWNS, ENGLISH))
    assert opened.find("First reason") and opened.find("Town", 1) and opened.formulas_found() == {}
