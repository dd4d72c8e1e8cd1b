"""Statistics that tell made-up attendance from lived attendance. Pure functions of numbers; no facts, no limits.

    icc              how much of the variation lies between groups: people have habits, random numbers have none
    uniform_p        how well times fit an even spread over their own window
    variation        deviation of gaps over their mean: a queue or a crowd is uneven, a programme is even
    bursts           people through one lane faster than the lane can turn
    repeats          how often the same thing comes again
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise


def icc(groups: Iterable[Sequence[float]]) -> float | None:
    """One-way intraclass correlation ICC(1) of unequal groups, about 0 for none, 1 for all of the variation.

    Args:
        groups: values of each group; groups of fewer than two values are left out.

    Returns:
        None with fewer than two groups, or where nothing varies.
    """
    kept = [g for g in groups if len(g) >= 2]
    total = sum(map(len, kept))
    if len(kept) < 2:
        return None
    mean = sum(map(sum, kept)) / total
    between = within = 0.0
    for g in kept:
        own = sum(g) / len(g)
        between += len(g) * (own - mean) ** 2
        within += sum((x - own) ** 2 for x in g)
    size = (total - sum(len(g) ** 2 for g in kept) / total) / (len(kept) - 1)
    between /= len(kept) - 1
    within /= total - len(kept)
    spread = between + (size - 1) * within
    return None if spread <= 0 else (between - within) / spread


def uniform_p(values: Sequence[float]) -> float | None:
    """Kolmogorov-Smirnov p-value of values against an even spread from the least to the greatest of them.

    The two ends are taken from the values themselves and left out of the test. Asymptotic distribution with Stephens'
    correction; good from about 20 values on.

    Returns:
        None with fewer than 20 values between the ends, or where all are equal.
    """
    ordered = sorted(values)
    if len(ordered) < 22 or ordered[0] == ordered[-1]:
        return None
    low, width = ordered[0], ordered[-1] - ordered[0]
    inner = ordered[1:-1]
    n = len(inner)
    d = max(max((i + 1) / n - (x - low) / width, (x - low) / width - i / n) for i, x in enumerate(inner))
    root = math.sqrt(n)
    return _kolmogorov((root + 0.12 + 0.11 / root) * d)


def _kolmogorov(x: float) -> float:
    if x < 0.2:
        return 1.0
    found = 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, found))


def variation(times: Sequence[float]) -> tuple[float, float] | None:
    """(mean gap, deviation of the gaps over their mean) of times in order; None with fewer than three times or no gap."""
    ordered = sorted(times)
    gaps = [b - a for a, b in pairwise(ordered)]
    if len(gaps) < 2 or not any(gaps):
        return None
    mean = sum(gaps) / len(gaps)
    return mean, math.sqrt(sum((g - mean) ** 2 for g in gaps) / len(gaps)) / mean


def spread(groups: Iterable[Sequence[float]]) -> float | None:
    """Standard deviation within groups, pooled; groups of fewer than two values are left out. None without any."""
    kept = [g for g in groups if len(g) >= 2]
    if not kept:
        return None
    squares = 0.0
    for g in kept:
        own = sum(g) / len(g)
        squares += sum((x - own) ** 2 for x in g)
    return math.sqrt(squares / sum(len(g) - 1 for g in kept))


def bursts(seen: Sequence[tuple[float, Hashable]], people: int, within: float) -> list[tuple[int, int]]:
    """Windows in which ``people`` different people passed within a time, each passage in one window at most.

    Args:
        seen: (time, who), in order of time.

    Returns:
        (first index, last index) of each.
    """
    found = []
    start = 0
    for end in range(len(seen)):
        while seen[end][0] - seen[start][0] > within:
            start += 1
        if end - start + 1 >= people and len({who for _, who in seen[start : end + 1]}) >= people:
            found.append((start, end))
            start = end + 1
    return found


def repeats(orders: Sequence[Sequence[Hashable]], least: int) -> tuple[int, int]:
    """(pairs of neighbouring orders that are the same, pairs compared). Only what both have counts, ``least`` at the fewest."""
    same = compared = 0
    for a, b in pairwise(orders):
        common = set(a) & set(b)
        if len(common) >= least:
            compared += 1
            same += [x for x in a if x in common] == [x for x in b if x in common]
    return same, compared
