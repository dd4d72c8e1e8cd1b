"""Gates that stream more than the service can take: how old is a picture when it is answered, and is anything lost?

    python -m bench.streams [--seconds 8] [--factor 3] [--gates 6] [--pack synthetic]

Starts a real service and finds what it takes of gates that always have a picture ready; then each gate shows ``factor`` times
that, and every second one of the lines is cut. A gate without a credit keeps its newest picture, so under any load a
picture is answered young; what is dropped is dropped at the gate and was never acknowledged. The client shares the cores with
the service. The last line is one JSON object; the exit status is 1 when an acknowledged passage is not in the database,
or stands there twice.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import papers
from app.db import Database, make_engine, migrate
from app.demo import history
from app.demo import run as demo
from app.settings import read_settings
from app.store import gates
from app.vault import open_vault
from bench.overload import _serve, rank
from devices.sim_stream import StreamGate
from recognition.synthetic import draw_face


def stream(url: str, device_id: str, key: bytes, rate: float | None, seconds: float, seed: int, cut: bool, out: Any) -> None:
    """One gate in a process of its own; ``rate`` None: always a picture ready."""
    chance, pictures = random.Random(seed), itertools.cycle([draw_face(person, variant=v) for v in range(4) for person in range(6)])
    shown_at: dict[str, float] = {}
    said: list[tuple[str, bool, str | None, float]] = []

    def note(heard: list[dict[str, Any]]) -> None:
        for one in heard:
            if one["kind"] in ("answer", "refusal"):
                late_ms = (time.time() - shown_at[one["event_key"]]) * 1000
                said.append((one["code"], bool(one.get("recorded")), one["event_key"], late_ms))

    with StreamGate(url, device_id, key) as gate:
        note(gate.turn(1.0))
        began = due = time.monotonic()
        cut_at = began + chance.uniform(0.5, 2.0)
        while (now := time.monotonic()) < began + seconds:
            if rate is None or now >= due:
                shown_at[gate.show(next(pictures))] = time.time()
                due += chance.expovariate(rate) if rate else 0.0
            if cut and now >= cut_at:
                gate.cut()
                cut_at = now + chance.uniform(1.0, 3.0) * 2
            note(gate.turn(0.002 if rate is None else max(0.0, min(due - time.monotonic(), 0.05))))
        note(gate.settle(10.0))
        out.put({"device_id": device_id, "shown": len(shown_at), "dropped": gate.dropped, "unanswered": gate.unanswered, "said": said})


def phase(url: str, devices: list[Any], rate: float | None, seconds: float, *, cut: bool) -> list[dict[str, Any]]:
    """Every gate at once; what each of them says of it."""
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    running = [
        context.Process(target=stream, args=(url, d.device_id, d.key, rate, seconds, n, cut, out)) for n, d in enumerate(devices)
    ]
    for one in running:
        one.start()
    found = [out.get(timeout=seconds + 60) for _ in running]
    for one in running:
        one.join()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.streams")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each phase")
    parser.add_argument("--factor", type=float, default=3.0, help="how much more than the capacity")
    parser.add_argument("--gates", type=int, default=6)
    parser.add_argument("--pack", default="synthetic")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(
            environment="demonstration", data_dir=Path(folder), database_url=f"sqlite:///{folder}/muster.db",
            pack_id=options.pack, port=demo.free_port(0), device_frames_per_second_max=1e6,
        )  # fmt: skip
        migrate(settings)
        database, vault, now = Database(make_engine(settings)), open_vault(settings), datetime.now(UTC)
        with database.write() as db:
            made = history.make(db, vault, settings, now=now)
            devices = [
                papers.add_device(db, vault, project_id=made.project_id, gate_id=made.gate_in, name=f"bench {n}", now=now, by="bench")
                for n in range(options.gates)
            ]
        server = _serve(settings)
        url = f"ws://{settings.host}:{settings.port}"
        try:
            demo.wait_until_ready(settings, server)
            capacity = phase(url, devices, None, options.seconds, cut=False)
            capacity_s = sum(code != "superseded" for one in capacity for code, *_rest in one["said"]) / options.seconds
            over = phase(url, devices, options.factor * capacity_s / options.gates, options.seconds, cut=True)
        finally:
            demo.stop(server)
        with database.read() as db:
            kept = [(r.device_id, r.event_key) for r in gates.passages_after(db, made.project_id, 0, 10_000_000)]
        database.dispose()
    answers = [(one["device_id"], *said) for one in over for said in one["said"]]
    acknowledged = {(one["device_id"], key) for one in [*capacity, *over] for _code, recorded, key, _ms in one["said"] if recorded}
    ages = [ms for _device, code, _recorded, _key, ms in answers if code != "superseded"]
    result = {
        "pack": options.pack, "load_of_the_machine": round(os.getloadavg()[0], 1), "gates": options.gates,
        "capacity_per_s": round(capacity_s, 1), "offered_per_s": round(sum(one["shown"] for one in over) / options.seconds, 1),
        "decided_per_s": round(len(ages) / options.seconds, 1), "decided_of_capacity": round(len(ages) / options.seconds / capacity_s, 2),
        "dropped_at_the_gate": sum(one["dropped"] for one in over),
        "unanswered": sum(one["unanswered"] for one in over), "answers": dict(Counter(code for _d, code, *_rest in answers)),
        "age_at_answer_p50_ms": rank(ages, 0.5), "age_at_answer_p99_ms": rank(ages, 0.99), "acknowledged": len(acknowledged),
        "acknowledged_lost": len(acknowledged - set(kept)), "doubled": len(kept) - len(set(kept)),
    }  # fmt: skip
    print(json.dumps(result))
    return 1 if result["acknowledged_lost"] or result["doubled"] else 0


if __name__ == "__main__":
    sys.exit(main())
