"""The history of the tables: it ends where app.tables is, goes both ways, and never stops half way."""

import multiprocessing
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from app import db as app_db
from app.db import Database, DatabaseWrong, make_engine, migrate, migration_state
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
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    current, head = migration_state(engine)
    assert current == head is not None
    engine.dispose()


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
    draft = app_db.write_migration(settings, "passages get a margin")
    assert draft.parent == folder / "versions"
    assert draft.name.endswith("_passages_get_a_margin.py")
    assert "down_revision = '0001'" in draft.read_text()
    compile(draft.read_text(), draft.name, "exec")
