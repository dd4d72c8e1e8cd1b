"""The application over the cast, with a client for each of its people."""

import pytest

from app import access
from app.main import create_app
from tests.pages.browser import again, axe, camera, chromium, one_tab, open_browser, server  # noqa: F401 - fixtures
from tests.straight import Client

PEOPLE = ("chen", "wu", "ma", "lin", "zhou", "gao")


@pytest.fixture
def app(settings, database, vault, people_on_site, clock):
    """The real application, no recogniser, clock standing still."""
    made = create_app(settings.model_copy(update={"pack_id": "none"}), database=database, vault=vault)
    made.state.clock = clock
    return made


@pytest.fixture
def client_of(app, database, settings, people_on_site, now):
    """login -> a client that is signed in as him; None -> nobody."""

    def sign_in(login: str | None, **headers: str) -> Client:
        client = Client(app, headers={"Accept": "text/html", **headers})
        if login:
            with database.write() as db:
                token = access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=now)
            client.cookies.set(access.COOKIE, token)
        return client

    return sign_in


