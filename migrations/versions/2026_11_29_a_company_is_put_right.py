"""What was entered about a company can be put right; what it said before is kept.

Revision: company_put_right.
"""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "company_put_right"
down_revision = "gate_put_right"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "company_change",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("company_id", ROW_ID, nullable=False),
        sa.Column("project_company_id", ROW_ID, nullable=True),
        sa.Column("field", sa.String(length=8), nullable=False),
        sa.Column("was", sa.String(length=200), nullable=True),
        sa.Column("became", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.CheckConstraint("field IN ('name', 'uscc', 'role', 'entry_on')", name=op.f("ck_company_change_field_known")),
        sa.CheckConstraint(
            "(project_company_id IS NULL) = (field IN ('name', 'uscc'))", name=op.f("ck_company_change_of_its_role")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_company_change_project_id_project")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_company_change_company_id_company")),
        sa.ForeignKeyConstraint(
            ["project_company_id"], ["project_company.id"], name=op.f("fk_company_change_project_company_id_project_company")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company_change")),
    )
    op.create_index("ix_company_change_company", "company_change", ["company_id"])
    walls.stand(("company_change",))


def downgrade() -> None:
    """What was put right stays so; what it said before is lost."""
    op.drop_index("ix_company_change_company", table_name="company_change")
    op.drop_table("company_change")
