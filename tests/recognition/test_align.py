import cv2
import numpy as np
import pytest

from recognition import align


@pytest.fixture
def landscape():
    """Smooth in every direction: where a pixel came from can be told from its value."""
    y, x = np.mgrid[0:900, 0:900]
    return np.stack([x * 255 / 899, y * 255 / 899, np.full_like(x, 90)], 2).astype(np.uint8)


def test_the_reference_landmarks_in_a_chip_stay_where_they_are(landscape):
    cut = align.chip(landscape, (align.REFERENCE + 200).astype(np.float32))
    assert np.abs(cut.astype(int) - landscape[200:350, 200:350]).max() <= 1


def test_a_turned_and_larger_face_comes_out_upright(landscape):
    turn = 2.0 * np.exp(1j * np.radians(25))
    points = (align.REFERENCE[:, 0] + 1j * align.REFERENCE[:, 1]) * turn + complex(400, 150)
    chip = align.chip(landscape, np.stack([points.real, points.imag], 1).astype(np.float32))
    # The middle of the chip shows the picture where the middle of the face is.
    middle = complex(75, 75) * turn + complex(400, 150)
    assert chip[74:77, 74:77, :2].mean((0, 1)) == pytest.approx(
        (middle.real * 255 / 899, middle.imag * 255 / 899), abs=1.5
    )


@pytest.mark.parametrize("scale", [2.4, 5.0])
def test_a_large_face_is_averaged_not_sampled(scale):
    # Single pixels of a fine chequerboard would be black or white; its average is grey.
    y, x = np.mgrid[0:900, 0:900]
    board = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[:, :, None], 3, 2)
    points = (align.REFERENCE * scale + 50).astype(np.float32)
    assert align.chip(board, points)[10:-10, 10:-10].std() < 3


def test_halving_moves_nothing(landscape):
    for scale in (1.9, 2.1, 4.1):
        points = (align.REFERENCE * scale + 60).astype(np.float32)
        chip = align.chip(landscape, points)
        middle = (75 * scale + 60) * 255 / 899
        assert chip[74:77, 74:77, 0].mean() == pytest.approx(middle, abs=1.0)


def test_outside_the_picture_is_black(landscape):
    points = (align.REFERENCE - 75).astype(np.float32)
    chip = align.chip(landscape, points)
    assert chip[:70, :70].max() == 0 and chip[80:, 80:].max() > 0


def test_jitter_is_repeatable_small_and_every_other_chip_is_mirrored(landscape):
    points = (align.REFERENCE + 300).astype(np.float32)
    chips = align.jittered(landscape, points, 10)
    again = align.jittered(landscape, points, 10)
    assert len(chips) == 10 and all(np.array_equal(a, b) for a, b in zip(chips, again, strict=True))
    assert np.array_equal(chips[0], align.chip(landscape, points))
    slopes = [float(chip[75, 140, 0]) - float(chip[75, 10, 0]) for chip in chips]
    assert [slope > 0 for slope in slopes] == [n % 2 == 0 for n in range(10)]
    plain = chips[0].astype(int)
    for n, chip in enumerate(chips):
        level = cv2.flip(chip, 1) if n % 2 else chip
        # 2 % of 150 pixels, 3 degrees and 5 % move a corner by 12 pixels at most.
        assert np.abs(level.astype(int) - plain)[10:-10, 10:-10].max() <= 6
    assert len({chip.tobytes() for chip in chips}) == 10


def test_points_that_coincide_do_not_crash(landscape):
    points = np.full((5, 2), 100, np.float32)
    assert align.chip(landscape, points).shape == (150, 150, 3)
