"""``muster pack change``: the model is changed with two sets of templates side by side, each step the API's own use case."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from app import cli
from app.cli import AsJson, err, language, opened, out, say
from app.domain.counted import filled
from app.wording import sentence

change_app = typer.Typer(no_args_is_help=True, help="Change the model pack: re-embed, switch, roll back (更换识别模型).")

By = Annotated[str, typer.Option("--by", help="login of who does it")]


def _allowed(db: Any, login: str, action: str) -> str:
    from app import access

    person = access.person_of_login(db, login)
    access.require(person, action)
    return person.login


@change_app.command("start")
def change_start(pack_id: Annotated[str, typer.Argument(help="the new pack, a folder of models/")], by: By) -> None:
    """Begin: templates of both packs are kept from now on, the gates go on with the old one.

    `muster worker` re-embeds the kept photographs, twenty seconds of each minute; `pack change run` does it at once.
    """
    from app import repack
    from app.engines import load_engine

    with opened() as (settings, database, _vault):
        # Loaded and not only read: a pack that does not run is no pack to change to.
        new = load_engine(settings, pack_id).pack
        with database.write() as db:
            force = repack.in_force(db, settings, cli.now())
            old = new if force.pack_id == pack_id else load_engine(settings, force.pack_id).pack
            repack.start(db, from_pack=old, to_pack=new, by=_allowed(db, by, "packs.write"), now=cli.now())
        with database.read() as db:
            told = repack.progress(db)
    out.print(f"{old.pack_id} -> {new.pack_id}: {told.to_work_out} can be worked out, {told.must_come} must come again", highlight=False)


@change_app.command("status")
def change_status(as_json: AsJson = False) -> None:
    """How far it is, project by project, and how many must come again."""
    from app import repack
    from app.store import people

    with opened() as (settings, database, _vault), database.read() as db:
        told = repack.progress(db)
        force = repack.in_force(db, settings, cli.now())
        codes = {p.id: p.code for p in people.projects(db, None)}
        rows = [
            {
                "project": codes[p.project_id], "ready": p.ready, "to_work_out": p.to_work_out, "must_come": len(p.must_come),
                "must_come_worker_ids": [one.worker_id for one in p.must_come],
            }
            for p in (told.projects if told else ())
        ]  # fmt: skip
    value = {
        "open": told is not None, "in_force": force.pack_id,
        **({"from": told.change.from_pack_id, "to": told.change.to_pack_id, "state": told.change.act or "prepared",
            "switch_at": told.change.holds_from if told.change.act == "switched" else None} if told else {}),
        "projects": rows,
    }  # fmt: skip
    if as_json:
        print(json.dumps(value, ensure_ascii=False, default=str))
        return
    say({name: said for name, said in value.items() if name != "projects"}, False)
    if rows:
        table = Table("project", "ready", "to work out", "must come again")
        for row in rows:
            table.add_row(row["project"], *(str(row[name]) for name in ("ready", "to_work_out", "must_come")))
        out.print(table)


@change_app.command("run")
def change_run() -> None:
    """Re-embed everything that can be, now and here; may be stopped and run again."""
    from app import repack
    from app.engines import load_engine
    from app.errors import Conflict
    from app.store import packs

    with opened() as (settings, database, vault):
        with database.read() as db:
            change = packs.latest(db)
        if change is None or not change.open:
            raise Conflict("pack_change_none")
        engine, embedded, unusable = load_engine(settings, change.to_pack_id), 0, 0
        with err.status("re-embedding"):
            while True:
                done = repack.work(database, vault, settings, engine, now=cli.now(), seconds_max=5.0)
                embedded, unusable = embedded + done.embedded, unusable + done.unusable
                if done.done:
                    break
    out.print(f"{filled('{n:template|templates}', {'n': embedded})}, {unusable} workers' photographs unusable")


@change_app.command("switch")
def change_switch(
    by: By,
    at: Annotated[str | None, typer.Option(help="the moment, as in 2026-04-01T02:00+08:00; now when absent")] = None,
    with_gaps: Annotated[bool, typer.Option("--with-gaps", help="although some have no new template: they pass by card or code")] = False,
) -> None:
    """Let the gates use the new pack; running services follow within seconds."""
    from app import repack

    with opened() as (_settings, database, _vault), database.write() as db:
        change = repack.switch(
            db, at=_moment(at), with_gaps=with_gaps, by=_allowed(db, by, "packs.write"), now=cli.now()
        )
    out.print(f"{change.to_pack_id} from {change.holds_from}", highlight=False)


@change_app.command("back")
def change_back(by: By) -> None:
    """Let the gates use the old pack again; both sets of templates stay."""
    from app import repack

    with opened() as (_settings, database, _vault), database.write() as db:
        change = repack.roll_back(db, by=_allowed(db, by, "packs.write"), now=cli.now())
    out.print(f"{change.from_pack_id} again", highlight=False)


@change_app.command("finish")
def change_finish(by: By) -> None:
    """End it: the old templates are erased. The new pack must be the configured one by now."""
    from app import repack

    with opened() as (settings, database, _vault):
        with database.read() as db:
            login = _allowed(db, by, "packs.write")
        erased = repack.finish(database, configured=settings.pack_id, by=login, now=cli.now())
    out.print(f"{erased} old templates erased")


@change_app.command("abandon")
def change_abandon(by: By) -> None:
    """Give it up: the new templates are erased, everything is as before."""
    from app import repack

    with opened() as (_settings, database, _vault):
        with database.read() as db:
            login = _allowed(db, by, "packs.write")
        erased = repack.abandon(database, by=login, now=cli.now())
    out.print(f"{erased} new templates erased")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(sentence("instant_naive", language()), param_hint="--at")
    return moment
