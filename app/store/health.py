"""How the devices of a project are: what each sent of late, what it keeps, and whether its numbers and its clock are sound."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.events import Missing, clock_error, missing
from app.tables import Device, PassageRow


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """One device, of late."""

    passages: int
    refused: int
    missing: Missing
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
    wanted = select(row.device_id, row.event_key, row.verdict, row.captured_at, row.received_at).where(
        row.project_id == project_id, row.occurred_at >= since
    )
    keys: dict[str, list[str]] = defaultdict(list)
    refused: dict[str, int] = defaultdict(int)
    clocks: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for device_id, key, verdict, captured_at, received_at in db.execute(wanted, execution_options={"yield_per": 2000}):
        keys[device_id].append(key)
        refused[device_id] += verdict == "refuse"
        if captured_at is not None:
            clocks[device_id].append((captured_at, received_at))
    held = select(Device.id, Device.complete_to, Device.stored_events, Device.created_at).where(Device.project_id == project_id)
    return {
        device_id: DeviceHealth(
            len(keys[device_id]), refused[device_id], missing(keys[device_id]), clock_error(clocks[device_id]), complete_to, stored,
            created_at,
        )
        for device_id, complete_to, stored, created_at in db.execute(held)
    }  # fmt: skip
