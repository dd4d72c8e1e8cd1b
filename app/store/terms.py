"""What was agreed and decided about money before it is a sheet: allowances, advances, deductions, measures, county rules.

    allowances, advances, deductions, measures     the facts the rules go by: not voided ones
    allowance, advance, deduction, measure         one row with who recorded it, and whether it was voided
    of_worker                                      what stands of one worker with what was withheld of it, and what was taken back
    add_...                                        append one
    area_value, add_area_rule                      what law or the county sets (地区参数)
    void, standing, voidings                       a row that was a mistake stays, and counts no more (作废)
    posted                                         whether a row is on a line of a closed month already

Terms themselves (工资约定) are in ``store.people``.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, insert, select
from sqlalchemy.orm import Session

from app.domain.facts import Advance, Allowance, Deduction, DeductionKind, Measure
from app.errors import Conflict, NotFound
from app.store import append, insert_or_leave, once, sheets
from app.tables import (
    AdvanceRow,
    AllowanceRow,
    AreaRule,
    DeductionRow,
    Engagement,
    MeasureAcceptance,
    MeasureRow,
    MeasureShareRow,
    Team,
    Voiding,
)

# --- voiding -------------------------------------------------------------------------------------------------


def standing(kind: str, row_id: Any) -> Any:
    """SQL: the row was not voided. ``row_id`` is the id column of the table ``kind``."""
    return ~exists().where(Voiding.kind == kind, Voiding.row_id == row_id)


def void(db: Session, kind: str, row_id: int, reason: str, by: str, now: datetime) -> None:
    """Void a row, once; it stays.

    Args:
        kind: name of its table.

    Raises:
        Conflict: ``row_voided`` already.
    """
    if not insert_or_leave(db, Voiding.__table__, kind=kind, row_id=row_id, reason=reason, by=by, at=now):
        raise Conflict("row_voided")


@dataclass(frozen=True, slots=True)
class VoidedInfo:
    """Who voided a row, when and why."""

    kind: str
    row_id: int
    reason: str
    by: str
    at: datetime


def voidings(db: Session, kind: str, row_ids: Collection[int]) -> dict[int, VoidedInfo]:
    """Return who voided which of these rows."""
    rows = db.execute(
        select(Voiding.kind, Voiding.row_id, Voiding.reason, Voiding.by, Voiding.at).where(
            Voiding.kind == kind, Voiding.row_id.in_(row_ids)
        )
    )
    return {row.row_id: VoidedInfo(*row) for row in rows}


# --- allowances ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllowanceInfo:
    """An allowance as it was recorded."""

    id: int
    engagement_id: int
    kind: str
    per: str
    amount_fen: int
    valid_from: date
    valid_to: date | None
    note: str
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class AdvanceInfo:
    """An advance as it was recorded."""

    id: int
    engagement_id: int
    amount_fen: int
    paid_on: date
    channel: str
    proof: str
    reference: str | None
    evidence: tuple[int, ...]
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class DeductionInfo:
    """A deduction as it was recorded."""

    id: int
    engagement_id: int
    month: date
    kind: str
    amount_fen: int
    basis: str
    evidence: tuple[int, ...]
    recorded_by: str
    recorded_at: datetime


_INFO: dict[str, tuple[Any, type[Any]]] = {
    "allowance": (AllowanceRow, AllowanceInfo),
    "advance": (AdvanceRow, AdvanceInfo),
    "deduction": (DeductionRow, DeductionInfo),
}


def _rows(db: Session, kind: str, *wanted: Any) -> list[Any]:
    table, _ = _INFO[kind]
    return [_info(kind, row) for row in db.execute(_recorded(kind).where(standing(kind, table.id), *wanted))]


def _recorded(kind: str) -> Select[Any]:
    table, info = _INFO[kind]
    return (
        select(*(table.__table__.c[name] for name in info.__slots__))
        .join(Engagement, Engagement.id == table.engagement_id)
        .order_by(table.id)
    )


def _info(kind: str, row: Any) -> Any:
    _, info = _INFO[kind]
    values = {name: row._mapping[name] for name in info.__slots__}
    return info(**{**values, **({"evidence": tuple(row.evidence)} if "evidence" in values else {})})


def _row(db: Session, kind: str, project_id: int, row_id: int) -> Any:
    table, _ = _INFO[kind]
    found = _rows(db, kind, Engagement.project_id == project_id, table.id == row_id)
    if not found:
        raise NotFound("paper_unknown")
    return found[0]


def allowance(db: Session, project_id: int, allowance_id: int) -> AllowanceInfo:
    """Return one allowance that is not voided.

    Raises:
        NotFound: ``paper_unknown`` on this project.
    """
    return _row(db, "allowance", project_id, allowance_id)


def allowance_rows(db: Session, project_id: int, engagement_id: int | None = None) -> list[AllowanceInfo]:
    """Return the allowances of a project, or of one engagement, that are not voided."""
    return _rows(db, "allowance", *_whose(AllowanceRow, project_id, engagement_id))


def allowances(db: Session, project_id: int) -> tuple[Allowance, ...]:
    """Return the allowances of a project as the rules need them."""
    return tuple(Allowance(*row) for row in db.execute(_allowances_of(), {"project_id": project_id}))


@cache
def _allowances_of() -> Select[Any]:
    return (
        select(*(AllowanceRow.__table__.c[name] for name in Allowance.__slots__))
        .join(Engagement, Engagement.id == AllowanceRow.engagement_id)
        .where(Engagement.project_id == bindparam("project_id"), standing("allowance", AllowanceRow.id))
        .order_by(AllowanceRow.id)
    )


def add_allowance(
    db: Session,
    *,
    engagement_id: int,
    kind: str,
    per: str,
    amount_fen: int,
    valid_from: date,
    valid_to: date | None,
    note: str,
    recorded_by: str,
    now: datetime,
) -> int:
    """Append an allowance; return its id."""
    return append(
        db,
        AllowanceRow.__table__,
        engagement_id=engagement_id,
        kind=kind,
        per=per,
        amount_fen=amount_fen,
        valid_from=valid_from,
        valid_to=valid_to,
        note=note,
        recorded_by=recorded_by,
        recorded_at=now,
    )


# --- advances and deductions ---------------------------------------------------------------------------------


def advance(db: Session, project_id: int, advance_id: int) -> AdvanceInfo:
    """Return one advance that is not voided.

    Raises:
        NotFound: ``paper_unknown`` on this project.
    """
    return _row(db, "advance", project_id, advance_id)


def advance_rows(db: Session, project_id: int, engagement_id: int | None = None) -> list[AdvanceInfo]:
    """Return the advances of a project, or of one engagement, that are not voided."""
    return _rows(db, "advance", *_whose(AdvanceRow, project_id, engagement_id))


def advances(db: Session, project_id: int) -> tuple[Advance, ...]:
    """Return the advances of a project with what posted lines took back of them, oldest first."""
    applied = sheets.applied(db, project_id)
    rows = sorted(advance_rows(db, project_id), key=lambda row: (row.paid_on, row.id))
    return tuple(
        Advance(
            row.id, row.engagement_id, row.amount_fen, row.paid_on, row.proof != "none",
            applied.get(("advance", row.id), 0),
        )
        for row in rows
    )  # fmt: skip


def add_advance(
    db: Session,
    *,
    engagement_id: int,
    amount_fen: int,
    paid_on: date,
    channel: str,
    proof: str,
    reference: str | None,
    evidence: Sequence[int],
    recorded_by: str,
    now: datetime,
) -> int:
    """Append an advance; return its id."""
    return append(
        db,
        AdvanceRow.__table__,
        engagement_id=engagement_id,
        amount_fen=amount_fen,
        paid_on=paid_on,
        channel=channel,
        proof=proof,
        reference=reference,
        evidence=list(evidence),
        recorded_by=recorded_by,
        recorded_at=now,
    )


def deduction(db: Session, project_id: int, deduction_id: int) -> DeductionInfo:
    """Return one deduction that is not voided.

    Raises:
        NotFound: ``paper_unknown`` on this project.
    """
    return _row(db, "deduction", project_id, deduction_id)


def deduction_rows(db: Session, project_id: int, engagement_id: int | None = None) -> list[DeductionInfo]:
    """Return the deductions of a project, or of one engagement, that are not voided."""
    return _rows(db, "deduction", *_whose(DeductionRow, project_id, engagement_id))


def deductions(db: Session, project_id: int, month: date | None = None) -> tuple[Deduction, ...]:
    """Return the deductions of a project, for one month (its first day) or all, with what was withheld of them."""
    applied = sheets.applied(db, project_id)
    return tuple(
        Deduction(
            row.id, row.engagement_id, row.month, DeductionKind(row.kind), row.amount_fen,
            applied.get(("deduction", row.id), 0),
        )
        for row in deduction_rows(db, project_id)
        if month is None or row.month == month
    )  # fmt: skip


def add_deduction(
    db: Session,
    *,
    engagement_id: int,
    month: date,
    kind: str,
    amount_fen: int,
    basis: str,
    evidence: Sequence[int],
    recorded_by: str,
    now: datetime,
) -> int:
    """Append a deduction; return its id."""
    return append(
        db,
        DeductionRow.__table__,
        engagement_id=engagement_id,
        month=month,
        kind=kind,
        amount_fen=amount_fen,
        basis=basis,
        evidence=list(evidence),
        recorded_by=recorded_by,
        recorded_at=now,
    )


@dataclass(frozen=True, slots=True)
class OfWorker:
    """What was recorded of one worker on a project beside his agreed pay, each kind in the order it was recorded."""

    advances: tuple[AdvanceInfo, ...]
    deductions: tuple[DeductionInfo, ...]
    allowances: tuple[AllowanceInfo, ...]
    applied: Mapping[tuple[str, int], int]
    """("advance" | "deduction", row id) -> fen withheld on his lines of closed months."""
    voided: tuple[tuple[AdvanceInfo | DeductionInfo | AllowanceInfo, VoidedInfo], ...]
    """Those that were taken back; an allowance that was ended is not one of them, it stands with its end."""


def of_worker(db: Session, project_id: int, worker_id: int) -> OfWorker:
    """Return what was recorded of one worker on a project; of his lines only those that something was withheld from are read."""
    who = {"project_id": project_id, "worker_id": worker_id}
    found: dict[str, list[Any]] = {"advance": [], "deduction": [], "allowance": []}
    voided = []
    for kind, stands in found.items():
        for row in db.execute(_of_worker(kind), who):
            if row.voided_by is None:
                stands.append(_info(kind, row))
            else:
                voided.append((_info(kind, row), VoidedInfo(kind, row.id, row.voided_why, row.voided_by, row.voided_at)))
    rows = [*found["allowance"], *(row for row, word in voided if word.kind == "allowance")]
    taken_back = tuple((row, word) for row, word in voided if word.kind != "allowance" or not any(_ends(each, row, word) for each in rows))
    whose = {row.engagement_id for row in (*found["advance"], *found["deduction"])}
    applied = sheets.applied_to(db, project_id, whose) if whose else {}
    return OfWorker(tuple(found["advance"]), tuple(found["deduction"]), tuple(found["allowance"]), applied, taken_back)


def _ends(later: AllowanceInfo, row: AllowanceInfo, word: VoidedInfo) -> bool:
    """True when ``row`` was ended: ``later`` took its place at the instant it was voided."""
    same = (row.engagement_id, row.kind, row.per, row.valid_from)
    return later.id > row.id and later.recorded_at == word.at and (later.engagement_id, later.kind, later.per, later.valid_from) == same


@cache
def _of_worker(kind: str) -> Select[Any]:
    table, _ = _INFO[kind]
    return (
        _recorded(kind)
        .add_columns(Voiding.reason.label("voided_why"), Voiding.by.label("voided_by"), Voiding.at.label("voided_at"))
        .outerjoin(Voiding, and_(Voiding.kind == kind, Voiding.row_id == table.id))
        .where(Engagement.project_id == bindparam("project_id"), Engagement.worker_id == bindparam("worker_id"))
    )


def _whose(table: Any, project_id: int, engagement_id: int | None) -> list[Any]:
    wanted = [Engagement.project_id == project_id]
    return wanted if engagement_id is None else [*wanted, table.engagement_id == engagement_id]


# --- measures ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MeasureInfo:
    """Measured work of a team with the supervisor's word; ``shares`` for ``split_by`` shares."""

    id: int
    team_id: int
    project_company_id: int
    month: date
    measured_on: date
    item: str
    unit: str
    quantity_milli: int
    unit_price_fen: int
    percent: int
    split_by: str
    evidence: tuple[int, ...]
    recorded_by: str
    recorded_at: datetime
    accepted: bool | None
    accepted_by: str | None
    accepted_at: datetime | None
    acceptance_note: str | None
    shares: tuple[tuple[int, int], ...] = ()


def measure_rows(
    db: Session, project_id: int, month: date | None = None, measure_id: int | None = None
) -> list[MeasureInfo]:
    """Return the measured works of a project that are not voided, of one month (its first day) or all."""
    values: dict[str, Any] = {"project_id": project_id, "month": month, "measure_id": measure_id}
    wanted, measured = _measured(month is not None, measure_id is not None)
    rows = db.execute(measured, values).all()
    shares: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if any(row.split_by == "shares" for row in rows):
        agreed = (
            select(MeasureShareRow.measure_id, MeasureShareRow.engagement_id, MeasureShareRow.share)
            .join(MeasureRow, MeasureRow.id == MeasureShareRow.measure_id)
            .where(*wanted)
            .order_by(MeasureShareRow.measure_id, MeasureShareRow.engagement_id)
        )
        for of, engagement_id, share in db.execute(agreed, values):
            shares[of].append((engagement_id, share))
    return [
        MeasureInfo(**{**row._mapping, "evidence": tuple(row.evidence)}, shares=tuple(shares[row.id])) for row in rows
    ]


@cache
def _measured(of_month: bool, one: bool) -> tuple[list[Any], Select[Any]]:
    """(conditions, the works they leave with what the supervisor said)."""
    wanted = [MeasureRow.project_id == bindparam("project_id"), standing("work_measure", MeasureRow.id)]
    if of_month:
        wanted.append(MeasureRow.month == bindparam("month"))
    if one:
        wanted.append(MeasureRow.id == bindparam("measure_id"))
    own = [name for name in MeasureInfo.__slots__ if name in MeasureRow.__table__.c]
    measured = (
        select(
            *(MeasureRow.__table__.c[name] for name in own),
            Team.project_company_id,
            MeasureAcceptance.accepted,
            MeasureAcceptance.by.label("accepted_by"),
            MeasureAcceptance.at.label("accepted_at"),
            MeasureAcceptance.note.label("acceptance_note"),
        )
        .join(Team, Team.id == MeasureRow.team_id)
        .outerjoin(MeasureAcceptance, MeasureAcceptance.measure_id == MeasureRow.id)
        .where(*wanted)
        .order_by(MeasureRow.id)
    )
    return wanted, measured


def measure(db: Session, project_id: int, measure_id: int) -> MeasureInfo:
    """Return one measured work that is not voided.

    Raises:
        NotFound: ``paper_unknown`` on this project.
    """
    found = measure_rows(db, project_id, measure_id=measure_id)
    if not found:
        raise NotFound("paper_unknown")
    return found[0]


def measures(db: Session, project_id: int, month: date | None = None) -> tuple[Measure, ...]:
    """Return the measured works as the rules need them, of one month (its first day) or all."""
    return tuple(
        Measure(**{name: getattr(row, name) for name in Measure.__slots__})
        for row in measure_rows(db, project_id, month)
    )


def add_measure(
    db: Session,
    *,
    project_id: int,
    team_id: int,
    month: date,
    measured_on: date,
    item: str,
    unit: str,
    quantity_milli: int,
    unit_price_fen: int,
    percent: int,
    split_by: str,
    shares: Sequence[tuple[int, int]],
    evidence: Sequence[int],
    recorded_by: str,
    now: datetime,
) -> int:
    """Append measured work with its shares; return its id."""
    measure_id = append(
        db,
        MeasureRow.__table__,
        project_id=project_id,
        team_id=team_id,
        month=month,
        measured_on=measured_on,
        item=item,
        unit=unit,
        quantity_milli=quantity_milli,
        unit_price_fen=unit_price_fen,
        percent=percent,
        split_by=split_by,
        evidence=list(evidence),
        recorded_by=recorded_by,
        recorded_at=now,
    )
    if shares:
        rows = [{"measure_id": measure_id, "engagement_id": of, "share": share} for of, share in shares]
        db.execute(insert(MeasureShareRow.__table__), rows)
    return measure_id


def accept_measure(db: Session, measure_id: int, *, accepted: bool, note: str, by: str, now: datetime) -> None:
    """Append the supervisor's word; once.

    Raises:
        Conflict: ``measure_decided`` already.
    """
    if not insert_or_leave(
        db, MeasureAcceptance.__table__, measure_id=measure_id, accepted=accepted, note=note, by=by, at=now
    ):
        raise Conflict("measure_decided")


# --- county rules --------------------------------------------------------------------------------------------

AREA_DEFAULTS: dict[str, Any] = {"publicity_days": 3, "correction_days": 3, "correction_limit_month": 3}
"""What holds where no county said otherwise (domain.md 9)."""


@dataclass(frozen=True, slots=True)
class AreaRuleInfo:
    """A county rule as it was recorded."""

    id: int
    area_code: str
    key: str
    value: Any
    valid_from: date
    source: str
    recorded_by: str
    recorded_at: datetime


def area_value(db: Session, area_code: str, key: str, on: date) -> Any | None:
    """Return what holds for an area on a date: of the longest prefix the latest; else the default, or None.

    Args:
        area_code: the project's.
        key: minimum_wage_month_fen, minimum_wage_hour_fen, agreement_parties, account_fee_bearer, publicity_days,
            correction_limit_month or correction_days.
    """
    return once(db, ("area value", area_code, key, on), lambda: _area_value(db, area_code, key, on))


def _area_value(db: Session, area_code: str, key: str, on: date) -> Any | None:
    prefixes = [area_code[:length] for length in range(len(area_code) + 1)]
    row = db.execute(
        select(AreaRule.value)
        .where(AreaRule.key == key, AreaRule.area_code.in_(prefixes), AreaRule.valid_from <= on)
        .order_by(func.length(AreaRule.area_code).desc(), AreaRule.valid_from.desc(), AreaRule.id.desc())
        .limit(1)
    ).first()
    return AREA_DEFAULTS.get(key) if row is None else row.value


def town_names(db: Session, towns: Collection[str], on: date) -> dict[str, str]:
    """Return area code of nine digits -> name of the town (乡镇、街道), of those that were given one by a date."""
    rows = db.execute(
        select(AreaRule.area_code, AreaRule.value)
        .where(AreaRule.key == "town_name", AreaRule.area_code.in_(sorted(towns)), AreaRule.valid_from <= on)
        .order_by(AreaRule.valid_from, AreaRule.id)
    )
    return {code: str(name) for code, name in rows}


def area_rules(db: Session, area_code: str | None = None) -> list[AreaRuleInfo]:
    """Return the rules written for exactly this area, or all, in the order they were written."""
    columns = [AreaRule.__table__.c[name] for name in AreaRuleInfo.__slots__]
    wanted = select(*columns).order_by(AreaRule.id)
    if area_code is not None:
        wanted = wanted.where(AreaRule.area_code == area_code)
    return [AreaRuleInfo(*row) for row in db.execute(wanted)]


def add_area_rule(
    db: Session, *, area_code: str, key: str, value: Any, valid_from: date, source: str, by: str, now: datetime
) -> int:
    """Append a rule; return its id."""
    return append(
        db,
        AreaRule.__table__,
        area_code=area_code,
        key=key,
        value=value,
        valid_from=valid_from,
        source=source,
        recorded_by=by,
        recorded_at=now,
    )


# --- on paper already? ---------------------------------------------------------------------------------------


def posted(db: Session, project_id: int, kind: str, row_id: int, engagements: Collection[int]) -> bool:
    """True when a line of a closed month rests on this row: the books say so already.

    Args:
        kind: ``allowance``, ``advance``, ``deduction`` or ``measure``, as the items of a line name what they rest on.
        engagements: whose lines to look at.
    """
    return any(
        (item.kind, item.row_id) == (kind, row_id) or (kind, row_id) in item.evidence
        for line in sheets.posted_lines(db, project_id, engagements=engagements)
        for item in line.content.items
    )
