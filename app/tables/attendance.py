"""Days: how passages become them, what people decided about them, and the projection of them."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, _id


class CalendarDayRow(Base):
    """法定日历: what kind of day a date is, as the State Council's notice says. The latest row of a date counts."""

    __tablename__ = "calendar_day"
    __table_args__ = (Index("ix_calendar_day_on", "day_on"),)
    id: Mapped[int] = _id()
    day_on: Mapped[date]
    kind: Mapped[str] = mapped_column(String(12))
    """workday, makeup (调休上班), rest, adjust_rest (调休放假) or statutory (法定节假日)."""
    name: Mapped[str] = mapped_column(String(40), default="")
    source: Mapped[str] = mapped_column(String(120))
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class AttendancePolicyRow(Base):
    """考勤规则: of a project, or of one company or team on it, from when to when. Never edited: ended, voided, superseded."""

    __tablename__ = "attendance_policy"
    __table_args__ = (
        UniqueConstraint("project_id", "version", name="uq_attendance_policy_version"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="to_after_from"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    project_company_id: Mapped[int | None] = mapped_column(ForeignKey("project_company.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    version: Mapped[int]
    """2, 3 ... within the project, since 1 is the default; a day row names the version it was worked out by."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    rules: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Every rule of ``facts.AttendancePolicy``, JSON-ready (``store.timekeeping.rules_of``): the default may change."""
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]
    voided_by: Mapped[str | None] = mapped_column(String(64))
    voided_at: Mapped[datetime | None]


class CorrectionRow(Base):
    """补卡/考勤更正: what somebody says the gate did not see. Counts when team leader and labour officer agreed."""

    __tablename__ = "correction"
    __table_args__ = (Index("ix_correction_day", "project_id", "work_date"), Index("ix_correction_worker", "worker_id"))
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    work_date: Mapped[date]
    kind: Mapped[str] = mapped_column(String(16))
    """missing_in, missing_out, add_session, void_passage, wrong_person or set_day."""
    in_at: Mapped[datetime | None]
    out_at: Mapped[datetime | None]
    passage_id: Mapped[int | None] = mapped_column(ForeignKey("passage.id"))
    minutes: Mapped[int | None]
    day_milli: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(24))
    """Stable code: forgot, gate_broken, not_recognised, other_gate, outside_work, dispute, leader_record, let_in, other."""
    note: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[int]] = mapped_column(JSON)
    """Ids of evidence_file."""
    requested_by: Mapped[str] = mapped_column(String(64))
    requested_at: Mapped[datetime]


class CorrectionStep(Base):
    """What one of those asked said: leader_ok, officer_ok, rejected or withdrawn. Each once."""

    __tablename__ = "correction_step"
    __table_args__ = (UniqueConstraint("correction_id", "act", name="uq_correction_step_act"),)
    id: Mapped[int] = _id()
    correction_id: Mapped[int] = mapped_column(ForeignKey("correction.id"))
    act: Mapped[str] = mapped_column(String(12))
    note: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    stood_in_as: Mapped[str | None] = mapped_column(String(16))
    """manager or labour_officer: said in place of whose word it is, because nobody else was there. Empty: his own word."""


class ManualPassage(Base):
    """人工放行: a person let a worker in or out by hand, and says why. Appended only; no gate's word and never one of its passages.

    It counts for no day by itself: the correction that was asked for with it does, when those agreed whom the rules name.
    """

    __tablename__ = "manual_passage"
    __table_args__ = (Index("ix_manual_passage_project", "project_id", "at"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    gate_id: Mapped[int] = mapped_column(ForeignKey("gate.id"))
    """Where he stood."""
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    direction: Mapped[str] = mapped_column(String(4))
    """in or out."""
    channel: Mapped[str] = mapped_column(String(8))
    """What he proved himself by, read by the guard: card, code or id_card."""
    reason: Mapped[str] = mapped_column(String(24))
    """Stable code: not_recognised, gate_broken, no_reader, no_face or other."""
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    correction_id: Mapped[int] = mapped_column(ForeignKey("correction.id"), unique=True)
    """Of the correction asked for with it."""
    let_by: Mapped[str] = mapped_column(String(64))


class DayMarkRow(Base):
    """请假、停工、雨停: days of a worker, a team or the whole project on which nobody was expected. Voided, never edited."""

    __tablename__ = "day_mark"
    __table_args__ = (
        CheckConstraint("to_on > from_on", name="to_after_from"),
        CheckConstraint("pay_permille >= 0 AND pay_permille <= 1000", name="pay_is_a_share"),
        Index("ix_day_mark_project", "project_id", "from_on"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("worker.id"))
    kind: Mapped[str] = mapped_column(String(12))
    """leave 请假, stoppage 停工, rain 雨停, rest 休息."""
    from_on: Mapped[date]
    to_on: Mapped[date]
    """First day the mark no longer holds."""
    pay_permille: Mapped[int]
    """Share of a day's wage that is paid all the same, 0 to 1000."""
    note: Mapped[str] = mapped_column(Text, default="")
    evidence: Mapped[list[int]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class EvidenceFile(Base):
    """证据材料: a photograph or scan that a decision rests on. Sealed, found by its digest."""

    __tablename__ = "evidence_file"
    __table_args__ = (UniqueConstraint("project_id", "sha256", name="uq_evidence_file_content"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    content_sealed: Mapped[bytes]
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class AttendanceDay(Base):
    """考勤日 (projection): one worker on one work date, worked out from the facts and thrown away at will."""

    __tablename__ = "attendance_day"
    __table_args__ = (
        # All that a headcount, a week or a month's exceptions ask for: they never touch the rows.
        Index("ix_attendance_day_date", "project_id", "work_date", "worker_id", "state"),
        Index("ix_attendance_day_alive", "project_id", "alive_until"),
    )
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True, autoincrement=False)
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"), primary_key=True, autoincrement=False)
    work_date: Mapped[date] = mapped_column(primary_key=True)
    engagement_id: Mapped[int | None]
    """The engagement that covers the date; None for work of somebody who was not engaged."""
    team_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(12))
    minutes: Mapped[int]
    day_milli: Mapped[int | None]
    overtime_minutes: Mapped[int]
    amount_fen: Mapped[int | None]
    """Wages of the day by the terms of the date; None when the pay does not go by days."""
    first_in_at: Mapped[datetime | None]
    last_out_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Everything else of the day, JSON-ready: sessions, loose ends, corrections, computed beside confirmed, wage items."""
    digest: Mapped[str] = mapped_column(String(64))
    """Over all inputs: the same digest means the row is left alone."""
    rev: Mapped[int]
    """1, 2, 3 ...: how often the row has changed."""
    alive_until: Mapped[datetime | None]
    """The passing of time alone changes the row at this instant; None for a day that is settled."""
    projected_at: Mapped[datetime]


class MonthWageRow(Base):
    """月应发工资 (projection): one engagement and one month, worked out from the facts and thrown away at will."""

    __tablename__ = "month_wage"
    __table_args__ = (
        Index("ix_month_wage_month", "project_id", "month", "worker_id", "engagement_id", "gross_fen", "day_milli", "undecided_days"),
    )
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True, autoincrement=False)
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"), primary_key=True, autoincrement=False)
    month: Mapped[date] = mapped_column(primary_key=True)
    engagement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """0 for work nobody had engaged him for."""
    team_id: Mapped[int | None]
    gross_fen: Mapped[int]
    day_milli: Mapped[int]
    minutes: Mapped[int]
    overtime_minutes: Mapped[int]
    undecided_days: Mapped[int]
    undecided_fen_max: Mapped[int]
    no_terms_days: Mapped[int]
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Items of the whole month and problems, JSON-ready."""
    digest: Mapped[str] = mapped_column(String(64))
    rev: Mapped[int]
    projected_at: Mapped[datetime]


class ProjectionMark(Base):
    """Up to where a project's passages are in its projection."""

    __tablename__ = "projection_mark"
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True, autoincrement=False)
    passage_seq: Mapped[int]
    run: Mapped[str] = mapped_column(String(32))
    """Of the refresh that writes now; an older one that finds another name here stops."""
    at: Mapped[datetime]


class StaleDay(Base):
    """Days whose inputs other than passages changed: to be projected again."""

    __tablename__ = "stale_day"
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    worker_id: Mapped[int | None]
    """None: everybody."""
    from_on: Mapped[date]
    to_on: Mapped[date | None]
