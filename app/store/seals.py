"""Rows that are sealed: which tables, up to which row, and the seals themselves, which are lines of the journal.

Passages have a chain of their own and are not here. Left out of a row: ciphertext, which a new master key writes anew,
the few columns that may be filled in later (``LATER``), and what is empty or has the value that rows of before a column
had (``ADDED``): a migration that adds a column breaks no seal. What a payroll line consists of stands under its hash,
which is sealed. What was put right (``store.changes``) is read as it was entered. Not sealed at all, and why, is in
``NOT_SEALED``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, Table, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.store import accounts, changes
from app.tables import APPEND_ONLY, Base, JournalEntry

ACTION = "facts_sealed"
LOCK_MS = 500
"""PostgreSQL: longest wait for those who write at this moment, all tables together; others queue behind it that long.
Gates do not: no passage is sealed here."""

LATER: dict[str, tuple[str, ...]] = {
    "project": ("confirm_face",),
    "company": (),
    "project_company": ("exit_on",),
    "team": (),
    "worker": (),
    "gate": ("called", "leads", "retired_at", "face_px_min", "search_region", "search_side"),
    "credential": ("revoked_at",),
    "face_template": ("erased_at", "erased_reason"),
    "face_photo": ("erased_at",),
    "engagement": ("exit_on",),
    "wage_term": ("valid_to", "voided_at"),
    "attendance_policy": ("valid_to", "voided_by", "voided_at"),
    "ledger_txn": ("posted",),
    "payroll_line": ("items",),
}
"""Table that is sealed and not append-only in every column -> columns that may change; ``items`` are under the line's hash."""

ADDED: dict[str, dict[str, Any]] = {"face_policy": {"gate_photos": "off"}}
"""Table -> column that a migration added, never empty -> what it made of the rows that were there. A value like that is
left out of a row, so that rows sealed before have the marks they had."""

NOT_SEALED: dict[str, str] = {
    "passage": "its own chain",
    "write_request": "answers to requests; no fact rests on them",
    "pay_period": "no row id; its state and digest are checked against lines and ledger, who moved it is in the journal",
    "finding": "worked out anew every hour; what was decided about it is sealed",
    "decision_policy": "a project's word on how its gates decide; who changed it is in the journal, what was in force stands with each passage",
    "device": "moves with every heartbeat; passages name it in their chain",
    "account": "passwords and languages change; who did what is in the journal",
    "camera": "where a network camera is looked at; changes with the site, passages name its device in their chain",
    "second_step": "set up and taken away by who owns the account; who did is in the journal",
    "sign_in_code": "good for minutes; who made and used it is in the journal",
    "gate_screen": "opened and taken back; who made and revoked it is in the journal",
    "membership": "roles are taken back; who gave and took them is in the journal",
    "review_picture": "gone within days; who looked at it is in the journal, what was said about the passage is sealed",
    "face_advice": "worked out anew every night",
    "task": "work that was asked for and is gone within days; what it did is a fact of its own, who asked is in the journal",
    "task_file": "a paper that was made and waits for its reader for days; sealed against reading, worked out anew when asked for",
    "sign_in_event": "who signed in or failed to; kept for a year and then gone",
    "sign_in_step": "a password that was right and waits for its second step, for minutes",
    "recovery_code": "used once or replaced; who set them up is in the journal",
}
"""Table of facts, masters or months -> why it has no seal. Other tables can be thrown away."""

_KEYS = {"measure_share": "measure_id", "ledger_leg": "txn_id", "journal_link": "seq"}
"""Tables without an id of their own: sealed by that of the row they come with, or their number."""

SEALED: tuple[str, ...] = tuple(
    table.name
    for table in Base.metadata.sorted_tables
    if table.name in {*APPEND_ONLY, *LATER} and table.name not in NOT_SEALED
)
"""Every table that is sealed."""


@dataclass(frozen=True, slots=True)
class Seal:
    """One seal."""

    number: int
    at: datetime
    tops: dict[str, int]
    """Table -> last row it covers."""
    marks: dict[str, str]
    """Table -> mark of the rows after the seal before, up to the last."""
    mark: str
    """Of the seal itself, the one before it included."""


def seals(db: Session) -> Iterator[Seal]:
    """Give every seal, in the order they were taken."""
    wanted = _SEALS.order_by(JournalEntry.id)
    return (_seal(*row) for row in db.execute(wanted.execution_options(yield_per=500)))


def last(db: Session) -> Seal | None:
    """Return the newest seal."""
    row = db.execute(_SEALS.order_by(JournalEntry.id.desc()).limit(1)).first()
    return None if row is None else _seal(*row)


_SEALS = select(JournalEntry.at, JournalEntry.facts).where(JournalEntry.action == ACTION)


def _seal(at: datetime, facts: dict[str, Any]) -> Seal:
    return Seal(facts["number"], at, facts["tops"], facts["marks"], facts["mark"])


def add(db: Session, seal: Seal, by: str) -> None:
    """Write a seal down."""
    accounts.journal(
        db, at=seal.at, actor=by, action=ACTION, project_id=None, object=f"seal:{seal.number}",
        facts={"number": seal.number, "tops": seal.tops, "marks": seal.marks, "mark": seal.mark},
    )  # fmt: skip


def tops(db: Session) -> dict[str, int]:
    """Return the last row of each sealed table, below which nothing is still being written.

    PostgreSQL gives out row ids before they are committed: it waits for those who write, for half a second at most.
    """
    if db.get_bind().dialect.name == "postgresql":
        db.execute(text(f"SET LOCAL statement_timeout = {LOCK_MS}"))
        db.execute(text(f"LOCK TABLE {', '.join(SEALED)} IN SHARE MODE"))
    return {name: db.execute(select(func.coalesce(func.max(_key(_table(name))), 0))).scalar_one() for name in SEALED}


def rows(db: Session, name: str, after: int | None, upto: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give (row id, what is sealed of it) of a table, in order; ``after`` None from the very first row.

    Raises:
        ValueError: a row holds what could never have been written into it.
    """
    table = _table(name)
    key = _key(table)
    columns = [column for column in table.columns if not column.name.endswith("_sealed") and column.name not in LATER.get(name, ())]
    wanted = select(key.label("sealed_by"), *columns).where(key <= upto).order_by(*([key] if key.primary_key else []), *table.primary_key)
    if after is not None:
        wanted = wanted.where(key > after)
    names = [column.name for column in columns]
    added = ADDED.get(name, {})
    plain = not any(isinstance(column.type, LargeBinary) for column in columns)
    try:
        # What was put right is read as it was entered; the change is sealed beside it. Anything else is not what it was made.
        righted = changes.put_right(db, name)
        for row in db.execute(wanted.execution_options(yield_per=2000)):
            values = {
                column: value for column, value in zip(names, row[1:], strict=True) if value is not None and added.get(column) != value
            }
            if not plain:
                values = {column: value.hex() if isinstance(value, bytes) else value for column, value in values.items()}
            for column, put in righted.get(row[0], {}).items():
                if values.get(column) == put.last:
                    values[column] = put.first
            values = {column: value for column, value in values.items() if value is not None}
            yield row[0], values
    except TypeError as error:
        # SQLite keeps anything in any column.
        raise ValueError(f"{name}: {error}") from error
    except OperationalError as error:
        if "decode" not in str(error.orig):
            raise
        raise ValueError(f"{name}: a text is no text") from error


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def _key(table: Table) -> Any:
    return table.columns[_KEYS.get(table.name, "id")]
