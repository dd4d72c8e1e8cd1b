"""What each money event posts: the table of attendance.md 4.3, and what no posting may be."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import ledger
from app.domain.ledger import (
    Account,
    AccountKind,
    Assertion,
    Leg,
    PostedLine,
    Posting,
    SentItem,
    TxnKind,
    Unbalanced,
    compared,
    covering,
    told,
)

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)

LINE = PostedLine(
    line_id=7, project_id=1, project_company_id=3, engagement_id=12, month=MARCH, origin_month=MARCH,
    gross_fen=800_00, deductions_fen=50_00, advances_fen=200_00,
)  # fmt: skip
ITEM = SentItem(
    item_id=9, project_id=1, special_account_id=5, project_company_id=3, engagement_id=12, post_month=MARCH,
    origin_month=FEBRUARY, amount_fen=550_00,
)  # fmt: skip


def written(postings) -> list[tuple[str, dict[str, int]]]:
    """(kind, {account: fen}) of each posting."""
    return [(str(p.kind), {leg.account.key: leg.amount_fen for leg in p.legs}) for p in postings]


# --- the table -----------------------------------------------------------------------------------------------


def test_a_line_is_cost_owed_withheld_and_taken_back():
    assert written(ledger.line(LINE)) == [
        ("accrue", {"labour_cost:c3": 800_00, "wages_payable:e12": -800_00}),
        ("withhold", {"wages_payable:e12": 50_00, "deduction_payable:c3": -50_00}),
        ("recover", {"wages_payable:e12": 200_00, "advance:e12": -200_00}),
    ]


def test_a_line_without_anything_withheld_posts_only_wages():
    assert written(ledger.line(replace(LINE, deductions_fen=0, advances_fen=0))) == [
        ("accrue", {"labour_cost:c3": 800_00, "wages_payable:e12": -800_00})
    ]


def test_a_line_of_nothing_posts_nothing():
    assert ledger.line(replace(LINE, gross_fen=0, deductions_fen=0, advances_fen=0)) == ()


def test_back_pay_is_posted_now_for_the_month_it_was_earned_in():
    (posting,) = ledger.line(replace(LINE, origin_month=JANUARY, deductions_fen=0, advances_fen=0))
    assert (posting.kind, posting.post_month, posting.origin_month) == (TxnKind.ADJUST, MARCH, JANUARY)


def test_back_pay_that_takes_something_back_is_the_opposite():
    taken = replace(LINE, origin_month=JANUARY, gross_fen=-30_00, deductions_fen=0, advances_fen=0)
    assert written(ledger.line(taken)) == [("adjust", {"labour_cost:c3": -30_00, "wages_payable:e12": 30_00})]


def test_what_went_to_the_bank_is_in_transit():
    assert written(ledger.sent(ITEM)) == [("submit", {"wages_payable:e12": 550_00, "transit:s5": -550_00})]


def test_what_arrived_left_the_special_account():
    assert written(ledger.settled(ITEM, 4)) == [("settle", {"transit:s5": 550_00, "special_account:s5": -550_00})]


def test_what_failed_is_owed_again():
    assert written(ledger.failed(ITEM, 4)) == [("return", {"transit:s5": 550_00, "wages_payable:e12": -550_00})]


def test_what_came_back_is_on_the_account_and_owed_again():
    assert written(ledger.returned(ITEM, 4)) == [("return", {"special_account:s5": 550_00, "wages_payable:e12": -550_00})]


def test_wages_paid_for_a_company_that_did_not_are_its_debt():
    behalf = replace(ITEM, on_behalf_of=8)
    assert written(ledger.settled(behalf, 4))[1] == ("on_behalf", {"sub_receivable:c8": 550_00, "labour_cost:c3": -550_00})
    assert written(ledger.returned(behalf, 5))[1] == ("on_behalf", {"sub_receivable:c8": -550_00, "labour_cost:c3": 550_00})
    assert len(ledger.failed(behalf, 6)) == 1, "it had not been paid yet"


def test_money_that_arrives_funds_the_account():
    assert written(ledger.funding(1, 5, 2, 900_00, MARCH)) == [("fund", {"special_account:s5": 900_00, "funding:p1": -900_00})]


def test_an_account_brings_along_what_was_on_it():
    assert written(ledger.opening(1, 5, 70_00, MARCH)) == [("fund", {"special_account:s5": 70_00, "funding:p1": -70_00})]
    assert ledger.opening(1, 5, 0, MARCH) == ()


def test_an_advance_comes_from_the_account_or_from_outside():
    assert written(ledger.advance(1, 12, 3, 100_00, 5, MARCH)) == [("advance", {"advance:e12": 100_00, "special_account:s5": -100_00})]
    assert written(ledger.advance(1, 12, 3, 100_00, None, MARCH)) == [("advance", {"advance:e12": 100_00, "off_account:p1": -100_00})]


def test_wages_paid_in_cash_are_no_longer_owed():
    (posting,) = ledger.off_account(1, 12, 6, 400_00, date(2026, 2, 17), MARCH)
    assert written([posting]) == [("off_account", {"wages_payable:e12": 400_00, "off_account:p1": -400_00})]
    assert (posting.post_month, posting.origin_month) == (MARCH, FEBRUARY)


def test_a_payment_that_came_back_is_the_opposite():
    assert written(ledger.off_account(1, 12, 6, -400_00, MARCH, MARCH)) == [
        ("off_account", {"wages_payable:e12": -400_00, "off_account:p1": 400_00})
    ]


def test_a_voided_document_is_undone_leg_by_leg():
    (posting,) = ledger.advance(1, 12, 3, 100_00, None, FEBRUARY)
    undone = ledger.undone(posting, MARCH)
    assert written([undone]) == [("reverse", {"advance:e12": -100_00, "off_account:p1": 100_00})]
    assert undone.reverses == posting.source
    assert undone.source != posting.source


AMOUNTS = st.integers(min_value=1, max_value=10**9)


@given(gross=st.integers(min_value=-(10**9), max_value=10**9), deductions=AMOUNTS | st.just(0), advances=AMOUNTS | st.just(0))
def test_a_line_leaves_the_worker_exactly_its_net(gross, deductions, advances):
    line = replace(LINE, gross_fen=gross, deductions_fen=deductions, advances_fen=advances)
    legs = [leg for posting in ledger.line(line) for leg in posting.legs]
    assert sum(leg.amount_fen for leg in legs) == 0
    owed = -sum(leg.amount_fen for leg in legs if leg.account.kind is AccountKind.WAGES_PAYABLE)
    assert owed == gross - deductions - advances


# --- what no posting may be ------------------------------------------------------------------------------------


def posting(*legs: tuple[AccountKind, int], post_month=MARCH, origin_month=MARCH) -> Posting:
    made = tuple(Leg(Account(kind, 1), fen) for kind, fen in legs)
    return Posting(1, TxnKind.FUND, "funding_receipt", 1, post_month, origin_month, made)


PAIR = ((AccountKind.FUNDING, 5), (AccountKind.SPECIAL_ACCOUNT, -5))


def test_a_posting_that_does_not_sum_to_zero_is_refused():
    with pytest.raises(Unbalanced, match="zero"):
        posting((AccountKind.FUNDING, 5), (AccountKind.SPECIAL_ACCOUNT, -4))


def test_a_posting_of_one_leg_is_refused():
    with pytest.raises(Unbalanced, match="two legs"):
        posting((AccountKind.FUNDING, 5))


@pytest.mark.parametrize("fen", [0, 0.5, 5.0, True], ids=str)
def test_a_leg_is_a_whole_number_of_fen(fen):
    with pytest.raises(Unbalanced, match="whole number"):
        posting((AccountKind.FUNDING, fen), (AccountKind.SPECIAL_ACCOUNT, -fen))


@pytest.mark.parametrize(
    ("post_month", "origin_month"), [(MARCH, date(2026, 4, 1)), (date(2026, 3, 2), MARCH), (MARCH, date(2026, 2, 2))]
)
def test_money_is_posted_in_its_month_or_later(post_month, origin_month):
    with pytest.raises(Unbalanced, match="month"):
        posting(*PAIR, post_month=post_month, origin_month=origin_month)


# --- accounts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", AccountKind)
def test_the_key_of_an_account_reads_back(kind):
    account = Account(kind, 12)
    assert Account.read(account.key) == account


@pytest.mark.parametrize("key", ["wages_payable:c12", "wages_payable:e", "wages_payable", "money:e1", "wages_payable:e01", ""])
def test_another_key_is_no_account(key):
    with pytest.raises(ValueError, match="."):
        Account.read(key)


# --- which engagement ------------------------------------------------------------------------------------------

FIRST = (1, date(2026, 1, 5), date(2026, 2, 10))
SECOND = (2, date(2026, 2, 10), date(2026, 3, 1))
THIRD = (3, date(2026, 4, 1), None)


@pytest.mark.parametrize(
    ("month", "engagement"),
    [
        (JANUARY, 1),
        (FEBRUARY, 2),  # both touch it: the later one
        (MARCH, 2),  # none touches it: the last before
        (date(2026, 4, 1), 3),
        (date(2025, 12, 1), 1),  # before all
        (date(2026, 12, 1), 3),
    ],
)
def test_money_goes_to_the_engagement_of_its_month(month, engagement):
    assert covering([THIRD, FIRST, SECOND], month) == engagement


def test_the_first_day_no_longer_on_site_is_not_in_the_month():
    assert covering([(1, JANUARY, MARCH), (2, FEBRUARY, date(2026, 2, 15))], MARCH) == 2


# --- what must hold --------------------------------------------------------------------------------------------


def test_balances_that_agree_are_one_assertion_with_their_sum():
    assert compared(AccountKind.WAGES_PAYABLE, {1: -100, 2: -50}, {1: -100, 2: -50}) == (
        Assertion("ledger_wages_payable", True, 150, 150),
    )


def test_an_account_that_differs_is_named_with_both_amounts():
    assert compared(AccountKind.WAGES_PAYABLE, {1: -100, 2: -50}, {1: -100, 2: -60, 3: 7}) == (
        Assertion("ledger_wages_payable", False, 50, 60, "wages_payable:e2"),
        Assertion("ledger_wages_payable", False, 0, -7, "wages_payable:e3"),
    )


def test_an_account_without_legs_is_the_same_as_none():
    assert all(a.holds for a in compared(AccountKind.ADVANCE, {4: 0}, {}))


def test_nothing_wrong_is_one_assertion_that_holds():
    assert told("ledger_txns", [], 0) == (Assertion("ledger_txns", True, 0, 0),)
