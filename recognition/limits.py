"""How alike is alike enough, so that at most so many strangers pass? Limits stated as false-accept rates.

A search of one stranger's frame among N templates gives him a wrong name with a chance of at most N x FAR, where FAR
is the rate of one comparison: two different people, taken as one. So ``N x FAR(similarity_min) <= stranger_max``, and a
larger roster needs more similarity (recognition.md 3.3: at FAR 1e-4 a roster of 2,000 takes 18 % of strangers for
somebody).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

STRANGER_MAX = 0.01
"""Chance that one frame of a stranger is taken for somebody; a project may ask for another."""
STRANGER_RANGE = (1e-6, 0.2)

SURE_FACTOR = 10.0
"""A frame this many times less likely to be a stranger's than it must be decides alone; the others need a second look."""
SURE_STEP = 0.06
"""The same for a pack without a curve: what a factor of ten costs the default pack in similarity."""


@dataclass(frozen=True, slots=True)
class FarPoint:
    """One point of a pack's curve: this share of comparisons of two different people reaches this similarity."""

    far: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Curve:
    """False-accept rate of one comparison against similarity: points joined on a logarithmic scale of rates.

    Raises:
        ValueError: fewer than two points, a rate outside (0, 1), or a curve that does not fall.
    """

    points: tuple[FarPoint, ...]
    measured_to: float
    """The least rate the pairs could support; below it the curve is drawn on, not measured."""
    source: str
    """Where it comes from: ``pack`` or ``machine``."""

    def __post_init__(self) -> None:
        points = tuple(sorted(self.points, key=lambda p: -p.far))
        if len(points) < 2:
            raise ValueError("a curve needs two points")
        for point in points:
            if not 0.0 < point.far < 1.0 or not -1.0 <= point.similarity <= 1.0:
                raise ValueError("a rate lies between 0 and 1, a similarity between -1 and 1")
        for higher, lower in zip(points, points[1:], strict=False):
            if not (lower.far < higher.far and lower.similarity > higher.similarity):
                raise ValueError("fewer strangers need more similarity")
        object.__setattr__(self, "points", points)

    def similarity_at(self, far: float) -> float:
        """The least similarity that at most ``far`` of strangers' comparisons reach; at most 1.0.

        Drawn on beyond both ends in the direction of the last two points: a tail falls at least as steeply as that.
        """
        wanted = math.log(far)
        points = self.points
        at = next((i for i, p in enumerate(points[1:], 1) if p.far <= far), len(points) - 1)
        left, right = points[at - 1], points[at]
        share = (wanted - math.log(left.far)) / (math.log(right.far) - math.log(left.far))
        return min(1.0, max(-1.0, left.similarity + share * (right.similarity - left.similarity)))

    def far_at(self, similarity: float) -> float:
        """The rate at a similarity, at most 1.0: the inverse of ``similarity_at``."""
        points = self.points
        at = next((i for i, p in enumerate(points[1:], 1) if p.similarity >= similarity), len(points) - 1)
        left, right = points[at - 1], points[at]
        share = (similarity - left.similarity) / (right.similarity - left.similarity)
        return min(1.0, math.exp(math.log(left.far) + share * (math.log(right.far) - math.log(left.far))))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a face must reach on one roster."""

    similarity_min: float
    margin_min: float
    sure_min: float
    """From here on one frame decides alone; never below ``similarity_min``."""
    far_max: float | None
    """Rate of one comparison that was asked for; None when the pack has no curve and nobody knows its rates."""
    source: str
    """``pack`` or ``machine`` for a curve, ``rows`` for the pack's plain table."""


def limits_for(pack: Any, templates: int, *, stranger_max: float = STRANGER_MAX) -> Limits:
    """Return what a match against a roster of ``templates`` must reach.

    Both must hold: the pack's table for rosters of this size, and its curve at ``stranger_max / templates``. A curve
    that was measured on this machine counts beside the pack's, the stricter of both, unless the pack says itself that
    its table was not measured on its weights (``calibrated`` false): then the machine's alone.

    Args:
        pack: a ``Pack``.
        templates: rows that are compared, not people: each is one more chance to resemble somebody.
        stranger_max: greatest chance that one frame of a stranger is taken for somebody.

    Raises:
        ValueError: ``stranger_max`` outside ``STRANGER_RANGE``.
    """
    if not STRANGER_RANGE[0] <= stranger_max <= STRANGER_RANGE[1]:
        raise ValueError(f"stranger_max lies between {STRANGER_RANGE[0]} and {STRANGER_RANGE[1]}")
    rows = pack.thresholds_for(templates)
    machine: Curve | None = getattr(pack, "machine_curve", None)
    curves: Sequence[Curve] = [c for c in (getattr(pack, "curve", None), machine) if c is not None]
    if not curves:
        return Limits(rows.similarity_min, rows.margin_min, rows.similarity_min + SURE_STEP, None, "rows")
    far_max = stranger_max / max(1, templates)
    least = -1.0 if machine is not None and not pack.calibrated else rows.similarity_min
    strictest = max(curves, key=lambda curve: curve.similarity_at(far_max))
    similarity_min = max(least, strictest.similarity_at(far_max))
    sure_min = max(similarity_min, *(curve.similarity_at(far_max / SURE_FACTOR) for curve in curves))
    return Limits(similarity_min, rows.margin_min, sure_min, far_max, strictest.source)
