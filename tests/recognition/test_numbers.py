"""Whatever numbers a model gives: no crash, nobody admitted, no face that cannot be one."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recognition import Engine, detectors
from recognition.detect import GATE, find_faces, find_near
from recognition.graph import YUNET_OUTPUTS

ODD = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1e30, -1e30, 3.4e38, 1e-40, 0.5, 0.51, 88.0, -7.0]
SIDES = [8, 16, 32]
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class Says:
    """In place of a network: gives what it is told, whatever it is shown."""

    provider, batch = "nobody", 0

    def __init__(self, outputs, size=None):
        self.outputs, self.size = outputs, size

    def __call__(self, pictures):
        return self.outputs(pictures.shape[1], pictures.shape[2]) if callable(self.outputs) else self.outputs


@st.composite
def arrays(draw, rows, width):
    """(rows, width) of odd values, of noise, or of something in between; sometimes of another shape or kind."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    values = random.normal(0, draw(st.sampled_from([1e-3, 1.0, 30.0, 1e20])), (rows, width)).astype(np.float32)
    odd = np.array(draw(st.lists(st.sampled_from(ODD), min_size=1, max_size=4)), np.float32)
    share = draw(st.sampled_from([0.0, 0.1, 1.0]))
    values = np.where(random.random((rows, width)) < share, random.choice(odd, (rows, width)), values)
    return draw(
        st.sampled_from(
            [values, values, values, values, values[None], values[:-1], values[:0], values.astype(np.float64), np.ones((rows, width), np.int32),
             values.T, np.float32(3), np.zeros((rows, width), object)]
        )
    )  # fmt: skip


def outputs(draw, kind, height, width):
    anchors = 2 if kind == "scrfd" else 1
    widths = (1, 4, 10) if kind == "scrfd" else (1, 1, 4, 10)
    return [draw(arrays((height // s) * (width // s) * anchors, wide)) for wide in widths for s in SIDES]


def sane(found, width, height):
    assert len(found) <= detectors.FACES_MAX
    for face in found:
        left, top, right, bottom = face.box
        assert all(map(math.isfinite, (face.score, *face.box))) and left < right and top < bottom
        assert -1 <= (left + right) / 2 <= width + 1 and -1 <= (top + bottom) / 2 <= height + 1
        assert face.keypoints.shape == (5, 2) and np.isfinite(face.keypoints).all()
        assert face.score >= detectors.SCORE_MIN


@quick
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["scrfd", "yunet"])
@given(data=st.data())
def test_a_detector_may_say_anything(kind, data):
    height, width = 64, 96
    said = outputs(data.draw, kind, height, width)
    if data.draw(st.booleans()):
        said = said[: data.draw(st.integers(0, len(said)))]
    detector = detectors.KINDS[kind](Says(said, size=(height, width)))
    picture = np.zeros((120, 160, 3), np.uint8)
    with np.errstate(all="ignore"):
        sane(detector.find(picture, "gate"), 160, 120)
        sane(detector.find_near(picture, (20.0, 20.0, 80.0, 80.0)), 160, 120)


@quick
@given(data=st.data(), fill=st.sampled_from(ODD))
def test_a_score_map_may_say_anything(data, fill):
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = data.draw(st.sampled_from([(1, 1, 20, 30), (1, 1, 0, 0), (1, 1), (20, 30), (1, 2, 4, 4), (0, 1, 4, 4)]))
    grid = np.where(random.random(shape) < 0.3, np.float32(fill), random.normal(0, 1, shape).astype(np.float32))
    image = np.zeros((120, 160, 3), np.uint8)
    for found in (find_faces(image, lambda _: grid, GATE), find_near(image, lambda _: grid, (20, 20, 100, 100))):
        for score, box in found:
            assert math.isfinite(score) and all(map(math.isfinite, box))


def test_a_flood_of_faces_is_cut_short_and_the_surest_stay():
    height, width = 480, 640
    said = []
    for wide in (1, 4, 10):
        for stride in SIDES:
            rows = (height // stride) * (width // stride) * 2
            said.append(np.full((rows, wide), 0.5, np.float32))
    said[0][100] = 0.9
    detector = detectors.Scrfd(Says(said, size=(height, width)))
    found = detector.find(np.zeros((480, 640, 3), np.uint8), "gate")
    assert len(found) == detectors.FACES_MAX and found[0].score == np.float32(0.9)


@pytest.mark.parametrize("kind", ["scrfd", "yunet"])
@pytest.mark.parametrize("fill", [math.inf, math.nan])
def test_a_score_or_point_without_end_is_no_face_beside_one_that_is(kind, fill):
    """Boxes that could be faces, and a number that is none in one place after the other."""
    height, width = 64, 96
    anchors, widths = (2, (1, 4, 10)) if kind == "scrfd" else (1, (1, 1, 4, 10))
    for at, wide in enumerate(widths):
        said = [np.full(((height // s) * (width // s) * anchors, w), 0.7 if w == 1 else 1.0, np.float32) for w in widths for s in SIDES]
        for level in range(3):
            said[3 * at + level][::2, wide - 1] = fill
        sane(detectors.KINDS[kind](Says(said, size=(height, width))).find(np.zeros((height, width, 3), np.uint8), "gate"), width, height)


@pytest.fixture(scope="module")
def careful(pack):
    """The embedded pack with an embedder that says what a test wants."""
    engine = Engine(pack)
    return engine, engine._embedder


@pytest.mark.parametrize("fill", ODD[:3])
@pytest.mark.parametrize("shape", [(1, 128)])
def test_a_face_without_finite_numbers_is_nobody(careful, picture, fill, shape):
    engine, embedder = careful
    image = np.full((480, 640, 3), 128, np.uint8)
    image[100:355, 150:420] = np.repeat(np.repeat(picture("t1.jpg")[250:420, 410:590], 2, 0), 2, 1)[:255, :270]
    assert engine.analyse(image, purpose="gate").subject is not None
    for said in (np.full(shape, fill, np.float32), np.zeros((1, 127), np.float32), np.zeros((0, 128), np.float32), np.zeros((2, 128), np.float32)):
        engine._embedder = Says([said])
        try:
            analysis = engine.analyse(image, purpose="gate")
            assert (analysis.subject, analysis.code, analysis.faces) == (None, "no_face", ())
        finally:
            engine._embedder = embedder


def test_an_embedding_without_length_is_nobody_under_a_cosine_pack(shaped_engine):
    chips = np.zeros((2, 112, 112, 3), np.uint8)
    keep = shaped_engine._embedder
    for said in (np.zeros((2, 512), np.float32), np.full((2, 512), 1e-30, np.float32), np.full((2, 512), np.inf, np.float32)):
        shaped_engine._embedder = Says([said])
        assert shaped_engine.embed(chips) is None
    shaped_engine._embedder = Says([np.full((2, 512), 3e38, np.float32)])
    assert np.allclose(np.linalg.norm(shaped_engine.embed(chips), axis=1), 1, atol=1e-5), "large, and finite: a direction all the same"
    shaped_engine._embedder = keep


@quick
@given(data=st.data())
def test_an_engine_survives_any_detector(data, shaped_engine):
    detector = shaped_engine._detector
    height, width = 64, 96
    shaped_engine._detector = detectors.Scrfd(Says(outputs(data.draw, "scrfd", height, width), size=(height, width)))
    try:
        with np.errstate(all="ignore"):
            analysis = shaped_engine.analyse(np.full((96, 144, 3), 90, np.uint8), purpose="gate")
    finally:
        shaped_engine._detector = detector
    assert (analysis.subject is None) == (analysis.code is not None)
    if analysis.subject is not None:
        assert np.isfinite(analysis.subject.embedding).all()


def test_the_order_of_yunets_outputs_is_the_one_that_is_decoded():
    assert YUNET_OUTPUTS[:4] == ("cls_8", "cls_16", "cls_32", "obj_8") and YUNET_OUTPUTS[-1] == "kps_32"
    assert partial(detectors.YuNet, Says([]))().find(np.zeros((64, 64, 3), np.uint8), "gate") == []
