"""How far the facts of a project month went when it was audited: what has not moved is not audited again the same day.

Revision: audit_mark. A table that can be thrown away; nothing is moved.
"""

import sqlalchemy as sa
from alembic import op

revision = "audit_mark"
down_revision = "gate_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "audit_mark",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("audited_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_audit_mark_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", "month", name=op.f("pk_audit_mark")),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("audit_mark")
