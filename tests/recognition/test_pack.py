import shutil

import pytest

from recognition import PackError, Thresholds, list_packs, load_pack
from recognition.pack import parse_manifest


@pytest.fixture
def copy(pack, tmp_path):
    """A copy of the default pack that a test may damage."""
    folder = tmp_path / "models" / pack.pack_id
    shutil.copytree(pack.folder, folder)
    return folder


def refusal(folder):
    with pytest.raises(PackError) as caught:
        load_pack(folder)
    return caught.value.code


def edit(folder, old, new):
    path = folder / "pack.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_pack_says_what_it_is(pack):
    assert (pack.metric, pack.dimension, pack.face_px_min) == ("euclidean", 128, 60)
    assert pack.contract_id.startswith("c1-") and len(pack.contract_id) == 27


def test_a_larger_roster_needs_more_similarity(pack):
    assert pack.thresholds_for(1) == pack.thresholds_for(100) == Thresholds(0.50, 0.08)
    assert pack.thresholds_for(101).similarity_min == pack.thresholds_for(200).similarity_min == 0.525
    assert pack.thresholds_for(1000).similarity_min == 0.55
    assert pack.thresholds_for(50_000).similarity_min == 0.60


def test_every_file_of_a_pack_is_verified(copy, pack):
    for file in pack.files:
        path = copy / file.name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert refusal(copy) == "file_changed", file.name
        path.unlink()
        assert refusal(copy) == "file_missing", file.name
        path.write_bytes(whole)
    assert load_pack(copy).contract_id == pack.contract_id


def test_a_file_that_changes_after_loading_is_not_read(copy):
    loaded = load_pack(copy)
    (copy / "detector.onnx").write_bytes(b"swapped")
    with pytest.raises(PackError, match="file_changed"):
        loaded.read("detector.onnx")


def test_a_manifest_is_read_strictly(copy):
    whole = (copy / "pack.toml").read_text("utf-8")
    for old, new, code in (
        ("format = 1", "format = 2", "manifest_wrong"),
        ("format = 1", "format = true", "manifest_wrong"),
        ("dimension = 128", "", "manifest_wrong"),
        ("dimension = 128", "dimension = 128\ncolour = 1", "manifest_wrong"),
        ('metric = "euclidean"', 'metric = "manhattan"', "manifest_wrong"),
        ("similarity_min = 0.5\n", "similarity_min = 0.58\n", "manifest_wrong"),
        ("roster_max = 200", "roster_max = 50", "manifest_wrong"),
        ('file = "detector.onnx"', 'file = "../detector.onnx"', "manifest_wrong"),
        ('file = "detector.onnx"', 'file = "other.onnx"', "manifest_wrong"),
        ('id = "dlib-resnet-v1"', 'id = "another"', "manifest_wrong"),
        ("jitters = 10", "jitters = 0", "manifest_wrong"),
        ("format = 1", "format = = 1", "manifest_unreadable"),
    ):
        edit(copy, old, new)
        assert refusal(copy) == code, new
        (copy / "pack.toml").write_text(whole, "utf-8")


def test_embeddings_of_other_weights_or_other_arithmetic_have_another_contract(copy, pack):
    text = (copy / "pack.toml").read_text("utf-8")
    part = pack.parts["embedding"]
    for old, new in (
        (part.weights_sha256, "0" * 64),
        ("dlib-five-point-chip-150", "another-chip"),
        (f'model = "{part.model}"\nversion = "1"', f'model = "{part.model}"\nversion = "2"'),
        ('metric = "euclidean"', 'metric = "cosine"'),
    ):
        assert old in text
        assert parse_manifest(text.replace(old, new, 1), copy).contract_id != pack.contract_id, new
    # A new threshold, or the same weights in a file of another writer, asks nobody to enrol again.
    for old, new in (("roster_max = 100", "roster_max = 50"), (pack.files[0].sha256, "0" * 64)):
        assert parse_manifest(text.replace(old, new, 1), copy).contract_id == pack.contract_id


def test_a_broken_pack_is_listed_with_its_error(copy):
    models = copy.parent
    (models / "empty").mkdir()
    (models / ".building-x").mkdir()
    (models / "README.md").write_text("about packs")
    shutil.copytree(copy, models / "broken")
    listed = list_packs(models)
    assert [(row.pack_id, row.code) for row in listed] == [
        ("broken", "manifest_wrong"),
        ("dlib-resnet-v1", None),
        ("empty", "pack_missing"),
    ]
    assert listed[0].error.startswith("manifest_wrong: id is")
    assert listed[1].pack is not None and list_packs(models / "absent") == ()
