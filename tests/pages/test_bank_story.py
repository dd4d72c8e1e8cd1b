"""In a real browser: a batch is made, approved by the manager, sent, answered with one transfer back, and that one is paid again."""

import socket
import threading
import time

import pytest
import uvicorn

from app import access
from app.store import bank as held
from tests.app.test_bank import HEAD, answer, desk  # noqa: F401 - the fixture desk
from tests.pages.browser import CHROMIUM, FLAGS

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_a_batch_from_the_first_button_to_the_second_payment(desk, app, clock, database, settings, people_on_site):  # noqa: F811
    if CHROMIUM is None:
        pytest.skip("no chromium")
    clock.advance(seconds=(desk.now - clock()).total_seconds())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.05)
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            wu, chen = (_page(browser, url, database, settings, getattr(people_on_site, login), clock()) for login in ("wu", "chen"))
            wu.goto(f"{url}/projects/{desk.project_id}/account", wait_until="domcontentloaded")
            wu.get_by_role("button", name="制单", exact=True).click()
            wu.get_by_text("批次已制单，等待另一人复核。").wait_for()
            [batch] = desk.ask(held.batches, desk.project_id)
            chen.goto(wu.url, wait_until="domcontentloaded")
            chen.get_by_role("button", name="复核通过").click()
            chen.get_by_text("批次已复核。").wait_for()
            wu.reload(wait_until="domcontentloaded")
            wu.get_by_role("button", name="确认已送银行").click()
            wu.get_by_role("link", name="下载银行文件").wait_for()
            rows = [answer(batch, item, state) for item, state in zip(desk.items(batch), ("成功", "退票"), strict=True)]
            content = (HEAD + "".join(rows)).encode("gb18030")
            wu.get_by_label("银行的回盘文件").set_input_files({"name": "back.csv", "mimeType": "text/csv", "buffer": content})
            wu.get_by_role("button", name="导入", exact=True).click()
            wu.get_by_role("button", name="为这几笔重新制单").click()
            wu.get_by_text(f"补发 {batch.batch_no} 的退款").wait_for()
            browser.close()
    finally:
        server.should_exit = True
        thread.join(15)
    first, second = desk.ask(held.batches, desk.project_id)
    assert (first.count, second.count) == (2, 1)
    assert desk.items(second)[0].retry_of == desk.items(first)[1].id


def _page(browser, url, database, settings, account_id, now):
    with database.write() as db:
        token = access.begin_session(db, settings, account_id=account_id, now=now)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(8000)
    context.add_cookies([{"name": n, "value": v, "url": url} for n, v in ((access.COOKIE, token), ("muster_language", "zh"))])
    return context.new_page()
