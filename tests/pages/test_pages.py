"""Who may open what, and that what is opened is whole. The table is ``access.ACTIONS``."""

import re
from datetime import date, timedelta

import pytest
from starlette.responses import Response

from app import access, pages
from app.domain import sheet as rules
from app.pages import live
from app.store import accounts, gates, money, people, sheets, terms, timekeeping
from tests import cast

ROLE = {"chen": "manager", "wu": "labour_officer", "ma": "guard", "lin": "inspector", "gao": "administrator"}
OF_PROJECT = [p for p in pages.PAGES if p.of_project]


def address(path: str, project_id: int, played) -> str:
    values = {"project_id": project_id, "worker_id": played.wang.id, "passage_id": 1, "finding_id": 1, "sheet_id": 1, "twin_id": 1,
              "batch_id": 1, "line_id": 1, "settlement_id": 1, "engagement_id": 1, "account_id": 1, "screen_id": 1, "task_id": 1}  # fmt: skip
    return re.sub(r"\{(\w+):int\}", lambda match: str(values[match[1]]), path)


@pytest.mark.parametrize("login", ROLE)
@pytest.mark.parametrize("each", OF_PROJECT, ids=lambda p: p.path)
def test_a_page_opens_for_the_roles_of_its_action_only(each, login, client_of, people_on_site, database, now):
    if "sheet_id" in each.path:
        with database.write() as db:
            site = people_on_site.a
            sheets.add_sheet(
                db, project_id=site.id, project_company_id=site.project_company_id, team_id=site.team_id, month=date(2026, 2, 1),
                kind="regular", version=1, digest=rules.digest(()), lines=[], by="wu", now=now,
            )  # fmt: skip
    reply = client_of(login).get(address(each.path, people_on_site.a.id, people_on_site))
    if "batch_id" in each.path and ROLE[login] in access.ACTIONS[each.action]:
        # Of a batch that is there: tests/pages/test_bank_pages.py.
        assert reply.status_code == 404
    elif ROLE[login] in access.ACTIONS[each.action]:
        assert reply.status_code in (200, 303), reply.text
        assert reply.status_code == 200 or "/projects/" in reply.headers["location"]
    else:
        assert reply.status_code == 403
        assert "<h1>" in reply.text


@pytest.mark.parametrize("each", OF_PROJECT, ids=lambda p: p.path)
def test_people_of_another_project_do_not_learn_that_it_exists(each, client_of, people_on_site):
    client = client_of("zhou")
    foreign = client.get(address(each.path, people_on_site.a.id, people_on_site))
    nothing = client.get(address(each.path, 99_999, people_on_site))
    assert foreign.status_code == nothing.status_code == 404
    assert foreign.text.replace(f"/projects/{people_on_site.a.id}", "") == nothing.text.replace("/projects/99999", "")


@pytest.mark.parametrize("act", pages.ACTS, ids=lambda a: a.path)
def test_an_act_is_refused_to_everybody_else(act, client_of, people_on_site):
    if act.action is None:
        # One's own account: refused to nobody but nobody.
        assert client_of(None).post(act.path, data={}).headers["location"].startswith("/sign-in")
        return
    path = address(act.path, people_on_site.a.id, people_on_site)
    # What belongs to no project is no secret: whoever may not is told so.
    assert client_of("zhou").post(path, data={}).status_code == (404 if "{project_id" in act.path else 403)
    for login, role in ROLE.items():
        if role not in access.ACTIONS[act.action]:
            assert client_of(login).post(path, data={}).status_code == 403, login


@pytest.mark.parametrize("path", list(pages.CHARTS | pages.LISTS))
def test_charts_and_lists_are_guarded_too(path, client_of, people_on_site):
    where = address(path, people_on_site.a.id, people_on_site)
    assert client_of("chen").get(where).json()["series" if path in pages.CHARTS else "parts"]
    assert client_of("zhou").get(where).status_code == 404
    assert client_of("ma").get(where).status_code == 403


@pytest.mark.parametrize("each", pages.PAGES, ids=lambda p: p.path)
def test_nobody_is_sent_to_sign_in_and_back(each, client_of, people_on_site):
    path = address(each.path, people_on_site.a.id, people_on_site)
    reply = client_of(None).get(path)
    assert reply.status_code == 303
    # A worker has no password: he is sent to where his code is asked for.
    assert reply.headers["location"].startswith("/me/enter" if each.path.startswith("/me") else "/sign-in")


def test_signing_in_and_out(client_of, people_on_site):
    client = client_of(None)
    wrong = client.post("/sign-in", data={"login": "chen", "password": "not this one", "next": "/"})
    assert wrong.status_code == 401
    assert "账号或密码不正确" in wrong.text and "not this one" not in wrong.text
    right = client.post("/sign-in", data={"login": "chen", "password": cast.PASSWORD, "next": "//evil.example"})
    assert right.status_code == 303 and right.headers["location"] == "/"
    cookie = next(v for v in right.headers.get_list("set-cookie") if v.startswith(access.COOKIE))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert client.get("/").headers["location"] == f"/projects/{people_on_site.a.id}"
    client.post("/sign-out")
    assert client.get("/").headers["location"] == "/sign-in"


def test_the_cookie_of_a_page_is_given_and_taken_back_alike(app, client_of):
    app.state.settings = app.state.settings.model_copy(update={"secure_cookies": True})
    client = client_of(None)
    given = client.post("/sign-in", data={"login": "chen", "password": cast.PASSWORD})
    taken = client.post("/sign-out")
    for reply in (given, taken):
        cookie = next(v for v in reply.headers.get_list("set-cookie") if v.startswith(access.COOKIE))
        assert all(part in cookie for part in ("HttpOnly", "Path=/", "SameSite=lax", "Secure")), cookie


def test_the_language_is_kept_with_the_account(client_of, database, people_on_site):
    client = client_of("chen")
    back = client.post("/language", data={"language": "en", "back": "/projects/1"})
    assert back.headers["location"] == "/projects/1"
    assert "Roster" in client.get(f"/projects/{people_on_site.a.id}/workers").text
    with database.read() as db:
        assert access.person_of_account(db, people_on_site.chen).language == "en"


def test_a_guard_reads_masked_names_only(client_of, database, people_on_site, now):
    with database.write() as db:
        cast.pass_through(db, people_on_site.a, "in", people_on_site.wang.id, now - timedelta(minutes=3))
    path = f"/projects/{people_on_site.a.id}/gate"
    assert "王建国" not in client_of("ma").get(path).text
    assert "王*国" in client_of("ma").get(path).text
    assert "王建国" in client_of("chen").get(path).text


@pytest.mark.parametrize("login", ["chen", "wu", "lin"])
def test_no_reader_sees_a_whole_id_number_or_telephone(login, client_of, people_on_site):
    text = client_of(login).get(f"/projects/{people_on_site.a.id}/workers/{people_on_site.wang.id}").text
    assert cast.WANG_ID not in text and "13900000001" not in text and "****" in text


def test_a_worker_reads_why_his_day_and_his_month_are_worth_what_they_are(client_of, database, people_on_site, now):
    wang = people_on_site.wang
    with database.write() as db:
        third = now.replace(day=3, hour=0, minute=0)  # eight in the morning on site
        cast.pass_through(db, people_on_site.a, "in", wang.id, third)
        cast.pass_through(db, people_on_site.a, "out", wang.id, third + timedelta(hours=10))
        timekeeping.add_calendar_days(
            db, [timekeeping.CalendarDay(third.date(), "workday")], source="notice", by="gao", now=now
        )
        timekeeping.add_mark(
            db, project_id=people_on_site.a.id, team_id=None, worker_id=wang.id, kind="rain",
            from_on=third.date() + timedelta(days=1), to_on=third.date() + timedelta(days=2), pay_permille=600, note="",
            evidence=[], recorded_by="wu", now=now,
        )  # fmt: skip
        people.void_terms(db, wang.terms_id, now)
        people.add_terms(
            db, engagement_id=wang.engagement_id, kind="day", rate_fen=400_00, valid_from=third.date(), valid_to=None,
            recorded_by="wu", now=now, overtime_rule="law", relation="labour_contract",
        )  # fmt: skip
        terms.add_allowance(
            db, engagement_id=wang.engagement_id, kind="heat", per="month", amount_fen=88_00, valid_from=third.date(),
            valid_to=None, note="", recorded_by="wu", now=now,
        )  # fmt: skip
    client = client_of("wu")
    page = f"/projects/{people_on_site.a.id}/workers/{wang.id}?month={now:%Y-%m}"
    told = client.get(f"{page}&day={third.date()}").text
    for said in ("1.0 工日 × 400.00", "2.0 小时 × 50.00 × 150 %", "¥550.00", "津贴补贴", "¥88.00", "每工日", "雨停", "¥240.00"):
        assert said in told, said
    client.post("/language", data={"language": "en", "back": "/projects/1"})
    told = client.get(f"{page}&day={third.date()}").text
    for said in ("1.0 man-days × 400.00", "2.0 h × 50.00 × 150 %", "Overtime", "Allowance", "a man-day", "Rain"):
        assert said in told, said


def test_a_passage_that_asks_is_confirmed_once(client_of, database, people_on_site, now):
    with database.write() as db:
        asked = cast.pass_through(
            db, people_on_site.a, "in", people_on_site.wang.id, now - timedelta(minutes=1),
            verdict="ask", code="needs_confirmation", channel="face",
        )
    client = client_of("ma")
    path = f"/projects/{people_on_site.a.id}/passages/{asked.id}/review"
    assert path in client.get(f"/projects/{people_on_site.a.id}/gate").text
    left = client.post(path, data={"confirmed": "yes"}, headers={"hx-request": "true"})
    assert left.status_code == 200 and path not in left.text
    with database.read() as db:
        assert gates.passage(db, people_on_site.a.id, asked.id).confirmed is True
    assert client.post(path, data={"confirmed": "no"}).status_code == 409


def test_a_payment_sent_twice_is_one_payment(client_of, database, people_on_site):
    client, page = client_of("wu"), f"/projects/{people_on_site.a.id}/workers/{people_on_site.wang.id}"
    key = re.search(r'name="key" value="([^"]+)"', client.get(page).text)[1]
    form = {"key": key, "amount": "1,234.5", "paid_on": "2026-03-31", "for_month": "2026-03", "channel": "bank", "reference": "HY1"}
    assert "done=paid#" in client.post(f"{page}/payments", data=form).headers["location"]
    assert "done=paid_before#" in client.post(f"{page}/payments", data=form).headers["location"]
    with database.read() as db:
        assert [p.amount_fen for p in money.payments(db, people_on_site.a.id)] == [123450]


@pytest.mark.parametrize("amount", ["", "0", "-5", "12.345", "1e3", "１２", "99999999"])
def test_a_refused_payment_comes_back_with_what_was_typed(amount, client_of, database, people_on_site):
    page = f"/projects/{people_on_site.a.id}/workers/{people_on_site.wang.id}"
    form = {"key": "k" * 12, "amount": amount, "paid_on": "2026-03-31", "for_month": "2026-03", "channel": "bank", "reference": "凭证甲"}
    reply = client_of("wu").post(f"{page}/payments", data=form)
    assert reply.status_code == 422 and "凭证甲" in reply.text
    with database.read() as db:
        assert not money.payments(db, people_on_site.a.id)


def test_the_switch_asks_for_confirmation(client_of, database, people_on_site):
    path = f"/projects/{people_on_site.a.id}/settings/confirm-face"
    client_of("chen").post(path, data={"confirm_face": "yes"})
    with database.read() as db:
        assert people.project(db, people_on_site.a.id).confirm_face is True
        (line,) = accounts.journal_lines(db, people_on_site.a.id)
    assert (line.actor, line.action, line.facts) == ("chen", "project.confirm_face", {"confirm_face": True}), "as the API's"


def test_every_page_says_no_to_foreign_scripts(client_of, people_on_site):
    for path in ("/sign-in", "/account", f"/projects/{people_on_site.a.id}", "/projects/99999"):
        reply = client_of("chen" if path != "/sign-in" else None).get(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "unsafe-inline' 'self'" not in policy.split("style-src")[0]
        assert reply.headers["cache-control"] == "no-store"
        assert not re.findall(r"<script(?![^>]*src=)", reply.text) and " onclick" not in reply.text


@pytest.mark.parametrize(
    "tail", ["workers?page=0&team=x&sort=nothing", "workers?q=%00%27", "workers/1?month=2026-03&day=x", "findings?finding=x&page=9"]
)
def test_odd_addresses_open_a_page_all_the_same(tail, client_of, people_on_site):
    assert client_of("chen").get(f"/projects/{people_on_site.a.id}/{tail}").status_code == 200


@pytest.mark.parametrize("number", ["9223372036854775808", "9" * 5000])
@pytest.mark.parametrize("tail", ["workers?team=", "workers?page=", "findings?page=", "findings?finding=", "gate/stream?after="])
def test_a_number_no_row_can_have_is_not_found(tail, number, client_of, people_on_site, monkeypatch):
    # A stream that began would never end.
    monkeypatch.setattr(live, "EventSourceResponse", lambda *_args, **_more: Response("a stream"))
    reply = client_of("chen").get(f"/projects/{people_on_site.a.id}/{tail}{number}")
    assert reply.status_code == 404 and 'class="page"' in reply.text


def test_the_largest_number_a_row_can_have_is_a_page(client_of, people_on_site):
    for tail in ("workers?team=", "workers?page=", "findings?page=", "findings?finding="):
        assert client_of("chen").get(f"/projects/{people_on_site.a.id}/{tail}9223372036854775807").status_code == 200


@pytest.mark.parametrize("tail", ["workers/1?month=2026-13", "findings?month=x", "workers/999999999999999999999"])
def test_impossible_addresses_are_refused_in_the_houses_look(tail, client_of, people_on_site):
    reply = client_of("chen").get(f"/projects/{people_on_site.a.id}/{tail}")
    assert reply.status_code in (400, 404) and 'class="page"' in reply.text
