"""Attendance: days from the projection, corrections, leave and stoppage, policies, the calendar.

    GET  /v1/projects/{id}/dates/2026-03-05/days?after=&limit=    one date, everybody, by pages
    GET  /v1/projects/{id}/workers/{worker_id}/days?month=        one worker's month, each day with what it rests on
    GET|POST /v1/projects/{id}/corrections                        补卡: waiting ones; ask for one
    POST /v1/projects/{id}/corrections/{correction_id}/steps      leader_ok, officer_ok, rejected, withdrawn
    GET|POST /v1/projects/{id}/marks, DELETE .../{mark_id}        leave, stoppage, rain, rest
    GET|POST /v1/projects/{id}/policies, POST .../{id}/end, DELETE .../{id}
    POST /v1/projects/{id}/evidence, GET .../{evidence_id}        the papers decisions rest on
    GET|POST /v1/calendar, POST /v1/calendar/seed                 法定日历
    GET|POST /v1/area-rules                                       地区参数

Every write takes an ``Idempotency-Key``.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, File, Path, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from app import access, projection, terms, timekeeping
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, only, refusals
from app.api.once import WriteKey
from app.api.wages import ProjectId, WorkerId
from app.api.who import Day, Instant
from app.db import Reading, Tx
from app.domain.facts import DayKind, DayMark
from app.domain.workdays import next_month
from app.errors import NotFound
from app.fields import read_month
from app.store import people
from app.store import projection as rows
from app.store import terms as kept_terms
from app.store import timekeeping as kept
from app.store.terms import AreaRuleInfo
from app.store.timekeeping import CorrectionInfo, PolicyInfo

router = APIRouter(tags=["attendance"])

OF_PROJECT = (NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT)
RowIdPath = Annotated[int, Path(ge=1, le=ROW_ID_MAX)]
RowIdField = Annotated[StrictInt, Field(ge=1, le=ROW_ID_MAX)]


class Added(BaseModel):
    """What was made."""

    model_config = ConfigDict(json_schema_extra={"example": {"id": 12}})
    id: int


class Reason(BaseModel):
    """Why something is taken back."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "录入错误：应为 3 月 6 日"}})
    reason: str = Field(max_length=500)


# --- days ------------------------------------------------------------------------------------------------------


class DayLineOut(BaseModel):
    """One worker on one work date."""

    model_config = ConfigDict(from_attributes=True)
    worker_id: int
    work_date: date
    engagement_id: int | None
    team_id: int | None
    state: str = Field(description="worked, undecided, present or off")
    minutes: int
    day_milli: int | None = Field(description="Thousandths of a man-day; null while undecided")
    overtime_minutes: int
    amount_fen: int | None = Field(description="Wages of the day; null when the pay does not go by days")
    first_in_at: datetime | None
    last_out_at: datetime | None
    detail: dict[str, Any] = Field(description="Sessions, passages, corrections, computed beside confirmed, wage items")
    rev: int = Field(description="How often the day has changed; 0: worked out just now")


@router.get(
    "/v1/projects/{project_id}/workers/{worker_id}/days",
    summary="A worker's month",
    response_model=list[DayLineOut],
    responses=refusals(*OF_PROJECT, (400, "month_malformed"), (404, "worker_not_on_project")),
)
def worker_days(
    person: Someone,
    db: Reading,
    now: Now,
    project_id: ProjectId,
    worker_id: WorkerId,
    month: Annotated[str, Query(max_length=10, examples=["2026-03"])],
) -> Response:
    """Days of one month, each with its sessions, passages, corrections and wage items."""
    access.require_on(db, person, "attendance.read", project_id)
    first = read_month(month)
    if not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    return _lines(projection.worker_days(db, project_id, worker_id, first, next_month(first), now))


@router.get(
    "/v1/projects/{project_id}/dates/{on}/days", summary="One date", response_model=list[DayLineOut],
    responses=refusals(*OF_PROJECT),
)
def days_on(
    person: Someone,
    db: Reading,
    now: Now,
    project_id: ProjectId,
    on: Day,
    team_id: Annotated[int | None, only("team")],
    after: Annotated[int, Query(ge=0, le=ROW_ID_MAX, description="Workers after this id")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Everybody's day on one date, by worker id, a page at a time."""
    access.require_on(db, person, "attendance.read", project_id)
    return _lines(projection.days_on(db, project_id, on, now, after=after, limit=limit, team_id=team_id))


def _lines(lines: Sequence[rows.DayLine]) -> Response:
    """The rows as they are: they were checked when they were written, and a page of them is asked for all day."""
    said = []
    for line in lines:
        fields = {name: getattr(line, name) for name in _PLAIN} | {name: (at := getattr(line, name)) and at.isoformat() for name in _WHEN}
        detail = line.detail.text if isinstance(line.detail, rows.Written) else _JSON.encode(line.detail)
        said.append(f'{_JSON.encode(fields)[:-1]},"detail":{detail}}}')
    return Response(f"[{','.join(said)}]", media_type="application/json")


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_WHEN = ("work_date", "first_in_at", "last_out_at")
_PLAIN = tuple(name for name in rows.DayLine.__dataclass_fields__ if name not in (*_WHEN, "detail"))


# --- corrections -----------------------------------------------------------------------------------------------


class CorrectionIn(BaseModel):
    """What the gate did not see."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "worker_id": 7, "work_date": "2026-03-05", "kind": "missing_out", "out_at": "2026-03-05T10:05:00Z",
                "reason": "forgot", "note": "下班时手机没电，班长在场", "evidence": [3],
            }
        }
    )  # fmt: skip
    worker_id: RowIdField
    work_date: date
    kind: str = Field(max_length=16, description="missing_in, missing_out, add_session, void_passage, wrong_person or set_day")
    in_at: Instant | None = None
    out_at: Instant | None = None
    passage_id: RowIdField | None = None
    minutes: StrictInt | None = Field(None, ge=0, le=1440)
    day_milli: StrictInt | None = Field(None, ge=0, le=3000)
    reason: str = Field(max_length=24)
    note: str = Field("", max_length=500)
    evidence: list[RowIdField] = Field(default_factory=list, max_length=10)


class StepIn(BaseModel):
    """What somebody says about a correction."""

    model_config = ConfigDict(json_schema_extra={"example": {"act": "leader_ok", "note": "属实"}})
    act: str = Field(max_length=12, description="leader_ok, officer_ok, rejected or withdrawn")
    note: str = Field("", max_length=500)


@router.get("/v1/projects/{project_id}/corrections", summary="Corrections that wait", responses=refusals(*OF_PROJECT))
def list_corrections(
    person: Someone,
    db: Reading,
    project_id: ProjectId,
    month: Annotated[str | None, Query(max_length=10, examples=["2026-03"])] = None,
) -> list[CorrectionInfo]:
    """Those nobody has decided yet, oldest first; a team leader's own team only."""
    project = access.require_on(db, person, "corrections.read", project_id)
    teams = access.teams_of(db, person, project)
    return list(timekeeping.pending(db, project_id, None if month is None else read_month(month), teams))


@router.post(
    "/v1/projects/{project_id}/corrections", summary="Ask for a correction", status_code=201, response_model=Added,
    responses=refusals(*OF_PROJECT, (400, "key_malformed"), (404, "worker_not_on_project"), (409, "key_reused")),
)  # fmt: skip
def request_correction(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: CorrectionIn) -> Response:
    """It counts when the team leader and the labour officer have agreed; neither may be who asked."""
    project = access.require_on(db, person, "corrections.request", project_id)
    teams = access.teams_of(db, person, project, "corrections.request")

    def work() -> Added:
        return Added(
            id=timekeeping.request_correction(
                db, project_id=project_id, teams=teams, by=person.login, now=now, **body.model_dump()
            )
        )

    return key.once(db, now, work)


_STEP_ACTIONS = {"leader_ok": "corrections.leader", "officer_ok": "corrections.officer", "withdrawn": "corrections.request"}


@router.post(
    "/v1/projects/{project_id}/corrections/{correction_id}/steps", summary="Agree to a correction, or not",
    status_code=201, response_model=CorrectionInfo, responses=refusals(*OF_PROJECT, (409, "key_reused")),
)  # fmt: skip
def decide_correction(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, correction_id: RowIdPath, body: StepIn
) -> Response:
    """Leader first, then the labour officer; either may reject, who asked may withdraw.

    Where who asked is the only one whose word it is, the project manager stands in for the officer and the officer for the leader.
    """
    stands_in = False
    if body.act == "rejected":
        project = access.require_any(db, person, ("corrections.leader", "corrections.officer"), project_id)
        action = "corrections.officer" if access.may(person, "corrections.officer", project.id, project.area_code) else "corrections.leader"
    else:
        action = _STEP_ACTIONS.get(body.act, "corrections.officer")
        if body.act in ("leader_ok", "officer_ok"):
            project = access.require_any(db, person, (action, "corrections.stand_in"), project_id)
            stands_in = not access.may(person, action, project.id, project.area_code)
            action = "corrections.stand_in" if stands_in else action
        else:
            project = access.require_on(db, person, action, project_id)
    teams = access.teams_of(db, person, project, action)

    def work() -> CorrectionInfo:
        return timekeeping.decide_correction(
            db, project_id=project_id, correction_id=correction_id, act=body.act, note=body.note, teams=teams,
            stands_in=stands_in, by=person.login, now=now,
        )  # fmt: skip

    return key.once(db, now, work)


# --- marks -----------------------------------------------------------------------------------------------------


class MarkIn(BaseModel):
    """Days on which nobody was expected."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"kind": "rain", "from_on": "2026-03-09", "to_on": "2026-03-10", "pay_permille": 0, "note": "暴雨红色预警"}
        }
    )
    kind: str = Field(max_length=12, description="leave, stoppage, rain or rest")
    from_on: date
    to_on: date = Field(description="First day it no longer holds")
    pay_permille: StrictInt = Field(ge=0, le=1000)
    worker_id: RowIdField | None = None
    team_id: RowIdField | None = None
    note: str = Field("", max_length=500)
    evidence: list[RowIdField] = Field(default_factory=list, max_length=10)


@router.get("/v1/projects/{project_id}/marks", summary="Leave, stoppage, rain, rest", responses=refusals(*OF_PROJECT))
def list_marks(person: Someone, db: Reading, project_id: ProjectId) -> list[DayMark]:
    """Those that hold, by date."""
    access.require_on(db, person, "attendance.read", project_id)
    return sorted(kept.marks(db, project_id), key=lambda m: (m.from_on, m.id))


@router.post(
    "/v1/projects/{project_id}/marks", summary="Mark days", status_code=201, response_model=Added,
    responses=refusals(*OF_PROJECT, (409, "key_reused")),
)  # fmt: skip
def add_mark(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: MarkIn) -> Response:
    """Of one worker, one team, or the whole project when neither is named."""
    access.require_on(db, person, "marks.write", project_id)
    return key.once(
        db, now, lambda: Added(id=timekeeping.add_mark(db, project_id=project_id, by=person.login, now=now, **body.model_dump()))
    )


@router.post(
    "/v1/projects/{project_id}/marks/{mark_id}/void", summary="Take a mark back", status_code=200,
    response_model=Added, responses=refusals(*OF_PROJECT, (409, "key_reused")),
)  # fmt: skip
def void_mark(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, mark_id: RowIdPath, body: Reason
) -> Response:
    """It stays on file and does not count."""
    access.require_on(db, person, "marks.write", project_id)

    def work() -> Added:
        timekeeping.void_mark(db, project_id=project_id, mark_id=mark_id, reason=body.reason, by=person.login, now=now)
        return Added(id=mark_id)

    return key.once(db, now, work, status=200)


# --- policies --------------------------------------------------------------------------------------------------


class PolicyIn(BaseModel):
    """How passages become days, from a date on."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "valid_from": "2026-04-01", "team_id": 3,
                "rules": {"cutover_minutes": 720, "session_max_minutes": 960, "breaks": [["11:30", "12:30"]]},
            }
        }
    )  # fmt: skip
    valid_from: date
    valid_to: date | None = None
    project_company_id: RowIdField | None = None
    team_id: RowIdField | None = None
    rules: dict[str, Any] = Field(max_length=40)


class EndIn(BaseModel):
    """When something ends."""

    model_config = ConfigDict(json_schema_extra={"example": {"valid_to": "2026-05-01"}})
    valid_to: date = Field(description="First day it no longer holds")


@router.get("/v1/projects/{project_id}/policies", summary="Attendance policies", responses=refusals(*OF_PROJECT))
def list_policies(person: Someone, db: Reading, project_id: ProjectId) -> list[PolicyInfo]:
    """All versions, voided ones too."""
    access.require_on(db, person, "attendance.read", project_id)
    return list(kept.policy_rows(db, project_id))


@router.post(
    "/v1/projects/{project_id}/policies", summary="Set a policy", status_code=201, response_model=Added,
    responses=refusals(*OF_PROJECT, (409, "key_reused")),
)  # fmt: skip
def add_policy(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: PolicyIn) -> Response:
    """For the whole project, a company or a team. Never edited: ended, voided, set again."""
    access.require_on(db, person, "policies.write", project_id)
    return key.once(
        db, now, lambda: Added(id=timekeeping.add_policy(db, project_id=project_id, by=person.login, now=now, **body.model_dump()))
    )


@router.post(
    "/v1/projects/{project_id}/policies/{policy_id}/end", summary="End a policy", status_code=200,
    response_model=Added, responses=refusals(*OF_PROJECT, (409, "key_reused")),
)  # fmt: skip
def end_policy(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, policy_id: RowIdPath, body: EndIn
) -> Response:
    """The days from then on go by what holds otherwise."""
    access.require_on(db, person, "policies.write", project_id)

    def work() -> Added:
        timekeeping.end_policy(db, project_id=project_id, policy_id=policy_id, valid_to=body.valid_to, by=person.login, now=now)
        return Added(id=policy_id)

    return key.once(db, now, work, status=200)


@router.post(
    "/v1/projects/{project_id}/policies/{policy_id}/void", summary="Void a policy", status_code=200,
    response_model=Added, responses=refusals(*OF_PROJECT, (409, "key_reused")),
)  # fmt: skip
def void_policy(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, policy_id: RowIdPath) -> Response:
    """As if it had never been set; the row stays."""
    access.require_on(db, person, "policies.write", project_id)

    def work() -> Added:
        timekeeping.void_policy(db, project_id=project_id, policy_id=policy_id, by=person.login, now=now)
        return Added(id=policy_id)

    return key.once(db, now, work, status=200)


# --- evidence --------------------------------------------------------------------------------------------------


@router.post(
    "/v1/projects/{project_id}/evidence", summary="Keep a paper", status_code=201,
    responses=refusals(*OF_PROJECT, (413, "evidence_too_large"), (422, "evidence_type_unknown")),
)  # fmt: skip
def add_evidence(
    request: Request,
    person: Someone,
    db: Tx,
    now: Now,
    project_id: ProjectId,
    file: Annotated[UploadFile, File(description="JPEG, PNG or PDF")],
) -> Added:
    """A photograph or scan, sealed. The same bytes twice are one paper, so this needs no key."""
    access.require_on(db, person, "corrections.request", project_id)
    content = file.file.read(timekeeping.EVIDENCE_BYTES_MAX + 1)
    return Added(
        id=timekeeping.put_evidence(
            db, request.app.state.vault, project_id=project_id, name=file.filename or "", media_type=file.content_type or "",
            content=content, by=person.login, now=now,
        )
    )  # fmt: skip


@router.get(
    "/v1/projects/{project_id}/evidence/{evidence_id}", summary="Look at a paper", response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **refusals(*OF_PROJECT, (404, "evidence_unknown"))},
)  # fmt: skip
def get_evidence(request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, evidence_id: RowIdPath) -> Response:
    """Looking is journalled. Whoever only asks for corrections sees his own papers."""
    project = access.require_on(db, person, "corrections.read", project_id)
    found = timekeeping.get_evidence(
        db, request.app.state.vault, project_id=project_id, evidence_id=evidence_id,
        own_only=access.teams_of(db, person, project) is not None, by=person.login, now=now,
    )  # fmt: skip
    return Response(
        found.content, media_type=found.media_type,
        headers={"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"},
    )  # fmt: skip


# --- calendar and area rules -----------------------------------------------------------------------------------


class CalendarDayOut(BaseModel):
    """What kind of day a date is."""

    day_on: date
    kind: DayKind
    name: str


class CalendarDayIn(BaseModel):
    """One line of a notice."""

    day_on: date
    kind: str = Field(max_length=12)
    name: str = Field("", max_length=40)


class CalendarIn(BaseModel):
    """A notice."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "source": "国办发明电〔2026〕号", "fill_year": 2027,
                "days": [{"day_on": "2027-01-01", "kind": "statutory", "name": "元旦"}],
            }
        }
    )  # fmt: skip
    source: str = Field(max_length=120)
    fill_year: int | None = Field(None, ge=2000, le=2100, description="Weekdays and weekends of that year that are not named")
    days: list[CalendarDayIn] = Field(max_length=800)


class SeedIn(BaseModel):
    """Years to take from the calendar package."""

    model_config = ConfigDict(json_schema_extra={"example": {"years": [2026]}})
    years: list[Annotated[StrictInt, Field(ge=2000, le=2100)]] = Field(min_length=1, max_length=5)


class CalendarReportOut(BaseModel):
    """What an import did."""

    model_config = ConfigDict(from_attributes=True)
    rows_total: int
    written: int
    unchanged: int
    faults: list[dict[str, Any]] = Field(default_factory=list)


def _report(report: timekeeping.CalendarReport) -> CalendarReportOut:
    return CalendarReportOut(
        rows_total=report.rows_total, written=report.written, unchanged=report.unchanged,
        faults=[{"row": f.row, "code": f.code, "facts": f.facts} for f in report.faults],
    )  # fmt: skip


@router.get("/v1/calendar", summary="Calendar of a year", responses=refusals(NOBODY))
def list_calendar(person: Someone, db: Reading, year: Annotated[int, Query(ge=2000, le=2100)]) -> list[CalendarDayOut]:
    """Days a notice was imported for; a day that is missing is unknown, not ordinary."""
    del person
    found = kept.calendar_days(db, date(year, 1, 1), date(year + 1, 1, 1))
    return [CalendarDayOut(day_on=d.day_on, kind=d.kind, name=d.name) for _, d in sorted(found.items())]


@router.post(
    "/v1/calendar", summary="Import a notice", status_code=201, response_model=CalendarReportOut,
    responses=refusals(NOBODY, NOT_ALLOWED, (409, "key_reused")),
)  # fmt: skip
def import_calendar(person: Someone, db: Tx, key: WriteKey, now: Now, body: CalendarIn) -> Response:
    """All lines or none: a line that cannot be read is named and nothing is written."""
    access.require(person, "calendar.write")
    given = [(d.day_on.isoformat(), d.kind, d.name) for d in body.days]
    return key.once(
        db, now,
        lambda: _report(timekeeping.import_calendar(db, rows=given, source=body.source, fill_year=body.fill_year, by=person.login, now=now)),
    )  # fmt: skip


@router.post(
    "/v1/calendar/seed", summary="Take years from the calendar package", status_code=201, response_model=CalendarReportOut,
    responses=refusals(NOBODY, NOT_ALLOWED, (409, "key_reused")),
)  # fmt: skip
def seed_calendar(person: Someone, db: Tx, key: WriteKey, now: Now, body: SeedIn) -> Response:
    """Years it knows only provisionally are refused: import the notice."""
    access.require(person, "calendar.write")
    return key.once(db, now, lambda: _report(timekeeping.seed_calendar(db, years=body.years, by=person.login, now=now)))


class AreaRuleIn(BaseModel):
    """A number or list that law or a county sets."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"area_code": "330424", "key": "minimum_wage_month_fen", "value": 226000, "valid_from": "2024-01-01", "source": "县人社局通知"}
        }
    )
    area_code: str = Field(max_length=12)
    key: str = Field(max_length=48)
    value: Any
    valid_from: date
    source: str = Field(max_length=200)


@router.get("/v1/area-rules", summary="County configuration", responses=refusals(NOBODY))
def list_area_rules(
    person: Someone, db: Reading, area_code: Annotated[str | None, Query(max_length=12)] = None
) -> list[AreaRuleInfo]:
    """Every value with its source, newest last."""
    del person
    return kept_terms.area_rules(db, area_code)


@router.post(
    "/v1/area-rules", summary="Set a value", status_code=201, response_model=Added,
    responses=refusals(NOBODY, NOT_ALLOWED, (409, "key_reused")),
)  # fmt: skip
def add_area_rule(person: Someone, db: Tx, key: WriteKey, now: Now, body: AreaRuleIn) -> Response:
    """Earlier values stay; the newest that holds counts, the longest area code first."""
    access.require(person, "area.write")
    return key.once(db, now, lambda: Added(id=terms.write_area_rule(db, by=person.login, now=now, **body.model_dump())))
