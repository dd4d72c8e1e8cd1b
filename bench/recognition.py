"""Where the time of a gate frame goes.  python bench/recognition.py [seconds] [picture.jpg]

A 640 x 480 JPEG with one face, one thread, part by part: decode, detect, landmarks, chip,
quality, embed, match against 1000 templates; then the whole frame. "model" is what the ONNX
runtime alone needs for the same inputs: the ratio says what our own code adds to it.
The last line is JSON.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

started = time.perf_counter()
import cv2  # noqa: E402
import numpy as np  # noqa: E402

import recognition  # noqa: E402
from recognition import align, detect, quality  # noqa: E402

IMPORT_MS = 1e3 * (time.perf_counter() - started)


def frame_jpeg(path: str | None) -> bytes:
    """A given JPEG, or one head of a group picture that insightface brings along, as a gate sees it."""
    if path:
        return Path(path).read_bytes()
    spec = importlib.util.find_spec("insightface")
    if spec is None:
        sys.exit("insightface is not installed: give the path of a 640 x 480 JPEG with one face")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data" / "images"
    head = cv2.imread(str(folder / "t1.jpg"))[250:420, 410:590]
    frame = np.full((480, 640, 3), 128, np.uint8)
    frame[13:466, 80:560] = cv2.resize(head, (480, 453), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def measure(work, seconds: float) -> tuple[float, float]:
    """Median milliseconds of the clock, and of the processor.

    Everything runs on the calling thread, so the second does not grow when others use the
    machine (by much: caches are shared); compare that one.
    """
    work()
    walls, cpus, end = [], [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(walls) < 5:
        wall, cpu = time.perf_counter(), time.thread_time()
        work()
        cpus.append(time.thread_time() - cpu)
        walls.append(time.perf_counter() - wall)
    return 1e3 * statistics.median(walls), 1e3 * statistics.median(cpus)


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    data = frame_jpeg(sys.argv[2] if len(sys.argv) > 2 else None)
    pack = recognition.build_default_pack(ROOT / "models")
    begin = time.perf_counter()
    engine = recognition.Engine(recognition.load_pack(pack.folder))
    load_ms = 1e3 * (time.perf_counter() - begin)
    loaded_mb = memory_mb()

    image = recognition.decode_jpeg(data, pixels_max=recognition.GATE_PIXELS_MAX)
    subject = engine.analyse(image, purpose="gate").subject
    if subject is None:
        sys.exit("the frame must show one person")
    chip = align.chip(image, subject.landmarks)
    templates = np.random.default_rng(1).normal(size=(1000, pack.dimension)).astype(np.float32)
    templates *= 1.45 / np.linalg.norm(templates, axis=1, keepdims=True)
    gallery = recognition.Gallery(tuple(range(1000)), templates, pack.contract_id, pack.metric)

    # The very inputs that the detector gets for this frame.
    levels: list[np.ndarray] = []

    def note(level: np.ndarray) -> np.ndarray:
        levels.append(level)
        return engine.score(level)

    detect.find_faces(image, note, detect.GATE)

    def whole():
        picture = recognition.decode_jpeg(data, pixels_max=recognition.GATE_PIXELS_MAX)
        found = engine.analyse(picture, purpose="gate").subject
        recognition.best_match(found.embedding, gallery, contract_id=pack.contract_id)

    parts = {
        "decode": lambda: recognition.decode_jpeg(data, pixels_max=recognition.GATE_PIXELS_MAX),
        "detect": lambda: detect.find_faces(image, engine.score, detect.GATE),
        "landmarks": lambda: engine._landmarker.locate(image, subject.box),
        "chip": lambda: align.chip(image, subject.landmarks),
        "quality": lambda: quality.measure(image, subject.landmarks, chip),
        "embed": lambda: engine.embed(chip[None]),
        "match 1000": lambda: recognition.best_match(subject.embedding, gallery, contract_id=pack.contract_id),
    }
    measured = {name: measure(work, seconds) for name, work in parts.items()}
    whole_wall, whole_ms = measure(whole, 2 * seconds)
    model_ms = measure(lambda: [engine.score(level) for level in levels] + [engine.embed(chip[None])], seconds)[1]

    print(f"frame {image.shape[1]} x {image.shape[0]}, face {subject.quality.face_px:.0f} px, codes {subject.codes}")
    print(f"{'':12} {'clock ms':>9} {'cpu ms':>9}   share of the cpu time")
    for name, (wall, cpu) in measured.items():
        print(f"{name:12} {wall:9.3f} {cpu:9.3f} {100 * cpu / whole_ms:6.1f} %")
    print(f"{'whole':12} {whole_wall:9.3f} {whole_ms:9.3f}   model alone {model_ms:.3f}, ratio {whole_ms / model_ms:.3f}")
    print(f"import {IMPORT_MS:.0f} ms, load {load_ms:.0f} ms; memory {loaded_mb:.0f} MB loaded, {memory_mb():.0f} MB at most")
    figures = {name.replace(" ", "_") + "_cpu_ms": round(cpu, 4) for name, (_, cpu) in measured.items()}
    figures |= {
        "whole_ms": round(whole_wall, 3),
        "whole_cpu_ms": round(whole_ms, 3),
        "model_cpu_ms": round(model_ms, 3),
        "ratio": round(whole_ms / model_ms, 4),
        "import_ms": round(IMPORT_MS),
        "load_ms": round(load_ms),
        "loaded_mb": round(loaded_mb),
        "peak_mb": round(memory_mb()),
        "pack": pack.pack_id,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
