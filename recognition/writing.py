"""A pack written to disk: its manifest as TOML, its folder in one step or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from pathlib import Path

from recognition.pack import MANIFEST, ModelPart, Pack, PackError, load_pack, parse_manifest


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A TOML basic string takes all of JSON's escapes and no raw control characters.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def table(head: str, fields: dict[str, object]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in fields.items() if value is not None]
    return "\n".join([head, *lines] if head else lines) + "\n"


def install(folder: Path, contents: dict[str, bytes]) -> Pack:
    """Write a folder beside its final place, verify it, and move it there in one step."""
    parse_manifest(contents[MANIFEST].decode(), folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=folder.parent) as temporary:
        # Named as the pack already, because a manifest must agree with its folder's name.
        fresh = Path(temporary) / folder.name
        fresh.mkdir()
        for name, data in contents.items():
            with open(fresh / name, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        pack = load_pack(fresh)
        if _same(folder, contents[MANIFEST]):
            # Another process, or an earlier run, wrote the very same pack: leave it to its readers.
            return load_pack(folder)
        if folder.exists():
            # A folder that is not empty cannot be replaced in one step; the old one goes away with
            # the temporary folder. Between the two renames the pack is missing, never half there.
            os.rename(folder, Path(temporary) / "old")
        try:
            os.rename(fresh, folder)
        except OSError:
            # Another process was quicker in this very moment; its pack is as good, if it is the same.
            if not _same(folder, contents[MANIFEST]):
                raise
    return dataclasses.replace(pack, folder=folder)


def _same(folder: Path, manifest: bytes) -> bool:
    """Does ``folder`` hold this pack already, every file as the manifest says?"""
    try:
        return (folder / MANIFEST).read_bytes() == manifest and bool(load_pack(folder))
    except (PackError, OSError):
        return False


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_row(name: str, data: bytes, source: str, licence: str) -> dict[str, object]:
    return {"name": name, "sha256": digest(data), "licence": licence, "source": source}


def manifest_like(
    pack: Pack, *, pack_id: str, name_zh: str, name_en: str, parts: dict[str, ModelPart], files: list[dict[str, object]]
) -> str:
    """The manifest of a pack that was made of another: its limits and weaknesses, uncalibrated, with other models."""
    top = {
        "format": 2, "id": pack_id, "version": pack.version, "metric": pack.metric, "calibrated": False,
        "needs_confirmation_advised": True, "face_px_min": pack.face_px_min,
    }  # fmt: skip
    tables = [table("", top), table("[name]", {"zh": name_zh, "en": name_en})]
    for key in ("detector", "embedding"):
        fields: dict[str, object] = dataclasses.asdict(parts[key])
        if key == "embedding":
            fields |= {"dimension": pack.dimension, "preprocessing": pack.preprocessing}
        tables.append(table(f"[{key}]", fields))
    enrolment = {
        "photographs_min": pack.enrolment_photographs_min, "photographs_advised": pack.enrolment_photographs_advised,
        "jitters": pack.enrolment_jitters,
    }  # fmt: skip
    tables.append(table("[enrolment]", enrolment))
    tables += [table("[[threshold]]", dataclasses.asdict(row)) for row in pack.threshold_rows]
    tables += [table("[[weakness]]", dataclasses.asdict(row)) for row in pack.weaknesses]
    tables += [table("[[file]]", row) for row in files]
    return "\n".join(tables)
