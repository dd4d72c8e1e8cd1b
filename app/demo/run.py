"""Set up the demonstration, serve it, let a gate process post frames at it, and say what came of it."""

import json
import os
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from app import enrolment, inspection, oversight, papers, payroll, projection, seals
from app.db import Database, make_engine, migrate
from app.demo import history, payday, scenes
from app.settings import Settings, read_settings
from app.settings import spoken_language as language
from app.store import gates, people
from app.vault import open_vault
from app.wording import name as label
from app.wording import notices
from recognition import Engine, build_default_pack

MARK = "this-folder-is-made-anew.txt"


def main(*, once: bool, as_json: bool, port: int, rate: float) -> int:
    """Run the demonstration.

    Args:
        once: stop after the summary; else serve on until Ctrl-C.
        as_json: the summary is one JSON object on the last line of stdout.
        port: 0, or one that is taken, means a free one.
        rate: frames a second.

    Returns:
        0; or 1 when the summary shows a wrong person, an admitted stranger or a doubled passage.
    """
    console = Console(stderr=True) if as_json else Console()
    progress_console = Console(stderr=True)
    folder = fresh_folder(read_settings().data_dir / "demonstration")
    settings = read_settings(
        environment="demonstration", data_dir=folder, port=free_port(port),
        # Never the operator's own database, even if his shell names it.
        database_url=f"sqlite:///{(folder / 'muster.db').absolute()}",
    )
    bars = Progress(
        TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=progress_console
    )
    with bars:
        task = bars.add_task("model pack", total=100)
        pack = build_default_pack(
            settings.models_dir, progress=lambda _step, share: bars.update(task, completed=int(share * 100))
        )
        bars.update(task, completed=100)
        engine = Engine(pack)
        migrate(settings)
        database = Database(make_engine(settings))
        vault = open_vault(settings)
        made, passwords = make(bars, settings, database, vault, engine)
        plan = _plan(settings, database, vault, engine, made, folder)
    # Stopped from outside it stops what it started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    server = serve(settings)
    try:
        wait_until_ready(settings, server)
        with bars:
            answers, expected = _post(bars, settings, plan, rate)
        summary = _sum_up(settings, database, made, answers, expected)
        _show(console, settings, database, made, answers, expected, summary, passwords)
        if as_json:
            print(json.dumps(summary), flush=True)
        if not once:
            console.print("\nCtrl-C stops the service.")
            server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        stop(server)
        database.dispose()
    return 0 if not (summary["wrong_person"] or summary["stranger_admitted"] or summary["duplicates_recorded"]) else 1


# --- set up ----------------------------------------------------------------------------------------------------


def fresh_folder(folder: Path) -> Path:
    """An empty folder of the demonstration's own.

    Raises:
        SystemExit: the folder exists and was not made by a demonstration.
    """
    if folder.exists():
        if not (folder / MARK).exists():
            raise SystemExit(f"{folder} was not made by a demonstration; move it away first")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("Made by `muster demo`; deleted and made again at its next run.\n", encoding="utf-8")
    return folder


def free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As the server does it: a port whose last connections are only fading is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]
            except OSError:
                continue
    raise SystemExit("no free port on 127.0.0.1")


def make(bars: Progress, settings: Settings, database: Database, vault, engine: Engine):
    now = datetime.now(UTC)
    task = bars.add_task("project and people", total=3)
    made, passwords = payday.lay(database, vault, settings, now=now, step=lambda: bars.advance(task))
    people_seen = scenes.six_people(engine)
    task = bars.add_task("enrolment", total=len(people_seen))
    for worker_id, person in zip(made.worker_ids, people_seen, strict=True):
        consent = enrolment.ConsentGiven(
            scope=("capture", "template", "site_storage"), notice_version=notices.FACE_CURRENT, method="screen", at=now
        )
        # Recognition first: no transaction is open while the picture is looked at.
        examined = enrolment.examine(engine, settings, [scenes.enrolment_photograph(person)])
        with database.write() as db:
            enrolment.enrol(
                db, vault, examined, project_id=made.project_id, worker_id=worker_id, consent=consent, now=now, by=history.BY
            )
        bars.advance(task)
    return made, passwords


def _plan(settings: Settings, database: Database, vault, engine: Engine, made: history.Made, folder: Path) -> Path:
    """Write the frames and the plan of the gate process; returns the plan's path."""
    now = datetime.now(UTC)
    with database.write() as db:
        entry = papers.add_device(db, vault, project_id=made.project_id, gate_id=made.gate_in, name="东门进口相机", now=now, by=history.BY)
        leave = papers.add_device(db, vault, project_id=made.project_id, gate_id=made.gate_out, name="东门出口相机", now=now, by=history.BY)
    frames_folder = folder / "frames"
    frames_folder.mkdir()
    entries: list[dict[str, Any]] = []

    def add(label_said: str, device, content: bytes | None = None, kind: str = "frame", expect: str = "", **more: Any) -> None:
        said = {"label": f"{expect}|{label_said}", "device_id": device.device_id, "kind": kind, **more}
        if content is not None:
            path = frames_folder / f"{len(entries):03d}.jpg"
            path.write_bytes(content)
            said["path"] = str(path.relative_to(folder))
        entries.append(said)

    known = list(zip(made.worker_ids, scenes.six_people(engine), strict=True))
    others = scenes.strangers(engine)
    for look in scenes.LOOKS[:-1]:
        for worker_id, person in known:
            add(look.name, entry, scenes.frame((person, look)), expect=f"worker:{worker_id}")
        if look is scenes.LOOKS[0]:
            add("resend", entry, kind="resend", expect="repeat")
        for stranger in others:
            add(f"stranger, {look.name}", entry, scenes.frame((stranger, look)), expect="stranger")
    add("no face", entry, scenes.frame(), expect="nobody")
    left, right = scenes.Look("left", side_px=160, centre=(200, 230)), scenes.Look("right", side_px=160, centre=(450, 230))
    add("two faces", entry, scenes.frame((known[0][1], left), (known[3][1], right)), expect="nobody")
    add("two faces", entry, scenes.frame((known[2][1], left), (others[0], right)), expect="nobody") if others else None
    add("night", entry, scenes.frame((known[1][1], scenes.Look("night", gain=0.05))), expect="nobody")
    add("garbage bytes", entry, b"\xff\xd8\xff\xe0" + secrets.token_bytes(4000), expect="refused")
    add("not a picture", entry, b"GIF89a" + bytes(500), expect="refused")
    add("cut off", entry, scenes.frame((known[0][1], scenes.LOOKS[0]))[:9000], expect="refused")
    add("forged signature", entry, scenes.frame((known[0][1], scenes.LOOKS[0])), kind="forged", expect="refused")
    add("card", entry, kind="card", channel="card", value=made.card, expect=f"worker:{made.worker_ids[0]}")
    add("unknown card", entry, kind="card", channel="card", value="9999999999", expect="nobody")
    # Two go home; the strongly compressed picture comes from the exit camera.
    for worker_id, person in known[4:]:
        add("going home", leave, scenes.frame((person, scenes.LOOKS[-1])), expect=f"worker:{worker_id}")
    add("resend", leave, kind="resend", expect="repeat")
    plan = folder / "plan.json"
    keys = [{"device_id": d.device_id, "key_hex": d.key.hex()} for d in (entry, leave)]
    # The plan holds the devices' keys.
    handle = os.open(plan, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"devices": keys, "frames": entries}, file, ensure_ascii=False)
    return plan


# --- the service and the gate process --------------------------------------------------------------------------


def _environment(settings: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    chosen = {name: value for name, value in os.environ.items() if name.startswith("MUSTER_")}
    return kept | chosen | {
        "MUSTER_ENVIRONMENT": "demonstration",
        "MUSTER_DATA_DIR": str(settings.data_dir),
        "MUSTER_DATABASE_URL": settings.url,
        "MUSTER_MODELS_DIR": str(settings.models_dir.absolute()),
        "MUSTER_PORT": str(settings.port),
        # Its gate shows the same few photographs again and again, which is exactly what a replay is.
        "MUSTER_REPLAY": "observe",
    }


def serve(settings: Settings) -> subprocess.Popen[bytes]:
    log = (settings.data_dir / "service.log").open("wb")
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve"], env=_environment(settings), stdout=log, stderr=log,
        # Its own group: Ctrl-C reaches us, and we stop it in good order.
        start_new_session=True,
    )


def wait_until_ready(settings: Settings, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://{settings.host}:{settings.port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    log = (settings.data_dir / "service.log").read_text(encoding="utf-8", errors="replace")
    raise SystemExit(f"the service did not come up:\n{log[-2000:]}")


def stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def _post(bars: Progress, settings: Settings, plan: Path, rate: float):
    """Run the gate process; returns (answers, expectations by place in the plan)."""
    entries = json.loads(plan.read_text(encoding="utf-8"))["frames"]
    task = bars.add_task("gate process", total=len(entries))
    results = plan.with_name("answers.jsonl")
    gate = subprocess.Popen(
        [sys.executable, "-m", "devices.sim", "--url", f"http://{settings.host}:{settings.port}", "--plan", str(plan),
         "--rate", str(rate), "--out", str(results), "--patience", "60"],
        stderr=subprocess.PIPE, text=True,
    )
    said = []
    for line in gate.stderr or ():
        said.append(line)
        if line.startswith("progress "):
            bars.update(task, completed=int(line.split()[1].split("/")[0]))
    if gate.wait() != 0:
        raise SystemExit("the gate process failed:\n" + "".join(said[-10:]))
    answers = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return answers, [entry["label"].split("|")[0] for entry in entries]


# --- what came of it -------------------------------------------------------------------------------------------


def _sum_up(settings: Settings, database: Database, made: history.Made, answers: list[dict], expected: list[str]) -> dict[str, Any]:
    now = datetime.now(UTC)
    gate_devices = {answer["device_id"] for answer in answers}
    with database.write() as db:
        for month in dict.fromkeys((made.month, history.month_before(now.date()), now.date().replace(day=1))):
            oversight.run_audit(db, made.project_id, month, now)
    projection.refresh(database, made.project_id, now=now)
    seals.seal(database, open_vault(settings), now, by="demonstration")
    with database.read() as db:
        recorded = {
            (record.device_id, record.event_key): record
            for record in gates.passages_after(db, made.project_id, 0, 1_000_000)
        }
        # By what was posted, not by the event's key: a resend has the same bytes and no two frames of the plan have.
        posted = Counter((r.device_id, r.content_sha256) for r in recorded.values() if r.device_id in gate_devices)
        wages = payroll.wages_of_project(db, made.project_id, now)
        heads = payroll.headcount_of(db, made.project_id, now)
        findings = oversight.findings_of(db, made.project_id, open_only=True, language=language())
        closed = payday.sum_up(db, made, now)
        county = inspection.county(db, [people.project(db, made.project_id)], now)[0]
        enrolled = len(people.templates(db, made.project_id, _contract(settings)))
    admitted = wrong = stranger = 0
    refused: Counter[str] = Counter()
    for answer in answers:
        wanted = expected[answer["n"]]
        record = recorded.get((answer["device_id"], answer["event_key"])) if answer["recorded"] else None
        if answer["recorded"] and record is None:
            raise SystemExit(f"answer {answer['n']} says recorded, but there is no such passage")
        if answer["decision"] == "admit":
            if wanted == "repeat":
                continue
            admitted += 1
            if wanted == "stranger":
                stranger += 1
            elif wanted != f"worker:{record.worker_id if record else None}":
                wrong += 1
        elif answer["code"] and not answer["repeated"]:
            refused[answer["code"]] += 1
    times = sorted(a["round_trip_ms"] for a in answers if a["decision"] and a["round_trip_ms"] is not None)
    return {
        "enrolled": enrolled,
        "frames": len(answers),
        "admitted": admitted,
        "wrong_person": wrong,
        "stranger_admitted": stranger,
        "refused": dict(sorted(refused.items())),
        "duplicates_recorded": sum(count - 1 for count in posted.values()),
        "headcount": len(heads.on_site),
        "owed_fen": {str(row.worker_id): row.owed_fen for row in sorted(wages, key=lambda row: row.worker_id)},
        "findings": len(findings),
        "decision_ms": {"p50": round(statistics.median(times), 1), "p95": round(times[int(len(times) * 0.95) - 1], 1)},
        "database": database.engine.dialect.name,
        "county_url": f"http://{settings.host}:{settings.port}/county",
        "county_level": county.colour.level.value,
        "county_reason": county.colour.rule,
        **closed,
    }


def _contract(settings: Settings) -> str:
    from recognition import load_pack

    return load_pack(settings.models_dir / settings.pack_id).contract_id


def _show(console: Console, settings: Settings, database: Database, made, answers, expected, summary, passwords) -> None:
    spoken = language()
    table = Table("frame", "expected", "answer", "reason", "ms", title="gate process")
    with database.read() as db:
        names = {row.worker_id: row.name for row in people.workers(db, made.project_id, today=datetime.now(UTC).date())}
        wages = payroll.wages_of_project(db, made.project_id, datetime.now(UTC))
        findings = oversight.findings_of(db, made.project_id, open_only=True, language=language())
    plan = json.loads((settings.data_dir / "plan.json").read_text(encoding="utf-8"))["frames"]
    for answer in answers:
        wanted = expected[answer["n"]]
        if wanted.startswith("worker:"):
            wanted = names.get(int(wanted.split(":")[1]), wanted)
        verdict = label(f"verdict.{answer['decision']}", spoken) if answer["decision"] else f"HTTP {answer['status']}"
        table.add_row(
            plan[answer["n"]]["label"].split("|")[1], wanted, verdict, answer["code"] or "",
            "" if answer["round_trip_ms"] is None else f"{answer['round_trip_ms']:.0f}",
        )
    console.print(table)
    owed = Table("worker", "days", "undecided", "accrued", "paid", "overpaid", "owed", title="wages, from all passages so far")
    for row in sorted(wages, key=lambda row: row.worker_id):
        owed.add_row(
            row.name, f"{row.day_milli / 1000:.2f}", str(row.undecided_days),
            *(f"¥{fen / 100:,.2f}" for fen in (row.accrued_fen, row.paid_fen, row.overpaid_fen, row.owed_fen)),
        )
    console.print(owed)
    found = Table("severity", "finding", Column("what the records show", overflow="fold"), "month", title="first audit findings")
    for line in findings:
        who = names.get(line.finding.subject_id, "") if line.finding.subject_kind == "worker" else ""
        found.add_row(line.finding.severity, f"{line.title} {who}", line.sentence, f"{line.finding.month:%Y-%m}")
    console.print(found)
    month = Table(title="closed month", show_header=False)
    for what, how in payday.lines(summary, spoken):
        month.add_row(what, how)
    console.print(month)
    facts = Table(title="summary", show_header=False)
    facts.add_row("frames / admitted", f"{summary['frames']} / {summary['admitted']}")
    facts.add_row("wrong person / stranger let in / doubled", f"{summary['wrong_person']} / {summary['stranger_admitted']} / {summary['duplicates_recorded']}")
    facts.add_row("on site now", str(summary["headcount"]))
    facts.add_row("answer p50 / p95", f"{summary['decision_ms']['p50']} / {summary['decision_ms']['p95']} ms")
    facts.add_row("address", f"http://{settings.host}:{settings.port}/")
    facts.add_row("county, as inspector", f"{summary['county_url']}  {label('level.' + summary['county_level'], spoken)}: {oversight.title_of(summary['county_reason'], spoken)}")
    for login, password in passwords.items():
        facts.add_row("sign in", f"{login}  {password}")
    console.print(facts)
