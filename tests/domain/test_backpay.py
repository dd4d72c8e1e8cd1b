"""A closed month that came out otherwise."""

from app.domain.backpay import difference
from tests.domain.hand import one, terms, worked

FOUND = one("2026-05", [worked("05-06"), worked("05-07")], terms())


def test_a_day_found_after_the_month_was_closed_is_owed_on_top():
    assert difference(FOUND, 400_00) == 400_00


def test_a_day_struck_out_afterwards_is_only_a_negative_proposal():
    assert difference(FOUND, 1200_00) == -400_00


def test_a_month_that_was_never_posted_is_back_pay_whole():
    assert difference(FOUND, 0) == 800_00


def test_once_the_difference_is_posted_there_is_none():
    assert difference(FOUND, 400_00 + difference(FOUND, 400_00)) == 0
