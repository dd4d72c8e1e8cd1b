"""The enrolment desk as a clerk meets it: each step a form of its own, refusal one button, nothing looked at without a word."""

import re
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from app import papers, terms, views
from app.main import create_app
from app.store import accounts, people, timekeeping
from app.store import roster as rows
from app.wording import notices, sentence
from recognition.synthetic import SyntheticEngine, draw_face
from tests import cast
from tests.cast import code_is_sound, id_number

NEW = id_number(date(1991, 3, 4), 91)
AGREED = {"answer": "agree", "scope": ["capture", "template"], "notice_version": notices.FACE_CURRENT, "method": "spoken"}


@pytest.fixture
def app(settings, database, vault, people_on_site, clock):
    made = create_app(settings, engine=SyntheticEngine(), database=database, vault=vault)
    made.state.clock = clock
    return made


@pytest.fixture
def at(client_of, people_on_site):
    client = client_of("wu")
    client.path = f"/projects/{people_on_site.a.id}/enrol"
    return client


def entered(at, people_on_site, number: str = NEW, name: str = "石大勇", **changed) -> str:
    form = {"id_number": number, "name": name, "team": people_on_site.a.team_id, "entry_on": "2026-03-31", **changed}
    reply = at.post(at.path, data=form)
    assert reply.status_code == 303, reply.text
    return reply.headers["location"].partition("?")[0]


def shots(*pictures: bytes) -> list:
    return [("photographs", (f"{n}.jpg", picture, "image/jpeg")) for n, picture in enumerate(pictures, start=1)]


def test_the_number_is_judged_while_it_is_typed(at, people_on_site, database, now):
    def says(number: str) -> str:
        return at.post(f"{at.path}/number", data={"id_number": number}).text

    assert "还差 6 位" in says(NEW[:12])
    assert "校验位不符" in says(NEW[:-1] + ("1" if NEW[-1] != "1" else "2"))
    assert "1991-03-04 出生" in says(NEW) and "35 岁" in says(NEW) and "男" in says(NEW)
    assert "未满 16 周岁" in says(id_number(date(2012, 1, 1), 1)) and "未满 18 周岁" in says(id_number(date(2009, 1, 1), 1))
    known = says(cast.WANG_ID)
    assert "王建国" in known and f"{at.path}/{people_on_site.wang.id}" in known and "没问过人脸" in known
    elsewhere = says(cast.ZHAO_ID)
    assert "别的项目" in elsewhere and "赵" not in elsewhere, "nobody reads another project's roster here"


def test_a_name_is_told_only_where_the_clerk_may_see_the_worker_already(at, people_on_site, database, now):
    def known(number: str) -> str | None:
        told = re.search(r'data-known-name="([^"]*)"', at.post(f"{at.path}/number", data={"id_number": number}).text)
        return told and told[1]

    looks = []
    at.app.state.views.note = looks.extend
    assert known(cast.WANG_ID) is None, "he is here: there is nothing to enter"
    assert known(cast.ZHAO_ID) is known(NEW) is None, "another project's, and nobody's"
    with database.write() as db:
        papers.exit_worker(db, project_id=people_on_site.a.id, worker_id=people_on_site.wang.id, exit_on=now.date(), now=now, by="wu")
    assert known(cast.WANG_ID) == "王建国", "he came back"
    with database.write() as db:
        wu = accounts.account_by_login(db, "wu").id
        accounts.add_membership(db, account_id=wu, role="guard", project_id=people_on_site.b.id)
    assert known(cast.ZHAO_ID) is None, "a guard reads no roster"
    with database.write() as db:
        accounts.add_membership(db, account_id=wu, role="labour_officer", project_id=people_on_site.b.id)
    looks.clear()
    assert known(cast.ZHAO_ID) == "赵铁柱", "of a roster that he reads"
    assert [(look.project_id, look.object) for look in looks] == [(people_on_site.b.id, f"worker:{people_on_site.zhao.id}")]


def test_a_worker_is_enrolled_step_by_step_and_leaves_the_list(at, people_on_site, database):
    one = entered(at, people_on_site)
    assert "石大勇" in at.get(at.path).text.partition("没办完的人")[2]
    asked = at.get(one).text
    assert asked.count('type="checkbox" name="scope"') == 5 and "checked" not in asked, "each scope by itself, none by default"
    assert notices.FACE_CURRENT in asked and "一样上班，一样记工，一样发工资" in asked and "data-camera" not in asked
    assert at.post(f"{one}/word", data=AGREED).headers["location"].endswith("done=consent_kept")
    assert "data-camera" in at.get(one).text
    reply = at.post(f"{one}/enrolment", files=shots(draw_face(5), draw_face(5, variant=1)))
    assert (reply.status_code, "done=face_enrolled" in reply.headers["location"]) == (303, True)
    with_code = at.post(f"{one}/way", data={"act": "code"}).text
    code = re.search(r'class="figure">([\d ]+)<', with_code)[1].replace(" ", "")
    assert code_is_sound(code) and 'class="figure"' not in at.get(one).text, "shown once"
    form = {"kind": "day", "amount": "350", "unit": "", "overtime_rule": "none", "relation": "labour_contract", "valid_from": "2026-03-31"}
    assert at.post(f"{one}/terms", data=form).headers["location"].endswith("done=terms_agreed")
    done = at.get(one).text
    assert "全部办完" in done and "未办" not in done
    assert "石大勇" not in at.get(at.path).text.partition("没办完的人")[2]
    with database.read() as db:
        worker = int(one.rpartition("/")[2])
        [agreed] = people.terms(db, people_on_site.a.id, worker_id=worker)
        assert (agreed.rate_fen, str(agreed.relation)) == (350_00, "labour_contract")
        assert rows.lacks_of(db, people_on_site.a.id, worker, date(2026, 3, 31)) == ()


def test_a_refusal_is_one_button_and_the_rest_goes_on_without_a_face(at, people_on_site):
    one = entered(at, people_on_site)
    said = at.post(f"{one}/word", data={"answer": "decline", "notice_version": notices.FACE_CURRENT, "method": "spoken", "scope": ["capture", "template"]})
    assert said.status_code == 303
    told = at.get(one).text
    assert "不同意，用卡或码" in told and "3. 拍照" in told and "不用拍" in told and "4. 卡或码" in told and "data-camera" not in told
    assert at.post(f"{one}/way", data={"act": "card", "card": "00445566"}).headers["location"].endswith("done=card_given")
    assert "没有工资约定" in at.get(one).text and "没有卡码" not in at.get(one).text


def test_who_changes_his_mind_at_the_desk_is_forgotten_at_once(at, people_on_site, database):
    one = entered(at, people_on_site)
    at.post(f"{one}/word", data=AGREED)
    at.post(f"{one}/enrolment", files=shots(draw_face(5)))
    assert "已登记的人脸当场删除" in at.get(f"{one}?step=word").text
    at.post(f"{one}/word", data={"answer": "decline", "notice_version": notices.FACE_CURRENT, "method": "spoken"})
    with database.read() as db:
        worker = int(one.rpartition("/")[2])
        assert not people.workers(db, people_on_site.a.id, today=date(2026, 3, 31), worker_id=worker)[-1].has_template
        assert rows.lacks_of(db, people_on_site.a.id, worker, date(2026, 3, 31)) == ("terms", "way")


@pytest.mark.parametrize("answer", ["", "yes"])
def test_no_answer_is_neither_yes_nor_no(answer, at, people_on_site, database):
    one = entered(at, people_on_site)
    assert at.post(f"{one}/word", data={**AGREED, "answer": answer}).status_code == 400
    with database.read() as db:
        assert people.latest_consent(db, people_on_site.a.id, int(one.rpartition("/")[2])) is None


def test_no_picture_is_looked_at_without_his_word(at, people_on_site):
    one = entered(at, people_on_site)
    frame = {"frame": ("f.jpg", draw_face(5), "image/jpeg")}
    refused = at.post(f"{one}/advice", files=frame, headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "consent_missing")
    at.post(f"{one}/word", data=AGREED)
    told = at.post(f"{one}/advice", files=frame, headers={"Accept": "application/json"}).json()
    assert told["good"] and told["says"] == "很好，可以拍了" and len(told["box"]) == 4
    dark = at.post(f"{one}/advice", files={"frame": ("f.jpg", draw_face(5, dark=True), "image/jpeg")}).json()
    assert (dark["good"], dark["code"]) == (False, "face_too_dark") and "背光" in dark["says"]


def test_advice_gives_way_to_the_gates(at, app, people_on_site, monkeypatch):
    one = entered(at, people_on_site)
    at.post(f"{one}/word", data=AGREED)
    monkeypatch.setattr(type(app.state.house.intake), "waiting", 1)
    busy = at.post(f"{one}/advice", files={"frame": ("f.jpg", draw_face(5), "image/jpeg")}, headers={"Accept": "application/json"})
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")


def test_the_photograph_of_somebody_else_is_left_out_and_named(at, people_on_site):
    one = entered(at, people_on_site)
    at.post(f"{one}/word", data=AGREED)
    own = [draw_face(5, variant=v) for v in range(3)]
    told = at.post(f"{one}/enrolment", files=shots(*own, draw_face(88)), headers={"Accept": "application/json"}).json()
    assert told["done"] and told["set_aside"] == 4 and told["used"] == 3
    assert "第 4 张照片与其他几张不像同一人" in at.get(told["next"]).text


def test_bad_photographs_are_named_one_by_one(at, people_on_site):
    one = entered(at, people_on_site)
    at.post(f"{one}/word", data=AGREED)
    bad = shots(draw_face(5), draw_face(5, blurred=True), draw_face(5, faces=0))
    told = at.post(f"{one}/enrolment", files=bad, headers={"Accept": "application/json"})
    assert (told.status_code, [p["number"] for p in told.json()["photographs"]]) == (422, [2, 3])
    plain = at.post(f"{one}/enrolment", files=bad)
    assert plain.status_code == 422 and "第 2 张：不够清楚" in plain.text and "第 3 张：看不到人脸" in plain.text


def test_the_identity_cards_photograph_is_compared_in_the_same_go(at, people_on_site):
    one = entered(at, people_on_site)
    at.post(f"{one}/word", data=AGREED)
    portrait = ("portrait", ("id.jpg", draw_face(5, variant=3), "image/jpeg"))
    assert at.post(f"{one}/enrolment", files=[*shots(draw_face(5)), portrait]).status_code == 303
    assert "身份证照片" in at.get(one).text and "一致" in at.get(one).text


def test_only_the_page_with_the_camera_may_open_it(at, people_on_site):
    one = entered(at, people_on_site)
    assert "camera=(self)" in at.get(one).headers["permissions-policy"]
    assert "camera=()" in at.get(at.path).headers["permissions-policy"]


def test_what_was_typed_comes_back_when_it_is_refused(at, people_on_site):
    reply = at.post(at.path, data={"id_number": NEW[:-1] + "?", "name": "石大勇", "team": people_on_site.a.team_id, "entry_on": "2026-03-31"})
    assert reply.status_code == 422 and "石大勇" in reply.text and "17 位数字" in reply.text
    assert f'value="{NEW[:-1]}?"' in reply.text and "no-store" in reply.headers["cache-control"], "nobody types eighteen digits twice"
    wrong = at.post(at.path, data={"id_number": NEW, "name": "石大勇", "phone": "123", "team": people_on_site.a.team_id, "entry_on": "2026-03-31"})
    assert f'value="{NEW}"' in wrong.text and re.search(r'name="phone"[^>]*aria-invalid="true"[^>]*><p class="wrong" role="alert"', wrong.text)


@pytest.mark.parametrize(("entry_on", "asks"), [("2027-03-31", "还没有到"), ("2026-01-29", "两个多月以前")])
def test_a_first_day_that_looks_wrong_is_asked_about_and_saved_when_pressed_again(at, people_on_site, entry_on, asks):
    form = {"id_number": NEW, "name": "石大勇", "team": people_on_site.a.team_id, "entry_on": entry_on}
    asked = at.post(at.path, data=form)
    assert asked.status_code == 409 and asks in asked.text and f'name="sure" value="{entry_on}"' in asked.text
    assert at.post(at.path, data={**form, "sure": "2026-03-31"}).status_code == 409, "yes was said to another date"
    assert at.post(at.path, data={**form, "sure": entry_on}).status_code == 303


def test_what_was_entered_wrong_is_put_right_on_the_page(at, people_on_site):
    one = entered(at, people_on_site)
    assert f'href="{one}?step=papers#s-papers"' in at.get(one).text
    assert 'name="reason"' in at.get(f"{one}?step=papers").text
    form = {"name": "石大永", "phone": "13800000001", "team": people_on_site.a.team_id, "entry_on": "2026-03-31", "reason": "照身份证改"}
    refused = at.post(f"{one}/papers", data={**form, "phone": "12"})
    assert refused.status_code == 422 and 'value="石大永"' in refused.text and 'value="照身份证改"' in refused.text
    assert at.post(f"{one}/papers", data={**form, "entry_on": "2027-03-31"}).status_code == 409
    assert at.post(f"{one}/papers", data=form).headers["location"].endswith("done=papers_changed")
    told = at.get(one).text
    assert "石大勇 → 石大永" in told and "照身份证改" in told and "13800000001" not in told
    again = at.post(f"{one}/papers", data={**form, "phone": ""})
    assert again.status_code == 409 and "没有要更改的" in again.text


def test_a_missing_telephone_is_taken_from_whoever_is_typed_again_and_another_is_told(at, people_on_site):
    form = {"id_number": cast.WANG_ID, "name": "王建国", "team": people_on_site.a.team_id, "entry_on": "2026-03-31"}
    first = at.post(at.path, data={**form, "phone": "13800000001"}).headers["location"]
    other = at.post(at.path, data={**form, "phone": "13800000002"}).headers["location"]
    done = {first.partition("done=")[2], other.partition("done=")[2]}
    assert "here_other_phone" in done and done <= {"here_phone", "here_other_phone"}


def test_a_form_that_a_script_sends_is_told_where_to_go_instead_of_being_sent_there(at, people_on_site):
    form = {"id_number": NEW, "name": "石大勇", "team": people_on_site.a.team_id, "entry_on": "2026-03-31"}
    reply = at.post(at.path, data=form, headers={"X-Muster-Stay": "1"})
    assert reply.status_code == 204 and reply.headers["x-muster-next"].startswith(at.path + "/")
    one = entered(at, people_on_site)
    refused = at.post(f"{one}/terms", data={"kind": "day", "amount": "3百", "valid_from": "2026-03-31"})
    assert refused.status_code == 400 and "3百" in refused.text


def test_the_wage_form_of_who_has_terms_shows_them_and_begins_today(at, people_on_site, database, now):
    wang = people_on_site.wang
    with database.write() as db:
        terms.agree(
            db, project_id=people_on_site.a.id, engagement_id=wang.engagement_id, kind="piece", rate_fen=812_05, unit="吨",
            overtime_rule="law", relation="work_agreement", valid_from=now.date() - timedelta(days=9), by="wu", now=now,
        )  # fmt: skip
    asked = at.get(f"{at.path}/{wang.id}?step=terms").text.partition('id="s-terms"')[2]
    assert re.findall(r'<option value="(\w+)" selected', asked) == ["piece", "law", "work_agreement"]
    assert re.findall(r'name="(amount|unit|valid_from)"[^>]*value="([^"]*)"', asked) == [
        ("amount", "812.05"), ("unit", "吨"), ("valid_from", "2026-03-31")
    ]  # fmt: skip
    with database.write() as db:
        for one in people.terms(db, people_on_site.a.id, worker_id=wang.id):
            people.void_terms(db, one.id, now)
    assert 'value="2026-03-01"' in at.get(f"{at.path}/{wang.id}?step=terms").text, "without any, from his first day"


def test_whoever_is_entered_twice_is_led_to_his_own_page(at, people_on_site):
    one = entered(at, people_on_site)
    form = {"id_number": NEW, "name": "石大勇", "team": people_on_site.a.team_id, "entry_on": "2026-03-31"}
    again = at.post(at.path, data=form).headers["location"]
    assert again.partition("?")[0] == one
    told = at.get(again).text
    assert "已在本项目名册，这次填的没有另存" in told and "身份与班组已保存" not in told
    refused = at.post(at.path, data={**form, "name": "石二勇"})
    assert refused.status_code == 409 and sentence("worker_name_differs", "zh") in refused.text, "two people, or a slip"


def test_a_signature_is_evidence_of_the_consent(at, people_on_site, database):
    from tests.app.test_desk import PNG

    one = entered(at, people_on_site)
    at.post(f"{one}/word", data={**AGREED, "signature": PNG})
    assert "有签字" in at.get(one).text
    with database.read() as db:
        said = people.latest_consent(db, people_on_site.a.id, int(one.rpartition("/")[2]))
        assert timekeeping.evidence(db, people_on_site.a.id, said.evidence_id).media_type == "image/png"


def test_whose_number_was_looked_up_is_in_the_journal(at, people_on_site):
    def looked(*of: tuple[int, int]) -> list:
        scope = {
            "method": "POST", "route": SimpleNamespace(path="/projects/{project_id:int}/enrol/number"),
            "path_params": {"project_id": 1}, views.LOGIN: "wu", views.OF: list(of),
        }  # fmt: skip
        return views.views_of(scope, 200)

    assert looked((1, 7)) == [views.View("wu", 1, "worker:7", "names")] and looked() == []
    told = []
    real = at.app.state.views.note
    at.app.state.views.note = lambda views_: told.extend(views_) or real(views_)
    at.post(f"{at.path}/number", data={"id_number": cast.WANG_ID})
    at.post(f"{at.path}/number", data={"id_number": NEW})
    assert [(view.actor, view.object) for view in told] == [("wu", f"worker:{people_on_site.wang.id}")]


def test_the_desk_is_told_what_to_do_not_what_a_gate_says_to_the_man_before_it(at, people_on_site):
    one = entered(at, people_on_site)
    nothing = at.post(f"{one}/word", data={"answer": "agree", "notice_version": notices.FACE_CURRENT, "method": "spoken"})
    assert nothing.status_code == 422 and "请把前两项" in nothing.text
    at.post(f"{one}/word", data=AGREED)
    png = [("photographs", ("1.png", b"\x89PNG\r\n\x1a\n" + b"0" * 64, "image/png"))]
    said = at.post(f"{one}/enrolment", files=png, headers={"Accept": "application/json"}).json()
    assert "另存为 JPG" in said["says"] and "另存为 JPG" in at.post(f"{one}/enrolment", files=png).text


def test_steps_keep_their_numbers_whatever_he_says(at, people_on_site):
    one = entered(at, people_on_site)

    def numbers() -> list[str]:
        return re.findall(r"<h2[^>]*>(\d)\. ", at.get(one).text)

    assert numbers() == list("12345")
    at.post(f"{one}/word", data=AGREED)
    assert numbers() == list("12345")


def test_the_desk_offers_what_an_imported_row_is_given(at, people_on_site):
    told = at.get(f"{entered(at, people_on_site)}?step=terms").text
    for name, value in terms.UNSAID.items():
        chosen = re.search(rf'<select id="{name}".*?<option value="([^"]*)" selected', told)
        assert chosen and chosen[1] == value


def test_the_printed_form_says_what_was_read_out_and_what_he_agreed_to(at, people_on_site):
    one = entered(at, people_on_site)
    at.post(f"{one}/word", data=AGREED)
    printed = at.get(one).text.partition('<section class="paper-only">')[2]
    assert notices.FACE[notices.FACE_CURRENT].paragraphs[0][1] in printed and printed.count("☑") == 2 and printed.count("☐") == 3


def test_three_shots_of_one_moment_are_told_as_one_and_the_worker_is_enrolled_all_the_same(at, people_on_site, database):
    one = entered(at, people_on_site)
    at.post(f"{one}/word", data=AGREED)
    told = at.post(f"{one}/enrolment", files=shots(*[draw_face(5)] * 3), headers={"Accept": "application/json"}).json()
    assert told["done"] and told["alike"] == [2, 3] and "换个角度" in told["says"]
    page = at.get(told["next"]).text
    assert "第 2、3 张和前面的几乎是同一张" in page and "再补 2 张更稳" in page, "three shots, one picture"
    assert re.search(r"03-\d\d \d\d:\d\d 登记，用了 3 张照片", page)
    worker = int(one.rpartition("/")[2])
    assert "登记，用了 3 张照片" in at.get(f"/projects/{people_on_site.a.id}/workers/{worker}").text
    several = [draw_face(5, variant=v) for v in range(3)]
    again = at.post(f"{one}/enrolment", files=shots(*several), headers={"Accept": "application/json"}).json()
    assert again["alike"] == [] and "换个角度" not in again["says"]
    for odd in ("x", "1.x.99999999999", "２"):
        assert at.get(one, params={"alike": odd}).status_code == 200


def test_every_scope_says_what_it_means_and_what_happens_without_it(at, people_on_site):
    one = entered(at, people_on_site)
    page = at.get(one).text
    assert page.count('class="says quiet small"') == 5 and page.count("不勾：") >= 5
    at.cookies.set("muster_language", "en")
    assert at.get(one).text.count(" Off: ") >= 5
