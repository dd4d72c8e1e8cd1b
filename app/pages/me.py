"""A worker's own pages, for a phone: his days, his wages and how they were worked out, his sheet to sign, his objections, his face.

He comes in by a code of one use, mostly out of a QR code on the officer's screen. The code stands in the address behind ``#``,
which no browser sends: it is in no log, and whoever looks at the link before him (a messenger's preview) does not use it up.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import access, objections, own
from app.domain import workdays
from app.domain.attendance import told_as
from app.domain.sheet import ItemKind, LineItem
from app.errors import ServiceError, Unusable
from app.pages import filled, lines, page
from app.pages.items import ItemPart, item_part
from app.pages.page import Act, Again, Ask, MonthChoice, Page, shown, with_query
from app.pages.shell import shell
from app.pages.words import marked
from app.payroll import MonthAccount
from app.store import people
from app.wording import notices, sentence

PAYMENTS_SHOWN = 24
MONTHS_SHOWN = 24
DAY_FIELDS = ("kind", "text", "in", "out", "out_next")
TITLE_ENTER = marked("工人登录")


@dataclass(frozen=True)
class Place:
    """A project he is on, to choose."""

    name: str
    url: str
    current: bool


@dataclass(frozen=True)
class Me:
    """Who reads, about which project."""

    project_id: int
    worker_id: int
    name: str
    project: str
    team: str
    query: str
    """Put behind every address of ours: ``?project=3``, or nothing for who is on one project."""
    places: tuple[Place, ...]
    """The projects to choose from; empty for who is on one."""


@dataclass(frozen=True)
class _Mine:
    """The same with what the reading needs."""

    me: Me
    zone: Any
    today: date

    def local(self, at: datetime | None) -> datetime | None:
        return None if at is None else workdays.local(at, self.zone)


def _mine(ask: Ask) -> _Mine:
    project_id, worker_id = access.own(ask.person, ask.number("project"))
    # The journal's line names him and his project, which are not in the address.
    ask.request.scope["muster_of"] = [(project_id, worker_id)]
    held = [m for m in ask.person.memberships if m.role is access.Role.WORKER]
    who = own.who(ask.db, project_id, worker_id)
    several = len(held) > 1
    # A line is of one project: the choice leads to the other one's sheets.
    path = "/".join(ask.request.url.path.split("/")[:3]) if ask.request.method == "GET" else "/me"
    places = tuple(
        Place(people.project(ask.db, m.project_id).name, with_query(path, project=m.project_id), m.project_id == project_id)
        for m in held if several and m.project_id is not None
    )  # fmt: skip
    me = Me(project_id, worker_id, who["name"], who["project"], who["team"], f"?project={project_id}" if several else "", places)
    policy = page.policy_of(people.project(ask.db, project_id))
    return _Mine(me, policy, workdays.work_date(ask.now, policy))


def _at(mine: _Mine, path: str, **query: object) -> str:
    """An address of ours that stays with the project he chose."""
    return with_query(path, project=mine.me.project_id if mine.me.query else None, **query)


def _months(ask: Ask, mine: _Mine, path: str, chosen: date, known: Collection[date]) -> tuple[MonthChoice, ...]:
    found = sorted({*known, workdays.month_of(mine.today), chosen}, reverse=True)[:MONTHS_SHOWN]
    return tuple(MonthChoice(m, _at(mine, path, month=f"{m:%Y-%m}"), m == chosen) for m in found)


def _month(ask: Ask, mine: _Mine) -> date:
    return filled.asked_month(ask.query.get("month", ""), workdays.month_of(mine.today))


# --- the first page ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnSite:
    """That he is on site now."""

    since: datetime
    counts_for: date
    """The work date it will count for when he has left."""
    came_today: bool
    """By the calendar; a night's stay began the day before."""
    is_today: bool
    """It counts for today."""


def _on_site(ask: Ask, mine: _Mine) -> OnSite | None:
    found = own.inside(ask.db, mine.me.project_id, mine.me.worker_id, mine.today, ask.now)
    if found is None:
        return None
    since, here = mine.local(found[1]), mine.local(ask.now).date()
    return OnSite(since, found[0], since.date() == here, found[0] == here)


@dataclass(frozen=True)
class HomeContext:
    """What a worker's first page shows."""

    me: Me = shown("Who reads, about which project")
    on_site: OnSite | None = shown("Since when he is on site; None while he is not")
    month: date = shown("The present month")
    day_milli: int = shown("Man-days of this month, without a stay that goes on")
    earned_fen: int = shown("Earned in this month so far")
    undecided: int = shown("Days of this month that somebody must decide")
    owed_fen: int = shown("Earned and not received, of all months")
    owed_before_fen: int = shown("Of that, of months before this one")
    to_sign: tuple["LineRow", ...] = shown("Lines he is asked to sign")
    waiting: int = shown("His objections that wait for an answer")
    answered: int = shown("His objections that were answered")
    has_face: bool = shown("A template of his face is kept")
    sessions: int = shown("Phones he is signed in on, this one included")


def home(ask: Ask) -> HomeContext:
    """What he earned, what he still gets, what he is asked for."""
    mine = _mine(ask)
    me = mine.me
    months = own.wages(ask.db, me.project_id, me.worker_id, ask.now)
    this = next((m for m in months if m.month == workdays.month_of(mine.today)), None)
    said = objections.of_worker(ask.db, me.project_id, me.worker_id)
    held = own.face(ask.db, me.project_id, me.worker_id, mine.today, ask.state.settings.template_days_after_exit)
    return HomeContext(
        me=me,
        on_site=_on_site(ask, mine),
        month=workdays.month_of(mine.today),
        day_milli=this.day_milli if this else 0,
        earned_fen=this.accrued_fen if this else 0,
        undecided=this.undecided_days if this else 0,
        owed_fen=sum(m.owed_fen for m in months),
        owed_before_fen=sum(m.owed_fen for m in months if m.month < workdays.month_of(mine.today)),
        to_sign=tuple(row for row in _line_rows(ask, mine) if row.to_sign),
        waiting=sum(o.state == "waiting" for o in said),
        answered=sum(o.state != "waiting" for o in said),
        has_face=held.has_template,
        sessions=access.sessions_of_worker(ask.db, me.worker_id, ask.now),
    )


# --- days ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DayRow:
    """A day of his."""

    on: date
    url: str
    state: str
    kind: str
    first_in_at: datetime | None
    last_out_at: datetime | None
    next_day: bool
    day_milli: int | None
    amount_fen: int | None
    missing: tuple[tuple[datetime, str], ...]
    """(when, why) of passages that nothing answers."""
    mark: str
    corrections: int
    objection: str
    """Where his objection to it stands; empty without one."""


@dataclass(frozen=True)
class SessionPart:
    """A stay on site."""

    in_at: datetime
    out_at: datetime
    minutes: int


@dataclass(frozen=True)
class CorrectionPart:
    """A correction of the day."""

    kind: str
    state: str
    in_at: datetime | None
    out_at: datetime | None


@dataclass(frozen=True)
class OpenedDay:
    """The day that is opened."""

    row: DayRow
    minutes: int
    overtime_minutes: int
    sessions: tuple[SessionPart, ...]
    items: tuple[ItemPart, ...]
    corrections: tuple[CorrectionPart, ...]
    objection: "ObjectionRow | None"
    may_object: bool
    back_url: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class DaysContext:
    """What the page of his days shows."""

    me: Me = shown("Who reads, about which project")
    refused: str = shown("Why what he just sent was refused; empty else")
    told: str = shown("What was done; empty else")
    months: tuple[MonthChoice, ...] = shown("Months to choose, the newest first")
    month: date = shown("The month that is shown")
    runs: bool = shown("It is the present month: its sums go on")
    on_site: OnSite | None = shown("Since when he is on site, where the running month is shown; None else")
    days: tuple[DayRow, ...] = shown("His days of the month, the newest first")
    day_milli: int = shown("Man-days of the month")
    amount_fen: int = shown("What these days earned")
    undecided: int = shown("Days that somebody must decide")
    opened: OpenedDay | None = shown("The day that is opened; None else")
    kinds: tuple[str, ...] = shown("What may be wrong with a day")
    today: date = shown("The last day there can be something to say about")


def days(ask: Ask, refused: str = "", values: Mapping[str, str] | None = None) -> DaysContext:
    """A month of days; one may be opened, and its month is the one that is shown."""
    mine = _mine(ask)
    me = mine.me
    day, wrong = _day(ask, mine)
    month = workdays.month_of(day) if day else _month(ask, mine)
    known = [m.month for m in own.wages(ask.db, me.project_id, me.worker_id, ask.now)]
    said = [o for o in objections.of_worker(ask.db, me.project_id, me.worker_id) if o.subject == "day"]
    state_of = {o.on: o.state for o in reversed(said)}
    rows = tuple(
        _day_row(ask, mine, line, state_of.get(line.work_date, ""))
        for line in reversed(own.days(ask.db, me.project_id, me.worker_id, month, ask.now))
    )
    opened = None
    if day is not None:
        row = next((r for r in rows if r.on == day), None) or _empty_day(mine, day, state_of.get(day, ""))
        opened = _opened(ask, mine, row, said, dict.fromkeys(DAY_FIELDS, "") | dict(values or {}))
    return DaysContext(
        me=me,
        refused=refused or wrong,
        told=ask.say("您的异议已提交，劳资专管员会看到并答复。") if ask.query.get("done") == "objected" else "",
        months=_months(ask, mine, "/me/days", month, known),
        month=month,
        runs=month == workdays.month_of(mine.today),
        on_site=_on_site(ask, mine) if day is None and month == workdays.month_of(mine.today) else None,
        days=rows,
        day_milli=sum(row.day_milli or 0 for row in rows),
        amount_fen=sum(row.amount_fen or 0 for row in rows),
        undecided=sum(row.state == "undecided" for row in rows),
        opened=opened,
        kinds=tuple(objections.KINDS),
        today=mine.today,
    )


def _day(ask: Ask, mine: _Mine) -> tuple[date | None, str]:
    """The day he asks for, or why there is none to open."""
    text = ask.query.get("day", "")
    try:
        day = filled.day(text, "day") if text else None
        if day is not None and day > mine.today:
            raise Unusable("correction_in_future")
    except ServiceError as error:
        return None, ask.why(error)
    return day, ""


def _day_row(ask: Ask, mine: _Mine, line: Any, objection: str) -> DayRow:
    detail = line.detail
    mark = detail.get("mark")
    first, last = mine.local(line.first_in_at), mine.local(line.last_out_at)
    return DayRow(
        on=line.work_date,
        url=_at(mine, "/me/days", month=f"{line.work_date:%Y-%m}", day=line.work_date),
        state=told_as(line.state, line.day_milli, came=first is not None),
        kind=detail["kind"] or "",
        first_in_at=first,
        last_out_at=last,
        next_day=bool(last and last.date() > line.work_date),
        day_milli=line.day_milli,
        amount_fen=line.amount_fen,
        missing=tuple((mine.local(datetime.fromisoformat(p["at"])), p["reason"]) for p in detail.get("loose", ())),
        mark=mark["kind"] if mark else "",
        corrections=len(detail.get("corrections", ())),
        objection=objection,
    )


def _empty_day(mine: _Mine, day: date, objection: str) -> DayRow:
    url = _at(mine, "/me/days", month=f"{day:%Y-%m}", day=day)
    return DayRow(day, url, "off", "", None, None, False, None, None, (), "", 0, objection)


def _opened(ask: Ask, mine: _Mine, row: DayRow, said: Sequence[objections.Objection], values: Mapping[str, str]) -> OpenedDay:
    me = mine.me
    told = own.month(ask.db, me.project_id, me.worker_id, workdays.month_of(row.on), ask.now)
    day = next((d for d in told["days"] if d["work_date"] == row.on.isoformat()), None)
    own_said = next((o for o in said if o.on == row.on), None)
    parse = lambda text: mine.local(datetime.fromisoformat(text)) if text else None  # noqa: E731
    return OpenedDay(
        row=row,
        minutes=day["minutes"] if day else 0,
        overtime_minutes=day["overtime_minutes"] if day else 0,
        sessions=tuple(SessionPart(parse(s["in_at"]), parse(s["out_at"]), s["minutes"]) for s in day["sessions"]) if day else (),
        items=tuple(item_part(ask, LineItem.from_json(item)) for item in day["items"]) if day else (),
        corrections=tuple(
            CorrectionPart(c["kind"], c["state"], parse(c["in_at"]), parse(c["out_at"]))
            for c in told["corrections"] if c["work_date"] == row.on.isoformat()
        ),
        objection=_objection_row(ask, mine, own_said) if own_said else None,
        may_object=own_said is None or own_said.state != "waiting",
        back_url=_at(mine, "/me/days", month=f"{row.on:%Y-%m}"),
        values=values,
    )  # fmt: skip


def object_to_day(ask: Ask, values: FormData) -> str | Again:
    """Say that a day is wrong."""
    mine = _mine(ask)
    written = {name: lines.form(values, name) for name in DAY_FIELDS}
    day = filled.day(lines.form(values, "day"), "day")
    try:
        # A paper whose objection is refused is not kept.
        with ask.db.begin_nested():
            into = Ask(ask.request, ask.db, ask.person, people.project(ask.db, mine.me.project_id), ask.language, ask.now)
            came = filled.clock(written["in"], day, into, "in") if written["in"] else None
            gone = filled.clock(written["out"], filled.next_day(day, values, "out_next"), into, "out") if written["out"] else None
            objections.object_to_day(
                ask.db, project_id=mine.me.project_id, worker_id=mine.me.worker_id, work_date=day, kind=written["kind"],
                text=written["text"], in_at=came, out_at=gone, evidence=filled.scan(into, values.get("scan")), by=ask.person.login,
                now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE_DAYS, days(ask, sentence(error.code, ask.language, **error.facts), written), error.status)
    return _at(mine, "/me/days", month=f"{day:%Y-%m}", day=day, done="objected")


# --- wages ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WageMonth:
    """A month of his account."""

    month: date
    url: str
    current: bool
    day_milli: int
    accrued_fen: int
    withheld_fen: int
    paid_fen: int
    owed_fen: int
    overpaid_fen: int
    undecided_days: int


@dataclass(frozen=True)
class PaymentRow:
    """Money he received."""

    paid_on: date
    for_month: date
    channel: str
    amount_fen: int


@dataclass(frozen=True)
class TermPart:
    """What was agreed."""

    kind: str
    rate_fen: int
    unit: str
    minutes_per_day: int
    overtime: str
    from_on: str


@dataclass(frozen=True)
class BesideRow:
    """An advance, a deduction or an allowance of his."""

    what: str
    """advance, deduction or allowance."""
    kind: str
    """Its word: ``deduction_kind.damage``."""
    on: date
    per: str
    """day, month or once, of an allowance."""
    until: date | None
    text: str
    """What a deduction rests on."""
    amount_fen: int
    applied_fen: int
    """Withheld on his lines of closed months."""
    counts: bool
    """False for an advance without proof: it is never taken from his wages."""


@dataclass(frozen=True)
class WagesContext:
    """What the page of his wages shows."""

    me: Me = shown("Who reads, about which project")
    months: tuple[WageMonth, ...] = shown("His account, month by month, the newest first")
    owed_fen: int = shown("Earned and not received, of all months")
    owed_before_fen: int = shown("Of that, of months before this one")
    paid_fen: int = shown("Received, of all months")
    chosen: WageMonth | None = shown("The month that is told; None when he never earned anything")
    this: date = shown("The present month: its sums go on")
    on_site: OnSite | None = shown("Since when he is on site, where the running month is told; None else")
    terms: tuple[TermPart, ...] = shown("What was agreed and priced the month")
    items: tuple[ItemPart, ...] = shown("What he earned in the month, item by item, each with how it comes about")
    withheld: tuple[ItemPart, ...] = shown("What is withheld from the month, on the lines he has been handed: adds up to what the month says")
    undecided: tuple[DayRow, ...] = shown("Days of the month that earn nothing yet, because something is missing")
    payments: tuple[PaymentRow, ...] = shown("What he was paid, the newest first")
    besides: tuple[BesideRow, ...] = shown("Advances, deductions and allowances that stand, each kind the newest first")


def _besides(ask: Ask, mine: _Mine) -> tuple[BesideRow, ...]:
    found = own.beside(ask.db, mine.me.project_id, mine.me.worker_id)
    taken = found.applied
    rows = (
        *(
            BesideRow("advance", f"advance_channel.{a.channel}", a.paid_on, "", None, "", a.amount_fen, taken.get(("advance", a.id), 0), a.proof != "none")
            for a in found.advances
        ),
        *(
            BesideRow("deduction", f"deduction_kind.{d.kind}", d.month, "", None, d.basis, d.amount_fen, taken.get(("deduction", d.id), 0), True)
            for d in found.deductions
        ),
        *(
            BesideRow("allowance", f"allowance_kind.{a.kind}", a.valid_from, a.per, a.valid_to, "", a.amount_fen, 0, True)
            for a in found.allowances
            if a.valid_to is None or a.valid_to > mine.today
        ),
    )  # fmt: skip
    order = ("advance", "deduction", "allowance")
    return tuple(sorted(rows, key=lambda row: (order.index(row.what), -row.on.toordinal())))


def wages(ask: Ask) -> WagesContext:
    """Owed, paid, still owed; and how a month was worked out."""
    mine = _mine(ask)
    me = mine.me
    account = own.wages(ask.db, me.project_id, me.worker_id, ask.now)
    this = workdays.month_of(mine.today)
    known = {m.month for m in account}
    if account and this not in known and own.engaged(ask.db, me.project_id, me.worker_id, mine.today):
        # The running month stands there from its first day on, and what is owed from before stays in sight above it.
        account = (*account, MonthAccount(this, *[0] * (len(fields(MonthAccount)) - 1)))
        known.add(this)
    month = _month(ask, mine) if ask.query.get("month") or this in known or not known else max(known)
    rows = tuple(
        WageMonth(
            m.month, _at(mine, "/me/wages", month=f"{m.month:%Y-%m}") + "#how", m.month == month, m.day_milli, m.accrued_fen,
            m.withheld_fen, m.paid_fen, m.owed_fen, m.overpaid_fen, m.undecided_days,
        )
        for m in sorted(account, key=lambda m: m.month, reverse=True)
    )  # fmt: skip
    told = own.month(ask.db, me.project_id, me.worker_id, month, ask.now)
    items = [item_part(ask, LineItem.from_json(item)) for day in told["days"] for item in day["items"]]
    items += [item_part(ask, LineItem.from_json(item)) for item in told["month_items"]]
    withheld = [
        item_part(ask, LineItem.from_json(item)) for line in told["lines"] for item in line["items"] if item["kind"] in ("deduction", "advance")
    ]
    undecided = [
        _day_row(ask, mine, line, "") for line in own.days(ask.db, me.project_id, me.worker_id, month, ask.now) if line.state == "undecided"
    ]
    return WagesContext(
        me=me,
        months=rows,
        owed_fen=sum(m.owed_fen for m in rows),
        owed_before_fen=sum(m.owed_fen for m in rows if m.month < this),
        paid_fen=sum(m.paid_fen for m in rows),
        chosen=next((row for row in rows if row.current), None),
        this=this,
        on_site=_on_site(ask, mine) if month == this else None,
        terms=tuple(
            TermPart(t["kind"], t["rate_fen"], t["unit"] or "", t["minutes_per_day"], t["overtime_rule"], t["valid_from"])
            for t in told["terms"]
        ),
        items=tuple(items),
        withheld=tuple(withheld),
        undecided=tuple(undecided),
        payments=tuple(
            PaymentRow(p.paid_on, p.for_month, p.channel, p.amount_fen)
            for p in own.payments(ask.db, me.project_id, me.worker_id)[:PAYMENTS_SHOWN]
        ),
        besides=_besides(ask, mine),
    )


# --- sheets --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LineRow:
    """A line of his."""

    id: int
    url: str
    month: date
    origin: date
    state: str
    net_fen: int
    verdict: str
    """agree or dispute; empty while he said nothing."""
    voided: bool
    deadline: date | None
    passed: bool
    """The day has passed; he may sign and object all the same."""
    to_sign: bool
    paid_fen: int
    unpaid_fen: int


def _line_rows(ask: Ask, mine: _Mine) -> list[LineRow]:
    return [_line_row(mine, one) for one in own.lines(ask.db, mine.me.project_id, mine.me.worker_id, ask.now)]


def _line_row(mine: _Mine, one: own.OwnLine) -> LineRow:
    content, word = one.line.content, one.confirmation
    return LineRow(
        id=one.line.id,
        url=_at(mine, f"/me/sheets/{one.line.id}"),
        month=one.line.month,
        origin=content.origin_month,
        state=str(one.state),
        net_fen=content.net_fen,
        verdict=str(word.verdict) if word else "",
        voided=one.voided is not None,
        deadline=one.deadline,
        passed=one.deadline is not None and one.deadline <= mine.today,
        to_sign=one.may_sign and word is None,
        paid_fen=one.paid_fen,
        unpaid_fen=one.unpaid_fen,
    )


@dataclass(frozen=True)
class SheetsContext:
    """What the list of his lines shows."""

    me: Me = shown("Who reads, about which project")
    rows: tuple[LineRow, ...] = shown("His lines on the newest sheets, the newest month first")


def sheets(ask: Ask) -> SheetsContext:
    """His months' sheets."""
    mine = _mine(ask)
    return SheetsContext(mine.me, tuple(_line_rows(ask, mine)))


@dataclass(frozen=True)
class LineContext:
    """What the page of one line shows: the form he signs."""

    me: Me = shown("Who reads, about which project")
    refused: str = shown("Why what he just sent was refused; empty else")
    told: str = shown("What was done; empty else")
    row: LineRow = shown("The line, and where it stands")
    line_hash: str = shown("The line's fingerprint: what he signs")
    day_milli: int = shown("Man-days on it")
    overtime_minutes: int = shown("Minutes of overtime on it")
    items: tuple[ItemPart, ...] = shown("What was earned, item by item")
    withheld: tuple[ItemPart, ...] = shown("What is withheld")
    gross_fen: int = shown("Earned on this line")
    withheld_fen: int = shown("Withheld on this line")
    signed_at: datetime | None = shown("When he said what he said, on the project's clock; None while he said nothing")
    method: str = shown("How he said it")
    claimed_fen: int | None = shown("What he says is right; None without a dispute")
    reason: str = shown("What he says is wrong")
    answer: str = shown("What he was answered; empty while nobody has")
    outcome: str = shown("accepted or kept; empty while nobody has answered")
    may_sign: bool = shown("He can sign now")
    may_object: bool = shown("He can say that it is wrong")
    slip_url: str = shown("Address of his wage slip; empty while the sheet is not approved")
    claimed: str = shown("The amount he typed before it was refused")
    text: str = shown("The reason he typed before it was refused")


def line(ask: Ask, refused: str = "", claimed: str = "", text: str = "") -> LineContext:
    """One line as the form he signs."""
    mine = _mine(ask)
    me = mine.me
    one = own.own_line(ask.db, me.project_id, me.worker_id, ask.id("line_id"), ask.now)
    content, word = one.line.content, one.confirmation
    done = {"signed": ask.say("您已签字，谢谢核对。"), "objected": ask.say("您的异议已提交；有异议的部分先不发，其余照发。")}
    return LineContext(
        me=me,
        refused=refused,
        told=done.get(ask.query.get("done", ""), "") if ask.request.method == "GET" else "",
        row=_line_row(mine, one),
        line_hash=one.line.line_hash,
        day_milli=content.day_milli,
        overtime_minutes=content.overtime_minutes,
        items=tuple(item_part(ask, i) for i in content.items if i.is_gross),
        withheld=tuple(item_part(ask, i) for i in content.items if i.kind in (ItemKind.DEDUCTION, ItemKind.ADVANCE)),
        gross_fen=content.gross_fen,
        withheld_fen=content.deductions_fen + content.advances_fen,
        signed_at=mine.local(word.at) if word else None,
        method=str(word.method) if word else "",
        claimed_fen=word.claimed_fen if word else None,
        reason=word.reason if word else "",
        answer=one.answer.text if one.answer else "",
        outcome=one.answer.outcome if one.answer else "",
        may_sign=one.may_sign,
        may_object=one.may_object,
        slip_url=_at(mine, f"/v1/me/slips/{one.line.id}/file", language=ask.language) if one.state == "approved" else "",
        claimed=claimed,
        text=text,
    )


def sign(ask: Ask, values: FormData) -> str | Again:
    """His signature, drawn on his phone, on exactly what he saw."""
    mine = _mine(ask)
    me, line_id = mine.me, ask.id("line_id")
    try:
        with ask.db.begin_nested():
            own.sign(
                ask.db, ask.state.vault, project_id=me.project_id, worker_id=me.worker_id, line_id=line_id,
                line_hash=lines.form(values, "line_hash"), drawn=lines.form(values, "drawn"),
                session=access.session_of(ask.db, access.token_of_request(ask.request) or ""), by=ask.person.login, now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE_LINE, line(ask, sentence(error.code, ask.language, **error.facts)), error.status)
    return _at(mine, f"/me/sheets/{line_id}", done="signed")


def object_to_line(ask: Ask, values: FormData) -> str | Again:
    """What he says is right instead, and why."""
    mine = _mine(ask)
    me, line_id = mine.me, ask.id("line_id")
    typed, text = lines.form(values, "claimed"), lines.form(values, "text")
    try:
        own.object_to_line(
            ask.db, project_id=me.project_id, worker_id=me.worker_id, line_id=line_id, line_hash=lines.form(values, "line_hash"),
            claimed_fen=filled.fen(typed), text=text, by=ask.person.login, now=ask.now,
        )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE_LINE, line(ask, sentence(error.code, ask.language, **error.facts), typed, text), error.status)
    return _at(mine, f"/me/sheets/{line_id}", done="objected")


# --- objections ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ObjectionRow:
    """One objection of his, and where it stands."""

    subject: str
    on: date
    url: str
    kind: str
    text: str
    in_at: datetime | None
    out_at: datetime | None
    net_fen: int | None
    claimed_fen: int | None
    made_at: datetime
    state: str
    step: str
    """Where the correction stands that was asked for with it; empty without one."""
    refused: str
    """Why none could be asked for; empty else."""
    papers: int
    """Photographs he sent with it."""
    answer: str
    answered_at: datetime | None


def _objection_row(ask: Ask, mine: _Mine, one: objections.Objection) -> ObjectionRow:
    day = one.subject == "day"
    return ObjectionRow(
        subject=one.subject,
        on=one.on,
        url=_at(mine, "/me/days", month=f"{one.on:%Y-%m}", day=one.on) if day else _at(mine, f"/me/sheets/{one.line_id}"),
        kind=one.kind,
        text=one.text,
        in_at=mine.local(one.in_at),
        out_at=mine.local(one.out_at),
        net_fen=one.net_fen,
        claimed_fen=one.claimed_fen,
        made_at=mine.local(one.made_at),
        state=one.state,
        step=one.correction_state,
        refused=one.correction_refused,
        papers=len(one.evidence),
        answer=one.answer.text if one.answer else "",
        answered_at=mine.local(one.answer.at) if one.answer else None,
    )


@dataclass(frozen=True)
class ObjectionsContext:
    """What the list of his objections shows."""

    me: Me = shown("Who reads, about which project")
    rows: tuple[ObjectionRow, ...] = shown("His objections, the newest first")


def objected(ask: Ask) -> ObjectionsContext:
    """What he said is wrong, and what became of it."""
    mine = _mine(ask)
    found = objections.of_worker(ask.db, mine.me.project_id, mine.me.worker_id)
    return ObjectionsContext(mine.me, tuple(_objection_row(ask, mine, one) for one in found))


# --- his face ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConsentRow:
    """Something he said about his face."""

    act: str
    scope: tuple[str, ...]
    notice: str
    method: str
    at: datetime


@dataclass(frozen=True)
class FaceContext:
    """What the page of his face data shows."""

    me: Me = shown("Who reads, about which project")
    refused: str = shown("Why what he just asked for was refused; empty else")
    withdrawn: bool = shown("He has just taken his consent back")
    code: str = shown("His new code for the gate, shown this once; empty else")
    given: bool = shown("His consent stands")
    has_template: bool = shown("A template of his face is kept")
    enrolled: tuple[datetime, int] | None = shown("When his face was enrolled, and with how many photographs; None without a template")
    photographs: int = shown("Enrolment photographs that are kept")
    days_after_exit: int = shown("Days after his last day by which everything is gone")
    history: tuple[ConsentRow, ...] = shown("Everything he said, the newest first")
    notice: tuple[tuple[str, str], ...] = shown("The notice his consent was given to: headings and texts")


def face(ask: Ask, refused: str = "", done: own.Withdrawal | None = None) -> FaceContext:
    """What is kept of his face, what he agreed to, and how he takes it back."""
    mine = _mine(ask)
    held = own.face(ask.db, mine.me.project_id, mine.me.worker_id, mine.today, ask.state.settings.template_days_after_exit)
    said = held.consent
    notice = notices.FACE.get(said.notice_version if said else notices.FACE_CURRENT)
    second = 2 if ask.language == "en" else 0
    return FaceContext(
        me=mine.me,
        refused=refused,
        withdrawn=done is not None,
        code=done.code or "" if done else "",
        given=bool(said and said.given),
        has_template=held.has_template,
        enrolled=(mine.local(held.enrolled[0]), held.enrolled[1]) if held.enrolled else None,
        photographs=held.photographs,
        days_after_exit=held.erased_by_exit_days,
        history=tuple(ConsentRow(c.act, c.scope, c.notice_version, c.method, mine.local(c.at)) for c in held.history),
        notice=tuple((p[second], p[second + 1]) for p in notice.paragraphs) if notice else (),
    )


def withdraw(ask: Ask, values: FormData) -> Again:
    """Take his consent back. It happens at once."""
    mine = _mine(ask)
    if lines.form(values, "sure") != "yes":
        return Again(PAGE_FACE, face(ask, ask.say("请先勾选“我已看清楚”。")), 400)
    try:
        done = own.withdraw(
            ask.db, ask.state.vault, project_id=mine.me.project_id, worker_id=mine.me.worker_id, by=ask.person.login, now=ask.now
        )
    except ServiceError as error:
        return Again(PAGE_FACE, face(ask, sentence(error.code, ask.language, **error.facts)), error.status)
    return Again(PAGE_FACE, face(ask, done=done), 200)


# --- coming in and going out ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class EnterContext:
    """What the page to come in by shows."""

    wrong: str = shown("Why it did not work; empty at first")
    own_days: int = shown("Days a phone of his own remembers him")
    shared_minutes: int = shown("Minutes another phone remembers him")


def _enter_page(request: Request, wrong: str = "", status: int = 200) -> Response:
    settings = request.app.state.settings
    language = page.language(request)
    context = EnterContext(wrong, round(settings.worker_phone_days), round(settings.worker_session_minutes))
    return page.render("me_enter.html", language, shell(request, title=TITLE_ENTER, language=language), context, status)


async def entrance(request: Request) -> Response:
    """The form for the code; behind ``#`` of the address it is filled in by the page's script."""
    return _enter_page(request)


async def enter(request: Request) -> Response:
    """A code becomes a session: short on a phone of others, days on his own."""
    values = await request.form()
    code, keep = lines.form(values, "code"), lines.form(values, "keep") == "own"
    settings = request.app.state.settings
    lasts = timedelta(days=settings.worker_phone_days) if keep else timedelta(minutes=settings.worker_session_minutes)
    try:
        token = await run_in_threadpool(_enter, request, code[:40], lasts)
    except ServiceError as error:
        return _enter_page(request, sentence(error.code, page.language(request), **error.facts), error.status)
    reply = page.go("/me")
    access.set_cookie(reply, settings, token, lasts, keep=keep)
    return reply


def _enter(request: Request, code: str, lasts: timedelta) -> str:
    state = request.app.state
    address = request.client.host if request.client else "unknown"
    agent = request.headers.get("user-agent", "")
    return access.sign_in_by_code(
        state.database, state.settings, code=code, address=address, lasts=lasts, agent=agent, now=page.now_of(request)
    )


def leave(ask: Ask, values: FormData) -> Response:
    """Sign out here, or on every phone."""
    if lines.form(values, "everywhere"):
        access.sign_out_everywhere(ask.db, ask.person, ask.now)
    elif token := access.token_of_request(ask.request):
        access.sign_out(ask.db, token, ask.now)
    reply: RedirectResponse = page.go("/me/enter")
    access.drop_cookie(reply, ask.state.settings)
    return reply


def _page(path: str, title: str, template: str, context: type, gather: Callable[[Ask], Any]) -> Page:
    return Page(path, title, template, "own.read", context, gather)


PAGE = _page("/me", marked("我的"), "me_home.html", HomeContext, home)
PAGE_DAYS = _page("/me/days", marked("我的考勤"), "me_days.html", DaysContext, days)
PAGE_WAGES = _page("/me/wages", marked("我的工资"), "me_wages.html", WagesContext, wages)
PAGE_SHEETS = _page("/me/sheets", marked("我的工资表"), "me_sheets.html", SheetsContext, sheets)
PAGE_LINE = _page("/me/sheets/{line_id:int}", marked("我的工资单"), "me_line.html", LineContext, line)
PAGE_OBJECTIONS = _page("/me/objections", marked("我的异议"), "me_objections.html", ObjectionsContext, objected)
PAGE_FACE = _page("/me/face", marked("我的人脸信息"), "me_face.html", FaceContext, face)
PAGES: tuple[Page, ...] = (PAGE, PAGE_DAYS, PAGE_WAGES, PAGE_SHEETS, PAGE_LINE, PAGE_OBJECTIONS, PAGE_FACE)
ACTS: tuple[Act, ...] = (
    Act("/me/days/objections", "own.write", object_to_day),
    Act("/me/sheets/{line_id:int}/sign", "own.write", sign),
    Act("/me/sheets/{line_id:int}/object", "own.write", object_to_line),
    Act("/me/face/withdraw", "own.write", withdraw),
    Act("/me/sign-out", "own.write", leave),
)
