"""The statutory calendar: kinds of days, deadlines in working days, pay days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendar import (
    NoCalendar,
    add_workdays,
    kind_of,
    missing,
    paid_days_in,
    pay_due_on,
    workday_on_or_before,
    workdays_in,
)
from app.domain.facts import DayKind
from tests.domain.hand import calendar

CALENDAR = calendar(date(2025, 9, 1), date(2027, 1, 1))


def on(text: str) -> date:
    return date.fromisoformat(text)


def test_october_2025_has_18_workdays_and_22_paid_days():
    assert (workdays_in(CALENDAR, on("2025-10-01")), paid_days_in(CALENDAR, on("2025-10-01"))) == (18, 22)


def test_a_year_has_248_workdays_and_13_statutory_days():
    year = [kind for day, kind in CALENDAR.items() if day.year == 2026]
    assert sum(kind.is_work for kind in year) == 248
    assert year.count(DayKind.STATUTORY) == 13


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [("2025-09-26", 10, "2025-10-16"), ("2026-02-10", 10, "2026-03-02"), ("2025-12-29", 20, "2026-01-27")],
)
def test_ten_working_days_are_counted_by_the_notice(start, count, end):
    assert add_workdays(CALENDAR, on(start), count) == on(end)


@pytest.mark.parametrize(
    ("month", "pay_day", "due"),
    [
        ("2025-09-01", 5, "2025-09-30"),
        ("2026-01-01", 15, "2026-02-14"),  # a Saturday, but worked for the holiday
        ("2026-09-01", 5, "2026-09-30"),
        ("2026-04-01", 2, "2026-04-30"),
        ("2026-02-01", 31, "2026-03-31"),
        ("2026-03-01", 31, "2026-04-30"),  # April has no 31st
    ],
)
def test_a_pay_day_on_a_day_off_is_the_working_day_before(month, pay_day, due):
    assert pay_due_on(CALENDAR, on(month), pay_day) == on(due)


def test_a_date_without_a_notice_is_unknown_and_never_an_ordinary_day():
    hole = {day: kind for day, kind in CALENDAR.items() if day != on("2026-03-05")}
    with pytest.raises(NoCalendar) as found:
        workdays_in(hole, on("2026-03-01"))
    assert found.value.days == (on("2026-03-05"),)
    for ask in (
        lambda: kind_of(hole, on("2026-03-05")),
        lambda: add_workdays(hole, on("2026-03-04"), 1),
        lambda: workday_on_or_before({}, on("2026-03-05")),
        lambda: pay_due_on({}, on("2026-03-01"), 15),
    ):
        with pytest.raises(NoCalendar):
            ask()
    assert missing(hole, on("2026-03-01"), on("2026-04-01")) == (on("2026-03-05"),)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="count"):
        add_workdays(CALENDAR, on("2026-03-01"), 0)
    with pytest.raises(ValueError, match="pay_day"):
        pay_due_on(CALENDAR, on("2026-03-01"), 32)


@given(st.dates(date(2025, 10, 1), date(2026, 9, 1)), st.integers(1, 60))
def test_counting_working_days_counts_them_all(start, count):
    end = add_workdays(CALENDAR, start, count)
    between = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert sum(CALENDAR[day].is_work for day in between) == count
    assert CALENDAR[end].is_work
