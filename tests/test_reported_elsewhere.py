"""What users of other systems reported (research/attendance.md 2.4): each row, and the tests that say how it goes here.

A test that is renamed or taken away fails here, and so does a row without one.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
DAYS, MONEY = "domain/test_other_systems.py", "domain/test_other_systems_money.py"

ROWS: dict[int, tuple[str, ...]] = {
    1: (f"{DAYS}::test_01_a_night_and_an_afternoon_shift_are_two_days_without_any_roster",),
    2: (f"{DAYS}::test_02_an_exit_after_midnight_is_waited_for_and_nobody_is_absent_meanwhile",),
    3: (f"{DAYS}::test_03_a_passage_is_never_consumed_a_late_one_rebuilds_the_day",),
    4: (f"{DAYS}::test_04_a_day_is_a_function_of_facts_whatever_was_asked_before",),
    5: (
        f"{DAYS}::test_05_a_day_off_is_never_an_absence_and_a_year_is_what_its_notice_says",
        "app/test_timekeeping.py::test_a_year_has_13_statutory_days_and_248_workdays",
    ),
    6: (
        "app/test_gate.py::test_the_watermark_is_that_of_the_slowest_gate_that_has_ever_sent",
        "app/test_periods.py::test_a_gate_that_may_still_keep_events_blocks",
    ),
    7: (
        f"{DAYS}::test_07_nobody_is_called_absent_there_is_a_day_when_somebody_came",
        "app/test_projection.py::test_somebody_inside_becomes_a_missed_exit_by_the_passing_of_time_alone",
    ),
    8: (f"{DAYS}::test_08_the_projects_own_clock_decides_the_date", "domain/test_attendance.py::test_a_naive_time_is_refused"),
    9: (
        "app/test_gate.py::test_a_gate_whose_clock_is_wrong_still_tells_the_right_time",
        "app/test_gate.py::test_a_time_that_cannot_be_right_is_for_a_person_to_decide",
    ),
    10: ("app/test_gate.py::test_an_old_frame_from_a_gates_store_decides_alone_and_opens_nothing",),
    11: ("app/test_gate.py::test_a_resend_is_the_same_passage_with_the_first_answer", "domain/test_attendance.py::test_a_resent_passage_counts_once"),
    12: (
        "app/test_store_gates.py::test_an_event_sent_again_is_the_same_passage",
        "app/test_store_gates.py::test_eight_gates_at_once_leave_no_gap_and_no_twin",
    ),
    13: (f"{DAYS}::test_13_an_exit_after_midnight_closes_the_night_and_a_second_entry_is_no_exit",),
    14: (f"{DAYS}::test_14_a_lane_that_does_not_say_which_way_is_read_by_what_he_did_before",),
    15: (
        "app/test_gate.py::test_a_stranger_is_refused_and_leaves_nothing_but_the_reason",
        "app/test_gate.py::test_a_gate_is_silent_about_a_month_it_may_still_keep_events_of",
        "domain/test_wages.py::test_work_without_terms_is_listed_not_dropped",
    ),
    16: (f"{MONEY}::test_row_16_a_correction_recomputes_the_overtime",),
    17: (f"{DAYS}::test_17_leave_does_not_override_hours_that_were_worked",),
    18: (f"{DAYS}::test_18_a_forgotten_exit_is_undecided_never_paid_and_never_zero",),
    19: (f"{DAYS}::test_19_a_late_arrival_can_be_corrected_too",),
    20: (f"{DAYS}::test_20_two_shifts_of_one_day_are_added",),
    21: (f"{DAYS}::test_21_half_a_day_is_half_a_day",),
    22: (f"{MONEY}::test_row_22_the_amount_for_the_bank_is_the_sum_of_the_net_fen",),
    23: (f"{MONEY}::test_row_23_there_is_one_rounding_at_one_place_half_up",),
    24: (
        f"{MONEY}::test_row_24_what_is_shown_times_days_is_the_total",
        "domain/test_wages.py::test_a_split_sums_to_the_whole_and_lies_within_a_fen_of_its_share",
    ),
    25: (f"{MONEY}::test_row_25_who_missed_days_is_not_paid_more_for_an_hour_of_overtime",),
    26: (f"{MONEY}::test_row_26_a_closed_month_is_mended_by_one_line_and_stays_as_it_was_posted",),
    27: (f"{MONEY}::test_row_27_a_day_of_unpaid_leave_is_taken_off_once", "domain/test_sheet.py::test_no_more_is_withheld_than_was_earned"),
    28: (f"{MONEY}::test_row_28_two_halves_of_a_month_are_the_month_whatever_its_length",),
    29: (
        f"{DAYS}::test_29_a_session_over_midnight_of_the_other_clock_has_no_negative_time",
        "app/test_projection.py::test_a_day_is_in_its_row_and_a_second_refresh_writes_nothing",
    ),
    30: (f"{DAYS}::test_30_a_night_is_whole_for_its_wages_and_split_for_its_price",),
    31: (
        "app/test_timekeeping.py::test_an_approved_correction_makes_the_day_and_its_neighbours_stale",
        "app/test_projection.py::test_after_any_story_the_rows_are_what_the_facts_say",
    ),
    32: (f"{MONEY}::test_row_32_the_worked_days_are_shown_with_their_formula_and_their_passages",),
    33: (f"{DAYS}::test_33_night_minutes_of_an_eight_hour_shift_are_never_thirteen_hours",),
    34: (
        "app/test_periods.py::test_a_closed_month_never_reopens",
        "app/test_timekeeping.py::test_no_policy_reaches_into_a_closed_month",
    ),
    35: (
        "app/test_periods.py::test_the_last_night_of_a_month_ends_at_the_cutover",
        "app/test_periods.py::test_a_month_in_which_nobody_worked_is_closed_with_the_next",
    ),
    36: (f"{DAYS}::test_36_every_day_says_what_it_is",),
    37: (f"{DAYS}::test_37_one_open_entry_stops_no_other_day",),
    38: (f"{DAYS}::test_38_a_shift_over_the_end_of_the_month_belongs_to_the_day_it_began",),
}
"""Row of the table -> where it is tested."""


@cache
def _names(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


@pytest.mark.parametrize("row", range(1, 39))
def test_every_row_has_a_test_that_is_there(row):
    assert ROWS[row]
    for place in ROWS[row]:
        file, _, name = place.partition("::")
        assert name in _names(file), place
