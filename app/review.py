"""Use case: a person looks at what the gate refused (人工认定), and at who should enrol again.

    set_policy      what a project does with faces beyond recognising them; everything is off until the manager says
    keep_picture    a small picture of a refused face, where the policy and the law allow one
    queue           refused faces, frames of one stay told once, those whose owner passed seconds later left out
    picture         one picture opened; who looked is in the journal
    decide          it was him (assigned, confirmed), or nobody of ours (discarded): a fact beside the passage
    erase_due       pictures whose days are over
    look_for_drift  whose template fits him less and less

What may be kept of a face that was not admitted (domain.md 6.3): nothing by default; then a picture so coarse that
nobody is recognised in it; a clear one only of a face that is nearly that of a worker who agreed to have his
photographs kept under a notice that speaks of the gate's pictures. All sealed, for seven days at most.

What is decided here never changes a passage and counts for no day. A correction may rest on it, asked and agreed to
by the persons the correction rules name.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import timekeeping
from app.db import Database
from app.domain.review import Advice, Appearance, Seen, advise, appearances, stretches, whose_tries
from app.errors import Conflict, NotFound, Unusable
from app.fields import check_note, check_number, check_text
from app.store import accounts, faces, people
from app.store.faces import FacePolicy, PictureInfo
from app.store.gates import PassageRecord
from app.vault import Vault
from app.wording import notices
from recognition import Face, Match, coarse_picture, face_picture

REVIEWED = frozenset({"face_unknown", "face_ambiguous"})
"""Refusals that may have been a worker. Quality codes tell the person what to do, and he tries again."""
PICTURES = ("off", "coarse", "agreed")
GATE_PHOTOS = ("off", "guard", "screen")
"""Where the kept enrolment photograph of whoever agreed to that is shown as he passes: nowhere, to the guard, on the screens too."""
IDENTITY_CHECKS = ("off", "observe", "require")
VERDICTS = ("assigned", "confirmed", "discarded")
DAYS_MAX = 7
"""An alarm picture of a stranger is kept for seven days at most (domain.md 6.3)."""
ERASED_EARLY = timedelta(hours=2)
"""The job that erases runs by the hour: what is promised for day 3 is erased before it ends."""
NEAR_BELOW = 0.10
"""A refused face this much below the limit may still be the worker it is most like."""
PICTURES_A_DAY_MAX = 200
"""Of one project: a gate at a busy street would otherwise collect passers-by."""
QUEUE_DAYS = 7
QUEUE_MAX = 200
PASSAGES_AT_ONCE_MAX = 500
DRIFT_DAYS = 14
"""Length of each of the two windows that are compared."""
GROUND_MIN, GROUND_MAX = 6, 500


# --- what a project does ---------------------------------------------------------------------------------------


def set_policy(db: Session, *, project_id: int, rules: FacePolicy, by: str, now: datetime) -> FacePolicy:
    """Append what a project does with faces from now on. Turning pictures off erases those there are.

    Args:
        rules: ``decided_by`` and ``decided_at`` are filled in here.

    Raises:
        NotFound: ``project_unknown``.
        Unusable: ``face_policy_unknown`` word; ``number_out_of_range`` days; ``face_policy_ground_needed``, when
            anything is on: number and date of the impact assessment.
    """
    people.lock_project(db, project_id)
    people.project(db, project_id)
    if rules.review_pictures not in PICTURES or rules.identity_check not in IDENTITY_CHECKS or rules.gate_photos not in GATE_PHOTOS:
        raise Unusable("face_policy_unknown")
    check_number(rules.review_days, "review_days", 1, DAYS_MAX)
    ground = rules.ground.strip()
    anything = rules.review_pictures != "off" or rules.identity_check != "off" or rules.gate_photos != "off" or rules.card_and_face
    if anything and len(ground) < GROUND_MIN:
        raise Unusable("face_policy_ground_needed", length_min=GROUND_MIN)
    ground = check_text(ground, "ground", GROUND_MAX) if ground else ""
    decided = replace(rules, ground=ground, decided_by=by, decided_at=now)
    faces.add_policy(db, project_id, decided)
    if decided.review_pictures == "off":
        faces.erase_pictures(db, now, "switched_off", project_id=project_id)
    _journal(
        db, now, by, "face_policy.set", project_id, f"project:{project_id}", review_pictures=decided.review_pictures,
        review_days=decided.review_days, identity_check=decided.identity_check, card_and_face=decided.card_and_face,
        gate_photos=decided.gate_photos,
    )
    return decided


# --- pictures --------------------------------------------------------------------------------------------------


def keep_picture(
    database: Database, vault: Vault, record: PassageRecord, image: Any, face: Face, match: Match | None, *, now: datetime
) -> str | None:
    """Keep a picture of a refused face if the project does that; one of each appearance. Returns its kind, or None.

    Args:
        image: (H, W, 3) uint8 RGB, the frame.
        match: whom the face is most like; decides only whether that worker's consent covers a clear picture.
    """
    if record.code not in REVIEWED:
        return None
    with database.read() as db:
        rules = faces.policy(db, record.project_id)
        if rules.review_pictures == "off":
            return None
        since = record.occurred_at - timedelta(seconds=20)
        if faces.kept_since(db, record.project_id, record.gate_id, since):
            return None
        if faces.kept_since(db, record.project_id, None, now - timedelta(days=1)) >= PICTURES_A_DAY_MAX:
            return None
        worker_id = None
        if rules.review_pictures == "agreed" and match is not None and _near(record):
            worker_id = match.key if _agreed(db, record.project_id, match.key) else None
    picture = coarse_picture(image, face) if worker_id is None else face_picture(image, face)
    kind = "coarse" if worker_id is None else "agreed"
    owner = _owner(record.project_id, record.id)
    sealed = vault.seal(picture, table="review_picture", column="picture_sealed", owner=owner)
    with database.write() as db:
        # Again, where nobody can take it back in between: his word, and the switch.
        if worker_id is not None and not _agreed(db, record.project_id, worker_id):
            return None
        if faces.policy(db, record.project_id).review_pictures == "off":
            return None
        faces.add_picture(
            db, project_id=record.project_id, passage_id=record.id, kind=kind, worker_id=worker_id, picture_sealed=sealed,
            kept_at=now, erase_at=now + timedelta(days=rules.review_days) - ERASED_EARLY,
        )
    return kind


def _owner(project_id: int, passage_id: int) -> str:
    return f"{project_id}:{passage_id}"


def _near(record: PassageRecord) -> bool:
    if record.similarity is None or record.similarity_min is None:
        return False
    return record.similarity >= record.similarity_min - NEAR_BELOW


def _agreed(db: Session, project_id: int, worker_id: int) -> bool:
    """His word covers a clear picture of him from the gate: photographs may be kept, and the notice spoke of the gate's."""
    latest = people.latest_consent(db, project_id, worker_id)
    return (
        latest is not None
        and latest.given
        and set(latest.scope) >= {"capture", "template", "image_retention"}
        and latest.notice_version in notices.GATE_PICTURES
    )


def picture(db: Session, vault: Vault, *, project_id: int, passage_id: int, by: str, now: datetime) -> bytes:
    """Open a kept picture; a JPEG. A line of the journal says who looked at it.

    Raises:
        NotFound: ``picture_gone``.
    """
    info, sealed = faces.sealed_picture(db, project_id, passage_id)
    if info.erase_at <= now:
        # Its time is over; the job that erases comes within the hour.
        raise NotFound("picture_gone")
    opened = vault.open(sealed, table="review_picture", column="picture_sealed", owner=_owner(project_id, passage_id))
    _journal(db, now, by, "face.viewed", project_id, f"passage:{passage_id}", kind=info.kind, purpose="review")
    return opened


TO_THE_GUARD, ON_A_SCREEN = "guard", "screen"
"""Before whom an enrolment photograph is shown: the guard alone, or everybody who stands at the gate."""


def shows_photograph(db: Session, project_id: int, worker_id: int, where: str) -> bool:
    """True when a worker's enrolment photograph may be shown as he passes, and there is one.

    The project decided so, and his word covers it: photographs may be kept, and the notice he was read says that they are shown.
    """
    allowed = faces.policy(db, project_id).gate_photos
    if allowed not in ((ON_A_SCREEN,) if where == ON_A_SCREEN else (TO_THE_GUARD, ON_A_SCREEN)):
        return False
    latest = people.latest_consent(db, project_id, worker_id)
    if latest is None or not latest.given or latest.notice_version not in notices.SHOWN_AT_THE_GATE:
        return False
    covered = set(latest.scope) >= {"capture", "template", "image_retention"}
    return covered and faces.kept_photograph(db, project_id, worker_id) is not None


def photograph(db: Session, vault: Vault, *, project_id: int, worker_id: int, where: str, by: str, now: datetime) -> bytes:
    """Open the enrolment photograph of somebody who passes; a JPEG. A line of the journal says before whom.

    Args:
        where: ``TO_THE_GUARD`` or ``ON_A_SCREEN``.

    Raises:
        NotFound: ``picture_gone``: there is none, or it may not be shown there.
    """
    sealed = faces.kept_photograph(db, project_id, worker_id)
    if sealed is None or not shows_photograph(db, project_id, worker_id, where):
        raise NotFound("picture_gone")
    opened = vault.open(sealed, table="face_photo", column="photo_sealed", owner=_owner(project_id, worker_id))
    _journal(db, now, by, "face.viewed", project_id, f"worker:{worker_id}", kind="enrolment", purpose=f"gate_{where}")
    return opened


def candidate(db: Session, project_id: int, passage_id: int, now: datetime) -> int | None:
    """The worker on whose consent the picture kept of a passage rests; None when there is none."""
    kept = faces.pictures(db, project_id, [passage_id]).get(passage_id)
    return kept.worker_id if kept is not None and kept.erase_at > now else None


def erase_due(db: Session, now: datetime) -> int:
    """Erase pictures whose time has come, on every project; return how many."""
    return faces.erase_pictures(db, now, "over", due_by=now)


# --- the queue -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """Refused faces of one stay before a gate that nobody has said anything about."""

    appearance: Appearance
    picture: PictureInfo | None
    """Of one of its passages."""

    @property
    def candidate(self) -> int | None:
        """The worker whose consent the picture rests on: the one to confirm or not."""
        return self.picture.worker_id if self.picture else None


def queue(db: Session, project_id: int, *, now: datetime, days: int = QUEUE_DAYS, tried_again: bool = False) -> list[Waiting]:
    """Return what waits for a person, newest first, ``QUEUE_MAX`` at most.

    Args:
        days: how far back.
        tried_again: also those whose owner was let in at the same gate seconds later.
    """
    refused = faces.refused(db, project_id, REVIEWED, now - timedelta(days=days), now + timedelta(seconds=1))
    settled: set[int] = set()
    if not tried_again:
        followed = faces.let_in(db, project_id, stretches(refused))
        settled = {p.id for tries in whose_tries([*refused, *followed]).values() for p in tries}
    open_ = [p for p in refused if p.id not in settled]
    decided = faces.matches(db, project_id, [p.id for p in open_]) if open_ else {}
    waiting = appearances(p for p in open_ if p.id not in decided)[::-1][:QUEUE_MAX]
    kept = faces.pictures(db, project_id, [p.id for a in waiting for p in a.passages]) if waiting else {}
    kept = {passage_id: info for passage_id, info in kept.items() if info.erase_at > now}
    return [Waiting(a, next((kept[p.id] for p in a.passages if p.id in kept), None)) for a in waiting]


def _is_refused(passage: Seen) -> bool:
    return passage.by_face and not passage.admitted and passage.worker_id is None and passage.code in REVIEWED


# --- a person's word -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of somebody's word."""

    facts: tuple[int, ...]
    """Ids of the match facts, one a passage."""
    correction_id: int | None
    """Of the correction that was asked for with it."""


def decide(
    db: Session,
    *,
    project_id: int,
    passage_ids: Sequence[int],
    verdict: str,
    worker_id: int | None = None,
    note: str = "",
    correct_as: str | None = None,
    correct_on: date | None = None,
    by: str,
    now: datetime,
) -> Decided:
    """Say what refused faces show. The passages stay as they are; the latest word about each holds.

    Args:
        passage_ids: of one appearance.
        verdict: ``assigned``: it was ``worker_id``. ``confirmed``: it was the worker the picture was kept for.
            ``discarded``: nobody of this project, or not to be told; the pictures are erased at once.
        correct_as: ``in`` or ``out``: ask for a correction of his day too, at the time of the last passage. It counts
            when those have agreed whom the correction rules name, and not before.
        correct_on: the work date of that correction; None: where an entry of that instant belongs.

    Raises:
        Unusable: ``match_verdict_unknown``; ``match_passages_wrong``, not refused faces of this project;
            ``match_worker_wrong``, a worker where there must be none or none where there must be one;
            ``match_direction_unknown``; what ``timekeeping.request_correction`` refuses.
        NotFound: ``worker_not_on_project``.
        Conflict: ``match_not_proposed``: no picture proposes this worker.
    """
    # Gather
    people.lock_project(db, project_id)
    ids = sorted(set(passage_ids))
    if verdict not in VERDICTS:
        raise Unusable("match_verdict_unknown")
    if (worker_id is None) is not (verdict == "discarded"):
        raise Unusable("match_worker_wrong")
    if correct_as not in (None, "in", "out") or (correct_as and worker_id is None):
        raise Unusable("match_direction_unknown")
    if not 1 <= len(ids) <= PASSAGES_AT_ONCE_MAX:
        raise Unusable("match_passages_wrong")
    found = faces.seen_by_id(db, project_id, ids)
    if len(found) != len(ids) or not all(_is_refused(p) for p in found):
        raise Unusable("match_passages_wrong")
    if worker_id is not None and not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    if verdict == "confirmed" and worker_id not in {p.worker_id for p in faces.pictures(db, project_id, ids).values()}:
        raise Conflict("match_not_proposed")
    note = check_note(note, "note")

    # Append
    facts = tuple(
        faces.add_match(
            db, project_id=project_id, passage_id=id_, verdict=verdict, worker_id=worker_id, note=note, by=by, now=now
        )
        for id_ in ids
    )
    if verdict == "discarded":
        faces.erase_pictures(db, now, "discarded", project_id=project_id, passage_ids=ids)
    last = max(found, key=lambda p: (p.at, p.id))
    _journal(
        db, now, by, f"face.{verdict}", project_id, f"passage:{last.id}", passages=len(ids),
        **({} if worker_id is None else {"worker": worker_id}),
    )
    correction_id = None
    if correct_as is not None and worker_id is not None:
        correction_id = timekeeping.request_correction(
            db, project_id=project_id, worker_id=worker_id,
            work_date=correct_on or timekeeping.work_date_of(db, project_id, worker_id, last.at),
            kind=f"missing_{correct_as}", in_at=last.at if correct_as == "in" else None,
            out_at=last.at if correct_as == "out" else None, reason="not_recognised", by=by, now=now,
        )  # fmt: skip
    return Decided(facts, correction_id)


# --- who should enrol again ------------------------------------------------------------------------------------


def drift(passages: Collection[Seen], live: dict[int, tuple[str, datetime]], *, now: datetime) -> dict[int, tuple[Advice, ...]]:
    """Say who should enrol again, from the passages of the last two windows. Pure.

    Args:
        live: worker id -> (contract, since when) of his template; what happened before it says nothing about it.
    """
    middle = now - timedelta(days=DRIFT_DAYS)
    by_worker: dict[int, list[Seen]] = {}
    for passage in passages:
        if passage.admitted and passage.worker_id in live:
            by_worker.setdefault(passage.worker_id, []).append(passage)
    tries = whose_tries(passages)
    found: dict[int, tuple[Advice, ...]] = {}
    for worker_id, (contract_id, since) in live.items():
        own = [p for p in by_worker.get(worker_id, ()) if p.at >= since]
        refused = [p for p in tries.get(worker_id, ()) if p.at >= since and p.code in REVIEWED]
        told = advise(
            [p for p in own if p.at < middle], [p for p in own if p.at >= middle],
            sum(p.at < middle for p in refused), sum(p.at >= middle for p in refused), contract_id=contract_id,
        )  # fmt: skip
        if told:
            found[worker_id] = told
    return found


def look_for_drift(database: Database, project_id: int, now: datetime) -> int:
    """Look at a project's last four weeks and keep who should enrol again; return how many findings stand."""
    with database.read() as db:
        passages = faces.seen(db, project_id, now - timedelta(days=2 * DRIFT_DAYS), now)
        # What people said counts as his try, whether or not he passed later.
        live = faces.live_contracts(db, project_id)
    found = drift(passages, live, now=now)
    with database.write() as db:
        return faces.keep_advice(db, project_id, found, now)


def _journal(db: Session, now: datetime, by: str, action: str, project_id: int, object_: str, **facts: Any) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=project_id, object=object_, facts=facts)

