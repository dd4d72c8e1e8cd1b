"""Days as wages need them: what the gate saw, what people corrected, what kind of day it was.

    work_days(bundle)  ->  WorkDay: one worker on one work date, computed beside confirmed, time split by price

(built on ``attendance.pair`` and ``attendance.days``)
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from app.domain.attendance import (
    Day,
    DayState,
    Flag,
    Pairing,
    PolicyAt,
    Session,
    days,
    empty_day,
    midnights,
    moved,
    pair,
    wall,
)
from app.domain.facts import (
    AttendancePolicy,
    Calendar,
    Correction,
    CorrectionKind,
    DayKind,
    DayMark,
    Engagement,
    Passage,
    ProjectMonth,
)
from app.domain.workdays import local, month_of, next_month, zone

_A_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Span:
    """Time of one work date that has one price class."""

    kind: DayKind | None
    """Of the calendar date on which the minutes lie; None where no calendar row is."""
    regular_minutes: int
    """Within the first ``standard_minutes`` of the work date, in order of time."""
    overtime_minutes: int
    """Beyond them."""


@dataclass(frozen=True, slots=True)
class WorkDay:
    """One worker on one work date, ready to be priced (考勤日)."""

    worker_id: int
    work_date: date
    engagement_id: int | None
    """The engagement that covers the date; None for work of somebody who was not engaged."""
    team_id: int | None
    day: Day
    """Confirmed: passages and approved corrections. What wages go by."""
    computed: Day | None
    """From passages alone; None when there are none. The same object as ``day`` when nothing was corrected."""
    kind: DayKind | None
    """Of ``work_date``; None when no notice has been imported for it."""
    spans: tuple[Span, ...]
    """The minutes of ``day`` after breaks, by price class; regular + overtime of all spans == ``day.minutes``."""
    night_minutes: int
    mark: DayMark | None = None
    """Leave, stoppage, rain or rest that holds on the date: the worker's own before the team's before the project's."""
    correction_ids: tuple[int, ...] = ()
    policy_version: int = 1

    @property
    def alive_until(self) -> datetime | None:
        """When the passing of time alone changes the day: somebody inside becomes a missed exit."""
        return None if self.day.inside is None else self.day.inside.ends_at


def policy_at(bundle: ProjectMonth, team_id: int | None, company_id: int | None, day: date) -> AttendancePolicy:
    """Return the policy that holds on a date: the team's, else the company's, else the project's, else the default.

    Args:
        company_id: id of the company (``Engagement.company_id``).
    """
    best: tuple[int, AttendancePolicy] | None = None
    for scoped in bundle.policies:
        if day < scoped.valid_from or (scoped.valid_to is not None and day >= scoped.valid_to):
            continue
        if scoped.team_id is not None:
            rank = 3 if scoped.team_id == team_id else 0
        elif scoped.company_id is not None:
            rank = 2 if scoped.company_id == company_id else 0
        else:
            rank = 1
        if rank and (best is None or rank > best[0]):
            best = rank, scoped.policy
    return bundle.policy if best is None else best[1]


def work_days(bundle: ProjectMonth, workers: Collection[int] | None = None) -> tuple[WorkDay, ...]:
    """Work out every day of the bundle: dates with passages, corrections or marks, by worker, then date.

    Args:
        bundle: passages may cover any span; marks and engagements decide dates without passages only within
            ``bundle.month``.
        workers: only these; None is everybody.
    """
    wanted = None if workers is None else frozenset(workers)
    engaged: dict[int, list[Engagement]] = defaultdict(list)
    for engagement in bundle.engagements:
        if wanted is None or engagement.worker_id in wanted:
            engaged[engagement.worker_id].append(engagement)
    passages, corrections = bundle.passages, bundle.corrections
    whose = moved(corrections)
    if wanted is not None:
        passages = tuple(p for p in passages if p.worker_id in wanted or whose.get(p.id) in wanted)
        corrections = concerning(corrections, wanted, passages)
    at = _policies(bundle, engaged)
    confirmed = _derive(bundle, passages, corrections, at)
    computed: dict[tuple[int, date], Day] = {}
    corrected = frozenset(c.worker_id for c in corrections)
    if whose:
        corrected |= {p.worker_id for p in passages if p.id in whose}
        if wanted is not None:
            # Of those who are not asked for, only what was put down to somebody else is here.
            corrected &= wanted
            confirmed = tuple(day for day in confirmed if day.worker_id in wanted)
    if corrected:
        # Only whoever was corrected is worked out twice.
        own = tuple(p for p in passages if p.worker_id in corrected)
        computed = {(d.worker_id, d.work_date): d for d in _derive(bundle, own, (), at)}
    told = _told(corrections, passages if whose else ())
    marks = _Marks(bundle.marks)
    found: dict[tuple[int, date], WorkDay] = {}
    for day in confirmed:
        key = day.worker_id, day.work_date
        by_gate = computed.get(key) if day.worker_id in corrected else day
        found[key] = _work_day(bundle, engaged, at, marks, day, by_gate, told.get(key, ()))
    for key, by_gate in computed.items():
        if key not in found:
            # Corrections took all of it away, or put it on another date: nothing is left, and that is decided.
            gone = replace(empty_day(*key, DayState.WORKED), flags=(Flag.CORRECTED,))
            found[key] = _work_day(bundle, engaged, at, marks, gone, by_gate, told.get(key, ()))
    if bundle.marks:
        _add_marked(bundle, engaged, at, marks, found)
    return tuple(work for _, work in sorted(found.items()))


def concerning(
    corrections: Iterable[Correction], workers: Collection[int], passages: Iterable[Passage]
) -> tuple[Correction, ...]:
    """Return the corrections that touch the days of some workers: about them, or about a passage of theirs.

    Args:
        passages: theirs.
    """
    corrections = tuple(corrections)
    ids = {p.id for p in passages} if any(c.kind is CorrectionKind.WRONG_PERSON for c in corrections) else ()
    return tuple(c for c in corrections if c.worker_id in workers or c.passage_id in ids)


def pairing_of(bundle: ProjectMonth) -> Pairing:
    """Pair every passage and approved correction of a bundle, each worker by the policies that hold for him."""
    engaged: dict[int, list[Engagement]] = defaultdict(list)
    for engagement in bundle.engagements:
        engaged[engagement.worker_id].append(engagement)
    at = _policies(bundle, engaged)
    return pair(
        bundle.passages, policy=bundle.policy, as_of=bundle.as_of, corrections=bundle.corrections, policy_at=at
    )


def _derive(
    bundle: ProjectMonth, passages: Iterable, corrections: Iterable[Correction], at: PolicyAt | None
) -> tuple[Day, ...]:
    pairing = pair(passages, policy=bundle.policy, as_of=bundle.as_of, corrections=corrections, policy_at=at)
    return days(pairing, policy=bundle.policy, corrections=corrections, policy_at=at)


def _policies(bundle: ProjectMonth, engaged: dict[int, list[Engagement]]) -> PolicyAt | None:
    """Who goes by what on which date; None when the project's own policy is everybody's."""
    if not bundle.policies:
        return None
    known: dict[tuple[int | None, int | None, date], AttendancePolicy] = {}

    def at(worker_id: int, day: date) -> AttendancePolicy:
        engagement = _engagement(engaged, worker_id, day)
        key = (None, None, day) if engagement is None else (engagement.team_id, engagement.company_id, day)
        if key not in known:
            known[key] = policy_at(bundle, *key)
        return known[key]

    return at


def _engagement(engaged: dict[int, list[Engagement]], worker_id: int, day: date) -> Engagement | None:
    for engagement in engaged.get(worker_id, ()):
        if engagement.covers(day):
            return engagement
    return None


def _told(
    corrections: Iterable[Correction], passages: Iterable[Passage]
) -> dict[tuple[int, date], tuple[int, ...]]:
    """Corrections of each date that no session carries: passages taken out, or put down to somebody else."""
    gates_word = {p.id: p.worker_id for p in passages}
    found: dict[tuple[int, date], tuple[int, ...]] = {}
    for c in corrections:
        concerned = [c.worker_id] if c.kind in (CorrectionKind.VOID_PASSAGE, CorrectionKind.WRONG_PERSON) else []
        if c.kind is CorrectionKind.WRONG_PERSON and c.passage_id is not None:
            concerned.append(gates_word.get(c.passage_id))
        for worker_id in concerned:
            if worker_id is not None:
                key = worker_id, c.work_date
                found[key] = (*found.get(key, ()), c.id)
    return found


class _Marks:
    """Marks by worker, team and project."""

    def __init__(self, marks: Iterable[DayMark]) -> None:
        self.all = sorted(marks, key=lambda m: m.id)

    def on(self, worker_id: int, team_id: int | None, day: date) -> DayMark | None:
        """The mark that holds: the worker's own before the team's before the project's; of several the latest."""
        best: tuple[int, DayMark] | None = None
        for mark in self.all:
            if not mark.from_on <= day < mark.to_on:
                continue
            if mark.worker_id is not None:
                rank = 3 if mark.worker_id == worker_id else 0
            elif mark.team_id is not None:
                rank = 2 if mark.team_id == team_id else 0
            else:
                rank = 1
            if rank and (best is None or rank >= best[0]):
                best = rank, mark
        return None if best is None else best[1]


def _add_marked(
    bundle: ProjectMonth,
    engaged: dict[int, list[Engagement]],
    at: PolicyAt | None,
    marks: _Marks,
    found: dict[tuple[int, date], WorkDay],
) -> None:
    """Dates of the month on which a mark holds and nobody came; none after today: they may come yet."""
    first = month_of(bundle.month)
    end = min(next_month(first), local(bundle.as_of, bundle.policy).date() + _A_DAY)
    for mark in marks.all:
        day = max(first, mark.from_on)
        while day < min(end, mark.to_on):
            for worker_id in (mark.worker_id,) if mark.worker_id is not None else tuple(engaged):
                engagement = _engagement(engaged, worker_id, day)
                if engagement is None or (worker_id, day) in found:
                    continue
                if mark.worker_id is None and mark.team_id not in (None, engagement.team_id):
                    continue
                off = empty_day(worker_id, day, DayState.OFF)
                found[worker_id, day] = _work_day(bundle, engaged, at, marks, off, None, ())
            day += _A_DAY


def _work_day(
    bundle: ProjectMonth,
    engaged: dict[int, list[Engagement]],
    at: PolicyAt | None,
    marks: _Marks,
    day: Day,
    computed: Day | None,
    told: tuple[int, ...],
) -> WorkDay:
    worker_id, on = day.worker_id, day.work_date
    policy = bundle.policy if at is None else at(worker_id, on)
    engagement = _engagement(engaged, worker_id, on)
    team_id = None if engagement is None else engagement.team_id
    corrections = day.correction_ids
    if told:
        corrections = tuple(sorted({*corrections, *told}))
        day = replace(day, correction_ids=corrections, flags=tuple(sorted({*day.flags, Flag.CORRECTED})))
    set_ = bool(day.flags) and Flag.CORRECTED in day.flags and _minutes(day.sessions) != day.minutes
    if set_:
        spans = _spans_of([(bundle.calendar.get(on), day.minutes)], policy)
    else:
        spans = _spans(day.sessions, policy, bundle.calendar)
    return WorkDay(
        worker_id=worker_id,
        work_date=on,
        engagement_id=None if engagement is None else engagement.id,
        team_id=team_id,
        day=day,
        computed=computed,
        kind=bundle.calendar.get(on),
        spans=spans,
        night_minutes=_night(day.sessions, policy),
        mark=marks.on(worker_id, team_id, on) if marks.all else None,
        correction_ids=corrections,
        policy_version=policy.version,
    )


def _minutes(sessions: Iterable[Session]) -> int:
    return sum((s.worth for s in sessions), _ZERO) // _MINUTE


def _spans(sessions: tuple[Session, ...], policy: AttendancePolicy, calendar: Calendar) -> tuple[Span, ...]:
    """Minutes by price class. Exact times are added in order and rounded down together, so no minute is lost or made."""
    pieces: list[tuple[DayKind | None, int]] = []
    so_far, minutes = _ZERO, 0
    wall_clock = zone(policy.time_zone)
    for session in sessions:
        if session.flags and Flag.SHORT in session.flags:
            continue
        if not session.breaks and (not session.flags or Flag.CROSSES_MIDNIGHT not in session.flags):
            stretches = ((session.in_at.astimezone(wall_clock).date(), session.out_at - session.in_at),)
        else:
            stretches = _stretches(session, policy)
        for on, stretch in stretches:
            so_far += stretch
            upto = so_far // _MINUTE
            pieces.append((calendar.get(on), upto - minutes))
            minutes = upto
    return _spans_of(pieces, policy)


def _spans_of(pieces: Iterable[tuple[DayKind | None, int]], policy: AttendancePolicy) -> tuple[Span, ...]:
    left = policy.standard_minutes
    sums: dict[DayKind | None, list[int]] = {}
    for kind, minutes in pieces:
        regular = min(left, minutes)
        left -= regular
        of = sums.setdefault(kind, [0, 0])
        of[0] += regular
        of[1] += minutes - regular
    return tuple(Span(kind, regular, over) for kind, (regular, over) in sums.items() if regular or over)


def _stretches(session: Session, policy: AttendancePolicy) -> Iterator[tuple[date, timedelta]]:
    """Worked time of a session by local date, breaks left out."""
    edges = [session.in_at, *midnights(session.in_at, session.out_at, policy), session.out_at]
    for begins, ends in zip(edges, edges[1:], strict=False):
        rest = sum(
            (max(_ZERO, min(ends, b) - max(begins, a)) for a, b in session.breaks),
            _ZERO,
        )
        yield local(begins, policy).date(), ends - begins - rest


def _night(sessions: Iterable[Session], policy: AttendancePolicy) -> int:
    """Whole minutes of worked time between ``night_from`` and ``night_to``."""
    total = _ZERO
    wraps = policy.night_to <= policy.night_from
    wall_clock = zone(policy.time_zone)
    for session in sessions:
        if session.flags and Flag.SHORT in session.flags:
            continue
        came, went = session.in_at.astimezone(wall_clock), session.out_at.astimezone(wall_clock)
        if wraps and came.date() == went.date() and policy.night_to <= came.time() and went.time() <= policy.night_from:
            continue  # most days by far
        day = came.date() - _A_DAY
        while day <= went.date():
            begins = wall(day, policy.night_from, policy)
            ends = wall(day + _A_DAY if wraps else day, policy.night_to, policy)
            worked = max(_ZERO, min(ends, session.out_at) - max(begins, session.in_at))
            rest = sum(
                (max(_ZERO, min(ends, session.out_at, b) - max(begins, session.in_at, a)) for a, b in session.breaks),
                _ZERO,
            )
            total += max(_ZERO, worked - rest)
            day += _A_DAY
    return total // _MINUTE
