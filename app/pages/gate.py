"""The gate's screen: the newest verdict large, what asks for a person, and the last passages, live."""

from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.responses import Response

from app import access
from app import gate as gate_case
from app.pages import lines, page
from app.pages.lines import AskCard, PassageLine
from app.pages.page import Act, Ask, Page, shown
from app.pages.words import marked
from app.store import gates

ROWS = 50
PARTS = "parts/passage.html"


@dataclass(frozen=True)
class GateContext:
    """What the gate's screen shows when it opens; the stream goes on from there."""

    project_id: int = shown("The project, for links")
    last_seq: int = shown("Number of the last passage shown; the stream begins after it")
    rows_max: int = shown("How many passages the table begins with")
    lines: tuple[PassageLine, ...] = shown("The last passages, newest first; the first one is the large panel")
    advice: str = shown("What the guard does about the newest passage; empty when it was admitted")
    cards: tuple[AskCard, ...] = shown("Passages that wait for a person, oldest first")
    confirming: bool = shown("The project asks a person about each face while this pack is active")


def reader(ask: Ask) -> lines.Reader:
    """How this reader is shown passages."""
    return lines.Reader(
        ask.db,
        ask.project.id,
        ask.policy,
        today=ask.today,
        view=access.view_of(ask.person, ask.project),
        links=ask.may("papers.read"),
        language=ask.language,
    )


def gather(ask: Ask) -> GateContext:
    """The last passages and what asks."""
    reads = reader(ask)
    last = gates.last_seq(ask.db, ask.project.id)
    shown_lines = reads.lines(lines.latest(ask.db, ask.project.id, ROWS))
    pack = getattr(ask.state.engine, "pack", None)
    return GateContext(
        project_id=ask.project.id,
        last_seq=last,
        rows_max=ROWS,
        lines=shown_lines,
        advice=lines.advice(shown_lines[0].code, ask.language) if shown_lines else "",
        cards=reads.cards(gates.asking(ask.db, ask.project.id), ask.may("gate.confirm")),
        confirming=ask.project.confirm_face and bool(pack and pack.needs_confirmation_advised),
    )


def review(ask: Ask, values: FormData) -> str | Response:
    """A person says whether it was him. Answers htmx with the cards that are left, anybody else with the page."""
    gate_case.confirm(
        ask.db,
        project_id=ask.project.id,
        passage_id=ask.id("passage_id"),
        confirmed=lines.form(values, "confirmed") == "yes",
        by=ask.person.login,
        now=ask.now,
    )
    if ask.request.headers.get("hx-request") != "true":
        return f"/projects/{ask.project.id}/gate"
    cards = reader(ask).cards(gates.asking(ask.db, ask.project.id), ask.may("gate.confirm"))
    return page.html(page.piece(ask.language, PARTS, "asks", cards))


PAGE = Page(
    "/projects/{project_id:int}/gate", marked("现场实时"), "gate.html", "gate.watch", GateContext, gather, marked("现场实时")
)
REVIEW = Act("/projects/{project_id:int}/passages/{passage_id:int}/review", "gate.confirm", review)
