"""The account of somebody who leaves."""

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.settlement import SettledMonth, settle, settlement_hash

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
MONTHS = [SettledMonth(APRIL, 400_00, 0, 0), SettledMonth(MARCH, 800_00, 50_00, 500_00)]
GONE = date(2026, 4, 2)


def test_what_he_still_gets_is_what_every_month_is_short_of():
    answer = settle(MONTHS)
    assert (answer.accrued_fen, answer.withheld_fen, answer.paid_fen, answer.owed_fen) == (1200_00, 50_00, 500_00, 650_00)
    assert [m.month for m in answer.months] == [MARCH, APRIL]


def test_a_month_paid_too_high_pays_for_no_other():
    answer = settle([SettledMonth(MARCH, 800_00, 0, 900_00), SettledMonth(APRIL, 400_00, 0, 100_00)])
    assert (answer.owed_fen, answer.overpaid_fen) == (300_00, 100_00)


def test_nobody_who_never_worked_is_owed_anything():
    assert settle([]).owed_fen == 0


def test_a_month_is_settled_once_and_is_a_month():
    with pytest.raises(ValueError, match="once"):
        settle([MONTHS[0], MONTHS[0]])
    with pytest.raises(ValueError, match="first day"):
        settle([replace(MONTHS[0], month=date(2026, 4, 2))])


def test_the_signature_is_bound_to_every_fen():
    signed = settlement_hash(7, GONE, settle(MONTHS))
    assert re.fullmatch("[0-9a-f]{64}", signed)
    assert signed == settlement_hash(7, GONE, settle(reversed(MONTHS)))
    others = [settlement_hash(8, GONE, settle(MONTHS)), settlement_hash(7, date(2026, 4, 3), settle(MONTHS)), settlement_hash(7, None, settle(MONTHS))]
    for field in ("gross_fen", "withheld_fen", "paid_fen"):
        changed = replace(MONTHS[0], **{field: getattr(MONTHS[0], field) + 1})
        others.append(settlement_hash(7, GONE, settle([changed, MONTHS[1]])))
    others.append(settlement_hash(7, GONE, settle([replace(MONTHS[0], month=date(2026, 5, 1)), MONTHS[1]])))
    assert len({signed, *others}) == len(others) + 1


def test_the_hash_of_a_signed_settlement_never_changes():
    # Signatures hang on it: whoever changes the recipe makes all of them worthless.
    assert settlement_hash(7, GONE, settle(MONTHS)) == "c30b05736efbce04a49873d8e9250ec022cc857b13a0a4bbdd980058cd2cf468"


@given(st.dictionaries(st.integers(1, 12), st.tuples(*[st.integers(0, 10_000_00)] * 3), max_size=12))
def test_accrued_is_withheld_paid_owed_and_nothing_else(drawn):
    answer = settle(SettledMonth(date(2026, month, 1), *fen) for month, fen in drawn.items())
    assert answer.accrued_fen == answer.withheld_fen + answer.paid_fen + answer.owed_fen - answer.overpaid_fen
    assert answer.owed_fen == sum(max(0, m.owed_fen) for m in answer.months)
