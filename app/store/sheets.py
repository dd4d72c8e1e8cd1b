"""Wage months, payroll sheets with their lines and steps, the workers' word on them, and settlements.

    period, lock_period, close_period   open -> locked -> closed; a month without a row is open
    add_sheet, latest_sheets, lines     versions of a team's sheet, frozen lines
    add_act, add_confirmation           what people did with it, what the worker said
    posted_lines, posted_sums, applied  what stands on the sheets of closed months
    payable_lines                       what of it may be paid out, and how much already went
    unsettled_lines, posted_totals      the same for pages: the lines that are not plainly paid, and the sums of all
    settlements                         what a leaving worker still gets
    facts_mark                          a value that differs whenever wages may come out otherwise

The *latest* version of a team's sheet counts, and nothing else; no version is added once its month is closed.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.orm import Session, aliased

from app.domain.sheet import (
    Confirmation,
    ItemKind,
    LineContent,
    LineItem,
    Method,
    Verdict,
    allocate_outside,
    line_hash,
    payable,
    recoveries,
)
from app.domain.workdays import month_of
from app.errors import NotFound
from app.store import append, insert_or_leave, once
from app.store.bearing import WAGES
from app.store.kept import kept
from app.tables import (
    AreaRule,
    BankCard,
    BatchAct,
    CalendarDayRow,
    ChainHead,
    Engagement,
    ItemResult,
    JournalEntry,
    MonthWageRow,
    PassageReview,
    PassageRow,
    PaymentBatch,
    PaymentItem,
    PaymentRow,
    PayPeriod,
    PayrollLine,
    PayrollSheet,
    Project,
    SettlementRow,
    SheetAct,
    Team,
    Voiding,
    Worker,
    WorkerConfirmation,
)

_CHUNK = 500
"""Values of one IN list; SQLite takes 32,766."""

# --- months --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PeriodInfo:
    """A wage month of a project."""

    project_id: int
    month: date
    state: str = "open"
    """open, locked or closed."""
    locked_by: str | None = None
    locked_at: datetime | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None
    digest: str | None = None
    """Over the hashes of its posted lines."""


_PERIOD = tuple(PayPeriod.__table__.c[name] for name in PeriodInfo.__dataclass_fields__)


def period(db: Session, project_id: int, month: date) -> PeriodInfo:
    """Return a month of a project; one without a row is open."""
    row = db.execute(select(*_PERIOD).filter_by(project_id=project_id, month=month)).first()
    return PeriodInfo(project_id, month) if row is None else PeriodInfo(*row)


def period_state(db: Session, project_id: int, month: date) -> str:
    """Return ``open``, ``locked`` or ``closed``."""
    return period(db, project_id, month).state


def periods(db: Session, project_id: int) -> tuple[PeriodInfo, ...]:
    """Return the months of a project that have a row, earliest first."""
    rows = db.execute(select(*_PERIOD).where(PayPeriod.project_id == project_id).order_by(PayPeriod.month))
    return tuple(PeriodInfo(*row) for row in rows)


def lock_period(db: Session, project_id: int, month: date, by: str, now: datetime) -> None:
    """Lock a month that is open. The caller holds the project's lock and has looked."""
    insert_or_leave(db, PayPeriod.__table__, project_id=project_id, month=month, state="open")
    _move(db, project_id, month, "open", state="locked", locked_by=by, locked_at=now)


def close_period(db: Session, project_id: int, month: date, digest: str, by: str, now: datetime) -> None:
    """Close a month that is locked, for ever."""
    _move(db, project_id, month, "locked", state="closed", closed_by=by, closed_at=now, digest=digest)


def _move(db: Session, project_id: int, month: date, before: str, **values: Any) -> None:
    db.execute(
        update(PayPeriod.__table__)
        .where(PayPeriod.project_id == project_id, PayPeriod.month == month, PayPeriod.state == before)
        .values(**values)
    )


# --- sheets --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepInfo:
    """A step of a sheet that was done."""

    act: str
    note: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SheetInfo:
    """One version of a team's sheet, with its steps in order."""

    id: int
    project_id: int
    project_company_id: int
    team_id: int
    month: date
    kind: str
    version: int
    digest: str
    drafted_by: str
    drafted_at: datetime
    steps: tuple[StepInfo, ...] = ()


_SHEET = tuple(PayrollSheet.__table__.c[name] for name in SheetInfo.__dataclass_fields__ if name != "steps")
FINAL = "final"
"""最终工资表: the last wages of one who left, written approved, paid before its month closes, posted when it does. A
team has as many in a month as it needs; ``version`` numbers them."""

_Newer = aliased(PayrollSheet)
_IS_FINAL = PayrollSheet.kind == FINAL
_LATEST = or_(
    _IS_FINAL,
    ~exists().where(
        _Newer.team_id == PayrollSheet.team_id,
        _Newer.month == PayrollSheet.month,
        _Newer.kind == PayrollSheet.kind,
        _Newer.version > PayrollSheet.version,
    ),
)


def add_sheet(
    db: Session,
    *,
    project_id: int,
    project_company_id: int,
    team_id: int,
    month: date,
    kind: str,
    version: int,
    digest: str,
    lines: Sequence[tuple[LineContent, str, int | None]],
    by: str,
    now: datetime,
) -> int:
    """Write a version with its lines, (content, hash, bank card); return its id. The caller holds the project's lock."""
    sheet_id = append(
        db,
        PayrollSheet.__table__,
        project_id=project_id,
        project_company_id=project_company_id,
        team_id=team_id,
        month=month,
        kind=kind,
        version=version,
        digest=digest,
        drafted_by=by,
        drafted_at=now,
    )
    if lines:
        db.execute(
            insert(PayrollLine.__table__),
            [
                {
                    "sheet_id": sheet_id,
                    "engagement_id": content.engagement_id,
                    "worker_id": content.worker_id,
                    "origin_month": content.origin_month,
                    "day_milli": content.day_milli,
                    "minutes": content.minutes,
                    "overtime_minutes": content.overtime_minutes,
                    "gross_fen": content.gross_fen,
                    "deductions_fen": content.deductions_fen,
                    "advances_fen": content.advances_fen,
                    "net_fen": content.net_fen,
                    "items": [item.to_json() for item in content.items],
                    "card_id": card_id,
                    "line_hash": hash_,
                }
                for content, hash_, card_id in lines
            ],
        )
    return sheet_id


def sheet(db: Session, sheet_id: int) -> SheetInfo:
    """Return one version of a sheet, of whatever project.

    Raises:
        NotFound: ``sheet_unknown``.
    """
    found = _sheets(db, PayrollSheet.id == sheet_id)
    if not found:
        raise NotFound("sheet_unknown")
    return found[0]


def sheets_by_id(db: Session, sheet_ids: Collection[int]) -> dict[int, SheetInfo]:
    """Return sheet id -> that version of a sheet, of those that there are."""
    return {s.id: s for ids in _chunks(sorted(set(sheet_ids))) for s in _sheets(db, PayrollSheet.id.in_(ids))}


def latest_sheet(db: Session, team_id: int, month: date, kind: str) -> SheetInfo | None:
    """Return the newest version of a team's sheet."""
    found = _sheets(
        db,
        and_(PayrollSheet.team_id == team_id, PayrollSheet.month == month, PayrollSheet.kind == kind, _LATEST),
    )
    return found[0] if found else None


def latest_sheets(
    db: Session, project_id: int, month: date | None = None, *, kind: str | None = None
) -> tuple[SheetInfo, ...]:
    """Return the newest version of every team's sheet of a project, for one month or all, by month and team.

    Args:
        kind: regular or final only.
    """
    wanted = and_(PayrollSheet.project_id == project_id, _LATEST)
    if kind is not None:
        wanted = and_(wanted, PayrollSheet.kind == kind)
    return _sheets(db, wanted if month is None else and_(wanted, PayrollSheet.month == month))


def sheet_months(db: Session, project_id: int) -> list[date]:
    """Return the months of a project with a sheet."""
    return list(db.execute(select(PayrollSheet.month).where(PayrollSheet.project_id == project_id).distinct()).scalars())


def versions(db: Session, team_id: int, month: date, kind: str) -> tuple[SheetInfo, ...]:
    """Return every version of a team's sheet, oldest first."""
    return _sheets(
        db, and_(PayrollSheet.team_id == team_id, PayrollSheet.month == month, PayrollSheet.kind == kind)
    )


def _sheets(db: Session, wanted: Any) -> tuple[SheetInfo, ...]:
    order = (PayrollSheet.month, PayrollSheet.team_id, PayrollSheet.kind, PayrollSheet.version)
    rows = db.execute(select(*_SHEET).where(wanted).order_by(*order)).all()
    steps: dict[int, list[StepInfo]] = defaultdict(list)
    if rows:
        said = (
            select(SheetAct.sheet_id, SheetAct.act, SheetAct.note, SheetAct.by, SheetAct.at)
            .join(PayrollSheet, PayrollSheet.id == SheetAct.sheet_id)
            .where(wanted)
            .order_by(SheetAct.id)
        )
        for sheet_id, *step in db.execute(said):
            steps[sheet_id].append(StepInfo(*step))
    return tuple(SheetInfo(*row, steps=tuple(steps[row.id])) for row in rows)


def add_act(db: Session, sheet_id: int, *, act: str, note: str, by: str, now: datetime) -> bool:
    """Append a step; False when this version has it already."""
    return insert_or_leave(db, SheetAct.__table__, sheet_id=sheet_id, act=str(act), note=note, by=by, at=now)


# --- lines ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineInfo:
    """A line as it was written."""

    id: int
    sheet_id: int
    month: date
    """Of the sheet."""
    content: LineContent
    card_id: int | None
    line_hash: str
    readable: bool = True
    """False when somebody changed its items into what no line ever had."""

    @property
    def is_true(self) -> bool:
        """True when the line is what was signed: it adds up, and its hash is that of its content."""
        return self.readable and self.content.adds_up and line_hash(self.content) == self.line_hash


_LINE = tuple(
    cast(PayrollLine.__table__.c[name], Text) if name == "items" else PayrollLine.__table__.c[name]
    for name in (
        "id", "sheet_id", "engagement_id", "worker_id", "origin_month", "day_milli", "minutes", "overtime_minutes",
        "gross_fen", "deductions_fen", "advances_fen", "net_fen", "items", "card_id", "line_hash",
    )
)  # fmt: skip


def lines(db: Session, sheet_id: int) -> tuple[LineInfo, ...]:
    """Return the lines of a version, by engagement and origin month."""
    return _lines(db, PayrollLine.sheet_id == sheet_id)


def line(db: Session, line_id: int) -> LineInfo:
    """Return one line, of whatever project.

    Raises:
        NotFound: ``line_unknown``.
    """
    found = _lines(db, PayrollLine.id == line_id)
    if not found:
        raise NotFound("line_unknown")
    return found[0]


def _posted(project_id: Any) -> Any:
    """Lines of the sheets of closed months, and of final sheets."""
    closed = exists().where(
        PayPeriod.project_id == PayrollSheet.project_id,
        PayPeriod.month == PayrollSheet.month,
        PayPeriod.state == "closed",
    )
    return and_(PayrollSheet.project_id == project_id, or_(_IS_FINAL, and_(closed, _LATEST)))


def is_posted(db: Session, sheet: SheetInfo) -> bool:
    """True of a sheet whose lines stand in a closed month, or that is final."""
    return db.execute(select(PayrollSheet.id).where(PayrollSheet.id == sheet.id, _posted(sheet.project_id))).first() is not None


def final_lines(db: Session, project_id: int) -> dict[tuple[int, date], list[LineInfo]]:
    """Return (engagement, origin month) -> what final sheets have of it."""
    found: dict[tuple[int, date], list[LineInfo]] = defaultdict(list)
    for line in _lines(db, and_(PayrollSheet.project_id == project_id, _IS_FINAL)):
        found[line.content.engagement_id, line.content.origin_month].append(line)
    return dict(found)


def final_gross(db: Session, project_id: int) -> dict[tuple[int, date], int]:
    """Return (engagement, origin month) -> gross fen that final sheets have of it."""
    rows = db.execute(
        select(PayrollLine.engagement_id, PayrollLine.origin_month, func.sum(PayrollLine.gross_fen))
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(PayrollSheet.project_id == project_id, _IS_FINAL)
        .group_by(PayrollLine.engagement_id, PayrollLine.origin_month)
    )
    return {(engagement_id, origin): int(fen) for engagement_id, origin, fen in rows}


def final_months(db: Session, project_id: int) -> frozenset[date]:
    """Return the months in which final sheets stand."""
    return frozenset(db.execute(select(PayrollSheet.month).where(PayrollSheet.project_id == project_id, _IS_FINAL).distinct()).scalars())


def posted_lines(
    db: Session, project_id: int, *, month: date | None = None, engagements: Collection[int] | None = None
) -> tuple[LineInfo, ...]:
    """Return the lines of closed months, by sheet, engagement and origin month.

    Args:
        month: of the sheet; None for every closed month.
        engagements: only theirs; None for all.
    """
    wanted = _posted(project_id)
    if month is not None:
        wanted = and_(wanted, PayrollSheet.month == month)
    if engagements is None:
        return _lines(db, wanted)
    found: list[LineInfo] = []
    for some in _chunks(sorted(engagements)):
        found += _lines(db, and_(wanted, PayrollLine.engagement_id.in_(some)))
    return tuple(sorted(found, key=lambda i: (i.month, i.sheet_id, i.content.engagement_id, i.content.origin_month)))


def _lines(db: Session, wanted: Any) -> tuple[LineInfo, ...]:
    rows = db.execute(
        select(*_LINE, PayrollSheet.project_id, PayrollSheet.month.label("sheet_month"))
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(wanted)
        .order_by(PayrollSheet.month, PayrollLine.sheet_id, PayrollLine.engagement_id, PayrollLine.origin_month)
    )
    return tuple(_line(*row) for row in rows)


@lru_cache(maxsize=256)
def _line(
    id: int, sheet_id: int, engagement_id: int, worker_id: int, origin_month: date, day_milli: int, minutes: int, overtime_minutes: int,
    gross_fen: int, deductions_fen: int, advances_fen: int, net_fen: int, items: str, card_id: int | None, line_hash: str,
    project_id: int, month: date,
) -> LineInfo:  # fmt: skip
    """A line of a row, read once as long as every character of the row is the same: a month has an item for every day."""
    try:
        read, readable = tuple(LineItem.from_json(stored) for stored in json.loads(items)), True
    except (ValueError, TypeError, KeyError, AttributeError):
        read, readable = (), False
    content = LineContent(
        project_id=project_id,
        engagement_id=engagement_id,
        worker_id=worker_id,
        origin_month=origin_month,
        day_milli=day_milli,
        minutes=minutes,
        overtime_minutes=overtime_minutes,
        gross_fen=gross_fen,
        deductions_fen=deductions_fen,
        advances_fen=advances_fen,
        net_fen=net_fen,
        items=read,
    )
    return LineInfo(id, sheet_id, month, content, card_id, line_hash, readable)


@dataclass(frozen=True, slots=True)
class LineHead:
    """A line without its items: for lists."""

    id: int
    sheet_id: int
    engagement_id: int
    worker_id: int
    origin_month: date
    net_fen: int
    line_hash: str


_HEAD = tuple(PayrollLine.__table__.c[name] for name in LineHead.__dataclass_fields__)


def line_heads(db: Session, sheets: Collection[int]) -> dict[int, tuple[LineHead, ...]]:
    """Return sheet id -> its lines without their items, by engagement and origin month."""
    found: dict[int, list[LineHead]] = {sheet_id: [] for sheet_id in sheets}
    for some in _chunks(sorted(sheets)):
        rows = db.execute(
            select(*_HEAD)
            .where(PayrollLine.sheet_id.in_(some))
            .order_by(PayrollLine.engagement_id, PayrollLine.origin_month)
        )
        for row in rows:
            found[row.sheet_id].append(LineHead(*row))
    return {sheet_id: tuple(heads) for sheet_id, heads in found.items()}


def standing_heads(db: Session, project_id: int, hashes: Collection[str]) -> dict[str, LineHead]:
    """Return line hash -> the line that has it on the newest version of a sheet; hashes that stand nowhere are left out."""
    found: dict[str, LineHead] = {}
    for some in _chunks(sorted(hashes)):
        rows = db.execute(
            select(*_HEAD)
            .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
            .where(PayrollSheet.project_id == project_id, _LATEST, PayrollLine.line_hash.in_(some))
            .order_by(PayrollLine.id)
        )
        found |= {row.line_hash: LineHead(*row) for row in rows}
    return found


def standing_lines_of(db: Session, project_id: int, worker_id: int) -> tuple[LineInfo, ...]:
    """Return a worker's lines on the newest versions of all sheets, the newest month first."""
    return tuple(sorted(
        _lines(db, and_(PayrollSheet.project_id == project_id, PayrollLine.worker_id == worker_id, _LATEST)),
        key=lambda line: (line.month, line.content.origin_month, line.id), reverse=True,
    ))  # fmt: skip


def worked_of_teams(db: Session, project_id: int, month: date) -> dict[int, int]:
    """Return team -> how many of its engagements have man-days in a month, as the projection last had it."""
    rows = db.execute(
        select(Engagement.team_id, func.count(Engagement.id.distinct()))
        .join(MonthWageRow, MonthWageRow.engagement_id == Engagement.id)
        .where(MonthWageRow.project_id == project_id, MonthWageRow.month == month, MonthWageRow.day_milli > 0)
        .group_by(Engagement.team_id)
    )
    return {row[0]: row[1] for row in rows}


def sent_of_sheets(db: Session, sheet_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return sheet -> (lines in a batch whose transfer has not failed or come back, those of them that arrived)."""
    if not sheet_ids:
        return {}
    withdrawn = exists().where(BatchAct.batch_id == PaymentItem.batch_id, BatchAct.act == "withdrawn")
    said = {
        status: exists().where(ItemResult.item_id == PaymentItem.id, ItemResult.status == status)
        for status in ("success", "failed", "returned")
    }
    arrived = case((said["success"], 1), else_=0)
    rows = db.execute(
        select(PayrollLine.sheet_id, PayrollLine.id, func.max(arrived))
        .join(PaymentItem, PaymentItem.line_id == PayrollLine.id)
        .where(PayrollLine.sheet_id.in_(sorted(sheet_ids)), ~withdrawn, ~said["failed"], ~said["returned"])
        .group_by(PayrollLine.sheet_id, PayrollLine.id)
    )
    found: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for sheet_id, _, arrived in rows:
        found[sheet_id][0] += 1
        found[sheet_id][1] += int(arrived)
    return {sheet_id: (batched, paid) for sheet_id, (batched, paid) in found.items()}


def posted_sums(
    db: Session, project_id: int, engagements: Collection[int], *, of: tuple[Collection[int], Collection[date]] | None = None
) -> dict[tuple[int, date], tuple[int, int]]:
    """Return (engagement id, origin month) -> (man-days in thousandths, gross fen) posted so far, over all closed months.

    Args:
        of: the workers whose engagements they are, and the origin months wanted: far fewer rows are read.
    """
    found = {}
    wanted = () if of is None else (PayrollLine.worker_id.in_(sorted(of[0])), PayrollLine.origin_month.in_(sorted(of[1])))
    for some in _chunks(sorted(engagements)):
        rows = db.execute(
            select(
                PayrollLine.engagement_id, PayrollLine.origin_month, func.sum(PayrollLine.day_milli), func.sum(PayrollLine.gross_fen)
            )
            .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
            .where(_posted(project_id), PayrollLine.engagement_id.in_(some), *wanted)
            .group_by(PayrollLine.engagement_id, PayrollLine.origin_month)
        )
        found |= {(engagement_id, origin): (int(days), int(fen)) for engagement_id, origin, days, fen in rows}
    return found


def uneven(db: Session, project_id: int, months: Collection[date]) -> dict[date, set[int]]:
    """Return month -> the workers of whom the projection's rows say, for some engagement, another gross than posted lines do.

    Args:
        months: closed ones.
    """
    earned = (MonthWageRow.worker_id, MonthWageRow.engagement_id, MonthWageRow.month)
    lines = (PayrollLine.worker_id, PayrollLine.engagement_id, PayrollLine.origin_month)
    wanted = sorted(months)
    moved = union_all(
        select(*earned, MonthWageRow.gross_fen.label("fen")).where(MonthWageRow.project_id == project_id, MonthWageRow.month.in_(wanted)),
        select(*lines, -PayrollLine.gross_fen)
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(_posted(project_id), PayrollLine.origin_month.in_(wanted)),
    ).subquery()
    by = (moved.c.worker_id, moved.c.engagement_id, moved.c.month)
    found: dict[date, set[int]] = defaultdict(set)
    for worker_id, _, month in db.execute(select(*by).group_by(*by).having(func.sum(moved.c.fen) != 0)):
        found[month].add(worker_id)
    return dict(found)


def account_sums(
    db: Session, project_id: int, today: date, workers: Collection[int] | None = None
) -> list[tuple[int, int, int, int]]:
    """Return (worker, man-days of this month in thousandths, days to decide, fen owed) by the projection's rows as they are.

    A month that was paid too much pays for no other: each counts by itself.

    Args:
        workers: only theirs, some hundreds at most; None is everybody.
    """
    nothing = literal(0)

    def own(column: Any) -> Any:
        return true() if workers is None else column.in_(sorted(workers))

    moved = union_all(
        select(
            MonthWageRow.worker_id, MonthWageRow.month, MonthWageRow.gross_fen.label("fen"), MonthWageRow.day_milli.label("milli"),
            MonthWageRow.undecided_days.label("undecided"),
        ).where(MonthWageRow.project_id == project_id, own(MonthWageRow.worker_id)),
        select(PaymentRow.worker_id, PaymentRow.for_month, -PaymentRow.amount_fen, nothing, nothing).where(
            PaymentRow.project_id == project_id, PaymentRow.paid_on <= today, own(PaymentRow.worker_id)
        ),
        select(PayrollLine.worker_id, PayrollLine.origin_month, PayrollLine.net_fen - PayrollLine.gross_fen, nothing, nothing)
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(_posted(project_id), PayrollLine.net_fen < PayrollLine.gross_fen, own(PayrollLine.worker_id)),
    ).subquery()  # fmt: skip
    by = (moved.c.worker_id, moved.c.month)
    added = (func.sum(moved.c[name]).label(name) for name in ("fen", "milli", "undecided"))
    left = select(*by, *added).group_by(*by).subquery()
    rows = db.execute(
        select(
            left.c.worker_id,
            func.sum(case((left.c.month == month_of(today), left.c.milli), else_=0)),
            func.sum(left.c.undecided),
            func.sum(case((left.c.fen > 0, left.c.fen), else_=0)),
        ).group_by(left.c.worker_id)
    )
    return [(worker, int(milli), int(days), int(fen)) for worker, milli, days, fen in rows]


def posted_withheld(
    db: Session, project_id: int, *, worker_id: int | None = None, workers: Collection[int] | None = None
) -> dict[tuple[int, date], int]:
    """Return (worker id, origin month) -> fen withheld on the lines of closed months: deductions, advances taken back.

    Args:
        worker_id: only his; None is everybody.
        workers: only theirs.
    """
    wanted = _withheld(worker_id is not None)
    if workers is not None:
        wanted = wanted.where(PayrollLine.worker_id.in_(workers))
    rows = db.execute(wanted, {"project_id": project_id, "worker_id": worker_id})
    return {(worker_id, origin): int(fen) for worker_id, origin, fen in rows}


@cache
def _withheld(of_worker: bool) -> Select[Any]:
    own = PayrollLine.worker_id == bindparam("worker_id") if of_worker else true()
    return (
        select(
            PayrollLine.worker_id,
            PayrollLine.origin_month,
            # As net_adds_up has it: both are in the index of the sums, and no line is read for it.
            func.sum(PayrollLine.gross_fen - PayrollLine.net_fen),
        )
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(_posted(bindparam("project_id")), own, PayrollLine.net_fen < PayrollLine.gross_fen)
        .group_by(PayrollLine.worker_id, PayrollLine.origin_month)
    )


def applied(db: Session, project_id: int) -> dict[tuple[str, int], int]:
    """Return ("advance" | "deduction", row id) -> fen withheld on the lines of closed months; kept until a fact is written."""
    return kept(db, project_id, "applied", lambda: _applied(db, project_id))


def applied_to(db: Session, project_id: int, engagements: Collection[int]) -> dict[tuple[str, int], int]:
    """Return what ``applied`` says, of the lines of these engagements alone."""
    return _applied(db, project_id, PayrollLine.engagement_id.in_(sorted(engagements)))


def _applied(db: Session, project_id: int, *wanted: Any) -> dict[tuple[str, int], int]:
    rows = db.execute(
        select(PayrollLine.items)
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(_posted(project_id), PayrollLine.net_fen < PayrollLine.gross_fen, *wanted)
    ).scalars()
    found: dict[tuple[str, int], int] = defaultdict(int)
    for items in rows:
        for item in items:
            if item["kind"] in (ItemKind.ADVANCE, ItemKind.DEDUCTION):
                found[item["kind"], item["row_id"]] -= item["amount_fen"]
    return dict(found)


@dataclass(frozen=True, slots=True)
class Listed:
    """Whose line it is, for showing."""

    engagement_id: int
    worker_id: int
    name: str
    trade: str | None
    entry_on: date
    exit_on: date | None

    def __repr__(self) -> str:
        return f"Listed(engagement_id={self.engagement_id})"


def listed(db: Session, engagements: Collection[int]) -> dict[int, Listed]:
    """Return engagement id -> the person behind it."""
    found: dict[int, Listed] = {}
    for some in _chunks(sorted(engagements)):
        rows = db.execute(
            select(
                Engagement.id, Engagement.worker_id, Worker.name, Engagement.trade, Engagement.entry_on, Engagement.exit_on
            )
            .join(Worker, Worker.id == Engagement.worker_id)
            .where(Engagement.id.in_(some))
        )
        found |= {row.id: Listed(*row) for row in rows}
    return found


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belonged to a team on some day of a month."""

    id: int
    """Of the engagement."""
    worker_id: int
    name: str
    trade: str | None
    team_id: int
    team_name: str
    entry_on: date
    exit_on: date | None


def members(db: Session, project_id: int, first: date, end: date, team_id: int | None = None) -> list[Member]:
    """Return the engagements of a project, or a team, that cover a day of [first, end), by id."""
    return [Member(*row) for row in db.execute(_members(team_id is not None), {"project_id": project_id, "first": first, "end": end, "team_id": team_id})]


@cache
def _members(of_team: bool) -> Select[Any]:
    wanted = [
        Engagement.project_id == bindparam("project_id"), Engagement.entry_on < bindparam("end"),
        or_(Engagement.exit_on.is_(None), Engagement.exit_on > bindparam("first")),
    ]  # fmt: skip
    if of_team:
        wanted.append(Engagement.team_id == bindparam("team_id"))
    return (
        select(
            Engagement.id, Engagement.worker_id, Worker.name, Engagement.trade, Engagement.team_id, Team.name, Engagement.entry_on,
            Engagement.exit_on,
        )
        .join(Worker, Worker.id == Engagement.worker_id)
        .join(Team, Team.id == Engagement.team_id)
        .where(*wanted)
        .order_by(Engagement.id)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class EngagementPlace:
    """Where an engagement belongs: a value the domain's ``Engagement`` has no room for."""

    id: int
    worker_id: int
    project_id: int
    project_company_id: int
    team_id: int
    team_name: str
    entry_on: date
    exit_on: date | None


def places(db: Session, project_id: int) -> dict[int, EngagementPlace]:
    """Return engagement id -> its place, for every engagement of a project."""
    return once(db, ("places", project_id), lambda: _places(db, project_id))


def _places(db: Session, project_id: int) -> dict[int, EngagementPlace]:
    rows = db.execute(
        select(
            Engagement.id, Engagement.worker_id, Engagement.project_id, Engagement.project_company_id,
            Engagement.team_id, Team.name, Engagement.entry_on, Engagement.exit_on,
        )
        .join(Team, Team.id == Engagement.team_id)
        .where(Engagement.project_id == project_id)
        .order_by(Engagement.id)
    )  # fmt: skip
    return {row.id: EngagementPlace(*row) for row in rows}


def cards(db: Session, workers: Collection[int]) -> dict[int, int]:
    """Return worker id -> id of the bank card he is paid to: his newest that is not voided."""
    found: dict[int, int] = {}
    voided = exists().where(Voiding.kind == "bank_card", Voiding.row_id == BankCard.id)
    for some in _chunks(sorted(workers)):
        rows = db.execute(
            select(BankCard.worker_id, func.max(BankCard.id))
            .where(BankCard.worker_id.in_(some), ~voided)
            .group_by(BankCard.worker_id)
        )
        found |= {row[0]: row[1] for row in rows}
    return found


# --- the worker's word ---------------------------------------------------------------------------------------

_CONFIRMATION = tuple(WorkerConfirmation.__table__.c[name] for name in Confirmation.__dataclass_fields__)


def add_confirmation(
    db: Session,
    *,
    project_id: int,
    worker_id: int,
    subject: str,
    content_hash: str,
    verdict: str,
    claimed_fen: int | None,
    reason: str,
    method: str,
    evidence: Sequence[int],
    by: str,
    now: datetime,
) -> int:
    """Append a worker's word on a ``line`` or ``settlement``; return its id."""
    return append(
        db,
        WorkerConfirmation.__table__,
        project_id=project_id,
        worker_id=worker_id,
        subject=subject,
        content_hash=content_hash,
        verdict=str(verdict),
        claimed_fen=claimed_fen,
        reason=reason,
        method=str(method),
        evidence=list(evidence),
        recorded_by=by,
        at=now,
    )


def confirmations(db: Session, project_id: int, subject: str, hashes: Iterable[str]) -> dict[str, Confirmation]:
    """Return content hash -> the worker's latest word on it."""
    found: dict[str, Confirmation] = {}
    for some in _chunks(sorted(set(hashes))):
        rows = db.execute(
            select(*_CONFIRMATION)
            .where(
                WorkerConfirmation.project_id == project_id,
                WorkerConfirmation.subject == subject,
                WorkerConfirmation.content_hash.in_(some),
            )
            .order_by(WorkerConfirmation.id)
        )
        found |= {row.content_hash: _confirmation(row) for row in rows}
    return found


def confirmations_of_worker(db: Session, project_id: int, worker_id: int) -> tuple[Confirmation, ...]:
    """Return everything a worker said on a project, oldest first."""
    rows = db.execute(
        select(*_CONFIRMATION)
        .where(WorkerConfirmation.project_id == project_id, WorkerConfirmation.worker_id == worker_id)
        .order_by(WorkerConfirmation.id)
    )
    return tuple(_confirmation(row) for row in rows)


def _confirmation(row: Any) -> Confirmation:
    return Confirmation(
        id=row.id,
        worker_id=row.worker_id,
        content_hash=row.content_hash,
        verdict=Verdict(row.verdict),
        claimed_fen=row.claimed_fen,
        reason=row.reason,
        method=Method(row.method),
        evidence=tuple(row.evidence),
        recorded_by=row.recorded_by,
        at=row.at,
    )


# --- what may be paid ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PayableLine:
    """A line of a closed month, and what of it may be paid out. For a net above 0:
    ``payable + held + recovered == net``."""

    line_id: int
    sheet_id: int
    project_company_id: int
    engagement_id: int
    worker_id: int
    origin_month: date
    month: date
    """Of the sheet."""
    net_fen: int
    payable_fen: int
    """What the worker's word lets go out, all in all."""
    held_fen: int
    """Waits for his signature, or is the disputed part."""
    sent_fen: int
    """On its way through the bank, arrived, or received outside the special account."""
    paid_fen: int = 0
    """Of ``sent_fen``: arrived, or received outside."""
    outside_fen: int = 0
    """Of ``paid_fen``: received outside the special account."""
    recovered_fen: int = 0
    """Set against an agreed negative line of the same engagement."""
    gross_fen: int = 0
    """Before anything is withheld."""

    @property
    def open_fen(self) -> int:
        """What the next batch may carry."""
        return max(0, self.payable_fen - self.sent_fen)

    @property
    def owed_fen(self) -> int:
        """What the worker has not received yet, signed or not."""
        return max(0, self.net_fen - self.recovered_fen - self.paid_fen)


def payable_lines(
    db: Session, project_id: int, *, workers: Collection[int] | None = None
) -> tuple[PayableLine, ...]:
    """Return every line of the closed months of a project, by month, sheet, engagement and origin month.

    Money received outside the special account for a month is set against that worker's lines of the month, as far as
    the bank has not carried them, so that it is not paid again; a surplus is not set against other months.

    Args:
        workers: only theirs; None for everybody.
    """
    of_workers = true() if workers is None else PayrollLine.worker_id.in_(sorted(workers))
    rows = _posted_rows(db, project_id, of_workers)
    return _payable(db, project_id, rows, _moved(db, project_id, workers), paid_outside(db, project_id))


def unsettled_lines(db: Session, project_id: int) -> tuple[PayableLine, ...]:
    """Return those of ``payable_lines`` that are not plainly paid, and every line that has to do with one of them.

    Plainly paid is a line that came to 0 or more and of which exactly that arrived through the bank, when nothing else bears on it:
    no line of its engagement is below 0, and nothing was received outside for its worker and month. Of such a line all of the net
    is ``paid_fen``, and nothing is owed, outside or recovered. After a year these are nearly all, and the database leaves them out.
    What it found is kept (``store.kept``).
    """
    return kept(db, project_id, "unsettled lines", lambda: _unsettled_lines(db, project_id))


def _unsettled_lines(db: Session, project_id: int) -> tuple[PayableLine, ...]:
    arrived = _arrived(project_id)
    lines = (
        select(PayrollLine.id.label("line_id"), PayrollLine.net_fen.label("fen"))
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(_posted(project_id))
    )
    moved = union_all(lines, arrived).subquery()
    uneven = select(moved.c.line_id).group_by(moved.c.line_id).having(func.sum(moved.c.fen) != 0)
    found = set(db.execute(uneven).scalars())
    outside = {key: fen for key, fen in paid_outside(db, project_id).items() if fen}
    rows: dict[int, Any] = {}
    for some in _chunks(sorted(found)):
        rows |= {row.id: row for row in _posted_rows(db, project_id, PayrollLine.id.in_(some))}
    below = {row.engagement_id for row in rows.values() if row.net_fen < 0}
    for some in _chunks(sorted(below)):
        rows |= {row.id: row for row in _posted_rows(db, project_id, PayrollLine.engagement_id.in_(some))}
    for some in _chunks(sorted({worker_id for worker_id, _ in outside})):
        own = _posted_rows(db, project_id, PayrollLine.worker_id.in_(some))
        rows |= {row.id: row for row in own if (row.worker_id, row.origin_month) in outside}
    whole = sorted(rows.values(), key=lambda row: (row.month, row.sheet_id, row.engagement_id, row.origin_month))
    return _payable(db, project_id, whole, _moved(db, project_id, lines=list(rows)), outside)


def posted_totals(db: Session, project_id: int) -> dict[date, tuple[int, int]]:
    """Return origin month -> (gross, net fen) of everything that stands on lines of closed months."""
    rows = db.execute(
        select(PayrollLine.origin_month, func.sum(PayrollLine.gross_fen), func.sum(PayrollLine.net_fen))
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(_posted(project_id))
        .group_by(PayrollLine.origin_month)
    )
    return {month: (int(gross), int(net)) for month, gross, net in rows}


def _posted_rows(db: Session, project_id: int, wanted: Any) -> Sequence[Any]:
    return db.execute(
        select(
            PayrollLine.id,
            PayrollLine.sheet_id,
            PayrollSheet.project_company_id,
            PayrollLine.engagement_id,
            PayrollLine.worker_id,
            PayrollLine.origin_month,
            PayrollSheet.month.label("month"),
            PayrollLine.net_fen,
            PayrollLine.line_hash,
            PayrollLine.gross_fen,
        )
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(_posted(project_id), wanted)
        .order_by(PayrollSheet.month, PayrollLine.sheet_id, PayrollLine.engagement_id, PayrollLine.origin_month)
    ).all()


def _payable(
    db: Session, project_id: int, rows: Sequence[Any], moved: Mapping[int, tuple[int, int]], received: Mapping[tuple[int, date], int]
) -> tuple[PayableLine, ...]:
    """What may be paid of lines, when all that bear on each other are among them."""
    if not rows:
        return ()
    said = confirmations(db, project_id, "line", (row.line_hash for row in rows))
    recovered: dict[int, int] = {}
    of_engagement: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        of_engagement[row.engagement_id].append(row)
    for own in of_engagement.values():
        if any(row.net_fen < 0 for row in own):
            recovered |= recoveries([(row.id, row.month, row.origin_month, row.net_fen) for row in own])
    outside: dict[int, int] = {}
    of_month: dict[tuple[int, date], list[Any]] = defaultdict(list)
    for row in rows:
        of_month[row.worker_id, row.origin_month].append(row)
    for key, fen in received.items():
        if fen > 0 and key in of_month:
            room = [(row.id, row.net_fen - recovered.get(row.id, 0) - moved.get(row.id, (0, 0))[0]) for row in of_month[key]]
            outside |= allocate_outside(room, fen)
    answer = []
    for row in rows:
        taken = recovered.get(row.id, 0)
        pay, held = payable(row.net_fen - taken, said.get(row.line_hash))
        sent, arrived = moved.get(row.id, (0, 0))
        got = outside.get(row.id, 0)
        answer.append(
            PayableLine(
                *row[:8], pay, held, sent + got,
                paid_fen=arrived + got, outside_fen=got, recovered_fen=taken, gross_fen=row.gross_fen,
            )
        )  # fmt: skip
    return tuple(answer)


def paid_outside(db: Session, project_id: int) -> dict[tuple[int, date], int]:
    """Return (worker id, month the money was for) -> fen received outside the special account."""
    rows = db.execute(
        select(PaymentRow.worker_id, PaymentRow.for_month, func.sum(PaymentRow.amount_fen))
        .where(PaymentRow.project_id == project_id, PaymentRow.channel != "account")
        .group_by(PaymentRow.worker_id, PaymentRow.for_month)
    )
    return {(worker_id, month): int(fen) for worker_id, month, fen in rows}


def _arrived(project_id: int) -> Select[Any]:
    """(line, fen less than 0) of every transfer that arrived and did not come back."""
    other = aliased(ItemResult)
    back = exists().where(other.item_id == PaymentItem.id, other.status.in_(("failed", "returned")))
    withdrawn = exists().where(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == "withdrawn")
    return (
        select(PaymentItem.line_id, -PaymentItem.amount_fen)
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .join(ItemResult, and_(ItemResult.item_id == PaymentItem.id, ItemResult.status == "success"))
        .where(PaymentBatch.project_id == project_id, ~withdrawn, ~back)
    )


def _moved(
    db: Session, project_id: int, workers: Collection[int] | None = None, *, lines: Collection[int] | None = None
) -> dict[int, tuple[int, int]]:
    """Line of everybody, of some workers, or of some -> (fen in batches that are not withdrawn and did not come back, of that fen that arrived)."""
    if lines is not None:
        found: dict[int, tuple[int, int]] = {}
        for some in _chunks(sorted(lines)):
            found |= _moved_where(db, project_id, PaymentItem.line_id.in_(some))
        return found
    return _moved_where(db, project_id, true() if workers is None else _of_workers(workers))


def _moved_where(db: Session, project_id: int, wanted: Any) -> dict[int, tuple[int, int]]:
    withdrawn = exists().where(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == "withdrawn")
    back = exists().where(ItemResult.item_id == PaymentItem.id, ItemResult.status.in_(("failed", "returned")))
    arrived = exists().where(ItemResult.item_id == PaymentItem.id, ItemResult.status == "success")
    rows = db.execute(
        select(
            PaymentItem.line_id,
            func.sum(PaymentItem.amount_fen),
            func.sum(case((arrived, PaymentItem.amount_fen), else_=0)),
        )
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .where(PaymentBatch.project_id == project_id, ~withdrawn, ~back, wanted)
        .group_by(PaymentItem.line_id)
    )
    return {line_id: (int(sent), int(got)) for line_id, sent, got in rows}


def _of_workers(workers: Collection[int]) -> Any:
    return PaymentItem.line_id.in_(select(PayrollLine.id).where(PayrollLine.worker_id.in_(sorted(workers))))


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer of a line, and what became of it."""

    item_id: int
    batch_id: int
    batch_no: str
    line_id: int
    engagement_id: int
    amount_fen: int
    card_id: int
    acts: tuple[str, ...]
    """Of the batch."""
    results: tuple[tuple[str, str | None, date], ...]
    """(status, code, date) as the bank said."""


def transfers(db: Session, *, line_id: int | None = None, item_id: int | None = None) -> tuple[Transfer, ...]:
    """Return the transfers of a line, or one transfer, oldest first."""
    wanted = PaymentItem.line_id == line_id if line_id is not None else PaymentItem.id == item_id
    rows = db.execute(
        select(
            PaymentItem.id, PaymentItem.batch_id, PaymentBatch.batch_no, PaymentItem.line_id, PaymentItem.engagement_id,
            PaymentItem.amount_fen, PaymentItem.card_id,
        )
        .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
        .where(wanted)
        .order_by(PaymentItem.id)
    ).all()  # fmt: skip
    answer = []
    for row in rows:
        acts = db.execute(select(BatchAct.act).where(BatchAct.batch_id == row.batch_id).order_by(BatchAct.id)).scalars()
        results = db.execute(
            select(ItemResult.status, ItemResult.code, ItemResult.happened_on)
            .where(ItemResult.item_id == row.id)
            .order_by(ItemResult.id)
        )
        answer.append(Transfer(*row, acts=tuple(acts), results=tuple(tuple(r) for r in results)))
    return tuple(answer)


def payment_item(db: Session, project_id: int, payment_id: int) -> tuple[int | None, int | None]:
    """Return (item id, payment it takes back) of a payment of a project.

    Raises:
        NotFound: ``payment_unknown``.
    """
    row = db.execute(
        select(PaymentRow.item_id, PaymentRow.reverses_id).filter_by(id=payment_id, project_id=project_id)
    ).first()
    if row is None:
        raise NotFound("payment_unknown")
    return row.item_id, row.reverses_id


# --- settlements ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SettlementInfo:
    """退场结算, as it was frozen."""

    id: int
    engagement_id: int
    exit_on: date
    accrued_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    months: tuple[Mapping[str, Any], ...]
    content_hash: str
    made_by: str
    made_at: datetime


_SETTLEMENT = tuple(SettlementRow.__table__.c[name] for name in SettlementInfo.__dataclass_fields__)


def add_settlement(
    db: Session,
    *,
    engagement_id: int,
    exit_on: date,
    accrued_fen: int,
    withheld_fen: int,
    paid_fen: int,
    owed_fen: int,
    months: Sequence[Mapping[str, Any]],
    content_hash: str,
    by: str,
    now: datetime,
) -> int:
    """Append a settlement; return its id. The latest of an engagement counts."""
    return append(
        db,
        SettlementRow.__table__,
        engagement_id=engagement_id,
        exit_on=exit_on,
        accrued_fen=accrued_fen,
        withheld_fen=withheld_fen,
        paid_fen=paid_fen,
        owed_fen=owed_fen,
        months=[dict(month) for month in months],
        content_hash=content_hash,
        made_by=by,
        made_at=now,
    )


def settlement(db: Session, settlement_id: int) -> SettlementInfo:
    """Return one settlement, of whatever project.

    Raises:
        NotFound: ``settlement_unknown``.
    """
    row = db.execute(select(*_SETTLEMENT).where(SettlementRow.id == settlement_id)).first()
    if row is None:
        raise NotFound("settlement_unknown")
    return _settlement(row)


def settlements(db: Session, project_id: int) -> dict[int, SettlementInfo]:
    """Return engagement id -> its latest settlement."""
    rows = db.execute(
        select(*_SETTLEMENT)
        .join(Engagement, Engagement.id == SettlementRow.engagement_id)
        .where(Engagement.project_id == project_id)
        .order_by(SettlementRow.id)
    )
    return {row.engagement_id: _settlement(row) for row in rows}


def _settlement(row: Any) -> SettlementInfo:
    return SettlementInfo(*row[:7], tuple(row.months), *row[8:])


# --- whether anything happened -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FactsMark:
    """What had happened on a project at an instant, as far as wages go."""

    passages: int
    """Number of the last passage."""
    others: tuple[Any, ...]


def facts_mark(db: Session, project_id: int) -> FactsMark:
    """Return how far the facts of a project go. Cheap.

    Passages move the chain; a guard's word, the calendar and the county's numbers have rows of their own; everything
    else that bears on wages (``bearing.WAGES``) leaves a line in the project's journal.
    """
    passages = db.execute(select(ChainHead.seq).where(ChainHead.project_id == project_id)).scalar() or 0
    others = (
        select(func.max(JournalEntry.id)).where(
            JournalEntry.project_id == project_id, JournalEntry.action.in_(sorted(WAGES))
        ),
        select(func.max(PassageReview.id)),
        select(func.max(CalendarDayRow.id)),
        select(func.max(AreaRule.id)),
    )
    return FactsMark(passages, tuple(db.execute(query).scalar() for query in others))


def money_mark(db: Session, project_id: int) -> tuple[Any, ...]:
    """Return how far money and words go: sheets and their steps, words, settlements, transfers, payments, months. Cheap.

    The numbers are of the whole service: something of another project moves the mark too, and nothing of this one fails to.
    """
    tables = (PayrollSheet, SheetAct, WorkerConfirmation, SettlementRow, PaymentItem, BatchAct, ItemResult, PaymentRow, Engagement)
    numbers = db.execute(select(*(select(func.max(table.id)).scalar_subquery() for table in tables))).one()
    states = db.execute(select(PayPeriod.month, PayPeriod.state).where(PayPeriod.project_id == project_id).order_by(PayPeriod.month))
    exits = select(func.count(Engagement.exit_on), func.max(Engagement.exit_on)).where(Engagement.project_id == project_id)
    return (*numbers, *(tuple(row) for row in states), *db.execute(exits).one(), pay_day(db, project_id))


def unchanged(db: Session, project_id: int, mark: FactsMark, before_at: datetime) -> bool:
    """True when nothing has happened since ``mark`` that concerns the time before ``before_at``.

    Gates go on all day; a passage of today says nothing about a month that is over.
    """
    now = facts_mark(db, project_id)
    if now.others != mark.others:
        return False
    if now.passages == mark.passages:
        return True
    late = select(PassageRow.id).where(
        PassageRow.project_id == project_id, PassageRow.seq > mark.passages, PassageRow.occurred_at < before_at
    )
    return db.execute(late.limit(1)).first() is None


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def pay_day(db: Session, project_id: int) -> int:
    """Return the day of the following month on which a project's wages are due (发薪日), 1 to 31."""
    return db.execute(_PAY_DAY, {"project_id": project_id}).scalar_one()


_PAY_DAY = select(Project.pay_day).where(Project.id == bindparam("project_id"))
