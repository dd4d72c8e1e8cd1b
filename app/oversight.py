"""Use case: findings (问题线索) are looked for, listed and decided.

    run_audit / audit_project   one month of one project: gather, run the rules, keep what they found
    audit_all                   every project, this month and the two before; one that fails stops nobody
    findings_of                 what stands, worst first, with its sentence
    decide                      one step of ``domain.casework``: notified, explained, rectified, escalated, verified_closed

A finding accuses nobody; a person decides. An answer holds for the evidence it was made about: when the evidence
has changed since, the finding waits again. A finding is closed only with evidence, and by somebody other than
who explained or rectified it (domain.md 4.7); one that stopped firing can still be answered for and closed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import access
from app.access import Person
from app.db import Database
from app.domain.audit import (
    COUNTY_RULES,
    RULES,
    Beside,
    CountyMonth,
    Finding,
    Thresholds,
    cited,
    rates,
    run,
    run_county,
    worst_first,
)
from app.domain.audit import name as rule_name
from app.domain.audit import sentence as finding_sentence
from app.domain.casework import Standing, State, refusal, steps_from
from app.domain.facts import ProjectMonth
from app.domain.workdays import EARLIEST, month_of, next_month
from app.errors import BadRequest, Conflict, Forbidden, NotFound
from app.observing import log
from app.store import accounts, audit, findings, money, moved, people
from app.store.findings import DecisionInfo, FindingInfo

NOTE_LENGTH_MIN = 4
"""Of the grounds for closing: shorter says nothing."""
NOTE_LENGTH_MAX = 2000

MONTHS_AHEAD_MAX = 12
"""A deadline further away than a year is a slip of the pen."""


# --- looking -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Audited:
    """What one run over a month found and changed, in numbers of findings."""

    project_id: int
    month: date
    found: int
    new: int
    seen_again: int
    cleared: int
    reopened: int


@dataclass(frozen=True, slots=True)
class AuditedAll:
    """What a run over every project did."""

    projects: int
    months: int
    """Project months that were audited."""
    found: int
    failed: int
    """Project months that could not be; the log says which."""


def run_audit(db: Session, project_id: int, month: date, as_of: datetime) -> Audited:
    """Audit one month within the caller's transaction.

    A request or a job uses ``audit_project``, which computes with no transaction open.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: the month has not begun, or is out of range.
    """
    gathered = gather(db, project_id, month, as_of)
    return _keep(db, gathered, examine(gathered))


def audit_project(database: Database, project_id: int, month: date, as_of: datetime, *, by: str | None = None) -> Audited:
    """Audit one month: read, compute, then keep, so that no gate waits while the rules think (about a second).

    Args:
        by: who asked for it, for the journal; None for the nightly run, which nobody asks for.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: the month has not begun, or is out of range.
    """
    with database.read() as db:
        mark = moved.mark(db, project_id)
        gathered = gather(db, project_id, month, as_of)
    found = examine(gathered)
    with database.write() as db:
        moved.keep_mark(db, project_id, gathered.month.month, mark, _today(gathered.month.policy.time_zone, as_of))
        if by is not None:
            of = gathered.month.month
            accounts.journal(db, at=as_of, actor=by, action="audit.run", project_id=project_id, object=f"month:{of:%Y-%m}", facts={})
        return _keep(db, gathered, found)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything the rules of one month look at, of one project and of what touches it from elsewhere."""

    month: ProjectMonth
    beside: Beside
    county: CountyMonth
    limits: Thresholds


def gather(db: Session, project_id: int, month: date, as_of: datetime) -> Gathered:
    """Read what the rules of a month look at: some forty statements, whatever the size of the project.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: the month has not begun, or is out of range.
    """
    project = people.project(db, project_id)
    month = month_of(month)
    if month < EARLIEST:
        raise BadRequest("month_out_of_range")
    if month > month_of(as_of.astimezone(ZoneInfo(project.time_zone)).date()):
        raise BadRequest("month_in_future")
    limits = audit.limits(db, project.area_code, next_month(month) - timedelta(days=1))
    return Gathered(
        money.project_month(db, project_id, month, as_of),
        audit.beside(db, project_id, month, as_of, area_code=project.area_code, time_zone=project.time_zone),
        audit.county_month(db, {project_id}, month, as_of, limits),
        limits,
    )


def examine(gathered: Gathered) -> tuple[Finding, ...]:
    """Run every rule, of the project and across projects; pure but for what it logs."""
    month = gathered.month
    found = run(month, beside=gathered.beside, limits=gathered.limits)
    across = run_county(gathered.county).get(month.project_id, ())
    for finding in (*found, *across):
        if finding.rule == "rule_failed":
            log.error("rule_failed", project_id=month.project_id, month=str(month.month), facts=dict(finding.facts))
    return worst_first((*found, *across))


def _keep(db: Session, gathered: Gathered, found: tuple[Finding, ...]) -> Audited:
    bundle = gathered.month
    kept = findings.keep_findings(db, bundle.project_id, bundle.month, found, bundle.as_of)
    return Audited(
        bundle.project_id, bundle.month, len(found), kept.new, kept.seen_again, kept.cleared, kept.reopened
    )


MONTHS_BACK = 2
"""Months before the current one that are audited every night: what was paid late, or never, shows up to two months after."""


def audit_all(database: Database, as_of: datetime, *, changed_only: bool = False) -> AuditedAll:
    """Audit every project: the current month, the two before it, and older ones with findings that still fire.

    An older month is audited only when something was written since that touches it (``store.moved``): what was found in it is
    cleared once it has been put right. A month that fails is logged; the rest go on.

    Args:
        changed_only: leave out recent months, too, that were audited on the same project-local day and that nothing written
            since touches. For every hour; the first run of a day audits all.
    """
    with database.read() as db:
        projects = people.projects(db, None)
    months = found = failed = 0
    for project in projects:
        try:
            with database.read() as db:
                due = _due(db, project, as_of, changed_only)
        except Exception as error:  # noqa: BLE001 - a time zone this machine does not know is one project's trouble
            failed += 1
            log.error("audit_failed", project_id=project.id, error=type(error).__name__)
            continue
        for month in due:
            try:
                found += audit_project(database, project.id, month, as_of).found
                months += 1
            except Exception as error:  # noqa: BLE001 - one project's trouble is not the others'
                failed += 1
                log.error("audit_failed", project_id=project.id, month=str(month), error=type(error).__name__)
    return AuditedAll(len(projects), months, found, failed)


# --- what a rule rests on --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Basis:
    """What a finding rests on beside its evidence."""

    laws: tuple[str, ...]
    """Names and article numbers; one whose number was not checked says so. No text of a law."""
    thresholds: str | None
    """Version of the limits the rule went by."""
    amount_fen: int | None
    """Money at stake."""
    expected_on: date | None
    """Last day on which it would still have been in order."""
    odds: tuple[float, float] | None
    """Of a suspicion: (share of forged months it is for that it found, share of honest ones it accused), over simulated
    months, 0 to 1. None for a rule that states what the records show."""
    command: str
    """How the odds were measured; empty without any."""


def basis(finding: FindingInfo, language: str) -> Basis:
    """What a finding rests on; a rule of an earlier version that has gone rests on nothing we can name."""
    known = RULES.get(finding.rule) or COUNTY_RULES.get(finding.rule)
    suspicion = known is not None and known.suspicion
    return Basis(
        laws=tuple(cited(law, language) for law in known.law) if known else (),
        thresholds=finding.thresholds,
        amount_fen=finding.amount_fen,
        expected_on=finding.expected_on,
        odds=rates.stated(finding.rule) if suspicion else None,
        command=rates.COMMAND if suspicion else "",
    )


def _due(db: Session, project: people.ProjectInfo, as_of: datetime, changed_only: bool) -> list[date]:
    """Months of a project to audit now, oldest first."""
    today = _today(project.time_zone, as_of)
    recent = [month_of(today)]
    for _ in range(MONTHS_BACK):
        recent.insert(0, month_of(recent[0] - timedelta(days=1)))
    mark = moved.mark(db, project.id)
    touched: dict[moved.Mark, moved.Touched] = {}
    due = []
    for month in (*(m for m in findings.firing_months(db, project.id) if m < recent[0]), *recent):
        last = moved.marked(db, project.id, month)
        if last is None or last[0] is None or (month in recent and (not changed_only or last[1] != today)):
            due.append(month)
            continue
        since = last[0]
        if since not in touched:
            touched[since] = moved.touched(db, project, since, mark)
        if touched[since].concerns(month):
            due.append(month)
    return due


# --- listing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding as somebody reads it."""

    finding: FindingInfo
    state: State
    title: str
    """What the rule is called."""
    sentence: str
    """What the records show."""


_WORST_FIRST = {"red": 0, "yellow": 1, "info": 2}
_WAITING_FIRST = {
    State.ESCALATED: 0, State.OPEN: 1, State.NOTIFIED: 1, State.RECTIFIED: 2, State.EXPLAINED: 2, State.VERIFIED_CLOSED: 3,
}  # fmt: skip


def state_of(finding: FindingInfo) -> State:
    """Where a finding stands now."""
    return State(finding.state)


def findings_of(
    db: Session,
    project_id: int,
    *,
    month: date | None = None,
    open_only: bool = False,
    states: Collection[str] = (),
    severity: str | None = None,
    rule: str | None = None,
    subject: tuple[str, int] | None = None,
    overdue_on: date | None = None,
    language: str = "zh",
) -> list[FindingLine]:
    """The findings of a project: those that still fire first, then the unanswered, the worst, the newest month.

    Args:
        month: any day of it; every month for None.
        open_only: only those that still fire and wait for the project's answer.
        states: only those that stand so; all when empty.
        subject: kind and id; everybody's for None.
        overdue_on: today, for only those past their deadline.
    """
    found = findings.findings(db, project_id, None if month is None else month_of(month), open_only)
    wanted = set(states)
    lines = [
        FindingLine(f, state_of(f), *told(f, language))
        for f in found
        if (not wanted or f.state in wanted)
        and severity in (None, f.severity)
        and rule in (None, f.rule)
        and subject in (None, (f.subject_kind, f.subject_id))
        and (overdue_on is None or f.is_overdue(overdue_on))
    ]
    return sorted(
        lines,
        key=lambda line: (
            line.finding.cleared_at is not None,
            _WAITING_FIRST[line.state],
            _WORST_FIRST.get(line.finding.severity, 3),
            line.finding.due_on or date.max,
            -line.finding.month.toordinal(),
            line.finding.id,
        ),
    )


def told(finding: FindingInfo, language: str) -> tuple[str, str]:
    """(what the rule is called, what it says about this finding)."""
    try:
        return rule_name(finding.rule, language), finding_sentence(finding, language)
    except KeyError:
        # Kept by a rule of an earlier version that has gone, or named a fact otherwise: the row still stands.
        return finding.rule, ""


def title_of(rule: str, language: str) -> str:
    """What a rule is called; the name itself for one of an earlier version."""
    try:
        return rule_name(rule, language)
    except KeyError:
        return rule


def line_of(db: Session, project_id: int, finding_id: int, language: str) -> FindingLine:
    """One finding of a project.

    Raises:
        NotFound: ``finding_unknown``.
    """
    found = findings.finding(db, project_id, finding_id)
    return FindingLine(found, state_of(found), *told(found, language))


def history(db: Session, finding_id: int) -> list[DecisionInfo]:
    """Everything decided about a finding, oldest first."""
    return findings.decisions(db, finding_id)


# --- deciding ------------------------------------------------------------------------------------------------


def find(db: Session, person: Person, finding_id: int) -> FindingInfo:
    """A finding of any project the person may know of.

    Raises:
        NotFound: ``finding_unknown``; the same answer whether it does not exist or is another's.
    """
    for project in access.projects_of(db, person):
        try:
            return findings.finding(db, project.id, finding_id)
        except NotFound:
            continue
    raise NotFound("finding_unknown")


def steps_of(db: Session, person: Person, finding: FindingInfo) -> tuple[State, ...]:
    """What somebody may make of a finding now, evidence and deadline provided; for the form."""
    project = people.project(db, finding.project_id)
    roles = person.roles(project.id, project.area_code)
    return tuple(step.after for step in steps_from(findings.standing_of(db, finding), roles, person.login))


def decide(
    db: Session,
    person: Person | None,
    finding_id: int,
    state: str,
    note: str,
    *,
    evidence: Sequence[tuple[str, int]] = (),
    due_on: date | None = None,
    now: datetime,
) -> FindingLine:
    """Append a decision about a finding; returns the finding as it stands then.

    Args:
        state: ``notified``, ``explained``, ``rectified``, ``escalated`` or ``verified_closed``.
        note: what is asked for, the reason, what was done, or (for closing) the grounds on which it is believed.
        evidence: kinds and ids of files and facts it rests on (``store.findings.check_grounds``); closing needs some.
        due_on: for a notice, the day by which the project answers.

    Raises:
        Unauthorised, Forbidden: he may not decide, or not that; ``decision_same_person``, ``decision_bureau_only``.
        NotFound: ``finding_unknown``; ``evidence_unknown``, a file or fact that is not the project's.
        BadRequest: no such state; a note too long, or too short; ``decision_deadline_needed``, ``decision_deadline_wrong``,
            ``decision_evidence_needed``.
        Conflict: ``decision_order``, the finding cannot go there from where it is.
    """
    person = access.signed_in(person)
    finding = find(db, person, finding_id)
    project = access.require_on(db, person, "findings.decide", finding.project_id)
    if state not in set(State) - {State.OPEN}:
        raise BadRequest("decision_unknown")
    # The finding is held first: two who decide at once see each other's decision.
    findings.lock(db, project.id, finding.id)
    finding = findings.finding(db, project.id, finding.id)
    here, wanted = findings.standing_of(db, finding), State(state)
    grounds = findings.check_grounds(db, project.id, evidence)
    _refuse(
        refusal(
            here, wanted, roles=person.roles(project.id, project.area_code), login=person.login,
            has_deadline=due_on is not None, has_evidence=bool(grounds),
        ),
        here,
        wanted,
    )  # fmt: skip
    note = _note(note)
    if wanted is not State.NOTIFIED:
        due_on = None
    elif not timedelta() < due_on - _today(project.time_zone, now) <= timedelta(days=31 * MONTHS_AHEAD_MAX):
        raise BadRequest("decision_deadline_wrong")
    findings.decide_finding(
        db, project_id=project.id, finding_id=finding.id, state=wanted.value, note=note, by=person.login, now=now,
        evidence=grounds, due_on=due_on,
    )  # fmt: skip
    accounts.journal(
        db,
        at=now,
        actor=person.login,
        action="finding_decided",
        project_id=project.id,
        object=f"finding:{finding.id}",
        facts={"from": here.state.value, "to": wanted.value, **({"due_on": due_on.isoformat()} if due_on else {})},
    )
    decided = findings.finding(db, project.id, finding.id)
    return FindingLine(decided, state_of(decided), *told(decided, person.language))


def _refuse(code: str | None, here: Standing, wanted: State) -> None:
    match code:
        case None:
            return
        case "decision_order":
            raise Conflict("decision_order", state=here.state.value, wanted=wanted.value)
        case "decision_same_person":
            raise Forbidden("decision_same_person")
        case "decision_bureau_only":
            raise Forbidden("decision_bureau_only")
        case "decision_deadline_needed":
            raise BadRequest("decision_deadline_needed")
        case "decision_evidence_needed":
            raise BadRequest("decision_evidence_needed")
        case _:
            raise Forbidden("not_allowed", f"findings: {wanted.value}")


def _note(text: str) -> str:
    text = text.strip()
    if len(text) > NOTE_LENGTH_MAX or not text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        raise BadRequest("decision_note_long", length_max=NOTE_LENGTH_MAX)
    if len(text) < NOTE_LENGTH_MIN:
        raise BadRequest("decision_note_needed", length_min=NOTE_LENGTH_MIN)
    return text


def _today(time_zone: str, now: datetime) -> date:
    return now.astimezone(ZoneInfo(time_zone)).date()
