"""Which templates are more alike than two people's should be? Every pair is looked at: a blocked matrix product, exact.

A million templates of 128 numbers have 5 x 10^11 pairs. One product of matrices costs 128 multiplications a pair and is
what a processor does best; what comes near the limit is measured again in double precision, so the answer is the same as
if every pair had been (no neighbour graph, which would miss some and need as much memory again).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from recognition.match import similarity_of

_DOUBT = {np.dtype(np.float32): 2e-3, np.dtype(np.float16): 1e-2}
"""How far the quick product may be off in similarity, by what the templates are kept in. Measured on templates of length
1.2 to 1.6: 3e-5 and 1.2e-3 at worst near the limits; this leaves room."""
FRESH_AT_ONCE = 512
EVERY_AT_ONCE = 8192
"""Rows of a block: 512 x 8,192 products in float32 are 16 MiB, and both sides of a block lie in the cache's reach."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Two templates, by their place in what was handed in."""

    fresh: int
    every: int
    similarity: float


def alike(
    fresh: np.ndarray,
    every: np.ndarray,
    similarity_min: float,
    metric: str,
    *,
    exact: Callable[[int], np.ndarray] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Alike]:
    """Yield every pair of a fresh and any template whose similarity reaches the limit, in the order of the blocks.

    Rows that are handed in on both sides meet themselves and each other twice: the caller leaves out what it does not want.

    Args:
        fresh: (M, D) float32.
        every: (N, D) float32, or float16 for half the memory.
        similarity_min: in (-1, 1].
        metric: ``euclidean`` or ``cosine``.
        exact: place in ``every`` -> (D,) float32 at full precision; needed when ``every`` is float16.
        progress: told how many of ``every`` are done.

    Raises:
        ValueError: shapes or types that do not fit, a value that is not finite, or float16 without ``exact``.
    """
    if fresh.ndim != 2 or every.ndim != 2 or (len(fresh) and len(every) and fresh.shape[1] != every.shape[1]):
        raise ValueError(f"{fresh.shape} against {every.shape}")
    if fresh.dtype != np.float32 or every.dtype not in _DOUBT:
        raise ValueError(f"{fresh.dtype} against {every.dtype}")
    if every.dtype == np.float16 and exact is None:
        raise ValueError("half precision finds candidates only; say where the whole numbers are")
    if metric not in ("euclidean", "cosine"):
        raise ValueError(f"no such metric: {metric!r}")
    if not np.isfinite(fresh).all():
        raise ValueError("a template with a value that is not finite")
    least = similarity_min - _DOUBT[every.dtype]
    # For distances: -d^2/2 = a.b - |a|^2/2 - |b|^2/2, which one product gives when each side carries its own half square.
    limit = -0.5 * max(0.0, 1.0 - least) ** 2 if metric == "euclidean" else least
    left = _carrying(fresh, metric, first=True)
    for low in range(0, len(every), EVERY_AT_ONCE):
        block = every[low : low + EVERY_AT_ONCE].astype(np.float32)
        if not np.isfinite(block).all():
            raise ValueError("a template with a value that is not finite")
        right = np.ascontiguousarray(_carrying(block, metric, first=False).T)
        for start in range(0, len(fresh), FRESH_AT_ONCE):
            near = left[start : start + FRESH_AT_ONCE] @ right
            # Nearly every row has nothing: its greatest value is one pass without a mask of the block's size.
            for row in np.flatnonzero(near.max(1) >= limit):
                for column in np.flatnonzero(near[row] >= limit):
                    mine, other = start + int(row), low + int(column)
                    whole = every[other] if exact is None else exact(other)
                    similarity = similarity_of(fresh[mine], whole, metric)
                    if similarity >= similarity_min:
                        yield Alike(mine, other, similarity)
        if progress is not None:
            progress(min(low + EVERY_AT_ONCE, len(every)))


def _carrying(templates: np.ndarray, metric: str, *, first: bool) -> np.ndarray:
    if metric == "cosine":
        return templates
    half = -0.5 * np.einsum("nd,nd->n", templates, templates, dtype=np.float64).astype(np.float32)[:, None]
    ones = np.ones_like(half)
    return np.hstack([templates, half, ones] if first else [templates, ones, half])
