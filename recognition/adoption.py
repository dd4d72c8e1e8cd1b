"""Weights a user already has, made a pack: a folder or zip of the insightface package or of OpenCV's zoo, or a dlib file.

    look     what it is, whether its bytes are the published ones, under which terms; nothing is written
    adopt    the graphs checked against what they should be and against their own library, then ``models/<id>/``

Nothing is ever downloaded, and never more than detection and recognition is taken. Every file's SHA-256 is written into
the pack; bytes that neither a manifest nor the list below vouches for are taken only when somebody says so.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from recognition import align, build, detectors, graph, runner, samples, writing
from recognition.engine import Engine
from recognition.pack import (
    DEFAULT_PACK,
    MANIFEST,
    PACK_ID,
    ModelPart,
    Pack,
    PackError,
    ThresholdRow,
    Weakness,
)

_ZIP_ENTRIES_MAX = 64
_FILE_BYTES_MAX = 1 << 30
V2_MANIFEST = "manifest.json"

INSIGHTFACE_TERMS = """\
Weights trained by InsightFace (https://github.com/deepinsight/insightface, model zoo).

Their publisher makes them available for non-commercial research purposes only; the MIT licence of the insightface package
is for its code and does not reach them. Running them on a building site, also inside one's own company, needs a licence
from the publisher. By accepting, you say that you hold such a licence, or that your use is non-commercial research.
"""
YUNET_SFACE_TERMS = """\
face_detection_yunet_2023mar.onnx   MIT License, Copyright (c) 2020 Shiqi Yu
face_recognition_sface_2021dec.onnx Apache License 2.0

Both published in OpenCV's model zoo (https://github.com/opencv/opencv_zoo), whose LICENSE files hold the full texts. The
photographs that the recogniser was trained on had terms of their own.
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A published file: its digest is enough to know it, whatever it is called."""

    file: str
    model: str
    licence: str
    terms: str
    source: str


_ZOO = "InsightFace model zoo, release v0.7"
_NC = "non-commercial research only (InsightFace)"
_OPENCV = "OpenCV model zoo"
# Digests as several independent public repositories pin them for the same files of the same releases.
KNOWN: dict[str, Known] = {
    "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91": Known("det_10g.onnx", "scrfd-10g-kps", _NC, INSIGHTFACE_TERMS, _ZOO),
    "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9": Known("det_2.5g.onnx", "scrfd-2.5g-kps", _NC, INSIGHTFACE_TERMS, _ZOO),
    "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a": Known("det_500m.onnx", "scrfd-500m-kps", _NC, INSIGHTFACE_TERMS, _ZOO),
    "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43": Known("w600k_r50.onnx", "arcface-w600k-r50", _NC, INSIGHTFACE_TERMS, _ZOO),
    "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f": Known("w600k_mbf.onnx", "arcface-w600k-mbf", _NC, INSIGHTFACE_TERMS, _ZOO),
    "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf": Known("glintr100.onnx", "arcface-glint360k-r100", _NC, INSIGHTFACE_TERMS, _ZOO),
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4": Known("face_detection_yunet_2023mar.onnx", "yunet-2023mar", "MIT", YUNET_SFACE_TERMS, _OPENCV),
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79": Known("face_recognition_sface_2021dec.onnx", "sface-2021dec", "Apache-2.0", YUNET_SFACE_TERMS, _OPENCV),
}  # fmt: skip
ARCHIVES = {
    "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f": "buffalo_l.zip",
    "d98264bd8f2dc75cbc2ddce2a14e636e02bb857b3051c234b737bf3b614edca9": "buffalo_m.zip",
    "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e": "buffalo_s.zip",
    "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72": "buffalo_sc.zip",
    "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5": "antelopev2.zip",
}
_NAMES = {known.file: known for known in KNOWN.values()} | {"scrfd_10g_bnkps.onnx": KNOWN["5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"]}

# One figure is published for packs of this kind: 0.4078 at a false accept rate of 1e-6, for w600k_r50 on mixed faces. It is
# asked of the smallest roster too, because nothing was measured here; more is asked of larger ones.
THRESHOLD_ROWS = (ThresholdRow(1000, 0.42, 0.06), ThresholdRow(10_000, 0.45, 0.06), ThresholdRow(None, 0.50, 0.06))

NO_LIVENESS = build.WEAKNESSES[2]
_PUBLISHED = {
    "arcface-w600k-mbf": Weakness(
        zh="发布方公布：误认率 1e-6 时，东亚人脸只有 51% 能被认出（全部人脸 72%）。严格阈值下，东亚工人约有一半照片会被拒。",
        en="Published by its maker: at a false accept rate of 1e-6 it recognises 51 % of East Asian faces (72 % of all). At a strict "
        "threshold half of the frames of East Asian workers are refused.",
    ),
    "arcface-w600k-r50": Weakness(
        zh="发布方公布：误认率 1e-6 时，东亚人脸认出率 75%（全部人脸 91%）。",
        en="Published by its maker: at a false accept rate of 1e-6 it recognises 75 % of East Asian faces (91 % of all).",
    ),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What a folder, archive or file holds, before anything is written."""

    source: str
    """Its name, as the user gave it."""
    kind: str
    """insightface, opencv or dlib."""
    pack_id: str
    """A name for the pack, made of the source's."""
    parts: tuple[tuple[str, ModelPart], ...]
    """(detector | embedding, what it is)."""
    dimension: int
    licence: str
    terms: str
    """The terms to be shown; "" when they have to be given."""
    vouched: dict[str, str]
    """File -> who says that these are its bytes: "published", "manifest" or "" for nobody."""
    ignored: tuple[str, ...]
    """Files that are not taken: other tasks, other formats."""
    archive: str
    """The published archive that the file is, or ""."""
    warnings: tuple[str, ...]
    contents: dict[str, bytes]

    @property
    def unvouched(self) -> tuple[str, ...]:
        return tuple(name for name, by in self.vouched.items() if not by)


def look(path: Path) -> Offer:
    """Say what ``path`` is. Reads, and writes nothing.

    Args:
        path: a folder, a ``.zip``, or a dlib ``.dat``. A bare name is never looked up anywhere.

    Raises:
        PackError: source_missing, source_unreadable, source_changed for a file whose manifest has another digest,
            manifest_wrong, digest_missing, or graph_wrong.
    """
    path = Path(path)
    if path.is_dir():
        return _insight_or_opencv(path.name, _folder(path), "")
    if not path.is_file():
        raise PackError("source_missing", str(path))
    if path.suffix.lower() == ".dat":
        data = path.read_bytes()
        return Offer(
            path.name, "dlib", _pack_id(path.stem), (), 128, "", "", {path.name: ""}, (), "", (), {path.name: data}
        )
    data = path.read_bytes()
    archive = ARCHIVES.get(writing.digest(data), "")
    warnings = ()
    if not archive and path.name in ARCHIVES.values():
        warnings = (f"{path.name} is not the published archive of that name",)
    offer = _insight_or_opencv(path.stem, _zip(path.name, data), archive)
    return replace(offer, source=path.name, warnings=(*warnings, *offer.warnings))


def _pack_id(name: str) -> str:
    cleaned = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name.lower()).strip("._-")
    return cleaned[:64] or "pack"


def _folder(path: Path) -> dict[str, bytes]:
    """The files of a folder, or of the only folder in it (some archives unpack into two)."""
    files = [entry for entry in sorted(path.iterdir()) if entry.is_file() and not entry.name.startswith(".")]
    inner = [entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_"))]
    if not any(file.suffix == ".onnx" for file in files) and len(inner) == 1:
        return _folder(inner[0])
    contents = {}
    for file in files:
        if file.stat().st_size > _FILE_BYTES_MAX:
            raise PackError("source_unreadable", f"{file.name} is larger than {_FILE_BYTES_MAX} bytes")
        contents[file.name] = file.read_bytes()
    return contents


def _zip(name: str, data: bytes) -> dict[str, bytes]:
    """The files of an archive by their last name; folders in it count for nothing, and nothing is unpacked to disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > _ZIP_ENTRIES_MAX or sum(entry.file_size for entry in entries) > 2 * _FILE_BYTES_MAX:
                raise PackError("source_unreadable", f"{name} holds more than a pack does")
            contents: dict[str, bytes] = {}
            for entry in entries:
                short = PurePosixPath(entry.filename).name
                if short.startswith(".") or "__MACOSX" in entry.filename:
                    continue
                if short in contents:
                    raise PackError("source_unreadable", f"{name} holds two files {short}")
                with archive.open(entry) as file:
                    # What the directory promises is not believed: reading stops one byte past it.
                    contents[short] = file.read(entry.file_size + 1)
                if len(contents[short]) != entry.file_size:
                    raise PackError("source_unreadable", f"{name}: {short} is not as long as it says")
            return contents
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise PackError("source_unreadable", f"{name}: {type(error).__name__}") from None


def _insight_or_opencv(name: str, contents: dict[str, bytes], archive: str) -> Offer:
    declared = _declared(contents)
    if declared is None:
        declared = _routed(contents)
    parts, dimension, vouched, warnings = declared
    kind = "opencv" if parts["detector"].kind == "yunet" else "insightface"
    known = [KNOWN.get(part.weights_sha256) for part in parts.values()]
    licence_file = next((data for file, data in contents.items() if file.upper() in ("MODEL.LICENSE", "LICENSE", "LICENSE.TXT")), b"")
    # The publisher's words for what we know; else the words that came along; else somebody has to give them.
    terms = "\n".join(dict.fromkeys(entry.terms for entry in known if entry)) if all(known) else licence_file.decode("utf-8", "replace")
    licence = ", ".join(dict.fromkeys(entry.licence for entry in known if entry)) if all(known) else "see LICENSE"
    taken = {part.file for part in parts.values()}
    for file in taken:
        published = _NAMES.get(file)
        if published and KNOWN.get(writing.digest(contents[file])) != published:
            warnings = (*warnings, f"{file} is not the published file of that name")
    return Offer(
        source=name,
        kind=kind,
        pack_id=_pack_id(name),
        parts=tuple(parts.items()),
        dimension=dimension,
        licence=licence,
        terms=terms,
        vouched=vouched,
        ignored=tuple(sorted(set(contents) - taken)),
        archive=archive,
        warnings=warnings,
        contents={file: contents[file] for file in taken},
    )


_Declared = tuple[dict[str, ModelPart], int, dict[str, str], tuple[str, ...]]


def _declared(contents: dict[str, bytes]) -> _Declared | None:
    """A manifest of version 2 as the insightface package itself reads it, or None where there is none.

    Its digests are optional there; here a file without one has to be a published file, or be accepted by somebody.
    """
    if V2_MANIFEST not in contents:
        return None
    try:
        from insightface.model_zoo import package_manifest
    except ImportError as error:
        raise PackError("provider_missing", f"{error.name} is needed to read {V2_MANIFEST}") from None
    with tempfile.TemporaryDirectory() as folder:
        # The package resolves its paths on disk; the files themselves are not needed for that.
        (Path(folder) / V2_MANIFEST).write_bytes(contents[V2_MANIFEST])
        if not package_manifest.has_model_package_manifest(folder):
            return None
        try:
            package = package_manifest.load_model_package(folder)
        except (ValueError, TypeError, OSError) as error:
            raise PackError("manifest_wrong", f"{V2_MANIFEST}: {error}") from None
    parts, vouched, dimension = {}, {}, 0
    for key, task in (("detector", "detection"), ("embedding", "recognition")):
        if task not in package.tasks:
            raise PackError("manifest_wrong", f"{V2_MANIFEST} has no {task}")
        said = package.tasks[task]
        file = PurePosixPath(said.file).name
        if file not in contents:
            raise PackError("source_missing", file)
        digest = writing.digest(contents[file])
        if said.sha256 is not None and said.sha256 != digest:
            raise PackError("source_changed", f"{file} is not the file {V2_MANIFEST} was written for")
        scale = said.metadata["preprocessing"]
        mean, std = (0.0, 1.0) if scale == package_manifest.EMBEDDED_PREPROCESSING else (scale["mean"], scale["std"])
        version = said.metadata["preprocessing_version"]
        if version not in ("insightface-scrfd-1", "insightface-arcface-1"):
            raise PackError("manifest_wrong", f"preprocessing {version!r} is not known to this version")
        parts[key] = _part(file, digest, "scrfd" if key == "detector" else "arcface", mean, std)
        vouched[file] = "published" if digest in KNOWN else "manifest" if said.sha256 else ""
        if key == "embedding":
            dimension = said.metadata["embedding_dimension"]
            if tuple(said.metadata["input_size"]) != (align.FIVE_CHIP, align.FIVE_CHIP):
                raise PackError("manifest_wrong", f"chips of {list(said.metadata['input_size'])}; 112 x 112 is understood")
    for key, part in parts.items():
        sign = graph.signature(graph.read(contents[part.file], part.file), part.file)
        graph.check(sign, part, part.file, dimension)
        del key
    return parts, dimension, vouched, ()


def _routed(contents: dict[str, bytes]) -> _Declared:
    """A folder without such a manifest: each graph is what its inputs and outputs say; two of a kind are too many."""
    parts: dict[str, ModelPart] = {}
    dimension, vouched = 0, {}
    for file, data in contents.items():
        if not file.endswith(".onnx"):
            continue
        model = graph.read(data, file)
        try:
            sign = graph.signature(model, file)
        except PackError:
            continue  # takes something else than a picture: another task
        names = {name for name, _ in sign.outputs}
        if names >= set(graph.YUNET_OUTPUTS):
            key, kind, mean, std = "detector", "yunet", 0.0, 1.0
        elif len(sign.outputs) in graph.SCRFD_OUTPUTS:
            key, kind, mean, std = "detector", "scrfd", 127.5, 128.0
        elif len(sign.outputs) == 1 and sign.shape[2:] == (112, 112) and len(sign.outputs[0][1]) == 2 and (sign.outputs[0][1][1] or 0) >= 64:
            key, kind = "embedding", "arcface"
            own = graph.embedded_scale(model) or _is_sface(file, data)
            mean, std = (0.0, 1.0) if own else (127.5, 127.5)
            dimension = sign.outputs[0][1][1]
        else:
            continue
        if key in parts:
            raise PackError("manifest_wrong", f"{parts[key].file} and {file} are both a {key}")
        digest = writing.digest(data)
        parts[key] = _part(file, digest, kind, mean, std)
        vouched[file] = "published" if digest in KNOWN else ""
        graph.check(sign, parts[key], file, dimension)
    for key, wanted in (("detector", "faces with five landmarks"), ("embedding", "112 x 112 chips")):
        if key not in parts:
            raise PackError("source_unreadable", f"no network for {wanted} among {len(contents)} files")
    return parts, dimension, vouched, ()


def _is_sface(file: str, data: bytes) -> bool:
    """SFace scales for itself, in nodes whose names do not say so."""
    known = KNOWN.get(writing.digest(data))
    return (known.model if known else "").startswith("sface") or "sface" in file.lower()


def _part(file: str, digest: str, kind: str, mean: float, std: float) -> ModelPart:
    known = KNOWN.get(digest)
    return ModelPart(file, known.model if known else f"{kind}:{digest[:16]}", "1", digest, kind, float(mean), float(std))


def adopt(
    offer: Offer,
    models_dir: Path,
    *,
    pack_id: str = "",
    terms: str = "",
    licence_accepted: bool = False,
    bytes_accepted: bool = False,
    thresholds: Iterable[ThresholdRow] | None = None,
) -> Pack:
    """Make the pack ``models_dir``/<pack_id> of what ``look`` found, try it once, and return it.

    Args:
        pack_id: its name; without one the offer's.
        terms: the terms the weights are held under, where the offer has none.
        licence_accepted: somebody read the terms and accepts them.
        bytes_accepted: somebody answers for files that nobody vouches for.
        thresholds: measured on these very weights; without them the pack counts as not calibrated.

    Raises:
        PackError: licence_missing, licence_refused, digest_missing, graph_wrong, manifest_wrong or source_unreadable.
    """
    pack_id = pack_id or offer.pack_id
    if not PACK_ID.fullmatch(pack_id) or pack_id == DEFAULT_PACK or pack_id == "synthetic":
        raise PackError("manifest_wrong", f"{pack_id!r} cannot be the name of an added pack")
    text = offer.terms or terms
    if not text.strip():
        raise PackError("licence_missing", f"the terms of {offer.source} are not known; hand them over as a text")
    if not licence_accepted:
        raise PackError("licence_refused", f"the terms of {offer.source} were not accepted")
    if offer.unvouched and not bytes_accepted:
        raise PackError("digest_missing", f"nobody vouches for {', '.join(offer.unvouched)}")
    if offer.kind == "dlib":
        ((name, data),) = offer.contents.items()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            return build.import_dat(path, Path(models_dir), pack_id, text, thresholds=thresholds)
    parts = dict(offer.parts)
    sources = {part.file: _source(offer, part) for part in parts.values()}
    files = [
        writing.file_row(part.file, offer.contents[part.file], sources[part.file], _licence_of(offer, part)) for part in parts.values()
    ]
    files.append(writing.file_row("LICENSE", text.encode(), "shown and accepted when the pack was added", offer.licence or "see LICENSE"))
    weaknesses = [_PUBLISHED[part.model] for part in parts.values() if part.model in _PUBLISHED]
    manifest = _manifest(offer, pack_id, parts, thresholds, [*weaknesses, NO_LIVENESS, build.UNMEASURED], files)
    contents = {part.file: offer.contents[part.file] for part in parts.values()}
    with tempfile.TemporaryDirectory() as folder:
        # Tried before it is put where a service could load it.
        trial = writing.install(Path(folder) / pack_id, {**contents, "LICENSE": text.encode(), MANIFEST: manifest.encode()})
        compare_with_library(Engine(trial))
    return writing.install(Path(models_dir) / pack_id, {**contents, "LICENSE": text.encode(), MANIFEST: manifest.encode()})


def _source(offer: Offer, part: ModelPart) -> str:
    known = KNOWN.get(part.weights_sha256)
    if known:
        return f"{known.source}, from {offer.archive or offer.source}"
    return f"{offer.source}; {'its own manifest vouches' if offer.vouched[part.file] else 'accepted without a published digest'}"


def _licence_of(offer: Offer, part: ModelPart) -> str:
    known = KNOWN.get(part.weights_sha256)
    return known.licence if known else offer.licence or "see LICENSE"


def _manifest(offer, pack_id, parts, thresholds, weaknesses, files) -> str:
    detector, embedding = parts["detector"], parts["embedding"]
    top = {
        "format": 2, "id": pack_id, "version": "1.0.0", "metric": "cosine", "calibrated": thresholds is not None,
        "needs_confirmation_advised": True, "face_px_min": 60,
    }  # fmt: skip
    tables = [writing.table("", top), writing.table("[name]", {"zh": pack_id, "en": pack_id})]
    for key, part in (("detector", detector), ("embedding", embedding)):
        fields: dict[str, object] = asdict(part)
        if key == "embedding":
            scale = f"{part.mean:g}-{part.std:g}"
            # Another detector puts its five points elsewhere, and with them the chip.
            fields |= {"dimension": offer.dimension, "preprocessing": f"five-point-chip-112-{detector.model}-{scale}"}
        tables.append(writing.table(f"[{key}]", fields))
    tables.append(writing.table("[enrolment]", {"photographs_min": 1, "photographs_advised": 3, "jitters": 1}))
    tables += [writing.table("[[threshold]]", asdict(row)) for row in (thresholds or THRESHOLD_ROWS)]
    tables += [writing.table("[[weakness]]", asdict(row)) for row in weaknesses]
    tables += [writing.table("[[file]]", row) for row in files]
    return "\n".join(tables)


# -- does it say what its own library says? ------------------------------------------------------


def compare_with_library(engine: Engine, picture: np.ndarray | None = None) -> tuple[str, ...]:
    """Run one picture through the classes of insightface, or of OpenCV, and through ours; return what was compared.

    Reading a graph's signature right is not enough: a wrong order of colours or scale gives embeddings too, of the
    wrong kind. So the library that the weights were made for is asked once.

    Args:
        picture: (H, W, 3) RGB, sides multiples of 32; none = a group of six people.

    Raises:
        PackError: graph_wrong, the two differ; provider_missing, the library is not there.
    """
    pack = engine.pack
    detector, embedding = pack.parts["detector"], pack.parts["embedding"]
    if detector.kind == "mmod":
        return ()
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for part in (detector, embedding):
            paths[part.file] = Path(folder) / part.file
            paths[part.file].write_bytes(pack.read(part.file))
        theirs = _opencv if detector.kind == "yunet" else _insightface
        return theirs(engine, paths[detector.file], paths[embedding.file], _picture() if picture is None else picture)


def _picture() -> np.ndarray:
    """(448, 640, 3) RGB: the group picture that insightface brings along, or soft noise where it does not."""
    image = samples.group_picture()
    if image is not None:
        return cv2.resize(image, (640, 448), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(np.random.default_rng(5).integers(0, 256, (448, 640, 3), np.uint8), (0, 0), 4)


def _chips() -> list[np.ndarray]:
    picture = _picture()
    return [np.ascontiguousarray(picture[y : y + 112, x : x + 112]) for y, x in ((90, 200), (250, 60), (300, 420))]


def _insightface(engine: Engine, detector: Path, embedding: Path, picture: np.ndarray) -> tuple[str, ...]:
    try:
        from insightface.model_zoo.arcface_onnx import ArcFaceONNX
        from insightface.model_zoo.scrfd import SCRFD
    except ImportError as error:
        raise PackError("provider_missing", f"{error.name} is needed to try the pack") from None
    theirs = SCRFD(str(detector), session=runner.session(detector.read_bytes(), "detector", runner.options()), static_shape_sessions=False)
    part = engine.pack.parts["detector"]
    theirs.input_mean, theirs.input_std = part.mean, part.std
    size = theirs.static_input_size or (picture.shape[1], picture.shape[0])
    boxes, points = theirs.detect(np.ascontiguousarray(picture[:, :, ::-1]), input_size=size, det_thresh=detectors.SCORE_MIN)
    ours = detectors.suppress(engine._detector._pass(picture, (size[1], size[0]), None))
    _same_faces(boxes[:, :4], points, boxes[:, 4], ours)
    part = engine.pack.parts["embedding"]
    recogniser = ArcFaceONNX(str(embedding), session=runner.session(embedding.read_bytes(), "embedding", runner.options()))
    recogniser.input_mean, recogniser.input_std = part.mean, part.std
    said = np.concatenate([recogniser.get_feat(np.ascontiguousarray(chip[:, :, ::-1])) for chip in _chips()])
    return (f"{len(ours)} faces as insightface finds them", _same_chips(engine, said))


def _opencv(engine: Engine, detector: Path, embedding: Path, picture: np.ndarray) -> tuple[str, ...]:
    size = engine._detector._run.size or picture.shape[:2]
    canvas = np.zeros((*size, 3), np.uint8)
    canvas[: picture.shape[0], : picture.shape[1]] = picture[: size[0], : size[1]]
    try:
        theirs = cv2.FaceDetectorYN.create(str(detector), "", (size[1], size[0]), detectors.SCORE_MIN, detectors.OVERLAP_MAX)
        rows = theirs.detect(np.ascontiguousarray(canvas[:, :, ::-1]))[1]
        recogniser = cv2.FaceRecognizerSF.create(str(embedding), "")
        said = np.concatenate([recogniser.feature(np.ascontiguousarray(chip[:, :, ::-1])).reshape(1, -1) for chip in _chips()])
    except cv2.error as error:
        raise PackError("graph_wrong", f"OpenCV does not run it: {error.err or error}") from None
    rows = np.zeros((0, 15), np.float32) if rows is None else rows
    boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], 1)
    ours = detectors.suppress(engine._detector._pass(canvas, size, None))
    _same_faces(boxes, rows[:, 4:14].reshape(-1, 5, 2), rows[:, 14], ours)
    return (f"{len(ours)} faces as OpenCV finds them", _same_chips(engine, said))


def _same_faces(boxes: np.ndarray, points: np.ndarray, scores: np.ndarray, ours: list[detectors.Found]) -> None:
    """Every face that is not just at the threshold is found by both, within a pixel."""
    for box, five, score in zip(boxes, points, scores, strict=True):
        if score < detectors.SCORE_MIN + 0.02:
            continue
        nearest = min((float(np.abs(np.array(face.box) - box).max()), float(np.abs(face.keypoints - five).max())) for face in ours) if ours else None
        if nearest is None or max(nearest) > 1.5:
            raise PackError("graph_wrong", f"a face of score {score:.2f} that its own library finds is {'not found' if nearest is None else 'elsewhere'}")
    if len([face for face in ours if face.score >= detectors.SCORE_MIN + 0.02]) > len(boxes):
        raise PackError("graph_wrong", "more faces than its own library finds")


def _same_chips(engine: Engine, said: np.ndarray) -> str:
    ours = engine.embed(np.stack(_chips()))
    if ours is None or said.shape != ours.shape:
        raise PackError("graph_wrong", "an embedding of another size than its own library's")
    said = said / np.linalg.norm(said, axis=1, keepdims=True)
    worst = float((said * ours).sum(1).min())
    if not worst >= 0.9999:
        raise PackError("graph_wrong", f"embeddings differ from its own library's: cosine {worst:.4f}")
    return f"embeddings as its own library's, cosine {worst:.6f}"
