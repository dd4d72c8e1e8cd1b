"""A finding, a rule, and how the rules of a month are run.

A finding is a value: a rule, a subject, and the facts that show it. It accuses nobody; a person decides.
A rule is a function over one month's ``Reckoning`` that yields at most one ``Hit`` per subject. Its docstring
is the sentence the inspector reads; names and Chinese sentences are in ``sentences.py``.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from app.domain.attendance import Day, DayState
from app.domain.calendar import NoCalendar, pay_due_on
from app.domain.facts import Engagement, Payment, ProjectMonth
from app.domain.timesheet import WorkDay, work_days
from app.domain.wages import Accrual, MonthWage, Owed, month_wages, owed
from app.domain.workdays import due_on, local, month_of, next_month, work_date


class Severity(StrEnum):
    """How soon somebody should look."""

    RED = "red"
    YELLOW = "yellow"
    INFO = "info"


_WORST_FIRST = {Severity.RED: 0, Severity.YELLOW: 1, Severity.INFO: 2}

Evidence = tuple[tuple[str, int], ...]
"""Kind of fact and its row id: ``passage``, ``payment``, ``terms``, ``engagement``, ``correction``, ``mark``,
``measure``, ``allowance``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an inspector should look at (问题线索)."""

    rule: str
    severity: Severity
    subject_kind: str
    """``worker`` or ``project``."""
    subject_id: int
    month: date
    """First day of the month."""
    evidence: Evidence
    """The facts that show it, sorted."""
    facts: Mapping[str, Any]
    """Values for the sentence, JSON-ready: integers (``_fen`` is money), ISO dates, stable codes. No personal
    data."""
    key: str
    """64 hex digits. The same rule, subject and month have the same key whatever the evidence, so tonight's
    run meets last night's decision. Unique within a project."""
    evidence_digest: str
    """64 hex digits over evidence and facts: differs when the decision was made about something else."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule yields; ``run`` makes a finding of it."""

    subject_id: int
    evidence: Iterable[tuple[str, int]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity | None = None
    """None takes the rule's own."""
    subject_kind: str = "worker"


Hits = Iterator[Hit]


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One project month, computed once for all rules. Only days and accruals whose work date is in the month."""

    facts: ProjectMonth
    work_days: tuple[WorkDay, ...]
    """All, also those on which only a mark holds."""
    days: tuple[Day, ...]
    """Confirmed days on which somebody was on site, or may have been: those of marks alone are left out."""
    accruals: tuple[Accrual, ...]
    months: tuple[MonthWage, ...]
    owed: Mapping[int, Owed]
    today: date
    """The calendar date of ``as_of`` on the project."""

    @property
    def month(self) -> date:
        """First day of the month."""
        return month_of(self.facts.month)

    @property
    def is_over(self) -> bool:
        """No session can begin in the month any more: the cutover of the next month's first day has passed."""
        return work_date(self.facts.as_of, self.facts.policy) >= next_month(self.month)

    @property
    def is_due(self) -> bool:
        """The last day to pay the month's wages has passed: the first day that is late is the day after.

        The project's pay day, on the working day before when it is a holiday; where the calendar is not known it is
        not shifted, so nobody is accused too early.
        """
        try:
            due = pay_due_on(self.facts.calendar, self.month, self.facts.pay_day)
        except NoCalendar:
            due = due_on(self.month, self.facts.pay_day)
        return self.today > due

    def days_of(self, worker_id: int) -> tuple[Day, ...]:
        """The worker's days of the month."""
        return tuple(d for d in self.days if d.worker_id == worker_id)

    def payments_of(self, worker_id: int) -> tuple[Payment, ...]:
        """The worker's payments for the month, returned ones too."""
        return tuple(p for p in self.facts.payments if p.worker_id == worker_id)

    def engagements_of(self, worker_id: int) -> tuple[Engagement, ...]:
        """The worker's engagements on the project."""
        return tuple(e for e in self.facts.engagements if e.worker_id == worker_id)


def reckon(month: ProjectMonth) -> Reckoning:
    """Compute days, wages and what is owed of a project month.

    Raises:
        ValueError: as ``work_days``, ``month_wages`` and ``owed``: the bundle contradicts itself.
    """
    first, end = month_of(month.month), next_month(month.month)
    in_month = tuple(w for w in work_days(month) if first <= w.work_date < end)
    months = month_wages(month, in_month)
    return Reckoning(
        facts=month,
        work_days=in_month,
        days=tuple(w.day for w in in_month if w.day.state is not DayState.OFF),
        accruals=tuple(sorted((a for m in months for a in m.accruals), key=lambda a: (a.worker_id, a.work_date))),
        months=months,
        owed=owed(months, month.payments, {worker: fen for worker, of, fen in month.withheld if of == first}),
        today=local(month.as_of, month.policy).date(),
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered rule."""

    name: str
    severity: Severity
    sentence: str
    """The docstring's first paragraph: what the inspector reads."""
    hits: Callable[[Reckoning], Hits]


RULES: dict[str, Rule] = {}
"""Every rule by name, in order of registration."""

RULE_FAILED = "rule_failed"
"""Not a rule: the finding that stands for a rule that could not be run."""


def rule(*, severity: Severity) -> Callable[[Callable[[Reckoning], Hits]], Callable[[Reckoning], Hits]]:
    """Register a function as a rule under its own name.

    Raises:
        ValueError: the function has no docstring, or the name is taken.
    """

    def register(function: Callable[[Reckoning], Hits]) -> Callable[[Reckoning], Hits]:
        name = function.__name__
        if not (function.__doc__ or "").strip():
            raise ValueError(f"rule {name} has no sentence for the inspector")
        if name in RULES or name == RULE_FAILED:
            raise ValueError(f"there is a rule {name} already")
        sentence = " ".join(function.__doc__.strip().split("\n\n")[0].split())
        RULES[name] = Rule(name, severity, sentence, function)
        return function

    return register


def run(month: ProjectMonth, rules: Iterable[Rule] | None = None) -> tuple[Finding, ...]:
    """Return the findings of a project month, worst first, then by rule and subject.

    The answer depends on the bundle alone; the order of facts in it does not matter. A rule that raises, or
    yields one subject twice, becomes the finding ``rule_failed`` and does not stop the others; none of its own
    hits is reported, since half an answer looks like a whole one. If the month itself cannot be computed,
    every rule has failed for the same reason and that is one finding.

    Args:
        rules: all registered ones when None.
    """
    try:
        reckoning = reckon(month)
    except Exception as error:  # noqa: BLE001
        return (_failed(month, "reckon", error),)
    found: list[Finding] = []
    for each in RULES.values() if rules is None else rules:
        try:
            found += _findings(each, reckoning)
        except Exception as error:  # noqa: BLE001
            found.append(_failed(month, each.name, error))
    return tuple(sorted(found, key=lambda f: (_WORST_FIRST[f.severity], f.rule, f.subject_kind, f.subject_id, f.key)))


def _findings(each: Rule, reckoning: Reckoning) -> list[Finding]:
    found: dict[str, Finding] = {}
    for hit in each.hits(reckoning):
        finding = _finding(each.name, each.name, hit.severity or each.severity, hit, reckoning.month)
        if finding.key in found:
            raise ValueError(f"{each.name} yields one subject twice")
        if not finding.evidence:
            raise ValueError(f"{each.name} accuses without evidence")
        found[finding.key] = finding
    return list(found.values())


def _failed(month: ProjectMonth, name: str, error: Exception) -> Finding:
    # Only the kind of error: its text may quote a fact, and facts are personal data. The log has the rest.
    hit = Hit(month.project_id, (), {"failed_rule": name, "error": type(error).__name__}, subject_kind="project")
    # Two rules may fail in one month about one subject, the project: the failed rule's name keeps them apart.
    return _finding(RULE_FAILED, f"{RULE_FAILED}:{name}", Severity.RED, hit, month_of(month.month))


def _finding(rule_name: str, key_name: str, severity: Severity, hit: Hit, month: date) -> Finding:
    evidence = tuple(sorted(set(hit.evidence)))
    return Finding(
        rule=rule_name,
        severity=severity,
        subject_kind=hit.subject_kind,
        subject_id=hit.subject_id,
        month=month,
        evidence=evidence,
        facts=dict(hit.facts),
        key=finding_key(key_name, hit.subject_kind, hit.subject_id, month),
        evidence_digest=_sha256(*(f"{kind}:{id_}" for kind, id_ in evidence), *map(repr, sorted(hit.facts.items()))),
    )


def finding_key(rule_name: str, subject_kind: str, subject_id: int, month: date) -> str:
    """Return the key of a finding: 64 hex digits over rule, subject and month.

    Changing this orphans every decision ever made about a finding.
    """
    return _sha256(rule_name, subject_kind, str(subject_id), f"{month:%Y-%m}")


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
