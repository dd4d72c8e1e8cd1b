"""The way to the database: engines, transactions, migrations, and what a failing disk is called.

    Database.read()       a snapshot; whatever it wrote is refused, nothing is committed
    Database.write()      one transaction; committed on success, rolled back on any error
    Tx, Reading           the same for a FastAPI route, committed *before* the reply
    migrate(settings)     brings the tables to the newest form; safe when two processes start at once
    backup(settings, ...) a copy of a live SQLite file that opens

SQLite has one writer at a time. Left to its own busy handler, writers sleep and the unlucky one waits for
seconds (measured, reliability.md H7), so the writers of this process queue at a lock of their own. The lock is
taken at a transaction's first statement and given back with its connection: a request that only computes
holds nothing.
"""

import asyncio
import contextlib
import errno
import os
import re
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar
from weakref import WeakKeyDictionary

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from anyio import CancelScope, CapacityLimiter, to_thread
from fastapi import Depends, Request
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.errors import Busy
from app.settings import Settings

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
WAIT_S = 5.0
"""Longest wait for the write lock, a lock of the database, a statement, or a connection."""
TURNS_MAX = 32
"""Requests of one process that may use the database at once. Fewer than the 40 threads FastAPI gives to plain
functions: a request that holds the write lock must always find a thread to finish in."""
GRACE_S = 1.0
"""How much longer than the server's own limits we wait for its word before we hang up on it."""
MIGRATION_WAIT_S = 120.0
_ADVISORY_KEY = 0x4D7573746572  # "Muster"; any constant that nothing else in the database uses.


class DatabaseWrong(Exception):
    """The database cannot be used as asked. The message is a sentence for the operator."""


# --- engines -----------------------------------------------------------------------------------------------


def make_engine(settings: Settings, *, wait_s: float = WAIT_S, hang_up: bool = True) -> Engine:
    """Make the engine of ``settings.url``, with every wait bounded by ``wait_s``.

    Args:
        hang_up: also on a server that does not keep its own limits (frozen, unreachable); not for statements
            that may take as long as they like.

    Parameters never reach an error message: they hold names and sealed ID numbers.
    """
    url = make_url(settings.url)
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url, wait_s)
    if url.get_backend_name() == "postgresql":
        return _postgresql_engine(url, wait_s, hang_up)
    raise DatabaseWrong(f"MUSTER_DATABASE_URL: {url.get_backend_name()} is neither sqlite nor postgresql")


def _sqlite_engine(url: URL, wait_s: float, *, foreign_keys: bool = True) -> Engine:
    if not url.database or url.database == ":memory:":
        raise DatabaseWrong("MUSTER_DATABASE_URL: an SQLite database in memory forgets everything; name a file")
    path = Path(url.database).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url.set(database=str(path)),
        hide_parameters=True,
        connect_args={"timeout": wait_s, "check_same_thread": False},
        pool_size=TURNS_MAX,
        max_overflow=TURNS_MAX + 16,
        pool_timeout=wait_s,
        # The connection used last knows the statements and the pages that are asked for next.
        pool_use_lifo=True,
    )
    lock = _write_lock(str(path))

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver must not begin transactions on its own: it leaves DDL outside them, and a migration that
        # crashes half way then leaves its tables behind (reliability.md H9).
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(wait_s * 1000)}")
        _use_wal(connection, wait_s)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        # An erased template must not stay readable in a free page.
        connection.execute("PRAGMA secure_delete = ON")
        # INSERT OR REPLACE deletes rows; without this the walls against DELETE are not asked.
        connection.execute("PRAGMA recursive_triggers = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("muster_mode")
        # Said only when it changes: this pragma throws away what the connection has prepared, and every statement
        # after it, triggers and all, is then read anew (a fifth of a posted frame's time beside its models).
        query_only = mode == "read"
        if connection.info.get("muster_query_only") is not query_only:
            connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if query_only else 'OFF'}")
            connection.info["muster_query_only"] = query_only
        if mode != "write":
            connection.exec_driver_sql("BEGIN")
            return
        if not lock.acquire(timeout=wait_s):
            raise _busy("another write of this process took too long")
        connection.info["muster_lock"] = lock
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def give_lock_back(_connection: Any, record: Any) -> None:
        held = record.info.pop("muster_lock", None)
        if held is not None:
            held.release()

    _hide_values(engine)
    return engine


def _use_wal(connection: sqlite3.Connection, wait_s: float) -> None:
    # Two processes that open a new file together: the change of mode does not wait for the busy handler.
    deadline = time.monotonic() + wait_s
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


_locks: dict[str, threading.Lock] = {}
_locks_guard = threading.Lock()


def _write_lock(path: str) -> threading.Lock:
    """Return the one lock of a file, however many engines this process opens on it."""
    with _locks_guard:
        # Not an RLock: FastAPI commits in another thread than the one that wrote.
        return _locks.setdefault(os.path.realpath(path), threading.Lock())


class _Impatient(psycopg.Connection):
    """A connection that hangs up on a server that says nothing.

    ``statement_timeout`` and its kin are kept by the server, and the kernel of a frozen server acknowledges
    every byte: only the client can end that wait (reliability.md 2.4).
    """

    answer_s: ClassVar[float | None] = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is not None or self.answer_s is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answer_s)
        except psycopg.errors._WaitTimeout:
            # Closed, so that nobody asks it to roll back and waits once more.
            self.close()
            raise psycopg.OperationalError("the server does not answer") from None


def _postgresql_engine(url: URL, wait_s: float, hang_up: bool) -> Engine:
    wait_ms = int(wait_s * 1000)
    connect_args: dict[str, Any] = {
        "connect_timeout": 2,
        "tcp_user_timeout": wait_ms,
        "application_name": "muster",
    }
    if "options" not in url.query:
        connect_args["options"] = (
            f"-c statement_timeout={wait_ms} -c lock_timeout={max(wait_ms - 1000, 1)}"
            f" -c idle_in_transaction_session_timeout={6 * wait_ms}"
            # The triggers against overlaps need to see what was committed while they waited for a lock.
            " -c default_transaction_isolation=read\\ committed"
            " -c synchronous_commit=on -c timezone=UTC"
        )
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        connect_args=connect_args,
        pool_pre_ping=True,
        pool_size=TURNS_MAX // 2,
        max_overflow=TURNS_MAX + TURNS_MAX // 2,
        pool_timeout=wait_s,
    )
    if hang_up:
        impatient = type("_Impatient", (_Impatient,), {"answer_s": wait_s + GRACE_S})

        @event.listens_for(engine, "do_connect")
        def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> psycopg.Connection:
            return impatient.connect(*arguments, **named)

    _hide_values(engine)
    return engine


def _hide_values(engine: Engine) -> None:
    """Keep the row's values out of error texts: PostgreSQL quotes the failing row in its DETAIL line."""

    @event.listens_for(engine, "handle_error")
    def hide(context: ExceptionContext) -> None:
        original = context.original_exception
        if not isinstance(original, psycopg.Error) or original.diag.message_primary is None:
            return
        said = original.diag.message_primary
        if (original.sqlstate or "").startswith("22"):
            # A value it could not read is quoted in the first line too. Other classes quote names of ours.
            said = re.sub(r'".*"', "(value hidden)", said, flags=re.DOTALL)
        original.args = (said,)
        if context.sqlalchemy_exception is not None:
            wrapped = type(original)
            context.sqlalchemy_exception.args = (f"({wrapped.__module__}.{wrapped.__name__}) {said}",)


# --- what a failing disk or server is called ---------------------------------------------------------------

_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
_OS_UNAVAILABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
# Connection, resources (disk full among them), operator intervention (statement timeout among them).
_SQLSTATE_CLASSES = ("08", "53", "57", "58")
_SQLSTATES = {
    "55P03",  # lock timeout
    "40001",  # serialization failure
    "40P01",  # deadlock
    "25006",  # the server became a read-only standby
    "25P03",  # idle in transaction for too long
}


def storage_error(error: BaseException) -> Busy:
    """Return the refusal for an error that means "the storage cannot do it now".

    Disk full, read-only, locked, connection lost, statement or lock timed out, pool exhausted.

    Raises:
        BaseException: ``error`` itself, when it means anything else.
    """
    if isinstance(error, Busy):
        return error
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, PoolTimeout):
        return _busy("no free connection")
    if isinstance(original, sqlite3.Error):
        number = getattr(original, "sqlite_errorcode", None)
        if number is not None and number & 0xFF in _SQLITE_UNAVAILABLE:
            return _busy(getattr(original, "sqlite_errorname", "sqlite"))
    elif isinstance(original, psycopg.Error):
        state = original.sqlstate
        if state is None and isinstance(original, psycopg.OperationalError | psycopg.InterfaceError):
            return _busy("connection lost")
        if state is not None and (state in _SQLSTATES or state[:2] in _SQLSTATE_CLASSES):
            return _busy(f"SQLSTATE {state}")
    elif isinstance(original, OSError) and original.errno in _OS_UNAVAILABLE:
        return _busy(errno.errorcode[original.errno])
    raise error


def _busy(detail: str) -> Busy:
    return Busy("storage_unavailable", detail, retry_after_s=2)


# --- transactions ------------------------------------------------------------------------------------------


class Database:
    """An engine and the two ways to use it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        if engine.dialect.name == "postgresql":
            # One snapshot for all selects of a page, as SQLite gives it.
            self._reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        else:
            self._reading = _beside(engine).execution_options(muster_mode="read")
        self._writing = engine.execution_options(muster_mode="write")
        self._kept: dict[Any, Any] = {}
        """What ``app.store.kept`` keeps of this database."""
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one moment of the database and cannot change it.

        Raises:
            Busy: ``storage_unavailable``.
            RuntimeError: something was written; a programmer's error, not the disk's.
        """
        with Session(self._reading, expire_on_commit=False, info={"muster_snapshot": {}, "muster_kept": self._kept}) as session, _storage_errors():
            try:
                yield session
            except DBAPIError as error:
                if _is_write_refused(error):
                    raise RuntimeError("a session of Database.read() was asked to write") from error
                raise

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose changes are all committed at the end, or none of them.

        Raises:
            Busy: ``storage_unavailable``. A connection lost during the commit leaves open whether it was kept:
                a caller that tries again says the same thing under the same key.
        """
        session = Session(self._writing, expire_on_commit=False)
        try:
            with _storage_errors():
                yield session
                try:
                    session.commit()
                except BaseException:
                    # Whether it is on disk is unknown; what the connection thinks it is in the middle of, too.
                    session.invalidate()
                    raise
        finally:
            # Closing rolls back whatever was not committed. A connection that is already lost may say so once
            # more; the first error is the one that counts.
            with contextlib.suppress(DBAPIError):
                session.close()

    def turn(self) -> asyncio.Semaphore:
        """Return the queue of the requests of the running event loop; see ``TURNS_MAX``."""
        loop = asyncio.get_running_loop()
        if loop not in self._turns:
            self._turns[loop] = asyncio.Semaphore(TURNS_MAX)
        return self._turns[loop]

    def check_writable(self) -> None:
        """Write something that changes nothing, down to the disk.

        Raises:
            Busy: it could not be written.
        """
        if self.engine.dialect.name == "postgresql":
            # Reaches the log of the server, and so its disk, without a table of ours.
            statement = "SELECT pg_logical_emit_message(true, 'muster', 'ready')"
        else:
            statement = "PRAGMA user_version = 0"
        with self.write() as db:
            db.execute(sa.text(statement))

    def dispose(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def _beside(engine: Engine) -> Engine:
    """An SQLite engine on the same file for connections that only ever read; it is disposed of with ``engine``."""
    readers = _sqlite_engine(engine.url, engine.pool.timeout())
    event.listen(engine, "engine_disposed", lambda _engine: readers.dispose())
    return readers


def _is_write_refused(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        # The bare code: a read-only disk has longer ones (SQLITE_READONLY_DIRECTORY ...).
        return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY
    return getattr(error.orig, "sqlstate", None) == "25006"


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout, OSError, sqlite3.Error, psycopg.Error) as error:
        raise storage_error(error) from error


async def _turn(request: Request) -> AsyncIterator[None]:
    """Wait for a turn without holding a thread. A request with two sessions needs one turn."""
    if request.scope.get("muster_turn"):
        yield
        return
    turns = request.app.state.database.turn()
    try:
        async with asyncio.timeout(WAIT_S):
            await turns.acquire()
    except TimeoutError:
        raise _busy("too many requests use the database") from None
    request.scope["muster_turn"] = True
    try:
        yield
    finally:
        request.scope["muster_turn"] = False
        turns.release()


_Turn = Annotated[None, Depends(_turn, scope="function")]


def transaction(request: Request, _: _Turn) -> Iterator[Session]:
    """Give a route its transaction; see ``Tx``."""
    with request.app.state.database.write() as session:
        yield session


async def reading(request: Request, _: _Turn) -> AsyncIterator[Session]:
    """Give a route its snapshot; see ``Reading``."""
    snapshot = request.app.state.database.read()
    # No thread for this: a session asks for no connection before its first statement.
    session = snapshot.__enter__()
    try:
        yield session
    except BaseException as error:
        await _leave(snapshot, error)
        raise
    await _leave(snapshot, None)


async def _leave(snapshot: AbstractContextManager[Session], error: BaseException | None) -> None:
    """Close a session in a thread, also when the request was cancelled or every thread is taken."""
    with CancelScope(shield=True):
        await to_thread.run_sync(
            snapshot.__exit__, error and type(error), error, error and error.__traceback__, limiter=CapacityLimiter(1)
        )


async def whole(request: Request, _: _Turn) -> Database:
    """Give a route the database itself; see ``Whole``."""
    return request.app.state.database


Whole = Annotated[Database, Depends(whole, scope="function")]
"""For a route that computes for seconds in a snapshot before it writes: it opens both transactions itself."""

# scope="function" commits before the reply is sent. With the default scope a commit that fails is found out
# after the worker was told "recorded" (FastAPI 0.118 and later).
Tx = Annotated[Session, Depends(transaction, scope="function")]
Reading = Annotated[Session, Depends(reading, scope="function")]


# --- migrations --------------------------------------------------------------------------------------------


def migrate(settings: Settings, target: str = "head") -> None:
    """Bring the tables to ``target``, in one transaction, one process at a time.

    A crash half way leaves the database as it was.

    Args:
        settings: names the database.
        target: a revision, ``head``, or ``base`` (no tables at all: for tests).

    Raises:
        DatabaseWrong: the tables were made by a newer Muster, or rows do not fit together afterwards.
    """
    url = make_url(settings.url)
    if url.get_backend_name() == "sqlite":
        # Foreign keys off: a table that is rebuilt is dropped for a moment. They are checked at the end.
        engine = _sqlite_engine(url, MIGRATION_WAIT_S, foreign_keys=False)
    else:
        engine = make_engine(settings, wait_s=MIGRATION_WAIT_S, hang_up=False)
    try:
        with _storage_errors(), engine.execution_options(muster_mode="write").begin() as connection:
            if engine.dialect.name == "postgresql":
                # A tenth of a second would do for an empty lock, hours may be right for a large table.
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_KEY})")
            _move(connection, target)
            if engine.dialect.name == "sqlite":
                torn = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if torn:
                    tables = ", ".join(sorted({str(row[0]) for row in torn}))
                    raise DatabaseWrong(f"rows point at rows that are not there ({tables}); nothing was changed")
    finally:
        engine.dispose()


def alembic_config(connection: Connection | None = None) -> Config:
    """Return alembic's configuration, made in code so that an installed wheel finds its migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _move(connection: Connection, target: str) -> None:
    config = alembic_config(connection)
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseWrong(f"the tables are of revision {current}, which this Muster does not know; install a newer one")
    if target == "base":
        command.downgrade(config, target)
    else:
        command.upgrade(config, target)


def write_migration(settings: Settings, sentence: str) -> Path:
    """Write the first draft of a migration: what ``app.tables`` has and the database has not. For developers.

    Args:
        settings: name a database that is at the newest revision.
        sentence: says what it does, as in "passages get a margin".
    """
    engine = make_engine(settings)
    with engine.connect() as connection:
        written = command.revision(alembic_config(connection), message=sentence, autogenerate=True)
    engine.dispose()
    return Path(written.path)


def migration_state(engine: Engine) -> tuple[str | None, str | None]:
    """Return (revision of the tables, revision this program is written for). Equal means ready."""
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, _written_for()


@cache
def _written_for() -> str | None:
    """The newest migration that comes with this program. Finding it runs every one of them: ``/readyz`` asks every few seconds."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


# --- backups -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup."""

    path: Path
    bytes: int


def backup(settings: Settings, target: Path) -> Backup:
    """Write a copy of the SQLite database to ``target``, while the service runs, and check it.

    The copy holds everything committed before the call. The key file is not in it and must be kept apart:
    without the key nobody reads ID numbers or templates.

    Raises:
        DatabaseWrong: PostgreSQL, no database yet, ``target`` exists, or the copy does not check out.
    """
    url = make_url(settings.url)
    if url.get_backend_name() != "sqlite":
        raise DatabaseWrong("muster backup copies SQLite files; for PostgreSQL use pg_dump --format=custom")
    source = Path(url.database or "").absolute()
    if not source.is_file():
        raise DatabaseWrong(f"there is no database at {source}")
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    if target.exists():
        raise DatabaseWrong(f"{target} exists already; a backup never overwrites another")
    try:
        # VACUUM INTO fills an empty file and keeps its mode: no moment at which others may read it.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with contextlib.closing(sqlite3.connect(source, timeout=WAIT_S, isolation_level=None)) as live:
            live.execute("VACUUM INTO ?", (str(part),))
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copy:
            said = copy.execute("PRAGMA integrity_check").fetchone()[0]
            if said != "ok":
                raise DatabaseWrong("the copy does not pass SQLite's integrity check; nothing was kept")
        _sync(part)
        try:
            os.link(part, target)
        except FileExistsError:
            raise DatabaseWrong(f"{target} exists already; a backup never overwrites another") from None
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise storage_error(error) from error
    finally:
        part.unlink(missing_ok=True)
    return Backup(target, target.stat().st_size)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
