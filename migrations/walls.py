"""Triggers: what the tables refuse, whoever asks. Raw SQL, because no two databases write them alike.

    stand(tables)    rows of ``tables`` are never changed or deleted
    term_walls       terms of one engagement never overlap; what was agreed is never edited
    engagement_walls a worker is engaged once at a time on a project
    chain_walls      a passage continues its project's chain, and moves the chain's end

Since 0002 a wall is a ``Wall``: one condition, written once for both databases (``put_up``, ``take_down``).

    period_walls     a month goes open, locked, closed, in order, and never back
    ledger_walls     legs sum to zero before they are posted, in an open month, and never change
    policy_walls     attendance rules of one scope never overlap; they are ended or voided, never edited
    journal_walls    the journal's end moves with its lines
    bank_walls       a statement continues its balance; no line is sent for more than its net; results have an order

Every statement names its trigger ``wall_<table>_<what>``. A migration that rebuilds a table on SQLite (batch
mode) drops its triggers and must build them again with these functions.

What SQLite cannot refuse: a transaction of the ledger that is left unposted at commit (it has no deferred
triggers; ``store.ledger`` finds it), and INSERT OR REPLACE on a connection without ``recursive_triggers`` (ours
have it, see ``app.db``). What PostgreSQL cannot: a fraction of a fen, which it rounds before a trigger sees it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

# Half-open ranges: [a, b) and [c, d) overlap when a < d and c < b; NULL is "still running".
_OVERLAP = (
    "(other.{to} IS NULL OR NEW.{since} < other.{to}) AND (NEW.{to} IS NULL OR other.{since} < NEW.{to})"
)
_TERMS = _OVERLAP.format(since="valid_from", to="valid_to")
_ENGAGEMENTS = _OVERLAP.format(since="entry_on", to="exit_on")
_TERM = ("id", "engagement_id", "kind", "rate_fen", "valid_from", "recorded_at", "recorded_by", "supersedes_id")


def _changed(columns: Iterable[str]) -> str:
    return " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)


def _set_twice(columns: Iterable[str]) -> str:
    return " OR ".join(f"(OLD.{column} IS NOT NULL AND NEW.{column} IS DISTINCT FROM OLD.{column})" for column in columns)


def stand(tables: Iterable[str]) -> None:
    """Refuse UPDATE and DELETE (and TRUNCATE, where there is one) of every row of ``tables``.

    Ciphertext (``*_sealed``) may be written again, and nothing else of its row: a new master key seals the same
    content anew.
    """
    if _is_postgresql():
        op.execute(
            """CREATE OR REPLACE FUNCTION wall_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"""
        )
        for table in tables:
            op.execute(
                f"CREATE TRIGGER wall_{table}_row BEFORE UPDATE{_but_sealed(table)} OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION wall_append_only()"
            )
            op.execute(
                f"CREATE TRIGGER wall_{table}_all BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION wall_append_only()"
            )
        return
    for table in tables:
        for verb in ("UPDATE", "DELETE"):
            columns = _but_sealed(table) if verb == "UPDATE" else ""
            op.execute(
                f"CREATE TRIGGER wall_{table}_{verb.lower()} BEFORE {verb}{columns} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _but_sealed(table: str) -> str:
    """`` OF`` every column but those of ciphertext; nothing when a table has none."""
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
    plain = [name for name in columns if not name.endswith("_sealed")]
    return f" OF {', '.join(plain)}" if len(plain) < len(columns) else ""


def term_walls(added: Iterable[str] = ()) -> None:
    """Refuse overlapping terms that are not voided, edits of what was agreed, and deletion.

    ``voided_at`` and ``valid_to`` may be set, each once.

    Args:
        added: columns that came after 0001; they hold what was agreed, too.
    """
    edited = f"{_changed((*_TERM, *added))} OR {_set_twice(('voided_at', 'valid_to'))}"
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


def drop_term_walls() -> None:
    """Take down what ``term_walls`` put up, to put it up again with other columns."""
    if _is_postgresql():
        op.execute("DROP TRIGGER wall_wage_term_row ON wage_term")
        op.execute("DROP FUNCTION wall_wage_term()")
        return
    for what in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER wall_wage_term_{what}")


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


# --- walls of one condition ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wall:
    """One thing a table refuses, in SQL both databases understand."""

    table: str
    what: str
    verb: str
    """INSERT, UPDATE or DELETE."""
    refused: str
    """Condition over NEW and OLD under which the statement fails."""
    says: str
    timing: str = "BEFORE"
    """AFTER where the row itself must be there: SQLite gives NEW.id only then, and a row that ON CONFLICT DO NOTHING
    leaves out must not be judged."""
    lock: str = ""
    """PostgreSQL: statement that puts two transactions in a line which would not see each other's rows."""

    @property
    def name(self) -> str:
        """Of its trigger, and of its function on PostgreSQL."""
        return f"wall_{self.table}_{self.what}"


def put_up(walls: Iterable[Wall]) -> None:
    """Build walls."""
    for wall in walls:
        if _is_postgresql():
            lock = f"PERFORM 1 {wall.lock};" if wall.lock else ""
            back = "OLD" if wall.verb == "DELETE" else "NEW"
            op.execute(
                f"""CREATE FUNCTION {wall.name}() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    {lock}
                    IF {wall.refused} THEN
                        RAISE EXCEPTION '{wall.says}' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN {back};
                END $$"""
            )
            op.execute(
                f"CREATE TRIGGER {wall.name} {wall.timing} {wall.verb} ON {wall.table} "
                f"FOR EACH ROW EXECUTE FUNCTION {wall.name}()"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {wall.name} {wall.timing} {wall.verb} ON {wall.table} "
                f"WHEN {_sqlite(wall.refused)} BEGIN SELECT RAISE(ABORT, '{wall.says}'); END"
            )


def take_down(walls: Iterable[Wall]) -> None:
    """Drop what ``put_up`` built. Triggers go first: SQLite will not drop a column that one of them names."""
    for wall in walls:
        if _is_postgresql():
            op.execute(f"DROP TRIGGER {wall.name} ON {wall.table}")
            op.execute(f"DROP FUNCTION {wall.name}()")
        else:
            op.execute(f"DROP TRIGGER {wall.name}")


def no_truncate(tables: Iterable[str]) -> None:
    """Refuse TRUNCATE, where there is one. For tables that ``stand`` does not keep."""
    if _is_postgresql():
        for table in tables:
            op.execute(
                f"CREATE TRIGGER wall_{table}_all BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION wall_append_only()"
            )


def whole_numbers(columns: dict[str, tuple[str, ...]]) -> tuple[Wall, ...]:
    """Refuse money that is no whole number of fen. SQLite keeps 0.5 in an integer column; PostgreSQL rounds it."""
    if _is_postgresql():
        return ()
    return tuple(
        Wall(
            table,
            "whole",
            "INSERT",
            " OR ".join(f"typeof(NEW.{name}) NOT IN ('integer', 'null')" for name in names),
            f"{table}: money is a whole number of fen",
        )
        for table, names in columns.items()
    )


_MARKS = ("locked_by", "locked_at", "closed_by", "closed_at", "digest")


def period_walls() -> tuple[Wall, ...]:
    """Refuse a month that goes back, skips a step, closes before an earlier one, changes its marks, or goes away.

    An earlier month counts when it has a row; one without a row had no wages yet.
    """

    def only(state: str, marked: tuple[str, ...]) -> str:
        told = [f"NEW.{name} IS {'NOT ' if name in marked else ''}NULL" for name in _MARKS]
        return f"(NEW.state = '{state}' AND {' AND '.join(told)})"

    shape = f"NOT ({only('open', ())} OR {only('locked', _MARKS[:2])} OR {only('closed', _MARKS)})"
    steps = "NEW.state = OLD.state OR (OLD.state = 'open' AND NEW.state = 'locked') OR (OLD.state = 'locked' AND NEW.state = 'closed')"
    earlier = (
        "EXISTS (SELECT 1 FROM pay_period earlier WHERE earlier.project_id = NEW.project_id "
        "AND earlier.month < NEW.month AND earlier.state <> 'closed')"
    )
    return (
        Wall("pay_period", "new", "INSERT", f"NEW.state = 'closed' OR {_not_first('NEW.month')}", "a month begins open"),
        Wall("pay_period", "new_marks", "INSERT", shape, "a month says who locked and closed it, and no more"),
        Wall("pay_period", "marks", "UPDATE", shape, "a month says who locked and closed it, and no more"),
        Wall(
            "pay_period", "forward", "UPDATE",
            f"{_changed(('project_id', 'month'))} OR {_set_twice(_MARKS)} OR NOT ({steps})",
            "a month goes forward only",
        ),
        Wall(
            "pay_period", "order", "UPDATE",
            f"NEW.state = 'closed' AND OLD.state <> 'closed' AND {earlier}",
            "months close in order",
            lock="FROM project WHERE id = NEW.project_id FOR NO KEY UPDATE",
        ),
        Wall("pay_period", "delete", "DELETE", "1 = 1", "a month is never deleted"),
    )  # fmt: skip


ON_SHEETS = ("accrue", "adjust", "withhold", "recover")
"""Kinds of transactions that follow from a line of a sheet: posted while their month is locked, and then it closes."""


def ledger_walls() -> tuple[Wall, ...]:
    """Refuse what no ledger may hold: see the words of each wall."""
    period = "SELECT 1 FROM pay_period p WHERE p.project_id = NEW.project_id AND p.month = NEW.post_month AND p.state = "
    on_sheets = ", ".join(f"'{kind}'" for kind in ON_SHEETS)
    columns = (
        "id", "project_id", "post_month", "origin_month", "kind", "source_kind", "source_id", "reverses_id",
        "created_by", "created_at",
    )  # fmt: skip
    legs = "FROM ledger_leg WHERE txn_id = NEW.id"
    return (
        Wall("ledger_txn", "new", "INSERT", "NEW.posted", "a transaction is posted when it has its legs"),
        Wall(
            "ledger_txn", "months", "INSERT",
            f"{_not_first('NEW.post_month')} OR {_not_first('NEW.origin_month')}",
            "a month is written as its first day",
        ),
        Wall(
            "ledger_txn", "edit", "UPDATE", f"OLD.posted OR NOT NEW.posted OR {_changed(columns)}",
            "a transaction is posted once and never changed",
        ),
        Wall(
            "ledger_txn", "zero", "UPDATE", f"(SELECT count(*) {legs}) < 2 OR (SELECT sum(amount_fen) {legs}) <> 0",
            "the legs of a transaction sum to zero",
        ),
        Wall(
            "ledger_txn", "period", "UPDATE",
            f"(NEW.kind IN ({on_sheets}) AND NOT EXISTS ({period}'locked')) "
            f"OR (NEW.kind NOT IN ({on_sheets}) AND EXISTS ({period}'closed'))",
            "a sheet is posted while its month is locked, nothing else in a closed month",
            lock="FROM project WHERE id = NEW.project_id FOR SHARE",
        ),
        Wall("ledger_txn", "delete", "DELETE", "1 = 1", "a transaction is never deleted"),
        Wall(
            "ledger_leg", "posted", "INSERT",
            "EXISTS (SELECT 1 FROM ledger_txn t WHERE t.id = NEW.txn_id AND t.posted)",
            "a posted transaction gets no more legs",
        ),
        Wall(
            "ledger_leg", "project", "INSERT",
            "NOT EXISTS (SELECT 1 FROM ledger_txn t JOIN ledger_account a ON a.project_id = t.project_id "
            "WHERE t.id = NEW.txn_id AND a.id = NEW.account_id)",
            "a leg stays within its project",
        ),
    )  # fmt: skip


def unposted_wall() -> None:
    """Refuse a commit that leaves a transaction of the ledger unposted. PostgreSQL only."""
    if not _is_postgresql():
        return
    op.execute(
        """CREATE FUNCTION wall_ledger_txn_commit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT 1 FROM ledger_txn WHERE id = NEW.id AND NOT posted) THEN
                RAISE EXCEPTION 'a transaction is left unposted' USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NULL;
        END $$"""
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER wall_ledger_txn_commit AFTER INSERT ON ledger_txn "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wall_ledger_txn_commit()"
    )


def drop_unposted_wall() -> None:
    """Take down what ``unposted_wall`` put up."""
    if _is_postgresql():
        op.execute("DROP TRIGGER wall_ledger_txn_commit ON ledger_txn")
        op.execute("DROP FUNCTION wall_ledger_txn_commit()")


def policy_walls() -> tuple[Wall, ...]:
    """Refuse rules that overlap within one scope, are edited, ended or voided twice, or deleted.

    The scope is the team where one is named, else the company on the project, else the whole project.
    """
    columns = ("id", "project_id", "project_company_id", "team_id", "version", "valid_from", "recorded_by", "recorded_at")
    # PostgreSQL's json has no equality.
    rules = "CAST(NEW.rules AS TEXT) IS DISTINCT FROM CAST(OLD.rules AS TEXT)"
    half = "(NEW.voided_by IS NULL) <> (NEW.voided_at IS NULL)"
    overlapping = (
        "EXISTS (SELECT 1 FROM attendance_policy other WHERE other.project_id = NEW.project_id AND other.id <> NEW.id "
        "AND other.voided_at IS NULL AND other.team_id IS NOT DISTINCT FROM NEW.team_id "
        "AND (NEW.team_id IS NOT NULL OR other.project_company_id IS NOT DISTINCT FROM NEW.project_company_id) "
        f"AND {_OVERLAP.format(since='valid_from', to='valid_to')})"
    )
    return (
        Wall(
            "attendance_policy", "overlap", "INSERT", f"NEW.voided_at IS NULL AND {overlapping}", "rules overlap",
            timing="AFTER", lock="FROM project WHERE id = NEW.project_id FOR NO KEY UPDATE",
        ),
        Wall("attendance_policy", "new", "INSERT", half, "rules are voided by somebody at some time"),
        Wall(
            "attendance_policy", "edit", "UPDATE",
            f"{_changed(columns)} OR {rules} OR {_set_twice(('valid_to', 'voided_by', 'voided_at'))} OR {half}",
            "rules are ended or voided, once, never edited",
        ),
        Wall("attendance_policy", "delete", "DELETE", "1 = 1", "rules are voided, never deleted"),
    )  # fmt: skip


def journal_walls() -> tuple[Wall, ...]:
    """Refuse an end of the journal's chain that is no link of it, or goes back, or goes away."""
    there = "EXISTS (SELECT 1 FROM journal_link l WHERE l.seq = NEW.seq AND l.hash = NEW.hash)"
    return (
        Wall("journal_head", "one", "INSERT", "NEW.id <> 1", "the journal has one end"),
        Wall(
            "journal_head", "moves", "UPDATE", f"NEW.id <> OLD.id OR NEW.seq <= OLD.seq OR NOT {there}",
            "the end of the journal moves with its lines",
        ),
        Wall("journal_head", "delete", "DELETE", "1 = 1", "the end of the journal is not deleted"),
    )  # fmt: skip


def bank_walls() -> tuple[Wall, ...]:
    """Refuse a statement with a gap, a line sent for more than its net, and results that cannot follow each other.

    Items do not count against their line when their batch was withdrawn, or the bank said failed or returned.
    """
    continues = (
        "SELECT 1 FROM statement_line before WHERE before.special_account_id = NEW.special_account_id "
        "AND before.seq = NEW.seq - 1 AND before.balance_after_fen + NEW.amount_fen = NEW.balance_after_fen"
    )
    sent = (
        "SELECT sum(i.amount_fen) FROM payment_item i WHERE i.line_id = NEW.line_id "
        "AND NOT EXISTS (SELECT 1 FROM item_result r WHERE r.item_id = i.id AND r.status IN ('failed', 'returned')) "
        "AND NOT EXISTS (SELECT 1 FROM batch_act b WHERE b.batch_id = i.batch_id AND b.act = 'withdrawn')"
    )

    def said(status: str) -> str:
        return f"EXISTS (SELECT 1 FROM item_result r WHERE r.item_id = NEW.item_id AND r.status = '{status}')"

    return (
        Wall(
            "statement_line", "chain", "INSERT", f"NEW.seq <> 1 AND NOT EXISTS ({continues})",
            "a statement line continues the balance of the line before it", timing="AFTER",
        ),
        Wall(
            "payment_item", "net", "INSERT",
            f"NOT EXISTS (SELECT 1 FROM payroll_line l WHERE l.id = NEW.line_id AND l.net_fen >= ({sent}))",
            "a line is never sent for more than its net",
            timing="AFTER", lock="FROM payroll_line WHERE id = NEW.line_id FOR NO KEY UPDATE",
        ),
        Wall(
            "payment_item", "own", "INSERT",
            "NOT EXISTS (SELECT 1 FROM payroll_line l WHERE l.id = NEW.line_id AND l.engagement_id = NEW.engagement_id)",
            "an item pays the engagement of its line",
        ),
        Wall(
            "item_result", "order", "INSERT",
            f"(NEW.status = 'returned' AND NOT {said('success')}) OR (NEW.status = 'success' AND {said('failed')}) "
            f"OR (NEW.status = 'failed' AND {said('success')}) OR NEW.status NOT IN ('success', 'failed', 'returned')",
            "a transfer succeeds or fails, and only what succeeded is returned",
            timing="AFTER", lock="FROM payment_item WHERE id = NEW.item_id FOR NO KEY UPDATE",
        ),
    )  # fmt: skip


def _not_first(column: str) -> str:
    """``column`` is no first day of a month."""
    return f"extract(day FROM {column}) <> 1" if _is_postgresql() else f"strftime('%d', {column}) <> '01'"


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
    return condition.replace("IS NOT DISTINCT FROM", "IS").replace("IS DISTINCT FROM", "IS NOT")
