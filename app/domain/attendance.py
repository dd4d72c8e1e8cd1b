"""Passages become sessions, sessions become days.

    pair(passages)  ->  Pairing: sessions, loose passages, who is inside now
    days(pairing)   ->  Day: one worker on one work date, decided or not
    headcount(...)  ->  on site now, came today, on the roster: three numbers that are often mixed up

Nothing is lost on the way. A passage no session could use is *loose*, with its reason, and makes its work date
undecided: neither zero nor paid, until a person decides (domain.md 0.12 and 3.5).

All passages given belong to one project. Two gates of a project are the same roster: in by one, out by the
other is an ordinary day.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.domain.facts import AttendancePolicy, Direction, Engagement, Passage
from app.domain.workdays import local, work_date

FLIP = timedelta(seconds=15)
"""Opposite directions this close are a turn-back or somebody else's tailgate (domain.md 3.2): kept, flagged."""

MINUTE = timedelta(minutes=1)


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


class DayState(StrEnum):
    """What a day is worth knowing about."""

    WORKED = "worked"
    """Every passage of the date is in a session: minutes and man-days stand."""
    UNDECIDED = "undecided"
    """At least one passage is loose: a person must decide. Never zero, never paid as it is."""
    PRESENT = "present"
    """He is on site now; the day goes on."""


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

    @property
    def worth(self) -> timedelta:
        """Time that counts: out - in, or nothing for a session below ``session_min``."""
        return timedelta(0) if Flag.SHORT in self.flags else self.out_at - self.in_at

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
    """For ``overlong``: the passage at the other end of the stay that was too long."""


@dataclass(frozen=True, slots=True)
class Inside:
    """A worker who is on site at ``as_of``: an entry without an exit, younger than ``session_max``."""

    worker_id: int
    work_date: date
    in_at: datetime
    gate_id: int
    passage_ids: tuple[int, ...]
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Pairing:
    """Where every counting passage went. Each tuple is in order of worker, then time."""

    sessions: tuple[Session, ...]
    loose: tuple[Loose, ...]
    inside: tuple[Inside, ...]
    as_of: datetime
    """The instant the answer is for; aware UTC."""


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


@dataclass(frozen=True, slots=True)
class Headcount:
    """Three different answers to "how many people?" (domain.md 3.3). Worker ids, ascending."""

    on_site: tuple[int, ...]
    """Inside now (在场)."""
    came_today: tuple[int, ...]
    """At least one counting passage on today's work date (今日到岗)."""
    roster: tuple[int, ...]
    """Engaged today, whether they came or not (在册)."""


@dataclass(slots=True)
class _Run:
    """One passage and the repeats folded into it."""

    passages: list[Passage]
    direction: Direction
    inferred: bool = False
    flip: bool = False

    @property
    def told(self) -> Passage:
        """The passage that gives the time: first entry, last exit."""
        return self.passages[-1] if self.direction is Direction.OUT else self.passages[0]

    @property
    def at(self) -> datetime:
        return self.told.occurred_at

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(p.id for p in self.passages)

    @property
    def flags(self) -> set[Flag]:
        found = set()
        if self.flip:
            found.add(Flag.FLIP)
        if self.inferred:
            found.add(Flag.DIRECTION_INFERRED)
        return found


def pair(passages: Iterable[Passage], *, policy: AttendancePolicy, as_of: datetime) -> Pairing:
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
        policy: ``fold``, ``session_max``, ``session_min``, ``cutover`` and ``time_zone`` are used.
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
    for worker_id, own in sorted(_by_worker(passages).items()):
        open_: _Run | None = None
        for run in _directed(_folded(own, policy.fold), policy.session_max):
            if run.direction is Direction.IN:
                if open_ is not None:
                    loose.append(_loose(worker_id, open_, Reason.MISSING_OUT, policy))
                open_ = run
            elif open_ is None:
                loose.append(_loose(worker_id, run, Reason.MISSING_IN, policy))
            elif run.at - open_.at <= policy.session_max:
                sessions.append(_session(worker_id, open_, run, policy))
                open_ = None
            else:
                # A stay longer than session_max means that an exit and an entry were missed, or that nobody
                # can say. Paying it would hide a broken gate; zero would rob the worker. Both halves wait.
                loose.append(_loose(worker_id, open_, Reason.MISSING_OUT, policy, other=run))
                loose.append(_loose(worker_id, run, Reason.MISSING_IN, policy, other=open_))
                open_ = None
        if open_ is not None:
            if as_of - open_.at > policy.session_max:
                loose.append(_loose(worker_id, open_, Reason.MISSING_OUT, policy))
            else:
                inside.append(_inside(worker_id, open_, policy))
    known = {(part.worker_id, part.work_date) for part in (*sessions, *loose, *inside)}
    for worker_id, own in sorted(_by_worker(passages, waiting=True).items()):
        waiting = [_loose(worker_id, run, Reason.UNCONFIRMED, policy) for run in _folded(own, policy.fold)]
        loose += [part for part in waiting if (worker_id, part.work_date) not in known]
    return Pairing(tuple(sessions), tuple(loose), tuple(inside), as_of)


def _by_worker(passages: Iterable[Passage], *, waiting: bool = False) -> dict[int, list[Passage]]:
    """Counting passages (or those that wait for a person) per worker, each once, in order of time, entries before exits, then id."""
    seen: dict[int, Passage] = {}
    workers: dict[int, list[Passage]] = defaultdict(list)
    for p in passages:
        if not (p.waits if waiting else p.counts):
            continue
        if p.id in seen:
            if seen[p.id] != p:
                raise ValueError(f"two different passages have the id {p.id}")
            continue
        if p.occurred_at.tzinfo is None:
            raise ValueError(f"passage {p.id} has a naive time")
        seen[p.id] = p
        workers[p.worker_id].append(p)
    for own in workers.values():
        own.sort(key=_order)
    return workers


_RANK = {Direction.IN: 0, Direction.BOTH: 1, Direction.OUT: 2}


def _order(p: Passage) -> tuple[datetime, int, int]:
    # Entry before exit on the same instant (domain.md 3.3); the id only makes the order total.
    return p.occurred_at, _RANK[p.direction], p.id


def _folded(own: list[Passage], fold: timedelta) -> list[_Run]:
    """Chains of repeats; a two-way lane joins a chain of any direction and takes the one it finds there."""
    runs: list[_Run] = []
    for p in own:
        if runs:
            run = runs[-1]
            near = p.occurred_at - run.passages[-1].occurred_at <= fold
            if near and (p.direction is run.direction or Direction.BOTH in (p.direction, run.direction)):
                if run.direction is Direction.BOTH:
                    run.direction = p.direction
                run.passages.append(p)
                continue
        runs.append(_Run([p], p.direction))
    return runs


def _directed(runs: list[_Run], session_max: timedelta) -> list[_Run]:
    """Give two-way lanes their direction, then mark opposite directions within ``FLIP``."""
    entered_at: datetime | None = None
    for run in runs:
        if run.direction is Direction.BOTH:
            # Judged by the last of the repeats, which is the time an exit would be told by.
            last_at = run.passages[-1].occurred_at
            leaves = entered_at is not None and last_at - entered_at <= session_max
            run.direction = Direction.OUT if leaves else Direction.IN
            run.inferred = True
        entered_at = run.at if run.direction is Direction.IN else None
    for earlier, later in zip(runs, runs[1:], strict=False):
        apart = later.passages[0].occurred_at - earlier.passages[-1].occurred_at
        if earlier.direction is not later.direction and apart <= FLIP:
            earlier.flip = later.flip = True
    return runs


def _session(worker_id: int, entry: _Run, exit_: _Run, policy: AttendancePolicy) -> Session:
    flags = entry.flags | exit_.flags
    if exit_.at - entry.at < policy.session_min:
        flags.add(Flag.SHORT)
    if local(exit_.at, policy).date() > local(entry.at, policy).date():
        flags.add(Flag.CROSSES_MIDNIGHT)
    return Session(
        worker_id=worker_id,
        work_date=work_date(entry.at, policy),
        in_at=entry.at,
        out_at=exit_.at,
        in_gate_id=entry.told.gate_id,
        out_gate_id=exit_.told.gate_id,
        passage_ids=entry.ids + exit_.ids,
        flags=_sorted(flags),
    )


def _loose(
    worker_id: int, run: _Run, reason: Reason, policy: AttendancePolicy, *, other: _Run | None = None
) -> Loose:
    return Loose(
        worker_id=worker_id,
        work_date=work_date(run.at, policy),
        at=run.at,
        reason=reason,
        gate_id=run.told.gate_id,
        passage_ids=run.ids,
        flags=_sorted(run.flags | ({Flag.OVERLONG} if other is not None else set())),
        counterpart_id=None if other is None else other.told.id,
    )


def _inside(worker_id: int, run: _Run, policy: AttendancePolicy) -> Inside:
    return Inside(worker_id, work_date(run.at, policy), run.at, run.told.gate_id, run.ids, _sorted(run.flags))


def _sorted(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags))


def days(pairing: Pairing, *, policy: AttendancePolicy) -> tuple[Day, ...]:
    """Sum each worker's work dates, in order of worker, then date.

    A date with a loose passage is undecided: its ``day_milli`` is None, its ``minutes`` are the proven ones. A
    date on which he is inside now is present, likewise without ``day_milli``. Any other date is worked, which
    includes one with only a turn-back at the gate (0 minutes, 0 man-days).

    Args:
        pairing: of the same policy.
        policy: ``units`` and ``standard_minutes`` are used.
    """
    parts: dict[tuple[int, date], list[Session | Loose | Inside]] = defaultdict(list)
    for part in _parts(pairing):
        parts[part.worker_id, part.work_date].append(part)
    return tuple(_day(own, pairing.as_of, policy) for _, own in sorted(parts.items()))


def _parts(pairing: Pairing) -> Iterator[Session | Loose | Inside]:
    yield from pairing.sessions
    yield from pairing.loose
    yield from pairing.inside


def _day(parts: list[Session | Loose | Inside], as_of: datetime, policy: AttendancePolicy) -> Day:
    parts = sorted(parts, key=_begins)
    sessions = tuple(p for p in parts if isinstance(p, Session))
    loose = tuple(p for p in parts if isinstance(p, Loose))
    inside = next((p for p in parts if isinstance(p, Inside)), None)
    state = DayState.UNDECIDED if loose else DayState.PRESENT if inside else DayState.WORKED
    proven = sum((s.worth for s in sessions), timedelta(0))
    running = max(as_of - inside.in_at, timedelta(0)) if inside else timedelta(0)
    minutes = proven // MINUTE
    entries = [p.in_at for p in parts if not isinstance(p, Loose)]
    entries += [p.at for p in loose if p.reason is Reason.MISSING_OUT]
    exits = [s.out_at for s in sessions] + [p.at for p in loose if p.reason is Reason.MISSING_IN]
    return Day(
        worker_id=parts[0].worker_id,
        work_date=parts[0].work_date,
        state=state,
        minutes=minutes,
        minutes_so_far=(proven + running) // MINUTE,
        day_milli=day_milli(minutes, policy) if state is DayState.WORKED else None,
        overtime_minutes=max(0, minutes - policy.standard_minutes),
        first_in_at=min(entries, default=None),
        last_out_at=max(exits, default=None),
        passage_ids=tuple(i for p in parts for i in p.passage_ids),
        sessions=sessions,
        loose=loose,
        inside=inside,
        flags=_sorted({f for p in parts for f in p.flags}),
    )


def _begins(part: Session | Loose | Inside) -> tuple[datetime, int]:
    return (part.at if isinstance(part, Loose) else part.in_at), part.passage_ids[0]


def day_milli(minutes: int, policy: AttendancePolicy) -> int:
    """Return the man-days, in thousandths, that ``minutes`` on site are worth by the unit table.

    The highest step whose ``minutes_min`` is reached; 0 below the first. Steps may be given in any order.
    """
    reached = [step for step in policy.units if step.minutes_min <= minutes]
    return max(reached, key=lambda step: step.minutes_min).day_milli if reached else 0


def day_milli_max(policy: AttendancePolicy) -> int:
    """Return the most one day can be worth by the unit table, in thousandths of a man-day."""
    return max((step.day_milli for step in policy.units), default=0)


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
