"""Every page of a project of a thousand workers with a year of facts: how long each takes, how large it is, what it costs.

    python -m bench.pages [--workers 1000] [--months 12] [--callers 4] [--each 12] [--only WORD] [--keep FOLDER] [--no-streams]

Generates one honest project (``app.demo.county``: passages, corrections, sheets signed and closed month by month, batches and
the bank's word), lets it live on to this minute, and serves it with ``muster serve`` on two cores. Then every page of the
service is fetched by ``callers`` at once, each over a connection it keeps, signed in as each of the roles that may open it in
turn, and then by one caller alone. ``pages`` of the last line is the server's time: of the page itself, from the request to the last
byte, by one caller. ``queued`` is the same with ``callers`` who ask without a pause: the wait for a core is in it.
What a browser loads for its first page, cold, is fetched as a browser does and counted as it came, compressed.
``--keep`` leaves the database in a folder, or takes the one that is there.

Machines are shared: a page's processor time counts, its time by the clock says how busy the machine was besides. The last line
is one JSON object; the exit status is 1 when a page by itself, the first load or the streams are beyond their limit.
"""

import argparse
import gzip
import http.client
import json
import os
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app import access, oversight, projection, timekeeping
from app.access import Role
from app.db import Database, make_engine, migrate
from app.demo import county
from app.domain.workdays import month_of
from app.pages import CHARTS, LISTS, PAGES
from app.settings import Settings, read_settings
from app.store import accounts, people
from app.store import timekeeping as held
from app.vault import Vault, open_vault
from bench.wages import cpu_s, p95

PAGE_MS_P95_MAX = 100.0
COLD_KB_MAX = 700.0
STREAMS_MB_MAX = 50.0
STREAMS = 300
CORES = 2
PASSWORD = "left boot, right boot"
ALONE = 40
"""Requests of one caller a page at least: with fewer the slowest of them would be its p95."""
BEHIND = 5
"""Workers who were somewhere since the projection was brought up to date; the worker process does that every 15 s."""
EMPTY_PROJECTS = 30
"""Others of the county, for the inspector's list."""


@dataclass(frozen=True, slots=True)
class Year(county.Plan):
    """A plan whose generated months are the last ``length`` before this one."""

    length: int = 12

    @property
    def months(self) -> tuple[date, ...]:
        """First days of the months, the oldest first."""
        found = [month_of(self.as_of.astimezone(county.ZONE).date())]
        for _ in range(self.length):
            found.insert(0, month_of(found[0] - timedelta(days=1)))
        return tuple(found[:-1])


class LivesOn:
    """An honest project that goes on into the running month: some leave, some transfers fail, some days wait for somebody."""

    def at_entry(self, site: county.Site, plan: Year) -> Iterable[Any]:
        """Every month is on paper and paid; each month somebody leaves and a transfer or two comes back."""
        dice = random.Random(plan.seed)
        hands, months = site.hands, plan.months
        fails = tuple(frozenset(h.id for h in dice.sample(hands, 2)) for _ in months)
        site.quirks = county.Quirks(papers=(True,) * len(months), paid=(True,) * len(months), fails=fails)
        for month in months[1:]:
            for hand in dice.sample(hands, max(1, len(hands) // 250)):
                hand.exit_on = month + timedelta(days=dice.randrange(27))
        return ()

    def at_the_gate(self, site: county.Site, plan: Year) -> Iterable[Any]:
        """The running month up to now; its forgotten exits are nobody's word yet."""
        corrected = list(site.forgotten)
        county.live_month(site, month_of(plan.as_of.astimezone(county.ZONE).date()))
        site.passages[:] = [p for p in site.passages if p.at <= plan.as_of]
        self.waiting = [f for f in site.forgotten[len(corrected) :] if f[2] <= plan.as_of - timedelta(days=1)]
        site.forgotten[:] = corrected
        return ()

    def before_the_papers(self, database: Database, vault: Vault, site: county.Site, plan: Year) -> Iterable[Any]:
        """Of the running month's forgotten exits every second one is asked for."""
        for hand, day, gone in self.waiting[::2]:
            with database.write() as db:
                timekeeping.request_correction(
                    db, project_id=site.id, worker_id=hand.id, work_date=day, kind="missing_out", out_at=gone, reason="forgot",
                    by=county.SUBCONTRACTOR, now=min(plan.as_of, county.clock_of(day + timedelta(days=1), "10:00")),
                )  # fmt: skip
        return ()

    def after_the_papers(self, database: Database, vault: Vault, site: county.Site, plan: Year) -> Iterable[Any]:
        """Nothing."""
        return ()

    def across(self, db: Any, vault: Vault, sites: list[county.Site], plan: Year) -> Iterable[Any]:
        """Nothing."""
        return ()


def settings_of(folder: Path) -> Settings:
    return read_settings(environment="demonstration", data_dir=folder, pack_id="synthetic")


def build(folder: Path, workers: int, months: int, console: Console) -> None:
    """Fill a new database in ``folder``."""
    settings = settings_of(folder)
    migrate(settings)
    engine = make_engine(settings, wait_s=county.STATEMENT_S, hang_up=False)
    database, vault = Database(engine), open_vault(settings)
    now = datetime.now(UTC).replace(microsecond=0)
    plan = Year(projects=1, workers=workers, as_of=now, length=months)
    began = time.perf_counter()
    done = county.build(database, vault, settings, plan, planting=LivesOn())
    for month in (*plan.months[-2:], month_of(now.astimezone(county.ZONE).date())):
        oversight.audit_project(database, 1, month, now)
    with database.write() as db:
        for n in range(EMPTY_PROJECTS):
            people.add_project(
                db, code=f"GEN-E{n:03d}", name=f"生成空项目 {n:02d}（非真实数据）", area_code=county.AREA, address=None,
                time_zone="Asia/Shanghai", language="zh", confirm_face=False, is_demonstration=True, now=now,
            )  # fmt: skip
        _accounts(db, now)
    projection.refresh(database, 1, now=now)
    with database.write() as db:
        db.connection().exec_driver_sql("ANALYZE")
    engine.dispose()
    took = time.perf_counter() - began
    console.print(f"{done.workers:,} workers, {len(plan.months)} closed months, {done.passages:,} passages, {done.lines:,} lines in {took:.0f} s")


def _accounts(db: Any, now: datetime) -> None:
    """One account a role; the subcontractor's and the leader's parts are those of the first team."""
    hashed = access.PASSWORDS.hash(PASSWORD)
    team = people.teams(db, 1)[0]
    worker = people.engagements(db, 1)[0].worker_id
    reach: dict[Role, dict[str, Any]] = {
        Role.ADMINISTRATOR: {}, Role.DATA_OFFICER: {}, Role.INSPECTOR: {"area_code": county.AREA},
        Role.SUBCONTRACTOR: {"project_id": 1, "project_company_id": team.project_company_id},
        Role.TEAM_LEADER: {"project_id": 1, "team_id": team.id}, Role.WORKER: {"project_id": 1, "worker_id": worker},
    }  # fmt: skip
    for role in Role:
        account = accounts.add_account(db, login=_login(role), name=str(role), password_hash=hashed, language="zh", now=now)
        accounts.add_membership(db, account_id=account, role=role, **reach.get(role, {"project_id": 1}))


def _login(role: Role) -> str:
    return f"bench.{role}".replace("_", "-")


# --- what is asked -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """Numbers of the project that addresses need."""

    workers: tuple[int, ...]
    teams: tuple[int, ...]
    sheets: tuple[int, ...]
    batches: tuple[int, ...]
    months: tuple[str, ...]
    """YYYY-MM, the running one last."""
    accounts: tuple[int, ...]
    own_lines: tuple[int, ...]
    """Of the worker who has an account."""
    own_sheets: tuple[int, ...]
    """Of the first team: what its leader and its company may open."""

    def seen_by(self, role: str) -> "Known":
        """What somebody of a role may ask for."""
        return replace(self, sheets=self.own_sheets) if role in access.PART_ROLES else self


P = "/projects/1"
Address = Callable[[random.Random, Known], str]
ADDRESSES: dict[str, tuple[Address, ...]] = {
    "/": (lambda d, k: "/",),
    "/county": (lambda d, k: "/county",),
    "/county/twins": (lambda d, k: "/county/twins",),
    "/journal": (lambda d, k: "/journal",),
    "/account": (lambda d, k: "/account",),
    "/projects/new": (lambda d, k: "/projects/new",),
    "/me": (lambda d, k: "/me",),
    "/me/days": (lambda d, k: "/me/days", lambda d, k: f"/me/days?month={d.choice(k.months)}"),
    "/me/wages": (lambda d, k: "/me/wages",),
    "/me/sheets": (lambda d, k: "/me/sheets",),
    "/me/sheets/{line_id:int}": (lambda d, k: f"/me/sheets/{d.choice(k.own_lines)}",),
    "/me/objections": (lambda d, k: "/me/objections",),
    "/me/face": (lambda d, k: "/me/face",),
    "/projects/{project_id:int}/setup": (lambda d, k: f"{P}/setup",),
    "/projects/{project_id:int}/rules": (lambda d, k: f"{P}/rules",),
    "/projects/{project_id:int}/wall": (lambda d, k: f"{P}/wall",),
    "/projects/{project_id:int}/screens": (lambda d, k: f"{P}/screens",),
    "/projects/{project_id:int}/objections": (lambda d, k: f"{P}/objections",),
    "/projects/{project_id:int}/workers/roster": (lambda d, k: f"{P}/workers/roster",),
    "/projects/{project_id:int}/workers/{worker_id:int}/phone": (lambda d, k: f"{P}/workers/{d.choice(k.workers)}/phone",),
    "/projects/{project_id:int}/payroll/{sheet_id:int}/sign": (lambda d, k: f"{P}/payroll/{d.choice(k.sheets)}/sign",),
    "/accounts": (lambda d, k: "/accounts",),
    "/accounts/{account_id:int}": (lambda d, k: f"/accounts/{d.choice(k.accounts)}",),
    "/sign-ins": (lambda d, k: "/sign-ins",),
    "/projects/{project_id:int}/people": (lambda d, k: f"{P}/people",),
    "/projects/{project_id:int}/devices": (lambda d, k: f"{P}/devices",),
    "/projects/{project_id:int}/enrol": (lambda d, k: f"{P}/enrol",),
    "/projects/{project_id:int}/enrol/{worker_id:int}": (lambda d, k: f"{P}/enrol/{d.choice(k.workers)}",),
    "/projects/{project_id:int}": (lambda d, k: P,),
    "/projects/{project_id:int}/gate": (lambda d, k: f"{P}/gate",),
    "/projects/{project_id:int}/workers": (
        lambda d, k: f"{P}/workers?page={d.randint(1, max(1, len(k.workers) // 50))}",
        lambda d, k: f"{P}/workers?sort=-owed",
    ),
    "/projects/{project_id:int}/workers/{worker_id:int}": (
        lambda d, k: f"{P}/workers/{d.choice(k.workers)}",
        lambda d, k: f"{P}/workers/{d.choice(k.workers)}?month={d.choice(k.months)}",
    ),
    "/projects/{project_id:int}/grid": (
        lambda d, k: f"{P}/grid",
        lambda d, k: f"{P}/grid?team={d.choice(k.teams)}&month={d.choice(k.months)}&show={d.choice(('hours', 'times', ''))}",
        lambda d, k: f"{P}/grid?team=all&month={d.choice(k.months)}&page={d.randint(1, 9)}",
    ),
    "/projects/{project_id:int}/grid/{worker_id:int}": (
        lambda d, k: f"{P}/grid/{d.choice(k.workers)}?day={d.choice(k.months)}-{d.randint(1, 28):02d}",
    ),
    "/projects/{project_id:int}/corrections": (
        lambda d, k: f"{P}/corrections",
        lambda d, k: f"{P}/corrections?state=approved&month={d.choice(k.months)}",
    ),
    "/projects/{project_id:int}/marks": (lambda d, k: f"{P}/marks", lambda d, k: f"{P}/marks?month={d.choice(k.months)}"),
    "/projects/{project_id:int}/payroll": (lambda d, k: f"{P}/payroll", lambda d, k: f"{P}/payroll?month={d.choice(k.months)}"),
    "/projects/{project_id:int}/payroll/{sheet_id:int}": (lambda d, k: f"{P}/payroll/{d.choice(k.sheets)}",),
    "/projects/{project_id:int}/account": (lambda d, k: f"{P}/account",),
    "/projects/{project_id:int}/account/batches/{batch_id:int}": (lambda d, k: f"{P}/account/batches/{d.choice(k.batches)}",),
    "/projects/{project_id:int}/account/statement": (lambda d, k: f"{P}/account/statement",),
    "/projects/{project_id:int}/exits": (lambda d, k: f"{P}/exits",),
    "/projects/{project_id:int}/arrears": (lambda d, k: f"{P}/arrears", lambda d, k: f"{P}/arrears?by=team"),
    "/projects/{project_id:int}/tasks": (lambda d, k: f"{P}/tasks",),
    "/projects/{project_id:int}/three-way": (
        lambda d, k: f"{P}/three-way", lambda d, k: f"{P}/three-way?month={d.choice(k.months)}&kind=all",
    ),
    "/projects/{project_id:int}/three-way/{worker_id:int}": (
        lambda d, k: f"{P}/three-way/{d.choice(k.workers)}?month={d.choice(k.months)}",
    ),
    "/projects/{project_id:int}/findings": (lambda d, k: f"{P}/findings", lambda d, k: f"{P}/findings?month={k.months[-1]}"),
    "/projects/{project_id:int}/signals": (lambda d, k: f"{P}/signals",),
    "/projects/{project_id:int}/journal": (lambda d, k: f"{P}/journal", lambda d, k: f"{P}/journal?what=done"),
    "/projects/{project_id:int}/review": (lambda d, k: f"{P}/review",),
    "/projects/{project_id:int}/settings": (lambda d, k: f"{P}/settings",),
    "/projects/{project_id:int}/today/lists": (lambda d, k: f"{P}/today/lists", lambda d, k: f"{P}/today/lists?show=on_site"),
    "/projects/{project_id:int}/charts/teams": (lambda d, k: f"{P}/charts/teams",),
    "/projects/{project_id:int}/charts/arrears": (lambda d, k: f"{P}/charts/arrears",),
    "/projects/{project_id:int}/charts/owing": (lambda d, k: f"{P}/charts/owing",),
    "/projects/{project_id:int}/charts/week": (lambda d, k: f"{P}/charts/week",),
}  # fmt: skip
"""Path of a page's route -> addresses it is asked by, in turn. A page of the service without a row fails a test."""


def roles_of() -> dict[str, tuple[Role, ...]]:
    """Path of every page and chart -> the roles that may open it; a page anybody may open is asked for by everybody."""
    actions = {page.path: page.action for page in PAGES} | {path: action for path, (action, _) in (CHARTS | LISTS).items()}
    return {path: tuple(Role) if action is None else tuple(r for r in Role if r in access.ACTIONS[action]) for path, action in actions.items()}


def known(database: Database) -> Known:
    """Ask the project for its numbers."""
    now = datetime.now(UTC)
    with database.read() as db:
        this = month_of(now.astimezone(county.ZONE).date())
        rows = db.connection().exec_driver_sql
        months = [str(m)[:7] for (m,) in rows("SELECT DISTINCT month FROM payroll_sheet ORDER BY month")]
        return Known(
            workers=tuple(w for (w,) in rows("SELECT DISTINCT worker_id FROM engagement WHERE project_id = 1")),
            teams=tuple(team.id for team in people.teams(db, 1)),
            sheets=tuple(s for (s,) in rows("SELECT id FROM payroll_sheet WHERE project_id = 1")),
            batches=tuple(b for (b,) in rows("SELECT id FROM payment_batch WHERE project_id = 1")),
            months=(*months, f"{this:%Y-%m}"),
            own_lines=tuple(n for (n,) in rows("SELECT id FROM payroll_line WHERE worker_id = (SELECT worker_id FROM membership WHERE worker_id > 0)")),
            accounts=tuple(a for (a,) in rows("SELECT id FROM account")),
            own_sheets=tuple(s for (s,) in rows("SELECT id FROM payroll_sheet WHERE project_id = 1 AND team_id = (SELECT min(id) FROM team)")),
        )


# --- asking --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """One page, all its roles together."""

    times_ms: tuple[float, ...]
    """Asked by several at once, with the time a request waits for a core."""
    alone_ms: tuple[float, ...]
    """Asked by one caller after the other: the service's own time for the page, nobody before it in the queue."""
    cpu_ms: float
    """Of the service with its readers, per page."""
    bytes_plain: int
    """Of the largest answer, uncompressed."""
    bytes_sent: int
    """The same as it came."""
    worst: str
    """The role with the highest median, and that median."""


def fetch(kept: http.client.HTTPConnection, path: str, token: str) -> tuple[int, Mapping[str, str], bytes]:
    """GET as a browser does: compressed answers wanted."""
    kept.request("GET", path, headers={"Cookie": f"{access.COOKIE}={token}", "Accept-Encoding": "gzip", "Accept": "text/html"})
    reply = kept.getresponse()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()


def together(port: int, pairs: list[tuple[str, str]], tokens: Mapping[str, str], callers: int) -> list[tuple[str, float, int, int]]:
    """Fetch (role, path) pairs with several callers at once; (role, ms, plain bytes, sent bytes) of each.

    Raises:
        RuntimeError: a page was refused.
    """
    told: list[tuple[str, float, int, int]] = []
    failures: list[BaseException] = []
    line, lock = iter(pairs), threading.Lock()

    def caller() -> None:
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            while True:
                with lock:
                    pair = next(line, None)
                if pair is None:
                    return
                role, path = pair
                began = time.perf_counter()
                status, headers, body = fetch(kept, path, tokens[role])
                ms = (time.perf_counter() - began) * 1000
                # Somebody without a page of his own there is led on (the guard to the gate); that is an answer, too.
                if status not in (200, 303):
                    raise RuntimeError(f"{path} for {role}: {status}")
                plain = len(gzip.decompress(body)) if headers.get("content-encoding") == "gzip" else len(body)
                told.append((role, ms, plain, len(body)))
        except BaseException as failure:  # noqa: BLE001 (told below, not lost in a thread)
            failures.append(failure)
        finally:
            kept.close()

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return told


def measure(service: Any, tokens: Mapping[str, str], facts: Known, *, callers: int, each: int, only: str) -> dict[str, Measured]:
    """Every page: once in peace for whatever is loaded first, then ``each`` times a role, all roles mixed."""
    found = {}
    dice = random.Random(7)
    for path, roles in roles_of().items():
        if only not in path:
            continue
        addresses = ADDRESSES[path]
        pairs = [(str(role), addresses[n % len(addresses)](dice, facts.seen_by(role))) for n in range(max(each, 2 * each // len(roles))) for role in roles]
        together(service.port, [(str(role), address(dice, facts.seen_by(role))) for role in roles for address in addresses], tokens, 1)
        before = cpu_s(service.process.pid)
        told = together(service.port, pairs, tokens, callers)
        cpu_ms = (cpu_s(service.process.pid) - before) * 1000 / len(told)
        alone = together(service.port, pairs[: max(ALONE, len(pairs) // 2)], tokens, 1)
        medians = {role: statistics.median(ms for of, ms, _, _ in told if of == role) for role in {of for of, *_ in told}}
        slowest = max(medians, key=lambda role: medians[role])
        largest = max(told, key=lambda each: each[2])
        found[path] = Measured(tuple(ms for _, ms, _, _ in told), tuple(ms for _, ms, _, _ in alone), cpu_ms, largest[2], largest[3], f"{slowest} {medians[slowest]:.0f}")
    return found


LINKED = re.compile(rb'(?:src|href)="(/static/[^"]+)"')


def cold_kb(port: int, token: str) -> tuple[float, list[tuple[str, int]]]:
    """Load the first page of a project as a browser with an empty store does; (kB over the wire, each file with its bytes)."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    status, headers, body = fetch(kept, P, token)
    if status != 200:
        raise RuntimeError(f"{P}: {status}")
    sizes = [(P, len(body))]
    page = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    for link in dict.fromkeys(LINKED.findall(page)):
        status, headers, body = fetch(kept, link.decode(), token)
        if status != 200:
            raise RuntimeError(f"{link.decode()}: {status}")
        sizes.append((link.decode(), len(body)))
        # What a style sheet loads in turn.
        text = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        if b"url(" in text and link.endswith(b".css") and re.search(rb"url\((?!['\"]?data:)", text):
            raise RuntimeError(f"{link.decode()} loads more: count it")
    for path in re.findall(rb'data-chart="([^"]+)"', page):
        sizes.append((path.decode(), len(fetch(kept, path.decode(), token)[2])))
    kept.close()
    return sum(size for _, size in sizes) / 1000, sizes


def sign_in_all(settings: Settings) -> dict[str, str]:
    """A session of every role."""
    database = Database(make_engine(settings))
    now = datetime.now(UTC)
    with database.write() as db:
        tokens = {
            str(role): access.begin_session(db, settings, account_id=accounts.account_by_login(db, _login(role)).id, now=now) for role in Role
        }
    database.engine.dispose()
    return tokens


def streams_mb_of(console: Console) -> float:
    """Memory in MB that 300 open live streams take of a service of their own (``bench.live``)."""
    from bench import live

    told = live.measure(STREAMS)
    console.print(f"{STREAMS} streams: {told}", highlight=False)
    return float(told["streams_mb"])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--each", type=int, default=12, help="requests a page and role")
    parser.add_argument("--only", default="", help="only pages with this in their path")
    parser.add_argument("--keep", type=Path, help="leave the database here, or take the one that is here")
    parser.add_argument("--no-streams", action="store_true")
    options = parser.parse_args(arguments)
    console = Console(stderr=True, width=150)
    with tempfile.TemporaryDirectory(prefix="muster-pages-") as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "muster.db").exists():
            build(folder, options.workers, options.months, console)
        migrate(settings_of(folder))  # one that was left here may be of an earlier version
        return told(folder, options, console)


def told(folder: Path, options: argparse.Namespace, console: Console) -> int:
    """Serve, measure, print; returns the exit status."""
    from tests.service import Service

    settings = settings_of(folder)
    database = Database(make_engine(settings))
    now = datetime.now(UTC)
    projection.refresh(database, 1, now=now)
    facts = known(database)
    with database.write() as db:
        # Some have facts that the rows do not know yet, as at any moment of a working day: pages lay those over.
        for worker in random.Random(7).sample(facts.workers, min(BEHIND, len(facts.workers))):
            held.mark_stale_around(db, 1, worker, now.astimezone(county.ZONE).date())
    database.engine.dispose()
    tokens = sign_in_all(settings)
    service = Service(settings, "", {"MUSTER_ENVIRONMENT": "demonstration"})
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(mine)[:CORES]))
    try:
        service.start()
    finally:
        os.sched_setaffinity(0, mine)
    try:
        found = measure(service, tokens, facts, callers=options.callers, each=options.each, only=options.only)
        first_kb, files = cold_kb(service.port, tokens["labour_officer"])
    finally:
        service.stop()
    streams_mb = None if options.no_streams else streams_mb_of(console)
    table = Table(
        "page", "n", "p50 ms", "p95 ms", "alone p50", "alone p95", "CPU ms", "kB", "kB sent", "slowest role, its p50",
        title=f"{options.callers} callers, {len(facts.workers):,} workers, {len(facts.months)} months",
    )  # fmt: skip
    for path, of in sorted(found.items(), key=lambda item: -item[1].cpu_ms):
        table.add_row(
            path.replace("/projects/{project_id:int}", "…"), str(len(of.times_ms)), f"{statistics.median(of.times_ms):.0f}",
            f"{p95(list(of.times_ms)):.0f}", f"{statistics.median(of.alone_ms):.0f}", f"{p95(list(of.alone_ms)):.0f}", f"{of.cpu_ms:.1f}", f"{of.bytes_plain / 1000:.0f}", f"{of.bytes_sent / 1000:.1f}", of.worst,
        )  # fmt: skip
    console.print(table)
    for name, size in files:
        console.print(f"{size / 1000:8.1f} kB  {name}", highlight=False)
    pages = {path: round(p95(list(of.alone_ms)), 1) for path, of in found.items()}
    queued = {path: round(p95(list(of.times_ms)), 1) for path, of in found.items()}
    print(json.dumps({"pages": pages, "queued": queued, "cold_kb": round(first_kb, 1), "streams": STREAMS, "streams_mb": streams_mb}))
    slow = [path for path, ms in pages.items() if ms >= PAGE_MS_P95_MAX]
    for who, beyond in (("by itself", slow), (f"{options.callers} callers", [path for path, ms in queued.items() if ms >= PAGE_MS_P95_MAX])):
        console.print(f"beyond 100 ms, {who}: {len(beyond)} of {len(pages)}: " + ", ".join(beyond), highlight=False)
    return int(bool(slow) or first_kb >= COLD_KB_MAX or (streams_mb is not None and streams_mb >= STREAMS_MB_MAX))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
