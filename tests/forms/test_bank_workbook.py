"""Bank files that are workbooks: text stays text on the way out, every row is accounted for on the way in."""

import io
from dataclasses import replace
from datetime import date, datetime

import openpyxl
import pytest
import xlsxwriter

from app.domain import bank_files as files
from app.errors import TooLarge, Unusable
from app.forms import bank
from app.wording import SENTENCES
from tests.forms.site import NAMES
from tests.forms.test_roster_file import workbook

BATCH = files.Template.of("batch", {**files.BUILT_IN["通用代发"][1], "workbook": True, "titles": ["{month} 工资 {count} 笔 {total} 元"], "totals": True})
ANSWER = files.Template.of("return", {**files.BUILT_IN["通用回盘"][1], "workbook": True, "words": {"入账": "success"}})
ROWS = [files.Row(at + 1, name, f"0217003810001234{at:03d}", "中国建设银行成都锦江支行", "005651000012", 523_450 + at, f"B1-{at + 1}") for at, name in enumerate(NAMES)]


def table() -> list[list[str]]:
    return files.table(ROWS, BATCH, month=date(2026, 3, 1), batch_no="DH2-202603-01", count=25, total_fen=sum(row.amount_fen for row in ROWS))


def test_what_the_bank_reads_is_what_was_decided():
    content = bank.write_workbook(table())
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert [cell.value for cell in sheet[3]] == ["1", "王建国", "0217003810001234000", "中国建设银行成都锦江支行", "005651000012", "5234.50", "工资202603DH2-202603-01", "B1-1"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    assert content == bank.write_workbook(table()), "the digest of the file is kept"


def test_a_batch_comes_back_cell_by_cell():
    read = bank.read_workbook(bank.write_workbook(table()))
    assert [[cell or "" for cell in line][: len(told)] for line, told in zip(read, table(), strict=True)] == table()


def test_text_that_looks_like_a_formula_is_text():
    sheet = openpyxl.load_workbook(io.BytesIO(bank.write_workbook([["=1+1", "http://x.example", "1e5", "007"]]))).active
    assert [(cell.value, cell.data_type) for cell in sheet[1]] == [("=1+1", "s"), ("http://x.example", "s"), ("1e5", "s"), ("007", "s")]


def test_a_file_that_would_read_otherwise_is_not_given_out(monkeypatch):
    monkeypatch.setattr(bank, "read_cells", lambda *_, **__: [["another"]])
    with pytest.raises(Unusable, match="workbook_differs"):
        bank.write_workbook(table())


def test_an_answer_filled_in_by_hand_is_read_row_by_row():
    book = openpyxl.load_workbook(io.BytesIO(bank.answer_workbook(ROWS, ANSWER)))
    sheet = book.active
    assert sheet.data_validations.dataValidation[0].formula1 == '"成功,失败,退回,入账"'
    head = {cell.value: cell.column for cell in sheet[1]}
    for row in range(2, 26):
        sheet.cell(row, head["状态"], "失败" if row == 4 else "入账" if row == 5 else "成功")
        sheet.cell(row, head["交易日期"], datetime(2026, 4, 15))  # noqa: DTZ001 - cells of Excel have no zone
    sheet.cell(4, head["失败原因"], "户名不符")
    out = io.BytesIO()
    book.save(out)
    parsed = files.parse_cells(bank.read_workbook(out.getvalue()), ANSWER)
    assert [(fault.row, fault.code) for fault in parsed.faults] == [(26, "status_unknown")], "a row nobody answered is named"
    assert [record.values["amount"] for record in parsed.records] == [row.amount_fen for row in ROWS[:24]]
    assert parsed.records[2].values["status"] == "failed" and parsed.records[2].values["reason"] == "name_mismatch"
    assert parsed.records[3].values["status"] == "success" and parsed.records[0].values["happened_on"] == date(2026, 4, 15)


def test_an_answer_of_another_kind_of_template_is_refused():
    with pytest.raises(ValueError, match="return file"):
        bank.answer_workbook(ROWS, BATCH)
    with pytest.raises(ValueError, match="return file"):
        bank.answer_workbook(ROWS, replace(ANSWER, header=False))


def test_numbers_and_dates_come_as_they_are_and_rows_keep_their_number():
    cells = bank.read_workbook(workbook([], ["标题"], [], ["甲", 1234.5, datetime(2026, 4, 15), None]))  # noqa: DTZ001
    assert [line[:3] for line in cells] == [[], ["标题", None, None], [], ["甲", 1234.5, datetime(2026, 4, 15)]]  # noqa: DTZ001


def test_a_formula_without_a_value_and_an_error_are_not_blanks():
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["序号", "流水标识", "金额(元)", "状态", "交易日期"])
    sheet.write_row(1, 0, ["1", "B1-1"])
    sheet.write_formula(1, 2, "=1+1", None, "")
    sheet.write_row(1, 3, ["成功", "2026-04-15"])
    sheet.write_row(2, 0, ["2", "B1-2", 2, "成功"])
    sheet.write_formula(2, 4, "=1/0", None, "#DIV/0!")
    sheet.write_row(3, 0, ["3", "B1-3"])
    sheet.write_formula(3, 2, "=1+1", None, 2)
    sheet.write_row(3, 3, ["成功", "2026-04-15"])
    book.close()
    parsed = files.parse_cells(bank.read_workbook(out.getvalue()), replace(ANSWER, columns=tuple(c for c in ANSWER.columns if c.title in ("序号", "流水标识", "金额(元)", "状态", "交易日期"))))
    assert [(fault.row, fault.column, fault.code) for fault in parsed.faults] == [(2, "金额(元)", "amount_unreadable"), (3, "交易日期", "date_unreadable")]
    assert [(record.row, record.values["amount"]) for record in parsed.records] == [(4, 200)]


def test_two_sheets_that_hold_something_are_refused_and_an_empty_or_hidden_one_is_not():
    line = [["甲", "1"]]
    with pytest.raises(Unusable, match="workbook_several_sheets"):
        bank.read_workbook(workbook(sheets={"一": line, "二": line}))
    assert bank.read_workbook(workbook(sheets={"一": [], "二": line, "三": line}, hidden=("三",)))[0][:2] == ["甲", "1"]
    with pytest.raises(Unusable, match="workbook_no_rows"):
        bank.read_workbook(workbook(sheets={"一": [[" "]]}))


@pytest.mark.parametrize(("content", "code"), [
    (b"", "workbook_empty_file"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "workbook_old_format"), (b"PK\x03\x04 nonsense", "workbook_not_xlsx"),
    (b"a,b\r\n1,2\r\n", "workbook_not_xlsx"), (b"x" * (bank.BYTES_MAX + 1), "workbook_too_large"),
])  # fmt: skip
def test_a_file_that_is_no_workbook_is_refused_in_words(content: bytes, code: str):
    with pytest.raises((Unusable, TooLarge)) as refused:
        bank.read_workbook(content)
    assert refused.value.code == code and code in SENTENCES


def test_more_rows_than_a_bank_file_has_are_refused():
    with pytest.raises(Unusable, match="workbook_too_many_rows"):
        bank.read_workbook(bank._written([["1", "2"]] * (files.ROWS_MAX + files.TITLE_ROWS_MAX + 3)))
