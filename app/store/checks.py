"""Comparisons of a live photograph with the identity card's (人证核验), and who vouched where one failed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store import append, insert_or_leave
from app.tables import IdentityCheck, IdentityOverride


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """One comparison, and whether somebody vouched."""

    id: int
    project_id: int
    worker_id: int
    outcome: str
    """same or different."""
    similarity: float
    similarity_min: float
    far: float | None
    contract_id: str
    live_sha256: str
    made_by: str
    made_at: datetime
    overridden_by: str | None
    override_reason: str | None
    overridden_at: datetime | None

    @property
    def stands(self) -> bool:
        """It was him, or somebody vouches for it."""
        return self.outcome == "same" or self.overridden_by is not None


def _checks() -> Select[Any]:
    own = [IdentityCheck.__table__.c[name] for name in CheckInfo.__slots__ if not name.startswith("over")]
    return select(*own, IdentityOverride.decided_by, IdentityOverride.reason, IdentityOverride.decided_at).outerjoin(
        IdentityOverride, IdentityOverride.check_id == IdentityCheck.id
    )


def add_check(
    db: Session, *, project_id: int, worker_id: int, outcome: str, similarity: float, similarity_min: float,
    far: float | None, contract_id: str, live_sha256: str, portrait_index: str, by: str, now: datetime,
) -> int:
    """Append a comparison; return its id."""
    return append(
        db, IdentityCheck.__table__, project_id=project_id, worker_id=worker_id, outcome=outcome,
        similarity=float(similarity), similarity_min=float(similarity_min), far=far, contract_id=contract_id,
        live_sha256=live_sha256, portrait_index=portrait_index, made_by=by, made_at=now,
    )  # fmt: skip


def add_override(db: Session, *, check_id: int, reason: str, by: str, now: datetime) -> bool:
    """Append that somebody vouches; False when somebody has."""
    return insert_or_leave(db, IdentityOverride.__table__, check_id=check_id, reason=reason, decided_by=by, decided_at=now)


def check(db: Session, project_id: int, check_id: int) -> CheckInfo:
    """Return a comparison of a project.

    Raises:
        NotFound: ``identity_check_unknown``.
    """
    row = db.execute(_checks().where(IdentityCheck.id == check_id, IdentityCheck.project_id == project_id)).first()
    if row is None:
        raise NotFound("identity_check_unknown")
    return CheckInfo(*row)


def of_worker(db: Session, project_id: int, worker_id: int, check_id: int) -> CheckInfo | None:
    """Return one comparison of a worker."""
    wanted = _checks().where(
        IdentityCheck.id == check_id, IdentityCheck.project_id == project_id, IdentityCheck.worker_id == worker_id
    )
    row = db.execute(wanted).first()
    return None if row is None else CheckInfo(*row)


def latest(db: Session, project_id: int, worker_id: int) -> CheckInfo | None:
    """Return a worker's latest comparison on a project."""
    wanted = _checks().where(IdentityCheck.project_id == project_id, IdentityCheck.worker_id == worker_id)
    row = db.execute(wanted.order_by(IdentityCheck.id.desc()).limit(1)).first()
    return None if row is None else CheckInfo(*row)


def all_of(db: Session, project_id: int, worker_id: int) -> list[CheckInfo]:
    """Return a worker's comparisons on a project, newest first."""
    wanted = _checks().where(IdentityCheck.project_id == project_id, IdentityCheck.worker_id == worker_id)
    return [CheckInfo(*row) for row in db.execute(wanted.order_by(IdentityCheck.id.desc()))]
