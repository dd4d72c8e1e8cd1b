"""What may become of a finding, as a timetable: who said what about which evidence, and where it then stands."""

import itertools
from datetime import date, timedelta

import pytest

from app.domain.casework import (
    ANSWERS,
    BUREAU,
    MANAGER,
    NEXT,
    OFFICER,
    STEPS,
    Decision,
    Standing,
    State,
    proposed_due_on,
    refusal,
    standing,
    steps_from,
)
from app.domain.facts import DayKind

FRIDAY, MONDAY = date(2026, 4, 17), date(2026, 4, 20)

WHO = {"wu": OFFICER, "chen": MANAGER, "lin": BUREAU, "shen": BUREAU, "ma": "guard"}

ORDER = """
    open      notified         lin
    open      explained        wu chen lin
    open      rectified        wu chen
    notified  notified         lin
    notified  explained        wu chen lin
    notified  rectified        wu chen
    notified  escalated        lin
    explained notified         lin
    explained rectified        wu chen
    explained escalated        lin
    explained verified_closed  chen lin
    rectified notified         lin
    rectified explained        wu chen lin
    rectified escalated        lin
    rectified verified_closed  chen lin
    escalated notified         lin
    escalated explained        wu chen lin
    escalated rectified        wu chen
"""
"""From, to, and who may. Whatever is not here is refused to everybody."""


def may() -> dict[tuple[State, State], set[str]]:
    lines = (line.split() for line in ORDER.strip().splitlines())
    return {(State(before), State(after)): set(who) for before, after, *who in lines}


def told(story: str) -> list[Decision]:
    """``lin notified d1 04-17`` a line: who, what, about which evidence, by when."""
    found = []
    for number, line in enumerate(story.strip().splitlines(), 1):
        who, state, digest, *due = line.split()
        found.append(Decision(number, state, digest, who, date.fromisoformat(f"2026-{due[0]}") if due else None))
    return found


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_every_step_is_open_to_those_who_may_and_to_nobody_else(before, after):
    allowed = may().get((before, after), set())
    for who, role in WHO.items():
        said = refusal(Standing(before), after, roles={role}, login=who, has_deadline=True, has_evidence=True)
        expected = who in allowed or (who == "shen" and "lin" in allowed)
        assert (said is None) == expected, (who, said)
        if not expected:
            assert said in ("not_allowed", "decision_order")


def test_the_table_is_the_timetable():
    assert {(s.before, s.after) for s in STEPS} == set(may())
    assert NEXT[State.VERIFIED_CLOSED] == frozenset()


def test_nobody_closes_what_nobody_has_answered_for():
    assert {s.before for s in STEPS if s.after is State.VERIFIED_CLOSED} == ANSWERS


def test_whoever_records_money_closes_nothing():
    assert all(OFFICER not in s.who and s.evidence and s.another for s in STEPS if s.after is State.VERIFIED_CLOSED)


@pytest.mark.parametrize("answer", sorted(ANSWERS))
def test_closing_needs_evidence_and_another_hand(answer):
    here = standing(told(f"chen {answer} d1"), "d1")
    ask = {"roles": {MANAGER}, "has_deadline": False}
    assert refusal(here, State.VERIFIED_CLOSED, login="chen", has_evidence=True, **ask) == "decision_same_person"
    assert refusal(here, State.VERIFIED_CLOSED, login="zhou", has_evidence=False, **ask) == "decision_evidence_needed"
    assert refusal(here, State.VERIFIED_CLOSED, login="zhou", has_evidence=True, **ask) is None


def test_a_notice_needs_a_day():
    ask = {"roles": {BUREAU}, "login": "lin", "has_evidence": False}
    assert refusal(Standing(State.OPEN), State.NOTIFIED, has_deadline=False, **ask) == "decision_deadline_needed"
    assert refusal(Standing(State.OPEN), State.NOTIFIED, has_deadline=True, **ask) is None


def test_what_the_bureau_has_in_hand_the_bureau_closes():
    here = standing(told("lin notified d1 04-17\nwu rectified d1"), "d1")
    ask = {"has_deadline": False, "has_evidence": True}
    assert refusal(here, State.VERIFIED_CLOSED, roles={MANAGER}, login="chen", **ask) == "decision_bureau_only"
    assert refusal(here, State.VERIFIED_CLOSED, roles={BUREAU}, login="lin", **ask) is None


def test_two_roles_are_one_person():
    here = standing(told("lin explained d1"), "d1")
    said = refusal(here, State.VERIFIED_CLOSED, roles={MANAGER, BUREAU}, login="lin", has_deadline=False, has_evidence=True)
    assert said == "decision_same_person"


@pytest.mark.parametrize(
    ("story", "digest", "state", "in_hand", "due_on", "stale"),
    [
        ("", "d1", "open", False, None, False),
        ("wu explained d1", "d1", "explained", False, None, False),
        ("wu explained d1", "d2", "open", False, None, True),
        ("wu rectified d1\nchen verified_closed d1", "d1", "verified_closed", False, None, False),
        ("wu rectified d1\nchen verified_closed d1", "d2", "open", False, None, True),
        # A notice stands while the days it is about grow more; an answer to fewer of them does not.
        ("lin notified d1 04-17", "d2", "notified", True, FRIDAY, False),
        ("lin notified d1 04-17\nwu explained d1", "d1", "explained", True, FRIDAY, False),
        ("lin notified d1 04-17\nwu explained d1", "d2", "notified", True, FRIDAY, True),
        ("lin notified d1 04-17\nwu explained d1\nlin notified d1 04-20", "d1", "notified", True, MONDAY, False),
        ("lin notified d1 04-17\nlin escalated d1\nwu rectified d1", "d2", "escalated", True, FRIDAY, True),
        # Closed by the bureau; what comes up afterwards has no deadline and nobody's name on it yet.
        ("lin notified d1 04-17\nwu rectified d1\nlin verified_closed d1", "d2", "open", False, None, True),
        ("lin notified d1 04-17\nwu rectified d1\nlin verified_closed d1\nwu explained d2", "d2", "explained", False, None, False),
        # Words of an earlier version stay in the history and move nothing.
        ("wu acknowledged d1\nwu explained d1", "d1", "explained", False, None, False),
    ],
)  # fmt: skip
def test_where_a_finding_stands(story, digest, state, in_hand, due_on, stale):
    here = standing(told(story), digest)
    assert (here.state, here.in_hand, here.due_on, here.is_stale) == (state, in_hand, due_on, stale)


def test_one_that_fires_again_is_the_same_finding_opened_again():
    story = told("wu rectified d1\nchen verified_closed d1")
    assert standing(story, "d1", reopened_after=2).state is State.OPEN
    assert standing([*story, Decision(3, "explained", "d1", "wu")], "d1", reopened_after=2).state is State.EXPLAINED


def test_who_answered_for_the_old_evidence_may_check_the_answer_about_the_new():
    here = standing(told("chen explained d1\nwu rectified d2"), "d2")
    assert here.answered_by == {"wu"}


def test_it_is_overdue_from_the_day_after_and_only_while_nobody_has_answered():
    notified = standing(told("lin notified d1 04-17"), "d1")
    assert not notified.is_overdue(FRIDAY) and notified.is_overdue(date(2026, 4, 18))
    assert not standing(told("lin notified d1 04-17\nwu explained d1"), "d1").is_overdue(MONDAY)
    assert standing(told("lin notified d1 04-17\nlin escalated d1"), "d1").is_overdue(MONDAY)


def test_the_steps_shown_are_the_steps_that_are_taken():
    story = ["lin notified d1 04-17", "wu explained d1", "lin escalated d1", "wu rectified d1", "shen verified_closed d1"]
    for length in range(len(story) + 1):
        here = standing(told("\n".join(story[:length])) if length else [], "d1")
        for who, role in WHO.items():
            shown = {s.after for s in steps_from(here, {role}, who)}
            taken = {
                state
                for state in State
                if refusal(here, state, roles={role}, login=who, has_deadline=True, has_evidence=True) is None
            }
            assert shown == taken


def test_a_notice_proposes_five_or_ten_working_days():
    # 10 working days from 26 September 2025 end after the golden week (domain.md 7.3).
    first = date(2025, 9, 1)
    calendar = {}
    for n in range(60):
        day = first + timedelta(days=n)
        calendar[day] = DayKind.REST if day.weekday() > 4 else DayKind.WORKDAY
    for day in range(1, 9):
        calendar[date(2025, 10, day)] = DayKind.STATUTORY
    calendar[date(2025, 9, 28)] = calendar[date(2025, 10, 11)] = DayKind.MAKEUP
    assert proposed_due_on("yellow", date(2025, 9, 26), calendar) == date(2025, 10, 16)
    assert proposed_due_on("red", date(2025, 9, 26), {}) == date(2025, 10, 3)
