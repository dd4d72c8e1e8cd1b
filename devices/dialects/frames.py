"""Our own contract: a gate posts a frame or a card over HTTP, signed, and gets a signed answer.

    POST /v1/devices/{device id}/frames     image/jpeg, or multipart with ``frame`` and ``meta``
    POST /v1/devices/{device id}/cards      {"channel": "card", "value": "...", "captured_at_ms": ...}
    POST /v1/devices/{device id}/heartbeats {"stored_events": 2, "oldest_stored_at_ms": ..., "sent_at_ms": ...}

    X-Device-Id         the id in the path
    X-Timestamp         unix milliseconds of this delivery
    X-Nonce             16 random bytes, base64url without padding; new for each delivery
    X-Seq               counts up from the gate's start
    Idempotency-Key     <boot id>:<seq>; the same for each delivery of one event
    X-Content-SHA256    lower-case hex of the body
    X-Signature         v1=<hex HMAC-SHA256>, by the gate's key, over these lines joined by LF:

        METHOD  PATH  X-Timestamp  X-Nonce  X-Seq  X-Content-SHA256  Idempotency-Key

The research note's line stops before the Idempotency-Key. We sign it too: otherwise whoever
carries the request could give yesterday's frame a new key and make a second passage of it.

A heartbeat is no event: it has a boot id and a count of its own, and is not sent again when it is lost. It says how
many events the gate still keeps and when the oldest of them happened (left out when there is none), so that the
service knows up to when it has heard everything.

The answer carries ``X-Reply-Signature``, over ``reply``, the nonce, the event key and the
answer's SHA-256, because a forged "open" is how a stranger gets in. It binds the answer to
this delivery, so an old "open" cannot be played back.

A server calls, in this order: ``read_head``, ``verify_head`` (before the body is read, so that
a forger costs nothing), its own nonce check, ``verify_body``, ``parse_frame`` or ``parse_card``.

Codes, stable once released. BadSignature: ``signature_missing signature_malformed
signature_wrong timestamp_out_of_window content_hash_wrong``. BadPayload: ``<header>_missing``,
``<header>_malformed`` and ``<header>_repeated`` for ``device_id timestamp nonce seq event_key
content_hash`` (and ``signature_repeated``), ``device_id_mismatch event_key_seq_mismatch
path_malformed method_malformed``; for bodies ``content_type_unknown frame_missing
frame_not_jpeg frame_repeated meta_malformed meta_repeated captured_at_malformed
card_malformed card_too_large channel_unknown value_malformed heartbeat_malformed``, and those of
devices.multipart.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from devices import multipart
from devices.base import BadPayload, BadSignature, CardEvent, Channel, FrameEvent, Heartbeat

WINDOW_S = 300  # reliability.md 2.6; a gate's clock may be off by minutes after a power cut
KEY_BYTES_MIN = 16
CARD_BODY_BYTES_MAX = 4096
VALUE_LENGTH_MAX = 256
STORED_EVENTS_MAX = 1_000_000_000
REPLY_SIGNATURE = "X-Reply-Signature"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_MS_MAX = 253_402_300_799_999  # the last millisecond a datetime can hold
_JPEG = b"\xff\xd8"

_METHOD = re.compile("[A-Z]{3,10}")
# Only characters that a URL never escapes, so that every server and proxy signs the same path.
_PATH = re.compile("/v1/devices/([A-Za-z0-9][A-Za-z0-9._-]{0,63})/([a-z]{1,32})")
_EVENT_KEY = re.compile("([A-Za-z0-9_-]{8,64}):(0|[1-9][0-9]{0,17})")
_SIGNATURE = re.compile("v1=([0-9a-f]{64})")
_HEADERS = {
    "x-device-id": ("device_id", re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")),
    "x-timestamp": ("timestamp", re.compile("[1-9][0-9]{0,14}")),
    # Sixteen bytes are 21 letters and a quarter: the last one has four spellings only.
    "x-nonce": ("nonce", re.compile("[A-Za-z0-9_-]{21}[AQgw]")),
    "x-seq": ("seq", re.compile("0|[1-9][0-9]{0,17}")),
    "idempotency-key": ("event_key", _EVENT_KEY),
    "x-content-sha256": ("content_hash", re.compile("[0-9a-f]{64}")),
    "x-signature": ("signature", _SIGNATURE),
}


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The headers of one delivery, well formed; nothing is proven until verify_head has passed."""

    method: str
    path: str
    device_id: str
    timestamp_ms: int
    nonce: str
    seq: int
    boot_id: str
    event_key: str
    content_sha256: str = field(repr=False)
    """A card's hash is as secret as the card, see CardEvent."""
    signature: str = field(repr=False)
    """Hex, without the version."""

    @property
    def sent_at(self) -> datetime:
        return _instant(self.timestamp_ms)


def read_head(headers: Mapping[str, str], path: str, method: str) -> SignedHead:
    """Read the signed headers of a request; names in any case.

    Args:
        headers: a mapping whose ``items()`` gives repeated headers separately lets this
            function refuse them; a dict cannot show them.
        path: without the query string, which a signed request does not have.

    Raises:
        BadSignature: ``signature_missing`` or ``signature_malformed``.
        BadPayload: anything else is missing, malformed, repeated or contradicts another.
    """
    values = _only(headers.items())
    if not _METHOD.fullmatch(method):
        raise BadPayload("method", "method_malformed")
    in_path = _PATH.fullmatch(path)
    if in_path is None:
        raise BadPayload("path", "path_malformed")
    for header, (word, form) in _HEADERS.items():
        refuse = BadSignature if word == "signature" else lambda code, h=header: BadPayload(h, code)
        if not values.get(header):
            raise refuse(f"{word}_missing")
        if not form.fullmatch(values[header]):
            raise refuse(f"{word}_malformed")
    timestamp_ms = int(values["x-timestamp"])
    if timestamp_ms > _TIME_MS_MAX:
        raise BadPayload("x-timestamp", "timestamp_malformed")
    if values["x-device-id"] != in_path[1]:
        raise BadPayload("x-device-id", "device_id_mismatch")
    boot_id, _, seq = values["idempotency-key"].rpartition(":")
    if seq != values["x-seq"]:
        raise BadPayload("idempotency-key", "event_key_seq_mismatch")
    return SignedHead(
        method=method,
        path=path,
        device_id=in_path[1],
        timestamp_ms=timestamp_ms,
        nonce=values["x-nonce"],
        seq=int(seq),
        boot_id=boot_id,
        event_key=values["idempotency-key"],
        content_sha256=values["x-content-sha256"],
        signature=values["x-signature"].removeprefix("v1="),
    )


def _only(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in items:
        header = name.lower()
        if header in values and header in _HEADERS:
            # A proxy and the service might each pick a different one.
            raise BadPayload(header, f"{_HEADERS[header][0]}_repeated")
        values[header] = value
    return values


def verify_head(
    head: SignedHead, *, keys: Sequence[bytes], now: datetime, window_s: float = WINDOW_S
) -> bytes:
    """Check who sent the head and when, before the body is read; return the key that signed it.

    The answer must be signed with the same key: during a rotation the gate knows one of the two.
    Takes the same time for a wrong key as for a gate without any.

    Args:
        keys: the gate's live keys; two during a rotation, none for a gate nobody knows.
        now: aware.

    Raises:
        BadSignature: ``signature_wrong``, and only after that ``timestamp_out_of_window``, so
            that a gate which is told its clock is wrong is really ours.
    """
    line = _request_line(
        head.method,
        head.path,
        str(head.timestamp_ms),
        head.nonce,
        str(head.seq),
        head.content_sha256,
        head.event_key,
    )
    signed_by = None
    # No early exit: the time must not tell which key it was, or whether the gate exists.
    for key in list(keys) or [bytes(KEY_BYTES_MIN)]:
        if hmac.compare_digest(_hmac(key, line), head.signature) and keys:
            signed_by = key
    if signed_by is None:
        raise BadSignature("signature_wrong")
    if abs(now - head.sent_at) > timedelta(seconds=window_s):
        raise BadSignature("timestamp_out_of_window")
    return signed_by


def verify_body(head: SignedHead, body: bytes) -> None:
    """Check that this is the body the gate signed.

    Raises:
        BadSignature: ``content_hash_wrong``.
    """
    if not hmac.compare_digest(hashlib.sha256(body).hexdigest(), head.content_sha256):
        raise BadSignature("content_hash_wrong")


def verify(
    head: SignedHead, *, keys: Sequence[bytes], now: datetime, body: bytes, window_s: float = WINDOW_S
) -> bytes:
    """verify_head, then verify_body. The nonce is not checked: that takes a database."""
    key = verify_head(head, keys=keys, now=now, window_s=window_s)
    verify_body(head, body)
    return key


def parse_frame(head: SignedHead, content_type: str | None, body: bytes) -> FrameEvent:
    """Read a frame whose head and body have been verified.

    The Content-Type is not signed, so it may make this refuse but never changes what is read.

    Raises:
        BadPayload: not exactly one picture, not a JPEG by its first bytes, unreadable meta.
    """
    declared = multipart.media_type(content_type or "")
    captured_at = None
    if not body:
        raise BadPayload("frame", "frame_missing")
    if declared.startswith("multipart/") or (not declared and not body.startswith(_JPEG)):
        # Without the boundary of the Content-Type: it is not signed, and could be chosen so
        # that a piece of the picture looks like a part of its own.
        image, meta = _frame_and_meta(multipart.split(body))
        captured_at = _captured_at(meta)
    elif declared in ("", "image/jpeg", "image/jpg", "application/octet-stream"):
        image = body
    else:
        raise BadPayload("content-type", "content_type_unknown")
    if not image.startswith(_JPEG):
        raise BadPayload("frame", "frame_not_jpeg")
    return FrameEvent(
        device_id=head.device_id,
        event_key=head.event_key,
        boot_id=head.boot_id,
        seq=head.seq,
        sent_at=head.sent_at,
        captured_at=captured_at,
        nonce=head.nonce,
        image=image,
        content_sha256=head.content_sha256,
    )


def _frame_and_meta(parts: Sequence[multipart.Part]) -> tuple[bytes, dict[str, Any]]:
    """Sort the parts by what they are, not by where they stand; unknown parts are left alone."""
    frames, metas = [], []
    for part in parts:
        if part.content.startswith(_JPEG) or part.content_type.startswith("image/") or part.name == "frame":
            frames.append(part.content)
        elif (
            part.content_type == "application/json"
            or part.name == "meta"
            or part.content.lstrip().startswith(b"{")
        ):
            metas.append(part.content)
    if not frames:
        raise BadPayload("frame", "frame_missing")
    if len(frames) > 1:
        raise BadPayload("frame", "frame_repeated")
    if len(metas) > 1:
        raise BadPayload("meta", "meta_repeated")
    meta = _json_object(metas[0]) if metas else {}
    if meta is None:
        raise BadPayload("meta", "meta_malformed")
    return frames[0], meta


def parse_card(head: SignedHead, body: bytes) -> CardEvent:
    """Read a card whose head and body have been verified.

    Raises:
        BadPayload: not the JSON of the contract. Never holds the value, nor the parser's
            error, which would.
    """
    if len(body) > CARD_BODY_BYTES_MAX:
        raise BadPayload("body", "card_too_large")
    card = _json_object(body)
    if card is None:
        raise BadPayload("body", "card_malformed")
    channel = card.get("channel")
    if channel not in get_args(Channel):
        raise BadPayload("channel", "channel_unknown")
    value = card.get("value")
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= VALUE_LENGTH_MAX
        or not value.isprintable()
        or value != value.strip()
    ):
        raise BadPayload("value", "value_malformed")
    return CardEvent(
        device_id=head.device_id,
        event_key=head.event_key,
        boot_id=head.boot_id,
        seq=head.seq,
        sent_at=head.sent_at,
        captured_at=_captured_at(card),
        nonce=head.nonce,
        channel=channel,
        value=value,
        content_sha256=head.content_sha256,
    )


def parse_heartbeat(head: SignedHead, body: bytes) -> Heartbeat:
    """Read a heartbeat whose head and body have been verified.

    Raises:
        BadPayload: ``heartbeat_malformed``; not the JSON of the contract, or events without an oldest one.
    """
    return read_heartbeat(body, device_id=head.device_id, nonce=head.nonce, sent_at=head.sent_at)


def read_heartbeat(body: bytes, *, device_id: str, nonce: str, sent_at: datetime) -> Heartbeat:
    """Read the body of a heartbeat, however it came; see ``parse_heartbeat``."""
    said = _json_object(body) if len(body) <= CARD_BODY_BYTES_MAX else None
    if said is None:
        raise BadPayload("body", "heartbeat_malformed")
    stored = said.get("stored_events")
    if type(stored) is not int or not 0 <= stored <= STORED_EVENTS_MAX:
        raise BadPayload("stored_events", "heartbeat_malformed")
    if (said.get("oldest_stored_at_ms") is not None) != (stored > 0):
        raise BadPayload("oldest_stored_at_ms", "heartbeat_malformed")
    return Heartbeat(
        device_id=device_id,
        nonce=nonce,
        sent_at=sent_at,
        counted_at=_beat_time(said, "sent_at_ms"),
        stored_events=stored,
        oldest_at=_beat_time(said, "oldest_stored_at_ms") if stored else None,
    )


def _beat_time(said: Mapping[str, Any], name: str) -> datetime:
    at_ms = said.get(name)
    if type(at_ms) is not int or not 0 <= at_ms <= _TIME_MS_MAX:
        raise BadPayload(name, "heartbeat_malformed")
    return _instant(at_ms)


def _json_object(body: bytes) -> dict[str, Any] | None:
    """Return the object, or None for anything else.

    None instead of an exception: a JSONDecodeError keeps the whole document, and the caller's
    error would keep the JSONDecodeError.
    """
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands twice")
    return names


def _captured_at(fields: Mapping[str, Any]) -> datetime | None:
    at_ms = fields.get("captured_at_ms")
    if at_ms is None:
        return None
    # True is an int to Python.
    if type(at_ms) is not int or not 0 <= at_ms <= _TIME_MS_MAX:
        raise BadPayload("captured_at_ms", "captured_at_malformed")
    return _instant(at_ms)


def _instant(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gate is told; the same for the first and for each repeated delivery of an event."""

    event_id: str | None
    """The passage's id; None when nothing was recorded."""
    event_key: str
    decision: Literal["admit", "refuse", "ask"]
    code: str
    """The reason, for machines; stable once released."""
    text: str = field(repr=False)
    """The reason as a sentence for the gate's screen; it may hold a name."""
    open: bool
    recorded: bool
    repeated: bool
    """This event had been answered before."""
    hold_ms: int
    server_time_ms: int
    next_frame_after_ms: int
    advice: str = ""
    """What the person can do, for a gate that shows pictures: look, still, closer, middle, alone, light, glare. Empty: another
    look would say the same."""

    def __post_init__(self) -> None:
        if self.decision not in ("admit", "refuse", "ask"):
            raise ValueError(f"no such decision: {self.decision}")
        if self.open and not (self.decision == "admit" and self.recorded):
            # Nobody passes without a row: the gate opens after the commit or not at all.
            raise ValueError("a gate opens only for a person who is admitted and recorded")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def body(self) -> bytes:
        """The bytes to send, and to give to sign_reply."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def sign_reply(key: bytes, *, nonce: str, event_key: str, body: bytes) -> str:
    """Return the value of X-Reply-Signature for the answer ``body`` to one delivery."""
    return "v1=" + _hmac(key, _reply_line(nonce, event_key, body))


def verify_reply(key: bytes, *, nonce: str, event_key: str, body: bytes, signature: str | None) -> None:
    """Check on the gate's side that the service wrote this answer to this delivery.

    Raises:
        BadSignature: ``signature_missing``, ``signature_malformed`` or ``signature_wrong``.
    """
    if not signature:
        raise BadSignature("signature_missing")
    if not _SIGNATURE.fullmatch(signature):
        raise BadSignature("signature_malformed")
    if not hmac.compare_digest(sign_reply(key, nonce=nonce, event_key=event_key, body=body), signature):
        raise BadSignature("signature_wrong")


def sign_request(
    key: bytes,
    *,
    path: str,
    event_key: str,
    body: bytes,
    timestamp_ms: int,
    nonce: str | None = None,
    method: str = "POST",
) -> dict[str, str]:
    """Return the headers a gate sends with ``body``.

    Args:
        path: ``frames_path``, ``cards_path`` or ``heartbeats_path`` of the gate.
        event_key: ``<boot id>:<seq>``, the same as before when resending.
        nonce: leave out for a fresh one; a resend needs a fresh one too.
    """
    in_path, in_key = _PATH.fullmatch(path), _EVENT_KEY.fullmatch(event_key)
    if in_path is None or in_key is None:
        raise ValueError("the path or the event key is not of the contract's form")
    nonce = nonce or new_nonce()
    timestamp, seq, content_sha256 = str(timestamp_ms), in_key[2], hashlib.sha256(body).hexdigest()
    line = _request_line(method, path, timestamp, nonce, seq, content_sha256, event_key)
    return {
        "X-Device-Id": in_path[1],
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Seq": seq,
        "Idempotency-Key": event_key,
        "X-Content-SHA256": content_sha256,
        "X-Signature": "v1=" + _hmac(key, line),
    }


def frames_path(device_id: str) -> str:
    return f"/v1/devices/{device_id}/frames"


def cards_path(device_id: str) -> str:
    return f"/v1/devices/{device_id}/cards"


def heartbeats_path(device_id: str) -> str:
    return f"/v1/devices/{device_id}/heartbeats"


def new_nonce() -> str:
    return secrets.token_urlsafe(16)


def frame_body(jpeg: bytes, captured_at_ms: int | None = None) -> tuple[str, bytes]:
    """Return the Content-Type and the body of a frame; raw unless there is something to say about it.

    The same frame gives the same bytes, so that a gate can make a body again.
    """
    if captured_at_ms is None:
        return "image/jpeg", jpeg
    boundary = hashlib.sha256(jpeg).hexdigest()[:32]
    meta = json.dumps({"captured_at_ms": captured_at_ms}).encode()
    pieces = []
    for name, content_type, content in (("meta", "application/json", meta), ("frame", "image/jpeg", jpeg)):
        pieces.append(
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{name}"\r\n'
            f"Content-Type: {content_type}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n".encode()
        )
        pieces += [content, b"\r\n"]
    return f"multipart/form-data; boundary={boundary}", b"".join([*pieces, f"--{boundary}--\r\n".encode()])


def card_body(channel: Channel, value: str, captured_at_ms: int | None = None) -> bytes:
    card: dict[str, Any] = {"channel": channel, "value": value}
    if captured_at_ms is not None:
        card["captured_at_ms"] = captured_at_ms
    return json.dumps(card, ensure_ascii=False).encode("utf-8")


def heartbeat_body(stored_events: int, oldest_stored_at_ms: int | None, sent_at_ms: int) -> bytes:
    said = {"stored_events": stored_events, "sent_at_ms": sent_at_ms}
    if oldest_stored_at_ms is not None:
        said["oldest_stored_at_ms"] = oldest_stored_at_ms
    return json.dumps(said).encode("ascii")


def _request_line(*parts: str) -> bytes:
    return "\n".join(parts).encode("ascii")


def _reply_line(nonce: str, event_key: str, body: bytes) -> bytes:
    # Begins in lower case, so that no answer can ever be read as a request.
    return "\n".join(("reply", nonce, event_key, hashlib.sha256(body).hexdigest())).encode("ascii")


def _hmac(key: bytes, line: bytes) -> str:
    if len(key) < KEY_BYTES_MIN:
        # A gate registered without a key would otherwise be open to everyone.
        raise ValueError(f"a gate's key has at least {KEY_BYTES_MIN} bytes")
    return hmac.new(key, line, hashlib.sha256).hexdigest()
