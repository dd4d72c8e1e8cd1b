"""How strictly the gates of a project decide, and what their decisions looked like."""

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store import once
from app.store.functions import BY_TIME, whole_part
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


@dataclass(frozen=True, slots=True)
class Measured:
    """Face passages of a gate that were alike in everything below."""

    gate_id: int
    code: str
    similarity: int | None
    """In steps of a histogram from 0 to 1; below 0 of what is unlike."""
    liveness: int | None
    """Likewise."""
    liveness_state: str | None
    """What the liveness model said; None when it was not asked."""
    liveness_model: str | None
    repeated: bool
    """A picture that was seen before."""
    count: int


@cache
def _measured(steps: int) -> Select[Any]:
    row = PassageRow.__table__.c
    seen_before = or_(*(row.basis[name].as_string().is_not(None) for name in ("same_picture_as", "picture_like_that_of")))
    of = {
        "similarity": whole_part(row.similarity * steps), "liveness": whole_part(row.liveness * steps),
        "state": row.basis["liveness"]["state"].as_string(), "model": row.basis["liveness"]["model"].as_string(), "repeated": seen_before,
    }  # fmt: skip
    labelled = [value.label(f"of_{name}") for name, value in of.items()]
    return (
        select(row.gate_id, row.code, *labelled, func.count())
        .where(
            row.project_id == bindparam("project_id"), row.occurred_at >= bindparam("from_at"), row.occurred_at < bindparam("to_at"),
            row.channel == "face",
        )
        # By name: PostgreSQL takes two expressions with parameters for different ones.
        .group_by(row.gate_id, row.code, *(f"of_{name}" for name in of))
        .with_hint(PassageRow.__table__, BY_TIME, "sqlite")
    )  # fmt: skip


def measured(db: Session, project_id: int, from_at: datetime, to_at: datetime, steps: int) -> list[Measured]:
    """Count the face passages of a project in [from_at, to_at).

    Args:
        steps: of the histograms.
    """
    values = {"project_id": project_id, "from_at": from_at, "to_at": to_at}
    rows = db.execute(_measured(steps), values)
    return [Measured(*of, bool(repeated), count) for *of, repeated, count in rows]
