"""Leave and stoppage (请假停工): the marks of a month, one recorded for the whole project, a team or a worker, or voided."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from starlette.datastructures import FormData

from app import timekeeping
from app.domain.facts import MarkKind
from app.domain.workdays import local, month_of, next_month
from app.errors import BadRequest, ServiceError, Unusable
from app.pages import corrections, filled, lines
from app.pages.filled import asked_month
from app.pages.page import ID_MAX, Act, Again, Ask, Page, shown, whole_number, with_query
from app.pages.words import marked
from app.store import accounts, people, sheets, terms
from app.store import roster as rosters
from app.store import timekeeping as held
from app.store.timekeeping import MarkInfo

ROWS_MAX = 300
KINDS = tuple(str(kind) for kind in MarkKind)
FIELDS = ("of", "kind", "first", "last", "pay", "note")
WHOLE = "project"
"""Word of the form for the whole project; ``team-3`` and ``worker-12`` are the others."""
_OF = re.compile(r"project|(team|worker)-([0-9]{1,19})")
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]))?")
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class MarkRow:
    """A mark, ready to be shown."""

    id: int
    name: str
    """The worker's or the team's; empty for the whole project."""
    team: str
    """Of a worker; empty else."""
    kind: str
    first: date
    last: date
    days: int
    pay: str
    """Per cent of a day's wage that is paid all the same; empty for none."""
    note: str
    papers: tuple[str, ...]
    """Addresses of the evidence."""
    by: str
    at: datetime
    """On the project's own clock."""
    voided_by: str
    """Empty while it holds."""
    voided_at: datetime | None
    void_reason: str
    may_void: bool
    url: str
    """Where it stands in the list of its first month."""


@dataclass(frozen=True)
class Choice:
    """Of whom a mark may be."""

    value: str
    label: str


@dataclass(frozen=True)
class MarkForm:
    """The form that records a mark."""

    choices: tuple[Choice, ...]
    """Of whom; empty where that is said already (``of``)."""
    of: str
    kind: str
    first: str
    last: str
    pay: str
    note: str
    month: date
    back: date | None
    """The day of a worker's to come back to; None for the list."""


@dataclass(frozen=True)
class MarksContext:
    """What the page of leave and stoppage shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just recorded or voided was refused; empty else")
    month: date = shown("The month whose marks are listed")
    state: str = shown("Where its wage month stands: open, locked or closed")
    rows: tuple[MarkRow, ...] = shown("The marks that touch the month, by date; voided ones, too")
    more: int = shown("How many more there are than are listed")
    holding: int = shown("How many of them hold")
    voiding: int = shown("The one whose voiding was refused; 0 else")
    typed: str = shown("The reason that was typed for it")
    form: MarkForm | None = shown("The form to record one; None for readers who may not")
    kinds: tuple[str, ...] = shown("Kinds of marks")


def path(project_id: int, **query: object) -> str:
    """Address of the page."""
    return with_query(f"/projects/{project_id}/marks", **query)


def gather(
    ask: Ask, refused: str = "", values: dict[str, str] | None = None, voiding: int = 0, typed: str = ""
) -> MarksContext:
    """The marks of a month, and the form."""
    db, project = ask.db, ask.project
    month = asked_month(ask.query.get("month", ""), month_of(_first_of(ask) or ask.today))
    found = held.mark_rows(db, project.id, month, next_month(month))
    rows = rows_of(ask, found)
    return MarksContext(
        project_id=project.id,
        refused=refused,
        month=month,
        state=sheets.period_state(db, project.id, month),
        rows=rows[:ROWS_MAX],
        more=max(0, len(rows) - ROWS_MAX),
        holding=sum(not row.voided_by for row in rows),
        voiding=voiding,
        typed=typed,
        form=_form(ask, month, values or {}) if ask.may("marks.write") else None,
        kinds=KINDS,
    )


def _first_of(ask: Ask) -> date | None:
    """First day of the mark the address names; None for none."""
    named = ask.number("mark")
    return held.mark_from(ask.db, ask.project.id, named) if named is not None else None


def of_day(ask: Ask, worker_id: int, team_id: int | None, on: date) -> tuple[MarkRow, ...]:
    """The marks of one day that are about a worker: his own, his team's and the whole project's."""
    found = held.mark_rows(ask.db, ask.project.id, on, on + _A_DAY)
    return rows_of(
        ask, [m for m in found if m.worker_id == worker_id or (m.worker_id is None and m.team_id in (None, team_id))]
    )


def rows_of(ask: Ask, found: Collection[MarkInfo]) -> tuple[MarkRow, ...]:
    """Marks by name, with who voided them."""
    db, project = ask.db, ask.project
    if not found:
        return ()
    voids = terms.voidings(db, "day_mark", [m.id for m in found])
    whose = {m.worker_id for m in found} - {None}
    places = {
        place.worker_id: place
        for place in (rosters.by_name(db, project.id) if len(whose) > 1 else [people.place_of(db, project.id, one) for one in whose])
        if place is not None
    }
    teams = {team.id: team.name for team in people.teams(db, project.id)}
    names = accounts.names(db, {m.recorded_by for m in found} | {void.by for void in voids.values()})
    rows = []
    for one in found:
        place, void = places.get(one.worker_id), voids.get(one.id)
        named = place.name if place else f"#{one.worker_id}"
        rows.append(
            MarkRow(
                id=one.id,
                name=named if one.worker_id is not None else teams.get(one.team_id, ""),
                team=place.team if place else "",
                kind=one.kind,
                first=one.from_on,
                last=one.to_on - _A_DAY,
                days=(one.to_on - one.from_on).days,
                pay=f"{one.pay_permille / 10:g}" if one.pay_permille else "",
                note=one.note,
                papers=tuple(f"/v1/projects/{project.id}/evidence/{each}" for each in one.evidence) if ask.may("corrections.read") else (),
                by=names.get(one.recorded_by, one.recorded_by),
                at=local(one.recorded_at, ask.policy),
                voided_by=names.get(void.by, void.by) if void else "",
                voided_at=local(void.at, ask.policy) if void else None,
                void_reason=void.reason if void else "",
                may_void=void is None and ask.may("marks.write"),
                url=path(project.id, month=f"{one.from_on:%Y-%m}") + f"#m-{one.id}",
            )
        )
    return tuple(rows)


# --- recording -----------------------------------------------------------------------------------------------


def _form(ask: Ask, month: date, values: dict[str, str]) -> MarkForm:
    choices = [Choice(WHOLE, ask.say("全工地"))]
    choices += [Choice(f"team-{team.id}", team.name) for team in people.teams(ask.db, ask.project.id)]
    of = values.get("of", "")
    match = _OF.fullmatch(of)
    if match and match[1] == "worker" and int(match[2]) <= ID_MAX:
        # A worker is chosen in the month grid; refused, he stays chosen.
        place = people.place_of(ask.db, ask.project.id, int(match[2]))
        choices += [Choice(of, f"{place.name} · {place.team}")] if place else []
    return MarkForm(
        choices=tuple(choices),
        of=of,
        kind=values.get("kind") or str(MarkKind.RAIN),
        first=values.get("first") or f"{ask.today if month_of(ask.today) == month else month}",
        last=values.get("last") or f"{ask.today if month_of(ask.today) == month else month}",
        pay=values.get("pay", "0"),
        note=values.get("note", ""),
        month=month,
        back=None,
    )


def form_of(worker_id: int, on: date) -> MarkForm:
    """The form for one worker, from one day on."""
    return MarkForm((), f"worker-{worker_id}", str(MarkKind.LEAVE), f"{on}", f"{on}", "0", "", month_of(on), on)


def add(ask: Ask, values: FormData) -> str | Again:
    """Record a mark, with the paper it rests on."""
    written = {name: lines.form(values, name) for name in FIELDS}
    try:
        # A paper whose mark is refused is not kept.
        with ask.db.begin_nested():
            said = _said(written)
            timekeeping.add_mark(
                ask.db, project_id=ask.project.id, **said, note=written["note"], evidence=filled.scan(ask, values.get("scan")),
                by=ask.person.login, now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), written), error.status)
    return _back(ask, values, said.get("worker_id"), said["from_on"], "mark_kept")


def _said(written: dict[str, str]) -> dict:
    """What the fields of the form say.

    Raises:
        BadRequest: ``request_malformed``.
        Unusable: ``mark_pay_wrong``, ``date_out_of_range``, ``dates_wrong``.
    """
    match = _OF.fullmatch(written["of"])
    if match is None or int(match[2] or 0) > ID_MAX:
        raise BadRequest("request_malformed", field="of")
    percent = _PERCENT.fullmatch(written["pay"].strip())
    permille = int(percent[1]) * 10 + int(percent[2] or 0) if percent else -1
    if not 0 <= permille <= 1000:
        raise Unusable("mark_pay_wrong")
    said = {
        "kind": written["kind"], "from_on": filled.day(written["first"], "first"), "pay_permille": permille,
        "to_on": filled.day(written["last"], "last") + _A_DAY,
    }  # fmt: skip
    if match[1]:
        said[f"{match[1]}_id"] = int(match[2])
    return said


def _back(ask: Ask, values: FormData, worker_id: int | None, on: date | None, done: str) -> str:
    """The worker's day the form stood on, or the list."""
    day = corrections.asked_day(lines.form(values, "back"))
    if day and worker_id is not None:
        return with_query(f"/projects/{ask.project.id}/grid/{worker_id}", day=day, done=done)
    month = f"{on:%Y-%m}" if on else ask.query.get("month", "")
    return path(ask.project.id, month=month, done=done)


# --- voiding -------------------------------------------------------------------------------------------------


def void(ask: Ask, values: FormData) -> str | Again:
    """Void a mark that was a mistake."""
    mark_id, reason = filled.number(values, "id"), lines.form(values, "reason")
    try:
        with ask.db.begin_nested():
            timekeeping.void_mark(
                ask.db, project_id=ask.project.id, mark_id=mark_id, reason=reason, by=ask.person.login, now=ask.now
            )
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), voiding=mark_id, typed=reason), error.status)
    return _back(ask, values, whole_number(lines.form(values, "worker")), None, "mark_voided")


PAGE = Page(
    "/projects/{project_id:int}/marks", marked("请假停工"), "marks.html", "attendance.read", MarksContext, gather, marked("请假停工")
)
ADD = Act("/projects/{project_id:int}/marks/new", "marks.write", add)
VOID = Act("/projects/{project_id:int}/marks/void", "marks.write", void)
