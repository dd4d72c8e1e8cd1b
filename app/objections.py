"""Use case: a worker says that something of his is wrong (异议), and is answered.

    object_to_day     a day of his; with times it becomes a request for a correction (补卡), which goes its own way
    object_to_line    a line of wages; the difference is held until it is settled (``sheets.confirm``)
    answer            what the labour officer says to it
    of_worker         his objections, and where they stand
    waiting, every    those of a project: the labour officer's inbox

An objection is never edited or taken away. One to a line is settled by the worker's signature, by an answer, or by another
version of the sheet; one to a day by an answer or by what becomes of the correction that was asked for with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import sheets, timekeeping
from app.domain.facts import CorrectionKind
from app.domain.sheet import Method, Verdict
from app.domain.workdays import month_of, next_month
from app.errors import BadRequest, Conflict, NotFound, ServiceError, Unusable
from app.fields import NOTE_MAX, check_note, check_text
from app.store import accounts, people, words
from app.store import sheets as sheet_rows
from app.store import timekeeping as held

KINDS: dict[str, CorrectionKind | None] = {
    "missing_in": CorrectionKind.MISSING_IN,
    "missing_out": CorrectionKind.MISSING_OUT,
    "absent": CorrectionKind.ADD_SESSION,
    "hours": None,
    "other": None,
}
"""What is wrong with a day -> the correction that is asked for when he says the times."""
NOT_POSSIBLE = frozenset({"correction_too_late", "correction_limit_reached", "correction_waiting", "evidence_needed"})
"""Why no correction can be asked for; the objection stands all the same."""
OUTCOMES = ("accepted", "kept")
TEXT_MIN = 4


@dataclass(frozen=True, slots=True)
class Objection:
    """An objection and where it stands."""

    subject: str
    """day or line."""
    id: int
    """Of the ``day_objection``, or of the ``worker_confirmation`` that disputes."""
    worker_id: int
    name: str = field(repr=False)
    team: str
    on: date
    """The day, or the month a line is of."""
    kind: str
    """Word of ``KINDS``; empty for a line."""
    text: str
    in_at: datetime | None
    out_at: datetime | None
    correction_id: int | None
    correction_state: str
    """requested, leader_ok, approved, rejected or withdrawn; empty without one."""
    correction_refused: str
    """Code of why none could be asked for."""
    evidence: tuple[int, ...]
    """Ids of evidence files he sent with it; none for a line."""
    sheet_id: int | None
    line_id: int | None
    net_fen: int | None
    claimed_fen: int | None
    made_by: str
    made_at: datetime
    answer: words.AnswerInfo | None

    @property
    def state(self) -> str:
        """waiting; accepted or kept, by an answer or by what became of the correction."""
        if self.answer is not None:
            return self.answer.outcome
        return {"approved": "accepted", "rejected": "kept"}.get(self.correction_state, "waiting")


def object_to_day(
    db: Session, *, project_id: int, worker_id: int, work_date: date, kind: str, text: str = "", in_at: datetime | None = None,
    out_at: datetime | None = None, evidence: Sequence[int] = (), by: str, now: datetime,
) -> int:  # fmt: skip
    """Record that a worker says a day of his is wrong; return the objection's id.

    With the times that are missing a correction is asked for in his name, to be agreed by leader and officer. Where none can be
    (too late, too many, a whole day without paper), the objection says why and waits for an answer.

    Args:
        kind: word of ``KINDS``.
        text: in his words; needed where no times are given.
        evidence: ids of evidence files; they stay with the objection, whatever becomes of the correction.

    Raises:
        NotFound: ``worker_not_on_project``, ``evidence_unknown``.
        Unusable: ``objection_kind_unknown``, ``objection_text_needed``, ``correction_in_future``, ``correction_not_engaged``; a
            text or times that cannot be used.
        Conflict: ``objection_waiting``: one about that day waits already.
    """
    people.lock_project(db, project_id)
    project = people.project(db, project_id)
    if kind not in KINDS:
        raise Unusable("objection_kind_unknown")
    text = check_note(text, "text")
    wanted = KINDS[kind]
    times = {"in_at": in_at if kind in ("missing_in", "absent") else None, "out_at": out_at if kind in ("missing_out", "absent") else None}
    given = {name: at for name, at in times.items() if at is not None}
    whole = wanted is not None and len(given) == (2 if kind == "absent" else 1)
    if not whole and len(text) < TEXT_MIN:
        raise Unusable("objection_text_needed", length_min=TEXT_MIN)
    engagements = people.engagements_of(db, project_id, worker_id)
    if not engagements:
        raise NotFound("worker_not_on_project")
    if work_date > now.astimezone(ZoneInfo(project.time_zone)).date():
        raise Unusable("correction_in_future")
    if not any(e.covers(work_date) for e in engagements):
        raise Unusable("correction_not_engaged")
    if any(o.on == work_date and o.state == "waiting" for o in of_worker(db, project_id, worker_id) if o.subject == "day"):
        raise Conflict("objection_waiting")
    files = held.check_evidence(db, project_id, evidence)
    correction_id, refused = None, None
    if whole and wanted is not None:
        try:
            with db.begin_nested():
                correction_id = timekeeping.request_correction(
                    db, project_id=project_id, worker_id=worker_id, work_date=work_date, kind=str(wanted), **given, reason="dispute",
                    note=text, evidence=files, by=by, now=now,
                )  # fmt: skip
        except ServiceError as error:
            if error.code not in NOT_POSSIBLE:
                raise
            refused = error.code
    added = words.add_objection(
        db, project_id=project_id, worker_id=worker_id, work_date=work_date, kind=kind, text=text, **times,
        correction_id=correction_id, correction_refused=refused, evidence=files, by=by, now=now,
    )  # fmt: skip
    accounts.journal(
        db, at=now, actor=by, action="objection_made", project_id=project_id, object=f"worker:{worker_id}",
        facts={"objection": added, "kind": kind, "correction": correction_id},
    )  # fmt: skip
    return added


def object_to_line(
    db: Session, *, project_id: int, worker_id: int, line_id: int, line_hash: str, claimed_fen: int | None, text: str, by: str, now: datetime
) -> sheets.Confirmed:
    """Record that a worker disputes a line of his, on his own phone.

    Raises:
        NotFound: ``line_unknown``: none of his.
        As ``sheets.confirm``.
    """
    if sheet_rows.line(db, line_id).content.worker_id != worker_id:
        raise NotFound("line_unknown")
    return sheets.confirm(
        db, project_id=project_id, line_id=line_id, line_hash=line_hash, verdict=str(Verdict.DISPUTE), method=str(Method.PHONE),
        claimed_fen=claimed_fen, reason=text, by=by, now=now,
    )  # fmt: skip


def answer(
    db: Session, *, project_id: int, subject: str, subject_id: int, outcome: str, text: str, by: str, now: datetime
) -> words.AnswerInfo:
    """Record what an objection is answered; the same again is the one on record, another one comes after it.

    Raises:
        NotFound: ``objection_unknown``.
        BadRequest: ``objection_outcome_unknown``.
        Unusable: ``objection_text_needed``; a text that cannot be used.
    """
    people.lock_project(db, project_id)
    if outcome not in OUTCOMES:
        raise BadRequest("objection_outcome_unknown")
    if subject == "day":
        worker_id = words.objection(db, project_id, subject_id).worker_id
    elif subject == "line":
        worker_id = words.dispute_worker(db, project_id, subject_id)
    else:
        raise NotFound("objection_unknown")
    if len(text.strip()) < TEXT_MIN:
        raise Unusable("objection_text_needed", length_min=TEXT_MIN)
    text = check_text(text, "text", NOTE_MAX)
    before = words.answers(db, project_id, subject, [subject_id]).get(subject_id)
    if before is not None and (before.outcome, before.text, before.by) == (outcome, text, by):
        return before
    words.add_answer(db, project_id=project_id, subject=subject, subject_id=subject_id, outcome=outcome, text=text, by=by, now=now)
    accounts.journal(
        db, at=now, actor=by, action="objection_answered", project_id=project_id, object=f"worker:{worker_id}",
        facts={"subject": subject, "objection": subject_id, "outcome": outcome},
    )  # fmt: skip
    return words.answers(db, project_id, subject, [subject_id])[subject_id]


def of_worker(db: Session, project_id: int, worker_id: int) -> tuple[Objection, ...]:
    """Return a worker's objections, newest first; to lines those he still holds to, of the sheets as they stand."""
    return _found(db, project_id, worker_id)


def every(db: Session, project_id: int) -> tuple[Objection, ...]:
    """Return everybody's objections: those that wait first, the oldest of them first."""
    found = _found(db, project_id, None)
    return tuple(sorted(found, key=lambda o: (o.state != "waiting", o.made_at.timestamp() * (1 if o.state == "waiting" else -1))))


def waiting(db: Session, project_id: int) -> int:
    """How many objections wait for an answer."""
    return sum(o.state == "waiting" for o in _found(db, project_id, None))


def _found(db: Session, project_id: int, worker_id: int | None) -> tuple[Objection, ...]:
    days = words.objections(db, project_id, worker_id=worker_id)
    disputed = words.disputed(db, project_id, worker_id=worker_id)
    heads = sheet_rows.standing_heads(db, project_id, disputed) if disputed else {}
    disputed = {hash_: said for hash_, said in disputed.items() if hash_ in heads}
    if not days and not disputed:
        return ()
    said = sheet_rows.confirmations(db, project_id, "line", disputed)
    answers_of = {
        "day": words.answers(db, project_id, "day", [o.id for o in days]),
        "line": words.answers(db, project_id, "line", list(disputed.values())),
    }
    states = _corrections(db, project_id, days, worker_id)
    who: dict[int, tuple[str, str]] = {}
    for place in people.places(db, project_id):
        if worker_id in (None, place.worker_id):
            who[place.worker_id] = (place.name, place.team)
    answer: list[Objection] = []
    for one in days:
        name, team = who.get(one.worker_id, ("", ""))
        answer.append(
            Objection(
                subject="day", id=one.id, worker_id=one.worker_id, name=name, team=team, on=one.work_date, kind=one.kind, text=one.text,
                in_at=one.in_at, out_at=one.out_at, correction_id=one.correction_id,
                correction_state=states.get(one.correction_id or 0, ""), correction_refused=one.correction_refused or "",
                evidence=one.evidence, sheet_id=None, line_id=None, net_fen=None, claimed_fen=None, made_by=one.made_by, made_at=one.made_at,
                answer=answers_of["day"].get(one.id),
            )
        )  # fmt: skip
    for hash_, confirmation_id in disputed.items():
        head, word = heads[hash_], said[hash_]
        name, team = who.get(head.worker_id, ("", ""))
        answer.append(
            Objection(
                subject="line", id=confirmation_id, worker_id=head.worker_id, name=name, team=team, on=head.origin_month, kind="",
                text=word.reason, in_at=None, out_at=None, correction_id=None, correction_state="", correction_refused="",
                evidence=(), sheet_id=head.sheet_id, line_id=head.id, net_fen=head.net_fen, claimed_fen=word.claimed_fen, made_by=word.recorded_by,
                made_at=word.at, answer=answers_of["line"].get(confirmation_id),
            )
        )  # fmt: skip
    return tuple(sorted(answer, key=lambda o: (o.made_at, o.subject, o.id), reverse=True))


def _corrections(
    db: Session, project_id: int, days: Sequence[words.ObjectionInfo], worker_id: int | None
) -> dict[int, str]:
    asked = [o for o in days if o.correction_id is not None]
    if not asked:
        return {}
    first, last = min(o.work_date for o in asked), max(o.work_date for o in asked)
    found = held.corrections_of(db, project_id, month_of(first), next_month(month_of(last)), worker_id)
    return {c.id: c.state for c in found}
