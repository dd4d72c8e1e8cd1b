"""Dates of the project's own calendar."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.facts import AttendancePolicy
from app.domain.workdays import (
    day_bounds,
    due_on,
    local,
    month_bounds,
    month_of,
    next_month,
    parse_month,
    work_date,
)
from tests.story import POLICY, instant


def test_the_work_date_turns_at_the_cutover():
    assert work_date(instant("4 03:59:59"), POLICY) == date(2026, 3, 3)
    assert work_date(instant("4 04:00:00"), POLICY) == date(2026, 3, 4)
    noon = AttendancePolicy(cutover=timedelta(hours=12))
    assert work_date(instant("4 11:59"), noon) == date(2026, 3, 3)


def test_a_month_runs_from_cutover_to_cutover_in_utc():
    begins, ends = month_bounds(date(2026, 3, 15), POLICY)
    assert begins == datetime(2026, 2, 28, 20, tzinfo=UTC)
    assert ends == datetime(2026, 3, 31, 20, tzinfo=UTC)
    assert begins.tzinfo is UTC
    assert work_date(begins, POLICY) == date(2026, 3, 1)
    assert work_date(begins - timedelta(microseconds=1), POLICY) == date(2026, 2, 28)
    assert work_date(ends - timedelta(microseconds=1), POLICY) == date(2026, 3, 31)
    assert day_bounds(date(2026, 3, 31), POLICY)[1] == ends


def test_another_zone_with_summer_time_keeps_the_clock_on_the_wall():
    berlin = AttendancePolicy(time_zone="Europe/Berlin")
    begins, ends = day_bounds(date(2026, 3, 28), berlin)  # the night of the 29th loses an hour
    assert ends - begins == timedelta(hours=23)
    assert work_date(begins, berlin) == date(2026, 3, 28)
    assert work_date(ends, berlin) == date(2026, 3, 29)
    assert work_date(ends - timedelta(seconds=1), berlin) == date(2026, 3, 28)


def test_months_follow_each_other():
    assert next_month(date(2026, 1, 31)) == date(2026, 2, 1)
    assert next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    assert month_of(date(2026, 3, 31)) == date(2026, 3, 1)
    assert parse_month("2026-03") == date(2026, 3, 1)


@pytest.mark.parametrize("text", ["2026-3", "2026-13", "2026-00", "202603", "2026/03", "٢٠٢٦-٠٣", "2026-03-01", ""])
def test_a_month_is_written_one_way(text):
    with pytest.raises(ValueError):  # noqa: PT011
        parse_month(text)


def test_wages_are_due_on_the_fifteenth_of_the_next_month():
    assert due_on(date(2026, 3, 1)) == date(2026, 4, 15)
    assert due_on(date(2026, 12, 31)) == date(2027, 1, 15)
    assert due_on(date(2026, 1, 1), pay_day=31) == date(2026, 2, 28)
    assert due_on(date(2026, 2, 1), pay_day=31) == date(2026, 3, 31)
    with pytest.raises(ValueError, match="pay_day"):
        due_on(date(2026, 1, 1), pay_day=0)


def test_a_naive_time_is_no_instant():
    with pytest.raises(ValueError, match="naive"):
        local(datetime(2026, 3, 3, 8), POLICY)  # noqa: DTZ001
