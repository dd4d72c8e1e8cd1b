"""A frame's way through the whole service: how long, and where the time goes.

    python -m bench.frames [--seconds 30] [--rate 2]

Starts a real service with the embedded pack and six enrolled faces, posts signed frames at the rate of a gate over one
kept-alive connection, then as fast as they are answered. The stages are the service's own Server-Timing. The last
line is one JSON object.
"""

import argparse
import http.client
import itertools
import json
import re
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app import papers
from app.db import Database, make_engine, migrate
from app.demo import run as demo
from app.demo import scenes
from app.gate import stage_names
from app.settings import read_settings
from app.vault import open_vault
from devices.dialects import frames
from recognition import Engine, load_pack

MODEL = ("detect", "embed")
"""Stages that are the neural networks; the rest is ours to drive towards zero."""


def measure(connection: http.client.HTTPConnection, device, pictures: list[bytes], count: int, rate: float):
    """Post ``count`` frames; returns (round trips in ms, stages in ms by name, decisions)."""
    path = frames.frames_path(device.device_id)
    trips, stages, codes = [], {}, {}
    began = time.monotonic()
    boot = f"bench{int(time.time())}"
    for n, picture in zip(range(count), itertools.cycle(pictures), strict=False):
        if rate:
            time.sleep(max(0.0, began + n / rate - time.monotonic()))
        sent = time.perf_counter()
        head = frames.sign_request(
            device.key, path=path, event_key=f"{boot}:{n}", body=picture, timestamp_ms=int(time.time() * 1000)
        )
        connection.request("POST", path, picture, {**head, "Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        trips.append((time.perf_counter() - sent) * 1000)
        code = body.get("code") or body["error"]["code"]
        codes[code] = codes.get(code, 0) + 1
        for stage, ms in re.findall(r"(\w+);dur=([0-9.]+)", answer.getheader("Server-Timing") or ""):
            stages.setdefault(stage, []).append(float(ms))
    return trips, stages, codes


def p95(values: list[float]) -> float:
    """The 95th percentile, of sorted values by rank."""
    return sorted(values)[max(0, int(len(values) * 0.95) - 1)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.frames")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=2.0)
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(
            environment="demonstration", data_dir=Path(folder), port=demo.free_port(0), device_frames_per_second_max=1e6
        )
        engine = Engine(load_pack(settings.models_dir / settings.pack_id))
        migrate(settings)
        database = Database(make_engine(settings))
        vault = open_vault(settings)
        with Progress(console=console) as bars:
            made, _passwords = demo.make(bars, settings, database, vault, engine)
        with database.write() as db:
            device = papers.add_device(
                db, vault, project_id=made.project_id, gate_id=made.gate_in, name="bench", now=datetime.now(UTC), by="bench"
            )
        known = scenes.six_people(engine)
        pictures = [scenes.frame((person, look)) for look in scenes.LOOKS for person in known]
        server = demo.serve(settings)
        try:
            demo.wait_until_ready(settings, server)
            connection = http.client.HTTPConnection(settings.host, settings.port, timeout=30)
            measure(connection, device, pictures, 10, 0)
            trips, stages, codes = measure(connection, device, pictures, max(10, int(options.seconds * options.rate)), options.rate)
            began = time.monotonic()
            fast, _stages, _codes = measure(connection, device, pictures, 200, 0)
            capacity = len(fast) / (time.monotonic() - began)
        finally:
            demo.stop(server)
            database.dispose()
    whole = statistics.median(stages["whole"])
    model = sum(statistics.median(stages[stage]) for stage in MODEL)
    table = Table("stage", "p50 ms", "p95 ms", "share of the service's time", title=f"one frame at {options.rate:g}/s")
    rows = {stage: stages[stage] for stage in stage_names() if stage in stages}
    known_share = 0.0
    for stage, values in rows.items():
        share = statistics.median(values) / whole
        known_share += share
        table.add_row(stage, f"{statistics.median(values):.1f}", f"{p95(values):.1f}", f"{share:.0%}")
    table.add_row("rest (HTTP, signature, queue)", f"{whole * (1 - known_share):.1f}", "", f"{1 - known_share:.0%}")
    table.add_row("whole, in the service", f"{whole:.1f}", f"{p95(stages['whole']):.1f}", "100%")
    table.add_row("round trip, at the gate", f"{statistics.median(trips):.1f}", f"{p95(trips):.1f}", "")
    console.print(table)
    console.print(f"the models are {model / whole:.0%} of it; whole / models = {whole / model:.2f}; {codes}")
    result = {
        "rate": options.rate,
        "frames": len(trips),
        "round_trip_ms": {"p50": round(statistics.median(trips), 1), "p95": round(p95(trips), 1)},
        "stages_p50_ms": {stage: round(statistics.median(values), 2) for stage, values in rows.items()},
        "whole_over_models": round(whole / model, 2),
        "one_connection_per_second": round(capacity, 1),
        "codes": codes,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
