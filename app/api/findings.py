"""Findings (问题线索): looked for, listed, decided.

    POST /v1/projects/{id}/audits               look now; the worker does so every hour
    GET  /v1/projects/{id}/findings?month=&open_only=
    POST /v1/findings/{id}/decisions            explained | rectified, then verified_closed by somebody else
"""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app import access, oversight
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, refusals
from app.api.wages import ProjectId, month_of_text
from app.db import Reading, Tx

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
                "first_seen_at": "2026-04-16T01:00:00Z",
                "last_seen_at": "2026-04-17T01:00:00Z",
                "cleared_at": None,
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
    state: str = Field(description="open, explained, rectified or verified_closed; open again when the evidence changed")
    decided_by: str | None
    decided_at: datetime | None
    note: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None = Field(description="Since when it is not found any more")


class DecisionIn(BaseModel):
    """What somebody decides about a finding."""

    model_config = ConfigDict(json_schema_extra={"example": {"state": "rectified", "note": "差额 4 月 18 日已补发，回单 0418-07"}})
    state: str = Field(max_length=16, description="explained, rectified or verified_closed")
    note: str = Field(max_length=4000, description="The reason, what was done, or the grounds for closing")


@router.post(
    "/v1/projects/{project_id}/audits",
    summary="Look for findings now",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (400, "month_malformed"), (400, "month_in_future")),
)
def run_audit(request: Request, person: Someone, db: Reading, project_id: ProjectId, body: AuditIn, now: Now) -> AuditOut:
    """Run every rule over one month. Findings met before keep their decisions; those gone are marked cleared."""
    access.require_on(db, person, "audits.run", project_id)
    month = month_of_text(body.month)
    return AuditOut.model_validate(oversight.audit_project(request.app.state.database, project_id, month, now))


@router.get(
    "/v1/projects/{project_id}/findings",
    summary="Findings of a project",
    responses=refusals(NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT, (400, "month_malformed")),
)
def list_findings(
    person: Someone,
    db: Reading,
    project_id: ProjectId,
    month: Annotated[str | None, Query(max_length=10, examples=["2026-03"])] = None,
    open_only: bool = False,
) -> list[FindingOut]:
    """Those that still fire first, then the undecided, the worst, the newest month."""
    access.require_on(db, person, "findings.read", project_id)
    wanted = None if month is None else month_of_text(month)
    lines = oversight.findings_of(db, project_id, month=wanted, open_only=open_only, language=person.language)
    return [_out(line) for line in lines]


@router.post(
    "/v1/findings/{finding_id}/decisions",
    summary="Decide a finding",
    status_code=201,
    responses=refusals(
        NOBODY,
        NOT_ALLOWED,
        (403, "decision_same_person"),
        (404, "finding_unknown"),
        (400, "decision_note_needed"),
        (409, "decision_order"),
    ),
)
def decide(
    person: Someone, db: Tx, finding_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)], body: DecisionIn, now: Now
) -> FindingOut:
    """Closing needs grounds, and somebody other than who explained or rectified it."""
    return _out(oversight.decide(db, person, finding_id, body.state, body.note, now=now))


def _out(line: oversight.FindingLine) -> FindingOut:
    f = line.finding
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
        first_seen_at=f.first_seen_at,
        last_seen_at=f.last_seen_at,
        cleared_at=f.cleared_at,
    )
