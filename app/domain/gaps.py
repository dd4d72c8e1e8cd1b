"""Numbers that a device gives its events, and which of them never came."""

from collections import defaultdict
from collections.abc import Iterable


def missing(events: Iterable[tuple[str, str]]) -> int:
    """Return how many numbers were left out, within one start (boot) of a device between its lowest and its highest.

    A frame in whose place the gate sent a newer one is left out by design, so a gap is a question and not a lost day.

    Args:
        events: (device id, event key) of what came; a key is ``boot:number``, others have no numbers.
    """
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for device_id, key in events:
        boot, _, number = key.rpartition(":")
        if boot and number.isascii() and number.isdigit():
            found[device_id, boot].add(int(number))
    return sum(max(numbers) - min(numbers) + 1 - len(numbers) for numbers in found.values())
