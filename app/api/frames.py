"""Gates that push: signed frames and cards in, signed answers out (devices.md 1.1).

    POST /v1/devices/{device_id}/frames     a JPEG, raw or multipart
    POST /v1/devices/{device_id}/cards      a card, code or identity card
    POST /v1/devices/{device_id}/heartbeats how much the gate still keeps

The head is verified before the body is read, so a forger costs no bandwidth and no decoding.
"""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from app import access, gate
from app.errors import BadRequest, ServiceError, TooMany, Unauthorised, Unusable
from app.house import House
from app.store import accounts, gates
from app.web import language_of, refusal
from devices import BadPayload, BadSignature, DeviceError, FrameEvent
from devices.dialects import frames

router = APIRouter(tags=["gates"])

EXAMPLE = {
    "event_id": "1042",
    "event_key": "b7c1f0a2:17",
    "decision": "admit",
    "code": "admitted",
    "text": "王**，请通行",
    "open": True,
    "recorded": True,
    "repeated": False,
    "hold_ms": 5000,
    "server_time_ms": 1795305600123,
    "next_frame_after_ms": 0,
    "advice": "",
}

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The decision. `recorded` is true only for what is on disk; a resend gets the first answer.",
        "content": {"application/json": {"example": EXAMPLE}},
    },
    400: {"description": "A header is missing or malformed."},
    401: {"description": "Signature, time or nonce does not prove the device."},
    409: {"description": "`event_conflict`: same key, other body. `superseded`: a newer frame took its place."},
    413: {"description": "The body is larger than the service reads."},
    422: {"description": "Not a JPEG, or one that cannot be used."},
    429: {"description": "This device is over its quota; see Retry-After."},
    503: {"description": "Busy or nothing can be saved; the device keeps the event. See Retry-After."},
}

SIGNED_HEAD: list[dict[str, Any]] = [
    {"name": name, "in": "header", "required": True, "description": said, "schema": {"type": "string"}}
    for name, said in (
        ("X-Device-Id", "The id in the path"),
        ("X-Timestamp", "Unix milliseconds of this delivery"),
        ("X-Nonce", "16 random bytes, base64url, new for each delivery"),
        ("X-Seq", "Counts up from the device's start"),
        ("X-Content-SHA256", "Hex SHA-256 of the body"),
        ("X-Signature", "v1=<hex HMAC-SHA256>, see the README"),
        ("Idempotency-Key", "<boot id>:<seq>"),
    )
]
"""For the reference only: ``devices.dialects.frames`` reads these headers. As arguments of the route they were read twice, and
the first reading was a sixth of what the listening thread did for a frame."""

PREVIOUS_KEY_MAX = timedelta(days=7)
"""How long after a rotation a gate may still sign with its former key, if it never used the new one."""

DeviceId = Annotated[str, Path(description="Id given when the device was added", examples=["gate-1-in"])]


class Quota:
    """Token bucket per device: a burst of two seconds, then the settled rate."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = max(2.0, per_second * 2)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, device_id: str) -> None:
        """Take one token.

        Raises:
            TooMany: ``device_too_fast``, with the seconds until there is one again.
        """
        now = self._clock()
        tokens, at = self._buckets.get(device_id, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        if tokens < 1.0:
            self._buckets[device_id] = (tokens, now)
            raise TooMany("device_too_fast", retry_after_s=max(1, round((1.0 - tokens) / self._per_second)))
        self._buckets[device_id] = (tokens - 1.0, now)


@router.post(
    "/v1/devices/{device_id}/frames",
    summary="Post a frame of a gate camera",
    responses=ANSWERS,
    openapi_extra={
        "parameters": SIGNED_HEAD,
        "requestBody": {
            "required": True,
            "content": {
                "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["frame"],
                        "properties": {
                            "meta": {"type": "string", "example": '{"captured_at_ms": 1795305600000}'},
                            "frame": {"type": "string", "format": "binary"},
                        },
                    }
                },
            },
        }
    },
)
async def post_frame(request: Request, device_id: DeviceId) -> Response:
    """Recognise the person in a frame, decide, record, answer."""
    # Before the look-up and the body: a refusal must cost next to nothing when there are many.
    request.app.state.house.intake.check_room(device_id)
    return await _answered(request, _frame)


@router.post(
    "/v1/devices/{device_id}/cards",
    summary="Post a card, code or identity card",
    responses=ANSWERS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "example": {"channel": "card", "value": "0012345678", "captured_at_ms": 1795305600000}
                }
            },
        }
    },
)
async def post_card(request: Request, device_id: DeviceId) -> Response:
    """The way in without a face, with the same standing."""
    del device_id
    return await _answered(request, _card)


@router.post(
    "/v1/devices/{device_id}/heartbeats",
    summary="Say how much a gate still keeps",
    responses={
        **{status: ANSWERS[status] for status in (400, 401, 429, 503)},
        200: {
            "description": "Up to when everything of this gate has arrived, on the service's clock. Signed.",
            "content": {"application/json": {"example": {"complete_to_ms": 1795305600000, "server_time_ms": 1795305600123}}},
        },
        422: {"description": "`heartbeat_malformed`."},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "example": {
                        "stored_events": 2, "oldest_stored_at_ms": 1795305500000, "sent_at_ms": 1795305600000,
                    }
                }
            },
        }
    },
)  # fmt: skip
async def post_heartbeat(request: Request, device_id: DeviceId) -> Response:
    """A month can be closed when every gate has said that it keeps nothing of it; every 30 seconds is often enough."""
    del device_id
    return await _answered(request, _heartbeat, _beat_reply)


async def _frame(
    house: House, device: gates.DeviceInfo, head: frames.SignedHead, request: Request, body: bytes,
    received_at: datetime, seconds_max: float,
) -> gate.Answer:
    event = frames.parse_frame(head, request.headers.get("content-type"), body)
    return await decided(
        house, event, lambda: gate.admit_frame(house, device, event, received_at), seconds_max=seconds_max
    )


async def decided(
    house: House, event: FrameEvent, work: Callable[[], gate.Answer], *, seconds_max: float | None = None
) -> gate.Answer:
    """The answer of ``work`` to a frame, taken through the line of waiting frames."""
    # Only live frames take each other's place: one that a gate has stored is somebody's passage, not a newer look.
    stored = event.captured_at is not None and event.sent_at - event.captured_at > gate.FRESH_MAX
    stream = f"{event.stream} {event.event_key}" if stored else event.stream
    answer = await house.intake.submit(stream, work, seconds_max=seconds_max)
    for stage, ms in answer.stages_ms.items():
        house.metrics.stage_seconds.labels(stage).observe(ms / 1000)
    return answer


async def _card(
    house: House, device: gates.DeviceInfo, head: frames.SignedHead, request: Request, body: bytes,
    received_at: datetime, seconds_max: float,
) -> gate.Answer:
    event = frames.parse_card(head, body)
    return await house.intake.run(lambda: gate.admit_card(house, device, event, received_at), seconds_max=seconds_max)


async def _heartbeat(
    house: House, device: gates.DeviceInfo, head: frames.SignedHead, request: Request, body: bytes,
    received_at: datetime, seconds_max: float,
) -> datetime:
    beat = frames.parse_heartbeat(head, body)
    return await house.intake.run(
        lambda: gate.hear_heartbeat(house, device, beat, received_at), seconds_max=seconds_max
    )


FINAL = frozenset({409, 413, 422})
"""Statuses a gate may forget an event on. Only these refusals are signed: a signed "try again" could be
relabelled by whoever carries it, and would delete an attendance."""

KEPT = frozenset({"captured_in_future", "captured_too_long_ago"})
"""Refused by the service, kept by the gate for a person to decide."""


async def _answered(
    request: Request, work: Callable[..., Any], reply: Callable[..., tuple[bytes, dict[str, str]]] | None = None
) -> Response:
    """Verify the head, read and verify the body, do the work, sign the answer.

    The look-up and the work share ``decision_seconds_max``; the body's own way here is not counted.
    """
    house: House = request.app.state.house
    began = time.perf_counter()
    received_at = access.now_of(request)
    try:
        head = frames.read_head(request.headers, request.url.path, request.method)
        device, keys = await house.intake.run(lambda: device_and_keys(house, head.device_id))
        key = frames.verify_head(
            head, keys=keys, now=received_at, window_s=house.settings.signature_window_seconds
        )
    except DeviceError as error:
        raise refusal_of(error) from None
    if device is None or device.disabled_at is not None:
        raise Unauthorised("device_disabled" if device else "device_unknown")
    request.app.state.quota.take(device.id)
    if device.key_previous_sealed is not None:
        await house.intake.run(lambda: end_rotation(house, device, proven_by_new=key == keys[0], now=received_at))
    seconds_left = house.settings.decision_seconds_max - (time.perf_counter() - began)

    def signed(content: bytes) -> dict[str, str]:
        signature = frames.sign_reply(key, nonce=head.nonce, event_key=head.event_key, body=content)
        return {frames.REPLY_SIGNATURE: signature, "Cache-Control": "no-store"}

    try:
        body = await request.body()
        frames.verify_body(head, body)
        answer = await work(house, device, head, request, body, received_at, seconds_left)
    except ClientDisconnect:
        raise BadRequest("body_cut", "the connection ended before the body did") from None
    except (DeviceError, ServiceError) as error:
        refused = refusal_of(error) if isinstance(error, DeviceError) else error
        if refused.status not in FINAL or refused.code in KEPT:
            raise refused from None
        house.metrics.refused.labels(refused.code).inc()
        status, said, headers = refusal(refused, language_of(request))
        content = json.dumps(said, ensure_ascii=False).encode()
        return Response(content, status, media_type="application/json", headers={**headers, **signed(content)})
    content, headers = (reply or _passage_reply)(house, head, answer, began)
    return Response(content, media_type="application/json", headers={**headers, **signed(content)})


def _passage_reply(
    house: House, head: frames.SignedHead, answer: gate.Answer, began: float
) -> tuple[bytes, dict[str, str]]:
    reply = told(house, head.event_key, answer)
    whole_ms = (time.perf_counter() - began) * 1000
    timing = ", ".join(f"{stage};dur={ms:.1f}" for stage, ms in {**answer.stages_ms, "whole": whole_ms}.items())
    return reply.body(), {"Server-Timing": timing}


def told(house: House, event_key: str, answer: gate.Answer) -> frames.Reply:
    """What the gate is told, however it asked; counted here."""
    if answer.recorded and not answer.repeated:
        house.metrics.passages.labels(answer.verdict.value).inc()
    house.metrics.frames.labels("repeated" if answer.repeated else answer.code).inc()
    return frames.Reply(
        event_id=None if answer.passage_id is None else str(answer.passage_id),
        event_key=event_key,
        decision=answer.verdict.value,
        code=answer.code,
        text=answer.text,
        open=answer.open,
        recorded=answer.recorded,
        repeated=answer.repeated,
        hold_ms=house.settings.confirm_hold_ms if answer.open else 0,
        server_time_ms=int(time.time() * 1000),
        next_frame_after_ms=0,
        advice=answer.advice,
    )


def _beat_reply(
    _house: House, _head: frames.SignedHead, complete_to: datetime, _began: float
) -> tuple[bytes, dict[str, str]]:
    said = {
        "complete_to_ms": int(complete_to.timestamp() * 1000),
        "server_time_ms": int(time.time() * 1000),
    }
    return json.dumps(said).encode(), {}


def device_and_keys(house: House, device_id: str) -> tuple[gates.DeviceInfo | None, list[bytes]]:
    """The device and its live keys; (None, []) for one nobody knows, which then fails like a wrong key."""
    with house.database.read() as db:
        device = gates.find_device(db, device_id)
    if device is None:
        return None, []
    sealed = [device.key_sealed] + ([device.key_previous_sealed] if device.key_previous_sealed else [])
    return device, [house.vault.open(s, table="device", column="key_sealed", owner=device.id) for s in sealed]


def end_rotation(house: House, device: gates.DeviceInfo, *, proven_by_new: bool, now: datetime) -> None:
    """The former key of a device: dead once the new one proved a request, and after ``PREVIOUS_KEY_MAX``.

    Raises:
        Unauthorised: ``signature_wrong``, it was the former key and too late for it.
    """
    if proven_by_new:
        with house.database.write() as db:
            gates.forget_previous_key(db, device.id, device.key_sealed)
        return
    with house.database.read() as db:
        in_time = accounts.journalled(
            db, project_id=device.project_id, action="device.key_rotated", object=f"device:{device.id}",
            since=now - PREVIOUS_KEY_MAX,
        )
    if not in_time:
        raise Unauthorised("signature_wrong", "the former key, longer than it is accepted")


def refusal_of(error: DeviceError) -> ServiceError:
    if isinstance(error, BadSignature):
        return Unauthorised(error.code)
    field = error.field if isinstance(error, BadPayload) else ""
    # A header that cannot be read is a bad request; a body that can, and is no picture or card, is unusable.
    in_head = field in ("method", "path") or field.startswith("x-") or field == "idempotency-key"
    return (BadRequest if in_head else Unusable)(error.code, field=field)


