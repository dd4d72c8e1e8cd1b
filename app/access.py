"""Who somebody is and what he may do: accounts, roles, sign-ins, and the guard against other sites' forms.

    sign_in(...)                    a password becomes a random token; only its SHA-256 is stored
    person_of_request(request, db)  the token of a cookie or a bearer header becomes a Person, or nobody
    require(person, action, ...)    the one question every route asks before it does anything

Roles (``ACTIONS`` says which may do what):

    administrator    accounts, devices, packs; no names, faces, attendance or wages
    manager          项目经理: reads all of his own projects, keeps the gates, decides findings
    labour_officer   劳资专管员: reads all of his own projects, writes papers, enrolment and payments
    guard            门卫: sees the gate of his own project live, names masked, and confirms passages
    subcontractor    劳务公司: asks for corrections and drafts and hands in sheets, for his own company's people only
    team_leader      班组长: asks for and agrees to corrections of his own team
    inspector        监管人员: reads the projects of his area, ID numbers masked, decides findings
    data_officer     个人信息保护负责人: reads who looked at what, on every project; no names, attendance or wages
    worker           工人: reads his own days, wages, slips and what is kept of his face, signs his lines, objects, and takes his
                     consent back; and nothing of anybody else (``own``)

A project somebody may not know of does not exist for him (404); one he knows of but may not touch is refused
(403). Whoever records money is never the one who closes a finding about it: that is why a labour officer may
explain a finding and not close it, and a manager may close one and not record a payment.

A subcontractor reaches only his company on the project, a team leader only his team: ``companies_of`` and
``teams_of`` say which, and every use case that lists or writes for them is given those sets. Who asked and who
agreed, who made and who checked, are told apart by login in the use cases: one person may hold two roles.
"""

import contextlib
import hashlib
import json
import math
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection, Request, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import second_step
from app.db import Database
from app.errors import BadRequest, Busy, Conflict, Forbidden, NotFound, ServiceError, TooMany, Unauthorised
from app.settings import Settings
from app.store import accounts as account_store
from app.store import people, second_steps
from app.store.people import ProjectInfo
from app.vault import Vault
from app.web import error_body, language_of

_Done = TypeVar("_Done")

COOKIE = "muster_session"
"""Holds the session token in a browser: HttpOnly, SameSite=Lax."""

PASSWORD_LENGTH_MIN = 10
PASSWORD_LENGTH_MAX = 200
"""Argon2 reads the whole password; a megabyte of it would be somebody else's waiting time."""

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
"""Shape of a login after ``tidy_login``. Plain letters, so that two logins never look the same."""
WORKER_LOGIN = re.compile(r"worker\.[0-9]+")
"""Shape of a worker's login, as his first code makes it."""


class Role(StrEnum):
    """What an account is on a project, in an area, or in the service."""

    ADMINISTRATOR = "administrator"
    MANAGER = "manager"
    LABOUR_OFFICER = "labour_officer"
    GUARD = "guard"
    INSPECTOR = "inspector"
    SUBCONTRACTOR = "subcontractor"
    TEAM_LEADER = "team_leader"
    DATA_OFFICER = "data_officer"
    WORKER = "worker"


PROJECT_ROLES = frozenset(
    {Role.MANAGER, Role.LABOUR_OFFICER, Role.GUARD, Role.SUBCONTRACTOR, Role.TEAM_LEADER, Role.WORKER}
)
"""Held on one project."""

PART_ROLES = frozenset({Role.SUBCONTRACTOR, Role.TEAM_LEADER})
"""Reach a part of their project: one company, or one team."""

_A, _M, _L, _G, _I = Role.ADMINISTRATOR, Role.MANAGER, Role.LABOUR_OFFICER, Role.GUARD, Role.INSPECTOR
_S, _T, _D, _W = Role.SUBCONTRACTOR, Role.TEAM_LEADER, Role.DATA_OFFICER, Role.WORKER

ACTIONS: dict[str, frozenset[Role]] = {
    # Of the service: asked without a project.
    "projects.create": frozenset({_A}),
    "accounts.write": frozenset({_A}),
    "service.read": frozenset({_A}),
    "calendar.write": frozenset({_A}),
    "area.write": frozenset({_A}),
    "county.read": frozenset({_I}),
    "packs.write": frozenset({_A}),
    "own.read": frozenset({_W}),
    "own.write": frozenset({_W}),
    "journal.service": frozenset({_A, _D}),
    # Of a project: asked with one.
    "project.read": frozenset({_A, _M, _L, _G, _I, _S, _T, _D}),
    "project.place": frozenset({_A}),
    "journal.read": frozenset({_M, _I, _D}),
    "identity.reveal": frozenset({_L, _I}),
    "access.read": frozenset({_A, _M, _D}),
    "access.give": frozenset({_M}),
    "devices.write": frozenset({_A, _M}),
    "decisions.read": frozenset({_A, _M, _L, _I}),
    "papers.read": frozenset({_M, _L, _I}),
    "papers.write": frozenset({_L}),
    "enrol": frozenset({_L}),
    "gate.watch": frozenset({_M, _L, _G, _I}),
    "gate.confirm": frozenset({_M, _L, _G}),
    "gate.let": frozenset({_M, _L, _G}),
    "screens.write": frozenset({_M, _L}),
    "attendance.read": frozenset({_M, _L, _I}),
    "wages.read": frozenset({_M, _L, _I}),
    "payments.write": frozenset({_L}),
    "findings.read": frozenset({_M, _L, _I}),
    "findings.decide": frozenset({_M, _L, _I}),
    "findings.close": frozenset({_M, _I}),
    "findings.notify": frozenset({_I}),
    "audits.run": frozenset({_M, _L, _I}),
    "corrections.read": frozenset({_M, _L, _I, _S, _T}),
    "corrections.request": frozenset({_M, _L, _S, _T}),
    "corrections.leader": frozenset({_M, _T}),
    "corrections.officer": frozenset({_L}),
    "corrections.stand_in": frozenset({_M, _L}),
    "marks.write": frozenset({_L}),
    "policies.write": frozenset({_L}),
    "terms.write": frozenset({_L}),
    "measures.write": frozenset({_L, _S}),
    "measures.accept": frozenset({_M}),
    "sheets.read": frozenset({_M, _L, _I, _S, _T}),
    "sheets.draft": frozenset({_L, _S}),
    "sheets.submit": frozenset({_L, _S}),
    "sheets.check": frozenset({_L}),
    "sheets.approve": frozenset({_M}),
    "sheets.sign": frozenset({_L, _S}),
    "objections.read": frozenset({_M, _L, _I}),
    "objections.answer": frozenset({_M, _L}),
    "periods.write": frozenset({_L}),
    "periods.close": frozenset({_M}),
    "batches.make": frozenset({_L}),
    "batches.approve": frozenset({_M}),
    "bank.write": frozenset({_L}),
    "bank.read": frozenset({_M, _L, _I}),
    "exports.make": frozenset({_M, _L, _I}),
    "faces.review": frozenset({_M, _L}),
    "faces.policy": frozenset({_M}),
    "identity.override": frozenset({_M}),
}
"""action -> roles that may do it. ``project.read`` is the project's own line: its name, code and place."""

SERVICE_ACTIONS = frozenset(
    {"projects.create", "accounts.write", "service.read", "calendar.write", "area.write", "packs.write", "county.read", "own.read", "own.write", "journal.service"}
)
"""Actions that belong to no project; every other one is asked with a project."""


@dataclass(frozen=True, slots=True)
class Membership:
    """One role of an account: on a project, in an area, or in the service."""

    role: Role
    project_id: int | None = None
    """Set for the roles of a project."""
    area_code: str | None = None
    """Set for an inspector: every project whose area code begins with it is his."""
    project_company_id: int | None = None
    """Set for a subcontractor: his company in its role on the project."""
    team_id: int | None = None
    """Set for a team leader."""
    worker_id: int | None = None
    """Set for a worker: himself."""

    def reaches(self, project_id: int, project_area: str | None) -> bool:
        """True when the project is within this role's reach."""
        if self.role in (Role.ADMINISTRATOR, Role.DATA_OFFICER):
            return True
        if self.role is Role.INSPECTOR:
            # An empty area would be every project of the country; nobody is given that by an empty field.
            return bool(self.area_code) and project_area is not None and project_area.startswith(self.area_code)
        return self.project_id == project_id


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in."""

    account_id: int
    login: str
    """Names him in the journal, in payments and in decisions; never his real name."""
    name: str
    language: str
    memberships: tuple[Membership, ...]
    resting: tuple[Membership, ...] = ()
    """Roles he holds that want a second step, which this session has not had: they reach nothing until it has."""

    def roles(self, project_id: int | None = None, project_area: str | None = None) -> frozenset[Role]:
        """His roles on a project; without one, the roles that belong to no project."""
        if project_id is None:
            return frozenset(
                m.role
                for m in self.memberships
                # An inspector without an area inspects nothing.
                if m.role in (Role.ADMINISTRATOR, Role.WORKER, Role.DATA_OFFICER) or (m.role is Role.INSPECTOR and m.area_code)
            )
        return frozenset(m.role for m in self.memberships if m.reaches(project_id, project_area))


# --- may he? -------------------------------------------------------------------------------------------------


def may(person: Person | None, action: str, project_id: int | None = None, project_area: str | None = None) -> bool:
    """True when ``require`` would let him pass. For menus and buttons; a route asks ``require``.

    Raises:
        KeyError: no such action.
        ValueError: an action of a project was asked without one.
    """
    roles = ACTIONS[action]
    if action in SERVICE_ACTIONS:
        project_id = None
    elif project_id is None:
        raise ValueError(f"{action} is asked of a project")
    return person is not None and bool(roles & person.roles(project_id, project_area))


def require(
    person: Person | None, action: str, project_id: int | None = None, project_area: str | None = None
) -> Person:
    """Let pass, or refuse.

    Args:
        person: who asks; None for nobody.
        action: a key of ``ACTIONS``.
        project_id: the project it is about; none for ``SERVICE_ACTIONS``.
        project_area: its area code. Without it an inspector knows of no project, so prefer ``require_on``.

    Returns:
        The person, who is now certainly somebody.

    Raises:
        Unauthorised: nobody is signed in.
        NotFound: a project he may not know of; the same answer as for one that does not exist.
        Forbidden: he knows of the project but may not do that.
    """
    allowed = may(person, action, project_id, project_area)
    person = signed_in(person)
    if allowed:
        return person
    if action not in SERVICE_ACTIONS and not person.roles(project_id, project_area):
        raise NotFound("project_unknown")
    raise Forbidden("not_allowed", action)


def require_on(db: Session, person: Person | None, action: str, project_id: int) -> ProjectInfo:
    """``require`` for a project known by its id only; reads the project and returns it.

    Nobody learns here which projects exist: somebody who is not signed in is refused before the project is read.
    """
    person = signed_in(person)
    project = people.project(db, project_id)
    require(person, action, project.id, project.area_code)
    return project


def require_any(db: Session, person: Person | None, actions: Sequence[str], project_id: int) -> ProjectInfo:
    """``require_on`` for whoever may do one of several things.

    Raises:
        As ``require`` for the last of ``actions``, when he may do none.
    """
    person = signed_in(person)
    project = people.project(db, project_id)
    if not any(may(person, action, project.id, project.area_code) for action in actions):
        require(person, actions[-1], project.id, project.area_code)
    return project


def signed_in(person: Person | None) -> Person:
    """The person, who is certainly somebody.

    Raises:
        Unauthorised: nobody is signed in.
    """
    if person is None:
        raise Unauthorised("sign_in_needed")
    return person


def projects_of(db: Session, person: Person) -> list[ProjectInfo]:
    """Every project he may know of, in the order of the store."""
    if any(m.role in (Role.ADMINISTRATOR, Role.INSPECTOR, Role.DATA_OFFICER) for m in person.memberships):
        found = people.projects(db, None)
    else:
        ids = sorted({m.project_id for m in person.memberships if m.project_id is not None})
        found = people.projects(db, ids) if ids else []
    return [p for p in found if person.roles(p.id, p.area_code)]


def own(person: Person | None, project_id: int | None = None) -> tuple[int, int]:
    """(project id, worker id) of a worker's own role; of one project where he is on several.

    Raises:
        Unauthorised, Forbidden: nobody, or no worker.
        NotFound: ``project_unknown``, he is not on that one.
    """
    person = require(person, "own.read")
    held = [(m.project_id, m.worker_id) for m in person.memberships if m.role is Role.WORKER]
    mine = [pair for pair in held if project_id in (None, pair[0])]
    if not mine:
        raise NotFound("project_unknown")
    return mine[-1]


def inspected(db: Session, person: Person) -> list[ProjectInfo]:
    """The projects of his area, for an inspector; a role he may have on another project adds none."""
    return [p for p in people.projects(db, None) if Role.INSPECTOR in person.roles(p.id, p.area_code)]


def areas_of(person: Person) -> tuple[str, ...]:
    """The area codes he inspects."""
    return tuple(sorted({m.area_code for m in person.memberships if m.role is Role.INSPECTOR and m.area_code}))


def companies_of(person: Person, project: ProjectInfo, action: str | None = None) -> frozenset[int] | None:
    """The companies of a project (ids of ``project_company``) he acts for; None is all of them.

    Empty for a team leader: he acts for his team, and for no company.

    Args:
        action: what he is about to do. Whoever is a guard besides leads no other team for that: only a role which may
            do it widens his reach. None: reading, as manager, labour officer and inspector do.
    """
    wide = ACTIONS[action] - PART_ROLES if action else {Role.MANAGER, Role.LABOUR_OFFICER, Role.INSPECTOR}
    if person.roles(project.id, project.area_code) & wide:
        return None
    mine = (m.project_company_id for m in person.memberships if m.project_id == project.id)
    return frozenset(company for company in mine if company is not None)


def teams_of(
    db: Session, person: Person, project: ProjectInfo, action: str | None = None
) -> frozenset[int] | None:
    """The teams of a project he may see and act for; None is all of them.

    A team leader's own, and every team of a subcontractor's company, those added after the role was given too.
    ``action`` as for ``companies_of``.
    """
    companies = companies_of(person, project, action)
    if companies is None:
        return None
    led = {m.team_id for m in person.memberships if m.project_id == project.id and m.team_id is not None}
    return frozenset(led | {team.id for team in people.teams(db, project.id) if team.project_company_id in companies})


def view_of(person: Person, project: ProjectInfo) -> Literal["staff", "bureau", "guard"]:
    """How much of a name and an ID number he is shown on a project (domain.md 7.2).

    ``staff`` reads names and ``33**************1X``; ``bureau`` reads names and ``330424********001X``; ``guard``
    reads masked names and no number. Somebody with no business with names (an administrator) is shown what a
    guard is. A subcontractor and a team leader are staff to their own people, and are given no others (``teams_of``).
    """
    roles = person.roles(project.id, project.area_code)
    if roles & {Role.MANAGER, Role.LABOUR_OFFICER, *PART_ROLES}:
        return "staff"
    return "bureau" if Role.INSPECTOR in roles else "guard"


# --- who is it? ----------------------------------------------------------------------------------------------


def token_sha256(token: str) -> str:
    """What the sign-in table holds instead of the token. The token has 256 random bits: no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def token_of_request(request: Request) -> str | None:
    """The token a request carries. A bearer header wins, so that one request never speaks for two people."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    return request.cookies.get(COOKIE) or None


def who(db: Session, token: str, now: datetime, second_step_roles: Collection[str] = ()) -> Person | None:
    """The person a token stands for; None when it is unknown, expired or revoked, or his account is disabled.

    Args:
        second_step_roles: roles that rest in a session without a second step (``Settings.second_step_roles``).
    """
    if len(token) > 200:
        return None
    found = account_store.signed_in(db, token_sha256(token), now)
    if found is None:
        return None
    account, held, second = found
    person = _person(account, held)
    if second or not second_step_roles:
        return person
    rest = tuple(m for m in person.memberships if m.role in second_step_roles)
    return replace(person, memberships=tuple(m for m in person.memberships if m not in rest), resting=rest) if rest else person


def person_of_account(db: Session, account_id: int) -> Person | None:
    """An account with its roles; None when it does not exist or is disabled."""
    account = account_store.account(db, account_id)
    if account is None or account.disabled_at is not None:
        return None
    return _person(account, account_store.memberships(db, account.id))


def _person(account: account_store.AccountInfo, held: Sequence[account_store.MembershipInfo]) -> Person:
    roles = tuple(
        Membership(Role(m.role), m.project_id, m.area_code, m.project_company_id, m.team_id, m.worker_id) for m in held
    )
    return Person(account.id, account.login, account.name, account.language, roles)


def person_of_login(db: Session, login: str) -> Person:
    """The account of a login, for the command line: whoever may run it is trusted to say who he is.

    Raises:
        NotFound: ``account_unknown``; disabled ones too.
    """
    found = account_store.account_by_login(db, tidy_login(login))
    person = None if found is None else person_of_account(db, found.id)
    if person is None:
        raise NotFound("account_unknown")
    return person


def person_of_request(request: Request, db: Session, now: datetime | None = None) -> Person | None:
    """Who asks, by the session cookie or ``Authorization: Bearer``; None for nobody."""
    token = token_of_request(request)
    wanted = request.app.state.settings.second_step_role_set
    person = None if token is None else who(db, token, now or now_of(request), wanted)
    # Whoever is answered: what he is shown is journalled under this name (``views``).
    request.scope["muster_login"] = None if person is None else person.login
    return person


def now_of(request: HTTPConnection) -> datetime:
    """The instant a request, or a message on a socket, is answered at: the application's ``state.clock`` where it has one (tests)."""
    clock = getattr(request.app.state, "clock", None)
    return clock() if clock else datetime.now(UTC)


# --- signing in and out --------------------------------------------------------------------------------------

PASSWORDS = PasswordHash((Argon2Hasher(),))
"""argon2id at the library's default: 64 MiB and about 0.2 CPU seconds a check (web.md 6)."""

_HASHES_AT_ONCE = threading.BoundedSemaphore(2)
"""Forty threads at 64 MiB each would be 2.5 GiB on a machine that also recognises faces."""

_HASH_WAIT_SECONDS = 2.0
"""Short, since whoever waits here holds a thread that a commit may need."""

_nobody_hash: str | None = None

NO_PASSWORD = "!"
"""Instead of a hash: whoever has it comes in by codes alone."""

KNOWN_ADDRESS = timedelta(days=30)
"""How long after a success an address is one that a login is known at: strangers' failures do not touch it."""

SLOWED = timedelta(seconds=10)
"""Between two tries of a login that fails too often, from wherever it is not known."""


def tidy_login(login: str) -> str:
    """A login as it is stored: full-width letters made plain, spaces around it gone, lower case."""
    return unicodedata.normalize("NFKC", login).strip().lower()


def _login_index(login: str) -> str:
    # Not the login itself: people type their password into the wrong field. A failure's row lives for minutes.
    return hashlib.sha256(b"muster sign-in attempt\0" + login.encode("utf-8", "replace")).hexdigest()


@contextlib.contextmanager
def _hash_place() -> Iterator[None]:
    if not _HASHES_AT_ONCE.acquire(timeout=_HASH_WAIT_SECONDS):
        raise Busy("sign_in_busy", retry_after_s=2)
    try:
        yield
    finally:
        _HASHES_AT_ONCE.release()


def _matches(password: str, stored: str | None) -> tuple[bool, str | None]:
    """Check a password, with the same work for a login that does not exist.

    Returns:
        Whether it matches, and a new hash when the stored one was made with other parameters.
    """
    global _nobody_hash
    with _hash_place():
        if stored is None:
            if _nobody_hash is None:
                _nobody_hash = PASSWORDS.hash(secrets.token_urlsafe(16))
            PASSWORDS.verify(_bytes(password), _nobody_hash)
            return False, None
        return PASSWORDS.verify_and_update(_bytes(password), stored)


@dataclass(frozen=True, slots=True)
class _Proof:
    """A password that was right; ``keep`` goes into the transaction of what it was asked for."""

    account: account_store.AccountInfo
    login_index: str
    address: str
    now: datetime
    fresh_hash: str | None = field(repr=False)

    def keep(self, db: Session) -> None:
        account_store.add_attempt(
            db, login_index=self.login_index, address=self.address, succeeded=True, now=self.now
        )
        if self.fresh_hash:
            account_store.set_password(db, self.account.id, self.fresh_hash)


def _proven(database: Database, settings: Settings, *, login: str, password: str, address: str, now: datetime) -> _Proof:
    """Check a password, within three limits.

    Too many failures of a login from one address, or of an address whatever the login, keep this address waiting
    for the window. Too many of a login from wherever slow it down to a try every ``SLOWED``: that bounds the
    guesses of a thousand addresses and locks nobody out. An address where the login has succeeded before
    (``KNOWN_ADDRESS``) is judged by its own failures with this login alone: no stranger can keep the owner from it.

    It takes the database, not a session, for two reasons. A failed attempt must stay recorded although the
    request is refused, and a refused request rolls its transaction back. And a password check takes a fifth of a
    second, during which no gate may wait for the write lock. So: record the attempt as failed and commit; check
    the password with no transaction open; do what was asked for and commit. Recording first also means that
    guesses sent at once are counted one by one. (PostgreSQL does not put them in a line: one burst, bounded by the
    threads of the service, may pass the limit before it holds.)

    Raises:
        TooMany, Unauthorised, Busy: as ``sign_in``.
    """
    login = tidy_login(login)
    index = _login_index(login)
    address = address[:64]
    window = timedelta(minutes=settings.sign_in_window_minutes)
    since, tries_max = now - window, settings.sign_in_tries_max

    def refuse_too_many(db: Session) -> None:
        # What is refused is not recorded: a stranger who goes on guessing would keep the owner out for ever.
        known = account_store.signed_in_from(db, index, address, now - KNOWN_ADDRESS)
        failed = account_store.attempts_failed(db, index, since, address=address)
        if failed >= tries_max or (not known and account_store.address_failed(db, address, since) >= tries_max):
            raise TooMany("sign_in_too_often", minutes=settings.sign_in_window_minutes, retry_after_s=int(window.total_seconds()))
        if not known and account_store.attempts_failed(db, index, since) >= tries_max:
            last = account_store.last_attempt_at(db, index)
            seconds = math.ceil((SLOWED - (now - last)).total_seconds()) if last else 0
            if seconds > 0:
                raise TooMany("sign_in_slowed", retry_after_s=seconds, seconds=seconds)

    with database.read() as db:
        # Asked once without the write lock, so that hammering costs the gates nothing.
        refuse_too_many(db)
    with database.write() as db:
        refuse_too_many(db)
        account_store.add_attempt(db, login_index=index, address=address, succeeded=False, now=now)
        account = _find(db, login)
        # A worker has no password: nothing matches, with the same work.
        usable = account is not None and account.disabled_at is None and account.password_hash != NO_PASSWORD
        stored = account.password_hash if account and usable else None
    matches, fresh = _matches(password[: PASSWORD_LENGTH_MAX + 1], stored)
    if not matches or account is None:
        raise Unauthorised("sign_in_wrong")
    return _Proof(account, index, address, now, fresh)


class SecondNeeded(Unauthorised):
    """The password was right, and the account has a second step.

    ``waiting`` is the token that goes with the second step; it is given to the page that asks for it, and never to a log.
    """

    def __init__(self, waiting: str) -> None:
        super().__init__("second_needed")
        self.waiting = waiting


def sign_in(
    database: Database,
    settings: Settings,
    *,
    login: str,
    password: str,
    address: str,
    now: datetime,
    agent: str = "",
    vault: Vault | None = None,
    code: str | None = None,
) -> str:
    """Check a password, and the second step where the account has one, and begin a session.

    Args:
        login: as typed.
        address: of the caller, for the limits and for the list of sessions.
        agent: what the browser calls itself, for the list of sessions.
        vault, code: for an account with a second step; without the code it is asked for.

    Returns:
        The token; it is stored nowhere.

    Raises:
        TooMany: ``sign_in_too_often``, ``sign_in_slowed``: too many failures; the password was not looked at.
        Unauthorised: no such login, or not its password; which of the two is not said.
        SecondNeeded: ``second_needed``, the password was right and there is no code.
        Busy: too many sign-ins at this moment.
        As ``sign_in_second``.
    """
    try:
        proof = _proven(database, settings, login=login, password=password, address=address, now=now)
    except Unauthorised:
        with database.write() as db:
            account = _find(db, tidy_login(login))
            outcome = "disabled" if account is not None and account.disabled_at is not None else "wrong"
            second_steps.add_event(
                db, at=now, account_id=account.id if account else None, outcome=outcome, means="password", address=address, agent=agent
            )
        raise
    waiting = ""
    with database.write() as db:
        proof.keep(db)
        account_id = proof.account.id
        if second_step.is_on(db, account_id):
            waiting = secrets.token_urlsafe(32)
            second_steps.add_waiting(db, token_sha256(waiting), account_id, now + SECOND_MINUTES)
        else:
            token = _begun(db, settings, account_id, "password", address, agent, now)
            _journal(db, now, proof.account.login, "sign_in", f"account:{account_id}")
    if not waiting:
        return token
    if code is None or vault is None:
        raise SecondNeeded(waiting)
    return sign_in_second(database, settings, vault, waiting=waiting, code=code, address=address, agent=agent, now=now)


SECOND_MINUTES = timedelta(minutes=5)
"""How long the second step is waited for after the password."""
SECOND_WRONG_A_DAY_MAX = 20
"""Wrong digits of one account in a day: whoever knows the password guesses one of a million codes, three of which are good."""


def sign_in_second(
    database: Database, settings: Settings, vault: Vault, *, waiting: str, code: str, address: str, agent: str = "", now: datetime
) -> str:
    """Check the digits of the telephone, or a recovery code, and begin the session the password was right for.

    Args:
        waiting: the token of ``SecondNeeded``.
        code: as typed, six digits or a recovery code.

    Returns:
        The token of the session.

    Raises:
        Unauthorised: ``second_over``, begin with the password again; ``second_wrong``.
        TooMany: ``sign_in_too_often`` within the window; ``second_too_often`` of a day, a recovery code still lets in.
    """
    with database.write() as db:
        account_id = second_steps.waiting(db, token_sha256(waiting), now)
        if account_id is None:
            raise Unauthorised("second_over")
        note_second_try(db, settings, account_id, code, now)
    with database.write() as db:
        means = second_step.use(db, vault, account_id, code, now)
        account = account_store.account(db, account_id)
        if means is None or account is None or account.disabled_at is not None:
            note_second_wrong(db, account_id, code, address, agent, now)
        else:
            note_second_try(db, settings, account_id, code, now, succeeded=True)
            second_steps.end_waiting(db, token_sha256(waiting))
            token = _begun(db, settings, account_id, means, address, agent, now)
            _journal(db, now, account.login, "sign_in", f"account:{account_id}", facts={"by": means})
            return token
    raise Unauthorised("second_wrong")


def note_second_wrong(db: Session, account_id: int, code: str, address: str, agent: str, now: datetime) -> None:
    """Put a wrong code among the tries to sign in, where its owner and the day's limit see it."""
    means = "totp" if second_step.is_digits(code) else "recovery"
    second_steps.add_event(db, at=now, account_id=account_id, outcome="second_wrong", means=means, address=address, agent=agent)


def note_second_try(db: Session, settings: Settings, account_id: int, code: str, now: datetime, *, succeeded: bool = False) -> None:
    """Count a code of an account as failed before it is looked at, and as succeeded after; wherever it is typed.

    The transaction it is noted in must be committed although the code is refused.

    Raises:
        TooMany: ``sign_in_too_often`` within the window; ``second_too_often`` of a day, a recovery code is still good.
    """
    window = timedelta(minutes=settings.sign_in_window_minutes)
    index = _login_index(f"second step of {account_id}")
    wrong_since = now - timedelta(days=1)
    if not succeeded and second_step.is_digits(code) and second_steps.count_events(db, account_id, "second_wrong", wrong_since) >= SECOND_WRONG_A_DAY_MAX:
        raise TooMany("second_too_often", retry_after_s=3600)
    if not succeeded and account_store.attempts_failed(db, index, now - window) >= settings.sign_in_tries_max:
        raise TooMany("sign_in_too_often", minutes=settings.sign_in_window_minutes, retry_after_s=int(window.total_seconds()))
    account_store.add_attempt(db, login_index=index, address="", succeeded=succeeded, now=now)


def begin_second_step(db: Session, vault: Vault, person: Person, *, by: str | None = None, now: datetime) -> bytes:
    """Make the secret of somebody's second step and return it: it waits for the first code (``second_step.confirm``).

    Args:
        by: who does it beside him; himself when absent.

    Raises:
        BadRequest: ``second_not_begun``: an account without a password, a worker's own.
        Conflict: ``second_step_on``.
    """
    if account_store.account(db, person.account_id).password_hash == NO_PASSWORD:
        raise BadRequest("second_not_begun")
    return second_step.begin(db, vault, account_id=person.account_id, login=by or person.login, now=now)


def with_code(
    db: Session, settings: Settings, *, account_id: int, code: str, address: str, agent: str, now: datetime, do: Callable[[], _Done]
) -> _Done:
    """Do what wants a code of one's own, guessed no faster than at the sign-in, also in a session that was left open.

    The try is on record: the transaction must be committed although ``do`` is refused and undone.

    Raises:
        TooMany: as ``note_second_try``; or what ``do`` raises.
    """
    note_second_try(db, settings, account_id, code, now)
    try:
        with db.begin_nested():
            done = do()
    except ServiceError as error:
        if error.code == "second_wrong":
            note_second_wrong(db, account_id, code, address, agent, now)
        raise
    note_second_try(db, settings, account_id, code, now, succeeded=True)
    return done


def _begun(
    db: Session, settings: Settings, account_id: int, means: str, address: str, agent: str, now: datetime, *,
    lasts: timedelta | None = None, code_by: str | None = None,
) -> str:  # fmt: skip
    second_steps.add_event(db, at=now, account_id=account_id, outcome="in", means=means, address=address, agent=agent)
    return begin_session(
        db, settings, account_id=account_id, now=now, address=address, agent=agent, second=means in second_step.MEANS, lasts=lasts,
        code_by=code_by,
    )  # fmt: skip


def begin_session(
    db: Session, settings: Settings, *, account_id: int, now: datetime, address: str = "", agent: str = "", second: bool = False,
    lasts: timedelta | None = None, code_by: str | None = None,
) -> str:  # fmt: skip
    """Begin a session without a password, for somebody who proved himself another way (and for tests).

    Args:
        lasts: None: as long as a sign-in lasts.
        code_by: login of who made the code he came in with.
    """
    token = secrets.token_urlsafe(32)
    account_store.add_sign_in(
        db,
        token_sha256=token_sha256(token),
        account_id=account_id,
        now=now,
        expires_at=now + (lasts or timedelta(hours=settings.session_hours)),
        address=address,
        agent=agent,
        second=second,
        code_by=code_by,
    )
    return token


CODE_MINUTES = 30
"""How long a code of one use is good: he stands beside the officer who makes it."""
CODE_MINUTES_PRINTED = 24 * 60
"""... and one that is printed for somebody who has no telephone with him."""
_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without what looks alike: 0 O, 1 I L."""
_CODE_LENGTH = 10


def _code_sha256(code: str) -> str:
    plain = "".join(c for c in tidy_login(code).upper() if c in _CODE_LETTERS)
    return hashlib.sha256(b"muster sign-in code\0" + plain.encode()).hexdigest()


def issue_code(
    db: Session, person: Person | None, *, project_id: int, worker_id: int, printed: bool = False, now: datetime
) -> tuple[str, datetime]:
    """Make a code of one use for a worker who stands at the desk; it is shown once. Returns the code and until when.

    Args:
        printed: it goes on paper and is good for a day.

    Raises:
        As ``require_on`` for ``papers.write``.
        NotFound: ``worker_not_on_project``.
    """
    person = signed_in(person)
    require_on(db, person, "papers.write", project_id)
    if not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    until = now + timedelta(minutes=CODE_MINUTES_PRINTED if printed else CODE_MINUTES)
    account_store.add_code(
        db, project_id=project_id, worker_id=worker_id, code_sha256=_code_sha256(letters), by=person.login, now=now, expires_at=until
    )
    _journal(db, now, person.login, "code_issued", f"worker:{worker_id}", project_id)
    return f"{letters[:5]}-{letters[5:]}", until


def sign_in_by_code(
    database: Database, settings: Settings, *, code: str, address: str, lasts: timedelta | None = None, now: datetime, agent: str = ""
) -> str:
    """A code becomes a session of the worker it was made for; it is used up. Returns the token.

    The worker's account is made at his first sign-in, without a password: he comes in by codes alone. Wrong codes of an
    address count like wrong passwords (``sign_in``).

    Args:
        lasts: how long the session lasts; None: as any sign-in.

    Raises:
        TooMany: ``sign_in_too_often``.
        Unauthorised: ``code_wrong``: no such code, used, or over.
    """
    window = timedelta(minutes=settings.sign_in_window_minutes)
    address, index = address[:64], _login_index("code")
    with database.write() as db:
        if account_store.attempts_failed(db, index, now - window, address=address) >= settings.sign_in_tries_max:
            raise TooMany("sign_in_too_often", minutes=settings.sign_in_window_minutes, retry_after_s=int(window.total_seconds()))
        # Kept although the request is refused; a success outweighs it.
        account_store.add_attempt(db, login_index=index, address=address, succeeded=False, now=now)
    with database.write() as db:
        found = account_store.use_code(db, _code_sha256(code), now)
        if found is None:
            raise Unauthorised("code_wrong")
        project_id, worker_id, code_by = found
        account_store.add_attempt(db, login_index=index, address=address, succeeded=True, now=now)
        login = f"worker.{worker_id}"
        account = account_store.account_by_login(db, login)
        if account is None:
            name = people.worker(db, worker_id).name
            account_id = account_store.add_account(db, login=login, name=name, password_hash=NO_PASSWORD, language="zh", now=now)
        elif account.disabled_at is not None or account.password_hash != NO_PASSWORD:
            raise Unauthorised("code_wrong")
        else:
            account_id = account.id
        account_store.add_membership(db, account_id=account_id, role=Role.WORKER, project_id=project_id, worker_id=worker_id)
        token = _begun(db, settings, account_id, "code", address, agent, now, lasts=lasts, code_by=code_by)
        _journal(db, now, login, "sign_in", f"account:{account_id}", project_id, {"by": "code", "code_by": code_by})
    return token


def sign_out(db: Session, token: str, now: datetime) -> None:
    """End a session, at once and everywhere. A token nobody holds is no error."""
    account_store.revoke_sign_in(db, token_sha256(token), now)


def end_session(db: Session, person: Person, session_id: str, now: datetime) -> None:
    """End one of one's own sessions, by the name it has in the list.

    Raises:
        NotFound: ``session_unknown``: over already, or somebody else's.
    """
    found = next((s for s in second_steps.sessions(db, person.account_id, now) if s.id == session_id), None)
    if found is None:
        raise NotFound("session_unknown")
    account_store.revoke_sign_in(db, found.token_sha256, now)
    _journal(db, now, person.login, "session_ended", f"account:{person.account_id}")


def end_other_sessions(db: Session, person: Person, token: str, now: datetime) -> int:
    """End every session of one's own but this one; returns how many."""
    ended = account_store.revoke_sign_ins(db, person.account_id, now, but=token_sha256(token))
    _journal(db, now, person.login, "sessions_ended", f"account:{person.account_id}", facts={"sessions_ended": ended})
    return ended


def sign_out_everywhere(db: Session, person: Person, now: datetime) -> int:
    """End every session of one's own account; return how many."""
    ended = account_store.revoke_sign_ins(db, person.account_id, now)
    _journal(db, now, person.login, "signed_out_everywhere", f"account:{person.account_id}", facts={"sessions_ended": ended})
    return ended


def sessions_of_worker(db: Session, worker_id: int, now: datetime) -> int:
    """How many sessions of a worker's account are alive."""
    account = account_store.account_by_login(db, f"worker.{worker_id}")
    return 0 if account is None else account_store.sessions_alive(db, account.id, now)


def end_worker_sessions(db: Session, person: Person | None, *, project_id: int, worker_id: int, now: datetime) -> int:
    """The labour officer ends a worker's sessions, whose telephone was lost; returns how many. A code not used yet ends, too.

    Raises:
        As ``require_on`` for ``papers.write``.
        NotFound: ``worker_not_on_project``.
    """
    person = signed_in(person)
    require_on(db, person, "papers.write", project_id)
    if not people.engagements_of(db, project_id, worker_id):
        raise NotFound("worker_not_on_project")
    account_store.end_codes(db, project_id, worker_id, now)
    account = account_store.account_by_login(db, f"worker.{worker_id}")
    ended = 0 if account is None else account_store.revoke_sign_ins(db, account.id, now)
    _journal(db, now, person.login, "worker_signed_out", f"worker:{worker_id}", project_id, {"sessions_ended": ended})
    return ended


def session_of(db: Session, token: str) -> tuple[datetime, str | None] | None:
    """When a session began, and who made the code it began with; None when there is no such session."""
    return account_store.session(db, token_sha256(token))


def set_cookie(response: Response, settings: Settings, token: str, lasts: timedelta | None = None, *, keep: bool = True) -> None:
    """Give a browser its session. Scripts cannot read it, and other sites' forms do not send it.

    Args:
        lasts: None: as long as a sign-in lasts.
        keep: False: forgotten when the browser is closed.
    """
    response.set_cookie(
        COOKIE,
        token,
        max_age=int((lasts or timedelta(hours=settings.session_hours)).total_seconds()) if keep else None,
        path="/",
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )


def drop_cookie(response: Response, settings: Settings) -> None:
    """Take it back."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=settings.secure_cookies)


# --- keeping accounts ----------------------------------------------------------------------------------------


def check_password(login: str, password: str) -> None:
    """Refuse a password nobody should have.

    Raises:
        BadRequest: shorter than 10 characters, too long, or the login itself.
    """
    if len(password) < PASSWORD_LENGTH_MIN:
        raise BadRequest("password_too_short", length_min=PASSWORD_LENGTH_MIN)
    if len(password) > PASSWORD_LENGTH_MAX:
        raise BadRequest("password_too_long", length_max=PASSWORD_LENGTH_MAX)
    if tidy_login(password) == tidy_login(login):
        raise BadRequest("password_is_login")


def hashed(login: str, password: str) -> str:
    """The hash of an acceptable password.

    Raises:
        BadRequest: as ``check_password``.
        Busy: too many are hashed at this moment.
    """
    check_password(login, password)
    with _hash_place():
        return PASSWORDS.hash(_bytes(password))


def _bytes(password: str) -> bytes:
    # A half character (a lone surrogate out of JSON) is not UTF-8; it must be a wrong password, not an error.
    return password.encode("utf-8", "surrogatepass")


def create_account(
    db: Session, *, login: str, name: str, password: str, language: str = "zh", by: str = "cli", now: datetime
) -> int:
    """Make an account without any role; returns its id.

    The password is hashed before the first statement: nobody waits for a lock meanwhile.

    Raises:
        BadRequest: the login, the name or the password is not acceptable.
        Conflict: the login is taken, or is of the kind that workers' accounts have.
    """
    login = tidy_login(login)
    name = name.strip()
    if not LOGIN.fullmatch(login):
        raise BadRequest("login_malformed")
    if WORKER_LOGIN.fullmatch(login):
        # Whoever had it before the worker came would be the worker, and have a password besides.
        raise Conflict("login_taken")
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise BadRequest("account_name_wrong")
    if language not in ("zh", "en"):
        raise BadRequest("language_unknown")
    password_hash = hashed(login, password)
    if _find(db, login) is not None:
        raise Conflict("login_taken")
    account_id = account_store.add_account(
        db, login=login, name=name, password_hash=password_hash, language=language, now=now
    )
    _journal(db, now, by, "account_created", f"account:{account_id}")
    return account_id


def set_password(db: Session, *, login: str, password: str, by: str = "cli", now: datetime) -> None:
    """Give an account a new password and end its sessions: whoever knew the old one is out.

    Raises:
        NotFound: no such account.
        BadRequest: the password is not acceptable; ``role_by_code``, a worker's account has none.
    """
    password_hash = hashed(login, password)
    account = _account(db, login)
    _refuse_of_worker(account)
    account_store.set_password(db, account.id, password_hash)
    account_store.revoke_sign_ins(db, account.id, now)
    _journal(db, now, by, "password_set", f"account:{account.id}")


def change_password(
    database: Database,
    settings: Settings,
    *,
    person: Person,
    token: str,
    old: str,
    new: str,
    address: str,
    now: datetime,
) -> None:
    """Give oneself a new password; every other session of the account ends.

    Takes the database as ``sign_in`` does, and asks for the old password under the same limits: a session that
    somebody left open must not be a way to guess it.

    Args:
        token: of the session that goes on.

    Raises:
        BadRequest: ``password_old_wrong``; ``password_unchanged``; the new password is not acceptable.
        TooMany, Busy: as ``sign_in``.
    """
    check_password(person.login, new)
    if new == old:
        raise BadRequest("password_unchanged")
    try:
        proof = _proven(database, settings, login=person.login, password=old, address=address, now=now)
    except Unauthorised:
        raise BadRequest("password_old_wrong") from None
    password_hash = hashed(person.login, new)
    with database.write() as db:
        proof.keep(db)
        account_store.set_password(db, person.account_id, password_hash)
        ended = account_store.revoke_sign_ins(db, person.account_id, now, but=token_sha256(token))
        what = f"account:{person.account_id}"
        _journal(db, now, person.login, "password_changed", what, facts={"sessions_ended": ended})


def reset_second_step(db: Session, *, login: str, by: str = "cli", now: datetime) -> None:
    """Take the second step off an account whose owner lost his telephone and his recovery codes; its sessions end.

    Raises:
        NotFound: ``account_unknown``; ``second_step_unknown``, it has none.
        Conflict: ``own_second_step``: one's own is taken off with a code.
    """
    account = _account(db, login)
    if account.login == by:
        raise Conflict("own_second_step")
    if not second_steps.remove_step(db, account.id):
        raise NotFound("second_step_unknown")
    account_store.revoke_sign_ins(db, account.id, now)
    _journal(db, now, by, "second_step_reset", f"account:{account.id}")


def enable_account(db: Session, *, login: str, by: str = "cli", now: datetime) -> None:
    """Let an account that was disabled sign in again, with the password and the roles it had.

    Raises:
        NotFound: no such account.
    """
    account = _account(db, login)
    if account.disabled_at is not None:
        account_store.enable_account(db, account.id)
        _journal(db, now, by, "account_enabled", f"account:{account.id}")


def add_role(
    db: Session,
    *,
    login: str,
    role: str,
    project_id: int | None = None,
    area_code: str | None = None,
    project_company_id: int | None = None,
    team_id: int | None = None,
    by: str = "cli",
    now: datetime,
) -> None:
    """Give an account a role. Giving the same role twice is giving it once.

    Args:
        project_company_id: of the project, for a subcontractor and nobody else.
        team_id: of the project, for a team leader and nobody else.

    Raises:
        NotFound: no such account or project; ``project_company_unknown`` or ``team_unknown`` on it.
        BadRequest: no such role; ``role_reach_wrong``, the role wants a project, an area code, or neither;
            ``role_part_wrong``, it wants a company or a team, or neither; ``role_by_code``, the account is a worker's own.
    """
    account = _account(db, login)
    _refuse_of_worker(account)
    if role not in set(Role):
        raise BadRequest("role_unknown")
    wanted = Role(role)
    if wanted is Role.WORKER:
        # He proves who he is to the labour officer and gets in by a code (``issue_code``); nobody is made a worker by hand.
        raise BadRequest("role_by_code")
    if (project_id is not None) != (wanted in PROJECT_ROLES) or bool(area_code) != (wanted is Role.INSPECTOR):
        raise BadRequest("role_reach_wrong", role=wanted.value)
    if area_code is not None and not re.fullmatch(r"[0-9]{2,12}", area_code):
        raise BadRequest("area_code_malformed")
    has_company, has_team = project_company_id is not None, team_id is not None
    if has_company != (wanted is Role.SUBCONTRACTOR) or has_team != (wanted is Role.TEAM_LEADER):
        raise BadRequest("role_part_wrong", role=wanted.value)
    if project_id is not None:
        people.project(db, project_id)
        if has_company and project_company_id not in {c.id for c in people.project_companies(db, project_id)}:
            raise NotFound("project_company_unknown")
        if has_team and team_id not in {team.id for team in people.teams(db, project_id)}:
            raise NotFound("team_unknown")
    reach = (wanted.value, project_id, area_code or None, project_company_id, team_id)
    held = account_store.memberships(db, account.id)
    if any((m.role, m.project_id, m.area_code, m.project_company_id, m.team_id) == reach for m in held):
        return
    account_store.add_membership(
        db, account_id=account.id, role=wanted.value, project_id=project_id, area_code=area_code or None,
        project_company_id=project_company_id, team_id=team_id,
    )  # fmt: skip
    parts = {"area_code": area_code, "project_company": project_company_id, "team": team_id}
    facts = {"role": wanted.value, **{name: part for name, part in parts.items() if part}}
    _journal(db, now, by, "role_given", f"account:{account.id}", project_id, facts)


def _refuse_of_worker(account: account_store.AccountInfo) -> None:
    """A worker's account opens by a code that the labour officer makes: what else it could do, the officer could do in his name."""
    if account.password_hash == NO_PASSWORD:
        raise BadRequest("role_by_code")


GIVEN_BY_MANAGER = frozenset({Role.GUARD, Role.SUBCONTRACTOR, Role.TEAM_LEADER})
"""What a project manager gives and takes on his own project (DECISIONS.md 79): not who records money, and not his own kind."""


def give_on_project(
    db: Session, person: Person, *, project_id: int, login: str, role: str, project_company_id: int | None = None,
    team_id: int | None = None, now: datetime,
) -> None:  # fmt: skip
    """A project manager gives somebody a role on his own project. The account is there already: the administrator makes it.

    Raises:
        As ``add_role``.
        Forbidden: ``role_of_administrator``, a role that the administrator gives; ``own_role``.
    """
    _refuse_beyond_manager(person, login, role)
    add_role(
        db, login=login, role=role, project_id=project_id, project_company_id=project_company_id, team_id=team_id, by=person.login, now=now
    )


def take_on_project(db: Session, person: Person, *, project_id: int, login: str, role_id: int, now: datetime) -> None:
    """A project manager takes a role back that he could have given.

    Raises:
        NotFound: no such account; ``role_not_held``, not on this project.
        Forbidden: as ``give_on_project``.
    """
    account = _account(db, login)
    held = next((m for m in account_store.memberships(db, account.id) if m.id == role_id and m.project_id == project_id), None)
    if held is None:
        raise NotFound("role_not_held")
    _refuse_beyond_manager(person, login, held.role)
    remove_role(db, login=login, role_id=role_id, by=person.login, now=now)


def _refuse_beyond_manager(person: Person, login: str, role: str) -> None:
    if role not in GIVEN_BY_MANAGER:
        raise Forbidden("role_of_administrator")
    if tidy_login(login) == person.login:
        raise Forbidden("own_role")


def remove_role(db: Session, *, login: str, role_id: int, by: str = "cli", now: datetime) -> None:
    """Take a role back. It holds at once: roles are read at every request.

    Raises:
        NotFound: no such account, or it has no such role.
        Conflict: ``own_account``: an administrator does not lock himself out; ``last_administrator``.
    """
    account = _account(db, login)
    held = next((m for m in account_store.memberships(db, account.id) if m.id == role_id), None)
    if held is None:
        raise NotFound("role_not_held")
    if account.login == by and held.role == Role.ADMINISTRATOR:
        raise Conflict("own_account")
    if held.role == Role.ADMINISTRATOR:
        _refuse_last_administrator(db, account.id)
    account_store.remove_membership(db, role_id)
    _journal(db, now, by, "role_taken", f"account:{account.id}", held.project_id, {"role": held.role})


def disable_account(db: Session, *, login: str, by: str = "cli", now: datetime) -> None:
    """Let an account sign in no more and end its sessions. What it did stays under its name.

    Raises:
        NotFound: no such account.
        Conflict: ``own_account``: nobody disables himself; ``last_administrator``.
    """
    account = _account(db, login)
    if account.login == by:
        raise Conflict("own_account")
    _refuse_last_administrator(db, account.id)
    account_store.disable_account(db, account.id, now)
    _journal(db, now, by, "account_disabled", f"account:{account.id}")


def _refuse_last_administrator(db: Session, account_id: int) -> None:
    # Locked until the end: of two administrators who put each other out at once, one stays.
    if account_store.enabled_with(db, Role.ADMINISTRATOR) == {account_id}:
        raise Conflict("last_administrator")


def _account(db: Session, login: str) -> account_store.AccountInfo:
    account = _find(db, tidy_login(login))
    if account is None:
        raise NotFound("account_unknown")
    return account


def _find(db: Session, login: str) -> account_store.AccountInfo | None:
    # What no login can be is not asked of the database: NUL and half characters are errors there, not misses.
    return account_store.account_by_login(db, login) if LOGIN.fullmatch(login) else None


def _journal(
    db: Session,
    now: datetime,
    actor: str,
    action: str,
    what: str,
    project_id: int | None = None,
    facts: dict | None = None,
) -> None:
    account_store.journal(
        db, at=now, actor=actor, action=action, project_id=project_id, object=what, facts=facts or {}
    )


# --- forms of other sites ------------------------------------------------------------------------------------


class SameOrigin:
    """Refuse an unsafe request that another site's page makes in our reader's browser (403 ``cross_site``).

    Asked of every request that carries the session cookie, and of signing in, where there is no cookie yet and
    a foreign form could sign the reader in as somebody else. Gates and bearer callers send no cookie and pass:
    they prove themselves on every request. Browsers have sent ``Origin`` with every POST for years; a cookie
    sent with neither header is a script's, and the cookie is SameSite=Lax besides (web.md 6).
    """

    SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
    SIGN_IN_PATHS = frozenset({"/sign-in", "/sign-in/second", "/v1/sign-in", "/v1/sign-in/code", "/screen", "/me/enter"})

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in self.SAFE or not self._foreign(scope):
            await self.app(scope, receive, send)
            return
        body = json.dumps(error_body("cross_site", language_of(Request(scope))), ensure_ascii=False).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": head})
        await send({"type": "http.response.body", "body": body})

    def _foreign(self, scope: Scope) -> bool:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        carries = any(COOKIE in cookie_parser(line) for line in headers.get("cookie", ()))
        if not carries and scope["path"] not in self.SIGN_IN_PATHS:
            return False
        if any(site not in ("same-origin", "none") for site in headers.get("sec-fetch-site", ())):
            return True
        host = headers.get("host", [""])[0].lower()
        # "null" (a sandboxed frame, a data: page) has no "//" and so never equals a host.
        return any(origin.lower().partition("://")[2] != host for origin in headers.get("origin", ()))
