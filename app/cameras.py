"""Use case: a camera that is pulled is added, changed, removed; and what becomes of one of its pictures.

    add_camera      a device of a gate, and the address it is pulled from
    change_camera   another address, region or rate
    remove_camera   the address is forgotten, the device switched off; its passages stay
    watch           one picture of it: recognise it, and record it if it is a passage (``domain.presence``)
    look_on         one picture of a gate that streams all the time, the same

Where a camera is, with its password, is sealed. Shown are scheme, host and port; nothing else of it is ever said or logged.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import gate, papers
from app.domain.presence import AGAIN, Presence, Seen, Turn
from app.errors import Busy, Conflict, NotFound, ServiceError, Unusable
from app.house import House
from app.settings import Settings
from app.store import accounts, cameras, gates, timekeeping
from app.vault import Vault
from devices.base import FrameEvent
from devices.links.rtsp import Address, AddressWrong, AllowedHosts, Region, read_address

AGE_MAX_S = 1.0
"""No decision rests on a picture older than this."""
RATE_MIN, RATE_MAX = 0.2, 15.0
CAMERAS_MAX = 64
"""Of one service: each is a process that decodes, and that many are more than a machine of its kind carries."""
TOLD_MAX = 256
NEAR_WITHIN = timedelta(seconds=1)
"""A face is looked for where it was so long ago at most."""
WHOLE_EVERY = timedelta(seconds=0.5)
"""Whoever steps up beside a worker who stands there is seen after so long."""
UNSETTLED_MAX = 64
"""Passages of one camera that are decided and cannot be written now; they are tried again, oldest first."""


def _placed(value: Any) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    try:
        left, top, width, height = (float(part) for part in value)
        Region(left, top, width, height)
    except (TypeError, ValueError):
        raise Unusable("region_malformed") from None
    return (left, top, width, height)


def _allowed(text: str, settings: Settings) -> Address:
    try:
        address = read_address(text)
        AllowedHosts(settings.camera_hosts).check(address)
    except AddressWrong as wrong:
        raise Unusable(wrong.code) from None
    return address


def _rate(value: float) -> float:
    if not RATE_MIN <= value <= RATE_MAX:
        raise Unusable("frames_per_second_wrong", least=RATE_MIN, most=RATE_MAX)
    return float(value)


def add_camera(
    db: Session, vault: Vault, settings: Settings, *, project_id: int, gate_id: int, name: str, address: str,
    device_id: str | None = None, region: Any = None, frames_per_second: float = 5.0, now: datetime, by: str,
) -> cameras.CameraInfo:  # fmt: skip
    """Add a camera to a gate; the service begins to look within seconds.

    Args:
        address: rtsp:// or rtsps://, at a host that ``MUSTER_CAMERA_HOSTS`` lists.
        region: left, top, width, height in shares of the picture; None for all of it.

    Raises:
        Unusable: ``camera_address_malformed``, ``camera_host_not_allowed``, ``region_malformed``,
            ``frames_per_second_wrong``, ``device_id_malformed``.
        NotFound: ``gate_unknown``.
        Conflict: ``device_id_taken``, ``cameras_too_many``.
    """
    where, placed, rate = _allowed(address, settings), _placed(region), _rate(frames_per_second)
    if cameras.count(db) >= CAMERAS_MAX:
        raise Conflict("cameras_too_many", most=CAMERAS_MAX)
    # Its key is shown to nobody: a camera that is pulled proves itself by where it is.
    device = papers.add_device(
        db, vault, project_id=project_id, gate_id=gate_id, name=name, device_id=device_id, now=now, by=by
    )
    cameras.add(
        db, device_id=device.device_id, address_sealed=_sealed(vault, device.device_id, address), shown=where.shown,
        region=placed, frames_per_second=rate, now=now,
    )  # fmt: skip
    _journal(db, now, by, "camera.added", project_id, device.device_id, address=where.shown)
    return cameras.camera(db, project_id, device.device_id)


def change_camera(
    db: Session, vault: Vault, settings: Settings, *, project_id: int | None, device_id: str, address: str | None = None,
    frames_per_second: float | None = None, now: datetime, by: str, **region: Any,
) -> cameras.CameraInfo:  # fmt: skip
    """Change what is given of a camera; ``region=None`` is all of the picture, leaving it out is as before.

    Raises:
        NotFound: ``camera_unknown``.
        Unusable: as ``add_camera``.
    """
    before = cameras.camera(db, project_id, device_id)
    values: dict[str, Any] = {}
    if address is not None:
        values |= {"shown": _allowed(address, settings).shown, "address_sealed": _sealed(vault, device_id, address)}
    if frames_per_second is not None:
        values["frames_per_second"] = _rate(frames_per_second)
    if "region" in region:
        placed = _placed(region["region"])
        values["region"] = None if placed is None else list(placed)
    cameras.change(db, device_id, now=now, **values)
    after = cameras.camera(db, project_id, device_id)
    _journal(
        db, now, by, "camera.changed", before.project_id, device_id, changed=sorted(set(values) - {"shown"}), address=after.shown
    )
    return after


def remove_camera(db: Session, *, project_id: int | None, device_id: str, now: datetime, by: str) -> None:
    """Forget where a camera is and switch its device off.

    Raises:
        NotFound: ``camera_unknown``.
    """
    camera = cameras.camera(db, project_id, device_id)
    cameras.remove(db, device_id)
    papers.disable_device(db, device_id=device_id, project_id=camera.project_id, now=now, by=by)
    _journal(db, now, by, "camera.removed", camera.project_id, device_id, address=camera.shown)


def address_of(camera: cameras.CameraInfo, vault: Vault, settings: Settings) -> Address:
    """Where a camera is, if it may be there still.

    Raises:
        Unusable: ``camera_host_not_allowed``: the list of hosts has changed since.
        VaultError: it was sealed with a key that is not there.
    """
    opened = vault.open(camera.address_sealed, table="camera", column="address_sealed", owner=camera.device_id)
    return _allowed(opened.decode(), settings)


def _sealed(vault: Vault, device_id: str, address: str) -> bytes:
    return vault.seal(address.encode(), table="camera", column="address_sealed", owner=device_id)


def _journal(db: Session, now: datetime, by: str, action: str, project_id: int, device_id: str, **facts: Any) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=project_id, object=f"device:{device_id}", facts=facts)


# --- one picture ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Unsettled:
    device: gates.DeviceInfo
    event: FrameEvent
    sighting: gate.Sighting
    received_at: datetime
    language: str


@dataclass(frozen=True, slots=True)
class Still:
    """A worker who was a passage already when he was last seen before this camera."""

    worker_id: int
    box: tuple[float, float, float, float]
    """His face, in pixels of the picture as it was looked at."""
    at: datetime
    whole_at: datetime
    """When the whole picture was last looked at."""

    def near(self, at: datetime) -> tuple[float, float, float, float] | None:
        """Where he is looked for in a picture taken at ``at``; None: the whole picture is due."""
        fresh = timedelta(0) <= at - self.at <= NEAR_WITHIN and timedelta(0) <= at - self.whole_at < WHOLE_EVERY
        return self.box if fresh else None


@dataclass(slots=True)
class Watch:
    """What is remembered of one camera between its pictures. One thread at a time."""

    device_id: str
    presence: Presence = field(default_factory=Presence)
    unsettled: deque[_Unsettled] = field(default_factory=deque)
    lost: int = 0
    """Passages that could not be written and were too many to keep."""
    told: dict[int, gate.Answer] = field(default_factory=dict)
    """Worker -> the answer of his passage."""
    counting: threading.Lock = field(default_factory=threading.Lock)
    still: Still | None = None
    guard: threading.Lock = field(default_factory=threading.Lock)
    """A picture whose time ran out may still be in a thread when the next one comes."""


class TooOld(Exception):
    """The picture is older than a decision may rest on."""


def watch(
    house: House, watch: Watch, *, jpeg: bytes, event_key: str, content_sha256: str, taken: float
) -> gate.Answer | None:
    """Look at one picture of a camera; record it and return the answer if it is a passage.

    Args:
        event_key: ``<connection>:<number>``, never used twice.
        taken: ``time.monotonic()`` when the picture was taken.

    Raises:
        TooOld: nothing was decided.
        ServiceError, SQLAlchemyError, OSError: nothing was decided, for another reason.
    """
    if not watch.guard.acquire(blocking=False):
        raise Busy("busy", "the picture before is still looked at", retry_after_s=1)
    try:
        return _watch(house, watch, jpeg, event_key, content_sha256, taken)
    finally:
        watch.guard.release()


def _watch(
    house: House, watch: Watch, jpeg: bytes, event_key: str, content_sha256: str, taken: float
) -> gate.Answer | None:
    _settle(house, watch)
    received_at, age_s = datetime.now(UTC), time.monotonic() - taken
    if age_s > AGE_MAX_S:
        raise TooOld
    taken_at = received_at - timedelta(seconds=age_s)
    boot_id, _, number = event_key.rpartition(":")
    with house.database.read() as db:
        device = gates.device(db, watch.device_id)
        if device.disabled_at is not None:
            raise NotFound("device_disabled")
        scene = gate.scene_of(house, db, device, at=taken_at)
    sighting = _near(house, watch, device, jpeg, scene, taken_at)
    if sighting is not None and sighting.near:
        if _stands_there(watch, sighting, taken_at):
            return None
        sighting = None
    if sighting is None:
        sighting = gate.look(house, device, jpeg, scene, at=taken_at)
    if time.monotonic() - taken > AGE_MAX_S:
        raise TooOld
    seen, turn = _turn(house, watch, device, sighting, taken_at)
    named = sighting.face is not None and seen.worker_id is not None
    watch.still = Still(seen.worker_id, sighting.face.box, taken_at, taken_at) if named else None
    if turn is not Turn.RECORD:
        return None
    event = FrameEvent(
        device_id=device.id, event_key=event_key, boot_id=boot_id, seq=int(number), sent_at=received_at, captured_at=taken_at,
        nonce=event_key, image=jpeg, content_sha256=content_sha256,
    )  # fmt: skip
    watch.unsettled.append(_Unsettled(device, event, sighting, received_at, scene.project.language))
    while len(watch.unsettled) > UNSETTLED_MAX:
        watch.unsettled.popleft()
        watch.lost += 1
    return _settle(house, watch)


def _near(
    house: House, watch: Watch, device: gates.DeviceInfo, jpeg: bytes, scene: gate.Scene, at: datetime
) -> gate.Sighting | None:
    """Look for the worker who stood there a moment ago where he stood; None where the whole picture is due, or nobody stood there."""
    # Whose card waits for a face is looked for everywhere.
    box = watch.still.near(at) if watch.still is not None and scene.card is None else None
    return None if box is None else gate.look(house, device, jpeg, scene, at=at, near=box)


def _stands_there(watch: Watch, sighting: gate.Sighting, at: datetime) -> bool:
    """True when a look near him shows the same worker, well enough to be let in, and he is a passage already.

    That is all such a look may say: not that he comes, not that he is alone, and nothing of anybody else.
    """
    still = watch.still
    if still is None or sighting.face is None or gate.expected(sighting) != still.worker_id:
        return False
    with watch.counting:
        turn = watch.presence.turn(Seen(gate.outlook(sighting), still.worker_id, None), at)
    if turn is not Turn.WAIT:
        return False
    watch.still = replace(still, box=sighting.face.box, at=at)
    return True


def _turn(
    house: House, watch: Watch, device: gates.DeviceInfo, sighting: gate.Sighting, at: datetime
) -> tuple[Seen, Turn]:
    """Whether a sighting is a passage, or one that is known; what is to be recorded counts as recorded from now on."""
    code = gate.outlook(sighting)
    seen = Seen(
        code,
        gate.expected(sighting),
        sighting.track.number if sighting.track else None,
        nobody=code in gate.UNRECORDED,
    )
    with watch.counting:
        turn = watch.presence.turn(seen, at)
        if turn is not Turn.WAIT:
            with house.database.read() as db:
                if turn is Turn.REPEAT and _folds(db, device.project_id):
                    turn = Turn.RECORD
                if gates.passage_by_frame(db, device.project_id, sighting.frame_sha256) is not None:
                    # To the byte the picture of another passage: a camera that hangs shows nobody anew.
                    turn = Turn.WAIT
        if turn is Turn.RECORD:
            watch.presence.record(seen, at)
    return seen, Turn.RECORD if turn is Turn.RECORD else Turn.WAIT


def look_on(
    house: House, watch: Watch, device: gates.DeviceInfo, event: FrameEvent, received_at: datetime
) -> gate.Answer:
    """Decide about one picture of many that a gate streams: a passage, the one he is already, or none. Runs in a recogniser thread.

    Who is a passage already is told its answer again, and the gate opens for him again: he stands there now. A picture that is
    older than a second, or that was answered before, is an event like a posted one: the gate kept it for that.

    Raises:
        ServiceError: as ``gate.admit_frame``; the gate sends the picture again.
    """
    happened_at = gate.occurred_at(event, received_at)
    with house.database.read() as db:
        scene = gate.scene_of(house, db, device, at=happened_at)
        known = gates.passage_by_event(db, device.id, event.event_key) is not None
    if known or (received_at - happened_at).total_seconds() > AGE_MAX_S:
        return gate.admit_frame(house, device, event, received_at)
    sighting = gate.look(house, device, event.image, scene, at=happened_at)
    seen, turn = _turn(house, watch, device, sighting, happened_at)
    if turn is Turn.RECORD:
        try:
            answer = gate.settle(house, device, event, sighting, received_at, language=scene.project.language)
        except BaseException:
            with watch.counting:
                watch.presence.forget(seen)
            raise
        if seen.worker_id is not None:
            if len(watch.told) > TOLD_MAX:
                watch.told.clear()
            watch.told[seen.worker_id] = answer
        return answer
    told = watch.told.get(seen.worker_id) if seen.worker_id is not None else None
    if told is not None:
        return replace(told, repeated=True, fresh=True, stages_ms=sighting.stages_ms)
    return gate.glance(sighting, scene.project.language, received_at)


def beat(house: House, watch: Watch, *, live: bool, now: datetime) -> None:
    """Write what is decided and not written, and note up to when a camera has nothing left to deliver.

    Args:
        live: pictures come; the device was heard.
    """
    with watch.guard:
        _settle(house, watch)
        oldest = min((waiting.event.captured_at for waiting in watch.unsettled), default=now)
        with house.database.write() as db:
            if live:
                gates.seen(db, watch.device_id, now)
            timekeeping.heartbeat(db, watch.device_id, complete_to=min(oldest, now), stored_events=len(watch.unsettled))


def _settle(house: House, watch: Watch) -> gate.Answer | None:
    """Write what is decided and not written, oldest first; the last answer, or None when there is nothing, or no room yet.

    What was decided when the picture was fresh is written when the disk has room again, dated by the picture: there is no
    gate behind this camera that would keep it for us. Nothing opens on it.
    """
    answer = None
    while watch.unsettled:
        waiting = watch.unsettled[0]
        try:
            answer = gate.settle(
                house, waiting.device, waiting.event, waiting.sighting, waiting.received_at, language=waiting.language
            )
        except (SQLAlchemyError, OSError):
            return None
        except ServiceError as error:
            if error.status == 503:
                return None
            # A nonce that was used: it was written, and the answer was lost on the way.
            if error.code != "nonce_used":
                watch.lost += 1
            answer = None
        watch.unsettled.popleft()
    return answer


def _folds(db: Session, project_id: int) -> bool:
    """True when attendance takes passages ``AGAIN`` apart for one, whichever of the project's rules is in force."""
    return all(scoped.policy.fold >= 2 * AGAIN for scoped in timekeeping.policies(db, project_id))
