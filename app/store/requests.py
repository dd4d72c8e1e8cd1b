"""Writes that were done, by the caller's key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store import insert_or_leave
from app.tables import WriteRequest


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer a write was given."""

    request_sha256: str
    status: int
    answer: Any


def answered(db: Session, actor: str, key: str) -> Answered | None:
    """Return the answer to an earlier write of ``actor`` with ``key``; None when there is none."""
    row = db.execute(
        select(WriteRequest.request_sha256, WriteRequest.status, WriteRequest.answer).filter_by(actor=actor, key=key)
    ).first()
    return None if row is None else Answered(*row)


def add_answer(
    db: Session, *, actor: str, key: str, request_sha256: str, status: int, answer: Any, now: datetime
) -> bool:
    """Keep the answer to a write; False when another write with this key was faster."""
    return insert_or_leave(
        db,
        WriteRequest.__table__,
        actor=actor,
        key=key,
        request_sha256=request_sha256,
        status=status,
        answer=answer,
        at=now,
    )
