"""A camera of a gate: who may say where it is, what is kept of it, and what becomes of its pictures."""

import hashlib
import itertools
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import event as happening
from sqlalchemy import select
from typer.testing import CliRunner

from app import cameras, cli
from app.cameras import TooOld, Watch, watch
from app.db import Database
from app.domain import presence
from app.errors import Conflict, NotFound, Unusable
from app.galleries import Galleries
from app.house import House
from app.intake import Intake
from app.observing import Metrics
from app.settings import Settings
from app.store import cameras as kept
from app.store import gates, timekeeping
from app.tables import Camera, JournalEntry
from app.vault import Vault, VaultError, sealed_places
from recognition.synthetic import SyntheticEngine, draw_face
from tests.cast import Cast
from tests.cast import cast as play
from tests.faces import enrol_drawn

WANG, LI, STRANGER = 1, 2, 77
ADDRESS = "rtsp://admin:secret@127.0.0.1:8554/gate?password=hidden"


@pytest.fixture
def house(settings: Settings, database: Database, vault: Vault) -> House:
    engine = SyntheticEngine()
    return House(
        settings=settings, database=database, vault=vault, engine=engine, galleries=Galleries(vault, engine.pack),
        intake=Intake(threads=1, waiting_max=1, wait_seconds_max=1), metrics=Metrics(),
    )  # fmt: skip


@pytest.fixture
def site(house: House) -> Cast:
    """The cast as of now: a camera's picture is of now."""
    now = datetime.now(UTC)
    with house.database.write() as db:
        people_on_site = play(db, house.vault, now)
    for member, person in ((people_on_site.wang, WANG), (people_on_site.li, LI)):
        enrol_drawn(house.database, house.vault, house.engine, people_on_site.a.id, member.id, person, now)
    return people_on_site


def add(house: House, site: Cast, **more) -> kept.CameraInfo:
    given = {"name": "东门摄像机", "address": ADDRESS, "gate_id": site.a.entrance.gate_id, **more}
    with house.database.write() as db:
        return cameras.add_camera(
            db, house.vault, house.settings, project_id=site.a.id, now=datetime.now(UTC), by="chen", **given
        )


def journal(house: House) -> list[tuple[str, dict]]:
    with house.database.read() as db:
        rows = db.execute(select(JournalEntry.action, JournalEntry.facts).where(JournalEntry.action.like("camera.%")))
        return [(action, facts) for action, facts in rows]


# --- where it is ------------------------------------------------------------------------------------------------


def test_an_address_is_sealed_shown_without_secrets_and_in_no_journal(house, site):
    camera = add(house, site)
    assert (camera.shown, camera.frames_per_second, camera.region) == ("rtsp://127.0.0.1:8554", 5.0, None)
    assert b"secret" not in camera.address_sealed and "secret" not in repr(camera)
    assert cameras.address_of(camera, house.vault, house.settings).password == "secret"
    with house.database.write() as db:
        changed = cameras.change_camera(
            db, house.vault, house.settings, project_id=site.a.id, device_id=camera.device_id, address="rtsp://admin:other@127.0.0.1/x",
            region=[0.1, 0.1, 0.5, 0.8], frames_per_second=2, now=datetime.now(UTC), by="chen",
        )  # fmt: skip
    assert (changed.shown, changed.region, changed.frames_per_second) == ("rtsp://127.0.0.1:554", (0.1, 0.1, 0.5, 0.8), 2.0)
    with house.database.write() as db:
        cameras.remove_camera(db, project_id=site.a.id, device_id=camera.device_id, now=datetime.now(UTC), by="chen")
    with house.database.read() as db:
        assert db.execute(select(Camera.id)).all() == [] and gates.device(db, camera.device_id).disabled_at is not None
    written = journal(house)
    assert [action for action, _facts in written] == ["camera.added", "camera.changed", "camera.removed"]
    assert not any(secret in json.dumps(written) for secret in ("secret", "hidden", "other", "admin"))


def test_an_address_moved_to_another_camera_does_not_open(house, site):
    one, other = add(house, site), add(house, site, address="rtsp://127.0.0.1/other")
    with house.database.write() as db:
        kept.change(db, other.device_id, now=datetime.now(UTC), address_sealed=one.address_sealed)
        moved = kept.camera(db, None, other.device_id)
    with pytest.raises(VaultError):
        cameras.address_of(moved, house.vault, house.settings)


def test_a_camera_stays_where_it_may_be_when_the_list_of_hosts_changes(house, site):
    camera = add(house, site)
    with pytest.raises(Unusable) as refused:
        cameras.address_of(camera, house.vault, house.settings.model_copy(update={"camera_hosts": "10.0.0.0/8"}))
    assert refused.value.code == "camera_host_not_allowed"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"address": "http://127.0.0.1/"}, "camera_address_malformed"),
        ({"address": "rtsp://169.254.169.254/"}, "camera_host_not_allowed"),
        ({"region": [0.5, 0.5, 0.6, 0.1]}, "region_malformed"),
        ({"region": ["x"]}, "region_malformed"),
        ({"frames_per_second": 100}, "frames_per_second_wrong"),
        ({"frames_per_second": float("nan")}, "frames_per_second_wrong"),
        ({"gate_id": 999}, "gate_unknown"),
        ({"device_id": "gate-a-in"}, "device_id_taken"),
    ],
)
def test_what_cannot_be_a_camera_is_refused_and_nothing_is_kept(house, site, given, code):
    if code == "device_id_taken":
        given = {"device_id": site.a.entrance.device_id}
    with pytest.raises((Unusable, NotFound, Conflict)) as refused:
        add(house, site, **given)
    assert refused.value.code == code
    assert journal(house) == []


def test_a_camera_of_another_project_is_not_known(house, site):
    camera = add(house, site)
    with pytest.raises(NotFound), house.database.write() as db:
        cameras.remove_camera(db, project_id=site.b.id, device_id=camera.device_id, now=datetime.now(UTC), by="zhou")


def test_there_is_an_end_to_the_cameras_of_a_service(house, site, monkeypatch):
    monkeypatch.setattr(cameras, "CAMERAS_MAX", 1)
    add(house, site)
    with pytest.raises(Conflict) as refused:
        add(house, site, name="西门摄像机")
    assert refused.value.code == "cameras_too_many"


def test_a_new_master_key_reaches_the_addresses():
    assert ("camera", "address_sealed") in {(place.table, place.column) for place in sealed_places()}


def test_cameras_are_added_changed_and_removed_from_the_shell(house, site, monkeypatch):
    given = house.settings.model_copy(update={"key_hex": SecretStr(bytes(range(32)).hex())})
    monkeypatch.setattr(cli, "read_settings", lambda: given)

    def muster(*arguments: str, **how):
        return CliRunner().invoke(cli.app, arguments, **how)

    # The address is asked for, so that it is in no history of a shell.
    done = muster("device", "add-camera", "A", "--gate", "1", "--name", "东门", "--json", input=ADDRESS + "\n")
    assert done.exit_code == 0, done.output
    said = json.loads(done.output.strip().splitlines()[-1])
    assert said["address"] == "rtsp://127.0.0.1:8554" and "secret" not in done.output
    done = muster("device", "set-camera", said["device_id"], "--fps", "2", "--region", "0.1,0.1,0.8,0.8")
    assert done.exit_code == 0, done.output
    assert muster("device", "add-camera", "A", "--gate", "1", "--name", "x", "--address", "rtsp://10.9.9.9/").exit_code == 1
    with house.database.read() as db:
        assert kept.camera(db, None, said["device_id"]).region == (0.1, 0.1, 0.8, 0.8)
    assert muster("device", "remove-camera", said["device_id"]).exit_code == 0
    with house.database.read() as db:
        assert kept.pulled(db) == []


# --- what it sees ------------------------------------------------------------------------------------------------


class Lookout:
    """A camera that is shown pictures."""

    def __init__(self, house: House, site: Cast) -> None:
        self.house, self.site = house, site
        self.watch = Watch(add(house, site).device_id)
        self.numbers = itertools.count(1)

    def sees(self, jpeg: bytes, *, age_s: float = 0.05):
        return watch(
            self.house, self.watch, jpeg=jpeg, event_key=f"b00tb00t:{next(self.numbers)}",
            content_sha256=hashlib.sha256(jpeg).hexdigest(), taken=time.monotonic() - age_s,
        )  # fmt: skip

    def workers(self) -> list[int | None]:
        with self.house.database.read() as db:
            return [record.worker_id for record in gates.passages_after(db, self.site.a.id, 0, 1000)]


@pytest.fixture
def lookout(house, site) -> Lookout:
    return Lookout(house, site)


def test_a_worker_in_view_is_one_passage_and_the_next_man_another(lookout, site):
    for number in range(8):
        lookout.sees(draw_face(WANG, variant=number))
    assert lookout.workers() == [site.wang.id]
    assert lookout.sees(draw_face(LI)).recorded
    lookout.sees(draw_face(WANG, variant=9))
    assert lookout.workers() == [site.wang.id, site.li.id]


def test_nothing_is_decided_on_a_picture_older_than_a_second(lookout):
    with pytest.raises(TooOld):
        lookout.sees(draw_face(WANG), age_s=1.01)
    assert lookout.workers() == []


def test_a_picture_that_became_too_old_while_it_was_looked_at_decides_nothing(lookout, monkeypatch):
    analyse = SyntheticEngine.analyse
    monkeypatch.setattr(SyntheticEngine, "analyse", lambda *given, **more: (time.sleep(0.3), analyse(*given, **more))[1])
    with pytest.raises(TooOld):
        lookout.sees(draw_face(WANG), age_s=0.8)
    assert lookout.workers() == []


def test_several_people_a_stranger_who_passes_and_an_empty_gateway_record_nobody(lookout):
    for jpeg in (draw_face(0, faces=0), draw_face(STRANGER), draw_face(WANG, faces=2), draw_face(WANG, blurred=True)):
        assert lookout.sees(jpeg) is None
    assert lookout.workers() == []


def test_the_very_picture_of_a_passage_shows_nobody_anew(lookout, site, monkeypatch):
    monkeypatch.setattr(presence, "GONE", timedelta(seconds=0))
    lookout.sees(draw_face(WANG))
    assert lookout.sees(draw_face(WANG)) is None
    assert lookout.sees(draw_face(WANG, variant=1)).recorded
    assert lookout.workers() == [site.wang.id] * 2


def test_a_full_disk_loses_no_passage_and_dates_it_by_its_picture(lookout, site, house):
    def disk_full(_connection):
        raise OSError(28, "no space")

    happening.listen(house.database.engine, "commit", disk_full)
    try:
        assert lookout.sees(draw_face(WANG)) is None
        assert lookout.sees(draw_face(LI)) is None
        seen_at = datetime.now(UTC)
    finally:
        happening.remove(house.database.engine, "commit", disk_full)
    assert lookout.workers() == [] and len(lookout.watch.unsettled) == 2
    time.sleep(0.2)
    cameras.beat(house, lookout.watch, live=True, now=datetime.now(UTC))
    assert lookout.workers() == [site.wang.id, site.li.id] and lookout.watch.lost == 0
    with house.database.read() as db:
        records = gates.passages_after(db, site.a.id, 0, 10)
        assert all(record.occurred_at <= seen_at for record in records)
        assert timekeeping.watermark(db, site.a.id) is not None, "the camera keeps nothing back: its month may be closed"
    lookout.sees(draw_face(WANG, variant=3))
    assert len(lookout.workers()) == 2


def test_a_camera_that_is_switched_off_decides_nothing(lookout, house):
    with house.database.write() as db:
        gates.disable_device(db, lookout.watch.device_id, datetime.now(UTC))
    with pytest.raises(NotFound):
        lookout.sees(draw_face(WANG))
