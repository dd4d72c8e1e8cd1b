"""What workers say about their days, what they are answered, and how a signature was given."""

from datetime import date, datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, _id


class DayObjection(Base):
    """考勤异议: a worker says that a day of his is wrong. Objections to a line of wages are ``worker_confirmation`` rows."""

    __tablename__ = "day_objection"
    __table_args__ = (
        CheckConstraint("kind IN ('missing_in', 'missing_out', 'absent', 'hours', 'other')", name="kind_known"),
        Index("ix_day_objection_project", "project_id", "worker_id"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    work_date: Mapped[date]
    kind: Mapped[str] = mapped_column(String(12))
    text: Mapped[str] = mapped_column(Text)
    """In his own words; may be empty where the times say it."""
    in_at: Mapped[datetime | None]
    out_at: Mapped[datetime | None]
    """When he says he came and went."""
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("correction.id"))
    """The correction that was asked for with it."""
    correction_refused: Mapped[str | None] = mapped_column(String(40))
    """Code of why none could be asked for: too late, too many."""
    evidence: Mapped[list[int] | None] = mapped_column(JSON(none_as_null=True))
    """Ids of evidence_file: what he sent with it. None when nothing, so that the seals of rows from before stay as they were."""
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class ObjectionAnswer(Base):
    """异议答复: what the labour officer answered. The latest counts."""

    __tablename__ = "objection_answer"
    __table_args__ = (
        CheckConstraint("subject IN ('day', 'line')", name="subject_known"),
        CheckConstraint("outcome IN ('accepted', 'kept')", name="outcome_known"),
        Index("ix_objection_answer_subject", "project_id", "subject", "subject_id"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    subject: Mapped[str] = mapped_column(String(4))
    """day: a ``day_objection``; line: a ``worker_confirmation`` that disputes."""
    subject_id: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(8))
    """accepted: he is right and it is put right; kept: it stays, and the text says why."""
    text: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class SignatureProof(Base):
    """签字凭证: how a word was given where no paper says it: on his own phone, or with his face."""

    __tablename__ = "signature_proof"
    __table_args__ = (CheckConstraint("means IN ('phone', 'face')", name="means_known"),)
    id: Mapped[int] = _id()
    confirmation_id: Mapped[int] = mapped_column(ForeignKey("worker_confirmation.id"), unique=True)
    means: Mapped[str] = mapped_column(String(5))
    code_by: Mapped[str | None] = mapped_column(String(64))
    """Of a phone: who made the code its session began with; that somebody could have used it himself."""
    session_at: Mapped[datetime | None]
    """Of a phone: when that session began."""
    similarity: Mapped[float | None]
    """Of a face: cosine in [-1, 1] to the worker's own template."""
    similarity_min: Mapped[float | None]
    far: Mapped[float | None]
    contract_id: Mapped[str | None] = mapped_column(String(64))
    picture_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the picture that was compared; it is not kept."""
