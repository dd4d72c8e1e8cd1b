"""Use case: payroll sheets (工资表), from attendance to the worker's signature and his wage slip.

    derive                       what stands on every team's sheet of a month, worked out from the facts as they are
    reckoner                     a helper's side of it, where a month is shared over several processes
    Months                       the same, kept by a process while nothing happens that concerns it
    pending                      everything earned that is on no posted line yet
    draft, draft_all             write it down as a version; unchanged content is the version that is there
    submit, check, publicise, approve, send_back    the steps, each by the right person, in order
    view, unsigned               a sheet with its lines beside what the gate says now
    confirm, consent             the worker's word on a line, bound to its hash
    slip, verify_slip            the wage slip, and whether a printed one is true
    why                          payment -> transfer -> line -> items -> days -> sessions -> passages, in one answer

Nothing is typed in: days come from the gate and from approved corrections, rates from the terms. A month must be
locked before it is drafted. Facts that arrive later make the sheet stale until the month is closed, and become back
pay (补发) afterwards. A negative difference goes on a sheet only with the worker's written word on exactly that line;
until then it is a proposal (domain.md 4.5: overpaid is kept apart).
"""

import contextlib
import pickle
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import projection
from app.db import Database, make_engine
from app.domain import sheet as rules
from app.domain.backpay import difference
from app.domain.facts import Advance, Deduction, DeductionKind, Terms
from app.domain.identity import View, mask_name
from app.domain.sheet import (
    Act,
    Confirmation,
    ItemKind,
    LineContent,
    Method,
    Refusal,
    SheetState,
    Step,
    Taken,
    Verdict,
    line_hash,
)
from app.domain.timesheet import WorkDay
from app.domain.wages import MonthWage
from app.domain.withhold import withhold
from app.domain.workdays import EARLIEST, LATEST, local, month_of, next_month
from app.errors import BadRequest, Conflict, Forbidden, NotFound
from app.memory import settle
from app.projection import AROUND
from app.settings import Settings
from app.sharing import Sharing, Tell, Work, silent
from app.store import accounts, gates, money, once, people, terms, timekeeping
from app.store import projection as projected
from app.store import sheets as store
from app.store.kept import kept
from app.store.people import ProjectInfo
from app.store.projection import MonthLine
from app.store.sheets import EngagementPlace, LineInfo, SheetInfo
from app.vault import Vault

REGULAR = "regular"
NOTE_LENGTH_MIN = 4
"""Of the reason for sending a sheet back, or of a dispute: shorter says nothing."""
NOTE_LENGTH_MAX = 2000
EVIDENCE_MAX = 20
CLAIM_FEN_LIMIT = 100_000_000
"""1,000,000.00 yuan: a claim this large is a typing error."""
COMPARED = frozenset({Act.CHECKED, Act.APPROVED})
"""Steps before which a sheet is compared with the facts."""
A_MOMENT = timedelta(minutes=1)
"""For how long a month is as it was, while its last day may still change by the passing of time alone."""
MINIMUM_WAGE = "minimum_wage_month_fen"
CAPPED = frozenset({DeductionKind.DAMAGE, DeductionKind.AGREED})
"""Deductions that must leave the minimum wage (``domain.withhold``)."""


# --- what stands on the sheets ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a worker's month that a sheet cannot say in fen."""

    code: str
    """As in ``MonthWage.problems``; besides: work_without_engagement, minimum_wage_unknown."""
    worker_id: int
    engagement_id: int | None
    on: date | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A closed month that came out lower than it was posted (多发): nothing is taken without the worker's word."""

    team_id: int
    content: LineContent
    line_hash: str
    confirmation: Confirmation | None
    """His latest word on exactly this line."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """The sheets of a month as they come out now."""

    project_id: int
    month: date
    teams: frozenset[int] | None
    """The teams that were asked for; None for all."""
    lines: "Lines"
    """Team -> its lines, by engagement and origin month. Teams without a line are not in it."""
    hashes: Mapping[tuple[int, date], str]
    """(engagement, origin month) -> hash of that line."""
    proposals: tuple[Proposal, ...]
    problems: tuple[Problem, ...]
    left: tuple[tuple[str, int, int], ...]
    """(advance | deduction, row id, fen) that this month's wages could not bear; carried to the next."""
    as_of: datetime
    """The instant of the answer."""
    mark: store.FactsMark
    """Of the facts it was made of."""

    def digest(self, team_id: int) -> str:
        """The fingerprint of the sheet a team has now."""
        return rules.digest((*key, self.hashes[key]) for key in self.lines.of(team_id))


class Lines(Mapping[int, tuple[LineContent, ...]]):
    """Team -> its lines, by engagement and origin month.

    Those that came from a helper stay as they came until somebody looks: to lock and to compare, their hashes are enough.
    """

    def __init__(self, teams: Mapping[int, Mapping[tuple[int, date], LineContent | bytes]]) -> None:
        self._teams = {team: dict(sorted(lines.items())) for team, lines in sorted(teams.items())}

    def of(self, team_id: int) -> Iterable[tuple[int, date]]:
        """(engagement, origin month) of each line of a team."""
        return self._teams.get(team_id, ())

    def __getitem__(self, team_id: int) -> tuple[LineContent, ...]:
        return tuple(pickle.loads(line) if isinstance(line, bytes) else line for line in self._teams[team_id].values())

    def __iter__(self) -> Iterator[int]:
        return iter(self._teams)

    def __len__(self) -> int:
        return len(self._teams)


def derive(
    db: Session,
    project_id: int,
    month: date,
    now: datetime,
    *,
    teams: Collection[int] | None = None,
    strict: bool = True,
    sharing: Sharing | None = None,
    tell: Tell = silent,
) -> Fresh:
    """Work out what stands on the sheets of a month that is not closed: wages, what is withheld, back pay.

    Args:
        month: any day of it.
        now: the instant of the answer.
        teams: only theirs; None for all.
        strict: False, for showing: no back pay for a worker whose posted lines somebody changed, and no refusal.
        sharing: helpers for the months of everybody; their work function is ``reckoner``'s.
        tell: told how many workers are done, where no helpers share them.

    Raises:
        NotFound: ``project_unknown``.
        Conflict: ``line_tampered``, a posted line it would build on is not what was posted.
    """
    project = people.project(db, project_id)
    month = _month(month)
    mark = store.facts_mark(db, project_id)
    house = _house(db, project_id)
    asked = None if teams is None else frozenset(teams)
    workers = None if asked is None else {p.worker_id for p in house.places.values() if p.team_id in asked}
    settled = {e: lines for (e, origin), lines in store.final_lines(db, project_id).items() if origin == month}
    ready: dict[int, _Ready] = {}
    if sharing is not None and workers is None:
        wages, strays, ready = _shared_wages(db, house, month, now, mark, sharing)
        # Compared item by item with what stands on their final sheets.
        whole = _wages(db, house, month, now, {house.places[e].worker_id for e in settled})[0]
        wages |= {e: wage for e, wage in whole.items() if ready.pop(e, None) is not None}
    else:
        wages, strays = _wages(db, house, month, now, workers, tell)
    problems = [
        Problem(code, wage.worker_id, wage.engagement_id, on) for wage in wages.values() for code, on in wage.problems
    ]
    problems += [Problem("work_without_engagement", s.worker_id, None, None) for s in strays]
    taken, left, unknown = _taken(db, project, month, {e: wage.gross_fen for e, wage in wages.items() if e not in settled})
    problems += [Problem("minimum_wage_unknown", wages[e].worker_id, e, None) for e in unknown]
    lines: dict[int, dict[tuple[int, date], LineContent | bytes]] = defaultdict(dict)
    hashes: dict[tuple[int, date], str] = {}

    def put(engagement_id: int, origin: date, line: LineContent | bytes, hash_: str) -> None:
        team_id = house.places[engagement_id].team_id
        if asked is None or team_id in asked:
            lines[team_id][engagement_id, origin] = line
            hashes[engagement_id, origin] = hash_

    for engagement_id, wage in wages.items():
        withheld, made = taken.get(engagement_id, ()), ready.get(engagement_id)
        if engagement_id in settled or not (wage.gross_fen or withheld):
            continue
        if made is not None and made.line is not None and made.line_hash is not None and not withheld:
            put(engagement_id, month, made.line, made.line_hash)
            continue
        if made is not None and made.line is not None:
            content = rules.with_taken(pickle.loads(made.line), withheld)
        else:
            content = rules.regular_line(project_id, wage, withheld)
        put(engagement_id, month, content, line_hash(content))
    more, proposals = _back_pay(db, house, month, now, workers, strict=strict)
    # Who was settled before the month closed has it on a final sheet; here stands what has changed since.
    since, lower = _since_final(db, house, month, wages, settled, workers, strict)
    more, proposals = [*more, *since], [*proposals, *lower]
    for content in more:
        put(content.engagement_id, content.origin_month, content, line_hash(content))
    if asked is not None:
        proposals = [p for p in proposals if p.team_id in asked]
    return Fresh(
        project_id=project_id,
        month=month,
        teams=asked,
        hashes=hashes,
        lines=Lines(lines),
        proposals=tuple(proposals),
        problems=tuple(
            sorted(problems, key=lambda p: (p.worker_id, p.on or date.min, p.code, p.engagement_id or 0))
        ),
        left=tuple(left),
        as_of=now,
        mark=mark,
    )


@dataclass(frozen=True, slots=True)
class _House:
    """Who was engaged where."""

    project_id: int
    places: dict[int, EngagementPlace]
    of_worker: dict[int, tuple[EngagementPlace, ...]]

    def home(self, worker_id: int, month: date) -> EngagementPlace | None:
        """The engagement that work outside every engagement is put with: the latest begun by then, else the first."""
        own = self.of_worker.get(worker_id, ())
        begun = [p for p in own if p.entry_on < next_month(month)]
        if begun:
            return max(begun, key=lambda p: (p.entry_on, p.id))
        return min(own, key=lambda p: (p.entry_on, p.id), default=None)


def _house(db: Session, project_id: int) -> _House:
    places = store.places(db, project_id)
    of_worker: dict[int, list[EngagementPlace]] = defaultdict(list)
    for place in places.values():
        of_worker[place.worker_id].append(place)
    return _House(project_id, places, {worker: tuple(own) for worker, own in of_worker.items()})


@dataclass(frozen=True, slots=True)
class _Asked:
    """What helpers are asked: the month, and the facts it is to be worked out from."""

    project_id: int
    month: date
    now: datetime
    mark: store.FactsMark
    settled_at: datetime


def reckoner(settings: Settings) -> Work:
    """Return the work of a helper (``app.sharing``): a group's months, in one snapshot of the helper's own.

    It answers None, and the group is worked out where it was asked, when something has happened since the mark that
    concerns the month: then its snapshot is not the one that was asked about.
    """
    facts: projection.Facts | None = None
    moved = False
    held = contextlib.ExitStack()

    def work(asked: _Asked, group: Sequence[int]) -> "list[_Ready] | None":
        nonlocal facts, moved
        if facts is None and not moved:
            settle()
            db = held.enter_context(Database(make_engine(settings)).read())
            moved = not store.unchanged(db, asked.project_id, asked.mark, asked.settled_at)
            facts = None if moved else _facts(db, asked.project_id, asked.month, asked.now)
        return None if facts is None else _made(facts, group, asked.project_id, asked.month)

    return work


@dataclass(frozen=True, slots=True)
class _Ready:
    """One engagement's month with its line, as far as one group can say it."""

    wage: MonthWage
    """Without its days; without its items too when the line has them."""
    line: bytes | None
    """The line with nothing withheld, pickled. None for a worker with work that no engagement covers: who asked joins it."""
    line_hash: str | None


def _made(facts: projection.Facts, group: Sequence[int], project_id: int, month: date) -> list[_Ready]:
    wages = _bare(facts, group, month)
    stray = {wage.worker_id for wage in wages if wage.engagement_id is None}
    found = []
    for wage in wages:
        if wage.worker_id in stray:
            found.append(_Ready(wage, None, None))
            continue
        line = rules.regular_line(project_id, wage)
        found.append(_Ready(replace(wage, items=()), pickle.dumps(line, pickle.HIGHEST_PROTOCOL), line_hash(line)))
    return found


def _shared_wages(
    db: Session, house: _House, month: date, now: datetime, mark: store.FactsMark, sharing: Sharing
) -> tuple[dict[int, MonthWage], list[MonthWage], dict[int, _Ready]]:
    """``_wages`` of everybody, shared out, with the lines that are ready."""
    facts = _facts(db, house.project_id, month, now)
    asked = _Asked(house.project_id, month, now, mark, _settled_at(db, house.project_id, month))
    made = [
        one
        for of_group in sharing.over(asked, facts.groups(), lambda group: _made(facts, group, house.project_id, month))
        for one in of_group
    ]
    made.sort(key=lambda one: (one.wage.worker_id, one.wage.engagement_id or 0))
    wages, strays = _placed(house, month, [one.wage for one in made])
    return wages, strays, {one.wage.engagement_id: one for one in made if one.line is not None and one.wage.engagement_id}


def _facts(db: Session, project_id: int, month: date, now: datetime) -> projection.Facts:
    return projection.Facts(db, project_id, from_month=month, to_month=next_month(month), as_of=now)


def _bare(facts: projection.Facts, group: Sequence[int], month: date) -> list[MonthWage]:
    # A sheet needs items, not days; five thousand months of both do not fit a small machine.
    return [replace(wage, accruals=()) for wage in facts.work_out(group).months if wage.month == month]


def _wages(
    db: Session, house: _House, month: date, now: datetime, workers: Collection[int] | None, tell: Tell = silent
) -> tuple[dict[int, MonthWage], list[MonthWage]]:
    """(engagement -> its month without its days, months of work with nobody to pay for it).

    Work that no engagement covers was done all the same; it is paid with the worker's engagement next to it.
    """
    if workers is not None and not workers:
        return {}, []
    facts = _facts(db, house.project_id, month, now)
    groups = facts.groups(None if workers is None else sorted(workers))
    total, done = sum(map(len, groups)), 0

    def made() -> Iterator[MonthWage]:
        nonlocal done
        for group in groups:
            tell("wages", done, total)
            yield from _bare(facts, group, month)
            done += len(group)

    return _placed(house, month, [wage for wage in made() if workers is None or wage.worker_id in workers])


def _placed(house: _House, month: date, wages: Iterable[MonthWage]) -> tuple[dict[int, MonthWage], list[MonthWage]]:
    found: dict[int, MonthWage] = {}
    loose: list[MonthWage] = []
    for wage in wages:
        if wage.engagement_id is None:
            loose.append(wage)
        else:
            found[wage.engagement_id] = wage
    strays = []
    for wage in loose:
        home = house.home(wage.worker_id, month)
        if home is None:
            if wage.gross_fen or wage.undecided_days or wage.no_terms_days:
                strays.append(wage)
            continue
        found[home.id] = _joined(found.get(home.id), wage, home)
    return dict(sorted(found.items())), strays


def _joined(own: MonthWage | None, stray: MonthWage, home: EngagementPlace) -> MonthWage:
    if own is None:
        return replace(stray, engagement_id=home.id, team_id=home.team_id)
    return replace(
        own,
        items=(*own.items, *stray.items),
        gross_fen=own.gross_fen + stray.gross_fen,
        day_milli=own.day_milli + stray.day_milli,
        minutes=own.minutes + stray.minutes,
        overtime_minutes=own.overtime_minutes + stray.overtime_minutes,
        undecided_days=own.undecided_days + stray.undecided_days,
        undecided_fen_max=own.undecided_fen_max + stray.undecided_fen_max,
        no_terms_days=own.no_terms_days + stray.no_terms_days,
        problems=(*own.problems, *stray.problems),
    )


def _taken(
    db: Session,
    project: ProjectInfo,
    month: date,
    gross: Mapping[int, int],
    before: Mapping[tuple[str, int], int] | None = None,
) -> tuple[dict[int, list[Taken]], list[tuple[str, int, int]], list[int]]:
    """What is withheld in a month: (engagement -> entries, what is carried on, engagements whose cap is unknown).

    Deductions of this month and what earlier ones could not bear; advances given until the end of the month.

    Args:
        gross: engagement -> fen it earned in the month.
        before: (kind, row id) -> fen taken on lines of earlier months that are not posted yet.
    """
    end, before = next_month(month), before or {}
    owing: dict[int, list[Deduction]] = defaultdict(list)
    for d in terms.deductions(db, project.id):
        applied = d.applied_fen + before.get(("deduction", d.id), 0)
        if d.month <= month and applied < d.amount_fen:
            owing[d.engagement_id].append(replace(d, applied_fen=applied))
    given: dict[int, list[Advance]] = defaultdict(list)
    for a in terms.advances(db, project.id):
        applied = a.applied_fen + before.get(("advance", a.id), 0)
        if a.paid_on < end and applied < a.amount_fen:
            given[a.engagement_id].append(replace(a, applied_fen=applied))
    minimum = terms.area_value(db, project.area_code, MINIMUM_WAGE, end - timedelta(days=1))
    found: dict[int, list[Taken]] = {}
    left: list[tuple[str, int, int]] = []
    unknown: list[int] = []
    for engagement_id, fen in gross.items():
        deductions, advances = owing.get(engagement_id, []), given.get(engagement_id, [])
        if not deductions and not advances:
            continue
        if minimum is None and any(d.kind in CAPPED for d in deductions):
            # Nobody recorded the county's minimum wage, so nobody can say that the rest stays above it.
            unknown.append(engagement_id)
        answer = withhold(fen, deductions, advances, minimum_fen=fen if minimum is None else int(minimum))
        kinds = {d.id: str(d.kind) for d in deductions}
        days = {a.id: a.paid_on for a in advances}
        entries = [Taken(ItemKind.DEDUCTION, i, kinds[i], fen) for i, fen in answer.deductions if fen]
        entries += [Taken(ItemKind.ADVANCE, i, "", fen, on=days[i]) for i, fen in answer.advances if fen]
        if entries:
            found[engagement_id] = entries
        left += [(str(kind), row_id, fen) for kind, row_id, fen in answer.carried if fen]
    return found, left, unknown


@dataclass(frozen=True, slots=True)
class Pending:
    """What one engagement earned in a month and has on no posted line yet."""

    engagement_id: int
    worker_id: int
    month: date
    gross_fen: int
    withheld_fen: int

    @property
    def net_fen(self) -> int:
        """What is left to be paid out."""
        return self.gross_fen - self.withheld_fen


def pending(
    db: Session, project_id: int, now: datetime, *, workers: Collection[int] | None = None, read: bool = False
) -> tuple[tuple[Pending, ...], tuple[Problem, ...]]:
    """Return what is earned and on no posted line: every month that is not closed, and back pay of those that are.

    Args:
        workers: only theirs, worked out from the facts; None for everybody, by the projection's sums.
        read: with ``workers``, by the projection's sums, too.

    Returns:
        (sums by engagement and month; what keeps some days from being worth anything). No back pay for a worker
        whose posted lines somebody changed.

    Raises:
        NotFound: ``project_unknown``.
    """
    project = people.project(db, project_id)
    house = _house(db, project_id)
    closed = {p.month for p in store.periods(db, project_id) if p.state == "closed"}
    finals = store.final_gross(db, project_id)
    own = [p for p in house.places.values() if workers is None or p.worker_id in workers]
    found: list[Pending] = []
    problems: list[Problem] = []
    before: dict[tuple[str, int], int] = defaultdict(int)
    month = max(min((month_of(p.entry_on) for p in own), default=LATEST), EARLIEST)
    while month <= month_of(_local(now, project)):
        if month not in closed:
            gross, more = _sums(db, house, month, now, workers, read)
            problems += more
            # What is on a final sheet is on a line; what has come since is on none.
            since = {e: fen - finals[e, month] for e, fen in gross.items() if (e, month) in finals}
            gross = {e: fen for e, fen in gross.items() if e not in since}
            found += [Pending(e, house.places[e].worker_id, month, fen, 0) for e, fen in since.items() if fen > 0]
            taken, _, _ = _taken(db, project, month, gross, before)
            for entry in (entry for entries in taken.values() for entry in entries):
                before[str(entry.kind), entry.row_id] += entry.applied_fen
            for engagement_id, fen in gross.items():
                withheld = sum(entry.applied_fen for entry in taken.get(engagement_id, ()))
                if fen or withheld:
                    worker_id = house.places[engagement_id].worker_id
                    found.append(Pending(engagement_id, worker_id, month, fen, withheld))
        month = next_month(month)
    found += [
        Pending(c.engagement_id, c.worker_id, c.origin_month, c.gross_fen, c.gross_fen - c.net_fen)
        for c in _back_pay(db, house, LATEST, now, workers, strict=False)[0]
    ]
    return tuple(sorted(found, key=lambda p: (p.engagement_id, p.month))), tuple(problems)


def _sums(
    db: Session, house: _House, month: date, now: datetime, workers: Collection[int] | None, read: bool
) -> tuple[dict[int, int], list[Problem]]:
    """(engagement -> what it earned in the month, what is wrong with it)."""
    if workers is not None and not read:
        wages, strays = _wages(db, house, month, now, workers)
        return {engagement_id: wage.gross_fen for engagement_id, wage in wages.items()}, [
            *(Problem(c, w.worker_id, w.engagement_id, on) for w in wages.values() for c, on in w.problems),
            *(Problem("work_without_engagement", s.worker_id, None, None) for s in strays),
        ]
    gross: dict[int, int] = defaultdict(int)
    problems = []
    for line in projection.wages_of_month(db, house.project_id, month, now, with_detail=False, problems=True, workers=workers):
        home = house.places.get(line.engagement_id) or house.home(line.worker_id, month)
        if home is None:
            problems.append(Problem("work_without_engagement", line.worker_id, None, None))
            continue
        gross[home.id] += line.gross_fen
        problems += [
            Problem(code, line.worker_id, home.id, None if on is None else date.fromisoformat(on))
            for code, on in line.detail["problems"]
        ]
    return dict(sorted(gross.items())), problems


# --- back pay ------------------------------------------------------------------------------------------------


def _back_pay(
    db: Session, house: _House, month: date, now: datetime, workers: Collection[int] | None, *, strict: bool = True
) -> tuple[list[LineContent], list[Proposal]]:
    """Lines that make up for closed months before ``month``, and what came out lower than it was posted.

    A worker's months are compared engagement by engagement; what was posted for the same worker and month under
    another engagement is not paid a second time.
    """
    closed = [p.month for p in store.periods(db, house.project_id) if p.state == "closed" and p.month < month]
    if not closed:
        return [], []
    unlike = store.uneven(db, house.project_id, closed)
    lines: list[LineContent] = []
    lower: list[LineContent] = []
    moves: dict[tuple[int, date], list[tuple[int, LineContent]]] = defaultdict(list)
    posted_of: dict[tuple[int, date], list[LineContent]] = {}
    current_of: dict[tuple[int, date], MonthWage] = {}
    for origin in closed:
        suspects = _suspects(db, house, origin, now, workers, unlike.get(origin, set()))
        if not suspects:
            continue
        wages, _ = _wages(db, house, origin, now, suspects)
        own = [p.id for worker in suspects for p in house.of_worker.get(worker, ())]
        posted: dict[int, list[LineContent]] = defaultdict(list)
        changed: set[int] = set()
        for line in store.posted_lines(db, house.project_id, engagements=own):
            if line.content.origin_month == origin:
                if not line.is_true:
                    if strict:
                        raise Conflict("line_tampered", line_id=line.id)
                    changed.add(line.content.worker_id)
                posted[line.content.engagement_id].append(line.content)
        for engagement_id in sorted(wages.keys() | posted.keys()):
            if house.places[engagement_id].worker_id in changed:
                continue
            current = wages.get(engagement_id) or _nothing(house.places[engagement_id], origin)
            before = posted.get(engagement_id, [])
            fen = difference(current, sum(c.gross_fen for c in before))
            content = rules.back_pay_line(house.project_id, current, before)
            if content is None:
                continue
            key = (engagement_id, origin)
            posted_of[key], current_of[key] = before, current
            moves[current.worker_id, origin].append((fen, content))
            if fen < 0:
                lower.append(content)
    said = store.confirmations(db, house.project_id, "line", (line_hash(c) for c in lower))
    proposals = []
    agreed: set[tuple[int, date]] = set()
    for content in lower:
        hash_ = line_hash(content)
        word = said.get(hash_)
        if word is not None and word.consents:
            lines.append(content)
            agreed.add((content.engagement_id, content.origin_month))
        else:
            proposals.append(Proposal(house.places[content.engagement_id].team_id, content, hash_, word))
    for (_, origin), found in moves.items():
        room = {
            c.engagement_id: -fen for fen, c in found if fen < 0 and (c.engagement_id, origin) not in agreed
        }
        for fen, content in sorted(found, key=lambda pair: pair[1].engagement_id):
            if fen <= 0:
                continue
            moved = []
            for other in sorted(room):
                part = min(room[other], fen - sum(m for _, m in moved))
                if part:
                    moved.append((other, part))
                    room[other] -= part
            if moved:
                key = (content.engagement_id, origin)
                reduced = rules.back_pay_line(house.project_id, current_of[key], posted_of[key], moved=moved)
                if reduced is not None:
                    lines.append(reduced)
            else:
                lines.append(content)
    return lines, proposals


def _since_final(
    db: Session,
    house: _House,
    month: date,
    wages: Mapping[int, MonthWage],
    settled: Mapping[int, Sequence[LineInfo]],
    workers: Collection[int] | None,
    strict: bool,
) -> tuple[list[LineContent], list[Proposal]]:
    """What a month that is not closed says otherwise than the final sheets that have it: more is paid, less is proposed."""
    lines: list[LineContent] = []
    lower: list[LineContent] = []
    for engagement_id, before in sorted(settled.items()):
        place = house.places[engagement_id]
        if workers is not None and place.worker_id not in workers:
            continue
        if not all(line.is_true for line in before):
            if strict:
                raise Conflict("line_tampered", line_id=before[0].id)
            continue
        current = wages.get(engagement_id) or _nothing(place, month)
        content = rules.back_pay_line(house.project_id, current, [line.content for line in before])
        if content is not None:
            (lines if content.gross_fen >= 0 else lower).append(content)
    said = store.confirmations(db, house.project_id, "line", (line_hash(c) for c in lower))
    proposals = []
    for content in lower:
        word = said.get(line_hash(content))
        if word is not None and word.consents:
            lines.append(content)
        else:
            proposals.append(Proposal(house.places[content.engagement_id].team_id, content, line_hash(content), word))
    return lines, proposals


def final_sheet(
    db: Session, *, project_id: int, engagement_id: int, handed_in_by: str, approved_by: str, now: datetime
) -> SheetInfo | None:
    """Write the final sheet of one who left: what he earned in open months and is on no line yet, and back pay, approved.

    It stands in the month of today.

    It can be paid at once; it is posted when its month closes, and no other sheet has what it has. None when there is
    nothing that is not on a line already.

    Raises:
        NotFound: ``project_unknown``, ``engagement_unknown``.
        Conflict: ``period_locked``, ``period_closed``: the month of today has its sheets already; ``line_tampered``.
    """
    project = people.project(db, project_id)
    house = _house(db, project_id)
    place = house.places.get(engagement_id)
    if place is None:
        raise NotFound("engagement_unknown")
    today = month_of(_local(now, project))
    state = store.period_state(db, project_id, today)
    if state == "closed":
        raise Conflict("period_closed")
    if state == "locked":
        raise Conflict("period_locked")
    # A locked month has its sheets, and pays him with them.
    closed = {p.month for p in store.periods(db, project_id) if p.state != "open"}
    finals = store.final_lines(db, project_id)
    workers = {place.worker_id}
    contents: list[LineContent] = []
    before: dict[tuple[str, int], int] = defaultdict(int)
    month = max(month_of(place.entry_on), EARLIEST)
    while month <= today:
        if month not in closed:
            wages, _ = _wages(db, house, month, now, workers)
            done = {e: lines for (e, origin), lines in finals.items() if origin == month and e == engagement_id}
            if done:
                contents += _since_final(db, house, month, wages, done, workers, True)[0]
            elif (wage := wages.get(engagement_id)) is not None:
                taken = _taken(db, project, month, {engagement_id: wage.gross_fen}, before)[0].get(engagement_id, [])
                for entry in taken:
                    before[str(entry.kind), entry.row_id] += entry.applied_fen
                if wage.gross_fen or taken:
                    contents.append(rules.regular_line(project_id, wage, taken))
        month = next_month(month)
    contents += [c for c in _back_pay(db, house, LATEST, now, workers)[0] if c.engagement_id == engagement_id]
    if not contents:
        return None
    contents.sort(key=lambda c: c.origin_month)
    hashes = [line_hash(c) for c in contents]
    cards = store.cards(db, workers)
    numbers = [s.version for s in store.versions(db, place.team_id, today, store.FINAL)]
    sheet_id = store.add_sheet(
        db,
        project_id=project_id,
        project_company_id=_team(db, project_id, place.team_id).project_company_id,
        team_id=place.team_id,
        month=today,
        kind=store.FINAL,
        version=max(numbers, default=0) + 1,
        digest=rules.digest((c.engagement_id, c.origin_month, h) for c, h in zip(contents, hashes, strict=True)),
        lines=[(c, h, cards.get(place.worker_id)) for c, h in zip(contents, hashes, strict=True)],
        by=handed_in_by,
        now=now,
    )
    store.add_act(db, sheet_id, act=Act.SUBMITTED, note="", by=handed_in_by, now=now)
    store.add_act(db, sheet_id, act=Act.APPROVED, note="", by=approved_by, now=now)
    return store.sheet(db, sheet_id)


def _suspects(
    db: Session,
    house: _House,
    origin: date,
    now: datetime,
    workers: Collection[int] | None,
    unlike: Collection[int],
) -> set[int]:
    """Workers whose closed month does not come out as it was posted, by the projection's sums.

    Args:
        unlike: those whose rows, as they are, say otherwise than what was posted. Of all others only who has facts that the rows
            do not know yet can be among the answer.
    """
    asked = projection.behind(db, house.project_id, next_month(origin), now) | set(unlike)
    if workers is not None:
        asked &= set(workers)
    if not asked:
        return set()
    current: dict[int, int] = defaultdict(int)
    for line in projection.wages_of_month(db, house.project_id, origin, now, workers=asked):
        if line.engagement_id:
            current[line.engagement_id] += line.gross_fen
        elif (home := house.home(line.worker_id, origin)) is not None:
            current[home.id] += line.gross_fen
    own = [place.id for worker in asked for place in house.of_worker.get(worker, ())]
    posted = {e: fen for (e, month), (_, fen) in store.posted_sums(db, house.project_id, own).items() if month == origin}
    return {
        house.places[e].worker_id
        for e in current.keys() | posted.keys()
        if current.get(e, 0) != posted.get(e, 0) and e in house.places
    }


def _nothing(place: EngagementPlace, month: date) -> MonthWage:
    """A month in which nothing was earned after all."""
    return MonthWage(
        worker_id=place.worker_id,
        engagement_id=place.id,
        team_id=place.team_id,
        month=month,
        accruals=(),
        items=(),
        gross_fen=0,
        day_milli=0,
        minutes=0,
        overtime_minutes=0,
        undecided_days=0,
        undecided_fen_max=0,
        no_terms_days=0,
    )


def proposals(db: Session, project_id: int, now: datetime) -> tuple[Proposal, ...]:
    """Return what closed months came out lower than they were posted, by engagement and month.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    return tuple(_back_pay(db, _house(db, project_id), LATEST, now, None, strict=False)[1])


# --- drafting ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drafted:
    """A team's sheet after drafting."""

    sheet: SheetInfo
    created: bool
    """False: the version that was there already says the same; nothing happened."""


def draft(
    db: Session,
    *,
    project_id: int,
    team_id: int,
    month: date,
    by: str,
    now: datetime,
    fresh: Fresh | None = None,
) -> Drafted:
    """Draft a team's sheet of a locked month from attendance.

    Args:
        fresh: what ``derive`` answered a moment ago, perhaps in a transaction that locked nothing; used when nothing
            has happened since.

    Raises:
        NotFound: ``project_unknown``, ``team_unknown``.
        BadRequest: ``month_out_of_range``.
        Conflict: ``period_not_locked``, ``period_closed``; ``sheet_empty``: nobody of the team earned anything;
            ``line_tampered``.
    """
    month = _month(month)
    team = _team(db, project_id, team_id)
    people.lock_project(db, project_id)
    _check_locked(db, project_id, month)
    return _draft(db, team, month, still(db, project_id, month, now, fresh, {team_id}), by, now)


def draft_all(
    db: Session, *, project_id: int, month: date, by: str, now: datetime, fresh: Fresh | None = None
) -> tuple[Drafted, ...]:
    """Draft the sheet of every team that earned something in a locked month, or had a sheet of it.

    Raises:
        NotFound, BadRequest, Conflict: as ``draft``, without ``team_unknown`` and ``sheet_empty``; ``sheets_none``: nobody earned anything.
    """
    month = _month(month)
    people.project(db, project_id)
    people.lock_project(db, project_id)
    _check_locked(db, project_id, month)
    fresh = still(db, project_id, month, now, fresh, None)
    wanted = set(fresh.lines) | {s.team_id for s in store.latest_sheets(db, project_id, month) if s.kind == REGULAR}
    if not wanted:
        raise Conflict("sheets_none")
    teams = {team.id: team for team in people.teams(db, project_id)}
    return tuple(_draft(db, teams[team_id], month, fresh, by, now) for team_id in sorted(wanted))


def draft_reached(
    db: Session, *, project_id: int, month: date, teams: Collection[int] | None, by: str, now: datetime, fresh: Fresh | None
) -> None:
    """Draft the sheets of the teams somebody reaches; None: of all.

    Raises:
        NotFound, BadRequest, Conflict: as ``draft_all``.
    """
    told = {"project_id": project_id, "month": month, "by": by, "now": now, "fresh": fresh}
    if teams is None or fresh is None:
        draft_all(db, **told)
        return
    wanted = set(fresh.lines) | {s.team_id for s in store.latest_sheets(db, project_id, month, kind=REGULAR)}
    if not wanted & set(teams):
        raise Conflict("sheets_none")
    for team_id in sorted(wanted & set(teams)):
        draft(db, team_id=team_id, **told)


def still(
    db: Session,
    project_id: int,
    month: date,
    now: datetime,
    fresh: Fresh | None,
    teams: Collection[int] | None = None,
) -> Fresh:
    """Return ``fresh`` when it still holds for these teams (None: all) and this month, else work it out again."""
    if (
        fresh is not None
        and (fresh.project_id, fresh.month) == (project_id, month)
        and (fresh.teams is None or (teams is not None and fresh.teams >= set(teams)))
        and _holds(db, fresh, now)
    ):
        return fresh
    return derive(db, project_id, month, now, teams=teams)


def _holds(db: Session, fresh: Fresh, now: datetime) -> bool:
    """True when ``fresh`` would come out the same now."""
    settled_at = _settled_at(db, fresh.project_id, fresh.month)
    if fresh.as_of < settled_at and not timedelta(0) <= now - fresh.as_of <= A_MOMENT:
        return False
    return store.unchanged(db, fresh.project_id, fresh.mark, settled_at)


def _settled_at(db: Session, project_id: int, month: date) -> datetime:
    """Until then a passage, or the end of the longest session, may still belong to the month."""
    return money.midnight(next_month(month) + AROUND, money.policy(db, project_id).time_zone)


class Months:
    """The last months that were worked out, kept by a process for as long as they hold.

    A month of five thousand workers takes seconds to work out; a clerk locks it, looks at it, drafts its sheets and steps
    them on, and nothing he asks for in between changes it. Nobody works the same month out twice at once.

    Args:
        sharing: helpers, where there are any.
    """

    KEPT = 2

    def __init__(self, sharing: Sharing | None = None) -> None:
        self._sharing = sharing
        self._guard = threading.Lock()
        self._kept: OrderedDict[tuple[int, date], Fresh] = OrderedDict()
        self._busy: dict[tuple[int, date], threading.Lock] = {}

    def fresh(self, database: Database, project_id: int, month: date, now: datetime, tell: Tell = silent) -> Fresh:
        """Return the month as it comes out now, in a snapshot of its own: a gate writes meanwhile.

        Raises:
            NotFound, BadRequest, Conflict: as ``derive``.
        """
        month = _month(month)
        key = project_id, month
        with self._guard:
            busy = self._busy.setdefault(key, threading.Lock())
        with busy, database.read() as db:
            found = self.known(db, project_id, month, now)
            if found is None:
                found = derive(db, project_id, month, now, sharing=self._sharing, tell=tell)
                with self._guard:
                    self._kept[key] = found
                    self._kept.move_to_end(key)
                    while len(self._kept) > self.KEPT:
                        self._busy.pop(self._kept.popitem(last=False)[0], None)
        return found

    def known(self, db: Session, project_id: int, month: date, now: datetime) -> Fresh | None:
        """Return the month when it is kept and holds; None else. Cheap."""
        with self._guard:
            found = self._kept.get((project_id, month))
        return found if found is not None and _holds(db, found, now) else None

    def before(
        self, database: Database, project_id: int, month: date, now: datetime, *, team_id: int | None = None, tell: Tell = silent
    ) -> Fresh | None:
        """Work out, before a write, what the write will need, so that it holds up nobody.

        None when the write needs nothing or will be refused: it says itself why.

        Args:
            team_id: only one team's sheet is asked for. A month that is kept answers that too.
        """
        month = _month(month)
        with database.read() as db:
            known = self.known(db, project_id, month, now)
            if known is not None:
                return known
            # A month that is not over cannot be locked, and a closed one has no sheets to come.
            over = next_month(month) <= local(now, money.policy(db, project_id)).date()
            if not over or store.period_state(db, project_id, month) == "closed":
                return None
            if team_id is not None:
                return derive(db, project_id, month, now, teams={team_id})
        return self.fresh(database, project_id, month, now, tell)


def _draft(
    db: Session, team: people.TeamInfo, month: date, fresh: Fresh, by: str, now: datetime
) -> Drafted:
    contents = fresh.lines.get(team.id, ())
    hashes = [fresh.hashes[c.engagement_id, c.origin_month] for c in contents]
    digest = fresh.digest(team.id)
    latest = store.latest_sheet(db, team.id, month, REGULAR)
    if latest is not None and latest.digest == digest and _state(latest) is not SheetState.RETURNED:
        return Drafted(latest, created=False)
    if latest is None and not contents:
        raise Conflict("sheet_empty")
    cards = store.cards(db, {content.worker_id for content in contents})
    sheet_id = store.add_sheet(
        db,
        project_id=fresh.project_id,
        project_company_id=team.project_company_id,
        team_id=team.id,
        month=month,
        kind=REGULAR,
        version=1 if latest is None else latest.version + 1,
        digest=digest,
        lines=[(c, h, cards.get(c.worker_id)) for c, h in zip(contents, hashes, strict=True)],
        by=by,
        now=now,
    )
    sheet = store.sheet(db, sheet_id)
    _journal(db, now, by, "sheet_drafted", sheet, {"version": sheet.version, "lines": len(contents)})
    return Drafted(sheet, created=True)


def _check_locked(db: Session, project_id: int, month: date) -> None:
    state = store.period_state(db, project_id, month)
    if state == "closed":
        raise Conflict("period_closed")
    if state != "locked":
        raise Conflict("period_not_locked")


def _team(db: Session, project_id: int, team_id: int) -> people.TeamInfo:
    people.project(db, project_id)
    team = next((team for team in people.teams(db, project_id) if team.id == team_id), None)
    if team is None:
        raise NotFound("team_unknown")
    return team


def _month(month: date) -> date:
    if not EARLIEST <= month < LATEST:
        raise BadRequest("month_out_of_range")
    return month_of(month)


# --- the steps -----------------------------------------------------------------------------------------------


def submit(
    db: Session, *, project_id: int, sheet_id: int, note: str = "", by: str, now: datetime, fresh: Fresh | None = None
) -> SheetInfo:
    """提交: the subcontractor hands the draft in. See ``_step`` for what it raises."""
    return _step(db, project_id, sheet_id, Act.SUBMITTED, note, by, now, fresh)


def check(
    db: Session, *, project_id: int, sheet_id: int, note: str = "", by: str, now: datetime, fresh: Fresh | None = None
) -> SheetInfo:
    """审核: the general contractor's labour officer compared it with attendance. Not whoever submitted it."""
    return _step(db, project_id, sheet_id, Act.CHECKED, note, by, now, fresh)


def publicise(
    db: Session, *, project_id: int, sheet_id: int, note: str = "", by: str, now: datetime, fresh: Fresh | None = None
) -> SheetInfo:
    """公示: it hangs out on site from now on."""
    return _step(db, project_id, sheet_id, Act.PUBLICISED, note, by, now, fresh)


def approve(
    db: Session, *, project_id: int, sheet_id: int, note: str = "", by: str, now: datetime, fresh: Fresh | None = None
) -> SheetInfo:
    """批准: by the project manager, who neither submitted nor checked, when it has hung out long enough.

    It does not wait for signatures; payment does.
    """
    return _step(db, project_id, sheet_id, Act.APPROVED, note, by, now, fresh)


def send_back(
    db: Session, *, project_id: int, sheet_id: int, note: str, by: str, now: datetime, fresh: Fresh | None = None
) -> SheetInfo:
    """退回: this version has ended, with a reason. The next draft is another version, even with the same content."""
    if len(note.strip()) < NOTE_LENGTH_MIN:
        raise BadRequest("sheet_note_needed", length_min=NOTE_LENGTH_MIN)
    return _step(db, project_id, sheet_id, Act.RETURNED, note, by, now)


def _step(
    db: Session, project_id: int, sheet_id: int, act: Act, note: str, by: str, now: datetime, fresh: Fresh | None = None
) -> SheetInfo:
    """Do a step; done twice by the same person, it is done once.

    Raises:
        NotFound: ``project_unknown``, ``sheet_unknown`` on this project.
        BadRequest: ``sheet_note_wrong``.
        Forbidden: ``sheet_same_person``, who made it may not check or approve it.
        Conflict: ``period_closed``; ``sheet_superseded``, there is a newer version; ``sheet_returned``,
            ``sheet_order``, ``sheet_act_done``, ``sheet_too_early``; ``sheet_empty``; ``sheet_stale``, the facts say
            something else by now; ``line_tampered``.
    """
    note = _note(note)
    project = people.project(db, project_id)
    _sheet(db, project_id, sheet_id)
    people.lock_project(db, project_id)
    sheet = _sheet(db, project_id, sheet_id)
    if any((s.act, s.by) == (str(act), by) for s in sheet.steps):
        return sheet
    if store.period_state(db, project_id, sheet.month) == "closed":
        raise Conflict("period_closed")
    if not _is_latest(db, sheet):
        raise Conflict("sheet_superseded")
    refusal = rules.refusal(
        _steps(sheet, project),
        act,
        by=by,
        on=_local(now, project),
        publicity_days=_publicity_days(db, project, now),
    )
    if refusal is not None:
        _refuse(refusal)
    lines = store.lines(db, sheet_id)
    if not lines and act is not Act.RETURNED:
        raise Conflict("sheet_empty")
    if act in COMPARED:
        if not is_true(sheet, lines):
            raise Conflict("line_tampered", line_id=next((i.id for i in lines if not i.is_true), 0))
        fresh = still(db, project_id, sheet.month, now, fresh, {sheet.team_id})
        if fresh.digest(sheet.team_id) != sheet.digest:
            raise Conflict("sheet_stale")
    if store.add_act(db, sheet_id, act=str(act), note=note, by=by, now=now):
        _journal(db, now, by, f"sheet_{act}", sheet, {"version": sheet.version})
    return store.sheet(db, sheet_id)


def _refuse(refusal: Refusal) -> None:
    if refusal.code == "sheet_same_person":
        raise Forbidden("sheet_same_person")
    raise Conflict(refusal.code, **refusal.facts)


def choices(db: Session, *, project_id: int, sheet_id: int, by: str, now: datetime) -> dict[Act, Refusal | None]:
    """Return for every step why ``by`` cannot do it now, or None: for buttons. Staleness is not looked at.

    Raises:
        NotFound: ``project_unknown``, ``sheet_unknown``.
    """
    people.project(db, project_id)
    sheet = _sheet(db, project_id, sheet_id)
    if store.period_state(db, project_id, sheet.month) != "closed" and not _is_latest(db, sheet):
        return dict.fromkeys(Act, Refusal("sheet_superseded"))
    return choices_of(db, sheet, by=by, now=now)


def choices_of(db: Session, sheet: SheetInfo, *, by: str, now: datetime) -> dict[Act, Refusal | None]:
    """The same as ``choices`` of a sheet in hand that is known to be the newest of its team's month."""
    project_id = sheet.project_id
    project = people.project(db, project_id)
    if once(db, ("period", project_id, sheet.month), lambda: store.period_state(db, project_id, sheet.month)) == "closed":
        return dict.fromkeys(Act, Refusal("period_closed"))
    return dict(
        rules.choices(
            _steps(sheet, project), by=by, on=_local(now, project), publicity_days=once(db, ("publicity", project_id, now), lambda: _publicity_days(db, project, now)),
        )
    )


def state_of(sheet: SheetInfo) -> SheetState:
    """Where a version stands."""
    return _state(sheet)


def _state(sheet: SheetInfo) -> SheetState:
    return rules.state_of(Step(Act(s.act), s.by, s.at, s.at.date()) for s in sheet.steps)


def _steps(sheet: SheetInfo, project: ProjectInfo) -> tuple[Step, ...]:
    return tuple(Step(Act(s.act), s.by, s.at, _local(s.at, project)) for s in sheet.steps)


def _publicity_days(db: Session, project: ProjectInfo, now: datetime) -> int:
    value = terms.area_value(db, project.area_code, "publicity_days", _local(now, project))
    return rules.PUBLICITY_DAYS if value is None else int(value)


def approvable_on(db: Session, project_id: int, sheet: SheetInfo, now: datetime) -> date | None:
    """The first day on which a sheet that hangs out may be approved; None while it does not hang out."""
    project = people.project(db, project_id)
    publicised = next((s for s in _steps(sheet, project) if s.act is Act.PUBLICISED), None)
    return None if publicised is None else publicised.on + timedelta(days=_publicity_days(db, project, now))


def _local(at: datetime, project: ProjectInfo) -> date:
    return at.astimezone(ZoneInfo(project.time_zone)).date()


def _sheet(db: Session, project_id: int, sheet_id: int) -> SheetInfo:
    sheet = store.sheet(db, sheet_id)
    if sheet.project_id != project_id:
        raise NotFound("sheet_unknown")
    return sheet


def _is_latest(db: Session, sheet: SheetInfo) -> bool:
    latest = store.latest_sheet(db, sheet.team_id, sheet.month, sheet.kind)
    return latest is not None and latest.id == sheet.id


def is_true(sheet: SheetInfo, lines: Sequence[LineInfo]) -> bool:
    """True when the lines of a version are what was written, and all of them are there."""
    return all(line.is_true for line in lines) and sheet.digest == rules.digest(
        (line.content.engagement_id, line.content.origin_month, line.line_hash) for line in lines
    )


def _note(text: str) -> str:
    text = text.strip()
    if len(text) > NOTE_LENGTH_MAX or not text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        raise BadRequest("sheet_note_wrong", length_max=NOTE_LENGTH_MAX)
    return text


# --- reading -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineView:
    """A line beside what the gate says now."""

    line: LineInfo
    name: str = field(repr=False)
    trade: str | None
    confirmation: Confirmation | None
    payable_fen: int
    held_fen: int
    day_milli_now: int | None
    """Man-days of this line as they come out now; None when there would be no such line any more, or nobody asked."""
    gross_fen_now: int | None
    is_stale: bool
    """The line would be written otherwise now."""
    is_true: bool
    """False: somebody changed the row after it was written."""
    carried_in_fen: int
    """上期未付: what the engagement still has to get from earlier months; on its first line only."""
    paid_fen: int
    """Of this line, arrived or received outside the special account."""
    unpaid_fen: int
    """未付余额: carried in, and what of this line has not been received."""


@dataclass(frozen=True, slots=True)
class SheetView:
    """A version of a sheet as somebody reads it."""

    sheet: SheetInfo
    state: SheetState
    is_latest: bool
    is_stale: bool
    """It would be written otherwise now: a line changed, came or went."""
    team_name: str
    company_name: str
    lines: tuple[LineView, ...]
    coming: tuple[LineContent, ...]
    """Lines that would be added now."""
    proposals: tuple[Proposal, ...]
    problems: tuple[Problem, ...]
    gross_fen: int
    deductions_fen: int
    advances_fen: int
    net_fen: int
    publicised_on: date | None
    approvable_on: date | None
    """First day on which it may be approved."""


def view(db: Session, *, project_id: int, sheet_id: int, now: datetime, compare: bool = True) -> SheetView:
    """Return a sheet with its lines beside what comes out now.

    Args:
        compare: False leaves the attendance alone (nothing is stale then): for lists.

    Raises:
        NotFound: ``project_unknown``, ``sheet_unknown``.
    """
    project = people.project(db, project_id)
    sheet = _sheet(db, project_id, sheet_id)
    lines = store.lines(db, sheet_id)
    who = store.listed(db, {line.content.engagement_id for line in lines})
    said = store.confirmations(db, project_id, "line", (line.line_hash for line in lines))
    team = next(team for team in people.teams(db, project_id) if team.id == sheet.team_id)
    closed = store.period_state(db, project_id, sheet.month) == "closed"
    coming: tuple[LineContent, ...] = ()
    waiting: tuple[Proposal, ...] = ()
    problems: tuple[Problem, ...] = ()
    now_of: dict[tuple[int, date], tuple[int, int, bool]] = {}
    if sheet.kind == store.FINAL:
        pass  # it is not drafted again: what has changed since stands on the next sheet of its team
    elif compare and closed:
        now_of = _beside_closed(db, project_id, lines, now)
    elif compare:
        fresh = derive(db, project_id, sheet.month, now, teams={sheet.team_id}, strict=False)
        by_key = {(c.engagement_id, c.origin_month): c for c in fresh.lines.get(sheet.team_id, ())}
        for line in lines:
            content = by_key.pop((line.content.engagement_id, line.content.origin_month), None)
            if content is not None:
                now_of[content.engagement_id, content.origin_month] = (
                    content.day_milli, content.gross_fen,
                    fresh.hashes[content.engagement_id, content.origin_month] != line.line_hash,
                )  # fmt: skip
        coming, waiting = tuple(by_key.values()), fresh.proposals
        on_team = {p.worker_id for p in _house(db, project_id).places.values() if p.team_id == sheet.team_id}
        problems = tuple(p for p in fresh.problems if p.worker_id in on_team)
    money_of = {p.line_id: p for p in store.unsettled_lines(db, project_id)}
    on_paper = store.is_posted(db, sheet)
    earlier: dict[int, int] = defaultdict(int)
    for p in money_of.values():
        if p.month < sheet.month:
            earlier[p.engagement_id] += p.owed_fen
    shown: list[LineView] = []
    for line in lines:
        key = (line.content.engagement_id, line.content.origin_month)
        known = now_of.get(key)
        pay, held = rules.payable(line.content.net_fen, said.get(line.line_hash))
        posted = money_of.get(line.id)
        plain = on_paper and posted is None
        carried = earlier.pop(line.content.engagement_id, 0)
        shown.append(
            LineView(
                line=line,
                name=who[line.content.engagement_id].name,
                trade=who[line.content.engagement_id].trade,
                confirmation=said.get(line.line_hash),
                payable_fen=posted.payable_fen if posted else pay,
                held_fen=posted.held_fen if posted else held,
                day_milli_now=known[0] if known else None,
                gross_fen_now=known[1] if known else None,
                is_stale=compare and (known is None or known[2]),
                is_true=line.is_true,
                carried_in_fen=carried,
                paid_fen=posted.paid_fen if posted else line.content.net_fen if plain else 0,
                unpaid_fen=carried + (posted.owed_fen if posted else 0 if plain else max(0, line.content.net_fen)),
            )
        )
    publicised = next((s for s in _steps(sheet, project) if s.act is Act.PUBLICISED), None)
    return SheetView(
        sheet=sheet,
        state=_state(sheet),
        is_latest=_is_latest(db, sheet),
        is_stale=bool(coming) or any(one.is_stale for one in shown),
        team_name=team.name,
        company_name=team.company_name,
        lines=tuple(shown),
        coming=coming,
        proposals=waiting,
        problems=problems,
        gross_fen=sum(line.content.gross_fen for line in lines),
        deductions_fen=sum(line.content.deductions_fen for line in lines),
        advances_fen=sum(line.content.advances_fen for line in lines),
        net_fen=sum(line.content.net_fen for line in lines),
        publicised_on=publicised.on if publicised else None,
        approvable_on=(
            publicised.on + timedelta(days=_publicity_days(db, project, now)) if publicised else None
        ),
    )


def _beside_closed(
    db: Session, project_id: int, lines: Sequence[LineInfo], now: datetime
) -> dict[tuple[int, date], tuple[int, int, bool]]:
    """(engagement, origin) -> (man-days, gross) of the line if the whole origin month were posted now, and whether
    that differs: the difference is on its way as back pay."""
    house: _House | None = None
    engagements = {line.content.engagement_id for line in lines}
    workers = {line.content.worker_id for line in lines}
    posted = store.posted_sums(db, project_id, engagements, of=(workers, {line.content.origin_month for line in lines}))
    answer = {}
    for origin in sorted({line.content.origin_month for line in lines}):
        wages: Mapping[int, MonthLine | MonthWage] = {
            line.engagement_id: line
            for line in projection.wages_of_month(db, project_id, origin, now, with_detail=False, workers=workers)
        }
        if 0 in wages:
            # Work that no engagement covers goes with one beside it: that is worked out, not read.
            house = house or _house(db, project_id)
            wages, _ = _wages(db, house, origin, now, workers)
        for line in lines:
            key = (line.content.engagement_id, line.content.origin_month)
            if key[1] != origin:
                continue
            current = wages.get(key[0])
            if current is None:
                house = house or _house(db, project_id)
                current = _nothing(house.places[key[0]], origin)
            days_posted, gross_posted = posted.get(key, (0, 0))
            days = current.day_milli - days_posted + line.content.day_milli
            gross = current.gross_fen - gross_posted + line.content.gross_fen
            answer[key] = (days, gross, gross != line.content.gross_fen)
    return answer


@dataclass(frozen=True, slots=True)
class TeamSheet:
    """One row of the list of sheets."""

    sheet: SheetInfo
    state: SheetState
    lines: int
    net_fen: int
    agreed: int
    disputed: int
    unsigned: int


def sheets_of(db: Session, project_id: int, month: date | None = None) -> tuple[TeamSheet, ...]:
    """Return the newest version of every sheet of a project, of one month or all, with how many have signed.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    return kept(db, project_id, ("sheets", month), lambda: _sheets_of(db, project_id, month))


def _sheets_of(db: Session, project_id: int, month: date | None) -> tuple[TeamSheet, ...]:
    sheets = store.latest_sheets(db, project_id, None if month is None else _month(month))
    lines_of = store.line_heads(db, [sheet.id for sheet in sheets])
    said = store.confirmations(db, project_id, "line", (h.line_hash for heads in lines_of.values() for h in heads))
    answer = []
    for sheet in sheets:
        heads = lines_of[sheet.id]
        verdicts = [said[h.line_hash].verdict if h.line_hash in said else None for h in heads]
        answer.append(
            TeamSheet(
                sheet=sheet,
                state=_state(sheet),
                lines=len(heads),
                net_fen=sum(h.net_fen for h in heads),
                agreed=verdicts.count(Verdict.AGREE),
                disputed=verdicts.count(Verdict.DISPUTE),
                unsigned=verdicts.count(None),
            )
        )
    return tuple(answer)


def team_of(db: Session, project_id: int, sheet_id: int) -> int:
    """Return the team a sheet is of.

    Raises:
        NotFound: ``sheet_unknown`` on this project.
    """
    return _sheet(db, project_id, sheet_id).team_id


def sheet_of_line(db: Session, project_id: int, line_id: int) -> int:
    """Return the sheet a line stands on.

    Raises:
        NotFound: ``line_unknown`` on this project.
    """
    line = store.line(db, line_id)
    if store.sheet(db, line.sheet_id).project_id != project_id:
        raise NotFound("line_unknown")
    return line.sheet_id


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A line whose worker has not said anything about it: it is not paid until he has."""

    line_id: int
    line_hash: str
    sheet_id: int
    team_id: int
    engagement_id: int
    worker_id: int
    name: str = field(repr=False)
    origin_month: date
    net_fen: int


def unsigned(db: Session, project_id: int, month: date) -> tuple[Unsigned, ...]:
    """Return the lines of a month's sheets that nobody has signed, by team and engagement.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    sheets = {sheet.id: sheet for sheet in store.latest_sheets(db, project_id, _month(month))}
    heads = [h for found in store.line_heads(db, sheets).values() for h in found]
    said = store.confirmations(db, project_id, "line", (h.line_hash for h in heads))
    waiting = [h for h in heads if h.line_hash not in said]
    who = store.listed(db, {h.engagement_id for h in waiting})
    return tuple(
        Unsigned(
            line_id=h.id,
            line_hash=h.line_hash,
            sheet_id=h.sheet_id,
            team_id=sheets[h.sheet_id].team_id,
            engagement_id=h.engagement_id,
            worker_id=h.worker_id,
            name=who[h.engagement_id].name,
            origin_month=h.origin_month,
            net_fen=h.net_fen,
        )
        for h in waiting
    )


# --- the worker's word ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A worker's word on record."""

    confirmation: Confirmation
    created: bool
    """False: he had said exactly this before; nothing happened now."""


def confirm(
    db: Session,
    *,
    project_id: int,
    line_id: int,
    line_hash: str,
    verdict: str,
    method: str,
    evidence: Sequence[int] = (),
    claimed_fen: int | None = None,
    reason: str = "",
    proved: bool = False,
    by: str,
    now: datetime,
) -> Confirmed:
    """Record that a worker signed or disputed his line; a dispute is settled by signing again or by a new version.

    Args:
        line_hash: of the line as he saw it.
        verdict: ``agree`` or ``dispute``.
        method: ``paper``, ``screen``, ``face``, ``phone``, or ``unreachable`` (agree only: lets the wages go out).
        evidence: ids of evidence files; at least one to agree.
        claimed_fen: for ``dispute``: the net he says is right, 0 <= claimed < ``CLAIM_FEN_LIMIT``, not the line's.
        reason: for ``dispute``: what he says is wrong.
        proved: the caller keeps what shows that it was him (``app.signatures``): no file is needed to agree.

    Raises:
        NotFound: ``project_unknown``, ``line_unknown``, ``evidence_unknown``.
        Conflict: ``line_changed``, the sheet says something else by now; ``sheet_not_submitted``;
            ``line_tampered``.
        BadRequest: ``verdict_unknown``, ``method_unknown``, ``signature_evidence_needed``, ``signature_evidence_many``,
            ``claim_needed``, ``claim_wrong``, ``sheet_note_needed``, ``sheet_note_wrong``, ``unreachable_disputes``;
            ``consent_not_written``, for a line that takes something back.
    """
    people.project(db, project_id)
    line = store.line(db, line_id)
    sheet = store.sheet(db, line.sheet_id)
    if sheet.project_id != project_id:
        raise NotFound("line_unknown")
    people.lock_project(db, project_id)
    latest = store.latest_sheet(db, sheet.team_id, sheet.month, sheet.kind)
    key = (line.content.engagement_id, line.content.origin_month)
    current = next(
        (i for i in store.lines(db, latest.id) if (i.content.engagement_id, i.content.origin_month) == key), None
    )
    if current is None or current.line_hash != line_hash:
        raise Conflict("line_changed")
    if not current.is_true:
        raise Conflict("line_tampered", line_id=current.id)
    handed_in = (s for v in store.versions(db, sheet.team_id, sheet.month, sheet.kind) for s in v.steps)
    if not any(s.act == Act.SUBMITTED for s in handed_in):
        raise Conflict("sheet_not_submitted")
    return _word(
        db, project_id, current.content, line_hash, f"line:{current.id}", verdict=verdict, method=method,
        evidence=evidence, claimed_fen=claimed_fen, reason=reason, proved=proved, by=by, now=now,
    )  # fmt: skip


def consent(
    db: Session,
    *,
    project_id: int,
    engagement_id: int,
    origin_month: date,
    line_hash: str,
    verdict: str = "agree",
    method: str,
    evidence: Sequence[int] = (),
    claimed_fen: int | None = None,
    reason: str = "",
    by: str,
    now: datetime,
) -> Confirmed:
    """Record a worker's word on a proposal: that a closed month paid him too much, and how much is taken back.

    With his written ``agree`` the next draft has the negative line.

    Raises:
        NotFound: ``project_unknown``, ``proposal_unknown``, ``evidence_unknown``.
        Conflict: ``line_changed``, the difference is another by now; ``line_tampered``.
        BadRequest: as ``confirm``; ``consent_not_written``: somebody who cannot be reached gives nothing up.
    """
    people.project(db, project_id)
    people.lock_project(db, project_id)
    house = _house(db, project_id)
    place = house.places.get(engagement_id)
    if place is None:
        raise NotFound("proposal_unknown")
    lines, waiting = _back_pay(db, house, LATEST, now, {place.worker_id})
    key = (engagement_id, month_of(origin_month))
    # Agreed already, it is a line: he may say it again, or take it back by disputing it.
    lower = [*(p.content for p in waiting), *(content for content in lines if content.net_fen < 0)]
    found = next((c for c in lower if (c.engagement_id, c.origin_month) == key), None)
    if found is None:
        raise NotFound("proposal_unknown")
    if rules.line_hash(found) != line_hash:
        raise Conflict("line_changed")
    return _word(
        db, project_id, found, line_hash, f"engagement:{engagement_id}", verdict=verdict, method=method,
        evidence=evidence, claimed_fen=claimed_fen, reason=reason, by=by, now=now,
    )  # fmt: skip


def _word(
    db: Session,
    project_id: int,
    content: LineContent,
    hash_: str,
    about: str,
    *,
    verdict: str,
    method: str,
    evidence: Sequence[int],
    claimed_fen: int | None,
    reason: str,
    by: str,
    now: datetime,
    proved: bool = False,
) -> Confirmed:
    if content.net_fen < 0 and method == Method.UNREACHABLE:
        raise BadRequest("consent_not_written")
    return record_word(
        db,
        project_id=project_id,
        worker_id=content.worker_id,
        subject="line",
        content_hash=hash_,
        stands_fen=content.net_fen,
        about=about,
        verdict=verdict,
        method=method,
        evidence=evidence,
        claimed_fen=claimed_fen,
        reason=reason,
        proved=proved,
        by=by,
        now=now,
    )


def record_word(
    db: Session,
    *,
    project_id: int,
    worker_id: int,
    subject: str,
    content_hash: str,
    stands_fen: int,
    about: str,
    verdict: str,
    method: str,
    evidence: Sequence[int],
    claimed_fen: int | None,
    reason: str,
    by: str,
    now: datetime,
    proved: bool = False,
) -> Confirmed:
    """Check and append a worker's word on exactly this content; the same word again is the one on record.

    The caller has made sure that the content stands, and holds the project's lock.

    Args:
        subject: ``line`` or ``settlement``.
        stands_fen: what the content says he gets; a claim of the same is no dispute.
        about: for the journal.
        proved: as ``confirm``.

    Raises:
        BadRequest, NotFound: as ``confirm`` says.
    """
    if verdict not in set(Verdict):
        raise BadRequest("verdict_unknown")
    if method not in set(Method):
        raise BadRequest("method_unknown")
    reason = _note(reason)
    evidence = tuple(dict.fromkeys(evidence))
    if len(evidence) > EVIDENCE_MAX:
        raise BadRequest("signature_evidence_many", count_max=EVIDENCE_MAX)
    if verdict == Verdict.AGREE:
        if not evidence and not proved:
            raise BadRequest("signature_evidence_needed")
        claimed_fen = None
    else:
        if method == Method.UNREACHABLE:
            raise BadRequest("unreachable_disputes")
        if claimed_fen is None:
            raise BadRequest("claim_needed")
        if type(claimed_fen) is not int or not 0 <= claimed_fen < CLAIM_FEN_LIMIT or claimed_fen == stands_fen:
            raise BadRequest("claim_wrong", limit_fen=CLAIM_FEN_LIMIT)
        if len(reason) < NOTE_LENGTH_MIN:
            raise BadRequest("sheet_note_needed", length_min=NOTE_LENGTH_MIN)
    timekeeping.check_evidence(db, project_id, evidence)
    before = store.confirmations(db, project_id, subject, [content_hash]).get(content_hash)
    said = (verdict, method, claimed_fen, reason, evidence)
    if before is not None and said == (
        before.verdict, before.method, before.claimed_fen, before.reason, before.evidence
    ):  # fmt: skip
        return Confirmed(before, created=False)
    store.add_confirmation(
        db,
        project_id=project_id,
        worker_id=worker_id,
        subject=subject,
        content_hash=content_hash,
        verdict=verdict,
        claimed_fen=claimed_fen,
        reason=reason,
        method=method,
        evidence=evidence,
        by=by,
        now=now,
    )
    word = store.confirmations(db, project_id, subject, [content_hash])[content_hash]
    accounts.journal(
        db,
        at=now,
        actor=by,
        action=f"{subject}_{'signed' if verdict == Verdict.AGREE else 'disputed'}",
        project_id=project_id,
        object=about,
        facts={"method": str(method), "confirmation_id": word.id},
    )
    return Confirmed(word, created=True)


# --- the wage slip -------------------------------------------------------------------------------------------

_SLIP = "slip"


@dataclass(frozen=True, slots=True)
class Slip:
    """工资清单: one line as the worker takes it home."""

    line: LineInfo
    code: str
    """Anybody may ask ``verify_slip`` about it."""
    project_name: str
    company_name: str
    team_name: str
    name: str = field(repr=False)
    trade: str | None
    month: date
    state: SheetState
    confirmation: Confirmation | None
    paid_fen: int
    unpaid_fen: int


@dataclass(frozen=True, slots=True)
class SlipAnswer:
    """What a stranger with a printed slip is told: enough to compare, nothing to collect."""

    code: str
    project_name: str
    month: date
    origin_month: date
    name_masked: str
    gross_fen: int
    deductions_fen: int
    advances_fen: int
    net_fen: int
    is_current: bool
    """False: a newer version of the sheet says something else."""


def slip(db: Session, vault: Vault, *, project_id: int, line_id: int) -> Slip:
    """Return the wage slip of a line of an approved sheet.

    Raises:
        NotFound: ``project_unknown``, ``line_unknown``.
        Conflict: ``sheet_not_approved``, ``line_tampered``.
    """
    project = people.project(db, project_id)
    line = store.line(db, line_id)
    sheet = store.sheet(db, line.sheet_id)
    if sheet.project_id != project_id:
        raise NotFound("line_unknown")
    if _state(sheet) is not SheetState.APPROVED:
        raise Conflict("sheet_not_approved")
    if not line.is_true:
        raise Conflict("line_tampered", line_id=line.id)
    team = next(team for team in people.teams(db, project_id) if team.id == sheet.team_id)
    who = store.listed(db, [line.content.engagement_id])[line.content.engagement_id]
    own = {p.line_id: p for p in store.payable_lines(db, project_id, workers=[line.content.worker_id])}
    posted = own.get(line.id)
    return Slip(
        line=line,
        code=_slip_code(vault, line),
        project_name=project.name,
        company_name=team.company_name,
        team_name=team.name,
        name=who.name,
        trade=who.trade,
        month=sheet.month,
        state=_state(sheet),
        confirmation=store.confirmations(db, project_id, "line", [line.line_hash]).get(line.line_hash),
        paid_fen=posted.paid_fen if posted else 0,
        unpaid_fen=posted.owed_fen if posted else max(0, line.content.net_fen),
    )


def verify_slip(db: Session, vault: Vault, code: str) -> SlipAnswer:
    """Say whether a printed wage slip is true: the code is ours, and the line behind it is what it was.

    Raises:
        BadRequest: ``slip_code_malformed``: mistyped, or never one of ours.
        NotFound: ``slip_unknown``: no slip has this code.
        Conflict: ``line_tampered``: it was issued, and somebody changed the line since.
    """
    try:
        line_id, bits = rules.read_slip_code(code)
    except ValueError:
        raise BadRequest("slip_code_malformed") from None
    try:
        line = store.line(db, line_id)
    except NotFound:
        raise NotFound("slip_unknown") from None
    sheet = store.sheet(db, line.sheet_id)
    if rules.mac_bits(_slip_mac(vault, line)) != bits or _state(sheet) is not SheetState.APPROVED:
        raise NotFound("slip_unknown")
    if not line.is_true:
        raise Conflict("line_tampered", line_id=line.id)
    project = people.project(db, sheet.project_id)
    content = line.content
    return SlipAnswer(
        code=_slip_code(vault, line),
        project_name=project.name,
        month=sheet.month,
        origin_month=content.origin_month,
        name_masked=_masked(db, content.worker_id),
        gross_fen=content.gross_fen,
        deductions_fen=content.deductions_fen,
        advances_fen=content.advances_fen,
        net_fen=content.net_fen,
        is_current=_is_latest(db, sheet),
    )


def _masked(db: Session, worker_id: int) -> str:
    return mask_name(people.worker(db, worker_id).name, View.PUBLIC)


def _slip_mac(vault: Vault, line: LineInfo) -> str:
    # The root of the index never changes, so a slip printed before a key rotation stays verifiable.
    return vault.index(_SLIP, f"{line.id}:{line.line_hash}")


def _slip_code(vault: Vault, line: LineInfo) -> str:
    return rules.slip_code(line.id, _slip_mac(vault, line))


# --- why? ----------------------------------------------------------------------------------------------------


def why(
    db: Session,
    *,
    project_id: int,
    payment_id: int | None = None,
    line_id: int | None = None,
    worker_id: int | None = None,
    on: date | None = None,
    now: datetime,
) -> dict[str, Any]:
    """Explain a payment, a line or a worker's day down to the passages: one answer, JSON-ready.

    ``line.items`` is what was posted or drafted; ``days`` is what the facts say now, each with its sessions, passages,
    corrections and wage items; ``terms`` are those the items were priced by. A day tells the line it was posted on, and
    where that went, where there is one.

    Args:
        payment_id, line_id, worker_id: one of them.
        on: the day, with ``worker_id``.

    Raises:
        ValueError: none or several are given.
        NotFound: ``project_unknown``, ``payment_unknown``, ``line_unknown``, ``worker_not_on_project``.
    """
    if [payment_id, line_id, worker_id].count(None) != 2 or (worker_id is None) != (on is None):
        raise ValueError("why is asked of a payment, of a line or of a day")
    people.project(db, project_id)
    if worker_id is not None and on is not None:
        return _why_day(db, project_id, worker_id, on, now)
    answer: dict[str, Any] = {"project_id": project_id, "payment": None, "transfers": [], "line": None, "days": []}
    if payment_id is not None:
        payment = money.payment(db, project_id, payment_id)
        item_id, reverses_id = store.payment_item(db, project_id, payment_id)
        if item_id is None and reverses_id is not None:
            item_id, _ = store.payment_item(db, project_id, reverses_id)
        answer["payment"] = {
            "id": payment.id,
            "worker_id": payment.worker_id,
            "amount_fen": payment.amount_fen,
            "paid_on": payment.paid_on.isoformat(),
            "for_month": payment.for_month.isoformat(),
            "channel": payment.channel,
            "reverses_id": reverses_id,
            "item_id": item_id,
        }
        moved = store.transfers(db, item_id=item_id) if item_id is not None else ()
        worker_id, origin = payment.worker_id, payment.for_month
        if moved:
            line_id = moved[0].line_id
        elif own := _posted_of(db, project_id, worker_id, origin):
            # In cash or from another account: no transfer names a line, it is set against the worker's of that month.
            line_id = own[-1].id
    else:
        moved = ()
    if line_id is not None:
        line = store.line(db, line_id)
        sheet = store.sheet(db, line.sheet_id)
        if sheet.project_id != project_id:
            raise NotFound("line_unknown")
        if payment_id is None:
            moved = store.transfers(db, line_id=line_id)
        worker_id, origin = line.content.worker_id, line.content.origin_month
        said = store.confirmations(db, project_id, "line", [line.line_hash]).get(line.line_hash)
        answer["line"] = _line_json(line, sheet, said)
    answer["transfers"] = [_transfer_json(t) for t in moved]
    answer |= _month_json(db, project_id, worker_id, origin, now)
    return answer


def month_of_worker(
    db: Session, project_id: int, worker_id: int, month: date, line_ids: Sequence[int], now: datetime
) -> dict[str, Any]:
    """A worker's whole month as ``why`` tells it, with several lines: each has its ``confirmation`` and ``transfers``."""
    told = []
    for line_id in line_ids:
        line = store.line(db, line_id)
        said = store.confirmations(db, project_id, "line", [line.line_hash]).get(line.line_hash)
        moved = [_transfer_json(t) for t in store.transfers(db, line_id=line_id)]
        told.append(_line_json(line, store.sheet(db, line.sheet_id), said) | {"transfers": moved})
    return _month_json(db, project_id, worker_id, month, now) | {"lines": told}


def _why_day(db: Session, project_id: int, worker_id: int, on: date, now: datetime) -> dict[str, Any]:
    if not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    told = _month_json(db, project_id, worker_id, month_of(on), now)
    day = on.isoformat()
    told["days"] = [d for d in told["days"] if d["work_date"] == day]
    told["corrections"] = [c for c in told["corrections"] if c["work_date"] == day]
    used = {item.get("row_id") for d in told["days"] for item in d["items"]}
    # Paid by the month, a day has no item of its own: then the month's terms stay.
    told["terms"] = [t for t in told["terms"] if t["id"] in used] or told["terms"]
    lines = _posted_of(db, project_id, worker_id, month_of(on))
    on_it = [line for line in lines if any(item.work_date == on for item in line.content.items)] or lines
    line = on_it[-1] if on_it else None
    said = None if line is None else store.confirmations(db, project_id, "line", [line.line_hash]).get(line.line_hash)
    return {
        "project_id": project_id,
        "payment": None,
        "line": None if line is None else _line_json(line, store.sheet(db, line.sheet_id), said),
        "transfers": [] if line is None else [_transfer_json(t) for t in store.transfers(db, line_id=line.id)],
    } | told


def _posted_of(db: Session, project_id: int, worker_id: int, origin: date) -> list[LineInfo]:
    """The worker's lines of closed months for one month, the oldest first."""
    own = [e.id for e in people.engagements_of(db, project_id, worker_id)]
    return [line for line in store.posted_lines(db, project_id, engagements=own) if line.content.origin_month == origin]


def _line_json(line: LineInfo, sheet: SheetInfo, said: Confirmation | None) -> dict[str, Any]:
    content = line.content
    return {
        "id": line.id,
        "sheet_id": sheet.id,
        "team_id": sheet.team_id,
        "month": sheet.month.isoformat(),
        "version": sheet.version,
        "state": str(_state(sheet)),
        "steps": [{"act": s.act, "by": s.by, "at": s.at.isoformat()} for s in sheet.steps],
        "engagement_id": content.engagement_id,
        "worker_id": content.worker_id,
        "origin_month": content.origin_month.isoformat(),
        "day_milli": content.day_milli,
        "minutes": content.minutes,
        "overtime_minutes": content.overtime_minutes,
        "gross_fen": content.gross_fen,
        "deductions_fen": content.deductions_fen,
        "advances_fen": content.advances_fen,
        "net_fen": content.net_fen,
        "items": [item.to_json() for item in content.items],
        "line_hash": line.line_hash,
        "is_true": line.is_true,
        "confirmation": None
        if said is None
        else {
            "id": said.id,
            "verdict": str(said.verdict),
            "method": str(said.method),
            "claimed_fen": said.claimed_fen,
            "evidence": list(said.evidence),
            "by": said.recorded_by,
            "at": said.at.isoformat(),
        },
    }


def _transfer_json(transfer: store.Transfer) -> dict[str, Any]:
    return {
        "item_id": transfer.item_id,
        "batch_id": transfer.batch_id,
        "batch_no": transfer.batch_no,
        "line_id": transfer.line_id,
        "amount_fen": transfer.amount_fen,
        "card_id": transfer.card_id,
        "batch_acts": list(transfer.acts),
        "results": [{"status": s, "code": c, "on": on.isoformat()} for s, c, on in transfer.results],
    }


def _month_json(db: Session, project_id: int, worker_id: int, month: date, now: datetime) -> dict[str, Any]:
    """Days of one worker's month as the facts are now, with everything they rest on."""
    days: list[WorkDay] = []
    wages: list[MonthWage] = []
    for worked in projection.months(
        db, project_id, from_month=month, to_month=next_month(month), as_of=now, workers=[worker_id]
    ):
        days += [d for d in worked.days if d.worker_id == worker_id and month_of(d.work_date) == month]
        wages += [m for m in worked.months if m.worker_id == worker_id and m.month == month]
    priced = {a.work_date: a for wage in wages for a in wage.accruals}
    zone = people.project(db, project_id).time_zone
    passages = {
        p.id: p
        for p in projected.passages_of(
            db,
            project_id,
            [worker_id],
            money.midnight(month - timedelta(days=2), zone),
            money.midnight(next_month(month) + timedelta(days=2), zone),
        )
    }
    told_of = {i for work in days for i in work.day.passage_ids}
    if told_of - passages.keys():
        # Put down to somebody else by the gate.
        passages |= {p.id: p for p in gates.passages_by_id(db, project_id, told_of - passages.keys())}
    asked = timekeeping.corrections_of(db, project_id, month, next_month(month), worker_id)
    used: set[int] = {i.terms_id for wage in wages for i in wage.items if i.terms_id is not None}

    def passage(passage_id: int) -> dict[str, Any]:
        found = passages.get(passage_id)
        if found is None:
            return {"id": passage_id}
        return {
            "id": found.id,
            "at": found.occurred_at.isoformat(),
            "gate_id": found.gate_id,
            "direction": str(found.direction),
            "channel": str(found.channel),
            "verdict": str(found.verdict),
            "confirmed": found.confirmed,
        }

    def told(work: WorkDay) -> dict[str, Any]:
        accrual = priced.get(work.work_date)
        return {
            "work_date": work.work_date.isoformat(),
            "engagement_id": work.engagement_id,
            "state": str(work.day.state),
            "minutes": work.day.minutes,
            "day_milli": work.day.day_milli,
            "overtime_minutes": work.day.overtime_minutes,
            "kind": None if work.kind is None else str(work.kind),
            "policy_version": work.policy_version,
            "flags": [str(flag) for flag in work.day.flags],
            "sessions": [
                {
                    "in_at": s.in_at.isoformat(),
                    "out_at": s.out_at.isoformat(),
                    "minutes": s.minutes,
                    "flags": [str(flag) for flag in s.flags],
                    "passages": [passage(i) for i in s.passage_ids],
                }
                for s in work.day.sessions
            ],
            "loose": [
                {"reason": str(p.reason), "at": p.at.isoformat(), "passages": [passage(i) for i in p.passage_ids]}
                for p in work.day.loose
            ],
            "mark": None
            if work.mark is None
            else {"id": work.mark.id, "kind": str(work.mark.kind), "pay_permille": work.mark.pay_permille},
            "correction_ids": list(work.correction_ids),
            "amount_fen": None if accrual is None else accrual.amount_fen,
            "items": [] if accrual is None else [i.to_json() for i in rules.wage_items(accrual.items)],
        }

    return {
        "days": [told(work) for work in sorted(days, key=lambda d: d.work_date)],
        "month_items": [
            i.to_json() for wage in wages for i in rules.wage_items(wage.items) if i.work_date is None
        ],
        "corrections": [
            {
                "id": c.id,
                "work_date": c.work_date.isoformat(),
                "kind": str(c.kind),
                "state": c.state,
                "reason": c.reason,
                "in_at": None if c.in_at is None else c.in_at.isoformat(),
                "out_at": None if c.out_at is None else c.out_at.isoformat(),
                "passage_id": c.passage_id,
                "minutes": c.minutes,
                "day_milli": c.day_milli,
                "evidence": list(c.evidence),
                "requested_by": c.requested_by,
                "steps": [{"act": s.act, "by": s.by, "at": s.at.isoformat()} for s in c.steps],
            }
            for c in asked
        ],
        "terms": [_terms_json(t) for t in people.terms(db, project_id, worker_id=worker_id) if t.id in used],
    }


def _terms_json(found: Terms) -> dict[str, Any]:
    return {
        "id": found.id,
        "engagement_id": found.engagement_id,
        "kind": str(found.kind),
        "rate_fen": found.rate_fen,
        "unit": found.unit,
        "minutes_per_day": found.minutes_per_day,
        "overtime_rule": str(found.overtime_rule),
        "relation": str(found.relation),
        "hours_system": str(found.hours_system),
        "valid_from": found.valid_from.isoformat(),
        "valid_to": None if found.valid_to is None else found.valid_to.isoformat(),
    }


def _journal(
    db: Session, now: datetime, by: str, action: str, sheet: SheetInfo, facts: dict[str, Any]
) -> None:
    accounts.journal(
        db,
        at=now,
        actor=by,
        action=action,
        project_id=sheet.project_id,
        object=f"payroll_sheet:{sheet.id}",
        facts={"month": sheet.month.isoformat(), **facts},
    )
