"""A roster from Excel in a real browser: a file saved again, a network that is off, and codes nobody may lose by a click."""

import os
import time
from datetime import date

import pytest

from tests.app import test_api_papers
from tests.cast import id_number

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]
COMPANY = "海盐建设总包有限公司"


def row(name: str, order: int) -> list:
    return [name, id_number(date(1991, 3, 2), order), COMPANY, "总承包", "木工班", 380, "2026-03-10"]


def roster_of(*rows: list) -> bytes:
    return test_api_papers.roster_file(*rows)[1]


@pytest.fixture
def chosen(open_browser, server, tmp_path):
    """The page with a file of one man chosen, and the file."""
    file = tmp_path / "roster.xlsx"
    file.write_bytes(roster_of(row("尤一", 801)))
    page = open_browser("wu", 1440)
    page.goto(f"{server.url}/projects/1/workers/roster", wait_until="domcontentloaded")
    page.locator("#file").set_input_files(file)
    return page, file


def test_a_file_saved_again_after_it_was_tried_is_asked_for_again(chosen):
    page, file = chosen
    page.locator("button[value=try]").click()
    expect(page.locator("#report")).to_contain_text("试了一遍")
    file.write_bytes(roster_of(row("尤一", 801), row("尤二", 802)))
    os.utime(file, (time.time() + 60,) * 2)
    page.locator("button[value=enter]").click()
    expect(page.get_by_role("alert")).to_contain_text("请重新选择文件")
    assert "试了一遍" not in page.locator("#report").inner_text() and page.locator("#file").input_value() == ""
    # The browser wrote what it broke off into its console.
    page.wrong.clear()
    page.locator("#file").set_input_files(file)
    page.locator("button[value=try]").click()
    expect(page.locator("#report .figures")).to_contain_text("2")


def test_with_the_network_off_it_says_so_and_the_old_answer_is_gone(chosen):
    page, _file = chosen
    page.locator("button[value=try]").click()
    expect(page.locator("#report")).to_contain_text("试了一遍")
    page.context.set_offline(True)
    page.locator("button[value=try]").click()
    expect(page.get_by_role("alert")).to_contain_text("什么都没有写入")
    assert "试了一遍" not in page.locator("#report").inner_text()
    page.locator("button[value=enter]").click()
    expect(page.get_by_role("alert")).to_contain_text("有些人可能已经进来了")
    page.context.set_offline(False)
    page.wrong.clear()


def test_codes_are_slips_to_cut_and_leaving_them_is_asked_about(chosen, server):
    page, _file = chosen
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.locator("button[value=enter]").click()
    slip = page.locator(".slips li")
    expect(slip).to_have_count(1)
    expect(slip).to_contain_text("尤一")
    assert len("".join(slip.locator(".digits span").all_inner_texts())) == 11
    expect(slip.locator("svg")).to_be_visible()
    # Another file would wipe them, and so would leaving: both ask, and "no" keeps them.
    page.locator("button[value=try]").click()
    expect(slip).to_have_count(1)
    page.get_by_role("link", name="返回名册").click()
    page.wait_for_timeout(300)
    assert asked == ["confirm", "beforeunload"] and page.url.endswith("/workers/roster")
    page.emulate_media(media="print")
    expect(slip).to_be_visible()
    expect(page.locator("#h-columns")).to_be_hidden()
    expect(page.locator("h1")).to_be_hidden()
    page.emulate_media(media="screen")
    page.locator("[data-kept]").check()
    page.get_by_role("link", name="返回名册").click()
    page.wait_for_url("**/workers")
    assert len(asked) == 2
