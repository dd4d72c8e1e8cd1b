"""The rules a project is worked out by, and how strictly its gates decide, on their pages."""

import re
from datetime import date

import pytest

from app.store import decisions, terms, timekeeping

FORM = {
    "scope": "", "valid_from": "2026-04-01", "valid_to": "", "cutover": "12:00", "session_max": "14", "overtime_step": "30",
    "work_date_rule": "entry", "breaks": "11:30-12:30，17:30–18:00",
}  # fmt: skip


@pytest.fixture
def page(people_on_site) -> str:
    return f"/projects/{people_on_site.a.id}/rules"


def test_the_general_rule_is_said_in_words(client_of, page):
    told = client_of("wu").get(page).text
    for said in ("其余所有人", "04:00 以前进场的，算前一天", "在场超过 16 小时按漏打出场处理，待定", "满 7.5 小时记 1 工日", "120 秒内同一方向只算一次"):
        assert said in told, said


def test_the_labour_officer_sets_a_rule_and_ends_it(client_of, page, database, people_on_site):
    wu = client_of("wu")
    assert wu.post(page, data=FORM).headers["location"] == f"{page}?done=rule_kept"
    told = wu.get(page).text
    assert "12:00 以前进场的，算前一天" in told and "11:30–12:30, 17:30–18:00" in told and "2026-04-01 起" in told
    rule_id = re.search(r'name="rule_id" value="(\d+)"', told)[1]
    again = wu.post(page, data=FORM)
    assert again.status_code == 409 and 'role="alert"' in again.text
    assert wu.post(f"{page}/end", data={"rule_id": rule_id, "valid_to": "2026-05-01"}).status_code == 303
    assert "到 2026-05-01 为止（不含）" in wu.get(page).text
    with database.read() as db:
        (row,) = timekeeping.policy_rows(db, people_on_site.a.id)
    assert (row.valid_to, row.rules["breaks"]) == (date(2026, 5, 1), [["11:30", "12:30"], ["17:30", "18:00"]])


def test_a_rule_of_a_team_is_named_by_its_team_and_voided_when_it_was_a_mistake(client_of, page, people_on_site):
    wu = client_of("wu")
    assert wu.post(page, data={**FORM, "scope": f"team:{people_on_site.a.team_id}"}).status_code == 303
    told = wu.get(page).text
    assert told.count("考勤规则：") == 2 and "考勤规则：整个项目" not in told
    wu.post(f"{page}/end", data={"rule_id": re.search(r'name="rule_id" value="(\d+)"', told)[1], "what": "void"})
    assert "已作废" in wu.get(page).text


@pytest.mark.parametrize("wrong", [{"cutover": "25:00"}, {"session_max": "-1"}, {"breaks": "noon"}, {"valid_from": "1 April"}, {"scope": "team:x"}, {"work_date_rule": "x"}, {"session_max": "9999"}])
def test_what_is_no_rule_is_refused_in_words(wrong, client_of, page, database, people_on_site):
    reply = client_of("wu").post(page, data={**FORM, **wrong})
    assert reply.status_code in (400, 422) and 'role="alert"' in reply.text
    with database.read() as db:
        assert not timekeeping.policy_rows(db, people_on_site.a.id)


def test_the_inspector_reads_the_rules_and_sets_none(client_of, page):
    assert 'action="' + page not in client_of("lin").get(page).text
    assert client_of("lin").post(page, data=FORM).status_code == 403
    assert client_of("ma").get(page).status_code == 403


def test_a_limit_the_county_wrote_stands_with_its_day_and_its_source(client_of, page, database, now):
    assert "主管部门没有另定界限" in client_of("wu").get(page).text
    with database.write() as db:
        for area, value, on in (("3304", 5, "2026-01-01"), ("330424", 4, "2026-02-01"), ("330411", 1, "2026-01-01"), ("330424", 3, "2027-01-01")):
            terms.add_area_rule(
                db, area_code=area, key="audit.late_red_days", value=value, valid_from=date.fromisoformat(on), source="县人社局通知", by="gao", now=now
            )
    told = re.search(r"<caption>.*?</table>", client_of("wu").get(page).text, re.S)[0]
    assert "迟发转红" in told and "<strong>4</strong>" in told and "2026-02-01" in told and "330424" in told and "县人社局通知" in told
    assert told.count("<strong>") == 1


# --- how strictly the gates decide -------------------------------------------------------------------------------


def test_how_the_gates_decide_is_said_and_set(client_of, database, people_on_site):
    page = f"/projects/{people_on_site.a.id}/settings"
    chen = client_of("chen")
    told = chen.get(page).text
    assert "不超过百分之 1。" in told and "拒绝并记录：同一张画面再次出现" in told and "不检测：举着照片也可能通过" in told
    form = {"stranger_percent": "0.1", "votes_min": "3", "track_seconds": "", "replay": "observe", "liveness": ""}
    assert chen.post(f"{page}/deciding", data=form).headers["location"] == f"{page}?done=deciding_kept"
    assert "不超过百分之 0.1。" in (told := chen.get(page).text) and "要有 3 张认成同一人" in told and "只记录：同一张画面再次出现时记下" in told
    with database.read() as db:
        assert decisions.policy(db, people_on_site.a.id) == decisions.PolicyRow(0.001, 3, None, None, "observe")


@pytest.mark.parametrize("wrong", [{"stranger_percent": "90"}, {"votes_min": "99"}, {"votes_min": "x"}, {"replay": "x"}, {"liveness": "enforce"}, {"track_seconds": "nan"}])
def test_what_no_gate_can_decide_by_is_refused(wrong, client_of, database, people_on_site):
    page = f"/projects/{people_on_site.a.id}/settings"
    reply = client_of("chen").post(f"{page}/deciding", data=wrong)
    assert reply.status_code in (400, 409, 422) and 'role="alert"' in reply.text
    assert client_of("wu").post(f"{page}/deciding", data={}).status_code == 403
    with database.read() as db:
        assert decisions.policy(db, people_on_site.a.id) == decisions.PolicyRow(None, None, None, None, None)
