"""Cameras that are pulled: their addresses, sealed, and what is looked at."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.tables import Camera, Device


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera as it is kept."""

    device_id: str
    project_id: int
    address_sealed: bytes = field(repr=False)
    shown: str
    region: tuple[float, float, float, float] | None
    frames_per_second: float
    changed_at: datetime


_CAMERA = select(
    Camera.id, Device.project_id, Camera.address_sealed, Camera.shown, Camera.region, Camera.frames_per_second, Camera.changed_at
).join(Device, Device.id == Camera.id)  # fmt: skip


def _camera(row) -> CameraInfo:
    return CameraInfo(*row[:4], None if row[4] is None else tuple(row[4]), *row[5:])


def add(
    db: Session, *, device_id: str, address_sealed: bytes, shown: str, region: tuple[float, ...] | None,
    frames_per_second: float, now: datetime,
) -> None:  # fmt: skip
    """Add the camera of a device that was just added."""
    db.execute(
        insert(Camera.__table__).values(
            id=device_id, address_sealed=address_sealed, shown=shown, region=None if region is None else list(region),
            frames_per_second=frames_per_second, changed_at=now,
        )
    )  # fmt: skip


def camera(db: Session, project_id: int | None, device_id: str) -> CameraInfo:
    """Return a camera.

    Args:
        project_id: whose it must be; None for any project's.

    Raises:
        NotFound: ``camera_unknown``.
    """
    asked = _CAMERA.where(Camera.id == device_id)
    row = db.execute(asked if project_id is None else asked.where(Device.project_id == project_id)).first()
    if row is None:
        raise NotFound("camera_unknown")
    return _camera(row)


def change(db: Session, device_id: str, *, now: datetime, **values: object) -> None:
    """Change some of a camera's columns."""
    db.execute(update(Camera.__table__).where(Camera.id == device_id).values(**values, changed_at=now))


def remove(db: Session, device_id: str) -> None:
    """Forget a camera's address; its device stays, and what it recorded."""
    db.execute(delete(Camera.__table__).where(Camera.id == device_id))


def cameras(db: Session, project_id: int) -> list[CameraInfo]:
    """Return the cameras of a project."""
    return [_camera(row) for row in db.execute(_CAMERA.where(Device.project_id == project_id).order_by(Camera.id))]


def count(db: Session) -> int:
    """Return how many cameras the service has."""
    return db.execute(select(func.count()).select_from(Camera.__table__)).scalar_one()


def pulled(db: Session) -> list[CameraInfo]:
    """Return every camera of the service whose device is not switched off."""
    return [_camera(row) for row in db.execute(_CAMERA.where(Device.disabled_at.is_(None)).order_by(Camera.id))]
