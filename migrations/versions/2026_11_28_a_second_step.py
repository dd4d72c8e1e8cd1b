"""Signing in takes a second step where somebody wants one, and says from where it was done.

Revision: second_step. A session knows its address, its browser and when it was last seen; sessions of before know none of it.
Tries to sign in are kept for people to read, beside the rows of minutes that limit them.
"""

import sqlalchemy as sa
from alembic import op

revision = "second_step"
down_revision = "consent_signed"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=f"fk_{table}_account_id_account")


def upgrade() -> None:
    """Four tables, and what a session knows."""
    op.add_column("sign_in", sa.Column("seen_at", INSTANT, nullable=True))
    op.add_column("sign_in", sa.Column("address", sa.String(length=64), server_default=sa.text("''"), nullable=False))
    op.add_column("sign_in", sa.Column("agent", sa.String(length=200), server_default=sa.text("''"), nullable=False))
    op.add_column("sign_in", sa.Column("second", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_table(
        "sign_in_step",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        _of_account("sign_in_step"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sign_in_step"),
    )
    op.create_index("ix_sign_in_step_account_id", "sign_in_step", ["account_id"])
    op.create_table(
        "second_step",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.Column("used_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        _of_account("second_step"),
        sa.PrimaryKeyConstraint("id", name="pk_second_step"),
        sa.UniqueConstraint("account_id", name="uq_second_step_account_id"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("code_sha256", sa.String(length=64), nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        _of_account("recovery_code"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
        sa.UniqueConstraint("code_sha256", name="uq_recovery_code_code_sha256"),
    )
    op.create_index("ix_recovery_code_account_id", "recovery_code", ["account_id"])
    op.create_table(
        "sign_in_event",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("means", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        _of_account("sign_in_event"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_event"),
    )
    op.create_index("ix_sign_in_event_account", "sign_in_event", ["account_id", "at"])
    op.create_index("ix_sign_in_event_at", "sign_in_event", ["at"])


def downgrade() -> None:
    """A password is enough again."""
    for table in ("sign_in_event", "recovery_code", "second_step", "sign_in_step"):
        op.drop_table(table)
    for column in ("second", "agent", "address", "seen_at"):
        op.drop_column("sign_in", column)
