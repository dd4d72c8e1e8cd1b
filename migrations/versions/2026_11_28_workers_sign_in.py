"""A worker signs in: his role names him, and a code of one use lets him in.

Revision: workers_sign_in. The worker of a membership is set for the role ``worker`` alone. Codes are kept as hashes, good once
and for minutes.
"""

import sqlalchemy as sa
from alembic import op

revision = "workers_sign_in"
down_revision = "cameras"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """One column and one table."""
    op.add_column("membership", sa.Column("worker_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "sign_in_code",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("code_sha256", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_sign_in_code_project_id_project"),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name="fk_sign_in_code_worker_id_worker"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_code"),
        sa.UniqueConstraint("code_sha256", name="uq_sign_in_code_code_sha256"),
    )


def downgrade() -> None:
    """Workers sign in no more."""
    op.drop_table("sign_in_code")
    op.drop_column("membership", "worker_id")
