"""What a gate is called, and before anybody passed where it leads, can be put right; one nobody passed can be retired.

Revision: gate_put_right. Gates that are there are what they were added as.
"""

import sqlalchemy as sa
from alembic import op

revision = "gate_put_right"
down_revision = "put_right"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gate", sa.Column("called", sa.String(length=100), nullable=True))
    op.add_column("gate", sa.Column("leads", sa.String(length=4), nullable=True))
    op.add_column("gate", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Gates are called what they were added as, and retired ones are listed again."""
    op.drop_column("gate", "retired_at")
    op.drop_column("gate", "leads")
    op.drop_column("gate", "called")
