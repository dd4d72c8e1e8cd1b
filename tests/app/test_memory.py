import subprocess
import sys
from pathlib import Path


def test_a_settled_process_leaves_alone_what_it_started_with_and_still_collects():
    said = subprocess.run(
        [sys.executable, "-c", """
import gc, weakref
from app.memory import NEW_OBJECTS, settle
settle()
class Ring: pass
ring = Ring(); ring.itself = ring
gone = weakref.ref(ring)
del ring
kept = [[] for _ in range(2 * NEW_OBJECTS)]
print(gc.get_freeze_count() > 1000, gone() is None)
"""],
        capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[2],
    )
    assert said.stdout.split() == ["True", "True"]


def test_every_command_settles_before_it_works(settings, monkeypatch, tmp_path):
    from app import cli, memory
    from app.db import migrate

    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MUSTER_DATABASE_URL", settings.url)
    migrate(settings)
    settled = []
    monkeypatch.setattr(memory, "settle", lambda: settled.append(True))
    with cli.opened():
        assert settled == [True]
