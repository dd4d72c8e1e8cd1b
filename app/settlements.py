"""Use case: exit settlement (退场结算) and arrears (欠薪账龄).

    statement     everything an engagement earned, had withheld and received, month by month, as the facts are now
    settle        freeze it, with a hash the worker signs
    confirm       his word on it
    pay_out       a final sheet of what is on no line yet, so that he is paid at once
    exits         everybody who left, and where his settlement stands
    owed          what everybody is owed: the database adds up what is plainly paid and gives the rest; kept
    arrears       what is owed, by how long: per worker, team, company or for the project

A month that is closed counts as it was posted, with back pay that is due besides; a month that is not, as it comes
out now. Money follows its month; a surplus of one month is not set against another (domain.md 4.5). What an agreed
negative line took back counts as withheld where it was taken.

A settlement stands for the facts it was made of: when something was earned or withheld since, it says so and wants
to be made again. Payments do not make it stale; they are what it is waiting for.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import sheets
from app.domain import settlement as rules
from app.domain.arrears import Arrears, Due, age
from app.domain.calendar import NoCalendar, pay_due_on
from app.domain.ledger import covering
from app.domain.sheet import Confirmation, Verdict, allocate_outside
from app.domain.workdays import due_on as unshifted_due_on
from app.domain.workdays import month_of, next_month
from app.errors import Conflict, Forbidden, NotFound
from app.sheets import Confirmed, Problem
from app.store import accounts, people, timekeeping
from app.store import sheets as store
from app.store.kept import kept
from app.store.sheets import EngagementPlace, SettlementInfo, SheetInfo

UNDECIDED = frozenset(
    {"undecided_day", "present", "several_terms", "no_terms", "calendar_missing", "work_without_engagement"}
)
"""Problems under which nobody can say yet what a month is worth."""


@dataclass(frozen=True, slots=True)
class EngagementMonth:
    """One month of one engagement: earned, withheld, received."""

    engagement_id: int
    worker_id: int
    month: date
    gross_fen: int
    withheld_fen: int
    """Deductions, advances taken back, and what an agreed negative line took."""
    paid_fen: int
    """Arrived through the special account, or received outside it."""
    posted: bool
    """On the line of a closed month, at least in part."""

    @property
    def owed_fen(self) -> int:
        """What the worker still gets for the month."""
        return max(0, self.gross_fen - self.withheld_fen - self.paid_fen)

    @property
    def overpaid_fen(self) -> int:
        """What he got too much; never set against another month."""
        return max(0, self.withheld_fen + self.paid_fen - self.gross_fen)


def months_of(
    db: Session, project_id: int, now: datetime, *, workers: Collection[int] | None = None, read: bool = False
) -> tuple[tuple[EngagementMonth, ...], tuple[Problem, ...]]:
    """Return every month of every engagement with money in it, and what keeps some days from being worth anything.

    Args:
        workers: only theirs; None for everybody.
        read: as for ``sheets.pending``.

    Raises:
        NotFound: ``project_unknown``.
    """
    posted = store.payable_lines(db, project_id, workers=workers)
    waiting, problems = sheets.pending(db, project_id, now, workers=workers, read=read)
    return _months(db, project_id, posted, waiting, workers), problems


def _months(
    db: Session, project_id: int, posted: Sequence[store.PayableLine], waiting: Sequence[sheets.Pending], workers: Collection[int] | None
) -> tuple[EngagementMonth, ...]:
    """Months of what stands on lines and what stands on none yet; every line that bears on one of them is given with it."""
    outside = {
        key: fen
        for key, fen in store.paid_outside(db, project_id).items()
        if workers is None or key[0] in workers
    }
    found: dict[tuple[int, date], dict[str, int]] = defaultdict(lambda: dict.fromkeys(("gross", "withheld", "paid"), 0))
    worker_of: dict[int, int] = {}
    on_paper: set[tuple[int, date]] = set()
    given_back = _given_back(posted)
    for line in posted:
        key = (line.engagement_id, line.origin_month)
        worker_of[line.engagement_id] = line.worker_id
        on_paper.add(key)
        found[key]["gross"] += line.gross_fen + given_back.get(line.line_id, 0)
        found[key]["withheld"] += line.gross_fen - line.net_fen + line.recovered_fen
        found[key]["paid"] += line.paid_fen
        outside[line.worker_id, line.origin_month] = (
            outside.get((line.worker_id, line.origin_month), 0) - line.outside_fen
        )
    nets: dict[tuple[int, date], list[tuple[int, int]]] = defaultdict(list)
    for one in waiting:
        worker_of[one.engagement_id] = one.worker_id
        found[one.engagement_id, one.month]["gross"] += one.gross_fen
        found[one.engagement_id, one.month]["withheld"] += one.withheld_fen
        nets[one.worker_id, one.month].append((one.engagement_id, one.net_fen))
    held = _held(db, project_id, workers)
    for (worker_id, month), fen in outside.items():
        if fen <= 0:
            continue
        for engagement_id, part in allocate_outside(nets[worker_id, month], fen).items():
            found[engagement_id, month]["paid"] += part
            fen -= part
        if fen and held.get(worker_id):
            # Nothing stands against it: shown as overpaid, with the engagement the ledger has it under.
            engagement_id = covering(held[worker_id], month)
            worker_of[engagement_id] = worker_id
            found[engagement_id, month]["paid"] += fen
    return tuple(
        EngagementMonth(e, worker_of[e], month, m["gross"], m["withheld"], m["paid"], (e, month) in on_paper)
        for (e, month), m in sorted(found.items())
    )


@dataclass(frozen=True, slots=True)
class MonthOwed:
    """What everybody earned in one month, had withheld, received and still gets."""

    month: date
    due_on: date
    gross_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int


@dataclass(frozen=True, slots=True)
class Owed:
    """What a project owes."""

    dues: tuple[Due, ...]
    """Months of engagements on which something is owed, or may be."""
    sums: tuple[MonthOwed, ...]
    """Everybody's together, by the month it was earned in, the oldest first."""
    aged: dict[str, tuple["ArrearsOf", ...]] = field(default_factory=dict)
    """Side -> its arrears, once somebody has asked for them."""


def owed(db: Session, project_id: int, now: datetime) -> Owed:
    """Return what everybody is owed: to the fen what ``months_of`` comes to; for pages.

    Of a year of a thousand workers nearly every line is plainly paid. The database adds those up and gives what is left, and what
    stands on no line yet. It is kept until a fact comes that bears on it, and may be a minute behind the gates (``store.kept``).

    Raises:
        NotFound: ``project_unknown``.
    """
    today = _today(db, project_id, now)
    return kept(db, project_id, ("owed", today), lambda: _owed(db, project_id, now), at=now)


def _owed(db: Session, project_id: int, now: datetime) -> Owed:
    left = store.unsettled_lines(db, project_id)
    waiting, _ = sheets.pending(db, project_id, now)
    months = _months(db, project_id, left, waiting, None)
    sums: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])

    def add(month: date, *fen: int) -> None:
        sums[month] = [known + more for known, more in zip(sums[month], fen, strict=True)]

    for one in months:
        add(one.month, one.gross_fen, one.withheld_fen, one.paid_fen, one.owed_fen, one.overpaid_fen)
    # What was plainly paid is all that stands on lines but these.
    for month, (gross, net) in store.posted_totals(db, project_id).items():
        add(month, gross, gross - net, net, 0, 0)
    for line in left:
        add(line.origin_month, -line.gross_fen, line.net_fen - line.gross_fen, -line.net_fen, 0, 0)
    due_on = _due_dates(db, project_id, sums.keys())
    return Owed(dues_of(db, project_id, months, due_on), tuple(MonthOwed(month, due_on[month], *sums[month]) for month in sorted(sums)))


def owed_by(db: Session, project_id: int, now: datetime, *, by: str = "project") -> tuple["ArrearsOf", ...]:
    """As ``arrears``, of what ``owed`` found; for pages."""
    found = owed(db, project_id, now)
    if by not in found.aged:
        found.aged[by] = aged(db, project_id, found.dues, now, by=by)
    return found.aged[by]


def _today(db: Session, project_id: int, now: datetime) -> date:
    return now.astimezone(ZoneInfo(people.project(db, project_id).time_zone)).date()


def _given_back(posted: Sequence[store.PayableLine]) -> dict[int, int]:
    """Negative line -> fen of it that other lines of the engagement have borne."""
    left: dict[int, int] = defaultdict(int)
    for line in posted:
        left[line.engagement_id] += line.recovered_fen
    answer = {}
    for line in posted:
        if line.net_fen < 0 and left[line.engagement_id]:
            part = min(-line.net_fen, left[line.engagement_id])
            left[line.engagement_id] -= part
            answer[line.line_id] = part
    return answer


def _held(
    db: Session, project_id: int, workers: Collection[int] | None
) -> dict[int, list[tuple[int, date, date | None]]]:
    held: dict[int, list[tuple[int, date, date | None]]] = defaultdict(list)
    for place in store.places(db, project_id).values():
        if workers is None or place.worker_id in workers:
            held[place.worker_id].append((place.id, place.entry_on, place.exit_on))
    return held


# --- settling ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Statement:
    """An engagement's money as the facts are now."""

    place: EngagementPlace
    settlement: rules.Settlement
    months: tuple[EngagementMonth, ...]
    waits: int
    """Days, corrections and the like that must be decided before it can be settled."""
    content_hash: str


def statement(db: Session, project_id: int, engagement_id: int, now: datetime) -> Statement:
    """Work out what an engagement earned, had withheld, received and still gets.

    Raises:
        NotFound: ``project_unknown``, ``engagement_unknown`` on this project.
    """
    people.project(db, project_id)
    place = store.places(db, project_id).get(engagement_id)
    if place is None:
        raise NotFound("engagement_unknown")
    months, problems = months_of(db, project_id, now, workers={place.worker_id})
    return _statement(db, place, months, problems)


def _statement(
    db: Session, place: EngagementPlace, months: Sequence[EngagementMonth], problems: Sequence[Problem],
    asked: Sequence[timekeeping.CorrectionInfo] | None = None,
) -> Statement:  # fmt: skip
    own = tuple(m for m in months if m.engagement_id == place.id)
    settled = rules.settle([rules.SettledMonth(m.month, m.gross_fen, m.withheld_fen, m.paid_fen) for m in own])
    waits = sum(
        p.code in UNDECIDED and p.engagement_id in (place.id, None) and p.worker_id == place.worker_id for p in problems
    )
    end = place.exit_on or date.max
    if asked is None:
        asked = timekeeping.pending_corrections(db, place.project_id, place.entry_on, end)
    waits += sum(c.worker_id == place.worker_id and place.entry_on <= c.work_date < end for c in asked)
    return Statement(place, settled, own, waits, rules.settlement_hash(place.id, place.exit_on, settled))


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement on record."""

    settlement: SettlementInfo
    created: bool
    """False: the one that is there says the same; nothing happened."""


def settle(db: Session, *, project_id: int, engagement_id: int, by: str, now: datetime) -> Settled:
    """Freeze the account of somebody who left. The same content is the settlement that is there.

    Raises:
        NotFound: ``project_unknown``, ``engagement_unknown``.
        Conflict: ``settlement_not_exited``; ``settlement_undecided``, some days wait for somebody's word;
            ``line_tampered``, a posted line it rests on is not what was posted.
    """
    project = people.project(db, project_id)
    people.lock_project(db, project_id)
    place = store.places(db, project_id).get(engagement_id)
    if place is None:
        raise NotFound("engagement_unknown")
    today = now.astimezone(ZoneInfo(project.time_zone)).date()
    if place.exit_on is None or place.exit_on > today:
        raise Conflict("settlement_not_exited")
    for line in store.posted_lines(db, project_id, engagements=[engagement_id]):
        if not line.is_true:
            raise Conflict("line_tampered", line_id=line.id)
    found = statement(db, project_id, engagement_id, now)
    if found.waits:
        raise Conflict("settlement_undecided", count=found.waits)
    before = store.settlements(db, project_id).get(engagement_id)
    if before is not None and not _is_stale(before, found):
        return Settled(before, created=False)
    settled = found.settlement
    settlement_id = store.add_settlement(
        db,
        engagement_id=engagement_id,
        exit_on=place.exit_on,
        accrued_fen=settled.accrued_fen,
        withheld_fen=settled.withheld_fen,
        paid_fen=settled.paid_fen,
        owed_fen=settled.owed_fen,
        months=[
            {
                "month": m.month.isoformat(),
                "gross_fen": m.gross_fen,
                "withheld_fen": m.withheld_fen,
                "paid_fen": m.paid_fen,
                "posted": m.posted,
            }
            for m in found.months
        ],
        content_hash=found.content_hash,
        by=by,
        now=now,
    )
    accounts.journal(
        db,
        at=now,
        actor=by,
        action="settlement_made",
        project_id=project_id,
        object=f"settlement:{settlement_id}",
        facts={"engagement_id": engagement_id},
    )
    return Settled(store.settlement(db, settlement_id), created=True)


def _is_stale(frozen: SettlementInfo, found: Statement) -> bool:
    """Something was earned or withheld since, or he left on another day. Payments change nothing."""

    def earned(months: Sequence[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        return sorted(m for m in months if m[1] or m[2])

    before = earned([(m["month"], m["gross_fen"], m["withheld_fen"]) for m in frozen.months])
    now = earned([(m.month.isoformat(), m.gross_fen, m.withheld_fen) for m in found.months])
    return before != now or frozen.exit_on != found.place.exit_on


def confirm(
    db: Session,
    *,
    project_id: int,
    settlement_id: int,
    content_hash: str,
    verdict: str,
    method: str,
    evidence: Sequence[int] = (),
    claimed_fen: int | None = None,
    reason: str = "",
    by: str,
    now: datetime,
) -> Confirmed:
    """Record the worker's word on his settlement.

    Args:
        content_hash: of the settlement as he saw it.
        claimed_fen: for ``dispute``: what he says is still owed.

    Raises:
        NotFound: ``project_unknown``, ``settlement_unknown`` on this project, ``evidence_unknown``.
        Conflict: ``settlement_stale``: it is not the newest, or the facts say something else by now; ``line_changed``,
            he saw another content.
        BadRequest: as ``sheets.confirm``.
    """
    people.project(db, project_id)
    people.lock_project(db, project_id)
    info, place = _settlement(db, project_id, settlement_id)
    if info.content_hash != content_hash:
        raise Conflict("line_changed")
    latest = store.settlements(db, project_id)[info.engagement_id]
    if latest.id != info.id or _is_stale(info, statement(db, project_id, info.engagement_id, now)):
        raise Conflict("settlement_stale")
    return sheets.record_word(
        db,
        project_id=project_id,
        worker_id=place.worker_id,
        subject="settlement",
        content_hash=content_hash,
        stands_fen=info.owed_fen,
        about=f"settlement:{settlement_id}",
        verdict=verdict,
        method=method,
        evidence=evidence,
        claimed_fen=claimed_fen,
        reason=reason,
        by=by,
        now=now,
    )


def pay_out(db: Session, *, project_id: int, settlement_id: int, by: str, now: datetime) -> SheetInfo:
    """Release a signed settlement for payment before its months close (退场结清): a final sheet of its own.

    His word on the settlement is his word on the lines: they have the sums of its months. What is on lines of closed
    months is paid from those, as ever.

    Args:
        by: somebody else than who made the settlement.

    Raises:
        NotFound: ``project_unknown``, ``settlement_unknown`` on this project.
        Forbidden: ``settlement_own``.
        Conflict: ``settlement_stale``, ``settlement_undecided``, ``settlement_unsigned``, ``settlement_disputed``;
            ``settlement_on_lines``: all of it is on lines already; ``period_locked``, ``line_tampered``.
    """
    people.project(db, project_id)
    people.lock_project(db, project_id)
    info, place = _settlement(db, project_id, settlement_id)
    found = statement(db, project_id, info.engagement_id, now)
    if store.settlements(db, project_id)[info.engagement_id].id != info.id or _is_stale(info, found):
        raise Conflict("settlement_stale")
    if found.waits:
        raise Conflict("settlement_undecided", count=found.waits)
    word = store.confirmations(db, project_id, "settlement", [info.content_hash]).get(info.content_hash)
    if word is None:
        raise Conflict("settlement_unsigned")
    if word.verdict is not Verdict.AGREE:
        raise Conflict("settlement_disputed")
    if by == info.made_by:
        raise Forbidden("settlement_own")
    sheet = sheets.final_sheet(
        db, project_id=project_id, engagement_id=info.engagement_id, handed_in_by=info.made_by, approved_by=by, now=now
    )
    if sheet is None:
        raise Conflict("settlement_on_lines")
    for line in store.lines(db, sheet.id):
        store.add_confirmation(
            db, project_id=project_id, worker_id=place.worker_id, subject="line", content_hash=line.line_hash, verdict="agree",
            claimed_fen=None, reason=f"settlement:{info.id}", method=str(word.method), evidence=word.evidence, by=word.recorded_by, now=now,
        )  # fmt: skip
    accounts.journal(
        db, at=now, actor=by, action="settlement_released", project_id=project_id, object=f"settlement:{settlement_id}",
        facts={"sheet_id": sheet.id, "lines": len(store.lines(db, sheet.id))},
    )  # fmt: skip
    return sheet


def _settlement(db: Session, project_id: int, settlement_id: int) -> tuple[SettlementInfo, EngagementPlace]:
    info = store.settlement(db, settlement_id)
    place = store.places(db, project_id).get(info.engagement_id)
    if place is None:
        raise NotFound("settlement_unknown")
    return info, place


# --- who left ------------------------------------------------------------------------------------------------


class ExitState(StrEnum):
    """Where the settlement of somebody who left stands."""

    MISSING = "missing"
    STALE = "stale"
    UNSIGNED = "unsigned"
    DISPUTED = "disputed"
    OWED = "owed"
    """Signed, and not paid yet."""
    DONE = "done"
    """Signed, and nothing is owed."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Somebody who left, and where he stands."""

    statement: Statement
    name: str = field(repr=False)
    state: ExitState
    settlement: SettlementInfo | None
    """The latest."""
    confirmation: Confirmation | None
    owed_fen: int
    """As the facts are now."""


def exits(db: Session, project_id: int, now: datetime, *, open_only: bool = False, read: bool = False) -> tuple[Exit, ...]:
    """Return everybody who has left the project, those with most to do first.

    Args:
        open_only: leave out who has signed and been paid.
        read: what they earned by the projection's sums, and kept (``store.kept``); for pages. Else from the facts.

    Raises:
        NotFound: ``project_unknown``.
    """
    today = _today(db, project_id, now)
    gone = [p for p in store.places(db, project_id).values() if p.exit_on is not None and p.exit_on <= today]
    if not gone:
        return ()
    workers = {p.worker_id for p in gone}
    if read:
        of_engagement, problems_of = kept(db, project_id, ("left", today), lambda: _by_whom(months_of(db, project_id, now, workers=workers, read=True)), at=now)
    else:
        of_engagement, problems_of = _by_whom(months_of(db, project_id, now, workers=workers))
    asked = timekeeping.pending_corrections(db, project_id)
    frozen = store.settlements(db, project_id)
    said = store.confirmations(db, project_id, "settlement", (s.content_hash for s in frozen.values()))
    who = store.listed(db, {p.id for p in gone})
    answer = []
    for place in gone:
        # Work that no engagement covers is named with its worker.
        found = _statement(db, place, of_engagement.get(place.id, ()), problems_of.get(place.worker_id, ()), asked)
        info = frozen.get(place.id)
        word = None if info is None else said.get(info.content_hash)
        one = Exit(
            statement=found,
            name=who[place.id].name,
            state=_exit_state(found, info, word),
            settlement=info,
            confirmation=word,
            owed_fen=found.settlement.owed_fen,
        )
        if not (open_only and one.state is ExitState.DONE):
            answer.append(one)
    order = list(ExitState)
    return tuple(sorted(answer, key=lambda e: (order.index(e.state), -e.owed_fen, e.statement.place.id)))


def _by_whom(
    found: tuple[Sequence[EngagementMonth], Sequence[Problem]],
) -> tuple[dict[int, list[EngagementMonth]], dict[int, list[Problem]]]:
    """(engagement -> its months, worker -> what keeps his days from being worth anything)."""
    months: dict[int, list[EngagementMonth]] = defaultdict(list)
    problems: dict[int, list[Problem]] = defaultdict(list)
    for month in found[0]:
        months[month.engagement_id].append(month)
    for problem in found[1]:
        problems[problem.worker_id].append(problem)
    return dict(months), dict(problems)


def _exit_state(found: Statement, info: SettlementInfo | None, word: Confirmation | None) -> ExitState:
    if info is None:
        return ExitState.MISSING
    if _is_stale(info, found) or found.waits:
        return ExitState.STALE
    if word is None:
        return ExitState.UNSIGNED
    if word.verdict is Verdict.DISPUTE:
        return ExitState.DISPUTED
    return ExitState.OWED if found.settlement.owed_fen else ExitState.DONE


@dataclass(frozen=True, slots=True)
class SettlementView:
    """A settlement as somebody reads it: what was frozen, and what has happened since."""

    settlement: SettlementInfo
    place: EngagementPlace
    name: str = field(repr=False)
    confirmation: Confirmation | None
    state: ExitState
    owed_now_fen: int
    paid_since_fen: int
    """Payments since it was made; negative when a transfer came back."""


def view(db: Session, project_id: int, settlement_id: int, now: datetime) -> SettlementView:
    """Return one settlement of a project.

    Raises:
        NotFound: ``project_unknown``, ``settlement_unknown``.
    """
    people.project(db, project_id)
    info, place = _settlement(db, project_id, settlement_id)
    found = statement(db, project_id, info.engagement_id, now)
    word = store.confirmations(db, project_id, "settlement", [info.content_hash]).get(info.content_hash)
    latest = store.settlements(db, project_id)[info.engagement_id]
    return SettlementView(
        settlement=info,
        place=place,
        name=store.listed(db, [place.id])[place.id].name,
        confirmation=word,
        state=_exit_state(found, info, word) if latest.id == info.id else ExitState.STALE,
        owed_now_fen=found.settlement.owed_fen,
        paid_since_fen=found.settlement.paid_fen - info.paid_fen,
    )


# --- arrears -------------------------------------------------------------------------------------------------


SIDES = ("worker", "team", "company", "project")


@dataclass(frozen=True, slots=True)
class ArrearsOf:
    """What is owed to somebody, or by somebody, by how long."""

    subject_id: int
    """Of the worker, team, company (not of its role on the project) or project."""
    name: str = field(repr=False)
    arrears: Arrears


def arrears(db: Session, project_id: int, now: datetime, *, by: str = "project") -> tuple[ArrearsOf, ...]:
    """Age what is owed on a project, the largest arrears first; who is owed nothing is left out, but for the project.

    A month is due on the project's pay day of the month after, on the working day before when that is a holiday; where
    no calendar is known the day is not shifted, so nobody is accused too early.

    Args:
        by: ``worker``, ``team``, ``company`` or ``project`` (one line).

    Raises:
        NotFound: ``project_unknown``.
        ValueError: another side.
    """
    if by not in SIDES:
        raise ValueError("arrears are told by worker, team, company or project")
    return aged(db, project_id, dues(db, project_id, now), now, by=by)


def aged(db: Session, project_id: int, found: Collection[Due], now: datetime, *, by: str = "project") -> tuple[ArrearsOf, ...]:
    """Age what ``dues`` found, for one side; arguments and order as ``arrears``."""
    project = people.project(db, project_id)
    today = now.astimezone(ZoneInfo(project.time_zone)).date()
    if by == "project":
        return (ArrearsOf(project_id, project.name, age(found, today)),)
    groups: dict[int, list[Due]] = defaultdict(list)
    for due in found:
        groups[getattr(due, f"{by}_id")].append(due)
    names = _names(db, project_id, by, today)
    lines = [ArrearsOf(key, names.get(key, ""), age(own, today)) for key, own in groups.items()]
    owed = [line for line in lines if line.arrears.owed_fen]
    return tuple(sorted(owed, key=lambda a: (-a.arrears.overdue_fen, -a.arrears.owed_fen, a.subject_id)))


def _names(db: Session, project_id: int, by: str, today: date) -> dict[int, str]:
    if by == "worker":
        return {row.worker_id: row.name for row in people.workers(db, project_id, today=today)}
    if by == "team":
        return {team.id: team.name for team in people.teams(db, project_id)}
    return {company.company_id: company.name for company in people.project_companies(db, project_id)}


def dues(db: Session, project_id: int, now: datetime) -> tuple[Due, ...]:
    """Return what every engagement is owed for every month, and by when; months that are paid have 0 fen.

    Raises:
        NotFound: ``project_unknown``.
    """
    return dues_of(db, project_id, months_of(db, project_id, now)[0])


def dues_of(db: Session, project_id: int, months: Collection[EngagementMonth], due_on: Mapping[date, date] | None = None) -> tuple[Due, ...]:
    """The same of months that were just worked out.

    Args:
        due_on: month -> its pay day, where that is known.
    """
    engaged = {e.id: e for e in people.engagements(db, project_id)}
    due = _due_dates(db, project_id, {m.month for m in months}) if due_on is None else due_on
    return tuple(
        Due(
            engagement_id=m.engagement_id,
            worker_id=m.worker_id,
            team_id=engaged[m.engagement_id].team_id,
            company_id=engaged[m.engagement_id].company_id,
            month=m.month,
            owed_fen=m.owed_fen,
            due_on=due[m.month],
        )
        for m in months
    )


def _due_dates(db: Session, project_id: int, months: Collection[date]) -> dict[date, date]:
    if not months:
        return {}
    pay_day = store.pay_day(db, project_id)
    end = next_month(next_month(max(months)))
    calendar: Mapping[date, Any] = timekeeping.calendar(db, min(months), end + timedelta(days=1))
    found = {}
    for month in months:
        try:
            found[month] = pay_due_on(calendar, month_of(month), pay_day)
        except NoCalendar:
            found[month] = unshifted_due_on(month, pay_day)
    return found
