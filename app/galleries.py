"""The templates of each project, opened and ready to compare: a picture of the database, thrown away at will.

Templates lie sealed on disk and open only here, in memory. Every frame asks for its gallery; one cheap query
says whether the kept one is still true, also when another process enrolled or erased somebody.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.store import people
from app.vault import Vault, VaultError
from recognition import Gallery, Pack


def owner(project_id: int, worker_id: int) -> str:
    """Whom a sealed template or photograph belongs to."""
    return f"{project_id}:{worker_id}"


def template_bytes(template: np.ndarray) -> bytes:
    """A template as it is sealed: its numbers, 4 bytes each, little end first."""
    return np.ascontiguousarray(template, "<f4").tobytes()


def load(db: Session, vault: Vault, pack: Pack, project_id: int, *, without: int | None = None) -> Gallery:
    """Open the live templates of a project that the pack may compare.

    A template that does not open is left out: its worker uses his card, and the gate goes on for everybody else.

    Args:
        without: leave out this worker's own.
    """
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
            continue
        template = np.frombuffer(opened, "<f4") if len(opened) == 4 * pack.dimension else None
        if template is not None and np.isfinite(template).all():
            keys.append(worker_id)
            rows.append(template)
    return _gallery(keys, rows, pack)


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
        self._guard = threading.Lock()
        self._loading: dict[int, threading.Lock] = {}

    def of(self, db: Session, project_id: int) -> Gallery:
        """Return the gallery of a project as ``db`` sees it.

        Raises:
            RuntimeError: no pack is loaded.
        """
        if self._pack is None:
            raise RuntimeError("no pack is loaded")
        version = people.gallery_version(db, project_id)
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
            gallery = load(db, self._vault, self._pack, project_id)
            with self._guard:
                self._kept[project_id] = (version, gallery)
        return gallery

    def forget(self, project_id: int | None = None) -> None:
        """Throw away the gallery of a project, or all of them."""
        with self._guard:
            if project_id is None:
                self._kept.clear()
            else:
                self._kept.pop(project_id, None)
