"""The engine's interface without weights: for tests and demonstrations. Production refuses it.

``draw_face`` draws a figure in a helmet whose face is a grid of light and dark squares; the
grid says who it is and what is wrong with the picture. ``SyntheticEngine`` reads the grid back
out of the decoded JPEG. Same person, same grid, nearly the same embedding; nothing here
resembles a real face, and the real engine finds none in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import MappingProxyType

import cv2
import numpy as np

from recognition import detect
from recognition.engine import BESIDE, TOO_DARK, Purpose
from recognition.face import Analysis, Face, Quality
from recognition.match import mean_template
from recognition.pack import Pack, ThresholdRow, Weakness

PERSON_MAX = 2**20 - 1
VARIANT_MAX = 63
DIMENSION = 128
TWIN_DISTANCE = 0.30
"""How far a person's twin lies from the person: both inside the threshold of the other."""

_BITS = 64
_SIDE = 8
_CELLS = _SIDE + 2  # with one cell of frame all around
_FRAME = (255, 0, 255)  # a colour that no photograph of a building site has in this purity
_LIGHT, _DARK = (226, 190, 160), (92, 62, 46)
_FLAGS = ("face_cut", "face_too_small", "face_too_dark", "face_too_bright", "face_turned", "face_blurred")

PACK = Pack(
    pack_id="synthetic",
    version="1.0.0",
    name_zh="合成（仅供测试与演示）",
    name_en="Synthetic (tests and demonstrations only)",
    metric="euclidean",
    dimension=DIMENSION,
    preprocessing="synthetic-grid-1",
    calibrated=True,
    needs_confirmation_advised=False,
    face_px_min=60,
    enrolment_photographs_min=1,
    enrolment_photographs_advised=3,
    enrolment_jitters=1,
    threshold_rows=(
        ThresholdRow(100, 0.50, 0.08),
        ThresholdRow(200, 0.525, 0.08),
        ThresholdRow(1000, 0.55, 0.08),
        ThresholdRow(None, 0.60, 0.08),
    ),
    weaknesses=(
        Weakness(
            zh="不识别真人，只读取合成图案。",
            en="Recognises no real person; it reads drawn patterns.",
        ),
    ),
    parts=MappingProxyType({}),
    files=(),
    contract_id="synthetic-1",
)


def draw_face(
    person: int,
    *,
    others: Sequence[int] = (),
    faces: int = 1,
    size: tuple[int, int] = (640, 480),
    variant: int = 0,
    distance: float = 0.0,
    twin: float = 0.0,
    blurred: bool = False,
    dark: bool = False,
    bright: bool = False,
    turned: bool = False,
    cut: bool = False,
    small: bool = False,
    lights_out: bool = False,
) -> bytes:
    """Return a JPEG of one person, several, or nobody; the same arguments give the same bytes.

    Args:
        person: 0..PERSON_MAX. Two different people are never alike: of 2000 the closest pair has similarity -0.05.
        others: people beside the first, each as large.
        faces: 0 draws an empty gateway; 2 and more add people numbered from ``person`` + 1 on.
        size: width and height of the picture, at least 160 x 160.
        variant: another picture of the same person, 0..VARIANT_MAX: similarity about 0.85.
        distance: how far, 0..1.27, this picture lies from the person: 0.6 draws someone whose
            similarity of 0.4 is below every threshold of PACK, yet nearest to this person.
        twin: 0 is the person, 1 the person's twin, a different worker who looks alike
            (similarity 0.7), 0.5 somebody who could as well be either: enrol both ends and
            the middle has no margin.
        blurred, dark, bright, turned, cut, small: provoke face_blurred, face_too_dark,
            face_too_bright, face_turned, face_cut, face_too_small.
        lights_out: a picture so dark that nobody is found in it: too_dark.
    """
    width, height = size
    people = [person, *others, *range(person + 1, person + faces)] if faces else []
    if not 0 <= variant <= VARIANT_MAX or not all(0 <= number <= PERSON_MAX for number in people):
        raise ValueError("a person or a variant beyond what the grid can hold")
    picture = _gateway(width, height)
    room = width // max(1, len(people))
    side = min(room * 5 // 9, height * 4 // 9) // _CELLS * _CELLS
    if small:
        side = 4 * _CELLS
    flags = (cut, small, dark, bright, turned, blurred)
    for at, number in enumerate(people):
        mine = flags if at == 0 else (False,) * 6
        payload = _payload(number, variant, distance, twin, mine)
        left, top = at * room + (room - side) // 2, (height - side) // 2
        _figure(picture, left, top, side)
        picture[top : top + side, left : left + side] = _grid(payload, side)
    if lights_out:
        picture = (picture * 0.05).astype(np.uint8)
    # No subsampling of colour, so that the frame around a small face stays pure.
    options = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]), options)[1].tobytes()


class SyntheticEngine:
    """What Engine does, for pictures that ``draw_face`` drew."""

    def __init__(self):
        self.pack = PACK

    def frame_side(self, long_side: int | None = None) -> int:
        """More than any frame has: the grid is read at full size."""
        return 1 << 16

    def analyse(
        self, image: np.ndarray, *, purpose: Purpose, region: tuple[float, float, float, float] | None = None,
        long_side: int | None = None, near: tuple[float, float, float, float] | None = None, smaller: int = 1,
    ) -> Analysis:  # fmt: skip
        """As Engine.analyse, with the same rule for the subject and the same codes; outside a region nobody is seen."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"a picture of {image.dtype} {image.shape}")
        if purpose not in ("gate", "enrolment", "desk"):
            raise ValueError(f"no such purpose: {purpose!r}")
        started = time.perf_counter()
        faces = sorted(_read(image), key=lambda face: -face.side)
        nearby = [] if near is None else [face for face in faces if _inside(face, _around(near, image), image)]
        if nearby:
            faces = nearby
        elif region is not None:
            faces = [face for face in faces if _inside(face, region, image)]
        brightness = float(image[::8, ::8].mean())
        subject = None
        if not faces:
            code = "too_dark" if brightness < TOO_DARK else "no_face"
        elif len(faces) > 1 and faces[1].side >= BESIDE * faces[0].side:
            code = "several_faces"
        else:
            code, subject = None, faces[0]
        shown = tuple(face if face is subject else _without_embedding(face) for face in faces)
        timings = {"detect": 1e3 * (time.perf_counter() - started), "landmarks": 0.0, "embed": 0.0}
        return Analysis(shown, code, subject, brightness, timings, bool(nearby))

    def template(self, image: np.ndarray, face: Face) -> np.ndarray:
        """As Engine.template."""
        if face.embedding is None:
            face = next(found for found in _read(image) if found.box == face.box)
        return mean_template([face.embedding])


def _around(box: tuple[float, float, float, float], image: np.ndarray) -> tuple[float, float, float, float]:
    """Where Engine looks near a box, as shares of the picture."""
    height, width = image.shape[:2]
    left, top, right, bottom = detect.around(box, width, height)
    return left / width, top / height, right / width, bottom / height


def _inside(face: Face, region: tuple[float, float, float, float], image: np.ndarray) -> bool:
    """Whether the middle of a face lies in a region given as shares of the picture."""
    x = (face.box[0] + face.box[2]) / 2 / image.shape[1]
    y = (face.box[1] + face.box[3]) / 2 / image.shape[0]
    return region[0] <= x <= region[2] and region[1] <= y <= region[3]


def embedding_of(person: int, *, variant: int = 0, distance: float = 0.0, twin: float = 0.0) -> np.ndarray:
    """Return the (128,) float32 that SyntheticEngine gives for a drawing with the same arguments.

    What the grid rounds is rounded here too: distance to 0.01, twin to thirtieths.
    """
    step, lean = round(distance * 100), round(twin * 30)
    # Of 2000 people the closest two lie 1.05 apart: similarity below 0.
    vector = _direction(person, 0)
    vector = vector + TWIN_DISTANCE * lean / 30 * _direction(person, 1)
    vector = vector + step / 100 * _direction(person, 2)
    if variant:
        vector = vector + 0.15 * _direction(person, 100 + variant)
    return vector.astype(np.float32)


def _direction(person: int, purpose: int) -> np.ndarray:
    """A unit vector that belongs to a person; different purposes are at right angles, nearly."""
    # Philox is counter-based and specified to the bit; its raw words do not depend on how a
    # numpy version turns them into floats.
    raw = np.random.Philox(key=[person, purpose]).random_raw(DIMENSION)
    vector = (raw >> np.uint64(11)).astype(np.float64) / 2**53 - 0.5
    return vector / np.linalg.norm(vector)


# -- the grid --------------------------------------------------------------------------------


def _payload(person: int, variant: int, distance: float, twin: float, flags: Sequence[bool]) -> int:
    step, lean = round(distance * 100), round(twin * 30)
    if not 0 <= step <= 127 or not 0 <= lean <= 30:
        raise ValueError("distance goes from 0 to 1.27, twin from 0 to 1")
    value = 0
    for bits, number in (
        (20, person),
        (6, variant),
        (7, step),
        (5, lean),
        (6, sum(1 << at for at, flag in enumerate(flags) if flag)),
    ):
        value = value << bits | number
    return value << 20 | _check(value)


def _check(value: int) -> int:
    """Twenty bits that a wrong reading, or a stray magenta square, meets once in a million."""
    # The constant keeps an empty grid, all cells alike, from checking itself.
    return ((value * 0x9E3779B97F4A7C15 >> 37) ^ 0x5A5A5) & 0xFFFFF


def _grid(payload: int, side: int) -> np.ndarray:
    cells = np.empty((_CELLS, _CELLS, 3), np.uint8)
    cells[:] = _FRAME
    bits = np.array([payload >> at & 1 for at in range(_BITS)], bool).reshape(_SIDE, _SIDE)
    cells[1:-1, 1:-1] = np.where(bits[..., None], np.array(_LIGHT, np.uint8), np.array(_DARK, np.uint8))
    unit = side // _CELLS
    return np.kron(cells, np.ones((unit, unit, 1), np.uint8))


def _read(image: np.ndarray) -> list[Face]:
    red, green, blue = (image[..., channel].astype(np.int16) for channel in range(3))
    frame = ((red - green > 110) & (blue - green > 110)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(frame, connectivity=8)
    found = []
    for left, top, width, height, _ in stats[1:count].tolist():
        if min(width, height) >= 3 * _CELLS and abs(width - height) <= 0.1 * max(width, height):
            face = _read_grid(image, left, top, width, height)
            if face is not None:
                found.append(face)
    return found


def _read_grid(image: np.ndarray, left: int, top: int, width: int, height: int) -> Face | None:
    cells = image[top : top + height, left : left + width].mean(2).astype(np.float32)
    cells = cv2.resize(cells, (4 * _CELLS, 4 * _CELLS), interpolation=cv2.INTER_AREA)
    # Only the middle of each cell: its edges belong to its neighbours too.
    middles = (cells[1::4, 1::4] + cells[1::4, 2::4] + cells[2::4, 1::4] + cells[2::4, 2::4]) / 4
    inner = middles[1:-1, 1:-1].ravel()
    bits = inner > (inner.max() + inner.min()) / 2
    payload = sum(1 << at for at, bit in enumerate(bits) if bit)
    value, check = payload >> 20, payload & 0xFFFFF
    if _check(value) != check:
        return None
    numbers = []
    for bits_wide in (6, 5, 7, 6):
        numbers.append(value & ((1 << bits_wide) - 1))
        value >>= bits_wide
    flags, lean, step, variant = numbers
    codes = tuple(code for at, code in enumerate(_FLAGS) if flags >> at & 1)
    x = np.array([0.78, 0.62, 0.23, 0.38, 0.5]) * width + left
    y = np.array([0.35, 0.35, 0.35, 0.35, 0.66]) * height + top
    return Face(
        box=(float(left), float(top), float(left + width), float(top + height)),
        score=1.0,
        landmarks=np.stack([x, y], 1).astype(np.float32),
        quality=Quality(
            face_px=float(height),
            sharpness=0.02 if "face_blurred" in codes else 0.8,
            brightness=20.0 if "face_too_dark" in codes else 250.0 if "face_too_bright" in codes else 130.0,
            yaw=60.0 if "face_turned" in codes else 0.0,
            roll=0.0,
            inside=0.5 if "face_cut" in codes else 1.0,
        ),
        codes=codes,
        embedding=embedding_of(value, variant=variant, distance=step / 100, twin=lean / 30),
    )


def _without_embedding(face: Face) -> Face:
    return Face(face.box, face.score, face.landmarks, face.quality, face.codes, None)


# -- the picture around it -------------------------------------------------------------------


def _gateway(width: int, height: int) -> np.ndarray:
    """An overcast sky over a concrete floor, with two posts."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = np.linspace(206, 168, height)[:, None, None]
    picture[height * 3 // 4 :] = (150, 144, 136)
    for post in (width // 40, width - width // 40 - width // 24):
        picture[height // 6 :, post : post + width // 24] = (120, 122, 126)
    return picture


def _figure(picture: np.ndarray, left: int, top: int, side: int) -> None:
    """Shoulders, head and a yellow helmet behind the grid, which then takes the place of the face."""
    x, y = left + side // 2, top + side // 2
    cv2.ellipse(picture, (x, y + side * 5 // 3), (side * 6 // 7, side), 0, 180, 360, (72, 96, 128), -1)
    cv2.ellipse(picture, (x, y), (side * 5 // 8, side * 3 // 4), 0, 0, 360, (214, 176, 146), -1)
    cv2.ellipse(picture, (x, top), (side * 11 // 16, side // 2), 0, 180, 360, (238, 190, 40), -1)
