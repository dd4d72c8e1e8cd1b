"""What the gate refused is looked at by a person: little is kept of it, what he says stands beside the passage."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from app import enrolment, jobs, review, timekeeping
from app.errors import Conflict, NotFound, Unusable
from app.store import faces, gates, money
from app.store import timekeeping as held
from app.store.faces import FacePolicy
from app.tables import FaceMatch, PassageRow, ReviewPicture
from recognition import decode_jpeg
from recognition.synthetic import draw_face
from tests.app.test_gate import WANG, Camera, house  # noqa: F401 - a fixture
from tests.cast import Cast, pass_through
from tests.faces import enrol_drawn

STRANGER = 77
GROUND = "影响评估 2026-03 号"
NEARLY = 0.55
"""Drawn so far from the person: below the limit, and nearer to him than to anybody."""


@pytest.fixture
def site(house, people_on_site: Cast, now) -> Cast:  # noqa: F811
    enrol_drawn(house.database, house.vault, house.engine, people_on_site.a.id, people_on_site.wang.id, WANG, now)
    return people_on_site


@pytest.fixture
def entrance(house, site: Cast) -> Camera:  # noqa: F811
    return Camera(house, site.a.entrance)


@pytest.fixture
def desk(house, site, now):  # noqa: F811
    class Desk:
        def policy(self, pictures: str, **more) -> None:
            rules = FacePolicy(review_pictures=pictures, ground=GROUND, **more)
            with house.database.write() as db:
                review.set_policy(db, project_id=site.a.id, rules=rules, by="chen", now=now)

        def agrees(self, *scope: str, notice: str = "face-2") -> None:
            said = enrolment.ConsentGiven(("capture", "template", *scope), notice, "screen", now)
            with house.database.write() as db:
                enrolment.record_consent(
                    db, project_id=site.a.id, worker_id=site.wang.id, consent=said, now=now, by="wu"
                )

        def pictures(self) -> list[sa.Row]:
            with house.database.read() as db:
                return list(db.execute(sa.select(ReviewPicture.__table__).order_by(ReviewPicture.id)))

        def queue(self, at=now, **more) -> list[review.Waiting]:
            with house.database.read() as db:
                return review.queue(db, site.a.id, now=at, **more)

        def says(self, ids, verdict, worker_id=None, by="wu", at=now, **more) -> review.Decided:
            with house.database.write() as db:
                return review.decide(
                    db, project_id=site.a.id, passage_ids=ids, verdict=verdict, worker_id=worker_id, by=by, now=at, **more
                )

        def journal(self) -> list[str]:
            with house.database.read() as db:
                return list(db.execute(sa.text("SELECT action FROM journal_entry ORDER BY id")).scalars())

    return Desk()


def ids(waiting: review.Waiting) -> list[int]:
    return [p.id for p in waiting.appearance.passages]


# --- what is kept ----------------------------------------------------------------------------------------------


def test_nothing_is_kept_of_a_stranger_until_the_manager_says_so(desk, entrance, now):
    entrance.shows(draw_face(STRANGER), now)
    assert desk.pictures() == []


def test_a_strangers_face_is_kept_only_so_coarsely_that_nobody_knows_him(desk, entrance, house, site, now):  # noqa: F811
    desk.policy("agreed")
    answer = entrance.shows(draw_face(STRANGER), now)
    [kept] = desk.pictures()
    assert (kept.kind, kept.worker_id, kept.passage_id) == ("coarse", None, answer.passage_id)
    with house.database.write() as db:
        opened = review.picture(db, house.vault, project_id=site.a.id, passage_id=kept.passage_id, by="wu", now=now)
    assert house.engine.analyse(decode_jpeg(opened, pixels_max=10**6), purpose="gate").faces == ()
    assert opened[:16] not in bytes(kept.picture_sealed)


@pytest.mark.parametrize(
    ("scope", "notice", "kind"),
    [(("image_retention",), "face-2", "agreed"), (("image_retention",), "face-1", "coarse"), ((), "face-2", "coarse")],
)
def test_a_clear_picture_needs_the_consent_of_whom_it_is_most_like_and_a_notice_that_spoke_of_it(
    desk, entrance, site, now, scope, notice, kind
):
    desk.agrees(*scope, notice=notice)
    desk.policy("agreed")
    answer = entrance.shows(draw_face(WANG, distance=NEARLY), now)
    assert answer.code == "face_unknown"
    [kept] = desk.pictures()
    assert (kept.kind, kept.worker_id) == (kind, site.wang.id if kind == "agreed" else None)


def test_a_project_that_keeps_coarse_pictures_keeps_no_clear_one_of_anybody(desk, entrance, now):
    desk.agrees("image_retention")
    desk.policy("coarse")
    entrance.shows(draw_face(WANG, distance=NEARLY), now)
    assert [p.kind for p in desk.pictures()] == ["coarse"]


def test_of_one_stay_one_picture_is_kept(desk, entrance, now):
    desk.policy("coarse")
    for second in range(4):
        entrance.shows(draw_face(STRANGER, variant=second), now + timedelta(seconds=second))
    entrance.shows(draw_face(STRANGER, variant=5), now + timedelta(seconds=60))
    assert len(desk.pictures()) == 2


def test_pictures_are_gone_before_their_last_day_ends_and_whoever_takes_his_word_back_at_once(desk, entrance, house, site, now):  # noqa: F811
    desk.agrees("image_retention")
    desk.policy("agreed", review_days=3)
    entrance.shows(draw_face(WANG, distance=NEARLY), now)
    entrance.shows(draw_face(STRANGER), now + timedelta(minutes=1))
    with house.database.write() as db:
        enrolment.withdraw_consent(db, project_id=site.a.id, worker_id=site.wang.id, now=now, by="wu")
    first, second = desk.pictures()
    assert (first.picture_sealed, first.erased_reason) == (None, "withdrawn")
    assert second.picture_sealed is not None
    jobs.run_once("pictures", house.database, house.settings, now + timedelta(days=2, hours=21))
    assert desk.pictures()[1].picture_sealed is not None
    jobs.run_once("pictures", house.database, house.settings, now + timedelta(days=2, hours=23))
    assert (desk.pictures()[1].picture_sealed, desk.pictures()[1].erased_reason) == (None, "over")
    with pytest.raises(NotFound, match="picture_gone"), house.database.write() as db:
        review.picture(db, house.vault, project_id=site.a.id, passage_id=second.passage_id, by="wu", now=now)


def test_a_narrower_word_takes_his_pictures_along(desk, entrance, now):
    desk.agrees("image_retention")
    desk.policy("agreed")
    entrance.shows(draw_face(WANG, distance=NEARLY), now)
    desk.agrees()
    assert desk.pictures()[0].erased_reason == "scope_narrowed"


def test_switching_off_erases_what_there_is(desk, entrance, now):
    desk.policy("coarse")
    entrance.shows(draw_face(STRANGER), now)
    desk.policy("off")
    assert desk.pictures()[0].erased_reason == "switched_off"


def test_a_policy_rests_on_an_impact_assessment_and_keeps_nothing_longer_than_a_week(house, site, now):  # noqa: F811
    for rules, code in (
        (FacePolicy(review_pictures="coarse"), "face_policy_ground_needed"),
        (FacePolicy(review_pictures="all", ground=GROUND), "face_policy_unknown"),
        (FacePolicy(review_pictures="coarse", review_days=8, ground=GROUND), "number_wrong"),
    ):
        with pytest.raises(Unusable, match=code), house.database.write() as db:
            review.set_policy(db, project_id=site.a.id, rules=rules, by="chen", now=now)


def test_who_looked_at_a_face_is_in_the_journal(desk, entrance, house, site, now):  # noqa: F811
    desk.policy("coarse")
    answer = entrance.shows(draw_face(STRANGER), now)
    with house.database.write() as db:
        review.picture(db, house.vault, project_id=site.a.id, passage_id=answer.passage_id, by="wu", now=now)
    assert desk.journal()[-1] == "face.viewed"


def test_a_picture_that_cannot_be_kept_costs_no_answer(desk, entrance, monkeypatch, now):
    desk.policy("coarse")
    monkeypatch.setattr(review, "coarse_picture", lambda *_: 1 / 0)
    assert entrance.shows(draw_face(STRANGER), now).recorded


# --- the queue -------------------------------------------------------------------------------------------------


def test_frames_of_one_stay_wait_together_and_who_passed_seconds_later_does_not_wait(desk, entrance, house, site, now):  # noqa: F811
    for second in range(3):
        entrance.shows(draw_face(STRANGER, variant=second), now + timedelta(seconds=second))
    late = now + timedelta(minutes=5)
    entrance.shows(draw_face(WANG, distance=NEARLY), late)
    entrance.shows(draw_face(WANG), late + timedelta(seconds=5))
    then = now + timedelta(minutes=10)
    assert [len(ids(w)) for w in desk.queue(then)] == [3]
    assert [len(ids(w)) for w in desk.queue(then, tried_again=True)] == [1, 3]


def test_frames_that_tell_the_person_what_to_do_do_not_wait(desk, entrance, now):
    entrance.shows(draw_face(STRANGER, blurred=True), now)
    assert desk.queue(now + timedelta(minutes=1)) == []


# --- a person's word -------------------------------------------------------------------------------------------


def test_his_word_stands_beside_the_passage_and_changes_nothing_of_it(desk, entrance, house, site, now):  # noqa: F811
    entrance.shows(draw_face(STRANGER), now)
    then = now + timedelta(minutes=1)
    [waiting] = desk.queue(then)
    with house.database.read() as db:
        before = list(db.execute(sa.select(PassageRow.__table__)))
    desk.says(ids(waiting), "assigned", site.wang.id, at=then)
    with house.database.read() as db:
        assert list(db.execute(sa.select(PassageRow.__table__))) == before
        assert list(gates.verify_chain(db, site.a.id)) == []
        assert [p.worker_id for p in money.project_month(db, site.a.id, date(2026, 3, 1), then).passages] == [None]
    assert desk.queue(then) == []


def test_the_latest_word_about_a_passage_holds_and_the_first_stays_written(desk, entrance, house, site, now):  # noqa: F811
    answer = entrance.shows(draw_face(STRANGER), now)
    desk.says([answer.passage_id], "assigned", site.li.id)
    desk.says([answer.passage_id], "discarded")
    with house.database.read() as db:
        assert faces.matches(db, site.a.id)[answer.passage_id].verdict == "discarded"
        assert db.execute(sa.select(sa.func.count(FaceMatch.id))).scalar_one() == 2


def test_confirmed_is_only_whom_the_picture_proposes(desk, entrance, site, now):
    desk.agrees("image_retention")
    desk.policy("agreed")
    answer = entrance.shows(draw_face(WANG, distance=NEARLY), now)
    with pytest.raises(Conflict, match="match_not_proposed"):
        desk.says([answer.passage_id], "confirmed", site.li.id)
    [waiting] = desk.queue(now + timedelta(seconds=1))
    assert waiting.candidate == site.wang.id
    desk.says([answer.passage_id], "confirmed", site.wang.id)
    assert desk.pictures()[0].picture_sealed is not None


def test_who_is_nobodys_leaves_no_picture(desk, entrance, now):
    desk.policy("coarse")
    answer = entrance.shows(draw_face(STRANGER), now)
    desk.says([answer.passage_id], "discarded")
    assert desk.pictures()[0].erased_reason == "discarded"


def test_only_refused_faces_of_this_project_are_decided_about(desk, entrance, house, site, now):  # noqa: F811
    good = entrance.shows(draw_face(WANG), now).passage_id
    with house.database.write() as db:
        foreign = pass_through(db, site.b, "in", None, now, verdict="refuse", code="face_unknown", channel="face").id
        card = pass_through(db, site.a, "in", None, now, verdict="refuse", code="credential_unknown").id
    for wrong in (good, foreign, card, 999_999):
        with pytest.raises(Unusable, match="match_passages_wrong"):
            desk.says([wrong], "discarded")
    refused = entrance.shows(draw_face(STRANGER), now + timedelta(minutes=1)).passage_id
    with pytest.raises(NotFound, match="worker_not_on_project"):
        desk.says([refused], "assigned", site.zhao.id)
    for verdict, worker_id, more, code in (
        ("guessed", None, {}, "match_verdict_unknown"), ("assigned", None, {}, "match_worker_wrong"),
        ("discarded", site.wang.id, {}, "match_worker_wrong"), ("assigned", site.wang.id, {"correct_as": "up"}, "match_direction_unknown"),
    ):
        with pytest.raises(Unusable, match=code):
            desk.says([refused], verdict, worker_id, **more)


def test_a_correction_rests_on_his_word_and_waits_for_the_others(desk, entrance, house, site, now):  # noqa: F811
    answer = entrance.shows(draw_face(STRANGER), now)
    with pytest.raises(Unusable, match="correction_not_matched"), house.database.write() as db:
        timekeeping.request_correction(
            db, project_id=site.a.id, worker_id=site.wang.id, work_date=date(2026, 3, 31), kind="missing_in", in_at=now,
            reason="not_recognised", by="wu", now=now,
        )  # fmt: skip
    decided = desk.says([answer.passage_id], "assigned", site.wang.id, correct_as="in")
    with house.database.read() as db:
        correction = held.correction(db, site.a.id, decided.correction_id)
        assert (correction.in_at, correction.work_date, correction.reason) == (now, date(2026, 3, 31), "not_recognised")
        assert held.corrections(db, site.a.id) == (), "asked for, not agreed to: it counts for no day yet"


# --- who should enrol again ------------------------------------------------------------------------------------


def test_a_worker_whose_face_is_refused_more_and_more_is_listed_until_he_enrols_again(desk, house, site, now):  # noqa: F811
    with house.database.write() as db:
        for day in range(12):
            at = now + timedelta(days=day)
            for second in (0, 3):
                pass_through(
                    db, site.a, "in", None, at + timedelta(seconds=second), verdict="refuse", code="face_unknown",
                    channel="face", event_key=f"r{day}-{second}",
                )
            pass_through(db, site.a, "in", site.wang.id, at + timedelta(seconds=9))
    night = now + timedelta(days=13)
    assert jobs.run_once("drift", house.database, house.settings, night) == "2 projects, 1 pieces of advice, 0 failed"
    with house.database.read() as db:
        [told] = faces.advice(db, site.a.id)
    assert (told.worker_id, told.code, told.facts) == (site.wang.id, "refusals_rising", {"refused": 24, "passed": 12, "share": 2.0})
    enrol_drawn(house.database, house.vault, house.engine, site.a.id, site.wang.id, WANG, night + timedelta(hours=1))
    with house.database.read() as db:
        assert faces.advice(db, site.a.id) == [], "he has come again"
    jobs.run_once("drift", house.database, house.settings, night + timedelta(days=1))
    with house.database.read() as db:
        assert faces.advice(db, site.a.id) == [], "what happened before his new photographs says nothing about them"
