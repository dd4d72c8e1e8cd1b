"""Cameras that are pulled: where each is, what part of its picture is looked at, and how often.

Revision: cameras.
"""

import sqlalchemy as sa
from alembic import op

revision = "cameras"
down_revision = "journal_chained"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table of its own: a device without a row pushes, as all did before."""
    op.create_table(
        "camera",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("shown", sa.String(length=300), nullable=False),
        sa.Column("region", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("frames_per_second", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["device.id"], name="fk_camera_id_device"),
        sa.PrimaryKeyConstraint("id", name="pk_camera"),
    )


def downgrade() -> None:
    """Addresses are lost; the devices and what they recorded stay."""
    op.drop_table("camera")
