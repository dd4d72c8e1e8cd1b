"""What runs a model: onnxruntime, or OpenVINO where it is installed, agrees and is quicker."""

import subprocess
import sys
import time

import numpy as np
import pytest

from recognition import Engine, PackError, runner


@pytest.fixture
def installed(monkeypatch):
    """OpenVINO as a stand-in that answers as onnxruntime does, altered as a test wants, after a wait of the processor."""

    def install(change=lambda outputs: outputs, wait_s=0.0):
        def stand_in(data, what, outputs, shape):
            plain = runner.onnxruntime_runner(data, what, runner.options())
            known = {}

            def run(pictures):
                key = pictures.tobytes()
                if key not in known:
                    known[key] = change([array.copy() for array in plain(pictures)])
                until = time.process_time() + wait_s
                while time.process_time() < until:
                    pass
                return known[key]

            return runner.Runner("openvino bf16", run, shape)

        monkeypatch.setattr(runner, "openvino_runner", stand_in)
        monkeypatch.setattr(runner, "openvino_installed", lambda: True)

    return install


def test_the_quicker_of_two_that_agree_is_used(shaped_engine, installed):
    installed()
    engine = Engine(shaped_engine.pack, provider="auto")
    assert set(engine.providers.values()) == {"openvino bf16"}
    assert any("ms" in note for note in engine.notes)


def test_the_slower_one_is_not(shaped_engine, installed):
    installed(wait_s=0.08)
    assert set(Engine(shaped_engine.pack, provider="auto").providers.values()) == {"onnxruntime"}


@pytest.mark.parametrize(
    "change",
    [
        lambda outputs: [array + np.random.default_rng(1).normal(0, 0.1 * abs(array).max() + 0.05, array.shape).astype(np.float32) for array in outputs],
        lambda outputs: [np.full_like(array, np.nan) for array in outputs],
        lambda outputs: [array[:, :-1] for array in outputs],
    ],
)
def test_one_that_disagrees_is_not_however_quick(shaped_engine, installed, change):
    installed(change)
    engine = Engine(shaped_engine.pack, provider="auto")
    assert set(engine.providers.values()) == {"onnxruntime"}
    assert sum("disagrees" in note for note in engine.notes) == 2, engine.notes


def test_what_is_not_installed_is_said_when_it_was_asked_for_and_missed_by_nobody_else(shaped_engine, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(runner, "openvino_installed", lambda: False)
    assert set(Engine(shaped_engine.pack, provider="auto").providers.values()) == {"onnxruntime"}
    with pytest.raises(PackError, match="provider_missing"):
        Engine(shaped_engine.pack, provider="openvino")


def test_the_package_that_reports_to_its_maker_is_never_imported():
    pytest.importorskip("openvino", reason="OpenVINO is not installed: it is optional")
    code = (
        "import sys; from recognition import runner; runner._openvino(); "
        "print([name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr[-300:]
