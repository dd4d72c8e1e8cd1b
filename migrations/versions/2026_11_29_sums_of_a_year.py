"""What is owed is added up from indexes, and each project says how far its facts about money go.

Revision: sums_of_a_year. No fact changes; a second or two for a year of a thousand workers. A project without a row has moved
nothing yet: what a process keeps of its answers begins anew with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "sums_of_a_year"
down_revision = "objection_papers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fact_mark",
        sa.Column("project_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_fact_mark")),
    )
    op.create_index("ix_worker_confirmation_content", "worker_confirmation", ["content_hash"])
    op.create_index(
        "ix_payroll_line_sums", "payroll_line", ["sheet_id", "origin_month", "worker_id", "engagement_id", "gross_fen", "net_fen"]
    )
    op.create_index("ix_statement_match_document", "statement_match", ["kind", "document_id"])
    op.create_index("ix_item_result_said", "item_result", ["item_id", "status", "happened_on"])
    op.create_index("ix_payment_sums", "payment", ["project_id", "worker_id", "for_month", "channel", "paid_on", "amount_fen"])
    op.drop_index("ix_month_wage_month", "month_wage")
    op.create_index(
        "ix_month_wage_month", "month_wage",
        ["project_id", "month", "worker_id", "engagement_id", "gross_fen", "day_milli", "undecided_days"],
    )  # fmt: skip


def downgrade() -> None:
    """Nothing is lost."""
    op.drop_index("ix_month_wage_month", "month_wage")
    op.create_index("ix_month_wage_month", "month_wage", ["project_id", "month"])
    op.drop_index("ix_payment_sums", "payment")
    op.drop_index("ix_item_result_said", "item_result")
    op.drop_index("ix_statement_match_document", "statement_match")
    op.drop_index("ix_payroll_line_sums", "payroll_line")
    op.drop_index("ix_worker_confirmation_content", "worker_confirmation")
    op.drop_table("fact_mark")
