"""One person in front of one gate: which frames belong together, and what each of them said.

A track (轨迹) is the frames of one gate that show one face within some seconds. It is known by the face alone: at a
turnstile the next man stands where the last one stood, a moment later. The votes of a track are kept in memory only: a
restart costs a second look, never a passage.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from recognition.match import similarity_of

TRACKS_MAX = 8
"""Of one gate at a time: more people cannot stand before a camera one by one within seconds."""
GATES_MAX = 4096
VOTES_MAX = 64
"""Of one track; the oldest go first. At 15 frames a second this is four seconds."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one frame of a track said."""

    at: datetime
    frame: str
    """Which picture it is: one picture votes once, however often it is sent."""
    key: int | None
    """Whom it named; None when it reached no limit: a vote for nobody."""
    weight: float
    """0 to 1: how much of the face could be seen."""


@dataclass(frozen=True, slots=True)
class Track:
    """The frames of one person at one gate, this one included."""

    number: int
    """Counts up within one process."""
    began_at: datetime
    votes: tuple[Vote, ...]
    """Those of the last seconds, in no promised order."""


@dataclass(eq=False)
class _Kept:
    number: int
    began_at: datetime
    last_at: datetime
    contract_id: str
    total: np.ndarray
    weight: float
    votes: deque[Vote] = field(default_factory=lambda: deque(maxlen=VOTES_MAX))

    @property
    def mean(self) -> np.ndarray:
        return (self.total / self.weight).astype(np.float32)


class Tracker:
    """The tracks of every gate of one process. Safe to share between threads."""

    def __init__(self) -> None:
        self._gates: OrderedDict[Hashable, list[_Kept]] = OrderedDict()
        self._guard = threading.Lock()
        self._last_number = 0

    def see(
        self,
        gate: Hashable,
        embedding: np.ndarray,
        *,
        contract_id: str,
        metric: str,
        same_min: float,
        at: datetime,
        frame: str,
        key: int | None,
        weight: float,
        seconds: float,
    ) -> Track:
        """Add one frame and return the track it belongs to.

        Args:
            gate: where it was seen; tracks of two gates never meet.
            embedding: (D,) float32, finite.
            same_min: similarity to a track's mean from which it is the same face.
            at: when the frame was taken.
            frame: its digest.
            key: whom the frame names, or None.
            weight: of its vote, 0 to 1.
            seconds: how long a track lives without a frame, and how far back its votes count.

        Raises:
            ValueError: an embedding with a value that is not finite, or a weight that is no share.
        """
        if not np.isfinite(embedding).all() or not 0.0 <= weight <= 1.0:
            raise ValueError("a track needs finite embeddings and weights from 0 to 1")
        span = timedelta(seconds=seconds)
        vote = Vote(at, frame, key, weight)
        # A face that could hardly be seen says little about what the track's face looks like, but not nothing.
        share = max(weight, 1e-3)
        with self._guard:
            kept = [t for t in self._gates.get(gate, ()) if abs(at - t.last_at) <= span and t.contract_id == contract_id]
            likeness = [similarity_of(t.mean, embedding, metric) for t in kept]
            best = max(range(len(kept)), key=likeness.__getitem__, default=None)
            if best is not None and likeness[best] >= same_min:
                track = kept[best]
                track.total = track.total + share * embedding
                track.weight += share
            else:
                self._last_number += 1
                track = _Kept(self._last_number, at, at, contract_id, share * embedding.astype(np.float64), share)
                kept.append(track)
            for twin in [v for v in track.votes if v.frame == frame]:
                track.votes.remove(twin)
            track.votes.append(vote)
            track.last_at = max(track.last_at, at)
            kept.sort(key=lambda t: t.last_at)
            self._gates[gate] = kept[-TRACKS_MAX:]
            self._gates.move_to_end(gate)
            while len(self._gates) > GATES_MAX:
                self._gates.popitem(last=False)
            votes = tuple(v for v in track.votes if abs(at - v.at) <= span)
            return Track(track.number, track.began_at, votes)
