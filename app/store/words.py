"""What workers say: objections to days, answers to objections, and how a signature was given."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store import append
from app.tables import DayObjection, ObjectionAnswer, SignatureProof, WorkerConfirmation

_AT_ONCE = 500
"""Values of one IN."""


@dataclass(frozen=True, slots=True)
class ObjectionInfo:
    """A worker's objection to a day of his."""

    id: int
    project_id: int
    worker_id: int
    work_date: date
    kind: str
    text: str
    in_at: datetime | None
    out_at: datetime | None
    correction_id: int | None
    correction_refused: str | None
    evidence: tuple[int, ...]
    """Ids of evidence files he sent with it."""
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class AnswerInfo:
    """What an objection was answered."""

    id: int
    subject: str
    subject_id: int
    outcome: str
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ProofInfo:
    """How a signature was given."""

    confirmation_id: int
    means: str
    code_by: str | None
    session_at: datetime | None
    similarity: float | None
    similarity_min: float | None


_OBJECTION = [DayObjection.__table__.c[name] for name in ObjectionInfo.__slots__]
_ANSWER = [ObjectionAnswer.__table__.c[name] for name in AnswerInfo.__slots__]
_PROOF = [SignatureProof.__table__.c[name] for name in ProofInfo.__slots__]


def add_objection(
    db: Session, *, project_id: int, worker_id: int, work_date: date, kind: str, text: str, in_at: datetime | None,
    out_at: datetime | None, correction_id: int | None, correction_refused: str | None, evidence: Collection[int],
    by: str, now: datetime,
) -> int:  # fmt: skip
    """Append an objection to a day; return its id."""
    return append(
        db, DayObjection.__table__, project_id=project_id, worker_id=worker_id, work_date=work_date, kind=kind, text=text,
        in_at=in_at, out_at=out_at, correction_id=correction_id, correction_refused=correction_refused,
        evidence=list(evidence) or None, made_by=by, made_at=now,
    )  # fmt: skip


def objections(db: Session, project_id: int, *, worker_id: int | None = None) -> tuple[ObjectionInfo, ...]:
    """Return objections to days, oldest first; of one worker or of everybody."""
    wanted = select(*_OBJECTION).where(DayObjection.project_id == project_id).order_by(DayObjection.id)
    if worker_id is not None:
        wanted = wanted.where(DayObjection.worker_id == worker_id)
    return tuple(_objection(row) for row in db.execute(wanted))


def objection(db: Session, project_id: int, objection_id: int) -> ObjectionInfo:
    """Return one objection to a day.

    Raises:
        NotFound: ``objection_unknown`` on this project.
    """
    wanted = select(*_OBJECTION).where(DayObjection.id == objection_id, DayObjection.project_id == project_id)
    row = db.execute(wanted).first()
    if row is None:
        raise NotFound("objection_unknown")
    return _objection(row)


def _objection(row: Any) -> ObjectionInfo:
    return ObjectionInfo(**{**row._mapping, "evidence": tuple(row.evidence or ())})


def add_answer(
    db: Session, *, project_id: int, subject: str, subject_id: int, outcome: str, text: str, by: str, now: datetime
) -> int:
    """Append an answer; return its id."""
    return append(
        db, ObjectionAnswer.__table__, project_id=project_id, subject=subject, subject_id=subject_id, outcome=outcome, text=text,
        by=by, at=now,
    )  # fmt: skip


def answers(db: Session, project_id: int, subject: str, subject_ids: Collection[int]) -> dict[int, AnswerInfo]:
    """Return subject id -> the latest answer."""
    found: dict[int, AnswerInfo] = {}
    for some in _parts(subject_ids):
        rows = db.execute(
            select(*_ANSWER)
            .where(
                ObjectionAnswer.project_id == project_id, ObjectionAnswer.subject == subject, ObjectionAnswer.subject_id.in_(some)
            )
            .order_by(ObjectionAnswer.id)
        )
        found |= {row.subject_id: AnswerInfo(*row) for row in rows}
    return found


def disputed(db: Session, project_id: int, *, worker_id: int | None = None) -> dict[str, int]:
    """Return content hash -> id of the worker's latest word on it, where that is a dispute; of one worker or of everybody."""
    word = WorkerConfirmation
    wanted = select(word.content_hash).where(word.project_id == project_id, word.subject == "line", word.verdict == "dispute")
    if worker_id is not None:
        wanted = wanted.where(word.worker_id == worker_id)
    found: dict[str, tuple[int, str]] = {}
    for some in _parts(set(db.execute(wanted.distinct()).scalars())):
        rows = db.execute(
            select(word.content_hash, word.id, word.verdict)
            .where(word.project_id == project_id, word.subject == "line", word.content_hash.in_(some))
            .order_by(word.id)
        )
        found |= {row.content_hash: (row.id, row.verdict) for row in rows}
    return {hash_: said for hash_, (said, verdict) in found.items() if verdict == "dispute"}


def dispute_worker(db: Session, project_id: int, confirmation_id: int) -> int:
    """Return whose dispute of a line a confirmation is.

    Raises:
        NotFound: ``objection_unknown``: no such dispute on this project.
    """
    wanted = select(WorkerConfirmation.worker_id).where(
        WorkerConfirmation.id == confirmation_id, WorkerConfirmation.project_id == project_id,
        WorkerConfirmation.subject == "line", WorkerConfirmation.verdict == "dispute",
    )  # fmt: skip
    worker_id = db.execute(wanted).scalar()
    if worker_id is None:
        raise NotFound("objection_unknown")
    return worker_id


def add_proof(
    db: Session, *, confirmation_id: int, means: str, code_by: str | None = None, session_at: datetime | None = None,
    similarity: float | None = None, similarity_min: float | None = None, far: float | None = None,
    contract_id: str | None = None, picture_sha256: str | None = None,
) -> int:  # fmt: skip
    """Append how a word was given; return the row's id."""
    return append(
        db, SignatureProof.__table__, confirmation_id=confirmation_id, means=means, code_by=code_by, session_at=session_at,
        similarity=similarity, similarity_min=similarity_min, far=far, contract_id=contract_id, picture_sha256=picture_sha256,
    )  # fmt: skip


def proofs(db: Session, confirmation_ids: Collection[int]) -> dict[int, ProofInfo]:
    """Return confirmation id -> how it was given, where that is on record."""
    found: dict[int, ProofInfo] = {}
    for some in _parts(confirmation_ids):
        rows = db.execute(select(*_PROOF).where(SignatureProof.confirmation_id.in_(some)))
        found |= {row.confirmation_id: ProofInfo(*row) for row in rows}
    return found


def _parts(values: Collection) -> Iterator[list]:
    whole = list(values)
    for start in range(0, len(whole), _AT_ONCE):
        yield whole[start : start + _AT_ONCE]
