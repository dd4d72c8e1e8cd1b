"""What happens on a page in a real browser: the keyboard, the stream, another process, a restart.

What every page must be at every width and for everybody is in ``test_everybody``.
"""

import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from app import papers, screens
from app.store import gates
from tests import cast
from tests.pages import site
from tests.pages.browser import ROOT, Server, database_of

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
"""In one process: the site is built, served and browsed once."""


def _walk_in(server: Server, worker_id: int = 3, **told) -> int:
    """Another process records a passage."""
    told = {"direction": "in", **told}
    script = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime; from tests.pages import site;"
        "from app.db import Database, make_engine; from app.settings import Settings; from tests.cast import Site, Post;"
        "db_ = Database(make_engine(Settings(environment='test', data_dir=Path(sys.argv[1]))));"
        "from app.store import gates\n"
        "with db_.write() as db:\n"
        "    posts = {str(d.direction): Post(d.gate_id, d.id, str(d.direction), b'') for d in gates.devices(db, 1)}\n"
        "    place = Site(1, 'A', 0, 0, 0, posts['in'], posts['out'])\n"
        f"    print(site.record(db, place, worker_id={worker_id}, at=datetime.now(UTC), **{told!r}).seq)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(server.folder)], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_signing_in_with_the_keyboard_only(open_browser, server, axe):
    page = open_browser(None, 390)
    page.goto(f"{server.url}/projects/1/workers")
    assert "/sign-in?next=" in page.url
    expect(page.locator("#login")).to_be_focused()
    page.keyboard.type("wu")
    page.keyboard.press("Tab")
    page.keyboard.type("left boot, right shoe")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert "账号或密码不正确" in page.get_by_role("alert").inner_text()
    # The answer to a wrong password is a 401, which the browser writes into its console.
    page.wrong.clear()
    page.evaluate(axe)
    assert not page.evaluate("axe.run()")["violations"]
    expect(page.locator("#password")).to_be_focused()
    page.keyboard.type(cast.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/projects/1/workers")


def test_another_projects_page_does_not_exist(open_browser, server):
    page = open_browser("zhou")
    assert page.goto(f"{server.url}/projects/1/gate").status == 404
    assert "没有这个项目" in page.inner_text("main")
    page.wrong.clear()


def test_the_language_switch_comes_back_to_the_same_page(open_browser, server):
    page = open_browser("lin")
    page.goto(f"{server.url}/projects/1/findings?state=open")
    page.get_by_role("button", name="English").click()
    page.get_by_role("heading", name="Findings", exact=True).wait_for()
    assert page.url.endswith("/projects/1/findings?state=open")
    page.get_by_role("button", name="中文").click()


def test_searching_the_roster_while_typing(open_browser, server):
    page = open_browser()
    page.goto(f"{server.url}/projects/1/workers")
    page.get_by_role("searchbox").fill(site.LONG_NAME[:4])
    expect(page.locator("#list tbody tr")).to_have_count(1)
    assert site.LONG_NAME in page.inner_text("#list")


def test_a_day_opens_to_its_evidence(open_browser, server):
    page = open_browser()
    page.goto(f"{server.url}/projects/1/workers/4")
    page.locator("tbody tr:not(.opened) a[aria-controls]").first.click()
    page.locator("#parts").wait_for()
    assert "大门入口" in page.inner_text("#parts") and "…" in page.inner_text("#parts")


def test_a_payment_is_recorded_by_the_labour_officer(open_browser, server):
    page = open_browser()
    page.goto(f"{server.url}/projects/1/workers/30")
    page.get_by_text("登记一笔支付").click()
    page.locator("#amount").fill("1,200.50")
    page.get_by_role("button", name="登记", exact=True).click()
    page.get_by_text("支付已登记。").wait_for()
    assert "¥1,200.50" in page.inner_text("main")


@pytest.mark.parametrize("width", [390, 1440])
def test_an_advance_is_recorded_and_voided_without_a_mouse(width, open_browser, server, axe):
    page = open_browser("wu", width)
    page.goto(f"{server.url}/projects/1/workers/31")
    page.get_by_text("登记一笔预支").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#adv-amount")).to_be_focused()
    page.keyboard.type(f"{width // 2}.5")
    page.keyboard.press("Enter")
    # Signed wants the receipt: the form is back, at the field, with what was typed.
    expect(page.locator("#adv-amount")).to_be_focused()
    expect(page.locator("#adv-amount")).to_have_value(f"{width // 2}.5")
    page.get_by_text("请附证据材料").wait_for()
    page.locator("#adv-proof").select_option("none")
    page.get_by_text("登记一笔扣款").click()
    page.get_by_text("登记一项津贴").click()
    page.evaluate(axe)
    found = page.evaluate("axe.run('section[aria-labelledby=h-beside]', {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']})")
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#adv-amount").press("Enter")
    page.get_by_text("预支已登记").wait_for()
    row = page.locator(f"tr:has-text('{width // 2}.50')")
    expect(row).to_contain_text("无凭据，不从工资扣回")
    row.get_by_text("作废").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("登错了人")
    page.keyboard.press("Enter")
    page.get_by_text("已作废，不再计入工资。").wait_for()
    expect(row).to_have_count(0)
    page.wrong[:] = [w for w in page.wrong if "422" not in w]


def test_a_passage_of_another_process_is_on_the_screen_within_two_seconds(open_browser, server):
    page = open_browser("ma")
    page.goto(f"{server.url}/projects/1/gate", wait_until="domcontentloaded")
    page.locator("#link-state[data-state=open]").wait_for()
    seq = _walk_in(server)
    began = time.monotonic()
    page.locator(f"#passages tr[data-seq='{seq}']").wait_for(timeout=2000)
    assert time.monotonic() - began < 2
    assert "通过" in page.inner_text("#verdict .word")
    refused = _walk_in(server, worker_id=None, verdict="refuse", code="face_unknown")
    page.locator(f"#passages tr[data-seq='{refused}']").wait_for(timeout=2000)
    assert "未通过" in page.inner_text("#verdict .word") and "刷卡" in page.inner_text("#verdict .do")


def test_todays_lists_follow_the_gates_and_leave_alone_who_reads_them(open_browser, server):
    page = open_browser("wu")
    asked = []
    page.on("request", lambda r: asked.append(r.url) if "/today/lists" in r.url else None)
    page.goto(f"{server.url}/projects/1?show=all", wait_until="domcontentloaded")
    page.locator("#link-state[data-state=open]").wait_for()
    page.evaluate("document.getElementById('figures').dataset.every = '200'")
    page.mouse.move(5, 5)
    latest = page.locator("[data-part=latest] tbody tr")
    _walk_in(server, worker_id=5)
    expect(latest.first.locator("a")).to_have_attribute("href", "/projects/1/workers/5", timeout=15000)
    page.wait_for_timeout(3000)
    told = len(asked)
    page.wait_for_timeout(4000)
    assert told >= 1 and len(asked) == told, "nothing has changed: nothing is asked for"
    # Somebody reads the list: it stays, and says that it is old; the others follow.
    page.locator("#people .scroll").focus()
    page.locator("#people tbody tr").first.hover()
    page.evaluate("document.querySelector('#people tbody tr').dataset.mine = 'here'")
    _walk_in(server, worker_id=6, direction="out")
    page.locator("#newer:not([hidden])").wait_for(timeout=15000)
    expect(latest.first.locator("a")).to_have_attribute("href", "/projects/1/workers/6")
    assert page.locator("#people tr[data-mine]").count() == 1
    page.locator("#newer button").click()
    expect(page.locator("#people tr[data-mine]")).to_have_count(0)
    assert page.locator("#newer").is_hidden()


def test_the_guard_confirms_and_every_screen_forgets_the_card(open_browser, server):
    mine, other = open_browser("ma"), open_browser("chen", 390)
    for page in (mine, other):
        page.goto(f"{server.url}/projects/1/gate", wait_until="domcontentloaded")
        page.locator("#link-state[data-state=open]").wait_for()
    before = mine.locator(".ask-card").count()
    _walk_in(server, worker_id=9, verdict="ask", code="needs_confirmation")
    for page in (mine, other):
        expect(page.locator(".ask-card")).to_have_count(before + 1)
    mine.locator(".ask-card").last.get_by_role("button", name="确认是本人").click()
    for page in (mine, other):
        expect(page.locator(".ask-card")).to_have_count(before)


def test_after_a_restart_nothing_is_lost_and_nothing_is_doubled(open_browser, server):
    page = open_browser("ma")
    page.goto(f"{server.url}/projects/1/gate", wait_until="domcontentloaded")
    page.locator("#link-state[data-state=open]").wait_for()
    told = [_walk_in(server, worker_id=11)]
    page.locator(f"#passages tr[data-seq='{told[0]}']").wait_for()
    assert server.stop() < 6, "an open stream must not hold the server up"
    page.locator("#link-state[data-state=lost]").wait_for()
    told += [_walk_in(server, worker_id=w) for w in (12, 13, 14)]
    server.start()
    page.locator(f"#passages tr[data-seq='{told[-1]}']").wait_for(timeout=15000)
    page.locator("#link-state[data-state=open]").wait_for()
    told.append(_walk_in(server, worker_id=15))
    page.locator(f"#passages tr[data-seq='{told[-1]}']").wait_for(timeout=4000)
    shown = page.evaluate("[...document.querySelectorAll('#passages tr')].map(row => Number(row.dataset.seq))")
    assert shown[: len(told)] == told[::-1]
    assert len(shown) == len(set(shown))
    # While the server was away the browser wrote that it could not reach it; that is what happened.
    page.wrong[:] = [w for w in page.wrong if "ERR_CONNECTION_REFUSED" not in w and "ERR_INCOMPLETE" not in w]


def _screen_code(server: Server, direction: str | None) -> str:
    """The code of a new screen: of the gate that goes this way, or (None) of the wall."""
    database = database_of(str(server.folder))
    with database.write() as db:
        gate_id = next((g.id for g in gates.gates(db, 1) if str(g.direction) == direction), None)
        made = screens.issue(db, project_id=1, gate_id=gate_id, name="屏", by="wu", now=datetime.now(UTC))
    database.dispose()
    return made.code


def _set_up(page, server: Server, direction: str | None, language: str = "zh") -> None:
    page.goto(f"{server.url}/screen?language={language}", wait_until="domcontentloaded")
    page.locator("#code").fill(_screen_code(server, direction))
    page.keyboard.press("Enter")
    page.locator("#stage[data-line=open]" if direction else "#link-state[data-state=open]").wait_for()


def test_a_gates_screen_shows_a_pass_and_a_refusal_and_survives_a_restart(open_browser, server, axe):
    page = open_browser(None)
    _set_up(page, server, "in")
    verdict = page.locator("#verdict")
    # Whoever passed a moment before the screen was set up is shown on it, and fades.
    expect(page.locator("#idle")).to_be_visible(timeout=15000)
    _walk_in(server, worker_id=5)
    expect(verdict).to_contain_text("请通行", timeout=3000)
    assert page.locator("#verdict .name").inner_text()[1] == "*", "at the gate a name is masked"
    _walk_in(server, worker_id=None, verdict="refuse", code="face_turned")
    expect(verdict).to_contain_text("安全帽抬高", timeout=3000)
    expect(page.locator("#verdict polygon")).to_have_count(1)
    page.evaluate(axe)
    assert [v["id"] for v in page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']})")["violations"]] == []
    # The verdict fades by itself: the next man must not take it for his.
    expect(page.locator("#idle")).to_be_visible(timeout=9000)
    expect(verdict).to_be_empty()
    _walk_in(server, worker_id=6)
    expect(verdict).to_contain_text("请通行", timeout=3000)
    server.stop()
    expect(page.locator("#lost")).to_be_visible(timeout=5000)
    expect(verdict).to_be_empty()
    _walk_in(server, worker_id=7)
    time.sleep(6.5)
    server.start()
    page.locator("#stage[data-line=open]").wait_for(timeout=20000)
    # What passed while the line was cut is past.
    page.wait_for_timeout(1500)
    expect(verdict).to_be_empty()
    _walk_in(server, worker_id=8)
    expect(verdict).to_contain_text("请通行", timeout=3000)
    page.wrong[:] = [w for w in page.wrong if "ERR_" not in w]


def test_a_screen_that_is_taken_back_asks_for_a_code(open_browser, server):
    page, officer = open_browser(None), open_browser("wu")
    _set_up(page, server, "out", "en")
    expect(page.locator("#idle")).to_contain_text("Look at the camera")
    officer.goto(f"{server.url}/projects/1/screens")
    officer.locator("tbody tr").last.get_by_role("button", name="停用").click()
    officer.get_by_text("屏幕已停用。").wait_for()
    page.locator("#code").wait_for(timeout=20000)
    # The stream that was refused is what the browser wrote into its console.
    page.wrong[:] = [w for w in page.wrong if "401" not in w]


def test_the_guard_lets_a_worker_in_by_code_without_a_mouse(open_browser, server):
    database = database_of(str(server.folder))
    with database.write() as db:
        code = papers.issue_code(db, site.VAULT, project_id=1, worker_id=12, now=datetime.now(UTC), by="wu")
    database.dispose()
    page, other = open_browser("ma"), open_browser("chen", 390)
    for each in (page, other):
        each.goto(f"{server.url}/projects/1/gate", wait_until="domcontentloaded")
        each.locator("#link-state[data-state=open]").wait_for()
    page.keyboard.press("/")
    expect(page.locator("#value")).to_be_focused()
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator("#found .who")).to_be_focused()
    expect(page.locator("#found")).to_contain_text("在册，可以通行")
    page.keyboard.press("3")
    expect(page.locator("#found [role=status]")).to_contain_text("放行")
    expect(page.locator("#value")).to_have_value("")
    # The other screen is told by the stream, and no passage of the gate was made of it.
    for each in (page, other):
        expect(each.locator("#hand")).to_contain_text("闸机不读卡码")
        expect(each.locator("#hand")).to_contain_text("待项目经理同意")


def test_the_wall_follows_and_is_read_across_the_room(open_browser, server, axe):
    page = open_browser(None)
    page.set_viewport_size({"width": 3840, "height": 2160})
    _set_up(page, server, None)
    on_site = page.locator(".tops .first dd").first
    before = on_site.inner_text()
    for worker in (20, 21):
        _walk_in(server, worker_id=worker)
    expect(on_site).not_to_have_text(before, timeout=8000)
    size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.teams .line')).fontSize)")
    assert size >= 40, f"{size} px of 2160: a team's line is read across a room"
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(axe)
    assert [v["id"] for v in page.evaluate("axe.run()")["violations"]] == []


def test_from_the_county_to_the_evidence_in_three_clicks(open_browser, server):
    page = open_browser("lin")
    page.goto(f"{server.url}/", wait_until="domcontentloaded")
    expect(page).to_have_url(f"{server.url}/county")
    red = page.locator("tr.level.red").first
    expect(red).to_contain_text("嘉禾一期")
    # One: why is it red?
    red.locator("td a").first.click()
    opened = page.locator("article.finding", has=page.locator(".opened-finding"))
    expect(opened.locator(".evidence li").first).to_be_visible()
    # Two: whose month is that?
    opened.locator(".line a").click()
    expect(page.locator("ol.strip li")).not_to_have_count(0)
    # Three: what did the gate see?
    page.locator("ol.strip li.worked a").first.click()
    expect(page.locator("#opened tbody tr").first).to_contain_text("大门")
    expect(page.locator("#opened td.code").first).to_contain_text("…")
