"""One face under two ID numbers, for the inspector.

    GET  /v1/twins                   pairs with at least one worker of his area; never a name across areas
    POST /v1/twins/{id}/reviews      same person, different people, or still open
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from app import access, twins
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, Now, Someone, refusals
from app.db import Reading, Tx
from app.wording import sentence

router = APIRouter(tags=["one face twice"])


class SideOut(BaseModel):
    """One of two workers, as far as the reader may know him."""

    worker_id: int | None = Field(description="Null when he is registered in other areas only")
    name: str = Field(description="Empty when he is none of the reader's area")
    project_ids: list[int]
    elsewhere: list[str] = Field(description="County codes of other areas he is registered in: whom to ask")


class TwinOut(BaseModel):
    """Two workers whose templates are too alike. It accuses nobody."""

    id: int
    sentence: str
    similarity: float
    similarity_min: float
    templates: int = Field(description="Templates searched")
    false_pairs: float | None = Field(description="Pairs of different people such a search names, by the pack's stated rate; null: unknown")
    found_at: datetime
    sides: list[SideOut]
    may_decide: bool
    verdict: str | None
    note: str | None
    decided_by: str | None
    decided_at: datetime | None


class ReviewIn(BaseModel):
    """What was found out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"verdict": "different_people", "note": "双胞胎，户口簿已核对"}})
    verdict: str = Field(max_length=16, description="same_person, different_people or open")
    note: str = Field(max_length=2000)


@router.get("/v1/twins", summary="Workers who are too alike", responses=refusals(NOBODY, NOT_ALLOWED))
def show(person: Someone, db: Reading) -> list[TwinOut]:
    """Undecided ones first."""
    access.require(person, "county.read")
    return [_out(pair, person.language) for pair in twins.twins_of(db, person)]


@router.post(
    "/v1/twins/{twin_id}/reviews", status_code=201, summary="Say what was found out about two workers",
    responses=refusals(
        NOBODY, NOT_ALLOWED, (404, "twin_unknown"), (403, "twin_other_area"), (400, "twin_verdict_unknown"), (400, "decision_note_needed")
    ),
)
def decide(person: Someone, db: Tx, twin_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)], body: ReviewIn, now: Now) -> TwinOut:
    """Only where both are of the reader's area; the latest word holds."""
    access.require(person, "county.read")
    return _out(twins.decide(db, person, twin_id, body.verdict, body.note, now=now), person.language)


def _out(pair: twins.Pair, language: str) -> TwinOut:
    twin = pair.twin
    return TwinOut(
        id=twin.id, sentence=sentence("twin_found", language, **twins.sentence_facts(twin)), similarity=twin.similarity,
        similarity_min=twin.similarity_min, templates=twin.templates, false_pairs=twins.false_pairs(twin),
        found_at=twin.found_at, may_decide=pair.may_decide, verdict=twin.verdict, note=twin.note,
        decided_by=twin.decided_by, decided_at=twin.decided_at,
        sides=[
            SideOut(worker_id=s.worker_id, name=s.name, project_ids=[p for p, _ in s.projects], elsewhere=list(s.elsewhere))
            for s in pair.sides
        ],
    )  # fmt: skip
