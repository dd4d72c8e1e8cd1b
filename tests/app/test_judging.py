"""How the gates decide, from the shell."""

import json

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from app import cli
from app.errors import Conflict, Forbidden, Unusable
from recognition.synthetic import draw_face
from tests.recognition.spoofs import five_point, minifasnet


@pytest.fixture
def muster(settings, monkeypatch, now, tmp_path):
    """Run a command in this process, with the test's settings and clock."""
    given = settings.model_copy(update={"key_hex": SecretStr(bytes(range(32)).hex()), "models_dir": tmp_path / "models"})
    monkeypatch.setattr(cli, "read_settings", lambda: given)
    monkeypatch.setattr(cli, "now", lambda: now)
    return lambda *arguments: CliRunner().invoke(cli.app, [str(a) for a in arguments])


@pytest.fixture
def terms(tmp_path):
    file = tmp_path / "terms.txt"
    file.write_text("for tests")
    return file


def test_a_manager_says_how_strictly_his_gates_decide(muster, people_on_site):
    shown = json.loads(muster("decisions", "policy", "A", "--by", "chen", "--json").stdout)
    assert shown["stranger_max"] == {"in_force": 0.01, "own": None}
    muster("decisions", "policy", "A", "--by", "chen", "--stranger-max", "0.001", "--votes", "3")
    shown = json.loads(muster("decisions", "policy", "A", "--by", "chen", "--replay", "observe", "--json").stdout)
    assert (shown["stranger_max"]["own"], shown["votes_min"]["own"], shown["replay"]["own"]) == (0.001, 3, "observe")
    shown = json.loads(muster("decisions", "policy", "A", "--by", "chen", "--reset", "--json").stdout)
    assert {row["own"] for row in shown.values()} == {None}


def test_a_labour_officer_reads_the_rules_and_does_not_make_them(muster, people_on_site):
    assert muster("decisions", "policy", "A", "--by", "wu").exit_code == 0
    assert isinstance(muster("decisions", "policy", "A", "--by", "wu", "--votes", "1").exception, Forbidden)


def test_liveness_is_enforced_once_there_is_a_model(muster, people_on_site, tmp_path, terms):
    assert muster("liveness", "show").exit_code == 1
    assert isinstance(muster("decisions", "policy", "A", "--by", "chen", "--liveness", "enforce").exception, Conflict)
    model = tmp_path / "model.onnx"
    model.write_bytes(five_point())
    done = muster("liveness", "add", model, "--licence", terms)
    assert done.exit_code == 0 and "not one of the files we know" in done.output
    assert muster("liveness", "show").exit_code == 0
    assert muster("decisions", "policy", "A", "--by", "chen", "--liveness", "enforce").exit_code == 0


def test_several_minifasnets_need_their_scales(muster, tmp_path, terms):
    files = []
    for n in range(2):
        files.append(tmp_path / f"{n}.onnx")
        files[-1].write_bytes(minifasnet())
    add = ("liveness", "add", *files, "--licence", terms, "--kind", "scaled_crop")
    assert muster(*add, "--scale", "2.7").exit_code == 2
    assert muster(*add, "--scale", "2.7", "--scale", "4.0").exit_code == 0
    assert isinstance(muster("liveness", "add", files[0], "--licence", terms).exception, Unusable)


def test_scores_are_shown_by_gate(muster, people_on_site):
    rows = json.loads(muster("decisions", "scores", "A", "--by", "lin", "--json").stdout)
    assert [row["frames"] for row in rows] == [0] * len(rows) and len(rows) >= 2


def test_a_pack_is_calibrated_on_a_folder_and_its_curve_drawn(muster, tmp_path):
    for person in range(12):
        (tmp_path / "photos" / f"p{person}").mkdir(parents=True)
        for variant in range(2):
            (tmp_path / "photos" / f"p{person}" / f"{variant}.jpg").write_bytes(draw_face(person, variant=variant))
    done = muster("pack", "calibrate", "--photos", tmp_path / "photos", "--picture", tmp_path / "det.svg", "--store", "--json")
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["people"], report["genuine"], report["impostor"]) == (12, 12, 264)
    assert report["limits"][0]["false_accepts"]["k"] == 0 and report["limits"][0]["false_accepts"]["high"] < 0.02
    assert report["curve"]["points"][0][0] == 0.3
    assert (tmp_path / "det.svg").read_text().startswith("<svg")
    assert (tmp_path / "calibration" / "synthetic-1.json").exists()


def test_too_few_pictures_state_no_rates_and_change_no_limit(muster, tmp_path):
    for person in range(3):
        (tmp_path / "photos" / f"p{person}").mkdir(parents=True)
        (tmp_path / "photos" / f"p{person}" / "1.jpg").write_bytes(draw_face(person))
    assert isinstance(muster("pack", "calibrate", "--photos", tmp_path / "photos", "--store").exception, Unusable)
    assert not (tmp_path / "calibration").exists()
    assert muster("pack", "calibrate", "--photos", tmp_path / "photos").exit_code == 0
    assert muster("pack", "calibrate").exit_code == 2
