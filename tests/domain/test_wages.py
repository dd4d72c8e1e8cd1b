"""Wages: timetables and rates in, fen out."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import wages
from app.domain.facts import (
    Allowance,
    AttendancePolicy,
    DayMark,
    HoursSystem,
    MarkKind,
    Measure,
    MonthMethod,
    OvertimeRule,
    PayKind,
    Payment,
    Relation,
    ScopedPolicy,
    Terms,
)
from app.domain.timesheet import work_days
from app.domain.wages import AccrualState, Component, allot, item_fen, measure_fen, month_wages, wage_fen
from tests.domain import hand
from tests.domain.hand import (
    ADJUST_REST,
    CALENDAR,
    REST,
    STATUTORY,
    WORKDAY,
    bundle,
    dates,
    engaged,
    off,
    on,
    one,
    present,
    sheet,
    undecided,
    worked,
)
from tests.story import NAMES, accruals, engagements, owed, paid, project_month
from tests.story import month_wages as priced

FULL = """
    3 08:00 wang in  g1
    3 17:30 wang out g1
"""
TWO_DAYS = FULL + """
    4 08:00 wang in  g1
    4 13:00 wang out g1
"""
LAW, UNITS = {"overtime_rule": OvertimeRule.LAW}, {"overtime_rule": OvertimeRule.UNITS}
COMPREHENSIVE = LAW | {"hours_system": HoursSystem.COMPREHENSIVE}
IRREGULAR = LAW | {"hours_system": HoursSystem.IRREGULAR}
CONTRACT = {"relation": Relation.LABOUR_CONTRACT}


def settled(story: str, *payments: Payment, **rates: int) -> dict[str, wages.Owed]:
    return {NAMES[w]: o for w, o in wages.owed(priced(story, **rates), payments).items()}


def fen(days, *agreed: Terms, month: str = "2026-05", **more) -> list[tuple[str, str, int]]:
    """(day or "month", component, fen) of every item."""
    return [(line[0], line[1], line[-1]) for line in sheet(one(month, days, *agreed, **more))]


# --- work agreements as they always were: man-days x rate, no multiples (rule 1)


def test_a_lunch_break_outside_is_not_paid():
    assert owed(
        """
        3 08:00 wang in  g1
        3 12:00 wang out g1
        3 13:00 wang in  g1
        3 15:00 wang out g1
        """,
        wang=400_00,
    ) == [("wang", 3, 300_00)]


def test_a_missed_exit_leaves_the_day_open_and_pays_the_next():
    assert owed(
        """
        3 07:00 wang in  g1
        4 07:00 wang in  g1
        4 18:00 wang out g1
        """,
        wang=400_00,
    ) == [("wang", 3, "undecided"), ("wang", 4, 400_00)]


def test_twenty_two_hours_wait_for_a_person_and_say_what_they_may_be_worth():
    sums = settled("3 08:00 wang in g1\n4 06:00 wang out g1", wang=400_00)["wang"]
    assert (sums.accrued_fen, sums.owed_fen) == (0, 0)
    assert (sums.undecided_days, sums.undecided_fen_max) == (2, 800_00)
    assert sums.undecided_on == (date(2026, 3, 3), date(2026, 3, 4))


def test_a_day_that_goes_on_earns_nothing_yet():
    [accrual] = accruals("3 08:00 wang in g1", at="3 17:00", wang=400_00)
    assert (accrual.state, accrual.amount_fen, accrual.amount_max_fen) == (AccrualState.PRESENT, 0, 400_00)


def test_work_without_terms_is_listed_not_dropped():
    sums = settled(FULL)["wang"]
    assert owed(FULL) == [("wang", 3, "no_terms")]
    assert (sums.no_terms_days, sums.no_terms_on, sums.accrued_fen) == (1, (date(2026, 3, 3),), 0)
    assert sums.accruals[0].amount_max_fen is None
    assert sums.months[0].problems == (("no_terms", date(2026, 3, 3)),)


def test_a_turn_back_needs_no_terms():
    assert owed("3 08:00 wang in g1\n3 08:01 wang out g1") == [("wang", 3, 0)]


def test_an_hour_of_an_engaged_man_needs_terms_and_one_of_a_stranger_does_not():
    short = worked("05-06", 60)
    assert one("2026-05", [short], engagements=[engaged()]).no_terms_days == 1
    assert one("2026-05", [worked("05-06", 60, engagement=None, team=None)]).no_terms_days == 0


def test_every_fen_names_its_passages_and_terms():
    [accrual] = accruals(FULL, wang=400_00)
    assert (accrual.passage_ids, accrual.terms_id, accrual.rate_fen, accrual.day_milli) == ((1, 2), 1, 400_00, 1000)
    [item] = accrual.items
    assert (item.evidence, item.terms_id) == ((("passage", 1), ("passage", 2)), 1)


def test_overtime_without_a_price_is_worth_nothing_and_is_said_for_a_labour_contract():
    long_day = [worked("05-06", 480 + 180)]
    assert fen(long_day, hand.terms()) == [("05-06", "base", 400_00)]
    assert one("2026-05", long_day, hand.terms()).problems == ()
    assert one("2026-05", long_day, hand.terms(**CONTRACT)).problems == (("overtime_not_priced", on("05-06")),)


def test_a_work_agreement_knows_no_rest_days_and_needs_no_calendar():
    days = [worked("05-01"), worked("05-03"), worked("05-06")]
    assert [f for _, _, f in fen(days, hand.terms(), calendar={})] == [400_00] * 3
    assert one("2026-05", [worked("05-06", calendar={})], hand.terms(), calendar={}).problems == ()


# --- which terms


def test_a_raise_counts_from_its_first_day():
    old = Terms(1, 1, 1, PayKind.DAY, 400_00, date(2026, 1, 1), date(2026, 3, 4))
    new = Terms(2, 1, 1, PayKind.DAY, 500_00, date(2026, 3, 4))
    facts = project_month(TWO_DAYS, agreed=(new, old))
    [month] = month_wages(facts, work_days(facts))
    assert [(a.terms_id, a.amount_fen) for a in month.accruals] == [(1, 400_00), (2, 250_00)]


def test_a_night_shift_has_the_rate_of_the_date_it_began_on():
    old = hand.terms(rate_fen=400_00, valid_to=on("05-01"))
    new = hand.terms(rate_fen=500_00, since="05-01", id=2)
    night = worked("04-30", spans=[(WORKDAY, 120, 0), (STATUTORY, 360, 0)])
    assert fen([night], old, new, month="2026-04") == [("04-30", "base", 400_00)]


def test_two_rates_for_one_day_wait_for_a_person():
    [accrual] = one("2026-05", [worked("05-06")], hand.terms(), hand.terms(rate_fen=500_00, id=9)).accruals
    assert (accrual.state, accrual.amount_fen, accrual.amount_max_fen, accrual.terms_id) == (
        AccrualState.SEVERAL_TERMS,
        0,
        500_00,
        None,
    )


def test_a_transfer_to_another_team_is_two_engagements_each_with_its_own_rate():
    mason, smith = hand.terms(rate_fen=400_00), hand.terms(rate_fen=450_00, id=2, engagement_id=2)
    first, second = engaged(1, until="05-08"), engaged(2, team=2, since="05-08")
    days = [worked("05-07"), worked("05-08", engagement=2, team=2)]
    found = month_wages(bundle("2026-05", mason, smith, engagements=[first, second]), days)
    assert [(m.engagement_id, m.team_id, m.gross_fen) for m in found] == [(1, 1, 400_00), (2, 2, 450_00)]


def test_terms_of_a_former_engagement_never_price_the_new_one():
    days = [worked("05-08", engagement=2)]
    facts = bundle("2026-05", hand.terms(), engagements=[engaged(1, until="05-01"), engaged(2, since="05-08")])
    [month] = month_wages(facts, days)
    assert (month.gross_fen, month.no_terms_days) == (0, 1)


def test_work_after_the_exit_date_is_still_paid_by_the_latest_terms():
    gone = engagements(["wang"], exit_on=date(2026, 2, 1))
    back = [replace(gone[0], id=9, entry_on=date(2026, 2, 10), exit_on=date(2026, 2, 20))]
    latest = Terms(2, 9, 1, PayKind.DAY, 500_00, date(2026, 2, 10))
    facts = project_month(FULL, engaged=(*gone, *back), agreed=[latest], wang=400_00)
    [month] = month_wages(facts, work_days(facts))
    assert (month.engagement_id, month.gross_fen, month.accruals[0].terms_id) == (None, 500_00, 2)


def test_one_day_cannot_be_priced_twice():
    with pytest.raises(ValueError, match="two days"):
        one("2026-05", [worked("05-06"), worked("05-06", engagement=2)], hand.terms())


# --- rounding (domain.md 1.4, attendance.md 2.4 no. 21-24)


def test_a_fen_is_rounded_half_up_and_only_once():
    assert wage_fen(22989, 500) == 11495  # 114.945 yuan; half to even would lose the fen
    assert wage_fen(22987, 500) == 11494
    assert wage_fen(33333, 250) == 8333
    assert wage_fen(300_00, 1000) == 300_00  # domain.md 4.2: 6525.00 / 21.75


@pytest.mark.parametrize(
    ("what", "quantity", "per", "permille", "expected"),
    [
        # domain.md 1.4 and 4.2: of 5000.00 and 6525.00 a month
        ("a day of 5000.00", 1000, 21750, 1000, 229_89),
        ("an hour of 5000.00", 60, 10440, 1000, 28_74),
        ("ten hours of overtime of 5000.00; from a rounded hour it would be 431.10", 600, 10440, 1500, 431_03),
    ],
)
def test_vectors_of_a_month_of_five_thousand(what, quantity, per, permille, expected):
    assert item_fen(quantity, 5000_00, per, permille) == expected


@pytest.mark.parametrize(
    ("quantity", "per", "permille", "expected"),
    [
        (1000, 21750, 1000, 300_00), (60, 10440, 1000, 37_50), (60, 10440, 1500, 56_25),
        (1000, 21750, 2000, 600_00), (1000, 21750, 3000, 900_00),
    ],
)  # fmt: skip
def test_vectors_of_a_month_of_6525(quantity, per, permille, expected):
    assert item_fen(quantity, 6525_00, per, permille) == expected


def test_a_month_is_the_sum_of_rounded_days_not_a_rounded_sum():
    story = "\n".join(f"{d} 08:00 wang in g1\n{d} 13:00 wang out g1" for d in (3, 4, 5))
    assert settled(story, wang=22989)["wang"].accrued_fen == 3 * 11495


@pytest.mark.parametrize(("rate", "milli"), [(0, 1000), (-1, 1000), (100, -1)])
def test_a_rate_is_positive_and_a_day_not_negative(rate, milli):
    with pytest.raises(ValueError, match="positive"):
        wage_fen(rate, milli)


def test_terms_without_a_rate_are_refused():
    with pytest.raises(ValueError, match="positive"):
        one("2026-05", [worked("05-06")], hand.terms(rate_fen=0))


# --- day pay under the law (rule 2)


@pytest.mark.parametrize(
    ("day", "minutes", "expected"),
    [
        ("05-06", 480, [("base", 400_00)]),
        ("05-09", 480, [("base", 400_00)]),  # a make-up Saturday is a workday
        ("05-10", 480, [("rest_day", 800_00)]),
        ("05-05", 480, [("rest_day", 800_00)]),  # moved rest: 200 %, not 300
        ("05-01", 480, [("statutory_day", 1200_00)]),
        ("05-02", 480, [("statutory_day", 1200_00)]),  # a Saturday, statutory all the same
        ("05-06", 600, [("base", 400_00), ("overtime", 150_00)]),
        ("05-10", 600, [("rest_day", 800_00), ("overtime_rest", 200_00)]),
        ("05-01", 600, [("statutory_day", 1200_00), ("overtime_statutory", 300_00)]),
        ("05-10", 240, [("rest_day", 400_00)]),
        ("05-06", 60, []),
    ],
)
def test_a_day_under_the_law(day, minutes, expected):
    assert [(c, f) for _, c, f in fen([worked(day, minutes)], hand.terms(**LAW))] == expected


@pytest.mark.parametrize(("beyond", "paid_minutes"), [(29, 0), (30, 30), (59, 30), (60, 60), (179, 150)])
def test_overtime_is_rounded_down_to_half_hours_of_the_date(beyond, paid_minutes):
    found = fen([worked("05-06", 480 + beyond)], hand.terms(**LAW))
    assert sum(f for _, c, f in found if c == "overtime") == item_fen(paid_minutes, 400_00, 480, 1500)


def test_the_step_is_the_one_of_the_team():
    exact = AttendancePolicy(overtime_step_minutes=1)
    policies = [ScopedPolicy(1, exact, on("05-01"), team_id=1)]
    days = [worked("05-06", 509), worked("05-06", 509, worker=2, engagement=2, team=2)]
    facts = bundle("2026-05", hand.terms(**LAW), hand.terms(id=2, engagement_id=2, worker_id=2, **LAW), policies=policies)
    assert [m.gross_fen - 400_00 for m in month_wages(facts, days)] == [item_fen(29, 400_00, 480, 1500), 0]


def test_a_long_man_day_makes_its_overtime_minute_cheaper():
    found = fen([worked("05-06", 600)], hand.terms(minutes_per_day=600, **LAW))
    assert found == [("05-06", "base", 400_00), ("05-06", "overtime", 120_00)]


def test_a_shift_over_midnight_is_shared_by_minutes_and_loses_none_of_the_day():
    night = worked("04-30", spans=[(WORKDAY, 120, 0), (STATUTORY, 360, 0)])
    found = sheet(one("2026-04", [night], hand.terms(**LAW)))
    assert [(line[1], line[2], line[-1]) for line in found] == [("base", 250, 100_00), ("statutory_day", 750, 900_00)]
    odd = worked("04-30", spans=[(WORKDAY, 160, 0), (STATUTORY, 320, 30)])
    found = sheet(one("2026-04", [odd], hand.terms(**LAW)))
    assert [(line[1], line[2]) for line in found] == [("base", 333), ("statutory_day", 667), ("overtime_statutory", 30)]


def test_overtime_after_midnight_has_the_multiple_of_the_new_date():
    late = worked("04-30", spans=[(WORKDAY, 480, 60), (STATUTORY, 0, 60)])
    assert fen([late], hand.terms(**LAW), month="2026-04") == [
        ("04-30", "base", 400_00), ("04-30", "overtime", 75_00), ("04-30", "overtime_statutory", 150_00),
    ]  # fmt: skip


def test_a_day_decided_without_minutes_goes_by_its_date():
    assert fen([worked("05-10", 0, 500)], hand.terms(**LAW)) == [("05-10", "rest_day", 400_00)]
    assert fen([worked("05-10", 0, 500)], hand.terms(**COMPREHENSIVE)) == [("05-10", "base", 200_00)]


def test_irregular_hours_have_only_statutory_days():
    days = [worked("05-01", 600), worked("05-06", 600), worked("05-10", 600)]
    assert fen(days, hand.terms(**IRREGULAR)) == [
        ("05-01", "statutory_day", 1200_00), ("05-01", "overtime_statutory", 300_00), ("05-06", "base", 400_00),
        ("05-10", "base", 400_00),
    ]  # fmt: skip


# --- agreed units


def test_six_hours_of_overtime_make_a_man_day_where_that_was_agreed():
    agreed = hand.terms(overtime_unit_minutes=360, **UNITS)
    assert fen([worked("05-10", 480 + 180)], agreed) == [("05-10", "base", 400_00), ("05-10", "overtime_units", 200_00)]
    assert fen([worked("05-10", 480 + 29)], agreed) == [("05-10", "base", 400_00)]


def test_units_are_priced_exactly_not_in_rounded_man_days():
    # 60 / 360 of a day is 0.1666...; in thousandths it would be 66.80.
    agreed = hand.terms(overtime_unit_minutes=360, **UNITS)
    assert fen([worked("05-06", 540)], agreed)[1] == ("05-06", "overtime_units", 66_67)


# --- no calendar (rule 7)


def test_without_a_calendar_the_law_cannot_be_applied_and_the_date_earns_nothing_yet():
    known = {d: k for d, k in CALENDAR.items() if d != on("05-06")}
    days = [worked("05-06", calendar=known), worked("05-07")]
    month = one("2026-05", days, hand.terms(**LAW), calendar=known)
    assert [(a.state, a.amount_fen, a.amount_max_fen) for a in month.accruals] == [
        (AccrualState.NO_CALENDAR, 0, 1200_00), (AccrualState.EARNED, 400_00, 400_00),
    ]  # fmt: skip
    assert month.problems == (("calendar_missing", on("05-06")),)


def test_a_night_shift_into_an_unknown_year_names_the_date_that_is_missing():
    known = {d: k for d, k in CALENDAR.items() if d < on("05-01")}
    night = worked("04-30", spans=[(WORKDAY, 120, 0), (None, 360, 0)])
    month = one("2026-04", [night], hand.terms(**LAW), calendar=known)
    assert (month.gross_fen, month.problems) == (0, (("calendar_missing", on("05-01")),))


def test_a_turn_back_needs_no_calendar():
    assert one("2026-05", [worked("05-06", 0, calendar={})], hand.terms(**LAW), calendar={}).problems == ()


def test_a_monthly_wage_without_a_whole_calendar_earns_nothing_yet():
    known = {d: k for d, k in CALENDAR.items() if d != on("05-30")}
    month = one("2026-05", [worked("05-06")], hand.terms(PayKind.MONTH, 6525_00), calendar=known)
    assert (month.gross_fen, month.problems) == (0, (("calendar_missing", on("05-30")),))


# --- by the hour (rule 3)


@pytest.mark.parametrize(
    ("rule", "day", "minutes", "expected"),
    [
        ({}, "05-10", 605, [("base", 302_50)]),
        (UNITS, "05-10", 605, [("base", 302_50)]),
        (LAW, "05-06", 605, [("base", 240_00), ("overtime", 90_00)]),  # 125 minutes are two hours and a step
        (LAW, "05-10", 605, [("rest_day", 480_00), ("overtime_rest", 120_00)]),
        (LAW, "05-01", 605, [("statutory_day", 720_00), ("overtime_statutory", 180_00)]),
        (LAW, "05-06", 61, [("base", 30_50)]),
        (IRREGULAR, "05-10", 605, [("base", 240_00), ("overtime", 62_50)]),  # every hour is paid, none is overtime
    ],
)
def test_an_hour_is_paid_by_the_minute(rule, day, minutes, expected):
    found = fen([worked(day, minutes)], hand.terms(PayKind.HOUR, 30_00, **rule))
    assert [(c, f) for _, c, f in found] == expected


def test_an_undecided_day_by_the_hour_is_worth_a_standard_day_at_most():
    month = one("2026-05", [undecided("05-06", 100), undecided("05-07", 700)], hand.terms(PayKind.HOUR, 30_00))
    assert [a.amount_max_fen for a in month.accruals] == [240_00, 350_00]


# --- by the month (rule 4)

MAY = dates("05-01", "05-31")
"""The nineteen workdays of May 2026; 1 May is a statutory Friday, so 20 days are paid."""


def by_month(days, rate=6525_00, month="2026-05", **more) -> list[tuple[str, int]]:
    agreed = {k: more.pop(k) for k in list(more) if k in Terms.__dataclass_fields__}
    found = one(month, days, hand.terms(PayKind.MONTH, rate, **agreed), **more)
    return [(str(i.component), i.amount_fen) for i in found.items]


def test_a_whole_month_is_the_monthly_wage():
    assert by_month([worked(d) for d in MAY]) == [("base", 6525_00)]


@pytest.mark.parametrize(
    ("missed", "method", "expected"),
    [
        (1, MonthMethod.AUTO, 6525_00 - 300_00),
        (9, MonthMethod.AUTO, 6525_00 - 9 * 300_00),  # nine of nineteen: not more than half
        (10, MonthMethod.AUTO, (9 + 1) * 300_00),  # ten: what was worked, and 1 May
        (10, MonthMethod.DEDUCT, 6525_00 - 10 * 300_00),
        (1, MonthMethod.FORWARD, (18 + 1) * 300_00),
        (19, MonthMethod.AUTO, 300_00),
    ],
)
def test_a_month_that_was_not_worked_whole(missed, method, expected):
    # A turn-back on the last day, so that he has a day at all.
    days = [worked(d) for d in MAY[missed:]] or [worked("05-29", 0)]
    assert by_month(days, month_method=method) == [("base", expected)]


def test_half_of_the_workdays_missed_is_still_deducted():
    march = dates("03-01", "03-31")
    assert len(march) == 22
    assert by_month([worked(d) for d in march[11:]], month="2026-03") == [("base", 6525_00 - 11 * 300_00)]


def test_deducting_more_than_there_is_leaves_nothing():
    march = dates("03-01", "03-31")
    assert len(march) == 22
    assert by_month([worked(march[0], 0)], month="2026-03", month_method=MonthMethod.DEDUCT) == []


def test_forward_never_pays_more_than_the_month():
    # December 2025 had 23 workdays; 22.5 of 21.75 is the whole month.
    calendar = hand.calendar(date(2025, 12, 1), date(2026, 1, 1))
    december = [d for d, k in calendar.items() if k.is_work]
    days = [worked(d, calendar=calendar) for d in december[1:]] + [worked(december[0], 240, calendar=calendar)]
    found = one("2025-12", days, hand.terms(PayKind.MONTH, 6525_00, "2025-01-01", month_method=MonthMethod.FORWARD), calendar=calendar)
    assert (len(december), found.gross_fen) == (23, 6525_00)


def test_october_2025_has_eighteen_workdays_and_twenty_two_paid_days():
    october = dates("2025-10-01", "2025-10-31")
    assert len(october) == 18
    forward = {"since": "2025-01-01", "month_method": MonthMethod.FORWARD}
    month = one("2025-10", [worked(d) for d in october[1:]], hand.terms(PayKind.MONTH, 6525_00, **forward))
    assert month.gross_fen == (17 + 4) * 300_00


def test_a_half_day_counts_half_and_a_short_stay_nothing():
    days = [worked(d) for d in MAY[2:]] + [worked(MAY[0], 240), worked(MAY[1], 90)]
    assert by_month(days) == [("base", 6525_00 - 150_00 - 300_00)]


def test_a_month_so_far_is_paid_so_far():
    days = [worked(d) for d in MAY if d <= on("05-12")]
    noon = datetime(2026, 5, 12, 4, tzinfo=UTC)
    assert len(days) == 6
    assert by_month(days, as_of=noon) == [("base", (6 + 1) * 300_00)]


def test_a_statutory_day_to_come_is_not_paid_yet():
    found = one(
        "2025-10", [worked("2025-10-01", 0)], hand.terms(PayKind.MONTH, 6525_00, "2025-01-01"),
        as_of=datetime(2025, 10, 1, 12, tzinfo=UTC),
    )  # fmt: skip
    assert found.gross_fen == 300_00


def test_a_shift_into_a_year_nobody_imported_is_neither_attended_nor_absent():
    known = {d: k for d, k in CALENDAR.items() if d < on("05-01")}
    april = dates("04-01", "04-30")
    days = [worked(d) for d in april[:-1]] + [worked(april[-1], spans=[(WORKDAY, 120, 0), (None, 360, 0)])]
    month = one("2026-04", days, hand.terms(PayKind.MONTH, 6525_00, **LAW), calendar=known)
    assert (month.gross_fen, month.problems) == (6225_00, (("calendar_missing", on("05-01")),))


def test_an_undecided_day_is_neither_paid_nor_absent():
    days = [worked(d) for d in MAY[1:]] + [undecided(MAY[0])]
    month = one("2026-05", days, hand.terms(PayKind.MONTH, 6525_00))
    assert (month.gross_fen, month.undecided_days, month.undecided_fen_max) == (6225_00, 1, 300_00)
    assert month.problems == (("undecided_day", MAY[0]),)
    # It does not tip the scale to paying by attended days: 9 missed of 19, and one open.
    days = [worked(d) for d in MAY[10:]] + [undecided(MAY[0])]
    assert by_month(days) == [("base", 6525_00 - 10 * 300_00)]


def test_a_raise_in_mid_month_pays_each_part_its_share_of_the_paid_days():
    old = hand.terms(PayKind.MONTH, 6000_00, valid_to=on("05-15"))
    new = hand.terms(PayKind.MONTH, 8000_00, since="05-15", id=2)
    assert len([d for d in MAY if d < on("05-15")]) == 8
    assert fen([worked(d) for d in MAY], old, new) == [
        ("month", "base", item_fen(9, 6000_00, 20)), ("month", "base", item_fen(11, 8000_00, 20)),
    ]  # fmt: skip


def test_a_transfer_in_mid_month_is_two_shares_of_one_month():
    first, second = engaged(1, until="05-15"), engaged(2, team=2, since="05-15")
    agreed = hand.terms(PayKind.MONTH, 6000_00), hand.terms(PayKind.MONTH, 6000_00, id=2, engagement_id=2)
    days = [worked(d, engagement=1 + (d >= on("05-15")), team=1 + (d >= on("05-15"))) for d in MAY]
    found = month_wages(bundle("2026-05", *agreed, engagements=[first, second]), days)
    assert [m.gross_fen for m in found] == [2700_00, 3300_00]


def test_who_enters_in_mid_month_is_paid_from_then_on():
    days = [worked(d) for d in MAY if d >= on("05-18")]
    assert by_month(days, 6000_00, engagements=[engaged(since="05-18")]) == [("base", 3000_00)]


def test_rest_days_statutory_days_and_overtime_come_on_top_one_item_each():
    days = [worked(d, 540) for d in MAY] + [worked("05-10", 540), worked("05-02", 480), worked("05-01", 600)]
    assert by_month(days, **LAW) == [
        ("base", 6525_00), ("rest_day", 600_00), ("statutory_day", 1800_00), ("overtime", item_fen(19 * 60, 6525_00, 10440, 1500)),
        ("overtime_rest", 75_00), ("overtime_statutory", 225_00),
    ]  # fmt: skip


def test_ten_hours_of_overtime_are_one_item_and_one_rounding():
    days = [worked(d, 540) for d in MAY[:10]] + [worked(d) for d in MAY[10:]]
    assert by_month(days, 5000_00, **LAW) == [("base", 5000_00), ("overtime", 431_03)]


def test_a_night_shift_into_a_statutory_day_has_that_part_on_top():
    april = dates("04-01", "04-30")
    days = [worked(d) for d in april[:-1]] + [worked("04-30", spans=[(WORKDAY, 120, 0), (STATUTORY, 360, 0)])]
    assert by_month(days, month="2026-04", **LAW) == [("base", 6525_00), ("statutory_day", 675_00)]


def test_a_shift_belongs_to_the_day_it_began_on_for_the_monthly_wage():
    # Friday night into Saturday: Friday's shift, whole. Sunday night into Monday: Sunday's, whole, on top.
    friday = worked("05-15", spans=[(WORKDAY, 120, 0), (REST, 360, 0)])
    sunday = worked("05-17", spans=[(REST, 120, 0), (WORKDAY, 360, 0)])
    days = [worked(d) for d in MAY if d != on("05-15")]
    assert by_month([*days, friday, sunday], **LAW) == [("base", 6525_00), ("rest_day", 600_00)]


def test_without_the_law_a_rest_day_worked_is_nothing_more_and_said_for_a_contract():
    days = [worked(d) for d in MAY] + [worked("05-10")]
    assert by_month(days) == [("base", 6525_00)]
    month = one("2026-05", days, hand.terms(PayKind.MONTH, 6525_00, **CONTRACT))
    assert month.problems == (("overtime_not_priced", on("05-10")),)


@pytest.mark.parametrize(("unit", "expected"), [(360, 300_00 // 2), (450, 120_00), (361, item_fen(180 * 4, 6525_00, 361 * 87))])
def test_agreed_units_of_a_monthly_wage(unit, expected):
    days = [worked(d) for d in MAY[1:]] + [worked(MAY[0], 480 + 180), worked("05-10")]
    month = one("2026-05", days, hand.terms(PayKind.MONTH, 6525_00, overtime_unit_minutes=unit, **UNITS))
    assert [(str(i.component), i.amount_fen) for i in month.items] == [
        ("base", 6525_00), ("rest_day", 300_00), ("overtime_units", expected),
    ]  # fmt: skip


def test_irregular_monthly_wage_has_only_statutory_days_on_top():
    days = [worked(d, 600) for d in MAY] + [worked("05-10"), worked("05-02")]
    assert by_month(days, **IRREGULAR) == [("base", 6525_00), ("statutory_day", 900_00)]


def test_a_month_nobody_worked_in_is_not_paid():
    assert month_wages(bundle("2026-05", hand.terms(PayKind.MONTH, 6525_00)), []) == ()


def test_work_after_the_exit_is_paid_by_the_day_of_the_month():
    facts = bundle("2026-05", hand.terms(PayKind.MONTH, 6525_00), engagements=[engaged(until="05-01")])
    [month] = month_wages(facts, [worked("05-06", engagement=None, team=None)])
    assert (month.engagement_id, month.gross_fen) == (None, 300_00)


# --- comprehensive hours (rule 5)


def test_a_month_of_comprehensive_hours_is_paid_beyond_its_total():
    # 19 workdays x 8 h = 152 h; 19 x 9 h and a Sunday of 8 h are 179 h: 27 beyond.
    days = [worked(d, 540) for d in MAY] + [worked("05-10")]
    assert by_month(days, **COMPREHENSIVE) == [("base", 6525_00), ("overtime", item_fen(27 * 60, 6525_00, 10440, 1500))]


def test_comprehensive_hours_know_no_rest_day_and_a_statutory_day_is_three():
    days = [worked(d) for d in MAY[1:]] + [worked("05-10"), worked("05-02", 540)]
    assert by_month(days, **COMPREHENSIVE) == [("base", 6525_00), ("statutory_day", 900_00), ("overtime_statutory", 112_50)]


def test_comprehensive_hours_count_the_total_not_the_dates():
    # Fifteen days of ten hours and a short one make up the 152 hours: nobody was absent.
    days = [worked(d, 600) for d in MAY[:15]] + [worked(MAY[15], 120)]
    assert by_month(days, **COMPREHENSIVE) == [("base", 6525_00)]
    assert by_month(days[:-1], **COMPREHENSIVE) == [("base", item_fen(21750 - 250, 6525_00, 21750))]


def test_comprehensive_hours_of_a_day_rate_add_the_half_that_is_missing():
    # 22 days of 9 h are 198 h, 152 are the month's: 46 h are paid once by the day, and half more at the end.
    days = [worked(d, 540) for d in MAY] + [worked(d, 540) for d in ("05-10", "05-16", "05-17")]
    month = one("2026-05", days, hand.terms(**COMPREHENSIVE))
    per_day = [i.amount_fen for i in month.items if i.work_date]
    assert per_day == [400_00, 50_00] * 22
    assert [(i.component, i.quantity, i.permille, i.amount_fen) for i in month.items if not i.work_date] == [
        (Component.OVERTIME, 46 * 60, 500, item_fen(46 * 60, 400_00, 480, 500)),
    ]  # fmt: skip


def test_comprehensive_hours_of_an_hour_rate_are_exact():
    days = [worked(d, 545) for d in MAY]
    month = one("2026-05", days, hand.terms(PayKind.HOUR, 30_00, **COMPREHENSIVE))
    assert month.gross_fen == 19 * (240_00 + 32_50) + item_fen(19 * 65, 30_00, 60, 500)


def test_what_lies_beyond_the_month_is_priced_by_the_rate_of_its_own_date():
    old = hand.terms(rate_fen=400_00, valid_to=on("05-31"), **COMPREHENSIVE)
    new = hand.terms(rate_fen=480_00, since="05-31", id=2, **COMPREHENSIVE)
    month = one("2026-05", [worked(d) for d in [*MAY, "05-30", "05-31"]], old, new)
    assert [(i.terms_id, i.amount_fen) for i in month.items if not i.work_date] == [(1, 200_00), (2, 240_00)]


def test_a_shorter_engagement_has_a_smaller_total():
    days = [worked(d) for d in MAY if d >= on("05-25")] + [worked("05-30")]
    month = one("2026-05", days, hand.terms(**COMPREHENSIVE), engagements=[engaged(since="05-25")])
    assert [i.quantity for i in month.items if not i.work_date] == [480]


# --- paid absence

RAIN = DayMark(7, MarkKind.RAIN, date(2026, 5, 1), date(2026, 6, 1), 600, team_id=1)


@pytest.mark.parametrize(
    ("milli", "expected"),
    [(0, 240_00), (250, 100_00 + 140_00), (500, 200_00 + 40_00), (750, 300_00), (1000, 400_00)],
)
def test_a_paid_share_fills_up_what_was_worked_and_never_takes_from_it(milli, expected):
    day = worked("05-06", milli * 480 // 1000, milli, mark=RAIN) if milli else off("05-06", RAIN)
    month = one("2026-05", [day], hand.terms())
    assert month.gross_fen == expected
    assert all(("mark", 7) in i.evidence for i in month.items if i.component is Component.PAID_ABSENCE)


def test_paid_absence_by_the_hour_and_by_the_month():
    by_hour = one("2026-05", [off("05-06", RAIN), worked("05-07", 120, mark=RAIN)], hand.terms(PayKind.HOUR, 30_00))
    assert [(str(i.component), i.amount_fen) for i in by_hour.items] == [
        ("paid_absence", 144_00), ("base", 60_00), ("paid_absence", 84_00),
    ]  # fmt: skip
    days = [off(MAY[0], RAIN), worked(MAY[1], 120, mark=RAIN)] + [worked(d) for d in MAY[2:]]
    assert by_month(days) == [("base", 6525_00 - 2 * 120_00)]


def test_an_unpaid_mark_is_an_absence_and_a_rest_day_of_a_monthly_wage_is_not_paid_twice():
    unpaid = replace(RAIN, pay_permille=0)
    assert one("2026-05", [off("05-06", unpaid)], hand.terms()).gross_fen == 0
    assert by_month([off(MAY[0], unpaid), off("05-10", RAIN)] + [worked(d) for d in MAY[1:]]) == [("base", 6225_00)]


def test_paid_absence_of_piece_work_needs_a_guarantee():
    piece = hand.terms(PayKind.PIECE, 25_00)
    assert one("2026-05", [off("05-06", RAIN)], piece).problems == (("paid_absence_not_priced", on("05-06")),)
    assert fen([off("05-06", RAIN)], replace(piece, hour_floor_fen=20_00)) == [("05-06", "paid_absence", 96_00)]


def test_a_paid_mark_without_terms_is_said():
    assert one("2026-05", [off("05-06", RAIN)], engagements=[engaged()]).no_terms_days == 1


# --- allowances


def test_allowances_by_the_day_the_month_and_once():
    given = (
        Allowance(1, 1, "meal", "day", 15_00, on("05-07")),
        Allowance(2, 1, "housing", "month", 200_00, on("05-01")),
        Allowance(3, 1, "travel", "once", 88_00, on("05-02")),
        Allowance(4, 1, "skill", "month", 1, on("05-20")),
        Allowance(5, 1, "other", "once", 1, on("06-01")),
    )
    days = [worked("05-06"), worked("05-07"), worked("05-08", 0), undecided("05-11"), worked("05-12", 240)]
    assert fen(days, hand.terms(), allowances=given) == [
        ("05-06", "base", 400_00), ("05-07", "base", 400_00), ("05-07", "allowance", 15_00), ("05-12", "base", 200_00),
        ("05-12", "allowance", 15_00), ("month", "allowance", 200_00), ("month", "allowance", 88_00),
    ]  # fmt: skip


def test_a_single_allowance_is_due_even_in_a_month_without_a_day():
    given = (Allowance(3, 1, "travel", "once", 88_00, on("05-02")),)
    [month] = month_wages(bundle("2026-05", hand.terms(), allowances=given), [])
    assert (month.gross_fen, month.items[0].evidence) == (88_00, (("allowance", 3),))
    before = bundle("2026-05", hand.terms(), allowances=given, as_of=datetime(2026, 5, 1, 4, tzinfo=UTC))
    assert month_wages(before, []) == ()
    assert [m.gross_fen for m in month_wages(before, [worked("05-01")])] == [400_00]


def test_a_month_without_a_day_has_no_monthly_wage_and_no_statutory_days_allowance_or_not():
    given = (Allowance(3, 1, "travel", "once", 88_00, on("05-02")),)
    monthly = hand.terms(PayKind.MONTH, 6525_00)
    [month] = month_wages(bundle("2026-05", monthly, allowances=given), [])
    assert [(str(i.component), i.amount_fen) for i in month.items] == [("allowance", 88_00)]
    assert month_wages(bundle("2026-05", monthly), []) == ()
    [month] = month_wages(bundle("2026-05", monthly, allowances=given), [worked("05-06")])
    assert month.gross_fen > 300_00 + 88_00, "with one day the statutory days are paid, too"


# --- piece work (rule 6)


def measure(quantity_milli: int, price_fen: int, **more) -> Measure:
    values = {"id": 1, "team_id": 1, "month": date(2026, 5, 1), "item": "抹灰", "unit": "m2", "percent": 100, "split_by": "days",
              "accepted": True} | more  # fmt: skip
    return Measure(quantity_milli=quantity_milli, unit_price_fen=price_fen, **values)


def crew(*man_days: int, **agreed) -> tuple[list[Terms], list]:
    """Piece workers 1, 2 ... of team 1 with so many thousandths of man-days."""
    all_terms, days = [], []
    for i, milli in enumerate(man_days, 1):
        all_terms.append(hand.terms(PayKind.PIECE, 25_00, id=i, engagement_id=i, worker_id=i, **agreed))
        day = on("05-06")
        while milli > 0:
            days.append(worked(day, 480 * min(milli, 1000) // 1000, min(milli, 1000), worker=i, engagement=i))
            day, milli = day + timedelta(days=1), milli - 1000
    return all_terms, days


def test_a_pool_of_ten_thousand_is_split_to_the_fen():
    # domain.md 4.2: 20, 15.5 and 9.5 man-days; two remainders tie, the lower engagement gets the fen.
    agreed, days = crew(20_000, 15_500, 9_500)
    found = month_wages(bundle("2026-05", *agreed, measures=[measure(400_000, 25_00)]), days)
    assert [m.gross_fen for m in found] == [4444_45, 3444_44, 2111_11]
    assert sum(m.gross_fen for m in found) == 10_000_00
    [item] = found[0].items
    assert (item.quantity, item.per, item.rate_fen, item.evidence) == (20_000, 45_000, 10_000_00, (("measure", 1),))


@pytest.mark.parametrize(
    ("quantity_milli", "price_fen", "percent", "expected"),
    [(400_000, 25_00, 100, 10_000_00), (12_345, 7_77, 100, 95_92), (1, 500, 100, 1), (1, 499, 100, 0), (10_000, 25_00, 150, 375_00)],
)
def test_measured_work_is_worth_quantity_times_price_rounded_once(quantity_milli, price_fen, percent, expected):
    assert measure_fen(measure(quantity_milli, price_fen, percent=percent)) == expected


def test_agreed_shares_reach_who_had_no_day_and_who_is_in_another_bundle():
    agreed, days = crew(1000)
    shared = measure(400_000, 25_00, split_by="shares", shares=((1, 2), (2, 1), (99, 1)))
    facts = bundle("2026-05", *agreed, engagements=[engaged(1), engaged(2, 2)], measures=[shared])
    found = month_wages(facts, days)
    assert [(m.worker_id, m.gross_fen, len(m.accruals)) for m in found] == [(1, 5000_00, 1), (2, 2500_00, 0)]


def test_a_helper_paid_by_the_day_has_no_share():
    agreed, days = crew(1000, 1000)
    helper = replace(agreed[1], kind=PayKind.DAY, rate_fen=400_00)
    found = month_wages(bundle("2026-05", agreed[0], helper, measures=[measure(100_000, 25_00)]), days)
    assert [m.gross_fen for m in found] == [2500_00, 400_00]


def test_work_of_another_team_or_month_is_not_shared():
    agreed, days = crew(1000)
    others = [measure(1000, 25_00, team_id=2), measure(1000, 25_00, id=2, month=date(2026, 4, 1))]
    assert [m.gross_fen for m in month_wages(bundle("2026-05", *agreed, measures=others), days)] == [0]


@pytest.mark.parametrize(("accepted", "problems"), [(None, (("measure_not_accepted", None),)), (False, ())])
def test_work_that_was_not_accepted_is_not_paid(accepted, problems):
    agreed, days = crew(1000)
    [month] = month_wages(bundle("2026-05", *agreed, measures=[measure(1000, 25_00, accepted=accepted)]), days)
    assert (month.gross_fen, month.problems) == (0, problems)


def test_accepted_work_that_nobody_can_share_is_said():
    helper = hand.terms()
    month = one("2026-05", [worked("05-06")], helper, measures=[measure(1000, 25_00)])
    assert (month.gross_fen, month.problems) == (400_00, (("measure_not_split", None),))


@pytest.mark.parametrize(("pool", "floor"), [(500_00, 140_00), (640_00, 0), (700_00, 0), (0, 640_00)])
def test_the_guarantee_by_the_hour_fills_up_the_piece_pay(pool, floor):
    agreed, days = crew(4000, hour_floor_fen=20_00)
    measures = [measure(1000, pool)] if pool else []
    month = one("2026-05", days, *agreed, measures=measures)
    assert sum(i.amount_fen for i in month.items if i.component is Component.FLOOR) == floor
    assert all(i.evidence for i in month.items)
    assert month.gross_fen == max(pool, 640_00)


def test_the_guarantee_is_rounded_once():
    agreed, days = crew(1000, hour_floor_fen=20_01)
    days = [worked("05-06", 50), worked("05-07", 50)]
    assert one("2026-05", days, *agreed).gross_fen == item_fen(100, 20_01, 60)


# --- owed


def test_paid_wages_are_no_longer_owed():
    sums = settled(TWO_DAYS, *paid(wang=500_00), wang=400_00)["wang"]
    assert (sums.accrued_fen, sums.paid_fen, sums.owed_fen, sums.overpaid_fen) == (600_00, 500_00, 100_00, 0)
    assert sums.payment_ids == (1,)


def test_withheld_wages_are_no_longer_owed_either():
    sums = wages.owed(priced(TWO_DAYS, wang=400_00), paid(wang=500_00), {1: 120_00, 2: 5_00})
    assert (sums[1].withheld_fen, sums[1].owed_fen, sums[1].overpaid_fen) == (120_00, 0, 20_00)
    assert (sums[2].accrued_fen, sums[2].overpaid_fen) == (0, 5_00)


def test_too_much_for_one_worker_is_never_taken_from_another():
    story = FULL + FULL.replace("wang", "li")
    sums = settled(story, *paid(wang=900_00), wang=400_00, li=400_00)
    assert (sums["wang"].owed_fen, sums["wang"].overpaid_fen) == (0, 500_00)
    assert (sums["li"].owed_fen, sums["li"].overpaid_fen) == (400_00, 0)


def test_money_without_work_is_all_overpaid():
    sums = settled("", *paid(wang=400_00))["wang"]
    assert (sums.accrued_fen, sums.owed_fen, sums.overpaid_fen) == (0, 0, 400_00)


def test_a_returned_transfer_is_owed_again():
    first = paid(wang=400_00)[0]
    back = replace(first, id=2, amount_fen=-400_00, reverses_id=1)
    assert settled(FULL, first, back, wang=400_00)["wang"].owed_fen == 400_00


def test_a_payment_delivered_twice_counts_once():
    first = paid(wang=400_00)[0]
    assert settled(FULL, first, replace(first), wang=400_00)["wang"].paid_fen == 400_00
    with pytest.raises(ValueError, match="id 1"):
        settled(FULL, first, replace(first, amount_fen=1), wang=400_00)
    with pytest.raises(ValueError, match="id 1"):
        settled(FULL, first, replace(first, worker_id=2), wang=400_00)


# --- laws

_KINDS = [WORKDAY, REST, STATUTORY, ADJUST_REST]
_spans = st.lists(
    st.tuples(st.sampled_from(_KINDS), st.integers(0, 480), st.integers(0, 300)), max_size=3, unique_by=lambda span: span[0]
).filter(lambda spans: sum(s[1] for s in spans) <= 480)
_marks = st.sampled_from([None, None, RAIN, replace(RAIN, id=8, pay_permille=1000)])
_given_days = st.lists(
    st.tuples(
        st.integers(1, 3), st.integers(1, 31), st.sampled_from(["worked"] * 4 + ["undecided", "present", "off", "stray"]),
        _spans, st.sampled_from([None, 0, 250, 1000]), _marks,
    ),
    max_size=25,
    unique_by=lambda drawn: drawn[:2],
)  # fmt: skip
_given_terms = st.tuples(
    st.sampled_from(PayKind), st.integers(1, 10_000_00), st.sampled_from(OvertimeRule), st.sampled_from(HoursSystem),
    st.sampled_from(MonthMethod), st.sampled_from([480, 540, 600]), st.sampled_from([360, 450, 481]),
    st.sampled_from([None, 22_37]),
)  # fmt: skip


def _make(drawn_days, drawn_terms, raise_on: int):
    days = []
    for worker, number, state, spans, milli, mark in drawn_days:
        day = date(2026, 5, number)
        who = {"worker": worker, "engagement": worker}
        if state == "off":
            days.append(off(day, mark or RAIN, **who))
        elif state in ("undecided", "present"):
            days.append((undecided if state == "undecided" else present)(day, sum(s[1] + s[2] for s in spans), **who))
        else:
            who = {"worker": worker, "engagement": None, "team": None} if state == "stray" else who
            days.append(worked(day, 0, milli, spans=spans, mark=mark, **who))
    agreed = []
    for worker, (before, after) in enumerate(zip(drawn_terms[:3], drawn_terms[3:], strict=True), 1):
        for part, (kind, rate, rule, system, method, length, unit, floor) in enumerate((before, after)):
            agreed.append(
                hand.terms(
                    kind, rate, "2026-01-01" if part == 0 else date(2026, 5, raise_on), id=2 * worker + part,
                    engagement_id=worker, worker_id=worker, overtime_rule=rule, hours_system=system, month_method=method,
                    minutes_per_day=length, overtime_unit_minutes=unit, hour_floor_fen=floor,
                    valid_to=date(2026, 5, raise_on) if part == 0 else None,
                )  # fmt: skip
            )
    return days, agreed


@settings(max_examples=100, deadline=None)
@given(
    _given_days, st.lists(_given_terms, min_size=6, max_size=6), st.integers(2, 31), st.integers(1, 10**7),
    st.lists(st.tuples(st.integers(1, 4), st.integers(-500_00, 2000_00)), max_size=5), st.randoms(use_true_random=False),
)  # fmt: skip
def test_every_day_once_every_fen_explained_and_the_order_does_not_matter(drawn_days, drawn_terms, raise_on, pool, paid_, random):
    days, agreed = _make(drawn_days, drawn_terms, raise_on)
    measures = [measure(1000, pool), measure(777, pool, id=2, split_by="shares", shares=((1, 3), (2, 4)))]
    allowances = [Allowance(1, 1, "meal", "day", 15_00, date(2026, 5, 3)), Allowance(2, 2, "heat", "month", 100_00, date(2026, 5, 1))]
    more = {"engagements": [engaged(i, i) for i in (1, 2, 3)], "measures": measures, "allowances": allowances}
    found = month_wages(bundle("2026-05", *agreed, **more), days)

    assert sorted((a.worker_id, a.work_date, a.passage_ids) for m in found for a in m.accruals) == sorted(
        (d.worker_id, d.work_date, d.day.passage_ids) for d in days
    )
    for m in found:
        assert m.gross_fen == sum(i.amount_fen for i in m.items) >= 0
        assert [i for a in m.accruals for i in a.items] == [i for i in m.items if i.work_date]
        assert m.day_milli == sum(a.day_milli or 0 for a in m.accruals)
        for i in m.items:
            exact = Fraction(i.quantity * i.rate_fen * i.permille, 1000 * i.per)
            assert i.evidence and i.amount_fen >= 0
            assert abs(i.amount_fen - exact) < 1 if i.component is Component.PIECE else i.amount_fen == int(exact + Fraction(1, 2))
        for a in m.accruals:
            assert a.amount_fen == sum(i.amount_fen for i in a.items)
            assert a.state is AccrualState.EARNED or a.amount_fen == 0
            if a.state is AccrualState.EARNED:
                assert a.amount_max_fen == a.amount_fen
    shares = [i for m in found for i in m.items if i.component is Component.PIECE]
    assert sum(i.amount_fen for i in shares if ("measure", 2) in i.evidence) == measure_fen(measures[1])
    assert sum(i.amount_fen for i in shares if ("measure", 1) in i.evidence) in (0, measure_fen(measures[0]))

    payments = [Payment(i, worker, amount, date(2026, 6, 15), date(2026, 5, 1), "bank") for i, (worker, amount) in enumerate(paid_, 1)]
    sums = wages.owed(found, payments, {1: 7})
    assert sum(o.accrued_fen for o in sums.values()) == sum(m.gross_fen for m in found)
    assert sum(o.paid_fen for o in sums.values()) == sum(p.amount_fen for p in payments)
    for o in sums.values():
        assert o.accrued_fen - o.withheld_fen - o.paid_fen == o.owed_fen - o.overpaid_fen
        assert min(o.owed_fen, o.overpaid_fen) == 0

    shuffled = {name: random.sample(rows, len(rows)) for name, rows in more.items()}
    again = month_wages(bundle("2026-05", *random.sample(agreed, len(agreed)), **shuffled), random.sample(days, len(days)))
    assert again == found
    assert wages.owed(random.sample(again, len(again)), random.sample(payments, len(payments)), {1: 7}) == sums


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.dictionaries(st.integers(1, 50), st.integers(0, 10**5), max_size=12))
def test_a_split_sums_to_the_whole_and_lies_within_a_fen_of_its_share(total, weights):
    parts = allot(total, weights)
    whole = sum(weights.values())
    if whole == 0:
        assert parts == {}
        return
    assert sum(parts.values()) == total and parts.keys() == weights.keys()
    assert all(abs(part - Fraction(total * weights[key], whole)) < 1 for key, part in parts.items())


def test_a_split_of_something_negative_is_refused():
    for total, weights in ((-1, {1: 1}), (1, {1: -1})):
        with pytest.raises(ValueError, match="negative"):
            allot(total, weights)


@settings(max_examples=40, deadline=None)
@given(_spans, st.integers(0, 1000))
def test_no_thousandth_of_a_day_is_lost_between_kinds_of_days(spans, milli):
    day = worked("05-06", 0, milli, spans=spans)
    for system in HoursSystem:
        month = one("2026-05", [day], hand.terms(overtime_rule=OvertimeRule.LAW, hours_system=system))
        assert sum(i.quantity for i in month.items if i.unit == "milli_day") == milli


def test_states_of_days_are_told_as_they_are():
    month = one("2026-05", [present("05-06"), undecided("05-07"), off("05-08", RAIN)], hand.terms())
    assert [str(a.state) for a in month.accruals] == ["present", "undecided", "earned"]
    assert [code for code, _ in month.problems] == ["present", "undecided_day"]
    assert month.accruals[2].day_milli == 0
