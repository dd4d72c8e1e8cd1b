"""How the devices of a project are: what each sent of late, what it keeps, and whether its numbers and its clock are sound."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, select
from sqlalchemy.orm import Session

from app.domain.events import Missing, missing, takes_pictures
from app.domain.facts import Channel
from app.domain.pairing import BY_ITS_FACE, SHOW_FACE
from app.store.functions import BY_TIME, seconds_between
from app.store.kept import kept
from app.tables import Device, PassageReview, PassageRow


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """One device, of late."""

    passages: int
    """Recorded, whatever became of them."""
    admitted: int
    """People who did pass: admitted, or asked about and let in by a person. A card whose face then came is once."""
    refused: int
    """By the gate, or by the person it asked."""
    missing: Missing | None
    """Numbers without a record; None of a device that takes pictures, or sent nothing: there nobody can know."""
    clock: timedelta | None
    """How far its clock is ahead of ours; negative: at most so far behind. None without any event.

    The event that came fastest says it best: the clock is ahead by at least so much, or behind by at most so much, since
    being on the way also makes an event look old.
    """
    last_at: datetime | None
    """When its last passage was; None without one."""
    complete_to: datetime | None
    """Everything until then has been delivered, as it says itself."""
    stored: int | None
    """Events it says it still keeps."""
    created_at: datetime


_ROW, _SAID = PassageRow.__table__.c, PassageReview.__table__.c
_LATE = (_ROW.project_id == bindparam("project_id"), _ROW.occurred_at >= bindparam("since"))
# Counted where they lie: a day of a thousand workers is thousands of passages, and a dozen rows of this. By this index: to have
# them in the order of their devices SQLite would rather walk along all passages there ever were.
_FIGURES = (
    select(
        _ROW.device_id, _ROW.channel, _ROW.verdict, _SAID.confirmed,
        and_(_ROW.code == SHOW_FACE, _SAID.decided_by == BY_ITS_FACE).label("by_its_face"), func.count(),
        func.max(seconds_between(_ROW.captured_at, _ROW.received_at)), func.max(_ROW.occurred_at),
    )
    .outerjoin(PassageReview.__table__, _SAID.passage_id == _ROW.id)
    .where(*_LATE)
    .group_by(_ROW.device_id, _ROW.channel, _ROW.verdict, _SAID.confirmed, "by_its_face")
    .with_hint(PassageRow.__table__, BY_TIME, "sqlite")
)  # fmt: skip
_KEYS = (
    select(_ROW.device_id, _ROW.event_key)
    .where(*_LATE, _ROW.device_id.in_(bindparam("devices", expanding=True)))
    .with_hint(PassageRow.__table__, BY_TIME, "sqlite")
)


def of_devices(db: Session, project_id: int, since: datetime, now: datetime | None = None) -> dict[str, DeviceHealth]:
    """Return device id -> how it is, by what it sent since an instant.

    Args:
        now: given, what was counted is kept until anybody passes, for an instant that stays the same all day.
    """
    values = {"project_id": project_id, "since": since}
    channels: dict[str, set[str]] = defaultdict(set)
    passages: dict[str, int] = defaultdict(int)
    admitted: dict[str, int] = defaultdict(int)
    refused: dict[str, int] = defaultdict(int)
    clocks: dict[str, float] = {}
    last: dict[str, datetime] = {}
    def ask() -> list[tuple[Any, ...]]:
        return [tuple(row) for row in db.execute(_FIGURES, values)]

    figures = ask() if now is None else kept(db, project_id, ("devices", since), ask, at=now, any_passage=True)
    for device_id, channel, verdict, confirmed, by_its_face, count, ahead_s, last_at in figures:
        channels[device_id].add(channel)
        passages[device_id] += count
        last[device_id] = max(last_at, last.get(device_id, last_at))
        if verdict == "ask":
            # The face that answered a card is a passage of its own, and that one is counted.
            admitted[device_id] += count if confirmed is True and not by_its_face else 0
            refused[device_id] += count if confirmed is False else 0
        else:
            admitted[device_id] += count if verdict == "admit" else 0
            refused[device_id] += count if verdict == "refuse" else 0
        if ahead_s is not None:
            clocks[device_id] = max(ahead_s, clocks.get(device_id, ahead_s))
    # Numbers say something of devices that take no pictures, and those are few.
    keys: dict[str, list[str]] = defaultdict(list)
    if readers := [device_id for device_id, seen in channels.items() if not takes_pictures(seen)]:
        for device_id, key in db.execute(_KEYS, {**values, "devices": readers}):
            keys[device_id].append(key)
    held = select(Device.id, Device.complete_to, Device.stored_events, Device.created_at).where(Device.project_id == project_id)
    return {
        device_id: DeviceHealth(
            passages[device_id], admitted[device_id], refused[device_id], _missing(db, device_id, keys[device_id]),
            timedelta(seconds=clocks[device_id]) if device_id in clocks else None, last.get(device_id), complete_to, stored, created_at,
        )
        for device_id, complete_to, stored, created_at in db.execute(held)
    }  # fmt: skip


def _missing(db: Session, device_id: str, keys: list[str]) -> Missing | None:
    if not keys:
        return None
    found = missing(keys)
    # Its first passages of a day may all be cards: a gate that has recorded a face at any time numbers pictures.
    faces = exists().where(_ROW.device_id == device_id, _ROW.channel == str(Channel.FACE))
    if found.events and db.execute(select(faces)).scalar():
        return None
    return found
