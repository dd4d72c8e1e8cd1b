"""Was this picture seen before (重放)? The same bytes are found by their digest; here it is the nearly same picture.

A live face never gives the same embedding twice: minutes apart two photographs of one person differ far more than one
picture does from itself after it was written anew, scaled or brightened. Both must agree: the face is the same
to the last detail, and the whole picture looks the same. What is remembered stays in memory for hours and is only of
people who are in the gallery; it is never stored.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np

from recognition.match import Gallery, similarity_of

APART = timedelta(seconds=30)
"""Frames of one visit look alike and are no replay of each other; a visit ends when he was not seen for so long."""
KEPT_FOR = timedelta(hours=24)
EACH_MAX = 12
"""Frames remembered of one person, at least ``EVERY`` apart."""
EVERY = timedelta(seconds=5)
PEOPLE_MAX = 20_000
PRINT_SIDE = 16

SAME_MIN = {"euclidean": 0.93, "cosine": 0.995}
"""Similarity from which two embeddings are one picture. Measured with the default pack on 24 portraits: written anew at JPEG
quality 95 to 50, scaled, 5 % brighter, moved or turned the distance is .03 to .06 in the median and below .12 in
19 of 20; two photographs of one person are never nearer than .29 (46 pairs). Of cosine packs nothing was
measured: there it is nearly the picture itself."""
PRINT_MAX = 16
"""Of 256 bits of the whole picture that may differ."""


def picture_print(image: np.ndarray) -> np.ndarray:
    """Return 256 bits of what a whole picture looks like: for each of 16 x 16 places, is it brighter than its neighbour."""
    # Eight pixels a place each way are plenty for a mean, and a tenth of the work. Rows first, then grey, then columns:
    # picking coloured pixels one by one took three times as long as all the rest.
    step = max(1, min(image.shape[:2]) // (8 * PRINT_SIDE))
    grey = np.ascontiguousarray(cv2.cvtColor(image[::step], cv2.COLOR_RGB2GRAY)[:, ::step])
    grey = cv2.resize(grey, (PRINT_SIDE + 1, PRINT_SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(grey[:, 1:] > grey[:, :-1])


@dataclass(frozen=True, slots=True)
class _Frame:
    at: datetime
    visit: int
    frame: str
    contract_id: str
    embedding: np.ndarray
    look: np.ndarray


@dataclass(slots=True)
class _Person:
    frames: deque[_Frame]
    last_at: datetime
    visit: int = 0


class Recent:
    """The pictures of the last hours, by person. Safe to share between threads."""

    def __init__(self) -> None:
        self._people: OrderedDict[tuple[Hashable, int], _Person] = OrderedDict()
        self._galleries: dict[Hashable, Gallery] = {}
        self._guard = threading.Lock()

    def seen_before(
        self, person: tuple[Hashable, int], embedding: np.ndarray, look: np.ndarray, *, frame: str, contract_id: str, metric: str,
        at: datetime,
    ) -> datetime | None:
        """Return when nearly the same picture of a person was seen at another moment, or None; remember this one.

        Args:
            person: whom the frame names, with his project.
            embedding: (D,) float32, finite.
            look: of ``picture_print``.
            frame: digest of the picture. The very same one is no replay of itself here: it may be sent again because
                the first time nothing could be saved. Whoever knows what is on disk decides about that.
            at: when the frame was taken.
        """
        with self._guard:
            kept = self._people.setdefault(person, _Person(deque(maxlen=EACH_MAX), at))
            self._people.move_to_end(person)
            while len(self._people) > PEOPLE_MAX:
                self._people.popitem(last=False)
            if abs(at - kept.last_at) > APART:
                kept.visit += 1
            kept.last_at = at
            frames = kept.frames
            while frames and at - frames[0].at > KEPT_FOR:
                frames.popleft()
            others = [f for f in frames if f.contract_id == contract_id and f.visit != kept.visit and f.frame != frame]
            if not frames or frames[-1].visit != kept.visit or abs(at - frames[-1].at) >= EVERY:
                frames.append(_Frame(at, kept.visit, frame, contract_id, embedding, look))
        for earlier in others:
            differing = int(np.unpackbits(earlier.look ^ look).sum())
            if differing <= PRINT_MAX and similarity_of(earlier.embedding, embedding, metric) >= SAME_MIN[metric]:
                return earlier.at
        return None

    def hold(self, project: Hashable, gallery: Gallery) -> None:
        """Forget everybody of a project who is not in its gallery any more; people are ``(project, key)``."""
        with self._guard:
            if self._galleries.get(project) is gallery:
                return
            self._galleries[project] = gallery
            known = set(gallery.keys)
            for person in [p for p in self._people if p[0] == project and p[1] not in known]:
                del self._people[person]
