"""Use case: what each worker has earned and received, and the recording of payments.

    record_payment     money a worker received; the same key twice is one payment
    reverse_payment    a returned transfer: a second, negative payment that names the first
    wages_of_project   one row a worker
    wages_of_worker    "why is this 300.00?": months, days, sessions, passages, terms and payments, with their ids
    attendance_of      the days of one month
    headcount_of       on site, came today, on the roster

Every number is recomputed from the facts at each question; nothing is cached and nothing can go stale. Money is
integer fen. What is owed is worked out month by month and then added: an overpaid month never pays for another
(domain.md 4.5).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.attendance import Day, Headcount, days, headcount, pair
from app.domain.facts import Passage, Payment, ProjectMonth, Terms
from app.domain.wages import Accrual, Owed, accrue, owed
from app.domain.workdays import local, month_of
from app.errors import BadRequest, Conflict, NotFound
from app.store import accounts, money, people

AMOUNT_FEN_LIMIT = 100_000_000
"""1,000,000.00 yuan: more than anybody earns on a site; a payment this large is a typing error."""

EARLIEST = date(2000, 1, 1)
LATEST = date(2100, 1, 1)
"""Dates outside are typing errors, and arithmetic with them may leave the calendar."""

CHANNELS = ("bank", "cash")

KEY_LENGTH_MIN, KEY_LENGTH_MAX = 8, 96
REVERSAL_KEY = "reverse:"
"""Begins the keys of reversals, one per payment; no caller may use it."""


# --- payments ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment on record."""

    payment: Payment
    created: bool
    """False: it had been recorded before, by the same key; nothing happened now."""


def record_payment(
    db: Session,
    *,
    project_id: int,
    worker_id: int,
    amount_fen: int,
    paid_on: date,
    for_month: date,
    channel: str,
    reference: str | None = None,
    idempotency_key: str,
    by: str,
    now: datetime,
) -> Recorded:
    """Record money a worker received.

    Args:
        amount_fen: fen, 0 < amount < ``AMOUNT_FEN_LIMIT``.
        paid_on: the project's date on which he received it; today at the latest.
        for_month: any day of the month the money is for; a month that has begun.
        channel: ``bank`` or ``cash``.
        reference: of the bank's or the receipt; at most 100 characters.
        idempotency_key: made by the caller before the first try. The same key with the same content gives the
            first payment back.
        by: login of who records it.

    Raises:
        NotFound: ``project_unknown``, or ``worker_not_on_project``: he was never engaged there.
        BadRequest: an amount, date, month, channel, reference or key that cannot be.
        Conflict: ``payment_conflict``, the key was used for another payment.
    """
    project = people.project(db, project_id)
    key = _key(idempotency_key)
    if key.startswith(REVERSAL_KEY):
        raise BadRequest("key_malformed")
    if type(amount_fen) is not int or not 0 < amount_fen < AMOUNT_FEN_LIMIT:
        raise BadRequest("amount_wrong", limit_fen=AMOUNT_FEN_LIMIT)
    if channel not in CHANNELS:
        raise BadRequest("payment_channel_unknown")
    reference = _reference(reference)
    for_month = month_of(for_month)
    today = now.astimezone(ZoneInfo(project.time_zone)).date()
    if not EARLIEST <= for_month < LATEST:
        raise BadRequest("month_out_of_range")
    if for_month > month_of(today):
        raise BadRequest("month_in_future")
    if paid_on < EARLIEST:
        raise BadRequest("paid_on_out_of_range")
    if paid_on > today:
        raise BadRequest("paid_on_in_future")
    if not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    return _append(
        db,
        project_id=project_id,
        worker_id=worker_id,
        amount_fen=amount_fen,
        paid_on=paid_on,
        for_month=for_month,
        channel=channel,
        reference=reference,
        reverses_id=None,
        idempotency_key=key,
        by=by,
        now=now,
    )


def reverse_payment(
    db: Session, *, project_id: int, payment_id: int, by: str, now: datetime, returned_on: date | None = None
) -> Recorded:
    """Record that a payment came back: the same amount, negative, naming the first. Done twice, it is done once.

    Args:
        returned_on: the project's date on which the money came back; today when None.

    Raises:
        NotFound: ``payment_unknown`` on this project.
        Conflict: ``payment_is_reversal``; or ``payment_conflict``, it was reversed with another date.
        BadRequest: the date is before the payment or in the future.
    """
    project = people.project(db, project_id)
    first = money.payment(db, project_id, payment_id)
    if first.reverses_id is not None:
        raise Conflict("payment_is_reversal")
    done = next((p for p in money.payments(db, project_id, first.for_month) if p.reverses_id == payment_id), None)
    if done is not None:
        if returned_on not in (None, done.paid_on):
            raise Conflict("payment_conflict")
        return Recorded(done, created=False)
    today = now.astimezone(ZoneInfo(project.time_zone)).date()
    returned_on = returned_on or max(today, first.paid_on)
    if returned_on < first.paid_on:
        raise BadRequest("paid_on_out_of_range")
    if returned_on > max(today, first.paid_on):
        raise BadRequest("paid_on_in_future")
    return _append(
        db,
        project_id=project_id,
        worker_id=first.worker_id,
        amount_fen=-first.amount_fen,
        paid_on=returned_on,
        for_month=first.for_month,
        channel=first.channel,
        reference=None,
        reverses_id=first.id,
        idempotency_key=f"{REVERSAL_KEY}{first.id}",
        by=by,
        now=now,
    )


def _append(db: Session, *, by: str, now: datetime, **content) -> Recorded:
    payment_id, created = money.add_payment(db, recorded_by=by, now=now, **content)
    project_id = content["project_id"]
    payment = money.payment(db, project_id, payment_id)
    if created:
        accounts.journal(
            db,
            at=now,
            actor=by,
            action="payment_reversed" if content["reverses_id"] else "payment_recorded",
            project_id=project_id,
            object=f"payment:{payment_id}",
            facts={"reverses_id": content["reverses_id"]} if content["reverses_id"] else {},
        )
    return Recorded(payment, created)


def _key(text: str) -> str:
    if not KEY_LENGTH_MIN <= len(text) <= KEY_LENGTH_MAX or not (text.isascii() and text.isprintable()):
        raise BadRequest("key_malformed")
    return text


def _reference(text: str | None) -> str | None:
    text = (text or "").strip()
    # Not printable are line breaks, NUL (which PostgreSQL cannot store) and half characters.
    if len(text) > 100 or not text.isprintable():
        raise BadRequest("reference_wrong")
    return text or None


# --- wages ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WageRow:
    """What one worker has earned, received and still has to get on a project, since its first day."""

    worker_id: int
    name: str
    team: str
    day_milli: int
    """Settled days, in thousandths of a man-day."""
    undecided_days: int
    """Days a person must decide; their wages come on top."""
    no_terms_days: int
    """Worked days nobody recorded a rate for; their wages come on top."""
    accrued_fen: int
    paid_fen: int
    owed_fen: int
    """Sum of the months' shortfalls."""
    overpaid_fen: int
    """Sum of the months' surpluses. accrued - paid == owed - overpaid."""


@dataclass(frozen=True, slots=True)
class DayWages:
    """One day of one worker: what he earned and all it rests on."""

    day: Day
    accrual: Accrual
    passages: tuple[Passage, ...]
    """The evidence: the passages of the day, in order of time."""
    terms: Terms | None
    """The terms that priced it."""


@dataclass(frozen=True, slots=True)
class MonthWages:
    """One month of one worker."""

    month: date
    owed: Owed
    days: tuple[DayWages, ...]
    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class WorkerWages:
    """Everything that explains one worker's wages on one project."""

    project_id: int
    as_of: datetime
    policy_version: int
    time_zone: str
    row: WageRow
    """The sums, as ``wages_of_project`` shows them."""
    months: tuple[MonthWages, ...]
    """Months with work or a payment, earliest first."""


def wages_of_project(db: Session, project_id: int, as_of: datetime) -> tuple[WageRow, ...]:
    """One row for every worker ever engaged, seen or paid on the project, by team, name and id.

    Raises:
        NotFound: ``project_unknown``.
    """
    bundle = _to_date(db, project_id, as_of)
    months = _by_month(bundle)
    ids = {e.worker_id for e in bundle.engagements}.union(*months.values())
    who = _names(db, bundle, ids)
    rows = [_row(i, *who[i], [sums[i] for sums in months.values() if i in sums]) for i in ids]
    return tuple(sorted(rows, key=lambda r: (r.team, r.name, r.worker_id)))


def wages_of_worker(db: Session, project_id: int, worker_id: int, as_of: datetime) -> WorkerWages:
    """One worker's wages, down to the passages.

    Raises:
        NotFound: ``project_unknown``; ``worker_not_on_project``: never engaged, seen or paid there.
    """
    whole = _to_date(db, project_id, as_of)
    own = _only(whole, worker_id)
    if not (own.engagements or own.passages or own.payments):
        raise NotFound("worker_not_on_project")
    months = _by_month(own)
    day_of = {d.work_date: d for d in _days(own)}
    passage = {p.id: p for p in own.passages}
    terms = {t.id: t for t in own.terms}

    def explained(accrual: Accrual) -> DayWages:
        return DayWages(
            day=day_of[accrual.work_date],
            accrual=accrual,
            passages=tuple(passage[i] for i in accrual.passage_ids),
            terms=terms.get(accrual.terms_id) if accrual.terms_id is not None else None,
        )

    lines = []
    for month, sums in sorted(months.items()):
        if worker_id in sums:
            paid = tuple(sorted((p for p in own.payments if p.for_month == month), key=lambda p: p.id))
            lines.append(MonthWages(month, sums[worker_id], tuple(map(explained, sums[worker_id].accruals)), paid))
    return WorkerWages(
        project_id=project_id,
        as_of=as_of,
        policy_version=whole.policy.version,
        time_zone=whole.policy.time_zone,
        row=_row(worker_id, *_names(db, whole, {worker_id})[worker_id], [line.owed for line in lines]),
        months=tuple(lines),
    )


def _days(bundle: ProjectMonth) -> tuple[Day, ...]:
    pairing = pair(bundle.passages, policy=bundle.policy, as_of=bundle.as_of)
    return days(pairing, policy=bundle.policy)


def _by_month(bundle: ProjectMonth) -> dict[date, Mapping[int, Owed]]:
    """Wages owed of each month, by worker."""
    accruals: dict[date, list[Accrual]] = defaultdict(list)
    payments: dict[date, list[Payment]] = defaultdict(list)
    priced = accrue(_days(bundle), bundle.terms, policy=bundle.policy, engagements=bundle.engagements)
    for accrual in priced:
        accruals[month_of(accrual.work_date)].append(accrual)
    for payment in bundle.payments:
        payments[payment.for_month].append(payment)
    return {m: owed(accruals.get(m, ()), payments.get(m, ())) for m in sorted(accruals.keys() | payments.keys())}


def _row(worker_id: int, name: str, team: str, months: list[Owed]) -> WageRow:
    return WageRow(
        worker_id=worker_id,
        name=name,
        team=team,
        day_milli=sum(a.day_milli or 0 for m in months for a in m.accruals),
        undecided_days=sum(m.undecided_days for m in months),
        no_terms_days=sum(m.no_terms_days for m in months),
        accrued_fen=sum(m.accrued_fen for m in months),
        paid_fen=sum(m.paid_fen for m in months),
        owed_fen=sum(m.owed_fen for m in months),
        overpaid_fen=sum(m.overpaid_fen for m in months),
    )


def _only(bundle: ProjectMonth, worker_id: int) -> ProjectMonth:
    """The same bundle with one worker's facts."""
    return replace(
        bundle,
        passages=tuple(p for p in bundle.passages if p.worker_id == worker_id),
        engagements=tuple(e for e in bundle.engagements if e.worker_id == worker_id),
        terms=tuple(t for t in bundle.terms if t.worker_id == worker_id),
        payments=tuple(p for p in bundle.payments if p.worker_id == worker_id),
    )


def _names(db: Session, bundle: ProjectMonth, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Worker id -> (name, name of his latest team; empty for somebody who was never engaged)."""
    today = local(bundle.as_of, bundle.policy).date()
    # In the order of entry: the last engagement stands.
    roster = {r.worker_id: (r.name, r.team_name) for r in people.workers(db, bundle.project_id, today=today)}
    return {i: roster[i] if i in roster else (people.worker(db, i).name, "") for i in ids}


def _to_date(db: Session, project_id: int, as_of: datetime) -> ProjectMonth:
    """Everything up to ``as_of``: passages that had occurred and payments that had been made."""
    bundle = money.project_to_date(db, project_id, as_of)
    today = local(as_of, bundle.policy).date()
    return replace(bundle, payments=tuple(p for p in bundle.payments if p.paid_on <= today))


# --- attendance ----------------------------------------------------------------------------------------------


def attendance_of(db: Session, project_id: int, month: date, as_of: datetime) -> tuple[Day, ...]:
    """The days of one month on a project, by worker and date.

    Raises:
        NotFound: ``project_unknown``.
    """
    bundle = money.project_month(db, project_id, month_of(month), as_of)
    return tuple(d for d in _days(bundle) if month_of(d.work_date) == month_of(month))


def headcount_of(db: Session, project_id: int, as_of: datetime) -> Headcount:
    """Who is on site, who came today, who is on the roster.

    Raises:
        NotFound: ``project_unknown``.
    """
    project = people.project(db, project_id)
    # The bundle has a day more at each end: in the small hours of the first it still holds last month's shift.
    month = month_of(as_of.astimezone(ZoneInfo(project.time_zone)).date())
    bundle = money.project_month(db, project_id, month, as_of)
    pairing = pair(bundle.passages, policy=bundle.policy, as_of=as_of)
    return headcount(pairing, bundle.engagements, as_of, policy=bundle.policy)
