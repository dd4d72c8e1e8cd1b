"""Findings: what the records show that does not fit together, and what somebody decided about it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from starlette.datastructures import FormData, UploadFile

from app import access, oversight, tasks, timekeeping, wording
from app.domain import workdays
from app.domain.casework import State, proposed_due_on
from app.domain.workdays import month_of
from app.errors import BadRequest, NotFound, ServiceError, Unusable
from app.fields import read_month
from app.oversight import FindingLine
from app.pages import lines
from app.pages import tasks as task_rows
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.store import accounts, bank, gates, money, people
from app.store import findings as finding_store
from app.store import timekeeping as held

ROWS_A_PAGE = 40
EVIDENCE_MAX = 24
"""Evidence shown of one finding; a month of passages would bury the decision."""
OFFERED_MAX = 12
"""Facts offered to be ticked as evidence of a decision."""

VIEWS: dict[str, frozenset[State]] = {
    "waiting": frozenset({State.OPEN, State.NOTIFIED, State.ESCALATED}),
    "answered": frozenset({State.EXPLAINED, State.RECTIFIED}),
    "closed": frozenset({State.VERIFIED_CLOSED}),
}
"""Word of the query string -> states. ``overdue`` and ``cleared`` are views of their own."""


@dataclass(frozen=True)
class EvidenceItem:
    """One fact a finding or a decision rests on."""

    label: str
    url: str
    value: str
    """Kind and id, as a form sends them."""


@dataclass(frozen=True)
class PastDecision:
    """One decision of the past."""

    state: str
    note: str
    by: str
    at: datetime
    due_on: date | None
    evidence: tuple[EvidenceItem, ...]


@dataclass(frozen=True)
class ViewTab:
    """A view of the inbox with how many there are in it."""

    key: str
    label: str
    count: int
    url: str
    current: bool


@dataclass(frozen=True)
class RuleChoice:
    """A rule to choose."""

    name: str
    title: str


@dataclass(frozen=True)
class Typed:
    """A decision as it was typed, shown again when it was refused."""

    state: str = ""
    note: str = ""
    due_on: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class FindingItem:
    """One finding as the page shows it."""

    id: int
    severity: str
    title: str
    sentence: str
    subject: str
    subject_url: str
    month: date
    state: str
    stale: bool
    due_on: date | None
    overdue: bool
    in_hand: bool
    first_seen_at: datetime
    cleared_at: datetime | None
    reopened_at: datetime | None
    note: str | None
    decided: str | None
    """What the latest decision said."""
    decided_by: str | None
    decided_at: datetime | None
    url: str
    """This page with the finding opened: evidence and form are made for one at a time."""
    action: str
    """Where its form goes; the conditions of the page go along."""
    opened: bool
    evidence_count: int
    evidence: tuple[EvidenceItem, ...]
    """Of an opened finding; else empty."""
    basis: oversight.Basis
    """What the rule rests on: laws by name, limits, money at stake, and how often a suspicion errs."""
    history: tuple[PastDecision, ...]
    """Of an opened finding, oldest first; else empty."""
    choices: tuple[str, ...]
    """States this reader may give it."""
    offered: tuple[EvidenceItem, ...]
    """Facts a decision may rest on, to be ticked."""
    proposed_on: date
    """The deadline a notice proposes."""


@dataclass(frozen=True)
class FindingsContext:
    """What the page of findings shows."""

    project_id: int = shown("The project, for links")
    may_run: bool = shown("The reader may run the rules now")
    today: date = shown("Today on the project's calendar: a deadline is later")
    month: date | None = shown("The chosen month; None for all")
    months: tuple[date, ...] = shown("Months to choose from, newest first")
    tabs: tuple[ViewTab, ...] = shown("Views of the inbox with their counts, over all months")
    view: str = shown("Word of the chosen view; empty for all")
    severity_of: str = shown("The chosen severity; empty for all")
    rule: str = shown("The chosen rule; empty for all")
    rules: tuple[RuleChoice, ...] = shown("Rules that found something here, by title")
    total: int = shown("Findings the conditions leave, over all pages")
    lines: tuple[FindingItem, ...] = shown("Findings: those that still fire first, then the undecided, the worst, the newest")
    page: int = shown("Which page of the list this is, from 1")
    pages: int = shown("How many pages the list has")
    previous_url: str = shown("Address of the page before; empty on the first")
    next_url: str = shown("Address of the next page; empty on the last")
    papers: tuple[Paper, ...] = shown("The list as a file to take away")
    wrong: str = shown("Why a decision was refused; empty otherwise")
    typed: Typed = shown("The decision as it was typed")
    steps: tuple[task_rows.TaskRow, ...] = shown("Runs of the rules this reader asked for, that are under way or have just ended")
    steps_url: str = shown("Where they are asked for again; empty when none is under way")


def gather(ask: Ask, wrong: str = "", typed: Typed | None = None, opened: int | None = None) -> FindingsContext:
    """The findings of the project, by the conditions of the query string."""
    query = ask.query
    month = _month(query.get("month", ""))
    view, severity, rule = query.get("state", ""), query.get("severity", ""), query.get("rule", "")
    worker = ask.number("worker")
    if worker is not None:
        ask.about("worker", worker)
    everything = oversight.findings_of(ask.db, ask.project.id, language=ask.language)
    found = [
        line
        for line in everything
        if (month is None or line.finding.month == month)
        and _in_view(line, view, ask.today)
        and severity in ("", line.finding.severity)
        and rule in ("", line.finding.rule)
        and (worker is None or (line.finding.subject_kind, line.finding.subject_id) == ("worker", worker))
    ]
    months = {line.finding.month for line in everything} | {month_of(ask.today)} | ({month} if month else set())
    chosen = opened or ask.number("finding")
    pages = max(1, -(-len(found) // ROWS_A_PAGE))
    at = min(pages, max(1, ask.number("page") or 1))
    if chosen and "page" not in query:
        # A link to one finding leads to the page of the list it is on.
        position = next((n for n, line in enumerate(found) if line.finding.id == chosen), 0)
        at = position // ROWS_A_PAGE + 1
    here = found[(at - 1) * ROWS_A_PAGE : at * ROWS_A_PAGE]
    names = bank.names(ask.db, {line.finding.subject_id for line in here if line.finding.subject_kind == "worker"})
    titles = {line.finding.rule: line.title for line in everything}
    words = {
        "": ask.say("全部"), "waiting": ask.say("待处理"), "overdue": ask.say("已逾期"), "answered": ask.say("待核销"),
        "closed": ask.say("已核销"), "cleared": ask.say("已不再出现"),
    }  # fmt: skip
    counts = Counter(key for line in everything for key in words if _in_view(line, key, ask.today))

    def address(**changed: object) -> str:
        return with_query(f"/projects/{ask.project.id}/findings", **{**_conditions(ask), **changed})

    steps, steps_url = task_rows.steps(ask, "audit")
    return FindingsContext(
        project_id=ask.project.id,
        may_run=ask.may("audits.run"),
        today=ask.today,
        month=month,
        months=tuple(sorted(months, reverse=True)),
        tabs=tuple(
            ViewTab(key, words[key], counts[key], address(state=key, finding=None), key == view)
            for key in ("waiting", "overdue", "answered", "closed", "cleared", "")
        ),
        view=view,
        severity_of=severity,
        rule=rule,
        rules=tuple(sorted((RuleChoice(name, title) for name, title in titles.items()), key=lambda r: r.title)),
        total=len(found),
        lines=tuple(_item(ask, line, line.finding.id == chosen, names) for line in here),
        page=at,
        pages=pages,
        previous_url=address(page=at - 1) if at > 1 else "",
        next_url=address(page=at + 1) if at < pages else "",
        papers=papers(ask, (marked("线索台账"), "findings", {"month": f"{month:%Y-%m}" if month else ""})),
        wrong=wrong,
        typed=typed or Typed(),
        steps=steps,
        steps_url=steps_url,
    )


def _conditions(ask: Ask) -> dict[str, str | None]:
    return {name: ask.query.get(name) for name in ("month", "state", "severity", "rule", "worker")}


def _in_view(line: FindingLine, view: str, today: date) -> bool:
    if view == "cleared":
        return line.finding.cleared_at is not None
    if view == "overdue":
        return line.finding.is_overdue(today)
    if view not in VIEWS:
        return True
    # What was answered and has stopped firing still waits for somebody to check it.
    gone = line.finding.cleared_at is not None and view == "waiting"
    return line.state in VIEWS[view] and not gone


def _item(ask: Ask, line: FindingLine, opened: bool, names: Mapping[int, str]) -> FindingItem:
    found = line.finding
    is_worker = found.subject_kind == "worker"
    local = lambda at: workdays.local(at, ask.policy) if at else None  # noqa: E731 - a word for the lines below
    history = oversight.history(ask.db, found.id) if opened else []
    who = accounts.names(ask.db, {d.decided_by for d in history})
    calendar = held.calendar(ask.db, ask.today, date.fromordinal(ask.today.toordinal() + 60)) if opened else {}
    here = f"/projects/{ask.project.id}/findings"
    subject, subject_url = ask.project.name, ""
    if is_worker:
        subject, subject_url = names.get(found.subject_id, f"#{found.subject_id}"), _strip_url(ask, found.subject_id, found.month)
    elif found.subject_kind in ("team", "gate"):
        subject, subject_url = _place(ask, found, found.subject_kind, found.subject_id)
    return FindingItem(
        id=found.id,
        severity=found.severity,
        title=line.title,
        sentence=line.sentence,
        subject=subject,
        subject_url=subject_url,
        month=found.month,
        state=line.state.value,
        stale=found.is_stale,
        due_on=found.due_on,
        overdue=found.is_overdue(ask.today),
        in_hand=found.in_hand,
        first_seen_at=local(found.first_seen_at),
        cleared_at=local(found.cleared_at),
        reopened_at=local(found.reopened_at),
        note=found.note,
        decided=found.decided,
        decided_by=found.decided_by,
        decided_at=local(found.decided_at),
        url=with_query(here, **_conditions(ask), page=ask.query.get("page"), finding=found.id) + f"#f-{found.id}",
        action=with_query(f"{here}/{found.id}/decisions", **_conditions(ask)),
        opened=opened,
        evidence_count=len(found.evidence),
        evidence=_evidence(ask, found) if opened else (),
        basis=oversight.basis(found, ask.language),
        history=tuple(
            PastDecision(
                d.state, d.note, who.get(d.decided_by, d.decided_by), local(d.decided_at), d.due_on,
                tuple(_fact(ask, found, kind, id_) for kind, id_ in d.evidence),
            )
            for d in history
        ),
        choices=_choices(ask, found) if opened and ask.may("findings.decide") else (),
        offered=_offered(ask, found, history) if opened else (),
        proposed_on=proposed_due_on(found.severity, ask.today, calendar),
    )  # fmt: skip


def _offered(ask: Ask, found: finding_store.FindingInfo, history: list[finding_store.DecisionInfo]) -> tuple[EvidenceItem, ...]:
    """What a decision may rest on: what earlier ones did, and what was paid and put right for the month since."""
    pairs = dict.fromkeys(pair for d in history for pair in d.evidence)
    if found.subject_kind == "worker":
        paid = money.payments(ask.db, ask.project.id, found.month, worker_id=found.subject_id)
        pairs |= dict.fromkeys(("payment", p.id) for p in paid)
        first, after = found.month, workdays.next_month(found.month)
        put_right = held.corrections_of(ask.db, ask.project.id, first, after, found.subject_id)
        pairs |= dict.fromkeys(("correction", c.id) for c in put_right if c.state == "approved")
    return tuple(_fact(ask, found, kind, id_) for kind, id_ in list(pairs)[:OFFERED_MAX])


_BUREAU_FIRST = (State.VERIFIED_CLOSED, State.NOTIFIED, State.ESCALATED)


def _choices(ask: Ask, found: finding_store.FindingInfo) -> tuple[str, ...]:
    """What he may make of it, the likely step first: an inspector tells the project, and checks its answer; he seldom explains."""
    steps = oversight.steps_of(ask.db, ask.person, found)
    if access.Role.INSPECTOR in ask.person.roles(ask.project.id, ask.project.area_code):
        steps = tuple(sorted(steps, key=lambda step: _BUREAU_FIRST.index(step) if step in _BUREAU_FIRST else len(_BUREAU_FIRST)))
    return tuple(step.value for step in steps)


def _strip_url(ask: Ask, worker_id: int, month: date) -> str:
    return with_query(f"/projects/{ask.project.id}/three-way/{worker_id}", month=f"{month:%Y-%m}")


def _worker_url(ask: Ask, worker_id: int, month: date, day: str = "", anchor: str = "") -> str:
    path = f"/projects/{ask.project.id}/workers/{worker_id}"
    return with_query(path, month=f"{month:%Y-%m}", day=day) + (f"#{anchor}" if anchor else "")


def _evidence(ask: Ask, found: finding_store.FindingInfo) -> tuple[EvidenceItem, ...]:
    items = [_fact(ask, found, kind, id_) for kind, id_ in found.evidence[:EVIDENCE_MAX]]
    rest = len(found.evidence) - EVIDENCE_MAX
    if rest > 0:
        items.append(EvidenceItem(ask.say("还有 %(n)s 项", n=rest), "", ""))
    return tuple(items)


def _fact(ask: Ask, found: finding_store.FindingInfo, kind: str, id_: int) -> EvidenceItem:
    """One fact with where it can be looked at."""
    url, label = "", f"{kind} {id_}"
    if kind == "passage":
        label = ask.say("通行 %(id)s 号", id=id_)
        try:
            record = gates.passage(ask.db, ask.project.id, id_)
        except NotFound:
            record = None
        if record is not None and record.worker_id is not None:
            day = workdays.work_date(record.occurred_at, ask.policy)
            at = workdays.local(record.occurred_at, ask.policy)
            label = ask.say("通行 %(seq)s 号 %(at)s", seq=record.seq, at=f"{at:%m-%d %H:%M}")
            url = _worker_url(ask, record.worker_id, month_of(day), day.isoformat(), f"d-{day}")
    elif kind == "payment":
        label = ask.say("支付 %(id)s 号", id=id_)
        try:
            paid = money.payment(ask.db, ask.project.id, id_)
        except NotFound:
            paid = None
        if paid is not None:
            label = ask.say("支付 %(id)s 号 %(on)s", id=id_, on=paid.paid_on)
            url = _worker_url(ask, paid.worker_id, paid.for_month, anchor=f"pay-{id_}")
    elif kind == "file":
        try:
            label = held.evidence(ask.db, ask.project.id, id_).name
        except NotFound:
            label = ask.say("文件 %(id)s 号", id=id_)
        url = f"/v1/projects/{ask.project.id}/evidence/{id_}"
    elif kind in ("worker", "gate", "team", "project"):
        label, url = _place(ask, found, kind, id_)
    elif kind in FACTS:
        label = ask.say(FACTS[kind], id=id_)
        if kind in HOMES:
            url = f"/projects/{ask.project.id}/{HOMES[kind].format(id=id_)}"
    if not url and kind in ("line", "confirmation", "item", "settlement") and found.subject_kind == "worker":
        url = _strip_url(ask, found.subject_id, found.month)
    if not url and kind in ("terms", "engagement", "card", "template", "paper") and found.subject_kind == "worker":
        url = _worker_url(ask, found.subject_id, found.month, anchor="h-terms")
    return EvidenceItem(label, url, f"{kind}:{id_}")


def _place(ask: Ask, found: finding_store.FindingInfo, kind: str, id_: int) -> tuple[str, str]:
    """What is no paper: a person, a gate, a team, or the project itself, where something is not there."""
    here = f"/projects/{ask.project.id}"
    if kind == "worker":
        return bank.names(ask.db, {id_}).get(id_, f"#{id_}"), _strip_url(ask, id_, found.month)
    if kind == "gate":
        return next((g.name for g in gates.gates(ask.db, ask.project.id) if g.id == id_), f"#{id_}"), f"{here}/gate"
    if kind == "team":
        name = next((t.name for t in people.teams(ask.db, ask.project.id) if t.id == id_), f"#{id_}")
        return name, with_query(f"{here}/grid", team=id_, month=f"{found.month:%Y-%m}")
    return ask.say("三方核对"), with_query(f"{here}/three-way", month=f"{found.month:%Y-%m}")


HOMES = {
    "sheet": "payroll/{id}", "batch": "account/batches/{id}", "account": "account", "receipt": "account", "plan": "account",
    "statement": "account/statement",
}  # fmt: skip
"""Kinds of facts that a page of the project shows."""

FACTS = {
    "terms": marked("工资约定 %(id)s 号"),
    "engagement": marked("进退场 %(id)s 号"),
    "correction": marked("补卡 %(id)s 号"),
    "measure": marked("计量 %(id)s 号"),
    "allowance": marked("津贴 %(id)s 号"),
    "mark": marked("缺勤登记 %(id)s 号"),
    "batch": marked("代发批次 %(id)s 号"),
    "line": marked("工资表行 %(id)s 号"),
    "sheet": marked("工资表 %(id)s 号"),
    "confirmation": marked("本人签字 %(id)s 号"),
    "item": marked("代发明细 %(id)s 号"),
    "card": marked("工资卡 %(id)s 号"),
    "account": marked("专户 %(id)s 号"),
    "receipt": marked("拨付 %(id)s 号"),
    "plan": marked("拨付计划 %(id)s 号"),
    "statement": marked("对账单行 %(id)s 号"),
    "template": marked("人脸特征 %(id)s 号"),
    "settlement": marked("退场结算 %(id)s 号"),
    "paper": marked("材料 %(id)s 号"),
}
"""Kinds of facts without a page of their own -> how they are called."""


def _month(text: str) -> date | None:
    return read_month(text) if text else None


def run(ask: Ask, values: FormData) -> str:
    """Run the rules over the chosen month, or this one and the one before, with no transaction open meanwhile."""
    asked = lines.form(values, "month")
    this = month_of(ask.today)
    before = month_of(date.fromordinal(this.toordinal() - 1))
    months = [_month(asked)] if asked else [before, this]
    if tasks.is_large(ask.db, ask.project.id):
        with ask.state.database.write() as db:
            said = {"months": [month.isoformat() for month in months]}
            tasks.order(db, ask.person, project_id=ask.project.id, kind="audit", asked=said, now=ask.now)
        return with_query(f"/projects/{ask.project.id}/findings", month=asked)
    for month in months:
        oversight.audit_project(ask.state.database, ask.project.id, month, ask.now, by=ask.person.login)
    return with_query(f"/projects/{ask.project.id}/findings", month=asked, done="audited")


def decide(ask: Ask, values: FormData) -> str | Again:
    """What somebody decided, with the file he gave. The finding must be of the project in the address."""
    found = finding_store.finding(ask.db, ask.project.id, ask.id("finding_id"))
    typed = Typed(
        lines.form(values, "state"),
        lines.form(values, "note"),
        lines.form(values, "due_on"),
        tuple(str(each) for each in values.getlist("evidence")),
    )
    try:
        # A file whose decision is refused is not kept.
        with ask.db.begin_nested():
            grounds = [_pair(each) for each in typed.evidence] + _file(ask, values.get("file"))
            oversight.decide(
                ask.db, ask.person, found.id, typed.state, typed.note, evidence=grounds, due_on=_day(typed.due_on), now=ask.now
            )
    except ServiceError as error:
        return Again(PAGE, gather(ask, _says(ask, error), typed, found.id), error.status)
    return with_query(f"/projects/{ask.project.id}/findings", **_conditions(ask), finding=found.id, done="decided") + f"#f-{found.id}"


def _says(ask: Ask, error: ServiceError) -> str:
    named = {name: wording.name(f"finding_state.{error.facts[name]}", ask.language) for name in ("state", "wanted") if name in error.facts}
    return wording.sentence(error.code, ask.language, **{**error.facts, **named})


def _pair(text: str) -> tuple[str, int]:
    kind, _, number = text.partition(":")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise BadRequest("decision_evidence_malformed")
    return kind, int(number)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest("decision_deadline_wrong") from None


def _file(ask: Ask, file: object) -> list[tuple[str, int]]:
    if not isinstance(file, UploadFile) or not file.filename:
        return []
    content = file.file.read(timekeeping.EVIDENCE_BYTES_MAX + 1)
    if not content:
        raise Unusable("evidence_empty")
    kept = timekeeping.put_evidence(
        ask.db, ask.state.vault, project_id=ask.project.id, name=file.filename, media_type=file.content_type or "",
        content=content, by=ask.person.login, now=ask.now,
    )  # fmt: skip
    return [("file", kept)]


PAGE = Page(
    "/projects/{project_id:int}/findings",
    marked("问题线索"),
    "findings.html",
    "findings.read",
    FindingsContext,
    gather,
    marked("问题线索"),
)
RUN = Act("/projects/{project_id:int}/findings/run", "audits.run", run, alone=True)
DECIDE = Act("/projects/{project_id:int}/findings/{finding_id:int}/decisions", "findings.decide", decide)
