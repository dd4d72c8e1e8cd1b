"""A worker's first morning in a real browser: enrolled at the desk with its camera, in at the gate, on today's page."""

from datetime import date
from hashlib import sha256

import pytest

from devices.sim import Gate
from recognition.synthetic import draw_face
from tests.cast import id_number

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def entrance(server) -> Gate:
    return Gate(server.url, "gate-a-in", sha256(b"key of gate-a-in").digest(), patience_s=20)


def type_papers(page, server, number: str, name: str) -> None:
    """By the keyboard alone, as a clerk with a queue before her does."""
    page.goto(f"{server.url}/projects/1/enrol", wait_until="domcontentloaded")
    expect(page.locator("#id_number")).to_be_focused()
    page.keyboard.type(number)
    expect(page.locator("#number-says .good")).to_be_visible()
    for text in ("", name, "13900001111"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/enrol/*?done=entered")


# At 1440 pixels and in Chinese: ``test_main_story``.
@pytest.mark.parametrize(("width", "language", "person"), [(390, "en", 902)])
def test_enrolled_by_webcam_in_at_the_gate_and_on_todays_page(width, language, person, open_browser, server, camera, axe):
    camera.write_bytes(b"".join(draw_face(person, variant=variant) for variant in (0, 0, 1, 1, 2, 2)))
    name = f"石大{'甲乙'[person - 901]}"
    page = open_browser("wu", width, language)
    type_papers(page, server, id_number(date(1991, 3, 4), person), name)
    # His word: the notice first, then no, one tab away; every scope by itself and off. Enter says neither no nor yes.
    expect(page.locator(".notice-text")).to_be_focused()
    assert page.locator("input[name=scope]:checked").count() == 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("button[value=decline]")).to_be_focused()
    for scope in ("capture", "template", "site_storage"):
        page.keyboard.press("Tab")
        expect(page.locator(f"input[value={scope}]")).to_be_focused()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
    expect(page.locator("input[name=scope]:checked")).to_have_count(3)
    assert page.url.endswith("?done=entered"), "nothing was sent"
    page.locator("#s-word canvas").scroll_into_view_if_needed()
    pen = page.locator("#s-word canvas").bounding_box()
    page.mouse.move(pen["x"] + 20, pen["y"] + 60)
    page.mouse.down()
    page.mouse.move(pen["x"] + 180, pen["y"] + 90, steps=5)
    page.mouse.up()
    page.locator("button[value=agree]").click()
    page.wait_for_url("**?done=consent_kept")
    expect(page.locator("#s-word")).to_contain_text("有签字" if language == "zh" else "signed")
    # The camera opens by Enter, says that the picture is good, and takes one at each Enter.
    expect(page.locator("[data-open]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-says]")).to_have_attribute("data-code", "good", timeout=20_000)
    for taken in (1, 2, 3):
        page.keyboard.press("Enter")
        expect(page.locator("[data-shots] li")).to_have_count(taken)
    expect(page.locator("[data-send]")).to_be_focused()
    assert page.evaluate("document.querySelector('input[name=photographs]').files.length") == 3, "one road with the upload"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate(axe)
    assert [v["id"] for v in page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")["violations"]] == []
    page.keyboard.press("Enter")
    go_on_from_the_camera(page)
    # A code, shown this once; then what he earns, and nothing is missing any more.
    expect(page.locator("main :focus")).to_have_count(1)
    page.keyboard.press("Enter")
    code = page.locator("#code .figure").inner_text().replace(" ", "")
    assert len(code) == 11 and code.isdecimal()
    page.locator("#amount").fill("350")
    page.keyboard.press("Enter")
    page.wait_for_url("**?done=terms_agreed")
    expect(page.locator(".done-bar .state.good")).to_be_visible()
    expect(page.locator(".done-bar a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]").first).to_contain_text(name)

    with entrance(server) as gate:
        answer = gate.post_frame(draw_face(person, variant=4))
    assert (answer.decision, answer.recorded) == ("admit", True), answer
    page.goto(f"{server.url}/projects/1", wait_until="domcontentloaded")
    expect(page.locator("main")).to_contain_text(name)


def go_on_from_the_camera(page) -> None:
    """To the next step: shots of one moment are told, and the way on has the focus."""
    page.locator("[data-answer] a, #s-way form").first.wait_for(timeout=20_000)
    if "done=face_enrolled" not in page.url:
        page.keyboard.press("Enter")
    page.wait_for_url("**?done=face_enrolled*", timeout=20_000)


def test_who_says_no_is_in_by_his_card_the_same_morning(open_browser, server):
    page = open_browser("wu", 390)
    type_papers(page, server, id_number(date(1991, 3, 4), 903), "石大丙")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # in a hurry: nothing is said by it
    expect(page.locator(".notice-text")).to_be_focused()
    page.locator("button[value=decline]").click()
    page.wait_for_url("**?done=consent_kept")
    assert page.locator("form[data-camera]").count() == 0
    page.locator("#card").fill("00998877")
    page.keyboard.press("Enter")
    page.wait_for_url("**?done=card_given")
    with entrance(server) as gate:
        answer = gate.post_card("card", "00998877")
    assert (answer.decision, answer.recorded) == ("admit", True), answer
    page.goto(f"{server.url}/projects/1", wait_until="domcontentloaded")
    expect(page.locator("main")).to_contain_text("石大丙")


def test_a_photograph_that_is_not_his_is_marked_where_it_lies(open_browser, server, camera, tmp_path):
    page = open_browser()
    type_papers(page, server, id_number(date(1991, 3, 4), 904), "石大丁")
    for scope in ("capture", "template"):
        page.locator(f"input[value={scope}]").check()
    page.locator("button[value=agree]").click()
    page.wait_for_url("**?done=consent_kept")
    files = []
    for n, picture in enumerate([*(draw_face(904, variant=v) for v in range(3)), draw_face(990)], start=1):
        files.append(tmp_path / f"{n}.jpg")
        files[-1].write_bytes(picture)
    page.locator("#photographs").set_input_files(files)
    expect(page.locator("[data-shots] li")).to_have_count(4)
    page.locator("[data-send]").click()
    expect(page.locator("[data-shots] li.bad")).to_have_count(1)
    expect(page.locator("[data-shots] li").nth(3)).to_contain_text("没有采用")
    page.get_by_role("link", name="往下办").click()
    expect(page.locator(".notice.ask").first).to_contain_text("第 4 张")
