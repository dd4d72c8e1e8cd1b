"""What a worker sends with an objection to a day stands with the objection, whether a correction is asked for or not.

Revision: objection_papers. Objections that are there name none: what came with one that became a correction stands with that;
of the others the file is kept, and nothing says which it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "objection_papers"
down_revision = "lines_of_a_worker"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("day_objection", sa.Column("evidence", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Which papers belong to which objection is lost; the papers stay."""
    op.drop_column("day_objection", "evidence")
