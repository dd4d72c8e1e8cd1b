"""Answers about money that a process keeps until a fact is written that may change them.

What a page of the account says is added up from every line, transfer and statement line there ever was; a year of a thousand
workers is twelve thousand of each, and between two facts the sum is the same. A page asks how far the journal goes (``store.bearing``),
in the snapshot it reads anyway, and takes the answer of the last time if they go no further. So nothing stale is ever shown:
whoever writes a fact moves the mark in the same transaction (tests/app/test_journalled.py). Passages do not move it: nothing that
rests on them may be kept here. Nothing of who somebody is, or may do, is kept either.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store import once
from app.store.bearing import PAPERS, WAGES
from app.tables import JournalEntry, JournalLink

T = TypeVar("T")

KEPT_MAX = 64
"""Answers of one process; the oldest goes."""
KEPT_S = 300.0
"""So long at most: what somebody changed in the database itself, past the journal, is on the page by then."""

# By the number of the link, which is given out in the order of the commits: nothing comes in below it later.
_MARK = (
    select(JournalLink.seq)
    .join(JournalEntry, JournalEntry.id == JournalLink.entry_id)
    .where(JournalEntry.action.in_(sorted(WAGES | PAPERS)))
    .order_by(JournalLink.seq.desc())
    .limit(1)
)


def _mark(db: Session) -> int:
    """How far the facts go that are no passages, of all projects."""
    return db.execute(_MARK).scalar() or 0


def kept(db: Session, key: Hashable, ask: Callable[[], T]) -> T:
    """Return what ``ask`` gives, or gave to the same key when the facts went exactly as far; asked anew within a write.

    Args:
        key: names the answer and everything it depends on beside facts: the project, today's date.
        ask: rests on no passage, and its answer is not changed by whoever gets it.
    """
    answers = db.info.get("muster_kept")
    if answers is None:
        return ask()
    mark, now = once(db, "mark of the facts", lambda: _mark(db)), time.monotonic()
    known = answers.get(key)
    if known is not None and known[0] == mark and now - known[1] < KEPT_S:
        return known[2]
    with _asking(key):
        # Whoever waited for another who asked the same takes his answer, if the facts of his own snapshot go as far.
        known = answers.get(key)
        if known is not None and known[0] == mark and now - known[1] < KEPT_S:
            return known[2]
        found = ask()
        answers.pop(key, None)
        answers[key] = mark, now, found
        while len(answers) > KEPT_MAX:
            answers.pop(next(iter(answers)), None)
    return found


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
