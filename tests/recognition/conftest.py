"""The default pack, built once into models/, and the pictures that installed packages bring along."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import graphs
from recognition import Engine, adopt, build_default_pack, look

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT.parent / "shared" / "photos"


@pytest.fixture(scope="session")
def pack():
    return build_default_pack(ROOT / "models")


@pytest.fixture(scope="session")
def engine(pack):
    return Engine(pack)


@pytest.fixture(scope="session")
def known():
    return json.loads((Path(__file__).parent / "known_answers.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def picture():
    """Name of a picture in the insightface distribution -> (H, W, 3) RGB; that package is never imported."""
    spec = importlib.util.find_spec("insightface")
    if spec is None:
        pytest.skip("insightface is not installed: its sample pictures are missing")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data" / "images"

    def read(name):
        image = cv2.imread(str(folder / name), cv2.IMREAD_COLOR_RGB)
        if image is None:
            pytest.skip(f"insightface has no {name}")
        return image

    return read


@pytest.fixture(scope="session")
def photographs():
    """Person -> their pictures in order, (H, W, 3) RGB; None of them ever enters the repository."""
    if not PHOTOS.is_dir():
        pytest.skip(f"no photographs: {PHOTOS} is absent")
    people = {}
    for folder in sorted(path for path in PHOTOS.iterdir() if path.is_dir() and path.name != "group"):
        people[folder.name] = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in sorted(folder.iterdir())]
    if len(people) < 8:
        pytest.skip(f"{len(people)} people in {PHOTOS}, eight needed")
    return people


@pytest.fixture
def formula():
    """A picture that is the same to the bit everywhere: integers only. known_answers.json was made with it."""

    def make(width, height, k):
        y, x, c = np.mgrid[0:height, 0:width, 0:3].astype(np.int64)
        mixed = x * x * (k + 3) + y * y * (2 * k + 5) + x * y * 7 + c * (31 * k + 17) + (x * y * (c + 1)) // (k + 2)
        return (mixed // (16 + k) % 256).astype(np.uint8)

    return make


@pytest.fixture
def jpeg():
    def encode(image, quality=92):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        return cv2.imencode(".jpg", np.ascontiguousarray(image[:, :, ::-1]), options)[1].tobytes()

    return encode


@pytest.fixture(scope="session")
def scene():
    def paste(photograph, side, at=None, size=(640, 480)):
        """A photograph, ``side`` pixels high, in front of a plain gateway."""
        width, height = size
        frame = np.empty((height, width, 3), np.uint8)
        frame[:] = np.linspace(190, 120, height).astype(np.uint8)[:, None, None]
        interpolation = cv2.INTER_AREA if side < photograph.shape[0] else cv2.INTER_CUBIC
        pasted = cv2.resize(photograph, (side, side), interpolation=interpolation)
        left, top = at or ((width - side) // 2, (height - side) // 2)
        frame[top : top + side, left : left + side] = pasted
        return frame

    return paste


@pytest.fixture(scope="session")
def detector_bytes():
    return graphs.scrfd_500m()[0]


@pytest.fixture(scope="session")
def recogniser_bytes():
    return graphs.mobilefacenet(blocks=(1, 1, 1, 1))[0]


@pytest.fixture(scope="session")
def shaped_engine(tmp_path_factory, detector_bytes, recogniser_bytes):
    """An engine of an InsightFace-shaped pack that came in through the door."""
    folder = tmp_path_factory.mktemp("packs")
    graphs.write_insightface(folder / "in", detector_bytes, recogniser_bytes, names=("det.onnx", "rec.onnx"), manifest=True)
    return Engine(adopt(look(folder / "in"), folder / "models", pack_id="shaped", licence_accepted=True))
