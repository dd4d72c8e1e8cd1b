"""Wages: timetables and rates in, fen out."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import wages
from app.domain.attendance import Day, DayState, days
from app.domain.facts import PayKind, Payment, Terms
from app.domain.wages import AccrualState, accrue, wage_fen
from tests.story import CAST, NAMES, POLICY, accruals, engagements, owed, paid, pairing, terms

FULL = """
    3 08:00 wang in  g1
    3 17:30 wang out g1
"""
TWO_DAYS = FULL + """
    4 08:00 wang in  g1
    4 13:00 wang out g1
"""


def settled(story: str, *payments: Payment, **rates: int) -> dict[str, wages.Owed]:
    return {NAMES[w]: o for w, o in wages.owed(accruals(story, **rates), payments).items()}


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


def test_a_turn_back_needs_no_terms():
    assert owed("3 08:00 wang in g1\n3 08:01 wang out g1") == [("wang", 3, 0)]


def test_every_fen_names_its_passages_and_terms():
    [accrual] = accruals(FULL, wang=400_00)
    assert (accrual.passage_ids, accrual.terms_id, accrual.rate_fen, accrual.day_milli) == ((1, 2), 1, 400_00, 1000)


def test_a_raise_counts_from_its_first_day():
    old = Terms(1, 1, 1, PayKind.DAY, 400_00, date(2026, 1, 1), date(2026, 3, 4))
    new = Terms(2, 1, 1, PayKind.DAY, 500_00, date(2026, 3, 4))
    answer = accrue(days(pairing(TWO_DAYS), policy=POLICY), (new, old), policy=POLICY)
    assert [(a.terms_id, a.amount_fen) for a in answer] == [(1, 400_00), (2, 250_00)]


def test_two_rates_for_one_day_wait_for_a_person():
    both = (*terms(wang=400_00), replace(terms(wang=500_00)[0], id=9))
    [accrual] = accrue(days(pairing(FULL), policy=POLICY), both, policy=POLICY)
    assert (accrual.state, accrual.amount_fen, accrual.amount_max_fen, accrual.terms_id) == (
        AccrualState.SEVERAL_TERMS,
        0,
        500_00,
        None,
    )


def test_who_left_and_came_back_is_paid_by_the_terms_of_the_living_engagement():
    both = (*terms(wang=400_00), replace(terms(wang=500_00)[0], id=9, engagement_id=9))
    first = engagements(["wang"], exit_on=date(2026, 2, 1))
    second = replace(engagements(["wang"], entry_on=date(2026, 3, 1))[0], id=9)
    [accrual] = accrue(days(pairing(FULL), policy=POLICY), both, policy=POLICY, engagements=(*first, second))
    assert (accrual.state, accrual.terms_id, accrual.amount_fen) == (AccrualState.EARNED, 9, 500_00)


def test_work_after_the_exit_date_is_still_paid():
    gone = engagements(["wang"], exit_on=date(2026, 2, 1))
    [accrual] = accrue(days(pairing(FULL), policy=POLICY), terms(wang=400_00), policy=POLICY, engagements=gone)
    assert accrual.amount_fen == 400_00


# --- rounding (domain.md 1.4, attendance.md 2.4 no. 21-24)


def test_a_fen_is_rounded_half_up_and_only_once():
    assert wage_fen(22989, 500) == 11495  # 114.945 yuan; half to even would lose the fen
    assert wage_fen(22987, 500) == 11494
    assert wage_fen(33333, 250) == 8333
    assert wage_fen(300_00, 1000) == 300_00  # domain.md 4.2: 6525.00 / 21.75


def test_a_month_is_the_sum_of_rounded_days_not_a_rounded_sum():
    story = "\n".join(f"{d} 08:00 wang in g1\n{d} 13:00 wang out g1" for d in (3, 4, 5))
    assert settled(story, wang=22989)["wang"].accrued_fen == 3 * 11495


@pytest.mark.parametrize(("rate", "milli"), [(0, 1000), (-1, 1000), (100, -1)])
def test_a_rate_is_positive_and_a_day_not_negative(rate, milli):
    with pytest.raises(ValueError, match="positive"):
        wage_fen(rate, milli)


# --- owed


def test_paid_wages_are_no_longer_owed():
    sums = settled(TWO_DAYS, *paid(wang=500_00), wang=400_00)["wang"]
    assert (sums.accrued_fen, sums.paid_fen, sums.owed_fen, sums.overpaid_fen) == (600_00, 500_00, 100_00, 0)
    assert sums.payment_ids == (1,)


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
        settled(FULL, first, replace(first, worker_id=CAST["li"]), wang=400_00)


def test_one_day_cannot_be_priced_twice():
    answer = days(pairing(FULL), policy=POLICY)
    with pytest.raises(ValueError, match="two days"):
        accrue(answer + answer, terms(wang=400_00), policy=POLICY)


# --- laws

_days = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.integers(0, 30),
        st.sampled_from([*DayState, DayState.WORKED, DayState.WORKED]),
        st.sampled_from([0, 250, 500, 750, 1000]),
    ),
    max_size=40,
    unique_by=lambda drawn: drawn[:2],
).map(
    lambda drawn: [
        Day(
            worker_id=worker,
            work_date=date(2026, 3, 1) + timedelta(days=offset),
            state=state,
            minutes=0,
            minutes_so_far=0,
            day_milli=milli if state is DayState.WORKED else None,
            overtime_minutes=0,
            first_in_at=None,
            last_out_at=None,
            passage_ids=(2 * i, 2 * i + 1),
        )
        for i, (worker, offset, state, milli) in enumerate(drawn)
    ]
)
_terms = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 1_000_00), st.integers(0, 30), st.integers(1, 31)), max_size=6).map(
    lambda drawn: [
        Terms(i, i, worker, PayKind.DAY, rate, date(2026, 3, 1) + timedelta(days=since), date(2026, 3, 1) + timedelta(days=since + length))
        for i, (worker, rate, since, length) in enumerate(drawn, 1)
    ]
)
_payments = st.lists(st.tuples(st.integers(1, 5), st.integers(-500_00, 2000_00)), max_size=8).map(
    lambda drawn: [
        Payment(i, worker, amount, date(2026, 4, 15), date(2026, 3, 1), "bank")
        for i, (worker, amount) in enumerate(drawn, 1)
    ]
)


@settings(max_examples=300, deadline=None)
@given(_days, _terms, _payments, st.randoms(use_true_random=False))
def test_every_fen_once_and_every_day_once(given_days, given_terms, payments, random):
    answer = accrue(given_days, given_terms, policy=POLICY)
    assert sorted((a.worker_id, a.work_date, a.passage_ids) for a in answer) == sorted(
        (d.worker_id, d.work_date, d.passage_ids) for d in given_days
    )
    for a in answer:
        assert a.amount_fen >= 0
        if a.amount_fen:
            assert a.state is AccrualState.EARNED
            assert a.passage_ids
            assert abs(a.amount_fen - Fraction(a.rate_fen * a.day_milli, 1000)) <= Fraction(1, 2)
    sums = wages.owed(answer, payments)
    assert sum(o.accrued_fen for o in sums.values()) == sum(a.amount_fen for a in answer)
    assert sum(o.paid_fen for o in sums.values()) == sum(p.amount_fen for p in payments)
    assert sum(len(o.accruals) for o in sums.values()) == len(answer)
    for o in sums.values():
        assert o.accrued_fen - o.paid_fen == o.owed_fen - o.overpaid_fen
        assert min(o.owed_fen, o.overpaid_fen) == 0
    shuffled = [random.sample(x, len(x)) for x in (given_days, given_terms, payments)]
    assert wages.owed(accrue(shuffled[0], shuffled[1], policy=POLICY), shuffled[2]) == sums
