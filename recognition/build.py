"""Build the default pack out of the installed weights, or another pack out of a weight file one has.

Of the four weight files in the distribution ``face_recognition_models`` three are read. The
fourth, with 68 landmarks, is never opened: it was trained on photographs (iBUG 300-W) that
exclude commercial use. The distribution itself is never imported either: its ``__init__``
needs ``pkg_resources``, which setuptools no longer ships.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from recognition import dat, nets, writing
from recognition.limits import FarPoint
from recognition.pack import (
    DEFAULT_PACK,
    MANIFEST,
    PACK_ID,
    Pack,
    PackError,
    ThresholdRow,
    Weakness,
    load_pack,
)

BUILDER = 2
"""Raised when this file would write something else: an older default pack is then built anew."""

Progress = Callable[[str, float], None]

_SOURCE = "https://github.com/davisking/dlib-models (Davis E. King), by way of face_recognition_models 0.3.0"
_LICENCE = "CC0-1.0"


@dataclass(frozen=True)
class _Weights:
    file: str
    sha256: str
    model: str


# The digests are those of the files in face_recognition_models 0.3.0.
_EMBEDDING = _Weights(
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    "dlib-face-recognition-resnet-v1",
)
_DETECTOR = _Weights(
    "mmod_human_face_detector.dat",
    "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    "dlib-mmod-human-face",
)
_LANDMARKS = _Weights(
    "shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    "dlib-shape-predictor-5",
)

PREPROCESSING = "dlib-five-point-chip-150"
"""align.py's chip and the raw vector of the network. Change the name when either changes a number."""

# Distances .50, .475, .45 and .40, as similarities. Measured (research/model_pack.md 8): mean of
# three photographs misses 0.2 / 1.3 / 1.9 / 6.7 % of genuine frames; of 46,657 pairs of different
# people none lay below .475 and 2e-5 below .50. Beyond 1000 people only .40 had no false pair in
# any set, East Asian faces included, so that is where unmeasured rosters begin.
THRESHOLD_ROWS = (
    ThresholdRow(100, 0.50, 0.08),
    ThresholdRow(200, 0.525, 0.08),
    ThresholdRow(1000, 0.55, 0.08),
    ThresholdRow(None, 0.60, 0.08),
)

# Rates of one comparison. The author's own LFW run has 0.70 % at distance .60 (model_pack.md 8); our photographs, which
# flatter the model, fall by a factor of 2.6 for each .025 of distance, and so does this curve. 38,328 pairs support
# about 1e-4; below that it is drawn on. It says nothing about East Asian faces (WEAKNESSES): measure your own.
FAR_POINTS = (
    FarPoint(7e-3, 0.400),
    FarPoint(1e-3, 0.451),
    FarPoint(1e-4, 0.511),
    FarPoint(1e-5, 0.571),
    FarPoint(1e-6, 0.632),
    FarPoint(1e-7, 0.692),
)
FAR_MEASURED_TO = 1e-4

WEAKNESSES = (
    Weakness(
        zh="对东亚人脸的区分能力明显不足：在日本人照片样本（501 对不同的人）中，距离阈值 0.60 时误认 25%，0.50 时误认 4.6%；"
        "另一组 10 名日本男演员中，89% 的不同人组合落在 0.60 以内。同样阈值在其余照片上的误认率约为 0.1% 与 0.002%。样本小，但差距达两到三个数量级。",
        en="Tells East Asian faces apart much worse: of 501 pairs of different people in Japanese photographs 25 % passed at distance "
        "0.60 and 4.6 % at 0.50; of ten Japanese actors 89 % of the pairs lay below 0.60. On the other photographs the same "
        "thresholds let through about 0.1 % and 0.002 %. The sample is small; the gap is two to three orders of magnitude.",
    ),
    Weakness(
        zh="因此默认阈值（0.50 及更严）和领先差 0.08 只能减轻而不能消除误认：同一东亚小样本中，未登记者仍有约 3% 被认成他人。请配合人工确认使用，不可用于无人看守的通行控制。",
        en="The default thresholds (0.50 and stricter) with a margin of 0.08 lessen this and do not cure it: in the same small sample about "
        "3 % of people who were not enrolled were still taken for somebody. Use it with a person confirming, not to open a gate nobody watches.",
    ),
    Weakness(
        zh="未做活体检测：一张照片即可通过。",
        en="Does not tell a living face from a photograph of one.",
    ),
    Weakness(
        zh="口罩、深色遮挡：遮住下半脸时只有约 80% 能检出，且特征漂移大；画面亮度低于约 12% 时基本检不出；未成年人和侧倒 90 度的头部结果不可靠。",
        en="Covering the lower half of the face loses one face in five and shifts the rest; below about 12 % brightness hardly any face is found; "
        "results for minors and for heads lying on their side are unreliable.",
    ),
    Weakness(
        zh="对 1000 人以上名册的误认率没有实测，只有外推；阈值因此更严，真实工人被拒的比例约为 7%（三张登记照片）。",
        en="Nothing was measured for rosters above 1000; the threshold there is stricter on purpose and refuses about 7 % of genuine "
        "frames with three enrolment photographs.",
    ),
)

UNMEASURED = Weakness(
    zh="自行导入的模型：未在本系统中实测，其薄弱之处未知。",
    en="Imported weights: not measured here, so what they are bad at is not known.",
)

LICENCE_TEXT = """\
The weights in this folder were converted, without changing what they compute, from

    dlib_face_recognition_resnet_model_v1.dat   embedding.onnx
    mmod_human_face_detector.dat                detector.onnx
    shape_predictor_5_face_landmarks.dat        landmarks.npz

published by Davis E. King at https://github.com/davisking/dlib-models, who released them into
the public domain; that repository is licensed CC0 1.0 Universal:
https://creativecommons.org/publicdomain/zero/1.0/

The photographs that the embedding network was trained on (FaceScrub, VGG-Face, images from the
web) had terms of their own, some for research only. Whether those terms reach the weights is a
question that this file does not answer.
"""


def sources_folder() -> Path:
    """Return the folder with the installed weight files, without importing their distribution.

    Raises:
        PackError: source_missing.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        if (Path(place) / "models").is_dir():
            return Path(place) / "models"
    raise PackError("source_missing", "the distribution face_recognition_models is not installed")


def _read_source(folder: Path, weights: _Weights) -> bytes:
    try:
        data = (folder / weights.file).read_bytes()
    except OSError:
        raise PackError("source_missing", weights.file) from None
    if hashlib.sha256(data).hexdigest() != weights.sha256:
        raise PackError("source_changed", f"{weights.file} is not the published file")
    return data


def _convert(what: str, read: Callable, write: Callable[..., bytes], data: bytes) -> bytes:
    try:
        return write(read(data))
    except dat.DatError as error:
        raise PackError("source_unreadable", f"{what}: {error}") from error
    except ModuleNotFoundError as error:
        raise PackError("writer_missing", f"{error.name} is needed to build a pack; install it and try again") from None


def landmarks_npz(predictor: dat.ShapePredictor) -> bytes:
    """The trees as a zip of plain arrays. numpy dates the members 1980, so the bytes repeat."""
    buffer = io.BytesIO()
    np.savez(buffer, **asdict(predictor))
    return buffer.getvalue()


# -- the manifest ----------------------------------------------------------------------------


def _manifest(
    *,
    pack_id: str,
    version: str,
    name_zh: str,
    name_en: str,
    calibrated: bool,
    thresholds: Iterable[ThresholdRow],
    weaknesses: Iterable[Weakness],
    parts: dict[str, tuple[str, str, str]],
    files: Iterable[dict[str, object]],
    far: Iterable[FarPoint] = (),
) -> str:
    far = tuple(far)
    top = {
        "format": 1,
        "id": pack_id,
        "version": version,
        "builder": BUILDER,
        "metric": "euclidean",
        "calibrated": calibrated,
        "needs_confirmation_advised": True,
        "face_px_min": 60,
        "far_measured_to": FAR_MEASURED_TO if far else None,
    }
    tables = [writing.table("", top), writing.table("[name]", {"zh": name_zh, "en": name_en})]
    for part, (file, model, digest) in parts.items():
        fields: dict[str, object] = {"file": file, "model": model, "version": "1", "weights_sha256": digest}
        if part == "embedding":
            fields |= {"dimension": 128, "preprocessing": PREPROCESSING}
        tables.append(writing.table(f"[{part}]", fields))
    tables.append(writing.table("[enrolment]", {"photographs_min": 1, "photographs_advised": 3, "jitters": 10}))
    tables += [writing.table("[[threshold]]", asdict(row)) for row in thresholds]
    tables += [writing.table("[[far]]", asdict(point)) for point in far]
    tables += [writing.table("[[weakness]]", asdict(row)) for row in weaknesses]
    tables += [writing.table("[[file]]", row) for row in files]
    return "\n".join(tables)


# -- the two ways to a pack ------------------------------------------------------------------


def build_default_pack(models_dir: Path, *, progress: Progress | None = None, force: bool = False) -> Pack:
    """Build ``models_dir``/dlib-resnet-v1 from the installed weights; some seconds, once.

    A pack that is there, verifies, and was written by this version of the builder is returned as
    it is. The same sources and the same version of ``onnx`` give the same bytes.

    Args:
        progress: told what is being done, and the share already done, 0..1.
        force: build even if a good pack is there.

    Raises:
        PackError: source_missing, source_changed, source_unreadable or writer_missing.
    """
    folder = Path(models_dir) / DEFAULT_PACK
    tell = progress or (lambda step, share: None)
    if not force and (pack := _already_built(folder)):
        tell("verified", 1.0)
        return pack

    tell("sources", 0.0)
    source = sources_folder()
    weights = {weights: _read_source(source, weights) for weights in (_EMBEDDING, _DETECTOR, _LANDMARKS)}
    tell("embedding", 0.1)
    embedding = _convert(_EMBEDDING.file, dat.read_embedding, nets.emit_embedding, weights[_EMBEDDING])
    tell("detector", 0.4)
    detector = _convert(_DETECTOR.file, dat.read_detector, nets.emit_detector, weights[_DETECTOR])
    tell("landmarks", 0.45)
    landmarks = _convert(_LANDMARKS.file, dat.read_landmarks, landmarks_npz, weights[_LANDMARKS])
    tell("writing", 0.9)
    licence = LICENCE_TEXT.encode()
    manifest = _manifest(
        pack_id=DEFAULT_PACK,
        version="1.0.0",
        name_zh="默认识别模型（dlib ResNet）",
        name_en="Default recognition models (dlib ResNet)",
        calibrated=True,
        thresholds=THRESHOLD_ROWS,
        far=FAR_POINTS,
        weaknesses=WEAKNESSES,
        parts={
            "embedding": ("embedding.onnx", _EMBEDDING.model, _EMBEDDING.sha256),
            "detector": ("detector.onnx", _DETECTOR.model, _DETECTOR.sha256),
            "landmarks": ("landmarks.npz", _LANDMARKS.model, _LANDMARKS.sha256),
        },
        files=[
            writing.file_row("embedding.onnx", embedding, f"{_EMBEDDING.file} of {_SOURCE}", _LICENCE),
            writing.file_row("detector.onnx", detector, f"{_DETECTOR.file} of {_SOURCE}", _LICENCE),
            writing.file_row("landmarks.npz", landmarks, f"{_LANDMARKS.file} of {_SOURCE}", _LICENCE),
            writing.file_row("LICENSE", licence, "written by the pack builder", _LICENCE),
        ],
    )
    pack = writing.install(
        folder,
        {
            "embedding.onnx": embedding,
            "detector.onnx": detector,
            "landmarks.npz": landmarks,
            "LICENSE": licence,
            MANIFEST: manifest.encode(),
        },
    )
    tell("built", 1.0)
    return pack


def _already_built(folder: Path) -> Pack | None:
    try:
        pack = load_pack(folder)
        manifest = (folder / MANIFEST).read_text("utf-8")
    except (PackError, OSError):
        return None
    return pack if f"\nbuilder = {BUILDER}\n" in manifest else None


def import_dat(
    path: Path,
    models_dir: Path,
    pack_id: str,
    licence_text: str,
    *,
    name_zh: str = "",
    name_en: str = "",
    licence: str = "see LICENSE",
    source: str = "",
    thresholds: Iterable[ThresholdRow] | None = None,
    weaknesses: Iterable[Weakness] = (UNMEASURED,),
    progress: Progress | None = None,
) -> Pack:
    """Make a pack of another weight file of the same embedding network.

    Detector and landmarks are those of the default pack, which is built first if need be.
    Without thresholds the default table is taken over and the pack is marked as not
    calibrated: similarities of other weights lie elsewhere, so measure before relying on it.

    Args:
        path: the ``.dat`` file.
        licence_text: the terms its holder has the weights under, kept in the pack.
        name_zh, name_en: what to call the pack on screens; without them its id.
        licence: the terms in one word, such as an SPDX name.
        source: where the file came from; without it the file's own name.

    Raises:
        PackError: source_missing or source_unreadable for the file, manifest_wrong for a pack_id
            or thresholds that make no sense, or what building the default pack raises.
    """
    if not PACK_ID.fullmatch(pack_id) or pack_id == DEFAULT_PACK:
        raise PackError("manifest_wrong", f"{pack_id!r} cannot be the name of an imported pack")
    if not licence_text.strip():
        raise PackError("manifest_wrong", "weights without their terms are not imported")
    tell = progress or (lambda step, share: None)
    try:
        data = Path(path).read_bytes()
    except OSError:
        raise PackError("source_missing", str(path)) from None
    base = build_default_pack(models_dir)
    tell("embedding", 0.3)
    embedding = _convert(Path(path).name, dat.read_embedding, nets.emit_embedding, data)
    tell("writing", 0.9)
    digest = writing.digest(data)
    terms = licence_text.encode()
    detector, landmarks, base_terms = (base.read(name) for name in ("detector.onnx", "landmarks.npz", "LICENSE"))
    origin = {file.name: file.source for file in base.files}
    manifest = _manifest(
        pack_id=pack_id,
        version="1.0.0",
        name_zh=name_zh or pack_id,
        name_en=name_en or pack_id,
        calibrated=thresholds is not None,
        thresholds=THRESHOLD_ROWS if thresholds is None else thresholds,
        weaknesses=weaknesses,
        parts={
            "embedding": ("embedding.onnx", f"dlib-face-recognition-resnet:{digest[:16]}", digest),
            "detector": ("detector.onnx", _DETECTOR.model, _DETECTOR.sha256),
            "landmarks": ("landmarks.npz", _LANDMARKS.model, _LANDMARKS.sha256),
        },
        files=[
            writing.file_row("embedding.onnx", embedding, source or Path(path).name, licence),
            writing.file_row("detector.onnx", detector, origin["detector.onnx"], _LICENCE),
            writing.file_row("landmarks.npz", landmarks, origin["landmarks.npz"], _LICENCE),
            writing.file_row("LICENSE", terms, "handed over with the import", licence),
            writing.file_row("LICENSE.default", base_terms, "the default pack", _LICENCE),
        ],
    )
    pack = writing.install(
        Path(models_dir) / pack_id,
        {
            "embedding.onnx": embedding,
            "detector.onnx": detector,
            "landmarks.npz": landmarks,
            "LICENSE": terms,
            "LICENSE.default": base_terms,
            MANIFEST: manifest.encode(),
        },
    )
    tell("built", 1.0)
    return pack
