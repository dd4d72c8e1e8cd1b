"""Is it a face or a picture of one (活体检测)? Two kinds of models, both of one 80 x 80 frame in colour.

    five_point   the add-on of insightface 2.x: (N, 3, 80, 80) RGB / 255 of a face aligned to five points of its own, one
                 output (N,) that is a probability already
    scaled_crop  MiniFASNet (Silent-Face-Anti-Spoofing): BGR 0..255 of the face's box times 2.7 or 4.0, three classes
                 before softmax, the middle one is a live face; several files are averaged

One frame in colour is no proof: paper without a visible edge passes, blurred live faces fail, an OLED screen passes
(recognition.md 2). It keeps out what is careless; what it measured is kept for whoever looks at a gate later.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from recognition import align
from recognition.face import Face

FOLDER = "_liveness"
"""In the folder of packs; names with an underscore are no packs."""
MANIFEST = "liveness.toml"
KINDS = ("five_point", "scaled_crop")
SIDE = 80
OUTSIDE_MAX = 0.30
"""More of the crop than this outside the picture: nothing is said about the face (as insightface has it)."""
THRESHOLD = 0.8
"""The add-on's own. MiniFASNet's authors take the largest of three classes."""

KNOWN = {
    "87a9ac1dbb16a61eec212957e5095e62a8769c1e188af9b0198f253302c4afdb": "insightface liveness add-on",
}
"""SHA-256 of files whose kind and origin are known (catalogue of insightface 2.1)."""

# Where the add-on wants the picture's left eye, right eye, tip of the nose, and the corners of the mouth.
_TARGET = np.array([(32.03, 38.06), (47.89, 37.98), (40.01, 47.08), (33.50, 56.36), (46.63, 56.29)])
# With the embedded pack's landmarks there are eyes and the base of the nose, which lies 0.786 of the eyes' distance
# below them in its mean face; tip and mouth lie at 0.57 and 1.155.
_NOSE_BASE_BELOW = 0.786
_TARGET_OF_EYES_AND_BASE = np.array(
    [*_TARGET[:2], _TARGET[:2].mean(0) + (0.0, _NOSE_BASE_BELOW * (_TARGET[1, 0] - _TARGET[0, 0]))]
)


class LivenessError(Exception):
    """A liveness model that cannot be used. ``code`` never changes once released: ``liveness_missing``,
    ``liveness_manifest_wrong``, ``liveness_file_changed``, ``liveness_graph_wrong``."""

    def __init__(self, code: str, detail: str):
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Examined:
    """What a model said about one face."""

    state: str
    """``live``, ``spoof``, ``input_rejected`` (too little around the face), or ``failed`` (no answer that makes sense)."""
    score: float | None
    """Probability of a live face, 0 to 1; None for ``input_rejected`` and ``failed``."""


@dataclass(frozen=True, slots=True)
class _Part:
    session: onnxruntime.InferenceSession
    scale: float


class Liveness:
    """A liveness model at work. May be shared by any number of threads."""

    def __init__(self, model_id: str, kind: str, threshold: float, graphs: Sequence[tuple[bytes, float]]):
        """Load and check.

        Args:
            graphs: (bytes of an ONNX file, scale of its crop); the scale is for ``scaled_crop``.

        Raises:
            LivenessError: ``liveness_graph_wrong``, inputs or outputs are not those of the kind.
        """
        if kind not in KINDS or not 0.0 < threshold < 1.0 or not graphs:
            raise LivenessError("liveness_manifest_wrong", "kind, threshold or files")
        self.kind, self.threshold = kind, threshold
        digest = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data, _ in graphs)).hexdigest()
        self.model_id = f"{model_id}@{digest[:12]}"
        """Name and digest: scores of two models are not comparable."""
        self.known = {
            hashlib.sha256(data).hexdigest(): KNOWN.get(hashlib.sha256(data).hexdigest(), "") for data, _ in graphs
        }
        """Digest of each file -> what it is known as, or nothing."""
        self._parts = [_Part(_session(data), scale) for data, scale in graphs]
        for part in self._parts:
            _check_graph(part.session, kind)

    def examine(self, image: np.ndarray, face: Face) -> Examined:
        """Look at one face of a picture.

        Args:
            image: (H, W, 3) uint8 RGB, the picture the face was found in.
        """
        scores = []
        for part in self._parts:
            crop = _aligned(image, face) if self.kind == "five_point" else _scaled(image, face, part.scale)
            if crop is None:
                return Examined("input_rejected", None)
            planes = crop if self.kind == "five_point" else crop[:, :, ::-1]
            blob = np.ascontiguousarray(planes.transpose(2, 0, 1)[None], np.float32)
            if self.kind == "five_point":
                blob /= 255.0
            try:
                out = part.session.run(None, {part.session.get_inputs()[0].name: blob})[0]
            except Exception:  # noqa: BLE001 - onnxruntime's own classes have no common base; whatever it is, nobody is live
                return Examined("failed", None)
            scores.append(_live(np.asarray(out, np.float64), self.kind))
        score = math.fsum(scores) / len(scores)
        if not math.isfinite(score) or not 0.0 <= score <= 1.0:
            return Examined("failed", None)
        return Examined("live" if score >= self.threshold else "spoof", score)


def load_liveness(models_dir: Path) -> Liveness | None:
    """Return the liveness model of a folder of packs, its files verified; None when there is none.

    Raises:
        LivenessError: one is there and cannot be used.
    """
    folder = Path(models_dir) / FOLDER
    try:
        text = (folder / MANIFEST).read_text("utf-8")
    except OSError:
        return None
    except UnicodeDecodeError:
        raise LivenessError("liveness_manifest_wrong", "not UTF-8") from None
    try:
        said = tomllib.loads(text)
        graphs = []
        for row in said["file"]:
            data = (folder / _name(row["name"])).read_bytes()
            if hashlib.sha256(data).hexdigest() != row["sha256"]:
                raise LivenessError("liveness_file_changed", row["name"])
            graphs.append((data, float(row.get("scale", 0.0))))
        return Liveness(str(said["id"]), said["kind"], float(said["threshold"]), graphs)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, OSError) as error:
        raise LivenessError("liveness_manifest_wrong", f"{type(error).__name__}: {error}") from None


def add_liveness(
    models_dir: Path, files: Sequence[tuple[Path, float]], *, model_id: str, kind: str, threshold: float, licence: str
) -> Liveness:
    """Copy ONNX files into the folder of packs as its liveness model, in place of the one before, and load it.

    Args:
        files: (file, scale of its crop).
        licence: the text the files are held under; kept beside them.

    Raises:
        LivenessError: they are not models of this kind, or cannot be read.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", model_id):
        raise LivenessError("liveness_manifest_wrong", "an id is small letters, digits, dots and dashes")
    try:
        read = [(Path(file).read_bytes(), scale) for file, scale in files]
    except OSError as error:
        raise LivenessError("liveness_missing", str(error)) from None
    Liveness(model_id, kind, threshold, read)
    lines = [f"id = {json.dumps(model_id)}", f"kind = {json.dumps(kind)}", f"threshold = {threshold!r}", ""]
    for at, (data, scale) in enumerate(read):
        digest = hashlib.sha256(data).hexdigest()
        lines += ["[[file]]", f'name = "model-{at}.onnx"', f'sha256 = "{digest}"']
        lines += [f"scale = {float(scale)!r}"] if kind == "scaled_crop" else []
        lines += [f"known = {json.dumps(KNOWN.get(digest, ''))}", ""]
    folder = Path(models_dir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for at, (data, _) in enumerate(read):
        (folder / f"model-{at}.onnx").write_bytes(data)
    (folder / "LICENSE").write_text(licence, encoding="utf-8")
    # Last: without it the folder holds no model.
    (folder / MANIFEST).write_text("\n".join(lines), encoding="utf-8")
    loaded = load_liveness(models_dir)
    assert loaded is not None
    return loaded


def _name(name: Any) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ValueError("a file's name")
    return name


def _session(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - onnxruntime's own classes have no common base
        raise LivenessError("liveness_graph_wrong", type(error).__name__) from None


def _check_graph(session: onnxruntime.InferenceSession, kind: str) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type != "tensor(float)" or outputs[0].type != "tensor(float)":
        raise LivenessError("liveness_graph_wrong", "one float input and one float output are wanted")
    shape, out = list(inputs[0].shape), list(outputs[0].shape)
    if len(shape) != 4 or shape[1:] != [3, SIDE, SIDE] or (isinstance(shape[0], int) and shape[0] != 1):
        raise LivenessError("liveness_graph_wrong", f"an input of {shape}, not [N, 3, {SIDE}, {SIDE}]")
    if kind == "five_point" and len(out) != 1:
        raise LivenessError("liveness_graph_wrong", f"an output of {out}, not [N]")
    if kind == "scaled_crop" and (len(out) != 2 or out[1] != 3):
        raise LivenessError("liveness_graph_wrong", f"an output of {out}, not [N, 3]")


def _live(out: np.ndarray, kind: str) -> float:
    """The probability of a live face in a graph's output; NaN when it has none."""
    if kind == "five_point":
        return float(out[0]) if out.shape == (1,) else math.nan
    if out.shape != (1, 3) or not np.isfinite(out).all():
        return math.nan
    powers = np.exp(out[0] - out[0].max())
    return float(powers[1] / powers.sum())


def _aligned(image: np.ndarray, face: Face) -> np.ndarray | None:
    """(80, 80, 3) of the face on the add-on's points; None when too much of it lies outside the picture."""
    points = getattr(face, "keypoints", None)
    if points is None:
        marks = np.asarray(face.landmarks, np.float64)
        # The mean face's points stand right eye of the picture first.
        points = np.array([marks[2:4].mean(0), marks[0:2].mean(0), marks[4]])
        a, b = align.similarity(points, _TARGET_OF_EYES_AND_BASE)
    else:
        a, b = align.similarity(np.asarray(points, np.float64), _TARGET)
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    if not np.isfinite(matrix).all():
        return None
    seen = cv2.warpAffine(np.ones(image.shape[:2], np.float32), matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    if 1.0 - float(seen.mean()) > OUTSIDE_MAX:
        return None
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _scaled(image: np.ndarray, face: Face, scale: float) -> np.ndarray | None:
    """(80, 80, 3) of the face's box times ``scale``, moved into the picture where it would reach beyond.

    A face that leaves room for less than 0.7 of the scale is not what the model was made for: None.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = face.box
    box_w, box_h = max(right - left, 1.0), max(bottom - top, 1.0)
    room = min((height - 1) / box_h, (width - 1) / box_w, scale)
    if room < (1.0 - OUTSIDE_MAX) * scale:
        return None
    wide, high = box_w * room, box_h * room
    x = min(max((left + right) / 2 - wide / 2, 0.0), width - 1 - wide)
    y = min(max((top + bottom) / 2 - high / 2, 0.0), height - 1 - high)
    cut = image[round(y) : round(y + high) + 1, round(x) : round(x + wide) + 1]
    return cv2.resize(cut, (SIDE, SIDE)) if cut.size else None
