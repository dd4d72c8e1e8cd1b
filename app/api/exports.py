"""Papers as Excel files, in the forms the trade uses.

    GET /v1/projects/{id}/forms/attendance?team_id=&month=
    GET /v1/projects/{id}/forms/payroll?sheet_id=&shape=short|detail|statutory|notice
    GET /v1/projects/{id}/forms/slips?sheet_id=
    GET /v1/projects/{id}/forms/roster, /forms/moves?from_on=&to_on=, /forms/movement?month=, /forms/ledger?year=
    GET /v1/projects/{id}/forms/account, /forms/settlement?settlement_id=, /forms/three-way?month=, /forms/findings?month=
    GET /v1/county/forms/projects

One that takes longer than a moment is made without the request: 202, and ``app.api.tasks`` says how far it is. Taking one is journalled, with the file's digest. ID numbers stand in full only for the labour officer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from app import access, exports, tasks
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, Now, Someone, refusals
from app.api.papers import EXCEL
from app.api.tasks import TaskOut, file_of, ordered
from app.api.timekeeping import OF_PROJECT
from app.api.wages import ProjectId
from app.db import Database, Whole
from app.fields import read_month

router = APIRouter(tags=["forms"])

Language = Annotated[Literal["zh", "en"], Query(description="Of titles and headings")]
MonthQuery = Annotated[str, Query(max_length=10, examples=["2026-03"])]
RowIdQuery = Annotated[int, Query(ge=1, le=ROW_ID_MAX)]
FILE: dict[int | str, dict[str, Any]] = {200: {"content": {EXCEL: {}}, "description": "xlsx"}}


@dataclass(frozen=True, slots=True)
class Counter:
    """Where one person asks for a paper of one project."""

    request: Request
    person: access.Person
    database: Database
    now: datetime
    project_id: int
    language: str


def take(counter: Counter, name: str, **asked: Any) -> Response:
    """Give a paper: at once when that is a moment's work, else the task that makes it.

    A small one is worked out in a snapshot and noted in a transaction of a moment. It goes out when it is noted, or not at all.
    """
    form, state = exports.FORMS[name], counter.request.app.state
    with counter.database.read() as db:
        for action in ("exports.make", *form.actions):
            project = access.require_on(db, counter.person, action, counter.project_id)
        found = None
        if not form.is_long(db, counter.project_id, asked):
            found = form.make(
                db, state.vault, project_id=counter.project_id, language=counter.language, by=counter.person.login, now=counter.now,
                full=access.may(counter.person, "papers.write", project.id, project.area_code), **form.read(asked),
            )  # fmt: skip
    with counter.database.write() as db:
        if found is not None:
            exports.note(db, found)
            return file_of(found)
        task = tasks.order(
            db, counter.person, project_id=counter.project_id, kind=f"form.{name}", asked=asked | {"language": counter.language}, now=counter.now
        )
    return ordered(counter.request, task, state.settings)


def taken(database: Database, make: Callable[[Session], exports.File]) -> Response:
    """A small paper that is of no project as a whole: worked out in a snapshot, then noted in a transaction of a moment."""
    with database.read() as db:
        found = make(db)
    with database.write() as db:
        exports.note(db, found)
    return file_of(found)


def _counter(request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, language: Language = "zh") -> Counter:
    return Counter(request, person, database, now, project_id, language)


At = Annotated[Counter, Depends(_counter, scope="function")]
LONG: dict[int | str, dict[str, Any]] = {
    202: {"model": TaskOut, "description": "It takes longer than a moment: `Location` says where to look, and where the file will be"}
}


@router.get(
    "/v1/projects/{project_id}/forms/attendance", summary="考勤表", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (404, "team_unknown"))},
)  # fmt: skip
def attendance(counter: At, team_id: RowIdQuery, month: MonthQuery) -> Response:
    """Month grid of a team, times and corrections on their own sheets."""
    return take(counter, "attendance", team_id=team_id, month=read_month(month))


@router.get(
    "/v1/projects/{project_id}/forms/payroll", summary="工资表", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (404, "sheet_unknown"))},
)  # fmt: skip
def payroll(counter: At, sheet_id: RowIdQuery, shape: Literal["short", "detail", "statutory", "notice"] = "detail") -> Response:
    """For signature, with detail, with everything the law names, or to be publicised (masked)."""
    return take(counter, "payroll", sheet_id=sheet_id, shape=shape)


@router.get(
    "/v1/projects/{project_id}/forms/slips", summary="工资清单", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (404, "sheet_unknown"))},
)  # fmt: skip
def slips(counter: At, sheet_id: RowIdQuery) -> Response:
    """One page a worker, each with its code, and a picture of it that a telephone reads."""
    base = counter.request.app.state.settings.public_url or str(counter.request.base_url)
    return take(counter, "slips", sheet_id=sheet_id, verify_url=f"{base.rstrip('/')}/v1/slips/")


@router.get(
    "/v1/projects/{project_id}/forms/roster", summary="花名册", response_class=Response, responses={**FILE, **LONG, **refusals(*OF_PROJECT)}
)
def roster(counter: At) -> Response:
    """Everybody who was ever engaged."""
    return take(counter, "roster")


@router.get(
    "/v1/projects/{project_id}/forms/moves", summary="进退场登记", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (400, "dates_wrong"))},
)  # fmt: skip
def moves(counter: At, from_on: date, to_on: date) -> Response:
    """Who came and who left in [from_on, to_on)."""
    return take(counter, "moves", from_on=from_on, to_on=to_on)


@router.get(
    "/v1/projects/{project_id}/forms/movement", summary="月人员动态表", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (400, "month_malformed"))},
)  # fmt: skip
def movement(counter: At, month: MonthQuery) -> Response:
    """How many were there, came, left and stay, by company, team and trade."""
    return take(counter, "movement", month=read_month(month))


@router.get(
    "/v1/projects/{project_id}/forms/ledger", summary="农民工工资支付台账", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (409, "ledger_empty"))},
)  # fmt: skip
def ledger(counter: At, year: Annotated[int, Query(ge=2000, le=2100)]) -> Response:
    """A worker's year on one page: every item due and withheld, when and how he was paid, what is still owed."""
    return take(counter, "ledger", year=year)


@router.get(
    "/v1/projects/{project_id}/forms/account", summary="专户收支台账", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (404, "special_account_missing"))},
)  # fmt: skip
def account(counter: At) -> Response:
    """The statement with what each line was."""
    return take(counter, "account")


@router.get(
    "/v1/projects/{project_id}/forms/settlement", summary="退场工资结算确认书", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (404, "settlement_unknown"))},
)  # fmt: skip
def settlement(counter: At, settlement_id: RowIdQuery) -> Response:
    """Of a settlement that was made."""
    return take(counter, "settlement", settlement_id=settlement_id)


@router.get(
    "/v1/projects/{project_id}/forms/three-way", summary="三方核对表", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (400, "month_malformed"), (400, "month_in_future"))},
)  # fmt: skip
def three_way(counter: At, month: MonthQuery) -> Response:
    """Gate, sheet and bank person by person, those who differ most first."""
    return take(counter, "three-way", month=read_month(month))


@router.get(
    "/v1/projects/{project_id}/forms/findings", summary="问题线索台账", response_class=Response,
    responses={**FILE, **LONG, **refusals(*OF_PROJECT, (400, "month_malformed"))},
)  # fmt: skip
def findings(counter: At, month: Annotated[str | None, Query(max_length=10, examples=["2026-03"])] = None) -> Response:
    """What was found, where each finding stands, and what was decided last."""
    return take(counter, "findings", month=read_month(month) if month else None)


@router.get("/v1/county/forms/projects", summary="在建项目农民工工资支付监管清单", response_class=Response, responses={**FILE, **refusals(NOBODY, NOT_ALLOWED)})
def county(person: Someone, database: Whole, now: Now, language: Language = "zh") -> Response:
    """The projects of the reader's area in their colours, and the sums by town on a sheet of their own."""
    inspector = access.require(person, "county.read")
    areas = "、".join(access.areas_of(inspector))
    return taken(
        database,
        lambda db: exports.county(db, access.inspected(db, inspector), area=areas, language=language, by=inspector.login, now=now),
    )
