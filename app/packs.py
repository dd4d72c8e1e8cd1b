"""``muster pack add | use | bench | int8``: weights one has, made a pack, tried, chosen, measured and made quicker.

Nothing is downloaded: a folder, an archive or a file that is already here. The terms are shown in full and have to be
accepted; bytes that nobody vouches for are named, with their digest.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from app import cli
from app.cli import AsJson, err, out
from app.settings import ACTIVE_PACK

PackId = Annotated[str, typer.Argument(help="id of the pack, as `muster pack list` shows it")]


def _refuse(error: Any) -> typer.Exit:
    err.print(f"[red]{error}[/red]", highlight=False)
    return typer.Exit(1)


def add(
    path: Annotated[Path, typer.Argument(exists=True, help="a pack's folder, its .zip, or a dlib .dat")],
    pack_id: Annotated[str, typer.Option(help="name of the new pack; none = made of the file's")] = "",
    licence: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="text of the terms, where the weights bring none along")
    ] = None,
    accept_licence: Annotated[bool, typer.Option(help="do not ask: the terms were read and are accepted")] = False,
    accept_bytes: Annotated[bool, typer.Option(help="take files that no published digest and no manifest vouches for")] = False,
) -> None:
    """Make a pack of weights you have: InsightFace (buffalo, antelope, manifest V2), YuNet with SFace, or a dlib .dat."""
    from recognition import PackError, adopt, look

    try:
        offer = look(path)
        terms = offer.terms or (licence.read_text(encoding="utf-8") if licence else "")
        out.print(f"[bold]{offer.source}[/bold] {offer.archive or offer.kind}", highlight=False)
        for file, by in offer.vouched.items():
            said = {"published": "the published file", "manifest": "as its manifest says"}.get(by, "[yellow]nobody vouches for it[/yellow]")
            out.print(f"    {file}  sha256 {_digest(offer, file)}  {said}", highlight=False)
        for warning in offer.warnings:
            out.print(f"    [yellow]{warning}[/yellow]", highlight=False)
        if offer.ignored:
            out.print(f"    not taken: {', '.join(offer.ignored)}", highlight=False)
        if terms and not accept_licence:
            out.print(terms, highlight=False, markup=False)
            accept_licence = typer.confirm("Do you accept these terms?", default=False, err=True)
        with err.status("trying the pack"):
            pack = adopt(
                offer, cli.read_settings().models_dir, pack_id=pack_id, terms=terms, licence_accepted=accept_licence,
                bytes_accepted=accept_bytes,
            )  # fmt: skip
    except PackError as error:
        raise _refuse(error) from None
    out.print(f"{pack.pack_id} {pack.contract_id}: `muster pack use {pack.pack_id}` makes it the one that recognises", highlight=False)
    if not pack.calibrated:
        out.print("[yellow]its thresholds were not measured on these weights[/yellow]")


def _digest(offer: Any, file: str) -> str:
    from hashlib import sha256

    return sha256(offer.contents[file]).hexdigest()


def use(
    pack_id: PackId,
    yes: Annotated[bool, typer.Option(help="do not ask, also when people have to be enrolled again")] = False,
) -> None:
    """Make a pack the one that recognises, from the next start of the service on."""
    from recognition import Engine, PackError, load_pack

    settings = cli.read_settings()
    try:
        pack = load_pack(settings.models_dir / pack_id)
        Engine(pack)
    except PackError as error:
        raise _refuse(error) from None
    left = _left_out(settings, pack.contract_id)
    if left:
        out.print(
            f"[yellow]{left} templates were made by another pack and are not compared under this one: these people pass by card "
            "or code until they are enrolled again[/yellow]",
            highlight=False,
        )
        if not yes and not typer.confirm("Use it all the same?", default=False, err=True):
            raise typer.Exit(1)
    (settings.models_dir / ACTIVE_PACK).write_text(pack_id + "\n", encoding="utf-8")
    out.print(f"{pack_id}: used from the next start on, unless MUSTER_PACK_ID names another", highlight=False)


def _left_out(settings: Any, contract_id: str) -> int:
    """Live templates of other contracts, over all projects; 0 when there is no database yet."""
    from app.db import Database, DatabaseWrong, make_engine
    from app.store import people

    try:
        database = Database(make_engine(settings))
    except DatabaseWrong:
        return 0
    try:
        with database.read() as db:
            return sum(people.foreign_templates(db, project.id, contract_id) for project in people.projects(db, None))
    except Exception:  # noqa: BLE001 - no tables yet: nobody is enrolled
        return 0
    finally:
        database.dispose()


def bench(
    pack_id: Annotated[str, typer.Argument(help="id of the pack; none = the one in use")] = "",
    frame: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="a JPEG as the gate's camera sends it")] = None,
    seconds: Annotated[float, typer.Option(min=0.2, max=60, help="how long each part is measured")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Measure a pack on this machine: processor time of a frame, of the models in it, and what OpenVINO would take."""
    from recognition import Engine, PackError, decode_jpeg, load_pack, openvino_installed, sample_frame

    settings = cli.read_settings()
    data = frame.read_bytes() if frame else sample_frame()
    figures: dict[str, Any] = {"pack_id": pack_id or settings.pack_id}
    try:
        pack = load_pack(settings.models_dir / figures["pack_id"])
        for provider in ("onnxruntime", "openvino"):
            if provider == "openvino" and not openvino_installed():
                figures["openvino"] = None
                continue
            began = time.process_time()
            engine = Engine(pack, provider=provider)
            image = decode_jpeg(data, pixels_max=settings.frame_pixels_max)
            analysis = engine.analyse(image, purpose="gate")
            figures[provider] = {
                "load_cpu_ms": round(1e3 * (time.process_time() - began)),
                "frame_cpu_ms": _cpu_ms(lambda run=engine, of=image: run.analyse(of, purpose="gate"), seconds),
                "faces": len(analysis.faces),
                "notes": engine.notes,
            }
    except PackError as error:
        raise _refuse(error) from None
    if as_json:
        print(json.dumps(figures))
        return
    out.print(f"[bold]{figures['pack_id']}[/bold], {image.shape[1]} x {image.shape[0]}", highlight=False)
    for provider in ("onnxruntime", "openvino"):
        if figures[provider] is None:
            out.print("    openvino: not installed (`pip install openvino`)")
            continue
        said = figures[provider]
        out.print(f"    {provider}: {said['frame_cpu_ms']:.1f} ms of one core a frame, {said['faces']} faces; loaded in {said['load_cpu_ms']} ms", highlight=False)
        for note in said["notes"]:
            out.print(f"        {note}", highlight=False)


def _cpu_ms(work: Any, seconds: float) -> float:
    work()
    taken, until = [], time.monotonic() + seconds
    while len(taken) < 5 or time.monotonic() < until:
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return round(1e3 * statistics.median(taken), 2)


PHOTOGRAPHS_MAX = 200
"""Photographs that set the scales and measure the drift; more make it slower, not better."""


def int8(
    pack_id: PackId,
    photos: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="folder of JPEGs, one face each")] = None,
    project: Annotated[str, typer.Option(help="code of a project whose kept enrolment photographs are used")] = "",
    new_id: Annotated[str, typer.Option(help="name of the new pack; none = the pack's with -int8")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a pack of the ResNet kind anew in whole numbers: less than half the time, or refused when its embeddings drift."""
    from dataclasses import asdict

    from rich.progress import Progress

    from recognition import PackError, load_pack
    from recognition.int8 import quantise

    if (photos is None) == (not project):
        raise typer.BadParameter("give --photos or --project")
    settings = cli.read_settings()
    pictures = _from_folder(photos) if photos else _from_project(project)
    try:
        with Progress(console=err, transient=True) as bars:
            task = bars.add_task(pack_id, total=1.0)
            made, drift = quantise(
                load_pack(settings.models_dir / pack_id), pictures, settings.models_dir, pack_id=new_id,
                progress=lambda step, share: bars.update(task, description=step, completed=share),
            )  # fmt: skip
    except PackError as error:
        raise _refuse(error) from None
    if as_json:
        print(json.dumps({"pack_id": made.pack_id, "contract_id": made.contract_id, **asdict(drift)}))
        return
    out.print(f"{made.pack_id} {made.contract_id}: {drift.quicker} times as quick", highlight=False)
    out.print(
        f"    embeddings of {drift.photographs} photographs: cosine {drift.cosine_median:.4f} in the median, {drift.cosine_least:.4f} at "
        f"worst; {drift.faces} faces, none lost or added",
        highlight=False,
    )


def _from_folder(folder: Path) -> list[Any]:
    from recognition import ENROLMENT_PIXELS_MAX, BadImage, decode_jpeg

    pictures = []
    for path in sorted(folder.rglob("*.jp*g"))[:PHOTOGRAPHS_MAX]:
        try:
            pictures.append(decode_jpeg(path.read_bytes(), pixels_max=ENROLMENT_PIXELS_MAX))
        except BadImage as error:
            err.print(f"[yellow]{path.name}: {error.code}[/yellow]", highlight=False)
    return pictures


def _from_project(code: str) -> list[Any]:
    """Enrolment photographs of a project that were kept with their workers' word, opened in memory only."""
    from app.galleries import owner
    from app.store import packs, people
    from app.vault import VaultError
    from recognition import ENROLMENT_PIXELS_MAX, BadImage, decode_jpeg

    pictures = []
    with cli.opened() as (_settings, database, vault), database.read() as db:
        project_id = people.project_by_code(db, code).id
        for worker_id, sealed in packs.kept_photographs(db, project_id, PHOTOGRAPHS_MAX):
            try:
                data = vault.open(sealed, table="face_photo", column="photo_sealed", owner=owner(project_id, worker_id))
                pictures.append(decode_jpeg(data, pixels_max=ENROLMENT_PIXELS_MAX))
            except (VaultError, BadImage) as error:
                err.print(f"[yellow]a photograph of worker {worker_id}: {type(error).__name__}[/yellow]", highlight=False)
    return pictures


def check(pack_id: PackId) -> None:
    """Load a pack and hold it against the library its weights were made for. Exit status 1 when they differ."""
    from recognition import Engine, PackError, compare_with_library, load_pack

    try:
        engine = Engine(load_pack(cli.read_settings().models_dir / pack_id))
        said = (*engine.notes, *compare_with_library(engine))
    except PackError as error:
        raise _refuse(error) from None
    for line in said or ("every file verified; its numbers are tried against dlib's own by the tests",):
        out.print(f"{pack_id}: {line}", highlight=False)


def register(pack_app: typer.Typer) -> None:
    """Hang the commands into ``muster pack``."""
    for name, command in (("add", add), ("use", use), ("bench", bench), ("int8", int8)):
        pack_app.command(name)(command)
