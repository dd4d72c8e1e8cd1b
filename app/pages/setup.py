"""The frame of a project on its first day: the project itself, its companies and teams, and how far it has come.

    PAGE_NEW    a new project, by the administrator
    PAGE        companies and teams, and the first day's list: what is there, what comes next, whose it is
"""

from dataclasses import dataclass
from datetime import date, timedelta

from starlette.datastructures import FormData

from app import access, amending, letting, papers, wording
from app.domain import workdays
from app.errors import NotFound, ServiceError
from app.pages import filled, lines, page
from app.pages.devices import no_way
from app.pages.enrol import ChangeLine
from app.pages.page import Act, Again, Ask, Page, shown, with_query
from app.pages.words import marked
from app.store import accounts, changes, gates, people
from app.store import roster as rows
from app.wording.papers import COMPANY_ROLES

HAND_BACK = timedelta(days=7)
"""A first day that is longer is none."""


@dataclass(frozen=True)
class TypedProject:
    """A project as it was typed."""

    code: str = ""
    name: str = ""
    area_code: str = ""
    address: str = ""


@dataclass(frozen=True)
class NewContext:
    """What the form of a new project shows."""

    typed: TypedProject = shown("The form as it was typed")
    wrong: str = shown("Why it was refused; empty otherwise")


def new(ask: Ask, typed: TypedProject | None = None, wrong: str = "") -> NewContext:
    """The form."""
    return NewContext(typed or TypedProject(), wrong)


def create(ask: Ask, values: FormData) -> str | Again:
    """Make the project; its accounts are next."""
    typed = TypedProject(*(lines.form(values, name)[:300] for name in ("code", "name", "area_code", "address")))
    try:
        with ask.db.begin_nested():
            papers.create_project(
                ask.db, code=typed.code, name=typed.name, area_code=typed.area_code, address=typed.address or None,
                now=ask.now, by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE_NEW, new(ask, typed, ask.why(error)), error.status)
    return "/accounts?done=project_made"


@dataclass(frozen=True)
class TeamLine:
    """A team of a company."""

    name: str
    trade: str
    """Code or name of its trade; empty when none is recorded."""
    people: int


@dataclass(frozen=True)
class CompanyLine:
    """A company in a role on the project."""

    id: int
    name: str
    uscc: str
    role: str
    entry_on: date
    teams: tuple[TeamLine, ...]
    changes: tuple[ChangeLine, ...]
    """Newest first."""


@dataclass(frozen=True)
class StepLine:
    """One step of the first day."""

    code: str
    done: bool
    count: int
    url: str
    """Where it is done, or looked at; empty when the reader may do neither."""
    may: bool
    """The reader does it himself."""
    who: tuple[str, ...]
    """Roles that do it; empty when it is done."""
    nobody: bool
    """No account has one of these roles here yet; said at the first step of theirs."""


@dataclass(frozen=True)
class SetupContext:
    """What the page of companies and teams shows."""

    own_path: str = shown("Path of this page without a query")
    steps: tuple[StepLine, ...] = shown("The first day, step by step")
    no_way: str = shown("The way no gate leads: out or in; empty when both ways are there, or no gate at all")
    bare: bool = shown("There is a gate without a device")
    by_hand: int = shown("Times a guard has let somebody in or out by hand while no gate has; 0 once one has")
    desk_url: str = shown("The guard's desk")
    people_url: str = shown("Where roles are given; empty for readers who may not look there")
    weak_pack: bool = shown("The recogniser is not fit for a gate nobody watches, and no guard is asked to confirm")
    settings_url: str = shown("The page that says why, and where it is changed")
    companies: tuple[CompanyLine, ...] = shown("Companies with their teams, in the order they came")
    roles: tuple[str, ...] = shown("What a company can be on a project")
    trades: tuple[str, ...] = shown("Names of trades to choose from")
    today: date = shown("Today on the project's calendar")
    may_write: bool = shown("The reader may add companies and teams, and put companies right")
    wrong: str = shown("Why an entry was refused; empty otherwise")
    typed: dict[str, str] = shown("The refused form as it was typed, by field; else the role the next company most likely has")
    righted: dict[str, str] = shown("The refused form of a company that is put right, by field")


FIELDS = ("company", "uscc", "role", "entry_on", "of", "team", "trade")
RIGHT_FIELDS = ("which", "name", "uscc", "role", "entry_on", "reason")


def gather(
    ask: Ask, wrong: str = "", typed: dict[str, str] | None = None, righted: dict[str, str] | None = None
) -> SetupContext:
    """Companies, teams, and the first day's list."""
    db, project = ask.db, ask.project
    companies = people.project_companies(db, project.id)
    teams = people.teams(db, project.id)
    righted_before = changes.of_companies(db, project.id)
    here = f"/projects/{project.id}"
    wanted = rows.Wanted(ask.today)
    counts = rows.lacking(db, project.id, wanted)
    of_team = rows.count_of_teams(db, project.id, wanted)
    on_roster, lacking = counts["total"], counts["any"]
    at_gates = [d.gate_id for d in gates.devices(db, project.id) if d.disabled_at is None]
    devices = len(at_gates)
    passed = gates.anybody_passed(db, project.id)
    lanes = gates.gates(db, project.id)
    missing, bare = no_way(lanes), any(lane.id not in at_gates for lane in lanes)
    write, enrol, watch = ask.may("papers.write"), ask.may("enrol"), ask.may("gate.watch")
    told: set[tuple[str, ...]] = set()
    held = {membership.role for _, membership in accounts.reaching(db, project.id, project.area_code)}

    def step(code: str, done: bool, count: int, action: str, url: str) -> StepLine:
        who = () if done else tuple(str(role) for role in access.Role if role in access.ACTIONS[action])
        nobody = bool(who) and not held.intersection(who) and who not in told
        if nobody:
            told.add(who)
        return StepLine(code, done, count, url, ask.may(action), who, nobody)

    pack = getattr(ask.state.engine, "pack", None)
    steps = (
        step("companies", bool(companies), len(companies), "papers.write", f"{here}/setup#h-company" if write else ""),
        step("teams", bool(teams), len(teams), "papers.write", f"{here}/setup#h-team" if write else ""),
        step("devices", bool(devices) and not missing and not bare, devices, "devices.write", f"{here}/devices"),
        step("roster", bool(on_roster), on_roster, "papers.write", f"{here}/workers/roster" if write else ""),
        step("enrolled", bool(on_roster) and not lacking, on_roster - lacking, "enrol", f"{here}/enrol" if enrol else ""),
        # Whether a gate is there and heard stands on the page of devices; the desk only shows what comes of it.
        step("passage", passed, int(passed), "gate.let", f"{here}/devices" if not passed else f"{here}/gate" if watch else ""),
    )
    return SetupContext(
        own_path=f"{here}/setup",
        steps=steps,
        no_way=missing,
        bare=bare,
        by_hand=0 if passed else len(letting.recent(db, project.id, ask.now - HAND_BACK)),
        desk_url=f"{here}/gate",
        people_url=f"{here}/people" if ask.may("access.read") else "",
        weak_pack=bool(pack and pack.needs_confirmation_advised) and not project.confirm_face,
        settings_url=f"{here}/settings",
        companies=tuple(
            CompanyLine(
                c.id, c.name, c.uscc or "", c.role, c.entry_on,
                tuple(
                    TeamLine(t.name, t.trade or "", of_team.get(t.id, 0))
                    for t in teams
                    if t.project_company_id == c.id
                ),
                tuple(_change(ask, one) for one in righted_before if one.company_id == c.company_id and one.project_company_id in (None, c.id)),
            )
            for c in companies
        ),
        roles=COMPANY_ROLES,
        trades=tuple(names[ask.language == "en"] for key, names in wording.NAMES.items() if key.startswith("trade.")),
        today=ask.today,
        may_write=write,
        wrong=wrong,
        typed=dict.fromkeys(FIELDS, "") | {"role": _next_role(companies)} | (typed or {}),
        righted=dict.fromkeys(RIGHT_FIELDS, "") | (righted or {}),
    )  # fmt: skip


def _next_role(companies: list[people.ProjectCompanyInfo]) -> str:
    """What the next company most likely is: the general contractor first and once, then what the last one was."""
    if not any(c.role == "general_contractor" for c in companies):
        return "general_contractor"
    last = companies[-1].role
    return last if last != "general_contractor" else "labour_subcontractor"


def _change(ask: Ask, one: changes.CompanyChangeInfo) -> ChangeLine:
    was, became = one.was or "", one.became or ""
    if one.field == "role":
        was, became = (wording.name(f"company_role.{role}", ask.language) for role in (was, became))
    return ChangeLine(one.field, was, became, one.reason, one.changed_by, workdays.local(one.changed_at, ask.policy))


def add_company(ask: Ask, values: FormData) -> str | Again:
    """A company in a role; the same again is the same."""
    typed = _typed(values)
    try:
        with ask.db.begin_nested():
            papers.add_company_to_project(
                ask.db, project_id=ask.project.id, name=typed["company"], uscc=typed["uscc"] or None, role=typed["role"],
                entry_on=filled.day(typed["entry_on"], "entry_on"), now=ask.now, by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), typed), error.status)
    return with_query(f"/projects/{ask.project.id}/setup", done="company_kept")


def change_company(ask: Ask, values: FormData) -> str | Again:
    """What a company is called, its code, its role and first day, put right with a reason."""
    typed = {name: lines.form(values, name)[:300] for name in RIGHT_FIELDS}
    company = page.whole_number(typed["which"])
    try:
        if company is None:
            raise NotFound("project_company_unknown")
        with ask.db.begin_nested():
            amending.put_company_right(
                ask.db, project_id=ask.project.id, project_company_id=company, name=typed["name"], uscc=typed["uscc"] or None,
                role=typed["role"], entry_on=filled.day(typed["entry_on"], "entry_on"), reason=typed["reason"], now=ask.now,
                by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), righted=typed), error.status)
    return with_query(f"/projects/{ask.project.id}/setup", done="company_changed")


def add_team(ask: Ask, values: FormData) -> str | Again:
    """A team of a company; the same again is the same."""
    typed = _typed(values)
    company = page.whole_number(typed["of"])
    try:
        if company is None:
            raise NotFound("project_company_unknown")
        with ask.db.begin_nested():
            papers.add_team(
                ask.db, project_id=ask.project.id, project_company_id=company, name=typed["team"], trade=typed["trade"] or None,
                now=ask.now, by=ask.person.login,
            )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE, gather(ask, ask.why(error), typed), error.status)
    return with_query(f"/projects/{ask.project.id}/setup", done="team_kept")


def _typed(values: FormData) -> dict[str, str]:
    return {name: lines.form(values, name)[:300] for name in FIELDS}


_HERE = "/projects/{project_id:int}/setup"
PAGE_NEW = Page("/projects/new", marked("新建项目"), "project_new.html", "projects.create", NewContext, new)
PAGE = Page(_HERE, marked("单位与班组"), "setup.html", "papers.read", SetupContext, gather, marked("单位与班组"))
ACTS = (
    Act("/projects/new", "projects.create", create), Act(_HERE + "/companies", "papers.write", add_company),
    Act(_HERE + "/companies/change", "papers.write", change_company),
    Act(_HERE + "/teams", "papers.write", add_team),
)  # fmt: skip
