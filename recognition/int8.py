"""A pack computed in whole numbers, made on the user's own machine out of his own photographs, or refused.

Networks of the ResNet kind take less than half the time in int8 where the processor has instructions for it (VNNI, AMX);
depth-wise ones gain nothing and are refused. What rounding does to embeddings depends on the weights and on the faces, so it
is measured on photographs that were not used to set the scales, and a pack that drifts too far is not made.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from recognition import align, graph, runner, writing
from recognition.build import Progress
from recognition.detectors import Found
from recognition.engine import Engine
from recognition.pack import MANIFEST, PACK_ID, ModelPart, Pack, PackError

PHOTOGRAPHS_MIN = 24
"""Half of them set the scales, half measure the drift."""
COSINE_MEDIAN_MIN = 0.995
COSINE_MIN = 0.98
"""What an embedding may move. Measured on the embedded pack: 0.9996 in the median, 0.9976 at the first hundredth; two photographs
of one person lie much further apart."""
OVERLAP_MIN = 0.80
"""How well the box of every face must agree with the original's; no face may be lost, and none added."""
QUICKER_MIN = 1.25
SUFFIX = "-int8"


@dataclass(frozen=True, slots=True)
class Drift:
    """What rounding did, on the photographs that were held back."""

    photographs: int
    cosine_median: float
    cosine_least: float
    faces: int
    faces_lost: int
    faces_added: int
    overlap_least: float
    quicker: dict[str, float]
    """Part -> how many times as quick on this machine; parts that stayed as they were are not in it."""


def quantise(
    pack: Pack, photographs: Sequence[np.ndarray], models_dir: Path, *, pack_id: str = "", progress: Progress | None = None
) -> tuple[Pack, Drift]:
    """Make ``models_dir``/<pack_id> of ``pack`` in int8; return it and what was measured.

    Args:
        photographs: (H, W, 3) uint8 RGB, each with one face that ``pack`` finds; the site's own enrolment photographs.
        pack_id: its name; without one the pack's with ``-int8``.

    Raises:
        PackError: drift_too_large; graph_wrong, the networks are not of a kind that gains; source_missing, too few
            photographs with a face.
    """
    tell = progress or (lambda step, share: None)
    pack_id = pack_id or (pack.pack_id + SUFFIX)[:64]
    if not PACK_ID.fullmatch(pack_id) or pack_id == pack.pack_id:
        raise PackError("manifest_wrong", f"{pack_id!r} cannot be the name of the quantised pack")
    if pack.parts["embedding"].kind != "arcface":
        raise PackError("graph_wrong", "only packs that were added are quantised; the embedded one is quick as it is")
    exact = Engine(pack)
    tell("faces", 0.0)
    seen = [(image, analysis.subject) for image in photographs if (analysis := exact.analyse(image, purpose="gate")).subject]
    if len(seen) < PHOTOGRAPHS_MIN:
        raise PackError("source_missing", f"{len(seen)} photographs with one face; {PHOTOGRAPHS_MIN} are needed")
    chips = np.stack([align.five_chip(image, face.keypoints) for image, face in seen])
    # Every other one: photographs of one person stand together.
    set_by, tried = seen[::2], seen[1::2]
    contents, parts = {}, dict(pack.parts)
    samples = {
        "embedding": [chip[None] for chip in chips[::2]],
        "detector": [exact._detector._fitted(image)[None] for image, _ in set_by],
    }
    for at, (key, part) in enumerate(pack.parts.items()):
        tell(key, 0.2 + 0.35 * at)
        data = pack.read(part.file)
        contents[part.file] = data
        if _depth_wise(data, part.file):
            continue
        made = _quantised(data, part, samples[key])
        contents[part.file] = made
        parts[key] = replace(part, model=f"{part.model}-int8", weights_sha256=writing.digest(made))
    if parts == dict(pack.parts):
        raise PackError("graph_wrong", "both networks are depth-wise: whole numbers gain nothing there")
    contents["LICENSE"] = pack.read("LICENSE")
    tell("measuring", 0.8)
    with tempfile.TemporaryDirectory() as folder:
        trial = Engine(_written(pack, parts, contents, Path(folder) / pack_id))
        drift = _drift(exact, trial, [image for image, _ in tried], chips[1::2])
        slower = [key for key, ratio in drift.quicker.items() if ratio < QUICKER_MIN]
        for key in slower:
            parts[key] = pack.parts[key]
            contents[parts[key].file] = pack.read(parts[key].file)
        if parts == dict(pack.parts):
            raise PackError("graph_wrong", f"whole numbers are not quicker on this machine: {drift.quicker}")
        _check(drift)
    return _written(pack, parts, contents, Path(models_dir) / pack_id), drift


def _check(drift: Drift) -> None:
    if not (drift.cosine_median >= COSINE_MEDIAN_MIN and drift.cosine_least >= COSINE_MIN):
        raise PackError(
            "drift_too_large",
            f"embeddings of {drift.photographs} photographs moved to a cosine of {drift.cosine_median:.4f} in the median, "
            f"{drift.cosine_least:.4f} at worst; {COSINE_MEDIAN_MIN} and {COSINE_MIN} are the bounds",
        )
    if drift.faces_lost or drift.faces_added or drift.overlap_least < OVERLAP_MIN:
        raise PackError(
            "drift_too_large",
            f"of {drift.faces} faces {drift.faces_lost} are lost and {drift.faces_added} added, boxes agree to {drift.overlap_least:.2f}",
        )


def _depth_wise(data: bytes, what: str) -> bool:
    """Is a good part of the network convolutions of one channel each, as in MobileNets?"""
    convolutions = [node for node in graph.read(data, what).graph.node if node.op_type == "Conv"]
    grouped = [node for node in convolutions if any(a.name == "group" and a.i > 1 for a in node.attribute)]
    return not convolutions or 5 * len(grouped) >= len(convolutions)


def _quantised(data: bytes, part: ModelPart, pictures: Sequence[np.ndarray]) -> bytes:
    """The graph with its convolutions in int8: weights per channel, sums as they were, the same input and outputs."""
    from onnxruntime import quantization

    plain = graph.without_prelu(data, part.file)
    name = graph.signature(graph.read(plain, part.file), part.file).input

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(pictures)

        def get_next(self):
            picture = next(self.left, None)
            return None if picture is None else {name: graph.scaled(picture, part)}

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        before.write_bytes(plain)
        quantization.quantize_static(
            str(before),
            str(after),
            Pictures(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            # Weights in 7 bits: without VNNI two products of 8 bits do not fit their sum, and the pack may be carried elsewhere.
            reduce_range=True,
            weight_type=quantization.QuantType.QInt8,
            activation_type=quantization.QuantType.QUInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            # The heads' last convolutions give places and scores: rounded, boxes agree to 0.82 instead of 1.0.
            nodes_to_exclude=graph.last_convolutions(plain, part.file) if part.kind != "arcface" else [],
        )
        return after.read_bytes()


def _written(pack: Pack, parts: dict[str, ModelPart], contents: dict[str, bytes], folder: Path) -> Pack:
    rows = []
    for file in pack.files:
        source = file.source if contents[file.name] == pack.read(file.name) else f"{file.source}, in int8 on this machine"
        rows.append(writing.file_row(file.name, contents[file.name], source, file.licence))
    text = writing.manifest_like(
        pack, pack_id=folder.name, name_zh=f"{pack.name_zh}（int8）", name_en=f"{pack.name_en} (int8)", parts=parts, files=rows,
    )  # fmt: skip
    return writing.install(folder, {**contents, MANIFEST: text.encode()})


def _drift(exact: Engine, quick: Engine, images: Sequence[np.ndarray], chips: np.ndarray) -> Drift:
    before, after = exact.embed(chips), quick.embed(chips)
    if after is None:
        raise PackError("drift_too_large", "an embedding with a value that is not finite")
    cosines = (before * after).sum(1)
    faces = lost = added = 0
    least = 1.0
    for image in images:
        old, new = (engine._detector.find(image, "gate") for engine in (exact, quick))
        faces += len(old)
        overlaps = [max((_overlap(face, other) for other in new), default=0.0) for face in old]
        lost += sum(share < 0.5 for share in overlaps)
        added += max(0, len(new) - len(old))
        least = min([least, *(share for share in overlaps if share >= 0.5)])
    return Drift(
        len(chips), float(np.median(cosines)), float(cosines.min()), faces, lost, added, least,
        {
            key: round(_taken(slow, sample) / _taken(fast, sample), 2)
            for key, slow, fast, sample in (
                ("embedding", exact._embedder, quick._embedder, chips[:1]),
                ("detector", exact._detector._run, quick._detector._run, exact._detector._fitted(images[0])[None]),
            )
            if quick.pack.parts[key] != exact.pack.parts[key]
        },
    )  # fmt: skip


def _taken(run: runner.Run, sample: np.ndarray) -> float:
    run(sample)
    taken = []
    for _ in range(5):
        began = time.process_time()
        run(sample)
        taken.append(time.process_time() - began)
    return min(taken)


def _overlap(a: Found, b: Found) -> float:
    width = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    height = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((face.box[2] - face.box[0]) * (face.box[3] - face.box[1]) for face in (a, b))
    return width * height / (areas - width * height)

