"""A line drawn on a screen, as a canvas sends it: read strictly, and written anew in grey on white."""

import struct

import cv2
import numpy as np

PNG = b"\x89PNG\r\n\x1a\n"
SIDE_MAX = 2000
"""Pixels; a canvas of ours has fewer."""
INK_BELOW = 140
"""Grey value under which a pixel is ink."""


def read_drawing(data: bytes) -> np.ndarray | None:
    """Return a PNG as (H, W) uint8 on white paper; None for what is none, or is larger than any canvas of ours."""
    # The size stands in the head; a picture that claims a million pixels a side is not unpacked.
    if not data.startswith(PNG) or len(data) < 33 or max(struct.unpack(">II", data[16:24])) > SIDE_MAX:
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8:
        return None
    if image.ndim == 2:
        return image
    colours = image[..., :3].astype(np.float32)
    if image.shape[2] == 4:
        alpha = image[..., 3:].astype(np.float32) / 255
        colours = colours * alpha + 255 * (1 - alpha)
    return colours.mean(axis=2).astype(np.uint8)


def ink(drawn: np.ndarray) -> tuple[int, int]:
    """Return (pixels of ink, pixels from its first to its last in the longer direction) of a (H, W) uint8 drawing."""
    found = np.argwhere(drawn < INK_BELOW)
    return (len(found), int(np.ptp(found, axis=0).max())) if len(found) else (0, 0)


def write_drawing(drawn: np.ndarray) -> bytes:
    """Return (H, W) uint8 as a PNG that holds the pixels and nothing else."""
    done, out = cv2.imencode(".png", drawn, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise ValueError("a drawing that was read can be written")
    return out.tobytes()
