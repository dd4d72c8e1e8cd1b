"""Long work without its request: done once, by whoever may, also when a process dies; and the paper it made."""

import io
import json
from dataclasses import replace
from datetime import timedelta

import openpyxl
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app import access, exports, tasks
from app.errors import Busy, Conflict, Forbidden, NotFound, TooMany
from app.main import create_app
from app.store import accounts
from app.store import sheets as held
from app.store import tasks as store
from app.tables import ExportRecord, Task, TaskFile
from app.wording import NAMES, sentence
from tests.cast import WANG_ID
from tests.payday import MARCH, Payday


@pytest.fixture
def payday(database, vault, people_on_site) -> Payday:
    """Wang worked three days of March, Li two."""
    desk = Payday(database, vault, people_on_site)
    desk.works(desk.cast.wang, 3, 4, 5)
    desk.works(desk.cast.li, 3, 4)
    return desk


@pytest.fixture
def closed(payday) -> Payday:
    """... and March is closed and signed."""
    payday.whole_month(MARCH)
    return payday


def person(payday: Payday, login: str) -> access.Person:
    with payday.database.read() as db:
        return access.person_of_login(db, login)


def order(payday: Payday, kind: str = "form.roster", login: str = "wu", later: float = 0, **asked) -> store.TaskInfo:
    said = {"language": "zh"} | asked if kind.startswith("form.") else asked
    with payday.database.write() as db:
        return tasks.order(
            db, person(payday, login), project_id=payday.site.id, kind=kind, asked=said, now=payday.now + timedelta(seconds=later)
        )


def work(payday: Payday, later: float = 0) -> store.TaskInfo | None:
    """What the clerk does in a turn, in this process."""
    now = payday.now + timedelta(seconds=later)
    claimed = tasks.claim_next(payday.database, now)
    if claimed is None:
        return None
    tasks.work(payday.database, payday.vault, *claimed, lambda: now)
    return look(payday, claimed[0])


def look(payday: Payday, task: store.TaskInfo) -> store.TaskInfo:
    with payday.database.read() as db:
        return store.task(db, task.project_id, task.id, task.by)


def take(payday: Payday, task: store.TaskInfo, login: str = "wu", later: float = 60) -> exports.File:
    with payday.database.write() as db:
        now = payday.now + timedelta(seconds=later)
        found = tasks.take(db, payday.vault, person(payday, login), project_id=payday.site.id, task_id=task.id, now=now)
        exports.note(db, found)
    return found


def actions(payday: Payday) -> list[str]:
    with payday.database.read() as db:
        return [line.action for line in accounts.journal_lines(db, payday.site.id)]


def change_role(payday: Payday, account_id: int, *, take: str = "", give: str = "") -> None:
    with payday.database.write() as db:
        if take:
            db.execute(sa.text("DELETE FROM membership WHERE account_id = :a AND role = :r"), {"a": account_id, "r": take})
        if give:
            accounts.add_membership(db, account_id=account_id, role=give, project_id=payday.site.id)


# --- a paper ---------------------------------------------------------------------------------------------------------


def test_a_paper_is_made_without_its_request_and_taking_it_is_journalled_as_ever(closed):
    task = order(closed, "form.ledger", year=2026)
    assert (task.state, task.tries) == ("waiting", 0)
    assert "task.ordered" in actions(closed) and "form.exported" not in actions(closed)
    made = work(closed)
    assert (made.state, made.tries, made.result["name"]) == ("done", 1, "A-ledger-2026.xlsx")
    assert "form.exported" not in actions(closed), "nobody has it yet"
    file = take(closed, task)
    told = " ".join(str(c) for page in openpyxl.load_workbook(io.BytesIO(file.content)) for row in page.iter_rows(values_only=True) for c in row)
    assert WANG_ID in told and len(file.content) == made.result["bytes"]
    with closed.database.read() as db:
        line = next(line for line in accounts.journal_lines(db, closed.site.id) if line.action == "form.exported")
        row = db.execute(sa.select(ExportRecord).order_by(ExportRecord.id.desc())).scalars().first()
        sealed = db.execute(sa.select(TaskFile.content_sealed)).scalar_one()
    assert (line.actor, line.facts["sha256"], line.facts["full"]) == ("wu", file.sha256, True)
    assert (row.form, row.file_sha256, row.by, row.facts) == ("ledger", file.sha256, "wu", {"year": 2026, "workers": 2})
    assert row.at == closed.now + timedelta(seconds=60), "when it was taken, not when it was made"
    assert WANG_ID.encode() not in sealed and not sealed.startswith(b"PK")
    take(closed, task)
    assert actions(closed).count("form.exported") == 2


def test_a_paper_is_the_one_that_a_request_would_have_made(closed):
    order(closed, "form.ledger", year=2026)
    work(closed)
    with closed.database.read() as db:
        now = exports.ledger(db, closed.vault, project_id=closed.site.id, year=2026, full=True, by="wu", now=closed.now)
        task = store.tasks_of(db, closed.site.id, "wu")[0]
    cells = [
        [list(page.iter_rows(values_only=True)) for page in openpyxl.load_workbook(io.BytesIO(content), data_only=True)]
        for content in (now.content, take(closed, task).content)
    ]
    assert cells[0] == cells[1]


def test_pressed_twice_is_made_once(payday):
    first = order(payday)
    assert order(payday).id == first.id
    assert order(payday, login="chen").id != first.id, "another person's is another: he may see less"
    assert order(payday, language="en").id != first.id
    while work(payday):
        pass
    assert order(payday, later=30).id == first.id, "he pressed once more while it came"
    assert order(payday, later=61).id != first.id
    assert actions(payday).count("task.ordered") == 4


def test_nobody_has_more_than_a_few_under_way(payday):
    for year in range(2000, 2000 + tasks.UNDER_WAY_MAX):
        order(payday, "form.ledger", year=year)
    with pytest.raises(TooMany, match="tasks_too_many"):
        order(payday)
    order(payday, login="chen")


def test_a_paper_is_its_owners_alone(payday):
    task = order(payday)
    work(payday)
    with pytest.raises(NotFound, match="task_unknown"):
        take(payday, task, login="chen")
    with pytest.raises(Forbidden, match="not_allowed"):
        order(payday, login="ma")


def test_a_right_that_was_taken_back_is_gone_when_it_is_made_and_when_it_is_taken(payday):
    made, waiting = order(payday), None
    work(payday)
    waiting = order(payday, language="en")
    change_role(payday, payday.cast.wu, take="labour_officer", give="guard")
    assert work(payday).refusal["code"] == "not_allowed"
    assert look(payday, waiting).state == "failed"
    with pytest.raises(Forbidden, match="not_allowed"):
        take(payday, made)
    assert "form.exported" not in actions(payday)


def test_whoever_may_not_see_numbers_in_full_any_more_does_not_get_a_paper_that_has_them(payday):
    made = order(payday)
    work(payday)
    change_role(payday, payday.cast.wu, take="labour_officer", give="manager")
    with pytest.raises(Forbidden, match="not_allowed"):
        take(payday, made)
    masked = order(payday, language="en")
    work(payday)
    assert WANG_ID not in str([list(p.iter_rows(values_only=True)) for p in openpyxl.load_workbook(io.BytesIO(take(payday, masked).content))])


def test_a_paper_is_not_there_before_it_is_done_and_gone_when_its_days_are_over(payday, settings):
    task = order(payday)
    with pytest.raises(Conflict, match="task_not_done"):
        take(payday, task)
    work(payday)
    days = settings.paper_days
    assert tasks.remove_due(payday.database, settings, payday.now + timedelta(days=days)) == 0
    assert tasks.remove_due(payday.database, settings, payday.now + timedelta(days=days, seconds=1)) == 1
    with payday.database.read() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(TaskFile)).scalar_one() == 0
    assert look(payday, task).state == "removed"
    with pytest.raises(NotFound, match="task_file_gone"):
        take(payday, task)
    with payday.database.write() as db:
        fresh = tasks.again(db, person(payday, "wu"), project_id=payday.site.id, task_id=task.id, now=payday.now + timedelta(days=9))
    assert fresh.id != task.id and work(payday, later=9 * 86400).state == "done"


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_refusal_is_said_in_words_and_can_be_tried_again(payday):
    task = order(payday, "form.ledger", year=2019)
    failed = work(payday)
    assert failed.state == "failed" and failed.refusal == {"code": "ledger_empty", "facts": {}}
    assert sentence(failed.refusal["code"], "en") == "No wages were closed or paid for that year"
    with payday.database.write() as db:
        fresh = tasks.again(db, person(payday, "wu"), project_id=payday.site.id, task_id=task.id, now=payday.now)
    assert fresh.id != task.id and fresh.asked == task.asked
    with payday.database.read() as db:
        assert [t.id for t in store.tasks_of(db, payday.site.id, "wu")] == [fresh.id], "of the same only the last is told"


def test_what_nobody_foresaw_is_a_failure_without_its_message(payday, monkeypatch, capsys):
    def falls(*_args, **_given):
        raise ZeroDivisionError(WANG_ID)

    monkeypatch.setitem(exports.FORMS, "roster", replace(exports.FORMS["roster"], make=falls))
    order(payday)
    assert work(payday).refusal == {"code": "task_broken", "facts": {}}
    assert WANG_ID not in "".join(capsys.readouterr())


def test_a_database_that_is_busy_costs_no_try(payday, monkeypatch):
    real = exports.FORMS["roster"]

    def busy(*_args, **_given):
        raise Busy("storage_unavailable", retry_after_s=2)

    monkeypatch.setitem(exports.FORMS, "roster", replace(real, make=busy))
    order(payday)
    assert (left := work(payday)) is not None and (left.state, left.tries) == ("waiting", 0)
    assert work(payday) is None, "not at once"
    monkeypatch.setitem(exports.FORMS, "roster", real)
    assert work(payday, later=6).state == "done"


def test_a_task_whose_process_is_killed_is_begun_anew_and_not_for_ever(payday):
    task = order(payday)
    for n in range(tasks.TRIES_MAX):
        assert look(payday, task).state == "waiting"
        claimed = tasks.claim_next(payday.database, payday.now)
        assert claimed is not None and look(payday, task).state == "running" and look(payday, task).tries == n + 1
        tasks.died(payday.database, *claimed)
    assert tasks.claim_next(payday.database, payday.now) is None
    assert look(payday, task).refusal == {"code": "task_died", "facts": {}}


def test_whoever_falls_silent_loses_the_task_and_what_he_brings_later_is_thrown_away(payday):
    task = order(payday)
    silent = tasks.claim_next(payday.database, payday.now)
    assert tasks.claim_next(payday.database, payday.now + tasks.LEASE - timedelta(seconds=1)) is None
    second = tasks.claim_next(payday.database, payday.now + tasks.LEASE)
    assert second is not None and second[1] != silent[1]
    tasks.work(payday.database, payday.vault, *silent, lambda: payday.now + tasks.LEASE)
    assert look(payday, task).state == "running", "the first is told that somebody else has it"
    with payday.database.read() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(TaskFile)).scalar_one() == 0
    tasks.work(payday.database, payday.vault, *second, lambda: payday.now + tasks.LEASE)
    assert look(payday, task).state == "done"


def test_whoever_says_that_he_lives_keeps_the_task(payday):
    task = order(payday)
    _, claim = tasks.claim_next(payday.database, payday.now)
    with payday.database.write() as db:
        assert store.beat(db, task.id, claim, until=payday.now + 2 * tasks.LEASE)
    assert tasks.claim_next(payday.database, payday.now + tasks.LEASE) is None


def test_how_far_it_is_stands_with_the_task(closed):
    task = order(closed, "form.ledger", year=2026)
    told = []
    real = exports.FORMS["ledger"].make

    def watched(*args, tell, **given):
        def both(stage, done, total):
            tell(stage, done, total)
            now = look(closed, task)
            told.append((stage, done, total, now.stage, now.state))

        return real(*args, tell=both, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(exports.FORMS, "ledger", replace(exports.FORMS["ledger"], make=watched))
        work(closed)
    assert {(stage, total) for stage, _, total, _, _ in told} == {("gather", 0), ("gather", 2), ("write", 2), ("pack", 0)}
    assert all(said == stage and state == "running" for stage, _, _, said, state in told), "another step is told at once"


# --- steps of a month --------------------------------------------------------------------------------------------


def state(payday: Payday) -> str:
    with payday.database.read() as db:
        return held.period_state(db, payday.site.id, MARCH)


def test_a_month_goes_from_open_to_closed_by_tasks(payday):
    payday.gates_report()
    order(payday, "month.lock", month=MARCH)
    assert work(payday).state == "done" and state(payday) == "locked"
    order(payday, "month.draft", month=MARCH)
    assert work(payday).state == "done" and len(payday.lines()) == 2
    order(payday, "month.close", "chen", month=MARCH)
    refused = work(payday)
    assert refused.refusal["code"] == "period_blocked" and state(payday) == "locked"
    assert "…" not in sentence("period_blocked", "zh", **refused.refusal["facts"]) and refused.refusal["facts"]["count"]
    payday.through()
    order(payday, "month.close", "chen", month=MARCH)
    assert work(payday).state == "done" and state(payday) == "closed"
    with payday.database.read() as db:
        by = [line.actor for line in accounts.journal_lines(db, payday.site.id) if line.action == "period_closed" and line.facts["lines"]]
    assert by == ["chen"], "in the name of who asked for it, once"


def test_a_month_is_not_closed_by_somebody_who_was_overtaken(payday):
    payday.locked_and_drafted()
    payday.through()
    task = order(payday, "month.close", "chen", month=MARCH)
    late = tasks.claim_next(payday.database, payday.now)
    assert tasks.claim_next(payday.database, payday.now + tasks.LEASE) is not None
    tasks.work(payday.database, payday.vault, *late, lambda: payday.now)
    assert (state(payday), look(payday, task).state) == ("locked", "running"), "the close and the end of its task are one transaction"


def test_the_rules_are_run_by_a_task(payday):
    order(payday, "audit", months=["2026-02-01", "2026-03-01"])
    assert work(payday).state == "done"
    assert actions(payday).count("audit.run") == 2


# --- over HTTP -------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(closed, settings, vault, monkeypatch):
    """A service for which every ledger is long, and a client of the labour officer."""
    monkeypatch.setitem(exports.FORMS, "ledger", replace(exports.FORMS["ledger"], each_ms=10_000.0))
    app = create_app(settings.model_copy(update={"pack_id": "none"}), database=closed.database, vault=vault)
    app.state.clock = lambda: closed.now
    with closed.database.write() as db:
        token = access.begin_session(db, settings, account_id=closed.cast.wu, now=closed.now)
    return TestClient(app, follow_redirects=False, headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"})


def test_a_long_paper_is_202_and_where_to_look_then_the_file(payday, house):
    base = f"/v1/projects/{payday.site.id}"
    asked = house.get(f"{base}/forms/ledger?year=2026")
    assert asked.status_code == 202 and asked.json()["state"] == "waiting" and asked.json()["file"] is None
    where = asked.headers["location"]
    assert house.get(f"{base}/forms/ledger?year=2026").headers["location"] == where
    assert house.get(f"{where}/file").json()["error"]["code"] == "task_not_done"
    work(payday)
    told = house.get(where).json()
    assert (told["state"], told["error"]) == ("done", None) and told["file"] == f"{where}/file"
    file = house.get(told["file"])
    assert file.status_code == 200 and file.content[:2] == b"PK" and "ledger-2026" in file.headers["content-disposition"]
    assert file.headers["cache-control"] == "no-store"
    assert [t["id"] for t in house.get(f"{base}/tasks").json()] == [told["id"]]
    assert house.get(f"{base}/forms/roster").status_code == 200, "a small one comes at once"


def test_a_failure_is_told_in_the_readers_language_and_asked_for_again(payday, house):
    where = house.get(f"/v1/projects/{payday.site.id}/forms/ledger?year=2019").headers["location"]
    work(payday)
    assert house.get(where).json()["error"] == {"code": "ledger_empty", "message": "No wages were closed or paid for that year"}
    fresh = house.post(f"{where}/again")
    assert fresh.status_code == 202 and fresh.json()["state"] == "waiting"


def test_a_browser_is_shown_the_page_where_it_stands(payday, house):
    there = house.get(f"/v1/projects/{payday.site.id}/forms/ledger?year=2026&language=en", headers={"Accept": "text/html,*/*"})
    assert there.status_code == 303
    page = house.get(there.headers["location"].partition("#")[0])
    assert page.status_code == 200 and "About to begin" in page.text and "<noscript><meta http-equiv" in page.text
    piece = page.text.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    assert "hx-refresh" not in house.get(piece).headers
    work(payday)
    over = house.get(piece)
    assert over.headers["hx-refresh"] == "true" and "hx-get" not in over.text
    assert "Download" in house.get(there.headers["location"].partition("#")[0]).text


HTML = {"Accept": "text/html"}


def test_a_step_of_a_large_month_is_ordered_on_its_page_and_told_there(payday, settings, vault, monkeypatch):
    app = create_app(settings.model_copy(update={"pack_id": "none"}), database=payday.database, vault=vault)
    app.state.clock = lambda: payday.now
    payday.gates_report()
    with payday.database.write() as db:
        token = access.begin_session(db, settings, account_id=payday.cast.wu, now=payday.now)
    client = TestClient(app, follow_redirects=False, headers={"Authorization": f"Bearer {token}", "Accept-Language": "en", **HTML})
    base, month = f"/projects/{payday.site.id}/payroll", {"month": "2026-03"}
    monkeypatch.setattr(tasks, "LARGE_PEOPLE", 2)
    for _ in range(2):
        assert client.post(f"{base}/draft", data=month).headers["location"] == f"{base}?month=2026-03"
    with payday.database.read() as db:
        assert len(store.tasks_of(db, payday.site.id, "wu")) == 1
    there = client.get(f"{base}?month=2026-03")
    assert "Drafting wage sheets" in there.text and "of=month" in there.text and state(payday) == "open"
    assert work(payday).refusal["code"] == "period_not_locked"
    there = client.get(f"{base}?month=2026-03").text
    assert "not locked yet" in there and "of=month" not in there
    again = f"/projects/{payday.site.id}/tasks/1/again"
    assert again in there
    client.post(f"{base}/lock", data=month)
    assert work(payday).state == "done" and state(payday) == "locked"
    assert client.post(again).headers["location"] == f"{base}?month=2026-03"
    assert work(payday).state == "done" and len(payday.lines()) == 2
    monkeypatch.setattr(tasks, "LARGE_PEOPLE", 3)
    client.post(f"{base}/draft", data=month)
    with payday.database.read() as db:
        assert all(t.ended_at for t in store.tasks_of(db, payday.site.id, "wu")), "of a small project it is done at once"


def test_the_rules_of_a_large_project_are_run_beside_the_page(payday, house, monkeypatch):
    monkeypatch.setattr(tasks, "LARGE_PEOPLE", 1)
    base = f"/projects/{payday.site.id}/findings"
    assert house.post(f"{base}/run", data={"month": ""}, headers=HTML).headers["location"] == base
    assert "Running the rules 2026-03 2026-04" in house.get(base, headers=HTML).text
    assert work(payday).state == "done"


def test_every_kind_has_its_words_and_every_form_what_it_takes():
    assert [kind for kind in tasks.KINDS if f"task_kind.{kind}" not in NAMES] == []
    for name, form in exports.FORMS.items():
        asked = set(form.make.__annotations__) - {"db", "vault", "project_id", "language", "full", "by", "now", "tell", "return"}
        assert set(form.takes) == asked, name


def test_nothing_of_a_person_stands_in_a_task(payday):
    order(payday)
    work(payday)
    with payday.database.read() as db:
        row = db.execute(sa.select(Task)).scalars().one()
    assert WANG_ID not in json.dumps([row.asked, row.result, row.refusal], default=str) and "王建国" not in json.dumps(row.result, ensure_ascii=False)
