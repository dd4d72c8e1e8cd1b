"""Project-local dates, work dates and months.

The calendar of a project is the one of ``policy.time_zone``; nothing here knows UTC days. Statutory holidays
and working-day arithmetic are not here yet: a pay day that falls on a holiday is *not* moved (see ``due_on``).
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.domain.facts import AttendancePolicy

PAY_DAY = 15
"""Day of the following month on which a month's wages are due (发薪日); domain.md 1.6 and 9."""

EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
"""Half-open. Dates outside are typing errors, and arithmetic with them may leave the calendar."""


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name."""
    # 120,000 passages a month ask for the same zone; ZoneInfo's own cache costs more than the conversion.
    return ZoneInfo(name)


def local(at: datetime, policy: AttendancePolicy) -> datetime:
    """Return ``at`` on the project's own wall clock.

    Raises:
        ValueError: ``at`` has no time zone. A naive time is somebody's local time, and nobody knows whose.
    """
    if at.tzinfo is None:
        raise ValueError("a naive datetime is not an instant")
    return at.astimezone(zone(policy.time_zone))


def work_date(at: datetime, policy: AttendancePolicy) -> date:
    """Return the work date that a session beginning at ``at`` belongs to.

    The project's own calendar decides; before ``policy.cutover`` (04:00) it is still the day before
    (domain.md 3.3), so overtime that restarts at 01:00 stays with the day it belongs to.
    """
    # Subtracted on the wall clock, not in elapsed time: the cutover is what the clock on the wall shows.
    return (local(at, policy).replace(tzinfo=None) - policy.cutover).date()


def month_of(day: date) -> date:
    """Return the first day of the month of ``day``."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """Return the first day of the month after the one ``month`` lies in."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def parse_month(text: str) -> date:
    """Read ``"2026-03"`` as the first day of that month.

    Raises:
        ValueError: it is not four digits, a hyphen and a month from 01 to 12.
    """
    if len(text) != 7 or text[4] != "-" or not (text[:4] + text[5:]).isascii() or not (text[:4] + text[5:]).isdigit():
        raise ValueError("a month is written like 2026-03")
    return date(int(text[:4]), int(text[5:]), 1)


def month_bounds(month: date, policy: AttendancePolicy) -> tuple[datetime, datetime]:
    """Return the half-open UTC interval in which a session must begin to belong to ``month``.

    Both ends are at the cutover of the first day of a month. A session that begins just before the end is
    closed after it: whoever gathers passages takes a day more at each end (``ProjectMonth.passages``), which
    is enough because ``session_max`` is shorter than a day.
    """
    return _day_begins(month_of(month), policy), _day_begins(next_month(month), policy)


def day_bounds(day: date, policy: AttendancePolicy) -> tuple[datetime, datetime]:
    """Return the half-open UTC interval in which a session must begin to belong to ``day``."""
    return _day_begins(day, policy), _day_begins(day + timedelta(days=1), policy)


def _day_begins(day: date, policy: AttendancePolicy) -> datetime:
    # Wall-clock arithmetic first, then the zone: the cutover is a local time of day.
    return (datetime.combine(day, time()) + policy.cutover).replace(tzinfo=zone(policy.time_zone)).astimezone(UTC)


def due_on(month: date, pay_day: int = PAY_DAY) -> date:
    """Return the last day on which the wages of ``month`` are still paid in time.

    ``pay_day`` of the following month; a day the month does not have becomes its last day (domain.md 7.3).
    The shift to the working day before a holiday needs the statutory calendar and is not made yet, so this
    date is never earlier than the lawful one: nobody is accused too soon.

    Args:
        pay_day: 1 to 31.

    Raises:
        ValueError: ``pay_day`` is not 1 to 31.
    """
    if not 1 <= pay_day <= 31:
        raise ValueError("pay_day is 1 to 31")
    first = next_month(month)
    last = next_month(first) - timedelta(days=1)
    return first.replace(day=min(pay_day, last.day))
