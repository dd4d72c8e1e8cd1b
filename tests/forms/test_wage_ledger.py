"""The ledger of wages paid and the count of workers by trade, as printed."""

import io
import zipfile
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.forms import ledger as module
from app.forms.ledger import LedgerHead, LedgerMonth, LedgerWorker, wage_ledger
from app.forms.people import Movement, PeopleHead, movement_sheet
from tests.forms.site import ENGLISH, NAMES, NASTY, STAMP, TRADES, Opened

HEAD = LedgerHead("锦江区东湖片区安置房二期工程", date(2026, 1, 1), date(2026, 12, 31), "中国建筑第八工程局有限公司")
MONTHS = tuple(
    LedgerMonth(
        date(2026, month, 1), 21_000 + month * 250, 600, 638_000 + month * 33, 12_345, 20_000 if month in (6, 7, 8) else 0, 50_000, 105, 333,
        3_000 if month == 5 else 0, 0, 500_000, (date(2026, 5, 15), date(2026, 6, 2)) if month == 4 else (date(2026, month, 15),),
        f"2026031000{month:08d}", "补发 2026-02" if month == 4 else "",
    )
    for month in range(1, 13)
)  # fmt: skip


def worker(at: int) -> LedgerWorker:
    return LedgerWorker(NAMES[at % 25], f"51102319800101{at:03d}X", f"138{at:08d}", "四川宏远建筑劳务有限公司", "钢筋一班", "steel_fixer", MONTHS, 12_345)


def fen(opened: Opened, row: int, heading: str) -> int:
    value = opened.sheet().cell(row, opened.find(heading)[1]).value
    return round((value or 0) * 100)


def test_every_worker_has_a_page_of_his_own():
    opened = Opened(wage_ledger(HEAD, [worker(at) for at in range(25)], STAMP))
    sheet = opened.sheet()
    titles = [row for row in range(1, sheet.max_row + 1) if sheet.cell(row, 1).value == "农民工工资支付台账"]
    assert len(titles) == 25 and [brk.id + 1 for brk in opened.formulas.worksheets[0].row_breaks.brk] == titles[1:]
    assert not opened.formulas.worksheets[0].print_title_rows, "the heading of the last page is not that of every page"
    # A3 across holds 157 characters at full size, as measured with the widest fallback font.
    width = sum(column.width for column in module._COLUMNS)
    assert width * module.SCALE / 100 <= 157 and opened.formulas.worksheets[0].page_setup.scale == module.SCALE
    foot = opened.formulas.worksheets[0].oddFooter
    assert "2026-04-04" in foot.left.text and "9f2c" * 16 in foot.right.text


def test_a_line_adds_up_across_and_what_is_owed_goes_on_from_line_to_line():
    opened = Opened(wage_ledger(HEAD, [worker(0)], STAMP))
    first = opened.find("2026-01")[0]
    owed = 12_345
    for at, line in enumerate(MONTHS):
        row = first + at
        assert fen(opened, row, "应发合计") == line.regular_fen + line.overtime_fen + line.allowance_fen
        assert fen(opened, row, "扣款合计") == 50_000 + 105 + 333 + line.damage_fen
        assert fen(opened, row, "实发工资") == fen(opened, row, "应发合计") - fen(opened, row, "扣款合计")
        owed += fen(opened, row, "实发工资") - fen(opened, row, "支付金额")
        assert fen(opened, row, "累计未付") == owed
    assert fen(opened, opened.find("合计")[0], "累计未付") == owed == worker(0).owed_fen
    assert opened.formulas_found()[f"工资支付台账!R{first}"][0] == f"=R{first - 1}+MAX(0,N{first}-P{first})"


def test_a_month_paid_before_it_is_closed_or_paid_too_much_takes_nothing_from_what_is_owed():
    closed, early, over = (replace(MONTHS[at], paid_fen=paid) for at, paid in ((0, 0), (1, 500_000), (2, 900_000_00)))
    early = replace(early, regular_fen=0, overtime_fen=0, advances_fen=0, social_fen=0, tax_fen=0)
    one = replace(worker(0), months=(closed, early, over), brought_fen=0)
    opened = Opened(wage_ledger(HEAD, [one], STAMP))
    first = opened.find("2026-01")[0]
    assert [fen(opened, first + at, "累计未付") for at in range(3)] == [closed.net_fen] * 3
    assert one.owed_fen == closed.net_fen


def test_two_payments_of_a_month_stand_under_each_other_and_one_is_a_date():
    opened = Opened(wage_ledger(HEAD, [worker(0)], STAMP))
    first, column = opened.find("2026-01")[0], opened.find("支付日期")[1]
    assert opened.sheet().cell(first, column).value.date() == date(2026, 1, 15)
    assert opened.sheet().cell(first + 3, column).value == "2026-05-15\n2026-06-02"


def test_what_the_law_wants_written_down_is_there():
    opened = Opened(wage_ledger(HEAD, [worker(2)], STAMP))
    shown = " ".join(str(cell.value) for row in opened.sheet().iter_rows() for cell in row if cell.value is not None)
    for wanted in ("四川宏远建筑劳务有限公司", "2026-01-01 — 2026-12-31", "张志强", "51102319800101002X", "13800000002", "202603100000000001"):
        assert wanted in shown


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 10_000_000)] * 9), max_size=14), st.integers(-1_000_000, 1_000_000))
def test_the_year_is_the_sum_of_its_lines(amounts: list[tuple[int, ...]], brought: int):
    lines = tuple(
        LedgerMonth(date(2026, 1 + at % 12, 1), 1000, 0, *parts[:8], paid_fen=parts[8]) for at, parts in enumerate(amounts)
    )  # fmt: skip
    one = replace(worker(0), months=lines, brought_fen=brought)
    opened = Opened(wage_ledger(HEAD, [one], STAMP))
    total = opened.find("合计")[0]
    assert fen(opened, total, "实发工资") == sum(sum(parts[:3]) - sum(parts[3:8]) for parts in amounts)
    assert fen(opened, total, "支付金额") == sum(parts[8] for parts in amounts)
    assert fen(opened, total, "累计未付") == one.owed_fen


def test_a_worker_without_a_month_still_has_what_was_brought_on():
    opened = Opened(wage_ledger(HEAD, [replace(worker(0), months=())], STAMP))
    assert fen(opened, opened.find("合计")[0], "累计未付") == 12_345
    assert opened.find("上期结转未付")


def test_more_workers_than_a_sheet_has_breaks_go_on_to_the_next(monkeypatch):
    monkeypatch.setattr(module, "SHEET_WORKERS_MAX", 2)
    content = wage_ledger(HEAD, [worker(at) for at in range(5)], STAMP)
    assert Opened(content).formulas.sheetnames == ["工资支付台账 1", "工资支付台账 2", "工资支付台账 3"]
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert content == wage_ledger(HEAD, [worker(at) for at in range(5)], STAMP)


def test_a_proof_that_looks_like_a_formula_is_shown():
    nasty = replace(worker(0), name=NASTY[0], months=(replace(MONTHS[0], proof=NASTY[0], note=NASTY[1]),))
    opened = Opened(wage_ledger(replace(HEAD, project=NASTY[3]), [nasty], ENGLISH))
    assert opened.find(NASTY[0]) and opened.find(NASTY[1])
    assert all(formula.startswith(("=SUM(", "=R", "=G")) for formula, _ in opened.formulas_found().values())


MOVES = [Movement("四川宏远建筑劳务有限公司", f"钢筋{at + 1}班", TRADES[at % 5], 10 + at, at % 4, at % 3) for at in range(25)]


def test_who_stays_is_who_was_there_and_came_without_who_left():
    opened = Opened(movement_sheet(PeopleHead("东湖二期", from_on=date(2026, 3, 1), to_on=date(2026, 3, 31)), MOVES, STAMP))
    assert opened.prints_as_a_form()
    first, total = opened.find("钢筋1班")[0], opened.find("合计")[0]
    assert opened.column("期末在册", first, 25) == [row.before + row.came - row.left for row in MOVES]
    assert opened.formulas_found()[f"人员动态!H{first}"][0] == f"=E{first}+F{first}-G{first}"
    assert opened.sheet().cell(total, 8).value == sum(row.after for row in MOVES)


@pytest.mark.parametrize("stamp", [STAMP, ENGLISH])
def test_a_month_without_anybody_is_a_sheet_of_zeros(stamp):
    opened = Opened(movement_sheet(PeopleHead("东湖二期"), (), stamp))
    assert opened.sheet().cell(opened.find(stamp.word("total"))[0], 8).value == 0
