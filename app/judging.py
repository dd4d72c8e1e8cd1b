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
from app.settings import read_settings

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
            read_settings().models_dir, list(zip(files, scales, strict=True)), model_id=model_id, kind=kind, threshold=threshold,
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
    found = _liveness(read_settings())
    if found is None:
        out.print("no liveness model; add one with `muster liveness add`")
        raise typer.Exit(1)
    out.print(f"{found.model_id}: {found.kind}, live from {found.threshold}", highlight=False)
