"""Long work goes on when the page that ordered it is left: what was ordered, how far it is, and the file it made.

Revision: tasks.
"""

import sqlalchemy as sa
from alembic import op

revision = "tasks"
down_revision = "sums_of_a_year"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "task",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=True),
        sa.Column("claimed_until", INSTANT, nullable=True),
        sa.Column("not_before", INSTANT, nullable=True),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("refusal", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_task_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    under_way = sa.text("ended_at IS NULL")
    op.create_index("uq_task_under_way", "task", ["fingerprint"], unique=True, sqlite_where=under_way, postgresql_where=under_way)
    op.create_index("ix_task_by_project_id", "task", ["by", "project_id"])
    op.create_index("ix_task_ended_at", "task", ["ended_at"])
    op.create_table(
        "task_file",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("task_id", ROW_ID, nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_file_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_file")),
        sa.UniqueConstraint("task_id", name=op.f("uq_task_file_task_id")),
    )


def downgrade() -> None:
    """What is under way is lost, and has to be asked for again."""
    op.drop_table("task_file")
    op.drop_table("task")
