"""What was agreed: terms, allowances, advances, deductions, measured work.

    POST /v1/projects/{id}/engagements/{engagement_id}/terms        four kinds of pay
    POST /v1/projects/{id}/terms/{terms_id}/void
    GET|POST /v1/projects/{id}/allowances|advances|deductions|measures
    POST /v1/projects/{id}/allowances/{allowance_id}/end
    POST /v1/projects/{id}/measures/{measure_id}/acceptance         by another login than the recorder
    POST /v1/projects/{id}/voidings                                 take one of them back

Every write takes an ``Idempotency-Key``; nothing is edited.
"""

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from app import access, terms
from app.api.access import ROW_ID_MAX, Now, Someone, only, refusals
from app.api.once import WriteKey
from app.api.timekeeping import OF_PROJECT, Added, Reason, RowIdField, RowIdPath
from app.api.wages import ProjectId
from app.db import Reading, Tx
from app.fields import read_month
from app.store import people
from app.store import terms as kept
from app.store.terms import AdvanceInfo, AllowanceInfo, DeductionInfo, MeasureInfo

router = APIRouter(tags=["terms"])

EngagementId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the engagement", examples=[7])]
OnlyEngagement = Annotated[int | None, only("engagement")]
Fen = Annotated[StrictInt, Field(gt=0, le=10**11)]
WRITES = (*OF_PROJECT, (400, "key_malformed"), (409, "key_reused"))


class TermsIn(BaseModel):
    """What a worker earns, from a date on."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"kind": "day", "rate_fen": 40000, "valid_from": "2026-04-01", "overtime_rule": "law", "relation": "labour_contract"}
        }
    )
    kind: str = Field(max_length=8, description="day, hour, month or piece")
    rate_fen: Fen = Field(description="Fen per man-day, hour, month or unit")
    valid_from: date
    valid_to: date | None = None
    unit: str | None = Field(None, max_length=16)
    minutes_per_day: StrictInt = 480
    overtime_rule: str = Field(terms.UNSAID["overtime_rule"], max_length=8, description="law, units or none")
    overtime_unit_minutes: StrictInt = 480
    relation: str = Field(terms.UNSAID["relation"], max_length=16, description="labour_contract or work_agreement")
    hours_system: str = Field("standard", max_length=16)
    month_method: str = Field("auto", max_length=8)
    hour_floor_fen: StrictInt | None = None
    paper_id: RowIdField | None = None


@router.post(
    "/v1/projects/{project_id}/engagements/{engagement_id}/terms", summary="Agree on terms", status_code=201,
    response_model=Added, responses=refusals(*WRITES, (404, "engagement_unknown")),
)  # fmt: skip
def agree(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, engagement_id: EngagementId, body: TermsIn
) -> Response:
    """What held before ends the day before; a date in a closed month becomes back pay."""
    access.require_on(db, person, "terms.write", project_id)
    return key.once(
        db, now,
        lambda: Added(id=terms.agree(db, project_id=project_id, engagement_id=engagement_id, by=person.login, now=now, **body.model_dump())),
    )  # fmt: skip


@router.get("/v1/projects/{project_id}/terms", summary="Terms of a project", responses=refusals(*OF_PROJECT))
def list_terms(person: Someone, db: Reading, project_id: ProjectId, engagement_id: OnlyEngagement) -> list[people.Terms]:
    """Those that were not voided, by engagement and date."""
    access.require_on(db, person, "wages.read", project_id)
    found = [t for t in people.terms(db, project_id) if engagement_id in (None, t.engagement_id)]
    return sorted(found, key=lambda t: (t.engagement_id, t.valid_from))


@router.post(
    "/v1/projects/{project_id}/terms/{terms_id}/void", summary="Void terms", status_code=200, response_model=Added,
    responses=refusals(*WRITES, (404, "terms_unknown")),
)  # fmt: skip
def void_terms(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, terms_id: RowIdPath, body: Reason
) -> Response:
    """They were a mistake: from now on they were never agreed."""
    access.require_on(db, person, "terms.write", project_id)

    def work() -> Added:
        terms.void_terms(db, project_id=project_id, terms_id=terms_id, reason=body.reason, by=person.login, now=now)
        return Added(id=terms_id)

    return key.once(db, now, work, status=200)


class AllowanceIn(BaseModel):
    """津贴补贴."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"engagement_id": 7, "kind": "heat", "per": "day", "amount_fen": 1500, "valid_from": "2026-07-01"}}
    )
    engagement_id: RowIdField
    kind: str = Field(max_length=16, description="meal, housing, travel, heat, height, night, skill or other")
    per: str = Field(max_length=8, description="day, month or once")
    amount_fen: Fen
    valid_from: date
    valid_to: date | None = None
    note: str = Field("", max_length=500)


@router.get("/v1/projects/{project_id}/allowances", summary="Allowances", responses=refusals(*OF_PROJECT))
def list_allowances(person: Someone, db: Reading, project_id: ProjectId, engagement_id: OnlyEngagement) -> list[AllowanceInfo]:
    """Those that were not voided."""
    access.require_on(db, person, "wages.read", project_id)
    return kept.allowance_rows(db, project_id, engagement_id)


@router.post(
    "/v1/projects/{project_id}/allowances", summary="Add an allowance", status_code=201, response_model=Added,
    responses=refusals(*WRITES),
)  # fmt: skip
def add_allowance(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: AllowanceIn) -> Response:
    """Per day with worked time, per month, or once."""
    access.require_on(db, person, "terms.write", project_id)
    return key.once(
        db, now, lambda: Added(id=terms.add_allowance(db, project_id=project_id, by=person.login, now=now, **body.model_dump()))
    )


class AllowanceEnd(BaseModel):
    """When it ends."""

    model_config = ConfigDict(json_schema_extra={"example": {"valid_to": "2026-10-01"}})
    valid_to: date = Field(description="First day it no longer holds")


@router.post(
    "/v1/projects/{project_id}/allowances/{allowance_id}/end", summary="End an allowance", status_code=201, response_model=Added,
    responses=refusals(*WRITES, (404, "paper_unknown"), (409, "allowance_ended"), (409, "paper_posted")),
)  # fmt: skip
def end_allowance(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, allowance_id: RowIdPath, body: AllowanceEnd
) -> Response:
    """It is on file with its end as a new row, whose id is the answer."""
    access.require_on(db, person, "terms.write", project_id)
    return key.once(
        db, now,
        lambda: Added(
            id=terms.end_allowance(
                db, project_id=project_id, allowance_id=allowance_id, valid_to=body.valid_to, by=person.login, now=now
            )
        ),
    )  # fmt: skip


class AdvanceIn(BaseModel):
    """预支."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"engagement_id": 7, "amount_fen": 100000, "paid_on": "2026-03-15", "channel": "cash", "proof": "signed", "evidence": [4]}
        }
    )
    engagement_id: RowIdField
    amount_fen: Fen
    paid_on: date
    channel: str = Field(max_length=8, description="account, bank or cash")
    proof: str = Field(max_length=8, description="signed, bank or none; without proof it is never taken back from wages")
    reference: str | None = Field(None, max_length=100)
    evidence: list[RowIdField] = Field(default_factory=list, max_length=10)


@router.get("/v1/projects/{project_id}/advances", summary="Advances", responses=refusals(*OF_PROJECT))
def list_advances(person: Someone, db: Reading, project_id: ProjectId, engagement_id: OnlyEngagement) -> list[AdvanceInfo]:
    """Those that were not voided."""
    access.require_on(db, person, "wages.read", project_id)
    return kept.advance_rows(db, project_id, engagement_id)


@router.post(
    "/v1/projects/{project_id}/advances", summary="Record an advance", status_code=201, response_model=Added,
    responses=refusals(*WRITES),
)  # fmt: skip
def record_advance(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: AdvanceIn) -> Response:
    """Money given before the wages were worked out."""
    access.require_on(db, person, "payments.write", project_id)
    return key.once(
        db, now, lambda: Added(id=terms.record_advance(db, project_id=project_id, by=person.login, now=now, **body.model_dump()))
    )


class DeductionIn(BaseModel):
    """扣款."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"engagement_id": 7, "month": "2026-03", "kind": "damage", "amount_fen": 30000, "basis": "2026-03-12 赔偿协议，本人签字", "evidence": [5]}
        }
    )
    engagement_id: RowIdField
    month: str = Field(max_length=10)
    kind: str = Field(max_length=20, description="income_tax, social_insurance, housing_fund, court_order, damage or agreed")
    amount_fen: Fen
    basis: str = Field(max_length=500)
    evidence: list[RowIdField] = Field(default_factory=list, max_length=10)


@router.get("/v1/projects/{project_id}/deductions", summary="Deductions", responses=refusals(*OF_PROJECT))
def list_deductions(person: Someone, db: Reading, project_id: ProjectId, engagement_id: OnlyEngagement) -> list[DeductionInfo]:
    """Those that were not voided."""
    access.require_on(db, person, "wages.read", project_id)
    return kept.deduction_rows(db, project_id, engagement_id)


@router.post(
    "/v1/projects/{project_id}/deductions", summary="Record a deduction", status_code=201, response_model=Added,
    responses=refusals(*WRITES),
)  # fmt: skip
def record_deduction(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: DeductionIn) -> Response:
    """With the paper it rests on. The legal cap is applied when the sheet is drafted; what is over it is carried on."""
    access.require_on(db, person, "terms.write", project_id)
    content = body.model_dump() | {"month": read_month(body.month)}
    return key.once(db, now, lambda: Added(id=terms.record_deduction(db, project_id=project_id, by=person.login, now=now, **content)))


class ShareIn(BaseModel):
    """The agreed share of one worker."""

    engagement_id: RowIdField
    share: Annotated[StrictInt, Field(gt=0, le=10**9)]


class MeasureIn(BaseModel):
    """Measured work of a team."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "team_id": 3, "month": "2026-03", "measured_on": "2026-03-31", "item": "二层模板", "unit": "m2",
                "quantity_milli": 1250000, "unit_price_fen": 3800, "split_by": "days",
            }
        }
    )  # fmt: skip
    team_id: RowIdField
    month: str = Field(max_length=10)
    measured_on: date
    item: str = Field(max_length=100)
    unit: str = Field(max_length=16)
    quantity_milli: Annotated[StrictInt, Field(gt=0, le=10**12)]
    unit_price_fen: Fen
    percent: StrictInt = Field(100, ge=100, le=300)
    split_by: str = Field("days", max_length=8, description="days or shares")
    shares: list[ShareIn] = Field(default_factory=list, max_length=500)
    evidence: list[RowIdField] = Field(default_factory=list, max_length=10)


class AcceptanceIn(BaseModel):
    """The supervisor's word."""

    model_config = ConfigDict(json_schema_extra={"example": {"accepted": True, "note": "监理已验收"}})
    accepted: bool
    note: str = Field("", max_length=500)


@router.get("/v1/projects/{project_id}/measures", summary="Measured work", responses=refusals(*OF_PROJECT, (400, "month_malformed")))
def list_measures(
    person: Someone, db: Reading, project_id: ProjectId, month: Annotated[str | None, Query(max_length=10)] = None
) -> list[MeasureInfo]:
    """Those that were not voided, with their acceptance; a subcontractor's own teams only."""
    project = access.require_on(db, person, "sheets.read", project_id)
    teams = access.teams_of(db, person, project)
    found = kept.measure_rows(db, project_id, None if month is None else read_month(month))
    return [m for m in found if teams is None or m.team_id in teams]


@router.post(
    "/v1/projects/{project_id}/measures", summary="Record measured work", status_code=201, response_model=Added,
    responses=refusals(*WRITES, (404, "team_unknown")),
)  # fmt: skip
def add_measure(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: MeasureIn) -> Response:
    """Paid when accepted; split by the team's man-days of the month or by agreed shares, to the fen."""
    project = access.require_on(db, person, "measures.write", project_id)
    teams = access.teams_of(db, person, project, "measures.write")
    content = body.model_dump() | {
        "month": read_month(body.month), "shares": [(s.engagement_id, s.share) for s in body.shares],
    }  # fmt: skip
    return key.once(
        db, now, lambda: Added(id=terms.add_measure(db, project_id=project_id, teams=teams, by=person.login, now=now, **content))
    )


@router.post(
    "/v1/projects/{project_id}/measures/{measure_id}/acceptance", summary="Accept measured work, or not",
    status_code=201, response_model=Added, responses=refusals(*WRITES),
)  # fmt: skip
def accept_measure(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, measure_id: RowIdPath, body: AcceptanceIn
) -> Response:
    """Once, by another login than the one who recorded it."""
    access.require_on(db, person, "measures.accept", project_id)

    def work() -> Added:
        terms.accept_measure(
            db, project_id=project_id, measure_id=measure_id, accepted=body.accepted, note=body.note, by=person.login, now=now
        )
        return Added(id=measure_id)

    return key.once(db, now, work)


class VoidingIn(BaseModel):
    """What is taken back and why."""

    model_config = ConfigDict(json_schema_extra={"example": {"kind": "advance", "row_id": 4, "reason": "重复录入"}})
    kind: Literal["allowance", "advance", "deduction", "work_measure"]
    row_id: RowIdField
    reason: str = Field(max_length=500)


@router.post(
    "/v1/projects/{project_id}/voidings", summary="Take an entry back", status_code=201, response_model=Added,
    responses=refusals(*WRITES),
)  # fmt: skip
def void(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: VoidingIn) -> Response:
    """It stays on file and does not count. What is on a posted line cannot be taken back: enter the opposite."""
    project = access.require_on(db, person, "measures.write" if body.kind == "work_measure" else "terms.write", project_id)
    teams = access.teams_of(db, person, project, "measures.write") if body.kind == "work_measure" else None

    def work() -> Added:
        terms.void(
            db, project_id=project_id, kind=body.kind, row_id=body.row_id, reason=body.reason, teams=teams, by=person.login, now=now
        )
        return Added(id=body.row_id)

    return key.once(db, now, work)
