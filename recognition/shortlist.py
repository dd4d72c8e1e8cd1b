"""Which of many templates can be the nearest? In whole numbers, a quarter of the memory that has to be read.

Ten thousand templates of 512 numbers are 20 MB, read once a frame: 0.9 ms, and the models' weights are thrown out of the cache by
it. As 8-bit numbers they are 5 MB and take 0.06. The answer is no guess: with each product comes how far it can be off at most
(Cauchy and Schwarz, over what rounding took away), and whoever asks measures every row that can still be the best exactly.
"""

from __future__ import annotations

import numpy as np

from recognition import runner

NUMBERS_MIN = 1 << 20
"""Fewer numbers than these fit into a core's own cache and are as quick in floats."""
_ROW_MAX = 63
"""Seven bits: products of a byte with eight are added up in pairs of 16 bits, which overflow where the processor has no VNNI."""
_QUERY_MAX = 127
_ZERO = 128
_SLACK = 1e-5
"""For the floats that the bounds themselves are worked out in."""


class Shortlist:
    """Products of a query with every row of a matrix, near enough to say which rows are worth an exact look.

    Args:
        rows: (N, D) float32, finite; copied in whole numbers.
    """

    def __init__(self, rows: np.ndarray) -> None:
        largest = np.abs(rows).max(1, keepdims=True)
        scales = np.where(largest > 0, largest / _ROW_MAX, 1.0).astype(np.float32)
        whole = np.rint(rows / scales).astype(np.int8)
        rounded = whole * scales
        self._scales = scales[:, 0]
        self._lost = np.linalg.norm(rows - rounded, axis=1)
        self._lengths = np.linalg.norm(rounded, axis=1)
        self._run = _product(np.ascontiguousarray(whole.T))

    def products(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (N,) products with ``query`` and (N,) how far each may be off, both float32.

        Args:
            query: (D,) float32, finite.
        """
        largest = float(np.abs(query).max())
        scale = largest / _QUERY_MAX if largest > 0 else 1.0
        whole = np.rint(query / scale)
        lost = float(np.linalg.norm(query - whole * scale))
        sums = self._run((whole + _ZERO).astype(np.uint8)[None])[0]
        length = float(np.linalg.norm(query))
        return sums * (self._scales * np.float32(scale)), self._lost * length + self._lengths * lost + _SLACK * (1 + length)


def _product(columns: np.ndarray):
    """A function from (1, D) uint8, ``_ZERO`` meaning nothing, to (1, N) int32, for (D, N) int8."""
    from onnx import TensorProto, helper, numpy_helper

    size, count = columns.shape
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["query", "rows", "zero"], ["sums"])],
        "shortlist",
        [helper.make_tensor_value_info("query", TensorProto.UINT8, [1, size])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, [1, count])],
        [numpy_helper.from_array(columns, "rows"), numpy_helper.from_array(np.uint8(_ZERO), "zero")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = runner.session(model.SerializeToString(), "shortlist", runner.options())
    return lambda query: session.run(None, {"query": query})[0]
