"""Cameras that are pulled, against a real RTSP server that is played, frozen, killed and started again."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app import cameras, gate, lookouts
from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.store import gates
from app.vault import Vault
from recognition.synthetic import SyntheticEngine, draw_face
from tests import rtsp
from tests.cast import Cast
from tests.cast import cast as play
from tests.faces import enrol_drawn
from tests.service import free_port

WANG, LI = 1, 2
SIZE = (320, 240)

needs_gstreamer = pytest.mark.skipif(rtsp.why_not() is not None, reason=f"no RTSP server to pull from: {rtsp.why_not()}")


@pytest.fixture
def site(database: Database, vault: Vault) -> Cast:
    """The cast as of now: a camera's picture is of now."""
    now = datetime.now(UTC)
    with database.write() as db:
        people_on_site = play(db, vault, now)
    engine = SyntheticEngine()
    for member, person in ((people_on_site.wang, WANG), (people_on_site.li, LI)):
        enrol_drawn(database, vault, engine, people_on_site.a.id, member.id, person, now)
    return people_on_site


def of(person: int) -> list[bytes]:
    """Five pictures of a person, none like the other."""
    return [draw_face(person, size=SIZE, variant=variant) for variant in range(5)]


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[rtsp.Camera]:
    camera = rtsp.Camera(tmp_path, free_port())
    yield camera
    camera.kill()


def added(database: Database, vault: Vault, settings: Settings, site: Cast, port: int, **more: Any) -> str:
    with database.write() as db:
        return cameras.add_camera(
            db, vault, settings, project_id=site.a.id, gate_id=site.a.entrance.gate_id, name="东门摄像机",
            address=f"rtsp://127.0.0.1:{port}/gate", frames_per_second=8, now=datetime.now(UTC), by="chen", **more,
        ).device_id  # fmt: skip


def stored(database: Database, site: Cast) -> list[gates.PassageRecord]:
    with database.read() as db:
        return gates.passages_after(db, site.a.id, 0, 1000)


def within(seconds: float, what: Callable[[], Any]) -> float:
    """Wait until ``what()`` is true; the seconds it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if what():
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


@needs_gstreamer
@pytest.mark.slow
def test_a_camera_is_played_frozen_killed_and_started_again(
    settings, database, vault, site: Cast, camera: rtsp.Camera, monkeypatch
):
    ages: list[float] = []
    settle = gate.settle

    def timed(house, device, event, *rest, **more):
        ages.append((datetime.now(UTC) - event.captured_at).total_seconds())
        return settle(house, device, event, *rest, **more)

    monkeypatch.setattr(gate, "settle", timed)
    monkeypatch.setattr(lookouts, "FROZEN_S", 2.0)
    camera.show(of(WANG))
    camera.start()
    device_id = added(database, vault, settings, site, camera.port)
    app = create_app(settings, engine=SyntheticEngine(), database=database, vault=vault)
    with TestClient(app) as client:

        def state() -> tuple[str, str | None]:
            said = client.get("/readyz").json()["cameras"].get(device_id, {})
            return said.get("state"), said.get("code")

        def workers() -> list[int | None]:
            return [record.worker_id for record in stored(database, site)]

        # Played: Wang stands there; he is one passage however long he stands.
        within(15, lambda: state()[0] == "live")
        within(5, workers)
        time.sleep(1.0)
        [record] = stored(database, site)
        assert (record.worker_id, record.device_id, record.verdict, str(record.direction)) == (site.wang.id, device_id, "admit", "in")
        assert 'muster_cameras{state="live"} 1.0' in client.get("/metrics").text

        # Frozen: nothing is decided until it moves again, and then on what it shows then.
        camera.freeze()
        frozen_at = datetime.now(UTC)
        within(6, lambda: state()[0] != "live")
        camera.show(of(LI))
        time.sleep(1.0)
        assert workers() == [site.wang.id]
        camera.thaw()
        assert within(15, lambda: state()[0] == "live") < 15
        within(5, lambda: site.li.id in workers())
        li = next(r for r in stored(database, site) if r.worker_id == site.li.id)
        assert li.occurred_at > frozen_at and (li.received_at - li.occurred_at).total_seconds() <= 1.0

        # Killed and started again.
        camera.kill()
        within(6, lambda: state() == ("backoff", "refused"))
        camera.show(of(WANG))
        camera.start()
        assert within(15, lambda: state()[0] == "live") < 15
        within(5, lambda: workers().count(site.wang.id) == 2)

        # The same picture again and again is no live one.
        camera.show([draw_face(WANG, size=SIZE)])
        within(6, lambda: state() == ("stale", "picture_frozen"))

        # A decoder that hangs is killed.
        camera.show(of(WANG))
        within(5, lambda: state()[0] == "live")
        pid = app.state.lookouts.lookouts[device_id].pid
        os.kill(pid, signal.SIGKILL)
        within(15, lambda: state()[0] == "live" and app.state.lookouts.lookouts[device_id].pid != pid)
        within(5, lambda: heard(database, device_id))
    assert ages and max(ages) <= cameras.AGE_MAX_S
    # Away for seconds he is a passage again, which attendance folds; a camera that goes on is none.
    assert workers().count(site.li.id) == 1 and len(workers()) <= 5


def heard(database: Database, device_id: str) -> bool:
    """The camera has said that it keeps nothing back; a month may be closed."""
    with database.read() as db:
        return gates.device(db, device_id).last_seen_at is not None


@needs_gstreamer
@pytest.mark.slow
def test_a_wrong_password_is_told_and_not_tried_until_the_account_is_locked(
    settings, database, vault, site: Cast, tmp_path: Path, capfd
):
    camera = rtsp.Camera(tmp_path, free_port(), password="right-one")
    camera.show(of(WANG))
    camera.start()
    try:
        with database.write() as db:
            device_id = cameras.add_camera(
                db, vault, settings, project_id=site.a.id, gate_id=site.a.entrance.gate_id, name="东门摄像机",
                address=f"rtsp://admin:wrong-one@127.0.0.1:{camera.port}/gate", now=datetime.now(UTC), by="chen",
            ).device_id  # fmt: skip
        app = create_app(settings, engine=SyntheticEngine(), database=database, vault=vault)
        with TestClient(app) as client:
            within(10, lambda: client.get("/readyz").json()["cameras"].get(device_id, {}).get("code") == "unauthorised")
            # The right one is tried at once, without a restart.
            with database.write() as db:
                cameras.change_camera(
                    db, vault, settings, project_id=site.a.id, device_id=device_id,
                    address=f"rtsp://admin:right-one@127.0.0.1:{camera.port}/gate", now=datetime.now(UTC), by="chen",
                )  # fmt: skip
            within(15, lambda: client.get("/readyz").json()["cameras"][device_id]["state"] == "live")
            with database.write() as db:
                cameras.remove_camera(db, project_id=site.a.id, device_id=device_id, now=datetime.now(UTC), by="chen")
            within(8, lambda: client.get("/readyz").json()["cameras"] == {})
    finally:
        camera.kill()
    said = "".join(capfd.readouterr())
    assert "wrong-one" not in said and "right-one" not in said and '"camera"' in said


def test_pauses_grow_by_chance_to_half_a_minute_and_a_camera_that_was_away_is_found_within_ten_seconds():
    assert max(lookouts.pause_s("unreadable", n) for n in range(1, 40)) <= 30
    assert max(lookouts.pause_s("refused", n) for n in range(1, 40) for _ in range(9)) <= 10
    assert max(lookouts.pause_s("refused", 1) for _ in range(20)) <= 0.5
    assert len({lookouts.pause_s("refused", 9) for _ in range(20)}) > 10
    assert lookouts.pause_s("unauthorised", 2) >= 200, "a camera locks its account"
