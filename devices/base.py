"""What a gate said, before anyone knows who stood at it.

    PassEvent           a gate reports that someone is there
      FrameEvent          with a picture
        LookEvent           one picture of many
      CardEvent           with a card, a code or an identity card
    Heartbeat           a gate says how much it has seen and not yet delivered

Everything a gate can say that we will not listen to:

    DeviceError         the base; ``code`` is for machines and never changes once released
      BadPayload          understood whose it is, cannot be read; ``field`` says where
      BadSignature        not proven to come from the gate, or not now, or not with this body

No error here carries a byte of what was sent: a body may hold a face, a card or an identity
number, and errors end up in logs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Channel = Literal["card", "code", "id_card"]


class DeviceError(Exception):
    """A gate sent something that must not become a passage."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadPayload(DeviceError):
    """The named field is missing, malformed or contradicts another one."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(code)
        self.args = (field, code)
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.code}"


class BadSignature(DeviceError):
    """Nothing shows that the gate sent this, now, with this body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassEvent:
    """The part every event has. A resend differs from the first delivery in ``sent_at`` and ``nonce`` only."""

    device_id: str
    event_key: str
    """``<boot_id>:<seq>``: the same for every delivery of one event, never used for two."""
    boot_id: str
    seq: int
    """Counts up from the gate's start; a gap is an event that has not arrived."""
    sent_at: datetime
    """Aware UTC, the gate's clock at this delivery. It dates the request, not the person."""
    captured_at: datetime | None = None
    """Aware UTC, the gate's clock when the person stood there; None if the gate did not say."""
    nonce: str
    """The caller must refuse one it has seen within twice the window."""
    stream: str = ""
    """Frames of one stream show the same place, one after the other; the device id unless given."""

    def __post_init__(self) -> None:
        if not self.stream:
            object.__setattr__(self, "stream", self.device_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEvent(PassEvent):
    """Someone in front of the camera."""

    image: bytes = field(repr=False)
    """Begins like a JPEG; whether it can be decoded is not known yet."""
    content_sha256: str
    """Hex, of the whole body as received; the same key with another one is a conflict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookEvent(FrameEvent):
    """One picture of a camera that looks all the time: the service says which of them is a passage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardEvent(PassEvent):
    """Someone who showed a card, a code or an identity card."""

    channel: Channel
    value: str = field(repr=False)
    # A card has some four thousand million numbers: whoever reads the hash of the body in a
    # log can try them all in an afternoon. Store it keyed, or encrypted.
    content_sha256: str = field(repr=False)
    """Hex, of the whole body as received; as secret as the value itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What a gate keeps, counted at one moment. All times are the gate's clock, aware UTC."""

    device_id: str
    nonce: str
    """The caller must refuse one it has seen within twice the window."""
    sent_at: datetime
    counted_at: datetime
    """When the gate looked into its store; a heartbeat sent again later counts as of then."""
    stored_events: int
    oldest_at: datetime | None
    """When the oldest of them happened; None exactly when there is none."""
