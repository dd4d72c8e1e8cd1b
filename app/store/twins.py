"""One face under two ID numbers (疑似一人多证): templates of an area, searches, what they found and what inspectors said."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from app.store import append, insert_or_leave
from app.tables import (
    AreaRule,
    Consent,
    Engagement,
    FaceTemplate,
    Project,
    Twin,
    TwinReview,
    TwinSearch,
    Worker,
)

RULE = "twin_false_pairs_max"
"""Key of the county's rule that orders the search: how many pairs of different people it may name."""


def ordered(db: Session, on: date) -> list[tuple[str, int]]:
    """(area code, greatest expected number of false pairs) of every area that ordered the search; the latest rule holds."""
    rows = db.execute(
        select(AreaRule.area_code, AreaRule.value)
        .where(AreaRule.key == RULE, AreaRule.valid_from <= on)
        .order_by(AreaRule.valid_from, AreaRule.id)
    )
    latest = {row[0]: row[1] for row in rows}
    return sorted((area, value) for area, value in latest.items() if value > 0)


def _eligible(area_code: str, contract_id: str, notices: Collection[str]) -> Select[Any]:
    last = (
        select(Consent.worker_id, Consent.project_id, func.max(Consent.id).label("id"))
        .group_by(Consent.worker_id, Consent.project_id)
        .subquery()
    )
    now = select(Consent.id).where(Consent.act == "give").scalar_subquery()
    return (
        select(FaceTemplate.id, FaceTemplate.worker_id, FaceTemplate.project_id, FaceTemplate.template_sealed)
        .join(Project, Project.id == FaceTemplate.project_id)
        .join(Consent, Consent.id == FaceTemplate.consent_id)
        .join(last, (last.c.worker_id == FaceTemplate.worker_id) & (last.c.project_id == FaceTemplate.project_id))
        .where(
            FaceTemplate.contract_id == contract_id,
            FaceTemplate.erased_at.is_(None),
            FaceTemplate.template_sealed.is_not(None),
            # The notice he was read must have spoken of this search.
            Consent.notice_version.in_(notices),
            last.c.id.in_(now),
            Project.area_code.startswith(area_code, autoescape=True),
        )
    )


def eligible(db: Session, area_code: str, contract_id: str, notices: Collection[str]) -> tuple[int, int]:
    """(how many templates may be searched, the highest id); cheap, asked at every turn."""
    found = _eligible(area_code, contract_id, notices).subquery()
    row = db.execute(select(func.count(found.c.id), func.max(found.c.id))).one()
    return row[0], row[1] or 0


def templates(db: Session, area_code: str, contract_id: str, notices: Collection[str]) -> list[tuple[int, int, int, bytes]]:
    """(template id, worker id, project id, sealed) of an area, by id."""
    rows = db.execute(_eligible(area_code, contract_id, notices).order_by(FaceTemplate.id))
    return [(id_, worker_id, project_id, bytes(sealed)) for id_, worker_id, project_id, sealed in rows]


@dataclass(frozen=True, slots=True)
class SearchInfo:
    """One stretch of a search."""

    id: int
    contract_id: str
    area_code: str
    searched_to: int
    templates: int
    fresh: int
    similarity_min: float
    far: float | None
    found: int
    searched_at: datetime


_SEARCH = [TwinSearch.__table__.c[name] for name in SearchInfo.__slots__]


def last_search(db: Session, area_code: str, contract_id: str) -> SearchInfo | None:
    """Return how far the search of an area is."""
    row = db.execute(
        select(*_SEARCH)
        .where(TwinSearch.area_code == area_code, TwinSearch.contract_id == contract_id)
        .order_by(TwinSearch.id.desc())
        .limit(1)
    ).first()
    return None if row is None else SearchInfo(*row)


def add_search(db: Session, **values: Any) -> int:
    """Append a stretch of a search; return its id."""
    return append(db, TwinSearch.__table__, **values)


def add_twin(
    db: Session, *, search_id: int, contract_id: str, one: tuple[int, int], other: tuple[int, int], similarity: float,
    similarity_min: float, now: datetime,
) -> bool:
    """Append two workers who are too alike; False when that was known.

    Args:
        one, other: (worker id, template id).
    """
    low, high = sorted((one, other))
    return insert_or_leave(
        db, Twin.__table__, search_id=search_id, contract_id=contract_id, low_worker_id=low[0], high_worker_id=high[0],
        low_template_id=low[1], high_template_id=high[1], similarity=float(similarity),
        similarity_min=float(similarity_min), found_at=now,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TwinInfo:
    """Two workers who are too alike, and the latest word about them."""

    id: int
    contract_id: str
    low_worker_id: int
    high_worker_id: int
    similarity: float
    similarity_min: float
    found_at: datetime
    templates: int
    """Templates searched when they were found."""
    far: float | None
    verdict: str | None
    note: str | None
    decided_by: str | None
    decided_at: datetime | None


def twins(db: Session, worker_ids: Collection[int], twin_id: int | None = None) -> list[TwinInfo]:
    """Return pairs in which at least one of these workers is, undecided and newest first."""
    last = select(func.max(TwinReview.id)).where(TwinReview.twin_id == Twin.id).correlate(Twin).scalar_subquery()
    wanted = (
        select(
            Twin.id, Twin.contract_id, Twin.low_worker_id, Twin.high_worker_id, Twin.similarity, Twin.similarity_min,
            Twin.found_at, TwinSearch.templates, TwinSearch.far, TwinReview.verdict, TwinReview.note, TwinReview.decided_by,
            TwinReview.decided_at,
        )
        .join(TwinSearch, TwinSearch.id == Twin.search_id)
        .outerjoin(TwinReview, TwinReview.id == last)
        .where(or_(Twin.low_worker_id.in_(worker_ids), Twin.high_worker_id.in_(worker_ids)))
        .order_by(Twin.id.desc())
    )  # fmt: skip
    if twin_id is not None:
        wanted = wanted.where(Twin.id == twin_id)
    found = [TwinInfo(*row) for row in db.execute(wanted)]
    return sorted(found, key=lambda t: t.verdict not in (None, "open"))


def add_review(db: Session, *, twin_id: int, verdict: str, note: str, by: str, now: datetime) -> int:
    """Append what an inspector found out."""
    return append(
        db, TwinReview.__table__, twin_id=twin_id, verdict=verdict, note=note, decided_by=by, decided_at=now
    )


def twin_workers(db: Session) -> set[int]:
    """Every worker who is in some pair."""
    rows = db.execute(select(Twin.low_worker_id, Twin.high_worker_id))
    return {worker_id for row in rows for worker_id in row}


def where_engaged(db: Session, worker_ids: Collection[int]) -> list[tuple[int, str, int, str, str]]:
    """(worker id, name, project id, project name, area code) of every project a worker is or was on."""
    rows = db.execute(
        select(Worker.id, Worker.name, Project.id, Project.name, Project.area_code)
        .distinct()
        .select_from(Engagement)
        .join(Worker, Worker.id == Engagement.worker_id)
        .join(Project, Project.id == Engagement.project_id)
        .where(Worker.id.in_(sorted(worker_ids)))
        .order_by(Worker.id, Project.id)
    )
    return [tuple(row) for row in rows]
