"""An enrolment photograph is shown as its worker passes only where his word and the project's rules say so, and each time is a line."""

import pytest
import sqlalchemy as sa

from app import enrolment, review
from app.errors import NotFound
from app.store import people
from app.store.faces import FacePolicy

JPEG = b"\xff\xd8 his face \xff\xd9"


@pytest.fixture
def gate(database, vault, people_on_site, now):
    site, wang = people_on_site.a, people_on_site.wang

    class Gate:
        def policy(self, gate_photos: str) -> None:
            with database.write() as db:
                review.set_policy(db, project_id=site.id, rules=FacePolicy(gate_photos=gate_photos, ground="影响评估 2026-07"), by="chen", now=now)

        def agrees(self, *scope: str, notice: str = "face-3") -> None:
            said = enrolment.ConsentGiven(("capture", "template", *scope), notice, "screen", now)
            with database.write() as db:
                enrolment.record_consent(db, project_id=site.id, worker_id=wang.id, consent=said, now=now, by="wu")

        def photographed(self) -> None:
            with database.write() as db:
                consent = people.latest_consent(db, site.id, wang.id)
                template = people.add_template(
                    db, worker_id=wang.id, project_id=site.id, consent_id=consent.id, contract_id="c1", pack_id="p",
                    template_sealed=b"-", photographs=1, now=now,
                )  # fmt: skip
                sealed = vault.seal(JPEG, table="face_photo", column="photo_sealed", owner=f"{site.id}:{wang.id}")
                people.add_photo(db, template_id=template, worker_id=wang.id, photo_sealed=sealed, sha256="0" * 64, now=now)

        def shows(self, where: str) -> bool:
            with database.read() as db:
                return review.shows_photograph(db, site.id, wang.id, where)

        def look(self, where: str = "guard", by: str = "ma") -> bytes:
            with database.write() as db:
                return review.photograph(db, vault, project_id=site.id, worker_id=wang.id, where=where, by=by, now=now)

        def seen(self) -> list:
            with database.read() as db:
                rows = db.execute(sa.text("SELECT actor, object FROM journal_entry WHERE action = 'face.viewed' ORDER BY id"))
                return [tuple(row) for row in rows]

    made = Gate()
    made.site, made.wang, made.database, made.now = site, wang, database, now
    return made


@pytest.fixture
def enrolled(gate):
    gate.agrees("image_retention")
    gate.photographed()
    return gate


@pytest.mark.parametrize(
    ("policy", "guard", "screen"), [("off", False, False), ("guard", True, False), ("screen", True, True)]
)
def test_the_project_decides_before_whom(enrolled, policy, guard, screen):
    enrolled.policy(policy)
    assert (enrolled.shows("guard"), enrolled.shows("screen")) == (guard, screen)


def test_without_a_word_of_the_project_nothing_is_shown(enrolled):
    assert not enrolled.shows("guard")
    with pytest.raises(NotFound):
        enrolled.look()
    assert enrolled.seen() == []


def test_each_look_is_a_line(enrolled):
    enrolled.policy("screen")
    assert enrolled.look() == JPEG and enrolled.look("screen", "screen:4") == JPEG
    assert enrolled.seen() == [("ma", f"worker:{enrolled.wang.id}"), ("screen:4", f"worker:{enrolled.wang.id}")]


def test_who_was_read_an_older_notice_was_not_asked_about_that(gate):
    gate.agrees("image_retention", notice="face-2")
    gate.photographed()
    gate.policy("screen")
    assert not gate.shows("guard") and not gate.shows("screen")


def test_who_takes_his_word_back_is_shown_no_more(enrolled):
    enrolled.policy("screen")
    enrolled.agrees()
    assert not enrolled.shows("guard"), "he keeps his template and gives no photograph"
    enrolled.agrees("image_retention")
    assert not enrolled.shows("guard"), "what was erased does not come back"


def test_who_withdraws_is_shown_no_more(enrolled):
    enrolled.policy("screen")
    with enrolled.database.write() as db:
        enrolment.withdraw_consent(db, project_id=enrolled.site.id, worker_id=enrolled.wang.id, now=enrolled.now, by="wu")
    assert not enrolled.shows("guard")
