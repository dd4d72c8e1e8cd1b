"""A model pack: one folder with a manifest, its weights and their licence, all verified by digest.

A pack says everything about itself that the rest of the service would otherwise guess: how
alike is alike enough, what it is bad at, where its weights come from. Similarity is "higher
is more alike, 1.0 is identical" for every pack: the cosine for cosine packs, 1 - distance
for euclidean ones. Numbers of different packs are never comparable; ``contract_id`` says
which embeddings may meet.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from recognition.limits import Curve, FarPoint

FORMATS = (1, 2)
"""1: the network of the embedded pack; 2: says of each model what kind of network it is."""
MANIFEST = "pack.toml"
DEFAULT_PACK = "dlib-resnet-v1"
METRICS = ("euclidean", "cosine")
DETECTORS = ("mmod", "scrfd", "yunet")
"""mmod finds boxes, and five landmarks come from a model of their own; scrfd and yunet find both."""
EMBEDDERS = ("dlib", "arcface")
"""Which chip the network wants: dlib's 150 pixels from eye corners and nose, or 112 from eyes, nose and mouth."""
PACK_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class PackError(Exception):
    """A pack that cannot be used, built or imported.

    ``code`` never changes once released:

        pack_missing        no such folder, or no manifest in it
        manifest_unreadable the manifest is not TOML
        manifest_wrong      a field is missing, unknown, or of a value that makes no sense
        file_missing        the manifest names a file that is not there
        file_changed        a file is not the one whose digest the manifest has
        source_missing      the weights to convert are not installed or not there
        source_changed      the weights to convert are not the ones this converter knows
        source_unreadable   the weights to convert are not the network they should be
        writer_missing      the ``onnx`` library is not installed
        graph_wrong         a model's inputs or outputs are not those of the network the manifest says it is
        digest_missing      weights that nobody vouches for, and nobody has accepted
        licence_missing     the terms the weights are held under were not given
        licence_refused     the terms were shown and not accepted
        provider_missing    the library that was asked for to run the models is not installed
        drift_too_large     a quantised model's embeddings lie too far from the original's
    """

    def __init__(self, code: str, detail: str):
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Thresholds:
    similarity_min: float
    margin_min: float


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What holds for rosters of up to ``roster_max`` people; None: for any larger one."""

    roster_max: int | None
    similarity_min: float
    margin_min: float


@dataclass(frozen=True, slots=True)
class Weakness:
    """A measured failing that whoever runs the gates has to know about."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class ModelPart:
    """One of the three models of a pack."""

    file: str
    model: str
    version: str
    weights_sha256: str
    """Digest of the weights this file was converted from: it survives a newer ONNX writer."""
    kind: str = ""
    """One of DETECTORS or EMBEDDERS; "" for landmarks."""
    mean: float = 0.0
    std: float = 1.0
    """The network takes (pixel - mean) / std, pixels 0..255. The embedded pack's scale for itself."""


@dataclass(frozen=True, slots=True)
class PackFile:
    name: str
    sha256: str
    licence: str
    source: str


@dataclass(frozen=True, eq=False)
class Pack:
    pack_id: str
    version: str
    name_zh: str
    name_en: str
    metric: str
    dimension: int
    preprocessing: str
    calibrated: bool
    """False when the thresholds were not measured on these very weights."""
    needs_confirmation_advised: bool
    """True when this pack alone should not open a gate that nobody watches."""
    face_px_min: int
    enrolment_photographs_min: int
    enrolment_photographs_advised: int
    enrolment_jitters: int
    threshold_rows: tuple[ThresholdRow, ...]
    weaknesses: tuple[Weakness, ...]
    parts: Mapping[str, ModelPart]
    """embedding, detector, and landmarks where the detector has none."""
    files: tuple[PackFile, ...]
    folder: Path | None = None
    contract_id: str = field(default="")
    curve: Curve | None = None
    """False-accept rates as the pack states them; None: nobody has measured them."""
    machine_curve: Curve | None = None
    """The same as ``muster pack calibrate`` measured them on this machine."""

    def __post_init__(self):
        if not self.contract_id:
            object.__setattr__(self, "contract_id", self._contract())

    def _contract(self) -> str:
        # Over the weights, not the ONNX file: a newer ONNX writer may arrange the same numbers
        # differently, and that must not ask a whole site to enrol again. A change of arithmetic
        # raises the part's version or the preprocessing name instead.
        part = self.parts["embedding"]
        words = (part.model, part.version, part.weights_sha256, self.dimension, self.preprocessing, self.metric)
        digest = hashlib.sha256("\n".join(str(word) for word in words).encode()).hexdigest()
        return f"c1-{digest[:24]}"

    @property
    def licences(self) -> tuple[tuple[str, str], ...]:
        """(file, licence) of every file."""
        return tuple((file.name, file.licence) for file in self.files)

    def thresholds_for(self, roster_size: int) -> Thresholds:
        """Return what a match against ``roster_size`` people must reach.

        The larger the roster, the more strangers have a chance to resemble somebody on it.
        """
        for row in self.threshold_rows:
            if row.roster_max is None or roster_size <= row.roster_max:
                return Thresholds(row.similarity_min, row.margin_min)
        raise AssertionError("the last row has no upper end")

    def read(self, name: str) -> bytes:
        """Return one file's bytes, checked against the manifest as they are read.

        Raises:
            PackError: file_missing or file_changed.
        """
        file = next((file for file in self.files if file.name == name), None)
        if file is None or self.folder is None:
            raise PackError("file_missing", f"{self.pack_id} has no {name}")
        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            raise PackError("file_missing", f"{self.pack_id}/{name}") from None
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise PackError("file_changed", f"{self.pack_id}/{name} is not the file the manifest was written for")
        return data


@dataclass(frozen=True, slots=True)
class PackListing:
    """One folder of models/: a pack, or why it is none."""

    pack_id: str
    pack: Pack | None
    error: str | None = None
    """The PackError in words, its code first."""
    code: str | None = None


class _Table:
    """One TOML table, every key of which must be asked for once: what is left over is refused."""

    def __init__(self, values: object, where: str):
        if not isinstance(values, dict):
            raise PackError("manifest_wrong", f"{where} is not a table")
        self.values, self.where, self.asked = values, where, set()

    def wrong(self, key: str, why: str) -> PackError:
        return PackError("manifest_wrong", f"{self.where}{key} {why}")

    def get(self, key: str, kind: type, *, default: object = ...):
        self.asked.add(key)
        if key not in self.values:
            if default is ...:
                raise self.wrong(key, "is missing")
            return default
        value = self.values[key]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.wrong(key, f"is not of type {kind.__name__}")
        return value

    def word(self, key: str, pattern: re.Pattern | None = None) -> str:
        value = self.get(key, str)
        if not value.strip() or (pattern and not pattern.fullmatch(value)):
            raise self.wrong(key, f"cannot be {value!r}")
        return value

    def number(self, key: str, kind: type, least: float, most: float):
        value = self.get(key, kind)
        if not least <= value <= most:
            raise self.wrong(key, f"is {value}, not between {least} and {most}")
        return value

    def table(self, key: str) -> _Table:
        return _Table(self.get(key, dict), f"{self.where}{key}.")

    def rows(self, key: str, least: int) -> list[_Table]:
        values = self.get(key, list, default=[])
        if len(values) < least:
            raise self.wrong(key, f"needs {least} or more rows")
        return [_Table(value, f"{self.where}{key}[{at}].") for at, value in enumerate(values)]

    def done(self) -> None:
        if unknown := set(self.values) - self.asked:
            raise self.wrong(min(unknown), "is not known to this version")


def _read_thresholds(rows: list[_Table]) -> tuple[ThresholdRow, ...]:
    thresholds = []
    for at, row in enumerate(rows):
        last = at == len(rows) - 1
        limit = None if last else row.number("roster_max", int, 1, 10**9)
        thresholds.append(
            ThresholdRow(limit, row.number("similarity_min", float, -1, 1), row.number("margin_min", float, 0, 2))
        )
        row.done()
    for smaller, larger in zip(thresholds, thresholds[1:], strict=False):
        if larger.roster_max is not None and larger.roster_max <= smaller.roster_max:
            raise PackError("manifest_wrong", "threshold rows must grow in roster_max")
        if larger.similarity_min < smaller.similarity_min:
            raise PackError("manifest_wrong", "a larger roster may not need less similarity")
    return tuple(thresholds)


def _read_curve(rows: list[_Table], measured_to: float | None) -> Curve | None:
    points = []
    for row in rows:
        points.append(FarPoint(row.number("far", float, 1e-12, 0.999), row.number("similarity", float, -1, 1)))
        row.done()
    if not points:
        return None
    try:
        return Curve(tuple(points), min(p.far for p in points) if measured_to is None else measured_to, "pack")
    except ValueError as error:
        raise PackError("manifest_wrong", f"far rows: {error}") from None


def parse_manifest(text: str, folder: Path) -> Pack:
    """Read a manifest strictly: every field known, of its type, in its range; no file is opened.

    Raises:
        PackError: manifest_unreadable or manifest_wrong.
    """
    try:
        top = _Table(tomllib.loads(text), "")
    except tomllib.TOMLDecodeError as error:
        raise PackError("manifest_unreadable", f"{folder.name}: {error}") from None
    form = top.number("format", int, FORMATS[0], FORMATS[-1])
    pack_id = top.word("id", PACK_ID)
    if pack_id != folder.name:
        raise PackError("manifest_wrong", f"id is {pack_id!r} in a folder named {folder.name!r}")
    version = top.word("version")
    top.get("builder", int, default=0)
    metric = top.word("metric")
    if metric not in METRICS:
        raise top.wrong("metric", f"cannot be {metric!r}")
    name = top.table("name")

    files = []
    for row in top.rows("file", 1):
        files.append(
            PackFile(row.word("name", _FILE_NAME), row.word("sha256", _SHA256), row.word("licence"), row.word("source"))
        )
        row.done()
    names = {file.name for file in files}

    parts = {}
    for key, kinds in (("detector", DETECTORS), ("embedding", EMBEDDERS), ("landmarks", ())):
        if key == "landmarks" and parts["detector"].kind != "mmod":
            continue  # the detector finds them
        part = top.table(key)
        kind, mean, std = kinds[0] if kinds else "", 0.0, 1.0
        if form == 2 and kinds:
            kind = part.word("kind")
            if kind not in kinds:
                raise part.wrong("kind", f"cannot be {kind!r}")
            mean, std = part.number("mean", float, -1e3, 1e3), part.number("std", float, 1e-3, 1e3)
        parts[key] = ModelPart(
            part.word("file", _FILE_NAME), part.word("model"), part.word("version"), part.word("weights_sha256", _SHA256),
            kind, mean, std,
        )  # fmt: skip
        if parts[key].file not in names:
            raise part.wrong("file", "is not among the files")
        if key == "embedding":
            dimension = part.number("dimension", int, 2, 4096)
            preprocessing = part.word("preprocessing")
            if (kind == "dlib") != (parts["detector"].kind == "mmod"):
                raise part.wrong("kind", f"{kind!r} has no use for the landmarks of {parts['detector'].kind!r}")
        part.done()

    enrolment = top.table("enrolment")
    weaknesses = []
    for row in top.rows("weakness", 0):
        weaknesses.append(Weakness(row.word("zh"), row.word("en")))
        row.done()
    pack = Pack(
        pack_id=pack_id,
        version=version,
        name_zh=name.word("zh"),
        name_en=name.word("en"),
        metric=metric,
        dimension=dimension,
        preprocessing=preprocessing,
        calibrated=top.get("calibrated", bool),
        needs_confirmation_advised=top.get("needs_confirmation_advised", bool),
        face_px_min=top.number("face_px_min", int, 1, 4096),
        enrolment_photographs_min=enrolment.number("photographs_min", int, 1, 20),
        enrolment_photographs_advised=enrolment.number("photographs_advised", int, 1, 20),
        enrolment_jitters=enrolment.number("jitters", int, 1, 100),
        threshold_rows=_read_thresholds(top.rows("threshold", 1)),
        weaknesses=tuple(weaknesses),
        parts=MappingProxyType(parts),
        files=tuple(files),
        folder=folder,
        curve=_read_curve(top.rows("far", 0), top.get("far_measured_to", float, default=None)),
    )
    for table in (name, enrolment, top):
        table.done()
    return pack


def load_pack(folder: Path) -> Pack:
    """Return the pack in ``folder``, its manifest read and the digest of every file verified.

    Raises:
        PackError: with the code of what is wrong.
    """
    folder = Path(folder)
    try:
        text = (folder / MANIFEST).read_text("utf-8")
    except UnicodeDecodeError:
        raise PackError("manifest_unreadable", f"{folder.name}: not UTF-8") from None
    except OSError:
        raise PackError("pack_missing", f"no {MANIFEST} in {folder}") from None
    pack = parse_manifest(text, folder)
    for file in pack.files:
        pack.read(file.name)
    return pack


def list_packs(models_dir: Path) -> tuple[PackListing, ...]:
    """Return every folder of ``models_dir``, by name; a broken pack comes with its error, not as an exception."""
    listings = []
    folder = Path(models_dir)
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not entry.is_dir() or entry.name.startswith((".", "_")):
            continue
        try:
            listings.append(PackListing(entry.name, load_pack(entry)))
        except PackError as error:
            listings.append(PackListing(entry.name, None, str(error), error.code))
    return tuple(listings)
