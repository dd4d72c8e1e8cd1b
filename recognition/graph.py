"""A pack's ONNX graph made ready to run: its signature checked, then rewritten into an equal and quicker one.

    checked        one input and the outputs that the manifest's kind of network has, or ``graph_wrong``
    prelude        takes the picture as it is (uint8, NHWC, RGB); scaling goes into the first convolutions
    PRelu          a*x + (1-a)*Relu(x), the same numbers without onnxruntime's slow scalar kernel: MobileFaceNet in half the time

Only graphs of others pass through here; the embedded pack's are written like this from the start. Whether the rewritten
graph says what the file says is tried at every load (``engine.py``): a graph that does not is run as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recognition.pack import ModelPart, PackError

if TYPE_CHECKING:
    import onnx

_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
SCRFD_OUTPUTS = {9: ((8, 16, 32), 2), 15: ((8, 16, 32, 64, 128), 1)}
"""Outputs -> (strides, anchors a cell). The forms without landmarks, 6 and 10, cannot be aligned and are refused."""
YUNET_OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32))
CHIP_SIDES = (112,)
"""What the alignment target of ``align.py`` is drawn in."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into a graph and what comes out; None for a size that is not fixed."""

    input: str
    shape: tuple[int | None, ...]
    outputs: tuple[tuple[str, tuple[int | None, ...]], ...]
    dtype: type = np.float32


def read(data: bytes, what: str) -> onnx.ModelProto:
    """Parse an ONNX file that holds all its own weights and uses no operators of strangers.

    Raises:
        PackError: graph_wrong, or writer_missing when the ``onnx`` library is not there.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise PackError("writer_missing", f"{error.name} is needed to read {what}") from None
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own class differs between its implementations
        raise PackError("graph_wrong", f"{what} is no ONNX file: {type(error).__name__}") from None
    graphs = [model.graph]
    for graph in graphs:
        for weight in graph.initializer:
            if weight.data_location == onnx.TensorProto.EXTERNAL:
                raise PackError("graph_wrong", f"{what} keeps weights in another file")
        for node in graph.node:
            if node.domain not in _DOMAINS:
                raise PackError("graph_wrong", f"{what} uses operators of {node.domain!r}")
            graphs.extend(attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH)
    if not model.graph.node or not model.graph.output:
        raise PackError("graph_wrong", f"{what} is empty")
    return model


def signature(model: onnx.ModelProto, what: str) -> Signature:
    """Return the one (N, 3, H, W) input of a graph, float32 or uint8, and its outputs.

    Raises:
        PackError: graph_wrong.
    """
    from onnx import TensorProto

    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise PackError("graph_wrong", f"{what} has {len(inputs)} inputs, one wanted")
    kind = inputs[0].type.tensor_type
    shape = _shape(inputs[0])
    dtype = {TensorProto.FLOAT: np.float32, TensorProto.UINT8: np.uint8}.get(kind.elem_type)
    if dtype is None or len(shape) != 4 or shape[1] not in (3, None):
        raise PackError("graph_wrong", f"{what} takes {list(shape)} of type {kind.elem_type}, not float or uint8 (N, 3, H, W)")
    return Signature(inputs[0].name, shape, tuple((value.name, _shape(value)) for value in model.graph.output), dtype)


def _shape(value: Any) -> tuple[int | None, ...]:
    return tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in value.type.tensor_type.shape.dim
    )


def check(sign: Signature, part: ModelPart, what: str, dimension: int | None = None) -> None:
    """Compare a graph with what the manifest says it is, before anything of it runs.

    Args:
        dimension: numbers of an embedding; for recognisers only.

    Raises:
        PackError: graph_wrong.
    """
    if sign.dtype is np.uint8 and (part.mean, part.std) != (0.0, 1.0):
        raise PackError("graph_wrong", f"{what} takes whole numbers, which are not scaled")
    if part.kind == "scrfd":
        if len(sign.outputs) not in SCRFD_OUTPUTS:
            raise PackError("graph_wrong", f"{what} has {len(sign.outputs)} outputs; a detector with landmarks has 9 or 15")
        levels = len(SCRFD_OUTPUTS[len(sign.outputs)][0])
        for at, (name, shape) in enumerate(sign.outputs):
            width = (1, 4, 10)[at // levels]
            if shape and (len(shape) not in (2, 3) or shape[-1] not in (width, None)):
                raise PackError("graph_wrong", f"{what}: output {name} is {list(shape)}, not (.., {width})")
        _check_sides(sign, what)
    elif part.kind == "yunet":
        missing = set(YUNET_OUTPUTS) - {name for name, _ in sign.outputs}
        if missing:
            raise PackError("graph_wrong", f"{what} has no output {min(missing)}")
        _check_sides(sign, what)
    elif part.kind == "arcface":
        if len(sign.outputs) != 1:
            raise PackError("graph_wrong", f"{what} has {len(sign.outputs)} outputs, one wanted")
        if sign.shape[2] not in (*CHIP_SIDES, None) or sign.shape[2] != sign.shape[3] or sign.shape[0] not in (1, None):
            raise PackError("graph_wrong", f"{what} takes {list(sign.shape)}, not (N, 3, 112, 112)")
        shape = sign.outputs[0][1]
        if shape and (len(shape) != 2 or shape[1] not in (dimension, None)):
            raise PackError("graph_wrong", f"{what} gives {list(shape)}, not (N, {dimension})")
    else:
        raise PackError("graph_wrong", f"{what} is of kind {part.kind!r}, which this version does not know")


def _check_sides(sign: Signature, what: str) -> None:
    for side in sign.shape[2:]:
        if side is not None and (side % 32 or not 32 <= side <= 4096):
            raise PackError("graph_wrong", f"{what} takes pictures of side {side}, which is no multiple of 32")
    if (sign.shape[2] is None) != (sign.shape[3] is None):
        raise PackError("graph_wrong", f"{what} fixes one side of its pictures and not the other")


def embedded_scale(model: onnx.ModelProto) -> bool:
    """Does the graph subtract and multiply by itself before it does anything else?

    Older exports do; their names of nodes are what the insightface package goes by, and so does this.
    """
    first = model.graph.node[:8]
    return any(node.name.startswith(("Sub", "_minus")) for node in first) and any(
        node.name.startswith(("Mul", "_mul")) for node in first
    )


def rewritten(data: bytes, part: ModelPart, what: str, *, prelu: bool = True) -> bytes:
    """Return the graph that takes uint8 (N, H, W, 3) RGB pictures and says what ``data`` says, sooner.

    Args:
        prelu: False leaves the network itself as it is.

    Raises:
        PackError: graph_wrong.
    """
    model = read(data, what)
    sign = signature(model, what)
    if prelu:
        _rewrite_prelu(model)
    _prelude(model, sign, part)
    return model.SerializeToString()


def without_prelu(data: bytes, what: str) -> bytes:
    """The same graph, input and all, with PRelu written out."""
    model = read(data, what)
    _rewrite_prelu(model)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node_{number}"
    return model.SerializeToString()


def scaled(pictures: np.ndarray, part: ModelPart) -> np.ndarray:
    """uint8 (N, H, W, 3) RGB as the file's own graph takes it: (N, 3, H, W), scaled, in its order of colours."""
    ordered = pictures[:, :, :, ::-1] if part.kind == "yunet" else pictures
    return np.ascontiguousarray((ordered.transpose(0, 3, 1, 2).astype(np.float32) - part.mean) / part.std, np.float32)


def last_convolutions(data: bytes, what: str) -> list[str]:
    """Names of the convolutions after which none comes; ``without_prelu`` has named them all."""
    nodes = read(data, what).graph.node
    readers: dict[str, list] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    last = []
    for node in nodes:
        if node.op_type != "Conv":
            continue
        ahead, seen = [node], set()
        while ahead:
            for name in ahead.pop().output:
                for reader in readers.get(name, ()):
                    if id(reader) not in seen:
                        seen.add(id(reader))
                        ahead.append(reader)
        if not any(reader.op_type == "Conv" for other in readers.values() for reader in other if id(reader) in seen):
            last.append(node.name)
    return last


def _rewrite_prelu(model: onnx.ModelProto) -> None:
    """PRelu(x) = a*x + (1-a)*Relu(x), where a is one number a channel."""
    from onnx import helper, numpy_helper

    graph = model.graph
    weights = {weight.name: weight for weight in graph.initializer}
    nodes = []
    for node in graph.node:
        slopes = weights.get(node.input[1]) if node.op_type == "PRelu" else None
        values = numpy_helper.to_array(slopes) if slopes is not None else None
        # One a channel of NCHW, or one for all; anything else is left as it is.
        if values is None or values.dtype != np.float32 or (values.size > 1 and (values.ndim < 3 or values.size != values.shape[-3])):
            nodes.append(node)
            continue
        x, y = node.input[0], node.output[0]
        names = {}
        for name, numbers in (("slope", values), ("rest", 1 - values)):
            names[name] = f"{y}__{name}"
            graph.initializer.append(numpy_helper.from_array(numbers, names[name]))
        nodes += [
            helper.make_node("Mul", [x, names["slope"]], [f"{y}__line"]),
            helper.make_node("Relu", [x], [f"{y}__positive"]),
            helper.make_node("Mul", [f"{y}__positive", names["rest"]], [f"{y}__bend"]),
            helper.make_node("Add", [f"{y}__line", f"{y}__bend"], [y]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
    left = [weight for weight in graph.initializer if weight.name in used]
    if len(left) < len(graph.initializer):
        del graph.initializer[:]
        graph.initializer.extend(left)


def _prelude(model: onnx.ModelProto, sign: Signature, part: ModelPart) -> None:
    """uint8 NHWC RGB in front of a graph that takes (x - mean) / std, NCHW, in its own order of colours."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    nodes = [helper.make_node("Transpose", ["picture"], ["picture__planes"], perm=[0, 3, 1, 2])]
    at = "picture__planes"

    def constant(name: str, value: np.ndarray) -> str:
        graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    if part.kind == "yunet":  # made for OpenCV's order of colours
        nodes.append(helper.make_node("Gather", [at, constant("picture__bgr", np.array([2, 1, 0], np.int64))], ["picture__swapped"], axis=1))
        at = "picture__swapped"
    scale = part.std != 1.0 and not _scale_first_convolutions(model, sign.input, part.std)
    # "Identity" where the graph takes whole numbers itself.
    steps = [("Identity" if sign.dtype is np.uint8 else "Cast", None)]
    if part.mean:
        steps.append(("Sub", np.float32(part.mean)))
    if scale:
        # Divided, as the file's own users do: in int8 the last bit decides on which side of a step a pixel falls.
        steps.append(("Div", np.float32(part.std)))
    for number, (op, value) in enumerate(steps):
        target = sign.input if number == len(steps) - 1 else f"picture__{number}"
        if op == "Identity":
            nodes.append(helper.make_node("Identity", [at], [target]))
        elif op == "Cast":
            nodes.append(helper.make_node("Cast", [at], [target], to=TensorProto.FLOAT))
        else:
            nodes.append(helper.make_node(op, [at, constant(f"picture__value_{number}", np.asarray(value))], [target]))
        at = target
    for node in reversed(nodes):
        graph.node.insert(0, node)
    fixed = [value for value in graph.input if value.name != sign.input]
    batch, height, width = sign.shape[0] or "N", sign.shape[2] or "H", sign.shape[3] or "W"
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("picture", TensorProto.UINT8, [batch, height, width, 3]))
    graph.input.extend(fixed)
    # Shapes noted for the old sizes would only be in the way of the new ones.
    del graph.value_info[:]


def _scale_first_convolutions(model: onnx.ModelProto, name: str, std: float) -> bool:
    """Divide by ``std`` in the weights of the convolutions that read the input; False when something else reads it.

    Exact with padding too: zero stays zero.
    """
    from onnx import numpy_helper

    graph = model.graph
    readers = [node for node in graph.node if name in node.input]
    weights = {weight.name: weight for weight in graph.initializer}
    uses = [used for node in graph.node for used in node.input]
    if not readers or any(
        node.op_type != "Conv" or node.input[0] != name or node.input[1] not in weights or uses.count(node.input[1]) != 1
        for node in readers
    ):
        return False
    for node in readers:
        weight = weights[node.input[1]]
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32:
            return False
    for node in readers:
        weight = weights[node.input[1]]
        weight.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(weight) / np.float32(std)).astype(np.float32), weight.name))
    return True
