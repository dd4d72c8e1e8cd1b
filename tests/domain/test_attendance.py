"""Pairing and days: timetables in, tuples out."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.attendance import DayState, Flag, Reason, day_milli, days, headcount, pair
from app.domain.facts import AttendancePolicy, Channel, Direction, Passage, UnitStep, Verdict
from tests.story import CAST, POLICY, daily, engagements, flagged, instant, paired, pairing, passages

# --- domain.md 3.3, the four vectors


def test_a_night_into_may_day_is_one_session_of_the_thirtieth():
    story = """
        04-30 22:00 wang in  g1
        05-01 06:00 wang out g1
    """
    assert daily(story) == [("wang", 30, "worked", 480, 1000)]
    assert pairing(story).sessions[0].work_date == date(2026, 4, 30)
    assert flagged(story) == [Flag.CROSSES_MIDNIGHT]


def test_a_lunch_break_outside_makes_two_sessions_of_one_day():
    story = """
        2 07:00 wang in  g1
        2 11:30 wang out g1
        2 13:00 wang in  g1
        2 18:00 wang out g1
    """
    assert paired(story) == [("wang", 2, "07:00-11:30"), ("wang", 2, "13:00-18:00")]
    assert daily(story) == [("wang", 2, "worked", 570, 1000)]


def test_a_missed_exit_costs_one_day_not_the_next():
    story = """
        3 07:00 wang in  g1
        4 07:00 wang in  g1
        4 18:00 wang out g1
    """
    assert paired(story) == [("wang", 3, "missing_out 07:00"), ("wang", 4, "07:00-18:00")]
    assert daily(story) == [("wang", 3, "undecided", 0, None), ("wang", 4, "worked", 660, 1000)]


def test_a_stay_of_a_day_and_a_night_is_a_missed_exit_and_a_missed_entry():
    story = """
        3 07:00 wang in  g1
        4 07:00 wang out g1
    """
    assert paired(story) == [("wang", 3, "missing_out 07:00"), ("wang", 4, "missing_in 07:00")]


# --- attendance.md 2.5, the nine cases


def test_a_plain_day_is_nine_and_a_half_hours():
    assert daily("""
        3 08:00 wang in  g1
        3 17:30 wang out g1
    """) == [("wang", 3, "worked", 570, 1000)]


def test_a_double_match_does_not_erase_the_day():
    assert daily("""
        3 08:00:00 wang in  g1
        3 08:00:04 wang in  g1
        3 17:30:00 wang out g1
    """) == [("wang", 3, "worked", 570, 1000)]


def test_a_night_belongs_to_the_date_it_began_on():
    assert daily("""
        3 19:00 wang in  g1
        4 06:10 wang out g1
    """) == [("wang", 3, "worked", 670, 1000)]


def test_two_nights_in_a_row_stay_apart():
    assert daily("""
        3 19:00 wang in  g1
        4 06:10 wang out g1
        4 19:00 wang in  g1
        5 06:10 wang out g1
    """) == [("wang", 3, "worked", 670, 1000), ("wang", 4, "worked", 670, 1000)]


def test_a_forgotten_exit_leaves_a_flagged_day_and_a_clean_next_one():
    assert daily("""
        3 08:00 wang in  g1
        4 08:00 wang in  g1
        4 17:30 wang out g1
    """) == [("wang", 3, "undecided", 0, None), ("wang", 4, "worked", 570, 1000)]


def test_overtime_into_the_night_stays_on_the_day():
    story = """
        3 08:00 wang in  g1
        3 17:30 wang out g1
        3 18:00 wang in  g1
        4 01:30 wang out g1
    """
    assert daily(story) == [("wang", 3, "worked", 1020, 1000)]
    assert days(pairing(story), policy=POLICY)[0].overtime_minutes == 540


def test_overtime_that_restarts_after_midnight_stays_on_the_day():
    assert daily("""
        3 08:00 wang in  g1
        3 17:30 wang out g1
        4 00:30 wang in  g1
        4 03:30 wang out g1
    """) == [("wang", 3, "worked", 750, 1000)]


def test_twenty_two_hours_are_two_undecided_halves_never_a_session_and_never_zero():
    story = """
        3 08:00 wang in  g1
        4 06:00 wang out g1
    """
    answer = pairing(story)
    assert answer.sessions == ()
    assert [(x.reason, x.flags, x.counterpart_id) for x in answer.loose] == [
        (Reason.MISSING_OUT, (Flag.OVERLONG,), 2),
        (Reason.MISSING_IN, (Flag.OVERLONG,), 1),
    ]
    assert daily(story) == [("wang", 3, "undecided", 0, None), ("wang", 4, "undecided", 0, None)]


def test_an_exit_nobody_entered_for_is_kept_and_undecided():
    story = "3 17:30 wang out g1"
    assert paired(story) == [("wang", 3, "missing_in 17:30")]
    assert daily(story) == [("wang", 3, "undecided", 0, None)]


# --- attendance.md 2.4, the threads that concern pairing (their numbers in the comments)


def test_a_day_shift_after_a_night_does_not_take_the_nights_exit():  # 1, 2, 3
    assert paired("""
        3 18:00 wang in  g1
        4 07:10 wang out g1
        4 14:00 wang in  g1
        4 22:00 wang out g1
    """) == [("wang", 3, "18:00-07:10"), ("wang", 4, "14:00-22:00")]


def test_the_project_clock_decides_the_date_not_utc():  # 8, 29
    # 07:30 in Shanghai is 23:30 of the day before in UTC.
    assert daily("""
        3 07:30 wang in  g1
        3 15:30 wang out g1
    """) == [("wang", 3, "worked", 480, 1000)]


def test_a_naive_time_is_refused():  # 8
    naive = replace(passages("3 08:00 wang in g1")[0], occurred_at=datetime(2026, 3, 3, 8))  # noqa: DTZ001
    with pytest.raises(ValueError, match="naive"):
        pair([naive], policy=POLICY, as_of=instant("4 08:00"))


def test_a_resent_passage_counts_once():  # 11, 12
    facts = passages("""
        3 08:00 wang in  g1
        3 17:30 wang out g1
    """)
    as_of = instant("5 08:00")
    resent = tuple(replace(p) for p in facts)
    assert pair(facts + facts + resent, policy=POLICY, as_of=as_of) == pair(facts, policy=POLICY, as_of=as_of)


def test_two_passages_with_one_id_are_refused():
    one = passages("3 08:00 wang in g1")[0]
    with pytest.raises(ValueError, match="id 1"):
        pair([one, replace(one, gate_id=2)], policy=POLICY, as_of=instant("4 08:00"))


def test_a_repeated_entry_is_not_an_exit():  # 13
    assert paired("""
        3 08:00 wang in  g1
        3 08:01 wang in  g2
        3 17:30 wang out g1
    """) == [("wang", 3, "08:00-17:30")]


def test_a_lane_without_directions_alternates():  # 14
    story = """
        3 08:00 wang both g1
        3 12:00 wang both g1
        3 13:00 wang both g1
        3 17:30 wang both g1
    """
    assert paired(story) == [("wang", 3, "08:00-12:00"), ("wang", 3, "13:00-17:30")]
    assert flagged(story) == [Flag.DIRECTION_INFERRED]


def test_a_late_passage_heals_the_day():  # 7, 17, 37
    evening = "3 17:30 wang out g1"
    assert daily(evening) == [("wang", 3, "undecided", 0, None)]
    assert daily(evening + "\n3 08:00 wang in g1") == [("wang", 3, "worked", 570, 1000)]


def test_a_forgotten_exit_is_neither_paid_nor_zero():  # 18
    [day] = days(pairing("3 08:00 wang in g1"), policy=POLICY)
    assert (day.state, day.day_milli) == (DayState.UNDECIDED, None)


def test_two_shifts_of_a_day_are_added_up():  # 20
    assert daily("""
        3 06:00 wang in  g1
        3 10:00 wang out g1
        3 19:00 wang in  g1
        3 23:00 wang out g1
    """) == [("wang", 3, "worked", 480, 1000)]


def test_three_stays_of_twenty_minutes_make_an_hour():  # 23; hrms rounds each and makes 0.99 h
    assert daily("""
        3 08:00 wang in  g1
        3 08:20 wang out g1
        3 09:00 wang in  g1
        3 09:20 wang out g1
        3 10:00 wang in  g1
        3 10:20 wang out g1
    """) == [("wang", 3, "worked", 60, 0)]


def test_seconds_are_added_before_minutes_are_counted():  # 23, 33
    assert daily("""
        3 08:00:00 wang in  g1
        3 08:20:40 wang out g1
        3 09:00:00 wang in  g1
        3 09:20:40 wang out g1
        3 10:00:00 wang in  g1
        3 10:20:40 wang out g1
    """) == [("wang", 3, "worked", 62, 0)]


# --- folding


def test_five_minutes_in_front_of_an_entry_gate_are_one_entry():
    waiting = "\n".join(f"3 {8 + s // 3600:02}:{s // 60 % 60:02}:{s % 60:02} wang in g1" for s in range(0, 301, 30))
    assert paired(waiting + "\n3 17:30 wang out g1") == [("wang", 3, "08:00-17:30")]


def test_of_repeated_exits_the_last_one_tells_the_time():
    assert paired("""
        3 08:00 wang in  g1
        3 17:30 wang out g1
        3 17:32 wang out g2
    """) == [("wang", 3, "08:00-17:32")]


def test_a_second_more_than_the_fold_is_another_entry():
    def story(second: int) -> str:
        return f"""
            3 08:00:00 wang in  g1
            3 08:02:{second:02} wang in  g1
            3 17:30:00 wang out g1
        """

    assert paired(story(0)) == [("wang", 3, "08:00-17:30")]
    assert paired(story(1)) == [("wang", 3, "missing_out 08:00"), ("wang", 3, "08:02-17:30")]


def test_a_day_with_a_loose_passage_shows_the_proven_minutes():
    assert daily("""
        3 08:00 wang in  g1
        3 13:00 wang in  g1
        3 18:00 wang out g1
    """) == [("wang", 3, "undecided", 300, None)]


def test_folded_repeats_stay_in_the_evidence():
    [session] = pairing("""
        3 08:00:00 wang in  g1
        3 08:00:30 wang in  g1
        3 17:30:00 wang out g1
        3 17:30:30 wang out g1
    """).sessions
    assert session.passage_ids == (1, 2, 3, 4)


def test_a_two_way_lane_beside_an_entry_gate_sees_the_same_entry():
    assert paired("""
        3 08:00:00 wang in   g1
        3 08:00:40 wang both g3
        3 17:30:00 wang both g3
        3 17:30:30 wang out  g2
    """) == [("wang", 3, "08:00-17:30")]


def test_a_double_match_in_a_two_way_lane_is_one_entry():
    assert paired("""
        3 08:00:00 wang both g1
        3 08:00:04 wang both g1
        3 17:30:00 wang both g1
    """) == [("wang", 3, "08:00-17:30")]


def test_a_two_way_lane_lets_in_who_forgot_to_leave_yesterday():
    assert paired("""
        3 08:00 wang both g1
        4 08:00 wang both g1
        4 17:30 wang both g1
    """) == [("wang", 3, "missing_out 08:00"), ("wang", 4, "08:00-17:30")]


# --- turning back


def test_a_turn_back_is_kept_flagged_and_worth_no_time():
    story = """
        3 08:00:00 wang in  g1
        3 08:00:10 wang out g1
    """
    assert paired(story) == [("wang", 3, "08:00-08:00")]
    assert flagged(story) == [Flag.FLIP, Flag.SHORT]
    assert daily(story) == [("wang", 3, "worked", 0, 0)]


def test_a_turn_back_does_not_spoil_the_day():
    story = """
        3 08:00:00 wang in  g1
        3 08:00:10 wang out g1
        3 08:01:30 wang in  g1
        3 16:01:30 wang out g1
    """
    assert daily(story) == [("wang", 3, "worked", 480, 1000)]


def test_opposite_directions_sixteen_seconds_apart_are_no_turn_back():
    def flags(second: int) -> list[str]:
        return flagged(f"""
            3 08:00:00 wang in  g1
            3 08:00:{second} wang out g1
        """)

    assert Flag.FLIP in flags(15)
    assert Flag.FLIP not in flags(16)


def test_a_session_needs_five_minutes_to_count():
    def minutes(second: str) -> int:
        return daily(f"""
            3 08:00:00 wang in  g1
            3 08:{second} wang out g1
        """)[0][3]

    assert minutes("04:59") == 0
    assert minutes("05:00") == 5


# --- limits and the present


def test_sixteen_hours_are_a_session_and_a_second_more_is_not():
    assert daily("3 06:00 wang in g1\n3 22:00:00 wang out g1")[0][3] == 960
    assert paired("3 06:00 wang in g1\n3 22:00:01 wang out g1") == [
        ("wang", 3, "missing_out 06:00"),
        ("wang", 3, "missing_in 22:00"),
    ]


def test_he_is_inside_for_sixteen_hours_and_then_his_exit_is_missing():
    story = "3 06:00 wang in g1"
    assert paired(story, at="3 22:00") == [("wang", 3, "inside 06:00")]
    assert paired(story, at="3 22:01") == [("wang", 3, "missing_out 06:00")]


def test_a_day_that_goes_on_shows_the_time_so_far():
    story = """
        3 07:00 wang in  g1
        3 11:00 wang out g1
        3 12:00 wang in  g1
    """
    [day] = days(pairing(story, at="3 14:30"), policy=POLICY)
    assert (day.state, day.minutes, day.minutes_so_far, day.day_milli) == (DayState.PRESENT, 240, 390, None)


def test_a_gate_whose_clock_runs_ahead_gives_no_negative_time():
    [day] = days(pairing("3 07:01 wang in g1", at="3 07:00"), policy=POLICY)
    assert (day.state, day.minutes_so_far) == (DayState.PRESENT, 0)


def test_an_undecided_day_stays_undecided_while_he_is_inside():
    assert daily("3 08:00 wang in g1\n3 13:00 wang in g1", at="3 15:00") == [("wang", 3, "undecided", 0, None)]


def test_an_entry_before_the_cutover_belongs_to_the_day_before():
    assert daily("4 03:59 wang in g1\n4 07:59 wang out g1") == [("wang", 3, "worked", 240, 500)]
    assert daily("4 04:00 wang in g1\n4 08:00 wang out g1") == [("wang", 4, "worked", 240, 500)]


def test_another_gate_of_the_project_closes_the_session():
    [session] = pairing("""
        3 08:00 wang in  g1
        3 17:30 wang out g2 card
    """).sessions
    assert (session.in_gate_id, session.out_gate_id) == (1, 2)


def test_workers_do_not_close_each_others_sessions():
    assert paired("""
        3 08:00 wang in  g1
        3 17:30 li   out g1
    """) == [("wang", 3, "missing_out 08:00"), ("li", 3, "missing_in 17:30")]


def test_only_passages_that_count_are_used():
    assert paired("""
        3 07:00 wang in  g1 refused
        3 07:30 wang in  g1 ask
        3 07:40 wang in  g1 denied
        3 08:00 wang in  g1 confirmed
        3 17:30 wang out g1 card
    """) == [("wang", 3, "08:00-17:30")]


def test_a_day_on_which_the_guard_pressed_nothing_is_undecided_never_zero():
    [day] = days(pairing("3 08:00 wang in g1 ask\n3 17:30 wang out g2 ask"), policy=POLICY)
    assert (day.state, day.day_milli) == (DayState.UNDECIDED, None)
    assert [part.reason for part in day.loose] == [Reason.UNCONFIRMED, Reason.UNCONFIRMED]


def test_a_second_frame_of_a_confirmed_worker_does_not_undo_his_day():
    [day] = days(
        pairing("""
            3 07:58 wang in  g1 ask
            3 08:00 wang in  g1 confirmed
            3 17:30 wang out g2 confirmed
        """),
        policy=POLICY,
    )
    assert (day.state, day.day_milli) == (DayState.WORKED, 1000)


def test_an_entry_and_an_exit_in_the_same_second_are_in_and_out():
    assert paired("3 08:00 wang out g2\n3 08:00 wang in g1") == [("wang", 3, "08:00-08:00")]


def test_pages_show_first_entry_and_last_exit():
    [day] = days(
        pairing("""
            3 08:00 wang in  g1
            3 12:00 wang out g1
            3 13:00 wang in  g1
            3 18:00 wang out g1
            3 19:00 wang out g1
        """),
        policy=POLICY,
    )
    assert (day.first_in_at, day.last_out_at) == (instant("3 08:00"), instant("3 19:00"))
    assert day.passage_ids == (1, 2, 3, 4, 5)


def test_the_unit_table_is_the_one_of_the_policy():
    edges = {0: 0, 119: 0, 120: 250, 239: 250, 240: 500, 359: 500, 360: 750, 449: 750, 450: 1000, 959: 1000}
    assert {m: day_milli(m, POLICY) for m in edges} == edges
    halves = AttendancePolicy(units=(UnitStep(450, 1000), UnitStep(210, 500)))
    assert [day_milli(m, halves) for m in (209, 210, 450)] == [0, 500, 1000]


def test_headcount_tells_on_site_came_and_roster_apart():
    story = """
        3 19:00 zhao in  g1
        4 06:00 zhao out g1
        4 07:00 wang in  g1
        4 07:00 li   in  g1
        4 09:00 li   out g1
        4 09:30 feng in  g1
    """
    answer = headcount(
        pairing(story, at="4 10:00"), engagements(["wang", "li", "zhao", "sun"]), instant("4 10:00"), policy=POLICY
    )
    assert answer.on_site == (CAST["wang"], CAST["feng"])
    assert answer.came_today == (CAST["wang"], CAST["li"], CAST["feng"])
    assert answer.roster == (CAST["wang"], CAST["li"], CAST["zhao"], CAST["sun"])


# --- laws


START = datetime(2026, 3, 2, tzinfo=UTC)

_passages = st.lists(
    st.builds(
        Passage,
        id=st.just(0),
        worker_id=st.sampled_from([None, 1, 2, 3]),
        gate_id=st.integers(1, 3),
        direction=st.sampled_from(Direction),
        # A coarse clock and a fine one: ties, repeats, turn-backs, lost nights all turn up.
        occurred_at=st.builds(
            lambda coarse, fine: START + timedelta(minutes=30 * coarse, seconds=fine),
            st.integers(0, 48 * 5),
            st.sampled_from([0, 0, 1, 14, 15, 16, 60, 119, 120, 121, 299, 300]),
        ),
        channel=st.just(Channel.FACE),
        verdict=st.sampled_from([Verdict.ADMIT, Verdict.ADMIT, Verdict.ADMIT, Verdict.ASK, Verdict.REFUSE]),
        code=st.just("x"),
        confirmed=st.sampled_from([None, True, False]),
    ),
    max_size=40,
).map(lambda drawn: [replace(p, id=i) for i, p in enumerate(drawn, 1)])

_as_of = st.integers(0, 24 * 8).map(lambda hours: START + timedelta(hours=hours))


@settings(max_examples=400, deadline=None)
@given(_passages, _as_of)
def test_every_counting_passage_comes_back_exactly_once(facts, as_of):
    answer = pair(facts, policy=POLICY, as_of=as_of)
    back = [i for part in (*answer.sessions, *answer.loose, *answer.inside) for i in part.passage_ids]
    waits = {p.id for p in facts if p.waits}
    assert sorted(i for i in back if i not in waits) == [p.id for p in facts if p.counts]
    assert len(set(back)) == len(back)
    evidence = [i for day in days(answer, policy=POLICY) for i in day.passage_ids]
    assert sorted(evidence) == sorted(back)


@settings(max_examples=400, deadline=None)
@given(_passages, _as_of, st.randoms(use_true_random=False))
def test_order_resends_and_split_deliveries_change_nothing(facts, as_of, random):
    delivered = list(facts) + random.sample(facts, len(facts) // 2)
    random.shuffle(delivered)
    cut = len(delivered) // 2
    delivered = delivered[cut:] + [replace(p) for p in delivered[:cut]] + delivered[:cut]
    assert pair(delivered, policy=POLICY, as_of=as_of) == pair(facts, policy=POLICY, as_of=as_of)


@settings(max_examples=300, deadline=None)
@given(_passages, _as_of)
def test_sessions_run_forward_within_the_limit_and_never_overlap(facts, as_of):
    answer = pair(facts, policy=POLICY, as_of=as_of)
    last: dict[int, datetime] = {}
    for s in answer.sessions:
        assert timedelta(0) <= s.out_at - s.in_at <= POLICY.session_max
        assert s.in_at >= last.get(s.worker_id, s.in_at)
        last[s.worker_id] = s.out_at
    for day in days(answer, policy=POLICY):
        assert (day.day_milli is None) == (day.state is not DayState.WORKED)
        assert day.state is DayState.UNDECIDED or not day.loose
        assert 0 <= day.minutes <= day.minutes_so_far


def test_a_month_of_a_thousand_workers_takes_seconds(capsys):
    first = instant("1 07:00")
    clock = ((Direction.IN, 0), (Direction.OUT, 270), (Direction.IN, 360), (Direction.OUT, 660))
    facts = [
        Passage(0, worker, 1, way, first + timedelta(days=day, minutes=at, seconds=worker), Channel.FACE, Verdict.ADMIT, "x")
        for worker in range(1, 1001)
        for day in range(30)
        for way, at in clock
    ]
    facts = [replace(p, id=i) for i, p in enumerate(facts, 1)]
    began = time.perf_counter()
    answer = days(pair(facts, policy=POLICY, as_of=first + timedelta(days=40)), policy=POLICY)
    took = time.perf_counter() - began
    assert len(answer) == 30_000
    assert {(d.minutes, d.day_milli) for d in answer} == {(570, 1000)}
    with capsys.disabled():
        print(f"\n  {len(facts):,} passages paired and summed to days in {took:.2f} s")
