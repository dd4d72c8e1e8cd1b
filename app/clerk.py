"""The process that does long work (``app.tasks``) beside the gates' process: ``muster serve`` always has one.

It looks for the oldest task twice a second and gives it to a child of its own, at the lowest priority but one task at a time:
the child's memory goes with it, and when it is killed, or takes longer than ``SECONDS_MAX``, the next begins. The clerk itself only
says that the child lives. Both end with the service; what they were at is taken up again by the clerk of the next.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from app import tasks
from app.db import Database, make_engine
from app.memory import settle
from app.observing import configure_logs, log
from app.settings import Settings
from app.store import tasks as store
from app.vault import Vault, open_vault

LOOK_S = 0.5
BEAT_S = 4.0
"""Well below ``tasks.LEASE``."""
ERROR_S = 5.0
"""Until the next look, when the database could not be asked."""
SECONDS_MAX = 1800
"""A task that takes longer is ended: it stands in a circle."""
NICENESS = 15
"""Gates, pages and sign-ins on the same machine come first."""
REMOVE_EVERY = timedelta(minutes=10)

_PR_SET_PDEATHSIG = 1


def attend(settings: Settings, clock: Callable[[], datetime], vault: Vault | None = None) -> None:
    """Do what is ordered, until the process that forked this one is gone. Call in a process with one thread."""
    parent = begin(settings)
    database, vault = Database(make_engine(settings)), vault or open_vault(settings)
    removed_at: datetime | None = None
    while os.getppid() == parent:
        try:
            now = clock()
            if removed_at is None or now - removed_at >= REMOVE_EVERY:
                removed_at = now
                tasks.remove_due(database, settings, now)
            if turn(settings, database, vault, clock):
                continue
            pause = LOOK_S
        except Exception as error:  # noqa: BLE001 - no database at this moment: it is asked again
            log.error("clerk_cannot_look", error=type(error).__name__)
            pause = ERROR_S
        time.sleep(pause)


def begin(settings: Settings) -> int:
    """Be a process beside the service, at the lowest priority; the id of the one it ends with. Call with one thread."""
    parent = os.getppid()
    _end_with(parent)
    configure_logs(settings.log_level)
    os.nice(NICENESS)
    settle()
    return parent


def turn(settings: Settings, database: Database, vault: Vault, clock: Callable[[], datetime]) -> bool:
    """Have one task done by a child; False when there is none."""
    claimed = tasks.claim_next(database, clock())
    if claimed is None:
        return False
    task, claim = claimed
    # A child must not have this process's connections.
    database.dispose()
    ours = os.getpid()
    child = os.fork()
    if not child:
        _work(ours, settings, vault, task, claim, clock)
    beaten = time.monotonic()
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.05)
        if time.monotonic() - beaten >= BEAT_S:
            beaten = time.monotonic()
            try:
                with database.write() as db:
                    store.beat(db, task.id, claim, until=clock() + tasks.LEASE)
            except Exception as error:  # noqa: BLE001 - the child goes on; whether it still has the task is asked when it ends
                log.warning("clerk_cannot_say", error=type(error).__name__)
    if status:
        tasks.died(database, task, claim)
    return True


def _work(parent: int, settings: Settings, vault: Vault, task: store.TaskInfo, claim: str, clock: Callable[[], datetime]) -> None:
    """Be the child: do the task and end."""
    code = 1
    try:
        _end_with(parent)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS_MAX)
        database = Database(make_engine(settings))
        tasks.work(database, vault, task, claim, clock)
        database.dispose()
        code = 0
    except BaseException as error:  # noqa: BLE001 - it is said; a traceback might quote what was asked
        log.error("task_process_ended", task=task.id, error=type(error).__name__)
    finally:
        os._exit(code)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when the one that forked it ends; also when that one is killed."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It ended before the kernel was asked.
        os._exit(1)
