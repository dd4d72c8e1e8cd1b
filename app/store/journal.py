"""The journal's chain: every line of it is a link, whoever changes, removes, adds or reorders one is found out.

    note(db, id)     a line was written; it is linked when its transaction commits
    facts_of         how far a project's facts about wages and money go
    head             where the chain ends now           head_at   ... where it ended at an instant
    verify           everything that is wrong with it

Lines are numbered 1, 2, 3 ... without a gap, in the order they were committed. They are linked just before the commit: the
chain's end is locked for that long and no longer, although a transaction may write its lines early. What a link says is
``domain.chain``'s; nothing of it is salted, there is no personal data in the journal.

The heads of the projects' chains of passages stand in a line of every day (``RECORDED``): with a head of the journal that was
given away, the passages of before are proven, too, and so is whatever was sealed (``store.seals``).
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, event, exists, func, insert, select, type_coerce, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.types import NullType

from app.domain.chain import GENESIS, ChainFault, Link, commitment, link
from app.domain.chain import verify as verified
from app.store import insert_or_leave
from app.store.bearing import MONEY, WAGES
from app.tables import FactMark, JournalEntry, JournalHead, JournalLink

KIND = "journal"
HEAD_LOST = "journal_head_lost"
"""Action of the line that says the recorded end was not there and was taken from the last link."""
RECORDED = "chains_recorded"
"""Action of the lines with the heads of the projects' chains of passages."""
_OPEN = "muster_journal"

_ENTRY = JournalEntry.__table__
_LINK = JournalLink.__table__
_HEAD = JournalHead.__table__
_FACT = FactMark.__table__
_FACTS = WAGES | MONEY
EVERY_PROJECT = 0
"""In ``fact_mark``: lines of no project, that concern each."""
# As the driver gives them: what somebody wrote there past us may be no instant and no JSON.
_RAW = [
    _ENTRY.c.id,
    *(type_coerce(_ENTRY.c[name], NullType()).label(name) for name in ("at", "actor", "action", "project_id", "object", "facts")),
]


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends or ended: to be given away, and held against the chain later."""

    seq: int
    """Lines up to here; 0 before the first."""
    hash: str
    """64 hex digits."""
    at: datetime | None = None
    """When the last of them was written."""

    def __str__(self) -> str:
        return f"{KIND}:{self.seq}:{self.hash}"

# --- writing ---------------------------------------------------------------------------------------------------

def note(db: Session, entry_id: int, at: datetime) -> None:
    """Remember that a line was written by this transaction."""
    db.info.setdefault(_OPEN, {})[entry_id] = at

@event.listens_for(Session, "before_commit")
def _link_before_commit(db: Session) -> None:
    written = db.info.pop(_OPEN, None)
    if written:
        _link(db, written)

@event.listens_for(Session, "after_soft_rollback")
def _forget(db: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:  # not a savepoint's
        db.info.pop(_OPEN, None)

def _link(db: Session, noted: dict[int, datetime]) -> None:
    written = list(noted)
    head = _locked(db)
    if head is None:
        insert_or_leave(db, _HEAD, id=1, seq=0, hash=GENESIS)  # made by the migration
        head = _locked(db)
    if head.last > head.seq:
        # Somebody took the end away or turned it back. The house goes on, and a line tells it for ever.
        prev = db.execute(select(_LINK.c.hash).where(_LINK.c.seq == head.last)).scalar_one()
        row = {"at": max(noted.values()), "actor": KIND, "action": HEAD_LOST, "project_id": None, "object": f"journal:{head.last}", "facts": {}}
        written = [db.execute(insert(_ENTRY).values(**row)).inserted_primary_key[0], *written]
        seq = head.last
    else:
        seq, prev = head.seq, head.hash
    links, facts = [], {}
    for start in range(0, len(written), 500):
        # Those of a savepoint that was rolled back are not there; one id may have been given out twice.
        rows = db.execute(_LINES, {"ids": written[start : start + 500]})
        for row in rows:
            seq += 1
            hash_ = link(prev, seq, KIND, commitment(b"", _fields(row)))
            links.append({"entry_id": row.id, "seq": seq, "prev_hash": prev, "hash": hash_})
            prev = hash_
            if row.action in _FACTS:
                facts[row.project_id or EVERY_PROJECT] = seq
    for project_id, last in sorted(facts.items()):
        if not db.execute(_MOVE_FACTS, {"project": project_id, "to": last}).rowcount:
            insert_or_leave(db, _FACT, project_id=project_id, seq=last)
    if links:
        db.execute(_ADD, links if len(links) > 1 else links[0])
        db.execute(_MOVE, {"to": seq, "as": prev})

# Put together once: every write comes by here.
_LAST = select(func.coalesce(func.max(_LINK.c.seq), 0)).scalar_subquery().label("last")
_LOCK = select(_HEAD.c.seq, _HEAD.c.hash, _LAST).where(_HEAD.c.id == 1).with_for_update(of=_HEAD)
_LINES = select(*_RAW).where(_ENTRY.c.id.in_(bindparam("ids", expanding=True))).order_by(_ENTRY.c.id)
_ADD = insert(_LINK)
_MOVE_FACTS = update(_FACT).where(_FACT.c.project_id == bindparam("project")).values(seq=bindparam("to"))
_MOVE = update(_HEAD).where(_HEAD.c.id == 1).values(seq=bindparam("to"), hash=bindparam("as"))

def _locked(db: Session) -> Any:
    """The end of the chain and the last link there is, the end locked; who waited for it may see an older last link."""
    return db.execute(_LOCK).first()

def _fields(row: Any) -> dict[str, Any]:
    """What a line says.

    Raises:
        ValueError, TypeError: it holds what could never have been written.
    """
    at = datetime.fromisoformat(row.at).replace(tzinfo=UTC) if isinstance(row.at, str) else row.at
    facts = json.loads(row.facts) if isinstance(row.facts, str | bytes) else row.facts
    return {
        "id": row.id, "at": at, "actor": row.actor, "action": row.action, "project_id": row.project_id, "object": row.object,
        "facts": facts,
    }  # fmt: skip

def facts_of(db: Session, project_id: int) -> int:
    """Return the number of the last line that bears on a project's wages or money (``store.bearing``); 0 before there is one.

    It moves when such a line is committed, and not when somebody looks.
    """
    return db.execute(_FACTS_OF, {"projects": (EVERY_PROJECT, project_id)}).scalar() or 0

_FACTS_OF = select(func.max(_FACT.c.seq)).where(_FACT.c.project_id.in_(bindparam("projects", expanding=True)))

def facts_of_each(db: Session, projects: Collection[int]) -> dict[int, int]:
    """Return project -> the same of each, in one look."""
    said = dict(map(tuple, db.execute(_FACTS_OF_EACH, {"projects": [EVERY_PROJECT, *projects]})))
    of_all = said.get(EVERY_PROJECT, 0)
    return {project_id: max(of_all, said.get(project_id, 0)) for project_id in projects}

_FACTS_OF_EACH = (
    select(_FACT.c.project_id, func.max(_FACT.c.seq)).where(_FACT.c.project_id.in_(bindparam("projects", expanding=True))).group_by(_FACT.c.project_id)
)

# --- reading ---------------------------------------------------------------------------------------------------

def head(db: Session) -> Head:
    """Return where the chain ends."""
    row = db.execute(select(_HEAD.c.seq, _HEAD.c.hash).where(_HEAD.c.id == 1)).first()
    if row is None or row.seq == 0:
        return Head(0, GENESIS)
    at = db.execute(select(_ENTRY.c.at).join(_LINK, _LINK.c.entry_id == _ENTRY.c.id).where(_LINK.c.seq == row.seq)).scalar()
    return Head(row.seq, row.hash, at)

def head_at(db: Session, before: datetime) -> Head:
    """Return where the chain ended with the last line written before an instant."""
    row = db.execute(
        select(_LINK.c.seq, _LINK.c.hash, _ENTRY.c.at)
        .join(_ENTRY, _ENTRY.c.id == _LINK.c.entry_id)
        .where(_ENTRY.c.at < before)
        .order_by(_LINK.c.seq.desc())
        .limit(1)
    ).first()
    return Head(0, GENESIS) if row is None else Head(*row)

def count(db: Session) -> int:
    """Return how many links there are."""
    return db.execute(select(func.count()).select_from(_LINK)).scalar_one()

def verify(db: Session, held: tuple[int, str] | None = None) -> list[ChainFault]:
    """Return everything that is wrong with the journal, by number; nothing when every line is as it was written.

    Args:
        held: (number, hash) of a head that was given away earlier, if there is one.
    """
    gone: set[int] = set()
    torn: list[ChainFault] = []

    def links() -> Iterator[Link]:
        wanted = select(_LINK.c.seq, _LINK.c.prev_hash, _LINK.c.hash, *_RAW).outerjoin(_ENTRY, _ENTRY.c.id == _LINK.c.entry_id)
        last = 0
        try:
            for row in db.execute(wanted.order_by(_LINK.c.seq).execution_options(yield_per=1000)):
                last = row.seq
                if row.id is None:
                    gone.add(row.seq)
                try:
                    fields = _fields(row)
                except (ValueError, TypeError):
                    fields = {}
                yield Link(row.seq, row.prev_hash, row.hash, b"", fields)
        except OperationalError as error:
            if "decode" not in str(error.orig):
                raise
            torn.append(ChainFault(last + 1, "edited", f"a text after link {last} is no text; nothing behind it was looked at"))

    end = db.execute(select(_HEAD.c.seq, _HEAD.c.hash).where(_HEAD.c.id == 1)).first()
    faults = [
        ChainFault(fault.seq, "missing", f"the line of link {fault.seq} is not there") if fault.kind == "edited" and fault.seq in gone else fault
        for fault in verified(links(), (0, GENESIS) if end is None and count(db) == 0 else None if end is None else (end.seq, end.hash), kind=KIND, held=held)
    ]
    loose = db.execute(select(_ENTRY.c.id).where(~exists().where(_LINK.c.entry_id == _ENTRY.c.id)).order_by(_ENTRY.c.id)).scalars()
    lost = db.execute(select(_LINK.c.seq).join(_ENTRY, _ENTRY.c.id == _LINK.c.entry_id).where(_ENTRY.c.action == HEAD_LOST)).scalars()
    return [
        *faults,
        *torn,
        *(ChainFault(0, "inserted", f"line {entry_id} stands outside the chain") for entry_id in loose),
        *(ChainFault(seq, "head_missing", f"the end of the chain was not there when link {seq} was written") for seq in lost),
    ]

def links(db: Session, first: int, last: int) -> Iterator[tuple[int, str, str, dict[str, Any]]]:
    """Give (number, hash before, hash, what the line says) of the links from ``first`` to ``last``, as they are stored.

    Raises:
        ValueError, TypeError: a line holds what could never have been written.
    """
    wanted = select(_LINK.c.seq, _LINK.c.prev_hash, _LINK.c.hash, *_RAW).join(_ENTRY, _ENTRY.c.id == _LINK.c.entry_id)
    rows = db.execute(wanted.where(_LINK.c.seq.between(first, last)).order_by(_LINK.c.seq).execution_options(yield_per=1000))
    return ((row.seq, row.prev_hash, row.hash, _fields(row)) for row in rows)

def recorded(db: Session) -> Iterator[tuple[datetime, dict[str, list[Any]]]]:
    """Give (when, project id as text -> [number, hash]) of every record of the chains of passages, oldest first."""
    rows = db.execute(select(_ENTRY.c.at, _ENTRY.c.facts).where(_ENTRY.c.action == RECORDED).order_by(_ENTRY.c.id))
    return ((at, facts) for at, facts in rows)
