"""How strictly the gates of a project decide, and what their decisions looked like."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store import once
from app.tables import DecisionPolicy, Gate

_POLICY = DecisionPolicy.__table__


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """What a project says otherwise than the service; None where it says nothing."""

    stranger_max: float | None = None
    votes_min: int | None = None
    track_seconds: float | None = None
    liveness: str | None = None
    replay: str | None = None


_COLUMNS = [_POLICY.c[name] for name in PolicyRow.__slots__]


def policy(db: Session, project_id: int) -> PolicyRow:
    """Return what a project says about its decisions."""
    row = once(
        db, ("decision_policy", project_id),
        lambda: db.execute(select(*_COLUMNS).where(_POLICY.c.project_id == project_id)).first(),
    )
    return PolicyRow() if row is None else PolicyRow(*row)


def set_policy(db: Session, project_id: int, said: PolicyRow) -> None:
    """Write what a project says; the journal keeps what it said before."""
    values = asdict(said)
    changed = db.execute(update(_POLICY).where(_POLICY.c.project_id == project_id).values(**values))
    if changed.rowcount == 0:
        db.execute(insert(_POLICY).values(project_id=project_id, **values))


def enforcing(db: Session, what: str) -> list[int]:
    """Projects that enforce ``liveness`` or ``replay`` by their own word."""
    return list(db.execute(select(_POLICY.c.project_id).where(_POLICY.c[what] == "enforce")).scalars())


def set_face_px_min(db: Session, project_id: int, gate_id: int, face_px_min: int | None) -> None:
    """Say how large a face must be at a gate; None: as the pack has it.

    Raises:
        NotFound: ``gate_unknown`` on this project.
    """
    done = db.execute(
        update(Gate.__table__).where(Gate.id == gate_id, Gate.project_id == project_id).values(face_px_min=face_px_min)
    )
    if done.rowcount != 1:
        raise NotFound("gate_unknown")


def face_px_mins(db: Session, project_id: int) -> dict[int, int | None]:
    """Gate id -> least face, of every gate of a project."""
    rows: Any = db.execute(select(Gate.id, Gate.face_px_min).where(Gate.project_id == project_id).order_by(Gate.id))
    return dict(rows.tuples().all())
