"""May this person pass now? One pure decision for a face, one for a card or code.

The nearest name alone never decides. A face is somebody when its similarity reaches the pack's threshold *and*
the next best person is far enough behind. A frame that is sure by itself admits at once; one that only just reaches
the limits needs others of the same person, seconds apart, that agree with it: he is asked to look once more. Votes can
keep somebody out whom a single frame would let in, and never the other way round. Being inside already, or having
missed an exit, is not even asked: attendance sorts that out later, and a gate is not the place to argue.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from app.domain.facts import Engagement, Verdict

ADMITTED = "admitted"
NO_FACE = "no_face"
SEVERAL_FACES = "several_faces"
FACE_UNKNOWN = "face_unknown"
FACE_AMBIGUOUS = "face_ambiguous"
CONSENT_WITHDRAWN = "consent_withdrawn"
CREDENTIAL_UNKNOWN = "credential_unknown"
NOT_ENGAGED = "not_engaged"
ENGAGEMENT_OVER = "engagement_over"
NEEDS_CONFIRMATION = "needs_confirmation"
LOOK_AGAIN = "look_again"
REPLAY = "replay"
LIVENESS_FAILED = "liveness_failed"
LIVENESS_UNSURE = "liveness_unsure"
FACE_UNREADABLE = "face_unreadable"
"""Stable codes. Codes of recognition's quality checks (``face_too_small`` ...) pass through beside them."""

SIMILARITY_ROUNDING = 1e-3
"""Float32 puts a vector's product with itself a little above 1 (architecture.md 0.7); more is no cosine."""


MEND: dict[str, str] = {
    NO_FACE: "look",
    "too_dark": "light",
    SEVERAL_FACES: "alone",
    "face_cut": "middle",
    "face_too_small": "closer",
    "face_too_dark": "light",
    "face_too_bright": "glare",
    "face_turned": "look",
    "face_blurred": "still",
    FACE_UNREADABLE: "look",
    LOOK_AGAIN: "look",
    FACE_AMBIGUOUS: "look",
    LIVENESS_UNSURE: "middle",
}
"""Code -> what the person can do about it; another frame may then say something else. Every other refusal stands
until somebody at a desk changes something, or is told to use his card."""

SHARE_MIN = 0.5
"""Of the weight of a person's frames, more than this must agree: a tie names nobody (as Frigate has it)."""
FRAME_WEIGHT = 0.5
"""What a middling frame weighs; so many times ``votes_min`` must agree. Poor frames take more of them."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """The vote of one frame: whom it named within all limits, or nobody, and how much of the face it saw."""

    worker_id: int | None
    weight: float


@dataclass(frozen=True, slots=True)
class Tally:
    """How the frames of one person voted on one worker. The order of the votes does not matter."""

    frames: int
    """All that voted."""
    agreeing: int
    weight: float
    """Of those that agree."""
    share: float
    """Of the weight of all, 0 to 1."""
    against: float
    """Weight of those that named somebody else."""


def tally(worker_id: int, ballots: Iterable[Ballot]) -> Tally:
    """Count the votes for one worker; a weight that is not a finite number from 0 to 1 counts nothing."""
    valid = [b for b in ballots if 0.0 <= b.weight <= 1.0]
    own = [b.weight for b in valid if b.worker_id == worker_id]
    # fsum rounds once: the sum does not depend on the order in which the frames came.
    weight, whole = math.fsum(own), math.fsum(b.weight for b in valid)
    against = math.fsum(b.weight for b in valid if b.worker_id not in (None, worker_id))
    return Tally(len(valid), len(own), weight, weight / whole if whole > 0 else 0.0, against)


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """What the project asks beyond recognition."""

    votes_min: int = 1
    """Frames that must agree when none is sure by itself; 1: each decides alone."""

    confirm_face: bool = False
    """The project wants a person to confirm each face while a weak pack is active."""
    pack_is_weak: bool = False
    """The active model pack is not good enough to decide alone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about one worker on one project at the moment he is at the gate."""

    worker_id: int
    engaged: bool
    """An engagement covers today."""
    exited: bool = False
    """None covers today, and one has ended."""
    consent_withdrawn: bool = False
    """Consent to face recognition; does not concern cards and codes."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate is told."""

    verdict: Verdict
    code: str
    worker_id: int | None
    """The worker admitted, or proposed for ``ask``. A refused face has none: nobody was identified. A refused
    card or code keeps its worker: it is his, whoever holds it."""


def standing(
    worker_id: int, engagements: Iterable[Engagement], on: date, *, consent_withdrawn: bool = False
) -> Standing:
    """Sum up a worker's engagements with one project on the calendar date ``on``.

    Args:
        engagements: any; only this worker's are used.
    """
    own = [e for e in engagements if e.worker_id == worker_id]
    engaged = any(e.covers(on) for e in own)
    exited = not engaged and any(e.exit_on is not None and e.exit_on <= on for e in own)
    return Standing(worker_id, engaged, exited, consent_withdrawn)


def decide(
    *,
    match_similarity: float | None,
    match_margin: float | None,
    similarity_min: float,
    margin_min: float,
    quality_codes: Iterable[str],
    standing: Standing | None,
    policy: AdmissionPolicy,
    sure_min: float | None = None,
    ballots: Iterable[Ballot] = (),
) -> Decision:
    """Decide about a face.

    In this order: quality, similarity, margin, votes, consent, engagement, confirmation. Both limits are included:
    similarity >= similarity_min and margin >= margin_min. A value that is not a number passes neither.

    Args:
        match_similarity: cosine in [-1, 1] of the best match; None for an empty gallery.
        match_margin: how far the best *other* worker is behind, 0 to 2; 2.0 when there is none.
        similarity_min: of the active pack, in [-1, 1].
        margin_min: of the active pack, not negative.
        quality_codes: why the picture cannot be used; ``no_face`` and ``several_faces`` speak first, then the
            first given.
        standing: of the best match; None when there is none.
        sure_min: similarity from which this frame decides alone, unless others of the same person name somebody
            else with as much weight; None: no frame does.
        ballots: votes of all frames of this person, this one included; only asked for when ``votes_min`` > 1.

    Raises:
        ValueError: a threshold is not a number in its range. A pack so configured admits nobody.
    """
    if not -1.0 <= similarity_min <= 1.0 or not 0.0 <= margin_min <= 2.0:
        raise ValueError("similarity_min is in [-1, 1] and margin_min in [0, 2]")
    codes = tuple(quality_codes)
    if codes:
        first = next((c for c in (NO_FACE, SEVERAL_FACES) if c in codes), codes[0])
        return _refused(first)
    if standing is None or match_similarity is None or match_margin is None:
        return _refused(FACE_UNKNOWN)
    # Written so that NaN, for which every comparison is false, fails each of them.
    if not similarity_min <= match_similarity <= 1.0 + SIMILARITY_ROUNDING:
        return _refused(FACE_UNKNOWN)
    if not margin_min <= match_margin <= 2.0 + SIMILARITY_ROUNDING:
        return _refused(FACE_AMBIGUOUS)
    if policy.votes_min > 1 and not _agreed(standing.worker_id, match_similarity, sure_min, ballots, policy.votes_min):
        return _refused(LOOK_AGAIN)
    if standing.consent_withdrawn:
        return _refused(CONSENT_WITHDRAWN)
    if not standing.engaged:
        return _refused(ENGAGEMENT_OVER if standing.exited else NOT_ENGAGED)
    if policy.confirm_face and policy.pack_is_weak:
        return Decision(Verdict.ASK, NEEDS_CONFIRMATION, standing.worker_id)
    return Decision(Verdict.ADMIT, ADMITTED, standing.worker_id)


def _agreed(
    worker_id: int, similarity: float, sure_min: float | None, ballots: Iterable[Ballot], votes_min: int
) -> bool:
    counted = tally(worker_id, ballots)
    if sure_min is not None and similarity >= sure_min:
        # The first sure frame opens, whatever blurred ones came before it; not so when they named another man.
        return counted.weight > counted.against or counted.against == 0.0
    return (
        counted.agreeing >= votes_min and counted.share > SHARE_MIN and counted.weight >= votes_min * FRAME_WEIGHT
    )


def decide_credential(*, standing: Standing | None) -> Decision:
    """Decide about a card, a code or an identity card. They count as much as a face and need no consent.

    Args:
        standing: of the worker the credential was given to; None when it is unknown or was revoked.
    """
    if standing is None:
        return _refused(CREDENTIAL_UNKNOWN)
    if not standing.engaged:
        code = ENGAGEMENT_OVER if standing.exited else NOT_ENGAGED
        return Decision(Verdict.REFUSE, code, standing.worker_id)
    return Decision(Verdict.ADMIT, ADMITTED, standing.worker_id)


def _refused(code: str) -> Decision:
    return Decision(Verdict.REFUSE, code, None)
