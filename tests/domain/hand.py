"""Work dates written by hand, for tests of prices: what ``timesheet.work_days`` would say, without any gate.

    worked("05-06", 540)                      nine hours on 6 May, the policy's table and the calendar's kind
    worked("04-30", spans=[(WORKDAY, 120, 0), (STATUTORY, 360, 0)])
    undecided("05-07"), present("05-07"), off("05-08", mark)

``MONTH`` is the year and month a bare day belongs to. Ids: worker, engagement and team are 1 unless told.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from app.domain.attendance import Day, DayState, day_milli
from app.domain.facts import (
    AttendancePolicy,
    DayKind,
    DayMark,
    Engagement,
    PayKind,
    ProjectMonth,
    Terms,
)
from app.domain.timesheet import Span, WorkDay
from app.domain.wages import MonthWage, month_wages

POLICY = AttendancePolicy()
WORKDAY, MAKEUP, REST = DayKind.WORKDAY, DayKind.MAKEUP, DayKind.REST
ADJUST_REST, STATUTORY = DayKind.ADJUST_REST, DayKind.STATUTORY


def _dates(text: str) -> set[date]:
    return {date.fromisoformat(word) for word in text.split()}


_STATUTORY = _dates(
    "2025-01-01 2025-01-28 2025-01-29 2025-01-30 2025-01-31 2025-04-04 2025-05-01 2025-05-02 2025-05-31"
    " 2025-10-01 2025-10-02 2025-10-03 2025-10-06"
    " 2026-01-01 2026-02-16 2026-02-17 2026-02-18 2026-02-19 2026-04-05 2026-05-01 2026-05-02 2026-06-19 2026-09-25"
    " 2026-10-01 2026-10-02 2026-10-03"
)
_ADJUSTED = _dates(
    "2025-10-07 2025-10-08 2026-01-02 2026-02-20 2026-02-23 2026-04-06 2026-05-04 2026-05-05"
    " 2026-10-05 2026-10-06 2026-10-07"
)
_MAKEUP = _dates("2025-09-28 2025-10-11 2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10")


def kind_of(day: date) -> DayKind:
    """The kind of a date of October 2025 or of 2026, as the notices had it."""
    if day in _STATUTORY:
        return STATUTORY
    if day in _ADJUSTED:
        return ADJUST_REST
    if day in _MAKEUP:
        return MAKEUP
    return REST if day.weekday() > 4 else WORKDAY


def calendar(first: date, end: date) -> dict[date, DayKind]:
    """Every date in [first, end)."""
    return {first + timedelta(days=n): kind_of(first + timedelta(days=n)) for n in range((end - first).days)}


CALENDAR = calendar(date(2025, 9, 1), date(2025, 12, 1)) | calendar(date(2026, 1, 1), date(2026, 12, 31))


def on(text: str, year: int = 2026) -> date:
    """``"05-06"`` is 6 May 2026; ``"2025-10-09"`` is itself."""
    return date.fromisoformat(text if len(text) == 10 else f"{year}-{text}")


_passage = iter(range(1, 10_000_000))


def _day(
    day: date,
    state: DayState,
    minutes: int,
    milli: int | None,
    *,
    worker: int,
    engagement: int | None,
    team: int | None,
    kind: DayKind | None,
    spans: Iterable[tuple[DayKind | None, int, int]],
    mark: DayMark | None = None,
    corrections: tuple[int, ...] = (),
    passages: tuple[int, ...] | None = None,
) -> WorkDay:
    if passages is None:
        passages = (next(_passage), next(_passage)) if state is not DayState.OFF else ()
    found = Day(
        worker_id=worker, work_date=day, state=state, minutes=minutes, minutes_so_far=minutes, day_milli=milli,
        overtime_minutes=max(0, minutes - 480), first_in_at=None, last_out_at=None, passage_ids=passages,
    )  # fmt: skip
    return WorkDay(
        worker_id=worker, work_date=day, engagement_id=engagement, team_id=team, day=found, computed=found, kind=kind,
        spans=tuple(Span(*span) for span in spans), night_minutes=0, mark=mark, correction_ids=corrections,
    )  # fmt: skip


def worked(
    when: str | date,
    minutes: int = 480,
    milli: int | None = None,
    *,
    worker: int = 1,
    engagement: int | None = 1,
    team: int | None = 1,
    calendar=CALENDAR,
    spans: Iterable[tuple[DayKind | None, int, int]] | None = None,
    **more,
) -> WorkDay:
    """A decided day."""
    day = on(when) if isinstance(when, str) else when
    kind = calendar.get(day)
    if spans is None:
        spans = [(kind, min(minutes, 480), max(0, minutes - 480))] if minutes else []
    else:
        minutes = sum(regular + beyond for _, regular, beyond in spans)
    if milli is None:
        milli = day_milli(minutes, POLICY)
    return _day(
        day, DayState.WORKED, minutes, milli, worker=worker, engagement=engagement, team=team, kind=kind, spans=spans, **more
    )


def undecided(when: str | date, minutes: int = 0, *, state: DayState = DayState.UNDECIDED, **more) -> WorkDay:
    """A day somebody must decide, with so many proven minutes."""
    day = on(when) if isinstance(when, str) else when
    more = {"worker": 1, "engagement": 1, "team": 1, "calendar": CALENDAR} | more
    kind = more.pop("calendar").get(day)
    return _day(day, state, minutes, None, kind=kind, spans=[(kind, minutes, 0)] if minutes else [], **more)


def present(when: str | date, minutes: int = 0, **more) -> WorkDay:
    """A day that goes on."""
    return undecided(when, minutes, state=DayState.PRESENT, **more)


def off(when: str | date, mark: DayMark, **more) -> WorkDay:
    """A day without passages on which a mark holds."""
    day = on(when) if isinstance(when, str) else when
    more = {"worker": 1, "engagement": 1, "team": 1, "calendar": CALENDAR} | more
    return _day(day, DayState.OFF, 0, 0, kind=more.pop("calendar").get(day), spans=[], mark=mark, **more)


def dates(first: str, last: str, kinds: Iterable[DayKind] = (WORKDAY, MAKEUP)) -> list[date]:
    """Every date from first to last of those kinds."""
    day, found = on(first), []
    while day <= on(last):
        if CALENDAR.get(day) in kinds:
            found.append(day)
        day += timedelta(days=1)
    return found


def terms(kind: PayKind = PayKind.DAY, rate_fen: int = 400_00, since: str | date = "2026-01-01", **more) -> Terms:
    """Terms 1 of engagement 1."""
    values = {"id": 1, "engagement_id": 1, "worker_id": 1} | more
    return Terms(
        values.pop("id"), values.pop("engagement_id"), values.pop("worker_id"), kind, rate_fen,
        on(since) if isinstance(since, str) else since, **values,
    )  # fmt: skip


def engaged(
    id: int = 1, worker: int = 1, team: int = 1, since: str = "2026-01-01", until: str | None = None, company: int = 1
) -> Engagement:
    """An engagement on project 1."""
    return Engagement(id, worker, 1, company, team, on(since), on(until) if until else None)


def bundle(month: str, *given: Terms, as_of: datetime | None = None, engagements=None, **more) -> ProjectMonth:
    """The facts of ``2026-05``, asked on the 20th of the month after unless told."""
    first = date.fromisoformat(f"{month}-01")
    after = (first + timedelta(days=32)).replace(day=20)
    if engagements is None:
        engagements = [engaged(i, w, since="2025-01-01") for i, w in sorted({(t.engagement_id, t.worker_id) for t in given})]
    values = {
        "project_id": 1, "month": first, "as_of": as_of or datetime(after.year, after.month, after.day, tzinfo=UTC),
        "policy": POLICY, "passages": (), "engagements": tuple(engagements), "terms": tuple(given), "payments": (),
        "calendar": CALENDAR,
    } | more  # fmt: skip
    return ProjectMonth(**values)


def one(month: str, days: Iterable[WorkDay], *given: Terms, **more) -> MonthWage:
    """The only month wage of a story."""
    [found] = month_wages(bundle(month, *given, **more), list(days))
    return found


def sheet(wage: MonthWage) -> list[tuple]:
    """Items as a clerk reads them: day (or "month"), component, quantity, rate in fen, per, permille, fen."""
    return [
        (f"{i.work_date:%m-%d}" if i.work_date else "month", str(i.component), i.quantity, i.rate_fen, i.per, i.permille, i.amount_fen)
        for i in wage.items
    ]  # fmt: skip
