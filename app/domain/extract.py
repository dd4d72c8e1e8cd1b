"""An extract of the journal (操作日志摘录) as somebody outside holds it: a file, checked with a head that was handed to him.

A line of the file is one link of the chain, in JSON:

    {"seq": 7, "prev_hash": "…", "hash": "…", "line": {"id": 7, "at": "…Z", "actor": "wu", "action": "…", …}}
    {"seq": 8, "prev_hash": "…", "hash": "…", "commitment": "…"}

The second kind is a line that is not the reader's to read (of another project): its commitment stands for it, so the
chain can be followed over it. Links stand in their order without a gap; the file may begin anywhere. What a link says is
``domain.chain``'s. The head proves its own link and, through the hashes, every one before it in the file.

Only the standard library, and ``chain`` beside it, are needed:

    python -m app.domain.extract FILE journal:NUMBER:HASH
"""

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.domain.chain import ChainFault, canonical, commitment, link

KIND = "journal"
_HASH = re.compile("[0-9a-f]{64}")
FAULTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a check."""

    first: int
    """Number of the first link; 0 for an empty file."""
    last: int
    shown: int
    """Lines that can be read."""
    withheld: int
    proven: int
    """Number up to which the heads prove the file: what stands behind it hangs together and may yet have been written anew."""
    faults: tuple[ChainFault, ...]
    """Nothing when every line is as it was written; a hundred at most."""


def row(seq: int, prev_hash: str, hash_: str, line: dict[str, Any] | None, committed: bytes) -> str:
    """Return one line of an extract, without its end; ``line`` is None for one that is withheld."""
    said = {"line": json.loads(canonical(line))} if line is not None else {"commitment": committed.hex()}
    return json.dumps({"seq": seq, "prev_hash": prev_hash, "hash": hash_, **said}, ensure_ascii=False)


def head_of(text: str) -> tuple[int, str]:
    """Read a head as ``muster journal-head`` prints it.

    Raises:
        ValueError: it is none.
    """
    kind, _, rest = text.strip().partition(":")
    number, _, digest = rest.partition(":")
    if kind != KIND or not (number.isascii() and number.isdigit() and len(number) < 19) or not _HASH.fullmatch(digest):
        raise ValueError("a head is journal:NUMBER:HASH")
    return int(number), digest


def check(lines: Iterable[str], held: Iterable[tuple[int, str]]) -> Checked:
    """Check an extract against heads that were handed out; needs nothing but these.

    Args:
        lines: of the file.
        held: (number, hash) of each head.
    """
    faults: list[ChainFault] = []
    heads = dict.fromkeys(held)
    hashes: dict[int, str] = {}
    wanted = {seq for seq, _ in heads}
    first = last = shown = withheld = 0
    before: str | None = None
    for number, text in enumerate(lines, 1):
        if len(faults) >= FAULTS_MAX:
            break
        if not text.strip():
            continue
        try:
            seq, prev, hash_, line, committed = _read(text)
        except (ValueError, TypeError, RecursionError):
            faults.append(ChainFault(last + 1, "unreadable", f"line {number} of the file is no link of a journal"))
            before = None
            continue
        if not first:
            first = seq
        elif seq != last + 1:
            kind = "missing" if seq > last + 1 else "order"
            faults.append(ChainFault(seq if kind == "order" else last + 1, kind, f"link {seq} stands after link {last}"))
        elif before is not None and prev != before:
            faults.append(ChainFault(seq, "relinked", f"link {seq} does not follow from link {last}"))
        if link(prev, seq, KIND, committed) != hash_:
            faults.append(ChainFault(seq, "edited", f"link {seq} is not what was recorded"))
        shown, withheld = (shown + 1, withheld) if line else (shown, withheld + 1)
        if seq in wanted:
            hashes[seq] = hash_
        last, before = seq, hash_
    proven = 0
    for seq, digest in heads:
        if seq not in hashes:
            faults.append(ChainFault(seq, "not_there", f"link {seq}, whose hash is held, is not in the file"))
        elif hashes[seq] != digest:
            faults.append(ChainFault(seq, "rewritten", f"link {seq} is not the one that was given away"))
        else:
            proven = max(proven, seq)
    return Checked(first, last, shown, withheld, proven, tuple(faults))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of a key that stands there twice people read the first, and programs the last.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _read(text: str) -> tuple[int, str, str, bool, bytes]:
    found = json.loads(text, object_pairs_hook=_once)
    seq, prev, hash_ = found["seq"] if isinstance(found, dict) and "seq" in found else None, None, None
    if type(seq) is not int or not 0 < seq < 2**63:
        raise ValueError("no number")
    prev, hash_ = str(found.get("prev_hash")), str(found.get("hash"))
    if not (_HASH.fullmatch(prev) and _HASH.fullmatch(hash_)):
        raise ValueError("no hash")
    rest = found.keys() - {"seq", "prev_hash", "hash"}
    if rest == {"line"} and isinstance(found["line"], dict):
        return seq, prev, hash_, True, commitment(b"", found["line"])
    if rest == {"commitment"} and _HASH.fullmatch(str(found["commitment"])):
        return seq, prev, hash_, False, bytes.fromhex(found["commitment"])
    raise ValueError("neither a line nor a commitment")


def main(arguments: list[str]) -> int:
    """``FILE HEAD...``: print what is wrong; 0 nothing, 1 something, 2 used wrongly."""
    try:
        path, heads = arguments[0], [head_of(text) for text in arguments[1:]]
        if not heads:
            raise ValueError("no head")
    except (IndexError, ValueError):
        print("python -m app.domain.extract FILE journal:NUMBER:HASH", file=sys.stderr)
        return 2
    with open(path, encoding="utf-8", errors="replace") as file:
        found = check(file, heads)
    for fault in found.faults:
        print(f"FAILED  {fault.kind}  {fault.detail}")
    print(f"links {found.first} to {found.last}: {found.shown} lines shown, {found.withheld} withheld; proven up to {found.proven}; {len(found.faults)} faults")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
