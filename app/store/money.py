"""Payments, and the bundles of facts that wages and findings are computed from."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from app.domain.facts import AttendancePolicy, CorrectionKind, Direction, Passage, Payment, ProjectMonth
from app.domain.workdays import next_month, work_date
from app.errors import Conflict, NotFound
from app.store import gates, insert_or_leave, people, sheets, terms, timekeeping
from app.tables import PaymentRow

_PAYMENT = (
    PaymentRow.id,
    PaymentRow.worker_id,
    PaymentRow.amount_fen,
    PaymentRow.paid_on,
    PaymentRow.for_month,
    PaymentRow.channel,
    PaymentRow.reverses_id,
    PaymentRow.item_id,
)
_SAME = ("worker_id", "amount_fen", "paid_on", "for_month", "channel", "reference", "reverses_id", "item_id")
_A_DAY = timedelta(days=1)
CALENDAR_AROUND = timedelta(days=40)
"""Days before and after a bundle's span whose kinds come with it: a pay day lies in the month that follows, and is
shifted by holidays."""


def add_payment(
    db: Session,
    *,
    project_id: int,
    worker_id: int,
    amount_fen: int,
    paid_on: date,
    for_month: date,
    channel: str,
    reference: str | None,
    reverses_id: int | None,
    idempotency_key: str,
    recorded_by: str,
    now: datetime,
    item_id: int | None = None,
) -> tuple[int, bool]:
    """Append a payment; the same key and the same payment again is the one that is there.

    Args:
        item_id: the item of a bank batch it follows from.

    Returns:
        (id, True when it is new).

    Raises:
        Conflict: ``payment_conflict``, the key was used for another payment; ``payment_reversed``, the payment
            it takes back was taken back already.
        NotFound: ``payment_unknown``, the payment it takes back is not this worker's on this project.
    """
    if reverses_id is not None:
        first = select(PaymentRow.id).filter_by(id=reverses_id, project_id=project_id, worker_id=worker_id)
        if db.execute(first).first() is None:
            raise NotFound("payment_unknown")
    same: dict[str, Any] = {
        "worker_id": worker_id,
        "amount_fen": amount_fen,
        "paid_on": paid_on,
        "for_month": for_month,
        "channel": channel,
        "reference": reference,
        "reverses_id": reverses_id,
        "item_id": item_id,
    }
    created = insert_or_leave(
        db,
        PaymentRow.__table__,
        project_id=project_id,
        idempotency_key=idempotency_key,
        recorded_by=recorded_by,
        recorded_at=now,
        **same,
    )
    columns = [getattr(PaymentRow, name) for name in _SAME]
    found = db.execute(
        select(PaymentRow.id, *columns).where(
            PaymentRow.project_id == project_id, PaymentRow.idempotency_key == idempotency_key
        )
    ).first()
    if found is None:
        # Left out for another unique key than this one: the payment is reversed once.
        raise Conflict("payment_reversed")
    if not created and dict(zip(_SAME, found[1:], strict=True)) != same:
        raise Conflict("payment_conflict")
    return found.id, created


def payments(
    db: Session,
    project_id: int,
    for_month: date | None = None,
    *,
    worker_id: int | None = None,
    workers: Collection[int] | None = None,
    beside: bool = False,
) -> tuple[Payment, ...]:
    """Return the payments of a project, for one month (its first day) or all, of one worker, some or all, as they were recorded.

    Args:
        beside: only those beside the special account.
    """
    values: dict[str, Any] = {"project_id": project_id, "for_month": for_month, "worker_id": worker_id}
    wanted = _payments(for_month is not None, worker_id is not None)
    if workers is not None:
        wanted = wanted.where(PaymentRow.worker_id.in_(workers))
    if beside:
        wanted = wanted.where(PaymentRow.channel != "account")
    rows = db.execute(wanted, values)
    return tuple(Payment(*row) for row in rows)


@cache
def _payments(of_month: bool, of_worker: bool) -> Select[Any]:
    wanted = [PaymentRow.project_id == bindparam("project_id")]
    if of_month:
        wanted.append(PaymentRow.for_month == bindparam("for_month"))
    if of_worker:
        wanted.append(PaymentRow.worker_id == bindparam("worker_id"))
    return select(*_PAYMENT).where(*wanted).order_by(PaymentRow.id)


def payment(db: Session, project_id: int, payment_id: int) -> Payment:
    """Return one payment of a project.

    Raises:
        NotFound: ``payment_unknown``.
    """
    row = db.execute(select(*_PAYMENT).filter_by(id=payment_id, project_id=project_id)).first()
    if row is None:
        raise NotFound("payment_unknown")
    return Payment(*row)


def payment_of_item(db: Session, project_id: int, item_id: int) -> Payment:
    """Return the payment a transfer of a bank batch made when it arrived.

    Raises:
        NotFound: ``payment_unknown``.
    """
    row = db.execute(select(*_PAYMENT).filter_by(item_id=item_id, project_id=project_id, reverses_id=None)).first()
    if row is None:
        raise NotFound("payment_unknown")
    return Payment(*row)


def policy(db: Session, project_id: int) -> AttendancePolicy:
    """Return how passages become days on this project."""
    return AttendancePolicy(time_zone=people.project(db, project_id).time_zone)


def project_month(db: Session, project_id: int, month: date, as_of: datetime) -> ProjectMonth:
    """Gather every fact of a project that the rules of one month may look at.

    Passages of a day more at each end, none after ``as_of``; all engagements, terms and what was agreed or decided
    beside them; the calendar of the month and around it; payments *for* the month.
    At a two-way lane a passage means in or out by what went before, so a project that has one is read from its
    first passage on: a window that opened while a night worker was inside would turn his whole month round.

    Args:
        month: any day of the month.
        as_of: aware instant the answer is for.

    Raises:
        NotFound: ``project_unknown``.
    """
    rules = policy(db, project_id)
    first = month.replace(day=1)
    end = next_month(first)
    two_way = any(gate.direction is Direction.BOTH for gate in gates.gates(db, project_id))
    from_at = None if two_way else midnight(first - _A_DAY, rules.time_zone)
    to_at = min(midnight(end + _A_DAY, rules.time_zone), _just_after(as_of))
    return _bundle(
        db, project_id, first, as_of, rules, first, end,
        passages=gates.passages(db, project_id, from_at, to_at), payments=payments(db, project_id, first),
    )  # fmt: skip


def project_now(db: Session, project_id: int, as_of: datetime) -> ProjectMonth:
    """Gather what says who is on site at an instant and who came on its work date: hours of passages, not a month of them.

    A stay that is open now began within ``session_max``, and one that ended today began within that before midnight; so passages
    from two such times before today's first instant on tell all of it. Of a project with a two-way lane all are read, as for
    ``project_month``. Pay, calendar and marks are not in it: it is for ``attendance.headcount`` and for nothing of wages.

    Raises:
        NotFound: ``project_unknown``.
    """
    rules = policy(db, project_id)
    scoped = timekeeping.policies(db, project_id)
    stay = max([rules.session_max, *(one.policy.session_max for one in scoped)])
    today = work_date(as_of, rules)
    two_way = any(gate.direction is Direction.BOTH for gate in gates.gates(db, project_id))
    from_at = None if two_way else midnight(today, rules.time_zone) - 2 * stay
    return ProjectMonth(
        project_id=project_id, month=today.replace(day=1), as_of=as_of, policy=rules,
        passages=gates.passages(db, project_id, from_at, _just_after(as_of)), engagements=people.engagements(db, project_id),
        terms=(), payments=(), policies=scoped, corrections=timekeeping.corrections(db, project_id),
    )  # fmt: skip


def project_to_date(db: Session, project_id: int, as_of: datetime) -> ProjectMonth:
    """Gather every fact of a project so far: all passages up to ``as_of``, all payments of all months.

    ``month`` of what is returned is the month of ``as_of`` on the project.

    Raises:
        NotFound: ``project_unknown``.
    """
    rules = policy(db, project_id)
    month = as_of.astimezone(ZoneInfo(rules.time_zone)).date().replace(day=1)
    return _bundle(
        db, project_id, month, as_of, rules, None, next_month(month),
        passages=gates.passages(db, project_id, None, _just_after(as_of)), payments=payments(db, project_id),
    )  # fmt: skip


def project_facts(
    db: Session, project_id: int, month: date, as_of: datetime, *, worker_id: int | None = None, workers: Collection[int] = ()
) -> ProjectMonth:
    """Gather the facts of a project that are few: everything of ``project_to_date`` but passages and payments.

    Args:
        month: any day of the month of what is returned.
        worker_id: engagements and terms of this worker only, unless he shares measured work with others; what was withheld
            from him alone.
        workers: engagements, terms and corrections that concern these only, and nothing withheld, unless somebody shares
            measured work with others; empty is everybody.

    Raises:
        NotFound: ``project_unknown``.
    """
    rules = policy(db, project_id)
    first = month.replace(day=1)
    last = max(first, as_of.astimezone(ZoneInfo(rules.time_zone)).date())
    return _bundle(
        db, project_id, first, as_of, rules, None, next_month(last), passages=(), payments=(), worker_id=worker_id, workers=workers
    )


def put_right(
    db: Session, bundle: ProjectMonth, workers: Collection[int], from_at: datetime | None, to_at: datetime
) -> list[Passage]:
    """Return the passages of [from_at, to_at) that a gate put down to others and people to these workers."""
    ids = {
        c.passage_id
        for c in bundle.corrections
        if c.kind is CorrectionKind.WRONG_PERSON and c.worker_id in workers and c.passage_id is not None
    }
    return [
        p
        for p in (gates.passages_by_id(db, bundle.project_id, ids) if ids else ())
        if p.worker_id not in workers and p.occurred_at < to_at and (from_at is None or p.occurred_at >= from_at)
    ]


def _bundle(
    db: Session,
    project_id: int,
    month: date,
    as_of: datetime,
    rules: AttendancePolicy,
    first: date | None,
    end: date,
    *,
    passages: tuple[Passage, ...],
    payments: tuple[Payment, ...],
    worker_id: int | None = None,
    workers: Collection[int] = (),
) -> ProjectMonth:
    """Put a bundle together, one query each. The calendar is that of [first, end) and around; None: from the first
    day anybody was there."""
    measures = terms.measures(db, project_id)
    his_own = worker_id
    if worker_id is not None:
        engagements = people.engagements_of(db, project_id, worker_id)
        if {e.team_id for e in engagements} & {m.team_id for m in measures if m.split_by == "days"}:
            # His share depends on the days of the whole team.
            worker_id = None
    # Whoever shares a team's measured work is worth what the others leave him: they are all needed.
    some = () if any(m.split_by == "days" for m in measures) else tuple(workers)
    if some:
        engagements = people.engagements_of_some(db, project_id, some)
    elif worker_id is None:
        engagements = people.engagements(db, project_id)
    if first is None:
        entered = min((engagement.entry_on for engagement in engagements), default=month)
        began = passages[0].occurred_at.astimezone(ZoneInfo(rules.time_zone)).date() if passages else month
        first = min(entered, began, month)
    # An entry in the year 1 is a typing error, and must not stop the wages of everybody else.
    first, end = max(first, date(1990, 1, 1)), min(end, date(2200, 1, 1))
    return ProjectMonth(
        project_id=project_id,
        month=month,
        as_of=as_of,
        policy=rules,
        passages=passages,
        engagements=engagements,
        terms=people.terms(db, project_id, worker_id=worker_id, workers=some),
        payments=payments,
        calendar=timekeeping.calendar(db, first - CALENDAR_AROUND, end + CALENDAR_AROUND),
        policies=timekeeping.policies(db, project_id),
        corrections=timekeeping.corrections(db, project_id, workers=some),
        marks=timekeeping.marks(db, project_id),
        allowances=terms.allowances(db, project_id),
        measures=measures,
        pay_day=sheets.pay_day(db, project_id),
        withheld=() if some else tuple((*of, fen) for of, fen in sorted(sheets.posted_withheld(db, project_id, worker_id=his_own).items())),
    )


def midnight(day: date, time_zone: str) -> datetime:
    """Return the instant at which a date begins on a project's wall clock; aware UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def _just_after(instant: datetime) -> datetime:
    # Ranges are half-open; what occurs at the very instant of the question belongs to the answer.
    return instant + timedelta(microseconds=1)
