"""At the gate: who passes, what he is told, and what is on disk afterwards."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select

from app import deciding, gate
from app.db import Database
from app.domain.facts import Verdict
from app.errors import Busy, Conflict, Unauthorised, Unusable
from app.galleries import Galleries
from app.house import House
from app.intake import Intake
from app.observing import Metrics
from app.settings import Settings
from app.store import decisions, gates, people, timekeeping
from app.tables import StaleDay
from app.vault import Vault
from devices.base import CardEvent, FrameEvent, Heartbeat
from recognition import Liveness, decode_jpeg, encode_jpeg
from recognition.synthetic import SyntheticEngine, draw_face
from tests.cast import Cast, Post, pass_through
from tests.faces import enrol_drawn
from tests.recognition.spoofs import five_point

WANG, LI, STRANGER = 1, 2, 77


@pytest.fixture
def house(settings: Settings, database: Database, vault: Vault) -> Iterator[House]:
    engine = SyntheticEngine()
    yield House(
        settings=settings,
        database=database,
        vault=vault,
        engine=engine,
        galleries=Galleries(vault, engine.pack),
        intake=Intake(threads=1, waiting_max=1, wait_seconds_max=1),
        metrics=Metrics(),
    )


@pytest.fixture
def site(house: House, people_on_site: Cast, now: datetime) -> Cast:
    """The cast, with Wang and Li enrolled by their drawn faces."""
    for member, person in ((people_on_site.wang, WANG), (people_on_site.li, LI)):
        enrol_drawn(house.database, house.vault, house.engine, people_on_site.a.id, member.id, person, now)
    return people_on_site


class Camera:
    """A gate's device that counts its own frames."""

    def __init__(self, house: House, post: Post) -> None:
        self.house = house
        self.post = post
        self.seq = 0

    def device(self) -> gates.DeviceInfo:
        with self.house.database.read() as db:
            return gates.device(db, self.post.device_id)

    def frame(self, image: bytes, at: datetime, *, captured_at: datetime | None = None, **changed: object) -> FrameEvent:
        self.seq += 1
        event = FrameEvent(
            device_id=self.post.device_id, event_key=f"bootboot:{self.seq}", boot_id="bootboot", seq=self.seq,
            sent_at=at, captured_at=captured_at, nonce=f"nonce-{self.seq}", image=image,
            content_sha256=hashlib.sha256(image).hexdigest(),
        )
        return replace(event, **changed)

    def card(self, channel: str, value: str, at: datetime) -> CardEvent:
        self.seq += 1
        return CardEvent(
            device_id=self.post.device_id, event_key=f"bootboot:{self.seq}", boot_id="bootboot", seq=self.seq,
            sent_at=at, captured_at=None, nonce=f"nonce-{self.seq}", channel=channel, value=value,
            content_sha256=hashlib.sha256(value.encode()).hexdigest(),
        )

    def shows(self, image: bytes, at: datetime, **changed: object) -> gate.Answer:
        return gate.admit_frame(self.house, self.device(), self.frame(image, at, **changed), at)

    def reads(self, channel: str, value: str, at: datetime) -> gate.Answer:
        return gate.admit_card(self.house, self.device(), self.card(channel, value, at), at)


@pytest.fixture
def entrance(house: House, site: Cast) -> Camera:
    return Camera(house, site.a.entrance)


def recorded(house: House, site: Cast) -> list[tuple[int | None, str, str]]:
    with house.database.read() as db:
        return [(r.worker_id, str(r.verdict), r.code) for r in gates.passages_after(db, site.a.id, 0, 100)]


def test_an_enrolled_worker_passes_and_is_greeted_by_his_masked_name(entrance: Camera, house: House, site: Cast, now: datetime):
    answer = entrance.shows(draw_face(WANG, variant=3), now)
    assert (answer.verdict, answer.code, answer.open, answer.recorded) == (Verdict.ADMIT, "admitted", True, True)
    assert answer.text.startswith("王**")
    assert recorded(house, site) == [(site.wang.id, "admit", "admitted")]


def test_what_decided_is_kept_with_the_passage(entrance: Camera, house: House, site: Cast, now: datetime):
    image = draw_face(WANG, variant=3)
    entrance.shows(image, now)
    with house.database.read() as db:
        record = gates.passages_after(db, site.a.id, 0, 1)[0]
    assert record.similarity >= record.similarity_min and record.margin >= record.margin_min
    assert record.contract_id == house.engine.pack.contract_id
    assert record.content_sha256 == hashlib.sha256(image).hexdigest()
    assert record.quality["face_px"] > 60


def test_a_stranger_is_refused_and_leaves_nothing_but_the_reason(entrance: Camera, house: House, site: Cast, now: datetime):
    answer = entrance.shows(draw_face(STRANGER), now)
    assert (answer.verdict, answer.code, answer.open, answer.recorded) == (Verdict.REFUSE, "face_unknown", False, True)
    assert recorded(house, site) == [(None, "refuse", "face_unknown")]


def test_the_nearest_name_alone_never_opens_the_gate(entrance: Camera, house: House, site: Cast, now: datetime):
    """Below the threshold, though nearest to Wang."""
    assert entrance.shows(draw_face(WANG, distance=0.6), now).code == "face_unknown"


def test_a_face_between_two_workers_is_not_decided(entrance: Camera, house: House, site: Cast, now: datetime):
    """Li's face replaced by Wang's twin: half-way between both there is no margin."""
    enrol_drawn(house.database, house.vault, house.engine, site.a.id, site.li.id, WANG, now, twin=1.0, allow_alike=True)
    assert entrance.shows(draw_face(WANG, twin=0.5), now).code == "face_ambiguous"
    assert recorded(house, site) == [(None, "refuse", "face_ambiguous")]


# --- votes over the frames of one person ---------------------------------------------------------------------

SECOND = timedelta(seconds=1)
UNSURE = {"distance": 0.45}
"""Similarity .55 on a roster of two: above the limit of .50, below the .56 from which one frame is enough."""


def test_an_unsure_face_is_asked_to_look_again_and_passes_with_the_second_frame(entrance: Camera, house: House, site: Cast, now: datetime):
    first = entrance.shows(draw_face(WANG, **UNSURE), now)
    assert (first.verdict, first.code, first.open, first.recorded, first.advice) == (Verdict.REFUSE, "look_again", False, True, "look")
    second = entrance.shows(draw_face(WANG, distance=0.46), now + SECOND)
    assert (second.code, second.open) == ("admitted", True)
    assert recorded(house, site) == [(None, "refuse", "look_again"), (site.wang.id, "admit", "admitted")]
    with house.database.read() as db:
        basis = [r.basis for r in gates.passages_after(db, site.a.id, 0, 9)]
    assert [b["votes"]["agreeing"] for b in basis] == [1, 2]
    assert basis[1]["templates"] == 2 and basis[1]["stranger_max"] == 0.01 and basis[1]["votes"]["share"] == 1.0


def test_a_sure_face_passes_at_once(entrance: Camera, now: datetime):
    assert entrance.shows(draw_face(WANG, variant=3), now).code == "admitted"


def test_the_same_picture_twice_is_one_vote(entrance: Camera, house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        decisions.set_policy(db, site.a.id, decisions.PolicyRow(replay="off"))
    picture = draw_face(WANG, **UNSURE)
    assert [entrance.shows(picture, now + n * SECOND).code for n in range(3)] == ["look_again"] * 3


def test_votes_of_ten_seconds_ago_or_of_another_gate_do_not_count(entrance: Camera, house: House, site: Cast, now: datetime):
    entrance.shows(draw_face(WANG, **UNSURE), now)
    assert entrance.shows(draw_face(WANG, distance=0.46), now + 10 * SECOND).code == "look_again"
    assert Camera(house, site.a.exit).shows(draw_face(WANG, distance=0.44), now + 11 * SECOND).code == "look_again"


def test_the_man_behind_does_not_pass_on_another_mans_votes(entrance: Camera, now: datetime):
    for n in range(3):
        entrance.shows(draw_face(WANG, variant=n + 1), now + n * SECOND / 4)
    assert entrance.shows(draw_face(LI, **UNSURE), now + SECOND).code == "look_again"
    assert entrance.shows(draw_face(LI, distance=0.46), now + 1.2 * SECOND).code == "admitted"


def test_a_stranger_does_not_pass_however_often_he_looks(entrance: Camera, house: House, site: Cast, now: datetime):
    for n in range(12):
        assert entrance.shows(draw_face(WANG, distance=0.51 + n / 100), now + n * SECOND / 4).code == "face_unknown"


def test_an_old_frame_from_a_gates_store_decides_alone_and_opens_nothing(entrance: Camera, now: datetime):
    """Nobody stands there any more to look again; whoever he was, he worked."""
    answer = entrance.shows(draw_face(WANG, **UNSURE), now, captured_at=now - timedelta(hours=1))
    assert (answer.code, answer.open) == ("admitted", False)


def test_who_stands_outside_the_part_a_gate_looks_at_is_not_seen(entrance: Camera, house: House, site: Cast, now: datetime):
    """The queue beside the lane is neither admitted nor in the way; the one in the lane is."""
    assert entrance.shows(draw_face(WANG, others=[LI]), now).code == "several_faces"
    gate_id = site.a.entrance.gate_id
    with house.database.write() as db:
        deciding.set_search(db, project_id=site.a.id, gate_id=gate_id, region=[0.0, 0.0, 0.5, 1.0], side=320, now=now, by="wu")
    assert (entrance.device().search_region, entrance.device().search_side) == ((0.0, 0.0, 0.5, 1.0), 320)
    assert entrance.shows(draw_face(WANG, others=[LI], variant=5), now + SECOND).code == "admitted"
    with house.database.write() as db:
        deciding.set_search(db, project_id=site.a.id, gate_id=gate_id, region=[0.0, 0.6, 1.0, 1.0], side=None, now=now, by="wu")
    assert entrance.shows(draw_face(WANG, variant=9), now + 2 * SECOND).code == "no_face"


@pytest.mark.parametrize(
    ("region", "side"),
    [([0, 0, 1], None), ([0, 0, 0.1, 1], None), ([0.5, 0, 0.4, 1], None), ([0, 0, 1.2, 1], None), ([0, 0, float("nan"), 1], None), (None, 64), (None, 99999)],
)  # fmt: skip
def test_a_part_of_the_picture_that_is_none_is_refused(house: House, site: Cast, now: datetime, region, side):
    with pytest.raises(Unusable, match="decision_policy_wrong"), house.database.write() as db:
        deciding.set_search(db, project_id=site.a.id, gate_id=site.a.entrance.gate_id, region=region, side=side, now=now, by="wu")


def test_a_project_may_do_without_votes(entrance: Camera, house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        decisions.set_policy(db, site.a.id, decisions.PolicyRow(votes_min=1))
    assert entrance.shows(draw_face(WANG, **UNSURE), now).code == "admitted"


def test_a_gate_that_looks_from_afar_asks_to_step_closer(entrance: Camera, house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        decisions.set_face_px_min(db, site.a.id, site.a.entrance.gate_id, 600)
    answer = entrance.shows(draw_face(WANG), now)
    assert (answer.code, answer.advice) == ("face_too_small", "closer")
    with house.database.write() as db:
        decisions.set_face_px_min(db, site.a.id, site.a.entrance.gate_id, None)
    assert entrance.shows(draw_face(WANG, variant=1), now).code == "admitted"


# --- the same picture again ----------------------------------------------------------------------------------


@pytest.mark.parametrize("other_gate", [False, True])
def test_the_same_picture_under_another_key_is_a_replay_and_recorded_as_one(entrance: Camera, house: House, site: Cast, now: datetime, other_gate):
    picture = draw_face(WANG, variant=3)
    first = entrance.shows(picture, now)
    camera = Camera(house, site.a.exit) if other_gate else entrance
    again = camera.shows(picture, now + timedelta(hours=9))
    assert (again.verdict, again.code, again.open, again.recorded, again.advice) == (Verdict.REFUSE, "replay", False, True, "")
    assert recorded(house, site) == [(site.wang.id, "admit", "admitted"), (None, "refuse", "replay")]
    with house.database.read() as db:
        assert gates.passages_after(db, site.a.id, 1, 1)[0].basis["same_picture_as"] == first.passage_id


def test_the_same_picture_in_another_envelope_is_a_replay(entrance: Camera, now: datetime):
    picture = draw_face(WANG, variant=3)
    entrance.shows(picture, now)
    assert entrance.shows(picture, now + SECOND, content_sha256="e" * 64).code == "replay"


def test_a_gates_own_resend_is_no_replay(entrance: Camera, now: datetime):
    event = entrance.frame(draw_face(WANG, variant=3), now)
    first = gate.admit_frame(entrance.house, entrance.device(), event, now)
    again = gate.admit_frame(entrance.house, entrance.device(), replace(event, nonce="again"), now + timedelta(hours=1))
    assert (again.code, again.repeated, again.passage_id) == ("admitted", True, first.passage_id)


def test_a_resend_of_what_could_not_be_saved_the_first_time_is_no_replay(entrance: Camera, house: House, site: Cast, now: datetime, monkeypatch):
    """The disk was full for ten minutes: the frame was looked at, and nothing was recorded."""
    event = entrance.frame(draw_face(WANG, variant=3), now)

    def disk_full(*_args, **_kept):
        raise Busy("storage_unavailable", retry_after_s=5)

    monkeypatch.setattr(gates, "add_passage", disk_full)
    with pytest.raises(Busy):
        gate.admit_frame(house, entrance.device(), event, now)
    monkeypatch.undo()
    later = now + timedelta(minutes=10)
    again = gate.admit_frame(house, entrance.device(), replace(event, nonce="again", sent_at=later), later)
    assert (again.code, again.recorded, again.repeated) == ("admitted", True, False)
    assert recorded(house, site) == [(site.wang.id, "admit", "admitted")]


def test_a_picture_written_anew_an_hour_later_is_a_replay(entrance: Camera, house: House, site: Cast, now: datetime):
    """The drawing engine reads the same numbers out of other bytes, as a real one nearly does."""
    entrance.shows(draw_face(WANG, variant=3), now)
    later = entrance.shows(written_anew(draw_face(WANG, variant=3)), now + timedelta(hours=1))
    assert later.code == "replay"
    with house.database.read() as db:
        assert gates.passages_after(db, site.a.id, 1, 1)[0].basis["picture_like_that_of"] == now.isoformat(timespec="seconds")


def test_a_man_who_stands_before_the_camera_is_no_replay_of_himself(entrance: Camera, now: datetime):
    pictures = [draw_face(WANG, variant=3), *(written_anew(draw_face(WANG, variant=3), quality) for quality in (80, 75, 70))]
    assert [entrance.shows(p, now + 5 * n * SECOND).code for n, p in enumerate(pictures)] == ["admitted"] * 4


def test_a_project_may_only_observe_replays(entrance: Camera, house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        decisions.set_policy(db, site.a.id, decisions.PolicyRow(replay="observe"))
    picture = draw_face(WANG, variant=3)
    first = entrance.shows(picture, now)
    assert entrance.shows(picture, now + timedelta(hours=1)).code == "admitted"
    with house.database.read() as db:
        assert gates.passages_after(db, site.a.id, 1, 1)[0].basis["same_picture_as"] == first.passage_id


def written_anew(picture: bytes, quality: int = 85) -> bytes:
    return encode_jpeg(decode_jpeg(picture, pixels_max=10**7), quality=quality)


# --- a face, or a picture of one -----------------------------------------------------------------------------


def watched(house: House, site: Cast, word: str, score: float, threshold: float = 0.8) -> House:
    with house.database.write() as db:
        decisions.set_policy(db, site.a.id, decisions.PolicyRow(liveness=word))
    return replace(house, liveness=Liveness("test", "five_point", threshold, [(five_point(score=score), 0.0)]))


@pytest.mark.parametrize(
    ("word", "score", "code", "state"),
    [
        ("enforce", 0.9, "admitted", "live"), ("enforce", 0.8, "admitted", "live"), ("enforce", 0.79, "liveness_failed", "spoof"),
        ("enforce", float("nan"), "liveness_unsure", "failed"), ("observe", 0.1, "admitted", "spoof"), ("observe", float("nan"), "admitted", "failed"),
    ],
)  # fmt: skip
def test_a_picture_of_a_face_is_refused_or_only_noted(house: House, site: Cast, now: datetime, word, score, code, state):
    answer = Camera(watched(house, site, word, score), site.a.entrance).shows(draw_face(WANG, variant=3), now)
    assert answer.code == code and answer.open == (code == "admitted")
    with house.database.read() as db:
        record = gates.passages_after(db, site.a.id, 0, 1)[0]
    assert record.basis["liveness"]["state"] == state and record.basis["liveness"]["model"].startswith("test@")
    assert record.liveness_min == 0.8
    assert record.liveness == (None if state == "failed" else pytest.approx(score))
    assert record.worker_id == (site.wang.id if code == "admitted" else None), "a refused face is nobody"


def test_a_face_too_near_the_edge_for_liveness_is_asked_into_the_middle(house: House, site: Cast, now: datetime):
    house = watched(house, site, "enforce", 0.9)
    answer = Camera(house, site.a.entrance).shows(draw_face(WANG, size=(160, 160)), now)
    assert (answer.code, answer.advice) in {("liveness_unsure", "middle"), ("admitted", "")}


def test_where_liveness_is_off_the_model_is_not_asked(house: House, site: Cast, now: datetime):
    Camera(watched(house, site, "off", 0.1), site.a.entrance).shows(draw_face(WANG, variant=3), now)
    with house.database.read() as db:
        record = gates.passages_after(db, site.a.id, 0, 1)[0]
    assert record.liveness is None and "liveness" not in record.basis


def test_a_model_that_went_missing_while_running_admits_nobody_where_it_is_enforced(entrance: Camera, house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        decisions.set_policy(db, site.a.id, decisions.PolicyRow(liveness="enforce"))
    assert entrance.shows(draw_face(WANG, variant=3), now).code == "liveness_unsure"


def test_pictures_of_a_face_do_not_vote(house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        decisions.set_policy(db, site.a.id, decisions.PolicyRow(liveness="enforce"))
    spoof, live = watched(house, site, "enforce", 0.1), watched(house, site, "enforce", 0.9)
    camera = Camera(spoof, site.a.entrance)
    for n in range(3):
        assert camera.shows(draw_face(WANG, distance=0.44 + n / 100), now + n * SECOND / 4).code == "liveness_failed"
    camera.house = live
    assert camera.shows(draw_face(WANG, distance=0.47), now + SECOND).code == "look_again"


@pytest.mark.parametrize("broken", ["embedding", "quality"])
def test_a_face_that_is_not_a_number_admits_nobody_and_is_recorded(entrance: Camera, house: House, site: Cast, now: datetime, broken, monkeypatch):
    def analyse(image, *, purpose, **how):
        analysis = SyntheticEngine.analyse(house.engine, image, purpose=purpose, **how)
        face = analysis.subject
        nan = {"embedding": face.embedding * np.nan} if broken == "embedding" else {"quality": replace(face.quality, yaw=np.nan)}
        return replace(analysis, subject=replace(face, **nan))

    monkeypatch.setattr(house.engine, "analyse", analyse)
    answer = entrance.shows(draw_face(WANG), now)
    assert (answer.verdict, answer.code, answer.recorded) == (Verdict.REFUSE, "face_unreadable", True)
    assert recorded(house, site) == [(None, "refuse", "face_unreadable")]


@pytest.mark.parametrize(
    ("drawn", "code"),
    [
        ({"faces": 2}, "several_faces"),
        ({"small": True}, "face_too_small"),
        ({"blurred": True}, "face_blurred"),
        ({"dark": True}, "face_too_dark"),
        ({"turned": True}, "face_turned"),
        ({"cut": True}, "face_cut"),
    ],
)
def test_a_face_that_cannot_be_used_is_refused_with_its_reason(entrance: Camera, house: House, site: Cast, now: datetime, drawn, code):
    answer = entrance.shows(draw_face(WANG, **drawn), now)
    assert (answer.code, answer.open, answer.recorded) == (code, False, True)
    assert recorded(house, site) == [(None, "refuse", code)]


@pytest.mark.parametrize(("drawn", "code"), [({"faces": 0}, "no_face"), ({"lights_out": True}, "too_dark")])
def test_a_frame_that_shows_nobody_is_answered_and_not_recorded(entrance: Camera, house: House, site: Cast, now: datetime, drawn, code):
    answer = entrance.shows(draw_face(WANG, **drawn), now)
    assert (answer.code, answer.recorded, answer.passage_id) == (code, False, None)
    assert recorded(house, site) == []


def test_a_resend_is_the_same_passage_with_the_first_answer(entrance: Camera, house: House, site: Cast, now: datetime):
    event = entrance.frame(draw_face(WANG), now)
    first = gate.admit_frame(house, entrance.device(), event, now)
    again = gate.admit_frame(house, entrance.device(), replace(event, nonce="another"), now + timedelta(seconds=2))
    assert (again.passage_id, again.verdict, again.code, again.text) == (first.passage_id, first.verdict, first.code, first.text)
    assert again.repeated and not first.repeated
    assert len(recorded(house, site)) == 1


def test_a_resend_hours_later_does_not_open_the_gate_for_nobody(entrance: Camera, house: House, site: Cast, now: datetime):
    event = entrance.frame(draw_face(WANG), now)
    gate.admit_frame(house, entrance.device(), event, now)
    again = gate.admit_frame(house, entrance.device(), replace(event, nonce="another"), now + timedelta(hours=2))
    assert again.recorded and not again.open


def test_the_same_key_with_another_body_is_a_conflict(entrance: Camera, house: House, site: Cast, now: datetime):
    event = entrance.frame(draw_face(WANG), now)
    gate.admit_frame(house, entrance.device(), event, now)
    other = replace(event, nonce="another", image=draw_face(LI), content_sha256="0" * 64)
    with pytest.raises(Conflict, match="event_conflict"):
        gate.admit_frame(house, entrance.device(), other, now)
    assert len(recorded(house, site)) == 1


def test_a_captured_request_played_back_is_refused(entrance: Camera, house: House, site: Cast, now: datetime):
    event = entrance.frame(draw_face(WANG), now)
    gate.admit_frame(house, entrance.device(), event, now)
    with pytest.raises(Unauthorised, match="nonce_used"):
        gate.admit_frame(house, entrance.device(), event, now)


def test_one_nonce_is_good_for_one_empty_frame_only(entrance: Camera, house: House, site: Cast, now: datetime):
    event = entrance.frame(draw_face(WANG, faces=0), now)
    gate.admit_frame(house, entrance.device(), event, now)
    with pytest.raises(Unauthorised, match="nonce_used"):
        gate.admit_frame(house, entrance.device(), event, now)


def test_a_worker_of_another_project_is_a_stranger_here(house: House, site: Cast, now: datetime):
    enrol_drawn(house.database, house.vault, house.engine, site.b.id, site.zhao.id, 5, now)
    assert Camera(house, site.a.entrance).shows(draw_face(5), now).code == "face_unknown"
    assert Camera(house, site.b.entrance).shows(draw_face(5), now).code == "admitted"


def test_a_worker_who_has_left_is_refused(entrance: Camera, house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        people.exit_engagement(db, site.wang.engagement_id, now.date())
    assert entrance.shows(draw_face(WANG), now).code == "engagement_over"


def test_a_man_whose_last_day_was_yesterday_may_still_go_out_and_his_night_counts(house: House, site: Cast, now: datetime):
    """In on his last evening, out the next morning: the exit gate lets him go and knows who he was."""
    with house.database.write() as db:
        people.exit_engagement(db, site.wang.engagement_id, now.date())
    leaving = Camera(house, site.a.exit).shows(draw_face(WANG), now)
    assert (leaving.verdict, leaving.code) == (Verdict.ADMIT, "admitted")
    assert Camera(house, site.a.entrance).shows(draw_face(WANG, variant=1), now).code == "engagement_over"
    two_days_later = Camera(house, site.a.exit)
    two_days_later.seq = 50
    assert two_days_later.shows(draw_face(WANG, variant=2), now + timedelta(days=1)).code == "engagement_over"


def test_an_identity_card_of_another_project_tells_this_one_nothing(entrance: Camera, house: House, site: Cast, now: datetime):
    answer = entrance.reads("id_card", site.zhao.id_number, now)
    assert (answer.verdict, answer.code) == (Verdict.REFUSE, "not_engaged")
    assert recorded(house, site) == [(None, "refuse", "not_engaged")]


def test_a_consent_narrowed_while_the_frame_is_looked_at_does_not_admit(house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        people.add_consent(
            db, worker_id=site.wang.id, project_id=site.a.id, act="give", scope=["capture"], notice_version="face-1",
            method="screen", at=now, recorded_by="wu", now=now,
        )
    with house.database.read() as db:
        assert gates.standing(db, site.a.id, site.wang.id, now.date()).consent_withdrawn


def test_a_weak_pack_asks_a_person_when_the_project_wants_it(entrance: Camera, house: House, site: Cast, now: datetime):
    weak = SyntheticEngine()
    weak.pack = replace(weak.pack, needs_confirmation_advised=True)
    cautious = Camera(replace(house, engine=weak), site.a.entrance)
    with house.database.write() as db:
        people.set_confirm_face(db, site.a.id, True)
    answer = cautious.shows(draw_face(WANG), now)
    assert (answer.verdict, answer.code, answer.open, answer.recorded) == (Verdict.ASK, "needs_confirmation", False, True)
    assert recorded(house, site) == [(site.wang.id, "ask", "needs_confirmation")]


def test_a_guards_confirmation_counts_the_passage_once_and_for_good(entrance: Camera, house: House, site: Cast, now: datetime):
    weak = SyntheticEngine()
    weak.pack = replace(weak.pack, needs_confirmation_advised=True)
    with house.database.write() as db:
        people.set_confirm_face(db, site.a.id, True)
    answer = Camera(replace(house, engine=weak), site.a.entrance).shows(draw_face(WANG), now)

    def counting() -> list[bool]:
        with house.database.read() as db:
            return [p.counts for p in gates.passages(db, site.a.id, None, now + timedelta(days=1))]

    assert counting() == [False]
    with house.database.write() as db:
        gate.confirm(db, project_id=site.a.id, passage_id=answer.passage_id, confirmed=True, by="ma", now=now)
    assert counting() == [True]
    with pytest.raises(Conflict, match="passage_decided"), house.database.write() as db:
        gate.confirm(db, project_id=site.a.id, passage_id=answer.passage_id, confirmed=False, by="ma", now=now)


def test_withdrawn_consent_closes_the_face_and_leaves_the_card_open(entrance: Camera, house: House, site: Cast, now: datetime):
    from app import enrolment

    with house.database.write() as db:
        people.add_credential(
            db, worker_id=site.wang.id, project_id=site.a.id, channel="card",
            value_index=house.vault.index("credential.card", "0012345678"), now=now,
        )
        enrolment.withdraw_consent(db, project_id=site.a.id, worker_id=site.wang.id, method="screen", now=now, by="wu")
    assert entrance.shows(draw_face(WANG), now).code in ("face_unknown", "consent_withdrawn")
    assert entrance.reads("card", "0012345678", now).code == "admitted"


@pytest.mark.parametrize("channel", ["card", "code"])
def test_a_card_or_code_has_the_same_standing_as_a_face(entrance: Camera, house: House, site: Cast, now: datetime, channel: str):
    with house.database.write() as db:
        people.add_credential(
            db, worker_id=site.wang.id, project_id=site.a.id, channel=channel,
            value_index=house.vault.index(f"credential.{channel}", "0012345678"), now=now,
        )
    answer = entrance.reads(channel, "0012345678", now)
    assert (answer.verdict, answer.open) == (Verdict.ADMIT, True)
    assert recorded(house, site) == [(site.wang.id, "admit", "admitted")]


def test_an_identity_card_is_a_way_in(entrance: Camera, house: House, site: Cast, now: datetime):
    assert entrance.reads("id_card", site.wang.id_number, now).code == "admitted"
    assert entrance.reads("id_card", "not a number", now).code == "credential_unknown"


def test_an_unknown_card_is_refused_and_its_number_is_nowhere_on_disk(entrance: Camera, house: House, site: Cast, now: datetime):
    assert entrance.reads("card", "5550001112", now).code == "credential_unknown"
    with house.database.read() as db:
        record = gates.passages_after(db, site.a.id, 0, 1)[0]
    assert record.content_sha256 != hashlib.sha256(b"5550001112").hexdigest(), "the bare hash can be tried out"


def test_a_gate_whose_clock_is_wrong_still_tells_the_right_time(entrance: Camera, house: House, site: Cast, now: datetime):
    """The gate's clock is 100 s slow; the picture was taken 30 s before it was sent."""
    slow = now - timedelta(seconds=100)
    entrance.shows(draw_face(WANG), now, sent_at=slow, captured_at=slow - timedelta(seconds=30))
    with house.database.read() as db:
        record = gates.passages_after(db, site.a.id, 0, 1)[0]
    assert record.occurred_at == now - timedelta(seconds=30)
    assert record.captured_at == slow - timedelta(seconds=30), "what the device said stays as it said it"


def test_a_device_that_shows_nobody_is_heard_all_the_same(entrance: Camera, house: House, site: Cast, now: datetime):
    assert entrance.device().last_seen_at is None
    assert not entrance.shows(draw_face(WANG, faces=0), now).recorded
    assert entrance.device().last_seen_at == now


def test_a_device_is_heard_by_cards_and_resends_too(entrance: Camera, house: House, site: Cast, now: datetime):
    entrance.reads("card", "5550001112", now)
    assert entrance.device().last_seen_at == now
    event = entrance.frame(draw_face(WANG), now)
    for minutes, nonce in ((1, "first"), (2, "second")):
        at = now + timedelta(minutes=minutes)
        gate.admit_frame(house, entrance.device(), replace(event, nonce=nonce), at)
        assert entrance.device().last_seen_at == at


def test_a_device_is_noted_once_a_minute_and_not_for_every_frame(entrance: Camera, house: House, site: Cast, now: datetime, monkeypatch):
    noted = []
    real = gates.seen
    monkeypatch.setattr(gates, "seen", lambda db, device_id, at: noted.append(at) or real(db, device_id, at))
    for seconds in (0, 1, 30, 59, 60, 61, 119, 120):
        entrance.shows(draw_face(WANG, faces=0), now + timedelta(seconds=seconds))
        entrance.reads("card", "5550001112", now + timedelta(seconds=seconds))
    assert noted == [now, now + timedelta(seconds=60), now + timedelta(seconds=120)]


def test_a_request_played_back_does_not_make_a_device_look_alive(entrance: Camera, house: House, site: Cast, now: datetime):
    event = entrance.frame(draw_face(WANG), now)
    gate.admit_frame(house, entrance.device(), event, now)
    with pytest.raises(Unauthorised):
        gate.admit_frame(house, entrance.device(), event, now + timedelta(minutes=4))
    assert entrance.device().last_seen_at == now


@pytest.mark.parametrize(("age", "code"), [(timedelta(days=8), "captured_too_long_ago"), (timedelta(minutes=-6), "captured_in_future")])
def test_a_time_that_cannot_be_right_is_for_a_person_to_decide(entrance: Camera, house: House, site: Cast, now: datetime, age, code):
    with pytest.raises(Unusable, match=code):
        entrance.shows(draw_face(WANG), now, captured_at=now - age)
    assert recorded(house, site) == []


def test_a_store_that_cannot_write_is_never_answered_with_recorded(entrance: Camera, house: House, site: Cast, now: datetime, monkeypatch):
    from sqlalchemy import event

    def disk_full(_connection):
        raise OSError(28, "No space left on device")

    event.listen(house.database.engine, "commit", disk_full)
    try:
        with pytest.raises((Busy, OSError)):
            entrance.shows(draw_face(WANG), now)
    finally:
        event.remove(house.database.engine, "commit", disk_full)
    assert recorded(house, site) == []
    assert entrance.shows(draw_face(WANG), now).recorded, "and works again without a restart"


def test_no_pack_means_frames_wait_and_cards_go_on(house: House, site: Cast, now: datetime):
    bare = Camera(replace(house, engine=None), site.a.entrance)
    with pytest.raises(Busy, match="pack_missing"):
        bare.shows(draw_face(WANG), now)
    assert bare.reads("id_card", site.wang.id_number, now).code == "admitted"


def test_nothing_a_frame_says_reaches_an_error(entrance: Camera, now: datetime):
    with pytest.raises(Unusable) as refused:
        entrance.shows(b"\xff\xd8\xff\xe0 33042419850612001X", now)
    assert "330424" not in str(refused.value)


def test_the_times_are_aware(now: datetime):
    assert now.tzinfo is UTC


# --- heartbeats -----------------------------------------------------------------------------------------------


def beat(camera: Camera, received_at: datetime, *, clock: float = 0, sent: float = 0, oldest: float | None = None) -> datetime:
    """A heartbeat on a gate whose clock is ``clock`` seconds ahead, sent ``sent`` seconds after it was counted."""
    camera.seq += 1
    sent_at = received_at + timedelta(seconds=clock)
    counted_at = sent_at - timedelta(seconds=sent)
    return gate.hear_heartbeat(
        camera.house, camera.device(),
        Heartbeat(
            device_id=camera.post.device_id, nonce=f"beat-{camera.seq}", sent_at=sent_at, counted_at=counted_at,
            stored_events=0 if oldest is None else 2,
            oldest_at=None if oldest is None else counted_at - timedelta(seconds=oldest),
        ),
        received_at,
    )  # fmt: skip


def test_a_gate_that_keeps_nothing_has_told_everything(entrance: Camera, house: House, site: Cast, now: datetime):
    assert beat(entrance, now) == now
    with house.database.read() as db:
        assert timekeeping.watermark(db, site.a.id) == now
    assert entrance.device().last_seen_at == now


@pytest.mark.parametrize(
    ("said", "behind_s"),
    [
        ({"oldest": 90}, 90),
        ({"oldest": 90, "sent": 10}, 100),
        ({"sent": 10}, 10),
        ({"clock": 240}, 0),
        ({"clock": 240, "oldest": 90}, 90),
        ({"clock": -240}, 240),
        ({"clock": -240, "oldest": 90}, 330),
        ({"oldest": -500}, 0),
        ({"sent": -500}, 0),
    ],
)
def test_a_gates_word_is_counted_back_from_the_earlier_clock(entrance: Camera, now: datetime, said: dict, behind_s: int):
    assert beat(entrance, now, **said) == now - timedelta(seconds=behind_s)


def test_what_was_told_is_never_taken_back(entrance: Camera, house: House, site: Cast, now: datetime):
    assert beat(entrance, now) == now
    assert beat(entrance, now + timedelta(minutes=5), oldest=900) == now
    assert beat(entrance, now + timedelta(minutes=6)) == now + timedelta(minutes=6)


def test_a_heartbeat_played_back_says_nothing(entrance: Camera, now: datetime):
    beat(entrance, now)
    entrance.seq -= 1
    with pytest.raises(Unauthorised, match="nonce_used"):
        beat(entrance, now + timedelta(minutes=1))


def test_the_watermark_is_that_of_the_slowest_gate_that_has_ever_sent(entrance: Camera, house: House, site: Cast, now: datetime):
    way_out = Camera(house, site.a.exit)

    def watermark() -> datetime | None:
        with house.database.read() as db:
            return timekeeping.watermark(db, site.a.id)

    assert watermark() is None, "nobody has sent anything"
    beat(entrance, now)
    assert watermark() == now, "the other is still in its box"
    way_out.reads("card", "5550001112", now)
    assert watermark() is None, "it is in use and has never said how far it is"
    beat(way_out, now, oldest=600)
    assert watermark() == now - timedelta(minutes=10)
    with house.database.write() as db:
        gates.disable_device(db, way_out.post.device_id, now)
    assert watermark() == now
    with house.database.read() as db:
        assert timekeeping.watermark(db, site.b.id) is None


def test_a_gate_is_silent_about_a_month_it_may_still_keep_events_of(entrance: Camera, house: House, site: Cast, now: datetime):
    entrance.reads("card", "5550001112", now)
    march, april = now - timedelta(days=30), now + timedelta(hours=4)

    def silent() -> tuple[str, ...]:
        with house.database.read() as db:
            return timekeeping.silent_devices(db, site.a.id, march, april)

    # The exit has sent nothing of this month, so nothing of it is waited for.
    assert silent() == ("gate-a-in",)
    beat(entrance, april - timedelta(seconds=1))
    assert silent() == ("gate-a-in",)
    beat(entrance, april)
    assert silent() == ()


def test_a_guards_word_makes_the_workers_days_stale(entrance: Camera, house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        asked = pass_through(db, site.a, "in", site.wang.id, now, verdict="ask", code="needs_confirmation", channel="face")
        gate.confirm(db, project_id=site.a.id, passage_id=asked.id, confirmed=True, by="ma", now=now)
        rows = db.execute(select(StaleDay.worker_id, StaleDay.from_on, StaleDay.to_on)).all()
    assert rows == [(site.wang.id, date(2026, 3, 30), date(2026, 4, 2))]


def test_where_a_gate_counts_both_ways_a_word_changes_all_that_follows(house: House, site: Cast, now: datetime):
    with house.database.write() as db:
        gates.add_gate(db, project_id=site.a.id, name="西门", direction="both")
        asked = pass_through(db, site.a, "in", site.wang.id, now, verdict="ask", code="needs_confirmation", channel="face")
        gate.confirm(db, project_id=site.a.id, passage_id=asked.id, confirmed=False, by="ma", now=now)
        assert db.execute(select(StaleDay.from_on, StaleDay.to_on)).all() == [(date(2026, 3, 30), None)]
