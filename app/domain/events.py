"""What a gate's own numbering says: events that never came, and how far its clock is off."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Missing:
    """Numbers that were left out, between the lowest and the highest that came of each start (boot)."""

    events: int
    starts: int
    """Starts with a gap."""


def missing(keys: Iterable[str]) -> Missing:
    """Count what is missing among event keys ``boot:number``; keys of another shape are not numbered and say nothing.

    A frame in place of which the gate sent a newer one is left out by design, so a gap is a question, not a lost day
    (attendance.md 5.4 E2).
    """
    numbers: dict[str, set[int]] = defaultdict(set)
    for key in keys:
        boot, _, number = key.rpartition(":")
        if boot and number.isascii() and number.isdigit() and len(number) < 16:
            numbers[boot].add(int(number))
    gaps = [max(found) - min(found) + 1 - len(found) for found in numbers.values()]
    return Missing(sum(gaps), sum(gap > 0 for gap in gaps))


def clock_error(pairs: Iterable[tuple[datetime, datetime]]) -> timedelta | None:
    """How far a device's clock is ahead of ours, by (what it said, when it came); None without any.

    The event that came fastest says it best: the clock is ahead by at least so much, or behind by at most so much, since
    being on the way also makes an event look old.
    """
    return max((said - came for said, came in pairs), default=None)
