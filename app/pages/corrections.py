"""Corrections (补卡): what waits and for whom, one asked for out of a worker's day, agreed to or refused."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from starlette.datastructures import FormData

from app import access, projection, timekeeping
from app.domain.attendance import told_as
from app.domain.facts import CorrectionKind
from app.domain.workdays import EARLIEST, LATEST, local, month_of
from app.errors import BadRequest, Forbidden, ServiceError, Unusable
from app.pages import filled, lines
from app.pages.filled import asked_month
from app.pages.page import Act, Again, Ask, ListChoice, Page, shown, with_query
from app.pages.words import marked
from app.store import accounts, gates, people
from app.store import projection as projected
from app.store import roster as rosters
from app.store.timekeeping import CorrectionInfo
from app.wording import name as name_of
from app.wording import sentence

ROWS_MAX = 300
AT_ONCE = 200
REASONS = tuple(reason for reason in timekeeping.REASONS if reason != timekeeping.BY_THE_GUARD)
KINDS = tuple(str(kind) for kind in CorrectionKind)
STATES = ("approved", "rejected", "withdrawn")
WORDS = {"leader_ok": "corrections.leader", "officer_ok": "corrections.officer", "withdrawn": "corrections.request"}
"""What is said -> who may say it; to refuse one may be either the leader or the officer."""
STAND_IN = "corrections.stand_in"


@dataclass(frozen=True)
class Said:
    """One step of a correction, by name."""

    act: str
    stood_in: bool
    """He said it in place of whose word it is."""
    name: str
    at: datetime
    """On the project's own clock."""
    note: str


@dataclass(frozen=True)
class CorrectionRow:
    """A correction, ready to be shown."""

    id: int
    name: str
    team: str
    day: date
    day_url: str
    """The worker's day; empty for readers who do not see wages."""
    kind: str
    asks: str
    """What is asked for: times, hours, the number of a passage."""
    reason: str
    note: str
    papers: tuple[str, ...]
    """Addresses of the evidence this reader may open."""
    sealed: int
    """Papers that he may not open."""
    asked_by: str
    asked_at: datetime
    """On the project's own clock."""
    steps: tuple[Said, ...]
    state: str
    awaits: str
    """Whose word it waits for, as ``timekeeping.Awaited.who``; empty when it was decided."""
    agrees: str
    """The word with which this reader can agree; empty when it is not his turn."""
    may_refuse: bool
    may_withdraw: bool


@dataclass(frozen=True)
class Someone:
    """A worker one may ask for."""

    id: int
    label: str


@dataclass(frozen=True)
class SeenPassage:
    """A passage of the day, to strike out."""

    id: int
    label: str


@dataclass(frozen=True)
class AskForm:
    """The form that asks for a correction."""

    workers: tuple[Someone, ...]
    worker_id: int | None
    day: date
    day_max: date
    kind: str
    seen: str
    """What the gates saw of that day, in a sentence; empty without a worker."""
    day_url: str
    passages: tuple[SeenPassage, ...]
    evidence_needed: bool
    late: str
    """Why a correction of this kind is refused by now, whatever is filled in; empty else."""
    values: dict[str, str]
    """What was filled in before it was refused."""


@dataclass(frozen=True)
class CorrectionsContext:
    """What the page of corrections shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just asked for was refused; empty else")
    choices: tuple[ListChoice, ...] = shown("Lists to choose: what waits, and what became of those of a month")
    state: str = shown("The list that is shown; empty: those that wait")
    month: date = shown("The month whose decided ones are listed")
    rows: tuple[CorrectionRow, ...] = shown("The corrections of the list; those that wait for this reader first")
    more: int = shown("How many more there are than are listed")
    mine: int = shown("How many wait for this reader")
    waits: int = shown("How many wait for anybody")
    form: AskForm | None = shown("The form to ask for one; None for readers who may not")
    kinds: tuple[str, ...] = shown("Kinds of corrections")
    reasons: tuple[str, ...] = shown("Reasons one may give")


def path(project_id: int, **query: object) -> str:
    """Address of the page, with the form filled for a worker and a day where given."""
    return with_query(f"/projects/{project_id}/corrections", **query)


def gather(ask: Ask, refused: str = "", values: dict[str, str] | None = None) -> CorrectionsContext:
    """The list, and the form."""
    db, project = ask.db, ask.project
    teams = access.teams_of(db, ask.person, project)
    state = ask.query.get("state", "")
    state = state if state in STATES else ""
    month = asked_month(ask.query.get("month", ""), month_of(ask.today))
    waiting = timekeeping.pending(db, project.id, None, teams)
    of_month = timekeeping.of_month(db, project.id, month, teams)
    found = [c for c in of_month if c.state == state][::-1] if state else list(waiting)
    reach = _Reach(ask)
    reach.look_up([*found, *waiting])
    rows = _rows(ask, found, reach)
    if not state:
        rows.sort(key=lambda row: not row.agrees)
    count = {each: sum(c.state == each for c in of_month) for each in STATES}
    return CorrectionsContext(
        project_id=project.id,
        refused=refused,
        choices=(
            ListChoice(ask.say("待办"), len(waiting), path(project.id, month=f"{month:%Y-%m}"), not state),
            *(ListChoice(_state(ask, s), count[s], path(project.id, state=s, month=f"{month:%Y-%m}"), s == state) for s in STATES),
        ),
        state=state,
        month=month,
        rows=tuple(rows[:ROWS_MAX]),
        more=max(0, len(rows) - ROWS_MAX),
        mine=sum(bool(row.agrees) for row in rows) if not state else sum(bool(reach.agrees(c)) for c in waiting),
        waits=len(waiting),
        form=_form(ask, values or {}) if ask.may("corrections.request") else None,
        kinds=KINDS,
        reasons=REASONS,
    )


def _state(ask: Ask, state: str) -> str:
    return name_of(f"correction_state.{state}", ask.language)


class _Reach:
    """Which corrections this reader may say something to, and what."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self._team: dict[int, int] = {}
        self.awaited: dict[int, timekeeping.Awaited] = {}
        self.teams = {
            action: access.teams_of(ask.db, ask.person, ask.project, action) if ask.may(action) else frozenset()
            for action in WORDS.values()
        }

    def look_up(self, found: Collection[CorrectionInfo]) -> None:
        """Learn the teams of many at once, and whose words they wait for."""
        self.awaited |= timekeeping.awaited(self.ask.db, self.ask.project.id, found)
        if any(self.teams.values()):
            self._team |= timekeeping.teams_of(self.ask.db, self.ask.project.id, found)

    def _may(self, action: str, one: CorrectionInfo) -> bool:
        teams = self.teams[action]
        return teams is None or (bool(teams) and self._team[one.id] in teams)

    def agrees(self, one: CorrectionInfo) -> str:
        """The word with which he can agree now; empty when it is not his turn, or he asked or agreed himself."""
        me = self.ask.person.login
        if one.requested_by == me:
            return ""
        if one.id in self.awaited and me in self.awaited[one.id].stand_ins and self.ask.may(STAND_IN):
            return "agree"
        if any(step.by == me for step in one.steps):
            return ""
        word = {"requested": "leader_ok", "leader_ok": "officer_ok"}.get(one.state, "")
        return word if word and self._may(WORDS[word], one) else ""

    def refuses(self, one: CorrectionInfo) -> bool:
        """He may refuse it."""
        if one.state not in ("requested", "leader_ok") or one.requested_by == self.ask.person.login:
            return False
        return self._may("corrections.officer", one) or self._may("corrections.leader", one)

    def withdraws(self, one: CorrectionInfo) -> bool:
        """He asked for it and may take it back."""
        return (
            one.state in ("requested", "leader_ok") and one.requested_by == self.ask.person.login
            and self._may("corrections.request", one)
        )  # fmt: skip


def _rows(ask: Ask, found: Collection[CorrectionInfo], reach: _Reach) -> list[CorrectionRow]:
    db, project = ask.db, ask.project
    roster = {row.worker_id: row for row in rosters.by_name(db, project.id)}
    names = accounts.names(db, {c.requested_by for c in found} | {s.by for c in found for s in c.steps})
    whole = access.teams_of(db, ask.person, project) is None
    days = ask.may("wages.read")
    rows = []
    for one in found:
        row = roster.get(one.worker_id)
        opens = one.evidence if whole or one.requested_by == ask.person.login else ()
        rows.append(
            CorrectionRow(
                id=one.id,
                name=row.name if row else f"#{one.worker_id}",
                team=row.team if row else "",
                day=one.work_date,
                day_url=day_url(ask, one.worker_id, one.work_date) if days else "",
                kind=str(one.kind),
                asks=asks_for(ask, one),
                reason=one.reason,
                note=one.note,
                papers=tuple(f"/v1/projects/{project.id}/evidence/{each}" for each in opens),
                sealed=len(one.evidence) - len(opens),
                asked_by=names.get(one.requested_by, one.requested_by),
                asked_at=local(one.requested_at, ask.policy),
                steps=tuple(Said(s.act, bool(s.stood_in_as), names.get(s.by, s.by), local(s.at, ask.policy), s.note) for s in one.steps),
                state=one.state,
                awaits=reach.awaited[one.id].who if one.id in reach.awaited else "",
                agrees=reach.agrees(one),
                may_refuse=reach.refuses(one),
                may_withdraw=reach.withdraws(one),
            )
        )
    return rows


def day_url(ask: Ask, worker_id: int, on: date) -> str:
    """A worker's page with one day opened."""
    return with_query(f"/projects/{ask.project.id}/workers/{worker_id}", month=f"{on:%Y-%m}", day=on) + f"#d-{on}"


def asks_for(ask: Ask, one: CorrectionInfo) -> str:
    """What a correction asks for: times, hours, the number of a passage."""
    def at(instant: datetime) -> str:
        there = local(instant, ask.policy)
        return f"{there:%H:%M}" if there.date() == one.work_date else f"{there:%m-%d %H:%M}"

    if one.minutes is not None and one.day_milli is not None:
        return ask.say(
            "在场 %(h)s 小时，%(n)s 工日", h=f"{one.minutes / 60:.2f}".rstrip("0").rstrip("."), n=f"{one.day_milli / 1000:g}"
        )
    if one.passage_id is not None:
        passage = gates.passage(ask.db, ask.project.id, one.passage_id)
        return ask.say("存证序号 %(n)s，%(at)s", n=passage.seq, at=at(passage.occurred_at))
    if one.in_at and one.out_at:
        return f"{at(one.in_at)} – {at(one.out_at)}"
    return at(one.in_at or one.out_at)


# --- asking --------------------------------------------------------------------------------------------------


def _form(ask: Ask, values: dict[str, str]) -> AskForm:
    db, project = ask.db, ask.project
    teams = access.teams_of(db, ask.person, project, "corrections.request")
    roster = [r for r in rosters.by_name(db, project.id, "name") if teams is None or r.team_id in teams]
    wanted = ask.number("worker") or _whole(values.get("worker", ""))
    chosen = next((r.worker_id for r in roster if r.worker_id == wanted), None)
    day = asked_day(ask.query.get("day", "") or values.get("work_date", "")) or ask.today
    kind = ask.query.get("kind", "") or values.get("kind", "")
    return _filled(ask, chosen, day, kind, values, tuple(Someone(r.worker_id, f"{r.name} · {r.team}") for r in roster))


def form_of(ask: Ask, worker_id: int, day: date) -> AskForm | None:
    """The form for one day of one worker, of the kind that what is missing asks for; None for a reader who may not ask for him."""
    teams = access.teams_of(ask.db, ask.person, ask.project, "corrections.request")
    if teams is not None and not any(e.team_id in teams for e in people.engagements_of(ask.db, ask.project.id, worker_id)):
        return None
    return _filled(ask, worker_id, day, "", {}, ())


def _filled(ask: Ask, chosen: int | None, day: date, kind: str, values: dict[str, str], workers: tuple[Someone, ...]) -> AskForm:
    late = _too_late(ask, day)
    kind = kind if kind in KINDS else _likely(ask, chosen, day, late=bool(late)) if chosen else KINDS[0]
    seen, passages = _seen(ask, chosen, day) if chosen else ("", ())
    return AskForm(
        workers=workers,
        worker_id=chosen,
        day=day,
        day_max=ask.today,
        kind=kind,
        seen=seen,
        day_url=day_url(ask, chosen, day) if chosen and ask.may("wages.read") else "",
        passages=passages,
        evidence_needed=kind in {str(each) for each in timekeeping.EVIDENCE_NEEDED},
        late=late if kind in timekeeping.PUNCHES else "",
        values=values,
    )


def _too_late(ask: Ask, day: date) -> str:
    """Why no punch of that day can be asked for any more; empty while one can."""
    try:
        timekeeping.check_in_time(ask.db, ask.project, day, ask.today)
    except Unusable as refusal:
        return sentence(refusal.code, ask.language, **refusal.facts)
    return ""


def _line(ask: Ask, worker_id: int, day: date):
    found = projection.days_of(ask.db, ask.project.id, [worker_id], day, day + timedelta(days=1), ask.now)
    return found[0] if found else None


def _likely(ask: Ask, worker_id: int, day: date, *, late: bool) -> str:
    """The kind that what is missing asks for, or the one that is left when it is too late for a punch."""
    if late:
        return str(CorrectionKind.SET_DAY)
    line = _line(ask, worker_id, day)
    if line is None or (line.first_in_at is None and line.last_out_at is None):
        return str(CorrectionKind.ADD_SESSION)
    return str(CorrectionKind.MISSING_IN if line.first_in_at is None else CorrectionKind.MISSING_OUT)


def _seen(ask: Ask, worker_id: int, day: date) -> tuple[str, tuple[SeenPassage, ...]]:
    line = _line(ask, worker_id, day)
    if line is None:
        return ask.say("当天没有通行记录。"), ()
    ends = [f"{local(at, ask.policy):%H:%M}" if at else "—" for at in (line.first_in_at, line.last_out_at)]
    told = told_as(line.state, line.day_milli, came=line.first_in_at is not None)
    says = ask.say(
        "闸机所见：首次进场 %(a)s，末次出场 %(b)s，%(state)s。", a=ends[0], b=ends[1], state=name_of(f"day_state.{told}", ask.language)
    )
    start = filled.clock("00:00", day, ask, "day")
    gate = {g.id: g.name for g in gates.gates(ask.db, ask.project.id)}
    of_day = projected.passages_of(ask.db, ask.project.id, [worker_id], start, start + timedelta(days=2))
    return says, tuple(
        SeenPassage(
            p.id,
            f"{local(p.occurred_at, ask.policy):%m-%d %H:%M} {gate.get(p.gate_id, '')} {name_of(f'direction.{p.direction}', ask.language)}",
        )
        for p in of_day
    )


def asked_day(text: str) -> date | None:
    """The date a query string names; None for none, or one no fact can have."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if EARLIEST <= found < LATEST else None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def request(ask: Ask, values: FormData) -> str | Again:
    """Ask for a correction, with the paper it rests on."""
    written = {name: lines.form(values, name) for name in FIELDS}
    try:
        # A paper whose request is refused is not kept.
        with ask.db.begin_nested():
            worker_id, day = filled.number(values, "worker"), filled.day(written["work_date"], "work_date")
            said = _said(ask, values, day)
            timekeeping.request_correction(
                ask.db, project_id=ask.project.id, worker_id=worker_id, work_date=day, kind=written["kind"], **said,
                reason=written["reason"], note=written["note"], evidence=filled.scan(ask, values.get("scan")),
                teams=access.teams_of(ask.db, ask.person, ask.project, "corrections.request"), by=ask.person.login, now=ask.now,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), written), error.status)
    return path(ask.project.id, done="correction_asked")


FIELDS = ("worker", "work_date", "kind", "in", "out", "out_next", "passage", "seq", "hours", "days", "reason", "note")


def _said(ask: Ask, values: FormData, day: date) -> dict:
    """What the kind of the form needs, read from its fields."""
    kind, form = lines.form(values, "kind"), lambda name: lines.form(values, name)
    said: dict = {}
    if kind in ("missing_in", "add_session"):
        said["in_at"] = filled.clock(form("in"), day, ask, "in")
    if kind in ("missing_out", "add_session"):
        said["out_at"] = filled.clock(form("out"), filled.next_day(day, values, "out_next"), ask, "out")
    if kind == "void_passage":
        said["passage_id"] = filled.number(values, "passage")
    if kind == "wrong_person":
        seq = filled.number(values, "seq")
        found = gates.passages_after(ask.db, ask.project.id, max(0, seq - 1), 1)
        if not found or found[0].seq != seq:
            raise BadRequest("correction_passage_wrong")
        said["passage_id"] = found[0].id
    if kind == "set_day":
        said["minutes"] = round(filled.milli(form("hours"), "hours") * 60 / 1000)
        said["day_milli"] = filled.milli(form("days"), "days")
    return said


# --- deciding ------------------------------------------------------------------------------------------------


def decide(ask: Ask, values: FormData) -> str | Again:
    """Agree to one or several, refuse or withdraw one. All of what was ticked, or nothing."""
    act = lines.form(values, "act")
    ticked = [str(each) for each in values.getlist("id")[:AT_ONCE]]
    if not ticked or not all(_whole(each) for each in ticked):
        raise BadRequest("request_malformed", field="id")
    try:
        with ask.db.begin_nested():
            for each in dict.fromkeys(map(int, ticked)):
                _decide(ask, each, act, lines.form(values, "note"))
    except ServiceError as error:
        if isinstance(error, Forbidden) and error.code == "not_allowed":
            raise
        return Again(PAGE, gather(ask, ask.why(error)), error.status)
    state = ask.query.get("state", "")
    return path(ask.project.id, state=state if state in STATES else "", done="correction_decided")


def _decide(ask: Ask, correction_id: int, act: str, note: str) -> None:
    if act == "agree":
        one = next((c for c in timekeeping.pending(ask.db, ask.project.id) if c.id == correction_id), None)
        act = "officer_ok" if one is not None and one.state == "leader_ok" else "leader_ok"
    stands_in = act in ("leader_ok", "officer_ok") and not ask.may(WORDS[act]) and ask.may(STAND_IN)
    if stands_in:
        action = STAND_IN
    elif act == "rejected":
        action = "corrections.officer" if ask.may("corrections.officer") else "corrections.leader"
    else:
        action = WORDS.get(act, "corrections.officer")
    if not ask.may(action):
        raise Forbidden("not_allowed", action)
    timekeeping.decide_correction(
        ask.db, project_id=ask.project.id, correction_id=correction_id, act=act, note=note,
        teams=access.teams_of(ask.db, ask.person, ask.project, action), stands_in=stands_in, by=ask.person.login, now=ask.now,
    )  # fmt: skip


PAGE = Page(
    "/projects/{project_id:int}/corrections", marked("补卡"), "corrections.html", "corrections.read", CorrectionsContext, gather,
    marked("补卡"),
)  # fmt: skip
REQUEST = Act("/projects/{project_id:int}/corrections/requests", "corrections.request", request)
DECIDE = Act("/projects/{project_id:int}/corrections/words", "corrections.read", decide)
