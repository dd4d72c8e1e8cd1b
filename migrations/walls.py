"""Triggers: what the tables refuse, whoever asks. Raw SQL, because no two databases write them alike.

    stand(tables)    rows of ``tables`` are never changed or deleted
    term_walls       terms of one engagement never overlap; what was agreed is never edited
    engagement_walls a worker is engaged once at a time on a project
    chain_walls      a passage continues its project's chain, and moves the chain's end

Every statement names its trigger ``wall_<table>_<what>``. A migration that rebuilds a table on SQLite (batch
mode) drops its triggers and must build them again with these functions.
"""

from collections.abc import Iterable

from alembic import op

# Half-open ranges: [a, b) and [c, d) overlap when a < d and c < b; NULL is "still running".
_OVERLAP = (
    "(other.{to} IS NULL OR NEW.{since} < other.{to}) AND (NEW.{to} IS NULL OR other.{since} < NEW.{to})"
)
_TERMS = _OVERLAP.format(since="valid_from", to="valid_to")
_ENGAGEMENTS = _OVERLAP.format(since="entry_on", to="exit_on")
_TERM_EDITED = " OR ".join(
    f"NEW.{column} IS DISTINCT FROM OLD.{column}"
    for column in ("id", "engagement_id", "kind", "rate_fen", "valid_from", "recorded_at", "recorded_by", "supersedes_id")
)


def stand(tables: Iterable[str]) -> None:
    """Refuse UPDATE and DELETE (and TRUNCATE, where there is one) of every row of ``tables``."""
    if _is_postgresql():
        op.execute(
            """CREATE OR REPLACE FUNCTION wall_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"""
        )
        for table in tables:
            op.execute(
                f"CREATE TRIGGER wall_{table}_row BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION wall_append_only()"
            )
            op.execute(
                f"CREATE TRIGGER wall_{table}_all BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION wall_append_only()"
            )
        return
    for table in tables:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER wall_{table}_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def term_walls() -> None:
    """Refuse overlapping terms that are not voided, edits of what was agreed, and deletion.

    ``voided_at`` and ``valid_to`` may be set, each once.
    """
    edited = (
        f"{_TERM_EDITED} OR (OLD.voided_at IS NOT NULL AND NEW.voided_at IS DISTINCT FROM OLD.voided_at)"
        " OR (OLD.valid_to IS NOT NULL AND NEW.valid_to IS DISTINCT FROM OLD.valid_to)"
    )
    overlapping = (
        "SELECT 1 FROM wage_term other WHERE other.engagement_id = NEW.engagement_id AND other.id <> NEW.id "
        f"AND other.voided_at IS NULL AND {_TERMS}"
    )
    if _is_postgresql():
        op.execute(
            f"""CREATE FUNCTION wall_wage_term() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'DELETE' THEN
                    RAISE EXCEPTION 'terms are voided, never deleted' USING ERRCODE = 'restrict_violation';
                END IF;
                IF TG_OP = 'UPDATE' THEN
                    IF {edited} THEN
                        RAISE EXCEPTION 'terms are voided, never edited' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                END IF;
                -- The lock puts two transactions that add terms to one engagement in a line: without it
                -- neither would see the other's row.
                PERFORM 1 FROM engagement WHERE id = NEW.engagement_id FOR NO KEY UPDATE;
                IF NEW.voided_at IS NULL AND EXISTS ({overlapping}) THEN
                    RAISE EXCEPTION 'terms overlap' USING ERRCODE = 'exclusion_violation';
                END IF;
                RETURN NEW;
            END $$"""
        )
        op.execute(
            "CREATE TRIGGER wall_wage_term_row BEFORE INSERT OR UPDATE OR DELETE ON wage_term "
            "FOR EACH ROW EXECUTE FUNCTION wall_wage_term()"
        )
        return
    # SQLite gives NEW.id only after the insert, and writes IS NOT where others write IS DISTINCT FROM.
    op.execute(
        f"CREATE TRIGGER wall_wage_term_insert AFTER INSERT ON wage_term WHEN NEW.voided_at IS NULL "
        f"AND EXISTS ({overlapping}) BEGIN SELECT RAISE(ABORT, 'terms overlap'); END"
    )
    op.execute(
        f"CREATE TRIGGER wall_wage_term_update BEFORE UPDATE ON wage_term WHEN {_sqlite(edited)} "
        "BEGIN SELECT RAISE(ABORT, 'terms are voided, never edited'); END"
    )
    op.execute(
        "CREATE TRIGGER wall_wage_term_delete BEFORE DELETE ON wage_term "
        "BEGIN SELECT RAISE(ABORT, 'terms are voided, never deleted'); END"
    )


def engagement_walls() -> None:
    """Refuse two engagements of one worker on one project that overlap."""
    overlapping = (
        "SELECT 1 FROM engagement other WHERE other.worker_id = NEW.worker_id "
        f"AND other.project_id = NEW.project_id AND other.id <> NEW.id AND {_ENGAGEMENTS}"
    )
    if _is_postgresql():
        op.execute(
            f"""CREATE FUNCTION wall_engagement() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM 1 FROM worker WHERE id = NEW.worker_id FOR NO KEY UPDATE;
                IF EXISTS ({overlapping}) THEN
                    RAISE EXCEPTION 'engagements overlap' USING ERRCODE = 'exclusion_violation';
                END IF;
                RETURN NEW;
            END $$"""
        )
        op.execute(
            "CREATE TRIGGER wall_engagement_row BEFORE INSERT OR UPDATE ON engagement "
            "FOR EACH ROW EXECUTE FUNCTION wall_engagement()"
        )
        return
    for verb in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER wall_engagement_{verb.lower()} AFTER {verb} ON engagement WHEN EXISTS ({overlapping}) "
            "BEGIN SELECT RAISE(ABORT, 'engagements overlap'); END"
        )


def chain_walls() -> None:
    """Refuse a passage that does not continue its project's chain; move the chain's end with each passage.

    The end moves here and nowhere else: a passage and the end that counts it are one statement.
    """
    follows = (
        "SELECT 1 FROM chain_head WHERE project_id = NEW.project_id AND seq = NEW.seq - 1 AND hash = NEW.prev_hash"
    )
    recorded = (
        "SELECT 1 FROM passage WHERE project_id = NEW.project_id AND seq = NEW.seq AND hash = NEW.hash"
    )
    advance = "UPDATE chain_head SET seq = NEW.seq, hash = NEW.hash WHERE project_id = NEW.project_id"
    misplaced = f"NEW.project_id <> OLD.project_id OR NEW.seq <> OLD.seq + 1 OR NOT EXISTS ({recorded})"
    if _is_postgresql():
        op.execute(
            f"""CREATE FUNCTION wall_passage_chain() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NOT EXISTS ({follows}) THEN
                    RAISE EXCEPTION 'the passage does not continue the chain' USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            END $$"""
        )
        op.execute(
            f"""CREATE FUNCTION wall_passage_head() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN {advance}; RETURN NULL; END $$"""
        )
        op.execute(
            f"""CREATE FUNCTION wall_chain_head() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'DELETE' THEN
                    RAISE EXCEPTION 'the end of a chain is not deleted' USING ERRCODE = 'restrict_violation';
                END IF;
                IF {misplaced} THEN
                    RAISE EXCEPTION 'the end of a chain moves with its passages' USING ERRCODE = 'restrict_violation';
                END IF;
                RETURN NEW;
            END $$"""
        )
        op.execute(
            "CREATE TRIGGER wall_passage_chain BEFORE INSERT ON passage "
            "FOR EACH ROW EXECUTE FUNCTION wall_passage_chain()"
        )
        op.execute(
            "CREATE TRIGGER wall_passage_head AFTER INSERT ON passage "
            "FOR EACH ROW EXECUTE FUNCTION wall_passage_head()"
        )
        op.execute(
            "CREATE TRIGGER wall_chain_head_row BEFORE UPDATE OR DELETE ON chain_head "
            "FOR EACH ROW EXECUTE FUNCTION wall_chain_head()"
        )
        return
    op.execute(
        f"CREATE TRIGGER wall_passage_chain BEFORE INSERT ON passage WHEN NOT EXISTS ({follows}) "
        "BEGIN SELECT RAISE(ABORT, 'the passage does not continue the chain'); END"
    )
    op.execute(f"CREATE TRIGGER wall_passage_head AFTER INSERT ON passage BEGIN {advance}; END")
    op.execute(
        f"CREATE TRIGGER wall_chain_head_update BEFORE UPDATE ON chain_head WHEN {misplaced} "
        "BEGIN SELECT RAISE(ABORT, 'the end of a chain moves with its passages'); END"
    )
    op.execute(
        "CREATE TRIGGER wall_chain_head_delete BEFORE DELETE ON chain_head "
        "BEGIN SELECT RAISE(ABORT, 'the end of a chain is not deleted'); END"
    )


def drop_functions() -> None:
    """Drop what is left on PostgreSQL when the tables, and with them the triggers, are gone."""
    if _is_postgresql():
        for name in (
            "wall_append_only", "wall_wage_term", "wall_engagement",
            "wall_passage_chain", "wall_passage_head", "wall_chain_head",
        ):
            op.execute(f"DROP FUNCTION {name}()")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _sqlite(condition: str) -> str:
    # SQLite knows IS DISTINCT FROM only from 3.39 on.
    return condition.replace("IS DISTINCT FROM", "IS NOT")
