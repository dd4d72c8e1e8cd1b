"""``muster decisions | liveness | pack calibrate``: how the gates decide, from the shell.

Whoever changes a project's rules is named with ``--by LOGIN``, as in ``app.commands``.
"""

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from app import cli
from app.cli import AsJson, opened, out
from app.commands import By, Code, _allowed
from app.errors import Conflict, Unusable

decisions_app = typer.Typer(no_args_is_help=True, help="How strictly the gates of a project decide (识别判定).")
liveness_app = typer.Typer(no_args_is_help=True, help="The model that tells a face from a picture of one (活体检测).")

APPS = ((decisions_app, "decisions"), (liveness_app, "liveness"))


# --- rules and scores --------------------------------------------------------------------------------------------


@decisions_app.command("policy")
def decisions_policy(
    project: Code, by: By,
    stranger_max: Annotated[float | None, typer.Option(help="greatest chance that a stranger's frame is taken for somebody, 0.01")] = None,
    votes: Annotated[int | None, typer.Option(help="frames that must agree when none is sure; 1 = each decides alone")] = None,
    seconds: Annotated[float | None, typer.Option(help="how far back the frames of one person count together")] = None,
    liveness: Annotated[str | None, typer.Option(help="off, observe or enforce")] = None,
    replay: Annotated[str | None, typer.Option(help="off, observe or enforce")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="first forget what the project said")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show how strictly the gates decide, or change it: what is not given stays."""
    from app import deciding
    from app.store.decisions import PolicyRow

    given = {"stranger_max": stranger_max, "votes_min": votes, "track_seconds": seconds, "liveness": liveness, "replay": replay}
    changing = reset or any(value is not None for value in given.values())
    with opened() as (settings, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "devices.write" if changing else "decisions.read", project)
        rules, said = deciding.policy(db, settings, project_id)
        if changing:
            kept = PolicyRow() if reset else said
            said = PolicyRow(**{name: getattr(kept, name) if value is None else value for name, value in given.items()})
            rules = deciding.set_policy(
                db, settings, project_id=project_id, said=said, liveness_ready=_liveness(settings) is not None, now=cli.now(), by=by
            )
    shown = {name: {"in_force": value, "own": getattr(said, name)} for name, value in asdict(rules).items()}
    if as_json:
        print(json.dumps(shown))
        return
    table = Table("rule", "in force", "said by")
    for name, row in shown.items():
        table.add_row(name, str(row["in_force"]), "service" if row["own"] is None else "project")
    out.print(table)


@decisions_app.command("scores")
def decisions_scores(
    project: Code, by: By, days: Annotated[int, typer.Option(min=1, help="of the last so many days")] = 7, as_json: AsJson = False
) -> None:
    """What every gate answered to faces: codes, similarity, liveness, pictures seen before. No names."""
    from app import deciding

    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "decisions.read", project)
        at = cli.now()
        found = deciding.scores(db, project_id, at - timedelta(days=days), at)
    if as_json:
        print(json.dumps([asdict(gate) for gate in found], ensure_ascii=False))
        return
    table = Table("gate", "frames", "answers", "similarity 0 to 1", "liveness 0 to 1", "seen before")
    for gate in found:
        answers = ", ".join(f"{code} {count}" for code, count in gate.codes.most_common())
        table.add_row(
            gate.gate, str(gate.frames), answers, _bars(gate.similarity), _bars(gate.liveness), str(gate.repeated_pictures)
        )
    out.print(table)


def _bars(counts: list[int]) -> str:
    most = max(counts)
    return "".join("·▁▂▃▄▅▆▇█"[-(-8 * count // most)] if most else "·" for count in counts)


# --- liveness ----------------------------------------------------------------------------------------------------


def _liveness(settings: Any) -> Any:
    from recognition import LivenessError, load_liveness

    try:
        return load_liveness(settings.models_dir)
    except LivenessError as error:
        raise Conflict(error.code, error.detail) from None


@liveness_app.command("add")
def liveness_add(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="ONNX; several MiniFASNets are averaged")],
    licence: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="text file with the terms you hold it under")],
    kind: Annotated[str, typer.Option(help="five_point (insightface add-on) or scaled_crop (MiniFASNet)")] = "five_point",
    model_id: Annotated[str, typer.Option(help="name of the model")] = "liveness",
    threshold: Annotated[float, typer.Option(help="least probability of a live face")] = 0.8,
    scale: Annotated[list[float], typer.Option(help="of each file's crop, for scaled_crop: 2.7, 4.0")] = [],  # noqa: B006
) -> None:  # fmt: skip
    """Take a liveness model into use, in place of the one before. Services use it from their next start."""
    from recognition import KNOWN_LIVENESS, LivenessError, add_liveness

    if kind == "scaled_crop" and len(scale) != len(files):
        raise typer.BadParameter("give --scale once for each file")
    scales = scale if kind == "scaled_crop" else [0.0] * len(files)
    try:
        added = add_liveness(
            cli.read_settings().models_dir, list(zip(files, scales, strict=True)), model_id=model_id, kind=kind, threshold=threshold,
            licence=licence.read_text(encoding="utf-8"),
        )  # fmt: skip
    except LivenessError as error:
        raise Unusable(error.code, error.detail) from None
    known = sorted(name for name in added.known.values() if name)
    out.print(f"{added.model_id}: {kind}, live from {added.threshold}", highlight=False)
    out.print(f"known file: {', '.join(known)}" if known else f"not one of the files we know ({len(KNOWN_LIVENESS)})", highlight=False)
    out.print("switch it on with MUSTER_LIVENESS or `muster decisions policy --liveness observe`; one frame in colour is no proof")


@liveness_app.command("show")
def liveness_show() -> None:
    """Say which liveness model there is. Exit status 1 when there is none."""
    found = _liveness(cli.read_settings())
    if found is None:
        out.print("no liveness model; add one with `muster liveness add`")
        raise typer.Exit(1)
    out.print(f"{found.model_id}: {found.kind}, live from {found.threshold}", highlight=False)


# --- calibration -------------------------------------------------------------------------------------------------

ROSTERS = (1, 100, 200, 1000, 5000)


def calibrate(
    photos: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="folder with one folder of pictures a person")] = None,
    project: Annotated[str | None, typer.Option(help="code of a project: its own enrolled workers instead")] = None,
    by: Annotated[str | None, typer.Option("--by", help="login of who asks, for --project")] = None,
    picture: Annotated[Path | None, typer.Option(dir_okay=False, help="draw the DET curve into this .svg")] = None,
    store: Annotated[bool, typer.Option("--store", help="use what was measured for this pack on this machine")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how often the active pack takes two people for one and one for two, with intervals; draw the DET curve."""
    from app import calibration
    from app.engines import load_engine
    from recognition import TooFewPictures, det_svg, equal_error, fit_curve, limits_for

    if (photos is None) == (project is None) or (project is not None and by is None):
        raise typer.BadParameter("give --photos FOLDER, or --project CODE and --by LOGIN")
    settings = cli.read_settings()
    engine = load_engine(settings)
    pack = engine.pack
    try:
        if photos is not None:
            with cli.err.status("looking at photographs") as status:
                scores = calibration.photographs(
                    engine, photos, pixels_max=settings.enrolment_pixels_max, told=lambda n: status.update(f"{n} photographs")
                )
        else:
            with opened() as (_, database, vault):
                with database.read() as db:
                    project_id = _allowed(db, by, "devices.write", project)
                    scores = calibration.roster(db, vault, engine, project_id, pixels_max=settings.enrolment_pixels_max)
                with database.write() as db:
                    _journal_calibration(db, project_id, pack, scores, by)
    except TooFewPictures as error:
        raise Unusable("calibration_too_small", people=error.people, impostors=error.impostors) from None
    curve = None
    try:
        curve = fit_curve(scores)
    except TooFewPictures as error:
        if store:
            raise Unusable("calibration_too_small", people=error.people, impostors=error.impostors) from None
    except ValueError:
        raise Unusable("calibration_too_alike") from None
    rosters = [(size, limits_for(pack, size, stranger_max=settings.stranger_max)) for size in ROSTERS]
    report = {"pack_id": pack.pack_id, "contract_id": pack.contract_id, **calibration.told(scores, limits=rosters, curve=curve)}
    if picture is not None:
        if not len(scores.genuine):
            raise Unusable("calibration_no_genuine")
        marks = [(f"{size}: {needed.similarity_min:.3f}", needed.similarity_min) for size, needed in rosters]
        picture.write_text(det_svg([(pack.pack_id, scores)], title=f"DET  {pack.pack_id}", marks=marks), encoding="utf-8")
    if store and curve is not None:
        source = "photographs" if photos is not None else f"roster of {project}"
        report["stored"] = str(calibration.keep(settings, pack, curve, scores, source=source, now=cli.now()))
    if as_json:
        print(json.dumps(report))
        return
    out.print(
        f"{pack.pack_id}: {scores.people} people, {scores.pictures} pictures ({scores.lost} without a usable face); "
        f"{len(scores.genuine)} comparisons of one person, {len(scores.impostor)} of two", highlight=False,
    )  # fmt: skip
    table = Table("roster", "similarity from", "false accepts, one comparison", "false rejects", "limit of")
    for row in report["limits"]:
        table.add_row(
            str(row["roster"]), f"{row['similarity_min']:.3f}", _rate(row["false_accepts"]), _rate(row["false_rejects"]), row["source"]
        )
    out.print(table)
    if len(scores.genuine) and len(scores.impostor):
        at, error_rate = equal_error(scores)
        out.print(f"equal error {error_rate:.2%} at {at:.3f}", highlight=False)
    if curve is None:
        out.print("too few people or comparisons to state rates from these; the limits stay as they are")
    else:
        out.print(f"rates measured down to {curve.measured_to:.0e}, drawn on below; pairs share people, so intervals are too narrow")
        out.print("  ".join(f"{p.far:.0e}: {p.similarity:.3f}" for p in curve.points), highlight=False)
    if "stored" in report:
        out.print(f"stored in {report['stored']}; services use it from their next start")


def _rate(found: dict[str, Any]) -> str:
    if found["rate"] is None:
        return "not measured"
    return f"{found['rate']:.2%} ({found['low']:.2%} to {found['high']:.2%})"


def _journal_calibration(db: Any, project_id: int, pack: Any, scores: Any, by: str) -> None:
    from app.store import accounts

    accounts.journal(
        db, at=cli.now(), actor=by, action="pack.calibrated", project_id=project_id, object=f"pack:{pack.pack_id}",
        facts={"people": scores.people, "pictures": scores.pictures},
    )  # fmt: skip


def register(pack_app: typer.Typer) -> None:
    """Hang the command into ``muster pack``."""
    pack_app.command("calibrate")(calibrate)
