"""Faces beside the gate's answer: review, identity cards, changes of pack, one face twice.

Revision: 0003_faces, after findings_followed. New tables only; nothing that was there changes.
"""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0003_faces"
down_revision = "findings_followed"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)

APPEND_ONLY = (
    "face_policy",
    "face_match",
    "identity_check",
    "identity_override",
    "pack_change",
    "pack_change_act",
    "pack_change_fault",
    "twin_search",
    "twin",
    "twin_review",
)


def upgrade() -> None:
    """Build the tables and their walls."""
    op.create_table(
        "pack_change",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("from_contract_id", sa.String(length=64), nullable=False),
        sa.Column("from_pack_id", sa.String(length=128), nullable=False),
        sa.Column("to_contract_id", sa.String(length=64), nullable=False),
        sa.Column("to_pack_id", sa.String(length=128), nullable=False),
        sa.Column("started_by", sa.String(length=64), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pack_change")),
    )
    op.create_table(
        "twin_search",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("contract_id", sa.String(length=64), nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("searched_to", sa.BigInteger(), nullable=False),
        sa.Column("templates", sa.BigInteger(), nullable=False),
        sa.Column("fresh", sa.BigInteger(), nullable=False),
        sa.Column("similarity_min", sa.Float(), nullable=False),
        sa.Column("far", sa.Float(), nullable=True),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("searched_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twin_search")),
    )
    op.create_index("ix_twin_search_contract", "twin_search", ["contract_id", "area_code"])

    op.create_table(
        "face_advice",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("cleared_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_face_advice_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_face_advice_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_advice")),
        sa.UniqueConstraint("project_id", "worker_id", "code", name=op.f("uq_face_advice_project_id")),
    )
    op.create_table(
        "face_policy",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("review_pictures", sa.String(length=8), nullable=False),
        sa.Column("review_days", sa.BigInteger(), nullable=False),
        sa.Column("identity_check", sa.String(length=8), nullable=False),
        sa.Column("card_and_face", sa.Boolean(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_face_policy_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_policy")),
    )
    op.create_index(op.f("ix_face_policy_project_id"), "face_policy", ["project_id"])

    op.create_table(
        "identity_check",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=False),
        sa.Column("similarity_min", sa.Float(), nullable=False),
        sa.Column("far", sa.Float(), nullable=True),
        sa.Column("contract_id", sa.String(length=64), nullable=False),
        sa.Column("live_sha256", sa.String(length=64), nullable=False),
        sa.Column("portrait_index", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_identity_check_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_identity_check_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_check")),
    )
    op.create_index("ix_identity_check_worker", "identity_check", ["project_id", "worker_id"])

    op.create_table(
        "pack_change_act",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("change_id", ROW_ID, nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("holds_from", INSTANT, nullable=False),
        sa.Column("done_by", sa.String(length=64), nullable=False),
        sa.Column("done_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["pack_change.id"], name=op.f("fk_pack_change_act_change_id_pack_change")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pack_change_act")),
    )
    op.create_index(op.f("ix_pack_change_act_change_id"), "pack_change_act", ["change_id"])

    op.create_table(
        "identity_override",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("check_id", ROW_ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["identity_check.id"], name=op.f("fk_identity_override_check_id_identity_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_override")),
        sa.UniqueConstraint("check_id", name=op.f("uq_identity_override_check_id")),
    )
    op.create_table(
        "pack_change_fault",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("change_id", ROW_ID, nullable=False),
        sa.Column("template_id", ROW_ID, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("found_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["pack_change.id"], name=op.f("fk_pack_change_fault_change_id_pack_change")),
        sa.ForeignKeyConstraint(["template_id"], ["face_template.id"], name=op.f("fk_pack_change_fault_template_id_face_template")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pack_change_fault")),
        sa.UniqueConstraint("change_id", "template_id", name=op.f("uq_pack_change_fault_change_id")),
    )
    op.create_table(
        "twin",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("search_id", ROW_ID, nullable=False),
        sa.Column("contract_id", sa.String(length=64), nullable=False),
        sa.Column("low_worker_id", ROW_ID, nullable=False),
        sa.Column("high_worker_id", ROW_ID, nullable=False),
        sa.Column("low_template_id", ROW_ID, nullable=False),
        sa.Column("high_template_id", ROW_ID, nullable=False),
        sa.Column("similarity", sa.Float(), nullable=False),
        sa.Column("similarity_min", sa.Float(), nullable=False),
        sa.Column("found_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["high_template_id"], ["face_template.id"], name=op.f("fk_twin_high_template_id_face_template")),
        sa.ForeignKeyConstraint(["high_worker_id"], ["worker.id"], name=op.f("fk_twin_high_worker_id_worker")),
        sa.ForeignKeyConstraint(["low_template_id"], ["face_template.id"], name=op.f("fk_twin_low_template_id_face_template")),
        sa.ForeignKeyConstraint(["low_worker_id"], ["worker.id"], name=op.f("fk_twin_low_worker_id_worker")),
        sa.ForeignKeyConstraint(["search_id"], ["twin_search.id"], name=op.f("fk_twin_search_id_twin_search")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twin")),
        sa.UniqueConstraint("low_worker_id", "high_worker_id", "contract_id", name=op.f("uq_twin_low_worker_id")),
    )
    op.create_index(op.f("ix_twin_high_worker_id"), "twin", ["high_worker_id"])
    op.create_index(op.f("ix_twin_low_worker_id"), "twin", ["low_worker_id"])

    op.create_table(
        "face_match",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("passage_id", ROW_ID, nullable=False),
        sa.Column("verdict", sa.String(length=12), nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["passage_id"], ["passage.id"], name=op.f("fk_face_match_passage_id_passage")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_face_match_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_face_match_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_match")),
    )
    op.create_index(op.f("ix_face_match_passage_id"), "face_match", ["passage_id"])
    op.create_index(op.f("ix_face_match_worker_id"), "face_match", ["worker_id"])

    op.create_table(
        "review_picture",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("passage_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=True),
        sa.Column("picture_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("kept_at", INSTANT, nullable=False),
        sa.Column("erase_at", INSTANT, nullable=False),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.Column("erased_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["passage_id"], ["passage.id"], name=op.f("fk_review_picture_passage_id_passage")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_review_picture_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_review_picture_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_picture")),
        sa.UniqueConstraint("passage_id", name=op.f("uq_review_picture_passage_id")),
    )
    op.create_index("ix_review_picture_due", "review_picture", ["erased_at", "erase_at"])
    op.create_index(op.f("ix_review_picture_worker_id"), "review_picture", ["worker_id"])

    op.create_table(
        "twin_review",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("twin_id", ROW_ID, nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["twin_id"], ["twin.id"], name=op.f("fk_twin_review_twin_id_twin")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_twin_review")),
    )
    op.create_index(op.f("ix_twin_review_twin_id"), "twin_review", ["twin_id"])
    walls.stand(APPEND_ONLY)



def downgrade() -> None:
    """Take the tables down with all that is in them."""
    for table in (
        "twin_review",
        "review_picture",
        "face_match",
        "twin",
        "pack_change_fault",
        "identity_override",
        "pack_change_act",
        "identity_check",
        "face_policy",
        "face_advice",
        "twin_search",
        "pack_change",
    ):
        op.drop_table(table)
