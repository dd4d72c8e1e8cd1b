"""A worker's face: only with his word, only good photographs, and gone when he takes his word back."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sqlalchemy as sa

from app import enrolment, papers
from app.db import Database
from app.enrolment import ConsentGiven
from app.errors import Busy, Conflict, NotFound, ServiceError, Unusable
from app.galleries import Galleries, load
from app.settings import Settings
from app.store import accounts, people
from app.store import papers as kept
from app.tables import FacePhoto, FaceTemplate
from app.vault import Vault
from app.wording import SENTENCES, notices, sentence
from recognition import best_match, decode_jpeg
from recognition.synthetic import PACK, SyntheticEngine, draw_face, embedding_of
from tests.cast import Cast, code_is_sound

WANG, LI, OTHER = 1, 2, 3
SETTINGS = Settings(environment="test")
DAY = timedelta(days=1)
LAST_DAY = date(2026, 3, 20)


def noon(on: date) -> datetime:
    """Noon on site."""
    return datetime.combine(on, time(12), ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def site(people_on_site: Cast) -> Cast:
    return people_on_site


class Desk:
    """The labour officer's desk on project A, with a camera."""

    def __init__(self, database: Database, vault: Vault, site: Cast, now: datetime) -> None:
        self.database, self.vault, self.site, self.now = database, vault, site, now
        self.engine = SyntheticEngine()
        self.galleries = Galleries(vault, PACK)

    def said(self, *scope: str, **changed: object) -> ConsentGiven:
        scope = scope or ("capture", "template", "site_storage")
        consent = {"scope": scope, "notice_version": enrolment.NOTICE_VERSION, "method": "screen", "at": self.now}
        return ConsentGiven(**{**consent, **changed})

    def enrol(self, worker_id: int, *photographs: bytes, consent: object = "said", project_id: int | None = None) -> enrolment.Enrolled:
        examined = enrolment.examine(self.engine, SETTINGS, list(photographs))
        with self.database.write() as db:
            return enrolment.enrol(
                db, self.vault, examined, project_id=project_id or self.site.a.id, worker_id=worker_id,
                consent=self.said() if consent == "said" else consent, now=self.now, by="wu",
            )

    def record(self, worker_id: int, consent: ConsentGiven) -> int:
        with self.database.write() as db:
            return enrolment.record_consent(
                db, project_id=self.site.a.id, worker_id=worker_id, consent=consent, now=self.now, by="wu"
            )

    def withdraw(self, worker_id: int, method: str = "spoken") -> enrolment.Withdrawn:
        with self.database.write() as db:
            return enrolment.withdraw_consent(
                db, project_id=self.site.a.id, worker_id=worker_id, method=method, now=self.now, by="wu"
            )

    def recognised(self, person: int) -> int | None:
        with self.database.read() as db:
            gallery = self.galleries.of(db, self.site.a.id)
        match = best_match(embedding_of(person), gallery, contract_id=PACK.contract_id)
        return match.key if match and match.similarity >= 0.5 else None

    def opened(self, photo: sa.Row, worker_id: int) -> bytes:
        owner = f"{self.site.a.id}:{worker_id}"
        return self.vault.open(photo.photo_sealed, table="face_photo", column="photo_sealed", owner=owner)

    def leaves(self, worker_id: int, last_day: date) -> None:
        with self.database.write() as db:
            papers.exit_worker(
                db, project_id=self.site.a.id, worker_id=worker_id, exit_on=last_day + DAY, now=self.now, by="wu"
            )

    def overdue(self, on: date, days_after_exit: int = 30) -> dict[int, str]:
        with self.database.read() as db:
            return enrolment.overdue(db, project_id=self.site.a.id, now=noon(on), days_after_exit=days_after_exit)

    def erases(self, on: date, among: list[int] | None = None, days_after_exit: int = 30) -> enrolment.Erased:
        everybody = [self.site.wang.id, self.site.li.id]
        with self.database.write() as db:
            return enrolment.erase_overdue(
                db, project_id=self.site.a.id, among=everybody if among is None else among, now=noon(on),
                days_after_exit=days_after_exit, by="worker",
            )

    def rows(self, table: type) -> list[sa.Row]:
        with self.database.read() as db:
            return list(db.execute(sa.select(table.__table__).order_by(table.id)))


@pytest.fixture
def desk(database: Database, vault: Vault, site: Cast, now: datetime) -> Desk:
    return Desk(database, vault, site, now)


def refused(*photographs: bytes) -> ServiceError:
    with pytest.raises(ServiceError) as error:
        enrolment.examine(SyntheticEngine(), SETTINGS, list(photographs))
    return error.value


# --- photographs ----------------------------------------------------------------------------------------------


def test_several_photographs_become_one_template_their_mean(desk: Desk):
    examined = enrolment.examine(desk.engine, SETTINGS, [draw_face(WANG, variant=n) for n in (1, 2, 3)])
    mean = np.mean([embedding_of(WANG, variant=n) for n in (1, 2, 3)], axis=0)
    assert np.allclose(examined.template, mean, atol=1e-6)


@pytest.mark.parametrize(
    ("drawn", "code"),
    [({"faces": 0}, "no_face"), ({"faces": 2}, "several_faces"), ({"small": True}, "face_too_small"), ({"blurred": True}, "face_blurred"),
     ({"dark": True}, "face_too_dark"), ({"bright": True}, "face_too_bright"), ({"turned": True}, "face_turned"), ({"cut": True}, "face_cut"),
     ({"lights_out": True}, "too_dark")],
)
def test_a_photograph_that_is_not_good_enough_is_named_with_its_number_and_reason(drawn: dict, code: str):
    error = refused(draw_face(WANG), draw_face(WANG, **drawn))
    assert (error.code, error.status, error.facts["photograph"]) == (code, 422, 2)
    assert sentence(code, "en") != code


@pytest.mark.parametrize(
    ("bytes_of", "code"),
    [(b"GIF89a", "not_jpeg"), (b"", "not_jpeg"), (draw_face(WANG)[:2000], "image_truncated"), (b"\xff\xd8\xff", "image_truncated")],
)
def test_bytes_that_are_no_photograph_are_refused_in_words(bytes_of: bytes, code: str):
    assert refused(bytes_of).code == code and code in SENTENCES


def test_everything_to_mend_is_said_at_once():
    error = refused(draw_face(WANG, blurred=True), draw_face(WANG), draw_face(WANG, dark=True))
    assert error.facts["photographs"] == [(1, "face_blurred"), (3, "face_too_dark")]


def test_photographs_of_two_people_are_refused_and_the_odd_one_named():
    error = refused(draw_face(WANG), draw_face(OTHER), draw_face(WANG, variant=2))
    assert (error.code, error.facts["photograph"]) == ("photographs_differ", 2)
    two_and_two = refused(draw_face(WANG), draw_face(OTHER), draw_face(OTHER, variant=1), draw_face(WANG, variant=2))
    assert two_and_two.code == "photographs_differ", "nobody can say which of the two he is"


def test_of_four_photographs_one_that_shows_somebody_else_is_set_aside_and_told(desk: Desk):
    photographs = [draw_face(WANG), draw_face(WANG, variant=1), draw_face(OTHER), draw_face(WANG, variant=2)]
    examined = enrolment.examine(desk.engine, SETTINGS, photographs)
    assert examined.set_aside == 3 and len(examined.photographs) == 3
    mean = np.mean([embedding_of(WANG, variant=n) for n in (0, 1, 2)], axis=0)
    assert np.allclose(examined.templates, mean[None], atol=1e-6)
    assert sha256(photographs[2]).hexdigest() not in examined.sent and len(examined.sent) == 3
    assert desk.enrol(desk.site.wang.id, *photographs).set_aside == 3


def test_another_look_of_his_stands_beside_the_mean_and_is_him_at_the_gate(desk: Desk):
    """Two photographs with, so to speak, a helmet and a beard: 0.42 away from how he usually looks."""
    looks = [draw_face(WANG), draw_face(WANG, variant=1), draw_face(WANG, variant=2), draw_face(WANG, variant=3), draw_face(WANG, distance=0.45)]
    enrolled = desk.enrol(desk.site.wang.id, *looks)
    assert (enrolled.templates, enrolled.set_aside, enrolled.photographs) == (2, None, 5)
    with desk.database.read() as db:
        gallery = load(db, desk.vault, PACK, desk.site.a.id)
    assert gallery.keys == (desk.site.wang.id,) * 2
    far = embedding_of(WANG, distance=0.45)
    assert best_match(far, gallery, contract_id=PACK.contract_id).similarity > 0.9


def test_a_pack_that_needs_several_photographs_is_not_given_one_several_times():
    engine = SyntheticEngine()
    engine.pack = replace(PACK, enrolment_photographs_min=2)
    with pytest.raises(Unusable) as refused:
        enrolment.examine(engine, SETTINGS, [draw_face(5)] * 3)
    assert refused.value.code == "photographs_alike" and [n for n, _ in refused.value.facts["photographs"]] == [2, 3]
    assert enrolment.examine(engine, SETTINGS, [draw_face(5), draw_face(5, variant=1)]).alike == ()


def test_no_photograph_and_too_many_are_refused():
    assert refused().code == "photographs_missing"
    assert refused(*[b"x"] * 11).code == "photographs_too_many"


def test_without_a_pack_nobody_is_enrolled_and_it_is_said(desk: Desk):
    with pytest.raises(Busy, match="pack_missing"):
        enrolment.examine(None, SETTINGS, [draw_face(WANG)])


# --- consent --------------------------------------------------------------------------------------------------


def test_an_enrolled_worker_is_recognised(desk: Desk):
    enrolled = desk.enrol(desk.site.wang.id, draw_face(WANG), draw_face(WANG, variant=1))
    assert (enrolled.photographs, enrolled.advised_more, enrolled.contract_id) == (2, 1, PACK.contract_id)
    assert desk.recognised(WANG) == desk.site.wang.id


def test_without_his_word_there_is_no_template(desk: Desk):
    with pytest.raises(Unusable, match="consent_missing"):
        desk.enrol(desk.site.wang.id, draw_face(WANG), consent=None)
    assert desk.rows(FaceTemplate) == []


@pytest.mark.parametrize("scope", [(), ("capture",), ("template",), ("site_storage", "net_transfer", "image_retention")])
def test_a_scope_without_capture_and_template_is_no_consent_to_enrol(desk: Desk, scope: tuple[str, ...]):
    consent = ConsentGiven(scope, enrolment.NOTICE_VERSION, "screen", desk.now)
    with pytest.raises(Unusable, match="consent_missing"):
        desk.enrol(desk.site.wang.id, draw_face(WANG), consent=consent)
    desk.record(desk.site.wang.id, consent)
    with pytest.raises(Unusable, match="consent_missing"):
        desk.enrol(desk.site.wang.id, draw_face(WANG), consent=None)


def test_a_consent_recorded_before_is_enough(desk: Desk):
    recorded = desk.record(desk.site.wang.id, desk.said())
    desk.enrol(desk.site.wang.id, draw_face(WANG), consent=None)
    assert desk.rows(FaceTemplate)[0].consent_id == recorded


def test_a_consent_is_recorded_with_scope_notice_time_and_way(desk: Desk):
    at = desk.now - timedelta(hours=1)
    desk.record(desk.site.wang.id, desk.said("template", "capture", method="paper", at=at))
    with desk.database.read() as db:
        latest = people.latest_consent(db, desk.site.a.id, desk.site.wang.id)
    assert (latest.act, latest.scope, latest.method, latest.at) == ("give", ("capture", "template"), "paper", at)
    assert (latest.notice_version, latest.recorded_by) == (notices.FACE_CURRENT, "wu")


def test_a_consent_that_cannot_be_right_is_refused(desk: Desk):
    for changed, code in (
        ({"scope": ("capture", "everything")}, "consent_scope_unknown"), ({"notice_version": "face-0"}, "notice_unknown"),
        ({"method": "assumed"}, "consent_method_unknown"), ({"at": desk.now + timedelta(hours=1)}, "consent_in_future"),
        ({"at": desk.now.replace(tzinfo=None)}, "consent_at_naive"),
    ):
        with pytest.raises(Unusable) as error:
            desk.record(desk.site.wang.id, desk.said(**changed))
        assert error.value.code == code
        with pytest.raises(Unusable):
            desk.enrol(desk.site.wang.id, draw_face(WANG), consent=desk.said(**changed))
    assert desk.rows(FaceTemplate) == []


def test_a_narrower_word_takes_back_what_it_leaves_out(desk: Desk):
    full = desk.said("capture", "template", "image_retention")
    desk.enrol(desk.site.wang.id, draw_face(WANG), consent=full)
    desk.record(desk.site.wang.id, desk.said("capture", "template"))
    assert desk.rows(FacePhoto)[0].photo_sealed is None and desk.recognised(WANG) == desk.site.wang.id
    desk.record(desk.site.wang.id, desk.said("capture"))
    assert desk.rows(FaceTemplate)[0].template_sealed is None and desk.recognised(WANG) is None


# --- who may be enrolled --------------------------------------------------------------------------------------


def test_nobody_of_another_project_and_nobody_who_left_is_enrolled(desk: Desk):
    with pytest.raises(NotFound, match="worker_not_on_project"):
        desk.enrol(desk.site.zhao.id, draw_face(OTHER))
    with desk.database.write() as db:
        papers.exit_worker(
            db, project_id=desk.site.a.id, worker_id=desk.site.wang.id, exit_on=desk.now.date(), now=desk.now, by="wu"
        )
    with pytest.raises(Unusable, match="worker_not_engaged"):
        desk.enrol(desk.site.wang.id, draw_face(WANG))


def test_too_like_another_worker_is_refused_without_saying_whom(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    with pytest.raises(Unusable) as error:
        desk.enrol(desk.site.li.id, draw_face(WANG, twin=1.0))
    assert (error.value.code, error.value.facts, error.value.detail) == ("too_like_another", {}, "")
    assert len(desk.rows(FaceTemplate)) == 1
    with desk.database.read() as db:
        assert people.latest_consent(db, desk.site.a.id, desk.site.li.id) is None, "the consent is not kept either"


def test_a_worker_is_not_refused_for_being_like_himself(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.enrol(desk.site.wang.id, draw_face(WANG, variant=3))
    assert desk.recognised(WANG) == desk.site.wang.id


def test_another_project_is_another_roster(desk: Desk):
    desk.enrol(desk.site.zhao.id, draw_face(WANG, twin=1.0), project_id=desk.site.b.id)
    desk.enrol(desk.site.wang.id, draw_face(WANG))


def test_enrolling_again_erases_the_old_template(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.enrol(desk.site.wang.id, draw_face(OTHER))
    first, second = desk.rows(FaceTemplate)
    assert (first.template_sealed, first.erased_reason) == (None, "replaced")
    assert second.template_sealed is not None and second.erased_at is None
    assert (desk.recognised(WANG), desk.recognised(OTHER)) == (None, desk.site.wang.id)


# --- what is kept ---------------------------------------------------------------------------------------------


def test_a_photograph_is_kept_only_when_he_agreed_to_that(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    assert desk.rows(FacePhoto) == []
    photograph = draw_face(LI)
    desk.enrol(desk.site.li.id, photograph, consent=desk.said("capture", "template", "image_retention"))
    [photo] = desk.rows(FacePhoto)
    opened = desk.opened(photo, desk.site.li.id)
    shown, kept_one = decode_jpeg(photograph, pixels_max=10**6), decode_jpeg(opened, pixels_max=10**6)
    assert np.abs(shown.astype(int) - kept_one).mean() < 3, "the same picture"
    assert opened[:40] not in bytes(photo.photo_sealed)
    assert photo.sha256 == sha256(opened).hexdigest()


def test_what_came_along_with_a_photograph_is_not_kept(desk: Desk):
    """Place and time in EXIF, a comment, another file behind the end marker: a phone sends the first, malice the last."""
    plain = draw_face(WANG)

    def segment(marker: int, said: bytes) -> bytes:
        return bytes((0xFF, marker)) + (len(said) + 2).to_bytes(2, "big") + said

    exif = segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0 N30.75 E120.78 Wang's home")
    sent = plain[:2] + exif + segment(0xFE, b"taken by Zhou") + plain[2:] + b"PK\x03\x04 another file"
    desk.enrol(desk.site.wang.id, sent, consent=desk.said("capture", "template", "image_retention"))
    [photo] = desk.rows(FacePhoto)
    opened = desk.opened(photo, desk.site.wang.id)
    for told in (b"Exif", b"E120.78", b"Zhou", b"PK\x03\x04"):
        assert told in sent and told not in opened
    assert opened.endswith(b"\xff\xd9") and desk.recognised(WANG) == desk.site.wang.id


def test_a_template_lies_sealed_and_opens_for_nobody_else(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    sealed = bytes(desk.rows(FaceTemplate)[0].template_sealed)
    assert embedding_of(WANG).tobytes()[:16] not in sealed
    with pytest.raises(Exception, match="moved"):
        desk.vault.open(sealed, table="face_template", column="template_sealed", owner=f"{desk.site.a.id}:{desk.site.li.id}")


def test_withdrawing_erases_face_and_photographs_and_leaves_wages_and_card(desk: Desk):
    with desk.database.write() as db:
        papers.issue_card(db, desk.vault, project_id=desk.site.a.id, worker_id=desk.site.wang.id, value="556677", now=desk.now, by="wu")
        before = people.terms(db, desk.site.a.id), people.engagements(db, desk.site.a.id)
    desk.enrol(desk.site.wang.id, draw_face(WANG), consent=desk.said("capture", "template", "image_retention"))
    assert desk.recognised(WANG) == desk.site.wang.id

    withdrawn = desk.withdraw(desk.site.wang.id)

    assert (withdrawn.templates_erased, withdrawn.already) == (1, False)
    assert desk.recognised(WANG) is None
    assert [row.template_sealed for row in desk.rows(FaceTemplate)] == [row.photo_sealed for row in desk.rows(FacePhoto)] == [None]
    with desk.database.read() as db:
        assert (people.terms(db, desk.site.a.id), people.engagements(db, desk.site.a.id)) == before
        assert [one.channel for one in kept.live_credentials(db, desk.site.a.id, desk.site.wang.id)] == ["card"]
        assert people.latest_consent(db, desk.site.a.id, desk.site.wang.id).act == "withdraw"


def test_who_withdraws_without_card_or_code_is_given_a_code(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.withdraw(desk.site.wang.id)
    about = {"project_id": desk.site.a.id, "worker_id": desk.site.wang.id, "now": desk.now, "by": "wu"}
    with desk.database.write() as db:
        assert code_is_sound(papers.non_face_way(db, desk.vault, **about))
        assert papers.non_face_way(db, desk.vault, **about) is None


def test_withdrawing_twice_is_withdrawing_once_and_never_an_error(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.withdraw(desk.site.wang.id)
    assert desk.withdraw(desk.site.wang.id) == enrolment.Withdrawn(0, already=True)
    with desk.database.read() as db:
        lines = [line for line in accounts.journal_lines(db, desk.site.a.id, 100) if line.action == "consent.withdrawn"]
    assert len(lines) == 1


def test_there_is_nothing_to_withdraw_where_nothing_was_given(desk: Desk):
    with pytest.raises(Conflict, match="consent_not_given"):
        desk.withdraw(desk.site.wang.id)
    with pytest.raises(Unusable, match="consent_method_unknown"):
        desk.withdraw(desk.site.wang.id, "guessed")


def test_after_withdrawing_he_may_agree_again(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.withdraw(desk.site.wang.id)
    with pytest.raises(Unusable, match="consent_missing"):
        desk.enrol(desk.site.wang.id, draw_face(WANG), consent=None)
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    assert desk.recognised(WANG) == desk.site.wang.id


def test_the_journal_knows_that_and_not_whom(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    with desk.database.read() as db:
        lines = accounts.journal_lines(db, desk.site.a.id, 100)
    assert {"consent.given", "face.enrolled"} <= {line.action for line in lines}
    assert "王建国" not in json.dumps([line.facts for line in lines], ensure_ascii=False)


# --- what may not be kept any more ----------------------------------------------------------------------------


def test_a_face_is_erased_on_the_thirtieth_day_after_his_last(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG), draw_face(WANG, variant=1), consent=desk.said("capture", "template", "image_retention"))
    desk.enrol(desk.site.li.id, draw_face(LI), consent=desk.said("capture", "template", "image_retention"))
    desk.leaves(desk.site.wang.id, LAST_DAY)

    assert desk.overdue(LAST_DAY + 29 * DAY) == {}
    assert desk.erases(LAST_DAY + 29 * DAY) == enrolment.Erased() and desk.recognised(WANG) is not None
    assert desk.overdue(LAST_DAY + 30 * DAY) == {desk.site.wang.id: "exited"}
    assert desk.erases(LAST_DAY + 30 * DAY) == enrolment.Erased(templates=1, photographs=2, exited=1)

    first, second = desk.rows(FaceTemplate)
    assert (first.template_sealed, first.erased_at, first.erased_reason) == (None, noon(LAST_DAY + 30 * DAY), "exited")
    assert second.template_sealed is not None
    assert [photo.photo_sealed is None for photo in desk.rows(FacePhoto)] == [True, True, False]
    assert (desk.recognised(WANG), desk.recognised(LI)) == (None, desk.site.li.id)


def test_the_day_is_the_sites_own(desk: Desk):
    """17:00 in Greenwich is the next morning on site."""
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.leaves(desk.site.wang.id, LAST_DAY)
    evening = datetime.combine(LAST_DAY + 29 * DAY, time(15, 59), UTC)
    with desk.database.read() as db:
        ask = {"project_id": desk.site.a.id, "days_after_exit": 30}
        assert enrolment.overdue(db, now=evening, **ask) == {}
        assert enrolment.overdue(db, now=evening + timedelta(minutes=1), **ask) == {desk.site.wang.id: "exited"}


def test_how_long_a_face_is_kept_is_a_setting(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.leaves(desk.site.wang.id, LAST_DAY)
    assert desk.overdue(LAST_DAY, days_after_exit=1) == {}
    assert desk.overdue(LAST_DAY + DAY, days_after_exit=1) == {desk.site.wang.id: "exited"}


@pytest.mark.parametrize("entry_in_days", [5, 200])
def test_a_worker_who_came_back_or_is_about_to_keeps_his_face(desk: Desk, entry_in_days: int):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.leaves(desk.site.wang.id, LAST_DAY)
    with desk.database.write() as db:
        people.add_engagement(
            db, worker_id=desk.site.wang.id, project_id=desk.site.a.id, project_company_id=desk.site.a.project_company_id,
            team_id=desk.site.a.team_id, trade=None, entry_on=LAST_DAY + entry_in_days * DAY, now=desk.now,
        )
    assert desk.overdue(LAST_DAY + 100 * DAY) == {}
    assert desk.erases(LAST_DAY + 100 * DAY) == enrolment.Erased() and desk.recognised(WANG) == desk.site.wang.id


def test_work_on_another_project_is_no_reason_to_keep_a_face_on_this_one(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.leaves(desk.site.wang.id, LAST_DAY)
    with desk.database.write() as db:
        people.add_engagement(
            db, worker_id=desk.site.wang.id, project_id=desk.site.b.id, project_company_id=desk.site.b.project_company_id,
            team_id=desk.site.b.team_id, trade=None, entry_on=LAST_DAY + DAY, now=desk.now,
        )
    desk.enrol(desk.site.wang.id, draw_face(WANG), project_id=desk.site.b.id)
    assert desk.erases(LAST_DAY + 30 * DAY).exited == 1
    assert [(row.project_id, row.erased_reason) for row in desk.rows(FaceTemplate)] == [(desk.site.a.id, "exited"), (desk.site.b.id, None)]


def test_what_was_left_of_a_withdrawn_or_narrowed_consent_is_erased(desk: Desk):
    for member, person in ((desk.site.wang, WANG), (desk.site.li, LI)):
        desk.enrol(member.id, draw_face(person), consent=desk.said("capture", "template", "image_retention"))
    with desk.database.write() as db:
        # As a crash, a restored backup or a hand in the database might leave it: his word is gone, his face is not.
        word = {"project_id": desk.site.a.id, "notice_version": enrolment.NOTICE_VERSION, "method": "paper", "at": desk.now, "recorded_by": "wu", "now": desk.now}
        people.add_consent(db, worker_id=desk.site.wang.id, act="withdraw", scope=(), **word)
        people.add_consent(db, worker_id=desk.site.li.id, act="give", scope=("capture",), **word)
    assert desk.overdue(desk.now.date()) == {desk.site.wang.id: "withdrawn", desk.site.li.id: "scope_narrowed"}
    assert desk.erases(desk.now.date()) == enrolment.Erased(templates=2, photographs=2, withdrawn=2)
    assert desk.overdue(desk.now.date()) == {}


def test_only_his_latest_word_counts_and_only_the_one_about_this_project(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.withdraw(desk.site.wang.id)
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    with desk.database.write() as db:
        people.add_consent(
            db, worker_id=desk.site.wang.id, project_id=desk.site.b.id, act="withdraw", scope=(),
            notice_version=enrolment.NOTICE_VERSION, method="paper", at=desk.now, recorded_by="wu", now=desk.now,
        )
        scope = ("capture", "template", "site_storage")
        assert kept.faces_kept(db, desk.site.a.id) == [kept.FaceKept(desk.site.wang.id, None, True, scope)]
    assert desk.overdue(desk.now.date()) == {}


def test_a_photograph_whose_template_is_gone_is_still_found(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG), consent=desk.said("capture", "template", "image_retention"))
    with desk.database.write() as db:
        db.execute(sa.update(FaceTemplate.__table__).values(template_sealed=None, erased_at=desk.now, erased_reason="replaced"))
    desk.leaves(desk.site.wang.id, LAST_DAY)
    assert desk.erases(LAST_DAY + 30 * DAY) == enrolment.Erased(photographs=1, exited=1)
    assert desk.rows(FacePhoto)[0].photo_sealed is None


def test_erasing_twice_is_erasing_once_and_the_journal_says_why(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG), consent=desk.said("capture", "template", "image_retention"))
    desk.leaves(desk.site.wang.id, LAST_DAY)
    assert desk.erases(LAST_DAY + 30 * DAY, among=[desk.site.li.id]) == enrolment.Erased(), "only who was asked for"
    desk.erases(LAST_DAY + 30 * DAY)
    assert desk.erases(LAST_DAY + 31 * DAY) == enrolment.Erased()
    with desk.database.read() as db:
        lines = [line for line in accounts.journal_lines(db, desk.site.a.id, 100) if line.action == "face.erased"]
    assert [(line.actor, line.object, line.facts) for line in lines] == [
        ("worker", f"worker:{desk.site.wang.id}", {"reason": "exited", "templates": 1, "photographs": 1})
    ]


def test_people_are_counted_once_however_many_projects_know_them(desk: Desk):
    def enrolled() -> int:
        with desk.database.read() as db:
            return kept.faces_enrolled(db)

    assert enrolled() == 0
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.enrol(desk.site.li.id, draw_face(LI))
    with desk.database.write() as db:
        people.add_engagement(
            db, worker_id=desk.site.wang.id, project_id=desk.site.b.id, project_company_id=desk.site.b.project_company_id,
            team_id=desk.site.b.team_id, trade=None, entry_on=LAST_DAY, now=desk.now,
        )
    desk.enrol(desk.site.wang.id, draw_face(WANG), project_id=desk.site.b.id)
    assert enrolled() == 2
    desk.withdraw(desk.site.li.id)
    assert enrolled() == 1


# --- galleries ------------------------------------------------------------------------------------------------


def test_a_gallery_is_opened_once_and_again_when_somebody_is_enrolled_elsewhere(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    with desk.database.read() as db:
        first = desk.galleries.of(db, desk.site.a.id)
        assert desk.galleries.of(db, desk.site.a.id) is first
    desk.enrol(desk.site.li.id, draw_face(LI))
    with desk.database.read() as db:
        assert desk.galleries.of(db, desk.site.a.id).keys == (desk.site.wang.id, desk.site.li.id)
        assert len(desk.galleries.of(db, desk.site.b.id)) == 0
        desk.galleries.forget()
        assert desk.galleries.of(db, desk.site.a.id) is not first


def test_a_template_that_does_not_open_costs_one_worker_his_face_and_nobody_else(desk: Desk, behind_the_walls):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    desk.enrol(desk.site.li.id, draw_face(LI))
    first, second = desk.rows(FaceTemplate)
    with desk.database.write() as db:
        db.execute(sa.update(FaceTemplate.__table__).where(FaceTemplate.id == first.id).values(template_sealed=second.template_sealed))
    assert (desk.recognised(WANG), desk.recognised(LI)) == (None, desk.site.li.id)


def test_templates_of_another_contract_are_never_compared(desk: Desk):
    desk.enrol(desk.site.wang.id, draw_face(WANG))
    with desk.database.write() as db:
        db.execute(sa.update(FaceTemplate.__table__).values(contract_id="another"))
    assert desk.recognised(WANG) is None


def test_the_notice_says_in_plain_words_what_the_law_asks():
    notice = notices.FACE[notices.FACE_CURRENT]
    zh = "".join(text for _, text, _, _ in notice.paragraphs)
    for said in ("记您的工时", "加密", "30 天内删除", "照样", "卡或通行码", "随时可以撤回"):
        assert said in zh
    assert max(len(text) for _, text, _, _ in notice.paragraphs) < 80, "short enough to be read aloud"


def test_one_face_at_two_desks_at_once_is_enrolled_once(database, vault, settings, people_on_site, now):
    """Two officers enrol the same person as two workers in the same moment: one of them is told."""
    import threading

    from app.errors import Unusable
    from recognition.synthetic import SyntheticEngine
    from tests.faces import enrol_drawn

    engine, told, start = SyntheticEngine(), [], threading.Barrier(2)

    def desk(worker_id: int) -> None:
        start.wait()
        try:
            enrol_drawn(database, vault, engine, people_on_site.a.id, worker_id, 7, now)
            told.append("enrolled")
        except Unusable as refused:
            told.append(refused.code)

    desks = [threading.Thread(target=desk, args=(who.id,)) for who in (people_on_site.wang, people_on_site.li)]
    for thread in desks:
        thread.start()
    for thread in desks:
        thread.join()
    assert sorted(told) == ["enrolled", "too_like_another"]
