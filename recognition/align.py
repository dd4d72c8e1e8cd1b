"""Five landmarks to the upright chip that the embedding network was trained on.

Two families, two targets. dlib's network wants 150 x 150 pixels aligned by four corners of the eyes and the base of the
nose (the *landmarks* that every Face has); networks of the ArcFace kind want 112 x 112 aligned by two eyes, the tip of the
nose and two corners of the mouth (the *keypoints* that their detectors find).
"""

from __future__ import annotations

import math

import cv2
import numpy as np

CHIP = 150
_PADDING = 0.25
# Where the five points lie in an average face, in a square without padding.
_AVERAGE = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
REFERENCE = (_PADDING + _AVERAGE) / (1 + 2 * _PADDING) * CHIP

FIVE_CHIP = 112
# Where the picture's left and right eye, the tip of the nose and the corners of the mouth lie in an ArcFace chip.
FIVE_REFERENCE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
# In dlib's average face an eye is 0.40 as wide as the eyes are apart, and the base of the nose lies 0.37 of the way from
# its tip, as the ArcFace target has it, to the mouth.
_EYE_HALF, _NOSE_DOWN = 0.20, 0.37


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[complex, complex]:
    """Return (a, b) with target = a * source + b in the complex plane, least squares over the points."""
    p = source[:, 0] + 1j * source[:, 1]
    q = target[:, 0] + 1j * target[:, 1]
    p_mean, q_mean = p.mean(), q.mean()
    spread = (np.abs(p - p_mean) ** 2).sum()
    # All points in one place: they turn and scale nothing.
    a = (np.conj(p - p_mean) * (q - q_mean)).sum() / spread if spread > 1e-12 else 0j
    return complex(a), complex(q_mean - a * p_mean)


def chip_to_image(points: np.ndarray) -> tuple[complex, complex]:
    """Return (a, b): chip pixel z = x + iy shows picture point a * z + b.

    The square's corners, not the fitted similarity itself, are what the chip's corner pixels
    show: the side is 150 * scale counted inclusively, as in the chips the network was trained on.
    """
    scale_turn, shift = similarity(REFERENCE, points.astype(np.float64))
    centre = scale_turn * (CHIP / 2 + 1j * CHIP / 2) + shift
    if abs(scale_turn) < 1e-6:  # all five points in one place: nothing a face can do
        scale_turn = 1e-6 + 0j
    scale = abs(scale_turn)
    step = scale_turn / scale * (CHIP * scale - 1) / (CHIP - 1)
    return step, centre - step * complex((CHIP - 1) / 2, (CHIP - 1) / 2)


def landmarks_of(keypoints: np.ndarray) -> np.ndarray:
    """Return the (5, 2) float32 landmarks of a face of which eyes, tip of the nose and corners of the mouth are known.

    Size, pose and sharpness are measured on landmarks, whichever pack found the face.

    Args:
        keypoints: (5, 2): the picture's left eye, its right eye, tip of the nose, left and right corner of the mouth.
    """
    left, right, nose, mouth_left, mouth_right = keypoints.astype(np.float64)
    half = _EYE_HALF * (right - left)
    base = nose + _NOSE_DOWN * ((mouth_left + mouth_right) / 2 - nose)
    return np.stack([right + half, right - half, left - half, left + half, base]).astype(np.float32)


def five_chip(image: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
    """Return the (112, 112, 3) uint8 chip of the face whose keypoints these are; as insightface aligns it.

    The similarity is fitted from the picture to the chip, as there. A face more than about twice the chip is halved
    first, which insightface does not do.
    """
    a, b = similarity(keypoints.astype(np.float64), FIVE_REFERENCE)
    if abs(a) < 1e-6:  # all five points in one place
        a = 1e-6 + 0j
    return cut(image, 1 / a, -b / a, side=FIVE_CHIP)


def cut(image: np.ndarray, a: complex, b: complex, *, mirror: bool = False, side: int = CHIP) -> np.ndarray:
    """Return the (side, side, 3) chip whose pixel z shows ``a * z + b``; black outside the picture.

    A face more than about twice the chip is halved first, as often as needed: sampling it at
    single points would alias.
    """
    image, a, b = _around(image, a, b, side)
    while _bounds_area(a, side) > 4 * side * side and min(image.shape[:2]) >= 8:
        # Half of a 5 x 5 binomial pyramid; its first pixel lies over pixel (2.5, 1.5) of the larger one.
        height, width = image.shape[:2]
        small = cv2.pyrDown(image)
        image = small[1 : 1 + (height - 3) // 2, 1 : 1 + (width - 3) // 2]
        a, b = a / 2, b / 2 - complex(1.25, 0.75)
    if mirror:
        # Chip pixel x shows what side - 1 - x showed: z -> side - 1 - conj(z), not a similarity.
        matrix = np.array([[-a.real, -a.imag, 0.0], [-a.imag, a.real, 0.0]])
        end = a * (side - 1) + b
        matrix[:, 2] = end.real, end.imag
    else:
        matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    return cv2.warpAffine(
        image,
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0),
    )


def chip(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the (150, 150, 3) uint8 chip of the face whose landmarks are ``points``."""
    return cut(image, *chip_to_image(points))


def jittered(image: np.ndarray, points: np.ndarray, count: int) -> list[np.ndarray]:
    """Return ``count`` chips of 150 pixels of one face, each turned, moved and scaled a little, every other one mirrored.

    Up to 3 degrees, 2 % of the side and 5 % in size: what averaging over was measured to help
    (misses at a false accept rate of 1e-3 fell from 3.6 to 0.7 %). The first is the plain chip.
    The same face always gives the same chips.
    """
    a, b = chip_to_image(points)
    middle = complex((CHIP - 1) / 2, (CHIP - 1) / 2)
    chips = []
    for n in range(count):
        # Multiples of four irrational steps spread evenly and need no random generator, whose
        # numbers a later version might change under the templates already stored.
        turn, size, right, down = (2 * ((n * step) % 1.0) - 1 if n else 0.0 for step in _STEPS)
        factor = (1 + 0.05 * size) * complex(math.cos(math.radians(3 * turn)), math.sin(math.radians(3 * turn)))
        centre = a * middle + b + a * complex(0.02 * CHIP * right, 0.02 * CHIP * down)
        turned = a * factor
        chips.append(cut(image, turned, centre - turned * middle, mirror=n % 2 == 1))
    return chips


_STEPS = (math.sqrt(2), math.sqrt(3), math.sqrt(5), math.sqrt(7))


def _bounds_area(a: complex, side: int) -> float:
    """Area of the upright rectangle around the chip's square, in picture pixels."""
    length = (side - 1) * (abs(a.real) + abs(a.imag))
    return length * length


def _around(image: np.ndarray, a: complex, b: complex, side: int) -> tuple[np.ndarray, complex, complex]:
    """Only the part of the picture that a large face needs, so that halving it stays cheap."""
    if _bounds_area(a, side) <= 4 * side * side:
        return image, a, b
    corners = [a * complex(x, y) + b for x in (0, side - 1) for y in (0, side - 1)]
    height, width = image.shape[:2]
    edge = 32
    x0 = max(0, min(width, math.floor(min(z.real for z in corners)) - edge))
    x1 = max(0, min(width, math.ceil(max(z.real for z in corners)) + edge))
    y0 = max(0, min(height, math.floor(min(z.imag for z in corners)) - edge))
    y1 = max(0, min(height, math.ceil(max(z.imag for z in corners)) + edge))
    if x1 - x0 < 8 or y1 - y0 < 8:
        return image, a, b
    return image[y0:y1, x0:x1], a, b - complex(x0, y0)
