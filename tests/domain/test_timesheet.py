"""Days ready to be priced: corrections beside what the gate saw, breaks, midnight, marks, teams with rules of their own."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.attendance import DayState, Flag, pair
from app.domain.facts import (
    AttendancePolicy,
    Break,
    Channel,
    Correction,
    CorrectionKind,
    DayKind,
    DayMark,
    Direction,
    Engagement,
    MarkKind,
    Passage,
    ProjectMonth,
    ScopedPolicy,
    Verdict,
    WorkDateRule,
)
from app.domain.timesheet import WorkDay, policy_at, work_days
from tests.domain.hand import calendar
from tests.story import CAST, POLICY, instant, passages

CALENDAR = calendar(date(2026, 1, 1), date(2027, 1, 1))
LATE = datetime(2026, 6, 30, tzinfo=UTC)


def bundle(timetable: str, *, month: str = "2026-03", policy: AttendancePolicy = POLICY, as_of: datetime = LATE, **facts) -> ProjectMonth:
    everybody = tuple(
        Engagement(id=n, worker_id=n, project_id=1, company_id=1, team_id=1, entry_on=date(2026, 1, 1)) for n in CAST.values()
    )
    return ProjectMonth(
        **{
            "project_id": 1, "month": date.fromisoformat(f"{month}-01"), "as_of": as_of, "policy": policy,
            "passages": passages(timetable, month=month, policy=policy), "engagements": everybody, "terms": (), "payments": (),
            "calendar": CALENDAR,
        }
        | facts
    )  # fmt: skip


def correction(id_: int, kind: CorrectionKind, day: int, *, come: str | None = None, go: str | None = None, **more) -> Correction:
    return Correction(
        id_, CAST["wang"], date(2026, 3, day), kind, instant(come) if come else None, instant(go) if go else None, **more
    )


def told(work: WorkDay) -> tuple:
    return work.work_date.day, str(work.day.state), work.day.minutes, work.day.day_milli


def spans(work: WorkDay) -> list[tuple[str | None, int, int]]:
    return [(s.kind and str(s.kind), s.regular_minutes, s.overtime_minutes) for s in work.spans]


FORGOT = """
    3 08:00 wang in g1
    4 08:00 wang in g1
    4 17:00 wang out g1
"""

# --- corrections -----------------------------------------------------------------------------------------------


def test_a_forgotten_exit_is_decided_by_a_correction_and_the_gates_word_stays_beside_it():
    fix = correction(9, CorrectionKind.MISSING_OUT, 3, go="3 17:30")
    first, second = work_days(bundle(FORGOT, corrections=(fix,)))
    assert (told(first), told(second)) == ((3, "worked", 570, 1000), (4, "worked", 540, 1000))
    assert first.computed.state is DayState.UNDECIDED and first.computed.day_milli is None
    assert first.correction_ids == (9,) and Flag.CORRECTED in first.day.flags
    assert first.day.passage_ids == (1,), "a correction is no passage"
    assert second.computed.day_milli == second.day.day_milli and not second.correction_ids


def test_a_missing_entry_and_a_session_no_gate_saw():
    days = work_days(
        bundle(
            "3 17:00 wang out g1",
            corrections=(
                correction(1, CorrectionKind.MISSING_IN, 3, come="3 08:00"),
                correction(2, CorrectionKind.ADD_SESSION, 4, come="4 08:00", go="4 12:00"),
            ),
        )
    )
    assert [told(d) for d in days] == [(3, "worked", 540, 1000), (4, "worked", 240, 500)]
    assert [d.computed and str(d.computed.state) for d in days] == ["undecided", None]


def test_a_passage_that_was_not_him_is_taken_out_and_named():
    story = """
        3 08:00 wang in g1
        3 17:00 wang out g1
        3 19:00 wang in g1
    """
    fix = correction(5, CorrectionKind.VOID_PASSAGE, 3, passage_id=3)
    (day,) = work_days(bundle(story, corrections=(fix,)))
    assert told(day) == (3, "worked", 540, 1000)
    assert (day.correction_ids, str(day.computed.state)) == ((5,), "undecided")
    assert pair(passages(story), policy=POLICY, as_of=LATE, corrections=(fix,)).voided == (3,)


def test_when_all_of_a_day_is_taken_out_nothing_is_owed_for_it_and_it_is_still_shown():
    fixes = tuple(correction(n, CorrectionKind.VOID_PASSAGE, 3, passage_id=n) for n in (1, 2))
    (day,) = work_days(bundle("3 08:00 wang in g1\n3 17:00 wang out g1", corrections=fixes))
    assert (told(day), day.computed.minutes, day.correction_ids) == ((3, "worked", 0, 0), 540, (1, 2))


def test_a_passage_of_somebody_else_is_put_right_and_the_gates_word_stays_beside_it():
    story = """
        3 08:00 wang in g1
        3 08:10 li in g1
        3 17:00 wang out g1
        3 17:30 wang out g1
    """
    days = work_days(bundle(story))
    assert [told(d) for d in days] == [(3, "undecided", 540, None), (3, "undecided", 0, None)]
    fix = Correction(4, CAST["li"], date(2026, 3, 3), CorrectionKind.WRONG_PERSON, passage_id=4)
    facts = bundle(story, corrections=(fix,))
    wang, li = work_days(facts)
    assert (told(wang), told(li)) == ((3, "worked", 540, 1000), (3, "worked", 560, 1000))
    assert (str(wang.computed.state), str(li.computed.state)) == ("undecided", "undecided")
    assert (wang.correction_ids, li.correction_ids) == ((4,), (4,))
    assert li.day.passage_ids == (2, 4)
    # Whoever is asked about alone has the same day, and nobody else's.
    assert work_days(facts, [CAST["wang"]]) == (wang,)
    assert work_days(facts, [CAST["li"]]) == (li,)


def test_the_latest_word_about_a_passage_counts():
    story = "3 08:00 wang in g1\n3 17:00 wang out g1"
    moved = tuple(
        Correction(n, CAST["li"], date(2026, 3, 3), CorrectionKind.WRONG_PERSON, passage_id=n - 10) for n in (11, 12)
    )
    back = tuple(correction(n, CorrectionKind.WRONG_PERSON, 3, passage_id=n - 20) for n in (21, 22))
    gone = tuple(correction(n, CorrectionKind.VOID_PASSAGE, 3, passage_id=n - 30) for n in (31, 32))

    def minutes(*corrections):
        return {d.worker_id: d.day.minutes for d in work_days(bundle(story, corrections=corrections))}

    wang, li = CAST["wang"], CAST["li"]
    assert minutes(*moved) == {wang: 0, li: 540}
    assert minutes(*back, *moved) == {wang: 540}
    assert minutes(*gone, *moved) == {wang: 0}
    later = tuple(replace(c, id=c.id + 30) for c in moved)
    assert minutes(*gone, *later) == {wang: 0, li: 540}


SECOND_STAYS = [
    (("3 08:00 wang in g1", "3 12:00 wang out g1"), ("3 12:00", "3 17:00"), 540),
    (("3 08:00 wang in g1", "3 12:00 wang out g1"), ("3 06:00", "3 08:00"), 360),
    # The exit was seen twice, the entry too: what the page shows is where the other one begins or ends.
    (("3 08:00 wang in g1", "3 11:59 wang out g1", "3 12:00 wang out g1"), ("3 12:00", "3 17:00"), 540),
    (("3 08:00 wang in g1", "3 08:01 wang in g1", "3 12:00 wang out g1"), ("3 06:00", "3 08:00"), 360),
    (("3 08:00 wang in g1", "3 12:00 wang out g1", "3 13:00 wang in g1", "3 17:00 wang out g1"), ("3 12:00", "3 13:00"), 540),
]


@pytest.mark.parametrize(("seen", "said", "minutes"), SECOND_STAYS)
def test_a_session_added_where_another_ends_or_begins_joins_it_and_loses_nothing(seen, said, minutes):
    fix = correction(1, CorrectionKind.ADD_SESSION, 3, come=said[0], go=said[1])
    (day,) = work_days(bundle("\n".join(seen), corrections=(fix,)))
    assert told(day) == (3, "worked", minutes, 1000 if minutes >= 450 else 750)
    assert sorted(day.day.passage_ids) == list(range(1, len(seen) + 1))


def test_an_entry_and_an_exit_of_one_instant_with_nobody_inside_are_a_turn_back():
    (day,) = work_days(bundle("3 08:00 wang out g1\n3 08:00 wang in g1\n3 09:00 wang in g1\n3 17:00 wang out g1"))
    assert told(day) == (3, "worked", 480, 1000)
    assert len(day.day.sessions) == 2


def test_a_decided_day_is_what_people_decided_whatever_the_gate_saw():
    fix = correction(7, CorrectionKind.SET_DAY, 3, minutes=600, day_milli=1250)
    (day,) = work_days(bundle("3 08:00 wang in g1", corrections=(fix,)))
    assert told(day) == (3, "worked", 600, 1250)
    assert (spans(day), day.day.overtime_minutes) == ([("workday", 480, 120)], 120)
    assert day.day.passage_ids == (1,)


def test_the_latest_decision_of_a_day_counts():
    fixes = (
        correction(8, CorrectionKind.SET_DAY, 3, minutes=480, day_milli=1000),
        correction(7, CorrectionKind.SET_DAY, 3, minutes=0, day_milli=0),
    )
    (day,) = work_days(bundle("", corrections=fixes))
    assert told(day) == (3, "worked", 480, 1000)


# --- breaks, midnight, night -----------------------------------------------------------------------------------

LUNCH = replace(POLICY, breaks=(Break(time(11, 30), time(12, 30)),))


@pytest.mark.parametrize(
    ("timetable", "minutes"),
    [
        ("3 07:30 wang in g1\n3 16:30 wang out g1", 480),
        ("3 07:30 wang in g1\n3 12:00 wang out g1\n3 12:10 wang in g1\n3 16:30 wang out g1", 480),
        ("3 07:30 wang in g1\n3 11:30 wang out g1\n3 12:30 wang in g1\n3 16:30 wang out g1", 480),
        ("3 13:00 wang in g1\n3 17:00 wang out g1", 240),
    ],
)
def test_an_unpaid_break_costs_the_part_of_it_spent_on_site_and_no_more(timetable, minutes):
    (day,) = work_days(bundle(timetable, policy=LUNCH))
    assert day.day.minutes == minutes == sum(s.regular_minutes + s.overtime_minutes for s in day.spans)


def test_a_night_into_may_day_has_two_hours_of_april_and_six_of_the_holiday():
    (day,) = work_days(bundle("04-30 22:00 wang in g1\n05-01 06:00 wang out g1", month="2026-04"))
    assert (told(day), spans(day)) == ((30, "worked", 480, 1000), [("workday", 120, 0), ("statutory", 360, 0)])
    assert day.night_minutes == 480


def test_overtime_is_what_comes_after_the_standard_day_in_order_of_time():
    (day,) = work_days(bundle("04-30 14:00 wang in g1\n05-01 02:00 wang out g1", month="2026-04"))
    assert spans(day) == [("workday", 480, 120), ("statutory", 0, 120)]


def test_seconds_are_added_before_they_are_rounded():
    (day,) = work_days(bundle("3 08:00:00 wang in g1\n3 12:00:40 wang out g1\n3 13:00:00 wang in g1\n3 17:00:40 wang out g1"))
    assert day.day.minutes == 481 == sum(s.regular_minutes + s.overtime_minutes for s in day.spans)


def test_a_date_without_a_notice_has_no_kind():
    (day,) = work_days(bundle("3 08:00 wang in g1\n3 17:00 wang out g1", calendar={}))
    assert (day.kind, spans(day)) == (None, [(None, 480, 60)])


@pytest.mark.parametrize(
    ("come", "go", "minutes"),
    [("3 08:00", "3 17:00", 0), ("3 20:00", "3 23:00", 60), ("3 04:30", "3 08:00", 90), ("3 21:00", "4 07:00", 480)],
)
def test_night_work_is_between_ten_and_six(come, go, minutes):
    (day,) = work_days(bundle(f"{come} wang in g1\n{go} wang out g1"))
    assert day.night_minutes == minutes


# --- work dates ------------------------------------------------------------------------------------------------

NIGHT = """
    3 22:00 wang in g1
    4 01:00 wang out g1
    4 04:30 wang in g1
    4 07:00 wang out g1
"""


@pytest.mark.parametrize(
    ("rule", "dates"),
    [
        (WorkDateRule.ENTRY, [3, 4]),
        (WorkDateRule.CHAIN, [3]),  # three and a half hours of silence end no chain
        (WorkDateRule.MOST, [3, 4]),
    ],
)
def test_a_night_with_a_rest_belongs_to_the_date_the_rule_says(rule, dates):
    days = work_days(bundle(NIGHT, policy=replace(POLICY, work_date_rule=rule)))
    assert [d.work_date.day for d in days] == dates
    assert sum(d.day.minutes for d in days) == 330


def test_a_shift_belongs_to_the_date_with_most_of_its_time_when_the_rule_says_so():
    (day,) = work_days(bundle("3 22:00 wang in g1\n4 07:00 wang out g1", policy=replace(POLICY, work_date_rule=WorkDateRule.MOST)))
    assert day.work_date.day == 4


# --- teams with rules of their own -----------------------------------------------------------------------------


def test_the_teams_rule_goes_before_the_companys_before_the_projects():
    rules = {n: replace(POLICY, version=n) for n in (1, 2, 3, 4)}
    facts = bundle(
        "",
        policies=(
            ScopedPolicy(1, rules[2], date(2026, 3, 1)),
            ScopedPolicy(2, rules[3], date(2026, 3, 1), company_id=1),
            ScopedPolicy(3, rules[4], date(2026, 3, 10), date(2026, 3, 20), team_id=1),
        ),
    )
    asked = [(1, 1, 5), (1, 1, 12), (1, 1, 20), (2, 1, 12), (2, 2, 12), (None, None, 12)]
    assert [policy_at(facts, t, c, date(2026, 3, d)).version for t, c, d in asked] == [3, 4, 3, 3, 2, 2]
    assert policy_at(facts, 1, 1, date(2026, 2, 28)).version == 1


def test_a_pouring_team_may_stay_a_day_and_a_night_where_others_may_not():
    pour = "3 06:00 wang in g1\n4 04:00 wang out g1\n3 06:00 li in g1\n4 04:00 li out g1"
    facts = bundle(pour)
    engagements = tuple(replace(e, team_id=2) if e.worker_id == CAST["li"] else e for e in facts.engagements)
    long_ = ScopedPolicy(1, replace(POLICY, version=2, session_max=timedelta(hours=24)), date(2026, 3, 1), team_id=2)
    days = work_days(replace(facts, engagements=engagements, policies=(long_,)))
    assert [(d.worker_id, str(d.day.state), d.day.minutes, d.policy_version) for d in days] == [
        (CAST["wang"], "undecided", 0, 1), (CAST["wang"], "undecided", 0, 1), (CAST["li"], "worked", 1320, 2),
    ]  # fmt: skip


# --- marks -----------------------------------------------------------------------------------------------------


def test_a_rain_day_is_a_day_for_everybody_engaged_and_worked_time_stays_worked():
    rain = DayMark(4, MarkKind.RAIN, date(2026, 3, 5), date(2026, 3, 6), 500)
    days = work_days(bundle("5 08:00 li in g1\n5 12:00 li out g1", marks=(rain,)))
    states = {d.worker_id: (str(d.day.state), d.day.minutes, d.mark.id) for d in days}
    assert states.pop(CAST["li"]) == ("worked", 240, 4)
    assert set(states.values()) == {("off", 0, 4)} and len(states) == len(CAST) - 1


def test_the_workers_own_leave_goes_before_the_teams_rest_before_the_projects_stoppage():
    marks = (
        DayMark(1, MarkKind.STOPPAGE, date(2026, 3, 5), date(2026, 3, 6), 0),
        DayMark(2, MarkKind.REST, date(2026, 3, 5), date(2026, 3, 6), 0, team_id=1),
        DayMark(3, MarkKind.LEAVE, date(2026, 3, 5), date(2026, 3, 6), 1000, worker_id=CAST["wang"]),
    )
    held = {d.worker_id: d.mark.id for d in work_days(bundle("", marks=marks))}
    assert held[CAST["wang"]] == 3 and held[CAST["li"]] == 2


def test_nobody_is_off_before_he_came_after_he_left_or_on_a_day_that_has_not_come():
    rain = DayMark(4, MarkKind.RAIN, date(2026, 3, 1), date(2026, 3, 31), 0)
    wang = Engagement(1, CAST["wang"], 1, 1, 1, date(2026, 3, 10), date(2026, 3, 20))
    days = work_days(bundle("", marks=(rain,), engagements=(wang,), as_of=instant("15 12:00")))
    assert [d.work_date.day for d in days] == [10, 11, 12, 13, 14, 15]


# --- conservation ----------------------------------------------------------------------------------------------


@st.composite
def months(draw) -> tuple[Passage, ...]:
    """A few days of two workers, honest and broken, in seconds."""
    found = []
    for n in range(draw(st.integers(0, 24))):
        at = datetime(2026, 3, 28, tzinfo=UTC) + timedelta(seconds=draw(st.integers(0, 6 * 86400)))
        found.append(
            Passage(
                n + 1, draw(st.sampled_from([1, 2])), 1, draw(st.sampled_from(list(Direction))), at, Channel.FACE,
                draw(st.sampled_from([Verdict.ADMIT, Verdict.ADMIT, Verdict.ASK])), "x", draw(st.sampled_from([None, True, False])),
            )
        )  # fmt: skip
    return tuple(found)


@settings(max_examples=150, deadline=None)
@given(months(), st.randoms(use_true_random=False), st.sampled_from([POLICY, LUNCH, replace(POLICY, time_zone="Europe/Berlin")]))
def test_any_order_and_any_replay_of_the_same_passages_is_the_same_days(found, dice: random.Random, policy):
    facts = bundle("", policy=policy)
    shuffled = [*found, *found]
    dice.shuffle(shuffled)
    assert work_days(replace(facts, passages=tuple(shuffled))) == work_days(replace(facts, passages=found))


@settings(max_examples=150, deadline=None)
@given(
    months(),
    st.sampled_from([POLICY, LUNCH, replace(LUNCH, time_zone="Europe/Berlin"), replace(POLICY, work_date_rule=WorkDateRule.CHAIN)]),
)
def test_no_passage_is_lost_or_counted_twice_and_no_minute_is_lost_or_made(found, policy):
    void = found[0].id if found else 0
    fixes = (Correction(3, found[0].worker_id, date(2026, 3, 29), CorrectionKind.VOID_PASSAGE, passage_id=void),) if found else ()
    pairing = pair(found, policy=policy, as_of=LATE, corrections=fixes)
    parts = (*pairing.sessions, *pairing.loose, *pairing.inside)
    used = [i for part in parts for i in part.passage_ids]
    counting = {p.id for p in found if p.counts} - {void}
    assert len(used) == len(set(used)) and counting <= set(used) <= counting | {p.id for p in found if p.waits}
    for day in work_days(bundle("", policy=policy, passages=found, corrections=fixes)):
        assert sum(s.regular_minutes + s.overtime_minutes for s in day.spans) == day.day.minutes
        assert sum(s.regular_minutes for s in day.spans) == min(day.day.minutes, policy.standard_minutes)
        assert 0 <= day.night_minutes <= day.day.minutes


def test_a_day_of_summer_time_is_as_long_as_it_was():
    """On 29 March 2026 the clock in Berlin jumps from two to three: ten hours on the wall are nine on site."""
    policy = replace(POLICY, time_zone="Europe/Berlin")
    (day,) = work_days(bundle("28 22:00 wang in g1\n29 08:00 wang out g1", policy=policy))
    assert (day.work_date.day, day.day.minutes) == (28, 540)
    assert {s.kind for s in day.spans} == {DayKind.REST}
