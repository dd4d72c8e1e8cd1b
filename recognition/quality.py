"""Is this face good enough to be recognised, or to be enrolled? Measures, limits, and stable codes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from recognition import align
from recognition.face import Quality

# The base of the nose stands this far in front of the eyes, in distances between the eyes' centres.
_NOSE_DEPTH = 0.45
_DETAIL_SIDE = 75
_CURVE = np.array([[1.0, -2.0, 1.0]], np.float32)
# The face without the chip's padding: the square that the reference landmarks are drawn in.
_FACE = align.CHIP / 1.5


@dataclass(frozen=True, slots=True)
class Policy:
    """What a face must reach. A limit is the first value that is still good enough."""

    face_px_min: float
    inside_min: float
    brightness_min: float
    brightness_max: float
    sharpness_min: float
    yaw_max: float
    roll_max: float


# Measured on forty portraits of eight people (faces of about 107 pixels) and variants of them;
# drift is the median distance of the embedding to the untouched picture's, where two photographs
# of the same person differ by 0.40:
#   sharpness (5/50/95 %)  untouched .24/.38/.49, least .17
#                          blur of sigma 2: .10/.15/.20, drift .26     sigma 3: .07/.10/.13, drift .37
#                          sigma 4: .05/.07/.09, drift .46             sigma 5: .04/.06/.07, drift .54
#                          motion of 9 px: .09/.13/.17, drift .28      21 px: .05/.07/.09, drift .55
#                          JPEG quality 10, half and quarter light: as untouched
#   brightness             untouched 100/147/169, least 75; half the light: median 74, drift .14;
#                          a quarter: 37, drift .23; 0.18: 27, drift .29, half of the faces lost
#                          light x 1.6: median 214, drift .28; x 2: 226, drift .41, a third lost
#   yaw                    -25..21 untouched; the two heads turned away in t1.jpg: -35 and -40
#   roll                   -15..16 untouched; a head laid on a shoulder in t1.jpg: -33, -25
#   The two turned heads (-35, -41), enrolled from one picture, meet their own other crops, dim, blurred and
#   tilted, at similarities of .68 to .84 and margins of .30 to .53: turned that far is still usable.
# The gate refuses what would be guesswork; enrolment, which is lived with for years, what a
# second photograph would do better.
GATE = Policy(
    face_px_min=60,
    inside_min=0.80,
    brightness_min=30,
    brightness_max=240,
    sharpness_min=0.07,
    yaw_max=50,
    roll_max=40,
)
ENROLMENT = Policy(
    face_px_min=60,
    inside_min=0.95,
    brightness_min=55,
    brightness_max=215,
    sharpness_min=0.15,
    yaw_max=42,
    roll_max=20,
)


def measure(
    image: np.ndarray,
    landmarks: np.ndarray,
    chip: np.ndarray,
) -> Quality:
    """Measure one face.

    Size and place come from the landmarks, not from the detector's box: that one grows in
    steps of 1.4 and gave the same face 112 or 158 pixels from one frame to the next.

    Args:
        image: the whole picture, for its size only.
        landmarks: (5, 2), as Face has them.
        chip: (150, 150, 3) uint8 RGB, the aligned face.
    """
    height, width = image.shape[:2]
    yaw, roll = pose(landmarks)
    grey = cv2.cvtColor(cv2.resize(chip, (_DETAIL_SIDE, _DETAIL_SIDE), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    # The middle of the chip: brows to upper lip, without hair, helmet and background.
    edge = _DETAIL_SIDE // 5
    middle = grey[edge:-edge, edge:-edge].astype(np.float32)
    side, square = face_square(landmarks)
    return Quality(
        face_px=side,
        sharpness=sharpness(middle),
        brightness=float(middle.mean()),
        yaw=yaw,
        roll=roll,
        inside=_share_inside(square, width, height),
    )


def face_square(landmarks: np.ndarray) -> tuple[float, tuple[float, float, float, float]]:
    """Return the face's side in pixels and the upright square of that side (left, top, right, bottom)."""
    step, origin = align.chip_to_image(landmarks)
    side = abs(step) * _FACE
    centre = origin + step * complex(align.CHIP / 2, align.CHIP / 2)
    return side, (centre.real - side / 2, centre.imag - side / 2, centre.real + side / 2, centre.imag + side / 2)


def sharpness(grey: np.ndarray) -> float:
    """Detail of one pixel's size against the contrast there is; independent of the light's strength.

    The weaker of the two directions counts: motion leaves the detail across it untouched.
    """
    detail = min(
        float(cv2.filter2D(grey, cv2.CV_32F, kernel)[1:-1, 1:-1].std()) for kernel in (_CURVE, _CURVE.T)
    )
    return detail / (float(grey.std()) + 4.0)


def pose(landmarks: np.ndarray) -> tuple[float, float]:
    """Return (yaw, roll) in degrees, roughly, from where the nose lies under the eyes."""
    points = landmarks[:, 0] + 1j * landmarks[:, 1].astype(np.float64)
    right, left, nose = points[:2].mean(), points[2:4].mean(), points[4]
    across = right - left
    if abs(across) < 1e-6:
        return 90.0, 0.0
    # In a frame in which the eyes are level and one unit apart.
    sideways = float(((nose - (right + left) / 2) / across).real)
    yaw = math.degrees(math.atan2(sideways, _NOSE_DEPTH))
    return yaw, math.degrees(math.atan2(across.imag, across.real))


def codes(quality: Quality, policy: Policy) -> tuple[str, ...]:
    """Return what a person can mend, the most useful advice first; empty when all is well."""
    too_small = quality.face_px < policy.face_px_min
    checks = (
        ("face_cut", quality.inside < policy.inside_min),
        ("face_too_small", too_small),
        ("face_too_dark", quality.brightness < policy.brightness_min),
        ("face_too_bright", quality.brightness > policy.brightness_max),
        ("face_turned", abs(quality.yaw) > policy.yaw_max or abs(quality.roll) > policy.roll_max),
        # A small face has no detail to lose: holding still would not help, coming closer does.
        ("face_blurred", not too_small and quality.sharpness < policy.sharpness_min),
    )
    return tuple(code for code, wrong in checks if wrong)


VOTE_FACE_PX = 112
"""A face of this side, the input of common networks, has all there is to see; half the side is a quarter of it."""
VOTE_SHARPNESS = 0.24
"""Nine in ten untouched portraits are sharper (the table above)."""


def vote_weight(quality: Quality) -> float:
    """How much a frame's vote counts, 0 to 1: the area of the face, its sharpness, how far it looks at the camera.

    Light is left out: it is the same for every frame of a track.
    """
    area = min(1.0, (quality.face_px / VOTE_FACE_PX) ** 2)
    sharp = min(1.0, quality.sharpness / VOTE_SHARPNESS)
    ahead = max(0.0, math.cos(math.radians(min(90.0, abs(quality.yaw)))))
    weight = area * sharp * ahead * min(1.0, max(0.0, quality.inside))
    return weight if math.isfinite(weight) else 0.0


def _share_inside(box: tuple[float, float, float, float], width: int, height: int) -> float:
    left, top, right, bottom = box
    whole = (right - left) * (bottom - top)
    if whole <= 0:
        return 0.0
    seen = max(0.0, min(right, width) - max(left, 0.0)) * max(0.0, min(bottom, height) - max(top, 0.0))
    return seen / whole
