"""How strictly the gates of a project decide, and what their decisions looked like.

    GET, PUT  /v1/projects/{id}/decisions/policy
    GET       /v1/projects/{id}/decisions/scores          for the inspector: counts by gate, no names
    PUT       /v1/projects/{id}/gates/{gate_id}/face      how near one must come
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app import access, deciding
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, refusals
from app.api.who import Instant
from app.db import Reading, Tx
from app.store.decisions import PolicyRow

router = APIRouter(tags=["decisions"])

ProjectId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the project", examples=[1])]
GateId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the gate", examples=[1])]
OF_PROJECT = (NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT)
Word = Literal["off", "observe", "enforce"]


class PolicyIn(BaseModel):
    """What a project says; null where the service's settings hold."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"stranger_max": 0.001, "votes_min": 2, "track_seconds": 4.0, "liveness": "observe", "replay": "enforce"}
        },
    )
    stranger_max: float | None = Field(None, description="Greatest chance that one frame of a stranger is taken for somebody")
    votes_min: int | None = Field(None, description="Frames that must agree when none is sure; 1 = each decides alone")
    track_seconds: float | None = Field(None, description="How far back the frames of one person count together")
    liveness: Word | None = None
    replay: Word | None = None


class PolicyOut(BaseModel):
    """The rules in force, and what of them the project said itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "stranger_max": 0.001, "votes_min": 2, "track_seconds": 4.0, "liveness": "off", "replay": "enforce",
                "own": {"stranger_max": 0.001, "votes_min": None, "track_seconds": None, "liveness": None, "replay": None},
                "liveness_model": None,
            }
        }
    )  # fmt: skip
    stranger_max: float
    votes_min: int
    track_seconds: float
    liveness: Word
    replay: Word
    own: PolicyIn
    liveness_model: str | None


class FaceIn(BaseModel):
    """How large a face must be at a gate."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"face_px_min": 120}})
    face_px_min: int | None = Field(description="Side of the face in pixels of the gate's frames; null: as the pack has it")


class GateScoresOut(BaseModel):
    """What one gate answered to faces."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "gate_id": 1, "gate": "东门", "frames": 3, "codes": {"admitted": 2, "face_unknown": 1},
                "similarity": [0] * 11 + [1, 0, 0, 2] + [0] * 5, "liveness": [0] * 20, "liveness_states": {},
                "liveness_models": {}, "repeated_pictures": 0,
            }
        },
    )  # fmt: skip
    gate_id: int
    gate: str
    frames: int
    codes: dict[str, int]
    similarity: list[int] = Field(description="Frames by similarity to the best match, equal steps from 0 to 1")
    liveness: list[int] = Field(description="Frames by liveness score, equal steps from 0 to 1")
    liveness_states: dict[str, int]
    liveness_models: dict[str, int]
    repeated_pictures: int


@router.get("/v1/projects/{project_id}/decisions/policy", summary="How strictly the gates decide", responses=refusals(*OF_PROJECT))
def show_policy(request: Request, person: Someone, db: Reading, project_id: ProjectId) -> PolicyOut:
    """The project's own word where it has one, else the service's."""
    access.require_on(db, person, "decisions.read", project_id)
    return _out(request, db, project_id)


@router.put(
    "/v1/projects/{project_id}/decisions/policy", summary="Say how strictly the gates decide",
    responses=refusals(*OF_PROJECT, (409, "liveness_not_ready"), (422, "decision_policy_wrong")),
)
def set_policy(request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, body: PolicyIn) -> PolicyOut:
    """Every field is written: one that is left out goes back to the service's setting. Passages keep what decided them."""
    access.require_on(db, person, "devices.write", project_id)
    house = request.app.state.house
    deciding.set_policy(
        db, house.settings, project_id=project_id, said=PolicyRow(**body.model_dump()), liveness_ready=house.liveness is not None,
        now=now, by=person.login,
    )  # fmt: skip
    return _out(request, db, project_id)


def _out(request: Request, db: Any, project_id: int) -> PolicyOut:
    house = request.app.state.house
    rules, said = deciding.policy(db, house.settings, project_id)
    return PolicyOut(
        **{name: getattr(rules, name) for name in PolicyIn.model_fields},
        own=PolicyIn.model_validate(said, from_attributes=True),
        liveness_model=house.liveness.model_id if house.liveness else None,
    )


@router.put(
    "/v1/projects/{project_id}/gates/{gate_id}/face", status_code=204, summary="Say how near one must come at a gate",
    responses=refusals(*OF_PROJECT, (404, "gate_unknown"), (422, "decision_policy_wrong")),
)
def set_face(person: Someone, db: Tx, now: Now, project_id: ProjectId, gate_id: GateId, body: FaceIn) -> None:
    """Whose face is smaller is asked to step closer."""
    access.require_on(db, person, "devices.write", project_id)
    deciding.set_face_px(db, project_id=project_id, gate_id=gate_id, face_px_min=body.face_px_min, now=now, by=person.login)


@router.get(
    "/v1/projects/{project_id}/decisions/scores", summary="What the gates answered to faces",
    responses=refusals(*OF_PROJECT, (422, "scores_range_wrong")),
)
def show_scores(
    person: Someone, db: Reading, now: Now, project_id: ProjectId,
    from_at: Annotated[Instant | None, Query(description="Beginning; a week before the end when it is left out")] = None,
    to_at: Annotated[Instant | None, Query(description="End, not included; now when it is left out")] = None,
) -> list[GateScoresOut]:  # fmt: skip
    """Counts by gate: codes, similarity, liveness and pictures seen before. Nobody's name is in it."""
    access.require_on(db, person, "decisions.read", project_id)
    end: datetime = to_at or now
    begin: datetime = from_at or end - timedelta(days=7)
    return [GateScoresOut.model_validate(found) for found in deciding.scores(db, project_id, begin, end)]
