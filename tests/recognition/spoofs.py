"""Graphs of the shapes that liveness models have, written here: a face is as live as its crop is bright."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SIDE = 80


def five_point(*, batch="N", side: int = SIDE, rank: int = 1, score: float | None = None, scale: float = 1.0) -> bytes:
    """(N, 3, 80, 80) in 0..1 to (N,): the mean of all pixels times ``scale``, or ``score`` whatever it sees."""
    shape = ["N"] + [1] * (rank - 1)
    nodes = [helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=0)]
    weights = [numpy_helper.from_array(np.float32(scale if score is None else 0.0), "scale")]
    weights.append(numpy_helper.from_array(np.float32(0.0 if score is None else score), "shift"))
    nodes.append(helper.make_node("Mul", ["mean", "scale"], ["scaled"]))
    nodes.append(helper.make_node("Add", ["scaled", "shift"], ["flat"]))
    if rank == 1:
        nodes.append(helper.make_node("Identity", ["flat"], ["y"]))
    else:
        weights.append(numpy_helper.from_array(np.array([-1, *[1] * (rank - 1)], np.int64), "shape"))
        nodes.append(helper.make_node("Reshape", ["flat", "shape"], ["y"]))
    return _model(nodes, weights, [batch, 3, side, side], shape)


def minifasnet(*, classes: int = 3, blue_first: bool = True) -> bytes:
    """(1, 3, 80, 80) in 0..255 to (1, 3) before softmax: the middle class is the mean of the first plane over 25."""
    plane = np.zeros((1, 3, 1, 1), np.float32)
    plane[0, 0 if blue_first else 2] = 3 / 25
    spread = np.zeros((1, classes), np.float32)
    spread[0, 1] = 1.0
    weights = [
        numpy_helper.from_array(plane, "plane"),
        numpy_helper.from_array(spread, "spread"),
        numpy_helper.from_array(np.array([[5.0] + [0.0] * (classes - 1)], np.float32), "bias"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "shape"),
    ]
    nodes = [
        helper.make_node("Mul", ["x", "plane"], ["weighed"]),
        helper.make_node("ReduceMean", ["weighed"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["column"]),
        helper.make_node("MatMul", ["column", "spread"], ["spread_out"]),
        helper.make_node("Add", ["spread_out", "bias"], ["y"]),
    ]
    return _model(nodes, weights, [1, 3, SIDE, SIDE], [1, classes])


def _model(nodes, weights, shape, out) -> bytes:
    graph = helper.make_graph(
        nodes, "spoofs", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)], weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model.SerializeToString()
