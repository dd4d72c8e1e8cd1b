"""Recognisers by the name of their pack, and the one at work: it may be changed while the service runs."""

import threading
from typing import Any

from app import calibration
from app.galleries import Galleries
from app.observing import log
from app.settings import Settings
from app.vault import Vault


def load_engine(settings: Settings, pack_id: str | None = None) -> Any:
    """The recogniser of a pack; of the configured one for None.

    Raises:
        recognition.PackError: the pack is missing or does not verify.
        RuntimeError: the synthetic pack was asked for in production.
    """
    import recognition

    pack_id = pack_id or settings.pack_id
    if pack_id == "synthetic":
        if settings.environment == "production":
            raise RuntimeError("the synthetic pack recognises drawings, not people: never in production")
        from recognition.synthetic import SyntheticEngine

        return SyntheticEngine()
    pack = calibration.with_kept(settings, recognition.load_pack(settings.models_dir / pack_id))
    engine = recognition.Engine(pack, provider=settings.recognition_provider)
    log.info("pack_loaded", pack=pack_id, providers=engine.providers, notes=engine.notes)
    return engine


def load_pack_of(settings: Settings, pack_id: str) -> Any:
    """A pack by its name, without loading its models.

    Raises:
        recognition.PackError: it is missing or does not verify.
    """
    import recognition

    if pack_id == "synthetic" and settings.environment != "production":
        from recognition.synthetic import PACK

        return PACK
    return recognition.load_pack(settings.models_dir / pack_id)


class AtWork:
    """The recogniser at work with its galleries, and the one beside it while the pack is changed.

    Each is read in one step: whoever asks gets a recogniser and galleries of the same contract.
    """

    def __init__(self, vault: Vault, engine: Any, galleries: Galleries) -> None:
        self._vault = vault
        self._pair: tuple[Any, Galleries] = (engine, galleries)
        self._beside: Any = None
        self._guard = threading.Lock()

    @property
    def pair(self) -> tuple[Any, Galleries]:
        """(recogniser or None, its galleries)."""
        return self._pair

    @property
    def beside(self) -> Any:
        """The recogniser of the other contract while a change of pack is open; else None."""
        return self._beside

    def set(self, engine: Any, beside: Any) -> bool:
        """Put recognisers to work; True when the one at work is another than before. Galleries begin empty then."""
        with self._guard:
            now = self._pair[0]
            changed = (now.pack.contract_id if now else None) != (engine.pack.contract_id if engine else None)
            if changed:
                self._pair = (engine, Galleries(self._vault, engine.pack if engine else None))
            self._beside = beside
            return changed
