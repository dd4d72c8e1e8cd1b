"""The templates of each project, opened and ready to compare: a picture of the database, thrown away at will.

Templates lie sealed on disk and open only here, in memory. Every frame asks for its gallery; one cheap query
says whether the kept one is still true, also when another process enrolled or erased somebody. Who is left out, because
his template is of another pack or does not open, passes by card or code; that he is left out is logged and told by
``/readyz``, never passed over.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from sqlalchemy.orm import Session

from app.store import people
from app.vault import Vault, VaultError
from recognition import LOOKS_MAX, Gallery, Pack

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Live templates of a project that no frame is compared with."""

    foreign: int
    """Made by another pack: these people must enrol again, or the pack be changed back."""
    unreadable: tuple[int, ...]
    """Workers whose template does not open or is no template: the key is missing, or the row was changed."""

    def __bool__(self) -> bool:
        return bool(self.foreign or self.unreadable)


def owner(project_id: int, worker_id: int) -> str:
    """Whom a sealed template or photograph belongs to."""
    return f"{project_id}:{worker_id}"


def template_bytes(templates: np.ndarray) -> bytes:
    """The templates of one person, (D,) or (K, D), as they are sealed together: their numbers, 4 bytes each, little end first."""
    return np.ascontiguousarray(templates, "<f4").tobytes()


def _templates(opened: bytes, dimension: int) -> np.ndarray | None:
    """(K, D) float32 out of what was sealed; None when it is nothing of the kind."""
    size = 4 * dimension
    if not opened or len(opened) % size or len(opened) > LOOKS_MAX * size:
        return None
    templates = np.frombuffer(opened, "<f4").reshape(-1, dimension)
    return templates if np.isfinite(templates).all() else None


def load(db: Session, vault: Vault, pack: Pack, project_id: int, *, without: int | None = None) -> Gallery:
    """Open the live templates of a project that the pack may compare; see ``opened_templates``.

    Args:
        without: leave out this worker's own.
    """
    return opened_templates(db, vault, pack, project_id, without=without)[0]


def opened_templates(
    db: Session, vault: Vault, pack: Pack, project_id: int, *, without: int | None = None
) -> tuple[Gallery, LeftOut]:
    """The gallery of a project and what is not in it.

    A template that does not open is left out: its worker uses his card, and the gate goes on for everybody else.
    """
    unreadable: list[int] = []
    keys: list[int] = []
    rows: list[np.ndarray] = []
    for worker_id, sealed in people.templates(db, project_id, pack.contract_id):
        if worker_id == without:
            continue
        try:
            opened = vault.open(
                sealed, table="face_template", column="template_sealed", owner=owner(project_id, worker_id)
            )
        except VaultError:
            unreadable.append(worker_id)
            continue
        own = _templates(opened, pack.dimension)
        if own is None:
            unreadable.append(worker_id)
            continue
        keys += [worker_id] * len(own)
        rows += list(own)
    foreign = people.foreign_templates(db, project_id, pack.contract_id)
    return _gallery(keys, rows, pack), LeftOut(foreign, tuple(unreadable))


def own_templates(db: Session, vault: Vault, pack: Pack, project_id: int, worker_id: int) -> Gallery:
    """One worker's live templates that the pack may compare; empty when he has none, or none that opens."""
    rows: list[np.ndarray] = []
    for holder, sealed in people.templates(db, project_id, pack.contract_id, worker_id=worker_id):
        try:
            opened = vault.open(sealed, table="face_template", column="template_sealed", owner=owner(project_id, holder))
        except VaultError:
            continue
        own = _templates(opened, pack.dimension)
        rows += list(own) if own is not None else []
    return _gallery([worker_id] * len(rows), rows, pack)


def _gallery(keys: Sequence[int], rows: Sequence[np.ndarray], pack: Pack) -> Gallery:
    templates = np.stack(rows).astype(np.float32) if rows else np.zeros((0, pack.dimension), np.float32)
    return Gallery(tuple(keys), templates, pack.contract_id, pack.metric)


class Galleries:
    """The galleries of one process. Safe to share between threads.

    Args:
        pack: the active pack; None when none could be loaded, then there is no gallery to ask for.
    """

    def __init__(self, vault: Vault, pack: Pack | None) -> None:
        self._vault = vault
        self._pack = pack
        self._kept: dict[int, tuple[tuple[Any, ...], Gallery]] = {}
        self._left_out: dict[int, LeftOut] = {}
        self._guard = threading.Lock()
        self._loading: dict[int, threading.Lock] = {}

    def of(self, db: Session, project_id: int) -> Gallery:
        """Return the gallery of a project as ``db`` sees it.

        Raises:
            RuntimeError: no pack is loaded.
        """
        if self._pack is None:
            raise RuntimeError("no pack is loaded")
        version = people.gallery_version(db, project_id, self._pack.contract_id)
        with self._guard:
            kept = self._kept.get(project_id)
            loading = self._loading.setdefault(project_id, threading.Lock())
        if kept is not None and kept[0] == version:
            return kept[1]
        # One thread opens the templates; the others wait for it instead of opening them again.
        with loading:
            with self._guard:
                kept = self._kept.get(project_id)
            if kept is not None and kept[0] == version:
                return kept[1]
            gallery, left_out = opened_templates(db, self._vault, self._pack, project_id)
            with self._guard:
                self._kept[project_id] = (version, gallery)
                known = self._left_out.get(project_id)
                self._left_out[project_id] = left_out
        if left_out and left_out != known:
            log.warning(
                "templates_left_out", project_id=project_id, foreign=left_out.foreign, unreadable=len(left_out.unreadable),
                workers=list(left_out.unreadable[:20]), compared=len(gallery.keys),
            )  # fmt: skip
        return gallery

    @property
    def left_out(self) -> dict[int, LeftOut]:
        """Project id -> who is not compared, of the galleries opened so far; projects where nobody is left out stand not there."""
        with self._guard:
            return {project_id: found for project_id, found in self._left_out.items() if found}

    def forget(self, project_id: int | None = None) -> None:
        """Throw away the gallery of a project, or all of them."""
        with self._guard:
            if project_id is None:
                self._kept.clear()
                self._left_out.clear()
            else:
                self._kept.pop(project_id, None)
                self._left_out.pop(project_id, None)
