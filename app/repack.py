"""Use case: the model pack is changed (更换识别模型), and nobody is compared across two packs on the way.

    start        from now on templates of both contracts are kept; the gates go on with the old pack
    work         one stretch of re-embedding from kept photographs; goes on where it stopped
    progress     how far it is, by project, and who must come again
    switch       from a chosen moment the gates use the new pack
    roll_back    ... and the old one again; both sets of templates are still there
    finish       the old templates are erased
    abandon      the new templates are erased
    in_force     which pack recognises at an instant

    start ──► (work) ──► switch ◄──► roll_back ──► abandon
                            └──► finish

A worker whose photographs were not kept, or are of no use to the new pack, has no template of it: he must come again, and
is listed. Whoever enrols while a change is open is measured by both packs. What is not re-embedded at the switch passes by
card or code, like anybody without a template; nothing is ever compared with a template of another contract, which
``recognition.match`` refuses by itself.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import enrolment
from app.db import Database
from app.errors import Conflict, Unusable
from app.galleries import owner, template_bytes
from app.observing import log
from app.settings import Settings
from app.store import accounts, packs, people
from app.store.packs import Behind, ChangeInfo
from app.vault import Vault, VaultError

AT_ONCE = 20
"""Templates looked up at a time; each is worked out with no transaction open and written in one of its own."""
CLEARED_AT_ONCE = 100


# --- which pack ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InForce:
    """The pack that recognises, and the one beside it."""

    pack_id: str
    beside: str | None
    """The other pack of an open change; enrolment measures by both."""


def in_force(db: Session, settings: Settings, now: datetime) -> InForce:
    """Return which pack recognises now: the configured one, unless an open change of it says otherwise."""
    change = packs.latest(db)
    if change is None or not change.open or settings.pack_id not in (change.from_pack_id, change.to_pack_id):
        return InForce(settings.pack_id, None)
    pair = (change.from_pack_id, change.to_pack_id)
    return InForce(*(pair[::-1] if change.switched(now) else pair))


# --- steps -----------------------------------------------------------------------------------------------------


def start(db: Session, *, from_pack: Any, to_pack: Any, by: str, now: datetime) -> int:
    """Begin a change of pack; return its id.

    Args:
        from_pack, to_pack: ``recognition.Pack``; the first is the one at work.

    Raises:
        Conflict: ``pack_change_open``, another one is not over.
        Unusable: ``pack_change_same``: both make the same templates, so there is nothing to change.
    """
    packs.lock(db)
    earlier = packs.latest(db)
    if earlier is not None and earlier.open:
        raise Conflict("pack_change_open")
    if from_pack.contract_id == to_pack.contract_id:
        raise Unusable("pack_change_same")
    change_id = packs.start(
        db, from_contract_id=from_pack.contract_id, from_pack_id=from_pack.pack_id, to_contract_id=to_pack.contract_id,
        to_pack_id=to_pack.pack_id, started_by=by, started_at=now,
    )  # fmt: skip
    _journal(db, now, by, "pack_change.started", change_id, to=to_pack.pack_id)
    return change_id


def switch(db: Session, *, at: datetime | None = None, with_gaps: bool = False, by: str, now: datetime) -> ChangeInfo:
    """Let the gates use the new pack from ``at`` on; at once for None. May be moved as long as it has not come.

    Args:
        with_gaps: although somebody has no template of the new pack: he will pass by card or code until he comes.

    Raises:
        Conflict: ``pack_change_none`` is open; ``pack_change_switched`` already; ``pack_change_gaps``.
        Unusable: ``pack_change_past``: a moment that is over.
    """
    packs.lock(db)
    change = _open(db)
    if change.switched(now):
        raise Conflict("pack_change_switched")
    if at is not None and at < now:
        raise Unusable("pack_change_past")
    left = len({(one.project_id, one.worker_id) for one in packs.behind(db, change)})
    if left and not with_gaps:
        raise Conflict("pack_change_gaps", workers=left)
    packs.act(db, change.id, "switched", holds_from=at or now, by=by, now=now)
    _journal(db, now, by, "pack_change.switched", change.id, holds_from=(at or now).isoformat(), without_template=left)
    return _open(db)


def roll_back(db: Session, *, by: str, now: datetime) -> ChangeInfo:
    """Let the gates use the old pack again, or call off a switch that has not come yet.

    Raises:
        Conflict: ``pack_change_none`` is open; ``pack_change_not_switched``.
    """
    packs.lock(db)
    change = _open(db)
    if change.act != "switched":
        raise Conflict("pack_change_not_switched")
    packs.act(db, change.id, "rolled_back", holds_from=now, by=by, now=now)
    _journal(db, now, by, "pack_change.rolled_back", change.id)
    return _open(db)


def finish(database: Database, *, configured: str, by: str, now: datetime) -> int:
    """End a change for good: the old templates are erased, kept photographs go on with the new ones. Returns how many.

    Stopped half way it may be called again: what is left is erased then.

    Args:
        configured: the pack the settings name. It must be the new one, or the next start would go back to the old.

    Raises:
        Conflict: ``pack_change_none`` is open; ``pack_change_not_switched``; ``pack_change_configured``.
    """
    with database.write() as db:
        packs.lock(db)
        change = packs.latest(db)
        if change is None or change.act == "abandoned":
            raise Conflict("pack_change_none")
        if change.open:
            if not change.switched(now):
                raise Conflict("pack_change_not_switched")
            if configured != change.to_pack_id:
                raise Conflict("pack_change_configured", pack=change.to_pack_id)
            packs.act(db, change.id, "finished", holds_from=now, by=by, now=now)
            _journal(db, now, by, "pack_change.finished", change.id)
    return _clear(database, change.from_contract_id, change.to_contract_id, "pack_changed", now)


def abandon(database: Database, *, by: str, now: datetime) -> int:
    """Give a change up: the new templates are erased. Returns how many. May be called again like ``finish``.

    Raises:
        Conflict: ``pack_change_none`` is open; ``pack_change_switched``: roll back first.
    """
    with database.write() as db:
        packs.lock(db)
        change = packs.latest(db)
        if change is None or change.act == "finished":
            raise Conflict("pack_change_none")
        if change.act == "switched":
            raise Conflict("pack_change_switched")
        if change.open:
            packs.act(db, change.id, "abandoned", holds_from=now, by=by, now=now)
            _journal(db, now, by, "pack_change.abandoned", change.id)
    return _clear(database, change.to_contract_id, change.from_contract_id, "pack_change_abandoned", now)


def _open(db: Session) -> ChangeInfo:
    change = packs.latest(db)
    if change is None or not change.open:
        raise Conflict("pack_change_none")
    return change


def _clear(database: Database, gone: str, stays: str, reason: str, now: datetime) -> int:
    cleared = 0
    while True:
        with database.write() as db:
            found = packs.to_clear(db, gone, CLEARED_AT_ONCE)
            for project_id in sorted({project_id for _, project_id, _ in found}):
                people.lock_project(db, project_id)
            for template_id, _, _ in found:
                packs.clear(db, template_id, stays, reason, now)
        cleared += len(found)
        if len(found) < CLEARED_AT_ONCE:
            return cleared


# --- re-embedding ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worked:
    """What one stretch of re-embedding did."""

    embedded: int
    unusable: int
    """Whose photographs are of no use to the new pack."""
    done: bool
    """Nothing is left that could be worked out without the worker."""


def work(
    database: Database, vault: Vault, settings: Settings, engine: Any, *, now: datetime, seconds_max: float,
    clock: Callable[[], float] = time.monotonic,
) -> Worked:
    """Work out new templates from kept photographs for a while. Each is written by itself, so it may be stopped anywhere.

    Args:
        engine: of the change's new pack.

    Raises:
        ValueError: the engine is of another contract.
    """
    with database.read() as db:
        change = packs.latest(db)
    if change is None or not change.open:
        return Worked(0, 0, True)
    if engine.pack.contract_id != change.to_contract_id:
        raise ValueError(f"an engine of {engine.pack.contract_id} for a change to {change.to_contract_id}")
    until, after, embedded, unusable = clock() + seconds_max, 0, 0, 0
    while True:
        with database.read() as db:
            found = packs.next_behind(db, change, after, AT_ONCE)
        for one in found:
            after = one.template_id
            code = _embed(database, vault, settings, engine, change, one, now)
            embedded += code == ""
            unusable += bool(code)
            if clock() >= until:
                return Worked(embedded, unusable, False)
        if len(found) < AT_ONCE:
            return Worked(embedded, unusable, True)


def _embed(
    database: Database, vault: Vault, settings: Settings, engine: Any, change: ChangeInfo, one: Behind, now: datetime
) -> str | None:
    """Work out one worker's template; "" when it is there, a code when it cannot be, None when he was changed meanwhile."""
    with database.read() as db:
        sealed = packs.photographs(db, one.template_id)
    mine = owner(one.project_id, one.worker_id)
    try:
        opened = [vault.open(photo, table="face_photo", column="photo_sealed", owner=mine) for photo in sealed]
        examined = enrolment.examine_kept(engine, settings, opened)
    except VaultError:
        examined, code = None, "photo_unreadable"
        log.warning("photo_unreadable", template_id=one.template_id)
    except Unusable as refused:
        examined, code = None, refused.code
    with database.write() as db:
        people.lock_project(db, one.project_id)
        # Again: he may have enrolled anew, taken his word back, or the change may be over.
        latest = packs.latest(db)
        still = packs.still_behind(db, change, one.template_id)
        if latest is None or latest.id != change.id or not latest.open or still is None:
            return None
        consent = people.latest_consent(db, one.project_id, one.worker_id)
        if consent is None or not consent.given or "image_retention" not in consent.scope:
            return None
        if examined is None:
            packs.fault(db, change.id, one.template_id, code, now)
            return code
        people.add_template(
            db, worker_id=one.worker_id, project_id=one.project_id, consent_id=consent.id,
            contract_id=engine.pack.contract_id, pack_id=engine.pack.pack_id,
            template_sealed=vault.seal(
                template_bytes(examined.templates), table="face_template", column="template_sealed", owner=mine
            ),
            photographs=len(examined.photographs), now=now,
        )  # fmt: skip
        accounts.journal(
            db, at=now, actor="worker", action="face.re_embedded", project_id=one.project_id,
            object=f"worker:{one.worker_id}", facts={"contract": engine.pack.contract_id, "photographs": len(examined.photographs)},
        )  # fmt: skip
    return ""


# --- how far it is ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProjectProgress:
    """How far one project is."""

    project_id: int
    ready: int
    """Workers with a template of the new pack."""
    to_work_out: int
    """Workers whose photographs were kept; done without them."""
    must_come: tuple[Behind, ...]
    """Workers who must be photographed again, and why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a change of pack is."""

    change: ChangeInfo
    projects: tuple[ProjectProgress, ...]
    """Those with anything of either."""

    @property
    def ready(self) -> int:
        """Over all projects; so are the next two."""
        return sum(p.ready for p in self.projects)

    @property
    def to_work_out(self) -> int:
        return sum(p.to_work_out for p in self.projects)

    @property
    def must_come(self) -> int:
        return sum(len(p.must_come) for p in self.projects)


def progress(db: Session, project_id: int | None = None) -> Progress | None:
    """Return how far the open change is, of all projects or one; None when none is open."""
    change = packs.latest(db)
    if change is None or not change.open:
        return None
    ready = packs.counts(db, change.to_contract_id)
    behind: dict[int, list[Behind]] = {}
    for one in packs.behind(db, change, project_id):
        behind.setdefault(one.project_id, []).append(one)
    wanted = {project_id} if project_id is not None else ready.keys() | behind.keys()
    return Progress(
        change,
        tuple(
            ProjectProgress(
                number, ready.get(number, 0), sum(not one.must_come for one in behind.get(number, ())),
                tuple(one for one in behind.get(number, ()) if one.must_come),
            )
            for number in sorted(wanted)
        ),
    )


def _journal(db: Session, now: datetime, by: str, action: str, change_id: int, **facts: Any) -> None:
    accounts.journal(db, at=now, actor=by, action=action, project_id=None, object=f"pack_change:{change_id}", facts=facts)
