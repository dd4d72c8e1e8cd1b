import numpy as np
import pytest

from recognition import detect


def test_the_levels_cover_every_size_from_the_smallest_to_the_whole_frame():
    # One level finds faces of 66 to 88 pixels for certain, 64 to 90 nearly so.
    for plan in (detect.GATE, detect.ENROLMENT):
        for width, height in ((640, 480), (480, 640), (1920, 1080), (320, 240), (1280, 720), (700, 150)):
            scales = plan.scales(width, height)
            for side in np.geomspace(66 / scales[0], min(width, height), 40):
                assert any(63 <= side * scale <= 92 for scale in scales), (width, height, side)


def test_a_gate_frame_is_searched_from_a_fifth_of_its_width():
    assert detect.GATE.scales(640, 480)[0] == 0.5
    assert detect.GATE.scales(300, 200)[0] == 1.0, "a small picture is not enlarged at the gate"


def test_overlap_is_the_share_of_the_box_around_both():
    a = (0, 0, 9, 9)
    assert detect.overlap(a, a) == 1.0
    assert detect.overlap(a, (5, 0, 14, 9)) == pytest.approx(50 / 150)
    # The union would be 175 - 25; the box around both is 225.
    assert detect.overlap(a, (5, 5, 14, 14)) == pytest.approx(25 / 225)
    assert detect.overlap(a, (10, 0, 19, 9)) == 0.0


def test_of_overlapping_boxes_the_surest_stays():
    near, far = (2, 0, 101, 99), (300, 0, 399, 99)
    kept = detect.suppress([(0.4, (0, 0, 99, 99)), (1.1, near), (0.7, far)])
    assert kept == [(1.1, near), (0.7, far)]


def test_a_cell_of_the_score_map_is_the_window_around_its_pixel():
    def score(images):
        rows, columns = (images.shape[1] - 28) // 8 + 1, (images.shape[2] - 28) // 8 + 1
        scores = np.full((1, 1, rows, columns), -1.0, np.float32)
        if images.shape[1:3] == (240 + 22, 320 + 22):
            scores[0, 0, 7, 12] = 0.5
        return scores

    ((sure, box),) = detect.find_faces(np.zeros((480, 640, 3), np.uint8), score, detect.GATE)
    # Cell (7, 12) is pixel (110, 70) with the border, (99, 59) without, and twice that in the frame.
    assert sure == 0.5 and box == pytest.approx((119.5, 39.5, 277.5, 197.5))


def test_a_group_picture_gives_its_six_faces(engine, picture):
    assert len(detect.find_faces(picture("t1.jpg"), engine.score, detect.ENROLMENT)) == 6


def test_a_picture_without_faces_gives_none(engine, formula):
    for k in range(4):
        assert detect.find_faces(formula(640, 480, k), engine.score, detect.GATE) == []
