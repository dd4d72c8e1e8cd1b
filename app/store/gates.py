"""Gates, devices, and the chain of passages."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from json import dumps
from secrets import token_bytes
from typing import Any

from sqlalchemy import (
    JSON,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from app.domain import admission, chain
from app.domain.chain import ChainFault
from app.domain.facts import Channel, Direction, Passage, Verdict
from app.errors import Conflict, NotFound
from app.store import insert_or_leave, people
from app.tables import ChainHead, Device, DeviceNonce, Gate, ManualPassage, PassageReview, PassageRow

CHAIN_KIND = "passage"
ASKS_MAX = 50
"""Passages waiting for a person that one screen is given at a time, oldest first."""

_D, _G, _NONCE = Device.__table__.c, Gate.__table__.c, DeviceNonce.__table__.c
_NAME, _WAY = func.coalesce(_G.called, _G.name), func.coalesce(_G.leads, _G.direction)

# --- gates and devices -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GateInfo:
    """A lane of a project."""

    id: int
    project_id: int
    name: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What posts frames for a gate."""

    id: str
    project_id: int
    gate_id: int
    direction: Direction
    gate_name: str
    key_sealed: bytes
    key_previous_sealed: bytes | None
    disabled_at: datetime | None
    name: str
    last_seen_at: datetime | None
    face_px_min: int | None
    """Of the gate: who stands further off than this is asked to step closer."""
    search_region: tuple[float, float, float, float] | None = None
    """Where in the frame faces are looked for, as shares of it; None: everywhere."""
    search_side: int | None = None
    """Pixels of the longer side in which they are looked for; None: as the pack does."""

    def __repr__(self) -> str:
        return f"DeviceInfo(id={self.id!r}, project_id={self.project_id}, gate_id={self.gate_id})"


def add_gate(db: Session, *, project_id: int, name: str, direction: str) -> int:
    """Add a gate and return its id.

    Raises:
        Conflict: ``gate_name_taken`` on this project.
    """
    if name in {gate.name for gate in gates(db, project_id)}:
        raise Conflict("gate_name_taken")
    words = {"project_id": project_id, "direction": str(Direction(direction))}
    first = name
    if not insert_or_leave(db, Gate.__table__, name=first, **words):
        if name in {gate.name for gate in gates(db, project_id)}:
            # Added by somebody else a moment ago.
            raise Conflict("gate_name_taken")
        # One that is called otherwise by now, or is retired, was added under this name: it stays under its seal there.
        first = f"{name[:80]} {token_bytes(6).hex()}"
        insert_or_leave(db, Gate.__table__, name=first, called=name, **words)
    return db.execute(select(Gate.id).filter_by(project_id=project_id, name=first)).scalar_one()


def gates(db: Session, project_id: int) -> list[GateInfo]:
    """Return the gates of a project that are not retired."""
    rows = db.execute(
        select(_G.id, _G.project_id, _NAME, _WAY).where(_G.project_id == project_id, _G.retired_at.is_(None)).order_by(_G.id)
    )
    return [GateInfo(r[0], r[1], r[2], Direction(r[3])) for r in rows]


def heard_from(db: Session, project_id: int) -> datetime | None:
    """Return since when a gate stands on a project: its first device was added, or somebody passed before; None without one."""
    added = db.execute(select(func.min(_D.created_at)).where(_D.project_id == project_id)).scalar()
    passed = db.execute(select(func.min(PassageRow.occurred_at)).where(PassageRow.project_id == project_id)).scalar()
    return min((at for at in (added, passed) if at is not None), default=None)


def gate(db: Session, project_id: int, gate_id: int) -> GateInfo:
    """Return one gate that is not retired.

    Raises:
        NotFound: ``gate_unknown`` on this project.
    """
    found = next((each for each in gates(db, project_id) if each.id == gate_id), None)
    if found is None:
        raise NotFound("gate_unknown")
    return found


def is_retired(db: Session, project_id: int, gate_id: int) -> bool:
    """True for a gate of the project that is retired."""
    wanted = select(_G.id).where(_G.project_id == project_id, _G.id == gate_id, _G.retired_at.is_not(None))
    return db.execute(wanted).first() is not None


def gate_used(db: Session, gate_id: int) -> bool:
    """True once anybody passed a gate, by itself or by hand."""
    # By its devices: passages have no index by gate.
    of_device = exists().where(PassageRow.device_id == _D.id)
    if db.execute(select(_D.id).where(_D.gate_id == gate_id, of_device).limit(1)).first() is not None:
        return True
    return db.execute(select(ManualPassage.id).where(ManualPassage.gate_id == gate_id).limit(1)).first() is not None


def change_gate(db: Session, gate_id: int, **values: Any) -> None:
    """Say anew what a gate is called, where it leads, or that it is retired; the columns as keywords."""
    db.execute(update(Gate.__table__).where(_G.id == gate_id).values(**values))


def add_device(
    db: Session, *, device_id: str, project_id: int, gate_id: int, name: str, key_sealed: bytes, now: datetime
) -> str:
    """Add a device to a gate and return its id.

    Raises:
        NotFound: ``gate_unknown`` on this project.
        Conflict: ``device_id_taken``.
    """
    gate(db, project_id, gate_id)
    new = insert_or_leave(
        db,
        Device.__table__,
        id=device_id,
        project_id=project_id,
        gate_id=gate_id,
        name=name,
        key_sealed=key_sealed,
        created_at=now,
    )
    if not new:
        raise Conflict("device_id_taken")
    return device_id


_DEVICE = select(
    _D.id,
    _D.project_id,
    _D.gate_id,
    _WAY,
    _NAME,
    _D.key_sealed,
    _D.key_previous_sealed,
    _D.disabled_at,
    _D.name,
    _D.last_seen_at,
    _G.face_px_min,
    _G.search_region,
    _G.search_side,
).join_from(Device.__table__, Gate.__table__, _G.id == _D.gate_id)
# What every frame asks is put together once: SQLAlchemy spends five times as long on that as the database on the answer.
_DEVICE_BY_ID = _DEVICE.where(_D.id == bindparam("device_id"))
_NONCE_SEEN = select(_NONCE.nonce).where(_NONCE.device_id == bindparam("device_id"), _NONCE.nonce == bindparam("nonce"))
_SEEN = (
    update(Device.__table__)
    .where(_D.id == bindparam("device_id"), or_(_D.last_seen_at.is_(None), _D.last_seen_at < bindparam("seen_at")))
    .values(last_seen_at=bindparam("seen_at"))
)


def _device(row: Any) -> DeviceInfo:
    *plain, region, side = row[4:]
    return DeviceInfo(row[0], row[1], row[2], Direction(row[3]), *plain, tuple(region) if region else None, side)


def find_device(db: Session, device_id: str) -> DeviceInfo | None:
    """Return a device, or None when nobody knows it."""
    row = db.execute(_DEVICE_BY_ID, {"device_id": device_id}).first()
    return None if row is None else _device(row)


def device(db: Session, device_id: str) -> DeviceInfo:
    """Return a device.

    Raises:
        NotFound: ``device_unknown``.
    """
    found = find_device(db, device_id)
    if found is None:
        raise NotFound("device_unknown")
    return found


def devices(db: Session, project_id: int) -> list[DeviceInfo]:
    """Return the devices of a project."""
    return [_device(row) for row in db.execute(_DEVICE.where(Device.project_id == project_id).order_by(Device.id))]


def rotate_device_key(db: Session, device_id: str, key_sealed: bytes) -> None:
    """Give a device a new key; the one before is still accepted, the one before that is not.

    Raises:
        NotFound: ``device_unknown``.
    """
    changed = db.execute(
        update(Device.__table__)
        .where(Device.id == device_id)
        .values(key_previous_sealed=Device.__table__.c.key_sealed, key_sealed=key_sealed)
    )
    if changed.rowcount != 1:
        raise NotFound("device_unknown")


def forget_previous_key(db: Session, device_id: str, key_sealed: bytes) -> None:
    """Stop accepting a device's former key: it has used the new one.

    Args:
        key_sealed: the new one; when it is another by now, the former key is the one that was used, and stays.
    """
    db.execute(
        update(Device.__table__)
        .where(Device.id == device_id, Device.key_sealed == key_sealed)
        .values(key_previous_sealed=None)
    )


def disable_device(db: Session, device_id: str, now: datetime) -> None:
    """Stop listening to a device; its passages stay.

    Raises:
        NotFound: ``device_unknown``.
    """
    device(db, device_id)
    db.execute(
        update(Device.__table__).where(Device.id == device_id, Device.disabled_at.is_(None)).values(disabled_at=now)
    )


def enable_device(db: Session, device_id: str) -> None:
    """Listen to a device again."""
    db.execute(update(Device.__table__).where(Device.id == device_id).values(disabled_at=None))


def seen(db: Session, device_id: str, now: datetime) -> None:
    """Note that a device was heard; never moves back."""
    db.execute(_SEEN, {"device_id": device_id, "seen_at": now})


def nonce_seen(db: Session, device_id: str, nonce: str) -> bool:
    """True when this signed request was used before. Look only; ``use_nonce`` decides."""
    return db.execute(_NONCE_SEEN, {"device_id": device_id, "nonce": nonce}).first() is not None


def use_nonce(db: Session, device_id: str, nonce: str, now: datetime) -> bool:
    """Use up a signed request; False when it was used before."""
    return insert_or_leave(db, DeviceNonce.__table__, device_id=device_id, nonce=nonce, seen_at=now)


def purge_nonces(db: Session, before: datetime) -> int:
    """Forget nonces seen before an instant; return how many."""
    return db.execute(delete(DeviceNonce.__table__).where(DeviceNonce.seen_at < before)).rowcount


def standing(db: Session, project_id: int, worker_id: int, today: date) -> admission.Standing:
    """Return what is known about a worker on a project on the project's date ``today``."""
    consent = people.latest_consent(db, project_id, worker_id)
    return admission.standing(
        worker_id,
        people.engagements_of(db, project_id, worker_id),
        today,
        # A consent that was narrowed to something else is taken back as far as the gate is concerned.
        consent_withdrawn=consent is not None and not (consent.given and {"capture", "template"} <= set(consent.scope)),
    )


# --- passages ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PassageRecord:
    """A passage as it was recorded, with its link of the chain."""

    id: int
    project_id: int
    seq: int
    device_id: str
    gate_id: int
    direction: Direction
    event_key: str
    content_sha256: str
    worker_id: int | None
    channel: Channel
    verdict: Verdict
    code: str
    captured_at: datetime | None
    received_at: datetime
    occurred_at: datetime
    similarity: float | None
    margin: float | None
    similarity_min: float | None
    margin_min: float | None
    contract_id: str | None
    quality: dict[str, Any] | None
    frame_sha256: str | None
    liveness: float | None
    liveness_min: float | None
    basis: dict[str, Any] | None
    salt: bytes
    prev_hash: str
    hash: str
    confirmed: bool | None = None
    """For ``ask``: what a person decided; None while nobody has."""
    decided_at: datetime | None = None
    """When he did."""


class AlreadyRecorded(Exception):
    """This event of this device is recorded; ``record`` is the first one. The transaction goes on as before."""

    def __init__(self, record: PassageRecord) -> None:
        super().__init__(f"passage {record.id} is recorded")
        self.record = record


_ROW = PassageRow.__table__
_SAID = ("confirmed", "decided_at")
"""Of what a person said beside a passage, not of the passage."""
_COLUMNS = [_ROW.c[name] for name in PassageRecord.__slots__ if name not in _SAID]
_REVIEW = PassageReview.__table__
_RECORD = select(*_COLUMNS, *(_REVIEW.c[name] for name in _SAID)).select_from(_ROW.outerjoin(_REVIEW, _REVIEW.c.passage_id == _ROW.c.id))
_BY_EVENT = _RECORD.where(_ROW.c.device_id == bindparam("device_id"), _ROW.c.event_key == bindparam("event_key"))
# The least id is the first: ids of a project are given under its chain's lock. Asked for the first by number in the chain,
# SQLite walked along all passages of the project, for every new picture (0.3 ms for 1,600, 60 ms for a year of 1,000 workers).
_BY_FRAME = select(func.min(_ROW.c.id)).where(
    _ROW.c.project_id == bindparam("project_id"), _ROW.c.frame_sha256 == bindparam("frame_sha256")
)
_HEAD = ChainHead.__table__.c
_CHAIN_END = select(_HEAD.seq, _HEAD.hash).where(_HEAD.project_id == bindparam("project_id")).with_for_update()
_ADD = insert(_ROW)
_CHAINED = tuple(
    name for name in PassageRecord.__slots__ if name not in ("id", "seq", "salt", "prev_hash", "hash", *_SAID)
)
"""Fields a link commits to. ``id`` is the database's own, the others are the link itself."""
_CHAINED_LATER = frozenset({"frame_sha256", "liveness", "liveness_min", "basis"})
"""Fields that came later (decision_basis). An empty one is no part of the commitment: links made before it verify as they did, and
one that is filled in afterwards, or emptied, is found out like any other change."""


def committed(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a passage that its link commits to."""
    return {name: value for name, value in fields.items() if value is not None or name not in _CHAINED_LATER}


def _record(row: Any) -> PassageRecord:
    values = dict(row._mapping)
    values["direction"] = Direction(values["direction"])
    values["channel"] = Channel(values["channel"])
    values["verdict"] = Verdict(values["verdict"])
    return PassageRecord(**values)


def passage_by_event(db: Session, device_id: str, event_key: str) -> PassageRecord | None:
    """Return the passage recorded for a device's event."""
    row = db.execute(_BY_EVENT, {"device_id": device_id, "event_key": event_key}).first()
    return None if row is None else _record(row)


def passage_by_frame(db: Session, project_id: int, frame_sha256: str) -> int | None:
    """Return the id of the first passage of a project that shows this very picture; None when none does."""
    return db.execute(_BY_FRAME, {"project_id": project_id, "frame_sha256": frame_sha256}).scalar()


def passage(db: Session, project_id: int, passage_id: int) -> PassageRecord:
    """Return one passage of a project.

    Raises:
        NotFound: ``passage_unknown``.
    """
    row = db.execute(_RECORD.where(_ROW.c.id == passage_id, _ROW.c.project_id == project_id)).first()
    if row is None:
        raise NotFound("passage_unknown")
    return _record(row)


def add_passage(
    db: Session,
    *,
    project_id: int,
    device_id: str,
    gate_id: int,
    direction: str,
    event_key: str,
    content_sha256: str,
    worker_id: int | None,
    channel: str,
    verdict: str,
    code: str,
    captured_at: datetime | None,
    received_at: datetime,
    occurred_at: datetime,
    similarity: float | None = None,
    margin: float | None = None,
    similarity_min: float | None = None,
    margin_min: float | None = None,
    contract_id: str | None = None,
    quality: dict[str, Any] | None = None,
    frame_sha256: str | None = None,
    liveness: float | None = None,
    liveness_min: float | None = None,
    basis: dict[str, Any] | None = None,
) -> PassageRecord:
    """Append a passage to its project's chain, as number last + 1.

    Raises:
        NotFound: ``project_unknown``.
        AlreadyRecorded: the device's event is there; nothing was added.
    """
    # On PostgreSQL the lock puts writers of one project in a line; on SQLite the transaction itself does. What
    # is read after it was committed by those before us: numbers have no gap and events no twin.
    end = db.execute(_CHAIN_END, {"project_id": project_id}).first()
    if end is None:
        raise NotFound("project_unknown")
    earlier = passage_by_event(db, device_id, event_key)
    if earlier is not None:
        raise AlreadyRecorded(earlier)
    fields = {
        "project_id": project_id,
        "device_id": device_id,
        "gate_id": gate_id,
        "direction": str(Direction(direction)),
        "event_key": event_key,
        "content_sha256": content_sha256,
        "worker_id": worker_id,
        "channel": str(Channel(channel)),
        "verdict": str(Verdict(verdict)),
        "code": code,
        "captured_at": captured_at,
        "received_at": received_at,
        "occurred_at": occurred_at,
        # Plain floats: 1 comes back from the database as 1.0, and numpy's come back as ours.
        "similarity": _float(similarity),
        "margin": _float(margin),
        "similarity_min": _float(similarity_min),
        "margin_min": _float(margin_min),
        "contract_id": contract_id,
        "quality": quality,
        "frame_sha256": frame_sha256,
        "liveness": _float(liveness),
        "liveness_min": _float(liveness_min),
        "basis": basis,
    }
    salt = token_bytes(chain.SALT_BYTES)
    seq = end.seq + 1
    linked = {
        "seq": seq,
        "salt": salt,
        "prev_hash": end.hash,
        "hash": chain.link(end.hash, seq, CHAIN_KIND, chain.commitment(salt, committed(fields))),
    }
    # The chain's end is moved by the trigger of this insert (migrations/walls.py).
    done = db.execute(_ADD, {**fields, **linked})
    fields["direction"], fields["channel"], fields["verdict"] = Direction(direction), Channel(channel), Verdict(verdict)
    return PassageRecord(id=done.inserted_primary_key[0], **fields, **linked)


BULK_ROWS = 2000
"""Passages put into one statement of ``add_passages``."""


def add_passages(
    db: Session,
    project_id: int,
    facts: Iterable[Mapping[str, Any]],
    *,
    salt: Callable[[int], bytes] = token_bytes,
    behind_the_walls: bool = False,
) -> int:
    """Append many passages to a project's chain, in the order given; return how many. For what was generated.

    The walls of the database look at each of them as at any other passage. An event that is recorded already is an
    error of the database here, not an answer: a gate uses ``add_passage``.

    Args:
        facts: every column of a passage but its link, ``project_id`` among them; times aware, measures plain floats.
        salt: gives that many bytes; only a generator that must repeat itself has its own.
        behind_the_walls: PostgreSQL, as its superuser: nothing looks at them on their way in (59,414 passages in 6 s, with
            the walls in 24 s, both on a busy machine); ``verify_chain`` does so afterwards.

    Raises:
        NotFound: ``project_unknown``.
    """
    end = db.execute(
        select(ChainHead.seq, ChainHead.hash).where(ChainHead.project_id == project_id).with_for_update()
    ).first()
    if end is None:
        raise NotFound("project_unknown")
    seq, last = end.seq, end.hash

    def linked() -> Iterator[dict[str, Any]]:
        nonlocal seq, last
        for fields in facts:
            grain = salt(chain.SALT_BYTES)
            seq += 1
            hash_ = chain.link(last, seq, CHAIN_KIND, chain.commitment(grain, fields))
            yield {**fields, "seq": seq, "salt": grain, "prev_hash": last, "hash": hash_}
            last = hash_

    made = linked()
    if behind_the_walls and db.get_bind().dialect.name == "postgresql":
        # The wall moves the chain's end behind each statement, so a stream of rows never passes it.
        db.execute(text("SET LOCAL session_replication_role = replica"))
        _copy(db, made)
        db.execute(update(ChainHead.__table__).where(ChainHead.project_id == project_id).values(seq=seq, hash=last))
        db.execute(text("SET LOCAL session_replication_role = DEFAULT"))
    else:
        statement = insert(_ROW)
        while rows := list(islice(made, BULK_ROWS)):
            db.execute(statement, rows)
    return seq - end.seq


def _copy(db: Session, rows: Iterator[dict[str, Any]]) -> None:
    """Stream rows into PostgreSQL."""
    columns = [column for column in _ROW.c if column.name != "id"]
    jsons = {column.name for column in columns if isinstance(column.type, JSON)}
    into = f"COPY passage ({', '.join(column.name for column in columns)}) FROM STDIN"
    with db.connection().connection.cursor() as cursor, cursor.copy(into) as copying:
        for row in rows:
            values = [row.get(column.name) for column in columns]
            copying.write_row(
                [dumps(v) if c.name in jsons and v is not None else v for c, v in zip(columns, values, strict=True)]
            )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


_FACT = select(
    _ROW.c.id,
    _ROW.c.worker_id,
    _ROW.c.gate_id,
    _ROW.c.direction,
    _ROW.c.occurred_at,
    _ROW.c.channel,
    _ROW.c.verdict,
    _ROW.c.code,
    PassageReview.confirmed,
).outerjoin(PassageReview, PassageReview.passage_id == _ROW.c.id)
# Enum calls cost as much as the rest of a row; a month has 120,000 of them.
_DIRECTIONS = {str(d): d for d in Direction}
_CHANNELS = {str(c): c for c in Channel}
_VERDICTS = {str(v): v for v in Verdict}


def passages(db: Session, project_id: int, from_at: datetime | None, to_at: datetime) -> tuple[Passage, ...]:
    """Return the passages of a project that occurred in [from_at, to_at), in that order, reviews joined.

    Args:
        from_at: None for all from the beginning.
    """
    wanted = _FACT.where(_ROW.c.project_id == project_id, _ROW.c.occurred_at < to_at)
    if from_at is not None:
        wanted = wanted.where(_ROW.c.occurred_at >= from_at)
    directions, channels, verdicts = _DIRECTIONS, _CHANNELS, _VERDICTS
    return tuple(
        Passage(
            id_, worker_id, gate_id, directions[direction], occurred_at, channels[channel], verdicts[verdict], code,
            confirmed,
        )
        for id_, worker_id, gate_id, direction, occurred_at, channel, verdict, code, confirmed in db.execute(
            wanted.order_by(_ROW.c.occurred_at, _ROW.c.seq)
        )
    )


def passages_by_id(db: Session, project_id: int, ids: Collection[int]) -> tuple[Passage, ...]:
    """Return some passages of a project, by id, reviews joined."""
    rows = db.execute(_FACT.where(_ROW.c.project_id == project_id, _ROW.c.id.in_(sorted(ids))).order_by(_ROW.c.id))
    return tuple(
        Passage(id_, worker, gate, _DIRECTIONS[direction], at, _CHANNELS[channel], _VERDICTS[verdict], code, confirmed)
        for id_, worker, gate, direction, at, channel, verdict, code, confirmed in rows
    )


def passages_after(db: Session, project_id: int, seq: int, limit: int) -> list[PassageRecord]:
    """Return the next passages after number ``seq``, for the live page; at most ``limit``."""
    rows = db.execute(
        _RECORD.where(_ROW.c.project_id == project_id, _ROW.c.seq > seq).order_by(_ROW.c.seq).limit(limit)
    )
    return [_record(row) for row in rows]


def anybody_passed(db: Session, project_id: int) -> bool:
    """Say whether a gate has let anybody in or out yet: a refusal is no first passage."""
    return db.execute(select(_ROW.c.seq).where(_ROW.c.project_id == project_id, _ROW.c.verdict == "admit").limit(1)).first() is not None


def last_seq(db: Session, project_id: int) -> int:
    """Return the number of the last passage; 0 when there is none."""
    return head(db, project_id)[0]


def add_review(
    db: Session, *, project_id: int, passage_id: int, confirmed: bool, by: str, now: datetime
) -> None:
    """Append a person's decision about a passage that asked; once.

    Raises:
        NotFound: ``passage_unknown`` on this project.
        Conflict: ``passage_not_asking``, or ``passage_decided`` already.
    """
    asked = passage(db, project_id, passage_id)
    if asked.verdict is not Verdict.ASK:
        raise Conflict("passage_not_asking")
    new = insert_or_leave(
        db, PassageReview.__table__, passage_id=passage_id, confirmed=confirmed, decided_by=by, decided_at=now
    )
    if not new:
        raise Conflict("passage_decided")


def asking(db: Session, project_id: int) -> list[PassageRecord]:
    """Return the passages that wait for a person, oldest first, ``ASKS_MAX`` at most."""
    rows = db.execute(
        _RECORD.where(
            and_(
                _ROW.c.project_id == project_id,
                # Said in so many letters: the index of those that ask is for this text alone.
                _ROW.c.verdict == literal_column("'ask'"),
                PassageReview.confirmed.is_(None),
            )
        ).order_by(_ROW.c.seq).limit(ASKS_MAX)
    )
    return [_record(row) for row in rows]


def asked(db: Session, project_id: int, after: int, upto: int, ids: Collection[int] = ()) -> list[PassageRecord]:
    """Return passages that asked, whatever became of them: the numbers of (after, upto], and some more by id."""
    mine = _RECORD.where(_ROW.c.project_id == project_id, _ROW.c.verdict == literal_column("'ask'"))
    rows = list(db.execute(mine.where(_ROW.c.seq > after, _ROW.c.seq <= upto).order_by(_ROW.c.seq)))
    if ids:
        rows += db.execute(mine.where(_ROW.c.id.in_(sorted(ids))).order_by(_ROW.c.seq))
    return [_record(row) for row in rows]


def stood_after(db: Session, record: PassageRecord) -> bool:
    """True when somebody stood at a passage's gate after it."""
    later = (_ROW.c.project_id == record.project_id, _ROW.c.gate_id == record.gate_id, _ROW.c.seq > record.seq)
    return db.execute(select(_ROW.c.id).where(*later).limit(1)).first() is not None


def last_asking(
    db: Session, project_id: int, gate_id: int, code: str, from_at: datetime, to_at: datetime
) -> PassageRecord | None:
    """Return the newest passage of a gate within [from_at, to_at) that asks with this code and that nobody decided."""
    row = db.execute(
        _RECORD.where(
            _ROW.c.project_id == project_id,
            _ROW.c.gate_id == gate_id,
            _ROW.c.verdict == str(Verdict.ASK),
            _ROW.c.code == code,
            _ROW.c.occurred_at >= from_at,
            _ROW.c.occurred_at < to_at,
            PassageReview.confirmed.is_(None),
        )
        .order_by(_ROW.c.seq.desc())
        .limit(1)
    ).first()
    return None if row is None else _record(row)


# --- the chain ---------------------------------------------------------------------------------------------


def head(db: Session, project_id: int) -> tuple[int, str]:
    """Return (number, hash) of the last passage: what is printed on forms and given to the bureau.

    Raises:
        NotFound: ``project_unknown``.
    """
    row = db.execute(select(ChainHead.seq, ChainHead.hash).where(ChainHead.project_id == project_id)).first()
    if row is None:
        raise NotFound("project_unknown")
    return row.seq, row.hash


def hashes(db: Session, project_id: int, seqs: Sequence[int]) -> dict[int, str]:
    """Return number -> hash of some passages of a project."""
    found: dict[int, str] = {}
    for start in range(0, len(seqs), 500):
        wanted = select(_ROW.c.seq, _ROW.c.hash).where(_ROW.c.project_id == project_id, _ROW.c.seq.in_(seqs[start : start + 500]))
        found |= dict(tuple(row) for row in db.execute(wanted))
    return found


def verify_chain(
    db: Session, project_id: int, held: tuple[int, str] | None = None
) -> Iterator[ChainFault]:
    """Yield what is wrong with a project's chain of passages; nothing when it is whole. Streams.

    Args:
        held: (number, hash) given away earlier: finds a chain that was rewritten from end to end.
    """
    row = db.execute(select(ChainHead.seq, ChainHead.hash).where(ChainHead.project_id == project_id)).first()
    yield from chain.verify(
        _links(db, project_id), None if row is None else (row.seq, row.hash), kind=CHAIN_KIND, held=held
    )


def _links(db: Session, project_id: int) -> Iterator[chain.Link]:
    columns = [_ROW.c[name] for name in _CHAINED]
    rows = db.execute(
        select(_ROW.c.seq, _ROW.c.prev_hash, _ROW.c.hash, _ROW.c.salt, *columns)
        .where(_ROW.c.project_id == project_id)
        .order_by(_ROW.c.seq, _ROW.c.id),
        execution_options={"yield_per": 2000},
    )
    for seq, prev_hash, hash_, salt, *values in rows:
        yield chain.Link(seq, prev_hash, hash_, bytes(salt), committed(dict(zip(_CHAINED, values, strict=True))))
