"""Packs from the shell: what is there, what it is, who answers for it."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from app import cli
from app.settings import ACTIVE_PACK, read_settings
from bench import graphs
from recognition import encode_jpeg


@pytest.fixture
def muster(monkeypatch, tmp_path):
    given = read_settings({}, environment="test", data_dir=tmp_path, models_dir=tmp_path / "models")
    monkeypatch.setattr(cli, "read_settings", lambda: given)

    def run(*arguments: str, status: int = 0, answer: str = "") -> str:
        done = CliRunner().invoke(cli.app, ["pack", *map(str, arguments)], input=answer)
        assert done.exit_code == status, (done.output, done.exception)
        return " ".join(done.output.split())

    return run


@pytest.fixture
def own(tmp_path):
    """A manifest V2 folder as its user has it."""
    folder = tmp_path / "own_pack"
    return graphs.write_insightface(
        folder, graphs.scrfd_500m()[0], graphs.mobilefacenet(blocks=(1, 1, 1, 1))[0], names=("det.onnx", "rec.onnx"), manifest=True
    )


def test_the_terms_are_shown_and_a_no_leaves_nothing(muster, own, tmp_path):
    said = muster("add", own, answer="n\n", status=1)
    assert "recognise nobody" in said and "licence_refused" in said
    assert not (tmp_path / "models").exists()


def test_a_pack_is_added_listed_verified_and_used(muster, own, tmp_path):
    said = muster("add", own, answer="y\n")
    assert "sha256" in said and "as its manifest says" in said and "not measured" in said
    (row,) = json.loads(muster("list", "--json"))
    assert row["pack_id"] == "own_pack" and {f["file"] for f in row["files"]} == {"det.onnx", "rec.onnx", "LICENSE"}
    assert "own_pack: ok" in muster("verify")
    assert "as its own library's, cosine 1.0" in muster("verify", "own_pack")
    muster("use", "own_pack", "--yes")
    assert read_settings({}, models_dir=tmp_path / "models").pack_id == "own_pack"
    assert read_settings({"MUSTER_PACK_ID": "synthetic"}, models_dir=tmp_path / "models").pack_id == "synthetic"
    figures = json.loads(muster("bench", "own_pack", "--seconds", "0.2", "--json"))
    assert figures["onnxruntime"]["frame_cpu_ms"] > 0


def test_bytes_without_a_digest_need_a_word(muster, own):
    (own / "manifest.json").unlink()
    licence = own / "MODEL.LICENSE"
    assert "digest_missing" in muster("add", own, "--accept-licence", status=1)
    licence.unlink()
    assert "licence_missing" in muster("add", own, "--accept-licence", "--accept-bytes", status=1)


def test_a_pack_that_does_not_verify_is_never_the_one_in_use(muster, own, tmp_path):
    muster("add", own, "--accept-licence")
    (tmp_path / "models" / "own_pack" / "rec.onnx").write_bytes(b"swapped")
    assert "file_changed" in muster("use", "own_pack", "--yes", status=1)
    assert "file_changed" in muster("verify", status=1)
    assert not (tmp_path / "models" / ACTIVE_PACK).exists()
    shutil.rmtree(tmp_path / "models")
    assert "pack_missing" in muster("use", "own_pack", status=1)


def test_whole_numbers_need_photographs_with_a_face(muster, own, tmp_path):
    muster("add", own, "--accept-licence")
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(encode_jpeg(np.full((480, 640, 3), 90, np.uint8)))
    (photos / "b.jpg").write_bytes(b"no picture")
    said = muster("int8", "own_pack", "--photos", photos, status=1)
    assert "not_jpeg" in said and "0 photographs with one face" in said
    muster("int8", "own_pack", status=2)


def test_the_service_keeps_numpys_own_threads_out():
    """Set before anybody imports numpy: later it is not read."""
    code = "import sys, app.cli, os; assert 'numpy' not in sys.modules; import app.main; print(os.environ['OPENBLAS_NUM_THREADS'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={k: v for k, v in os.environ.items() if "NUM_THREADS" not in k})
    assert done.stdout.strip() == "1", done.stderr[-300:]
