"""Use case: the projection of days and months, so that a large project answers at once.

    refresh(database, project_id)      bring the rows up to date; cheap when little happened
    months(db, project_id, ...)        month wages of all or some workers, worked out from the facts, a few workers at a time
    days_on / worker_days / days_of    rows of one date, one worker or some, always right: whoever has facts the rows do not
                                       know yet is worked out on the spot and laid over them
    counted, headcount                 how many came, who is on site, which days are undecided: counted, not read
    wages_of_month, worker_month       the sums of every engagement of a month, or of one worker's, the same way
    month_totals                       those of some engagements, added up
    month_sums                         what everybody or one worker earned month by month, the same way

Nothing here decides anything: ``domain.timesheet`` and ``domain.wages`` do. The rows may be deleted at any time.

What makes a row stale: passages after the projection's mark (``passage.seq``), marks left by use cases that
changed another input (``stale_day``), and the passing of time (``alive_until``: somebody inside becomes a missed
exit when ``session_max`` is over).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from secrets import token_hex
from typing import Any

from sqlalchemy.orm import Session

from app.db import Database
from app.domain import attendance
from app.domain.attendance import Day, DayState, Headcount
from app.domain.facts import CorrectionKind, Direction, Engagement, Passage, ProjectMonth, Terms
from app.domain.timesheet import WorkDay, concerning, pairing_of, work_days
from app.domain.wages import Accrual, MonthWage, WageItem, month_wages
from app.domain.workdays import local, month_of, next_month, work_date
from app.store import gates, money, once, people
from app.store import projection as rows
from app.store.kept import kept
from app.store.projection import SUMMED, DayLine, MonthLine, MonthSum

WORKERS_AT_ONCE = 100
"""Worked out and written in one transaction: a gate must not wait for a month of five thousand."""

TOGETHER = 10
"""So many may be worked out for the sake of one: a month of each takes about 4 ms of a processor (20 of a site of 1,000: 82 to 100 ms)."""

_A_DAY = timedelta(days=1)
AROUND = timedelta(days=3)
"""How far from a date a passage can still matter to it: ``attendance.APART`` and the cutover."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did."""

    workers: int
    days_written: int
    days_deleted: int
    months_written: int
    overtaken: bool = False
    """Another refresh took over; it finishes the work."""


# --- facts, a few workers at a time ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shared:
    """The facts of a project that are few: everything but passages."""

    bundle: ProjectMonth
    engagements: dict[int, list[Engagement]]
    """Worker -> his, in the order of the bundle: five hundred groups must not each look through everybody's."""
    terms: dict[int, list[Terms]]
    teams: dict[int, frozenset[int]]
    """Worker -> the teams he was ever in."""
    pieced: frozenset[int]
    """Teams with measured work: their members are worked out together."""
    two_way: bool


def _shared(db: Session, project_id: int, month: date, as_of: datetime, workers: Collection[int] = ()) -> _Shared:
    """The facts of a project; with some ``workers`` only what concerns them, for a page that lays a few over its rows."""
    return once(db, ("shared", project_id, month, as_of, frozenset(workers)), lambda: _ask_shared(db, project_id, month, as_of, workers))


def _ask_shared(db: Session, project_id: int, month: date, as_of: datetime, workers: Collection[int]) -> _Shared:
    some = workers if len(workers) <= WORKERS_AT_ONCE else ()
    bundle = money.project_facts(db, project_id, month, as_of, workers=some)
    teams: dict[int, set[int]] = defaultdict(set)
    engagements: dict[int, list[Engagement]] = defaultdict(list)
    terms: dict[int, list[Terms]] = defaultdict(list)
    for engagement in bundle.engagements:
        engagements[engagement.worker_id].append(engagement)
        teams[engagement.worker_id].add(engagement.team_id)
    for agreed in bundle.terms:
        terms[agreed.worker_id].append(agreed)
    return _Shared(
        bundle=bundle,
        engagements=dict(engagements),
        terms=dict(terms),
        teams={worker: frozenset(of) for worker, of in teams.items()},
        pieced=frozenset(m.team_id for m in bundle.measures if m.split_by == "days"),
        two_way=_two_way(db, project_id),
    )


def _two_way(db: Session, project_id: int) -> bool:
    return any(gate.direction is Direction.BOTH for gate in gates.gates(db, project_id))


def span_of(
    db: Session, project_id: int, from_on: date, to_on: date, zone: str, before: datetime
) -> tuple[datetime | None, datetime]:
    """Instants [from, to) of the passages that the days of [from_on, to_on) can rest on, none of ``before`` or later.

    From None, everything there is: in a lane of both ways who is inside goes by all of his passages.
    """
    return _span(_two_way(db, project_id), from_on, to_on, zone, before)


def _span(two_way: bool, from_on: date, to_on: date, zone: str, before: datetime) -> tuple[datetime | None, datetime]:
    from_at = None if two_way else money.midnight(from_on - AROUND, zone)
    return from_at, min(money.midnight(to_on + AROUND, zone), before)


def _groups(shared: _Shared, workers: Collection[int], at_once: int) -> Iterator[list[int]]:
    """Workers in groups of about ``at_once``; members of a team that splits measured work stay together."""
    together: dict[int, list[int]] = defaultdict(list)
    alone = []
    for worker in sorted(workers):
        of = shared.teams.get(worker, frozenset()) & shared.pieced
        if of:
            together[min(of)].append(worker)
        else:
            alone.append(worker)
    # Somebody of two such teams brings both into one group.
    merged: list[set[int]] = []
    for members in together.values():
        links = {team for worker in members for team in shared.teams[worker] & shared.pieced}
        group = set(members)
        for other in [m for m in merged if any(shared.teams[w] & links for w in m)]:
            merged.remove(other)
            group |= other
        merged.append(group)
    yield from (sorted(group) for group in merged)
    for i in range(0, len(alone), at_once):
        yield alone[i : i + at_once]


def _with_team(shared: _Shared, workers: Collection[int]) -> set[int]:
    """The workers and everybody who shares measured work with them."""
    wanted = set(workers)
    while True:
        teams = {team for worker in wanted for team in shared.teams.get(worker, frozenset()) & shared.pieced}
        more = {worker for worker, of in shared.teams.items() if of & teams}
        if more <= wanted:
            return wanted
        wanted |= more


def _bundle(db: Session, shared: _Shared, workers: Sequence[int], from_on: date, to_on: date) -> ProjectMonth:
    """The bundle of some workers, with the passages of [from_on, to_on) and ``AROUND`` at each end."""
    whole = shared.bundle
    own = frozenset(workers)
    from_at, to_at = _span(shared.two_way, from_on, to_on, whole.policy.time_zone, whole.as_of + timedelta(microseconds=1))
    passages = rows.passages_of(db, whole.project_id, workers, from_at, to_at)
    passages += money.put_right(db, whole, own, from_at, to_at)
    return replace(
        whole,
        month=from_on,
        passages=tuple(passages),
        engagements=tuple(e for worker in workers for e in shared.engagements.get(worker, ())),
        terms=tuple(t for worker in workers for t in shared.terms.get(worker, ())),
        payments=(),
        corrections=concerning(whole.corrections, own, passages),
    )


@dataclass(frozen=True, slots=True)
class Worked:
    """Days and months of a few workers."""

    workers: tuple[int, ...]
    days: tuple[WorkDay, ...]
    months: tuple[MonthWage, ...]


def months(
    db: Session,
    project_id: int,
    *,
    from_month: date,
    to_month: date,
    as_of: datetime,
    workers: Collection[int] | None = None,
    at_once: int = WORKERS_AT_ONCE,
) -> Iterator[Worked]:
    """Work out whole months from the facts, a few workers at a time; the memory stays that of a few workers.

    Args:
        from_month: first day of the first month.
        to_month: first day of the month after the last.
        as_of: aware UTC instant of the answer.
        workers: None is everybody who was ever engaged or recognised. With some of a team that splits measured
            work the whole team is worked out.

    Raises:
        NotFound: ``project_unknown``.
    """
    facts = Facts(db, project_id, from_month=from_month, to_month=to_month, as_of=as_of, workers=() if workers is None else workers)
    for group in facts.groups(workers, at_once):
        yield facts.work_out(group)


class Facts:
    """What ``months`` works from; for whoever shares the groups out to several processes.

    The groups are worked out one by one and in any order, each by whoever has the same facts: nothing of one is in another.

    Args:
        workers: those who will be asked for, when only some are; empty is everybody.
        The others: as ``months``.

    Raises:
        NotFound: ``project_unknown``.
    """

    def __init__(
        self, db: Session, project_id: int, *, from_month: date, to_month: date, as_of: datetime, workers: Collection[int] = ()
    ) -> None:
        self._db, self._from, self._to = db, from_month, to_month
        self._shared = _shared(db, project_id, from_month, as_of, workers)
        self._project_id = project_id

    def groups(self, workers: Collection[int] | None = None, at_once: int = WORKERS_AT_ONCE) -> list[list[int]]:
        """Workers in groups of about ``at_once``; None is everybody."""
        wanted = rows.workers(self._db, self._project_id) if workers is None else _with_team(self._shared, workers)
        return list(_groups(self._shared, wanted, at_once))

    def work_out(self, group: Sequence[int]) -> Worked:
        """Work out the months of one group."""
        return _work_out(self._db, self._shared, group, self._from, self._to)


def _work_out(db: Session, shared: _Shared, group: Sequence[int], from_month: date, to_month: date) -> Worked:
    found: list[WorkDay] = []
    earned: list[MonthWage] = []
    bundle = _bundle(db, shared, group, from_month, to_month)
    # Passages that people put down to somebody else may be of workers who are not in the group.
    alone = group if any(c.kind is CorrectionKind.WRONG_PERSON for c in bundle.corrections) else None
    month = from_month
    while month < to_month:
        # Marks and measured work are of one month. Passages far from it need no pairing again, unless two-way lanes
        # make all of them matter.
        of_month = replace(bundle, month=month)
        if not shared.two_way and next_month(from_month) < to_month:
            of_month = replace(of_month, passages=_near(bundle, month))
        days = tuple(d for d in work_days(of_month, alone) if month_of(d.work_date) == month)
        found += days
        earned += month_wages(of_month, days)
        month = next_month(month)
    return Worked(tuple(group), tuple(found), tuple(earned))


def _near(bundle: ProjectMonth, month: date) -> tuple[Passage, ...]:
    """The passages that a bundle of this month alone would have."""
    zone = bundle.policy.time_zone
    from_at, to_at = money.midnight(month - AROUND, zone), money.midnight(next_month(month) + AROUND, zone)
    return tuple(p for p in bundle.passages if from_at <= p.occurred_at < to_at)


# --- refresh ---------------------------------------------------------------------------------------------------


def refresh(database: Database, project_id: int, *, now: datetime, at_once: int = WORKERS_AT_ONCE) -> Refreshed:
    """Bring the projection of a project up to date.

    The facts are read before the rows are written, in transactions of a few workers each; a refresh that began
    later takes over, and this one stops at its next transaction.

    Raises:
        NotFound: ``project_unknown``.
    """
    with database.read() as db:
        people.project(db, project_id)
        if rows.mark(db, project_id) == rows.chain_seq(db, project_id) and not rows.stale(db, project_id) and not _behind(db, project_id, now):
            # Every quarter of a minute, of every project: where nothing happened the disk is left alone.
            return Refreshed(0, 0, 0, 0)
    run = token_hex(16)
    with database.write() as db:
        rows.begin(db, project_id, run, now)
    with database.read() as db:
        seq = rows.chain_seq(db, project_id)
        done = [s.id for s in rows.stale(db, project_id)]
        behind = _behind(db, project_id, now)
        end = next_month(_today(db, project_id, now))
    workers = written = deleted = months_written = 0
    for from_month, group in _by_month(behind):
        with database.read() as db:
            shared = _shared(db, project_id, from_month, now)
            groups = list(_groups(shared, _with_team(shared, group), at_once))
        for some in groups:
            with database.read() as db:
                worked = _work_out(db, shared, some, from_month, end)
            with database.write() as db:
                if not rows.is_ours(db, project_id, run):
                    return Refreshed(workers, written, deleted, months_written, overtaken=True)
                counts = _write(db, project_id, worked, from_month, end, now)
            workers += len(some)
            written += counts[0]
            deleted += counts[1]
            months_written += counts[2]
    with database.write() as db:
        if not rows.is_ours(db, project_id, run):
            return Refreshed(workers, written, deleted, months_written, overtaken=True)
        rows.clear_stale(db, done)
        rows.finish(db, project_id, seq, now)
    return Refreshed(workers, written, deleted, months_written)


def _today(db: Session, project_id: int, now: datetime) -> date:
    return work_date(now, money.policy(db, project_id))


def _behind(db: Session, project_id: int, now: datetime) -> Mapping[int, date]:
    """Workers whose rows do not say what the facts say, each with the first date concerned."""
    return once(db, ("behind", project_id, now), lambda: _ask_behind(db, project_id, now))


def _ask_behind(db: Session, project_id: int, now: datetime) -> dict[int, date]:
    policy = money.policy(db, project_id)
    mark = rows.mark(db, project_id)
    if mark is None or mark < 0:
        first_at = rows.first_passage_at(db, project_id)
        first = date.max if first_at is None else local(first_at, policy).date() - AROUND
        engaged = {e.worker_id: e.entry_on for e in people.engagements(db, project_id)}
        return {worker: min(first, engaged.get(worker, first)) for worker in rows.workers(db, project_id)}
    found: dict[int, date] = {}

    def add(worker: int, day: date) -> None:
        found[worker] = min(day, found.get(worker, day))

    for worker, at in rows.changed_since(db, project_id, mark).items():
        add(worker, local(at, policy).date() - AROUND)
    for worker, day in rows.expired(db, project_id, now).items():
        add(worker, day)
    everybody: list[int] | None = None
    for mark_ in rows.stale(db, project_id):
        if mark_.worker_id is not None:
            add(mark_.worker_id, mark_.from_on)
            continue
        everybody = rows.workers(db, project_id) if everybody is None else everybody
        for worker in everybody:
            add(worker, mark_.from_on)
    return found


def _by_month(behind: Mapping[int, date]) -> list[tuple[date, list[int]]]:
    """Workers by the first month concerned, earliest first."""
    found: dict[date, list[int]] = defaultdict(list)
    for worker, day in behind.items():
        if day != date.max:
            found[month_of(day)].append(worker)
    return sorted((month, sorted(workers)) for month, workers in found.items())


def _write(
    db: Session, project_id: int, worked: Worked, from_month: date, to_month: date, now: datetime
) -> tuple[int, int, int]:
    """Write what has changed; (days written, days deleted, months written)."""
    priced = {(a.worker_id, a.work_date): a for month in worked.months for a in month.accruals}
    known = rows.day_digests(db, project_id, worked.workers, from_month, to_month)
    fresh: dict[rows.Key, dict[str, Any]] = {}
    for day in worked.days:
        key = day.worker_id, day.work_date
        fresh[key] = _day_row(project_id, day, priced.get(key), now)
    gone, changed = _differences(known, fresh)
    rows.replace_days(db, project_id, gone, changed)
    known_months = rows.month_digests(db, project_id, worked.workers, from_month, to_month)
    fresh_months = {
        (m.worker_id, m.month, m.engagement_id or 0): _month_row(project_id, m, now) for m in worked.months
    }
    gone_months, changed_months = _differences(known_months, fresh_months)
    rows.replace_months(db, project_id, gone_months, changed_months)
    return len(changed), len(gone) - sum(key in fresh for key in gone), len(changed_months)


def _differences(
    known: dict[rows.Key, tuple[str, int]], fresh: dict[rows.Key, dict[str, Any]]
) -> tuple[list[rows.Key], list[dict[str, Any]]]:
    """Keys to delete and rows to write; a row with the digest that is there is left alone."""
    gone = [key for key, (digest, _) in known.items() if key not in fresh or fresh[key]["digest"] != digest]
    changed = []
    for key, row in fresh.items():
        if key not in known:
            changed.append(row | {"rev": 1})
        elif known[key][0] != row["digest"]:
            changed.append(row | {"rev": known[key][1] + 1})
    return gone, changed


def _day_row(project_id: int, work: WorkDay, accrual: Accrual | None, now: datetime) -> dict[str, Any]:
    day = work.day
    detail = day_detail(work, accrual)
    by_day = accrual is not None and any(item.work_date is not None for item in accrual.items)
    content: dict[str, Any] = {
        "worker_id": work.worker_id,
        "work_date": work.work_date,
        "engagement_id": work.engagement_id,
        "team_id": work.team_id,
        "state": str(day.state),
        "minutes": day.minutes,
        "day_milli": day.day_milli,
        "overtime_minutes": day.overtime_minutes,
        "amount_fen": accrual.amount_fen if accrual is not None and by_day else None,
        "first_in_at": day.first_in_at,
        "last_out_at": day.last_out_at,
        "detail": detail,
    }
    text = rows.canonical({name: str(value) for name, value in content.items() if name != "detail"} | {"detail": detail})
    return content | {
        "project_id": project_id,
        "digest": sha256(text.encode()).hexdigest(),
        "alive_until": work.alive_until,
        "projected_at": now,
    }


def day_detail(work: WorkDay, accrual: Accrual | None) -> dict[str, Any]:
    """Everything of a day that has no column of its own, JSON-ready."""
    day = work.day
    found: dict[str, Any] = {
        "sessions": [
            {"in_at": s.in_at.isoformat(), "out_at": s.out_at.isoformat(), "gates": [s.in_gate_id, s.out_gate_id],
             "passages": list(s.passage_ids), "minutes": s.minutes, "flags": [str(f) for f in s.flags]}
            for s in day.sessions
        ],
        "passages": list(day.passage_ids),
        "kind": None if work.kind is None else str(work.kind),
        "policy": work.policy_version,
    }
    if day.loose:
        found["loose"] = [
            {"at": part.at.isoformat(), "reason": str(part.reason), "gate": part.gate_id, "passages": list(part.passage_ids),
             "flags": [str(f) for f in part.flags]}
            for part in day.loose
        ]
    if day.inside is not None:
        found["inside"] = {"in_at": day.inside.in_at.isoformat(), "gate": day.inside.gate_id,
                           "passages": list(day.inside.passage_ids)}
    if day.flags:
        found["flags"] = [str(f) for f in day.flags]
    if len(work.spans) > 1 or any(span.overtime_minutes for span in work.spans):
        found["spans"] = [
            [None if s.kind is None else str(s.kind), s.regular_minutes, s.overtime_minutes] for s in work.spans
        ]
    if work.night_minutes:
        found["night_minutes"] = work.night_minutes
    if work.mark is not None:
        found["mark"] = {"id": work.mark.id, "kind": str(work.mark.kind), "pay_permille": work.mark.pay_permille}
    if work.correction_ids:
        found["corrections"] = list(work.correction_ids)
        found["computed"] = None if work.computed is None else _computed(work.computed)
    if accrual is not None:
        found["accrual"] = str(accrual.state)
        if accrual.items:
            found["items"] = [item_detail(item) for item in accrual.items]
    return found


def _computed(day: Day) -> dict[str, Any]:
    return {"state": str(day.state), "minutes": day.minutes, "day_milli": day.day_milli,
            "overtime_minutes": day.overtime_minutes}


def item_detail(item: WageItem) -> dict[str, Any]:
    """A wage item, JSON-ready."""
    return {
        "component": str(item.component),
        "on": None if item.work_date is None else item.work_date.isoformat(),
        "quantity": item.quantity,
        "unit": item.unit,
        "rate_fen": item.rate_fen,
        "per": item.per,
        "permille": item.permille,
        "amount_fen": item.amount_fen,
        "terms_id": item.terms_id,
        "evidence": [list(e) for e in item.evidence],
    }


def _month_row(project_id: int, month: MonthWage, now: datetime) -> dict[str, Any]:
    detail = {
        "items": [item_detail(item) for item in month.items if item.work_date is None],
        "problems": [[code, None if on is None else on.isoformat()] for code, on in month.problems],
    }
    content: dict[str, Any] = {
        "worker_id": month.worker_id,
        "month": month.month,
        "engagement_id": month.engagement_id or 0,
        "team_id": month.team_id,
        "gross_fen": month.gross_fen,
        "day_milli": month.day_milli,
        "minutes": month.minutes,
        "overtime_minutes": month.overtime_minutes,
        "undecided_days": month.undecided_days,
        "undecided_fen_max": month.undecided_fen_max,
        "no_terms_days": month.no_terms_days,
        "detail": detail,
    }
    text = rows.canonical({name: str(value) for name, value in content.items() if name != "detail"} | {"detail": detail})
    return content | {"project_id": project_id, "digest": sha256(text.encode()).hexdigest(), "projected_at": now}


# --- answers ---------------------------------------------------------------------------------------------------


def days_on(
    db: Session,
    project_id: int,
    day: date,
    now: datetime,
    *,
    after: int = 0,
    limit: int = 100,
    team_id: int | None = None,
) -> list[DayLine]:
    """Return the days of one work date, by worker id, from the one after ``after`` on, at most ``limit``.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    behind = {w for w, first in _behind(db, project_id, now).items() if first <= day and w > after}
    written = [
        line
        for line in rows.days_on(db, project_id, day, after=after, limit=limit + len(behind), team_id=team_id)
        if line.worker_id not in behind
    ]
    if behind:
        # Those beyond the last row of the page are not worked out for nothing.
        last = written[limit - 1].worker_id if len(written) >= limit else None
        wanted = [w for w in sorted(behind) if last is None or w < last][: limit + 1]
        shared = _shared(db, project_id, month_of(day), now, wanted)
        for group in _groups(shared, wanted, WORKERS_AT_ONCE):
            for line in _lines(db, shared, group, day, day + _A_DAY):
                if team_id is None or line.team_id == team_id:
                    written.append(line)
    return sorted(written, key=lambda line: line.worker_id)[:limit]


def worker_days(db: Session, project_id: int, worker_id: int, from_on: date, to_on: date, now: datetime) -> list[DayLine]:
    """Return a worker's days in [from_on, to_on), by date.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    first = _behind(db, project_id, now).get(worker_id)
    written = rows.days_of(db, project_id, [worker_id], from_on, to_on if first is None else min(to_on, first))
    if first is None or first >= to_on:
        return written
    shared = _shared(db, project_id, month_of(from_on), now, [worker_id])
    return written + _lines(db, shared, [worker_id], max(from_on, first), to_on)


def days_of(
    db: Session, project_id: int, workers: Collection[int], from_on: date, to_on: date, now: datetime
) -> list[DayLine]:
    """Return the days of some workers, a team's, in [from_on, to_on), by worker and date.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    first = {worker: on for worker, on in _behind(db, project_id, now).items() if on < to_on}
    found = []
    for some in _some(sorted(set(workers))):
        for line in rows.days_of(db, project_id, some, from_on, to_on):
            if line.work_date < first.get(line.worker_id, to_on):
                found.append(line)
    behind = {worker for worker in workers if worker in first}
    if behind:
        for worked in _late(db, project_id, behind, month_of(from_on), next_month(to_on - _A_DAY), now):
            lines = _lines_of(worked, project_id, now, from_on, to_on)
            found += [line for line in lines if line.worker_id in behind and line.work_date >= first[line.worker_id]]
    return sorted(found, key=lambda line: (line.worker_id, line.work_date))


def _late(
    db: Session, project_id: int, behind: Collection[int], from_month: date, to_month: date, now: datetime
) -> Iterable[Worked]:
    """Whole months of those whose rows are behind, worked out from the facts; what comes besides them is to be left out.

    Of one month, while they are few, everybody who is behind is worked out together, and kept until somebody passes: a page
    asks for the days of some, for their sums, and for what is undecided on the whole site.
    """
    late = {worker for worker, on in _behind(db, project_id, now).items() if on < to_month}
    if next_month(from_month) != to_month or not late.issuperset(behind) or len(late) > TOGETHER:
        return months(db, project_id, from_month=from_month, to_month=to_month, as_of=now, workers=behind)

    def ask() -> tuple[Worked, ...]:
        return tuple(months(db, project_id, from_month=from_month, to_month=to_month, as_of=now, workers=late))

    key = ("late", from_month, frozenset(late))
    return once(db, (*key, project_id, now), lambda: kept(db, project_id, key, ask, at=now, any_passage=True))


def _late_days(
    db: Session, project_id: int, behind: Collection[int], from_on: date, to_on: date, now: datetime
) -> Iterator[WorkDay]:
    """Their days in [from_on, to_on); off days by a mark may be missing."""
    if len(behind) > TOGETHER or to_on > next_month(next_month(from_on)):
        yield from _days_of(db, project_id, behind, from_on, to_on, now)
        return
    month = month_of(from_on)
    while behind and month < to_on:
        for worked in _late(db, project_id, behind, month, next_month(month), now):
            yield from (day for day in worked.days if day.worker_id in behind and from_on <= day.work_date < to_on)
        month = next_month(month)


def _lines(db: Session, shared: _Shared, group: Sequence[int], from_on: date, to_on: date) -> list[DayLine]:
    """Days worked out on the spot, in the shape of rows; whole months are priced, so that month items are right."""
    worked = _work_out(db, shared, group, month_of(from_on), next_month(to_on - _A_DAY))
    return _lines_of(worked, shared.bundle.project_id, shared.bundle.as_of, from_on, to_on)


def _lines_of(worked: Worked, project_id: int, as_of: datetime, from_on: date, to_on: date) -> list[DayLine]:
    found = []
    priced = {(a.worker_id, a.work_date): a for month in worked.months for a in month.accruals}
    for work in worked.days:
        if from_on <= work.work_date < to_on:
            row = _day_row(project_id, work, priced.get((work.worker_id, work.work_date)), as_of)
            found.append(DayLine(**{name: row[name] for name in DayLine.__dataclass_fields__ if name != "rev"}, rev=0))
    return sorted(found, key=lambda line: (line.worker_id, line.work_date))


@dataclass(frozen=True, slots=True)
class Counted:
    """Days of a project, counted."""

    came: Mapping[date, int]
    """Work date -> on how many workers' days somebody was there, or may have been."""
    undecided: tuple[tuple[int, date], ...]
    """(worker, work date) of the days that somebody must decide, by date."""


def counted(
    db: Session, project_id: int, from_on: date, to_on: date, now: datetime, *, came_from: date | None = None
) -> Counted:
    """Count the days of [from_on, to_on), without reading them.

    Args:
        came_from: who came is counted from this day on; None: from the first.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    came_from = from_on if came_from is None else came_from
    behind = {worker: max(on, from_on) for worker, on in _behind(db, project_id, now).items() if on < to_on}
    came: dict[date, int] = defaultdict(int)
    for (day, state), count in rows.tallies(db, project_id, came_from, to_on).items():
        if state != DayState.OFF:
            came[day] += count
    undecided = {
        (worker, day)
        for worker, day, _ in rows.states_of(db, project_id, from_on, to_on, state=str(DayState.UNDECIDED))
        if worker not in behind or day < behind[worker]
    }
    for some in _some(sorted(behind)):
        for worker, day, state in rows.states_of(db, project_id, from_on, to_on, workers=some):
            if day >= behind[worker] and state != DayState.OFF:
                came[day] -= 1
    for work in _late_days(db, project_id, behind, from_on, to_on, now):
        if work.work_date >= behind[work.worker_id] and work.day.state is not DayState.OFF:
            came[work.work_date] += 1
            if work.day.state is DayState.UNDECIDED:
                undecided.add((work.worker_id, work.work_date))
    came = {day: count for day, count in came.items() if day >= came_from}
    return Counted(came, tuple(sorted(undecided, key=lambda pair: pair[::-1])))


def headcount(db: Session, project_id: int, now: datetime) -> Headcount:
    """Count who is on site, who came today and who is on the roster, from the rows; the same as from the passages.

    Raises:
        NotFound: ``project_unknown``.
    """
    policy = money.policy(db, project_id)
    today = work_date(now, policy)
    # Whoever was corrected is inside or came by his passages, whatever a person decided the day to be.
    unsure = {worker for worker, on in _behind(db, project_id, now).items() if on <= today}
    unsure |= rows.corrected(db, project_id, work_date(now - policy.session_max, policy))
    on_site = {w for w, since in rows.inside(db, project_id, now).items() if now - since <= policy.session_max}
    came = {w for w, _, state in rows.states_of(db, project_id, today, today + _A_DAY) if state != DayState.OFF}
    on_site, came = on_site - unsure, came - unsure
    if unsure:
        shared = _shared(db, project_id, month_of(today), now, unsure)
        for group in _groups(shared, unsure, WORKERS_AT_ONCE):
            bundle = _bundle(db, shared, group, today - _A_DAY, today + _A_DAY)
            own = set(group)
            found = attendance.headcount(pairing_of(bundle), (), now, policy=policy)
            on_site |= own & set(found.on_site)
            came |= own & set(found.came_today)
    roster = {e.worker_id for e in people.engagements(db, project_id) if e.covers(today)}
    return Headcount(tuple(sorted(on_site)), tuple(sorted(came)), tuple(sorted(roster)))


def _days_of(
    db: Session, project_id: int, workers: Collection[int], from_on: date, to_on: date, now: datetime
) -> Iterator[WorkDay]:
    """Days of some workers in [from_on, to_on) from the facts, without their wages; off days by a mark may be missing."""
    if not workers:
        return
    shared = _shared(db, project_id, month_of(from_on), now, workers)
    for group in _groups(shared, workers, WORKERS_AT_ONCE):
        bundle = _bundle(db, shared, group, from_on, to_on)
        own = frozenset(group)
        for work in work_days(bundle, group if any(c.kind is CorrectionKind.WRONG_PERSON for c in bundle.corrections) else None):
            if from_on <= work.work_date < to_on and work.worker_id in own:
                yield work


def _some(workers: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(workers), WORKERS_AT_ONCE):
        yield workers[at : at + WORKERS_AT_ONCE]


def behind(db: Session, project_id: int, before: date, now: datetime) -> set[int]:
    """Return the workers with facts about days before a date that the rows do not know yet."""
    return {worker for worker, first in _behind(db, project_id, now).items() if first < before}


def wages_of_month(
    db: Session, project_id: int, month: date, now: datetime, *, with_detail: bool = True, problems: bool = False,
    workers: Collection[int] | None = None,
) -> list[MonthLine]:  # fmt: skip
    """Return the sums of every engagement of a month, by worker.

    Args:
        with_detail: False leaves ``detail`` empty, for who only adds up.
        problems: without the rest of it, ``detail`` has the ``problems`` all the same.
        workers: only theirs; None for everybody.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    end = next_month(month)
    late = behind(db, project_id, end, now)
    if workers is not None:
        late &= set(workers)
    if not with_detail:
        written = rows.month_heads(db, project_id, month, workers if workers is not None and len(workers) <= WORKERS_AT_ONCE else None, problems=problems)
    elif workers is None or len(workers) > WORKERS_AT_ONCE:
        written = rows.months_of(db, project_id, month=month)
    else:
        written = [line for worker in sorted(workers) for line in rows.months_of(db, project_id, worker_id=worker, month=month)]
    found = [line for line in written if line.worker_id not in late and (workers is None or line.worker_id in workers)]
    if late:
        for worked in _late(db, project_id, late, month, end, now):
            for one in worked.months:
                if one.worker_id in late:
                    row = _month_row(project_id, one, now)
                    found.append(
                        MonthLine(**{name: row[name] for name in MonthLine.__dataclass_fields__ if name != "rev"}, rev=0)
                    )
    return sorted(found, key=lambda line: (line.worker_id, line.engagement_id))


def month_totals(
    db: Session, project_id: int, month: date, now: datetime, engagements: Collection[int], workers: Collection[int]
) -> tuple[int, int, int]:
    """Return (man-days in thousandths, minutes of overtime, days to decide) of some engagements in a month, added up.

    Args:
        workers: whose engagements those are.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    end = next_month(month)
    late = behind(db, project_id, end, now) & set(workers)
    sums = rows.month_totals(db, project_id, month, engagements, late)
    if not late:
        return sums
    own = [
        one for worked in _late(db, project_id, late, month, end, now) for one in worked.months
        if one.worker_id in late and one.engagement_id in engagements
    ]  # fmt: skip
    added = [_month_row(project_id, one, now) for one in own]
    return tuple(
        total + sum(row[name] for row in added) for total, name in zip(sums, ("day_milli", "overtime_minutes", "undecided_days"), strict=True)
    )


def worker_month(db: Session, project_id: int, worker_id: int, month: date, now: datetime) -> list[MonthLine]:
    """Return the sums of a worker's engagements in a month.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    end = next_month(month)
    first = _behind(db, project_id, now).get(worker_id)
    if first is None or first >= end:
        return rows.months_of(db, project_id, worker_id=worker_id, month=month)
    found = []
    for worked in months(db, project_id, from_month=month, to_month=end, as_of=now, workers=[worker_id]):
        for one in worked.months:
            if one.worker_id == worker_id:
                row = _month_row(project_id, one, now)
                found.append(MonthLine(**{name: row[name] for name in MonthLine.__dataclass_fields__ if name != "rev"}, rev=0))
    return sorted(found, key=lambda line: line.engagement_id)


def month_sums(
    db: Session, project_id: int, now: datetime, *, worker_id: int | None = None, workers: Collection[int] | None = None
) -> list[MonthSum]:
    """Return what everybody, one worker, or some of them earned in each month up to now, by worker and month.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    behind = _behind(db, project_id, now)
    if worker_id is not None:
        behind = {worker: first for worker, first in behind.items() if worker == worker_id}
    if workers is not None:
        behind = {worker: first for worker, first in behind.items() if worker in workers}
    found = [
        line
        for line in rows.month_sums(db, project_id, worker_id=worker_id, workers=workers)
        if line.worker_id not in behind or line.month < month_of(behind[line.worker_id])
    ]
    end = next_month(_today(db, project_id, now)) if behind else now.date()
    for from_month, group in _by_month(behind):
        wanted = set(group)
        by_worker: dict[tuple[int, date], list[MonthWage]] = defaultdict(list)
        for worked in months(db, project_id, from_month=from_month, to_month=end, as_of=now, workers=group):
            for one in worked.months:
                if one.worker_id in wanted:
                    by_worker[one.worker_id, one.month].append(one)
        for (worker, month), of in by_worker.items():
            sums = (sum(getattr(one, name) for one in of) for name in SUMMED)
            found.append(MonthSum(worker, month, *sums))
    return sorted(found, key=lambda line: (line.worker_id, line.month))
