"""A pack at work: pictures in, faces with their measures and one embedding out."""

from __future__ import annotations

import dataclasses
import time
from typing import Literal

import numpy as np
import onnxruntime

from recognition import align, detect, quality
from recognition.face import Analysis, Face
from recognition.landmarks import Landmarker
from recognition.match import mean_template
from recognition.pack import Pack, PackError

Purpose = Literal["gate", "enrolment"]

_PLANS = {"gate": detect.GATE, "enrolment": detect.ENROLMENT}
_POLICIES = {"gate": quality.GATE, "enrolment": quality.ENROLMENT}
# A second face of half the side of the largest is a second person in front of the gate; a smaller
# one stands further back in the queue.
BESIDE = 0.5
# Where hardly any face is found any more: 16 % of faces at 6 % brightness, 93 % at 12 %.
TOO_DARK = 30.0


class Engine:
    """The three models of a pack, loaded once and warmed up.

    May be shared by any number of threads: a run holds no lock and releases the interpreter's.
    Two threads on two cores did 499 embeddings a second with one session, 238 one alone.
    """

    def __init__(self, pack: Pack, *, intra_op_threads: int = 1, inter_op_threads: int = 1):
        """Load, verify and warm up.

        Raises:
            PackError: a file is missing or changed, or a model does not fit this engine.
        """
        self.pack = pack
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = inter_op_threads
        # Two sessions whose idle threads spin took 28-39 ms for a frame that takes 25 on one thread.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        # Everything: the blocked memory layout alone is worth 1.85x.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3

        def session(part: str) -> onnxruntime.InferenceSession:
            # The bytes whose digest was checked are the bytes that run, whatever happens on disk.
            data = pack.read(pack.parts[part].file)
            try:
                return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # onnxruntime's own classes have no common base but this
                raise PackError("manifest_wrong", f"{part} does not load: {type(error).__name__}") from error

        self._detector = session("detector")
        self._embedder = session("embedding")
        self._landmarker = Landmarker(pack.read(pack.parts["landmarks"].file))
        warm = self.embed(np.zeros((1, align.CHIP, align.CHIP, 3), np.uint8))
        if warm.shape != (1, pack.dimension):
            raise PackError("manifest_wrong", f"embeddings of {warm.shape[1]} numbers, {pack.dimension} promised")
        self.analyse(np.full((240, 320, 3), 128, np.uint8), purpose="gate")

    def analyse(self, image: np.ndarray, *, purpose: Purpose) -> Analysis:
        """Find the faces of a picture, measure them, and embed the one it is about.

        The subject is the largest face, provided that no other face *that was found* has half its
        side or more. At the gate a 640 x 480 frame is searched for faces from 128 pixels on, an
        enrolment photograph for faces of about a fifteenth of its longer side. Landmarks and chip
        always come from the full picture.

        Args:
            image: (H, W, 3) uint8 RGB, upright.
            purpose: "gate" is quick and tolerant, "enrolment" thorough and strict.

        Raises:
            ValueError: an array of another shape or type.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 1:
            raise ValueError(f"a picture of {image.dtype} {image.shape}")
        policy = _POLICIES[purpose]
        # Never more tolerant than the pack itself: its own least size counts too.
        policy = dataclasses.replace(policy, face_px_min=max(policy.face_px_min, self.pack.face_px_min))
        image = np.ascontiguousarray(image)
        started = time.perf_counter()
        found = detect.find_faces(image, self.score, _PLANS[purpose])
        found.sort(key=lambda item: item[1][3] - item[1][1], reverse=True)
        detected = time.perf_counter()
        faces, chips = [], []
        for score, box in found:
            landmarks = self._landmarker.locate(image, box)
            chips.append(align.chip(image, landmarks))
            measures = quality.measure(image, landmarks, chips[-1])
            faces.append(Face(box, score, landmarks, measures, quality.codes(measures, policy), None))
        measured = time.perf_counter()

        # One pixel in eight each way is plenty for a mean.
        brightness = float(image[::8, ::8].mean())
        subject = None
        if not faces:
            code = "too_dark" if brightness < TOO_DARK else "no_face"
        elif len(faces) > 1 and faces[1].side >= BESIDE * faces[0].side:
            code = "several_faces"
        else:
            code = None
            subject = faces[0] = dataclasses.replace(faces[0], embedding=self.embed(chips[0][None])[0])
        timings = {
            "detect": 1e3 * (detected - started),
            "landmarks": 1e3 * (measured - detected),
            "embed": 1e3 * (time.perf_counter() - measured),
        }
        return Analysis(tuple(faces), code, subject, brightness, timings)

    def template(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Return (D,) float32 to store for a face: the mean over the pack's jittered chips of it.

        The same picture and face always give the same template.
        """
        chips = align.jittered(image, face.landmarks, self.pack.enrolment_jitters)
        return mean_template(self.embed(np.stack(chips)), self.pack.metric)

    def embed(self, chips: np.ndarray) -> np.ndarray:
        """(N, 150, 150, 3) uint8 chips to (N, D) float32, of the length the network gives them."""
        return self._embedder.run(None, {"image": chips})[0]

    def score(self, images: np.ndarray) -> np.ndarray:
        """(1, H, W, 3) uint8 to the detector's (1, 1, h, w) scores."""
        return self._detector.run(None, {"image": images})[0]
