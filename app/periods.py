"""Use case: wage months (工资月): open, locked, closed; forward only.

    blockers     what keeps a month from being locked (while it is open) or closed (while it is locked), by name
    lock         attendance of the month stands: sheets may be drafted
    close        every line is posted to the ledger; from now on the month is on paper and never reopened
    close_month  the same for a whole service: thinks before it locks anything
    overview     every month of a project with its state and its sheets; ``states``: the state alone

Facts about a locked month are still accepted: they make its sheets stale, and the sheets are drafted again. Facts
about a closed month become back pay in the next one. Months close in order; an earlier month in which nobody
worked is closed along with the one after it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app import ledger, projection, sheets
from app.db import Database
from app.domain import sheet as rules
from app.domain.sheet import Blocker, SheetState
from app.domain.workdays import EARLIEST, LATEST, local, month_bounds, month_of, next_month
from app.errors import BadRequest, Conflict
from app.sharing import Sharing
from app.sheets import Fresh
from app.store import accounts, money, people, terms, timekeeping
from app.store import projection as projected
from app.store import sheets as store
from app.store.sheets import LineInfo, PeriodInfo, SheetInfo

UNDECIDED = {
    "undecided_day": "day_undecided",
    "present": "day_present",
    "several_terms": "day_several_terms",
    "no_terms": "day_without_terms",
    "calendar_missing": "calendar_missing",
    "work_without_engagement": "work_without_engagement",
}
"""Problem of a month's wages -> the blocker it is. The others are for looking at."""


@dataclass(frozen=True, slots=True)
class MonthState:
    """A month of a project and where it stands."""

    period: PeriodInfo
    sheets: int
    """Teams with a sheet."""
    approved: int
    net_fen: int
    """Of the newest versions."""


# --- what stands in the way ----------------------------------------------------------------------------------


def blockers(
    db: Session, project_id: int, month: date, now: datetime, *, fresh: Fresh | None = None
) -> tuple[Blocker, ...]:
    """Return what keeps a month from its next state; nothing for a closed one.

    To lock: the month is over; every day is decided, priced and known to the calendar; no correction and no measured
    work waits for somebody's word; every gate that sent in the month has sent everything up to its end.
    To close: earlier months are closed (or empty); everybody who earned something is on the newest sheet of his team,
    approved, and as the facts are now.

    Args:
        fresh: what ``sheets.derive`` answered for the whole month a moment ago.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: ``month_out_of_range``.
        Conflict: ``line_tampered``.
    """
    month = _month(month)
    people.project(db, project_id)
    state = store.period_state(db, project_id, month)
    if state == "closed":
        return ()
    if state == "open":
        return _to_lock(db, project_id, month, now, fresh)
    return _to_close(db, project_id, month, now, fresh).blockers


def outlook(
    db: Session, project_id: int, month: date, now: datetime, *, fresh: Fresh | None = None
) -> tuple[Blocker, ...]:
    """Return what keeps a month from its next state as the projection has it: for a page, at once.

    The same as ``blockers``, but that a sheet is no longer what the facts say, or was changed by hand, is seen only with
    ``fresh``; closing looks at it in any case.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: ``month_out_of_range``.
    """
    month = _month(month)
    people.project(db, project_id)
    state = store.period_state(db, project_id, month)
    if state == "closed":
        return ()
    if fresh is not None:
        return _to_lock(db, project_id, month, now, fresh) if state == "open" else _to_close(db, project_id, month, now, fresh).blockers
    if state == "open" and now < month_bounds(month, money.policy(db, project_id))[1]:
        return _open(db, project_id, month, now, list)
    lines = projection.wages_of_month(db, project_id, month, now)
    if state == "open":
        engaged = {place.worker_id for place in store.places(db, project_id).values()}
        problems = [
            (code, line.worker_id, None if on is None else date.fromisoformat(on))
            for line in lines
            for code, on in line.detail["problems"]
        ]
        problems += [
            ("work_without_engagement", line.worker_id, None)
            for line in lines
            if not line.engagement_id and line.worker_id not in engaged
            and (line.gross_fen or line.undecided_days or line.no_terms_days)
        ]  # fmt: skip
        problems.sort(key=lambda p: (p[1], p[2] or date.min, p[0]))
        return _open(db, project_id, month, now, lambda: problems)
    found = [
        Blocker("earlier_month_open", "period", earlier.isoformat(), earlier)
        for earlier, idle in _earlier(db, project_id, month, now)
        if not idle
    ]
    latest = {s.team_id: s for s in store.latest_sheets(db, project_id, month, kind=sheets.REGULAR)}
    heads = store.line_heads(db, [s.id for s in latest.values()])
    settled = {(e, origin): sum(f.content.gross_fen for f in own) for (e, origin), own in store.final_lines(db, project_id).items()}
    owing = {line.team_id for line in lines if line.gross_fen != settled.get((line.engagement_id, month), 0) and line.team_id}
    for team_id in sorted(owing | latest.keys()):
        sheet = latest.get(team_id)
        if sheet is None:
            found.append(Blocker("sheet_missing", "team", team_id, None))
        elif heads.get(sheet.id) and sheets.state_of(sheet) is not SheetState.APPROVED:
            found.append(Blocker("sheet_not_approved", "team", team_id, None))
    return tuple(found)


def _to_lock(
    db: Session, project_id: int, month: date, now: datetime, fresh: Fresh | None
) -> tuple[Blocker, ...]:
    def problems() -> list[tuple[str, int, date | None]]:
        exact = sheets.still(db, project_id, month, now, fresh)
        return [(p.code, p.worker_id, p.on) for p in exact.problems]

    return _open(db, project_id, month, now, problems)


def _open(
    db: Session, project_id: int, month: date, now: datetime, problems: Callable[[], list[tuple[str, int, date | None]]]
) -> tuple[Blocker, ...]:
    """What keeps an open month from being locked; ``problems`` are (code, worker, date) of its wages."""
    policy = money.policy(db, project_id)
    first_at, end_at = month_bounds(month, policy)
    end = next_month(month)
    if now < end_at:
        # Nothing else can be said before: there will be more days.
        return (Blocker("month_not_over", "period", month.isoformat(), end),)
    found = [Blocker(UNDECIDED[code], "worker", worker, on) for code, worker, on in problems() if code in UNDECIDED]
    # One line a date is enough for a calendar that nobody imported.
    missing = {b.on: Blocker("calendar_missing", "project", project_id, b.on) for b in found if b.code == "calendar_missing"}
    found = [b for b in found if b.code != "calendar_missing"] + [missing[on] for on in sorted(missing, key=_early)]
    found += [
        Blocker("correction_pending", "correction", c.id, c.work_date)
        for c in timekeeping.pending_corrections(db, project_id, month, end)
    ]
    found += [
        Blocker("measure_pending", "measure", m.id, month)
        for m in terms.measures(db, project_id, month)
        if m.accepted is None
    ]
    found += [
        Blocker("gate_silent", "device", device_id, None)
        for device_id in timekeeping.silent_devices(db, project_id, first_at, end_at)
    ]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Closing:
    """What closing a month finds."""

    blockers: tuple[Blocker, ...]
    sheets: tuple[tuple[SheetInfo, tuple[LineInfo, ...]], ...]
    """Those that would be posted, with their lines."""
    idle: tuple[date, ...]
    """Earlier months that are not closed, in which nobody worked."""


def _to_close(db: Session, project_id: int, month: date, now: datetime, fresh: Fresh | None) -> _Closing:
    before = _earlier(db, project_id, month, now)
    found = [Blocker("earlier_month_open", "period", earlier.isoformat(), earlier) for earlier, idle in before if not idle]
    fresh = sheets.still(db, project_id, month, now, fresh)
    found += [
        Blocker("work_without_engagement", "worker", p.worker_id, p.on)
        for p in fresh.problems
        if p.code == "work_without_engagement"
    ]
    latest = {
        s.team_id: (s, store.lines(db, s.id)) for s in store.latest_sheets(db, project_id, month, kind=sheets.REGULAR)
    }
    finals = [(s, store.lines(db, s.id)) for s in store.latest_sheets(db, project_id, month, kind=store.FINAL)]
    found += [Blocker("sheet_tampered", "team", s.team_id, None) for s, lines in finals if not sheets.is_true(s, lines)]
    for team_id in sorted(fresh.lines.keys() | latest.keys()):
        code = _team_blocker(fresh, team_id, *latest.get(team_id, (None, ())))
        if code is not None:
            found.append(Blocker(code, "team", team_id, None))
    return _Closing(
        tuple(dict.fromkeys(found)), (*latest.values(), *finals), tuple(earlier for earlier, idle in before if idle)
    )


def _team_blocker(fresh: Fresh, team_id: int, sheet: SheetInfo | None, lines: tuple[LineInfo, ...]) -> str | None:
    if sheet is None:
        return "sheet_missing"
    if not sheets.is_true(sheet, lines):
        return "sheet_tampered"
    if fresh.digest(team_id) != sheet.digest:
        return "sheet_stale"
    if lines and sheets.state_of(sheet) is not SheetState.APPROVED:
        return "sheet_not_approved"
    return None


def _early(on: date | None) -> date:
    return on or date.min


def _earlier(db: Session, project_id: int, month: date, now: datetime) -> list[tuple[date, bool]]:
    """(month, nobody worked in it) of every month before ``month`` that is not closed."""
    closed = {p.month: p.state for p in store.periods(db, project_id)}
    finals = store.final_months(db, project_id)
    answer = []
    for earlier in _months(db, project_id, month, now):
        if closed.get(earlier) == "closed":
            continue
        # A locked month may have sheets, so it is closed by itself. Time without a price counts: work in a month no
        # calendar was imported for is worth nothing yet.
        idle = earlier not in closed and earlier not in finals and not any(
            line.gross_fen or line.minutes or line.day_milli or line.detail["problems"]
            for line in projection.wages_of_month(db, project_id, earlier, now)
        )
        answer.append((earlier, idle))
    return answer


def _months(db: Session, project_id: int, end: date, now: datetime) -> list[date]:
    """Every month from the project's first fact until before ``end``, in order."""
    first = min((e.entry_on for e in people.engagements(db, project_id)), default=end)
    first_at = projected.first_passage_at(db, project_id)
    if first_at is not None:
        first = min(first, local(first_at, money.policy(db, project_id)).date())
    first = max(month_of(first), EARLIEST)
    months = []
    while first < end:
        months.append(first)
        first = next_month(first)
    return months


# --- locking and closing -------------------------------------------------------------------------------------


def lock(
    db: Session, *, project_id: int, month: date, by: str, now: datetime, fresh: Fresh | None = None
) -> PeriodInfo:
    """Lock a month: its attendance is complete and decided, and sheets may be drafted. Done twice, it is done once.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: ``month_out_of_range``.
        Conflict: ``period_blocked`` with the first blocker's code and how many there are; ``blockers`` lists them;
            ``period_empty``: nobody was engaged in it. It is closed along with a later one.
    """
    month = _month(month)
    people.project(db, project_id)
    people.lock_project(db, project_id)
    if store.period_state(db, project_id, month) != "open":
        return store.period(db, project_id, month)
    _refuse(_to_lock(db, project_id, month, now, fresh))
    if not peopled(db, project_id, [month]) and not sheets.still(db, project_id, month, now, fresh).lines:
        raise Conflict("period_empty")
    store.lock_period(db, project_id, month, by, now)
    _journal(db, now, by, "period_locked", project_id, month, {})
    return store.period(db, project_id, month)


def close(
    db: Session, *, project_id: int, month: date, by: str, now: datetime, fresh: Fresh | None = None
) -> PeriodInfo:
    """Close a locked month: post every line, keep the fingerprint of all of them. Done twice, it is done once.

    Args:
        fresh: what ``sheets.derive`` answered for the whole month a moment ago; used when nothing has happened since.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: ``month_out_of_range``.
        Conflict: ``period_not_locked``; ``period_blocked``; ``line_tampered``.
    """
    month = _month(month)
    people.project(db, project_id)
    people.lock_project(db, project_id)
    state = store.period_state(db, project_id, month)
    if state == "closed":
        return store.period(db, project_id, month)
    if state == "open":
        raise Conflict("period_not_locked")
    closing = _to_close(db, project_id, month, now, fresh)
    _refuse(closing.blockers)
    for earlier in closing.idle:
        store.lock_period(db, project_id, earlier, by, now)
        store.close_period(db, project_id, earlier, rules.digest(()), by, now)
        _journal(db, now, by, "period_closed", project_id, earlier, {"lines": 0})
    posted: list[tuple[int, date, str]] = []
    events: list[ledger.PostedLine] = []
    for sheet, lines in closing.sheets:
        for line in lines:
            content = line.content
            posted.append((content.engagement_id, content.origin_month, line.line_hash))
            events.append(
                ledger.PostedLine(
                    line_id=line.id,
                    project_id=project_id,
                    project_company_id=sheet.project_company_id,
                    engagement_id=content.engagement_id,
                    month=month,
                    origin_month=content.origin_month,
                    gross_fen=content.gross_fen,
                    deductions_fen=content.deductions_fen,
                    advances_fen=content.advances_fen,
                )
            )
    ledger.post_lines(db, events, by=by, now=now)
    store.close_period(db, project_id, month, rules.digest(posted), by, now)
    _journal(db, now, by, "period_closed", project_id, month, {"lines": len(posted)})
    return store.period(db, project_id, month)


def close_month(
    database: Database, project_id: int, month: date, *, by: str, now: datetime, sharing: Sharing | None = None
) -> PeriodInfo:
    """Close a month: read and compute first, then write, so that no gate waits while five thousand months are added up.

    What arrives in between is noticed, and the month is worked out again.

    Raises:
        NotFound, BadRequest, Conflict: as ``close``.
    """
    with database.read() as db:
        fresh = sheets.derive(db, project_id, _month(month), now, sharing=sharing)
    with database.write() as db:
        return close(db, project_id=project_id, month=month, by=by, now=now, fresh=fresh)


def states(db: Session, project_id: int, now: datetime) -> dict[date, str]:
    """Return every month of a project from its first fact until today, and those with a state -> its state.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    today = local(now, money.policy(db, project_id)).date()
    found = dict.fromkeys(_months(db, project_id, next_month(today), now), "open")
    found |= dict.fromkeys(store.sheet_months(db, project_id), "open")
    return found | {p.month: p.state for p in store.periods(db, project_id)}


def peopled(db: Session, project_id: int, months: Iterable[date]) -> set[date]:
    """Return those of some months in which anybody was engaged on the project, for a day at least."""
    engaged = people.engagements(db, project_id)
    return {
        month for month in months
        if any(e.entry_on < next_month(month) and (e.exit_on is None or max(month, e.entry_on) < e.exit_on) for e in engaged)
    }  # fmt: skip


def overview(db: Session, project_id: int, now: datetime) -> tuple[MonthState, ...]:
    """Return every month of a project from its first fact until today, and those with a state, oldest first.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.project(db, project_id)
    today = local(now, money.policy(db, project_id)).date()
    known = {p.month: p for p in store.periods(db, project_id)}
    of_month: dict[date, list[Any]] = defaultdict(list)
    for team in sheets.sheets_of(db, project_id):
        of_month[team.sheet.month].append(team)
    months = {*_months(db, project_id, next_month(today), now), *known, *of_month}
    return tuple(
        MonthState(
            period=known.get(month) or PeriodInfo(project_id, month),
            sheets=len(of_month[month]),
            approved=sum(team.state is SheetState.APPROVED for team in of_month[month]),
            net_fen=sum(team.net_fen for team in of_month[month]),
        )
        for month in sorted(months)
    )


def _refuse(found: tuple[Blocker, ...]) -> None:
    if found:
        raise Conflict("period_blocked", count=len(found), first=found[0].code)


def _month(month: date) -> date:
    if not EARLIEST <= month < LATEST:
        raise BadRequest("month_out_of_range")
    return month_of(month)


def _journal(
    db: Session, now: datetime, by: str, action: str, project_id: int, month: date, facts: dict[str, Any]
) -> None:
    accounts.journal(
        db,
        at=now,
        actor=by,
        action=action,
        project_id=project_id,
        object=f"pay_period:{month:%Y-%m}",
        facts=facts,
    )
