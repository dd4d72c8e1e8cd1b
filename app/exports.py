"""Use case: papers that leave the house, as Excel in the forms the trade uses.

    attendance        考勤表 of a team and month, with times and corrections
    payroll           工资表 (short, detail, statutory) or 工资公示表 of a sheet
    slips             工资清单 of a sheet, one page a worker
    roster, moves     花名册, 进退场登记
    movement          月人员动态表 of a month
    ledger            农民工工资支付台账 of a year, one page a worker
    account           专户收支台账
    settlement        退场工资结算确认书
    three_way         三方核对表 of a month
    findings          问题线索台账
    county            在建项目农民工工资支付监管清单 of somebody's area, with the sums by town

Every file carries the end of the project's chain of passages in its footer and leaves a row of who took what. ID numbers
stand in full only for the labour officer, whose papers need them; for everybody else they are masked.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import inspection, oversight, projection, settlements, sheets
from app.domain.colour import Level
from app.domain.identity import View, mask_id_number, mask_name, mask_phone, name_order
from app.domain.sheet import ItemKind
from app.domain.wages import Component
from app.domain.workdays import next_month
from app.errors import BadRequest, Conflict, NotFound
from app.forms import account as account_form
from app.forms import attendance as attendance_form
from app.forms import county as county_form
from app.forms import findings as findings_form
from app.forms import ledger as ledger_form
from app.forms import payroll as payroll_form
from app.forms import people as people_form
from app.forms import settlement as settlement_form
from app.forms import slip as slip_form
from app.forms import threeway as threeway_form
from app.forms.book import Stamp
from app.sharing import Tell, silent
from app.store import accounts, bank, gates, money, people, timekeeping
from app.store import exports as kept
from app.store import journal as chain
from app.store import sheets as held
from app.store.people import ProjectInfo, RosterRow
from app.vault import Vault
from app.wording import name as label
from app.wording.wages import formula_of_several

PAYROLL_SHAPES = {
    "short": payroll_form.payroll_short,
    "detail": payroll_form.payroll_detail,
    "statutory": payroll_form.payroll_statutory,
    "notice": payroll_form.payroll_notice,
}
"""工资表 for signature, with detail, with everything the law names; and what is publicised."""

T = TypeVar("T")

_A_DAY = timedelta(days=1)
_OVERTIME = ("overtime", "overtime_rest", "overtime_statutory", "overtime_units")


@dataclass(frozen=True, slots=True)
class File:
    """A paper."""

    name: str
    content: bytes = field(repr=False)
    sha256: str
    row: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What ``note`` writes of it."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """Who takes a paper, of which project, in which language."""

    db: Session
    vault: Vault
    project: ProjectInfo
    language: str
    full: bool
    """ID and telephone numbers in full."""
    by: str
    now: datetime
    head: str
    journal: str
    tell: Tell

    def each(self, rows: Sequence[T]) -> Iterator[T]:
        """Give the rows one by one, and say how far it is."""
        for done, row in enumerate(rows):
            self.tell("gather", done, len(rows))
            yield row

    def written(self, total: int) -> Callable[[int], None]:
        """What a form is given to say how many pages it has written."""
        return lambda done: self.tell("write", done, total) if done < total else self.tell("pack", 0, 0)

    @property
    def stamp(self) -> Stamp:
        return Stamp(made_at=self.now, zone=self.project.time_zone, head_hash=self.head, journal=self.journal, language=self.language)

    def id_number(self, row: RosterRow) -> str:
        number = self.vault.open(
            row.id_number_sealed, table="worker", column="id_number_sealed", owner=row.id_number_index
        ).decode()
        return number if self.full else mask_id_number(number, View.PROJECT)

    def phone(self, row: RosterRow) -> str:
        if row.phone_sealed is None:
            return ""
        number = self.vault.open(row.phone_sealed, table="worker", column="phone_sealed", owner=row.id_number_index).decode()
        return number if self.full else mask_phone(number, View.PROJECT)

    def general(self) -> str:
        """The general contractor's name; empty while none is recorded."""
        companies = people.project_companies(self.db, self.project.id)
        return next((c.name for c in companies if c.role == "general_contractor"), "")

    def roster(self, worker_id: int | None = None) -> dict[int, RosterRow]:
        """Engagement id -> row; of one worker when he is named."""
        today = self.now.date()
        return {row.engagement_id: row for row in people.workers(self.db, self.project.id, today=today, worker_id=worker_id)}

    def done(self, form: str, name: str, content: bytes, **facts: Any) -> File:
        """Give the file, with what ``note`` writes of it."""
        digest = sha256(content).hexdigest()
        row = {"project_id": self.project.id, "form": form, "facts": facts, "file_sha256": digest, "head_hash": self.head, "by": self.by, "now": self.now}
        return File(name, content, digest, {**row, "full": self.full})


def note(db: Session, taken: File) -> None:
    """Leave a row and a line of the journal that a paper was taken: its digest, where the journal ended, by whom.

    Apart from making it: that is seconds of reading for a year of a thousand workers, and this is a moment of writing.
    """
    row = dict(taken.row)
    full = row.pop("full")
    if row["project_id"] is not None:
        # Of no project: the journal's line is the record of who took it.
        kept.add_export(db, **row)
    accounts.journal(
        db, at=row["now"], actor=row["by"], action="form.exported", project_id=row["project_id"], object=f"form:{row['form']}",
        facts=row["facts"] | {"sha256": taken.sha256, "full": full},
    )  # fmt: skip


def _desk(db: Session, vault: Vault, project_id: int, language: str, full: bool, by: str, now: datetime, tell: Tell = silent) -> _Desk:
    if language not in ("zh", "en"):
        raise BadRequest("form_unknown")
    tell("gather", 0, 0)
    project = people.project(db, project_id)
    end = chain.head(db)
    return _Desk(db, vault, project, language, full, by, now, gates.head(db, project_id)[1], f"{end.seq}:{end.hash}", tell)


# --- attendance ------------------------------------------------------------------------------------------------


def attendance(
    db: Session, vault: Vault, *, project_id: int, team_id: int, month: date, language: str = "zh", full: bool = False,
    by: str, now: datetime, tell: Tell = silent,
) -> File:  # fmt: skip
    """The month grid of a team, with the times of every session and the corrections behind it.

    Raises:
        NotFound: ``project_unknown``, ``team_unknown``.
    """
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    team = _team(db, project_id, team_id)
    end = next_month(month)
    rows: list[attendance_form.AttendanceRow] = []
    times: list[attendance_form.TimeRow] = []
    gate_names = {gate.id: gate.name for gate in gates.gates(db, project_id)}
    roster = [
        row
        for row in desk.roster().values()
        if row.team_id == team_id and row.entry_on < end and (row.exit_on is None or row.exit_on > month)
    ]
    calendar = timekeeping.calendar(db, month, end)
    today = desk.stamp.made_on
    first_at = gates.heard_from(db, project_id)
    gates_from = first_at.astimezone(ZoneInfo(desk.project.time_zone)).date() if first_at else date.max
    for row in desk.each(sorted(roster, key=lambda r: (name_order(r.name), r.worker_id))):
        lines = {
            line.work_date: line
            for line in projection.worker_days(db, project_id, row.worker_id, month, end, now)
            if line.engagement_id == row.engagement_id
        }
        cells: list[attendance_form.DayCell | None] = []
        day = month
        while day < end:
            covers = row.entry_on <= day and (row.exit_on is None or day < row.exit_on)
            is_rest = not calendar[day].is_work if day in calendar else day.weekday() > 4
            cells.append(attendance_form.cell_of(lines.get(day), is_rest=is_rest, is_over=day < today, had_gates=day >= gates_from) if covers else None)
            day += _A_DAY
        away = 1000 * sum(cell is not None and cell.mark in ("leave", "absent") for cell in cells)
        rows.append(
            attendance_form.AttendanceRow(
                name=row.name, id_number=desk.id_number(row), trade=row.trade or "", cells=tuple(cells),
                day_milli=sum(line.day_milli or 0 for line in lines.values()),
                overtime_minutes=sum(line.overtime_minutes for line in lines.values()), away_milli=away,
            )
        )  # fmt: skip
        for on, line in sorted(lines.items()):
            for session in line.detail.get("sessions", ()):
                came, went = datetime.fromisoformat(session["in_at"]), datetime.fromisoformat(session["out_at"])
                note = label("form_flag.corrected", language) if "corrected" in session["flags"] else ""
                times.append(
                    attendance_form.TimeRow(
                        work_date=on, name=row.name, team=team.name, in_at=came, out_at=went,
                        seconds=int((went - came).total_seconds()), gate=gate_names.get(session["gates"][0], ""), note=note,
                    )
                )  # fmt: skip
            for part in line.detail.get("loose", ()):
                at = datetime.fromisoformat(part["at"])
                came = at if part["reason"] == "missing_out" else None
                times.append(
                    attendance_form.TimeRow(
                        work_date=on, name=row.name, team=team.name, in_at=came, out_at=None if came else at, seconds=None,
                        gate=gate_names.get(part["gate"], ""), note=label(f"form_reason.{part['reason']}", language),
                    )
                )  # fmt: skip
    names = {row.worker_id: row.name for row in roster}
    corrections = [
        _correction(desk, found, names[found.worker_id])
        for found in timekeeping.corrections_of(db, project_id, month, end)
        if found.worker_id in names and any(step.act == "officer_ok" for step in found.steps)
    ]
    content = attendance_form.attendance_sheet(
        attendance_form.AttendanceHead(
            project=desk.project.name, month=month, general=desk.general(), company=_company(db, project_id, team.project_company_id), team=team.name
        ),
        rows, times, corrections, desk.stamp,
    )  # fmt: skip
    return desk.done("attendance", f"{desk.project.code}-{month:%Y%m}-{team_id}.xlsx", content, team=team_id, month=f"{month:%Y-%m}")


def _correction(desk: _Desk, found: Any, name: str) -> attendance_form.CorrectionRow:
    by = {step.act: step for step in found.steps}
    zone = ZoneInfo(desk.project.time_zone)
    clocks = [f"{at.astimezone(zone):%m-%d %H:%M}" for at in (found.in_at, found.out_at) if at]
    after = " – ".join(clocks) or (f"{(found.day_milli or 0) / 1000:g}" if found.day_milli is not None else "")
    return attendance_form.CorrectionRow(
        work_date=found.work_date, name=name, kind=label(f"correction_kind.{found.kind}", desk.language), before="", after=after,
        reason=label(f"correction_reason.{found.reason}", desk.language) + (f"：{found.note}" if found.note else ""),
        asked_by=found.requested_by, leader_by=_agreed(desk, by["leader_ok"]) if "leader_ok" in by else "",
        officer_by=_agreed(desk, by["officer_ok"]),
        decided_at=by["officer_ok"].at,
    )  # fmt: skip


def _agreed(desk: _Desk, step: Any) -> str:
    """His login, and that he stood in for whose word it is."""
    return label("form_stood_in", desk.language).format(name=step.by) if step.stood_in_as else step.by


# --- payroll ---------------------------------------------------------------------------------------------------


def payroll(
    db: Session, vault: Vault, *, project_id: int, sheet_id: int, shape: str, language: str = "zh", full: bool = False,
    by: str, now: datetime, tell: Tell = silent,
) -> File:  # fmt: skip
    """A payroll sheet in one of the shapes people sign, keep and publicise.

    Raises:
        BadRequest: ``form_unknown``.
        NotFound: ``project_unknown``, ``sheet_unknown``.
    """
    if shape not in PAYROLL_SHAPES:
        raise BadRequest("form_unknown")
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    view = sheets.view(db, project_id=project_id, sheet_id=sheet_id, now=now)
    roster = desk.roster()
    cards = bank.cards(db, {v.line.content.worker_id for v in view.lines})
    lines = [_pay_line(desk, v, roster[v.line.content.engagement_id], cards, shape) for v in desk.each(view.lines)]
    head = payroll_form.PayrollHead(
        project=desk.project.name, month=view.sheet.month, general=desk.general(), company=view.company_name, team=view.team_name,
        version=str(view.sheet.version), public_from=view.publicised_on, public_to=view.approvable_on,
    )  # fmt: skip
    content = PAYROLL_SHAPES[shape](head, lines, desk.stamp)
    return desk.done(
        f"payroll_{shape}", f"{desk.project.code}-{view.sheet.month:%Y%m}-{sheet_id}-{shape}.xlsx", content, sheet=sheet_id
    )


def _pay_line(desk: _Desk, view: sheets.LineView, row: RosterRow, cards: dict[int, bank.CardInfo], shape: str) -> payroll_form.PayLine:
    content = view.line.content
    sums = _sums(content.items)
    rates = {item.rate_fen for item in content.items if item.code == "base" and not item.takes_back}
    terms = [t for t in people.terms(desk.db, desk.project.id, content.engagement_id) if t.valid_from < next_month(content.origin_month)]
    card = cards.get(content.worker_id)
    is_public = shape == "notice"
    disputed = view.confirmation is not None and str(view.confirmation.verdict) == "dispute"
    return payroll_form.PayLine(
        worker_id=content.worker_id,
        name=mask_name(view.name, View.PUBLIC) if is_public else view.name,
        id_number="" if is_public else desk.id_number(row),
        trade=view.trade or "",
        day_milli=content.day_milli,
        regular_fen=sums.regular,
        overtime_minutes=content.overtime_minutes,
        overtime_fen=sums.overtime,
        allowance_fen=sums.allowance,
        advance_fen=sums.advances,
        social_fen=sums.social,
        tax_fen=sums.tax,
        damage_fen=sums.damage,
        other_fen=sums.other,
        carried_fen=view.carried_in_fen,
        paid_fen=view.paid_fen,
        gate_day_milli=view.day_milli_now,
        company=row.company_name,
        team=row.team_name,
        phone="" if is_public else desk.phone(row),
        entry_on=row.entry_on,
        pay_kind=str(terms[-1].kind) if terms else "day",
        rate_fen=rates.pop() if len(rates) == 1 else None,
        bank=card.bank_name if card else "",
        card="" if card is None or is_public else f"**** {card.last4}",
        back_month=content.origin_month if content.origin_month != view.line.month else None,
        held_fen=view.held_fen if disputed else 0,
        dispute=view.confirmation.reason if disputed and not is_public and view.confirmation is not None else "",
    )


@dataclass(slots=True)
class _Sums:
    """The columns of a payroll sheet, fen; what is withheld as what was taken."""

    regular: int = 0
    overtime: int = 0
    allowance: int = 0
    advances: int = 0
    social: int = 0
    tax: int = 0
    damage: int = 0
    other: int = 0


_WITHHELD = {"social_insurance": "social", "housing_fund": "social", "income_tax": "tax", "damage": "damage"}


def _sums(items: Iterable[Any]) -> _Sums:
    sums = _Sums()
    for item in items:
        if item.kind is ItemKind.ADVANCE:
            sums.advances -= item.amount_fen
        elif item.kind is ItemKind.DEDUCTION:
            column = _WITHHELD.get(item.code, "other")
            setattr(sums, column, getattr(sums, column) - item.amount_fen)
        else:
            column = "overtime" if item.code in _OVERTIME else "allowance" if item.code == "allowance" else "regular"
            setattr(sums, column, getattr(sums, column) + item.amount_fen)
    return sums


def slips(
    db: Session, vault: Vault, *, project_id: int, sheet_id: int, verify_url: str = "", language: str = "zh", full: bool = False, by: str, now: datetime,
    tell: Tell = silent,
) -> File:  # fmt: skip
    """Wage slips of a sheet, one page a worker, each with the code that proves it.

    Args:
        verify_url: where a slip is checked; its code goes behind it.

    Raises:
        NotFound: ``project_unknown``, ``sheet_unknown``.
    """
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    sheet = held.sheet(db, sheet_id)
    if sheet.project_id != project_id:
        raise NotFound("sheet_unknown")
    pages = _slip_pages(desk, held.lines(db, sheet_id))
    content_bytes = slip_form.wage_slips(desk.project.name, pages, desk.stamp, verify_url=verify_url, told=desk.written(len(pages)))
    return desk.done("slips", f"{desk.project.code}-{sheet.month:%Y%m}-{sheet_id}-slips.xlsx", content_bytes, sheet=sheet_id)


def own_slip(
    db: Session, vault: Vault, *, project_id: int, worker_id: int, line_id: int, verify_url: str = "", language: str = "zh", by: str,
    now: datetime,
) -> File:  # fmt: skip
    """A worker's own wage slip of one line.

    Raises:
        NotFound: ``project_unknown``; ``line_unknown``, also for somebody else's.
        Conflict: ``sheet_not_approved``, ``line_tampered``.
    """
    desk = _desk(db, vault, project_id, language, False, by, now)
    line = held.line(db, line_id)
    if line.content.worker_id != worker_id or held.sheet(db, line.sheet_id).project_id != project_id:
        raise NotFound("line_unknown")
    content_bytes = slip_form.wage_slips(desk.project.name, _slip_pages(desk, [line], worker_id), desk.stamp, verify_url=verify_url)
    return desk.done("slips", f"{desk.project.code}-{line.content.origin_month:%Y%m}-slip.xlsx", content_bytes, line=line_id)


def _slip_pages(desk: _Desk, lines: Sequence[Any], worker_id: int | None = None) -> list[slip_form.Slip]:
    roster, language = desk.roster(worker_id), desk.language
    pages = []
    for line in desk.each(lines):
        told = sheets.slip(desk.db, desk.vault, project_id=desk.project.id, line_id=line.id)
        content = line.content
        earned = [i for i in content.items if i.is_gross]
        withheld = [i for i in content.items if i.kind in (ItemKind.DEDUCTION, ItemKind.ADVANCE)]
        pages.append(
            slip_form.Slip(
                name=told.name, id_number=desk.id_number(roster[content.engagement_id]), company=told.company_name, team=told.team_name,
                trade=told.trade or "", month=content.origin_month, day_milli=content.day_milli, overtime_minutes=content.overtime_minutes,
                items=tuple(_slip_items(earned, language)),
                withheld=tuple(slip_form.SlipItem(_withheld_label(i, language), "", -i.amount_fen) for i in withheld),
                paid_fen=told.paid_fen, unpaid_fen=told.unpaid_fen, code=told.code,
            )
        )  # fmt: skip
    return pages


def _slip_items(items: Sequence[Any], language: str) -> list[slip_form.SlipItem]:
    """Days of one component and rate as one row, so that a slip is one page; measured work stands for itself."""
    groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for at, item in enumerate(items):
        alone = at if item.code == Component.PIECE else None
        wage = (item.code, item.unit, item.rate_fen, item.per, item.permille) if item.kind is ItemKind.WAGE else ()
        groups[item.kind, item.takes_back, alone, *wage].append(item)
    found = []
    for (kind, takes_back, *_), of in groups.items():
        is_wage = kind is ItemKind.WAGE
        name = label(f"component.{of[0].code}" if is_wage else "form_item.moved", language)
        if takes_back:
            name = label("form_item.before", language).format(what=name)
        found.append(slip_form.SlipItem(name, formula_of_several(of, language) if is_wage else "", sum(i.amount_fen for i in of)))
    return found


def _withheld_label(item: Any, language: str) -> str:
    return label("ledger_account.advance" if item.kind is ItemKind.ADVANCE else f"deduction.{item.code}", language)


# --- people ----------------------------------------------------------------------------------------------------


def roster(
    db: Session, vault: Vault, *, project_id: int, language: str = "zh", full: bool = False, by: str, now: datetime, tell: Tell = silent
) -> File:
    """花名册: everybody who was ever engaged, in the order of entry.

    Raises:
        NotFound: ``project_unknown``.
    """
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    rows = list(desk.roster().values())
    cards = bank.cards(db, {row.worker_id for row in rows})
    today = now.astimezone(ZoneInfo(desk.project.time_zone)).date()
    rates = {
        term.engagement_id: f"{term.rate_fen / 100:.2f} " + label(f"rate_per.{term.kind}", language).format(unit=term.unit or "")
        for term in people.terms(db, project_id)
        if term.valid_from <= today and (term.valid_to is None or term.valid_to > today)
    }
    found = [
        people_form.Person(
            name=row.name, id_number=desk.id_number(row), trade=row.trade or "", company=row.company_name, team=row.team_name,
            entry_on=row.entry_on, sex=row.sex, phone=desk.phone(row), wage_rate=rates.get(row.engagement_id, ""),
            bank=cards[row.worker_id].bank_name if row.worker_id in cards else "",
            card=f"**** {cards[row.worker_id].last4}" if row.worker_id in cards else "", exit_on=_last_day(row.exit_on),
        )
        for row in desk.each(rows)
    ]  # fmt: skip
    tell("pack", 0, 0)
    content = people_form.people_sheet(people_form.PeopleHead(project=desk.project.name, general=desk.general()), found, desk.stamp)
    return desk.done("roster", f"{desk.project.code}-roster.xlsx", content, rows=len(found))


def moves(
    db: Session, vault: Vault, *, project_id: int, from_on: date, to_on: date, language: str = "zh", full: bool = False,
    by: str, now: datetime, tell: Tell = silent,
) -> File:  # fmt: skip
    """进退场登记 of [from_on, to_on): who came, who left, and whether he is settled.

    Raises:
        BadRequest: ``dates_wrong``.
        NotFound: ``project_unknown``.
    """
    if not timedelta(0) < to_on - from_on <= timedelta(days=400):
        raise BadRequest("dates_wrong")
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    exits = {e.statement.place.id: e for e in settlements.exits(db, project_id, now)}
    found = []
    for row in desk.roster().values():
        came = from_on <= row.entry_on < to_on
        left = row.exit_on is not None and from_on <= row.exit_on < to_on
        if came or left:
            until = row.exit_on or now.date()
            state = exits.get(row.engagement_id)
            found.append(
                people_form.Move(
                    name=row.name, id_number=desk.id_number(row), trade=row.trade or "", entry_on=row.entry_on, exit_on=_last_day(row.exit_on),
                    came=came, left=left, days_on_site=max(0, (until - row.entry_on).days),
                    settled="" if state is None else label(f"settlement_state.{state.state}", language),
                )
            )  # fmt: skip
    head = people_form.PeopleHead(project=desk.project.name, general=desk.general(), from_on=from_on, to_on=to_on - _A_DAY)
    content = people_form.moves_sheet(head, found, desk.stamp)
    return desk.done("moves", f"{desk.project.code}-moves-{from_on:%Y%m%d}.xlsx", content, rows=len(found))


def movement(
    db: Session, vault: Vault, *, project_id: int, month: date, language: str = "zh", full: bool = False, by: str, now: datetime, tell: Tell = silent
) -> File:
    """月人员动态表: how many were there, came, left and stay, by company, team and trade.

    Args:
        month: any day of it.

    Raises:
        NotFound: ``project_unknown``.
    """
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    month = month.replace(day=1)
    end = next_month(month)
    counted: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in desk.roster().values():
        # Who left before the month began is of another month's table.
        if row.entry_on >= end or (row.exit_on is not None and row.exit_on < month):
            continue
        counts = counted[row.company_name, row.team_name, row.trade or ""]
        counts[0] += row.entry_on < month
        counts[1] += row.entry_on >= month
        counts[2] += row.exit_on is not None and row.exit_on < end
    rows = [people_form.Movement(*place, *counts) for place, counts in sorted(counted.items())]
    head = people_form.PeopleHead(project=desk.project.name, general=desk.general(), from_on=month, to_on=end - _A_DAY)
    content = people_form.movement_sheet(head, rows, desk.stamp)
    return desk.done("movement", f"{desk.project.code}-movement-{month:%Y%m}.xlsx", content, month=f"{month:%Y-%m}", rows=len(rows))


# --- the ledger of wages paid -------------------------------------------------------------------------------------


def ledger(
    db: Session, vault: Vault, *, project_id: int, year: int, language: str = "zh", full: bool = False, by: str, now: datetime, tell: Tell = silent
) -> File:
    """农民工工资支付台账 of a year: what each worker earned, what was withheld, and when and how he was paid.

    A month has the lines that were closed for it, also as back pay later, and the money that was paid for it, whenever
    that was. A month in which somebody was paid and that is not closed yet stands there with what he was paid.

    Raises:
        BadRequest: ``dates_wrong``.
        NotFound: ``project_unknown``.
        Conflict: ``ledger_empty``: nothing was closed or paid for that year.
    """
    if not 2000 <= year <= 2100:
        raise BadRequest("dates_wrong")
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    earned: dict[tuple[int, date], list[Any]] = defaultdict(list)
    for line in held.posted_lines(db, project_id):
        earned[line.content.worker_id, line.content.origin_month].append(line.content)
    paid: dict[tuple[int, date], list[Any]] = defaultdict(list)
    for payment in money.payments(db, project_id):
        paid[payment.worker_id, payment.for_month].append(payment)
    proofs = kept.payment_references(db, project_id)
    brought: dict[int, int] = defaultdict(int)
    months: dict[int, list[ledger_form.LedgerMonth]] = defaultdict(list)
    for worker_id, month in desk.each(sorted(earned.keys() | paid.keys())):
        told = _ledger_month(desk, month, earned[worker_id, month], paid[worker_id, month], proofs)
        if month.year < year:
            # A month that was overpaid pays for no other.
            brought[worker_id] += max(0, told.net_fen - told.paid_fen)
        elif month.year == year:
            months[worker_id].append(told)
    pages: list[tuple[tuple[bytes, bytes, bytes, int], ledger_form.LedgerWorker]] = []
    latest = {row.worker_id: row for row in sorted(desk.roster().values(), key=lambda r: (r.entry_on, r.engagement_id))}
    for worker_id, row in latest.items():
        if months[worker_id] or brought[worker_id]:
            page = ledger_form.LedgerWorker(
                name=row.name, id_number=desk.id_number(row), phone=desk.phone(row), company=row.company_name, team=row.team_name,
                trade=row.trade or "", months=tuple(months[worker_id]), brought_fen=brought[worker_id],
            )  # fmt: skip
            pages.append(((name_order(row.company_name), name_order(row.team_name), name_order(row.name), worker_id), page))
    if not pages:
        raise Conflict("ledger_empty")
    head = ledger_form.LedgerHead(
        project=desk.project.name, from_on=date(year, 1, 1), to_on=min(date(year, 12, 31), now.date()), general=desk.general()
    )
    ordered = [page for _, page in sorted(pages, key=lambda p: p[0])]
    content = ledger_form.wage_ledger(head, ordered, desk.stamp, told=desk.written(len(ordered)))
    return desk.done("ledger", f"{desk.project.code}-ledger-{year}.xlsx", content, year=year, workers=len(pages))


def _ledger_month(desk: _Desk, month: date, lines: list[Any], payments: list[Any], proofs: dict[int, str]) -> ledger_form.LedgerMonth:
    sums = _sums(item for content in lines for item in content.items)
    back = {payment.reverses_id for payment in payments}
    arrived = [payment for payment in payments if payment.reverses_id is None and payment.id not in back]
    ways = [label(f"payment_channel.{p.channel}", desk.language) + (f" {proofs[p.id]}" if p.id in proofs else "") for p in arrived]
    return ledger_form.LedgerMonth(
        month=month, day_milli=sum(c.day_milli for c in lines), overtime_minutes=sum(c.overtime_minutes for c in lines),
        regular_fen=sums.regular, overtime_fen=sums.overtime, allowance_fen=sums.allowance, advances_fen=sums.advances,
        social_fen=sums.social, tax_fen=sums.tax, damage_fen=sums.damage, other_fen=sums.other,
        paid_fen=sum(p.amount_fen for p in payments), paid_on=tuple(dict.fromkeys(p.paid_on for p in arrived)), proof="\n".join(ways),
        note="" if lines else label("form_note.not_closed", desk.language),
    )  # fmt: skip


# --- account and settlement --------------------------------------------------------------------------------------


def account(
    db: Session, vault: Vault, *, project_id: int, language: str = "zh", full: bool = False, by: str, now: datetime, tell: Tell = silent
) -> File:
    """专户收支台账: the statement with what each line was. The account's own number by its last four digits.

    Raises:
        NotFound: ``project_unknown``, ``special_account_missing``.
    """
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    live = bank.live_account(db, project_id)
    if live is None:
        raise NotFound("special_account_missing")
    lines = bank.statement(db, live.id)
    if not lines:
        raise Conflict("statement_empty")
    rows = [
        account_form.AccountLine(
            booked_on=line.booked_on, summary=line.memo,
            party=(line.counterparty or "") + (f" **** {line.counterparty_last4}" if line.counterparty_last4 else ""),
            flow_no=line.bank_txn_id, in_fen=max(0, line.amount_fen), out_fen=max(0, -line.amount_fen), balance_fen=line.balance_after_fen,
            matched=label(f"statement_kind.{line.kind or 'unknown'}", language),
        )
        for line in lines
    ]  # fmt: skip
    head = account_form.AccountHead(
        project=desk.project.name, bank=live.bank_name, number=f"**** {live.last4}", from_on=lines[0].booked_on, to_on=lines[-1].booked_on,
        opening_fen=live.opening_fen,
    )  # fmt: skip
    return desk.done("account", f"{desk.project.code}-account.xlsx", account_form.account_book(head, rows, desk.stamp), lines=len(rows))


def settlement(
    db: Session, vault: Vault, *, project_id: int, settlement_id: int, language: str = "zh", full: bool = False,
    by: str, now: datetime, tell: Tell = silent,
) -> File:  # fmt: skip
    """退场工资结算确认书 of a settlement that was made.

    Raises:
        NotFound: ``project_unknown``, ``settlement_unknown``.
    """
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    view = settlements.view(db, project_id, settlement_id, now)
    row = desk.roster()[view.place.id]
    lines = [
        settlement_form.SettledLine(
            month=date.fromisoformat(str(m["month"])[:10]), day_milli=int(m.get("day_milli", 0)), gross_fen=int(m["gross_fen"]),
            withheld_fen=int(m["withheld_fen"]), paid_fen=int(m["paid_fen"]),
        )
        for m in view.settlement.months
    ]  # fmt: skip
    leaver = settlement_form.Leaver(
        name=view.name, id_number=desk.id_number(row), project=desk.project.name, general=desk.general(), company=row.company_name,
        team=row.team_name, trade=row.trade or "", entry_on=row.entry_on, exit_on=view.settlement.exit_on - _A_DAY, phone=desk.phone(row),
        content_hash=view.settlement.content_hash,
    )  # fmt: skip
    content = settlement_form.settlement_sheet(leaver, lines, desk.stamp)
    return desk.done("settlement", f"{desk.project.code}-settlement-{settlement_id}.xlsx", content, settlement=settlement_id)


# --- small -----------------------------------------------------------------------------------------------------


def _team(db: Session, project_id: int, team_id: int) -> people.TeamInfo:
    found = next((t for t in people.teams(db, project_id) if t.id == team_id), None)
    if found is None:
        raise NotFound("team_unknown")
    return found


def _last_day(exit_on: date | None) -> date | None:
    """The last day on site; the store keeps the first day off it."""
    return None if exit_on is None else exit_on - _A_DAY


def _company(db: Session, project_id: int, project_company_id: int) -> str:
    return next((c.name for c in people.project_companies(db, project_id) if c.id == project_company_id), "")


# --- the three-way check ---------------------------------------------------------------------------------------


def three_way(
    db: Session, vault: Vault, *, project_id: int, month: date, language: str = "zh", full: bool = False, by: str, now: datetime, tell: Tell = silent
) -> File:
    """Gate, sheet and bank of a month, person by person, those who differ most first.

    Raises:
        NotFound: ``project_unknown``.
        BadRequest: ``month_out_of_range``, ``month_in_future``.
    """
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    told = inspection.three_way(db, project_id, month, now)
    names = bank.names(db, {row.worker_id for row in told.check.rows})
    teams = {team.id: team.name for team in people.teams(db, project_id)}
    lines = [
        threeway_form.CheckLine(
            name=names.get(row.worker_id, ""), team=teams.get(row.team_id, ""),
            gate_milli=row.gate.day_milli if row.gate else 0, undecided=row.gate.undecided_days if row.gate else 0,
            accrued_fen=row.gate.accrued_fen if row.gate else 0,
            sheet_milli=row.sheet.day_milli if row.sheet else None, gross_fen=row.sheet.gross_fen if row.sheet else None,
            withheld_fen=row.sheet.withheld_fen if row.sheet else None, net_fen=row.sheet.net_fen if row.sheet else None,
            paid_fen=row.bank.paid_fen if row.bank else 0,
            differences="、".join(label(f"difference.{each}", language) for each in row.differences), is_red=row.is_red,
        )
        for row in told.check.rows
    ]  # fmt: skip
    content = threeway_form.three_way_sheet(
        threeway_form.CheckHead(desk.project.name, desk.general(), month, told.due_on), lines, desk.stamp
    )
    return desk.done("three_way", f"three-way-{desk.project.code}-{month:%Y-%m}.xlsx", content, month=f"{month:%Y-%m}")


# --- findings ----------------------------------------------------------------------------------------------------


def findings(
    db: Session, vault: Vault, *, project_id: int, month: date | None = None, language: str = "zh", full: bool = False, by: str, now: datetime,
    tell: Tell = silent,
) -> File:  # fmt: skip
    """The findings of a project, of one month or all, those that wait first.

    Raises:
        NotFound: ``project_unknown``.
    """
    desk = _desk(db, vault, project_id, language, full, by, now, tell)
    zone = ZoneInfo(desk.project.time_zone)
    today = now.astimezone(zone).date()
    found = oversight.findings_of(db, project_id, month=month, language=language)
    names = bank.names(db, {line.finding.subject_id for line in found if line.finding.subject_kind == "worker"})
    others = {"team": {t.id: t.name for t in people.teams(db, project_id)}, "gate": {g.id: g.name for g in gates.gates(db, project_id)}}
    lines = []
    for line in found:
        f = line.finding
        whose = {"worker": names, **others}.get(f.subject_kind, {}).get(f.subject_id, desk.project.name)
        said = "" if f.decided is None else f"{f.decided_at.astimezone(zone):%Y-%m-%d} {f.decided_by} {label(f'finding_state.{f.decided}', language)}: {f.note}"
        late = f.is_overdue(today)
        lines.append(
            findings_form.FindingLine(
                severity=label(f"severity.{f.severity}", language), rule=line.title, subject=whose, month=f.month, says=line.sentence,
                state=label(f"finding_state.{f.state}", language), due_on=f.due_on, first_seen_on=f.first_seen_at.astimezone(zone).date(),
                cleared=f.cleared_at is not None, decided=said,
                is_red=f.severity == "red" and f.cleared_at is None and f.state in ("open", "notified", "escalated"), is_late=late,
            )
        )  # fmt: skip
    content = findings_form.findings_sheet(desk.project.name, lines, desk.stamp)
    return desk.done("findings", f"findings-{desk.project.code}-{today}.xlsx", content, month=f"{month:%Y-%m}" if month else "")


# --- the county ----------------------------------------------------------------------------------------------------


def county(db: Session, projects: Sequence[ProjectInfo], *, area: str, language: str = "zh", by: str, now: datetime) -> File:
    """The projects of somebody's area in their colours, the worst first, and their sums by town.

    Args:
        projects: those he inspects.
        area: what his area is called on the list.

    Raises:
        BadRequest: ``form_unknown``, no such language.
    """
    if language not in ("zh", "en"):
        raise BadRequest("form_unknown")
    end = chain.head(db)
    stamp = Stamp(made_at=now, zone="Asia/Shanghai", head_hash="", journal=f"{end.seq}:{end.hash}", language=language)
    found = inspection.county(db, projects, now)
    lines = [
        county_form.ProjectLine(
            town=line.town_name or line.town, name=line.project.name, code=line.project.code, level=line.colour.level.value,
            level_word=label(f"level.{line.colour.level.value}", language),
            reason=oversight.title_of(line.colour.rule, language) if line.colour.rule else "", red=line.colour.red, yellow=line.colour.yellow,
            overdue=line.colour.overdue, people=line.people, seen_today=line.seen_today, owed_fen=line.overdue_fen, oldest=line.oldest,
            last_seen_at=line.last_seen_at,
        )
        for line in found
    ]  # fmt: skip
    towns = [
        county_form.TownLine(
            town=town.name or town.code, code=town.code, projects=town.projects, red=town.levels.get(Level.RED, 0),
            yellow=town.levels.get(Level.YELLOW, 0), green=town.levels.get(Level.GREEN, 0), grey=town.levels.get(Level.GREY, 0),
            people=town.people, seen_today=town.seen_today, owing=town.owing, owed_fen=town.overdue_fen, overdue=town.overdue,
        )
        for town in inspection.towns(found)
    ]  # fmt: skip
    content = county_form.county_list(area, lines, towns, stamp)
    digest = sha256(content).hexdigest()
    row = {"project_id": None, "form": "county", "facts": {"projects": len(lines), "area": area}, "by": by, "now": now, "full": False}
    return File(f"county-{area}-{stamp.made_on:%Y%m%d}.xlsx", content, digest, row)


# --- by name -------------------------------------------------------------------------------------------------------

LONG_MS = 1_000
"""A paper that takes a processor longer than about this is made without the request that asks for it (``app.tasks``)."""


@dataclass(frozen=True, slots=True)
class Form:
    """A paper of a project by its name in addresses."""

    make: Callable[..., File]
    takes: Mapping[str, type] = field(default_factory=dict)
    """What it is asked for beside the project and the language; dates are sent as ISO text."""
    counts: str = "engagements"
    """Of ``store.exports.size``: what its cost grows with."""
    each_ms: float = 0.0
    """Processor time of one of them, measured on a project of a thousand workers (DECISIONS 84)."""
    actions: tuple[str, ...] = ()
    """Keys of ``access.ACTIONS`` beside ``exports.make``."""

    def read(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What was asked for, its dates as dates."""
        return {
            name: date.fromisoformat(asked[name]) if kind is date and isinstance(asked[name], str) else asked[name]
            for name, kind in self.takes.items()
            if asked.get(name) is not None
        }

    def is_long(self, db: Session, project_id: int, asked: Mapping[str, Any]) -> bool:
        """True when it is not made while somebody waits."""
        return self.each_ms * kept.size(db, self.counts, project_id, asked) > LONG_MS


FORMS: dict[str, Form] = {
    "attendance": Form(attendance, {"team_id": int, "month": date}, "team", 12.0),
    "payroll": Form(payroll, {"sheet_id": int, "shape": str}, "sheet", 5.0),
    "slips": Form(slips, {"sheet_id": int, "verify_url": str}, "sheet", 20.0),
    "roster": Form(roster, {}, "engagements", 0.45),
    "moves": Form(moves, {"from_on": date, "to_on": date}, "engagements", 1.7),
    "movement": Form(movement, {"month": date}, "engagements", 0.05),
    "ledger": Form(ledger, {"year": int}, "lines", 1.9),
    "account": Form(account, {}, "statement", 0.25),
    "settlement": Form(settlement, {"settlement_id": int}),
    "three-way": Form(three_way, {"month": date}, "engagements", 0.35),
    "findings": Form(findings, {"month": date}, "findings", 0.5, ("findings.read",)),
}
