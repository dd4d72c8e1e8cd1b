"""Payments, and why a sum is what it is."""

import random
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app import ledger, payroll, projection
from app.domain.attendance import headcount
from app.domain.timesheet import pairing_of
from app.domain.workdays import month_of, work_date
from app.errors import BadRequest, Conflict, NotFound
from app.pages import workers
from app.pages.page import policy_of
from app.store import money, people, terms, timekeeping
from app.store import projection as projected_rows
from app.tables import JournalEntry
from tests.cast import RATE_FEN, add_member, id_number, pass_through
from tests.payday import Payday

MARCH = date(2026, 3, 1)
APRIL = date(2026, 4, 1)


def at(day: int, clock: str, month: int = 3) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)


def work(db, site, member, day: int, come: str = "08:00", go: str | None = "17:00", month: int = 3):
    """A day at the gates; ``go`` None: the exit was missed."""
    pass_through(db, site, "in", member.id, at(day, come, month))
    if go:
        pass_through(db, site, "out", member.id, at(day, go, month))


@pytest.fixture
def pay(database, people_on_site, now):
    def call(**values):
        values = {
            "project_id": people_on_site.a.id, "worker_id": people_on_site.wang.id, "amount_fen": 500_00,
            "paid_on": date(2026, 3, 31), "for_month": MARCH, "channel": "bank", "reference": "0331-01",
            "idempotency_key": "pay-0001", "by": "wu", "now": now,
        } | values  # fmt: skip
        with database.write() as db:
            return payroll.record_payment(db, **values)

    return call


@pytest.fixture
def reverse(database, people_on_site, now):
    def call(payment_id, **values):
        values = {"project_id": people_on_site.a.id, "by": "wu", "now": now} | values
        with database.write() as db:
            return payroll.reverse_payment(db, payment_id=payment_id, **values)

    return call


def journal(database) -> list:
    with database.read() as db:
        return db.execute(sa.select(JournalEntry.action, JournalEntry.object, JournalEntry.facts)).all()


# --- payments ------------------------------------------------------------------------------------------------


def test_a_payment_is_recorded_and_journalled(database, pay):
    recorded = pay()
    assert recorded.created
    assert (recorded.payment.amount_fen, recorded.payment.for_month, recorded.payment.channel) == (500_00, MARCH, "bank")
    assert journal(database) == [("payment_recorded", f"payment:{recorded.payment.id}", {})]


def test_the_same_key_with_the_same_content_is_one_payment(database, pay):
    first, second = pay(), pay()
    assert (second.payment, second.created) == (first.payment, False)
    assert len(journal(database)) == 1


@pytest.mark.parametrize(
    "other",
    [{"amount_fen": 500_01}, {"paid_on": date(2026, 3, 30)}, {"for_month": date(2026, 2, 1)}, {"channel": "cash"}, {"reference": "0331-02"}],
)
def test_the_same_key_with_other_content_is_refused(pay, other):
    pay()
    with pytest.raises(Conflict) as refused:
        pay(**other)
    assert refused.value.code == "payment_conflict"


def test_two_projects_may_use_the_same_key(pay, people_on_site):
    first = pay()
    second = pay(project_id=people_on_site.b.id, worker_id=people_on_site.zhao.id)
    assert first.payment.id != second.payment.id and second.created


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"amount_fen": 0}, "amount_wrong"),
        ({"amount_fen": -1}, "amount_wrong"),
        ({"amount_fen": 1_000_000_00}, "amount_wrong"),
        ({"amount_fen": 500.0}, "amount_wrong"),
        ({"amount_fen": True}, "amount_wrong"),
        ({"for_month": APRIL}, "month_in_future"),
        ({"for_month": date(1999, 12, 1)}, "month_out_of_range"),
        ({"paid_on": date(2026, 4, 1)}, "paid_on_in_future"),
        ({"paid_on": date(1, 1, 1)}, "paid_on_out_of_range"),
        ({"paid_on": date(9999, 12, 31)}, "paid_on_in_future"),
        ({"channel": "shells"}, "payment_channel_unknown"),
        ({"reference": "x" * 101}, "reference_wrong"),
        ({"reference": "a\x00b"}, "reference_wrong"),
        ({"reference": "a\ud800"}, "reference_wrong"),
        ({"idempotency_key": "short"}, "key_malformed"),
        ({"idempotency_key": "x" * 97}, "key_malformed"),
        ({"idempotency_key": "支付支付支付支付"}, "key_malformed"),
        ({"idempotency_key": "reverse:1"}, "key_malformed"),
    ],
)
def test_a_payment_that_cannot_be(database, pay, values, code):
    with pytest.raises(BadRequest) as refused:
        pay(**values)
    assert refused.value.code == code
    assert journal(database) == []


def test_the_largest_and_the_smallest_payment_are_taken(pay):
    assert pay(amount_fen=1, idempotency_key="smallest").created
    assert pay(amount_fen=999_999_99, idempotency_key="largest-one").created


def test_today_is_the_projects_own(pay, now):
    # 16:30 UTC on the 31st is half past midnight on 1 April in Shanghai.
    after_midnight = now.replace(hour=16, minute=30)
    assert pay(paid_on=date(2026, 4, 1), for_month=APRIL, now=after_midnight).created
    with pytest.raises(BadRequest):
        pay(paid_on=date(2026, 4, 1), now=now, idempotency_key="pay-0002")


def test_only_who_was_engaged_on_the_project_is_paid_by_it(pay, people_on_site):
    for worker_id in (people_on_site.zhao.id, 999):
        with pytest.raises(NotFound) as refused:
            pay(worker_id=worker_id)
        assert refused.value.code == "worker_not_on_project"


def test_somebody_who_has_left_is_still_paid(database, pay, people_on_site):
    with database.write() as db:
        people.exit_engagement(db, people_on_site.wang.engagement_id, date(2026, 3, 20))
    assert pay().created


def test_a_returned_transfer_is_a_second_payment_that_names_the_first(database, pay, reverse):
    first = pay().payment
    back = reverse(first.id)
    assert back.created
    assert (back.payment.amount_fen, back.payment.reverses_id, back.payment.for_month) == (-500_00, first.id, MARCH)
    assert journal(database)[-1] == ("payment_reversed", f"payment:{back.payment.id}", {"reverses_id": first.id})


def test_a_payment_is_reversed_once_however_often_it_is_asked(pay, reverse, now):
    first = pay().payment
    assert reverse(first.id).payment == reverse(first.id, now=now + timedelta(days=3)).payment
    with pytest.raises(Conflict):
        reverse(first.id, returned_on=date(2026, 4, 2), now=now + timedelta(days=3))


def test_a_reversal_is_not_reversed(pay, reverse):
    back = reverse(pay().payment.id).payment
    with pytest.raises(Conflict) as refused:
        reverse(back.id)
    assert refused.value.code == "payment_is_reversal"


def test_a_payment_of_another_project_is_unknown(pay, reverse, people_on_site):
    first = pay().payment
    for values in ({"project_id": people_on_site.b.id}, {}):
        with pytest.raises(NotFound) as refused:
            reverse(first.id if values else 999, **values)
        assert refused.value.code == "payment_unknown"


def test_money_does_not_come_back_before_it_went_or_tomorrow(pay, reverse):
    first = pay(paid_on=date(2026, 3, 20)).payment
    for day in (date(2026, 3, 19), date(2026, 4, 1)):
        with pytest.raises(BadRequest):
            reverse(first.id, returned_on=day)
    assert reverse(first.id, returned_on=date(2026, 3, 25)).payment.paid_on == date(2026, 3, 25)


def ledger_of(database, cast) -> tuple[int, int]:
    """Balances: owed to Wang, paid beside the special account."""
    with database.read() as db:
        return (
            ledger.balance(db, f"wages_payable:e{cast.wang.engagement_id}"),
            ledger.balance(db, f"off_account:p{cast.a.id}"),
        )


def test_money_beside_the_special_account_is_posted_at_once_and_once(database, people_on_site, pay, reverse):
    first = pay(amount_fen=300_00)
    pay(amount_fen=300_00)
    assert ledger_of(database, people_on_site) == (300_00, -300_00)
    pay(amount_fen=20_00, channel="cash", idempotency_key="pay-0002")
    assert ledger_of(database, people_on_site) == (320_00, -320_00)
    reverse(first.payment.id)
    reverse(first.payment.id)
    assert ledger_of(database, people_on_site) == (20_00, -20_00)


def test_a_payment_that_cannot_be_posted_is_not_recorded(database, people_on_site, pay, monkeypatch):
    def fails(*_, **__):
        raise Conflict("period_closed")

    monkeypatch.setattr(ledger, "post_off_account", fails)
    with pytest.raises(Conflict):
        pay()
    with database.read() as db:
        assert money.payments(db, people_on_site.a.id) == ()


def test_what_a_batch_paid_is_taken_back_by_the_batch(database, people_on_site, reverse, now):
    with database.write() as db:
        sent, _ = money.add_payment(
            db, project_id=people_on_site.a.id, worker_id=people_on_site.wang.id, amount_fen=100_00,
            paid_on=date(2026, 3, 31), for_month=MARCH, channel="account", reference=None, reverses_id=None,
            idempotency_key="item:0001", recorded_by="bank", now=now,
        )  # fmt: skip
    with pytest.raises(Conflict) as refused:
        reverse(sent)
    assert refused.value.code == "payment_of_batch"


# --- wages ---------------------------------------------------------------------------------------------------


def rows(database, cast, as_of) -> dict:
    with database.read() as db:
        found = {r.worker_id: r for r in payroll.wages_of_project(db, cast.a.id, as_of)}
        accounts = payroll.accounts_of(db, cast.a.id, as_of)
        days = payroll.attendance_of(db, cast.a.id, as_of.date(), as_of)
    for worker_id, row in found.items():
        months = accounts.get(worker_id, ())
        for name in SUMS:
            assert sum(getattr(month, name) for month in months) == getattr(row, name), (worker_id, name)
        this = sum(month.day_milli for month in months if month.month == month_of(as_of.date()))
        assert this == sum(day.day_milli or 0 for day in days if day.worker_id == worker_id)
    assert accounts.keys() <= found.keys()
    return found


SUMS = (
    "day_milli", "undecided_days", "no_terms_days", "accrued_fen", "paid_fen", "owed_fen", "overpaid_fen", "withheld_fen",
)  # fmt: skip


def account_of_page(database, cast, member, as_of, month=None):
    """What his page shows, read from the projection (None where it may not be) and worked out from the facts."""
    with database.read() as db:
        project = people.project(db, cast.a.id)
        ask = SimpleNamespace(
            db=db, project=project, query={"month": f"{month:%Y-%m}"} if month else {}, now=as_of, language="zh",
            policy=policy_of(project), today=work_date(as_of, policy_of(project)),
        )  # fmt: skip
        terms_ = people.terms(db, cast.a.id, worker_id=member.id)
        return workers._read(ask, member.id, terms_), workers._worked_out(ask, member.id)


def check_page(database, cast, member, as_of, months) -> int:
    """His page says the same from rows and from facts, projected or not; in how many months it was read from rows."""
    with database.write() as db:
        # Facts are written here without their use cases, which would leave a mark.
        projected_rows.forget(db, cast.a.id)
    read = 0
    for projected in (False, True):
        if projected:
            projection.refresh(database, cast.a.id, now=as_of)
        for month in (None, *months):
            seen, worked = account_of_page(database, cast, member, as_of, month)
            assert seen is None or seen == worked
            read += seen is not None
    return read


def test_every_worker_of_the_roster_has_a_row_even_without_a_day(database, people_on_site, now):
    wages = rows(database, people_on_site, now)
    assert [(r.name, r.team, r.accrued_fen) for r in wages.values()] == [("李秀英", "钢筋一班", 0), ("王建国", "钢筋一班", 0)]


def test_two_days_less_one_payment_is_what_is_owed(database, people_on_site, pay, now):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.a, cast.wang, 3)
        work(db, cast.a, cast.wang, 4)
        work(db, cast.a, cast.wang, 5, go=None)
    pay(amount_fen=300_00)
    row = rows(database, cast, now)[cast.wang.id]
    assert (row.day_milli, row.undecided_days) == (2000, 1)
    assert (row.accrued_fen, row.paid_fen, row.owed_fen, row.overpaid_fen) == (2 * RATE_FEN, 300_00, 500_00, 0)


def test_an_overpaid_month_never_pays_for_another(database, people_on_site, pay):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.a, cast.wang, 3)
        work(db, cast.a, cast.wang, 2, month=4)
    april = at(20, "12:00", 4)
    pay(amount_fen=RATE_FEN + 100_00, now=april)
    row = rows(database, cast, april)[cast.wang.id]
    assert (row.accrued_fen, row.paid_fen, row.owed_fen, row.overpaid_fen) == (800_00, 500_00, 400_00, 100_00)
    assert row.accrued_fen - row.paid_fen == row.owed_fen - row.overpaid_fen


def test_a_question_about_the_past_knows_nothing_of_what_came_later(database, people_on_site, pay, now):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.a, cast.wang, 3)
        work(db, cast.a, cast.wang, 10)
    pay(amount_fen=100_00, paid_on=date(2026, 3, 9))
    pay(amount_fen=200_00, paid_on=date(2026, 3, 20), idempotency_key="pay-0002")
    row = rows(database, cast, at(9, "20:00"))[cast.wang.id]
    assert (row.accrued_fen, row.paid_fen) == (400_00, 100_00)


def test_a_returned_transfer_is_owed_again(database, people_on_site, pay, reverse, now):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.a, cast.wang, 3)
    first = pay(amount_fen=RATE_FEN).payment
    assert rows(database, cast, now)[cast.wang.id].owed_fen == 0
    reverse(first.id)
    assert rows(database, cast, now)[cast.wang.id].owed_fen == RATE_FEN


def test_somebody_let_in_without_an_engagement_is_not_forgotten(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.a, cast.zhao, 3)
    row = rows(database, cast, now)[cast.zhao.id]
    assert (row.name, row.team, row.no_terms_days, row.accrued_fen) == ("赵铁柱", "", 1, 0)


def test_another_projects_work_is_not_on_this_projects_sheet(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.b, cast.zhao, 3)
    assert cast.zhao.id not in rows(database, cast, now)


def test_why_three_hundred_yuan(database, people_on_site, pay, now):
    cast = people_on_site
    with database.write() as db:
        for way, clock in (("in", "08:00"), ("out", "12:00"), ("in", "13:00"), ("out", "15:00")):
            pass_through(db, cast.a, way, cast.wang.id, at(3, clock))
        work(db, cast.a, cast.li, 3)
    paid = pay(amount_fen=120_00).payment
    with database.read() as db:
        told = payroll.wages_of_worker(db, cast.a.id, cast.wang.id, now)
    (month,) = told.months
    (day,) = month.days
    assert (month.month, month.owed.accrued_fen, month.owed.owed_fen) == (MARCH, 300_00, 180_00)
    assert (day.day.minutes, day.accrual.day_milli, day.accrual.rate_fen, day.accrual.amount_fen) == (360, 750, 400_00, 300_00)
    assert [s.minutes for s in day.day.sessions] == [240, 120]
    assert [p.id for p in day.passages] == list(day.accrual.passage_ids) and len(day.passages) == 4
    assert {p.worker_id for p in day.passages} == {cast.wang.id}
    assert day.terms.id == cast.wang.terms_id
    assert month.payments == (paid,)
    assert told.row == rows(database, cast, now)[cast.wang.id]


def test_the_months_of_a_worker_add_up_to_his_row(database, people_on_site, pay):
    cast = people_on_site
    with database.write() as db:
        for day in (3, 4, 5):
            work(db, cast.a, cast.wang, day)
            work(db, cast.a, cast.wang, day, month=4)
    april = at(20, "12:00", 4)
    pay(amount_fen=900_00, now=april)
    with database.read() as db:
        told = payroll.wages_of_worker(db, cast.a.id, cast.wang.id, april)
    assert [m.month for m in told.months] == [MARCH, APRIL]
    for field in ("accrued_fen", "paid_fen", "owed_fen", "overpaid_fen", "undecided_days"):
        assert sum(getattr(m.owed, field) for m in told.months) == getattr(told.row, field)
    assert sum(d.accrual.amount_fen for m in told.months for d in m.days) == told.row.accrued_fen


def test_a_worker_the_project_never_saw_is_unknown_to_it(database, people_on_site, now):
    with database.read() as db:
        for worker_id in (people_on_site.zhao.id, 999):
            with pytest.raises(NotFound):
                payroll.wages_of_worker(db, people_on_site.a.id, worker_id, now)


# --- other ways to be paid, and what people decided -----------------------------------------------------------


@pytest.fixture
def calendar(database, now):
    """March and April 2026; Monday 6 April is a day off, Sunday the 5th statutory."""
    with database.write() as db:
        days = []
        for number in range(61):
            day = MARCH + timedelta(days=number)
            kind = "workday" if day.weekday() < 5 else "rest"
            days.append(timekeeping.CalendarDay(day, {5: "statutory", 6: "adjust_rest"}.get(day.day, kind) if day.month == 4 else kind))
        timekeeping.add_calendar_days(db, days, source="notice", by="gao", now=now)


def agree(database, member, now, kind: str, rate_fen: int, **values) -> int:
    """New terms instead of the day rate of the cast."""
    with database.write() as db:
        people.void_terms(db, member.terms_id, now)
        return people.add_terms(
            db, engagement_id=member.engagement_id, kind=kind, rate_fen=rate_fen, valid_from=date(2026, 1, 1),
            valid_to=None, recorded_by="wu", now=now, **values,
        )  # fmt: skip


def told_of(database, cast, as_of, member=None):
    with database.read() as db:
        told = payroll.wages_of_worker(db, cast.a.id, (member or cast.wang).id, as_of)
    months = [month.month for month in told.months]
    settled = all(str(day.accrual.state) == "earned" for month in told.months for day in month.days)
    read = check_page(database, cast, member or cast.wang, as_of, months)
    assert not (settled and told.row.team) or read == 2 * len(months) + 2
    return told


def test_overtime_and_a_rest_day_under_the_law_down_to_the_items(database, people_on_site, calendar, now):
    cast = people_on_site
    terms_id = agree(database, cast.wang, now, "day", RATE_FEN, overtime_rule="law", relation="labour_contract")
    with database.write() as db:
        work(db, cast.a, cast.wang, 3, "08:00", "18:00")
        work(db, cast.a, cast.wang, 8, "08:00", "16:00")
    (month,) = told_of(database, cast, now).months
    assert [[(str(i.component), i.amount_fen) for i in d.accrual.items] for d in month.days] == [
        [("base", 400_00), ("overtime", 150_00)], [("rest_day", 800_00)],
    ]  # fmt: skip
    assert {d.terms.id for d in month.days} == {terms_id}
    assert (month.owed.accrued_fen, month.items) == (1350_00, ())
    assert str(month.days[1].work.kind) == "rest"


def test_a_monthly_wage_is_an_item_of_the_month(database, people_on_site, calendar):
    cast, april = people_on_site, at(20, "12:00", 4)
    agree(database, cast.wang, april, "month", 6525_00)
    with database.write() as db:
        for day in range(2, 32):
            if date(2026, 3, day).weekday() < 5:
                work(db, cast.a, cast.wang, day)
    told = told_of(database, cast, april)
    (march,) = told.months
    [item] = march.items
    assert (str(item.component), item.amount_fen, march.owed.owed_fen, told.row.accrued_fen) == ("base", 6525_00, 6525_00, 6525_00)
    assert {d.accrual.amount_fen for d in march.days} == {0}


def test_a_month_without_a_calendar_says_so(database, people_on_site, now):
    cast = people_on_site
    agree(database, cast.wang, now, "day", RATE_FEN, overtime_rule="law")
    with database.write() as db:
        work(db, cast.a, cast.wang, 3)
    (month,) = told_of(database, cast, now).months
    assert (month.owed.accrued_fen, month.problems) == (0, (("calendar_missing", date(2026, 3, 3)),))


def test_a_forgotten_exit_that_was_corrected_is_paid_and_shows_both(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.a, cast.wang, 3, go=None)
        correction = timekeeping.add_correction(
            db, project_id=cast.a.id, worker_id=cast.wang.id, work_date=date(2026, 3, 3), kind="missing_out",
            in_at=None, out_at=at(3, "17:00"), passage_id=None, minutes=None, day_milli=None, reason="forgot", note="",
            evidence=[], requested_by="sun", requested_at=now,
        )  # fmt: skip
    before = told_of(database, cast, now)
    assert (before.row.accrued_fen, before.row.undecided_days) == (0, 1)
    with database.write() as db:
        for act in ("leader_ok", "officer_ok"):
            timekeeping.add_step(db, correction, act=act, note="", by="wu", now=now)
    told = told_of(database, cast, now)
    (day,) = told.months[0].days
    assert (told.row.accrued_fen, [c.id for c in day.corrections]) == (RATE_FEN, [correction])
    assert (str(day.day.state), str(day.work.computed.state), day.work.computed.day_milli) == ("worked", "undecided", None)
    assert ("correction", correction) in day.accrual.items[0].evidence


def test_a_paid_rain_day_counts_in_its_month_and_in_the_months_after(database, people_on_site):
    cast, april = people_on_site, at(20, "12:00", 4)
    with database.write() as db:
        work(db, cast.a, cast.wang, 3)
        timekeeping.add_mark(
            db, project_id=cast.a.id, team_id=None, worker_id=cast.wang.id, kind="rain", from_on=date(2026, 3, 4),
            to_on=date(2026, 3, 6), pay_permille=500, note="", evidence=[], recorded_by="wu", now=april,
        )  # fmt: skip
    (march,) = told_of(database, cast, april).months
    assert [(d.day.state, d.accrual.amount_fen) for d in march.days] == [("worked", 400_00), ("off", 200_00), ("off", 200_00)]
    assert rows(database, cast, april)[cast.wang.id].accrued_fen == 800_00
    with database.read() as db:
        assert [d.work_date.day for d in payroll.attendance_of(db, cast.a.id, MARCH, april)] == [3]
        every = payroll.work_days_of(db, cast.a.id, MARCH, april)
    assert [(w.work_date.day, w.mark is not None) for w in every] == [(3, False), (4, True), (5, True)]


def test_a_share_of_measured_work_is_split_with_the_team_and_names_it(database, people_on_site):
    cast, may = people_on_site, at(20, "12:00", 5)
    for member in (cast.wang, cast.li):
        agree(database, member, may, "piece", 25_00, unit="m2")
    with database.write() as db:
        for day in (3, 4):
            work(db, cast.a, cast.wang, day)
        work(db, cast.a, cast.li, 3)
        shared = {"project_id": cast.a.id, "team_id": cast.a.team_id, "month": MARCH, "measured_on": date(2026, 3, 31),
                  "item": "抹灰", "unit": "m2", "percent": 100, "evidence": [], "recorded_by": "wu", "now": may}  # fmt: skip
        measure = terms.add_measure(db, quantity_milli=40_000, unit_price_fen=25_00, split_by="days", shares=[], **shared)
        other = terms.add_measure(
            db, quantity_milli=1000, unit_price_fen=90_00, split_by="shares", shares=[(cast.li.engagement_id, 1)],
            **shared | {"month": APRIL},
        )  # fmt: skip
        for one in (measure, other):
            terms.accept_measure(db, one, accepted=True, note="", by="chen", now=may)
    (month,) = told_of(database, cast, may).months
    assert (month.owed.accrued_fen, [m.id for m in month.measures]) == (666_67, [measure])
    march, april = told_of(database, cast, may, cast.li).months
    assert (march.owed.accrued_fen, april.owed.accrued_fen, april.days) == (333_33, 90_00, ())
    assert [rows(database, cast, may)[m.id].accrued_fen for m in (cast.wang, cast.li)] == [666_67, 423_33]


def test_wages_of_one_worker_are_those_of_the_project(database, people_on_site, calendar, pay, now):
    cast = people_on_site
    agree(database, cast.li, now, "hour", 50_00, overtime_rule="law")
    with database.write() as db:
        for member in (cast.wang, cast.li, cast.zhao):
            work(db, cast.a, member, 3)
            work(db, cast.a, member, 8, "20:00", None)
    pay(amount_fen=100_00)
    found = rows(database, cast, now)
    assert {worker: told_of(database, cast, now, m).row for worker, m in ((m.id, m) for m in (cast.wang, cast.li, cast.zhao))} == found


def test_what_a_closed_month_withheld_is_no_longer_owed(database, vault, people_on_site):
    payday = Payday(database, vault, people_on_site)
    wang = people_on_site.wang
    payday.works(wang, 3, 4)
    with database.write() as db:
        terms.add_deduction(
            db, engagement_id=wang.engagement_id, month=MARCH, kind="social_insurance", amount_fen=30_00, basis="list",
            evidence=[], recorded_by="wu", now=payday.now,
        )  # fmt: skip
    assert rows(database, people_on_site, payday.now)[wang.id].owed_fen == 800_00
    payday.whole_month()
    row = rows(database, people_on_site, payday.now)[wang.id]
    assert (row.accrued_fen, row.withheld_fen, row.owed_fen, row.overpaid_fen) == (800_00, 30_00, 770_00, 0)
    assert told_of(database, people_on_site, payday.now).row == row


# --- attendance ----------------------------------------------------------------------------------------------


def test_a_night_shift_belongs_to_the_month_it_began_in(database, people_on_site):
    cast = people_on_site
    with database.write() as db:
        pass_through(db, cast.a, "in", cast.wang.id, at(31, "20:00"))
        pass_through(db, cast.a, "out", cast.wang.id, at(1, "05:00", 4))
    with database.read() as db:
        march = payroll.attendance_of(db, cast.a.id, MARCH, at(2, "12:00", 4))
        april = payroll.attendance_of(db, cast.a.id, APRIL, at(2, "12:00", 4))
    assert [(d.work_date.day, d.minutes) for d in march] == [(31, 540)] and april == ()


def test_three_answers_to_how_many_people(database, people_on_site):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.a, cast.wang, 3)
        pass_through(db, cast.a, "in", cast.li.id, at(3, "08:30"))
    with database.read() as db:
        counted = payroll.headcount_of(db, cast.a.id, at(3, "18:00"))
    assert (counted.on_site, len(counted.came_today), len(counted.roster)) == ((cast.li.id,), 2, 2)


def test_at_two_in_the_morning_of_the_first_it_is_still_last_months_shift(database, people_on_site):
    cast = people_on_site
    with database.write() as db:
        pass_through(db, cast.a, "in", cast.wang.id, at(31, "20:00"))
    with database.read() as db:
        counted = payroll.headcount_of(db, cast.a.id, at(1, "02:00", 4))
    assert (counted.on_site, counted.came_today) == ((cast.wang.id,), (cast.wang.id,))


def test_nothing_of_a_project_that_does_not_exist(database, people_on_site, now):
    with database.read() as db:
        for ask in (
            lambda: payroll.wages_of_project(db, 999, now),
            lambda: payroll.attendance_of(db, 999, MARCH, now),
            lambda: payroll.headcount_of(db, 999, now),
        ):
            with pytest.raises(NotFound):
                ask()


def test_all_money_is_integers(database, people_on_site, pay, now):
    cast = people_on_site
    with database.write() as db:
        work(db, cast.a, cast.wang, 3)
    pay()
    with database.read() as db:
        assert all(type(p.amount_fen) is int for p in money.payments(db, cast.a.id))
        row = payroll.wages_of_worker(db, cast.a.id, cast.wang.id, now).row
    assert all(type(getattr(row, f)) is int for f in ("accrued_fen", "paid_fen", "owed_fen", "overpaid_fen"))


def test_who_is_on_site_is_told_from_hours_of_passages_as_from_a_month_of_them(database, vault, people_on_site, now):
    """``money.project_now`` reads two stays before midnight; whatever was before changes nothing."""
    chance = random.Random(7)
    site = people_on_site.a
    members = [people_on_site.wang, people_on_site.li]
    with database.write() as db:
        for n in range(6):
            members.append(add_member(db, vault, now, site, "工" + "甲乙丙丁戊己"[n], id_number(date(1980, 1, 1 + n), 21 + n)))
        events = []
        for member in members:
            at = now - timedelta(days=9)
            while at < now:
                at += timedelta(minutes=chance.randrange(1, 900))
                events.append((at, chance.choice(["in", "out"]), member.id))
        for at, direction, worker in sorted(events):
            if at <= now:
                pass_through(db, site, direction, worker, at)
    asked = [now - timedelta(minutes=chance.randrange(60 * 24 * 8)) for _ in range(60)]
    with database.read() as db:
        for at in asked:
            whole = money.project_to_date(db, site.id, at)
            expected = headcount(pairing_of(whole), whole.engagements, at, policy=whole.policy)
            assert payroll.headcount_of(db, site.id, at) == expected, at
