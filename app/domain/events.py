"""What a device's own numbering says: events that never came."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.facts import Channel


@dataclass(frozen=True, slots=True)
class Missing:
    """Numbers without a record, between the lowest and the highest recorded of each start (boot)."""

    events: int
    starts: int
    """Starts with a gap."""


def missing(keys: Iterable[str]) -> Missing:
    """Count what is missing among event keys ``boot:number``; keys of another shape are not numbered and say nothing.

    That a missing number is a missing record (attendance.md 5.4 E2) holds only where every number is one: of a reader of
    cards and codes. Whoever takes pictures numbers those that show nobody too, and these are never recorded
    (``gate.UNRECORDED``), nor is a picture in place of which a newer one was sent: see ``takes_pictures``.
    """
    numbers: dict[str, set[int]] = defaultdict(set)
    for key in keys:
        boot, _, number = key.rpartition(":")
        if boot and number.isascii() and number.isdigit() and len(number) < 16:
            numbers[boot].add(int(number))
    gaps = [max(found) - min(found) + 1 - len(found) for found in numbers.values()]
    return Missing(sum(gaps), sum(gap > 0 for gap in gaps))


def takes_pictures(channels: Iterable[Channel]) -> bool:
    """True of a device that recorded a face: its numbers are pictures, and one that is missing says nothing."""
    return any(channel == Channel.FACE for channel in channels)
