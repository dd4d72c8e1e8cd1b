"""The route of the gates, in this process: keys that change while gates post."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app import papers
from app.api.frames import PREVIOUS_KEY_MAX
from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.store import gates, timekeeping
from app.tables import Device
from app.vault import Vault
from devices.dialects import frames
from recognition.synthetic import SyntheticEngine
from tests.cast import Cast
from tests.cast import cast as play


@pytest.fixture
def site(database: Database, vault: Vault) -> Cast:
    """The cast as of now: a gate's request is judged by the real clock."""
    with database.write() as db:
        return play(db, vault, datetime.now(UTC))


@pytest.fixture
def client(settings: Settings, database: Database, vault: Vault, site: Cast) -> Iterator[TestClient]:
    with TestClient(create_app(settings, engine=SyntheticEngine(), database=database, vault=vault)) as client:
        yield client


NUMBERS = itertools.count(1)


def answered(client: TestClient, device_id: str, key: bytes) -> tuple[int, str]:
    """Post somebody's card, signed with a key: (status, code)."""
    path, body = f"/v1/devices/{device_id}/cards", json.dumps({"channel": "card", "value": "0099887766"}).encode()
    head = frames.sign_request(
        key, path=path, event_key=f"b00tb00t:{next(NUMBERS)}", body=body, timestamp_ms=int(time.time() * 1000)
    )
    answer = client.post(path, content=body, headers={**head, "Content-Type": "application/json"})
    said = answer.json()
    return answer.status_code, said["error"]["code"] if "error" in said else said["code"]


def rotated(database: Database, vault: Vault, device_id: str, days_ago: float = 0) -> bytes:
    now = datetime.now(UTC) - timedelta(days=days_ago)
    with database.write() as db:
        return papers.rotate_device_key(db, vault, device_id=device_id, now=now, by="cli")


WELCOME, WRONG = (200, "credential_unknown"), (401, "signature_wrong")


def test_the_former_key_dies_with_the_first_request_that_the_new_one_proves(client, database: Database, vault, site: Cast):
    post = site.a.entrance
    assert answered(client, post.device_id, post.key) == WELCOME
    fresh = rotated(database, vault, post.device_id)
    assert answered(client, post.device_id, post.key) == WELCOME, "the gate has not been given its new key yet"
    assert answered(client, post.device_id, b"forged key" * 4) == WRONG
    assert answered(client, post.device_id, post.key) == WELCOME, "a forger ends no rotation"
    assert answered(client, post.device_id, fresh) == WELCOME
    assert answered(client, post.device_id, post.key) == WRONG
    assert answered(client, post.device_id, fresh) == WELCOME
    with database.read() as db:
        assert gates.device(db, post.device_id).key_previous_sealed is None


def test_the_former_key_dies_after_a_week_though_the_new_one_was_never_used(client, database: Database, vault, site: Cast):
    post, other = site.a.entrance, site.a.exit
    fresh = rotated(database, vault, post.device_id, PREVIOUS_KEY_MAX.days - 0.1)
    assert answered(client, post.device_id, post.key) == WELCOME
    rotated(database, vault, other.device_id, PREVIOUS_KEY_MAX.days + 0.1)
    assert answered(client, other.device_id, other.key) == WRONG
    assert answered(client, post.device_id, fresh) == WELCOME


def test_a_second_rotation_begins_the_week_anew_for_the_key_between(client, database: Database, vault, site: Cast):
    post = site.a.entrance
    between = rotated(database, vault, post.device_id, 30)
    fresh = rotated(database, vault, post.device_id)
    assert answered(client, post.device_id, post.key) == WRONG
    assert answered(client, post.device_id, between) == WELCOME
    assert answered(client, post.device_id, fresh) == WELCOME
    assert answered(client, post.device_id, between) == WRONG


# --- heartbeats -----------------------------------------------------------------------------------------------


def beat(client: TestClient, post, body: bytes, *, at_ms: int | None = None, nonce: str | None = None):
    path, event_key = frames.heartbeats_path(post.device_id), f"beatbeat:{next(NUMBERS)}"
    head = frames.sign_request(
        post.key, path=path, event_key=event_key, body=body, timestamp_ms=at_ms or int(time.time() * 1000), nonce=nonce
    )
    answer = client.post(path, content=body, headers={**head, "Content-Type": "application/json"})
    if answer.status_code == 200:
        frames.verify_reply(
            post.key, nonce=head["X-Nonce"], event_key=event_key, body=answer.content,
            signature=answer.headers[frames.REPLY_SIGNATURE],
        )  # fmt: skip
    return answer


def test_a_gates_heartbeat_moves_the_watermark_and_is_answered_signed(client, database: Database, site: Cast):
    now_ms = int(time.time() * 1000)
    answer = beat(client, site.a.entrance, frames.heartbeat_body(2, now_ms - 90_000, now_ms))
    assert answer.status_code == 200
    assert abs(answer.json()["complete_to_ms"] - (now_ms - 90_000)) < 5_000
    with database.read() as db:
        watermark = timekeeping.watermark(db, site.a.id)
        stored = db.execute(select(Device.stored_events).where(Device.id == site.a.entrance.device_id)).scalar_one()
    assert stored == 2
    assert int(watermark.timestamp() * 1000) == answer.json()["complete_to_ms"]


def test_a_heartbeat_proves_itself_as_every_request_of_a_gate(client, database: Database, site: Cast):
    body = frames.heartbeat_body(0, None, int(time.time() * 1000))
    forger = replace(site.a.entrance, key=b"forged key" * 4)
    codes = [
        beat(client, post, content, **how).json()["error"]["code"]
        for post, content, how in (
            (forger, body, {}),
            (site.a.entrance, body, {"at_ms": int(time.time() * 1000) - 3_600_000}),
            (site.a.entrance, b"{}", {}),
            (site.a.entrance, b'{"stored_events": 3, "sent_at_ms": 1}', {}),
        )
    ]
    assert codes == ["signature_wrong", "timestamp_out_of_window", "heartbeat_malformed", "heartbeat_malformed"]
    with database.read() as db:
        assert timekeeping.watermark(db, site.a.id) is None
    nonce = frames.new_nonce()
    assert beat(client, site.a.entrance, body, nonce=nonce).status_code == 200
    assert beat(client, site.a.entrance, body, nonce=nonce).json()["error"]["code"] == "nonce_used"
