"""A worker's own: he signs in by a code of one use and reads himself.

    POST /v1/projects/{id}/workers/{worker_id}/sign-in-code   the labour officer makes a code for the man at his desk
    POST /v1/sign-in/code                                     the code becomes a token
    GET  /v1/me/work                                          who and where he is
    GET  /v1/me/days?month=                                   his days
    GET  /v1/me/wages                                         his account, month by month
    GET  /v1/me/slips?month=                                  his wage slips
    GET  /v1/me/slips/{line_id}/file                          one of them as a workbook, to keep
    GET  /v1/me/face                                          his consent and what is kept of his face
"""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app import access, exports, own
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, Token, refusals
from app.api.exports import FILE, Language, taken
from app.api.wages import ProjectId
from app.db import Reading, Tx, Whole
from app.domain.workdays import month_of
from app.fields import read_month
from app.store import people

router = APIRouter(tags=["own"])

Month = Annotated[str, Query(max_length=10, examples=["2026-03"])]
Mine = Annotated[int | None, Query(ge=1, le=ROW_ID_MAX, description="Which of his projects; the latest when he says none")]
OWN = refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT)


class CodeOut(BaseModel):
    """A code; shown once."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "7KQ2M-XW94T", "expires_at": "2026-03-02T08:30:00Z"}})
    code: str
    expires_at: datetime


class CodeIn(BaseModel):
    """The code as typed; a hyphen and small letters do not matter."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "7KQ2M-XW94T"}})
    code: str = Field(max_length=40)


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/sign-in-code", summary="A code for a worker to sign in with", status_code=201,
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (404, "worker_not_on_project")),
)  # fmt: skip
def issue_code(
    person: Someone, db: Tx, now: Now, project_id: ProjectId, worker_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)]
) -> CodeOut:
    """Good once, for half an hour, for the man who stands at the desk; an earlier one ends."""
    code, until = access.issue_code(db, person, project_id=project_id, worker_id=worker_id, now=now)
    return CodeOut(code=code, expires_at=until)


@router.post(
    "/v1/sign-in/code", summary="Sign in with a code", responses=refusals((401, "code_wrong"), (403, "cross_site"), (429, "sign_in_too_often"))
)
def sign_in(request: Request, body: CodeIn, now: Now) -> Token:
    """The worker it was made for, and nobody else; used up at once."""
    state = request.app.state
    token = access.sign_in_by_code(
        state.database, state.settings, code=body.code, address=request.client.host if request.client else "unknown",
        agent=request.headers.get("user-agent", ""), now=now,
    )  # fmt: skip
    with state.database.read() as db:
        person = access.who(db, token, now)
    return Token(token=token, expires_at=now + timedelta(hours=state.settings.session_hours), login=person.login)


class WorkOut(BaseModel):
    """Where he works."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"project_id": 1, "project": "示例项目", "name": "王建国", "team": "钢筋一班", "entry_on": "2026-03-01"}}
    )
    project_id: int
    project: str
    name: str
    team: str
    entry_on: date | None


def _mine(request: Request, person: access.Person, project_id: int | None) -> tuple[int, int]:
    """As ``access.own``; the journal's line names him and his project, which are not in the address."""
    project, worker = access.own(person, project_id)
    request.scope["muster_of"] = [(project, worker)]
    return project, worker


@router.get("/v1/me/work", summary="My projects", responses=refusals(NOBODY, NOT_ALLOWED))
def work(request: Request, person: Someone, db: Reading) -> list[WorkOut]:
    """Every project the worker has signed in for."""
    access.own(person)
    held = [m for m in person.memberships if m.role is access.Role.WORKER]
    request.scope["muster_of"] = [(m.project_id, m.worker_id) for m in held]
    return [WorkOut(**own.who(db, m.project_id, m.worker_id)) for m in held]


@router.get("/v1/me/days", summary="My days", responses=OWN | refusals((400, "month_malformed")))
def days(request: Request, person: Someone, db: Reading, now: Now, month: Month, project_id: Mine = None) -> list[dict[str, Any]]:
    """His days of a month: minutes, man-days, what they are worth, and the passages they rest on."""
    project, worker = _mine(request, person, project_id)
    return [
        {
            "work_date": line.work_date, "state": line.state, "minutes": line.minutes, "day_milli": line.day_milli,
            "amount_fen": line.amount_fen, "first_in_at": line.first_in_at, "last_out_at": line.last_out_at,
            "detail": dict(line.detail),
        }
        for line in own.days(db, project, worker, read_month(month), now)
    ]  # fmt: skip


class OwnMonth(BaseModel):
    """One month of his account."""

    model_config = ConfigDict(from_attributes=True)
    month: date
    accrued_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int
    day_milli: int
    undecided_days: int


@router.get("/v1/me/wages", summary="My wages", responses=OWN)
def wages(request: Request, person: Someone, db: Reading, now: Now, project_id: Mine = None) -> list[OwnMonth]:
    """Accrued, withheld, paid and owed, month by month."""
    project, worker = _mine(request, person, project_id)
    return [OwnMonth.model_validate(line) for line in own.wages(db, project, worker, now)]


@router.get("/v1/me/slips", summary="My wage slips", responses=OWN | refusals((400, "month_malformed")))
def slips(request: Request, person: Someone, db: Reading, now: Now, month: Month, project_id: Mine = None) -> list[Any]:
    """Of approved sheets, with the code anybody may ask about."""
    project, worker = _mine(request, person, project_id)
    return own.slips(db, request.app.state.vault, project, worker, month_of(read_month(month)))


@router.get(
    "/v1/me/slips/{line_id}/file", summary="My wage slip as a file", response_class=Response,
    responses={**FILE, **OWN, **refusals((404, "line_unknown"), (409, "sheet_not_approved"))},
)  # fmt: skip
def slip_file(
    request: Request, person: Someone, database: Whole, now: Now, line_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)],
    project: Annotated[int | None, Query(ge=1, le=ROW_ID_MAX, description="Which of his projects")] = None, language: Language = "zh",
) -> Response:  # fmt: skip
    """Of one of his lines on an approved sheet, with the code that proves it."""
    project_id, worker_id = _mine(request, person, project)
    base = request.app.state.settings.public_url or str(request.base_url)
    assert person is not None
    return taken(
        database,
        lambda db: exports.own_slip(
            db, request.app.state.vault, project_id=project_id, worker_id=worker_id, line_id=line_id,
            verify_url=f"{base.rstrip('/')}/v1/slips/", language=language, by=person.login, now=now,
        ),
    )  # fmt: skip


class OwnFace(BaseModel):
    """What is kept of his face."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "consent": "give", "scope": ["capture", "template"], "notice_version": "face-1", "said_at": "2026-03-01T01:00:00Z",
                "has_template": True, "erased_days_after_exit": 30,
            }
        }
    )  # fmt: skip
    consent: str | None = Field(description="give or withdraw: his latest word; null when he never said anything")
    scope: list[str]
    notice_version: str | None
    said_at: datetime | None
    has_template: bool
    erased_days_after_exit: int = Field(description="By then template and photographs are gone")


@router.get("/v1/me/face", summary="What is kept of my face", responses=OWN)
def face(request: Request, person: Someone, db: Reading, now: Now, project_id: Mine = None) -> OwnFace:
    """His consent, and whether a template of him is kept."""
    project, worker = _mine(request, person, project_id)
    days_after = request.app.state.settings.template_days_after_exit
    people.project(db, project)
    found = own.face(db, project, worker, now.date(), days_after)
    said = found.consent
    return OwnFace(
        consent=said.act if said else None, scope=list(said.scope) if said else [], notice_version=said.notice_version if said else None,
        said_at=said.at if said else None, has_template=found.has_template, erased_days_after_exit=found.erased_by_exit_days,
    )  # fmt: skip
