"""Screens that stand at a gate, people who let somebody in by hand, and where photographs are shown.

Revision: gate_screens.
"""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "gate_screens"
down_revision = "second_step"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Two new tables; whoever has rules for faces goes on without photographs at the gate."""
    op.create_table(
        "gate_screen",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("gate_id", ROW_ID, nullable=True),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("code_sha256", sa.String(length=64), nullable=False),
        sa.Column("code_until", INSTANT, nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=True),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("seen_at", INSTANT, nullable=True),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("revoked_by", sa.String(length=64), nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["gate_id"], ["gate.id"], name=op.f("fk_gate_screen_gate_id_gate")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_gate_screen_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_screen")),
        sa.UniqueConstraint("code_sha256", name=op.f("uq_gate_screen_code_sha256")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_gate_screen_key_sha256")),
    )
    op.create_index(op.f("ix_gate_screen_project_id"), "gate_screen", ["project_id"])
    op.create_table(
        "manual_passage",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("gate_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("direction", sa.String(length=4), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("correction_id", ROW_ID, nullable=False),
        sa.Column("let_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_manual_passage_project_id_project")),
        sa.ForeignKeyConstraint(["gate_id"], ["gate.id"], name=op.f("fk_manual_passage_gate_id_gate")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_manual_passage_worker_id_worker")),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name=op.f("fk_manual_passage_correction_id_correction")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manual_passage")),
        sa.UniqueConstraint("correction_id", name=op.f("uq_manual_passage_correction_id")),
    )
    op.create_index("ix_manual_passage_project", "manual_passage", ["project_id", "at"])
    walls.stand(("manual_passage",))
    op.add_column("face_policy", sa.Column("gate_photos", sa.String(length=8), server_default=sa.text("'off'"), nullable=False))


def downgrade() -> None:
    """Screens must be set up again; who was let in by hand is lost, the corrections asked for with it stay."""
    op.drop_column("face_policy", "gate_photos")
    op.drop_table("manual_passage")
    op.drop_table("gate_screen")
