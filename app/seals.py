"""Use case: facts are sealed, so that who changes one in the database itself, past its walls, is found out.

    seal      put a mark on every row since the last seal
    broken    what is not as it was sealed

A seal is a line of the journal: for each table the last row and a keyed mark over the rows since the seal before. The key
is the vault's, so whoever has the database and not the key can neither make a mark nor mend one. Each seal marks the one
before it, and the journal is sealed like every other table: only the newest seals can be taken away unnoticed, and
``muster verify`` prints the number and mark of the last, to be kept elsewhere like the heads of the chains.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from app.db import Database
from app.domain.chain import canonical
from app.store import seals as store
from app.store.seals import Seal
from app.vault import Vault

__all__ = ["Broken", "Seal", "broken", "last", "seal"]

last = store.last


@dataclass(frozen=True, slots=True)
class Broken:
    """Rows that are not what was sealed."""

    table: str
    """``seal`` when it is the seal itself, or one that should be there."""
    after: int
    """The rows after this one ..."""
    upto: int
    """... up to this one."""
    number: int
    """Of the seal they are under."""


def seal(database: Database, vault: Vault, now: datetime, *, by: str = "worker") -> Seal | None:
    """Seal what was written since the last seal; None when that is nothing but seals, or somebody else was faster.

    Raises:
        Busy: somebody writes for longer than half a second (PostgreSQL). Nothing was done.
    """
    # No row up to here is still being written; what comes later is the next seal's.
    with database.write() as db:
        tops = store.tops(db)
    with database.read() as db:
        last = store.last(db)
        fresh = {name for name in store.SEALED if tops[name] > (last.tops.get(name, 0) if last else 0)}
        if last is not None and not _worth(db, last, tops, fresh):
            return None
        marks = {}
        for name in sorted(fresh):
            (mark,) = _marks(db, vault, name, [_Span(last.tops.get(name) if last else None, tops[name])])
            # What cannot be read is sealed as something that no row has: it is found at every check.
            marks[name] = mark or "unreadable"
    number = last.number + 1 if last else 1
    made = Seal(number, now, tops, marks, _own(vault, number, tops, marks, last))
    with database.write() as db:
        there = store.last(db)
        if (there.number if there else 0) != number - 1:
            return None
        store.add(db, made, by)
    return made


def _worth(db: Session, last: Seal, tops: dict[str, int], fresh: set[str]) -> bool:
    """More was written than the last seal's own line."""
    return bool(fresh - {"journal_entry", "journal_link"}) or tops["journal_entry"] > last.tops["journal_entry"] + 1


def broken(
    db: Session, vault: Vault, *, held: tuple[int, str] | None = None, tables: Sequence[str] = store.SEALED
) -> Iterator[Broken]:
    """Give everything that is not as it was sealed.

    Args:
        held: (number, mark) of a seal that was given away earlier, if there is one.
        tables: those to look at.
    """
    spans: dict[str, list[_Span]] = {name: [] for name in tables}
    before: Seal | None = None
    met = held is None
    for found in store.seals(db):
        if found.number != (before.number + 1 if before else 1) or found.mark != _own(vault, found.number, found.tops, found.marks, before):
            yield Broken("seal", 0, 0, found.number)
        for name, mark in found.marks.items():
            # A seal that somebody wrote may say anything.
            if name in spans and name in found.tops:
                under = spans[name]
                # A table that was empty at the seal before was sealed up to row 0 there.
                since = under[-1].upto if under else before.tops.get(name) if before else None
                under.append(_Span(since, found.tops[name], found.number, mark))
        met = met or held == (found.number, found.mark)
        before = found
    if held is not None and not met:
        yield Broken("seal", 0, 0, held[0])
    for name, under in spans.items():
        for span, mark in zip(under, _marks(db, vault, name, under), strict=True):
            if mark != span.mark:
                yield Broken(name, span.after or 0, span.upto, span.number)


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows of a table under one seal."""

    after: int | None
    """None: from the very first row."""
    upto: int
    number: int = 0
    mark: str = ""


def _marks(db: Session, vault: Vault, name: str, spans: Sequence[_Span]) -> list[str | None]:
    """Marks of spans that follow each other, read in one go; None where something was never written by us."""
    if not spans:
        return []
    sums = [sha256() for _ in spans]
    counts = [0] * len(spans)
    place = 0
    try:
        for row_id, values in store.rows(db, name, spans[0].after, spans[-1].upto):
            while row_id > spans[place].upto:
                place += 1
            sums[place].update(_written(values))
            counts[place] += 1
    except (ValueError, TypeError):
        # Which of them, when there are several; the others are looked at all the same.
        return [None] if len(spans) == 1 else [mark for span in spans for mark in _marks(db, vault, name, [span])]
    return [
        vault.index("facts", f"{name} {span.after} {span.upto} {count} {total.hexdigest()}")
        for span, count, total in zip(spans, counts, sums, strict=True)
    ]


def _written(values: dict[str, Any]) -> bytes:
    written = canonical(values)
    return len(written).to_bytes(8, "big") + written


def _own(vault: Vault, number: int, tops: dict[str, int], marks: dict[str, str], before: Seal | None) -> str:
    facts = {"number": number, "tops": tops, "marks": marks, "before": before.mark if before else None}
    return vault.index("seal", canonical(facts).decode())
