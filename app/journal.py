"""Use case: the journal (操作日志) as proof: its head is given away, and with it everything of before can be checked.

    record_chains      a line with where every project's chain of passages ends
    recorded_faults    passages that are not those that were recorded so
    head_of_day        what is handed to somebody outside at the end of a day

A head of the journal proves the lines before it; among these are the seals of every other fact (``app.seals``) and the heads
of the passages. So one number and one hash, kept by somebody else, prove the whole house up to that moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.store import accounts, gates, people
from app.store import journal as chain
from app.store.journal import Head

__all__ = ["Head", "Rewritten", "head_of_day", "record_chains", "recorded_faults"]

ZONE = "Asia/Shanghai"
"""Of the county: where its day ends."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A passage that is not the one whose hash the journal has."""

    project_id: int
    seq: int
    recorded_at: datetime


def record_chains(db: Session, now: datetime, *, by: str = "worker") -> bool:
    """Write down where every project's chain of passages ends; False when nothing has passed since the last time."""
    ends = {str(project.id): list(gates.head(db, project.id)) for project in people.projects(db, None)}
    ends = {project: end for project, end in ends.items() if end[0]}
    last = None
    for _, last in chain.recorded(db):  # noqa: B007 - the last one
        pass
    if not ends or ends == last:
        return False
    accounts.journal(db, at=now, actor=by, action=chain.RECORDED, project_id=None, object="passages", facts=ends)
    return True


def recorded_faults(db: Session) -> Iterator[Rewritten]:
    """Give every passage that is gone or another than the journal says."""
    told: dict[int, dict[int, tuple[str, datetime]]] = {}
    for at, facts in chain.recorded(db):
        for project, end in facts.items():
            told.setdefault(int(project), {}).setdefault(end[0], (end[1], at))
    for project_id, ends in sorted(told.items()):
        there = gates.hashes(db, project_id, sorted(ends))
        for seq, (hash_, at) in sorted(ends.items()):
            if there.get(seq) != hash_:
                yield Rewritten(project_id, seq, at)


def head_of_day(db: Session, on: date) -> Head:
    """Return where the journal ended at the end of a day of the county."""
    return chain.head_at(db, datetime.combine(on + timedelta(days=1), datetime.min.time(), ZoneInfo(ZONE)))
