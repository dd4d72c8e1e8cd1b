"""In a real browser: the officer shows the QR code, the worker's phone opens it, he objects and is answered, he signs, the officer sees it."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from app import sheets
from app.domain.workdays import month_of
from app.store import people
from app.store import sheets as rows
from tests.pages.browser import database_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_from_the_qr_code_to_the_signature(open_browser, server):
    worker_id, sheet_id = hung_out(server)
    wu = open_browser("wu", 1440)
    wu.goto(f"{server.url}/projects/1/workers/{worker_id}", wait_until="domcontentloaded")
    wu.get_by_role("link", name="让工人看自己的页面").click()
    wu.get_by_role("button", name="显示二维码").click()
    code = wu.locator(".qr-box svg")
    code.wait_for()
    picture = cv2.imdecode(np.frombuffer(code.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    link = cv2.QRCodeDetector().detectAndDecode(picture)[0]
    assert link.startswith(f"{server.url}/me/enter#")

    phone = open_browser(None, 390)
    phone.goto(link, wait_until="domcontentloaded")
    assert phone.get_by_label("登录码").input_value() == link.rpartition("#")[2]
    assert "#" not in phone.url, "the code does not stay in the address bar"
    phone.get_by_label("我自己的").check()
    phone.get_by_role("button", name="进入").click()
    phone.get_by_text("还没拿到的工资").wait_for()

    phone.get_by_role("link", name="考勤", exact=True).click()
    phone.locator(".days a").first.click()
    phone.get_by_label("工时或工日算少了").check()
    phone.get_by_label("说一说").fill("那天加班到八点")
    phone.get_by_role("button", name="提交异议").click()
    phone.get_by_text("异议等答复").wait_for()

    wu.goto(f"{server.url}/projects/1/objections", wait_until="domcontentloaded")
    said = wu.locator("section.objection").filter(has_text="那天加班到八点")
    said.get_by_label("答复").fill("已问班长可以补")
    said.get_by_role("button", name="属实，会改").click()
    wu.get_by_text("已答复，工人在自己的页面上看得到。").wait_for()
    phone.goto(f"{server.url}/me/objections", wait_until="domcontentloaded")
    phone.get_by_text("已问班长可以补").wait_for()

    phone.goto(f"{server.url}/me", wait_until="domcontentloaded")
    phone.get_by_text("工资表请您核对签字").click()
    pad = phone.locator("canvas.pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    sign = phone.get_by_role("button", name="我签字")
    assert sign.is_disabled(), "nothing is drawn yet"
    phone.mouse.move(box["x"] + 40, box["y"] + 60)
    phone.mouse.down()
    for x, y in ((90, 20), (140, 90), (190, 30), (240, 100)):
        phone.mouse.move(box["x"] + x, box["y"] + y, steps=6)
    phone.mouse.up()
    sign.click()
    phone.get_by_text("您已签字，谢谢核对。").wait_for()

    wu.goto(f"{server.url}/projects/1/payroll/{sheet_id}", wait_until="domcontentloaded")
    line = wu.locator("tbody tr").filter(has_text="本人手机")
    line.get_by_text("登录码由").wait_for()
    assert line.count() == 1
    wu.goto(f"{server.url}/projects/1/payroll/{sheet_id}/sign", wait_until="domcontentloaded")
    wu.get_by_text("已签 1 /").wait_for()


def hung_out(server) -> tuple[int, int]:
    """(worker, sheet): a team's sheet of last month that hangs out since yesterday, on the seeded site."""
    now = datetime.now(UTC)
    month = month_of(month_of(now.date()) - timedelta(days=1))
    database = database_of(str(server.folder))
    with database.write() as db:
        fresh = sheets.derive(db, 1, month, now, strict=False)
        # One whose last month and this month have days.
        team_id, lines = max(fresh.lines.items(), key=lambda pair: len(pair[1]))
        team = next(t for t in people.teams(db, 1) if t.id == team_id)
        content = [(c, fresh.hashes[c.engagement_id, c.origin_month], None) for c in lines]
        before = rows.latest_sheet(db, team_id, month, "regular")
        sheet_id = rows.add_sheet(
            db, project_id=1, project_company_id=team.project_company_id, team_id=team_id, month=month, kind="regular",
            version=before.version + 1 if before else 1, digest=fresh.digest(team_id), lines=content, by="ma", now=now,
        )  # fmt: skip
        for act, by in (("submitted", "ma"), ("checked", "wu"), ("publicised", "wu")):
            rows.add_act(db, sheet_id, act=act, note="", by=by, now=now - timedelta(hours=1))
    database.dispose()
    return lines[0].worker_id, sheet_id
