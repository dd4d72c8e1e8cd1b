"""Wages (工资): the months of a project, the sheets of a month, one sheet with its lines and what workers say to them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from starlette.datastructures import FormData, UploadFile

from app import access, periods, sheets, timekeeping, wording
from app.domain.sheet import Act as Step
from app.domain.sheet import Refusal, SheetState
from app.domain.workdays import local, month_of, next_month, parse_month
from app.errors import BadRequest, Forbidden, NotFound, ServiceError, Unusable
from app.pages import lines
from app.pages.grid import asked_month
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.periods import MonthState
from app.sheets import SheetView
from app.store import accounts, people
from app.store import sheets as held

BLOCKERS_SHOWN = 40
AMOUNT = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2}))?")
STEPS: dict[str, tuple[Step, str, Callable]] = {
    "submit": (Step.SUBMITTED, "sheets.submit", sheets.submit),
    "check": (Step.CHECKED, "sheets.check", sheets.check),
    "publicise": (Step.PUBLICISED, "sheets.check", sheets.publicise),
    "approve": (Step.APPROVED, "sheets.approve", sheets.approve),
}
"""Word of the address -> the step, who may do it, the use case."""


@dataclass(frozen=True)
class StepButton:
    """A step this reader can do now."""

    url: str
    step: str
    main: bool = True


@dataclass(frozen=True)
class SheetRow:
    """A team and its newest sheet of the month."""

    team: str
    company: str
    url: str
    version: int
    state: str
    """Empty without a sheet."""
    lines: int
    agreed: int
    disputed: int
    unsigned: int
    net_fen: int
    steps: tuple[StepButton, ...]
    waits: str
    """Why the next step, which would be his, cannot be done yet."""


@dataclass(frozen=True)
class BlockerRow:
    """What keeps a month from its next state."""

    code: str
    subject: str
    url: str
    on: date | None


@dataclass(frozen=True)
class MonthRow:
    """A month to choose."""

    month: date
    state: str
    url: str
    current: bool


@dataclass(frozen=True)
class PayrollContext:
    """What the page of a wage month shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just asked for was refused; empty else")
    months: tuple[MonthRow, ...] = shown("Months of the project, newest first")
    chosen: MonthRow = shown("The month that is shown")
    rows: tuple[SheetRow, ...] = shown("Teams of this reader with their newest sheets")
    net_fen: int = shown("Net of the newest sheets of these teams")
    blockers: tuple[BlockerRow, ...] = shown("What stands in the way of the month's next state")
    blockers_more: int = shown("How many more stand in the way than are listed")
    blocked: str = shown("Why nobody can say what stands in the way; empty else")
    acts: tuple[str, ...] = shown("What this reader may do with the month now: lock, draft, close")


def gather(ask: Ask, refused: str = "", month: date | None = None) -> PayrollContext:
    """The months, and one of them."""
    db, project = ask.db, ask.project
    teams = access.teams_of(db, ask.person, project)
    known = {state.period.month: state for state in periods.overview(db, project.id, ask.now)}
    this = month_of(ask.today)
    before = max((m for m in known if m < this), default=this)
    month = month or asked_month(ask.query.get("month", ""), before)
    state = known[month].period.state if month in known else "open"
    rows = _rows(ask, month, teams)
    found, blocked = _blockers(ask, month, known.get(month)) if teams is None and state != "closed" else ((), "")
    over = next_month(month) <= ask.today
    acts = []
    if state == "open" and over and not found and not blocked and ask.may("periods.write"):
        acts.append("lock")
    if state == "locked" and ask.may("sheets.draft"):
        acts.append("draft")
    if state == "locked" and not found and not blocked and ask.may("periods.close"):
        acts.append("close")
    months = {**{m: s.period.state for m, s in known.items()}, month: state}
    choices = {m: MonthRow(m, s, with_query(_path(ask), month=f"{m:%Y-%m}"), m == month) for m, s in months.items()}
    return PayrollContext(
        project_id=project.id,
        refused=refused,
        months=tuple(choices[m] for m in sorted(choices, reverse=True)),
        chosen=choices[month],
        rows=rows,
        net_fen=sum(row.net_fen for row in rows),
        blockers=found[:BLOCKERS_SHOWN],
        blockers_more=max(0, len(found) - BLOCKERS_SHOWN),
        blocked=blocked,
        acts=tuple(acts),
    )


def _path(ask: Ask, sheet_id: int | None = None) -> str:
    return f"/projects/{ask.project.id}/payroll" + (f"/{sheet_id}" if sheet_id else "")


def _rows(ask: Ask, month: date, teams: frozenset[int] | None) -> tuple[SheetRow, ...]:
    newest = {s.sheet.team_id: s for s in sheets.sheets_of(ask.db, ask.project.id, month)}
    rows = []
    for team in people.teams(ask.db, ask.project.id):
        if teams is not None and team.id not in teams:
            continue
        own = newest.get(team.id)
        buttons, waits = _steps(ask, own.sheet.id, team.id) if own else ((), "")
        rows.append(
            SheetRow(
                team=team.name,
                company=team.company_name,
                url=_path(ask, own.sheet.id) if own else "",
                version=own.sheet.version if own else 0,
                state=str(own.state) if own else "",
                lines=own.lines if own else 0,
                agreed=own.agreed if own else 0,
                disputed=own.disputed if own else 0,
                unsigned=own.unsigned if own else 0,
                net_fen=own.net_fen if own else 0,
                steps=buttons,
                waits=waits,
            )
        )
    return tuple(rows)


def _reaches(ask: Ask, action: str, team_id: int) -> bool:
    if not ask.may(action):
        return False
    teams = access.teams_of(ask.db, ask.person, ask.project, action)
    return teams is None or team_id in teams


def _steps(ask: Ask, sheet_id: int, team_id: int) -> tuple[tuple[StepButton, ...], str]:
    """(the steps this reader can do with a sheet now, why the next one must wait)."""
    said = sheets.choices(ask.db, project_id=ask.project.id, sheet_id=sheet_id, by=ask.person.login, now=ask.now)
    found, waits = [], ""
    for word, (step, action, _) in STEPS.items():
        if not _reaches(ask, action, team_id):
            continue
        why = said[step]
        if why is None:
            found.append(StepButton(f"{_path(ask, sheet_id)}/{word}", str(step)))
        elif why.code in ("sheet_same_person", "sheet_too_early"):
            # Only the step whose turn it is is refused so.
            waits = waits or _says(ask, why)
    return tuple(found), waits


def _says(ask: Ask, why: Refusal | ServiceError) -> str:
    facts = dict(why.facts)
    for name, kind in (("first", "blocker"), ("state", "sheet_state"), ("wanted", "sheet_state"), ("step", "sheet_step")):
        if isinstance(facts.get(name), str):
            facts[name] = wording.name(f"{kind}.{facts[name]}", ask.language)
    return wording.sentence(why.code, ask.language, **facts)


def _blockers(ask: Ask, month: date, known: MonthState | None) -> tuple[tuple[BlockerRow, ...], str]:
    try:
        fresh = ask.state.months.known(ask.db, ask.project.id, month, ask.now)
        found = periods.outlook(ask.db, ask.project.id, month, ask.now, fresh=fresh)
    except ServiceError as error:
        return (), _says(ask, error)
    teams = {team.id: team.name for team in people.teams(ask.db, ask.project.id)}
    names = {p.worker_id: "" for p in held.places(ask.db, ask.project.id).values()} if found else {}
    rows = []
    for b in found:
        subject, url = "", ""
        if b.subject_kind == "worker" and isinstance(b.subject_id, int):
            subject = people.worker(ask.db, b.subject_id).name if len(rows) < BLOCKERS_SHOWN else ""
            if b.subject_id in names:
                day = f"{b.on}" if b.on else ""
                url = with_query(f"/projects/{ask.project.id}/workers/{b.subject_id}", month=f"{month:%Y-%m}", day=day)
        elif b.subject_kind == "team":
            subject = teams.get(b.subject_id, "")
        elif b.subject_kind == "period":
            subject = f"{month:%Y-%m}" if b.code == "month_not_over" else str(b.subject_id)[:7]
        elif b.subject_kind == "device":
            subject = str(b.subject_id)
        elif b.subject_kind != "project":
            subject = f"#{b.subject_id}"
        rows.append(BlockerRow(b.code, subject, url, b.on))
    return tuple(rows), ""


# --- one sheet -----------------------------------------------------------------------------------------------


SHAPES = (
    (marked("简表"), "short"),
    (marked("明细表"), "detail"),
    (marked("法定式样"), "statutory"),
    (marked("公示表"), "notice"),
)


@dataclass(frozen=True)
class Hand:
    """One step of a sheet, by name."""

    step: str
    name: str
    at: datetime
    """On the project's own clock."""
    note: str


@dataclass(frozen=True)
class SheetContext:
    """What the page of one payroll sheet shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just asked for was refused; empty else")
    view: SheetView = shown("The sheet with its lines beside what the gate says now")
    back_url: str = shown("Address of the month the sheet is of")
    own_path: str = shown("Path of this page without a query")
    steps: tuple[StepButton, ...] = shown("Steps this reader can do now")
    waits: str = shown("Why the next step must wait; empty else")
    may_return: bool = shown("This reader can send the sheet back now")
    may_sign: bool = shown("This reader may record what workers say to their lines")
    may_days: bool = shown("This reader may open the pages of workers")
    opened: int | None = shown("Id of the line whose forms are open")
    unpaid_fen: int = shown("Not received yet, of all lines")
    hands: tuple[Hand, ...] = shown("Who did what with the sheet so far")
    papers: tuple[Paper, ...] = shown("The sheet in the forms the trade uses, and the workers' slips")


def sheet(ask: Ask, refused: str = "") -> SheetContext:
    """A version of a team's sheet."""
    sheet_id = ask.id("sheet_id")
    team_id = _own(ask, sheet_id)
    view = sheets.view(ask.db, project_id=ask.project.id, sheet_id=sheet_id, now=ask.now)
    buttons, waits = _steps(ask, sheet_id, team_id)
    said = sheets.choices(ask.db, project_id=ask.project.id, sheet_id=sheet_id, by=ask.person.login, now=ask.now)
    signs = _reaches(ask, "sheets.sign", team_id) and view.is_latest and view.state not in (SheetState.DRAFT, SheetState.RETURNED)
    return SheetContext(
        project_id=ask.project.id,
        refused=refused,
        view=view,
        back_url=with_query(_path(ask), month=f"{view.sheet.month:%Y-%m}"),
        own_path=_path(ask, sheet_id),
        steps=buttons,
        waits=waits,
        may_return=said[Step.RETURNED] is None and _returns(ask, team_id) is not None,
        may_sign=signs,
        may_days=ask.may("wages.read"),
        opened=ask.number("line") if signs else None,
        unpaid_fen=sum(line.unpaid_fen for line in view.lines),
        hands=_hands(ask, view),
        papers=papers(
            ask,
            *((label, "payroll", {"sheet_id": sheet_id, "shape": shape}) for label, shape in SHAPES),
            *([(marked("工资清单"), "slips", {"sheet_id": sheet_id})] if view.state is SheetState.APPROVED else []),
        ),
    )


def _hands(ask: Ask, view: SheetView) -> tuple[Hand, ...]:
    names = accounts.names(ask.db, {step.by for step in view.sheet.steps})
    return tuple(Hand(str(s.act), names.get(s.by, s.by), local(s.at, ask.policy), s.note) for s in view.sheet.steps)


def _own(ask: Ask, sheet_id: int, action: str | None = None) -> int:
    """The sheet's team. Somebody of one team may not know of another team's sheet."""
    team_id = sheets.team_of(ask.db, ask.project.id, sheet_id)
    teams = access.teams_of(ask.db, ask.person, ask.project, action)
    if teams is not None and team_id not in teams:
        raise NotFound("sheet_unknown")
    return team_id


def _returns(ask: Ask, team_id: int) -> str | None:
    return next((a for a in ("sheets.check", "sheets.approve") if _reaches(ask, a, team_id)), None)


# --- acts ----------------------------------------------------------------------------------------------------


def _month_of_form(values: FormData) -> date:
    try:
        return parse_month(lines.form(values, "month"))
    except ValueError:
        raise BadRequest("month_malformed") from None


def _of_month(done: str, do: Callable[[Ask, date], None]) -> Callable[[Ask, FormData], str | Again]:
    def act(ask: Ask, values: FormData) -> str | Again:
        month = _month_of_form(values)
        try:
            do(ask, month)
        except ServiceError as error:
            return Again(PAGE, gather(ask, _says(ask, error), month), error.status)
        return with_query(_path(ask), month=f"{month:%Y-%m}", done=done)

    return act


def _lock(ask: Ask, month: date) -> None:
    # Read and computed first: no gate waits while a month is added up.
    fresh = ask.state.months.before(ask.state.database, ask.project.id, month, ask.now)
    with ask.state.database.write() as db:
        periods.lock(db, project_id=ask.project.id, month=month, by=ask.person.login, now=ask.now, fresh=fresh)


def _close(ask: Ask, month: date) -> None:
    fresh = ask.state.months.before(ask.state.database, ask.project.id, month, ask.now)
    with ask.state.database.write() as db:
        periods.close(db, project_id=ask.project.id, month=month, by=ask.person.login, now=ask.now, fresh=fresh)


def _draft(ask: Ask, month: date) -> None:
    teams = access.teams_of(ask.db, ask.person, ask.project, "sheets.draft")
    told = {"project_id": ask.project.id, "month": month, "by": ask.person.login, "now": ask.now}
    fresh = ask.state.months.before(ask.state.database, ask.project.id, month, ask.now)
    with ask.state.database.write() as db:
        if teams is None or fresh is None:
            sheets.draft_all(db, **told, fresh=fresh)
            return
        wanted = set(fresh.lines) | {s.team_id for s in held.latest_sheets(db, ask.project.id, month)}
        for team_id in sorted(wanted & teams):
            sheets.draft(db, team_id=team_id, **told, fresh=fresh)


def _step_of(word: str) -> Act:
    step, action, use_case = STEPS[word]

    def act(ask: Ask, values: FormData) -> str | Again:
        sheet_id = ask.id("sheet_id")
        team_id = _own(ask, sheet_id, action)
        fresh = None
        try:
            if step in sheets.COMPARED:
                month = held.sheet(ask.db, sheet_id).month
                fresh = ask.state.months.before(ask.state.database, ask.project.id, month, ask.now, team_id=team_id)
            with ask.state.database.write() as db:
                use_case(
                    db, project_id=ask.project.id, sheet_id=sheet_id, note=lines.form(values, "note"), by=ask.person.login,
                    now=ask.now, fresh=fresh,
                )  # fmt: skip
        except ServiceError as error:
            return Again(PAGE_SHEET, sheet(ask, _says(ask, error)), error.status)
        return with_query(_path(ask, sheet_id), done="sheet_step")

    return Act(f"/projects/{{project_id:int}}/payroll/{{sheet_id:int}}/{word}", action, act, alone=True)


def send_back(ask: Ask, values: FormData) -> str | Again:
    """Send a sheet back; whoever checks or approves may."""
    sheet_id = ask.id("sheet_id")
    team_id = _own(ask, sheet_id)
    if _returns(ask, team_id) is None:
        raise Forbidden("not_allowed", "sheets.check")
    try:
        sheets.send_back(
            ask.db, project_id=ask.project.id, sheet_id=sheet_id, note=lines.form(values, "note"), by=ask.person.login, now=ask.now
        )
    except ServiceError as error:
        return Again(PAGE_SHEET, sheet(ask, _says(ask, error)), error.status)
    return with_query(_path(ask, sheet_id), done="sheet_step")


def word(ask: Ask, values: FormData) -> str | Again:
    """What a worker said to his line: signed, with the scan, or disputed."""
    sheet_id = ask.id("sheet_id")
    _own(ask, sheet_id, "sheets.sign")
    try:
        line_id = int(lines.form(values, "line_id")[:18] or "0")
    except ValueError:
        raise NotFound("line_unknown") from None
    if sheets.sheet_of_line(ask.db, ask.project.id, line_id) != sheet_id:
        raise NotFound("line_unknown")
    verdict = lines.form(values, "verdict")
    try:
        # A scan whose signature is refused is not kept.
        with ask.db.begin_nested():
            evidence = _scan(ask, values.get("scan"))
            sheets.confirm(
                ask.db,
                project_id=ask.project.id,
                line_id=line_id,
                line_hash=lines.form(values, "line_hash"),
                verdict=verdict,
                method=lines.form(values, "method"),
                evidence=evidence,
                claimed_fen=_fen(lines.form(values, "claimed")) if verdict == "dispute" else None,
                reason=lines.form(values, "reason"),
                by=ask.person.login,
                now=ask.now,
            )
    except ServiceError as error:
        return Again(PAGE_SHEET, sheet(ask, _says(ask, error)), error.status)
    return with_query(_path(ask, sheet_id), done="word_kept") + f"#l-{line_id}"


def _scan(ask: Ask, file: object) -> list[int]:
    if not isinstance(file, UploadFile) or not file.filename:
        return []
    content = file.file.read(timekeeping.EVIDENCE_BYTES_MAX + 1)
    if not content:
        raise Unusable("evidence_empty")
    return [
        timekeeping.put_evidence(
            ask.db, ask.state.vault, project_id=ask.project.id, name=file.filename, media_type=file.content_type or "",
            content=content, by=ask.person.login, now=ask.now,
        )
    ]  # fmt: skip


def _fen(text: str) -> int:
    match = AMOUNT.fullmatch(text.replace(",", "").strip("¥ "))
    if match is None:
        raise BadRequest("claim_needed")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


PAGE = Page("/projects/{project_id:int}/payroll", marked("工资"), "payroll.html", "sheets.read", PayrollContext, gather, marked("工资"))
PAGE_SHEET = Page(
    "/projects/{project_id:int}/payroll/{sheet_id:int}", marked("工资表"), "payroll_sheet.html", "sheets.read", SheetContext, sheet
)
ACTS: tuple[Act, ...] = (
    Act("/projects/{project_id:int}/payroll/lock", "periods.write", _of_month("locked", _lock), alone=True),
    Act("/projects/{project_id:int}/payroll/draft", "sheets.draft", _of_month("drafted", _draft), alone=True),
    Act("/projects/{project_id:int}/payroll/close", "periods.close", _of_month("closed", _close), alone=True),
    *(_step_of(each) for each in STEPS),
    Act("/projects/{project_id:int}/payroll/{sheet_id:int}/send-back", "sheets.read", send_back),
    Act("/projects/{project_id:int}/payroll/{sheet_id:int}/words", "sheets.sign", word),
)
