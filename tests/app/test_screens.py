"""A screen that stands unattended has a right of its own: one gate, or the counts, until it is taken back."""

from datetime import timedelta

import pytest

from app import screens
from app.errors import NotFound, TooMany, Unauthorised, Unusable
from app.store import screens as held


@pytest.fixture
def issue(database, people_on_site, now):
    def issued(gate: str | None = "entrance", name="东门", at=now):
        gate_id = getattr(people_on_site.a, gate).gate_id if gate else None
        with database.write() as db:
            return screens.issue(db, project_id=people_on_site.a.id, gate_id=gate_id, name=name, by="wu", now=at)

    return issued


def opened(database, settings, code, now, address="10.0.0.9"):
    return screens.open_(database, settings, code=code, address=address, now=now)


def screen_of(database, key):
    with database.read() as db:
        return screens.screen_of(db, key)


def test_a_code_becomes_the_key_of_one_browser(database, settings, issue, now, people_on_site):
    made = issue()
    key = opened(database, settings, made.code.lower().replace("-", " "), now)
    found = screen_of(database, key)
    assert (found.id, found.gate_id, found.name, found.opened_at) == (made.id, people_on_site.a.entrance.gate_id, "东门", now)
    with pytest.raises(Unauthorised):
        opened(database, settings, made.code, now)
    assert screen_of(database, key) == found, "a second try takes nothing from the first"


def test_neither_code_nor_key_is_stored(database, settings, issue, now):
    made = issue()
    key = opened(database, settings, made.code, now)
    with database.read() as db:
        rows = str(db.connection().exec_driver_sql("SELECT * FROM gate_screen").fetchall())
    assert made.code not in rows and made.code.replace("-", "") not in rows and key not in rows


@pytest.mark.parametrize("key", [None, "", "x", "x" * 300, "é"])
def test_what_is_no_key_is_no_screen(database, issue, key):
    issue()
    assert screen_of(database, key) is None


def test_a_code_is_good_for_an_hour(database, settings, issue, now):
    with pytest.raises(Unauthorised):
        opened(database, settings, issue().code, now + timedelta(minutes=screens.CODE_MINUTES))


def test_taken_back_it_shows_nothing_at_once(database, settings, issue, now, people_on_site):
    made, waiting = issue(), issue(name="西门")
    key = opened(database, settings, made.code, now)
    for one in (made, waiting, made):
        with database.write() as db:
            screens.revoke(db, project_id=people_on_site.a.id, screen_id=one.id, by="wu", now=now)
    assert screen_of(database, key) is None
    with pytest.raises(Unauthorised):
        opened(database, settings, waiting.code, now)
    with database.read() as db:
        assert held.screens(db, people_on_site.a.id) == []


def test_codes_are_not_guessed(database, settings, issue, now):
    made = issue()
    for _ in range(settings.sign_in_tries_max):
        with pytest.raises(Unauthorised):
            opened(database, settings, "22222-22222", now)
    with pytest.raises(TooMany):
        opened(database, settings, made.code, now)
    assert opened(database, settings, made.code, now, address="10.0.0.10")


def test_a_screen_of_another_project_is_none_of_theirs(database, settings, issue, now, people_on_site):
    made = issue()
    with pytest.raises(NotFound), database.write() as db:
        screens.revoke(db, project_id=people_on_site.b.id, screen_id=made.id, by="zhou", now=now)
    with pytest.raises(NotFound), database.write() as db:
        screens.issue(db, project_id=people_on_site.a.id, gate_id=people_on_site.b.entrance.gate_id, name="x", by="wu", now=now)
    with pytest.raises(Unusable), database.write() as db:
        screens.issue(db, project_id=people_on_site.a.id, gate_id=None, name=" ", by="wu", now=now)
