"""Fixtures every test may use: a migrated database, keys, settings, a clock that stands still.

A test that asks for ``database`` (or ``settings``) runs once on SQLite and once on PostgreSQL.
``TEST_DATABASES`` = sqlite, postgresql or both (default) says on which.

PostgreSQL is, in this order: ``TEST_POSTGRES_URL``; a server on 127.0.0.1:5432 that trusts the user
postgres; a throw-away cluster of the binaries found here, on a unix socket in a temporary folder. Where none
can be had the tests are skipped, and say why.

Measured here (PostgreSQL 15): a copy by CREATE DATABASE ... TEMPLATE 60 ms and as much to drop it, TRUNCATE of
all tables 75 ms, DELETE of all rows 1 ms. So: one database a session and worker, emptied before each test. A
test that changes the schema asks for ``empty_database_url`` and gets a database of its own.

What a test of a use case costs is mostly the compiling of its statements, and a compiled statement belongs to its
engine. So ``database`` hands out the engine of the test before, on the same file or server, its rows put back.
The cast is played once a session; the tests after the first find its rows there (20 ms each). So is what ``staged`` plays.
"""

import contextlib
import gc
import os
import pwd
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.main
import typer.testing
from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

from app import memory
from app.db import Database, make_engine, migrate
from app.settings import Settings
from app.tables import Base
from app.vault import Vault
from tests.cast import Cast
from tests.cast import cast as play
from tests.nursery import Nursery

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)

WANTED = os.environ.get("TEST_DATABASES", "both")
GIVEN_URL = os.environ.get("TEST_POSTGRES_URL")
MEMORY_NEEDED = 2 << 30
KINDS = {"sqlite": ["sqlite"], "postgresql": ["postgresql"], "both": ["sqlite", "postgresql"]}


# What is imported and collected stays to the end: looking for garbage among it was half the time of collecting.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if WANTED not in KINDS:
        raise pytest.UsageError(f"TEST_DATABASES is {WANTED!r}: say sqlite, postgresql or both")
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        _use_memory(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with slow tests first: what is left at the end is small, and no core waits for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    # As every process of ours does; a third of the suite's time went into looking for garbage.
    memory.settle()
    gc.enable()


def _use_memory(config: pytest.Config) -> None:
    """Put the tests' folders where a commit need not wait for a disk, if this machine has such a place."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < MEMORY_NEEDED:
        return
    config.option.basetemp = tempfile.mkdtemp(prefix="muster-test-", dir=memory)
    config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        metafunc.parametrize("database_kind", KINDS[WANTED], indirect=True)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """A developer's own MUSTER_ variables must not decide what a test sees."""
    for name in [name for name in os.environ if name.startswith("MUSTER_")]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _commands_are_prepared_once() -> Iterator[None]:
    """A hundred commands are put together, and the whole process looked through for garbage, before each that runs in here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        patch.setattr(memory, "settle", lambda: None)
        yield


# --- PostgreSQL --------------------------------------------------------------------------------------------


class NoPostgreSQL(Exception):
    """There is no PostgreSQL to test on; the message says why."""


def _answers(url: URL) -> bool:
    try:
        with psycopg.connect(_text(url), connect_timeout=2):
            return True
    except psycopg.Error:
        return False


def _text(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


@contextlib.contextmanager
def _server() -> Iterator[URL]:
    """Give a PostgreSQL server's maintenance database."""
    if GIVEN_URL:
        url = make_url(GIVEN_URL)
        if not _answers(url):
            raise NoPostgreSQL("TEST_POSTGRES_URL does not answer")
        yield url
        return
    local = make_url("postgresql://postgres@127.0.0.1:5432/postgres")
    if _answers(local):
        yield local
        return
    with _throw_away_cluster() as url:
        yield url


@contextlib.contextmanager
def _throw_away_cluster() -> Iterator[URL]:
    binaries = _binaries()
    if binaries is None:
        raise NoPostgreSQL("nothing answers on 127.0.0.1:5432, and initdb and postgres are not installed")
    # initdb refuses to run as root.
    account = None
    if os.geteuid() == 0:
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                account = pwd.getpwnam(name)
                break
        if account is None:
            raise NoPostgreSQL("initdb does not run as root, and there is neither a user postgres nor nobody")
    # Not pytest's folder: a socket's path may have 107 characters, and other users may not look into it.
    folder = Path(tempfile.mkdtemp(prefix="muster-pg-"))
    run_as = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        made = subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
            capture_output=True, text=True, cwd=folder, env=environment, **run_as,
        )
        if made.returncode:
            raise NoPostgreSQL(f"initdb failed: {made.stderr.strip().splitlines()[-1:]}")
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-F"],
                stdout=log, stderr=log, cwd=folder, env=environment, **run_as,
            )
        try:
            url = URL.create("postgresql", "postgres", database="postgres", query={"host": str(folder)})
            deadline = time.monotonic() + 20
            while not _answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    said = (folder / "log").read_text().strip().splitlines()[-1:]
                    raise NoPostgreSQL(f"the throw-away cluster does not start: {said}")
                time.sleep(0.05)
            yield url
        finally:
            server.terminate()
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _PostgreSQL:
    """One server, for the length of a session."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.why_not: str | None = None
        self.server: URL | None = None
        try:
            self.server = self._stack.enter_context(_server())
        except NoPostgreSQL as reason:
            self.why_not = str(reason)

    def new(self) -> str:
        """Create a database, dropped at the end of the session; return its URL."""
        name = f"muster_test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        self._stack.callback(self.execute, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        return self.server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        with psycopg.connect(_text(self.server), autocommit=True) as connection:
            connection.execute(statement)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[_PostgreSQL]:
    server = _PostgreSQL()
    yield server
    server.close()


def _needs(server: _PostgreSQL) -> None:
    if server.why_not is None:
        return
    if WANTED == "postgresql":
        # Asked for by name: not having it is a failure, not something to pass over.
        pytest.fail(f"no PostgreSQL: {server.why_not}")
    pytest.skip(f"no PostgreSQL: {server.why_not}")


@pytest.fixture(scope="session")
def _postgresql_url(_postgresql: _PostgreSQL) -> str:
    _needs(_postgresql)
    url = _postgresql.new()
    migrate(Settings(environment="test", database_url=url))
    return url


def _empty(url: str, rows: "_Rows | None" = None) -> None:
    """Delete every row, past the walls; ids begin at 1 again. Put ``rows`` in their place."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'muster'"
        )
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("; ".join(f"DELETE FROM {name}" for name in tables))
        connection.execute(
            "SELECT setval(c.oid, 1, false) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind = 'S' AND n.nspname = 'public'"
        )
        if rows is not None:
            rows.put(connection)


class _Rows:
    """What a PostgreSQL database holds."""

    def __init__(self, url: str) -> None:
        self._tables: dict[str, bytes] = {}
        with psycopg.connect(url) as connection:
            for table in Base.metadata.sorted_tables:
                if connection.execute(f"SELECT EXISTS (SELECT FROM {table.name})").fetchone()[0]:
                    with connection.cursor().copy(f"COPY {table.name} TO STDOUT (FORMAT BINARY)") as copy:
                        self._tables[table.name] = b"".join(copy)
            self._sequences = connection.execute(
                "SELECT quote_ident(sequencename), last_value FROM pg_sequences "
                "WHERE schemaname = 'public' AND last_value IS NOT NULL"
            ).fetchall()

    def put(self, connection: psycopg.Connection) -> None:
        for name, rows in self._tables.items():
            with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(rows)
        for name, last in self._sequences:
            connection.execute("SELECT setval(%s, %s)", (name, last))


# --- what tests ask for ------------------------------------------------------------------------------------


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """``sqlite`` or ``postgresql``."""
    return request.param


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = Settings(environment="test", data_dir=tmp_path_factory.mktemp("template"))
    migrate(settings)
    return Path(make_url(settings.url).database)


@pytest.fixture(scope="session")
def _sqlite_kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the database of one test after the other lies."""
    return tmp_path_factory.mktemp("kept") / "muster.db"


@dataclass
class _Stage:
    """Rows many tests begin with, once they have been played; whether they are in this test's database already."""

    played: Any = None
    """What the test is told of them."""
    rows: Any = None
    """A file, or ``_Rows``."""
    is_set: bool = False


@pytest.fixture(scope="session")
def _stages() -> dict[str, dict[str, _Stage]]:
    """Kind of database -> fixture that plays -> its stage. One that is played upon another stands behind it."""
    return {kind: {} for kind in KINDS["both"]}


@pytest.fixture
def database_url(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path, _stages: dict[str, dict[str, _Stage]]
) -> str:
    """The address of a database of its own, migrated and empty, or with the rows in it that the test's fixtures play."""
    stage = None
    for name, played in _stages[database_kind].items():
        played.is_set = "database" in request.fixturenames and name in request.fixturenames
        stage = played if played.is_set else stage
    if database_kind == "postgresql":
        url = request.getfixturevalue("_postgresql_url")
        _empty(url, stage.rows if stage is not None else None)
        return url
    template = stage.rows if stage is not None else request.getfixturevalue("_sqlite_template")
    if "database" in request.fixturenames:
        kept = request.getfixturevalue("_sqlite_kept")
        with contextlib.closing(sqlite3.connect(template)) as source, contextlib.closing(sqlite3.connect(kept)) as target:
            source.backup(target)
        return f"sqlite:///{kept}"
    file = tmp_path / "muster.db"
    shutil.copyfile(template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables: for migrations, and for tests that change the schema."""
    if database_kind == "postgresql":
        server = request.getfixturevalue("_postgresql")
        _needs(server)
        return server.new()
    return f"sqlite:///{tmp_path / 'new' / 'muster.db'}"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a test: drawn faces, test ID numbers, nothing outside the test's folder."""
    return Settings(environment="test", data_dir=tmp_path, pack_id="synthetic", database_url=database_url, camera_hosts="127.0.0.1")


@pytest.fixture(scope="session")
def _engines() -> Iterator[dict[str, Engine]]:
    engines: dict[str, Engine] = {}
    yield engines
    for engine in engines.values():
        engine.dispose()


@pytest.fixture
def database(settings: Settings, _engines: dict[str, Engine]) -> Iterator[Database]:
    """A migrated, empty database. Its engine outlives the test; its connections do not."""
    if settings.url not in _engines:
        _engines[settings.url] = make_engine(settings)
    database = Database(_engines[settings.url])
    yield database
    database.dispose()


@cache
def _vault() -> Vault:
    return Vault.of([bytes(range(32))])


@pytest.fixture
def vault() -> Vault:
    """A vault with one key, the same in every test."""
    return _vault()


@pytest.fixture
def now() -> datetime:
    """The evening of the last day of March 2026 on site (20:00 in Shanghai)."""
    return NOW


class Clock:
    """A clock that moves only when it is told to. Call it for the time."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        """Move on, by the arguments of ``timedelta``."""
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock(now: datetime) -> Clock:
    """A clock that stands at ``now``."""
    return Clock(now)


@pytest.fixture
def staged(
    database: Database, database_kind: str, _stages: dict[str, dict[str, _Stage]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Callable[[Session], Any]], Any]:
    """(name, play) -> what ``play(db)`` tells of the rows it makes.

    It plays once a session; the tests after the first find its rows there. ``name`` is that of the fixture that asks, and no
    other fixture has it. What is told is the same for all of them, so it must be nothing that a test changes.
    """

    def told(name: str, play: Callable[[Session], Any]) -> Any:
        stages = _stages[database_kind]
        if name in stages and stages[name].is_set:
            return stages[name].played
        with database.write() as db:
            played = play(db)
        if name not in stages:
            if database_kind == "postgresql":
                rows = _Rows(_text(database.engine.url))
            else:
                rows = tmp_path_factory.mktemp(name) / "muster.db"
                with (
                    contextlib.closing(sqlite3.connect(database.engine.url.database)) as source,
                    contextlib.closing(sqlite3.connect(rows)) as target,
                ):
                    source.backup(target)
            stages[name] = _Stage(played, rows)
        return played

    return told


@pytest.fixture
def people_on_site(staged: Callable[..., Any], vault: Vault, now: datetime) -> Cast:
    """The cast of ``tests/cast.py``, on ``database``."""
    assert now == NOW
    return staged("people_on_site", lambda db: play(db, vault, now))


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Forks services for the tests that are not about how one is loaded."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def behind_the_walls(database: Database) -> Callable[[str], None]:
    """Run one statement as an intruder with the database's password: triggers and foreign keys do not stop it."""

    def run(statement: str) -> None:
        url = database.engine.url
        if url.get_backend_name() == "postgresql":
            with psycopg.connect(_text(url)) as connection:
                connection.execute("SET LOCAL session_replication_role = replica")
                connection.execute(statement)
            return
        with contextlib.closing(sqlite3.connect(url.database)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute(statement)
            connection.commit()

    return run
