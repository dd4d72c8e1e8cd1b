"""Days and money: calendar, corrections, terms, sheets, ledger, bank; and the walls around them.

Revision: 0002, after 0001. What is in the house stays as it is; new columns of old tables get the value that
means what the house meant before: a man-day of 480 minutes, overtime not priced, pay day the 15th. Payments that
were recorded before there was a ledger are posted to it.
"""

from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite gives out row ids only for INTEGER PRIMARY KEY.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)

APPEND_ONLY = (
    "calendar_day",
    "correction",
    "correction_step",
    "day_mark",
    "evidence_file",
    "allowance",
    "advance",
    "deduction",
    "work_measure",
    "measure_share",
    "measure_acceptance",
    "area_rule",
    "voiding",
    "payroll_sheet",
    "payroll_line",
    "sheet_act",
    "worker_confirmation",
    "settlement",
    "ledger_account",
    "ledger_leg",
    "special_account",
    "bank_card",
    "file_template",
    "funding_plan",
    "funding_receipt",
    "payment_batch",
    "batch_act",
    "payment_item",
    "item_result",
    "statement_line",
    "statement_match",
    "export_record",
    "write_request",
)

TERMS = (
    "unit", "minutes_per_day", "overtime_rule", "overtime_unit_minutes", "relation", "hours_system", "month_method",
    "hour_floor_fen", "paper_id",
)  # fmt: skip
"""Columns of wage_term that hold what was agreed."""

MONEY = {
    "allowance": ("amount_fen",),
    "advance": ("amount_fen",),
    "deduction": ("amount_fen",),
    "work_measure": ("quantity_milli", "unit_price_fen"),
    "payroll_line": ("gross_fen", "deductions_fen", "advances_fen", "net_fen"),
    "settlement": ("accrued_fen", "withheld_fen", "paid_fen", "owed_fen"),
    "worker_confirmation": ("claimed_fen",),
    "ledger_leg": ("amount_fen",),
    "special_account": ("opening_fen",),
    "funding_plan": ("agreed_fen",),
    "funding_receipt": ("amount_fen",),
    "payment_batch": ("total_fen",),
    "payment_item": ("amount_fen",),
    "statement_line": ("amount_fen", "balance_after_fen"),
}


def added() -> dict[str, tuple[sa.Column, ...]]:
    """New columns of old tables.

    Plain ADD COLUMN, never alembic's batch mode: SQLite would rebuild the table and lose its triggers. SQLite takes
    no default in brackets there, and rows that exist need one for a column that is not null.
    """
    return {
        "project": (sa.Column("pay_day", sa.BigInteger(), server_default=sa.text("15"), nullable=False),),
        "wage_term": (
            sa.Column("unit", sa.String(length=16), nullable=True),
            sa.Column("minutes_per_day", sa.BigInteger(), server_default=sa.text("480"), nullable=False),
            sa.Column("overtime_rule", sa.String(length=8), server_default=sa.text("'none'"), nullable=False),
            sa.Column("overtime_unit_minutes", sa.BigInteger(), server_default=sa.text("480"), nullable=False),
            sa.Column("relation", sa.String(length=16), server_default=sa.text("'work_agreement'"), nullable=False),
            sa.Column("hours_system", sa.String(length=16), server_default=sa.text("'standard'"), nullable=False),
            sa.Column("month_method", sa.String(length=8), server_default=sa.text("'auto'"), nullable=False),
            sa.Column("hour_floor_fen", sa.BigInteger(), nullable=True),
            sa.Column("paper_id", sa.BigInteger(), nullable=True),
        ),
        "device": (
            sa.Column("complete_to", INSTANT, nullable=True),
            sa.Column("stored_events", sa.BigInteger(), nullable=True),
        ),
        "payment": (sa.Column("item_id", sa.BigInteger(), nullable=True),),
        "membership": (
            sa.Column("project_company_id", sa.BigInteger(), nullable=True),
            sa.Column("team_id", sa.BigInteger(), nullable=True),
        ),
    }


def own_walls() -> tuple[walls.Wall, ...]:
    """Walls of one condition that came with 0002."""
    return (
        walls.period_walls()
        + walls.ledger_walls()
        + walls.policy_walls()
        + walls.bank_walls()
        + walls.whole_numbers(MONEY)
    )


def upgrade() -> None:
    """Widen the old tables, build the new ones, then the walls."""
    walls.drop_term_walls()
    for table, columns in added().items():
        for column in columns:
            op.add_column(table, column)
    op.drop_index("ix_passage_worker_time", "passage")
    op.create_index("ix_passage_worker_time", "passage", ["project_id", "worker_id", "occurred_at"])

    op.create_table(
        "area_rule",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=48), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area_rule")),
    )
    op.create_index("ix_area_rule_key", "area_rule", ["key", "area_code", "valid_from"])

    op.create_table(
        "calendar_day",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("day_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_day")),
    )
    op.create_index("ix_calendar_day_on", "calendar_day", ["day_on"])

    op.create_table(
        "file_template",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("use", sa.String(length=12), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_template")),
    )
    op.create_index("ix_file_template_name", "file_template", ["name"])

    op.create_table(
        "voiding",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voiding")),
        sa.UniqueConstraint("kind", "row_id", name="uq_voiding_row"),
    )

    op.create_table(
        "write_request",
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_write_request")),
    )

    op.create_table(
        "attendance_day",
        sa.Column("project_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("worker_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("work_date", sa.Date(), nullable=False),
        sa.Column("engagement_id", sa.BigInteger(), nullable=True),
        sa.Column("team_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.Column("day_milli", sa.BigInteger(), nullable=True),
        sa.Column("overtime_minutes", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("first_in_at", INSTANT, nullable=True),
        sa.Column("last_out_at", INSTANT, nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("alive_until", INSTANT, nullable=True),
        sa.Column("projected_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_attendance_day_project_id_project")
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("fk_attendance_day_worker_id_worker")
        ),
        sa.PrimaryKeyConstraint("project_id", "worker_id", "work_date", name=op.f("pk_attendance_day")),
    )
    op.create_index("ix_attendance_day_alive", "attendance_day", ["project_id", "alive_until"])
    op.create_index("ix_attendance_day_date", "attendance_day", ["project_id", "work_date"])

    op.create_table(
        "bank_card",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("holder_name", sa.String(length=100), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("number_index", sa.String(length=64), nullable=False),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("bank_name", sa.String(length=100), nullable=False),
        sa.Column("bank_code", sa.String(length=14), nullable=True),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_bank_card_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_card")),
    )
    op.create_index(op.f("ix_bank_card_number_index"), "bank_card", ["number_index"])
    op.create_index(op.f("ix_bank_card_worker_id"), "bank_card", ["worker_id"])

    op.create_table(
        "evidence_file",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_evidence_file_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_file")),
        sa.UniqueConstraint("project_id", "sha256", name="uq_evidence_file_content"),
    )

    op.create_table(
        "export_record",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("form", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("head_hash", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_export_record_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_record")),
    )
    op.create_index(op.f("ix_export_record_project_id"), "export_record", ["project_id"])

    op.create_table(
        "ledger_txn",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("post_month", sa.Date(), nullable=False),
        sa.Column("origin_month", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("source_kind", sa.String(length=24), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("reverses_id", ROW_ID, nullable=True),
        sa.Column("posted", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("origin_month <= post_month", name=op.f("ck_ledger_txn_origin_before_post")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_ledger_txn_project_id_project")
        ),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["ledger_txn.id"], name=op.f("fk_ledger_txn_reverses_id_ledger_txn")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_txn")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_ledger_txn_reverses_id")),
        sa.UniqueConstraint("source_kind", "source_id", "kind", name="uq_ledger_txn_source"),
    )
    op.create_index("ix_ledger_txn_project_month", "ledger_txn", ["project_id", "post_month"])

    op.create_table(
        "month_wage",
        sa.Column("project_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("worker_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("engagement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("team_id", sa.BigInteger(), nullable=True),
        sa.Column("gross_fen", sa.BigInteger(), nullable=False),
        sa.Column("day_milli", sa.BigInteger(), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.Column("overtime_minutes", sa.BigInteger(), nullable=False),
        sa.Column("undecided_days", sa.BigInteger(), nullable=False),
        sa.Column("undecided_fen_max", sa.BigInteger(), nullable=False),
        sa.Column("no_terms_days", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("projected_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_month_wage_project_id_project")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_month_wage_worker_id_worker")),
        sa.PrimaryKeyConstraint("project_id", "worker_id", "month", "engagement_id", name=op.f("pk_month_wage")),
    )
    op.create_index("ix_month_wage_month", "month_wage", ["project_id", "month"])

    op.create_table(
        "pay_period",
        sa.Column("project_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("locked_by", sa.String(length=64), nullable=True),
        sa.Column("locked_at", INSTANT, nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_pay_period_project_id_project")
        ),
        sa.PrimaryKeyConstraint("project_id", "month", name=op.f("pk_pay_period")),
    )

    op.create_table(
        "projection_mark",
        sa.Column("project_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("passage_seq", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_projection_mark_project_id_project")
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_projection_mark")),
    )

    op.create_table(
        "special_account",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("company_id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("bank_name", sa.String(length=100), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("number_index", sa.String(length=64), nullable=False),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("opening_fen", sa.BigInteger(), nullable=False),
        sa.Column("parties", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_special_account_company_id_company")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_special_account_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_special_account")),
    )
    op.create_index(op.f("ix_special_account_project_id"), "special_account", ["project_id"])

    op.create_table(
        "stale_day",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", sa.BigInteger(), nullable=True),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_stale_day_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stale_day")),
    )
    op.create_index(op.f("ix_stale_day_project_id"), "stale_day", ["project_id"])

    op.create_table(
        "worker_confirmation",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("subject", sa.String(length=12), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("claimed_fen", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_worker_confirmation_project_id_project")
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("fk_worker_confirmation_worker_id_worker")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_confirmation")),
    )
    op.create_index("ix_worker_confirmation_hash", "worker_confirmation", ["worker_id", "content_hash"])

    op.create_table(
        "funding_plan",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("special_account_id", ROW_ID, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("agreed_fen", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint("agreed_fen > 0", name=op.f("ck_funding_plan_agreed_positive")),
        sa.ForeignKeyConstraint(
            ["special_account_id"],
            ["special_account.id"],
            name=op.f("fk_funding_plan_special_account_id_special_account"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_funding_plan")),
    )
    op.create_index(op.f("ix_funding_plan_special_account_id"), "funding_plan", ["special_account_id"])

    op.create_table(
        "funding_receipt",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("special_account_id", ROW_ID, nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_funding_receipt_amount_positive")),
        sa.ForeignKeyConstraint(
            ["special_account_id"],
            ["special_account.id"],
            name=op.f("fk_funding_receipt_special_account_id_special_account"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_funding_receipt")),
        sa.UniqueConstraint("special_account_id", "reference", name="uq_funding_receipt_reference"),
    )

    op.create_table(
        "payment_batch",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("special_account_id", ROW_ID, nullable=False),
        sa.Column("batch_no", sa.String(length=40), nullable=False),
        sa.Column("on_behalf_of", ROW_ID, nullable=True),
        sa.Column("template_id", ROW_ID, nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("file_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.CheckConstraint("count > 0 AND total_fen > 0", name=op.f("ck_payment_batch_not_empty")),
        sa.ForeignKeyConstraint(
            ["on_behalf_of"],
            ["project_company.id"],
            name=op.f("fk_payment_batch_on_behalf_of_project_company"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_payment_batch_project_id_project")
        ),
        sa.ForeignKeyConstraint(
            ["special_account_id"],
            ["special_account.id"],
            name=op.f("fk_payment_batch_special_account_id_special_account"),
        ),
        sa.ForeignKeyConstraint(
            ["template_id"], ["file_template.id"], name=op.f("fk_payment_batch_template_id_file_template")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_batch")),
        sa.UniqueConstraint("batch_no", name=op.f("uq_payment_batch_batch_no")),
    )
    op.create_index(op.f("ix_payment_batch_project_id"), "payment_batch", ["project_id"])

    op.create_table(
        "statement_line",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("special_account_id", ROW_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("bank_txn_id", sa.String(length=64), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("balance_after_fen", sa.BigInteger(), nullable=False),
        sa.Column("counterparty", sa.String(length=100), nullable=True),
        sa.Column("counterparty_last4", sa.String(length=4), nullable=True),
        sa.Column("counterparty_index", sa.String(length=64), nullable=True),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["special_account_id"],
            ["special_account.id"],
            name=op.f("fk_statement_line_special_account_id_special_account"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_line")),
        sa.UniqueConstraint("special_account_id", "seq", name="uq_statement_line_seq"),
        sa.UniqueConstraint("special_account_id", "bank_txn_id", name="uq_statement_line_txn"),
    )

    op.create_table(
        "attendance_policy",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("project_company_id", ROW_ID, nullable=True),
        sa.Column("team_id", ROW_ID, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("voided_by", sa.String(length=64), nullable=True),
        sa.Column("voided_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_attendance_policy_to_after_from")
        ),
        sa.ForeignKeyConstraint(
            ["project_company_id"],
            ["project_company.id"],
            name=op.f("fk_attendance_policy_project_company_id_project_company"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_attendance_policy_project_id_project")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_attendance_policy_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendance_policy")),
        sa.UniqueConstraint("project_id", "version", name="uq_attendance_policy_version"),
    )

    op.create_table(
        "batch_act",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("batch_id", ROW_ID, nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["payment_batch.id"], name=op.f("fk_batch_act_batch_id_payment_batch")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_act")),
        sa.UniqueConstraint("batch_id", "act", name="uq_batch_act"),
    )

    op.create_table(
        "day_mark",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("team_id", ROW_ID, nullable=True),
        sa.Column("worker_id", ROW_ID, nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=False),
        sa.Column("pay_permille", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "pay_permille >= 0 AND pay_permille <= 1000", name=op.f("ck_day_mark_pay_is_a_share")
        ),
        sa.CheckConstraint("to_on > from_on", name=op.f("ck_day_mark_to_after_from")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_day_mark_project_id_project")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_day_mark_team_id_team")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_day_mark_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_mark")),
    )
    op.create_index("ix_day_mark_project", "day_mark", ["project_id", "from_on"])

    op.create_table(
        "payroll_sheet",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("project_company_id", ROW_ID, nullable=False),
        sa.Column("team_id", ROW_ID, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("drafted_by", sa.String(length=64), nullable=False),
        sa.Column("drafted_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_company_id"],
            ["project_company.id"],
            name=op.f("fk_payroll_sheet_project_company_id_project_company"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_payroll_sheet_project_id_project")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_payroll_sheet_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payroll_sheet")),
        sa.UniqueConstraint("team_id", "month", "kind", "version", name="uq_payroll_sheet_version"),
    )
    op.create_index(op.f("ix_payroll_sheet_project_id"), "payroll_sheet", ["project_id"])

    op.create_table(
        "statement_match",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("statement_line_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_line_id"],
            ["statement_line.id"],
            name=op.f("fk_statement_match_statement_line_id_statement_line"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_match")),
    )
    op.create_index(op.f("ix_statement_match_statement_line_id"), "statement_match", ["statement_line_id"])

    op.create_table(
        "work_measure",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("team_id", ROW_ID, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("measured_on", sa.Date(), nullable=False),
        sa.Column("item", sa.String(length=100), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("quantity_milli", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.Column("split_by", sa.String(length=8), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "percent >= 100 AND percent <= 300", name=op.f("ck_work_measure_percent_in_range")
        ),
        sa.CheckConstraint(
            "quantity_milli > 0 AND unit_price_fen > 0", name=op.f("ck_work_measure_positive")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_work_measure_project_id_project")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_work_measure_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_measure")),
    )
    op.create_index("ix_work_measure_team", "work_measure", ["team_id", "month"])

    op.create_table(
        "advance",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("proof", sa.String(length=8), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_advance_amount_positive")),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_advance_engagement_id_engagement")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_advance")),
    )
    op.create_index("ix_advance_engagement", "advance", ["engagement_id"])

    op.create_table(
        "allowance",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("per", sa.String(length=8), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_allowance_amount_positive")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_allowance_to_after_from")
        ),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_allowance_engagement_id_engagement")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allowance")),
    )
    op.create_index("ix_allowance_engagement", "allowance", ["engagement_id"])

    op.create_table(
        "correction",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("work_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("in_at", INSTANT, nullable=True),
        sa.Column("out_at", INSTANT, nullable=True),
        sa.Column("passage_id", ROW_ID, nullable=True),
        sa.Column("minutes", sa.BigInteger(), nullable=True),
        sa.Column("day_milli", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["passage_id"], ["passage.id"], name=op.f("fk_correction_passage_id_passage")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_correction_project_id_project")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_correction_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index("ix_correction_day", "correction", ["project_id", "work_date"])
    op.create_index("ix_correction_worker", "correction", ["worker_id"])

    op.create_table(
        "deduction",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_deduction_amount_positive")),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_deduction_engagement_id_engagement")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deduction")),
    )
    op.create_index("ix_deduction_engagement", "deduction", ["engagement_id"])

    op.create_table(
        "ledger_account",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=True),
        sa.Column("project_company_id", ROW_ID, nullable=True),
        sa.Column("special_account_id", ROW_ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_ledger_account_engagement_id_engagement")
        ),
        sa.ForeignKeyConstraint(
            ["project_company_id"],
            ["project_company.id"],
            name=op.f("fk_ledger_account_project_company_id_project_company"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_ledger_account_project_id_project")
        ),
        sa.ForeignKeyConstraint(
            ["special_account_id"],
            ["special_account.id"],
            name=op.f("fk_ledger_account_special_account_id_special_account"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_account_key")),
    )
    op.create_index(op.f("ix_ledger_account_engagement_id"), "ledger_account", ["engagement_id"])
    op.create_index(op.f("ix_ledger_account_project_id"), "ledger_account", ["project_id"])

    op.create_table(
        "measure_acceptance",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("measure_id", ROW_ID, nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["measure_id"], ["work_measure.id"], name=op.f("fk_measure_acceptance_measure_id_work_measure")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measure_acceptance")),
        sa.UniqueConstraint("measure_id", name=op.f("uq_measure_acceptance_measure_id")),
    )

    op.create_table(
        "measure_share",
        sa.Column("measure_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("engagement_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_measure_share_engagement_id_engagement")
        ),
        sa.ForeignKeyConstraint(
            ["measure_id"], ["work_measure.id"], name=op.f("fk_measure_share_measure_id_work_measure")
        ),
        sa.PrimaryKeyConstraint("measure_id", "engagement_id", name=op.f("pk_measure_share")),
    )

    op.create_table(
        "payroll_line",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("sheet_id", ROW_ID, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("origin_month", sa.Date(), nullable=False),
        sa.Column("day_milli", sa.BigInteger(), nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.Column("overtime_minutes", sa.BigInteger(), nullable=False),
        sa.Column("gross_fen", sa.BigInteger(), nullable=False),
        sa.Column("deductions_fen", sa.BigInteger(), nullable=False),
        sa.Column("advances_fen", sa.BigInteger(), nullable=False),
        sa.Column("net_fen", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("card_id", sa.BigInteger(), nullable=True),
        sa.Column("line_hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "net_fen = gross_fen - deductions_fen - advances_fen", name=op.f("ck_payroll_line_net_adds_up")
        ),
        sa.CheckConstraint(
            "deductions_fen >= 0 AND advances_fen >= 0", name=op.f("ck_payroll_line_withheld_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_payroll_line_engagement_id_engagement")
        ),
        sa.ForeignKeyConstraint(
            ["sheet_id"], ["payroll_sheet.id"], name=op.f("fk_payroll_line_sheet_id_payroll_sheet")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_payroll_line_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payroll_line")),
        sa.UniqueConstraint("sheet_id", "engagement_id", "origin_month", name="uq_payroll_line_origin"),
    )
    op.create_index("ix_payroll_line_engagement", "payroll_line", ["engagement_id"])

    op.create_table(
        "settlement",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=False),
        sa.Column("exit_on", sa.Date(), nullable=False),
        sa.Column("accrued_fen", sa.BigInteger(), nullable=False),
        sa.Column("withheld_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("owed_fen", sa.BigInteger(), nullable=False),
        sa.Column("months", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_settlement_engagement_id_engagement")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement")),
    )
    op.create_index(op.f("ix_settlement_engagement_id"), "settlement", ["engagement_id"])

    op.create_table(
        "sheet_act",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("sheet_id", ROW_ID, nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["sheet_id"], ["payroll_sheet.id"], name=op.f("fk_sheet_act_sheet_id_payroll_sheet")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_act")),
        sa.UniqueConstraint("sheet_id", "act", name="uq_sheet_act"),
    )

    op.create_table(
        "correction_step",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("correction_id", ROW_ID, nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["correction_id"], ["correction.id"], name=op.f("fk_correction_step_correction_id_correction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_step")),
        sa.UniqueConstraint("correction_id", "act", name="uq_correction_step_act"),
    )

    op.create_table(
        "ledger_leg",
        sa.Column("txn_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("leg_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_fen <> 0", name=op.f("ck_ledger_leg_amount_not_zero")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_account.id"], name=op.f("fk_ledger_leg_account_id_ledger_account")
        ),
        sa.ForeignKeyConstraint(["txn_id"], ["ledger_txn.id"], name=op.f("fk_ledger_leg_txn_id_ledger_txn")),
        sa.PrimaryKeyConstraint("txn_id", "leg_no", name=op.f("pk_ledger_leg")),
    )
    op.create_index("ix_ledger_leg_account", "ledger_leg", ["account_id"])

    op.create_table(
        "payment_item",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("batch_id", ROW_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("line_id", ROW_ID, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("card_id", ROW_ID, nullable=False),
        sa.Column("retry_of", ROW_ID, nullable=True),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_payment_item_amount_positive")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["payment_batch.id"], name=op.f("fk_payment_item_batch_id_payment_batch")
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["bank_card.id"], name=op.f("fk_payment_item_card_id_bank_card")
        ),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_payment_item_engagement_id_engagement")
        ),
        sa.ForeignKeyConstraint(
            ["line_id"], ["payroll_line.id"], name=op.f("fk_payment_item_line_id_payroll_line")
        ),
        sa.ForeignKeyConstraint(
            ["retry_of"], ["payment_item.id"], name=op.f("fk_payment_item_retry_of_payment_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_item")),
        sa.UniqueConstraint("retry_of", name=op.f("uq_payment_item_retry_of")),
        sa.UniqueConstraint("batch_id", "seq", name="uq_payment_item_seq"),
    )
    op.create_index("ix_payment_item_line", "payment_item", ["line_id"])

    op.create_table(
        "item_result",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("item_id", ROW_ID, nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=24), nullable=True),
        sa.Column("bank_ref", sa.String(length=64), nullable=True),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["payment_item.id"], name=op.f("fk_item_result_item_id_payment_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_result")),
        sa.UniqueConstraint("bank_ref", name=op.f("uq_item_result_bank_ref")),
        sa.UniqueConstraint("item_id", "status", name="uq_item_result_status"),
    )

    walls.stand(APPEND_ONLY)
    walls.no_truncate(("pay_period", "ledger_txn", "attendance_policy"))
    walls.put_up(own_walls())
    walls.term_walls(TERMS)
    post_payments()
    # Last: a table with deferred triggers waiting cannot be altered in the same transaction.
    walls.unposted_wall()


def post_payments() -> None:
    """Post what workers received before there was a ledger: all of it outside a special account.

    As ``app.ledger.post_off_account`` does it: against the engagement that covers the month the money was for.
    """
    db = op.get_bind()
    paid = db.execute(
        sa.text(
            "SELECT p.id, p.project_id, p.worker_id, p.amount_fen, p.for_month, p.reverses_id, p.recorded_by, p.recorded_at, "
            "j.time_zone FROM payment p JOIN project j ON j.id = p.project_id ORDER BY p.id"
        ).columns(for_month=sa.Date(), recorded_at=INSTANT)
    ).all()
    if not paid:
        return
    engagement = sa.table("engagement", *(sa.column(n) for n in ("id", "worker_id", "project_id")), *(sa.column(n, sa.Date()) for n in ("entry_on", "exit_on")))
    account = sa.table("ledger_account", *(sa.column(n) for n in ("id", "key", "kind", "project_id", "engagement_id")))
    txn = sa.table(
        "ledger_txn",
        *(sa.column(n) for n in ("id", "project_id", "kind", "source_kind", "source_id", "created_by")),
        *(sa.column(n, sa.Date()) for n in ("post_month", "origin_month")),
        sa.column("posted", sa.Boolean()),
        sa.column("created_at", INSTANT),
    )
    leg = sa.table("ledger_leg", *(sa.column(n) for n in ("txn_id", "leg_no", "account_id", "amount_fen")))
    held: dict[tuple[int, int], list[sa.Row]] = {}
    for row in db.execute(sa.select(engagement).order_by(engagement.c.entry_on, engagement.c.id)):
        held.setdefault((row.project_id, row.worker_id), []).append(row)
    of: dict[int, int] = {}
    for payment in paid:
        of[payment.id] = of.get(payment.reverses_id) or _engagement(held[payment.project_id, payment.worker_id], payment.for_month)
    named = {f"wages_payable:e{of[p.id]}": ("wages_payable", p.project_id, of[p.id]) for p in paid}
    named |= {f"off_account:p{p.project_id}": ("off_account", p.project_id, None) for p in paid}
    db.execute(
        sa.insert(account),
        [{"key": key, "kind": kind, "project_id": project, "engagement_id": e} for key, (kind, project, e) in named.items()],
    )
    ids = {row.key: row.id for row in db.execute(sa.select(account.c.key, account.c.id))}
    posted = []
    for payment in paid:
        recorded_at = payment.recorded_at.replace(tzinfo=payment.recorded_at.tzinfo or UTC)
        month = recorded_at.astimezone(ZoneInfo(payment.time_zone)).date().replace(day=1)
        posted.append(
            {
                "project_id": payment.project_id, "post_month": month, "origin_month": min(month, payment.for_month.replace(day=1)),
                "kind": "off_account", "source_kind": "payment", "source_id": payment.id, "posted": False,
                "created_by": payment.recorded_by, "created_at": payment.recorded_at,
            }
        )  # fmt: skip
    db.execute(sa.insert(txn), posted)
    txns = {row.source_id: row.id for row in db.execute(sa.select(txn.c.source_id, txn.c.id))}
    legs = []
    for payment in paid:
        for number, (key, fen) in enumerate(
            ((f"wages_payable:e{of[payment.id]}", payment.amount_fen), (f"off_account:p{payment.project_id}", -payment.amount_fen))
        ):
            legs.append({"txn_id": txns[payment.id], "leg_no": number + 1, "account_id": ids[key], "amount_fen": fen})
    db.execute(sa.insert(leg), legs)
    db.execute(sa.update(txn).values(posted=True))


def _engagement(held: list[sa.Row], month: date) -> int:
    """The engagement money for ``month`` goes to: the latest that touches it, else the latest before, else the first."""
    end = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
    begun = [e for e in held if e.entry_on < end]
    touching = [e for e in begun if e.exit_on is None or e.exit_on > month.replace(day=1)]
    return (touching or begun or held[:1])[-1].id


def downgrade() -> None:
    """Take down what came with 0002. All days and money are lost: for tests."""
    walls.drop_term_walls()
    walls.drop_unposted_wall()
    walls.take_down(own_walls())
    for table in (
        "item_result",
        "payment_item",
        "ledger_leg",
        "correction_step",
        "sheet_act",
        "settlement",
        "payroll_line",
        "measure_share",
        "measure_acceptance",
        "ledger_account",
        "deduction",
        "correction",
        "allowance",
        "advance",
        "work_measure",
        "statement_match",
        "payroll_sheet",
        "day_mark",
        "batch_act",
        "attendance_policy",
        "statement_line",
        "payment_batch",
        "funding_receipt",
        "funding_plan",
        "worker_confirmation",
        "stale_day",
        "special_account",
        "projection_mark",
        "pay_period",
        "month_wage",
        "ledger_txn",
        "export_record",
        "evidence_file",
        "bank_card",
        "attendance_day",
        "write_request",
        "voiding",
        "file_template",
        "calendar_day",
        "area_rule",
    ):
        op.drop_table(table)
    op.drop_index("ix_passage_worker_time", "passage")
    op.create_index("ix_passage_worker_time", "passage", ["worker_id", "occurred_at"])
    for table, columns in added().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
    walls.term_walls()
