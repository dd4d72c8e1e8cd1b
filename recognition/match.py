"""Whom does an embedding resemble most, and how far behind is the next person? Geometry, no policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recognition.pack import METRICS
from recognition.shortlist import NUMBERS_MIN, Shortlist

NOBODY_ELSE = 2.0
# How far the quick product may be off: float32 cancels when a distance is small. Rows this close
# to the best are measured again, exactly.
_DOUBT = 5e-3


@dataclass(frozen=True, slots=True)
class Match:
    key: int
    similarity: float
    """1.0 is identical, higher is more alike, never outside [-1, 1]: the cosine, or 1 - distance."""
    margin: float
    """How far the best *other* key is behind, in the same unit; 0.0 for a tie, 2.0 when there is none."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """Templates to compare with; several may carry the same key.

    Raises:
        ValueError: shapes that do not fit, a value that is not finite, an unknown metric, or a
            cosine template that is not of length 1 within 1e-3.
    """

    keys: tuple[int, ...]
    templates: np.ndarray
    """(N, D) float32."""
    contract_id: str
    metric: str = "euclidean"
    _key_of: np.ndarray = field(init=False, repr=False)
    _squares: np.ndarray = field(init=False, repr=False)
    _shortlist: Shortlist | None = field(init=False, repr=False)

    def __post_init__(self):
        templates = np.ascontiguousarray(self.templates)
        if self.metric not in METRICS:
            raise ValueError(f"unknown metric {self.metric!r}")
        if templates.ndim != 2 or templates.dtype != np.float32 or len(templates) != len(self.keys):
            raise ValueError(f"{templates.dtype} {templates.shape} templates for {len(self.keys)} keys")
        _check_numbers(templates, self.metric)
        if templates is self.templates or templates.base is not None:
            templates = templates.copy()
        templates.setflags(write=False)
        object.__setattr__(self, "templates", templates)
        object.__setattr__(self, "keys", tuple(self.keys))
        object.__setattr__(self, "_key_of", np.array(self.keys, np.int64))
        object.__setattr__(self, "_squares", np.einsum("nd,nd->n", templates, templates))
        large = self.metric == "cosine" and templates.size >= NUMBERS_MIN
        object.__setattr__(self, "_shortlist", Shortlist(templates) if large else None)

    def __len__(self) -> int:
        return len(self.keys)


def best_match(query: np.ndarray, gallery: Gallery, *, contract_id: str) -> Match | None:
    """Return the key most like ``query`` and its lead, or None for an empty gallery.

    The caller decides what similarity and margin are enough. Neither the order of the
    templates nor rounding decides between two keys: equally good ones give margin 0.0 (and the
    smaller key, so that the same gallery in any order gives the same answer).

    Args:
        query: (D,) float32.
        contract_id: which pack made ``query``.

    Raises:
        ValueError: the query is of another contract, of the wrong shape, or has a value that is
            not finite.
    """
    if contract_id != gallery.contract_id:
        raise ValueError(f"an embedding of {contract_id} cannot be compared with templates of {gallery.contract_id}")
    query = np.asarray(query)
    if query.ndim != 1 or query.dtype != np.float32:
        raise ValueError(f"a query of {query.dtype} {query.shape}")
    if len(gallery) and query.shape[0] != gallery.templates.shape[1]:
        raise ValueError(f"a query of {query.shape[0]} numbers against templates of {gallery.templates.shape[1]}")
    _check_numbers(query[None], gallery.metric)
    if not len(gallery):
        return None

    if gallery._shortlist is not None:
        quick, doubt = gallery._shortlist.products(query)
        least, most = quick - doubt, quick + doubt
    else:
        quick = gallery.templates @ query
        if gallery.metric == "euclidean":
            quick = 1.0 - np.sqrt(np.maximum(gallery._squares + query @ query - 2.0 * quick, 0.0))
        least, most = quick - _DOUBT / 2, quick + _DOUBT / 2
    key, similarity = _best(least, most, query, gallery, None)
    others = gallery._key_of != key
    if not others.any():
        return Match(key, similarity, NOBODY_ELSE)
    _, next_best = _best(least, most, query, gallery, others)
    return Match(key, similarity, similarity - next_best)


def _best(least, most, query, gallery, allowed) -> tuple[int, float]:
    """The best key among the allowed rows, those that can be it measured exactly; the smallest key of a tie."""
    if allowed is not None:
        least, most = np.where(allowed, least, -np.inf), np.where(allowed, most, -np.inf)
    doubtful = np.flatnonzero(most >= least.max())
    exact = _similarity(gallery.templates[doubtful], query, gallery.metric)
    best = exact.max()
    return int(gallery._key_of[doubtful[exact == best]].min()), float(best)


def similarity_of(one: np.ndarray, other: np.ndarray, metric: str) -> float:
    """How alike two embeddings of one contract are, in the pack's unit, within [-1, 1].

    Of a cosine pack neither needs to be of length 1: the mean of several is shorter.
    """
    if metric == "cosine":
        length = float(np.linalg.norm(one)) or 1.0
        one = one / length
    return float(_similarity(np.asarray(one)[None], np.asarray(other), metric)[0])


def _similarity(templates: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    """Exact enough that equal templates give equal results, wherever they stand in the gallery."""
    wide, query = templates.astype(np.float64), query.astype(np.float64)
    if metric == "euclidean":
        difference = wide - query
        values = 1.0 - np.sqrt((difference * difference).sum(1))
    else:
        values = (wide * query).sum(1)
    # Two units differ by at most 2, two raw vectors by more: below -1 nobody is "more unlike".
    return np.clip(values, -1.0, 1.0)


def mean_template(embeddings: Sequence[np.ndarray], metric: str = "euclidean") -> np.ndarray:
    """Return one (D,) float32 template out of several embeddings of the same person.

    The mean of three photographs misses 1.9 % where a single one misses 16.5 % (distance .45),
    and does better than taking the best of three, without more false accepts.

    Raises:
        ValueError: none given, shapes that differ, or a value that is not finite.
    """
    if not len(embeddings):
        raise ValueError("no embedding to average")
    stacked = np.stack([np.asarray(embedding, np.float64) for embedding in embeddings])
    if stacked.ndim != 2 or not np.isfinite(stacked).all():
        raise ValueError(f"cannot average embeddings of shape {stacked.shape}")
    mean = stacked.mean(0)
    if metric == "cosine":
        length = np.linalg.norm(mean)
        if length < 1e-6:
            raise ValueError("these embeddings cancel each other out")
        mean = mean / length
    return mean.astype(np.float32)


LOOKS_MAX = 3
"""Templates of one person: each is one more chance for a stranger to resemble somebody."""
LOOK_APART = 0.15
"""A photograph less than this above the least likeness of one person to his own mean is another look of his (beard, helmet,
glasses): averaged away it would be no use to him on the days he looks like that."""
SET_ASIDE_FROM = 4
"""With so many photographs one that shows somebody else, or nobody well, is set aside; with fewer it is asked for again."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What several photographs of one person give."""

    templates: np.ndarray
    """(K, D) float32, K from 1 to ``LOOKS_MAX``; the first is the mean of all that were used."""
    set_aside: int | None
    """Which photograph (from 0) was not used because it is not like the others."""
    differs: int | None
    """Which photograph (from 0) must be taken again: it is not like the others, and there are too few to do without it."""


def looks_of(embeddings: Sequence[np.ndarray], metric: str, same_min: float) -> Looks:
    """Make the templates of one person out of one embedding a photograph.

    A photograph is like the others when it reaches ``same_min`` with the mean of the rest. The mean of all is the
    first template and does best (3 photographs averaged miss 1.9 % where the best of three misses 6.4); photographs that lie
    far from it, and only those, stand beside it.

    Args:
        same_min: similarity that one person has with himself at least.

    Raises:
        ValueError: as ``mean_template``.
    """
    mean = mean_template(embeddings, metric)
    if len(embeddings) < 2:
        return Looks(mean[None], None, None)
    kept = list(range(len(embeddings)))
    odd = _odd(embeddings, kept, metric, same_min)
    aside = None
    if odd is not None:
        if len(embeddings) < SET_ASIDE_FROM:
            return Looks(mean[None], None, odd)
        kept.remove(odd)
        aside = odd
        again = _odd(embeddings, kept, metric, same_min)
        if again is not None:
            # Two that are not like the rest are not a slip: somebody has to look.
            return Looks(mean[None], None, odd)
    used = [embeddings[at] for at in kept]
    mean = mean_template(used, metric)
    far = sorted((similarity_of(mean, embedding, metric), at) for at, embedding in enumerate(used))
    others: list[list[np.ndarray]] = []
    for likeness, at in far:
        if likeness >= same_min + LOOK_APART:
            break
        near = next((look for look in others if similarity_of(mean_template(look, metric), used[at], metric) >= same_min), None)
        if near is not None:
            near.append(used[at])
        elif len(others) < LOOKS_MAX - 1:
            others.append([used[at]])
    return Looks(np.stack([mean, *(mean_template(look, metric) for look in others)]), aside, None)


ALIKE_MIN = {"euclidean": 0.88, "cosine": 0.995}
"""Similarity from which two photographs of an enrolment are one picture for the model. Measured with the default pack (``replay.SAME_MIN``): a
picture written anew, brightened, moved or turned a little lies within .12 of itself in 19 of 20, two photographs of one person are
never nearer than .29 (46 pairs). Of cosine packs nothing was measured: there it is nearly the picture itself."""


def alike_of(embeddings: Sequence[np.ndarray], metric: str) -> tuple[int, ...]:
    """Return which photographs (from 0) add nothing to an earlier one: its picture once more, or the same pose a moment later."""
    found: list[int] = []
    for at, embedding in enumerate(embeddings):
        if any(similarity_of(embeddings[earlier], embedding, metric) >= ALIKE_MIN[metric] for earlier in range(at) if earlier not in found):
            found.append(at)
    return tuple(found)


def _odd(embeddings: Sequence[np.ndarray], kept: list[int], metric: str, same_min: float) -> int | None:
    """The kept photograph least like the mean of the other kept ones, when it is not the same person."""
    likeness = []
    for at in kept:
        rest = mean_template([embeddings[other] for other in kept if other != at], metric)
        likeness.append((similarity_of(rest, embeddings[at], metric), at))
    least, at = min(likeness)
    return at if least < same_min else None


def _check_numbers(vectors: np.ndarray, metric: str) -> None:
    if not np.isfinite(vectors).all():
        raise ValueError("an embedding with a value that is not finite")
    if metric == "cosine" and len(vectors):
        lengths = np.linalg.norm(vectors, axis=1)
        if np.abs(lengths - 1.0).max() > 1e-3:
            raise ValueError("a cosine embedding that is not of length 1")
