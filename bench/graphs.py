"""ONNX files shaped like the published packs: the same signatures and the same cost, with random weights.

    python -m bench.graphs FOLDER      writes buffalo_sc, buffalo_l and yunet_sface below it

Trained weights cannot be fetched where Muster is built and tested, so its loaders, its decoders and its clock run on these.
Layer plans are the published ones (SCRFD 500M and 10G, MobileFaceNet of scale 2 with blocks 2-8-12-4, IResNet-50); the sums
of multiply-adds agree with the published figures to some per cent and are printed. The weights recognise nobody. So that
there is something to find, a detector answers to one thing: a patch of pure magenta (``MARKER``), below whose centre it
says there is a face. ``marked`` puts one into a picture.
"""

import argparse
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

MARKER = (255, 0, 255)
"""RGB of the patch that the detectors answer to."""
MARKER_SIDE = 48
FACE_SIDE = 224.0
"""Side of the face that is found, in pixels of the picture given to the network."""
FACE_BELOW = 136.0
"""How far the face's centre lies below the patch's."""
# Eyes, nose and corners of the mouth in a face of side 1, from its centre; as the alignment target has them.
FIVE = np.array([(-0.20, -0.16), (0.20, -0.16), (0.0, 0.05), (-0.16, 0.28), (0.16, 0.28)])

_OPSET = 13


class Net:
    """Nodes and random weights in the order they are added; counts multiply-adds for one size of input."""

    def __init__(self, seed: int, height: int, width: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list = []
        self.weights: list = []
        self.at: dict[str, tuple[int, int, int]] = {}
        self.size = (height, width)
        self.macs = 0

    def add(self, op: str, *inputs: str, output: str = "", **attributes) -> str:
        output = output or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        if inputs and inputs[0] in self.at:
            self.at[output] = self.at[inputs[0]]
        return output

    def weight(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def conv(self, x: str, out: int, k: int, *, stride: int = 1, pad: int | None = None, groups: int = 1, gain: float = 1.0,
             bias: np.ndarray | float = 0.0, output: str = "") -> str:  # fmt: skip
        channels, height, width = self.at[x]
        pad = k // 2 if pad is None else pad
        fan = channels // groups * k * k
        kernel = self.random.normal(0, gain * np.sqrt(2 / fan), (out, channels // groups, k, k)).astype(np.float32)
        shift = np.broadcast_to(np.asarray(bias, np.float32), (out,))
        name = self.add("Conv", x, self.weight(kernel), self.weight(shift), output=output, kernel_shape=[k, k],
                        strides=[stride, stride], pads=[pad] * 4, group=groups)  # fmt: skip
        size = ((height + 2 * pad - k) // stride + 1, (width + 2 * pad - k) // stride + 1)
        self.at[name] = (out, *size)
        self.macs += fan * out * size[0] * size[1]
        return name

    def relu(self, x: str) -> str:
        return self.add("Relu", x)

    def prelu(self, x: str) -> str:
        slopes = self.random.uniform(-0.1, 0.5, (self.at[x][0], 1, 1)).astype(np.float32)
        return self.add("PRelu", x, self.weight(slopes))

    def norm(self, x: str) -> str:
        channels = self.at[x][0]
        scale, shift, mean = (self.random.normal(centre, 0.1, channels).astype(np.float32) for centre in (1, 0, 0))
        var = self.random.uniform(0.8, 1.2, channels).astype(np.float32)
        return self.add("BatchNormalization", x, *(self.weight(values) for values in (scale, shift, mean, var)), epsilon=1e-5)

    def plus(self, a: str, b: str) -> str:
        return self.add("Add", a, b)

    def separable(self, x: str, out: int, *, stride: int = 1) -> str:
        """A depth-wise 3 x 3 and a 1 x 1, each with a ReLU."""
        x = self.relu(self.conv(x, self.at[x][0], 3, stride=stride, groups=self.at[x][0]))
        return self.relu(self.conv(x, out, 1))

    def larger(self, x: str) -> str:
        x2 = self.add("Resize", x, "", self.weight(np.array([1, 1, 2, 2], np.float32)), mode="nearest",
                      coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
        channels, height, width = self.at[x]
        self.at[x2] = (channels, 2 * height, 2 * width)
        return x2

    def model(self, name: str, inputs: list, outputs: list) -> bytes:
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8, producer_name="bench.graphs")
        return model.SerializeToString()


def _floats(name: str, shape: Sequence[int | str | None]):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


# --- detectors -------------------------------------------------------------------------------------------------


def _pyramid(net: Net, levels: list[str], out: int) -> list[str]:
    """PAFPN: down by adding, up by adding, a 3 x 3 at each joint."""
    sides = [net.conv(level, out, 1) for level in levels]
    for upper in (1, 0):
        sides[upper] = net.plus(sides[upper], net.larger(sides[upper + 1]))
    outs = [net.conv(side, out, 3) for side in sides]
    for lower in (1, 2):
        outs[lower] = net.plus(outs[lower], net.conv(outs[lower - 1], out, 3, stride=2))
    return [outs[0], net.conv(outs[1], out, 3), net.conv(outs[2], out, 3)]


def _marker(net: Net, stride: int, unit: float, zero: float) -> str:
    """How magenta each cell is: 1.0 where it is nothing else. ``unit`` and ``zero``: the input's scale of 255 and its 0."""
    kernel = np.zeros((1, 3, stride, stride), np.float32)
    kernel[0] = np.array([0.5, -1.0, 0.5])[:, None, None] / (stride * stride * unit)
    del zero  # the three weights add up to nothing: a shift of the input drops out
    cells = net.add("Conv", "input.1", net.weight(kernel), kernel_shape=[stride, stride], strides=[stride, stride])
    _, height, width = net.at["input.1"]
    net.at[cells] = (1, height // stride, width // stride)
    return cells


def _outputs(net: Net, heads: dict[str, list[str]], names: list[str], ranked: int) -> None:
    """Cells with their channels to rows: y outer, x inner, anchor innermost."""
    for kind, width in (("score", 1), ("bbox", 4), ("kps", 10)):
        for level, head in zip((8, 16, 32), heads[kind], strict=True):
            rows = net.add("Transpose", head, perm=[0, 2, 3, 1])
            shape = [-1, width] if ranked == 2 else [1, -1, width]
            rows = net.add("Reshape", rows, net.weight(np.array(shape, np.int64)), output="" if kind == "score" else f"{kind}_{level}")
            if kind == "score":
                net.add("Sigmoid", rows, output=f"score_{level}")
            names.append(f"{kind}_{level}")


def _scrfd_heads(net: Net, levels: list[str], stacked) -> dict[str, list[str]]:
    """Heads whose random part is too small to matter and whose constant part says: a face lies below the marker."""
    heads: dict[str, list[str]] = {"score": [], "bbox": [], "kps": []}
    half = FACE_SIDE / 2
    for stride, level in zip((8, 16, 32), levels, strict=True):
        x = stacked(level)
        score = net.conv(x, 2, 3, gain=1e-3, bias=-8.0)
        if stride == 16:
            lit = net.add("Relu", net.add("Sub", _marker(net, 16, 255 / 128, 0.0), net.weight(np.float32(0.7))))
            lit = net.add("Mul", lit, net.weight(np.array([40, 0], np.float32).reshape(1, 2, 1, 1)))
            score = net.add("Add", score, lit)
        heads["score"].append(score)
        box = np.array([half, half - FACE_BELOW, half, half + FACE_BELOW]) / stride
        heads["bbox"].append(net.conv(x, 8, 3, gain=1e-3, bias=np.tile(box, 2)))
        points = (FIVE * FACE_SIDE + (0, FACE_BELOW)) / stride
        heads["kps"].append(net.conv(x, 20, 3, gain=1e-3, bias=np.tile(points.ravel(), 2)))
    return heads


def scrfd_500m(*, ranked: int = 2, fixed: tuple[int, int] | None = None) -> tuple[bytes, int]:
    """A detector like det_500m.onnx; (bytes, multiply-adds at 640 x 480).

    Args:
        ranked: 2, or 3 for outputs with a batch in front.
        fixed: (height, width) of the input; None: any.
    """
    net = Net(500, 480, 640)
    net.at["input.1"] = (3, 480, 640)
    x = net.relu(net.conv("input.1", 16, 3, stride=2))
    x = net.separable(x, 16)
    levels = []
    for blocks, planes in zip((2, 3, 2, 6), (40, 72, 152, 288), strict=True):
        for block in range(blocks):
            x = net.separable(x, planes, stride=2 if block == 0 else 1)
        levels.append(x)
    levels = _pyramid(net, levels[1:], 16)

    def stacked(level: str) -> str:
        return net.separable(net.separable(level, 64), 64)

    return _scrfd(net, levels, stacked, ranked, fixed)


def scrfd_10g(*, ranked: int = 2, fixed: tuple[int, int] | None = None) -> tuple[bytes, int]:
    """A detector like det_10g.onnx; see ``scrfd_500m``."""
    net = Net(10, 480, 640)
    net.at["input.1"] = (3, 480, 640)
    x = net.relu(net.conv("input.1", 28, 3, stride=2))
    x = net.relu(net.conv(net.relu(net.conv(x, 28, 3)), 56, 3))
    x = net.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    net.at[x] = (56, 120, 160)
    levels = []
    for stage, (blocks, planes) in enumerate(zip((3, 4, 2, 3), (56, 88, 88, 224), strict=True)):
        for block in range(blocks):
            stride = 2 if block == 0 and stage else 1
            y = net.conv(net.relu(net.conv(x, planes, 3, stride=stride)), planes, 3, gain=0.3)
            if stride == 2 or net.at[x][0] != planes:
                if stride == 2:
                    size = net.at[y][1:]
                    x = net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
                    net.at[x] = (net.at[x][0], *size)
                x = net.conv(x, planes, 1)
            x = net.relu(net.plus(y, x))
        levels.append(x)
    levels = _pyramid(net, levels[1:], 56)

    def stacked(level: str) -> str:
        for _ in range(3):
            level = net.relu(net.conv(level, 80, 3))
        return level

    return _scrfd(net, levels, stacked, ranked, fixed)


def _scrfd(net: Net, levels: list[str], stacked, ranked: int, fixed: tuple[int, int] | None) -> tuple[bytes, int]:
    names: list[str] = []
    _outputs(net, _scrfd_heads(net, levels, stacked), names, ranked)
    height, width = fixed or ("?", "?")
    widths = {"score": 1, "bbox": 4, "kps": 10}
    outputs = [_floats(name, ([1] if ranked == 3 else []) + [None, widths[name.split("_")[0]]]) for name in names]
    return net.model("scrfd", [_floats("input.1", [1, 3, height, width])], outputs), net.macs


def yunet(*, fixed: tuple[int, int] | None = (640, 640)) -> tuple[bytes, int]:
    """A detector like face_detection_yunet_2023mar.onnx: BGR 0..255, twelve outputs, one anchor a cell."""
    net = Net(75, 640, 640)
    net.at["input.1"] = (3, 640, 640)
    x = net.relu(net.conv("input.1", 16, 3, stride=2, gain=0.01))
    x = net.separable(x, 16)
    levels = []
    for planes in (32, 64, 64, 64):
        x = net.separable(net.separable(x, planes, stride=2), planes)
        levels.append(x)
    outputs = []
    for stride, level in zip((8, 16, 32), levels[1:], strict=True):
        x = net.separable(level, 32)
        score = net.conv(x, 1, 3, gain=1e-3, bias=-8.0)
        if stride == 16:
            lit = net.add("Relu", net.add("Sub", _marker(net, 16, 255.0, 0.0), net.weight(np.float32(0.7))))
            score = net.add("Add", score, net.add("Mul", lit, net.weight(np.float32(40))))
        box = [0, FACE_BELOW / stride, np.log(FACE_SIDE / stride), np.log(FACE_SIDE / stride)]
        points = ((FIVE * FACE_SIDE + (0, FACE_BELOW)) / stride).ravel()
        for kind, head, width in (
            ("cls", net.add("Sigmoid", score), 1),
            ("obj", net.add("Sigmoid", score), 1),
            ("bbox", net.conv(x, 4, 3, gain=1e-3, bias=np.array(box)), 4),
            ("kps", net.conv(x, 10, 3, gain=1e-3, bias=points), 10),
        ):
            rows = net.add("Transpose", head, perm=[0, 2, 3, 1])
            net.add("Reshape", rows, net.weight(np.array([1, -1, width], np.int64)), output=f"{kind}_{stride}")
            outputs.append((kind, stride, width))
    order = {"cls": 0, "obj": 1, "bbox": 2, "kps": 3}
    outputs.sort(key=lambda row: (order[row[0]], row[1]))
    height, width = fixed or ("h", "w")
    shaped = [_floats(f"{kind}_{stride}", [1, None, wide]) for kind, stride, wide in outputs]
    return net.model("yunet", [_floats("input.1", [1, 3, height, width])], shaped), net.macs


# --- recognisers -----------------------------------------------------------------------------------------------


def _recogniser(net: Net, x: str, dimension: int, batch: int | str) -> tuple[bytes, int]:
    del x
    outputs = [_floats("embedding", [batch, dimension])]
    return net.model("recogniser", [_floats("input.1", [batch, 3, 112, 112])], outputs), net.macs


def mobilefacenet(*, blocks: Sequence[int] = (2, 8, 12, 4), dimension: int = 512, batch: int | str = "N") -> tuple[bytes, int]:
    """A recogniser like w600k_mbf.onnx (13 MB, 0.92 GMAC), every ReLU with a slope of its own; (bytes, multiply-adds)."""
    net = Net(600, 112, 112)
    net.at["input.1"] = (3, 112, 112)

    def bottleneck(x: str, out: int, inner: int, stride: int, gain: float) -> str:
        x = net.prelu(net.conv(x, inner, 1))
        x = net.prelu(net.conv(x, inner, 3, stride=stride, groups=inner))
        return net.conv(x, out, 1, gain=gain)

    def residual(x: str, count: int, inner: int) -> str:
        for _ in range(count):
            x = net.plus(x, bottleneck(x, net.at[x][0], inner, 1, 0.4))
        return x

    x = net.prelu(net.conv("input.1", 128, 3, stride=2))
    x = residual(x, blocks[0], 128)
    x = residual(bottleneck(x, 128, 128, 2, 1.0), blocks[1], 128)
    x = residual(bottleneck(x, 256, 256, 2, 1.0), blocks[2], 256)
    x = residual(bottleneck(x, 256, 512, 2, 1.0), blocks[3], 256)
    x = net.prelu(net.conv(x, 512, 1))
    x = net.conv(x, 512, 7, pad=0, groups=512)
    x = net.add("Flatten", x)
    x = net.add("MatMul", x, net.weight(net.random.normal(0, 0.05, (512, dimension)).astype(np.float32)))
    net.macs += 512 * dimension
    net.at[x] = (dimension, 1, 1)
    return _last_norm(net, x, dimension, batch)


def iresnet(*, layers: Sequence[int] = (3, 4, 14, 3), planes: Sequence[int] = (64, 128, 256, 512), dimension: int = 512, batch: int | str = "N") -> tuple[bytes, int]:
    """A recogniser like w600k_r50.onnx (174 MB, 6.3 GMAC); other ``layers`` and ``planes`` give smaller and larger ones."""
    net = Net(50, 112, 112)
    net.at["input.1"] = (3, 112, 112)
    x = net.prelu(net.conv("input.1", planes[0], 3))
    for count, wide in zip(layers, planes, strict=True):
        for block in range(count):
            stride = 2 if block == 0 else 1
            y = net.prelu(net.conv(net.norm(x), wide, 3))
            y = net.conv(y, wide, 3, stride=stride, gain=0.4)
            x = net.plus(y, net.conv(x, wide, 1, stride=2, pad=0) if block == 0 else x)
    x = net.add("Flatten", net.norm(x))
    dense = net.random.normal(0, 0.01, (dimension, planes[-1] * 49)).astype(np.float32)
    x = net.add("Gemm", x, net.weight(dense), net.weight(np.zeros(dimension, np.float32)), transB=1)
    net.macs += planes[-1] * 49 * dimension
    net.at[x] = (dimension, 1, 1)
    return _last_norm(net, x, dimension, batch)


def sface(*, dimension: int = 128) -> tuple[bytes, int]:
    """A recogniser with the signature of face_recognition_sface_2021dec.onnx: one face, RGB 0..255, scaled inside."""
    net = Net(21, 112, 112)
    net.at["input.1"] = (3, 112, 112)
    scaled = net.add("Sub", "input.1", net.weight(np.float32(127.5)))
    scaled = net.add("Mul", scaled, net.weight(np.float32(1 / 128)))
    x = net.prelu(net.conv(scaled, 32, 3, stride=2))
    for planes, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        x = net.prelu(net.conv(net.prelu(net.conv(x, net.at[x][0], 3, stride=stride, groups=net.at[x][0])), planes, 1))
    x = net.add("Flatten", net.conv(x, 512, 7, pad=0, groups=512))
    x = net.add("MatMul", x, net.weight(net.random.normal(0, 0.05, (512, dimension)).astype(np.float32)))
    net.at[x] = (dimension, 1, 1)
    return _last_norm(net, x, dimension, 1)


def _last_norm(net: Net, x: str, dimension: int, batch: int | str) -> tuple[bytes, int]:
    x = net.norm(x)
    net.nodes[-1].output[0] = "embedding"
    return _recogniser(net, x, dimension, batch)


# --- folders as their users have them --------------------------------------------------------------------------


def write_insightface(folder: Path, detector: bytes, recogniser: bytes, *, names: tuple[str, str], manifest: bool = False) -> Path:
    """A folder as the insightface package unpacks one; with ``manifest``, one of its version 2 with digests."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in zip(names, (detector, recogniser), strict=True):
        (folder / name).write_bytes(data)
    if manifest:
        said = {
            "manifest_version": 2,
            "model_id": folder.name,
            "display_name": folder.name,
            "license": "MODEL.LICENSE",
            "tasks": {
                "detection": {
                    "file": names[0],
                    "sha256": sha256(detector).hexdigest(),
                    "preprocessing": {"mean": 127.5, "std": 128.0},
                },
                "recognition": {
                    "file": names[1],
                    "sha256": sha256(recogniser).hexdigest(),
                    "preprocessing": {"mean": 127.5, "std": 127.5},
                    "input_size": [112, 112],
                    "embedding_dimension": 512,
                },
            },
        }
        (folder / "manifest.json").write_text(json.dumps(said), "utf-8")
        (folder / "MODEL.LICENSE").write_text("Random weights of bench.graphs; they recognise nobody.\n", "utf-8")
    return folder


def write_sc(folder: Path, *, manifest: bool = False) -> Path:
    return write_insightface(
        folder, scrfd_500m()[0], mobilefacenet()[0], names=("det_500m.onnx", "w600k_mbf.onnx"), manifest=manifest
    )


def write_l(folder: Path, *, manifest: bool = False) -> Path:
    return write_insightface(folder, scrfd_10g()[0], iresnet()[0], names=("det_10g.onnx", "w600k_r50.onnx"), manifest=manifest)


def write_yunet_sface(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "face_detection_yunet_2023mar.onnx").write_bytes(yunet()[0])
    (folder / "face_recognition_sface_2021dec.onnx").write_bytes(sface()[0])
    return folder


def marked(image: np.ndarray, *, centre: tuple[int, int] | None = None, side: int = MARKER_SIDE) -> np.ndarray:
    """A copy of an (H, W, 3) RGB picture with the patch the detectors answer to; ``centre`` is (x, y) of the patch."""
    height, width = image.shape[:2]
    x, y = centre or (width // 2, height // 2 - int(FACE_BELOW))
    image = image.copy()
    image[max(0, y - side // 2) : y + side // 2, max(0, x - side // 2) : x + side // 2] = MARKER
    return image


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.graphs")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name, (data, macs) in {
        "scrfd 500m": scrfd_500m(), "scrfd 10g": scrfd_10g(), "mobilefacenet": mobilefacenet(), "iresnet 50": iresnet(),
        "yunet": yunet(), "sface": sface(),
    }.items():  # fmt: skip
        print(f"{name:14} {len(data) / 1e6:8.2f} MB  {macs / 1e9:7.3f} GMAC")
    write_sc(folder / "buffalo_sc")
    write_l(folder / "buffalo_l")
    write_yunet_sface(folder / "yunet_sface")


if __name__ == "__main__":
    main()
