"""The list of findings as printed."""

from datetime import date

from app.forms.findings import FindingLine, findings_sheet
from tests.forms.site import NAMES, NASTY, STAMP, Opened


def line(at: int, name: str, **more) -> FindingLine:
    told = {
        "severity": "红色", "rule": "工资未足额支付", "subject": name, "month": date(2026, 3, 1),
        "says": "本月应计工资 10,260.00 元，已支付 6,520.00 元，相差 3,740.00 元。", "state": "已通知", "due_on": date(2026, 4, 23),
        "first_seen_on": date(2026, 4, 16), "cleared": at == 2, "decided": "2026-04-16 lin 已通知: 请于期限内补发并附回单", "is_red": at == 0,
        "is_late": at == 1,
    }  # fmt: skip
    return FindingLine(**told | more)


def test_it_prints_as_a_form_with_what_waits_in_colour():
    opened = Opened(findings_sheet("锦江区东湖片区安置房二期工程", [line(at, name) for at, name in enumerate(NAMES)], STAMP))
    assert opened.prints_as_a_form()
    first = opened.find(1)[0]
    assert [row for row in range(len(NAMES)) if opened.sheet().cell(first + row, 3).fill.fgColor.rgb == "FFFCE4D6"] == [0, 1]
    assert opened.find("已通知 (已不再出现)")


def test_what_was_typed_stays_text():
    lines = [line(9, name, says=name, decided=name) for name in NASTY]
    assert not Opened(findings_sheet("P", lines, STAMP)).formulas_found()
