"""Findings (问题线索): looked for, listed, decided.

    POST /v1/projects/{id}/audits               look now; the worker does so every hour
    GET  /v1/projects/{id}/findings?month=&open_only=
    GET  /v1/projects/{id}/findings/{finding_id}          one, with everything that was decided about it
    POST /v1/findings/{id}/decisions            notified; explained | rectified; escalated; verified_closed by somebody else
"""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app import access, oversight
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, only, refusals
from app.api.wages import ProjectId
from app.db import Reading, Tx
from app.fields import read_month

router = APIRouter(tags=["findings"])


class AuditIn(BaseModel):
    """Which month to look at."""

    model_config = ConfigDict(json_schema_extra={"example": {"month": "2026-03"}})
    month: str = Field(max_length=10)


class AuditOut(BaseModel):
    """What a run found and changed, in numbers of findings."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "project_id": 1,
                "month": "2026-03-01",
                "found": 3,
                "new": 1,
                "seen_again": 2,
                "cleared": 1,
                "reopened": 0,
            }
        },
    )
    project_id: int
    month: date
    found: int
    new: int
    seen_again: int
    cleared: int
    reopened: int


class FindingOut(BaseModel):
    """A finding. It accuses nobody; a person decides."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 12,
                "project_id": 1,
                "rule": "underpaid",
                "title": "工资未足额支付",
                "sentence": "本月应计工资 8,600.00 元，已支付 6,000.00 元，相差 2,600.00 元。",
                "severity": "red",
                "subject_kind": "worker",
                "subject_id": 7,
                "month": "2026-03-01",
                "evidence": [{"kind": "payment", "id": 31}],
                "facts": {"accrued_fen": 860000, "paid_fen": 600000, "short_fen": 260000},
                "state": "open",
                "decided_by": None,
                "decided_at": None,
                "note": None,
                "due_on": None,
                "in_hand": False,
                "stale": False,
                "laws": ["《保障农民工工资支付条例》第13条"],
                "thresholds": "2026-11",
                "amount_fen": 260000,
                "expected_on": "2026-04-15",
                "detected": None,
                "false_alarm": None,
                "first_seen_at": "2026-04-16T01:00:00Z",
                "last_seen_at": "2026-04-17T01:00:00Z",
                "cleared_at": None,
                "reopened_at": None,
            }
        }
    )
    id: int
    project_id: int
    rule: str
    title: str
    sentence: str
    severity: str = Field(description="red, yellow or info")
    subject_kind: str
    subject_id: int
    month: date
    evidence: list[dict[str, Any]] = Field(description="Kind and id of the facts that show it")
    facts: dict[str, Any]
    state: str = Field(description="open, notified, explained, rectified, escalated or verified_closed; an answer falls when the evidence changes")
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    due_on: date | None = Field(description="By when the project answers; set by a notice")
    in_hand: bool = Field(description="The bureau has notified or escalated it: the bureau closes it")
    stale: bool = Field(description="The last answer was about other evidence than there is now")
    laws: list[str] = Field(description="What the rule rests on, by name and article; no text")
    thresholds: str | None = Field(description="Version of the limits it went by")
    amount_fen: int | None = Field(description="Money at stake")
    expected_on: date | None = Field(description="Last day on which it would still have been in order")
    detected: float | None = Field(description="Of a suspicion: share of simulated forged months it found")
    false_alarm: float | None = Field(description="Of a suspicion: share of simulated honest months it accused")
    first_seen_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None = Field(description="Since when it is not found any more")
    reopened_at: datetime | None = Field(description="When it was found again after it had stopped")


class Ground(BaseModel):
    """A file or fact."""

    kind: str = Field(max_length=16, description="file, passage, payment, correction, engagement or batch")
    id: int = Field(ge=1, le=ROW_ID_MAX)


class DecisionIn(BaseModel):
    """What somebody decides about a finding."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "state": "rectified", "note": "差额 4 月 18 日已补发，回单 0418-07", "evidence": [{"kind": "payment", "id": 31}],
            }
        }
    )  # fmt: skip
    state: str = Field(max_length=16, description="notified, explained, rectified, escalated or verified_closed")
    note: str = Field(max_length=4000, description="What is asked for, the reason, what was done, or the grounds for closing")
    evidence: list[Ground] = Field(default_factory=list, max_length=20, description="Closing needs some")
    due_on: date | None = Field(None, description="For notified: by when the project answers")


class DecisionOut(BaseModel):
    """One decision of the past."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "state": "notified", "note": "请于期限内补发并附回单", "decided_by": "lin", "decided_at": "2026-04-16T02:00:00Z",
                "due_on": "2026-04-23", "evidence": [],
            }
        }
    )  # fmt: skip
    state: str
    note: str
    decided_by: str
    decided_at: datetime
    due_on: date | None
    evidence: list[Ground]


class FindingWhole(FindingOut):
    """A finding with its history and what the reader may make of it."""

    history: list[DecisionOut] = Field(description="Oldest first")
    next: list[str] = Field(description="States the reader may give it now")


@router.post(
    "/v1/projects/{project_id}/audits",
    summary="Look for findings now",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (400, "month_malformed"), (400, "month_in_future")),
)
def run_audit(request: Request, person: Someone, db: Reading, project_id: ProjectId, body: AuditIn, now: Now) -> AuditOut:
    """Run every rule over one month. Findings met before keep their decisions; those gone are marked cleared."""
    access.require_on(db, person, "audits.run", project_id)
    month = read_month(body.month)
    return AuditOut.model_validate(oversight.audit_project(request.app.state.database, project_id, month, now, by=person.login))


@router.get(
    "/v1/projects/{project_id}/findings",
    summary="Findings of a project",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (400, "month_malformed")),
)
def list_findings(
    person: Someone,
    db: Reading,
    project_id: ProjectId,
    worker_id: Annotated[int | None, only("worker")],
    month: Annotated[str | None, Query(max_length=10, examples=["2026-03"])] = None,
    open_only: bool = False,
    state: Annotated[list[str] | None, Query(max_length=6, description="Several are said by repeating it")] = None,
    severity: Annotated[str | None, Query(max_length=8, examples=["red"])] = None,
    rule: Annotated[str | None, Query(max_length=64)] = None,
) -> list[FindingOut]:
    """Those that still fire first, then the unanswered, the worst, the newest month."""
    access.require_on(db, person, "findings.read", project_id)
    wanted = None if month is None else read_month(month)
    lines = oversight.findings_of(
        db, project_id, month=wanted, open_only=open_only, states=state or (), severity=severity, rule=rule,
        subject=None if worker_id is None else ("worker", worker_id), language=person.language,
    )  # fmt: skip
    return [_out(line, person.language) for line in lines]


@router.get(
    "/v1/projects/{project_id}/findings/{finding_id}",
    summary="One finding with its history",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (404, "finding_unknown")),
)
def one_finding(
    person: Someone, db: Reading, project_id: ProjectId, finding_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)]
) -> FindingWhole:
    """With everything that was decided about it, and the steps the reader may take."""
    access.require_on(db, person, "findings.read", project_id)
    line = oversight.line_of(db, project_id, finding_id, person.language)
    return FindingWhole(
        **_out(line, person.language).model_dump(),
        history=[
            DecisionOut(
                state=d.state, note=d.note, decided_by=d.decided_by, decided_at=d.decided_at, due_on=d.due_on,
                evidence=[Ground(kind=kind, id=id_) for kind, id_ in d.evidence],
            )
            for d in oversight.history(db, finding_id)
        ],
        next=[state.value for state in oversight.steps_of(db, person, line.finding)],
    )  # fmt: skip


@router.post(
    "/v1/findings/{finding_id}/decisions",
    summary="Decide a finding",
    status_code=201,
    responses=refusals(
        NOBODY,
        NOT_ALLOWED,
        (403, "decision_same_person"),
        (404, "finding_unknown"),
        (403, "decision_bureau_only"),
        (404, "evidence_unknown"),
        (400, "decision_note_needed"),
        (400, "decision_deadline_needed"),
        (400, "decision_evidence_needed"),
        (409, "decision_order"),
    ),
)
def decide(
    person: Someone, db: Tx, finding_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)], body: DecisionIn, now: Now
) -> FindingOut:
    """A notice needs a deadline; closing needs evidence, and somebody other than who explained or rectified it."""
    grounds = [(ground.kind, ground.id) for ground in body.evidence]
    return _out(
        oversight.decide(db, person, finding_id, body.state, body.note, evidence=grounds, due_on=body.due_on, now=now),
        person.language,
    )


def _out(line: oversight.FindingLine, language: str) -> FindingOut:
    f = line.finding
    basis = oversight.basis(f, language)
    return FindingOut(
        id=f.id,
        project_id=f.project_id,
        rule=f.rule,
        title=line.title,
        sentence=line.sentence,
        severity=f.severity,
        subject_kind=f.subject_kind,
        subject_id=f.subject_id,
        month=f.month,
        evidence=[{"kind": kind, "id": id_} for kind, id_ in f.evidence],
        facts=f.facts,
        state=line.state,
        decided_by=f.decided_by,
        decided_at=f.decided_at,
        note=f.note,
        due_on=f.due_on,
        in_hand=f.in_hand,
        stale=f.is_stale,
        laws=list(basis.laws),
        thresholds=basis.thresholds,
        amount_fen=basis.amount_fen,
        expected_on=basis.expected_on,
        detected=None if basis.odds is None else basis.odds[0],
        false_alarm=None if basis.odds is None else basis.odds[1],
        first_seen_at=f.first_seen_at,
        last_seen_at=f.last_seen_at,
        cleared_at=f.cleared_at,
        reopened_at=f.reopened_at,
    )
