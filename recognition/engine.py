"""A pack at work: pictures in, faces with their measures and one embedding out."""

from __future__ import annotations

import dataclasses
import time
from typing import Literal

import numpy as np

from recognition import align, detectors, graph, quality, runner
from recognition.face import Analysis, Face
from recognition.landmarks import Landmarker
from recognition.match import mean_template
from recognition.pack import ModelPart, Pack, PackError

Purpose = Literal["gate", "enrolment", "desk"]

_POLICIES = {"gate": quality.GATE, "enrolment": quality.ENROLMENT, "desk": quality.ENROLMENT}
# A second face of half the side of the largest is a second person in front of the gate; a smaller
# one stands further back in the queue.
BESIDE = 0.5
# Where hardly any face is found any more: 16 % of faces at 6 % brightness, 93 % at 12 %.
TOO_DARK = 30.0
PARITY_COSINE = 1 - 1e-6
PARITY_SCORE = 1e-4
"""How far a rewritten graph may be from the file's: rounding (measured 2e-7), nothing more."""
_LENGTH_MIN = 1e-6


class Engine:
    """The models of a pack, loaded once and warmed up.

    May be shared by any number of threads: a run holds no lock and releases the interpreter's.
    Two threads on two cores did 499 embeddings a second with one session, 238 one alone.

    Attributes:
        notes: what was decided at load: rewritten or not, which library runs which model, and why.
    """

    def __init__(
        self,
        pack: Pack,
        *,
        intra_op_threads: int = 1,
        inter_op_threads: int = 1,
        provider: runner.Provider = "onnxruntime",
    ):
        """Load, verify and warm up.

        Args:
            provider: "onnxruntime"; "auto", OpenVINO instead where it is installed, agrees, and was quicker just now;
                "openvino", the same, and an error where it is not installed.

        Raises:
            PackError: a file is missing or changed, a model does not fit this engine, or provider_missing.
        """
        self.pack = pack
        self.notes: list[str] = []
        self._provider = provider
        self._options = runner.options(intra_op_threads, inter_op_threads)
        detector, embedding = pack.parts["detector"], pack.parts["embedding"]
        run, self._embedder = self._loaded(detector, "detector"), self._loaded(embedding, "embedding")
        self._detector: detectors.Detector = detectors.KINDS[detector.kind](run)
        self._landmarker = Landmarker(pack.read(pack.parts["landmarks"].file)) if "landmarks" in pack.parts else None
        side = align.CHIP if self._landmarker else align.FIVE_CHIP
        # Not one colour: a graph that normalises what it is given would divide by nothing.
        chip = np.random.default_rng(1).integers(0, 256, (1, side, side, 3), np.uint8)
        warm = np.asarray(self._embedder(chip)[0])
        if warm.shape != (1, pack.dimension) or warm.dtype != np.float32:
            raise PackError("manifest_wrong", f"embeddings of {warm.shape[-1]} numbers, {pack.dimension} promised")
        if self.embed(chip) is None:
            raise PackError("graph_wrong", "an embedding with a value that is not finite")
        self.analyse(np.full((240, 320, 3), 128, np.uint8), purpose="gate")

    # -- loading ------------------------------------------------------------------------------

    def _loaded(self, part: ModelPart, what: str) -> runner.Runner:
        """One model of the pack, in the library that is to run it."""
        # The bytes whose digest was checked are the bytes that run, whatever happens on disk.
        data = self.pack.read(part.file)
        if part.kind in ("scrfd", "yunet", "arcface"):
            sign = graph.signature(graph.read(data, what), what)
            graph.check(sign, part, what, self.pack.dimension)
            data, plain = self._equal(data, part, what, sign)
            if part.kind != "arcface":
                _check_detector(plain, part, what, sign)
        else:
            plain = runner.onnxruntime_runner(data, what, self._options)
        if self._provider == "onnxruntime" or (self._provider == "auto" and not runner.openvino_installed()):
            return plain
        height, width = plain.size or ((480, 640) if part.kind != "mmod" else (262, 342))
        if part.kind in ("dlib", "arcface"):
            height = width = align.CHIP if part.kind == "dlib" else align.FIVE_CHIP
        sample = np.random.default_rng(2).integers(0, 256, (1, height, width, 3), np.uint8)
        agree = _embeddings_agree if part.kind in ("dlib", "arcface") else _detections_agree
        best, why = runner.quicker(data, what, plain, sample, lambda a, b: agree(a, b, sample))
        self.notes.append(why)
        return best

    def _equal(self, data: bytes, part: ModelPart, what: str, sign: graph.Signature) -> tuple[bytes, runner.Runner]:
        """The rewritten graph if it says what the file's says of the same picture, else the file's with its scaling in front."""
        height, width = (side or (align.FIVE_CHIP if part.kind == "arcface" else 160) for side in sign.shape[2:])
        picture = np.random.default_rng(3).integers(0, 256, (1, height, width, 3), np.uint8)
        blob = graph.scaled(picture, part).astype(sign.dtype)
        said = runner.session(data, what, self._options).run(None, {sign.input: blob})
        agree = _same_embeddings if part.kind == "arcface" else _same_scores
        why = first = ""
        for full in (True, False):
            quick = graph.rewritten(data, part, what, prelu=full)
            made = runner.onnxruntime_runner(quick, what, self._options)
            try:
                why = agree(said, made(picture))
            except Exception as error:  # noqa: BLE001 - onnxruntime's own classes have no common base but this
                why = type(error).__name__
            if not why:
                self.notes.append(f"{what}: rewritten, equal to the file" if full else f"{what}: not rewritten ({first})")
                return quick, made
            first = why
        raise PackError("graph_wrong", f"{what}: with its scaling in front it says something else ({why})")

    # -- at work ------------------------------------------------------------------------------

    def analyse(
        self,
        image: np.ndarray,
        *,
        purpose: Purpose,
        region: tuple[float, float, float, float] | None = None,
        long_side: int | None = None,
        near: tuple[float, float, float, float] | None = None,
        smaller: int = 1,
    ) -> Analysis:
        """Find the faces of a picture, measure them, and embed the one it is about.

        The subject is the largest face, provided that no other face *that was found* has half its
        side or more. At the gate the embedded pack searches a 640 x 480 frame for faces from 128 pixels
        on, an enrolment photograph for faces of about a fifteenth of its longer side. Landmarks and chip
        always come from the full picture.

        Args:
            image: (H, W, 3) uint8 RGB, upright.
            purpose: "gate" is quick and tolerant, "enrolment" thorough and strict; "desk" looks as quickly as the gate
                and asks for what enrolment asks: advice before the photograph is taken.
            region: left, top, right, bottom as shares of the picture, 0..1: only there faces are looked for.
            long_side: pixels of the longer side in which faces are looked for; None: what suits the purpose.
            near: box of the face of a moment ago, in pixels of the picture; it is looked for there first, and in
                the whole picture when it has gone (``Analysis.near`` says which). Somebody who has stepped up beside it
                is not seen: ask for the whole picture several times a second, and let nobody pass on less.
            smaller: how many times the picture was made smaller while it was unpacked. ``Quality.face_px`` is told in
                pixels of the frame as it was sent, which is what limits are set in; what there is to see counts all the same.

        Raises:
            ValueError: an array of another shape or type, or a region that is none.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 1:
            raise ValueError(f"a picture of {image.dtype} {image.shape}")
        policy = _POLICIES[purpose]
        # Never more tolerant than the pack itself: its own least size counts too.
        policy = dataclasses.replace(policy, face_px_min=max(policy.face_px_min, self.pack.face_px_min))
        image = np.ascontiguousarray(image)
        started = time.perf_counter()
        found = self._detector.find_near(image, near) if near is not None else []
        nearby = bool(found)
        if not nearby:
            found = self._find(image, "gate" if purpose == "desk" else purpose, region, long_side)
        found.sort(key=lambda face: face.box[3] - face.box[1], reverse=True)
        detected = time.perf_counter()
        faces = [self._measured(image, face, policy, smaller) for face in found]
        measured = time.perf_counter()

        # One pixel in eight each way is plenty for a mean.
        brightness = float(image[::8, ::8].mean())
        subject = None
        if not faces:
            code = "too_dark" if brightness < TOO_DARK else "no_face"
        elif len(faces) > 1 and faces[1].side >= BESIDE * faces[0].side:
            code = "several_faces"
        else:
            embedding = self.embed(self._chip(image, faces[0])[None])
            if embedding is None:
                # Not a face that a network of numbers can describe: nobody, rather than somebody by accident.
                code, faces = "no_face", []
            else:
                code = None
                subject = faces[0] = dataclasses.replace(faces[0], embedding=embedding[0])
        timings = {
            "detect": 1e3 * (detected - started),
            "landmarks": 1e3 * (measured - detected),
            "embed": 1e3 * (time.perf_counter() - measured),
        }
        return Analysis(tuple(faces), code, subject, brightness, timings, nearby)

    def _find(self, image, purpose, region, long_side) -> list[detectors.Found]:
        if region is None:
            return self._detector.find(image, purpose, long_side=long_side)
        height, width = image.shape[:2]
        left, top, right, bottom = region
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(f"a region of {region}")
        x, y = int(left * width), int(top * height)
        part = image[y : max(y + 1, round(bottom * height)), x : max(x + 1, round(right * width))]
        return [
            detectors.Found(
                face.score,
                (face.box[0] + x, face.box[1] + y, face.box[2] + x, face.box[3] + y),
                None if face.keypoints is None else face.keypoints + np.array([x, y], np.float32),
            )
            for face in self._detector.find(np.ascontiguousarray(part), purpose, long_side=long_side)
        ]

    def frame_side(self, long_side: int | None = None) -> int:
        """Pixels that the longer side of a gate's frame should keep when it is unpacked smaller.

        Twice what faces are looked for in: the smallest face that is found then still has the pixels of a chip.
        """
        return max(640, 2 * (long_side or self._detector.long_side))

    def _measured(self, image: np.ndarray, face: detectors.Found, policy: quality.Policy, smaller: int = 1) -> Face:
        if face.keypoints is None:
            landmarks = self._landmarker.locate(image, face.box)
        else:
            landmarks = align.landmarks_of(face.keypoints)
        measures = quality.measure(image, landmarks, align.chip(image, landmarks))
        codes = quality.codes(measures, policy)
        if smaller > 1:
            measures = dataclasses.replace(measures, face_px=measures.face_px * smaller)
        return Face(face.box, face.score, landmarks, measures, codes, None, face.keypoints)

    def _chip(self, image: np.ndarray, face: Face) -> np.ndarray:
        return align.chip(image, face.landmarks) if face.keypoints is None else align.five_chip(image, face.keypoints)

    def template(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Return (D,) float32 to store for a face: the mean over the pack's jittered chips of it.

        The same picture and face always give the same template.

        Raises:
            ValueError: the network has no number for this face.
        """
        if face.keypoints is None:
            chips = align.jittered(image, face.landmarks, self.pack.enrolment_jitters)
        else:
            chips = [self._chip(image, face)]
        embeddings = self.embed(np.stack(chips))
        if embeddings is None:
            raise ValueError("an embedding with a value that is not finite")
        return mean_template(embeddings, self.pack.metric)

    def embed(self, chips: np.ndarray) -> np.ndarray | None:
        """(N, side, side, 3) uint8 chips to (N, D) float32: as long as the network makes them, or 1 for a cosine pack.

        None when a number of them is not finite, or when one that should be of length 1 has no length.
        """
        # Never more at once than the graph was made for; a batch gains nothing on a CPU.
        step = self._embedder.batch or len(chips)
        parts = [np.asarray(self._embedder(chips[at : at + step])[0]) for at in range(0, len(chips), step)]
        embeddings = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if embeddings.shape != (len(chips), self.pack.dimension) or not np.isfinite(embeddings).all():
            return None
        if self.pack.metric == "cosine":
            lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
            if not (lengths > _LENGTH_MIN).all():
                return None
            embeddings = (embeddings / lengths).astype(np.float32)
        return embeddings

    def score(self, images: np.ndarray) -> np.ndarray:
        """(1, H, W, 3) uint8 to the embedded detector's (1, 1, h, w) scores."""
        return self._detector.score(images)

    @property
    def providers(self) -> dict[str, str]:
        """Which library runs the detector and the embedding."""
        return {"detector": self._detector._run.provider, "embedding": self._embedder.provider}


def _check_detector(run: runner.Runner, part: ModelPart, what: str, sign: graph.Signature) -> None:
    """Run the graph once and count what comes out: a wrong order or count of outputs would find faces anywhere.

    Raises:
        PackError: graph_wrong.
    """
    height, width = run.size or (96, 128)
    try:
        outputs = run(np.zeros((1, height, width, 3), np.uint8))
    except Exception as error:  # onnxruntime's own classes have no common base but this
        raise PackError("graph_wrong", f"{what} does not run: {type(error).__name__}") from error
    if part.kind == "scrfd":
        strides, anchors = graph.SCRFD_OUTPUTS[len(outputs)]
        wanted = [(stride, wide) for wide in (1, 4, 10) for stride in strides]
    else:
        if tuple(name for name, _ in sign.outputs) != graph.YUNET_OUTPUTS:
            raise PackError("graph_wrong", f"{what} has its outputs in another order")
        anchors, wanted = 1, [(stride, wide) for wide in (1, 1, 4, 10) for stride in (8, 16, 32)]
    for output, (stride, wide) in zip(outputs, wanted, strict=True):
        rows = -(-height // stride) * -(-width // stride) * anchors
        if output.shape[-2:] != (rows, wide) or output.size != rows * wide or output.dtype.kind != "f":
            raise PackError("graph_wrong", f"{what} gives {list(output.shape)} where ({rows}, {wide}) is due")


def _same_embeddings(said: list[np.ndarray], now: list[np.ndarray]) -> str:
    worst = _cosine(said[0], now[0])
    return "" if worst >= PARITY_COSINE else f"cosine {worst:.7f}"


def _same_scores(said: list[np.ndarray], now: list[np.ndarray]) -> str:
    for before, after in zip(said, now, strict=True):
        if before.shape != after.shape or not np.allclose(before, after, rtol=1e-3, atol=PARITY_SCORE, equal_nan=True):
            return f"an output of {list(before.shape)} differs"
    return ""


def _embeddings_agree(plain: runner.Run, other: runner.Run, sample: np.ndarray) -> str | None:
    cosine = _cosine(plain(sample)[0], other(sample)[0])
    return None if cosine >= runner.COSINE_MIN else f"cosine {cosine:.5f}"


def _detections_agree(plain: runner.Run, other: runner.Run, sample: np.ndarray) -> str | None:
    for before, after in zip(plain(sample), other(sample), strict=True):
        worst = float(np.abs(before - after).max()) if before.shape == after.shape and before.size else np.inf
        # Scores of dlib's map run from about -2 to 1; distances in strides are looser by their own size.
        if not worst <= runner.SCORE_MAX * max(1.0, float(np.abs(before).max())):
            return f"an output is {worst:.3f} off"
    return None


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return -1.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) + 1e-12)).min())
