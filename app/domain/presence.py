"""Somebody stands before a camera that looks all the time: when is he a passage, and when the same one still?

A gate that is asked takes one picture a person. A camera that looks takes five a second, of a man who waits, turns away and
comes back. Three things must hold: nobody who passes is left out, one man's presence never hides another's, and a man who
stands there is not a thousand passages.

So a worker is recorded the moment he is named, by himself and never by his place in the picture; again when he has been out of
sight for ``GONE``, whatever the reason was; and as long as he stays in sight once in ``AGAIN``, which attendance folds into the
first (``domain.attendance``: repeats within 120 s are one), so that who leaves slowly has left when he was last seen. A face that is
refused is recorded when it has stayed for ``LINGER``: sooner it is a man who walks up. What is remembered is remembered
in memory: after a restart the worst is one repeat.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

GONE = timedelta(seconds=5)
"""Out of sight for so long he has left; a man who ties his shoe comes back as a repeat, which attendance folds."""
AGAIN = timedelta(seconds=60)
"""Half of what attendance folds, so that one picture may fail."""
LINGER = timedelta(seconds=2)
SOMEBODY_AFTER = timedelta(seconds=10)
"""Blurred and turned faces just after a worker was seen are his own, going away."""
KEPT_MAX = 256


class Turn(StrEnum):
    """What becomes of one picture."""

    RECORD = "record"
    REPEAT = "repeat"
    """In sight since he was recorded, and that is long ago: a passage only where attendance folds it."""
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one picture says about the person on it."""

    code: str
    worker_id: int | None
    """Whom it names; None when nobody is named."""
    track: int | None
    """Which face it is, when that is known."""
    nobody: bool = False
    """Nobody is on it."""


@dataclass(slots=True)
class _Kept:
    since: datetime
    last: datetime
    recorded: datetime | None = None


@dataclass(slots=True)
class Presence:
    """Who is before one camera now."""

    _kept: dict[tuple[str, int], _Kept] = field(default_factory=dict)
    _named: dict[int, int] = field(default_factory=dict)
    """Track -> the worker it turned out to be."""

    def turn(self, seen: Seen, at: datetime) -> Turn:
        """Say what becomes of a picture taken at ``at``; ``record`` once it is kept."""
        if seen.nobody:
            return Turn.WAIT
        key = self._key(seen)
        kept = self._kept.get(key)
        if kept is None or at - kept.last > GONE:
            kept = self._kept[key] = _Kept(at, at)
            self._tidy(at)
        kept.last = max(kept.last, at)
        if seen.worker_id is not None and seen.track is not None:
            self._named[seen.track] = seen.worker_id
        if kept.recorded is not None:
            return Turn.REPEAT if at - kept.recorded >= AGAIN else Turn.WAIT
        if seen.worker_id is not None:
            return Turn.RECORD
        if key[0] == "worker":
            # The face of somebody who was named before: he is still there, and no stranger.
            return Turn.WAIT
        if key[0] == "somebody" and any(
            of[0] == "worker" and at - other.last <= SOMEBODY_AFTER for of, other in self._kept.items()
        ):
            return Turn.WAIT
        return Turn.RECORD if at - kept.since >= LINGER else Turn.WAIT

    def record(self, seen: Seen, at: datetime) -> None:
        """The picture has become a passage."""
        self._kept[self._key(seen)].recorded = at

    def forget(self, seen: Seen) -> None:
        """The picture has not become a passage after all; the next one may."""
        self._kept[self._key(seen)].recorded = None

    def _key(self, seen: Seen) -> tuple[str, int]:
        worker_id = seen.worker_id
        if worker_id is None and seen.track is not None:
            worker_id = self._named.get(seen.track)
        if worker_id is not None:
            return ("worker", worker_id)
        return ("somebody", 0) if seen.track is None else ("track", seen.track)

    def _tidy(self, at: datetime) -> None:
        if len(self._kept) > KEPT_MAX:
            self._kept = {key: kept for key, kept in self._kept.items() if at - kept.last <= SOMEBODY_AFTER}
            self._named = {track: worker for track, worker in self._named.items() if ("worker", worker) in self._kept}
