"""Who agrees to a correction in place of the labour officer or the leader is told from who agrees as one.

Revision: stood_in. Steps that are there were said by whose word they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "stood_in"
down_revision = "tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("correction_step", sa.Column("stood_in_as", sa.String(length=16), nullable=True))


def downgrade() -> None:
    """Who stood in is left in the journal."""
    op.drop_column("correction_step", "stood_in_as")
