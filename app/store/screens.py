"""Screens that stand at a gate, and who was let in or out by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.domain.facts import Channel, Direction
from app.store import append
from app.tables import GateScreen, ManualPassage

# --- screens -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScreenInfo:
    """A screen (闸机屏); neither its code nor its key."""

    id: int
    project_id: int
    gate_id: int | None
    """None: the wall of the project."""
    name: str
    code_until: datetime
    opened_at: datetime | None
    seen_at: datetime | None
    made_by: str
    made_at: datetime
    revoked_by: str | None
    revoked_at: datetime | None


_T = GateScreen.__table__.c
_SCREEN = select(*(_T[name] for name in ScreenInfo.__slots__))
_BY_KEY = _SCREEN.where(_T.key_sha256 == bindparam("key"), _T.revoked_at.is_(None))


def add_screen(db: Session, **values: Any) -> int:
    """Add a screen that nobody has opened yet; return its id."""
    return append(db, GateScreen.__table__, **values)


def screens(db: Session, project_id: int) -> list[ScreenInfo]:
    """Return the screens of a project that were not taken back, oldest first."""
    return [ScreenInfo(*row) for row in db.execute(_SCREEN.where(_T.project_id == project_id, _T.revoked_at.is_(None)).order_by(_T.id))]


def screen(db: Session, project_id: int, screen_id: int) -> ScreenInfo | None:
    """Return one screen of a project."""
    row = db.execute(_SCREEN.where(_T.project_id == project_id, _T.id == screen_id)).first()
    return None if row is None else ScreenInfo(*row)


def screen_by_key(db: Session, key_sha256: str) -> ScreenInfo | None:
    """Return the screen that holds a key, unless it was taken back."""
    row = db.execute(_BY_KEY, {"key": key_sha256}).first()
    return None if row is None else ScreenInfo(*row)


def use_code(db: Session, code_sha256: str, key_sha256: str, now: datetime) -> ScreenInfo | None:
    """Use a code up and give its screen a key; None when there is no such code, or it was used, is over or taken back."""
    table = GateScreen.__table__
    changed = db.execute(
        update(table)
        .where(_T.code_sha256 == code_sha256, _T.key_sha256.is_(None), _T.code_until > now, _T.revoked_at.is_(None))
        .values(key_sha256=key_sha256, opened_at=now, seen_at=now)
    )
    return screen_by_key(db, key_sha256) if changed.rowcount == 1 else None


def revoke(db: Session, screen_id: int, by: str, now: datetime) -> bool:
    """Take a screen back; False when somebody has."""
    done = update(GateScreen.__table__).where(_T.id == screen_id, _T.revoked_at.is_(None)).values(revoked_by=by, revoked_at=now)
    return db.execute(done).rowcount == 1


def seen(db: Session, screen_id: int, now: datetime) -> None:
    """Note that a screen has connected."""
    db.execute(update(GateScreen.__table__).where(_T.id == screen_id).values(seen_at=now))


# --- let in by hand ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ManualInfo:
    """Somebody who was let in or out by hand (人工放行)."""

    id: int
    project_id: int
    gate_id: int
    worker_id: int
    direction: Direction
    channel: Channel
    reason: str
    note: str
    at: datetime
    correction_id: int
    let_by: str


_M = ManualPassage.__table__.c
_MANUAL = select(*(_M[name] for name in ManualInfo.__slots__))


def add_manual(db: Session, **values: Any) -> int:
    """Append that somebody was let in or out by hand; return the id."""
    return append(db, ManualPassage.__table__, **values)


def manual(db: Session, project_id: int, since: datetime, worker_id: int | None = None) -> Sequence[ManualInfo]:
    """Return who was let in or out by hand since an instant, newest first."""
    wanted = _MANUAL.where(_M.project_id == project_id, _M.at >= since)
    if worker_id is not None:
        wanted = wanted.where(_M.worker_id == worker_id)
    return [_manual(row) for row in db.execute(wanted.order_by(_M.at.desc(), _M.id.desc()))]


def _manual(row: Any) -> ManualInfo:
    values = dict(row._mapping)
    return ManualInfo(**values | {"direction": Direction(values["direction"]), "channel": Channel(values["channel"])})
