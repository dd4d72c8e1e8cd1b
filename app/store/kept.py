"""Answers about money that a process keeps until a fact is written that may change them.

A page asks how far its project's facts go (``store.journal.facts_of``), in the snapshot it reads anyway, and takes the answer of
the last time if they go no further. So nothing stale is ever shown: whoever writes a fact moves the mark in the same transaction
(tests/app/test_journalled.py). A look moves nothing, nor does a fact of another project.

Passages do not move the mark. An answer that rests on them says as of when it is (``at``): it is kept for a minute, and given up as soon as
a passage comes that occurred before that, so it is always what was so less than a minute ago. Who is inside is given up at
any passage (``any_passage``), and at the next full minute: some go home by the clock alone. Nothing of who somebody is, or may do,
is kept.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.store import journal, once, projection

T = TypeVar("T")

KEPT_MAX = 256
"""Answers of one process; the oldest goes."""
KEPT_S = 300.0
"""So long at most: what somebody changed in the database itself, past the journal, is on the page by then."""
PASSAGES = timedelta(minutes=1)
"""So long at most when the answer rests on passages."""


def kept(db: Session, project_id: int, key: Hashable, ask: Callable[[], T], *, at: datetime | None = None, any_passage: bool = False) -> T:
    """Return what ``ask`` gives, or gave to the same key when the project's facts went exactly as far; asked anew within a write.

    Args:
        key: names the answer and everything it depends on beside facts: the day, the month.
        ask: its answer is not changed by whoever gets it.
        at: of an answer that rests on passages, the instant it is for.
        any_passage: of an answer that says who is inside: it is given up at any passage, and with the minute of the clock.
    """
    answers = db.info.get("muster_kept")
    if answers is None:
        return ask()
    key = project_id, key
    mark = once(db, ("mark of the facts", project_id), lambda: journal.facts_of(db, project_id))
    passages = 0 if at is None else once(db, ("passages", project_id), lambda: projection.chain_seq(db, project_id))

    def holds(known: "_Kept | None") -> bool:
        if known is None or known.mark != mark or time.monotonic() - known.since >= KEPT_S:
            return False
        if at is None or known.at is None:
            return True
        if not known.at <= at <= known.at + PASSAGES or passages < known.passages:
            return False
        if any_passage:
            return passages == known.passages and at.replace(second=0, microsecond=0) <= known.at
        return passages == known.passages or not projection.late(db, project_id, known.passages, known.at)

    known = answers.get(key)
    if not holds(known):
        with _asking(key):
            # Whoever waited for another who asked the same takes his answer, if the facts of his own snapshot go as far.
            known = answers.get(key)
            if not holds(known):
                known = _Kept(mark, passages, at, time.monotonic(), ask())
                answers.pop(key, None)
                answers[key] = known
                while len(answers) > KEPT_MAX:
                    answers.pop(next(iter(answers)), None)
    return known.answer


def kept_of_each(db: Session, key: Hashable, marks: Mapping[int, Hashable], ask: Callable[[list[int]], Mapping[int, T]]) -> dict[int, T]:
    """Return project -> what ``ask`` gives of it, asked together for those whose mark is another than the last time.

    Args:
        marks: project -> a value that differs whenever its answer may; the caller reads it in this snapshot.
        ask: gets projects and has an answer for each.
    """
    answers = db.info.get("muster_kept")
    if answers is None:
        return dict(ask(list(marks)))
    of_each: dict[int, _Kept] = answers.setdefault((None, key), {})
    now = time.monotonic()
    found = {p: one.answer for p in marks if (one := of_each.get(p)) and one.mark == marks[p] and now - one.since < KEPT_S}
    new = [p for p in marks if p not in found]
    asked = ask(new) if new else {}
    of_each.update({p: _Kept(marks[p], 0, None, now, asked[p]) for p in new})
    return {**found, **asked}


@dataclass(frozen=True, slots=True)
class _Kept:
    mark: Hashable
    passages: int
    """Number of the last passage the answer rests on."""
    at: datetime | None
    since: float
    answer: Any


_ASKING: dict[Hashable, tuple[threading.RLock, int]] = {}
_ASKING_LOCK = threading.Lock()


@contextmanager
def _asking(key: Hashable) -> Iterator[None]:
    """One thread at a time asks the same; the sums of a year are not added up by four who pressed at once."""
    with _ASKING_LOCK:
        lock, waiting = _ASKING.get(key, (threading.RLock(), 0))
        _ASKING[key] = lock, waiting + 1
    try:
        with lock:
            yield
    finally:
        with _ASKING_LOCK:
            lock, waiting = _ASKING.pop(key)
            if waiting > 1:
                _ASKING[key] = lock, waiting - 1
