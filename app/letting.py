"""Use case: the guard lets somebody in or out by hand (人工放行), because he proves himself and the gate does not open.

    look     whose card, code or identity card this is, and whether he may pass; nothing is recorded
    let      he passes: a fact of the guard's, with his reason, beside the gate's passages and never one of them
    recent   who was let in or out by hand, and what became of it; awaited, words_to_come: whose word it waits for

A guard alone makes no day's wage: with the fact a correction (补卡) of that entry or exit is asked for, in his name, and it
counts when the team leader and the labour officer agreed, or who stands in for them, as with every other. It needs no evidence and no limit counts it.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app import gate, payroll, timekeeping
from app.domain import admission
from app.domain.facts import Channel, Direction
from app.errors import NotFound, Unusable
from app.fields import check_note
from app.store import accounts, gates, people, screens
from app.store import timekeeping as days
from app.store.screens import ManualInfo
from app.vault import Vault

CHANNELS = (Channel.CODE, Channel.CARD, Channel.ID_CARD)
"""What somebody proves himself by at the desk, the most usual first."""
REASONS = ("not_recognised", "gate_broken", "no_reader", "no_face", "other")
"""Why the gate did not open: it did not know his face; it is broken; it reads no card or code; he gives no face; other."""
VALUE_MAX = 64
NOTE_MIN = 2
"""Of ``other``, which says nothing by itself."""
AGAIN = timedelta(minutes=2)
"""Attendance folds what is closer (``AttendancePolicy.fold``): pressed twice is let in once."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Whose card or code it is."""

    worker_id: int | None
    """None: nobody of this project, whoever he is."""
    code: str
    """``admitted``, or why he may not pass (``admission``)."""
    inside: bool
    """He is on site now: what he wants is out."""

    @property
    def may(self) -> bool:
        """He may pass."""
        return self.code == admission.ADMITTED


def look(
    db: Session, vault: Vault, *, project_id: int, channel: str, value: str, now: datetime
) -> Shown:
    """Say whose card, code or identity card was read or typed.

    Raises:
        Unusable: ``desk_channel_unknown``; ``desk_value_missing``.
    """
    project = people.project(db, project_id)
    if channel not in set(CHANNELS):
        raise Unusable("desk_channel_unknown")
    value = value.strip() if channel == Channel.CARD else re.sub(r"[\s-]", "", value)
    if not value or len(value) > VALUE_MAX or not value.isprintable():
        raise Unusable("desk_value_missing")
    today = now.astimezone(ZoneInfo(project.time_zone)).date()
    worker_id = gate.holder(db, vault, project_id, Channel(channel), value, today)
    if worker_id is None:
        return Shown(None, admission.CREDENTIAL_UNKNOWN, False)
    standing = gates.standing(db, project_id, worker_id, today)
    if not (standing.engaged or standing.exited):
        # Never of this project: whose identity card it was is none of this project's business.
        return Shown(None, admission.NOT_ENGAGED, False)
    inside = _came_on(db, project_id, worker_id, now) is not None
    if not standing.engaged and inside:
        # Nobody is kept in: whose last day was yesterday may still go out (``app.gate``).
        standing = gates.standing(db, project_id, worker_id, today - timedelta(days=1))
    decision = admission.decide_credential(standing=standing)
    return Shown(worker_id, decision.code, inside)


def note_look(db: Session, project_id: int, shown: Shown, *, channel: str, by: str, now: datetime) -> None:
    """Write who looked up whom, or that it was nobody: the desk must be no way to try numbers unseen."""
    what = "unknown" if shown.worker_id is None else f"worker:{shown.worker_id}"
    _journal(db, now, by, "manual_passage.looked", project_id, what, channel=channel, code=shown.code)


def let(
    db: Session, vault: Vault, *, project_id: int, gate_id: int, channel: str, value: str, direction: str, reason: str,
    note: str = "", by: str, now: datetime,
) -> ManualInfo | Shown:
    """Let somebody in or out by hand; again within two minutes is the same.

    Returns:
        The fact; or whose it is and why he may not pass, which leaves a line of the journal too.

    Raises:
        NotFound: ``gate_unknown``.
        Unusable: as ``look``; ``desk_direction_wrong``, a lane goes the other way; ``desk_reason_unknown``;
            ``desk_note_needed``.
    """
    # Gather. Under the lock, pressed twice is once.
    people.lock_project(db, project_id)
    place = next((g for g in gates.gates(db, project_id) if g.id == gate_id), None)
    if place is None:
        raise NotFound("gate_unknown")
    shown = look(db, vault, project_id=project_id, channel=channel, value=value, now=now)

    # Decide
    if direction not in (Direction.IN, Direction.OUT) or place.direction not in (direction, Direction.BOTH):
        raise Unusable("desk_direction_wrong")
    if reason not in REASONS:
        raise Unusable("desk_reason_unknown")
    note = check_note(note, "note")
    if reason == "other" and len(note) < NOTE_MIN:
        raise Unusable("desk_note_needed")
    if not shown.may or shown.worker_id is None:
        _journal(db, now, by, "manual_passage.refused", project_id, f"gate:{gate_id}", channel=channel, code=shown.code)
        return shown
    for earlier in screens.manual(db, project_id, now - AGAIN, shown.worker_id):
        if earlier.direction == direction:
            return earlier

    # Append
    asked = timekeeping.request_correction(
        db, project_id=project_id, worker_id=shown.worker_id, work_date=_work_date(db, project_id, shown.worker_id, direction, now),
        kind=f"missing_{direction}", in_at=now if direction == Direction.IN else None,
        out_at=now if direction == Direction.OUT else None, reason=timekeeping.BY_THE_GUARD, note=note, by_the_guard=True,
        by=by, now=now,
    )  # fmt: skip
    added = screens.add_manual(
        db, project_id=project_id, gate_id=gate_id, worker_id=shown.worker_id, direction=direction, channel=channel,
        reason=reason, note=note, at=now, correction_id=asked, let_by=by,
    )
    _journal(
        db, now, by, f"manual_passage.{direction}", project_id, f"worker:{shown.worker_id}", gate=gate_id, channel=channel,
        reason=reason, correction=asked,
    )
    return ManualInfo(
        added, project_id, gate_id, shown.worker_id, Direction(direction), Channel(channel), reason, note, now, asked, by
    )


def _work_date(db: Session, project_id: int, worker_id: int, direction: str, now: datetime) -> date:
    """The date an entry of now belongs to; for an exit, the one of the stay it ends."""
    came = _came_on(db, project_id, worker_id, now) if direction == Direction.OUT else None
    return came or timekeeping.work_date_of(db, project_id, worker_id, now)


def _came_on(db: Session, project_id: int, worker_id: int, now: datetime) -> date | None:
    """The work date of his open stay, whoever let him in; None when he is not inside.

    What a guard did counts here before the others have agreed: this asks where he is, and not what he is paid.
    """
    stay = payroll.inside_now(db, project_id, now).get(worker_id)
    by_hand = screens.manual(db, project_id, now - timedelta(hours=16), worker_id)
    if by_hand and (stay is None or by_hand[0].at > stay.in_at):
        if by_hand[0].direction is Direction.OUT:
            return None
        return timekeeping.work_date_of(db, project_id, worker_id, by_hand[0].at)
    return stay.work_date if stay else None


@dataclass(frozen=True, slots=True)
class LetIn:
    """Somebody who was let in or out by hand, and how far the correction is."""

    fact: ManualInfo
    state: str
    """requested, leader_ok, approved, rejected or withdrawn."""


def recent(db: Session, project_id: int, since: datetime) -> list[LetIn]:
    """Return who was let in or out by hand since an instant, newest first."""
    found = screens.manual(db, project_id, since)
    states = days.states_of(db, [one.correction_id for one in found])
    return [LetIn(one, states[one.correction_id]) for one in found]


def awaited(db: Session, project_id: int, found: Collection[LetIn]) -> dict[int, str]:
    """Correction id -> whose word it waits for (``timekeeping.Awaited.who``), of those that wait."""
    open_ = {one.fact.correction_id for one in found if one.state in ("requested", "leader_ok")}
    if not open_:
        return {}
    waiting = [c for c in timekeeping.pending(db, project_id) if c.id in open_]
    return {id_: word.who for id_, word in timekeeping.awaited(db, project_id, waiting).items()}


def words_to_come(db: Session, project_id: int, fact: ManualInfo) -> tuple[str, ...]:
    """Whose words the correction of a passage by hand still needs, in their order."""
    return timekeeping.words_to_come(db, project_id, days.correction(db, project_id, fact.correction_id))


def _journal(db: Session, now: datetime, by: str, action: str, project_id: int, what: str, **facts: object) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=project_id, object=what, facts=facts)
