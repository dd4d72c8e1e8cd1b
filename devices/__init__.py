"""Gates to pass events. Knows no worker, no wage and no database; runs alone on a gate's own box."""

from types import ModuleType

from devices.base import (
    BadPayload,
    BadSignature,
    CardEvent,
    DeviceError,
    FrameEvent,
    Heartbeat,
    LookEvent,
    PassEvent,
)
from devices.dialects import frames

__all__ = ["ADAPTERS", "BadPayload", "BadSignature", "CardEvent", "DeviceError", "FrameEvent", "Heartbeat", "LookEvent", "PassEvent"]

ADAPTERS: dict[str, ModuleType] = {
    "frames": frames,
}
"""Dialect name, as a gate's registration has it, to the module that speaks it."""
