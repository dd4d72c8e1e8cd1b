"""What may be taken from a wage, in which order, and what nobody may take."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.facts import Advance, Deduction, DeductionKind
from app.domain.withhold import withhold

MAY = date(2026, 5, 1)
MINIMUM = 2260_00


def take(gross: int, *rows: Deduction | Advance, minimum: int = MINIMUM):
    return withhold(
        gross,
        [r for r in rows if isinstance(r, Deduction)],
        [r for r in rows if isinstance(r, Advance)],
        minimum_fen=minimum,
    )


def deduct(kind: str, fen: int, id: int = 1, applied: int = 0, month: date = MAY) -> Deduction:
    return Deduction(id, 1, month, DeductionKind(kind), fen, applied)


def advanced(fen: int, id: int = 1, day: int = 5, proved: bool = True, applied: int = 0) -> Advance:
    return Advance(id, 1, fen, date(2026, 5, day), proved, applied)


def test_nothing_to_withhold_is_the_whole_wage():
    answer = take(5000_00)
    assert (answer.net_fen, answer.deductions, answer.advances, answer.carried) == (5000_00, (), (), ())


@pytest.mark.parametrize("kind", ["income_tax", "social_insurance", "housing_fund", "court_order"])
def test_tax_insurance_fund_and_court_orders_are_taken_whole_even_below_the_minimum_wage(kind):
    answer = take(2500_00, deduct(kind, 1000_00))
    assert (answer.deductions, answer.net_fen) == (((1, 1000_00),), 1500_00)


def test_not_even_a_court_takes_what_is_not_there():
    answer = take(300_00, deduct("court_order", 1000_00), deduct("income_tax", 20_00, 2))
    assert (answer.deductions, answer.net_fen) == (((2, 20_00), (1, 280_00)), 0)
    assert answer.carried == (("deduction", 1, 720_00),)


@pytest.mark.parametrize(
    ("gross", "asked", "taken"),
    [
        (5000_00, 1000_00, 1000_00),  # exactly a fifth
        (5000_00, 1000_01, 1000_00),
        (5000_03, 2000_00, 1000_00),  # a fifth of 5000.03 is 1000.006
        (2500_00, 500_00, 240_00),  # a fifth would leave 2000.00
        (2260_00, 100_00, 0),
        (2000_00, 100_00, 0),
    ],
)
@pytest.mark.parametrize("kind", ["damage", "agreed"])
def test_damage_takes_a_fifth_at_most_and_leaves_the_minimum_wage(kind, gross, asked, taken):
    answer = take(gross, deduct(kind, asked))
    assert answer.deductions == ((1, taken),)
    assert answer.net_fen == gross - taken
    assert answer.carried == ((("deduction", 1, asked - taken),) if asked > taken else ())


def test_damage_and_what_was_agreed_share_one_cap():
    answer = take(5000_00, deduct("agreed", 700_00, 1), deduct("damage", 600_00, 2))
    assert answer.deductions == ((2, 600_00), (1, 400_00))
    assert answer.carried == (("deduction", 1, 300_00),)


def test_the_cap_is_a_fifth_of_the_wage_before_tax_and_the_minimum_is_what_is_left_after():
    answer = take(3000_00, deduct("income_tax", 300_00, 1), deduct("damage", 600_00, 2))
    assert answer.deductions == ((1, 300_00), (2, 440_00))
    assert answer.net_fen == MINIMUM


def test_an_advance_is_wages_already_paid_and_may_take_the_rest():
    answer = take(3000_00, advanced(5000_00))
    assert (answer.advances, answer.net_fen, answer.carried) == (((1, 3000_00),), 0, (("advance", 1, 2000_00),))


def test_the_oldest_advance_first():
    answer = take(1000_00, advanced(800_00, 1, day=9), advanced(500_00, 2, day=3))
    assert answer.advances == ((2, 500_00), (1, 500_00))


def test_an_advance_nobody_can_prove_is_not_taken_back_and_not_carried():
    answer = take(3000_00, advanced(500_00, proved=False))
    assert (answer.advances, answer.net_fen, answer.carried) == ((), 3000_00, ())


def test_what_earlier_sheets_took_is_not_taken_again():
    answer = take(5000_00, deduct("damage", 800_00, applied=500_00), advanced(900_00, applied=900_00))
    assert (answer.deductions, answer.advances) == (((1, 300_00),), ((1, 0),))


def test_what_an_earlier_month_could_not_bear_comes_first():
    earlier = deduct("damage", 600_00, 9, month=date(2026, 4, 1))
    answer = take(5000_00, deduct("damage", 600_00, 1), earlier)
    assert answer.deductions == ((9, 600_00), (1, 400_00))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: take(-1), lambda: take(1, minimum=-1), lambda: take(1, deduct("damage", 5, applied=6)),
        lambda: take(1, advanced(5, applied=-1)),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused(wrong):
    with pytest.raises(ValueError):
        wrong()


_deductions = st.lists(
    st.tuples(st.sampled_from(DeductionKind), st.integers(1, 4000_00), st.integers(0, 100), st.integers(1, 5)), max_size=6
).map(
    lambda drawn: [
        Deduction(i, 1, date(2026, month, 1), kind, fen, fen * percent // 100)
        for i, (kind, fen, percent, month) in enumerate(drawn, 1)
    ]
)
_advances = st.lists(st.tuples(st.integers(1, 4000_00), st.integers(1, 28), st.booleans(), st.integers(0, 100)), max_size=5).map(
    lambda drawn: [advanced(fen, i, day, proved, fen * percent // 100) for i, (fen, day, proved, percent) in enumerate(drawn, 1)]
)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 12_000_00), _deductions, _advances, st.integers(0, 3000_00), st.randoms(use_true_random=False))
def test_every_fen_is_paid_withheld_or_carried_and_no_order_changes_it(gross, deductions, advances, minimum, random):
    answer = withhold(gross, deductions, advances, minimum_fen=minimum)
    assert gross == answer.deductions_fen + answer.advances_fen + answer.net_fen
    assert answer.net_fen >= 0
    assert answer.deductions_fen == sum(fen for _, fen in answer.deductions)
    assert answer.advances_fen == sum(fen for _, fen in answer.advances)
    left = {(kind, i): fen for kind, i, fen in answer.carried}
    taken = {("deduction", i): fen for i, fen in answer.deductions} | {("advance", i): fen for i, fen in answer.advances}
    rows = [("deduction", d) for d in deductions] + [("advance", a) for a in advances if a.proved]
    assert taken.keys() == {(kind, r.id) for kind, r in rows}
    for kind, r in rows:
        assert taken[kind, r.id] + left.get((kind, r.id), 0) == r.amount_fen - r.applied_fen
        assert taken[kind, r.id] >= 0 and left.get((kind, r.id), 1) > 0
    capped = [d.id for d in deductions if d.kind in (DeductionKind.DAMAGE, DeductionKind.AGREED)]
    capped_fen = sum(taken["deduction", i] for i in capped)
    assert capped_fen * 5 <= gross
    if capped_fen:
        assert answer.net_fen + answer.advances_fen >= minimum
    again = withhold(
        gross, random.sample(deductions, len(deductions)), random.sample(advances, len(advances)), minimum_fen=minimum
    )
    assert again == answer
