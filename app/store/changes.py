"""What was entered about a worker or company and put right since (更正): rows that say what it said before, and the rows that hold."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.facts import Engagement as EngagementFact
from app.store import append, timekeeping
from app.store import terms as papers
from app.store.money import midnight
from app.tables import (
    Company,
    CompanyChange,
    Engagement,
    MeasureRow,
    MeasureShareRow,
    PassageRow,
    PayrollLine,
    ProjectCompany,
    Team,
    Worker,
    WorkerChange,
)


@dataclass(frozen=True, slots=True)
class ChangeInfo:
    """Something that was put right."""

    id: int
    project_id: int
    worker_id: int
    engagement_id: int | None
    field: str
    """name, phone, team or entry_on."""
    was: str | None
    became: str | None
    was_sealed: bytes | None = field(repr=False)
    became_sealed: bytes | None = field(repr=False)
    reason: str
    changed_by: str
    changed_at: datetime

    def __repr__(self) -> str:
        # Names are in here, and tracebacks are read by others.
        return f"ChangeInfo(id={self.id})"


_CHANGE = [WorkerChange.__table__.c[name] for name in ChangeInfo.__slots__]


def add(
    db: Session,
    *,
    project_id: int,
    worker_id: int,
    field: str,
    reason: str,
    by: str,
    now: datetime,
    engagement_id: int | None = None,
    was: str | None = None,
    became: str | None = None,
    was_sealed: bytes | None = None,
    became_sealed: bytes | None = None,
) -> int:
    """Append a change; return its id. The row that holds is changed by whoever calls."""
    return append(
        db, WorkerChange.__table__, project_id=project_id, worker_id=worker_id, engagement_id=engagement_id, field=field, was=was,
        became=became, was_sealed=was_sealed, became_sealed=became_sealed, reason=reason, changed_by=by, changed_at=now,
    )  # fmt: skip


def of_worker(db: Session, project_id: int, worker_id: int) -> tuple[ChangeInfo, ...]:
    """Return what was put right about a worker on a project, and about the person wherever that was; newest first."""
    here = or_(WorkerChange.project_id == project_id, WorkerChange.engagement_id.is_(None))
    rows = db.execute(select(*_CHANGE).where(WorkerChange.worker_id == worker_id, here).order_by(WorkerChange.id.desc()))
    return tuple(ChangeInfo(*row) for row in rows)


def rename(db: Session, worker_id: int, name: str) -> None:
    """Say what somebody is called."""
    db.execute(update(Worker.__table__).where(Worker.id == worker_id).values(name=name))


def set_phone(db: Session, worker_id: int, phone_sealed: bytes) -> None:
    """Say how somebody is telephoned."""
    db.execute(update(Worker.__table__).where(Worker.id == worker_id).values(phone_sealed=phone_sealed))


def move(db: Session, engagement_id: int, *, team_id: int, project_company_id: int) -> None:
    """Put an engagement into another team."""
    said = {"team_id": team_id, "project_company_id": project_company_id}
    db.execute(update(Engagement.__table__).where(Engagement.id == engagement_id).values(**said))


def begin(db: Session, engagement_id: int, entry_on: date) -> None:
    """Say when an engagement began."""
    db.execute(update(Engagement.__table__).where(Engagement.id == engagement_id).values(entry_on=entry_on))


def lock(db: Session, worker_id: int) -> None:
    """Let one transaction at a time change a person."""
    db.execute(select(Worker.id).where(Worker.id == worker_id).with_for_update(key_share=True))


def projects_of(db: Session, worker_id: int) -> list[int]:
    """Return the projects on whose roster somebody stands or stood."""
    return sorted(db.execute(select(Engagement.project_id).where(Engagement.worker_id == worker_id).distinct()).scalars())


def first_rest(db: Session, engagement: EngagementFact, time_zone: str) -> date | None:
    """Return the first date of anything that rests on an engagement: a passage, a correction, leave, money; None for nothing."""
    project_id, worker_id = engagement.project_id, engagement.worker_id
    passed = select(func.min(PassageRow.occurred_at)).where(
        PassageRow.project_id == project_id, PassageRow.worker_id == worker_id, PassageRow.verdict != "refuse",
        PassageRow.occurred_at >= midnight(engagement.entry_on, time_zone),
    )  # fmt: skip
    if engagement.exit_on is not None:
        passed = passed.where(PassageRow.occurred_at < midnight(engagement.exit_on, time_zone))
    first_at = db.execute(passed).scalar()
    end = engagement.exit_on or date.max
    asked = timekeeping.corrections_of(db, project_id, engagement.entry_on, end, worker_id)
    measured = select(func.min(MeasureRow.measured_on)).join(MeasureShareRow, MeasureShareRow.measure_id == MeasureRow.id)
    measured_on = db.execute(measured.where(MeasureShareRow.engagement_id == engagement.id)).scalar()
    found = [
        first_at.astimezone(ZoneInfo(time_zone)).date() if first_at else None,
        measured_on,
        *(one.work_date for one in asked if one.state not in ("rejected", "withdrawn")),
        *(
            max(one.from_on, engagement.entry_on)
            for one in timekeeping.marks(db, project_id)
            if one.worker_id == worker_id and one.to_on > engagement.entry_on and one.from_on < end
        ),
        *(row.valid_from for row in papers.allowance_rows(db, project_id, engagement.id)),
        *(row.paid_on for row in papers.advance_rows(db, project_id, engagement.id)),
        *(row.month for row in papers.deduction_rows(db, project_id, engagement.id)),
    ]
    return min((on for on in found if on is not None), default=None)


def has_lines(db: Session, engagement_id: int) -> bool:
    """True when a sheet of wages has a line of an engagement."""
    return db.execute(select(PayrollLine.id).where(PayrollLine.engagement_id == engagement_id).limit(1)).first() is not None


# --- companies -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CompanyChangeInfo:
    """Something of a company that was put right."""

    id: int
    project_id: int
    company_id: int
    project_company_id: int | None
    """None for what is the company's own, on every project."""
    field: str
    """name, uscc, role or entry_on."""
    was: str | None
    became: str | None
    reason: str
    changed_by: str
    changed_at: datetime


_COMPANY_CHANGE = [CompanyChange.__table__.c[name] for name in CompanyChangeInfo.__slots__]


def add_of_company(
    db: Session, *, project_id: int, company_id: int, field: str, was: str | None, became: str | None, reason: str, by: str,
    now: datetime, project_company_id: int | None = None,
) -> int:  # fmt: skip
    """Append a change of a company; return its id. The row that holds is changed by whoever calls."""
    return append(
        db, CompanyChange.__table__, project_id=project_id, company_id=company_id, project_company_id=project_company_id, field=field,
        was=was, became=became, reason=reason, changed_by=by, changed_at=now,
    )  # fmt: skip


def of_companies(db: Session, project_id: int) -> tuple[CompanyChangeInfo, ...]:
    """Return what was put right about the companies of a project here, and about each company wherever that was; newest first."""
    here = select(ProjectCompany.company_id).where(ProjectCompany.project_id == project_id)
    of_project = or_(CompanyChange.project_id == project_id, CompanyChange.project_company_id.is_(None))
    rows = db.execute(
        select(*_COMPANY_CHANGE).where(CompanyChange.company_id.in_(here), of_project).order_by(CompanyChange.id.desc())
    )
    return tuple(CompanyChangeInfo(*row) for row in rows)


def lock_company(db: Session, company_id: int) -> None:
    """Let one transaction at a time change a company."""
    db.execute(select(Company.id).where(Company.id == company_id).with_for_update(key_share=True))


def set_company(db: Session, company_id: int, *, name: str, uscc: str | None) -> None:
    """Say what a company is called and which credit code it has."""
    db.execute(update(Company.__table__).where(Company.id == company_id).values(name=name, uscc=uscc))


def set_company_role(db: Session, project_company_id: int, *, role: str, entry_on: date) -> None:
    """Say what a company is on a project and since when."""
    db.execute(update(ProjectCompany.__table__).where(ProjectCompany.id == project_company_id).values(role=role, entry_on=entry_on))


def company_of_code(db: Session, uscc: str) -> int | None:
    """Return the company that has a credit code."""
    return db.execute(select(Company.id).where(Company.uscc == uscc)).scalar()


def homes_of_company(db: Session, company_id: int) -> list[tuple[int, int]]:
    """Return (project, id of its first role there) of every project a company is on."""
    found = select(ProjectCompany.project_id, func.min(ProjectCompany.id)).where(ProjectCompany.company_id == company_id)
    return [tuple(row) for row in db.execute(found.group_by(ProjectCompany.project_id).order_by(ProjectCompany.project_id))]


# --- seals -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Put:
    """A column of a row that was put right: what it said first, and what it was made in the end."""

    first: Any
    last: Any


def put_right(db: Session, table: str) -> dict[int, dict[str, Put]]:
    """Return what was put right in rows of ``worker``, ``engagement``, ``company`` or ``project_company``: row id -> column -> its
    first and its last value."""
    if table in ("company", "project_company"):
        return _put_right_of_companies(db, table)
    found: dict[int, dict[str, Put]] = {}
    if table not in ("worker", "engagement"):
        return found
    wanted = select(WorkerChange.worker_id, WorkerChange.engagement_id, WorkerChange.field, WorkerChange.was, WorkerChange.became)
    homes = dict(map(tuple, db.execute(select(Team.id, Team.project_company_id)))) if table == "engagement" else {}
    for worker_id, engagement_id, what, was, became in db.execute(wanted.order_by(WorkerChange.id)):
        made: dict[str, tuple[Any, Any]] = {}
        if what == "name":
            made = {"name": (was, became)}
        elif what == "entry_on":
            made = {"entry_on": (date.fromisoformat(was), date.fromisoformat(became))}
        elif what == "team":
            made = {"team_id": (int(was), int(became)), "project_company_id": (homes.get(int(was)), homes.get(int(became)))}
        if (what == "name") != (table == "worker"):
            continue
        row = found.setdefault(worker_id if table == "worker" else engagement_id, {})
        for column, (first, last) in made.items():
            row.setdefault(column, Put(first, last)).last = last
    return {row_id: columns for row_id, columns in found.items() if columns}


def _put_right_of_companies(db: Session, table: str) -> dict[int, dict[str, Put]]:
    found: dict[int, dict[str, Put]] = {}
    whose = CompanyChange.company_id if table == "company" else CompanyChange.project_company_id
    role_id = CompanyChange.project_company_id
    own = role_id.is_(None) if table == "company" else role_id.is_not(None)
    wanted = select(whose, CompanyChange.field, CompanyChange.was, CompanyChange.became).where(own).order_by(CompanyChange.id)
    for row_id, column, was, became in db.execute(wanted):
        first, last = (date.fromisoformat(was), date.fromisoformat(became)) if column == "entry_on" else (was, became)
        found.setdefault(row_id, {}).setdefault(column, Put(first, last)).last = last
    return found
