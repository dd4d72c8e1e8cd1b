"""A card and then a face (刷卡后看脸): is the person before the gate the one whose card was read? Pure.

One comparison with one person's templates lets far more likeness through than a search among thousands: the limit is that
of one comparison at a stated false-accept rate, without a margin. It guards against a card that is lent, and only where the
worker has agreed to face recognition; everybody else's card counts alone, as ever.
"""

from dataclasses import dataclass
from datetime import timedelta

from app.domain.admission import (
    ADMITTED,
    FACE_AMBIGUOUS,
    FACE_UNKNOWN,
    LOOK_AGAIN,
    NEEDS_CONFIRMATION,
    SIMILARITY_ROUNDING,
    Decision,
    Standing,
)
from app.domain.facts import Verdict

SHOW_FACE = "show_face"
"""A card was read; its face is awaited."""
BY_ITS_FACE = "gate"
"""Who decided about a card that asked, when its face came; else a person's login."""
FACE_NOT_CARDS = "face_not_cards"
"""The face is not that of the card that was read."""
WITHIN = timedelta(seconds=10)
"""A face later than this after the card is no answer to it."""
FAR = 1e-2
"""Share of other people's faces that would pass for the card's: one thief of a card in a hundred. A search among 1,000
people at the usual bound needs 1e-5."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A face compared with the templates of the one whose card was read."""

    passage_id: int
    """Of the card."""
    worker_id: int
    similarity: float
    similarity_min: float
    far: float | None
    """Of one comparison at ``similarity_min``; None: the pack does not know its rates."""


def decide(pair: Pair, alone: Decision, *, named: int | None, standing: Standing, confirm: bool = False) -> Decision:
    """Decide about a face that followed a card.

    Args:
        alone: what the face says without the card.
        named: whom the search among everybody names by its own limits; None for nobody.
        standing: of the card's worker.
        confirm: a person confirms each face of this project while its pack is weak; also one that followed a card.
    """
    if named is not None and named != pair.worker_id:
        # Somebody else of the roster with his card: he is admitted as himself or not at all, and the card waits for a person.
        return alone
    if alone.verdict is not Verdict.REFUSE or alone.code not in (FACE_UNKNOWN, FACE_AMBIGUOUS, LOOK_AGAIN):
        # Admitted or asked about already, or refused for something a card does not heal: no face, a picture of one, papers.
        return alone
    same = pair.similarity_min <= pair.similarity <= 1.0 + SIMILARITY_ROUNDING
    if not same or not standing.engaged or standing.consent_withdrawn:
        return Decision(Verdict.REFUSE, FACE_NOT_CARDS, None)
    if confirm:
        return Decision(Verdict.ASK, NEEDS_CONFIRMATION, pair.worker_id)
    return Decision(Verdict.ADMIT, ADMITTED, pair.worker_id)
