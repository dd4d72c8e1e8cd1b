"""What runs without a request: ``muster worker``, in as many processes as one likes.

    projection every 15 s     days and months worked out ahead, of every project
    audit     every hour      findings of this month and the two before: once a day all, then what has changed
    verify    every night     the journal and every project's chain of passages, link by link; where they end is journalled
    books     every night     every project's ledger and signed lines against its documents
    seal      every 5 min     a mark on every fact written since, that only the key can make
    seals     every night     every sealed fact against its mark
    purge     every hour      nonces, sign-in attempts and expired sign-ins that are too old to matter
    repack    every minute    new templates from kept photographs, while the pack is changed
    twins     every 10 min    one face under two ID numbers, in areas that ordered it: what is new against everything
    papers    every hour      papers that were made and kept as long as they may be
    pictures  every hour      pictures kept for review whose days are over
    drift     every night     whose template fits him less and less
    retention every day       faces that may not be kept any more: of workers who left, of consents taken back

A turn of a job is claimed by one conditional UPDATE of its row in ``schedule``: whoever changes the row has the
turn, on SQLite and PostgreSQL alike. A worker that dies in its turn loses the claim when ``turn_max`` has passed.
A job that fails is logged, tried again after ``RETRY`` and stops nobody.

The audit runs by the hour and not at 01:00: projects lie in several time zones, a month costs about a second,
and a finding that clears an hour after the payment is worth more than one that clears the next morning.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import (
    access,
    enrolment,
    journal,
    ledger,
    oversight,
    projection,
    repack,
    review,
    seals,
    tasks,
    timekeeping,
    twins,
)
from app.db import Database
from app.domain.counted import filled
from app.engines import load_engine, load_pack_of
from app.observing import log
from app.settings import Settings
from app.store import accounts, gates, packs, people, schedule, second_steps
from app.store import journal as chain
from app.store import papers as kept
from app.store import twins as twin_store
from app.vault import open_vault

RETRY = timedelta(minutes=5)
TICK_SECONDS = 5.0
FACES_AT_ONCE = 50
"""Workers whose faces are erased in one transaction: a site that closes must not keep its gates waiting."""
BOOKS_NAMED = 20
"""Wrong things of one project that are journalled in one night; when the books are torn apart the first say enough."""


TWINS_SECONDS = 300.0
"""Of each turn and area; a first search of a million templates takes an hour of processor time and goes on the next turn."""
REPACK_SECONDS = 20.0
"""Of each minute."""
_engine: Any = None
"""Of the new pack, kept from one stretch of re-embedding to the next."""


class JobFailed(Exception):
    """A job did part of its work. The message says how much, without personal data."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do again and again."""

    name: str
    every: timedelta
    turn_max: timedelta
    """Longest time one turn may take; then another worker may take it."""
    work: Callable[[Database, Settings, datetime], str]
    """Does it and says in a few words what was done."""


# --- the jobs ------------------------------------------------------------------------------------------------


def _audit(database: Database, _settings: Settings, now: datetime) -> str:
    done = oversight.audit_all(database, now, changed_only=True)
    said = f"{done.projects} projects, {done.months} months, {done.found} findings, {done.failed} failed"
    if done.failed:
        raise JobFailed(said)
    return said


def _verify(database: Database, _settings: Settings, now: datetime) -> str:
    """Check every chain. A broken one is logged as an error every night, and journalled once for each first fault."""
    with database.read() as db:
        projects = [p.id for p in people.projects(db, None)]
    broken = failed = 0
    for project_id in projects:
        try:
            first, count = None, 0
            with database.read() as db:
                for fault in gates.verify_chain(db, project_id):
                    first = first or fault
                    count += 1
            if first is None:
                continue
            broken += 1
            log.error("chain_broken", project_id=project_id, faults=count, seq=first.seq, kind=first.kind)
            line = {"project_id": project_id, "action": "chain_broken", "object": f"passage_seq:{first.seq}"}
            with database.write() as db:
                if not accounts.journalled(db, **line, since=datetime.min.replace(tzinfo=UTC)):
                    accounts.journal(
                        db, at=now, actor="worker", facts={"faults": count, "kind": str(first.kind)}, **line
                    )
        except Exception as error:  # noqa: BLE001 - the other projects' chains must be checked all the same
            failed += 1
            log.error("chain_not_checked", project_id=project_id, error=type(error).__name__)
    with database.read() as db:
        faults = chain.verify(db)
        rewritten = list(journal.recorded_faults(db))
    for fault in faults[:BOOKS_NAMED]:
        log.error("journal_broken", seq=fault.seq, kind=fault.kind)
    for found in rewritten[:BOOKS_NAMED]:
        log.error("chain_rewritten", project_id=found.project_id, seq=found.seq)
    with database.write() as db:
        what = {"project_id": None, "action": "journal_broken", "object": f"journal:{faults[0].seq}"} if faults else None
        if what and not accounts.journalled(db, **what, since=datetime.min.replace(tzinfo=UTC)):
            accounts.journal(db, at=now, actor="worker", facts={"faults": len(faults), "kind": str(faults[0].kind)}, **what)
        if not broken and not rewritten:
            journal.record_chains(db, now)
    said = f"{len(projects)} chains, {broken} broken, {failed} not checked" + (f"; journal {len(faults)} faults" if faults else "")
    if failed:
        raise JobFailed(said)
    # A broken one was checked, and is as broken in five minutes: the next look is tomorrow night's.
    return said


def _books(database: Database, _settings: Settings, now: datetime) -> str:
    """Check every project's books. What does not hold is logged as an error every night, and journalled once by name."""
    with database.read() as db:
        projects = [p.id for p in people.projects(db, None)]
    wrong = failed = 0
    for project_id in projects:
        try:
            with database.read() as db:
                broken = [a for a in ledger.assertions(db, project_id, now) if not a.holds]
            if not broken:
                continue
            wrong += 1
            first = broken[0]
            log.error("books_wrong", project_id=project_id, assertions=len(broken), code=first.code, subject=first.subject)
            with database.write() as db:
                for told in broken[:BOOKS_NAMED]:
                    line = {"project_id": project_id, "action": "books_wrong", "object": f"{told.code} {told.subject}"[:64]}
                    if not accounts.journalled(db, **line, since=datetime.min.replace(tzinfo=UTC)):
                        # No amounts: they would be somebody's wages.
                        accounts.journal(db, at=now, actor="worker", facts={"assertions": len(broken)}, **line)
        except Exception as error:  # noqa: BLE001 - the other projects' books must be checked all the same
            failed += 1
            log.error("books_not_checked", project_id=project_id, error=type(error).__name__)
    said = f"{len(projects)} ledgers, {wrong} wrong, {failed} not checked"
    if failed:
        raise JobFailed(said)
    return said


def _seal(database: Database, settings: Settings, now: datetime) -> str:
    """Seal what was written since the last seal."""
    made = seals.seal(database, open_vault(settings), now)
    return "nothing new" if made is None else f"seal {made.number}, {len(made.marks)} tables"


def _seals(database: Database, settings: Settings, now: datetime) -> str:
    """Check every sealed fact. One that was changed is logged as an error every night, and journalled once a seal."""
    with database.read() as db:
        broken = list(seals.broken(db, open_vault(settings)))
        last = seals.last(db)
    for found in broken[:BOOKS_NAMED]:
        log.error("seal_broken", table=found.table, seal=found.number, after=found.after, upto=found.upto)
        line = {"project_id": None, "action": "seal_broken", "object": f"{found.table} seal:{found.number}"}
        with database.write() as db:
            if not accounts.journalled(db, **line, since=datetime.min.replace(tzinfo=UTC)):
                accounts.journal(db, at=now, actor="worker", facts={"after": found.after, "upto": found.upto}, **line)
    return f"{last.number if last else 0} seals, {len(broken)} broken"


def _projection(database: Database, _settings: Settings, now: datetime) -> str:
    """Bring every project's days and months up to date. What is behind is answered rightly all the same, only slower."""
    with database.read() as db:
        projects = [p.id for p in people.projects(db, None)]
    days = failed = 0
    for project_id in projects:
        try:
            days += projection.refresh(database, project_id, now=now).days_written
        except Exception as error:  # noqa: BLE001 - the other projects' days must be written all the same
            failed += 1
            log.error("projection_failed", project_id=project_id, error=type(error).__name__)
    said = f"{len(projects)} projects, {days} days written, {failed} failed"
    if failed:
        raise JobFailed(said)
    return said


def _calendar(database: Database, settings: Settings, now: datetime) -> str:
    with database.read() as db:
        missing = timekeeping.missing_years(db, now)
    # Not under the write lock: to load the package alone takes a third of a second, and gates would wait.
    known = [year for year in missing if timekeeping.is_known(year)]
    written: list[int] = []
    if known:
        with database.write() as db:
            # Somebody may have imported a notice meanwhile.
            written = [year for year in known if year in timekeeping.missing_years(db, now)]
            timekeeping.seed_calendar(db, years=written, by="worker", now=now)
    return f"calendar of {', '.join(map(str, written))} written" if written else "nothing missing that is known"


def _purge(database: Database, settings: Settings, now: datetime) -> str:
    # A nonce can be used as long as its request's time is within the window, ahead or behind.
    nonces_before = now - timedelta(seconds=4 * settings.signature_window_seconds)
    # Who signed in when is in the journal; an attempt may hold the hash of a password typed into the wrong field.
    tries_before = now - timedelta(minutes=2 * settings.sign_in_window_minutes)
    # One transaction each: no gate waits for the write lock longer than one of them takes.
    with database.write() as db:
        nonces = gates.purge_nonces(db, nonces_before)
    with database.write() as db:
        tries = accounts.purge_sign_ins(db, tries_before, now - access.KNOWN_ADDRESS)
        tries += second_steps.purge(db, now, now - timedelta(days=settings.sign_in_days))
    return f"{nonces} nonces, {tries} sign-ins and attempts"


def _repack(database: Database, settings: Settings, now: datetime) -> str:
    """A stretch of re-embedding: a third of a core, so that gates on the same box go on."""
    global _engine
    with database.read() as db:
        change = packs.latest(db)
        waiting = packs.next_behind(db, change, 0, 1) if change is not None and change.open else []
    if not waiting:
        _engine = None
        return "nothing to work out"
    if _engine is None or _engine.pack.contract_id != change.to_contract_id:
        _engine = load_engine(settings, change.to_pack_id)
    done = repack.work(database, open_vault(settings), settings, _engine, now=now, seconds_max=REPACK_SECONDS)
    return f"{filled('{n:template|templates}', {'n': done.embedded})}, {done.unusable} unusable, {'done' if done.done else 'goes on'}"


def _twins(database: Database, settings: Settings, now: datetime) -> str:
    """Search the areas that ordered it. Nothing is opened where nothing is new."""
    with database.read() as db:
        if not twin_store.ordered(db, now.date()):
            return "ordered nowhere"
        pack_id = repack.in_force(db, settings, now).pack_id
    done = twins.turn(database, open_vault(settings), load_pack_of(settings, pack_id), now=now, seconds_max=TWINS_SECONDS)
    return ", ".join(f"{area or 'everywhere'}: {one.fresh} new of {one.templates}, {one.found} pairs" for area, one in done)


def _pictures(database: Database, _settings: Settings, now: datetime) -> str:
    """Erase pictures of refused faces whose days are over."""
    with database.write() as db:
        erased = review.erase_due(db, now)
    return f"{erased} pictures erased"


def _papers(database: Database, settings: Settings, now: datetime) -> str:
    """Remove papers that nobody may take any more; ``muster serve`` does it, too."""
    return f"{tasks.remove_due(database, settings, now)} papers removed"


def _drift(database: Database, _settings: Settings, now: datetime) -> str:
    """Look for workers whose template fits them less and less."""
    with database.read() as db:
        projects = [p.id for p in people.projects(db, None)]
    advised = failed = 0
    for project_id in projects:
        try:
            advised += review.look_for_drift(database, project_id, now)
        except Exception as error:  # noqa: BLE001 - the other projects' workers are looked at all the same
            failed += 1
            log.error("drift_not_looked_for", project_id=project_id, error=type(error).__name__)
    said = f"{len(projects)} projects, {advised} pieces of advice, {failed} failed"
    if failed:
        raise JobFailed(said)
    return said


def _retention(database: Database, settings: Settings, now: datetime) -> str:
    """Erase what may not be kept any more, look again, and say how much it was."""
    with database.read() as db:
        projects = [p.id for p in people.projects(db, None)]
    erased, left, failed = enrolment.Erased(), 0, 0
    for project_id in projects:
        try:
            one, remaining = _erase_faces(database, settings, project_id, now)
            erased, left = erased + one, left + remaining
        except Exception as error:  # noqa: BLE001 - the other projects' workers were promised the same
            failed += 1
            log.error("faces_not_erased", project_id=project_id, error=type(error).__name__)
    with database.read() as db:
        enrolled = kept.faces_enrolled(db)
    if enrolled >= settings.faces_warn_min:
        # 人脸识别技术应用安全管理办法: 100,000 persons are filed with the authority within 30 working days.
        log.warning("faces_near_filing", enrolled=enrolled, warn_min=settings.faces_warn_min)
    said = (
        f"{erased.templates} templates, {erased.photographs} photographs erased"
        f" ({erased.exited} exited, {erased.withdrawn} withdrawn), {enrolled} faces enrolled"
    )
    if left or failed:
        raise JobFailed(f"{said}, {left} workers' faces still there, {failed} projects failed")
    return said


def _erase_faces(database: Database, settings: Settings, project_id: int, now: datetime) -> tuple[enrolment.Erased, int]:
    """Returns what was erased on a project, and how many workers' faces were not although they are overdue."""
    days = settings.template_days_after_exit

    def overdue() -> set[int]:
        with database.read() as db:
            return set(enrolment.overdue(db, project_id=project_id, now=now, days_after_exit=days))

    waiting, erased = sorted(overdue()), enrolment.Erased()
    for first in range(0, len(waiting), FACES_AT_ONCE):
        with database.write() as db:
            erased += enrolment.erase_overdue(
                db, project_id=project_id, among=waiting[first : first + FACES_AT_ONCE],
                now=now, days_after_exit=days, by="worker",
            )
    return erased, len(overdue() & set(waiting)) if waiting else 0


JOBS: dict[str, Job] = {
    job.name: job
    for job in (
        # First: what is worked out ahead goes by it.
        Job("calendar", timedelta(hours=24), timedelta(minutes=10), _calendar),
        Job("projection", timedelta(seconds=15), timedelta(minutes=30), _projection),
        Job("purge", timedelta(hours=1), timedelta(minutes=10), _purge),
        Job("audit", timedelta(hours=1), timedelta(hours=1), _audit),
        Job("verify", timedelta(hours=24), timedelta(hours=4), _verify),
        Job("books", timedelta(hours=24), timedelta(hours=4), _books),
        Job("seal", timedelta(minutes=5), timedelta(minutes=30), _seal),
        Job("seals", timedelta(hours=24), timedelta(hours=4), _seals),
        Job("repack", timedelta(minutes=1), timedelta(minutes=10), _repack),
        Job("twins", timedelta(minutes=10), timedelta(hours=1), _twins),
        Job("papers", timedelta(hours=1), timedelta(minutes=10), _papers),
        Job("pictures", timedelta(hours=1), timedelta(minutes=10), _pictures),
        Job("drift", timedelta(hours=24), timedelta(hours=1), _drift),
        Job("retention", timedelta(hours=24), timedelta(hours=1), _retention),
    )
}


# --- turns ---------------------------------------------------------------------------------------------------


def claim(db: Session, job: Job, now: datetime, *, when_due: bool = True) -> bool:
    """Take the job's turn; False when it is not due, or somebody else has it."""
    return schedule.claim(db, job.name, now=now, until=now + job.turn_max, when_due=when_due)


def take_turn(
    job: Job, database: Database, settings: Settings, now: datetime, *, when_due: bool = True
) -> str | None:
    """Do the job if its turn can be had; returns what was done, or None.

    A job that raises is logged and due again after ``RETRY``; what it raised is not passed on.
    """
    if when_due:
        with database.read() as db:
            due_at = schedule.next_at(db, job.name)
        if due_at is not None and due_at > now:
            # Asked without the write lock: a worker looks every few seconds, and gates need the lock more.
            return None
    with database.write() as db:
        if not claim(db, job, now, when_due=when_due):
            return None
    try:
        result, next_at = job.work(database, settings, now), now + job.every
        log.info("job_done", job=job.name, result=result)
    except Exception as error:  # noqa: BLE001 - one job's failure is no other's
        detail = str(error) if isinstance(error, JobFailed) else type(error).__name__
        result, next_at = f"failed: {detail}", now + min(RETRY, job.every)
        log.error("job_failed", job=job.name, error=type(error).__name__, result=result)
    with database.write() as db:
        schedule.finish(db, job.name, claimed_until=now + job.turn_max, next_at=next_at, result=result)
    return result


def run_once(name: str, database: Database, settings: Settings, now: datetime) -> str | None:
    """Do one job now, due or not; None when another worker is at it.

    Raises:
        KeyError: no such job; ``JOBS`` has them all.
    """
    return take_turn(JOBS[name], database, settings, now, when_due=False)


def run_forever(
    database: Database,
    settings: Settings,
    stop: threading.Event,
    clock: Callable[[], datetime],
    *,
    tick_seconds: float = TICK_SECONDS,
) -> None:
    """Do whatever is due until ``stop`` is set; returns after the job then at work."""
    log.info("worker_started", jobs=sorted(JOBS))
    while not stop.is_set():
        for job in JOBS.values():
            if stop.is_set():
                break
            try:
                take_turn(job, database, settings, clock())
            except Exception as error:  # noqa: BLE001 - no database at this moment: the next tick tries again
                log.error("turn_not_taken", job=job.name, error=type(error).__name__)
        stop.wait(tick_seconds)
    log.info("worker_stopped")
