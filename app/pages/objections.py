"""Objections (工人异议): what workers say is wrong with their days and lines, and the officer's answer."""

from dataclasses import dataclass
from datetime import date, datetime

from starlette.datastructures import FormData

from app import objections
from app.domain.workdays import local
from app.errors import ServiceError
from app.pages import filled, lines
from app.pages.page import Act, Again, Ask, ListChoice, Page, shown, with_query
from app.pages.words import marked
from app.store import accounts

ROWS_MAX = 200


@dataclass(frozen=True)
class Row:
    """One objection."""

    subject: str
    id: int
    name: str
    team: str
    url: str
    """The worker's page, for whoever may open it; empty else."""
    on: date
    there_url: str
    """His day, or the line on its sheet."""
    kind: str
    text: str
    in_at: datetime | None
    out_at: datetime | None
    net_fen: int | None
    claimed_fen: int | None
    by_himself: bool
    """On his own phone; else somebody recorded it for him."""
    made_by: str
    made_at: datetime
    state: str
    step: str
    step_url: str
    refused: str
    papers: tuple[str, ...]
    """Addresses of what he sent with it; whoever reads objections reads the papers of corrections, too."""
    correct_url: str
    """Where a correction for that day is asked for; empty where there is one, and for lines."""
    answer: str
    answered_by: str
    answered_at: datetime | None


@dataclass(frozen=True)
class ObjectionsContext:
    """What the page of objections shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why the answer was refused; empty else")
    choices: tuple[ListChoice, ...] = shown("Lists to choose: those that wait, or all")
    rows: tuple[Row, ...] = shown("The objections, those that wait longest first")
    more: int = shown("How many more there are than are listed")
    may_answer: bool = shown("This reader may answer")
    typed_for: str = shown("Which listed objection the refused answer was for, as its section is called; empty else")
    typed: str = shown("The answer that was refused, to be put right")


def path(ask: Ask, **query: object) -> str:
    """Address of the page."""
    return with_query(f"/projects/{ask.project.id}/objections", **query)


def gather(ask: Ask, refused: str = "", typed_for: str = "", typed: str = "") -> ObjectionsContext:
    """Everybody's objections."""
    every = objections.every(ask.db, ask.project.id)
    open_ = [one for one in every if one.state == "waiting"]
    whole = ask.query.get("show") == "all"
    found = every if whole else tuple(open_)
    names = accounts.names(ask.db, {one.answer.by for one in found if one.answer} | {one.made_by for one in found})
    return ObjectionsContext(
        project_id=ask.project.id,
        refused=refused,
        choices=(
            ListChoice(ask.say("等答复"), len(open_), path(ask), not whole),
            ListChoice(ask.say("全部"), len(every), path(ask, show="all"), whole),
        ),
        rows=tuple(_row(ask, one, names) for one in found[:ROWS_MAX]),
        more=max(0, len(found) - ROWS_MAX),
        may_answer=ask.may("objections.answer"),
        typed_for=typed_for if any(f"{one.subject}-{one.id}" == typed_for and one.state == "waiting" for one in found[:ROWS_MAX]) else "",
        typed=typed,
    )


def _row(ask: Ask, one: objections.Objection, names: dict[str, str]) -> Row:
    base = f"/projects/{ask.project.id}"
    day = one.subject == "day"
    url = with_query(f"{base}/workers/{one.worker_id}", month=f"{one.on:%Y-%m}", day=one.on if day else None)
    clock = lambda at: local(at, ask.policy) if at else None  # noqa: E731
    corrects = day and not one.correction_id and ask.may("corrections.request")
    return Row(
        subject=one.subject,
        id=one.id,
        name=one.name,
        team=one.team,
        url=url if ask.may("wages.read") else "",
        on=one.on,
        there_url=f"{url}#d-{one.on}" if day else f"{base}/payroll/{one.sheet_id}#l-{one.line_id}",
        kind=one.kind,
        text=one.text,
        in_at=clock(one.in_at),
        out_at=clock(one.out_at),
        net_fen=one.net_fen,
        claimed_fen=one.claimed_fen,
        by_himself=one.made_by == f"worker.{one.worker_id}",
        made_by=names.get(one.made_by, one.made_by),
        made_at=clock(one.made_at),
        state=one.state,
        step=one.correction_state,
        step_url=f"{base}/corrections#c-{one.correction_id}" if one.correction_id else "",
        refused=one.correction_refused,
        papers=tuple(f"/v1/projects/{ask.project.id}/evidence/{each}" for each in one.evidence),
        correct_url=with_query(f"{base}/corrections", worker=one.worker_id, day=one.on) + "#ask" if corrects else "",
        answer=one.answer.text if one.answer else "",
        answered_by=names.get(one.answer.by, one.answer.by) if one.answer else "",
        answered_at=clock(one.answer.at) if one.answer else None,
    )


def answer(ask: Ask, values: FormData) -> str | Again:
    """Answer one; the worker reads it on his phone."""
    text = lines.form(values, "text")
    try:
        objections.answer(
            ask.db, project_id=ask.project.id, subject=lines.form(values, "subject"), subject_id=filled.number(values, "id"),
            outcome=lines.form(values, "outcome"), text=text, by=ask.person.login, now=ask.now,
        )  # fmt: skip
    except ServiceError as error:
        sent = f"{lines.form(values, 'subject')}-{lines.form(values, 'id')}"
        return Again(PAGE, gather(ask, ask.why(error), sent, text), error.status)
    return path(ask, show="all" if ask.query.get("show") == "all" else "", done="objection_answered")


PAGE = Page(
    "/projects/{project_id:int}/objections", marked("工人异议"), "objections.html", "objections.read", ObjectionsContext, gather,
    marked("工人异议"),
)  # fmt: skip
ANSWER = Act("/projects/{project_id:int}/objections/answers", "objections.answer", answer)
