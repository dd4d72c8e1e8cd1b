"""More frames than the service can take, and a site's own peak: who is answered, how soon, and who is told to wait.

    python -m bench.overload [--seconds 15] [--factor 1.6] [--peak-seconds 20] [--gates 12] [--pack synthetic]

Starts a real service, finds its capacity with gates that wait for each answer, then sends ``factor`` times as much in
an open loop: frames arrive by chance at that rate whether or not anything was answered, as people do, and a frame's
time runs from the moment it was due. Beside it a process of its own asks ``/healthz`` every 50 ms. Then three frames a
second, the peak of a site with 500 workers. The limits are the acceptance numbers 6 and 16 of the reliability study;
they hold for a machine that does nothing else, and this client shares its cores with the service. The last line is
one JSON object; the exit status is 1 when an acknowledged passage is not in the database.
"""

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.request import urlopen

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app import papers
from app.db import Database, make_engine, migrate
from app.demo import history, scenes
from app.demo import run as demo
from app.settings import Settings, read_settings
from app.store import gates
from app.vault import open_vault
from devices.dialects import frames
from recognition import Engine, load_pack
from recognition.synthetic import draw_face

PEAK_PER_S = 3.0
LIMITS = {
    "accepted_p99_ms": 250.0,
    "refused_p99_ms": 20.0,
    "share_of_capacity_min": 0.90,
    "health_p99_ms": 50.0,
    "peak_p95_ms": 100.0,
}


@dataclass(frozen=True)
class Reply:
    """What became of one frame."""

    status: int
    code: str
    ms: float
    retry_after: bool
    recorded_key: tuple[str, str] | None


@dataclass
class Client:
    """Signed frames over kept-alive connections, opened as they are needed."""

    host: str
    port: int
    pictures: Iterator[bytes]
    boot: str = field(default_factory=lambda: f"bench{int(time.time())}")
    numbers: Iterator[int] = field(default_factory=itertools.count)
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def post(self, device: Any, due: float) -> Reply:
        """Post one frame; its time runs from ``due``, of ``time.perf_counter``."""
        path, picture, key = frames.frames_path(device.device_id), next(self.pictures), f"{self.boot}:{next(self.numbers)}"
        head = frames.sign_request(device.key, path=path, event_key=key, body=picture, timestamp_ms=int(time.time() * 1000))
        lines = [f"POST {path} HTTP/1.1", "Host: bench", "Content-Type: image/jpeg", f"Content-Length: {len(picture)}"]
        lines += [f"{name}: {value}" for name, value in head.items()]
        # The service closes what has been idle for a while.
        while self.idle and self.idle[-1][0].at_eof():
            self.idle.pop()[1].close()
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection(self.host, self.port)
        writer.write("\r\n".join([*lines, "", ""]).encode() + picture)
        status, headers, body = await _read(reader)
        ms = (time.perf_counter() - due) * 1000
        if headers.get("connection") == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        said = json.loads(body)
        recorded = (device.device_id, key) if said.get("recorded") else None
        return Reply(status, said.get("code") or said["error"]["code"], ms, "retry-after" in headers, recorded)

    def close(self) -> None:
        for _reader, writer in self.idle:
            writer.close()
        self.idle.clear()


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip("\r\n").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    return int(first.split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def closed_loop(client: Client, devices: list[Any], clients: int, seconds: float) -> list[Reply]:
    """Gates that wait for each answer before they send the next frame."""
    until = time.perf_counter() + seconds
    replies: list[Reply] = []

    async def gate(device: Any) -> None:
        while time.perf_counter() < until:
            replies.append(await client.post(device, time.perf_counter()))

    await asyncio.gather(*(gate(device) for device in devices[:clients]))
    return replies


async def open_loop(client: Client, devices: list[Any], rate: float, seconds: float, chance: random.Random) -> list[Reply]:
    """Frames that arrive by chance at ``rate`` a second, each at a gate by chance."""
    began = due = time.perf_counter()
    sent: list[asyncio.Task[Reply]] = []
    while (due := due + chance.expovariate(rate)) < began + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        sent.append(asyncio.create_task(client.post(chance.choice(devices), due)))
    return list(await asyncio.gather(*sent))


def probe(url: str, stop: Event, out: "Queue[list[float]]") -> None:
    """Ask for the service's health until told to stop; runs in a process of its own."""
    taken = []
    while not stop.wait(0.05):
        began = time.perf_counter()
        with urlopen(f"{url}/healthz", timeout=10) as answer:
            answer.read()
        taken.append((time.perf_counter() - began) * 1000)
    out.put(taken)


def cores_used(pid: int) -> float:
    """Seconds of a core that a process has used so far; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rank(values: list[float], share: float) -> float | None:
    """The value below which ``share`` of them lie; None when there are none."""
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 1) if values else None


async def measure(
    settings: Settings, server_pid: int, devices: list[Any], pictures: list[bytes], options: argparse.Namespace, bars: Progress
):
    """All phases; returns (replies by phase, health times under overload, the overload's rate, cores used by phase)."""
    client = Client(settings.host, settings.port, itertools.cycle(pictures))
    # As many as keep every thread busy with one frame and the next one ready.
    clients = min(len(devices), 2 * (settings.recognition_threads or multiprocessing.cpu_count()))
    task = bars.add_task("warm, capacity, overload, peak", total=4)
    await closed_loop(client, devices, clients, min(3.0, options.seconds))
    bars.advance(task)
    cores = {}

    async def counted(phase: str, replies: Any) -> list[Reply]:
        before, began = (cores_used(server_pid), cores_used(os.getpid())), time.perf_counter()
        said = await replies
        took = time.perf_counter() - began
        cores[phase] = {
            "service": round((cores_used(server_pid) - before[0]) / took, 2),
            "client": round((cores_used(os.getpid()) - before[1]) / took, 2),
        }
        return said

    phases = {"capacity": await counted("capacity", closed_loop(client, devices, clients, options.seconds))}
    bars.advance(task)
    rate = options.factor * len(phases["capacity"]) / options.seconds
    context = multiprocessing.get_context("spawn")
    stop, out = context.Event(), context.Queue()
    prober = context.Process(target=probe, args=(f"http://{settings.host}:{settings.port}", stop, out))
    prober.start()
    # The process takes a while to come up; it must not do so during the measurement.
    await asyncio.sleep(3.0)
    phases["overload"] = await counted("overload", open_loop(client, devices, rate, options.seconds, random.Random(6)))
    stop.set()
    health = await asyncio.to_thread(out.get, True, 30)
    prober.join()
    bars.advance(task)
    peak = max(20.0, options.seconds) if options.peak_seconds is None else options.peak_seconds
    phases["peak"] = await open_loop(client, devices[:2], PEAK_PER_S, peak, random.Random(16))
    bars.advance(task)
    client.close()
    return phases, health, rate, cores


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.overload")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each phase")
    parser.add_argument("--factor", type=float, default=1.6, help="how much more than the capacity")
    parser.add_argument("--peak-seconds", type=float, help="length of the site's own peak; 0 leaves it out")
    parser.add_argument("--gates", type=int, default=12)
    parser.add_argument("--pack", help="synthetic, or another pack than the active one")
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(
            environment="demonstration", data_dir=Path(folder), database_url=f"sqlite:///{folder}/muster.db",
            pack_id=options.pack, port=demo.free_port(0), device_frames_per_second_max=1e6,
        )
        migrate(settings)
        database = Database(make_engine(settings))
        vault = open_vault(settings)
        now = datetime.now(UTC)
        with Progress(console=console) as bars:
            if settings.pack_id == "synthetic":
                # Nobody is enrolled: a face that is refused is recorded like one that is admitted.
                with database.write() as db:
                    made = history.make(db, vault, settings, now=now)
                pictures = [draw_face(person, variant=variant) for variant in range(8) for person in range(6)]
            else:
                engine = Engine(load_pack(settings.models_dir / settings.pack_id))
                made, _passwords = demo.make(bars, settings, database, vault, engine)
                known = scenes.six_people(engine)
                pictures = [scenes.frame((person, look)) for look in scenes.LOOKS for person in known]
            with database.write() as db:
                devices = [
                    papers.add_device(
                        db, vault, project_id=made.project_id, gate_id=made.gate_in, name=f"bench {n}", now=now, by="bench"
                    )
                    for n in range(max(2, options.gates))
                ]
            server = _serve(settings)
            try:
                demo.wait_until_ready(settings, server)
                phases, health, rate, cores = asyncio.run(measure(settings, server.pid, devices, pictures, options, bars))
            finally:
                demo.stop(server)
        with database.read() as db:
            kept = {(r.device_id, r.event_key) for r in gates.passages_after(db, made.project_id, 0, 10_000_000)}
        database.dispose()
    acknowledged = {reply.recorded_key for replies in phases.values() for reply in replies if reply.recorded_key}
    result = _sum_up(settings, options, phases, health, rate, acknowledged, len(acknowledged - kept))
    result["cores"] = cores
    _show(console, result)
    print(json.dumps(result))
    return 1 if result["acknowledged_lost"] else 0


def _serve(settings: Settings):
    # The command line of the demonstration reads its pack and its database from the environment.
    os.environ |= {
        "MUSTER_PACK_ID": settings.pack_id,
        # A few drawings stand for thousands of frames.
        "MUSTER_REPLAY": "observe",
        "MUSTER_DATABASE_URL": settings.url,
        "MUSTER_DEVICE_FRAMES_PER_SECOND_MAX": str(settings.device_frames_per_second_max),
    }
    return demo.serve(settings)


def _sum_up(
    settings: Settings, options: argparse.Namespace, phases: dict[str, list[Reply]], health: list[float], rate: float,
    acknowledged: set[tuple[str, str]], lost: int,
) -> dict[str, Any]:
    over, peak = phases["overload"], phases["peak"]
    accepted = [reply.ms for reply in over if reply.status == 200]
    refused = [reply for reply in over if reply.status == 503]
    capacity = sum(reply.status == 200 for reply in phases["capacity"]) / options.seconds
    done = len(accepted) / options.seconds
    result: dict[str, Any] = {
        "pack": settings.pack_id,
        "load_of_the_machine": round(os.getloadavg()[0], 1),
        "capacity_per_s": round(capacity, 1),
        "offered_per_s": round(rate, 1),
        "done_per_s": round(done, 1),
        "share_of_capacity": round(done / capacity, 3),
        "accepted_p50_ms": rank(accepted, 0.5),
        "accepted_p99_ms": rank(accepted, 0.99),
        "refused_p50_ms": rank([reply.ms for reply in refused], 0.5),
        "refused_p99_ms": rank([reply.ms for reply in refused], 0.99),
        "superseded_p50_ms": rank([reply.ms for reply in over if reply.status == 409], 0.5),
        "refusals_without_retry_after": sum(not reply.retry_after for reply in refused),
        "health_p99_ms": rank(health, 0.99),
        "answers": dict(Counter(f"{reply.status} {reply.code}" for reply in over)),
        "peak_per_s": PEAK_PER_S,
        "peak_p50_ms": rank([reply.ms for reply in peak], 0.5),
        "peak_p95_ms": rank([reply.ms for reply in peak], 0.95),
        "acknowledged": len(acknowledged),
        "acknowledged_lost": lost,
    }
    result["within"] = {
        name: (result["share_of_capacity"] >= limit if name.endswith("_min") else (result[name] or 0.0) <= limit)
        for name, limit in LIMITS.items()
    }
    return result


def _show(console: Console, result: dict[str, Any]) -> None:
    table = Table("what", "measured", "limit", "", title=f"{result['pack']}: {result['offered_per_s']}/s offered, capacity {result['capacity_per_s']}/s")
    for name, limit in LIMITS.items():
        said = result["share_of_capacity" if name.endswith("_min") else name]
        table.add_row(name.replace("_", " "), str(said), f"{limit:g}", "ok" if result["within"][name] else "[red]over[/red]")
    console.print(table)
    console.print(f"{result['answers']}; {result['acknowledged_lost']} of {result['acknowledged']} acknowledged passages lost")


if __name__ == "__main__":
    sys.exit(main())
