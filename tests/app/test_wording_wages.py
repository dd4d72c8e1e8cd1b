"""A wage item told in words: what a worker can check with a pencil."""

from datetime import date

import pytest

from app.domain.wages import AccrualState, Component, WageItem
from app.wording import NAMES
from app.wording.wages import formula, formula_of_several


@pytest.mark.parametrize(
    ("component", "quantity", "unit", "rate_fen", "per", "permille", "zh", "en"),
    [
        ("base", 1000, "milli_day", 400_00, 1000, 1000, "1.0 工日 × 400.00", "1.0 man-days × 400.00"),
        ("rest_day", 750, "milli_day", 400_00, 1000, 2000, "0.75 工日 × 400.00 × 200 %", "0.75 man-days × 400.00 × 200 %"),
        ("overtime", 120, "minute", 400_00, 480, 1500, "2.0 小时 × 50.00 × 150 %", "2.0 h × 50.00 × 150 %"),
        ("overtime", 130, "minute", 400_01, 480, 1500, "2 小时 10 分 × 400.01 ÷ 8.0 小时 × 150 %", "2 h 10 min × 400.01 ÷ 8.0 h × 150 %"),
        ("overtime", 600, "minute", 5000_00, 10440, 1500, "10.0 小时 × 5,000.00 ÷ 174.0 小时 × 150 %", "10.0 h × 5,000.00 ÷ 174.0 h × 150 %"),
        ("overtime", 60, "minute", 50_00, 60, 500, "1.0 小时 × 50.00 × 50 %（已按 100 % 计，加发）", "1.0 h × 50.00 × 50 % (100 % is paid already)"),
        ("overtime_units", 180, "minute", 400_00, 360, 1000, "3.0 小时 × 400.00 ÷ 6.0 小时", "3.0 h × 400.00 ÷ 6.0 h"),
        ("overtime_units", 720, "quarter_minute", 6525_00, 39150, 1000, "3.0 小时 × 40.00", "3.0 h × 40.00"),
        ("base", 20_750, "milli_day", 6525_00, 21_750, 1000, "20.75 天 × 6,525.00 ÷ 21.75", "20.75 days × 6,525.00 ÷ 21.75"),
        ("base", 1, "once", 6525_00, 1, 1000, "整月 6,525.00", "whole month 6,525.00"),
        ("piece", 20_000, "milli_day", 10_000_00, 45_000, 1000, "10,000.00 × 20.0 ÷ 45.0 工日", "10,000.00 × 20.0 ÷ 45.0 man-days"),
        ("piece", 2, "share", 10_000_00, 5, 1000, "10,000.00 × 2 ÷ 5 份", "10,000.00 × 2 ÷ 5 shares"),
        ("paid_absence", 1000, "milli_day", 400_00, 1000, 600, "1.0 工日 × 400.00 × 60 %", "1.0 man-days × 400.00 × 60 %"),
        ("allowance", 1, "once", 5, 1, 1000, "0.05", "0.05"),
    ],
)  # fmt: skip
def test_how_an_amount_was_worked_out(component, quantity, unit, rate_fen, per, permille, zh, en):
    item = WageItem(Component(component), date(2026, 5, 6), quantity, unit, rate_fen, per, permille, 0, 1)
    assert (formula(item, "zh"), formula(item, "en")) == (zh, en)


def test_everything_a_wage_can_be_for_has_a_name():
    for key in (*(f"component.{c}" for c in Component), *(f"accrual_state.{s}" for s in AccrualState)):
        assert all(NAMES[key]), key


def of_days(*quantities, unit="minute", rate_fen=38_00, per=60, permille=1000, amounts=None):
    amounts = amounts or [quantity * rate_fen * permille // (1000 * per) for quantity in quantities]
    return [
        WageItem(Component.BASE, date(2026, 5, day), quantity, unit, rate_fen, per, permille, amount, 1)
        for day, (quantity, amount) in enumerate(zip(quantities, amounts, strict=True), 1)
    ]


@pytest.mark.parametrize(
    ("items", "zh", "en"),
    [
        (of_days(480, 480, 240), "20.0 小时 × 38.00", "20.0 h × 38.00"),
        (of_days(480), "8.0 小时 × 38.00", "8.0 h × 38.00"),
        (of_days(60, 60, permille=1500), "2.0 小时 × 38.00 × 150 %", "2.0 h × 38.00 × 150 %"),
        (of_days(1000, 500, unit="milli_day", rate_fen=400_00, per=1000), "1.5 工日 × 400.00", "1.5 man-days × 400.00"),
        (of_days(1, 1, 1, unit="once", rate_fen=15_00, per=1), "3 × 15.00", "3 × 15.00"),
        # Twenty minutes at 0.50 are 16.67 fen: two days make 34, not 33.
        (of_days(20, 20, rate_fen=50, amounts=[17, 17]), "40 分 × 0.50（逐日四舍五入到分）", "40 min × 0.50 (each day rounded to the fen)"),
        (of_days(480, 480, amounts=[-304_00, -304_00]), "16.0 小时 × 38.00", "16.0 h × 38.00"),
    ],
)  # fmt: skip
def test_the_days_of_a_month_are_told_in_one_formula_a_worker_can_check(items, zh, en):
    assert (formula_of_several(items, "zh"), formula_of_several(items, "en")) == (zh, en)
