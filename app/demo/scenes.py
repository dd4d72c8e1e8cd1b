"""Frames as a gate camera takes them, composed from the pictures that ship with our dependencies.

The six enrolled people come from ``t1.jpg`` of the package insightface, the strangers from its
``Tom_Hanks_54745.png`` and from scikit-image's ``astronaut.png``. No picture is kept in the repository.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from recognition import Engine, Face, decode_jpeg

WIDTH, HEIGHT = 640, 480
"""The frame of an ordinary gate camera."""


@dataclass(frozen=True, slots=True)
class Person:
    """A face in a picture."""

    picture: np.ndarray
    """(H, W, 3) uint8 RGB."""
    face: Face


@dataclass(frozen=True, slots=True)
class Look:
    """How a person appears in one frame."""

    name: str
    side_px: int = 190
    centre: tuple[int, int] = (320, 230)
    angle: float = 0.0
    """Degrees the head is tilted."""
    gain: float = 1.0
    """Light: below 1 darker, above 1 brighter."""
    blur: float = 0.0
    """Sigma of the blur in pixels."""
    jpeg_quality: int = 85


LOOKS = (
    Look("plain"),
    Look("further away", side_px=150, centre=(250, 220)),
    Look("close, tilted", side_px=230, angle=7),
    Look("dim light", side_px=180, gain=0.55),
    Look("moving", side_px=200, blur=1.5),
    Look("tilted, aside", side_px=170, angle=-8, centre=(400, 250)),
    Look("strong compression", side_px=200, jpeg_quality=25),
)


def shipped(package: str, path: str) -> Path | None:
    """A file inside an installed package, found without importing the package; None when it is not there."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / path
    return file if file.is_file() else None


def six_people(engine: Engine) -> list[Person]:
    """The six people of the photograph, from left to right.

    Raises:
        RuntimeError: the photograph is missing or does not show six faces.
    """
    file = shipped("insightface", "data/images/t1.jpg")
    if file is None:
        raise RuntimeError("the package insightface has no data/images/t1.jpg")
    picture = decode_jpeg(file.read_bytes(), pixels_max=16_000_000)
    faces = sorted(engine.analyse(picture, purpose="enrolment").faces, key=lambda f: f.box[0])
    if len(faces) != 6:
        raise RuntimeError(f"{len(faces)} faces found in t1.jpg, 6 expected")
    return [Person(picture, face) for face in faces]


def strangers(engine: Engine) -> list[Person]:
    """People who are on nobody's roster."""
    found = []
    for package, path in (("insightface", "data/images/Tom_Hanks_54745.png"), ("skimage", "data/astronaut.png")):
        file = shipped(package, path)
        bgr = cv2.imread(str(file)) if file else None
        if bgr is None:
            continue
        picture = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        analysis = engine.analyse(picture, purpose="enrolment")
        if analysis.faces:
            found.append(Person(picture, analysis.faces[0]))
    return found


def enrolment_photograph(person: Person) -> bytes:
    """A desk photograph of one person alone, head straightened as a clerk would ask for."""
    look = Look("desk", side_px=300, centre=(320, 300), angle=person.face.quality.roll, jpeg_quality=92)
    return _jpeg(_compose([(person, look)], (640, 640)), look.jpeg_quality)


def frame(*seen: tuple[Person, Look], quality: int | None = None) -> bytes:
    """A gate frame that shows these people."""
    return _jpeg(_compose(list(seen), (WIDTH, HEIGHT)), quality or (seen[0][1].jpeg_quality if seen else 85))


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def _compose(seen: list[tuple[Person, Look]], size: tuple[int, int]) -> np.ndarray:
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    scene = np.stack([120 + 40 * rows / height, 125 + 35 * rows / height, 130 + 25 * columns / width], -1)
    for person, look in seen:
        left, top, right, bottom = person.face.box
        centre = ((left + right) / 2, (top + bottom) / 2)
        scale = look.side_px / (bottom - top)
        turn = cv2.getRotationMatrix2D(centre, look.angle, scale)
        turn[0, 2] += look.centre[0] - centre[0]
        turn[1, 2] += look.centre[1] - centre[1]
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        head = cv2.warpAffine(person.picture, turn, size, flags=smooth).astype(np.float32)
        inside = cv2.warpAffine(np.ones(person.picture.shape[:2], np.float32), turn, size)
        # Only the head is taken over: the neighbours in the photograph must not stand at the gate as well.
        mask = np.zeros((height, width), np.float32)
        at = (look.centre[0], int(look.centre[1] - 0.05 * look.side_px))
        cv2.ellipse(mask, at, (int(0.66 * look.side_px), int(0.88 * look.side_px)), 0, 0, 360, 1.0, -1)
        mask = (cv2.GaussianBlur(mask, (0, 0), max(2.0, look.side_px * 0.05)) * inside)[..., None]
        scene = scene * (1 - mask) + head * mask
    look = seen[0][1] if seen else Look("empty")
    if look.blur:
        scene = cv2.GaussianBlur(scene, (0, 0), look.blur)
    return np.clip(scene * look.gain, 0, 255).astype(np.uint8)
