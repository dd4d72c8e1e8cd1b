"""Rows in, values out. The only place that writes SQL for the use cases.

The first argument is the caller's session; nothing here commits, everything is sent to the database at once,
so a uniqueness error is met where it can be explained. What comes back are values of ``app.domain.facts`` or
the small ones defined beside the functions, never rows.
"""

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

T = TypeVar("T")


def once(db: Session, key: Hashable, ask: Callable[[], T]) -> T:
    """Return what ``ask`` gives; within a snapshot (``Database.read``) it is asked once, for it cannot change there."""
    kept = db.info.get("muster_snapshot")
    if kept is None:
        return ask()
    if key not in kept:
        kept[key] = ask()
    return kept[key]


def insert_or_leave(db: Session, table: Table, **values: Any) -> bool:
    """Insert a row unless one with the same unique key is there; the caller's transaction stays usable.

    Returns:
        True when the row is new.
    """
    # Not tried and caught: an IntegrityError would end a PostgreSQL transaction.
    return db.execute(_insert_or_leave(table, db.get_bind().dialect.name), values).first() is not None


@cache
def _insert_or_leave(table: Table, dialect: str) -> Any:
    # Put together once: SQLAlchemy spends ten times as long on that as the database on the row.
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return make(table).on_conflict_do_nothing().returning(*table.primary_key)


def append(db: Session, table: Table, **values: Any) -> int:
    """Insert a row and return its id."""
    return db.execute(_insert(table), values).inserted_primary_key[0]


@cache
def _insert(table: Table) -> Any:
    return insert(table)
