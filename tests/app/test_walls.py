"""What the database refuses whoever asks, tried with bare SQL: sheets, months, the ledger, rules, the bank.

The walls around passages, engagements and terms as the first Muster built them have their tests in ``test_db`` and
``test_store_people``.
"""

import sqlite3
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

from app.tables import APPEND_ONLY, Base
from tests.books import FEBRUARY, JANUARY, MARCH, Books, Earned

APRIL = date(2026, 4, 1)
AT = "'2026-03-31 12:00:00'"


@pytest.fixture
def books(people_on_site, now) -> Books:
    return Books(people_on_site, now)


@pytest.fixture
def run(database):
    """Run statements in one transaction."""

    def run(*statements: str, **values) -> None:
        with database.write() as db:
            for statement in statements:
                db.execute(sa.text(statement), {k: v for k, v in values.items() if f":{k}" in statement})

    return run


@pytest.fixture
def refused(run):
    """The last of the statements is refused, in these words."""

    def refused(said: str, *statements: str, **values) -> None:
        with pytest.raises(IntegrityError, match=said):
            run(*statements, **values)

    return refused


# --- facts are never changed -----------------------------------------------------------------------------------


@pytest.fixture
def full(database, books) -> Books:
    """A house in which nearly everything has happened once."""
    with database.write() as db:
        special = books.account(db, 500)
        books.fund(db, special, 100_000)
        books.advance(db, books.cast.wang, 300)
        lines = books.close(
            db, FEBRUARY, [Earned(books.cast.wang, 5_000, 200, 300), Earned(books.cast.li, 4_000)]
        )
        items = books.batch(db, special, [(lines[0], 4_500), (lines[1], 4_000)])
        books.answer(db, items[0], "success")
        books.match(db, books.statement(db, special, [100_500, -4_500])[1], "item_result", 1)
    return books


def test_no_fact_is_changed_or_deleted(full, database, refused):
    tried = set()
    for table in Base.metadata.sorted_tables:
        if table.name not in APPEND_ONLY:
            continue
        with database.read() as db:
            if db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0:
                continue
        column = list(table.columns)[-1].name
        refused(f"{table.name} is append-only", f"UPDATE {table.name} SET {column} = {column}")
        refused(f"{table.name} is append-only", f"DELETE FROM {table.name}")
        tried.add(table.name)
    assert tried >= {
        "payroll_sheet", "payroll_line", "ledger_account", "ledger_leg", "special_account", "bank_card", "file_template",
        "funding_receipt", "payment_batch", "batch_act", "payment_item", "item_result", "statement_line",
        "statement_match", "advance",
    }  # fmt: skip


def test_no_fact_is_truncated(full, database, database_kind):
    if database_kind == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    for table in (*APPEND_ONLY, "pay_period", "ledger_txn", "attendance_policy"):
        with pytest.raises(IntegrityError, match="append-only"), database.write() as db:
            db.execute(sa.text(f"TRUNCATE {table} CASCADE"))


def test_no_fact_is_replaced(full, database_kind, refused):
    if database_kind == "postgresql":
        pytest.skip("PostgreSQL has no INSERT OR REPLACE")
    refused("payroll_line is append-only", "INSERT OR REPLACE INTO payroll_line SELECT * FROM payroll_line")


# --- months ----------------------------------------------------------------------------------------------------

OPEN = "INSERT INTO pay_period (project_id, month, state) VALUES (1, :month, 'open')"
LOCK = f"UPDATE pay_period SET state = 'locked', locked_by = 'wu', locked_at = {AT} WHERE month = :month"
CLOSE = f"UPDATE pay_period SET state = 'closed', closed_by = 'chen', closed_at = {AT}, digest = 'd' WHERE month = :month"


def test_a_month_goes_open_locked_closed(books, run):
    run(OPEN, LOCK, CLOSE, month=MARCH)


def test_a_month_never_goes_back(books, refused):
    for statements in (
        (OPEN, CLOSE),
        (OPEN, LOCK, "UPDATE pay_period SET state = 'open', locked_by = NULL, locked_at = NULL"),
        (OPEN, LOCK, "UPDATE pay_period SET locked_by = 'ma'"),
        (OPEN, LOCK, CLOSE, "UPDATE pay_period SET state = 'locked', closed_by = NULL, closed_at = NULL, digest = NULL"),
        (OPEN, LOCK, CLOSE, "UPDATE pay_period SET digest = 'e'"),
        (OPEN, LOCK, CLOSE, f"UPDATE pay_period SET closed_at = '{datetime(2026, 4, 1, tzinfo=UTC):%Y-%m-%d %H:%M:%S}'"),
        (OPEN, LOCK, "UPDATE pay_period SET month = '2026-02-01'"),
        (OPEN, LOCK, "UPDATE pay_period SET project_id = 2"),
    ):  # fmt: skip
        refused("forward only", *statements, month=MARCH)


def test_a_month_says_who_locked_and_closed_it(books, refused):
    for statements in (
        ("INSERT INTO pay_period (project_id, month, state) VALUES (1, :month, 'locked')",),
        ("INSERT INTO pay_period (project_id, month, state, digest) VALUES (1, :month, 'open', 'd')",),
        ("INSERT INTO pay_period (project_id, month, state) VALUES (1, :month, 'done')",),
        (OPEN, "UPDATE pay_period SET state = 'locked'"),
        (OPEN, "UPDATE pay_period SET locked_by = 'wu'"),
        (OPEN, LOCK, "UPDATE pay_period SET state = 'closed', closed_by = 'chen'"),
    ):
        refused("who locked and closed", *statements, month=MARCH)


def test_a_month_begins_open(books, refused):
    closed = "INSERT INTO pay_period VALUES (1, :month, 'closed', 'wu', '2026-03-31', 'chen', '2026-03-31', 'd')"
    refused("begins open", closed, month=MARCH)
    refused("begins open", OPEN, month=date(2026, 3, 2))


def test_a_month_is_never_deleted(books, run, refused):
    run(OPEN, month=MARCH)
    refused("never deleted", "DELETE FROM pay_period")


def test_months_close_in_order(books, run, refused):
    run(OPEN, LOCK, month=FEBRUARY)
    run(OPEN, LOCK, month=MARCH)
    refused("in order", CLOSE, month=MARCH)
    run(CLOSE, month=FEBRUARY)
    run(CLOSE, month=MARCH)


def test_another_projects_open_month_holds_up_nobody(books, run):
    run(OPEN.replace("(1,", "(2,"), month=FEBRUARY)
    run(OPEN, LOCK, CLOSE, month=MARCH)


# --- the ledger ------------------------------------------------------------------------------------------------

ACCOUNTS = (
    "INSERT INTO ledger_account (id, key, kind, project_id) VALUES "
    "(1, 'funding:p1', 'funding', 1), (2, 'off_account:p1', 'off_account', 1), (3, 'funding:p2', 'funding', 2)"
)


def txn(txn_id: int = 1, *, kind: str = "fund", post: date = MARCH, origin: date = MARCH, posted: str = "false", source: int = 0) -> str:
    return (
        "INSERT INTO ledger_txn (id, project_id, post_month, origin_month, kind, source_kind, source_id, posted, created_by, "
        f"created_at) VALUES ({txn_id}, 1, '{post}', '{origin}', '{kind}', 'funding_receipt', {source or txn_id}, {posted}, 'wu', {AT})"
    )


def legs(*fen: object, txn_id: int = 1) -> str:
    rows = ", ".join(f"({txn_id}, {n}, {1 + n % 2}, {amount})" for n, amount in enumerate(fen))
    return f"INSERT INTO ledger_leg (txn_id, leg_no, account_id, amount_fen) VALUES {rows}"


def flip(txn_id: int = 1) -> str:
    return f"UPDATE ledger_txn SET posted = true WHERE id = {txn_id}"


@pytest.fixture
def accounts(books, run) -> None:
    run(ACCOUNTS)


def test_a_transaction_is_posted_when_its_legs_sum_to_zero(accounts, run):
    run(txn(), legs(5, -3, -2), flip())


def test_legs_that_do_not_sum_to_zero_are_not_posted(accounts, refused):
    refused("sum to zero", txn(), legs(5, -4), flip())
    refused("sum to zero", txn(), legs(5), flip())
    refused("sum to zero", txn(), flip())


def test_a_transaction_cannot_be_born_posted(accounts, refused):
    refused("when it has its legs", txn(posted="true"))


def test_a_posted_transaction_gets_no_more_legs(accounts, run, refused):
    run(txn(), legs(5, -5), flip())
    refused("no more legs", "INSERT INTO ledger_leg VALUES (1, 7, 1, 5), (1, 8, 2, -5)")


def test_a_posted_transaction_never_changes(accounts, run, refused):
    run(txn(), legs(5, -5), flip())
    for change in ("posted = false", "kind = 'settle'", "source_id = 9", "post_month = '2026-04-01'", "created_by = 'ma'"):
        refused("never changed", f"UPDATE ledger_txn SET {change}")


def test_nothing_changes_while_it_is_posted(accounts, refused):
    refused("never changed", txn(), legs(5, -5), "UPDATE ledger_txn SET posted = true, source_id = 9")
    refused("never changed", txn(), legs(5, -5), "UPDATE ledger_txn SET source_id = 9")


def test_a_transaction_is_never_deleted(accounts, run, refused):
    run(txn(), legs(5, -5), flip())
    refused("never deleted", "DELETE FROM ledger_txn")


def test_a_transaction_left_unposted_is_not_committed(accounts, run, refused, database, books, database_kind):
    if database_kind == "postgresql":
        refused("left unposted", txn(), legs(5, -5))
        return
    # SQLite has no triggers that wait for the commit: the nightly check finds it.
    run(txn(), legs(5, -5))
    with database.read() as db:
        assert ("ledger_txns", "txn:1") in books.wrong(db)


def test_the_same_document_is_not_posted_twice(accounts, run):
    run(txn(), legs(5, -5), flip())
    with pytest.raises(IntegrityError):
        run(txn(2, source=1))


def test_a_leg_of_nothing_is_no_leg(accounts, run):
    with pytest.raises(IntegrityError):
        run(txn(), legs(5, 0, -5))


def test_money_is_a_whole_number_of_fen(accounts, run, refused, database_kind):
    if database_kind == "postgresql":
        # It rounds a fraction before anybody sees it, and takes no word for a number.
        with pytest.raises(DataError):
            run(txn(), legs("'a'", -1))
        return
    refused("whole number of fen", txn(), legs(0.5, -0.5))
    refused("whole number of fen", txn(), legs("'a'", -1))
    line = "INSERT INTO payroll_line SELECT 99, id, 1, 1, '2026-03-01', 0, 0, 0, 0.5, 0, 0, 0.5, '[]', NULL, 'h' FROM payroll_sheet"
    run(
        "INSERT INTO payroll_sheet VALUES (1, 1, 1, 1, '2026-03-01', 'regular', 1, 'd', 'wu', '2026-03-31')",
        line.replace("0.5", "5"),
    )
    refused("whole number of fen", line.replace("99", "98"))


def test_a_leg_stays_within_its_project(accounts, refused):
    refused("within its project", txn(), "INSERT INTO ledger_leg VALUES (1, 1, 3, 5)")


def test_months_of_the_ledger_are_first_days_in_order(accounts, run, refused):
    refused("first day", txn(post=date(2026, 3, 2)))
    refused("first day", txn(origin=date(2026, 2, 2)))
    with pytest.raises(IntegrityError):
        run(txn(origin=APRIL))


def test_nothing_is_posted_to_a_closed_month(accounts, run, refused):
    run(OPEN, LOCK, CLOSE, month=FEBRUARY)
    refused("closed month", txn(post=FEBRUARY, origin=FEBRUARY), legs(5, -5), flip())
    run(txn(2, origin=FEBRUARY), legs(5, -5, txn_id=2), flip(2))


def test_a_sheet_is_posted_while_its_month_is_locked(accounts, run, refused):
    kinds = ("accrue", "adjust", "withhold", "recover")
    for kind in kinds:
        sheet = (txn(kind=kind), legs(5, -5), flip())
        refused("while its month is locked", *sheet)
        refused("while its month is locked", OPEN, *sheet, month=MARCH)
        refused("while its month is locked", OPEN, LOCK, CLOSE, *sheet, month=MARCH)
    run(OPEN, LOCK, month=MARCH)
    for number, kind in enumerate(kinds, start=1):
        run(txn(number, kind=kind), legs(5, -5, txn_id=number), flip(number))


def test_money_moves_while_a_month_is_locked(accounts, run):
    run(OPEN, LOCK, month=MARCH)
    run(txn(kind="submit"), legs(5, -5), flip())


def test_a_month_cannot_close_under_a_transaction_that_posts_to_it(accounts, run, database, database_kind):
    if database_kind == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    run(OPEN, LOCK, month=MARCH)
    with database.write() as first:
        for statement in (txn(), legs(5, -5), flip()):
            first.execute(sa.text(statement))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"), database.engine.begin() as second:
            second.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            second.execute(sa.text(CLOSE), {"month": MARCH})


# --- attendance rules ------------------------------------------------------------------------------------------


def policy(version: int, *, since: date = MARCH, to: str = "NULL", company: str = "NULL", team: str = "NULL", project: int = 1) -> str:
    return (
        "INSERT INTO attendance_policy (project_id, project_company_id, team_id, version, valid_from, valid_to, rules, recorded_by, "
        f"recorded_at) VALUES ({project}, {company}, {team}, {version}, '{since}', {to}, '{{}}', 'wu', {AT})"
    )


VOID = f"UPDATE attendance_policy SET voided_by = 'wu', voided_at = {AT} WHERE version = 1"


def test_rules_of_one_scope_never_overlap(books, run, refused):
    for scope in ({}, {"company": "1"}, {"team": "1"}, {"team": "1", "company": "1"}):
        refused("rules overlap", policy(1, **scope), policy(2, since=APRIL, **scope))
        refused("rules overlap", policy(1, since=APRIL, **scope), policy(2, **scope))
    run(policy(1), "UPDATE attendance_policy SET valid_to = '2026-04-01'", policy(2, since=APRIL))


def test_a_team_has_one_rule_whether_its_company_is_named_or_not(books, run, refused):
    run(policy(1, team="1"))
    refused("rules overlap", policy(2, team="1", company="1"))


def test_rules_of_different_scopes_hold_side_by_side(books, run):
    run(policy(1), policy(2, company="1"), policy(3, team="1"), policy(1, project=2))


def test_a_voided_rule_is_in_nobodys_way(books, run):
    run(policy(1), VOID, policy(2))


def test_rules_are_never_edited(books, run, refused):
    run(policy(1))
    for change in (
        "rules = '{\"session_max\": 1}'", "valid_from = '2026-02-01'", "version = 9", "team_id = 1", "project_company_id = 1",
        "recorded_by = 'ma'", "voided_by = 'wu'", f"voided_at = {AT}",
    ):  # fmt: skip
        refused("never edited", f"UPDATE attendance_policy SET {change}")


def test_rules_are_voided_by_somebody_at_some_time(books, run, refused):
    refused("by somebody at some time", policy(1).replace("rules,", "rules, voided_by,").replace("'{}'", "'{}', 'wu'"))
    refused("by somebody at some time", policy(1).replace("rules,", "rules, voided_at,").replace("'{}'", f"'{{}}', {AT}"))


def test_rules_end_once_and_are_voided_once(books, run, refused):
    run(policy(1), "UPDATE attendance_policy SET valid_to = '2026-05-01'")
    refused("never edited", "UPDATE attendance_policy SET valid_to = '2026-06-01'")
    refused("never edited", "UPDATE attendance_policy SET valid_to = NULL")
    run(VOID)
    refused("never edited", "UPDATE attendance_policy SET voided_by = NULL, voided_at = NULL")
    refused("never deleted", "DELETE FROM attendance_policy")


def test_two_desks_cannot_write_overlapping_rules_at_once(books, database, database_kind):
    if database_kind == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with database.write() as first:
        first.execute(sa.text(policy(1)))
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"), database.engine.begin() as second:
            second.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            second.execute(sa.text(policy(2)))


# --- terms -----------------------------------------------------------------------------------------------------


def test_what_was_agreed_is_never_edited(books, refused):
    for change in (
        "unit = 'm2'", "minutes_per_day = 600", "overtime_rule = 'law'", "overtime_unit_minutes = 360",
        "relation = 'labour_contract'", "hours_system = 'irregular'", "month_method = 'deduct'", "hour_floor_fen = 1",
        "paper_id = 1", "rate_fen = 1",
    ):  # fmt: skip
        refused("terms are voided, never edited", f"UPDATE wage_term SET {change}")


def test_terms_still_end_and_never_overlap(books, run, refused):
    again = (
        "INSERT INTO wage_term (engagement_id, kind, rate_fen, valid_from, recorded_at, recorded_by) "
        f"VALUES (1, 'day', 1, '2026-04-01', {AT}, 'wu')"
    )
    refused("terms overlap", again)
    run("UPDATE wage_term SET valid_to = '2026-04-01' WHERE engagement_id = 1", again)
    refused("never deleted", "DELETE FROM wage_term")


def test_allowances_may_overlap(books, run):
    meal = (
        "INSERT INTO allowance (engagement_id, kind, per, amount_fen, valid_from, note, recorded_by, recorded_at) "
        f"VALUES (1, 'meal', 'day', 1500, '2026-03-01', '', 'wu', {AT})"
    )
    run(meal, meal.replace("meal", "night"), meal)


# --- the bank --------------------------------------------------------------------------------------------------


@pytest.fixture
def special(database, books) -> int:
    with database.write() as db:
        return books.account(db)


def test_a_statement_continues_its_balance(database, books, special):
    with database.write() as db:
        books.statement(db, special, [500, -200], after=1_000)
    with database.write() as db:
        books.statement(db, special, [7], after=1_300, seq=3)


def test_a_statement_with_a_gap_is_refused(database, books, special):
    with pytest.raises(IntegrityError, match="continues the balance"), database.write() as db:
        books.statement(db, special, [7], seq=2)
    with database.write() as db:
        books.statement(db, special, [500, -200], after=1_000)
    for seq, after in ((3, 1_299), (4, 1_300), (0, 1_300), (-1, 1_300)):
        with pytest.raises(IntegrityError, match="continues the balance"), database.write() as db:
            books.statement(db, special, [7], after=after, seq=seq)


@pytest.fixture
def line(database, books) -> int:
    with database.write() as db:
        return books.close(db, FEBRUARY, [Earned(books.cast.wang, 5_000, 500)])[0]


def test_a_line_is_sent_in_parts_up_to_its_net(database, books, special, line):
    with database.write() as db:
        books.batch(db, special, [(line, 4_000)])
        books.batch(db, special, [(line, 500)])


def test_a_line_is_never_sent_for_more_than_its_net(database, books, special, line):
    with database.write() as db:
        books.batch(db, special, [(line, 4_000)])
    with pytest.raises(IntegrityError, match="more than its net"), database.write() as db:
        books.batch(db, special, [(line, 501)])
    with pytest.raises(IntegrityError, match="more than its net"), database.write() as db:
        books.batch(db, special, [(line, 250), (line, 251)])


@pytest.mark.parametrize("came_back", [("failed",), ("success", "returned")])
def test_a_line_that_came_back_is_sent_again(database, books, special, line, came_back):
    with database.write() as db:
        (item,) = books.batch(db, special, [(line, 4_500)])
        for status in came_back:
            books.answer(db, item, status)
        books.batch(db, special, [(line, 4_500)])


def test_a_line_of_a_withdrawn_batch_is_sent_again(database, books, special, line):
    with database.write() as db:
        books.batch(db, special, [(line, 4_500)], send=False)
        db.execute(sa.text(f"INSERT INTO batch_act (batch_id, act, by, at) VALUES (1, 'withdrawn', 'wu', {AT})"))
        books.batch(db, special, [(line, 4_500)])


def test_two_desks_cannot_send_one_line_at_once(database, books, special, line, database_kind):
    if database_kind == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    with database.write() as db:
        books.batch(db, special, [(line, 1)], send=False)
    again = "INSERT INTO payment_item (batch_id, seq, line_id, engagement_id, amount_fen, card_id) VALUES (1, :seq, 1, 1, 2500, 1)"
    with database.write() as first:
        first.execute(sa.text(again), {"seq": 2})
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"), database.engine.begin() as second:
            second.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            second.execute(sa.text(again), {"seq": 3})


def test_an_item_pays_whose_line_it_is(database, books, special, line, refused):
    with database.write() as db:
        books.batch(db, special, [(line, 1)])
    refused(
        "engagement of its line",
        "INSERT INTO payment_item (batch_id, seq, line_id, engagement_id, amount_fen, card_id) VALUES (1, 2, 1, 2, 1, 1)",
    )


def test_results_come_in_an_order_that_can_be(database, books, special, line, refused):
    with database.write() as db:
        books.batch(db, special, [(line, 4_500)])
    result = (
        "INSERT INTO item_result (item_id, status, happened_on, file_sha256, recorded_by, recorded_at) "
        f"VALUES (1, '{{}}', '2026-03-31', 'f', 'wu', {AT})"
    )
    for said in (("returned",), ("success", "failed"), ("failed", "success"), ("failed", "returned"), ("lost",)):
        refused("succeeds or fails", *(result.format(status) for status in said))


def test_a_row_left_out_for_its_key_is_not_judged(database, books, special, line):
    # The same statement imported twice, the same item tried twice: ON CONFLICT DO NOTHING does nothing.
    with database.write() as db:
        books.statement(db, special, [500, -200])
        books.batch(db, special, [(line, 4_500)])
    with database.write() as db:
        for table in ("statement_line", "payment_item"):
            columns = ", ".join(c.name for c in Base.metadata.tables[table].columns)
            db.execute(sa.text(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE true ON CONFLICT DO NOTHING"))


def test_the_walls_do_not_depend_on_our_connection(database, books, database_kind, special):
    # Somebody with a shell and no settings of ours meets them, too.
    if database_kind == "postgresql":
        pytest.skip("triggers of PostgreSQL are the server's")
    with sqlite3.connect(database.engine.url.database) as bare:
        bare.execute(f"INSERT INTO pay_period (project_id, month, state) VALUES (1, '{JANUARY}', 'open')")
        with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
            bare.execute("DELETE FROM pay_period")
