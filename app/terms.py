"""Use case: what is agreed about pay, and what is given or withheld beside it. Never edited: voided and recorded again.

    agree, void_terms          terms by day, hour, month or piece, from a date on (工资约定)
    add_allowance, end_allowance
    record_advance             money given before the wages were worked out (预支)
    record_deduction           what is withheld, with its kind and document (扣款)
    add_measure, accept_measure   work of a team, measured by one and accepted by another (包工计量)
    void                       one of these that was a mistake (作废)
    write_area_rule            minimum wages, days and parties as a county sets them (地区参数)

Terms may be agreed for a past date: what was there is cut and recorded again around them, and where a month is closed
already the difference becomes back pay. What stands on a posted line is not voided any more: the books are right about
what was paid, so the opposite is entered next month.
"""

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app import ledger
from app.domain.audit.thresholds import LIMITS, PREFIX
from app.domain.facts import (
    DeductionKind,
    Engagement,
    HoursSystem,
    MonthMethod,
    OvertimeRule,
    PayKind,
    Relation,
    Terms,
)
from app.domain.workdays import EARLIEST, LATEST, month_of, next_month
from app.errors import Conflict, Forbidden, NotFound, Unusable
from app.fields import (
    NOTE_MAX,
    RATE_FEN_MAX,
    check_dates,
    check_label,
    check_note,
    check_number,
    check_rate,
    check_text,
    project_today,
)
from app.store import accounts, people, timekeeping
from app.store import terms as held
from app.wording.papers import COMPANY_ROLES

AMOUNT_FEN_LIMIT = 100_000_000
"""1,000,000.00 yuan: a larger advance or deduction is a typing error."""
RATE_LIMITS_FEN = {
    PayKind.DAY: RATE_FEN_MAX,
    PayKind.HOUR: RATE_FEN_MAX // 10,
    PayKind.MONTH: AMOUNT_FEN_LIMIT,
    PayKind.PIECE: RATE_FEN_MAX,
}
"""Highest rate of each kind; above it a comma was lost or another kind was meant."""

# --- terms ---------------------------------------------------------------------------------------------------


UNSAID = {"overtime_rule": str(OvertimeRule.LAW), "relation": str(Relation.LABOUR_CONTRACT)}
"""What holds where nobody says otherwise: offered by the enrolment desk, given to an imported row, and meant by whoever says nothing
of it through the API or on the command line. Overtime as the law has it is never too little, so the first long day is no finding;
whoever signed something else says so."""


def said(**told: str | None) -> dict[str, str]:
    """``UNSAID``, and what was told of it instead; None is nothing told."""
    return UNSAID | {name: value for name, value in told.items() if value is not None}


def agree(
    db: Session,
    *,
    project_id: int,
    engagement_id: int,
    kind: str,
    rate_fen: int,
    valid_from: date,
    valid_to: date | None = None,
    unit: str | None = None,
    minutes_per_day: int = 480,
    overtime_rule: str = "none",
    overtime_unit_minutes: int = 480,
    relation: str = "work_agreement",
    hours_system: str = "standard",
    month_method: str = "auto",
    hour_floor_fen: int | None = None,
    paper_id: int | None = None,
    by: str,
    now: datetime,
) -> int:
    """Agree on pay from a date on; return the id of the new terms.

    What was agreed for other dates stays as it was. Terms that begin later stay too: the new ones hold until then, so a
    correction of March does not undo the rise of April.

    Args:
        rate_fen: fen per man-day, hour, month or unit of measured work, as ``kind`` says.
        valid_to: first day the new terms no longer hold and the former ones do again; None until the next ones.
        paper_id: the signed agreement, a file of evidence.

    Raises:
        NotFound: ``engagement_unknown`` on this project; ``evidence_unknown``.
        Unusable: a field is wrong, see ``check_agreed``; ``terms_before_entry``; ``terms_after_exit``; ``dates_wrong``.
        Conflict: ``terms_same``, exactly that holds already.
    """
    # Gather
    people.lock_project(db, project_id)
    engagement = people.engagement(db, project_id, engagement_id)
    mine = sorted(people.terms(db, project_id, engagement_id), key=lambda terms: terms.valid_from)

    # Decide
    agreed = check_agreed(
        kind=kind, rate_fen=rate_fen, unit=unit, minutes_per_day=minutes_per_day, overtime_rule=overtime_rule,
        overtime_unit_minutes=overtime_unit_minutes, relation=relation, hours_system=hours_system,
        month_method=month_method, hour_floor_fen=hour_floor_fen,
    )  # fmt: skip
    check_dates(valid_from, valid_to)
    if valid_from < engagement.entry_on:
        raise Unusable("terms_before_entry")
    if engagement.exit_on is not None and valid_from >= engagement.exit_on:
        raise Unusable("terms_after_exit")
    if paper_id is not None:
        timekeeping.check_evidence(db, project_id, [paper_id])
    covering = next((terms for terms in mine if terms.covers(valid_from)), None)
    if covering is not None and valid_to is None and all(getattr(covering, name) == agreed[name] for name in agreed):
        raise Conflict("terms_same")
    later = next((terms.valid_from for terms in mine if terms.valid_from > valid_from), None)
    end = valid_to or (covering.valid_to if covering is not None else later)

    # Append
    for terms in mine:
        _cut(db, terms, valid_from, end, by, now)
    added = people.add_terms(
        db, engagement_id=engagement_id, **agreed, paper_id=paper_id, valid_from=valid_from, valid_to=end,
        recorded_by=by, now=now, supersedes_id=covering.id if covering is not None else None,
    )  # fmt: skip
    wages_changed(db, project_id, engagement.worker_id, valid_from, end)
    _journal(
        db, now, by, "terms.changed", project_id, f"worker:{engagement.worker_id}", terms=added, kind=agreed["kind"],
        valid_from=valid_from.isoformat(),
    )  # fmt: skip
    return added


def _cut(db: Session, terms: Terms, first: date, end: date | None, by: str, now: datetime) -> None:
    """Take [first, end) out of terms; what is left of them before and after holds on."""
    begins_after = end is not None and terms.valid_from >= end
    if begins_after or (terms.valid_to is not None and terms.valid_to <= first):
        return
    before = terms.valid_from < first
    after = end is not None and (terms.valid_to is None or end < terms.valid_to)
    if before and terms.valid_to is None:
        people.end_terms(db, terms.id, first)
    else:
        # An end is given once; terms that have one are recorded again, shorter.
        people.void_terms(db, terms.id, now)
        if before:
            people.copy_terms(db, terms.id, valid_from=terms.valid_from, valid_to=first, recorded_by=by, now=now)
    if after:
        people.copy_terms(db, terms.id, valid_from=end, valid_to=terms.valid_to, recorded_by=by, now=now)


def begin_on(db: Session, project_id: int, engagement_id: int, *, before: date, after: date, by: str, now: datetime) -> None:
    """Let what was agreed from the first day hold from another first day; the caller has put that right.

    Terms that would begin before it are recorded again from it on, or are void where they were over by then.
    """
    for agreed in people.terms(db, project_id, engagement_id):
        if agreed.valid_from != before and agreed.valid_from >= after:
            continue
        people.void_terms(db, agreed.id, now)
        if agreed.valid_to is None or agreed.valid_to > after:
            people.copy_terms(db, agreed.id, valid_from=after, valid_to=agreed.valid_to, recorded_by=by, now=now)


def void_terms(db: Session, *, project_id: int, terms_id: int, reason: str, by: str, now: datetime) -> None:
    """Void terms that were never agreed. Days without terms earn nothing and are listed until others are recorded.

    Raises:
        NotFound: ``terms_unknown`` on this project, or voided already.
        Unusable: the reason is missing or too long.
    """
    people.lock_project(db, project_id)
    found = next((terms for terms in people.terms(db, project_id) if terms.id == terms_id), None)
    if found is None:
        raise NotFound("terms_unknown")
    reason = check_text(reason, "reason", NOTE_MAX)

    people.void_terms(db, terms_id, now)
    # The row says when; why and by whom stands with everything else that was voided.
    held.void(db, "wage_term", terms_id, reason, by, now)
    wages_changed(db, project_id, found.worker_id, found.valid_from, found.valid_to)
    _journal(db, now, by, "terms.voided", project_id, f"worker:{found.worker_id}", terms=terms_id)


def check_agreed(
    *,
    kind: str,
    rate_fen: int,
    unit: str | None = None,
    minutes_per_day: int = 480,
    overtime_rule: str = "none",
    overtime_unit_minutes: int = 480,
    relation: str = "work_agreement",
    hours_system: str = "standard",
    month_method: str = "auto",
    hour_floor_fen: int | None = None,
) -> dict[str, Any]:
    """Return what was agreed, tidy: the columns of ``wage_term`` by name.

    Raises:
        Unusable: ``pay_kind_unknown``; ``day_rate_wrong`` or ``rate_wrong``; ``terms_unit_needed`` and
            ``terms_unit_unused``, a unit is for piece work; ``terms_floor_unused``, so is a floor; ``floor_wrong``;
            ``overtime_rule_unknown``, ``relation_unknown``, ``hours_system_unknown``, ``month_method_unknown``;
            ``number_wrong`` of minutes.
    """
    if kind not in set(PayKind):
        raise Unusable("pay_kind_unknown")
    wanted = PayKind(kind)
    limit = RATE_LIMITS_FEN[wanted]
    if wanted is PayKind.DAY:
        check_rate(rate_fen)
    elif type(rate_fen) is not int or not 0 < rate_fen <= limit:
        raise Unusable("rate_wrong", limit=limit // 100)
    unit = check_label(unit, "unit", 16) if unit and unit.strip() else None
    if wanted is PayKind.PIECE and unit is None:
        raise Unusable("terms_unit_needed")
    if wanted is not PayKind.PIECE and unit is not None:
        raise Unusable("terms_unit_unused")
    if hour_floor_fen is not None:
        if wanted is not PayKind.PIECE:
            raise Unusable("terms_floor_unused")
        highest = RATE_LIMITS_FEN[PayKind.HOUR]
        if type(hour_floor_fen) is not int or not 0 < hour_floor_fen <= highest:
            raise Unusable("floor_wrong", limit=highest // 100)
    check_number(minutes_per_day, "minutes_per_day", 60, 1440)
    check_number(overtime_unit_minutes, "overtime_unit_minutes", 30, 1440)
    if overtime_rule not in set(OvertimeRule):
        raise Unusable("overtime_rule_unknown")
    if relation not in set(Relation):
        raise Unusable("relation_unknown")
    if hours_system not in set(HoursSystem):
        raise Unusable("hours_system_unknown")
    if month_method not in set(MonthMethod):
        raise Unusable("month_method_unknown")
    return {
        "kind": wanted.value,
        "rate_fen": rate_fen,
        "unit": unit,
        "minutes_per_day": minutes_per_day,
        "overtime_rule": str(overtime_rule),
        "overtime_unit_minutes": overtime_unit_minutes,
        "relation": str(relation),
        "hours_system": str(hours_system),
        "month_method": str(month_method),
        "hour_floor_fen": hour_floor_fen,
    }


def wages_changed(db: Session, project_id: int, worker_id: int | None, first: date, end: date | None) -> None:
    """Note that wages of [first, end) may come out otherwise: of whole months, since some items are the month's."""
    timekeeping.mark_stale(
        db, project_id, worker_id, month_of(first), None if end is None else next_month(month_of(end))
    )


# --- allowances ----------------------------------------------------------------------------------------------

ALLOWANCE_KINDS = ("meal", "housing", "travel", "heat", "height", "night", "skill", "other")
ALLOWANCE_PER = ("day", "month", "once")


def add_allowance(
    db: Session,
    *,
    project_id: int,
    engagement_id: int,
    kind: str,
    per: str,
    amount_fen: int,
    valid_from: date,
    valid_to: date | None = None,
    note: str = "",
    by: str,
    now: datetime,
) -> int:
    """Record an allowance (津贴补贴); return its id.

    Args:
        per: ``day``, each decided day with time in it; ``month``, each month with such a day; ``once``, on ``valid_from``.

    Raises:
        NotFound: ``engagement_unknown`` on this project.
        Unusable: ``allowance_kind_unknown``, ``allowance_per_unknown``, ``amount_wrong``, ``dates_wrong``,
            ``outside_engagement``; a note that is too long.
        Conflict: ``allowance_overlaps``, he has one of that kind for that time.
    """
    people.lock_project(db, project_id)
    engagement = people.engagement(db, project_id, engagement_id)
    if kind not in ALLOWANCE_KINDS:
        raise Unusable("allowance_kind_unknown")
    if per not in ALLOWANCE_PER:
        raise Unusable("allowance_per_unknown")
    _check_amount(amount_fen)
    check_dates(valid_from, valid_to)
    if per == "once" and valid_to is not None:
        raise Unusable("dates_wrong")
    _check_within(engagement, valid_from)
    note = check_note(note, "note")
    for other in held.allowance_rows(db, project_id, engagement_id):
        if (
            per != "once"
            and (other.kind, other.per) == (kind, per)
            and (other.valid_to is None or valid_from < other.valid_to)
            and (valid_to is None or other.valid_from < valid_to)
        ):
            raise Conflict("allowance_overlaps")

    added = held.add_allowance(
        db, engagement_id=engagement_id, kind=kind, per=per, amount_fen=amount_fen, valid_from=valid_from,
        valid_to=valid_to, note=note, recorded_by=by, now=now,
    )  # fmt: skip
    wages_changed(db, project_id, engagement.worker_id, valid_from, valid_from if per == "once" else valid_to)
    _journal(db, now, by, "allowance.added", project_id, f"allowance:{added}", kind=kind)
    return added


def end_allowance(
    db: Session, *, project_id: int, allowance_id: int, valid_to: date, by: str, now: datetime
) -> int:
    """End a running allowance: it is voided and recorded again with its end. Return the id of the new row.

    Raises:
        NotFound: ``paper_unknown``.
        Unusable: ``dates_wrong``.
        Conflict: ``allowance_ended`` already; ``paper_posted``, it was paid for later days of a closed month.
    """
    people.lock_project(db, project_id)
    found = held.allowance(db, project_id, allowance_id)
    engagement = people.engagement(db, project_id, found.engagement_id)
    if found.per == "once" or found.valid_to is not None:
        raise Conflict("allowance_ended")
    check_dates(found.valid_from, valid_to)
    closed = timekeeping.last_closed(db, project_id)
    reaches_back = closed is not None and valid_to < next_month(closed)
    if reaches_back and held.posted(db, project_id, "allowance", allowance_id, [found.engagement_id]):
        raise Conflict("paper_posted")

    held.void(db, "allowance", allowance_id, f"ended {valid_to.isoformat()}", by, now)
    added = held.add_allowance(
        db, engagement_id=found.engagement_id, kind=found.kind, per=found.per, amount_fen=found.amount_fen,
        valid_from=found.valid_from, valid_to=valid_to, note=found.note, recorded_by=by, now=now,
    )  # fmt: skip
    wages_changed(db, project_id, engagement.worker_id, found.valid_from, None)
    _journal(db, now, by, "allowance.ended", project_id, f"allowance:{added}", valid_to=valid_to.isoformat())
    return added


# --- advances ------------------------------------------------------------------------------------------------

ADVANCE_CHANNELS = ("account", "bank", "cash")
PROOFS = ("signed", "bank", "none")


def record_advance(
    db: Session,
    *,
    project_id: int,
    engagement_id: int,
    amount_fen: int,
    paid_on: date,
    channel: str,
    proof: str,
    reference: str | None = None,
    evidence: Sequence[int] = (),
    by: str,
    now: datetime,
) -> int:
    """Record an advance (预支) and post it; return its id.

    Only a proved one is ever taken back from wages: signed by the worker (the paper is needed) or paid through a bank
    (the bank's reference is needed). Another is shown, and the worker owes nothing for it (domain.md 4.3).

    Args:
        channel: ``account`` (special account), ``bank`` or ``cash``.
        proof: ``signed``, ``bank`` or ``none``.

    Raises:
        NotFound: ``engagement_unknown`` on this project; ``evidence_unknown``.
        Unusable: ``amount_wrong``, ``outside_engagement``, ``advance_in_future``, ``advance_channel_unknown``,
            ``advance_proof_unknown``, ``advance_proof_wrong``: cash has no bank's proof, and the special account always
            has; ``advance_reference_needed``; ``evidence_needed``.
        Conflict: ``period_closed``, the month it would be posted in.
    """
    people.lock_project(db, project_id)
    project = people.project(db, project_id)
    engagement = people.engagement(db, project_id, engagement_id)
    _check_amount(amount_fen)
    _check_within(engagement, paid_on)
    if paid_on > project_today(project.time_zone, now):
        raise Unusable("advance_in_future")
    if channel not in ADVANCE_CHANNELS:
        raise Unusable("advance_channel_unknown")
    if proof not in PROOFS:
        raise Unusable("advance_proof_unknown")
    if (channel == "cash" and proof == "bank") or (channel == "account" and proof != "bank"):
        raise Unusable("advance_proof_wrong")
    reference = check_label(reference, "reference", 100) if reference and reference.strip() else None
    files = timekeeping.check_evidence(db, project_id, evidence)
    if proof == "bank" and reference is None:
        raise Unusable("advance_reference_needed")
    if proof == "signed" and not files:
        raise Unusable("evidence_needed")

    added = held.add_advance(
        db, engagement_id=engagement_id, amount_fen=amount_fen, paid_on=paid_on, channel=channel, proof=proof,
        reference=reference, evidence=files, recorded_by=by, now=now,
    )  # fmt: skip
    ledger.post_advance(db, added, by=by, now=now)
    _journal(db, now, by, "advance.recorded", project_id, f"advance:{added}", channel=channel, proof=proof)
    return added


# --- deductions ----------------------------------------------------------------------------------------------

PAPER_NEEDED = frozenset({DeductionKind.COURT_ORDER, DeductionKind.DAMAGE, DeductionKind.AGREED})
"""Kinds that rest on a paper of somebody else; tax and insurance rest on the month's own lists."""
BASIS_MIN = 4


def record_deduction(
    db: Session,
    *,
    project_id: int,
    engagement_id: int,
    month: date,
    kind: str,
    amount_fen: int,
    basis: str,
    evidence: Sequence[int] = (),
    by: str,
    now: datetime,
) -> int:
    """Record what is to be withheld from a month's wages (扣款), and on what ground; return its id.

    How much of it may be withheld is decided when the sheet is drafted (``domain.withhold``). A fine, a deposit or a fee
    is none of the kinds and is refused.

    Args:
        month: any day of a month that is not closed.
        basis: the document it rests on, in words.

    Raises:
        NotFound: ``engagement_unknown`` on this project; ``evidence_unknown``.
        Unusable: ``deduction_kind_unknown``, ``amount_wrong``, ``deduction_basis_needed``, ``evidence_needed``,
            ``outside_engagement``, ``deduction_month_wrong``.
        Conflict: ``deduction_month_closed``.
    """
    people.lock_project(db, project_id)
    project = people.project(db, project_id)
    engagement = people.engagement(db, project_id, engagement_id)
    if kind not in set(DeductionKind):
        raise Unusable("deduction_kind_unknown")
    _check_amount(amount_fen)
    basis = check_note(basis, "basis")
    if len(basis) < BASIS_MIN:
        raise Unusable("deduction_basis_needed", length_min=BASIS_MIN)
    files = timekeeping.check_evidence(db, project_id, evidence)
    if DeductionKind(kind) in PAPER_NEEDED and not files:
        raise Unusable("evidence_needed")
    month = month_of(month)
    if not EARLIEST <= month <= next_month(month_of(project_today(project.time_zone, now))):
        raise Unusable("deduction_month_wrong")
    if month < month_of(engagement.entry_on):
        raise Unusable("outside_engagement")
    closed = timekeeping.last_closed(db, project_id)
    if closed is not None and month <= closed:
        raise Conflict("deduction_month_closed")

    added = held.add_deduction(
        db, engagement_id=engagement_id, month=month, kind=str(kind), amount_fen=amount_fen, basis=basis,
        evidence=files, recorded_by=by, now=now,
    )  # fmt: skip
    _journal(db, now, by, "deduction.recorded", project_id, f"deduction:{added}", kind=str(kind))
    return added


# --- measures ------------------------------------------------------------------------------------------------

QUANTITY_MILLI_MAX = 1_000_000_000_000
MEASURE_FEN_MAX = 10_000_000_000
"""100,000,000 yuan in one line: a comma was lost."""
PERCENTS = (100, 150, 200, 300)
SHARE_MAX = 1_000_000


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
    percent: int = 100,
    split_by: str = "days",
    shares: Sequence[tuple[int, int]] = (),
    evidence: Sequence[int] = (),
    teams: Collection[int] | None = None,
    by: str,
    now: datetime,
) -> int:
    """Record measured work of a team (包工计量); return its id. It is paid when somebody else accepted it.

    Args:
        month: any day of the month it is paid for.
        quantity_milli: thousandths of the unit.
        percent: 100; 150, 200 or 300 for work beyond the quota.
        split_by: ``days``, by the man-days of the month, or ``shares``.
        shares: for ``shares``: (engagement id, share), each of the team in that month; only their proportion counts.
        teams: whose work who records may measure; None for all.

    Raises:
        NotFound: ``project_unknown``, ``team_unknown``, ``evidence_unknown``.
        Forbidden: ``not_own_team``.
        Unusable: ``measure_month_wrong``, ``number_wrong``, ``measure_percent_wrong``, ``measure_too_large``,
            ``measure_split_unknown``, ``measure_shares_wrong``, ``measure_shares_foreign``; a text is missing.
    """
    people.lock_project(db, project_id)
    project = people.project(db, project_id)
    if team_id not in {team.id for team in people.teams(db, project_id)}:
        raise NotFound("team_unknown")
    if teams is not None and team_id not in teams:
        raise Forbidden("not_own_team")
    month = month_of(month)
    today = project_today(project.time_zone, now)
    if not EARLIEST <= month <= measured_on <= today:
        raise Unusable("measure_month_wrong")
    item, unit = check_label(item, "item", 100), check_label(unit, "unit", 16)
    check_number(quantity_milli, "quantity_milli", 1, QUANTITY_MILLI_MAX)
    check_number(unit_price_fen, "unit_price_fen", 1, AMOUNT_FEN_LIMIT)
    if percent not in PERCENTS:
        raise Unusable("measure_percent_wrong")
    if quantity_milli * unit_price_fen * percent > MEASURE_FEN_MAX * 100_000:
        raise Unusable("measure_too_large")
    if split_by not in ("days", "shares"):
        raise Unusable("measure_split_unknown")
    if bool(shares) != (split_by == "shares") or len({of for of, _ in shares}) != len(shares):
        raise Unusable("measure_shares_wrong")
    for _, share in shares:
        check_number(share, "share", 1, SHARE_MAX)
    if shares:
        there = {
            engagement.id
            for engagement in people.engagements(db, project_id)
            if engagement.team_id == team_id and meets_month(engagement, month)
        }
        if not {of for of, _ in shares} <= there:
            raise Unusable("measure_shares_foreign")
    files = timekeeping.check_evidence(db, project_id, evidence)

    added = held.add_measure(
        db, project_id=project_id, team_id=team_id, month=month, measured_on=measured_on, item=item, unit=unit,
        quantity_milli=quantity_milli, unit_price_fen=unit_price_fen, percent=percent, split_by=split_by,
        shares=shares, evidence=files, recorded_by=by, now=now,
    )  # fmt: skip
    wages_changed(db, project_id, None, month, month)
    _journal(db, now, by, "measure.added", project_id, f"work_measure:{added}", team=team_id)
    return added


def accept_measure(
    db: Session, *, project_id: int, measure_id: int, accepted: bool, note: str = "", by: str, now: datetime
) -> None:
    """Say that measured work is done, or is not (验收); once, and not by who recorded it.

    Args:
        note: why; needed to refuse.

    Raises:
        NotFound: ``paper_unknown`` on this project, or voided.
        Forbidden: ``measure_same_person``.
        Unusable: the note is missing or too long.
        Conflict: ``measure_decided`` already.
    """
    people.lock_project(db, project_id)
    found = held.measure(db, project_id, measure_id)
    if found.recorded_by == by:
        raise Forbidden("measure_same_person")
    note = check_note(note, "note") if accepted else check_text(note, "note", NOTE_MAX)

    held.accept_measure(db, measure_id, accepted=accepted, note=note, by=by, now=now)
    wages_changed(db, project_id, None, found.month, found.month)
    action = "measure.accepted" if accepted else "measure.refused"
    _journal(db, now, by, action, project_id, f"work_measure:{measure_id}")


def meets_month(engagement: Engagement, month: date) -> bool:
    return engagement.entry_on < next_month(month) and (engagement.exit_on is None or engagement.exit_on > month)


# --- voiding -------------------------------------------------------------------------------------------------

VOIDABLE = ("allowance", "advance", "deduction", "work_measure")


def void(
    db: Session,
    *,
    project_id: int,
    kind: str,
    row_id: int,
    reason: str,
    teams: Collection[int] | None = None,
    by: str,
    now: datetime,
) -> None:
    """Void an allowance, advance, deduction or measured work that was a mistake. The row stays.

    Args:
        kind: one of ``VOIDABLE``.
        teams: whose measured work he may void; None for all.

    Raises:
        NotFound: ``paper_unknown`` on this project, or voided already.
        Forbidden: ``not_own_team``.
        Unusable: ``paper_kind_unknown``; the reason is missing or too long.
        Conflict: ``paper_posted``, it is on a line of a closed month: enter the opposite next month.
    """
    people.lock_project(db, project_id)
    if kind not in VOIDABLE:
        raise Unusable("paper_kind_unknown")
    reason = check_text(reason, "reason", NOTE_MAX)
    if kind == "work_measure":
        measure = held.measure(db, project_id, row_id)
        if teams is not None and measure.team_id not in teams:
            raise Forbidden("not_own_team")
        members = [one.id for one in people.engagements(db, project_id) if one.team_id == measure.team_id]
        on_paper = held.posted(db, project_id, "measure", row_id, members)
        concerned = (None, measure.month, measure.month)
    else:
        found = {"allowance": held.allowance, "advance": held.advance, "deduction": held.deduction}[kind](
            db, project_id, row_id
        )
        engagement = people.engagement(db, project_id, found.engagement_id)
        on_paper = held.posted(db, project_id, kind, row_id, [found.engagement_id])
        concerned = (engagement.worker_id, found.valid_from, found.valid_to) if kind == "allowance" else None
    if on_paper:
        raise Conflict("paper_posted")

    held.void(db, kind, row_id, reason, by, now)
    if kind == "advance":
        ledger.reverse_advance(db, row_id, by=by, now=now)
    if concerned is not None:
        wages_changed(db, project_id, *concerned)
    _journal(db, now, by, f"{kind}.voided", project_id, f"{kind}:{row_id}")


# --- county rules --------------------------------------------------------------------------------------------

AREA_NUMBERS: dict[str, tuple[int, int]] = {
    "minimum_wage_month_fen": (1, AMOUNT_FEN_LIMIT),
    "minimum_wage_hour_fen": (1, RATE_FEN_MAX // 10),
    "publicity_days": (0, 31),
    "correction_days": (0, 31),
    "correction_limit_month": (0, 31),
    "twin_false_pairs_max": (0, 1000),
} | {f"{PREFIX}{key}": (0, AMOUNT_FEN_LIMIT) for key in LIMITS}
"""Key -> least and greatest value. Those of the audit rules are ``audit.`` and the limit's name (``domain.audit.thresholds``)."""
TOWN_DIGITS, TOWN_NAME_MAX = 9, 40
"""The first nine digits of an area code are the town (乡镇、街道); six are the county."""
AGREEMENT_PARTIES = (*COMPANY_ROLES, "bank", "regulator")
"""Some counties let the industry regulator sign, too (四方协议, domain.md 1.2)."""


def write_area_rule(
    db: Session, *, area_code: str, key: str, value: Any, valid_from: date, source: str, by: str, now: datetime
) -> int:
    """Write what law or a county sets, from a date on; return the id of the rule.

    Args:
        area_code: a prefix of the projects it holds for; empty for everywhere. The longest prefix wins.
        value: a whole number; for ``agreement_parties`` a list of who signs the agreement about the special account, for
            ``account_fee_bearer`` the role of who bears its bank fees; for ``town_name`` what the nine digits of a town are called.
        source: the document, in words.

    Raises:
        Unusable: ``area_key_unknown``, ``area_prefix_malformed``, ``number_wrong``, ``area_parties_wrong``, ``company_role_unknown``,
            ``dates_wrong``, ``area_town_malformed``; the source or a name is missing or too long.
    """
    if area_code and not re.fullmatch(r"[0-9]{2,12}", area_code):
        raise Unusable("area_prefix_malformed")
    if key in AREA_NUMBERS:
        check_number(value, key, *AREA_NUMBERS[key])
    elif key == "account_fee_bearer":
        if value not in COMPANY_ROLES:
            raise Unusable("company_role_unknown")
    elif key == "agreement_parties":
        fits = isinstance(value, list) and value and all(party in AGREEMENT_PARTIES for party in value)
        if not fits or len(set(value)) != len(value):
            raise Unusable("area_parties_wrong")
    elif key == "town_name":
        if len(area_code) != TOWN_DIGITS:
            raise Unusable("area_town_malformed")
        value = check_label(value, key, TOWN_NAME_MAX) if isinstance(value, str) else check_label("", key, TOWN_NAME_MAX)
    else:
        raise Unusable("area_key_unknown")
    check_dates(valid_from, None)
    source = check_text(source, "source", 200)

    added = held.add_area_rule(
        db, area_code=area_code, key=key, value=value, valid_from=valid_from, source=source, by=by, now=now
    )
    accounts.journal(
        db, at=now, actor=by, action="area_rule.written", project_id=None, object=f"area_rule:{added}",
        facts={"area_code": area_code, "key": key, "valid_from": valid_from.isoformat()},
    )  # fmt: skip
    return added


# --- fields --------------------------------------------------------------------------------------------------


def _check_amount(amount_fen: Any) -> None:
    if type(amount_fen) is not int or not 0 < amount_fen < AMOUNT_FEN_LIMIT:
        raise Unusable("amount_wrong", limit_fen=AMOUNT_FEN_LIMIT)


def _check_within(engagement: Engagement, day: date) -> None:
    if not EARLIEST <= day < LATEST or not engagement.covers(day):
        raise Unusable("outside_engagement")


def _journal(db: Session, now: datetime, by: str, action: str, project_id: int, what: str, **facts: Any) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=project_id, object=what, facts=facts)
