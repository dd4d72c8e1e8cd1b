"""Every decision, correction and export leaves a line in the journal, or says why it need not.

A write of the permission table that succeeds there is done once, by somebody who may, and must leave a line. One that
cannot succeed there (the sheet or batch it is about does not exist) must at least reach the journal's pen through the functions
it calls, and the tests of its use case say what the line is. Files that are taken by GET are treated alike.
"""

from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType, ModuleType, SimpleNamespace

import pytest
import sqlalchemy as sa

from app import pages
from app.store import accounts
from app.tables import JournalEntry
from app.views import _TAKEN, SHOWS_NONE, VIEWED
from tests.app.test_once import writes
from tests.app.test_permissions import ROUTES, ask, client, every_role, quick_passwords, site  # noqa: F401 (fixtures)

DEVICE = "a gate's word is a passage, in the chain of passages"
LOOK = "a look: noted when it is answered (tests/app/test_views.py)"

WITHOUT: dict[tuple[str, str], str] = {
    ("POST", "/v1/devices/{device_id}/frames"): DEVICE,
    ("POST", "/v1/devices/{device_id}/cards"): DEVICE,
    ("POST", "/v1/devices/{device_id}/heartbeats"): "a gate says that it lives",
    ("DELETE", "/v1/sign-in"): "a session ends; nothing is decided",
    ("POST", "/v1/projects/{project_id}/workers/search"): LOOK,
    ("POST", "/v1/accounts/{login}/enable"): "here the account signs in already (tests/pages/test_account_pages.py)",
}
"""Writes that leave no line -> why."""


def lines(database) -> int:
    with database.read() as db:
        wanted = sa.select(sa.func.count()).select_from(JournalEntry).where(JournalEntry.action.not_in([VIEWED, "sign_in"]))
        return db.execute(wanted).scalar_one()


def reaches_the_pen(function: Callable, seen: set[Callable] | None = None) -> bool:
    """True when a function, or one of ours that it calls by name, through a table or as a method, writes a line."""
    seen = set() if seen is None else seen
    function = getattr(function, "__wrapped__", function)
    if function is accounts.journal:
        return True
    if function in seen or not isinstance(function, FunctionType) or not function.__module__.startswith("app."):
        return False
    seen.add(function)
    called: list[Callable] = []
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        found = [function.__globals__.get(name) for name in code.co_names]
        for thing in found:
            called += functions_in(thing)
            if isinstance(thing, ModuleType) and thing.__name__.startswith("app."):
                called += [each for name in code.co_names for each in functions_in(getattr(thing, name, None))]
    for cell in function.__closure__ or ():
        called += functions_in(cell.cell_contents)
    return any(reaches_the_pen(each, seen) for each in called)


def functions_in(thing: object) -> list[Callable]:
    """The functions a value is or holds: itself, those of a table, the methods of a class of ours."""
    if isinstance(thing, FunctionType):
        return [thing]
    if isinstance(thing, partial):
        return functions_in(thing.func)
    if isinstance(thing, dict):
        return [each for value in thing.values() for each in functions_in(value)]
    if isinstance(thing, (list, tuple)):
        return [each for value in thing for each in functions_in(value)]
    if isinstance(thing, type) and thing.__module__.startswith("app."):
        return [value for value in vars(thing).values() if isinstance(value, FunctionType)]
    return []


def may(path: tuple[str, str]) -> str | None:
    row = ROUTES[path]
    return next((letter for letter in "LMAITSDGW" if letter in row.may), None) or ("L" if row.may == "*" else None)


def test_every_write_that_is_done_leaves_a_line(client, site):  # noqa: F811
    silent, done = set(), 0
    for route in writes(client.app):
        letter = may(route)
        if letter is None or ROUTES[route].ok >= 300 or route == ("DELETE", "/v1/sign-in"):
            continue
        # What a row needs first (a payment, a passage) is made while its address is put together, and leaves lines, too.
        told = {}

        def sent(method: str, address: str, told=told, real=client.request, **more):
            told["before"] = lines(site.database)
            return real(method, address, **more)

        answer = ask(SimpleNamespace(request=sent, cookies=client.cookies, app=client.app), site, *route, site.tokens["own", letter])
        assert answer.status_code == ROUTES[route].ok, (route, answer.text)
        done += 1
        if lines(site.database) <= told["before"]:
            silent.add(route)
    assert done > 40
    assert silent - WITHOUT.keys() == set(), "a write that leaves no line in the journal: write one, or say here why not"


def test_every_other_write_reaches_the_journal(client):  # noqa: F811
    by_route = {(method, route.path): route.endpoint for route in client.app.routes for method in getattr(route, "methods", None) or ()}
    rest = [route for route in writes(client.app) if route not in WITHOUT and ROUTES[route].ok >= 300]
    taken = [("GET", path) for path, why in SHOWS_NONE.items() if why == _TAKEN]
    assert len(rest) > 30 and len(taken) == 20
    assert [route for route in rest + taken if not reaches_the_pen(by_route[route])] == []


def test_every_form_of_a_page_reaches_the_journal():
    assert [act.path for act in pages.ACTS if act not in QUIET and not reaches_the_pen(act.do)] == []


QUIET = {pages.journal.VERIFY, pages.enrol.NUMBER, pages.enrol.ADVICE}
"""Acts that change nothing."""


def test_the_search_for_the_pen_finds_nothing_where_there_is_none():
    assert not reaches_the_pen(pages.today.gather) and not reaches_the_pen(pages.grid.gather)


def test_whoever_leaves_no_line_says_why(client):  # noqa: F811
    assert WITHOUT.keys() <= writes(client.app).keys() and all(WITHOUT.values())


@pytest.mark.parametrize("action", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_kind_of_write_is_tried(client, action):  # noqa: F811
    assert any(method == action for method, _ in writes(client.app))
