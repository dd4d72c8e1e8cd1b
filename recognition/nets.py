"""Write the parsed networks as ONNX, with every per-channel scale folded into its convolution.

The pixel mean and the division by 256 go into the first convolution too. That is exact only
because the first convolution of both networks has no padding (checked): a padded zero would
otherwise have to mean "average grey". So both take the picture as it is: uint8, NHWC, RGB.

``onnx`` is imported here alone and only when something is built: a gate needs it never.
"""

from __future__ import annotations

import numpy as np

from recognition.dat import EMBEDDING_BLOCKS, Layer, Network

OPSET = 17
IR_VERSION = 8  # what opset 17 came with; fixed, so that a newer writer changes no byte


class _Graph:
    """Nodes and weights, named in the order they are added."""

    def __init__(self, image: str):
        self.nodes: list = []
        self.weights: list = []
        self.at = self.add("Cast", image, to=1)
        self.at = self.add("Transpose", self.at, perm=[0, 3, 1, 2])

    def add(self, op: str, *inputs: str, output: str | None = None, **attributes) -> str:
        from onnx import helper

        output = output or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def weight(self, values: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def conv(self, x: str, con: Layer, affine: Layer | None, mean_rgb=None, output: str | None = None) -> str:
        weights = con.arrays["weights"].astype(np.float64)
        bias = con.arrays["bias"].astype(np.float64)
        if affine is not None:
            scale = affine.arrays["scale"].astype(np.float64)
            weights = weights * scale[:, None, None, None]
            bias = bias * scale + affine.arrays["shift"]
        n = con.numbers
        if mean_rgb is not None:
            if n["pad_y"] or n["pad_x"]:
                raise ValueError("the pixel mean cannot be folded into a padded convolution")
            weights = weights / 256.0
            bias = bias - (weights * np.array(mean_rgb)[None, :, None, None]).sum((1, 2, 3))
        return self.add(
            "Conv",
            x,
            self.weight(weights.astype(np.float32)),
            self.weight(bias.astype(np.float32)),
            output=output,
            kernel_shape=[n["rows"], n["columns"]],
            strides=[n["stride_y"], n["stride_x"]],
            pads=[n["pad_y"], n["pad_x"]] * 2,
        )

    def pool(self, op: str, x: str, layer: Layer) -> str:
        n = layer.numbers
        return self.add(
            op,
            x,
            kernel_shape=[n["rows"], n["columns"]],
            strides=[n["stride_y"], n["stride_x"]],
            pads=[n["pad_y"], n["pad_x"]] * 2,
        )

    def pad(self, x: str, channels: int, rows: int, columns: int) -> str:
        """Zeros at the high end, as dlib gives them to the smaller of two tensors it adds."""
        if not (channels or rows or columns):
            return x
        return self.add("Pad", x, self.weight(np.array([0, 0, 0, 0, 0, channels, rows, columns], np.int64)))

    def model(self, name: str, image_shape: list, output: str, output_shape: list) -> bytes:
        from onnx import TensorProto, checker, helper

        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.UINT8, image_shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, output_shape)],
            self.weights,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="muster",
            producer_version="1",
        )
        checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def emit_embedding(network: Network) -> bytes:
    """ONNX: uint8 (N, 150, 150, 3) -> float32 (N, 128), not normalised."""
    graph = _Graph("image")
    layers = iter([layer for layer in network.layers if layer.kind not in ("tag", "skip", "relu", "add")])
    x = graph.conv(graph.at, next(layers), next(layers), network.mean_rgb)
    x = graph.pool("MaxPool", graph.add("Relu", x), next(layers))
    channels, side = 32, 35
    for block in EMBEDDING_BLOCKS:
        first = next(layers)
        branch = graph.add("Relu", graph.conv(x, first, next(layers)))
        branch = graph.conv(branch, next(layers), next(layers))
        shortcut = x
        if block == "down":
            shortcut = graph.pool("AveragePool", x, next(layers))
            wider = first.numbers["filters"]
            inner, side = (side - 3) // 2 + 1, side // 2
            branch = graph.pad(branch, 0, side - inner, side - inner)
            shortcut = graph.pad(shortcut, wider - channels, 0, 0)
            channels = wider
        x = graph.add("Relu", graph.add("Add", branch, shortcut))
    next(layers)  # the average over the whole map
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    dense = next(layers)
    graph.add("MatMul", x, graph.weight(dense.arrays["weights"]), output="embedding")
    return graph.model("face_embedding", ["N", 150, 150, 3], "embedding", ["N", dense.numbers["outputs"]])


def emit_detector(network: Network) -> bytes:
    """ONNX: uint8 (N, H, W, 3) -> float32 (N, 1, h, w); cell (r, c) is the window around pixel (8c+14, 8r+14)."""
    graph = _Graph("image")
    layers = [layer for layer in network.layers if layer.kind != "relu"]
    x = graph.at
    for at in range(0, 12, 2):
        x = graph.conv(x, layers[at], layers[at + 1], network.mean_rgb if at == 0 else None)
        x = graph.add("Relu", x)
    graph.conv(x, layers[12], None, output="score")
    return graph.model("face_detector", ["N", "H", "W", 3], "score", ["N", 1, "h", "w"])
