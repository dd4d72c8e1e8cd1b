"""A week and a month are counted from the index of the projection's days; passages that ask for a person have one of their own.

Revision: month_counted. No fact changes. The first index is written anew: a second for a million days.
"""

import sqlalchemy as sa
from alembic import op

revision = "month_counted"
down_revision = "workers_speak"
branch_labels = None
depends_on = None

FOUND_BY = ["project_id", "work_date"]
READ = ["worker_id", "state"]
ASKS = sa.text("verdict = 'ask'")


def upgrade() -> None:
    op.drop_index("ix_attendance_day_date", "attendance_day")
    op.create_index("ix_attendance_day_date", "attendance_day", [*FOUND_BY, *READ])
    op.create_index("ix_passage_asking", "passage", ["project_id", "seq"], sqlite_where=ASKS, postgresql_where=ASKS)


def downgrade() -> None:
    """Nothing is lost."""
    op.drop_index("ix_passage_asking", "passage")
    op.drop_index("ix_attendance_day_date", "attendance_day")
    op.create_index("ix_attendance_day_date", "attendance_day", FOUND_BY)
