"""In a real browser: from a red project over its evidence to a notice, the project's answer, and another inspector who closes it."""

import contextlib
from datetime import UTC, datetime

import pytest

from app import access
from app.errors import Conflict
from tests import cast
from tests.pages.browser import database_of

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f0005000201f5d0d15d0000000049454e44ae426082"
)
"""A scan of one pixel."""


def _second_inspector(folder: str) -> str:
    """Another one of the same area: who was told something by a project does not check it himself."""
    database = database_of(folder)
    with database.write() as db, contextlib.suppress(Conflict):
        access.create_account(db, login="qian", name="钱监察", password=cast.PASSWORD, now=datetime.now(UTC))
        access.add_role(db, login="qian", role="inspector", area_code="330424", now=datetime.now(UTC))
    database.dispose()
    return "qian"


def _decide(page, step: str, note: str, evidence: bytes | None = None) -> None:
    form = page.locator("form.decide")
    form.locator("select[name=state]").select_option(step)
    form.locator("textarea[name=note]").fill(note)
    if evidence is not None:
        form.locator("input[name=file]").set_input_files({"name": "回单.png", "mimeType": "image/png", "buffer": evidence})
    form.locator("button").last.click()
    page.wait_for_load_state("domcontentloaded")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_red_project_is_notified_puts_it_right_and_another_inspector_closes_it(open_browser, server, width):
    lin, wu, qian = (open_browser(login, width) for login in ("lin", "wu", _second_inspector(str(server.folder))))
    lin.goto(f"{server.url}/county", wait_until="domcontentloaded")
    red = lin.locator("tr.level.red").first
    red.locator("td a").first.click()
    # The reason leads to the finding that is open, with what it rests on; the likely step comes first.
    opened = lin.locator("article.finding", has=lin.locator(".opened-finding"))
    expect(opened.locator(".evidence li").first).to_be_visible()
    assert lin.locator("form.decide select[name=state] option").first.get_attribute("value") == "notified"
    assert lin.evaluate("document.documentElement.scrollWidth <= innerWidth")
    finding = opened.get_attribute("id")
    number = finding.removeprefix("f-")
    # From the finding to his month, and back to the check of everybody.
    opened.locator(".line a").click()
    expect(lin.locator("ol.strip li")).not_to_have_count(0)
    expect(lin.locator("details.why-none")).to_contain_text("照片")
    lin.go_back(wait_until="domcontentloaded")
    _decide(lin, "notified", "请核实并在期限内补付工资")
    here = f"{server.url}/projects/1/findings?finding={number}#{finding}"
    wu.goto(here, wait_until="domcontentloaded")
    expect(wu.locator(f"#{finding}")).to_contain_text("请核实并在期限内补付工资")
    _decide(wu, "rectified", "已经补付，回单见附件", PICTURE)
    for page, may in ((lin, True), (qian, True), (wu, False)):
        page.goto(here, wait_until="domcontentloaded")
        closing = page.locator("form.decide select[name=state] option[value=verified_closed]")
        assert closing.count() == (1 if may else 0)
    qian.locator(f"#{finding} .evidence, #{finding} .history").first.wait_for()
    assert "回单.png" in qian.locator(f"#{finding}").inner_text()
    assert qian.locator("form.decide select[name=state] option").first.get_attribute("value") == "verified_closed"
    _decide(qian, "verified_closed", "回单与银行流水一致", PICTURE)
    qian.goto(f"{server.url}/projects/1/findings?state=closed", wait_until="domcontentloaded")
    expect(qian.locator(f"#{finding}")).to_contain_text("已核销")
    lin.goto(f"{server.url}/projects/1/journal?what=decided", wait_until="domcontentloaded")
    told = lin.locator("tbody tr", has_text=f"线索 {number} 号")
    expect(told).to_have_count(3)
    expect(told.first).to_contain_text("到：已核销")
    assert lin.evaluate("document.documentElement.scrollWidth <= innerWidth")
