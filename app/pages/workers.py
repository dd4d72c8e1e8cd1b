"""One worker: his days, what he is owed and how it was worked out, down to the evidence."""

import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.responses import Response

from app import access, bank, papers, payroll, projection, verification
from app.domain import workdays
from app.domain.attendance import DayState, Flag, told_as
from app.domain.facts import Payment, Terms
from app.domain.identity import View, mask_id_number, mask_phone
from app.domain.timesheet import WorkDay
from app.domain.wages import AccrualState, Component, WageItem
from app.errors import BadRequest, Conflict, NotFound, ServiceError
from app.fields import read_month
from app.pages import beside, filled, lines, page
from app.pages.lines import PassageLine
from app.pages.page import Act, Again, Ask, MonthChoice, Page, or_again, shown, with_query
from app.pages.shell import MenuItem, shell
from app.pages.words import marked
from app.store import bank as held
from app.store import checks, faces, gates, money, people
from app.store import papers as paper_store
from app.wording.wages import formula

AMOUNT = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2}))?")


# --- one worker ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Missing:
    """What an undecided day lacks."""

    at: datetime
    reason: str
    overlong: bool


@dataclass(frozen=True)
class ItemLine:
    """A wage item: what for, how it was worked out, how much."""

    component: str
    formula: str
    amount_fen: int


@dataclass(frozen=True)
class CardLine:
    """A wage card (工资卡)."""

    bank_name: str
    last4: str


@dataclass(frozen=True)
class MarkLine:
    """Leave, stoppage, rain or rest that holds on a date."""

    kind: str
    pay_percent: int


@dataclass(frozen=True)
class CorrectionLine:
    """An approved correction of a day."""

    id: int
    kind: str
    in_at: datetime | None
    out_at: datetime | None
    minutes: int | None
    day_milli: int | None


@dataclass(frozen=True)
class ComputedLine:
    """What the gates alone say about a corrected day."""

    state: str
    minutes: int
    day_milli: int | None


@dataclass(frozen=True)
class DayLine:
    """One work date of the chosen month."""

    on: date
    url: str
    kind: str | None
    """Of the date, by the calendar; None where none was imported."""
    pay: str
    """How he is paid that day; empty without one rate."""
    unit: str | None
    """Of measured work."""
    mark: MarkLine | None
    """That says why he was away, or that fills up his day."""
    corrections: int
    state: str
    first_in_at: datetime | None
    last_out_at: datetime | None
    out_next_day: bool
    minutes: int
    day_milli: int | None
    rate_fen: int | None
    accrual: str
    amount_fen: int
    amount_max_fen: int | None
    """Of a day that is not settled."""
    missing: tuple[Missing, ...]
    passages: int


@dataclass(frozen=True)
class SessionLine:
    """An entry and its exit."""

    in_at: datetime
    out_at: datetime
    minutes: int
    short: bool


@dataclass(frozen=True)
class OpenedDay:
    """The evidence of one day."""

    on: date
    items: tuple[ItemLine, ...]
    corrections: tuple[CorrectionLine, ...]
    computed: ComputedLine | None
    sessions: tuple[SessionLine, ...]
    lines: tuple[PassageLine, ...]
    terms_id: int | None
    terms_from: date | None


@dataclass(frozen=True)
class MonthSum:
    """One month of the account: accrued, paid, owed."""

    month: date
    accrued_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int
    undecided: int


@dataclass(frozen=True)
class TermLine:
    """What he earns, from when to when."""

    id: int
    kind: str
    rate_fen: int
    unit: str | None
    overtime_rule: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True)
class ProblemLine:
    """What keeps the month from being signed, or should be looked at."""

    code: str
    on: date | None


@dataclass(frozen=True)
class EngagementLine:
    """One engagement with its terms."""

    team: str
    company: str
    entry_on: date
    exit_on: date | None
    terms: tuple[TermLine, ...]


@dataclass(frozen=True)
class ConsentLine:
    """The worker's latest word about his face."""

    given: bool
    declined: bool
    """He was asked and agreed to nothing."""
    at: datetime


@dataclass(frozen=True)
class CredentialLine:
    """A card or code he can come in with."""

    channel: str
    at: datetime


@dataclass(frozen=True)
class Typed:
    """A payment as it was typed, shown again when it was refused."""

    amount: str = ""
    paid_on: str = ""
    for_month: str = ""
    channel: str = ""
    reference: str = ""


@dataclass(frozen=True)
class WorkerContext:
    """What a worker's page shows."""

    project_id: int = shown("The project, for links")
    worker_id: int = shown("The worker, for links")
    today: date = shown("Today on the project's calendar: no payment is later")
    name: str = shown("The worker's name, in full: only readers of papers open this page")
    sex: str = shown("M for a man, F for a woman")
    age: int = shown("Full years today")
    current: EngagementLine = shown("His latest engagement")
    id_number: str = shown("ID number, masked for the reader")
    phone: str = shown("Telephone, masked; empty when none is recorded")
    has_template: bool = shown("His face is enrolled and not erased")
    enrolled: tuple[datetime, int] | None = shown("When his face was enrolled, and with how many photographs; None without a template")
    identity: checks.CheckInfo | None = shown("His latest comparison with the identity card; None when there was none")
    may_vouch: bool = shown("The reader may vouch for him where the comparison disagreed")
    face_advice: tuple[Any, ...] = shown("Why he should enrol again; store.faces.AdviceInfo")
    consent: ConsentLine | None = shown("Whether he agrees to face recognition; None without any record")
    credentials: tuple[CredentialLine, ...] = shown("Live cards and codes")
    engagements: tuple[EngagementLine, ...] = shown("Every engagement, oldest first, each with its terms")
    owed_fen: int = shown("Sum of the months' shortfalls")
    accrued_fen: int = shown("Earned since the first day")
    paid_fen: int = shown("Received since the first day, returned transfers subtracted")
    withheld_fen: int = shown("Deducted or taken back for advances on posted lines")
    overpaid_fen: int = shown("Sum of the months' surpluses, never set off against another month")
    day_milli: int = shown("Settled man-days since the first day, in thousandths")
    undecided_days: int = shown("Days a person must decide, over all months")
    undecided_fen_max: int = shown("What those days are worth at most")
    no_terms_days: int = shown("Worked days nobody recorded a rate for")
    month: date = shown("The chosen month")
    months: tuple[MonthChoice, ...] = shown("Months to choose from, newest first")
    days: tuple[DayLine, ...] = shown("The chosen month's days with passages, corrections or a mark, oldest first")
    month_items: tuple[ItemLine, ...] = shown("Wage items of the whole chosen month: monthly wage, piece work, allowances")
    problems: tuple[ProblemLine, ...] = shown("What keeps the chosen month from being signed")
    opened: OpenedDay | None = shown("The day whose evidence is shown")
    month_milli: int = shown("Settled man-days of the chosen month")
    month_accrued_fen: int = shown("Earned in the chosen month")
    month_undecided: int = shown("Days of the chosen month to decide")
    month_undecided_fen: int = shown("What those are worth at most")
    sums: tuple[MonthSum, ...] = shown("The account month by month, oldest first")
    payments: tuple[Any, ...] = shown("Payments, newest first; facts.Payment")
    besides: beside.Beside = shown("Advances, deductions and allowances that stand, and the forms for more")
    card: CardLine | None = shown("The wage card he is paid to; None: none on record, or the reader may not know")
    may_card: bool = shown("The reader may record his wage card")
    reads_card: bool = shown("The reader may know whether there is a card")
    may_exit: bool = shown("The reader may record that he leaves; he has not left yet")
    exits_url: str = shown("His exit settlement; empty while he has not left")
    refused: str = shown("Why the card or the exit was refused; empty otherwise")
    may_enrol: bool = shown("The reader works at the enrolment desk: a link leads to this worker's steps")
    may_correct: bool = shown("The reader may ask for a correction")
    may_phone: bool = shown("The reader may hand the worker his own page")
    may_pay: bool = shown("The reader may record a payment")
    payment_key: str = shown("Key of the payment form: sent twice, it is one payment")
    typed: Typed = shown("The payment form as it was typed")
    wrong: str = shown("Why the payment was refused; empty otherwise")


def worker(
    ask: Ask,
    typed: Typed | None = None,
    wrong: str = "",
    key: str = "",
    refused: str = "",
    beside_refused: beside.Refused = beside.NOTHING,
) -> WorkerContext:
    """Everything about one worker on one project."""
    project, worker_id = ask.project, ask.id("worker_id")
    own = people.workers(ask.db, project.id, today=ask.today, worker_id=worker_id)
    if not own:
        raise NotFound("worker_not_on_project")
    row = own[-1]
    terms = people.terms(ask.db, project.id, worker_id=worker_id)
    account = _account(ask, worker_id, terms)
    engagements = _engagements(own, terms)
    view = View.PROJECT if access.view_of(ask.person, project) == "staff" else View.BUREAU
    consent = people.latest_consent(ask.db, project.id, worker_id)
    zone = lambda at: workdays.local(at, ask.policy)  # noqa: E731 - a word for the lines below
    sums, month = account.sums, account.month
    chosen = next((line for line in sums if line.month == month), None)
    to_choose = sorted({month, workdays.month_of(ask.today), *(line.month for line in sums)}, reverse=True)
    return WorkerContext(
        project_id=project.id,
        worker_id=worker_id,
        today=zone(ask.now).date(),
        name=row.name,
        sex=row.sex,
        age=_age(row.birth_on, ask.today),
        current=engagements[-1],
        id_number=mask_id_number(_opened(ask, row, "id_number_sealed"), view),
        phone=mask_phone(_opened(ask, row, "phone_sealed"), view) if row.phone_sealed else "",
        has_template=row.has_template,
        enrolled=(workdays.local(made[0], ask.policy), made[1]) if (made := people.template_kept(ask.db, ask.project.id, row.worker_id)) else None,
        identity=(identity := checks.latest(ask.db, project.id, worker_id)),
        may_vouch=identity is not None and not identity.stands and identity.made_by != ask.person.login and ask.may("identity.override"),
        face_advice=tuple(faces.advice(ask.db, project.id, worker_id)),
        consent=ConsentLine(consent.given, consent.declined, zone(consent.at)) if consent else None,
        credentials=tuple(
            CredentialLine(c.channel, zone(c.issued_at))
            for c in paper_store.live_credentials(ask.db, project.id, worker_id)
        ),
        engagements=engagements,
        owed_fen=sum(line.owed_fen for line in sums),
        accrued_fen=sum(line.accrued_fen for line in sums),
        paid_fen=sum(line.paid_fen for line in sums),
        withheld_fen=sum(line.withheld_fen for line in sums),
        overpaid_fen=sum(line.overpaid_fen for line in sums),
        day_milli=sum(line.day_milli for line in sums),
        undecided_days=sum(line.undecided_days for line in sums),
        undecided_fen_max=sum(line.undecided_fen_max for line in sums),
        no_terms_days=sum(line.no_terms_days for line in sums),
        month=month,
        months=tuple(MonthChoice(m, with_query(_path(ask, worker_id), month=f"{m:%Y-%m}"), m == month) for m in to_choose),
        days=account.days,
        month_items=account.items,
        problems=account.problems,
        opened=account.opened,
        month_milli=sum(day.day_milli or 0 for day in account.days),
        month_accrued_fen=chosen.accrued_fen if chosen else 0,
        month_undecided=chosen.undecided_days if chosen else 0,
        month_undecided_fen=chosen.undecided_fen_max if chosen else 0,
        sums=tuple(
            MonthSum(
                line.month, line.accrued_fen, line.withheld_fen, line.paid_fen, line.owed_fen, line.overpaid_fen,
                line.undecided_days,
            )
            for line in sums
        ),
        payments=account.payments,
        besides=beside.gather(ask, worker_id, own[0].entry_on, beside_refused),
        card=_card(ask, worker_id) if ask.may("bank.read") else None,
        may_card=ask.may("bank.write"),
        reads_card=ask.may("bank.read"),
        may_exit=engagements[-1].exit_on is None and ask.may("papers.write"),
        exits_url=_exits(ask, row.engagement_id) if engagements[-1].exit_on is not None else "",
        refused=refused,
        may_enrol=ask.may("enrol"),
        may_correct=ask.may("corrections.request"),
        may_phone=ask.may("papers.write"),
        may_pay=ask.may("payments.write"),
        payment_key=key or f"page-{secrets.token_hex(12)}",
        typed=typed or Typed(),
        wrong=wrong,
    )


def _exits(ask: Ask, engagement_id: int, **query: object) -> str:
    return with_query(f"/projects/{ask.project.id}/exits", of=engagement_id, **query)


def _card(ask: Ask, worker_id: int) -> CardLine | None:
    found = held.cards(ask.db, [worker_id]).get(worker_id)
    return CardLine(found.bank_name, found.last4) if found else None


@dataclass(frozen=True)
class _Account:
    """What one worker is owed, and the days of the month he is asked about."""

    month: date
    sums: tuple[payroll.MonthAccount, ...]
    days: tuple[DayLine, ...]
    items: tuple[ItemLine, ...]
    problems: tuple[ProblemLine, ...]
    payments: tuple[Payment, ...]
    opened: OpenedDay | None = None


def _account(ask: Ask, worker_id: int, terms: Sequence[Terms]) -> _Account:
    """Read from the projection; worked out from the facts when a day is opened, or one waits for somebody."""
    return (None if ask.query.get("day") else _read(ask, worker_id, terms)) or _worked_out(ask, worker_id)


def _worked_out(ask: Ask, worker_id: int) -> _Account:
    sums = payroll.accounts_of(ask.db, ask.project.id, ask.now, worker_id=worker_id).get(worker_id, ())
    month = _month(ask, {line.month for line in sums})
    chosen = payroll.month_of_worker(ask.db, ask.project.id, worker_id, month, ask.now)
    return _Account(
        month=month,
        sums=sums,
        days=tuple(_day(ask, worker_id, explained) for explained in (chosen.days if chosen else ())),
        items=tuple(_item(ask, item) for item in (chosen.items if chosen else ())),
        problems=tuple(ProblemLine(code, on) for code, on in (chosen.problems if chosen else ())),
        payments=_payments(ask, worker_id),
        opened=_evidence(ask, chosen),
    )


def _read(ask: Ask, worker_id: int, terms: Sequence[Terms]) -> _Account | None:
    """The same from the rows of the projection; None when a day of the month is not settled.

    What an open day can be worth, and how long somebody inside has been there, are in no row.
    """
    db, project = ask.db, ask.project
    sums = payroll.accounts_of(db, project.id, ask.now, worker_id=worker_id).get(worker_id, ())
    month = _month(ask, {line.month for line in sums})
    days = []
    for line in projection.worker_days(db, project.id, worker_id, month, workdays.next_month(month), ask.now):
        accrual = line.detail.get("accrual")
        if accrual is None:
            continue
        agreed = [t for t in terms if t.engagement_id == line.engagement_id and t.covers(line.work_date)]
        if accrual != "earned" or line.state not in ("worked", "off") or line.engagement_id is None or len(agreed) > 1:
            return None
        days.append(_settled(ask, line, agreed[0] if agreed else None))
    wages = projection.worker_month(db, project.id, worker_id, month, ask.now)
    return _Account(
        month=month,
        sums=sums,
        days=tuple(days),
        items=tuple(_row_item(ask, item) for wage in wages for item in wage.detail["items"]),
        problems=tuple(
            ProblemLine(code, on and date.fromisoformat(on)) for wage in wages for code, on in wage.detail["problems"]
        ),
        payments=_payments(ask, worker_id),
    )


def _payments(ask: Ask, worker_id: int) -> tuple[Payment, ...]:
    """What he was paid until today, the newest first."""
    today = workdays.local(ask.now, ask.policy).date()
    paid = (p for p in money.payments(ask.db, ask.project.id, worker_id=worker_id) if p.paid_on <= today)
    return tuple(sorted(paid, key=lambda p: (p.paid_on, p.id), reverse=True))


def _row_item(ask: Ask, row: Mapping[str, Any]) -> ItemLine:
    names = ("quantity", "unit", "rate_fen", "per", "permille", "amount_fen", "terms_id")
    return _item(ask, WageItem(component=Component(row["component"]), work_date=None, **{name: row[name] for name in names}))


def _settled(ask: Ask, line: projection.DayLine, terms: Terms | None) -> DayLine:
    first, last = (at and workdays.local(at, ask.policy) for at in (line.first_in_at, line.last_out_at))
    detail = line.detail
    mark = detail.get("mark")
    filled = any(item["component"] == Component.PAID_ABSENCE for item in detail.get("items", ()))
    return DayLine(
        on=line.work_date,
        url=_day_url(ask, line.worker_id, line.work_date),
        kind=detail["kind"],
        pay=str(terms.kind) if terms else "",
        unit=terms.unit if terms else None,
        mark=MarkLine(mark["kind"], mark["pay_permille"] // 10) if mark and (filled or line.state == "off") else None,
        corrections=len(detail.get("corrections", ())),
        state=told_as(line.state, line.day_milli, came=first is not None),
        first_in_at=first,
        last_out_at=last,
        out_next_day=bool(last and last.date() > line.work_date),
        minutes=line.minutes,
        day_milli=line.day_milli,
        rate_fen=terms.rate_fen if terms else None,
        accrual=detail["accrual"],
        amount_fen=sum(item["amount_fen"] for item in detail.get("items", ())),
        amount_max_fen=None,
        missing=tuple(
            Missing(
                workdays.local(datetime.fromisoformat(loose["at"]), ask.policy), loose["reason"], Flag.OVERLONG in loose["flags"]
            )
            for loose in detail.get("loose", ())
        ),
        passages=len(detail["passages"]),
    )


def _day_url(ask: Ask, worker_id: int, on: date) -> str:
    return f"{_path(ask, worker_id)}?month={on:%Y-%m}&day={on}#d-{on}"


def _path(ask: Ask, worker_id: int) -> str:
    return f"/projects/{ask.project.id}/workers/{worker_id}"


def _month(ask: Ask, known: Collection[date]) -> date:
    asked = ask.query.get("month", "")
    if asked:
        return read_month(asked)
    this = workdays.month_of(ask.today)
    # On the first of a month there is nothing to read yet; the last month with work is what he comes to ask about.
    return this if this in known or not known else max(known)


def _age(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _opened(ask: Ask, row: people.RosterRow, column: str) -> str:
    return ask.state.vault.open(
        getattr(row, column), table="worker", column=column, owner=row.id_number_index
    ).decode()


def _engagements(own: Sequence[people.RosterRow], terms: Sequence[Terms]) -> tuple[EngagementLine, ...]:
    return tuple(
        EngagementLine(
            team=row.team_name,
            company=row.company_name,
            entry_on=row.entry_on,
            exit_on=row.exit_on,
            terms=tuple(
                TermLine(t.id, str(t.kind), t.rate_fen, t.unit, str(t.overtime_rule), t.valid_from, t.valid_to)
                for t in sorted(terms, key=lambda t: t.valid_from)
                if t.engagement_id == row.engagement_id
            ),
        )
        for row in own
    )


def _day(ask: Ask, worker_id: int, explained: payroll.DayWages) -> DayLine:
    day, accrual = explained.day, explained.accrual
    first = workdays.local(day.first_in_at, ask.policy) if day.first_in_at else None
    last = workdays.local(day.last_out_at, ask.policy) if day.last_out_at else None
    if first and last and last < first:
        # The exit of the date lies before its entry: neither closes the other.
        last = None if day.state is not DayState.WORKED else last
    return DayLine(
        on=day.work_date,
        url=_day_url(ask, worker_id, day.work_date),
        kind=str(explained.work.kind) if explained.work.kind else None,
        pay=str(explained.terms.kind) if explained.terms else "",
        unit=explained.terms.unit if explained.terms else None,
        mark=_mark(explained),
        corrections=len(explained.corrections),
        state=told_as(str(day.state), day.day_milli, came=first is not None),
        first_in_at=first,
        last_out_at=last,
        out_next_day=bool(last and last.date() > day.work_date),
        minutes=day.minutes_so_far if day.state is DayState.PRESENT else day.minutes,
        day_milli=day.day_milli,
        rate_fen=accrual.rate_fen,
        accrual=str(accrual.state),
        amount_fen=accrual.amount_fen,
        amount_max_fen=None if accrual.state is AccrualState.EARNED else accrual.amount_max_fen,
        missing=tuple(
            Missing(workdays.local(loose.at, ask.policy), str(loose.reason), Flag.OVERLONG in loose.flags)
            for loose in day.loose
        ),
        passages=len(day.passage_ids),
    )


def _item(ask: Ask, item: WageItem) -> ItemLine:
    return ItemLine(str(item.component), formula(item, ask.language), item.amount_fen)


def _mark(explained: payroll.DayWages) -> MarkLine | None:
    mark = explained.work.mark
    filled = any(item.component is Component.PAID_ABSENCE for item in explained.accrual.items)
    if mark is None or not (filled or explained.day.state is DayState.OFF):
        return None
    return MarkLine(str(mark.kind), mark.pay_permille // 10)


def _computed(work: WorkDay) -> ComputedLine | None:
    if not work.correction_ids or work.computed is None:
        return None
    return ComputedLine(str(work.computed.state), work.computed.minutes, work.computed.day_milli)


def _evidence(ask: Ask, chosen: payroll.MonthWages | None) -> OpenedDay | None:
    asked = ask.query.get("day", "")
    explained = next((d for d in (chosen.days if chosen else ()) if d.day.work_date.isoformat() == asked), None)
    if explained is None:
        return None
    reads = lines.Reader(
        ask.db, ask.project.id, ask.policy, today=ask.today, view="staff", links=False, language=ask.language
    )
    records = [gates.passage(ask.db, ask.project.id, p.id) for p in explained.passages]
    zone = lambda at: workdays.local(at, ask.policy) if at else None  # noqa: E731 - a word for the lines below
    return OpenedDay(
        on=explained.day.work_date,
        items=tuple(_item(ask, item) for item in explained.accrual.items),
        corrections=tuple(
            CorrectionLine(c.id, str(c.kind), zone(c.in_at), zone(c.out_at), c.minutes, c.day_milli)
            for c in explained.corrections
        ),
        computed=_computed(explained.work),
        sessions=tuple(
            SessionLine(
                workdays.local(s.in_at, ask.policy), workdays.local(s.out_at, ask.policy), s.minutes, Flag.SHORT in s.flags
            )
            for s in explained.day.sessions
        ),
        lines=reads.lines(records),
        terms_id=explained.terms.id if explained.terms else None,
        terms_from=explained.terms.valid_from if explained.terms else None,
    )


# --- a payment -----------------------------------------------------------------------------------------------


def pay(ask: Ask, values: FormData) -> str | Response:
    """Record a payment; a refused one comes back with what was typed and why."""
    worker_id = ask.id("worker_id")
    typed = Typed(*(lines.form(values, name)[:100] for name in ("amount", "paid_on", "for_month", "channel", "reference")))
    key = lines.form(values, "key")
    try:
        recorded = payroll.record_payment(
            ask.db,
            project_id=ask.project.id,
            worker_id=worker_id,
            amount_fen=_fen(typed.amount),
            paid_on=_date(typed.paid_on),
            for_month=read_month(typed.for_month),
            channel=typed.channel,
            reference=typed.reference or None,
            idempotency_key=key,
            by=ask.person.login,
            now=ask.now,
        )
    except (BadRequest, Conflict) as error:
        return _refused(ask, typed, error, key)
    done = "paid" if recorded.created else "paid_before"
    return with_query(_path(ask, worker_id), month=typed.for_month, done=done) + "#h-payments"


def _refused(ask: Ask, typed: Typed, error: ServiceError, key: str) -> Response:
    said = ask.why(error)
    # A key that is taken belongs to another payment: this one needs its own.
    context = worker(ask, typed, said, "" if error.code == "payment_conflict" else key)
    frame = shell(
        ask.request,
        title=PAGE_WORKER.title,
        language=ask.language,
        person=ask.person,
        project=ask.project,
        menu=(MenuItem(ask.say("名册"), f"/projects/{ask.project.id}/workers", True),),
    )
    return page.render(PAGE_WORKER.template, ask.language, frame, context, 422)


def _fen(text: str) -> int:
    match = AMOUNT.fullmatch(text.replace(",", "").replace("，", "").strip("¥ "))
    if match is None:
        raise BadRequest("amount_wrong", limit_fen=payroll.AMOUNT_FEN_LIMIT)
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequest("paid_on_out_of_range") from None


def vouch(ask: Ask, values: FormData) -> str:
    """Somebody vouches for him although the comparison with his identity card said otherwise."""
    worker_id = ask.id("worker_id")
    latest = checks.latest(ask.db, ask.project.id, worker_id)
    if latest is None:
        raise NotFound("identity_check_unknown")
    verification.override(
        ask.db, project_id=ask.project.id, check_id=latest.id, reason=lines.form(values, "reason"), by=ask.person.login, now=ask.now
    )
    return with_query(_path(ask, worker_id), done="vouched")


def _again(ask: Ask, why: str) -> WorkerContext:
    return worker(ask, refused=why)


def _take_card(ask: Ask, values: FormData) -> str:
    worker_id = ask.id("worker_id")
    taken = bank.set_card(
        ask.db, ask.state.vault, project_id=ask.project.id, worker_id=worker_id, number=lines.form(values, "number"),
        bank_name=lines.form(values, "bank"), by=ask.person.login, now=ask.now,
    )  # fmt: skip
    return with_query(_path(ask, worker_id), done="card_odd" if taken.warnings else "card_kept") + "#h-who"


def _leave(ask: Ask, values: FormData) -> str:
    engagement_id = papers.exit_worker(
        ask.db, project_id=ask.project.id, worker_id=ask.id("worker_id"), exit_on=filled.day(lines.form(values, "exit_on"), "exit_on"),
        by=ask.person.login, now=ask.now,
    )  # fmt: skip
    return _exits(ask, engagement_id, done="left")


def _beside(form: str, do: Callable[[Ask, FormData], str]) -> Callable[[Ask, FormData], str | Again]:
    """What ``do`` does, back on the page; a refused form comes back filled in, and a paper that came with it is not kept."""

    def act(ask: Ask, values: FormData) -> str | Again:
        try:
            with ask.db.begin_nested():
                done = do(ask, values)
        except ServiceError as error:
            return Again(PAGE_WORKER, worker(ask, beside_refused=beside.refused(ask, values, form, error)), error.status)
        return with_query(_path(ask, ask.id("worker_id")), done=done) + "#h-beside"

    return act


PAGE_WORKER = Page(
    "/projects/{project_id:int}/workers/{worker_id:int}", marked("工人"), "worker.html", "wages.read", WorkerContext, worker
)
CARD = Act(PAGE_WORKER.path + "/card", "bank.write", or_again(PAGE_WORKER, _again, _take_card))
LEAVE = Act(PAGE_WORKER.path + "/exit", "papers.write", or_again(PAGE_WORKER, _again, _leave))
VOUCH = Act("/projects/{project_id:int}/workers/{worker_id:int}/identity", "identity.override", vouch)
PAY = Act("/projects/{project_id:int}/workers/{worker_id:int}/payments", "payments.write", pay)

BESIDE = (
    Act(PAGE_WORKER.path + "/advances", "payments.write", _beside("advance", beside.advance)),
    Act(PAGE_WORKER.path + "/deductions", "terms.write", _beside("deduction", beside.deduction)),
    Act(PAGE_WORKER.path + "/allowances", "terms.write", _beside("allowance", beside.allowance)),
    Act(PAGE_WORKER.path + "/allowances/end", "terms.write", _beside("end", beside.end_allowance)),
    Act(PAGE_WORKER.path + "/voidings", "terms.write", _beside("void", beside.void)),
)
