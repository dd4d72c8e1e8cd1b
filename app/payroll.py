"""Use case: what each worker has earned and received, and the recording of payments.

    record_payment     money a worker received outside the special account; the same key twice is one payment
    reverse_payment    a returned transfer: a second, negative payment that names the first
    wages_of_project   one row a worker
    accounts_of        the sums of both, month by month, read from the projection
    wages_of_worker    "why is this 300.00?": months, items, days, sessions, passages, corrections, terms and payments
    attendance_of      the days of one month on which somebody was there
    work_days_of       every day of one month, days off with a mark too, computed beside confirmed
    headcount_of       on site, came today, on the roster

Every number is recomputed from the facts at each question, save those of ``accounts_of``: the projection lays over its
rows whatever they do not know yet, so they cannot be stale either. Money is
integer fen. What is owed is worked out month by month and then added: an overpaid month never pays for another
(domain.md 4.5). What was withheld on the posted lines of a month is no longer owed.

Money that passes the special account is recorded by the batch it was sent with (``payment_item``); a payment recorded
here went beside it, is posted to the ledger as such in the same transaction, and is there for the audit to find.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import ledger, projection
from app.domain.attendance import Day, DayState, Headcount, Inside, headcount
from app.domain.facts import Correction, Measure, Passage, Payment, ProjectMonth, Terms
from app.domain.identity import name_order
from app.domain.timesheet import WorkDay, concerning, pairing_of, work_days
from app.domain.wages import Accrual, MonthWage, Owed, WageItem, month_wages, owed
from app.domain.workdays import EARLIEST, LATEST, local, month_of, next_month
from app.errors import BadRequest, Conflict, NotFound
from app.store import accounts, money, people, sheets
from app.store import projection as projected
from app.store.kept import kept

AMOUNT_FEN_LIMIT = 100_000_000
"""1,000,000.00 yuan: more than anybody earns on a site; a payment this large is a typing error."""

CHANNELS = ("bank", "cash")
"""Ways beside the special account; ``account`` is recorded by the bank batch."""

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
    """Record money a worker received outside the special account, and post it to the ledger.

    Args:
        amount_fen: fen, 0 < amount < ``AMOUNT_FEN_LIMIT``.
        paid_on: the project's date on which he received it; today at the latest.
        for_month: any day of the month the money is for; a month that has begun.
        channel: ``bank`` (a transfer beside the special account) or ``cash``.
        reference: of the bank's or the receipt; at most 100 characters.
        idempotency_key: made by the caller before the first try. The same key with the same content gives the
            first payment back.
        by: login of who records it.

    Raises:
        NotFound: ``project_unknown``, or ``worker_not_on_project``: he was never engaged there.
        BadRequest: an amount, date, month, channel, reference or key that cannot be.
        Conflict: ``payment_conflict``, the key was used for another payment; ``period_closed``, the running month is
            closed already.
    """
    project = people.project(db, project_id)
    people.lock_project(db, project_id)
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
        Conflict: ``payment_is_reversal``; ``payment_of_batch``, it went through the special account, and its batch
            tells what came back; ``payment_conflict``, it was reversed with another date; ``period_closed``.
        BadRequest: the date is before the payment or in the future.
    """
    project = people.project(db, project_id)
    people.lock_project(db, project_id)
    first = money.payment(db, project_id, payment_id)
    if first.channel not in CHANNELS:
        raise Conflict("payment_of_batch")
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
        ledger.post_off_account(db, payment_id, by=by, now=now)
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
    """Sum of the months' surpluses. accrued - withheld - paid == owed - overpaid."""
    withheld_fen: int = 0
    """Deducted, or taken back for advances, on the posted lines of closed months."""


@dataclass(frozen=True, slots=True)
class DayWages:
    """One day of one worker: what he earned and all it rests on."""

    day: Day
    """Confirmed: what is paid goes by it."""
    accrual: Accrual
    """With the items of the day."""
    passages: tuple[Passage, ...]
    """The evidence: the passages of the day, in order of time; those that a correction took out too."""
    terms: Terms | None
    """The terms that priced it."""
    work: WorkDay
    """With the computed day, the kind of date, the mark that holds."""
    corrections: tuple[Correction, ...] = ()
    """Approved ones the day rests on."""


@dataclass(frozen=True, slots=True)
class MonthWages:
    """One month of one worker."""

    month: date
    owed: Owed
    days: tuple[DayWages, ...]
    payments: tuple[Payment, ...]
    wages: tuple[MonthWage, ...] = ()
    """One an engagement; their items add up to ``owed.accrued_fen``."""
    measures: tuple[Measure, ...] = ()
    """Measured work that an item of the month is a share of."""

    @property
    def items(self) -> tuple[WageItem, ...]:
        """Items of the whole month; those of days are with the days."""
        return tuple(item for wage in self.wages for item in wage.items if item.work_date is None)

    @property
    def problems(self) -> tuple[tuple[str, date | None], ...]:
        """What keeps the month from being signed, or should be looked at."""
        return tuple(problem for wage in self.wages for problem in wage.problems)


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
    months = _by_month(bundle, _days(bundle))
    ids = {e.worker_id for e in bundle.engagements}.union(*months.values())
    who = _names(db, bundle, ids)
    rows = [_row(i, *who[i], [sums[i] for sums in months.values() if i in sums]) for i in ids]
    return tuple(sorted(rows, key=lambda r: (name_order(r.team), name_order(r.name), r.worker_id)))


def wages_of_worker(db: Session, project_id: int, worker_id: int, as_of: datetime) -> WorkerWages:
    """One worker's wages, down to the passages.

    Raises:
        NotFound: ``project_unknown``; ``worker_not_on_project``: never engaged, seen or paid there.
    """
    whole = _facts_of_worker(db, project_id, worker_id, as_of)
    if not any(one.worker_id == worker_id for facts in (whole.engagements, whole.passages, whole.payments) for one in facts):
        raise NotFound("worker_not_on_project")
    days = _days(whole)
    lines = _explained(whole, worker_id, days, _by_month(whole, days))
    return WorkerWages(
        project_id=project_id,
        as_of=as_of,
        policy_version=whole.policy.version,
        time_zone=whole.policy.time_zone,
        row=_row(worker_id, *_names(db, whole, [worker_id])[worker_id], [line.owed for line in lines]),
        months=lines,
    )


def month_of_worker(db: Session, project_id: int, worker_id: int, month: date, as_of: datetime) -> MonthWages | None:
    """One month of ``wages_of_worker``, worked out from the facts around it alone; None: neither work nor a payment.

    Raises:
        NotFound: ``project_unknown``.
    """
    month = month_of(month)
    facts = _facts_of_worker(db, project_id, worker_id, as_of, month)
    days = [day for day in work_days(facts) if month_of(day.work_date) == month]
    months = {on: sums for on, sums in _by_month(facts, days).items() if on == month}
    return next(iter(_explained(facts, worker_id, days, months)), None)


def _explained(
    whole: ProjectMonth, worker_id: int, days: Sequence[WorkDay], months: Mapping[date, Mapping[int, Owed]]
) -> tuple[MonthWages, ...]:
    """A worker's months with what they rest on, the earliest first."""
    work_of = {w.work_date: w for w in days if w.worker_id == worker_id}
    passage = {p.id: p for p in whole.passages}
    terms = {t.id: t for t in whole.terms}
    corrections = {c.id: c for c in whole.corrections}
    measures = {m.id: m for m in whole.measures}

    def explained(accrual: Accrual) -> DayWages:
        work = work_of[accrual.work_date]
        ids = {*accrual.passage_ids, *(work.computed.passage_ids if work.computed else ())}
        return DayWages(
            day=work.day,
            accrual=accrual,
            passages=tuple(sorted((passage[i] for i in ids), key=lambda p: (p.occurred_at, p.id))),
            terms=terms.get(accrual.terms_id) if accrual.terms_id is not None else None,
            work=work,
            corrections=tuple(corrections[i] for i in work.correction_ids if i in corrections),
        )

    lines = []
    for month, sums in sorted(months.items()):
        if worker_id in sums:
            found = sums[worker_id]
            paid = tuple(sorted((p for p in whole.payments if p.worker_id == worker_id and p.for_month == month), key=lambda p: p.id))
            shared = sorted({i for m in found.months for item in m.items for kind, i in item.evidence if kind == "measure"})
            lines.append(
                MonthWages(
                    month, found, tuple(map(explained, found.accruals)), paid, found.months,
                    tuple(measures[i] for i in shared),
                )  # fmt: skip
            )
    return tuple(lines)


@dataclass(frozen=True, slots=True)
class MonthAccount:
    """One month of one worker: what ``Owed`` says, without the days it rests on."""

    month: date
    accrued_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int
    day_milli: int
    undecided_days: int
    undecided_fen_max: int
    no_terms_days: int


def accounts_of(
    db: Session,
    project_id: int,
    as_of: datetime,
    *,
    worker_id: int | None = None,
    workers: Collection[int] | None = None,
) -> dict[int, tuple[MonthAccount, ...]]:
    """Everybody's account on a project, or one worker's, month by month, read from the projection; by worker id.

    Args:
        worker_id: only his.
        workers: only theirs, some hundreds at most.

    The sums are those of ``wages_of_project`` and ``wages_of_worker`` for the same instant, which must be now.

    Raises:
        NotFound: ``project_unknown``.
    """
    earned = {
        (line.worker_id, line.month): line
        for line in projection.month_sums(db, project_id, as_of, worker_id=worker_id, workers=workers)
    }
    paid = _paid(money.payments(db, project_id, worker_id=worker_id, workers=workers), _today(db, project_id, as_of))
    withheld = sheets.posted_withheld(db, project_id, worker_id=worker_id, workers=workers)
    found: dict[int, list[MonthAccount]] = defaultdict(list)
    for key in sorted(earned.keys() | paid.keys() | withheld.keys()):
        line = earned.get(key)
        accrued, received, taken = line.gross_fen if line else 0, paid.get(key, 0), withheld.get(key, 0)
        found[key[0]].append(
            MonthAccount(
                month=key[1],
                accrued_fen=accrued,
                withheld_fen=taken,
                paid_fen=received,
                owed_fen=max(0, accrued - taken - received),
                overpaid_fen=max(0, received + taken - accrued),
                day_milli=line.day_milli if line else 0,
                undecided_days=line.undecided_days if line else 0,
                undecided_fen_max=line.undecided_fen_max if line else 0,
                no_terms_days=line.no_terms_days if line else 0,
            )
        )
    return {worker: tuple(months) for worker, months in found.items()}


@dataclass(frozen=True, slots=True)
class AccountSum:
    """What one worker's account comes to."""

    month_milli: int = 0
    """Settled man-days of this month, in thousandths."""
    undecided_days: int = 0
    owed_fen: int = 0
    """Sum of the months' shortfalls."""


def account_sums(db: Session, project_id: int, as_of: datetime, *, workers: Collection[int] | None = None) -> dict[int, AccountSum]:
    """What the accounts of ``accounts_of`` come to, by worker id.

    Args:
        workers: only theirs, some hundreds at most. None is everybody, added up by the database and kept (``store.kept``).

    Raises:
        NotFound: ``project_unknown``.
    """
    today = _today(db, project_id, as_of)
    if workers is None:
        return kept(db, project_id, ("account sums", today), lambda: _account_sums(db, project_id, today, as_of), at=as_of)
    return _account_sums(db, project_id, today, as_of, workers)


def _account_sums(
    db: Session, project_id: int, today: date, as_of: datetime, workers: Collection[int] | None = None
) -> dict[int, AccountSum]:
    found = {worker: AccountSum(*sums) for worker, *sums in sheets.account_sums(db, project_id, today, workers)}
    behind = projection.behind(db, project_id, date.max, as_of)
    if workers is not None:
        behind &= set(workers)
    for worker in behind:
        found.pop(worker, None)
    for some in _chunks(sorted(behind)):
        for worker, months in accounts_of(db, project_id, as_of, workers=some).items():
            found[worker] = AccountSum(
                sum(line.day_milli for line in months if line.month == month_of(today)),
                sum(line.undecided_days for line in months),
                sum(line.owed_fen for line in months),
            )
    return found


def _paid(payments: Iterable[Payment], today: date) -> dict[tuple[int, date], int]:
    """(worker, month) -> fen he received for it until today."""
    paid: dict[tuple[int, date], int] = defaultdict(int)
    for payment in payments:
        if payment.paid_on <= today:
            paid[payment.worker_id, payment.for_month] += payment.amount_fen
    return dict(paid)


def _days(bundle: ProjectMonth) -> tuple[WorkDay, ...]:
    """Every day of a bundle that may reach over several months: marks count in each of them."""
    found = {(w.worker_id, w.work_date): w for w in work_days(bundle)}
    bare = replace(bundle, passages=(), corrections=())
    for month in _months_of(((m.from_on, m.to_on) for m in bundle.marks), bundle):
        for work in work_days(replace(bare, month=month)):
            found.setdefault((work.worker_id, work.work_date), work)
    return tuple(work for _, work in sorted(found.items()))


def _months_of(spans: Iterable[tuple[date, date]], bundle: ProjectMonth) -> list[date]:
    """Months before the bundle's own that a span touches, from the first engagement on."""
    first = month_of(min((e.entry_on for e in bundle.engagements), default=bundle.month))
    months = set()
    for from_on, to_on in spans:
        month = max(first, month_of(from_on))
        while month < min(to_on, month_of(bundle.month)):
            months.add(month)
            month = next_month(month)
    return sorted(months)


def _month_wages(bundle: ProjectMonth, days: Sequence[WorkDay]) -> list[MonthWage]:
    """Wages of every month, also of those that have no day but a share of measured work or a single allowance."""
    found = list(month_wages(bundle, days))
    known = {month_of(w.work_date) for w in days} | {month_of(bundle.month)}
    single = [(m.month, next_month(m.month)) for m in bundle.measures]
    single += [(a.valid_from, next_month(a.valid_from)) for a in bundle.allowances if a.per == "once"]
    for month in _months_of(single, bundle):
        if month not in known:
            found += month_wages(replace(bundle, month=month), ())
    return found


def _by_month(bundle: ProjectMonth, days: Sequence[WorkDay]) -> dict[date, Mapping[int, Owed]]:
    """Wages owed of each month, by worker."""
    earned: dict[date, list[MonthWage]] = defaultdict(list)
    payments: dict[date, list[Payment]] = defaultdict(list)
    withheld: dict[date, dict[int, int]] = defaultdict(dict)
    for wage in _month_wages(bundle, days):
        earned[wage.month].append(wage)
    for payment in bundle.payments:
        payments[payment.for_month].append(payment)
    for worker_id, month, fen in bundle.withheld:
        withheld[month][worker_id] = fen
    months = sorted(earned.keys() | payments.keys() | withheld.keys())
    return {m: owed(earned.get(m, ()), payments.get(m, ()), withheld.get(m)) for m in months}


def _row(worker_id: int, name: str, team: str, months: list[Owed]) -> WageRow:
    return WageRow(
        worker_id=worker_id,
        name=name,
        team=team,
        day_milli=sum(wage.day_milli for m in months for wage in m.months),
        undecided_days=sum(m.undecided_days for m in months),
        no_terms_days=sum(m.no_terms_days for m in months),
        accrued_fen=sum(m.accrued_fen for m in months),
        paid_fen=sum(m.paid_fen for m in months),
        owed_fen=sum(m.owed_fen for m in months),
        overpaid_fen=sum(m.overpaid_fen for m in months),
        withheld_fen=sum(m.withheld_fen for m in months),
    )


def _facts_of_worker(db: Session, project_id: int, worker_id: int, as_of: datetime, month: date | None = None) -> ProjectMonth:
    """Everything that one worker's wages rest on: his own facts, and the days of those he shares measured work with.

    Args:
        month: the first day of a month; only the passages that its days can rest on. None is everything up to ``as_of``.
    """
    whole = money.project_facts(db, project_id, month or _today(db, project_id, as_of), as_of, worker_id=worker_id)
    by_days = {m.team_id for m in whole.measures if m.split_by == "days"}
    teams = {e.team_id for e in whole.engagements if e.worker_id == worker_id} & by_days
    wanted = {worker_id} | {e.worker_id for e in whole.engagements if e.team_id in teams}
    passages: list[Passage] = []
    from_at, to_at = None, as_of + timedelta(microseconds=1)
    if month is not None:
        from_at, to_at = projection.span_of(db, project_id, month, next_month(month), whole.policy.time_zone, to_at)
    for some in _chunks(sorted(wanted)):
        passages += projected.passages_of(db, project_id, some, from_at, to_at)
    passages += money.put_right(db, whole, wanted, from_at, to_at)
    return _so_far(
        replace(
            whole,
            passages=tuple(passages),
            engagements=tuple(e for e in whole.engagements if e.worker_id in wanted),
            terms=tuple(t for t in whole.terms if t.worker_id in wanted),
            corrections=concerning(whole.corrections, wanted, passages),
            payments=money.payments(db, project_id, worker_id=worker_id),
            withheld=tuple(w for w in whole.withheld if w[0] == worker_id),
        )
    )


def _chunks(ids: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    for at in range(0, len(ids), size):
        yield ids[at : at + size]


def _today(db: Session, project_id: int, as_of: datetime) -> date:
    return as_of.astimezone(ZoneInfo(people.project(db, project_id).time_zone)).date()


def _names(db: Session, bundle: ProjectMonth, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Worker id -> (name, name of his latest team; empty for somebody who was never engaged)."""
    today = local(bundle.as_of, bundle.policy).date()
    # In the order of entry: the last engagement stands.
    only = next(iter(ids)) if len(ids) == 1 else None
    rows = people.workers(db, bundle.project_id, today=today, worker_id=only)
    roster = {r.worker_id: (r.name, r.team_name) for r in rows}
    return {i: roster[i] if i in roster else (people.worker(db, i).name, "") for i in ids}


def _to_date(db: Session, project_id: int, as_of: datetime) -> ProjectMonth:
    """Everything up to ``as_of``: passages that had occurred and payments that had been made."""
    return _so_far(money.project_to_date(db, project_id, as_of))


def _so_far(bundle: ProjectMonth) -> ProjectMonth:
    today = local(bundle.as_of, bundle.policy).date()
    return replace(bundle, payments=tuple(p for p in bundle.payments if p.paid_on <= today))


# --- attendance ----------------------------------------------------------------------------------------------


def work_days_of(db: Session, project_id: int, month: date, as_of: datetime) -> tuple[WorkDay, ...]:
    """Every day of one month on a project, by worker and date: days off with a mark too.

    Raises:
        NotFound: ``project_unknown``.
    """
    month = month_of(month)
    bundle = money.project_month(db, project_id, month, as_of)
    return tuple(w for w in work_days(bundle) if month_of(w.work_date) == month)


def attendance_of(db: Session, project_id: int, month: date, as_of: datetime) -> tuple[Day, ...]:
    """The confirmed days of one month on a project on which somebody was there, or may have been, by worker and date.

    Raises:
        NotFound: ``project_unknown``.
    """
    found = (w.day for w in work_days_of(db, project_id, month, as_of))
    return tuple(day for day in found if day.state is not DayState.OFF)


def headcount_of(db: Session, project_id: int, as_of: datetime) -> Headcount:
    """Who is on site, who came today, who is on the roster.

    Raises:
        NotFound: ``project_unknown``.
    """
    bundle = money.project_now(db, project_id, as_of)
    return headcount(pairing_of(bundle), bundle.engagements, as_of, policy=bundle.policy)


def inside_now(db: Session, project_id: int, as_of: datetime) -> dict[int, Inside]:
    """Worker -> his stay that is open at an instant.

    Raises:
        NotFound: ``project_unknown``.
    """
    return {stay.worker_id: stay for stay in pairing_of(money.project_now(db, project_id, as_of)).inside}
