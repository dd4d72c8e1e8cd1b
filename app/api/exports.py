"""Papers as Excel files, in the forms the trade uses.

    GET /v1/projects/{id}/forms/attendance?team_id=&month=
    GET /v1/projects/{id}/forms/payroll?sheet_id=&shape=short|detail|statutory|notice
    GET /v1/projects/{id}/forms/slips?sheet_id=
    GET /v1/projects/{id}/forms/roster, /forms/moves?from_on=&to_on=, /forms/movement?month=, /forms/ledger?year=
    GET /v1/projects/{id}/forms/account, /forms/settlement?settlement_id=, /forms/three-way?month=, /forms/findings?month=
    GET /v1/county/forms/projects

Taking one is journalled, with the file's digest. ID numbers stand in full only for the labour officer.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from app import access, exports
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, Now, Someone, refusals
from app.api.papers import EXCEL
from app.api.timekeeping import OF_PROJECT
from app.api.wages import ProjectId
from app.db import Database, Whole
from app.fields import read_month

router = APIRouter(tags=["forms"])

Language = Annotated[Literal["zh", "en"], Query(description="Of titles and headings")]
RowIdQuery = Annotated[int, Query(ge=1, le=ROW_ID_MAX)]
FILE: dict[int | str, dict[str, Any]] = {200: {"content": {EXCEL: {}}, "description": "xlsx"}}


def _given(request: Request, person: access.Person, db: Any, project_id: int, now: Any, language: str) -> dict[str, Any]:
    """What every paper is told; asks whether he may."""
    project = access.require_on(db, person, "exports.make", project_id)
    return {
        "vault": request.app.state.vault, "project_id": project_id, "language": language, "by": person.login, "now": now,
        "full": access.may(person, "papers.write", project.id, project.area_code),
    }  # fmt: skip


def taken(database: Database, make: Callable[[Session], exports.File]) -> Response:
    """Work a paper out in a snapshot, then note in a transaction of a moment who took it: a year of a thousand workers is seconds of
    work, for which no gate waits. It goes out when it is noted, or not at all."""
    with database.read() as db:
        found = make(db)
    with database.write() as db:
        exports.note(db, found)
    return file_of(found)


def file_of(found: exports.File) -> Response:
    """A paper as an answer to be kept as a file."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in found.name)
    return Response(
        found.content, media_type=EXCEL,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )  # fmt: skip


@router.get(
    "/v1/projects/{project_id}/forms/attendance", summary="考勤表", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (404, "team_unknown"))},
)  # fmt: skip
def attendance(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, team_id: RowIdQuery,
    month: Annotated[str, Query(max_length=10, examples=["2026-03"])], language: Language = "zh",
) -> Response:  # fmt: skip
    """Month grid of a team, times and corrections on their own sheets."""
    return taken(database, lambda db: exports.attendance(db, team_id=team_id, month=read_month(month), **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/payroll", summary="工资表", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (404, "sheet_unknown"))},
)  # fmt: skip
def payroll(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, sheet_id: RowIdQuery,
    shape: Literal["short", "detail", "statutory", "notice"] = "detail", language: Language = "zh",
) -> Response:  # fmt: skip
    """For signature, with detail, with everything the law names, or to be publicised (masked)."""
    return taken(database, lambda db: exports.payroll(db, sheet_id=sheet_id, shape=shape, **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/slips", summary="工资清单", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (404, "sheet_unknown"))},
)  # fmt: skip
def slips(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, sheet_id: RowIdQuery, language: Language = "zh"
) -> Response:
    """One page a worker, each with its code, and a picture of it that a telephone reads."""
    base = request.app.state.settings.public_url or str(request.base_url)
    return taken(database, lambda db: exports.slips(db, sheet_id=sheet_id, verify_url=f"{base.rstrip('/')}/v1/slips/", **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/roster", summary="花名册", response_class=Response, responses={**FILE, **refusals(*OF_PROJECT)}
)
def roster(request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, language: Language = "zh") -> Response:
    """Everybody who was ever engaged."""
    return taken(database, lambda db: exports.roster(db, **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/moves", summary="进退场登记", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (400, "dates_wrong"))},
)  # fmt: skip
def moves(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, from_on: date, to_on: date, language: Language = "zh"
) -> Response:
    """Who came and who left in [from_on, to_on)."""
    return taken(database, lambda db: exports.moves(db, from_on=from_on, to_on=to_on, **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/movement", summary="月人员动态表", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (400, "month_malformed"))},
)  # fmt: skip
def movement(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId,
    month: Annotated[str, Query(max_length=10, examples=["2026-03"])], language: Language = "zh",
) -> Response:  # fmt: skip
    """How many were there, came, left and stay, by company, team and trade."""
    return taken(database, lambda db: exports.movement(db, month=read_month(month), **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/ledger", summary="农民工工资支付台账", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (409, "ledger_empty"))},
)  # fmt: skip
def ledger(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId,
    year: Annotated[int, Query(ge=2000, le=2100)], language: Language = "zh",
) -> Response:  # fmt: skip
    """A worker's year on one page: every item due and withheld, when and how he was paid, what is still owed."""
    return taken(database, lambda db: exports.ledger(db, year=year, **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/account", summary="专户收支台账", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (404, "special_account_missing"))},
)  # fmt: skip
def account(request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, language: Language = "zh") -> Response:
    """The statement with what each line was."""
    return taken(database, lambda db: exports.account(db, **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/settlement", summary="退场工资结算确认书", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (404, "settlement_unknown"))},
)  # fmt: skip
def settlement(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, settlement_id: RowIdQuery, language: Language = "zh"
) -> Response:
    """Of a settlement that was made."""
    return taken(database, lambda db: exports.settlement(db, settlement_id=settlement_id, **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/three-way", summary="三方核对表", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (400, "month_malformed"), (400, "month_in_future"))},
)  # fmt: skip
def three_way(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId,
    month: Annotated[str, Query(max_length=10, examples=["2026-03"])], language: Language = "zh",
) -> Response:  # fmt: skip
    """Gate, sheet and bank person by person, those who differ most first."""
    return taken(database, lambda db: exports.three_way(db, month=read_month(month), **_given(request, person, db, project_id, now, language)))


@router.get(
    "/v1/projects/{project_id}/forms/findings", summary="问题线索台账", response_class=Response,
    responses={**FILE, **refusals(*OF_PROJECT, (400, "month_malformed"))},
)  # fmt: skip
def findings(
    request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId,
    month: Annotated[str | None, Query(max_length=10, examples=["2026-03"])] = None, language: Language = "zh",
) -> Response:  # fmt: skip
    """What was found, where each finding stands, and what was decided last."""
    def make(db: Session) -> exports.File:
        access.require_on(db, person, "findings.read", project_id)
        given = _given(request, person, db, project_id, now, language)
        return exports.findings(db, month=read_month(month) if month else None, **given)

    return taken(database, make)


@router.get("/v1/county/forms/projects", summary="在建项目农民工工资支付监管清单", response_class=Response, responses={**FILE, **refusals(NOBODY, NOT_ALLOWED)})
def county(person: Someone, database: Whole, now: Now, language: Language = "zh") -> Response:
    """The projects of the reader's area in their colours, and the sums by town on a sheet of their own."""
    inspector = access.require(person, "county.read")
    areas = "、".join(access.areas_of(inspector))
    return taken(
        database,
        lambda db: exports.county(db, access.inspected(db, inspector), area=areas, language=language, by=inspector.login, now=now),
    )
