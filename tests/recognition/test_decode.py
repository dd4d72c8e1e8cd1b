import random
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognition import BadImage, decode_frame, decode_jpeg, encode_jpeg
from recognition.decode import ENROLMENT_PIXELS_MAX, GATE_PIXELS_MAX, jpeg_size

ROOT = Path(__file__).resolve().parents[2]


def refusal(data, **limits):
    with pytest.raises(BadImage) as caught:
        decode_jpeg(data, **({"pixels_max": GATE_PIXELS_MAX} | limits))
    return caught.value.code


def picture(width=320, height=240, seed=0):
    """Smooth, so that JPEG keeps it; different for every seed."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x + 40 * seed) % 256, (y + 70 * seed) % 256, (x + y) // 3 % 256], 2).astype(np.uint8)


def promise(data, width, height):
    """The same bytes with another size in the header."""
    at = next(i for i in range(len(data)) if data[i] == 0xFF and data[i + 1] in (0xC0, 0xC2))
    return data[: at + 5] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + data[at + 9 :]


def test_a_picture_comes_out_upright_in_rgb(jpeg):
    image = np.zeros((80, 160, 3), np.uint8)
    image[:, :, 0] = 200
    decoded = decode_jpeg(jpeg(image), pixels_max=GATE_PIXELS_MAX)
    assert decoded.shape == (80, 160, 3) and decoded.dtype == np.uint8
    assert decoded.mean((0, 1)) == pytest.approx((200, 0, 0), abs=4)


def test_the_orientation_of_a_phone_is_applied(jpeg):
    data = jpeg(picture(160, 80))
    # Orientation 6: turn a quarter to the right to see it upright.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    assert decode_jpeg(turned, pixels_max=GATE_PIXELS_MAX).shape == (160, 80, 3)


def test_anything_but_a_jpeg_is_refused():
    png = cv2.imencode(".png", picture())[1].tobytes()
    for data in (b"", b"\xff", b"\xff\xd8", png, b"GIF89a" + bytes(100), b"<html>", bytes(1000)):
        assert refusal(data) == "not_jpeg"


def test_sizes_are_refused_by_the_header(jpeg):
    assert refusal(jpeg(picture(63, 200))) == "image_too_small"
    assert refusal(promise(jpeg(picture()), 2049, 2048)) == "image_too_large"
    assert refusal(promise(jpeg(picture()), 0, 500)) == "image_too_small"
    assert jpeg_size(promise(jpeg(picture()), 4624, 3468)) == (4624, 3468)
    assert ENROLMENT_PIXELS_MAX >= 4624 * 3468 and GATE_PIXELS_MAX >= 2688 * 1520


def test_a_frame_cut_anywhere_is_refused(jpeg):
    data = jpeg(picture())
    places = random.Random(1)
    for cut in [3, 4, 20, 150, 400, len(data) // 2, len(data) - 2, len(data) - 1, *places.sample(range(3, len(data)), 60)]:
        assert refusal(data[:cut]) in ("image_truncated", "image_unreadable"), cut


def test_a_cut_frame_never_shows_the_previous_workers_face(jpeg):
    # OpenCV 4.10 filled the missing part with the picture decoded before it. The end marker that a
    # careless sender appends must not help either.
    first = decode_jpeg(jpeg(picture(seed=1)), pixels_max=GATE_PIXELS_MAX)
    second = jpeg(picture(seed=4))
    half = second[: len(second) // 2]
    assert refusal(half) == "image_truncated"
    for data in (half, half + b"\xff\xd9"):
        shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if shown is not None:
            same = (np.abs(shown.astype(int) - first).max(2) < 3).mean()
            assert same < 0.05, "this OpenCV shows the previous picture: 4.11 or later is needed"


def test_bytes_of_any_kind_are_a_picture_or_a_bad_image(jpeg):
    data, chance = jpeg(picture(96, 96), 60), random.Random(3)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 2, 8))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            assert decode_jpeg(bytes(damaged), pixels_max=GATE_PIXELS_MAX).shape[2] == 3
        except BadImage:
            refused += 1
    assert 0 < refused < 1500


def test_padding_after_the_end_is_accepted(jpeg):
    assert decode_jpeg(jpeg(picture()) + bytes(512), pixels_max=GATE_PIXELS_MAX).shape == (240, 320, 3)


def test_what_opencv_refuses_is_a_bad_image(jpeg, monkeypatch):
    def refuse(*_):
        raise cv2.error("too many pixels")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    assert refusal(jpeg(picture())) == "image_unreadable"


def segments(data):
    """The markers from the beginning to the picture's data."""
    at, found = 2, set()
    while 0xDA not in found:
        assert data[at] == 0xFF
        found.add(data[at + 1])
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return found


def test_an_encoded_picture_shows_the_same_in_the_same_colours(jpeg):
    image = picture()
    image[:, :160, 0], image[:, :160, 2] = 200, 20
    again = decode_jpeg(encode_jpeg(image), pixels_max=GATE_PIXELS_MAX)
    assert again.shape == image.shape
    assert np.abs(again.astype(int) - image).mean() < 4
    assert len(encode_jpeg(image, 40)) < len(encode_jpeg(image)) < len(encode_jpeg(image, 99))


def test_an_encoded_picture_is_pixels_and_nothing_else(jpeg):
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0 N30.75 E120.78"
    plain = jpeg(picture(160, 80))
    sent = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:] + b"PK\x03\x04"
    clean = encode_jpeg(decode_jpeg(sent, pixels_max=GATE_PIXELS_MAX))
    assert jpeg_size(clean) == (80, 160), "turned upright for good"
    assert segments(clean) <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDD, 0xDA}, "JFIF, tables, one frame, its data"
    assert clean.count(b"\xff\xd9") == 1 and clean.endswith(b"\xff\xd9")


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((80, 80), np.uint8), ((80, 80, 4), np.uint8), ((80, 80, 3), np.float32), ((0, 80, 3), np.uint8), ((1, 70_000, 3), np.uint8)],
)
def test_what_is_no_picture_is_not_encoded(shape, kind):
    with pytest.raises(ValueError):
        encode_jpeg(np.zeros(shape, kind))


@pytest.mark.parametrize("quality", [0, 101])
def test_a_quality_there_is_not_is_refused(quality):
    with pytest.raises(ValueError, match="quality"):
        encode_jpeg(picture(), quality)


_BOMB = """
import os, resource, sys
import recognition, cv2, numpy as np
from recognition import BadImage, decode_jpeg
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
plain = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
decode_jpeg(plain, pixels_max=recognition.GATE_PIXELS_MAX)
before = peak()
at = plain.index(b"\\xff\\xc0")
for size in (60000, 12000, 4100):
    bomb = plain[:at + 5] + size.to_bytes(2, "big") * 2 + plain[at + 9:]
    try:
        decode_jpeg(bomb, pixels_max=recognition.ENROLMENT_PIXELS_MAX)
        sys.exit("decoded")
    except BadImage as error:
        assert error.code == "image_too_large", error
    try:  # and OpenCV's own ceiling, should the header be read differently one day
        assert cv2.imdecode(np.frombuffer(bomb, np.uint8), cv2.IMREAD_COLOR) is None
    except cv2.error:
        pass
print(peak() - before)
"""


def test_a_decompression_bomb_costs_no_memory():
    done = subprocess.run([sys.executable, "-c", _BOMB], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 64


@pytest.mark.parametrize(
    ("size", "kept", "smaller"),
    [((640, 480), 640, 1), ((1279, 719), 640, 1), ((1280, 720), 640, 2), ((2688, 1520), 1280, 2), ((2688, 1521), 640, 4), ((1281, 721), None, 1)],
)  # fmt: skip
def test_a_large_frame_is_unpacked_smaller_and_no_smaller_than_needed(jpeg, size, kept, smaller):
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, :, 0] = 200
    picture[:, width // 2 :, 2] = 100
    image, by = decode_frame(jpeg(picture), pixels_max=2**23, long_side_min=kept)
    assert by == smaller and image.shape == (-(-height // by), -(-width // by), 3)
    whole = decode_jpeg(jpeg(picture), pixels_max=2**23)
    for y, x in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)):
        small, large = (p[int(y * p.shape[0]), int(x * p.shape[1])].astype(int) for p in (image, whole))
        assert abs(small - large).max() <= 3, "the same colours in the same places"


def test_a_frame_unpacked_smaller_is_refused_for_what_the_whole_is(jpeg):
    data = jpeg(np.full((1080, 1920, 3), 90, np.uint8))
    for wrong, limit, code in ((data, 10_000, "image_too_large"), (data[:-200], 2**22, "image_truncated"), (b"GIF89a", 2**22, "not_jpeg")):
        with pytest.raises(BadImage) as caught:
            decode_frame(wrong, pixels_max=limit, long_side_min=640)
        assert caught.value.code == code
