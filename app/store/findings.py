"""Findings between runs, and what people decided about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, select, update
from sqlalchemy.orm import Session

from app.domain import casework
from app.domain.audit.rule import Finding
from app.domain.casework import Standing, State
from app.errors import NotFound, Unusable
from app.store import append
from app.tables import (
    CorrectionRow,
    Engagement,
    EvidenceFile,
    FindingDecision,
    FindingRow,
    PassageRow,
    PaymentBatch,
    PaymentRow,
    Project,
)

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
    state: str
    """What its decisions come to: a ``casework.State``."""
    in_hand: bool
    """The bureau has notified or escalated it."""
    due_on: date | None
    """By when the project answers."""
    reopened_at: datetime | None
    """When it fired again after it had stopped."""
    reopened_after: int
    thresholds: str | None
    """Version of the limits the rule went by."""
    amount_fen: int | None
    """Money at stake."""
    expected_on: date | None
    """Last day on which it would still have been in order."""
    decision_id: int | None
    """The latest decision; None while nobody has decided."""
    decided: str | None
    """What it said."""
    note: str | None
    decided_by: str | None
    decided_at: datetime | None
    decided_digest: str | None

    @property
    def is_stale(self) -> bool:
        """The last answer or closing was made about other evidence than there is now, or before it fired again."""
        if self.decision_id is None or self.decided in (State.NOTIFIED, State.ESCALATED):
            return False
        return self.decided_digest != self.evidence_digest or self.decision_id <= self.reopened_after

    def is_overdue(self, today: date) -> bool:
        """The deadline has passed, it still fires, and nobody has answered."""
        waits = Standing(State(self.state), due_on=self.due_on)
        return self.cleared_at is None and waits.is_overdue(today)


@dataclass(frozen=True, slots=True)
class DecisionInfo:
    """One decision about a finding."""

    id: int
    state: str
    note: str
    evidence: tuple[tuple[str, int], ...]
    """Kind and id of the files and facts it rests on."""
    due_on: date | None
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
    columns = (_ROW.c.id, _ROW.c.key, _ROW.c.cleared_at, _ROW.c.evidence_digest, _ROW.c.reopened_after, _ROW.c.reopened_at)
    rows = db.execute(select(*columns).where(_ROW.c.project_id == project_id, _ROW.c.month == month)).all()
    known = {row.key: row for row in rows}
    moved = [
        row.id
        for key, row in known.items()
        if key in found and (row.cleared_at is not None or row.evidence_digest != found[key].evidence_digest)
    ]
    decided = _decided(db, moved)

    seen_again = reopened = 0
    changed: list[dict[str, Any]] = []
    stands: list[dict[str, Any]] = []
    for key, finding in found.items():
        if key not in known:
            continue
        row = known[key]
        again = row.cleared_at is not None
        reopened += again
        seen_again += not again
        taken = decided.get(row.id, ())
        after = max((d.id for d in taken), default=0) if again else row.reopened_after
        changed.append(
            {
                "id": row.id,
                **_content(finding),
                "last_seen_at": now,
                "cleared_at": None,
                "reopened_after": after,
                "reopened_at": now if again else row.reopened_at,
            }
        )
        if taken:
            stands.append({"id": row.id, **_standing(casework.standing(taken, finding.evidence_digest, after))})
    if changed:
        db.execute(update(FindingRow), changed)
    if stands:
        db.execute(update(FindingRow), stands)
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
        "thresholds": finding.thresholds or None,
        "amount_fen": finding.amount_fen,
        "expected_on": finding.expected_on,
    }


def _standing(here: Standing) -> dict[str, Any]:
    return {"state": here.state.value, "in_hand": here.in_hand, "due_on": here.due_on}


def _decided(db: Session, ids: Sequence[int]) -> dict[int, list[casework.Decision]]:
    """Finding -> its decisions, oldest first, as far as they move it; those without any are left out."""
    columns = (
        FindingDecision.finding_id, FindingDecision.id, FindingDecision.state, FindingDecision.evidence_digest,
        FindingDecision.decided_by, FindingDecision.due_on,
    )  # fmt: skip
    found: dict[int, list[casework.Decision]] = {}
    for at in range(0, len(ids), 500):
        wanted = select(*columns).where(FindingDecision.finding_id.in_(ids[at : at + 500])).order_by(FindingDecision.id)
        for finding_id, *told in db.execute(wanted):
            found.setdefault(finding_id, []).append(casework.Decision(*told))
    return found


_LATEST = (
    select(func.max(FindingDecision.id)).where(FindingDecision.finding_id == _ROW.c.id).correlate(_ROW).scalar_subquery()
)


def _wanted() -> Select[Any]:
    return select(
        *_ROW.c,
        FindingDecision.id.label("decision_id"),
        FindingDecision.state.label("decided"),
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
        open_only: only those that still fire and wait for somebody's answer.
    """
    wanted = _wanted().where(_ROW.c.project_id == project_id).order_by(_ROW.c.month.desc(), _ROW.c.id)
    if month is not None:
        wanted = wanted.where(_ROW.c.month == month)
    if open_only:
        waiting = sorted(state.value for state in casework.UNANSWERED)
        wanted = wanted.where(_ROW.c.cleared_at.is_(None), _ROW.c.state.in_(waiting))
    return [_info(row) for row in db.execute(wanted)]


def firing_months(db: Session, project_id: int) -> list[date]:
    """Return the months of a project with findings that still fire, oldest first."""
    wanted = select(_ROW.c.month).where(_ROW.c.project_id == project_id, _ROW.c.cleared_at.is_(None)).distinct()
    return list(db.execute(wanted.order_by(_ROW.c.month)).scalars())


def finding(db: Session, project_id: int, finding_id: int) -> FindingInfo:
    """Return one finding of a project.

    Raises:
        NotFound: ``finding_unknown``.
    """
    row = db.execute(_wanted().where(_ROW.c.id == finding_id, _ROW.c.project_id == project_id)).first()
    if row is None:
        raise NotFound("finding_unknown")
    return _info(row)


def standing_of(db: Session, about: FindingInfo) -> Standing:
    """Return where a finding stands, worked out from its decisions."""
    return casework.standing(_decided(db, [about.id]).get(about.id, ()), about.evidence_digest, about.reopened_after)


def decide_finding(
    db: Session,
    *,
    project_id: int,
    finding_id: int,
    state: str,
    note: str,
    by: str,
    now: datetime,
    evidence: Sequence[tuple[str, int]] = (),
    due_on: date | None = None,
) -> int:
    """Append a decision about a finding as it is now, and bring its state up to date. Returns the decision's id.

    Raises:
        NotFound: ``finding_unknown`` on this project.
    """
    # Two decisions at once stand in a line: the state is worked out from both.
    lock(db, project_id, finding_id)
    about = finding(db, project_id, finding_id)
    made = append(
        db,
        FindingDecision.__table__,
        finding_id=finding_id,
        evidence_digest=about.evidence_digest,
        state=str(state),
        note=note,
        evidence=[list(pair) for pair in evidence],
        due_on=due_on,
        decided_by=by,
        decided_at=now,
    )
    db.execute(update(_ROW).where(_ROW.c.id == finding_id).values(**_standing(standing_of(db, about))))
    return made


def lock(db: Session, project_id: int, finding_id: int) -> None:
    """Hold a finding until the end of the transaction; on SQLite there is one writer anyway."""
    db.execute(select(_ROW.c.id).where(_ROW.c.id == finding_id, _ROW.c.project_id == project_id).with_for_update())


def decisions(db: Session, finding_id: int) -> list[DecisionInfo]:
    """Return everything that was decided about a finding, oldest first."""
    columns = [FindingDecision.__table__.c[name] for name in DecisionInfo.__slots__]
    rows = db.execute(select(*columns).where(FindingDecision.finding_id == finding_id).order_by(FindingDecision.id))
    return [
        DecisionInfo(**{**row._mapping, "evidence": tuple((kind, id_) for kind, id_ in row.evidence or ())}) for row in rows
    ]


GROUNDS_MAX = 20
"""Files and facts of one decision."""

_GROUNDS = {
    "file": EvidenceFile,
    "passage": PassageRow,
    "payment": PaymentRow,
    "correction": CorrectionRow,
    "engagement": Engagement,
    "batch": PaymentBatch,
}
"""What a decision may rest on; each row knows its project."""


def check_grounds(db: Session, project_id: int, pairs: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return the files and facts a decision rests on, each once, in the order given.

    Raises:
        Unusable: ``decision_evidence_kind``, no such kind; ``evidence_too_many``.
        NotFound: ``evidence_unknown``, one of them is not the project's.
    """
    wanted = tuple(dict.fromkeys(pairs))
    if len(wanted) > GROUNDS_MAX:
        raise Unusable("evidence_too_many", limit=GROUNDS_MAX)
    for kind, id_ in wanted:
        if kind not in _GROUNDS:
            raise Unusable("decision_evidence_kind", kinds=", ".join(_GROUNDS))
        table = _GROUNDS[kind]
        known = 0 < id_ < 2**63 and db.execute(select(table.id).filter_by(id=id_, project_id=project_id)).first()
        if not known:
            raise NotFound("evidence_unknown")
    return wanted


@dataclass(frozen=True, slots=True)
class Tally:
    """How many findings of a project still fire, by severity and state."""

    project_id: int
    severity: str
    state: str
    count: int
    overdue: int
    """Of those, past their deadline and unanswered."""


def tallies(db: Session, projects: Sequence[int], today: date) -> list[Tally]:
    """Return the findings that still fire, counted by project, severity and state."""
    waiting = sorted(state.value for state in casework.UNANSWERED)
    late = case((and_(_ROW.c.due_on < today, _ROW.c.state.in_(waiting)), 1), else_=0)
    columns = (_ROW.c.project_id, _ROW.c.severity, _ROW.c.state)
    found: list[Tally] = []
    for at in range(0, len(projects), 500):
        wanted = (
            select(*columns, func.count(), func.sum(late))
            .where(_ROW.c.project_id.in_(projects[at : at + 500]), _ROW.c.cleared_at.is_(None))
            .group_by(*columns)
        )
        found += [Tally(project, severity, state, count, int(overdue)) for project, severity, state, count, overdue in db.execute(wanted)]
    return found
