"""Accounts on pages: one's own, everybody's for the administrator, and who reaches a project."""

import base64
import re

import pytest
import sqlalchemy as sa

from app import access
from app.domain import totp
from app.store import accounts, second_steps
from app.vault import VaultError
from tests import cast
from tests.straight import living

NEW = {"old": cast.PASSWORD, "new": "right boot, left boot ", "repeated": "right boot, left boot "}


def test_somebody_changes_his_own_password_and_is_signed_out_everywhere_else(client_of, database, people_on_site):
    here, elsewhere, other = client_of("ma"), client_of("ma"), client_of("wu")
    page = "/account"
    reply = here.post(f"{page}/password", data=NEW)
    assert (reply.status_code, reply.headers["location"]) == (303, f"{page}?done=password_changed")
    assert "密码已更改" in here.get(reply.headers["location"]).text
    assert elsewhere.get(page).headers["location"].startswith("/sign-in")
    assert other.get(page).status_code == 200
    nobody = client_of(None)
    assert nobody.post("/sign-in", data={"login": "ma", "password": cast.PASSWORD}).status_code == 401
    assert nobody.post("/sign-in", data={"login": "ma", "password": NEW["new"].strip()}).status_code == 401, "a space counts"
    assert nobody.post("/sign-in", data={"login": "ma", "password": NEW["new"]}).status_code == 303
    with database.read() as db:
        line = next(line for line in accounts.journal_lines(db, None) if line.action == "password_changed")
    assert (line.actor, line.object, line.facts) == ("ma", f"account:{people_on_site.ma}", {"sessions_ended": 1})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"old": "left boot, left boot"}, "原密码不正确"),
        ({"repeated": "right boot, left boot"}, "两次输入的新密码不一致"),
        ({"new": "short", "repeated": "short"}, "密码至少 10 位"),
        ({"new": cast.PASSWORD, "repeated": cast.PASSWORD}, "新密码与原密码相同"),
        ({"old": None}, "两次输入的新密码不一致"),
    ],
)
def test_a_password_that_is_not_changed_says_why_and_stays(changed, says, client_of, people_on_site):
    client, page = client_of("ma"), "/account"
    data = {name: value for name, value in {**NEW, **changed}.items() if value is not None}
    reply = client.post(f"{page}/password", data=data)
    assert reply.status_code == 400 and says in reply.text
    assert all(value not in reply.text for value in data.values()), "what was typed does not come back"
    assert re.findall(r'<nav.*?</nav>', reply.text, re.S) == re.findall(r'<nav.*?</nav>', client.get(page).text, re.S)
    assert client_of(None).post("/sign-in", data={"login": "ma", "password": cast.PASSWORD}).status_code == 303


def test_an_open_session_is_no_way_to_guess_the_old_password(client_of, people_on_site):
    client, path = client_of("ma"), "/account/password"
    for _ in range(5):
        assert client.post(path, data={**NEW, "old": "left boot, left boot"}).status_code == 400
    reply = client.post(path, data=NEW)
    assert reply.status_code == 429 and "登录失败次数过多" in reply.text


# --- the second step -------------------------------------------------------------------------------------------


def secret_of(database, vault, account_id: int) -> bytes:
    with database.read() as db:
        held = second_steps.step(db, account_id)
    return vault.open(held.secret_sealed, table="second_step", column="secret", owner=str(account_id))


def digits(database, vault, account_id: int, at) -> str:
    return totp.code_of(secret_of(database, vault, account_id), int(at.timestamp()) // 30)


def set_up(client, database, vault, account_id: int, clock) -> list[str]:
    """The second step is set up on the page; returns the recovery codes it shows."""
    assert client.post("/account/second-step").headers["location"] == "/account#second"
    assert "data:image/svg+xml" in client.get("/account").text
    reply = client.post("/account/second-step/confirm", data={"code": digits(database, vault, account_id, clock())})
    codes = re.findall(r'<li class="code">([A-Z0-9]{5}-[A-Z0-9]{5})</li>', reply.text)
    assert reply.status_code == 200 and len(codes) == len(set(codes)) == 10
    assert not any(code in client.get("/account").text for code in codes), "shown once"
    clock.advance(seconds=30)
    return codes


def by_password(client, login: str = "ma", password: str = cast.PASSWORD) -> str:
    """The password is right; the page asks for the digits. Returns what goes with them."""
    asked = client.post("/sign-in", data={"login": login, "password": password, "next": "/projects/1/gate"})
    assert asked.status_code == 200 and "动态验证码" in asked.text and access.COOKIE not in asked.headers.get("set-cookie", "")
    return re.search(r'name="waiting" value="([^"]+)"', asked.text)[1]


def send(client, waiting: str, code: str):
    return client.post("/sign-in/second", data={"waiting": waiting, "code": code, "login": "ma", "next": "/projects/1/gate"})


def test_after_the_password_the_digits_of_the_telephone(client_of, database, vault, people_on_site, clock):
    set_up(client_of("ma"), database, vault, people_on_site.ma, clock)
    client = client_of(None)
    waiting = by_password(client)
    assert send(client, waiting, "000000").status_code == 401
    now = digits(database, vault, people_on_site.ma, clock())
    entered = send(client, waiting, f"{now[:3]} {now[3:]}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/projects/1/gate")
    assert "马保安" in client.get("/projects/1/gate").text
    told = client.get("/account").text
    assert "密码和动态验证码" in told and "动态验证码不对" in told
    with database.read() as db:
        assert accounts.journal_page(db, None)[0].facts == {"by": "totp"}


def test_a_code_is_good_once(client_of, database, vault, people_on_site, clock):
    set_up(client_of("ma"), database, vault, people_on_site.ma, clock)
    first, second = client_of(None), client_of(None)
    code = digits(database, vault, people_on_site.ma, clock())
    assert send(first, by_password(first), code).status_code == 303
    over_the_shoulder = send(second, by_password(second), code)
    assert over_the_shoulder.status_code == 401 and "已经用过" in over_the_shoulder.text
    clock.advance(seconds=30)
    assert send(second, by_password(second), digits(database, vault, people_on_site.ma, clock())).status_code == 303


def test_a_recovery_code_lets_in_once(client_of, database, vault, people_on_site, clock):
    codes = set_up(client_of("ma"), database, vault, people_on_site.ma, clock)
    client, again = client_of(None), client_of(None)
    assert send(client, by_password(client), codes[3].lower()).status_code == 303
    assert "还有 9 个恢复码" in client.get("/account").text
    assert send(again, by_password(again), codes[3]).status_code == 401


def test_digits_are_not_guessed(client_of, database, vault, people_on_site, clock):
    codes = set_up(client_of("ma"), database, vault, people_on_site.ma, clock)
    client = client_of(None)
    for _ in range(5):
        assert send(client, by_password(client), "000000").status_code == 401
    assert send(client, by_password(client), digits(database, vault, people_on_site.ma, clock())).status_code == 429
    for _ in range(3):
        clock.advance(seconds=600)
        for _ in range(5):
            send(client, by_password(client), "000000")
    clock.advance(seconds=600)
    of_the_day = send(client, by_password(client), digits(database, vault, people_on_site.ma, clock()))
    assert of_the_day.status_code == 429 and "恢复码" in of_the_day.text
    assert send(client, by_password(client), codes[0]).status_code == 303, "the owner still gets in"


def test_digits_are_guessed_no_faster_in_a_session_that_was_left_open(client_of, database, vault, people_on_site, clock):
    client = client_of("ma")
    set_up(client, database, vault, people_on_site.ma, clock)
    for _ in range(4):
        clock.advance(seconds=600)
        for _ in range(5):
            assert client.post("/account/second-step/remove", data={"code": "000000"}).status_code == 400
    clock.advance(seconds=600)
    of_the_day = client.post("/account/second-step/remove", data={"code": digits(database, vault, people_on_site.ma, clock())})
    assert of_the_day.status_code == 429 and "恢复码" in of_the_day.text
    assert "动态验证码不对" in client.get("/account").text, "its owner sees that somebody tried"


def test_the_administrator_takes_his_own_step_off_with_a_code_like_everybody(client_of, database, vault, people_on_site, clock):
    client = client_of("gao")
    with database.read() as db:
        gao = accounts.account_by_login(db, "gao").id
    set_up(client, database, vault, gao, clock)
    assert "second-step/reset" not in client.get(f"/accounts/{gao}").text
    assert client.post(f"/accounts/{gao}/second-step/reset").status_code == 409


def test_what_waits_for_the_digits_is_no_session_and_is_soon_over(client_of, database, vault, people_on_site, clock):
    set_up(client_of("ma"), database, vault, people_on_site.ma, clock)
    client = client_of(None)
    waiting = by_password(client)
    client.cookies.set(access.COOKIE, waiting)
    assert client.get("/projects/1/gate").headers["location"].startswith("/sign-in")
    client.cookies.clear()
    clock.advance(seconds=301)
    over = send(client, waiting, digits(database, vault, people_on_site.ma, clock()))
    assert over.status_code == 401 and "请重新输入密码" in over.text and 'name="password"' in over.text


def test_a_foreign_page_cannot_finish_somebodys_sign_in(client_of, database, vault, people_on_site, clock):
    set_up(client_of("ma"), database, vault, people_on_site.ma, clock)
    client = client_of(None)
    values = {"waiting": by_password(client), "code": digits(database, vault, people_on_site.ma, clock())}
    assert client.post("/sign-in/second", data=values, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/sign-in/second", data=values, headers={"Origin": "https://evil.example"}).status_code == 403
    signed_in = client_of("ma")
    for act in ("/account/sessions", "/account/second-step", "/account/second-step/remove", "/account/password", "/accounts"):
        assert signed_in.post(act, data={}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403, act


def test_a_machine_sends_the_digits_with_the_password(client_of, database, vault, people_on_site, clock):
    set_up(client_of("ma"), database, vault, people_on_site.ma, clock)
    client, body = client_of(None), {"login": "ma", "password": cast.PASSWORD}
    assert client.post("/v1/sign-in", json=body).json()["error"]["code"] == "second_needed"
    assert client.post("/v1/sign-in", json={**body, "code": "123"}).json()["error"]["code"] == "second_wrong"
    token = client.post("/v1/sign-in", json={**body, "code": digits(database, vault, people_on_site.ma, clock())}).json()["token"]
    told = client.get("/v1/me/sessions", headers={"Authorization": f"Bearer {token}"}).json()
    assert [(s["second"], s["here"]) for s in told if s["here"]] == [(True, True)]


def test_a_program_sets_the_second_step_up_and_takes_it_off(client_of, database, vault, people_on_site, clock):
    client, account_id, path = client_of("ma"), people_on_site.ma, "/v1/me/second-step"
    code = lambda: {"code": digits(database, vault, account_id, clock())}  # noqa: E731
    assert client.post(f"{path}/confirm", json={"code": "000000"}).json()["error"]["code"] == "second_not_begun"
    told = client.post(path).json()
    plain = base64.b32encode(secret_of(database, vault, account_id)).decode().rstrip("=")
    assert told["secret"].replace(" ", "") == plain and f"secret={plain}&" in told["address"]
    assert client.post(f"{path}/confirm", json={"code": "12345"}).json()["error"]["code"] == "second_wrong"
    first = client.post(f"{path}/confirm", json=code()).json()["recovery_codes"]
    assert len(set(first)) == 10 and client.post(path).json()["error"]["code"] == "second_step_on"
    assert [(s["second"], s["here"]) for s in client.get("/v1/me/sessions").json()] == [(True, True)]
    clock.advance(seconds=30)
    second = client.post(f"{path}/codes", json={"code": first[0]}).json()["recovery_codes"]
    assert len(second) == 10 and not set(first) & set(second)
    assert client.post(f"{path}/remove", json={"code": first[1]}).status_code == 400, "those of before are no longer good"
    assert client.post(f"{path}/remove", json=code()).status_code == 204
    with database.read() as db:
        assert second_steps.step(db, account_id) is None
        told = [(e.outcome, e.means) for e in second_steps.events(db, account_id=account_id)]
        lines = str([(line.action, line.facts) for line in accounts.journal_lines(db, None)])
    assert ("second_wrong", "recovery") in told, "who guesses is seen, and slowed"
    assert "second_step_on" in lines and not any(secret in lines for secret in (plain, *first, *second))


def test_digits_are_guessed_no_faster_by_a_program(client_of, database, vault, people_on_site, clock):
    client = client_of("ma")
    set_up(client, database, vault, people_on_site.ma, clock)
    answers = [client.post("/v1/me/second-step/remove", json={"code": "000000"}) for _ in range(6)]
    assert [a.status_code for a in answers] == [400] * 5 + [429]


def test_the_second_step_is_taken_off_with_a_code_only(client_of, database, vault, people_on_site, clock):
    client = client_of("ma")
    set_up(client, database, vault, people_on_site.ma, clock)
    refused = client.post("/account/second-step/remove", data={"code": "000000"})
    assert refused.status_code == 400 and "动态验证码不对" in refused.text and "已启用" in refused.text
    done = client.post("/account/second-step/remove", data={"code": digits(database, vault, people_on_site.ma, clock())})
    assert done.headers["location"].startswith("/account?done=second_off")
    assert client_of(None).post("/sign-in", data={"login": "ma", "password": cast.PASSWORD}).status_code == 303


def test_a_role_that_wants_a_second_step_rests_until_there_is_one(app, client_of, database, vault, people_on_site, clock):
    app.state.settings = app.state.settings.model_copy(update={"second_step_roles": "administrator,inspector"})
    client = client_of("lin")
    assert client.get("/county").headers["location"] == "/account"
    assert client.get("/v1/county").status_code == 403
    assert "须先启用两步验证" in client.get("/account").text
    set_up(client, database, vault, people_on_site.lin, clock)
    assert client.get("/county").status_code == 200
    assert client_of("lin").get("/county").headers["location"] == "/account", "a session without it reaches nothing"
    assert client_of("wu").get("/projects/1").status_code == 200, "nobody else is asked"


def test_the_administrator_takes_it_off_for_who_lost_his_telephone(client_of, database, vault, people_on_site, clock):
    theirs, gao = client_of("ma"), client_of("gao")
    set_up(theirs, database, vault, people_on_site.ma, clock)
    page = f"/accounts/{people_on_site.ma}"
    assert "重置两步验证" in gao.get(page).text
    assert gao.post(f"{page}/second-step/reset").headers["location"] == f"{page}?done=second_off"
    assert theirs.get("/account").headers["location"].startswith("/sign-in"), "whoever holds the telephone is out"
    assert client_of(None).post("/sign-in", data={"login": "ma", "password": cast.PASSWORD}).status_code == 303
    with database.read() as db:
        line = next(line for line in accounts.journal_page(db, None) if line.action == "second_step_reset")
    assert (line.actor, line.object) == ("gao", f"account:{people_on_site.ma}")


def test_nothing_of_the_second_step_is_kept_in_the_open(client_of, database, vault, people_on_site, clock):
    codes = set_up(client_of("ma"), database, vault, people_on_site.ma, clock)
    secret = secret_of(database, vault, people_on_site.ma)
    with database.read() as db:
        held = [row for table in ("second_step", "recovery_code", "sign_in_event", "journal_entry") for row in db.execute(sa.text(f"SELECT * FROM {table}"))]
    told = repr(held)
    assert repr(secret) not in told and totp.secret_text(secret) not in told and not any(code.replace("-", "") in told for code in codes)
    with pytest.raises(VaultError):
        vault.open(second_step_row(database, people_on_site.ma), table="second_step", column="secret", owner=str(people_on_site.wu))


def second_step_row(database, account_id: int) -> bytes:
    with database.read() as db:
        return second_steps.step(db, account_id).secret_sealed


# --- sessions and tries ------------------------------------------------------------------------------------------


def test_somebody_sees_where_he_is_signed_in_and_ends_it(client_of, people_on_site):
    windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
    here, there = client_of(None), client_of(None, **{"User-Agent": windows})
    for client in (here, there):
        client.post("/sign-in", data={"login": "ma", "password": cast.PASSWORD})
    told = here.get("/account").text
    assert "Chrome · Windows" in told and told.count("本机") == 1
    (other,) = re.findall(r'name="which" value="([0-9a-f]{16})"', told)
    assert here.post("/account/sessions", data={"which": other}).status_code == 303
    assert there.get("/account").headers["location"].startswith("/sign-in") and here.get("/account").status_code == 200
    assert here.post("/account/sessions", data={"which": other}).status_code == 404


def test_all_others_are_ended_at_once_and_nobody_elses(client_of, people_on_site):
    here, there, wu = client_of("ma"), client_of("ma"), client_of("wu")
    assert here.post("/account/sessions", data={"which": "others"}).status_code == 303
    assert there.get("/account").status_code == 303 and here.get("/account").status_code == wu.get("/account").status_code == 200


def test_somebody_elses_session_is_not_ended(client_of, database, people_on_site, now):
    wu = client_of("wu")
    with database.read() as db:
        of_wu = second_steps.sessions(db, people_on_site.wu, now)[0].id
    assert client_of("ma").post("/account/sessions", data={"which": of_wu}).status_code == 404
    assert wu.get("/account").status_code == 200


def test_a_session_says_when_it_was_last_used(client_of, app, database, people_on_site, clock, now):
    client = client_of("ma")
    with living(app):
        for _ in range(2):
            clock.advance(seconds=400)
            client.get("/account")
    with database.read() as db:
        assert second_steps.sessions(db, people_on_site.ma, clock())[0].seen_at == clock()


def test_who_tried_to_sign_in_is_read_by_those_who_answer_for_it(client_of, people_on_site, database):
    client = client_of(None, **{"User-Agent": "curl/8.1"})
    client.post("/sign-in", data={"login": "ma", "password": "left boot, left boot"})
    client.post("/sign-in", data={"login": "a password typed here", "password": "left boot, left boot"})
    told = client_of("gao").get("/sign-ins?what=failed").text
    assert "没有这个账号" in told and ">ma<" in told and "a password typed here" not in told
    assert client_of("wu").get("/sign-ins").status_code == 403
    assert "账号或密码不对" in client_of("ma").get("/account").text
    assert "账号或密码不对" not in client_of("wu").get("/account").text, "everybody his own"


# --- keeping accounts ----------------------------------------------------------------------------------------------


def test_the_administrator_makes_an_account_gives_a_role_and_takes_it_back(client_of, people_on_site, database):
    gao = client_of("gao")
    made = gao.post("/accounts", data={"login": "Qian.Lao", "name": "钱劳资", "password": "right boot, left boot"})
    page = made.headers["location"].partition("?")[0]
    assert "没有角色" in gao.get(page).text
    given = gao.post(f"{page}/roles", data={"role": "labour_officer", "project_id": people_on_site.a.id})
    assert given.headers["location"] == f"{page}?done=role_given"
    told = gao.get(page).text
    assert "劳资专管员" in told and "嘉禾一期" in told
    role_id = re.search(r'name="role_id" value="(\d+)"', told)[1]
    client = client_of(None)
    client.post("/sign-in", data={"login": "qian.lao", "password": "right boot, left boot"})
    assert client.get(f"/projects/{people_on_site.a.id}/workers").status_code == 200
    gao.post(f"{page}/roles/take", data={"role_id": role_id})
    assert client.get(f"/projects/{people_on_site.a.id}/workers").status_code == 404
    assert "qian.lao" in gao.get("/accounts?q=钱").text and "qian.lao" not in gao.get("/accounts?q=周").text


@pytest.mark.parametrize(
    ("role", "more", "reach"),
    [
        ("subcontractor", {"part": "{a}:{company}"}, "海盐建设总包有限公司"),
        ("team_leader", {"part": "{a}:{team}"}, "嘉禾一期"),
        ("inspector", {"area_code": "3304"}, "区划代码 3304 开头的项目"),
        ("data_officer", {}, "整个系统"),
    ],
)
def test_what_a_role_reaches_is_said_in_words(role, more, reach, client_of, people_on_site):
    gao, page, a = client_of("gao"), f"/accounts/{people_on_site.ma}", people_on_site.a
    values = {name: value.format(a=a.id, company=a.project_company_id, team=a.team_id) for name, value in more.items()}
    assert gao.post(f"{page}/roles", data={"role": role, **values}).status_code == 303
    assert reach in gao.get(page).text and reach in client_of("ma").get("/account").text


def test_a_refused_account_keeps_what_was_typed_but_the_password(client_of, people_on_site):
    reply = client_of("gao").post("/accounts", data={"login": "wu", "name": "吴二", "password": "right boot, left boot"})
    assert reply.status_code == 409 and "该账号已存在" in reply.text and "吴二" in reply.text and "right boot" not in reply.text


def test_the_last_administrator_stays(client_of, people_on_site):
    gao, page = client_of("gao"), f"/accounts/{people_on_site.gao}"
    assert f'action="{page}/switch"' not in gao.get(page).text
    assert gao.post(f"{page}/switch", data={"to": "disabled"}).status_code == 409


def test_a_disabled_account_is_out_and_comes_back_as_it_was(client_of, people_on_site):
    gao, ma, page = client_of("gao"), client_of("ma"), f"/accounts/{people_on_site.ma}"
    gao.post(f"{page}/switch", data={"to": "disabled"})
    assert ma.get("/account").headers["location"].startswith("/sign-in")
    assert client_of(None).post("/sign-in", data={"login": "ma", "password": cast.PASSWORD}).status_code == 401
    gao.post(f"{page}/switch", data={"to": "enabled"})
    client = client_of(None)
    client.post("/sign-in", data={"login": "ma", "password": cast.PASSWORD})
    assert client.get(f"/projects/{people_on_site.a.id}/gate").status_code == 200


def test_a_password_is_reset_and_every_session_ends(client_of, people_on_site):
    gao, ma, page = client_of("gao"), client_of("ma"), f"/accounts/{people_on_site.ma}"
    assert gao.post(f"{page}/password", data={"password": "short"}).status_code == 400
    assert ma.get("/account").status_code == 200
    assert gao.post(f"{page}/password", data={"password": "right boot, left boot"}).status_code == 303
    assert ma.get("/account").status_code == 303
    assert client_of(None).post("/sign-in", data={"login": "ma", "password": "right boot, left boot"}).status_code == 303


# --- who reaches a project -------------------------------------------------------------------------------------------


def test_a_manager_sees_who_reaches_his_project_and_gives_a_guard(client_of, people_on_site, database):
    chen, page = client_of("chen"), f"/projects/{people_on_site.a.id}/people"
    told = chen.get(page).text
    assert all(name in told for name in ("吴劳资", "马保安", "林监察", "高管理")) and "周经理" not in told
    assert chen.post(f"{page}/give", data={"login": "zhou", "role": "guard"}).status_code == 303
    assert "周经理" in (told := chen.get(page).text)
    role_id = re.search(r'value="zhou"><button[^>]*name="role_id" value="(\d+)"', told)[1]
    assert chen.post(f"{page}/take", data={"login": "zhou", "role_id": role_id}).status_code == 303
    assert "周经理" not in chen.get(page).text
    with database.read() as db:
        assert [line.action for line in accounts.journal_page(db, people_on_site.a.id)[:2]] == ["role_taken", "role_given"]


@pytest.mark.parametrize("role", ["labour_officer", "manager", "administrator", "inspector", "data_officer", "worker"])
def test_a_manager_gives_nobody_the_roles_of_money_or_of_oversight(role, client_of, people_on_site, database):
    page = f"/projects/{people_on_site.a.id}/people"
    reply = client_of("chen").post(f"{page}/give", data={"login": "ma", "role": role, "area_code": "330424", "project_id": people_on_site.a.id})
    assert reply.status_code == 403
    with database.read() as db:
        assert [m.role for m in accounts.memberships(db, people_on_site.ma)] == ["guard"]


def test_a_manager_takes_no_officers_role_none_of_another_project_and_none_of_his_own(client_of, people_on_site, database):
    page = f"/projects/{people_on_site.a.id}/people"
    with database.write() as db:
        wus = accounts.memberships(db, people_on_site.wu)[0].id
        own = accounts.add_membership(db, account_id=people_on_site.chen, role="guard", project_id=people_on_site.a.id)
        elsewhere = accounts.add_membership(db, account_id=people_on_site.ma, role="guard", project_id=people_on_site.b.id)
    chen = client_of("chen")
    answers = [chen.post(f"{page}/take", data={"login": login, "role_id": role}).status_code for login, role in (("wu", wus), ("chen", own), ("ma", elsewhere))]
    assert answers == [403, 403, 404]
    assert chen.post(f"{page}/give", data={"login": "chen", "role": "guard"}).status_code == 403
