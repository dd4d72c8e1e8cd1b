"""The journal (操作日志): who did or saw what, and the head that proves it.

    GET  /v1/projects/{id}/journal              lines of a project, newest first
    POST /v1/projects/{id}/journal/extract      ... as a file that whoever holds a head can check without us
    GET  /v1/journal                            lines of no project: sign-ins, accounts, roles, calendars
    GET  /v1/journal/head?on=                   what is handed to somebody outside
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app import access, journal
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, refusals
from app.api.wages import ProjectId
from app.api.who import Day
from app.db import Reading
from app.store import accounts
from app.store import journal as chain

router = APIRouter(tags=["journal"])

Before = Annotated[int | None, Query(ge=1, le=ROW_ID_MAX, description="Only lines with a lower id: the next page")]
Who = Annotated[str | None, Query(max_length=64, description="Login whose lines are wanted")]
Seen = Annotated[bool | None, Query(description="true: only who saw or took personal data; false: all but that")]
Limit = Annotated[int, Query(ge=1, le=500)]


class LineOut(BaseModel):
    """Something somebody did or saw."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": 812, "at": "2026-03-31T08:12:03.120000Z", "actor": "wu", "action": "personal_data.viewed", "object": "worker:7",
                "facts": {"shown": "names numbers days wages"},
            }
        },
    )  # fmt: skip
    id: int
    at: datetime
    actor: str = Field(description="Login; worker or command line for what no person did")
    action: str
    object: str
    facts: dict[str, Any]


class HeadOut(BaseModel):
    """Where the journal ends."""

    model_config = ConfigDict(json_schema_extra={"example": {"head": "journal:812:9f…", "seq": 812, "hash": "9f…", "at": "2026-03-31T08:12:03Z"}})
    head: str = Field(description="To be kept outside, and held against the house or an extract later")
    seq: int
    hash: str
    at: datetime | None = Field(description="When its last line was written")


class ExtractIn(BaseModel):
    """Which links."""

    model_config = ConfigDict(json_schema_extra={"example": {"first": 1, "last": 812}})
    first: int = Field(1, ge=1, le=ROW_ID_MAX)
    last: int | None = Field(None, ge=1, le=ROW_ID_MAX, description="The last there is, when nothing is said")


def _lines(db: Reading, project_id: int | None, before: int | None, who: str | None, seen: bool | None, limit: int) -> list[LineOut]:
    found = accounts.journal_page(
        db, project_id, before=before, actor=who or None, actions=journal.SEEN if seen else None,
        but=journal.SEEN if seen is False else (), limit=limit,
    )  # fmt: skip
    return [LineOut.model_validate(line) for line in found]


@router.get("/v1/projects/{project_id}/journal", summary="A project's journal", responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT))
def project_journal(
    person: Someone, db: Reading, project_id: ProjectId, before: Before = None, who: Who = None, seen: Seen = None, limit: Limit = 100
) -> list[LineOut]:
    """Lines of a project, newest first."""
    access.require_on(db, person, "journal.read", project_id)
    return _lines(db, project_id, before, who, seen, limit)


@router.get("/v1/journal", summary="The journal of no project", responses=refusals(NOBODY, NOT_ALLOWED))
def service_journal(person: Someone, db: Reading, before: Before = None, who: Who = None, seen: Seen = None, limit: Limit = 100) -> list[LineOut]:
    """Sign-ins, accounts, roles, calendars, packs, and looks across projects; newest first."""
    access.require(person, "journal.service")
    return _lines(db, None, before, who, seen, limit)


@router.get("/v1/journal/head", summary="The journal's head", responses=refusals(NOBODY))
def journal_head(
    person: Someone, db: Reading, on: Annotated[Day | None, Query(description="As it was at the end of that day of the county")] = None
) -> HeadOut:
    """A number and a hash that prove every line before them. Whoever is signed in may have it: the more hold it the better."""
    del person
    head = chain.head(db) if on is None else journal.head_of_day(db, on)
    return HeadOut(head=str(head), seq=head.seq, hash=head.hash, at=head.at)


@router.post(
    "/v1/projects/{project_id}/journal/extract", summary="An extract that can be checked", response_class=StreamingResponse,
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (400, "extract_empty"), (400, "extract_too_long"))
    | {200: {"content": {"application/x-ndjson": {}}, "description": "One link a line; other projects' lines by their commitment only"}},
)  # fmt: skip
def journal_extract(request: Request, person: Someone, now: Now, project_id: ProjectId, body: ExtractIn) -> StreamingResponse:
    """JSON lines, to be checked with ``muster journal-check FILE --held HEAD`` and no database. Taking it is journalled."""
    database = request.app.state.database
    with database.write() as db:
        access.require_on(db, person, "journal.read", project_id)
        first, last = journal.extracted(db, project_id=project_id, first=body.first, last=body.last, by=person.login, now=now)
    with database.read() as db:
        # Whole before the first byte: a snapshot must not wait for a slow reader.
        text = "".join(f"{line}\n" for line in journal.extract(db, (project_id,), first, last))
    headers = {"Content-Disposition": f'attachment; filename="journal-{project_id}-{first}-{last}.jsonl"', "Cache-Control": "no-store"}
    return StreamingResponse(iter((text.encode(),)), media_type="application/x-ndjson", headers=headers)
