"""The journal as a page with its verify button, the page of suspicions, and numbers shown for a purpose."""

import ast
import re
from pathlib import Path

import pytest

from app.pages.journal_words import facts_said, thing
from app.store import accounts
from app.store.bearing import NOTHING, PAPERS, WAGES
from app.wording import NAMES
from tests import cast


@pytest.fixture
def strip(people_on_site):
    return f"/projects/{people_on_site.a.id}/three-way/{people_on_site.wang.id}"


@pytest.fixture
def journal(people_on_site):
    return f"/projects/{people_on_site.a.id}/journal"


def test_a_full_number_is_shown_once_and_the_journal_says_who_saw_it(client_of, people_on_site, strip, journal):
    lin = client_of("lin")
    assert cast.WANG_ID not in lin.get(strip).text
    told = lin.post(f"{strip}/identity?month=2026-03", data={"purpose": "complaint", "note": "投诉 2026-041"})
    assert told.status_code == 200 and cast.WANG_ID in told.text and told.headers["cache-control"] == "no-store"
    assert cast.WANG_ID not in lin.get(strip).text, "only once"
    read = client_of("chen").get(f"{journal}?what=seen").text
    assert "查看完整号码" in read and "林监察" in read and "投诉 2026-041" in read and cast.WANG_ID not in read


def test_without_a_purpose_the_page_says_why_and_shows_nothing(client_of, strip):
    reply = client_of("lin").post(f"{strip}/identity", data={"purpose": "complaint", "note": " "})
    assert reply.status_code == 400 and "请说明查看的用途" in reply.text and cast.WANG_ID not in reply.text
    assert client_of("chen").post(f"{strip}/identity", data={"purpose": "complaint", "note": "投诉核对"}).status_code == 403


def test_the_officer_makes_a_code_with_which_the_worker_signs_in(client_of, app, strip):
    from starlette.testclient import TestClient

    wu = client_of("wu")
    told = wu.post(f"{strip}/code").text
    code = re.search(r'<strong class="code">([A-Z0-9-]+)</strong>', told)[1]
    assert code not in wu.get(strip).text
    assert TestClient(app).post("/v1/sign-in/code", json={"code": code}).status_code == 200
    assert client_of("lin").post(f"{strip}/code").status_code == 403


def test_the_button_checks_the_chain_and_names_what_was_changed(client_of, database, strip, journal, behind_the_walls):
    lin = client_of("lin")
    for note in ("投诉 2026-041", "投诉 2026-042"):
        lin.post(f"{strip}/identity", data={"purpose": "complaint", "note": note})
    assert "链完整" in lin.post(f"{journal}/verify").text
    with database.read() as db:
        changed = accounts.journal_lines(db, None)[0]
    behind_the_walls(f"UPDATE journal_entry SET actor = 'nobody' WHERE id = {changed.id}")
    told = lin.post(f"{journal}/verify").text
    assert "链不完整" in told and "edited" in told


def test_the_journal_is_read_in_pages_and_by_person(client_of, database, people_on_site, journal, now):
    with database.write() as db:
        for n in range(130):
            accounts.journal(
                db, at=now, actor="wu" if n % 2 else "chen", action="evidence.read", project_id=people_on_site.a.id, object=f"evidence:{n}", facts={}
            )
    chen = client_of("chen")
    first = chen.get(journal).text
    older = re.search(r'<a href="([^"]+)">更早的记录', first)[1].replace("&amp;", "&")
    assert "evidence:129" in first and '"evidence:0"' not in first and '"evidence:0"' in chen.get(older).text
    assert "evidence:128<" not in chen.get(f"{journal}?who=wu").text
    assert "evidence:1<" not in chen.get(f"{journal}?what=decided").text


def test_suspicions_are_told_with_their_error_rates(client_of, people_on_site):
    from app.domain.audit import RULES, name

    told = client_of("lin").get(f"/projects/{people_on_site.a.id}/signals").text
    for rule in (rule for rule in RULES.values() if rule.suspicion):
        assert name(rule.name, "zh") in told
    assert "误报率" in told and "没有可疑的记录" in told and "月底补录的文员 98 %" in told


def _written_beside() -> tuple[set[str], set[str]]:
    """(names of facts, kinds of things) in every line the source writes into the journal."""
    said: set[str] = set()
    about: set[str] = set()
    own = {"db", "at", "actor", "action", "project_id", "object", "facts", "now", "by", None}
    for path in sorted((Path(__file__).parents[2] / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) not in ("journal", "_journal"):
                continue
            said |= {k.arg for k in node.keywords} - own
            dicts = [k.value for k in node.keywords if k.arg == "facts"] + [a for a in node.args[4:] if isinstance(a, ast.Dict)]
            said |= {key.value for each in dicts for d in ast.walk(each) if isinstance(d, ast.Dict) for key in d.keys if isinstance(key, ast.Constant)}
            for each in (*(k.value for k in node.keywords if k.arg == "object"), *node.args[4:6]):
                first = each.values[0] if isinstance(each, ast.JoinedStr) else each
                if isinstance(first, ast.Constant) and isinstance(first.value, str) and (":" in first.value or each is not first or len(node.args) < 5):
                    about.add(first.value.partition(":")[0])
    return said, about


def test_everything_a_line_says_beside_has_words():
    said, about = _written_beside()
    assert len(said) > 50 and len(about) > 25, "the walk found the lines"
    assert {name for name in said if f"fact.{name}" not in NAMES} == set()
    assert {kind for kind in about if f"object.{kind}" not in NAMES} == set()
    assert {action for action in WAGES | PAPERS | NOTHING if f"journal.{action.replace('.', '_')}" not in NAMES} == set()


@pytest.mark.parametrize(
    ("action", "facts", "chinese", "english"),
    [
        ("finding_decided", {"from": "open", "to": "notified", "due_on": "2026-04-10"}, "从：待处理 · 到：已通知 · 答复期限：2026-04-10", "from: Open · to: Notified · answer by: 2026-04-10"),
        ("personal_data.viewed", {"shown": "names numbers wages"}, "看到：姓名、号码（打码）、工资", "shown: names, masked numbers, wages"),
        ("sheet_checked", {"month": "2026-03-01", "version": 2}, "月份：2026-03 · 版次：2", "month: 2026-03 · version: 2"),
        ("company.added", {"role": "owner"}, "角色：建设单位", "role: Owner"),
        ("form.exported", {"sha256": "ab" * 32, "full": False}, "文件摘要：abababababab… · 号码完整：否", "digest of the file: abababababab… · numbers in full: no"),
        ("facts_sealed", {"number": 3, "tops": {"passage": 9}, "marks": {}}, "序号：3", "number: 3"),
        ("mark.added", {"kind": "nobody knows"}, "类别：nobody knows", "kind: nobody knows"),
    ],
)
def test_a_line_of_the_journal_is_said_in_words(action, facts, chinese, english):
    assert (facts_said(action, facts, "zh"), facts_said(action, facts, "en")) == (chinese, english)


def test_what_a_line_is_about_leads_to_its_page():
    assert (thing("payroll_sheet:32", 7, "zh").label, thing("payroll_sheet:32", 7, "zh").url) == ("工资表 32 号", "/projects/7/payroll/32")
    assert thing("pay_period:2026-03", 7, "en").url == "/projects/7/payroll?month=2026-03"
    assert (thing("form:three_way", 7, "zh").label, thing("workers", 7, "zh").label) == ("三方核对表", "工人名单")
    for about, project in (("worker:7", None), ("worker:../../x", 7), ("nonsense:1", 7), ("device:dev-1a", 7)):
        assert thing(about, project, "zh").url == "", about
