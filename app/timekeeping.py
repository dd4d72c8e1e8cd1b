"""Use case: everything about days that is not a passage, decided by people and recorded once.

    seed_calendar, import_calendar       the statutory calendar (法定日历), from the package ``holidays`` or a table
    add_policy, end_policy, void_policy  how passages become days, for a project, a company or a team (考勤规则)
    request_correction, decide_correction, pending, of_month   what a gate did not see: asked, agreed twice, or refused (补卡)
    awaited                              whose word such a correction waits for, and who stands in where nobody else is there
    add_mark, void_mark                  leave, stoppage, rain, rest (请假、停工、雨停)
    put_evidence, get_evidence           sealed files that decisions rest on (证据材料)

Nothing here says that somebody was absent: that is worked out when somebody asks, and never written. A correction
counts when two people other than who asked, and other than each other, agreed: the leader and the labour officer.
Where who asked is himself the only one whose word it is, the manager stands in for the labour officer, or the officer for
the leader; never who asked himself (DECISIONS.md 85).
Facts that come after a month was closed are taken all the same and become back pay; only a policy may not reach
back into a closed month, because it would work out anew what nobody disputes (attendance.md 3.6).
"""

import contextlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.attendance import moved
from app.domain.facts import (
    AttendancePolicy,
    CorrectionKind,
    DayKind,
    Engagement,
    MarkKind,
    Verdict,
    WorkDateRule,
)
from app.domain.workdays import EARLIEST, LATEST, local, month_of, next_month, work_date
from app.errors import Conflict, Forbidden, NotFound, TooLarge, Unusable
from app.fields import (
    NOTE_MAX,
    check_dates,
    check_note,
    check_number,
    check_text,
    project_today,
)
from app.store import accounts, faces, gates, people, terms
from app.store import timekeeping as held
from app.store.people import ProjectInfo
from app.store.timekeeping import CalendarDay, CorrectionInfo, Step
from app.vault import Vault
from app.wording import timekeeping as words

_A_DAY = timedelta(days=1)

# --- the calendar --------------------------------------------------------------------------------------------

STATUTORY_FROM_2025 = 13
STATUTORY_BEFORE = 11
"""Statutory days of a year from 2008 on; two were added in 2025 (domain.md 7.3)."""
FIRST_YEAR = 2008


@dataclass(frozen=True, slots=True)
class CalendarFault:
    """What is wrong with one row of a calendar, counted from 1."""

    row: int
    code: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CalendarReport:
    """What became of a calendar: written whole, or not at all when a row is wrong."""

    rows_total: int
    written: int
    unchanged: int
    """Dates about which the same was known already."""
    faults: tuple[CalendarFault, ...] = ()


def seed_calendar(db: Session, *, years: Collection[int], by: str, now: datetime) -> CalendarReport:
    """Write whole years as the package ``holidays`` knows them; what is known already is not written again.

    Raises:
        Unusable: ``calendar_year_unknown``; ``calendar_year_provisional``, the notice of that year is not out.
    """
    import holidays

    reports = [
        _record(
            db, [CalendarDay(*day) for day in year_from_holidays(year)],
            source=f"holidays {holidays.__version__}", by=by, now=now,
        )
        for year in sorted(set(years))
    ]  # fmt: skip
    return CalendarReport(
        rows_total=sum(report.rows_total for report in reports),
        written=sum(report.written for report in reports),
        unchanged=sum(report.unchanged for report in reports),
    )


def missing_years(db: Session, now: datetime) -> list[int]:
    """Return those of last year, this and the next of whose calendar nobody has said anything yet.

    Wages by statutory multiples earn nothing without a calendar, and nobody thinks of one on the first day. A year of which a
    notice was imported, or begun, is not among them.
    """
    this = now.astimezone(ZoneInfo("Asia/Shanghai")).year
    return [year for year in (this - 1, this, this + 1) if not held.calendar_days(db, date(year, 1, 1), date(year + 1, 1, 1))]


def is_known(year: int) -> bool:
    """True when the package ``holidays`` has read the State Council's notice of a year."""
    with contextlib.suppress(Unusable):
        return bool(year_from_holidays(year))
    return False


def year_from_holidays(year: int) -> tuple[tuple[date, DayKind, str], ...]:
    """Return every date of a year with its kind and the name of its holiday, from the package ``holidays``.

    Statutory are the holidays that are neither moved (a day off for a weekend that is worked) nor put in for one that
    fell on a weekend; these two kinds are ordinary rest days (domain.md 7.3).

    Raises:
        Unusable: ``calendar_year_unknown``; ``calendar_year_provisional``: without a single make-up workday the
            package has computed the year and not read it in the State Council's notice.
    """
    # It takes a third of a second to load, and is needed once a year.
    import holidays

    if not FIRST_YEAR <= year < LATEST.year:
        raise Unusable("calendar_year_unknown", year=year)
    found = holidays.China(years=year, language="en_US")
    names = holidays.China(years=year, language="zh_CN")
    makeup = {day for day in found.weekend_workdays if day.year == year}
    if not makeup:
        raise Unusable("calendar_year_provisional", year=year)

    days = []
    day = date(year, 1, 1)
    while day.year == year:
        said = found.get(day)
        if day in makeup:
            kind = DayKind.MAKEUP
        elif said is not None:
            moved = "substituted" in said or "(observed)" in said
            kind = DayKind.ADJUST_REST if moved else DayKind.STATUTORY
        else:
            kind = DayKind.REST if day.weekday() >= 5 else DayKind.WORKDAY
        days.append((day, kind, (names.get(day) or "")[:40]))
        day += _A_DAY
    if sum(kind is DayKind.STATUTORY for _, kind, _ in days) != _statutory_days(year):
        raise Unusable("calendar_year_unknown", "the package counts other statutory days", year=year)
    return tuple(days)


def _statutory_days(year: int) -> int:
    return STATUTORY_FROM_2025 if year >= 2025 else STATUTORY_BEFORE


def import_calendar(
    db: Session, *, rows: Iterable[Sequence[Any]], source: str, fill_year: int | None = None, by: str, now: datetime
) -> CalendarReport:
    """Write a notice: rows of date, kind and name, as a CSV or Excel file has them. All rows, or none.

    Args:
        rows: cells of each row; a first row of headings and blank rows are passed over. A kind is its code or its
            Chinese name; a date is a date or text like 2026-10-01.
        source: the notice, in words.
        fill_year: a notice names only what is special; with a year, every other date of it is written as a workday
            or a weekend.

    Raises:
        Unusable: ``calendar_no_rows``; ``calendar_statutory_count`` of the year to fill; a text that is missing.
    """
    source = check_text(source, "source", 120)
    days, faults, total = _read_calendar(rows)
    if not total:
        raise Unusable("calendar_no_rows")
    if faults:
        return CalendarReport(total, 0, 0, tuple(faults))
    if fill_year is not None:
        days = _filled(days, fill_year)
    report = _record(db, sorted(days, key=lambda day: day.day_on), source=source, by=by, now=now)
    return CalendarReport(total, report.written, report.unchanged)


def _read_calendar(rows: Iterable[Sequence[Any]]) -> tuple[list[CalendarDay], list[CalendarFault], int]:
    days: dict[date, CalendarDay] = {}
    faults: list[CalendarFault] = []
    total = 0
    for number, row in enumerate(rows, start=1):
        cells = ["" if cell is None else cell for cell in (*row, None, None, None)][:3]
        said = [str(cell).strip() for cell in cells]
        if not any(said) or (total == 0 and said[0].lower() in ("日期", "date", "day_on")):
            continue
        total += 1
        day_on, kind, name = _day_of(cells[0]), words.day_kind(said[1]), said[2]
        if day_on is None:
            faults.append(CalendarFault(number, "calendar_date_wrong"))
        elif kind is None:
            faults.append(CalendarFault(number, "calendar_kind_unknown"))
        elif len(name) > 40 or not name.isprintable():
            faults.append(CalendarFault(number, "calendar_name_wrong", {"limit": 40}))
        elif day_on in days:
            faults.append(CalendarFault(number, "calendar_date_twice", {"date": day_on.isoformat()}))
        else:
            days[day_on] = CalendarDay(day_on, DayKind(kind), name)
    return list(days.values()), faults, total


def _day_of(cell: Any) -> date | None:
    if isinstance(cell, datetime):
        found: date | None = cell.date()
    elif isinstance(cell, date):
        found = cell
    else:
        parts = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.sub(r"\s", "", str(cell)))
        try:
            found = date(*map(int, parts.groups())) if parts else None
        except ValueError:
            found = None
    return found if found is not None and EARLIEST <= found < LATEST else None


def _filled(days: list[CalendarDay], year: int) -> list[CalendarDay]:
    """The same days and every other date of the year as its weekday says."""
    if not FIRST_YEAR <= year < LATEST.year:
        raise Unusable("calendar_year_unknown", year=year)
    wanted = _statutory_days(year)
    found = sum(day.kind is DayKind.STATUTORY and day.day_on.year == year for day in days)
    if found != wanted:
        raise Unusable("calendar_statutory_count", year=year, wanted=wanted, found=found)
    known = {day.day_on for day in days}
    first = date(year, 1, 1)
    others = (first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days))
    return days + [
        CalendarDay(day, DayKind.REST if day.weekday() >= 5 else DayKind.WORKDAY) for day in others if day not in known
    ]


def _record(db: Session, days: Sequence[CalendarDay], *, source: str, by: str, now: datetime) -> CalendarReport:
    first, end = days[0].day_on, days[-1].day_on + _A_DAY
    known = held.calendar_days(db, first, end)
    fresh = [day for day in days if known.get(day.day_on) != day]
    held.add_calendar_days(db, fresh, source=source, by=by, now=now)
    if fresh:
        for project in people.projects(db, None):
            held.mark_stale(db, project.id, None, month_of(fresh[0].day_on), next_month(fresh[-1].day_on))
        accounts.journal(
            db, at=now, actor=by, action="calendar.imported", project_id=None, object="calendar",
            facts={"from": first.isoformat(), "to": days[-1].day_on.isoformat(), "written": len(fresh)},
        )  # fmt: skip
    return CalendarReport(len(days), len(fresh), len(days) - len(fresh))


# --- policies ------------------------------------------------------------------------------------------------

POLICY_BOUNDS: dict[str, tuple[int, int]] = {
    "fold_seconds": (0, 1800),
    "session_gap_minutes": (30, 960),
    "session_max_minutes": (60, 2160),
    "cutover_minutes": (0, 1080),
    "session_min_minutes": (0, 120),
    "standard_minutes": (60, 1440),
    "overtime_step_minutes": (1, 60),
}
"""Rule -> least and greatest whole number."""
BREAKS_MAX, UNITS_MAX = 6, 48
DAY_MILLI_MAX = 2000
"""Two man-days: a day and a night."""


def add_policy(
    db: Session,
    *,
    project_id: int,
    rules: Mapping[str, Any],
    valid_from: date,
    valid_to: date | None = None,
    project_company_id: int | None = None,
    team_id: int | None = None,
    by: str,
    now: datetime,
) -> int:
    """Record how passages become days from a date on, for a project or one company or team of it; return the id.

    Args:
        rules: as ``store.timekeeping.rules_of`` writes them; what is missing is the default's.
        valid_to: first day it no longer holds.

    Raises:
        NotFound: ``project_unknown``, ``project_company_unknown``, ``team_unknown``.
        Unusable: ``policy_field_unknown`` or another fault of a rule; ``policy_scope_wrong``; ``dates_wrong``.
        Conflict: ``policy_overlaps`` another of the same scope; ``policy_month_closed``.
    """
    people.lock_project(db, project_id)
    people.project(db, project_id)
    if project_company_id is not None and team_id is not None:
        raise Unusable("policy_scope_wrong")
    companies = {company.id: company.company_id for company in people.project_companies(db, project_id)}
    if project_company_id is not None and project_company_id not in companies:
        raise NotFound("project_company_unknown")
    if team_id is not None and team_id not in {team.id for team in people.teams(db, project_id)}:
        raise NotFound("team_unknown")
    checked = check_rules(rules)
    check_dates(valid_from, valid_to)
    _check_open(db, project_id, valid_from)
    # By the company and not by its role: an engagement says for whom a man works, not in which role.
    scope = (companies.get(project_company_id), team_id)
    for other in held.policy_rows(db, project_id):
        if (
            other.voided_at is None
            and (other.company_id, other.team_id) == scope
            and (other.valid_to is None or valid_from < other.valid_to)
            and (valid_to is None or other.valid_from < valid_to)
        ):
            raise Conflict("policy_overlaps")

    added = held.add_policy(
        db, project_id=project_id, project_company_id=project_company_id, team_id=team_id, rules=checked,
        valid_from=valid_from, valid_to=valid_to, recorded_by=by, now=now,
    )  # fmt: skip
    _policy_changed(db, project_id, valid_from, valid_to)
    _journal(db, now, by, "policy.added", project_id, f"policy:{added}", valid_from=valid_from.isoformat())
    return added


def end_policy(
    db: Session, *, project_id: int, policy_id: int, valid_to: date, by: str, now: datetime
) -> None:
    """Give a running policy its end, once.

    Raises:
        NotFound: ``policy_unknown``.
        Unusable: ``dates_wrong``.
        Conflict: ``policy_voided``, ``policy_ended`` already with another date, ``policy_month_closed``.
    """
    people.lock_project(db, project_id)
    policy = held.policy_row(db, project_id, policy_id)
    if policy.voided_at is not None:
        raise Conflict("policy_voided")
    if policy.valid_to == valid_to:
        return
    if policy.valid_to is not None:
        raise Conflict("policy_ended")
    check_dates(policy.valid_from, valid_to)
    _check_open(db, project_id, valid_to)

    held.end_policy(db, policy_id, valid_to)
    _policy_changed(db, project_id, valid_to, None)
    _journal(db, now, by, "policy.ended", project_id, f"policy:{policy_id}", valid_to=valid_to.isoformat())


def void_policy(db: Session, *, project_id: int, policy_id: int, by: str, now: datetime) -> None:
    """Void a policy that was a mistake.

    Raises:
        NotFound: ``policy_unknown``.
        Conflict: ``policy_voided`` already; ``policy_month_closed``: end it instead.
    """
    people.lock_project(db, project_id)
    policy = held.policy_row(db, project_id, policy_id)
    if policy.voided_at is not None:
        raise Conflict("policy_voided")
    _check_open(db, project_id, policy.valid_from)

    held.void_policy(db, policy_id, by, now)
    _policy_changed(db, project_id, policy.valid_from, policy.valid_to)
    _journal(db, now, by, "policy.voided", project_id, f"policy:{policy_id}")


def check_rules(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return all rules of a policy, tidy and complete.

    Raises:
        Unusable: ``policy_field_unknown``, ``policy_number_wrong``, ``policy_work_date_rule_unknown``,
            ``policy_breaks_wrong``, ``policy_units_wrong``, ``policy_night_wrong``, ``policy_lengths_wrong``.
    """
    known = held.rules_of(AttendancePolicy())
    for name in rules:
        if name not in known:
            raise Unusable("policy_field_unknown")
    said = {**known, **rules}
    for name, (least, greatest) in POLICY_BOUNDS.items():
        if type(said[name]) is not int or not least <= said[name] <= greatest:
            raise Unusable("policy_number_wrong", field=name, least=least, greatest=greatest)
    if said["session_min_minutes"] >= said["session_max_minutes"]:
        raise Unusable("policy_lengths_wrong")
    if said["work_date_rule"] not in set(WorkDateRule):
        raise Unusable("policy_work_date_rule_unknown")
    said["work_date_rule"] = str(said["work_date_rule"])
    said["breaks"] = _breaks(said["breaks"])
    said["units"] = _units(said["units"])
    night = [_clock(said["night_from"]), _clock(said["night_to"])]
    if None in night or night[0] == night[1]:
        raise Unusable("policy_night_wrong")
    return said


def _breaks(said: Any) -> list[list[str]]:
    if not isinstance(said, list | tuple) or len(said) > BREAKS_MAX:
        raise Unusable("policy_breaks_wrong", limit=BREAKS_MAX)
    before = ""
    for one in said:
        pair = [_clock(end) for end in one] if isinstance(one, list | tuple) and len(one) == 2 else [None]
        # Text like 12:00 sorts as its time does.
        if None in pair or not before <= pair[0] < pair[1]:
            raise Unusable("policy_breaks_wrong", limit=BREAKS_MAX)
        before = pair[1]
    return [list(one) for one in said]


def _units(said: Any) -> list[list[int]]:
    if not isinstance(said, list | tuple) or not 1 <= len(said) <= UNITS_MAX:
        raise Unusable("policy_units_wrong", limit=UNITS_MAX)
    for one in said:
        whole = isinstance(one, list | tuple) and len(one) == 2 and all(type(number) is int for number in one)
        if not whole or not (0 <= one[0] <= 1440 and 0 <= one[1] <= DAY_MILLI_MAX):
            raise Unusable("policy_units_wrong", limit=UNITS_MAX)
    climbs = all(low[0] < high[0] and low[1] <= high[1] for low, high in zip(said, said[1:], strict=False))
    if said[0][0] != 0 or not climbs:
        raise Unusable("policy_units_wrong", limit=UNITS_MAX)
    return [list(one) for one in said]


def _clock(said: Any) -> str | None:
    return said if isinstance(said, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", said) else None


def _check_open(db: Session, project_id: int, first: date) -> None:
    """Refuse a policy that would change days of a closed month."""
    closed = held.last_closed(db, project_id)
    if closed is not None and first < next_month(closed):
        raise Conflict("policy_month_closed", month=f"{closed:%Y-%m}")


def _policy_changed(db: Session, project_id: int, first: date, end: date | None) -> None:
    # The night before belongs to the former rule and the morning after to the later one: both are looked at.
    held.mark_stale(db, project_id, None, first - _A_DAY, None if end is None else end + _A_DAY)


# --- corrections ---------------------------------------------------------------------------------------------

REASONS = ("forgot", "gate_broken", "not_recognised", "other_gate", "outside_work", "dispute", "leader_record", "let_in", "other")
PUNCHES = frozenset({CorrectionKind.MISSING_IN, CorrectionKind.MISSING_OUT, CorrectionKind.ADD_SESSION})
"""What has a limit in days and in number: time somebody says he worked and no gate can tell."""
UNCOUNTED = frozenset({"gate_broken", "not_recognised", "let_in"})
"""A gate that was down, or that refused his face while a person says it was him, is nobody's carelessness; nor is a guard who
let him in by hand."""
BY_THE_GUARD = "let_in"
"""Reason of a correction that is asked for by letting somebody in (``app.letting``), and by nothing else."""
EVIDENCE_NEEDED = frozenset({CorrectionKind.ADD_SESSION, CorrectionKind.WRONG_PERSON, CorrectionKind.SET_DAY})
"""Says more than a gate half saw, so paper has to say it too (domain.md 3.5)."""
_FIELDS: dict[CorrectionKind, frozenset[str]] = {
    CorrectionKind.MISSING_IN: frozenset({"in_at"}),
    CorrectionKind.MISSING_OUT: frozenset({"out_at"}),
    CorrectionKind.ADD_SESSION: frozenset({"in_at", "out_at"}),
    CorrectionKind.VOID_PASSAGE: frozenset({"passage_id"}),
    CorrectionKind.WRONG_PERSON: frozenset({"passage_id"}),
    CorrectionKind.SET_DAY: frozenset({"minutes", "day_milli"}),
}


def request_correction(
    db: Session,
    *,
    project_id: int,
    worker_id: int,
    work_date: date,
    kind: str,
    in_at: datetime | None = None,
    out_at: datetime | None = None,
    passage_id: int | None = None,
    minutes: int | None = None,
    day_milli: int | None = None,
    reason: str,
    note: str = "",
    evidence: Sequence[int] = (),
    teams: Collection[int] | None = None,
    by_the_guard: bool = False,
    by: str,
    now: datetime,
) -> int:
    """Ask for a correction; return its id. It counts when the leader and then the labour officer agreed.

    Entries, exits and sessions that no gate saw must be asked for within the county's ``correction_days`` after the
    date, and at most ``correction_limit_month`` times a month for one worker, refused and withdrawn ones and those for
    a broken gate not counted. Later, or beyond, the date can still be decided as a whole (``set_day``), with evidence;
    a passage that was not him can be struck out at any time, and one that was him and was put down to somebody else be
    put right, with evidence: both men's days are worked out anew.

    Args:
        in_at, out_at, passage_id, minutes, day_milli: exactly those the kind needs (``facts.CorrectionKind``).
        teams: whose workers who asks may speak for; None for all.
        by_the_guard: it is asked for by letting somebody in by hand, with the reason ``let_in``.

    Raises:
        NotFound: ``project_unknown``, ``worker_not_on_project``, ``passage_unknown``, ``evidence_unknown``.
        Forbidden: ``not_own_team``.
        Unusable: a field is wrong; the code says which. ``correction_not_engaged`` on that date;
            ``correction_too_late``.
        Conflict: ``correction_limit_reached``; ``correction_waiting``, the same was asked and not refused.
    """
    # Gather. Under the lock two requests at once are counted one after the other.
    people.lock_project(db, project_id)
    project = people.project(db, project_id)
    engagement = _engagement_near(db, project_id, worker_id, work_date)
    _check_team(engagement, teams)
    today = project_today(project.time_zone, now)
    if not EARLIEST <= work_date <= today:
        raise Unusable("correction_in_future" if work_date > today else "dates_wrong")
    first = month_of(work_date)
    month = held.corrections_of(db, project_id, first, next_month(first), worker_id)

    # Decide
    if not engagement.covers(work_date):
        raise Unusable("correction_not_engaged")
    if kind not in set(CorrectionKind):
        raise Unusable("correction_kind_unknown")
    wanted = CorrectionKind(kind)
    if reason not in REASONS or (reason == BY_THE_GUARD) != by_the_guard:
        raise Unusable("correction_reason_unknown")
    said = {
        "in_at": in_at, "out_at": out_at, "passage_id": passage_id, "minutes": minutes, "day_milli": day_milli,
    }  # fmt: skip
    if {name for name, value in said.items() if value is not None} != _FIELDS[wanted]:
        raise Unusable("correction_fields_wrong")
    _check_times(project, _policy_on(db, project, engagement, work_date), wanted, work_date, in_at, out_at, now)
    if wanted in (CorrectionKind.VOID_PASSAGE, CorrectionKind.WRONG_PERSON):
        _check_passage(db, project, worker_id, work_date, passage_id, his=wanted is CorrectionKind.VOID_PASSAGE)
    if wanted is CorrectionKind.SET_DAY:
        check_number(minutes, "minutes", 0, 1440)
        check_number(day_milli, "day_milli", 0, DAY_MILLI_MAX)
    if reason == "not_recognised" and not _said_to_be_him(db, project_id, worker_id, in_at, out_at):
        raise Unusable("correction_not_matched")
    note = check_note(note, "note")
    files = held.check_evidence(db, project_id, evidence)
    if wanted in EVIDENCE_NEEDED and not files:
        raise Unusable("evidence_needed")
    if wanted in PUNCHES:
        _check_limits(db, project, work_date, today, reason, month)
    for other in month:
        same = other.work_date == work_date and other.kind == wanted and all(
            getattr(other, name) == value for name, value in said.items()
        )
        if same and other.state not in ("rejected", "withdrawn"):
            raise Conflict("correction_waiting")

    # Append
    added = held.add_correction(
        db, project_id=project_id, worker_id=worker_id, work_date=work_date, kind=wanted.value, **said, reason=reason,
        note=note, evidence=list(files), requested_by=by, requested_at=now,
    )  # fmt: skip
    _journal(db, now, by, "correction.requested", project_id, f"correction:{added}", kind=wanted.value, reason=reason)
    return added


def decide_correction(
    db: Session,
    *,
    project_id: int,
    correction_id: int,
    act: str,
    note: str = "",
    teams: Collection[int] | None = None,
    stands_in: bool = False,
    by: str,
    now: datetime,
) -> CorrectionInfo:
    """Say something to a correction: ``leader_ok``, then ``officer_ok``; or ``rejected``; or ``withdrawn``.

    Args:
        note: why; needed to reject.
        teams: whose corrections the leader may decide; None for all.
        stands_in: it is not his own role's word: he says it in place of whose it is (``awaited``).

    Returns:
        The correction as it stands now.

    Raises:
        NotFound: ``correction_unknown``.
        Unusable: ``correction_act_unknown``; the note is missing or too long.
        Forbidden: ``correction_same_person``, who asked does not agree, who agreed first does not agree again unless
            nobody else is there, and only who asked withdraws; ``not_own_team``; ``not_allowed``, he stands in for nobody.
        Conflict: ``correction_decided`` already; ``correction_order``, the leader comes first.
    """
    people.lock_project(db, project_id)
    found = held.correction(db, project_id, correction_id)
    if act not in ("leader_ok", "officer_ok", "rejected", "withdrawn"):
        raise Unusable("correction_act_unknown")
    _check_team(_engagement_near(db, project_id, found.worker_id, found.work_date), teams)
    note = check_text(note, "note", NOTE_MAX) if act == "rejected" else check_note(note, "note")
    if found.state not in ("requested", "leader_ok"):
        raise Conflict("correction_decided")
    twice = act == "officer_ok" and by in _leaders(found)
    may = awaited(db, project_id, [found])[found.id] if (twice or stands_in) and act == _NEXT[found.state] else None
    if (by == found.requested_by) != (act == "withdrawn") or (twice and (may is None or by not in may.stand_ins)):
        raise Forbidden("correction_same_person")
    if stands_in and (may is None or by not in may.stand_ins):
        raise Forbidden("not_allowed", "corrections.stand_in")
    if act == "leader_ok" and found.state == "leader_ok":
        raise Conflict("correction_decided")
    if act == "officer_ok" and found.state != "leader_ok":
        raise Conflict("correction_order")

    stood_in_as = _STANDS_IN[act] if stands_in else None
    held.add_step(db, correction_id, act=act, note=note, by=by, now=now, stood_in_as=stood_in_as)
    if act == "officer_ok":
        held.mark_stale_around(db, project_id, found.worker_id, found.work_date)
        if found.kind == CorrectionKind.WRONG_PERSON and found.passage_id is not None:
            _mark_others_stale(db, project_id, found.passage_id, found.worker_id, found.work_date)
    said = {"stood_in_as": stood_in_as} if stood_in_as else {}
    _journal(db, now, by, f"correction.{act}", project_id, f"correction:{correction_id}", **said, **({"both_words": True} if twice else {}))
    return held.correction(db, project_id, correction_id)


_NEXT = {"requested": "leader_ok", "leader_ok": "officer_ok"}
"""How far a correction is -> the word it waits for."""
_STANDS_IN = {"leader_ok": "labour_officer", "officer_ok": "manager"}
"""Word -> the role that stands in for whose it is."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """Whose word a correction waits for."""

    who: str
    """leader_or_manager, manager, officer; manager_for_officer and officer_for_leader stand in; nobody, as long as no
    other account has the role."""
    stand_ins: frozenset[str] = frozenset()
    """Logins that may say it though it is not their own word, or they said the first one too: nobody else is there."""


def awaited(db: Session, project_id: int, found: Iterable[CorrectionInfo]) -> dict[int, Awaited]:
    """Correction id -> whose word it waits for, of those that wait.

    Nobody says a word for his own request. Only where that leaves nobody whose word it is, somebody stands in: the
    manager for the labour officer, the officer for the leader; another person than who said the first word if there is
    one, else the same, so that two people have said yes and never one.
    """
    waiting = [one for one in found if one.state in _NEXT]
    if not waiting:
        return {}
    staff = _staff(db, project_id)
    teams = teams_of(db, project_id, waiting)
    return {one.id: _awaited(one, teams[one.id], staff) for one in waiting}


def words_to_come(db: Session, project_id: int, one: CorrectionInfo) -> tuple[str, ...]:
    """Whose words a correction that waits still needs, in their order (``Awaited.who``)."""
    if one.state not in _NEXT:
        return ()
    staff, team = _staff(db, project_id), team_of(db, project_id, one)
    first = _awaited(one, team, staff)
    if one.state != "requested" or first.who == "nobody":
        return (first.who,)
    may = sorted((first.stand_ins or staff.managers | staff.leaders_of(team)) - {one.requested_by})
    # Of several nobody knows who it will be: then the second word is somebody else's.
    said = Step("leader_ok", "", may[0] if len(may) == 1 else "", one.requested_at, _STANDS_IN["leader_ok"] if first.stand_ins else None)
    return first.who, _awaited(replace(one, steps=(said,)), team, staff).who


@dataclass(frozen=True, slots=True)
class _Staff:
    """Logins that are not disabled, by what their word is."""

    managers: frozenset[str]
    officers: frozenset[str]
    leaders: Mapping[int, frozenset[str]]

    def leaders_of(self, team: int) -> frozenset[str]:
        return self.leaders.get(team, frozenset())


def _staff(db: Session, project_id: int) -> _Staff:
    by_role: dict[str, set[str]] = defaultdict(set)
    leaders: dict[int, set[str]] = defaultdict(set)
    for account, role in accounts.reaching(db, project_id, people.project(db, project_id).area_code):
        if role.project_id == project_id:
            by_role[role.role].add(account.login)
            if role.role == "team_leader" and role.team_id is not None:
                leaders[role.team_id].add(account.login)
    return _Staff(
        frozenset(by_role["manager"]), frozenset(by_role["labour_officer"]), {team: frozenset(of) for team, of in leaders.items()}
    )


def _leaders(one: CorrectionInfo) -> set[str]:
    return {step.by for step in one.steps if step.act == "leader_ok"}


def _awaited(one: CorrectionInfo, team: int, staff: _Staff) -> Awaited:
    asker, said = {one.requested_by}, _leaders(one)
    if one.state == "requested":
        leaders = staff.leaders_of(team)
        if (leaders | staff.managers) - asker:
            return Awaited("leader_or_manager" if leaders - asker else "manager")
        stand_ins = staff.officers - asker if asker & (leaders | staff.managers) else frozenset()
        return Awaited("officer_for_leader", stand_ins) if stand_ins else Awaited("nobody")
    if staff.officers - asker - said:
        return Awaited("officer")
    if asker & staff.officers:
        stand_ins = (staff.managers - asker - said) or (staff.managers & said)
        return Awaited("manager_for_officer", stand_ins) if stand_ins else Awaited("nobody")
    if any(step.stood_in_as for step in one.steps) and staff.officers & said:
        return Awaited("officer", staff.officers & said)
    return Awaited("nobody")


def _mark_others_stale(db: Session, project_id: int, passage_id: int, worker_id: int, day: date) -> None:
    """Whoever had the passage until now: whom the gate named, and everybody it was put down to since."""
    others = {c.worker_id for c in held.corrections(db, project_id) if c.passage_id == passage_id}
    others |= {gates.passage(db, project_id, passage_id).worker_id or worker_id}
    for other in sorted(others - {worker_id}):
        held.mark_stale_around(db, project_id, other, day)


def pending(
    db: Session, project_id: int, month: date | None = None, teams: Collection[int] | None = None
) -> tuple[CorrectionInfo, ...]:
    """Return the corrections that wait for somebody, oldest first.

    Args:
        month: any day of the month their dates lie in; None for all.
        teams: only those of workers of these teams; None for all.
    """
    first = None if month is None else month_of(month)
    return _of_teams(db, project_id, held.pending_corrections(db, project_id, first, None if first is None else next_month(first)), teams)


def of_month(
    db: Session, project_id: int, month: date, teams: Collection[int] | None = None
) -> tuple[CorrectionInfo, ...]:
    """Return every correction about a date of a month, whatever became of it, oldest first; arguments as ``pending``."""
    first = month_of(month)
    return _of_teams(db, project_id, held.corrections_of(db, project_id, first, next_month(first)), teams)


def team_of(db: Session, project_id: int, one: CorrectionInfo) -> int:
    """The team a correction belongs to: of the engagement that covers its date."""
    return _engagement_near(db, project_id, one.worker_id, one.work_date).team_id


def teams_of(db: Session, project_id: int, found: Iterable[CorrectionInfo]) -> dict[int, int]:
    """Correction id -> the team it belongs to, of many at once."""
    engaged: dict[int, list[Engagement]] = defaultdict(list)
    for engagement in people.engagements(db, project_id):
        engaged[engagement.worker_id].append(engagement)
    return {one.id: _nearest(engaged[one.worker_id], one.work_date).team_id for one in found}


def _of_teams(
    db: Session, project_id: int, found: tuple[CorrectionInfo, ...], teams: Collection[int] | None
) -> tuple[CorrectionInfo, ...]:
    if teams is None:
        return found
    team = teams_of(db, project_id, found)
    return tuple(one for one in found if team[one.id] in teams)


def _engagement_near(db: Session, project_id: int, worker_id: int, day: date) -> Engagement:
    """The engagement that covers a date; of a worker whose time was changed since, his latest."""
    engagements = people.engagements_of(db, project_id, worker_id)
    if not engagements:
        raise NotFound("worker_not_on_project")
    return _nearest(engagements, day)


def _nearest(engagements: Sequence[Engagement], day: date) -> Engagement:
    covering = (engagement for engagement in engagements if engagement.covers(day))
    return next(covering, max(engagements, key=lambda engagement: engagement.entry_on))


def _check_team(engagement: Engagement, teams: Collection[int] | None) -> None:
    if teams is not None and engagement.team_id not in teams:
        raise Forbidden("not_own_team")


def work_date_of(db: Session, project_id: int, worker_id: int, at: datetime) -> date:
    """The work date an entry of a worker at ``at`` belongs to, by the rule that holds for him.

    Raises:
        NotFound: ``worker_not_on_project``.
    """
    project = people.project(db, project_id)
    day = at.astimezone(ZoneInfo(project.time_zone)).date()
    engagement = _engagement_near(db, project_id, worker_id, day)
    return work_date(at, _policy_on(db, project, engagement, day))


def _said_to_be_him(
    db: Session, project_id: int, worker_id: int, in_at: datetime | None, out_at: datetime | None
) -> bool:
    """A person said of a refused face of exactly each of these instants that it is his (``app.review``)."""
    instants = [at for at in (in_at, out_at) if at is not None]
    return bool(instants) and all(faces.said_to_be(db, project_id, worker_id, at) for at in instants)


def _policy_on(db: Session, project: ProjectInfo, engagement: Engagement, day: date) -> AttendancePolicy:
    """The policy of a worker on a date: his team's, else his company's, else the project's, else the default."""
    scopes = [(None, engagement.team_id), (engagement.company_id, None), (None, None)]
    holding = {
        (scoped.company_id, scoped.team_id): scoped.policy
        for scoped in held.policies(db, project.id)
        if scoped.valid_from <= day and (scoped.valid_to is None or day < scoped.valid_to)
    }
    found = next((holding[scope] for scope in scopes if scope in holding), None)
    return found or AttendancePolicy(time_zone=project.time_zone)


def _check_times(
    project: ProjectInfo,
    policy: AttendancePolicy,
    kind: CorrectionKind,
    day: date,
    in_at: datetime | None,
    out_at: datetime | None,
    now: datetime,
) -> None:
    for at in (in_at, out_at):
        if at is None:
            continue
        if at.tzinfo is None:
            raise Unusable("instant_naive")
        if at > now:
            raise Unusable("correction_in_future")
    if in_at is not None:
        near = {day} if policy.work_date_rule is WorkDateRule.ENTRY else {day - _A_DAY, day, day + _A_DAY}
        if work_date(in_at, policy) not in near:
            raise Unusable("correction_other_day")
    if out_at is not None:
        # Of a shift that began on the date: after its first minute, and not longer ago than a shift may last.
        began = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(project.time_zone))
        if not began < out_at <= began + _A_DAY + policy.cutover + policy.session_max:
            raise Unusable("correction_other_day")
    if kind is CorrectionKind.ADD_SESSION and not timedelta(0) < out_at - in_at <= policy.session_max:
        raise Unusable("correction_session_wrong", hours=policy.session_max // timedelta(hours=1))


def _check_passage(
    db: Session, project: ProjectInfo, worker_id: int, day: date, passage_id: int, *, his: bool
) -> None:
    check_number(passage_id, "passage_id", 1, 2**63 - 1)
    passage = gates.passage(db, project.id, passage_id)
    counts = passage.verdict is Verdict.ADMIT or (passage.verdict is Verdict.ASK and passage.confirmed is True)
    whose = moved(held.corrections(db, project.id)).get(passage_id, passage.worker_id)
    if (whose == worker_id) is not his or not counts:
        raise Unusable("correction_passage_wrong")
    passed_on = local(passage.occurred_at, AttendancePolicy(time_zone=project.time_zone)).date()
    if not day <= passed_on <= day + 2 * _A_DAY:
        raise Unusable("correction_other_day")


def check_in_time(db: Session, project: ProjectInfo, day: date, today: date) -> None:
    """Raise Unusable ``correction_too_late`` when a punch of ``day`` can be asked for no more; the whole day still can."""
    days = terms.area_value(db, project.area_code, "correction_days", today)
    if today > day + timedelta(days=days):
        raise Unusable("correction_too_late", days=days)


def _check_limits(
    db: Session, project: ProjectInfo, day: date, today: date, reason: str, month: Sequence[CorrectionInfo]
) -> None:
    check_in_time(db, project, day, today)
    # The whole team would be at its limit after three days of a gate that is down.
    if reason in UNCOUNTED:
        return
    limit = terms.area_value(db, project.area_code, "correction_limit_month", today)
    asked = sum(
        other.kind in PUNCHES and other.reason not in UNCOUNTED and other.state not in ("rejected", "withdrawn")
        for other in month
    )
    if asked >= limit:
        raise Conflict("correction_limit_reached", limit=limit)


# --- marks ---------------------------------------------------------------------------------------------------

MARK_DAYS_MAX = 366


def add_mark(
    db: Session,
    *,
    project_id: int,
    kind: str,
    from_on: date,
    to_on: date,
    pay_permille: int,
    worker_id: int | None = None,
    team_id: int | None = None,
    note: str = "",
    evidence: Sequence[int] = (),
    by: str,
    now: datetime,
) -> int:
    """Record that nobody was expected: one worker, a team, or (neither) the whole project. Return the id.

    Args:
        to_on: first day it no longer holds.
        pay_permille: share of a day's wage paid all the same, 0 to 1000.

    Raises:
        NotFound: ``project_unknown``, ``team_unknown``, ``worker_not_on_project``, ``evidence_unknown``.
        Unusable: ``mark_kind_unknown``, ``mark_scope_wrong``, ``dates_wrong``, ``mark_too_long``, a number or note.
        Conflict: ``mark_overlaps`` another for the same worker, team or project.
    """
    people.lock_project(db, project_id)
    people.project(db, project_id)
    if kind not in set(MarkKind):
        raise Unusable("mark_kind_unknown")
    if worker_id is not None and team_id is not None:
        raise Unusable("mark_scope_wrong")
    check_dates(from_on, to_on)
    if (to_on - from_on).days > MARK_DAYS_MAX:
        raise Unusable("mark_too_long", limit=MARK_DAYS_MAX)
    check_number(pay_permille, "pay_permille", 0, 1000)
    if team_id is not None and team_id not in {team.id for team in people.teams(db, project_id)}:
        raise NotFound("team_unknown")
    if worker_id is not None and not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    note = check_note(note, "note")
    files = held.check_evidence(db, project_id, evidence)
    for other in held.marks(db, project_id):
        if (other.worker_id, other.team_id) == (worker_id, team_id) and other.from_on < to_on and from_on < other.to_on:
            raise Conflict("mark_overlaps")

    added = held.add_mark(
        db, project_id=project_id, team_id=team_id, worker_id=worker_id, kind=kind, from_on=from_on, to_on=to_on,
        pay_permille=pay_permille, note=note, evidence=files, recorded_by=by, now=now,
    )  # fmt: skip
    held.mark_stale(db, project_id, worker_id, from_on, to_on)
    _journal(db, now, by, "mark.added", project_id, f"day_mark:{added}", kind=str(kind))
    return added


def void_mark(db: Session, *, project_id: int, mark_id: int, reason: str, by: str, now: datetime) -> None:
    """Void a mark that was a mistake.

    Raises:
        NotFound: ``mark_unknown`` on this project, or voided already.
        Unusable: the reason is missing or too long.
    """
    people.lock_project(db, project_id)
    mark = held.mark(db, project_id, mark_id)
    reason = check_text(reason, "reason", NOTE_MAX)

    terms.void(db, "day_mark", mark_id, reason, by, now)
    held.mark_stale(db, project_id, mark.worker_id, mark.from_on, mark.to_on)
    _journal(db, now, by, "mark.voided", project_id, f"day_mark:{mark_id}")


# --- evidence ------------------------------------------------------------------------------------------------

EVIDENCE_BYTES_MAX = 8 * 1024**2
MEDIA_TYPES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "application/pdf": b"%PDF-"}
"""Media type -> how such a file begins."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file as it was given."""

    id: int
    name: str
    media_type: str
    content: bytes = field(repr=False)


def put_evidence(
    db: Session, vault: Vault, *, project_id: int, name: str, media_type: str, content: bytes, by: str, now: datetime
) -> int:
    """Keep a photograph or scan, sealed; return its id. The same file again is the one that is there.

    Raises:
        NotFound: ``project_unknown``.
        TooLarge: ``evidence_too_large``.
        Unusable: ``evidence_empty``; ``evidence_type_unknown``, another media type or a content that is not of it.
    """
    people.project(db, project_id)
    name = check_text(re.split(r"[/\\]", name)[-1], "name", 120)
    if not content:
        raise Unusable("evidence_empty")
    if len(content) > EVIDENCE_BYTES_MAX:
        raise TooLarge("evidence_too_large", limit=EVIDENCE_BYTES_MAX)
    if media_type not in MEDIA_TYPES or not content.startswith(MEDIA_TYPES[media_type]):
        raise Unusable("evidence_type_unknown")

    digest = sha256(content).hexdigest()
    sealed = vault.seal(content, table="evidence_file", column="content_sealed", owner=f"{project_id}:{digest}")
    added = held.put_evidence(
        db, project_id=project_id, sha256=digest, name=name, media_type=media_type, size=len(content),
        content_sealed=sealed, by=by, now=now,
    )  # fmt: skip
    _journal(db, now, by, "evidence.added", project_id, f"evidence:{added}")
    return added


def get_evidence(
    db: Session, vault: Vault, *, project_id: int, evidence_id: int, own_only: bool = False, by: str, now: datetime
) -> Evidence:
    """Open a file; that somebody did is in the journal.

    Args:
        own_only: only what he brought himself, for who does not see the whole project.

    Raises:
        NotFound: ``evidence_unknown``, or not his.
    """
    kept = held.evidence(db, project_id, evidence_id)
    if own_only and kept.recorded_by != by:
        raise NotFound("evidence_unknown")
    content = vault.open(
        kept.content_sealed, table="evidence_file", column="content_sealed", owner=f"{project_id}:{kept.sha256}"
    )
    _journal(db, now, by, "evidence.read", project_id, f"evidence:{evidence_id}")
    return Evidence(kept.id, kept.name, kept.media_type, content)


def _journal(db: Session, now: datetime, by: str, action: str, project_id: int, what: str, **facts: Any) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=project_id, object=what, facts=facts)
