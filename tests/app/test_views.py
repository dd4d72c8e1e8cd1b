"""Whoever looks at a worker's data leaves a line, and nobody looks where no line can be left."""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from app import cli, oversight, pages, projection, views
from app.db import Database
from app.errors import Busy
from app.main import create_app, create_reader
from app.readers import _PASSED_ON, _answered
from app.store import accounts, people
from app.store import journal as chain
from app.views import AGAIN, SHOWS, SHOWS_NONE, SHOWS_POSTED, VIEWED, View, Views
from recognition.synthetic import SyntheticEngine
from tests.app.test_permissions import client, every_role, quick_passwords, routes_of, site  # noqa: F401 (fixtures)
from tests.cast import pass_through

NAMES = ("王建国", "赵铁柱")


class ThroughReaders:
    """Readers of this process: the application of a reader, and the way its answer takes."""

    running = 1

    def __init__(self, app) -> None:
        self._app = app

    async def ask(self, scope, request_id):
        passed_on = {name: scope.get(name) for name in _PASSED_ON}
        return await asyncio.to_thread(lambda: asyncio.run(_answered(self._app, {**passed_on, "state": {}}, request_id)))

    def open(self) -> None: ...

    async def close(self) -> None: ...

    def help(self, *_: object) -> None: ...


@pytest.fixture
def opened(database: Database, settings, vault, clock) -> Callable:
    """A running service, with or without readers; what it queued is written when it stops."""

    @contextmanager
    def open_(readers: bool = False) -> Iterator[TestClient]:
        reader = create_reader(settings, database=database, vault=vault)
        reader.state.clock = clock
        app = create_app(
            settings, engine=SyntheticEngine(), database=database, vault=vault, readers=ThroughReaders(reader) if readers else None
        )
        app.state.clock = clock
        with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as made:
            yield made

    return open_


def seen(database: Database, project_id: int | None) -> list[tuple]:
    """(actor, object, kinds) of every look, oldest first."""
    with database.read() as db:
        found = accounts.journal_page(db, project_id, actions=(VIEWED,), limit=500)
    return [(line.actor, line.object, line.facts["shown"]) for line in reversed(found)]


def bearer(site: SimpleNamespace, letter: str) -> dict[str, str]:  # noqa: F811
    return {"Authorization": f"Bearer {site.tokens['own', letter]}", "Accept": "text/html"}


# --- every route says what it shows ----------------------------------------------------------------------------


def test_every_route_that_is_read_says_whose_data_it_shows(client):  # noqa: F811
    read = {path for method, path in routes_of(client.app) if method == "GET" and not path.startswith("/static/")}
    told = SHOWS.keys() | SHOWS_NONE.keys()
    assert read - told == set(), "a new route: say in app.views what of workers it shows, or why nothing"
    assert told - read - SHOWS_POSTED == set()
    assert not SHOWS.keys() & SHOWS_NONE.keys() and all(SHOWS_NONE.values())
    assert {word for kinds in SHOWS.values() for word in kinds.split()} <= {
        "names", "numbers", "days", "wages", "faces", "consent", "credentials", "journal"
    }  # fmt: skip


def test_a_route_that_says_it_shows_nobody_names_nobody(client, site):  # noqa: F811
    """Asked by every role; the files that are journalled when they are taken, and forms, are left out."""
    asked = 0
    for path, why in SHOWS_NONE.items():
        if why == views._TAKEN or path in ("/metrics", "/openapi.json"):
            continue
        values: dict[str, object] = defaultdict(lambda: 1) | {"project_id": site.cast.a.id, "table": "measures"}
        address = re.sub(r"\{(\w+)(?::int)?\}", lambda match: str(values[match[1]]), path)  # noqa: B023
        for letter in "AMLGISTD":
            answer = client.get(address + "?month=2026-03&year=2026", headers=bearer(site, letter))
            if answer.status_code == 200 and "spreadsheet" not in answer.headers["content-type"]:
                asked += 1
                assert not [name for name in NAMES if name in answer.text], f"{path} names a worker to {letter}"
    assert asked > 100


def test_a_route_nobody_declared_is_taken_to_show_everything():
    scope = {"method": "GET", "route": SimpleNamespace(path="/new/{project_id}"), "path_params": {"project_id": "3"}, views.LOGIN: "wu"}
    assert views.views_of(scope, 200) == [View("wu", 3, "workers", views.EVERYTHING)]
    assert views.views_of(scope, 403) == views.views_of(scope | {views.LOGIN: None}, 200) == []
    assert views.views_of(scope | {"method": "POST"}, 200) == []


def test_a_line_names_a_thing_by_the_path_or_by_what_the_page_noted_and_never_by_what_was_typed():
    def of(query: str = "", path: str = "/projects/{project_id:int}/grid", /, **noted: object) -> str:
        scope = {
            "method": "GET", "route": SimpleNamespace(path=path), "path_params": {"project_id": "3", "sheet_id": 5},
            "query_string": query.encode(), views.LOGIN: "wu", **noted,
        }  # fmt: skip
        (view,) = views.views_of(scope, 200)
        assert view.project_id == 3
        return view.object

    assert of("team=4&worker_id=7&project_id=8") == of("q=330424199001011234") == of() == "workers"
    assert of(**{views.ABOUT: "team:4"}) == "team:4"
    assert of("worker_id=7", "/projects/{project_id:int}/payroll/{sheet_id:int}", **{views.ABOUT: "team:4"}) == "sheet:5"
    assert of(**{views.SHOWN: "/projects/{project_id:int}/payroll"}) == "workers", "the form of one sheet, the page of all"


@pytest.mark.parametrize("readers", [False, True], ids=["at home", "by a reader"])
def test_whom_a_query_names_narrows_the_line_only_where_nobody_else_was_shown(opened, database, site, monkeypatch, readers):  # noqa: F811
    """Every page and every read is asked about Wang, or about a team that is not his, with each word a query could have."""
    project, wang, li, now = site.cast.a, site.cast.wang, site.cast.li, site.now
    with database.write() as db:
        other = people.add_team(db, project_id=project.id, project_company_id=project.project_company_id, name="二班", trade=None)
        for member in (wang, li):
            pass_through(db, project, "in", member.id, now - timedelta(days=5, hours=9))
    projection.refresh(database, project.id, now=now)
    oversight.audit_project(database, project.id, now.date().replace(day=1), now)
    noted: list[View] = []
    monkeypatch.setattr(Views, "note", lambda _self, looks: noted.extend(looks))
    engaged = f"engagement_id={wang.engagement_id}"
    asked_of = {
        f"worker={wang.id}&worker_id={wang.id}&{engaged}&project_id={site.cast.b.id}": (li,), engaged: (li,),
        f"team={other}&team_id={other}": (wang, li),
    }  # fmt: skip
    narrowed = defaultdict(set)
    with opened(readers) as asked:
        for path in SHOWS:
            if "{project_id" not in path or path.endswith("/stream") or set(re.findall(r"{(\w+)", path)) - {"project_id", "on", "month"}:
                continue
            values = {"project_id": project.id, "on": now.date() - timedelta(days=5), "month": f"{now:%Y-%m}"}
            address = re.sub(r"\{(\w+)(?::int)?\}", lambda match: str(values[match[1]]), path)  # noqa: B023
            for query, others in asked_of.items():
                noted.clear()
                answer = asked.get(f"{address}?month={now:%Y-%m}&{query}", headers=bearer(site, "L"))
                if answer.status_code != 200:
                    continue
                (view,) = noted
                assert view.project_id == project.id or view.kinds == "journal", path
                if view.object in ("workers", "journal"):
                    continue
                narrowed[view.object.partition(":")[0]].add(path)
                seen_too = [one for one in others if one.name in answer.text or re.search(rf'"worker_id":\s*{one.id}\b', answer.text)]
                assert not seen_too, f"{path}?{query} shows more than {view.object}"
        noted.clear()
        asked.get(f"/projects/{project.id}/grid?month=2026-01&team={other}", headers=bearer(site, "L"))
        assert [view.object for view in noted] == [f"team:{other}"], "nothing stands in the way of that month, so nobody else is named"
    assert {kind: len(paths) for kind, paths in narrowed.items()} == {"team": 3, "engagement": 4, "worker": 2}, narrowed


# --- looks become lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("readers", [False, True], ids=["at home", "by a reader"])
def test_whoever_opens_a_worker_leaves_one_line_in_ten_minutes(opened, database, site, clock, readers):  # noqa: F811
    project, worker = site.cast.a.id, site.cast.wang.id
    with opened(readers) as asked:
        for minutes in (0, 9, 10):
            clock.advance(minutes=minutes)
            assert asked.get(f"/projects/{project}/workers/{worker}", headers=bearer(site, "L")).status_code == 200
        assert asked.get(f"/projects/{project}/three-way/{worker}", headers=bearer(site, "I")).status_code == 200
        assert asked.get(f"/v1/projects/{project}/workers", headers=bearer(site, "M")).status_code == 200
        assert asked.get(f"/v1/projects/{project}/workers", headers=bearer(site, "G")).status_code == 403
        assert asked.get("/v1/projects", headers=bearer(site, "M")).status_code == 200
    whole = "names numbers days wages"
    assert seen(database, project) == [
        ("labour_officer.own", f"worker:{worker}", whole),
        ("labour_officer.own", f"worker:{worker}", whole),
        ("inspector.own", f"worker:{worker}", whole),
        ("manager.own", "workers", "names numbers"),
    ]
    with database.read() as db:
        assert chain.verify(db) == []


@pytest.mark.parametrize("readers", [False, True], ids=["at home", "by a reader"])
def test_a_workers_own_look_is_in_the_journal_of_his_project(opened, database, site, readers):  # noqa: F811
    with opened(readers) as asked:
        assert asked.get("/v1/me/wages", headers=bearer(site, "W")).status_code == 200
        assert asked.get("/v1/me/work", headers=bearer(site, "W")).status_code == 200
    worker = f"worker:{site.cast.wang.id}"
    assert seen(database, site.cast.a.id) == [("worker.own", worker, "wages"), ("worker.own", worker, "names")]


def test_every_page_of_a_project_that_shows_workers_leaves_a_line(opened, database, site):  # noqa: F811
    shown = set()
    with opened() as asked:
        for each in pages.PAGES:
            if each.path not in SHOWS or re.search("sheet_id|batch_id|line_id|statement", each.path):  # there is none yet
                continue
            path = each.path.replace("{project_id:int}", str(site.cast.a.id)).replace("{worker_id:int}", str(site.cast.wang.id))
            answers = [asked.get(path, headers=bearer(site, letter)).status_code for letter in "LIDW"]
            assert 200 in answers, path
            shown.add(SHOWS[each.path])
    lines = {kinds for _, _, kinds in seen(database, site.cast.a.id) + seen(database, None)}
    assert lines == shown


def test_a_refused_form_that_shows_its_page_again_is_a_look_at_that_page():
    scope = {"method": "POST", "route": SimpleNamespace(path="/projects/{project_id:int}/payroll/lock"), "path_params": {"project_id": "3"}, views.LOGIN: "wu"}
    assert views.views_of(scope, 409) == []
    assert views.views_of(scope | {views.SHOWN: pages.payrolls.PAGE.path}, 409) == [View("wu", 3, "workers", "names wages")]


# --- nothing is shown without a line -----------------------------------------------------------------------------


def test_nobody_is_shown_a_worker_while_no_line_can_be_written(opened, database, site, monkeypatch, clock):  # noqa: F811
    monkeypatch.setattr(views, "LATE_S", 0.3)
    monkeypatch.setattr(views, "PAUSE_S", 0.02)
    real = Views._write
    path = f"/v1/projects/{site.cast.a.id}/workers"

    def fails(*_: object) -> None:
        raise OSError(28, "no space")

    with opened() as asked:
        monkeypatch.setattr(Views, "_write", fails)
        assert asked.get(path, headers=bearer(site, "M")).status_code == 200
        time.sleep(0.5)
        refused = asked.get(path, headers={"Authorization": bearer(site, "L")["Authorization"]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "journal_unavailable")
        assert not [name for name in NAMES if name in refused.text]
        assert asked.get("/v1/projects", headers=bearer(site, "L")).status_code == 200, "what shows nobody goes on"
        monkeypatch.setattr(Views, "_write", real)
        time.sleep(0.3)
        assert asked.get(path, headers=bearer(site, "L")).status_code == 200
    assert [line[0] for line in seen(database, site.cast.a.id)] == ["manager.own", "labour_officer.own"]


def test_a_full_queue_takes_nothing_more(database, now, monkeypatch):
    monkeypatch.setattr(views, "WAITING_MAX", 2)
    queue = Views(database, lambda: now)
    for worker in (1, 2):
        queue.note([View("wu", 1, f"worker:{worker}", "days")])
    with pytest.raises(Busy):
        queue.note([View("wu", 1, "worker:1", "days")])


def test_what_was_seen_long_ago_is_forgotten(database, now):
    instant = [now]
    queue = Views(database, lambda: instant[0])
    queue.note([View("wu", 1, "worker:1", "days")])
    queue._sweep()
    instant[0] = now + AGAIN
    queue._sweep()
    assert queue._seen == {} and queue.waiting == 1


# --- the journal is read ------------------------------------------------------------------------------------------


def test_the_journal_is_read_page_by_page_and_its_head_by_anybody(client, site, database):  # noqa: F811
    project = site.cast.a.id
    with database.write() as db:
        for number in range(5):
            accounts.journal(db, at=site.now, actor="wu", action="evidence.added", project_id=project, object=f"evidence:{number}", facts={})
        accounts.journal(db, at=site.now, actor="wu", action="evidence.read", project_id=project, object="evidence:1", facts={})
        accounts.journal(db, at=site.now, actor="gao", action="account_created", project_id=None, object="account:9", facts={})
    as_manager, as_administrator = bearer(site, "M"), bearer(site, "A")
    first = client.get(f"/v1/projects/{project}/journal?limit=4", headers=as_manager).json()
    rest = client.get(f"/v1/projects/{project}/journal?limit=4&before={first[-1]['id']}", headers=as_manager).json()
    assert [line["object"] for line in first + rest][:6] == ["evidence:1", *(f"evidence:{n}" for n in (4, 3, 2, 1, 0))]
    assert [line["action"] for line in client.get(f"/v1/projects/{project}/journal?seen=true", headers=as_manager).json()] == ["evidence.read"]
    assert "evidence.read" not in {line["action"] for line in client.get(f"/v1/projects/{project}/journal?seen=false", headers=as_manager).json()}
    assert client.get("/v1/journal", headers=as_administrator).json()[0]["object"] == "account:9"
    assert "account:9" in client.get("/journal", headers=bearer(site, "D")).text
    head = client.get("/v1/journal/head", headers=bearer(site, "G")).json()
    assert head["head"] == f"journal:{head['seq']}:{head['hash']}" and head["seq"] == 7
    assert client.get("/v1/journal/head?on=2020-01-01", headers=bearer(site, "G")).json()["seq"] == 0


def test_an_extract_shows_the_project_and_only_the_hashes_of_others_and_is_checked_alone(client, site, database, tmp_path):  # noqa: F811
    project, other = site.cast.a.id, site.cast.b.id
    with database.write() as db:
        for number, where in enumerate((project, other, None, project)):
            accounts.journal(db, at=site.now, actor="wu", action="evidence.added", project_id=where, object=f"evidence:{number}", facts={"n": number})
    taken = client.post(f"/v1/projects/{project}/journal/extract", headers=bearer(site, "D"), json={})
    assert taken.status_code == 200 and taken.headers["content-type"].startswith("application/x-ndjson")
    assert [number for number in range(4) if f"evidence:{number}" in taken.text] == [0, 3]
    head = client.get("/v1/journal/head", headers=bearer(site, "G")).json()["head"]
    file = tmp_path / "journal.jsonl"
    file.write_text(taken.text, encoding="utf-8")
    run = CliRunner()
    good = run.invoke(cli.app, ["journal-check", str(file), "--held", head])
    assert good.exit_code == 0 and "links 1 to 5: 3 lines shown, 2 withheld; proven up to 5; 0 faults" in good.output
    file.write_text(taken.text.replace("evidence:3", "evidence:4"), encoding="utf-8")
    bad = run.invoke(cli.app, ["journal-check", str(file), "--held", head])
    assert bad.exit_code == 1 and "edited" in bad.output
    assert run.invoke(cli.app, ["journal-check", str(file), "--held", "journal:x"]).exit_code == 2
    with database.read() as db:
        assert accounts.journal_page(db, project)[0].action == "journal_extracted"
    for body, code in (({"first": 99}, "extract_empty"), ({"first": 0}, "request_invalid")):
        answer = client.post(f"/v1/projects/{project}/journal/extract", headers=bearer(site, "D") | {"Accept": "*/*"}, json=body)
        assert answer.json()["error"]["code"] == code


def test_the_shell_writes_the_same_extract(database, settings, vault, site, monkeypatch, tmp_path):  # noqa: F811
    @contextmanager
    def opened_():
        yield settings, database, vault

    monkeypatch.setattr(cli, "opened", opened_)
    with database.write() as db:
        accounts.journal(db, at=site.now, actor="wu", action="evidence.added", project_id=site.cast.a.id, object="evidence:1", facts={})
    file = tmp_path / "journal.jsonl"
    run = CliRunner()
    with database.read() as db:
        code = people.project(db, site.cast.a.id).code
    done = run.invoke(cli.app, ["journal-extract", code, str(file), "--by", "data_officer.own"])
    assert done.exit_code == 0, done.output
    with database.read() as db:
        head = str(chain.head(db))
    assert run.invoke(cli.app, ["journal-check", str(file), "--held", head]).exit_code == 0
    assert file.stat().st_mode & 0o077 == 0
    assert run.invoke(cli.app, ["journal-extract", code, str(tmp_path / "b"), "--by", "guard.own"]).exit_code == 1
