"""The statutory calendar (法定日历): kinds of days, working days, pay days.

    kind_of(calendar, day)        what a date is; a date no notice was imported for raises NoCalendar
    workdays_in, paid_days_in     working days of a month; with the statutory weekdays, which are paid too
    add_workdays                  deadlines counted in working days
    pay_due_on                    the last day on which a month's wages are paid in time

The calendar is data (``facts.Calendar``): rows of the State Council's yearly notice. Nothing here guesses.
"""

from datetime import date, timedelta

from app.domain.facts import Calendar, DayKind
from app.domain.workdays import next_month

_A_DAY = timedelta(days=1)
SEARCH_DAYS = 60
"""No run of days off is this long; a calendar in which one is has a hole that says otherwise."""


class NoCalendar(ValueError):
    """No notice has been imported for some days that the answer needs."""

    def __init__(self, days: tuple[date, ...]) -> None:
        super().__init__(f"no calendar for {days[0]} and {len(days) - 1} more" if len(days) > 1 else f"no calendar for {days[0]}")
        self.days = days


def kind_of(calendar: Calendar, day: date) -> DayKind:
    """Return what kind of day a date is.

    Raises:
        NoCalendar: no notice was imported for it.
    """
    kind = calendar.get(day)
    if kind is None:
        raise NoCalendar((day,))
    return kind


def missing(calendar: Calendar, first: date, end: date) -> tuple[date, ...]:
    """Return the dates of [first, end) that no notice was imported for."""
    return tuple(
        day for n in range((end - first).days) if (day := first + timedelta(days=n)) not in calendar
    )


def _month(calendar: Calendar, month: date) -> list[tuple[date, DayKind]]:
    first = month.replace(day=1)
    end = next_month(month)
    unknown = missing(calendar, first, end)
    if unknown:
        raise NoCalendar(unknown)
    return [(day, calendar[day]) for n in range((end - first).days) if (day := first + timedelta(days=n))]


def workdays_in(calendar: Calendar, month: date) -> int:
    """Return the number of days people are expected to work in a month, make-up days included.

    Raises:
        NoCalendar: a day of the month is unknown.
    """
    return sum(kind.is_work for _, kind in _month(calendar, month))


def paid_days_in(calendar: Calendar, month: date) -> int:
    """Return the days a monthly wage is for: workdays, and statutory days that fall on Monday to Friday.

    October 2025 has 18 workdays and 22 paid days (domain.md 4.2).

    Raises:
        NoCalendar: a day of the month is unknown.
    """
    return sum(kind.is_work or (kind is DayKind.STATUTORY and day.weekday() < 5) for day, kind in _month(calendar, month))


def add_workdays(calendar: Calendar, start: date, count: int) -> date:
    """Return the date ``count`` working days after ``start``, which itself is not counted.

    Args:
        count: 1 or more.

    Raises:
        ValueError: ``count`` is below 1.
        NoCalendar: a day on the way is unknown.
    """
    if count < 1:
        raise ValueError("count is 1 or more")
    day = start
    while count:
        day += _A_DAY
        count -= kind_of(calendar, day).is_work
    return day


def workday_on_or_before(calendar: Calendar, day: date) -> date:
    """Return ``day``, or the working day before it when nobody works on it.

    Raises:
        NoCalendar: a day on the way is unknown, or there is no working day for two months back.
    """
    for n in range(SEARCH_DAYS):
        if kind_of(calendar, day - timedelta(days=n)).is_work:
            return day - timedelta(days=n)
    raise NoCalendar((day,))


def pay_due_on(calendar: Calendar, month: date, pay_day: int) -> date:
    """Return the last day on which the wages of ``month`` are paid in time.

    ``pay_day`` of the following month, its last day when it has no such day; on a day off the working day before
    (domain.md 1.2, pay-day rule).

    Args:
        pay_day: 1 to 31.

    Raises:
        ValueError: ``pay_day`` is not 1 to 31.
        NoCalendar: a day that decides is unknown.
    """
    if not 1 <= pay_day <= 31:
        raise ValueError("pay_day is 1 to 31")
    first = next_month(month)
    last = next_month(first) - _A_DAY
    return workday_on_or_before(calendar, first.replace(day=min(pay_day, last.day)))
