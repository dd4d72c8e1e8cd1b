"""The wage month on the pages: from the locked month to the closed one, by the people whose turn it is."""

import html
import re
from datetime import date

import pytest

from app import access, timekeeping
from app.store import accounts
from app.store import sheets as held
from tests.cast import pass_through
from tests.payday import MARCH, at, desk  # noqa: F401 - the fixture payday

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


@pytest.fixture
def place(payday, clock, client_of, people_on_site, database, settings):
    """(desk, path of the payroll pages, login -> a client signed in by now); ma is the subcontractor too."""

    def signed_in(login):
        client = client_of(None)
        with database.write() as db:
            token = access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=clock())
        client.cookies.set(access.COOKIE, token)
        return client

    site = people_on_site.a
    payday.works(people_on_site.wang, 3, 4, 5)
    payday.works(people_on_site.li, 3)
    payday.now = at(2, month=4)
    payday.gates_report()
    with database.write() as db:
        accounts.add_membership(
            db, account_id=people_on_site.ma, role="subcontractor", project_id=site.id, project_company_id=site.project_company_id
        )
    _set(clock, payday.now)
    return payday, f"/projects/{site.id}/payroll", signed_in


def _set(clock, moment):
    clock.advance(seconds=(moment - clock()).total_seconds())


def test_the_page_opens_on_a_month_somebody_was_here_and_asks_nothing_of_an_empty_one(place, clock):
    payday, path, client_of = place
    wu = client_of("wu")
    assert "2026-03" in re.search(r"<strong>(.*?)</strong>", wu.get(path).text)[1]
    empty = wu.get(path, params={"month": "2026-02"}).text
    assert "本月无人在册，无需制表" in empty and "锁定考勤</button>" not in empty
    pressed = wu.post(f"{path}/lock", data={"month": "2026-02"})
    assert pressed.status_code == 409 and "本月无人在册，无需锁定和制表" in pressed.text
    with payday.database.write() as db:
        held.lock_period(db, payday.site.id, date(2026, 2, 1), "wu", payday.now)
    assert "2026-03" in re.search(r"<strong>(.*?)</strong>", wu.get(path).text)[1], "a dead month that was locked is not where one looks"
    assert "生成工资表</button>" not in wu.get(path, params={"month": "2026-02"}).text


def test_a_month_goes_through_the_hands_it_must(place, clock):
    payday, path, client_of = place
    month = {"month": "2026-03"}
    wu, chen, ma = client_of("wu"), client_of("chen"), client_of("ma")

    assert "锁定考勤</button>" in wu.get(path, params=month).text
    assert "锁定考勤</button>" not in (waiting := chen.get(path, params=month).text) and "等待劳资专管员锁定考勤" in waiting
    assert chen.post(f"{path}/lock", data=month).status_code == 403
    assert wu.post(f"{path}/lock", data=month).status_code == 303
    assert "生成工资表</button>" in (locked := wu.get(path, params=month).text) and "下一步生成工资表" in locked
    assert "等待生成工资表" in chen.get(path, params=month).text
    assert wu.post(f"{path}/draft", data=month).status_code == 303
    sheet = payday.latest(MARCH)
    own = f"{path}/{sheet.id}"

    # Nobody is ahead of his turn.
    early = chen.post(f"{own}/approve", data={})
    assert early.status_code == 409 and 'role="alert"' in early.text
    assert chen.post(f"{own}/submit", data={}).status_code == 403
    assert f'action="{own}/submit"' in ma.get(own).text
    assert ma.post(f"{own}/submit", data={}).status_code == 303
    assert f'action="{own}/check"' not in ma.get(own).text
    assert ma.post(f"{own}/check", data={}).status_code == 403
    for step in ("check", "publicise"):
        assert f'action="{own}/{step}"' in wu.get(own).text
        assert wu.post(f"{own}/{step}", data={}).status_code == 303
    assert f'action="{own}/approve"' not in chen.get(own).text and "公示期未满" in chen.get(own).text
    refused = chen.post(f"{path}/close", data=month)
    assert refused.status_code == 409 and "工资表未批准" in refused.text
    clock.advance(days=3)
    chen, wu = client_of("chen"), client_of("wu")
    # Pressed where all teams stand, it leads back there.
    assert chen.post(f"{own}/approve", data={"back": "month"}).headers["location"] == f"{path}?month=2026-03&done=sheet_step"
    assert "结账</button>" in chen.get(path, params=month).text and "结账</button>" not in wu.get(path, params=month).text
    assert chen.post(f"{path}/close", data=month).status_code == 303
    closed = chen.get(path, params=month).text
    assert "已结账" in closed and f'href="{path.replace("payroll", "account")}">到专户代发' in closed


def test_a_worker_signs_with_a_scan_or_says_what_is_wrong(place, clock):
    payday, path, client_of = place
    sheet = payday.locked_and_drafted()
    payday.through()
    _set(clock, payday.now)
    own, wu, first = f"{path}/{sheet.id}", client_of("wu"), payday.lines(sheet)[0]
    said = {"line_id": first.id, "line_hash": first.line_hash, "verdict": "agree", "method": "paper"}
    bare = wu.post(f"{own}/words", data=said)
    assert bare.status_code in (400, 422) and "请附上签字" in bare.text
    assert wu.post(f"{own}/words", data=said, files={"scan": ("a.png", PNG, "image/png")}).status_code == 303
    assert "纸质签字" in wu.get(own).text
    words = said | {"verdict": "dispute", "claimed": "1,999.00", "reason": "少算了两天"}
    assert wu.post(f"{own}/words", data=words).status_code == 303
    assert "¥1,999.00" in wu.get(own).text
    assert client_of("lin").post(f"{own}/words", data=said).status_code == 403
    assert "?line=" not in client_of("lin").get(own).text


def test_a_page_many_signed_on_is_recorded_once_and_the_lines_left_are_listed(place, clock):
    payday, path, client_of = place
    sheet = payday.locked_and_drafted()
    payday.through()
    _set(clock, payday.now)
    own, wu, lines = f"{path}/{sheet.id}", client_of("wu"), payday.lines(sheet)
    assert len(lines) == 2
    ticks = re.findall(r'form="together" name="line" value="([^"]+)"', wu.get(own, params={"show": "unsigned"}).text)
    assert ticks == [f"{line.id}:{line.line_hash}" for line in lines]
    assert "还有 2 人未签字" in wu.get(own).text and 'name="line"' not in wu.get(own).text
    said = {"verdict": "agree", "method": "paper"}
    scan = {"scan": ("page.png", PNG, "image/png")}
    for wrong in (f"{lines[1].id}:{'0' * 64}", "999999:0", "x", "１:0", ":"):
        reply = wu.post(f"{own}/words", data=said | {"line": [ticks[0], wrong]}, files=scan)
        assert reply.status_code in (404, 409), wrong
        assert "还有 2 人未签字" in wu.get(own).text, "all of a page or nothing of it"
    kept = wu.post(f"{own}/words", params={"show": "unsigned"}, data=said | {"line": ticks}, files=scan)
    assert kept.status_code == 303 and "show=unsigned" in kept.headers["location"]
    left = wu.get(own, params={"show": "unsigned"}).text
    assert "没有这样的行" in left and "已批准：结账后" in left
    assert wu.get(own).text.count("纸质签字") == 2
    # One page with several names is no dispute of all of them.
    disputed = wu.post(f"{own}/words", data={**said, "verdict": "dispute", "claimed": "1", "reason": "少算了两天", "line": ticks})
    assert disputed.status_code == 404


def test_a_refused_signature_leaves_the_form_of_its_line_open(place, clock):
    payday, path, client_of = place
    sheet = payday.locked_and_drafted()
    payday.through()
    _set(clock, payday.now)
    own, wu, first = f"{path}/{sheet.id}", client_of("wu"), payday.lines(sheet)[0]
    action = re.search(r'action="([^"]+/words[^"]*)"', wu.get(own, params={"line": first.id}).text)[1]
    said = {"line_id": first.id, "line_hash": first.line_hash, "verdict": "agree", "method": "paper"}
    refused = wu.post(html.unescape(action), data=said)
    assert refused.status_code in (400, 422) and f'name="line_id" value="{first.id}"' in refused.text


def test_who_submitted_is_told_that_another_must_check(place):
    payday, path, signed_in = place
    own, wu = f"{path}/{payday.locked_and_drafted().id}", signed_in("wu")
    assert wu.post(f"{own}/submit", data={}).status_code == 303
    shown = wu.get(own).text
    assert f'action="{own}/check"' not in shown and "须由提交和审核人以外的人办理" in shown
    assert wu.post(f"{own}/check", data={}).status_code == 403


def test_another_company_does_not_learn_of_the_sheet(place, people_on_site, database):
    payday, path, client_of = place
    sheet = payday.locked_and_drafted()
    other = payday.team("别的班组")
    with database.write() as db:
        accounts.add_membership(db, account_id=people_on_site.zhou, role="team_leader", project_id=people_on_site.a.id, team_id=other)
    zhou = client_of("zhou")
    assert zhou.get(f"{path}/{sheet.id}").status_code == 404
    listed = zhou.get(path, params={"month": "2026-03"})
    assert listed.status_code == 200 and f"{path}/{sheet.id}" not in listed.text and "别的班组" in listed.text


def test_the_grid_shows_each_day_and_leads_to_it(place, people_on_site):
    _, _, client_of = place
    site, wang = people_on_site.a, people_on_site.wang
    text = client_of("lin").get(f"/projects/{site.id}/grid?month=2026-03&team={site.team_id}").text
    assert f'href="/projects/{site.id}/grid/{wang.id}?day=2026-03-04"' in text
    assert client_of("lin").get(f"/projects/{site.id}/grid?team=999").status_code == 404


def test_the_grid_shows_marks_hours_or_times_and_counts_who_worked(place, people_on_site):
    payday, _, client_of = place
    path = f"/projects/{people_on_site.a.id}/grid"

    def shown(**query):
        asked = {"month": "2026-03", "team": people_on_site.a.team_id, **query}
        return client_of("wu").get(path, params=asked).text

    def cells(page, heading):
        row = re.search(rf'<th scope="row">(?:<a [^>]*>)?{heading}(?:</a>)?</th>(.*?)</tr>', page, re.S)[1]
        return [re.sub(r"<[^>]+>", " ", cell).split() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)]

    assert cells(shown(), "王建国")[2] == ["√", "+1"]
    assert cells(shown(), "当日出勤人数")[1:6] == [["0"], ["2"], ["1"], ["1"], ["0"]]
    assert float(cells(shown(show="hours"), "王建国")[2][0]) > 4
    times = cells(shown(show="times"), "王建国")[2]
    assert len(times) == 2 and all(re.fullmatch(r"\d\d:\d\d", each) for each in times) and times[0] < times[1]
    assert "show=times" in shown(show="times").split('class="button"')[1], "the month before is shown in the same way"
    assert cells(shown(show="nonsense"), "王建国") == cells(shown(), "王建国")


def test_the_account_page_says_what_is_missing(client_of, people_on_site):
    reply = client_of("lin").get(f"/projects/{people_on_site.a.id}/account")
    assert reply.status_code == 200 and "未开立专户" in reply.text




def test_a_sheet_can_be_taken_away_in_each_form_and_names_the_people_who_did_something_with_it(place):
    payday, path, client_of = place
    sheet = payday.locked_and_drafted()
    wu = client_of("wu")
    shown = wu.get(f"{path}/{sheet.id}").text
    links = re.findall(r'href="(/v1/projects/[^"]+/forms/[^"]+)"', shown)
    assert len(links) == 4, "slips come with the approval"
    for link in links:
        taken = wu.get(html.unescape(link))
        assert taken.status_code == 200 and taken.content.startswith(b"PK"), link
    assert client_of("ma").post(f"{path}/{sheet.id}/submit", data={}).status_code == 303
    assert re.search(r"<li><strong>提交</strong> \S+ <span", wu.get(f"{path}/{sheet.id}").text)
    assert "/forms/" not in client_of("ma").get(f"{path}/{sheet.id}").text, "a subcontractor takes no papers of the project"


def test_a_rest_day_is_a_circle_a_working_day_without_a_passage_a_cross_and_before_the_gate_neither(place, people_on_site):
    payday, _, client_of = place
    page = client_of("wu").get(
        f"/projects/{people_on_site.a.id}/grid", params={"month": "2026-03", "team": people_on_site.a.team_id}
    ).text
    row = re.search(r'<th scope="row"><a [^>]*>王建国</a></th>(.*?)</tr>', page, re.S)[1]
    marks = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)]
    assert marks[:2] == ["–", "–"] and marks[2].startswith("√"), "the gate saw its first on the third"
    assert marks[7] == "○" and marks[8] == "×", "8 March 2026 is a Sunday"
    assert "/forms/attendance?" in page


def test_what_stands_in_the_way_leads_to_where_it_is_solved(place, people_on_site):
    payday, path, client_of = place
    payday.works(people_on_site.li, 9, go=None)
    payday.gates_report()
    wu, month = client_of("wu"), {"month": "2026-03"}
    shown = wu.get(path, params=month).text
    ask = f"/projects/{payday.site.id}/corrections?worker={people_on_site.li.id}&amp;day=2026-03-09#ask"
    assert ask in shown and ask not in client_of("lin").get(path, params=month).text


def test_a_day_of_the_grid_shows_passages_rules_corrections_and_the_form_that_puts_it_right(place, people_on_site):
    payday, _, client_of = place
    li = people_on_site.li
    payday.works(li, 30, go=None)
    payday.gates_report()
    path = f"/projects/{payday.site.id}/grid/{li.id}"
    text = client_of("wu").get(path, params={"day": "2026-03-30"}).text
    assert "待确认" in text and "缺少出场记录" in text and "计入" in text and "考勤规则（第 1 版）" in text
    assert 'name="kind" value="missing_out"' in text and f'name="worker" value="{li.id}"' in text
    asked = client_of("wu").post(
        f"/projects/{payday.site.id}/corrections/requests",
        data={"worker": li.id, "work_date": "2026-03-30", "kind": "missing_out", "out": "17:30", "reason": "forgot", "note": ""},
        files={"scan": ("", b"", "application/octet-stream")},
    )
    assert asked.status_code == 303
    assert "17:30" in client_of("wu").get(path, params={"day": "2026-03-30"}).text, "what was asked for stands with the day"
    read_only = client_of("lin").get(path, params={"day": "2026-03-30"})
    assert read_only.status_code == 200 and "corrections/requests" not in read_only.text
    assert client_of("wu").get(f"/projects/{payday.site.id}/grid/999").status_code == 404
    assert client_of("wu").get(path, params={"day": "not a day"}).status_code == 200


def test_a_passage_put_down_to_somebody_else_stands_with_the_day_it_counts_for(place, people_on_site):
    payday, _, client_of = place
    wang, li = people_on_site.wang, people_on_site.li
    with payday.database.write() as db:
        pass_through(db, payday.site, "in", li.id, at(24, "07:31"))
        taken = pass_through(db, payday.site, "out", wang.id, at(24, "17:03"))
    payday.gates_report()
    asked = payday.run(
        timekeeping.request_correction, worker_id=li.id, work_date=at(24).date(), kind="wrong_person", passage_id=taken.id, reason="dispute",
        evidence=[payday.proof()],
    )  # fmt: skip
    payday.run(timekeeping.decide_correction, "tang", correction_id=asked, act="leader_ok")
    payday.run(timekeeping.decide_correction, "lu", correction_id=asked, act="officer_ok")

    def told(worker) -> list[tuple[str, bool]]:
        text = client_of("wu").get(f"/projects/{payday.site.id}/grid/{worker.id}", params={"day": "2026-03-24"}).text
        table = text.partition('<table class="passes">')[2].partition("</table>")[0]
        return [(re.search(r"\d\d:\d\d", row)[0], ">计入<" in row) for row in table.split("<tr")[1:]]

    assert told(li) == [("07:31", True), ("17:03", True)]
    assert told(wang) == [("17:03", False)], "the gate saw him there, and it does not count"


def test_the_grid_lists_what_keeps_the_month_from_its_close_and_a_new_fact_is_on_it_at_once(place, people_on_site):
    payday, _, client_of = place
    li = people_on_site.li
    payday.works(li, 9, go=None)
    payday.gates_report()
    wu, path = client_of("wu"), f"/projects/{payday.site.id}/grid"
    asked = {"month": "2026-03", "team": payday.site.team_id}
    before = wu.get(path, params=asked).text
    step = f'href="/projects/{payday.site.id}/grid/{li.id}?day=2026-03-09" data-panel'
    assert step in before and "待确认 1 天" in before
    with payday.database.write() as db:
        pass_through(db, payday.site, "out", li.id, at(9, "17:00"))
    after = wu.get(path, params=asked).text
    assert step not in after and "待确认 1 天" not in after, "a page that was seen a moment ago shows the passage that came since"


def test_everybody_is_listed_fifty_at_a_time_and_a_team_can_be_printed_whole(place, people_on_site, monkeypatch):
    from app.pages import grid

    monkeypatch.setattr(grid, "ROWS_A_PAGE", 1)
    _, _, client_of = place
    path = f"/projects/{people_on_site.a.id}/grid"
    asked = {"month": "2026-03", "team": "all"}
    pages = [client_of("wu").get(path, params={**asked, "page": n}).text for n in (1, 2)]
    names = [re.findall(r'<th scope="row"><a [^>]*>([^<]+)</a>', page) for page in pages]
    assert all(len(each) == 1 for each in names) and names[0] != names[1]
    assert "page=2" in pages[0] and "本页出勤人数" in pages[0]
    whole = client_of("wu").get(path, params={"month": "2026-03", "team": people_on_site.a.team_id, "whole": "1"}).text
    assert len(re.findall(r'<th scope="row"><a ', whole)) > 1
