"""Passages become sessions, sessions become days.

    pair(passages, corrections)  ->  Pairing: sessions, loose passages, who is inside now
    days(pairing)                ->  Day: one worker on one work date, decided or not
    headcount(...)  ->  on site now, came today, on the roster: three numbers that are often mixed up

Nothing is lost on the way. A passage no session could use is *loose*, with its reason, and makes its work date
undecided: neither zero nor paid, until a person decides (domain.md 0.12 and 3.5).

Approved corrections (补卡) stand in the sequence beside the passages, under their own ids: an entry nobody saw, a
passage that was not him. What the gate saw is never edited; without the corrections the same functions give the
computed day beside the confirmed one.

All passages given belong to one project. Two gates of a project are the same roster: in by one, out by the
other is an ordinary day.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType

from app.domain.facts import (
    AttendancePolicy,
    Channel,
    Correction,
    CorrectionKind,
    Direction,
    Engagement,
    Passage,
    Verdict,
    WorkDateRule,
)
from app.domain.workdays import local, work_date, zone

FLIP = timedelta(seconds=15)
"""Opposite directions this close are a turn-back or somebody else's tailgate (domain.md 3.2): kept, flagged."""

APART = timedelta(hours=48)
"""An exit this long after an entry is no half of the same stay: nobody can say that they belong together. It also bounds
how far around a date passages can matter to it."""

MINUTE = timedelta(minutes=1)
_ZERO = timedelta(0)

PolicyAt = Callable[[int, date], AttendancePolicy]
"""(worker, local date) -> the policy that holds for him then."""


class Reason(StrEnum):
    """Why no session could use a passage."""

    MISSING_IN = "missing_in"
    """An exit with no entry before it."""
    MISSING_OUT = "missing_out"
    """An entry with no exit after it."""
    UNCONFIRMED = "unconfirmed"
    """The gate asked for a person's word and nobody has given it: undecided, never zero."""


class Flag(StrEnum):
    """What a reader should know about a session, a loose passage or a day. None of them changes the pay."""

    FLIP = "flip"
    """Opposite directions within 15 s."""
    SHORT = "short"
    """Below ``session_min``: kept, worth no time."""
    CROSSES_MIDNIGHT = "crosses_midnight"
    """Ends on a later calendar date than it began."""
    DIRECTION_INFERRED = "direction_inferred"
    """A two-way lane did not say which way; it follows from what the worker did before."""
    OVERLONG = "overlong"
    """One half of a stay longer than ``session_max``; ``counterpart_id`` is the other half."""
    CORRECTED = "corrected"
    """Rests on an approved correction too."""


class DayState(StrEnum):
    """What a day is worth knowing about."""

    WORKED = "worked"
    """Every passage of the date is in a session: minutes and man-days stand."""
    UNDECIDED = "undecided"
    """At least one passage is loose: a person must decide. Never zero, never paid as it is."""
    PRESENT = "present"
    """He is on site now; the day goes on."""
    OFF = "off"
    """Nobody was expected and nobody came: leave, stoppage, rain or rest holds on the date."""


@dataclass(frozen=True, slots=True)
class Session:
    """An entry and the exit that closes it."""

    worker_id: int
    work_date: date
    """Of the entry: a night shift belongs to the date it began on."""
    in_at: datetime
    out_at: datetime
    in_gate_id: int
    out_gate_id: int
    passage_ids: tuple[int, ...]
    """Every passage the session rests on, folded repeats too, in order of time."""
    flags: tuple[Flag, ...] = ()
    correction_ids: tuple[int, ...] = ()
    breaks: tuple[tuple[datetime, datetime], ...] = ()
    """The parts of unpaid breaks spent on site, in order of time; aware UTC."""

    @property
    def worth(self) -> timedelta:
        """Time that counts: out - in less breaks, or nothing for a session below ``session_min``."""
        if Flag.SHORT in self.flags:
            return _ZERO
        stay = self.out_at - self.in_at
        return stay - sum((b - a for a, b in self.breaks), _ZERO) if self.breaks else stay

    @property
    def minutes(self) -> int:
        """Whole minutes of ``worth``, for showing. A day adds the exact times first and rounds once."""
        return self.worth // MINUTE


@dataclass(frozen=True, slots=True)
class Loose:
    """A passage, with its folded repeats, that no session could use."""

    worker_id: int
    work_date: date
    """The work date its own time falls on; a missing entry may have been the day before."""
    at: datetime
    reason: Reason
    gate_id: int
    passage_ids: tuple[int, ...]
    flags: tuple[Flag, ...] = ()
    counterpart_id: int | None = None
    """For ``overlong``: the passage at the other end of the stay that was too long; None when a correction is."""
    correction_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Inside:
    """A worker who is on site at ``as_of``: an entry without an exit, younger than ``session_max``."""

    worker_id: int
    work_date: date
    in_at: datetime
    gate_id: int
    passage_ids: tuple[int, ...]
    flags: tuple[Flag, ...] = ()
    correction_ids: tuple[int, ...] = ()
    ends_at: datetime | None = None
    """When it becomes a missed exit: entry + ``session_max``."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Where every counting passage went. Each tuple is in order of worker, then time."""

    sessions: tuple[Session, ...]
    loose: tuple[Loose, ...]
    inside: tuple[Inside, ...]
    as_of: datetime
    """The instant the answer is for; aware UTC."""
    voided: tuple[int, ...] = ()
    """Counting passages that an approved correction says were not him, or not work; ids, ascending."""


@dataclass(frozen=True, slots=True)
class Day:
    """One worker on one work date (考勤日)."""

    worker_id: int
    work_date: date
    state: DayState
    minutes: int
    """Whole minutes proven by closed sessions, whatever the state. Exact times are added first."""
    minutes_so_far: int
    """``minutes``, plus the time since he came in when he is inside now."""
    day_milli: int | None
    """Thousandths of a man-day, by the unit table; None while the day is not settled."""
    overtime_minutes: int
    """Proven minutes beyond ``standard_minutes``: shown, not yet priced."""
    first_in_at: datetime | None
    """Earliest entry of the date, loose ones too; None when only an exit is known."""
    last_out_at: datetime | None
    """Latest exit of the date, loose ones too; None when only an entry is known."""
    passage_ids: tuple[int, ...]
    """The evidence: every counting passage of the date, in order of time."""
    sessions: tuple[Session, ...] = ()
    loose: tuple[Loose, ...] = ()
    inside: Inside | None = None
    flags: tuple[Flag, ...] = ()
    correction_ids: tuple[int, ...] = ()
    """Approved corrections the day rests on, ascending."""


@dataclass(frozen=True, slots=True)
class Headcount:
    """Three different answers to "how many people?" (domain.md 3.3). Worker ids, ascending."""

    on_site: tuple[int, ...]
    """Inside now (在场)."""
    came_today: tuple[int, ...]
    """At least one counting passage on today's work date (今日到岗)."""
    roster: tuple[int, ...]
    """Engaged today, whether they came or not (在册)."""


class _Run:
    """One passage and the repeats folded into it."""

    __slots__ = ("direction", "first", "flip", "inferred", "last", "rest")

    def __init__(self, passage: Passage) -> None:
        self.first = self.last = passage
        self.rest: list[Passage] | None = None
        """Those after the first; None while there is only one, which is nearly always."""
        self.direction = passage.direction
        self.inferred = False
        self.flip = False

    def add(self, passage: Passage) -> None:
        if self.rest is None:
            self.rest = []
        self.rest.append(passage)
        self.last = passage

    @property
    def told(self) -> Passage:
        """The passage that gives the time: first entry, last exit."""
        return self.last if self.direction is Direction.OUT else self.first

    @property
    def at(self) -> datetime:
        return (self.last if self.direction is Direction.OUT else self.first).occurred_at

    @property
    def ids(self) -> tuple[int, ...]:
        if self.rest is None:
            return (self.first.id,) if self.first.id > 0 else ()
        return tuple(p.id for p in (self.first, *self.rest) if p.id > 0)

    @property
    def correction_ids(self) -> tuple[int, ...]:
        # Marks of corrections have ids below zero; see _marks.
        if self.rest is None:
            return () if self.first.id > 0 else (-self.first.id // 2,)
        return tuple(sorted({-p.id // 2 for p in (self.first, *self.rest) if p.id < 0}))

    @property
    def flags(self) -> set[Flag]:
        found = set()
        if self.flip:
            found.add(Flag.FLIP)
        if self.inferred:
            found.add(Flag.DIRECTION_INFERRED)
        return found


def pair(
    passages: Iterable[Passage],
    *,
    policy: AttendancePolicy,
    as_of: datetime,
    corrections: Iterable[Correction] = (),
    policy_at: PolicyAt | None = None,
) -> Pairing:
    """Pair each worker's entries with the exits that follow them.

    Only passages that count (``Passage.counts``) are paired. Every one of those comes back exactly once: in a
    session, as loose, or as inside. One that asked and waits for a person's word is loose, ``unconfirmed``,
    if nothing else of that worker counts on its date: half-confirmed days show what they lack, and further frames
    of a man who was confirmed once must not undo his day. Input order does not matter and the same passage given twice counts
    once, so a gate may resend and deliver late as it likes. Passages later than ``as_of`` are not left out;
    whoever asks about the past gives only the passages of the past.

    Repeats are folded first. A passage is a repeat of the one before it when no more than ``policy.fold`` lies
    between *those two*, so a worker who stands for five minutes in front of an entry gate, matched every half
    minute, has come in once, at the first match. (Counting from the first match instead would start a second
    entry after two minutes, whose exit is missing, and would cost him a decided day.) A passage of a two-way
    lane within ``fold`` of another passage is a repeat of that one whichever way that one went. An exit folded
    from repeats is told by the last of them.

    A two-way lane (``Direction.BOTH``) then goes out when the worker is inside and in when he is not. An entry
    older than ``session_max`` does not make him inside: that exit was missed, and he is coming in again. With
    two-way lanes only, one lost passage turns the following ones round until a silence longer than
    ``session_max``; sessions and passages so read carry ``direction_inferred``.

    Args:
        passages: passages of one project, any number of workers.
        policy: of everybody, unless ``policy_at`` is given: ``fold``, ``session_max``, ``session_min``, ``cutover`` and ``time_zone`` are used.
        policy_at: for teams with a policy of their own: what holds for a worker on a local date. A session goes by
            the policy of its entry's date. Without it ``policy`` is everybody's.
        corrections: approved ones of these workers; ``set_day`` is ``days``' business. A passage that was somebody
            else (``wrong_person``) is paired as his.
        as_of: aware UTC instant the answer is for. An entry no older than ``session_max`` then is "inside",
            not "missing_out".

    Raises:
        ValueError: a time is naive, or two different passages have one id.
    """
    if as_of.tzinfo is None:
        raise ValueError("as_of is an aware instant")
    sessions: list[Session] = []
    loose: list[Loose] = []
    inside: list[Inside] = []
    marks, void, moved = _marks(corrections)
    passages = passages if isinstance(passages, (tuple, list)) else tuple(passages)
    workers = _by_worker(passages, marks=marks, void=void, moved=moved)
    for worker_id, own in sorted(workers.items()):
        rules = _rules(worker_id, policy, policy_at)
        open_: _Run | None = None
        before: Session | None = None
        for run in _directed(_folded(own, rules), rules):
            if run.direction is Direction.IN:
                if open_ is not None:
                    loose.append(_loose(worker_id, open_, Reason.MISSING_OUT, rules(open_.at)))
                open_ = run
                continue
            if open_ is None:
                loose.append(_loose(worker_id, run, Reason.MISSING_IN, rules(run.at)))
                continue
            applied = rules(open_.at)
            if run.at - open_.at <= applied.session_max:
                before = _session(worker_id, open_, run, applied, before)
                sessions.append(before)
            else:
                # A stay longer than session_max means that an exit and an entry were missed, or that nobody
                # can say. Paying it would hide a broken gate; zero would rob the worker. Both halves wait.
                far = run.at - open_.at > APART
                loose.append(_loose(worker_id, open_, Reason.MISSING_OUT, applied, other=None if far else run))
                loose.append(_loose(worker_id, run, Reason.MISSING_IN, rules(run.at), other=None if far else open_))
            open_ = None
        if open_ is not None:
            applied = rules(open_.at)
            if as_of - open_.at > applied.session_max:
                loose.append(_loose(worker_id, open_, Reason.MISSING_OUT, applied))
            else:
                inside.append(_inside(worker_id, open_, applied))
    waiting = _by_worker(passages, waiting=True, void=void)
    if waiting:
        known = {(part.worker_id, part.work_date) for part in (*sessions, *loose, *inside)}
        for worker_id, own in sorted(waiting.items()):
            rules = _rules(worker_id, policy, policy_at)
            parts = [_loose(worker_id, run, Reason.UNCONFIRMED, rules(run.at)) for run in _folded(own, rules)]
            loose += [part for part in parts if (worker_id, part.work_date) not in known]
    gone = tuple(sorted({p.id for p in passages if p.id in void and (p.counts or p.waits)})) if void else ()
    return Pairing(tuple(sessions), tuple(loose), tuple(inside), as_of, gone)


_Rules = Callable[[datetime], AttendancePolicy]


def _rules(worker_id: int, policy: AttendancePolicy, policy_at: PolicyAt | None) -> _Rules:
    """Which policy holds for a worker at an instant."""
    if policy_at is None:
        return lambda _: policy
    return lambda at: policy_at(worker_id, local(at, policy).date())


def moved(corrections: Iterable[Correction]) -> dict[int, int]:
    """Return passage id -> the worker it was, for passages the gate put down to somebody else.

    Of several corrections about one passage the latest (highest id) counts, also when it strikes the passage out.
    """
    return _about_passages(corrections)[1]


def _about_passages(corrections: Iterable[Correction]) -> tuple[set[int], dict[int, int]]:
    """(passages that were nobody's work, passage id -> the worker it was)."""
    void: set[int] = set()
    whose: dict[int, int] = {}
    about = [c for c in corrections if c.kind in (CorrectionKind.VOID_PASSAGE, CorrectionKind.WRONG_PERSON)]
    for c in sorted(about, key=lambda c: c.id):
        if c.passage_id is None:
            continue
        void.discard(c.passage_id)
        whose.pop(c.passage_id, None)
        if c.kind is CorrectionKind.VOID_PASSAGE:
            void.add(c.passage_id)
        else:
            whose[c.passage_id] = c.worker_id
    return void, whose


def _marks(corrections: Iterable[Correction]) -> tuple[list[Passage], frozenset[int], dict[int, int]]:
    """Entries and exits that corrections add, as passages with ids below zero, the passages they take out, and whose
    the others are.

    A correction has at most two marks: -2n is its entry, -2n - 1 its exit; n is its id.
    """
    marks = []
    corrections = tuple(corrections)
    void, whose = _about_passages(corrections)
    for c in corrections:
        if c.kind in (CorrectionKind.MISSING_IN, CorrectionKind.ADD_SESSION):
            marks.append(_mark(-2 * c.id, c, Direction.IN, c.in_at))
        if c.kind in (CorrectionKind.MISSING_OUT, CorrectionKind.ADD_SESSION):
            marks.append(_mark(-2 * c.id - 1, c, Direction.OUT, c.out_at))
    return marks, frozenset(void), whose


def _mark(id_: int, c: Correction, direction: Direction, at: datetime | None) -> Passage:
    if at is None:
        raise ValueError(f"correction {c.id} has no time")
    return Passage(id_, c.worker_id, 0, direction, at, Channel.CARD, Verdict.ADMIT, str(c.kind))


def _by_worker(
    passages: Iterable[Passage],
    *,
    waiting: bool = False,
    marks: Iterable[Passage] = (),
    void: frozenset[int] = frozenset(),
    moved: Mapping[int, int] = MappingProxyType({}),
) -> dict[int, list[Passage]]:
    """Counting passages (or those that wait for a person) per worker, each once, in order of time, entries before
    exits, then id."""
    seen: dict[int, Passage] = {}
    workers: dict[int, list[Passage]] = defaultdict(list)
    for p in (*passages, *marks) if marks else passages:
        if not (p.waits if waiting else p.counts) or (void and p.id in void):
            continue
        if p.id in seen:
            if seen[p.id] != p:
                raise ValueError(f"two different passages have the id {p.id}")
            continue
        if p.occurred_at.tzinfo is None:
            raise ValueError(f"passage {p.id} has a naive time")
        seen[p.id] = p
        workers[moved.get(p.id, p.worker_id) if moved else p.worker_id].append(p)
    for own in workers.values():
        own.sort(key=_order)
    return workers


_RANK = {Direction.IN: 0, Direction.BOTH: 1, Direction.OUT: 2}
_ADDED = {Direction.IN: 3, Direction.OUT: -1}


def _order(p: Passage) -> tuple[datetime, int, int]:
    # Entry before exit on the same instant (domain.md 3.3); the id only makes the order total. A session that people
    # added has both its ends, so where it touches another one the other way round is meant.
    added = p.id < 0 and p.code == CorrectionKind.ADD_SESSION
    return p.occurred_at, (_ADDED if added else _RANK)[p.direction], p.id


def _folded(own: list[Passage], rules: _Rules) -> list[_Run]:
    """Chains of repeats; a two-way lane joins a chain of any direction and takes the one it finds there."""
    runs: list[_Run] = []
    for p in own:
        if runs:
            run = runs[-1]
            last = run.last
            if (p.direction is run.direction or Direction.BOTH in (p.direction, run.direction)) and (
                p.occurred_at - last.occurred_at <= rules(last.occurred_at).fold
            ):
                if run.direction is Direction.BOTH:
                    run.direction = p.direction
                run.add(p)
                continue
        runs.append(_Run(p))
    return runs


def _directed(runs: list[_Run], rules: _Rules) -> list[_Run]:
    """Give two-way lanes their direction, mark opposite directions within ``FLIP``, and put an exit before an entry of
    the same instant when he was inside."""
    entered_at: datetime | None = None
    for run in runs:
        if run.direction is Direction.BOTH:
            # Judged by the last of the repeats, which is the time an exit would be told by.
            last_at = run.last.occurred_at
            leaves = entered_at is not None and last_at - entered_at <= rules(entered_at).session_max
            run.direction = Direction.OUT if leaves else Direction.IN
            run.inferred = True
        entered_at = run.at if run.direction is Direction.IN else None
    tied = []
    for at, (earlier, later) in enumerate(zip(runs, runs[1:], strict=False)):
        if earlier.direction is not later.direction and later.first.occurred_at - earlier.last.occurred_at <= FLIP:
            earlier.flip = later.flip = True
            if earlier.direction is Direction.IN and earlier.at == later.at:
                tied.append(at)
    for at in tied:
        # Somebody who is inside and goes out and in on one instant ends one stay and begins the next; with the entry
        # first, a session added where another one ends would leave three loose ends.
        if at and runs[at - 1].direction is Direction.IN:
            runs[at], runs[at + 1] = runs[at + 1], runs[at]
    return runs


def _session(worker_id: int, entry: _Run, exit_: _Run, policy: AttendancePolicy, before: Session | None) -> Session:
    in_at, out_at = entry.at, exit_.at
    wall_clock = zone(policy.time_zone)
    in_local, out_local = in_at.astimezone(wall_clock), out_at.astimezone(wall_clock)
    flags = entry.flags | exit_.flags if entry.flip or exit_.flip or entry.inferred or exit_.inferred else set()
    if out_at - in_at < policy.session_min:
        flags.add(Flag.SHORT)
    if out_local.date() > in_local.date():
        flags.add(Flag.CROSSES_MIDNIGHT)
    corrections = entry.correction_ids + exit_.correction_ids
    if corrections:
        flags.add(Flag.CORRECTED)
    # Subtracted on the wall clock, as in workdays.work_date: a time of one zone less a duration stays on its clock.
    on = (in_local - policy.cutover).date()
    if policy.work_date_rule is WorkDateRule.CHAIN:
        if before is not None and in_at - before.out_at < policy.session_gap:
            on = before.work_date
    elif policy.work_date_rule is WorkDateRule.MOST:
        on = _most(in_at, out_at, policy)
    return Session(
        worker_id=worker_id,
        work_date=on,
        in_at=in_at,
        out_at=out_at,
        in_gate_id=entry.told.gate_id,
        out_gate_id=exit_.told.gate_id,
        passage_ids=entry.ids + exit_.ids,
        flags=_sorted(flags) if flags else (),
        correction_ids=tuple(sorted(set(corrections))) if corrections else (),
        breaks=_breaks(in_at, out_at, policy) if policy.breaks else (),
    )


def wall(day: date, at: time, policy: AttendancePolicy) -> datetime:
    """Return the instant at which the project's wall clock shows ``at`` on ``day``; aware UTC."""
    return datetime.combine(day, at, zone(policy.time_zone)).astimezone(UTC)


def midnights(from_at: datetime, to_at: datetime, policy: AttendancePolicy) -> list[datetime]:
    """Return the local midnights strictly within (from_at, to_at), in order; aware UTC."""
    found = []
    day = local(from_at, policy).date() + timedelta(days=1)
    while (at := wall(day, time(), policy)) < to_at:
        found.append(at)
        day += timedelta(days=1)
    return found


def _most(in_at: datetime, out_at: datetime, policy: AttendancePolicy) -> date:
    """The local date with most of [in_at, out_at); the earlier one when equal."""
    edges = [in_at, *midnights(in_at, out_at, policy), out_at]
    longest = max(zip(edges, edges[1:], strict=False), key=lambda piece: piece[1] - piece[0])
    return local(longest[0], policy).date()


def _breaks(in_at: datetime, out_at: datetime, policy: AttendancePolicy) -> tuple[tuple[datetime, datetime], ...]:
    """The parts of the policy's breaks within [in_at, out_at), overlapping ones joined."""
    pieces = []
    day, last = local(in_at, policy).date(), local(out_at, policy).date()
    while day <= last:
        for rest in policy.breaks:
            begins = max(in_at, wall(day, rest.starts, policy))
            ends = min(out_at, wall(day, rest.ends, policy))
            if begins < ends:
                pieces.append((begins, ends))
        day += timedelta(days=1)
    joined: list[tuple[datetime, datetime]] = []
    for begins, ends in sorted(pieces):
        if joined and begins <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(ends, joined[-1][1])
        else:
            joined.append((begins, ends))
    return tuple(joined)


def _date(at: datetime, policy: AttendancePolicy) -> date:
    return (local(at, policy).replace(tzinfo=None) - policy.cutover).date()


def _loose(
    worker_id: int, run: _Run, reason: Reason, policy: AttendancePolicy, *, other: _Run | None = None
) -> Loose:
    corrections = run.correction_ids
    flags = run.flags
    if other is not None:
        flags.add(Flag.OVERLONG)
    if corrections:
        flags.add(Flag.CORRECTED)
    counterpart = None if other is None or other.told.id < 0 else other.told.id
    return Loose(
        worker_id=worker_id,
        work_date=_date(run.at, policy),
        at=run.at,
        reason=reason,
        gate_id=run.told.gate_id,
        passage_ids=run.ids,
        flags=_sorted(flags),
        counterpart_id=counterpart,
        correction_ids=corrections,
    )


def _inside(worker_id: int, run: _Run, policy: AttendancePolicy) -> Inside:
    corrections = run.correction_ids
    flags = run.flags | {Flag.CORRECTED} if corrections else run.flags
    return Inside(
        worker_id, _date(run.at, policy), run.at, run.told.gate_id, run.ids, _sorted(flags), corrections,
        run.at + policy.session_max,
    )


def _sorted(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags))


def days(
    pairing: Pairing,
    *,
    policy: AttendancePolicy,
    corrections: Iterable[Correction] = (),
    policy_at: PolicyAt | None = None,
) -> tuple[Day, ...]:
    """Sum each worker's work dates, in order of worker, then date.

    A date with a loose passage is undecided: its ``day_milli`` is None, its ``minutes`` are the proven ones. A
    date on which he is inside now is present, likewise without ``day_milli``. Any other date is worked, which
    includes one with only a turn-back at the gate (0 minutes, 0 man-days). A ``set_day`` correction decides its
    date whatever the gate saw; the latest one (highest id) counts.

    Args:
        pairing: of the same policy.
        policy: ``units`` and ``standard_minutes`` are used.
        corrections: the same as for ``pair``.
        policy_at: the same as for ``pair``.
    """
    parts: dict[tuple[int, date], list[Session | Loose | Inside]] = defaultdict(list)
    for part in _parts(pairing):
        parts[part.worker_id, part.work_date].append(part)
    found = {
        key: _day(own, pairing.as_of, policy if policy_at is None else policy_at(*key)) for key, own in parts.items()
    }
    for c in sorted((c for c in corrections if c.kind is CorrectionKind.SET_DAY), key=lambda c: c.id):
        key = c.worker_id, c.work_date
        found[key] = _set(found.get(key), c, policy if policy_at is None else policy_at(*key))
    return tuple(day for _, day in sorted(found.items()))


def _set(day: Day | None, c: Correction, policy: AttendancePolicy) -> Day:
    """The day as a person decided it; what the gate saw stays beside it as evidence."""
    if c.minutes is None or c.day_milli is None:
        raise ValueError(f"correction {c.id} sets no day")
    if day is None:
        day = empty_day(c.worker_id, c.work_date, DayState.WORKED)
    return replace(
        day,
        state=DayState.WORKED,
        minutes=c.minutes,
        minutes_so_far=c.minutes,
        day_milli=c.day_milli,
        overtime_minutes=max(0, c.minutes - policy.standard_minutes),
        inside=None,
        flags=_sorted({*day.flags, Flag.CORRECTED}),
        correction_ids=tuple(sorted({*day.correction_ids, c.id})),
    )


def empty_day(worker_id: int, work_date: date, state: DayState) -> Day:
    """Return a day without any passage, worth nothing."""
    return Day(
        worker_id=worker_id,
        work_date=work_date,
        state=state,
        minutes=0,
        minutes_so_far=0,
        day_milli=0,
        overtime_minutes=0,
        first_in_at=None,
        last_out_at=None,
        passage_ids=(),
    )


def _parts(pairing: Pairing) -> Iterator[Session | Loose | Inside]:
    yield from pairing.sessions
    yield from pairing.loose
    yield from pairing.inside


def _day(parts: list[Session | Loose | Inside], as_of: datetime, policy: AttendancePolicy) -> Day:
    if len(parts) > 1:
        parts = sorted(parts, key=_begins)
    sessions = tuple(p for p in parts if type(p) is Session)
    proven = _ZERO
    for session in sessions:
        proven += session.worth
    minutes = proven // MINUTE
    loose: tuple[Loose, ...] = ()
    inside = None
    running = _ZERO
    if len(sessions) == len(parts):
        state = DayState.WORKED
        first_in_at = sessions[0].in_at
        last_out_at = sessions[-1].out_at
    else:
        loose = tuple(p for p in parts if type(p) is Loose)
        inside = next((p for p in parts if type(p) is Inside), None)
        state = DayState.UNDECIDED if loose else DayState.PRESENT
        if inside is not None:
            running = max(as_of - inside.in_at, _ZERO)
        entries = [p.in_at for p in parts if type(p) is not Loose]
        entries += [p.at for p in loose if p.reason is Reason.MISSING_OUT]
        exits = [s.out_at for s in sessions] + [p.at for p in loose if p.reason is Reason.MISSING_IN]
        first_in_at, last_out_at = min(entries, default=None), max(exits, default=None)
    flags: set[Flag] = set()
    ids: list[int] = []
    corrections: set[int] = set()
    for p in parts:
        ids += p.passage_ids
        if p.flags:
            flags.update(p.flags)
        if p.correction_ids:
            corrections.update(p.correction_ids)
    return Day(
        worker_id=parts[0].worker_id,
        work_date=parts[0].work_date,
        state=state,
        minutes=minutes,
        minutes_so_far=(proven + running) // MINUTE,
        day_milli=day_milli(minutes, policy) if state is DayState.WORKED else None,
        overtime_minutes=max(0, minutes - policy.standard_minutes),
        first_in_at=first_in_at,
        last_out_at=last_out_at,
        passage_ids=tuple(ids),
        sessions=sessions,
        loose=loose,
        inside=inside,
        flags=_sorted(flags) if flags else (),
        correction_ids=tuple(sorted(corrections)) if corrections else (),
    )


def _begins(part: Session | Loose | Inside) -> tuple[datetime, int]:
    return (part.at if isinstance(part, Loose) else part.in_at), part.passage_ids[0] if part.passage_ids else 0


def day_milli(minutes: int, policy: AttendancePolicy) -> int:
    """Return the man-days, in thousandths, that ``minutes`` on site are worth by the unit table.

    The highest step whose ``minutes_min`` is reached; 0 below the first. Steps may be given in any order.
    """
    best, worth = -1, 0
    for step in policy.units:
        if best < step.minutes_min <= minutes:
            best, worth = step.minutes_min, step.day_milli
    return worth


def day_milli_max(policy: AttendancePolicy) -> int:
    """Return the most one day can be worth by the unit table, in thousandths of a man-day."""
    return max((step.day_milli for step in policy.units), default=0)


def told_as(state: str, day_milli: int | None, *, came: bool) -> str:
    """Return the word people read for a day; one day has the same word on every page and paper.

    The word of ``DayState``, save for a day that stands and is worth nothing: ``short`` when he came (his time on site is below
    the first step of the unit table), ``off`` when he did not (a person decided that it counts nothing). To be on site and
    to be paid a man-day are two things: he was not absent, and there is no man-day either.

    Args:
        came: a passage or a person says when.
    """
    if state != DayState.WORKED or day_milli:
        return state
    return "short" if came else str(DayState.OFF)


def headcount(
    pairing: Pairing, engagements: Iterable[Engagement], as_of: datetime, *, policy: AttendancePolicy
) -> Headcount:
    """Count who is on site, who came today and who is on the roster.

    "Today" is the work date of ``as_of``: at 02:00 it is still yesterday's shift. A night worker who goes home
    this morning came yesterday. Somebody on site who is not on the roster is in the first number, not the third.

    Args:
        pairing: of passages up to ``as_of``.
        engagements: of the same project.
        as_of: aware UTC instant; entries older than ``session_max`` at that instant are not on site.
    """
    today = work_date(as_of, policy)
    on_site = {p.worker_id for p in pairing.inside if as_of - p.in_at <= policy.session_max}
    came = {p.worker_id for p in _parts(pairing) if p.work_date == today}
    roster = {e.worker_id for e in engagements if e.covers(today)}
    return Headcount(tuple(sorted(on_site)), tuple(sorted(came)), tuple(sorted(roster)))
