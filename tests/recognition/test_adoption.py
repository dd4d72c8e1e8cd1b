"""Packs of others: brought as folders and archives, by graphs of their signatures with random weights (bench/graphs.py)."""

import json
import shutil
import zipfile

import numpy as np
import onnx
import pytest

from bench import graphs
from recognition import Engine, PackError, adopt, adoption, compare_with_library, list_packs, load_pack, look
from recognition.align import FIVE_REFERENCE, five_chip
from recognition.graph import rewritten
from recognition.pack import ModelPart

TERMS = "Random weights; they recognise nobody."


@pytest.fixture
def buffalo(tmp_path, detector_bytes, recogniser_bytes):
    return graphs.write_insightface(tmp_path / "buffalo_xs", detector_bytes, recogniser_bytes, names=("det_500m.onnx", "w600k_mbf.onnx"))


@pytest.fixture
def manifest_v2(tmp_path, detector_bytes, recogniser_bytes):
    return graphs.write_insightface(
        tmp_path / "own_pack", detector_bytes, recogniser_bytes, names=("det.onnx", "rec.onnx"), manifest=True
    )


@pytest.fixture(scope="session")
def sface(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    graphs.write_yunet_sface(folder / "in")
    offer = look(folder / "in")
    return Engine(adopt(offer, folder / "models", pack_id="sface", terms=TERMS, licence_accepted=True, bytes_accepted=True))


def wall(height=480, width=640):
    frame = np.full((height, width, 3), 128, np.uint8)
    frame[::2] += 40
    return frame


def take(folder, models, **given):
    given = {"terms": TERMS, "licence_accepted": True, "bytes_accepted": True} | given
    return adopt(look(folder), models, **given)


def refusal(call, *arguments, **given):
    with pytest.raises(PackError) as caught:
        call(*arguments, **given)
    return caught.value.code


def rewrite(folder, **changes):
    path = folder / "manifest.json"
    said = json.loads(path.read_text())
    for key, value in changes.items():
        task, _, name = key.partition("__")
        if value is None:
            said["tasks"][task].pop(name)
        else:
            said["tasks"][task][name] = value
    path.write_text(json.dumps(said))


def test_a_folder_as_insightface_unpacks_it_becomes_a_pack_that_recognises(buffalo, tmp_path):
    (buffalo / "genderage.onnx").write_bytes(graphs.yunet()[0][:100])
    (buffalo / "genderage.onnx").unlink()
    (buffalo / "README.txt").write_text("what came along")
    pack = take(buffalo, tmp_path / "models")
    assert (pack.pack_id, pack.metric, pack.dimension, pack.calibrated) == ("buffalo_xs", "cosine", 512, False)
    assert [file.name for file in pack.files] == ["det_500m.onnx", "w600k_mbf.onnx", "LICENSE"], "nothing else is taken"
    assert load_pack(tmp_path / "models" / "buffalo_xs").contract_id == pack.contract_id
    assert [row.code for row in list_packs(tmp_path / "models")] == [None]


@pytest.mark.parametrize("which", ["shaped_engine", "sface"])
def test_a_face_is_found_where_it_is_and_embedded(which, request):
    engine = request.getfixturevalue(which)
    analysis = engine.analyse(graphs.marked(wall()), purpose="gate")
    assert analysis.code is None and len(analysis.faces) == 1
    face = analysis.subject
    centre = (320, 240 - int(graphs.FACE_BELOW) + graphs.FACE_BELOW)
    assert abs((face.box[0] + face.box[2]) / 2 - centre[0]) < 17 and abs((face.box[1] + face.box[3]) / 2 - centre[1]) < 17
    assert face.side == pytest.approx(graphs.FACE_SIDE, abs=2)
    assert np.allclose(face.keypoints.mean(0), np.mean(graphs.FIVE * graphs.FACE_SIDE, 0) + centre, atol=17)
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
    assert face.quality.yaw == pytest.approx(0, abs=3) and face.quality.roll == pytest.approx(0, abs=3)
    assert face.quality.face_px > 100
    again = engine.analyse(graphs.marked(wall()), purpose="gate").subject
    assert (again.embedding == face.embedding).all()
    assert np.allclose(engine.template(graphs.marked(wall()), face), face.embedding, atol=1e-6)


@pytest.mark.parametrize("which", ["shaped_engine", "sface"])
def test_it_says_what_its_own_library_says(which, request):
    engine = request.getfixturevalue(which)
    said = compare_with_library(engine, graphs.marked(wall(448, 640)))
    assert said[0].startswith("1 faces"), said


@pytest.mark.parametrize("which", ["shaped_engine", "sface"])
def test_a_wrong_scale_or_order_of_colours_is_found_out_against_its_library(which, request, monkeypatch):
    engine = request.getfixturevalue(which)
    monkeypatch.setattr(engine, "embed", lambda chips, embed=engine.embed: embed(chips[:, :, :, ::-1].copy()))
    assert refusal(compare_with_library, engine, graphs.marked(wall(448, 640))) == "graph_wrong"


def test_near_and_region_look_at_less_and_find_the_same(shaped_engine):
    image = graphs.marked(wall())
    whole = shaped_engine.analyse(image, purpose="gate").subject
    near = shaped_engine.analyse(image, purpose="gate", region=(0.1, 0.0, 0.9, 1.0)).subject
    assert np.allclose(whole.keypoints, near.keypoints, atol=17)
    assert shaped_engine.analyse(image, purpose="gate", region=(0.0, 0.0, 0.2, 0.2)).code == "no_face"
    # Nothing where somebody was a moment ago: the whole picture is searched.
    assert shaped_engine.analyse(image, purpose="gate", near=(0.0, 400.0, 60.0, 460.0)).subject is not None
    for wrong in ((0.5, 0, 0.5, 1), (0, 0, 1.1, 1), (float("nan"), 0, 1, 1)):
        with pytest.raises(ValueError, match="region"):
            shaped_engine.analyse(image, purpose="gate", region=wrong)


def test_an_archive_with_a_folder_in_it_is_the_same_pack(manifest_v2, buffalo, tmp_path):
    archive = tmp_path / "buffalo_l.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(buffalo.iterdir()):
            file.write(path, f"buffalo_l/{path.name}")
    offer = look(archive)
    assert offer.archive == "" and "buffalo_l.zip is not the published archive of that name" in offer.warnings
    pack = take(archive, tmp_path / "models")
    assert pack.contract_id == take(buffalo, tmp_path / "models").contract_id


def test_terms_are_shown_and_asked_for(buffalo, manifest_v2, tmp_path):
    assert refusal(take, buffalo, tmp_path / "m", terms="") == "licence_missing"
    assert refusal(take, buffalo, tmp_path / "m", licence_accepted=False) == "licence_refused"
    assert "recognise nobody" in look(manifest_v2).terms
    assert not (tmp_path / "m").exists()


def test_bytes_that_nobody_vouches_for_are_named_and_taken_only_when_accepted(buffalo, manifest_v2, tmp_path):
    offer = look(buffalo)
    assert offer.unvouched == ("det_500m.onnx", "w600k_mbf.onnx")
    assert "det_500m.onnx is not the published file of that name" in offer.warnings
    assert refusal(take, buffalo, tmp_path / "m", bytes_accepted=False) == "digest_missing"
    assert look(manifest_v2).unvouched == ()
    rewrite(manifest_v2, recognition__sha256=None)
    assert look(manifest_v2).unvouched == ("rec.onnx",)
    assert refusal(take, manifest_v2, tmp_path / "m", bytes_accepted=False) == "digest_missing"


def test_a_published_file_is_known_by_its_digest_whatever_it_is_called(buffalo, monkeypatch):
    digests = [adoption.writing.digest((buffalo / name).read_bytes()) for name in ("det_500m.onnx", "w600k_mbf.onnx")]
    known = {digest: adoption.Known(f"x{n}", f"model-{n}", "CC0", "free terms", "here") for n, digest in enumerate(digests)}
    monkeypatch.setattr(adoption, "KNOWN", known)
    offer = look(buffalo)
    assert offer.vouched == dict.fromkeys(("det_500m.onnx", "w600k_mbf.onnx"), "published")
    assert offer.terms == "free terms" and offer.licence == "CC0"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"detection__sha256": "0" * 64}, "source_changed"),
        ({"recognition__embedding_dimension": 128}, "graph_wrong"),
        ({"recognition__input_size": [224, 224]}, "manifest_wrong"),
        ({"recognition__file": "../rec.onnx"}, "manifest_wrong"),
        ({"recognition__file": "absent.onnx"}, "source_missing"),
        ({"recognition__preprocessing": {"mean": 1, "std": 0}}, "manifest_wrong"),
        ({"recognition__preprocessing_version": "another-1"}, "manifest_wrong"),
        # The two graphs the wrong way round: their digests may be right, their shapes are not.
        ({"detection__file": "rec.onnx", "detection__sha256": None, "recognition__file": "det.onnx", "recognition__sha256": None}, "graph_wrong"),
    ],
)  # fmt: skip
def test_a_manifest_that_promises_something_else_is_refused(manifest_v2, change, code):
    rewrite(manifest_v2, **change)
    assert refusal(look, manifest_v2) == code


def test_what_is_no_pack_is_refused(tmp_path, recogniser_bytes):
    assert refusal(look, tmp_path / "buffalo_l") == "source_missing", "a bare name is looked up nowhere"
    folder = tmp_path / "f"
    folder.mkdir()
    assert refusal(look, folder) == "source_unreadable"
    (folder / "a.onnx").write_bytes(b"no graph")
    assert refusal(look, folder) == "graph_wrong"
    (folder / "a.onnx").write_bytes(recogniser_bytes)
    assert refusal(look, folder) == "source_unreadable"
    (folder / "b.onnx").write_bytes(recogniser_bytes)
    assert refusal(look, folder) == "manifest_wrong", "two recognisers"
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(b"PK\x03\x04 nothing")
    assert refusal(look, bomb) == "source_unreadable"
    with zipfile.ZipFile(bomb, "w") as file:
        for n in range(100):
            file.writestr(f"{n}.onnx", b"")
    assert refusal(look, bomb) == "source_unreadable"


def test_a_graph_with_weights_elsewhere_or_operators_of_strangers_is_refused(buffalo, recogniser_bytes):
    model = onnx.load_model_from_string(recogniser_bytes)
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    (buffalo / "w600k_mbf.onnx").write_bytes(model.SerializeToString())
    assert refusal(look, buffalo) == "graph_wrong"
    model = onnx.load_model_from_string(recogniser_bytes)
    model.graph.node[0].domain = "com.stranger"
    (buffalo / "w600k_mbf.onnx").write_bytes(model.SerializeToString())
    assert refusal(look, buffalo) == "graph_wrong"


def test_a_detector_whose_outputs_are_in_another_order_is_refused(tmp_path, detector_bytes, recogniser_bytes):
    model = onnx.load_model_from_string(detector_bytes)
    outputs = list(model.graph.output)
    for output in outputs:
        output.type.tensor_type.shape.ClearField("dim")  # a graph that does not say
        output.type.tensor_type.ClearField("shape")
    del model.graph.output[:]
    model.graph.output.extend(outputs[3:] + outputs[:3])
    folder = graphs.write_insightface(tmp_path / "x", model.SerializeToString(), recogniser_bytes, names=("d.onnx", "r.onnx"))
    assert refusal(take, folder, tmp_path / "models") == "graph_wrong"
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("fixed", [None, (320, 320)])
@pytest.mark.parametrize("ranked", [2, 3])
def test_detectors_of_either_rank_and_of_a_fixed_size_are_read(tmp_path, recogniser_bytes, ranked, fixed):
    detector = graphs.scrfd_500m(ranked=ranked, fixed=fixed)[0]
    folder = graphs.write_insightface(tmp_path / "x", detector, recogniser_bytes, names=("d.onnx", "r.onnx"))
    engine = Engine(take(folder, tmp_path / "models"))
    analysis = engine.analyse(graphs.marked(wall(), side=96 if fixed else 48), purpose="gate")
    assert analysis.subject is not None and engine.notes[0].startswith("detector: rewritten")


def test_the_rewritten_recogniser_has_no_prelu_and_the_same_embedding(recogniser_bytes):
    part = ModelPart("r", "m", "1", "0" * 64, "arcface", 127.5, 127.5)
    model = onnx.load_model_from_string(rewritten(recogniser_bytes, part, "r"))
    assert "PRelu" not in {node.op_type for node in model.graph.node}
    assert "PRelu" in {node.op_type for node in onnx.load_model_from_string(recogniser_bytes).graph.node}
    onnx.checker.check_model(model)


def test_a_rewrite_that_would_change_the_answer_is_not_used(tmp_path, monkeypatch, detector_bytes, recogniser_bytes):
    from recognition import graph

    def wrong(model, rewrite=graph._rewrite_prelu):
        rewrite(model)
        for weight in model.graph.initializer:
            if weight.name.endswith("__rest"):
                values = onnx.numpy_helper.to_array(weight)
                weight.CopyFrom(onnx.numpy_helper.from_array(values * np.float32(0.9), weight.name))

    folder = graphs.write_insightface(tmp_path / "x", detector_bytes, recogniser_bytes, names=("d.onnx", "r.onnx"))
    pack = take(folder, tmp_path / "models")
    monkeypatch.setattr(graph, "_rewrite_prelu", wrong)
    engine = Engine(pack)
    assert engine.notes[1].startswith("embedding: not rewritten (cosine"), engine.notes
    chips = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8)
    monkeypatch.undo()
    assert np.allclose(engine.embed(chips), Engine(pack).embed(chips), atol=1e-5)


def test_a_chip_shows_the_five_points_where_they_belong():
    random = np.random.default_rng(4)
    image = random.integers(0, 256, (300, 400, 3), np.uint8)
    turned = (FIVE_REFERENCE - 56) @ np.array([[0.9, 0.2], [-0.2, 0.9]]) + (200, 150)
    assert five_chip(image, FIVE_REFERENCE.astype(np.float32)).shape == (112, 112, 3)
    assert (five_chip(image, FIVE_REFERENCE) == image[:112, :112]).all(), "points in their places: the chip is the picture"
    assert np.isfinite(five_chip(image, turned)).all()
    five_chip(image, np.zeros((5, 2), np.float32))


def test_another_detector_or_scale_is_another_contract(manifest_v2, tmp_path):
    first = take(manifest_v2, tmp_path / "a")
    rewrite(manifest_v2, recognition__preprocessing={"mean": 127.5, "std": 128.0})
    assert take(manifest_v2, tmp_path / "b").contract_id != first.contract_id


def test_a_dat_comes_in_through_the_same_door(tmp_path, pack):
    from recognition.build import sources_folder

    shutil.copytree(pack.folder, tmp_path / "models" / pack.pack_id)
    dat = sources_folder() / "dlib_face_recognition_resnet_model_v1.dat"
    offer = look(dat)
    assert (offer.kind, offer.unvouched) == ("dlib", (dat.name,))
    made = adopt(offer, tmp_path / "models", pack_id="another", terms=TERMS, licence_accepted=True, bytes_accepted=True)
    assert made.metric == "euclidean" and not made.calibrated
