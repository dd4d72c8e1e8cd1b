"""Which refused faces belong together, and whose template no longer fits him. Pure functions of passages.

    appearances(passages)     frames of one stay before one gate, told once (一次出现)
    whose_tries(passages)     refusals that a worker met just before he was let in: his own, in all likelihood
    advise(...)               ask a worker to enrol again: falling similarity, rising refusals (模板漂移)

Nobody is identified here. A refused face has no name; that it belongs to the man who passed the same gate seconds
later is a guess good enough to ask him for a new photograph, and for nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

APPEARANCE_GAP = timedelta(seconds=20)
"""Longer silence at a gate ends an appearance: a man who tries again after it has gone away in between."""
TRY_WITHIN = timedelta(seconds=30)
"""A refusal this long before an admission at the same gate was a try of the same person."""

TRIES_MIN = 10
"""Admissions of a window that say anything at all."""
REFUSALS_SHARE = 0.5
"""Refusals per try from which on a worker is asked to enrol again: every other time he has to show his card."""
REFUSALS_RISE = 2.0
"""... and that many times as many as in the window before."""
FALL_MIN = 0.05
"""Fall of the median similarity that counts, unless less than half of the lead over the limit is left."""
LEAD_MIN = 0.03
"""Median lead over the limit below which a template is nearly too weak to be recognised."""

SIMILARITY_FALLING = "similarity_falling"
REFUSALS_RISING = "refusals_rising"


@dataclass(frozen=True, slots=True)
class Seen:
    """One face passage, or a card's, as far as this needs it."""

    id: int
    gate_id: int
    at: datetime
    admitted: bool
    """Admitted, or asked and confirmed."""
    code: str
    by_face: bool
    worker_id: int | None
    similarity: float | None = None
    similarity_min: float | None = None
    contract_id: str | None = None


@dataclass(frozen=True, slots=True)
class Appearance:
    """Refused faces at one gate without a longer silence between them. May be one man, or two one after the other."""

    passages: tuple[Seen, ...]
    """Oldest first, at least one."""

    @property
    def first(self) -> Seen:
        """When it began."""
        return self.passages[0]

    @property
    def last(self) -> Seen:
        """When it ended."""
        return self.passages[-1]

    @property
    def best(self) -> Seen:
        """The frame that came nearest to somebody; the latest of equally near ones."""
        return max(self.passages, key=lambda p: (p.similarity if p.similarity is not None else -2.0, p.at, p.id))


def appearances(refused: Iterable[Seen], gap: timedelta = APPEARANCE_GAP) -> tuple[Appearance, ...]:
    """Put refused faces of any gates together; in the order they ended.

    Every passage stands in exactly one appearance. Appearances of one gate lie more than ``gap`` apart.
    """
    open_: dict[int, list[Seen]] = {}
    done: list[Appearance] = []
    for passage in sorted(refused, key=lambda p: (p.at, p.id)):
        run = open_.get(passage.gate_id)
        if run is not None and passage.at - run[-1].at > gap:
            done.append(Appearance(tuple(run)))
            run = None
        if run is None:
            run = open_[passage.gate_id] = []
        run.append(passage)
    done += [Appearance(tuple(run)) for run in open_.values()]
    return tuple(sorted(done, key=lambda a: (a.last.at, a.last.id)))


def whose_tries(passages: Iterable[Seen], within: timedelta = TRY_WITHIN) -> dict[int, tuple[Seen, ...]]:
    """Worker id -> refused faces that he met at a gate before he was let in there.

    A refusal is his who is admitted next at that gate within ``within``; whatever came before another man's admission
    is that man's. Refusals nobody followed belong to nobody.
    """
    waiting: dict[int, list[Seen]] = {}
    found: dict[int, list[Seen]] = {}
    for passage in sorted(passages, key=lambda p: (p.at, p.id)):
        queue = waiting.setdefault(passage.gate_id, [])
        if passage.admitted and passage.worker_id is not None:
            mine = [p for p in queue if passage.at - p.at <= within]
            if mine:
                found.setdefault(passage.worker_id, []).extend(mine)
            queue.clear()
        elif passage.by_face and not passage.admitted:
            queue.append(passage)
    return {worker_id: tuple(tries) for worker_id, tries in found.items()}


def stretches(refused: Sequence[Seen], within: timedelta = TRY_WITHIN) -> list[tuple[datetime, datetime]]:
    """Return the stretches of time in which an admission could follow one of these refusals; apart from each other.

    Args:
        refused: oldest first.
    """
    found: list[tuple[datetime, datetime]] = []
    for passage in refused:
        if found and passage.at <= found[-1][1]:
            found[-1] = (found[-1][0], passage.at + within)
        else:
            found.append((passage.at, passage.at + within))
    return found


@dataclass(frozen=True, slots=True)
class Advice:
    """Why a worker should enrol again."""

    code: str
    facts: dict[str, float]
    """What it was measured by; shown to the officer."""


def advise(
    early: Sequence[Seen], late: Sequence[Seen], refused_early: int, refused_late: int, *, contract_id: str
) -> tuple[Advice, ...]:
    """Say whether one worker should enrol again. Similarities of another contract are not looked at.

    Args:
        early, late: his admissions of the window before and of the last one, by face or card.
        refused_early, refused_late: refusals counted as his in the same windows.
        contract_id: of his template.
    """
    said: list[Advice] = []
    before, now = _likeness(early, contract_id), _likeness(late, contract_id)
    if len(now) >= TRIES_MIN:
        likeness, lead = median(s for s, _ in now), median(s - limit for s, limit in now)
        fall = median(s for s, _ in before) - likeness if len(before) >= TRIES_MIN else 0.0
        if lead < LEAD_MIN or (fall >= FALL_MIN and fall >= lead):
            said.append(
                Advice(SIMILARITY_FALLING, {"similarity": round(likeness, 3), "fall": round(fall, 3), "lead": round(lead, 3)})
            )
    if len(late) >= TRIES_MIN:
        share = refused_late / len(late)
        was = refused_early / len(early) if early else 0.0
        if share >= REFUSALS_SHARE and share >= REFUSALS_RISE * was:
            said.append(Advice(REFUSALS_RISING, {"refused": refused_late, "passed": len(late), "share": round(share, 2)}))
    return tuple(said)


def _likeness(passages: Sequence[Seen], contract_id: str) -> list[tuple[float, float]]:
    return [
        (p.similarity, p.similarity_min)
        for p in passages
        if p.admitted and p.contract_id == contract_id and p.similarity is not None and p.similarity_min is not None
    ]
