"""What was entered about a worker can be put right; what it said before is kept.

Revision: put_right.
"""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "put_right"
down_revision = "stood_in"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "worker_change",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=True),
        sa.Column("field", sa.String(length=8), nullable=False),
        sa.Column("was", sa.String(length=100), nullable=True),
        sa.Column("became", sa.String(length=100), nullable=True),
        sa.Column("was_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("became_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.CheckConstraint("field IN ('name', 'phone', 'team', 'entry_on')", name=op.f("ck_worker_change_field_known")),
        sa.CheckConstraint(
            "(engagement_id IS NULL) = (field IN ('name', 'phone'))", name=op.f("ck_worker_change_of_his_time")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_worker_change_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_worker_change_worker_id_worker")),
        sa.ForeignKeyConstraint(["engagement_id"], ["engagement.id"], name=op.f("fk_worker_change_engagement_id_engagement")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_change")),
    )
    op.create_index("ix_worker_change_worker", "worker_change", ["worker_id"])
    walls.stand(("worker_change",))


def downgrade() -> None:
    """What was put right stays so; what it said before is lost."""
    op.drop_index("ix_worker_change_worker", table_name="worker_change")
    op.drop_table("worker_change")
