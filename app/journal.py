"""Use case: the journal (操作日志) as proof: its head is given away, and with it everything of before can be checked.

    record_chains      a line with where every project's chain of passages ends
    recorded_faults    passages that are not those that were recorded so
    head_of_day        what is handed to somebody outside at the end of a day
    extract            a project's lines as a file that whoever holds a head can check without us

A head of the journal proves the lines before it; among these are the seals of every other fact (``app.seals``) and the heads
of the passages. So one number and one hash, kept by somebody else, prove the whole house up to that moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain import extract as extracts
from app.domain.chain import commitment
from app.errors import BadRequest
from app.store import accounts, gates, people
from app.store import journal as chain
from app.store.bearing import SEEN
from app.store.journal import Head

__all__ = ["EXTRACTED", "EXTRACT_MAX", "SEEN", "Head", "Rewritten", "extract", "extracted", "head_of_day", "record_chains", "recorded_faults"]

EXTRACTED = "journal_extracted"
EXTRACT_MAX = 20_000
"""Links of one extract; a longer journal is taken in parts."""

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


def extracted(db: Session, *, project_id: int, first: int, last: int | None, by: str, now: datetime) -> tuple[int, int]:
    """Journal that an extract is taken; return its first and last number: without ``last`` the line about it is in it.

    Raises:
        BadRequest: ``extract_too_long``, more than ``EXTRACT_MAX`` links; ``extract_empty``.
    """
    end = chain.head(db).seq
    upto = end + 1 if last is None else min(last, end)
    if first > upto:
        raise BadRequest("extract_empty", last=end)
    if upto - first >= EXTRACT_MAX:
        raise BadRequest("extract_too_long", limit=EXTRACT_MAX, last=end)
    facts = {"first": first, "last": upto}
    accounts.journal(db, at=now, actor=by, action=EXTRACTED, project_id=project_id, object="journal", facts=facts)
    return first, upto


def extract(db: Session, project_ids: Sequence[int | None], first: int, last: int) -> Iterator[str]:
    """Give the lines of an extract (``domain.extract``): those of some projects to be read, the others by their commitment."""
    for seq, prev, hash_, fields in chain.links(db, first, last):
        mine = fields["project_id"] in project_ids
        yield extracts.row(seq, prev, hash_, fields if mine else None, b"" if mine else commitment(b"", fields))
