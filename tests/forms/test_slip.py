"""Wage slips and the settlement on leaving: a page a person, sums that hold, 结清 only when it is so."""

import io
import zipfile
from dataclasses import replace
from datetime import date

import cv2
import numpy as np
import pytest

from app.forms import slip as slips_module
from app.forms.settlement import Leaver, SettledLine, settlement_sheet
from app.forms.slip import Slip, SlipItem, wage_slips
from tests.forms.site import ENGLISH, MARCH, NAMES, NASTY, STAMP, Opened

LEAVER = Leaver(
    "买买提·艾合买提江", "51102319800101012X", "锦江区东湖片区安置房二期工程", "中国建筑第八工程局有限公司", "四川宏远建筑劳务有限公司", "钢筋一班",
    "steel_fixer", date(2025, 11, 3), date(2026, 3, 20), "13800000012", date(2026, 4, 15), "c0de" * 16,
)  # fmt: skip
MONTHS = (
    SettledLine(date(2025, 11, 1), 22_500, 675_000, 50_000, 625_000),
    SettledLine(date(2025, 12, 1), 24_000, 720_033, 50_000, 670_033),
    SettledLine(date(2026, 1, 1), 20_333, 609_990, 0, 609_990),
    SettledLine(date(2026, 3, 1), 14_000, 420_000, 20_000, 300_000),
)


def one(at: int) -> Slip:
    return Slip(
        NAMES[at % 25], f"511023********{at % 25:03d}X", "四川宏远建筑劳务有限公司", "钢筋一班", "steel_fixer", MARCH, 21_500, 600,
        (SlipItem("平日出勤", "21.5 天 × 300.00 元", 645_000), SlipItem("平日加班", "10 小时 × 37.50 元 × 1.5", 56_250), SlipItem("高温补贴", "", 20_001)),
        (SlipItem("生活费", "3月5日预支", 50_000), SlipItem("个人所得税", "", 333)), 600_000, 70_918, date(2026, 4, 15), "0000B-7K3M9-QWX2R",
    )  # fmt: skip


def test_every_slip_starts_a_page_and_adds_up():
    slips = [one(at) for at in range(25)]
    opened = Opened(wage_slips("东湖二期", slips, STAMP, verify_url="https://muster.example/slip/"))
    sheet = opened.sheet()
    titles = [row for row in range(1, sheet.max_row + 1) if sheet.cell(row, 1).value == "2026年3月工资清单"]
    assert [brk.id + 1 for brk in opened.formulas.worksheets[0].row_breaks.brk] == titles[1:] and len(titles) == 25
    assert [sheet.cell(row, 3).value for row in range(1, sheet.max_row) if sheet.cell(row, 1).value == "实发工资"] == [6709.18] * 25
    for place, (formula, stored) in opened.formulas_found().items():
        if formula.startswith("=SUM("):
            start, end = formula[6:-1].split(":C")
            assert stored == pytest.approx(sum(sheet[f"C{row}"].value for row in range(int(start), int(end) + 1))), place
    assert sum(dimension.width for dimension in opened.formulas.worksheets[0].column_dimensions.values()) <= 74
    assert opened.find("0000B-7K3M9-QWX2R") and opened.find("凭查验码可在 https://muster.example/slip/ 查询真伪。")


def pictures(content: bytes) -> list[bytes]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    return [archive.read(name) for name in archive.namelist() if name.startswith("xl/media/")]


def test_the_picture_on_a_slip_is_read_back_as_the_address_that_checks_it():
    slips = [replace(one(0), code="0000B-7K3M9-QWX2R"), replace(one(1), code="0000C-7K3M9-QWX2S")]
    content = wage_slips("东湖二期", slips, STAMP, verify_url="https://muster.example/v1/slips/")
    read = set()
    for picture in pictures(content):
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
        read.add(cv2.QRCodeDetector().detectAndDecode(cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))[0])
    assert read == {f"https://muster.example/v1/slips/{slip.code}" for slip in slips}
    assert pictures(wage_slips("东湖二期", slips, STAMP)) == []


def test_a_slip_without_deductions_and_with_a_nasty_label():
    plain = replace(one(0), withheld=(), items=(SlipItem(NASTY[0], NASTY[1], 100),), name=NASTY[2])
    opened = Opened(wage_slips(NASTY[0], [plain], STAMP))
    assert opened.find(NASTY[0]) and opened.find(NASTY[1])
    assert [stored for _, stored in opened.formulas_found().values()] == [1, 1]


def test_more_slips_than_a_sheet_has_breaks_go_on_to_the_next(monkeypatch):
    monkeypatch.setattr(slips_module, "SHEET_SLIPS_MAX", 2)
    content = wage_slips("东湖二期", [one(at) for at in range(5)], STAMP)
    assert Opened(content).formulas.sheetnames == ["工资清单 1", "工资清单 2", "工资清单 3"]
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_a_settlement_with_something_owed_is_no_proof_that_all_is_paid():
    opened = Opened(settlement_sheet(LEAVER, MONTHS, STAMP))
    assert opened.prints_as_a_form()
    total = opened.find("合计")[0]
    assert [opened.sheet().cell(total, col).value for col in range(2, 7)] == [80.833, 24250.23, 1200, 22050.23, 1000]
    text = " ".join(str(row[0].value) for row in opened.sheet().iter_rows())
    assert "尚欠工资 1000.00 元，承诺于 2026-04-15 前付清" in text and "结清，无拖欠" not in text


def test_a_settlement_says_all_is_paid_when_it_is():
    opened = Opened(settlement_sheet(LEAVER, MONTHS[:3], STAMP))
    assert opened.find("本人确认：自 2025-11-03 至 2026-03-20 在本项目的工资已全部结清，无拖欠。")
    assert Opened(settlement_sheet(replace(LEAVER, owed_due_on=None, name=NASTY[0]), MONTHS, ENGLISH)).find("Settlement of wages on leaving")
