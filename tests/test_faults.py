"""What a bad day does to the service: the disk full, the database gone or frozen, too many gates, slow and broken clients.

The numbers are those of the acceptance list (shared/research/reliability.md, 6), with room for a busy machine.
"""

import asyncio
import contextlib
import http.client
import json
import os
import random
import resource
import secrets
import socket
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from app.db import Database, make_engine, migrate
from app.domain.chain import GENESIS
from app.errors import Busy
from app.intake import SHORT_MAX, SHORT_THREADS, Intake
from app.settings import Settings
from app.store import gates
from app.vault import Vault
from devices.dialects import frames
from devices.sim import Event, Gate, card_event, frame_event
from recognition.synthetic import SyntheticEngine, draw_face
from tests.cast import Cast, Post, Site, pass_through
from tests.cast import cast as play
from tests.faces import enrol_drawn
from tests.nursery import Nursery
from tests.service import Cluster, Delivered, NoCluster, Pulse, Service, deliver, serving

KEY_HEX = bytes(range(32)).hex()
"""Of the ``vault`` fixture."""
SLACK_S = 1.0
"""For a machine that does other things; the numbers themselves are measured by ``bench/overload.py``."""


def populate(database: Database, vault: Vault) -> Cast:
    """The cast as of now, the first two workers with a face."""
    now = datetime.now(UTC)
    with database.write() as db:
        people_on_site = play(db, vault, now)
    engine = SyntheticEngine()
    for member, person in ((people_on_site.wang, 1), (people_on_site.li, 2)):
        enrol_drawn(database, vault, engine, people_on_site.a.id, member.id, person, now)
    return people_on_site


@pytest.fixture
def site(database: Database, vault: Vault) -> Cast:
    return populate(database, vault)


@pytest.fixture
def service(settings: Settings, site: Cast, nursery: Nursery) -> Iterator[Service]:
    with serving(settings, KEY_HEX, nursery) as running:
        yield running
        assert "internal_error" not in running.log.read_text(errors="replace")


_numbers = count(1)
_boot = secrets.token_hex(6)


def a_frame(post: Post, person: int = 1, variant: int = 0) -> Event:
    return frame_event(post.device_id, f"{_boot}:{next(_numbers)}", draw_face(person, variant=variant))


def a_card(post: Post, number: str) -> Event:
    return card_event(post.device_id, f"{_boot}:{next(_numbers)}", "id_card", number)


def stored(database: Database, project_id: int) -> list[gates.PassageRecord]:
    with database.read() as db:
        return gates.passages_after(db, project_id, 0, 1_000_000)


def assert_whole(database: Database, site: Site, acknowledged: dict[str, str]) -> None:
    """Every acknowledged passage (event key to id) is there as it was said, none is doubled, the chain holds."""
    kept = stored(database, site.id)
    keys = [record.event_key for record in kept]
    assert len(set(keys)) == len(keys), "a passage is doubled"
    by_key = {record.event_key: str(record.id) for record in kept}
    lost = acknowledged.keys() - by_key.keys()
    assert not lost, f"{len(lost)} acknowledged passages are gone"
    assert all(by_key[key] == passage_id for key, passage_id in acknowledged.items())
    with database.read() as db:
        assert list(gates.verify_chain(db, site.id)) == []


class Acknowledged(dict[str, str]):
    """Event keys of the passages that were acknowledged, and the ids they were given."""

    def note(self, delivered: Delivered) -> Delivered:
        if delivered.recorded:
            self[delivered.event_key] = delivered.said["event_id"]
        return delivered


# --- number 3: the disk is full ----------------------------------------------------------------------------


@dataclass
class Disk:
    """A place for the data folder whose room a test takes away and gives back."""

    folder: Path
    fill: Callable[[Service], None]
    free: Callable[[Service], None]


@pytest.fixture
def small_mount(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m,mode=700", "muster-test", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs root: mount said {mounted.stderr.strip()[:100]!r}")
    ballast = folder / "ballast"

    def fill(_service: Service) -> None:
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    try:
        yield Disk(folder, fill, lambda _service: ballast.unlink())
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


@pytest.fixture
def file_limit(tmp_path: Path) -> Disk:
    """The kernel refuses to let any file of the process grow; needs no root."""

    def limit(service: Service, most: int) -> None:
        hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (most, hard))

    def fill(service: Service) -> None:
        # The longest file of the database is its log; nothing may grow beyond it.
        limit(service, max(file.stat().st_size for file in (tmp_path / "data").glob("muster.db*")) + 512)

    folder = tmp_path / "data"
    folder.mkdir()
    return Disk(folder, fill, lambda service: limit(service, resource.RLIM_INFINITY))


def _on_a_full_disk(disk: Disk, tmp_path: Path, vault: Vault, log_to: Path, nursery: Nursery) -> Service:
    settings = Settings(environment="test", data_dir=disk.folder, pack_id="synthetic")
    migrate(settings)
    database = Database(make_engine(settings))
    site = populate(database, vault)
    service = Service(settings, KEY_HEX, {"MUSTER_DISK_FREE_BYTES_MIN": "100000"}, log_to=log_to, nursery=nursery)
    acknowledged = Acknowledged()
    try:
        service.start()

        def frame(n: int) -> Delivered:
            return acknowledged.note(deliver(service, a_frame(site.a.entrance, 1 + n % 2, n % 60), site.a.entrance.key))

        def card() -> Delivered:
            return acknowledged.note(deliver(service, a_card(site.a.exit, site.wang.id_number), site.a.exit.key))

        assert [frame(n).status for n in range(10)] == [200] * 10
        assert card().status == 200
        before = len(acknowledged)
        disk.fill(service)
        # What still fits into the database's own files is recorded; then nothing is.
        deadline = time.monotonic() + 30
        while frame(0).recorded:
            assert time.monotonic() < deadline, "the disk does not fill"
        with Pulse(service) as pulse:
            answers = [answer for n in range(30) for answer in (frame(n), card())]
        refused = [answer for answer in answers if not answer.recorded]
        assert len(refused) >= len(answers) - 4, "the disk is full, and passages are recorded"
        assert {(a.status, a.code) for a in refused} == {(503, "storage_unavailable")}
        assert all(int(a.headers["retry-after"]) >= 1 for a in refused)
        assert pulse.unwell == 0 and pulse.seconds
        # A probe is smaller than a passage: a few may still fit where no passage does.
        while service.get("/readyz")[0] == 200:
            assert time.monotonic() < deadline + 30, "nothing fits, and the service calls itself ready"
        disk.free(service)
        # The first frame and the first card, not after some tries, and without a restart.
        assert frame(1).recorded and card().recorded
        assert service.get("/readyz")[0] == 200
        assert len(acknowledged) >= before + 2
        assert service.stop() == 0
        assert "internal_error" not in log_to.read_text(errors="replace")
        with contextlib.closing(sqlite3.connect(disk.folder / "muster.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert_whole(database, site.a, acknowledged)
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill()
        database.dispose()
    return service


@pytest.mark.slow
def test_a_full_disk_refuses_keeps_its_word_and_recovers_without_a_restart(
    small_mount: Disk, tmp_path: Path, vault: Vault, nursery: Nursery
):
    _on_a_full_disk(small_mount, tmp_path, vault, tmp_path / "service.log", nursery)


@pytest.mark.slow
def test_files_that_may_not_grow_are_a_full_disk(file_limit: Disk, tmp_path: Path, vault: Vault, nursery: Nursery):
    _on_a_full_disk(file_limit, tmp_path, vault, tmp_path / "service.log", nursery)


@pytest.mark.slow
def test_a_log_on_the_full_disk_costs_lines_and_no_passages(small_mount: Disk, tmp_path: Path, vault: Vault, nursery: Nursery):
    _on_a_full_disk(small_mount, tmp_path, vault, small_mount.folder / "service.log", nursery)


# --- number 4: PostgreSQL is gone, or frozen ---------------------------------------------------------------


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    wanted = os.environ.get("TEST_DATABASES", "both")
    if wanted == "sqlite":
        pytest.skip("SQLite has no server to stop")
    try:
        server = Cluster()
    except (NoCluster, KeyError) as reason:
        if wanted == "postgresql":
            pytest.fail(f"no PostgreSQL: {reason}")
        pytest.skip(f"no PostgreSQL: {reason}")
    try:
        server.start()
        yield server
    finally:
        server.close()


@dataclass
class Stand:
    """A service on a PostgreSQL server of its own."""

    cluster: Cluster
    service: Service
    database: Database
    site: Cast


DECISION_S = 2.0


@pytest.fixture
def stand(cluster: Cluster, tmp_path: Path, vault: Vault, nursery: Nursery) -> Iterator[Stand]:
    settings = Settings(environment="test", data_dir=tmp_path, pack_id="synthetic", database_url=cluster.url)
    migrate(settings)
    database = Database(make_engine(settings))
    site = populate(database, vault)
    try:
        with serving(settings, KEY_HEX, nursery, MUSTER_DECISION_SECONDS_MAX=str(DECISION_S)) as service:
            yield Stand(cluster, service, database, site)
            assert "internal_error" not in service.log.read_text(errors="replace")
    finally:
        database.dispose()


def _recovers(stand: Stand, acknowledged: Acknowledged, seconds: float) -> float:
    """Post until a frame and a card are recorded; fail when that takes longer than ``seconds``."""
    began = time.monotonic()
    entrance = stand.site.a.entrance
    for make in (lambda: a_frame(entrance, 2, 7), lambda: a_card(entrance, stand.site.wang.id_number)):
        while not acknowledged.note(deliver(stand.service, make(), entrance.key)).recorded:
            assert time.monotonic() - began < seconds, "it does not come back"
            time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.slow
def test_a_database_that_stops_is_said_at_once_and_found_again_at_once(stand: Stand):
    service, entrance, leave = stand.service, stand.site.a.entrance, stand.site.a.exit
    acknowledged = Acknowledged()
    for n in range(6):
        assert acknowledged.note(deliver(service, a_frame(entrance, 1 + n % 2, n), entrance.key)).recorded
        assert acknowledged.note(deliver(service, a_card(leave, stand.site.wang.id_number), leave.key)).recorded
    for _ in range(2):
        stand.cluster.stop()
        with Pulse(service) as pulse:
            answers = [deliver(service, a_frame(entrance, 1, n), entrance.key) for n in range(10)]
            answers += [deliver(service, a_card(leave, stand.site.wang.id_number), leave.key) for _ in range(10)]
        assert {(a.status, a.code) for a in answers} == {(503, "storage_unavailable")}
        assert all(int(a.headers["retry-after"]) >= 1 for a in answers)
        slowest = max(a.seconds for a in answers)
        assert slowest < 0.2 + SLACK_S, f"{slowest:.2f} s to say that there is no database"
        assert pulse.unwell == 0 and max(pulse.seconds) < SLACK_S
        stand.cluster.start()
        took = _recovers(stand, acknowledged, 2 + SLACK_S)
        print(f"stopped: slowest refusal {slowest * 1000:.0f} ms, back after {took * 1000:.0f} ms")
    assert_whole(stand.database, stand.site.a, acknowledged)


@pytest.mark.slow
def test_a_frozen_database_keeps_nobody_waiting_beyond_the_deadline(stand: Stand):
    """Every process of the server stopped under load: frames, cards and look-ups are answered in time, none doubled."""
    service, site = stand.service, stand.site.a
    acknowledged = Acknowledged()
    answers: list[Delivered] = []
    stop = threading.Event()

    def post(post_of: Post, make: Callable[[int], Event]) -> None:
        n = 0
        while not stop.is_set():
            event = make(n)
            while True:
                answer = acknowledged.note(deliver(service, event, post_of.key))
                answers.append(answer)
                # The same event again, as a gate does: what was recorded unsaid must be found, not doubled.
                if answer.status in (200, 409) or stop.is_set():
                    break
                time.sleep(0.05)
            n += 1

    makers: list[tuple[Post, Callable[[int], Event]]] = []
    for _ in range(4):
        makers.append((site.entrance, lambda n: a_frame(site.entrance, 1 + n % 2, n % 60)))
        makers.append((site.exit, lambda n: a_frame(site.exit, 2, n % 60)))
        makers.append((site.entrance, lambda _n: a_card(site.entrance, stand.site.wang.id_number)))
        makers.append((site.exit, lambda _n: a_card(site.exit, stand.site.li.id_number)))
    threads = [threading.Thread(target=post, args=made) for made in makers]
    for thread in threads:
        thread.start()
    try:
        deadline = time.monotonic() + 20
        while len(acknowledged) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with Pulse(service) as pulse:
            for _ in range(2):
                stand.cluster.freeze()
                try:
                    time.sleep(3 * DECISION_S)
                finally:
                    stand.cluster.thaw()
                _recovers(stand, acknowledged, 2 + SLACK_S)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    # Of all answers, before, during and after: also of frames that were in the middle of it when it froze.
    said = Counter((a.status, a.code if a.status != 200 else "") for a in answers)
    assert said.keys() <= {
        (200, ""), (503, "decision_late"), (503, "busy"), (503, "storage_unavailable"), (409, "superseded")
    }
    assert sum(n for (status, _code), n in said.items() if status == 503) >= 16
    slowest = max(a.seconds for a in answers)
    assert slowest < DECISION_S + 0.3 + SLACK_S, f"{slowest:.2f} s"
    assert pulse.unwell == 0 and max(pulse.seconds) < SLACK_S
    print(f"frozen: slowest answer {slowest:.2f} s of {len(answers)}, healthz {max(pulse.seconds) * 1000:.0f} ms, {dict(said)}")
    assert_whole(stand.database, site, acknowledged)


@pytest.mark.slow
def test_a_page_on_a_frozen_database_is_answered_and_a_stop_still_stops(stand: Stand):
    """No thread waits for ever: readiness says so within the database's own limits, and SIGTERM ends the process."""
    service = stand.service
    for _ in range(3):
        assert service.get("/readyz")[0] == 200
    stand.cluster.freeze()
    try:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=40)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        checks = json.loads(answer.read())["checks"]
        took = time.monotonic() - began
        assert answer.status == 503 and checks["database"] != "ok"
        # A silent connection six seconds, a new one two.
        assert took < 6 + 2 + SLACK_S, f"{took:.1f} s"
        event = a_frame(stand.site.a.entrance)
        assert deliver(service, event, stand.site.a.entrance.key).status == 503
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 10
    finally:
        stand.cluster.thaw()


# --- number 6: overload ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_overload_is_refused_in_order_and_what_was_acknowledged_is_kept(
    settings: Settings, site: Cast, database: Database, nursery: Nursery
):
    """Three times as many frames in flight as there is room for, none of them sent twice."""
    acknowledged: dict[str, Acknowledged] = {}
    answers: list[Delivered] = []
    with serving(settings, KEY_HEX, nursery, MUSTER_RECOGNITION_THREADS="1", MUSTER_WAITING_FRAMES_MAX="2") as service:

        def post(post_of: Post, project: str) -> None:
            mine = acknowledged.setdefault(project, Acknowledged())
            kept = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
            for n in range(40):
                answers.append(mine.note(deliver(service, a_frame(post_of, 1 + n % 2, n), post_of.key, kept=kept)))
            kept.close()

        posts = [(site.a.entrance, "a"), (site.a.exit, "a"), (site.b.entrance, "b"), (site.b.exit, "b")] * 3
        threads = [threading.Thread(target=post, args=args) for args in posts]
        with Pulse(service) as pulse:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
        assert "internal_error" not in service.log.read_text()
    said = Counter((a.status, a.code if a.status != 200 else "") for a in answers)
    assert sum(said.values()) == 480 and said.keys() <= {(200, ""), (409, "superseded"), (503, "busy"), (503, "decision_late")}
    assert said[409, "superseded"] and said[503, "busy"] and said[200, ""] >= 10
    for answer in answers:
        if answer.status == 503:
            assert int(answer.headers["retry-after"]) >= 1
            assert frames.REPLY_SIGNATURE.lower() not in answer.headers, "a signed refusal makes a gate forget the event"
        elif answer.status == 409:
            assert frames.REPLY_SIGNATURE.lower() in answer.headers, "a gate forgets a superseded frame, so it is signed"
    assert pulse.unwell == 0 and max(pulse.seconds) < 2
    for project, of in (("a", site.a), ("b", site.b)):
        assert_whole(database, of, acknowledged[project])


def test_a_gate_that_sends_often_keeps_its_place_in_the_line():
    async def story() -> list[str]:
        intake = Intake(threads=1, waiting_max=2, wait_seconds_max=5)
        go, done = threading.Event(), []

        def first() -> None:
            assert go.wait(5)

        posted = [asyncio.create_task(intake.submit("running", first))]
        for stream in ("often", "seldom", "often", "often"):
            await asyncio.sleep(0)
            posted.append(asyncio.create_task(intake.submit(stream, lambda stream=stream: done.append(stream))))
        await asyncio.sleep(0.01)
        go.set()
        await asyncio.gather(*posted, return_exceptions=True)
        await intake.close()
        return done

    assert asyncio.run(story()) == ["often", "seldom"]


def test_cards_and_look_ups_that_hang_are_bounded_and_leave_the_frames_alone():
    async def story() -> None:
        intake = Intake(threads=1, waiting_max=1, wait_seconds_max=0.3)
        go, ran = threading.Event(), []

        def hangs() -> None:
            assert go.wait(10)

        began = time.perf_counter()
        short = [asyncio.create_task(intake.run(hangs)) for _ in range(SHORT_THREADS)]
        queued = [asyncio.create_task(intake.run(lambda: ran.append(1))) for _ in range(SHORT_MAX - SHORT_THREADS)]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy) as full:
            await intake.run(hangs)
        assert full.value.code == "busy" and full.value.retry_after_s
        assert await intake.submit("east", lambda: "decided") == "decided"
        said = await asyncio.gather(*short, *queued, return_exceptions=True)
        assert {getattr(each, "code", each) for each in said} == {"decision_late"}
        assert time.perf_counter() - began < 0.3 + SLACK_S
        go.set()
        assert await intake.run(lambda: "well again") == "well again"
        assert not ran, "whoever was told 'later' is not served behind his back"
        await intake.close()

    asyncio.run(story())


# --- number 11: a backup under load ------------------------------------------------------------------------


Muster = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def muster(nursery: Nursery) -> Muster:
    """(settings, *arguments): the command, as an operator calls it."""

    def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
        variables = {
            "MUSTER_ENVIRONMENT": "test", "MUSTER_DATA_DIR": str(settings.data_dir),
            "MUSTER_DATABASE_URL": settings.url, "MUSTER_KEY_HEX": KEY_HEX,
        }
        return nursery.run(list(arguments), kept | variables)

    return run


@pytest.mark.slow
def test_a_backup_taken_while_gates_post_has_every_passage_acknowledged_before_it_began(
    settings: Settings, site: Cast, database: Database, database_kind: str, tmp_path: Path, nursery: Nursery, muster: Muster
):
    if database_kind != "sqlite":
        pytest.skip("muster backup copies SQLite files; PostgreSQL has pg_dump")
    acknowledged = Acknowledged()
    stop = threading.Event()
    with serving(settings, KEY_HEX, nursery) as service:

        def post(post_of: Post) -> None:
            kept = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
            n = 0
            while not stop.is_set():
                acknowledged.note(deliver(service, a_frame(post_of, 1 + n % 2, n % 60), post_of.key, kept=kept))
                n += 1
                # Some forty a second from both: a rush, and not every spare second of the processor.
                stop.wait(0.05)

        threads = [threading.Thread(target=post, args=(p,)) for p in (site.a.entrance, site.a.exit)]
        for thread in threads:
            thread.start()
        try:
            copies = []
            for n in range(3):
                deadline = time.monotonic() + 20
                while len(acknowledged) < 30 * (n + 1):
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                before = Acknowledged(acknowledged)
                target = tmp_path / f"copy-{n}.db"
                done = muster(settings, "backup", str(target))
                assert done.returncode == 0, done.stderr
                copies.append((target, before))
            went_on = len(acknowledged)
            time.sleep(0.5)
            assert len(acknowledged) > went_on, "the service goes on after a backup"
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        assert "internal_error" not in service.log.read_text()
    for target, before in copies:
        copied = settings.model_copy(update={"database_url": f"sqlite:///{target}"})
        assert target.stat().st_mode & 0o077 == 0, "a backup holds sealed faces: its owner's only"
        opened = Database(make_engine(copied))
        assert_whole(opened, site.a, before)
        opened.dispose()
        checked = muster(copied, "verify", "--json")
        assert checked.returncode == 0, checked.stdout
    assert_whole(database, site.a, acknowledged)


# --- number 15: one flipped byte ---------------------------------------------------------------------------

PASSAGES = 12


@pytest.fixture
def chains(database: Database, people_on_site: Cast, now: datetime) -> Cast:
    """Twelve passages on project A, three on B."""
    with database.write() as db:
        for n in range(PASSAGES):
            pass_through(db, people_on_site.a, "in" if n % 2 == 0 else "out", people_on_site.wang.id, now + timedelta(minutes=n))
        for n in range(3):
            pass_through(db, people_on_site.b, "in", None, now + timedelta(minutes=n), verdict="refuse", code="face_unknown")
    return people_on_site


def test_a_whole_chain_verifies_with_status_zero(settings: Settings, chains: Cast, muster: Muster):
    done = muster(settings, "verify", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (report["projects"], report["passages"], report["faults"]) == (2, PASSAGES + 3, [])
    held = [argument for head in report["heads"].values() for argument in ("--held", head)]
    assert muster(settings, "verify", *held).returncode == 0


_HERE = "project_id = {project} AND seq = 7"
TAMPERINGS = {
    "another worker": (f"UPDATE passage SET worker_id = worker_id + 1 WHERE {_HERE}", [(7, "edited")]),
    "another hour": (f"UPDATE passage SET occurred_at = '2026-03-31 13:06:00+00:00' WHERE {_HERE}", [(7, "edited")]),
    "one bit of the salt": (f"UPDATE passage SET salt = {{flipped}} WHERE {_HERE}", [(7, "edited")]),
    "one digit of a link": (
        f"UPDATE passage SET hash = CASE WHEN hash LIKE '0%' THEN '1' ELSE '0' END || substr(hash, 2) WHERE {_HERE}",
        [(7, "edited"), (8, "relinked")],
    ),
    "one taken out": (f"DELETE FROM passage WHERE {_HERE}", [(7, "missing")]),
    "two exchanged": (
        "UPDATE passage SET seq = CASE seq WHEN 7 THEN 108 ELSE 107 END WHERE project_id = {project} AND seq IN (7, 8);"
        "UPDATE passage SET seq = seq - 100 WHERE project_id = {project} AND seq > 100",
        [(7, "relinked"), (7, "edited"), (8, "relinked"), (8, "edited"), (9, "relinked")],
    ),
    "the tail cut off": ("DELETE FROM passage WHERE project_id = {project} AND seq > 9", [(10, "truncated")]),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", TAMPERINGS)
def test_whatever_was_changed_behind_the_walls_is_named_with_status_one(
    settings: Settings, chains: Cast, database: Database, behind_the_walls: Callable[[str], None], database_kind: str,
    muster: Muster, how: str
):
    statements, faults = TAMPERINGS[how]
    if database_kind == "postgresql":
        flipped = "set_byte(salt, 3, get_byte(salt, 3) # 1)"
    else:
        with database.read() as db:
            salt = bytearray(gates.passages_after(db, chains.a.id, 6, 1)[0].salt)
        salt[3] ^= 1
        flipped = f"x'{salt.hex()}'"
    for statement in statements.format(project=chains.a.id, flipped=flipped).split(";"):
        behind_the_walls(statement)
    done = muster(settings, "verify", "--json")
    said = json.loads(done.stdout)["faults"]
    assert done.returncode == 1
    assert [(fault["seq"], fault["kind"]) for fault in said] == faults
    assert {fault["project"] for fault in said} == {chains.a.code}, "the other project's chain is whole"
    aloud = muster(settings, "verify")
    assert aloud.returncode == 1
    assert f"project {chains.a.code} passage {faults[0][0]}: {faults[0][1]}" in aloud.stdout


@pytest.mark.slow
def test_a_chain_rewritten_from_end_to_end_fails_against_the_head_that_was_given_away(
    settings: Settings, chains: Cast, database: Database, behind_the_walls: Callable[[str], None], now: datetime, muster: Muster
):
    """By somebody with the database's password and this program: every link and the end of the chain made anew."""
    held = json.loads(muster(settings, "verify", "--json").stdout)["heads"][chains.a.code]
    behind_the_walls(f"DELETE FROM passage WHERE project_id = {chains.a.id}")
    behind_the_walls(f"UPDATE chain_head SET seq = 0, hash = '{GENESIS}' WHERE project_id = {chains.a.id}")
    for n in range(PASSAGES):
        with database.write() as db:
            # Half an hour less each time.
            record = pass_through(
                db, chains.a, "in" if n % 2 == 0 else "out", chains.wang.id, now + timedelta(minutes=n + 30 * (n % 2 == 0))
            )
        behind_the_walls(f"UPDATE chain_head SET seq = {record.seq}, hash = '{record.hash}' WHERE project_id = {chains.a.id}")
    assert muster(settings, "verify").returncode == 0, "in itself it is whole: that is why heads are given away"
    done = muster(settings, "verify", "--json", "--held", held)
    said = json.loads(done.stdout)["faults"]
    assert (done.returncode, [(f["project"], f["seq"], f["kind"]) for f in said]) == (1, [(chains.a.code, PASSAGES, "rewritten")])


# --- slow and broken clients -------------------------------------------------------------------------------


def _head_of(event: Event, key: bytes, length: int) -> bytes:
    head = frames.sign_request(
        key, path=event.path, event_key=event.event_key, body=event.body, timestamp_ms=int(time.time() * 1000)
    )
    lines = [f"POST {event.path} HTTP/1.1", "Host: gate", f"Content-Length: {length}", f"Content-Type: {event.content_type}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in head.items()), "", ""]).encode()


def test_fifty_bodies_that_trickle_are_cut_off_and_stop_no_gate(settings: Settings, site: Cast, database: Database, nursery: Nursery):
    seconds_max = 2.0
    with serving(settings, KEY_HEX, nursery, MUSTER_BODY_SECONDS_MAX=str(seconds_max)) as service, contextlib.ExitStack() as stack:
        trickling = []
        for _ in range(50):
            event = a_frame(site.a.exit)
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20))
            connection.sendall(_head_of(event, site.a.exit.key, len(event.body)) + event.body[:100])
            trickling.append((connection, event, time.monotonic()))
        stop = threading.Event()

        def trickle() -> None:
            n = 100
            while not stop.wait(0.1):
                for connection, event, _began in trickling:
                    with contextlib.suppress(OSError):
                        connection.sendall(event.body[n : n + 1])
                n += 1

        dripping = threading.Thread(target=trickle)
        dripping.start()
        try:
            answers = [deliver(service, a_frame(site.a.entrance, 1, n), site.a.entrance.key) for n in range(10)]
            assert all(answer.recorded for answer in answers)
            assert max(answer.seconds for answer in answers) < 1 + SLACK_S
            assert service.get("/healthz")[0] == 200
            for connection, _event, began in trickling:
                said = b""
                with contextlib.suppress(ConnectionResetError):
                    while chunk := connection.recv(4096):
                        said += chunk
                took = time.monotonic() - began
                assert said.startswith(b"HTTP/1.1 408 ") and b'"body_late"' in said, said[:200]
                assert took < seconds_max + 2 + SLACK_S, f"cut off after {took:.1f} s"
        finally:
            stop.set()
            dripping.join()
        assert deliver(service, a_frame(site.a.exit), site.a.exit.key).recorded, "the exit's own gate is not shut out"
        assert "internal_error" not in service.log.read_text()
    assert len(stored(database, site.a.id)) == 11


def test_clients_that_hang_up_in_the_middle_leave_the_service_as_it_was(service: Service, site: Cast, database: Database):
    """Cut at every place of a request: in the head, in the body, after it, while the decision is made."""
    chance = random.Random(4)
    whole = Acknowledged()

    def cut(n: int) -> None:
        event = a_frame(site.a.exit, 1 + n % 2, n % 60)
        head = _head_of(event, site.a.exit.key, len(event.body))
        request = head + event.body
        at = (chance.randrange(1, len(head)), len(head), chance.randrange(len(head), len(request)), len(request))[n % 4]
        with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
            if n % 2:
                # A reset instead of an orderly end.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(request[:at])
            time.sleep(chance.uniform(0, 0.02))

    with ThreadPoolExecutor(8) as threads, Pulse(service) as pulse:
        cuts = [threads.submit(cut, n) for n in range(120)]
        for n in range(20):
            whole.note(deliver(service, a_frame(site.a.entrance, 1, n), site.a.entrance.key))
        for done in cuts:
            done.result()
    assert pulse.unwell == 0
    with Gate(service.url, site.a.entrance.device_id, site.a.entrance.key) as gate:
        assert gate.post_frame(draw_face(1)).recorded
        assert gate.post_card("id_card", site.wang.id_number).recorded
    assert whole
    assert service.stop() == 0
    said = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert not [line for line in said if line.get("level") == "error" or line["event"] == "internal_error"], said[-5:]
    assert_whole(database, site.a, whole)
