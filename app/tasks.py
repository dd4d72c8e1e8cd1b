"""Use case: long work goes on without the request that asked for it.

    order             somebody asks for it; what is under way already is not begun twice
    claim_next, work  a process of its own takes the oldest and does it (``app.clerk``)
    take              the paper that was made, for whoever ordered it and may still have it
    remove_due        papers that nobody should find any more

``KINDS`` names what may be ordered: every paper of ``exports.FORMS``, and the steps of a large month that compute for seconds.
A right is asked three times: when it is ordered, when it is done, and when its paper is taken.

Whoever is at a task holds a claim and says again and again that he lives. When he dies, the next begins from the start, until
``TRIES_MAX`` have: a paper is only reading, and a step of a month is one transaction in which the task ends, too. So a step is
done once or not at all, and the task says which.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from app import access, exports, oversight, periods, sheets
from app.access import Person
from app.db import Database
from app.domain.workdays import month_of
from app.errors import Busy, Conflict, Forbidden, NotFound, ServiceError, TooMany
from app.observing import log
from app.settings import Settings
from app.sharing import Tell
from app.store import accounts
from app.store import exports as exported
from app.store import tasks as store
from app.store.people import ProjectInfo
from app.store.tasks import TaskInfo
from app.vault import Vault

TRIES_MAX = 3
"""Processes that may die of one task."""
UNDER_WAY_MAX = 10
"""Of one person."""
AGAIN = timedelta(minutes=1)
"""So soon after it is done the same paper is not made anew: somebody pressed twice."""
LEASE = timedelta(seconds=20)
"""Longest silence of whoever is at a task before he is taken for dead."""
BUSY_RETRY = timedelta(seconds=5)
LARGE_PEOPLE = 800
"""Engagements of a project from which on a step of a month, or its audit, is not done while somebody waits: about two seconds."""
TELL_S = 1.0
"""Between two words about how far it is."""


class Overtaken(Exception):
    """Somebody else has the task by now: what was worked out is thrown away."""


@dataclass(frozen=True, slots=True)
class Doing:
    """One task at work."""

    database: Database
    vault: Vault
    task: TaskInfo
    claim: str = field(repr=False)
    person: Person
    project: ProjectInfo
    now: datetime
    tell: Tell

    @property
    def month(self) -> date:
        """First day of the month that was asked for."""
        return date.fromisoformat(self.task.asked["month"])

    def end(self, db: Session, **result: Any) -> None:
        """End the task in the transaction that did it.

        Raises:
            Overtaken: nothing of the transaction may stay.
        """
        if not store.end(db, self.task.id, self.claim, now=self.now, result=result):
            raise Overtaken


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that may be ordered."""

    actions: tuple[str, ...]
    """Keys of ``access.ACTIONS``: who orders it may do all of them."""
    work: Callable[[Doing], None]


# --- what may be ordered -----------------------------------------------------------------------------------------


def _paper(doing: Doing) -> None:
    form = exports.FORMS[doing.task.kind.removeprefix("form.")]
    full = access.may(doing.person, "papers.write", doing.project.id, doing.project.area_code)
    asked = dict(doing.task.asked)
    language = asked.pop("language")
    with doing.database.read() as db:
        made = form.make(
            db, doing.vault, project_id=doing.project.id, language=language, full=full, by=doing.task.by, now=doing.now, tell=doing.tell,
            **form.read(asked),
        )  # fmt: skip
    row = {name: value for name, value in made.row.items() if name not in ("now", "by", "project_id")}
    sealed = doing.vault.seal(made.content, table="task_file", column="content", owner=str(doing.task.id))
    with doing.database.write() as db:
        doing.end(db, name=made.name, bytes=len(made.content), row=row)
        store.put_file(db, doing.task.id, sealed)


def _fresh(doing: Doing) -> sheets.Fresh | None:
    return sheets.Months().before(doing.database, doing.project.id, doing.month, doing.now, tell=doing.tell)


def _lock(doing: Doing) -> None:
    fresh = _fresh(doing)
    doing.tell("write", 0, 0)
    with doing.database.write() as db:
        periods.lock(db, project_id=doing.project.id, month=doing.month, by=doing.task.by, now=doing.now, fresh=fresh)
        doing.end(db)


def _close(doing: Doing) -> None:
    fresh = _fresh(doing)
    doing.tell("write", 0, 0)
    with doing.database.write() as db:
        periods.close(db, project_id=doing.project.id, month=doing.month, by=doing.task.by, now=doing.now, fresh=fresh)
        doing.end(db)


def _draft(doing: Doing) -> None:
    with doing.database.read() as db:
        teams = access.teams_of(db, doing.person, doing.project, "sheets.draft")
    fresh = _fresh(doing)
    doing.tell("write", 0, 0)
    with doing.database.write() as db:
        sheets.draft_reached(db, project_id=doing.project.id, month=doing.month, teams=teams, by=doing.task.by, now=doing.now, fresh=fresh)
        doing.end(db)


def _audit(doing: Doing) -> None:
    months = [date.fromisoformat(month) for month in doing.task.asked["months"]]
    for n, month in enumerate(months):
        doing.tell("audit", n, len(months))
        oversight.audit_project(doing.database, doing.project.id, month, doing.now, by=doing.task.by)
    with doing.database.write() as db:
        doing.end(db)


KINDS: dict[str, Kind] = {
    **{f"form.{name}": Kind(("exports.make", *form.actions), _paper) for name, form in exports.FORMS.items()},
    "month.lock": Kind(("periods.write",), _lock),
    "month.close": Kind(("periods.close",), _close),
    "month.draft": Kind(("sheets.draft",), _draft),
    "audit": Kind(("audits.run",), _audit),
}


def is_large(db: Session, project_id: int) -> bool:
    """True when a step of a month is ordered and not waited for."""
    return exported.size(db, "engagements", project_id, {}) >= LARGE_PEOPLE


# --- ordering ------------------------------------------------------------------------------------------------------


def order(db: Session, person: Person, *, project_id: int, kind: str, asked: Mapping[str, Any], now: datetime) -> TaskInfo:
    """Have it done; return the task, which is the one under way when the same person asked for the same.

    Raises:
        NotFound, Forbidden: as ``access.require_on``.
        TooMany: ``tasks_too_many``, he waits for ``UNDER_WAY_MAX`` others.
    """
    for action in KINDS[kind].actions:
        access.require_on(db, person, action, project_id)
    said = {name: value.isoformat() if isinstance(value, date) else value for name, value in asked.items()}
    words = json.dumps([project_id, kind, person.login, said], sort_keys=True, ensure_ascii=False)
    fingerprint = sha256(words.encode()).hexdigest()
    before = store.latest(db, fingerprint)
    if before is not None and (before.ended_at is None or _just_made(before, now)):
        return before
    if store.under_way(db, person.login) >= UNDER_WAY_MAX:
        raise TooMany("tasks_too_many", retry_after_s=30, limit=UNDER_WAY_MAX)
    added = store.add(db, project_id=project_id, kind=kind, asked=said, fingerprint=fingerprint, by=person.login, now=now)
    made = store.latest(db, fingerprint)
    assert made is not None
    if added:
        accounts.journal(
            db, at=now, actor=person.login, action="task.ordered", project_id=project_id, object=f"task:{made.id}", facts={"kind": kind}
        )
    return made


def _just_made(task: TaskInfo, now: datetime) -> bool:
    return task.is_paper and task.state == "done" and task.ended_at is not None and now - task.ended_at < AGAIN


def again(db: Session, person: Person, *, project_id: int, task_id: int, now: datetime) -> TaskInfo:
    """Have done once more what failed, or whose paper is gone; return the task that does it.

    Raises:
        NotFound: ``task_unknown``.
        As ``order``.
    """
    before = store.task(db, project_id, task_id, person.login)
    return order(db, person, project_id=project_id, kind=before.kind, asked=before.asked, now=now)


# --- doing -----------------------------------------------------------------------------------------------------------


def claim_next(database: Database, now: datetime) -> tuple[TaskInfo, str] | None:
    """Begin with the oldest task that nobody is at; returns it with the claim, or None when there is nothing to do.

    A task that ``TRIES_MAX`` processes began with and none finished is ended: it is not begun for ever.
    """
    with database.read() as db:
        found = store.waiting(db, now)
    if found is None:
        # Asked without the write lock: it is asked twice a second, and gates need the lock more.
        return None
    claim = secrets.token_hex(8)
    with database.write() as db:
        if not store.claim(db, found.id, claim, now=now, until=now + LEASE):
            return None
        if found.tries >= TRIES_MAX:
            store.end(db, found.id, claim, now=now, refusal={"code": "task_died", "facts": {}})
            log.error("task_given_up", task=found.id, kind=found.kind, tries=found.tries)
            return None
    return found, claim


def work(database: Database, vault: Vault, task: TaskInfo, claim: str, clock: Callable[[], datetime]) -> None:
    """Do a claimed task, and write down what became of it. A refusal is kept in its code; what nobody foresaw is logged."""
    began = time.monotonic()
    try:
        kind = KINDS[task.kind]
        with database.read() as db:
            person = access.person_of_login(db, task.by)
            for action in kind.actions:
                # Asked for minutes ago: a right may have been taken back since.
                project = access.require_on(db, person, action, task.project_id)
        kind.work(Doing(database, vault, task, claim, person, project, clock(), _Teller(database, task.id, claim)))
        log.info("task_done", task=task.id, kind=task.kind, seconds=round(time.monotonic() - began, 1))
    except Overtaken:
        log.warning("task_overtaken", task=task.id, kind=task.kind)
    except Busy as busy:
        log.warning("task_postponed", task=task.id, kind=task.kind, code=busy.code)
        with database.write() as db:
            store.release(db, task.id, claim, not_before=clock() + BUSY_RETRY, counted=False)
    except ServiceError as refused:
        _fail(database, task, claim, clock(), refused)
    except Exception as error:  # noqa: BLE001 - one task's failure is no other's
        log.error("task_failed", task=task.id, kind=task.kind, error=type(error).__name__, where=_where(error))
        _fail(database, task, claim, clock(), ServiceError("task_broken"))


def _fail(database: Database, task: TaskInfo, claim: str, now: datetime, refused: ServiceError) -> None:
    facts = {name: value if isinstance(value, str | int | float | None) else str(value) for name, value in refused.facts.items()}
    with database.write() as db:
        store.end(db, task.id, claim, now=now, refusal={"code": refused.code, "facts": facts})


def _where(error: BaseException) -> list[str]:
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    return frames[-8:]


class _Teller:
    """Writes down how far a task is, once in ``TELL_S``, in transactions of a moment beside the snapshot it works in."""

    def __init__(self, database: Database, task_id: int, claim: str) -> None:
        self._database, self._task_id, self._claim = database, task_id, claim
        self._stage, self._at = "", 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage == self._stage and now - self._at < TELL_S:
            return
        self._stage, self._at = stage, now
        try:
            with self._database.write() as db:
                mine = store.tell(db, self._task_id, self._claim, stage=stage, done=done, total=total)
        except Busy:
            # It goes on all the same; the next word is in a second.
            return
        if not mine:
            raise Overtaken


def died(database: Database, task: TaskInfo, claim: str) -> None:
    """Let the next begin with a task whose process is dead."""
    log.error("task_process_died", task=task.id, kind=task.kind, tries=task.tries + 1)
    with database.write() as db:
        store.release(db, task.id, claim, not_before=None)


# --- taking --------------------------------------------------------------------------------------------------------


def take(db: Session, vault: Vault, person: Person, *, project_id: int, task_id: int, now: datetime) -> exports.File:
    """Return the paper a task made, to be noted (``exports.note``) in the transaction before it goes out.

    Raises:
        NotFound: ``task_unknown``, of another project or person, too; ``task_file_gone``, it was removed.
        Forbidden: he may not take papers any more, or not with the numbers that stand in this one in full.
        Conflict: ``task_not_done``.
    """
    task = store.task(db, project_id, task_id, person.login)
    for action in KINDS[task.kind].actions:
        project = access.require_on(db, person, action, project_id)
    if task.is_paper and task.state == "removed":
        raise NotFound("task_file_gone")
    if not task.is_paper or task.state != "done" or task.result is None:
        raise Conflict("task_not_done")
    row = dict(task.result["row"])
    if row["full"] and not access.may(person, "papers.write", project.id, project.area_code):
        raise Forbidden("not_allowed", "papers.write")
    sealed = store.file(db, task_id)
    if sealed is None:
        raise NotFound("task_file_gone")
    content = vault.open(sealed, table="task_file", column="content", owner=str(task_id))
    noted = {**row, "project_id": project_id, "by": person.login, "now": now}
    return exports.File(task.result["name"], content, row["file_sha256"], noted)


def remove_due(database: Database, settings: Settings, now: datetime) -> int:
    """Remove papers that were kept as long as they may be; returns how many."""
    with database.write() as db:
        return store.remove_due(db, now - timedelta(days=settings.paper_days), now)


def kept_until(task: TaskInfo, settings: Settings) -> datetime | None:
    """Until when a paper is kept; None while there is none."""
    return None if task.ended_at is None else task.ended_at + timedelta(days=settings.paper_days)


def months_to_audit(month: date | None, today: date) -> list[date]:
    """What "run the rules now" looks at: the chosen month, or this one and the one before."""
    this = month_of(today)
    return [month] if month is not None else [month_of(this - timedelta(days=1)), this]

