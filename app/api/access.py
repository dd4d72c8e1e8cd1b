"""Sign-ins and accounts.

    POST   /v1/sign-in                          a password becomes a token
    DELETE /v1/sign-in                          ... which ends here
    GET    /v1/me                               who am I, and what may I reach
    GET    /v1/accounts                         the administrator's list
    POST   /v1/accounts
    POST   /v1/accounts/{login}/roles
    DELETE /v1/accounts/{login}/roles/{role_id}
    POST   /v1/accounts/{login}/password
    POST   /v1/accounts/{login}/disable         ... /enable
    POST   /v1/me/second-step                   a secret for my telephone; confirm, codes, remove: with a code of it
    DELETE /v1/accounts/{login}/second-step     for somebody who lost his telephone and his recovery codes
    GET    /v1/me/sessions                      where I am signed in
    DELETE /v1/me/sessions/{session_id}
    GET    /v1/me/sign-ins                      how I signed in, or somebody tried to
    GET    /v1/sign-ins                         everybody's
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app import access, second_step
from app.access import Person
from app.api.once import keyed
from app.api.who import Now, Someone
from app.db import Database, Reading, Tx, Whole
from app.domain import totp
from app.errors import ServiceError
from app.store import accounts, second_steps
from app.web import about, error_body

router = APIRouter(tags=["accounts"])

ROW_ID_MAX = 2**63 - 1
"""Largest row id of either database; a larger one in a path is a 422, not a crash of the driver."""


def only(thing: str) -> Any:
    """The query parameter ``worker_id`` (``team_id`` ...) of a route that shows nothing else when it is given: noted for the journal."""

    async def chosen(
        request: Request, number: Annotated[int | None, Query(alias=f"{thing}_id", ge=1, le=ROW_ID_MAX, description=f"Only this {thing}")] = None
    ) -> int | None:
        if number is not None:
            about(request, thing, number)
        return number

    return Depends(chosen)


def refusals(*codes: tuple[int, str]) -> dict[int | str, dict]:
    """OpenAPI text for the refusals of a route: (status, code) pairs, several of one status as examples."""
    told: dict[int | str, dict] = {}
    for status, code in codes:
        entry = told.setdefault(status, {"content": {"application/json": {"examples": {}}}, "description": ""})
        entry["description"] = ", ".join(filter(None, [entry["description"], f"`{code}`"]))
        entry["content"]["application/json"]["examples"][code] = {"value": error_body(code, "en")}
    return told


NOBODY = (401, "sign_in_needed")
NOT_ALLOWED = (403, "not_allowed")
UNKNOWN_PROJECT = (404, "project_unknown")


def _administrator(person: Someone) -> Person:
    return access.require(person, "accounts.write")


Administrator = Annotated[Person, Depends(_administrator, scope="function")]

Login = Annotated[str, Path(max_length=64, description="Login of the account", examples=["wang.labour"])]


class SignIn(BaseModel):
    """A login and its password."""

    model_config = ConfigDict(json_schema_extra={"example": {"login": "wang.labour", "password": "a long sentence"}})
    login: str = Field(max_length=256)
    password: str = Field(max_length=1024)
    code: str | None = Field(None, max_length=64, description="Digits of the authenticator, or a recovery code, where the account has a second step")


class Token(BaseModel):
    """A session. Send the token as ``Authorization: Bearer <token>``; it is not stored and not shown again."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"token": "f3V0…", "expires_at": "2026-03-02T20:00:00Z", "login": "wang.labour"}}
    )
    token: str
    expires_at: datetime
    login: str


class RoleOut(BaseModel):
    """One role."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"id": 4, "role": "labour_officer", "project_id": 1, "area_code": None}}
    )
    id: int | None = Field(None, description="Only in the administrator's list: names the role when it is taken back")
    role: str
    project_id: int | None
    area_code: str | None
    project_company_id: int | None = Field(None, description="The company on the project a subcontractor is of")
    team_id: int | None = Field(None, description="The team a team leader leads")


class ProjectLine(BaseModel):
    """A project somebody may know of."""

    id: int
    code: str
    name: str


class Me(BaseModel):
    """Who asks."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "login": "wang.labour",
                "name": "王芳",
                "language": "zh",
                "roles": [{"id": None, "role": "labour_officer", "project_id": 1, "area_code": None}],
                "projects": [{"id": 1, "code": "PH-2026-001", "name": "示例项目一期"}],
            }
        }
    )
    login: str
    name: str
    language: str
    roles: list[RoleOut]
    projects: list[ProjectLine]


class AccountIn(BaseModel):
    """A new account; roles are given afterwards."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"login": "wang.labour", "name": "王芳", "password": "a long sentence", "language": "zh"}
        }
    )
    login: str = Field(max_length=64)
    name: str = Field(max_length=100)
    password: str = Field(max_length=1024)
    language: str = Field("zh", max_length=8)


class AccountOut(BaseModel):
    """An account as the administrator sees it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "login": "wang.labour",
                "name": "王芳",
                "language": "zh",
                "disabled_at": None,
                "roles": [{"id": 4, "role": "labour_officer", "project_id": 1, "area_code": None}],
            }
        }
    )
    login: str
    name: str
    language: str
    disabled_at: datetime | None
    second_step: bool = Field(False, description="It is asked for a second step")
    roles: list[RoleOut]


class SessionOut(BaseModel):
    """A session that is still good."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "3f2a1b4c5d6e7f80", "created_at": "2026-03-02T08:00:00Z", "seen_at": "2026-03-02T09:30:00Z",
                "expires_at": "2026-03-02T20:00:00Z", "address": "192.168.1.20", "agent": "Mozilla/5.0 ...", "second": False, "here": True,
            }
        }
    )  # fmt: skip
    id: str
    created_at: datetime
    seen_at: datetime | None = Field(description="Last answered, to five minutes")
    expires_at: datetime
    address: str
    agent: str
    second: bool = Field(description="It had a second step")
    here: bool = Field(description="The one this request carries")


class SignInOut(BaseModel):
    """A try to sign in."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": 7, "at": "2026-03-02T08:00:00Z", "login": "wang.labour", "outcome": "in", "means": "password",
                "address": "192.168.1.20", "agent": "Mozilla/5.0 ...",
            }
        },
    )  # fmt: skip
    id: int
    at: datetime
    login: str | None = Field(description="null: no account has the login that was typed")
    outcome: str = Field(description="in, wrong, disabled or second_wrong")
    means: str = Field(description="password, totp, recovery or code")
    address: str
    agent: str


class RoleIn(BaseModel):
    """A role: with a project for all of a project, with its company for subcontractor and its team for team_leader; with an
    area code for inspector."""

    model_config = ConfigDict(json_schema_extra={"example": {"role": "labour_officer", "project_id": 1}})
    role: str = Field(max_length=20)
    project_id: int | None = Field(None, ge=1, le=ROW_ID_MAX)
    area_code: str | None = Field(None, max_length=12)
    project_company_id: int | None = Field(None, ge=1, le=ROW_ID_MAX, description="For subcontractor")
    team_id: int | None = Field(None, ge=1, le=ROW_ID_MAX, description="For team_leader")


class PasswordIn(BaseModel):
    """A new password."""

    model_config = ConfigDict(json_schema_extra={"example": {"password": "another long sentence"}})
    password: str = Field(max_length=1024)


@router.post(
    "/v1/sign-in",
    summary="Sign in",
    responses=refusals(
        (401, "sign_in_wrong"), (401, "second_needed"), (401, "second_wrong"), (403, "cross_site"), (429, "sign_in_too_often"),
        (429, "second_too_often"), (429, "sign_in_slowed"), (503, "sign_in_busy"),
    ),
)
def sign_in(request: Request, body: SignIn, now: Now) -> Token:
    """A password becomes a token.

    After five failures of an address within five minutes: 429 until they are past. After five of a login from
    wherever, a try every ten seconds, save from an address where it has succeeded before.
    """
    settings = request.app.state.settings
    token = access.sign_in(
        request.app.state.database,
        settings,
        login=body.login,
        password=body.password,
        address=request.client.host if request.client else "unknown",
        agent=request.headers.get("user-agent", ""),
        vault=request.app.state.vault,
        code=body.code,
        now=now,
    )
    return Token(
        token=token,
        expires_at=now + timedelta(hours=settings.session_hours),
        login=access.tidy_login(body.login),
    )


@router.delete("/v1/sign-in", summary="Sign out", status_code=204, responses=refusals(NOBODY))
def sign_out(request: Request, person: Someone, db: Tx, now: Now) -> Response:
    """End the session this request carries, at once and everywhere."""
    del person
    access.sign_out(db, access.token_of_request(request) or "", now)
    response = Response(status_code=204)
    if access.COOKIE in request.cookies:
        access.drop_cookie(response, request.app.state.settings)
    return response


@router.get("/v1/me", summary="Who am I", responses=refusals(NOBODY))
def me(person: Someone, db: Reading) -> Me:
    """The signed-in person, his roles, and the projects he may know of."""
    return Me(
        login=person.login,
        name=person.name,
        language=person.language,
        roles=[
            RoleOut(role=m.role, project_id=m.project_id, area_code=m.area_code, project_company_id=m.project_company_id, team_id=m.team_id)
            for m in person.memberships
        ],
        projects=[ProjectLine(id=p.id, code=p.code, name=p.name) for p in access.projects_of(db, person)],
    )


@router.get("/v1/accounts", summary="List accounts", responses=refusals(NOBODY, NOT_ALLOWED))
def list_accounts(person: Administrator, db: Reading) -> list[AccountOut]:
    """Every account with its roles, by login."""
    del person
    return [_account_out(db, account) for account in accounts.accounts(db)]


@router.post(
    "/v1/accounts",
    summary="Add an account",
    status_code=201,
    responses=refusals(NOBODY, NOT_ALLOWED, (400, "password_too_short"), (400, "login_malformed"), (409, "login_taken")),
)
@keyed(status=201)
def add_account(person: Administrator, db: Tx, body: AccountIn, now: Now) -> AccountOut:
    """An account that may do nothing yet: give it a role."""
    account_id = access.create_account(
        db,
        login=body.login,
        name=body.name,
        password=body.password,
        language=body.language,
        by=person.login,
        now=now,
    )
    return _account_out(db, accounts.account(db, account_id))


@router.post(
    "/v1/accounts/{login}/roles",
    summary="Give a role",
    status_code=201,
    responses=refusals(NOBODY, NOT_ALLOWED, (400, "role_reach_wrong"), (404, "account_unknown"), UNKNOWN_PROJECT),
)
@keyed(status=201)
def add_role(person: Administrator, db: Tx, login: Login, body: RoleIn, now: Now) -> AccountOut:
    """Give an account one more role; the same role again changes nothing."""
    access.add_role(
        db,
        login=login,
        role=body.role,
        project_id=body.project_id,
        area_code=body.area_code,
        project_company_id=body.project_company_id,
        team_id=body.team_id,
        by=person.login,
        now=now,
    )
    return _account_out(db, accounts.account_by_login(db, access.tidy_login(login)))


@router.delete(
    "/v1/accounts/{login}/roles/{role_id}",
    summary="Take a role back",
    status_code=204,
    responses=refusals(
        NOBODY, NOT_ALLOWED, (404, "account_unknown"), (404, "role_not_held"), (409, "own_account"), (409, "last_administrator")
    ),
)
@keyed(status=204)
def remove_role(
    person: Administrator, db: Tx, login: Login, role_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)], now: Now
) -> None:
    """It holds at once: roles are read at every request."""
    access.remove_role(db, login=login, role_id=role_id, by=person.login, now=now)


@router.post(
    "/v1/accounts/{login}/password",
    summary="Set a password",
    status_code=204,
    responses=refusals(NOBODY, NOT_ALLOWED, (400, "password_too_short"), (400, "password_is_login"), (404, "account_unknown")),
)
def set_password(person: Administrator, db: Tx, login: Login, body: PasswordIn, now: Now) -> None:
    """Give an account a new password; its sessions end."""
    access.set_password(db, login=login, password=body.password, by=person.login, now=now)


@router.post(
    "/v1/accounts/{login}/disable",
    summary="Disable an account",
    status_code=204,
    responses=refusals(NOBODY, NOT_ALLOWED, (404, "account_unknown"), (409, "own_account"), (409, "last_administrator")),
)
@keyed(status=204)
def disable_account(person: Administrator, db: Tx, login: Login, now: Now) -> None:
    """It signs in no more and its sessions end; what it did stays under its name."""
    access.disable_account(db, login=login, by=person.login, now=now)


@router.post(
    "/v1/accounts/{login}/enable",
    summary="Let an account sign in again",
    status_code=204,
    responses=refusals(NOBODY, NOT_ALLOWED, (404, "account_unknown")),
)
@keyed(status=204)
def enable_account(person: Administrator, db: Tx, login: Login, now: Now) -> None:
    """With the password and the roles it had."""
    access.enable_account(db, login=login, by=person.login, now=now)


@router.delete(
    "/v1/accounts/{login}/second-step",
    summary="Take the second step off an account",
    status_code=204,
    responses=refusals(NOBODY, NOT_ALLOWED, (404, "account_unknown"), (404, "second_step_unknown"), (409, "own_second_step")),
)
@keyed(status=204)
def reset_second_step(person: Administrator, db: Tx, login: Login, now: Now) -> None:
    """For somebody who lost his telephone and his recovery codes; the account's sessions end."""
    access.reset_second_step(db, login=login, by=person.login, now=now)


class SecretOut(BaseModel):
    """A secret for an authenticator; shown once, and of no use before its first code."""

    model_config = ConfigDict(json_schema_extra={"example": {"secret": "JBSW Y3DP …", "address": "otpauth://totp/Muster:wang.labour?secret=…"}})
    secret: str = Field(description="As it is typed in")
    address: str = Field(description="As an authenticator reads it from a QR code")


class StepCodeIn(BaseModel):
    """Digits of the authenticator; a recovery code where one is good."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "123456"}})
    code: str = Field(max_length=64)


class RecoveryOut(BaseModel):
    """Recovery codes; shown once, each good once."""

    model_config = ConfigDict(json_schema_extra={"example": {"recovery_codes": ["7KQ2M-XW94T"]}})
    recovery_codes: list[str]


_BY_CODE = (NOBODY, (400, "second_wrong"), (429, "sign_in_too_often"), (429, "second_too_often"))


@router.post(
    "/v1/me/second-step", summary="Begin a second step", status_code=201,
    responses=refusals(NOBODY, (400, "second_not_begun"), (409, "second_step_on")),
)  # fmt: skip
def begin_second_step(request: Request, person: Someone, db: Tx, now: Now) -> SecretOut:
    """It is asked for from its first code on (confirm). Begun again, the secret is a new one."""
    secret = access.begin_second_step(db, request.app.state.vault, person, now=now)
    return SecretOut(
        secret=totp.secret_text(secret), address=totp.address(secret, issuer=second_step.ISSUER, login=person.login)
    )


def _by_code(request: Request, person: Person, database: Database, code: str, now: datetime, do: Callable[[Session], Any]) -> Any:
    """As ``access.with_code``: a code that is refused is on record."""
    with database.write() as db:
        try:
            return access.with_code(
                db, request.app.state.settings, account_id=person.account_id, code=code,
                address=request.client.host if request.client else "", agent=request.headers.get("user-agent", ""), now=now, do=lambda: do(db),
            )  # fmt: skip
        except ServiceError as error:
            refused = error
    raise refused


@router.post(
    "/v1/me/second-step/confirm", summary="The first code of my second step",
    responses=refusals(*_BY_CODE, (400, "second_not_begun"), (409, "second_step_on")),
)  # fmt: skip
def confirm_second_step(request: Request, person: Someone, database: Whole, now: Now, body: StepCodeIn) -> RecoveryOut:
    """From now on it is asked for at each sign-in; this session has had it."""
    here = access.token_sha256(access.token_of_request(request) or "")
    told = {"account_id": person.account_id, "login": person.login, "token_sha256": here, "code": body.code, "now": now}
    codes = _by_code(request, person, database, body.code, now, lambda db: second_step.confirm(db, request.app.state.vault, **told))
    return RecoveryOut(recovery_codes=codes)


@router.post("/v1/me/second-step/codes", summary="New recovery codes", responses=refusals(*_BY_CODE))
def renew_recovery_codes(request: Request, person: Someone, database: Whole, now: Now, body: StepCodeIn) -> RecoveryOut:
    """Ten new ones for one code; those of before are no longer good."""
    told = {"account_id": person.account_id, "login": person.login, "code": body.code, "now": now}
    codes = _by_code(request, person, database, body.code, now, lambda db: second_step.renew(db, request.app.state.vault, **told))
    return RecoveryOut(recovery_codes=codes)


@router.post("/v1/me/second-step/remove", summary="Take my second step off", status_code=204, responses=refusals(*_BY_CODE))
def remove_second_step(request: Request, person: Someone, database: Whole, now: Now, body: StepCodeIn) -> None:
    """With a code; whoever has none any more asks an administrator."""
    told = {"account_id": person.account_id, "login": person.login, "code": body.code, "now": now}
    _by_code(request, person, database, body.code, now, lambda db: second_step.remove(db, request.app.state.vault, **told))


@router.get("/v1/me/sessions", summary="Where I am signed in", responses=refusals(NOBODY))
def list_sessions(request: Request, person: Someone, db: Reading, now: Now) -> list[SessionOut]:
    """One's own sessions that are still good, newest first."""
    here = access.token_sha256(access.token_of_request(request) or "")
    return [
        SessionOut(
            id=s.id, created_at=s.created_at, seen_at=s.seen_at, expires_at=s.expires_at, address=s.address, agent=s.agent,
            second=s.second, here=s.token_sha256 == here,
        )
        for s in second_steps.sessions(db, person.account_id, now)
    ]  # fmt: skip


@router.delete(
    "/v1/me/sessions/{session_id}", summary="End one of my sessions", status_code=204, responses=refusals(NOBODY, (404, "session_unknown"))
)
@keyed(status=204)
def end_session(person: Someone, db: Tx, session_id: Annotated[str, Path(max_length=64)], now: Now) -> None:
    """At once and everywhere."""
    access.end_session(db, person, session_id, now)


@router.get("/v1/me/sign-ins", summary="How I signed in", responses=refusals(NOBODY))
def list_own_sign_ins(person: Someone, db: Reading) -> list[SignInOut]:
    """The latest tries to sign in as oneself, newest first."""
    return [SignInOut.model_validate(e) for e in second_steps.events(db, account_id=person.account_id)]


@router.get("/v1/sign-ins", summary="Everybody's sign-ins", responses=refusals(NOBODY, NOT_ALLOWED))
def list_sign_ins(
    person: Someone, db: Reading, before: Annotated[int | None, Query(ge=1, le=ROW_ID_MAX, description="Only older ones")] = None
) -> list[SignInOut]:
    """For the administrator and the data-protection officer, newest first."""
    access.require(person, "journal.service")
    return [SignInOut.model_validate(e) for e in second_steps.events(db, before=before, limit=100)]


def _account_out(db, account: accounts.AccountInfo) -> AccountOut:
    return AccountOut(
        login=account.login,
        name=account.name,
        language=account.language,
        disabled_at=account.disabled_at,
        second_step=second_step.is_on(db, account.id),
        roles=[
            RoleOut(
                id=m.id, role=m.role, project_id=m.project_id, area_code=m.area_code, project_company_id=m.project_company_id,
                team_id=m.team_id,
            )  # fmt: skip
            for m in accounts.memberships(db, account.id)
        ],
    )
