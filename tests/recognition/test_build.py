import hashlib
import sys
import tomllib

import pytest

import recognition.build as build
from recognition import PackError, build_default_pack, import_dat, load_pack, writing
from recognition.pack import ThresholdRow

_opened = None


def _note_opened(event, args):
    if _opened is not None and event == "open":
        _opened.append(str(args[0]))


sys.addaudithook(_note_opened)


@pytest.fixture
def opened():
    """Every path that Python opens while the test runs."""
    global _opened
    _opened = []
    yield _opened
    _opened = None


@pytest.fixture(scope="module")
def other(pack, tmp_path_factory):
    """The same weights imported under another name, in a folder of their own."""
    models = tmp_path_factory.mktemp("models")
    build_default_pack(models)
    path = build.sources_folder() / "dlib_face_recognition_resnet_model_v1.dat"
    return import_dat(
        path,
        models,
        "own-weights",
        "Do as you like.",
        name_zh="自有模型",
        name_en='Own "weights"\nwith a second line',
        licence="CC0-1.0",
        source="a test",
    )


@pytest.mark.slow
def test_building_again_gives_the_same_bytes(pack, other):
    again = load_pack(other.folder.parent / pack.pack_id)
    assert {file.name: file.sha256 for file in again.files} == {file.name: file.sha256 for file in pack.files}
    assert again.contract_id == pack.contract_id


def test_a_pack_that_is_there_is_not_built_again(pack, opened):
    steps = []
    assert build_default_pack(pack.folder.parent, progress=lambda step, share: steps.append((step, share)))
    assert steps == [("verified", 1.0)]
    assert not [path for path in opened if path.endswith(".dat")]


def test_the_68_point_file_is_never_opened(tmp_path, opened):
    build_default_pack(tmp_path)
    read = {path.rsplit("/", 1)[-1] for path in opened if path.endswith(".dat")}
    assert read == {
        "dlib_face_recognition_resnet_model_v1.dat",
        "mmod_human_face_detector.dat",
        "shape_predictor_5_face_landmarks.dat",
    }
    assert "face_recognition_models" not in sys.modules
    assert [path.name for path in tmp_path.iterdir()] == ["dlib-resnet-v1"], "something was left behind"


def test_a_damaged_pack_is_built_anew(other):
    folder = other.folder.parent / "dlib-resnet-v1"
    (folder / "detector.onnx").write_bytes(b"not a model")
    pack = build_default_pack(folder.parent)
    assert hashlib.sha256((folder / "detector.onnx").read_bytes()).hexdigest() in {f.sha256 for f in pack.files}


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path, monkeypatch):
    for weights in (build._EMBEDDING, build._DETECTOR, build._LANDMARKS):
        (tmp_path / weights.file).write_bytes(b"something else")
    monkeypatch.setattr(build, "sources_folder", lambda: tmp_path)
    with pytest.raises(PackError) as caught:
        build_default_pack(tmp_path / "models")
    assert caught.value.code == "source_changed"
    assert not list((tmp_path / "models").glob("*"))


def test_weights_that_are_not_installed_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PackError) as caught:
        build_default_pack(tmp_path)
    assert caught.value.code == "source_missing"


def test_without_the_onnx_writer_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(PackError) as caught:
        build_default_pack(tmp_path)
    assert (caught.value.code, list(tmp_path.iterdir())) == ("writer_missing", [])


def test_a_failure_while_writing_leaves_nothing_half_built(tmp_path, monkeypatch):
    def disk_full(_descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(writing.os, "fsync", disk_full)
    with pytest.raises(OSError, match="disk full"):
        build_default_pack(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_imported_pack_is_marked_as_not_calibrated_and_meets_nobody_elses_embeddings(other, pack):
    assert (other.calibrated, pack.calibrated) == (False, True)
    assert other.contract_id != pack.contract_id
    assert other.name_en == 'Own "weights"\nwith a second line'
    assert other.threshold_rows == pack.threshold_rows
    assert (other.folder / "LICENSE").read_text() == "Do as you like."


def test_an_import_needs_no_more_than_a_file_a_name_and_its_terms(other):
    path = build.sources_folder() / "dlib_face_recognition_resnet_model_v1.dat"
    imported = import_dat(path, other.folder.parent, "bare", "Terms.")
    assert (imported.name_zh, imported.licences[0]) == ("bare", ("embedding.onnx", "see LICENSE"))
    assert imported.weaknesses == (build.UNMEASURED,)


def test_an_imported_pack_with_thresholds_of_its_own_counts_as_calibrated(other):
    imported = import_dat(
        build.sources_folder() / "dlib_face_recognition_resnet_model_v1.dat",
        other.folder.parent,
        "measured",
        "Terms.",
        name_zh="已测",
        name_en="Measured",
        licence="CC0-1.0",
        source="a test",
        thresholds=(ThresholdRow(None, 0.4, 0.1),),
    )
    assert imported.calibrated and imported.thresholds_for(5).similarity_min == 0.4


def test_an_import_refuses_a_wrong_file_a_wrong_name_and_missing_terms(other, tmp_path):
    words = {"name_zh": "甲", "name_en": "A", "licence": "CC0-1.0", "source": "a test"}
    models = other.folder.parent
    detector = build.sources_folder() / "mmod_human_face_detector.dat"
    for path, name, terms, code in (
        (detector, "wrong-net", "Terms.", "source_unreadable"),
        (tmp_path / "absent.dat", "absent", "Terms.", "source_missing"),
        (detector, "../outside", "Terms.", "manifest_wrong"),
        (detector, "dlib-resnet-v1", "Terms.", "manifest_wrong"),
        (detector, "no-terms", "  ", "manifest_wrong"),
    ):
        with pytest.raises(PackError) as caught:
            import_dat(path, models, name, terms, **words)
        assert caught.value.code == code, name


def test_the_manifest_says_what_the_default_pack_is_bad_at(pack):
    manifest = tomllib.loads((pack.folder / "pack.toml").read_text("utf-8"))
    assert pack.needs_confirmation_advised
    assert any("东亚" in weakness.zh and "East Asian" in weakness.en for weakness in pack.weaknesses)
    assert manifest["enrolment"] == {"photographs_min": 1, "photographs_advised": 3, "jitters": 10}
    assert all(licence == "CC0-1.0" for _, licence in pack.licences)
