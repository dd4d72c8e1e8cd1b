"""The stream's contract, without a socket: what is proven, what is paid for, and what ends a connection."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import BadPayload, BadSignature, FrameEvent
from devices.dialects import frames
from devices.links.websocket import (
    HEAD_BYTES,
    LATE,
    LATE_MAX,
    MALFORMED,
    NO_CREDIT,
    UNPROVEN,
    GateEnd,
    Session,
    StreamBroken,
    content_sha256,
)

KEY = bytes(range(32))
NONCE = "A" * 22
NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
JPEG = b"\xff\xd8 a picture"


def ends(window: int = 2, *, key: bytes = KEY, credits: int | None = None) -> tuple[Session, GateEnd]:
    session = Session(device_id="gate-1", boot_id="b00tb00t", nonce=NONCE, key=key, window=window, lag=timedelta(0))
    session.credits = window if credits is None else credits
    return session, GateEnd("gate-1", "b00tb00t", NONCE, KEY)


def framed(gate: GateEnd, seq: int = 1, *, captured_ms: int = NOW_MS, sent_ms: int = NOW_MS, jpeg: bytes = JPEG) -> bytes:
    return gate.frame(jpeg, seq=seq, captured_ms=captured_ms, sent_ms=sent_ms)


def ended(session: Session, message: bytes, at: datetime = NOW) -> tuple[int, str]:
    with pytest.raises(StreamBroken) as broken:
        session.read(message, at)
    return broken.value.close, broken.value.code


def test_a_streamed_frame_is_the_event_its_post_would_be():
    session, gate = ends()
    event = session.read(framed(gate, 7), NOW)
    content_type, body = frames.frame_body(JPEG, NOW_MS)
    path = frames.frames_path("gate-1")
    signed = frames.sign_request(KEY, path=path, event_key="b00tb00t:7", body=body, timestamp_ms=NOW_MS)
    posted = frames.parse_frame(frames.read_head(signed, path, "POST"), content_type, body)
    assert (event.event_key, event.image, event.captured_at) == (posted.event_key, JPEG, posted.captured_at)
    assert event.content_sha256 == posted.content_sha256 == content_sha256(JPEG, NOW_MS)
    assert event.sent_at == posted.sent_at == NOW


@pytest.mark.parametrize("at", range(HEAD_BYTES + len(JPEG)))
def test_a_message_with_one_changed_byte_ends_the_connection(at: int):
    session, gate = ends()
    message = bytearray(framed(gate))
    message[at] ^= 1
    assert ended(session, bytes(message)) in {(MALFORMED, "stream_malformed"), (UNPROVEN, "signature_wrong")}


def test_a_message_is_good_once_in_its_place_and_in_its_connection():
    session, gate = ends(8)
    first, second = framed(gate, 1), framed(gate, 2)
    assert isinstance(session.read(first, NOW), FrameEvent)
    assert ended(session, first) == (UNPROVEN, "signature_wrong"), "played back"
    session, _gate = ends(8)
    assert ended(session, second) == (UNPROVEN, "signature_wrong"), "the one before it was left out"
    session, _gate = ends(8)
    session.nonce = "B" * 21 + "A"
    assert ended(session, first) == (UNPROVEN, "signature_wrong"), "of another connection"


@given(st.binary(max_size=200))
def test_rubbish_ends_the_connection_and_nothing_else(message: bytes):
    session, _gate = ends()
    close, code = ended(session, message)
    assert (close, code) in {(MALFORMED, "stream_malformed"), (UNPROVEN, "signature_wrong")}


@given(st.binary(max_size=64), st.sampled_from([1, 2]), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_signed_rubbish_is_refused_or_ends_the_connection(content: bytes, kind: int, captured_ms: int, sent_ms: int):
    session, gate = ends()
    message = gate._message(kind, 1, captured_ms, sent_ms, content)
    try:
        event = session.read(message, NOW)
    except (StreamBroken, BadPayload) as error:
        assert error.code
    else:
        assert isinstance(event, FrameEvent) and event.image == content, "no heartbeat comes out of rubbish"


def test_a_frame_costs_a_credit_and_a_heartbeat_none():
    session, gate = ends(window=2)
    beat = frames.heartbeat_body(0, None, NOW_MS)
    for seq in (1, 2):
        session.read(framed(gate, seq), NOW)
        session.read(gate.heartbeat(beat, seq=0, sent_ms=NOW_MS), NOW)
    assert session.credits == 0
    assert ended(session, framed(gate, 3)) == (NO_CREDIT, "stream_without_credit")


def test_what_is_no_picture_uses_its_credit_and_ends_nothing():
    session, gate = ends()
    message = framed(gate, jpeg=b"GIF89a")
    with pytest.raises(BadPayload):
        session.read(message, NOW)
    assert (session.credits, session.event_key(message)) == (1, "b00tb00t:1")
    assert isinstance(session.read(framed(gate, 2), NOW), FrameEvent)


def test_a_picture_that_lay_on_the_way_is_as_old_as_one_that_lay_in_the_gate():
    session, gate = ends(8)
    session.read(framed(gate, 1), NOW)
    event = session.read(framed(gate, 2), NOW + timedelta(seconds=6))
    assert event.sent_at - event.captured_at == timedelta(seconds=6)


def test_a_gates_wrong_clock_is_no_age():
    session, gate = ends(8)
    session.lag = timedelta(hours=3, seconds=1)
    at = NOW + timedelta(hours=3)
    event = session.read(framed(gate), at)
    assert event.sent_at - event.captured_at == timedelta(0)


def test_a_stream_that_runs_late_is_ended_so_that_the_newest_picture_comes_first():
    session, gate = ends(8)
    session.read(framed(gate, 1), NOW)
    late = NOW + LATE_MAX + timedelta(milliseconds=1)
    assert ended(session, framed(gate, 2), late) == (LATE, "stream_late")


def test_the_gate_believes_only_the_next_message_of_its_service():
    session, gate = ends()
    hello = session.write("hello", credits=2)
    answer = session.write("answer", credits=1, event_key="b00tb00t:1", open=False, text="请靠近一些")
    assert gate.read(hello)["credits"] == 2
    assert gate.read(answer)["open"] is False
    for told in (hello, answer, answer.replace("false", "true"), "", "x", "v1=00\n{}", "v1=" + "0" * 64 + '\n{"open":true}'):
        _session, listener = ends()
        if told == hello:
            listener.received = 1
        with pytest.raises(BadSignature):
            listener.read(told)
