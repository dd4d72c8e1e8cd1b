"""Nobody is recognised in a coarse picture; a clear one holds one face and no more of the frame than it needs."""

import numpy as np
import pytest

from recognition import coarse_picture, decode_jpeg, face_picture
from recognition.face import Face, Quality
from recognition.synthetic import SyntheticEngine, draw_face

ENGINE = SyntheticEngine()


def of(jpeg: bytes) -> np.ndarray:
    return decode_jpeg(jpeg, pixels_max=2**22, side_min=1)


def subject(jpeg: bytes):
    image = of(jpeg)
    return image, ENGINE.analyse(image, purpose="gate").subject


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (320, 240)])
def test_no_face_is_found_in_a_coarse_picture(size):
    image, face = subject(draw_face(7, size=size))
    coarse = of(coarse_picture(image, face))
    assert ENGINE.analyse(coarse, purpose="gate").faces == ()
    # What lies between two squares of 8 pixels was never there: 8 numbers a side, whatever the frame had.
    squares = coarse[: coarse.shape[0] // 8 * 8, : coarse.shape[1] // 8 * 8].reshape(coarse.shape[0] // 8, 8, -1, 8, 3)
    assert squares.shape[0] <= 8 * 4 and squares.shape[2] <= 8 * 4
    assert squares.std((1, 3)).mean() < 12


def test_a_clear_picture_is_of_the_face_that_was_found():
    image, face = subject(draw_face(7, size=(1280, 720)))
    clear = of(face_picture(image, face))
    assert max(clear.shape[:2]) <= 320
    found = ENGINE.analyse(clear, purpose="gate").subject
    assert found is not None and np.allclose(found.embedding, face.embedding)


@pytest.mark.parametrize("box", [(-50.0, -50.0, 30.0, 30.0), (600.0, 440.0, 900.0, 740.0), (5000.0, 5000.0, 5100.0, 5100.0), (3.0, 3.0, 4.0, 4.0)])
def test_a_face_at_the_edge_or_beyond_it_is_a_picture_all_the_same(box):
    image = np.full((480, 640, 3), 90, np.uint8)
    face = Face(box, 1.0, np.zeros((5, 2), np.float32), Quality(1, 1, 1, 0, 0, 1), (), None)
    assert of(coarse_picture(image, face)).size and of(face_picture(image, face)).size
