"""JPEG bytes to pixels, refusing what could hurt before it is unpacked; and pixels back to clean bytes."""

from __future__ import annotations

import cv2
import numpy as np

GATE_PIXELS_MAX = 4 * 2**20  # a "4 megapixel" camera sends 2688 x 1520
ENROLMENT_PIXELS_MAX = 2**24  # a phone's "16 megapixel" photograph has 4624 x 3468
SIDE_MIN = 64

# Start-of-frame markers of the codings that exist; C4, C8 and CC are tables, not frames.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
# Markers without a length: TEM, RST0-7.
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


class BadImage(ValueError):
    """These bytes are not a picture that will be looked at.

    ``code`` is one of not_jpeg, image_truncated, image_too_large, image_too_small,
    image_unreadable, and never changes. ``detail`` is for the log and holds no picture.
    """

    def __init__(self, code: str, detail: str):
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) as the header has them, without decoding.

    Raises:
        BadImage: not_jpeg, image_truncated, or image_unreadable.
    """
    if data[:3] != b"\xff\xd8\xff":
        raise BadImage("not_jpeg", f"begins with {bytes(data[:3]).hex() or 'nothing'}")
    at, end = 2, len(data)
    while at + 4 <= end:
        if data[at] != 0xFF:
            raise BadImage("image_unreadable", f"no marker at byte {at}")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _BARE:
            at += 2
            continue
        if marker in (0xD8, 0xD9, 0xDA, 0x00):
            raise BadImage("image_unreadable", f"marker {marker:#x} before the size is known")
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if size < 2:
            raise BadImage("image_unreadable", f"a segment of {size} bytes")
        if marker in _FRAMES:
            if at + 9 > end:
                break
            height = int.from_bytes(data[at + 5 : at + 7], "big")
            width = int.from_bytes(data[at + 7 : at + 9], "big")
            return width, height
        at += 2 + size
    raise BadImage("image_truncated", "ends before the size is known")


def decode_jpeg(data: bytes, *, pixels_max: int, side_min: int = SIDE_MIN) -> np.ndarray:
    """Return the picture upright as (H, W, 3) uint8 RGB.

    Sizes are checked in the header, before a pixel is unpacked. The orientation in EXIF is
    applied; nothing else in EXIF is read. A picture that was cut short is refused even where
    a decoder would fill up the rest.

    Args:
        pixels_max: the most pixels the header may promise.
        side_min: the fewest pixels the shorter side may have.

    Raises:
        BadImage: any bytes whatever that are not such a picture.
    """
    return decode_frame(data, pixels_max=pixels_max, side_min=side_min)[0]


def decode_frame(
    data: bytes, *, pixels_max: int, side_min: int = SIDE_MIN, long_side_min: int | None = None
) -> tuple[np.ndarray, int]:
    """Return what ``decode_jpeg`` does, made smaller while it is unpacked where it is larger than needed; and how many times.

    A JPEG is unpacked at a half, a quarter or an eighth for less than the whole costs (2688 x 1520: 10.7 ms, at a quarter
    6.4), and everything after it has fewer pixels to touch.

    Args:
        long_side_min: pixels that the longer side keeps; None: all of them.

    Raises:
        BadImage: as ``decode_jpeg``.
    """
    width, height = jpeg_size(data)
    if width * height > pixels_max:
        raise BadImage("image_too_large", f"{width} x {height}, at most {pixels_max} pixels")
    if min(width, height) < side_min:
        raise BadImage("image_too_small", f"{width} x {height}, at least {side_min} a side")
    # Cameras pad after the end marker; a frame cut in transit does not have one. A marker that
    # belongs to a thumbnail inside EXIF lies before the picture's own data, so look behind them.
    if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise BadImage("image_truncated", "no end of image")
    smaller = next((by for by in _REDUCED if long_side_min and max(width, height) // by >= long_side_min), 1)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[smaller] if smaller > 1 else cv2.IMREAD_COLOR_RGB)
        if smaller > 1 and image is not None:
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
    except (cv2.error, MemoryError) as error:
        raise BadImage("image_unreadable", type(error).__name__) from None
    if image is None:
        raise BadImage("image_unreadable", "the decoder gave up")
    if sorted(image.shape[:2]) != sorted(-(-side // smaller) for side in (width, height)):
        # The decoder read another header than the one that was checked.
        raise BadImage("image_unreadable", "the size differs from the header's")
    return image, smaller


def decode_picture(data: bytes, *, pixels_max: int) -> np.ndarray:
    """Return a picture of any kind OpenCV reads as (H, W, 3) uint8 RGB: for files an operator names, never for a gate.

    Raises:
        BadImage: any bytes whatever that are not such a picture, or one of more pixels.
    """
    if data[:2] == b"\xff\xd8":
        return decode_jpeg(data, pixels_max=pixels_max)
    try:
        # OpenCV refuses by the header what has more pixels than recognition/__init__.py allows it.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    except (cv2.error, MemoryError) as error:
        raise BadImage("image_unreadable", type(error).__name__) from None
    if image is None:
        raise BadImage("image_unreadable", "the decoder gave up")
    if image.shape[0] * image.shape[1] > pixels_max:
        raise BadImage("image_too_large", f"more than {pixels_max} pixels")
    return image


def encode_jpeg(image: np.ndarray, quality: int = 90) -> bytes:
    """Return a picture as a JPEG that holds the pixels and nothing else.

    What came along with the bytes it was decoded from (place and time in EXIF, a thumbnail, another file hidden
    behind the end marker) is not in it.

    Args:
        image: (H, W, 3) uint8 RGB, as ``decode_jpeg`` gives it.
        quality: 1 to 100.

    Raises:
        ValueError: no such picture, or no such quality.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"(H, W, 3) uint8 wanted, not {image.shape} {image.dtype}")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality {quality}: 1 to 100")
    try:
        written, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise ValueError(f"{image.shape[1]} x {image.shape[0]} is no JPEG: {type(error).__name__}") from None
    if not written:
        raise ValueError(f"{image.shape[1]} x {image.shape[0]} is no JPEG")
    return data.tobytes()
