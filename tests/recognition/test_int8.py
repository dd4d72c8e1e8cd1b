"""A pack in whole numbers: made of one's own photographs, or refused with the figure that says why."""

from dataclasses import replace

import numpy as np
import pytest

from bench import graphs
from recognition import Engine, PackError, adopt, int8, load_pack, look

TERMS = "Random weights; they recognise nobody."


@pytest.fixture(scope="module")
def resnet(tmp_path_factory, detector_bytes):
    """A small pack of the ResNet kind, with the depth-wise detector."""
    folder = tmp_path_factory.mktemp("int8")
    recogniser = graphs.iresnet(layers=(1, 1, 1, 1), planes=(8, 16, 16, 32))[0]
    graphs.write_insightface(folder / "in", detector_bytes, recogniser, names=("det.onnx", "rec.onnx"), manifest=True)
    return adopt(look(folder / "in"), folder / "models", pack_id="resnet", licence_accepted=True)


@pytest.fixture(scope="module")
def photographs():
    random = np.random.default_rng(8)
    made = []
    for _ in range(6):
        coarse = random.integers(0, 256, (12, 16, 3), np.uint8)
        made.append(graphs.marked(np.ascontiguousarray(coarse.repeat(30, 0).repeat(30, 1)[:352, :480]), centre=(240, 60)))
    return made


@pytest.fixture(scope="module", autouse=True)
def few_and_any_speed():
    """How much quicker it is depends on the machine the tests run on; that it is asked is tried by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8, "QUICKER_MIN", 0.0)
        patch.setattr(int8, "PHOTOGRAPHS_MIN", 6)
        yield


@pytest.fixture(scope="module")
def quantised(resnet, photographs, tmp_path_factory):
    return int8.quantise(resnet, photographs, tmp_path_factory.mktemp("int8-out"))


def refusal(*arguments, **given):
    with pytest.raises(PackError) as caught:
        int8.quantise(*arguments, **given)
    return caught.value.code


def test_it_is_a_pack_of_its_own_that_hardly_moves_an_embedding(resnet, photographs, quantised):
    made, drift = quantised
    assert (made.pack_id, made.calibrated, made.metric) == ("resnet-int8", False, "cosine")
    assert made.contract_id != resnet.contract_id, "nothing is compared across the two"
    assert made.parts["detector"] == resnet.parts["detector"], "depth-wise: left as it is"
    assert made.parts["embedding"].weights_sha256 != resnet.parts["embedding"].weights_sha256
    assert drift.cosine_median > int8.COSINE_MEDIAN_MIN and drift.photographs == len(photographs) // 2
    assert (drift.faces_lost, drift.faces_added) == (0, 0) and set(drift.quicker) == {"embedding"}
    subject = Engine(load_pack(made.folder)).analyse(photographs[1], purpose="gate").subject
    exact = Engine(resnet).analyse(photographs[1], purpose="gate").subject
    assert float(subject.embedding @ exact.embedding) > int8.COSINE_MIN


def test_a_pack_that_drifts_is_refused_and_not_there(resnet, photographs, quantised, tmp_path, monkeypatch):
    """Made of the same bytes again: the scales are not what is tried here."""
    data = quantised[0].read("rec.onnx")
    monkeypatch.setattr(int8, "_quantised", lambda *_: data)
    monkeypatch.setattr(int8, "COSINE_MEDIAN_MIN", 0.99999)
    assert refusal(resnet, photographs, tmp_path) == "drift_too_large"
    monkeypatch.setattr(int8, "COSINE_MEDIAN_MIN", 0.0)
    monkeypatch.setattr(int8, "QUICKER_MIN", 1e9)
    assert refusal(resnet, photographs, tmp_path) == "graph_wrong", "not quicker on this machine"
    assert list(tmp_path.iterdir()) == []


def test_what_gains_nothing_is_refused(shaped_engine, pack, photographs, tmp_path):
    assert refusal(shaped_engine.pack, photographs, tmp_path) == "graph_wrong", "depth-wise throughout"
    assert refusal(pack, photographs, tmp_path) == "graph_wrong", "the embedded pack"


def test_too_few_photographs_with_a_face_are_refused(resnet, photographs, tmp_path):
    blank = [np.full((352, 480, 3), 90, np.uint8)] * int8.PHOTOGRAPHS_MIN
    assert refusal(resnet, photographs[:-1] + blank, tmp_path) == "source_missing"


@pytest.mark.parametrize(
    ("measured", "refused"),
    [
        ({}, False), ({"cosine_median": 0.99}, True), ({"cosine_least": 0.97}, True), ({"cosine_median": float("nan")}, True),
        ({"faces_lost": 1}, True), ({"faces_added": 1}, True), ({"overlap_least": 0.79}, True),
    ],
)  # fmt: skip
def test_the_bounds_are_the_stated_ones(measured, refused):
    good = int8.Drift(12, cosine_median=0.999, cosine_least=0.99, faces=12, faces_lost=0, faces_added=0, overlap_least=0.95, quicker={})
    drift = replace(good, **measured)
    if refused:
        with pytest.raises(PackError, match="drift_too_large"):
            int8._check(drift)
    else:
        int8._check(drift)
