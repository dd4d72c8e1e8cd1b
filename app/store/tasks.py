"""Long work that somebody ordered: who asked for what, who is at it, how far it is, and the sealed file it made.

    add, latest                         ordered
    task, tasks_of, ahead               what its owner sees
    waiting, claim, beat, tell, release who is at it
    end, put_file, file, remove_due     what became of it

A claim is a random word with an instant: every change by whoever is at it names the word, and changes nothing when
somebody else took over meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.store import insert_or_leave
from app.tables import Task, TaskFile

_T = Task.__table__
TASKS_SHOWN_MAX = 30
"""Of one person and project, the newest."""


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """One piece of long work."""

    id: int
    project_id: int
    kind: str
    asked: Mapping[str, Any]
    fingerprint: str
    by: str
    asked_at: datetime
    tries: int
    claim: str | None
    claimed_until: datetime | None
    stage: str
    done: int
    total: int
    ended_at: datetime | None
    refusal: Mapping[str, Any] | None
    result: Mapping[str, Any] | None = field(repr=False)
    removed_at: datetime | None

    @property
    def state(self) -> str:
        """waiting, running, failed, done or removed (done, and its file is gone)."""
        if self.ended_at is None:
            return "running" if self.claim else "waiting"
        if self.refusal is not None:
            return "failed"
        return "removed" if self.removed_at is not None else "done"

    @property
    def is_paper(self) -> bool:
        """True when it makes a file."""
        return self.kind.startswith("form.")


_COLUMNS = tuple(_T.c[name] for name in TaskInfo.__dataclass_fields__)


def add(
    db: Session, *, project_id: int, kind: str, asked: Mapping[str, Any], fingerprint: str, by: str, now: datetime
) -> bool:
    """Order it; False when the same is under way."""
    return insert_or_leave(
        db, _T, project_id=project_id, kind=kind, asked=dict(asked), fingerprint=fingerprint, by=by, asked_at=now, tries=0, stage="",
        done=0, total=0,
    )  # fmt: skip


def latest(db: Session, fingerprint: str) -> TaskInfo | None:
    """Return the newest of what was ordered in exactly these words."""
    row = db.execute(select(*_COLUMNS).where(_T.c.fingerprint == fingerprint).order_by(_T.c.id.desc()).limit(1)).first()
    return None if row is None else TaskInfo(*row)


def task(db: Session, project_id: int, task_id: int, by: str) -> TaskInfo:
    """Return somebody's task.

    Raises:
        NotFound: ``task_unknown``; of another project or person, too.
    """
    row = db.execute(select(*_COLUMNS).where(_T.c.id == task_id, _T.c.project_id == project_id, _T.c.by == by)).first()
    if row is None:
        raise NotFound("task_unknown")
    return TaskInfo(*row)


def tasks_of(db: Session, project_id: int, by: str) -> list[TaskInfo]:
    """Return somebody's newest tasks on a project, newest first; of those that are the same the last."""
    wanted = select(*_COLUMNS).where(_T.c.by == by, _T.c.project_id == project_id).order_by(_T.c.id.desc()).limit(TASKS_SHOWN_MAX)
    found: dict[str, TaskInfo] = {}
    for row in db.execute(wanted):
        one = TaskInfo(*row)
        found.setdefault(one.fingerprint, one)
    return list(found.values())


def under_way(db: Session, by: str) -> int:
    """Return how many of somebody's tasks have not ended."""
    return db.execute(select(func.count()).select_from(_T).where(_T.c.ended_at.is_(None), _T.c.by == by)).scalar_one()


def ahead(db: Session, task_id: int) -> int:
    """Return how many tasks of everybody come before this one."""
    return db.execute(select(func.count()).select_from(_T).where(_T.c.ended_at.is_(None), _T.c.id < task_id)).scalar_one()


# --- who is at it ------------------------------------------------------------------------------------------------


def waiting(db: Session, now: datetime) -> TaskInfo | None:
    """Return the oldest task that nobody is at."""
    free = or_(_T.c.claimed_until.is_(None), _T.c.claimed_until <= now)
    ready = or_(_T.c.not_before.is_(None), _T.c.not_before <= now)
    row = db.execute(select(*_COLUMNS).where(_T.c.ended_at.is_(None), free, ready).order_by(_T.c.id).limit(1)).first()
    return None if row is None else TaskInfo(*row)


def claim(db: Session, task_id: int, claim: str, *, now: datetime, until: datetime) -> bool:
    """Begin with it until an instant; False when somebody else has."""
    free = or_(_T.c.claimed_until.is_(None), _T.c.claimed_until <= now)
    begun = {"claim": claim, "claimed_until": until, "tries": _T.c.tries + 1, "stage": "", "done": 0, "total": 0}
    return db.execute(update(_T).where(_T.c.id == task_id, _T.c.ended_at.is_(None), free).values(begun)).rowcount == 1


def _mine(task_id: int, claim: str) -> Any:
    return update(_T).where(_T.c.id == task_id, _T.c.claim == claim, _T.c.ended_at.is_(None))


def beat(db: Session, task_id: int, claim: str, *, until: datetime) -> bool:
    """Stay at it until an instant; False when somebody else took over."""
    return db.execute(_mine(task_id, claim).values(claimed_until=until)).rowcount == 1


def tell(db: Session, task_id: int, claim: str, *, stage: str, done: int, total: int) -> bool:
    """Say how far it is; False when somebody else took over."""
    return db.execute(_mine(task_id, claim).values(stage=stage, done=done, total=total)).rowcount == 1


def release(db: Session, task_id: int, claim: str, *, not_before: datetime | None, counted: bool = True) -> None:
    """Leave it to the next; the try counts unless it was the database that could not."""
    left = {"claim": None, "claimed_until": None, "not_before": not_before}
    if not counted:
        left["tries"] = _T.c.tries - 1
    db.execute(_mine(task_id, claim).values(left))


def end(
    db: Session, task_id: int, claim: str, *, now: datetime, refusal: Mapping[str, Any] | None = None, result: Mapping[str, Any] | None = None
) -> bool:
    """Write down what became of it; False when somebody else took over."""
    ended = {"ended_at": now, "claim": None, "claimed_until": None, "refusal": refusal, "result": result}
    return db.execute(_mine(task_id, claim).values(ended)).rowcount == 1


# --- the file ------------------------------------------------------------------------------------------------


def put_file(db: Session, task_id: int, content_sealed: bytes) -> None:
    """Keep the file of a task."""
    db.execute(insert(TaskFile.__table__), {"task_id": task_id, "content_sealed": content_sealed})


def file(db: Session, task_id: int) -> bytes | None:
    """Return the sealed file of a task; None when it is gone."""
    return db.execute(select(TaskFile.content_sealed).where(TaskFile.task_id == task_id)).scalar()


def remove_due(db: Session, ended_before: datetime, now: datetime) -> int:
    """Remove the files of tasks that ended before an instant; returns how many."""
    due = select(_T.c.id).where(_T.c.ended_at < ended_before, _T.c.removed_at.is_(None), _T.c.kind.like("form.%"))
    ids = list(db.execute(due).scalars())
    for first in range(0, len(ids), 500):
        some = ids[first : first + 500]
        db.execute(delete(TaskFile.__table__).where(TaskFile.task_id.in_(some)))
        db.execute(update(_T).where(_T.c.id.in_(some)).values(removed_at=now))
    return len(ids)
