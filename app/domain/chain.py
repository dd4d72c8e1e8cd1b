"""The chain of passages: whoever changes, removes, adds or reorders one afterwards is found out.

    commitment = SHA256(salt | canonical(fields))
    hash_n     = SHA256(hash_(n-1) | n | kind | commitment_n)

No personal data is in the chain: it holds commitments, and an unknown salt keeps a commitment from being
guessed. Who rewrites the whole chain, its end included, is found out by a head that was given away before
(printed on a form, kept by the bureau): ``verify(..., held=...)``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

GENESIS = "0" * 64
"""The hash before the first link."""
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Link:
    """One stored link, as it is found."""

    seq: int
    prev_hash: str
    hash: str
    salt: bytes
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Something is not as it was recorded."""

    seq: int
    kind: str
    """``edited``, ``missing``, ``inserted``, ``relinked``, ``order``, ``truncated``, ``head_missing``,
    ``head_wrong``, ``rewritten``."""
    detail: str


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("an instant must be aware")
        return value.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form")


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain).encode


def canonical(fields: Mapping[str, Any]) -> bytes:
    """Return the one way to write ``fields``: JSON, keys sorted, no spaces, ASCII, instants in UTC.

    Raises:
        ValueError: a number is not finite.
        TypeError: a value has no canonical form.
    """
    return _encode(fields).encode("ascii")


def commitment(salt: bytes, fields: Mapping[str, Any]) -> bytes:
    """Return the salted commitment to ``fields``, 32 bytes."""
    return sha256(salt + canonical(fields)).digest()


def link(prev_hash: str, seq: int, kind: str, committed: bytes) -> str:
    """Return the hash of link ``seq``, 64 hex digits."""
    # Fixed lengths, and the kind's own before it: no two links can be written with the same bytes.
    written = kind.encode("ascii")
    return sha256(
        bytes.fromhex(prev_hash) + seq.to_bytes(8, "big") + len(written).to_bytes(1, "big") + written + committed
    ).hexdigest()


def verify(
    links: Iterable[Link],
    head: tuple[int, str] | None,
    *,
    kind: str,
    held: tuple[int, str] | None = None,
) -> Iterator[ChainFault]:
    """Yield everything that is wrong with a chain, in the order of ``seq``; nothing when it is whole.

    After a fault the check goes on from what is stored, so that one edited row is one fault, not one for
    every row behind it.

    Args:
        links: all links in the order they are stored, by seq.
        head: (seq, hash) of the stored end; None when it is not there.
        kind: what the links record.
        held: a head that was given away earlier, if there is one.
    """
    last_seq, last_hash, last_found = 0, GENESIS, 0
    held_hash = GENESIS if held is not None and held[0] == 0 else None
    for found in links:
        seq = found.seq
        if seq == last_seq:
            yield ChainFault(seq, "inserted", f"a second link {seq}")
        elif seq < last_seq or seq < 1:
            yield ChainFault(seq, "order", f"link {seq} stands after link {last_seq}")
        elif seq > last_seq + 1:
            gone = f"link {last_seq + 1}" if seq == last_seq + 2 else f"links {last_seq + 1} to {seq - 1}"
            yield ChainFault(last_seq + 1, "missing", f"{gone} not there")
        elif found.prev_hash != last_hash:
            yield ChainFault(seq, "relinked", f"link {seq} does not follow from link {last_seq}")
        if not _is_true(found, kind):
            yield ChainFault(seq, "edited", f"link {seq} is not what was recorded")
        if held is not None and seq == held[0]:
            held_hash = found.hash
        last_seq, last_hash, last_found = seq, found.hash, max(last_found, seq)

    if head is None:
        yield ChainFault(last_found, "head_missing", "the end of the chain is not recorded")
    elif head[0] > last_found:
        yield ChainFault(last_found + 1, "truncated", f"the chain ended at link {head[0]}, the last one there is {last_found}")
    elif head[0] < last_found:
        yield ChainFault(head[0] + 1, "inserted", f"links after link {head[0]}, where the chain ended")
    elif head[1] != last_hash:
        yield ChainFault(last_found, "head_wrong", f"link {last_found} is not the one the chain ended with")
    if held is not None and held_hash != held[1]:
        yield ChainFault(held[0], "rewritten", f"link {held[0]} is not the one that was given away")


def _is_true(found: Link, kind: str) -> bool:
    try:
        return link(found.prev_hash, found.seq, kind, commitment(found.salt, found.fields)) == found.hash
    except (ValueError, TypeError, OverflowError):
        # Something that could never have been recorded, like a hash that is not hexadecimal.
        return False
