"""Use case: what a worker reads about himself, and nothing of anybody else: days, wages, slips, what is kept of his face.

    places     the projects he is on with his role
    days       his days of a month, each with its passages (我的考勤)
    wages      accrued, withheld, paid, owed, month by month (我的工资)
    slips      his lines of approved sheets (我的工资清单)
    face       his consent, and whether a template and photographs of him are kept (我的人脸)

Every function takes the project and worker of his role: the caller has them from ``access.own``, never from the request.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app import payroll, projection, sheets
from app.domain.workdays import next_month
from app.errors import ServiceError
from app.payroll import MonthAccount
from app.store import inspection as rows
from app.store import people
from app.store.people import ConsentInfo
from app.store.projection import DayLine
from app.vault import Vault


def days(db: Session, project_id: int, worker_id: int, month: date, now: datetime) -> list[DayLine]:
    """His days of a month, oldest first."""
    return projection.worker_days(db, project_id, worker_id, month, next_month(month), now)


def wages(db: Session, project_id: int, worker_id: int, now: datetime) -> tuple[MonthAccount, ...]:
    """His account, month by month."""
    return payroll.accounts_of(db, project_id, now, worker_id=worker_id).get(worker_id, ())


def slips(db: Session, vault: Vault, project_id: int, worker_id: int, month: date) -> list[sheets.Slip]:
    """His wage slips for a month. A line whose sheet is not approved yet, or was tampered with, has none."""
    found = []
    for line_id in rows.sheets_of(db, project_id, worker_id, month):
        try:
            found.append(sheets.slip(db, vault, project_id=project_id, line_id=line_id))
        except ServiceError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Face:
    """What is kept of his face on one project."""

    consent: ConsentInfo | None
    """His latest word; None when he never said anything."""
    has_template: bool
    erased_by_exit_days: int
    """Days after his last day by which everything is gone."""


def face(db: Session, project_id: int, worker_id: int, today: date, erased_by_exit_days: int) -> Face:
    """His consent and what is kept."""
    own = people.workers(db, project_id, today=today, worker_id=worker_id)
    return Face(people.latest_consent(db, project_id, worker_id), any(row.has_template for row in own), erased_by_exit_days)


def who(db: Session, project_id: int, worker_id: int) -> dict[str, Any]:
    """Himself on a project: name, project, team; for the head of his page."""
    place = next((p for p in people.places(db, project_id) if p.worker_id == worker_id), None)
    project = people.project(db, project_id)
    return {
        "project_id": project_id, "project": project.name, "name": people.worker(db, worker_id).name,
        "team": place.team if place else "", "entry_on": place.entry_on if place else None,
    }  # fmt: skip
