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
from app.domain.attendance import Day
from app.domain.facts import Payment
from app.domain.workdays import parse_month
from app.errors import BadRequest

router = APIRouter(tags=["wages"])

ProjectId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the project", examples=[1])]
WorkerId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the worker", examples=[7])]

EARLIEST_AT = datetime(2000, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(minutes=5)
"""A caller's clock may be this far ahead of ours before it asks about the future."""


def _as_of(
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


def month_of_text(text: str) -> date:
    """``2026-03`` as the first day of that month.

    Raises:
        BadRequest: ``month_malformed`` or ``month_out_of_range``.
    """
    try:
        month = parse_month(text)
    except ValueError:
        raise BadRequest("month_malformed") from None
    if not payroll.EARLIEST <= month < payroll.LATEST:
        raise BadRequest("month_out_of_range")
    return month


class HeadcountOut(BaseModel):
    """Three answers to "how many people?"."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"as_of": "2026-03-31T02:00:00Z", "on_site": 118, "came_today": 121, "roster": 140}}
    )
    as_of: datetime
    on_site: int = Field(description="Inside now (在场)")
    came_today: int = Field(description="Passed a gate today (今日到岗)")
    roster: int = Field(description="Engaged today (在册)")


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
            }
        }
    )
    worker_id: int
    work_date: date
    state: str = Field(description="worked, undecided (a person must decide) or present (on site now)")
    minutes: int
    day_milli: int | None = Field(description="Thousandths of a man-day; null while the day is not settled")
    overtime_minutes: int
    first_in_at: datetime | None
    last_out_at: datetime | None
    passage_ids: list[int]
    flags: list[str]


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


class WagesOut(BaseModel):
    """Wages of a project."""

    as_of: datetime
    rows: list[WageRowOut]


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
    rate_fen: int = Field(description="Fen a man-day")
    valid_from: date
    valid_to: date | None


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
    """One day: amount = rate x man-day, rounded half up to a whole fen."""

    work_date: date
    state: str = Field(description="earned, undecided, present, no_terms or several_terms")
    minutes: int
    day_milli: int | None
    rate_fen: int | None
    amount_fen: int
    sessions: list[SessionOut]
    loose: list[LooseOut]
    passages: list[PassageOut]
    terms: TermsOut | None


class MonthWagesOut(BaseModel):
    """One month. What is owed is the month's own: another month's surplus never pays for it."""

    month: date
    accrued_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int
    undecided_days: int
    days: list[DayWagesOut]
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
    channel: str = Field(max_length=8, description="bank (专户代发) or cash (现金)")
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
    return [_day_out(d) for d in payroll.attendance_of(db, project_id, month_of_text(month), as_of)]


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
    """One worker's months, days, sessions, passages, terms and payments, each with its id."""
    access.require_on(db, person, "wages.read", project_id)
    told = payroll.wages_of_worker(db, project_id, worker_id, as_of)
    return WorkerWagesOut(
        as_of=told.as_of,
        time_zone=told.time_zone,
        policy_version=told.policy_version,
        sums=WageRowOut.model_validate(told.row),
        months=[_month_out(m) for m in told.months],
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
    """Record money a worker received. Sent again with the same key after a lost answer, it is recorded once."""
    access.require_on(db, person, "payments.write", project_id)
    recorded = payroll.record_payment(
        db,
        project_id=project_id,
        worker_id=body.worker_id,
        amount_fen=body.amount_fen,
        paid_on=body.paid_on,
        for_month=month_of_text(body.for_month),
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


def _day_out(day: Day) -> DayOut:
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
    )


def _month_out(month: payroll.MonthWages) -> MonthWagesOut:
    sums = month.owed
    return MonthWagesOut(
        month=month.month,
        accrued_fen=sums.accrued_fen,
        paid_fen=sums.paid_fen,
        owed_fen=sums.owed_fen,
        overpaid_fen=sums.overpaid_fen,
        undecided_days=sums.undecided_days,
        days=[_day_wages_out(d) for d in month.days],
        payments=[_plain_payment(p) for p in month.payments],
    )


def _plain_payment(payment: Payment) -> PaymentOut:
    return PaymentOut.model_validate(payment)


def _day_wages_out(line: payroll.DayWages) -> DayWagesOut:
    return DayWagesOut(
        work_date=line.accrual.work_date,
        state=line.accrual.state,
        minutes=line.day.minutes,
        day_milli=line.accrual.day_milli,
        rate_fen=line.accrual.rate_fen,
        amount_fen=line.accrual.amount_fen,
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
        terms=None
        if line.terms is None
        else TermsOut(
            id=line.terms.id,
            rate_fen=line.terms.rate_fen,
            valid_from=line.terms.valid_from,
            valid_to=line.terms.valid_to,
        ),
    )
