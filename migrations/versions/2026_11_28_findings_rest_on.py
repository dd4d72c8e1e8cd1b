"""Findings say what they rest on: limits, money at stake, the last good day; and a project has papers.

Revision: findings_rest_on. Findings there keep empty columns until the next run looks at them.
"""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "findings_rest_on"
down_revision = "decision_basis"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Widen findings; make room for papers."""
    op.add_column("finding", sa.Column("thresholds", sa.String(length=40), nullable=True))
    op.add_column("finding", sa.Column("amount_fen", sa.BigInteger(), nullable=True))
    op.add_column("finding", sa.Column("expected_on", sa.Date(), nullable=True))
    op.create_table(
        "project_paper",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("worker_id", ROW_ID, nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint("to_on IS NULL OR to_on > from_on", name=op.f("ck_project_paper_to_after_from")),
        sa.CheckConstraint("amount_fen IS NULL OR amount_fen > 0", name=op.f("ck_project_paper_amount_positive")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_project_paper_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_project_paper_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_paper")),
    )
    op.create_index("ix_project_paper_project", "project_paper", ["project_id", "kind"])
    walls.stand(("project_paper",))


def downgrade() -> None:
    """Papers are lost, and what findings said beyond their sentence."""
    op.drop_index("ix_project_paper_project", table_name="project_paper")
    op.drop_table("project_paper")
    for column in ("expected_on", "amount_fen", "thresholds"):
        op.drop_column("finding", column)
