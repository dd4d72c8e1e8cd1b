"""A worker's face: the notice, his consent, his photographs, and taking it all back.

    GET  /v1/notices/face                                         what a worker is told first; nobody need sign in
    GET  /v1/projects/{id}/workers/{worker_id}/consent            his latest word
    POST /v1/projects/{id}/workers/{worker_id}/consents           his consent
    POST /v1/projects/{id}/workers/{worker_id}/consents/withdraw  ... taken back; the template is erased
    POST /v1/projects/{id}/workers/{worker_id}/enrolment          photographs, with his consent or after it
"""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.formparsers import MultiPartParser

from app import access, desk, enrolment, papers, verification
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, refusals
from app.api.once import keyed
from app.api.who import Instant
from app.db import Reading, Tx
from app.errors import NotFound, Unusable
from app.store import checks, people
from app.web import language_of
from app.wording import notices

router = APIRouter(tags=["enrolment"])

# Starlette writes parts above 1 MB to a temporary file; a face must not touch the disk unsealed. The whole body
# is capped before (enrolment_body_bytes_max), so this is no invitation to fill the memory.
MultiPartParser.spool_max_size = 2**40

ProjectId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the project", examples=[1])]
WorkerId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the worker", examples=[7])]
OF_WORKER = (NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (404, "worker_not_on_project"))


class Paragraph(BaseModel):
    """One matter of the notice."""

    heading: str
    text: str


class NoticeOut(BaseModel):
    """What a worker reads, or has read to him, before he decides."""

    version: str = Field(description="Goes into the consent that is recorded")
    language: str
    title: str
    paragraphs: list[Paragraph]
    scopes: dict[str, str] = Field(description="What may be agreed to, each on its own, none by default")


class ConsentIn(BaseModel):
    """A worker's consent, as he gave it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "scope": ["capture", "template", "site_storage"], "notice_version": enrolment.NOTICE_VERSION,
                "method": "screen", "at": "2026-03-01T00:30:00Z",
            }
        },
    )
    scope: list[Annotated[str, Field(max_length=32)]] = Field(
        max_length=16, description="Words of capture, template, site_storage, net_transfer, image_retention"
    )
    notice_version: str = Field(max_length=32)
    method: str = Field(max_length=32, description="paper, screen or spoken")
    at: Instant | None = Field(None, description="When he said so; now when absent")


class ConsentRecorded(BaseModel):
    """The recorded act."""

    model_config = ConfigDict(json_schema_extra={"example": {"consent_id": 11}})
    consent_id: int


class ConsentOut(BaseModel):
    """A worker's latest word."""

    model_config = ConfigDict(from_attributes=True)
    act: str = Field(description="give or withdraw")
    scope: list[str]
    notice_version: str
    method: str
    at: datetime
    recorded_by: str
    recorded_at: datetime


class WithdrawalIn(BaseModel):
    """How he took it back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"method": "spoken"}})
    method: str = Field("screen", max_length=32, description="paper, screen or spoken")


class WithdrawalOut(BaseModel):
    """What became of it."""

    model_config = ConfigDict(json_schema_extra={"example": {"templates_erased": 1, "already": False, "code": None}})
    templates_erased: int
    already: bool = Field(description="It had been taken back before")
    code: str | None = Field(description="A code for the gate, shown this once, when he had neither card nor code")


class EnrolledOut(BaseModel):
    """A worker whose face is known now."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "template_id": 21, "photographs": 2, "advised_more": 1, "contract_id": "c1-0123456789abcdef01234567", "templates": 1,
                "set_aside": None, "alike": [],
            }
        },
    )
    template_id: int
    photographs: int
    advised_more: int = Field(description="Photographs the model would like on top; 0 when it has enough")
    contract_id: str = Field(description="Which model's numbers these are")
    templates: int = Field(description="The mean of the photographs, and other looks of his beside it")
    set_aside: int | None = Field(description="Number of a photograph that was not used because it is not like the others")
    alike: list[int] = Field(description="Numbers of photographs that are practically an earlier one once more: take them anew from another side")


@router.get("/v1/notices/face", summary="The notice about face recognition", responses=refusals((404, "notice_unknown")))
def face_notice(
    request: Request,
    version: Annotated[str, Query(max_length=32)] = enrolment.NOTICE_VERSION,
    language: Annotated[Literal["zh", "en"] | None, Query(description="The reader's own when absent")] = None,
) -> NoticeOut:
    """Short and plain; every published version can be read for ever."""
    notice = notices.FACE.get(version)
    if notice is None:
        raise NotFound("notice_unknown")
    spoken = language or language_of(request)
    english = spoken == "en"
    return NoticeOut(
        version=notice.version,
        language=spoken,
        title=notice.title[english],
        paragraphs=[
            Paragraph(heading=words[2 if english else 0], text=words[3 if english else 1])
            for words in notice.paragraphs
        ],
        scopes=notices.scope_names(spoken),
    )


@router.get(
    "/v1/projects/{project_id}/workers/{worker_id}/consent", summary="A worker's latest word about his face",
    responses=refusals(*OF_WORKER),
)
def show_consent(person: Someone, db: Reading, project_id: ProjectId, worker_id: WorkerId) -> ConsentOut | None:
    """Null when he never said anything."""
    access.require_on(db, person, "papers.read", project_id)
    latest = people.latest_consent(db, project_id, worker_id)
    return None if latest is None else ConsentOut.model_validate(latest)


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/consents", status_code=201, summary="Record a consent",
    responses=refusals(
        *OF_WORKER, (422, "consent_scope_unknown"), (422, "notice_unknown"), (422, "consent_method_unknown"),
        (422, "consent_in_future"),
    ),
)
@keyed("enrol", status=201)
def record_consent(
    person: Someone, db: Tx, now: Now, project_id: ProjectId, worker_id: WorkerId, body: ConsentIn
) -> ConsentRecorded:
    """The latest word holds: a consent that leaves out what was agreed to before takes that back."""
    access.require_on(db, person, "enrol", project_id)
    consent = enrolment.ConsentGiven(tuple(body.scope), body.notice_version, body.method, body.at or now)
    recorded = enrolment.record_consent(
        db, project_id=project_id, worker_id=worker_id, consent=consent, now=now, by=person.login
    )
    return ConsentRecorded(consent_id=recorded)


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/consents/withdraw", summary="Take a consent back",
    responses=refusals(*OF_WORKER, (409, "consent_not_given"), (422, "consent_method_unknown")),
)
def withdraw_consent(
    request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, worker_id: WorkerId,
    body: WithdrawalIn | None = None,
) -> WithdrawalOut:
    """Template and photographs are erased at once. Wages stay, and he goes on by card or code."""
    project = access.require_on(db, person, "enrol", project_id)
    withdrawn = enrolment.withdraw_consent(
        db, project_id=project_id, worker_id=worker_id, method=(body or WithdrawalIn()).method, now=now,
        by=person.login,
    )
    code = papers.non_face_way(
        db, request.app.state.vault, project_id=project.id, worker_id=worker_id, now=now, by=person.login
    )
    return WithdrawalOut(templates_erased=withdrawn.templates_erased, already=withdrawn.already, code=code)


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/enrolment", status_code=201, summary="Enrol a worker's face",
    responses=refusals(
        *OF_WORKER, (422, "consent_missing"), (422, "worker_not_engaged"), (422, "photographs_missing"),
        (422, "no_face"), (422, "several_faces"), (422, "face_too_small"), (422, "face_blurred"),
        (422, "face_too_dark"), (422, "face_turned"), (422, "face_cut"), (422, "not_jpeg"),
        (422, "photographs_differ"), (422, "too_like_another"), (422, "portrait_unusable"), (422, "portrait_differs"),
        (422, "identity_check_needed"), (503, "pack_missing"),
    ),
)
def enrol(
    request: Request,
    person: Someone,
    asking: Reading,
    db: Tx,
    now: Now,
    project_id: ProjectId,
    worker_id: WorkerId,
    photographs: Annotated[list[UploadFile], File(description="JPEG, one person alone, facing the camera")],
    scope: Annotated[
        list[str] | None, Form(max_length=16, description="What he agrees to, one field a word; absent: as recorded before")
    ] = None,
    notice_version: Annotated[str | None, Form(max_length=32)] = None,
    method: Annotated[str | None, Form(max_length=32, description="paper, screen or spoken")] = None,
    at: Annotated[Instant | None, Form(description="When he agreed; now when absent")] = None,
    portrait: Annotated[
        UploadFile | None, File(description="The identity card's photograph as its reader gives it, JPEG; compared with the first, not kept")
    ] = None,
    check_id: Annotated[int | None, Form(ge=1, le=ROW_ID_MAX, description="A comparison made before; his latest when absent")] = None,
) -> EnrolledOut:
    """Only with a separate consent, in these fields or recorded before. A refusal says which photograph.

    The photographs are not kept unless the scope has image_retention.
    """
    access.require_on(asking, person, "enrol", project_id)
    consent = _consent(scope, notice_version, method, at or now)
    enrolment.check_may_enrol(asking, project_id=project_id, worker_id=worker_id, consent=consent, now=now)
    # Nothing is locked while the pictures are looked at: the transaction begins with its first statement.
    asking.rollback()
    state = request.app.state
    pictures = [photograph.file.read() for photograph in photographs]
    examined = enrolment.examine(state.engine, state.settings, pictures)
    if portrait is not None:
        compared = verification.compare(state.engine, state.settings, pictures[0], portrait.file.read())
        # In a transaction of its own: that it was not him is a fact that outlives the refusal.
        with state.database.write() as own:
            check_id = verification.record(
                own, state.vault, compared, project_id=project_id, worker_id=worker_id, by=person.login, now=now
            ).id
    enrolled = enrolment.enrol(
        db, state.vault, examined, project_id=project_id, worker_id=worker_id, consent=consent,
        beside=desk.beside(state.house.at_work.beside if state.house.at_work else None, state.settings, pictures), check_id=check_id, now=now, by=person.login,
    )
    return EnrolledOut.model_validate(enrolled)


class CheckOut(BaseModel):
    """A live photograph compared with that of the identity card."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    outcome: str = Field(description="same or different")
    similarity: float
    similarity_min: float
    far: float | None = Field(description="Share of pairs of different people who reach similarity_min; null: not measured")
    contract_id: str
    made_by: str
    made_at: datetime
    overridden_by: str | None = Field(description="Who vouched although the comparison said otherwise")
    override_reason: str | None
    overridden_at: datetime | None


class OverrideIn(BaseModel):
    """Why somebody vouches."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "证件照为十年前，本人在场并出示户口本"}})
    reason: str = Field(max_length=1000)


@router.get(
    "/v1/projects/{project_id}/workers/{worker_id}/identity-checks", summary="A worker's comparisons with his identity card",
    responses=refusals(*OF_WORKER),
)
def list_checks(person: Someone, db: Reading, project_id: ProjectId, worker_id: WorkerId) -> list[CheckOut]:
    """Newest first."""
    access.require_on(db, person, "papers.read", project_id)
    return [CheckOut.model_validate(one) for one in checks.all_of(db, project_id, worker_id)]


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/identity-checks", status_code=201, summary="Compare with the identity card",
    responses=refusals(*OF_WORKER, (422, "consent_missing"), (422, "no_face"), (422, "portrait_unusable"), (503, "pack_missing")),
)
def make_check(
    request: Request, person: Someone, asking: Reading, db: Tx, now: Now, project_id: ProjectId, worker_id: WorkerId,
    live: Annotated[UploadFile, File(description="The photograph taken now, JPEG")],
    portrait: Annotated[UploadFile, File(description="The identity card's, JPEG; compared and not kept")],
) -> CheckOut:
    """Needs his consent, like enrolment. Whichever way it goes, it is recorded."""
    access.require_on(asking, person, "enrol", project_id)
    enrolment.check_may_enrol(asking, project_id=project_id, worker_id=worker_id, consent=None, now=now)
    asking.rollback()
    state = request.app.state
    compared = verification.compare(state.engine, state.settings, live.file.read(), portrait.file.read())
    return CheckOut.model_validate(
        verification.record(db, state.vault, compared, project_id=project_id, worker_id=worker_id, by=person.login, now=now)
    )


@router.post(
    "/v1/projects/{project_id}/identity-checks/{check_id}/override", status_code=201, summary="Vouch for somebody",
    responses=refusals(
        NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (404, "identity_check_unknown"), (403, "identity_same_person"),
        (409, "identity_same"), (409, "identity_overridden"), (422, "identity_reason_needed"),
    ),
)
def override_check(
    person: Someone, db: Tx, now: Now, project_id: ProjectId, check_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)], body: OverrideIn
) -> CheckOut:
    """It is him although the comparison says otherwise: the manager says so, and why."""
    access.require_on(db, person, "identity.override", project_id)
    return CheckOut.model_validate(
        verification.override(db, project_id=project_id, check_id=check_id, reason=body.reason, by=person.login, now=now)
    )


def _consent(
    scope: list[str] | None, notice_version: str | None, method: str | None, at: datetime
) -> enrolment.ConsentGiven | None:
    if scope is None and notice_version is None and method is None:
        return None
    for field, value in (("scope", scope), ("notice_version", notice_version), ("method", method)):
        if value is None:
            raise Unusable("request_invalid", field=field)
    return enrolment.ConsentGiven(tuple(scope or ()), notice_version or "", method or "", at)
