"""What users of other systems reported about days (attendance.md 2.4), each as it goes here. Numbers are its rows.

Rows about money are in test_other_systems_money.py; 6, 10-12, 15 and 35 are about gates, rows and locks and lie with
those (test_timekeeping.py, test_gate.py, test_periods.py).
"""

from datetime import date, timedelta

from app.domain.attendance import DayState, days, pair
from app.domain.facts import Correction, CorrectionKind, DayMark, MarkKind
from app.domain.timesheet import work_days
from tests.domain.test_timesheet import LATE, bundle, correction, spans, told
from tests.story import CAST, POLICY, daily, instant, paired, passages


def test_01_a_night_and_an_afternoon_shift_are_two_days_without_any_roster():
    assert daily("""
        3 18:00 wang in  g1
        4 07:10 wang out g1
        4 14:00 wang in  g1
        4 22:00 wang out g1
    """) == [("wang", 3, "worked", 790, 1000), ("wang", 4, "worked", 480, 1000)]


def test_02_an_exit_after_midnight_is_waited_for_and_nobody_is_absent_meanwhile():
    story = "3 14:00 wang in g1\n4 00:30 wang out g1"
    early = pair(passages(story)[:1], policy=POLICY, as_of=instant("4 00:10"))
    assert [d.state for d in days(early, policy=POLICY)] == [DayState.PRESENT]
    assert daily(story) == [("wang", 3, "worked", 630, 1000)]


def test_03_a_passage_is_never_consumed_a_late_one_rebuilds_the_day():
    late = passages("3 08:00 wang in g1\n3 17:00 wang out g1")
    before = work_days(bundle("", passages=late[:1]))
    after = work_days(bundle("", passages=late))
    assert (told(before[0]), told(after[0])) == ((3, "undecided", 0, None), (3, "worked", 540, 1000))


def test_04_a_day_is_a_function_of_facts_whatever_was_asked_before():
    story = passages("3 08:00 wang in g1\n3 17:00 wang out g1\n4 08:00 li in g1\n4 17:00 li out g1")
    whole = work_days(bundle("", passages=story))
    apart = [day for who in ("wang", "li") for day in work_days(bundle("", passages=story), workers=[CAST[who]])]
    assert list(whole) == apart


def test_05_a_day_off_is_never_an_absence_and_a_year_is_what_its_notice_says():
    rest = DayMark(1, MarkKind.REST, date(2026, 3, 8), date(2026, 3, 9), 0)
    assert {str(d.day.state) for d in work_days(bundle("", marks=(rest,)))} == {"off"}
    assert work_days(bundle("")) == ()


def test_07_nobody_is_called_absent_there_is_a_day_when_somebody_came():
    assert work_days(bundle("3 08:00 wang in g1", as_of=instant("3 09:00")))[0].day.state is DayState.PRESENT


def test_08_the_projects_own_clock_decides_the_date():
    (day,) = work_days(bundle("3 06:30 wang in g1\n3 15:30 wang out g1"))  # 22:30 of the day before in UTC
    assert day.work_date == date(2026, 3, 3)


def test_13_an_exit_after_midnight_closes_the_night_and_a_second_entry_is_no_exit():
    assert paired("""
        3 20:00 wang in  g1
        3 20:01 wang in  g1
        4 02:00 wang out g1
    """) == [("wang", 3, "20:00-02:00")]


def test_14_a_lane_that_does_not_say_which_way_is_read_by_what_he_did_before():
    assert paired("3 08:00 wang both g1\n3 17:00 wang both g1") == [("wang", 3, "08:00-17:00")]


def test_17_leave_does_not_override_hours_that_were_worked():
    leave = DayMark(1, MarkKind.LEAVE, date(2026, 3, 3), date(2026, 3, 4), 0, worker_id=CAST["wang"])
    (day,) = work_days(bundle("3 08:00 wang in g1\n3 17:00 wang out g1", marks=(leave,)))
    assert (told(day), day.mark) == ((3, "worked", 540, 1000), leave)


def test_18_a_forgotten_exit_is_undecided_never_paid_and_never_zero():
    (day,) = work_days(bundle("3 08:00 wang in g1"))
    assert told(day) == (3, "undecided", 0, None)


def test_19_a_late_arrival_can_be_corrected_too():
    story = "3 10:00 wang in g1\n3 17:00 wang out g1"
    early = correction(1, CorrectionKind.ADD_SESSION, 3, come="3 08:00", go="3 09:57")
    (day,) = work_days(bundle(story, corrections=(early,)))
    assert (day.computed.minutes, day.day.minutes) == (420, 537)


def test_20_two_shifts_of_one_day_are_added():
    assert daily("""
        3 06:00 wang in  g1
        3 10:00 wang out g1
        3 16:00 wang in  g1
        3 20:00 wang out g1
    """) == [("wang", 3, "worked", 480, 1000)]


def test_21_half_a_day_is_half_a_day():
    assert daily("3 08:00 wang in g1\n3 12:00 wang out g1") == [("wang", 3, "worked", 240, 500)]


def test_29_a_session_over_midnight_of_the_other_clock_has_no_negative_time():
    (day,) = work_days(bundle("3 07:50 wang in g1\n3 16:10 wang out g1"))  # midnight in UTC lies within
    assert day.day.minutes == 500


def test_30_a_night_is_whole_for_its_wages_and_split_for_its_price():
    (day,) = work_days(bundle("04-30 22:00 wang in g1\n05-01 06:00 wang out g1", month="2026-04"))
    assert (day.day.day_milli, spans(day)) == (1000, [("workday", 120, 0), ("statutory", 360, 0)])


def test_33_night_minutes_of_an_eight_hour_shift_are_never_thirteen_hours():
    (day,) = work_days(bundle("3 22:00 wang in g1\n4 06:00 wang out g1"))
    assert day.night_minutes == 480 == day.day.minutes


def test_36_every_day_says_what_it_is():
    rain = DayMark(1, MarkKind.RAIN, date(2026, 3, 6), date(2026, 3, 7), 0, worker_id=CAST["wang"])
    story = "3 08:00 wang in g1\n3 17:00 wang out g1\n4 08:00 wang in g1\n12 08:00 wang in g1"
    found = work_days(bundle(story, marks=(rain,), as_of=instant("12 09:00")))
    assert [(d.work_date.day, str(d.day.state)) for d in found] == [(3, "worked"), (4, "undecided"), (6, "off"), (12, "present")]


def test_37_one_open_entry_stops_no_other_day():
    story = "3 08:00 wang in g1\n4 08:00 wang in g1\n4 17:00 wang out g1\n5 08:00 wang in g1\n5 17:00 wang out g1"
    assert [str(d.day.state) for d in work_days(bundle(story))] == ["undecided", "worked", "worked"]


def test_38_a_shift_over_the_end_of_the_month_belongs_to_the_day_it_began():
    (day,) = work_days(bundle("31 20:00 wang in g1\n04-01 05:00 wang out g1"))
    assert (day.work_date, day.day.minutes) == (date(2026, 3, 31), 540)


def test_a_pour_of_22_hours_is_undecided_and_a_decision_settles_it():
    story = "3 06:00 wang in g1\n4 04:00 wang out g1"
    found = work_days(bundle(story))
    assert {str(d.day.state) for d in found} == {"undecided"}
    fix = Correction(1, CAST["wang"], date(2026, 3, 3), CorrectionKind.SET_DAY, minutes=1320, day_milli=2000)
    decided = work_days(bundle(story, corrections=(fix,)))
    assert told(decided[0]) == (3, "worked", 1320, 2000)
    assert LATE - timedelta(days=1) > found[0].day.loose[0].at
