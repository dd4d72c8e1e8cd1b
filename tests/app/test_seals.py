"""Facts are sealed: whoever changes one past the walls is found out, table by table and column by column."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import jobs, seals
from app.store import seals as store
from app.tables import Base, Instant
from app.vault import Vault
from tests.books import FEBRUARY, JANUARY, Books, Earned
from tests.payday import desk  # noqa: F401

LATER = timedelta(minutes=5)


@pytest.fixture
def house(payday, now) -> Books:
    """A house in which nearly everything has happened once: a month signed and closed, paid, returned, and its papers."""
    books = Books(payday.cast, now)
    payday.works(payday.cast.wang, 3, 4)
    with payday.database.write() as db:
        special = books.account(db, 500)
        books.fund(db, special, 100_000)
        books.advance(db, books.cast.wang, 300)
        lines = books.close(db, JANUARY, [Earned(books.cast.wang, 5_000, 200, 300), Earned(books.cast.li, 4_000)])
        first, second = books.batch(db, special, [(lines[0], 4_500), (lines[1], 4_000)])
        books.answer(db, first, "success")
        books.answer(db, second, "failed")
        books.match(db, books.statement(db, special, [100_500, -4_500])[1], "item_result", 1)
        paid = books.pay(db, books.cast.li, 700, JANUARY)
        books.pay(db, books.cast.li, -700, JANUARY, reverses_id=paid)
        books.void(db, "advance", 1)
    payday.whole_month()
    books.now = payday.now
    with payday.database.write() as db:
        fill(db, now)
    return books


def fill(db, now: datetime) -> None:
    """A row in every sealed table that the story left empty; what it says does not matter here."""
    for table in Base.metadata.sorted_tables:
        if table.name in store.SEALED:
            first_row(db, table, now)


def first_row(db, table: sa.Table, now: datetime) -> None:
    if db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
        return
    values: dict[str, Any] = {}
    allowed = dict(pair for check in table.constraints if isinstance(check, sa.CheckConstraint)
                   for pair in re.findall(r"(\w+) IN \('(\w+)'", str(check.sqltext)))  # fmt: skip
    for column in table.columns:
        if column.name == "id" or column.nullable:
            continue
        if column.foreign_keys:
            target = next(iter(column.foreign_keys)).column
            first_row(db, target.table, now)
            values[column.name] = db.execute(sa.select(sa.func.min(target))).scalar_one()
        elif column.name in allowed:
            values[column.name] = allowed[column.name]
        elif isinstance(column.type, Instant):
            values[column.name] = now
        elif isinstance(column.type, sa.JSON):
            values[column.name] = {}
        else:
            kinds = {int: 100, str: "x", bool: True, float: 0.5, bytes: b"x", date: FEBRUARY}
            values[column.name] = kinds[column.type.python_type]
    if table.name == "day_mark":
        values["to_on"] = date(2026, 3, 1)
    db.execute(sa.insert(table).values(**values))


def changed(column: sa.Column, value: Any) -> str:
    """SQL of another value of that column."""
    if value is None:
        others: dict[type, Any] = {int: 7, str: "7", bool: True, float: 0.5, date: FEBRUARY, bytes: b"7"}
        value = [] if isinstance(column.type, sa.JSON) else datetime(2026, 2, 1, tzinfo=UTC) if isinstance(column.type, Instant) else others[column.type.python_type]
    if isinstance(column.type, sa.JSON):
        return "'" + json.dumps([value, 1]) + "'"
    if isinstance(value, bool):
        return str(not value).lower()
    if isinstance(value, datetime):
        return f"'{value + timedelta(seconds=1):%Y-%m-%d %H:%M:%S.%f}'"
    if isinstance(value, date):
        return f"'{value + timedelta(days=1)}'"
    if isinstance(value, bytes):
        return f"'{value.hex()}00'"
    if isinstance(value, int | float):
        return str(value + 1)
    return f"'{value[:-1] if value else ''}{'y' if value.endswith('z') else 'z'}'"


def _let_pass(db: Session) -> None:
    """An intruder's session: no trigger and no foreign key stops it."""
    postgresql = db.get_bind().dialect.name == "postgresql"
    db.execute(sa.text("SET LOCAL session_replication_role = replica" if postgresql else "PRAGMA defer_foreign_keys = ON"))


def wrong(database, vault) -> list[tuple[str, int]]:
    with database.read() as db:
        return [(found.table, found.number) for found in seals.broken(db, vault)]


def test_every_table_of_facts_is_sealed_or_says_why_not():
    # What is neither: can be thrown away and worked out or asked for again.
    passing = {"attendance_day", "month_wage", "projection_mark", "stale_day", "device_nonce", "schedule", "sign_in", "sign_in_attempt", "chain_head", "journal_head", "fact_mark", "audit_mark"}
    assert set(store.SEALED) | set(store.NOT_SEALED) | passing == set(Base.metadata.tables)
    assert not set(store.SEALED) & set(store.NOT_SEALED)
    assert all(store.NOT_SEALED.values())


def test_whatever_is_changed_in_a_sealed_row_is_found_out(house, database, vault, now, behind_the_walls):
    made = seals.seal(database, vault, now)
    assert set(made.marks) == set(store.SEALED)
    assert wrong(database, vault) == []
    behind_the_walls("SELECT 1")  # SQLite: they are down now
    tried = 0
    with database.engine.connect() as connection, Session(connection) as db:
        _let_pass(db)
        for name in store.SEALED:
            table = Base.metadata.tables[name]
            row = db.execute(sa.select(table).order_by(*table.primary_key).limit(1)).one()._mapping
            here = " AND ".join(f"{key.name} = {row[key.name]}" for key in table.primary_key)
            for column in table.columns:
                if column.name in store.LATER.get(name, ()) or column.name.endswith("_sealed") or column.primary_key:
                    continue
                with db.begin_nested() as attempt:
                    try:
                        with db.begin_nested():
                            db.execute(sa.text(f"UPDATE {name} SET {column.name} = {changed(column, row[column.name])} WHERE {here}"))
                    except IntegrityError:
                        continue  # the table's own constraint refuses it
                    tried += 1
                    found = [(b.table, b.number) for b in seals.broken(db, vault, tables=[name])]
                    assert found == [(name, 1)], f"{name}.{column.name}"
                    attempt.rollback()
        db.rollback()
    assert wrong(database, vault) == []
    assert tried > 200


@pytest.mark.parametrize("value", ["'soon'", "x'ff'", "17"])
def test_what_could_never_have_been_written_is_found_and_named(house, database, database_kind, vault, now, behind_the_walls, value):
    if database_kind == "postgresql":
        pytest.skip("PostgreSQL takes nothing but a date")
    seals.seal(database, vault, now)
    with database.write() as db:
        house.advance(db, house.cast.li, 900)
    seals.seal(database, vault, now + LATER)
    behind_the_walls(f"UPDATE advance SET paid_on = {value} WHERE amount_fen = 900")
    assert wrong(database, vault) == [("advance", 2)]


def test_a_row_taken_out_or_put_among_the_sealed_is_found_out(house, database, vault, now, behind_the_walls):
    seals.seal(database, vault, now)
    behind_the_walls("DELETE FROM worker_confirmation WHERE id = (SELECT max(id) FROM worker_confirmation)")
    behind_the_walls("INSERT INTO area_rule (id, area_code, key, value, valid_from, source, recorded_by, recorded_at) SELECT -1, area_code, key, value, valid_from, source, recorded_by, recorded_at FROM area_rule LIMIT 1")  # fmt: skip
    assert {name for name, _ in wrong(database, vault)} == {"worker_confirmation", "area_rule"}


def test_what_is_written_later_is_the_next_seals_and_nothing_new_is_none(house, database, vault, now, behind_the_walls):
    seals.seal(database, vault, now)
    assert seals.seal(database, vault, now + LATER) is None
    with database.write() as db:
        house.advance(db, house.cast.li, 900)
    made = seals.seal(database, vault, now + 2 * LATER)
    assert (made.number, set(made.marks)) == (2, {"advance", "ledger_txn", "ledger_leg", "ledger_account", "journal_entry", "journal_link"} & set(made.marks))
    behind_the_walls("UPDATE advance SET amount_fen = 1 WHERE amount_fen = 900")
    assert wrong(database, vault) == [("advance", 2)]


def test_what_may_be_filled_in_later_breaks_no_seal(house, database, vault, now):
    seals.seal(database, vault, now)
    with database.write() as db:
        db.execute(sa.text("UPDATE wage_term SET valid_to = '2026-12-01' WHERE valid_to IS NULL"))
        db.execute(sa.text("UPDATE engagement SET exit_on = '2026-12-01' WHERE exit_on IS NULL"))
    assert wrong(database, vault) == []


def test_seals_themselves_are_sealed(house, database, vault, now, behind_the_walls):
    seals.seal(database, vault, now)
    with database.write() as db:
        house.advance(db, house.cast.li, 900)
    last = seals.seal(database, vault, now + LATER)
    with database.read() as db:
        assert list(seals.broken(db, vault, held=(last.number, last.mark))) == []
    # The newest can be taken away; who kept it knows.
    behind_the_walls("DELETE FROM journal_entry WHERE action = 'facts_sealed' AND object = 'seal:2'")
    with database.read() as db:
        assert list(seals.broken(db, vault)) == []
        assert [found.table for found in seals.broken(db, vault, held=(last.number, last.mark))] == ["seal"]
    # The one before it is missed.
    seals.seal(database, vault, now + 2 * LATER)
    behind_the_walls("DELETE FROM journal_entry WHERE action = 'facts_sealed' AND object = 'seal:1'")
    assert ("seal", 2) in wrong(database, vault)


def test_nobody_seals_without_the_key(house, database, vault, now, behind_the_walls):
    seals.seal(database, vault, now)
    assert {name for name, _ in wrong(database, Vault.of([bytes(32)]))} == {"seal", *store.SEALED}


def test_the_workers_seal_and_check_and_say_it_once_aloud(house, database, settings, now, behind_the_walls):
    assert jobs.run_once("seal", database, settings, now).startswith("seal 1, ")
    assert jobs.run_once("seal", database, settings, now + LATER) == "nothing new"
    assert jobs.run_once("seals", database, settings, now) == "1 seals, 0 broken"
    behind_the_walls("UPDATE wage_term SET rate_fen = rate_fen + 1")
    for _ in range(2):
        assert jobs.run_once("seals", database, settings, now + LATER) == "1 seals, 1 broken"
    with database.read() as db:
        told = db.execute(sa.text("SELECT count(*) FROM journal_entry WHERE action = 'seal_broken'")).scalar_one()
    assert told == 1


def test_a_table_that_was_empty_at_the_first_seal_is_as_it_was_sealed_at_the_second(payday, now):
    with payday.database.write() as db:
        assert db.execute(sa.text("SELECT count(*) FROM advance")).scalar_one() == 0
    seals.seal(payday.database, payday.vault, now)
    books = Books(payday.cast, now)
    with payday.database.write() as db:
        books.advance(db, books.cast.wang, 300)
    seals.seal(payday.database, payday.vault, now + LATER)
    assert wrong(payday.database, payday.vault) == []
