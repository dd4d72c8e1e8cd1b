"""A site of 25 people to print forms of, and what a spreadsheet program would read in them."""

import io
from datetime import UTC, date, datetime
from typing import Any

import openpyxl

from app.forms.book import Stamp
from app.forms.payroll import PayLine, PayrollHead

STAMP = Stamp(datetime(2026, 4, 3, 17, 30, tzinfo=UTC), "Asia/Shanghai", "9f2c" * 16)
ENGLISH = Stamp(STAMP.made_at, STAMP.zone, STAMP.head_hash, "en")
NASTY = ("=HYPERLINK(\"http://x\",\"点我\")", "+1+1", "-2+3", "@SUM(A1)", "http://x.example/", "a\x00b\x0bc\ud800", "007")
MARCH = date(2026, 3, 1)

NAMES = ["王建国", "李铁柱", "张志强", "赵长河", "刘二虎", "陈水生", "杨春来", "黄大发", "周保田", "吴金山", "徐海涛", "孙立军", "买买提·艾合买提江", "胡文斌", "朱小兵", "高玉柱", "林阿水", "何有才", "郭子明", "马占山", "罗天佑", "梁宝生", "宋三喜", "郑秀英", "欧阳建设"]
TRADES = ("steel_fixer", "scaffolder", "concreter", "formworker", "welder")


def pay_lines(count: int = 25) -> tuple[PayLine, ...]:
    lines = []
    for at in range(count):
        piece = at % 10 == 9
        rate = 28_000 + at * 1_000
        milli = 21_000 + (at % 5) * 500
        gross = 123_456 * 3 if piece else rate * milli // 1000
        lines.append(
            PayLine(
                at, NAMES[at % 25], f"51102319800101{at:03d}X", TRADES[at % 5], milli, gross,
                overtime_minutes=at * 20, overtime_fen=at * 1_733, allowance_fen=10_000 if at % 3 == 0 else 0,
                living_fen=50_000, advance_fen=20_000 if at % 4 == 0 else 0, social_fen=1_050, tax_fen=at * 37,
                damage_fen=3_000 if at == 7 else 0, other_fen=0, carried_fen=12_345 if at == 3 else 0, paid_fen=300_000,
                gate_day_milli=milli - 500 if at in (4, 11) else milli, company="四川宏远建筑劳务有限公司", team="钢筋一班",
                phone=f"138{at:08d}", entry_on=date(2026, 2, 20), pay_kind="piece" if piece else "day", rate_fen=None if piece else rate,
                quantity_milli=123_456 if piece else None, unit="m²" if piece else "", unit_price_fen=3_000 if piece else None,
                bank="中国建设银行成都锦江支行", card=f"6217003810001234{at:03d}", back_month=date(2026, 2, 1) if at == 20 else None,
                held_fen=5_000 if at == 8 else 0, dispute="对2日出勤有异议" if at == 8 else "", note="",
            )
        )  # fmt: skip
    return tuple(lines)


PAYROLL = PayrollHead(
    "锦江区东湖片区安置房二期工程", MARCH, "中国建筑第八工程局有限公司", "四川宏远建筑劳务有限公司", "钢筋一班", "第 2 版",
    date(2026, 4, 4), date(2026, 4, 7),
)  # fmt: skip


class Opened:
    """A form opened twice: as formulas and as the values stored with them."""

    def __init__(self, content: bytes) -> None:
        self.formulas = openpyxl.load_workbook(io.BytesIO(content))
        self.values = openpyxl.load_workbook(io.BytesIO(content), data_only=True)

    def sheet(self, at: int = 0) -> Any:
        return self.values.worksheets[at]

    def find(self, text: str, at: int = 0) -> tuple[int, int]:
        """Row and column of the first cell that shows ``text``."""
        for row in self.sheet(at).iter_rows():
            for cell in row:
                if cell.value == text:
                    return cell.row, cell.column
        raise AssertionError(f"{text} is nowhere")

    def column(self, heading: str, first: int, count: int, at: int = 0) -> list[Any]:
        col = self.find(heading, at)[1]
        return [self.sheet(at).cell(first + step, col).value for step in range(count)]

    def prints_as_a_form(self) -> bool:
        """Every sheet: a page wide, heading rows repeated, page numbers, date and chain head in the footer."""
        for sheet in self.formulas.worksheets:
            foot = (sheet.oddFooter.left.text or "") + (sheet.oddFooter.right.text or "")
            assert "&P" in foot and "&N" in foot and "2026-04-04" in foot and "9f2c" * 16 in foot
            assert sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.page_setup.fitToHeight == 0
            assert sheet.print_title_rows
        return True

    def formulas_found(self) -> dict[str, Any]:
        """Formula -> stored value, of every sheet."""
        return {
            f"{sheet.title}!{cell.coordinate}": (cell.value, self.values[sheet.title][cell.coordinate].value)
            for sheet in self.formulas.worksheets for row in sheet.iter_rows() for cell in row if cell.data_type == "f"
        }  # fmt: skip
