"""The special account's statement: a chain without a hole, and each line what it was."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.statement import Document, Funded, Line, balance_on, broken, funded, match, take_in
from app.wording import SENTENCES

WANG, LI, TRADER = "index-of-wang", "index-of-li", "index-of-a-trader"


def day(n: int) -> date:
    return date(2026, 4, n)


def chain(*amounts: int, opening: int = 0, first: int = 1, on: int | None = None) -> list[Line]:
    """Lines T1, T2, ... of the days 1, 2, ... (or all of one day), each continuing the balance."""
    lines, balance = [], opening
    for n, fen in enumerate(amounts, first):
        balance += fen
        lines.append(Line(n, f"T{n}", day(on or n), fen, balance))
    return lines


def codes(found) -> list[tuple[int, str]]:
    assert all(code in SENTENCES for _, code in found.faults)
    return list(found.faults)


# --- the chain -------------------------------------------------------------------------------------------------


def test_each_balance_follows_from_the_one_before():
    lines = chain(100, -30, 5, opening=7)
    assert broken(lines, 7) is None and broken(lines, None) is None
    assert broken(lines, 8) == lines[0]
    assert broken([lines[0], lines[2]], 7) == lines[2]


def test_the_first_file_starts_from_the_opening_balance():
    found = take_in(chain(100, -30, opening=50), [], 50)
    assert ([line.id for line in found.fresh], found.known, codes(found)) == ([1, 2], 0, [])
    assert codes(take_in(chain(100, -30, opening=50), [], 0)) == [(1, "balance_chain_broken")]


def test_a_missing_line_breaks_the_chain_and_the_row_after_it_is_named():
    lines = chain(100, -30, 5)
    assert codes(take_in([lines[0], lines[2]], [], 0)) == [(3, "balance_chain_broken")]


def test_files_overlap_and_only_new_lines_are_new():
    lines = chain(100, -30, 5, 5)
    found = take_in(lines[1:], lines[:3], 0)
    assert ([line.bank_txn_id for line in found.fresh], found.known, codes(found)) == (["T4"], 2, [])
    again = take_in(lines, lines, 0)
    assert (again.fresh, again.known, codes(again)) == ((), 4, [])


def test_newest_first_is_turned_round():
    lines = chain(100, -30, 5, 5)
    found = take_in(lines[::-1], lines[:1], 0)
    assert ([line.bank_txn_id for line in found.fresh], codes(found)) == (["T2", "T3", "T4"], [])
    # In and out again: both orders add up, the dates decide.
    swing = chain(100, -100, first=1)
    assert [line.bank_txn_id for line in take_in(swing[::-1], [], 0).fresh] == ["T1", "T2"]


def test_a_number_that_stands_twice_is_named():
    one, two = chain(100, -30)
    assert codes(take_in([one, two, Line(3, "T1", day(3), 5, 75)], [], 0)) == [(3, "txn_id_twice")]


@pytest.mark.parametrize("change", [{"amount_fen": 101}, {"balance_after_fen": 101}, {"booked_on": day(2)}])
def test_a_line_that_is_not_what_it_was_is_named(change):
    one = chain(100)[0]
    other = Line(**{name: getattr(one, name) for name in Line.__slots__} | {"id": 9} | change)
    assert (9, "statement_line_differs") in codes(take_in([other], [one], 0))


def test_a_line_before_what_is_known_is_a_gap_that_cannot_be():
    kept = chain(100, -100, 100, -100)
    early = Line(1, "E", day(1), 100, 100)
    assert codes(take_in([early, kept[3]], kept, 0)) == [(1, "statement_date_back"), (1, "statement_line_between")]


def test_a_statement_does_not_go_back_in_time():
    lines = [Line(1, "T1", day(2), 5, 5), Line(2, "T2", day(1), 5, 10), Line(3, "T3", day(2), 5, 15)]
    assert codes(take_in(lines, [], 0)) == [(2, "statement_date_back")]
    assert codes(take_in(lines[1:2], lines[:1], 0)) == [(2, "statement_date_back")]


def test_the_balance_of_a_day_is_that_after_its_last_line():
    lines = [*chain(100, -30, opening=7), Line(3, "T3", day(2), 1, 78)]
    assert [balance_on(lines, 7, day(n)) for n in (1, 2, 3)] == [107, 78, 78]
    assert balance_on(lines, 7, date(2026, 3, 31)) == 7


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_cutting_into_overlapping_files_gives_the_same_lines(data):
    amounts = data.draw(st.lists(st.integers(-50, 50).filter(bool), min_size=1, max_size=12))
    lines = chain(*amounts, opening=500)
    kept: list[Line] = []
    end = 0
    while end < len(lines):
        start = data.draw(st.integers(max(0, end - 3), end))
        end = data.draw(st.integers(end + 1, len(lines)))
        part = lines[start:end]
        found = take_in(part[::-1] if data.draw(st.booleans()) else part, kept, 500)
        assert found.faults == ()
        kept += found.fresh
    assert kept == lines


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_changed_amount_is_never_taken_in(data):
    amounts = data.draw(st.lists(st.integers(-50, 50).filter(bool), min_size=1, max_size=8))
    lines = chain(*amounts, opening=500)
    at = data.draw(st.integers(0, len(lines) - 1))
    by = data.draw(st.integers(-9, 9).filter(bool))
    worse = Line(lines[at].id, lines[at].bank_txn_id, lines[at].booked_on, lines[at].amount_fen + by, lines[at].balance_after_fen)
    assert take_in([*lines[:at], worse, *lines[at + 1 :]], [], 500).faults


# --- what each line was ----------------------------------------------------------------------------------------


def line(n: int, fen: int, on: int = 5, account: str | None = None, memo: str = "", number: str | None = None) -> Line:
    return Line(n, number or f"T{n}", day(on), fen, 0, account, memo)


def wages(n: int, fen: int, on: int = 5, account: str = WANG, ref: str | None = None) -> Document:
    return Document("item_result", n, day(on), -fen, ref, frozenset({account}))


def pairs(lines, documents) -> dict[int, tuple[str, int]]:
    return {line_id: (d.kind, d.id) for line_id, d in match(lines, documents).items()}


def test_the_banks_number_decides_before_all_else():
    documents = [wages(1, 100, ref="A"), wages(2, 100, ref="B")]
    assert pairs([line(1, -100, account=WANG, number="B"), line(2, -100, account=WANG, number="A")], documents) == {
        1: ("item_result", 2), 2: ("item_result", 1),
    }  # fmt: skip


def test_the_same_number_with_another_amount_is_left_to_a_person():
    assert pairs([line(1, -99, number="A")], [wages(1, 100, ref="A")]) == {}


def test_account_day_and_amount_decide_when_only_one_fits():
    documents = [wages(1, 100), wages(2, 100, account=LI)]
    assert pairs([line(1, -100, account=LI), line(2, -100, account=WANG)], documents) == {1: ("item_result", 2), 2: ("item_result", 1)}
    twice = [wages(1, 100), wages(2, 100)]
    assert pairs([line(1, -100, account=WANG)], twice) == {}
    assert pairs([line(1, -100, account=WANG), line(2, -100, account=WANG)], twice[:1]) == {}


def test_a_known_account_may_be_booked_up_to_three_days_apart():
    assert pairs([line(1, -100, on=8, account=WANG)], [wages(1, 100)]) == {1: ("item_result", 1)}
    assert pairs([line(1, -100, on=9, account=WANG)], [wages(1, 100)]) == {}
    # The very day goes first.
    documents = [wages(1, 100, on=4), wages(2, 100, on=6)]
    assert pairs([line(1, -100, on=6, account=WANG), line(2, -100, on=5, account=WANG)], documents) == {
        1: ("item_result", 2), 2: ("item_result", 1),
    }  # fmt: skip


def test_money_to_a_stranger_is_never_taken_for_wages_of_the_same_sum():
    advance = Document("advance", 1, day(5), -100)
    receipt = Document("funding_receipt", 1, day(5), 100, "F1")
    assert pairs([line(1, -100, account=TRADER), line(2, 100)], [wages(1, 100), advance, receipt]) == {}


def test_a_line_that_names_no_account_needs_the_day_and_no_second():
    assert pairs([line(1, -100)], [wages(1, 100)]) == {1: ("item_result", 1)}
    assert pairs([line(1, -100, on=6)], [wages(1, 100)]) == {}
    assert pairs([line(1, -100)], [wages(1, 100), wages(2, 100, account=LI)]) == {}
    assert pairs([line(1, -100)], [Document("advance", 1, day(5), -100)]) == {}


def test_funding_is_found_by_its_number_also_in_the_memo():
    receipt = Document("funding_receipt", 7, day(1), 500, "20260401-88")
    assert pairs([line(1, 500, on=20, number="20260401-88")], [receipt]) == {1: ("funding_receipt", 7)}
    assert pairs([line(1, 500, on=20, memo="人工费 20260401-88 收讫")], [receipt]) == {1: ("funding_receipt", 7)}
    assert pairs([line(1, 500, memo="人工费 20260401-881")], [receipt]) == {}
    assert pairs([line(1, 500, memo="12")], [Document("funding_receipt", 7, day(1), 500, "12")]) == {}


def test_an_advance_is_found_by_number_or_by_any_card_of_the_worker():
    advance = Document("advance", 3, day(5), -100, "OUT-1", frozenset({WANG, LI}))
    assert pairs([line(1, -100, on=9, number="OUT-1")], [advance]) == {1: ("advance", 3)}
    assert pairs([line(1, -100, account=LI)], [advance]) == {1: ("advance", 3)}


def test_a_batch_booked_in_one_sum_is_found_by_its_number():
    batch, back = Document("batch", 4, day(5), -900, "HY-202603-01"), Document("batch_return", 4, day(5), 100, "HY-202603-01")
    lines = [line(1, -900, memo="工资202603HY-202603-01"), line(2, 100, on=9, memo="退 HY-202603-01")]
    assert pairs(lines, [batch, back, wages(1, 500), wages(2, 400)]) == {1: ("batch", 4), 2: ("batch_return", 4)}
    assert pairs([line(1, -900, memo="工资202603HY-202603-011")], [batch]) == {}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_document_is_used_once_and_the_order_of_lines_does_not_matter(data):
    accounts = st.sampled_from([WANG, LI, None])
    lines = [
        line(n, -data.draw(st.sampled_from([100, 200])), data.draw(st.integers(3, 8)), data.draw(accounts))
        for n in range(1, data.draw(st.integers(1, 6)) + 1)
    ]
    documents = [
        wages(n, data.draw(st.sampled_from([100, 200])), data.draw(st.integers(3, 8)), data.draw(st.sampled_from([WANG, LI])),
              data.draw(st.sampled_from([None, "T1", "T2"])))
        for n in range(1, data.draw(st.integers(1, 6)) + 1)
    ]  # fmt: skip
    found = pairs(lines, documents)
    assert len(set(found.values())) == len(found)
    assert pairs(data.draw(st.permutations(lines)), data.draw(st.permutations(documents))) == found
    by_id = {d.id: d for d in documents}
    for line_id, (_, document_id) in found.items():
        one, other = lines[line_id - 1], by_id[document_id]
        assert one.amount_fen == other.amount_fen
        near = abs(one.booked_on - other.on) <= timedelta(days=3)
        assert one.bank_txn_id == other.reference or near


# --- funding ---------------------------------------------------------------------------------------------------


def test_what_arrives_goes_to_the_earliest_due_day():
    plans = [(2, date(2026, 4, 1), day(20), 500), (1, date(2026, 3, 1), day(10), 300)]
    arrived = [(day(9), 200), (day(12), 250), (day(25), 999)]
    told = funded(plans, arrived, day(15))
    assert told == (
        Funded(1, date(2026, 3, 1), day(10), 300, 300, False),
        Funded(2, date(2026, 4, 1), day(20), 500, 150, False),
    )
    assert [(line.short_fen, line.late) for line in funded(plans, arrived, day(21))] == [(0, False), (350, True)]
    assert [line.late for line in funded(plans, [], day(10))] == [False, False]
