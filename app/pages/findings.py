"""Findings: what the records show that does not fit together, and what somebody decided about it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.datastructures import FormData

from app import oversight
from app.domain import workdays
from app.domain.workdays import month_of
from app.errors import BadRequest, Forbidden, NotFound
from app.oversight import NEXT, FindingLine, State
from app.pages import lines
from app.pages.page import Act, Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import findings as finding_store
from app.store import gates, money, people

ROWS_A_PAGE = 40
EVIDENCE_MAX = 24
"""Evidence shown of one finding; a month of passages would bury the decision."""


@dataclass(frozen=True)
class EvidenceItem:
    """One fact a finding rests on."""

    label: str
    url: str


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
    first_seen_at: datetime
    cleared_at: datetime | None
    note: str | None
    decided_by: str | None
    decided_at: datetime | None
    url: str
    """This page with the finding opened: evidence and form are made for one at a time."""
    opened: bool
    evidence_count: int
    evidence: tuple[EvidenceItem, ...]
    """Of an opened finding; else empty."""
    choices: tuple[str, ...]
    """States this reader may give it."""


@dataclass(frozen=True)
class FindingsContext:
    """What the page of findings shows."""

    project_id: int = shown("The project, for links")
    open_count: int = shown("Findings that still fire and wait for somebody, over all months")
    may_run: bool = shown("The reader may run the rules now")
    month: date | None = shown("The chosen month; None for all")
    months: tuple[date, ...] = shown("Months to choose from, newest first")
    open_only: bool = shown("Only what waits for somebody")
    lines: tuple[FindingItem, ...] = shown("Findings: those that still fire first, then the undecided, the worst, the newest")
    page: int = shown("Which page of the list this is, from 1")
    pages: int = shown("How many pages the list has")
    previous_url: str = shown("Address of the page before; empty on the first")
    next_url: str = shown("Address of the next page; empty on the last")


def gather(ask: Ask) -> FindingsContext:
    """The findings of the project."""
    month = _month(ask.query.get("month", ""))
    open_only = ask.query.get("state") == "open"
    found = oversight.findings_of(ask.db, ask.project.id, month=month, open_only=open_only, language=ask.language)
    everything = finding_store.findings(ask.db, ask.project.id)
    names = {row.worker_id: row.name for row in people.workers(ask.db, ask.project.id, today=ask.today)}
    paid = {p.id: p for p in money.payments(ask.db, ask.project.id)}
    months = {f.month for f in everything} | {month_of(ask.today)} | ({month} if month else set())
    pages = max(1, -(-len(found) // ROWS_A_PAGE))
    at, chosen = min(pages, max(1, ask.number("page") or 1)), ask.number("finding")

    def address(wanted: int) -> str:
        here = f"/projects/{ask.project.id}/findings"
        return with_query(here, month=ask.query.get("month"), state=ask.query.get("state"), page=wanted)

    return FindingsContext(
        project_id=ask.project.id,
        open_count=sum(f.cleared_at is None and oversight.state_of(f) is State.OPEN for f in everything),
        may_run=ask.may("audits.run"),
        month=month,
        months=tuple(sorted(months, reverse=True)),
        open_only=open_only,
        lines=tuple(_item(ask, line, chosen, names, paid) for line in found[(at - 1) * ROWS_A_PAGE : at * ROWS_A_PAGE]),
        page=at,
        pages=pages,
        previous_url=address(at - 1) if at > 1 else "",
        next_url=address(at + 1) if at < pages else "",
    )


def _item(ask: Ask, line: FindingLine, chosen: int | None, names: dict[int, str], paid: dict[int, Any]) -> FindingItem:
    found = line.finding
    opened = chosen == found.id
    is_worker = found.subject_kind == "worker"
    may_decide, may_close = ask.may("findings.decide"), ask.may("findings.close")
    local = lambda at: workdays.local(at, ask.policy) if at else None  # noqa: E731 - a word for the lines below
    choices = (s.value for s in State if s in NEXT[line.state] and (s is not State.VERIFIED_CLOSED or may_close))
    return FindingItem(
        id=found.id,
        severity=found.severity,
        title=line.title,
        sentence=line.sentence,
        subject=names.get(found.subject_id, f"#{found.subject_id}") if is_worker else ask.project.name,
        subject_url=_worker_url(ask, found.subject_id, found.month) if is_worker and found.subject_id in names else "",
        month=found.month,
        state=line.state.value,
        stale=found.is_stale,
        first_seen_at=local(found.first_seen_at),
        cleared_at=local(found.cleared_at),
        note=found.note,
        decided_by=found.decided_by,
        decided_at=local(found.decided_at),
        url=with_query(f"/projects/{ask.project.id}/findings", month=ask.query.get("month"), state=ask.query.get("state"), page=ask.query.get("page"), finding=found.id) + f"#f-{found.id}",
        opened=opened,
        evidence_count=len(found.evidence),
        evidence=_evidence(ask, found, paid) if opened else (),
        choices=tuple(choices) if may_decide and found.cleared_at is None else (),
    )


def _worker_url(ask: Ask, worker_id: int, month: date, day: str = "", anchor: str = "") -> str:
    path = f"/projects/{ask.project.id}/workers/{worker_id}"
    return with_query(path, month=f"{month:%Y-%m}", day=day) + (f"#{anchor}" if anchor else "")


def _evidence(ask: Ask, found: finding_store.FindingInfo, paid: dict[int, Any]) -> tuple[EvidenceItem, ...]:
    items = []
    for kind, id_ in found.evidence[:EVIDENCE_MAX]:
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
            if id_ in paid:
                url = _worker_url(ask, paid[id_].worker_id, paid[id_].for_month, anchor=f"pay-{id_}")
        elif kind == "terms":
            label = ask.say("工资约定 %(id)s 号", id=id_)
        elif kind == "engagement":
            label = ask.say("进退场 %(id)s 号", id=id_)
        elif kind == "correction":
            label = ask.say("补卡 %(id)s 号", id=id_)
        elif kind == "measure":
            label = ask.say("计量 %(id)s 号", id=id_)
        elif kind == "allowance":
            label = ask.say("津贴 %(id)s 号", id=id_)
        elif kind == "mark":
            label = ask.say("缺勤登记 %(id)s 号", id=id_)
        if not url and kind in ("terms", "engagement") and found.subject_kind == "worker":
            url = _worker_url(ask, found.subject_id, found.month, anchor="h-terms")
        items.append(EvidenceItem(label, url))
    rest = len(found.evidence) - EVIDENCE_MAX
    if rest > 0:
        items.append(EvidenceItem(ask.say("还有 %(n)s 项", n=rest), ""))
    return tuple(items)


def _month(text: str) -> date | None:
    if not text:
        return None
    try:
        return workdays.parse_month(text)
    except ValueError:
        raise BadRequest("month_malformed") from None


def run(ask: Ask, values: FormData) -> str:
    """Run the rules over the chosen month, or this one and the one before, with no transaction open meanwhile."""
    asked = lines.form(values, "month")
    this = month_of(ask.today)
    before = month_of(date.fromordinal(this.toordinal() - 1))
    for month in [_month(asked)] if asked else [before, this]:
        oversight.audit_project(ask.state.database, ask.project.id, month, ask.now)
    return with_query(f"/projects/{ask.project.id}/findings", month=asked, done="audited")


def decide(ask: Ask, values: FormData) -> str:
    """What somebody decided. The finding must be of the project in the address."""
    found = finding_store.finding(ask.db, ask.project.id, ask.id("finding_id"))
    state = lines.form(values, "state")
    if state == State.VERIFIED_CLOSED and not ask.may("findings.close"):
        raise Forbidden("not_allowed", "findings.close")
    oversight.decide(ask.db, ask.person, found.id, state, lines.form(values, "note"), now=ask.now)
    return with_query(f"/projects/{ask.project.id}/findings", month=f"{found.month:%Y-%m}", done="decided") + f"#f-{found.id}"


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
