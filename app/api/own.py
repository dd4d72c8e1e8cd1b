"""A worker's own: he signs in by a code of one use and reads himself.

    POST /v1/projects/{id}/workers/{worker_id}/sign-in-code   the labour officer makes a code for the man at his desk
    POST /v1/sign-in/code                                     the code becomes a token
    GET  /v1/me/work                                          who and where he is
    GET  /v1/me/days?month=                                   his days
    GET  /v1/me/wages                                         his account, month by month
    GET  /v1/me/slips?month=                                  his wage slips
    GET  /v1/me/slips/{line_id}/file                          one of them as a workbook, to keep
    GET  /v1/me/lines                                         his lines on the sheets: what he is asked to sign
    POST /v1/me/lines/{line_id}/signature                     he signs one, with a drawing
    POST /v1/me/lines/{line_id}/objection                     ... or says that it is wrong
    POST /v1/me/days/{on}/objection                           he says that a day is wrong, with a photograph if he has one
    GET  /v1/me/objections                                    what he said is wrong, and what became of it
    GET  /v1/me/face                                          his consent and what is kept of his face
    POST /v1/me/face/withdraw                                 he takes his consent back
"""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from app import access, exports, objections, own, timekeeping
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, Token, refusals
from app.api.enrolment import WithdrawalOut
from app.api.exports import FILE, Language, taken
from app.api.once import WriteKey
from app.api.wages import ProjectId
from app.api.who import Day, Instant
from app.db import Reading, Tx, Whole
from app.domain.sheet import ItemKind
from app.domain.workdays import month_of
from app.fields import project_today, read_month
from app.store import people
from app.wording.wages import formula

router = APIRouter(tags=["own"])

Month = Annotated[str, Query(max_length=10, examples=["2026-03"])]
OwnLineId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of one of his lines")]
Mine = Annotated[int | None, Query(ge=1, le=ROW_ID_MAX, description="Which of his projects; the latest when he says none")]
OF_OWN = (NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT)
OWN = refusals(*OF_OWN)


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


def _mine(request: Request, person: access.Person, project_id: int | None, action: str = "own.read") -> tuple[int, int]:
    """As ``access.own``, for whoever may do ``action``; the journal's line names him and his project, which are not in the address."""
    access.require(person, action)
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
    project_id: Mine = None, language: Language = "zh",
) -> Response:  # fmt: skip
    """Of one of his lines on an approved sheet, with the code that proves it."""
    project, worker = _mine(request, person, project_id)
    base = request.app.state.settings.public_url or str(request.base_url)
    assert person is not None
    return taken(
        database,
        lambda db: exports.own_slip(
            db, request.app.state.vault, project_id=project, worker_id=worker, line_id=line_id,
            verify_url=f"{base.rstrip('/')}/v1/slips/", language=language, by=person.login, now=now,
        ),
    )  # fmt: skip


class OwnItem(BaseModel):
    """An entry of a line."""

    model_config = ConfigDict(from_attributes=True)
    kind: str = Field(description="wage, moved, deduction or advance")
    code: str
    work_date: date | None
    amount_fen: int = Field(description="Signed: what is withheld or taken back is negative")
    takes_back: bool
    formula: str = Field(description="How a wage comes about; empty for the rest", examples=["1.0 man-days × 400.00"])


class OwnLineOut(BaseModel):
    """A line of his on the newest version of a sheet."""

    id: int
    month: date = Field(description="Of the sheet")
    origin_month: date = Field(description="The month it is for")
    state: str = Field(description="submitted, checked, publicised or approved")
    line_hash: str = Field(description="Of exactly this content: what he signs")
    day_milli: int
    overtime_minutes: int
    gross_fen: int
    withheld_fen: int
    net_fen: int
    paid_fen: int
    unpaid_fen: int
    items: list[OwnItem]
    verdict: str | None = Field(description="agree or dispute: his latest word on this content; null: none yet")
    claimed_fen: int | None = Field(description="Of a dispute: the net he says is right")
    reason: str
    answer: str = Field(description="What his dispute was answered; empty: not yet")
    outcome: str = Field(description="accepted or kept; empty: not yet")
    voided: bool = Field(description="His signature on an earlier version stands no more: this one says something else")
    deadline: date | None = Field(description="Day from which the sheet may be approved")
    may_sign: bool
    may_object: bool


@router.get("/v1/me/lines", summary="My lines on the sheets", responses=OWN)
def own_lines(
    request: Request, person: Someone, db: Reading, now: Now, project_id: Mine = None, language: Language = "zh"
) -> list[OwnLineOut]:
    """Of the newest version of every sheet that was handed in, the newest first."""
    project, worker = _mine(request, person, project_id)
    return [_line_out(one, language) for one in own.lines(db, project, worker, now)]


def _line_out(one: own.OwnLine, language: str) -> OwnLineOut:
    content, word = one.line.content, one.confirmation
    return OwnLineOut(
        id=one.line.id, month=one.line.month, origin_month=content.origin_month, state=str(one.state), line_hash=one.line.line_hash,
        day_milli=content.day_milli, overtime_minutes=content.overtime_minutes, gross_fen=content.gross_fen,
        withheld_fen=content.deductions_fen + content.advances_fen, net_fen=content.net_fen, paid_fen=one.paid_fen,
        unpaid_fen=one.unpaid_fen,
        items=[
            OwnItem(
                kind=str(i.kind), code=i.code, work_date=i.work_date, amount_fen=i.amount_fen, takes_back=i.takes_back,
                formula=formula(i, language) if i.kind is ItemKind.WAGE else "",
            )
            for i in content.items
        ],
        verdict=str(word.verdict) if word else None, claimed_fen=word.claimed_fen if word else None, reason=word.reason if word else "",
        answer=one.answer.text if one.answer else "", outcome=one.answer.outcome if one.answer else "", voided=one.voided is not None,
        deadline=one.deadline, may_sign=one.may_sign, may_object=one.may_object,
    )  # fmt: skip


class SignatureIn(BaseModel):
    """A signature drawn with a finger."""

    model_config = ConfigDict(json_schema_extra={"example": {"line_hash": "9f…", "drawn": "data:image/png;base64,iVBORw0KGgo…"}})
    line_hash: str = Field(max_length=64, description="Of exactly what he saw")
    drawn: str = Field(max_length=300_000, description="The picture, as a canvas gives it")


class OwnWord(BaseModel):
    """His word on record."""

    model_config = ConfigDict(json_schema_extra={"example": {"confirmation_id": 12, "created": True}})
    confirmation_id: int
    created: bool = Field(description="False: he had said exactly this before")


_WORD = (
    (400, "line_not_signable"), (404, "line_unknown"), (409, "line_changed"), (409, "line_tampered"), (400, "key_malformed"),
    (409, "key_reused"), (409, "write_running"),
)  # fmt: skip


@router.post(
    "/v1/me/lines/{line_id}/signature", summary="Sign a line of mine", status_code=201,
    responses=refusals(*OF_OWN, *_WORD, (422, "drawing_malformed"), (422, "drawing_empty")),
)  # fmt: skip
def sign_own_line(
    request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, line_id: OwnLineId, body: SignatureIn, project_id: Mine = None
) -> Response:
    """Good for exactly this content. The picture carries the line's hash; who made the code of his session is kept with it."""
    project, worker = _mine(request, person, project_id, "own.write")

    def work() -> OwnWord:
        made = own.sign(
            db, request.app.state.vault, project_id=project, worker_id=worker, line_id=line_id, line_hash=body.line_hash, drawn=body.drawn,
            session=access.session_of(db, access.token_of_request(request) or ""), by=person.login, now=now,
        )  # fmt: skip
        return OwnWord(confirmation_id=made.confirmation.id, created=made.created)

    return key.once(db, now, work)


class LineObjectionIn(BaseModel):
    """What he says is right instead."""

    model_config = ConfigDict(json_schema_extra={"example": {"line_hash": "9f…", "claimed_fen": 645000, "text": "少算三天加班"}})
    line_hash: str = Field(max_length=64, description="Of exactly what he saw")
    claimed_fen: StrictInt = Field(ge=0, description="The net he says is right")
    text: str = Field(max_length=500, description="What is wrong")


@router.post(
    "/v1/me/lines/{line_id}/objection", summary="Object to a line of mine", status_code=201,
    responses=refusals(*OF_OWN, *_WORD, (400, "claim_wrong"), (400, "sheet_note_needed")),
)  # fmt: skip
def object_to_own_line(
    request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, line_id: OwnLineId, body: LineObjectionIn, project_id: Mine = None
) -> Response:
    """Only the difference is held until it is settled; also after he signed."""
    project, worker = _mine(request, person, project_id, "own.write")

    def work() -> OwnWord:
        made = own.object_to_line(
            db, project_id=project, worker_id=worker, line_id=line_id, by=person.login, now=now, **body.model_dump()
        )
        return OwnWord(confirmation_id=made.confirmation.id, created=made.created)

    return key.once(db, now, work)


class ObjectionMade(BaseModel):
    """An objection on record."""

    model_config = ConfigDict(json_schema_extra={"example": {"objection_id": 3}})
    objection_id: int


@router.post(
    "/v1/me/days/{on}/objection", summary="Object to a day of mine", status_code=201,
    responses=refusals(
        *OF_OWN, (404, "worker_not_on_project"), (409, "objection_waiting"), (413, "evidence_too_large"), (422, "objection_kind_unknown"),
        (422, "objection_text_needed"), (422, "correction_in_future"), (422, "correction_not_engaged"), (422, "evidence_type_unknown"),
        (400, "key_malformed"), (409, "key_reused"), (409, "write_running"),
    ),
)  # fmt: skip
def object_to_own_day(
    request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, on: Day,
    kind: Annotated[str, Form(max_length=16, description="missing_in, missing_out, absent, hours or other")],
    text: Annotated[str, Form(max_length=500, description="In his words; needed where no times are given")] = "",
    in_at: Annotated[Instant | None, Form(description="When he came")] = None,
    out_at: Annotated[Instant | None, Form(description="When he went")] = None,
    scan: Annotated[UploadFile | None, File(description="A photograph: JPEG, PNG or PDF")] = None,
    project_id: Mine = None,
) -> Response:  # fmt: skip
    """With the times that are missing it becomes a request for a correction, which leader and officer agree to."""
    project, worker = _mine(request, person, project_id, "own.write")

    def work() -> ObjectionMade:
        evidence = []
        if scan is not None:
            content = scan.file.read(timekeeping.EVIDENCE_BYTES_MAX + 1)
            evidence.append(
                timekeeping.put_evidence(
                    db, request.app.state.vault, project_id=project, name=scan.filename or "", media_type=scan.content_type or "",
                    content=content, by=person.login, now=now,
                )
            )
        made = objections.object_to_day(
            db, project_id=project, worker_id=worker, work_date=on, kind=kind, text=text, in_at=in_at, out_at=out_at, evidence=evidence,
            by=person.login, now=now,
        )  # fmt: skip
        return ObjectionMade(objection_id=made)

    return key.once(db, now, work)


class OwnObjection(BaseModel):
    """Something he said is wrong, and where it stands."""

    model_config = ConfigDict(from_attributes=True)
    subject: str = Field(description="day or line")
    id: int
    on: date = Field(description="The day, or the month a line is of")
    kind: str = Field(description="Of a day: missing_in, missing_out, absent, hours or other")
    text: str
    in_at: datetime | None
    out_at: datetime | None
    line_id: int | None
    net_fen: int | None
    claimed_fen: int | None
    made_at: datetime
    state: str = Field(description="waiting, accepted or kept")
    correction_state: str = Field(description="Of the correction that was asked for with it; empty without one")
    correction_refused: str = Field(description="Code of why none could be asked for; empty else")
    papers: int = Field(description="Photographs he sent with it")
    answer: str = Field(description="Empty: not answered")
    answered_at: datetime | None


@router.get("/v1/me/objections", summary="What I said is wrong", responses=OWN)
def own_objections(request: Request, person: Someone, db: Reading, project_id: Mine = None) -> list[OwnObjection]:
    """The newest first; to lines those he still holds to, of the sheets as they stand."""
    project, worker = _mine(request, person, project_id)
    return [
        OwnObjection(
            subject=one.subject, id=one.id, on=one.on, kind=one.kind, text=one.text, in_at=one.in_at, out_at=one.out_at, line_id=one.line_id,
            net_fen=one.net_fen, claimed_fen=one.claimed_fen, made_at=one.made_at, state=one.state, correction_state=one.correction_state,
            correction_refused=one.correction_refused, papers=len(one.evidence), answer=one.answer.text if one.answer else "",
            answered_at=one.answer.at if one.answer else None,
        )
        for one in objections.of_worker(db, project, worker)
    ]  # fmt: skip


class OwnConsent(BaseModel):
    """Something he said about his face."""

    model_config = ConfigDict(from_attributes=True)
    act: str = Field(description="give or withdraw")
    scope: list[str]
    notice_version: str
    method: str
    at: datetime


class OwnFace(BaseModel):
    """What is kept of his face."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "consent": "give", "scope": ["capture", "template"], "notice_version": "face-1", "said_at": "2026-03-01T01:00:00Z",
                "has_template": True, "photographs": 2, "erased_days_after_exit": 30, "history": [],
            }
        }
    )  # fmt: skip
    consent: str | None = Field(description="give or withdraw: his latest word; null when he never said anything")
    scope: list[str]
    notice_version: str | None
    said_at: datetime | None
    has_template: bool
    photographs: int = Field(description="Enrolment photographs that are kept")
    erased_days_after_exit: int = Field(description="By then template and photographs are gone")
    history: list[OwnConsent] = Field(description="Everything he ever said, the newest first")


@router.get("/v1/me/face", summary="What is kept of my face", responses=OWN)
def face(request: Request, person: Someone, db: Reading, now: Now, project_id: Mine = None) -> OwnFace:
    """His consent, and whether a template of him is kept."""
    project, worker = _mine(request, person, project_id)
    days_after = request.app.state.settings.template_days_after_exit
    found = own.face(db, project, worker, project_today(people.project(db, project).time_zone, now), days_after)
    said = found.consent
    return OwnFace(
        consent=said.act if said else None, scope=list(said.scope) if said else [], notice_version=said.notice_version if said else None,
        said_at=said.at if said else None, has_template=found.has_template, photographs=found.photographs,
        erased_days_after_exit=found.erased_by_exit_days, history=[OwnConsent.model_validate(one) for one in found.history],
    )  # fmt: skip


@router.post(
    "/v1/me/face/withdraw", summary="Take my consent back", responses=refusals(*OF_OWN, (404, "worker_not_on_project"), (409, "consent_not_given"))
)
def withdraw_own(request: Request, person: Someone, db: Tx, now: Now, project_id: Mine = None) -> WithdrawalOut:
    """Template and photographs are erased at once. Wages stay, and he goes on by card or code."""
    project, worker = _mine(request, person, project_id, "own.write")
    done = own.withdraw(db, request.app.state.vault, project_id=project, worker_id=worker, by=person.login, now=now)
    return WithdrawalOut(templates_erased=done.templates_erased, already=done.already, code=done.code)
