"""The clerk of a real service: long work is done with nothing but ``muster serve``, and goes on after a kill."""

import contextlib
import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import access, clerk, tasks
from app.db import Database
from app.settings import Settings
from app.store import accounts
from app.store import tasks as store
from app.tables import Task
from app.vault import Vault
from tests.app.test_readers import KEY_HEX, children, until
from tests.cast import PASSWORD_HASH, Cast
from tests.nursery import Nursery
from tests.service import Service, serving

FORM = {"language": "zh"}


class Desk:
    """A service, and a labour officer before it."""

    def __init__(self, service: Service, database: Database, site: Cast, token: str) -> None:
        self.service, self.database, self.site, self.token = service, database, site, token

    def get(self, path: str) -> tuple[int, bytes]:
        request = urllib.request.Request(self.service.url + path, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()

    def order(self, language: str = "zh") -> int:
        with self.database.write() as db:
            person = access.person_of_login(db, "desk")
            return tasks.order(
                db, person, project_id=self.site.a.id, kind="form.roster", asked={"language": language}, now=datetime.now(UTC)
            ).id  # fmt: skip

    def told(self, task_id: int) -> dict[str, Any]:
        return json.loads(self.get(f"/v1/projects/{self.site.a.id}/tasks/{task_id}")[1])

    def clerk(self) -> int:
        """Its process id: the keeper's first child."""
        assert self.service.process is not None
        [keeper] = children(self.service.process.pid)
        return children(keeper)[0]

    def followed(self, ours: int) -> bool:
        """Is there another clerk? Between the two the keeper may have no child."""
        with contextlib.suppress(IndexError, ValueError):
            return self.clerk() != ours
        return False

    def caught(self, language: str = "zh") -> tuple[int, int]:
        """Order a paper and stop the process that makes it, in the middle: (task, process)."""
        ours = self.clerk()
        task_id = self.order(language)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for child in children(ours):
                with contextlib.suppress(OSError):
                    # It has begun: it is at the database.
                    if any(os.readlink(f).endswith(".db") for f in Path(f"/proc/{child}/fd").iterdir()):
                        os.kill(child, signal.SIGSTOP)
                        if self.told(task_id)["state"] == "running":
                            return task_id, child
            time.sleep(0.001)
        raise AssertionError("nobody began with it")


@pytest.fixture
def desk(settings: Settings, database: Database, database_kind: str, people_on_site: Cast, nursery: Nursery) -> Iterator[Desk]:
    if database_kind != "sqlite":
        pytest.skip("what becomes of processes does not depend on the database")
    now = datetime.now(UTC)
    with database.write() as db:
        account = accounts.add_account(db, login="desk", name="台", password_hash=PASSWORD_HASH, language="zh", now=now)
        accounts.add_membership(db, account_id=account, role="labour_officer", project_id=people_on_site.a.id)
        token = access.begin_session(db, settings, account_id=account, now=now)
    with serving(settings, KEY_HEX, nursery) as service:
        yield Desk(service, database, people_on_site, token)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_paper_is_made_with_nothing_but_the_service_at_the_lowest_priority(desk):
    task_id = desk.order()
    until(lambda: desk.told(task_id)["state"] == "done")
    status, content = desk.get(desk.told(task_id)["file"])
    assert status == 200 and content[:2] == b"PK"
    assert int(Path(f"/proc/{desk.clerk()}/stat").read_text().rpartition(")")[2].split()[16]) == clerk.NICENESS


def test_a_process_that_is_killed_is_followed_by_another(desk):
    task_id, child = desk.caught()
    os.kill(child, signal.SIGKILL)
    until(lambda: desk.told(task_id)["state"] == "done")
    with desk.database.read() as db:
        assert db.execute(sa.select(Task.tries).where(Task.id == task_id)).scalar_one() == 2
    assert "task_process_died" in desk.service.log.read_text()


def test_a_clerk_that_is_killed_is_followed_by_another_and_its_child_ends_with_it(desk):
    task_id, child = desk.caught()
    ours = desk.clerk()
    os.kill(ours, signal.SIGKILL)
    until(lambda: gone(child))
    until(lambda: desk.followed(ours))
    lapse(desk, task_id)
    until(lambda: desk.told(task_id)["state"] == "done")


def test_a_task_goes_on_after_the_service_was_killed_and_started_again(desk):
    task_id, child = desk.caught()
    ours = desk.clerk()
    desk.service.kill()
    until(lambda: gone(child) and gone(ours))
    with desk.database.read() as db:
        assert store.task(db, desk.site.a.id, task_id, "desk").state == "running", "nobody could say that it stopped"
    desk.service.start()
    lapse(desk, task_id)
    until(lambda: desk.told(task_id)["state"] == "done")
    assert desk.get(desk.told(task_id)["file"])[1][:2] == b"PK"


def lapse(desk: Desk, task_id: int) -> None:
    """Let the time pass after which silence is death."""
    with desk.database.write() as db:
        db.execute(sa.update(Task).where(Task.id == task_id).values(claimed_until=datetime.now(UTC)))


def test_a_graceful_stop_leaves_no_process_behind(desk):
    _, child = desk.caught()
    ours = desk.clerk()
    assert desk.service.stop() == 0
    until(lambda: gone(child) and gone(ours))


def test_a_turn_of_the_clerk_does_one_task_in_a_process_of_its_own(settings: Settings, database: Database, vault: Vault, people_on_site: Cast):
    """On both databases: what a child writes is there for everybody."""
    now = datetime.now(UTC)
    with database.write() as db:
        wu = access.person_of_login(db, "wu")
        ordered = [tasks.order(db, wu, project_id=people_on_site.a.id, kind="form.roster", asked={"language": w}, now=now) for w in ("zh", "en")]
    used = settings.model_copy(update={"database_url": settings.url})
    assert clerk.turn(used, database, vault, lambda: now)
    with database.read() as db:
        states = [store.task(db, people_on_site.a.id, task.id, "wu").state for task in ordered]
    assert states == ["done", "waiting"]
    assert clerk.turn(used, database, vault, lambda: now) and not clerk.turn(used, database, vault, lambda: now)
