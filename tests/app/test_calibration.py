"""What is measured on this machine about a pack: out of folders and rosters, kept without faces, used at the next start."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from app import calibration
from app.settings import Settings
from recognition import Curve, FarPoint, TooFewPictures, fit_curve, limits_for
from recognition.synthetic import PACK, SyntheticEngine, draw_face
from tests.faces import enrol_drawn

CURVE = Curve((FarPoint(1e-2, 0.2), FarPoint(1e-4, 0.62)), 1e-3, "machine")


@pytest.fixture
def folder(tmp_path):
    for person in range(12):
        (tmp_path / f"p{person}").mkdir()
        for variant in range(3):
            (tmp_path / f"p{person}" / f"{variant}.jpg").write_bytes(draw_face(person, variant=variant))
    (tmp_path / "p0" / "notes.txt").write_text("no picture")
    (tmp_path / "p1" / "broken.jpg").write_bytes(b"\xff\xd8\xffnothing")
    (tmp_path / "p2" / "empty.png").write_bytes(cv2.imencode(".png", np.zeros((200, 200, 3), np.uint8))[1].tobytes())
    return tmp_path


def test_a_folder_of_photographs_is_compared_and_what_cannot_be_used_is_counted(folder):
    found = calibration.photographs(SyntheticEngine(), folder, pixels_max=10**7)
    assert (found.people, found.pictures, found.lost) == (12, 36, 2)
    assert (len(found.genuine), len(found.impostor)) == (36, 594)
    assert found.genuine.min() > 0.7 > 0.2 > found.impostor.max()


def test_what_was_measured_is_kept_without_a_face_and_found_again(folder, tmp_path, now):
    settings = Settings(environment="test", data_dir=tmp_path / "data")
    found = calibration.photographs(SyntheticEngine(), folder, pixels_max=10**7)
    curve = fit_curve(found)
    file = calibration.keep(settings, PACK, curve, found, source="photographs", now=now)
    assert calibration.kept(settings, PACK.contract_id).points == curve.points
    assert set(json.loads(file.read_text())) == {
        "format", "contract_id", "pack_id", "made_at", "source", "people", "pictures", "genuine", "impostor", "measured_to", "points",
    }  # fmt: skip
    assert calibration.kept(settings, "another") is None


def test_a_pack_that_was_measured_here_asks_for_what_was_measured(tmp_path, now):
    settings = Settings(environment="test", data_dir=tmp_path)
    calibration.keep(settings, PACK, CURVE, calibration.Scores(np.zeros(1), np.zeros(1), 2, 3), source="photographs", now=now)
    measured = calibration.with_kept(settings, PACK)
    assert limits_for(measured, 100).similarity_min == pytest.approx(0.62)
    assert limits_for(measured, 100).source == "machine"
    assert limits_for(PACK, 100).source == "rows"
    assert measured.contract_id == PACK.contract_id
    assert calibration.with_kept(settings, replace(PACK, contract_id="other")).machine_curve is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "contract_id": "synthetic-1", "points": [[0.1, 0.5]], "measured_to": 0.1}'])
def test_a_file_that_cannot_be_read_leaves_the_packs_own_limits(tmp_path, text):
    settings = Settings(environment="test", data_dir=tmp_path)
    (tmp_path / calibration.FOLDER).mkdir()
    (tmp_path / calibration.FOLDER / f"{PACK.contract_id}.json").write_text(text)
    assert calibration.with_kept(settings, PACK) is PACK


def test_a_roster_tells_its_false_accepts_and_with_kept_photographs_its_false_rejects(database, vault, people_on_site, now):
    engine, site = SyntheticEngine(), people_on_site.a
    enrol_drawn(database, vault, engine, site.id, people_on_site.wang.id, 1, now)
    with pytest.raises(TooFewPictures), database.read() as db:
        calibration.roster(db, vault, engine, site.id, pixels_max=10**7)
    enrol_drawn(database, vault, engine, site.id, people_on_site.li.id, 2, now)
    with database.read() as db:
        found = calibration.roster(db, vault, engine, site.id, pixels_max=10**7)
    assert (found.people, len(found.genuine), len(found.impostor)) == (2, 0, 1)


def test_kept_photographs_of_a_roster_are_tried_against_each_other(database, vault, people_on_site, now):
    from app import enrolment
    from app.wording import notices

    engine, site = SyntheticEngine(), people_on_site.a
    said = enrolment.ConsentGiven(("capture", "template", "image_retention"), notices.FACE_CURRENT, "screen", now)
    for member, person in ((people_on_site.wang, 1), (people_on_site.li, 2)):
        examined = enrolment.examine(engine, Settings(environment="test"), [draw_face(person, variant=n) for n in (1, 2, 3)])
        with database.write() as db:
            enrolment.enrol(db, vault, examined, project_id=site.id, worker_id=member.id, consent=said, now=now, by="wu")
    with database.read() as db:
        found = calibration.roster(db, vault, engine, site.id, pixels_max=10**7)
    assert len(found.genuine) == 6 and found.genuine.min() > 0.7
    assert len(found.impostor) == 1 + 6 and found.impostor.max() < 0.2
