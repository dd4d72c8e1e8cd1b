"""Workers object to days and are answered; a signature on a phone or by face says how it was given.

Revision: workers_speak. Sessions there keep no maker of their code: they began before it was noted.
"""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "workers_speak"
down_revision = "gate_screens"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Three tables and one column."""
    op.add_column("sign_in", sa.Column("code_by", sa.String(length=64), nullable=True))
    op.create_table(
        "day_objection",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("work_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("in_at", INSTANT, nullable=True),
        sa.Column("out_at", INSTANT, nullable=True),
        sa.Column("correction_id", ROW_ID, nullable=True),
        sa.Column("correction_refused", sa.String(length=40), nullable=True),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('missing_in', 'missing_out', 'absent', 'hours', 'other')", name=op.f("ck_day_objection_kind_known")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_day_objection_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_day_objection_worker_id_worker")),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name=op.f("fk_day_objection_correction_id_correction")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_objection")),
    )
    op.create_index("ix_day_objection_project", "day_objection", ["project_id", "worker_id"])
    op.create_table(
        "objection_answer",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("subject", sa.String(length=4), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint("subject IN ('day', 'line')", name=op.f("ck_objection_answer_subject_known")),
        sa.CheckConstraint("outcome IN ('accepted', 'kept')", name=op.f("ck_objection_answer_outcome_known")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_objection_answer_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objection_answer")),
    )
    op.create_index("ix_objection_answer_subject", "objection_answer", ["project_id", "subject", "subject_id"])
    op.create_table(
        "signature_proof",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("confirmation_id", ROW_ID, nullable=False),
        sa.Column("means", sa.String(length=5), nullable=False),
        sa.Column("code_by", sa.String(length=64), nullable=True),
        sa.Column("session_at", INSTANT, nullable=True),
        sa.Column("similarity", sa.Float(), nullable=True),
        sa.Column("similarity_min", sa.Float(), nullable=True),
        sa.Column("far", sa.Float(), nullable=True),
        sa.Column("contract_id", sa.String(length=64), nullable=True),
        sa.Column("picture_sha256", sa.String(length=64), nullable=True),
        sa.CheckConstraint("means IN ('phone', 'face')", name=op.f("ck_signature_proof_means_known")),
        sa.ForeignKeyConstraint(
            ["confirmation_id"], ["worker_confirmation.id"], name=op.f("fk_signature_proof_confirmation_id_worker_confirmation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature_proof")),
        sa.UniqueConstraint("confirmation_id", name=op.f("uq_signature_proof_confirmation_id")),
    )
    walls.stand(TABLES)


TABLES = ("day_objection", "objection_answer", "signature_proof")


def downgrade() -> None:
    """What was said to a day is lost, and how signatures were given."""
    op.drop_table("signature_proof")
    op.drop_index("ix_objection_answer_subject", table_name="objection_answer")
    op.drop_table("objection_answer")
    op.drop_index("ix_day_objection_project", table_name="day_objection")
    op.drop_table("day_objection")
    op.drop_column("sign_in", "code_by")
