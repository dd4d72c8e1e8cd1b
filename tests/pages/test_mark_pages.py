"""Leave and stoppage on the pages: of a worker out of his day, of a team or the whole site on a page of its own, voided with a reason."""

import re
from datetime import date

import pytest

from app import access
from app.store import timekeeping
from tests.payday import MARCH, desk  # noqa: F401 - the fixture payday

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32


@pytest.fixture
def place(payday, clock, client_of, people_on_site, database, settings):
    """(desk, path of the page, login -> a client); it is 2 April, wang worked on 3 and 4 March."""
    payday.works(people_on_site.wang, 3, 4)
    clock.advance(seconds=(payday.now - clock()).total_seconds())

    def signed_in(login):
        client = client_of(None)
        with database.write() as db:
            token = access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=clock())
        client.cookies.set(access.COOKIE, token)
        return client

    return payday, f"/projects/{people_on_site.a.id}/marks", signed_in


def rain(**more):
    return {"of": "project", "kind": "rain", "first": "2026-03-09", "last": "2026-03-10", "pay": "30.5", "note": "暴雨红色预警", **more}


def held(payday):
    return [
        (str(m.kind), m.worker_id, m.team_id, m.from_on, m.to_on, m.pay_permille) for m in payday.ask(timekeeping.marks, payday.site.id)
    ]


def row_of(text: str, what: str) -> str:
    """The row of the list that says ``what``, without its tags."""
    [row] = [row for row in re.findall(r"<tr.*?</tr>", text, re.S) if what in row]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))


def test_a_rain_day_of_the_whole_site_is_recorded_listed_and_in_the_grid(place, people_on_site):
    payday, path, client_of = place
    wu = client_of("wu")
    page = wu.get(path, params={"month": "2026-03"}).text
    assert "2026-03 没有请假停工的登记" in page and 'value="project"' in page and "请选择" in page
    reply = wu.post(f"{path}/new", data=rain(), files={"scan": ("a.png", PNG + b"0" * 2_000_000, "image/png")})
    assert (reply.status_code, reply.headers["location"]) == (303, f"{path}?month=2026-03&done=mark_kept")
    assert held(payday) == [("rain", None, None, date(2026, 3, 9), date(2026, 3, 11), 305)], "the last day is included"
    row = row_of(wu.get(path, params={"month": "2026-03"}).text, "暴雨红色预警")
    assert all(word in row for word in ("全工地", "雨停", "2 天", "30.5 %", "材料 1", "登记：", "有效", "撤销")), row
    assert "没有请假停工的登记" in wu.get(path, params={"month": "2026-04"}).text
    # Whoever looks sees it and changes nothing.
    for login in ("chen", "lin"):
        page = client_of(login).get(path, params={"month": "2026-03"}).text
        assert "暴雨红色预警" in page and 'id="new"' not in page and "/marks/void" not in page
        assert client_of(login).post(f"{path}/new", data=rain()).status_code == 403
    grid = wu.get(f"/projects/{payday.site.id}/grid", params={"month": "2026-03", "team": payday.site.team_id}).text
    cell = re.search(rf'/grid/{people_on_site.li.id}\?day=2026-03-09" title="([^"]*)">(.*?)</a>', grid)
    assert cell[2] == "雨" and cell[1].endswith("雨停")


def test_a_mark_that_reaches_into_the_next_month_is_listed_in_both(place):
    payday, path, client_of = place
    wu = client_of("wu")
    team = rain(of=f"team-{payday.site.team_id}", kind="stoppage", first="2026-03-31", last="2026-04-01", note="停电")
    assert wu.post(f"{path}/new", data=team).status_code == 303
    for month, seen in (("2026-02", False), ("2026-03", True), ("2026-04", True), ("2026-05", False)):
        assert ("停电" in wu.get(path, params={"month": month}).text) is seen, month


def test_a_line_of_the_journal_leads_to_the_month_of_its_mark(place):
    payday, path, client_of = place
    assert client_of("wu").post(f"{path}/new", data=rain()).status_code == 303
    [mark] = payday.ask(timekeeping.marks, payday.site.id)
    chen = client_of("chen")
    journal = chen.get(f"/projects/{payday.site.id}/journal", params={"what": "done"}).text
    assert "登记缺勤" in journal and f'href="{path}?mark={mark.id}#m-{mark.id}"' in journal
    assert f'id="m-{mark.id}"' in chen.get(path, params={"mark": mark.id}).text, "it is April, the mark is of March"
    assert "2026-04" in chen.get(path, params={"mark": mark.id + 1}).text and "2026-04" in chen.get(path, params={"mark": "x"}).text


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [({"of": ""}, 400, ""), ({"of": "team-"}, 400, ""), ({"of": "worker-" + "9" * 19}, 400, ""), ({"of": "team-999999"}, 404, "班组"),
     ({"of": "worker-999999"}, 404, ""), ({"kind": "holiday"}, 422, "缺勤原因"), ({"first": "x"}, 400, ""),
     ({"last": "2026-03-08"}, 422, "起止日期有误"), ({"first": "1900-01-01"}, 422, "日期"), ({"last": "2028-01-01"}, 422, "366 天"),
     ({"pay": ""}, 422, "百分数"), ({"pay": "100.1"}, 422, "百分数"), ({"pay": "-1"}, 422, "百分数"), ({"pay": "３０"}, 422, "百分数"),
     ({"note": "长" * 501}, 422, "")],
)  # fmt: skip
def test_what_is_filled_in_wrongly_is_told_and_kept_in_the_form(place, change, status, says):
    payday, path, client_of = place
    reply = client_of("wu").post(f"{path}/new", params={"month": "2026-03"}, data=rain(**change))
    assert reply.status_code == status and 'role="alert"' in reply.text and says in reply.text
    filled = rain(**change)
    for name in ("first", "last", "pay", "note"):
        if filled[name] or name == "pay":
            assert f'name="{name}"' in reply.text and f'value="{filled[name]}"' in reply.text, name
    assert held(payday) == []


def test_a_second_one_of_the_same_days_is_refused_and_its_paper_not_kept(place):
    payday, path, client_of = place
    wu = client_of("wu")
    assert wu.post(f"{path}/new", data=rain()).status_code == 303
    again = wu.post(f"{path}/new", params={"month": "2026-03"}, data=rain(first="2026-03-10", last="2026-03-12"))
    assert again.status_code == 409 and "与已有的缺勤登记时间重叠" in again.text and 'value="project" selected' in again.text
    bad = wu.post(f"{path}/new", data=rain(first="2026-03-20", last="2026-03-20"), files={"scan": ("a.png", b"GIF89a", "image/png")})
    assert bad.status_code == 422 and "JPEG" in bad.text and len(held(payday)) == 1


def test_leave_is_recorded_out_of_a_workers_day_and_voided_there(place, people_on_site):
    payday, path, client_of = place
    wu, li = client_of("wu"), people_on_site.li.id
    day = f"/projects/{payday.site.id}/grid/{li}"
    page = wu.get(day, params={"day": "2026-03-12"}).text
    assert f'name="of" value="worker-{li}"' in page and page.count('value="2026-03-12"') >= 3
    leave = rain(of=f"worker-{li}", kind="leave", first="2026-03-12", last="2026-03-13", pay="0", note="回家收麦", back="2026-03-12")
    reply = wu.post(f"{path}/new", data=leave)
    assert (reply.status_code, reply.headers["location"]) == (303, f"{day}?day=2026-03-12&done=mark_kept")
    page = wu.get(reply.headers["location"]).text
    assert "请假停工已登记" in page and "回家收麦" in page and f"{path}/void" in page
    assert "回家收麦" in wu.get(day, params={"day": "2026-03-13"}).text and "回家收麦" not in wu.get(day, params={"day": "2026-03-14"}).text
    assert "回家收麦" not in wu.get(f"/projects/{payday.site.id}/grid/{people_on_site.wang.id}", params={"day": "2026-03-12"}).text
    assert "回家收麦" in (seen := client_of("chen").get(day, params={"day": "2026-03-12"}).text) and "/marks/" not in seen
    assert "李秀英" in row_of(wu.get(path, params={"month": "2026-03"}).text, "回家收麦")

    # Refused, it is on the page of marks with the worker still chosen, and goes back to his day all the same.
    again = wu.post(f"{path}/new", params={"month": "2026-03"}, data=leave)
    assert again.status_code == 409 and f'value="worker-{li}" selected' in again.text and "李秀英" in again.text

    [mark] = payday.ask(timekeeping.marks, payday.site.id)
    of = {"id": mark.id, "back": "2026-03-12", "worker": li}
    bare = wu.post(f"{path}/void", params={"month": "2026-03"}, data=of | {"reason": " "})
    assert bare.status_code == 422 and 'role="alert"' in bare.text and "<details class=\"act\" open>" in bare.text
    reply = wu.post(f"{path}/void", data=of | {"reason": "他来上工了"})
    assert (reply.status_code, reply.headers["location"]) == (303, f"{day}?day=2026-03-12&done=mark_voided")
    page = wu.get(day, params={"day": "2026-03-12"}).text
    assert "已撤销" in page and "他来上工了" in page and f"{path}/void" not in page
    row = row_of(wu.get(path, params={"month": "2026-03"}).text, "回家收麦")
    assert "已撤销" in row and "他来上工了" in row and held(payday) == []
    assert wu.post(f"{path}/void", data=of | {"reason": "再撤"}).status_code == 404


def test_of_a_team_and_the_site_a_day_tells_but_does_not_void(place, people_on_site):
    payday, path, client_of = place
    wu = client_of("wu")
    other = payday.team("木工班")
    for of, note in (("project", "暴雨"), (f"team-{payday.site.team_id}", "塔吊检修"), (f"team-{other}", "别的班组")):
        assert wu.post(f"{path}/new", data=rain(of=of, note=note)).status_code == 303
    page = wu.get(f"/projects/{payday.site.id}/grid/{people_on_site.li.id}", params={"day": "2026-03-09"}).text
    assert "暴雨" in page and "塔吊检修" in page and "别的班组" not in page
    assert f"{path}/void" not in page and page.count("去撤销") == 2 and f"{path}?month=2026-03#m-" in page


@pytest.mark.parametrize("odd", ["x", "", "１", "9" * 30])
def test_an_odd_number_is_no_mark(place, odd):
    _, path, client_of = place
    assert client_of("wu").post(f"{path}/void", data={"id": odd, "reason": "写错了"}).status_code == 400


@pytest.mark.parametrize(
    ("come_to", "says"), [("open", ""), ("lock", "受影响的工资表须重新生成"), ("whole_month", "差额在以后月份补发")]
)
def test_of_a_locked_and_of_a_closed_month_the_pages_say_what_it_comes_to(place, people_on_site, come_to, says):
    payday, path, client_of = place
    if come_to != "open":
        getattr(payday, come_to)(MARCH)
    wu = client_of("wu")
    for page in (
        wu.get(path, params={"month": "2026-03"}),
        wu.get(f"/projects/{payday.site.id}/grid/{people_on_site.li.id}", params={"day": "2026-03-10"}),
    ):
        assert says in page.text and ("登记和撤销照样有效" in page.text) is bool(says)
    assert wu.post(f"{path}/new", data=rain()).status_code == 303, "a fact about such a month is taken all the same"
    [mark] = payday.ask(timekeeping.marks, payday.site.id)
    assert wu.post(f"{path}/void", params={"month": "2026-03"}, data={"id": mark.id, "reason": "没有下雨"}).status_code == 303
