"""Long work that goes on without its request: how far it is, and the file it made.

    GET  /v1/projects/{id}/tasks                    one's own, newest first
    GET  /v1/projects/{id}/tasks/{task_id}          how far it is, or why it failed
    GET  /v1/projects/{id}/tasks/{task_id}/file     the paper that was made; taking it is journalled
    POST /v1/projects/{id}/tasks/{task_id}/again    once more, after it failed or its file was removed

A task is ordered by asking for a paper that takes longer than a moment (``app.api.exports``) and belongs to who asked. What a
page orders (a month that is closed) stands here, too.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app import access, exports, tasks
from app.api.access import ROW_ID_MAX, Now, Someone, refusals
from app.api.once import keyed
from app.api.papers import EXCEL
from app.api.timekeeping import OF_PROJECT
from app.api.wages import ProjectId
from app.db import Reading, Tx, Whole
from app.settings import Settings
from app.store import tasks as store
from app.store.tasks import TaskInfo
from app.web import language_of
from app.wording import sentence

router = APIRouter(tags=["tasks"])

TaskId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the task", examples=[17])]
OF_TASK = (*OF_PROJECT, (404, "task_unknown"))


class RefusedOut(BaseModel):
    """Why a task failed."""

    code: str
    message: str


class TaskOut(BaseModel):
    """Long work."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 17, "kind": "form.ledger", "asked": {"year": 2026, "language": "zh"}, "state": "running", "stage": "write", "done": 640,
                "total": 1000, "asked_at": "2026-11-29T01:20:00Z", "ended_at": None, "error": None, "file": None, "kept_until": None,
            }
        }
    )  # fmt: skip
    id: int
    kind: str = Field(description="form.<name>, month.lock, month.draft, month.close or audit")
    asked: dict[str, Any]
    state: Literal["waiting", "running", "done", "failed", "removed"]
    stage: str = Field(description="gather, write, pack, wages, save, audit; empty before it begins")
    done: int
    total: int = Field(description="0 when nobody knows")
    asked_at: datetime
    ended_at: datetime | None
    error: RefusedOut | None
    file: str | None = Field(description="Where the paper is, once it is done")
    kept_until: datetime | None = Field(description="Then the paper is removed")


def told(task: TaskInfo, settings: Settings, language: str) -> TaskOut:
    """A task as an answer."""
    error = None
    if task.refusal is not None:
        code = task.refusal["code"]
        error = RefusedOut(code=code, message=sentence(code, language, **task.refusal["facts"]))
    has_file = task.is_paper and task.state == "done"
    return TaskOut(
        id=task.id, kind=task.kind, asked=dict(task.asked), state=task.state, stage=task.stage, done=task.done, total=task.total,  # type: ignore[arg-type]
        asked_at=task.asked_at, ended_at=task.ended_at, error=error, file=f"{path_of(task)}/file" if has_file else None,
        kept_until=tasks.kept_until(task, settings) if has_file else None,
    )  # fmt: skip


def path_of(task: TaskInfo) -> str:
    """Where a task is told."""
    return f"/v1/projects/{task.project_id}/tasks/{task.id}"


def ordered(request: Request, task: TaskInfo, settings: Settings) -> Response:
    """What is said to whoever ordered it: a browser is shown the page where it stands, a machine is told where to look."""
    if "text/html" in request.headers.get("accept", ""):
        return Response(status_code=303, headers={"Location": f"/projects/{task.project_id}/tasks?task={task.id}#t-{task.id}"})
    said = told(task, settings, language_of(request)).model_dump_json()
    headers = {"Location": path_of(task), "Retry-After": "1", "Cache-Control": "no-store"}
    return Response(said, 202, headers=headers, media_type="application/json")


def file_of(found: exports.File) -> Response:
    """A paper as an answer to be kept as a file."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in found.name)
    return Response(
        found.content, media_type=EXCEL,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )  # fmt: skip


@router.get("/v1/projects/{project_id}/tasks", summary="One's own long work", responses=refusals(*OF_PROJECT))
def list_tasks(request: Request, person: Someone, db: Reading, project_id: ProjectId) -> list[TaskOut]:
    """The newest, of those that are the same the last."""
    access.require_on(db, person, "project.read", project_id)
    settings, language = request.app.state.settings, language_of(request)
    return [told(task, settings, language) for task in store.tasks_of(db, project_id, access.signed_in(person).login)]


@router.get("/v1/projects/{project_id}/tasks/{task_id}", summary="How far it is", responses=refusals(*OF_TASK))
def one_task(request: Request, person: Someone, db: Reading, project_id: ProjectId, task_id: TaskId) -> TaskOut:
    """One's own; somebody else's is unknown."""
    access.require_on(db, person, "project.read", project_id)
    task = store.task(db, project_id, task_id, access.signed_in(person).login)
    return told(task, request.app.state.settings, language_of(request))


@router.get(
    "/v1/projects/{project_id}/tasks/{task_id}/file", summary="The paper that was made", response_class=Response,
    responses={200: {"content": {EXCEL: {}}, "description": "xlsx"}, **refusals(*OF_TASK, (404, "task_file_gone"), (409, "task_not_done"))},
)  # fmt: skip
def task_file(request: Request, person: Someone, database: Whole, now: Now, project_id: ProjectId, task_id: TaskId) -> Response:
    """For who ordered it, if he may still have it. That he takes it is journalled before it goes out."""
    with database.write() as db:
        someone = access.signed_in(person)
        access.require_on(db, someone, "project.read", project_id)
        found = tasks.take(db, request.app.state.vault, someone, project_id=project_id, task_id=task_id, now=now)
        exports.note(db, found)
    return file_of(found)


@router.post(
    "/v1/projects/{project_id}/tasks/{task_id}/again", summary="Once more", status_code=202, responses=refusals(*OF_TASK, (429, "tasks_too_many"))
)
@keyed("project.read", status=202)
def do_again(request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, task_id: TaskId) -> TaskOut:
    """The same is asked for anew; while that is under way, asking again gives the one under way."""
    access.require_on(db, person, "project.read", project_id)
    task = tasks.again(db, access.signed_in(person), project_id=project_id, task_id=task_id, now=now)
    return told(task, request.app.state.settings, language_of(request))
