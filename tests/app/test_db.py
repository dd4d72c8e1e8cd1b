"""Transactions: all or nothing, committed before anybody is told, and never a wait without an end."""

import errno
import shutil
import sqlite3
import stat
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.db import Database, DatabaseWrong, Reading, Tx, backup, make_engine, storage_error
from app.errors import Busy, ServiceError
from app.settings import Settings
from app.tables import Project, Schedule, Worker

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def add_project(db, code: str) -> None:
    db.execute(
        sa.insert(Project.__table__).values(
            code=code, name="嘉禾一期", area_code="330424", created_at=NOW
        )
    )


def codes(database: Database) -> list[str]:
    with database.read() as db:
        return list(db.execute(sa.select(Project.code).order_by(Project.code)).scalars())


@pytest.fixture
def service(database: Database) -> TestClient:
    """A service of three routes over ``database``."""
    app = FastAPI()
    app.state.database = database

    @app.exception_handler(ServiceError)
    async def refused(_request: Request, error: ServiceError) -> JSONResponse:
        return JSONResponse({"code": error.code}, status_code=error.status)

    @app.post("/projects/{code}")
    def add(code: str, db: Tx) -> dict:
        add_project(db, code)
        return {"recorded": True}

    @app.post("/slow/{code}")
    def slow(code: str, read: Reading, db: Tx) -> dict:
        read.execute(sa.text("SELECT 1"))
        add_project(db, code)
        time.sleep(0.01)
        return {"recorded": True}

    @app.get("/write")
    def write_while_reading(db: Reading) -> dict:
        add_project(db, "sneaked in")
        return {}

    return TestClient(app, raise_server_exceptions=False)


# --- all or nothing ----------------------------------------------------------------------------------------


def test_what_fails_half_way_leaves_nothing(database):
    with pytest.raises(RuntimeError), database.write() as db:
        add_project(db, "A")
        raise RuntimeError("the lights went out")
    assert codes(database) == []


def test_whoever_only_reads_cannot_write(database):
    with pytest.raises(RuntimeError), database.read() as db:
        add_project(db, "A")
    with pytest.raises(Busy), database.read() as db:
        raise Busy("storage_unavailable")
    assert codes(database) == []
    with database.write() as db:
        add_project(db, "B")
    assert codes(database) == ["B"]


def test_a_reader_sees_one_moment(database):
    with database.read() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(Project)).scalar_one() == 0
        with database.write() as other:
            add_project(other, "A")
        assert db.execute(sa.select(sa.func.count()).select_from(Project)).scalar_one() == 0
    assert codes(database) == ["A"]


def test_what_a_connection_has_prepared_is_not_thrown_away_between_two_transactions(database, database_kind):
    # The pragma that keeps a reader from writing makes SQLite read every statement anew: said once for each connection.
    if database_kind != "sqlite":
        pytest.skip("SQLite's pragma")
    said = []

    def hear(_connection, _cursor, statement, *_):
        said.append(statement)

    def frame() -> None:
        with database.read() as db:
            db.execute(sa.select(sa.func.count()).select_from(Project))
        with database.write() as db:
            db.execute(sa.select(sa.func.count()).select_from(Project))

    frame()
    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        for _ in range(3):
            frame()
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)
    assert sum(statement.startswith("SELECT") for statement in said) == 6
    assert not [statement for statement in said if "query_only" in statement]


def test_a_closed_house_leaves_no_file_open(tmp_path, _sqlite_template):
    # Readers have connections of their own; the last to leave an SQLite file tidies it.
    path = tmp_path / "left.db"
    shutil.copy(_sqlite_template, path)
    database = Database(make_engine(Settings(database_url=f"sqlite:///{path}", data_dir=tmp_path)))
    with database.write() as db:
        add_project(db, "A")
    assert codes(database) == ["A"]
    assert path.with_name("left.db-wal").exists()
    database.engine.dispose()
    assert not path.with_name("left.db-wal").exists()


# --- nobody is told "recorded" too early -------------------------------------------------------------------


def test_a_route_that_succeeds_has_committed_before_it_answers(service, database):
    assert service.post("/projects/A").json() == {"recorded": True}
    assert codes(database) == ["A"]


def test_a_commit_that_fails_is_not_reported_as_recorded(service, database):
    @event.listens_for(database.engine, "commit")
    def disk_full(_connection):
        raise OSError(errno.ENOSPC, "No space left on device")

    answer = service.post("/projects/A")
    event.remove(database.engine, "commit", disk_full)
    assert (answer.status_code, answer.json()) == (503, {"code": "storage_unavailable"})
    assert "recorded" not in answer.text
    assert codes(database) == []
    assert service.post("/projects/A").status_code == 200


def test_a_reading_route_that_writes_is_found_out(service, database):
    assert service.get("/write").status_code == 500
    assert codes(database) == []


def test_more_requests_than_threads_all_get_their_turn(service, database):
    # A hundred writers at once on forty threads: whoever holds the write lock must always find a thread to
    # go on in, or everybody waits until the deadline.
    answers: list[int] = []

    with service:
        threads = [
            threading.Thread(target=lambda n=n: answers.append(service.post(f"/slow/{n}").status_code))
            for n in range(100)
        ]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 100
    assert len(codes(database)) == 100
    assert time.monotonic() - began < 4.5


# --- waits have an end -------------------------------------------------------------------------------------


def test_a_write_that_takes_too_long_holds_the_others_up_only_for_so_long(tmp_path, _sqlite_template):
    shutil.copyfile(_sqlite_template, tmp_path / "muster.db")
    settings = Settings(environment="test", data_dir=tmp_path)
    # Two engines over one file still stand in one line.
    one = Database(make_engine(settings, wait_s=0.2))
    two = Database(make_engine(settings, wait_s=0.2))
    with one.write() as db:
        add_project(db, "A")
        began = time.monotonic()
        with pytest.raises(Busy) as refusal, two.write() as other:
            add_project(other, "B")
        assert 0.1 < time.monotonic() - began < 1.5
    assert refusal.value.code == "storage_unavailable"
    assert refusal.value.retry_after_s
    with two.write() as db:
        add_project(db, "B")
    assert codes(one) == ["A", "B"]
    one.dispose()
    two.dispose()


def test_another_program_that_holds_the_file_is_not_waited_for_for_ever(tmp_path, _sqlite_template):
    shutil.copyfile(_sqlite_template, tmp_path / "muster.db")
    database = Database(make_engine(Settings(environment="test", data_dir=tmp_path), wait_s=0.2))
    other = sqlite3.connect(tmp_path / "muster.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy), database.write() as db:
        add_project(db, "A")
    other.execute("ROLLBACK")
    other.close()
    # The lock of this process was given back with the refusal.
    with database.write() as db:
        add_project(db, "A")
    database.dispose()


def test_whoever_looks_before_he_writes_is_not_overtaken(tmp_path, _sqlite_template):
    # A transaction that began as a reader could not become a writer once another program wrote.
    shutil.copyfile(_sqlite_template, tmp_path / "muster.db")
    database = Database(make_engine(Settings(environment="test", data_dir=tmp_path), wait_s=0.2))
    other = sqlite3.connect(tmp_path / "muster.db", isolation_level=None, timeout=0)
    with database.write() as db:
        db.execute(sa.select(Project.id)).all()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        add_project(db, "A")
    other.close()
    assert codes(database) == ["A"]
    database.dispose()


def test_two_writers_of_one_row_wait_for_each_other_on_postgresql(database, database_kind, settings):
    if database_kind != "postgresql":
        pytest.skip("rows are locked one by one on PostgreSQL only")
    impatient = Database(make_engine(settings, wait_s=1.2))
    with database.write() as db:
        add_project(db, "A")
    with database.write() as db:
        db.execute(sa.update(Project).values(name="x"))
        with pytest.raises(Busy) as refusal, impatient.write() as other:
            other.execute(sa.update(Project).values(name="y"))
    assert refusal.value.code == "storage_unavailable"
    impatient.dispose()


def test_a_request_that_only_computes_holds_nothing(database):
    # The lock is taken with the first statement: recognition takes 300 ms and must not stop the other gates.
    with database.write(), database.write() as db:
        add_project(db, "A")
    assert codes(database) == ["A"]


# --- the disk ----------------------------------------------------------------------------------------------


def test_a_full_disk_refuses_and_recovers_without_a_restart(tmp_path, _sqlite_template):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        shutil.copyfile(_sqlite_template, disk / "muster.db")
        database = Database(make_engine(Settings(environment="test", data_dir=disk)))
        with database.write() as db:
            add_project(db, "before")
        (disk / "filler").write_bytes(b"\0" * (shutil.disk_usage(disk).free))
        refused = 0
        for number in range(2000):
            try:
                with database.write() as db:
                    db.execute(sa.insert(Project.__table__).values(
                        code=f"{number:05}", name="x" * 200, area_code="330424", created_at=NOW))
            except Busy:
                refused += 1
                if refused == 20:
                    break
        assert refused == 20
        kept = codes(database)
        (disk / "filler").unlink()
        with database.write() as db:
            add_project(db, "after")
        assert codes(database) == sorted([*kept, "after"])
        with database.read() as db:
            assert db.execute(sa.text("PRAGMA integrity_check")).scalar_one() == "ok"
        database.dispose()
    finally:
        subprocess.run(["umount", "-l", disk], capture_output=True)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_an_unfit_disk_is_called_by_its_name(number):
    assert storage_error(OSError(number, "no")).code == "storage_unavailable"


@pytest.mark.parametrize("error", [ValueError("x"), FileNotFoundError(errno.ENOENT, "no"), sqlite3.IntegrityError("x")])
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised:
        storage_error(error)
    assert raised.value is error


def test_a_twin_is_not_a_storage_trouble(database):
    with pytest.raises(IntegrityError), database.write() as db:
        add_project(db, "A")
        add_project(db, "A")
    with database.write() as db:
        add_project(db, "A")


def test_a_server_that_went_away_is_busy_and_comes_back(database, database_kind):
    if database_kind != "postgresql":
        pytest.skip("SQLite has no server")
    # Only this test's own connections.
    with pytest.raises(Busy), database.write() as db:
        db.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert codes(database) == []
    with pytest.raises(Busy):
        Database(make_engine(Settings(environment="test", database_url="postgresql://x@127.0.0.1:1/x"))).check_writable()


def test_a_statement_without_an_end_is_stopped(settings, database_kind):
    if database_kind != "postgresql":
        pytest.skip("SQLite has no statement timeout")
    impatient = Database(make_engine(settings, wait_s=0.3))
    with pytest.raises(Busy), impatient.read() as db:
        db.execute(sa.text("SELECT pg_sleep(5)"))
    impatient.dispose()


def test_readiness_writes_to_the_disk_and_changes_nothing(database):
    database.check_writable()
    assert codes(database) == []


def test_a_database_that_cannot_be_written_says_so(tmp_path, _sqlite_template):
    shutil.copyfile(_sqlite_template, tmp_path / "muster.db")
    database = Database(make_engine(Settings(environment="test", data_dir=tmp_path), wait_s=0.1))
    database.check_writable()
    other = sqlite3.connect(tmp_path / "muster.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        database.check_writable()
    other.close()
    database.dispose()


# --- settings of the engines -------------------------------------------------------------------------------


def test_sqlite_is_set_up_to_keep_what_it_says(database, database_kind):
    if database_kind != "sqlite":
        pytest.skip("SQLite's pragmas")
    with database.write() as db:
        said = {name: db.execute(sa.text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete")}
    assert said == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000, "secure_delete": 1}


def test_postgresql_is_set_up_to_keep_what_it_says(database, database_kind):
    if database_kind != "postgresql":
        pytest.skip("PostgreSQL's settings")
    with database.write() as db:
        said = {name: db.execute(sa.text(f"SHOW {name}")).scalar_one()
                for name in ("synchronous_commit", "statement_timeout", "lock_timeout", "TimeZone", "transaction_isolation")}
    assert said == {"synchronous_commit": "on", "statement_timeout": "5s", "lock_timeout": "4s", "TimeZone": "UTC",
                    "transaction_isolation": "read committed"}


def test_a_database_nobody_can_use_is_refused_with_a_sentence():
    with pytest.raises(DatabaseWrong, match="neither"):
        make_engine(Settings(database_url="mysql+pymysql://x/y"))
    with pytest.raises(DatabaseWrong, match="forgets"):
        make_engine(Settings(database_url="sqlite://"))


def test_no_name_reaches_an_error_text(database, now):
    # PostgreSQL quotes the failing row in its DETAIL; SQLAlchemy the parameters. Both would be logged.
    secret = "王建国不可见"
    values = {"name": secret, "id_number_sealed": b"990424198506120017", "id_number_index": "i" * 64, "sex": "M",
              "birth_on": now.date(), "created_at": now}
    with pytest.raises(DBAPIError) as twin, database.write() as db:
        db.execute(sa.insert(Worker.__table__).values(**values))
        db.execute(sa.insert(Worker.__table__).values(**values))
    with pytest.raises(DBAPIError) as missing, database.write() as db:
        db.execute(sa.insert(Worker.__table__).values(**{**values, "sex": None}))
    with pytest.raises(DBAPIError) as malformed, database.write() as db:
        db.execute(sa.text("SELECT CAST(:x AS INTEGER) FROM nowhere"), {"x": secret})
    for raised in (twin, missing, malformed):
        error = raised.value
        text = "".join([str(error), repr(error), str(error.orig), repr(error.orig), str(error.__cause__)])
        assert secret not in text
        assert "9904241985" not in text
        assert "i" * 64 not in text


def test_a_value_the_server_cannot_read_is_not_quoted(database, database_kind):
    if database_kind != "postgresql":
        pytest.skip("SQLite reads anything")
    with pytest.raises(DBAPIError) as raised, database.write() as db:
        db.execute(sa.text("SELECT CAST(CAST(:x AS TEXT) AS INTEGER)"), {"x": "990424198506120017"})
    assert "9904" not in str(raised.value) + str(raised.value.orig)


# --- backups -----------------------------------------------------------------------------------------------


def test_a_backup_of_a_busy_house_has_everything_that_was_promised(tmp_path, _sqlite_template):
    shutil.copyfile(_sqlite_template, tmp_path / "muster.db")
    settings = Settings(environment="test", data_dir=tmp_path)
    database = Database(make_engine(settings))
    promised: list[str] = []
    stop = threading.Event()

    def go_on() -> None:
        number = 0
        while not stop.is_set():
            with database.write() as db:
                add_project(db, f"{number:06}")
            promised.append(f"{number:06}")
            number += 1

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        while len(promised) < 20:
            time.sleep(0.01)
        before = list(promised)
        done = backup(settings, tmp_path / "backups" / "one.db")
    finally:
        stop.set()
        writer.join()
    assert done.bytes == done.path.stat().st_size > 0
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600
    copy = Database(make_engine(Settings(environment="test", database_url=f"sqlite:///{done.path}")))
    assert set(before) <= set(codes(copy))
    copy.dispose()
    assert [p.name for p in done.path.parent.iterdir() if "part" in p.name] == []
    database.dispose()


def test_a_backup_never_overwrites_another(tmp_path, _sqlite_template):
    shutil.copyfile(_sqlite_template, tmp_path / "muster.db")
    settings = Settings(environment="test", data_dir=tmp_path)
    target = tmp_path / "one.db"
    backup(settings, target)
    first = target.read_bytes()
    with pytest.raises(DatabaseWrong, match="exists"):
        backup(settings, target)
    assert target.read_bytes() == first


def test_where_there_is_nothing_to_copy_a_sentence_says_so(tmp_path):
    with pytest.raises(DatabaseWrong, match="no database"):
        backup(Settings(environment="test", data_dir=tmp_path), tmp_path / "x.db")
    with pytest.raises(DatabaseWrong, match="pg_dump"):
        backup(Settings(database_url="postgresql://x@127.0.0.1/x"), Path("x.db"))


def test_an_instant_without_a_time_zone_is_refused(database, now):
    with pytest.raises(sa.exc.StatementError), database.write() as db:
        db.execute(sa.insert(Schedule.__table__).values(name="x", next_at=now.replace(tzinfo=None)))
