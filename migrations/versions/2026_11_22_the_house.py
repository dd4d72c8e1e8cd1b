"""The house: every table of the first Muster, and the walls around facts.

Revision: 0001, after nothing.

Written out in full, not made from ``app.tables``: a migration must do the same in ten years, whatever the
tables are called by then. ``tests/test_migrations.py`` holds the two together.
"""

import sqlalchemy as sa
from alembic import op

from migrations import walls

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite gives out row ids only for INTEGER PRIMARY KEY.
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)

APPEND_ONLY = ("passage", "passage_review", "payment", "consent", "finding_decision", "journal_entry")


def upgrade() -> None:
    """Build the tables, then the walls."""
    op.create_table(
        "account",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("disabled_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_table(
        "company",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("uscc", name=op.f("uq_company_uscc")),
    )
    op.create_table(
        "project",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("confirm_face", sa.Boolean(), nullable=False),
        sa.Column("is_demonstration", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("code", name=op.f("uq_project_code")),
    )
    op.create_table(
        "schedule",
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("claimed_until", INSTANT, nullable=True),
        sa.Column("last_result", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedule")),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("login_index", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    op.create_index("ix_sign_in_attempt_from", "sign_in_attempt", ["address", "at"])
    op.create_index("ix_sign_in_attempt_who", "sign_in_attempt", ["login_index", "at"])

    op.create_table(
        "worker",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("id_number_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("id_number_index", sa.String(length=64), nullable=False),
        sa.Column("sex", sa.String(length=1), nullable=False),
        sa.Column("birth_on", sa.Date(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker")),
        sa.UniqueConstraint("id_number_index", name=op.f("uq_worker_id_number_index")),
    )
    op.create_table(
        "chain_head",
        sa.Column("project_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_chain_head_project_id_project")
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_chain_head")),
    )
    op.create_table(
        "consent",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("act", sa.String(length=8), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("notice_version", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_consent_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_consent_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_worker", "consent", ["worker_id", "project_id"])

    op.create_table(
        "credential",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("value_index", sa.String(length=64), nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_credential_project_id_project")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_credential_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
    )
    op.create_index(
        "uq_credential_live",
        "credential",
        ["project_id", "channel", "value_index"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )

    op.create_table(
        "finding",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("evidence_digest", sa.String(length=64), nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("cleared_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_finding_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("project_id", "key", name="uq_finding_key"),
    )
    op.create_table(
        "gate",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("direction", sa.String(length=4), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_gate_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_gate_project_id")),
    )
    op.create_table(
        "journal_entry",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=48), nullable=False),
        sa.Column("project_id", ROW_ID, nullable=True),
        sa.Column("object", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_journal_entry_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_entry")),
    )
    op.create_index("ix_journal_entry_project", "journal_entry", ["project_id", "at"])

    op.create_table(
        "membership",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("project_id", ROW_ID, nullable=True),
        sa.Column("area_code", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_membership_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_membership_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint(
            "account_id", "role", "project_id", "area_code", name=op.f("uq_membership_account_id")
        ),
    )
    op.create_index(op.f("ix_membership_account_id"), "membership", ["account_id"])

    op.create_table(
        "payment",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("for_month", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=True),
        sa.Column("reverses_id", ROW_ID, nullable=True),
        sa.Column("idempotency_key", sa.String(length=96), nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "(amount_fen > 0 AND reverses_id IS NULL) OR (amount_fen < 0 AND reverses_id IS NOT NULL)",
            name=op.f("ck_payment_negative_reverses"),
        ),
        sa.CheckConstraint("amount_fen <> 0", name=op.f("ck_payment_amount_not_zero")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_payment_project_id_project")),
        sa.ForeignKeyConstraint(["reverses_id"], ["payment.id"], name=op.f("fk_payment_reverses_id_payment")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_payment_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("project_id", "idempotency_key", name="uq_payment_key"),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_payment_reverses_id")),
    )
    op.create_index("ix_payment_project_month", "payment", ["project_id", "for_month"])
    op.create_index(op.f("ix_payment_worker_id"), "payment", ["worker_id"])

    op.create_table(
        "project_company",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("company_id", ROW_ID, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("entry_on", sa.Date(), nullable=False),
        sa.Column("exit_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_project_company_company_id_company")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_company_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_company")),
        sa.UniqueConstraint("project_id", "company_id", "role", name=op.f("uq_project_company_project_id")),
    )
    op.create_table(
        "sign_in",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sign_in_account_id_account")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sign_in")),
    )
    op.create_index(op.f("ix_sign_in_account_id"), "sign_in", ["account_id"])

    op.create_table(
        "device",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("gate_id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_previous_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("disabled_at", INSTANT, nullable=True),
        sa.Column("last_seen_at", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["gate_id"], ["gate.id"], name=op.f("fk_device_gate_id_gate")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_device_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
    )
    op.create_index(op.f("ix_device_project_id"), "device", ["project_id"])

    op.create_table(
        "face_template",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("consent_id", ROW_ID, nullable=False),
        sa.Column("contract_id", sa.String(length=64), nullable=False),
        sa.Column("pack_id", sa.String(length=128), nullable=False),
        sa.Column("template_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("photographs", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.Column("erased_reason", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consent.id"], name=op.f("fk_face_template_consent_id_consent")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_face_template_project_id_project")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_face_template_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_template")),
    )
    op.create_index("ix_face_template_project", "face_template", ["project_id", "contract_id"])
    op.create_index(op.f("ix_face_template_worker_id"), "face_template", ["worker_id"])

    op.create_table(
        "finding_decision",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("finding_id", ROW_ID, nullable=False),
        sa.Column("evidence_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["finding.id"], name=op.f("fk_finding_decision_finding_id_finding")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_decision")),
    )
    op.create_index(op.f("ix_finding_decision_finding_id"), "finding_decision", ["finding_id"])

    op.create_table(
        "team",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("project_company_id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("trade", sa.String(length=50), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_company_id"],
            ["project_company.id"],
            name=op.f("fk_team_project_company_id_project_company"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_team_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("project_company_id", "name", name=op.f("uq_team_project_company_id")),
    )
    op.create_index(op.f("ix_team_project_id"), "team", ["project_id"])

    op.create_table(
        "device_nonce",
        sa.Column("device_id", sa.String(length=40), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_nonce_device_id_device")),
        sa.PrimaryKeyConstraint("device_id", "nonce", name=op.f("pk_device_nonce")),
    )
    op.create_index(op.f("ix_device_nonce_seen_at"), "device_nonce", ["seen_at"])

    op.create_table(
        "engagement",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("project_company_id", ROW_ID, nullable=False),
        sa.Column("team_id", ROW_ID, nullable=False),
        sa.Column("trade", sa.String(length=50), nullable=True),
        sa.Column("entry_on", sa.Date(), nullable=False),
        sa.Column("exit_on", sa.Date(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "exit_on IS NULL OR exit_on > entry_on", name=op.f("ck_engagement_exit_after_entry")
        ),
        sa.ForeignKeyConstraint(
            ["project_company_id"],
            ["project_company.id"],
            name=op.f("fk_engagement_project_company_id_project_company"),
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_engagement_project_id_project")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_engagement_team_id_team")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_engagement_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engagement")),
    )
    op.create_index("ix_engagement_project_worker", "engagement", ["project_id", "worker_id"])
    op.create_index("ix_engagement_worker", "engagement", ["worker_id"])

    op.create_table(
        "face_photo",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("template_id", ROW_ID, nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=False),
        sa.Column("photo_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["template_id"], ["face_template.id"], name=op.f("fk_face_photo_template_id_face_template")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_face_photo_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_photo")),
    )
    op.create_index(op.f("ix_face_photo_template_id"), "face_photo", ["template_id"])

    op.create_table(
        "passage",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("project_id", ROW_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.String(length=40), nullable=False),
        sa.Column("gate_id", ROW_ID, nullable=False),
        sa.Column("direction", sa.String(length=4), nullable=False),
        sa.Column("event_key", sa.String(length=96), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("worker_id", ROW_ID, nullable=True),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("captured_at", INSTANT, nullable=True),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("similarity", sa.Float(), nullable=True),
        sa.Column("margin", sa.Float(), nullable=True),
        sa.Column("similarity_min", sa.Float(), nullable=True),
        sa.Column("margin_min", sa.Float(), nullable=True),
        sa.Column("contract_id", sa.String(length=64), nullable=True),
        sa.Column("quality", sa.JSON(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_passage_device_id_device")),
        sa.ForeignKeyConstraint(["gate_id"], ["gate.id"], name=op.f("fk_passage_gate_id_gate")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_passage_project_id_project")),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("fk_passage_worker_id_worker")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passage")),
        sa.UniqueConstraint("device_id", "event_key", name="uq_passage_event"),
        sa.UniqueConstraint("project_id", "seq", name="uq_passage_seq"),
    )
    op.create_index("ix_passage_project_time", "passage", ["project_id", "occurred_at"])
    op.create_index("ix_passage_worker_time", "passage", ["worker_id", "occurred_at"])

    op.create_table(
        "passage_review",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("passage_id", ROW_ID, nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["passage_id"], ["passage.id"], name=op.f("fk_passage_review_passage_id_passage")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passage_review")),
        sa.UniqueConstraint("passage_id", name=op.f("uq_passage_review_passage_id")),
    )
    op.create_table(
        "wage_term",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("engagement_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("rate_fen", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("recorded_by", sa.String(length=64), nullable=False),
        sa.Column("voided_at", INSTANT, nullable=True),
        sa.Column("supersedes_id", ROW_ID, nullable=True),
        sa.CheckConstraint("rate_fen > 0", name=op.f("ck_wage_term_rate_positive")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_wage_term_to_after_from")
        ),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_wage_term_engagement_id_engagement")
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id"], ["wage_term.id"], name=op.f("fk_wage_term_supersedes_id_wage_term")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wage_term")),
    )
    op.create_index("ix_wage_term_engagement", "wage_term", ["engagement_id"])

    walls.stand(APPEND_ONLY)
    walls.term_walls()
    walls.engagement_walls()
    walls.chain_walls()


def downgrade() -> None:
    """Take everything down. All facts are lost: for tests."""
    for table in (
        "wage_term",
        "passage_review",
        "passage",
        "face_photo",
        "engagement",
        "device_nonce",
        "team",
        "finding_decision",
        "face_template",
        "device",
        "sign_in",
        "project_company",
        "payment",
        "membership",
        "journal_entry",
        "gate",
        "finding",
        "credential",
        "consent",
        "chain_head",
        "worker",
        "sign_in_attempt",
        "schedule",
        "project",
        "company",
        "account",
    ):
        op.drop_table(table)
    walls.drop_functions()
