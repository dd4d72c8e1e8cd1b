"""Our own contract over a WebSocket: a gate camera streams frames, and is told how many it may send (devices.md 1.2).

    GET /v1/devices/{device id}/stream      upgraded; the headers of ``devices.dialects.frames``, signed for an empty body

The handshake is a signed request like any other: key, window, nonce, boot id. What follows is bound to its nonce, to the
place of each message in the connection and to the gate's key, so nothing can be added, left out, swapped or played back by
whoever carries it. A message of the gate is binary, numbers with the big end first:

    offset  bytes
         0      1   version, 1
         1      1   kind: 1 a frame, 2 a heartbeat, 3 a look
         2      2   flags, 0
         4      4   seq; with the handshake's boot id it names the event, ``<boot id>:<seq>``
         8      8   captured_at, unix milliseconds of the gate's clock; when the person stood there
        16      8   sent_at, the same clock
        24     32   HMAC-SHA256 by the gate's key over these lines joined by LF:

            stream  device id  handshake nonce  number  kind  <boot id>:<seq>  captured_at  sent_at  hex SHA-256 of the rest

        56          a JPEG, or the JSON of a heartbeat as it is posted

A frame is an event: the gate says that somebody is there, and it becomes a passage as a posted one. A look is one picture of a
camera that shows all it sees: the service says which of them is a passage (``app.domain.presence``), and answers the others of the
same person with that passage's number, ``repeated``. A look that is sent again late is an event like a frame.

``number`` counts the messages of the connection from 1. A message of the service is text: the signature, a line end, and
JSON. The signature is that of a posted answer (``frames.sign_reply``) with the nonce ``<handshake nonce>:<number>``, the
service's messages counted from 1, and the event key, or ``-`` where there is none:

    {"kind": "hello", "credits": 2, "frame_bytes_max": 2097152, "server_time_ms": ...}
    {"kind": "answer", "credits": 1, ...}       the fields of a posted frame's answer
    {"kind": "refusal", "credits": 1, "event_key": "...", "code": "superseded", "message": "...", "final": true, "retry_after_ms": 0}
    {"kind": "credit", "credits": 1}            what a refusal held back, now that there is room
    {"kind": "heartbeat", "credits": 0, "complete_to_ms": ..., "server_time_ms": ...}

A frame costs one credit, a heartbeat none. A gate without a credit keeps its newest picture and drops the one before: what
nobody looked at was no passage. What it has sent it keeps until the answer, and sends again after a reconnection with the
same boot id and seq: the same passage. A refusal that is not ``final`` is sent again when there is a credit.

Close codes, stable once released (1001, 1003, 1009, 1011 and 1012 as in RFC 6455):

    1003    a text message            4401    signature_wrong, or the key has been replaced; sign a new handshake
    1009    larger than is read       4403    device_disabled
    1012    the service stops         4408    stream_late: what arrives was sent more than 10 s ago, or the clock jumped
    4400    stream_malformed          4409    stream_replaced: this gate has opened another connection
                                      4429    stream_without_credit
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.base import BadPayload, BadSignature, FrameEvent, Heartbeat, LookEvent
from devices.dialects import frames

VERSION = 1
FRAME, HEARTBEAT, LOOK = 1, 2, 3
LATE_MAX = timedelta(seconds=10)
"""A message that was under way for longer ends the connection: what lies behind it in the buffers is as old."""

UNSUPPORTED, TOO_LARGE, MALFORMED, UNPROVEN, DISABLED, LATE, REPLACED, NO_CREDIT = 1003, 1009, 4400, 4401, 4403, 4408, 4409, 4429

_HEAD = struct.Struct(">BBHIQQ32s")
HEAD_BYTES = _HEAD.size
_JPEG = b"\xff\xd8"
_TIME_MS_MAX = 253_402_300_799_999  # the last millisecond a datetime can hold
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StreamBroken(Exception):
    """The connection cannot go on.

    ``close`` is the close code; ``code`` the reason, for machines. No byte of what was sent.
    """

    def __init__(self, close: int, code: str) -> None:
        super().__init__(f"{close} {code}")
        self.close, self.code = close, code


@dataclass(slots=True)
class Session:
    """The service's end of one connection: reads, numbers, counts credits. Moves no bytes."""

    device_id: str
    boot_id: str
    nonce: str
    """Of the handshake."""
    key: bytes = field(repr=False)
    """The one that proved the handshake: it proves everything after it."""
    window: int
    """Frames the gate may have under way at once."""
    lag: timedelta
    """Our clock minus the gate's, when the handshake arrived; only ever too large, by the time that took."""
    received: int = 0
    sent: int = 0
    credits: int = 0
    """What the gate has been granted and not used."""

    def read(self, message: bytes, received_at: datetime) -> FrameEvent | Heartbeat:
        """Read the gate's next message.

        The event's ``sent_at`` is the gate's clock when the message arrived, not when it was sent: a picture that lay in
        a buffer on the way is as old as one that lay in the gate.

        Raises:
            StreamBroken: the message is not of the contract, not proven, late, or not paid for.
            BadPayload: a proven frame is no JPEG; the credit is used and the connection goes on.
        """
        if len(message) < HEAD_BYTES:
            raise StreamBroken(MALFORMED, "stream_malformed")
        version, kind, flags, seq, captured_ms, sent_ms, mac = _HEAD.unpack_from(message)
        if version != VERSION or kind not in (FRAME, HEARTBEAT, LOOK) or flags or max(captured_ms, sent_ms) > _TIME_MS_MAX:
            raise StreamBroken(MALFORMED, "stream_malformed")
        content = memoryview(message)[HEAD_BYTES:]
        self.received += 1
        event_key = f"{self.boot_id}:{seq}"
        line = _line(self.device_id, self.nonce, self.received, kind, event_key, captured_ms, sent_ms, content)
        if not hmac.compare_digest(hmac.digest(self.key, line, "sha256"), mac):
            raise StreamBroken(UNPROVEN, "signature_wrong")
        sent_at = _instant(sent_ms)
        lag = received_at - sent_at
        self.lag = min(self.lag, lag)
        arrived_at = sent_at + (lag - self.lag)
        if lag - self.lag > LATE_MAX:
            raise StreamBroken(LATE, "stream_late")
        # One use: a connection's messages are numbered, and a handshake's nonce is good once.
        nonce = f"{self.nonce}:{self.received}"
        if kind == HEARTBEAT:
            return _heartbeat(self.device_id, nonce, arrived_at, bytes(content))
        if self.credits < 1:
            raise StreamBroken(NO_CREDIT, "stream_without_credit")
        self.credits -= 1
        jpeg = bytes(content)
        if not jpeg.startswith(_JPEG):
            raise BadPayload("frame", "frame_not_jpeg" if jpeg else "frame_missing")
        return (LookEvent if kind == LOOK else FrameEvent)(
            device_id=self.device_id,
            event_key=event_key,
            boot_id=self.boot_id,
            seq=seq,
            sent_at=arrived_at,
            captured_at=_instant(captured_ms),
            nonce=nonce,
            image=jpeg,
            content_sha256=content_sha256(jpeg, captured_ms),
        )

    def event_key(self, message: bytes) -> str:
        """The event a message that ``read`` has refused is about."""
        return f"{self.boot_id}:{_HEAD.unpack_from(message)[3]}"

    def write(self, kind: str, *, credits: int = 0, event_key: str = "-", **said: Any) -> str:
        """The service's next message; ``credits`` are the gate's from now on."""
        self.sent += 1
        self.credits += credits
        if event_key != "-":
            said["event_key"] = event_key
        body = json.dumps({"kind": kind, "credits": credits, **said}, ensure_ascii=False, separators=(",", ":"))
        signature = frames.sign_reply(
            self.key, nonce=f"{self.nonce}:{self.sent}", event_key=event_key, body=body.encode("utf-8")
        )
        return f"{signature}\n{body}"


@dataclass(slots=True)
class GateEnd:
    """The gate's end of one connection: signs, numbers, checks. Moves no bytes."""

    device_id: str
    boot_id: str
    nonce: str
    key: bytes = field(repr=False)
    sent: int = 0
    received: int = 0

    def frame(self, jpeg: bytes, *, seq: int, captured_ms: int, sent_ms: int, look: bool = False) -> bytes:
        """The gate's next message, with a picture; ``look``: one of many."""
        return self._message(LOOK if look else FRAME, seq, captured_ms, sent_ms, jpeg)

    def heartbeat(self, body: bytes, *, seq: int, sent_ms: int) -> bytes:
        """The gate's next message, with a heartbeat (``frames.heartbeat_body``)."""
        return self._message(HEARTBEAT, seq, sent_ms, sent_ms, body)

    def _message(self, kind: int, seq: int, captured_ms: int, sent_ms: int, content: bytes) -> bytes:
        self.sent += 1
        line = _line(self.device_id, self.nonce, self.sent, kind, f"{self.boot_id}:{seq}", captured_ms, sent_ms, content)
        mac = hmac.digest(self.key, line, "sha256")
        return _HEAD.pack(VERSION, kind, 0, seq, captured_ms, sent_ms, mac) + content

    def read(self, message: str) -> dict[str, Any]:
        """What the service says.

        Raises:
            BadSignature: it is not the service's next message to this gate; nothing in it may be believed.
        """
        self.received += 1
        signature, _, body = message.partition("\n")
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise BadSignature("signature_wrong")
        frames.verify_reply(
            self.key, nonce=f"{self.nonce}:{self.received}", event_key=str(said.get("event_key", "-")),
            body=body.encode("utf-8", "replace"), signature=signature,
        )  # fmt: skip
        return said


def stream_path(device_id: str) -> str:
    return f"/v1/devices/{device_id}/stream"


def handshake(key: bytes, *, device_id: str, boot_id: str, timestamp_ms: int, nonce: str | None = None) -> dict[str, str]:
    """The headers a gate opens a connection with."""
    return frames.sign_request(
        key, path=stream_path(device_id), event_key=f"{boot_id}:0", body=b"", timestamp_ms=timestamp_ms, nonce=nonce,
        method="GET",
    )  # fmt: skip


def content_sha256(jpeg: bytes, captured_ms: int) -> str:
    """Hex, of the body this frame would be posted with: streamed or posted by our simulator, it is the same event."""
    return hashlib.sha256(frames.frame_body(jpeg, captured_ms)[1]).hexdigest()


def _heartbeat(device_id: str, nonce: str, arrived_at: datetime, body: bytes) -> Heartbeat:
    try:
        return frames.read_heartbeat(body, device_id=device_id, nonce=nonce, sent_at=arrived_at)
    except BadPayload:
        raise StreamBroken(MALFORMED, "heartbeat_malformed") from None


def _line(
    device_id: str, nonce: str, number: int, kind: int, event_key: str, captured_ms: int, sent_ms: int,
    content: bytes | memoryview,
) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    parts = ("stream", device_id, nonce, str(number), str(kind), event_key, str(captured_ms), str(sent_ms), digest)
    return "\n".join(parts).encode("ascii")


def _instant(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)
