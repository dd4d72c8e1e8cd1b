"""The whole service in its own process: killed, overfed, lied to, stopped, and left alone with an empty home."""

import contextlib
import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import Database
from app.settings import Settings
from app.store import gates
from app.tables import Schedule
from app.vault import KEY_FILE, Vault, rotate_key
from devices.dialects import frames
from devices.sim import Gate, frame_event
from recognition.synthetic import SyntheticEngine, draw_face
from tests.cast import Cast, Post
from tests.cast import cast as play
from tests.faces import enrol_drawn
from tests.nursery import Nursery
from tests.service import ROOT, Service, deliver, serving

KEY_HEX = bytes(range(32)).hex()
"""Of the ``vault`` fixture."""
PEOPLE = (1, 2)
KILLS = 20


@pytest.fixture
def site(database: Database, vault: Vault) -> Cast:
    """The cast as of now, so that passages posted now are within everybody's engagement."""
    now = datetime.now(UTC)
    with database.write() as db:
        people_on_site = play(db, vault, now)
    engine = SyntheticEngine()
    for member, person in ((people_on_site.wang, 1), (people_on_site.li, 2)):
        enrol_drawn(database, vault, engine, people_on_site.a.id, member.id, person, now)
    return people_on_site


@pytest.fixture
def service(settings: Settings, site: Cast, nursery: Nursery) -> Iterator[Service]:
    with serving(settings, KEY_HEX, nursery) as running:
        yield running


def gate_of(service: Service, post: Post, **more) -> Gate:
    return Gate(service.url, post.device_id, post.key, **more)


def stored(database: Database, project_id: int) -> list[gates.PassageRecord]:
    with database.read() as db:
        return gates.passages_after(db, project_id, 0, 1_000_000)


def faults(database: Database, project_id: int) -> list:
    with database.read() as db:
        return list(gates.verify_chain(db, project_id))


# --- reliability.md 6, number 1 ----------------------------------------------------------------------------


@pytest.mark.slow
def test_twenty_kills_lose_no_acknowledged_passage_and_double_none(service: Service, database: Database, site: Cast):
    """kill -9 while gates post; every frame answered ``recorded`` is there exactly once, and the chain is whole."""
    chance = random.Random(20)
    stop = threading.Event()
    acknowledged: dict[tuple[str, str], str] = {}

    def post(gate_post: Post, person: int) -> None:
        pictures = [draw_face(person, variant=n) for n in range(8)]
        with gate_of(service, gate_post, backoff_s=0.02, backoff_max_s=0.2, timeout_s=5) as gate:
            n = 0
            while not stop.is_set():
                answer = gate.post_frame(pictures[n % 8])
                if answer.recorded:
                    acknowledged[(gate_post.device_id, answer.event_key)] = answer.event_id
                n += 1

    threads = [
        threading.Thread(target=post, args=(site.a.entrance, 1)),
        threading.Thread(target=post, args=(site.a.exit, 2)),
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            before = len(acknowledged)
            deadline = time.monotonic() + 20
            # Each life must have answered something before it ends.
            while len(acknowledged) <= before:
                assert time.monotonic() < deadline, f"no passage was acknowledged: {service.log.read_text()[-1500:]}"
                time.sleep(0.005)
            time.sleep(chance.uniform(0.0, 0.15))
            service.kill()
            service.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    kept = stored(database, site.a.id)
    keys = [(record.device_id, record.event_key) for record in kept]
    assert len(acknowledged) >= KILLS
    assert len(set(keys)) == len(keys), "a passage is doubled"
    lost = acknowledged.keys() - set(keys)
    assert not lost, f"{len(lost)} acknowledged passages are gone"
    by_key = dict(zip(keys, kept, strict=True))
    assert all(str(by_key[key].id) == passage_id for key, passage_id in acknowledged.items())
    assert faults(database, site.a.id) == []


# --- number 2: the disk before the answer ------------------------------------------------------------------


def test_every_answer_waits_for_the_disk(settings: Settings, site: Cast, database_kind: str, tmp_path: Path):
    """strace: between a frame's arrival and its answer the database file is synced, twenty times in twenty."""
    if database_kind != "sqlite":
        pytest.skip("PostgreSQL syncs in its own process; synchronous_commit is asserted in test_db")
    if subprocess.run(["sh", "-c", "command -v strace"], capture_output=True).returncode:
        pytest.skip("strace is not installed")
    service = Service(settings, KEY_HEX)
    service.start()
    trace = tmp_path / "trace"
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-s", "256", "-e", "trace=fdatasync,fsync,sendto,send,write,writev,sendmsg",
         "-o", str(trace), "-p", str(service.process.pid)],
        stderr=subprocess.PIPE,
    )
    try:
        time.sleep(1.0)
        if tracer.poll() is not None:
            pytest.skip(f"strace may not attach here: {tracer.stderr.read().decode().strip()[:100]}")
        with gate_of(service, site.a.entrance) as gate:
            answers = [gate.post_frame(draw_face(1, variant=n)) for n in range(20)]
        time.sleep(0.3)
    finally:
        tracer.terminate()
        tracer.wait(10)
        service.kill()
    assert all(answer.recorded for answer in answers)
    synced, told = 0, []
    for line in trace.read_text(errors="replace").splitlines():
        if "sync(" in line:
            synced += 1
        # The answer's head, or its body when they are written together.
        elif "HTTP/1.1 200" in line:
            told.append(synced)
            synced = 0
    assert len(told) == 20
    assert all(told), "an answer left before anything was synced"


# --- numbers 8 and 9: hostile bodies -----------------------------------------------------------------------


def _hostile_bodies(count: int) -> Iterator[bytes]:
    chance = random.Random(9)
    good = draw_face(1)
    sof = next(m.start() for m in re.finditer(rb"\xff[\xc0\xc1\xc2]", good))

    def huge(width: int, height: int) -> bytes:
        changed = bytearray(good)
        changed[sof + 5 : sof + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
        return bytes(changed)

    makers = [
        lambda: good[: chance.randrange(len(good))],
        lambda: b"",
        lambda: huge(chance.choice([65535, 30000, 20000]), chance.choice([65535, 30000])),
        lambda: huge(1, 1),
        lambda: huge(0, 0),
        lambda: good + b"PK\x03\x04" + chance.randbytes(300),
        lambda: good[:2] + chance.randbytes(chance.randrange(2000)),
        lambda: b"\x89PNG\r\n\x1a\n" + chance.randbytes(200),
        lambda: b"GIF89a" + chance.randbytes(200),
        lambda: chance.randbytes(chance.randrange(1, 3000)),
        lambda: b"{" + chance.randbytes(100) + b"}",
        lambda: bytes(x ^ (1 << chance.randrange(8)) if chance.random() < 0.002 else x for x in good),
        lambda: b"\xff\xd8\xff\xd9",
        lambda: b"\xff\xd8" + b"\xff\xe1\x00\x04ab" * chance.randrange(500) + b"\xff\xd9",
        lambda: b"\x00" * chance.randrange(1, 5000),
        lambda: b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + good[: chance.randrange(len(good))],
        lambda: b"--x\r\nContent-Length: 99999999999\r\n\r\n" + good + b"\r\n--x--",
        lambda: b"<svg onload=alert(1)>",
    ]
    for n in range(count):
        yield makers[n % len(makers)]()


@pytest.mark.slow
def test_a_thousand_hostile_bodies_are_refused_in_order_and_cost_no_memory(service: Service, site: Cast, database: Database):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    path = frames.frames_path(site.a.entrance.device_id)
    types = ["image/jpeg", "multipart/form-data; boundary=x", "application/json", "", "image/png", "multipart/mixed"]
    statuses: dict[int, int] = {}
    warm = None
    for n, body in enumerate(_hostile_bodies(1000)):
        head = frames.sign_request(
            site.a.entrance.key, path=path, event_key=f"hostile0:{n}", body=body, timestamp_ms=int(time.time() * 1000)
        )
        connection.request("POST", path, body, {**head, "Content-Type": types[n % len(types)]})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        assert answer.status in (200, 422), (answer.status, said)
        if answer.status == 422:
            assert said["error"]["code"] and said["error"]["message"] != said["error"]["code"], said
        else:
            # A damaged picture may still decode; then it is looked at like any other.
            assert not (said["open"] and not said["recorded"])
        if n == 100:
            warm = service.memory_kb()
    grown_mb = (service.peak_kb() - warm) / 1024
    assert grown_mb < 64, f"{grown_mb:.0f} MB more than after the first hundred"
    assert statuses[422] > 700
    assert service.get("/healthz")[0] == 200
    assert faults(database, site.a.id) == []
    assert "internal_error" not in service.log.read_text()


def test_a_body_above_the_cap_is_refused_before_it_is_read(service: Service, site: Cast):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    connection.putrequest("POST", frames.frames_path(site.a.entrance.device_id))
    connection.putheader("Content-Length", str(10 * 1024**3))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "body_too_large")


def test_a_chunked_body_above_the_cap_is_cut_off(service: Service, site: Cast):
    path = frames.frames_path(site.a.entrance.device_id)
    head = frames.sign_request(site.a.entrance.key, path=path, event_key="chunky00:1", body=b"", timestamp_ms=int(time.time() * 1000))
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)

    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(100_000)

    before = service.memory_kb()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", path, chunks(), {**head, "Content-Type": "image/jpeg"}, encode_chunked=True)
    try:
        answer = connection.getresponse()
        assert answer.status == 413
    except (ConnectionError, http.client.HTTPException):
        # The answer may be lost with the connection; the service must not have read on.
        pass
    assert service.memory_kb() - before < 30_000
    assert service.get("/healthz")[0] == 200


def test_a_connection_that_does_not_finish_asking_is_closed(settings: Settings, site: Cast, nursery: Nursery):
    ask, seconds_max = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 1.0
    with serving(settings, KEY_HEX, nursery, MUSTER_BODY_SECONDS_MAX=str(seconds_max)) as service, contextlib.ExitStack() as stack:

        def connected() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=8))

        def is_answered(connection: socket.socket) -> bool:
            connection.sendall(ask)
            said = b""
            while not said.endswith(b'{"status":"ok"}'):
                said += (more := connection.recv(4096))
                if not more:
                    return False
            return True

        silent, dripping, halfway, busy = (connected() for _ in range(4))
        began = time.monotonic()
        assert is_answered(halfway)
        halfway.sendall(ask[:20])
        for at in range(12):
            # One that asks again and again stays, long past the limit.
            assert is_answered(busy)
            with contextlib.suppress(OSError):
                dripping.sendall(ask[at : at + 1])
            time.sleep(seconds_max / 6)
        for closed in (silent, dripping, halfway):
            with contextlib.suppress(ConnectionResetError):
                assert closed.recv(4096) == b""
        assert time.monotonic() - began < 4 * seconds_max
        assert is_answered(busy)


def test_nobody_in_particular_may_send_a_large_form(service: Service, site: Cast):
    """A form is read before its route asks who sent it; without a sign-in only a small one is."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    connection.putrequest("POST", f"/v1/projects/{site.a.id}/workers/{site.wang.id}/enrolment")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(20 * 1024**2))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_a_path_of_thousands_of_digits_is_not_found(service: Service):
    assert service.get("/projects/" + "9" * 5000 + "/gate")[0] == 404


def test_keys_that_are_not_the_databases_are_refused_at_the_start(settings: Settings, site: Cast, nursery: Nursery):
    service = Service(settings, "ab" * 32, nursery=nursery)
    with pytest.raises(AssertionError, match="no answer"):
        service.start()
    assert service.process.poll() == 1


def test_one_command_is_the_whole_house_and_its_jobs_end_with_it(settings: Settings, site: Cast, database: Database, nursery: Nursery):
    """Days ahead, seals, the erasing of faces: nobody on a site starts a second command for them."""

    def done() -> dict[str, str]:
        with database.read() as db:
            return {row.name: row.last_result or "" for row in db.execute(select(Schedule.__table__))}

    service = Service(settings, KEY_HEX, {"MUSTER_WORKER_BESIDE": "true"}, nursery=nursery)
    service.start()
    try:
        until = time.monotonic() + 60
        while not {"projection", "seal", "papers"} <= {name for name, result in done().items() if result and not result.startswith("failed")}:
            assert time.monotonic() < until, done()
            time.sleep(0.1)
        family = processes_under(service.process.pid)
    finally:
        service.stop()
    until = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in family):
        assert time.monotonic() < until, "somebody works on without the service"
        time.sleep(0.05)


def processes_under(pid: int) -> list[int]:
    """Children of a process, and theirs."""
    own = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return own + [each for child in own for each in processes_under(child)]


def test_frames_go_on_while_the_master_key_is_changed(settings: Settings, site: Cast, database: Database, nursery: Nursery):
    key_file = settings.data_dir / KEY_FILE
    key_file.touch(mode=0o600)
    key_file.write_text(KEY_HEX + "\n")
    with serving(settings, "", nursery) as service:
        assert deliver(service, frame_event(site.a.entrance.device_id, "b00tb00t:1", draw_face(1)), site.a.entrance.key).recorded
        assert rotate_key(settings, database)["device.key_sealed"] == 4
        # The gallery of this project is in memory already; both devices' keys are read anew for each frame.
        for post in (site.a.entrance, site.a.exit):
            answer = deliver(service, frame_event(post.device_id, "b00tb00t:2", draw_face(1, variant=2)), post.key)
            assert (answer.code, answer.recorded) == ("admitted", True)
    assert len(stored(database, site.a.id)) == 3


def test_a_forger_is_refused_and_nothing_of_his_is_recorded(service: Service, site: Cast, database: Database):
    with gate_of(service, site.a.entrance) as gate:
        assert (gate.post_forged(draw_face(1)).status, gate.post_tampered(draw_face(1)).status) == (401, 401)
    unknown = Gate(service.url, "no-such-device", site.a.entrance.key, patience_s=2)
    assert unknown.post_frame(draw_face(1)).status == 401
    assert stored(database, site.a.id) == []


def test_one_gate_cannot_sign_for_another(service: Service, site: Cast):
    stolen = Gate(service.url, site.b.entrance.device_id, site.a.entrance.key, patience_s=2)
    assert stolen.post_frame(draw_face(1)).code == "signature_wrong"


# --- number 5: a stop --------------------------------------------------------------------------------------


def test_a_stop_finishes_what_it_has_taken_and_leaves_nobody_behind(service: Service, site: Cast, database: Database):
    """SIGTERM with frames in flight: what was answered ``recorded`` is there, exit 0 within ten seconds."""
    answers = []

    def post(post_of: Post, person: int) -> None:
        with gate_of(service, post_of, patience_s=0.5, backoff_s=0.05) as gate:
            for n in range(60):
                answer = gate.post_frame(draw_face(person, variant=n % 60))
                if answer.status is None:
                    return
                answers.append(answer)

    threads = [threading.Thread(target=post, args=(p, n)) for p, n in ((site.a.entrance, 1), (site.a.exit, 2), (site.b.entrance, 3))]
    for thread in threads:
        thread.start()
    while len(answers) < 6:
        time.sleep(0.01)
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 10
    for thread in threads:
        thread.join()
    kept = {record.event_key for record in stored(database, site.a.id)}
    assert {a.event_key for a in answers if a.recorded and a.device_id.startswith("gate-a")} <= kept
    left = subprocess.run(["pgrep", "-P", str(service.process.pid)], capture_output=True, text=True).stdout
    assert left == ""


# --- number 6: overload ------------------------------------------------------------------------------------


def test_too_many_gates_are_told_to_wait_and_nobody_is_lost(settings: Settings, site: Cast, database: Database, nursery: Nursery):
    with serving(settings, KEY_HEX, nursery, MUSTER_RECOGNITION_THREADS="1", MUSTER_WAITING_FRAMES_MAX="1") as service:
        answers = []

        def post(post_of: Post) -> None:
            with gate_of(service, post_of, backoff_s=0.01, backoff_max_s=0.05, patience_s=30) as gate:
                for n in range(20):
                    answers.append(gate.post_frame(draw_face(1, variant=n)))

        threads = [
            threading.Thread(target=post, args=(p,))
            for p in (site.a.entrance, site.a.exit, site.b.entrance, site.b.exit)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 80
        assert all(a.status == 200 for a in answers), {(a.status, a.code) for a in answers}
        recorded = {(a.device_id, a.event_key) for a in answers if a.recorded}
    kept = {(r.device_id, r.event_key) for project in (site.a.id, site.b.id) for r in stored(database, project)}
    assert recorded == kept


# --- number 14: nothing leaves -----------------------------------------------------------------------------


def test_nothing_is_written_to_the_home_and_nobody_outside_is_called(settings: Settings, site: Cast, tmp_path: Path, database_kind: str):
    """The real pack, an empty home, a clean environment: no telemetry file, no outside socket."""
    if database_kind != "sqlite":
        pytest.skip("the database's own connection is tested on SQLite only")
    if not (ROOT / "models" / "dlib-resnet-v1" / "pack.toml").exists():
        pytest.skip("the default pack is not built: make pack")
    home = tmp_path / "home"
    home.mkdir()
    service = Service(settings, KEY_HEX)
    command = [sys.executable, "-m", "app.cli", "serve"]
    trace = tmp_path / "sockets"
    traced = subprocess.run(["sh", "-c", "command -v strace"], capture_output=True).returncode == 0
    if traced:
        command = ["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", str(trace), *command]
    # Nothing of ours is inherited: onnxruntime keeps quiet by itself under CI and test runners.
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "MUSTER_ENVIRONMENT": "test",
        "MUSTER_MODELS_DIR": str(ROOT / "models"), "MUSTER_DATA_DIR": str(settings.data_dir),
        "MUSTER_DATABASE_URL": settings.url, "MUSTER_KEY_HEX": KEY_HEX, "MUSTER_PORT": str(service.port),
    }
    with service.log.open("ab") as log:
        service.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        service.wait_for("/readyz")
        with gate_of(service, site.a.entrance) as gate:
            assert gate.post_frame(draw_face(1)).code == "no_face", "the real engine sees no face in a drawing"
        time.sleep(1.0)
    finally:
        # strace passes no signal on: its child is stopped, then strace ends by itself.
        if traced:
            subprocess.run(["pkill", "-TERM", "-P", str(service.process.pid)], check=False)
        else:
            service.process.terminate()
        service.process.wait(15)
    assert [str(path.relative_to(home)) for path in home.rglob("*")] == []
    if traced:
        outside = [
            line for line in trace.read_text().splitlines()
            if re.search(r"AF_INET", line) and not re.search(r'"127\.0\.0\.1"|"::1"', line)
        ]
        assert outside == []


# --- telling the operator ----------------------------------------------------------------------------------


def test_the_service_says_what_it_is_ready_for(service: Service):
    assert service.get("/healthz") == (200, {"status": "ok"})
    status, said = service.get("/readyz")
    assert status == 200 and said["ready"]
    assert set(said["checks"]) == {"pack", "database", "migrations", "disk", "writable"}


def test_a_broken_pack_says_so_and_wages_go_on(settings: Settings, site: Cast, tmp_path: Path, nursery: Nursery):
    service = Service(settings, KEY_HEX, {"MUSTER_PACK_ID": "nothing-here"}, nursery=nursery)
    try:
        service.start(ready=False)
        status, said = service.get("/readyz")
        assert status == 503 and said["checks"]["pack"] != "ok" and said["checks"]["database"] == "ok"
        with gate_of(service, site.a.entrance, patience_s=1) as gate:
            assert gate.post_frame(draw_face(1)).status in (None, 503)
            assert gate.post_card("id_card", site.wang.id_number).code == "admitted"
    finally:
        service.kill()


def test_the_log_is_json_and_names_nobody(service: Service, site: Cast):
    with gate_of(service, site.a.entrance) as gate:
        gate.post_frame(draw_face(1))
        gate.post_card("id_card", site.wang.id_number)
        gate.post_card("card", "0012345678")
    service.stop()
    text = service.log.read_text()
    assert all(json.loads(line) for line in text.splitlines())
    assert '"route": "/v1/devices/{device_id}/frames"' in text
    for secret in (site.wang.id_number, site.wang.name, "0012345678", KEY_HEX, site.a.entrance.key.hex()):
        assert secret not in text


def test_metrics_count_what_happened(service: Service, site: Cast):
    with gate_of(service, site.a.entrance) as gate:
        gate.post_frame(draw_face(1))
        gate.post_frame(draw_face(99))
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    assert 'muster_frames_total{code="admitted"} 1.0' in text
    assert 'muster_frames_total{code="face_unknown"} 1.0' in text
    assert 'muster_passages_total{verdict="admit"} 1.0' in text
