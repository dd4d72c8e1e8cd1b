"""A worker signs with his face: at the desk, with his consent, against his own template and nobody else's."""

import pytest
from starlette.testclient import TestClient

from app import access, enrolment, signatures
from app.errors import Busy, Unusable
from app.main import create_app
from app.store import people, words
from app.store import sheets as rows
from recognition.synthetic import SyntheticEngine, draw_face
from tests.payday import MARCH, Payday, desk  # noqa: F401 - the fixture payday

WANG, LI = 1, 2
WHOLE = ("capture", "template")


@pytest.fixture
def line(payday: Payday, settings):
    """Wang's line of March on a sheet that was handed in; his face is known, Li's too."""
    payday.works(payday.cast.wang, 2, 3)
    payday.works(payday.cast.li, 2)
    payday.locked_and_drafted()
    with payday.database.write() as db:
        sheet = rows.latest_sheet(db, payday.site.team_id, MARCH, "regular")
        rows.add_act(db, sheet.id, act="submitted", note="", by="sun", now=payday.now)
        for member, face in ((payday.cast.wang, WANG), (payday.cast.li, LI)):
            consent = enrolment.ConsentGiven(WHOLE, enrolment.NOTICE_VERSION, "paper", payday.now)
            examined = enrolment.examine(SyntheticEngine(), settings, [draw_face(face)])
            enrolment.enrol(
                db, payday.vault, examined, project_id=payday.site.id, worker_id=member.id, consent=consent, now=payday.now, by="wu"
            )
    return payday.line_of(payday.cast.wang)


def looked(payday: Payday, settings, face: int, engine=None):
    with payday.database.read() as db:
        return signatures.look(
            db, payday.vault, engine or SyntheticEngine(), settings, project_id=payday.site.id, worker_id=payday.cast.wang.id,
            picture=draw_face(face, variant=3),
        )  # fmt: skip


def sign(payday: Payday, line, found):
    return payday.run(
        signatures.sign_by_face, line_id=line.id, line_hash=line.line_hash, worker_id=payday.cast.wang.id, found=found
    )


def test_his_own_face_signs_and_what_was_compared_is_kept_and_the_picture_is_not(payday, line, settings):
    found = looked(payday, settings, WANG)
    word = sign(payday, line, found).confirmation
    assert (str(word.verdict), str(word.method), word.evidence, word.content_hash) == ("agree", "face", (), line.line_hash)
    proof = payday.ask(words.proofs, [word.id])[word.id]
    assert (proof.means, proof.code_by) == ("face", None) and proof.similarity >= proof.similarity_min


def test_anothers_face_signs_nothing(payday, line, settings):
    with pytest.raises(Unusable, match="face_sign_differs"):
        sign(payday, line, looked(payday, settings, LI))
    assert payday.ask(rows.confirmations, payday.site.id, "line", [line.line_hash]) == {}


def test_nobodys_face_signs_whom_consent_or_template_is_missing(payday, line, settings):
    with payday.database.write() as db:
        enrolment.withdraw_consent(db, project_id=payday.site.id, worker_id=payday.cast.wang.id, now=payday.now, by="wu")
    with pytest.raises(Unusable, match="face_sign_no_consent"):
        looked(payday, settings, WANG)
    with payday.database.write() as db:
        consent = enrolment.ConsentGiven(WHOLE, enrolment.NOTICE_VERSION, "paper", payday.now)
        enrolment.record_consent(db, project_id=payday.site.id, worker_id=payday.cast.wang.id, consent=consent, now=payday.now, by="wu")
    with pytest.raises(Unusable, match="face_sign_no_template"):
        looked(payday, settings, WANG)


def test_without_a_model_nobody_is_compared(payday, line, settings):
    with payday.database.read() as db, pytest.raises(Busy, match="pack_missing"):
        signatures.look(
            db, payday.vault, None, settings, project_id=payday.site.id, worker_id=payday.cast.wang.id, picture=draw_face(WANG)
        )


def test_the_tablet_takes_a_face_and_says_when_it_is_another(payday, line, settings, clock, people_on_site):
    clock.advance(seconds=(payday.now - clock()).total_seconds())
    app = create_app(settings, engine=SyntheticEngine(), database=payday.database, vault=payday.vault)
    app.state.clock = clock
    with payday.database.write() as db:
        token = access.begin_session(db, settings, account_id=people_on_site.wu, now=clock())
    client = TestClient(app, follow_redirects=False, headers={"Accept": "text/html"})
    client.cookies.set(access.COOKIE, token)
    path = f"/projects/{payday.site.id}/payroll/{line.sheet_id}/sign"
    form = {"line_id": line.id, "line_hash": line.line_hash}

    def post(face: int):
        return client.post(f"{path}/face", data=form, files={"picture": ("a.jpg", draw_face(face, variant=5), "image/jpeg")})

    refused = post(LI)
    assert refused.status_code == 422 and "不是本人" in refused.text
    assert post(WANG).status_code == 303
    assert "刷脸签字" in client.get(f"/projects/{payday.site.id}/payroll/{line.sheet_id}").text
    with payday.database.read() as db:
        assert people.latest_consent(db, payday.site.id, payday.cast.wang.id).given
