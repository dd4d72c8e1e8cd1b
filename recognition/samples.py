"""Pictures that are at hand on every installation: a group photograph that the insightface package brings along."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np


def group_picture() -> np.ndarray | None:
    """(886, 1280, 3) uint8 RGB with six faces; None where the package is not installed. It is not imported."""
    spec = importlib.util.find_spec("insightface")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        image = cv2.imread(str(Path(place) / "data" / "images" / "t1.jpg"), cv2.IMREAD_COLOR_RGB)
        if image is not None:
            return image
    return None


def gate_picture(share: float = 0.5) -> np.ndarray:
    """(480, 640, 3) uint8 RGB: one of the six as a gate sees him, before a plain wall; the wall alone without the package.

    Args:
        share: how much of the frame's width the face takes, 0.1 to 0.6.
    """
    frame = np.full((480, 640, 3), 128, np.uint8)
    group = group_picture()
    if group is not None:
        # The face takes 107 of these 180 pixels.
        head = group[250:420, 410:590]
        width = min(480, round(640 * share * 180 / 107))
        height = min(460, round(width * 170 / 180))
        head = cv2.resize(head, (width, height), interpolation=cv2.INTER_CUBIC)
        top, left = (480 - height) // 2, (640 - width) // 2
        frame[top : top + height, left : left + width] = head
    return frame


def sample_frame(share: float = 0.5) -> bytes:
    """``gate_picture`` as the JPEG that a camera would post."""
    picture = cv2.cvtColor(gate_picture(share), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
