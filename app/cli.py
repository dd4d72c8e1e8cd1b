"""The ``muster`` command: what an operator does from a shell. One command a job; ``muster --help`` lists them.

Results go to stdout (``--json`` where a machine reads them), progress and logs to stderr. Exit status: 0 done,
1 refused or found faulty (the sentence says why), 2 the command was used wrongly.
"""

# ruff: noqa: E402  (the environment has to be set before numpy is imported by anybody)
import os

# One thread a worker: a match among 10,000 templates took 1.1 ms of processor time in numpy's own pool, 0.1 ms without it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gc
import json
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from app import __version__
from app.domain.counted import filled
from app.errors import NotFound, ServiceError
from app.memory import look_rarely
from app.settings import Settings, SettingsWrong, read_settings, settings_table
from app.settings import spoken_language as language
from app.wording import sentence

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Muster: real-name attendance and wages.",
    # A traceback with its local variables would print names and ID numbers.
    pretty_exceptions_enable=False,
)
pack_app = typer.Typer(no_args_is_help=True, help="Model packs: build, list, verify, import.")
user_app = typer.Typer(no_args_is_help=True, help="Accounts of people who sign in.")
device_app = typer.Typer(no_args_is_help=True, help="Gates and the devices that post for them.")
project_app = typer.Typer(no_args_is_help=True, help="Projects, companies, teams and workers.")
key_app = typer.Typer(no_args_is_help=True, help="The master key.")
county_app = typer.Typer(no_args_is_help=True, help="A generated county, to measure and try the audit with.")
for child, name in ((county_app, "county"), (pack_app, "pack"), (user_app, "user"), (device_app, "device"), (project_app, "project"), (key_app, "key")):
    app.add_typer(child, name=name)

BY = "command line"
"""Who did it, in the journal."""

out = Console()
err = Console(stderr=True)


def now() -> datetime:
    """The one place of the command line where the clock is read."""
    return datetime.now(UTC)


def main() -> None:
    """Entry point: refusals become one sentence and exit status 1."""
    # The database holds names and wages, the logs who was refused: nobody else on this machine reads them.
    os.umask(0o077)
    look_rarely()
    from app.db import DatabaseWrong
    from app.vault import VaultError

    try:
        app()
    except (DatabaseWrong, VaultError) as error:
        err.print(f"[red]{error}[/red]", highlight=False)
        sys.exit(1)
    except SettingsWrong as error:
        err.print(f"[red]{error}[/red]")
        sys.exit(2)
    except ServiceError as error:
        err.print(f"[red]{sentence(error.code, language(), **error.facts)}[/red]  ({error.code})", highlight=False)
        sys.exit(1)


@contextmanager
def opened() -> Iterator[tuple[Settings, Any, Any]]:
    """Settings, database and vault, closed again.

    Raises:
        DatabaseWrong: nothing is here yet, or it is of another version of this program.
        VaultError: the keys are not those the database was filled with.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import DBAPIError

    from app.db import Database, DatabaseWrong, make_engine, migration_state
    from app.memory import settle
    from app.vault import KEY_FILE, VaultError, check, open_vault

    settings = read_settings()
    settle()
    url = make_url(settings.url)
    nothing = f"No database of Muster at {url.render_as_string()} yet: `muster serve` or `muster migrate` makes it; else see MUSTER_DATA_DIR."
    # Opening a file makes it: nothing is left behind where nothing was.
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise DatabaseWrong(nothing)
    database = Database(make_engine(settings))
    if migration_state(database.engine)[0] is None:
        database.engine.dispose()
        raise DatabaseWrong(nothing)
    key_file = settings.data_dir / KEY_FILE
    made_now = settings.key_hex is None and not key_file.exists()
    try:
        vault = open_vault(settings)
        try:
            with database.read() as db:
                check(db, vault)
        except VaultError:
            if not made_now:
                raise
            key_file.unlink()
            raise VaultError(f"{key_file} is missing and this database was filled with it: put its copy back") from None
        yield settings, database, vault
    except DBAPIError:
        # Asked only now: finding the newest migration takes longer than most commands.
        current, head = migration_state(database.engine)
        if current != head:
            raise DatabaseWrong(f"The database is at {current}, this version needs {head}: run `muster migrate`.") from None
        raise
    finally:
        database.engine.dispose()


def say(value: dict[str, Any], as_json: bool) -> None:
    """Print a small result, as JSON or as lines."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False, default=str))
    else:
        for key, said in value.items():
            out.print(f"{key}: {said}", highlight=False)


AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


# --- service ---------------------------------------------------------------------------------------------------


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on")] = None,
) -> None:
    """Run the service: gates, API and pages."""
    # Nothing made while starting is garbage: looking for it among the modules took a third of the start.
    gc.disable()
    import uvicorn

    from app import clerk
    from app.connections import closing_after
    from app.db import make_engine, migrate, migration_state
    from app.deciding import LivenessNotReady
    from app.main import create_app, create_reader
    from app.memory import settle
    from app.readers import start
    from app.sheets import reckoner
    from devices.links.websocket import HEAD_BYTES

    settings = read_settings(host=host, port=port)
    engine = make_engine(settings)
    current, head = migration_state(engine)
    engine.dispose()
    if current is None:
        migrate(settings)
    elif current != head:
        err.print(f"[red]The database is at {current}, this version needs {head}: run `muster migrate`.[/red]")
        raise typer.Exit(1)
    with opened():
        pass  # refuses keys that are not those the database was filled with
    # uvicorn stops in good order on a signal and then raises it again: by then there is nothing left to do.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    # Before the recogniser, which has threads of its own.
    beside = [lambda: clerk.attend(settings, now)]
    if settings.worker_beside:
        beside.append(lambda: _jobs_beside(settings))
    readers = start(settings.reader_processes, lambda: create_reader(settings), reckoner(settings), beside)
    try:
        service = create_app(settings, readers=readers)
    except LivenessNotReady as error:
        err.print(f"[red]{error}[/red]", highlight=False)
        raise typer.Exit(1) from None
    settle()
    # The log is for machines; whoever starts the service by hand is told where it is, and what comes first.
    if sys.stderr.isatty():
        where = settings.public_url or f"http://{'127.0.0.1' if settings.host in ('0.0.0.0', '::') else settings.host}:{settings.port}"
        err.print(f"Muster: {where}", highlight=False)
        if not settled_in(settings):
            err.print("No account yet. In a second terminal: muster user add NAME --name 姓名 --role administrator", highlight=False)
    uvicorn.run(
        service,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.stop_seconds_max),
        forwarded_allow_ips=settings.trusted_proxies,
        # Far above what a project needs; keeps a flood of idle connections from eating the memory.
        limit_concurrency=1000,
        http=closing_after(settings.body_seconds_max),
        ws="websockets-sansio",
        ws_max_size=settings.frame_body_bytes_max + HEAD_BYTES,
        ws_ping_interval=settings.stream_ping_seconds,
        ws_ping_timeout=settings.stream_ping_seconds,
        # Pictures are compressed already, and a small message must not unfold into a large one.
        ws_per_message_deflate=False,
    )


def _jobs_beside(settings: Settings) -> None:
    """Do the jobs beside the service, until it is gone; one that is cut off is begun again when its claim has run out."""
    import threading

    from app import clerk, jobs
    from app.db import Database, make_engine

    clerk.begin(settings)
    jobs.run_forever(Database(make_engine(settings)), settings, threading.Event(), now)


@app.command()
def worker(once: Annotated[str | None, typer.Option(help="run this job once and stop")] = None) -> None:
    """Run what needs no request, on a machine of its own: nightly audit, checks of the chain, clearing of old nonces.

    ``muster serve`` does it too unless MUSTER_WORKER_BESIDE is false.
    """
    import threading

    from app import jobs
    from app.observing import configure_logs

    with opened() as (settings, database, _vault):
        configure_logs(settings.log_level)
        if once:
            jobs.run_once(once, database, settings, now())
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        jobs.run_forever(database, settings, stop, now)


@app.command()
def migrate() -> None:
    """Bring the database to this version."""
    from app.db import make_engine, migration_state
    from app.db import migrate as to_head

    settings = read_settings()
    to_head(settings)
    engine = make_engine(settings)
    out.print(f"database at {migration_state(engine)[0]}")
    engine.dispose()


@app.command()
def verify(
    held: Annotated[
        list[str] | None, typer.Option(help="a head somebody kept, as printed here: journal:NUMBER:HASH, CODE:NUMBER:HASH or seal:NUMBER:MARK; may be repeated")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the journal and every project's chain of passages, link by link, the books against their documents, and every sealed fact.

    Exit status 1 when a fault is found, or something in the books does not hold. Give the head of the journal to somebody
    outside: with it alone, even a house that was rewritten from end to end is found out.
    """
    from app import journal, ledger, seals
    from app.store import gates, people
    from app.store import journal as chain

    kept: dict[str, tuple[int, str]] = {}
    for said in held or ():
        code, seq, digest = (said.rsplit(":", 2) + ["", ""])[:3]
        if not seq.isdigit() or not re.fullmatch("[0-9a-f]{64}", digest):
            raise typer.BadParameter("a head is CODE:NUMBER:HASH, as this command prints it", param_hint="--held")
        kept[code] = (int(seq), digest)
    report: dict[str, Any] = {"projects": 0, "passages": 0, "heads": {}, "faults": [], "assertions": [], "seals": {}}
    with opened() as (_settings, database, vault), database.read() as db:
        projects = people.projects(db, None)
        given, head_held = kept.pop("seal", None), kept.pop("journal", None)
        report["journal"] = {
            "lines": chain.count(db),
            "head": str(chain.head(db)),
            "faults": [asdict(fault) for fault in chain.verify(db, head_held)],
        }
        codes = {project.id: project.code for project in projects}
        report["faults"] += [
            {"project": codes.get(f.project_id, ""), "seq": f.seq, "kind": "rewritten", "detail": f"not the passage the journal recorded on {f.recorded_at:%Y-%m-%d}"}
            for f in journal.recorded_faults(db)
        ]
        last = seals.last(db)
        broken = [asdict(found) for found in seals.broken(db, vault, held=given)]
        report["seals"] = {
            "taken": last.number if last else 0,
            "last": f"seal:{last.number}:{last.mark}" if last else None,
            "at": last.at.isoformat() if last else None,
            "faults": broken,
        }
        unknown = kept.keys() - {project.code for project in projects}
        if unknown:
            raise NotFound("project_unknown")
        for project in projects:
            seq, digest = gates.head(db, project.id)
            report["projects"] += 1
            report["passages"] += seq
            report["heads"][project.code] = f"{project.code}:{seq}:{digest}"
            for fault in gates.verify_chain(db, project.id, kept.get(project.code)):
                report["faults"].append({"project": project.code, "seq": fault.seq, "kind": fault.kind, "detail": fault.detail})
            for held_to in ledger.assertions(db, project.id, now()):
                report["assertions"].append({"project": project.code, **asdict(held_to), "sentence": sentence(held_to.code, language())})
    failed = [told for told in report["assertions"] if not told["holds"]]
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        told = report["journal"]
        out.print(filled("{lines:line|lines} of the journal, {faults:fault|faults}", {"lines": told["lines"], "faults": len(told["faults"])}))
        out.print(f"head {told['head']}", highlight=False, soft_wrap=True)
        for fault in told["faults"]:
            out.print(f"FAILED  journal_chain  link {fault['seq']}: {fault['kind']} {fault['detail']}", style="red", highlight=False, soft_wrap=True, markup=False)
        out.print(filled("{projects:project|projects}, {passages:passage|passages}, {faults:fault|faults}", {**report, "faults": len(report["faults"])}))
        for head in report["heads"].values():
            out.print(f"head {head}", highlight=False, soft_wrap=True)
        for fault in report["faults"]:
            out.print(f"[red]project {fault['project']} passage {fault['seq']}: {fault['kind']} {fault['detail']}[/red]", soft_wrap=True)
        for told in report["assertions"]:
            out.print(_assertion_line(told), style=None if told["holds"] else "red", highlight=False, soft_wrap=True, markup=False)
        out.print(f"{len(report['assertions'])} assertions, {len(failed)} failed")
        if last:
            out.print(f"head {report['seals']['last']}  {report['seals']['at']}", highlight=False, soft_wrap=True)
        for fault in broken:
            rows = f"{fault['table']} rows {fault['after'] + 1} to {fault['upto']}" if fault["upto"] else fault["table"]
            out.print(f"FAILED  facts_sealed  {rows}, seal {fault['number']}  {sentence('facts_sealed', language())}", style="red", highlight=False, soft_wrap=True, markup=False)
        out.print(f"{report['seals']['taken']} seals, {len(broken)} broken")
    if report["journal"]["faults"] or report["faults"] or failed or broken:
        raise typer.Exit(1)


def _assertion_line(told: dict[str, Any]) -> str:
    """``ok      A  ledger_legs_sum  expected 0 fen, found 0 fen  Every leg ...``"""
    amounts = "" if told["expected_fen"] is None else f"  expected {told['expected_fen']} fen, found {told['found_fen']} fen"
    subject = f"  {told['subject']}" if told["subject"] else ""
    return f"{'ok    ' if told['holds'] else 'FAILED'}  {told['project']}  {told['code']}{subject}{amounts}  {told['sentence']}"


@app.command("journal-head")
def journal_head(
    on: Annotated[str | None, typer.Option(help="the end of this day of the county, as 2026-03-31; else now")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the head of the journal: to be handed to somebody outside, and held against the house with ``verify --held``."""
    from app import journal
    from app.fields import check_day
    from app.store import journal as chain

    try:
        day = None if on is None else date.fromisoformat(on)
    except ValueError:
        raise typer.BadParameter("a day is written like 2026-03-31", param_hint="--on") from None
    with opened() as (_settings, database, _vault), database.read() as db:
        head = chain.head(db) if day is None else journal.head_of_day(db, check_day(day))
    if as_json:
        print(json.dumps({"seq": head.seq, "hash": head.hash, "at": head.at.isoformat() if head.at else None, "held": str(head)}))
    else:
        out.print(f"{head}  {head.at.isoformat() if head.at else ''}".rstrip(), highlight=False, soft_wrap=True)


@app.command("journal-extract")
def journal_extract(
    project: Annotated[str, typer.Argument(help="code of the project")],
    file: Annotated[Path, typer.Argument(help="file to write; must not exist")],
    by: Annotated[str, typer.Option(help="login of whoever takes it")],
    first: Annotated[int, typer.Option("--from", min=1, help="number of the first link")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="number of the last; else the end")] = None,
) -> None:
    """Write a project's journal as JSON lines that ``journal-check`` checks without us; lines of other projects by their hash only."""
    from app import access, journal
    from app.store import people

    with opened() as (_settings, database, _vault):
        with database.write() as db:
            found = people.project_by_code(db, project)
            access.require(access.person_of_login(db, by), "journal.read", found.id, found.area_code)
            first, last = journal.extracted(db, project_id=found.id, first=first, last=last, by=by, now=now())
        with database.read() as db, open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
            target.writelines(f"{line}\n" for line in journal.extract(db, (found.id,), first, last))
    out.print(f"links {first} to {last} written to {file}", highlight=False, soft_wrap=True)


@app.command("journal-check")
def journal_check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="an extract, JSON lines")],
    held: Annotated[list[str], typer.Option(help="a head that was handed out: journal:NUMBER:HASH; may be repeated")],
) -> None:
    """Check an extract of the journal with a head that was handed out. Needs the file and the head: no database, no key, no settings.

    Exit status 1 when a line was changed, removed, added or put in another order, or the head's own line is not there or another.
    """
    from app.domain import extract

    try:
        heads = [extract.head_of(text) for text in held]
    except ValueError:
        raise typer.BadParameter("a head is journal:NUMBER:HASH, as journal-head prints it", param_hint="--held") from None
    with file.open(encoding="utf-8", errors="replace") as lines:
        found = extract.check(lines, heads)
    for fault in found.faults:
        out.print(f"FAILED  {fault.kind}  {fault.detail}", style="red", highlight=False, soft_wrap=True, markup=False)
    out.print(
        f"links {found.first} to {found.last}: {found.shown} lines shown, {found.withheld} withheld; proven up to {found.proven}; {len(found.faults)} faults",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    if found.faults:
        raise typer.Exit(1)


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="file to write; must not exist")]) -> None:
    """Write a consistent copy of the SQLite database while the service runs."""
    from app.db import backup as copy

    copy(read_settings(), target)
    out.print(f"written to {target}")


@app.command()
def settings(markdown: Annotated[bool, typer.Option(help="as the README's table")] = False) -> None:
    """List every setting with its default and meaning."""
    if markdown:
        print("| variable | default | meaning |\n|---|---|---|")
        for variable, default, meaning in settings_table():
            print(f"| `{variable}` | {f'`{default}`' if default else ''} | {meaning} |")
        return
    table = Table("variable", "default", "meaning")
    for row in settings_table():
        table.add_row(*row)
    out.print(table)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of this version."""
    import tempfile

    from app.main import create_app

    with tempfile.TemporaryDirectory() as folder:
        made = create_app(read_settings({}, environment="test", data_dir=Path(folder), pack_id="synthetic", log_level="error"))
        print(json.dumps(made.openapi(), ensure_ascii=False, indent=1))


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


@app.command()
def assets() -> None:
    """Fetch the pages' assets with npm; at once when they are there already."""
    from app.assets import fetch_assets

    with err.status("page assets"):
        folder = fetch_assets()
    out.print(f"assets in {folder}")


@app.command()
def demo(
    once: Annotated[bool, typer.Option(help="stop after the summary instead of serving on")] = False,
    as_json: AsJson = False,
    port: Annotated[int, typer.Option(help="port; 0 takes a free one")] = 8080,
    rate: Annotated[float, typer.Option(help="frames a second of the gate process")] = 2.0,
) -> None:
    """A demonstration project, from enrolled faces and a gate process to wages owed and findings."""
    from app.demo.run import main as run

    raise typer.Exit(run(once=once, as_json=as_json, port=port, rate=rate))


@county_app.command("generate")
def county_generate(
    projects: Annotated[int, typer.Option(min=1, max=500, help="how many projects")] = 60,
    workers: Annotated[int, typer.Option(min=10, max=200_000, help="how many workers, all projects together")] = 30_000,
    seed: Annotated[int, typer.Option(help="the same seed gives the same county")] = 20260401,
    honest: Annotated[bool, typer.Option("--honest", help="plant nothing: every record is as it should be")] = False,
    truth: Annotated[Path | None, typer.Option(help="file to write what was planted to, as JSON")] = None,
    processes: Annotated[int, typer.Option(min=1, help="projects made at once (PostgreSQL)")] = 1,
    as_json: AsJson = False,
) -> None:
    """Fill an empty database with two paid months of a made-up county, marked as generated; never beside real records."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from app.db import Database, make_engine
    from app.db import migrate as to_head
    from app.demo import county
    from app.demo.violations import Violations
    from app.vault import open_vault

    settings = read_settings()
    if settings.environment == "production":
        err.print("[red]A county is generated with MUSTER_ENVIRONMENT=demonstration only.[/red]")
        raise typer.Exit(1)
    to_head(settings)
    database = Database(make_engine(settings, wait_s=county.STATEMENT_S, hang_up=False))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=err) as progress:
            task = progress.add_task("projects", total=projects)
            built = county.build(
                database, open_vault(settings), settings, county.Plan(projects, workers, seed),
                tick=lambda _code: progress.advance(task), planting=None if honest else Violations(), processes=processes,
            )
    except county.NotEmpty:
        err.print("[red]The database holds projects already: a county is generated into an empty one only.[/red]")
        raise typer.Exit(1) from None
    finally:
        database.engine.dispose()
    if truth is not None:
        truth.write_text(json.dumps([asdict(planted) for planted in built.planted], default=str))
    say(
        {"projects": len(built.projects), "workers": built.workers, "passages": built.passages, "lines": built.lines, "planted": len(built.planted)},
        as_json,
    )


# --- packs -----------------------------------------------------------------------------------------------------


@pack_app.command("build")
def pack_build(
    force: Annotated[bool, typer.Option(help="build again even if everything verifies")] = False,
) -> None:
    """Make the default pack from the weights of the package face_recognition_models."""
    from rich.progress import Progress

    from recognition import build_default_pack

    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("model pack", total=1.0)
        pack = build_default_pack(
            read_settings().models_dir,
            progress=lambda step, share: progress.update(task, description=step, completed=share),
            force=force,
        )
    out.print(f"{pack.pack_id} {pack.contract_id} in {read_settings().models_dir / pack.pack_id}", highlight=False)


@pack_app.command("list")
def pack_list(as_json: AsJson = False) -> None:
    """List the packs, with licence, thresholds and known weaknesses."""
    from recognition import list_packs

    settings = read_settings()
    rows = [_pack_facts(entry, settings) for entry in list_packs(settings.models_dir)]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        mark = "active" if row["active"] else ""
        if row.get("error"):
            out.print(f"[bold]{row['pack_id']}[/bold] [red]{row['error']}[/red] {mark}", highlight=False)
            continue
        out.print(f"[bold]{row['pack_id']}[/bold] {row['version']}  {row['contract_id']}  {mark}", highlight=False)
        for file in row["files"]:
            out.print(f"    {file['file']}: {file['licence']}", highlight=False)
        for said in row["thresholds"]:
            out.print(f"    {said}", highlight=False)
        for said in row["weaknesses"]:
            out.print(f"    [yellow]{said}[/yellow]", highlight=False)
    if not rows:
        out.print("no pack yet: run `muster pack build`")


def _pack_facts(entry: Any, settings: Settings) -> dict[str, Any]:
    from recognition import limits_for

    pack = entry.pack
    if pack is None:
        return {"pack_id": entry.pack_id, "error": entry.error, "active": entry.pack_id == settings.pack_id}
    spoken = language()
    return {
        "pack_id": pack.pack_id,
        "version": pack.version,
        "contract_id": pack.contract_id,
        "active": pack.pack_id == settings.pack_id,
        "files": [{"file": f.name, "sha256": f.sha256, "licence": f.licence} for f in pack.files],
        "thresholds": [
            f"roster of {size}: similarity >= {limits.similarity_min:.3f}, margin >= {limits.margin_min:.2f}"
            + ("" if limits.far_max is None else f", at most {limits.far_max:.0e} a comparison")
            for size, limits in ((s, limits_for(pack, s, stranger_max=settings.stranger_max)) for s in (100, 1000, 5000))
        ],
        "weaknesses": [w.zh if spoken == "zh" else w.en for w in pack.weaknesses],
    }


@pack_app.command("verify")
def pack_verify(
    pack_id: Annotated[str, typer.Argument(help="this pack only, and also against the library its weights were made for")] = "",
) -> None:
    """Check every file of every pack against its digest. Exit status 1 when one is wrong."""
    from recognition import list_packs

    if pack_id:
        return packs.check(pack_id)
    entries = list_packs(read_settings().models_dir)
    for entry in entries:
        out.print(f"{entry.pack_id}: {'ok' if entry.pack else entry.error}", highlight=False)
    if not entries or any(entry.pack is None for entry in entries):
        raise typer.Exit(1)
    return None


@pack_app.command("import-dat")
def pack_import(
    file: Annotated[Path, typer.Argument(help="a .dat of the same 128-d network")],
    pack_id: Annotated[str, typer.Option(help="name of the new pack")],
    licence: Annotated[Path, typer.Option(help="text file with the licence you hold it under")],
) -> None:
    """Make a pack from another .dat of the same network; its thresholds count as uncalibrated."""
    from recognition import import_dat

    pack = import_dat(file, read_settings().models_dir, pack_id, licence_text=licence.read_text(encoding="utf-8"))
    out.print(f"{pack.pack_id} {pack.contract_id}: `muster pack use {pack.pack_id}` makes it the one that recognises", highlight=False)


# --- people ----------------------------------------------------------------------------------------------------


def _secret(prompt: str, file: Path | None, *, again: bool = True) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").strip()
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return typer.prompt(prompt, hide_input=True, confirmation_prompt=again)


def settled_in(settings: Settings) -> bool:
    """Whether anybody has an account."""
    from app.db import Database, make_engine
    from app.store import accounts

    database = Database(make_engine(settings))
    try:
        with database.read() as db:
            return accounts.any_account(db)
    finally:
        database.dispose()


ROLES = "administrator, manager, labour_officer, guard, inspector, data_officer, subcontractor or team_leader"


@user_app.command("add")
def user_add(
    login: str,
    name: Annotated[str, typer.Option(help="the person's name")],
    role: Annotated[str, typer.Option(help=ROLES)],
    project: Annotated[str | None, typer.Option(help="project code, for the roles of a project")] = None,
    area: Annotated[str | None, typer.Option(help="area code, for inspector")] = None,
    company: Annotated[int | None, typer.Option(help="id of the company on the project, for subcontractor")] = None,
    team: Annotated[int | None, typer.Option(help="id of the team, for team_leader")] = None,
    password_file: Annotated[Path | None, typer.Option(help="file with the password; else asked, or read from stdin")] = None,
) -> None:
    """Add an account with one role."""
    from app import access

    password = _secret("password", password_file)
    with opened() as (_settings, database, _vault), database.write() as db:
        access.create_account(db, login=login, name=name, password=password, now=now(), by=BY)
        access.add_role(
            db, login=login, role=role, project_id=_project_id(db, project), area_code=area,
            project_company_id=company, team_id=team, now=now(), by=BY,
        )  # fmt: skip
    out.print(f"{login}: {role}")


@user_app.command("role")
def user_role(
    login: str,
    role: Annotated[str, typer.Option(help=ROLES)],
    project: Annotated[str | None, typer.Option(help="project code")] = None,
    area: Annotated[str | None, typer.Option(help="area code")] = None,
    company: Annotated[int | None, typer.Option(help="id of the company on the project, for subcontractor")] = None,
    team: Annotated[int | None, typer.Option(help="id of the team, for team_leader")] = None,
) -> None:
    """Give an account one more role."""
    from app import access

    with opened() as (_settings, database, _vault), database.write() as db:
        access.add_role(
            db, login=login, role=role, project_id=_project_id(db, project), area_code=area,
            project_company_id=company, team_id=team, now=now(), by=BY,
        )  # fmt: skip
    out.print(f"{login}: {role}")


@user_app.command("password")
def user_password(
    login: str,
    password_file: Annotated[Path | None, typer.Option(help="file with the password; else asked, or read from stdin")] = None,
) -> None:
    """Set an account's password and end its sessions."""
    from app import access

    password = _secret("new password", password_file)
    with opened() as (_settings, database, _vault), database.write() as db:
        access.set_password(db, login=login, password=password, now=now(), by=BY)
    out.print(f"{login}: password set")


@user_app.command("list")
def user_list() -> None:
    """List the accounts with their roles."""
    from app.store import accounts, people, second_steps

    with opened() as (_settings, database, _vault), database.read() as db:
        codes, on = {p.id: p.code for p in people.projects(db, None)}, second_steps.confirmed(db)
        for each in accounts.accounts(db):
            told = [f"{m.id}:{m.role} {codes.get(m.project_id, m.area_code or '')}".strip() for m in accounts.memberships(db, each.id)]
            marks = [word for word, holds in (("disabled", each.disabled_at), ("second step", each.id in on)) if holds]
            out.print(f"{each.login}  {each.name}  {', '.join(told)}  {' '.join(marks)}".rstrip())


@user_app.command("take")
def user_take(login: str, role_id: Annotated[int, typer.Argument(help="the number before the role in `user list`")]) -> None:
    """Take a role back."""
    from app import access

    with opened() as (_settings, database, _vault), database.write() as db:
        access.remove_role(db, login=login, role_id=role_id, now=now(), by=BY)
    out.print(f"{login}: role taken back")


@user_app.command("disable")
def user_disable(login: str, again: Annotated[bool, typer.Option("--enable", help="let it sign in again")] = False) -> None:
    """Let an account sign in no more and end its sessions."""
    from app import access

    with opened() as (_settings, database, _vault), database.write() as db:
        (access.enable_account if again else access.disable_account)(db, login=login, now=now(), by=BY)
    out.print(f"{login}: {'may sign in again' if again else 'disabled'}")


@user_app.command("second-step")
def user_second_step(login: str) -> None:
    """Set up the second step of an account, its owner beside you: the secret for his telephone and, for its first code, his recovery
    codes. Both are shown this once and written nowhere."""
    import segno

    from app import access, second_step
    from app.domain import totp

    with opened() as (_settings, database, vault):
        with database.write() as db:
            person = access.person_of_login(db, login)
            secret = access.begin_second_step(db, vault, person, by=BY, now=now())
        address = totp.address(secret, issuer=second_step.ISSUER, login=person.login)
        if sys.stdout.isatty():
            segno.make(address, error="m", micro=False).terminal(compact=True)
        print(address)
        print(totp.secret_text(secret), flush=True)
        code = _secret("first code of the telephone", None, again=False)
        with database.write() as db:
            codes = second_step.confirm(
                db, vault, account_id=person.account_id, login=BY, token_sha256=None, code=code, now=now()
            )
    for each in codes:
        print(each)


@user_app.command("second-step-off")
def user_second_step_off(login: str) -> None:
    """Take the second step off an account whose owner lost his telephone and his recovery codes."""
    from app import access

    with opened() as (_settings, database, _vault), database.write() as db:
        access.reset_second_step(db, login=login, now=now(), by=BY)
    out.print(f"{login}: second step off")


@user_app.command("sign-ins")
def user_sign_ins(login: Annotated[str | None, typer.Argument(help="one account's; else everybody's")] = None) -> None:
    """List the latest tries to sign in, and what came of them."""
    from app import access
    from app.store import second_steps

    with opened() as (_settings, database, _vault), database.read() as db:
        account_id = None if login is None else access.person_of_login(db, login).account_id
        for e in second_steps.events(db, account_id=account_id):
            out.print(f"{e.at:%Y-%m-%d %H:%M:%SZ}  {e.login or '(no such account)'}  {e.outcome}  {e.means}  {e.address}")


def _project_id(db: Any, code: str | None) -> int | None:
    from app.store import people

    return None if code is None else people.project_by_code(db, code).id


@project_app.command("add")
def project_add(
    code: str,
    name: Annotated[str, typer.Option(help="name of the project")],
    area: Annotated[str, typer.Option(help="administrative division code, 6 to 12 digits")],
    address: Annotated[str | None, typer.Option()] = None,
    time_zone: Annotated[str, typer.Option()] = "Asia/Shanghai",
    spoken: Annotated[str, typer.Option("--language", help="language of the gate's display: zh or en")] = "zh",
) -> None:
    """Add a project."""
    from app import papers

    with opened() as (_settings, database, _vault), database.write() as db:
        project_id = papers.create_project(
            db, code=code, name=name, area_code=area, address=address, time_zone=time_zone, language=spoken,
            now=now(), by=BY,
        )
    out.print(f"project {code}: id {project_id}")


@project_app.command("company")
def project_company(
    project: str,
    name: Annotated[str, typer.Option(help="name of the company")],
    role: Annotated[str, typer.Option(help="owner, general_contractor, labour_subcontractor, ...")],
    uscc: Annotated[str | None, typer.Option(help="unified social credit code")] = None,
    entry_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
) -> None:
    """Add a participating company in a role."""
    from app import papers

    with opened() as (_settings, database, _vault), database.write() as db:
        added = papers.add_company_to_project(
            db, project_id=_project_id(db, project), name=name, uscc=uscc, role=role,
            entry_on=(entry_on or now()).date(), now=now(), by=BY,
        )
    out.print(f"company in role {role}: id {added}")


@project_app.command("town")
def project_town(
    project: Annotated[str, typer.Argument(help="project code")],
    area: Annotated[str, typer.Argument(help="area code with the town's nine digits, 330424100")],
) -> None:
    """Say in which town of its county a project lies: the county's page adds up by town."""
    from app import papers

    with opened() as (_settings, database, _vault), database.write() as db:
        papers.set_town(db, project_id=_project_id(db, project), area_code=area, now=now(), by=BY)
    out.print(f"{project}: {area}")


@project_app.command("team")
def project_team(
    project: str,
    company: Annotated[int, typer.Option(help="id printed by `muster project company`")],
    name: Annotated[str, typer.Option(help="name of the team")],
    trade: Annotated[str | None, typer.Option(help="trade of the team")] = None,
) -> None:
    """Add a team."""
    from app import papers

    with opened() as (_settings, database, _vault), database.write() as db:
        added = papers.add_team(
            db, project_id=_project_id(db, project), project_company_id=company, name=name, trade=trade,
            now=now(), by=BY,
        )
    out.print(f"team {name}: id {added}")


Existing = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


def _day(said: datetime | None, project: Any) -> date:
    """The date said, or today on the project."""
    return said.date() if said else now().astimezone(ZoneInfo(project.time_zone)).date()


def _fen(yuan: str) -> int:
    """Yuan as typed to integer fen.

    Raises:
        typer.BadParameter: not a number with at most two decimals.
    """
    from decimal import Decimal, InvalidOperation

    try:
        fen = Decimal(yuan) * 100
        if fen != int(fen):
            raise InvalidOperation
    except (InvalidOperation, ValueError, OverflowError):
        raise typer.BadParameter("an amount in yuan with at most two decimals") from None
    return int(fen)


@project_app.command("worker")
def project_worker(
    project: Annotated[str, typer.Argument(help="project code")],
    team: Annotated[int, typer.Option(help="id printed by `muster project team`")],
    name: Annotated[str, typer.Option(help="name as on the identity card")],
    day_rate: Annotated[str, typer.Option(help="yuan a man-day")],
    entry_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="first day; today when left out")] = None,
    trade: Annotated[str | None, typer.Option(help="trade")] = None,
    card: Annotated[str | None, typer.Option(help="number of the card; without one a code is given")] = None,
    overtime: Annotated[str | None, typer.Option(help="law, units or none; law when left out")] = None,
    relation: Annotated[str | None, typer.Option(help="labour_contract or work_agreement; labour_contract when left out")] = None,
    as_json: AsJson = False,
) -> None:
    """Enter a worker. The ID number is asked for, or read from stdin: it must not stand in the shell's history."""
    from app import papers, terms
    from app.store import people

    number = _secret("ID number", None, again=False)
    with opened() as (settings, database, vault), database.write() as db:
        found = people.project_by_code(db, project)
        entered = papers.enter_worker(
            db, vault, settings, project_id=found.id, team_id=team, name=name, id_number=number,
            day_rate_fen=_fen(day_rate), entry_on=_day(entry_on, found), trade=trade, card=card, now=now(), by=BY,
            **terms.said(overtime_rule=overtime, relation=relation),
        )
    said = {"worker_id": entered.worker_id, "engagement_id": entered.engagement_id}
    say(said | ({"code": entered.code} if entered.code else {}), as_json)


@project_app.command("rate")
def project_rate(
    project: Annotated[str, typer.Argument(help="project code")],
    worker: int,
    day_rate: Annotated[str, typer.Option(help="yuan a man-day")],
    valid_from: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="first day of the new rate")],
) -> None:
    """Agree on another day rate from a date on; what was agreed before that date stays."""
    from app import papers

    with opened() as (_settings, database, _vault), database.write() as db:
        terms = papers.change_terms(
            db, project_id=_project_id(db, project), worker_id=worker, rate_fen=_fen(day_rate),
            valid_from=valid_from.date(), now=now(), by=BY,
        )
    out.print(f"terms {terms}")


@project_app.command("exit")
def project_exit(
    project: Annotated[str, typer.Argument(help="project code")],
    worker: int,
    exit_on: Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="first day no longer there")] = None,
) -> None:
    """Record that a worker leaves."""
    from app import papers
    from app.store import people

    with opened() as (_settings, database, _vault), database.write() as db:
        found = people.project_by_code(db, project)
        papers.exit_worker(db, project_id=found.id, worker_id=worker, exit_on=_day(exit_on, found), now=now(), by=BY)
    out.print("recorded")


@project_app.command("enrol")
def project_enrol(
    project: Annotated[str, typer.Argument(help="project code")],
    worker: int,
    photographs: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="JPEG photographs of one person")],
    scope: Annotated[list[str], typer.Option(help="what he agreed to; give it once a word")] = ["capture", "template", "site_storage"],  # noqa: B006
    method: Annotated[str, typer.Option(help="how he agreed: paper, screen or spoken")] = "paper",
    agreed_at: Annotated[datetime | None, typer.Option(help="when he agreed, local time; now when left out")] = None,
    notice: Annotated[str | None, typer.Option(help="version of the notice he was read; the current one when left out")] = None,
    portrait: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="the identity card's photograph, JPEG; compared with the first and not kept")
    ] = None,
) -> None:
    """Enrol a worker's face, with the separate consent he has given."""
    from app import enrolment, repack, verification
    from app.engines import load_engine
    from app.errors import Unusable

    with opened() as (settings, database, vault):
        with database.read() as db:
            force = repack.in_force(db, settings, now())
        pictures, beside = [path.read_bytes() for path in photographs], None
        engine, check_id = load_engine(settings, force.pack_id), None
        examined = enrolment.examine(engine, settings, pictures)
        if portrait is not None:
            compared = verification.compare(engine, settings, pictures[0], portrait.read_bytes())
            with database.write() as db:
                check_id = verification.record(
                    db, vault, compared, project_id=_project_id(db, project), worker_id=worker, by=BY, now=now()
                ).id
            out.print(f"identity card: similarity {compared.similarity:.3f}, needed {compared.similarity_min:.3f}", highlight=False)
        if force.beside:
            try:
                beside = enrolment.examine_kept(load_engine(settings, force.beside), settings, pictures)
            except Unusable as unfit:
                err.print(f"{force.beside} cannot use these photographs: {sentence(unfit.code, language())}", highlight=False)
        with database.write() as db:
            consent = enrolment.ConsentGiven(
                scope=tuple(scope), notice_version=notice or enrolment.NOTICE_VERSION, method=method,
                at=agreed_at.astimezone() if agreed_at else now(),
            )
            enrolled = enrolment.enrol(
                db, vault, examined, project_id=_project_id(db, project), worker_id=worker, consent=consent, beside=beside, check_id=check_id,
                now=now(), by=BY,
            )
    out.print(f"enrolled from {enrolled.photographs} photographs; {enrolled.advised_more} more are advised")


@app.command("import-roster")
def import_roster(
    project: Annotated[str, typer.Argument(help="project code")],
    file: Existing,
    dry_run: Annotated[bool, typer.Option(help="check only, write nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Enter the workers of an Excel roster (.xlsx); each bad row is named with its number and reason."""
    from app import roster as rosters
    from app.forms import roster

    with opened() as (settings, database, vault):
        sheet = roster.read_roster(file.read_bytes(), bytes_max=settings.roster_file_bytes_max)
        with database.read() as db:
            project_id = _project_id(db, project)
        report = rosters.import_roster_in_parts(
            database.write, vault, settings, project_id=project_id, sheet=sheet, dry_run=dry_run, now=now(), by=BY
        )
    said = report.as_json(language())
    if as_json:
        print(json.dumps(said, ensure_ascii=False))
    else:
        out.print(f"{filled('{n:row|rows}', {'n': report.rows_total})}: {report.entered} entered, {report.already_there} already there, {report.faulty} faulty")
        for heading in ("faults", "differences", "warnings"):
            for fault in said[heading]:
                out.print(f"  {heading[:-1]}: {fault['sheet']} row {fault['row']} {fault['column']}: {fault['sentence']}", highlight=False)
        for given in said["codes"]:
            out.print(f"  {given['sheet']} row {given['row']}: worker {given['worker_id']}, code {given['code']} (shown once)", highlight=False)
    if report.faults:
        raise typer.Exit(1)


@app.command("roster-template")
def roster_template(file: Annotated[Path, typer.Argument(help="file to write (.xlsx)")]) -> None:
    """Write an empty Excel roster with the headings the import reads."""
    from app.forms import roster

    file.write_bytes(roster.roster_workbook(language()))
    out.print(f"written to {file}")


# --- devices ---------------------------------------------------------------------------------------------------


@device_app.command("add-gate")
def device_add_gate(
    project: str,
    name: Annotated[str, typer.Option(help="name of the gate")],
    direction: Annotated[str, typer.Option(help="in, out or both")],
) -> None:
    """Add a gate."""
    from app import papers

    with opened() as (_settings, database, _vault), database.write() as db:
        gate_id = papers.add_gate(
            db, project_id=_project_id(db, project), name=name, direction=direction, now=now(), by=BY
        )
    out.print(f"gate {name}: id {gate_id}")


@device_app.command("add")
def device_add(
    project: str,
    gate: Annotated[int, typer.Option(help="id printed by `muster device add-gate`")],
    name: Annotated[str, typer.Option(help="what is written on the device")],
    as_json: AsJson = False,
) -> None:
    """Add a device to a gate; its key is printed once and kept only sealed."""
    from app import papers

    with opened() as (_settings, database, vault), database.write() as db:
        added = papers.add_device(
            db, vault, project_id=_project_id(db, project), gate_id=gate, name=name, now=now(), by=BY
        )
    say({"device_id": added.device_id, "key_hex": added.key.hex()}, as_json)


def _region(text: str | None) -> list[str] | None:
    return None if text in (None, "", "all") else text.split(",")


@device_app.command("add-camera")
def device_add_camera(
    project: str,
    gate: Annotated[int, typer.Option(help="id of the gate")],
    name: Annotated[str, typer.Option()],
    address: Annotated[str | None, typer.Option(help="rtsp://user:password@host/path; asked for when left out")] = None,
    region: Annotated[str | None, typer.Option(help="left,top,width,height of what is looked at, in shares of the picture")] = None,
    fps: Annotated[float, typer.Option(help="pictures analysed a second, at most")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Add a camera that the service pulls over RTSP; a running service begins to look within seconds."""
    from app import cameras

    address = address or typer.prompt("address", hide_input=True)
    with opened() as (settings, database, vault), database.write() as db:
        added = cameras.add_camera(
            db, vault, settings, project_id=_project_id(db, project), gate_id=gate, name=name, address=address,
            region=_region(region), frames_per_second=fps, now=now(), by=BY,
        )  # fmt: skip
    say({"device_id": added.device_id, "address": added.shown}, as_json)


@device_app.command("set-camera")
def device_set_camera(
    device_id: str,
    address: Annotated[str | None, typer.Option(help="a new address; - to be asked for it")] = None,
    region: Annotated[str | None, typer.Option(help="left,top,width,height, or all")] = None,
    fps: Annotated[float | None, typer.Option(help="pictures analysed a second, at most")] = None,
    as_json: AsJson = False,
) -> None:
    """Change where a camera is or what of it is looked at."""
    from app import cameras

    if address == "-":
        address = typer.prompt("address", hide_input=True)
    with opened() as (settings, database, vault), database.write() as db:
        changed = cameras.change_camera(
            db, vault, settings, project_id=None, device_id=device_id, address=address, frames_per_second=fps, now=now(), by=BY,
            **({} if region is None else {"region": _region(region)}),
        )  # fmt: skip
    say({"device_id": changed.device_id, "address": changed.shown}, as_json)


@device_app.command("remove-camera")
def device_remove_camera(device_id: str) -> None:
    """Forget where a camera is and switch its device off; what it recorded stays."""
    from app import cameras

    with opened() as (_settings, database, _vault), database.write() as db:
        cameras.remove_camera(db, project_id=None, device_id=device_id, now=now(), by=BY)
    out.print("removed")


@device_app.command("set-search")
def device_set_search(
    project: str,
    gate: Annotated[int, typer.Option(help="id of the gate")],
    region: Annotated[str, typer.Option(help="left,top,right,bottom as shares of the frame, 0.1,0,0.9,1; empty = everywhere")] = "",
    side: Annotated[int, typer.Option(help="pixels of the longer side in which faces are looked for; 0 = as the pack does")] = 0,
) -> None:
    """Say where in its frames a gate looks for faces, and how finely: half the side costs a quarter."""
    from app import deciding
    from app.errors import Unusable
    from app.store import people

    try:
        edges = [float(edge) for edge in region.split(",")] if region else None
    except ValueError:
        raise Unusable("decision_policy_wrong", field="search_region", range="0 – 1") from None
    with opened() as (_settings, database, _vault), database.write() as db:
        project_id = people.project_by_code(db, project).id
        deciding.set_search(db, project_id=project_id, gate_id=gate, region=edges, side=side or None, now=now(), by=BY)
    out.print(f"gate {gate}: {region or 'everywhere'}, {side or 'as the pack does'}", highlight=False)


@device_app.command("rotate")
def device_rotate(device_id: str, as_json: AsJson = False) -> None:
    """Give a device a new key; the old one works until the new one is used, for 7 days at most."""
    from app import papers

    with opened() as (_settings, database, vault), database.write() as db:
        key = papers.rotate_device_key(db, vault, device_id=device_id, now=now(), by=BY)
    say({"device_id": device_id, "key_hex": key.hex()}, as_json)


@device_app.command("list")
def device_list(project: str, as_json: AsJson = False) -> None:
    """List a project's devices and when each was last heard."""
    from app.store import gates

    with opened() as (_settings, database, _vault), database.read() as db:
        rows = [
            {"device_id": d.id, "gate": d.gate_name, "direction": d.direction, "last_seen_at": d.last_seen_at,
             "disabled": d.disabled_at is not None}
            for d in gates.devices(db, _project_id(db, project))
        ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, default=str))
        return
    table = Table("device", "gate", "direction", "last seen", "disabled")
    for row in rows:
        table.add_row(*(str(v) for v in row.values()))
    out.print(table)


# --- keys ------------------------------------------------------------------------------------------------------


@key_app.command("rotate")
def key_rotate() -> None:
    """Make a new master key and seal everything again with it; running services go on with it by themselves."""
    from app.vault import rotate_key

    with opened() as (settings, database, _vault):
        for column, rows in rotate_key(settings, database).items():
            out.print(f"{column}: {rows} sealed again")
    if settings.key_hex is None:
        out.print("[yellow]Copy the key file again now: an older copy does not open what is sealed from now on.[/yellow]")


# Commands of attendance and money stand in a room of their own and use what is above; as ``python -m app.cli``
# this module has another name, and must not be made twice.
sys.modules.setdefault("app.cli", sys.modules[__name__])
from app import commands, face_commands, judging, packs  # noqa: E402

pack_app.add_typer(face_commands.change_app, name="change")
packs.register(pack_app)
judging.register(pack_app)
for child, name in (*commands.APPS, *judging.APPS):
    app.add_typer(child, name=name)
app.command("export")(commands.export)
app.command("arrears")(commands.arrears)


if __name__ == "__main__":
    main()
