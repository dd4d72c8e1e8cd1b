"""What a live screen is told: screens of one kind are told the same, byte for byte (``live``)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of screen."""

    what: str
    """desk, screen or counts."""
    project_id: int
    language: str
    gate_id: int | None = None
    """Of a gate's screen."""
    view: str = "guard"
    """How much of a name is shown (``access.view_of``)."""
    links: bool = False
    """The reader may open a worker's page."""
    confirm: bool = False
    """The reader decides about passages that ask."""
    pictures: bool = False
    """The reader may look at kept pictures of refused faces."""
