"""Money in the ledger: posted once, in an open month, and found out when somebody changes a row behind the walls."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app import ledger
from app.domain.ledger import AccountKind
from app.errors import Conflict
from app.store import ledger as store
from app.store import people, sheets
from app.tables import LedgerLeg, LedgerTxn
from app.wording import SENTENCES
from tests.books import BY, FEBRUARY, JANUARY, MARCH, Books, Earned


@pytest.fixture
def books(people_on_site, now) -> Books:
    return Books(people_on_site, now)


@pytest.fixture
def wang(books):
    return books.cast.wang


@pytest.fixture
def li(books):
    return books.cast.li


def owed(db, member) -> int:
    return -ledger.balance(db, f"wages_payable:e{member.engagement_id}")


# --- what each event does --------------------------------------------------------------------------------------


def test_a_month_from_close_to_the_workers_card(database, books, wang, li):
    with database.write() as db:
        special = books.account(db, 1_000)
        books.fund(db, special, 900_000)
        books.advance(db, wang, 30_000)
        one, two = books.close(db, FEBRUARY, [Earned(wang, 500_000, 20_000, 30_000), Earned(li, 400_000)])
        assert (owed(db, wang), owed(db, li)) == (450_000, 400_000)
        first, second = books.batch(db, special, [(one, 450_000), (two, 400_000)])
        assert (owed(db, wang), ledger.balance(db, f"transit:s{special}")) == (0, -850_000)
        books.answer(db, first, "success")
        books.answer(db, second, "failed")
        assert (owed(db, wang), owed(db, li)) == (0, 400_000)
        assert ledger.balance(db, f"transit:s{special}") == 0
        assert ledger.balance(db, f"special_account:s{special}") == 1_000 + 900_000 - 450_000
        books.answer(db, first, "returned")
        assert owed(db, wang) == 450_000
    with database.read() as db:
        assert books.wrong(db) == []
        assert ledger.balances(db, books.project_id, "advance") == {wang.engagement_id: 0}
        company = books.cast.a.project_company_id
        assert ledger.balances(db, books.project_id, AccountKind.DEDUCTION_PAYABLE) == {company: -20_000}
        assert ledger.balances(db, books.cast.b.id, AccountKind.FUNDING) == {}


def test_back_pay_is_posted_in_the_next_month(database, books, wang):
    with database.write() as db:
        books.close(db, JANUARY, [Earned(wang, 100)])
        books.close(db, FEBRUARY, [Earned(wang, 200), Earned(wang, 30, origin=JANUARY)])
        assert owed(db, wang) == 330
        kinds = db.execute(sa.select(LedgerTxn.kind, LedgerTxn.post_month, LedgerTxn.origin_month).order_by(LedgerTxn.id))
        assert sorted(map(tuple, kinds)) == [
            ("accrue", JANUARY, JANUARY), ("accrue", FEBRUARY, FEBRUARY), ("adjust", FEBRUARY, JANUARY)
        ]  # fmt: skip
        assert books.wrong(db) == []


def test_an_older_version_of_a_sheet_is_in_nobodys_books(database, books, wang):
    with database.write() as db:
        books.sheet(db, FEBRUARY, [Earned(wang, 999)])
        books.close(db, FEBRUARY, [Earned(wang, 500)])
        assert owed(db, wang) == 500
        assert books.wrong(db) == []


def test_wages_paid_on_behalf_are_the_companys_debt_until_they_come_back(database, books, wang):
    company = books.cast.a.project_company_id
    with database.write() as db:
        special = books.account(db)
        (line,) = books.close(db, FEBRUARY, [Earned(wang, 500)])
        (item,) = books.batch(db, special, [(line, 500)], on_behalf_of=company)
        books.answer(db, item, "success")
        assert ledger.balances(db, books.project_id, "sub_receivable") == {company: 500}
        assert ledger.balances(db, books.project_id, "labour_cost") == {company: 0}
        assert books.wrong(db) == []
        books.answer(db, item, "returned")
        assert ledger.balances(db, books.project_id, "sub_receivable") == {company: 0}
        assert books.wrong(db) == []


def test_cash_is_no_longer_owed_and_owed_again_when_it_was_a_mistake(database, books, wang):
    with database.write() as db:
        books.close(db, FEBRUARY, [Earned(wang, 500)])
        paid = books.pay(db, wang, 200, FEBRUARY)
        assert owed(db, wang) == 300
        books.pay(db, wang, -200, FEBRUARY, reverses_id=paid)
        assert owed(db, wang) == 500
        assert books.wrong(db) == []


def test_a_reversal_goes_where_the_payment_went(database, books, wang, now):
    with database.write() as db:
        paid = books.pay(db, wang, 200)
        # Meanwhile his engagement ended and another began in the same month.
        people.exit_engagement(db, wang.engagement_id, date(2026, 3, 10))
        again = people.add_engagement(
            db, worker_id=wang.id, project_id=books.project_id, project_company_id=books.cast.a.project_company_id,
            team_id=books.cast.a.team_id, trade=None, entry_on=date(2026, 3, 10), now=now,
        )  # fmt: skip
        assert owed(db, wang) == -200 and books.wrong(db) == []
        books.pay(db, wang, -200, reverses_id=paid)
        assert owed(db, wang) == 0
        books.pay(db, wang, 70)
        assert ledger.balance(db, f"wages_payable:e{again}") == 70
        assert books.wrong(db) == []


def test_money_through_the_account_is_posted_by_its_transfer(database, books, wang):
    with database.write() as db:
        books.pay(db, wang, 500, channel="account")
        assert db.execute(sa.select(sa.func.count()).select_from(LedgerTxn)).scalar_one() == 0
        assert books.wrong(db) == []


def test_an_advance_comes_from_the_account_that_is_live(database, books, wang):
    with database.write() as db:
        with pytest.raises(Conflict, match="special_account_missing"):
            books.advance(db, wang, 100, "account")
        db.rollback()
    with database.write() as db:
        old = books.account(db, 1_000)
        given = books.advance(db, wang, 100, "account")
        new = books.account(db, 50)
        books.advance(db, wang, 30, "account")
        ledger.post_advance(db, given, by=BY, now=books.now)
        assert ledger.balances(db, books.project_id, "special_account") == {old: 900, new: 20}
        assert books.wrong(db) == []


def test_what_was_voided_is_undone_once(database, books, wang):
    with database.write() as db:
        special = books.account(db, 1_000)
        given = books.advance(db, wang, 100, "account")
        books.void(db, "advance", given)
        assert ("ledger_advance", f"advance:e{wang.engagement_id}") in books.wrong(db)
        ledger.reverse_advance(db, given, by=BY, now=books.now)
        ledger.reverse_advance(db, given, by="ma", now=books.now + timedelta(days=40))
        books.void(db, "special_account", special)
        ledger.reverse_opening(db, special, by=BY, now=books.now)
        assert ledger.balances(db, books.project_id, "special_account") == {special: 0}
        assert books.wrong(db) == []
        reversed_ids = db.execute(sa.select(LedgerTxn.reverses_id).where(LedgerTxn.kind == "reverse")).scalars().all()
        assert len(reversed_ids) == 2 and None not in reversed_ids


def test_a_document_that_never_posted_is_not_undone(database, books):
    with database.write() as db:
        empty = books.account(db, 0)
        assert ledger.reverse_opening(db, empty, by=BY, now=books.now) == ()


# --- once, and in time -----------------------------------------------------------------------------------------


def test_the_same_document_again_is_the_first_posting(database, books, wang):
    with database.write() as db:
        special = books.account(db)
        (line,) = books.close(db, FEBRUARY, [Earned(wang, 500)])
        (item,) = books.batch(db, special, [(line, 500)])
        before = db.execute(sa.select(LedgerTxn.id, LedgerTxn.created_by)).all()
    with database.write() as db:
        (again,) = ledger.post_sent(db, item, by="ma", now=books.now)
        assert not again.created
        assert (again.txn_id, BY) in [tuple(row) for row in before]
        assert db.execute(sa.select(LedgerTxn.id, LedgerTxn.created_by)).all() == before


def test_the_same_document_with_another_amount_is_refused(database, books, wang):
    with database.write() as db:
        special = books.account(db, 1_000)
        with pytest.raises(Conflict, match="ledger_conflict"):
            ledger.open_account(db, special, 1_001, by=BY, now=books.now)


def test_a_sheet_posted_twice_in_one_go_is_posted_once(database, books, wang, li):
    with database.write() as db:
        sheets.lock_period(db, books.project_id, FEBRUARY, BY, books.now)
        lines = [
            books.posted(FEBRUARY, line)
            for line in sheets.lines(db, books.sheet(db, FEBRUARY, [Earned(wang, 500, 20), Earned(li, 400)]))
        ]
        first = ledger.post_lines(db, lines, by=BY, now=books.now)
        second = ledger.post_lines(db, [*lines, *lines], by=BY, now=books.now)
        assert [p.txn_id for p in second] == [p.txn_id for p in first] * 2
        assert all(p.created for p in first) and not any(p.created for p in second)
        assert ledger.post_line(db, lines[0], by=BY, now=books.now) == second[:2]


def test_lines_are_posted_only_while_their_month_is_locked(database, books, wang):
    line = ledger.PostedLine(
        1, books.project_id, books.cast.a.project_company_id, wang.engagement_id, FEBRUARY, FEBRUARY, 500, 0, 0
    )
    with database.write() as db, pytest.raises(Conflict, match="period_not_locked"):
        ledger.post_line(db, line, by=BY, now=books.now)
    with database.write() as db:
        books.close(db, FEBRUARY, [Earned(wang, 500)])
        with pytest.raises(Conflict, match="period_not_locked"):
            ledger.post_line(db, replace(line, line_id=99), by=BY, now=books.now)


def test_an_event_belongs_to_the_month_on_site(database, books, wang):
    with database.write() as db:
        # Half past midnight of 1 April in Shanghai.
        late = Books(books.cast, books.now.replace(hour=16, minute=30))
        paid = late.pay(db, wang, 5)
        month = db.execute(sa.select(LedgerTxn.post_month).filter_by(source_kind="payment", source_id=paid)).scalar_one()
        assert month == date(2026, 4, 1)


def test_a_clock_that_stands_in_a_closed_month_posts_nothing(database, books, wang):
    with database.write() as db:
        books.close(db, FEBRUARY, [Earned(wang, 500)])
        special = books.account(db)
        early = Books(books.cast, books.now - timedelta(days=40), books.numbers)
        with pytest.raises(Conflict, match="period_closed"):
            early.fund(db, special, 5)


def test_a_whole_batch_is_posted_at_once(database, books, wang, li):
    with database.write() as db:
        special = books.account(db)
        one, two = books.close(db, FEBRUARY, [Earned(wang, 500), Earned(li, 400)])
        items = books.batch(db, special, [(one, 500), (two, 400)])
        again = ledger.post_sent_items(db, items, by=BY, now=books.now)
        assert len(again) == 2 and not any(p.created for p in again)
        results = [books.answer(db, items[0], "success"), books.answer(db, items[1], "failed")]
        told = list(zip(items, results, ("success", "failed"), strict=True))
        assert not any(p.created for p in ledger.post_results(db, told, by=BY, now=books.now))
        assert books.wrong(db) == []


def test_many_lines_are_posted_in_a_few_statements(database, books, wang, li):
    # Five thousand lines must not hold the write lock while each asks for its account.
    with database.write() as db:
        sheets.lock_period(db, books.project_id, FEBRUARY, BY, books.now)
        infos = sheets.lines(db, books.sheet(db, FEBRUARY, [Earned(wang, 500, 20), Earned(li, 400)]))
        lines = [replace(books.posted(FEBRUARY, infos[n % 2]), line_id=1000 + n) for n in range(400)]
        said = []
        engine = database.engine

        def count(_connection, _cursor, statement, *_):
            said.append(statement)

        sa.event.listen(engine, "before_cursor_execute", count)
        try:
            posted = ledger.post_lines(db, lines, by=BY, now=books.now)
        finally:
            sa.event.remove(engine, "before_cursor_execute", count)
        assert len(posted) == 600
        assert len(said) < 40


# --- rows changed behind the walls -------------------------------------------------------------------------------


@pytest.fixture
def full(database, books, wang, li):
    """Two closed months, transfers of every outcome, funding, an advance, cash, a statement; and all holds."""
    with database.write() as db:
        special = books.account(db, 1_000)
        books.fund(db, special, 900_000)
        books.advance(db, wang, 30_000)
        books.close(db, JANUARY, [Earned(wang, 10_000), Earned(li, 20_000)])
        one, two = books.close(db, FEBRUARY, [Earned(wang, 500_000, 20_000, 30_000), Earned(li, 400_000)])
        first, second = books.batch(db, special, [(one, 450_000), (two, 100_000)])
        (third,) = books.batch(db, special, [(two, 200_000)])
        books.answer(db, first, "success")
        books.answer(db, second, "failed")
        books.pay(db, li, 50_000, FEBRUARY)
        ids = books.statement(db, special, [901_000, -450_000, -30, 7])
        books.match(db, ids[0], "funding_receipt", 1)
        books.match(db, ids[2], "fee")
        books.match(db, ids[3], "fee")
        books.match(db, ids[3], "interest")
        ledger.post_bank_own(db, books.project_id, special, lambda on: books.cast.a.project_company_id, by=BY, now=books.now)
        books.sheet(db, MARCH, [Earned(wang, 1_000)])
        assert third.amount_fen == 200_000
        assert books.wrong(db) == []
    return books


def found(database, books) -> set[tuple[str, str]]:
    with database.read() as db:
        return set(books.wrong(db))


E1, E2 = "wages_payable:e1", "wages_payable:e2"

TAMPERED = {
    "a leg grows": (
        "UPDATE ledger_leg SET amount_fen = amount_fen - 1 WHERE amount_fen = -500000",
        {("ledger_legs_sum", ""), ("ledger_wages_payable", E1)},
    ),
    "two legs grow": (
        "UPDATE ledger_leg SET amount_fen = amount_fen * 2 WHERE txn_id = (SELECT txn_id FROM ledger_leg WHERE amount_fen = 500000)",
        {("ledger_wages_payable", E1), ("ledger_labour_cost", "labour_cost:c1")},
    ),
    "a leg moves to another worker": (
        "UPDATE ledger_leg SET account_id = (SELECT id FROM ledger_account WHERE key = 'wages_payable:e2') "
        "WHERE amount_fen = -10000",
        {("ledger_wages_payable", E1), ("ledger_wages_payable", E2)},
    ),
    "a leg is gone": (
        "DELETE FROM ledger_leg WHERE amount_fen = -450000",
        {("ledger_legs_sum", "")},
    ),
    "a transaction is unposted": ("UPDATE ledger_txn SET posted = false WHERE id = 1", {("ledger_txns", "txn:1")}),
    "a transaction moves to a month to come": (
        "UPDATE ledger_txn SET post_month = '2026-05-01' WHERE kind = 'fund' AND source_kind = 'funding_receipt'",
        {("ledger_months", "txn:2")},
    ),
    "a transaction moves out of its project": (
        "UPDATE ledger_txn SET project_id = 2 WHERE kind = 'settle'",
        {("ledger_settled_once", "item:1")},
    ),
    "an account changes its owner": (
        "UPDATE ledger_account SET engagement_id = 2 WHERE key = 'wages_payable:e1'",
        {("ledger_accounts", E1), ("ledger_wages_payable", E1), ("ledger_wages_payable", E2)},
    ),
    "an account changes its name": (
        "UPDATE ledger_account SET key = 'wages_payable:e9' WHERE key = 'wages_payable:e1'",
        {("ledger_accounts", "wages_payable:e9")},
    ),
    "a line grows": (
        "UPDATE payroll_line SET gross_fen = gross_fen + 100, net_fen = net_fen + 100 WHERE id = 4",
        {("line_adds_up", "line:4"), ("line_hash", "line:4"), ("ledger_wages_payable", E2), ("ledger_labour_cost", "labour_cost:c1")},
    ),
    "a line withholds more": (
        "UPDATE payroll_line SET deductions_fen = deductions_fen + 100, net_fen = net_fen - 100 WHERE id = 3",
        {("line_adds_up", "line:3"), ("line_hash", "line:3"), ("ledger_deduction_payable", "deduction_payable:c1")},
    ),
    "the days of a line change": ("UPDATE payroll_line SET day_milli = 2000 WHERE id = 1", {("line_hash", "line:1")}),
    "a line of a draft changes": ("UPDATE payroll_line SET minutes = 1 WHERE id = 5", {("line_hash", "line:5")}),
    "a line is gone": (
        "DELETE FROM payroll_line WHERE id = 1",
        {("sheet_digest", "sheet:1"), ("month_digest", "month:2026-01"), ("ledger_wages_payable", E1)},
    ),
    "a line is signed anew": (
        "UPDATE payroll_line SET line_hash = '0' WHERE id = 1",
        {("line_hash", "line:1"), ("sheet_digest", "sheet:1"), ("month_digest", "month:2026-01")},
    ),
    "the items of a line are no items": (
        "UPDATE payroll_line SET items = '[{\"kind\": \"gift\"}]' WHERE id = 1",
        {("line_adds_up", "line:1"), ("line_hash", "line:1")},
    ),
    "a closed month is opened": (
        "UPDATE pay_period SET state = 'locked' WHERE month = '2026-02-01'",
        {("ledger_wages_payable", E1), ("ledger_wages_payable", E2), ("ledger_months", "txn:6")},
    ),
    "a closed month is closed anew": (
        "UPDATE pay_period SET digest = '0' WHERE month = '2026-02-01'",
        {("month_digest", "month:2026-02")},
    ),
    "a transfer grows": (
        "UPDATE payment_item SET amount_fen = amount_fen + 1 WHERE id = 1",
        {("ledger_settled_once", "item:1"), ("ledger_wages_payable", E1), ("ledger_special_account", "special_account:s1")},
    ),
    "a transfer on its way shrinks": (
        "UPDATE payment_item SET amount_fen = amount_fen - 1 WHERE id = 3",
        {("ledger_transit", "transit:s1"), ("ledger_wages_payable", E2)},
    ),
    "a transfer pays another line": (
        "UPDATE payment_item SET line_id = 4, engagement_id = 2 WHERE id = 1",
        {("ledger_wages_payable", E1), ("ledger_wages_payable", E2)},
    ),
    "a transfer that was not sent": (
        "DELETE FROM batch_act WHERE batch_id = 2",
        {("ledger_transit", "transit:s1"), ("ledger_wages_payable", E2)},
    ),
    "a success that failed": (
        "UPDATE item_result SET status = 'failed' WHERE id = 1",
        {("ledger_settled_once", "item:1"), ("ledger_wages_payable", E1), ("ledger_special_account", "special_account:s1")},
    ),
    "a failure that succeeded": (
        "UPDATE item_result SET status = 'success' WHERE id = 2",
        {("ledger_settled_once", "item:2"), ("ledger_wages_payable", E2), ("ledger_special_account", "special_account:s1")},
    ),
    "a result that was never posted": (
        "INSERT INTO item_result (item_id, status, happened_on, file_sha256, recorded_by, recorded_at) "
        "VALUES (3, 'success', '2026-03-01', 'f', 'wu', '2026-03-31 12:00:00')",
        {("ledger_settled_once", "item:3"), ("ledger_transit", "transit:s1")},
    ),
    "a result that is gone": (
        "DELETE FROM item_result WHERE id = 1",
        {("ledger_settled_once", "txn:13"), ("ledger_transit", "transit:s1")},
    ),
    "a result dated after the statement": (
        "UPDATE item_result SET happened_on = '2026-03-09' WHERE id = 1",
        {("ledger_statement", "special_account:s1")},
    ),
    "funding that never arrived": (
        "UPDATE funding_receipt SET amount_fen = amount_fen + 1",
        {("ledger_special_account", "special_account:s1"), ("ledger_funding", "funding:p1")},
    ),
    "a statement that says more": (
        "UPDATE statement_line SET balance_after_fen = balance_after_fen + 1 WHERE seq = 4",
        {("ledger_statement", "special_account:s1")},
    ),
    "a fee nobody explained": (
        "UPDATE statement_match SET kind = 'unknown' WHERE kind = 'fee'",
        {("ledger_bank_fee", "bank_fee:c1"), ("ledger_special_account", "special_account:s1")},
    ),
    "an advance that grew": (
        "UPDATE advance SET amount_fen = amount_fen + 1",
        {("ledger_advance", "advance:e1"), ("ledger_off_account", "off_account:p1")},
    ),
    "cash that grew": (
        "UPDATE payment SET amount_fen = amount_fen + 1",
        {("ledger_wages_payable", E2), ("ledger_off_account", "off_account:p1")},
    ),
    "cash that went to somebody else": (
        "UPDATE payment SET worker_id = 1",
        {("ledger_wages_payable", E1), ("ledger_wages_payable", E2)},
    ),
    "cash that was never posted": (
        "INSERT INTO payment (project_id, worker_id, amount_fen, paid_on, for_month, channel, idempotency_key, recorded_by, "
        "recorded_at) VALUES (1, 1, 5, '2026-03-01', '2026-02-01', 'cash', 'key', 'wu', '2026-03-31 12:00:00')",
        {("ledger_wages_payable", E1), ("ledger_off_account", "off_account:p1")},
    ),
}  # fmt: skip


def test_a_row_changed_behind_the_walls_is_found_and_named(full, database, behind_the_walls):
    """Each change is made on its own, found by name, and taken back."""
    changed = {what: re.match(r"(?:UPDATE|DELETE FROM|INSERT INTO) (\w+)", TAMPERED[what][0])[1] for what in TAMPERED}
    quiet = []
    try:
        for table in set(changed.values()):
            behind_the_walls(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
        for what, (statement, named) in TAMPERED.items():
            behind_the_walls(statement)
            wrong = found(database, full)
            if not named <= wrong:
                quiet.append((what, sorted(named - wrong), sorted(wrong)))
            behind_the_walls(f"DELETE FROM {changed[what]}")
            behind_the_walls(f"INSERT INTO {changed[what]} SELECT * FROM kept_{changed[what]}")
        assert found(database, full) == set(), "something was not taken back"
    finally:
        for table in set(changed.values()):
            behind_the_walls(f"DROP TABLE IF EXISTS kept_{table}")
    assert quiet == []


def test_what_is_wrong_says_how_much(full, database, behind_the_walls):
    behind_the_walls("UPDATE ledger_leg SET amount_fen = amount_fen - 7 WHERE amount_fen = -400000")
    with database.read() as db:
        by_code = {a.code: a for a in ledger.assertions(db, full.project_id, full.now) if not a.holds}
    assert (by_code["ledger_legs_sum"].expected_fen, by_code["ledger_legs_sum"].found_fen) == (0, -7)
    assert by_code["ledger_txns"].found_fen == -7
    # 420,000 earned less 200,000 on its way and 50,000 in cash.
    payable = by_code["ledger_wages_payable"]
    assert (payable.expected_fen, payable.found_fen, payable.subject) == (170_000, 170_007, E2)


def test_an_export_leaves_the_hashes_to_the_night(full, database, behind_the_walls):
    behind_the_walls("UPDATE payroll_line SET day_milli = 2000 WHERE id = 1")
    with database.read() as db:
        told = ledger.assertions(db, full.project_id, full.now, signed=False)
    assert all(a.holds for a in told)
    assert [a.code for a in told][-1] == "ledger_statement"


def test_another_projects_books_are_not_blamed(full, database, behind_the_walls):
    behind_the_walls("UPDATE ledger_leg SET amount_fen = amount_fen - 7 WHERE amount_fen = -400000")
    with database.read() as db:
        assert all(a.holds for a in ledger.assertions(db, full.cast.b.id, full.now))


def test_every_assertion_is_told_also_when_nothing_happened(database, books):
    with database.read() as db:
        told = ledger.assertions(db, books.project_id, books.now)
    assert all(a.holds and not a.subject for a in told)
    assert [a.code for a in told] == [
        "ledger_legs_sum", "ledger_txns", "ledger_accounts", "ledger_months",
        *(f"ledger_{kind}" for kind in AccountKind),
        "ledger_settled_once", "ledger_statement", "line_adds_up", "line_hash", "sheet_digest", "month_digest",
    ]  # fmt: skip


def test_every_assertion_has_its_sentence():
    codes = {"ledger_legs_sum", "ledger_txns", "ledger_accounts", "ledger_months", "ledger_settled_once", "ledger_statement"}
    codes |= {"line_adds_up", "line_hash", "sheet_digest", "month_digest"} | {f"ledger_{kind}" for kind in AccountKind}
    assert codes <= SENTENCES.keys()


# --- any order of events ---------------------------------------------------------------------------------------

FEN = st.integers(min_value=1, max_value=1_000)
MONTHS = [date(2025, 9, 1), date(2025, 10, 1), date(2025, 11, 1), date(2025, 12, 1), JANUARY, FEBRUARY]


def test_any_sequence_of_events_keeps_the_books(database, books, wang, li):
    """Whatever happens in whatever order, everything that must hold does; and wages owed are what they should be."""

    class Events(RuleBasedStateMachine):
        @initialize(opening=st.integers(min_value=0, max_value=500))
        def begin(self, opening):
            # One transaction an example, never committed: the next one begins with empty books.
            self.session = database.write()
            self.db = self.session.__enter__()
            self.books = Books(books.cast, books.now)
            self.special = self.books.account(self.db, opening)
            self.months = list(MONTHS)
            self.unsent: list[tuple[int, int]] = []
            self.sent: list = []
            self.arrived: list = []
            self.cash: list = []
            self.advances: list[int] = []
            self.owed = 0

        @rule(gross=st.tuples(FEN, FEN), withheld=FEN, back=st.integers(min_value=-50, max_value=50))
        @precondition(lambda self: self.months)
        def close(self, gross, withheld, back):
            month = self.months.pop(0)
            lines = [Earned(wang, gross[0] + withheld, withheld), Earned(li, gross[1])]
            if back and month != MONTHS[0]:
                lines.append(Earned(li, back, origin=MONTHS[0]))
            ids = self.books.close(self.db, month, lines)
            nets = [gross[0], gross[1], back]
            self.unsent += [(line, fen) for line, fen in zip(ids, nets, strict=False) if fen > 0]
            self.owed += sum(nets[: len(lines)])

        @rule(behalf=st.booleans())
        @precondition(lambda self: self.unsent)
        def send(self, behalf):
            company = books.cast.a.project_company_id if behalf else None
            self.sent += self.books.batch(self.db, self.special, self.unsent, on_behalf_of=company)
            self.owed -= sum(fen for _, fen in self.unsent)
            self.unsent = []

        @rule(status=st.sampled_from(["success", "failed"]), data=st.data())
        @precondition(lambda self: self.sent)
        def answer(self, status, data):
            item = self.sent.pop(data.draw(st.integers(min_value=0, max_value=len(self.sent) - 1)))
            self.books.answer(self.db, item, status)
            if status == "success":
                self.arrived.append(item)
            else:
                self.again(item)

        @rule()
        @precondition(lambda self: self.arrived)
        def come_back(self):
            item = self.arrived.pop()
            self.books.answer(self.db, item, "returned")
            self.again(item)

        def again(self, item):
            line = self.db.execute(sa.text("SELECT line_id FROM payment_item WHERE id = :id"), {"id": item.item_id})
            self.unsent.append((line.scalar_one(), item.amount_fen))
            self.owed += item.amount_fen

        @rule(fen=FEN)
        def fund(self, fen):
            self.books.fund(self.db, self.special, fen)

        @rule(fen=FEN, channel=st.sampled_from(["account", "cash"]))
        def give(self, fen, channel):
            self.advances.append(self.books.advance(self.db, wang, fen, channel))

        @rule()
        @precondition(lambda self: self.advances)
        def void(self):
            advance = self.advances.pop()
            self.books.void(self.db, "advance", advance)
            ledger.reverse_advance(self.db, advance, by=BY, now=self.books.now)

        @rule(fen=FEN, month=st.sampled_from([*MONTHS, MARCH]))
        def pay(self, fen, month):
            self.cash.append((self.books.pay(self.db, li, fen, month), fen, month))
            self.owed -= fen

        @rule()
        @precondition(lambda self: self.cash)
        def pay_back(self):
            payment, fen, month = self.cash.pop()
            self.books.pay(self.db, li, -fen, month, reverses_id=payment)
            self.owed += fen

        @rule()
        @precondition(lambda self: self.sent)
        def send_again(self):
            (posted,) = ledger.post_sent(self.db, self.sent[0], by=BY, now=self.books.now)
            assert not posted.created

        @invariant()
        def wages_owed_are_what_they_should_be(self):
            payable = ledger.balances(self.db, books.project_id, "wages_payable")
            assert -sum(payable.values()) == self.owed

        def teardown(self):
            # What went wrong on the way is still wrong at the end: nothing is ever taken out of the books.
            try:
                assert self.books.wrong(self.db) == []
            finally:
                self.db.rollback()
                self.session.__exit__(None, None, None)

    run_state_machine_as_test(
        Events,
        settings=settings(
            max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), database=None
        ),
    )


def test_legs_are_kept_as_they_were_given(database, books, wang):
    with database.write() as db:
        books.close(db, FEBRUARY, [Earned(wang, 500)])
        (line,) = db.execute(sa.select(LedgerTxn.source_id)).scalars()
        posting = store.posting(db, "payroll_line", line, store.TxnKind.ACCRUE)
        legs = db.execute(sa.select(LedgerLeg.amount_fen).order_by(LedgerLeg.leg_no)).scalars().all()
    assert [leg.amount_fen for leg in posting.legs] == legs == [500, -500]
    assert json.dumps([leg.account.key for leg in posting.legs]) == '["labour_cost:c1", "wages_payable:e1"]'
