"""The roster as a list: searched, counted and cut into pages by the database, with what each worker still lacks.

    Wanted            which workers
    count, lacking    how many they are; how many of them lack what
    rows, ids         a page of them; all their ids
    by_name           everybody in the order in which people look for somebody

Everybody stands there once, by his latest engagement. What is asked of a worker at a desk is in ``MISSING``; each is a set
that the database makes once, for no index leads from a worker to his card.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.domain.identity import name_order
from app.store import people
from app.store.kept import kept
from app.tables import (
    Company,
    Consent,
    Credential,
    Engagement,
    FaceAdvice,
    FaceTemplate,
    ProjectCompany,
    Team,
    WageTerm,
    Worker,
)

MISSING = ("terms", "word", "face", "way")
"""What keeps an enrolment from being finished (未办完): no wage agreed for today (or his first day, when that is to come); never
asked about his face; agreed to it and not photographed; neither card nor code."""
FLAGS = (*MISSING, "again")
"""... and ``again``: should be photographed again (建议重新登记)."""
STATES = ("here", "left", "all")
"""Still on the project; left; both."""
ORDERS = ("team", "name", "entry")
"""By company, team and name; by name; by first day. Names stand by pinyin (``domain.identity.name_order``), which no database knows."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which workers of a project."""

    today: date
    """The project's own date."""
    state: str = "here"
    """Word of ``STATES``."""
    text: str = ""
    """In the name or the team's name."""
    team_id: int | None = None
    company_id: int | None = None
    """Of ``project_company``."""
    trade: str = ""
    lacks: str = ""
    """Word of ``FLAGS``, or ``any`` of ``MISSING``; only people still on the project lack anything."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One worker of the list."""

    worker_id: int
    name: str
    engagement_id: int
    team_id: int
    team: str
    company: str
    trade: str | None
    entry_on: date
    exit_on: date | None
    rate_fen: int | None
    """Agreed for today, or for his first day when that is to come."""
    kind: str | None
    unit: str | None
    has_template: bool
    has_way: bool
    lacks: tuple[str, ...]
    """Words of ``FLAGS``; empty for who has left."""

    def __repr__(self) -> str:
        # Values of this kind end up in tracebacks; a worker's name must not.
        return f"Listed(worker_id={self.worker_id})"


def count(db: Session, project_id: int, wanted: Wanted) -> int:
    """Return how many workers those are."""
    return db.execute(_chosen(project_id, wanted, func.count())).scalar_one()


def count_of_teams(db: Session, project_id: int, wanted: Wanted) -> dict[int, int]:
    """Return team -> how many of those workers are in it; a team without any is left out."""
    asked = _chosen(project_id, wanted, _last.c.team_id, func.count()).group_by(_last.c.team_id)
    return dict(map(tuple, db.execute(asked)))


def lacking(db: Session, project_id: int, wanted: Wanted) -> dict[str, int]:
    """Return how many of those workers lack what: each word of ``FLAGS``, ``any``, and ``total``, all of them."""
    flags = _flags(project_id, wanted.today)
    flags["any"] = or_(*(flags[name] for name in MISSING))
    sums = [func.coalesce(func.sum(case((flag, 1), else_=0)), 0).label(name) for name, flag in flags.items()]
    row = db.execute(_chosen(project_id, wanted, func.count().label("total"), *sums)).one()
    return {name: int(getattr(row, name)) for name in (*flags, "total")}


def ids(db: Session, project_id: int, wanted: Wanted) -> list[int]:
    """Return the ids of all those workers, in no order."""
    return list(db.execute(_chosen(project_id, wanted, _last.c.worker_id)).scalars())


def rows(
    db: Session,
    project_id: int,
    wanted: Wanted,
    *,
    descending: bool = False,
    offset: int = 0,
    limit: int = 50,
    among: Collection[int] | None = None,
) -> list[Listed]:
    """Return some of those workers, by first day.

    Args:
        among: only these.
    """
    flags = _flags(project_id, wanted.today)
    day = _day(wanted.today, _last.c.entry_on)

    def agreed(column: Any) -> Any:
        return select(column).where(WageTerm.engagement_id == _last.c.id, *_holds(day)).limit(1).scalar_subquery()

    asked = _chosen(
        project_id, wanted, Worker.id, Worker.name, _last.c.id, Team.id, Team.name, Company.name, _last.c.trade, _last.c.entry_on,
        _last.c.exit_on, agreed(WageTerm.rate_fen), agreed(WageTerm.kind), agreed(WageTerm.unit), Worker.id.in_(_enrolled(project_id)),
        Worker.id.in_(_with_way(project_id)), *(flags[name] for name in FLAGS), whole=True,
    )  # fmt: skip
    if among is not None:
        asked = asked.where(Worker.id.in_(among))
    order = (_last.c.entry_on, Worker.id)
    asked = asked.order_by(*(column.desc() if descending else column for column in order)).offset(offset).limit(limit)
    found = []
    for row in db.execute(asked):
        plain, told = row[: -len(FLAGS)], row[-len(FLAGS) :]
        found.append(
            Listed(
                *plain[:-2], bool(plain[-2]), bool(plain[-1]), tuple(name for name, is_so in zip(FLAGS, told, strict=True) if is_so)
            )
        )
    return found


def lacks_of(db: Session, project_id: int, worker_id: int, today: date) -> tuple[str, ...]:
    """Return what one worker lacks, words of ``FLAGS``."""
    found = rows(db, project_id, Wanted(today, "all"), among=[worker_id])
    return found[0].lacks if found else ()


def by_name(db: Session, project_id: int, order: str = "team") -> tuple[people.Place, ...]:
    """Return everybody's place, by pinyin; kept until a fact is written.

    Args:
        order: ``team`` (company, team, name) or ``name``.
    """

    def place(one: people.Place) -> tuple[bytes | int, ...]:
        names = (one.company, one.team, one.name) if order == "team" else (one.name,)
        return *(name_order(name) for name in names), one.worker_id

    return kept(db, project_id, ("by name", order), lambda: tuple(sorted(people.places(db, project_id), key=place)))


def trades(db: Session, project_id: int) -> list[str]:
    """Return every trade on the project, as it is recorded."""
    wanted = select(Engagement.trade).where(Engagement.project_id == project_id, Engagement.trade.is_not(None)).distinct()
    return sorted(db.execute(wanted).scalars())


# --- the sets ------------------------------------------------------------------------------------------------

_ranked = select(
    Engagement.id,
    Engagement.worker_id,
    Engagement.project_id,
    Engagement.project_company_id,
    Engagement.team_id,
    Engagement.trade,
    Engagement.entry_on,
    Engagement.exit_on,
    func.row_number()
    .over(partition_by=(Engagement.project_id, Engagement.worker_id), order_by=(Engagement.entry_on.desc(), Engagement.id.desc()))
    .label("place"),
).subquery("ranked")
_last = _ranked.alias("latest")
"""Engagements with their place among one worker's, the latest first."""


def _chosen(project_id: int, wanted: Wanted, *columns: Any, whole: bool = False) -> Select[Any]:
    """Those workers' engagements; with the names of worker, team and company where they are asked for (``whole``)."""
    gone = and_(_last.c.exit_on.is_not(None), _last.c.exit_on <= wanted.today)
    conditions: list[ColumnElement[bool]] = [_last.c.project_id == project_id, _last.c.place == 1]
    if wanted.state != "all":
        conditions.append(gone if wanted.state == "left" else ~gone)
    if wanted.text:
        text = wanted.text.lower()
        conditions.append(
            or_(func.lower(Worker.name).contains(text, autoescape=True), func.lower(Team.name).contains(text, autoescape=True))
        )
    if wanted.team_id is not None:
        conditions.append(_last.c.team_id == wanted.team_id)
    if wanted.company_id is not None:
        conditions.append(_last.c.project_company_id == wanted.company_id)
    if wanted.trade:
        conditions.append(_last.c.trade == wanted.trade)
    if wanted.lacks:
        flags = _flags(project_id, wanted.today)
        conditions.append(or_(*(flags[name] for name in MISSING)) if wanted.lacks == "any" else flags.get(wanted.lacks, false()))
    asked = select(*columns).select_from(_last)
    if whole or wanted.text:
        asked = asked.join(Worker, Worker.id == _last.c.worker_id).join(Team, Team.id == _last.c.team_id)
    if whole:
        asked = asked.join(ProjectCompany, ProjectCompany.id == _last.c.project_company_id).join(
            Company, Company.id == ProjectCompany.company_id
        )
    return asked.where(*conditions)


def _flags(project_id: int, today: date) -> dict[str, ColumnElement[bool]]:
    here = or_(_last.c.exit_on.is_(None), _last.c.exit_on > today)
    engaged = aliased(Engagement)
    agreed = (
        select(WageTerm.engagement_id)
        .join(engaged, engaged.id == WageTerm.engagement_id)
        .where(engaged.project_id == project_id, *_holds(_day(today, engaged.entry_on)))
    )
    latest = select(func.max(Consent.id)).where(Consent.project_id == project_id).group_by(Consent.worker_id)
    words = select(Consent.worker_id).where(Consent.project_id == project_id)
    # The scope is a JSON list of plain words; both databases write it as text alike.
    scope = cast(Consent.scope, String)
    consents = select(Consent.worker_id).where(
        Consent.id.in_(latest), Consent.act == "give", scope.contains('"capture"'), scope.contains('"template"')
    )
    later = exists().where(
        FaceTemplate.project_id == FaceAdvice.project_id,
        FaceTemplate.worker_id == FaceAdvice.worker_id,
        FaceTemplate.created_at > FaceAdvice.last_seen_at,
    )
    advised = select(FaceAdvice.worker_id).where(FaceAdvice.project_id == project_id, FaceAdvice.cleared_at.is_(None), ~later)
    return {
        "terms": and_(here, _last.c.id.not_in(agreed)),
        "word": and_(here, _last.c.worker_id.not_in(words)),
        "face": and_(here, _last.c.worker_id.in_(consents), _last.c.worker_id.not_in(_enrolled(project_id))),
        "way": and_(here, _last.c.worker_id.not_in(_with_way(project_id))),
        "again": and_(here, _last.c.worker_id.in_(advised)),
    }


def _day(today: date, entry_on: Any) -> Any:
    return case((entry_on > today, entry_on), else_=today)


def _holds(day: Any) -> tuple[ColumnElement[bool], ...]:
    return WageTerm.voided_at.is_(None), WageTerm.valid_from <= day, or_(WageTerm.valid_to.is_(None), WageTerm.valid_to > day)


def _enrolled(project_id: int) -> Select[Any]:
    return select(FaceTemplate.worker_id).where(FaceTemplate.project_id == project_id, FaceTemplate.erased_at.is_(None))


def _with_way(project_id: int) -> Select[Any]:
    return select(Credential.worker_id).where(Credential.project_id == project_id, Credential.revoked_at.is_(None))
