"""Live screens: what three hundred open streams cost one process, and whether each of them is told everything.

    python -m bench.live [--streams 300] [--events 40] [--workers 300] [--rate 4]

Starts a real service over a project with that many workers, opens the streams as browsers do (two of four are guards' desks in
Chinese, one is a desk in English, one the page of today), and lets another process record passages. The last line is one JSON
object; the exit status is 1 when a desk was not told every passage once, in order. ``measure`` is for other benches.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from app import access, papers
from app.db import Database, make_engine, migrate
from app.demo import history
from app.demo import run as demo
from app.domain.identity import id_check_digit
from app.settings import read_settings
from app.store import accounts, gates, people
from app.vault import open_vault
from bench.overload import _serve, rank

READERS = 10
"""Accounts the streams are shared among: a town hall of screens, each signed in."""
KINDS = (("gate/stream", "zh"), ("gate/stream", "zh"), ("gate/stream", "en"), ("today/stream", "zh"))
IDLE_SECONDS = 6.0


@dataclass(slots=True)
class _Screen:
    """One open stream as its browser sees it."""

    desk: bool
    told: list[int] = field(default_factory=list)
    at: dict[int, float] = field(default_factory=dict)
    beats: int = 0


async def _watch(host: str, port: int, path: str, language: str, token: str, screen: _Screen, opened: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=2**20)
    cookies = f"{access.COOKIE}={token}; muster_language={language}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\nCookie: {cookies}\r\n\r\n".encode())
    status = await reader.readline()
    if b" 200 " not in status:
        raise RuntimeError(f"the stream was refused: {status!r}")
    try:
        while line := await reader.readline():
            if line.startswith(b"id: "):
                seq = int(line[4:])
                screen.told.append(seq)
                screen.at[seq] = time.time()
            elif line.startswith(b"event: beat"):
                screen.beats += 1
                opened.set()
    finally:
        writer.close()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def _people(db: Any, vault: Any, project_id: int, team: people.TeamInfo, n: int, now: datetime) -> list[int]:
    """Workers beside those of the demonstration: a roster of a usual size."""
    found = []
    for order in range(n):
        digits = f"990424{date(1970 + order % 30, 1 + order % 12, 1 + order % 28):%Y%m%d}{1 + order % 998:03d}"
        number = digits + id_check_digit(digits)
        index = vault.index("id_number", number)
        worker = people.add_worker(
            db, name="测试" + "甲乙丙丁戊"[order % 5], id_number_sealed=vault.seal(number.encode(), table="worker", column="id_number_sealed", owner=index),
            id_number_index=index, sex="M", birth_on=date(1985, 1, 1), phone_sealed=None, now=now,
        )  # fmt: skip
        people.add_engagement(
            db, worker_id=worker, project_id=project_id, project_company_id=team.project_company_id, team_id=team.id, trade=None,
            entry_on=now.date() - timedelta(days=40), now=now,
        )
        found.append(worker)
    return found


async def _run(settings: Any, pid: int, database: Database, made: history.Made, workers: list[int], tokens: list[str], streams: int, events: int, rate: float) -> dict[str, Any]:
    screens, tasks = [], []

    async def open_some(n: int) -> None:
        for _ in range(n):
            path, language = KINDS[len(screens) % len(KINDS)]
            screen, opened = _Screen("gate" in path), asyncio.Event()
            where = f"/projects/{made.project_id}/{path}"
            task = asyncio.create_task(_watch(settings.host, settings.port, where, language, tokens[len(screens) % len(tokens)], screen, opened))
            screens.append(screen)
            tasks.append(task)
            await asyncio.wait_for(opened.wait(), 30)

    # The first of each kind load what any of them needs.
    await open_some(len(KINDS))
    await asyncio.sleep(4)
    before = _rss_mb(pid)
    await open_some(streams)
    await asyncio.sleep(3)
    cpu, at = _cpu_s(pid), time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (_cpu_s(pid) - cpu) / (time.monotonic() - at)
    cpu, at = _cpu_s(pid), time.monotonic()
    sent: dict[int, float] = {}
    devices = gates_of(database, made.project_id)
    chance = random.Random(1)

    def record(n: int) -> None:
        device, worker, now = devices[n % len(devices)], chance.choice(workers), datetime.now(UTC)
        key = f"bench:{n}"
        with database.write() as db:
            seq = gates.add_passage(
                db, project_id=made.project_id, device_id=device.id, gate_id=device.gate_id, direction=str(device.direction), event_key=key,
                content_sha256=sha256(key.encode()).hexdigest(), worker_id=worker, channel="face", verdict="admit", code="admitted",
                captured_at=now, received_at=now, occurred_at=now, similarity=0.71, margin=0.2, similarity_min=0.5, margin_min=0.08,
            ).seq  # fmt: skip
        # Seen by others from here on.
        sent[seq] = time.time()

    for n in range(events):
        await asyncio.to_thread(record, n)
        await asyncio.sleep(1 / rate)
    await asyncio.sleep(2.5)
    seconds = time.monotonic() - at
    busy = _cpu_s(pid) - cpu - idle * seconds
    after = _rss_mb(pid)
    lost = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    desks = [screen for screen in screens if screen.desk]
    wanted = sorted(sent)
    late = [1000 * (screen.at[seq] - sent[seq]) for screen in desks for seq in wanted if seq in screen.at]
    return {
        "streams": streams, "streams_mb": round(after - before, 1), "stream_kb": round(1024 * (after - before) / streams, 1),
        "events": events, "workers": len(workers), "delivered": sum(sum(seq in sent for seq in screen.told) for screen in desks),
        "expected": len(desks) * events, "whole": all([seq for seq in screen.told if seq in sent] == wanted for screen in desks),
        "late_ms_p50": rank(late, 0.5), "late_ms_max": round(max(late, default=0.0), 1), "cpu_ms_an_event": round(1000 * busy / events, 1),
        "cpu_idle_percent": round(100 * idle, 1), "ended_early": len(lost), "load_of_the_machine": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def gates_of(database: Database, project_id: int) -> list[gates.DeviceInfo]:
    """The devices of a project."""
    with database.read() as db:
        return gates.devices(db, project_id)


def measure(streams: int = 300, events: int = 40, workers: int = 300, rate: float = 4.0) -> dict[str, Any]:
    """Open the streams on one served process and say what they cost.

    Returns:
        ``streams_mb``: memory the streams added to the listening process, once each kind had been opened; ``delivered`` of
        ``expected`` and ``whole``: every desk was told each passage once and in order; ``late_ms_*``: from the commit to the
        client; ``cpu_ms_an_event``: processor time an event took beyond what open streams take anyway
        (``cpu_idle_percent`` of a core).
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(
            environment="demonstration", data_dir=Path(folder), database_url=f"sqlite:///{folder}/muster.db", pack_id="synthetic",
            port=demo.free_port(0),
        )  # fmt: skip
        migrate(settings)
        database, vault, now = Database(make_engine(settings)), open_vault(settings), datetime.now(UTC)
        with database.write() as db:
            made = history.make(db, vault, settings, now=now)
            own = list(made.worker_ids) + _people(db, vault, made.project_id, people.teams(db, made.project_id)[0], workers, now)
            for gate_id in (made.gate_in, made.gate_out):
                papers.add_device(db, vault, project_id=made.project_id, gate_id=gate_id, name=f"bench {gate_id}", now=now, by="bench")
            tokens = []
            for n in range(READERS):
                account = accounts.add_account(db, login=f"bench{n}", name="bench", password_hash=access.NO_PASSWORD, language="zh", now=now)
                accounts.add_membership(db, account_id=account, role="labour_officer", project_id=made.project_id)
                tokens.append(access.begin_session(db, settings, account_id=account, now=now))
        server = _serve(settings)
        try:
            demo.wait_until_ready(settings, server)
            return asyncio.run(_run(settings, server.pid, database, made, own, tokens, streams, events, rate))
        finally:
            demo.stop(server)
            database.dispose()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.live")
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--workers", type=int, default=300)
    parser.add_argument("--rate", type=float, default=4.0, help="passages a second")
    result = measure(**vars(parser.parse_args()))
    print(json.dumps(result))
    return 0 if result["whole"] and not result["ended_early"] else 1


if __name__ == "__main__":
    sys.exit(main())
