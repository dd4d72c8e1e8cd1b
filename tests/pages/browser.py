"""A real browser over a seeded site: one server and one browser for every test that needs them.

The browser can reach nothing but the server, so the suite proves as well that a page needs nothing from outside. Never wait
for "networkidle": the stream never ends.
"""

import functools
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import access
from app.assets import AssetsMissing, assets_ready, fetch_assets, install
from app.db import Database, make_engine
from app.settings import Settings
from app.store import accounts
from recognition.synthetic import draw_face
from tests.pages import site

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


def faked(camera: Path) -> list[str]:
    """Flags of a browser whose own camera shows a file of JPEGs."""
    return ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]


START_SECONDS_MAX = 150.0
"""Two of processor time, on a machine where ten others want it."""


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
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2)
                return
            except OSError:
                time.sleep(0.2)
        self.process.kill()
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def stop(self) -> float:
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(20)
        return time.monotonic() - began


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def camera(tmp_path_factory) -> Path:
    """What the browser's own camera sees: a file of JPEGs, read when a page opens the camera."""
    file = tmp_path_factory.mktemp("camera") / "in_front.mjpeg"
    file.write_bytes(draw_face(901))
    return file


@pytest.fixture(scope="module")
def chromium(server, camera):
    """Ended with its module: while it lives, nothing else in this thread may run an event loop."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *faked(camera)])
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
        context.add_cookies(cookies_of(server, login, language))
        return watched(context.new_page(), server, wrong)

    yield opened
    for context in contexts:
        context.close()
    assert not wrong, wrong


@pytest.fixture(scope="module")
def one_tab(chromium, server):
    """A page that stays: a window costs half a second of processor time. ``again`` is for the next test."""
    wrong: list[str] = []
    context = chromium.new_context()
    yield watched(context.new_page(), server, wrong)
    context.close()
    assert not wrong, wrong


@pytest.fixture
def again(one_tab, server):
    """(login, width, language) -> the page that stays, as somebody else's. What goes wrong fails the test at its end."""

    def opened(login: str | None = "wu", width: int = 1440, language: str = "zh"):
        one_tab.set_viewport_size({"width": width, "height": 900})
        # A page that asks again every second would ask once more as the next one, and be told that there is no such page.
        one_tab.goto("about:blank")
        one_tab.context.clear_cookies()
        one_tab.context.add_cookies(cookies_of(server, login, language))
        return one_tab

    yield opened
    wrong = one_tab.wrong.copy()
    # What the page says while it is left is the next test's, and at last the module's: nothing is dropped.
    one_tab.wrong.clear()
    assert not wrong, wrong


def cookies_of(server: Server, login: str | None, language: str) -> list[dict[str, str]]:
    cookies = [{"name": "muster_language", "value": language, "url": server.url}]
    if login:
        cookies.append({"name": "muster_session", "value": token_of(str(server.folder), login), "url": server.url})
    return cookies


def watched(page, server: Server, wrong: list[str]):
    """The page, with what goes wrong in it written into ``wrong``."""
    page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"page: {error}"))
    page.on("request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else wrong.append(f"outside: {r.url}"))
    page.wrong = wrong
    return page


def database_of(folder: str) -> Database:
    return Database(make_engine(Settings(environment="test", data_dir=Path(folder))))


@functools.cache
def token_of(folder: str, login: str) -> str:
    settings, database = Settings(environment="test", data_dir=Path(folder)), database_of(folder)
    with database.write() as db:
        account = accounts.account_by_login(db, login)
        token = access.begin_session(db, settings, account_id=account.id, now=datetime.now(UTC))
    database.dispose()
    return token


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("axe")
    try:
        install(folder)
    except AssetsMissing as error:
        pytest.skip(f"axe-core could not be fetched: {error}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
