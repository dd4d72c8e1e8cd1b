"""Everything about days that is not a passage: calendar, policies, corrections, marks, evidence, heartbeats.

    calendar, calendar_days, add_calendar_days     what kind of day a date is (法定日历)
    policies, policy_rows, add_policy ...          how passages become days, by scope and time (考勤规则)
    corrections, correction, pending_corrections   what people said the gate did not see (补卡)
    marks, mark_rows, add_mark                     leave, stoppage, rain, rest (请假、停工、雨停)
    put_evidence, evidence                         sealed files that decisions rest on (证据材料)
    heartbeat, watermark, silent_devices           up to when the gates have told everything
    mark_stale, mark_stale_around, last_closed     what the projection must work out again; what is closed
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.domain.facts import (
    AttendancePolicy,
    Break,
    Correction,
    CorrectionKind,
    DayKind,
    DayMark,
    Direction,
    MarkKind,
    ScopedPolicy,
    UnitStep,
    WorkDateRule,
)
from app.errors import Conflict, NotFound, Unusable
from app.store import append, gates, insert_or_leave, people
from app.store.terms import standing
from app.tables import (
    AttendancePolicyRow,
    CalendarDayRow,
    CorrectionRow,
    CorrectionStep,
    DayMarkRow,
    Device,
    EvidenceFile,
    PassageRow,
    PayPeriod,
    ProjectCompany,
    StaleDay,
)

_A_DAY = timedelta(days=1)

# --- the calendar --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """What a notice says about one date."""

    day_on: date
    kind: DayKind
    name: str = ""
    """Of the holiday, as the notice calls it."""


_KINDS = {str(kind): kind for kind in DayKind}


_CALENDAR = (
    select(CalendarDayRow.day_on, CalendarDayRow.kind, CalendarDayRow.name)
    .where(CalendarDayRow.day_on >= bindparam("first"), CalendarDayRow.day_on < bindparam("end"))
    .order_by(CalendarDayRow.id)
)


def calendar_days(db: Session, first: date, end: date) -> dict[date, CalendarDay]:
    """Return what is known about the dates of [first, end); the latest row of a date counts."""
    rows = db.execute(_CALENDAR, {"first": first, "end": end})
    return {day_on: CalendarDay(day_on, _KINDS[kind], name) for day_on, kind, name in rows}


def calendar(db: Session, first: date, end: date) -> dict[date, DayKind]:
    """Return the kinds of the dates of [first, end), by date; a date that is missing is unknown."""
    return {day_on: day.kind for day_on, day in sorted(calendar_days(db, first, end).items())}


def calendar_knows(db: Session, day: date) -> bool:
    """True when the statutory calendar says what kind of date this is."""
    return bool(calendar_days(db, day, day + timedelta(days=1)))


def add_calendar_days(db: Session, days: Sequence[CalendarDay], *, source: str, by: str, now: datetime) -> None:
    """Append what a notice says; from now on it counts for these dates."""
    if days:
        stamp = {"source": source, "recorded_by": by, "recorded_at": now}
        rows = [{"day_on": day.day_on, "kind": str(day.kind), "name": day.name, **stamp} for day in days]
        db.execute(insert(CalendarDayRow.__table__), rows)


# --- policies ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """A recorded policy, voided or not, and where it holds."""

    id: int
    version: int
    valid_from: date
    valid_to: date | None
    project_company_id: int | None
    company_id: int | None
    """The company behind ``project_company_id``: an engagement names the company."""
    team_id: int | None
    rules: Mapping[str, Any]
    recorded_by: str
    recorded_at: datetime
    voided_by: str | None
    voided_at: datetime | None


FIRST_VERSION = 2
"""Of a project's first recorded policy: version 1 is the default, which no row holds."""


def rules_of(policy: AttendancePolicy) -> dict[str, Any]:
    """Return every rule of a policy, JSON-ready: whole seconds and minutes, ``"22:00"``, lists of pairs.

    All of them, not only those that differ from the default: the default may change one day, and what a recorded
    policy says may not.
    """
    return {
        "fold_seconds": policy.fold // timedelta(seconds=1),
        "session_gap_minutes": policy.session_gap // timedelta(minutes=1),
        "session_max_minutes": policy.session_max // timedelta(minutes=1),
        "cutover_minutes": policy.cutover // timedelta(minutes=1),
        "session_min_minutes": policy.session_min // timedelta(minutes=1),
        "work_date_rule": str(policy.work_date_rule),
        "breaks": [[f"{rest.starts:%H:%M}", f"{rest.ends:%H:%M}"] for rest in policy.breaks],
        "units": [[step.minutes_min, step.day_milli] for step in policy.units],
        "standard_minutes": policy.standard_minutes,
        "overtime_step_minutes": policy.overtime_step_minutes,
        "night_from": f"{policy.night_from:%H:%M}",
        "night_to": f"{policy.night_to:%H:%M}",
    }


def policy_of(rules: Mapping[str, Any], *, version: int, time_zone: str) -> AttendancePolicy:
    """Return the policy that ``rules`` say, as ``rules_of`` writes them; what is missing is the default's."""
    said = {**rules_of(AttendancePolicy()), **rules}
    return AttendancePolicy(
        version=version,
        time_zone=time_zone,
        fold=timedelta(seconds=said["fold_seconds"]),
        session_gap=timedelta(minutes=said["session_gap_minutes"]),
        session_max=timedelta(minutes=said["session_max_minutes"]),
        cutover=timedelta(minutes=said["cutover_minutes"]),
        session_min=timedelta(minutes=said["session_min_minutes"]),
        work_date_rule=WorkDateRule(said["work_date_rule"]),
        breaks=tuple(Break(time.fromisoformat(starts), time.fromisoformat(ends)) for starts, ends in said["breaks"]),
        units=tuple(UnitStep(minutes_min, day_milli) for minutes_min, day_milli in said["units"]),
        standard_minutes=said["standard_minutes"],
        overtime_step_minutes=said["overtime_step_minutes"],
        night_from=time.fromisoformat(said["night_from"]),
        night_to=time.fromisoformat(said["night_to"]),
    )


_POLICY = (
    select(
        AttendancePolicyRow.id,
        AttendancePolicyRow.version,
        AttendancePolicyRow.valid_from,
        AttendancePolicyRow.valid_to,
        AttendancePolicyRow.project_company_id,
        ProjectCompany.company_id,
        AttendancePolicyRow.team_id,
        AttendancePolicyRow.rules,
        AttendancePolicyRow.recorded_by,
        AttendancePolicyRow.recorded_at,
        AttendancePolicyRow.voided_by,
        AttendancePolicyRow.voided_at,
    )
    .outerjoin(ProjectCompany, ProjectCompany.id == AttendancePolicyRow.project_company_id)
    .order_by(AttendancePolicyRow.version)
)


def policy_rows(db: Session, project_id: int) -> tuple[PolicyInfo, ...]:
    """Return every policy ever recorded for a project, voided ones too, by version."""
    rows = db.execute(_policies_of(), {"project_id": project_id})
    return tuple(PolicyInfo(*row) for row in rows)


@cache
def _policies_of() -> Select[Any]:
    return _POLICY.where(AttendancePolicyRow.project_id == bindparam("project_id"))


def policies(db: Session, project_id: int) -> tuple[ScopedPolicy, ...]:
    """Return the policies of a project that are not voided, with the id of the *company* where one is named."""
    rows = [row for row in policy_rows(db, project_id) if row.voided_at is None]
    if not rows:
        return ()
    time_zone = people.project(db, project_id).time_zone
    return tuple(
        ScopedPolicy(
            id=row.id,
            policy=policy_of(row.rules, version=row.version, time_zone=time_zone),
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            company_id=row.company_id,
            team_id=row.team_id,
        )
        for row in rows
    )


def policy_row(db: Session, project_id: int, policy_id: int) -> PolicyInfo:
    """Return one policy of a project.

    Raises:
        NotFound: ``policy_unknown``.
    """
    wanted = _POLICY.where(AttendancePolicyRow.project_id == project_id, AttendancePolicyRow.id == policy_id)
    row = db.execute(wanted).first()
    if row is None:
        raise NotFound("policy_unknown")
    return PolicyInfo(*row)


def add_policy(
    db: Session,
    *,
    project_id: int,
    project_company_id: int | None,
    team_id: int | None,
    rules: Mapping[str, Any],
    valid_from: date,
    valid_to: date | None,
    recorded_by: str,
    now: datetime,
) -> int:
    """Add a policy with the project's next version; return its id. The caller holds the project's lock."""
    used = select(func.max(AttendancePolicyRow.version)).where(AttendancePolicyRow.project_id == project_id)
    last = db.execute(used).scalar()
    return append(
        db,
        AttendancePolicyRow.__table__,
        project_id=project_id,
        project_company_id=project_company_id,
        team_id=team_id,
        version=FIRST_VERSION if last is None else last + 1,
        valid_from=valid_from,
        valid_to=valid_to,
        rules=dict(rules),
        recorded_by=recorded_by,
        recorded_at=now,
    )


def end_policy(db: Session, policy_id: int, valid_to: date) -> None:
    """Give a running policy its end. The caller has looked at it under the project's lock."""
    _change_policy(db, policy_id, valid_to=valid_to)


def void_policy(db: Session, policy_id: int, by: str, now: datetime) -> None:
    """Void a policy: from now on it never held. The row stays."""
    _change_policy(db, policy_id, voided_by=by, voided_at=now)


def _change_policy(db: Session, policy_id: int, **values: Any) -> None:
    db.execute(update(AttendancePolicyRow.__table__).where(AttendancePolicyRow.id == policy_id).values(**values))


# --- corrections ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody said to a correction."""

    act: str
    """leader_ok, officer_ok, rejected or withdrawn."""
    note: str
    by: str
    at: datetime
    stood_in_as: str | None = None
    """manager or labour_officer: he said it in place of whose word it is."""


@dataclass(frozen=True, slots=True)
class CorrectionInfo:
    """A correction with everything said to it, in order."""

    id: int
    project_id: int
    worker_id: int
    work_date: date
    kind: str
    in_at: datetime | None
    out_at: datetime | None
    passage_id: int | None
    minutes: int | None
    day_milli: int | None
    reason: str
    note: str
    evidence: tuple[int, ...]
    requested_by: str
    requested_at: datetime
    steps: tuple[Step, ...] = field(default=())

    @property
    def state(self) -> str:
        """requested, leader_ok, approved, rejected or withdrawn."""
        return _state_of({step.act for step in self.steps})


def _state_of(acts: Collection[str]) -> str:
    for act, state in (("officer_ok", "approved"), ("rejected", "rejected"), ("withdrawn", "withdrawn")):
        if act in acts:
            return state
    return "leader_ok" if "leader_ok" in acts else "requested"


_CORRECTION = [CorrectionRow.__table__.c[name] for name in CorrectionInfo.__slots__ if name != "steps"]
_FINAL = ("officer_ok", "rejected", "withdrawn")


def add_correction(db: Session, **values: Any) -> int:
    """Append a request; the columns of ``correction`` as keywords. Return its id."""
    return append(db, CorrectionRow.__table__, **values)


def correction(db: Session, project_id: int, correction_id: int) -> CorrectionInfo:
    """Return one correction of a project.

    Raises:
        NotFound: ``correction_unknown``.
    """
    found = _corrections(db, and_(CorrectionRow.project_id == project_id, CorrectionRow.id == correction_id))
    if not found:
        raise NotFound("correction_unknown")
    return found[0]


_ACTS = select(CorrectionStep.correction_id, CorrectionStep.act).where(
    CorrectionStep.correction_id.in_(bindparam("ids", expanding=True))
)


def states_of(db: Session, correction_ids: Collection[int]) -> dict[int, str]:
    """Return how far each of some corrections is: requested, leader_ok, approved, rejected or withdrawn."""
    acts: dict[int, set[str]] = {id_: set() for id_ in correction_ids}
    if acts:
        for id_, act in db.execute(_ACTS, {"ids": sorted(acts)}):
            acts[id_].add(act)
    return {id_: _state_of(said) for id_, said in acts.items()}


def corrections_of(
    db: Session, project_id: int, first: date, end: date, worker_id: int | None = None
) -> tuple[CorrectionInfo, ...]:
    """Return every correction about a date of [first, end), whatever became of it, oldest first."""
    wanted = and_(
        CorrectionRow.project_id == project_id, CorrectionRow.work_date >= first, CorrectionRow.work_date < end
    )
    if worker_id is not None:
        wanted = and_(wanted, CorrectionRow.worker_id == worker_id)
    return _corrections(db, wanted)


def pending_corrections(
    db: Session, project_id: int, first: date | None = None, end: date | None = None
) -> tuple[CorrectionInfo, ...]:
    """Return the corrections that wait for somebody, oldest first; of the dates [first, end) where given."""
    decided = (
        # Correlated by hand: the steps themselves are read by the same condition.
        exists()
        .where(CorrectionStep.correction_id == CorrectionRow.id, CorrectionStep.act.in_(_FINAL))
        .correlate(CorrectionRow)
    )
    wanted = and_(CorrectionRow.project_id == project_id, ~decided)
    if first is not None:
        wanted = and_(wanted, CorrectionRow.work_date >= first)
    if end is not None:
        wanted = and_(wanted, CorrectionRow.work_date < end)
    return _corrections(db, wanted)


def _corrections(db: Session, wanted: Any) -> tuple[CorrectionInfo, ...]:
    rows = db.execute(select(*_CORRECTION).where(wanted).order_by(CorrectionRow.id)).all()
    steps: dict[int, list[Step]] = defaultdict(list)
    if rows:
        said = (
            select(
                CorrectionStep.correction_id, CorrectionStep.act, CorrectionStep.note, CorrectionStep.by,
                CorrectionStep.at, CorrectionStep.stood_in_as,
            )
            .join(CorrectionRow, CorrectionRow.id == CorrectionStep.correction_id)
            .where(wanted)
            .order_by(CorrectionStep.id)
        )
        for correction_id, *step in db.execute(said):
            steps[correction_id].append(Step(*step))
    return tuple(
        CorrectionInfo(**{**row._mapping, "evidence": tuple(row.evidence)}, steps=tuple(steps[row.id])) for row in rows
    )


_APPROVED = (
    select(*(CorrectionRow.__table__.c[name] for name in Correction.__slots__))
    .join(CorrectionStep, CorrectionStep.correction_id == CorrectionRow.id)
    .where(CorrectionRow.project_id == bindparam("project_id"), CorrectionStep.act == "officer_ok")
    .order_by(CorrectionRow.id)
)
# One man's passage put down to another concerns both.
_APPROVED_OF = _APPROVED.where(
    or_(CorrectionRow.worker_id.in_(bindparam("workers", expanding=True)), CorrectionRow.kind == str(CorrectionKind.WRONG_PERSON))
)


def corrections(db: Session, project_id: int, *, workers: Collection[int] = ()) -> tuple[Correction, ...]:
    """Return the approved corrections of a project: the facts the rules go by.

    Args:
        workers: only those that may concern them; empty is everybody.
    """
    rows = db.execute(_APPROVED_OF if workers else _APPROVED, {"project_id": project_id, "workers": sorted(workers)})
    return tuple(Correction(**{**row._mapping, "kind": CorrectionKind(row.kind)}) for row in rows)


def add_step(
    db: Session, correction_id: int, *, act: str, note: str, by: str, now: datetime, stood_in_as: str | None = None
) -> None:
    """Append what somebody said.

    Raises:
        Conflict: ``correction_decided``, that was said already.
    """
    if not insert_or_leave(
        db, CorrectionStep.__table__, correction_id=correction_id, act=act, note=note, by=by, at=now, stood_in_as=stood_in_as
    ):
        raise Conflict("correction_decided")


# --- marks ---------------------------------------------------------------------------------------------------


def add_mark(
    db: Session,
    *,
    project_id: int,
    team_id: int | None,
    worker_id: int | None,
    kind: str,
    from_on: date,
    to_on: date,
    pay_permille: int,
    note: str,
    evidence: Sequence[int],
    recorded_by: str,
    now: datetime,
) -> int:
    """Append a mark; return its id."""
    return append(
        db,
        DayMarkRow.__table__,
        project_id=project_id,
        team_id=team_id,
        worker_id=worker_id,
        kind=str(kind),
        from_on=from_on,
        to_on=to_on,
        pay_permille=pay_permille,
        note=note,
        evidence=list(evidence),
        recorded_by=recorded_by,
        recorded_at=now,
    )


def marks(db: Session, project_id: int) -> tuple[DayMark, ...]:
    """Return the marks of a project that are not voided."""
    rows = db.execute(_marks_of(), {"project_id": project_id})
    return tuple(DayMark(**{**row._mapping, "kind": MarkKind(row.kind)}) for row in rows)


@cache
def _marks_of() -> Select[Any]:
    columns = [DayMarkRow.__table__.c[name] for name in DayMark.__slots__]
    wanted = DayMarkRow.project_id == bindparam("project_id")
    return select(*columns).where(wanted, standing("day_mark", DayMarkRow.id)).order_by(DayMarkRow.id)


@dataclass(frozen=True, slots=True)
class MarkInfo:
    """A mark as it was recorded."""

    id: int
    kind: str
    from_on: date
    to_on: date
    """First day it no longer holds."""
    pay_permille: int
    worker_id: int | None
    team_id: int | None
    note: str
    evidence: tuple[int, ...]
    recorded_by: str
    recorded_at: datetime


def mark_rows(db: Session, project_id: int, first: date, end: date) -> tuple[MarkInfo, ...]:
    """Return every mark of a project that touches a span of dates, voided ones too, by date.

    Args:
        end: first date after the span.
    """
    rows = db.execute(
        select(*(DayMarkRow.__table__.c[name] for name in MarkInfo.__slots__))
        .where(DayMarkRow.project_id == project_id, DayMarkRow.from_on < end, DayMarkRow.to_on > first)
        .order_by(DayMarkRow.from_on, DayMarkRow.id)
    )
    return tuple(MarkInfo(**{**row._mapping, "evidence": tuple(row.evidence)}) for row in rows)


def mark_from(db: Session, project_id: int, mark_id: int) -> date | None:
    """Return the first day of a mark of a project, voided or not; None where there is none."""
    wanted = select(DayMarkRow.from_on).where(DayMarkRow.project_id == project_id, DayMarkRow.id == mark_id)
    return db.execute(wanted).scalar()


def mark(db: Session, project_id: int, mark_id: int) -> DayMark:
    """Return one mark of a project that is not voided.

    Raises:
        NotFound: ``mark_unknown``.
    """
    found = next((one for one in marks(db, project_id) if one.id == mark_id), None)
    if found is None:
        raise NotFound("mark_unknown")
    return found


# --- evidence ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EvidenceInfo:
    """A sealed file; ``name`` is as its owner called it."""

    id: int
    project_id: int
    sha256: str
    name: str
    media_type: str
    size: int
    content_sealed: bytes
    recorded_by: str
    recorded_at: datetime

    def __repr__(self) -> str:
        return f"EvidenceInfo(id={self.id})"


def put_evidence(
    db: Session,
    *,
    project_id: int,
    sha256: str,
    name: str,
    media_type: str,
    size: int,
    content_sealed: bytes,
    by: str,
    now: datetime,
) -> int:
    """Keep a sealed file; return its id. The same content again is the file that is there."""
    insert_or_leave(
        db,
        EvidenceFile.__table__,
        project_id=project_id,
        sha256=sha256,
        name=name,
        media_type=media_type,
        size=size,
        content_sealed=content_sealed,
        recorded_by=by,
        recorded_at=now,
    )
    return db.execute(select(EvidenceFile.id).filter_by(project_id=project_id, sha256=sha256)).scalar_one()


def evidence(db: Session, project_id: int, evidence_id: int) -> EvidenceInfo:
    """Return one sealed file of a project.

    Raises:
        NotFound: ``evidence_unknown``.
    """
    columns = [EvidenceFile.__table__.c[name] for name in EvidenceInfo.__slots__]
    row = db.execute(select(*columns).filter_by(id=evidence_id, project_id=project_id)).first()
    if row is None:
        raise NotFound("evidence_unknown")
    return EvidenceInfo(*row)


EVIDENCE_MAX = 20
"""Files of one fact."""


def check_evidence(db: Session, project_id: int, ids: Iterable[int]) -> list[int]:
    """Return the ids of the files a fact rests on, each once, in the order given.

    Raises:
        NotFound: ``evidence_unknown``, one of them is not the project's.
        Unusable: ``evidence_too_many``.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > EVIDENCE_MAX:
        raise Unusable("evidence_too_many", limit=EVIDENCE_MAX)
    if any(type(number) is not int or not 0 < number < 2**63 for number in wanted):
        raise NotFound("evidence_unknown")
    known = select(func.count()).where(EvidenceFile.project_id == project_id, EvidenceFile.id.in_(wanted))
    if wanted and db.execute(known).scalar_one() != len(wanted):
        raise NotFound("evidence_unknown")
    return wanted


# --- heartbeats ----------------------------------------------------------------------------------------------


def heartbeat(db: Session, device_id: str, *, complete_to: datetime, stored_events: int) -> datetime:
    """Note up to when a gate has delivered everything, and how much it keeps; return ``complete_to`` as it stands.

    It never moves back: what was said to be complete was complete.
    """
    table = Device.__table__
    db.execute(update(table).where(table.c.id == device_id).values(stored_events=stored_events))
    db.execute(
        update(table)
        .where(table.c.id == device_id, or_(table.c.complete_to.is_(None), table.c.complete_to < complete_to))
        .values(complete_to=complete_to)
    )
    return db.execute(select(Device.complete_to).where(Device.id == device_id)).scalar_one()


def watermark(db: Session, project_id: int) -> datetime | None:
    """Return the instant up to which every enabled gate has delivered everything.

    Only devices that have ever sent anything are asked: one still in its box holds nothing up. None when no device
    has sent yet, or one that has never said how far it is.
    """
    rows = db.execute(
        select(Device.complete_to).where(Device.project_id == project_id, Device.disabled_at.is_(None), _has_sent())
    )
    said = list(rows.scalars())
    return None if not said or None in said else min(said)


def silent_devices(db: Session, project_id: int, from_at: datetime, to_at: datetime) -> tuple[str, ...]:
    """Return the enabled devices with passages of [from_at, to_at) that may still keep events of that time."""
    passed = exists().where(
        PassageRow.device_id == Device.id,
        PassageRow.project_id == project_id,
        PassageRow.occurred_at >= from_at,
        PassageRow.occurred_at < to_at,
    )
    rows = db.execute(
        select(Device.id)
        .where(
            Device.project_id == project_id,
            Device.disabled_at.is_(None),
            or_(Device.complete_to.is_(None), Device.complete_to < to_at),
            passed,
        )
        .order_by(Device.id)
    )
    return tuple(rows.scalars())


def _has_sent() -> Any:
    return or_(Device.last_seen_at.is_not(None), exists().where(PassageRow.device_id == Device.id))


# --- what must be worked out again ---------------------------------------------------------------------------


def mark_stale(
    db: Session, project_id: int, worker_id: int | None, from_on: date, to_on: date | None
) -> None:
    """Note that days may come out otherwise now: facts other than passages changed.

    Args:
        worker_id: None for everybody.
        from_on: first work date.
        to_on: first work date that is not concerned; None for all that follow.
    """
    if to_on is None or to_on > from_on:
        append(db, StaleDay.__table__, project_id=project_id, worker_id=worker_id, from_on=from_on, to_on=to_on)


def mark_stale_around(db: Session, project_id: int, worker_id: int, day: date) -> None:
    """Note that a worker's date may come out otherwise, and its neighbours: a night may reach into either.

    Where a gate counts both ways, what a passage means depends on all before it, so all that follow are concerned.
    """
    two_way = any(gate.direction is Direction.BOTH for gate in gates.gates(db, project_id))
    mark_stale(db, project_id, worker_id, day - _A_DAY, None if two_way else day + 2 * _A_DAY)


def last_closed(db: Session, project_id: int) -> date | None:
    """Return the first day of the latest closed month, or None; months close in order."""
    closed = select(func.max(PayPeriod.month)).where(PayPeriod.project_id == project_id, PayPeriod.state == "closed")
    return db.execute(closed).scalar()
