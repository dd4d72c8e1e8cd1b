"""What is owed, and for how long."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.arrears import Bucket, Due, MonthDebt, PaidFor, age, allocate, bucket

TODAY = date(2026, 7, 1)
M = [date(2026, month, 1) for month in range(1, 7)]


def due(month: int, fen: int, *, worker: int = 1, days_ago: int = 40) -> Due:
    return Due(worker, worker, 1, 1, date(2026, month, 1), fen, TODAY - timedelta(days=days_ago))


@pytest.mark.parametrize(
    ("days", "name"),
    [
        (-30, "not_due"), (0, "not_due"), (1, "1-30"), (30, "1-30"), (31, "31-90"), (90, "31-90"), (91, "91-180"),
        (180, "91-180"), (181, "181-365"), (365, "181-365"), (366, "over_365"), (4000, "over_365"),
    ],
)  # fmt: skip
def test_the_pay_day_itself_is_in_time_and_the_next_day_is_late(days, name):
    assert bucket(TODAY - timedelta(days=days), TODAY) == name


def test_what_is_owed_is_sorted_by_age_and_what_is_not_due_is_no_arrears():
    found = age([due(6, 500_00, days_ago=-14), due(5, 300_00, days_ago=16), due(4, 200_00), due(3, 0, days_ago=90)], TODAY)
    assert (found.owed_fen, found.overdue_fen) == (1000_00, 500_00)
    assert {str(name): fen for name, fen in found.buckets if fen} == {"not_due": 500_00, "1-30": 300_00, "31-90": 200_00}
    assert [name for name, _ in found.buckets] == list(Bucket)
    assert (found.workers, found.months_unpaid, found.oldest_due_on) == (1, 2, TODAY - timedelta(days=40))


def test_months_in_a_row_are_one_workers_own():
    group = [due(m, 100, worker=1) for m in (1, 2, 4)] + [due(m, 100, worker=2) for m in (3, 5)]
    assert (age(group, TODAY).months_unpaid, age(group, TODAY).workers) == (2, 2)
    assert age([due(12, 1), Due(1, 1, 1, 1, date(2027, 1, 1), 1, M[0])], TODAY).months_unpaid == 2


def test_a_month_that_is_not_due_makes_no_row_longer():
    assert age([due(5, 1), due(6, 1, days_ago=0)], TODAY).months_unpaid == 1


def test_nobody_owed_nothing():
    found = age([], TODAY)
    assert (found.owed_fen, found.workers, found.months_unpaid, found.oldest_due_on) == (0, 0, 0, None)


def test_owed_less_than_nothing_is_refused():
    with pytest.raises(ValueError):
        age([due(1, -1)], TODAY)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 1000), st.integers(1, 3), st.integers(-50, 800)), max_size=10))
def test_every_fen_owed_is_in_one_bucket_and_groups_add_up(drawn):
    dues = [due(month, fen, worker=worker, days_ago=days) for month, fen, worker, days in drawn]
    whole = age(dues, TODAY)
    assert whole.owed_fen == sum(fen for _, fen in whole.buckets) == sum(d.owed_fen for d in dues)
    parts = [age([d for d in dues if d.worker_id == worker], TODAY) for worker in (1, 2, 3)]
    assert whole.overdue_fen == sum(p.overdue_fen for p in parts)
    assert whole.months_unpaid == max(p.months_unpaid for p in parts)
    assert age(reversed(dues), TODAY) == whole


# --- which month a payment pays


def debts(*fen: int) -> list[MonthDebt]:
    return [MonthDebt(month, each) for month, each in zip(M, fen, strict=False)]


def test_a_payment_pays_the_month_it_names_and_nothing_else():
    answer = allocate(debts(400, 400), [PaidFor(1, 500, M[1])])
    assert answer.paid == ((1, M[1], 400),)
    assert (answer.left, answer.surplus) == (((M[0], 400),), ((1, M[1], 100),))


def test_one_that_names_none_pays_the_oldest_first():
    answer = allocate(debts(400, 400, 400), [PaidFor(1, 900, None)])
    assert answer.paid == ((1, M[0], 400), (1, M[1], 400), (1, M[2], 100))
    assert answer.left == ((M[2], 300),)


def test_the_named_months_go_before_the_unnamed_whoever_came_first():
    answer = allocate(debts(400, 400), [PaidFor(1, 400, None), PaidFor(2, 400, M[0])])
    assert answer.paid == ((1, M[1], 400), (2, M[0], 400))


def test_money_for_a_month_without_work_is_all_surplus():
    assert allocate(debts(400), [PaidFor(1, 300, M[4])]).surplus == ((1, M[4], 300),)


def test_a_payment_that_cannot_be_is_refused():
    for months, payments in (
        ([*debts(1), MonthDebt(M[0], 1)], []), ([MonthDebt(M[0], -1)], []), ([], [PaidFor(1, 0, None)]),
        ([], [PaidFor(1, 1, None), PaidFor(1, 1, None)]),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            allocate(months, payments)


@settings(max_examples=80)
@given(
    st.dictionaries(st.sampled_from(M), st.integers(0, 1000), max_size=6),
    st.lists(st.tuples(st.integers(1, 1500), st.sampled_from([None, *M])), max_size=6), st.randoms(use_true_random=False),
)  # fmt: skip
def test_every_fen_of_every_payment_once_and_no_order_changes_it(owed, drawn, random):
    months = [MonthDebt(m, fen) for m, fen in owed.items()]
    payments = [PaidFor(i, fen, named) for i, (fen, named) in enumerate(drawn, 1)]
    answer = allocate(months, payments)
    for p in payments:
        used = sum(fen for i, _, fen in answer.paid if i == p.id) + sum(fen for i, _, fen in answer.surplus if i == p.id)
        assert used == p.amount_fen
        assert all(m == p.for_month for i, m, _ in answer.paid if i == p.id and p.for_month)
    left = dict(answer.left)
    for m, fen in owed.items():
        assert fen == sum(part for _, at, part in answer.paid if at == m) + left.get(m, 0)
    if any(p.for_month is None for p in payments) and any(named is None for _, named, _ in answer.surplus):
        assert not left
    assert allocate(random.sample(months, len(months)), random.sample(payments, len(payments))) == answer
