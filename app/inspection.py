"""Use case: what the labour bureau looks at. Whoever asks has been let in.

    three_way      a project's month by gate, by sheet and by bank, person by person (三方核对)
    reveal         an ID number in full, for a purpose that is written down
    strip          one worker's month on one screen: days, passages, corrections, terms, lines, signatures, transfers, payments
    county         the projects of somebody's area with their colour and the reason
    towns          the same, added up by town

The gate's side is the projection, laid over with whoever has newer facts (``app.projection``): a project of five thousand answers
from rows.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import projection, sheets
from app.domain.calendar import NoCalendar, pay_due_on
from app.domain.colour import Colour, Group, Level, colour_of, worst_first
from app.domain.facts import Payment
from app.domain.threeway import Bank, Check, Gate, Row, Sheet, compare
from app.domain.workdays import EARLIEST, due_on, month_of, next_month
from app.errors import BadRequest, NotFound
from app.store import accounts, bank, findings, journal, money, people, terms, timekeeping
from app.store import inspection as rows
from app.store import projection as projected
from app.store import sheets as held
from app.store.findings import FindingInfo
from app.store.kept import kept, kept_of_each
from app.store.people import ProjectInfo
from app.vault import Vault

DIGITS = re.compile(r"[0-9]{7,}[0-9Xx]?")
"""Seven digits in a row are somebody's number."""


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """A project's month, checked."""

    month: date
    due_on: date
    """The last day on which its wages are paid in time."""
    check: Check


def three_way(db: Session, project_id: int, month: date, now: datetime, *, worker_id: int | None = None) -> ThreeWay:
    """Compare gate, sheet and bank for a month.

    Args:
        month: its first day.
        worker_id: only him; None is everybody.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: ``month_out_of_range``, ``month_in_future``.
    """
    project = people.project(db, project_id)
    today = _today(project, now)
    _check_month(month, today)
    if worker_id is None:
        lines = projection.wages_of_month(db, project_id, month, now, with_detail=False)
    else:
        lines = projection.worker_month(db, project_id, worker_id, month, now)
    of: dict[int, list[Any]] = defaultdict(list)
    for line in lines:
        of[line.worker_id].append(line)
    gates = [
        Gate(
            worker, own[-1].team_id, sum(o.day_milli for o in own), sum(o.undecided_days for o in own),
            sum(o.gross_fen for o in own),
        )
        for worker, own in of.items()
    ]  # fmt: skip
    [due] = _due_dates(db, [(month, held.pay_day(db, project_id))]).values()
    on_sheet: Sequence[Sheet]
    at_bank: Sequence[Bank]
    if worker_id is None:
        on_sheet = kept(db, project_id, ("sheet sums", month), lambda: rows.sheet_sums(db, project_id, month))
        at_bank = kept(
            db, project_id, ("bank sums", month, today), lambda: rows.bank_sums(db, project_id, month, today, unanswered=_unanswered(db, project_id))
        )
    else:
        on_sheet = rows.sheet_sums(db, project_id, month, worker_id=worker_id)
        at_bank = rows.bank_sums(db, project_id, month, today, worker_id=worker_id)
    return ThreeWay(month, due, compare(gates, on_sheet, at_bank, is_due=today > due))


def _unanswered(db: Session, project_id: int) -> set[int]:
    """Batches with transfers of which the bank has said nothing."""
    known = kept(db, project_id, "standings", lambda: bank.standings(db, project_id))
    return {batch_id for batch_id, of in known.items() if any(each.state == "pending" for each in of)}


def _owing(db: Session, projects: Sequence[int]) -> dict[int, tuple[rows.Owing, ...]]:
    """What is owed by project and month, kept until the project's facts or its projection move."""
    facts, written = journal.facts_of_each(db, projects), projected.marks_of_each(db, projects)

    def ask(some: list[int]) -> dict[int, tuple[rows.Owing, ...]]:
        found: dict[int, list[rows.Owing]] = {project_id: [] for project_id in some}
        for each in rows.owing(db, some):
            found[each.project_id].append(each)
        return {project_id: tuple(own) for project_id, own in found.items()}

    return kept_of_each(db, "owing", {p: (facts[p], written.get(p)) for p in projects}, ask)


def _due_dates(db: Session, wanted: Collection[tuple[date, int]]) -> dict[tuple[date, int], date]:
    """(month, pay day) -> the last day on which its wages are paid in time; not shifted where the calendar is unknown."""
    if not wanted:
        return {}
    first, last = min(month for month, _ in wanted), max(month for month, _ in wanted)
    calendar = timekeeping.calendar(db, first, next_month(next_month(last)))
    found = {}
    for month, pay_day in wanted:
        try:
            found[month, pay_day] = pay_due_on(calendar, month, pay_day)
        except NoCalendar:
            found[month, pay_day] = due_on(month, pay_day)
    return found


def months_of(db: Session, project_id: int, now: datetime) -> list[date]:
    """The months there may be something to compare in, newest first: from the first passage or payment to this one."""
    project = people.project(db, project_id)
    this = month_of(_today(project, now))
    first = projected.first_passage_at(db, project_id)
    found = {month for month in rows.months_with_anything(db, project_id) if month <= this} | {this}
    if first is not None:
        found.add(min(this, month_of(first.astimezone(ZoneInfo(project.time_zone)).date())))
    month = min(found)
    while month < this:
        found.add(month)
        month = next_month(month)
    return sorted(found, reverse=True)


@dataclass(frozen=True, slots=True)
class Strip:
    """One worker's month, everything his wages rest on (JSON-ready where it comes from ``sheets.why``)."""

    row: Row
    due_on: date
    is_due: bool
    days: tuple[dict[str, Any], ...]
    """As ``sheets.why`` tells them, oldest first."""
    month_items: tuple[dict[str, Any], ...]
    corrections: tuple[dict[str, Any], ...]
    terms: tuple[dict[str, Any], ...]
    lines: tuple[dict[str, Any], ...]
    """On the newest sheets, each with its signature and its ``transfers``."""
    payments: tuple[Payment, ...]
    findings: tuple[FindingInfo, ...]


def strip(db: Session, project_id: int, worker_id: int, month: date, now: datetime) -> Strip:
    """Everything one worker's month rests on.

    Raises:
        NotFound: ``project_unknown``, ``worker_not_on_project``.
        BadRequest: ``month_out_of_range``, ``month_in_future``.
    """
    told = three_way(db, project_id, month, now, worker_id=worker_id)
    if not told.check.rows and not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    row = told.check.rows[0] if told.check.rows else Row(worker_id, None, None, None, None, (), 0)
    whole = sheets.month_of_worker(db, project_id, worker_id, month, rows.sheets_of(db, project_id, worker_id, month), now)
    found = [f for f in findings.findings(db, project_id, month) if (f.subject_kind, f.subject_id) == ("worker", worker_id)]
    return Strip(
        row=row,
        due_on=told.due_on,
        is_due=told.check.is_due,
        days=tuple(whole["days"]),
        month_items=tuple(whole["month_items"]),
        corrections=tuple(whole["corrections"]),
        terms=tuple(whole["terms"]),
        lines=tuple(whole["lines"]),
        payments=money.payments(db, project_id, month, worker_id=worker_id),
        findings=tuple(found),
    )


# --- a number in full ----------------------------------------------------------------------------------------

PURPOSES = ("complaint", "inspection", "payment", "correction", "worker_request")
"""What a full ID or telephone number may be looked at for."""
PURPOSE_NOTE_LENGTH_MIN = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """ID and telephone number in full."""

    id_number: str
    phone: str

    def __repr__(self) -> str:
        return "Identity()"


def reveal(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, purpose: str, note: str, by: str, now: datetime
) -> Identity:
    """Open a worker's numbers; who, whose, what for and when is in the journal.

    Args:
        note: the case, the letter, the request: without it a purpose says nothing.

    Raises:
        NotFound: ``project_unknown``, ``worker_not_on_project``.
        BadRequest: ``purpose_unknown``, ``purpose_note_needed``.
    """
    own = people.workers(db, project_id, today=_today(people.project(db, project_id), now), worker_id=worker_id)
    if not own:
        raise NotFound("worker_not_on_project")
    if purpose not in PURPOSES:
        raise BadRequest("purpose_unknown", purposes=", ".join(PURPOSES))
    note = " ".join(note.split())
    if not PURPOSE_NOTE_LENGTH_MIN <= len(note) <= 200 or not note.isprintable():
        raise BadRequest("purpose_note_needed", length_min=PURPOSE_NOTE_LENGTH_MIN)
    row = own[-1]
    number = vault.open(row.id_number_sealed, table="worker", column="id_number_sealed", owner=row.id_number_index).decode()
    phone = ""
    if row.phone_sealed is not None:
        phone = vault.open(row.phone_sealed, table="worker", column="phone_sealed", owner=row.id_number_index).decode()
    # The note is free text, so what looks like an ID or telephone number is left out of a journal that is kept for ever.
    said = DIGITS.sub("…", note)
    accounts.journal(
        db, at=now, actor=by, action="identity.revealed", project_id=project_id, object=f"worker:{worker_id}",
        facts={"purpose": purpose, "note": said},
    )  # fmt: skip
    return Identity(number, phone)


# --- the county ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """A project as the county sees it."""

    project: ProjectInfo
    colour: Colour
    town: str
    """Nine digits; empty for a project whose area code says the county only."""
    town_name: str
    """Empty when nobody has named the town."""
    people: int
    """On its roster today."""
    seen_today: int
    """People its gates have let through today."""
    last_seen_at: datetime | None
    """When its gates last saw anybody."""
    overdue_fen: int | None
    """Owed past its pay day (欠薪); None while the worker has not worked the project's days out yet."""
    overdue_workers: int
    """The most people of one such month."""
    oldest: date | None
    """The oldest month something is owed of past its pay day."""


def county(db: Session, projects: Sequence[ProjectInfo], now: datetime) -> list[ProjectLine]:
    """Every project with its colour and what it owes, the worst first.

    What is owed is added up from the projection, which the worker keeps within minutes of the facts.
    """
    if not projects:
        return []
    ids = [project.id for project in projects]
    today = now.astimezone(ZoneInfo("Asia/Shanghai")).date()
    groups: dict[int, list[Group]] = defaultdict(list)
    for tally in rows.rule_tallies(db, ids, today):
        groups[tally.project_id].append(
            Group(tally.rule, tally.severity, tally.state, tally.count, tally.overdue, tally.first_id, tally.of_people)
        )
    owing = _owing(db, ids)
    pay_days = rows.pay_days(db, ids)
    dues = {(o.month, pay_days[o.project_id]) for own in owing.values() for o in own}
    due_dates = _due_dates(db, dues)
    known = rows.projected(db, ids)
    engaged, seen = rows.people_engaged(db, ids, today), rows.last_passages(db, ids)
    midnight = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo("Asia/Shanghai"))
    here = rows.people_seen(db, [i for i, at in seen.items() if at >= midnight], midnight)
    names = terms.town_names(db, {town_of(project) for project in projects}, today)
    found = []
    for project in projects:
        late = [o for o in owing[project.id] if today > due_dates[o.month, pay_days[project.id]]]
        found.append(
            ProjectLine(
                project,
                colour_of(groups.get(project.id, ()), looked=project.id in seen or project.id in groups),
                town_of(project),
                names.get(town_of(project), ""),
                engaged.get(project.id, 0),
                here.get(project.id, 0),
                seen.get(project.id),
                sum(o.owed_fen for o in late) if project.id in known or project.id not in seen else None,
                max((o.workers for o in late), default=0),
                min((o.month for o in late), default=None),
            )
        )
    return sorted(found, key=lambda line: (*worst_first(line.colour), -(line.overdue_fen or 0), line.project.id))


TOWN_DIGITS = 9


def town_of(project: ProjectInfo) -> str:
    """The town (乡镇、街道) of a project: the first nine digits of its area code; empty when it says the county only."""
    return project.area_code[:TOWN_DIGITS] if len(project.area_code) >= TOWN_DIGITS else ""


@dataclass(frozen=True, slots=True)
class Town:
    """A town (镇街) as the county sees it."""

    code: str
    """Nine digits; empty for projects whose area code says the county only."""
    name: str
    """Empty when nobody has named it."""
    projects: int
    levels: dict[Level, int]
    """Colour -> projects; colours no project has are left out."""
    people: int
    """On the rosters today."""
    seen_today: int
    overdue_fen: int
    """Owed past its pay day, as far as it is worked out."""
    owing: int
    """Projects that owe."""
    overdue: int
    """Findings past their deadline."""


def towns(lines: Sequence[ProjectLine]) -> list[Town]:
    """Add up a county by town, by code; projects without a town come last."""
    of: dict[str, list[ProjectLine]] = defaultdict(list)
    for line in lines:
        of[line.town].append(line)
    return [
        Town(
            code, own[0].town_name, len(own), dict(Counter(line.colour.level for line in own)), sum(line.people for line in own),
            sum(line.seen_today for line in own), sum(line.overdue_fen or 0 for line in own), sum(bool(line.overdue_fen) for line in own),
            sum(line.colour.overdue for line in own),
        )
        for code, own in sorted(of.items(), key=lambda item: (not item[0], item[0]))
    ]  # fmt: skip


def _check_month(month: date, today: date) -> None:
    if month < EARLIEST:
        raise BadRequest("month_out_of_range")
    if month > month_of(today):
        raise BadRequest("month_in_future")


def _today(project: ProjectInfo, now: datetime) -> date:
    return now.astimezone(ZoneInfo(project.time_zone)).date()
