"""The application as it is put together: what operators read from it."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from app import main
from app.db import Database
from app.main import create_app
from recognition.synthetic import SyntheticEngine
from tests.faces import enrol_drawn


@pytest.fixture
def app(settings, database, vault):
    return create_app(settings, engine=SyntheticEngine(), database=database, vault=vault)


@pytest.fixture
def client(app) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def metric(client: TestClient, name: str) -> float:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    [line] = [line for line in answer.text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def test_the_metrics_say_how_many_faces_are_enrolled_now(client, database: Database, vault, people_on_site, now):
    assert metric(client, "muster_faces_enrolled") == 0
    for number, member in enumerate((people_on_site.wang, people_on_site.li), 1):
        enrol_drawn(database, vault, SyntheticEngine(), people_on_site.a.id, member.id, number, now)
    assert metric(client, "muster_faces_enrolled") == 2


def test_metrics_are_answered_while_the_database_is_away(app, client, database: Database, vault, people_on_site, now, monkeypatch):
    enrol_drawn(database, vault, SyntheticEngine(), people_on_site.a.id, people_on_site.wang.id, 1, now)
    assert metric(client, "muster_faces_enrolled") == 1

    def away():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(app.state.database, "read", away)
    with capture_logs() as said:
        assert metric(client, "muster_faces_enrolled") == 1, "what was known last"
        assert metric(client, "muster_frames_waiting") == 0
    assert {(line["event"], line["error"]) for line in said if line["log_level"] == "warning"} == {("faces_not_counted", "OSError")}


def test_faces_are_counted_beside_the_event_loop(app, client, monkeypatch):
    """A slow database must not hold up the gates' requests."""
    import threading

    loop, counted = [], []
    monkeypatch.setattr(main, "count_faces", lambda house: counted.append(threading.get_ident()))

    @app.get("/where")
    async def where() -> None:
        loop.append(threading.get_ident())

    client.get("/where")
    client.get("/metrics")
    assert counted and counted != loop
