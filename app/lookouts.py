"""The cameras this process pulls: one lookout a camera, and what each of them knows.

    CONNECTING   the camera was asked and has shown nothing yet
    LIVE         its newest picture is fresh
    STALE        connected, but the picture is old, late, or the same for seconds; nothing is decided on it
    BACKOFF      the connection failed or ended; the next try comes later, by chance not together with the others'

A lookout never ends by itself and never takes the service with it. What the cameras are is read anew every few seconds, so
that one added from the shell is looked at without a restart.
"""

import asyncio
import contextlib
import hashlib
import random
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app import cameras as use
from app.cameras import AGE_MAX_S, TooOld, Watch
from app.errors import Conflict, ServiceError
from app.house import House
from app.store import cameras
from app.vault import VaultError
from devices.links.rtsp import Ended, Picture, Puller, Region

log = structlog.get_logger()

CONNECTING, LIVE, STALE, BACKOFF = "connecting", "live", "stale", "backoff"
STATES = (CONNECTING, LIVE, STALE, BACKOFF)

READ_EVERY_S = 3.0
BEAT_EVERY_S = 30.0
STALE_AFTER_S = 2.0
LATE_MAX_S = 5.0
"""Pictures that are late for so long will not catch up: a new connection begins at the newest."""
FROZEN_S = 10.0
BACKOFF_S = 0.5
BACKOFF_MAX_S = 30.0
NEAR_MAX_S = 10.0
"""For a camera that is not there: live again within 15 s of its return."""
LOCKED_S = 300.0
"""Many cameras lock the account after some wrong passwords; ours must not keep it locked."""
STEADY_S = 10.0
"""A connection that has lasted so long was a good one: the next failure begins at the shortest pause."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of one camera now."""

    device_id: str
    project_id: int
    state: str
    code: str | None
    """Why it is not live; ``devices.links.rtsp.REASONS``, or the code of a refusal."""
    picture_age_s: float | None
    """Of the newest picture; None before the first."""
    analysed: int
    late: int
    connections: int
    unsettled: int
    """Passages decided and not yet written."""


class Lookout:
    """Looks at one camera until it is told to stop."""

    def __init__(self, house: House, camera: cameras.CameraInfo) -> None:
        self._house, self.camera = house, camera
        self.watch = Watch(camera.device_id)
        self.state, self.code = CONNECTING, None
        self.pid: int | None = None
        self._taken: float | None = None
        self._analysed = self._late = self._connections = 0
        self._beat_at = -BEAT_EVERY_S
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name=f"lookout {self.camera.device_id}")

    async def stop(self) -> None:
        """Stop looking; what is decided is written if it can be."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._say()
        if self.watch.unsettled:
            log.error("passages_lost", device_id=self.camera.device_id, passages=len(self.watch.unsettled))

    @property
    def status(self) -> Status:
        """As of now."""
        age_s = None if self._taken is None else max(0.0, time.monotonic() - self._taken)
        state, code = self.state, self.code
        if state == LIVE and age_s is not None and age_s > STALE_AFTER_S:
            state, code = STALE, "no_frames"
        return Status(
            self.camera.device_id, self.camera.project_id, state, code, None if age_s is None else round(age_s, 2),
            self._analysed, self._late, self._connections, len(self.watch.unsettled),
        )  # fmt: skip

    def _now_is(self, state: str, code: str | None = None) -> None:
        if (state, code) != (self.state, self.code):
            log.info("camera", device_id=self.camera.device_id, state=state, code=code)
            self.state, self.code = state, code

    async def _run(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            self._now_is(CONNECTING)
            try:
                code = await self._connection()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - one camera's trouble, whatever it is, stays its own
                log.error("lookout_failed", device_id=self.camera.device_id, error=type(error).__name__)
                code = "internal_error"
            failures = 1 if time.monotonic() - began > STEADY_S else failures + 1
            self._now_is(BACKOFF, code)
            self._house.metrics.camera_failures.labels(code).inc()
            await self._pause(pause_s(code, failures))

    async def _connection(self) -> str:
        """One connection to its end; why it ended."""
        house = self._house
        try:
            address = use.address_of(self.camera, house.vault, house.settings)
        except (ServiceError, VaultError) as error:
            return getattr(error, "code", "address_unreadable")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=1)
        except OSError:
            return "host_unknown"
        puller = Puller(
            address, ip=found[0][4][0], region=None if self.camera.region is None else Region(*self.camera.region),
            pixels_max=house.settings.frame_pixels_max, ca_file=house.settings.camera_ca_file,
            frozen_s=FROZEN_S,
        )  # fmt: skip
        self._connections += 1
        # As a gate's boot id: the pictures of one connection are counted from 1.
        connection = secrets.token_hex(8)
        pace_s, fresh_at = 1.0 / self.camera.frames_per_second, time.monotonic()
        await puller.start()
        self.pid = puller.pid
        try:
            while True:
                asked = time.monotonic()
                await self._beat()
                picture = await puller.newest()
                self._taken = picture.taken
                if await self._seen(picture, connection):
                    fresh_at = time.monotonic()
                elif time.monotonic() - fresh_at > LATE_MAX_S:
                    return "picture_late"
                await asyncio.sleep(max(0.0, asked + pace_s - time.monotonic()))
        except Ended as ended:
            return ended.reason
        finally:
            self.pid = None
            await puller.stop()

    async def _seen(self, picture: Picture, connection: str) -> bool:
        """Have one picture looked at; False when it is too old to decide on."""
        house, count = self._house, self._house.metrics.camera_frames.labels
        if picture.frozen:
            self._now_is(STALE, "picture_frozen")
            count("frozen").inc()
            return True
        left_s = AGE_MAX_S - (time.monotonic() - picture.taken)
        if left_s <= 0:
            self._late += 1
            count("late").inc()
            self._now_is(STALE, "picture_late")
            return False
        self._now_is(LIVE)
        event_key = f"{connection}:{picture.number}"
        digest = hashlib.sha256(picture.jpeg).hexdigest()

        def work() -> Any:
            return use.watch(house, self.watch, jpeg=picture.jpeg, event_key=event_key, content_sha256=digest, taken=picture.taken)

        try:
            answer = await house.intake.submit(f"camera {self.camera.device_id}", work, seconds_max=left_s)
        except TooOld:
            self._late += 1
            count("late").inc()
            return True
        except Conflict:
            count("shed").inc()
            return True
        except ServiceError as error:
            count("shed" if error.status == 503 else "refused").inc()
            if error.code not in ("busy", "decision_late"):
                self._now_is(STALE, error.code)
            # The work may have begun; the next picture waits until it is done.
            await asyncio.sleep(0.05)
            return True
        except (SQLAlchemyError, OSError) as error:
            log.error("storage_unavailable", error=type(error).__name__)
            count("refused").inc()
            self._now_is(STALE, "storage_unavailable")
            return True
        self._analysed += 1
        count("analysed").inc()
        if answer is not None and answer.recorded and not answer.repeated:
            house.metrics.passages.labels(answer.verdict.value).inc()
        return True

    async def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            await self._beat()
            await asyncio.sleep(min(left_s, 2.0))

    async def _beat(self) -> None:
        """Every half minute as a gate does, and sooner while something waits to be written."""
        now = time.monotonic()
        if now - self._beat_at < (2.0 if self.watch.unsettled else BEAT_EVERY_S):
            return
        self._beat_at = now
        await self._say()

    async def _say(self) -> None:
        live = self.status.state == LIVE
        with contextlib.suppress(ServiceError, SQLAlchemyError, OSError):
            await self._house.intake.run(
                lambda: use.beat(self._house, self.watch, live=live, now=datetime.now(UTC))
            )


def pause_s(code: str, failures: int) -> float:
    """How long to wait after the ``failures``-th failure in a row: half of it by chance, so that cameras do not return together."""
    if code == "unauthorised" and failures > 1:
        return LOCKED_S * random.uniform(0.8, 1.0)
    longest = NEAR_MAX_S if code in ("refused", "timed_out", "ended", "no_frames") else BACKOFF_MAX_S
    return min(longest, BACKOFF_S * 2 ** min(failures - 1, 10)) * random.uniform(0.5, 1.0)


class Lookouts:
    """All cameras of this process."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.lookouts: dict[str, Lookout] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look at every camera there is, now and later."""
        self._task = asyncio.create_task(self._follow(), name="lookouts")

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(lookout.stop() for lookout in self.lookouts.values()), return_exceptions=True)
        self.lookouts.clear()

    def statuses(self) -> dict[str, Status]:
        """Device id -> what is known of it."""
        return {device_id: lookout.status for device_id, lookout in sorted(self.lookouts.items())}

    async def _follow(self) -> None:
        while True:
            try:
                await self._look_up()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a database that is away must not end the looking
                log.warning("cameras_not_read", error=type(error).__name__)
            await asyncio.sleep(READ_EVERY_S)

    async def _look_up(self) -> None:
        wanted = {camera.device_id: camera for camera in await self._house.intake.run(self._read)}
        for device_id, lookout in list(self.lookouts.items()):
            if not _same(wanted.get(device_id), lookout.camera):
                await lookout.stop()
                del self.lookouts[device_id]
        for device_id, camera in wanted.items():
            if device_id not in self.lookouts:
                self.lookouts[device_id] = Lookout(self._house, camera)
                self.lookouts[device_id].start()

    def _read(self) -> list[cameras.CameraInfo]:
        with self._house.database.read() as db:
            return cameras.pulled(db)


def _same(now: cameras.CameraInfo | None, before: cameras.CameraInfo) -> bool:
    # Sealed anew under another key it is the same address.
    return now is not None and (now.changed_at, now.shown, now.region, now.frames_per_second) == (
        before.changed_at, before.shown, before.region, before.frames_per_second,
    )  # fmt: skip
