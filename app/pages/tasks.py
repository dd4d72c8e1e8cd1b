"""Papers (资料): what can be had made of the project, and what is being made, or was done, without a page waiting for it.

The list asks every second how far it is (``piece``); without scripts the page is loaded anew. What a page like wages orders
(a month that is closed) is told there, by the same piece.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from starlette.datastructures import FormData
from starlette.responses import Response

from app import access, tasks, wording
from app.db import Reading
from app.domain.workdays import local, month_of
from app.errors import NotFound
from app.pages import page
from app.pages.page import Act, Ask, Page, piece, shown, with_query
from app.pages.words import marked
from app.store import people, sheets
from app.store import tasks as store
from app.store.tasks import TaskInfo

YEARS_BACK = 5
STEPS_SHOWN_S = 600
"""So long a step of a month that is done, or failed, stays on the page that ordered it."""

SOON = marked("即将开始")
STAGES = {
    "gather": marked("第一步，整理资料"),
    "write": marked("第二步，写入表格"),
    "pack": marked("最后一步，装订成文件"),
    "wages": marked("第一步，逐人核算"),
    "save": marked("最后一步，登记入账"),
    "audit": marked("按规则逐月核查"),
}


@dataclass(frozen=True)
class TaskRow:
    """One piece of long work, as its owner sees it."""

    id: int
    label: str
    """What is made, and of what."""
    state: str
    """waiting, running, done, failed or removed."""
    says: str
    """How far it is, why it failed, or until when its file is kept."""
    done: int
    total: int
    """0: nobody knows."""
    at: datetime
    """On the project's clock: when it was asked for, or ended."""
    file_url: str
    """Empty without a file."""
    again_url: str
    """Where it is asked for once more; empty when there is no need."""
    chosen: bool


@dataclass(frozen=True)
class TasksContext:
    """What the page of papers shows."""

    project_id: int = shown("The project, for links")
    rows: tuple[TaskRow, ...] = shown("What this reader asked for, newest first")
    piece_url: str = shown("Where the list is asked for again while something is under way; empty else")
    days: int = shown("How many days a file is kept")
    years: tuple[int, ...] = shown("Years of the wage ledger, newest first")
    month: str = shown("This month, YYYY-MM")
    from_on: str = shown("First day of last month's register of entries and exits")
    to_on: str = shown("First day no longer in it")


def gather(ask: Ask) -> TasksContext:
    """What was asked for, and what may be."""
    found = store.tasks_of(ask.db, ask.project.id, ask.person.login)
    this = month_of(ask.today)
    return TasksContext(
        project_id=ask.project.id,
        rows=rows_of(ask, found),
        piece_url=piece_url(ask, found),
        days=ask.state.settings.paper_days,
        years=tuple(range(ask.today.year, ask.today.year - YEARS_BACK, -1)),
        month=f"{this:%Y-%m}",
        from_on=month_of(this - timedelta(days=1)).isoformat(),
        to_on=this.isoformat(),
    )


def steps(ask: Ask, of: str) -> tuple[tuple[TaskRow, ...], str]:
    """What this reader asked for lately on the page that orders it, and where it is asked for again.

    Args:
        of: the kind, or what the kinds begin with: ``month``, ``audit``.
    """
    found = _lately(store.tasks_of(ask.db, ask.project.id, ask.person.login), of, ask.now)
    return rows_of(ask, found), piece_url(ask, found, of)


def _lately(found: Sequence[TaskInfo], of: str, now: datetime) -> list[TaskInfo]:
    """All of them; of one kind of step those that are under way or have just ended."""
    fresh = [t for t in found if t.ended_at is None or (now - t.ended_at).total_seconds() < STEPS_SHOWN_S]
    return [t for t in fresh if t.kind.partition(".")[0] == of] if of else list(found)


def piece_url(ask: Ask, found: Sequence[TaskInfo], of: str = "") -> str:
    """Where the rows are asked for again; empty when nothing is under way."""
    had = [str(task.id) for task in found if task.ended_at is None]
    return with_query(f"{_path(ask)}/piece", had=".".join(had), of=of) if had else ""


def piece_of(request: Request, db: Reading) -> Response:
    """``GET /projects/{id}/tasks/piece?had=``: the rows as they stand now; when one of those that were under way has ended,
    the page is told to load anew."""
    now = page.now_of(request)
    person = access.signed_in(access.person_of_request(request, db, now))
    project = access.require_on(db, person, "project.read", min(int(request.path_params["project_id"]), page.ID_MAX))
    ask = Ask(request, db, person, project, page.language(request), now)
    of, had = request.query_params.get("of", ""), set(request.query_params.get("had", "").split("."))
    found = _lately(store.tasks_of(db, project.id, person.login), of, now)
    said = page.html(piece(ask.language, "parts/tasks.html", "under_way", rows_of(ask, found), piece_url(ask, found, of)))
    if any(str(task.id) in had for task in found if task.ended_at is not None):
        said.headers["HX-Refresh"] = "true"
    return said


def again(ask: Ask, _values: FormData) -> str:
    """Have done once more what failed, or whose file is gone."""
    task = tasks.again(ask.db, ask.person, project_id=ask.project.id, task_id=ask.id("task_id"), now=ask.now)
    if task.is_paper:
        return f"{_path(ask)}?task={task.id}#t-{task.id}"
    return _home(ask, task)


def _home(ask: Ask, task: TaskInfo) -> str:
    """The page a step of a month belongs to."""
    if task.kind == "audit":
        return f"/projects/{ask.project.id}/findings"
    return with_query(f"/projects/{ask.project.id}/payroll", month=task.asked["month"][:7])


# --- rows ----------------------------------------------------------------------------------------------------------


def rows_of(ask: Ask, found: Sequence[TaskInfo]) -> tuple[TaskRow, ...]:
    """Tasks as their owner sees them."""
    teams = {team.id: team.name for team in people.teams(ask.db, ask.project.id)} if found else {}
    chosen = ask.number("task")
    return tuple(_row(ask, task, teams, task.id == chosen) for task in found)


def _row(ask: Ask, task: TaskInfo, teams: Mapping[int, str], chosen: bool) -> TaskRow:
    state = task.state
    return TaskRow(
        id=task.id,
        label=_label(ask, task, teams),
        state=state,
        says=_says(ask, task),
        done=task.done,
        total=task.total,
        at=local(task.ended_at or task.asked_at, ask.policy),
        file_url=f"/v1/projects/{task.project_id}/tasks/{task.id}/file" if task.is_paper and state == "done" else "",
        again_url=f"{_path(ask)}/{task.id}/again" if state in ("failed", "removed") else "",
        chosen=chosen,
    )


def _says(ask: Ask, task: TaskInfo) -> str:
    if task.refusal is not None:
        facts = dict(task.refusal["facts"])
        if "first" in facts:
            facts["first"] = wording.name(f"blocker.{facts['first']}", ask.language)
        return wording.sentence(task.refusal["code"], ask.language, **facts)
    if task.state == "waiting":
        before = store.ahead(ask.db, task.id)
        return ask.say("前面还有 %(n)s 项", n=before) if before else ask.say(SOON)
    if task.state == "running":
        stage = ask.say(STAGES.get(task.stage, SOON))
        return ask.say("%(stage)s：%(done)s / %(total)s", stage=stage, done=f"{task.done:,}", total=f"{task.total:,}") if task.total else stage
    if task.is_paper and task.state == "done":
        until = tasks.kept_until(task, ask.state.settings)
        return ask.say("保存到 %(at)s，届时删除", at=f"{local(until, ask.policy):%Y-%m-%d %H:%M}")
    return ""


def _label(ask: Ask, task: TaskInfo, teams: Mapping[int, str]) -> str:
    asked = task.asked
    key = f"task_kind.{task.kind}"
    if task.kind == "form.payroll":
        key = f"exported.payroll_{asked['shape']}"
    of = [wording.name(key, ask.language)]
    if "sheet_id" in asked:
        with contextlib.suppress(NotFound):
            sheet = sheets.sheet(ask.db, asked["sheet_id"])
            of += [teams.get(sheet.team_id, ""), f"{sheet.month:%Y-%m}"]
    if "team_id" in asked:
        of.append(teams.get(asked["team_id"], ""))
    if asked.get("year"):
        of.append(str(asked["year"]))
    of += [each[:7] for each in (asked.get("month"), *asked.get("months", ())) if each]
    if "from_on" in asked:
        of.append(f"{asked['from_on']} – {asked['to_on']}")
    return " ".join(filter(None, of))


def _path(ask: Ask) -> str:
    return f"/projects/{ask.project.id}/tasks"


PAGE = Page("/projects/{project_id:int}/tasks", marked("资料"), "tasks.html", "exports.make", TasksContext, gather, marked("资料"))
ACTS: tuple[Act, ...] = (Act("/projects/{project_id:int}/tasks/{task_id:int}/again", "project.read", again),)
