"""A worker's own page: he comes in by the officer's code, sees what is his and nothing else, signs, objects, takes his consent back."""

import base64
import re
import struct
import zlib
from datetime import date

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from app import access, enrolment, objections, sheets, signatures, terms, timekeeping
from app.errors import Unusable
from app.pages import me as pages_me
from app.store import accounts, people, words
from app.store import sheets as rows
from app.store import timekeeping as held_days
from tests.cast import pass_through
from tests.payday import MARCH, desk  # noqa: F401 - the fixture payday

CONSENT = ("capture", "template", "site_storage")


def signature(strokes: int = 6) -> str:
    """What a canvas sends when somebody wrote a name in it; empty paper without a stroke."""
    paper = np.full((300, 680), 255, np.uint8)
    if strokes:
        cv2.polylines(paper, [np.array([[80, 200], [160, 80], [240, 210], [330, 90], [420, 200], [520, 110]][:strokes])], False, 10, 6)
    return signatures.DATA + base64.b64encode(cv2.imencode(".png", paper)[1].tobytes()).decode()


@pytest.fixture
def desk_now(payday, clock):
    clock.advance(seconds=(payday.now - clock()).total_seconds())
    return payday


@pytest.fixture
def phone(desk_now, app, database, people_on_site):
    """worker -> his phone, signed in by a code the officer made."""
    def of(member, keep: str = "own") -> TestClient:
        with database.write() as db:
            wu = access.person_of_account(db, people_on_site.wu)
            code, _ = access.issue_code(db, wu, project_id=people_on_site.a.id, worker_id=member.id, now=app.state.clock())
        client = TestClient(app, follow_redirects=False, headers={"Accept": "text/html"})
        answer = client.post("/me/enter", data={"code": code, "keep": keep})
        assert (answer.status_code, answer.headers["location"]) == (303, "/me"), answer.text
        return client

    return of


@pytest.fixture
def clerk(desk_now, app, database, settings, people_on_site):
    """login -> a client signed in as him at the desk's present."""
    def of(login: str) -> TestClient:
        with database.write() as db:
            token = access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=app.state.clock())
        client = TestClient(app, follow_redirects=False, headers={"Accept": "text/html"})
        client.cookies.set(access.COOKIE, token)
        return client

    return of


def text(answer) -> str:
    assert answer.status_code == 200, answer.text
    return answer.text


def plain(answer) -> str:
    return re.sub(r"<[^>]+>", " ", text(answer))


def months(payday):
    """March: wang worked five days and forgot an exit on a sixth, li two; the sheet hangs out."""
    payday.works(payday.cast.wang, 2, 3, 4, 5, 6)
    payday.works(payday.cast.li, 2, 3)
    payday.locked_and_drafted()
    with payday.database.write() as db:
        sheet = rows.latest_sheet(db, payday.site.team_id, MARCH, "regular")
        for act, by in (("submitted", "sun"), ("checked", "wu"), ("publicised", "wu")):
            rows.add_act(db, sheet.id, act=act, note="", by=by, now=payday.now)
    return sheet


def test_a_code_opens_his_own_page_once_and_nothing_of_the_clerks(phone, payday, app):
    wang = phone(payday.cast.wang)
    assert "王建国" in text(wang.get("/me"))
    assert wang.get("/").headers["location"] == "/me"
    for path in (f"/projects/{payday.site.id}", f"/projects/{payday.site.id}/payroll", f"/projects/{payday.site.id}/workers/{payday.cast.wang.id}"):
        assert wang.get(path).status_code == 403, path
    nobody = TestClient(app, follow_redirects=False, headers={"Accept": "text/html"})
    assert nobody.get("/me").headers["location"] == "/me/enter"
    wrong = nobody.post("/me/enter", data={"code": "22222-22222"})
    assert wrong.status_code == 401 and "登录码" in wrong.text


def test_a_phone_of_others_forgets_him_soon_and_his_own_does_not(phone, payday, clock):
    shared, own = phone(payday.cast.li, keep=""), phone(payday.cast.wang)
    cookie = {c.name: c for c in shared.cookies.jar}[access.COOKIE]
    assert cookie.expires is None, "gone when the browser is closed"
    clock.advance(minutes=31)
    assert shared.get("/me").status_code == 303
    assert own.get("/me").status_code == 200
    clock.advance(hours=24 * 7)
    assert own.get("/me").status_code == 303


def test_signing_out_everywhere_ends_the_other_phone(phone, payday):
    here, there = phone(payday.cast.wang), phone(payday.cast.wang)
    assert "2 部手机" in text(here.get("/me"))
    assert here.post("/me/sign-out", data={"everywhere": "1"}).headers["location"] == "/me/enter"
    assert there.get("/me").status_code == 303


def test_the_officer_shows_a_qr_code_whose_link_keeps_the_code_to_itself(clerk, desk_now):
    wu, wang = clerk("wu"), desk_now.cast.wang
    page = f"/projects/{desk_now.site.id}/workers/{wang.id}/phone"
    assert "svg" not in text(wu.get(page))
    shown = text(wu.post(f"{page}/code"))
    code = re.search(r"[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5}", shown)[0]
    assert "<svg" in shown and "王建国" in shown
    assert f"?code={code}" not in shown and f"/me/enter/{code}" not in shown
    with desk_now.database.write() as db:
        said = str([(x.actor, x.action, x.facts) for x in accounts.journal_lines(db, desk_now.site.id)])
    assert "code_issued" in said and code not in said
    assert clerk("chen").get(page).status_code == 403
    assert clerk("lin").post(f"{page}/code").status_code == 403


def test_an_address_only_the_server_can_open_is_said_to_be_one(clerk, desk_now, app):
    page = f"/projects/{desk_now.site.id}/workers/{desk_now.cast.wang.id}/phone"
    for url, said in (("http://127.0.0.1:8080", True), ("https://muster.example", False)):
        app.state.settings = app.state.settings.model_copy(update={"public_url": url})
        assert ("MUSTER_PUBLIC_URL" in text(clerk("wu").get(page))) is said, url


def test_no_qr_code_leads_over_an_open_wire_in_production(clerk, desk_now, app):
    page = f"/projects/{desk_now.site.id}/workers/{desk_now.cast.wang.id}/phone/code"
    for url, safe in (("http://muster.example", False), ("https://muster.example", True)):
        app.state.settings = app.state.settings.model_copy(update={"environment": "production", "public_url": url})
        assert ("<svg" in text(clerk("wu").post(page))) is safe, url


def test_the_officer_ends_the_sign_ins_of_a_lost_phone(clerk, phone, payday):
    lost = phone(payday.cast.wang)
    page = f"/projects/{payday.site.id}/workers/{payday.cast.wang.id}/phone"
    assert clerk("wu").post(f"{page}/end").status_code == 303
    assert lost.get("/me").status_code == 303


def test_he_sees_his_days_what_is_missing_and_how_his_wages_come_about(phone, payday):
    payday.works(payday.cast.wang, 2, 3)
    payday.works(payday.cast.wang, 4, go=None)
    payday.works(payday.cast.li, 5)
    wang = phone(payday.cast.wang)
    days = plain(wang.get("/me/days?month=2026-03"))
    assert "08:00 – 17:00" in days and "03-05" not in days
    assert "08:00 进场后，没有出场记录" in days
    assert "这一天记得不对" in text(wang.get("/me/days?month=2026-03&day=2026-03-04"))
    wages = plain(wang.get("/me/wages?month=2026-03"))
    assert "1.0 工日 × 400.00" in wages and "¥800.00" in wages
    assert "李秀英" not in str([wang.get(path).text for path in ("/me", "/me/days?month=2026-03", "/me/wages", "/me/sheets", "/me/objections", "/me/face")])


def test_he_sees_what_was_advanced_to_him_what_is_withheld_and_what_he_is_given_beside_and_nobody_else_s(phone, payday):
    wang, li = payday.cast.wang, payday.cast.li
    mine = phone(wang)
    assert "我的预支" not in text(mine.get("/me/wages"))
    payday.works(wang, 2, 3, 4)
    given = {"paid_on": date(2026, 3, 10), "channel": "cash"}
    payday.run(terms.record_advance, engagement_id=wang.engagement_id, amount_fen=500_00, proof="signed", evidence=[payday.proof()], **given)
    payday.run(terms.record_advance, engagement_id=wang.engagement_id, amount_fen=80_00, proof="none", **given)
    payday.run(terms.record_advance, engagement_id=li.engagement_id, amount_fen=777_00, proof="none", **given)
    payday.run(
        terms.record_deduction, engagement_id=wang.engagement_id, month=MARCH, kind="income_tax", amount_fen=36_50, basis="3月个税申报表"
    )
    meals = {"kind": "meal", "per": "day", "amount_fen": 15_00, "valid_from": MARCH}
    payday.run(terms.add_allowance, engagement_id=wang.engagement_id, **meals)
    told = re.sub(r"\s+", " ", plain(mine.get("/me/wages")))
    for line in ("现金 2026-03-10 还没扣 ¥500.00", "没有凭据，不从工资扣 ¥80.00", "2026-03 工资 3月个税申报表 还没扣 ¥36.50", "餐补 2026-03-01 起 ¥15.00 每天"):
        assert line in told, (line, told)
    assert "777" not in told
    payday.whole_month()
    told = re.sub(r"\s+", " ", plain(mine.get("/me/wages")))
    assert "已从工资扣 ¥500.00" in told and "已从工资扣 ¥36.50" in told and "还没扣" not in told
    mine.cookies.set("muster_language", "en")
    assert "No proof: not taken from wages" in plain(mine.get("/me/wages"))


def test_while_he_is_on_site_his_phone_says_since_when_and_that_the_day_counts_when_he_leaves(phone, payday, clock):
    wang = payday.cast.wang
    payday.works(wang, 2, 3)
    payday.works(wang, 2, come="07:58", go=None, month=4)
    mine = phone(wang)
    for path in ("/me", "/me/days", "/me/wages"):
        told = re.sub(r"\s+", " ", plain(mine.get(path)))
        assert "您现在在工地上 07:58 进场" in told and "等您出场刷过闸机才算" in told, path
    home = re.sub(r"\s+", " ", plain(mine.get("/me")))
    assert "以前月份还欠 ¥800.00 本月到现在 ¥0.00" in home and "2026-04 出勤至今 0 工日" in home
    wages = re.sub(r"\s+", " ", plain(mine.get("/me/wages")))
    assert "2026-04 到现在 0 工日" in wages and "其中以前月份还欠 ¥800.00" in wages and "2026-03" in wages
    assert "在工地上" not in plain(mine.get("/me/wages?month=2026-03")), "that month's figures do not wait for him"
    with payday.database.write() as db:
        pass_through(db, payday.site, "out", wang.id, clock())
    home = re.sub(r"\s+", " ", plain(mine.get("/me")))
    assert "在工地上" not in home and "本月到现在 ¥200.00" in home, "four hours"


def test_a_night_on_site_is_told_with_the_day_it_counts_for(phone, payday, clock):
    wang = payday.cast.wang
    payday.works(wang, 2, come="19:30", go=None, month=4)
    clock.advance(hours=15)
    told = re.sub(r"\s+", " ", plain(phone(wang).get("/me")))
    assert "昨天 19:30 进场" in told and "记在 04-02" in told


def test_who_left_the_project_sees_his_last_month_and_not_an_empty_one(phone, payday):
    wang = payday.cast.wang
    payday.works(wang, 2, 3)
    mine = phone(wang)
    assert "2026-04" in plain(mine.get("/me/wages"))
    payday.leaves(wang, date(2026, 3, 31))
    assert "2026-04" not in plain(mine.get("/me/wages")) and "2026-03" in plain(mine.get("/me/wages"))


def test_a_short_stay_has_the_same_word_for_the_worker_the_officer_the_grid_and_the_inspector(phone, payday, clerk):
    wang = payday.cast.wang
    payday.works(wang, 2, come="08:00", go="09:10")
    day, site = "2026-03-02", payday.site.id
    word = "到场不计工日"
    assert word in plain(phone(wang).get("/me/days?month=2026-03")) and "正常出勤" not in plain(phone(wang).get(f"/me/days?day={day}"))
    grid = clerk("wu").get(f"/projects/{site}/grid", params={"month": "2026-03", "team": payday.site.team_id}).text
    assert re.search(rf'/grid/{wang.id}\?day={day}" title="[^"]*{word}">短<', grid)
    for path in (f"/grid/{wang.id}?day={day}", f"/workers/{wang.id}?month=2026-03", f"/corrections?worker={wang.id}&day={day}"):
        assert word in plain(clerk("wu").get(f"/projects/{site}{path}")), path
    assert word in plain(clerk("lin").get(f"/projects/{site}/three-way/{wang.id}?month=2026-03&day={day}"))


def test_he_signs_what_he_saw_on_his_phone_and_the_officer_sees_it(phone, payday, clerk):
    sheet = months(payday)
    wang = phone(payday.cast.wang)
    assert "工资表请您核对签字" in text(wang.get("/me"))
    line = payday.line_of(payday.cast.wang)
    page = text(wang.get(f"/me/sheets/{line.id}"))
    assert line.line_hash in page and "¥2,000.00" in page
    answer = wang.post(f"/me/sheets/{line.id}/sign", data={"line_hash": line.line_hash, "drawn": signature()})
    assert answer.status_code == 303, answer.text
    with payday.database.read() as db:
        word = rows.confirmations(db, payday.site.id, "line", [line.line_hash])[line.line_hash]
        proof = words.proofs(db, [word.id])[word.id]
    assert (str(word.verdict), str(word.method), word.recorded_by) == ("agree", "phone", f"worker.{payday.cast.wang.id}")
    assert (proof.means, proof.code_by) == ("phone", "wu"), "who made the code is kept with the signature"
    assert "本人手机" in text(clerk("wu").get(f"/projects/{payday.site.id}/payroll/{sheet.id}"))
    again = wang.post(f"/me/sheets/{line.id}/sign", data={"line_hash": line.line_hash, "drawn": signature()})
    assert again.status_code == 400 and "不用签" in again.text


def test_nobody_signs_or_objects_for_another(phone, payday):
    months(payday)
    wang, line = phone(payday.cast.wang), payday.line_of(payday.cast.li)
    assert wang.get(f"/me/sheets/{line.id}").status_code == 404
    assert wang.get(f"/v1/me/slips/{line.id}/file").status_code == 404
    for act, values in (("sign", {"drawn": signature()}), ("object", {"claimed": "900", "text": "不是我的钱"})):
        assert wang.post(f"/me/sheets/{line.id}/{act}", data={"line_hash": line.line_hash, **values}).status_code == 404
    assert payday.ask(rows.confirmations, payday.site.id, "line", [line.line_hash]) == {}


def test_a_changed_line_voids_the_signature_for_all_to_see(phone, payday, clerk):
    months(payday)
    wang, old = phone(payday.cast.wang), payday.line_of(payday.cast.wang)
    assert wang.post(f"/me/sheets/{old.id}/sign", data={"line_hash": old.line_hash, "drawn": signature()}).status_code == 303
    payday.run(send_back, sheet_id=payday.latest().id)
    payday.run(advance, engagement_id=payday.cast.wang.engagement_id)
    payday.draft()
    with payday.database.write() as db:
        sheet = rows.latest_sheet(db, payday.site.team_id, MARCH, "regular")
        for act, by in (("submitted", "sun"), ("checked", "wu"), ("publicised", "wu")):
            rows.add_act(db, sheet.id, act=act, note="", by=by, now=payday.now)
    new = payday.line_of(payday.cast.wang)
    assert new.line_hash != old.line_hash
    assert "原来的签字已作废" in text(wang.get(f"/me/sheets/{new.id}"))
    assert wang.post(f"/me/sheets/{new.id}/sign", data={"line_hash": old.line_hash, "drawn": signature()}).status_code == 409
    assert "原签字作废" in text(clerk("wu").get(f"/projects/{payday.site.id}/payroll/{sheet.id}/sign?line={new.id}"))
    assert "原签字作废" in text(clerk("wu").get(f"/projects/{payday.site.id}/payroll/{sheet.id}"))


def send_back(db, *, project_id, by, now, sheet_id):
    sheets.send_back(db, project_id=project_id, sheet_id=sheet_id, note="预支漏登", by=by, now=now)


def advance(db, *, project_id, by, now, engagement_id):
    terms.record_advance(
        db, project_id=project_id, engagement_id=engagement_id, amount_fen=100_00, paid_on=date(2026, 3, 10), channel="cash",
        proof="signed", evidence=[scan(db, project_id, now)], by=by, now=now,
    )  # fmt: skip


def scan(db, project_id, now):
    return held_days.put_evidence(
        db, project_id=project_id, sha256="ad" * 32, name="a.jpg", media_type="image/jpeg", size=1, content_sealed=b"x", by="wu", now=now
    )


def sums(page: str) -> dict[str, str]:
    """What stands beside a word, as it does the last time."""
    return dict(re.findall(r"(一共挣了|扣：|应得|实发|还欠|还没拿到)[^¥]*?([−-]?¥[\d,]+\.\d\d)", re.sub(r"<[^>]+>|\s", "", page)))


def test_what_he_is_told_adds_up_to_the_sheet_he_signs_before_and_after_the_month_is_closed(phone, payday):
    payday.works(payday.cast.wang, 2, 3, 4, 5, 6)
    payday.run(advance, engagement_id=payday.cast.wang.engagement_id)
    payday.locked_and_drafted()
    wang = phone(payday.cast.wang)
    drafted = sums(text(wang.get("/me/wages?month=2026-03")))
    assert (drafted["应得"], drafted["还欠"]) == ("¥2,000.00", "¥2,000.00") and "扣：" not in drafted, "no line was handed to him"
    sheet = payday.latest()
    for act, by in (("submitted", "sun"), ("checked", "wu"), ("publicised", "wu"), ("approved", "chen")):
        payday.run(step, sheet_id=sheet.id, act=act, by=by)
        told = sums(text(wang.get("/me/wages?month=2026-03")))
        assert told == {"还没拿到": "¥1,900.00", "还欠": "¥1,900.00", "一共挣了": "¥2,000.00", "扣：": "−¥100.00", "应得": "¥1,900.00"}, act
        assert "还没拿到的工资¥1,900.00" in re.sub(r"<[^>]+>|\s", "", text(wang.get("/me")))
    assert sums(text(wang.get(f"/me/sheets/{payday.line_of(payday.cast.wang).id}")))["实发"] == told["应得"]
    payday.says(payday.line_of(payday.cast.wang))
    payday.close()
    assert sums(text(wang.get("/me/wages?month=2026-03"))) == told


def step(db, *, project_id, by, now, sheet_id, act):
    rows.add_act(db, sheet_id, act=act, note="", by=by, now=now)


def test_he_objects_to_a_line_and_is_answered(phone, payday, clerk):
    months(payday)
    wang, line = phone(payday.cast.wang), payday.line_of(payday.cast.wang)
    short = wang.post(f"/me/sheets/{line.id}/object", data={"line_hash": line.line_hash, "claimed": "2400", "text": "少"})
    assert short.status_code == 400 and 'value="2400"' in short.text
    done = wang.post(f"/me/sheets/{line.id}/object", data={"line_hash": line.line_hash, "claimed": "2400", "text": "6号加班没算"})
    assert done.status_code == 303, done.text
    inbox = f"/projects/{payday.site.id}/objections"
    seen = text(clerk("wu").get(inbox))
    assert "王建国" in seen and "¥2,400.00" in seen and "6号加班没算" in seen and "本人在手机上提出" in seen
    number = re.search(r'name="id" value="(\d+)"', seen)[1]
    answer = {"subject": "line", "id": number, "outcome": "kept", "text": "6号刷卡到17点，没有加班"}
    assert clerk("lin").post(f"{inbox}/answers", data=answer).status_code == 403
    assert clerk("wu").post(f"{inbox}/answers", data=answer).status_code == 303
    assert "没有加班" in text(wang.get(f"/me/sheets/{line.id}")) and "没有加班" in text(wang.get("/me/objections"))
    assert payday.ask(objections.waiting, payday.site.id) == 0


def test_he_objects_to_a_day_and_it_becomes_a_correction_in_the_inbox(phone, payday, clerk):
    payday.works(payday.cast.wang, 30, go=None)
    wang = phone(payday.cast.wang)
    form = {"day": "2026-03-30", "kind": "missing_out", "out": "17:30", "text": "走的北门"}
    done = wang.post("/me/days/objections?month=2026-03&day=2026-03-30", data=form)
    assert done.status_code == 303, done.text
    assert "异议等答复" in text(wang.get("/me/days?month=2026-03"))
    twice = wang.post("/me/days/objections?month=2026-03&day=2026-03-30", data=form)
    assert twice.status_code == 409
    waits = text(clerk("wu").get(f"/projects/{payday.site.id}/corrections"))
    assert "17:30" in waits and "王建国" in waits
    seen = text(clerk("wu").get(f"/projects/{payday.site.id}/objections"))
    assert "出场没记上" in seen and "走的北门" in seen and "已转为补卡" in seen
    [one] = payday.ask(timekeeping.pending, payday.site.id)
    payday.run(timekeeping.decide_correction, by="chen", correction_id=one.id, act="leader_ok")
    payday.run(timekeeping.decide_correction, by="wu", correction_id=one.id, act="officer_ok")
    assert "异议已采纳" in text(wang.get("/me/days?month=2026-03"))
    assert "08:00 – 17:30" in plain(wang.get("/me/days?month=2026-03"))


def test_too_late_for_a_correction_is_no_reason_not_to_be_heard(phone, payday, clerk):
    payday.works(payday.cast.wang, 2, go=None)
    wang = phone(payday.cast.wang)
    form = {"day": "2026-03-02", "kind": "missing_out", "out": "17:30", "text": ""}
    assert wang.post("/me/days/objections?month=2026-03&day=2026-03-02", data=form).status_code == 303
    assert "超过了补卡期限" in text(wang.get("/me/objections"))
    assert "超过了补卡期限" in text(clerk("wu").get(f"/projects/{payday.site.id}/objections"))


@pytest.mark.parametrize(
    ("day", "form", "correction"),
    [
        ("2026-03-30", {"kind": "hours", "text": "记工本上是十小时"}, None),
        ("2026-03-30", {"kind": "missing_out", "out": "17:30"}, True),
        ("2026-03-02", {"kind": "missing_out", "out": "17:30"}, None),
    ],
    ids=["without times", "a correction", "too late for one"],
)
def test_the_officer_sees_the_photograph_a_worker_sends_with_his_objection(phone, payday, clerk, day, form, correction):
    payday.works(payday.cast.wang, int(day[-2:]), go=None)
    wang, book = phone(payday.cast.wang), b"\x89PNG\r\n\x1a\n" + b"0" * 32
    sent = wang.post(f"/me/days/objections?month=2026-03&day={day}", data={"day": day, **form}, files={"scan": ("a.png", book, "image/png")})
    assert sent.status_code == 303, sent.text
    assert "附材料 1 份" in text(wang.get("/me/objections"))
    [one] = payday.ask(words.objections, payday.site.id)
    assert bool(one.correction_id) is bool(correction)
    [address] = re.findall(rf'href="(/v1/projects/{payday.site.id}/evidence/\d+)"', text(clerk("wu").get(f"/projects/{payday.site.id}/objections")))
    assert clerk("wu").get(address).content == book
    assert clerk("lin").get(address).content == book, "the bureau, too"
    assert wang.get(address).status_code == 403


def test_an_objection_says_something(phone, payday):
    wang = phone(payday.cast.wang)
    for form, code in (({"kind": "hours", "text": ""}, 422), ({"kind": "missing_out", "out": "", "text": ""}, 422), ({"kind": "x", "text": "什么也没有"}, 422)):
        answer = wang.post("/me/days/objections?month=2026-03&day=2026-03-02", data={"day": "2026-03-02", **form})
        assert answer.status_code == code, answer.text
    assert payday.ask(words.objections, payday.site.id) == ()


def test_he_takes_his_consent_back_at_once_and_gets_another_way_in(phone, payday, database):
    with database.write() as db:
        given = enrolment.ConsentGiven(CONSENT, enrolment.NOTICE_VERSION, "paper", payday.now)
        enrolment.record_consent(db, project_id=payday.site.id, worker_id=payday.cast.wang.id, consent=given, now=payday.now, by="wu")
    wang = phone(payday.cast.wang)
    page = text(wang.get("/me/face"))
    assert "采集人脸照片" in page and "现在撤回" in page and enrolment.NOTICE_VERSION in page
    assert wang.post("/me/face/withdraw", data={}).status_code == 400
    done = text(wang.post("/me/face/withdraw", data={"sure": "yes"}))
    assert "已撤回" in done and re.search(r'class="code">\d+', done)
    with database.read() as db:
        assert not people.latest_consent(db, payday.site.id, payday.cast.wang.id).given
        said = [(x.actor, x.action) for x in accounts.journal_lines(db, payday.site.id)]
    assert (f"worker.{payday.cast.wang.id}", "consent.withdrawn") in said
    assert wang.post("/me/face/withdraw", data={"sure": "yes"}).status_code == 200, "again is no error"


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": f"key-{key}-0001"}


def test_a_program_does_for_him_what_his_phone_does(phone, payday):
    months(payday)
    wang, li = phone(payday.cast.wang), phone(payday.cast.li)
    [mine] = wang.get("/v1/me/lines").json()
    [others] = li.get("/v1/me/lines").json()
    assert mine["may_sign"] and mine["verdict"] is None and sum(i["amount_fen"] for i in mine["items"]) == mine["net_fen"]
    assert "×" in mine["items"][0]["formula"]
    path, drawn = f"/v1/me/lines/{mine['id']}", {"line_hash": mine["line_hash"], "drawn": signature()}

    assert li.post(f"{path}/signature", json=drawn, headers=keyed("a")).status_code == 404, "nobody signs for another"
    assert wang.post(f"{path}/signature", json=drawn | {"line_hash": others["line_hash"]}, headers=keyed("b")).status_code == 409
    assert wang.post(f"{path}/signature", json=drawn | {"drawn": blank()}, headers=keyed("c")).json()["error"]["code"] == "drawing_empty"
    claim = {"line_hash": mine["line_hash"], "claimed_fen": mine["net_fen"] + 100_00, "text": "少算一天加班"}
    assert wang.post(f"{path}/objection", json=claim, headers=keyed("d")).status_code == 201
    [said] = wang.get("/v1/me/objections").json()
    assert (said["subject"], said["state"], said["line_id"], said["claimed_fen"]) == ("line", "waiting", mine["id"], claim["claimed_fen"])
    first = wang.post(f"{path}/signature", json=drawn, headers=keyed("e"))
    assert first.status_code == 201 and wang.post(f"{path}/signature", json=drawn, headers=keyed("e")).json() == first.json()
    assert wang.post(f"{path}/signature", json=drawn, headers=keyed("f")).json()["error"]["code"] == "line_not_signable"
    [mine] = wang.get("/v1/me/lines").json()
    assert (mine["verdict"], mine["may_sign"], wang.get("/v1/me/objections").json()) == ("agree", False, [])
    word = payday.ask(rows.confirmations, payday.site.id, "line", [mine["line_hash"]])[mine["line_hash"]]
    assert (str(word.method), word.recorded_by) == ("phone", f"worker.{payday.cast.wang.id}")
    [proof] = payday.ask(words.proofs, [word.id]).values()
    assert (proof.means, proof.code_by) == ("phone", "wu")


def test_a_program_objects_to_a_day_with_a_photograph(phone, payday):
    payday.works(payday.cast.wang, 30, go=None)
    wang, book = phone(payday.cast.wang), b"\x89PNG\r\n\x1a\n" + b"0" * 32
    path, form = "/v1/me/days/2026-03-30/objection", {"kind": "missing_out", "out_at": "2026-03-30T17:30:00+08:00"}
    sent = {"data": form, "files": {"scan": ("a.png", book, "image/png")}, "headers": keyed("a")}
    assert (first := wang.post(path, **sent)).status_code == 201, first.text
    assert wang.post(path, **sent).json() == first.json()
    assert wang.post(path, data=form, headers=keyed("b")).json()["error"]["code"] == "objection_waiting"
    [said] = wang.get("/v1/me/objections").json()
    assert (said["on"], said["papers"], said["correction_state"], said["state"]) == ("2026-03-30", 1, "requested", "waiting")
    none = wang.post("/v1/me/days/2026-03-29/objection", data={"kind": "hours"}, files={"scan": ("a.png", book + b"1", "image/png")}, headers=keyed("c"))
    assert none.json()["error"]["code"] == "objection_text_needed"
    assert len(payday.ask(words.objections, payday.site.id)) == 1


def test_a_program_shows_him_what_is_kept_of_his_face_and_takes_his_consent_back(phone, payday):
    consent = enrolment.ConsentGiven(scope=CONSENT, notice_version="face-1", method="paper", at=payday.now)
    payday.run(enrolment.record_consent, worker_id=payday.cast.wang.id, consent=consent)
    wang = phone(payday.cast.wang)
    face = wang.get("/v1/me/face").json()
    assert (face["consent"], face["photographs"], [one["act"] for one in face["history"]]) == ("give", 0, ["give"])
    done = wang.post("/v1/me/face/withdraw").json()
    assert done["already"] is False and done["code"], "he had neither card nor code"
    assert [one["act"] for one in wang.get("/v1/me/face").json()["history"]] == ["withdraw", "give"]
    again = wang.post("/v1/me/face/withdraw").json()
    assert again["already"] and again["code"] is None


def test_workers_sign_on_the_tablet_one_after_another(payday, clerk, desk_now):
    sheet = months(payday)
    wu, path = clerk("wu"), f"/projects/{payday.site.id}/payroll/{sheet.id}/sign"
    for left in (2, 1):
        page = text(wu.get(path))
        assert f"还没签的 {left} 人" in page
        line_id, line_hash = re.search(r'name="line_id" value="(\d+)"', page)[1], re.search(r'name="line_hash" value="(\w+)"', page)[1]
        empty = wu.post(f"{path}/drawn", data={"line_id": line_id, "line_hash": line_hash, "drawn": blank()})
        assert empty.status_code == 422 and "太短" in empty.text
        assert wu.post(f"{path}/drawn", data={"line_id": line_id, "line_hash": line_hash, "drawn": signature()}).status_code == 303
    assert "都签过了" in text(wu.get(path))
    for line in payday.lines(sheet):
        word = payday.ask(rows.confirmations, payday.site.id, "line", [line.line_hash])[line.line_hash]
        assert str(word.method) == "screen"


def whose_turn(page: str) -> str:
    return re.search(r'id="h-turn" class="name">([^<]+)<', page)[1]


def signs(client, path: str, page: str, **values: str):
    """What the page of the tablet sends for the one whose turn it is; gives the page that follows."""
    kept = {name: re.search(rf'name="{name}" value="(\w+)"', page)[1] for name in ("line_id", "line_hash")}
    answer = client.post(f"{path}/{'objection' if values else 'drawn'}", data=kept | (values or {"drawn": signature()}))
    assert answer.status_code == 303, answer.text
    return text(client.get(answer.headers["location"]))


def test_whoever_is_skipped_on_the_tablet_comes_again_after_the_others(payday, clerk, desk_now):
    payday.works(payday.hire("赵铁柱", 7), 2, 3)
    sheet = months(payday)
    wu, path = clerk("wu"), f"/projects/{payday.site.id}/payroll/{sheet.id}/sign"
    page = text(wu.get(path))
    first = whose_turn(page)
    page = text(wu.get(re.search(r'href="([^"]+after=\d+)"', page)[1]))
    second = whose_turn(page)
    page = signs(wu, path, page)
    third = whose_turn(page)
    assert len({first, second, third}) == 3 and f"{second} 已签字" in page
    page = signs(wu, path, page)
    assert whose_turn(page) == first
    assert "都签过了" in signs(wu, path, page)


def test_a_form_that_says_what_no_page_says_is_refused_and_nothing_breaks(phone, payday, clerk, desk_now):
    sheet = months(payday)
    wang, path = phone(payday.cast.wang), f"/projects/{payday.site.id}/payroll/{sheet.id}/sign"
    line = next(one for one in payday.lines(sheet) if one.content.worker_id == payday.cast.wang.id)
    strange = {"line_id": line.id, "line_hash": "签" * 64, "drawn": signature()}
    assert clerk("wu").post(f"{path}/drawn", data=strange).status_code == 409
    assert wang.post(f"/me/sheets/{line.id}/sign", data=strange).status_code == 409
    late = {"day": "9999-12-31", "kind": "missing_out", "out": "01:00", "out_next": "1"}
    assert wang.post("/me/days/objections", data=late).status_code == 422
    asked = {"worker": payday.cast.wang.id, "work_date": "9999-12-31", "kind": "missing_out", "out": "01:00", "out_next": "1", "reason": "forgot"}
    assert clerk("wu").post(f"/projects/{payday.site.id}/corrections/requests", data=asked).status_code == 422


def test_whoever_objected_is_found_on_the_tablet_and_signs_there_once_he_is_answered(payday, clerk, desk_now):
    sheet = months(payday)
    wu, path = clerk("wu"), f"/projects/{payday.site.id}/payroll/{sheet.id}/sign"
    page = text(wu.get(path))
    first = whose_turn(page)
    page = signs(wu, path, page, claimed="2100", text="少算一天加班")
    assert "没有异议的都签过了" in signs(wu, path, page)

    page = text(wu.get(path))
    [(address, name, state)] = re.findall(r'<a href="([^"]+line=\d+)">([^<]+)</a> <span class="state \w+">([^<]+)<', page)
    assert (name, state) == (first, "等答复")
    page = text(wu.get(address))
    assert whose_turn(page) == first and "2,100.00" in page and "少算一天加班" in page and "还没有答复" in page
    [one] = payday.ask(objections.every, payday.site.id)
    payday.run(objections.answer, subject="line", subject_id=one.id, outcome="kept", text="加班已在二月发过")
    page = text(wu.get(address))
    assert "加班已在二月发过" in page and "已答复" in page
    assert "都签过了" in (page := signs(wu, path, page)) and "有异议" not in page


def test_a_refused_answer_stands_where_it_was_typed_and_nowhere_else(phone, payday, clerk):
    for member, day in ((payday.cast.wang, "2026-03-30"), (payday.cast.li, "2026-03-31")):
        payday.works(member, int(day[-2:]), go=None)
        assert phone(member).post("/me/days/objections", data={"day": day, "kind": "hours", "text": "记工本上是十小时"}).status_code == 303
    one, other = payday.ask(objections.every, payday.site.id)
    sent = {"subject": "day", "id": one.id, "outcome": "kept", "text": "不行"}
    page = clerk("wu").post(f"/projects/{payday.site.id}/objections/answers", data=sent).text
    section = {each.id: re.search(rf'id="day-{each.id}".*?</section>', page, re.S)[0] for each in (one, other)}
    assert 'value="不行"' in section[one.id] and 'role="alert"' in section[one.id]
    assert "不行" not in section[other.id] and page.count('role="alert"') == 1


def test_the_day_he_asks_for_opens_whatever_month_is_shown(phone, payday):
    payday.works(payday.cast.wang, 2, go=None)
    wang = phone(payday.cast.wang)
    assert "这一天记得不对" in text(wang.get("/me/days?month=2026-04&day=2026-03-02"))
    for day, why in (("2026-12-24", "还没有到"), ("9999-12-31", "超出可用范围"), ("24.12.", "格式有误")):
        page = text(wang.get(f"/me/days?month=2026-03&day={day}"))
        assert why in page and "这一天记得不对" not in page, day


def blank() -> str:
    return signatures.DATA + base64.b64encode(cv2.imencode(".png", np.full((300, 680), 255, np.uint8))[1].tobytes()).decode()


def test_a_drawn_signature_carries_the_line_it_is_for_and_nothing_else():
    picture = signatures.drawing(signature(), "ab" * 32)
    assert signatures.line_of(picture) == "ab" * 32 and signatures.line_of(picture) != signatures.line_of(signatures.drawing(signature(), "cd" * 32))
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE) is not None


@pytest.mark.parametrize("sent", ["", "data:image/png;base64,", "data:image/jpeg;base64,AAAA", "data:image/png;base64,@@@@", signatures.DATA + "A" * 400_000])
def test_what_is_no_signature_is_refused(sent):
    with pytest.raises(Unusable, match="drawing_malformed"):
        signatures.drawing(sent, "ab" * 32)


def test_a_picture_that_claims_to_be_huge_is_not_unpacked():
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    with pytest.raises(Unusable, match="drawing_malformed"):
        signatures.drawing(signatures.DATA + base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk + b"\0" * 40).decode(), "ab" * 32)


def test_his_pages_are_light(phone, payday):
    months(payday)
    wang, line = phone(payday.cast.wang), payday.line_of(payday.cast.wang)
    for path in ("/me", "/me/days?month=2026-03", "/me/wages?month=2026-03", "/me/sheets", f"/me/sheets/{line.id}", "/me/objections", "/me/face"):
        page = wang.get(path)
        weight = len(page.content)
        for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
            weight += len(wang.get(asset).content)
        assert weight < 100_000, f"{path} weighs {weight} bytes"
        assert "htmx" not in page.text and "echarts" not in page.text


def test_a_worker_of_two_projects_picks_one(phone, payday, database, people_on_site):
    sheet = months(payday)
    line = next(one for one in payday.lines(sheet) if one.content.worker_id == payday.cast.wang.id)
    wang = phone(payday.cast.wang)
    with database.write() as db:
        account = accounts.account_by_login(db, f"worker.{payday.cast.wang.id}")
        accounts.add_membership(db, account_id=account.id, role="worker", project_id=people_on_site.b.id, worker_id=payday.cast.wang.id)
    page = text(wang.get(f"/me/days?project={payday.site.id}"))
    assert f"project={people_on_site.b.id}" in page
    assert wang.get("/me?project=999").status_code == 404
    for path in ("/me", "/me/wages", "/me/sheets", f"/me/sheets/{line.id}", "/me/objections", "/me/face"):
        [other] = re.findall(rf'href="(/me[^"]*project={people_on_site.b.id})"[^>]*>[^<]+</a></nav>', text(wang.get(f"{path}?project={payday.site.id}")))
        assert wang.get(other).status_code == 200, path


def test_every_page_of_his_is_told_in_english(phone, payday):
    months(payday)
    wang = phone(payday.cast.wang)
    wang.cookies.set("muster_language", "en")
    for page in pages_me.PAGES:
        path = page.path.replace("{line_id:int}", str(payday.line_of(payday.cast.wang).id))
        said = re.sub(r"<[^>]+>|王建国|钢筋一班|嘉禾一期|中文", " ", text(wang.get(path)))
        assert not re.search("[\u4e00-\u9fff]", re.sub(r"(?s)<script.*?</script>", "", said)), (path, re.findall("[\u4e00-\u9fff]+", said))
