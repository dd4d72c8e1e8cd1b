"""Rows of the projection, and the facts of a few workers at a time.

The projection (``attendance_day``, ``month_wage``) holds nothing that is not worked out from facts; whoever
doubts it deletes it. Reading facts is what it costs most to make, so passages are read by the driver itself,
past the types of the mapper: 600,000 of them a month at a large project.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, Text, bindparam, cast, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.domain.facts import Channel, Direction, Passage, Verdict
from app.store import insert_or_leave
from app.tables import (
    AttendanceDay,
    ChainHead,
    CorrectionRow,
    Engagement,
    MonthWageRow,
    PassageReview,
    PassageRow,
    ProjectionMark,
    StaleDay,
)

_DIRECTIONS = {str(d): d for d in Direction}
_CHANNELS = {str(c): c for c in Channel}
_VERDICTS = {str(v): v for v in Verdict}

_DAY = AttendanceDay.__table__
_MONTH = MonthWageRow.__table__
_HEAD = ChainHead.__table__
_MARK = ProjectionMark.__table__
_STALE = StaleDay.__table__
_PROJECT = bindparam("project_id")
# Statements without choices are built once: every page asks them, and putting one together costs more than its rows.


# --- facts -----------------------------------------------------------------------------------------------------


def passages_of(
    db: Session, project_id: int, workers: Sequence[int], from_at: datetime | None, to_at: datetime
) -> list[Passage]:
    """Return the passages of some workers that occurred in [from_at, to_at), by worker, then time, reviews joined.

    Args:
        workers: ascending ids; at most a thousand at once.
        from_at: None for all from the beginning.
    """
    sqlite = db.get_bind().dialect.name == "sqlite"
    made: list[Passage] = []
    directions, channels, verdicts = _DIRECTIONS, _CHANNELS, _VERDICTS
    reviews = (
        select(PassageReview.passage_id, PassageReview.confirmed)
        .join(PassageRow, PassageRow.id == PassageReview.passage_id)
        .where(PassageRow.project_id == project_id, PassageRow.worker_id.in_(workers), PassageRow.occurred_at < to_at)
    )
    if from_at is not None:
        reviews = reviews.where(PassageRow.occurred_at >= from_at)
    reviewed: dict[int, bool] = dict(map(tuple, db.execute(reviews)))
    for row in raw_passages(db, project_id, workers, from_at, to_at):
        id_, worker_id, gate_id, direction, at, channel, verdict, code = row
        if sqlite:
            # Text of the UTC wall clock; see app.tables.base.Instant.
            at = datetime.fromisoformat(at + "+00:00")
        made.append(
            Passage(
                id_, worker_id, gate_id, directions[direction], at, channels[channel], verdicts[verdict], code,
                reviewed.get(id_),
            )
        )
    return made


def raw_passages(
    db: Session, project_id: int, workers: Sequence[int], from_at: datetime | None, to_at: datetime
) -> Iterable[Any]:
    """Give the same passages as the driver gives them: what ``bench.wages`` calls a bare read."""
    since = "AND occurred_at >= :from_at" if from_at is not None else ""
    statement = text(
        "SELECT id, worker_id, gate_id, direction, occurred_at, channel, verdict, code FROM passage "
        f"WHERE project_id = :project AND worker_id IN :workers {since} AND occurred_at < :to_at "
        "ORDER BY worker_id, occurred_at, id"
    ).bindparams(bindparam("workers", expanding=True))
    sqlite = db.get_bind().dialect.name == "sqlite"

    def stamp(at: datetime) -> Any:
        # As SQLAlchemy writes a datetime to SQLite, so that text compares like time.
        at = at.astimezone(UTC)
        return at.strftime("%Y-%m-%d %H:%M:%S.%f") if sqlite else at

    values: dict[str, Any] = {"project": project_id, "workers": list(workers), "to_at": stamp(to_at)}
    if from_at is not None:
        values["from_at"] = stamp(from_at)
    return db.execute(statement, values).cursor.fetchall() if sqlite else db.execute(statement, values)


def workers(db: Session, project_id: int) -> list[int]:
    """Return everybody who was ever engaged or recognised on a project, ascending."""
    engaged = select(Engagement.worker_id).where(Engagement.project_id == project_id)
    seen = select(PassageRow.worker_id).where(
        PassageRow.project_id == project_id, PassageRow.worker_id.is_not(None)
    )
    return sorted(db.execute(engaged.union(seen)).scalars())


def changed_since(db: Session, project_id: int, seq: int) -> dict[int, datetime]:
    """Return the workers of the passages after number ``seq``, each with the earliest time of those."""
    if chain_seq(db, project_id) <= seq:
        return {}
    # Grouped here and not there: a planner that groups by worker reads every passage there ever was.
    rows = db.execute(
        select(PassageRow.worker_id, PassageRow.occurred_at)
        .where(PassageRow.project_id == project_id, PassageRow.seq > seq)
        .order_by(PassageRow.seq)
    )
    found: dict[int, datetime] = {}
    for worker_id, at in rows:
        if worker_id is not None and (worker_id not in found or at < found[worker_id]):
            found[worker_id] = at
    return found


def late(db: Session, project_id: int, seq: int, at: datetime) -> bool:
    """True when a passage after number ``seq`` occurred at an instant or before it."""
    return db.execute(_LATE, {"project_id": project_id, "seq": seq, "at": at}).first() is not None


_LATE = (
    select(PassageRow.id)
    .where(PassageRow.project_id == _PROJECT, PassageRow.seq > bindparam("seq"), PassageRow.occurred_at <= bindparam("at"))
    .limit(1)
)


def _aware(at: datetime | str) -> datetime:
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def first_passage_at(db: Session, project_id: int) -> datetime | None:
    """Return when the first passage of a project occurred; None before there is one."""
    at = db.execute(select(func.min(PassageRow.occurred_at)).where(PassageRow.project_id == project_id)).scalar()
    return None if at is None else _aware(at)


# --- what is stale ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stale:
    """Days whose inputs other than passages changed."""

    id: int
    worker_id: int | None
    from_on: date
    to_on: date | None


def stale(db: Session, project_id: int) -> list[Stale]:
    """Return what was marked as stale and not projected since."""
    return [Stale(*row) for row in db.execute(_STALE_OF, {"project_id": project_id})]


_STALE_OF = (
    select(_STALE.c.id, _STALE.c.worker_id, _STALE.c.from_on, _STALE.c.to_on)
    .where(_STALE.c.project_id == _PROJECT)
    .order_by(_STALE.c.id)
)


def clear_stale(db: Session, ids: Collection[int]) -> None:
    """Forget marks that have been dealt with."""
    if ids:
        db.execute(delete(StaleDay.__table__).where(StaleDay.id.in_(ids)))


def expired(db: Session, project_id: int, now: datetime) -> dict[int, date]:
    """Return the workers with rows that the passing of time has changed, each with the earliest date."""
    found: dict[int, date] = {}
    for worker_id, day in db.execute(_EXPIRED, {"project_id": project_id, "now": now}):
        found[worker_id] = min(day, found.get(worker_id, day))
    return found


# Not grouped here: SQLite would walk along every day of the project, worker by worker, to be spared a sort of these few.
_EXPIRED = select(_DAY.c.worker_id, _DAY.c.work_date).where(_DAY.c.project_id == _PROJECT, _DAY.c.alive_until <= bindparam("now"))


def mark(db: Session, project_id: int) -> int | None:
    """Return the number of the last passage in the projection; None when there is no projection."""
    return db.execute(_MARK_OF, {"project_id": project_id}).scalar()


def marks_of_each(db: Session, projects: Collection[int]) -> dict[int, tuple[str, int, datetime]]:
    """Return project -> what differs after every refresh that may have written a row; projects without a projection are left out."""
    found = db.execute(_MARKS_OF_EACH, {"projects": list(projects)})
    return {project_id: (run, seq, at) for project_id, run, seq, at in found}


_MARKS_OF_EACH = select(_MARK.c.project_id, _MARK.c.run, _MARK.c.passage_seq, _MARK.c.at).where(
    _MARK.c.project_id.in_(bindparam("projects", expanding=True))
)
_MARK_OF = select(_MARK.c.passage_seq).where(_MARK.c.project_id == _PROJECT)


def begin(db: Session, project_id: int, run: str, now: datetime) -> None:
    """Take the projection of a project over; an older run finds that out before it writes again."""
    insert_or_leave(db, ProjectionMark.__table__, project_id=project_id, passage_seq=-1, run=run, at=now)
    db.execute(update(ProjectionMark.__table__).where(ProjectionMark.project_id == project_id).values(run=run))


def is_ours(db: Session, project_id: int, run: str) -> bool:
    """True while no other run has taken over; the row stays locked until the transaction ends."""
    owner = db.execute(select(ProjectionMark.run).filter_by(project_id=project_id).with_for_update()).scalar()
    return owner == run


def finish(db: Session, project_id: int, seq: int, now: datetime) -> None:
    """Say up to which passage the projection goes now."""
    db.execute(
        update(ProjectionMark.__table__)
        .where(ProjectionMark.project_id == project_id)
        .values(passage_seq=seq, at=now)
    )


def chain_seq(db: Session, project_id: int) -> int:
    """Return the number of the last passage; 0 before there is one."""
    return db.execute(_HEAD_OF, {"project_id": project_id}).scalar() or 0


_HEAD_OF = select(_HEAD.c.seq).where(_HEAD.c.project_id == _PROJECT)


# --- rows ------------------------------------------------------------------------------------------------------

Key = tuple[Any, ...]


def day_digests(
    db: Session, project_id: int, workers: Collection[int], from_on: date, to_on: date
) -> dict[Key, tuple[str, int]]:
    """Return (worker, work date) -> (digest, revision) of the rows there are in [from_on, to_on)."""
    rows = db.execute(
        select(_DAY.c.worker_id, _DAY.c.work_date, _DAY.c.digest, _DAY.c.rev).where(
            _DAY.c.project_id == project_id,
            _DAY.c.worker_id.in_(workers),
            _DAY.c.work_date >= from_on,
            _DAY.c.work_date < to_on,
        )
    )
    return {(worker_id, day): (digest, rev) for worker_id, day, digest, rev in rows}


def month_digests(
    db: Session, project_id: int, workers: Collection[int], from_on: date, to_on: date
) -> dict[Key, tuple[str, int]]:
    """Return (worker, month, engagement) -> (digest, revision) of the rows there are in [from_on, to_on)."""
    rows = db.execute(
        select(_MONTH.c.worker_id, _MONTH.c.month, _MONTH.c.engagement_id, _MONTH.c.digest, _MONTH.c.rev).where(
            _MONTH.c.project_id == project_id,
            _MONTH.c.worker_id.in_(workers),
            _MONTH.c.month >= from_on,
            _MONTH.c.month < to_on,
        )
    )
    return {(w, m, e): (digest, rev) for w, m, e, digest, rev in rows}


def replace_days(db: Session, project_id: int, gone: Iterable[Key], rows: Sequence[Mapping[str, Any]]) -> None:
    """Delete the days ``gone`` and write ``rows`` in their place; keys are (worker, work date)."""
    by_worker: dict[int, list[date]] = defaultdict(list)
    for worker_id, day in gone:
        by_worker[worker_id].append(day)
    for worker_id, days in by_worker.items():
        db.execute(
            delete(_DAY).where(
                _DAY.c.project_id == project_id, _DAY.c.worker_id == worker_id, _DAY.c.work_date.in_(days)
            )
        )
    if rows:
        db.execute(insert(_DAY), list(rows))


def replace_months(db: Session, project_id: int, gone: Iterable[Key], rows: Sequence[Mapping[str, Any]]) -> None:
    """Delete the months ``gone`` and write ``rows`` in their place; keys are (worker, month, engagement)."""
    for worker_id, month, engagement_id in gone:
        db.execute(
            delete(_MONTH).where(
                _MONTH.c.project_id == project_id,
                _MONTH.c.worker_id == worker_id,
                _MONTH.c.month == month,
                _MONTH.c.engagement_id == engagement_id,
            )
        )
    if rows:
        db.execute(insert(_MONTH), list(rows))


class Written(Mapping[str, Any]):
    """What a row has as JSON: read when somebody looks into it, handed on as it is when nobody does."""

    __slots__ = ("_read", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._read: dict[str, Any] | None = None

    @property
    def _values(self) -> dict[str, Any]:
        if self._read is None:
            self._read = json.loads(self.text)
        return self._read

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """As a dictionary's; the one of ``Mapping`` takes ten times as long."""
        return self._values.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


@dataclass(frozen=True, slots=True)
class DayLine:
    """One row of the projection."""

    worker_id: int
    work_date: date
    engagement_id: int | None
    team_id: int | None
    state: str
    minutes: int
    day_milli: int | None
    overtime_minutes: int
    amount_fen: int | None
    first_in_at: datetime | None
    last_out_at: datetime | None
    detail: Mapping[str, Any]
    rev: int
    """0 for a day worked out on the spot and not written yet."""


_LINE = tuple(cast(_DAY.c[name], Text) if name == "detail" else _DAY.c[name] for name in DayLine.__dataclass_fields__)
_DETAIL = tuple(DayLine.__dataclass_fields__).index("detail")


def days_on(
    db: Session, project_id: int, day: date, *, after: int = 0, limit: int = 100, team_id: int | None = None
) -> list[DayLine]:
    """Return the rows of one work date, by worker id, from the one after ``after`` on."""
    values = {"project_id": project_id, "day": day, "after": after, "limit": limit}
    if team_id is None:
        return [_line(row) for row in db.execute(_ON, values)]
    return [_line(row) for row in db.execute(_ON.where(_DAY.c.team_id == team_id), values)]


_ON = (
    select(*_LINE)
    .where(_DAY.c.project_id == _PROJECT, _DAY.c.work_date == bindparam("day"), _DAY.c.worker_id > bindparam("after"))
    .order_by(_DAY.c.worker_id)
    .limit(bindparam("limit"))
)


def tallies(db: Session, project_id: int, from_on: date, to_on: date) -> dict[tuple[date, str], int]:
    """Return (work date, state) -> how many rows of [from_on, to_on) say so."""
    values = {"project_id": project_id, "from_on": from_on, "to_on": to_on}
    return {(day, state): count for day, state, count in db.execute(_TALLIES, values)}


_WITHIN = (_DAY.c.project_id == _PROJECT, _DAY.c.work_date >= bindparam("from_on"), _DAY.c.work_date < bindparam("to_on"))
_TALLIES = select(_DAY.c.work_date, _DAY.c.state, func.count()).where(*_WITHIN).group_by(_DAY.c.work_date, _DAY.c.state)


def states_of(
    db: Session, project_id: int, from_on: date, to_on: date, *, state: str | None = None, workers: Collection[int] = ()
) -> list[tuple[int, date, str]]:
    """Return (worker, work date, state) of the rows of [from_on, to_on), by date and worker.

    Args:
        state: only these; None is all.
        workers: only theirs; empty is everybody's.
    """
    values = {"project_id": project_id, "from_on": from_on, "to_on": to_on, "state": state, "workers": sorted(workers)}
    return [tuple(row) for row in db.execute(_states(state is not None, bool(workers)), values)]


@cache
def _states(of_state: bool, of_workers: bool) -> Select[Any]:
    wanted = select(_DAY.c.worker_id, _DAY.c.work_date, _DAY.c.state).where(*_WITHIN)
    if of_state:
        wanted = wanted.where(_DAY.c.state == bindparam("state"))
    if of_workers:
        wanted = wanted.where(_DAY.c.worker_id.in_(bindparam("workers", expanding=True)))
    return wanted.order_by(_DAY.c.work_date, _DAY.c.worker_id)


def inside(db: Session, project_id: int, now: datetime) -> dict[int, datetime]:
    """Return who is inside by the rows that the passing of time has not changed yet -> since when (aware UTC)."""
    rows = db.execute(_INSIDE, {"project_id": project_id, "now": now})
    return {worker_id: datetime.fromisoformat(since) for worker_id, since in rows if since is not None}


# Taken out by the database: the row of everybody who is on site is not carried here to be read.
_INSIDE = select(_DAY.c.worker_id, _DAY.c.detail["inside"]["in_at"].as_string()).where(
    _DAY.c.project_id == _PROJECT, _DAY.c.alive_until > bindparam("now")
)


def corrected(db: Session, project_id: int, from_on: date) -> set[int]:
    """Return whoever a correction of a date from ``from_on`` on is about, approved or not, and whose passage it names."""
    named = select(CorrectionRow.worker_id, PassageRow.worker_id).outerjoin(PassageRow, PassageRow.id == CorrectionRow.passage_id)
    rows = db.execute(named.where(CorrectionRow.project_id == project_id, CorrectionRow.work_date >= from_on))
    return {worker for pair in rows for worker in pair if worker is not None}


def days_of(db: Session, project_id: int, workers: Sequence[int], from_on: date, to_on: date) -> list[DayLine]:
    """Return the rows of some workers, at most some hundreds, in [from_on, to_on), by worker and date."""
    values = {"project_id": project_id, "workers": workers, "from_on": from_on, "to_on": to_on}
    return [_line(row) for row in db.execute(_OF, values)] if workers else []


_OF = (
    select(*_LINE)
    .where(
        _DAY.c.project_id == _PROJECT,
        _DAY.c.worker_id.in_(bindparam("workers", expanding=True)),
        _DAY.c.work_date >= bindparam("from_on"),
        _DAY.c.work_date < bindparam("to_on"),
    )
    .order_by(_DAY.c.worker_id, _DAY.c.work_date)
)


def _line(row: Any) -> DayLine:
    return DayLine(*row[:_DETAIL], Written(row[_DETAIL]), *row[_DETAIL + 1 :])


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One month of one engagement."""

    worker_id: int
    month: date
    engagement_id: int
    team_id: int | None
    gross_fen: int
    day_milli: int
    minutes: int
    overtime_minutes: int
    undecided_days: int
    undecided_fen_max: int
    no_terms_days: int
    detail: Mapping[str, Any]
    rev: int


_MONTH_LINE = tuple(_MONTH.c[name] for name in MonthLine.__dataclass_fields__)


def months_of(
    db: Session, project_id: int, *, worker_id: int | None = None, month: date | None = None
) -> list[MonthLine]:
    """Return month rows of a project, a worker or a month, by worker, month and engagement."""
    values = {"project_id": project_id, "worker_id": worker_id, "month": month}
    return [MonthLine(*row) for row in db.execute(_months(worker_id is not None, month is not None), values)]


def month_heads(
    db: Session, project_id: int, month: date, workers: Collection[int] | None = None, *, problems: bool = False
) -> list[MonthLine]:
    """Return a month's rows without what they consist of (``detail`` is empty), by worker and engagement.

    Args:
        workers: only theirs, at most some hundreds; None is everybody.
        problems: ``detail`` has its ``problems``, taken out by the database.

    Decoding five thousand details takes four times what reading the rows takes.
    """
    wanted = _HEADS_WITH_PROBLEMS if problems else _HEADS
    if workers is not None:
        wanted = wanted.where(_MONTH.c.worker_id.in_(bindparam("workers", expanding=True)))
    some = {} if workers is None else {"workers": sorted(workers)}
    rows = db.execute(wanted, {"project_id": project_id, "month": month, **some})
    if problems:
        return [MonthLine(*row[:-2], {"problems": row[-1]}, row[-2]) for row in rows]
    return [MonthLine(*row[:-1], {}, row[-1]) for row in rows]


def month_totals(
    db: Session, project_id: int, month: date, engagements: Collection[int], without: Collection[int]
) -> tuple[int, int, int]:
    """Return (man-days in thousandths, minutes of overtime, days to decide) of some engagements' rows of a month.

    Args:
        without: workers whose rows are left out.
    """
    values = {"project_id": project_id, "month": month, "engagements": sorted(engagements), "without": sorted(without)}
    return tuple(int(value or 0) for value in db.execute(_TOTALS, values).one())


_TOTALS = select(func.sum(_MONTH.c.day_milli), func.sum(_MONTH.c.overtime_minutes), func.sum(_MONTH.c.undecided_days)).where(
    _MONTH.c.project_id == _PROJECT, _MONTH.c.month == bindparam("month"),
    _MONTH.c.engagement_id.in_(bindparam("engagements", expanding=True)), _MONTH.c.worker_id.not_in(bindparam("without", expanding=True)),
)  # fmt: skip
_HEADS = (
    select(*(column for column in _MONTH_LINE if column.name != "detail"))
    .where(_MONTH.c.project_id == _PROJECT, _MONTH.c.month == bindparam("month"))
    .order_by(_MONTH.c.worker_id, _MONTH.c.engagement_id)
)
_HEADS_WITH_PROBLEMS = _HEADS.add_columns(_MONTH.c.detail["problems"])


@cache
def _months(of_worker: bool, of_month: bool) -> Select[Any]:
    wanted = [_MONTH.c.project_id == _PROJECT]
    if of_worker:
        wanted.append(_MONTH.c.worker_id == bindparam("worker_id"))
    if of_month:
        wanted.append(_MONTH.c.month == bindparam("month"))
    return select(*_MONTH_LINE).where(*wanted).order_by(_MONTH.c.worker_id, _MONTH.c.month, _MONTH.c.engagement_id)


@dataclass(frozen=True, slots=True)
class MonthSum:
    """One month of one worker, all his engagements added."""

    worker_id: int
    month: date
    gross_fen: int
    day_milli: int
    undecided_days: int
    undecided_fen_max: int
    no_terms_days: int


SUMMED = tuple(MonthSum.__slots__)[2:]
"""Columns that are added."""


def month_sums(
    db: Session, project_id: int, *, worker_id: int | None = None, workers: Collection[int] | None = None
) -> list[MonthSum]:
    """Return the sums of every month row of a project, or of one worker or some, by worker and month."""
    wanted = _sums(worker_id is not None)
    if workers is not None:
        wanted = wanted.where(_MONTH.c.worker_id.in_(workers))
    rows = db.execute(wanted, {"project_id": project_id, "worker_id": worker_id})
    return [MonthSum(worker, month, *map(int, sums)) for worker, month, *sums in rows]


@cache
def _sums(of_worker: bool) -> Select[Any]:
    wanted = [_MONTH.c.project_id == _PROJECT]
    if of_worker:
        wanted.append(_MONTH.c.worker_id == bindparam("worker_id"))
    added = (func.sum(_MONTH.c[name]) for name in SUMMED)
    by = _MONTH.c.worker_id, _MONTH.c.month
    return select(*by, *added).where(*wanted).group_by(*by).order_by(*by)


def forget(db: Session, project_id: int) -> None:
    """Throw a project's projection away."""
    db.execute(delete(_DAY).where(_DAY.c.project_id == project_id))
    db.execute(delete(_MONTH).where(_MONTH.c.project_id == project_id))
    db.execute(delete(ProjectionMark.__table__).where(ProjectionMark.project_id == project_id))


def canonical(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: the same value, the same text."""
    return _CANONICAL.encode(value)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
