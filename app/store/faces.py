"""Faces beside the gate's answer: rules of a project, pictures for review, what people said, who should enrol again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.review import Advice, Seen
from app.errors import NotFound
from app.store import append
from app.tables import (
    FaceAdvice,
    FaceMatch,
    FacePhoto,
    FacePolicyRow,
    FaceTemplate,
    PassageReview,
    PassageRow,
    ReviewPicture,
)

# --- what a project does with faces ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FacePolicy:
    """What a project does with faces beyond recognising them (人脸处理规则)."""

    review_pictures: str = "off"
    """off, coarse or agreed."""
    review_days: int = 3
    identity_check: str = "off"
    """off, observe or require."""
    card_and_face: bool = False
    gate_photos: str = "off"
    """off, guard or screen."""
    ground: str = ""
    decided_by: str | None = None
    decided_at: datetime | None = None


_RULES = FacePolicyRow.__table__.c
_POLICY = (
    select(*(_RULES[name] for name in FacePolicy.__slots__))
    .where(_RULES.project_id == bindparam("project_id"))
    .order_by(_RULES.id.desc())
    .limit(1)
)


def policy(db: Session, project_id: int) -> FacePolicy:
    """Return the rules that hold; everything is off where nobody decided anything."""
    row = db.execute(_POLICY, {"project_id": project_id}).first()
    return FacePolicy() if row is None else FacePolicy(*row)


def add_policy(db: Session, project_id: int, rules: FacePolicy) -> int:
    """Append rules; they hold from now on."""
    values = {name: getattr(rules, name) for name in FacePolicy.__slots__}
    return append(db, FacePolicyRow.__table__, project_id=project_id, **values)


# --- passages to look at ---------------------------------------------------------------------------------------

_ROW = PassageRow.__table__
_SEEN = select(
    _ROW.c.id, _ROW.c.gate_id, _ROW.c.occurred_at, _ROW.c.verdict, PassageReview.confirmed, _ROW.c.code, _ROW.c.channel,
    _ROW.c.worker_id, _ROW.c.similarity, _ROW.c.similarity_min, _ROW.c.contract_id,
).outerjoin(PassageReview, PassageReview.passage_id == _ROW.c.id)  # fmt: skip


def _seen(row: Any) -> Seen:
    id_, gate_id, at, verdict, confirmed, code, channel, worker_id, similarity, least, contract_id = row
    admitted = verdict == "admit" or (verdict == "ask" and confirmed is True)
    return Seen(id_, gate_id, at, admitted, code, channel == "face", worker_id, similarity, least, contract_id)


def seen(db: Session, project_id: int, from_at: datetime, to_at: datetime) -> list[Seen]:
    """Return the passages of [from_at, to_at) in their order, as the rules of review want them."""
    wanted = _SEEN.where(_ROW.c.project_id == project_id, _ROW.c.occurred_at >= from_at, _ROW.c.occurred_at < to_at)
    return [_seen(row) for row in db.execute(wanted.order_by(_ROW.c.occurred_at, _ROW.c.seq))]


WINDOWS_AT_ONCE = 40


def refused(db: Session, project_id: int, codes: Collection[str], from_at: datetime, to_at: datetime) -> list[Seen]:
    """Return the faces a project's gates refused with these codes and put down to nobody, oldest first."""
    wanted = _SEEN.where(
        _ROW.c.project_id == project_id, _ROW.c.occurred_at >= from_at, _ROW.c.occurred_at < to_at, _ROW.c.channel == "face",
        _ROW.c.verdict == "refuse", _ROW.c.worker_id.is_(None), _ROW.c.code.in_(sorted(codes)),
    )  # fmt: skip
    return [_seen(row) for row in db.execute(wanted.order_by(_ROW.c.occurred_at, _ROW.c.seq))]


def let_in(db: Session, project_id: int, windows: Sequence[tuple[datetime, datetime]]) -> list[Seen]:
    """Return who was let in within some stretches of time: a week has many passages, and few follow a refusal."""
    found: list[Seen] = []
    for first in range(0, len(windows), WINDOWS_AT_ONCE):
        within = or_(*(_ROW.c.occurred_at.between(*window) for window in windows[first : first + WINDOWS_AT_ONCE]))
        wanted = _SEEN.where(_ROW.c.project_id == project_id, _ROW.c.worker_id.is_not(None), within)
        found += [seen for row in db.execute(wanted) if (seen := _seen(row)).admitted]
    return found


def seen_by_id(db: Session, project_id: int, ids: Collection[int]) -> list[Seen]:
    """Return some passages of a project; those of other projects are not among them."""
    return [_seen(row) for row in db.execute(_SEEN.where(_ROW.c.project_id == project_id, _ROW.c.id.in_(sorted(ids))))]


# --- pictures --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """A picture kept for review, or what is left of it."""

    id: int
    project_id: int
    passage_id: int
    kind: str
    worker_id: int | None
    kept_at: datetime
    erase_at: datetime
    erased_at: datetime | None


_PICTURE = [ReviewPicture.__table__.c[name] for name in PictureInfo.__slots__]


def add_picture(
    db: Session, *, project_id: int, passage_id: int, kind: str, worker_id: int | None, picture_sealed: bytes,
    kept_at: datetime, erase_at: datetime,
) -> int:
    """Keep a sealed picture of a passage."""
    return append(
        db, ReviewPicture.__table__, project_id=project_id, passage_id=passage_id, kind=kind, worker_id=worker_id,
        picture_sealed=picture_sealed, kept_at=kept_at, erase_at=erase_at,
    )  # fmt: skip


def pictures(db: Session, project_id: int, passage_ids: Collection[int]) -> dict[int, PictureInfo]:
    """Passage id -> the picture kept of it and not erased."""
    wanted = select(*_PICTURE).where(
        ReviewPicture.project_id == project_id,
        ReviewPicture.erased_at.is_(None),
        ReviewPicture.passage_id.in_(sorted(passage_ids)),
    )
    return {row.passage_id: PictureInfo(*row) for row in db.execute(wanted)}


def sealed_picture(db: Session, project_id: int, passage_id: int) -> tuple[PictureInfo, bytes]:
    """Return a picture and its ciphertext.

    Raises:
        NotFound: ``picture_gone``: none was kept, or it has been erased.
    """
    row = db.execute(
        select(*_PICTURE, ReviewPicture.picture_sealed).where(
            ReviewPicture.project_id == project_id,
            ReviewPicture.passage_id == passage_id,
            ReviewPicture.erased_at.is_(None),
        )
    ).first()
    if row is None or row.picture_sealed is None:
        raise NotFound("picture_gone")
    return PictureInfo(*row[:-1]), bytes(row.picture_sealed)


def kept_photograph(db: Session, project_id: int, worker_id: int) -> bytes | None:
    """Return the ciphertext of a worker's newest kept enrolment photograph on a project; None when none is kept."""
    row = db.execute(_KEPT, {"project_id": project_id, "worker_id": worker_id}).first()
    return None if row is None else bytes(row[0])


_KEPT = (
    select(FacePhoto.photo_sealed)
    .join(FaceTemplate, FaceTemplate.id == FacePhoto.template_id)
    .where(
        FaceTemplate.project_id == bindparam("project_id"), FaceTemplate.worker_id == bindparam("worker_id"),
        FaceTemplate.erased_at.is_(None), FacePhoto.erased_at.is_(None), FacePhoto.photo_sealed.is_not(None),
    )
    .order_by(FacePhoto.id.desc())
    .limit(1)
)


def kept_since(db: Session, project_id: int, gate_id: int | None, since: datetime) -> int:
    """How many pictures were kept since an instant, of one gate or (None) of the project; erased ones too."""
    wanted = select(func.count(ReviewPicture.id)).where(
        ReviewPicture.project_id == project_id, ReviewPicture.kept_at > since
    )
    if gate_id is not None:
        wanted = wanted.join(PassageRow, PassageRow.id == ReviewPicture.passage_id).where(PassageRow.gate_id == gate_id)
    return db.execute(wanted).scalar_one()


def erase_pictures(
    db: Session, now: datetime, reason: str, *, due_by: datetime | None = None, passage_ids: Collection[int] | None = None,
    project_id: int | None = None, worker_id: int | None = None,
) -> int:
    """Erase pictures for good; return how many. Give at least one condition.

    Args:
        due_by: those whose time has come by then.
        worker_id: those that rest on his consent.
    """
    conditions = [ReviewPicture.erased_at.is_(None)]
    if due_by is not None:
        conditions.append(ReviewPicture.erase_at <= due_by)
    if passage_ids is not None:
        conditions.append(ReviewPicture.passage_id.in_(sorted(passage_ids)))
    if project_id is not None:
        conditions.append(ReviewPicture.project_id == project_id)
    if worker_id is not None:
        conditions.append(ReviewPicture.worker_id == worker_id)
    if len(conditions) == 1:
        raise ValueError("which pictures?")
    done = db.execute(
        update(ReviewPicture.__table__)
        .where(and_(*conditions))
        .values(picture_sealed=None, erased_at=now, erased_reason=reason)
    )
    return done.rowcount


# --- what people said ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MatchInfo:
    """What a person said a passage shows."""

    id: int
    project_id: int
    passage_id: int
    verdict: str
    worker_id: int | None
    note: str
    decided_by: str
    decided_at: datetime


_MATCH = [FaceMatch.__table__.c[name] for name in MatchInfo.__slots__]


def add_match(
    db: Session, *, project_id: int, passage_id: int, verdict: str, worker_id: int | None, note: str, by: str, now: datetime
) -> int:
    """Append what a person said about a passage; the latest word holds."""
    return append(
        db, FaceMatch.__table__, project_id=project_id, passage_id=passage_id, verdict=verdict, worker_id=worker_id,
        note=note, decided_by=by, decided_at=now,
    )  # fmt: skip


def matches(
    db: Session, project_id: int, passage_ids: Collection[int] | None = None, worker_id: int | None = None
) -> dict[int, MatchInfo]:
    """Passage id -> the latest word about it; of some passages, or of those now said to show a worker."""
    latest = select(func.max(FaceMatch.id)).where(FaceMatch.project_id == project_id).group_by(FaceMatch.passage_id)
    if passage_ids is not None:
        latest = latest.where(FaceMatch.passage_id.in_(sorted(passage_ids)))
    wanted = select(*_MATCH).where(FaceMatch.id.in_(latest))
    if worker_id is not None:
        wanted = wanted.where(FaceMatch.worker_id == worker_id)
    return {row.passage_id: MatchInfo(*row) for row in db.execute(wanted.order_by(FaceMatch.id))}


def said_to_be(db: Session, project_id: int, worker_id: int, at: datetime) -> bool:
    """True when a refused face of that very instant is said to be this worker's."""
    there = select(PassageRow.id).where(PassageRow.project_id == project_id, PassageRow.occurred_at == at)
    ids = list(db.execute(there).scalars())
    return any(match.worker_id == worker_id for match in matches(db, project_id, ids).values()) if ids else False


# --- who should enrol again ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AdviceInfo:
    """A worker who should enrol again, and since when that is so."""

    worker_id: int
    code: str
    facts: dict[str, Any]
    first_seen_at: datetime
    last_seen_at: datetime


def keep_advice(db: Session, project_id: int, found: dict[int, Sequence[Advice]], now: datetime) -> int:
    """Let tonight's advice meet that of the nights before; what is not found any more is cleared. Returns how many stand."""
    rows = {
        (row.worker_id, row.code): row
        for row in db.execute(
            select(FaceAdvice.id, FaceAdvice.worker_id, FaceAdvice.code, FaceAdvice.cleared_at).where(
                FaceAdvice.project_id == project_id
            )
        )
    }
    standing = {(worker_id, one.code): one for worker_id, told in found.items() for one in told}
    for key, one in standing.items():
        known = rows.get(key)
        if known is None:
            append(
                db, FaceAdvice.__table__, project_id=project_id, worker_id=key[0], code=one.code, facts=one.facts,
                first_seen_at=now, last_seen_at=now,
            )  # fmt: skip
            continue
        values: dict[str, Any] = {"facts": one.facts, "last_seen_at": now, "cleared_at": None}
        if known.cleared_at is not None:
            values["first_seen_at"] = now
        db.execute(update(FaceAdvice.__table__).where(FaceAdvice.id == known.id).values(**values))
    gone = [row.id for key, row in rows.items() if key not in standing and row.cleared_at is None]
    if gone:
        db.execute(update(FaceAdvice.__table__).where(FaceAdvice.id.in_(gone)).values(cleared_at=now))
    return len(standing)


def advice(db: Session, project_id: int, worker_id: int | None = None) -> list[AdviceInfo]:
    """Return who should enrol again, longest first. Who has enrolled again since is not told until the next night."""
    later = exists().where(
        FaceTemplate.project_id == FaceAdvice.project_id,
        FaceTemplate.worker_id == FaceAdvice.worker_id,
        FaceTemplate.created_at > FaceAdvice.last_seen_at,
    )
    wanted = select(*(FaceAdvice.__table__.c[name] for name in AdviceInfo.__slots__)).where(
        FaceAdvice.project_id == project_id, FaceAdvice.cleared_at.is_(None), ~later
    )
    if worker_id is not None:
        wanted = wanted.where(FaceAdvice.worker_id == worker_id)
    return [AdviceInfo(*row) for row in db.execute(wanted.order_by(FaceAdvice.first_seen_at, FaceAdvice.id))]


def live_contracts(db: Session, project_id: int) -> dict[int, tuple[str, datetime]]:
    """Worker id -> (contract, since when) of his newest live template on a project."""
    rows = db.execute(
        select(FaceTemplate.worker_id, FaceTemplate.contract_id, FaceTemplate.created_at)
        .where(FaceTemplate.project_id == project_id, FaceTemplate.erased_at.is_(None))
        .order_by(FaceTemplate.id)
    )
    return {row.worker_id: (row.contract_id, row.created_at) for row in rows}
