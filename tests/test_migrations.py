"""The history of the tables: it ends where app.tables is, goes both ways, and never stops half way."""

import multiprocessing
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from app import db as app_db
from app.db import Database, DatabaseWrong, alembic_config, make_engine, migrate, migration_state
from app.settings import Settings
from app.tables import APPEND_ONLY, Base
from migrations import walls


@pytest.fixture
def empty(empty_database_url: str, tmp_path: Path) -> Settings:
    return Settings(environment="test", data_dir=tmp_path, database_url=empty_database_url)


def made(settings: Settings) -> tuple[list[str], list[str]]:
    """Names of the tables and of the triggers that are there."""
    engine = make_engine(settings)
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        if engine.dialect.name == "sqlite":
            asked = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        else:
            asked = "SELECT DISTINCT tgname FROM pg_trigger WHERE NOT tgisinternal"
        triggers = connection.execute(sa.text(asked)).scalars().all()
    engine.dispose()
    return sorted(tables), sorted(triggers)


def test_the_history_ends_where_the_tables_are(empty):
    migrate(empty)
    engine = make_engine(empty)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    current, head = migration_state(engine)
    assert current == head is not None
    engine.dispose()


def test_the_history_names_its_constraints_as_the_tables_do(empty):
    # Autogenerate looks neither at CHECK nor at names; a later migration drops constraints by name.
    migrate(empty)
    engine = make_engine(empty)
    found, wanted = {}, {}
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        for table in Base.metadata.sorted_tables:
            there = [inspector.get_pk_constraint(table.name)]
            there += inspector.get_foreign_keys(table.name) + inspector.get_unique_constraints(table.name)
            there += inspector.get_check_constraints(table.name)
            found[table.name] = {c["name"] for c in there}
            wanted[table.name] = {str(c.name) for c in sa.schema.CreateTable(table).element.constraints}
    engine.dispose()
    assert found == wanted


NOON = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)

ROWS_OF_0001 = (
    ("project", {"id": 1, "code": "P1", "name": "North", "area_code": "330000", "time_zone": "Asia/Shanghai", "language": "zh",
                 "confirm_face": False, "is_demonstration": False, "created_at": NOON}),
    ("company", {"id": 1, "name": "C", "created_at": NOON}),
    ("project_company", {"id": 1, "project_id": 1, "company_id": 1, "role": "labour_subcontractor", "entry_on": date(2026, 1, 1)}),
    ("team", {"id": 1, "project_id": 1, "project_company_id": 1, "name": "T"}),
    ("worker", {"id": 1, "name": "W", "id_number_sealed": b"x", "id_number_index": "i", "sex": "m", "birth_on": date(1980, 1, 1),
                "created_at": NOON}),
    ("engagement", {"id": 1, "worker_id": 1, "project_id": 1, "project_company_id": 1, "team_id": 1,
                    "entry_on": date(2026, 1, 5), "exit_on": date(2026, 2, 1), "created_at": NOON}),
    ("engagement", {"id": 2, "worker_id": 1, "project_id": 1, "project_company_id": 1, "team_id": 1,
                    "entry_on": date(2026, 2, 1), "exit_on": None, "created_at": NOON}),
    ("wage_term", {"id": 1, "engagement_id": 1, "kind": "day", "rate_fen": 30000, "valid_from": date(2026, 1, 5),
                   "recorded_at": NOON, "recorded_by": "lao"}),
    ("payment", {"id": 1, "project_id": 1, "worker_id": 1, "amount_fen": 30000, "paid_on": date(2026, 3, 1),
                 "for_month": date(2026, 1, 1), "channel": "bank", "idempotency_key": "first-one", "recorded_by": "lao",
                 "recorded_at": datetime(2026, 2, 28, 17, 0, tzinfo=UTC)}),
    ("payment", {"id": 2, "project_id": 1, "worker_id": 1, "amount_fen": -30000, "paid_on": date(2026, 3, 2), "reverses_id": 1,
                 "for_month": date(2026, 1, 1), "channel": "bank", "idempotency_key": "reverse:1", "recorded_by": "lao",
                 "recorded_at": NOON}),
    ("payment", {"id": 3, "project_id": 1, "worker_id": 1, "amount_fen": 500, "paid_on": date(2026, 3, 2),
                 "for_month": date(2026, 2, 1), "channel": "cash", "idempotency_key": "third-one", "recorded_by": "lao",
                 "recorded_at": NOON}),
    ("gate", {"id": 1, "project_id": 1, "name": "G", "direction": "in"}),
    ("device", {"id": "d", "project_id": 1, "gate_id": 1, "name": "D", "key_sealed": b"k", "created_at": NOON}),
    ("chain_head", {"project_id": 1, "seq": 0, "hash": "0" * 64}),
    ("passage", {"id": 1, "project_id": 1, "seq": 1, "device_id": "d", "gate_id": 1, "direction": "in", "event_key": "e",
                 "content_sha256": "c", "worker_id": 1, "channel": "face", "verdict": "admit", "code": "admitted",
                 "received_at": NOON, "occurred_at": NOON, "salt": b"s", "prev_hash": "0" * 64, "hash": "1" * 64}),
    ("account", {"id": 1, "login": "lao", "name": "L", "password_hash": "h", "language": "zh", "created_at": NOON}),
    ("membership", {"id": 1, "account_id": 1, "role": "labour_officer", "project_id": 1}),
    ("journal_entry", {"id": 1, "at": NOON, "actor": "lao", "action": "a", "project_id": 1, "object": "o", "facts": {"x": 1}}),
)  # fmt: skip


def rows(connection: sa.Connection) -> dict[str, list[dict]]:
    known = sa.MetaData()
    known.reflect(connection)
    return {
        t.name: [dict(r) for r in connection.execute(sa.select(t).order_by(*t.primary_key)).mappings()]
        for t in known.sorted_tables
        if t.name != "alembic_version"
    }


@pytest.fixture
def house_of_0001(empty):
    """A database as the first Muster left it, with somebody in it; its engine and its rows."""
    migrate(empty, "0001")
    engine = make_engine(empty)
    with engine.execution_options(muster_mode="write").begin() as connection:
        known = sa.MetaData()
        known.reflect(connection)
        for table, values in ROWS_OF_0001:
            connection.execute(known.tables[table].insert().values(values))
        before = rows(connection)
    yield engine, before
    engine.dispose()


def test_what_was_in_the_house_is_still_there(empty, house_of_0001):
    engine, before = house_of_0001
    migrate(empty)
    with engine.connect() as connection:
        after = rows(connection)
    for table, told in before.items():
        assert [{k: v for k, v in row.items() if k in old} for row, old in zip(after[table], told, strict=True)] == told
    terms = after["wage_term"][0]
    assert (terms["minutes_per_day"], terms["overtime_rule"], terms["hours_system"]) == (480, "none", "standard")
    assert after["project"][0]["pay_day"] == 15
    with pytest.raises(sa.exc.IntegrityError, match="terms are voided"), engine.begin() as connection:
        connection.execute(sa.text("UPDATE wage_term SET minutes_per_day = 600"))
    with pytest.raises(sa.exc.IntegrityError, match="terms are voided"), engine.begin() as connection:
        connection.execute(sa.text("UPDATE wage_term SET rate_fen = 1"))


def test_money_paid_before_there_was_a_ledger_is_in_it(empty, house_of_0001):
    engine, _ = house_of_0001
    migrate(empty)
    asked = """
        SELECT t.source_id, t.post_month, t.origin_month, t.posted, a.key, l.amount_fen
        FROM ledger_txn t JOIN ledger_leg l ON l.txn_id = t.id JOIN ledger_account a ON a.id = l.account_id
        WHERE t.kind = 'off_account' AND t.source_kind = 'payment' ORDER BY t.source_id, l.leg_no"""
    with engine.connect() as connection:
        told = [(r[0], str(r[1]), str(r[2]), bool(r[3]), r[4], r[5]) for r in connection.execute(sa.text(asked))]
    assert told == [
        # Recorded at one in the morning of 1 March on site.
        (1, "2026-03-01", "2026-01-01", True, "wages_payable:e1", 30000),
        (1, "2026-03-01", "2026-01-01", True, "off_account:p1", -30000),
        (2, "2026-03-01", "2026-01-01", True, "wages_payable:e1", -30000),
        (2, "2026-03-01", "2026-01-01", True, "off_account:p1", 30000),
        (3, "2026-03-01", "2026-02-01", True, "wages_payable:e2", 500),
        (3, "2026-03-01", "2026-02-01", True, "off_account:p1", -500),
    ]


def test_one_step_down_is_the_house_of_0001(empty, house_of_0001):
    engine, before = house_of_0001
    shape = made(empty)
    migrate(empty)
    with engine.execution_options(muster_mode="write").begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
    assert made(empty) == shape
    with engine.connect() as connection:
        assert rows(connection) == before
    with pytest.raises(sa.exc.IntegrityError, match="terms are voided"), engine.begin() as connection:
        connection.execute(sa.text("UPDATE wage_term SET rate_fen = 1"))
    migrate(empty)


def test_a_new_house_says_that_it_is_not_ready(empty):
    engine = make_engine(empty)
    current, head = migration_state(engine)
    assert current is None
    assert head is not None
    engine.dispose()


def test_up_down_and_up_again_is_the_same_house(empty):
    migrate(empty)
    first = made(empty)
    migrate(empty, "base")
    assert made(empty) == (["alembic_version"], [])
    migrate(empty)
    assert made(empty) == first


def test_every_table_of_facts_has_its_walls(empty):
    migrate(empty)
    triggers = made(empty)[1]
    for table in APPEND_ONLY:
        assert sum(name.startswith(f"wall_{table}_") for name in triggers) >= 2, table


def test_a_migration_that_crashes_half_way_leaves_nothing(empty, monkeypatch):
    # After all tables and most walls are built.
    def crash() -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(walls, "chain_walls", crash)
    with pytest.raises(RuntimeError, match="power cut"):
        migrate(empty)
    assert made(empty) == ([], [])
    monkeypatch.undo()
    migrate(empty)
    assert "passage" in made(empty)[0]


def test_tables_of_a_newer_muster_are_not_touched(empty):
    migrate(empty)
    database = Database(make_engine(empty))
    with database.write() as db:
        db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.dispose()
    with pytest.raises(DatabaseWrong, match="9999"):
        migrate(empty)


def _migrate_in_a_process(values: dict, gate, said) -> None:
    gate.wait()
    try:
        migrate(Settings(**values))
        said.put("done")
    except BaseException as error:  # noqa: BLE001 - whatever it is, the test must hear of it
        said.put(f"{type(error).__name__}: {error}")


def test_services_that_start_together_migrate_once(empty):
    processes = multiprocessing.get_context("spawn")
    gate, said = processes.Barrier(3), processes.Queue()
    values = {"environment": "test", "data_dir": empty.data_dir, "database_url": empty.database_url}
    started = [processes.Process(target=_migrate_in_a_process, args=(values, gate, said)) for _ in range(3)]
    for process in started:
        process.start()
    assert [said.get(timeout=60) for _ in started] == ["done"] * 3
    for process in started:
        process.join(10)
    assert "passage" in made(empty)[0]


def test_rows_that_point_nowhere_stop_a_migration(tmp_path, monkeypatch):
    # Foreign keys are off while SQLite's tables are rebuilt, so somebody has to look afterwards.
    settings = Settings(environment="test", data_dir=tmp_path)
    migrate(settings)

    def tear(config, _target):
        config.attributes["connection"].exec_driver_sql("INSERT INTO gate (project_id, name, direction) VALUES (7, 'x', 'in')")

    monkeypatch.setattr(command, "upgrade", tear)
    with pytest.raises(DatabaseWrong, match="gate"):
        migrate(settings)
    database = Database(make_engine(settings))
    with database.read() as db:
        assert db.execute(sa.text("SELECT count(*) FROM gate")).scalar_one() == 0
    database.dispose()


def test_the_migrations_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (app_db.MIGRATIONS / "env.py").is_file()
    migrate(Settings(environment="test", data_dir=tmp_path / "elsewhere"))


def test_a_developer_gets_a_first_draft(tmp_path, monkeypatch):
    folder = tmp_path / "migrations"
    shutil.copytree(app_db.MIGRATIONS, folder)
    monkeypatch.setattr(app_db, "MIGRATIONS", folder)
    settings = Settings(environment="test", data_dir=tmp_path / "data")
    migrate(settings)
    engine = make_engine(settings)
    _, head = migration_state(engine)
    engine.dispose()
    draft = app_db.write_migration(settings, "passages get a margin")
    assert draft.parent == folder / "versions"
    assert draft.name.endswith("_passages_get_a_margin.py")
    assert f"down_revision = {head!r}" in draft.read_text()
    compile(draft.read_text(), draft.name, "exec")
