"""What a screen without an account is shown, what the guard's desk answers, and who stands behind each number of today."""

import re
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app import letting, papers, project_papers, review, screens
from app.store import faces, gates
from app.store.faces import FacePolicy
from tests.app.test_gate_photos import JPEG, enrolled, gate  # noqa: F401 (fixtures)
from tests.cast import add_member, id_number, pass_through


@pytest.fixture
def screen(app, database, settings, people_on_site, now):
    """gate -> (a browser with the key of a screen of it, the screen's id)."""

    def set_up(lane: str | None = "entrance", **headers):
        gate_id = getattr(people_on_site.a, lane).gate_id if lane else None
        with database.write() as db:
            made = screens.issue(db, project_id=people_on_site.a.id, gate_id=gate_id, name="东门平板", by="wu", now=now)
        browser = TestClient(app, follow_redirects=False, headers={"Accept": "text/html", **headers})
        entered = browser.post("/screen", data={"code": made.code})
        assert (entered.status_code, entered.headers["location"]) == (303, "/screen")
        return browser, made.id

    return set_up


# --- screens -----------------------------------------------------------------------------------------------------


def test_without_a_key_there_is_a_form_and_nothing_else(app, people_on_site):
    nobody = TestClient(app, headers={"Accept": "text/html"})
    reply = nobody.get("/screen")
    assert reply.status_code == 200 and "启用码" in reply.text and "嘉禾" not in reply.text
    wrong = nobody.post("/screen", data={"code": "ABCDE-FGHJK"})
    assert wrong.status_code == 401 and "请劳资专管员重新生成" in wrong.text
    assert nobody.post("/screen?language=en", data={"code": ""}).text.count("ask the labour officer") == 1
    assert nobody.get("/screen/stream", headers={"Accept": "text/event-stream"}).status_code == 401


def test_a_screen_shows_its_gate_and_opens_no_other_page(screen, people_on_site):
    browser, _ = screen()
    shown = browser.get("/screen")
    assert shown.status_code == 200 and "大门入口" in shown.text and 'data-stream="/screen/stream?language=zh"' in shown.text
    cookie = shown.headers["set-cookie"]
    assert "HttpOnly" in cookie and "Path=/screen" in cookie and "SameSite=lax" in cookie
    for path in (f"/projects/{people_on_site.a.id}/gate", f"/projects/{people_on_site.a.id}", f"/projects/{people_on_site.a.id}/wall"):
        assert browser.get(path).headers["location"].startswith("/sign-in"), path
    assert "Look at the camera" in browser.get("/screen?language=en").text


def test_a_screen_that_was_taken_back_is_asked_for_a_code(screen, client_of, people_on_site):
    browser, screen_id = screen()
    done = client_of("wu").post(f"/projects/{people_on_site.a.id}/screens/{screen_id}/revoke")
    assert done.headers["location"].endswith("done=screen_revoked")
    assert "启用码" in browser.get("/screen").text and "大门入口" not in browser.get("/screen").text


def test_the_labour_officer_is_shown_a_code_once(client_of, people_on_site, app):
    wu, here = client_of("wu"), f"/projects/{people_on_site.a.id}/screens"
    made = wu.post(here, data={"shows": "wall", "name": "食堂大屏"})
    code = re.search(r"[2-9A-Z]{5}-[2-9A-Z]{5}", made.text)[0]
    assert made.status_code == 200 and code not in wu.get(here).text and "等待输入启用码" in wu.get(here).text
    wall = TestClient(app, headers={"Accept": "text/html"})
    assert "各班组" in wall.post("/screen", data={"code": code}).text
    assert wu.post(here, data={"shows": "x", "name": "y"}).status_code == 400
    assert wu.post(here, data={"shows": "99999", "name": "y"}).status_code == 404
    assert client_of("ma").get(here).status_code == 403


def test_the_wall_has_numbers_and_nobodys_name(screen, client_of, database, people_on_site, now):
    with database.write() as db:
        pass_through(db, people_on_site.a, "in", people_on_site.wang.id, now - timedelta(hours=1))
    browser, _ = screen(None)
    for text in (browser.get("/screen").text, client_of("lin").get(f"/projects/{people_on_site.a.id}/wall").text):
        assert "王建国" not in text and "王*国" not in text and "嘉禾一期" in text
        assert re.search(r"在场</dt><dd>1</dd>", text) and re.search(r"<strong>1</strong> / 2", text)


def test_a_photograph_goes_to_the_screen_of_its_gate_while_he_stands_there(screen, gate, enrolled, database, people_on_site, clock, now):  # noqa: F811
    site = people_on_site.a
    gate.policy("screen")
    entrance, its_id = screen()
    exit_, _ = screen("exit")
    with database.write() as db:
        passed = pass_through(db, site, "in", people_on_site.wang.id, now, channel="face")
        other = pass_through(db, site, "in", people_on_site.li.id, now, channel="face")
        refused = pass_through(db, site, "in", None, now, verdict="refuse", code="face_unknown", channel="face")
    assert entrance.get(f"/screen/photo/{passed.id}").content == JPEG
    assert gate.seen() == [(f"screen:{its_id}", f"worker:{people_on_site.wang.id}")]
    for browser, record in ((exit_, passed), (entrance, other), (entrance, refused)):
        assert browser.get(f"/screen/photo/{record.id}").status_code == 404
    clock.advance(minutes=2)
    assert entrance.get(f"/screen/photo/{passed.id}").status_code == 404
    assert len(gate.seen()) == 1


# --- the guard's desk ----------------------------------------------------------------------------------------------


@pytest.fixture
def code(database, vault, people_on_site, now) -> str:
    with database.write() as db:
        return papers.issue_code(db, vault, project_id=people_on_site.a.id, worker_id=people_on_site.wang.id, now=now, by="wu")


def test_the_guard_looks_a_code_up_and_lets_him_in(client_of, people_on_site, database, code):
    ma, here = client_of("ma", **{"HX-Request": "true"}), f"/projects/{people_on_site.a.id}/gate"
    asked = {"channel": "code", "value": code, "gate_id": people_on_site.a.entrance.gate_id}
    found = ma.post(here + "/look", data=asked)
    assert found.status_code == 200 and "王*国" in found.text and "在册，可以通行" in found.text and "王建国" not in found.text
    assert "项目没有开启通行时显示登记照片" in found.text, "why there is no photograph is said where it would stand"
    done = ma.post(here + "/let", data={**asked, "direction": "in", "reason": "no_reader"})
    assert "已从大门入口放行" in done.text and "data-empties" in done.text
    page = client_of("ma").get(here).text
    assert page.count("待项目经理同意") == 1 and "闸机不读卡码" in page
    with database.read() as db:
        told = [tuple(r) for r in db.execute(sa.text("SELECT action, actor, object FROM journal_entry WHERE action LIKE 'manual%' ORDER BY id"))]
    him = f"worker:{people_on_site.wang.id}"
    assert told == [("manual_passage.looked", "ma", him), ("manual_passage.in", "ma", him)]


def test_without_scripts_the_desk_answers_with_itself(client_of, people_on_site, code):
    here = f"/projects/{people_on_site.a.id}/gate"
    asked = {"channel": "code", "value": "123", "gate_id": people_on_site.a.entrance.gate_id}
    said = client_of("ma").post(here + "/look", data=asked)
    assert said.status_code == 200 and "本项目没有这个卡号或码" in said.text and "请联系门卫" not in said.text and "<h1>门卫台" in said.text
    assert client_of("ma").post(here + "/look", data={**asked, "gate_id": "0"}).status_code == 404
    assert client_of("lin").post(here + "/look", data=asked).status_code == 403, "who inspects lets nobody in"


def test_a_photograph_stands_beside_who_waits_and_the_look_is_a_line(client_of, gate, enrolled, database, people_on_site, clock, now, code):  # noqa: F811
    site = people_on_site.a
    gate.policy("guard")
    with database.write() as db:
        waits = pass_through(db, site, "in", people_on_site.wang.id, now, verdict="ask", code="needs_confirmation", channel="face")
        passed = pass_through(db, site, "in", people_on_site.wang.id, now - timedelta(seconds=1), channel="face")
    ma, where = client_of("ma"), f"/projects/{site.id}/passages/%d/photo"
    assert where % waits.id in ma.get(f"/projects/{site.id}/gate").text and gate.seen() == [], "an address is no look"
    assert ma.get(where % waits.id).content == JPEG and gate.seen() == [("ma", f"worker:{people_on_site.wang.id}")]
    clock.advance(minutes=15)
    assert ma.get(where % passed.id).status_code == 404, "he has gone"
    assert ma.get(where % waits.id).status_code == 200, "he is still waited for"
    shown = ma.get(f"/projects/{site.id}/gate").text
    assert where % waits.id in shown and where % passed.id not in shown
    assert client_of("lin").get(where % waits.id).status_code == 403
    asked = {"channel": "code", "value": code, "gate_id": site.entrance.gate_id}
    found = client_of("ma", **{"HX-Request": "true"}).post(f"/projects/{site.id}/gate/look", data=asked)
    assert "data:image/jpeg;base64," in found.text and len(gate.seen()) == 3


def test_strangers_stand_with_what_is_kept_of_them(client_of, database, people_on_site, now):
    site = people_on_site.a
    with database.write() as db:
        pass_through(db, site, "in", None, now - timedelta(minutes=5), verdict="refuse", code="face_unknown", channel="face")
        pass_through(db, site, "in", None, now - timedelta(minutes=5, seconds=-2), verdict="refuse", code="face_unknown", channel="face")
    here = f"/projects/{site.id}/gate"
    assert re.search(r'id="strangers">.*陌生人.*2 帧', client_of("ma").get(here).text, re.S)
    assert "项目不保存未认出的画面" in client_of("ma").get(here).text
    with database.write() as db:
        review.set_policy(db, project_id=site.id, rules=FacePolicy(review_pictures="coarse", ground="影响评估 2026-07"), by="chen", now=now)
    assert "只存认不出人的粗格" in client_of("ma").get(here).text and "未保存画面" in client_of("ma").get(here).text


# --- today -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def site_today(database, vault, people_on_site, now):
    """Wang is inside, Li came and left, Sun has not come."""
    site = people_on_site.a
    with database.write() as db:
        sun = add_member(db, vault, now, site, "孙大山", id_number(date(1992, 5, 1), 11))
        for member, direction, hours in ((people_on_site.wang, "in", 9), (people_on_site.li, "in", 9), (people_on_site.li, "out", 2)):
            pass_through(db, site, direction, member.id, now - timedelta(hours=hours))
    return site, sun


@pytest.mark.parametrize(("show", "name"), [("on_site", "王建国"), ("left", "李秀英"), ("absent", "孙大山")])
def test_each_number_leads_to_its_people(show, name, client_of, site_today):
    site, _ = site_today
    wu, here = client_of("wu"), f"/projects/{site.id}"
    assert re.search(rf'data-figure="{show}">1<', wu.get(here).text) and f"?show={show}#people" in wu.get(here).text
    opened = re.search(r'id="people".*?</section>', wu.get(f"{here}?show={show}").text, re.S)[0]
    everybody = {"王建国", "李秀英", "孙大山"}
    assert {one for one in everybody if one in opened} == {name}


def test_the_lists_are_fetched_again_as_the_page_has_them(client_of, site_today, database, now):
    site, sun = site_today
    wu, here = client_of("wu"), f"/projects/{site.id}"
    page = wu.get(f"{here}?show=absent&by=company").text
    [url] = re.findall(r'data-lists="([^"]+)"', page)
    assert url.startswith(f"{here}/today/lists?") and "show=absent" in url and "by=company" in url
    before = wu.get(url.replace("&amp;", "&")).json()
    assert f'data-stand="{before["stand"]}"' in page, "nothing has changed: the page asks for nothing"
    assert "孙大山" in before["parts"]["people"] and all(part in page for part in before["parts"].values())
    assert "people" not in wu.get(f"{here}/today/lists").json()["parts"], "no list is open"
    with database.write() as db:
        pass_through(db, site, "in", sun.id, now - timedelta(minutes=1))
    after = wu.get(url.replace("&amp;", "&")).json()
    assert after["stand"] != before["stand"] and "孙大山" not in after["parts"]["people"] and "孙大山" in after["parts"]["latest"]
    assert sum(after["teams"]["series"][0]["data"]) == 2


def test_numbers_are_grouped_and_filtered_by_company_team_and_trade(client_of, site_today):
    site, _ = site_today
    wu, here = client_of("wu"), f"/projects/{site.id}"
    by_company = wu.get(f"{here}?by=company").text
    [link] = set(re.findall(r'href="([^"]*show=absent[^"]*company=[^"]*#people)"', by_company))
    assert "孙大山" in wu.get(link.replace("&amp;", "&")).text
    assert "各工种" in wu.get(f"{here}?by=trade").text
    for odd in ("?by=x&show=y&team=99&company=无&trade=%00", "?team=9223372036854775808", "?show=all&team=-1"):
        assert wu.get(here + odd).status_code == 200, odd


def test_management_is_told_apart_by_trade_and_by_key_post(client_of, site_today, database, vault, settings, people_on_site, now):
    site, sun = site_today
    wu, here = client_of("wu"), f"/projects/{site.id}"
    assert "管理人员" not in wu.get(here).text, "nobody is recorded as one"
    with database.write() as db:
        project_papers.record(
            db, project_id=site.id, kind="key_post", from_on=now.date(), worker_id=people_on_site.wang.id, post="safety_officer", now=now, by="wu"
        )
        project_papers.record(
            db, project_id=site.id, kind="key_post", from_on=now.date() - timedelta(days=9), to_on=now.date(), worker_id=people_on_site.li.id,
            post="site_engineer", now=now, by="wu",
        )  # fmt: skip
        papers.enter_worker(
            db, vault, settings, project_id=site.id, team_id=site.team_id, name="钱监理", id_number=id_number(date(1980, 5, 1), 12),
            day_rate_fen=None, entry_on=now.date(), trade="管理人员", code=False, now=now, by="wu",
        )  # fmt: skip
    text = wu.get(here).text
    assert re.search(r'data-figure="management">1</span>&nbsp;/&nbsp;2<', text), "Wang by his post today; Li's has ended; Qian by his trade, not here yet"
    [link] = set(re.findall(r'href="([^"]*show=all[^"]*of=management#people)"', text))
    opened = re.search(r'id="people".*?</section>', wu.get(link.replace("&amp;", "&")).text, re.S)[0]
    assert [name for name in ("王建国", "李秀英", "孙大山", "钱监理") if name in opened] == ["王建国", "钱监理"]
    assert "其中管理人员 1&nbsp;/&nbsp;2" in re.sub(r"<[^>]+>", "", wu.get(f"{here}/wall").text)
    trades = wu.get(f"{here}?by=trade").text
    assert re.search(r"trade=manager[^>]*>管理人员<", trades) and ">manager<" not in trades, "his own trade, by its name"


def test_who_was_let_in_by_hand_stands_beside_the_numbers(client_of, site_today, people_on_site, database, vault, now):
    site, sun = site_today
    with database.write() as db:
        code = papers.issue_code(db, vault, project_id=site.id, worker_id=sun.id, now=now, by="wu")
        letting.let(
            db, vault, project_id=site.id, gate_id=site.entrance.gate_id, channel="code", value=code, direction="in", reason="gate_broken",
            by="ma", now=now,
        )  # fmt: skip
    text = client_of("wu").get(f"/projects/{site.id}").text
    assert "另有 1 人由门卫人工放行" in text and re.search(r'data-figure="on_site">1<', text), "it is said, and not counted"


def test_the_gates_health_is_told(client_of, site_today, database, people_on_site, now):
    site, _ = site_today
    for key in ("b1:1", "b1:2", "b1:6"):
        with database.write() as db:
            pass_through(db, site, "in", people_on_site.wang.id, now - timedelta(minutes=3), event_key=key)
            db.execute(sa.text("UPDATE device SET last_seen_at = :at, stored_events = 4 WHERE id = :id"), {
                "at": (now - timedelta(hours=3)).replace(tzinfo=None).isoformat(" ") if db.get_bind().dialect.name == "sqlite" else now - timedelta(hours=3),
                "id": site.entrance.device_id,
            })  # fmt: skip
    text = client_of("wu").get(f"/projects/{site.id}").text
    assert "今天缺 3 个流水号" in text and "还有 4 条存在闸机里没送到" in text and "17:00 后没有联系" in text


def test_who_only_asked_has_not_passed(client_of, database, people_on_site, now):
    """One is admitted, one let in by the guard, one sent away by him, one waits; a card waits for its face and gets it."""
    site, wang = people_on_site.a, people_on_site.wang.id
    with database.write() as db:
        pass_through(db, site, "in", wang, now - timedelta(minutes=9))
        asked = [
            pass_through(db, site, "in", wang, now - timedelta(minutes=n), verdict="ask", code="needs_confirmation", channel="face")
            for n in (8, 7, 6)
        ]
        for record, word in zip(asked, (True, False), strict=False):
            gates.add_review(db, project_id=site.id, passage_id=record.id, confirmed=word, by="ma", now=now)
        cards = [pass_through(db, site, "in", wang, now - timedelta(minutes=n), verdict="ask", code="show_face") for n in (5, 3, 1)]
        pass_through(db, site, "in", wang, now - timedelta(minutes=5, seconds=-4), channel="face")
        gates.add_review(db, project_id=site.id, passage_id=cards[0].id, confirmed=True, by="gate", now=now)
        gates.add_review(db, project_id=site.id, passage_id=cards[1].id, confirmed=True, by="ma", now=now)
    assert "今天通过 4 次，未通过 1 次" in client_of("wu").get(f"/projects/{site.id}").text


def test_a_kept_picture_stands_beside_the_enrolment_photograph(client_of, gate, enrolled, database, vault, people_on_site, now):  # noqa: F811
    site, him = people_on_site.a, people_on_site.wang.id
    with database.write() as db:
        review.set_policy(
            db, project_id=site.id, rules=FacePolicy(review_pictures="agreed", gate_photos="guard", ground="影响评估 2026-07"), by="chen", now=now,
        )
        record = pass_through(db, site, "in", None, now - timedelta(hours=1), verdict="refuse", code="face_unknown", channel="face")
        sealed = vault.seal(b"frame", table="review_picture", column="picture_sealed", owner=f"{site.id}:{record.id}")
        faces.add_picture(
            db, project_id=site.id, passage_id=record.id, kind="agreed", worker_id=him, picture_sealed=sealed, kept_at=now,
            erase_at=now + timedelta(days=2),
        )
    wu, photo = client_of("wu"), f"/projects/{site.id}/passages/{record.id}/photo"
    here = f"/projects/{site.id}/review"
    assert photo not in wu.get(here).text, "a list of faces is never shown unasked"
    assert photo in wu.get(f"{here}?picture={record.id}").text and "看画面，与登记照片对照" in wu.get(f"/projects/{site.id}/gate").text
    assert wu.get(photo).content == JPEG and gate.seen() == [("wu", f"worker:{him}")]
    assert client_of("ma").get(photo).status_code == 404, "whose picture it may be is for the labour officer"
    assert "画面由劳资专管员认定" in client_of("ma").get(f"/projects/{site.id}/gate").text
