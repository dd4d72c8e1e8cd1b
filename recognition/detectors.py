"""Where the faces are, by three kinds of detector: dlib's score map, SCRFD, YuNet. Any numbers in, sane boxes out.

A detector's answer is data from a file somebody brought along. What is not finite, has no size or lies far outside
the picture is no face; of a flood only the surest are looked at. Nothing here raises because of a number.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from recognition import detect
from recognition.graph import SCRFD_OUTPUTS, YUNET_OUTPUTS
from recognition.runner import Runner

SCORE_MIN = 0.5
OVERLAP_MAX = 0.4
CANDIDATES_MAX = 400
"""Boxes over the threshold that are compared with each other, surest first; a gate's frame has some tens."""
FACES_MAX = 64
"""Faces that are measured; a crowd of more is several people at once in any case."""
CLOSE = 128
"""Side of the second pass. A face of more than two fifths of the picture is lost at the fine size (insightface #1518)."""
_STEP = 32

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One face a detector reports, in pixels of the picture."""

    score: float
    box: Box
    keypoints: np.ndarray | None = None
    """(5, 2) float32: the picture's left eye, its right eye, tip of the nose, left and right corner of the mouth."""


class Detector(Protocol):
    long_side: int
    """Pixels of the longer side in which a gate's frame is searched unless somebody says otherwise."""

    def find(self, image: np.ndarray, purpose: str, *, long_side: int | None = None) -> list[Found]:
        """Every face of an (H, W, 3) uint8 RGB picture, surest first."""

    def find_near(self, image: np.ndarray, box: Box) -> list[Found]:
        """The faces around a place where one was a moment ago; cheaper, and blind to the rest of the picture."""


class ScoreMap:
    """dlib's detector: one window of 80 pixels slid over a pyramid."""

    _PLANS = {"gate": detect.GATE, "enrolment": detect.ENROLMENT}
    long_side = detect.GATE.long_side

    def __init__(self, run: Runner) -> None:
        self._run = run

    def score(self, images: np.ndarray) -> np.ndarray:
        return self._run(images)[0]

    def find(self, image: np.ndarray, purpose: str, *, long_side: int | None = None) -> list[Found]:
        plan = self._PLANS[purpose]
        if long_side:
            plan = detect.Plan(long_side, plan.enlarge_max, plan.border, plan.ratio)
        return [Found(score, box) for score, box in detect.find_faces(image, self.score, plan)][:FACES_MAX]

    def find_near(self, image: np.ndarray, box: Box) -> list[Found]:
        return [Found(score, near) for score, near in detect.find_near(image, self.score, box)][:FACES_MAX]


class _Letterboxed:
    """A detector that is given the whole picture in one size, at the top left of a canvas that is kept."""

    _SIDES = {"gate": 640, "enrolment": 1280}
    long_side = 640

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._kept = threading.local()

    def find(self, image: np.ndarray, purpose: str, *, long_side: int | None = None) -> list[Found]:
        if self._run.size:
            return suppress(self._pass(image, self._run.size, None))
        height, width = image.shape[:2]
        side = long_side or self._SIDES[purpose]
        found = self._pass(image, None, min(side, max(width, height) * (1.0 if purpose == "gate" else 2.0)))
        if max(width, height) > CLOSE:
            found += self._pass(image, None, CLOSE)
        return suppress(found)

    def find_near(self, image: np.ndarray, box: Box) -> list[Found]:
        left, top, right, bottom = detect.around(box, image.shape[1], image.shape[0])
        part = image[top:bottom, left:right]
        if min(part.shape[:2]) < 16:
            return []
        found = suppress(self._pass(part, self._run.size, None if self._run.size else 192))
        shift = np.array([left, top], np.float32)
        return [
            Found(face.score, (face.box[0] + left, face.box[1] + top, face.box[2] + left, face.box[3] + top), face.keypoints + shift)
            for face in found
        ]

    def _pass(self, image: np.ndarray, size: tuple[int, int] | None, long_side: float | None) -> list[Found]:
        """Boxes of one size of the picture: ``size`` is (height, width) of a canvas that is fixed."""
        height, width = image.shape[:2]
        scale = min(size[0] / height, size[1] / width) if size else (long_side or 0) / max(width, height)
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        canvas_h, canvas_w = size or (-(-h // _STEP) * _STEP, -(-w // _STEP) * _STEP)
        canvas = self._canvas(canvas_h, canvas_w, h, w)
        place = canvas[:h, :w]
        if (h, w) == (height, width):
            place[:] = image
        else:
            if min(width // w, height // h) >= 4:
                # Halved first, which is quick: averaging five pixels each way at once takes twice as long as both steps.
                image = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            cv2.resize(image, (w, h), dst=place, interpolation=cv2.INTER_AREA if w < width // 2 else cv2.INTER_LINEAR)
        return self._decode(self._run(canvas[None]), canvas_h, canvas_w, width / w, height / h, width, height)

    def _fitted(self, image: np.ndarray) -> np.ndarray:
        """A copy of what the network is given of a picture at the gate."""
        height, width = image.shape[:2]
        size = self._run.size
        scale = min(size[0] / height, size[1] / width) if size else min(1.0, self._SIDES["gate"] / max(width, height))
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        canvas = np.zeros((*(size or (-(-h // _STEP) * _STEP, -(-w // _STEP) * _STEP)), 3), np.uint8)
        canvas[:h, :w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
        return canvas

    def _canvas(self, height: int, width: int, h: int, w: int) -> np.ndarray:
        """This thread's canvas of a size; black outside (h, w)."""
        canvases = self._kept.__dict__.setdefault("canvases", {})
        kept = canvases.get((height, width))
        if kept is None:
            if len(canvases) > 8:  # pictures of every size come from strangers only
                canvases.clear()
            kept = canvases[height, width] = (np.zeros((height, width, 3), np.uint8), [h, w])
        canvas, used = kept
        if used != [h, w]:
            canvas[:] = 0
            used[:] = h, w
        return canvas

    def _decode(self, outputs, height, width, across, down, picture_w, picture_h) -> list[Found]:
        """The outputs of one run as boxes in the picture."""
        rows = []
        for scores, boxes, points, stride, anchors in self._levels(outputs, height, width):
            at = np.flatnonzero(scores >= SCORE_MIN)  # false for what is not a number
            if at.size > CANDIDATES_MAX:
                at = at[np.argpartition(scores[at], -CANDIDATES_MAX)[-CANDIDATES_MAX:]]
            if at.size:
                rows.append(self._boxes(at, scores[at], boxes[at], points[at], stride, anchors, width // stride))
        if not rows:
            return []
        found = np.concatenate(rows)
        # Finite first: comparisons with what is not a number are false, and arithmetic with it spreads.
        found = found[np.isfinite(found).all(1)]
        found[:, 1::2] *= across
        found[:, 2::2] *= down
        wide, high = found[:, 3] - found[:, 1], found[:, 4] - found[:, 2]
        # The middle lies in the picture, and the face is no larger than a few pictures: anything else is no face.
        sane = (wide >= 1) & (high >= 1) & (wide <= 4 * picture_w) & (high <= 4 * picture_h)
        sane &= (np.abs(found[:, 1:]) <= 8 * max(picture_w, picture_h)).all(1)
        sane &= (found[:, 1] + found[:, 3] >= 0) & (found[:, 1] + found[:, 3] <= 2 * picture_w)
        sane &= (found[:, 2] + found[:, 4] >= 0) & (found[:, 2] + found[:, 4] <= 2 * picture_h)
        found = found[sane]
        if len(found) > CANDIDATES_MAX:
            found = found[np.argpartition(found[:, 0], -CANDIDATES_MAX)[-CANDIDATES_MAX:]]
        return [
            Found(float(row[0]), (float(row[1]), float(row[2]), float(row[3]), float(row[4])), row[5:].reshape(5, 2).astype(np.float32))
            for row in found
        ]

    def _levels(self, outputs, height, width):
        """(scores (N,), boxes (N, 4), points (N, 10), stride, anchors) of each level whose shapes are as they should be."""
        raise NotImplementedError

    def _boxes(self, at, scores, boxes, points, stride, anchors, columns) -> np.ndarray:
        """(n, 15) float64: score, left, top, right, bottom, five points; in pixels of the canvas."""
        raise NotImplementedError


def _flat(values: object, rows: int, width: int) -> np.ndarray | None:
    """One output as (rows, width), or None when it is of another size or kind."""
    array = np.asarray(values)
    if array.size != rows * width or array.dtype.kind != "f":
        return None
    return array.reshape(rows, width)


class Scrfd(_Letterboxed):
    """SCRFD with landmarks: per level a score, four distances and five points, in units of the stride."""

    def _levels(self, outputs, height, width):
        if len(outputs) not in SCRFD_OUTPUTS:
            return
        strides, anchors = SCRFD_OUTPUTS[len(outputs)]
        for level, stride in enumerate(strides):
            rows = (height // stride) * (width // stride) * anchors
            scores, boxes, points = (
                _flat(outputs[level + kind * len(strides)], rows, wide) for kind, wide in enumerate((1, 4, 10))
            )
            if scores is not None and boxes is not None and points is not None:
                yield scores[:, 0], boxes, points, stride, anchors

    def _boxes(self, at, scores, boxes, points, stride, anchors, columns):
        cell = at // anchors
        x, y = (cell % columns).astype(np.float64), (cell // columns).astype(np.float64)
        rows = np.empty((at.size, 15))
        rows[:, 0] = scores
        rows[:, 1], rows[:, 2] = x - boxes[:, 0], y - boxes[:, 1]
        rows[:, 3], rows[:, 4] = x + boxes[:, 2], y + boxes[:, 3]
        rows[:, 5::2], rows[:, 6::2] = x[:, None] + points[:, 0::2], y[:, None] + points[:, 1::2]
        rows[:, 1:] *= stride
        return rows


class YuNet(_Letterboxed):
    """YuNet: per level a class and an object score, a box as centre and logarithm of its size, and five points."""

    def _levels(self, outputs, height, width):
        if len(outputs) != len(YUNET_OUTPUTS):
            return
        for level, stride in enumerate((8, 16, 32)):
            rows = (height // stride) * (width // stride)
            classes, objects, boxes, points = (
                _flat(outputs[level + 3 * kind], rows, wide) for kind, wide in enumerate((1, 1, 4, 10))
            )
            if classes is None or objects is None or boxes is None or points is None:
                continue
            with np.errstate(invalid="ignore"):
                scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
            yield scores, boxes, points, stride, 1

    def _boxes(self, at, scores, boxes, points, stride, anchors, columns):
        x, y = (at % columns).astype(np.float64), (at // columns).astype(np.float64)
        rows = np.empty((at.size, 15))
        rows[:, 0] = scores
        middle_x, middle_y = x + boxes[:, 0], y + boxes[:, 1]
        # exp(20) strides are no face either, and no overflow.
        half_w, half_h = np.exp(np.minimum(boxes[:, 2], 20.0)) / 2, np.exp(np.minimum(boxes[:, 3], 20.0)) / 2
        rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4] = middle_x - half_w, middle_y - half_h, middle_x + half_w, middle_y + half_h
        rows[:, 5::2], rows[:, 6::2] = x[:, None] + points[:, 0::2], y[:, None] + points[:, 1::2]
        rows[:, 1:] *= stride
        return rows


def suppress(found: list[Found]) -> list[Found]:
    """Keep the surest of faces that overlap by more than OVERLAP_MAX of their union, surest first, FACES_MAX at most."""
    found = sorted(found, key=lambda face: -face.score)
    if len(found) < 2:
        return found
    boxes = np.array([face.box for face in found])
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept: list[Found] = []
    left = np.arange(len(found))
    while left.size and len(kept) < FACES_MAX:
        best, rest = left[0], left[1:]
        kept.append(found[best])
        shared_w = np.minimum(boxes[best, 2], boxes[rest, 2]) - np.maximum(boxes[best, 0], boxes[rest, 0]) + 1
        shared_h = np.minimum(boxes[best, 3], boxes[rest, 3]) - np.maximum(boxes[best, 1], boxes[rest, 1]) + 1
        shared = np.maximum(shared_w, 0) * np.maximum(shared_h, 0)
        left = rest[shared <= OVERLAP_MAX * (areas[best] + areas[rest] - shared)]
    return kept


KINDS = {"mmod": ScoreMap, "scrfd": Scrfd, "yunet": YuNet}
