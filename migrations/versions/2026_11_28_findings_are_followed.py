"""Findings are followed: notices with a deadline, evidence of decisions, and where each finding stands beside it.

Revision: findings_followed. Where a finding stands is worked out from its decisions (``domain.casework``) and kept in its row,
so that a county of projects is counted without reading every decision. What was decided before keeps its meaning: the latest
answer or closing holds when it was made about the evidence there is.
"""

import sqlalchemy as sa
from alembic import op

revision = "findings_followed"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Widen both tables; the rows there get their state."""
    op.add_column("finding", sa.Column("state", sa.String(length=16), server_default=sa.text("'open'"), nullable=False))
    op.add_column("finding", sa.Column("in_hand", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("finding", sa.Column("due_on", sa.Date(), nullable=True))
    op.add_column("finding", sa.Column("reopened_at", INSTANT, nullable=True))
    op.add_column("finding", sa.Column("reopened_after", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("finding_decision", sa.Column("evidence", sa.JSON(), nullable=True))
    op.add_column("finding_decision", sa.Column("due_on", sa.Date(), nullable=True))
    op.execute(
        """UPDATE finding SET state = (
            SELECT d.state FROM finding_decision d WHERE d.finding_id = finding.id ORDER BY d.id DESC LIMIT 1)
        WHERE EXISTS (
            SELECT 1 FROM finding_decision d WHERE d.finding_id = finding.id AND d.evidence_digest = finding.evidence_digest
            AND d.state IN ('explained', 'rectified', 'verified_closed')
            AND d.id = (SELECT max(last.id) FROM finding_decision last WHERE last.finding_id = finding.id))"""
    )


def downgrade() -> None:
    """The decisions stay; deadlines and evidence of decisions are lost with their columns."""
    for column in ("due_on", "evidence"):
        op.drop_column("finding_decision", column)
    for column in ("reopened_after", "reopened_at", "due_on", "in_hand", "state"):
        op.drop_column("finding", column)
