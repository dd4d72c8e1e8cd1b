"""What wages read of a passage lies in the index they find it by.

Revision: what_wages_read. No fact changes. The index is written anew: some seconds for a million passages.
"""

from alembic import op

revision = "what_wages_read"
down_revision = "audit_mark"
branch_labels = None
depends_on = None

FOUND_BY = ["project_id", "worker_id", "occurred_at"]
READ = ["id", "gate_id", "direction", "channel", "verdict", "code"]


def upgrade() -> None:
    op.drop_index("ix_passage_worker_time", "passage")
    op.create_index("ix_passage_worker_time", "passage", [*FOUND_BY, *READ])


def downgrade() -> None:
    """Nothing is lost."""
    op.drop_index("ix_passage_worker_time", "passage")
    op.create_index("ix_passage_worker_time", "passage", FOUND_BY)
