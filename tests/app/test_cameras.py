"""A camera of a gate: who may say where it is, what is kept of it, and what becomes of its pictures."""

import hashlib
import itertools
import json
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import event as happening
from sqlalchemy import select
from typer.testing import CliRunner

from app import cameras, cli, gate
from app.cameras import Still, TooOld, Watch, watch
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
from devices.base import FrameEvent
from recognition import decode_jpeg, encode_jpeg
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

    def __init__(self, house: House, site: Cast, **camera) -> None:
        self.house, self.site = house, site
        self.watch = Watch(add(house, site, **camera).device_id)
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


# --- a worker who stands there is looked for where he stood -----------------------------------------------------


@pytest.fixture
def looks(monkeypatch) -> list[bool]:
    """Of every look: were only the surroundings of a face looked at? The clock is told to wait, however busy the machine is."""
    monkeypatch.setattr(cameras, "NEAR_WITHIN", timedelta(minutes=1))
    monkeypatch.setattr(cameras, "WHOLE_EVERY", timedelta(minutes=1))
    seen, analyse = [], SyntheticEngine.analyse

    def noted(self, image, **more):
        found = analyse(self, image, **more)
        seen.append(found.near)
        return found

    monkeypatch.setattr(SyntheticEngine, "analyse", noted)
    return seen


def lane(worker: int, large: int | None = None, *, variant: int = 0) -> bytes:
    """A worker who stands on the right; on the left the empty lane, or somebody twice as near, and so twice as large."""
    left = draw_face(large or 0, faces=0 if large is None else 1, size=(480, 480))
    right = draw_face(worker, size=(320, 240), variant=variant)
    halves = [decode_jpeg(data, pixels_max=10**7) for data in (left, right)]
    picture = np.full((480, 800, 3), 128, np.uint8)
    picture[:, :480], picture[120:360, 480:] = halves
    return encode_jpeg(picture, 97)


def test_a_worker_is_looked_for_where_he_stood_for_half_a_second_and_then_everywhere(now):
    box = (10.0, 20.0, 110.0, 140.0)

    def near(since_seen_s: float, since_whole_s: float):
        return Still(1, box, now, now - timedelta(seconds=since_whole_s - since_seen_s)).near(now + timedelta(seconds=since_seen_s))

    assert near(0.2, 0.2) == near(0.2, 0.4) == box
    assert near(0.2, 0.5) is None, "the whole picture at least twice a second: who steps up beside him is seen then"
    assert near(1.1, 1.1) is None and near(0.5, 0.5) is None, "a camera that shows two pictures a second always shows all of it"
    assert near(-0.1, 0.2) is None, "a picture from before"


def test_a_worker_who_stands_there_stays_one_passage(lookout, site, looks):
    for variant in range(5):
        lookout.sees(lane(WANG, variant=variant))
    assert lookout.workers() == [site.wang.id]
    assert looks == [False, True, True, True, True]


def test_who_steps_up_beside_a_worker_who_stands_there_is_a_passage_at_the_next_whole_look(lookout, site, looks, monkeypatch):
    lookout.sees(lane(WANG))
    assert lookout.sees(lane(WANG, large=LI, variant=1)) is None and looks == [False, True], "he is looked past for a moment"
    monkeypatch.setattr(cameras, "WHOLE_EVERY", timedelta(0))
    assert lookout.sees(lane(WANG, large=LI, variant=2)).recorded
    assert looks[-1] is False and lookout.workers() == [site.wang.id, site.li.id]


def test_another_man_in_his_place_is_looked_at_as_if_nobody_had_stood_there(lookout, site, looks):
    lookout.sees(lane(WANG))
    assert lookout.sees(lane(LI)).recorded
    assert looks == [False, True, False], "found near the place, not Wang, and so looked for everywhere"
    assert lookout.workers() == [site.wang.id, site.li.id]
    # A stranger there is nobody's standing on.
    assert lookout.sees(lane(STRANGER)) is None and looks[-2:] == [True, False]
    assert lookout.watch.still is None
    assert lookout.workers() == [site.wang.id, site.li.id]


def test_a_face_that_is_gone_or_cannot_be_seen_well_is_looked_for_everywhere(lookout, site, looks):
    lookout.sees(lane(WANG))
    assert lookout.sees(draw_face(0, faces=0, size=(800, 480))) is None
    assert looks == [False, False] and lookout.watch.still is None
    lookout.sees(lane(WANG, variant=1))
    # Turned away he could be anybody: the whole picture is looked at, though a face is where he stood.
    turned = decode_jpeg(lane(WANG), pixels_max=10**7).copy()
    turned[120:360, 480:] = decode_jpeg(draw_face(WANG, size=(320, 240), turned=True), pixels_max=10**7)
    lookout.sees(encode_jpeg(turned, 97))
    assert looks[2:] == [False, True, False]
    assert lookout.workers() == [site.wang.id]


def test_what_one_camera_saw_says_nothing_to_another(lookout, house, site, looks):
    lookout.sees(lane(WANG))
    Lookout(house, site, name="西门摄像机").sees(lane(WANG, variant=1))
    assert looks == [False, False]


def test_no_passage_rests_on_a_look_at_a_part_of_the_picture(lookout, house, site, looks, monkeypatch):
    # A minute later he is a passage again (he leaves slowly): for that the whole picture is looked at.
    lookout.sees(lane(WANG))
    monkeypatch.setattr(presence, "AGAIN", timedelta(0))
    assert lookout.sees(lane(WANG, variant=1)).recorded
    assert looks == [False, True, False]
    # And whoever tries is told so: a gate never opens for somebody who was not seen to be alone.
    received_at = datetime.now(UTC)
    with house.database.read() as db:
        device = gates.device(db, site.a.entrance.device_id)
        scene = gate.scene_of(house, db, device, at=received_at)
    picture = lane(WANG, variant=2)
    part = gate.look(house, device, picture, scene, at=received_at, near=lookout.watch.still.box)
    assert part.near and part.named and part.track is None
    event = FrameEvent(
        device_id=device.id, event_key="b00tb00t:1", boot_id="b00tb00t", seq=1, sent_at=received_at, captured_at=None, nonce="n",
        image=picture, content_sha256=hashlib.sha256(picture).hexdigest(),
    )  # fmt: skip
    with pytest.raises(ValueError, match="whole picture"):
        gate.settle(house, device, event, part, received_at, language="zh")


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
