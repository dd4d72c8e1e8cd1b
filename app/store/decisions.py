"""How strictly the gates of a project decide, and what their decisions looked like."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store import once
from app.tables import DecisionPolicy, Gate, PassageRow

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
_OF_PROJECT = select(*_COLUMNS).where(_POLICY.c.project_id == bindparam("project_id"))


def policy(db: Session, project_id: int) -> PolicyRow:
    """Return what a project says about its decisions."""
    row = once(
        db, ("decision_policy", project_id),
        lambda: db.execute(_OF_PROJECT, {"project_id": project_id}).first(),
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


def set_search(db: Session, project_id: int, gate_id: int, region: list[float] | None, side: int | None) -> None:
    """Say where in its frames a gate looks for faces, and how finely; None: everywhere, as the pack does.

    Raises:
        NotFound: ``gate_unknown`` on this project.
    """
    done = db.execute(
        update(Gate.__table__)
        .where(Gate.id == gate_id, Gate.project_id == project_id)
        .values(search_region=region, search_side=side)
    )
    if done.rowcount != 1:
        raise NotFound("gate_unknown")


def measured(
    db: Session, project_id: int, from_at: datetime, to_at: datetime
) -> Iterator[tuple[int, str, float | None, float | None, dict[str, Any] | None]]:
    """Yield (gate id, code, similarity, liveness, basis) of the face passages of a project in [from_at, to_at). Streams."""
    row = PassageRow.__table__.c
    wanted = select(row.gate_id, row.code, row.similarity, row.liveness, row.basis).where(
        row.project_id == project_id, row.occurred_at >= from_at, row.occurred_at < to_at, row.channel == "face"
    )
    for found in db.execute(wanted, execution_options={"yield_per": 2000}):
        yield tuple(found)
