"""Where in its frames a gate looks for faces, and how finely.

Revision: gate_search. Gates that are there look everywhere, as the pack does.
"""

import sqlalchemy as sa
from alembic import op

revision = "gate_search"
down_revision = "workers_sign_in"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gate", sa.Column("search_region", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("gate", sa.Column("search_side", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """What was said about gates is lost; they look everywhere again."""
    op.drop_column("gate", "search_side")
    op.drop_column("gate", "search_region")
