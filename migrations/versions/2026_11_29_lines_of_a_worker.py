"""The lines of one worker are found by an index of his, not along everybody's.

Revision: lines_of_a_worker. No fact changes; a moment for ten thousand lines.
"""

from alembic import op

revision = "lines_of_a_worker"
down_revision = "month_counted"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_payroll_line_worker", "payroll_line", ["worker_id", "origin_month"])


def downgrade() -> None:
    """Nothing is lost."""
    op.drop_index("ix_payroll_line_worker", "payroll_line")
