"""Gates that stream: frames over a WebSocket, with credits; the contract is in ``devices.links.websocket``.

    GET /v1/devices/{device_id}/stream      upgraded to a WebSocket

A frame that came this way is decided, recorded and answered as a posted one; it only costs no handshake, and the
service says how many may be under way. One connection a gate: a newer one takes the older's place.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from fastapi import APIRouter, WebSocket
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocketDisconnect, WebSocketDisconnected

from app import access, cameras, gate
from app.api.frames import FINAL, KEPT, Quota, decided, device_and_keys, end_rotation, refusal_of, told
from app.db import storage_error
from app.errors import Busy, ServiceError, Unauthorised
from app.house import House
from app.store import gates
from app.web import refusal
from app.wording import sentence
from devices import BadPayload, DeviceError, FrameEvent, Heartbeat, LookEvent
from devices.dialects import frames
from devices.links import websocket as link
from devices.links.websocket import Session, StreamBroken

log = structlog.get_logger()
router = APIRouter(tags=["gates"])

HEARTBEATS_EVERY_S = 5.0
"""A gate says every half minute what it keeps; more often than this it is not asked of the database."""
SEND_SECONDS_MAX = 5.0
"""A gate that does not read its answers is let go."""
GOING_AWAY = 1001


@router.websocket("/v1/devices/{device_id}/stream")
async def stream(websocket: WebSocket, device_id: str) -> None:
    """Let a gate in that proves itself, and listen to it until one of the two ends it."""
    del device_id  # read_head compares the path's with the header's
    house: House = websocket.app.state.house
    streams: Streams = websocket.app.state.streams
    try:
        session = await _shaken_hands(websocket, house)
    except ServiceError as error:
        house.metrics.refused.labels(error.code).inc()
        status, said, headers = refusal(error, house.settings.default_language)
        with contextlib.suppress(RuntimeError):
            await websocket.send_denial_response(JSONResponse(said, status, headers=headers))
        return
    with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected):
        await websocket.accept()
        await streams.listen(Connection(websocket, house, websocket.app.state.quota, session, streams.watch_of(session.device_id)))


async def _shaken_hands(websocket: WebSocket, house: House) -> Session:
    """Verify and use up the signed handshake.

    Raises:
        ServiceError: as for a posted frame.
    """
    received_at = access.now_of(websocket)
    try:
        head = frames.read_head(websocket.headers, websocket.url.path, "GET")
        device, keys = await house.intake.run(lambda: device_and_keys(house, head.device_id))
        key = frames.verify_head(head, keys=keys, now=received_at, window_s=house.settings.signature_window_seconds)
        frames.verify_body(head, b"")
        if device is None or device.disabled_at is not None:
            raise Unauthorised("device_disabled" if device else "device_unknown")
        websocket.app.state.quota.take(device.id)
        if device.key_previous_sealed is not None:
            await house.intake.run(
                lambda: end_rotation(house, device, proven_by_new=key == keys[0], now=received_at)
            )
        await house.intake.run(lambda: gate.hear_handshake(house, device, head.nonce, received_at))
    except DeviceError as error:
        raise refusal_of(error) from None
    except (SQLAlchemyError, OSError) as error:
        raise _storage(error) from None
    return Session(
        device_id=device.id, boot_id=head.boot_id, nonce=head.nonce, key=key, lag=received_at - head.sent_at,
        window=house.settings.stream_credits,
    )  # fmt: skip


class Streams:
    """The connections of one process, one a gate."""

    def __init__(self) -> None:
        self._open: dict[str, Connection] = {}
        self._watches: dict[str, cameras.Watch] = {}

    def watch_of(self, device_id: str) -> cameras.Watch:
        """Who stands before a gate's camera; kept when its line is cut."""
        return self._watches.setdefault(device_id, cameras.Watch(device_id))

    @property
    def open(self) -> int:
        """Gates that stream now."""
        return len(self._open)

    async def listen(self, connection: "Connection") -> None:
        """Run a connection to its end; an older one of the same gate ends now."""
        device_id = connection.session.device_id
        older = self._open.get(device_id)
        if older is not None:
            older.end(link.REPLACED, "stream_replaced")
        self._open[device_id] = connection
        try:
            await connection.run()
        finally:
            if self._open.get(device_id) is connection:
                del self._open[device_id]


class Connection:
    """One gate that streams."""

    def __init__(
        self, websocket: WebSocket, house: House, quota: Quota, session: Session, watch: cameras.Watch
    ) -> None:
        self._socket, self._house, self._quota, self._watch = websocket, house, quota, watch
        self.session = session
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self._saying = asyncio.Lock()
        self._beat_at = -HEARTBEATS_EVERY_S
        self._under_way = 0
        self._owed = 0
        """Credits of frames that were superseded; see ``_given_back``."""

    def end(self, close: int, code: str) -> None:
        """Close with a code as soon as the next message would be read; what is being decided is recorded all the same."""
        if not self._ending.done():
            self._ending.set_result((close, code))

    async def run(self) -> None:
        """Read until the gate goes, breaks the contract, or is told to go."""
        settings, began, close, code = self._house.settings, time.monotonic(), GOING_AWAY, "gate_left"
        log.info("stream_opened", device_id=self.session.device_id)
        try:
            await self._say(
                "hello", credits=self.session.window, frame_bytes_max=settings.frame_body_bytes_max,
                server_time_ms=int(time.time() * 1000),
            )  # fmt: skip
            while True:
                message = await self._next()
                if message is None:
                    break
                self._hear(message)
        except StreamBroken as broken:
            close, code = broken.close, broken.code
            self._house.metrics.refused.labels(code).inc()
            await self._close(close, code)
        finally:
            # Nobody will read their answers; what they recorded is answered when the gate asks again.
            for task in self._tasks:
                if task.get_name() == "credit":
                    task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            log.info(
                "stream_closed", device_id=self.session.device_id, close=close, code=code,
                messages=self.session.received, seconds=round(time.monotonic() - began, 1),
            )  # fmt: skip
            self._house.metrics.streams_closed.labels(code).inc()

    async def _next(self) -> bytes | None:
        """The gate's next message; None when the gate is gone.

        Raises:
            StreamBroken: it is text, or this connection was told to end.
        """
        receiving = asyncio.ensure_future(self._socket.receive())
        await asyncio.wait({receiving, self._ending}, return_when=asyncio.FIRST_COMPLETED)
        if self._ending.done():
            receiving.cancel()
            raise StreamBroken(*self._ending.result())
        message = receiving.result()
        if message["type"] == "websocket.disconnect":
            return None
        if message.get("bytes") is None:
            raise StreamBroken(link.UNSUPPORTED, "stream_malformed")
        if len(message["bytes"]) > self._house.settings.frame_body_bytes_max + link.HEAD_BYTES:
            raise StreamBroken(link.TOO_LARGE, "body_too_large")
        return message["bytes"]

    def _hear(self, message: bytes) -> None:
        received_at = access.now_of(self._socket)
        try:
            event = self.session.read(message, received_at)
        except BadPayload as error:
            self._start(self._refuse(self.session.event_key(message), refusal_of(error)))
            return
        if isinstance(event, FrameEvent):
            self._start(self._answer(event, received_at))
        elif time.monotonic() - self._beat_at >= HEARTBEATS_EVERY_S:
            self._beat_at = time.monotonic()
            self._start(self._beat(event, received_at))

    def _start(self, work: Any, name: str = "answer") -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, event: FrameEvent, received_at: datetime) -> None:
        """Decide about a frame and say so; a gate that is not ours any more is let go."""

        def admit(house: House) -> gate.Answer:
            if isinstance(event, LookEvent):
                return cameras.look_on(house, self._watch, self._device(), event, received_at)
            return gate.admit_frame(house, self._device(), event, received_at)

        async def work() -> gate.Answer:
            self._quota.take(self.session.device_id)
            return await decided(self._house, event, lambda: admit(self._house))

        self._under_way += 1
        try:
            answer = await self._tried(event.event_key, work)
        finally:
            self._under_way -= 1
        if answer is not None:
            reply = told(self._house, event.event_key, answer).as_json()
            await self._say("answer", credits=self._given_back(), **reply)

    def _given_back(self) -> int:
        """Credits that come with an answer: its own, and those held back once nobody waits any more.

        While frames wait, a gate that got the credit of a superseded frame at once would send one that supersedes the next,
        and so on: all the work would go into pictures nobody looks at. So it goes on with one under way instead of two.
        """
        credits = 1
        if not self._house.intake.waiting:
            credits, self._owed = 1 + self._owed, 0
        return credits

    async def _beat(self, beat: Heartbeat, received_at: datetime) -> None:
        async def work() -> datetime:
            house = self._house
            return await house.intake.run(lambda: gate.hear_heartbeat(house, self._device(), beat, received_at))

        complete_to = await self._tried(None, work)
        if complete_to is not None:
            await self._say(
                "heartbeat", complete_to_ms=int(complete_to.timestamp() * 1000), server_time_ms=int(time.time() * 1000)
            )

    async def _tried(self, event_key: str | None, work: Callable[[], Any]) -> Any:
        """The result of ``work``; None when it was refused, and the gate was told so."""
        try:
            return await work()
        except Unauthorised as error:
            self.end(link.DISABLED if error.code == "device_disabled" else link.UNPROVEN, error.code)
            return None
        except ServiceError as error:
            refused = error
        except (SQLAlchemyError, OSError) as error:
            refused = _storage(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other frames must go on
            # Not its message, which may quote what was sent.
            log.error("internal_error", error=type(error).__name__, where="stream")
            refused = ServiceError("internal_error", retry_after_s=1)
        # A heartbeat that failed is not told: the next one says more than this one again.
        if event_key is not None:
            await self._refuse(event_key, refused)
        return None

    async def _refuse(self, event_key: str, error: ServiceError) -> None:
        """Say why there is no decision. The credit of a frame that is to come again is given back when there is room."""
        self._house.metrics.refused.labels(error.code).inc()
        final = error.status in FINAL and error.code not in KEPT
        wait_s = 0 if final or error.code in KEPT else error.retry_after_s or 1
        # The frame itself is still counted: another one must be under way, whose answer gives the credit back.
        held = error.code == "superseded" and self._under_way > 1
        self._owed += held
        await self._say(
            "refusal", credits=0 if wait_s or held else 1, event_key=event_key, code=error.code, final=final,
            message=sentence(error.code, self._house.settings.default_language, **error.facts),
            retry_after_ms=wait_s * 1000,
        )  # fmt: skip
        if wait_s:
            self._start(self._grant_after(wait_s), name="credit")

    async def _grant_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._say("credit", credits=1)

    def _device(self) -> gates.DeviceInfo:
        """The gate as it is now: it may have been switched off, moved or given another key since it came.

        Raises:
            Unauthorised: ``device_disabled``, or ``signature_wrong`` when its key is not accepted any more.
        """
        device, keys = device_and_keys(self._house, self.session.device_id)
        if device is None or device.disabled_at is not None:
            raise Unauthorised("device_disabled")
        if self.session.key not in keys:
            raise Unauthorised("signature_wrong")
        return device

    async def _say(self, kind: str, **said: Any) -> None:
        # Numbered and sent in one order: the gate counts.
        async with self._saying:
            text = self.session.write(kind, **said)
            try:
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await self._socket.send_text(text)
            except (TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
                self.end(GOING_AWAY, "gate_left")

    async def _close(self, close: int, code: str) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError, TimeoutError):
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await self._socket.close(close, code)


def _storage(error: Exception) -> ServiceError:
    log.error("storage_unavailable", error=type(error).__name__)
    if isinstance(error, SQLAlchemyError):
        with contextlib.suppress(SQLAlchemyError):
            return storage_error(error)
        return ServiceError("internal_error", retry_after_s=1)
    return Busy("storage_unavailable", retry_after_s=5)
