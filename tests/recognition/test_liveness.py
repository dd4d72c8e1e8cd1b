"""Liveness models of both shapes: what they are shown, what their answers mean, and what is refused as one."""

import hashlib

import cv2
import numpy as np
import pytest

from recognition import Face, LivenessError, Quality, add_liveness, align, load_liveness
from recognition.liveness import _TARGET, FOLDER, MANIFEST, Liveness, _aligned, _scaled
from tests.recognition.spoofs import five_point, minifasnet

QUALITY = Quality(face_px=100, sharpness=0.4, brightness=130, yaw=0, roll=0, inside=1)


def face_at(x: float, y: float, side: float) -> Face:
    """A face of the embedded pack's landmarks, upright, its middle at (x, y)."""
    marks = (align.REFERENCE / align.CHIP - 0.5) * side * 1.5 + (x, y)
    return Face((x - side / 2, y - side / 2, x + side / 2, y + side / 2), 1.0, marks.astype(np.float32), QUALITY, (), None)


def picture(grey: int = 128, size: tuple[int, int] = (640, 480)) -> np.ndarray:
    return np.full((size[1], size[0], 3), grey, np.uint8)


def model(graph: bytes | None = None, threshold: float = 0.8) -> Liveness:
    return Liveness("bright", "five_point", threshold, [(graph or five_point(), 0.0)])


@pytest.mark.parametrize(("grey", "state"), [(255, "live"), (205, "live"), (200, "spoof"), (0, "spoof")])
def test_a_probability_is_compared_with_the_threshold(grey, state):
    said = model().examine(picture(grey), face_at(320, 240, 100))
    assert said.state == state and said.score == pytest.approx(grey / 255, abs=1e-3)


def test_a_face_with_too_little_around_it_is_not_judged():
    assert model().examine(picture(255), face_at(30, 240, 100)).state == "input_rejected"
    assert model().examine(picture(255), face_at(320, 240, 400)).state == "input_rejected"
    assert model().examine(picture(255), face_at(320, 240, 400)).score is None


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1])
def test_an_answer_that_is_no_probability_is_none(score):
    said = model(five_point(score=score)).examine(picture(), face_at(320, 240, 100))
    assert (said.state, said.score) == ("failed", None)


def test_the_add_on_sees_eyes_and_nose_where_it_was_taught_to():
    """Dots on the eyes and under the nose of the picture come out on the add-on's points."""
    face = face_at(300, 200, 120)
    seen = picture(0)
    right, left, base = face.landmarks[:2].mean(0), face.landmarks[2:4].mean(0), face.landmarks[4]
    for point, colour in ((left, (255, 0, 0)), (right, (0, 255, 0)), (base, (0, 0, 255))):
        cv2.circle(seen, tuple(int(v) for v in np.round(point)), 5, colour, -1)
    crop = _aligned(seen, face)
    eye = _TARGET[1, 0] - _TARGET[0, 0]
    for channel, wanted in ((0, _TARGET[0]), (1, _TARGET[1]), (2, (_TARGET[0] + _TARGET[1]) / 2 + (0, 0.786 * eye))):
        y, x = np.argwhere(crop[..., channel] > 100).mean(0)
        assert (x, y) == pytest.approx(tuple(wanted), abs=2.5)


def test_points_of_a_detector_that_has_them_are_used_as_they_are():
    class WithPoints:
        keypoints = (_TARGET * 2 + (100, 50)).astype(np.float32)

    seen = picture(0)
    for x, y in WithPoints.keypoints:
        cv2.circle(seen, (round(float(x)), round(float(y))), 3, (255, 255, 255), -1)
    crop = _aligned(seen, WithPoints())
    for x, y in _TARGET:
        assert crop[round(y), round(x)].min() > 150


def test_minifasnet_sees_blue_first_and_its_middle_class_is_alive():
    blue, red = picture(0), picture(0)
    blue[..., 2], red[..., 0] = 255, 255
    silent = Liveness("silent", "scaled_crop", 0.5, [(minifasnet(), 2.7)])
    assert silent.examine(blue, face_at(320, 240, 80)).state == "live"
    assert silent.examine(red, face_at(320, 240, 80)).state == "spoof"


def test_several_minifasnets_are_averaged():
    blue = picture(0)
    blue[..., 2] = 255
    both = Liveness("silent", "scaled_crop", 0.5, [(minifasnet(), 2.7), (minifasnet(blue_first=False), 4.0)])
    one = Liveness("silent", "scaled_crop", 0.5, [(minifasnet(), 2.7)])
    none = Liveness("silent", "scaled_crop", 0.5, [(minifasnet(blue_first=False), 2.7)])
    face = face_at(320, 240, 80)
    assert both.examine(blue, face).score == pytest.approx((one.examine(blue, face).score + none.examine(blue, face).score) / 2)


def test_a_scaled_crop_is_moved_into_the_picture_and_not_beyond():
    seen = picture(0)
    seen[:, :216] = 255
    crop = _scaled(seen, face_at(60, 240, 80), 2.7)
    assert crop.shape == (80, 80, 3) and crop.min() > 200
    assert _scaled(seen, face_at(320, 240, 300), 2.7) is None


@pytest.mark.parametrize(
    ("kind", "graph"),
    [
        ("five_point", five_point(side=96)), ("five_point", five_point(rank=2)), ("five_point", minifasnet()), ("five_point", b"no graph"),
        ("scaled_crop", five_point()), ("scaled_crop", minifasnet(classes=2)), ("five_point", five_point(batch=4)),
    ],
)  # fmt: skip
def test_a_graph_of_another_shape_is_refused(kind, graph):
    with pytest.raises(LivenessError, match="liveness_graph_wrong"):
        Liveness("x", kind, 0.8, [(graph, 2.7)])


def test_a_model_is_added_kept_with_its_digest_and_found_again(tmp_path):
    file = tmp_path / "given.onnx"
    file.write_bytes(five_point())
    assert load_liveness(tmp_path / "models") is None
    added = add_liveness(tmp_path / "models", [(file, 0.0)], model_id="bright", kind="five_point", threshold=0.7, licence="ours")
    found = load_liveness(tmp_path / "models")
    assert (found.model_id, found.threshold) == (added.model_id, 0.7)
    assert found.model_id.startswith("bright@")
    folder = tmp_path / "models" / FOLDER
    assert hashlib.sha256(five_point()).hexdigest() in (folder / MANIFEST).read_text()
    (folder / "model-0.onnx").write_bytes(five_point(score=0.99))
    with pytest.raises(LivenessError, match="liveness_file_changed"):
        load_liveness(tmp_path / "models")


@pytest.mark.parametrize("text", ["", "id = 3", "not toml = = =", 'id = "x"\nkind = "five_point"\nthreshold = 0.8\n[[file]]\nname = "../x"\nsha256 = ""'])
def test_a_manifest_that_is_none_is_said_to_be_wrong(tmp_path, text):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / MANIFEST).write_text(text)
    with pytest.raises(LivenessError, match="liveness_manifest_wrong"):
        load_liveness(tmp_path)
