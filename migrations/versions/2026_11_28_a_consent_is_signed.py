"""A consent may rest on a signature: the file of evidence it was signed with.

Revision: consent_signed. Consents that are there have none, and keep the seals they have: what is empty is part of no mark.
"""

import sqlalchemy as sa
from alembic import op

revision = "consent_signed"
down_revision = "what_wages_read"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column; plain ADD COLUMN, as in 0002."""
    op.add_column("consent", sa.Column("evidence_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Which file a consent was signed with is lost: for tests."""
    op.drop_column("consent", "evidence_id")
