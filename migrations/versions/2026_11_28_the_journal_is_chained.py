"""The journal is chained: a link for every line, and where the chain ends.

Revision: journal_chained. Lines that are there are linked in the order they were written; what was changed before this
day cannot be found by it.
"""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app.domain.chain import GENESIS, commitment, link
from migrations import walls

revision = "journal_chained"
down_revision = "findings_rest_on"
branch_labels = None
depends_on = None



def upgrade() -> None:
    """Make both tables, link the lines there are, and put up the walls."""
    op.create_table(
        "journal_link",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["journal_entry.id"], name=op.f("fk_journal_link_entry_id_journal_entry")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_journal_link")),
    )
    op.create_index(op.f("ix_journal_link_entry_id"), "journal_link", ["entry_id"])
    op.create_table(
        "journal_head",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_head")),
    )
    _link()
    walls.stand(("journal_link",))
    walls.put_up(walls.journal_walls())


def _link() -> None:
    database = op.get_bind()
    seq, prev, last = 0, GENESIS, None
    table = sa.table("journal_link", *(sa.column(name) for name in ("entry_id", "seq", "prev_hash", "hash")))
    while True:
        rows = database.execute(
            sa.text(
                "SELECT id, at, actor, action, project_id, object, facts FROM journal_entry "
                f"WHERE id > {-(2**62) if last is None else last} ORDER BY id LIMIT 1000"
            )
        ).all()
        links = []
        for row in rows:
            seq, last = seq + 1, row.id
            at = datetime.fromisoformat(row.at).replace(tzinfo=UTC) if isinstance(row.at, str) else row.at
            facts = json.loads(row.facts) if isinstance(row.facts, str) else row.facts
            fields = {
                "id": row.id, "at": at, "actor": row.actor, "action": row.action, "project_id": row.project_id,
                "object": row.object, "facts": facts,
            }  # fmt: skip
            hash_ = link(prev, seq, "journal", commitment(b"", fields))
            links.append({"entry_id": row.id, "seq": seq, "prev_hash": prev, "hash": hash_})
            prev = hash_
        if not links:
            break
        database.execute(sa.insert(table), links)
    database.execute(sa.text("INSERT INTO journal_head (id, seq, hash) VALUES (1, :seq, :hash)"), {"seq": seq, "hash": prev})


def downgrade() -> None:
    """The lines stay; their chain is lost."""
    walls.take_down(walls.journal_walls())
    op.drop_table("journal_head")
    op.drop_table("journal_link")
