"""Long work that somebody ordered, and the file it made."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, _id

_UNDER_WAY = text("ended_at IS NULL")


class Task(Base):
    """A paper that is made, or a month that is closed, outside of the request that asked for it (``app.tasks``)."""

    __tablename__ = "task"
    __table_args__ = (
        # Pressed twice is ordered once: while one is under way there is no second of the same.
        Index("uq_task_under_way", "fingerprint", unique=True, sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY),
        Index("ix_task_by_project_id", "by", "project_id"),
        Index("ix_task_ended_at", "ended_at"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    kind: Mapped[str] = mapped_column(String(32))
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What distinguishes it from others of its kind: month, year, sheet, language; dates as ISO text. No name, no number."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 over who asked for what."""
    by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    tries: Mapped[int]
    """How often somebody has begun with it."""
    claim: Mapped[str | None] = mapped_column(String(32))
    """Of whoever is at it; random."""
    claimed_until: Mapped[datetime | None]
    """Then he is taken for dead, and somebody else may begin."""
    not_before: Mapped[datetime | None]
    """Set when the database could not do it a moment ago."""
    stage: Mapped[str] = mapped_column(String(16))
    done: Mapped[int]
    total: Mapped[int]
    """``done`` of ``total`` in the stage; 0 of 0 before it is known."""
    ended_at: Mapped[datetime | None]
    refusal: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Code and facts of why it failed; null while under way and when it is done."""
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Of a paper its name, size and what is noted of it when it is taken."""
    removed_at: Mapped[datetime | None]
    """When its file was removed."""


class TaskFile(Base):
    """The file a task made, sealed; removed some days later, for it is full of names and numbers."""

    __tablename__ = "task_file"
    id: Mapped[int] = _id()
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"), unique=True)
    content_sealed: Mapped[bytes] = mapped_column(LargeBinary)
