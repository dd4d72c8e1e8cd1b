"""A process that has loaded the service and does nothing but fork: its children are services without the two seconds of loading.

A child is what ``muster serve`` is after its imports: a process of its own, with its own environment, files and death.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CLOCK = "TEST_CLOCK"
"""Of a child's environment: the file of its ``Moved`` clock."""


class Nursery:
    """Forks services on request."""

    def __init__(self) -> None:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"], cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def fork(self, arguments: list[str], environment: Mapping[str, str], log: Path, errors: Path | None = None) -> "Child":
        """Run ``muster`` with arguments in a child; its output goes to the end of the log, its errors there or to a file of their own."""
        asked = {"arguments": arguments, "environment": dict(environment), "log": str(log), "errors": str(errors or log)}
        return Child(self, self.ask(asked))

    def run(self, arguments: list[str], environment: Mapping[str, str], seconds_max: float = 120) -> subprocess.CompletedProcess[str]:
        """Run ``muster`` with arguments in a child to its end."""
        with tempfile.TemporaryDirectory(prefix="muster-run-") as folder:
            out, errors = Path(folder) / "out", Path(folder) / "errors"
            child = self.fork(arguments, environment, out, errors)
            try:
                status = child.wait(seconds_max)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                raise
            return subprocess.CompletedProcess(arguments, status, out.read_text(), errors.read_text())

    def ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


class Child:
    """What ``subprocess.Popen`` tells of a process, of one that the nursery forked."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self.pid = nursery, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("muster", timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Moved:
    """A clock that ticks like the real one, moved by the seconds that stand in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def move_to(self, at: datetime) -> None:
        """Make it ``at`` now, for every process that looks."""
        new = self._file.with_suffix(".new")
        new.write_text(repr((at - datetime.now(UTC)).total_seconds()))
        new.replace(self._file)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._file.read_text()))


def _move_the_clock(file: Path) -> None:
    """Every application this process makes has its time from a file."""
    import app.cli
    import app.main

    clock = Moved(file)
    app.cli.now = clock

    def moved(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*args: Any, **named: Any) -> Any:
            application = make(*args, **named)
            application.state.clock = clock
            return application

        return made

    app.main.create_app, app.main.create_reader = moved(app.main.create_app), moved(app.main.create_reader)


def _serve(asked: dict[str, Any]) -> None:
    from app.cli import main

    if CLOCK in asked["environment"]:
        _move_the_clock(Path(asked["environment"][CLOCK]))
    log, errors = (os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for name in ("log", "errors"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, standard in ((nothing, 0), (log, 1), (errors, 2)):
        os.dup2(ours, standard)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["muster", *asked["arguments"]]
    main()


def _run() -> None:
    import uvicorn  # noqa: F401

    import app.cli
    import app.connections
    import app.main  # noqa: F401
    from app.memory import settle

    # What is loaded here no child looks through for garbage, which would copy it, page by page.
    settle()
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        if "ended" in asked:
            pid, status = os.waitpid(asked["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                code = 1
                try:
                    _serve(asked)
                    code = 0
                except SystemExit as ended:
                    code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
                except BaseException:
                    sys.excepthook(*sys.exc_info())
                finally:
                    with contextlib.suppress(OSError, ValueError):
                        sys.stdout.flush()
                        sys.stderr.flush()
                    os._exit(code)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _run()
