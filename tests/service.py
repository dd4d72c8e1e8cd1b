"""A real service in a process of its own, a database server that may be hurt, and frames to post at them."""

import contextlib
import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from app.settings import Settings
from devices.dialects import frames
from devices.sim import Event
from tests.nursery import Child, Nursery

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Service:
    """``muster serve`` under test; may be killed and started again on the same data."""

    settings: Settings
    key_hex: str = field(repr=False)
    """The master key of the ``vault`` fixture; empty: the key file in the data folder."""
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | Child | None = None
    nursery: Nursery | None = field(default=None, repr=False)
    """Forks the processes, if they need not be loaded from the beginning."""
    log_to: Path | None = None
    """Where the log goes, if not into the data folder."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.log_to or self.settings.data_dir / "service.log"

    def start(self, *, ready: bool = True) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
        variables = {
            **kept,
            "MUSTER_ENVIRONMENT": "test",
            "MUSTER_PACK_ID": self.settings.pack_id,
            "MUSTER_MODELS_DIR": str(ROOT / "models"),
            "MUSTER_DATA_DIR": str(self.settings.data_dir),
            "MUSTER_DATABASE_URL": self.settings.url,
            **({"MUSTER_KEY_HEX": self.key_hex} if self.key_hex else {}),
            "MUSTER_PORT": str(self.port),
            "MUSTER_DEVICE_FRAMES_PER_SECOND_MAX": "100000",
            # A few drawings stand for thousands of frames here; what a replay is has its own tests.
            "MUSTER_REPLAY": "observe",
            # What the jobs do has its own tests; here nothing is written beside what a test does.
            "MUSTER_WORKER_BESIDE": "false",
            **self.environment,
        }
        if self.nursery is not None:
            self.process = self.nursery.fork(["serve"], variables, self.log)
        else:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "app.cli", "serve"], cwd=ROOT, env=variables, stdout=log, stderr=log
                )
        self.wait_for("/readyz" if ready else "/healthz")

    def wait_for(self, path: str, seconds: float = 120) -> None:
        """Until it answers. A start is two seconds of processor time: on a busy machine that is a minute."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                break
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url + path, timeout=5) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.02)
        raise AssertionError(f"no answer from {path}:\n{self.log.read_text(errors='replace')[-3000:]}")

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def memory_kb(self) -> int:
        """Resident memory of the process now."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def peak_kb(self) -> int:
        """The most resident memory the process has ever had."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        raise AssertionError("no VmHWM")


@dataclass(frozen=True)
class Delivered:
    """One delivery of one event, not tried again."""

    event_key: str
    status: int | None
    """None: the connection ended without an answer."""
    code: str | None
    said: Mapping[str, Any]
    headers: Mapping[str, str]
    """Names in lower case."""
    seconds: float

    @property
    def recorded(self) -> bool:
        return self.status == 200 and bool(self.said.get("recorded"))


def deliver(
    service: Service, event: Event, key: bytes, *, timeout: float = 30, kept: http.client.HTTPConnection | None = None
) -> Delivered:
    """Post one event once, properly signed, over a connection of its own or over ``kept``."""
    head = frames.sign_request(
        key, path=event.path, event_key=event.event_key, body=event.body, timestamp_ms=int(time.time() * 1000)
    )
    connection = kept or http.client.HTTPConnection("127.0.0.1", service.port, timeout=timeout)
    began = time.perf_counter()
    try:
        connection.request("POST", event.path, event.body, {**head, "Content-Type": event.content_type})
        answer = connection.getresponse()
        said = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        connection.close()
        return Delivered(event.event_key, None, None, {}, {}, time.perf_counter() - began)
    finally:
        if kept is None:
            connection.close()
    code = said["error"]["code"] if "error" in said else said["code"]
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Delivered(event.event_key, answer.status, code, said, headers, time.perf_counter() - began)


@dataclass
class Pulse:
    """Asks ``/healthz`` again and again while something else goes wrong."""

    service: Service
    seconds: list[float] = field(default_factory=list)
    unwell: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Pulse":
        self._thread = threading.Thread(target=self._beat)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _beat(self) -> None:
        while not self._stop.wait(0.05):
            began = time.perf_counter()
            try:
                well = self.service.get("/healthz")[0] == 200
            except (OSError, ValueError):
                well = False
            self.unwell += not well
            self.seconds.append(time.perf_counter() - began)


class NoCluster(Exception):
    """There are no PostgreSQL binaries to start one with; the message says why."""


class Cluster:
    """A PostgreSQL server of the test's own, on a socket in a temporary folder: to stop, to freeze, to start again."""

    def __init__(self) -> None:
        found = shutil.which("initdb")
        folders = [Path(found).parent] if found else []
        folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self._binaries = next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)
        if self._binaries is None:
            raise NoCluster("initdb and postgres are not installed")
        self._run_as: dict[str, Any] = {}
        # A socket's path may have 107 characters, and other users may not look into pytest's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="muster-pg-"))
        if os.geteuid() == 0:
            # initdb refuses to run as root.
            try:
                account = pwd.getpwnam("postgres")
            except KeyError:
                account = pwd.getpwnam("nobody")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._run_as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self._environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}
        self.process: subprocess.Popen[bytes] | None = None
        made = subprocess.run(
            [self._binaries / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
            capture_output=True, text=True, cwd=self.folder, env=self._environment, **self._run_as,
        )
        if made.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise NoCluster(f"initdb failed: {made.stderr.strip().splitlines()[-1:]}")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start the server, and return when it accepts connections."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses="],
                stdout=log, stderr=log, cwd=self.folder, env=self._environment, **self._run_as,
            )
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()[-1500:]
            assert time.monotonic() < deadline, "the cluster does not start"
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.url, connect_timeout=2):
            return True
        return False

    def stop(self) -> None:
        """End the server at once, as a crash would: its clients are cut off in the middle of what they do."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)

    def freeze(self) -> None:
        """Stop every process of the server; the kernel still accepts bytes and connections for it."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        # The postmaster first: it makes no new ones meanwhile.
        os.kill(self.process.pid, number)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)


@contextlib.contextmanager
def serving(
    settings: Settings, key_hex: str, nursery: Nursery | None = None, **environment: str
) -> Iterator[Service]:
    """A service that is ready; killed at the end if it still runs."""
    service = Service(settings, key_hex, environment, nursery=nursery)
    try:
        service.start()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill()
