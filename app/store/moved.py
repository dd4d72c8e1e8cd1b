"""What has moved since a project was audited, and which of its months that touches.

    mark(db, project_id)                       how far everything goes that the rules of a project read
    touched(db, project, since, upto)          the months that what lies between two marks may have changed
    marked, keep_mark                          of the last audit of a month

A day's passages touch the month they lie in; a signature touches the month of the sheet; an entry, an exit, terms or a bank
statement may touch every month, and whatever is not known to touch some only is taken to touch all. What another project
does to a worker of both, and what is written about no project, is not in it: the run of the next day finds that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.domain.facts import Direction
from app.domain.workdays import month_of, next_month
from app.store import gates, insert_or_leave, journal
from app.store.bearing import PAPERS, WAGES
from app.store.people import ProjectInfo
from app.tables import (
    AreaRule,
    AuditMark,
    CalendarDayRow,
    ChainHead,
    CorrectionRow,
    DayMarkRow,
    JournalEntry,
    JournalLink,
    MeasureRow,
    PassageReview,
    PassageRow,
    PaymentItem,
    PaymentRow,
    PayrollLine,
    PayrollSheet,
)

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the facts go, in numbers of their last rows. Those of the journal and of the passages are given out in the
    order of the commits, so nothing can come in below them."""

    journal: int
    """Of the house's chain of the journal."""
    passages: int
    """Of the project's chain of passages."""
    payments: int
    """Of the project's payments."""
    reviews: int
    """Of the guards' words about passages that asked; a card that vouches for a face has no line in the journal."""
    calendar: int
    """Of the days of the calendar."""
    rules: int
    """Of the areas' numbers."""

    def __str__(self) -> str:
        return ".".join(str(getattr(self, name)) for name in self.__slots__)

    @classmethod
    def read(cls, text: str) -> "Mark | None":
        """The mark that was written down; None for one of an earlier version, which tells nothing."""
        parts = text.split(".")
        if len(parts) != len(cls.__slots__) or not all(part.isdecimal() for part in parts):
            return None
        return cls(*map(int, parts))


@dataclass(slots=True)
class Touched:
    """Months that may come out otherwise."""

    every: bool = False
    since: date | None = None
    """This month and every later one; None for none."""
    months: set[date] = field(default_factory=set)

    def concerns(self, month: date) -> bool:
        """True for a month (its first day) that has to be audited again."""
        return self.every or month in self.months or (self.since is not None and month >= self.since)

    def span(self, first: date, last: date) -> None:
        """Take in every month from one date to another."""
        month = month_of(first)
        while month <= last:
            self.months.add(month)
            month = next_month(month)

    def onwards(self, month: date) -> None:
        """Take in a month and every later one."""
        self.since = month if self.since is None else min(self.since, month)


def mark(db: Session, project_id: int) -> Mark:
    """Return how far the facts go. Cheap: six last rows."""
    p = PaymentRow.__table__.c
    asked = (
        select(ChainHead.seq).where(ChainHead.project_id == project_id),
        select(func.max(p.id)).where(p.project_id == project_id),
        select(func.max(PassageReview.id)),
        select(func.max(CalendarDayRow.id)),
        select(func.max(AreaRule.id)),
    )
    return Mark(journal.head(db).seq, *(db.execute(question).scalar() or 0 for question in asked))


def touched(db: Session, project: ProjectInfo, since: Mark, upto: Mark) -> Touched:
    """Return the months that may come out otherwise for what was written after ``since`` and up to ``upto``."""
    found = Touched()
    if since == upto:
        return found
    if since.calendar != upto.calendar or _has_new_rules(db, project.area_code, since.rules):
        found.every = True
        return found
    wages: set[date] = set()
    _by_journal(db, project, since.journal, upto.journal, found, wages)
    if not found.every and since.passages != upto.passages:
        _by_passages(db, project, since.passages, found, wages)
    if not found.every and since.reviews != upto.reviews:
        _by_reviews(db, project, since.reviews, wages)
    if since.payments != upto.payments:
        p = PaymentRow.__table__.c
        first = db.execute(select(func.min(p.for_month)).where(p.project_id == project.id, p.id > since.payments)).scalar()
        if first is not None:
            # What was received in a year is held against a limit in every later month of it.
            found.onwards(month_of(first))
    if wages and any(gate.direction is Direction.BOTH for gate in gates.gates(db, project.id)):
        # At a two-way lane a passage means in or out by what went before it.
        found.onwards(min(wages))
    # A month's rules look at what was earned in the one before.
    found.months |= wages | {next_month(month) for month in wages}
    return found


def _has_new_rules(db: Session, area_code: str, after: int) -> bool:
    prefixes = [area_code[:length] for length in range(len(area_code) + 1)]
    return db.execute(select(AreaRule.id).where(AreaRule.id > after, AreaRule.area_code.in_(prefixes)).limit(1)).first() is not None


def _around(project: ProjectInfo, first: datetime, last: datetime) -> set[date]:
    """Months that passages of a stretch of time lie in or next to: a night's shift is of the day it began on."""
    zone = ZoneInfo(project.time_zone)
    found = Touched()
    found.span(first.astimezone(zone).date() - _A_DAY, last.astimezone(zone).date() + _A_DAY)
    return found.months


def _by_passages(db: Session, project: ProjectInfo, after: int, found: Touched, wages: set[date]) -> None:
    p = PassageRow.__table__.c
    new = select(func.min(p.occurred_at), func.max(p.occurred_at)).where(p.project_id == project.id, p.seq > after)
    first, last = db.execute(new).one()
    if first is None:
        return
    known = select(p.occurred_at).where(p.project_id == project.id, p.seq <= after).order_by(p.occurred_at.desc()).limit(1)
    silent_since = db.execute(known).scalar()
    wages |= _around(project, first, last)
    if silent_since is None:
        found.every = True
    elif last > silent_since:
        # A month that ended in silence is silent no more.
        found.months |= _around(project, silent_since, last)


def _by_reviews(db: Session, project: ProjectInfo, after: int, wages: set[date]) -> None:
    p = PassageRow.__table__.c
    new = (
        select(func.min(p.occurred_at), func.max(p.occurred_at))
        .select_from(PassageReview).join(PassageRow, p.id == PassageReview.passage_id)
        .where(PassageReview.id > after, p.project_id == project.id)
    )  # fmt: skip
    first, last = db.execute(new).one()
    if first is not None:
        wages |= _around(project, first, last)


# --- by what the journal says ------------------------------------------------------------------------------------


def _by_journal(db: Session, project: ProjectInfo, after: int, upto: int, found: Touched, wages: set[date]) -> None:
    j, link = JournalEntry.__table__.c, JournalLink.__table__.c
    lines = db.execute(
        select(j.action, j.object)
        .select_from(JournalLink).join(JournalEntry, j.id == link.entry_id)
        .where(link.seq > after, link.seq <= upto, j.project_id == project.id, j.action.in_(sorted(WAGES | PAPERS)))
        .distinct()
    ).all()  # fmt: skip
    for action, about in lines:
        kind, _, name = about.partition(":")
        months_of = _MONTHS.get(kind) if action not in _EVERY else None
        months = None if months_of is None else months_of(db, project, name)
        if months is None:
            found.every = True
            return
        if kind in ("payment", "payment_batch"):
            if months:
                found.onwards(min(months))
        elif action in WAGES:
            wages |= months
        else:
            found.months |= months


_EVERY = frozenset(("batch.results",))
"""Beside their object they look at others: the bank's answer puts lines of the statement to what was sent."""

_Months = Callable[[Session, ProjectInfo, str], set[date] | None]


def _one(db: Session, column: object, key: object, name: str) -> date | None:
    return db.execute(select(column).where(key == int(name))).scalar() if name.isdecimal() else None  # type: ignore[call-overload]


def _of_period(db: Session, project: ProjectInfo, name: str) -> set[date] | None:
    month = date.fromisoformat(f"{name}-01")
    row, s = PayrollLine.__table__.c, PayrollSheet.__table__.c
    # Its back pay is of earlier months, and what was withheld is counted there.
    origins = (
        select(row.origin_month).select_from(PayrollLine).join(PayrollSheet, s.id == row.sheet_id)
        .where(s.project_id == project.id, s.month == month).distinct()
    )  # fmt: skip
    return {month, *db.execute(origins).scalars()}


def _of_sheet(db: Session, _: ProjectInfo, name: str) -> set[date] | None:
    return _set(_one(db, PayrollSheet.month, PayrollSheet.id, name))


def _of_line(db: Session, _: ProjectInfo, name: str) -> set[date] | None:
    if not name.isdecimal():
        return None
    wanted = select(PayrollSheet.month).join(PayrollLine, PayrollLine.sheet_id == PayrollSheet.id).where(PayrollLine.id == int(name))
    return _set(db.execute(wanted).scalar())


def _of_batch(db: Session, _: ProjectInfo, name: str) -> set[date] | None:
    if not name.isdecimal():
        return None
    row, s = PayrollLine.__table__.c, PayrollSheet.__table__.c
    wanted = (
        select(row.origin_month, s.month).select_from(PaymentItem).join(PayrollLine, row.id == PaymentItem.line_id)
        .join(PayrollSheet, s.id == row.sheet_id).where(PaymentItem.batch_id == int(name)).distinct()
    )  # fmt: skip
    return {month for months in db.execute(wanted) for month in months}


def _of_correction(db: Session, _: ProjectInfo, name: str) -> set[date] | None:
    on = _one(db, CorrectionRow.work_date, CorrectionRow.id, name)
    return None if on is None else {month_of(on - _A_DAY), month_of(on), month_of(on + _A_DAY)}


def _of_day_mark(db: Session, _: ProjectInfo, name: str) -> set[date] | None:
    if not name.isdecimal():
        return None
    row = db.execute(select(DayMarkRow.from_on, DayMarkRow.to_on).where(DayMarkRow.id == int(name))).first()
    if row is None:
        return None
    found = Touched()
    found.span(row.from_on, row.to_on - _A_DAY)
    return found.months


def _of_passage(db: Session, project: ProjectInfo, name: str) -> set[date] | None:
    if not name.isdecimal():
        return None
    at = db.execute(select(PassageRow.occurred_at).where(PassageRow.id == int(name))).scalar()
    return None if at is None else _around(project, at, at)


def _of_measure(db: Session, _: ProjectInfo, name: str) -> set[date] | None:
    return _set(_one(db, MeasureRow.month, MeasureRow.id, name))


def _of_payment(db: Session, _: ProjectInfo, name: str) -> set[date] | None:
    return _set(_one(db, PaymentRow.for_month, PaymentRow.id, name))


def _set(month: date | None) -> set[date] | None:
    return None if month is None else {month_of(month)}


_MONTHS: dict[str, _Months] = {
    "pay_period": _of_period, "payroll_sheet": _of_sheet, "line": _of_line, "payment_batch": _of_batch,
    "correction": _of_correction, "day_mark": _of_day_mark, "passage": _of_passage, "work_measure": _of_measure, "payment": _of_payment,
}  # fmt: skip
"""Kind of thing a line is about -> the months it lies in; None when it cannot be told."""


# --- what was audited ----------------------------------------------------------------------------------------------


def marked(db: Session, project_id: int, month: date) -> tuple[Mark | None, date] | None:
    """Return (mark, project-local date) of the last audit of a month; None when there was none."""
    m = AuditMark.__table__.c
    row = db.execute(select(m.mark, m.audited_on).where(m.project_id == project_id, m.month == month)).first()
    return None if row is None else (Mark.read(row.mark), row.audited_on)


def keep_mark(db: Session, project_id: int, month: date, mark: Mark, audited_on: date) -> None:
    """Write down how far the facts went for an audit of a month, and on which day it was."""
    table = AuditMark.__table__
    own = (table.c.project_id == project_id, table.c.month == month)
    if db.execute(update(table).where(*own).values(mark=str(mark), audited_on=audited_on)).rowcount == 0:
        insert_or_leave(db, table, project_id=project_id, month=month, mark=str(mark), audited_on=audited_on)
