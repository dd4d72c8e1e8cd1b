"""One network at work: onnxruntime, or OpenVINO where it is installed and quicker.

One thread a session and one worker a core. onnxruntime's own pool took 90.8 ms of processor time for a frame that takes
45.5 on one thread, because its idle threads spin; batches of faces gain nothing on a CPU. OpenVINO computes in bfloat16
where the processor can (2.0 times as quick on this kind of network on an AMD EPYC with avx512_bf16, cosine to float32
0.9999), is never required, and is used only when it was tried on this very machine and its answers agree.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import onnxruntime

from recognition.pack import PackError

Provider = Literal["auto", "onnxruntime", "openvino"]
PROVIDERS: tuple[Provider, ...] = ("auto", "onnxruntime", "openvino")

QUICKER_MIN = 1.15
"""How much quicker OpenVINO has to be to be chosen: the start-up benchmark is short, and one library less is simpler."""
COSINE_MIN = 0.9995
"""What bfloat16 may change of an embedding; int8 changes 0.9996 in the median and 0.9976 at worst (model_pack.md 6)."""
SCORE_MAX = 0.02
"""What it may change of a detector's scores, 0..1."""

Run = Callable[[np.ndarray], list[np.ndarray]]


class Runner:
    """Run one graph on one uint8 (N, H, W, 3) picture array; from any number of threads.

    Attributes:
        provider: "onnxruntime" or "openvino bf16", "openvino f32".
        batch: faces that one run may have; 1 where the graph fixes it.
        size: (height, width) that the graph fixes, or None.
    """

    def __init__(self, provider: str, run: Run, shape: Sequence[object]) -> None:
        self.provider = provider
        self._run = run
        self.batch = shape[0] if isinstance(shape[0], int) else 0
        self.size = (shape[1], shape[2]) if isinstance(shape[1], int) and isinstance(shape[2], int) else None

    def __call__(self, pictures: np.ndarray) -> list[np.ndarray]:
        return self._run(pictures)


def options(intra_op_threads: int = 1, inter_op_threads: int = 1) -> onnxruntime.SessionOptions:
    """Session options of every session here."""
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = intra_op_threads
    chosen.inter_op_num_threads = inter_op_threads
    # Two sessions whose idle threads spin took 28-39 ms for a frame that takes 25 on one thread.
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    chosen.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Everything: the blocked memory layout alone is worth 1.85x.
    chosen.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    chosen.log_severity_level = 3
    return chosen


def session(data: bytes, what: str, chosen: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """Raises:
    PackError: manifest_wrong, the graph does not load.
    """
    onnxruntime.disable_telemetry_events()
    try:
        return onnxruntime.InferenceSession(data, chosen, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes have no common base but this
        raise PackError("manifest_wrong", f"{what} does not load: {type(error).__name__}") from error


def onnxruntime_runner(data: bytes, what: str, chosen: onnxruntime.SessionOptions) -> Runner:
    """Raises:
    PackError: manifest_wrong.
    """
    made = session(data, what, chosen)
    first = made.get_inputs()[0]

    def run(pictures: np.ndarray) -> list[np.ndarray]:
        return made.run(None, {first.name: pictures})

    return Runner("onnxruntime", run, first.shape)


def openvino_installed() -> bool:
    """Whether OpenVINO is there; not loaded by asking."""
    return importlib.util.find_spec("openvino") is not None


def _openvino() -> Any:
    """The library, without the package beside it that reports its use to its maker: it is kept from being imported.

    Raises:
        PackError: provider_missing.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError:
        raise PackError("provider_missing", "the package openvino is not installed") from None
    return openvino


def openvino_runner(data: bytes, what: str, outputs: Sequence[str], shape: Sequence[object]) -> Runner:
    """The same graph in OpenVINO, one thread for each run, as many at once as there are cores.

    Raises:
        PackError: provider_missing, or manifest_wrong when OpenVINO cannot read the graph.
    """
    openvino = _openvino()
    cores = os.cpu_count() or 1
    core = openvino.Core()
    precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    settings = {
        "INFERENCE_NUM_THREADS": cores,
        "NUM_STREAMS": cores,
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
    }
    try:
        compiled = core.compile_model(core.read_model(data), "CPU", settings)
    except RuntimeError as error:
        raise PackError("manifest_wrong", f"{what} does not load in OpenVINO: {error}") from error
    wanted = [compiled.output(name) for name in outputs]
    kept = threading.local()

    def run(pictures: np.ndarray) -> list[np.ndarray]:
        if not hasattr(kept, "request"):
            kept.request = compiled.create_infer_request()
        kept.request.infer([pictures], share_inputs=True)
        # Copied: the request's own memory is written over by the next run.
        return [kept.request.get_tensor(port).data.copy() for port in wanted]

    return Runner(f"openvino {precision}", run, shape)


def quicker(data: bytes, what: str, plain: Runner, sample: np.ndarray, agree: Callable[[Run, Run], str | None]) -> tuple[Runner, str]:
    """Try OpenVINO beside onnxruntime; return the one to use, and why.

    Args:
        sample: uint8 picture array of the size that is used at a gate.
        agree: None when the second runner's answers are as good as the first's, else what is wrong with them.

    Raises:
        PackError: provider_missing.
    """
    import onnx

    outputs = [value.name for value in onnx.load_model_from_string(data).graph.output]
    other = openvino_runner(data, what, outputs, (plain.batch or "N", *(plain.size or ("H", "W")), 3))
    wrong = agree(plain, other)
    if wrong:
        return plain, f"{what}: {other.provider} disagrees ({wrong})"
    taken = {runner.provider: [] for runner in (plain, other)}
    for runner in (plain, other):
        runner(sample)
    for _ in range(5):
        for runner in (plain, other):
            # Of the process, not of the thread: OpenVINO computes in threads of its own.
            began = time.process_time()
            runner(sample)
            taken[runner.provider].append(time.process_time() - began)
    first, second = (1e3 * min(taken[runner.provider]) for runner in (plain, other))
    best = other if first > QUICKER_MIN * second else plain
    return best, f"{what}: {best.provider} ({plain.provider} {first:.1f} ms, {other.provider} {second:.1f} ms)"
