"""Months, payroll sheets, signatures, slips and settlements.

    GET  /v1/projects/{id}/months                                   open, locked, closed, with what is in the way
    POST /v1/projects/{id}/months/{month}/lock|close
    POST /v1/projects/{id}/months/{month}/sheets                    draft one team's sheet, or all
    GET  /v1/projects/{id}/sheets?month=, /sheets/{sheet_id}
    POST /v1/projects/{id}/sheets/{sheet_id}/acts                   submitted, checked, publicised, approved, returned
    POST /v1/projects/{id}/lines/{line_id}/confirmations            the worker's word, bound to the line's hash
    GET  /v1/projects/{id}/back-pay-proposals                       closed months that came out lower than they were posted
    POST /v1/projects/{id}/back-pay-consents                        his word on a negative difference
    GET  /v1/projects/{id}/lines/{line_id}/slip, /v1/slips/{code}   wage slip; is this slip true?
    GET  /v1/projects/{id}/why?payment_id=|line_id=|worker_id=&on=  payment -> line -> day -> passage in one answer
    GET|POST /v1/projects/{id}/settlements, POST .../{id}/confirmations, POST .../{id}/release
    GET  /v1/projects/{id}/arrears

Every write takes an ``Idempotency-Key``.
"""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from sqlalchemy.orm import Session

from app import access, periods, settlements, sheets
from app.api.access import Now, Someone, only, refusals
from app.api.once import WriteKey
from app.api.timekeeping import OF_PROJECT, RowIdField, RowIdPath
from app.api.wages import ProjectId
from app.db import Reading, Tx, Whole
from app.errors import BadRequest, NotFound
from app.fields import read_month
from app.store import sheets as kept
from app.web import language_of
from app.wording import sentence

router = APIRouter(tags=["payroll"])

WRITES = (*OF_PROJECT, (400, "key_malformed"), (409, "key_reused"))
MonthPath = Annotated[str, Path(max_length=10, examples=["2026-03"])]


# --- months ----------------------------------------------------------------------------------------------------


@router.get("/v1/projects/{project_id}/months", summary="Months of a project", responses=refusals(*OF_PROJECT))
def list_months(person: Someone, db: Reading, now: Now, project_id: ProjectId) -> list[periods.MonthState]:
    """Each with its state and its sheets, oldest first."""
    access.require_on(db, person, "sheets.read", project_id)
    return list(periods.overview(db, project_id, now))


@router.get(
    "/v1/projects/{project_id}/months/{month}/blockers", summary="What is in the way of the next step",
    responses=refusals(*OF_PROJECT, (400, "month_malformed")),
)  # fmt: skip
def list_blockers(person: Someone, db: Reading, now: Now, project_id: ProjectId, month: MonthPath) -> list[Any]:
    """Of locking an open month, of closing a locked one; empty when nothing is."""
    access.require_on(db, person, "sheets.read", project_id)
    return list(periods.blockers(db, project_id, read_month(month), now))


@router.post(
    "/v1/projects/{project_id}/months/{month}/lock", summary="Lock a month", status_code=200,
    responses=refusals(*WRITES, (409, "period_blocked")),
)  # fmt: skip
def lock(
    request: Request, person: Someone, database: Whole, key: WriteKey, now: Now, project_id: ProjectId, month: MonthPath
) -> Response:
    """Its days are decided; the sheets are drafted from it."""
    with database.read() as db:
        access.require_on(db, person, "periods.write", project_id)
    told = {"project_id": project_id, "month": read_month(month), "now": now}
    fresh = request.app.state.months.before(database, **told)
    with database.write() as db:
        access.require_on(db, person, "periods.write", project_id)
        return key.once(db, now, lambda: periods.lock(db, **told, by=person.login, fresh=fresh), status=200)


@router.post(
    "/v1/projects/{project_id}/months/{month}/close", summary="Close a month", status_code=200,
    responses=refusals(*WRITES, (409, "period_blocked")),
)  # fmt: skip
def close(
    request: Request, person: Someone, database: Whole, key: WriteKey, now: Now, project_id: ProjectId, month: MonthPath
) -> Response:
    """Every line is posted; the month never opens again. What comes later is back pay."""
    with database.read() as db:
        access.require_on(db, person, "periods.close", project_id)
    told = {"project_id": project_id, "month": read_month(month), "now": now}
    fresh = request.app.state.months.before(database, **told)
    with database.write() as db:
        access.require_on(db, person, "periods.close", project_id)
        return key.once(db, now, lambda: periods.close(db, **told, by=person.login, fresh=fresh), status=200)


# --- sheets ----------------------------------------------------------------------------------------------------


class DraftIn(BaseModel):
    """Which team."""

    model_config = ConfigDict(json_schema_extra={"example": {"team_id": 3}})
    team_id: RowIdField | None = Field(None, description="All teams when absent")


@router.post(
    "/v1/projects/{project_id}/months/{month}/sheets", summary="Draft sheets", status_code=201,
    responses=refusals(*WRITES, (409, "period_not_locked")),
)  # fmt: skip
def draft(
    request: Request, person: Someone, database: Whole, key: WriteKey, now: Now, project_id: ProjectId, month: MonthPath,
    body: DraftIn,
) -> Response:  # fmt: skip
    """Written by the system from attendance and terms. Unchanged content is the version that is there."""

    def allowed(db: Session) -> None:
        project = access.require_on(db, person, "sheets.draft", project_id)
        teams = access.teams_of(db, person, project, "sheets.draft")
        if teams is not None and body.team_id is None:
            raise BadRequest("team_needed")
        if teams is not None and body.team_id not in teams:
            raise NotFound("team_unknown")

    with database.read() as db:
        allowed(db)
    told = {"project_id": project_id, "month": read_month(month), "now": now}
    fresh = request.app.state.months.before(database, **told, team_id=body.team_id)
    with database.write() as db:
        allowed(db)

        def work() -> list[sheets.Drafted]:
            if body.team_id is not None:
                return [sheets.draft(db, team_id=body.team_id, **told, by=person.login, fresh=fresh)]
            return list(sheets.draft_all(db, **told, by=person.login, fresh=fresh))

        return key.once(db, now, work)


@router.get(
    "/v1/projects/{project_id}/sheets", summary="Sheets", responses=refusals(*OF_PROJECT, (400, "month_malformed"))
)
def list_sheets(
    person: Someone, db: Reading, project_id: ProjectId, month: Annotated[str | None, Query(max_length=10)] = None
) -> list[sheets.TeamSheet]:
    """The latest version of each team and month; one's own teams only."""
    project = access.require_on(db, person, "sheets.read", project_id)
    teams = access.teams_of(db, person, project)
    found = sheets.sheets_of(db, project_id, None if month is None else read_month(month))
    return [s for s in found if teams is None or s.sheet.team_id in teams]


def _own_sheet(db: Any, person: access.Person, project: Any, sheet_id: int, action: str | None = None) -> None:
    """Somebody of one team may not know of another team's sheet."""
    teams = access.teams_of(db, person, project, action)
    if teams is None:
        return
    found = kept.sheet(db, sheet_id)
    if found.project_id != project.id or found.team_id not in teams:
        raise NotFound("sheet_unknown")


@router.get(
    "/v1/projects/{project_id}/sheets/{sheet_id}", summary="A sheet with its lines",
    responses=refusals(*OF_PROJECT, (404, "sheet_unknown")),
)  # fmt: skip
def show_sheet(person: Someone, db: Reading, now: Now, project_id: ProjectId, sheet_id: RowIdPath) -> sheets.SheetView:
    """Lines with signatures, beside what the gate says now."""
    project = access.require_on(db, person, "sheets.read", project_id)
    _own_sheet(db, person, project, sheet_id)
    return sheets.view(db, project_id=project_id, sheet_id=sheet_id, now=now)


class ActIn(BaseModel):
    """A step of a sheet."""

    model_config = ConfigDict(json_schema_extra={"example": {"act": "submitted", "note": ""}})
    act: Literal["submitted", "checked", "publicised", "approved", "returned"]
    note: str = Field("", max_length=500)


_ACTS = {
    "submitted": ("sheets.submit", sheets.submit),
    "checked": ("sheets.check", sheets.check),
    "publicised": ("sheets.check", sheets.publicise),
    "approved": ("sheets.approve", sheets.approve),
    "returned": ("sheets.check", sheets.send_back),
}


@router.post(
    "/v1/projects/{project_id}/sheets/{sheet_id}/acts", summary="Take a sheet one step on", status_code=201,
    responses=refusals(*WRITES, (404, "sheet_unknown")),
)  # fmt: skip
def act(
    request: Request, person: Someone, database: Whole, key: WriteKey, now: Now, project_id: ProjectId, sheet_id: RowIdPath,
    body: ActIn,
) -> Response:  # fmt: skip
    """In order, and never two decisive steps by one login."""
    action, step = _ACTS[body.act]

    def allowed(db: Session) -> None:
        if body.act == "returned":
            project = access.require_any(db, person, ("sheets.check", "sheets.approve"), project_id)
            own = next(a for a in ("sheets.check", "sheets.approve") if access.may(person, a, project.id, project.area_code))
        else:
            project, own = access.require_on(db, person, action, project_id), action
        _own_sheet(db, person, project, sheet_id, own)

    with database.read() as db:
        allowed(db)
        sheet = kept.sheet(db, sheet_id)
    months = request.app.state.months
    compares = body.act in sheets.COMPARED
    fresh = months.before(database, project_id, sheet.month, now, team_id=sheet.team_id) if compares else None
    with database.write() as db:
        allowed(db)
        told = {"project_id": project_id, "sheet_id": sheet_id, "note": body.note, "by": person.login, "now": now}
        return key.once(db, now, lambda: step(db, **told, fresh=fresh))


class WordIn(BaseModel):
    """The worker's word."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"line_hash": "9f…", "verdict": "agree", "method": "paper", "evidence": [8]}}
    )
    line_hash: str = Field(max_length=64, description="Of exactly what he saw")
    verdict: Literal["agree", "dispute"]
    method: str = Field(max_length=16, description="paper, screen, face or unreachable")
    evidence: list[RowIdField] = Field(default_factory=list, max_length=10)
    claimed_fen: StrictInt | None = Field(None, ge=0, description="For a dispute: the net he says is right")
    reason: str = Field("", max_length=500)


@router.post(
    "/v1/projects/{project_id}/lines/{line_id}/confirmations", summary="Sign or dispute a line", status_code=201,
    responses=refusals(*WRITES, (409, "line_changed")),
)  # fmt: skip
def confirm(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, line_id: RowIdPath, body: WordIn) -> Response:
    """Good for exactly this content: a changed line needs a new word. A dispute holds only the difference."""
    project = access.require_on(db, person, "sheets.sign", project_id)
    _own_sheet(db, person, project, kept.line(db, line_id).sheet_id, "sheets.sign")
    return key.once(
        db, now,
        lambda: sheets.confirm(db, project_id=project_id, line_id=line_id, by=person.login, now=now, **body.model_dump()),
    )  # fmt: skip


class ConsentIn(WordIn):
    """His word on a negative difference."""

    engagement_id: RowIdField
    origin_month: str = Field(max_length=10)


@router.get("/v1/projects/{project_id}/back-pay-proposals", summary="What was paid too much", responses=refusals(*OF_PROJECT))
def list_proposals(person: Someone, db: Reading, now: Now, project_id: ProjectId) -> list[Any]:
    """Closed months that come out lower now. Nothing is taken back without the worker's written word on exactly that line."""
    project = access.require_on(db, person, "sheets.read", project_id)
    teams = access.teams_of(db, person, project)
    return [p for p in sheets.proposals(db, project_id, now) if teams is None or p.team_id in teams]


@router.post(
    "/v1/projects/{project_id}/back-pay-consents", summary="Agree that too much was paid", status_code=201,
    responses=refusals(*WRITES, (409, "line_changed")),
)  # fmt: skip
def consent(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: ConsentIn) -> Response:
    """Without it a negative difference stays a proposal and is never taken from anybody's wages."""
    project = access.require_on(db, person, "sheets.sign", project_id)
    if access.teams_of(db, person, project, "sheets.sign") is not None:
        raise NotFound("engagement_unknown")
    content = body.model_dump() | {"origin_month": read_month(body.origin_month)}
    return key.once(db, now, lambda: sheets.consent(db, project_id=project_id, by=person.login, now=now, **content))


@router.get(
    "/v1/projects/{project_id}/months/{month}/unsigned", summary="Who has not signed",
    responses=refusals(*OF_PROJECT, (400, "month_malformed")),
)  # fmt: skip
def list_unsigned(person: Someone, db: Reading, project_id: ProjectId, month: MonthPath) -> list[sheets.Unsigned]:
    """Lines without a worker's word; they cannot be paid yet."""
    project = access.require_on(db, person, "sheets.read", project_id)
    teams = access.teams_of(db, person, project)
    return [u for u in sheets.unsigned(db, project_id, read_month(month)) if teams is None or u.team_id in teams]


@router.get(
    "/v1/projects/{project_id}/lines/{line_id}/slip", summary="Wage slip", responses=refusals(*OF_PROJECT, (404, "line_unknown"))
)
def slip(request: Request, person: Someone, db: Reading, project_id: ProjectId, line_id: RowIdPath) -> sheets.Slip:
    """With the code that proves it."""
    project = access.require_on(db, person, "sheets.read", project_id)
    _own_sheet(db, person, project, kept.line(db, line_id).sheet_id)
    return sheets.slip(db, request.app.state.vault, project_id=project_id, line_id=line_id)


class SlipOut(BaseModel):
    """What a stranger with a printed slip is told: enough to compare, nothing to collect."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "genuine": True, "is_current": True, "name_masked": "王**", "month": "2026-03-01", "origin_month": "2026-03-01", "net_fen": 645000,
            }
        }
    )  # fmt: skip
    genuine: bool = Field(description="Always true: a slip that is none is refused")
    is_current: bool = Field(description="False: a newer version of the sheet says something else")
    name_masked: str
    month: date = Field(description="Of the sheet")
    origin_month: date = Field(description="The month it is for")
    net_fen: int


@router.get(
    "/v1/slips/{code}", summary="Is this slip true?", response_model=SlipOut,
    responses=refusals((400, "slip_code_malformed"), (404, "slip_unknown"), (409, "line_tampered")),
)  # fmt: skip
def verify_slip(request: Request, db: Reading, code: Annotated[str, Path(max_length=40)]) -> Any:
    """For whoever holds the printed slip, without a sign-in: masked name, month, net. A telephone is told in a sentence."""
    found = sheets.verify_slip(db, request.app.state.vault, code)
    head = {"Cache-Control": "no-store"}
    if "text/html" in request.headers.get("accept", ""):
        said = sentence(
            "slip_genuine" if found.is_current else "slip_replaced", language_of(request), name=found.name_masked,
            month=f"{found.origin_month:%Y-%m}", net=f"{found.net_fen / 100:,.2f}",
        )  # fmt: skip
        return PlainTextResponse(said, headers=head)
    answer = SlipOut(
        genuine=True, is_current=found.is_current, name_masked=found.name_masked, month=found.month, origin_month=found.origin_month,
        net_fen=found.net_fen,
    )  # fmt: skip
    return JSONResponse(answer.model_dump(mode="json"), headers=head)


@router.get("/v1/projects/{project_id}/why", summary="Why this sum?", responses=refusals(*OF_PROJECT, (404, "payment_unknown")))
def why(
    person: Someone,
    db: Reading,
    now: Now,
    project_id: ProjectId,
    payment_id: Annotated[int | None, only("payment")],
    line_id: Annotated[int | None, only("line")],
    worker_id: Annotated[int | None, only("worker")],
    on: Annotated[date | None, Query(description="With ``worker_id``: a day of his", examples=["2026-03-05"])] = None,
) -> dict[str, Any]:
    """From a payment, a line or a day down to accruals, days, sessions, passages, corrections and terms, in one answer."""
    access.require_on(db, person, "wages.read", project_id)
    asked = [payment_id is not None, line_id is not None, worker_id is not None]
    if sum(asked) != 1 or (worker_id is None) != (on is None):
        raise BadRequest("why_needs_one")
    return sheets.why(db, project_id=project_id, payment_id=payment_id, line_id=line_id, worker_id=worker_id, on=on, now=now)


# --- settlements and arrears -------------------------------------------------------------------------------------


class SettlementIn(BaseModel):
    """Whose settlement."""

    model_config = ConfigDict(json_schema_extra={"example": {"engagement_id": 7}})
    engagement_id: RowIdField


class SettlementWordIn(BaseModel):
    """The leaving worker's word."""

    content_hash: str = Field(max_length=64)
    verdict: Literal["agree", "dispute"]
    method: str = Field(max_length=16)
    evidence: list[RowIdField] = Field(default_factory=list, max_length=10)
    claimed_fen: StrictInt | None = Field(None, ge=0)
    reason: str = Field("", max_length=500)


@router.get("/v1/projects/{project_id}/settlements", summary="Exits and their settlements", responses=refusals(*OF_PROJECT))
def list_settlements(person: Someone, db: Reading, now: Now, project_id: ProjectId) -> list[Any]:
    """Everybody who left: settled, to settle, stale, still owed."""
    access.require_on(db, person, "wages.read", project_id)
    return list(settlements.exits(db, project_id, now))


@router.post(
    "/v1/projects/{project_id}/settlements", summary="Settle an exit", status_code=201,
    responses=refusals(*WRITES, (404, "engagement_unknown")),
)  # fmt: skip
def settle(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: SettlementIn) -> Response:
    """All months: earned, withheld, received, still owed; frozen with its hash."""
    access.require_on(db, person, "terms.write", project_id)
    return key.once(
        db, now, lambda: settlements.settle(db, project_id=project_id, engagement_id=body.engagement_id, by=person.login, now=now)
    )


@router.post(
    "/v1/projects/{project_id}/settlements/{settlement_id}/confirmations", summary="The leaving worker's word",
    status_code=201, responses=refusals(*WRITES, (409, "settlement_stale")),
)  # fmt: skip
def confirm_settlement(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, settlement_id: RowIdPath, body: SettlementWordIn
) -> Response:
    """Bound to what he saw."""
    access.require_on(db, person, "terms.write", project_id)
    return key.once(
        db, now,
        lambda: settlements.confirm(
            db, project_id=project_id, settlement_id=settlement_id, by=person.login, now=now, **body.model_dump()
        ),
    )  # fmt: skip


@router.post(
    "/v1/projects/{project_id}/settlements/{settlement_id}/release", summary="Release a signed settlement for payment",
    status_code=201, responses=refusals(*WRITES, (409, "settlement_stale"), (409, "settlement_unsigned")),
)  # fmt: skip
def release_settlement(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, settlement_id: RowIdPath
) -> Response:
    """A final sheet of what is on no line yet: paid at once, in a batch of its own, and not again when its month closes."""
    access.require_on(db, person, "sheets.approve", project_id)
    return key.once(
        db, now, lambda: settlements.pay_out(db, project_id=project_id, settlement_id=settlement_id, by=person.login, now=now)
    )


@router.get("/v1/projects/{project_id}/arrears", summary="Arrears", responses=refusals(*OF_PROJECT))
def arrears(
    person: Someone,
    db: Reading,
    now: Now,
    project_id: ProjectId,
    by: Annotated[Literal["worker", "team", "company", "project"], Query()] = "team",
) -> Any:
    """What is due and not paid, by age."""
    access.require_on(db, person, "wages.read", project_id)
    return settlements.arrears(db, project_id, now, by=by)


