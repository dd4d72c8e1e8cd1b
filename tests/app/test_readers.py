"""Processes that answer pages and reads: the same answers, and nobody notices when one of them dies."""

import contextlib
import os
import re
import signal
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType, FunctionType, SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from app import access, main, pages
from app.db import Database
from app.main import create_app, create_reader
from app.settings import Settings
from app.store import accounts
from app.vault import Vault
from recognition.synthetic import SyntheticEngine
from tests.cast import PASSWORD_HASH, Cast
from tests.cast import cast as play
from tests.nursery import Nursery
from tests.service import Service, serving

KEY_HEX = bytes(range(32)).hex()
"""Of the ``vault`` fixture."""


def token_of(database: Database, settings: Settings, project_id: int, now: datetime) -> str:
    with database.write() as db:
        account = accounts.add_account(db, login="reader.of.all", name="阅", password_hash=PASSWORD_HASH, language="zh", now=now)
        for role in ("labour_officer", "manager"):
            accounts.add_membership(db, account_id=account, role=role, project_id=project_id)
        accounts.add_membership(db, account_id=account, role="administrator")
        return access.begin_session(db, settings, account_id=account, now=now)


# --- the same answers ----------------------------------------------------------------------------------------


@pytest.fixture
def two(settings: Settings, database: Database, vault: Vault, people_on_site: Cast, now: datetime) -> SimpleNamespace:
    """The gates' application and a reader's, on one database at one instant."""
    home = create_app(settings, engine=SyntheticEngine(), database=database, vault=vault)
    reader = create_reader(settings, database=database, vault=vault)
    home.state.clock = reader.state.clock = lambda: now
    token = token_of(database, settings, people_on_site.a.id, now)
    clients = [TestClient(app, raise_server_exceptions=False, headers={"Authorization": f"Bearer {token}"}) for app in (home, reader)]
    return SimpleNamespace(home=clients[0], reader=clients[1], app=reader, site=people_on_site)


def said(answer) -> tuple:
    # The key of a payment form is a new one each time.
    text = re.sub(r"page-[0-9a-f]{24}", "page-", answer.text)
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "content-length")}
    return answer.status_code, headers, text if answer.headers["content-type"] != XLSX else len(answer.content) > 0


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_a_reader_says_what_the_gates_process_would_say_on_every_route_it_answers(two, database_kind: str):
    if database_kind != "sqlite":
        pytest.skip("which process answers does not depend on the database")
    site = two.site
    values: dict[str, object] = defaultdict(lambda: 1)
    values |= {"project_id": site.a.id, "worker_id": site.wang.id, "month": "2026-03", "on": "2026-03-05", "table": "measures"}
    routes = [route for route in two.app.router.routes if main.reads(route)]
    assert len(routes) > 50
    worked = 0
    for route in routes:
        path = re.sub(r"\{(\w+)(:int)?\}", lambda match: str(values[match[1]]), route.path)
        for query in ("", "?month=2026-03&year=2026"):
            answers = [client.get(path + query, headers={"Accept": "text/html"}) for client in (two.home, two.reader)]
            assert said(answers[0]) == said(answers[1]), f"{path + query}: needs the gates' process? then main.AT_HOME"
            assert answers[0].status_code != 500, path + query
            worked += answers[0].status_code == 200
    assert worked > 80


HOME = {"house", "engine", "galleries", "lookouts", "months", "streams", "quota", "packs_failed", "metrics", "live"}
"""Of ``app.state``: what only the gates' process has."""


def reached(function: Callable, seen: set) -> Iterator[tuple[Callable, CodeType]]:
    """A function of the edges and those of its module that it calls by name, with the code within them."""
    if function in seen:
        return
    seen.add(function)
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        yield function, code
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        for name in code.co_names:
            called = function.__globals__.get(name)
            if isinstance(called, FunctionType) and called.__module__.startswith(("app.api", "app.pages")):
                yield from reached(called, seen)


def test_no_route_of_a_reader_asks_for_what_only_the_gates_process_has(two):
    gathers = {page.path: page.gather for page in pages.PAGES} | {path: option for path, (_, option) in (pages.CHARTS | pages.LISTS).items()}
    wrong = set()
    for route in two.app.router.routes:
        for function, code in reached(gathers.get(route.path, route.endpoint), set()):
            if "state" in code.co_names and HOME & set(code.co_names):
                wrong.add(f"{route.path} ({function.__name__}): put it into main.AT_HOME")
    assert not wrong


def test_a_reader_has_no_route_that_writes_or_that_needs_the_gates_process(two):
    paths = {(method, route.path) for route in two.app.router.routes for method in route.methods}
    assert {method for method, _ in paths} <= {"GET", "HEAD"}
    for path in ("/projects/{project_id:int}/gate", "/projects/{project_id:int}/gate/stream", "/metrics", "/readyz", "/sign-in"):
        assert ("GET", path) not in paths


# --- a real service ------------------------------------------------------------------------------------------


@pytest.fixture
def site(database: Database, vault: Vault) -> Cast:
    with database.write() as db:
        return play(db, vault, datetime.now(UTC))


@pytest.fixture
def running(
    request: pytest.FixtureRequest, settings: Settings, database: Database, database_kind: str, site: Cast, nursery: Nursery
) -> Iterator[SimpleNamespace]:
    if database_kind != "sqlite" and "large_answer" not in request.node.name:
        pytest.skip("what becomes of processes does not depend on the database")
    token = token_of(database, settings, site.a.id, datetime.now(UTC))
    with serving(settings, KEY_HEX, nursery) as service:
        yield SimpleNamespace(service=service, path=f"/v1/projects/{site.a.id}/workers", token=token)
    assert service.process is not None


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def family(service: Service) -> tuple[int, list[int]]:
    """The keeper and the readers; the clerk is the keeper's first child."""
    assert service.process is not None
    [keeper] = children(service.process.pid)
    return keeper, children(keeper)[1:]


def ask(running: SimpleNamespace, path: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(running.service.url + (path or running.path), headers={"Authorization": f"Bearer {running.token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.read()


def readers_of(service: Service) -> int:
    with urllib.request.urlopen(service.url + "/metrics", timeout=10) as answer:
        [line] = [line for line in answer.read().decode().splitlines() if line.startswith("muster_readers ")]
    return int(float(line.split()[1]))


def until(true, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def stopped(*readers: int) -> Iterator[None]:
    for reader in readers:
        os.kill(reader, signal.SIGSTOP)
    try:
        yield
    finally:
        for reader in readers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(reader, signal.SIGCONT)


def begun(running: SimpleNamespace) -> tuple[threading.Thread, list]:
    """A request on its way."""
    answers: list = []

    def go() -> None:
        try:
            answers.append(ask(running))
        except OSError as error:
            answers.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    return thread, answers


def cpu_of(pids: list[int]) -> int:
    return sum(sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])) for pid in pids)


def test_reads_are_worked_out_in_other_processes_and_a_large_answer_comes_whole(running):
    until(lambda: readers_of(running.service) == 2)
    _, readers = family(running.service)
    assert len(readers) == 2
    before = cpu_of(readers)
    template = ask(running, "/v1/roster/template")[1]
    assert template[:2] == b"PK"
    answers = [ask(running) for _ in range(80)]
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == 1
    assert cpu_of(readers) > before


def test_a_reader_that_dies_takes_no_answer_with_it_and_is_replaced(running):
    until(lambda: readers_of(running.service) == 2)
    _, readers = family(running.service)
    whole = ask(running)
    with stopped(*readers):
        thread, answers = begun(running)
        time.sleep(0.2)
        assert not answers
        # Whichever has it: it is given to the other.
        os.kill(readers[0], signal.SIGKILL)
        until(lambda: readers[0] not in family(running.service)[1] or readers_of(running.service) == 1)
    thread.join(20)
    assert answers == [whole]
    until(lambda: readers_of(running.service) == 2)
    assert readers[0] not in family(running.service)[1]
    assert ask(running) == whole


def test_what_two_readers_died_of_is_refused_and_not_brought_to_the_gates(running):
    until(lambda: readers_of(running.service) == 2)
    keeper, readers = family(running.service)
    # The keeper, too: a new reader that is there before the second death is noticed would answer, and rightly.
    with stopped(keeper, *readers):
        thread, answers = begun(running)
        time.sleep(1.0)  # by then the question lies with a reader, on a busy machine, too
        for reader in readers:
            os.kill(reader, signal.SIGKILL)
        thread.join(20)
    [refused] = answers
    assert refused.code == 503
    assert b'"busy"' in refused.read()
    assert running.service.get("/healthz")[0] == 200
    until(lambda: readers_of(running.service) == 2)
    assert ask(running)[0] == 200


def test_without_readers_the_gates_process_answers_itself(running):
    until(lambda: readers_of(running.service) == 2)
    keeper, readers = family(running.service)
    whole = ask(running)
    os.kill(keeper, signal.SIGKILL)
    for reader in readers:
        os.kill(reader, signal.SIGKILL)
    until(lambda: readers_of(running.service) == 0)
    assert ask(running) == whole
    assert running.service.get("/readyz")[0] == 200
    assert running.service.stop() == 0


def test_readers_that_hang_hold_up_nobody_for_long(running):
    """The gates' process answers what no reader takes in time."""
    until(lambda: readers_of(running.service) == 2)
    _, readers = family(running.service)
    whole = ask(running)
    with stopped(*readers):
        held = [begun(running) for _ in range(10)]  # four each, and two that wait
        until(lambda: any(answers for _, answers in held))
        assert running.service.get("/healthz")[0] == 200
    for thread, answers in held:
        thread.join(20)
        assert answers == [whole]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_service(running, number: int):
    until(lambda: readers_of(running.service) == 2)
    keeper, readers = family(running.service)
    running.service.process.send_signal(number)
    running.service.process.wait(20)
    until(lambda: not any(alive(pid) for pid in (keeper, *readers)))


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_a_stop_waits_for_what_a_reader_is_at_and_leaves_one_file(running, database: Database):
    database.dispose()
    until(lambda: readers_of(running.service) == 2)
    _, readers = family(running.service)
    whole = ask(running)
    with stopped(*readers):
        thread, answers = begun(running)
        time.sleep(0.2)
        running.service.process.send_signal(signal.SIGTERM)
        for reader in readers:
            # To everybody, as a shell's Ctrl-C does.
            os.kill(reader, signal.SIGTERM)
            os.kill(reader, signal.SIGINT)
        time.sleep(0.2)
        assert not answers
    thread.join(20)
    assert answers == [whole]
    assert running.service.process.wait(20) == 0
    # Readers go before the last connection of the gates' process, which then tidies the file.
    file = Path(database.engine.url.database)
    assert file.exists() and not file.with_name(f"{file.name}-wal").exists()


def test_refusals_of_readers_are_counted_and_logged_like_others(running):
    until(lambda: readers_of(running.service) == 2)
    with pytest.raises(OSError, match="404"):
        ask(running, "/v1/projects/4711/workers")
    with urllib.request.urlopen(running.service.url + "/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    assert 'muster_requests_refused_total{code="project_unknown"} 1.0' in metrics
    assert 'route="/v1/projects/{project_id}/workers",status="4xx"' in metrics
    [line] = [line for line in running.service.log.read_text().splitlines() if '"/v1/projects/{project_id}/workers"' in line]
    assert '"status": 404' in line


def test_a_service_without_readers_has_a_keeper_and_a_clerk_all_the_same(settings: Settings, database: Database, database_kind: str, site: Cast, nursery: Nursery):
    if database_kind != "sqlite":
        pytest.skip("what becomes of processes does not depend on the database")
    token = token_of(database, settings, site.a.id, datetime.now(UTC))
    with serving(settings, KEY_HEX, nursery, MUSTER_READER_PROCESSES="0") as service:
        assert family(service)[1] == []
        assert ask(SimpleNamespace(service=service, token=token, path=f"/v1/projects/{site.a.id}/workers"))[0] == 200
        assert readers_of(service) == 0
        assert service.stop() == 0
