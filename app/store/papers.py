"""What papers and enrolment ask beside ``store.people``: who holds which card, and whose face is kept."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.orm import Session

from app.tables import Consent, Credential, Engagement, FacePhoto, FaceTemplate


@dataclass(frozen=True, slots=True)
class CredentialInfo:
    """A card or code; its value is not stored."""

    id: int
    worker_id: int
    project_id: int
    channel: str
    issued_at: datetime
    revoked_at: datetime | None


def _credentials() -> Select[Any]:
    return select(*(Credential.__table__.c[name] for name in CredentialInfo.__slots__))


def credential(db: Session, credential_id: int) -> CredentialInfo | None:
    """Return a credential, live or revoked."""
    row = db.execute(_credentials().where(Credential.id == credential_id)).first()
    return None if row is None else CredentialInfo(*row)


def live_credentials(db: Session, project_id: int, worker_id: int) -> list[CredentialInfo]:
    """Return what a worker can come in with on a project, oldest first."""
    rows = db.execute(_live_of_worker(), {"project_id": project_id, "worker_id": worker_id})
    return [CredentialInfo(*row) for row in rows]


@cache
def _live_of_worker() -> Select[Any]:
    return (
        _credentials()
        .where(
            Credential.project_id == bindparam("project_id"),
            Credential.worker_id == bindparam("worker_id"),
            Credential.revoked_at.is_(None),
        )
        .order_by(Credential.id)
    )


def live_credential(db: Session, project_id: int, channel: str, value_index: str) -> CredentialInfo | None:
    """Return the live card or code with this blind index on a project."""
    row = db.execute(
        _credentials().where(
            Credential.project_id == project_id,
            Credential.channel == channel,
            Credential.value_index == value_index,
            Credential.revoked_at.is_(None),
        )
    ).first()
    return None if row is None else CredentialInfo(*row)


def erase_photos(db: Session, project_id: int, worker_id: int, now: datetime) -> int:
    """Erase a worker's kept photographs on a project and leave his template; return how many."""
    of_project = select(FaceTemplate.id).where(
        FaceTemplate.project_id == project_id, FaceTemplate.worker_id == worker_id
    )
    return db.execute(
        update(FacePhoto.__table__)
        .where(FacePhoto.template_id.in_(of_project), FacePhoto.erased_at.is_(None))
        .values(photo_sealed=None, erased_at=now)
    ).rowcount


@dataclass(frozen=True, slots=True)
class FaceKept:
    """A worker of whose face something is kept on a project, and what says whether it may be."""

    worker_id: int
    exit_on: date | None
    """First day he no longer belonged to the project; None while he does."""
    consent_given: bool
    """His latest word stands."""
    scope: tuple[str, ...]
    """Of his latest word."""


def faces_kept(db: Session, project_id: int, among: Collection[int] | None = None) -> list[FaceKept]:
    """Return every worker with a template or photograph that is not erased, or those of ``among``."""
    of_project = FaceTemplate.project_id == project_id
    templates = select(FaceTemplate.worker_id).where(of_project, FaceTemplate.erased_at.is_(None))
    photographs = (
        select(FaceTemplate.worker_id)
        .join(FacePhoto, FacePhoto.template_id == FaceTemplate.id)
        .where(of_project, FacePhoto.erased_at.is_(None))
    )
    face = templates.union(photographs).subquery()
    engaged = (
        select(
            Engagement.worker_id,
            func.count(Engagement.id).label("times"),
            func.count(Engagement.exit_on).label("exits"),
            func.max(Engagement.exit_on).label("exit_on"),
        )
        .where(Engagement.project_id == project_id)
        .group_by(Engagement.worker_id)
        .subquery()
    )
    latest = (
        select(func.max(Consent.id)).where(Consent.project_id == project_id).group_by(Consent.worker_id)
    )
    wanted = (
        select(face.c.worker_id, engaged.c.times, engaged.c.exits, engaged.c.exit_on, Consent.act, Consent.scope)
        .select_from(face)
        # A template has its consent and its engagement: neither is ever deleted.
        .join(engaged, engaged.c.worker_id == face.c.worker_id)
        .join(Consent, Consent.worker_id == face.c.worker_id)
        .where(Consent.id.in_(latest))
        .order_by(face.c.worker_id)
    )
    if among is not None:
        wanted = wanted.where(face.c.worker_id.in_(among))
    return [
        FaceKept(r.worker_id, r.exit_on if r.exits == r.times else None, r.act == "give", tuple(r.scope))
        for r in db.execute(wanted)
    ]


def faces_enrolled(db: Session) -> int:
    """Return how many people have a template that is not erased, on whatever projects."""
    living = select(func.count(FaceTemplate.worker_id.distinct())).where(FaceTemplate.erased_at.is_(None))
    return db.execute(living).scalar_one()
