"""Faces the gate refused, looked at by a person; and what a project does with faces beyond recognising them.

    GET  /v1/projects/{id}/face-policy                     what holds
    PUT  /v1/projects/{id}/face-policy                     the manager decides; everything is off until he does
    GET  /v1/projects/{id}/face-review                     what waits, newest first
    POST /v1/projects/{id}/face-review                     it was him, or nobody of ours: a fact beside the passages
    GET  /v1/projects/{id}/passages/{passage_id}/picture   the kept picture; who looked is journalled
    GET  /v1/projects/{id}/face-advice                     who should enrol again
"""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app import access, review
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, refusals
from app.db import Reading, Tx
from app.store import faces

router = APIRouter(tags=["face review"])

ProjectId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the project", examples=[1])]
RowId = Annotated[int, Field(ge=1, le=ROW_ID_MAX)]
OF_PROJECT = (NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT)


class PolicyIn(BaseModel):
    """What a project does with faces beyond recognising them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "review_pictures": "coarse", "review_days": 3, "identity_check": "observe", "card_and_face": False,
                "ground": "个人信息保护影响评估 2026-03 号，2026-03-02",
            }
        },
    )
    review_pictures: Literal["off", "coarse", "agreed"] = "off"
    review_days: int = Field(3, description="Days a picture is kept at most, 1 to 7")
    identity_check: Literal["off", "observe", "require"] = "off"
    card_and_face: bool = Field(False, description="Who agreed to face recognition and comes by card shows his face too")
    gate_photos: Literal["off", "guard", "screen"] = Field(
        "off", description="Kept enrolment photographs of whoever agreed to that: shown to nobody, to the guard, on the gates' screens too"
    )
    ground: str = Field("", max_length=1000, description="Number and date of the impact assessment; needed when anything is on")


class PolicyOut(PolicyIn):
    """... and who decided it."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")
    decided_by: str | None
    decided_at: datetime | None


class WaitingOut(BaseModel):
    """Refused faces of one stay before a gate."""

    passage_ids: list[int]
    gate_id: int
    first_at: datetime
    last_at: datetime
    code: str
    similarity: float | None = Field(description="Of the frame that came nearest to anybody; of whom is not said")
    similarity_min: float | None
    picture_of: int | None = Field(description="Passage whose picture can be looked at")
    picture_kind: str | None = Field(description="coarse: nobody can be recognised; agreed: a face, kept on a worker's consent")
    candidate_id: int | None = Field(description="The worker whose consent the picture rests on; to be confirmed, or not")


class MatchIn(BaseModel):
    """What somebody says refused faces show."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"passage_ids": [311, 312], "verdict": "assigned", "worker_id": 7, "note": "门卫在场", "correct_as": "in"}},
    )
    passage_ids: list[RowId] = Field(min_length=1, max_length=review.PASSAGES_AT_ONCE_MAX)
    verdict: str = Field(max_length=12, description="assigned, confirmed or discarded")
    worker_id: RowId | None = None
    note: str = Field("", max_length=1000)
    correct_as: str | None = Field(None, max_length=3, description="in or out: ask for a correction too; it needs the others' agreement")
    correct_on: date | None = Field(None, description="Work date of that correction; none: where an entry of that instant belongs")


class MatchOut(BaseModel):
    """What became of it."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": {"facts": [4, 5], "correction_id": 9}})
    facts: list[int]
    correction_id: int | None


class AdviceOut(BaseModel):
    """A worker who should enrol again."""

    model_config = ConfigDict(from_attributes=True)
    worker_id: int
    code: str = Field(description="similarity_falling or refusals_rising")
    facts: dict[str, float]
    first_seen_at: datetime


@router.get("/v1/projects/{project_id}/face-policy", summary="What the project does with faces", responses=refusals(*OF_PROJECT))
def show_policy(person: Someone, db: Reading, project_id: ProjectId) -> PolicyOut:
    """Everything is off where nobody decided anything."""
    access.require_on(db, person, "papers.read", project_id)
    return PolicyOut.model_validate(faces.policy(db, project_id))


@router.put(
    "/v1/projects/{project_id}/face-policy", summary="Decide what the project does with faces",
    responses=refusals(*OF_PROJECT, (422, "face_policy_ground_needed"), (422, "number_wrong")),
)
def set_policy(person: Someone, db: Tx, project_id: ProjectId, body: PolicyIn, now: Now) -> PolicyOut:
    """Turning pictures off erases those there are."""
    access.require_on(db, person, "faces.policy", project_id)
    rules = faces.FacePolicy(**body.model_dump())
    return PolicyOut.model_validate(review.set_policy(db, project_id=project_id, rules=rules, by=person.login, now=now))


@router.get("/v1/projects/{project_id}/face-review", summary="Refused faces that wait for a person", responses=refusals(*OF_PROJECT))
def waiting(
    person: Someone, db: Reading, project_id: ProjectId, now: Now,
    tried_again: Annotated[bool, Query(description="Also those who were let in at the same gate seconds later")] = False,
) -> list[WaitingOut]:
    """Of the last seven days, frames of one stay told once."""
    access.require_on(db, person, "faces.review", project_id)
    return [_out(one) for one in review.queue(db, project_id, now=now, tried_again=tried_again)]


@router.post(
    "/v1/projects/{project_id}/face-review", status_code=201, summary="Say what refused faces show",
    responses=refusals(
        *OF_PROJECT, (404, "worker_not_on_project"), (409, "match_not_proposed"), (422, "match_passages_wrong"),
        (422, "match_verdict_unknown"), (422, "match_worker_wrong"), (422, "match_direction_unknown"),
        (422, "correction_too_late"), (409, "correction_waiting"),
    ),
)
def decide(person: Someone, db: Tx, project_id: ProjectId, body: MatchIn, now: Now) -> MatchOut:
    """The passages stay as they are; no day counts for this word alone."""
    access.require_on(db, person, "faces.review", project_id)
    if body.correct_as is not None:
        access.require_on(db, person, "corrections.request", project_id)
    return MatchOut.model_validate(
        review.decide(
            db, project_id=project_id, passage_ids=body.passage_ids, verdict=body.verdict, worker_id=body.worker_id,
            note=body.note, correct_as=body.correct_as, correct_on=body.correct_on, by=person.login, now=now,
        )
    )


@router.get(
    "/v1/projects/{project_id}/passages/{passage_id}/picture", summary="The picture kept of a refused face",
    response_class=Response, responses={**refusals(*OF_PROJECT, (404, "picture_gone")), 200: {"content": {"image/jpeg": {}}}},
)
def show_picture(
    request: Request, person: Someone, db: Tx, project_id: ProjectId,
    passage_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)], now: Now,
) -> Response:
    """Every look is a line of the journal."""
    access.require_on(db, person, "faces.review", project_id)
    opened = review.picture(
        db, request.app.state.vault, project_id=project_id, passage_id=passage_id, by=person.login, now=now
    )
    return Response(opened, media_type="image/jpeg", headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


@router.get("/v1/projects/{project_id}/face-advice", summary="Who should enrol again", responses=refusals(*OF_PROJECT))
def show_advice(person: Someone, db: Reading, project_id: ProjectId) -> list[AdviceOut]:
    """Falling similarity, or refusals that grew; looked for every night."""
    access.require_on(db, person, "papers.read", project_id)
    return [AdviceOut.model_validate(one) for one in faces.advice(db, project_id)]


def _out(waiting: review.Waiting) -> WaitingOut:
    appearance = waiting.appearance
    return WaitingOut(
        passage_ids=[p.id for p in appearance.passages],
        gate_id=appearance.first.gate_id,
        first_at=appearance.first.at,
        last_at=appearance.last.at,
        code=appearance.best.code,
        similarity=appearance.best.similarity,
        similarity_min=appearance.best.similarity_min,
        picture_of=waiting.picture.passage_id if waiting.picture else None,
        picture_kind=waiting.picture.kind if waiting.picture else None,
        candidate_id=waiting.candidate,
    )
