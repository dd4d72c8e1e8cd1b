"""What a page is: its path, title, template, who may open it, and every value its template shows.

    Page   GET   guard -> gather -> template       the whole of a page's reading is its ``gather``
    Act    POST  guard -> do -> back to a page     written through a use case, never here

A page's context is a frozen dataclass whose fields say what they mean (``shown``); a test compares them with the
variables the template uses, in both directions. Both tables are read by the menu, the routes and the tests.
"""

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import access, wording
from app.domain import workdays
from app.domain.facts import AttendancePolicy
from app.errors import NotFound, ServiceError
from app.pages import show
from app.pages.words import form, tr
from app.store.people import ProjectInfo
from app.web import about, language_of

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
LANGUAGE_COOKIE = "muster_language"
ID_MAX = 2**63 - 1

HEADERS = {
    # No script but ours from our own address; charts and htmx need no eval. ECharts sets style attributes.
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # Pages hold names and wages: no shared computer keeps them.
    "Cache-Control": "no-store",
}


def shown(meaning: str, default: Any = MISSING) -> Any:
    """A field of a page's context, with what it means to the reader of the page."""
    return field(metadata={"shown": meaning}, default=default)


@dataclass(frozen=True)
class Ask:
    """One request for a page, after the guard: who asks, about which project, in which language, when."""

    request: Request
    db: Session
    person: access.Person
    project: ProjectInfo | None
    language: str
    now: datetime

    @property
    def state(self) -> Any:
        """What the application holds: settings, vault, engine, galleries, house."""
        return self.request.app.state

    @property
    def query(self) -> Mapping[str, str]:
        """The query string."""
        return self.request.query_params

    @property
    def policy(self) -> AttendancePolicy:
        """The attendance rules of the project."""
        return policy_of(self.project)

    @property
    def today(self):
        """Today's work date on the project's own calendar."""
        return workdays.work_date(self.now, self.policy)

    def id(self, name: str) -> int:
        """An id of the path. Raises NotFound for a number no row can have."""
        number = int(self.request.path_params[name])
        if number > ID_MAX:
            raise NotFound("page_unknown")
        return number

    def number(self, name: str) -> int | None:
        """A whole number of the query string; None when there is none. Raises NotFound as ``whole_number``."""
        return whole_number(self.query.get(name))

    def about(self, thing: str, number: int) -> None:
        """Note for the journal that the page shows nobody but whom its query chose (``team``, 3)."""
        about(self.request, thing, number)

    def may(self, action: str) -> bool:
        """True when the person may do ``action`` here; for buttons and links."""
        if self.project is None:
            return action in access.SERVICE_ACTIONS and access.may(self.person, action)
        return access.may(self.person, action, self.project.id, self.project.area_code)

    def say(self, text: str, **facts: object) -> str:
        """``text`` of the catalogue in the reader's language."""
        return tr(self.language, text, **facts)

    def why(self, error: ServiceError) -> str:
        """Why something was refused, a sentence in the reader's language."""
        return wording.sentence(error.code, self.language, **error.facts)


@dataclass(frozen=True)
class ListChoice:
    """A list of the page to choose, with how many are in it."""

    label: str
    count: int
    url: str
    current: bool


@dataclass(frozen=True)
class MonthChoice:
    """A month to choose."""

    month: date
    url: str
    current: bool


@dataclass(frozen=True)
class Page:
    """A page. ``path`` and ``template`` are unique."""

    path: str
    title: str
    template: str
    action: str | None
    """Key of ``access.ACTIONS``; None: anybody who is signed in."""
    context: type
    gather: Callable[[Ask], Any]
    menu: str | None = None
    """Its word in the project's menu; None: not in the menu."""
    camera: bool = False
    """The page asks for the reader's own camera; every other page is forbidden to."""

    @property
    def of_project(self) -> bool:
        """True when the path names a project."""
        return "{project_id" in self.path


@dataclass(frozen=True)
class Act:
    """Something a form of a page does. ``do`` returns where to go, the piece of page that changed, or ``Again``."""

    path: str
    action: str | None
    do: "Callable[[Ask, FormData], str | Response | Again]"
    alone: bool = False
    """It opens its own transaction: it computes for a second, and no gate may wait meanwhile."""


@dataclass(frozen=True)
class Again:
    """The page of a form once more: it was refused, and the context says why."""

    page: Page
    context: Any
    status: int


def or_again(
    page: Page, gather: Callable[[Ask, str], Any], do: "Callable[[Ask, FormData], str | Again]"
) -> "Callable[[Ask, FormData], str | Again]":
    """What ``do`` does; refused, it has done nothing and ``page`` is shown once more.

    Args:
        gather: of that page, with the sentence of the refusal.
    """

    def act(ask: Ask, values: FormData) -> str | Again:
        try:
            with ask.db.begin_nested():
                return do(ask, values)
        except ServiceError as error:
            return Again(page, gather(ask, ask.why(error)), error.status)

    return act


def whole_number(text: str | None) -> int | None:
    """The number a query string names; None for what is no whole number, so that an odd address opens all the same.

    Raises:
        NotFound: ``page_unknown`` for a number no row can have.
    """
    if not text or not text.isascii() or not text.isdigit():
        return None
    # Its length first: Python refuses to read thousands of digits.
    if len(text) > len(str(ID_MAX)) or int(text) > ID_MAX:
        raise NotFound("page_unknown")
    return int(text)


def policy_of(project: ProjectInfo) -> AttendancePolicy:
    """The attendance rules of a project: the general ones on its own calendar."""
    return _policy(project.time_zone)


@lru_cache(maxsize=64)
def _policy(time_zone: str) -> AttendancePolicy:
    return AttendancePolicy(time_zone=time_zone)


now_of = access.now_of


class _Said(NodeTransformer):
    """Texts without values, said when the template is compiled: a table asks for the same words at each of its rows."""

    def __init__(self, language: str) -> None:
        self.language = language

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:
        """``_("text")`` in the reader's language."""
        self.generic_visit(node)
        plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs) and len(node.args) == 1
        if not (plain and isinstance(node.node, nodes.Name) and node.node.name == "_" and isinstance(node.args[0], nodes.Const)):
            return node
        said = form(self.language, node.args[0].value)
        # As jinja's own gettext does, which puts no values in.
        return nodes.MarkSafe(nodes.Const(said % {}), lineno=node.lineno)


class _Environment(jinja2.Environment):
    spoken = "zh"

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Said(self.spoken).visit(source), *args, **kwargs)


@lru_cache(maxsize=4)
def environment(language: str) -> jinja2.Environment:
    """The templates in one language: strict about missing values, escaping everything."""
    made = _Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # A service that is being upgraded goes on with the templates it started with: they belong to its code.
        auto_reload=False,
    )
    made.spoken = language
    made.globals["_"] = _sayer(language)
    made.filters.update(show.filters(language))
    made.globals["name_of"] = lambda key: wording.name(key, language)
    made.globals["sentence_of"] = lambda code, **facts: wording.sentence(code, language, **facts)
    made.globals["language"] = language
    for name in ("day_state", "pay_rate"):
        made.filters[name] = _once_each(made, name)
    return made


def _sayer(language: str) -> Callable[..., Markup]:
    """``_`` of the templates: a text of the catalogue with its places filled, each value escaped; ``n`` is its count."""

    def said(text: str, **facts: Any) -> Markup:
        return Markup(form(language, text, facts.get("n"))) % facts

    return said


def _once_each(made: jinja2.Environment, macro: str) -> Callable[..., Markup]:
    """A macro of ``parts/bits.html`` as a filter that remembers: a month of days says the same few things again and again."""

    @lru_cache(maxsize=4096, typed=True)
    def said(*values: Any) -> Markup:
        return getattr(made.get_template("parts/bits.html").module, macro)(*values)

    return said


def piece(language: str, template: str, macro: str, *args: object) -> str:
    """The HTML of one macro: the piece of a page that htmx or the stream puts in place."""
    return str(getattr(environment(language).get_template(template).module, macro)(*args)).strip()


def render(template: str, language: str, shell: Any, context: Any, status: int = 200, *, camera: bool = False) -> Response:
    """A page as a response, with the headers every page carries.

    Args:
        camera: as ``Page.camera``.
    """
    values = {f.name: getattr(context, f.name) for f in fields(context)}
    text = environment(language).get_template(template).render(shell=shell, **values)
    response = html(text, status)
    if camera:
        response.headers["Permissions-Policy"] = HEADERS["Permissions-Policy"].replace("camera=()", "camera=(self)")
    return response


def html(text: str, status: int = 200) -> Response:
    """HTML with the headers every page carries."""
    return Response(text, status, headers=HEADERS, media_type="text/html; charset=utf-8")


def go(path: str) -> RedirectResponse:
    """To another page, by GET."""
    return RedirectResponse(path, 303, headers=HEADERS)


def to_sign_in(request: Request) -> RedirectResponse:
    """To the sign-in page, and back here afterwards when here is a page."""
    if request.url.path == "/me" or request.url.path.startswith("/me/"):
        # A worker has no password: he comes in by a code.
        return go("/me/enter")
    if request.method != "GET" or request.url.path == "/":
        return go("/sign-in")
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return go("/sign-in?" + urllib.parse.urlencode({"next": here}))


def local_path(text: str | None, default: str = "/") -> str:
    """``text`` when it is a path of ours, else ``default``: a link must not lead a reader to another site."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")):
        return default
    if any(character in text for character in "\\\r\n\t"):
        return default
    return text


def with_query(path: str, **values: object) -> str:
    """``path`` with the values that are not None or empty as its query string."""
    kept = {name: str(value) for name, value in values.items() if value not in (None, "", False)}
    return f"{path}?{urllib.parse.urlencode(kept)}" if kept else path


def screen_language(request: Request) -> str:
    """The language a screen was asked for in its address; empty when none was."""
    asked = request.query_params.get("language", "")
    return asked if asked in ("zh", "en") else ""


def language(request: Request) -> str:
    """The reader's language."""
    return language_of(request)
