"""How often does a pack take two people for one, and one for two? Rates with their uncertainty, and the curve as a picture.

A genuine score (同一人) is the similarity of two pictures of one person, an impostor score (不同人) that of two people.
Intervals treat pairs as independent. They are not: each person is in many of them, so the true uncertainty is larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from recognition.limits import Curve, FarPoint

CONFIDENCE = 0.95
PEOPLE_MIN = 10
IMPOSTORS_MIN = 200
"""Fewer comparisons of different people say nothing about rates anybody would use."""
TAIL_SHARE = 0.02
TAIL_MIN = 20
"""The tail is fitted to the highest 2 % of impostor scores, and to 20 of them at least."""
FAR_LEAST = 1e-8


class TooFewPictures(ValueError):
    """Not enough people or comparisons to say anything; ``people`` and ``impostors`` are what there was."""

    def __init__(self, people: int, impostors: int):
        super().__init__(f"{people} people and {impostors} comparisons of different people")
        self.people = people
        self.impostors = impostors


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of ``n`` trials with its interval of 95 % (Clopper-Pearson)."""

    k: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.k / self.n if self.n else math.nan

    @classmethod
    def of(cls, k: int, n: int) -> Rate:
        return cls(k, n, *clopper_pearson(k, n))


@dataclass(frozen=True, slots=True)
class Scores:
    """What a set of pictures gave."""

    genuine: np.ndarray
    """(G,) similarities of one person's pictures, in the pack's unit."""
    impostor: np.ndarray
    """(I,) similarities of different people's."""
    people: int
    pictures: int
    lost: int = 0
    """Pictures without one usable face."""

    def false_accepts(self, similarity: float) -> Rate:
        return Rate.of(int((self.impostor >= similarity).sum()), len(self.impostor))

    def false_rejects(self, similarity: float) -> Rate:
        return Rate.of(int((self.genuine < similarity).sum()), len(self.genuine))


@dataclass(frozen=True, slots=True)
class Operating:
    """The point at which a false-accept rate is kept to."""

    far: float
    """That was asked for."""
    similarity_min: float
    true_accepts: Rate


# --- rates ---------------------------------------------------------------------------------------------------


def wilson(k: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's interval of a share: short and good away from 0 and 1."""
    _check(k, n)
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = k / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n))
    return (0.0 if k == 0 else max(0.0, low)), (1.0 if k == n else min(1.0, high))


def clopper_pearson(k: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact interval of a share, never narrower than promised: right for rates near nothing."""
    _check(k, n)
    if n == 0:
        return 0.0, 1.0
    rest = (1 - confidence) / 2
    low = 0.0 if k == 0 else _solve(lambda p: _tail(k, n, p) - rest)
    high = 1.0 if k == n else _solve(lambda p: _tail(k + 1, n, p) - (1 - rest))
    return low, high


def upper_bound(k: int, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the share that the truth is below with ``confidence``, one-sided; 3 / n when none of n was seen."""
    _check(k, n)
    return 1.0 if k == n else _solve(lambda p: _tail(k + 1, n, p) - confidence)


def _check(k: int, n: int) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n}")


def _solve(rising) -> float:
    """The root in (0, 1) of a function that rises with p."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high


def _tail(k: int, n: int, p: float) -> float:
    """P(X >= k) of a binomial: the regularised incomplete beta function I_p(k, n - k + 1)."""
    if p <= 0.0 or p >= 1.0 or k <= 0:
        return 1.0 if k <= 0 or p >= 1.0 else 0.0
    a, b = float(k), float(n - k + 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(p) + b * math.log1p(-p))
    if p > (a + 1) / (a + b + 2):
        return 1.0 - front * _fraction(b, a, 1.0 - p) / b
    return front * _fraction(a, b, p) / a


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's evaluation of the continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8)."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / max(1.0 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 5000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + step * d
            c = 1.0 + step / c
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return value


# --- scores --------------------------------------------------------------------------------------------------


def similarities(embeddings: np.ndarray, metric: str) -> np.ndarray:
    """(N, D) to (N, N) similarities in the pack's unit, as ``best_match`` has them."""
    wide = np.asarray(embeddings, np.float64)
    products = wide @ wide.T
    if metric == "cosine":
        lengths = np.sqrt(np.diag(products))
        return np.clip(products / lengths[:, None] / lengths[None, :], -1.0, 1.0)
    squares = np.diag(products)
    return np.clip(1.0 - np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * products, 0.0)), -1.0, 1.0)


def compare_all(embeddings: Sequence[np.ndarray], people: Sequence[object], metric: str, *, lost: int = 0) -> Scores:
    """Compare every picture with every other.

    Args:
        embeddings: one (D,) for each picture.
        people: whose picture it is, in the same order.

    Raises:
        ValueError: an embedding that is not finite.
        TooFewPictures: fewer than two pictures.
    """
    names = {person: at for at, person in enumerate(dict.fromkeys(people))}
    if len(embeddings) < 2:
        raise TooFewPictures(len(names), 0)
    stacked = np.stack(embeddings)
    if not np.isfinite(stacked).all():
        raise ValueError("an embedding with a value that is not finite")
    whose = np.array([names[person] for person in people])
    found = similarities(stacked, metric)
    upper = np.triu_indices(len(whose), 1)
    same = whose[upper[0]] == whose[upper[1]]
    return Scores(found[upper][same], found[upper][~same], len(names), len(whose), lost)


def at_far(scores: Scores, far: float) -> Operating | None:
    """Return the least similarity that at most ``far`` of the impostor scores reach; None when there are too few pairs
    for such a rate to be seen at all."""
    allowed = int(far * len(scores.impostor) + 1e-9)
    if allowed < 1:
        return None
    # Just above the first score that is one too many.
    one_too_many = np.sort(scores.impostor)[::-1][allowed] if allowed < len(scores.impostor) else -1.0
    similarity_min = float(np.nextafter(one_too_many, 2.0))
    kept = int((scores.genuine >= similarity_min).sum())
    return Operating(far, similarity_min, Rate.of(kept, len(scores.genuine)))


def equal_error(scores: Scores) -> tuple[float, float]:
    """Return (similarity, rate) where as many strangers pass as workers are refused."""
    at = np.unique(np.concatenate([scores.genuine, scores.impostor]))
    far = 1.0 - np.searchsorted(np.sort(scores.impostor), at, side="left") / len(scores.impostor)
    frr = np.searchsorted(np.sort(scores.genuine), at, side="left") / len(scores.genuine)
    best = int(np.argmin(np.abs(far - frr)))
    return float(at[best]), float((far[best] + frr[best]) / 2)


def fit_curve(scores: Scores) -> Curve:
    """Return the curve of false-accept rates that these scores support, on the safe side.

    As far as pairs reach, each point is the similarity at which the upper bound of the rate (95 %, one-sided) is kept to.
    Beyond that the tail is taken to fall exponentially, with the mean excess of the highest scores and its own
    uncertainty on top.

    Raises:
        TooFewPictures: fewer than ``PEOPLE_MIN`` people or ``IMPOSTORS_MIN`` comparisons.
        ValueError: no limit keeps strangers out.
    """
    n = len(scores.impostor)
    if scores.people < PEOPLE_MIN or n < IMPOSTORS_MIN:
        raise TooFewPictures(scores.people, n)
    falling = np.sort(scores.impostor)[::-1]
    points: list[FarPoint] = []
    for far in _grid(3e-1, 3.0 / n):
        k = _most(n, far)
        if k is None:
            break
        # k scores may reach it, so it lies just above the next one.
        similarity = float(np.nextafter(falling[k], 2.0))
        if similarity >= 1.0:
            break
        if not points or similarity > points[-1].similarity:
            points.append(FarPoint(far, similarity))
    if not points:
        raise ValueError("strangers are as alike as one picture is to itself: no limit keeps them out")
    measured_to = points[-1].far
    count = min(n // 2, max(TAIL_MIN, int(TAIL_SHARE * n)))
    excess = float((falling[:count] - falling[count]).mean())
    slope = max(excess, 1e-4) * (1 + 1.645 / math.sqrt(count))
    last = points[-1]
    far = last.far / 10
    while far >= FAR_LEAST:
        similarity = last.similarity + slope * math.log(last.far / far)
        if similarity >= 1.0:
            break
        points.append(FarPoint(float(f"{far:.3g}"), similarity))
        far /= 10
    if len(points) < 2:
        # Strangers as alike as one picture is to itself: nobody may pass on such a pack.
        points.append(FarPoint(last.far / 10, 1.0))
    return Curve(tuple(points), measured_to, "machine")


def _grid(most: float, least: float) -> list[float]:
    rates = [float(f"{base}e-{power}") for power in range(1, 9) for base in (3, 1)]
    return [rate for rate in rates if least * 0.999 <= rate <= most]


def _most(n: int, far: float) -> int | None:
    """The most scores of n that may reach a limit for the bound of the rate to be ``far``; None: not even none."""
    if upper_bound(0, n) > far:
        return None
    low, high = 0, int(far * n) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if upper_bound(middle, n) <= far else (low, middle)
    return low


# --- the picture -----------------------------------------------------------------------------------------------

_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5)
_WIDE, _HIGH, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 560, 78, 52, 24, 64


def det_svg(series: Sequence[tuple[str, Scores]], *, title: str, marks: Sequence[tuple[str, float]] = ()) -> str:
    """Return the DET curve (检测误差权衡曲线) of one or more sets as an SVG: false rejects against false accepts.

    Both axes are scaled by the normal distribution, as usual: normal scores give a straight line. A rate that
    was not seen once cannot be drawn; curves end there.

    Args:
        series: (name, scores), up to six.
        marks: (words, similarity): limits to mark on the first curve.
    """
    least = min(1.0 / max(len(scores.impostor), 10) for _, scores in series)
    ticks = [tick for tick in _TICKS if tick >= least * 0.3]
    low, high = _deviate(min(ticks[0], least)), _deviate(0.5)

    def x(far: float) -> float:
        return _LEFT + (_deviate(far) - low) / (high - low) * (_WIDE - _LEFT - _RIGHT)

    def y(frr: float) -> float:
        return _HIGH - _BOTTOM - (_deviate(frr) - low) / (high - low) * (_HIGH - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" width="{_WIDE}" height="{_HIGH}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img">',
        f"<title>{_xml(title)}</title>",
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="26" font-size="16" font-weight="600">{_xml(title)}</text>',
    ]
    for tick in ticks:
        words = f"{tick:.0%}" if tick >= 0.01 else f"1e{round(math.log10(tick))}"
        parts += [
            f'<path d="M{x(tick):.1f} {_TOP}V{_HIGH - _BOTTOM}M{_LEFT} {y(tick):.1f}H{_WIDE - _RIGHT}" stroke="#e3e6ea" fill="none"/>',
            f'<text x="{x(tick):.1f}" y="{_HIGH - _BOTTOM + 20}" text-anchor="middle" fill="#444">{words}</text>',
            f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#444">{words}</text>',
        ]
    parts.append(f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDE - _LEFT - _RIGHT}" height="{_HIGH - _TOP - _BOTTOM}" fill="none" stroke="#8a929c"/>')
    parts.append(f'<text x="{(_LEFT + _WIDE - _RIGHT) / 2}" y="{_HIGH - 14}" text-anchor="middle">误识率 false accepts</text>')
    parts.append(
        f'<text x="20" y="{(_TOP + _HIGH - _BOTTOM) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 20 {(_TOP + _HIGH - _BOTTOM) / 2})">拒识率 false rejects</text>'
    )
    for at, ((name, scores), colour) in enumerate(zip(series, _COLOURS, strict=False)):
        line = [(far, frr) for _, far, frr in det_points(scores) if 0 < far <= 0.5 and 0 < frr <= 0.5]
        if line:
            path = "L".join(f"{x(max(far, least * 0.3)):.1f} {y(max(frr, least * 0.3)):.1f}" for far, frr in line)
            parts.append(f'<path d="M{path}" stroke="{colour}" stroke-width="2" fill="none"/>')
        label = f"{name}: {len(scores.genuine)} / {len(scores.impostor)}"
        parts.append(f'<path d="M{_WIDE - 250} {_TOP + 20 + 20 * at}h22" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{_WIDE - 220}" y="{_TOP + 24 + 20 * at}">{_xml(label)}</text>')
    for words, similarity in marks:
        scores = series[0][1]
        far, frr = scores.false_accepts(similarity).value, scores.false_rejects(similarity).value
        if far <= 0.5 and 0 < frr <= 0.5:
            # A rate that was not seen once stands on the left edge, hollow.
            at, fill = (x(far), _COLOURS[0]) if far > 0 else (float(_LEFT), "#fff")
            parts.append(f'<circle cx="{at:.1f}" cy="{y(frr):.1f}" r="5" fill="{fill}" stroke="{_COLOURS[0]}" stroke-width="2"/>')
            parts.append(f'<text x="{at + 10:.1f}" y="{y(frr) + 4:.1f}">{_xml(words)}</text>')
    return "\n".join([*parts, "</svg>", ""])


_COLOURS = ("#1b5e9b", "#b8541a", "#2f7d4f", "#7a3e9d", "#9a7b00", "#555f6b")


def det_points(scores: Scores, limit: int = 400) -> list[tuple[float, float, float]]:
    """Return (similarity, false accepts, false rejects) along rising similarity, at most ``limit`` points."""
    at = np.unique(np.concatenate([scores.genuine, scores.impostor]))
    if len(at) > limit:
        # Evenly along the interesting part: every high impostor score, and a spread of the rest.
        at = np.unique(np.concatenate([np.sort(scores.impostor)[-limit // 2 :], np.quantile(at, np.linspace(0, 1, limit // 2))]))
    far = 1.0 - np.searchsorted(np.sort(scores.impostor), at, side="left") / len(scores.impostor)
    frr = np.searchsorted(np.sort(scores.genuine), at, side="left") / max(1, len(scores.genuine))
    return [(float(s), float(a), float(r)) for s, a, r in zip(at, far, frr, strict=True)]


def _deviate(rate: float) -> float:
    return NormalDist().inv_cdf(min(max(rate, 1e-9), 1 - 1e-9))


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
