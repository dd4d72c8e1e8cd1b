"""The values this package hands out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured on one face. recognition.quality says which of it is good enough."""

    face_px: float
    """Side of the face as its landmarks show it, in pixels of the picture handed in."""
    sharpness: float
    """Fine detail relative to contrast, on the aligned chip: 0.4 is crisp, below 0.1 is blurred."""
    brightness: float
    """Mean grey level of the face, 0..255."""
    yaw: float
    """Degrees the head is turned sideways, roughly; positive when the nose points to the picture's right."""
    roll: float
    """Degrees the head is tilted towards a shoulder."""
    inside: float
    """Share of the face that lies inside the picture, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture handed in; may reach outside it."""
    score: float
    """The detector's own; above 0, about 1 for a clear face. Not a probability."""
    landmarks: np.ndarray
    """(5, 2) float32: outer and inner corner of the eye on the picture's right, the same on its left, base of the nose."""
    quality: Quality
    codes: tuple[str, ...]
    """Why this face is not good enough for the purpose, in the order a person should mend them; empty when it is."""
    embedding: np.ndarray | None
    """(D,) float32 as the pack's metric wants it; only the subject has one."""
    keypoints: np.ndarray | None = None
    """(5, 2) float32: the picture's left eye, its right eye, tip of the nose, left and right corner of the mouth; None
    with the embedded pack, whose detector does not find them."""

    @property
    def side(self) -> float:
        return self.box[3] - self.box[1]


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    faces: tuple[Face, ...]
    """All that were found, largest first."""
    code: str | None
    """None when there is a subject, else no_face, too_dark or several_faces."""
    subject: Face | None
    """The one person the picture is about. Its codes may still say that the picture is not good enough."""
    brightness: float
    """Mean grey level of the whole picture, 0..255."""
    timings_ms: dict[str, float]
    """detect, landmarks, embed."""
    near: bool = False
    """Only the surroundings of a face of a moment ago were looked at: who stands elsewhere in the picture was not seen."""
