"""The model pack is changed: two sets of templates side by side, then a switch, and a way back.

    GET  /v1/pack-change                       how far it is, in numbers
    POST /v1/pack-change                       begin
    POST /v1/pack-change/steps                 switch, roll_back, finish or abandon
    GET  /v1/projects/{id}/pack-change         who of a project must come again
"""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from app import access, repack
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, refusals
from app.api.who import Instant
from app.db import Reading, Tx
from app.engines import load_engine
from app.errors import Busy, Unusable
from recognition import PackError

router = APIRouter(tags=["model pack"])

ProjectId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the project", examples=[1])]


class ProjectChange(BaseModel):
    """How far one project is."""

    project_id: int
    ready: int = Field(description="Workers with a template of the new pack")
    to_work_out: int = Field(description="Workers whose photographs were kept; done without them")
    must_come: int = Field(description="Workers who must be photographed again")


class ChangeOut(BaseModel):
    """A change of the pack."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "in_force": "dlib-resnet-v1", "open": True, "from_pack_id": "dlib-resnet-v1", "to_pack_id": "east-asian-1",
                "state": "prepared", "switch_at": None,
                "projects": [{"project_id": 1, "ready": 120, "to_work_out": 30, "must_come": 8}],
            }
        }
    )
    in_force: str = Field(description="The pack that recognises now")
    open: bool
    from_pack_id: str | None = None
    to_pack_id: str | None = None
    state: str | None = Field(None, description="prepared, switched or rolled_back")
    switch_at: datetime | None = None
    projects: list[ProjectChange] = []


class StartIn(BaseModel):
    """The new pack."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"pack_id": "east-asian-1"}})
    pack_id: str = Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")


class StepIn(BaseModel):
    """What is done about the change."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"step": "switch", "at": "2026-04-01T02:00:00+08:00", "with_gaps": True}}
    )
    step: Literal["switch", "roll_back", "finish", "abandon"]
    at: Instant | None = Field(None, description="For switch: the moment; now when absent")
    with_gaps: bool = Field(False, description="For switch: although some have no new template and will pass by card or code")


class MustCome(BaseModel):
    """A worker who must be photographed again."""

    worker_id: int
    reason: str = Field(description="not_kept: his photographs were not kept; else why the new pack cannot use them")


class ProjectChangeOut(BaseModel):
    """How far a project is, and who must come again."""

    open: bool
    ready: int = 0
    to_work_out: int = 0
    must_come: list[MustCome] = []


@router.get("/v1/pack-change", summary="How far the change of the model is", responses=refusals(NOBODY, NOT_ALLOWED))
def show(request: Request, person: Someone, db: Reading, now: Now) -> ChangeOut:
    """Numbers only: an administrator sees no names."""
    access.require(person, "service.read")
    return _out(request, db, now)


@router.post(
    "/v1/pack-change", status_code=201, summary="Begin a change of the model",
    responses=refusals(NOBODY, NOT_ALLOWED, (409, "pack_change_open"), (422, "pack_change_same"), (422, "pack_unusable"), (503, "pack_missing")),
)
def start(request: Request, person: Someone, db: Tx, body: StartIn, now: Now) -> ChangeOut:
    """The gates go on with the old pack; `muster worker` works out new templates from kept photographs."""
    access.require(person, "packs.write")
    state = request.app.state
    if state.engine is None:
        raise Busy("pack_missing", retry_after_s=30)
    try:
        new = load_engine(state.settings, body.pack_id).pack
    except (PackError, RuntimeError):
        raise Unusable("pack_unusable") from None
    repack.start(db, from_pack=state.engine.pack, to_pack=new, by=person.login, now=now)
    return _out(request, db, now)


@router.post(
    "/v1/pack-change/steps", status_code=201, summary="Switch, roll back, finish or abandon",
    responses=refusals(
        NOBODY, NOT_ALLOWED, (409, "pack_change_none"), (409, "pack_change_gaps"), (409, "pack_change_switched"),
        (409, "pack_change_not_switched"), (409, "pack_change_configured"), (422, "pack_change_past"),
    ),
)
def step(request: Request, person: Someone, body: StepIn, now: Now) -> ChangeOut:
    """Running services follow a switch within seconds."""
    access.require(person, "packs.write")
    database, settings = request.app.state.database, request.app.state.settings
    if body.step == "finish":
        repack.finish(database, configured=settings.pack_id, by=person.login, now=now)
    elif body.step == "abandon":
        repack.abandon(database, by=person.login, now=now)
    else:
        with database.write() as db:
            if body.step == "switch":
                repack.switch(db, at=body.at, with_gaps=body.with_gaps, by=person.login, now=now)
            else:
                repack.roll_back(db, by=person.login, now=now)
    with database.read() as db:
        return _out(request, db, now)


@router.get(
    "/v1/projects/{project_id}/pack-change", summary="Who must come again", responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT)
)
def show_project(person: Someone, db: Reading, project_id: ProjectId) -> ProjectChangeOut:
    """Of one project, while a change is open."""
    access.require_on(db, person, "papers.read", project_id)
    told = repack.progress(db, project_id)
    if told is None:
        return ProjectChangeOut(open=False)
    [mine] = told.projects
    return ProjectChangeOut(
        open=True, ready=mine.ready, to_work_out=mine.to_work_out,
        must_come=[MustCome(worker_id=one.worker_id, reason=one.fault or "not_kept") for one in mine.must_come],
    )


def _out(request: Request, db: Reading, now: datetime) -> ChangeOut:
    force = repack.in_force(db, request.app.state.settings, now)
    told = repack.progress(db)
    if told is None:
        return ChangeOut(in_force=force.pack_id, open=False)
    return ChangeOut(
        in_force=force.pack_id, open=True, from_pack_id=told.change.from_pack_id, to_pack_id=told.change.to_pack_id,
        state=told.change.act or "prepared", switch_at=told.change.holds_from if told.change.act == "switched" else None,
        projects=[
            ProjectChange(project_id=p.project_id, ready=p.ready, to_work_out=p.to_work_out, must_come=len(p.must_come))
            for p in told.projects
        ],
    )  # fmt: skip
