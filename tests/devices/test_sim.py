import contextlib
import hashlib
import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devices import sim
from devices.base import CardEvent, DeviceError
from devices.dialects import frames

KEY = b"k" * 32
JPEG = b"\xff\xd8\xff\xe0 a face \xff\xd9"
SECRET = "4402619871234567"
ROOT = Path(sim.__file__).parents[1]


class Service:
    """Answers like the real one from memory; ``mishaps`` says what goes wrong with the next deliveries."""

    def __init__(self, port=0):
        self.mishaps = []
        self.deliveries = []
        self.beats = []
        self.passages = {}
        self.nonces = set()
        self.connections = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5

            def setup(self):
                super().setup()
                service.connections += 1

            def log_message(self, *_):
                pass

            def do_POST(self):
                service.answer(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, handler):
        mishap = self.mishaps.pop(0) if self.mishaps else None
        if mishap == "refuse early":
            handler.close_connection = True
            self.send(handler, 401, b'{"code": "signature_wrong"}', {"Connection": "close"})
            return
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.deliveries.append((dict(handler.headers.items()), handler.path, body))
        if mishap == "hang up before":
            handler.close_connection = True
            return
        if isinstance(mishap, tuple):
            status, headers = mishap
            self.send(handler, status, b'{"code": "busy\\u001b[31m"}', headers)
            return
        try:
            if handler.path.endswith("/heartbeats") and mishap in (None, "forge", "unsigned"):
                self.beat(handler, body, mishap)
                return
            status, reply, nonce = self.decide(handler, body)
        except DeviceError as refusal:
            status = 401 if type(refusal).__name__ == "BadSignature" else 422
            self.send(handler, status, json.dumps({"code": refusal.code, "open": True}).encode(), {})
            return
        if mishap == "hang up after":
            handler.close_connection = True
            return
        body = reply.body()
        if mishap == "no decision":
            body = b'{"code": "busy"}'
        key = b"f" * 32 if mishap == "forge" else KEY
        if mishap == "play back":
            nonce = self.deliveries[0][0]["X-Nonce"]
        signature = frames.sign_reply(key, nonce=nonce, event_key=reply.event_key, body=body)
        if mishap == "half":
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body[: len(body) // 2])
            handler.close_connection = True
            return
        self.send(handler, status, body, {} if mishap == "unsigned" else {frames.REPLY_SIGNATURE: signature})
        if mishap == "close idle":
            handler.close_connection = True

    def beat(self, handler, body, mishap):
        head = frames.read_head(handler.headers, handler.path, "POST")
        frames.verify(head, keys=[KEY], now=datetime.now(UTC), body=body)
        self.beats.append(frames.parse_heartbeat(head, body))
        said = b'{"complete_to_ms": 1}'
        key = b"f" * 32 if mishap == "forge" else KEY
        signature = frames.sign_reply(key, nonce=head.nonce, event_key=head.event_key, body=said)
        self.send(handler, 200, said, {} if mishap == "unsigned" else {frames.REPLY_SIGNATURE: signature})

    def decide(self, handler, body):
        head = frames.read_head(handler.headers, handler.path, "POST")
        frames.verify(head, keys=[KEY], now=datetime.now(UTC), body=body)
        if head.nonce in self.nonces:
            raise DeviceErrorOf("nonce_repeated")
        self.nonces.add(head.nonce)
        known = self.passages.get(head.event_key)
        if known not in (None, head.content_sha256):
            return 409, self.reply(head, "refuse", "event_key_conflict", False, False), head.nonce
        try:
            if handler.path.endswith("/cards"):
                event = frames.parse_card(head, body)
            else:
                event = frames.parse_frame(head, handler.headers["Content-Type"], body)
        except DeviceError as refusal:
            return 422, self.reply(head, "refuse", refusal.code, False, False), head.nonce
        self.passages[head.event_key] = head.content_sha256
        code = event.channel if isinstance(event, CardEvent) else "admitted"
        return 200, self.reply(head, "admit", code, True, known is not None), head.nonce

    def reply(self, head, decision, code, opened, repeated):
        return frames.Reply(
            event_id="p-" + head.event_key if opened else None,
            event_key=head.event_key,
            decision=decision,
            code=code,
            text="Wang Wei, please pass",
            open=opened,
            recorded=opened,
            repeated=repeated,
            hold_ms=5000,
            server_time_ms=0,
            next_frame_after_ms=0,
        )

    def send(self, handler, status, body, headers):
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


class DeviceErrorOf(DeviceError):
    pass


@pytest.fixture
def service():
    service = Service()
    yield service
    service.close()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def gate(service, waits):
    with sim.Gate(service.url, "gate-1", KEY, timeout_s=5, wait=waits.append, jitter=lambda _a, b: b) as gate:
        yield gate


def nonces(service):
    return [headers["X-Nonce"] for headers, _, _ in service.deliveries]


def test_a_frame_is_answered_and_leaves_the_outbox(service, gate):
    answer = gate.post_frame(JPEG)
    assert (answer.status, answer.decision, answer.code, answer.open) == (200, "admit", "admitted", True)
    assert (answer.recorded, answer.repeated, answer.attempts, answer.proven) == (True, False, 1, True)
    assert answer.event_key == f"{gate.boot_id}:1"
    assert answer.event_id == f"p-{gate.boot_id}:1"
    assert len(gate.outbox) == 0


def test_events_are_numbered_in_order_over_one_connection(service, gate):
    keys = [gate.post_frame(JPEG).event_key, gate.post_card("card", SECRET).event_key]
    keys.append(gate.post_frame(JPEG, captured_at_ms=1795305600123).event_key)
    assert keys == [f"{gate.boot_id}:{seq}" for seq in (1, 2, 3)]
    assert service.connections == 1


@pytest.mark.parametrize(
    ("mishap", "repeated"),
    [
        ("hang up before", False),
        ("hang up after", True),
        ("half", True),
        ("forge", True),
        ("unsigned", True),
        ("no decision", True),
        ((503, {}), False),
        ((500, {}), False),
        ((429, {}), False),
        ((408, {}), False),
        ((200, {}), False),
        ((302, {"Location": "/"}), False),
    ],
    ids=str,
)
def test_a_delivery_that_went_wrong_is_made_again_with_the_same_key(service, gate, waits, mishap, repeated):
    service.mishaps = [mishap, mishap]
    answer = gate.post_frame(JPEG)
    assert (answer.status, answer.attempts, answer.repeated, answer.open) == (200, 3, repeated, True)
    keys = {headers["Idempotency-Key"] for headers, _, _ in service.deliveries}
    assert keys == {answer.event_key}
    assert len(set(nonces(service))) == 3
    assert len(service.passages) == 1
    assert waits == [0.2, 0.4]
    assert len(gate.outbox) == 0


def test_the_gate_waits_longer_each_time_up_to_a_bound(service, gate, waits):
    service.mishaps = [(503, {})] * 9
    gate.post_frame(JPEG)
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10]


def test_gates_that_lost_the_service_together_do_not_return_together(service):
    waits = []
    gate = sim.Gate(service.url, "gate-1", KEY, wait=waits.append)
    service.mishaps = [(503, {})] * 5
    gate.post_frame(JPEG)
    gate.close()
    for wait_s, longest_s in zip(waits, (0.2, 0.4, 0.8, 1.6, 3.2), strict=True):
        assert longest_s / 2 <= wait_s <= longest_s
    assert waits != [0.2, 0.4, 0.8, 1.6, 3.2]


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("7", 7),
        ("0", 0.2),
        ("99999", sim.RETRY_AFTER_S_MAX),
        ("Sun, 22 Nov 2026 06:00:09 GMT", 9),
        ("Sun, 22 Nov 2026 05:00:00 GMT", 0.2),
        ("soon", 0.2),
        ("-5", 0.2),
        ("²", 0.2),
    ],
)
def test_the_gate_waits_as_long_as_the_service_asks_but_not_for_ever(value, wait_s):
    now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC).timestamp()
    assert max(0.2, sim._retry_after_s(value, now)) == wait_s


def test_retry_after_is_heard(service, gate, waits):
    service.mishaps = [(503, {"Retry-After": "7"}), (429, {"Retry-After": "3"})]
    gate.post_frame(JPEG)
    assert waits == [7, 3]


def test_a_connection_closed_while_idle_costs_no_attempt(service, gate, waits):
    service.mishaps = ["close idle"]
    gate.post_frame(JPEG)
    time.sleep(0.1)
    assert gate.post_frame(JPEG).attempts == 1
    assert (service.connections, waits) == (2, [])


def test_a_service_that_is_down_gets_the_event_when_it_is_back():
    service = Service()
    service.close()
    waits = []

    def wait(pause_s):
        nonlocal service
        waits.append(pause_s)
        if len(waits) == 3:
            service = Service(service.server.server_port)

    with sim.Gate(service.url, "gate-1", KEY, wait=wait) as gate:
        answer = gate.post_frame(JPEG)
    service.close()
    assert (answer.status, answer.attempts) == (200, 4)


def test_an_event_nobody_answers_stays_in_the_outbox(service):
    service.mishaps = [(503, {})] * 99
    with sim.Gate(service.url, "gate-1", KEY, patience_s=0.05, backoff_s=0.01) as gate:
        answer = gate.post_frame(JPEG)
        assert (answer.status, answer.open, answer.round_trip_ms) == (None, False, None)
        assert len(gate.outbox) == 1
        service.mishaps = []
        (answer,) = gate.drain()
        assert (answer.status, answer.event_key) == (200, f"{gate.boot_id}:1")
        assert len(gate.outbox) == 0


def test_a_forged_open_does_not_open_the_gate(service):
    service.mishaps = ["forge"] * 99
    with sim.Gate(service.url, "gate-1", KEY, patience_s=0.05, backoff_s=0.01) as gate:
        answer = gate.post_frame(JPEG)
    assert (answer.open, answer.status, answer.code) == (False, None, "reply_unproven")


def test_an_old_answer_played_back_does_not_open_the_gate(service):
    with sim.Gate(service.url, "gate-1", KEY, patience_s=0.05, backoff_s=0.01) as gate:
        assert gate.post_frame(JPEG).open
        service.mishaps = ["play back"] * 99
        answer = gate.resend_last()
    assert (answer.open, answer.code) == (False, "reply_unproven")


def test_a_refusal_without_a_signature_ends_the_attempt_but_keeps_the_event(service, gate):
    service.mishaps = [(400, {})]
    answer = gate.post_frame(JPEG)
    assert (answer.status, answer.attempts, answer.proven, answer.open) == (400, 1, False, False)
    # An answer nobody signed may hold anything, an escape sequence for the terminal too.
    assert answer.code is None
    assert len(gate.outbox) == 1


def test_a_signed_refusal_takes_the_event_out_of_the_outbox(service, gate):
    answer = gate.post_frame(b"no picture")
    assert (answer.status, answer.code, answer.proven) == (422, "frame_not_jpeg", True)
    assert len(gate.outbox) == 0


def test_a_resend_is_the_same_event_with_a_fresh_nonce(service, gate):
    first, again = gate.post_frame(JPEG, captured_at_ms=5), gate.resend_last()
    assert (again.event_key, again.repeated, again.event_id) == (first.event_key, True, first.event_id)
    assert service.deliveries[0][2] == service.deliveries[1][2]
    assert len(set(nonces(service))) == 2


def test_the_previous_key_with_another_body_is_a_conflict(service, gate):
    gate.post_frame(JPEG)
    assert gate.conflict_last(JPEG + b"!").status == 409
    assert gate.post_frame(JPEG + b"?", event_key=f"{gate.boot_id}:1").status == 409
    assert len(service.passages) == 1


def test_what_strangers_send_is_refused_at_once_and_never_stored(service, gate):
    gate.post_frame(JPEG)
    answers = [gate.replay_last(), gate.post_forged(JPEG), gate.post_tampered(JPEG)]
    assert [(a.status, a.open, a.attempts) for a in answers] == [(422, False, 1)] + [(401, False, 1)] * 2
    assert [a.code for a in answers] == ["nonce_repeated", "signature_wrong", "content_hash_wrong"]
    assert nonces(service)[0] == nonces(service)[1]
    assert len(service.passages) == 1
    assert len(gate.outbox) == 0


def test_there_is_nothing_to_resend_before_the_first_event(gate):
    for repeat in (gate.resend_last, gate.replay_last, lambda: gate.conflict_last(JPEG)):
        with pytest.raises(LookupError):
            repeat()


def test_a_service_that_hangs_up_on_a_large_picture_is_tried_again(service, gate):
    service.mishaps = ["hang up before"]
    assert gate.post_frame(JPEG + bytes(3_000_000)).attempts == 2


def test_a_refusal_given_before_the_picture_was_read_is_still_heard(service, gate):
    service.mishaps = ["refuse early"]
    answer = gate.post_frame(JPEG + bytes(30_000_000))
    assert (answer.status, answer.code, answer.attempts) == (401, "signature_wrong", 1)


def test_an_open_nobody_signed_counts_for_nothing_even_where_any_answer_is_final(service, gate):
    gate.post_frame(JPEG)
    service.nonces.clear()
    service.mishaps = ["unsigned"]
    answer = gate.replay_last()
    assert (answer.status, answer.decision, answer.open) == (200, "admit", False)


def test_a_gate_that_cannot_sign_takes_no_event(service, gate):
    for wrong in ({"key": b"short"}, {"device_id": "../x"}, {"boot_id": "b"}, {"url": "http://x/prefix"}):
        with pytest.raises(ValueError, match="key|path|url"):
            sim.Gate(**{"url": service.url, "device_id": "gate-1", "key": KEY, **wrong})
    with pytest.raises(ValueError, match="event key"):
        gate.post_frame(JPEG, event_key="7")
    assert len(gate.outbox) == 0


# The outbox


def test_an_event_is_on_disk_before_it_is_sent_and_gone_after_the_answer(service, tmp_path):
    file = tmp_path / "outbox.sqlite"
    seen = []
    original = service.decide

    def decide(handler, body):
        seen.append(len(sim.Outbox(file)))
        return original(handler, body)

    service.decide = decide
    outbox = sim.Outbox(file)
    with sim.Gate(service.url, "gate-1", KEY, outbox=outbox) as gate:
        gate.post_frame(JPEG)
    assert (seen, len(outbox)) == ([1], 0)
    assert outbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert outbox._db.execute("PRAGMA synchronous").fetchone() == (2,)
    outbox.close()


def test_the_outbox_is_readable_by_its_owner_only(tmp_path):
    outbox = sim.Outbox(tmp_path / "outbox.sqlite")
    outbox.add("gate-1", sim.card_event("gate-1", "boot-0001:1", "card", SECRET))
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    outbox.close()


def test_nothing_a_gate_holds_shows_a_card_or_a_key(gate):
    event = sim.card_event("gate-1", "boot-0001:1", "card", SECRET)
    plan = sim.Plan({"gate-1": KEY}, [{"value": SECRET}], Path())
    for held in (event, gate, plan):
        for secret in (SECRET, KEY.hex(), repr(KEY), "kkkk"):
            assert secret not in repr(held)


# The command


def write_plan(folder, entries, devices=("gate-1",)):
    (folder / "a.jpg").write_bytes(JPEG)
    keys = [{"device_id": device, "key_hex": KEY.hex()} for device in devices]
    plan = folder / "plan.json"
    plan.write_text(json.dumps({"devices": keys, "frames": entries}))
    return plan


def entry(kind, label="", device_id="gate-1", **more):
    path = {"path": "a.jpg"} if kind in ("frame", "forged", "tampered") else {}
    return {"label": label or kind, "device_id": device_id, "kind": kind, **path, **more}


ALL = [
    entry("frame", "Wang enters", captured_at_ms=1795305600123),
    entry("resend"),
    entry("replay"),
    entry("conflict"),
    entry("forged"),
    entry("tampered"),
    entry("garbage"),
    entry("card", channel="card", value=SECRET),
    entry("resend", "card again"),
]


def run(service, plan, *more):
    return sim.main(["--url", service.url, "--plan", str(plan), "--rate", "0", *map(str, more)])


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_plan_is_played_in_order_with_a_line_an_entry(service, tmp_path, capfd):
    out = tmp_path / "results.jsonl"
    assert run(service, write_plan(tmp_path, ALL), "--out", out) == 0
    assert [(line["kind"], line["status"], line["repeated"]) for line in lines(out)] == [
        ("frame", 200, False),
        ("resend", 200, True),
        ("replay", 422, None),
        ("conflict", 409, False),
        ("forged", 401, None),
        ("tampered", 401, None),
        ("garbage", 422, False),
        ("card", 200, False),
        ("resend", 200, True),
    ]
    assert lines(out)[0]["label"] == "Wang enters"
    shown = capfd.readouterr()
    assert shown.err.splitlines()[0].startswith("progress 1/9 200 admit ")
    assert len(shown.err.splitlines()) == 10
    for secret in (SECRET, "Wang", KEY.hex(), hashlib.sha256(SECRET.encode()).hexdigest()):
        assert secret not in shown.out + shown.err
    assert SECRET not in out.read_text()
    assert "Wang Wei" not in out.read_text()


def test_without_a_file_the_lines_go_to_standard_output(service, tmp_path, capfd):
    assert run(service, write_plan(tmp_path, [entry("frame")])) == 0
    assert json.loads(capfd.readouterr().out)["status"] == 200


def test_the_rate_is_kept(service, tmp_path):
    plan = sim.read_plan(write_plan(tmp_path, [entry("frame")] * 4))
    began = time.monotonic()
    sim.play(plan, service.url, rate=20, results=io.StringIO())
    assert 0.15 <= time.monotonic() - began < 2


def test_a_plan_that_is_not_answered_says_so(service, tmp_path, capfd):
    service.mishaps = [(503, {})] * 99
    out = tmp_path / "results.jsonl"
    assert run(service, write_plan(tmp_path, [entry("frame")]), "--out", out, "--patience", 0.1) == 1
    assert [line["status"] for line in lines(out)] == [None]


@pytest.mark.parametrize(
    "entries",
    [
        [entry("wave")],
        [entry("frame", device_id="gate-9")],
        [{"label": "x", "device_id": "gate-1"}],
        [entry("frame") | {"path": "missing.jpg"}],
        [entry("card", channel="card")],
        [entry("resend")],
        [entry("frame"), entry("replay", device_id="gate-2")],
        ["frame"],
        [{"device_id": []}],
        [{"device_id": 1}],
    ],
)
def test_a_plan_with_a_mistake_is_refused_before_anything_is_sent(service, tmp_path, entries, capfd):
    plan = write_plan(tmp_path, entries, devices=("gate-1", "gate-2"))
    assert run(service, plan) == 2
    assert service.deliveries == []
    assert "entry" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"devices": [{"device_id": "g", "key_hex": "zz"}]}', "["])
def test_a_plan_that_is_no_plan_is_refused(service, tmp_path, text, capfd):
    plan = tmp_path / "plan.json"
    plan.write_text(text)
    assert run(service, plan) == 2
    assert run(service, tmp_path / "no such plan") == 2
    assert "zz" not in capfd.readouterr().err


def test_a_killed_gate_goes_on_where_it_stopped(service, tmp_path):
    entries = [entry("frame"), entry("resend"), entry("card", channel="code", value=SECRET)] * 4
    plan = write_plan(tmp_path, entries)
    out, outbox = tmp_path / "results.jsonl", tmp_path / "outbox.sqlite"
    command = [sys.executable, "-m", "devices.sim", "--url", service.url, "--plan", str(plan), "--rate", "0"]
    command += ["--out", str(out), "--outbox", str(outbox), "--patience", "600"]
    # The fourth is recorded, but its answer is lost and the gate dies waiting to try again.
    service.mishaps = [None] * 3 + ["hang up after"] + [(503, {"Retry-After": "30"})] * 9
    gate = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while len(service.deliveries) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    gate.send_signal(signal.SIGKILL)
    gate.wait()
    assert len(lines(out)) == 3
    out.write_bytes(out.read_bytes() + b'{"n": 3, "sta')
    service.mishaps = []
    assert subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL, check=False).returncode == 0
    answered = {}
    for line in out.read_text().splitlines():
        if line.endswith("}"):
            answered[json.loads(line)["n"]] = json.loads(line)
    assert sorted(answered) == list(range(12))
    assert {line["status"] for line in answered.values()} == {200}
    # Each frame and card once, however often they were sent.
    assert len(service.passages) == 8
    assert answered[3]["repeated"] is True
    assert len(sim.Outbox(outbox)) == 0


def test_a_resend_after_a_restart_repeats_the_event_of_the_earlier_life(service, tmp_path):
    plan = sim.read_plan(write_plan(tmp_path, [entry("frame", captured_at_ms=5), entry("resend")]))
    with sim.Gate(service.url, "gate-1", KEY) as gate:
        first = gate.post_frame(JPEG, captured_at_ms=5)
    (again,) = sim.play(plan, service.url, rate=0, answered={0: first.event_key})
    assert (again.status, again.repeated, again.event_key) == (200, True, first.event_key)


def test_a_replay_after_a_restart_replays_a_delivery_of_this_life(service, tmp_path):
    plan = sim.read_plan(write_plan(tmp_path, [entry("frame"), entry("replay")]))
    with sim.Gate(service.url, "gate-1", KEY) as gate:
        first = gate.post(sim.frame_event(gate.device_id, gate.next_key(), JPEG))
    resent, replayed = sim.play(plan, service.url, rate=0, answered={0: first.event_key})
    assert (resent.n, resent.repeated) == (None, True)
    assert (replayed.n, replayed.code) == (1, "nonce_repeated")


# Heartbeats


def test_a_gate_with_nothing_stored_says_so(service, gate):
    assert gate.beat()
    gate.post_frame(JPEG)
    assert gate.beat()
    assert [(b.stored_events, b.oldest_at) for b in service.beats] == [(0, None), (0, None)]
    assert len({b.nonce for b in service.beats}) == 2


def test_a_gate_says_how_long_its_oldest_event_has_waited(service, tmp_path):
    clock = [1_795_305_600.0]
    settings = {"patience_s": 0.0, "now": lambda: clock[0], "wait": lambda _s: None}
    with sim.Gate(service.url, "gate-1", KEY, outbox=sim.Outbox(tmp_path / "outbox.db"), **settings) as gate:
        service.mishaps = [(503, {})] * 3
        gate.post_frame(JPEG)
        clock[0] += 60
        gate.post_card("card", SECRET)
        gate.post_frame(JPEG, captured_at_ms=1_795_305_599_000)
        assert gate.outbox.stored("gate-1") == (3, 1_795_305_599_000)
        assert gate.outbox.stored("gate-2") == (0, None)
    # And it is not forgotten with the power.
    assert sim.Outbox(tmp_path / "outbox.db").stored("gate-1") == (3, 1_795_305_599_000)


def test_an_outbox_of_an_earlier_version_is_read_and_its_age_is_not_invented(tmp_path):
    file = tmp_path / "outbox.db"
    with contextlib.closing(sqlite3.connect(file)) as old:
        old.execute(
            "CREATE TABLE outbox (id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, path TEXT NOT NULL, event_key TEXT"
            " NOT NULL, content_type TEXT NOT NULL, body BLOB NOT NULL, n INTEGER, label TEXT, kind TEXT NOT NULL)"
        )
        old.execute("INSERT INTO outbox VALUES (1, 'gate-1', '/p', 'bootboot:1', 'image/jpeg', x'ff', NULL, NULL, 'frame')")
        old.commit()
    outbox = sim.Outbox(file)
    assert [event.captured_at_ms for _, event in outbox.waiting("gate-1")] == [None]
    assert outbox.stored("gate-1") == (1, 0)


@pytest.mark.parametrize("mishap", ["hang up before", "forge", "unsigned", (503, {}), (429, {})], ids=str)
def test_a_heartbeat_that_is_lost_is_not_sent_again(service, gate, waits, mishap):
    service.mishaps = [mishap]
    assert not gate.beat()
    assert (len(service.deliveries), waits) == (1, [])
    assert gate.beat()


def test_a_heartbeat_is_not_due_before_its_time(service, gate):
    assert not gate.beat(every_s=30)
    assert service.beats == []


def test_a_plan_ends_with_a_heartbeat_of_every_gate(service, tmp_path):
    plan = sim.read_plan(write_plan(tmp_path, [entry("frame"), entry("frame")]))
    sim.play(plan, service.url, rate=0)
    assert [b.device_id for b in service.beats] == sorted(plan.keys)
    sim.play(plan, service.url, rate=0, heartbeat_s=0)
    assert len(service.beats) == len(plan.keys) * (1 + 2 + 1)
