"""The journal is a chain: whatever is done to it in the database itself is found out, or by the head somebody holds."""

from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import jobs, journal, seals
from app.domain.chain import GENESIS, commitment, link
from app.store import accounts
from app.store import journal as chain
from app.tables import JournalEntry, JournalHead, JournalLink
from tests.payday import desk  # noqa: F401

LINES = 12


def write(db: Session, now, number: int, **values: Any) -> None:
    accounts.journal(
        db, **{"at": now + timedelta(minutes=number), "actor": "wu", "action": "correction.decided", "project_id": None,
               "object": f"correction:{number}", "facts": {"state": "approved", "n": number, "half": 0.5, "who": "王"}} | values,
    )  # fmt: skip


@pytest.fixture
def written(database, now):
    """Twelve lines in eight transactions."""
    number = 0
    for many in (1, 1, 3, 1, 1, 2, 2, 1):
        with database.write() as db:
            for _ in range(many):
                number += 1
                write(db, now, number)
    assert number == LINES
    return database


def faults(database, held=None) -> list[tuple[int, str]]:
    with database.read() as db:
        return [(fault.seq, fault.kind) for fault in chain.verify(db, held)]


def head(database) -> chain.Head:
    with database.read() as db:
        return chain.head(db)


def test_every_line_is_a_link_in_the_order_of_commits_without_a_gap(written):
    with written.read() as db:
        rows = db.execute(sa.select(JournalLink.seq, JournalLink.entry_id, JournalLink.prev_hash, JournalLink.hash).order_by(JournalLink.seq)).all()
    assert [row.seq for row in rows] == list(range(1, LINES + 1))
    assert [row.prev_hash for row in rows] == [GENESIS, *(row.hash for row in rows[:-1])]
    end = head(written)
    assert (end.seq, end.hash) == (LINES, rows[-1].hash)
    assert faults(written) == faults(written, (end.seq, end.hash)) == faults(written, (4, rows[3].hash)) == []


def test_a_line_that_was_taken_back_leaves_no_gap(database, now):
    with pytest.raises(RuntimeError), database.write() as db:
        write(db, now, 1)
        raise RuntimeError
    with database.write() as db:
        write(db, now, 2)
        with db.begin_nested() as attempt:
            write(db, now, 3)
            attempt.rollback()
        write(db, now, 4)
    assert (head(database).seq, faults(database)) == (2, [])


def test_two_who_write_at_once_are_one_after_the_other(database, now):
    """On PostgreSQL both transactions are open together; on SQLite the second waits for the first."""
    first = Session(database.engine.execution_options(muster_mode="write"))
    try:
        write(first, now, 1)
        if database.engine.dialect.name == "postgresql":
            with database.write() as db:
                write(db, now, 2)
        first.commit()
    finally:
        first.close()
    with database.write() as db:
        write(db, now, 3)
    assert faults(database) == []


# --- a hundred ways --------------------------------------------------------------------------------------------

COLUMNS = {
    "at": "'2026-03-31 11:00:00'", "actor": "'lao'", "action": "'correction.seen'", "project_id": "1", "object": "'correction:99'",
    "facts": '\'{"state": "approved", "n": 99, "half": 0.5, "who": "王"}\'',
}  # fmt: skip


def ways() -> dict[str, tuple[str, ...]]:
    """Name -> statements of an intruder who has the database and knows nothing of hashes."""
    found: dict[str, tuple[str, ...]] = {}
    for seq in (1, 4, 5, 9, LINES):
        entry = f"(SELECT entry_id FROM journal_link WHERE seq = {seq})"
        for column, value in COLUMNS.items():
            found[f"edit {column} of line {seq}"] = (f"UPDATE journal_entry SET {column} = {value} WHERE id = {entry}",)
        for column, value in {"hash": f"'{'a' * 64}'", "prev_hash": f"'{'b' * 64}'", "entry_id": "3" if seq != 3 else "4"}.items():
            found[f"edit {column} of link {seq}"] = (f"UPDATE journal_link SET {column} = {value} WHERE seq = {seq}",)
        found[f"delete line {seq}"] = (f"DELETE FROM journal_entry WHERE id = {entry}",)
        found[f"delete link {seq}"] = (f"DELETE FROM journal_link WHERE seq = {seq}",)
        found[f"delete line and link {seq}"] = (f"DELETE FROM journal_entry WHERE id = {entry}", f"DELETE FROM journal_link WHERE seq = {seq}")
        found[f"renumber link {seq}"] = (f"UPDATE journal_link SET seq = {seq + 100} WHERE seq = {seq}",)
    copy = "SELECT {id}, at, actor, action, project_id, object, facts FROM journal_entry WHERE id = 2"
    for id_ in (-1, 0, 1000):
        found[f"insert line {id_}"] = ("INSERT INTO journal_entry (id, at, actor, action, project_id, object, facts) " + copy.format(id=id_),)
        for seq in (0, LINES + 1, 50):
            found[f"insert line {id_} with link {seq}"] = (
                *found[f"insert line {id_}"],
                f"INSERT INTO journal_link (seq, entry_id, prev_hash, hash) SELECT {seq}, {id_}, hash, hash FROM journal_link WHERE seq = {LINES}",
            )
    for one, other in ((1, 2), (3, 9), (5, 6), (1, LINES), (LINES - 1, LINES)):
        swap = "UPDATE {table} SET {column} = CASE {column} WHEN {a} THEN {b} ELSE {a} END WHERE {column} IN ({a}, {b})"
        through = tuple(
            f"UPDATE {{table}} SET {{column}} = {to} WHERE {{column}} = {of}" for of, to in ((one, -7), (other, one), (-7, other))
        )
        found[f"swap lines {one} and {other}"] = tuple(s.format(table="journal_entry", column="id") for s in through)
        found[f"swap links {one} and {other}"] = tuple(s.format(table="journal_link", column="seq") for s in through)
        found[f"swap the lines of links {one} and {other}"] = (swap.format(table="journal_link", column="entry_id", a=one, b=other),)
    for left in (0, 1, 6, LINES - 1):
        gone = f"DELETE FROM journal_entry WHERE id IN (SELECT entry_id FROM journal_link WHERE seq > {left})"
        found[f"truncate lines after {left}"] = (gone,)
        found[f"truncate links after {left}"] = (f"DELETE FROM journal_link WHERE seq > {left}",)
        found[f"truncate lines and links after {left}"] = (gone, f"DELETE FROM journal_link WHERE seq > {left}")
    found["the end is gone"] = ("DELETE FROM journal_head",)
    found["the end is turned back"] = ("UPDATE journal_head SET seq = 5",)
    found["the end is moved on"] = ("UPDATE journal_head SET seq = 500",)
    found["the end is another hash"] = (f"UPDATE journal_head SET hash = '{'c' * 64}'",)
    found["every line is another's"] = ("UPDATE journal_entry SET actor = 'lao'",)
    found["every link is gone"] = ("DELETE FROM journal_link",)
    found["all lines are gone"] = ("DELETE FROM journal_entry",)
    return found


WAYS = ways()


def test_a_hundred_ways_to_tamper_with_the_journal_are_found(written, behind_the_walls):
    """Each is tried in a transaction that is taken back."""
    assert len(WAYS) > 100
    behind_the_walls("SELECT 1")  # SQLite: the walls are down now
    quiet = []
    with written.engine.connect() as connection, Session(connection) as db:
        db.execute(sa.text("SET LOCAL session_replication_role = replica" if db.get_bind().dialect.name == "postgresql" else "PRAGMA defer_foreign_keys = ON"))
        for way, statements in WAYS.items():
            with db.begin_nested() as attempt:
                for statement in statements:
                    db.execute(sa.text(statement.replace(":", "\\:")))
                if not chain.verify(db):
                    quiet.append(way)
                attempt.rollback()
        assert chain.verify(db) == []
        db.rollback()
    assert quiet == []


def test_what_is_wrong_is_named(written, behind_the_walls):
    behind_the_walls("UPDATE journal_entry SET actor = 'lao' WHERE id = (SELECT entry_id FROM journal_link WHERE seq = 4)")
    assert faults(written) == [(4, "edited")]
    behind_the_walls("DELETE FROM journal_entry WHERE id = (SELECT entry_id FROM journal_link WHERE seq = 9)")
    assert faults(written) == [(4, "edited"), (9, "missing")]


@pytest.mark.parametrize("value", ["'noon'", "x'ff'", "7"])
@pytest.mark.parametrize("column", ["at", "facts"])
def test_what_could_never_have_been_written_is_an_edited_line(written, database_kind, behind_the_walls, column, value):
    if database_kind == "postgresql":
        pytest.skip("PostgreSQL takes an instant and JSON only")
    behind_the_walls(f"UPDATE journal_entry SET {column} = {value} WHERE id = 4")
    assert (4, "edited") in faults(written)


def test_the_house_goes_on_when_the_end_was_tampered_with_and_tells_it_for_ever(written, now, behind_the_walls):
    for statement in ("UPDATE journal_head SET seq = 5", "DELETE FROM journal_head"):
        behind_the_walls(statement)
        with written.write() as db:
            write(db, now, 20)
    assert [kind for _, kind in faults(written)] == ["head_missing", "head_missing"]
    # SQLite gives the id of a last row that was deleted once more.
    behind_the_walls("DELETE FROM journal_entry WHERE id = (SELECT max(id) FROM journal_entry)")
    with written.write() as db:
        write(db, now, 21)
    assert {"head_missing"} < {kind for _, kind in faults(written)}


# --- who can do more -------------------------------------------------------------------------------------------


def rewrite(database, behind_the_walls, after: int, **values: str) -> None:
    """Change every line after one and work the whole chain out anew, its end included: the walls and hashes are satisfied."""
    with database.read() as db:
        rows = db.execute(sa.select(JournalLink.seq, JournalEntry).join(JournalEntry, JournalEntry.id == JournalLink.entry_id).order_by(JournalLink.seq)).all()
    prev = GENESIS
    for seq, entry in rows:
        changed = values if seq > after else {}
        for column, value in changed.items():
            behind_the_walls(f"UPDATE journal_entry SET {column} = '{value}' WHERE id = {entry.id}")
        fields = {name: getattr(entry, name) for name in ("id", "at", "actor", "action", "project_id", "object", "facts")} | changed
        digest = link(prev, seq, chain.KIND, commitment(b"", fields))
        behind_the_walls(f"UPDATE journal_link SET prev_hash = '{prev}', hash = '{digest}' WHERE seq = {seq}")
        prev = digest
    behind_the_walls(f"UPDATE journal_head SET hash = '{prev}'")


def test_a_chain_that_was_rewritten_is_found_by_the_head_somebody_holds(written, behind_the_walls):
    held = head(written)
    rewrite(written, behind_the_walls, 6, actor="lao")
    assert faults(written) == [], "the chain itself is whole again"
    assert faults(written, (held.seq, held.hash)) == [(LINES, "rewritten")]


def test_a_chain_that_was_rewritten_is_found_by_the_seals_when_its_lines_were_sealed(written, vault, now, behind_the_walls):
    seals.seal(written, vault, now)
    rewrite(written, behind_the_walls, 6, actor="lao")
    with written.read() as db:
        assert {"journal_entry", "journal_link"} <= {found.table for found in seals.broken(db, vault)}


def test_an_old_copy_put_back_is_found_by_the_head_only(written, now):
    old = head(written)
    with written.write() as db:
        write(db, now, 20)
    held = head(written)
    assert faults(written, (old.seq, old.hash)) == []
    with written.engine.connect() as connection, Session(connection) as db:
        if db.get_bind().dialect.name == "postgresql":
            db.execute(sa.text("SET LOCAL session_replication_role = replica"))
        else:
            for (name,) in db.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'wall_journal%'")).all():
                db.execute(sa.text(f"DROP TRIGGER {name}"))
        db.execute(sa.delete(JournalLink).where(JournalLink.seq == LINES + 1))
        db.execute(sa.delete(JournalEntry).where(JournalEntry.object == "correction:20"))
        db.execute(sa.update(JournalHead).values(seq=old.seq, hash=old.hash))
        assert chain.verify(db) == []
        assert [(f.seq, f.kind) for f in chain.verify(db, (held.seq, held.hash))] == [(LINES + 1, "rewritten")]
        db.rollback()


def test_the_head_of_a_day_is_the_last_line_of_that_day_of_the_county(written, now):
    tomorrow = now + timedelta(hours=5)  # 01:00 in Shanghai
    with written.write() as db:
        write(db, tomorrow, 0)
    with written.read() as db:
        days = [journal.head_of_day(db, on) for on in (date(2026, 3, 30), date(2026, 3, 31), date(2026, 4, 1))]
    assert [day.seq for day in days] == [0, LINES, LINES + 1]
    assert faults(written, (days[1].seq, days[1].hash)) == []


# --- what the journal proves beside itself -----------------------------------------------------------------------


def test_where_the_passages_end_is_journalled_each_night_and_a_rewritten_passage_is_found(payday, database, settings, now, behind_the_walls):
    payday.works(payday.cast.wang, 3, 4)
    for _ in range(2):
        jobs.run_once("verify", database, settings, payday.now)
    with database.read() as db:
        (line,) = db.execute(sa.select(JournalEntry.facts).where(JournalEntry.action == chain.RECORDED)).scalars()
        assert line[str(payday.site.id)][0] == 4
        assert list(journal.recorded_faults(db)) == []
    forged = sha256(b"forged").hexdigest()
    behind_the_walls(f"UPDATE passage SET hash = '{forged}' WHERE project_id = {payday.site.id} AND seq = 4")
    with database.read() as db:
        assert [(f.project_id, f.seq) for f in journal.recorded_faults(db)] == [(payday.site.id, 4)]
    behind_the_walls(f"DELETE FROM passage WHERE project_id = {payday.site.id} AND seq = 4")
    with database.read() as db:
        assert [f.seq for f in journal.recorded_faults(db)] == [4]


def test_a_broken_journal_is_told_by_the_worker_once(written, settings, now, behind_the_walls):
    behind_the_walls("UPDATE journal_entry SET actor = 'lao' WHERE id = 4")
    for _ in range(2):
        assert jobs.run_once("verify", written, settings, now) == "0 chains, 0 broken, 0 not checked; journal 1 faults"
    with written.read() as db:
        told = db.execute(sa.select(JournalEntry.object, JournalEntry.facts).where(JournalEntry.action == "journal_broken")).all()
    assert [tuple(row) for row in told] == [("journal:4", {"faults": 1, "kind": "edited"})]
