"""What the bureau looks at.

    GET /v1/projects/{id}/three-way?month=&everybody=        people, days and money by gate, sheet and bank (三方核对)
    GET /v1/projects/{id}/three-way/{worker_id}?month=       one worker's month down to passages, line, signature, transfer
    POST /v1/projects/{id}/workers/{worker_id}/identity      ID and telephone number in full, for a purpose, journalled
    GET /v1/county                                           the reader's projects in colours, with the reason
"""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app import access, inspection
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, refusals
from app.api.wages import ProjectId
from app.db import Reading, Tx
from app.domain.threeway import Row, Sums
from app.fields import read_month

router = APIRouter(tags=["inspection"])

Month = Annotated[str, Query(max_length=10, examples=["2026-03"])]
WorkerId = Annotated[int, Path(ge=1, le=ROW_ID_MAX)]
MONTH = ((400, "month_malformed"), (400, "month_in_future"), (400, "month_out_of_range"))


class SumsOut(BaseModel):
    """One of the three sides."""

    model_config = ConfigDict(from_attributes=True)
    people: int
    day_milli: int = Field(description="Man-days in thousandths; of the bank: on lines that are paid whole")
    fen: int = Field(description="Gross wages by gate and sheet; money received by bank")


class PersonOut(BaseModel):
    """One worker, three times; null where a side has nothing of him."""

    worker_id: int
    team_id: int | None
    gate_day_milli: int
    undecided_days: int
    accrued_fen: int
    sheet_day_milli: int | None
    gross_fen: int | None
    net_fen: int | None
    paid_fen: int
    outside_fen: int
    transit_fen: int
    differences: list[str]
    red: bool
    at_stake_fen: int = Field(description="The largest of the sums that differ")


class ThreeWayOut(BaseModel):
    """A project's month by gate, sheet and bank."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "month": "2026-03-01", "due_on": "2026-04-15", "is_due": True, "has_sheet": True,
                "gate": {"people": 2, "day_milli": 44000, "fen": 1760000}, "sheet": {"people": 2, "day_milli": 44000, "fen": 1760000},
                "bank": {"people": 1, "day_milli": 22000, "fen": 880000}, "net_fen": 1760000, "withheld_fen": 0, "outside_fen": 0,
                "transit_fen": 0, "undecided_days": 0, "differences": {"unpaid": 1}, "people": [],
            }
        }
    )  # fmt: skip
    month: date
    due_on: date
    is_due: bool
    has_sheet: bool
    gate: SumsOut
    sheet: SumsOut
    bank: SumsOut
    net_fen: int
    withheld_fen: int
    outside_fen: int
    transit_fen: int
    undecided_days: int
    differences: dict[str, int] = Field(description="Kind of difference -> people")
    people: list[PersonOut] = Field(description="Those who differ, the most first; everybody when asked")


@router.get(
    "/v1/projects/{project_id}/three-way", summary="Gate, sheet and bank", responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, *MONTH)
)
def three_way(person: Someone, db: Reading, now: Now, project_id: ProjectId, month: Month, everybody: bool = False) -> ThreeWayOut:
    """Who worked and was not paid, who was paid and did not work, and whose days or sums do not agree."""
    access.require_on(db, person, "wages.read", project_id)
    told = inspection.three_way(db, project_id, read_month(month), now)
    check = told.check
    return ThreeWayOut(
        month=told.month, due_on=told.due_on, is_due=check.is_due, has_sheet=check.has_sheet,
        gate=_sums(check.gate), sheet=_sums(check.sheet), bank=_sums(check.bank),
        net_fen=check.net_fen, withheld_fen=check.withheld_fen, outside_fen=check.outside_fen, transit_fen=check.transit_fen,
        undecided_days=check.undecided_days, differences={str(kind): count for kind, count in check.counts.items()},
        people=[_person(row) for row in (check.rows if everybody else check.differing)],
    )  # fmt: skip


@router.get(
    "/v1/projects/{project_id}/three-way/{worker_id}",
    summary="One worker's month, down to the passages",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (404, "worker_not_on_project"), *MONTH),
)
def strip(person: Someone, db: Reading, now: Now, project_id: ProjectId, worker_id: WorkerId, month: Month) -> dict[str, Any]:
    """His row of the check with days, sessions, passages, corrections, terms, lines, signatures, transfers and payments."""
    access.require_on(db, person, "wages.read", project_id)
    told = inspection.strip(db, project_id, worker_id, read_month(month), now)
    return {
        "check": _person(told.row).model_dump(),
        "due_on": told.due_on,
        "is_due": told.is_due,
        "days": told.days,
        "month_items": told.month_items,
        "corrections": told.corrections,
        "terms": told.terms,
        "lines": told.lines,
        "payments": [
            {"id": p.id, "amount_fen": p.amount_fen, "paid_on": p.paid_on, "channel": str(p.channel), "reverses_id": p.reverses_id}
            for p in told.payments
        ],
        "finding_ids": [f.id for f in told.findings],
    }


class RevealIn(BaseModel):
    """What for."""

    model_config = ConfigDict(json_schema_extra={"example": {"purpose": "complaint", "note": "投诉 2026-041 号核对本人"}})
    purpose: str = Field(max_length=20, description="complaint, inspection, payment, correction or worker_request")
    note: str = Field(max_length=200, description="The case or the request; at least four characters")


class RevealOut(BaseModel):
    """ID and telephone number in full."""

    id_number: str
    phone: str


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/identity",
    summary="A worker's numbers in full",
    responses=refusals(
        NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (404, "worker_not_on_project"), (400, "purpose_unknown"), (400, "purpose_note_needed")
    ),
)
def reveal(
    request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, worker_id: WorkerId, body: RevealIn
) -> RevealOut:
    """For a purpose; who looked, at whom, what for and when is in the journal."""
    access.require_on(db, person, "identity.reveal", project_id)
    found = inspection.reveal(
        db, request.app.state.vault, project_id=project_id, worker_id=worker_id, purpose=body.purpose, note=body.note,
        by=person.login, now=now,
    )  # fmt: skip
    return RevealOut(id_number=found.id_number, phone=found.phone)


class CountyLine(BaseModel):
    """A project in its colour."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "project_id": 1, "code": "HY-2026-001", "name": "示例项目", "area_code": "330424", "level": "red", "rule": "worked_without_pay",
                "count": 3, "finding_id": 12, "red": 4, "yellow": 2, "overdue": 1, "people": 86, "last_seen_at": "2026-04-20T10:00:00Z",
                "overdue_fen": 2364000, "oldest": "2026-03-01",
            }
        }
    )  # fmt: skip
    project_id: int
    code: str
    name: str
    area_code: str
    level: str = Field(description="red, yellow, green, or grey when nobody has looked")
    rule: str = Field(description="The rule that makes the colour; empty for green and grey")
    count: int
    finding_id: int = Field(description="The oldest finding of that rule; 0 without one")
    red: int
    yellow: int
    overdue: int = Field(description="Findings past their deadline")
    people: int
    last_seen_at: datetime | None
    overdue_fen: int | None = Field(description="Owed past its pay day; null until the worker has worked the days out")
    oldest: date | None = Field(description="The oldest month of that")


@router.get("/v1/county", summary="Projects in colours", responses=refusals(NOBODY, NOT_ALLOWED))
def county(person: Someone, db: Reading, now: Now) -> list[CountyLine]:
    """The projects of the reader's area, the worst first."""
    access.require(person, "county.read")
    return [
        CountyLine(
            project_id=line.project.id, code=line.project.code, name=line.project.name, area_code=line.project.area_code,
            level=line.colour.level, rule=line.colour.rule, count=line.colour.count, finding_id=line.colour.finding_id,
            red=line.colour.red, yellow=line.colour.yellow, overdue=line.colour.overdue, people=line.people,
            last_seen_at=line.last_seen_at, overdue_fen=line.overdue_fen, oldest=line.oldest,
        )
        for line in inspection.county(db, access.inspected(db, person), now)
    ]  # fmt: skip


def _sums(sums: Sums) -> SumsOut:
    return SumsOut.model_validate(sums)


def _person(row: Row) -> PersonOut:
    gate, sheet, bank = row.gate, row.sheet, row.bank
    return PersonOut(
        worker_id=row.worker_id, team_id=row.team_id,
        gate_day_milli=gate.day_milli if gate else 0, undecided_days=gate.undecided_days if gate else 0,
        accrued_fen=gate.accrued_fen if gate else 0,
        sheet_day_milli=sheet.day_milli if sheet else None, gross_fen=sheet.gross_fen if sheet else None,
        net_fen=sheet.net_fen if sheet else None,
        paid_fen=bank.paid_fen if bank else 0, outside_fen=bank.outside_fen if bank else 0, transit_fen=bank.transit_fen if bank else 0,
        differences=[str(each) for each in row.differences], red=row.is_red, at_stake_fen=row.at_stake_fen,
    )  # fmt: skip
