"""A change of the model pack: its acts, whose templates are of which contract, and who must come again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session, aliased

from app.store import append, insert_or_leave
from app.tables import Consent, FacePhoto, FaceTemplate, PackChange, PackChangeAct, PackChangeFault

_LOCK = 0x7061636B
"""Of PostgreSQL's advisory locks: "pack"."""


@dataclass(frozen=True, slots=True)
class ChangeInfo:
    """A change of pack and what was done about it last."""

    id: int
    from_contract_id: str
    from_pack_id: str
    to_contract_id: str
    to_pack_id: str
    started_by: str
    started_at: datetime
    act: str | None
    """switched, rolled_back, finished or abandoned; None while it is only prepared."""
    holds_from: datetime | None
    """Of a switch: the moment that was chosen."""

    @property
    def open(self) -> bool:
        """Templates of both contracts are kept."""
        return self.act not in ("finished", "abandoned")

    def switched(self, now: datetime) -> bool:
        """Gates use the new pack at this instant."""
        return self.act == "switched" and self.holds_from is not None and self.holds_from <= now


_CHANGE = [PackChange.__table__.c[name] for name in ChangeInfo.__slots__ if name not in ("act", "holds_from")]


def lock(db: Session) -> None:
    """Let one transaction at a time take a step of a change. SQLite has one writer anyway."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def latest(db: Session) -> ChangeInfo | None:
    """Return the newest change, open or over."""
    last = (
        select(func.max(PackChangeAct.id))
        .where(PackChangeAct.change_id == PackChange.id)
        .correlate(PackChange)
        .scalar_subquery()
    )
    row = db.execute(
        select(*_CHANGE, PackChangeAct.act, PackChangeAct.holds_from)
        .outerjoin(PackChangeAct, PackChangeAct.id == last)
        .order_by(PackChange.id.desc())
        .limit(1)
    ).first()
    return None if row is None else ChangeInfo(*row)


def start(db: Session, **values: Any) -> int:
    """Append a change of pack; return its id."""
    return append(db, PackChange.__table__, **values)


def act(db: Session, change_id: int, name: str, *, holds_from: datetime, by: str, now: datetime) -> None:
    """Append what was done about a change."""
    append(db, PackChangeAct.__table__, change_id=change_id, act=name, holds_from=holds_from, done_by=by, done_at=now)


def fault(db: Session, change_id: int, template_id: int, code: str, now: datetime) -> None:
    """Note that a template's kept photographs are of no use to the new pack."""
    insert_or_leave(db, PackChangeFault.__table__, change_id=change_id, template_id=template_id, code=code, found_at=now)


@dataclass(frozen=True, slots=True)
class Behind:
    """A worker with a template of the old contract only."""

    template_id: int
    project_id: int
    worker_id: int
    consent_id: int
    photographs: int
    """Kept ones of this template."""
    fault: str | None

    @property
    def must_come(self) -> bool:
        """Nothing is left to work out: he has to be photographed again."""
        return self.fault is not None or self.photographs == 0


def _behind(change: ChangeInfo) -> Select[Any]:
    new = aliased(FaceTemplate)
    later = aliased(Consent)
    has_new = exists().where(
        new.project_id == FaceTemplate.project_id, new.worker_id == FaceTemplate.worker_id,
        new.contract_id == change.to_contract_id, new.erased_at.is_(None),
    )  # fmt: skip
    withdrawn = exists().where(
        Consent.worker_id == FaceTemplate.worker_id, Consent.project_id == FaceTemplate.project_id, Consent.act == "withdraw",
        ~exists().where(later.worker_id == Consent.worker_id, later.project_id == Consent.project_id, later.id > Consent.id),
    )  # fmt: skip
    photographs = (
        select(func.count(FacePhoto.id))
        .where(FacePhoto.template_id == FaceTemplate.id, FacePhoto.erased_at.is_(None))
        .scalar_subquery()
    )
    return (
        select(
            FaceTemplate.id, FaceTemplate.project_id, FaceTemplate.worker_id, FaceTemplate.consent_id, photographs,
            PackChangeFault.code,
        )
        .outerjoin(
            PackChangeFault, and_(PackChangeFault.template_id == FaceTemplate.id, PackChangeFault.change_id == change.id)
        )
        .where(
            FaceTemplate.contract_id == change.from_contract_id, FaceTemplate.erased_at.is_(None), ~has_new, ~withdrawn
        )
        .order_by(FaceTemplate.id)
    )  # fmt: skip


def behind(db: Session, change: ChangeInfo, project_id: int | None = None) -> list[Behind]:
    """Return who has no template of the new contract yet, of one project or all."""
    wanted = _behind(change)
    if project_id is not None:
        wanted = wanted.where(FaceTemplate.project_id == project_id)
    return [Behind(*row) for row in db.execute(wanted)]


def next_behind(db: Session, change: ChangeInfo, after: int, limit: int) -> list[Behind]:
    """Return the next templates that can be worked out from kept photographs, by id."""
    photographs = exists().where(FacePhoto.template_id == FaceTemplate.id, FacePhoto.erased_at.is_(None))
    wanted = _behind(change).where(FaceTemplate.id > after, PackChangeFault.code.is_(None), photographs).limit(limit)
    return [Behind(*row) for row in db.execute(wanted)]


def still_behind(db: Session, change: ChangeInfo, template_id: int) -> Behind | None:
    """Look once more, under the project's lock."""
    row = db.execute(_behind(change).where(FaceTemplate.id == template_id)).first()
    return None if row is None else Behind(*row)


def photographs(db: Session, template_id: int) -> list[bytes]:
    """Return the sealed kept photographs of a template."""
    rows = db.execute(
        select(FacePhoto.photo_sealed)
        .where(FacePhoto.template_id == template_id, FacePhoto.erased_at.is_(None), FacePhoto.photo_sealed.is_not(None))
        .order_by(FacePhoto.id)
    )
    return [bytes(sealed) for (sealed,) in rows]


def kept_photographs(db: Session, project_id: int, limit: int) -> list[tuple[int, bytes]]:
    """Return (worker id, sealed photograph) of live templates of a project, newest first, ``limit`` at most."""
    rows = db.execute(
        select(FaceTemplate.worker_id, FacePhoto.photo_sealed)
        .join(FacePhoto, FacePhoto.template_id == FaceTemplate.id)
        .where(
            FaceTemplate.project_id == project_id, FaceTemplate.erased_at.is_(None), FacePhoto.erased_at.is_(None),
            FacePhoto.photo_sealed.is_not(None),
        )
        .order_by(FacePhoto.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [(worker_id, bytes(sealed)) for worker_id, sealed in rows]


def counts(db: Session, contract_id: str) -> dict[int, int]:
    """Project id -> workers with a live template of a contract."""
    rows = db.execute(
        select(FaceTemplate.project_id, func.count(FaceTemplate.worker_id.distinct()))
        .where(FaceTemplate.contract_id == contract_id, FaceTemplate.erased_at.is_(None))
        .group_by(FaceTemplate.project_id)
    )
    return {row[0]: row[1] for row in rows}


def to_clear(db: Session, gone_contract_id: str, limit: int) -> list[tuple[int, int, int]]:
    """(template id, project id, worker id) of the next live templates of a contract that is given up."""
    rows = db.execute(
        select(FaceTemplate.id, FaceTemplate.project_id, FaceTemplate.worker_id)
        .where(FaceTemplate.contract_id == gone_contract_id, FaceTemplate.erased_at.is_(None))
        .order_by(FaceTemplate.id)
        .limit(limit)
    )
    return [tuple(row) for row in rows]


def clear(db: Session, template_id: int, kept_contract_id: str, reason: str, now: datetime) -> None:
    """Erase one template; its photographs go on with the same worker's template of the contract that stays, if he has one."""
    kept = aliased(FaceTemplate)
    heir = db.execute(
        select(kept.id)
        .join(FaceTemplate, and_(kept.project_id == FaceTemplate.project_id, kept.worker_id == FaceTemplate.worker_id))
        .where(FaceTemplate.id == template_id, kept.contract_id == kept_contract_id, kept.erased_at.is_(None))
        .order_by(kept.id.desc())
        .limit(1)
    ).scalar()
    if heir is not None:
        # A photograph belongs to project and worker: the ciphertext opens in its new row as in the old one.
        moved = ("worker_id", "photo_sealed", "sha256", "created_at")
        mine = select(literal(heir), *(FacePhoto.__table__.c[name] for name in moved)).where(
            FacePhoto.template_id == template_id, FacePhoto.erased_at.is_(None)
        )
        db.execute(insert(FacePhoto.__table__).from_select(["template_id", *moved], mine))
    db.execute(
        update(FacePhoto.__table__)
        .where(FacePhoto.template_id == template_id, FacePhoto.erased_at.is_(None))
        .values(photo_sealed=None, erased_at=now)
    )
    db.execute(
        update(FaceTemplate.__table__)
        .where(FaceTemplate.id == template_id)
        .values(template_sealed=None, erased_at=now, erased_reason=reason)
    )


def workers_of(db: Session, project_id: int, contract_ids: Collection[str]) -> set[int]:
    """Workers of a project with a live template of one of the contracts."""
    rows = db.execute(
        select(FaceTemplate.worker_id).where(
            FaceTemplate.project_id == project_id, FaceTemplate.contract_id.in_(contract_ids), FaceTemplate.erased_at.is_(None)
        )
    )
    return set(rows.scalars())
