"""``muster calendar | area | paper | month | sheet | bank | correction | terms | card | settlement | import | export | arrears``:
attendance and money from the shell, each the API's own use case.

Whoever acts is named with ``--by LOGIN``, an account of the service: maker and checker must differ here as everywhere.
What an account may do on a project is asked as on every other way in.
"""

import json
import os
import re
from dataclasses import asdict, is_dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.measure import Measurement
from rich.table import Table

from app import cli
from app.cli import AsJson, err, language, opened, out
from app.domain.counted import filled
from app.wording import name as label
from app.wording import sentence

calendar_app = typer.Typer(no_args_is_help=True, help="The statutory calendar (法定日历).")
area_app = typer.Typer(no_args_is_help=True, help="County configuration (地区参数).")
month_app = typer.Typer(no_args_is_help=True, help="Months of a project: blockers, lock, close, projection.")
sheet_app = typer.Typer(no_args_is_help=True, help="Payroll sheets: draft and steps; why a sum is what it is.")
bank_app = typer.Typer(no_args_is_help=True, help="Special account: batches, return files, statements.")

correction_app = typer.Typer(no_args_is_help=True, help="Corrections of attendance (补卡): ask, agree, list.")
terms_app = typer.Typer(no_args_is_help=True, help="What was agreed: terms of the four kinds of pay.")
mark_app = typer.Typer(no_args_is_help=True, help="Days on which nobody was expected: leave, stoppage, rain.")
pay_app = typer.Typer(no_args_is_help=True, help="Beside the terms: allowances, advances, deductions, measured work.")
card_app = typer.Typer(no_args_is_help=True, help="Wage cards (工资卡).")
settlement_app = typer.Typer(no_args_is_help=True, help="Settlements of those who left (退场结算).")
paper_app = typer.Typer(no_args_is_help=True, help="Papers of a project: works contract, deposit, notice board, key posts.")
import_app = typer.Typer(no_args_is_help=True, help="Excel tables that come in: measured work, wage cards.")

APPS = (
    (calendar_app, "calendar"), (area_app, "area"), (month_app, "month"), (sheet_app, "sheet"), (bank_app, "bank"),
    (correction_app, "correction"), (terms_app, "terms"), (mark_app, "mark"), (pay_app, "pay"), (card_app, "card"), (settlement_app, "settlement"), (paper_app, "paper"), (import_app, "import"),
)  # fmt: skip

By = Annotated[str, typer.Option("--by", help="login of who does it")]
Code = Annotated[str, typer.Argument(help="code of the project")]
Month = Annotated[str, typer.Argument(help="2026-03")]
Existing = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check only, write nothing")]


def _month(text: str) -> date:
    from app.fields import read_month

    return read_month(text)


def _date(text: str) -> date:
    from app.errors import BadRequest
    from app.fields import check_day

    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise BadRequest("dates_wrong") from None
    return check_day(found)


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


def table_of(*columns: str) -> Table:
    """A table whose columns are never cut: only the one marked with ``~`` is folded where the line is too short."""
    table = Table()
    for column in columns:
        name = column.strip("~>")
        table.add_column(
            name, no_wrap="~" not in column, overflow="fold", justify="right" if ">" in column else "left", min_width=8 if "~" in column else None
        )
    return table


def show_table(table: Table) -> None:
    """Print a table, past the end of a short line rather than without its last columns."""
    wide = out.options.update(width=1000, max_width=1000)
    out.print(table, width=max(out.width, Measurement.get(out, wide, table).minimum), crop=False)


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
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or .xlsx: date, kind, name")],
    by: By,
    source: Annotated[str, typer.Option(help="the notice, in words")],
    fill_year: Annotated[int | None, typer.Option(help="weekdays and weekends of that year that the notice does not name")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import a notice: all lines or none."""
    import csv
    import io

    from app import imports, timekeeping
    from app.errors import BadRequest
    from app.forms.calendar import read_calendar

    if file.suffix.lower() == ".xlsx":
        with opened() as (settings, database, _vault), database.write() as db:
            _allowed(db, by, "calendar.write")
            found = read_calendar(file.read_bytes(), bytes_max=settings.roster_file_bytes_max, rows_max=imports.ROWS_MAX)
            told = imports.import_calendar(db, file=found, source=source, fill_year=fill_year, dry_run=dry_run, by=by, now=cli.now())
        _told(told, as_json)
        return
    if dry_run:
        raise BadRequest("dry_run_needs_xlsx")

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
    key: Annotated[str, typer.Argument(help="minimum_wage_month_fen, agreement_parties, account_fee_bearer, publicity_days, ...")],
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


# --- papers of a project ---------------------------------------------------------------------------------------


@paper_app.command("add")
def paper_add(
    project: Code,
    kind: Annotated[str, typer.Argument(help="works_contract, deposit, deposit_guarantee, notice_board or key_post")],
    by: By,
    since: Annotated[str, typer.Option("--from", help="date of the contract, first day it holds: 2026-03-01")],
    until: Annotated[str | None, typer.Option("--to", help="first day it no longer holds; planned completion of the works")] = None,
    amount_fen: Annotated[int | None, typer.Option(help="of the contract, the deposit, the guarantee")] = None,
    worker: Annotated[int | None, typer.Option(help="id of who holds the post")] = None,
    post: Annotated[str | None, typer.Option(help="project_manager, safety_officer, labour_officer, ...")] = None,
    board: Annotated[str | None, typer.Option(help='as JSON: {"parties": true, "pay": true, "contacts": true, "pay_day": 15}')] = None,
    evidence: Annotated[list[int] | None, typer.Option(help="id of a file; may be given again")] = None,
) -> None:
    """Record a paper; it is never edited, only voided."""
    from app import project_papers
    from app.errors import Unusable

    try:
        shown = None if board is None else json.loads(board)
    except ValueError:
        raise Unusable("board_wrong") from None
    if shown is not None and not isinstance(shown, dict):
        raise Unusable("board_wrong")
    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "papers.write", project)
        added = project_papers.record(
            db, project_id=project_id, kind=kind, from_on=_date(since), to_on=None if until is None else _date(until), amount_fen=amount_fen,
            worker_id=worker, post=post, board=shown, evidence=evidence or (), by=by, now=cli.now(),
        )  # fmt: skip
        show({"id": added}, False)


@paper_app.command("list")
def paper_list(project: Code, by: By, as_json: AsJson = False) -> None:
    """Papers that were not voided."""
    from app import project_papers

    with opened() as (_, database, _vault), database.read() as db:
        show(project_papers.listed(db, _allowed(db, by, "findings.read", project)), as_json)


@paper_app.command("void")
def paper_void(project: Code, paper_id: Annotated[int, typer.Argument()], by: By, reason: Annotated[str, typer.Option()]) -> None:
    """Take a paper back that was a mistake."""
    from app import project_papers

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "papers.write", project)
        project_papers.void(db, project_id=project_id, paper_id=paper_id, reason=reason, by=by, now=cli.now())


def _helpers(settings: Any) -> Any:
    """This command's own processes, one a core, for a month of many workers."""
    from app.sharing import Sharing, forking
    from app.sheets import reckoner

    return Sharing(forking(reckoner(settings)), os.cpu_count() or 1)


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
        out.print(sentence("blockers_none" if not found else "blockers_count", language(), n=len(found)), highlight=False)


@month_app.command("lock")
def month_lock(project: Code, month: Month, by: By) -> None:
    """Lock a month: its days are decided."""
    from app import periods, sheets

    with opened() as (settings, database, _vault):
        with database.read() as db:
            project_id = _allowed(db, by, "periods.write", project)
        told = {"project_id": project_id, "month": _month(month), "now": cli.now()}
        fresh = sheets.Months(_helpers(settings)).before(database, **told)
        with database.write() as db:
            show(periods.lock(db, **told, by=by, fresh=fresh), False)


@month_app.command("close")
def month_close(project: Code, month: Month, by: By) -> None:
    """Close a month for good: every line is posted."""
    from app import periods

    with opened() as (settings, database, _vault):
        with database.read() as db:
            project_id = _allowed(db, by, "periods.close", project)
        told = {"by": by, "now": cli.now(), "sharing": _helpers(settings)}
        show(periods.close_month(database, project_id, _month(month), **told), False)


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

    with opened() as (settings, database, _vault):
        with database.read() as db:
            project_id = _allowed(db, by, "sheets.draft", project)
        told = {"project_id": project_id, "month": _month(month), "now": cli.now()}
        fresh = sheets.Months(_helpers(settings)).before(database, **told)
        with database.write() as db:
            made = sheets.draft_all(db, **told, by=by, fresh=fresh)
        for drafted in made:
            out.print(f"sheet {drafted.sheet.id}  team {drafted.sheet.team_id}  version {drafted.sheet.version}", highlight=False)


@sheet_app.command("list")
def sheet_list(project: Code, by: By, month: Annotated[str | None, typer.Argument()] = None, as_json: AsJson = False) -> None:
    """The latest sheet of each team."""
    from app import sheets
    from app.store import people

    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "sheets.read", project)
        found = sheets.sheets_of(db, project_id, None if month is None else _month(month))
        if as_json:
            show(found, True)
            return
        teams = {team.id: team.name for team in people.teams(db, project_id)}
        table = table_of("id>", "team~", "month", "version>", "state", "signed>", "disputed>", "net>")
        for s in found:
            table.add_row(
                str(s.sheet.id), f"{s.sheet.team_id} {teams.get(s.sheet.team_id, '')}".strip(), f"{s.sheet.month:%Y-%m}", str(s.sheet.version),
                label(f"sheet_state.{s.state}", language()), f"{s.agreed}/{s.lines}", str(s.disputed), yuan(s.net_fen),
            )  # fmt: skip
        show_table(table)


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


@bank_app.command("open")
def bank_open(
    project: Code, by: By, bank_name: Annotated[str, typer.Option("--bank")], opened_on: Annotated[str, typer.Option("--on", help="2026-02-01")],
    yuan: Annotated[str | None, typer.Option("--yuan", help="its balance when Muster begins to keep it")] = None,
    name: Annotated[str | None, typer.Option(help="as on the bank's paper; else contractor, project and 农民工工资专用账户")] = None,
) -> None:  # fmt: skip
    """Open the general contractor's special account (专户). Its number is asked for, or read from stdin."""
    from app import bank
    from app.errors import Unusable
    from app.store import people

    number = cli._secret("account number", None, again=False)
    with opened() as (_, database, vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        contractor = next((c for c in people.project_companies(db, project_id) if c.role == "general_contractor"), None)
        if contractor is None:
            raise Unusable("account_company_wrong")
        added = bank.open_account(
            db, vault, project_id=project_id, company_id=contractor.company_id, bank_name=bank_name, number=number,
            opened_on=_date(opened_on), name=name, opening_fen=0 if yuan is None else cli._fen(yuan), by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"account {added}")


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
    project: Code, month: Month, by: By, template: Annotated[int, typer.Option(help="id of a batch template")],
    on_behalf_of: Annotated[int | None, typer.Option(help="id of the company on the project that defaulted (先行清偿)")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make a batch of what can be paid; what cannot is listed with its reason."""
    from app import bank
    from app.forms.bank import write_workbook

    with opened() as (_, database, vault), database.write() as db:
        project_id = _allowed(db, by, "batches.make", project)
        made = bank.make_batch(
            db, vault, project_id=project_id, month=_month(month), template_id=template, on_behalf_of=on_behalf_of,
            write_workbook=write_workbook, by=by, now=cli.now(),
        )  # fmt: skip
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


@bank_app.command("answer-form")
def bank_answer_form(
    project: Code, batch: Annotated[int, typer.Argument()], to: Annotated[Path, typer.Argument(help="folder")], by: By,
    template: Annotated[int, typer.Option(help="of a return file")],
) -> None:  # fmt: skip
    """Write an empty return file of a batch into a folder, to be filled in for a bank that answers on paper."""
    import os

    from app import bank
    from app.forms.bank import answer_workbook

    with opened() as (_, database, vault), database.write() as db:
        project_id = _allowed(db, by, "batches.make", project)
        name, content = bank.answer_form(
            db, vault, project_id=project_id, batch_id=batch, template_id=template, write=answer_workbook, by=by, now=cli.now()
        )
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
    from app.forms.bank import read_workbook

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        done = bank.import_results(
            db, project_id=project_id, batch_id=batch, template_id=template, content=file.read_bytes(),
            read_workbook=read_workbook, by=by, now=cli.now(),
        )  # fmt: skip
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
    from app.forms.bank import read_workbook

    with opened() as (_, database, vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        done = bank.import_statement(
            db, vault, project_id=project_id, template_id=template, content=file.read_bytes(), read_workbook=read_workbook, by=by,
            now=cli.now(),
        )  # fmt: skip
        show(done, as_json)
    if done.faults:
        raise typer.Exit(1)


@bank_app.command("reconcile")
def bank_reconcile(
    project: Code, by: By, as_of: Annotated[str | None, typer.Option(help="2026-03-31; today when left out")] = None, as_json: AsJson = False
) -> None:
    """Statement against ledger; exit status 1 when they differ."""
    from app import bank

    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "bank.read", project)
        found = bank.reconcile(db, project_id, cli.now(), as_of=None if as_of is None else _date(as_of))
        show(found, as_json)
    if found.difference_fen:
        raise typer.Exit(1)


@bank_app.command("funding")
def bank_funding(project: Code, by: By, as_json: AsJson = False) -> None:
    """What the owner agreed to fund, and what arrived of it."""
    from app import bank

    with opened() as (_, database, _vault), database.read() as db:
        show(bank.funding(db, _allowed(db, by, "bank.read", project), cli.now()), as_json)


@bank_app.command("plan")
def bank_plan(
    project: Code, month: Month, by: By, due_on: Annotated[str, typer.Option(help="2026-04-12")],
    yuan_agreed: Annotated[str, typer.Option("--yuan", help="agreed amount")],
) -> None:  # fmt: skip
    """Record what the owner agreed to fund for a month (人工费拨付计划)."""
    from app import bank

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        plan = bank.add_plan(
            db, project_id=project_id, month=_month(month), due_on=_date(due_on), agreed_fen=cli._fen(yuan_agreed), by=by, now=cli.now()
        )
    out.print(f"plan {plan}")


@bank_app.command("receipt")
def bank_receipt(
    project: Code, by: By, received_on: Annotated[str, typer.Option("--on", help="2026-04-11")],
    yuan_received: Annotated[str, typer.Option("--yuan", help="amount")],
    reference: Annotated[str, typer.Option(help="the bank's number of it")],
) -> None:  # fmt: skip
    """Record labour cost that arrived (人工费到账); the same reference again changes nothing."""
    from app import bank

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        receipt = bank.record_receipt(
            db, project_id=project_id, received_on=_date(received_on), amount_fen=cli._fen(yuan_received), reference=reference, by=by,
            now=cli.now(),
        )  # fmt: skip
    out.print(f"receipt {receipt}")


@bank_app.command("void")
def bank_void(
    project: Code, kind: Annotated[str, typer.Argument(help="bank_card, funding_plan or special_account")],
    row: Annotated[int, typer.Argument(help="its id")], by: By, reason: Annotated[str, typer.Option()],
) -> None:  # fmt: skip
    """Void what was a mistake; the row stays."""
    from app import bank

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        bank.void(db, project_id=project_id, kind=kind, row_id=row, reason=reason, by=by, now=cli.now())
    out.print("voided")


# --- corrections -----------------------------------------------------------------------------------------------


def _teams(db: Any, login: str, action: str, project_id: int) -> Any:
    """Whose teams the account reaches on the project; None for all."""
    from app import access
    from app.store import people

    return access.teams_of(db, access.person_of_login(db, login), people.project(db, project_id), action)


def _at(text: str | None) -> Any:
    from datetime import datetime

    from app.errors import BadRequest

    try:
        return None if text is None else datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise BadRequest("dates_wrong") from None


@correction_app.command("list")
def correction_list(project: Code, by: By, month: Annotated[str | None, typer.Argument()] = None, as_json: AsJson = False) -> None:
    """Those nobody has decided yet, oldest first."""
    from app import timekeeping

    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "corrections.read", project)
        teams = _teams(db, by, "corrections.read", project_id)
        show(timekeeping.pending(db, project_id, None if month is None else _month(month), teams), as_json)


@correction_app.command("ask")
def correction_ask(
    project: Code, worker: Annotated[int, typer.Argument(help="id of the worker")], day: Annotated[str, typer.Argument(help="2026-03-05")],
    kind: Annotated[str, typer.Argument(help="missing_in, missing_out, add_session, void_passage, wrong_person or set_day")], by: By,
    reason: Annotated[str, typer.Option(help="forgot, gate_down, ...")],
    in_at: Annotated[str | None, typer.Option(help="2026-03-05T08:00+08:00")] = None,
    out_at: Annotated[str | None, typer.Option(help="2026-03-05T17:00+08:00")] = None,
    passage: Annotated[int | None, typer.Option(help="id of the passage, where one is meant")] = None,
    day_milli: Annotated[int | None, typer.Option(help="thousandths of a man-day, for set_day")] = None,
    minutes: Annotated[int | None, typer.Option(help="for set_day")] = None,
    note: Annotated[str, typer.Option()] = "",
    evidence: Annotated[list[int], typer.Option(help="id of a file; once for each")] = [],  # noqa: B006
) -> None:  # fmt: skip
    """Ask for a correction; it counts when the team leader and the labour officer have agreed."""
    from app import timekeeping

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "corrections.request", project)
        added = timekeeping.request_correction(
            db, project_id=project_id, worker_id=worker, work_date=_date(day), kind=kind, in_at=_at(in_at), out_at=_at(out_at),
            passage_id=passage, minutes=minutes, day_milli=day_milli, reason=reason, note=note, evidence=evidence,
            teams=_teams(db, by, "corrections.request", project_id), by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"correction {added}")


@correction_app.command("step")
def correction_step(
    project: Code, correction: Annotated[int, typer.Argument()],
    act: Annotated[str, typer.Argument(help="leader_ok, officer_ok, rejected or withdrawn")], by: By, note: Annotated[str, typer.Option()] = "",
) -> None:  # fmt: skip
    """Agree to a correction, or not; leader first, then the labour officer."""
    from app import timekeeping
    from app.errors import BadRequest

    actions = {
        "leader_ok": "corrections.leader", "officer_ok": "corrections.officer", "rejected": "corrections.officer",
        "withdrawn": "corrections.request",
    }  # fmt: skip
    if act not in actions:
        raise BadRequest("act_unknown")
    with opened() as (_, database, _vault), database.write() as db:
        action = actions[act]
        if act == "rejected" and not _may(db, by, action, project):
            action = "corrections.leader"
        if act in ("leader_ok", "officer_ok") and not _may(db, by, action, project) and _may(db, by, "corrections.stand_in", project):
            action = "corrections.stand_in"
        project_id = _allowed(db, by, action, project)
        done = timekeeping.decide_correction(
            db, project_id=project_id, correction_id=correction, act=act, note=note, teams=_teams(db, by, action, project_id),
            stands_in=action == "corrections.stand_in", by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"correction {correction}: {done.state}")


def _may(db: Any, login: str, action: str, code: str) -> bool:
    from app import access
    from app.store import people

    project = people.project_by_code(db, code)
    return access.may(access.person_of_login(db, login), action, project.id, project.area_code)


# --- terms, cards, settlements, arrears --------------------------------------------------------------------------


@terms_app.command("list")
def terms_list(project: Code, by: By, engagement: Annotated[int | None, typer.Argument()] = None, as_json: AsJson = False) -> None:
    """Terms that were not voided, by engagement and date."""
    from app.store import people

    with opened() as (_, database, _vault), database.read() as db:
        project_id = _allowed(db, by, "wages.read", project)
        show(sorted(people.terms(db, project_id, engagement), key=lambda t: (t.engagement_id, t.valid_from)), as_json)


@terms_app.command("agree")
def terms_agree(
    project: Code, engagement: Annotated[int, typer.Argument(help="id of the engagement")],
    kind: Annotated[str, typer.Argument(help="day, hour, month or piece")], by: By,
    yuan_rate: Annotated[str, typer.Option("--yuan", help="per man-day, hour, month or unit")],
    valid_from: Annotated[str, typer.Option("--from", help="2026-04-01")],
    unit: Annotated[str | None, typer.Option(help="of piece work: m2, t, ...")] = None,
    overtime: Annotated[str | None, typer.Option(help="law, units or none; law when left out")] = None,
    relation: Annotated[str | None, typer.Option(help="labour_contract or work_agreement; labour_contract when left out")] = None,
    hours_system: Annotated[str, typer.Option(help="standard, comprehensive or irregular")] = "standard",
) -> None:  # fmt: skip
    """Agree on what somebody earns from a date on; what held before ends the day before."""
    from app import terms

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "terms.write", project)
        added = terms.agree(
            db, project_id=project_id, engagement_id=engagement, kind=kind, rate_fen=cli._fen(yuan_rate), valid_from=_date(valid_from),
            unit=unit, **terms.said(overtime_rule=overtime, relation=relation), hours_system=hours_system, by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"terms {added}")


@terms_app.command("void")
def terms_void(project: Code, terms_id: Annotated[int, typer.Argument(metavar="TERMS")], by: By, reason: Annotated[str, typer.Option()]) -> None:
    """They were a mistake: from now on they were never agreed."""
    from app import terms

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "terms.write", project)
        terms.void_terms(db, project_id=project_id, terms_id=terms_id, reason=reason, by=by, now=cli.now())
    out.print("voided")


# --- marks, allowances, advances, deductions, measured work ------------------------------------------------------

Engagement = Annotated[int, typer.Argument(help="id of the engagement")]
Yuan = Annotated[str, typer.Option("--yuan")]
Papers = Annotated[list[int], typer.Option("--evidence", help="id of a file; once for each")]


@mark_app.command("add")
def mark_add(
    project: Code, kind: Annotated[str, typer.Argument(help="leave, stoppage, rain or rest")], by: By,
    from_on: Annotated[str, typer.Option("--from", help="2026-03-09")],
    to_on: Annotated[str, typer.Option("--to", help="first day it no longer holds")],
    percent: Annotated[float, typer.Option(help="of a day's pay, as agreed")] = 0.0,
    worker: Annotated[int | None, typer.Option(help="id; without it and --team, everybody")] = None,
    team: Annotated[int | None, typer.Option(help="id of the team")] = None,
    note: Annotated[str, typer.Option()] = "",
    evidence: Papers = [],  # noqa: B006
) -> None:  # fmt: skip
    """Record that nobody was expected."""
    from app import timekeeping

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "marks.write", project)
        added = timekeeping.add_mark(
            db, project_id=project_id, kind=kind, from_on=_date(from_on), to_on=_date(to_on), pay_permille=round(percent * 10),
            worker_id=worker, team_id=team, note=note, evidence=evidence, by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"mark {added}")


@mark_app.command("void")
def mark_void(project: Code, mark: Annotated[int, typer.Argument()], by: By, reason: Annotated[str, typer.Option()]) -> None:
    """It was a mistake."""
    from app import timekeeping

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "marks.write", project)
        timekeeping.void_mark(db, project_id=project_id, mark_id=mark, reason=reason, by=by, now=cli.now())
    out.print("voided")


@pay_app.command("allowance")
def pay_allowance(
    project: Code, engagement: Engagement, kind: Annotated[str, typer.Argument(help="meal, housing, travel, heat, height, night, skill or other")],
    per: Annotated[str, typer.Argument(help="day, month or once")], by: By, yuan: Yuan,
    valid_from: Annotated[str, typer.Option("--from", help="2026-07-01")],
    valid_to: Annotated[str | None, typer.Option("--to", help="first day it no longer holds")] = None,
    note: Annotated[str, typer.Option()] = "",
) -> None:  # fmt: skip
    """Add an allowance (津贴补贴)."""
    from app import terms

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "terms.write", project)
        added = terms.add_allowance(
            db, project_id=project_id, engagement_id=engagement, kind=kind, per=per, amount_fen=cli._fen(yuan),
            valid_from=_date(valid_from), valid_to=None if valid_to is None else _date(valid_to), note=note, by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"allowance {added}")


@pay_app.command("advance")
def pay_advance(
    project: Code, engagement: Engagement, by: By, yuan: Yuan, paid_on: Annotated[str, typer.Option("--on", help="2026-03-15")],
    channel: Annotated[str, typer.Option(help="account, bank or cash")],
    proof: Annotated[str, typer.Option(help="signed, bank or none; without proof it is never taken back")],
    reference: Annotated[str | None, typer.Option(help="the bank's number")] = None,
    evidence: Papers = [],  # noqa: B006
) -> None:  # fmt: skip
    """Record an advance (预支)."""
    from app import terms

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "payments.write", project)
        added = terms.record_advance(
            db, project_id=project_id, engagement_id=engagement, amount_fen=cli._fen(yuan), paid_on=_date(paid_on), channel=channel,
            proof=proof, reference=reference, evidence=evidence, by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"advance {added}")


@pay_app.command("deduction")
def pay_deduction(
    project: Code, engagement: Engagement, month: Month,
    kind: Annotated[str, typer.Argument(help="income_tax, social_insurance, housing_fund, court_order, damage or agreed")], by: By,
    yuan: Yuan, basis: Annotated[str, typer.Option(help="the document it rests on, in words")],
    evidence: Papers = [],  # noqa: B006
) -> None:  # fmt: skip
    """Record a deduction (扣款); the legal cap is applied when the sheet is drafted."""
    from app import terms

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "terms.write", project)
        added = terms.record_deduction(
            db, project_id=project_id, engagement_id=engagement, month=_month(month), kind=kind, amount_fen=cli._fen(yuan), basis=basis,
            evidence=evidence, by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"deduction {added}")


@pay_app.command("measure")
def pay_measure(
    project: Code, team: Annotated[int, typer.Argument(help="id of the team")], month: Month,
    item: Annotated[str, typer.Argument(help="what was built")], by: By,
    quantity: Annotated[str, typer.Option(help="of the unit, up to three decimals")], unit: Annotated[str, typer.Option(help="m2, t, ...")],
    yuan: Annotated[str, typer.Option("--yuan", help="a unit")], measured_on: Annotated[str, typer.Option("--on", help="2026-03-31")],
    percent: Annotated[int, typer.Option(help="of the price due now")] = 100,
) -> None:  # fmt: skip
    """Record a team's measured work (包工计量), split by days; agreed shares come in by Excel or over the API."""
    from app import terms

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "measures.write", project)
        added = terms.add_measure(
            db, project_id=project_id, team_id=team, month=_month(month), measured_on=_date(measured_on), item=item, unit=unit,
            quantity_milli=_milli(quantity), unit_price_fen=cli._fen(yuan), percent=percent,
            teams=_teams(db, by, "measures.write", project_id), by=by, now=cli.now(),
        )  # fmt: skip
    out.print(f"measure {added}")


@pay_app.command("accept")
def pay_accept(
    project: Code, measure: Annotated[int, typer.Argument()], by: By,
    refuse: Annotated[bool, typer.Option("--refuse", help="it was not done so; --note says why")] = False,
    note: Annotated[str, typer.Option()] = "",
) -> None:  # fmt: skip
    """Say that measured work is done (验收): by somebody else than recorded it."""
    from app import terms

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "measures.accept", project)
        terms.accept_measure(db, project_id=project_id, measure_id=measure, accepted=not refuse, note=note, by=by, now=cli.now())
    out.print("refused" if refuse else "accepted")


@pay_app.command("void")
def pay_void(
    project: Code, kind: Annotated[str, typer.Argument(help="allowance, advance, deduction or measure")],
    row: Annotated[int, typer.Argument(metavar="ID")], by: By, reason: Annotated[str, typer.Option()],
) -> None:  # fmt: skip
    """It was a mistake. The row stays."""
    from app import terms

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "terms.write", project)
        terms.void(db, project_id=project_id, kind=kind, row_id=row, reason=reason, by=by, now=cli.now())
    out.print("voided")


def _milli(text: str) -> int:
    from app.errors import Unusable

    match = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?", text)
    if match is None:
        raise Unusable("quantity_wrong")
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))


@card_app.command("set")
def card_set(
    project: Code, worker: Annotated[int, typer.Argument(help="id of the worker")], by: By, bank_name: Annotated[str, typer.Option("--bank")],
    bank_code: Annotated[str | None, typer.Option(help="联行号")] = None,
) -> None:  # fmt: skip
    """Record a wage card. Its number is asked for, or read from stdin: it must not stand in the shell's history."""
    from app import bank

    number = cli._secret("card number", None, again=False)
    with opened() as (_, database, vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        done = bank.set_card(
            db, vault, project_id=project_id, worker_id=worker, number=number, bank_name=bank_name, bank_code=bank_code, by=by, now=cli.now()
        )
    for code in done.warnings:
        err.print(sentence(code, language()), highlight=False)
    out.print(f"card {done.card_id}")


@settlement_app.command("list")
def settlement_list(project: Code, by: By, as_json: AsJson = False) -> None:
    """Everybody who left: settled, to settle, stale, still owed."""
    from app import settlements

    with opened() as (_, database, _vault), database.read() as db:
        found = settlements.exits(db, _allowed(db, by, "wages.read", project), cli.now())
        if as_json:
            show(found, True)
            return
        table = table_of("engagement>", "name~", "left", "state", "settlement>", "waits>", "owed>")
        for one in found:
            place = one.statement.place
            table.add_row(
                str(place.id), one.name, f"{place.exit_on}", label(f"settlement_state.{one.state}", language()),
                str(one.settlement.id) if one.settlement else "—", str(one.statement.waits), yuan(one.owed_fen),
            )  # fmt: skip
        show_table(table)


@settlement_app.command("make")
def settlement_make(project: Code, engagement: Annotated[int, typer.Argument(help="id of the engagement")], by: By) -> None:
    """Settle an exit: earned, withheld, received, still owed; frozen with its hash."""
    from app import settlements

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "terms.write", project)
        made = settlements.settle(db, project_id=project_id, engagement_id=engagement, by=by, now=cli.now())
    out.print(f"settlement {made.settlement.id}  hash {made.settlement.content_hash}", highlight=False)


@settlement_app.command("word")
def settlement_word(
    project: Code, settlement: Annotated[int, typer.Argument()], verdict: Annotated[str, typer.Argument(help="agree or dispute")], by: By,
    content_hash: Annotated[str, typer.Option("--hash", help="of what he saw, as printed")],
    method: Annotated[str, typer.Option(help="paper, screen, ...")] = "paper",
    evidence: Annotated[list[int], typer.Option(help="id of the scan; once for each")] = [],  # noqa: B006
    yuan_claimed: Annotated[str | None, typer.Option("--claims-yuan", help="what he says he is owed, of a dispute")] = None,
    reason: Annotated[str, typer.Option()] = "",
) -> None:  # fmt: skip
    """The leaving worker's word, bound to what he saw."""
    from app import settlements

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "terms.write", project)
        settlements.confirm(
            db, project_id=project_id, settlement_id=settlement, content_hash=content_hash, verdict=verdict, method=method,
            evidence=evidence, claimed_fen=None if yuan_claimed is None else cli._fen(yuan_claimed), reason=reason, by=by, now=cli.now(),
        )  # fmt: skip
    out.print("recorded")


@settlement_app.command("release")
def settlement_release(project: Code, settlement: Annotated[int, typer.Argument()], by: By) -> None:
    """Release a signed settlement for payment before its months close: a final sheet, to be paid with a batch of this month."""
    from app import settlements

    with opened() as (_, database, _vault), database.write() as db:
        project_id = _allowed(db, by, "sheets.approve", project)
        sheet = settlements.pay_out(db, project_id=project_id, settlement_id=settlement, by=by, now=cli.now())
    out.print(f"sheet {sheet.id}  month {sheet.month:%Y-%m}", highlight=False)


def arrears(
    project: Code, by: By, side: Annotated[str, typer.Option("--of", help="worker, team, company or project")] = "team", as_json: AsJson = False
) -> None:
    """What is due and not paid, by age."""
    from app import settlements
    from app.errors import BadRequest

    if side not in settlements.SIDES:
        raise BadRequest("side_unknown")
    with opened() as (_, database, _vault), database.read() as db:
        show(settlements.arrears(db, _allowed(db, by, "wages.read", project), cli.now(), by=side), as_json)


# --- tables that come in -----------------------------------------------------------------------------------------


def _told(report: Any, as_json: bool) -> None:
    """Print what became of the rows; exit status 1 when one is faulty."""
    said = report.as_json(language())
    if as_json:
        print(json.dumps(said, ensure_ascii=False))
    else:
        out.print(f"{filled('{n:row|rows}', {'n': report.rows_total})}: {report.entered} entered, {report.already_there} already there, {report.faulty} faulty")
        for heading in ("faults", "warnings"):
            for note in said[heading]:
                out.print(f"  {heading[:-1]}: {note['sheet']} row {note['row']} {note['column']}: {note['sentence']}", highlight=False, markup=False)
    if report.faults:
        raise typer.Exit(1)


@import_app.command("measures")
def import_measures(project: Code, file: Existing, by: By, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Measured work (计量) with agreed shares; each bad row is named with its number and reason."""
    from app import imports
    from app.forms.measures import read_measures

    with opened() as (settings, database, vault), database.write() as db:
        project_id = _allowed(db, by, "measures.write", project)
        found = read_measures(file.read_bytes(), bytes_max=settings.roster_file_bytes_max, rows_max=imports.ROWS_MAX)
        report = imports.import_measures(
            db, vault, project_id=project_id, file=found, teams=_teams(db, by, "measures.write", project_id), dry_run=dry_run, by=by,
            now=cli.now(),
        )  # fmt: skip
    _told(report, as_json)


@import_app.command("cards")
def import_cards(project: Code, file: Existing, by: By, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Wage cards (工资卡), found by ID number; each bad row is named with its number and reason."""
    from app import imports
    from app.forms.cards import read_cards

    with opened() as (settings, database, vault), database.write() as db:
        project_id = _allowed(db, by, "bank.write", project)
        found = read_cards(file.read_bytes(), bytes_max=settings.roster_file_bytes_max, rows_max=imports.ROWS_MAX)
        report = imports.import_cards(db, vault, project_id=project_id, file=found, dry_run=dry_run, by=by, now=cli.now())
    _told(report, as_json)


@import_app.command("template")
def import_template(
    table: Annotated[str, typer.Argument(help="measures, cards or calendar")], file: Annotated[Path, typer.Argument(help="file to write (.xlsx)")]
) -> None:
    """Write an empty table with the headings the import reads."""
    from app.errors import BadRequest
    from app.forms import calendar, cards, measures

    empty = {"measures": measures.measures_workbook, "cards": cards.cards_workbook, "calendar": calendar.calendar_workbook}
    if table not in empty:
        raise BadRequest("form_unknown")
    file.write_bytes(empty[table](language()))
    out.print(f"written to {file}", highlight=False)


# --- papers that leave -------------------------------------------------------------------------------------------

_NEEDS = {
    "attendance": ("team", "month"), "payroll": ("sheet",), "slips": ("sheet",), "roster": (), "moves": ("from_on", "to_on"),
    "movement": ("month",), "ledger": ("year",), "account": (), "settlement": ("settlement",),
    "three-way": ("month",), "findings": (),
}  # fmt: skip


def export(
    project: Code, form: Annotated[str, typer.Argument(help=", ".join(_NEEDS))], to: Annotated[Path, typer.Argument(help="folder")], by: By,
    team: Annotated[int | None, typer.Option(help="of attendance")] = None,
    month: Annotated[str | None, typer.Option(help="of attendance, movement, three-way and findings: 2026-03")] = None,
    sheet: Annotated[int | None, typer.Option(help="of payroll and slips")] = None,
    shape: Annotated[str, typer.Option(help="of payroll: short, detail, statutory or notice")] = "detail",
    from_on: Annotated[str | None, typer.Option("--from", help="of moves: 2026-03-01")] = None,
    to_on: Annotated[str | None, typer.Option("--to", help="of moves: first day no longer told")] = None,
    year: Annotated[int | None, typer.Option(help="of ledger: 2026")] = None,
    settlement: Annotated[int | None, typer.Option(help="of settlement")] = None,
) -> None:  # fmt: skip
    """Write a paper (xlsx) into a folder, readable by nobody else; who took it is journalled."""
    import os

    from app import exports
    from app.errors import BadRequest

    if form not in _NEEDS:
        raise BadRequest("form_unknown")
    given = {"team": team, "month": month, "sheet": sheet, "from_on": from_on, "to_on": to_on, "year": year, "settlement": settlement}
    lacking = [name for name in _NEEDS[form] if given[name] is None]
    if lacking:
        raise BadRequest("form_needs", what=", ".join(f"--{name.removesuffix('_on')}" for name in lacking))
    with opened() as (settings, database, vault):
        # Worked out in a snapshot: no gate waits for a year of a thousand workers.
        with database.read() as db:
            project_id = _allowed(db, by, "exports.make", project)
            said: dict[str, Any] = {
                "attendance": lambda: {"team_id": team, "month": _month(month or "")},
                "payroll": lambda: {"sheet_id": sheet, "shape": shape},
                "slips": lambda: {"sheet_id": sheet, "verify_url": f"{settings.public_url.rstrip('/')}/v1/slips/" if settings.public_url else ""},
                "moves": lambda: {"from_on": _date(from_on or ""), "to_on": _date(to_on or "")},
                "movement": lambda: {"month": _month(month or "")},
                "ledger": lambda: {"year": year},
                "settlement": lambda: {"settlement_id": settlement},
                "three-way": lambda: {"month": _month(month or "")},
                "findings": lambda: {"month": _month(month) if month else None},
            }.get(form, dict)()
            file = getattr(exports, form.replace("-", "_"))(
                db, vault, project_id=project_id, language=language(), full=_may(db, by, "papers.write", project), by=by, now=cli.now(), **said
            )
        with database.write() as db:
            exports.note(db, file)
    path = to / file.name.replace("/", "_")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(file.content)
    out.print(str(path), highlight=False, soft_wrap=True)


@area_app.command("export")
def area_export(to: Annotated[Path, typer.Argument(help="folder")], by: By) -> None:
    """Write the list of the projects an inspector looks after (监管清单, xlsx), with the sums by town; journalled."""
    import os

    from app import access, exports

    with opened() as (_settings, database, _vault):
        with database.read() as db:
            person = access.require(access.person_of_login(db, by), "county.read")
            file = exports.county(
                db, access.inspected(db, person), area="、".join(access.areas_of(person)), language=language(), by=by, now=cli.now()
            )
        with database.write() as db:
            exports.note(db, file)
    path = to / file.name.replace("/", "_")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        target.write(file.content)
    out.print(str(path), highlight=False, soft_wrap=True)
