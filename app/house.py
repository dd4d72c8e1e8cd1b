"""What the application owns while it runs; handed to the use cases that need more than a transaction."""

from dataclasses import dataclass, field, replace
from typing import Any

from app.db import Database
from app.engines import AtWork
from app.galleries import Galleries
from app.intake import Intake
from app.observing import Metrics
from app.settings import Settings
from app.vault import Vault
from recognition import Recent, Tracker


@dataclass(frozen=True, slots=True)
class House:
    """One running service: settings, database, keys, the recogniser and its galleries."""

    settings: Settings
    database: Database
    vault: Vault
    engine: Any
    """``recognition.Engine`` or ``recognition.synthetic.SyntheticEngine``; None when no pack could be loaded."""
    galleries: Galleries
    intake: Intake
    metrics: Metrics
    tracker: Tracker = field(default_factory=Tracker)
    """Who stands before each gate now."""
    recent: Recent = field(default_factory=Recent)
    """What the pictures of the last hours looked like."""
    liveness: Any = None
    """``recognition.Liveness``; None when there is no such model."""
    at_work: AtWork | None = None
    """Where the recogniser may be changed while the service runs (``app.repack``)."""

    def now(self) -> "House":
        """The house with the recogniser at work and its galleries, which fit each other; ask once a frame."""
        if self.at_work is None:
            return self
        engine, galleries = self.at_work.pair
        return self if engine is self.engine and galleries is self.galleries else replace(self, engine=engine, galleries=galleries)
