"""Small pictures of a face: for a person to look at, one coarse and one clear; and a small one made large to compare."""

from __future__ import annotations

import cv2
import numpy as np

from recognition.decode import encode_jpeg
from recognition.face import Face

COARSE_FACE_PX = 8
"""Squares across the face in a coarse picture. Recognition by people ends at about 16 across a face, by nets below
20; what is left at 8 is a helmet's colour, a vest, and how many stand there."""
_SQUARE_PX = 8
_SIDE_MAX = 320


def coarse_picture(image: np.ndarray, face: Face) -> bytes:
    """Return a JPEG of a face and the upper body below it, in squares too coarse to recognise anybody by.

    The whole picture is coarse, not only the face that was found: somebody in the background is not found and has a
    face all the same.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    left, top, right, bottom = face.box
    side = max(8.0, bottom - top)
    cut = _cut(image, left - side, top - 0.8 * side, right + side, bottom + 1.8 * side)
    height, width = cut.shape[:2]
    scale = min(1.0, COARSE_FACE_PX / side)
    small = cv2.resize(cut, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    return encode_jpeg(np.repeat(np.repeat(small, _SQUARE_PX, 0), _SQUARE_PX, 1), 80)


def face_picture(image: np.ndarray, face: Face) -> bytes:
    """Return a JPEG of one face with half its size around it, 320 pixels a side at most; of no other picture data."""
    left, top, right, bottom = face.box
    margin = 0.5 * (bottom - top)
    cut = _cut(image, left - margin, top - margin, right + margin, bottom + margin)
    scale = min(1.0, _SIDE_MAX / max(cut.shape[:2]))
    if scale < 1.0:
        size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
        cut = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    return encode_jpeg(np.ascontiguousarray(cut), 85)


def enlarged(image: np.ndarray, shorter_side: int = 480) -> np.ndarray:
    """Return a small picture (the chip of an identity card holds 102 x 126 pixels) as large as a detector wants it.

    One that is larger already comes back as it is.

    Args:
        image: (H, W, 3) uint8 RGB.
        shorter_side: pixels it has at least afterwards.
    """
    height, width = image.shape[:2]
    scale = shorter_side / min(height, width)
    if scale <= 1.0:
        return image
    return cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_CUBIC)


def _cut(image: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """What of a box lies in the picture; at least one pixel."""
    height, width = image.shape[:2]
    x0, y0 = int(np.clip(left, 0, width - 1)), int(np.clip(top, 0, height - 1))
    x1, y1 = int(np.clip(right, x0 + 1, width)), int(np.clip(bottom, y0 + 1, height))
    return image[y0:y1, x0:x1]
