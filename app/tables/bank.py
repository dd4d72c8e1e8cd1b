"""The special account, what goes to the bank, and what comes back."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, _id


class SpecialAccount(Base):
    """农民工工资专用账户: of a project; the newest that is not voided is the live one."""

    __tablename__ = "special_account"
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    """The general contractor that opened it."""
    name: Mapped[str] = mapped_column(String(200))
    bank_name: Mapped[str] = mapped_column(String(100))
    number_sealed: Mapped[bytes]
    number_index: Mapped[str] = mapped_column(String(64))
    last4: Mapped[str] = mapped_column(String(4))
    opened_on: Mapped[date]
    opening_fen: Mapped[int]
    """Balance when Muster begins to keep it."""
    parties: Mapped[list[Any]] = mapped_column(JSON)
    """Who signed the agreement: [{"role": ..., "name": ..., "signed_on": ISO date or null}]."""
    evidence: Mapped[list[int]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class BankCard(Base):
    """工资卡: the worker's own; the newest that is not voided is paid to."""

    __tablename__ = "bank_card"
    id: Mapped[int] = _id()
    worker_id: Mapped[int] = mapped_column(ForeignKey("worker.id"), index=True)
    holder_name: Mapped[str] = mapped_column(String(100))
    number_sealed: Mapped[bytes]
    number_index: Mapped[str] = mapped_column(String(64), index=True)
    last4: Mapped[str] = mapped_column(String(4))
    bank_name: Mapped[str] = mapped_column(String(100))
    bank_code: Mapped[str | None] = mapped_column(String(14))
    """联行号."""
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class FileTemplate(Base):
    """How a bank wants its files: columns, header, encoding and unit are data. The newest of a name counts."""

    __tablename__ = "file_template"
    __table_args__ = (Index("ix_file_template_name", "name"),)
    id: Mapped[int] = _id()
    name: Mapped[str] = mapped_column(String(64))
    use: Mapped[str] = mapped_column(String(12))
    """batch, return or statement."""
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    """See ``domain.bank_files.Template``."""
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class FundingPlan(Base):
    """人工费拨付计划."""

    __tablename__ = "funding_plan"
    __table_args__ = (CheckConstraint("agreed_fen > 0", name="agreed_positive"),)
    id: Mapped[int] = _id()
    special_account_id: Mapped[int] = mapped_column(ForeignKey("special_account.id"), index=True)
    month: Mapped[date]
    due_on: Mapped[date]
    agreed_fen: Mapped[int]
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class FundingReceipt(Base):
    """人工费到账."""

    __tablename__ = "funding_receipt"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        UniqueConstraint("special_account_id", "reference", name="uq_funding_receipt_reference"),
    )
    id: Mapped[int] = _id()
    special_account_id: Mapped[int] = mapped_column(ForeignKey("special_account.id"))
    received_on: Mapped[date]
    amount_fen: Mapped[int]
    reference: Mapped[str] = mapped_column(String(100))
    """The bank's own number of the transfer."""
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class PaymentBatch(Base):
    """代发批次: made by one, approved by another, sent once."""

    __tablename__ = "payment_batch"
    __table_args__ = (CheckConstraint("count > 0 AND total_fen > 0", name="not_empty"),)
    id: Mapped[int] = _id()
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    special_account_id: Mapped[int] = mapped_column(ForeignKey("special_account.id"))
    batch_no: Mapped[str] = mapped_column(String(40), unique=True)
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("project_company.id"))
    """先行清偿: the defaulting subcontractor the general contractor pays for."""
    template_id: Mapped[int] = mapped_column(ForeignKey("file_template.id"))
    file_sha256: Mapped[str] = mapped_column(String(64))
    file_sealed: Mapped[bytes]
    count: Mapped[int]
    total_fen: Mapped[int]
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class BatchAct(Base):
    """A step of a batch: approved, sent, or withdrawn (before it is sent). Each once."""

    __tablename__ = "batch_act"
    __table_args__ = (UniqueConstraint("batch_id", "act", name="uq_batch_act"),)
    id: Mapped[int] = _id()
    batch_id: Mapped[int] = mapped_column(ForeignKey("payment_batch.id"))
    act: Mapped[str] = mapped_column(String(12))
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class PaymentItem(Base):
    """One transfer of a batch: one line of a sheet, to one card."""

    __tablename__ = "payment_item"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        UniqueConstraint("batch_id", "seq", name="uq_payment_item_seq"),
        Index("ix_payment_item_line", "line_id"),
    )
    id: Mapped[int] = _id()
    batch_id: Mapped[int] = mapped_column(ForeignKey("payment_batch.id"))
    seq: Mapped[int]
    line_id: Mapped[int] = mapped_column(ForeignKey("payroll_line.id"))
    engagement_id: Mapped[int] = mapped_column(ForeignKey("engagement.id"))
    amount_fen: Mapped[int]
    card_id: Mapped[int] = mapped_column(ForeignKey("bank_card.id"))
    retry_of: Mapped[int | None] = mapped_column(ForeignKey("payment_item.id"), unique=True)


class ItemResult(Base):
    """What the bank said of one transfer: success, failed, or returned (after a success). Each once."""

    __tablename__ = "item_result"
    __table_args__ = (
        UniqueConstraint("item_id", "status", name="uq_item_result_status"),
        Index("ix_item_result_said", "item_id", "status", "happened_on"),
    )
    id: Mapped[int] = _id()
    item_id: Mapped[int] = mapped_column(ForeignKey("payment_item.id"))
    status: Mapped[str] = mapped_column(String(8))
    code: Mapped[str | None] = mapped_column(String(24))
    """Stable reason of a failure: name_mismatch, account_unknown, account_frozen, id_mismatch, limit, other."""
    bank_ref: Mapped[str | None] = mapped_column(String(64), unique=True)
    happened_on: Mapped[date]
    file_sha256: Mapped[str] = mapped_column(String(64))
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class StatementLine(Base):
    """专户流水: as the bank printed it; the balance after each line continues the one before (by trigger)."""

    __tablename__ = "statement_line"
    __table_args__ = (
        UniqueConstraint("special_account_id", "bank_txn_id", name="uq_statement_line_txn"),
        UniqueConstraint("special_account_id", "seq", name="uq_statement_line_seq"),
    )
    id: Mapped[int] = _id()
    special_account_id: Mapped[int] = mapped_column(ForeignKey("special_account.id"))
    seq: Mapped[int]
    bank_txn_id: Mapped[str] = mapped_column(String(64))
    booked_on: Mapped[date]
    amount_fen: Mapped[int]
    """Positive: money came in."""
    balance_after_fen: Mapped[int]
    counterparty: Mapped[str | None] = mapped_column(String(100))
    counterparty_last4: Mapped[str | None] = mapped_column(String(4))
    counterparty_index: Mapped[str | None] = mapped_column(String(64))
    memo: Mapped[str] = mapped_column(Text, default="")
    file_sha256: Mapped[str] = mapped_column(String(64))
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]


class StatementMatch(Base):
    """What a statement line was: a document of ours, or nothing we know. The latest counts."""

    __tablename__ = "statement_match"
    __table_args__ = (Index("ix_statement_match_document", "kind", "document_id"),)
    id: Mapped[int] = _id()
    statement_line_id: Mapped[int] = mapped_column(ForeignKey("statement_line.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    """item_result, funding_receipt, advance, batch, batch_return, fee, fee_refund, interest or unknown."""
    document_id: Mapped[int | None] = mapped_column(BigInteger)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
