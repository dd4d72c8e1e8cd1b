"""Use case: Excel tables that come in beside the roster, row by row.

    import_measures     计量: measured work of teams, with agreed shares
    import_cards        工资卡: whom to pay to
    import_calendar     法定日历: the dates of a notice, all or none

Of measures and cards the good rows count and every other one is named with its number and reason; a row that is there
already is left alone, so the same file again changes nothing. A calendar with one wrong row is not written at all: a
month must not be priced by half a notice.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import bank, terms, timekeeping
from app.domain.bank_files import tidy_name
from app.errors import NotFound, ServiceError, Unusable
from app.forms.calendar import CalendarFile
from app.forms.cards import CardRow, Cards
from app.forms.measures import MeasureRow, Measures, ShareRow
from app.store import accounts, people
from app.store import terms as held
from app.vault import Vault
from app.wording import sentence

ROWS_MAX = 1_000
"""Of one file: its rows are one transaction, and no gate can write meanwhile."""


@dataclass(frozen=True, slots=True)
class RowNote:
    """Something a person has to look at: where it is and what it is. Never the content of the cell."""

    sheet: str
    row: int
    column: str
    """Key of the form's column; empty for the whole row."""
    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self, language: str) -> dict[str, Any]:
        """With the sentence in ``language``."""
        said = sentence(self.code, language, **self.facts)
        return {"sheet": self.sheet, "row": self.row, "column": self.column, "code": self.code, "sentence": said}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every row: ``rows_total`` is always ``entered + already_there + faulty``."""

    rows_total: int
    entered: int
    already_there: int
    faulty: int
    faults: tuple[RowNote, ...] = ()
    """At least one for each faulty row, but where the whole file was refused for another."""
    warnings: tuple[RowNote, ...] = ()
    """Rows that were entered and deserve a second look."""
    ids: tuple[int, ...] = ()
    """Of what was entered, in the order of the file."""
    sheets_read: tuple[str, ...] = ()
    dry_run: bool = False

    def as_json(self, language: str) -> dict[str, Any]:
        """For a reply; sentences in ``language``."""
        return {
            "rows_total": self.rows_total, "entered": self.entered, "already_there": self.already_there, "faulty": self.faulty,
            "faults": [fault.as_json(language) for fault in self.faults],
            "warnings": [warning.as_json(language) for warning in self.warnings],
            "ids": list(self.ids), "sheets_read": list(self.sheets_read), "dry_run": self.dry_run,
        }  # fmt: skip


class _Tally:
    """What became of the rows so far."""

    def __init__(self) -> None:
        self.already_there = self.faulty = 0
        self.faults: list[RowNote] = []
        self.warnings: list[RowNote] = []
        self.ids: list[int] = []

    def refuse(self, notes: Sequence[RowNote]) -> None:
        self.faulty += 1
        self.faults += notes

    def report(self, rows_total: int, sheets_read: tuple[str, ...], dry_run: bool) -> ImportReport:
        return ImportReport(
            rows_total, len(self.ids), self.already_there, self.faulty, tuple(self.faults), tuple(self.warnings),
            () if dry_run else tuple(self.ids), sheets_read, dry_run,
        )  # fmt: skip


def _noted(row: MeasureRow | ShareRow | CardRow) -> list[RowNote]:
    return [RowNote(row.sheet, row.number, fault.column, fault.code, fault.facts) for fault in row.faults]


def _done(db: Session, dry_run: bool, work: Callable[[], ImportReport]) -> ImportReport:
    """Do it; of a dry run the report is all that is left."""
    with db.begin_nested() as everything:
        report = work()
        if dry_run:
            everything.rollback()
    return report


def _tried(db: Session, tally: _Tally, row: MeasureRow | CardRow, columns: dict[str, str], work: Callable[[], Any]) -> Any:
    """What ``work`` gives; None when it refuses: then the row has its fault and nothing of it is left behind."""
    try:
        with db.begin_nested():
            return work()
    except ServiceError as error:
        if error.status >= 500:
            raise
        tally.refuse([RowNote(row.sheet, row.number, columns.get(error.code, ""), error.code, error.facts)])
        return None


# --- measured work ---------------------------------------------------------------------------------------------

_MEASURE_COLUMN = {
    "not_own_team": "team",
    "measure_month_wrong": "measured_on",
    "measure_percent_wrong": "percent",
    "measure_too_large": "quantity_milli",
    "measure_shares_wrong": "split_by",
    "measure_shares_foreign": "split_by",
}


def import_measures(
    db: Session,
    vault: Vault,
    *,
    project_id: int,
    file: Measures,
    teams: Collection[int] | None = None,
    dry_run: bool = False,
    by: str,
    now: datetime,
) -> ImportReport:
    """Record the good works of a file; they are paid when somebody else has accepted them.

    A work is there already when one with the same team, month, day, item, unit, quantity, price, rate and shares is on
    record: a file that names it twice means two, and the same file again means none.

    Args:
        teams: whose work who imports may measure; None for all.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.lock_project(db, project_id)
    people.project(db, project_id)
    tally = _Tally()
    by_name: dict[str, list[int]] = {}
    for team in people.teams(db, project_id):
        by_name.setdefault(tidy_name(team.name), []).append(team.id)
    engaged = people.engagements(db, project_id)
    there = Counter(
        (
            m.team_id, m.month, m.measured_on, m.item, m.unit, m.quantity_milli, m.unit_price_fen, m.percent, m.split_by,
            frozenset(m.shares),
        )
        for m in held.measure_rows(db, project_id)
    )  # fmt: skip

    def share_of(share: ShareRow, row: MeasureRow, team_id: int) -> tuple[int, int]:
        worker_id = people.find_worker(db, vault.index("id_number", share.id_number or ""))
        own = [
            e.id
            for e in engaged
            if e.worker_id == worker_id and e.team_id == team_id and row.month is not None and terms.meets_month(e, row.month)
        ]
        if not own:
            raise Unusable("measure_shares_foreign")
        # Twice in the month with one team: his share is of his last time there.
        return own[-1], share.share or 0

    def take(row: MeasureRow) -> None:
        notes = _noted(row) + [note for share in row.shares for note in _noted(share)]
        of_name = by_name.get(tidy_name(row.team or ""), [])
        if row.team is not None and len(of_name) != 1:
            notes.append(RowNote(row.sheet, row.number, "team", "team_name_ambiguous" if of_name else "team_unknown"))
        shares = []
        if not notes:
            for share in row.shares:
                try:
                    shares.append(share_of(share, row, of_name[0]))
                except Unusable as error:
                    notes.append(RowNote(share.sheet, share.number, "id_number", error.code))
        if notes:
            tally.refuse(notes)
            return
        values = {
            "team_id": of_name[0], "month": row.month, "measured_on": row.measured_on, "item": row.item, "unit": row.unit,
            "quantity_milli": row.quantity_milli, "unit_price_fen": row.unit_price_fen, "percent": row.percent, "split_by": row.split_by,
        }  # fmt: skip
        known = (*values.values(), frozenset(shares))
        if there[known] > 0 and (teams is None or of_name[0] in teams):
            there[known] -= 1
            tally.already_there += 1
            return
        added = _tried(
            db, tally, row, _MEASURE_COLUMN,
            lambda: terms.add_measure(db, project_id=project_id, **values, shares=shares, teams=teams, by=by, now=now),
        )  # fmt: skip
        if added is not None:
            tally.ids.append(added)

    def work() -> ImportReport:
        for row in file.rows:
            take(row)
        for share in file.loose:
            tally.refuse(_noted(share))
        return tally.report(len(file.rows) + len(file.loose), file.sheets_read, dry_run)

    report = _done(db, dry_run, work)
    _journal(db, now, by, "measures.imported", project_id, report)
    return report


# --- wage cards ------------------------------------------------------------------------------------------------

_CARD_COLUMN = {
    "card_number_wrong": "card",
    "card_of_another": "card",
    "card_holder_differs": "holder",
    "bank_code_wrong": "bank_code",
    "bank_name_wrong": "bank",
}


def import_cards(
    db: Session, vault: Vault, *, project_id: int, file: Cards, dry_run: bool = False, by: str, now: datetime
) -> ImportReport:
    """Record the good cards of a file, sealed one by one as at the desk; the newest is paid to.

    Raises:
        NotFound: ``project_unknown``.
    """
    people.lock_project(db, project_id)
    people.project(db, project_id)
    tally = _Tally()

    def set_card(row: CardRow) -> bank.CardSet:
        worker_id = people.find_worker(db, vault.index("id_number", row.id_number or ""))
        if worker_id is None:
            raise NotFound("worker_not_on_project")
        if row.name is not None and tidy_name(row.name) != tidy_name(people.worker(db, worker_id).name):
            raise Unusable("name_differs")
        return bank.set_card(
            db, vault, project_id=project_id, worker_id=worker_id, number=row.card or "", bank_name=row.bank or "",
            holder_name=row.holder, bank_code=row.bank_code, by=by, now=now,
        )  # fmt: skip

    def take(row: CardRow) -> None:
        if row.faults:
            tally.refuse(_noted(row))
            return
        columns = _CARD_COLUMN | {"worker_not_on_project": "id_number", "name_differs": "name"}
        done = _tried(db, tally, row, columns, lambda: set_card(row))
        if done is None:
            return
        tally.warnings += [RowNote(row.sheet, row.number, "card", code) for code in done.warnings]
        if done.created:
            tally.ids.append(done.card_id)
        else:
            tally.already_there += 1

    def work() -> ImportReport:
        for row in file.rows:
            take(row)
        return tally.report(len(file.rows), file.sheets_read, dry_run)

    report = _done(db, dry_run, work)
    _journal(db, now, by, "bank_cards.imported", project_id, report)
    return report


# --- the calendar ----------------------------------------------------------------------------------------------


def import_calendar(
    db: Session, *, file: CalendarFile, source: str, fill_year: int | None = None, dry_run: bool = False, by: str, now: datetime
) -> ImportReport:
    """Write the dates of a notice: all rows, or none and the faults.

    Raises:
        Unusable: as ``timekeeping.import_calendar``.
    """
    notes = [
        RowNote(row.sheet, row.number, fault.column, fault.code, fault.facts) for row in file.rows for fault in row.faults
    ]
    if notes:
        return ImportReport(len(file.rows), 0, 0, len(file.rows), tuple(notes), sheets_read=file.sheets_read, dry_run=dry_run)

    def work() -> ImportReport:
        # A year that is filled has more dates than the file has rows; both are told as dates then.
        done = timekeeping.import_calendar(db, rows=file.cells, source=source, fill_year=fill_year, by=by, now=now)
        return ImportReport(
            done.written + done.unchanged, done.written, done.unchanged, 0, sheets_read=file.sheets_read, dry_run=dry_run
        )

    return _done(db, dry_run, work)


def _journal(db: Session, now: datetime, by: str, action: str, project_id: int, report: ImportReport) -> None:
    if report.dry_run:
        return
    accounts.journal(
        db, at=now, actor=by, action=action, project_id=project_id, object=f"project:{project_id}",
        facts={
            "rows": report.rows_total, "entered": report.entered, "already_there": report.already_there, "faulty": report.faulty,
        },
    )  # fmt: skip
