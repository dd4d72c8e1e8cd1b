"""A finding, a rule, and how the rules of a month are run.

A finding is a value: a rule, a subject, and the facts that show it. It accuses nobody; a person decides.
A rule is a function over one month's ``Reckoning`` that yields at most one ``Hit`` per subject. Its docstring
is the sentence the inspector reads; names and Chinese sentences are in ``sentences.py``. A rule that looks across
projects is a ``@county_rule`` over a ``CountyMonth``. Every look-up a rule needs is indexed once in the ``Reckoning``: a
rule is one pass, whatever the size of the project.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from app.domain.attendance import Day, DayState, wall
from app.domain.audit.beside import NOTHING, Beside, CountyMonth, Line, Transfer
from app.domain.audit.law import LAWS
from app.domain.audit.thresholds import DEFAULTS, Thresholds
from app.domain.calendar import NoCalendar, add_workdays, pay_due_on
from app.domain.facts import Engagement, Passage, Payment, ProjectMonth, Terms
from app.domain.timesheet import WorkDay, work_days
from app.domain.wages import Accrual, MonthWage, Owed, month_wages, owed
from app.domain.workdays import due_on, local, month_bounds, month_of, next_month, work_date


class Severity(StrEnum):
    """How soon somebody should look."""

    RED = "red"
    YELLOW = "yellow"
    INFO = "info"


_WORST_FIRST = {Severity.RED: 0, Severity.YELLOW: 1, Severity.INFO: 2}

Evidence = tuple[tuple[str, int], ...]
"""Kind of fact and its row id: ``passage``, ``payment``, ``terms``, ``engagement``, ``correction``, ``mark``,
``measure``, ``allowance``, ``line``, ``sheet``, ``confirmation``, ``item`` (of a batch), ``batch``, ``card``, ``account``
(special account), ``receipt``, ``plan``, ``statement``, ``template``, ``identity_check``, ``twin``, ``settlement``, ``paper``, ``gate``, ``team``, ``worker``; ``project``
where the finding is that something is not there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something an inspector should look at (问题线索)."""

    rule: str
    severity: Severity
    subject_kind: str
    """``worker``, ``team``, ``gate`` or ``project``."""
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
    thresholds: str = ""
    """Version of the limits the rule went by."""
    amount_fen: int | None = None
    """Money at stake; None where the matter is none of money."""
    expected_on: date | None = None
    """The last day on which it would still have been in order; None where nothing gives a date. By when the project
    answers is the bureau's word, not the rule's."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule yields; ``run`` makes a finding of it."""

    subject_id: int
    evidence: Iterable[tuple[str, int]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity | None = None
    """None takes the rule's own."""
    subject_kind: str = "worker"
    amount_fen: int | None = None
    expected_on: date | None = None
    project_id: int | None = None
    """Whose finding it is, for a county rule."""


Hits = Iterator[Hit]


def about_project(reckoning: "Reckoning", evidence: Iterable[tuple[str, int]], facts: Mapping[str, Any], **more: Any) -> Hit:
    """Return a hit about the project as a whole."""
    return Hit(reckoning.project_id, evidence, facts, subject_kind="project", **more)


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a worker came and left on one date, by passages."""

    worker_id: int
    on: date
    came_s: int
    """Seconds since the local midnight of the work date; beyond 86,400 after midnight."""
    left_s: int | None
    in_id: int
    """Passage."""
    out_id: int | None


@dataclass(frozen=True)
class Reckoning:
    """One project month, computed once for all rules. Only days and accruals whose work date is in the month.

    What is looked up by worker, team or id is indexed at the first question and kept.
    """

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
    beside: Beside = NOTHING
    limits: Thresholds = DEFAULTS

    @property
    def project_id(self) -> int:
        """The project the month is of."""
        return self.facts.project_id

    @cached_property
    def month(self) -> date:
        """First day of the month."""
        return month_of(self.facts.month)

    @cached_property
    def end(self) -> date:
        """First day of the month after."""
        return next_month(self.month)

    @cached_property
    def last_on(self) -> date:
        """Last day of the month that has come: the month's own last day, or today."""
        return min(self.end - timedelta(days=1), self.today)

    @cached_property
    def is_over(self) -> bool:
        """No session can begin in the month any more: the cutover of the next month's first day has passed."""
        return work_date(self.facts.as_of, self.facts.policy) >= self.end

    @cached_property
    def due_on(self) -> date:
        """The last day to pay the month's wages: the project's pay day, on the working day before when it is a
        holiday; where the calendar is not known it is not shifted, so nobody is accused too early."""
        try:
            return pay_due_on(self.facts.calendar, self.month, self.facts.pay_day)
        except NoCalendar:
            return due_on(self.month, self.facts.pay_day)

    @cached_property
    def is_due(self) -> bool:
        """The last day to pay the month's wages has passed: the first day that is late is the day after."""
        return self.today > self.due_on

    def workdays_after(self, day: date, count: int) -> date:
        """``count`` working days after ``day``; calendar days where the calendar is not known (never too early: a
        working day is at least as far off, and the weekend is added)."""
        try:
            return add_workdays(self.facts.calendar, day, count)
        except NoCalendar:
            return day + timedelta(days=count + 2 * (1 + count // 5))

    def days_of(self, worker_id: int) -> tuple[Day, ...]:
        """The worker's days of the month."""
        return self.days_by_worker.get(worker_id, ())

    def payments_of(self, worker_id: int) -> tuple[Payment, ...]:
        """The worker's payments for the month, returned ones too."""
        return self.payments_by_worker.get(worker_id, ())

    def engagements_of(self, worker_id: int) -> tuple[Engagement, ...]:
        """The worker's engagements on the project."""
        return self.engagements_by_worker.get(worker_id, ())

    @cached_property
    def days_by_worker(self) -> Mapping[int, tuple[Day, ...]]:
        """Worker -> his days, in order."""
        return grouped(self.days, lambda d: d.worker_id)

    @cached_property
    def work_days_by_team(self) -> Mapping[int, tuple[WorkDay, ...]]:
        """Team -> days of its people with a passage or correction; days of people engaged nowhere are left out."""
        return grouped((w for w in self.work_days if w.team_id is not None and w.day.state is not DayState.OFF), lambda w: w.team_id)

    @cached_property
    def arrivals_by_team(self) -> Mapping[int, tuple[Arrival, ...]]:
        """Team -> first entry and last exit of each date, as gates saw them; what people wrote is left out."""
        found: dict[int, list[Arrival]] = defaultdict(list)
        midnights: dict[date, datetime] = {}
        for team_id, days in self.work_days_by_team.items():
            for w in days:
                seen = [s for s in w.day.sessions if not s.correction_ids]
                if not seen:
                    continue
                if w.work_date not in midnights:
                    midnights[w.work_date] = wall(w.work_date, time(), self.facts.policy)
                zero = midnights[w.work_date]
                first, last = seen[0], seen[-1]
                found[team_id].append(
                    Arrival(
                        w.worker_id, w.work_date, int((first.in_at - zero).total_seconds()), int((last.out_at - zero).total_seconds()),
                        first.passage_ids[0], last.passage_ids[-1],
                    )
                )  # fmt: skip
        return {team: tuple(of) for team, of in found.items()}

    @cached_property
    def payments_by_worker(self) -> Mapping[int, tuple[Payment, ...]]:
        """Worker -> payments for the month."""
        return grouped(self.facts.payments, lambda p: p.worker_id)

    @cached_property
    def engagements_by_worker(self) -> Mapping[int, tuple[Engagement, ...]]:
        """Worker -> engagements, in order of entry."""
        return grouped(sorted(self.facts.engagements, key=lambda e: (e.entry_on, e.id)), lambda e: e.worker_id)

    @cached_property
    def terms_by_worker(self) -> Mapping[int, tuple[Terms, ...]]:
        """Worker -> terms, in order of their first day."""
        return grouped(sorted(self.facts.terms, key=lambda t: (t.valid_from, t.id)), lambda t: t.worker_id)

    @cached_property
    def passages_by_id(self) -> Mapping[int, Passage]:
        """Passage id -> passage, of everything gathered."""
        return {p.id: p for p in self.facts.passages}

    @cached_property
    def passages_in_month(self) -> tuple[Passage, ...]:
        """Passages that count and lie on a work date of the month, in order of time."""
        first, end = month_bounds(self.month, self.facts.policy)
        return tuple(sorted((p for p in self.facts.passages if p.counts and first <= p.occurred_at < end), key=lambda p: (p.occurred_at, p.id)))

    @cached_property
    def transfers_by_line(self) -> Mapping[int, tuple[Transfer, ...]]:
        """Line -> its transfers."""
        return grouped(self.beside.transfers, lambda t: t.line_id)

    @cached_property
    def own_lines(self) -> tuple[Line, ...]:
        """Lines of the month's sheets that are for the month itself, not back pay."""
        return tuple(line for line in self.beside.lines if line.origin_month == self.month)

    @cached_property
    def engaged_now(self) -> tuple[Engagement, ...]:
        """Engagements that hold on the last day of the month, or today."""
        return tuple(e for e in self.facts.engagements if e.covers(self.last_on))

    @cached_property
    def attended(self) -> frozenset[int]:
        """Workers with at least one decided day that is worth time."""
        return frozenset(d.worker_id for d in self.days if d.day_milli)


_K = TypeVar("_K")
_V = TypeVar("_V")


def grouped(values: Iterable[_V], key: Callable[[_V], _K]) -> dict[_K, tuple[_V, ...]]:
    """Return key -> values of that key, in the order given."""
    found: dict[_K, list[_V]] = defaultdict(list)
    for value in values:
        found[key(value)].append(value)
    return {k: tuple(v) for k, v in found.items()}


def reckon(month: ProjectMonth, beside: Beside = NOTHING, limits: Thresholds = DEFAULTS) -> Reckoning:
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
        beside=beside,
        limits=limits,
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """A registered rule."""

    name: str
    severity: Severity
    sentence: str
    """The docstring's first paragraph: what the inspector reads."""
    hits: Callable[[Any], Hits]
    """Of a ``Reckoning``; of a ``CountyMonth`` for one of ``COUNTY_RULES``."""
    answers: tuple[str, ...] = ()
    """Ids of domain.md 4.7 (``A01``) and attendance.md 5.4 (``B6``; ``a:A1`` where the letters would collide)."""
    law: tuple[str, ...] = ()
    """Ids of ``law.LAWS`` it rests on."""
    suspicion: bool = False
    """It ranks what looks made up and convicts nobody; how often it errs is in ``rates.RATES``."""


RULES: dict[str, Rule] = {}
"""Every rule over one project by name, in order of registration."""

COUNTY_RULES: dict[str, Rule] = {}
"""Every rule across projects."""

RULE_FAILED = "rule_failed"
"""Not a rule: the finding that stands for a rule that could not be run."""


def rule(
    *, severity: Severity, answers: str = "", law: str = "", suspicion: bool = False
) -> Callable[[Callable[[Reckoning], Hits]], Callable[[Reckoning], Hits]]:
    """Register a function as a rule under its own name.

    Args:
        answers: ids of the research the rule answers, with blanks between.
        law: ids of ``law.LAWS``, with blanks between.

    Raises:
        ValueError: the function has no docstring, the name is taken, or a law is unknown.
    """
    return _registering(RULES, severity, answers, law, suspicion)


def county_rule(
    *, severity: Severity, answers: str = "", law: str = ""
) -> Callable[[Callable[[CountyMonth], Hits]], Callable[[CountyMonth], Hits]]:
    """Register a function as a rule across projects; its hits say whose project they are for. Raises as ``rule``."""
    return _registering(COUNTY_RULES, severity, answers, law, False)


def _registering(into: dict[str, Rule], severity: Severity, answers: str, law: str, suspicion: bool) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        name = function.__name__
        if not (function.__doc__ or "").strip():
            raise ValueError(f"rule {name} has no sentence for the inspector")
        if name in RULES or name in COUNTY_RULES or name == RULE_FAILED:
            raise ValueError(f"there is a rule {name} already")
        if set(law.split()) - set(LAWS):
            raise ValueError(f"rule {name} rests on a law nobody has named")
        sentence = " ".join(function.__doc__.strip().split("\n\n")[0].split())
        into[name] = Rule(name, severity, sentence, function, tuple(answers.split()), tuple(law.split()), suspicion)
        return function

    return register


def run(
    month: ProjectMonth,
    rules: Iterable[Rule] | None = None,
    *,
    beside: Beside = NOTHING,
    limits: Thresholds = DEFAULTS,
) -> tuple[Finding, ...]:
    """Return the findings of a project month, worst first, then by rule and subject.

    The answer depends on the bundle alone; the order of facts in it does not matter. A rule that raises, or
    yields one subject twice, becomes the finding ``rule_failed`` and does not stop the others; none of its own
    findings are kept, for half an answer is none.

    Args:
        rules: all registered ones for None.
        beside: what the project holds beside; a rule whose facts were not gathered finds nothing.
        limits: of the project's area.
    """
    try:
        reckoning = reckon(month, beside, limits)
    except Exception as error:  # noqa: BLE001
        return (_failed(month.project_id, month.month, "reckon", error, limits.version),)
    found: list[Finding] = []
    for each in RULES.values() if rules is None else rules:
        try:
            found += _findings(each, each.hits(reckoning), reckoning.month, limits.version)
        except Exception as error:  # noqa: BLE001
            found.append(_failed(month.project_id, month.month, each.name, error, limits.version))
    return worst_first(found)


def run_county(county: CountyMonth, rules: Iterable[Rule] | None = None) -> dict[int, tuple[Finding, ...]]:
    """Return project -> findings of the rules across projects, for every project of ``county.projects``.

    A rule that fails is a finding of every project that was asked about.
    """
    found: dict[int, list[Finding]] = {project_id: [] for project_id in county.projects}
    month, version = month_of(county.month), county.limits.version
    for each in COUNTY_RULES.values() if rules is None else rules:
        try:
            hits = grouped((hit for hit in each.hits(county) if hit.project_id in found), lambda hit: hit.project_id)
            own = {project_id: _findings(each, of, month, version) for project_id, of in hits.items()}
        except Exception as error:  # noqa: BLE001
            own = {p: [_failed(p, month, each.name, error, version)] for p in found}
        for project_id, findings in own.items():
            found[project_id] += findings
    return {project_id: worst_first(findings) for project_id, findings in found.items()}


def worst_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order people read them: worst first, then by rule and subject."""
    return tuple(sorted(found, key=lambda f: (_WORST_FIRST[f.severity], f.rule, f.subject_kind, f.subject_id, f.key)))


def _findings(each: Rule, hits: Iterable[Hit], month: date, version: str) -> list[Finding]:
    found: dict[str, Finding] = {}
    for hit in hits:
        finding = _finding(each.name, each.name, hit.severity or each.severity, hit, month, version)
        if finding.key in found:
            raise ValueError(f"{each.name} yields one subject twice")
        if not finding.evidence:
            raise ValueError(f"{each.name} accuses without evidence")
        found[finding.key] = finding
    return list(found.values())


def _failed(project_id: int, month: date, name: str, error: Exception, version: str) -> Finding:
    # Only the kind of error: its text may quote a fact, and facts are personal data. The log has the rest.
    hit = Hit(project_id, (), {"failed_rule": name, "error": type(error).__name__}, subject_kind="project")
    # Two rules may fail in one month about one subject, the project: the failed rule's name keeps them apart.
    return _finding(RULE_FAILED, f"{RULE_FAILED}:{name}", Severity.RED, hit, month_of(month), version)


def _finding(rule_name: str, key_name: str, severity: Severity, hit: Hit, month: date, version: str) -> Finding:
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
        thresholds=version,
        amount_fen=hit.amount_fen,
        expected_on=hit.expected_on,
    )


def finding_key(rule_name: str, subject_kind: str, subject_id: int, month: date) -> str:
    """Return the key of a finding: 64 hex digits over rule, subject and month.

    Changing this orphans every decision ever made about a finding.
    """
    return _sha256(rule_name, subject_kind, str(subject_id), f"{month:%Y-%m}")


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
