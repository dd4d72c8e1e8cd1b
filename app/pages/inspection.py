"""The bureau's pages of a project: the three-way check, and one worker's month as a strip."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from starlette.datastructures import FormData

from app import access, inspection, oversight
from app.domain import workdays
from app.domain.attendance import told_as
from app.domain.identity import View, mask_id_number
from app.domain.sheet import ItemKind, LineItem
from app.domain.threeway import Difference, Row, teams_of
from app.errors import BadRequest, NotFound
from app.fields import read_month
from app.pages.lines import PassageLine, Reader, form
from app.pages.page import Act, Again, Ask, MonthChoice, Page, shown, with_query
from app.pages.papers import Paper, papers
from app.pages.words import marked
from app.store import bank, findings, gates, people, timekeeping
from app.wording.wages import formula

ROWS_A_PAGE = 50
DAY_ITEMS = frozenset({"base", "rest_day", "statutory_day"})
"""Wage items that count a date's man-day on a sheet; overtime is counted beside them."""


@dataclass(frozen=True)
class Bar:
    """One of three bars side by side."""

    side: str
    """gate, sheet or bank."""
    value: int
    share: int
    """Length in percent of the longest of the three."""


@dataclass(frozen=True)
class Bars:
    """Three bars of one figure."""

    kind: str
    """people, days or money."""
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class TeamLine:
    """One team, three times."""

    name: str
    url: str
    """This page with the team chosen."""
    bars: tuple[Bars, ...]
    differing: int
    red: int


@dataclass(frozen=True)
class PersonLine:
    """One worker, three times."""

    name: str
    team: str
    url: str
    gate_milli: int
    sheet_milli: int | None
    accrued_fen: int
    gross_fen: int | None
    net_fen: int | None
    paid_fen: int
    undecided: int
    differences: tuple[str, ...]
    red: bool
    at_stake_fen: int


@dataclass(frozen=True)
class KindChoice:
    """A kind of difference to choose."""

    key: str
    count: int


@dataclass(frozen=True)
class TeamChoice:
    """A team to choose."""

    id: int
    name: str


@dataclass(frozen=True)
class ThreeWayContext:
    """What the three-way check shows."""

    month: date = shown("The chosen month")
    months: tuple[MonthChoice, ...] = shown("Months to choose from, newest first")
    due_on: date = shown("The last day on which its wages are paid in time")
    is_due: bool = shown("That day has passed")
    has_sheet: bool = shown("There is a sheet for the month")
    sums: tuple[Bars, ...] = shown("People, man-days and money of the project by gate, sheet and bank")
    net_fen: int = shown("Net on the sheets: what should reach the workers")
    withheld_fen: int = shown("Deducted and taken back for advances on the sheets")
    outside_fen: int = shown("Received outside the special account")
    transit_fen: int = shown("Sent, and not answered by the bank")
    undecided: int = shown("Days nobody has decided")
    teams: tuple[TeamLine, ...] = shown("The same by team, the most red first")
    kinds: tuple[KindChoice, ...] = shown("Kinds of differences there are, with how many people")
    kind: str = shown("The chosen kind; empty for every difference, all for everybody")
    team: int | None = shown("The chosen team")
    team_choices: tuple[TeamChoice, ...] = shown("Teams to choose from")
    rows: tuple[PersonLine, ...] = shown("People of this page of the list")
    total: int = shown("People the conditions leave")
    people_total: int = shown("Everybody compared")
    page: int = shown("Which page of the list this is, from 1")
    pages: int = shown("How many pages the list has")
    previous_url: str = shown("Address of the page before; empty on the first")
    next_url: str = shown("Address of the next page; empty on the last")
    papers: tuple[Paper, ...] = shown("The check as a file to take away")
    waiting: int = shown("Findings of the month that wait for an answer")
    findings_url: str = shown("Address of those findings")


def _path(ask: Ask) -> str:
    return f"/projects/{ask.project.id}/three-way"


def _month(ask: Ask, months: list[date]) -> date:
    text = ask.query.get("month", "")
    if not text:
        # The newest month that is over: the one that is still worked in has no sheet yet.
        this = workdays.month_of(ask.today)
        return next((month for month in months if month < this), months[0])
    return read_month(text)


def gather(ask: Ask) -> ThreeWayContext:
    """The check of one month, with the people whose three sides do not agree."""
    months = inspection.months_of(ask.db, ask.project.id, ask.now)
    month = _month(ask, months)
    told = inspection.three_way(ask.db, ask.project.id, month, ask.now)
    check = told.check
    kind, team = ask.query.get("kind", ""), ask.number("team")
    wanted = Difference(kind) if kind in set(Difference) else None
    found = [
        row
        for row in (check.rows if kind == "all" else check.differing)
        if (wanted is None or wanted in row.differences) and team in (None, row.team_id)
    ]
    pages = max(1, -(-len(found) // ROWS_A_PAGE))
    at = min(pages, max(1, ask.number("page") or 1))
    here = found[(at - 1) * ROWS_A_PAGE : at * ROWS_A_PAGE]
    names = bank.names(ask.db, {row.worker_id for row in here})
    team_names = {t.id: t.name for t in people.teams(ask.db, ask.project.id)}

    def address(**changed: object) -> str:
        now = {"month": f"{month:%Y-%m}", "kind": kind, "team": team}
        return with_query(_path(ask), **{**now, **changed})

    by_team = teams_of(check)
    return ThreeWayContext(
        month=month,
        months=tuple(MonthChoice(each, address(month=f"{each:%Y-%m}", team=None), each == month) for each in sorted({*months, month}, reverse=True)),
        due_on=told.due_on,
        is_due=check.is_due,
        has_sheet=check.has_sheet,
        sums=_bars(check),
        net_fen=check.net_fen,
        withheld_fen=check.withheld_fen,
        outside_fen=check.outside_fen,
        transit_fen=check.transit_fen,
        undecided=check.undecided_days,
        teams=tuple(
            TeamLine(team_names.get(t.team_id, ask.say("没有班组")), address(team=t.team_id, kind="all"), _bars(t), t.differing, t.red)
            for t in by_team
        ),
        kinds=tuple(KindChoice(each.value, check.counts[each]) for each in Difference if each in check.counts),
        kind=kind,
        team=team,
        team_choices=tuple(TeamChoice(t.team_id, team_names[t.team_id]) for t in by_team if t.team_id in team_names),
        rows=tuple(_person(ask, row, month, names, team_names) for row in here),
        total=len(found),
        people_total=len(check.rows),
        page=at,
        pages=pages,
        previous_url=address(page=at - 1) if at > 1 else "",
        next_url=address(page=at + 1) if at < pages else "",
        waiting=len(findings.findings(ask.db, ask.project.id, month, open_only=True)),
        findings_url=with_query(f"/projects/{ask.project.id}/findings", month=f"{month:%Y-%m}", state="waiting"),
        papers=papers(ask, (marked("三方核对表"), "three-way", {"month": f"{month:%Y-%m}"})),
    )


def _bars(of: Any) -> tuple[Bars, ...]:
    found = []
    for kind, name in (("people", "people"), ("days", "day_milli"), ("money", "fen")):
        values = [(side, getattr(getattr(of, side), name)) for side in ("gate", "sheet", "bank")]
        longest = max(1, *(value for _, value in values))
        found.append(Bars(kind, tuple(Bar(side, value, max(0, value) * 100 // longest) for side, value in values)))
    return tuple(found)


def _person(ask: Ask, row: Row, month: date, names: Mapping[int, str], teams: Mapping[int, str]) -> PersonLine:
    gate, sheet, paid = row.gate, row.sheet, row.bank
    return PersonLine(
        name=names.get(row.worker_id, f"#{row.worker_id}"),
        team=teams.get(row.team_id, ""),
        url=with_query(f"{_path(ask)}/{row.worker_id}", month=f"{month:%Y-%m}"),
        gate_milli=gate.day_milli if gate else 0,
        sheet_milli=sheet.day_milli if sheet else None,
        accrued_fen=gate.accrued_fen if gate else 0,
        gross_fen=sheet.gross_fen if sheet else None,
        net_fen=sheet.net_fen if sheet else None,
        paid_fen=paid.paid_fen if paid else 0,
        undecided=gate.undecided_days if gate else 0,
        differences=tuple(each.value for each in row.differences),
        red=row.is_red,
        at_stake_fen=row.at_stake_fen,
    )


# --- one worker's month --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One date of the strip."""

    on: date
    url: str
    """This page with the date opened; empty when there is nothing behind it."""
    state: str
    """worked, undecided, present, off, or empty when nobody was seen."""
    day_milli: int | None
    sheet_milli: int | None
    """On the sheets for that date; None where the line names no dates."""
    differs: bool
    rest: bool
    opened: bool


@dataclass(frozen=True)
class SessionPart:
    """An entry and its exit."""

    in_at: datetime
    out_at: datetime
    minutes: int


@dataclass(frozen=True)
class ItemPart:
    """A wage item."""

    component: str
    formula: str
    amount_fen: int


@dataclass(frozen=True)
class OpenedDay:
    """The evidence of one date."""

    on: date
    state: str
    minutes: int
    day_milli: int | None
    sessions: tuple[SessionPart, ...]
    missing: tuple[tuple[datetime, str], ...]
    items: tuple[ItemPart, ...]
    amount_fen: int | None
    mark: str
    lines: tuple[PassageLine, ...]


@dataclass(frozen=True)
class CorrectionPart:
    """A correction of the month."""

    id: int
    on: str
    kind: str
    state: str
    reason: str
    by: str
    steps: tuple[tuple[str, str], ...]
    """(act, who)."""


@dataclass(frozen=True)
class TransferPart:
    """A transfer of a line."""

    batch_no: str
    amount_fen: int
    acts: tuple[str, ...]
    results: tuple[tuple[str, str, str], ...]
    """(status, code, date) as the bank said."""


@dataclass(frozen=True)
class LinePart:
    """A line of a sheet."""

    id: int
    sheet_url: str
    sheet_month: str
    version: int
    state: str
    day_milli: int
    gross_fen: int
    withheld_fen: int
    net_fen: int
    is_true: bool
    verdict: str
    """The worker's word; empty without one."""
    method: str
    said_at: datetime | None
    claimed_fen: int | None
    hash: str
    transfers: tuple[TransferPart, ...]


@dataclass(frozen=True)
class FindingPart:
    """A finding about him."""

    severity: str
    title: str
    sentence: str
    state: str
    url: str


@dataclass(frozen=True)
class Share:
    """A part of what he earned: where the money is."""

    kind: str
    """paid, withheld or unpaid."""
    fen: int
    share: int
    """Percent of the whole."""


@dataclass(frozen=True)
class StripContext:
    """What a worker's strip shows."""

    worker_id: int = shown("The worker, for links")
    project_id: int = shown("The project, for links")
    name: str = shown("The worker's name")
    id_number: str = shown("ID number, masked for the reader")
    team: str = shown("The team he is in")
    trade: str = shown("The trade he works in")
    month: date = shown("The month that is shown")
    months: tuple[MonthChoice, ...] = shown("Months to choose from, newest first")
    back_url: str = shown("Address of the project's check of the month")
    person: PersonLine = shown("His row of the check")
    due_on: date = shown("The last day on which the month is paid in time")
    is_due: bool = shown("That day has passed")
    shares: tuple[Share, ...] = shown("What he earned, in parts: paid, withheld, not paid")
    cells: tuple[Cell, ...] = shown("Every date of the month")
    opened: OpenedDay | None = shown("The date whose evidence is shown")
    month_items: tuple[ItemPart, ...] = shown("Wage items of the whole month")
    terms: tuple[dict[str, Any], ...] = shown("Terms the wages rest on")
    corrections: tuple[CorrectionPart, ...] = shown("Corrections of the month, whatever became of them")
    lines: tuple[LinePart, ...] = shown("Lines of the newest sheets, with signature and transfers")
    payments: tuple[Any, ...] = shown("Payments for the month; facts.Payment")
    findings: tuple[FindingPart, ...] = shown("Findings about him and the month")
    may_reveal: bool = shown("The reader may see his numbers in full, for a purpose")
    purposes: tuple[str, ...] = shown("What they may be looked at for")
    revealed: inspection.Identity | None = shown("His numbers in full, once, after the purpose was given")
    may_code: bool = shown("The reader may make a code with which he signs in")
    code: str = shown("Such a code, once; empty otherwise")
    code_until: datetime | None = shown("Until when the code is good")
    wrong: str = shown("Why something was refused; empty otherwise")


def strip(
    ask: Ask, *, revealed: inspection.Identity | None = None, code: tuple[str, datetime] | None = None, wrong: str = ""
) -> StripContext:
    """Everything one worker's month rests on, on one screen."""
    project, worker_id = ask.project, ask.id("worker_id")
    months = inspection.months_of(ask.db, project.id, ask.now)
    month = _month(ask, months)
    told = inspection.strip(ask.db, project.id, worker_id, month, ask.now)
    known = people.workers(ask.db, project.id, today=ask.today, worker_id=worker_id)
    names = bank.names(ask.db, {worker_id})
    row = known[-1] if known else None
    here = f"{_path(ask)}/{worker_id}"
    team_names = {t.id: t.name for t in people.teams(ask.db, project.id)}
    person = _person(ask, told.row, month, names, team_names)
    chosen = ask.query.get("day", "")
    days = {day["work_date"]: day for day in told.days}
    return StripContext(
        worker_id=worker_id,
        project_id=project.id,
        name=person.name,
        id_number=_id_number(ask, row),
        team=row.team_name if row else person.team,
        trade=(row.trade or "") if row else "",
        month=month,
        months=tuple(MonthChoice(m, with_query(here, month=f"{m:%Y-%m}"), m == month) for m in sorted({*months, month}, reverse=True)),
        back_url=with_query(_path(ask), month=f"{month:%Y-%m}"),
        person=person,
        due_on=told.due_on,
        is_due=told.is_due,
        shares=_shares(told.row),
        cells=_cells(ask, here, month, days, told.lines, chosen),
        opened=_opened(ask, days[chosen], told.row.worker_id) if chosen in days else None,
        month_items=tuple(_item(ask, item) for item in told.month_items),
        terms=told.terms,
        corrections=tuple(
            CorrectionPart(
                c["id"], c["work_date"], c["kind"], c["state"], c["reason"], c["requested_by"],
                tuple((step["act"], step["by"]) for step in c["steps"]),
            )
            for c in told.corrections
        ),
        lines=tuple(_line(ask, line) for line in told.lines),
        payments=told.payments,
        findings=tuple(
            FindingPart(f.severity, *oversight.told(f, ask.language), f.state, f"/projects/{project.id}/findings?finding={f.id}#f-{f.id}")
            for f in told.findings
        ),
        may_reveal=ask.may("identity.reveal"),
        purposes=inspection.PURPOSES,
        revealed=revealed,
        may_code=ask.may("papers.write"),
        code=code[0] if code else "",
        code_until=workdays.local(code[1], ask.policy) if code else None,
        wrong=wrong,
    )  # fmt: skip


def reveal(ask: Ask, values: FormData) -> Again:
    """His numbers in full, on this one page, after a purpose was given; it is journalled in the same transaction."""
    try:
        found = inspection.reveal(
            ask.db, ask.state.vault, project_id=ask.project.id, worker_id=ask.id("worker_id"), purpose=form(values, "purpose"),
            note=form(values, "note"), by=ask.person.login, now=ask.now,
        )  # fmt: skip
    except BadRequest as error:
        return Again(PAGE_STRIP, strip(ask, wrong=ask.why(error)), error.status)
    return Again(PAGE_STRIP, strip(ask, revealed=found), 200)


def issue_code(ask: Ask, values: FormData) -> Again:
    """A code of one use for the worker at the desk; shown once."""
    del values
    made = access.issue_code(ask.db, ask.person, project_id=ask.project.id, worker_id=ask.id("worker_id"), now=ask.now)
    return Again(PAGE_STRIP, strip(ask, code=made), 200)


def _id_number(ask: Ask, row: Any) -> str:
    if row is None:
        return ""
    number = ask.state.vault.open(
        row.id_number_sealed, table="worker", column="id_number_sealed", owner=row.id_number_index
    ).decode()
    view = View.BUREAU if access.view_of(ask.person, ask.project) == "bureau" else View.PROJECT
    return mask_id_number(number, view)


def _shares(row: Row) -> tuple[Share, ...]:
    accrued = row.gate.accrued_fen if row.gate else 0
    paid = max(0, row.bank.paid_fen if row.bank else 0)
    withheld = row.sheet.withheld_fen if row.sheet else 0
    parts = (("paid", paid), ("withheld", withheld), ("unpaid", max(0, accrued - paid - withheld)))
    whole = sum(fen for _, fen in parts)
    return tuple(Share(kind, fen, fen * 100 // whole) for kind, fen in parts if fen) if whole else ()


def _cells(
    ask: Ask, here: str, month: date, days: Mapping[str, dict[str, Any]], lines: tuple[dict[str, Any], ...], chosen: str
) -> tuple[Cell, ...]:
    end = workdays.next_month(month)
    calendar = timekeeping.calendar(ask.db, month, end)
    # Only where the line counts man-days by date; a monthly wage or measured work has no date of its own.
    items = [LineItem.from_json(item) for line in lines for item in line["items"]]
    dated = [i for i in items if i.work_date and i.code in DAY_ITEMS and i.unit == "milli_day" and i.per == 1000]
    on_sheet: dict[date, int] = {}
    for item in dated:
        on_sheet[item.work_date] = on_sheet.get(item.work_date, 0) + (-item.quantity if item.takes_back else item.quantity)
    found, day = [], month
    while day < end:
        text = day.isoformat()
        told = days.get(text)
        milli = told["day_milli"] if told else None
        found.append(
            Cell(
                on=day,
                url=with_query(here, month=f"{month:%Y-%m}", day=text) if told else "",
                state=told_as(told["state"], milli, came=bool(told["sessions"])) if told else "",
                day_milli=milli,
                sheet_milli=on_sheet.get(day),
                differs=bool(dated) and (milli or 0) != on_sheet.get(day, 0),
                rest=not calendar[day].is_work if day in calendar else day.weekday() > 4,
                opened=text == chosen,
            )
        )
        day += timedelta(days=1)
    return tuple(found)


def _opened(ask: Ask, day: dict[str, Any], worker_id: int) -> OpenedDay:
    reader = Reader(
        ask.db, ask.project.id, ask.policy, today=ask.today, view="bureau", links=False, language=ask.language
    )
    told = [p["id"] for part in (*day["sessions"], *day["loose"]) for p in part["passages"]]
    records = []
    for passage_id in dict.fromkeys(told):
        try:
            records.append(gates.passage(ask.db, ask.project.id, passage_id))
        except NotFound:
            continue
    local = lambda text: workdays.local(datetime.fromisoformat(text), ask.policy)  # noqa: E731
    return OpenedDay(
        on=date.fromisoformat(day["work_date"]),
        state=told_as(day["state"], day["day_milli"], came=bool(day["sessions"])),
        minutes=day["minutes"],
        day_milli=day["day_milli"],
        sessions=tuple(SessionPart(local(s["in_at"]), local(s["out_at"]), s["minutes"]) for s in day["sessions"]),
        missing=tuple((local(p["at"]), p["reason"]) for p in day["loose"]),
        items=tuple(_item(ask, item) for item in day["items"]),
        amount_fen=day["amount_fen"],
        mark=day["mark"]["kind"] if day["mark"] else "",
        lines=reader.lines(sorted(records, key=lambda r: r.occurred_at)),
    )


def _item(ask: Ask, item: dict[str, Any]) -> ItemPart:
    told = LineItem.from_json(item)
    how = "" if told.kind is not ItemKind.WAGE else formula(told, ask.language)
    return ItemPart(told.code, how, told.amount_fen)


def _line(ask: Ask, line: dict[str, Any]) -> LinePart:
    said = line["confirmation"]
    return LinePart(
        id=line["id"],
        sheet_url=f"/projects/{ask.project.id}/payroll/{line['sheet_id']}#l-{line['id']}",
        sheet_month=line["month"][:7],
        version=line["version"],
        state=line["state"],
        day_milli=line["day_milli"],
        gross_fen=line["gross_fen"],
        withheld_fen=line["deductions_fen"] + line["advances_fen"],
        net_fen=line["net_fen"],
        is_true=line["is_true"],
        verdict=said["verdict"] if said else "",
        method=said["method"] if said else "",
        said_at=workdays.local(datetime.fromisoformat(said["at"]), ask.policy) if said else None,
        claimed_fen=said["claimed_fen"] if said else None,
        hash=line["line_hash"],
        transfers=tuple(
            TransferPart(
                t["batch_no"], t["amount_fen"], tuple(t["batch_acts"]),
                tuple((r["status"], r["code"] or "", r["on"]) for r in t["results"]),
            )
            for t in line["transfers"]
        ),
    )  # fmt: skip


PAGE = Page(
    "/projects/{project_id:int}/three-way", marked("三方核对"), "three_way.html", "wages.read", ThreeWayContext, gather, marked("三方核对")
)
PAGE_STRIP = Page(
    "/projects/{project_id:int}/three-way/{worker_id:int}", marked("工人一月"), "strip.html", "wages.read", StripContext, strip
)
REVEAL = Act("/projects/{project_id:int}/three-way/{worker_id:int}/identity", "identity.reveal", reveal)
CODE = Act("/projects/{project_id:int}/three-way/{worker_id:int}/code", "papers.write", issue_code)
