"""Use case: findings (问题线索) are looked for, listed and decided.

    run_audit / audit_project   one month of one project: gather, run the rules, keep what they found
    audit_all                   every project, this month and the one before; one that fails stops nobody
    findings_of                 what stands, worst first, with its sentence
    decide                      open -> explained | rectified -> verified_closed

A finding accuses nobody; a person decides. A decision holds for the evidence it was made about: when the evidence
has changed since, the finding is open again. A finding is closed only with grounds, and by somebody other than
who explained or rectified it (domain.md 4.7).
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import access
from app.access import Person
from app.db import Database
from app.domain.audit import name as rule_name
from app.domain.audit import run
from app.domain.audit import sentence as finding_sentence
from app.domain.facts import ProjectMonth
from app.domain.workdays import month_of
from app.errors import BadRequest, Conflict, Forbidden, NotFound
from app.observing import log
from app.store import accounts, findings, money, people
from app.store.findings import DecisionInfo, FindingInfo

NOTE_LENGTH_MIN = 4
"""Of the grounds for closing: shorter says nothing."""
NOTE_LENGTH_MAX = 2000

EARLIEST = date(2000, 1, 1)


class State(StrEnum):
    """Where a finding stands."""

    OPEN = "open"
    EXPLAINED = "explained"
    """There is a reason for what the records show (已说明)."""
    RECTIFIED = "rectified"
    """What was wrong has been put right (已整改)."""
    VERIFIED_CLOSED = "verified_closed"
    """Somebody else has checked that (已核销)."""


NEXT: dict[State, frozenset[State]] = {
    State.OPEN: frozenset({State.EXPLAINED, State.RECTIFIED}),
    State.EXPLAINED: frozenset({State.RECTIFIED, State.VERIFIED_CLOSED}),
    State.RECTIFIED: frozenset({State.EXPLAINED, State.VERIFIED_CLOSED}),
    State.VERIFIED_CLOSED: frozenset(),
}
"""State -> what it may become. Nothing is closed that nobody has answered for."""


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
    return _keep(db, _gather(db, project_id, month, as_of))


def audit_project(database: Database, project_id: int, month: date, as_of: datetime) -> Audited:
    """Audit one month: read, compute, then keep, so that no gate waits while the rules think (about a second).

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: the month has not begun, or is out of range.
    """
    with database.read() as db:
        bundle = _gather(db, project_id, month, as_of)
    found = _found(bundle)
    with database.write() as db:
        return _keep(db, bundle, found)


def _gather(db: Session, project_id: int, month: date, as_of: datetime) -> ProjectMonth:
    project = people.project(db, project_id)
    month = month_of(month)
    if month < EARLIEST:
        raise BadRequest("month_out_of_range")
    if month > month_of(as_of.astimezone(ZoneInfo(project.time_zone)).date()):
        raise BadRequest("month_in_future")
    return money.project_month(db, project_id, month, as_of)


def _found(bundle: ProjectMonth):
    found = run(bundle)
    for finding in found:
        if finding.rule == "rule_failed":
            log.error("rule_failed", project_id=bundle.project_id, month=str(bundle.month), facts=dict(finding.facts))
    return found


def _keep(db: Session, bundle: ProjectMonth, found=None) -> Audited:
    found = _found(bundle) if found is None else found
    kept = findings.keep_findings(db, bundle.project_id, bundle.month, found, bundle.as_of)
    return Audited(
        bundle.project_id, bundle.month, len(found), kept.new, kept.seen_again, kept.cleared, kept.reopened
    )


def audit_all(database: Database, as_of: datetime) -> AuditedAll:
    """Audit every project, the month before and the current one. A month that fails is logged; the rest go on."""
    with database.read() as db:
        projects = people.projects(db, None)
    months = found = failed = 0
    for project in projects:
        try:
            this = month_of(as_of.astimezone(ZoneInfo(project.time_zone)).date())
            before = month_of(date.fromordinal(this.toordinal() - 1))
        except Exception as error:  # noqa: BLE001 - a time zone this machine does not know is one project's trouble
            failed += 1
            log.error("audit_failed", project_id=project.id, error=type(error).__name__)
            continue
        for month in (before, this):
            try:
                found += audit_project(database, project.id, month, as_of).found
                months += 1
            except Exception as error:  # noqa: BLE001 - one project's trouble is not the others'
                failed += 1
                log.error("audit_failed", project_id=project.id, month=str(month), error=type(error).__name__)
    return AuditedAll(len(projects), months, found, failed)


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
_OPEN_FIRST = {State.OPEN: 0, State.EXPLAINED: 1, State.RECTIFIED: 1, State.VERIFIED_CLOSED: 2}


def state_of(finding: FindingInfo) -> State:
    """Where a finding stands now: open when nobody has decided, or only about other evidence."""
    return State.OPEN if finding.state is None or finding.is_stale else State(finding.state)


def findings_of(
    db: Session, project_id: int, *, month: date | None = None, open_only: bool = False, language: str = "zh"
) -> list[FindingLine]:
    """The findings of a project: those that still fire first, then the undecided, the worst, the newest month.

    Args:
        month: any day of it; every month for None.
        open_only: only those that still fire and are open.
    """
    found = findings.findings(db, project_id, None if month is None else month_of(month), open_only)
    lines = [FindingLine(f, state_of(f), *told(f, language)) for f in found]
    return sorted(
        lines,
        key=lambda line: (
            line.finding.cleared_at is not None,
            _OPEN_FIRST[line.state],
            _WORST_FIRST.get(line.finding.severity, 3),
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


def decide(db: Session, person: Person | None, finding_id: int, state: str, note: str, *, now: datetime) -> FindingLine:
    """Append a decision about a finding; returns the finding as it stands then.

    Args:
        state: ``explained``, ``rectified`` or ``verified_closed``.
        note: the reason, what was done, or (for closing) the grounds on which it is believed.

    Raises:
        Unauthorised, Forbidden: he may not decide, or not close.
        NotFound: ``finding_unknown``.
        BadRequest: no such state; a note too long, or too short to be grounds.
        Conflict: ``decision_order``, the finding cannot go there from where it is; ``decision_same_person``.
    """
    person = access.signed_in(person)
    finding = find(db, person, finding_id)
    access.require_on(db, person, "findings.decide", finding.project_id)
    if state not in set(State) - {State.OPEN}:
        raise BadRequest("decision_unknown")
    wanted, before = State(state), state_of(finding)
    if wanted is State.VERIFIED_CLOSED:
        access.require_on(db, person, "findings.close", finding.project_id)
    note = note.strip()
    if len(note) > NOTE_LENGTH_MAX or not note.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        raise BadRequest("decision_note_long", length_max=NOTE_LENGTH_MAX)
    if len(note) < NOTE_LENGTH_MIN:
        raise BadRequest("decision_note_needed", length_min=NOTE_LENGTH_MIN)
    if wanted not in NEXT[before]:
        raise Conflict("decision_order", state=before.value, wanted=wanted.value)
    if wanted is State.VERIFIED_CLOSED and person.login in _answered_by(db, finding):
        raise Forbidden("decision_same_person")
    findings.decide_finding(
        db, project_id=finding.project_id, finding_id=finding.id, state=wanted.value, note=note, by=person.login, now=now
    )
    accounts.journal(
        db,
        at=now,
        actor=person.login,
        action="finding_decided",
        project_id=finding.project_id,
        object=f"finding:{finding.id}",
        facts={"from": before.value, "to": wanted.value},
    )
    decided = findings.finding(db, finding.project_id, finding.id)
    return FindingLine(decided, state_of(decided), *told(decided, person.language))


def _answered_by(db: Session, finding: FindingInfo) -> set[str]:
    """Logins of everybody who explained or rectified it with the evidence as it is."""
    answers = {State.EXPLAINED, State.RECTIFIED}
    return {
        d.decided_by
        for d in findings.decisions(db, finding.id)
        if d.state in answers and d.evidence_digest == finding.evidence_digest
    }
