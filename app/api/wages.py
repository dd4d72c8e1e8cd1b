"""Attendance, wages and payments of a project. Money is integer fen (1 yuan = 100 fen), man-days are thousandths.

    GET  /v1/projects/{id}/headcount
    GET  /v1/projects/{id}/days?month=2026-03
    GET  /v1/projects/{id}/wages?as_of=
    GET  /v1/projects/{id}/workers/{worker_id}/wages?as_of=
    POST /v1/projects/{id}/payments                          with an Idempotency-Key
    POST /v1/projects/{id}/payments/{payment_id}/reverse
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt

from app import access, payroll
from app.api.access import (
    NOBODY,
    NOT_ALLOWED,
    ROW_ID_MAX,
    UNKNOWN_PROJECT,
    Now,
    Someone,
    refusals,
)
from app.db import Reading, Tx
from app.domain.facts import Payment, Terms
from app.domain.timesheet import WorkDay
from app.domain.wages import WageItem
from app.errors import BadRequest
from app.fields import read_month
from app.wording.wages import formula

router = APIRouter(tags=["wages"])

ProjectId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the project", examples=[1])]
WorkerId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the worker", examples=[7])]

EARLIEST_AT = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(minutes=5)
"""A caller's clock may be this far ahead of ours before it asks about the future."""


async def _as_of(
    now: Now,
    as_of: Annotated[
        AwareDatetime | None, Query(description="Instant the answer is for; now when absent", examples=["2026-03-31T12:00:00Z"])
    ] = None,
) -> datetime:
    if as_of is None:
        return now
    if as_of < EARLIEST_AT:
        raise BadRequest("as_of_out_of_range")
    if as_of > now + CLOCKS_APART:
        raise BadRequest("as_of_in_future")
    return as_of.astimezone(UTC)


AsOf = Annotated[datetime, Depends(_as_of)]


class HeadcountOut(BaseModel):
    """Three answers to "how many people?"."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"as_of": "2026-03-31T02:00:00Z", "on_site": 118, "came_today": 121, "roster": 140}}
    )
    as_of: datetime
    on_site: int = Field(description="Inside now (在场)")
    came_today: int = Field(description="Passed a gate today (今日到岗)")
    roster: int = Field(description="Engaged today (在册)")


class MarkOut(BaseModel):
    """Why nobody was expected."""

    id: int
    kind: str
    pay_permille: int = Field(description="Share of a day's wage paid all the same, in thousandths")


class ComputedOut(BaseModel):
    """A day by the gates alone."""

    state: str
    minutes: int
    day_milli: int | None
    overtime_minutes: int


class DayOut(BaseModel):
    """One worker on one work date."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "worker_id": 7,
                "work_date": "2026-03-03",
                "state": "worked",
                "minutes": 540,
                "day_milli": 1000,
                "overtime_minutes": 60,
                "first_in_at": "2026-03-03T00:00:00Z",
                "last_out_at": "2026-03-03T09:00:00Z",
                "passage_ids": [101, 164],
                "flags": [],
                "kind": "workday",
                "night_minutes": 0,
                "mark": None,
                "correction_ids": [],
                "computed": None,
            }
        }
    )
    worker_id: int
    work_date: date
    state: str = Field(
        description="worked, undecided (a person must decide), present (on site now) or off (nobody came, and a mark says why)"
    )
    minutes: int
    day_milli: int | None = Field(description="Thousandths of a man-day; null while the day is not settled")
    overtime_minutes: int
    first_in_at: datetime | None
    last_out_at: datetime | None
    passage_ids: list[int]
    flags: list[str]
    kind: str | None = Field(description="workday, makeup, rest, adjust_rest or statutory; null without a calendar")
    night_minutes: int
    mark: MarkOut | None = Field(description="Leave, stoppage, rain or rest that holds on the date")
    correction_ids: list[int]
    computed: ComputedOut | None = Field(description="What the gates alone say, where a correction says otherwise")


class WageRowOut(BaseModel):
    """What one worker has earned, received and still has to get."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "worker_id": 7,
                "name": "王建国",
                "team": "钢筋一班",
                "day_milli": 21500,
                "undecided_days": 1,
                "no_terms_days": 0,
                "accrued_fen": 860000,
                "paid_fen": 600000,
                "owed_fen": 260000,
                "overpaid_fen": 0,
                "withheld_fen": 0,
            }
        },
    )
    worker_id: int
    name: str
    team: str
    day_milli: int
    undecided_days: int
    no_terms_days: int
    accrued_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int
    withheld_fen: int = Field(description="Deducted, or taken back for advances, on posted lines")


class WagesOut(BaseModel):
    """Wages of a project."""

    as_of: datetime
    rows: list[WageRowOut]


class EvidenceOut(BaseModel):
    """A fact by its kind and id."""

    kind: str = Field(description="passage, correction, mark, measure or allowance")
    id: int


class PassageOut(BaseModel):
    """A passage that shows a day's work."""

    id: int
    occurred_at: datetime
    direction: str
    gate_id: int
    channel: str


class SessionOut(BaseModel):
    """An entry and the exit that closes it."""

    in_at: datetime
    out_at: datetime
    minutes: int
    passage_ids: list[int]
    flags: list[str]


class LooseOut(BaseModel):
    """A passage without its other half: a person must decide the day."""

    at: datetime
    reason: str
    passage_ids: list[int]


class TermsOut(BaseModel):
    """The terms that priced a day."""

    id: int
    kind: str = Field(description="day, hour, month or piece")
    rate_fen: int = Field(description="Fen a man-day, hour, month or unit")
    overtime_rule: str
    hours_system: str
    relation: str
    valid_from: date
    valid_to: date | None


class ItemOut(BaseModel):
    """A wage item: quantity x rate / per x permille / 1000, rounded half up to a whole fen, once."""

    component: str = Field(
        description="base, rest_day, statutory_day, overtime, overtime_rest, overtime_statutory, overtime_units, paid_absence, piece, floor or allowance"
    )
    work_date: date | None = Field(description="null: of the whole month")
    quantity: int
    unit: str = Field(description="milli_day, minute, quarter_minute, share or once")
    rate_fen: int
    per: int
    permille: int
    amount_fen: int
    formula: str = Field(description="The same in words", examples=["2.0 h × 50.00 × 150 %"])
    terms_id: int | None
    evidence: list[EvidenceOut] = Field(description="What it rests on: passages, corrections, marks, measured work")


class MeasureOut(BaseModel):
    """Measured work that an item is a share of."""

    id: int
    item: str
    unit: str
    quantity_milli: int
    unit_price_fen: int
    percent: int
    split_by: str
    accepted: bool | None


class ProblemOut(BaseModel):
    """What keeps a month from being signed, or should be looked at."""

    code: str
    on: date | None


class CorrectionOut(BaseModel):
    """An approved correction of a day."""

    id: int
    kind: str
    in_at: datetime | None
    out_at: datetime | None
    passage_id: int | None
    minutes: int | None
    day_milli: int | None


class PaymentOut(BaseModel):
    """Money a worker received; negative: money that came back."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": 31,
                "worker_id": 7,
                "amount_fen": 600000,
                "paid_on": "2026-04-10",
                "for_month": "2026-03-01",
                "channel": "bank",
                "reverses_id": None,
            }
        },
    )
    id: int
    worker_id: int
    amount_fen: int
    paid_on: date
    for_month: date
    channel: str
    reverses_id: int | None


class DayWagesOut(BaseModel):
    """One day: its amount is the sum of its items, each rounded half up to a whole fen."""

    work_date: date
    engagement_id: int | None
    kind: str | None = Field(description="Of the date, by the calendar")
    state: str = Field(description="earned, undecided, present, no_terms, several_terms or no_calendar")
    minutes: int
    day_milli: int | None
    overtime_minutes: int
    rate_fen: int | None
    amount_fen: int
    amount_max_fen: int | None
    items: list[ItemOut]
    mark: MarkOut | None
    corrections: list[CorrectionOut]
    computed: ComputedOut | None
    sessions: list[SessionOut]
    loose: list[LooseOut]
    passages: list[PassageOut]
    terms: TermsOut | None


class MonthWagesOut(BaseModel):
    """One month: days and items add up to ``accrued_fen``. What is owed is the month's own: another month's surplus
    never pays for it."""

    month: date
    accrued_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int
    undecided_days: int
    days: list[DayWagesOut]
    items: list[ItemOut] = Field(description="Of the whole month: monthly wage, its overtime, piece work, allowances")
    measures: list[MeasureOut]
    problems: list[ProblemOut]
    payments: list[PaymentOut]


class WorkerWagesOut(BaseModel):
    """Why the sum is what it is."""

    as_of: datetime
    time_zone: str
    policy_version: int
    sums: WageRowOut
    months: list[MonthWagesOut]


class PaymentIn(BaseModel):
    """Money a worker received."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "worker_id": 7,
                "amount_fen": 600000,
                "paid_on": "2026-04-10",
                "for_month": "2026-03",
                "channel": "bank",
                "reference": "20260410-0031",
            }
        }
    )
    worker_id: int = Field(ge=1, le=ROW_ID_MAX)
    amount_fen: StrictInt = Field(description="Fen, above 0 and below 100,000,000; never a fraction")
    paid_on: date
    for_month: str = Field(max_length=10, description="Month the money is for", examples=["2026-03"])
    channel: str = Field(max_length=8, description="bank (a transfer beside the special account, 专户外) or cash (现金)")
    reference: str | None = Field(None, max_length=200, description="Of the bank or the receipt")


class ReversalIn(BaseModel):
    """A transfer that came back."""

    model_config = ConfigDict(json_schema_extra={"example": {"returned_on": "2026-04-12"}})
    returned_on: date | None = Field(None, description="Today when absent")


@router.get(
    "/v1/projects/{project_id}/headcount", summary="Headcount", responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT)
)
def headcount(person: Someone, db: Reading, project_id: ProjectId, as_of: AsOf) -> HeadcountOut:
    """On site, came today, on the roster: three numbers that are often mixed up."""
    access.require_on(db, person, "gate.watch", project_id)
    counted = payroll.headcount_of(db, project_id, as_of)
    return HeadcountOut(
        as_of=as_of, on_site=len(counted.on_site), came_today=len(counted.came_today), roster=len(counted.roster)
    )


@router.get(
    "/v1/projects/{project_id}/days",
    summary="Days of a month",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (400, "month_malformed")),
)
def list_days(
    person: Someone,
    db: Reading,
    project_id: ProjectId,
    month: Annotated[str, Query(max_length=10, examples=["2026-03"])],
    as_of: AsOf,
) -> list[DayOut]:
    """One line a worker and work date, in that order."""
    access.require_on(db, person, "attendance.read", project_id)
    return [_day_out(w) for w in payroll.work_days_of(db, project_id, read_month(month), as_of)]


@router.get(
    "/v1/projects/{project_id}/wages",
    summary="Wages of a project",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (400, "as_of_in_future")),
)
def project_wages(person: Someone, db: Reading, project_id: ProjectId, as_of: AsOf) -> WagesOut:
    """One row a worker, from the first day of the project to ``as_of``."""
    access.require_on(db, person, "wages.read", project_id)
    rows = payroll.wages_of_project(db, project_id, as_of)
    return WagesOut(as_of=as_of, rows=[WageRowOut.model_validate(row) for row in rows])


@router.get(
    "/v1/projects/{project_id}/workers/{worker_id}/wages",
    summary="Why is this the sum?",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (404, "worker_not_on_project")),
)
def worker_wages(person: Someone, db: Reading, project_id: ProjectId, worker_id: WorkerId, as_of: AsOf) -> WorkerWagesOut:
    """One worker's months, items, days, sessions, passages, corrections, terms and payments, each with its id."""
    access.require_on(db, person, "wages.read", project_id)
    told = payroll.wages_of_worker(db, project_id, worker_id, as_of)
    return WorkerWagesOut(
        as_of=told.as_of,
        time_zone=told.time_zone,
        policy_version=told.policy_version,
        sums=WageRowOut.model_validate(told.row),
        months=[_month_out(m, person.language) for m in told.months],
    )


@router.post(
    "/v1/projects/{project_id}/payments",
    summary="Record a payment",
    status_code=201,
    responses={
        200: {"description": "The same key came before with the same content: the first payment.", "model": PaymentOut},
        **refusals(
            NOBODY,
            NOT_ALLOWED,
            UNKNOWN_PROJECT,
            (400, "amount_wrong"),
            (400, "paid_on_in_future"),
            (400, "key_malformed"),
            (404, "worker_not_on_project"),
            (409, "payment_conflict"),
        ),
    },
)
def add_payment(
    person: Someone,
    db: Tx,
    response: Response,
    project_id: ProjectId,
    body: PaymentIn,
    now: Now,
    idempotency_key: Annotated[
        str, Header(description="Made by the caller before the first try; the same key is the same payment", examples=["pay-2026-04-10-0031"])
    ],
) -> PaymentOut:
    """Record money a worker received outside the special account. Sent again with the same key after a lost answer, it
    is recorded once."""
    access.require_on(db, person, "payments.write", project_id)
    recorded = payroll.record_payment(
        db,
        project_id=project_id,
        worker_id=body.worker_id,
        amount_fen=body.amount_fen,
        paid_on=body.paid_on,
        for_month=read_month(body.for_month),
        channel=body.channel,
        reference=body.reference,
        idempotency_key=idempotency_key,
        by=person.login,
        now=now,
    )
    return _payment_out(recorded, response)


@router.post(
    "/v1/projects/{project_id}/payments/{payment_id}/reverse",
    summary="A payment came back",
    status_code=201,
    responses={
        200: {"description": "It was reversed before: that reversal.", "model": PaymentOut},
        **refusals(
            NOBODY,
            NOT_ALLOWED,
            UNKNOWN_PROJECT,
            (404, "payment_unknown"),
            (409, "payment_is_reversal"),
            (409, "payment_of_batch"),
            (409, "payment_conflict"),
        ),
    },
)
def reverse_payment(
    person: Someone,
    db: Tx,
    response: Response,
    project_id: ProjectId,
    payment_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)],
    now: Now,
    body: ReversalIn | None = None,
) -> PaymentOut:
    """A second payment, negative, that names the first. A payment is reversed once, however often this is sent."""
    access.require_on(db, person, "payments.write", project_id)
    recorded = payroll.reverse_payment(
        db,
        project_id=project_id,
        payment_id=payment_id,
        returned_on=body.returned_on if body else None,
        by=person.login,
        now=now,
    )
    return _payment_out(recorded, response)


def _payment_out(recorded: payroll.Recorded, response: Response) -> PaymentOut:
    if not recorded.created:
        response.status_code = 200
    return PaymentOut.model_validate(recorded.payment)


def _day_out(work: WorkDay) -> DayOut:
    day = work.day
    return DayOut(
        worker_id=day.worker_id,
        work_date=day.work_date,
        state=day.state,
        minutes=day.minutes,
        day_milli=day.day_milli,
        overtime_minutes=day.overtime_minutes,
        first_in_at=day.first_in_at,
        last_out_at=day.last_out_at,
        passage_ids=list(day.passage_ids),
        flags=list(day.flags),
        kind=work.kind,
        night_minutes=work.night_minutes,
        mark=_mark_out(work),
        correction_ids=list(work.correction_ids),
        computed=_computed_out(work),
    )


def _mark_out(work: WorkDay) -> MarkOut | None:
    mark = work.mark
    return None if mark is None else MarkOut(id=mark.id, kind=mark.kind, pay_permille=mark.pay_permille)


def _computed_out(work: WorkDay) -> ComputedOut | None:
    by_gate = work.computed
    if by_gate is None or not work.correction_ids:
        return None
    return ComputedOut(
        state=by_gate.state,
        minutes=by_gate.minutes,
        day_milli=by_gate.day_milli,
        overtime_minutes=by_gate.overtime_minutes,
    )


def _item_out(item: WageItem, language: str) -> ItemOut:
    return ItemOut(
        component=item.component,
        work_date=item.work_date,
        quantity=item.quantity,
        unit=item.unit,
        rate_fen=item.rate_fen,
        per=item.per,
        permille=item.permille,
        amount_fen=item.amount_fen,
        formula=formula(item, language),
        terms_id=item.terms_id,
        evidence=[EvidenceOut(kind=kind, id=id_) for kind, id_ in item.evidence],
    )


def _month_out(month: payroll.MonthWages, language: str) -> MonthWagesOut:
    sums = month.owed
    return MonthWagesOut(
        month=month.month,
        accrued_fen=sums.accrued_fen,
        withheld_fen=sums.withheld_fen,
        paid_fen=sums.paid_fen,
        owed_fen=sums.owed_fen,
        overpaid_fen=sums.overpaid_fen,
        undecided_days=sums.undecided_days,
        days=[_day_wages_out(d, language) for d in month.days],
        items=[_item_out(i, language) for i in month.items],
        measures=[
            MeasureOut(
                id=m.id, item=m.item, unit=m.unit, quantity_milli=m.quantity_milli, unit_price_fen=m.unit_price_fen,
                percent=m.percent, split_by=m.split_by, accepted=m.accepted,
            )
            for m in month.measures
        ],
        problems=[ProblemOut(code=code, on=on) for code, on in month.problems],
        payments=[_plain_payment(p) for p in month.payments],
    )  # fmt: skip


def _plain_payment(payment: Payment) -> PaymentOut:
    return PaymentOut.model_validate(payment)


def _terms_out(terms: Terms) -> TermsOut:
    return TermsOut(
        id=terms.id,
        kind=terms.kind,
        rate_fen=terms.rate_fen,
        overtime_rule=terms.overtime_rule,
        hours_system=terms.hours_system,
        relation=terms.relation,
        valid_from=terms.valid_from,
        valid_to=terms.valid_to,
    )


def _day_wages_out(line: payroll.DayWages, language: str) -> DayWagesOut:
    return DayWagesOut(
        work_date=line.accrual.work_date,
        engagement_id=line.accrual.engagement_id,
        kind=line.work.kind,
        state=line.accrual.state,
        minutes=line.day.minutes,
        day_milli=line.accrual.day_milli,
        overtime_minutes=line.day.overtime_minutes,
        rate_fen=line.accrual.rate_fen,
        amount_fen=line.accrual.amount_fen,
        amount_max_fen=line.accrual.amount_max_fen,
        items=[_item_out(i, language) for i in line.accrual.items],
        mark=_mark_out(line.work),
        corrections=[
            CorrectionOut(
                id=c.id, kind=c.kind, in_at=c.in_at, out_at=c.out_at, passage_id=c.passage_id, minutes=c.minutes,
                day_milli=c.day_milli,
            )
            for c in line.corrections
        ],
        computed=_computed_out(line.work),
        sessions=[
            SessionOut(in_at=s.in_at, out_at=s.out_at, minutes=s.minutes, passage_ids=list(s.passage_ids), flags=list(s.flags))
            for s in line.day.sessions
        ],
        loose=[LooseOut(at=p.at, reason=p.reason, passage_ids=list(p.passage_ids)) for p in line.day.loose],
        passages=[
            PassageOut(
                id=p.id, occurred_at=p.occurred_at, direction=p.direction, gate_id=p.gate_id, channel=p.channel
            )
            for p in line.passages
        ],
        terms=None if line.terms is None else _terms_out(line.terms),
    )  # fmt: skip
