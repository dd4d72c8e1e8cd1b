"""Wages (工资): the months of a project, the sheets of a month, one sheet with its lines and what workers say to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from starlette.datastructures import FormData

from app import access, objections, periods, sheets, signatures, tasks, wording
from app.domain.sheet import Act as Step
from app.domain.sheet import Blocker, Refusal, SheetState
from app.domain.workdays import local, month_of, next_month
from app.errors import BadRequest, Forbidden, NotFound, ServiceError
from app.fields import read_month
from app.pages import batches, blockers, filled, lines
from app.pages import tasks as task_rows
from app.pages.blockers import BlockerRow
from app.pages.filled import asked_month
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.sheets import LineView, SheetView, TeamSheet
from app.store import accounts, people, words
from app.store import sheets as held

LINES_AT_ONCE = 200
"""Signatures of one scanned page."""
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
class Stage:
    """One stage on the way from days to money."""

    name: str
    """worked, drafted, signed, checked, batched or paid."""
    count: int
    of: int

    @property
    def tone(self) -> str:
        """whole when everybody has come that far, part when some have, else nothing."""
        return "whole" if self.of and self.count >= self.of else "part" if self.count else ""


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
    progress: tuple["Stage", ...]
    """From days to money: how many of the team's workers have come how far."""
    steps: tuple[StepButton, ...]
    waits: str
    """Why the next step, which would be his, cannot be done yet."""


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
    next: str = shown("What the month waits for, in a sentence")
    pay_url: str = shown("The special account, where a closed month is paid; empty before, and for readers who may not open it")
    objections: int = shown("Objections of workers that wait for an answer; 0 for readers who may not open them")
    steps: tuple[task_rows.TaskRow, ...] = shown("Steps of a month this reader asked for, that are under way or have just ended")
    steps_url: str = shown("Where they are asked for again; empty when none is under way")


def gather(ask: Ask, refused: str = "", month: date | None = None) -> PayrollContext:
    """The months, and one of them."""
    db, project = ask.db, ask.project
    teams = access.teams_of(db, ask.person, project)
    known = periods.states(db, project.id, ask.now)
    this = month_of(ask.today)
    # Of the months that are over the last one in which anybody was here.
    before = max(periods.peopled(db, project.id, [m for m in known if m < this]), default=this)
    month = month or asked_month(ask.query.get("month", ""), before)
    state = known.get(month, "open")
    newest = {s.sheet.team_id: s for s in sheets.sheets_of(db, project.id, month)}
    rows = _rows(ask, month, newest, teams)
    found, blocked = _blockers(ask, month) if teams is None and state != "closed" else ((), "")
    over = next_month(month) <= ask.today
    empty = not newest and not periods.peopled(db, project.id, [month])
    acts = []
    if state == "open" and over and not empty and not found and not blocked and ask.may("periods.write"):
        acts.append("lock")
    if state == "locked" and not empty and ask.may("sheets.draft"):
        acts.append("draft")
    if state == "locked" and not found and not blocked and ask.may("periods.close"):
        acts.append("close")
    months = {**known, month: state}
    choices = {m: MonthRow(m, s, with_query(_path(ask), month=f"{m:%Y-%m}"), m == month) for m, s in months.items()}
    steps, steps_url = task_rows.steps(ask, "month")
    return PayrollContext(
        project_id=project.id,
        refused=refused,
        months=tuple(choices[m] for m in sorted(choices, reverse=True)),
        chosen=choices[month],
        rows=rows,
        net_fen=sum(row.net_fen for row in rows),
        blockers=blockers.rows_of(ask, month, found, {team: own.sheet.id for team, own in newest.items()}),
        blockers_more=max(0, len(found) - blockers.SHOWN),
        blocked=blocked,
        acts=tuple(acts),
        next="" if blocked else ask.say("本月无人在册，无需制表。") if empty and not found else _next(ask, month, state, len(found), rows, acts),
        pay_url=batches.path(project.id) if state == "closed" and ask.may("bank.read") else "",
        objections=objections.waiting(db, project.id) if ask.may("objections.read") else 0,
        steps=steps,
        steps_url=steps_url,
    )


def _next(ask: Ask, month: date, state: str, in_the_way: int, rows: Sequence[SheetRow], acts: Sequence[str]) -> str:
    """What a month waits for, told to this reader."""
    if state == "closed":
        return ask.say("本月已结账，不再变动；之后查明的差额在以后月份补发。")
    if state == "open":
        if next_month(month) > ask.today:
            return ask.say("本月尚未结束，%(on)s 起可以锁定考勤。", on=next_month(month))
        if in_the_way:
            return ask.say("先办结下列 %(n)s 项，再锁定考勤。", n=in_the_way)
        return ask.say("考勤核对无误后锁定，再生成工资表。") if "lock" in acts else ask.say("等待劳资专管员锁定考勤。")
    if not any(row.state for row in rows):
        return ask.say("考勤已锁定，下一步生成工资表。") if "draft" in acts else ask.say("考勤已锁定，等待生成工资表。")
    if any(row.state != "approved" for row in rows):
        return ask.say("各班组工资表依次提交、审核、公示、逐人签字、批准；全部批准后结账。")
    return ask.say("工资表已全部批准，可以结账。") if "close" in acts else ask.say("工资表已全部批准，等待项目经理结账。")


def _path(ask: Ask, sheet_id: int | None = None) -> str:
    return f"/projects/{ask.project.id}/payroll" + (f"/{sheet_id}" if sheet_id else "")


def _rows(ask: Ask, month: date, newest: Mapping[int, TeamSheet], teams: frozenset[int] | None) -> tuple[SheetRow, ...]:
    rows = []
    worked = held.worked_of_teams(ask.db, ask.project.id, month)
    sent = held.sent_of_sheets(ask.db, [own.sheet.id for own in newest.values()])
    me = ask.person.login
    for team in people.teams(ask.db, ask.project.id):
        if teams is not None and team.id not in teams:
            continue
        own = newest.get(team.id)
        buttons, waits = _steps(ask, own.sheet.id, team.id, sheets.choices_of(ask.db, own.sheet, by=me, now=ask.now)) if own else ((), "")
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
                progress=_progress(worked.get(team.id, 0), own, *(sent.get(own.sheet.id, (0, 0)) if own else (0, 0))),
                steps=buttons,
                waits=waits,
            )
        )
    return tuple(rows)


def _progress(worked: int, own: TeamSheet | None, batched: int, paid: int) -> tuple[Stage, ...]:
    # The projection may be minutes behind; whoever stands on the sheet has worked.
    whole = worked = max(worked, own.lines if own else 0)
    checked = own.lines if own and own.state in (SheetState.CHECKED, SheetState.PUBLICISED, SheetState.APPROVED) else 0
    counts = (worked, own.lines if own else 0, checked, own.agreed if own else 0, batched, paid)
    return tuple(Stage(name, n, whole) for name, n in zip(("worked", "drafted", "checked", "signed", "batched", "paid"), counts, strict=True))


def _reaches(ask: Ask, action: str, team_id: int) -> bool:
    if not ask.may(action):
        return False
    teams = access.teams_of(ask.db, ask.person, ask.project, action)
    return teams is None or team_id in teams


def _steps(ask: Ask, sheet_id: int, team_id: int, said: Mapping[Step, Refusal | None]) -> tuple[tuple[StepButton, ...], str]:
    """(the steps this reader can do with a sheet now, why the next one must wait)."""
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


def _blockers(ask: Ask, month: date) -> tuple[tuple[Blocker, ...], str]:
    try:
        fresh = ask.state.months.known(ask.db, ask.project.id, month, ask.now)
        found = periods.outlook(ask.db, ask.project.id, month, ask.now, fresh=fresh)
    except ServiceError as error:
        return (), _says(ask, error)
    return found, ""


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
class Filter:
    """A choice of lines."""

    label: str
    count: int
    url: str
    current: bool


FILTERS: dict[str, tuple[str, Callable[[LineView], bool]]] = {
    "": (marked("全部"), lambda line: True),
    "unsigned": (marked("未签"), lambda line: line.confirmation is None),
    "disputed": (marked("异议"), lambda line: line.confirmation is not None and line.confirmation.verdict == "dispute"),
    "stale": (marked("与考勤不符"), lambda line: line.is_stale or not line.is_true),
}
"""Word of the query string -> its name and the lines it lists."""
WAITS = {
    SheetState.DRAFT: marked("草稿：核对工日与金额后提交。"),
    SheetState.SUBMITTED: marked("已提交：等待总包劳资专管员审核。"),
    SheetState.CHECKED: marked("已审核：下一步公示。"),
    SheetState.RETURNED: marked("已退回：按退回的原因改正后，在本月页面重新生成。"),
    SheetState.APPROVED: marked("已批准：结账后从专户代发。"),
}


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
    filters: tuple[Filter, ...] = shown("All lines, or those that somebody must still look at, with how many they are")
    show: str = shown("Which lines are listed; empty: all")
    lines: tuple[LineView, ...] = shown("The lines that are listed")
    void: Mapping[int, object] = shown("Lines whose worker signed an earlier version that said something else")
    proofs: Mapping[int, words.ProofInfo] = shown("How words were given where no paper says it, by the id of the word")
    makers: Mapping[str, str] = shown("Names of those who made the codes that phones came in with")
    sign_url: str = shown("Where workers sign on the screen; empty for readers who may not, and when everybody has")
    opened: int | None = shown("Id of the line whose forms are open")
    held_fen: int = shown("Held back, of all lines")
    paid_fen: int = shown("Received, of all lines")
    unpaid_fen: int = shown("Not received yet, of all lines")
    next: str = shown("What the sheet waits for, in a sentence")
    hands: tuple[Hand, ...] = shown("Who did what with the sheet so far")
    papers: tuple[Paper, ...] = shown("The sheet in the forms the trade uses, and the workers' slips")


def sheet(ask: Ask, refused: str = "") -> SheetContext:
    """A version of a team's sheet."""
    sheet_id = ask.id("sheet_id")
    team_id = _own(ask, sheet_id)
    view = sheets.view(ask.db, project_id=ask.project.id, sheet_id=sheet_id, now=ask.now)
    said = sheets.choices(ask.db, project_id=ask.project.id, sheet_id=sheet_id, by=ask.person.login, now=ask.now)
    buttons, waits = _steps(ask, sheet_id, team_id, said)
    signs = _reaches(ask, "sheets.sign", team_id) and view.is_latest and view.state not in (SheetState.DRAFT, SheetState.RETURNED)
    opened = ask.number("line") if signs else None
    proofs = words.proofs(ask.db, [line.confirmation.id for line in view.lines if line.confirmation])
    unsigned = any(line.confirmation is None for line in view.lines)
    show = ask.query.get("show", "")
    show = show if show in FILTERS else ""
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
        filters=tuple(
            Filter(ask.say(label), sum(map(chosen, view.lines)), with_query(_path(ask, sheet_id), show=each), each == show)
            for each, (label, chosen) in FILTERS.items()
        ),
        show=show,
        lines=tuple(line for line in view.lines if FILTERS[show][1](line) or line.line.id == opened),
        void=signatures.void(ask.db, ask.project.id, sheet_id),
        proofs=proofs,
        makers=accounts.names(ask.db, {p.code_by for p in proofs.values() if p.code_by}),
        sign_url=f"{_path(ask, sheet_id)}/sign" if signs and unsigned else "",
        opened=opened,
        held_fen=sum(line.held_fen for line in view.lines),
        paid_fen=sum(line.paid_fen for line in view.lines),
        unpaid_fen=sum(line.unpaid_fen for line in view.lines),
        next=_sheet_next(ask, view) if view.is_latest else "",
        hands=_hands(ask, view),
        papers=papers(
            ask,
            *((label, "payroll", {"sheet_id": sheet_id, "shape": shape}) for label, shape in SHAPES),
            *([(marked("工资清单"), "slips", {"sheet_id": sheet_id})] if view.state is SheetState.APPROVED else []),
        ),
    )


def _sheet_next(ask: Ask, view: SheetView) -> str:
    unsigned = sum(line.confirmation is None for line in view.lines)
    if view.state is SheetState.APPROVED and unsigned:
        return ask.say("已批准：还有 %(n)s 人未签字，签字后才能代发他们的工资。", n=unsigned)
    if view.state is not SheetState.PUBLICISED:
        return ask.say(WAITS[view.state])
    if unsigned:
        return ask.say("公示中：还有 %(n)s 人未签字；%(on)s 起可以批准。", n=unsigned, on=view.approvable_on)
    return ask.say("公示中：已逐人签字；%(on)s 起可以批准。", on=view.approvable_on)


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


def _of_month(step: str, done: str, do: Callable[[Ask, date], None]) -> Callable[[Ask, FormData], str | Again]:
    def act(ask: Ask, values: FormData) -> str | Again:
        month = read_month(lines.form(values, "month"))
        try:
            if tasks.is_large(ask.db, ask.project.id):
                with ask.state.database.write() as db:
                    tasks.order(db, ask.person, project_id=ask.project.id, kind=f"month.{step}", asked={"month": month_of(month)}, now=ask.now)
                return with_query(_path(ask), month=f"{month:%Y-%m}")
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
    fresh = ask.state.months.before(ask.state.database, ask.project.id, month, ask.now)
    with ask.state.database.write() as db:
        sheets.draft_reached(db, project_id=ask.project.id, month=month, teams=teams, by=ask.person.login, now=ask.now, fresh=fresh)


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
        if lines.form(values, "back") == "month":
            # Pressed on the page of the month: there the other teams wait.
            return with_query(_path(ask), month=f"{held.sheet(ask.db, sheet_id).month:%Y-%m}", done="sheet_step")
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
    """What a worker said to his line: signed, with the scan, or disputed. Or the workers who signed on one page."""
    sheet_id = ask.id("sheet_id")
    _own(ask, sheet_id, "sheets.sign")
    verdict = lines.form(values, "verdict")
    ticked = [str(each) for each in values.getlist("line")[:LINES_AT_ONCE]] if verdict == "agree" else []
    one = f"{lines.form(values, 'line_id')}:{lines.form(values, 'line_hash')}"
    chosen = [_line(ask, sheet_id, each) for each in ticked or [one]]
    try:
        claimed = filled.fen(lines.form(values, "claimed")) if verdict == "dispute" else None
        if verdict == "dispute" and claimed is None:
            raise BadRequest("claim_needed")
        # A scan whose signature is refused is not kept.
        with ask.db.begin_nested():
            evidence = filled.scan(ask, values.get("scan"))
            for line_id, line_hash in chosen:
                sheets.confirm(
                    ask.db,
                    project_id=ask.project.id,
                    line_id=line_id,
                    line_hash=line_hash,
                    verdict=verdict,
                    method=lines.form(values, "method"),
                    evidence=evidence,
                    claimed_fen=claimed,
                    reason=lines.form(values, "reason"),
                    by=ask.person.login,
                    now=ask.now,
                )
    except ServiceError as error:
        return Again(PAGE_SHEET, sheet(ask, _says(ask, error)), error.status)
    show = ask.query.get("show", "")
    return with_query(_path(ask, sheet_id), show=show if show in FILTERS else "", done="word_kept") + f"#l-{chosen[0][0]}"


def _line(ask: Ask, sheet_id: int, text: str) -> tuple[int, str]:
    """(id, hash) of a line of this sheet, as a form sends them."""
    number, _, line_hash = text.partition(":")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise NotFound("line_unknown")
    if sheets.sheet_of_line(ask.db, ask.project.id, int(number)) != sheet_id:
        raise NotFound("line_unknown")
    return int(number), line_hash


PAGE = Page("/projects/{project_id:int}/payroll", marked("工资"), "payroll.html", "sheets.read", PayrollContext, gather, marked("工资"))
PAGE_SHEET = Page(
    "/projects/{project_id:int}/payroll/{sheet_id:int}", marked("工资表"), "payroll_sheet.html", "sheets.read", SheetContext, sheet
)
ACTS: tuple[Act, ...] = (
    Act("/projects/{project_id:int}/payroll/lock", "periods.write", _of_month("lock", "locked", _lock), alone=True),
    Act("/projects/{project_id:int}/payroll/draft", "sheets.draft", _of_month("draft", "drafted", _draft), alone=True),
    Act("/projects/{project_id:int}/payroll/close", "periods.close", _of_month("close", "closed", _close), alone=True),
    *(_step_of(each) for each in STEPS),
    Act("/projects/{project_id:int}/payroll/{sheet_id:int}/send-back", "sheets.read", send_back),
    Act("/projects/{project_id:int}/payroll/{sheet_id:int}/words", "sheets.sign", word),
)
