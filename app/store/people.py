"""Projects, companies, teams, workers, engagements, terms, consents, templates and credentials."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, insert, or_, select, true, update
from sqlalchemy.orm import Session, aliased

from app.domain.chain import GENESIS
from app.domain.facts import Engagement as EngagementFact
from app.domain.facts import HoursSystem, MonthMethod, OvertimeRule, PayKind, Relation, Terms
from app.errors import BadRequest, Conflict, NotFound
from app.store import append, insert_or_leave, once
from app.tables import (
    ChainHead,
    Company,
    Consent,
    Credential,
    Engagement,
    FacePhoto,
    FaceTemplate,
    Project,
    ProjectCompany,
    Team,
    WageTerm,
    Worker,
)

# --- projects ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProjectInfo:
    """A project and how its gates behave."""

    id: int
    code: str
    name: str
    area_code: str
    address: str | None
    time_zone: str
    language: str
    confirm_face: bool
    is_demonstration: bool


_PROJECT = [Project.__table__.c[name] for name in ProjectInfo.__slots__]
# Built once: asked several times at every request.
_PROJECT_BY_ID = select(*_PROJECT).where(Project.__table__.c.id == bindparam("project_id"))


def project(db: Session, project_id: int) -> ProjectInfo:
    """Return a project.

    Raises:
        NotFound: ``project_unknown``.
    """
    row = once(db, ("project", project_id), lambda: db.execute(_PROJECT_BY_ID, {"project_id": project_id}).first())
    if row is None:
        raise NotFound("project_unknown")
    return ProjectInfo(*row)


def lock_project(db: Session, project_id: int) -> None:
    """Let one transaction at a time change who is known by face on a project.

    Without it two enrolments at once on PostgreSQL each miss the other: one face under two workers, or a gallery
    whose version stands still. Passages go on: their foreign key does not wait for this lock. SQLite has one
    writer anyway.
    """
    db.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))


def project_by_code(db: Session, code: str) -> ProjectInfo:
    """Return a project by its code.

    Raises:
        NotFound: ``project_unknown``.
    """
    row = db.execute(select(*_PROJECT).where(Project.code == code)).first()
    if row is None:
        raise NotFound("project_unknown")
    return ProjectInfo(*row)


def projects(db: Session, ids: Collection[int] | None) -> list[ProjectInfo]:
    """Return the projects of ``ids``, or all for None, in the order of their codes."""
    wanted = select(*_PROJECT).order_by(Project.code)
    if ids is not None:
        wanted = wanted.where(Project.id.in_(ids))
    return [ProjectInfo(*row) for row in db.execute(wanted)]


def add_project(
    db: Session,
    *,
    code: str,
    name: str,
    area_code: str,
    address: str | None,
    time_zone: str,
    language: str,
    confirm_face: bool,
    is_demonstration: bool,
    now: datetime,
) -> int:
    """Add a project with the beginning of its chain of passages; return its id.

    Raises:
        Conflict: ``project_code_taken``.
    """
    new = insert_or_leave(
        db,
        Project.__table__,
        code=code,
        name=name,
        area_code=area_code,
        address=address,
        time_zone=time_zone,
        language=language,
        confirm_face=confirm_face,
        is_demonstration=is_demonstration,
        created_at=now,
    )
    if not new:
        raise Conflict("project_code_taken")
    project_id = db.execute(select(Project.id).where(Project.code == code)).scalar_one()
    db.execute(insert(ChainHead.__table__).values(project_id=project_id, seq=0, hash=GENESIS))
    return project_id


def set_confirm_face(db: Session, project_id: int, confirm_face: bool) -> None:
    """Say whether a person must confirm each face passage while a weak pack is active."""
    project(db, project_id)
    db.execute(update(Project.__table__).where(Project.id == project_id).values(confirm_face=confirm_face))


def set_area(db: Session, project_id: int, area_code: str) -> None:
    """Say in which area a project lies."""
    db.execute(update(Project.__table__).where(Project.id == project_id).values(area_code=area_code))


# --- companies and teams -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProjectCompanyInfo:
    """A company in a role on a project."""

    id: int
    company_id: int
    uscc: str | None
    name: str
    role: str
    entry_on: date
    exit_on: date | None


@dataclass(frozen=True, slots=True)
class TeamInfo:
    """A team of a company on a project."""

    id: int
    project_company_id: int
    name: str
    trade: str | None
    company_name: str


def add_company(db: Session, *, uscc: str | None, name: str, now: datetime) -> int:
    """Return the id of the company: the one that is there, or a new one.

    A credit code decides; without one the name does, among companies that have no code.
    """
    if uscc is not None:
        insert_or_leave(db, Company.__table__, uscc=uscc, name=name, created_at=now)
        return db.execute(select(Company.id).where(Company.uscc == uscc)).scalar_one()
    known = select(Company.id).where(Company.uscc.is_(None), Company.name == name).order_by(Company.id).limit(1)
    found = db.execute(known).scalar()
    return found if found is not None else append(db, Company.__table__, uscc=None, name=name, created_at=now)


def add_project_company(db: Session, *, project_id: int, company_id: int, role: str, entry_on: date) -> int:
    """Return the id of the company's role on the project, new or already there."""
    key = {"project_id": project_id, "company_id": company_id, "role": role}
    insert_or_leave(db, ProjectCompany.__table__, **key, entry_on=entry_on)
    return db.execute(select(ProjectCompany.id).filter_by(**key)).scalar_one()


def project_companies(db: Session, project_id: int) -> list[ProjectCompanyInfo]:
    """Return the companies of a project in the order they came."""
    rows = db.execute(
        select(
            ProjectCompany.id,
            ProjectCompany.company_id,
            Company.uscc,
            Company.name,
            ProjectCompany.role,
            ProjectCompany.entry_on,
            ProjectCompany.exit_on,
        )
        .join(Company, Company.id == ProjectCompany.company_id)
        .where(ProjectCompany.project_id == project_id)
        .order_by(ProjectCompany.id)
    )
    return [ProjectCompanyInfo(*row) for row in rows]


def add_team(db: Session, *, project_id: int, project_company_id: int, name: str, trade: str | None) -> int:
    """Return the id of the company's team of that name, new or already there.

    Raises:
        NotFound: ``project_company_unknown``, the company is not on this project.
    """
    known = select(ProjectCompany.id).filter_by(id=project_company_id, project_id=project_id)
    if db.execute(known).first() is None:
        raise NotFound("project_company_unknown")
    key = {"project_company_id": project_company_id, "name": name}
    insert_or_leave(db, Team.__table__, **key, project_id=project_id, trade=trade)
    return db.execute(select(Team.id).filter_by(**key)).scalar_one()


def teams(db: Session, project_id: int) -> list[TeamInfo]:
    """Return the teams of a project."""
    rows = db.execute(
        select(Team.id, Team.project_company_id, Team.name, Team.trade, Company.name)
        .join(ProjectCompany, ProjectCompany.id == Team.project_company_id)
        .join(Company, Company.id == ProjectCompany.company_id)
        .where(Team.project_id == project_id)
        .order_by(Team.id)
    )
    return [TeamInfo(*row) for row in rows]


# --- workers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A person; what may identify him is sealed."""

    id: int
    name: str
    sex: str
    birth_on: date
    id_number_sealed: bytes
    id_number_index: str
    phone_sealed: bytes | None

    def __repr__(self) -> str:
        # Values of this kind end up in tracebacks; a worker's name must not.
        return f"WorkerInfo(id={self.id})"


@dataclass(frozen=True, slots=True)
class RosterRow:
    """One engagement of the roster, with what a page shows beside it."""

    worker_id: int
    name: str
    sex: str
    birth_on: date
    id_number_sealed: bytes
    id_number_index: str
    phone_sealed: bytes | None
    engagement_id: int
    team_id: int
    team_name: str
    company_id: int
    company_name: str
    trade: str | None
    entry_on: date
    exit_on: date | None
    has_template: bool
    """A live template for this project."""
    rate_fen: int | None
    """Of the terms that cover today; None when none does."""

    def __repr__(self) -> str:
        return f"RosterRow(worker_id={self.worker_id}, engagement_id={self.engagement_id})"


def find_worker(db: Session, id_number_index: str) -> int | None:
    """Return the worker with this blind index."""
    return db.execute(select(Worker.id).where(Worker.id_number_index == id_number_index)).scalar()


def add_worker(
    db: Session,
    *,
    name: str,
    id_number_sealed: bytes,
    id_number_index: str,
    sex: str,
    birth_on: date,
    phone_sealed: bytes | None = None,
    now: datetime,
) -> int:
    """Add a person and return his id.

    Raises:
        Conflict: ``worker_known``, the ID number is somebody's already.
    """
    new = insert_or_leave(
        db,
        Worker.__table__,
        name=name,
        id_number_sealed=id_number_sealed,
        id_number_index=id_number_index,
        sex=sex,
        birth_on=birth_on,
        phone_sealed=phone_sealed,
        created_at=now,
    )
    if not new:
        raise Conflict("worker_known")
    return db.execute(select(Worker.id).where(Worker.id_number_index == id_number_index)).scalar_one()


_WORKER_BY_ID = select(*(Worker.__table__.c[name] for name in WorkerInfo.__slots__)).where(
    Worker.__table__.c.id == bindparam("worker_id")
)


def worker(db: Session, worker_id: int) -> WorkerInfo:
    """Return a worker.

    Raises:
        NotFound: ``worker_unknown``.
    """
    row = db.execute(_WORKER_BY_ID, {"worker_id": worker_id}).first()
    if row is None:
        raise NotFound("worker_unknown")
    return WorkerInfo(*row)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is engaged: what a long list is searched and ordered by."""

    worker_id: int
    name: str
    team_id: int
    team: str
    company: str
    entry_on: date
    exit_on: date | None
    trade: str | None
    """His own, as his engagement has it."""


_PLACES = (
    select(Worker.id, Worker.name, Team.id, Team.name, Company.name, Engagement.entry_on, Engagement.exit_on, Engagement.trade)
    .select_from(Engagement)
    .join(Worker, Worker.id == Engagement.worker_id)
    .join(Team, Team.id == Engagement.team_id)
    .join(ProjectCompany, ProjectCompany.id == Engagement.project_company_id)
    .join(Company, Company.id == ProjectCompany.company_id)
    .where(Engagement.project_id == bindparam("project_id"))
    .order_by(Engagement.entry_on, Engagement.id)
)


def places(db: Session, project_id: int) -> list[Place]:
    """Return everybody's place by his latest engagement."""
    rows = db.execute(_PLACES, {"project_id": project_id})
    return [Place(*row) for row in {row[0]: row for row in rows}.values()]


def place_of(db: Session, project_id: int, worker_id: int) -> Place | None:
    """Return one worker's place by his latest engagement; None for somebody who was never engaged."""
    rows = db.execute(_PLACES.where(Engagement.worker_id == bindparam("worker_id")), {"project_id": project_id, "worker_id": worker_id}).all()
    return Place(*rows[-1]) if rows else None


def workers(db: Session, project_id: int, *, today: date, worker_id: int | None = None) -> list[RosterRow]:
    """Return the roster: one row for each engagement, in the order of entry.

    Args:
        today: the project's date whose rate is shown.
        worker_id: only his; None is everybody.
    """
    values = {"project_id": project_id, "today": today}
    if worker_id is not None:
        values["worker_id"] = worker_id
    return [RosterRow(*row) for row in db.execute(_roster(worker_id is not None), values)]


@cache
def _roster(of_worker: bool) -> Select[Any]:
    project_id, today = bindparam("project_id"), bindparam("today")
    own = Engagement.worker_id == bindparam("worker_id") if of_worker else true()
    enrolled = exists().where(
        FaceTemplate.project_id == project_id,
        FaceTemplate.worker_id == Worker.id,
        FaceTemplate.erased_at.is_(None),
    )
    rate = (
        select(WageTerm.rate_fen)
        .where(
            WageTerm.engagement_id == Engagement.id,
            WageTerm.voided_at.is_(None),
            WageTerm.valid_from <= today,
            or_(WageTerm.valid_to.is_(None), WageTerm.valid_to > today),
        )
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            Worker.id,
            Worker.name,
            Worker.sex,
            Worker.birth_on,
            Worker.id_number_sealed,
            Worker.id_number_index,
            Worker.phone_sealed,
            Engagement.id,
            Team.id,
            Team.name,
            Company.id,
            Company.name,
            Engagement.trade,
            Engagement.entry_on,
            Engagement.exit_on,
            enrolled,
            rate,
        )
        .select_from(Engagement)
        .join(Worker, Worker.id == Engagement.worker_id)
        .join(Team, Team.id == Engagement.team_id)
        .join(ProjectCompany, ProjectCompany.id == Engagement.project_company_id)
        .join(Company, Company.id == ProjectCompany.company_id)
        .where(Engagement.project_id == project_id, own)
        .order_by(Engagement.entry_on, Engagement.id)
    )


# --- engagements and terms ---------------------------------------------------------------------------------


def _overlaps(since: Any, to: Any, first: date, end: date | None) -> Any:
    """SQL: the half-open range [since, to) meets [first, end); a missing end is open."""
    meets = or_(to.is_(None), to > first)
    return meets if end is None else and_(meets, since < end)


def add_engagement(
    db: Session,
    *,
    worker_id: int,
    project_id: int,
    project_company_id: int,
    team_id: int,
    trade: str | None,
    entry_on: date,
    exit_on: date | None = None,
    now: datetime,
) -> int:
    """Add a worker's time with a team of a project; return its id.

    Raises:
        NotFound: ``worker_unknown``; ``team_unknown``, the team is not that company's on that project.
        BadRequest: ``exit_before_entry``.
        Conflict: ``engagement_overlaps``, he is engaged on this project within that time.
    """
    if exit_on is not None and exit_on <= entry_on:
        raise BadRequest("exit_before_entry")
    # Locked, so that two offices entering the same man at once stand in a line.
    locked = select(Worker.id).where(Worker.id == worker_id).with_for_update(key_share=True)
    if db.execute(locked).first() is None:
        raise NotFound("worker_unknown")
    at_home = select(Team.id).filter_by(id=team_id, project_company_id=project_company_id, project_id=project_id)
    if db.execute(at_home).first() is None:
        raise NotFound("team_unknown")
    meeting = select(Engagement.id).where(
        Engagement.worker_id == worker_id,
        Engagement.project_id == project_id,
        _overlaps(Engagement.entry_on, Engagement.exit_on, entry_on, exit_on),
    )
    if db.execute(meeting).first() is not None:
        raise Conflict("engagement_overlaps")
    return append(
        db,
        Engagement.__table__,
        worker_id=worker_id,
        project_id=project_id,
        project_company_id=project_company_id,
        team_id=team_id,
        trade=trade,
        entry_on=entry_on,
        exit_on=exit_on,
        created_at=now,
    )


def engagements(db: Session, project_id: int) -> tuple[EngagementFact, ...]:
    """Return every engagement of a project, past ones too."""
    return once(db, ("engagements", project_id), lambda: _engagements(db, project_id=project_id))


def engagements_of_some(db: Session, project_id: int, workers: Collection[int]) -> tuple[EngagementFact, ...]:
    """Return the engagements of some workers on a project, at most some hundreds."""
    asked = _engagements_by(("project_id",)).where(Engagement.worker_id.in_(bindparam("workers", expanding=True)))
    rows = db.execute(asked, {"project_id": project_id, "workers": sorted(workers)})
    return tuple(EngagementFact(*row) for row in rows)


def engagements_of(db: Session, project_id: int, worker_id: int) -> tuple[EngagementFact, ...]:
    """Return a worker's engagements on a project."""
    return _engagements(db, project_id=project_id, worker_id=worker_id)


def engagement(db: Session, project_id: int, engagement_id: int) -> EngagementFact:
    """Return one engagement of a project.

    Raises:
        NotFound: ``engagement_unknown``.
    """
    found = _engagements(db, project_id=project_id, id=engagement_id)
    if not found:
        raise NotFound("engagement_unknown")
    return found[0]


def _engagements(db: Session, **wanted: int) -> tuple[EngagementFact, ...]:
    rows = db.execute(_engagements_by(tuple(wanted)), wanted)
    return tuple(EngagementFact(*row) for row in rows)


@cache
def _engagements_by(columns: tuple[str, ...]) -> Select[Any]:
    engagement, company = Engagement.__table__, ProjectCompany.__table__
    own = engagement.c
    return (
        select(own.id, own.worker_id, own.project_id, company.c.company_id, own.team_id, own.entry_on, own.exit_on)
        .join_from(engagement, company, company.c.id == own.project_company_id)
        .where(*(own[name] == bindparam(name) for name in columns))
        .order_by(own.id)
    )


def exit_engagement(db: Session, engagement_id: int, exit_on: date) -> None:
    """Record the exit of a worker.

    Args:
        exit_on: the first day he no longer belongs to the project.

    Raises:
        NotFound: ``engagement_unknown``.
        BadRequest: ``exit_before_entry``.
        Conflict: ``engagement_over``, the exit is recorded already with another date.
    """
    row = db.execute(
        select(Engagement.entry_on, Engagement.exit_on).where(Engagement.id == engagement_id).with_for_update()
    ).first()
    if row is None:
        raise NotFound("engagement_unknown")
    if exit_on <= row.entry_on:
        raise BadRequest("exit_before_entry")
    if row.exit_on == exit_on:
        return
    if row.exit_on is not None:
        raise Conflict("engagement_over")
    db.execute(update(Engagement.__table__).where(Engagement.id == engagement_id).values(exit_on=exit_on))


def add_terms(
    db: Session,
    *,
    engagement_id: int,
    kind: str,
    rate_fen: int,
    valid_from: date,
    valid_to: date | None,
    recorded_by: str,
    now: datetime,
    supersedes_id: int | None = None,
    unit: str | None = None,
    minutes_per_day: int = 480,
    overtime_rule: str = "none",
    overtime_unit_minutes: int = 480,
    relation: str = "work_agreement",
    hours_system: str = "standard",
    month_method: str = "auto",
    hour_floor_fen: int | None = None,
    paper_id: int | None = None,
) -> int:
    """Add what a worker earns from ``valid_from`` on; return the id. Columns are those of ``facts.Terms``.

    Args:
        paper_id: the signed agreement, a file of evidence.

    Raises:
        NotFound: ``engagement_unknown``.
        Conflict: ``terms_overlap``, other terms that are not voided hold within that time.
    """
    locked = select(Engagement.id).where(Engagement.id == engagement_id).with_for_update(key_share=True)
    if db.execute(locked).first() is None:
        raise NotFound("engagement_unknown")
    meeting = select(WageTerm.id).where(
        WageTerm.engagement_id == engagement_id,
        WageTerm.voided_at.is_(None),
        _overlaps(WageTerm.valid_from, WageTerm.valid_to, valid_from, valid_to),
    )
    if db.execute(meeting).first() is not None:
        raise Conflict("terms_overlap")
    return append(
        db,
        WageTerm.__table__,
        engagement_id=engagement_id,
        kind=str(kind),
        rate_fen=rate_fen,
        unit=unit,
        minutes_per_day=minutes_per_day,
        overtime_rule=str(overtime_rule),
        overtime_unit_minutes=overtime_unit_minutes,
        relation=str(relation),
        hours_system=str(hours_system),
        month_method=str(month_method),
        hour_floor_fen=hour_floor_fen,
        paper_id=paper_id,
        valid_from=valid_from,
        valid_to=valid_to,
        recorded_at=now,
        recorded_by=recorded_by,
        supersedes_id=supersedes_id,
    )


def copy_terms(
    db: Session, terms_id: int, *, valid_from: date, valid_to: date | None, recorded_by: str, now: datetime
) -> int:
    """Record the same terms for other dates, naming the former as superseded; return the id.

    Raises:
        NotFound: ``terms_unknown``.
        Conflict: ``terms_overlap``, as ``add_terms``.
    """
    columns = [WageTerm.__table__.c[name] for name in ("engagement_id", *AGREED, "paper_id")]
    row = db.execute(select(*columns).where(WageTerm.id == terms_id)).first()
    if row is None:
        raise NotFound("terms_unknown")
    return add_terms(
        db,
        **row._mapping,
        valid_from=valid_from,
        valid_to=valid_to,
        recorded_by=recorded_by,
        now=now,
        supersedes_id=terms_id,
    )


def void_terms(db: Session, terms_id: int, now: datetime) -> None:
    """Void terms: from now on they were never agreed. The row stays.

    Raises:
        NotFound: ``terms_unknown``.
        Conflict: ``terms_voided`` already.
    """
    _change_terms(db, terms_id, voided_at=now)


def end_terms(db: Session, terms_id: int, valid_to: date) -> None:
    """Give running terms their end; once.

    Args:
        valid_to: the first day they no longer hold.

    Raises:
        NotFound: ``terms_unknown``.
        BadRequest: ``terms_end_before_start``; void them instead.
        Conflict: ``terms_voided``, or ``terms_ended`` already.
    """
    row = _change_terms(db, terms_id)
    if valid_to <= row.valid_from:
        raise BadRequest("terms_end_before_start")
    if row.valid_to is not None:
        raise Conflict("terms_ended")
    _change_terms(db, terms_id, valid_to=valid_to)


def _change_terms(db: Session, terms_id: int, **values: Any) -> Any:
    row = db.execute(
        select(WageTerm.valid_from, WageTerm.valid_to, WageTerm.voided_at)
        .where(WageTerm.id == terms_id)
        .with_for_update()
    ).first()
    if row is None:
        raise NotFound("terms_unknown")
    if row.voided_at is not None:
        raise Conflict("terms_voided")
    if values:
        db.execute(update(WageTerm.__table__).where(WageTerm.id == terms_id).values(**values))
    return row


AGREED = (
    "kind", "rate_fen", "unit", "minutes_per_day", "overtime_rule", "overtime_unit_minutes", "relation",
    "hours_system", "month_method", "hour_floor_fen",
)  # fmt: skip
"""Columns that say what was agreed, the same here and in ``facts.Terms``; the others say when and by whom."""

_TERMS = (
    WageTerm.id,
    WageTerm.engagement_id,
    Engagement.worker_id,
    WageTerm.kind,
    WageTerm.rate_fen,
    WageTerm.valid_from,
    WageTerm.valid_to,
    WageTerm.unit,
    WageTerm.minutes_per_day,
    WageTerm.overtime_rule,
    WageTerm.overtime_unit_minutes,
    WageTerm.relation,
    WageTerm.hours_system,
    WageTerm.month_method,
    WageTerm.hour_floor_fen,
)
# Enum calls cost as much as the rest of a row, and every worker of a project has one.
_KINDS = {str(k): k for k in PayKind}
_OVERTIME = {str(r): r for r in OvertimeRule}
_RELATIONS = {str(r): r for r in Relation}
_HOURS = {str(h): h for h in HoursSystem}
_METHODS = {str(m): m for m in MonthMethod}


def terms(
    db: Session, project_id: int, engagement_id: int | None = None, *, worker_id: int | None = None, workers: Collection[int] = ()
) -> tuple[Terms, ...]:
    """Return all terms of a project, or of one engagement, worker or some workers on it, that are not voided."""
    values = {"project_id": project_id, "worker_id": worker_id, "engagement_id": engagement_id, "workers": sorted(workers)}
    rows = db.execute(_terms_of(worker_id is not None, engagement_id is not None, bool(workers)), values)
    return tuple(
        Terms(
            id_, engagement, worker_id, _KINDS[kind], rate_fen, valid_from, valid_to, unit, minutes_per_day,
            _OVERTIME[overtime_rule], overtime_unit, _RELATIONS[relation], _HOURS[hours], _METHODS[method], floor_fen,
        )
        for id_, engagement, worker_id, kind, rate_fen, valid_from, valid_to, unit, minutes_per_day, overtime_rule,
        overtime_unit, relation, hours, method, floor_fen in rows
    )  # fmt: skip


@cache
def _terms_of(of_worker: bool, of_engagement: bool, of_some: bool) -> Select[Any]:
    wanted = [Engagement.project_id == bindparam("project_id"), WageTerm.voided_at.is_(None)]
    if of_some:
        wanted.append(Engagement.worker_id.in_(bindparam("workers", expanding=True)))
    if of_worker:
        wanted.append(Engagement.worker_id == bindparam("worker_id"))
    if of_engagement:
        wanted.append(WageTerm.engagement_id == bindparam("engagement_id"))
    joined = select(*_TERMS).join(Engagement, Engagement.id == WageTerm.engagement_id)
    return joined.where(*wanted).order_by(WageTerm.id)


# --- consent, templates, photographs -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConsentInfo:
    """A worker's latest word about his face on one project."""

    id: int
    worker_id: int
    project_id: int
    act: str
    """give or withdraw."""
    scope: tuple[str, ...]
    notice_version: str
    method: str
    at: datetime
    recorded_by: str
    recorded_at: datetime
    evidence_id: int | None
    """The signature or scan it rests on."""

    @property
    def given(self) -> bool:
        """True when it stands."""
        return self.act == "give"

    @property
    def declined(self) -> bool:
        """True when he was asked and agreed to nothing."""
        return self.act == "give" and not self.scope


def add_consent(
    db: Session,
    *,
    worker_id: int,
    project_id: int,
    act: str,
    scope: Sequence[str],
    notice_version: str,
    method: str,
    at: datetime,
    recorded_by: str,
    now: datetime,
    evidence_id: int | None = None,
) -> int:
    """Append an act of consent, ``give`` or ``withdraw``; return its id.

    Args:
        scope: what he agrees to; ``give`` with nothing is a refusal.
        evidence_id: the signature or scan it rests on.
    """
    if act not in ("give", "withdraw"):
        raise ValueError("consent is given or withdrawn")
    return append(
        db,
        Consent.__table__,
        worker_id=worker_id,
        project_id=project_id,
        act=act,
        scope=list(scope),
        notice_version=notice_version,
        method=method,
        at=at,
        recorded_by=recorded_by,
        recorded_at=now,
        evidence_id=evidence_id,
    )


# Of the table's columns, not of the class's: asked for every frame, and the mapper's way takes twice as long.
_CONSENT = Consent.__table__.c
_LATEST_CONSENT = (
    select(*(_CONSENT[name] for name in ConsentInfo.__slots__))
    .where(_CONSENT.worker_id == bindparam("worker_id"), _CONSENT.project_id == bindparam("project_id"))
    .order_by(_CONSENT.id.desc())
    .limit(1)
)


def latest_consent(db: Session, project_id: int, worker_id: int) -> ConsentInfo | None:
    """Return the latest act, or None when the worker never said anything."""
    row = db.execute(_LATEST_CONSENT, {"worker_id": worker_id, "project_id": project_id}).first()
    return None if row is None else ConsentInfo(*row[:4], tuple(row.scope), *row[5:])


def consents(db: Session, project_id: int, worker_id: int) -> tuple[ConsentInfo, ...]:
    """Return everything a worker said about his face on a project, oldest first."""
    columns = [Consent.__table__.c[name] for name in ConsentInfo.__slots__]
    rows = db.execute(
        select(*columns).where(Consent.project_id == project_id, Consent.worker_id == worker_id).order_by(Consent.id)
    )
    return tuple(ConsentInfo(*row[:4], tuple(row.scope), *row[5:]) for row in rows)


def photographs_kept(db: Session, project_id: int, worker_id: int) -> int:
    """Return how many enrolment photographs of a worker are kept on a project."""
    wanted = (
        select(func.count())
        .select_from(FacePhoto)
        .join(FaceTemplate, FaceTemplate.id == FacePhoto.template_id)
        .where(
            FaceTemplate.project_id == project_id, FaceTemplate.worker_id == worker_id, FacePhoto.erased_at.is_(None),
            FacePhoto.photo_sealed.is_not(None),
        )
    )
    return db.execute(wanted).scalar_one()


def template_kept(db: Session, project_id: int, worker_id: int) -> tuple[datetime, int] | None:
    """Return (when it was made, of how many photographs) of the template that a worker is known by on a project; None without one."""
    row = db.execute(
        select(FaceTemplate.created_at, FaceTemplate.photographs)
        .where(FaceTemplate.project_id == project_id, FaceTemplate.worker_id == worker_id, FaceTemplate.erased_at.is_(None))
        .order_by(FaceTemplate.id.desc())
        .limit(1)
    ).first()
    return None if row is None else (row[0], row[1])


def add_template(
    db: Session,
    *,
    worker_id: int,
    project_id: int,
    consent_id: int,
    contract_id: str,
    pack_id: str,
    template_sealed: bytes,
    photographs: int,
    now: datetime,
) -> int:
    """Keep a template and return its id; one it replaces (same worker, project, contract) is erased."""
    _erase(
        db,
        select(FaceTemplate.id).where(
            FaceTemplate.worker_id == worker_id,
            FaceTemplate.project_id == project_id,
            FaceTemplate.contract_id == contract_id,
            FaceTemplate.erased_at.is_(None),
        ),
        "replaced",
        now,
    )
    return append(
        db,
        FaceTemplate.__table__,
        worker_id=worker_id,
        project_id=project_id,
        consent_id=consent_id,
        contract_id=contract_id,
        pack_id=pack_id,
        template_sealed=template_sealed,
        photographs=photographs,
        created_at=now,
    )


def add_photo(
    db: Session, *, template_id: int, worker_id: int, photo_sealed: bytes, sha256: str, now: datetime
) -> int:
    """Keep an enrolment photograph; return its id. The caller has looked at the consent's scope."""
    return append(
        db,
        FacePhoto.__table__,
        template_id=template_id,
        worker_id=worker_id,
        photo_sealed=photo_sealed,
        sha256=sha256,
        created_at=now,
    )


def templates(db: Session, project_id: int, contract_id: str, *, worker_id: int | None = None) -> list[tuple[int, bytes]]:
    """Return (worker id, sealed template) of every live template whose worker has not withdrawn consent; of one worker or all."""
    later = aliased(Consent)
    withdrawn = exists().where(
        Consent.worker_id == FaceTemplate.worker_id,
        Consent.project_id == FaceTemplate.project_id,
        Consent.act == "withdraw",
        ~exists().where(
            later.worker_id == Consent.worker_id, later.project_id == Consent.project_id, later.id > Consent.id
        ),
    )
    wanted = (
        select(FaceTemplate.worker_id, FaceTemplate.template_sealed)
        .where(
            FaceTemplate.project_id == project_id,
            FaceTemplate.contract_id == contract_id,
            FaceTemplate.erased_at.is_(None),
            FaceTemplate.template_sealed.is_not(None),
            ~withdrawn,
        )
        .order_by(FaceTemplate.id)
    )
    rows = db.execute(wanted if worker_id is None else wanted.where(FaceTemplate.worker_id == worker_id))
    return [(worker_id, bytes(sealed)) for worker_id, sealed in rows]


def kept_photographs(db: Session, project_id: int) -> list[tuple[int, bytes]]:
    """Return (worker id, sealed photograph) of every kept enrolment photograph of a project's live templates."""
    rows = db.execute(
        select(FacePhoto.worker_id, FacePhoto.photo_sealed)
        .join(FaceTemplate, FaceTemplate.id == FacePhoto.template_id)
        .where(
            FaceTemplate.project_id == project_id,
            FaceTemplate.erased_at.is_(None),
            FacePhoto.erased_at.is_(None),
            FacePhoto.photo_sealed.is_not(None),
        )
        .order_by(FacePhoto.id)
    )
    return [(worker_id, bytes(sealed)) for worker_id, sealed in rows]


def foreign_templates(db: Session, project_id: int, contract_id: str) -> int:
    """How many workers of a project have a live template of another pack and none of this one: nobody is compared with them."""
    own = aliased(FaceTemplate)
    wanted = select(func.count(FaceTemplate.worker_id.distinct())).where(
        FaceTemplate.project_id == project_id,
        FaceTemplate.contract_id != contract_id,
        FaceTemplate.erased_at.is_(None),
        FaceTemplate.template_sealed.is_not(None),
        ~exists().where(
            own.project_id == FaceTemplate.project_id,
            own.worker_id == FaceTemplate.worker_id,
            own.contract_id == contract_id,
            own.erased_at.is_(None),
        ),
    )
    return db.execute(wanted).scalar_one()


def erase_templates(db: Session, project_id: int | None, worker_id: int, reason: str, now: datetime) -> int:
    """Erase a worker's templates and photographs, on one project or (None) everywhere; return how many templates."""
    wanted = select(FaceTemplate.id).where(FaceTemplate.worker_id == worker_id, FaceTemplate.erased_at.is_(None))
    if project_id is not None:
        wanted = wanted.where(FaceTemplate.project_id == project_id)
    return _erase(db, wanted, reason, now)


def _erase(db: Session, wanted: Select[tuple[int]], reason: str, now: datetime) -> int:
    ids = list(db.execute(wanted).scalars())
    if not ids:
        return 0
    db.execute(
        update(FacePhoto.__table__)
        .where(FacePhoto.template_id.in_(ids), FacePhoto.erased_at.is_(None))
        .values(photo_sealed=None, erased_at=now)
    )
    db.execute(
        update(FaceTemplate.__table__)
        .where(FaceTemplate.id.in_(ids))
        .values(template_sealed=None, erased_at=now, erased_reason=reason)
    )
    return len(ids)


_TEMPLATE = FaceTemplate.__table__.c
_GALLERY_VERSION = select(
    func.max(_TEMPLATE.id),
    func.count(_TEMPLATE.id) - func.count(_TEMPLATE.erased_at),
    func.max(_TEMPLATE.erased_at),
    select(func.max(Consent.__table__.c.id)).where(Consent.__table__.c.project_id == bindparam("project_id")).scalar_subquery(),
).where(_TEMPLATE.project_id == bindparam("project_id"), _TEMPLATE.contract_id == bindparam("contract_id"))


def gallery_version(db: Session, project_id: int, contract_id: str) -> tuple[Any, ...]:
    """Return a value that differs whenever ``templates`` may answer otherwise. Cheap, asked for every frame."""
    return tuple(db.execute(_GALLERY_VERSION, {"project_id": project_id, "contract_id": contract_id}).one())


# --- credentials -------------------------------------------------------------------------------------------


def add_credential(
    db: Session, *, worker_id: int, project_id: int, channel: str, value_index: str, now: datetime
) -> int:
    """Give a worker a card or code; return its id.

    Raises:
        Conflict: ``credential_taken``, a live one with this value exists on the project.
    """
    new = insert_or_leave(
        db,
        Credential.__table__,
        worker_id=worker_id,
        project_id=project_id,
        channel=str(channel),
        value_index=value_index,
        issued_at=now,
    )
    if not new:
        raise Conflict("credential_taken")
    return db.execute(_live(project_id, channel, value_index, Credential.id)).scalar_one()


def revoke_credential(db: Session, credential_id: int, now: datetime) -> None:
    """Take a card or code back. One already taken back stays as it was."""
    db.execute(
        update(Credential.__table__)
        .where(Credential.id == credential_id, Credential.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def worker_by_credential(db: Session, project_id: int, channel: str, value_index: str) -> int | None:
    """Return who holds a live card or code on this project."""
    return db.execute(_live(project_id, channel, value_index, Credential.worker_id)).scalar()


def _live(project_id: int, channel: str, value_index: str, column: Any) -> Select[tuple[int]]:
    return select(column).where(
        Credential.project_id == project_id,
        Credential.channel == str(channel),
        Credential.value_index == value_index,
        Credential.revoked_at.is_(None),
    )
