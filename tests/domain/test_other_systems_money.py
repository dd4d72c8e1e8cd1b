"""What went wrong with money in other systems, row by row of research/attendance.md 2.4, and does not here."""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from app.domain.backpay import difference
from app.domain.facts import (
    Correction,
    CorrectionKind,
    DayMark,
    Deduction,
    DeductionKind,
    MarkKind,
    OvertimeRule,
    PayKind,
)
from app.domain.timesheet import work_days
from app.domain.wages import allot, item_fen, month_wages, owed
from app.domain.withhold import withhold
from app.wording.wages import formula
from tests.domain.hand import CALENDAR, dates, engaged, off, on, one, terms, worked
from tests.story import instant, paid, project_month

LAW = {"overtime_rule": OvertimeRule.LAW}
MAY = dates("05-01", "05-31")


def test_row_16_a_correction_recomputes_the_overtime():
    """horilla#56: an approved correction changed the day and left its overtime as it was."""
    story = "6 08:00 wang in g1\n6 12:00 wang out g1\n6 13:00 wang in g1\n6 17:00 wang out g1"
    agreed = terms(rate_fen=400_00, **LAW)
    facts = {"month": "2026-05", "agreed": [agreed], "calendar": CALENDAR, "at": "06-10 08:00"}
    until_seven = Correction(
        1, 1, date(2026, 5, 6), CorrectionKind.ADD_SESSION, instant("6 17:05", month="2026-05"), instant("6 19:05", month="2026-05")
    )

    def gross(*corrections: Correction) -> int:
        bundle = project_month(story, corrections=corrections, **facts)
        return month_wages(bundle, work_days(bundle))[0].gross_fen

    assert (gross(), gross(until_seven), gross()) == (400_00, 400_00 + 150_00, 400_00)


def test_row_22_the_amount_for_the_bank_is_the_sum_of_the_net_fen():
    """hrms#190: the bank entry was rounded, and workers got 0.87 too little."""
    wages = [
        one("2026-05", [worked(d, 240 + 35 * w) for d in MAY], terms(rate_fen=333_33 + w, **LAW)) for w in range(1, 8)
    ]
    tax = [Deduction(1, 1, date(2026, 5, 1), DeductionKind.INCOME_TAX, 1_01)]
    nets = [withhold(w.gross_fen, tax, [], minimum_fen=0).net_fen for w in wages]
    assert all(type(n) is int for n in nets) and any(n % 100 for n in nets)
    assert sum(nets) == sum(w.gross_fen for w in wages) - 7 * 1_01
    for wage, net in zip(wages, nets, strict=True):
        sums = owed([wage], paid(wang=net), {1: 1_01})[1]
        assert (sums.owed_fen, sums.overpaid_fen) == (0, 0)


def test_row_23_there_is_one_rounding_at_one_place_half_up():
    """erpnext PR#20149, PR#30250, hrms PR#4243: a rounded total beside an unrounded net; up here, to the nearest there."""
    wage = one("2026-05", [worked(d, 240) for d in MAY[:3]], terms(rate_fen=229_89))
    assert [i.amount_fen for i in wage.items] == [114_95] * 3  # 114.945 each
    assert wage.gross_fen == 344_85  # the sum of what stands there, not the rounded sum 344.84
    assert item_fen(600, 5000_00, 10440, 1500) == 431_03  # from a rounded hour it would be 431.10


def test_row_24_what_is_shown_times_days_is_the_total():
    """OCA/payroll PR#79: a daily rate of 4,989.476190 was shown rounded; 30 rounded shares of 10,000.00 made 9,999.90."""
    shares = allot(10_000_00, dict.fromkeys(range(30), 1))
    assert sum(shares.values()) == 10_000_00 and set(shares.values()) == {333_33, 333_34}
    assert 30 * item_fen(1, 10_000_00, 30) == 9_999_90
    first, second = terms(PayKind.MONTH, 10_000_00, valid_to=on("05-15")), terms(PayKind.MONTH, 10_000_00, since="05-15", id=2)
    parts = one("2026-05", [worked(d) for d in MAY], first, second)
    assert [(i.quantity, i.rate_fen, i.per, i.amount_fen) for i in parts.items] == [
        (9_000, 10_000_00, 20_000, 4_500_00), (11_000, 10_000_00, 20_000, 5_500_00),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [PayKind.DAY, PayKind.MONTH])
def test_row_25_who_missed_days_is_not_paid_more_for_an_hour_of_overtime(kind):
    """hrms PR#4211: overtime was priced from the month's result; the more days were missed, the dearer the hour."""
    agreed = terms(kind, 400_00 if kind is PayKind.DAY else 8700_00, **LAW)

    def overtime(days) -> int:
        return sum(i.amount_fen for i in one("2026-05", days, agreed).items if i.component == "overtime")

    whole = overtime([worked(MAY[0], 600), *(worked(d) for d in MAY[1:])])
    assert whole == 2 * 75_00 == overtime([worked(MAY[0], 600)])


def test_row_26_a_closed_month_is_mended_by_one_line_and_stays_as_it_was_posted():
    """hrms PR#2942, #3562, erpnext#12070: to mend one line after closing, the whole run had to be torn down."""
    agreed = terms()
    posted = one("2026-05", [worked(d) for d in MAY[:10]], agreed)
    late = one("2026-05", [worked(d) for d in MAY[:11]], agreed)
    assert difference(late, posted.gross_fen) == 400_00
    assert late.items[:10] != () and [i.amount_fen for i in late.items[:10]] == [i.amount_fen for i in posted.items]
    assert difference(posted, posted.gross_fen) == 0


def test_row_27_a_day_of_unpaid_leave_is_taken_off_once():
    """horilla#1225: after a fix, unpaid leave was deducted twice."""
    leave = DayMark(1, MarkKind.LEAVE, MAY[0], MAY[0] + timedelta(days=1), 0, worker_id=1)
    agreed = terms(PayKind.MONTH, 6525_00)
    marked = one("2026-05", [off(MAY[0], leave), *(worked(d) for d in MAY[1:])], agreed)
    unmarked = one("2026-05", [worked(d) for d in MAY[1:]], agreed)
    assert marked.gross_fen == unmarked.gross_fen == 6525_00 - 300_00
    answer = withhold(marked.gross_fen, [Deduction(1, 1, MAY[0].replace(day=1), DeductionKind.INCOME_TAX, 25_00)], [], minimum_fen=0)
    assert answer.net_fen == marked.gross_fen - answer.deductions_fen - answer.advances_fen == 6200_00


@pytest.mark.parametrize("month", ["2026-02", "2026-03", "2026-04", "2026-05"])
def test_row_28_two_halves_of_a_month_are_the_month_whatever_its_length(month):
    """horilla#443: half-monthly pay was wrong in months of 31 days. Days are paid, not fractions of months."""
    first = date.fromisoformat(f"{month}-01")
    days = [d for d in CALENDAR if d.replace(day=1) == first]
    agreed = terms()
    halves = [one(month, [worked(d) for d in days if (d.day <= 15) is early], agreed).gross_fen for early in (True, False)]
    assert sum(halves) == one(month, [worked(d) for d in days], agreed).gross_fen == len(days) * 400_00


def test_row_32_the_worked_days_are_shown_with_their_formula_and_their_passages():
    """odoo#272675: the line "worked days" showed the full wage, whatever was worked."""
    wage = one("2026-05", [worked("05-06", 360), worked("05-09", 600)], terms(**LAW), engagements=[engaged()])
    assert [formula(i, "zh") for i in wage.items] == ["0.75 工日 × 400.00", "1.0 工日 × 400.00", "2.0 小时 × 50.00 × 150 %"]
    assert [formula(i, "en") for i in wage.items][1:] == ["1.0 man-days × 400.00", "2.0 h × 50.00 × 150 %"]
    for item in wage.items:
        exact = Fraction(item.quantity * item.rate_fen * item.permille, item.per * 1000)
        assert item.amount_fen == exact
        [accrual] = [a for a in wage.accruals if a.work_date == item.work_date]
        assert [i for kind, i in item.evidence if kind == "passage"] == list(accrual.passage_ids) != []
