"""What was agreed, what follows from it on paper, and the ledger."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, _id


class AreaRule(Base):
    """County configuration (地区参数): numbers and names that law or a county sets. The latest row that holds counts."""

    __tablename__ = "area_rule"
    __table_args__ = (Index("ix_area_rule_key", "key", "area_code", "valid_from"),)
    id: Mapped[int] = _id()
    area_code: Mapped[str] = mapped_column(String(12))
    """A prefix of the project's; empty for everywhere. The longest prefix wins."""
    key: Mapped[str] = mapped_column(String(48))
    value: Mapped[Any] = mapped_column(JSON)
    valid_from: Mapped[date]
    source: Mapped[str] = mapped_column(String(200))
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class Voiding(Base):
    """作废: a row that was a mistake. It stays, and does not count from now on."""

    __tablename__ = "voiding"
    __table_args__ = (UniqueConstraint("kind", "row_id", name="uq_voiding_row"),)
    id: Mapped[int] = _id()
    kind: Mapped[str] = mapped_column(String(24))
    """Name of the table: day_mark, allowance, advance, deduction, work_measure, bank_card, special_account, funding_plan, project_paper."""
    row_id: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class AllowanceRow(Base):
    """津贴补贴."""

    __tablename__ = "allowance"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="to_after_from"),
        Index("ix_allowance_engagement", "engagement_id"),
    )
    id: Mapped[int] = _id()
    engagement_id: Mapped[int] = mapped_column(ForeignKey("engagement.id"))
    kind: Mapped[str] = mapped_column(String(16))
    """meal, housing, travel, heat, height, night, skill or other."""
    per: Mapped[str] = mapped_column(String(8))
    """day (a decided day with time in it), month or once (on ``valid_from``)."""
    amount_fen: Mapped[int]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    note: Mapped[str] = mapped_column(Text, default="")
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class AdvanceRow(Base):
    """预支/生活费: money given before the wages were worked out. Taken back from the sheet only when it is proved."""

    __tablename__ = "advance"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        Index("ix_advance_engagement", "engagement_id"),
    )
    id: Mapped[int] = _id()
    engagement_id: Mapped[int] = mapped_column(ForeignKey("engagement.id"))
    amount_fen: Mapped[int]
    paid_on: Mapped[date]
    channel: Mapped[str] = mapped_column(String(8))
    """account (special account), bank or cash."""
    proof: Mapped[str] = mapped_column(String(8))
    """signed (by the worker), bank, or none: an unproved advance is shown and never applied (domain.md 4.3)."""
    reference: Mapped[str | None] = mapped_column(String(100))
    evidence: Mapped[list[int]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class DeductionRow(Base):
    """扣款: with the ground it rests on; the legal cap is applied when the sheet is drafted."""

    __tablename__ = "deduction"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        Index("ix_deduction_engagement", "engagement_id"),
    )
    id: Mapped[int] = _id()
    engagement_id: Mapped[int] = mapped_column(ForeignKey("engagement.id"))
    month: Mapped[date]
    kind: Mapped[str] = mapped_column(String(20))
    """income_tax, social_insurance, housing_fund, court_order, damage or agreed."""
    amount_fen: Mapped[int]
    basis: Mapped[str] = mapped_column(Text)
    """The document it rests on, in words."""
    evidence: Mapped[list[int]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class MeasureRow(Base):
    """包工计量: work of a team measured at the end, paid when the supervisor accepted it."""

    __tablename__ = "work_measure"
    __table_args__ = (
        CheckConstraint("quantity_milli > 0 AND unit_price_fen > 0", name="positive"),
        CheckConstraint("percent >= 100 AND percent <= 300", name="percent_in_range"),
        Index("ix_work_measure_team", "team_id", "month"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    month: Mapped[date]
    measured_on: Mapped[date]
    item: Mapped[str] = mapped_column(String(100))
    unit: Mapped[str] = mapped_column(String(16))
    quantity_milli: Mapped[int]
    """Thousandths of the unit."""
    unit_price_fen: Mapped[int]
    percent: Mapped[int]
    """100; 150, 200 or 300 for measured work beyond the quota (超额计件)."""
    split_by: Mapped[str] = mapped_column(String(8))
    """days (man-days of the month) or shares (agreed)."""
    evidence: Mapped[list[int]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class MeasureShareRow(Base):
    """The agreed share of one worker in a measured work; written with it."""

    __tablename__ = "measure_share"
    measure_id: Mapped[int] = mapped_column(ForeignKey("work_measure.id"), primary_key=True, autoincrement=False)
    engagement_id: Mapped[int] = mapped_column(ForeignKey("engagement.id"), primary_key=True, autoincrement=False)
    share: Mapped[int]
    """Any positive whole number; only their proportion counts."""


class MeasureAcceptance(Base):
    """验收: the supervisor's or general contractor's word on a measured work; once."""

    __tablename__ = "measure_acceptance"
    id: Mapped[int] = _id()
    measure_id: Mapped[int] = mapped_column(ForeignKey("work_measure.id"), unique=True)
    accepted: Mapped[bool]
    note: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class PayPeriod(Base):
    """工资月: open, locked, closed; forward only (by trigger). A month without a row is open."""

    __tablename__ = "pay_period"
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True, autoincrement=False)
    month: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    """open, locked or closed."""
    locked_by: Mapped[str | None] = mapped_column(String(64))
    locked_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(64))
    closed_at: Mapped[datetime | None]
    digest: Mapped[str | None] = mapped_column(String(64))
    """Over the hashes of all posted lines, set at close."""


class PayrollSheet(Base):
    """工资表: one team, one month, one version. What happened to it is in ``sheet_act``."""

    __tablename__ = "payroll_sheet"
    __table_args__ = (UniqueConstraint("team_id", "month", "kind", "version", name="uq_payroll_sheet_version"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    project_company_id: Mapped[int] = mapped_column(ForeignKey("project_company.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    month: Mapped[date]
    kind: Mapped[str] = mapped_column(String(12))
    """regular or final (exit settlement)."""
    version: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    """Over the line hashes, in order of engagement and origin month."""
    drafted_by: Mapped[str] = mapped_column(String(64))
    drafted_at: Mapped[datetime]


class PayrollLine(Base):
    """工资表行: one engagement and the month it was earned in. Frozen when written."""

    __tablename__ = "payroll_line"
    __table_args__ = (
        UniqueConstraint("sheet_id", "engagement_id", "origin_month", name="uq_payroll_line_origin"),
        CheckConstraint("net_fen = gross_fen - deductions_fen - advances_fen", name="net_adds_up"),
        CheckConstraint("deductions_fen >= 0 AND advances_fen >= 0", name="withheld_not_negative"),
        Index("ix_payroll_line_engagement", "engagement_id"),
        Index("ix_payroll_line_worker", "worker_id", "origin_month"),
        # All that is added up of a year's lines: the sums never touch the rows.
        Index("ix_payroll_line_sums", "sheet_id", "origin_month", "worker_id", "engagement_id", "gross_fen", "net_fen"),
    )
    id: Mapped[int] = _id()
    sheet_id: Mapped[int] = mapped_column(ForeignKey("payroll_sheet.id"))
    engagement_id: Mapped[int] = mapped_column(ForeignKey("engagement.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    origin_month: Mapped[date]
    """The month the wages were earned in; earlier than the sheet's for back pay (补发)."""
    day_milli: Mapped[int]
    minutes: Mapped[int]
    overtime_minutes: Mapped[int]
    gross_fen: Mapped[int]
    deductions_fen: Mapped[int]
    advances_fen: Mapped[int]
    net_fen: Mapped[int]
    items: Mapped[list[Any]] = mapped_column(JSON)
    """Wage items, deductions and advances applied, JSON-ready (``domain.wages``); they sum to the columns."""
    card_id: Mapped[int | None] = mapped_column(BigInteger)
    line_hash: Mapped[str] = mapped_column(String(64))
    """What the worker signs: see ``domain.sheet.line_hash``. Unchanged content keeps its hash across versions."""


class SheetAct(Base):
    """A step of a sheet: submitted, checked, returned, publicised or approved. Each once a version."""

    __tablename__ = "sheet_act"
    __table_args__ = (UniqueConstraint("sheet_id", "act", name="uq_sheet_act"),)
    id: Mapped[int] = _id()
    sheet_id: Mapped[int] = mapped_column(ForeignKey("payroll_sheet.id"))
    act: Mapped[str] = mapped_column(String(12))
    note: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class WorkerConfirmation(Base):
    """工人签字: the worker's word on a line or a settlement, good for exactly the content he saw. The latest counts."""

    __tablename__ = "worker_confirmation"
    __table_args__ = (Index("ix_worker_confirmation_hash", "worker_id", "content_hash"), Index("ix_worker_confirmation_content", "content_hash"))
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"))
    subject: Mapped[str] = mapped_column(String(12))
    """line or settlement."""
    content_hash: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(8))
    """agree or dispute."""
    claimed_fen: Mapped[int | None]
    """For ``dispute``: the net the worker says is right."""
    reason: Mapped[str] = mapped_column(Text, default="")
    method: Mapped[str] = mapped_column(String(16))
    """paper (signed sheet, scanned), screen (signature drawn), face (verified e-sign) or unreachable (with evidence)."""
    evidence: Mapped[list[int]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class SettlementRow(Base):
    """退场结算: what a leaving worker earned, got and still gets over all months, frozen with its hash."""

    __tablename__ = "settlement"
    id: Mapped[int] = _id()
    engagement_id: Mapped[int] = mapped_column(ForeignKey("engagement.id"), index=True)
    exit_on: Mapped[date]
    accrued_fen: Mapped[int]
    withheld_fen: Mapped[int]
    paid_fen: Mapped[int]
    owed_fen: Mapped[int]
    months: Mapped[list[Any]] = mapped_column(JSON)
    content_hash: Mapped[str] = mapped_column(String(64))
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


# --- ledger --------------------------------------------------------------------------------------------------


class LedgerAccount(Base):
    """科目: one row per kind and whom it is about, named by ``key``."""

    __tablename__ = "ledger_account"
    id: Mapped[int] = _id()
    key: Mapped[str] = mapped_column(String(64), unique=True)
    """``wages_payable:e12``, ``labour_cost:c3``, ``special_account:s1`` ...: kind and owner (``domain.ledger.Account``)."""
    kind: Mapped[str] = mapped_column(String(20))
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    engagement_id: Mapped[int | None] = mapped_column(ForeignKey("engagement.id"), index=True)
    project_company_id: Mapped[int | None] = mapped_column(ForeignKey("project_company.id"))
    special_account_id: Mapped[int | None] = mapped_column(ForeignKey("special_account.id"))


class LedgerTxn(Base):
    """凭证: legs are added while ``posted`` is false, and never again (by trigger)."""

    __tablename__ = "ledger_txn"
    __table_args__ = (
        CheckConstraint("origin_month <= post_month", name="origin_before_post"),
        UniqueConstraint("source_kind", "source_id", "kind", name="uq_ledger_txn_source"),
        Index("ix_ledger_txn_project_month", "project_id", "post_month"),
    )
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    post_month: Mapped[date]
    origin_month: Mapped[date]
    kind: Mapped[str] = mapped_column(String(20))
    """accrue, adjust, withhold, recover, submit, settle, return, fund, advance, off_account, on_behalf, fee, interest, reverse."""
    source_kind: Mapped[str] = mapped_column(String(24))
    """Table of the document: payroll_line, payment_item, item_result, funding_receipt, advance, payment, statement_match."""
    source_id: Mapped[int]
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_txn.id"), unique=True)
    posted: Mapped[bool] = mapped_column(default=False)
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class LedgerLeg(Base):
    """分录: signed integer fen; positive is debit. The legs of a transaction sum to zero."""

    __tablename__ = "ledger_leg"
    __table_args__ = (
        CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
        Index("ix_ledger_leg_account", "account_id"),
    )
    txn_id: Mapped[int] = mapped_column(ForeignKey("ledger_txn.id"), primary_key=True, autoincrement=False)
    leg_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[int] = mapped_column(ForeignKey("ledger_account.id"))
    amount_fen: Mapped[int]


# --- requests and exports ------------------------------------------------------------------------------------


class WriteRequest(Base):
    """A write that was done, by the caller's key: the same key again gets the same answer and does nothing."""

    __tablename__ = "write_request"
    actor: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(96), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    """Over method, path and body."""
    status: Mapped[int]
    answer: Mapped[Any] = mapped_column(JSON)
    at: Mapped[datetime]


class ExportRecord(Base):
    """导出留痕: who took which form out of the house."""

    __tablename__ = "export_record"
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    form: Mapped[str] = mapped_column(String(32))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    file_sha256: Mapped[str] = mapped_column(String(64))
    head_hash: Mapped[str] = mapped_column(String(64))
    """End of the project's chain of passages when it was made; printed in the footer."""
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
