"""A picture's faces as boxes: the detector's score maps at several scales, decoded and merged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

WINDOW = 80  # the detector's one window, in pixels of the picture given to the network
STEP, OFFSET = 8, 14  # cell (r, c) of the score map is the window around pixel (8c+14, 8r+14)
OVERLAP_MAX = 0.33828  # from the detector's own file
CANDIDATES_MAX = 400  # cells of one level that are looked at, surest first; a frame full of faces has some tens
SCORE_CEILING = 1e3  # a clear face scores about 1
SIDE_LEAST = 56  # the smallest level: 0.7 windows, so that a face as high as the picture is found
_LEAST_INPUT = 29  # the first three layers leave nothing of a smaller picture
_MEAN_COLOUR = (123, 117, 104)

Score = Callable[[np.ndarray], np.ndarray]
"""uint8 (1, H, W, 3) RGB -> float32 (1, 1, h, w)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """At which scales a picture is searched.

    One scale covers faces of 66 to 88 pixels in the picture given to the network (100 % found
    from 72 to 85), so the smallest face found is about 64 / scale pixels and every level above
    finds faces 1 / ratio as large.
    """

    long_side: int
    """Pixels of the longer side at the finest level."""
    enlarge_max: float
    """A small picture is enlarged by at most this much to reach ``long_side``."""
    border: int
    """Pixels of average colour around each level: 32 finds faces that the frame cuts."""
    ratio: float = math.sqrt(0.5)  # found what 5/6 found, at 58 % of the cost

    def scales(self, width: int, height: int) -> list[float]:
        scale = min(self.long_side / max(width, height), self.enlarge_max)
        scales = [scale]
        while min(width, height) * scale * self.ratio >= SIDE_LEAST:
            scale *= self.ratio
            scales.append(scale)
        return scales


# 640 x 480 searched at 320 finds faces from 128 pixels (a fifth of the width) up; 15 ms.
GATE = Plan(long_side=320, enlarge_max=1.0, border=11)
# Group pictures need it: t1.jpg (1280 x 886) gives 0 of its 6 faces at 320, 1 at 640, 6 at 960.
ENROLMENT = Plan(long_side=1120, enlarge_max=2.0, border=32)


def find_faces(image: np.ndarray, score: Score, plan: Plan) -> list[tuple[float, tuple[float, float, float, float]]]:
    """Return (score, (left, top, right, bottom)) of every face, surest first, in pixels of ``image``.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    found: list[tuple[float, tuple[float, float, float, float]]] = []
    level = image
    for scale in plan.scales(width, height):
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        if min(w, h) + 2 * plan.border < _LEAST_INPUT:
            break
        # Each level is made from the one before: half the pixels to average.
        level = resize(level, w, h)
        found += _decode(score(_framed(level, plan.border)), w, h, width, height, plan.border)
    return suppress(found)


NEAR_RATIOS = (1.0, 0.8, 1.25)
"""Sizes tried near a known face until it is found, as shares of the size at which it would fill the window."""
_FULL = 76.0  # pixels of a face that the window answers to best (72 to 85)


def around(box: tuple[float, float, float, float], width: int, height: int) -> tuple[int, int, int, int]:
    """Return the part of a picture around a face, six tenths of its side on each side, in whole pixels."""
    side = max(1.0, box[2] - box[0], box[3] - box[1]) * 0.6
    limits = ((box[0] - side, width), (box[1] - side, height), (box[2] + side, width), (box[3] + side, height))
    left, top, right, bottom = (int(min(max(edge, 0), most)) for edge, most in limits)
    return left, top, right, bottom


def find_near(
    image: np.ndarray, score: Score, box: tuple[float, float, float, float]
) -> list[tuple[float, tuple[float, float, float, float]]]:
    """Return what ``find_faces`` does, of the surroundings of a face that was there a moment ago, at about its size.

    Half the cost of the whole frame or less. What is elsewhere, or much larger or smaller, is not seen.
    """
    left, top, right, bottom = around(box, image.shape[1], image.shape[0])
    part = image[top:bottom, left:right]
    side = max(box[2] - box[0], box[3] - box[1])
    if min(part.shape[:2]) < 8 or not math.isfinite(side) or side < 8:
        return []
    height, width = part.shape[:2]
    found = []
    for ratio in NEAR_RATIOS:
        scale = _FULL * ratio / side
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        if min(w, h) < _LEAST_INPUT or max(w, h) > 4 * WINDOW:
            continue
        found = _decode(score(_framed(resize(part, w, h), 0)), w, h, width, height, 0)
        if found:
            break
    return [
        (sure, (near[0] + left, near[1] + top, near[2] + left, near[3] + top)) for sure, near in suppress(found)
    ]


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    # Averaging areas costs 0.5 ms for a step of 0.707, which needs none: on 160 scenes with the shared photographs the same
    # faces were found either way, their boxes equal in 95 of 100.
    much = width < 0.6 * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if much else cv2.INTER_LINEAR)


def _framed(level: np.ndarray, border: int) -> np.ndarray:
    return cv2.copyMakeBorder(level, border, border, border, border, cv2.BORDER_CONSTANT, value=_MEAN_COLOUR)[None]


def _decode(scores, w, h, width, height, border):
    """The cells above zero as boxes in the whole picture."""
    grid = np.asarray(scores)
    if grid.ndim != 4 or not grid.size or grid.dtype.kind != "f":
        return []
    grid = grid[0, 0]
    # Finite: a score without end would stand before every face, and what is not a number is false here.
    rows, columns = np.nonzero((grid > 0) & (grid < SCORE_CEILING))
    if len(rows) > CANDIDATES_MAX:
        surest = np.argpartition(grid[rows, columns], -CANDIDATES_MAX)[-CANDIDATES_MAX:]
        rows, columns = rows[surest], columns[surest]
    half = (WINDOW - 1) / 2
    boxes = []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        x, y = STEP * column + OFFSET - border, STEP * row + OFFSET - border
        boxes.append(
            (
                float(grid[row, column]),
                (
                    (x - half + 0.5) * width / w - 0.5,
                    (y - half + 0.5) * height / h - 0.5,
                    (x + half + 0.5) * width / w - 0.5,
                    (y + half + 0.5) * height / h - 0.5,
                ),
            )
        )
    return boxes


def suppress(found):
    """Keep the surest of boxes that overlap, surest first.

    The overlap is dlib's: what two boxes share, divided by the box around both, not by their
    union. The threshold above means nothing under the usual definition.
    """
    kept: list[tuple[float, tuple[float, float, float, float]]] = []
    for candidate in sorted(found, key=lambda item: -item[0]):
        if all(overlap(candidate[1], other) <= OVERLAP_MAX for _, other in kept):
            kept.append(candidate)
    return kept


def overlap(a, b) -> float:
    """Share of the box around both that lies in both, counting pixels inclusively."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    around = (max(a[2], b[2]) - min(a[0], b[0]) + 1) * (max(a[3], b[3]) - min(a[1], b[1]) + 1)
    return width * height / around
