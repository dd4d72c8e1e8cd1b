"""What may become of a finding (线索办理): a table of steps, and where a finding stands after its decisions.

    open ──► notified ──► explained | rectified ──► verified_closed
                 │             │
                 └── escalated ◄┘        back to notified: the answer does not do, or more time is given

    STEPS       every step there is, who takes it and what it needs; what is not in it cannot be done
    standing    decisions so far + the evidence as it is now -> where the finding stands
    refusal     why somebody may not take a step now; None when he may

Nothing here reads a clock or a row. What a decision was about counts: an answer or a closing holds for the evidence it was made
about and for that appearance of the finding; a notice and an escalation hold until the finding is closed. So new evidence
after closing opens a finding again, and new evidence under a notice leaves the notice and its deadline standing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.domain.calendar import NoCalendar, add_workdays
from app.domain.facts import Calendar


class State(StrEnum):
    """Where a finding stands."""

    OPEN = "open"
    NOTIFIED = "notified"
    """The bureau has told the project, with a deadline (已通知)."""
    EXPLAINED = "explained"
    """There is a reason for what the records show (已说明)."""
    RECTIFIED = "rectified"
    """What was wrong has been put right (已整改)."""
    ESCALATED = "escalated"
    """Told and not answered well: handed up (已升级)."""
    VERIFIED_CLOSED = "verified_closed"
    """Somebody else has checked the answer, with evidence (已核销)."""


ANSWERS = frozenset({State.EXPLAINED, State.RECTIFIED})
UNANSWERED = frozenset({State.OPEN, State.NOTIFIED, State.ESCALATED})
"""Still waiting for the project."""

ANSWER_WORKDAYS = {"red": 5, "yellow": 10, "info": 20}
"""Severity -> working days a notice proposes for the answer. No law sets them; the bureau may set any later day."""

OFFICER, MANAGER, BUREAU = "labour_officer", "manager", "inspector"
"""Roles as ``access.Role`` calls them. Whoever records money explains and rectifies and never closes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way on, and what it needs."""

    before: State
    after: State
    who: frozenset[str]
    deadline: bool = False
    """A day by which the project answers."""
    evidence: bool = False
    """Files or facts it rests on."""
    another: bool = False
    """By somebody who has not answered for it."""


def _steps() -> tuple[Step, ...]:
    project, answerers = frozenset({OFFICER, MANAGER}), frozenset({OFFICER, MANAGER, BUREAU})
    bureau, closers = frozenset({BUREAU}), frozenset({MANAGER, BUREAU})
    found = []
    for before in (State.OPEN, State.NOTIFIED, State.ESCALATED, State.RECTIFIED):
        found.append(Step(before, State.EXPLAINED, answerers))
    for before in (State.OPEN, State.NOTIFIED, State.ESCALATED, State.EXPLAINED):
        found.append(Step(before, State.RECTIFIED, project))
    # From notified: more time. From an answer: it does not do. From escalated: taken back.
    for before in (State.OPEN, State.NOTIFIED, State.ESCALATED, State.EXPLAINED, State.RECTIFIED):
        found.append(Step(before, State.NOTIFIED, bureau, deadline=True))
    # Nobody is handed up unheard: an open finding is notified first.
    for before in (State.NOTIFIED, State.EXPLAINED, State.RECTIFIED):
        found.append(Step(before, State.ESCALATED, bureau))
    for before in (State.EXPLAINED, State.RECTIFIED):
        found.append(Step(before, State.VERIFIED_CLOSED, closers, evidence=True, another=True))
    return tuple(found)


STEPS: tuple[Step, ...] = _steps()

NEXT: dict[State, frozenset[State]] = {
    state: frozenset(step.after for step in STEPS if step.before is state) for state in State
}
"""State -> what it may become. Out of ``verified_closed`` only new evidence leads, and nobody's word."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about a finding, as far as it moves it."""

    id: int
    state: str
    digest: str
    """Of the evidence it was made about."""
    by: str
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a finding stands, and what that rests on."""

    state: State
    in_hand: bool = False
    """The bureau has notified or escalated it: only the bureau closes it."""
    due_on: date | None = None
    """By when the project answers; None while nobody has set a day."""
    answered_by: frozenset[str] = frozenset()
    """Logins of everybody who explained or rectified it as it is now."""
    is_stale: bool = False
    """The last answer or closing was about other evidence, or about an appearance that has ended."""

    def is_overdue(self, today: date) -> bool:
        """The deadline has passed without an answer."""
        return self.due_on is not None and today > self.due_on and self.state in UNANSWERED


def standing(decisions: Iterable[Decision], digest: str, reopened_after: int = 0) -> Standing:
    """Return where a finding stands after its decisions.

    Args:
        decisions: oldest first.
        digest: of the evidence as it is now.
        reopened_after: id of the last decision made before the finding fired again; 0 when it never stopped.
    """
    state, resting, in_hand, stale, due_on = State.OPEN, State.OPEN, False, False, None
    answered: set[str] = set()
    for each in decisions:
        try:
            wanted = State(each.state)
        except ValueError:
            # A word of an earlier version: it stays in the history and moves nothing.
            continue
        holds = each.digest == digest and each.id > reopened_after
        if wanted in (State.NOTIFIED, State.ESCALATED):
            state = resting = wanted
            in_hand, stale = True, False
            due_on = each.due_on if wanted is State.NOTIFIED else due_on
        elif holds:
            state, stale = wanted, False
            if wanted in ANSWERS:
                answered.add(each.by)
        elif wanted is State.VERIFIED_CLOSED:
            # Closed, and something has come up since: a matter of its own, with nothing of the old one but its history.
            state = resting = State.OPEN
            in_hand, stale, due_on = False, True, None
        else:
            state, stale = resting, True
    return Standing(state, in_hand, due_on, frozenset(answered), stale)


def steps_from(here: Standing, roles: Collection[str], login: str) -> tuple[Step, ...]:
    """Return the steps somebody may take now, evidence and deadline provided, in the order of ``STEPS``."""
    return tuple(
        step
        for step in STEPS
        if step.before is here.state
        and refusal(here, step.after, roles=roles, login=login, has_deadline=True, has_evidence=True) is None
    )


def refusal(
    here: Standing, wanted: State, *, roles: Collection[str], login: str, has_deadline: bool, has_evidence: bool
) -> str | None:
    """Return the code of why somebody may not take a step; None when he may.

    ``decision_order`` no such step from here, ``not_allowed`` not his, ``decision_bureau_only`` closing what the bureau has
    in hand, ``decision_same_person``, ``decision_deadline_needed``, ``decision_evidence_needed``.
    """
    step = next((s for s in STEPS if s.before is here.state and s.after is wanted), None)
    if not any(set(roles) & s.who for s in STEPS if s.after is wanted):
        return "not_allowed"
    if step is None:
        return "decision_order"
    if not set(roles) & step.who:
        return "not_allowed"
    if wanted is State.VERIFIED_CLOSED and here.in_hand and BUREAU not in roles:
        return "decision_bureau_only"
    if step.another and login in here.answered_by:
        return "decision_same_person"
    if step.deadline and not has_deadline:
        return "decision_deadline_needed"
    if step.evidence and not has_evidence:
        return "decision_evidence_needed"
    return None


def proposed_due_on(severity: str, today: date, calendar: Calendar) -> date:
    """Return the day a notice of today proposes for the answer: ``ANSWER_WORKDAYS`` on, by the statutory calendar.

    Where the calendar is not known, seven days are counted for five working days.
    """
    days = ANSWER_WORKDAYS.get(severity, max(ANSWER_WORKDAYS.values()))
    try:
        return add_workdays(calendar, today, days)
    except NoCalendar:
        return today + timedelta(days=days * 7 // 5)
