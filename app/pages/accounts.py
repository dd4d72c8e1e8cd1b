"""Accounts (账号): one's own, everybody's for the administrator, those who reach a project, and the list of sign-ins.

What somebody reaches is said in words, by project, company, team or area; codes and ids stay out of sight.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import segno
from starlette.datastructures import FormData

from app import access, second_step
from app.access import Role
from app.domain import totp, workdays
from app.domain.facts import AttendancePolicy
from app.errors import BadRequest, NotFound, ServiceError
from app.pages import filled, lines
from app.pages.page import Act, Again, Ask, Page, or_again, shown, with_query
from app.pages.sign_in import caller
from app.pages.words import marked
from app.store import accounts, people, second_steps

EVENTS_SHOWN, ROWS_A_PAGE = 12, 60
_BROWSERS = (
    ("MicroMessenger", marked("微信")), ("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True)
class RoleLine:
    """A role somebody holds, in words."""

    id: int
    role: str
    """Its code, for ``name_of``."""
    reach: str


@dataclass(frozen=True)
class SessionLine:
    """A session that is still good."""

    id: str
    device: str
    address: str
    created_at: datetime
    seen_at: datetime | None
    here: bool
    second: bool


@dataclass(frozen=True)
class EventLine:
    """A try to sign in."""

    at: datetime
    login: str
    outcome: str
    means: str
    address: str
    device: str


@dataclass(frozen=True)
class Step:
    """One's own second step."""

    state: str
    """off, begun or on."""
    picture: str
    """The secret as a QR code, while it waits for its first code."""
    secret: str
    codes_left: int


@dataclass(frozen=True)
class OwnContext:
    """What the page of one's own account shows."""

    refused: str = shown("Why what was just asked for was refused; empty else")
    refused_in: str = shown("Which part of the page was refused: password, second, sessions")
    login: str = shown("His login")
    roles: tuple[RoleLine, ...] = shown("His roles and what they reach")
    resting: tuple[RoleLine, ...] = shown("Roles that wait for his second step")
    has_password: bool = shown("He signs in by a password; a worker by codes")
    password_length_min: int = shown("Characters a password has at least")
    step: Step = shown("His second step: off, begun, on")
    codes: tuple[str, ...] = shown("Recovery codes, right after they were made; never again")
    sessions: tuple[SessionLine, ...] = shown("His sessions, the newest first")
    events: tuple[EventLine, ...] = shown("How he signed in or somebody tried to, newest first")
    session_hours: float = shown("How long a sign-in lasts")


def gather_own(ask: Ask) -> OwnContext:
    """One's own account."""
    return _own(ask)


def _own(ask: Ask, refused: str = "", refused_in: str = "", codes: Iterable[str] = ()) -> OwnContext:
    db, account_id = ask.db, ask.person.account_id
    account, now_token = accounts.account(db, account_id), access.token_sha256(access.token_of_request(ask.request) or "")
    held = _role_lines(ask, accounts.memberships(db, account_id))
    rest = {m.role for m in ask.person.resting}
    return OwnContext(
        refused=refused,
        refused_in=refused_in,
        login=ask.person.login,
        roles=tuple(line for line in held if line.role not in rest),
        resting=tuple(line for line in held if line.role in rest),
        has_password=account.password_hash != access.NO_PASSWORD,
        password_length_min=access.PASSWORD_LENGTH_MIN,
        step=_step(ask, account_id),
        codes=tuple(codes),
        sessions=tuple(_session(ask, s, now_token) for s in second_steps.sessions(db, account_id, ask.now)),
        events=tuple(_event(ask, e) for e in second_steps.events(db, account_id=account_id, limit=EVENTS_SHOWN)),
        session_hours=ask.state.settings.session_hours,
    )


def _step(ask: Ask, account_id: int) -> Step:
    if second_step.is_on(ask.db, account_id):
        return Step("on", "", "", second_steps.recovery_codes_left(ask.db, account_id))
    secret = second_step.begun(ask.db, ask.state.vault, account_id)
    if secret is None:
        return Step("off", "", "", 0)
    code = segno.make(totp.address(secret, issuer=second_step.ISSUER, login=ask.person.login), error="m", micro=False)
    return Step("begun", code.svg_data_uri(scale=5, border=3, light="#fff"), totp.secret_text(secret), 0)


def _session(ask: Ask, session: second_steps.SessionInfo, now_token: str) -> SessionLine:
    seen = session.seen_at or session.created_at
    return SessionLine(
        session.id, device_words(ask, session.agent), session.address, _local(session.created_at), _local(seen),
        session.token_sha256 == now_token, session.second,
    )  # fmt: skip


def _event(ask: Ask, event: second_steps.EventInfo) -> EventLine:
    return EventLine(
        _local(event.at), event.login or "", event.outcome, event.means, event.address, device_words(ask, event.agent)
    )


def _local(at: datetime) -> datetime:
    return workdays.local(at, AttendancePolicy())


def device_words(ask: Ask, agent: str) -> str:
    """What a browser calls itself, in two words; a program by its own name."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    words = [ask.say(browser) if browser == _BROWSERS[0][1] else browser, system]
    return " · ".join(filter(None, words)) or re.split(r"[/ ]", agent)[0][:30]


def _role_lines(ask: Ask, held: Iterable[accounts.MembershipInfo]) -> tuple[RoleLine, ...]:
    return tuple(RoleLine(m.id, m.role, _reach(ask, m)) for m in held)


def _reach(ask: Ask, held: accounts.MembershipInfo) -> str:
    """What a role reaches, in words."""
    if held.project_id is None:
        return ask.say("区划代码 %(area)s 开头的项目", area=held.area_code) if held.area_code else ask.say("整个系统")
    parts = [people.project(ask.db, held.project_id).name]
    if held.project_company_id is not None:
        parts += [c.name for c in people.project_companies(ask.db, held.project_id) if c.id == held.project_company_id]
    if held.team_id is not None:
        parts += [t.name for t in people.teams(ask.db, held.project_id) if t.id == held.team_id]
    return " · ".join(parts)


# --- one's own: acts -----------------------------------------------------------------------------------------


def change_password(ask: Ask, values: FormData) -> str | Again:
    """Write the new password through the use case; refused, the page comes back with the reason and none of it."""
    old, new = values.get("old"), values.get("new")
    try:
        if not isinstance(old, str) or not isinstance(new, str) or new != values.get("repeated"):
            raise BadRequest("password_repeat_differs")
        access.change_password(
            ask.state.database, ask.state.settings, person=ask.person, token=access.token_of_request(ask.request) or "", old=old,
            new=new, address=ask.request.client.host if ask.request.client else "", now=ask.now,
        )  # fmt: skip
    except ServiceError as error:
        return Again(PAGE_OWN, _own(ask, ask.why(error), "password"), error.status)
    return "/account?done=password_changed"


def end_session(ask: Ask, values: FormData) -> str:
    """End one session, or all but this one."""
    if lines.form(values, "which") == "others":
        access.end_other_sessions(ask.db, ask.person, access.token_of_request(ask.request) or "", ask.now)
    else:
        access.end_session(ask.db, ask.person, lines.form(values, "which"), ask.now)
    return "/account?done=session_ended#sessions"


def begin_step(ask: Ask, values: FormData) -> str:
    """Make the secret; its QR code is on the page until the first code was right."""
    del values
    access.begin_second_step(ask.db, ask.state.vault, ask.person, now=ask.now)
    return "/account#second"


def confirm_step(ask: Ask, values: FormData) -> Again:
    """The first code; the recovery codes are in this answer and never again."""
    codes = second_step.confirm(
        ask.db, ask.state.vault, account_id=ask.person.account_id, login=ask.person.login,
        token_sha256=access.token_sha256(access.token_of_request(ask.request) or ""), code=lines.form(values, "code"), now=ask.now,
    )  # fmt: skip
    return Again(PAGE_OWN, _own(ask, codes=codes), 200)


def renew_codes(ask: Ask, values: FormData) -> Again:
    """Ten new recovery codes for one code."""
    codes = second_step.renew(
        ask.db, ask.state.vault, account_id=ask.person.account_id, login=ask.person.login, code=lines.form(values, "code"), now=ask.now
    )
    return Again(PAGE_OWN, _own(ask, codes=codes), 200)


def remove_step(ask: Ask, values: FormData) -> str:
    """Take the second step off."""
    second_step.remove(
        ask.db, ask.state.vault, account_id=ask.person.account_id, login=ask.person.login, code=lines.form(values, "code"), now=ask.now
    )
    return "/account?done=second_off#second"


def _own_act(do: Callable[[Ask, FormData], str | Again], part: str, *, by_code: bool = False) -> Callable[[Ask, FormData], str | Again]:
    def act(ask: Ask, values: FormData) -> str | Again:
        try:
            if not by_code:
                with ask.db.begin_nested():
                    return do(ask, values)
            address, agent = caller(ask.request)
            return access.with_code(
                ask.db, ask.state.settings, account_id=ask.person.account_id, code=lines.form(values, "code"), address=address, agent=agent,
                now=ask.now, do=lambda: do(ask, values),
            )  # fmt: skip
        except ServiceError as error:
            return Again(PAGE_OWN, _own(ask, ask.why(error), part), error.status)

    return act


# --- everybody's, for the administrator ------------------------------------------------------------------------


@dataclass(frozen=True)
class AccountLine:
    """An account in the list."""

    id: int
    login: str
    name: str
    roles: tuple[RoleLine, ...]
    disabled: bool
    second: bool
    last_in: datetime | None


@dataclass(frozen=True)
class AccountsContext:
    """What the list of accounts shows."""

    refused: str = shown("Why the new account was refused; empty else")
    typed: dict[str, str] = shown("What was typed, so that only the password is typed again")
    q: str = shown("What is looked for in logins and names")
    accounts: tuple[AccountLine, ...] = shown("Accounts by login; those of workers are left out unless they are looked for")
    workers: int = shown("How many accounts of workers are left out")
    password_length_min: int = shown("Characters a password has at least")


def gather_list(ask: Ask) -> AccountsContext:
    """Every account of those who sign in with a password."""
    return _list(ask)


def _list(ask: Ask, refused: str = "", typed: dict[str, str] | None = None) -> AccountsContext:
    q = ask.query.get("q", "").strip()[:64]
    every, on, last = accounts.accounts(ask.db), second_steps.confirmed(ask.db), second_steps.last_in(ask.db)
    with_password = [a for a in every if a.password_hash != access.NO_PASSWORD]
    found = [a for a in every if q.lower() in a.login or q in a.name] if q else with_password
    return AccountsContext(
        refused=refused,
        typed={"login": "", "name": "", **(typed or {})},
        q=q,
        accounts=tuple(
            AccountLine(
                a.id, a.login, a.name, _role_lines(ask, accounts.memberships(ask.db, a.id)), a.disabled_at is not None, a.id in on,
                _local(last[a.id]) if a.id in last else None,
            )
            for a in found
        ),  # fmt: skip
        workers=0 if q else len(every) - len(with_password),
        password_length_min=access.PASSWORD_LENGTH_MIN,
    )


@dataclass(frozen=True)
class Choice:
    """Something a role can reach."""

    value: str
    label: str


@dataclass(frozen=True)
class AccountContext:
    """What the page of one account shows the administrator."""

    refused: str = shown("Why what was just asked for was refused; empty else")
    account: AccountLine = shown("The account with its roles")
    own: bool = shown("It is the reader's own")
    worker: bool = shown("It is a worker's: he signs in by codes")
    password_length_min: int = shown("Characters a password has at least")
    projects: tuple[Choice, ...] = shown("Projects a role can be on")
    companies: tuple[Choice, ...] = shown("Companies on projects, for a subcontractor")
    teams: tuple[Choice, ...] = shown("Teams on projects, for a team leader")
    sessions: int = shown("How many sessions of it are good")
    events: tuple[EventLine, ...] = shown("How it signed in or somebody tried to, newest first")


def gather_account(ask: Ask) -> AccountContext:
    """One account."""
    return _account(ask)


def _account(ask: Ask, refused: str = "") -> AccountContext:
    found = _asked(ask)
    last = second_steps.last_in(ask.db)
    projects = access.projects_of(ask.db, ask.person)
    return AccountContext(
        refused=refused,
        account=AccountLine(
            found.id, found.login, found.name, _role_lines(ask, accounts.memberships(ask.db, found.id)),
            found.disabled_at is not None, found.id in second_steps.confirmed(ask.db), _local(last[found.id]) if found.id in last else None,
        ),
        own=found.id == ask.person.account_id,
        worker=found.password_hash == access.NO_PASSWORD,
        password_length_min=access.PASSWORD_LENGTH_MIN,
        projects=tuple(Choice(str(p.id), f"{p.name} · {p.code}") for p in projects),
        companies=tuple(Choice(f"{p.id}:{c.id}", f"{p.name} · {c.name}") for p in projects for c in people.project_companies(ask.db, p.id)),
        teams=tuple(Choice(f"{p.id}:{t.id}", f"{p.name} · {t.name}") for p in projects for t in people.teams(ask.db, p.id)),
        sessions=len(second_steps.sessions(ask.db, found.id, ask.now)),
        events=tuple(_event(ask, e) for e in second_steps.events(ask.db, account_id=found.id, limit=EVENTS_SHOWN)),
    )  # fmt: skip


def _asked(ask: Ask) -> accounts.AccountInfo:
    found = accounts.account(ask.db, ask.id("account_id"))
    if found is None:
        raise NotFound("account_unknown")
    return found


def add(ask: Ask, values: FormData) -> str | Again:
    """Make an account; roles are given on its page."""
    login, name, password = lines.form(values, "login"), lines.form(values, "name"), values.get("password", "")
    try:
        with ask.state.database.write() as db:
            account_id = access.create_account(
                db, login=login, name=name, password=password if isinstance(password, str) else "", by=ask.person.login, now=ask.now
            )
    except ServiceError as error:
        return Again(PAGE_LIST, _list(ask, ask.why(error), {"login": login[:64], "name": name[:100]}), error.status)
    return f"/accounts/{account_id}?done=account_made"


def give(ask: Ask, values: FormData) -> str:
    """Give the account one more role."""
    found, role = _asked(ask), lines.form(values, "role")
    access.add_role(ask.db, login=found.login, role=role, by=ask.person.login, now=ask.now, **_reach_of(values, role))
    return f"/accounts/{found.id}?done=role_given"


def _reach_of(values: FormData, role: str) -> dict[str, int | str | None]:
    """What of a form says what a role reaches: a project, ``project:company``, ``project:team``, or an area."""
    if role == Role.INSPECTOR:
        return {"area_code": lines.form(values, "area_code")}
    if role in (Role.SUBCONTRACTOR, Role.TEAM_LEADER):
        project, _, part = lines.form(values, "part").partition(":")
        name = "project_company_id" if role == Role.SUBCONTRACTOR else "team_id"
        return {"project_id": _number(project), name: _number(part)}
    if role in (Role.ADMINISTRATOR, Role.DATA_OFFICER):
        return {}
    return {"project_id": _number(lines.form(values, "project_id"))}


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequest("request_malformed", field="project_id")
    return int(text)


def take(ask: Ask, values: FormData) -> str:
    """Take a role back."""
    found = _asked(ask)
    access.remove_role(ask.db, login=found.login, role_id=filled.number(values, "role_id"), by=ask.person.login, now=ask.now)
    return f"/accounts/{found.id}?done=role_taken"


def set_password(ask: Ask, values: FormData) -> str | Again:
    """Give the account a new password; the transaction begins after the password is hashed."""
    found, password = _asked(ask), values.get("password", "")
    try:
        with ask.state.database.write() as db:
            access.set_password(
                db, login=found.login, password=password if isinstance(password, str) else "", by=ask.person.login, now=ask.now
            )
    except ServiceError as error:
        return Again(PAGE_ACCOUNT, _account(ask, ask.why(error)), error.status)
    return f"/accounts/{found.id}?done=password_set"


def switch(ask: Ask, values: FormData) -> str:
    """Disable the account, or let it sign in again."""
    found = _asked(ask)
    change = access.enable_account if lines.form(values, "to") == "enabled" else access.disable_account
    change(ask.db, login=found.login, by=ask.person.login, now=ask.now)
    return with_query(f"/accounts/{found.id}", done="account_switched")


def reset_step(ask: Ask, values: FormData) -> str:
    """Take the second step off for somebody who lost telephone and codes."""
    del values
    found = _asked(ask)
    access.reset_second_step(ask.db, login=found.login, by=ask.person.login, now=ask.now)
    return f"/accounts/{found.id}?done=second_off"


def _of_account(do: Callable[[Ask, FormData], str]) -> Callable[[Ask, FormData], str | Again]:
    def act(ask: Ask, values: FormData) -> str | Again:
        try:
            with ask.db.begin_nested():
                return do(ask, values)
        except NotFound as error:
            if error.code == "account_unknown":
                raise
            return Again(PAGE_ACCOUNT, _account(ask, ask.why(error)), error.status)
        except ServiceError as error:
            return Again(PAGE_ACCOUNT, _account(ask, ask.why(error)), error.status)

    return act


# --- who signed in, for the administrator and the data-protection officer ----------------------------------------


@dataclass(frozen=True)
class SignInsContext:
    """What the list of sign-ins shows."""

    what: str = shown("Which tries: failed, or all when empty")
    events: tuple[EventLine, ...] = shown("Tries, newest first")
    older_url: str = shown("Address of older ones; empty when there are none")
    days: int = shown("How long they are kept")


def gather_sign_ins(ask: Ask) -> SignInsContext:
    """Every try to sign in."""
    what = "failed" if ask.query.get("what") == "failed" else ""
    outcomes = ("wrong", "disabled", "second_wrong") if what else ()
    found = second_steps.events(ask.db, outcomes=outcomes, before=ask.number("before"), limit=ROWS_A_PAGE + 1)
    older = with_query("/sign-ins", what=what, before=found[ROWS_A_PAGE - 1].id) if len(found) > ROWS_A_PAGE else ""
    return SignInsContext(what, tuple(_event(ask, e) for e in found[:ROWS_A_PAGE]), older, ask.state.settings.sign_in_days)


# --- who reaches a project -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PersonLine:
    """Somebody who reaches a project, by one role."""

    login: str
    name: str
    role: RoleLine
    may_take: bool


@dataclass(frozen=True)
class PeopleContext:
    """What the page of those who reach a project shows."""

    project_id: int = shown("The project, for links")
    refused: str = shown("Why what was just asked for was refused; empty else")
    people: tuple[PersonLine, ...] = shown("Who reaches the project, with each role and its reach")
    workers: int = shown("How many workers may sign in to see what is theirs")
    may_give: bool = shown("The reader gives the roles of guards, subcontractors and team leaders")
    keeps_accounts: bool = shown("The reader makes accounts and gives every role: a link leads there")
    companies: tuple[Choice, ...] = shown("Companies of the project")
    teams: tuple[Choice, ...] = shown("Teams of the project")


def gather_people(ask: Ask) -> PeopleContext:
    """Who reaches the project."""
    return _people(ask)


def _people(ask: Ask, refused: str = "") -> PeopleContext:
    project = ask.project
    gives = ask.may("access.give")
    return PeopleContext(
        project_id=project.id,
        refused=refused,
        people=tuple(
            PersonLine(
                a.login, a.name, RoleLine(m.id, m.role, _reach(ask, m)),
                gives and m.project_id == project.id and m.role in access.GIVEN_BY_MANAGER and a.id != ask.person.account_id,
            )
            for a, m in accounts.reaching(ask.db, project.id, project.area_code)
        ),  # fmt: skip
        workers=accounts.workers_of(ask.db, project.id),
        may_give=gives,
        keeps_accounts=access.may(ask.person, "accounts.write"),
        companies=tuple(Choice(f"{project.id}:{c.id}", c.name) for c in people.project_companies(ask.db, project.id)),
        teams=tuple(Choice(f"{project.id}:{t.id}", t.name) for t in people.teams(ask.db, project.id)),
    )


def give_here(ask: Ask, values: FormData) -> str:
    """A manager gives somebody a role on his project."""
    role = lines.form(values, "role")
    # The form's own project counts for nothing: he gives on the project of the page.
    reach = {name: part for name, part in _reach_of(values, role).items() if name != "project_id"} if role in access.PART_ROLES else {}
    access.give_on_project(
        ask.db, ask.person, project_id=ask.project.id, login=lines.form(values, "login"), role=role, now=ask.now, **reach
    )
    return f"/projects/{ask.project.id}/people?done=role_given"


def take_here(ask: Ask, values: FormData) -> str:
    """A manager takes such a role back."""
    access.take_on_project(
        ask.db, ask.person, project_id=ask.project.id, login=lines.form(values, "login"), role_id=filled.number(values, "role_id"),
        now=ask.now,
    )  # fmt: skip
    return f"/projects/{ask.project.id}/people?done=role_taken"


PAGE_OWN = Page("/account", marked("我的账号"), "own_account.html", None, OwnContext, gather_own)
PAGE_LIST = Page("/accounts", marked("账号管理"), "accounts.html", "accounts.write", AccountsContext, gather_list)
PAGE_ACCOUNT = Page("/accounts/{account_id:int}", marked("账号管理"), "one_account.html", "accounts.write", AccountContext, gather_account)
PAGE_SIGN_INS = Page("/sign-ins", marked("登录记录"), "sign_ins.html", "journal.service", SignInsContext, gather_sign_ins)
PAGE_PEOPLE = Page(
    "/projects/{project_id:int}/people", marked("人员权限"), "people.html", "access.read", PeopleContext, gather_people, marked("人员权限")
)
_ONE = "/accounts/{account_id:int}"
ACTS: tuple[Act, ...] = (
    Act("/account/password", None, change_password, alone=True),
    Act("/account/sessions", None, _own_act(end_session, "sessions")),
    Act("/account/second-step", None, _own_act(begin_step, "second")),
    Act("/account/second-step/confirm", None, _own_act(confirm_step, "second", by_code=True)),
    Act("/account/second-step/codes", None, _own_act(renew_codes, "second", by_code=True)),
    Act("/account/second-step/remove", None, _own_act(remove_step, "second", by_code=True)),
    Act("/accounts", "accounts.write", add, alone=True),
    Act(_ONE + "/roles", "accounts.write", _of_account(give)),
    Act(_ONE + "/roles/take", "accounts.write", _of_account(take)),
    Act(_ONE + "/password", "accounts.write", set_password, alone=True),
    Act(_ONE + "/switch", "accounts.write", _of_account(switch)),
    Act(_ONE + "/second-step/reset", "accounts.write", _of_account(reset_step)),
    Act("/projects/{project_id:int}/people/give", "access.give", or_again(PAGE_PEOPLE, _people, give_here)),
    Act("/projects/{project_id:int}/people/take", "access.give", or_again(PAGE_PEOPLE, _people, take_here)),
)
