"""Read the three dlib weight files a pack is built from, to their last byte.

The format has no index and no layer names to search for: a network is a nest of C++ types
written from the outside in, so the reader must know the topology beforehand. The tag string
in each layer's body then proves, layer by layer, that the file is the network it was taken for.

Nothing here executes or imports what it reads: integers, floats and strings only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


class DatError(ValueError):
    """The bytes are not what the format or the network demands.

    ``offset`` is where in the file reading stopped.
    """

    def __init__(self, offset: int, detail: str):
        super().__init__(f"at byte {offset:#x}: {detail}")
        self.offset = offset
        self.detail = detail


@dataclass(frozen=True)
class Layer:
    """One layer that does arithmetic, in the order of execution."""

    kind: str
    """con, affine, relu, max_pool, avg_pool, add, fc, tag or skip."""
    numbers: dict[str, int] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A parsed network: what its loss layer says, its input layer, and its layers from input to output."""

    loss: dict[str, object]
    mean_rgb: tuple[float, float, float]
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class ShapePredictor:
    """A cascade of regression trees that moves a mean shape onto a face."""

    initial: np.ndarray
    """(5, 2) float32, in box coordinates 0..1."""
    splits: np.ndarray
    """(cascades, trees, 15, 2) int16: the two pixels that a node compares."""
    thresholds: np.ndarray
    """(cascades, trees, 15) float32."""
    leaves: np.ndarray
    """(cascades, trees, 16, 10) float32."""
    anchors: np.ndarray
    """(cascades, pixels) int16: the point that each sampled pixel hangs on."""
    deltas: np.ndarray
    """(cascades, pixels, 2) float32: how far from that point."""


class Reader:
    """Walks over serialized bytes; every method moves past what it returned."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def fail(self, detail: str) -> DatError:
        return DatError(self.at, detail)

    def take(self, count: int) -> bytes:
        end = self.at + count
        if count < 0 or end > len(self.data):
            raise self.fail(f"{count} bytes wanted, {len(self.data) - self.at} left")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def integer(self) -> int:
        """A control byte (low nibble: length, high bit: sign), then the magnitude, little-endian."""
        data, at = self.data, self.at
        if at >= len(data):
            raise self.fail("the file ends where an integer should be")
        control = data[at]
        count = control & 0x0F
        if control & 0x70 or not 1 <= count <= 8:
            raise self.fail(f"{control:#04x} does not begin an integer")
        end = at + 1 + count
        if end > len(data):
            raise self.fail("the file ends inside an integer")
        self.at = end
        magnitude = int.from_bytes(data[at + 1 : end], "little")
        return -magnitude if control & 0x80 else magnitude

    def count(self, most: int, of: str) -> int:
        """A non-negative integer that may be allocated for."""
        start, value = self.at, self.integer()
        if not 0 <= value <= most:
            raise DatError(start, f"{value} {of}: not between 0 and {most}")
        return value

    def expect(self, wanted: int, of: str) -> None:
        start, value = self.at, self.integer()
        if value != wanted:
            raise DatError(start, f"{of} is {value}, not {wanted}")

    def boolean(self) -> bool:
        byte = self.take(1)
        if byte not in (b"0", b"1"):
            self.at -= 1
            raise self.fail(f"{byte!r} is not a truth value")
        return byte == b"1"

    def real(self) -> float:
        # Mantissa first. The comment on top of dlib's own source says exponent first; its code
        # and every file say otherwise.
        start, mantissa, exponent = self.at, self.integer(), self.integer()
        if not -1100 <= exponent <= 1000:
            # 32000 to 32002 stand for infinities and NaN, which no weight may be.
            raise DatError(start, f"not a finite number (exponent {exponent})")
        return math.ldexp(mantissa, exponent)

    def reals(self, count: int) -> list[float]:
        return [self.real() for _ in range(count)]

    def text(self) -> str:
        start, size = self.at, self.count(64, "characters")
        try:
            return self.take(size).decode("ascii")
        except UnicodeDecodeError:
            raise DatError(start, "a tag with characters outside ASCII") from None

    def tensor(self) -> np.ndarray:
        self.expect(2, "version of a tensor")
        shape = tuple(self.count(1 << 24, "items along one side of a tensor") for _ in range(4))
        values = np.frombuffer(self.take(4 * math.prod(shape)), "<f4").reshape(shape)
        if not np.isfinite(values).all():
            raise self.fail("a tensor with values that are not finite")
        return values

    def view(self) -> tuple[int, ...]:
        """The shape of a view into a tensor; it carries no values."""
        self.expect(1, "version of a tensor view")
        return tuple(self.count(1 << 24, "items along one side of a view") for _ in range(4))

    def empty(self, what: str) -> None:
        start = self.at
        if self.tensor().size:
            raise DatError(start, f"{what} is not empty: this is a training checkpoint")

    def column(self, rows: int) -> list[float]:
        """A matrix of one column. Sizes are written negated: dlib's sign of the newer form."""
        self.expect(-rows, "rows of a vector")
        self.expect(-1, "columns of a vector")
        return self.reals(rows)

    def end(self) -> None:
        if self.at != len(self.data):
            raise self.fail(f"{len(self.data) - self.at} bytes after the end of the model")


# -- layer bodies ----------------------------------------------------------------------------


def _split(reader: Reader, params: np.ndarray, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    flat = params.ravel()
    if flat.size != sum(math.prod(shape) for shape in shapes):
        raise reader.fail(f"{flat.size} parameters do not fill {shapes}")
    parts, start = [], 0
    for shape in shapes:
        parts.append(flat[start : start + math.prod(shape)].reshape(shape))
        start += math.prod(shape)
    return parts


def _con(reader: Reader, tag: str) -> Layer:
    params = reader.tensor()
    names = ("filters", "rows", "columns", "stride_y", "stride_x", "pad_y", "pad_x")
    numbers = {name: reader.count(4096, name) for name in names}
    filters, biases = reader.view(), reader.view()
    reader.reals(4)
    if tag in ("con_5", "con_6") and not reader.boolean():
        raise reader.fail("a convolution without bias is not part of this network")
    if tag == "con_6" and reader.boolean():
        raise reader.fail("a convolution with a built-in relu is not part of this network")
    if (filters[0], *filters[2:]) != (numbers["filters"], numbers["rows"], numbers["columns"]):
        raise reader.fail(f"filters of shape {filters} contradict {numbers}")
    weights, bias = _split(reader, params, filters, biases)
    return Layer("con", numbers, {"weights": weights, "bias": bias.ravel()})


def _affine(reader: Reader, tag: str) -> Layer:
    params = reader.tensor()
    gamma, beta = _split(reader, params, reader.view(), reader.view())
    reader.expect(0, "mode of an affine layer")
    if tag == "affine_2" and reader.boolean():
        raise reader.fail("a disabled affine layer is not part of this network")
    return Layer("affine", {}, {"scale": gamma.ravel(), "shift": beta.ravel()})


def _batch_norm(reader: Reader, tag: str) -> Layer:
    """A batch normalisation, as the affine layer it is once training is over."""
    params = reader.tensor()
    gamma, beta = _split(reader, params, reader.view(), reader.view())
    reader.tensor()
    reader.tensor()
    means, variances = reader.tensor().ravel(), reader.tensor().ravel()
    reader.integer()
    reader.integer()
    reader.reals(4)
    epsilon = reader.real()
    if not gamma.size == means.size == variances.size:
        raise reader.fail("a batch normalisation whose parts differ in size")
    scale = gamma.ravel().astype(np.float64) / np.sqrt(variances.astype(np.float64) + epsilon)
    return Layer("affine", {}, {"scale": scale, "shift": beta.ravel() - scale * means})


def _pool(reader: Reader, tag: str) -> Layer:
    names = ("rows", "columns", "stride_y", "stride_x", "pad_y", "pad_x")
    return Layer(tag[:8], {name: reader.count(4096, name) for name in names})


def _fc(reader: Reader, tag: str) -> Layer:
    outputs, inputs = reader.count(1 << 16, "outputs"), reader.count(1 << 16, "inputs")
    params = reader.tensor()
    reader.view()
    reader.view()
    reader.expect(1, "bias mode of the last layer")
    reader.reals(4)
    if tag == "fc_3" and reader.boolean():
        raise reader.fail("a bias where the network has none")
    (weights,) = _split(reader, params, (inputs, outputs))
    return Layer("fc", {"inputs": inputs, "outputs": outputs}, {"weights": weights})


def _relu(reader: Reader, tag: str) -> Layer:
    if tag == "relu_2" and reader.boolean():
        raise reader.fail("a disabled relu is not part of this network")
    return Layer("relu")


def _add(reader: Reader, tag: str) -> Layer:
    return Layer("add")


_BODIES: dict[str, dict[str, Callable[[Reader, str], Layer]]] = {
    "con": {"con_4": _con, "con_5": _con, "con_6": _con},
    # A network used for finding, not training, may still hold its batch normalisations.
    "affine": {"affine_": _affine, "affine_2": _affine, "bn_con2": _batch_norm},
    "relu": {"relu_": _relu, "relu_2": _relu},
    "max_pool": {"max_pool_2": _pool},
    "avg_pool": {"avg_pool_2": _pool},
    "add": {"add_prev_": _add},
    "fc": {"fc_2": _fc, "fc_3": _fc},
}


def _layers(reader: Reader, topology: tuple[str, ...], read_input: Callable[[], object]):
    """All version numbers from output to input, the input layer, then the bodies from input to output."""
    versions: list[int] = []
    for kind in reversed(topology[1:]):
        start, version = reader.at, reader.integer()
        if version not in ((1,) if kind in ("tag", "skip") else (1, 2)):
            raise DatError(start, f"version {version} of a {kind} layer")
        versions.append(version)
    start, bottom = reader.at, reader.integer()
    if bottom not in (2, 3):
        raise DatError(start, f"version {bottom} of the lowest layer")
    given = read_input()

    layers = []
    for kind, version in zip(topology, [bottom, *reversed(versions)], strict=True):
        if kind in ("tag", "skip"):
            layers.append(Layer(kind))
            continue
        start, tag = reader.at, reader.text()
        if tag not in _BODIES[kind]:
            raise DatError(start, f"layer {len(layers)} is {tag!r} where this network has a {kind}")
        layers.append(_BODIES[kind][tag](reader, tag))
        for _ in range(3):
            reader.boolean()
        reader.empty("a gradient")
        reader.empty("a cached output")
        if len(layers) == 1:
            reader.empty("a gradient of the input")
            if version == 3:
                reader.expect(1, "samples an input makes")
        elif version == 2:
            reader.empty("a gradient of the parameters")
    return given, tuple(layers)


def _tagged(reader: Reader, *wanted: str) -> str:
    start, tag = reader.at, reader.text()
    if tag not in wanted:
        raise DatError(start, f"{tag!r} where {' or '.join(wanted)} should be")
    return tag


# -- the embedding network -------------------------------------------------------------------

_BRANCH = ("con", "affine", "relu", "con", "affine")
_SAME = ("tag", *_BRANCH, "add", "relu")
_DOWN = ("tag", *_BRANCH, "tag", "skip", "avg_pool", "add", "relu")
EMBEDDING_BLOCKS = ("same",) * 3 + (("down",) + ("same",) * 3) + (("down",) + ("same",) * 2) * 2 + ("down",)
_EMBEDDING = (
    ("con", "affine", "relu", "max_pool")
    + tuple(kind for block in EMBEDDING_BLOCKS for kind in (_SAME if block == "same" else _DOWN))
    + ("avg_pool", "fc")
)


def read_embedding(data: bytes) -> Network:
    """Read the face embedding network (29 convolutions, 128 numbers out).

    Raises:
        DatError: another network, a damaged file, or one byte too many or too few.
    """
    reader = Reader(data)
    reader.expect(1, "version of the loss layer")
    _tagged(reader, "loss_metric_2")
    loss: dict[str, object] = {"margin": reader.real(), "distance_max": reader.real()}

    def sized_input() -> tuple[float, float, float]:
        _tagged(reader, "input_rgb_image_sized")
        mean = (reader.real(), reader.real(), reader.real())
        reader.expect(150, "rows of the input")
        reader.expect(150, "columns of the input")
        return mean

    mean, layers = _layers(reader, _EMBEDDING, sized_input)
    reader.end()
    return Network(loss, mean, layers)


# -- the detector ----------------------------------------------------------------------------

_DETECTOR = ("con", "affine", "relu") * 6 + ("con",)


def read_detector(data: bytes) -> Network:
    """Read the sliding-window face detector.

    Raises:
        DatError: as for read_embedding.
    """
    reader = Reader(data)
    reader.expect(1, "version of the loss layer")
    _tagged(reader, "loss_mmod_")
    start, version = reader.at, reader.integer()
    if version == 1:
        windows = [(reader.integer(), reader.integer())]
    elif version in (2, 3, 4):
        windows = []
        for _ in range(reader.count(64, "windows")):
            window = reader.integer()
            windows.append((reader.integer(), reader.integer()))
            if window == 2:
                reader.text()
    else:
        raise DatError(start, f"version {version} of the detector's options")
    reader.reals(3)
    loss: dict[str, object] = {"window": windows, "overlap_max": reader.real(), "covered_max": reader.real()}
    reader.reals(2)
    if version >= 3:
        reader.take(1)
    if version >= 4:
        reader.boolean()
        reader.real()
    if windows != [(80, 80)]:
        raise reader.fail(f"windows {windows}: this detector has one of 80 x 80")

    def pyramid_input() -> tuple[float, float, float]:
        tag = _tagged(reader, "input_rgb_image_pyramid", "input_rgb_image_pyramid2")
        mean = (reader.real(), reader.real(), reader.real())
        if tag == "input_rgb_image_pyramid2":
            reader.integer()
            reader.integer()
        return mean

    mean, layers = _layers(reader, _DETECTOR, pyramid_input)
    reader.end()
    return Network(loss, mean, layers)


# -- the five landmarks ----------------------------------------------------------------------

POINTS = 5
_NODES = 15
_LEAVES = 16


def read_landmarks(data: bytes) -> ShapePredictor:
    """Read the five-point shape predictor. About a second: a million floats, each of two integers.

    Raises:
        DatError: as for read_embedding. A predictor of another number of points is refused too:
            the common one of 68 points may not be used commercially.
    """
    reader = Reader(data)
    reader.expect(1, "version of the shape predictor")
    initial = np.array(reader.column(2 * POINTS), np.float32).reshape(POINTS, 2)
    cascades = reader.count(64, "cascades")
    splits, thresholds, leaves = [], [], []
    trees = 0
    for cascade in range(cascades):
        count = reader.count(10_000, "trees")
        if cascade and count != trees:
            raise reader.fail(f"{count} trees in one cascade, {trees} in another")
        trees = count
        for _ in range(trees):
            reader.expect(_NODES, "nodes of a tree")
            for _ in range(_NODES):
                splits.append((reader.integer(), reader.integer()))
                thresholds.append(reader.real())
            reader.expect(_LEAVES, "leaves of a tree")
            for _ in range(_LEAVES):
                leaves.append(reader.column(2 * POINTS))
    reader.expect(cascades, "cascades that have anchors")
    anchors = [[reader.integer() for _ in range(reader.count(10_000, "anchors"))] for _ in range(cascades)]
    reader.expect(cascades, "cascades that have offsets")
    deltas = [[reader.reals(2) for _ in range(reader.count(10_000, "offsets"))] for _ in range(cascades)]
    reader.end()

    pixels = len(anchors[0]) if anchors else 0
    if not pixels or any(len(row) != pixels for row in (*anchors, *deltas)):
        raise reader.fail("cascades sample different numbers of pixels")
    pairs = np.array(splits, np.int64)
    hung_on = np.array(anchors, np.int64)
    if pairs.min() < 0 or pairs.max() >= pixels or hung_on.min() < 0 or hung_on.max() >= POINTS:
        raise reader.fail("an index points outside its table")
    return ShapePredictor(
        initial=initial,
        splits=pairs.astype(np.int16).reshape(cascades, trees, _NODES, 2),
        thresholds=np.array(thresholds, np.float32).reshape(cascades, trees, _NODES),
        leaves=np.array(leaves, np.float32).reshape(cascades, trees, _LEAVES, 2 * POINTS),
        anchors=hung_on.astype(np.int16),
        deltas=np.array(deltas, np.float32),
    )
