"""A month of a large project: from passages to wages owed, its close, and the answers of its pages and API.

    python -m bench.wages [--workers 5000] [--no-ten] [--no-pages] [--no-close]

Builds a month of ``workers`` (four passages a day, teams of fifty, four kinds of terms) in a SQLite file, then
measures in one run: a bare read of the passages by the driver; the same passages worked out to wages owed; ten times
as many workers; the projection; and, against a real service with ten callers, one worker and one day by the API, and
the worker's page: those are ``page_ms_p95``. Pages of many workers are told beside them. Machines are shared: ratios
count, and processor time. The last line is one JSON object.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app import access, periods, projection, sheets, timekeeping
from app.db import Database, make_engine, migrate
from app.domain.identity import id_check_digit
from app.memory import settle
from app.settings import Settings, read_settings
from app.sharing import Sharing, forking
from app.store import accounts, gates, people
from app.store import projection as rows
from app.store import sheets as held
from app.vault import Vault, open_vault

MONTH = date(2026, 3, 1)
END = date(2026, 4, 1)
NOW = datetime(2026, 4, 2, 1, 0, tzinfo=UTC)
TEAM = 50
CALLERS = 10
PASSWORD = "left boot, right boot"
KINDS = (("day", 400_00, "none"), ("day", 400_00, "law"), ("hour", 45_00, "law"), ("month", 8000_00, "law"))


def settings_of(folder: Path) -> Settings:
    return read_settings(environment="demonstration", data_dir=folder, pack_id="synthetic")


def build(folder: Path, workers: int) -> int:
    """Fill a new database; returns the number of passages."""
    settings = settings_of(folder)
    migrate(settings)
    engine = make_engine(settings)
    vault = open_vault(settings)
    with Database(engine).write() as db:
        entry = date(2026, 2, 1)
        project = people.add_project(
            db, code="BENCH-1", name="五千人项目", area_code="330424", address=None, time_zone="Asia/Shanghai",
            language="zh", confirm_face=False, is_demonstration=True, now=NOW,
        )
        company = people.add_company(db, uscc=None, name="某劳务公司", now=NOW)
        part = people.add_project_company(
            db, project_id=project, company_id=company, role="labour_subcontractor", entry_on=entry
        )
        gate = gates.add_gate(db, project_id=project, name="东门", direction="both")
        del gate
    engine.dispose()
    path = settings.data_dir / "muster.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA synchronous = OFF")
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'wall_passage%'").fetchall():
            db.execute(f"DROP TRIGGER {name}")  # a million rows of a benchmark need no chain
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'wall_chain%'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE gate SET direction = 'in'")
        db.execute("INSERT INTO gate (id, project_id, name, direction) VALUES (2, ?, '西门', 'out')", (project,))
        db.execute(
            "INSERT INTO device (id, project_id, gate_id, name, key_sealed, created_at) VALUES ('bench', ?, 1, 'b', x'00', ?)",
            (project, stamp(NOW)),
        )
        day = MONTH
        while day < date(2026, 5, 1):
            kind = "workday" if day.weekday() < 5 else "rest"
            db.execute(
                "INSERT INTO calendar_day (day_on, kind, name, source, recorded_by, recorded_at) VALUES (?, ?, '', 'bench', 'b', ?)",
                (day.isoformat(), kind, stamp(NOW)),
            )
            day += timedelta(days=1)
        teams = -(-workers // TEAM)
        db.executemany(
            "INSERT INTO team (id, project_id, project_company_id, name) VALUES (?, ?, ?, ?)",
            [(t, project, part, f"{t} 班") for t in range(1, teams + 1)],
        )
        db.executemany(
            "INSERT INTO worker (id, name, id_number_sealed, id_number_index, sex, birth_on, created_at) VALUES (?, ?, ?, ?, 'm', '1980-01-01', ?)",
            [(w, f"工人{w}", *sealed_id(vault, w), stamp(NOW)) for w in range(1, workers + 1)],
        )
        db.executemany(
            "INSERT INTO engagement (id, worker_id, project_id, project_company_id, team_id, entry_on, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(w, w, project, part, (w - 1) // TEAM + 1, entry.isoformat(), stamp(NOW)) for w in range(1, workers + 1)],
        )
        db.executemany(
            "INSERT INTO wage_term (engagement_id, kind, rate_fen, overtime_rule, relation, valid_from, recorded_at, recorded_by)"
            " VALUES (?, ?, ?, ?, 'labour_contract', ?, ?, 'bench')",
            [(w, *KINDS[w % len(KINDS)], entry.isoformat(), stamp(NOW)) for w in range(1, workers + 1)],
        )
        count = 0
        for chunk in passages(project, workers):
            db.executemany(
                "INSERT INTO passage (project_id, seq, device_id, gate_id, direction, event_key, content_sha256, worker_id,"
                " channel, verdict, code, received_at, occurred_at, salt, prev_hash, hash)"
                " VALUES (?, ?, 'bench', ?, ?, ?, '', ?, 'face', 'admit', 'admitted', ?, ?, x'00', '', '')",
                chunk,
            )
            count += len(chunk)
        db.execute("UPDATE chain_head SET seq = ? WHERE project_id = ?", (count, project))
        db.execute("ANALYZE")
    return count


def sealed_id(vault: Vault, worker: int) -> tuple[bytes, str]:
    """A test ID number, sealed, and its blind index."""
    birth_on = date(1950, 1, 1) + timedelta(days=worker // 998)
    digits = f"990424{birth_on:%Y%m%d}{worker % 998 + 1:03d}"
    number = digits + id_check_digit(digits)
    index = vault.index("id_number", number)
    return vault.seal(number.encode(), table="worker", column="id_number_sealed", owner=index), index


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def passages(project: int, workers: int):
    """Four passages a day of everybody, in order of days: in, out for lunch, in, out in the evening."""
    dice = random.Random(7)
    seq = 0
    day = datetime(2026, 2, 28, 16, 0, tzinfo=UTC)  # midnight of 1 March in Shanghai
    for _ in range((END - MONTH).days):
        chunk = []
        for worker in range(1, workers + 1):
            for gate, direction, hours in ((1, "in", 6.5), (2, "out", 11.5), (1, "in", 12.9), (2, "out", 17.5 + worker % 4)):
                seq += 1
                at = stamp(day + timedelta(hours=hours, seconds=dice.randrange(1200)))
                chunk.append((project, seq, gate, direction, f"b:{seq}", worker, at, at))
        yield chunk
        day += timedelta(days=1)


def derive(folder: Path, answer: Any) -> None:
    """In a process of its own: bare read, then the same passages to wages owed."""
    database = Database(make_engine(settings_of(folder)))
    settle()
    with database.read() as db:
        everybody = rows.workers(db, 1)
        groups = [everybody[i : i + projection.WORKERS_AT_ONCE] for i in range(0, len(everybody), projection.WORKERS_AT_ONCE)]

        def read() -> int:
            return sum(
                len(list(rows.raw_passages(db, 1, group, datetime(2026, 2, 27, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC))))
                for group in groups
            )

        read()
        began = time.perf_counter()
        count = read()
        read_s = time.perf_counter() - began
        began = time.perf_counter()
        gross = days = 0
        for worked in projection.months(db, 1, from_month=MONTH, to_month=END, as_of=NOW):
            gross += sum(month.gross_fen for month in worked.months)
            days += len(worked.days)
        seconds = time.perf_counter() - began
    answer.put(
        {"passages": count, "read_s": read_s, "seconds": seconds, "days": days, "gross_fen": gross,
         "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    )


def measured(folder: Path, workers: int, console: Console) -> dict[str, Any]:
    began = time.perf_counter()
    count = build(folder, workers)
    console.print(f"{workers:,} workers, {count:,} passages built in {time.perf_counter() - began:.0f} s")
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    child = context.Process(target=derive, args=(folder, answer))
    child.start()
    result = answer.get()
    child.join()
    assert result["passages"] == count, "not every passage was read"
    assert result["gross_fen"] > 0
    return result


def together(port: int, paths: Callable[[random.Random], str], token: str, *, each: int) -> list[float]:
    """Ten callers at once, each ``each`` requests over a connection it keeps, as browsers do; all times in ms."""
    times: list[float] = []
    failures: list[BaseException] = []

    def caller(seed: int) -> None:
        dice = random.Random(seed)
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            for _ in range(each):
                path = paths(dice)
                began = time.perf_counter()
                kept.request("GET", path, headers={"Authorization": f"Bearer {token}"})
                reply = kept.getresponse()
                reply.read()
                times.append((time.perf_counter() - began) * 1000)
                if reply.status != 200:
                    raise RuntimeError(f"{path}: {reply.status}")
        except BaseException as failure:  # noqa: BLE001 (told below, not lost in a thread)
            failures.append(failure)
        finally:
            kept.close()

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return times


def used_s() -> float:
    """Processor time of this process and of helpers that have ended."""
    return sum(of.ru_utime + of.ru_stime for of in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def cpu_s(pid: int) -> float:
    """Processor time a process and those it forked have used."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK") + sum(map(cpu_s, children))


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, int(len(values) * 0.95) - 1)]


def pages(folder: Path, workers: int, console: Console) -> dict[str, Any]:
    """Projection, then one worker and one day by API and as pages, ten callers at once, against a real service."""
    from tests.service import Service

    settings = settings_of(folder)
    engine = make_engine(settings)
    database = Database(engine)
    began = time.perf_counter()
    done = projection.refresh(database, 1, now=NOW)
    refresh_s = time.perf_counter() - began
    began = time.perf_counter()
    projection.refresh(database, 1, now=NOW)
    again_s = time.perf_counter() - began
    with database.write() as db:
        account = accounts.add_account(db, login="wu", name="吴", password_hash=access.PASSWORDS.hash(PASSWORD), language="zh", now=NOW)
        accounts.add_membership(db, account_id=account, role="labour_officer", project_id=1, area_code=None)
    engine.dispose()
    service = Service(settings, "")
    service.start()
    found: dict[str, list[float]] = {}
    spent: dict[str, float] = {}
    try:
        request = urllib.request.Request(
            f"{service.url}/v1/sign-in", json.dumps({"login": "wu", "password": PASSWORD}).encode(),
            {"Content-Type": "application/json"},
        )
        token = json.loads(urllib.request.urlopen(request, timeout=30).read())["token"]
        asked = {
            "api worker": lambda dice: f"/v1/projects/1/workers/{dice.randint(1, workers)}/days?month=2026-03",
            "api day": lambda dice: f"/v1/projects/1/dates/2026-03-{dice.randint(1, 31):02d}/days?after={dice.randrange(workers)}",
            "page worker": lambda dice: f"/projects/1/workers/{dice.randint(1, workers)}",
        }
        longer = {
            "page roster": lambda dice: f"/projects/1/workers?page={dice.randint(1, -(-workers // 50))}",
            "page grid": lambda dice: f"/projects/1/grid?month=2026-03&team={dice.randint(1, -(-workers // TEAM))}",
            "page account": lambda dice: "/projects/1/account",
        }
        assert service.process is not None
        for name, path in (asked | longer).items():
            each = 20 if name in asked else 3
            together(service.port, path, token, each=2 if name in asked else 1)
            before = cpu_s(service.process.pid)
            found[name] = together(service.port, path, token, each=each)
            spent[name] = (cpu_s(service.process.pid) - before) * 1000 / len(found[name])
            console.print(f"{name}: p50 {statistics.median(found[name]):.0f} ms, p95 {p95(found[name]):.0f} ms")
    finally:
        service.stop()
    table = Table("what", "p50 ms", "p95 ms", "CPU ms of the service", title=f"{CALLERS} callers at once, {workers:,} workers")
    for name, times in found.items():
        table.add_row(name, f"{statistics.median(times):.0f}", f"{p95(times):.0f}", f"{spent[name]:.1f}")
    console.print(table)
    console.print(f"projection: {done.days_written:,} days in {refresh_s:.1f} s; again with nothing new {again_s * 1000:.0f} ms")
    return {"page_ms_p95": round(max(p95(found[name]) for name in asked), 1), "refresh_s": round(refresh_s, 1)}


def close(folder: Path, console: Console) -> dict[str, Any]:
    """Lock, drafts, signatures of one team, steps of every sheet, close: the use cases, each in its transaction."""
    settings = settings_of(folder)
    engine = make_engine(settings)
    database = Database(engine)
    vault = open_vault(settings)
    settle()
    project = {"project_id": 1}
    with database.write() as db:
        # The gate has told that it holds back nothing of the month.
        db.connection().exec_driver_sql(f"UPDATE device SET complete_to = '{stamp(NOW)}'")
    took: dict[str, tuple[float, float]] = {}

    def step(name: str, work: Callable[[], Any]) -> Any:
        began, cpu = time.perf_counter(), used_s()
        answer = work()
        took[name] = time.perf_counter() - began, used_s() - cpu
        return answer

    # As the service has them; its helpers are forked by the keeper of its readers.
    months = sheets.Months(Sharing(forking(sheets.reckoner(settings)), os.cpu_count() or 1))

    def each(use_case: Callable[..., Any], by: str, at: datetime, *, compares: bool = False) -> None:
        for sheet in latest:
            fresh = months.fresh(database, 1, MONTH, at) if compares else None
            with database.write() as db:
                use_case(db, **project, sheet_id=sheet.id, by=by, now=at, fresh=fresh)

    def lock() -> None:
        fresh = months.before(database, 1, MONTH, NOW)
        with database.write() as db:
            periods.lock(db, **project, month=MONTH, by="wu", now=NOW, fresh=fresh)

    def draft() -> None:
        fresh = months.before(database, 1, MONTH, NOW)
        with database.write() as db:
            sheets.draft_all(db, **project, month=MONTH, by="sun", now=NOW, fresh=fresh)

    def finish() -> Any:
        fresh = months.before(database, 1, MONTH, later)
        with database.write() as db:
            return periods.close(db, **project, month=MONTH, by="chen", now=later, fresh=fresh)

    def sign() -> int:
        # A picture of one pixel stands for the scan of a team's signed sheet.
        scan = bytes.fromhex(
            "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
            "0000000d49444154789c63f8cfc0f01f0005000201f5d0d15d0000000049454e44ae426082"
        )
        with database.write() as db:
            evidence = timekeeping.put_evidence(
                db, vault, **project, name="signed.png", media_type="image/png", content=scan, by="wu", now=NOW
            )
        with database.read() as db:
            lines = held.lines(db, latest[0].id)
        for line in lines:
            with database.write() as db:
                sheets.confirm(
                    db, **project, line_id=line.id, line_hash=line.line_hash, verdict="agree", method="paper",
                    evidence=[evidence], by="wu", now=NOW,
                )  # fmt: skip
        return len(lines)

    step("lock", lock)
    step("draft", draft)
    with database.read() as db:
        latest = held.latest_sheets(db, 1, MONTH)
    step("submit", lambda: each(sheets.submit, "sun", NOW))
    signed = step("sign one team", sign)
    step("check", lambda: each(sheets.check, "wu", NOW, compares=True))
    step("publicise", lambda: each(sheets.publicise, "wu", NOW))
    later = NOW + timedelta(days=10)
    step("approve", lambda: each(sheets.approve, "chen", later, compares=True))
    closed = step("close", finish)
    with database.read() as db:
        posted = len(held.posted_lines(db, 1, month=MONTH))
    engine.dispose()
    assert closed.state == "closed" and posted, "the month is not closed"
    table = Table("step", "seconds", "of the processor", title=f"close: {len(latest)} sheets, {posted:,} lines, {signed} signatures")
    for name, (wall, cpu) in took.items():
        table.add_row(name, f"{wall:.1f}", f"{cpu:.1f}")
    console.print(table)
    waited = [took[name] for name in ("lock", "draft", "close")]
    return {"close_s": round(sum(w for w, _ in waited), 1), "close_cpu_s": round(sum(c for _, c in waited), 1)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.wages")
    parser.add_argument("--workers", type=int, default=5000)
    parser.add_argument("--no-ten", action="store_true", help="leave out ten times as many workers")
    parser.add_argument("--no-pages", action="store_true", help="leave out the projection and the service")
    parser.add_argument("--no-close", action="store_true", help="leave out lock, drafts and close")
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "one").mkdir()
        (Path(folder) / "ten").mkdir()
        one = measured(Path(folder) / "one", options.workers, console)
        table = Table("workers", "passages", "bare read s", "to wages owed s", "ratio", "rss MB")
        table.add_row(
            f"{options.workers:,}", f"{one['passages']:,}", f"{one['read_s']:.2f}", f"{one['seconds']:.2f}",
            f"{one['seconds'] / one['read_s']:.1f}", f"{one['rss_mb']:.0f}",
        )
        ten = None
        if not options.no_ten:
            ten = measured(Path(folder) / "ten", options.workers * 10, console)
            table.add_row(
                f"{options.workers * 10:,}", f"{ten['passages']:,}", f"{ten['read_s']:.2f}", f"{ten['seconds']:.2f}",
                f"{ten['seconds'] / ten['read_s']:.1f}", f"{ten['rss_mb']:.0f}",
            )
        console.print(table)
        asked = {} if options.no_pages else pages(Path(folder) / "one", options.workers, console)
        month = {} if options.no_close else close(Path(folder) / "one", console)
    print(
        json.dumps(
            {
                "workers": options.workers,
                "passages": one["passages"],
                "seconds": round(one["seconds"], 2),
                "rows_per_s": round(one["passages"] / one["seconds"]),
                "rss_mb": round(one["rss_mb"]),
                "ratio_to_read": round(one["seconds"] / one["read_s"], 2),
                "x10_ratio": None if ten is None else round(ten["seconds"] / one["seconds"], 2),
                "page_ms_p95": asked.get("page_ms_p95"),
                "refresh_s": asked.get("refresh_s"),
                "close_s": month.get("close_s"),
                "close_cpu_s": month.get("close_cpu_s"),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
