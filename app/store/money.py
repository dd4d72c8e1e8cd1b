"""Payments, and the bundles of facts that wages and findings are computed from."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.facts import AttendancePolicy, Direction, Payment, ProjectMonth
from app.errors import Conflict, NotFound
from app.store import gates, insert_or_leave, people
from app.tables import PaymentRow

_PAYMENT = (
    PaymentRow.id,
    PaymentRow.worker_id,
    PaymentRow.amount_fen,
    PaymentRow.paid_on,
    PaymentRow.for_month,
    PaymentRow.channel,
    PaymentRow.reverses_id,
)
_SAME = ("worker_id", "amount_fen", "paid_on", "for_month", "channel", "reference", "reverses_id")
_A_DAY = timedelta(days=1)


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
) -> tuple[int, bool]:
    """Append a payment; the same key and the same payment again is the one that is there.

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


def payments(db: Session, project_id: int, for_month: date | None = None) -> tuple[Payment, ...]:
    """Return the payments of a project, for one month (its first day) or all, as they were recorded."""
    wanted = select(*_PAYMENT).where(PaymentRow.project_id == project_id).order_by(PaymentRow.id)
    if for_month is not None:
        wanted = wanted.where(PaymentRow.for_month == for_month)
    return tuple(Payment(*row) for row in db.execute(wanted))


def payment(db: Session, project_id: int, payment_id: int) -> Payment:
    """Return one payment of a project.

    Raises:
        NotFound: ``payment_unknown``.
    """
    row = db.execute(select(*_PAYMENT).filter_by(id=payment_id, project_id=project_id)).first()
    if row is None:
        raise NotFound("payment_unknown")
    return Payment(*row)


def policy(db: Session, project_id: int) -> AttendancePolicy:
    """Return how passages become days on this project."""
    return AttendancePolicy(time_zone=people.project(db, project_id).time_zone)


def project_month(db: Session, project_id: int, month: date, as_of: datetime) -> ProjectMonth:
    """Gather every fact of a project that the rules of one month may look at.

    Passages of a day more at each end, none after ``as_of``; all engagements and terms; payments *for* the month.
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
    end = (first + timedelta(days=32)).replace(day=1)
    two_way = any(gate.direction is Direction.BOTH for gate in gates.gates(db, project_id))
    from_at = None if two_way else _midnight(first - _A_DAY, rules.time_zone)
    to_at = min(_midnight(end + _A_DAY, rules.time_zone), _just_after(as_of))
    return _bundle(db, project_id, first, as_of, rules, from_at, to_at, payments(db, project_id, first))


def project_to_date(db: Session, project_id: int, as_of: datetime) -> ProjectMonth:
    """Gather every fact of a project so far: all passages up to ``as_of``, all payments of all months.

    ``month`` of what is returned is the month of ``as_of`` on the project.

    Raises:
        NotFound: ``project_unknown``.
    """
    rules = policy(db, project_id)
    month = as_of.astimezone(ZoneInfo(rules.time_zone)).date().replace(day=1)
    return _bundle(db, project_id, month, as_of, rules, None, _just_after(as_of), payments(db, project_id))


def _bundle(
    db: Session,
    project_id: int,
    month: date,
    as_of: datetime,
    rules: AttendancePolicy,
    from_at: datetime | None,
    to_at: datetime,
    paid: tuple[Payment, ...],
) -> ProjectMonth:
    return ProjectMonth(
        project_id=project_id,
        month=month,
        as_of=as_of,
        policy=rules,
        passages=gates.passages(db, project_id, from_at, to_at),
        engagements=people.engagements(db, project_id),
        terms=people.terms(db, project_id),
        payments=paid,
    )


def _midnight(day: date, time_zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def _just_after(instant: datetime) -> datetime:
    # Ranges are half-open; what occurs at the very instant of the question belongs to the answer.
    return instant + timedelta(microseconds=1)
