"""Papers of a project that an inspector asks for."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, _id


class ProjectPaper(Base):
    """项目资料: works contract, wage deposit or guarantee, notice board, key post. Appended; a mistake is voided."""

    __tablename__ = "project_paper"
    __table_args__ = (
        CheckConstraint("to_on IS NULL OR to_on > from_on", name="to_after_from"),
        CheckConstraint("amount_fen IS NULL OR amount_fen > 0", name="amount_positive"),
        Index("ix_project_paper_project", "project_id", "kind"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    kind: Mapped[str] = mapped_column(String(24))
    """works_contract, deposit, deposit_guarantee, notice_board or key_post (``app.project_papers``)."""
    from_on: Mapped[date]
    """Date of the contract; first day it holds."""
    to_on: Mapped[date | None]
    """First day it no longer holds; planned completion for the works contract."""
    amount_fen: Mapped[int | None]
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("worker.id"))
    """Who holds the post."""
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What else it says: the post; what the board shows, its pay day and minimum wage."""
    evidence: Mapped[list[int]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class AuditMark(Base):
    """How far the facts of a project month went when it was audited last: what has not moved need not be audited again
    on the same day. Can be thrown away."""

    __tablename__ = "audit_mark"
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True, autoincrement=False)
    month: Mapped[date] = mapped_column(primary_key=True)
    mark: Mapped[str] = mapped_column(String(64))
    """Numbers of the last rows of everything the rules read (``store.moved.Mark``)."""
    audited_on: Mapped[date]
    """Project-local: the passing of a day alone changes findings."""
