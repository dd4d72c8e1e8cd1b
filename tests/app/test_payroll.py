"""Payments, and why a sum is what it is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app import payroll
from app.errors import BadRequest, Conflict, NotFound
from app.store import money
from app.tables import JournalEntry
from tests.cast import RATE_FEN, pass_through

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
    from app.store import people

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


# --- wages ---------------------------------------------------------------------------------------------------


def rows(database, cast, as_of) -> dict:
    with database.read() as db:
        return {r.worker_id: r for r in payroll.wages_of_project(db, cast.a.id, as_of)}


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
