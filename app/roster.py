"""Use case: a whole roster. An Excel file into people, row by row, and what may be shown of them.

    import_roster, import_roster_in_parts     the good rows are entered, every other one is named with its reason
    roster                                    what a page or a reply may show of it, masked
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app import amending, papers, terms
from app.domain import identity
from app.domain.facts import Engagement, Terms
from app.domain.identity import IdNumber, View, age
from app.domain.likeness import company_like, team_like
from app.errors import Conflict, ServiceError, Unusable
from app.fields import check_id_number, project_today, shown_yuan
from app.forms.roster import Roster, RosterRow, clean_text
from app.settings import Settings
from app.store import audit, people
from app.vault import Vault
from app.wording import sentence

IMPORT_PART_ROWS = 100
"""Rows of one transaction of a large import. A row takes 4 to 9 ms (measured on two busy cores), so for less than
a second no gate can write."""


RATES_DOUBTED_FEN = {"day": 1_500_00, "hour": 200_00}
"""From here on a month's pay was probably written as a day's, a day's as an hour's. Of the trades of a site the best paid get
less than 1,000 yuan a day; a month's pay begins near 3,000."""


# --- a whole roster ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RosterFault:
    """Something a person has to look at: where it is and what it is. Never the content of the cell."""

    sheet: str
    row: int
    column: str
    """Key of ``app.forms.roster.HEADINGS``; empty for the whole row."""
    code: str
    facts: dict[str, Any] = field(default_factory=dict)
    name: str = field(default="", repr=False)
    """Of the person, as far as the row says it; for the page of who sent the file and for nobody else."""

    def as_json(self, language: str) -> dict[str, Any]:
        """With the sentence in ``language``."""
        said = sentence(self.code, language, **self.facts)
        return {"sheet": self.sheet, "row": self.row, "column": self.column, "code": self.code, "sentence": said}


@dataclass(frozen=True, slots=True)
class RosterCode:
    """The code a worker of an imported row was given; shown this once."""

    sheet: str
    row: int
    worker_id: int
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RosterReport:
    """What became of every row: ``rows_total`` is always ``entered + already_there + faulty``."""

    rows_total: int
    entered: int
    already_there: int
    faulty: int
    faults: tuple[RosterFault, ...] = ()
    """At least one for each faulty row."""
    differences: tuple[RosterFault, ...] = ()
    """Rows of people who are already there and are recorded otherwise; nothing was changed, but a telephone that was missing."""
    warnings: tuple[RosterFault, ...] = ()
    """Of rows that are entered: what was perhaps not meant."""
    codes: tuple[RosterCode, ...] = ()
    sheets_read: tuple[str, ...] = ()
    sheets_left_out: tuple[str, ...] = ()
    dry_run: bool = False

    def as_json(self, language: str) -> dict[str, Any]:
        """For a reply or a file; sentences in ``language``."""
        return {
            "rows_total": self.rows_total,
            "entered": self.entered,
            "already_there": self.already_there,
            "faulty": self.faulty,
            "faults": [fault.as_json(language) for fault in self.faults],
            "differences": [difference.as_json(language) for difference in self.differences],
            "warnings": [warning.as_json(language) for warning in self.warnings],
            "codes": [
                {"sheet": one.sheet, "row": one.row, "worker_id": one.worker_id, "code": one.code}
                for one in self.codes
            ],
            "sheets_read": list(self.sheets_read),
            "sheets_left_out": list(self.sheets_left_out),
            "dry_run": self.dry_run,
        }


@dataclass(slots=True)
class Earlier:
    """What the parts of a file that were read already leave to the next one; each of them adds to it."""

    doubted: set[tuple[str, str]] = field(default_factory=set)
    """Names of new teams and companies that were warned of."""
    companies: list[people.ProjectCompanyInfo] = field(default_factory=list)
    """That a trial added and undid again, in the order they came."""
    teams: list[people.TeamInfo] = field(default_factory=list)


def import_roster(
    db: Session,
    vault: Vault,
    settings: Settings,
    *,
    project_id: int,
    sheet: Roster,
    dry_run: bool = False,
    earlier: Earlier | None = None,
    now: datetime,
    by: str,
) -> RosterReport:
    """Enter the good rows of a roster and name every other one, with its number and reason.

    Nothing is lost: each row is entered, already there, or faulty. The same file a second time enters nobody;
    what it says otherwise about people who are there is reported and not changed; a telephone nobody had recorded is taken. Companies and teams that a
    good row names are added with it.

    Args:
        dry_run: do everything, then undo it: the report is that of the real import, without codes.
        earlier: of the parts of the same file before this one; added to.
    """
    project = people.project(db, project_id)
    earlier = earlier if earlier is not None else Earlier()
    at_work = _Import(db, vault, settings, project, now, by, earlier)
    with db.begin_nested() as everything:
        at_work.frame_again()
        for row in sheet.rows:
            at_work.take(row)
        report = RosterReport(
            rows_total=len(sheet.rows),
            entered=at_work.entered,
            already_there=at_work.already_there,
            faulty=at_work.faulty,
            faults=tuple(at_work.faults),
            differences=tuple(at_work.differences),
            warnings=tuple(at_work.warnings),
            codes=() if dry_run else tuple(at_work.codes),
            sheets_read=sheet.sheets_read,
            sheets_left_out=sheet.sheets_left_out,
            dry_run=dry_run,
        )
        if dry_run:
            at_work.frame_kept()
            everything.rollback()
    if not dry_run:
        papers.journal(
            db, now, by, "roster.imported", project_id, f"project:{project_id}",
            rows=report.rows_total, entered=report.entered, already_there=report.already_there, faulty=report.faulty,
        )
    return report


def import_roster_in_parts(
    write: Callable[[], AbstractContextManager[Session]],
    vault: Vault,
    settings: Settings,
    *,
    project_id: int,
    sheet: Roster,
    dry_run: bool = False,
    now: datetime,
    by: str,
) -> RosterReport:
    """``import_roster`` in transactions of ``IMPORT_PART_ROWS`` rows, so that gates get their turn in between.

    One that fails half way (disk full) leaves whole parts behind; the same file again enters the rest. A trial undoes each
    part, and adds the companies and teams of the earlier ones again before the next: it tells what the import tells. People
    are not needed again: a person or a card that stood above is a fault of its row already (``read_roster``).

    Args:
        write: gives a transaction; ``Database.write``.
    """
    reports = []
    earlier = Earlier()
    for start in range(0, len(sheet.rows), IMPORT_PART_ROWS):
        part = replace(sheet, rows=sheet.rows[start : start + IMPORT_PART_ROWS])
        with write() as db:
            reports.append(
                import_roster(
                    db, vault, settings, project_id=project_id, sheet=part, dry_run=dry_run, earlier=earlier, now=now, by=by
                )
            )
    return RosterReport(
        rows_total=sum(report.rows_total for report in reports),
        entered=sum(report.entered for report in reports),
        already_there=sum(report.already_there for report in reports),
        faulty=sum(report.faulty for report in reports),
        faults=tuple(fault for report in reports for fault in report.faults),
        differences=tuple(difference for report in reports for difference in report.differences),
        warnings=tuple(warning for report in reports for warning in report.warnings),
        codes=tuple(code for report in reports for code in report.codes),
        sheets_read=sheet.sheets_read,
        sheets_left_out=sheet.sheets_left_out,
        dry_run=dry_run,
    )


class _Import:
    """One import at work: what is known, and what became of the rows so far."""

    def __init__(
        self, db: Session, vault: Vault, settings: Settings, project: people.ProjectInfo, now: datetime, by: str,
        earlier: Earlier,
    ) -> None:  # fmt: skip
        self.db, self.vault, self.settings, self.project, self.now, self.by = db, vault, settings, project, now, by
        self.today = project_today(project.time_zone, now)
        self.entered = self.already_there = self.faulty = 0
        self.faults: list[RosterFault] = []
        self.differences: list[RosterFault] = []
        self.warnings: list[RosterFault] = []
        self.earlier, self.doubted = earlier, earlier.doubted
        self.limits = audit.limits(db, project.area_code, self.today)
        self.codes: list[RosterCode] = []
        self._read_frame()
        self._found = {c.id for c in self.companies}, {t.id for t in self.teams}
        self._rates: dict[int, list[Terms]] | None = None

    def _read_frame(self) -> None:
        self.companies = people.project_companies(self.db, self.project.id)
        self.teams = people.teams(self.db, self.project.id)

    def frame_again(self) -> None:
        """Add the companies and teams of earlier parts that were undone. They are undone again: no line of the journal."""
        if not self.earlier.companies and not self.earlier.teams:
            return
        new_id: dict[int, int] = {}
        for company in self.earlier.companies:
            company_id = people.add_company(self.db, uscc=company.uscc, name=company.name, now=self.now)
            new_id[company.id] = people.add_project_company(
                self.db, project_id=self.project.id, company_id=company_id, role=company.role, entry_on=company.entry_on
            )
        for team in self.earlier.teams:
            of = new_id.get(team.project_company_id, team.project_company_id)
            people.add_team(self.db, project_id=self.project.id, project_company_id=of, name=team.name, trade=team.trade)
        self._read_frame()

    def frame_kept(self) -> None:
        """Remember the companies and teams that are about to be undone."""
        companies, teams = self._found
        self.earlier.companies = [c for c in self.companies if c.id not in companies]
        self.earlier.teams = [t for t in self.teams if t.id not in teams]

    def _agreed(self, engagement_id: int) -> list[Terms]:
        # Read when the first person is met who is there already: a file of new people never needs it.
        if self._rates is None:
            self._rates = {}
            for terms in people.terms(self.db, self.project.id):
                self._rates.setdefault(terms.engagement_id, []).append(terms)
        return self._rates.get(engagement_id, [])

    def take(self, row: RosterRow) -> None:
        wrong = [RosterFault(row.sheet, row.number, f.column, f.code, f.facts, row.name or "") for f in row.faults]
        checked = None
        if row.id_number is not None:
            try:
                checked = check_id_number(row.id_number, self.today, self.settings)
            except Unusable as error:
                wrong.append(_fault(row, "id_number", error))
        if checked is not None and row.sex is not None and row.sex != checked.sex:
            wrong.append(RosterFault(row.sheet, row.number, "sex", "sex_differs", {}, row.name or ""))
        if wrong and row.company is not None:
            # Everything that is wrong with a row in one go: what is put right one by one is sent once more each time.
            try:
                self._known(row)
            except ServiceError as error:
                wrong.append(_fault(row, _COLUMN_OF.get(error.code, ""), error))
        if wrong or checked is None:
            self._refuse(wrong)
            return
        worker_id = people.find_worker(self.db, self.vault.index("id_number", checked.normalised))
        there = self._engagement(worker_id, row)
        if there is not None:
            self.already_there += 1
            self.differences += self._compare(row, worker_id, there)
            return
        doubts = self._doubts(row, checked)
        try:
            # A row that fails half way must not leave its company or team behind.
            with self.db.begin_nested():
                entered = self._enter(row)
        except ServiceError as error:
            if error.status >= 500:
                raise
            self._read_frame()
            self._refuse([_fault(row, _COLUMN_OF.get(error.code, ""), error)])
            return
        self.entered += 1
        self.warnings += doubts
        if entered.code is not None:
            self.codes.append(RosterCode(row.sheet, row.number, entered.worker_id, entered.code))

    def _doubts(self, row: RosterRow, checked: IdNumber) -> list[RosterFault]:
        """What of a row that can be entered was perhaps not meant."""
        found: list[RosterFault] = []

        def doubt(column: str, code: str, **facts: Any) -> None:
            found.append(RosterFault(row.sheet, row.number, column, code, facts, row.name or ""))

        years = age(checked.birth_on, self.today)
        limit = self.limits["age_women_max" if checked.sex == "F" else "age_men_max"]
        if years >= limit:
            doubt("id_number", "age_over", limit=limit)
        elif years < self.limits["age_minor"]:
            doubt("id_number", "age_minor", limit=self.limits["age_minor"])
        at = RATES_DOUBTED_FEN.get(row.pay_kind)
        if at is not None and row.day_rate_fen is not None and row.day_rate_fen >= at:
            doubt("day_rate", "day_rate_high" if row.pay_kind == "day" else "hour_rate_high", limit=at // 100)
        if row.entry_on > self.today:
            doubt("entry_on", "entry_ahead", days=(row.entry_on - self.today).days)
        here = [c for c in self.companies if c.name == row.company and (row.role is None or c.role == row.role)]
        if here and row.entry_on < min(c.entry_on for c in here):
            doubt("entry_on", "entry_before_company", company_on=min(c.entry_on for c in here).isoformat())
        companies = {c.name for c in self.companies}
        near = company_like(row.company, sorted(companies)) if row.uscc is None else None
        if near is not None and ("company", row.company) not in self.doubted:
            self.doubted.add(("company", row.company))
            doubt("company", "company_new_near", near=near)
        near = team_like(row.team, [team.name for team in self.teams])
        if near is not None and ("team", row.team) not in self.doubted:
            self.doubted.add(("team", row.team))
            doubt("team", "team_new_near", near=near)
        return found

    def _refuse(self, wrong: list[RosterFault]) -> None:
        self.faulty += 1
        self.faults += wrong

    def _engagement(self, worker_id: int | None, row: RosterRow) -> Engagement | None:
        """The worker's time on this project that the row is about, if he has one."""
        if worker_id is None:
            return None
        for engagement in people.engagements_of(self.db, self.project.id, worker_id):
            begins_before_end = row.exit_on is None or engagement.entry_on < row.exit_on
            ends_after_begin = engagement.exit_on is None or engagement.exit_on > row.entry_on
            if begins_before_end and ends_after_begin:
                return engagement
        return None

    def _enter(self, row: RosterRow) -> papers.Entered:
        company = self._company(row)
        team = next((t for t in self.teams if t.project_company_id == company and t.name == row.team), None)
        if team is None:
            team_id = papers.add_team(
                self.db, project_id=self.project.id, project_company_id=company, name=row.team, trade=None,
                now=self.now, by=self.by,
            )
            self._read_frame()
        else:
            team_id = team.id
        return papers.enter_worker(
            self.db, self.vault, self.settings,
            project_id=self.project.id, team_id=team_id, name=row.name, id_number=row.id_number,
            day_rate_fen=row.day_rate_fen, entry_on=row.entry_on, exit_on=row.exit_on, trade=row.trade,
            phone=row.phone, card=row.card, pay_kind=row.pay_kind, unit=row.unit, now=self.now, by=self.by,
            **terms.said(overtime_rule=row.overtime_rule, relation=row.relation),
        )

    def _known(self, row: RosterRow) -> int | None:
        """The company of a row in its role on the project; None when the row adds it."""
        if row.uscc is not None:
            fitting = [c for c in self.companies if c.uscc == row.uscc]
            if any(c.name != row.company for c in fitting):
                raise Conflict("company_differs")
        else:
            fitting = [c for c in self.companies if c.name == row.company]
        if row.role is not None:
            fitting = [c for c in fitting if c.role == row.role]
        if len(fitting) == 1:
            return fitting[0].id
        if fitting:
            raise Unusable("company_role_ambiguous")
        if row.role is None:
            near = company_like(row.company, sorted({c.name for c in self.companies}))
            if near is not None:
                raise Unusable("company_near", near=near)
            raise Unusable("company_role_needed")
        return None

    def _company(self, row: RosterRow) -> int:
        there = self._known(row)
        if there is not None:
            return there
        known = [c for c in self.companies if c.name == row.company and c.uscc is not None]
        added = papers.add_company_to_project(
            self.db, project_id=self.project.id, name=row.company,
            # The same company in a second role, written without its code this time, is still that company.
            uscc=row.uscc or (known[0].uscc if known else None),
            role=row.role, entry_on=row.entry_on, now=self.now, by=self.by,
        )
        self._read_frame()
        return added

    def _compare(self, row: RosterRow, worker_id: int, there: Engagement) -> list[RosterFault]:
        found: list[RosterFault] = []

        def differs(column: str, code: str, **facts: Any) -> None:
            found.append(RosterFault(row.sheet, row.number, column, code, facts, row.name or ""))

        if people.worker(self.db, worker_id).name != row.name:
            differs("name", "name_differs")
        team = next((team for team in self.teams if team.id == there.team_id), None)
        if team is None or team.name != row.team or team.company_name != row.company:
            differs("team", "team_differs")
        if there.entry_on != row.entry_on:
            differs("entry_on", "entry_differs", recorded=there.entry_on.isoformat())
        if row.exit_on != there.exit_on:
            differs("exit_on", "exit_differs")
        rates = self._agreed(there.id)
        # What holds today, or for a time that is over or to come, what was agreed last.
        now_or_last = [t for t in rates if t.covers(self.today)] or sorted(rates, key=lambda t: t.valid_from)[-1:]
        if now_or_last and now_or_last[0].kind != row.pay_kind:
            differs("pay_kind", "pay_kind_differs")
        elif now_or_last and now_or_last[0].rate_fen != row.day_rate_fen:
            differs("day_rate", "rate_differs", recorded=shown_yuan(now_or_last[0].rate_fen))
        if now_or_last and row.overtime_rule not in (None, now_or_last[0].overtime_rule):
            differs("overtime_rule", "overtime_differs")
        if now_or_last and row.relation not in (None, now_or_last[0].relation):
            differs("relation", "relation_differs")
        if row.phone is not None:
            told = amending.take_phone(
                self.db, self.vault, project_id=self.project.id, worker_id=worker_id, phone=row.phone, reason=amending.AT_ENTRY,
                now=self.now, by=self.by,
            )  # fmt: skip
            if told == "taken":
                differs("phone", "phone_taken")
            elif told == "differs":
                differs("phone", "phone_differs")
        if row.card is not None:
            index = self.vault.index("credential.card", row.card)
            if people.worker_by_credential(self.db, self.project.id, "card", index) != worker_id:
                differs("card", "card_differs")
        return found


_COLUMN_OF = {
    "company_differs": "company",
    "company_near": "company",
    "company_role_ambiguous": "role",
    "company_role_needed": "role",
    "worker_name_differs": "name",
    "credential_taken": "card",
    "day_rate_wrong": "day_rate",
    "rate_wrong": "day_rate",
    "terms_unit_needed": "unit",
    "terms_unit_unused": "unit",
    "overtime_rule_unknown": "overtime_rule",
    "relation_unknown": "relation",
    "engagement_overlaps": "entry_on",
    "exit_before_entry": "exit_on",
    "card_wrong": "card",
    "phone_wrong": "phone",
    "uscc_length": "uscc",
    "uscc_characters": "uscc",
    "uscc_check_digit": "uscc",
}


def _fault(row: RosterRow, column: str, error: ServiceError) -> RosterFault:
    return RosterFault(row.sheet, row.number, column, error.code, error.facts, row.name or "")


# --- what may be shown -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RosterLine:
    """One engagement of the roster as a reader may see it."""

    worker_id: int
    engagement_id: int
    name: str
    sex: str
    id_number: str
    """Masked for the reader."""
    phone: str
    team_id: int
    team: str
    company: str
    trade: str | None
    entry_on: date
    exit_on: date | None
    day_rate_fen: int | None
    has_template: bool

    def __repr__(self) -> str:
        return f"RosterLine(worker_id={self.worker_id}, engagement_id={self.engagement_id})"


@dataclass(frozen=True, slots=True)
class RosterPage:
    """Some lines of the roster and how many there are in all."""

    total: int
    page: int
    size: int
    lines: tuple[RosterLine, ...]


def roster(
    db: Session,
    vault: Vault,
    *,
    project_id: int,
    view: str,
    name: str | None = None,
    id_number: str | None = None,
    team_id: int | None = None,
    present_only: bool = False,
    page: int = 1,
    size: int = 50,
    now: datetime,
) -> RosterPage:
    """One page of the roster, masked.

    Args:
        view: ``app.access.view_of``: staff and bureau read names and part of the ID number; others neither.
        name: part of a name.
        id_number: a whole ID number; found by its blind index, never by part of it.
        present_only: leave out who has left.
        page: from 1.
    """
    project = people.project(db, project_id)
    today = project_today(project.time_zone, now)
    lines = people.workers(db, project_id, today=today)

    if name:
        wanted = clean_text(name).casefold()
        lines = [line for line in lines if wanted in line.name.casefold()]
    if id_number:
        index = vault.index("id_number", _searched(id_number))
        lines = [line for line in lines if line.id_number_index == index]
    if team_id is not None:
        lines = [line for line in lines if line.team_id == team_id]
    if present_only:
        lines = [line for line in lines if line.exit_on is None or line.exit_on > today]
    total = len(lines)
    lines = lines[(page - 1) * size : page * size]

    mask = {"staff": View.PROJECT, "bureau": View.BUREAU}.get(view, View.PUBLIC)
    return RosterPage(total, page, size, tuple(_shown(vault, line, mask) for line in lines))


def _shown(vault: Vault, line: people.RosterRow, mask: View) -> RosterLine:
    id_number = phone = ""
    if mask is not View.PUBLIC:
        opened = vault.open(
            line.id_number_sealed, table="worker", column="id_number_sealed", owner=line.id_number_index
        )
        id_number = identity.mask_id_number(opened.decode(), mask)
        if line.phone_sealed is not None:
            opened = vault.open(line.phone_sealed, table="worker", column="phone_sealed", owner=line.id_number_index)
            phone = identity.mask_phone(opened.decode(), mask)
    return RosterLine(
        worker_id=line.worker_id,
        engagement_id=line.engagement_id,
        name=identity.mask_name(line.name, mask) if mask is View.PUBLIC else line.name,
        sex=line.sex,
        id_number=id_number,
        phone=phone,
        team_id=line.team_id,
        team=line.team_name,
        company=line.company_name,
        trade=line.trade,
        entry_on=line.entry_on,
        exit_on=line.exit_on,
        day_rate_fen=line.rate_fen if mask is not View.PUBLIC else None,
        has_template=line.has_template,
    )


def _searched(id_number: str) -> str:
    """As ``check_id_number`` would write it; what it would refuse finds nobody."""
    return re.sub(r"\s", "", clean_text(id_number)).upper()
