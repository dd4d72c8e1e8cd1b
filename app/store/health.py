"""How the devices of a project are: what each sent of late, what it keeps, and whether its numbers and its clock are sound."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.domain.events import Missing, clock_error, missing, takes_pictures
from app.domain.facts import Channel
from app.domain.pairing import BY_ITS_FACE, SHOW_FACE
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
    """How far its clock is ahead of ours; negative: at most so far behind."""
    complete_to: datetime | None
    """Everything until then has been delivered, as it says itself."""
    stored: int | None
    """Events it says it still keeps."""
    created_at: datetime


def of_devices(db: Session, project_id: int, since: datetime) -> dict[str, DeviceHealth]:
    """Return device id -> how it is, by what it sent since an instant."""
    row = PassageRow.__table__.c
    said = PassageReview.__table__.c
    wanted = (
        select(
            row.device_id, row.event_key, row.channel, row.verdict, row.code, row.captured_at, row.received_at, said.confirmed,
            said.decided_by,
        )
        .outerjoin(PassageReview.__table__, said.passage_id == row.id)
        .where(row.project_id == project_id, row.occurred_at >= since)
    )  # fmt: skip
    keys: dict[str, list[str]] = defaultdict(list)
    channels: dict[str, set[str]] = defaultdict(set)
    admitted: dict[str, int] = defaultdict(int)
    refused: dict[str, int] = defaultdict(int)
    clocks: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    rows = db.execute(wanted, execution_options={"yield_per": 2000})
    for device_id, key, channel, verdict, code, captured_at, received_at, confirmed, by in rows:
        keys[device_id].append(key)
        channels[device_id].add(channel)
        if verdict == "ask":
            # The face that answered a card is a passage of its own, and that one is counted.
            admitted[device_id] += confirmed is True and not (code == SHOW_FACE and by == BY_ITS_FACE)
            refused[device_id] += confirmed is False
        else:
            admitted[device_id] += verdict == "admit"
            refused[device_id] += verdict == "refuse"
        if captured_at is not None:
            clocks[device_id].append((captured_at, received_at))
    held = select(Device.id, Device.complete_to, Device.stored_events, Device.created_at).where(Device.project_id == project_id)
    return {
        device_id: DeviceHealth(
            len(keys[device_id]), admitted[device_id], refused[device_id], _missing(db, device_id, keys[device_id], channels[device_id]),
            clock_error(clocks[device_id]), complete_to, stored, created_at,
        )
        for device_id, complete_to, stored, created_at in db.execute(held)
    }  # fmt: skip


def _missing(db: Session, device_id: str, keys: list[str], channels: set[str]) -> Missing | None:
    if not keys or takes_pictures(channels):
        return None
    found = missing(keys)
    # Its first passages of a day may all be cards: a gate that has recorded a face at any time numbers pictures.
    row = PassageRow.__table__.c
    if found.events and db.execute(select(exists().where(row.device_id == device_id, row.channel == str(Channel.FACE)))).scalar():
        return None
    return found
