"""What the bureau looks at, added up by the database: sheets and payments of a month, and a county of projects at once."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, exists, func, literal, select, union_all
from sqlalchemy.orm import Session, aliased

from app.domain import casework
from app.domain.threeway import Bank, Sheet
from app.store import sheets
from app.tables import (
    BatchAct,
    Engagement,
    FindingRow,
    ItemResult,
    MonthWageRow,
    PassageRow,
    PaymentBatch,
    PaymentItem,
    PaymentRow,
    PayPeriod,
    PayrollLine,
    PayrollSheet,
    Project,
    ProjectionMark,
)

_Newer = aliased(PayrollSheet)
_LATEST = ~exists().where(
    _Newer.team_id == PayrollSheet.team_id,
    _Newer.month == PayrollSheet.month,
    _Newer.kind == PayrollSheet.kind,
    _Newer.version > PayrollSheet.version,
)


def sheet_sums(db: Session, project_id: int, month: date, *, worker_id: int | None = None) -> list[Sheet]:
    """Return what the newest sheets say about wages earned in a month, one row a worker."""
    wanted = [PayrollSheet.project_id == project_id, PayrollLine.origin_month == month, _LATEST]
    if worker_id is not None:
        wanted.append(PayrollLine.worker_id == worker_id)
    rows = db.execute(
        select(
            PayrollLine.worker_id, PayrollSheet.team_id, PayrollLine.day_milli, PayrollLine.gross_fen,
            PayrollLine.deductions_fen + PayrollLine.advances_fen, PayrollLine.net_fen, PayrollLine.line_hash,
        )
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(*wanted)
        .order_by(PayrollSheet.month, PayrollLine.id)
    ).all()  # fmt: skip
    said = sheets.confirmations(db, project_id, "line", (row.line_hash for row in rows))
    of: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        of[row.worker_id].append(row)
    found = []
    for worker, lines in of.items():
        words = [said.get(line.line_hash) for line in lines]
        found.append(
            Sheet(
                worker, lines[-1][1], *(sum(line[at] for line in lines) for at in (2, 3, 4, 5)),
                unsigned=sum(word is None for word in words),
                disputed=sum(word is not None and str(word.verdict) == "dispute" for word in words),
            )
        )  # fmt: skip
    return found


def bank_sums(
    db: Session, project_id: int, month: date, today: date, *, worker_id: int | None = None, unanswered: Collection[int] | None = None
) -> list[Bank]:
    """Return what reached everybody for a month until today, one row a worker, and what is on its way.

    Args:
        unanswered: the batches with transfers of which the bank has said nothing, where they are known.
    """
    wanted = [PaymentRow.project_id == project_id, PaymentRow.for_month == month, PaymentRow.paid_on <= today]
    if worker_id is not None:
        wanted.append(PaymentRow.worker_id == worker_id)
    outside = case((PaymentRow.channel == "account", 0), else_=PaymentRow.amount_fen)
    paid = {
        worker: (int(fen), int(out))
        for worker, fen, out in db.execute(
            select(PaymentRow.worker_id, func.sum(PaymentRow.amount_fen), func.sum(outside))
            .where(*wanted)
            .group_by(PaymentRow.worker_id)
        )
    }
    act = lambda word: exists().where(BatchAct.batch_id == PaymentBatch.id, BatchAct.act == word)  # noqa: E731
    on_its_way = [
        PaymentBatch.project_id == project_id, PayrollLine.origin_month == month, act("sent"), ~act("withdrawn"),
        ~exists().where(ItemResult.item_id == PaymentItem.id),
    ]  # fmt: skip
    if worker_id is not None:
        on_its_way.append(PayrollLine.worker_id == worker_id)
    if unanswered is not None:
        on_its_way.append(PaymentBatch.id.in_(sorted(unanswered)))
    transit = {
        worker: int(fen)
        for worker, fen in db.execute(
            select(PayrollLine.worker_id, func.sum(PaymentItem.amount_fen))
            .join(PaymentBatch, PaymentBatch.id == PaymentItem.batch_id)
            .join(PayrollLine, PayrollLine.id == PaymentItem.line_id)
            .where(*on_its_way)
            .group_by(PayrollLine.worker_id)
        )
    }
    return [Bank(worker, *paid.get(worker, (0, 0)), transit.get(worker, 0)) for worker in sorted(paid.keys() | transit.keys())]


def months_with_anything(db: Session, project_id: int) -> list[date]:
    """Return the months for which there is a line on a sheet, or a payment."""
    wanted = union_all(
        select(PayrollLine.origin_month)
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(PayrollSheet.project_id == project_id)
        .distinct(),
        select(PaymentRow.for_month).where(PaymentRow.project_id == project_id).distinct(),
    )
    return sorted(set(db.execute(wanted).scalars()))


def sheets_of(db: Session, project_id: int, worker_id: int, month: date) -> list[int]:
    """Return the ids of the newest sheets' lines about a worker's month, oldest sheet first."""
    wanted = (
        select(PayrollLine.id)
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .where(
            PayrollSheet.project_id == project_id, PayrollLine.worker_id == worker_id, PayrollLine.origin_month == month, _LATEST
        )
        .order_by(PayrollSheet.month, PayrollLine.id)
    )
    return list(db.execute(wanted).scalars())


# --- a county ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owing:
    """What a project owes for one month, over all workers who got less than they earned."""

    project_id: int
    month: date
    owed_fen: int
    workers: int


def owing(db: Session, projects: Collection[int]) -> list[Owing]:
    """Return what is owed by project and month, from the projection as it is; months on which nothing is owed are left out.

    A worker paid too much in a month pays for nobody else: each worker's month counts by itself.
    """
    ids = sorted(projects)
    posted = and_(
        PayPeriod.project_id == PayrollSheet.project_id, PayPeriod.month == PayrollSheet.month, PayPeriod.state == "closed"
    )
    moved = union_all(
        select(MonthWageRow.project_id, MonthWageRow.worker_id, MonthWageRow.month, MonthWageRow.gross_fen.label("fen")).where(
            MonthWageRow.project_id.in_(ids)
        ),
        select(PaymentRow.project_id, PaymentRow.worker_id, PaymentRow.for_month, -PaymentRow.amount_fen).where(
            PaymentRow.project_id.in_(ids)
        ),
        select(
            PayrollSheet.project_id, PayrollLine.worker_id, PayrollLine.origin_month,
            PayrollLine.net_fen - PayrollLine.gross_fen,
        )
        .join(PayrollSheet, PayrollSheet.id == PayrollLine.sheet_id)
        .join(PayPeriod, posted)
        # What is withheld is what net is less than gross (net_adds_up): both are in the index of the sums.
        .where(PayrollSheet.project_id.in_(ids), _LATEST, PayrollLine.net_fen < PayrollLine.gross_fen),
    ).subquery()  # fmt: skip
    by = (moved.c.project_id, moved.c.worker_id, moved.c.month)
    left = select(*by, func.sum(moved.c.fen).label("fen")).group_by(*by).subquery()
    rows = db.execute(
        select(left.c.project_id, left.c.month, func.sum(left.c.fen), func.count())
        .where(left.c.fen > 0)
        .group_by(left.c.project_id, left.c.month)
        .order_by(left.c.project_id, left.c.month)
    )
    return [Owing(project, month, int(fen), people) for project, month, fen, people in rows]


@dataclass(frozen=True, slots=True)
class RuleTally:
    """How many findings of a rule still fire on a project, by severity and state."""

    project_id: int
    rule: str
    severity: str
    state: str
    count: int
    overdue: int
    first_id: int
    """The oldest of them."""
    of_people: bool
    """About workers or teams."""


def rule_tallies(db: Session, projects: Collection[int], today: date) -> list[RuleTally]:
    """Return the findings that still fire, by project, rule, severity and state."""
    table = FindingRow.__table__
    waiting = sorted(state.value for state in casework.UNANSWERED)
    late = case((and_(table.c.due_on < today, table.c.state.in_(waiting)), 1), else_=0)
    people = case((table.c.subject_kind.in_(("worker", "team")), 1), else_=0)
    by = (table.c.project_id, table.c.rule, table.c.severity, table.c.state, people)
    rows = db.execute(
        select(*by, func.count(), func.sum(late), func.min(table.c.id))
        .where(table.c.project_id.in_(sorted(projects)), table.c.cleared_at.is_(None))
        .group_by(*by)
    )
    return [RuleTally(*row[:4], row[5], int(row[6]), row[7], bool(row[4])) for row in rows]


def last_passages(db: Session, projects: Sequence[int]) -> dict[int, datetime]:
    """Return project -> when its gates last saw anybody."""
    found: dict[int, datetime] = {}
    for project_id in projects:
        # One look at the end of an index a project; a GROUP BY over six million passages would read them all.
        at = db.execute(_LAST_PASSAGE, {"project_id": project_id}).scalar()
        if at is not None:
            found[project_id] = at
    return found


_LAST_PASSAGE = (
    select(PassageRow.occurred_at).where(PassageRow.project_id == bindparam("project_id")).order_by(PassageRow.occurred_at.desc()).limit(1)
)


def people_engaged(db: Session, projects: Collection[int], today: date) -> dict[int, int]:
    """Return project -> people on its roster today."""
    rows = db.execute(
        select(Engagement.project_id, func.count(func.distinct(Engagement.worker_id)))
        .where(
            Engagement.project_id.in_(sorted(projects)),
            Engagement.entry_on <= today,
            func.coalesce(Engagement.exit_on, literal(date.max, Engagement.exit_on.type)) > today,
        )
        .group_by(Engagement.project_id)
    )
    return dict(map(tuple, rows))


def people_seen(db: Session, projects: Sequence[int], since: datetime) -> dict[int, int]:
    """Return project -> people its gates have let through since an instant: whoever came today, not who is still inside."""
    found: dict[int, int] = {}
    for project_id in projects:
        seen = db.execute(
            select(func.count(func.distinct(PassageRow.worker_id))).where(
                PassageRow.project_id == project_id, PassageRow.occurred_at >= since, PassageRow.verdict == "admit"
            )
        ).scalar_one()
        if seen:
            found[project_id] = seen
    return found


def pay_days(db: Session, projects: Collection[int]) -> dict[int, int]:
    """Return project -> day of the following month on which its wages are due."""
    return dict(map(tuple, db.execute(select(Project.id, Project.pay_day).where(Project.id.in_(sorted(projects))))))


def projected(db: Session, projects: Collection[int]) -> set[int]:
    """Return the projects whose days have been worked out ahead at least once: of the others nothing is known here."""
    return set(db.execute(select(ProjectionMark.project_id).where(ProjectionMark.project_id.in_(sorted(projects)))).scalars())
