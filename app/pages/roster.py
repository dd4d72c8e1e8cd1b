"""The roster (名册): a page of it at a time, searched, filtered, ordered and counted by the database; and an Excel file into it.

What somebody is owed is worked out for those who are shown. Of everybody only where it is asked for: in the order of what is
owed, or of the days to decide.
"""

from dataclasses import dataclass
from datetime import date

from markupsafe import Markup
from starlette.datastructures import FormData

from app import payroll
from app import roster as rosters
from app.domain import workdays
from app.errors import BadRequest, ServiceError
from app.forms import roster as form
from app.pages import filled, lines, show
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.words import marked
from app.payroll import AccountSum
from app.store import people, timekeeping
from app.store import roster as rows
from app.wording import sentence
from app.wording.papers import ROSTER_NOTES

ROWS_A_PAGE = 50
SUMS_MAX = 300
"""Of so many people what they are owed is added up below the list; of more only when the list is about it."""
FAULTS_MAX = 200
BY_MONEY = ("undecided", "owed")
"""Orders that need everybody's account."""


@dataclass(frozen=True)
class RosterLine:
    """One worker of the roster, by his latest engagement."""

    worker_id: int
    url: str
    name: str
    team: str
    company: str
    trade: str | None
    entry_on: date
    exit_on: date | None
    """Set only when he has left."""
    has_template: bool
    has_way: bool
    rate_fen: int | None
    pay: str
    """How he is paid today; empty without terms."""
    unit: str | None
    """Of measured work."""
    lacks: tuple[str, ...]
    """Words of ``store.roster.FLAGS``."""
    day_milli: int
    """Settled man-days of this month, in thousandths."""
    undecided_days: int
    owed_fen: int


@dataclass(frozen=True)
class Choice:
    """A team or company to choose."""

    id: int
    name: str


@dataclass(frozen=True)
class LackCount:
    """How many of the people on the project lack something, and where they are listed."""

    code: str
    count: int
    url: str
    current: bool


@dataclass(frozen=True)
class RosterContext:
    """What the roster shows."""

    project_id: int = shown("The project, for links")
    own_path: str = shown("Path of this page without a query")
    on_roster: int = shown("People who have not left, also who begins later")
    total: int = shown("People the conditions leave, over all pages")
    this_month: date = shown("First day of the month whose man-days are shown")
    q: str = shown("Text searched in names and team names")
    team: int | None = shown("Id of the chosen team")
    teams: tuple[Choice, ...] = shown("Teams to choose from")
    company: int | None = shown("Id of the chosen company's role")
    companies: tuple[Choice, ...] = shown("Companies to choose from")
    trade: str = shown("The chosen trade")
    trades: tuple[str, ...] = shown("Trades to choose from")
    state: str = shown("here, left or all")
    lacks: str = shown("What those listed lack; empty for everybody")
    counts: tuple[LackCount, ...] = shown("How many lack what, of all who are here")
    undecided: bool = shown("Only workers with days to decide")
    sort: str = shown("What the rows are ordered by")
    descending: bool = shown("Largest first")
    sort_urls: dict[str, str] = shown("What can be ordered by -> address of this page in that order")
    rows: tuple[RosterLine, ...] = shown("The workers of this page of the list")
    page: int = shown("Which page of the list this is, from 1")
    pages: int = shown("How many pages the list has")
    previous_url: str = shown("Address of the page before; empty on the first")
    next_url: str = shown("Address of the next page; empty on the last")
    sums: bool = shown("What everybody listed is owed was added up")
    sum_undecided: int = shown("Days to decide of everybody listed, over all pages")
    sum_owed_fen: int = shown("Owed to everybody listed, over all pages")
    may_enrol: bool = shown("The reader works at the enrolment desk")
    may_import: bool = shown("The reader may bring an Excel file in")


def gather(ask: Ask) -> RosterContext:
    """A page of the roster."""
    query, project, db = ask.query, ask.project, ask.db
    here = f"/projects/{project.id}/workers"
    state = query.get("state", "")
    if state not in rows.STATES:
        # An older address of this page.
        state = "all" if query.get("left") == "1" else "here"
    lacks = query.get("lacks", "")
    wanted = rows.Wanted(
        ask.today,
        state,
        text=query.get("q", "").replace("\0", "").strip()[:50],
        team_id=ask.number("team"),
        company_id=ask.number("company"),
        trade=query.get("trade", "").replace("\0", "")[:50],
        lacks=lacks if lacks in (*rows.FLAGS, "any") else "",
    )
    if wanted.team_id is not None:
        ask.about("team", wanted.team_id)
    undecided = query.get("undecided") == "1"
    asked = query.get("sort", "")
    sort, descending = asked.removeprefix("-"), asked.startswith("-")
    if sort not in (*rows.ORDERS, *BY_MONEY):
        sort, descending = "team", False

    counts = rows.lacking(db, project.id, rows.Wanted(ask.today))
    total = counts["total"] if wanted == rows.Wanted(ask.today) else rows.count(db, project.id, wanted)
    ids = rows.ids(db, project.id, wanted)
    accounts: dict[int, AccountSum] = {}
    sums = undecided or sort in BY_MONEY or total <= SUMS_MAX
    if sums:
        accounts = payroll.account_sums(db, project.id, ask.now, workers=None if len(ids) > SUMS_MAX else ids)
        if undecided:
            ids = [worker for worker in ids if accounts.get(worker, _NOTHING).undecided_days]
            total = len(ids)
    pages = max(1, -(-total // ROWS_A_PAGE))
    at = min(pages, max(1, ask.number("page") or 1))
    found = _page(ask, wanted, sort, descending, at, ids, accounts, only=undecided)
    if not sums:
        accounts = payroll.account_sums(db, project.id, ask.now, workers=[row.worker_id for row in found])

    def address(**changed: object) -> str:
        now = {
            "q": wanted.text, "team": wanted.team_id, "company": wanted.company_id, "trade": wanted.trade,
            "state": "" if state == "here" else state, "lacks": wanted.lacks, "undecided": "1" if undecided else "", "sort": asked,
        }  # fmt: skip
        return with_query(here, **{**now, **changed})

    listed = [accounts.get(worker, _NOTHING) for worker in ids] if sums else []
    companies = {c.id: c.name for c in people.project_companies(db, project.id)}
    return RosterContext(
        project_id=project.id,
        own_path=here,
        on_roster=counts["total"],
        total=total,
        this_month=workdays.month_of(ask.today),
        q=wanted.text,
        team=wanted.team_id,
        teams=tuple(Choice(t.id, t.name) for t in people.teams(db, project.id)),
        company=wanted.company_id,
        companies=tuple(Choice(id_, name) for id_, name in companies.items()),
        trade=wanted.trade,
        trades=tuple(rows.trades(db, project.id)),
        state=state,
        lacks=wanted.lacks,
        counts=tuple(
            LackCount(code, counts[code], with_query(here, lacks=code), code == wanted.lacks)
            for code in ("any", *rows.FLAGS)
            if counts[code]
        ),
        undecided=undecided,
        sort=sort,
        descending=descending,
        sort_urls={
            key: address(sort=("" if descending else "-") + key if key == sort else ("-" if key in BY_MONEY else "") + key)
            for key in (*rows.ORDERS, *BY_MONEY)
        },
        rows=tuple(_line(ask, row, accounts.get(row.worker_id, _NOTHING)) for row in found),
        page=at,
        pages=pages,
        previous_url=address(page=at - 1) if at > 1 else "",
        next_url=address(page=at + 1) if at < pages else "",
        sums=sums,
        sum_undecided=sum(one.undecided_days for one in listed),
        sum_owed_fen=sum(one.owed_fen for one in listed),
        may_enrol=ask.may("enrol"),
        may_import=ask.may("papers.write"),
    )


_NOTHING = AccountSum()


def _page(
    ask: Ask, wanted: rows.Wanted, sort: str, descending: bool, at: int, ids: list[int], accounts: dict[int, AccountSum], *, only: bool
) -> list[rows.Listed]:
    """A page of them; ``only`` when ``ids`` are not all who are wanted."""
    start = (at - 1) * ROWS_A_PAGE
    if sort == "entry":
        among = ids if only else None
        return rows.rows(ask.db, ask.project.id, wanted, descending=descending, offset=start, limit=ROWS_A_PAGE, among=among)

    def by(worker: int) -> tuple[int, int, int]:
        one = accounts.get(worker, _NOTHING)
        first, second = one.undecided_days, one.owed_fen
        return (first, second, worker) if sort == "undecided" else (second, first, worker)

    if sort in BY_MONEY:
        ids = sorted(ids, key=by, reverse=descending)
    else:
        here = set(ids)
        ids = [place.worker_id for place in rows.by_name(ask.db, ask.project.id, sort) if place.worker_id in here]
        ids = ids[::-1] if descending else ids
    chosen = ids[start : start + ROWS_A_PAGE]
    place = {worker: n for n, worker in enumerate(chosen)}
    found = rows.rows(ask.db, ask.project.id, wanted, limit=ROWS_A_PAGE, among=chosen)
    return sorted(found, key=lambda row: place[row.worker_id])


def _line(ask: Ask, row: rows.Listed, owed: AccountSum) -> RosterLine:
    return RosterLine(
        worker_id=row.worker_id,
        url=f"/projects/{ask.project.id}/workers/{row.worker_id}",
        name=row.name,
        team=row.team,
        company=row.company,
        trade=row.trade,
        entry_on=row.entry_on,
        exit_on=row.exit_on if row.exit_on and row.exit_on <= ask.today else None,
        has_template=row.has_template,
        has_way=row.has_way,
        rate_fen=row.rate_fen,
        pay=row.kind or "",
        unit=row.unit,
        lacks=row.lacks,
        day_milli=owed.month_milli,
        undecided_days=owed.undecided_days,
        owed_fen=owed.owed_fen,
    )


# --- an Excel file -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FaultLine:
    """A cell or row somebody has to look at; never what it says."""

    sheet: str
    row: int
    name: str
    """Of the person, where the row says it."""
    column: str
    """Heading of the column; empty for the whole row."""
    says: str


@dataclass(frozen=True)
class CodeLine:
    """The code of a worker who came in with the file."""

    name: str
    team: str
    parts: tuple[str, ...]
    """The digits in groups, to be read out and copied."""
    qr: Markup
    """The digits as a gate's reader takes them."""


@dataclass(frozen=True)
class Column:
    """A column of the file."""

    name: str
    heading: str
    """As most files have it, for a reader of English; empty for who reads it anyway."""
    note: str
    required: bool


@dataclass(frozen=True)
class ImportContext:
    """What the page of the Excel roster shows."""

    project_id: int = shown("The project, for links")
    own_path: str = shown("Path of this page without a query")
    columns: tuple[Column, ...] = shown("What the file has, column by column")
    wrong: str = shown("Why the whole file was refused; empty otherwise")
    report: rosters.RosterReport | None = shown("What became of the rows; None before a file was sent")
    faults: tuple[FaultLine, ...] = shown("What has to be put right, in the order of the file")
    warnings: tuple[FaultLine, ...] = shown("What was perhaps not meant of rows that come in all the same")
    differences: tuple[FaultLine, ...] = shown("People who are here already and are recorded otherwise")
    more: int = shown("Faults, warnings and differences beyond those shown")
    codes: tuple[CodeLine, ...] = shown("Codes of those who came in, shown this once")
    no_calendar: bool = shown("Nobody has said yet which dates of this year are rest days: multiples earn nothing")


def show_import(ask: Ask, wrong: str = "", report: rosters.RosterReport | None = None) -> ImportContext:
    """The form, and what became of the last file."""
    english = ask.language == "en"
    # Most files have the Chinese headings, whoever reads them.
    said = {key: names[0] for key, names in form.HEADINGS.items()}
    headings = {key: f"{form.TITLES_EN[key]} ({name})" if english else name for key, name in said.items()}

    def told(faults: tuple[rosters.RosterFault, ...]) -> tuple[FaultLine, ...]:
        return tuple(
            FaultLine(one.sheet, one.row, one.name, headings.get(one.column, ""), sentence(one.code, ask.language, **one.facts))
            for one in faults[:FAULTS_MAX]
        )

    codes = report.codes if report else ()
    names = {p.worker_id: p for p in people.places(ask.db, ask.project.id)} if codes else {}
    told_of = (report.faults, report.warnings, report.differences) if report else ()
    cut = (max(0, len(each) - FAULTS_MAX) for each in told_of)
    return ImportContext(
        project_id=ask.project.id,
        own_path=f"/projects/{ask.project.id}/workers/roster",
        columns=tuple(
            Column(form.TITLES_EN[key] if english else said[key], said[key] if english else "", note[english], key in form.REQUIRED)
            for key, note in ROSTER_NOTES.items()
        ),
        wrong=wrong,
        report=report,
        faults=told(report.faults) if report else (),
        warnings=told(report.warnings) if report else (),
        differences=told(report.differences) if report else (),
        more=sum(cut),
        codes=tuple(_slip(names[c.worker_id], c.code) for c in codes),
        no_calendar=not timekeeping.calendar_knows(ask.db, ask.today),
    )


def _slip(place: people.Place, code: str) -> CodeLine:
    return CodeLine(place.name, place.team, (code[:4], code[4:8], code[8:]), show.qr(code))


def take_in(ask: Ask, values: FormData) -> Again:
    """Try the file, or enter its good rows; the answer says what became of each row."""
    act = lines.form(values, "act")
    state, project_id = ask.state, ask.project.id
    limit = state.settings.roster_file_bytes_max
    # Reading and entering a large file takes longer than a snapshot may be held.
    ask.db.rollback()
    try:
        if act not in ("try", "enter"):
            raise BadRequest("request_malformed", field="act")
        sheet = form.read_roster(filled.content(values.get("file"), limit), bytes_max=limit)
        report = rosters.import_roster_in_parts(
            state.database.write, state.vault, state.settings, project_id=project_id, sheet=sheet, dry_run=act == "try",
            now=ask.now, by=ask.person.login,
        )  # fmt: skip
    except ServiceError as error:
        if error.status >= 500:
            raise
        return Again(PAGE_IMPORT, show_import(ask, sentence(error.code, ask.language, **error.facts)), error.status)
    ask.db.rollback()
    return Again(PAGE_IMPORT, show_import(ask, report=report), 200)


_HERE = "/projects/{project_id:int}/workers"
PAGE = Page(_HERE, marked("名册"), "workers.html", "papers.read", RosterContext, gather, marked("名册"))
PAGE_IMPORT = Page(_HERE + "/roster", marked("用 Excel 导入名册"), "roster_import.html", "papers.write", ImportContext, show_import)
IMPORT = Act(_HERE + "/roster", "papers.write", take_in, alone=True)
