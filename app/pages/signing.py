"""Workers sign on the officer's tablet (屏幕签字): one after another, drawn or by face; who has not is next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from starlette.datastructures import FormData

from app import access, signatures
from app import sheets as use_cases
from app.domain.sheet import SheetState
from app.errors import BadRequest, NotFound, ServiceError
from app.pages import filled, lines
from app.pages.items import ItemPart, item_part
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import people, words
from app.store import sheets as held
from app.wording import sentence

PICTURE_BYTES_MAX = 8 * 1024**2


@dataclass(frozen=True)
class Next:
    """The worker whose turn it is."""

    line_id: int
    line_hash: str
    name: str
    trade: str
    origin: date
    day_milli: int
    overtime_minutes: int
    gross_fen: int
    withheld_fen: int
    net_fen: int
    items: tuple[ItemPart, ...]
    voided: bool
    claimed_fen: int | None
    """What he said is right instead; None without an objection of his."""
    reason: str
    outcome: str
    """accepted or kept; empty while his objection waits for an answer."""
    answer: str
    by_face: bool
    """He agreed that his face is known: he may sign by it."""
    skip_url: str


@dataclass(frozen=True)
class Waiting:
    """Somebody who has not signed."""

    name: str
    url: str
    current: bool
    voided: bool
    objection: str
    """State of his objection: waiting, accepted or kept; empty without one."""


@dataclass(frozen=True)
class SigningContext:
    """What the page to sign on shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just tried was refused; empty else")
    told: str = shown("Who has just signed or objected; empty else")
    team: str = shown("The team whose sheet it is")
    month: date = shown("The month of the sheet")
    back_url: str = shown("Address of the sheet")
    own_path: str = shown("Path of this page without a query")
    signed: int = shown("Lines that are signed")
    lines: int = shown("Lines of the sheet")
    next: Next | None = shown("The worker whose turn it is; None when everybody has said something")
    waiting: tuple[Waiting, ...] = shown("Who has said nothing, in the order of the sheet")
    disputed: tuple[Waiting, ...] = shown("Whose lines are disputed, in the order of the sheet: each may look at his, and sign it after all")
    closed: str = shown("Why nobody can sign this sheet now; empty when they can")


def gather(ask: Ask, refused: str = "", wanted: int | None = None) -> SigningContext:
    """The next who has not signed, or the one that was chosen."""
    sheet_id = ask.id("sheet_id")
    _own(ask, sheet_id)
    view = use_cases.view(ask.db, project_id=ask.project.id, sheet_id=sheet_id, now=ask.now, compare=False)
    void = signatures.void(ask.db, ask.project.id, sheet_id)
    path = _path(ask, sheet_id)
    open_ = [one for one in view.lines if one.confirmation is None]
    disputed = [one for one in view.lines if one.confirmation is not None and not _agreed(one)]
    answers = words.answers(ask.db, ask.project.id, "line", [one.confirmation.id for one in disputed])
    outcome_of = {one.line.id: (said.outcome if (said := answers.get(one.confirmation.id)) else "waiting") for one in disputed}
    wanted = wanted or ask.number("line")
    chosen = next((one for one in view.lines if one.line.id == wanted and not _agreed(one)), None)
    # Whoever was passed over, or spoke last: his turn is over, and he comes again when the others have had theirs.
    after = ask.number("after") or ask.number("of")
    if chosen is None and open_:
        place = next((at for at, one in enumerate(view.lines, 1) if one.line.id == after), 0)
        later = [one for one in view.lines[place:] if one.confirmation is None]
        chosen = (later or open_)[0]
    closed = ""
    if not view.is_latest:
        closed = sentence("sheet_superseded", ask.language)
    elif view.state in (SheetState.DRAFT, SheetState.RETURNED):
        closed = sentence("sheet_not_submitted", ask.language)

    def waits(one: use_cases.LineView) -> Waiting:
        line_id = one.line.id
        current = chosen is not None and line_id == chosen.line.id
        return Waiting(one.name, with_query(path, line=line_id), current, line_id in void, outcome_of.get(line_id, ""))

    done = ask.query.get("said", "")
    who = next((one.name for one in view.lines if str(one.line.id) == ask.query.get("of", "")), "")
    told = {"signed": ask.say("%(who)s 已签字。", who=who), "objected": ask.say("%(who)s 的异议已登记。", who=who)}
    return SigningContext(
        project_id=ask.project.id,
        refused=refused,
        told=told.get(done, "") if who else "",
        team=view.team_name,
        month=view.sheet.month,
        back_url=f"/projects/{ask.project.id}/payroll/{sheet_id}",
        own_path=path,
        signed=sum(map(_agreed, view.lines)),
        lines=len(view.lines),
        next=_next(ask, path, chosen, chosen.line.id in void, answers) if chosen and not closed else None,
        waiting=tuple(waits(one) for one in open_),
        disputed=tuple(waits(one) for one in disputed),
        closed=closed,
    )


def _agreed(one: use_cases.LineView) -> bool:
    return one.confirmation is not None and one.confirmation.verdict == "agree"


def _path(ask: Ask, sheet_id: int) -> str:
    return f"/projects/{ask.project.id}/payroll/{sheet_id}/sign"


def _next(ask: Ask, path: str, one: use_cases.LineView, voided: bool, answers: Mapping[int, words.AnswerInfo]) -> Next:
    content, word = one.line.content, one.confirmation
    answer = answers.get(word.id) if word else None
    said = people.latest_consent(ask.db, ask.project.id, content.worker_id)
    return Next(
        line_id=one.line.id,
        line_hash=one.line.line_hash,
        name=one.name,
        trade=one.trade or "",
        origin=content.origin_month,
        day_milli=content.day_milli,
        overtime_minutes=content.overtime_minutes,
        gross_fen=content.gross_fen,
        withheld_fen=content.deductions_fen + content.advances_fen,
        net_fen=content.net_fen,
        items=tuple(item_part(ask, i) for i in content.items if i.amount_fen),
        voided=voided,
        claimed_fen=word.claimed_fen if word else None,
        reason=word.reason if word else "",
        outcome=answer.outcome if answer else "",
        answer=answer.text if answer else "",
        by_face=bool(said and said.given and set(said.scope) >= signatures.FACE_SCOPE),
        skip_url=with_query(path, after=one.line.id),
    )


def _own(ask: Ask, sheet_id: int) -> None:
    team_id = use_cases.team_of(ask.db, ask.project.id, sheet_id)
    teams = access.teams_of(ask.db, ask.person, ask.project, "sheets.sign")
    if teams is not None and team_id not in teams:
        raise NotFound("sheet_unknown")


def _line(ask: Ask, sheet_id: int, values: FormData) -> int:
    line_id = filled.number(values, "line_id")
    if use_cases.sheet_of_line(ask.db, ask.project.id, line_id) != sheet_id:
        raise NotFound("line_unknown")
    return line_id


def drawn(ask: Ask, values: FormData) -> str | Again:
    """The worker draws his signature on the tablet."""
    sheet_id = ask.id("sheet_id")
    _own(ask, sheet_id)
    line_id = _line(ask, sheet_id, values)
    try:
        with ask.db.begin_nested():
            signatures.sign_drawn(
                ask.db, ask.state.vault, project_id=ask.project.id, line_id=line_id, line_hash=lines.form(values, "line_hash"),
                drawn=lines.form(values, "drawn"), by=ask.person.login, now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), line_id), error.status)
    return with_query(_path(ask, sheet_id), said="signed", of=line_id)


def by_face(ask: Ask, values: FormData) -> str | Again:
    """The worker signs with his face: compared with his own template, outside every transaction that writes."""
    sheet_id = ask.id("sheet_id")
    _own(ask, sheet_id)
    line_id = _line(ask, sheet_id, values)
    worker_id = held.line(ask.db, line_id).content.worker_id
    try:
        picture = filled.content(values.get("picture"), PICTURE_BYTES_MAX)
        found = signatures.look(
            ask.db, ask.state.vault, ask.state.engine, ask.state.settings, project_id=ask.project.id, worker_id=worker_id, picture=picture
        )
        with ask.state.database.write() as db:
            signatures.sign_by_face(
                db, project_id=ask.project.id, line_id=line_id, line_hash=lines.form(values, "line_hash"), worker_id=worker_id,
                found=found, by=ask.person.login, now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), line_id), error.status)
    return with_query(_path(ask, sheet_id), said="signed", of=line_id)


def disputed(ask: Ask, values: FormData) -> str | Again:
    """The worker says at the desk that the line is wrong."""
    sheet_id = ask.id("sheet_id")
    _own(ask, sheet_id)
    line_id = _line(ask, sheet_id, values)
    try:
        claimed = filled.fen(lines.form(values, "claimed"))
        if claimed is None:
            raise BadRequest("claim_needed")
        use_cases.confirm(
            ask.db, project_id=ask.project.id, line_id=line_id, line_hash=lines.form(values, "line_hash"), verdict="dispute",
            method="screen", claimed_fen=claimed, reason=lines.form(values, "text"), by=ask.person.login, now=ask.now,
        )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), line_id), error.status)
    return with_query(_path(ask, sheet_id), said="objected", of=line_id)


PAGE = Page(
    "/projects/{project_id:int}/payroll/{sheet_id:int}/sign", marked("工人签字"), "signing.html", "sheets.sign", SigningContext, gather
)
ACTS: tuple[Act, ...] = (
    Act("/projects/{project_id:int}/payroll/{sheet_id:int}/sign/drawn", "sheets.sign", drawn),
    Act("/projects/{project_id:int}/payroll/{sheet_id:int}/sign/face", "sheets.sign", by_face, alone=True),
    Act("/projects/{project_id:int}/payroll/{sheet_id:int}/sign/objection", "sheets.sign", disputed),
)
