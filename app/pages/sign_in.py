"""Signing in and out, and the language. The only pages for nobody in particular."""

from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app import access, wording
from app.errors import ServiceError
from app.pages import page
from app.pages.lines import form
from app.pages.page import shown
from app.pages.shell import shell
from app.pages.words import marked
from app.store import accounts

TITLE = marked("登录")
TEMPLATE = "sign_in.html"
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class SignInContext:
    """What the sign-in page shows."""

    login: str = shown("The login as it was typed, so that only the password is typed again")
    next_path: str = shown("Page of ours to open after signing in")
    wrong: str = shown("Why it did not work; empty at first")
    waiting: str = shown("The password was right and the digits of the telephone are asked for: what names that; empty else", "")
    no_account: bool = shown("Nobody has an account yet: told how the first one is made", False)


def _page(request: Request, context: SignInContext, status: int = 200) -> Response:
    language = page.language(request)
    return page.render(TEMPLATE, language, shell(request, title=TITLE, language=language), context, status)


async def show(request: Request) -> Response:
    """The form; somebody who is signed in already goes on."""
    to = page.local_path(request.query_params.get("next"))
    if await run_in_threadpool(_person, request) is not None:
        return page.go(to)
    return _page(request, SignInContext("", to, "", no_account=not await run_in_threadpool(_anybody, request)))


async def enter(request: Request) -> Response:
    """Check the password; begin a session in a cookie no script can read."""
    values = await request.form()
    login, password = form(values, "login"), values.get("password", "")
    to = page.local_path(form(values, "next"))
    try:
        token, language = await run_in_threadpool(_enter, request, login, password if isinstance(password, str) else "")
    except access.SecondNeeded as needed:
        return _page(request, SignInContext(login[:64], to, "", needed.waiting))
    except ServiceError as error:
        said = wording.sentence(error.code, page.language(request), **error.facts)
        return _page(request, SignInContext(login[:64], to, said), error.status)
    return _in(request, token, language, to)


async def enter_second(request: Request) -> Response:
    """Check the digits of the telephone, or a recovery code, after the password."""
    values = await request.form()
    login, waiting, to = form(values, "login"), form(values, "waiting"), page.local_path(form(values, "next"))
    try:
        token, language = await run_in_threadpool(_enter_second, request, waiting, form(values, "code"))
    except ServiceError as error:
        said = wording.sentence(error.code, page.language(request), **error.facts)
        # Over, or too often: back to the password.
        still = waiting if error.code == "second_wrong" else ""
        return _page(request, SignInContext(login[:64], to, said, still), error.status)
    return _in(request, token, language, to)


def _in(request: Request, token: str, language: str, to: str) -> Response:
    reply = page.go(to)
    access.set_cookie(reply, request.app.state.settings, token)
    if page.LANGUAGE_COOKIE not in request.cookies:
        _remember(reply, request, language)
    return reply


async def leave(request: Request) -> Response:
    """End the session everywhere it was used."""
    await run_in_threadpool(_leave, request)
    reply = page.go("/sign-in")
    access.drop_cookie(reply, request.app.state.settings)
    return reply


async def switch(request: Request) -> Response:
    """Another language, now in a cookie and for later signing in with the account."""
    values = await request.form()
    chosen = form(values, "language")
    reply = page.go(page.local_path(form(values, "back")))
    if chosen in wording.LANGUAGES:
        await run_in_threadpool(_keep_language, request, chosen)
        _remember(reply, request, chosen)
    return reply


def _enter(request: Request, login: str, password: str) -> tuple[str, str]:
    state = request.app.state
    now = page.now_of(request)
    address, agent = caller(request)
    token = access.sign_in(state.database, state.settings, login=login, password=password, address=address, agent=agent, now=now)
    return token, _language_of(request, token)


def _enter_second(request: Request, waiting: str, code: str) -> tuple[str, str]:
    state = request.app.state
    address, agent = caller(request)
    token = access.sign_in_second(
        state.database, state.settings, state.vault, waiting=waiting, code=code, address=address, agent=agent,
        now=page.now_of(request),
    )  # fmt: skip
    return token, _language_of(request, token)


def caller(request: Request) -> tuple[str, str]:
    """From where somebody asks, and what his browser calls itself: for the limits and the lists of sign-ins."""
    return request.client.host if request.client else "", request.headers.get("user-agent", "")


def _language_of(request: Request, token: str) -> str:
    with request.app.state.database.read() as db:
        person = access.who(db, token, page.now_of(request))
    return person.language if person else request.app.state.settings.default_language


def _person(request: Request) -> access.Person | None:
    token = request.cookies.get(access.COOKIE)
    if not token:
        return None
    with request.app.state.database.read() as db:
        return access.who(db, token, page.now_of(request))


def _anybody(request: Request) -> bool:
    with request.app.state.database.read() as db:
        return accounts.any_account(db)


def _leave(request: Request) -> None:
    token = request.cookies.get(access.COOKIE)
    if token:
        with request.app.state.database.write() as db:
            access.sign_out(db, token, page.now_of(request))


def _keep_language(request: Request, language: str) -> None:
    person = _person(request)
    if person is not None and person.language != language:
        with request.app.state.database.write() as db:
            accounts.set_language(db, person.account_id, language)


def _remember(reply: Response, request: Request, language: str) -> None:
    secure = request.app.state.settings.secure_cookies
    reply.set_cookie(page.LANGUAGE_COOKIE, language, max_age=YEAR_SECONDS, samesite="lax", httponly=True, secure=secure)
