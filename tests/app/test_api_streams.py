"""Gates that stream, over a real socket: what is answered is on disk, what is resent is the same, what is rubbish ends."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import pytest
import uvicorn
from sqlalchemy import event as happening
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from app import papers
from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.store import gates, timekeeping
from app.vault import Vault
from devices.dialects import frames
from devices.links import websocket as link
from devices.links.websocket import GateEnd
from devices.sim import frame_event
from devices.sim_stream import StreamGate
from recognition.synthetic import SyntheticEngine, draw_face
from tests.cast import Cast, Post
from tests.cast import cast as play
from tests.faces import enrol_drawn
from tests.nursery import Nursery
from tests.service import deliver, serving

WANG, LI = 1, 2


@pytest.fixture
def site(database: Database, vault: Vault) -> Cast:
    """The cast as of now: a gate's frame is judged by the real clock."""
    now = datetime.now(UTC)
    with database.write() as db:
        people_on_site = play(db, vault, now)
    engine = SyntheticEngine()
    for member, person in ((people_on_site.wang, WANG), (people_on_site.li, LI)):
        enrol_drawn(database, vault, engine, people_on_site.a.id, member.id, person, now)
    return people_on_site


@contextmanager
def running(settings: Settings, database: Database, vault: Vault, engine=None) -> Iterator[str]:
    """The service on a socket, in a thread of this process; gives its ws:// address."""
    app = create_app(settings, engine=engine or SyntheticEngine(), database=database, vault=vault)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, ws="websockets-sansio", ws_per_message_deflate=False,
            ws_max_size=settings.frame_body_bytes_max + link.HEAD_BYTES, timeout_graceful_shutdown=5,
        )
    )  # fmt: skip
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture
def url(settings: Settings, database: Database, vault: Vault, site: Cast) -> Iterator[str]:
    with running(settings, database, vault) as address:
        yield address


def gate_of(url: str, post: Post, **more) -> StreamGate:
    return StreamGate(url, post.device_id, post.key, wait=lambda _s: None, **more)


def stored(database: Database, site: Cast) -> list[gates.PassageRecord]:
    with database.read() as db:
        return gates.passages_after(db, site.a.id, 0, 1000)


def answers(heard: list[dict]) -> list[dict]:
    return [said for said in heard if said["kind"] in ("answer", "refusal")]


class Raw:
    """A gate that does as it likes."""

    def __init__(self, url: str, post: Post, *, key: bytes | None = None, nonce: str | None = None) -> None:
        self.nonce = nonce or frames.new_nonce()
        self.post = post
        headers = link.handshake(
            key or post.key, device_id=post.device_id, boot_id="rawb00t1", timestamp_ms=int(time.time() * 1000), nonce=self.nonce
        )
        self.socket = ExitStack().enter_context(
            connect(url + link.stream_path(post.device_id), additional_headers=headers, proxy=None, compression=None, close_timeout=1)
        )
        self.end = GateEnd(post.device_id, "rawb00t1", self.nonce, post.key)
        self.hello = self.end.read(self.socket.recv(timeout=5))

    def frame(self, seq: int, jpeg: bytes) -> bytes:
        now_ms = int(time.time() * 1000)
        return self.end.frame(jpeg, seq=seq, captured_ms=now_ms, sent_ms=now_ms)

    def closed(self) -> tuple[int, str]:
        """Read to the end; the close code and its reason."""
        try:
            while True:
                self.end.read(self.socket.recv(timeout=5))
        except ConnectionClosed as ended:
            # Hung up on without a word: who still sends while his line is closed may find it dead before he reads why.
            return (ended.rcvd.code, ended.rcvd.reason) if ended.rcvd else (1006, "")


def test_a_streamed_frame_is_answered_as_a_posted_one_and_is_on_disk(url, database, site: Cast):
    with gate_of(url, site.a.entrance) as gate:
        keys = [gate.show(draw_face(WANG))]
        heard = gate.settle(5)
        keys.append(gate.show(draw_face(9)))
        heard += gate.settle(5)
    assert heard[0]["kind"] == "hello" and heard[0]["credits"] == 2
    first, second = answers(heard)
    assert (first["decision"], first["open"], first["recorded"], first["repeated"]) == ("admit", True, True, False)
    assert (second["decision"], second["code"], second["open"]) == ("refuse", "face_unknown", False)
    records = stored(database, site)
    assert [(str(r.id), r.event_key, r.worker_id) for r in records] == [
        (first["event_id"], keys[0], site.wang.id), (second["event_id"], keys[1], None),
    ]  # fmt: skip


def test_a_frame_that_shows_nobody_is_answered_and_not_recorded(url, database, site: Cast):
    with gate_of(url, site.a.entrance) as gate:
        gate.show(draw_face(0, faces=0))
        [answer] = answers(gate.settle(5))
    assert (answer["code"], answer["recorded"], answer["open"]) == ("no_face", False, False)
    assert stored(database, site) == []


def test_a_frame_sent_again_after_the_connection_was_cut_is_the_same_passage(url, database, site: Cast):
    with gate_of(url, site.a.entrance) as gate:
        gate.turn(1.0)
        key = gate.show(draw_face(WANG))
        gate._send()
        deadline = time.monotonic() + 5
        while not stored(database, site) and time.monotonic() < deadline:
            time.sleep(0.01)
        gate.cut()
        assert gate.unanswered == 1
        [answer] = answers(gate.settle(5))
    assert (answer["event_key"], answer["recorded"], answer["repeated"], answer["open"]) == (key, True, True, True)
    assert len(stored(database, site)) == 1


def test_a_frame_streamed_and_then_posted_is_one_passage(settings, database, vault, site: Cast, nursery: Nursery):
    with serving(settings, bytes(range(32)).hex(), nursery) as service:
        post, jpeg, captured_ms = site.a.entrance, draw_face(WANG), int(time.time() * 1000)
        with gate_of(service.url.replace("http", "ws"), post) as gate:
            key = gate.show(jpeg, captured_ms)
            [answer] = answers(gate.settle(5))
        posted = deliver(service, frame_event(post.device_id, key, jpeg, captured_ms), post.key)
    assert (posted.status, posted.said["repeated"], posted.said["event_id"]) == (200, True, answer["event_id"])


def test_a_killed_service_has_what_it_answered_and_is_sent_the_rest(settings, database, site: Cast, nursery: Nursery):
    with (
        serving(settings, bytes(range(32)).hex(), nursery) as service,
        gate_of(service.url.replace("http", "ws"), site.a.entrance) as gate,
    ):
        answered: dict[str, str] = {}

        def note(heard: list[dict]) -> None:
            for said in answers(heard):
                if said.get("recorded"):
                    assert answered.setdefault(said["event_key"], said["event_id"]) == said["event_id"]

        for number in range(12):
            gate.show(draw_face(WANG, variant=number))
            note(gate.turn(0.03))
        service.kill()
        gate.show(draw_face(LI))
        note(gate.turn(0.05))
        service.start()
        note(gate.settle(10))
        assert gate.unanswered == 0
        assert service.stop() == 0, "a gate that streams does not hold up a stop"
        gate.turn(1.0)
        assert gate.closed is not None and gate.closed[0] == 1012
    by_key = {r.event_key: str(r.id) for r in stored(database, site)}
    assert len(by_key) == len(stored(database, site)) and answered.items() <= by_key.items()
    assert site.li.id in {r.worker_id for r in stored(database, site)}


def test_a_camera_that_shows_all_it_sees_makes_one_passage_of_one_man_and_opens_again(url, database, site: Cast):
    with gate_of(url, site.a.entrance, looks=True) as gate:
        heard = []
        for number in range(6):
            gate.show(draw_face(WANG, variant=number))
            heard += answers(gate.settle(5))
        gate.show(draw_face(77))
        heard += answers(gate.settle(5))
        gate.show(draw_face(LI))
        heard += answers(gate.settle(5))
    wang, stranger, li = heard[:6], heard[6], heard[7]
    assert [(said["open"], said["recorded"], said["repeated"]) for said in wang] == [(True, True, False)] + [(True, True, True)] * 5
    assert len({said["event_id"] for said in wang}) == 1
    assert (stranger["open"], stranger["recorded"], stranger["event_id"]) == (False, False, None)
    assert (li["open"], li["recorded"], li["repeated"]) == (True, True, False)
    assert [r.worker_id for r in stored(database, site)] == [site.wang.id, site.li.id]


def test_a_look_that_was_not_answered_is_sent_again_and_is_a_passage(url, database, site: Cast):
    with gate_of(url, site.a.entrance, looks=True) as gate:
        gate.show(draw_face(LI), int((time.time() - 30) * 1000))
        [said] = answers(gate.settle(5))
        assert (said["recorded"], said["open"]) == (True, False), "an old picture opens nothing"
        gate.show(draw_face(WANG))
        [first] = answers(gate.settle(5))
        assert first["open"]
    assert len(stored(database, site)) == 2


def test_a_gate_without_a_credit_shows_its_newest_picture_only(url, database, site: Cast):
    with gate_of(url, site.a.entrance) as gate:
        gate.turn(1.0)
        gate.credits, held = 0, gate.credits
        for number in range(5):
            gate.show(draw_face(WANG, variant=number))
        last = gate.show(draw_face(LI))
        gate.credits = held
        [answer] = answers(gate.settle(5))
    assert (gate.dropped, answer["event_key"]) == (5, last)
    assert [r.worker_id for r in stored(database, site)] == [site.li.id]


class Pondering(SyntheticEngine):
    """An engine that thinks until it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.done = threading.Event()

    def analyse(self, image, *, purpose, **how):
        assert self.done.wait(10)
        return super().analyse(image, purpose=purpose, **how)


def test_a_gate_that_sends_without_credit_is_closed_and_what_was_paid_for_is_recorded(settings, database, vault, site: Cast):
    engine = Pondering()
    with running(settings, database, vault, engine) as url:
        raw = Raw(url, site.a.entrance)
        for seq in range(3):
            raw.socket.send(raw.frame(seq, draw_face(WANG, variant=seq)))
        assert raw.closed() == (link.NO_CREDIT, "stream_without_credit")
        engine.done.set()
    assert sorted(r.event_key for r in stored(database, site)) == ["rawb00t1:0", "rawb00t1:1"]


def test_a_gate_whose_frame_was_superseded_goes_on_with_one_under_way_while_others_wait(settings, database, vault, site: Cast):
    engine = Pondering()
    one_thread = settings.model_copy(update={"recognition_threads": 1})
    with running(one_thread, database, vault, engine) as url:
        first, second = Raw(url, site.a.exit), Raw(url, site.a.entrance)
        # One at the recogniser, one begun beside it.
        for number in (1, 2):
            first.socket.send(first.frame(number, draw_face(LI, variant=number)))
            time.sleep(0.2)
        second.socket.send(second.frame(1, draw_face(WANG)))
        second.socket.send(second.frame(2, draw_face(WANG, variant=1)))
        said = second.end.read(second.socket.recv(timeout=5))
        assert (said["code"], said["final"], said["credits"]) == ("superseded", True, 0)
        engine.done.set()
        said = second.end.read(second.socket.recv(timeout=5))
        assert (said["recorded"], said["credits"]) == (True, 2), "with nobody waiting both credits are back"
        first.socket.close()
        second.socket.close()


def test_a_gate_over_its_quota_gets_its_credit_back_later_and_loses_nothing(settings, database, vault, site: Cast):
    slow = settings.model_copy(update={"device_frames_per_second_max": 1.0})
    with running(slow, database, vault) as url, gate_of(url, site.a.entrance) as gate:
        heard = []
        for _ in range(3):
            gate.show(draw_face(WANG))
            heard += gate.settle(0.2)
        assert gate.unanswered
        heard += gate.settle(5)
        assert not gate.unanswered
    refused = [said for said in heard if said["kind"] == "refusal"]
    assert {(said["code"], said["final"], said["credits"]) for said in refused} == {("device_too_fast", False, 0)}
    assert len(stored(database, site)) == 3


@pytest.mark.parametrize(
    ("message", "close"),
    [
        ("hello", (1003, "stream_malformed")),
        (b"", (4400, "stream_malformed")),
        (b"\xff\xd8 a picture and no head", (4400, "stream_malformed")),
        (bytes(100), (4400, "stream_malformed")),
        (b"\x01\x01" + bytes(2000), (4401, "signature_wrong")),
        (bytes(3_000_000), (1009, None)),
    ],
    ids=["text", "nothing", "a bare picture", "zeros", "unsigned", "huge"],
)
def test_rubbish_ends_its_connection_and_no_other(url, database, site: Cast, message, close):
    with gate_of(url, site.a.exit) as neighbour:
        neighbour.turn(0.5)
        raw = Raw(url, site.a.entrance)
        with suppress(ConnectionClosed):
            raw.socket.send(message)
        code, reason = raw.closed()
        assert (code == close[0] and (close[1] is None or reason == close[1])) or (code == 1006 and len(message) > 1_000_000)
        neighbour.show(draw_face(WANG))
        [answer] = answers(neighbour.settle(5))
        assert answer["recorded"] and neighbour.closed is None
    assert len(stored(database, site)) == 1


def test_half_a_frame_is_nothing(url, database, site: Cast):
    raw = Raw(url, site.a.entrance)
    whole = raw.frame(1, draw_face(WANG))
    # The head of a WebSocket message that announces all of it, and half of what it announces.
    announced = b"\x82\xfe" + len(whole).to_bytes(2, "big") if len(whole) < 65536 else b"\x82\xff" + len(whole).to_bytes(8, "big")
    raw.socket.socket.sendall(announced + bytes(4) + whole[: len(whole) // 2])
    raw.socket.socket.close()
    with gate_of(url, site.a.entrance) as gate:
        gate.show(draw_face(LI))
        [answer] = answers(gate.settle(5))
    assert answer["recorded"]
    assert [r.worker_id for r in stored(database, site)] == [site.li.id]


def test_what_is_no_picture_is_refused_for_good_and_the_stream_goes_on(url, database, site: Cast):
    with gate_of(url, site.a.entrance) as gate:
        for jpeg in (b"GIF89a", b"\xff\xd8 not really", draw_face(WANG)[:500]):
            gate.show(jpeg)
            [said] = answers(gate.settle(5))
            assert (said["kind"], said["final"], said["credits"]) == ("refusal", True, 1), said
        gate.show(draw_face(WANG))
        [said] = answers(gate.settle(5))
    assert said["recorded"]


def test_nobody_opens_a_stream_without_proof_or_with_a_proof_that_was_used(url, site: Cast):
    def status(**how) -> int:
        with pytest.raises(InvalidStatus) as refused:
            Raw(url, site.a.entrance, **how)
        assert b'"code"' in refused.value.response.body
        return refused.value.response.status_code

    assert status(key=b"forged key" * 4) == 401
    first = Raw(url, site.a.entrance)
    assert status(nonce=first.nonce) == 401
    first.socket.close()
    stranger = Post(site.a.entrance.gate_id, "nobody-knows", "in", b"k" * 32)
    with pytest.raises(InvalidStatus) as refused:
        Raw(url, stranger)
    assert refused.value.response.status_code == 401


def test_a_newer_connection_of_a_gate_takes_the_older_ones_place(url, site: Cast):
    older = Raw(url, site.a.entrance)
    newer = Raw(url, site.a.entrance)
    assert older.closed() == (link.REPLACED, "stream_replaced")
    newer.socket.send(newer.frame(1, draw_face(WANG)))
    assert newer.end.read(newer.socket.recv(timeout=5))["recorded"]
    newer.socket.close()


def test_a_gate_that_is_switched_off_is_let_go_and_opens_nothing(url, database, site: Cast):
    raw = Raw(url, site.a.entrance)
    with database.write() as db:
        papers.disable_device(db, device_id=site.a.entrance.device_id, now=datetime.now(UTC), by="cli")
    raw.socket.send(raw.frame(1, draw_face(WANG)))
    assert raw.closed() == (link.DISABLED, "device_disabled")
    assert stored(database, site) == []


def test_a_key_that_was_replaced_and_used_ends_the_stream_it_opened(url, database, vault, site: Cast):
    raw = Raw(url, site.a.entrance)
    post = site.a.entrance
    with database.write() as db:
        papers.rotate_device_key(db, vault, device_id=post.device_id, now=datetime.now(UTC), by="cli")
        fresh = papers.rotate_device_key(db, vault, device_id=post.device_id, now=datetime.now(UTC), by="cli")
    raw.socket.send(raw.frame(1, draw_face(WANG)))
    assert raw.closed() == (link.UNPROVEN, "signature_wrong")
    with gate_of(url, Post(post.gate_id, post.device_id, post.direction, fresh)) as gate:
        gate.show(draw_face(WANG))
        assert answers(gate.settle(5))[0]["recorded"]


def test_a_frame_whose_commit_fails_is_not_said_to_be_recorded(url, database, site: Cast):
    with gate_of(url, site.a.entrance) as gate:
        gate.turn(0.5)

        def disk_full(_connection):
            raise OSError(28, "no space")

        happening.listen(database.engine, "commit", disk_full)
        try:
            gate.show(draw_face(WANG))
            heard = answers(gate.turn(0.5))
        finally:
            happening.remove(database.engine, "commit", disk_full)
        assert [(said["kind"], said["code"], said["final"]) for said in heard] == [("refusal", "storage_unavailable", False)]
        assert stored(database, site) == []
        [answer] = answers(gate.settle(12))
        assert answer["recorded"] and not answer["repeated"]


def test_a_streaming_gates_heartbeat_moves_the_watermark(url, database, site: Cast):
    with gate_of(url, site.a.entrance) as gate:
        gate.turn(0.5)
        gate.beat()
        [said] = gate.turn(0.5)
    assert said["kind"] == "heartbeat"
    with database.read() as db:
        watermark = timekeeping.watermark(db, site.a.id)
    assert int(watermark.timestamp() * 1000) == said["complete_to_ms"]
