"""``muster calendar | area | month | sheet | bank``: attendance and money from the shell, each the API's own use case.

Whoever acts is named with ``--by LOGIN``, an account of the service: maker and checker must differ here as everywhere.
What an account may do on a project is asked as on every other way in.
"""

import json
from dataclasses import asdict, is_dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from app import cli
from app.cli import AsJson, err, language, opened, out
from app.wording import name as label
from app.wording import sentence

calendar_app = typer.Typer(no_args_is_help=True, help="The statutory calendar (法定日历).")
area_app = typer.Typer(no_args_is_help=True, help="County configuration (地区参数).")
month_app = typer.Typer(no_args_is_help=True, help="Months of a project: blockers, lock, close, projection.")
sheet_app = typer.Typer(no_args_is_help=True, help="Payroll sheets: draft and steps; why a sum is what it is.")
bank_app = typer.Typer(no_args_is_help=True, help="Special account: batches, return files, statements.")

APPS = ((calendar_app, "calendar"), (area_app, "area"), (month_app, "month"), (sheet_app, "sheet"), (bank_app, "bank"))

By = Annotated[str, typer.Option("--by", help="login of who does it")]
Code = Annotated[str, typer.Argument(help="code of the project")]
Month = Annotated[str, typer.Argument(help="2026-03")]


def _month(text: str) -> date:
    from app.domain.workdays import parse_month
    from app.errors import BadRequest

    try:
        return parse_month(text)
    except ValueError:
        raise BadRequest("month_malformed") from None


def _allowed(db: Any, login: str, action: str, code: str | None = None) -> int | None:
    """The project's id, when the account may do that on it (or in the service)."""
    from app import access
    from app.store import people

    person = access.person_of_login(db, login)
    if code is None:
        access.require(person, action)
        return None
    project = people.project_by_code(db, code)
    access.require(person, action, project.id, project.area_code)
    return project.id


def plain(value: Any) -> Any:
    """JSON-ready, dataclasses by field; ciphertext and blind indexes left out."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {name: said for name, said in asdict(value).items() if not name.endswith(("_sealed", "_index"))}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    return value if isinstance(value, (int, str, float, bool)) or value is None else str(value)


def show(value: Any, as_json: bool) -> None:
    """Print a result: one JSON object, or its fields as lines."""
    said = plain(value)
    if as_json:
        print(json.dumps(said, ensure_ascii=False))
        return
    for item in said if isinstance(said, list) else [said]:
        out.print("  ".join(f"{k}={v}" for k, v in item.items()) if isinstance(item, dict) else str(item), highlight=False, markup=False)


def yuan(fen: int) -> str:
    return f"{fen // 100:,}.{fen % 100:02d}" if fen >= 0 else f"-{yuan(-fen)}"


# --- calendar and area -----------------------------------------------------------------------------------------


@calendar_app.command("seed")
def calendar_seed(years: Annotated[list[int], typer.Argument(help="2025 2026")], by: By, as_json: AsJson = False) -> None:
    """Take years from the calendar package; one it knows only provisionally is refused."""
    from app import timekeeping

    with opened() as (_, database, _vault), database.write() as db:
        _allowed(db, by, "calendar.write")
        show(timekeeping.seed_calendar(db, years=years, by=by, now=cli.now()), as_json)


@calendar_app.command("import")
def calendar_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV: date, kind, name")],
    by: By,
    source: Annotated[str, typer.Option(help="the notice, in words")],
    fill_year: Annotated[int | None, typer.Option(help="weekdays and weekends of that year that the notice does not name")] = None,
    as_json: AsJson = False,
) -> None:
    """Import a notice: all lines or none."""
    import csv
    import io

    from app import timekeeping

    lines = [row for row in csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"))) if row]
    with opened() as (_, database, _vault), database.write() as db:
        _allowed(db, by, "calendar.write")
        report = timekeeping.import_calendar(db, rows=lines, source=source, fill_year=fill_year, by=by, now=cli.now())
        show(report, as_json)
    if report.faults:
        for fault in report.faults:
            err.print(f"{fault.row}: {sentence(fault.code, language(), **fault.facts)}", highlight=False)
        raise typer.Exit(1)


@area_app.command("set")
def area_set(
    key: Annotated[str, typer.Argument(help="minimum_wage_month_fen, agreement_parties, publicity_days, ...")],
    value: Annotated[str, typer.Argument(help="as JSON: 226000, [\"owner\", \"bank\"]")],
    by: By,
    source: Annotated[str, typer.Option(help="the document, in words")],
    valid_from: Annotated[str, typer.Option(help="2024-01-01")],
    area: Annotated[str, typer.Option(help="area code or prefix; empty for everywhere")] = "",
) -> None:
    """Set what law or a county sets, from a date on."""
    from app import terms
    from app.errors import BadRequest

    try:
        said, since = json.loads(value), date.fromisoformat(valid_from)
    except ValueError:
        raise BadRequest("area_value_unreadable") from None
    with opened() as (_, database, _vault), database.write() as db:
        _allowed(db, by, "area.write")
        show({"id": terms.write_area_rule(db, area_code=area, key=key, value=said, valid_from=since, source=source, by=by, now=cli.now())}, False)


# --- months ----------------------------------------------------------------------------------------------------


@month_app.command("show")
def month_show(project: Code, by: By, month: Annotated[str | None, typer.Argument()] = None, as_json: AsJson = False) -> None:
    """Months with their state; with a month, what is in the way of its next step."""
    from app import periods

    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "sheets.read", project)
        if month is None:
            show(periods.overview(db, project_id, cli.now()), as_json)
            return
        found = periods.blockers(db, project_id, _month(month), cli.now())
        if as_json:
            show(found, True)
            return
        for blocker in found:
            out.print(f"{sentence(blocker.code, language())}  {blocker.subject_kind} {blocker.subject_id} {blocker.on or ''}", highlight=False)
        out.print(f"{len(found)}", highlight=False)


@month_app.command("lock")
def month_lock(project: Code, month: Month, by: By) -> None:
    """Lock a month: its days are decided."""
    from app import periods

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "periods.write", project)
        show(periods.lock(db, project_id=project_id, month=_month(month), by=by, now=cli.now()), False)


@month_app.command("close")
def month_close(project: Code, month: Month, by: By) -> None:
    """Close a month for good: every line is posted."""
    from app import periods

    with opened() as (_, database, _vault):
        with database.read() as db:
            project_id = _allowed(db, by, "periods.close", project)
        show(periods.close_month(database, project_id, _month(month), by=by, now=cli.now()), False)


@month_app.command("refresh")
def month_refresh(project: Code, as_json: AsJson = False) -> None:
    """Bring the projection of days and months up to date; the worker does this every few seconds."""
    from app import projection
    from app.store import people

    with opened() as (_, database, _vault):
        with database.read() as db:
            project_id = people.project_by_code(db, project).id
        show(projection.refresh(database, project_id, now=cli.now()), as_json)


# --- sheets ----------------------------------------------------------------------------------------------------


@sheet_app.command("draft")
def sheet_draft(project: Code, month: Month, by: By) -> None:
    """Draft every team's sheet of a locked month; unchanged content is the version that is there."""
    from app import sheets

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "sheets.draft", project)
        for drafted in sheets.draft_all(db, project_id=project_id, month=_month(month), by=by, now=cli.now()):
            out.print(f"sheet {drafted.sheet.id}  team {drafted.sheet.team_id}  version {drafted.sheet.version}", highlight=False)


@sheet_app.command("list")
def sheet_list(project: Code, by: By, month: Annotated[str | None, typer.Argument()] = None, as_json: AsJson = False) -> None:
    """The latest sheet of each team."""
    from app import sheets

    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "sheets.read", project)
        found = sheets.sheets_of(db, project_id, None if month is None else _month(month))
        if as_json:
            show(found, True)
            return
        table = Table("id", "team", "month", "version", "state", "lines", "net", "agreed", "disputed", "unsigned")
        for s in found:
            table.add_row(
                str(s.sheet.id), str(s.sheet.team_id), f"{s.sheet.month:%Y-%m}", str(s.sheet.version),
                label(f"sheet_state.{s.state}", language()), str(s.lines), yuan(s.net_fen), str(s.agreed), str(s.disputed), str(s.unsigned),
            )  # fmt: skip
        out.print(table)


@sheet_app.command("step")
def sheet_step(
    project: Code,
    sheet: Annotated[int, typer.Argument(help="id of the sheet")],
    act: Annotated[str, typer.Argument(help="submitted, checked, publicised, approved or returned")],
    by: By,
    note: Annotated[str, typer.Option(help="needed for returned")] = "",
) -> None:
    """Take a sheet one step on."""
    from app import sheets
    from app.errors import BadRequest

    steps = {
        "submitted": ("sheets.submit", sheets.submit), "checked": ("sheets.check", sheets.check),
        "publicised": ("sheets.check", sheets.publicise), "approved": ("sheets.approve", sheets.approve),
        "returned": ("sheets.check", sheets.send_back),
    }  # fmt: skip
    if act not in steps:
        raise BadRequest("act_unknown")
    action, step = steps[act]
    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, action, project)
        step(db, project_id=project_id, sheet_id=sheet, note=note, by=by, now=cli.now())


@sheet_app.command("why")
def sheet_why(
    project: Code, by: By,
    payment: Annotated[int | None, typer.Option(help="id of a payment")] = None,
    line: Annotated[int | None, typer.Option(help="id of a line")] = None,
) -> None:  # fmt: skip
    """Why this sum: from a payment or a line down to days and passages, as JSON."""
    from app import sheets
    from app.errors import BadRequest

    if (payment is None) == (line is None):
        raise BadRequest("why_needs_one")
    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "wages.read", project)
        show(sheets.why(db, project_id=project_id, payment_id=payment, line_id=line, now=cli.now()), True)


# --- bank ------------------------------------------------------------------------------------------------------


@bank_app.command("templates")
def bank_templates(seed: Annotated[bool, typer.Option(help="write the built-in ones that are missing")] = False, as_json: AsJson = False) -> None:
    """How banks want and write their files."""
    from app import bank
    from app.store import bank as held

    with opened() as (_, database, _vault):
        if seed:
            with database.write() as db:
                bank.seed_templates(db, by="command line", now=cli.now())
        with database.read() as db:
            show([{"id": t.id, "use": t.use, "name": t.name} for t in held.templates(db)], as_json)


@bank_app.command("batch")
def bank_batch(
    project: Code, month: Month, by: By, template: Annotated[int, typer.Option(help="id of a batch template")], as_json: AsJson = False
) -> None:
    """Make a batch of what can be paid; what cannot is listed with its reason."""
    from app import bank

    with opened() as (_, database, vault), database.write() as db:
        project_id = _allowed(db, by, "batches.make", project)
        made = bank.make_batch(db, vault, project_id=project_id, month=_month(month), template_id=template, by=by, now=cli.now())
        show(made.batch, as_json)
        for left in made.left_out:
            out.print(f"line {left.line.line_id}: {sentence(left.reason or '', language())}", highlight=False)


@bank_app.command("step")
def bank_step(
    project: Code,
    batch: Annotated[int, typer.Argument(help="id of the batch")],
    act: Annotated[str, typer.Argument(help="approved, sent or withdrawn")],
    by: By,
) -> None:
    """Take a batch one step on; approved by another login than the one that made it."""
    from app import bank
    from app.errors import BadRequest

    steps = {
        "approved": ("batches.approve", bank.approve_batch), "sent": ("batches.make", bank.send_batch),
        "withdrawn": ("batches.make", bank.withdraw_batch),
    }  # fmt: skip
    if act not in steps:
        raise BadRequest("act_unknown")
    action, step = steps[act]
    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, action, project)
        show(step(db, project_id=project_id, batch_id=batch, by=by, now=cli.now()), False)


@bank_app.command("file")
def bank_file(project: Code, batch: Annotated[int, typer.Argument()], to: Annotated[Path, typer.Argument(help="folder")], by: By) -> None:
    """Write the file for the bank into a folder, readable by nobody else."""
    import os

    from app import bank

    with opened() as (_, database, vault), database.write() as db:
        project_id = _allowed(db, by, "batches.make", project)
        name, content = bank.batch_file(db, vault, project_id=project_id, batch_id=batch, by=by, now=cli.now())
    path = to / name.replace("/", "_")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(content)
    out.print(str(path), highlight=False)


@bank_app.command("results")
def bank_results(
    project: Code, batch: Annotated[int, typer.Argument()], file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    by: By, template: Annotated[int, typer.Option()], as_json: AsJson = False,
) -> None:  # fmt: skip
    """Take in the bank's return file of a batch."""
    from app import bank

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        done = bank.import_results(
            db, project_id=project_id, batch_id=batch, template_id=template, content=file.read_bytes(), by=by, now=cli.now()
        )
        show(done, as_json)
    if done.faults:
        raise typer.Exit(1)


@bank_app.command("statement")
def bank_statement(
    project: Code, file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], by: By,
    template: Annotated[int, typer.Option()], as_json: AsJson = False,
) -> None:  # fmt: skip
    """Take in the special account's statement: all of it or nothing."""
    from app import bank

    with opened() as (_, database, vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        done = bank.import_statement(
            db, vault, project_id=project_id, template_id=template, content=file.read_bytes(), by=by, now=cli.now()
        )
        show(done, as_json)
    if done.faults:
        raise typer.Exit(1)


@bank_app.command("reconcile")
def bank_reconcile(project: Code, by: By, as_json: AsJson = False) -> None:
    """Statement against ledger; exit status 1 when they differ."""
    from app import bank

    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "bank.read", project)
        found = bank.reconcile(db, project_id, cli.now())
        show(found, as_json)
    if found.difference_fen:
        raise typer.Exit(1)
