import numpy as np
import pytest

from recognition import Quality, align, quality

GOOD = Quality(face_px=150, sharpness=0.4, brightness=130, yaw=0, roll=0, inside=1.0)


def changed(**values):
    return Quality(**({name: getattr(GOOD, name) for name in Quality.__slots__} | values))


def test_a_good_face_has_nothing_to_mend():
    assert quality.codes(GOOD, quality.GATE) == quality.codes(GOOD, quality.ENROLMENT) == ()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"face_px": 59}, "face_too_small"),
        ({"sharpness": 0.03}, "face_blurred"),
        ({"brightness": 20}, "face_too_dark"),
        ({"brightness": 245}, "face_too_bright"),
        ({"yaw": -60}, "face_turned"),
        ({"roll": 50}, "face_turned"),
        ({"inside": 0.5}, "face_cut"),
    ],
)
def test_each_fault_has_its_code(values, code):
    assert quality.codes(changed(**values), quality.GATE) == (code,)
    assert quality.codes(changed(**values), quality.ENROLMENT) == (code,)


def test_enrolment_is_stricter_than_the_gate_in_everything():
    gate, enrolment = quality.GATE, quality.ENROLMENT
    for name, limit in (
        ("sharpness", "sharpness_min"),
        ("brightness", "brightness_min"),
        ("brightness", "brightness_max"),
        ("yaw", "yaw_max"),
        ("roll", "roll_max"),
        ("inside", "inside_min"),
    ):
        # Half way between the two limits: good for a frame that is gone in a second, not for years.
        values = {name: (getattr(gate, limit) + getattr(enrolment, limit)) / 2}
        assert quality.codes(changed(**values), quality.GATE) == ()
        assert quality.codes(changed(**values), quality.ENROLMENT) != ()


def test_a_limit_itself_is_good_enough():
    gate = quality.GATE
    edge = changed(
        face_px=gate.face_px_min,
        sharpness=gate.sharpness_min,
        brightness=gate.brightness_min,
        yaw=gate.yaw_max,
        roll=-gate.roll_max,
        inside=gate.inside_min,
    )
    assert quality.codes(edge, gate) == ()


def test_a_small_face_is_not_also_called_blurred():
    assert quality.codes(changed(face_px=40, sharpness=0.01), quality.GATE) == ("face_too_small",)


def test_size_and_place_come_from_the_landmarks():
    points = (align.REFERENCE * 1.2 + 80).astype(np.float32)
    side, square = quality.face_square(points)
    # The face is two thirds of the chip: 100 of 150 pixels, times 1.2.
    assert side == pytest.approx(120, rel=0.02)
    assert square == pytest.approx((110, 110, 230, 230), abs=2)


def test_a_nose_to_one_side_is_a_turned_head_and_sloping_eyes_are_a_tilted_one():
    points = align.REFERENCE.astype(np.float32)
    yaw, roll = quality.pose(points)
    assert abs(yaw) < 3 and abs(roll) < 3
    turned = points.copy()
    turned[4, 0] += 20
    assert quality.pose(turned)[0] > 25
    angle = np.exp(1j * np.radians(30))
    tilted = (points[:, 0] + 1j * points[:, 1]) * angle
    yaw, roll = quality.pose(np.stack([tilted.real, tilted.imag], 1))
    assert roll == pytest.approx(30, abs=3) and abs(yaw) < 5


def test_motion_in_one_direction_counts_as_blur():
    import cv2

    grey = np.random.default_rng(1).integers(0, 256, (60, 60)).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), 1)
    smear = np.zeros((9, 9), np.float32)
    smear[4] = 1 / 9
    sharp = quality.sharpness(grey)
    assert quality.sharpness(cv2.filter2D(grey, -1, smear)) < sharp / 2
    assert quality.sharpness(cv2.filter2D(grey, -1, smear.T)) < sharp / 2
    # Half the light is not blur.
    assert quality.sharpness(grey / 2) == pytest.approx(sharp, rel=0.25)
