"""Findings between runs, and what people decided about them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from app.domain.audit.rule import Finding
from app.errors import NotFound
from app.store import append
from app.tables import FindingDecision, FindingRow, Project

_ROW = FindingRow.__table__


@dataclass(frozen=True, slots=True)
class FindingInfo:
    """A finding with the latest decision about it."""

    id: int
    project_id: int
    key: str
    rule: str
    severity: str
    subject_kind: str
    subject_id: int
    month: date
    evidence: tuple[tuple[str, int], ...]
    facts: dict[str, Any]
    evidence_digest: str
    first_seen_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None
    """Since when the rule does not find it any more."""
    state: str | None
    """Of the latest decision; None while nobody has decided."""
    note: str | None
    decided_by: str | None
    decided_at: datetime | None
    decided_digest: str | None

    @property
    def is_stale(self) -> bool:
        """The decision was made about other evidence than there is now."""
        return self.decided_digest is not None and self.decided_digest != self.evidence_digest


@dataclass(frozen=True, slots=True)
class DecisionInfo:
    """One decision about a finding."""

    id: int
    state: str
    note: str
    decided_by: str
    decided_at: datetime
    evidence_digest: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run changed, in numbers of findings."""

    new: int
    seen_again: int
    cleared: int
    reopened: int


def keep_findings(
    db: Session, project_id: int, month: date, findings: Iterable[Finding], now: datetime
) -> Kept:
    """Let tonight's findings of a month meet those of the runs before. Decisions stay attached.

    Args:
        month: its first day. Findings of this month that are not in ``findings`` are cleared.
        findings: everything the rules found for this month.

    Raises:
        NotFound: ``project_unknown``.
        ValueError: a finding of another month, or two with the same key.
    """
    given = list(findings)
    found = {f.key: f for f in given}
    if len(found) != len(given) or any(f.month != month for f in given):
        raise ValueError("findings of one month, each once")
    # Two runs at once stand in a line; recording passages goes on.
    locked = select(Project.id).where(Project.id == project_id).with_for_update(key_share=True)
    if db.execute(locked).first() is None:
        raise NotFound("project_unknown")
    rows = db.execute(
        select(_ROW.c.id, _ROW.c.key, _ROW.c.cleared_at).where(_ROW.c.project_id == project_id, _ROW.c.month == month)
    ).all()
    known = {row.key: row for row in rows}

    seen_again = reopened = 0
    changed = []
    for key, finding in found.items():
        if key not in known:
            continue
        reopened += known[key].cleared_at is not None
        seen_again += known[key].cleared_at is None
        changed.append({"id": known[key].id, **_content(finding), "last_seen_at": now, "cleared_at": None})
    if changed:
        db.execute(update(FindingRow), changed)
    fresh = [
        {
            "project_id": project_id,
            "key": finding.key,
            "rule": finding.rule,
            "subject_kind": finding.subject_kind,
            "subject_id": finding.subject_id,
            "month": month,
            **_content(finding),
            "first_seen_at": now,
            "last_seen_at": now,
        }
        for key, finding in found.items()
        if key not in known
    ]
    if fresh:
        db.execute(_ROW.insert(), fresh)
    gone = [row.id for row in rows if row.key not in found and row.cleared_at is None]
    if gone:
        db.execute(update(FindingRow), [{"id": id_, "cleared_at": now} for id_ in gone])
    return Kept(new=len(fresh), seen_again=seen_again, cleared=len(gone), reopened=reopened)


def _content(finding: Finding) -> dict[str, Any]:
    return {
        "severity": str(finding.severity),
        "evidence": [list(pair) for pair in finding.evidence],
        "facts": dict(finding.facts),
        "evidence_digest": finding.evidence_digest,
    }


_LATEST = (
    select(func.max(FindingDecision.id)).where(FindingDecision.finding_id == _ROW.c.id).correlate(_ROW).scalar_subquery()
)


def _wanted() -> Select[Any]:
    return select(
        *_ROW.c,
        FindingDecision.state,
        FindingDecision.note,
        FindingDecision.decided_by,
        FindingDecision.decided_at,
        FindingDecision.evidence_digest.label("decided_digest"),
    ).outerjoin(FindingDecision, FindingDecision.id == _LATEST)


def _info(row: Any) -> FindingInfo:
    values = dict(row._mapping)
    values["evidence"] = tuple((kind, id_) for kind, id_ in values["evidence"])
    return FindingInfo(**values)


def findings(
    db: Session, project_id: int, month: date | None = None, open_only: bool = False
) -> list[FindingInfo]:
    """Return the findings of a project, newest month first.

    Args:
        month: its first day; all months for None.
        open_only: only those that still fire and that nobody has decided, or only about other evidence.
    """
    wanted = _wanted().where(_ROW.c.project_id == project_id).order_by(_ROW.c.month.desc(), _ROW.c.id)
    if month is not None:
        wanted = wanted.where(_ROW.c.month == month)
    if open_only:
        wanted = wanted.where(_ROW.c.cleared_at.is_(None))
    found = [_info(row) for row in db.execute(wanted)]
    return [f for f in found if f.state is None or f.is_stale] if open_only else found


def finding(db: Session, project_id: int, finding_id: int) -> FindingInfo:
    """Return one finding of a project.

    Raises:
        NotFound: ``finding_unknown``.
    """
    row = db.execute(_wanted().where(_ROW.c.id == finding_id, _ROW.c.project_id == project_id)).first()
    if row is None:
        raise NotFound("finding_unknown")
    return _info(row)


def decide_finding(
    db: Session, *, project_id: int, finding_id: int, state: str, note: str, by: str, now: datetime
) -> int:
    """Append a decision about a finding as it is now; the latest one is its state. Returns the decision's id.

    Raises:
        NotFound: ``finding_unknown`` on this project.
    """
    about = finding(db, project_id, finding_id)
    return append(
        db,
        FindingDecision.__table__,
        finding_id=finding_id,
        evidence_digest=about.evidence_digest,
        state=str(state),
        note=note,
        decided_by=by,
        decided_at=now,
    )


def decisions(db: Session, finding_id: int) -> list[DecisionInfo]:
    """Return everything that was decided about a finding, oldest first."""
    rows = db.execute(
        select(
            FindingDecision.id,
            FindingDecision.state,
            FindingDecision.note,
            FindingDecision.decided_by,
            FindingDecision.decided_at,
            FindingDecision.evidence_digest,
        )
        .where(FindingDecision.finding_id == finding_id)
        .order_by(FindingDecision.id)
    )
    return [DecisionInfo(*row) for row in rows]
