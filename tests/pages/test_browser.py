"""The pages in a real browser: a server of its own over a seeded site, every page at two widths and in both languages.

``PAGES_SHOTS=FOLDER`` keeps a screenshot of each page. The browser can reach nothing but the server, so the
suite proves as well that a page needs nothing from outside. Never wait for "networkidle": the stream never ends.
"""

import functools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.assets import AssetsMissing, assets_ready, fetch_assets, install
from app.db import Database, make_engine
from app.settings import Settings
from tests import cast
from tests.pages import site

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
"""In one process: the site is built, served and browsed once."""

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
PAGES = {
    "today": "/projects/1",
    "gate": "/projects/1/gate",
    "workers": "/projects/1/workers?undecided=1",
    "worker": "/projects/1/workers/4",
    "grid": "/projects/1/grid",
    "times": "/projects/1/grid?show=times",
    "exits": "/projects/1/exits",
    "arrears": "/projects/1/arrears",
    "corrections": "/projects/1/corrections?worker=4",
    "payroll": "/projects/1/payroll",
    "account": "/projects/1/account",
    "findings": "/projects/1/findings",
    "three-way": "/projects/1/three-way",
    "strip": "/projects/1/three-way/4",
    "signals": "/projects/1/signals",
    "review": "/projects/1/review",
    "settings": "/projects/1/settings",
}


class Server:
    """uvicorn in a process of its own over the site in a folder; stops and starts on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.pages.site", str(self.folder), str(self.port)], cwd=ROOT,
            stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab"),
        )
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2)
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def stop(self) -> float:
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(20)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install --no-install-recommends chromium fonts-noto-cjk")
    if not assets_ready():
        try:
            fetch_assets()
        except AssetsMissing as error:
            pytest.skip(f"the scripts of the pages are not there: {error}")
    folder = tmp_path_factory.mktemp("site")
    site.build(folder)
    running = Server(folder)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def chromium(server):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium, server):
    """(login, width, language) -> a page. What goes wrong in any of them fails the test at its end."""
    wrong: list[str] = []
    contexts = []

    def opened(login: str | None = "wu", width: int = 1440, language: str = "zh"):
        context = chromium.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        cookies = [{"name": "muster_language", "value": language, "url": server.url}]
        if login:
            cookies.append({"name": "muster_session", "value": _token(str(server.folder), login), "url": server.url})
        context.add_cookies(cookies)
        page = context.new_page()
        page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(f"page: {error}"))
        page.on("request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else wrong.append(f"outside: {r.url}"))
        page.wrong = wrong
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong, wrong


def _database(folder: str) -> Database:
    return Database(make_engine(Settings(environment="test", data_dir=Path(folder))))


@functools.cache
def _token(folder: str, login: str) -> str:
    from app import access
    from app.store import accounts

    settings, database = Settings(environment="test", data_dir=Path(folder)), _database(folder)
    with database.write() as db:
        account = accounts.account_by_login(db, login)
        token = access.begin_session(db, settings, account_id=account.id, now=datetime.now(UTC))
    database.dispose()
    return token


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


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("axe")
    try:
        install(folder)
    except AssetsMissing as error:
        pytest.skip(f"axe-core could not be fetched: {error}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_at_every_width_and_for_everybody(name, width, language, open_browser, server, axe):
    page = open_browser("wu", width, language)
    page.goto(server.url + PAGES[name], wait_until="domcontentloaded")
    page.locator("h1").wait_for()
    for chart in page.locator("[data-chart]").all():
        chart.locator("svg").wait_for()
    if name == "gate":
        page.locator("#link-state[data-state=open]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    assert (page.locator("html").get_attribute("lang") == "zh-CN") == (language == "zh")
    # Through the debugger's own world: the page's policy refuses a script of ours, as it should.
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    told = [(v["id"], v["impact"], [n["target"] for n in v["nodes"]][:3]) for v in found["violations"]]
    assert not told
    if folder := os.environ.get("PAGES_SHOTS"):
        page.screenshot(path=f"{folder}/{name}_{language}_{width}.png", full_page=True)


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
    page.get_by_label("金额（元）").fill("1,200.50")
    page.get_by_role("button", name="登记", exact=True).click()
    page.get_by_text("支付已登记。").wait_for()
    assert "¥1,200.50" in page.inner_text("main")


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


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_county_page_is_readable_by_everybody(open_browser, server, axe, width, language):
    page = open_browser("lin", width, language)
    page.goto(f"{server.url}/county", wait_until="domcontentloaded")
    expect(page.locator("tr.level").first).to_be_visible()
    page.evaluate(axe)
    assert [v["id"] for v in page.evaluate("axe.run()")["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
