"""What was measured on this machine about a pack: its false-accept rates, kept as counts and a curve, never as faces.

    photographs   a folder of pictures, one folder a person
    roster        a project's own enrolment: templates, and photographs where workers agreed that they are kept
    keep, kept    the curve of a contract, beside the database
    with_kept     a pack with the curve that was measured for it here
"""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.galleries import opened_templates, owner
from app.observing import log
from app.settings import Settings
from app.store import people
from app.vault import Vault, VaultError
from recognition import (
    BadImage,
    Curve,
    FarPoint,
    Scores,
    compare_all,
    decode_picture,
    mean_template,
    similarities,
)

FOLDER = "calibration"
FORMAT = 1
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


def photographs(engine: Any, folder: Path, *, pixels_max: int, told: Callable[[int], None] = lambda _: None) -> Scores:
    """Compare every photograph of a folder with every other; each as the gate would embed it.

    Args:
        folder: one folder a person; a picture without exactly one usable face is counted as lost.
        told: called with the number of pictures looked at.

    Raises:
        recognition.TooFewPictures: fewer than two usable pictures.
    """
    embeddings: list[np.ndarray] = []
    whose: list[str] = []
    looked, lost = 0, 0
    for person in sorted(p for p in folder.iterdir() if p.is_dir()):
        for path in sorted(p for p in person.iterdir() if p.suffix.lower() in SUFFIXES):
            looked += 1
            told(looked)
            try:
                image = decode_picture(path.read_bytes(), pixels_max=pixels_max)
            except BadImage:
                lost += 1
                continue
            face = engine.analyse(image, purpose="enrolment").subject
            if face is None or face.embedding is None or not np.isfinite(face.embedding).all():
                lost += 1
                continue
            embeddings.append(face.embedding)
            whose.append(person.name)
    return compare_all(embeddings, whose, engine.pack.metric, lost=lost)


def roster(db: Session, vault: Vault, engine: Any, project_id: int, *, pixels_max: int) -> Scores:
    """Compare the faces of a project's own workers.

    Impostor scores: every template with every other worker's, and every kept photograph with them. Genuine scores:
    a kept photograph with the mean of the worker's others. Without kept photographs there are none, and only false accepts
    can be told.

    Raises:
        recognition.TooFewPictures: fewer than two templates.
    """
    pack = engine.pack
    gallery, _ = opened_templates(db, vault, pack, project_id)
    between = compare_all(list(gallery.templates), list(gallery.keys), pack.metric)
    genuine: list[float] = []
    impostor = [between.impostor]
    pictures = lost = 0
    for worker_id, sealed in _by_worker(people.kept_photographs(db, project_id)).items():
        own: list[np.ndarray] = []
        for photo in sealed:
            pictures += 1
            try:
                opened = vault.open(photo, table="face_photo", column="photo_sealed", owner=owner(project_id, worker_id))
                image = decode_picture(opened, pixels_max=pixels_max)
            except (VaultError, BadImage):
                lost += 1
                continue
            face = engine.analyse(image, purpose="enrolment").subject
            if face is None or face.embedding is None:
                lost += 1
                continue
            own.append(face.embedding)
        others = gallery.templates[np.array(gallery.keys) != worker_id]
        for at, probe in enumerate(own):
            rest = own[:at] + own[at + 1 :]
            if rest:
                genuine.append(_likeness(probe, mean_template([_unit(r, pack.metric) for r in rest], pack.metric)[None], pack.metric)[0])
            if len(others):
                impostor.append(_likeness(probe, others, pack.metric))
    return Scores(np.array(genuine), np.concatenate(impostor), len(set(gallery.keys)), len(gallery) + pictures, lost)


def _by_worker(rows: list[tuple[int, bytes]]) -> dict[int, list[bytes]]:
    out: dict[int, list[bytes]] = {}
    for worker_id, sealed in rows:
        out.setdefault(worker_id, []).append(sealed)
    return out


def _likeness(probe: np.ndarray, templates: np.ndarray, metric: str) -> np.ndarray:
    return similarities(np.concatenate([probe[None], templates]), metric)[0, 1:]


def _unit(embedding: np.ndarray, metric: str) -> np.ndarray:
    return embedding / (np.linalg.norm(embedding) or 1.0) if metric == "cosine" else embedding


def keep(settings: Settings, pack: Any, curve: Curve, scores: Scores, *, source: str, now: datetime) -> Path:
    """Write what was measured of a pack; services use it from their next start. Return the file."""
    file = _file(settings, pack.contract_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "format": FORMAT,
        "contract_id": pack.contract_id,
        "pack_id": pack.pack_id,
        "made_at": now.isoformat(timespec="seconds"),
        "source": source,
        "people": scores.people,
        "pictures": scores.pictures,
        "genuine": len(scores.genuine),
        "impostor": len(scores.impostor),
        "measured_to": curve.measured_to,
        "points": [[point.far, point.similarity] for point in curve.points],
    }
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(told, indent=1), encoding="utf-8")
    fresh.replace(file)
    return file


def kept(settings: Settings, contract_id: str) -> Curve | None:
    """Return the curve measured here for a contract; None when there is none, or it cannot be read, which is logged."""
    file = _file(settings, contract_id)
    if not file.exists():
        return None
    try:
        told = json.loads(file.read_text("utf-8"))
        if told["format"] != FORMAT or told["contract_id"] != contract_id:
            raise ValueError("another format or contract")
        points = tuple(FarPoint(float(far), float(similarity)) for far, similarity in told["points"])
        return Curve(points, float(told["measured_to"]), "machine")
    except (OSError, ValueError, KeyError, TypeError) as error:
        # The pack's own limits hold then; a pack without any is as strict as its table.
        log.error("calibration_unreadable", contract_id=contract_id, error=type(error).__name__)
        return None


def with_kept(settings: Settings, pack: Any) -> Any:
    """Return the pack with the curve that was measured for it on this machine, if there is one."""
    curve = kept(settings, pack.contract_id)
    return pack if curve is None else replace(pack, machine_curve=curve)


def _file(settings: Settings, contract_id: str) -> Path:
    return settings.data_dir / FOLDER / f"{contract_id}.json"


def told(scores: Scores, *, limits: list[tuple[int, Any]], curve: Curve | None) -> dict[str, Any]:
    """What a calibration says, for a machine: counts, rates with their intervals at each roster's limit, the curve."""

    def rate(found: Any) -> dict[str, Any]:
        share = found.value
        return {"k": found.k, "n": found.n, "rate": None if math.isnan(share) else share, "low": found.low, "high": found.high}

    return {
        "people": scores.people, "pictures": scores.pictures, "lost": scores.lost,
        "genuine": len(scores.genuine), "impostor": len(scores.impostor),
        "limits": [
            {
                "roster": size, "similarity_min": needed.similarity_min, "source": needed.source,
                "false_accepts": rate(scores.false_accepts(needed.similarity_min)),
                "false_rejects": rate(scores.false_rejects(needed.similarity_min)),
            }
            for size, needed in limits
        ],
        "curve": None if curve is None else {
            "measured_to": curve.measured_to, "points": [[p.far, round(p.similarity, 4)] for p in curve.points],
        },
    }  # fmt: skip
