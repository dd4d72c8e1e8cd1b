"""The roster a page at a time, an Excel file into it, and the frame of a project on its first day."""

import re
from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient

from app import access, letting, papers, payroll, timekeeping
from app.domain.identity import name_order
from app.main import create_app
from app.pages import roster
from app.store import accounts, people
from tests import cast
from tests.app.test_api_papers import roster_file
from tests.cast import id_number

COMPANY = "海盐建设总包有限公司"


@pytest.fixture
def crew(database, vault, people_on_site, now):
    """Sixty more workers in a team of a second company."""
    site = people_on_site.a
    with database.write() as db:
        company = papers.add_company_to_project(
            db, project_id=site.id, name="恒远劳务", uscc=None, role="labour_subcontractor", entry_on=cast.ENTRY_ON, now=now, by="wu"
        )
        team = papers.add_team(db, project_id=site.id, project_company_id=company, name="木工二班", trade="木工", now=now, by="wu")
        place = cast.Site(site.id, site.code, 0, company, team, site.entrance, site.exit)
        added = [
            cast.add_member(db, vault, now, place, "周" + "一二三四五六七八九十"[n % 10] + "甲乙丙丁戊己庚辛壬癸"[n // 10 - 10], id_number(date(1970, 1, 1), n))
            for n in range(101, 161)
        ]
    return added, company, team


def names(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]+/workers/(\d+)"', text)


def test_every_worker_is_on_exactly_one_page_of_the_roster(client_of, people_on_site, crew):
    client, path = client_of("wu"), f"/projects/{people_on_site.a.id}/workers"
    first, second = (client.get(path, params={"page": n}).text for n in (1, 2))
    assert len(names(first)) == 50 and len(names(second)) == 12
    assert len({*names(first), *names(second)}) == 62
    assert "第 1 页，共 2 页" in first and "在册 62 人" in first


def shown(text: str) -> list[dict]:
    """The rows of a page of the roster, as they stand there."""

    def cell(row: str, label: str) -> str:
        return re.sub(r"<[^>]+>", "", re.search(rf'data-label="{label}">(.*?)</td>', row, re.S)[1]).strip()

    return [
        {
            "team": tuple(reversed(re.search(r'<td class="all">(.*?)<br><span[^>]*>(.*?)</span>', row).groups())),
            "name": re.search(r'<th scope="row"><a [^>]*>(.*?)</a>', row)[1], "entry": cell(row, "进场"),
            "undecided": int(cell(row, "待确认天数")), "owed": float(cell(row, "应付未付").replace("¥", "").replace(",", "").replace("−", "-")),
        }
        for row in re.findall(r"<tr.*?</tr>", text.partition("<tbody>")[2].partition("</tbody>")[0], re.S)
    ]  # fmt: skip


ORDERS = {
    "team": lambda row: [name_order(name) for name in (*row["team"], row["name"])], "name": lambda row: [name_order(row["name"])], "entry": lambda row: row["entry"],
    "owed": lambda row: row["owed"], "undecided": lambda row: row["undecided"],
}  # fmt: skip


@pytest.mark.parametrize("sort", [sign + word for word in ORDERS for sign in ("", "-")])
def test_every_order_goes_over_all_pages_and_has_everybody_once(sort, client_of, database, vault, people_on_site, crew, now):
    site, added = people_on_site.a, crew[0]
    with database.write() as db:
        for n in range(4):
            late = cast.add_member(db, vault, now, site, f"新{n}", id_number(date(1990, 1, 1), 300 + n), entry_on=cast.ENTRY_ON + timedelta(days=1 + n))
            added.append(late)
        # Some forgot to go out, some have worked, most have not come.
        for n, member in enumerate(added[::7], start=1):
            for day in range(1, 1 + n % 4):
                cast.pass_through(db, site, "in", member.id, now - timedelta(days=day, hours=9))
                if n % 3:
                    cast.pass_through(db, site, "out", member.id, now - timedelta(days=day, hours=n % 3))
    client, path = client_of("chen"), f"/projects/{site.id}/workers"
    pages = [client.get(path, params={"page": n, "sort": sort}).text for n in (1, 2)]
    ids = [worker for page in pages for worker in names(page)]
    assert len(ids) == len(set(ids)) == 66
    found = [ORDERS[sort.removeprefix("-")](row) for page in pages for row in shown(page)]
    assert found == sorted(found, reverse=sort.startswith("-"))
    assert len(set(map(str, found))) > 2, "an order of equals is none"


def test_the_roster_is_filtered_by_company_team_trade_and_state(client_of, database, people_on_site, crew, now):
    added, company, team = crew
    client, path = client_of("wu"), f"/projects/{people_on_site.a.id}/workers"
    with database.write() as db:
        papers.exit_worker(db, project_id=people_on_site.a.id, worker_id=added[0].id, exit_on=now.date(), now=now, by="wu")
    assert "列出 59 人" in client.get(path, params={"company": company}).text
    assert "列出 59 人" in client.get(path, params={"team": team}).text
    assert names(client.get(path, params={"state": "left"}).text) == [str(added[0].id)]
    assert names(client.get(path, params={"left": "1", "q": added[0].name, "team": team, "sort": "name"}).text), "an older address"
    assert "没有符合条件的人" in client.get(path, params={"trade": "塔吊司机"}).text


def test_what_is_missing_is_counted_and_leads_to_the_list(client_of, database, people_on_site, now):
    wang = people_on_site.wang
    with database.write() as db:
        people.void_terms(db, wang.terms_id, now)
    client, path = client_of("wu"), f"/projects/{people_on_site.a.id}/workers"
    text = client.get(path).text
    assert re.search(r'lacks=terms"[^>]*>没有工资约定 <strong class="count">1<', text)
    assert names(client.get(path, params={"lacks": "terms"}).text) == [str(wang.id)]
    assert f"/enrol/{wang.id}" in text and f"/enrol/{wang.id}" not in client_of("chen").get(path).text, "a manager enrols nobody"


def test_the_sums_are_those_of_everybody_listed(client_of, database, people_on_site, crew, now):
    with database.read() as db:
        owed = sum(m.owed_fen for months in payroll.accounts_of(db, people_on_site.a.id, now).values() for m in months)
    text = client_of("wu").get(f"/projects/{people_on_site.a.id}/workers").text
    assert "列出的 62 人合计" in text and f"¥{owed / 100:,.2f}" in text.partition("<tfoot>")[2]


def test_of_a_large_roster_only_what_is_shown_is_worked_out(client_of, people_on_site, crew, monkeypatch):
    asked = []
    real = payroll.account_sums
    monkeypatch.setattr(roster, "SUMS_MAX", 10)
    monkeypatch.setattr(roster.payroll, "account_sums", lambda *a, **k: asked.append(k["workers"]) or real(*a, **k))
    path = f"/projects/{people_on_site.a.id}/workers"
    assert "<tfoot>" not in client_of("wu").get(path).text and len(asked[0]) == 50
    assert "<tfoot>" in client_of("wu").get(path, params={"sort": "-owed"}).text and asked[1] is None


def test_accounts_of_some_are_those_of_all(database, people_on_site, now):
    wang = people_on_site.wang
    with database.write() as db:
        cast.pass_through(db, people_on_site.a, "in", wang.id, now - timedelta(days=3, hours=9))
        cast.pass_through(db, people_on_site.a, "out", wang.id, now - timedelta(days=3))
        payroll.record_payment(
            db, project_id=people_on_site.a.id, worker_id=people_on_site.li.id, amount_fen=100_00, paid_on=now.date(),
            for_month=now.date().replace(day=1), channel="cash", idempotency_key="li-paid-1", by="wu", now=now,
        )  # fmt: skip
        everybody = payroll.accounts_of(db, people_on_site.a.id, now)
        assert people_on_site.li.id in everybody
        assert payroll.accounts_of(db, people_on_site.a.id, now, workers=[wang.id]) == {wang.id: everybody[wang.id]}
        assert payroll.accounts_of(db, people_on_site.a.id, now, workers=[]) == {}


# --- an Excel file -------------------------------------------------------------------------------------------------


def sent(client, people_on_site, act: str, *rows: list):
    return client.post(f"/projects/{people_on_site.a.id}/workers/roster", data={"act": act}, files={"file": roster_file(*rows)})


GOOD = ["周新", id_number(date(1991, 3, 2), 44), COMPANY, "总承包", "木工班", 380, "2026-03-10"]
BAD = ["周二", id_number(date(1992, 3, 2), 45)[:-1] + "?", COMPANY, "总承包", "木工班", 380, "2026-03-10"]


def test_a_file_is_tried_first_and_then_brought_in_once(client_of, database, people_on_site):
    client = client_of("wu")
    tried = sent(client, people_on_site, "try", GOOD, BAD).text
    assert "试了一遍，什么都没有写入" in tried and "17 位数字" in tried and BAD[1] not in tried
    assert "周新" not in client.get(f"/projects/{people_on_site.a.id}/workers").text
    done = sent(client, people_on_site, "enter", GOOD, BAD).text
    assert "导入完成" in done and "周新" in done.partition("通行码")[2]
    assert "周新" in client.get(f"/projects/{people_on_site.a.id}/workers").text
    again = sent(client, people_on_site, "enter", GOOD, BAD).text
    assert "周新" not in again, "nobody came in, so no code is shown"


def test_the_import_asks_for_a_calendar_only_where_there_is_none(client_of, database, people_on_site, now):
    asked = "法定倍数要有当年的法定日历"
    assert asked in sent(client_of("wu"), people_on_site, "try", GOOD).text
    with database.write() as db:
        timekeeping.seed_calendar(db, years=[now.year], by="gao", now=now)
    assert asked not in sent(client_of("wu"), people_on_site, "try", GOOD).text


def test_a_file_that_is_no_roster_says_so_and_no_button_is_no_import(client_of, people_on_site):
    client, path = client_of("wu"), f"/projects/{people_on_site.a.id}/workers/roster"
    reply = client.post(path, data={"act": "enter"}, files={"file": ("a.xlsx", b"PK", "application/zip")})
    assert reply.status_code == 422 and "不是可读取的 .xlsx" in reply.text
    assert client.post(path, data={"act": "enter"}).status_code == 400
    assert sent(client, people_on_site, "", GOOD).status_code == 400
    assert "周新" not in client.get(f"/projects/{people_on_site.a.id}/workers").text


def test_a_trial_names_who_is_meant_and_what_to_look_at_again(client_of, people_on_site):
    dear = [*GOOD[:5], 9000, GOOD[6]]
    misspelt = ["周三", id_number(date(1993, 3, 2), 46), "海盐建设总承包有限公司", "", "木工班", 380, "2026-03-10"]
    tried = sent(client_of("wu"), people_on_site, "try", dear, misspelt).text
    look_again, faults = tried.partition("请再看一眼")[2].partition("</table>")[0], tried.partition("要改的")[2].partition("</table>")[0]
    assert "<td>周新</td>" in look_again and "月工资" in look_again and "不改也能导入" in tried
    assert "<td>周三</td>" in faults and f"是不是“{COMPANY}”" in faults
    done = sent(client_of("wu"), people_on_site, "enter", dear).text
    assert "已经导入，请再看一眼" in done and "月工资" in done


def test_an_english_reader_sees_which_chinese_column_is_meant(client_of, people_on_site):
    client = client_of("wu")
    client.cookies.set("muster_language", "en")
    text = re.sub(r"<[^>]+>", "", client.get(f"/projects/{people_on_site.a.id}/workers/roster").text)
    assert "ID number (身份证号)" in text and "Credit code (统一社会信用代码)" in text


# --- the frame -----------------------------------------------------------------------------------------------------


def test_an_administrator_makes_a_project_on_a_page(client_of, database, people_on_site):
    client = client_of("gao")
    form = {"code": "HY-9", "name": "海盐九号", "area_code": "330424", "address": "盐北路"}
    assert "新建项目" in client.get("/").text
    made = client.post("/projects/new", data=form)
    assert made.status_code == 303 and made.headers["location"] == "/accounts?done=project_made"
    taken = client.post("/projects/new", data=form)
    assert taken.status_code == 409 and "项目编码已使用" in taken.text and "海盐九号" in taken.text
    assert client.post("/projects/new", data={**form, "area_code": "33"}).status_code == 422
    assert client_of("wu").get("/projects/new").status_code == 403


def test_an_administrator_puts_right_where_a_project_lies_and_nobody_else_may(client_of, database, people_on_site):
    client, site = client_of("gao"), people_on_site.a
    path = f"/projects/{site.id}/settings"
    assert "更正行政区划代码" in client.get(path).text and "更正行政区划代码" not in client_of("chen").get(path).text
    for wrong in ("999999", "330000", "33042", "三三零四", "3304241"):
        refused = client.post(f"{path}/area", data={"area_code": wrong})
        assert refused.status_code == 422 and 'role="alert"' in refused.text
    assert client_of("chen").post(f"{path}/area", data={"area_code": "330411"}).status_code == 403
    # Made in the wrong county: its inspector reads it until it is put right, and another one after.
    assert client_of("lin").get(f"/projects/{site.id}/findings").status_code == 200
    for _ in range(2):
        assert client.post(f"{path}/area", data={"area_code": "330411"}).headers["location"].endswith("done=area_kept")
    assert client_of("lin").get(f"/projects/{site.id}/findings").status_code in (403, 404)
    with database.read() as db:
        told = [line.facts for line in accounts.journal_lines(db, site.id) if line.action == "project.area"]
    assert told == [{"area_code": "330411", "area_before": "330424"}], "the same again is nothing new"


def test_who_keeps_the_service_finds_accounts_and_a_new_project_from_his_only_project(client_of, people_on_site):
    client = client_of("gao")
    home, inside = client.get("/"), client.get(f"/projects/{people_on_site.a.id}/settings")
    assert home.status_code == 200 and "/projects/new" in home.text
    assert 'href="/accounts"' in home.text and 'href="/accounts"' in inside.text
    assert 'class="screen" href="/accounts"' in client.get(f"/projects/{people_on_site.a.id}/people").text
    assert 'href="/accounts"' not in client_of("chen").get(f"/projects/{people_on_site.a.id}/people").text


def test_a_refusal_at_the_gate_is_no_first_passage(client_of, database, people_on_site, now):
    site, path = people_on_site.a, f"/projects/{people_on_site.a.id}/setup"
    with database.write() as db:
        cast.pass_through(db, site, "in", None, now, verdict="refuse", code="no_match")
    assert "还没有人通过" in client_of("wu").get(path).text
    with database.write() as db:
        cast.pass_through(db, site, "in", people_on_site.wang.id, now)
    assert "还没有人通过" not in client_of("wu").get(path).text


def test_the_first_days_list_stays_on_today_until_people_pass(client_of, database, people_on_site, now):
    path, link = f"/projects/{people_on_site.a.id}", f'href="/projects/{people_on_site.a.id}/setup">第一天要办的'
    assert link in client_of("wu").get(path).text, "two on the roster, and nobody has passed"
    with database.write() as db:
        for n in range(60):
            cast.pass_through(db, people_on_site.a, "in" if n % 2 == 0 else "out", people_on_site.wang.id, now - timedelta(minutes=120 - n))
    assert link not in client_of("wu").get(path).text


def test_in_a_house_without_accounts_the_sign_in_page_says_how_the_first_one_is_made(settings, database, vault, now):
    client = TestClient(create_app(settings.model_copy(update={"pack_id": "none"}), database=database, vault=vault))
    assert "muster user add" in client.get("/sign-in").text
    with database.write() as db:
        access.create_account(db, login="gao", name="高", password="left boot, right boot", now=now, by="shell")
    assert "muster user add" not in client.get("/sign-in").text


def test_a_labour_officer_makes_companies_and_teams_and_sees_what_comes_next(client_of, people_on_site):
    client, path = client_of("wu"), f"/projects/{people_on_site.a.id}/setup"
    first = client.get(path).text
    assert COMPANY in first and "第一次通行" in first and first.count('class="state ask"') == 2, "not enrolled in full, no passage yet"
    company = {"company": "恒远劳务", "uscc": "", "role": "labour_subcontractor", "entry_on": "2026-03-01"}
    for _ in range(2):
        assert client.post(f"{path}/companies", data=company).headers["location"].endswith("done=company_kept")
    text = client.get(path).text
    assert text.count(">恒远劳务") == 2, "in the table and in the choice, once each"
    of = re.search(r'value="(\d+)"[^>]*>恒远劳务', text)[1]
    assert client.post(f"{path}/teams", data={"of": of, "team": "抹灰班", "trade": "抹灰工"}).headers["location"].endswith("done=team_kept")
    assert "抹灰班" in client.get(path).text
    wrong = client.post(f"{path}/companies", data={**company, "uscc": "123"})
    assert wrong.status_code == 422 and "信用代码须为 18 位" in wrong.text and 'value="恒远劳务"' in wrong.text
    assert client.post(f"{path}/teams", data={"of": "x", "team": "y"}).status_code == 404


def test_the_form_of_a_company_offers_the_general_contractor_once_and_then_what_the_last_one_was(client_of, people_on_site):
    client, path = client_of("wu"), f"/projects/{people_on_site.a.id}/setup"

    def offered() -> str:
        return re.search(r'<select id="role".*?value="(\w+)" selected', client.get(path).text)[1]

    assert offered() == "labour_subcontractor", "the general contractor is there"
    for role in ("professional_subcontractor", "supervisor"):
        client.post(f"{path}/companies", data={"company": f"某{role}", "uscc": "", "role": role, "entry_on": "2026-03-01"})
        assert offered() == role
    refused = client.post(f"{path}/companies", data={"company": "某某", "uscc": "1", "role": "owner", "entry_on": "2026-03-01"}).text
    assert re.search(r'<select id="role".*?value="(\w+)" selected', refused)[1] == "owner"


def test_a_company_that_was_entered_wrong_is_put_right_on_its_page(client_of, database, people_on_site):
    client, path = client_of("wu"), f"/projects/{people_on_site.a.id}/setup"
    with database.read() as db:
        [company] = people.project_companies(db, people_on_site.a.id)
    form = {
        "which": company.id, "name": "海盐建设总包有限责任公司", "uscc": company.uscc, "role": "professional_subcontractor",
        "entry_on": company.entry_on.isoformat(), "reason": "照营业执照改",
    }  # fmt: skip
    assert f'value="{COMPANY}"' in client.get(path).text
    refused = client.post(f"{path}/companies/change", data={**form, "uscc": "123"})
    assert refused.status_code == 422 and "信用代码须为 18 位" in refused.text and "<details class=\"act screen\" open>" in refused.text
    assert 'value="海盐建设总包有限责任公司"' in refused.text and 'value="123"' in refused.text and 'value="照营业执照改"' in refused.text
    assert client.post(f"{path}/companies/change", data=form).headers["location"].endswith("done=company_changed")
    told = client.get(path).text
    assert f"{COMPANY} → 海盐建设总包有限责任公司" in told and "总承包 → 专业分包" in told and "更改过 2 次" in told
    again = client.post(f"{path}/companies/change", data=form)
    assert again.status_code == 409 and "没有要更改的" in again.text
    assert client.post(f"{path}/companies/change", data={**form, "which": "x"}).status_code == 404
    with database.read() as db:
        [foreign] = people.project_companies(db, people_on_site.b.id)
    assert client.post(f"{path}/companies/change", data={**form, "which": foreign.id}).status_code == 404
    for other in ("chen", "lin", "ma", "gao"):
        assert client_of(other).post(f"{path}/companies/change", data=form).status_code == 403, other


def test_a_manager_reads_the_frame_and_changes_nothing(client_of, people_on_site):
    text = client_of("chen").get(f"/projects/{people_on_site.a.id}/setup").text
    assert COMPANY in text and "<form class=\"in desk\"" not in text


def test_the_first_days_list_says_who_does_what_its_reader_may_not(client_of, database, people_on_site, now):
    path = f"/projects/{people_on_site.a.id}/setup"
    by_manager, by_officer = client_of("chen").get(path).text, client_of("wu").get(path).text
    assert "由劳资专管员办理" in by_manager and "由劳资专管员办理" not in by_officer
    with database.write() as db:
        account = accounts.account(db, people_on_site.wu)
        accounts.disable_account(db, account.id, now)
    text = client_of("chen").get(path).text
    assert text.count("本项目还没有这样的账号") == 1 and f'href="/projects/{people_on_site.a.id}/people"' in text


def test_the_first_days_list_says_how_the_first_passage_is_done_and_that_a_hand_is_no_gate(client_of, database, vault, people_on_site, now):
    site, path = people_on_site.a, f"/projects/{people_on_site.a.id}/setup"
    with database.write() as db:
        code = papers.issue_code(db, vault, project_id=site.id, worker_id=people_on_site.wang.id, now=now, by="wu")
        letting.let(
            db, vault, project_id=site.id, gate_id=site.entrance.gate_id, channel="code", value=code, direction="in", reason="gate_broken",
            by="ma", now=now,
        )  # fmt: skip
    text = client_of("wu").get(path).text
    assert "第一次通行怎么做" in text and "门卫已人工放行 1 次" in text and "还没有人通过" in text
    with database.write() as db:
        cast.pass_through(db, site, "in", people_on_site.wang.id, now)
    text = client_of("wu").get(path).text
    assert "第一次通行怎么做" not in text and "人工放行" not in text
