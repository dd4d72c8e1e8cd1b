"""What a decision rests on: the picture's own digest, liveness, votes and rates; rules of deciding for each project.

Revision: decision_basis. Passages that are there stay as they are and verify as before: what came later and is empty
is no part of what a link commits to (``app.store.gates``).
"""

import sqlalchemy as sa
from alembic import op

revision = "decision_basis"
down_revision = "0003_faces"
branch_labels = None
depends_on = None


# SQLite gives out row ids only for INTEGER PRIMARY KEY.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def added() -> dict[str, tuple[sa.Column, ...]]:
    """New columns of old tables; plain ADD COLUMN, as in 0002."""
    return {
        "gate": (sa.Column("face_px_min", sa.BigInteger(), nullable=True),),
        "passage": (
            sa.Column("frame_sha256", sa.String(length=64), nullable=True),
            sa.Column("liveness", sa.Float(), nullable=True),
            sa.Column("liveness_min", sa.Float(), nullable=True),
            sa.Column("basis", sa.JSON(), nullable=True),
        ),
    }


def upgrade() -> None:
    for table, columns in added().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index("ix_passage_frame", "passage", ["project_id", "frame_sha256"])
    op.create_table(
        "decision_policy",
        sa.Column("project_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("stranger_max", sa.Float(), nullable=True),
        sa.Column("votes_min", sa.BigInteger(), nullable=True),
        sa.Column("track_seconds", sa.Float(), nullable=True),
        sa.Column("liveness", sa.String(length=8), nullable=True),
        sa.Column("replay", sa.String(length=8), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_decision_policy_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_decision_policy")),
    )


def downgrade() -> None:
    """Take down what came with it; what decisions rested on is lost: for tests."""
    op.drop_table("decision_policy")
    op.drop_index("ix_passage_frame", "passage")
    for table, columns in added().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
