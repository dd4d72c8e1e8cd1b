"""Files for the bank and from it: what is written is what was meant, and no row of a file is lost."""

import ast
import inspect
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import bank_files as files
from app.domain.bank_files import (
    BUILT_IN,
    Fault,
    Row,
    Template,
    Unwritable,
    check,
    parse,
    parse_cells,
    render,
    table,
)
from app.wording import SENTENCES

MARCH = date(2026, 3, 1)
CARD = "6217000000000000004"


def row(seq: int = 1, fen: int = 1200_00, name: str = "王建国", **values) -> Row:
    return Row(seq, name, CARD, **{"bank_name": "某银行", "bank_code": "102335600123", "reference": f"B-{seq:04d}"} | values, amount_fen=fen)


def template(name: str = "通用代发", **changes) -> Template:
    use, spec = BUILT_IN[name]
    return Template.of(use, spec | changes)


def written(rows, chosen: Template | None = None, **values) -> bytes:
    known = {"month": MARCH, "batch_no": "HY-202603-01", "count": len(rows), "total_fen": sum(r.amount_fen for r in rows)}
    return render(rows, chosen or template(), **known | values)


def columns(*names: str) -> list[dict[str, str]]:
    return [{"field": name, "title": name} for name in names]


# --- templates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_templates_every_house_begins_with_are_sound(name):
    use, spec = BUILT_IN[name]
    assert check(use, spec) == []
    assert Template.of(use, spec).encoding == "gb18030"


NEEDED = columns("payee_name", "account_number", "amount")


@pytest.mark.parametrize(
    ("use", "spec", "fault"),
    [
        ("cheque", {}, ("template_use_unknown", "cheque")),
        ("batch", {}, ("template_columns_wrong", "columns")),
        ("batch", {"columns": []}, ("template_columns_wrong", "columns")),
        ("batch", {"columns": "name"}, ("template_columns_wrong", "columns")),
        ("batch", {"columns": NEEDED * 14}, ("template_columns_wrong", "columns")),
        ("batch", {"columns": [*NEEDED, None]}, ("template_field_unknown", "None")),
        ("batch", {"columns": [*NEEDED, {"field": ["amount"]}]}, ("template_field_unknown", "['amount']")),
        ("batch", {"columns": [*NEEDED, {"field": "balance_after"}]}, ("template_field_unknown", "balance_after")),
        ("batch", {"columns": NEEDED[:2]}, ("template_field_missing", "amount")),
        ("batch", {"columns": [*NEEDED, NEEDED[2]]}, ("template_field_twice", "amount")),
        ("batch", {"columns": [*NEEDED, {"field": "seq", "title": "x" * 41}]}, ("template_title_too_long", "seq")),
        ("batch", {"columns": [*NEEDED, {"field": "seq", "title": "a,b"}]}, ("template_title_wrong", "seq")),
        ("batch", {"columns": [*NEEDED, {"field": "seq", "title": "=cmd"}]}, ("template_title_wrong", "seq")),
        ("batch", {"columns": [*NEEDED, {"field": "seq", "value": "1"}]}, ("template_constant_wrong", "seq")),
        ("batch", {"columns": [*NEEDED, {"field": "constant", "value": CARD}]}, ("template_constant_wrong", "constant")),
        ("batch", {"columns": NEEDED, "encoding": "gbk"}, ("template_setting_wrong", "encoding")),
        ("batch", {"columns": NEEDED, "delimiter": ["comma"]}, ("template_setting_wrong", "delimiter")),
        ("batch", {"columns": NEEDED, "header": 1}, ("template_setting_wrong", "header")),
        ("batch", {"columns": NEEDED, "title_rows": -1}, ("template_setting_wrong", "title_rows")),
        ("batch", {"columns": NEEDED, "purpose": "{name}"}, ("template_setting_wrong", "purpose")),
        ("batch", {"columns": NEEDED, "titles": "one"}, ("template_setting_wrong", "titles")),
        ("batch", {"columns": NEEDED, "titles": ["{name}"]}, ("template_setting_wrong", "titles")),
        ("batch", {"columns": NEEDED, "colour": "red"}, ("template_setting_unknown", "colour")),
        ("return", {"columns": columns("seq", "status", "amount"), "words": {"好": "fine"}}, ("template_setting_wrong", "words")),
        ("return", {"columns": columns("status", "amount")}, ("template_field_missing", "reference/seq")),
        (
            "statement",
            {"columns": columns("bank_txn_id", "booked_on", "balance_after", "amount_in")},
            ("template_field_missing", "amount_out"),
        ),
        (
            "statement",
            {"columns": columns("bank_txn_id", "booked_on", "balance_after", "amount", "amount_in", "amount_out")},
            ("template_field_twice", "amount"),
        ),
    ],
)
def test_a_template_that_cannot_be_used_says_why(use, spec, fault):
    assert fault in check(use, spec)
    assert fault[0] in SENTENCES
    with pytest.raises(ValueError, match="template_"):
        Template.of(use, spec)


# --- writing ---------------------------------------------------------------------------------------------------


def test_the_bytes_are_those_of_gb18030():
    content = written([row(name="𠮷㐂·买买提")], template("三列代发"))
    head = bytes.fromhex("bba7c3fb 2c d5cbbac5 2c bdf0b6ee 0d0a")
    # Beyond GBK four bytes each, which GB18030 alone has; 𠮷 by the rule of its planes: 0x10BB7 = ((5*10+4)*126+49)*10+5.
    name = bytes.fromhex("9534b235 8139ef31 a1a4 c2f2c2f2cce1")
    assert content.startswith(head + name)
    assert content.endswith(f",{CARD},1200.00\r\n".encode())


def test_every_column_stands_where_the_template_has_it():
    line = written([row()]).decode("gb18030").split("\r\n")[1]
    assert line == f"1,王建国,{CARD},某银行,102335600123,1200.00,工资202603HY-202603-01,B-0001"


def test_unit_delimiter_line_end_titles_totals_and_constants_are_the_banks():
    chosen = Template.of(
        "batch",
        {
            "columns": [*NEEDED, {"field": "constant", "title": "币种", "value": "CNY"}, {"field": "blank", "title": "备用"}],
            "unit": "fen", "delimiter": "pipe", "line_end": "lf", "encoding": "utf-8-sig", "totals": True,
            "titles": ["批次{batch} {month} 共{count}笔{total}"],
        },
    )  # fmt: skip
    content = written([row(1, 1), row(2, 2_50)], chosen)
    assert content.startswith(b"\xef\xbb\xbf") and b"\r" not in content
    assert content.decode("utf-8-sig").split("\n") == [
        "批次HY-202603-01 202603 共2笔251",
        "payee_name|account_number|amount|币种|备用",
        f"王建国|{CARD}|1|CNY|",
        f"王建国|{CARD}|250|CNY|",
        "合计2笔||251||",
        "",
    ]


def test_a_workbook_gets_the_same_cells():
    cells = table([row()], template("三列代发"), month=MARCH, batch_no="B", count=1, total_fen=1200_00)
    assert cells == [["户名", "账号", "金额"], ["王建国", CARD, "1200.00"]]


@pytest.mark.parametrize(("count", "total_fen"), [(1, 2400_00), (2, 2399_99), (3, 2400_00)])
def test_another_count_or_sum_than_the_batch_has_never_becomes_a_file(count, total_fen):
    with pytest.raises(Unwritable, match="batch_totals_differ"):
        written([row(1), row(2)], count=count, total_fen=total_fen)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"name": "=cmd|' /C calc'!A0"}, "batch_cell_unsafe"),
        ({"name": " =1+1"}, "batch_cell_unsafe"),
        ({"name": "@SUM(A1)"}, "batch_cell_unsafe"),
        ({"name": "-2+3"}, "batch_cell_unsafe"),
        ({"name": "+1"}, "batch_cell_unsafe"),
        ({"name": "王,建国"}, "batch_cell_unsafe"),
        ({"name": '王"建国'}, "batch_cell_unsafe"),
        ({"name": "王\n建国"}, "batch_cell_unsafe"),
        ({"name": "王\u202e建国"}, "batch_cell_unsafe"),
        ({"name": ""}, "batch_cell_unsafe"),
        ({"bank_name": "=1"}, "batch_cell_unsafe"),
        ({"name": "王\ud800"}, "batch_cell_unsafe"),
        ({"fen": 0}, "batch_amount_wrong"),
        ({"fen": -1}, "batch_amount_wrong"),
    ],
)
def test_a_row_that_would_shift_columns_or_be_a_formula_is_named(bad, code):
    with pytest.raises(Unwritable) as fault:
        written([row(1), row(2, **bad)])
    assert (fault.value.code, fault.value.seq) == (code, 2)
    assert code in SENTENCES


def test_a_character_the_encoding_lacks_is_reported_with_its_row(monkeypatch):
    monkeypatch.setattr(files, "ENCODINGS", (*files.ENCODINGS, "gb2312"))
    monkeypatch.setitem(files._CHOICES, "encoding", files.ENCODINGS)
    with pytest.raises(Unwritable) as fault:
        written([row(1), row(2, name="王㐂")], template(encoding="gb2312"))
    assert (fault.value.code, fault.value.seq) == ("batch_character_unwritable", 2)


def test_no_name_or_number_is_in_a_row_as_it_is_printed():
    assert "王建国" not in repr(row()) and CARD not in repr(row())
    parsed = parse(written([row()]), template())
    assert CARD not in repr(parsed)


def test_gb18030_has_every_character_a_name_may_have():
    for code in (0x4E00, 0x9FA6, 0x3400, 0x20000, 0x2A6DF, 0x30000, 0xE863, 0xFE00 - 1, 0x10FFFD):
        assert chr(code).encode("gb18030").decode("gb18030") == chr(code)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_written_reads_back_to_the_fen(data):
    names = st.text(st.characters(categories=("Lo",)), min_size=1, max_size=8)
    amounts = data.draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=8))
    rows = [row(n, fen, data.draw(names)) for n, fen in enumerate(amounts, 1)]
    chosen = template(
        unit=data.draw(st.sampled_from(files.UNITS)), encoding=data.draw(st.sampled_from(files.ENCODINGS)),
        delimiter=data.draw(st.sampled_from(sorted(files.DELIMITERS))), totals=data.draw(st.booleans()),
        header=data.draw(st.booleans()),
    )  # fmt: skip
    parsed = parse(written(rows, chosen), chosen)
    assert parsed.faults == ()
    assert [r.values["amount"] for r in parsed.records] == amounts
    assert [r.values["account_number"] for r in parsed.records] == [CARD] * len(rows)


# --- reading ---------------------------------------------------------------------------------------------------

HEAD = "序号,流水标识,收款户名,金额(元),状态,失败原因,银行流水号,交易日期\r\n"
GOOD = "1,B-0001,王建国,1200.00,成功,,X1,2026-04-05\r\n"


def told(text: str, name: str = "通用回盘", **changes) -> tuple[list[tuple[int, str, str]], int]:
    """(row, column, code) of each fault, and how many records."""
    chosen = template(name, **changes)
    parsed = parse(text.encode(chosen.encoding), chosen)
    assert all(fault.code in SENTENCES for fault in parsed.faults)
    return [(f.row, f.column, f.code) for f in parsed.faults], len(parsed.records)


def test_a_return_file_is_read_row_by_row():
    text = HEAD + GOOD + "2,B-0002,李秀英,800.00,失败,账号不存在,,\r\n\r\n3,B-0003,李秀英,8.5,退票,没听说过,X3,20260406 101500\r\n"
    parsed = parse(text.encode("gb18030"), template("通用回盘"))
    assert parsed.faults == ()
    assert [(r.row, r.values["reference"], r.values["amount"], r.values["status"], r.values["reason"], r.values["happened_on"])
            for r in parsed.records] == [
        (2, "B-0001", 1200_00, "success", None, date(2026, 4, 5)),
        (3, "B-0002", 800_00, "failed", "account_unknown", None),
        (5, "B-0003", 8_50, "returned", "other", date(2026, 4, 6)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ("2,B-0002,李,8.001,成功,,X2,2026-04-05", [("金额(元)", "amount_unreadable")]),
        ("2,B-0002,李,,成功,,X2,2026-04-05", [("金额(元)", "amount_unreadable")]),
        ("2,B-0002,李,-8,成功,,X2,2026-04-05", [("", "amount_zero")]),
        ("2,B-0002,李,8,好了,,X2,2026-04-05", [("状态", "status_unknown")]),
        ("2,B-0002,李,8,0,,X2,2026-04-05", [("状态", "status_unknown")]),
        ("2,B-0002,李,8,成功,,X2,2026-02-30", [("交易日期", "date_unreadable")]),
        ("2,B-0002,李,8,成功,,X2,", [("", "date_missing")]),
        ("二,B-0002,李,8,成功,,X2,2026-04-05", [("序号", "seq_unreadable")]),
        (f"2,B-0002,{'李' * 401},8,成功,,X2,2026-04-05", [("收款户名", "cell_too_long")]),
        (f"2,B-0002,李,8,成功,,{'X' * 65},2026-04-05", [("银行流水号", "cell_too_long")]),
        ("2,B-0002,李\x07,8,成功,,X2,2026-04-05", [("收款户名", "cell_malformed")]),
        ("2,B-0002,李,秀英,8,成功,,X2,2026-04-05", [("", "row_too_wide")]),
        ('2,B-0002,"李,8,成功,,X2,2026-04-05', [("", "row_unreadable")]),
        ("2" * 20_001, [("", "cell_too_long")]),
        ("2,B-0002,李,1,2.00,x,X2,x", [("状态", "status_unknown"), ("交易日期", "date_unreadable")]),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_those_around_it_count(line, faults):
    assert told(f"{HEAD}{GOOD}{line}\r\n{GOOD}") == ([(3, column, code) for column, code in faults], 2)


def test_a_row_without_a_number_leaves_it_to_the_reference():
    assert told(HEAD + GOOD.replace("1,", ",", 1)) == ([], 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"\r\n\r\n", "file_empty"),
        (HEAD.encode("gb18030"), "file_empty"),
        (b"\x80\x81\xff", "file_encoding_wrong"),
        (HEAD.encode("utf-16"), "file_encoding_wrong"),
        ((HEAD + GOOD).encode("gb18030") + b"\0", "file_encoding_wrong"),
        ((HEAD + GOOD).encode("utf-8"), "file_encoding_wrong"),
        (("," + HEAD).replace("状态", "情况").encode("gb18030"), "file_column_missing"),
        ((HEAD.replace("失败原因", "状态") + GOOD).encode("gb18030"), "file_column_twice"),
        (b"\r\n" * 30_000, "file_too_many_rows"),
        (b"PK\x03\x04" + b"\0" * 99, "file_encoding_wrong"),
        (b'"' * 5000, "file_column_missing"),
        (b'"' * 5001, "row_unreadable"),
    ],
)
def test_a_file_that_is_not_one_is_refused_whole(content, code):
    parsed = parse(content, template("通用回盘"))
    assert (parsed.records, [fault.code for fault in parsed.faults]) == ((), [code])
    assert code in SENTENCES


def test_a_wrong_encoding_is_seen_by_its_header_or_its_bytes():
    parsed = parse((HEAD + GOOD).encode("gb18030"), template("通用回盘", encoding="utf-8"))
    assert [f.code for f in parsed.faults] == ["file_encoding_wrong"]


def test_columns_are_found_by_their_titles_wherever_the_bank_put_them():
    text = "状态,备注,金额(元),流水标识,交易日期,序号,收款户名,失败原因,银行流水号\n成功,x,5.00,B-0001,2026/4/5,1,王,,X1\n"
    parsed = parse(text.encode("gb18030"), template("通用回盘"))
    assert [r.values["amount"] for r in parsed.records] == [5_00] and parsed.faults == ()


def test_without_a_header_the_order_is_the_templates():
    spec = {"columns": [{"field": "seq"}, {"field": "blank"}, {"field": "amount"}, {"field": "status"}], "header": False, "title_rows": 1}
    parsed = parse("某银行回单\n1,x,5.00,OK\n2,x,5.00\n".encode("gb18030"), Template.of("return", spec | {"words": {"ok": "success"}}))
    assert [(r.row, r.values["seq"], r.values["status"]) for r in parsed.records] == [(2, 1, "success")]
    assert parsed.faults == (Fault(3, "status", "status_unknown"),)


def test_a_last_row_of_totals_must_be_the_sum():
    assert told(HEAD + GOOD + "合计,,,1200.00,,,,\r\n") == ([], 1)
    assert told(HEAD + GOOD + "合计,,,1200.01,,,,\r\n") == ([(3, "", "file_totals_differ")], 1)
    # Above other rows it is a row like any other, and says nothing that can be used.
    above = told(HEAD + "合计,,,1200.00,,,,\r\n" + GOOD)
    assert (above[0][0], above[1]) == ((2, "序号", "seq_unreadable"), 1)


def test_excels_ways_to_keep_digits_are_understood():
    assert parse(f'{HEAD}1,="B-0001",\'王建国,1200.00,成功,,\tX1,2026-04-05\n'.encode("gb18030"), template("通用回盘")).records[
        0
    ].values | {"reason": None} == {
        "seq": 1, "reference": "B-0001", "payee_name": "王建国", "amount": 1200_00, "status": "success", "reason": None,
        "bank_ref": "X1", "happened_on": date(2026, 4, 5),
    }  # fmt: skip


def test_cells_of_a_workbook_are_read_with_their_types():
    cells = [
        HEAD.strip().split(","),
        [1.0, "B-0001", "王", 1200.1, "成功", None, 88000001, datetime(2026, 4, 5, 10, 0, tzinfo=UTC)],
        [2, "B-0002", "王", 1200.123, "成功", None, "X", date(2026, 4, 5)],
        [None] * 8,
    ]
    parsed = parse_cells(cells, template("通用回盘"))
    assert [(r.values["seq"], r.values["amount"], r.values["bank_ref"], r.values["happened_on"]) for r in parsed.records] == [
        (1, 1200_10, "88000001", date(2026, 4, 5))
    ]
    assert parsed.faults == (Fault(3, "金额(元)", "amount_unreadable"),)
    assert parse_cells([[""]] * 30_000, template("通用回盘")).faults == (Fault(0, "", "file_too_many_rows"),)


STATEMENT = "交易流水号,记账日期,收入,支出,余额,对方户名,对方账号,摘要\n"


def test_a_statement_has_one_signed_amount_a_row():
    text = STATEMENT + "T1,2026-03-20,1000.00,,1000.00,,,\nT2,2026-03-21,0.00,200.00,800.00,,,\nT3,2026-03-22,,-0.50,799.50,,,\n"
    parsed = parse(text.encode("gb18030"), template("通用对账单"))
    assert [r.values["amount"] for r in parsed.records] == [1000_00, -200_00, -50]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("T1,2026-03-20,1.00,1.00,1.00,,,", "amount_in_and_out"),
        ("T1,2026-03-20,,,1.00,,,", "amount_in_and_out"),
        (",2026-03-20,1.00,,1.00,,,", "txn_id_missing"),
        ("T1,,1.00,,1.00,,,", "date_unreadable"),
        ("T1,2026-03-20,1.00,,,,,", "amount_unreadable"),
    ],
)
def test_a_statement_row_that_says_both_or_nothing_is_named(line, code):
    faults, records = told(f"{STATEMENT}{line}\n", "通用对账单")
    assert ([fault[2] for fault in faults], records) == ([code], 0)


def test_an_amount_of_nothing_is_no_line():
    spec = {"columns": columns("bank_txn_id", "booked_on", "amount", "balance_after"), "header": False}
    assert parse(b"T1,2026-03-20,0,5\n", Template.of("statement", spec)).faults == (Fault(1, "", "amount_zero"),)


# --- amounts and dates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("1234.5", 1234_50), ("1,234.56", 1234_56), ("12,345,678", 12345678_00), ("0.01", 1), ("１２３．４５", 123_45),
        ("¥5", 5_00), ("￥5.00元", 5_00), ("-5.10", -5_10), ("+5", 5_00), ("5.", None), (".5", None), ("1.234", None), ("1.230", None),
        ("1,2", None), ("12,34.00", None), ("1234,567", None), ("100,50", None), ("1e5", None), ("--5", None), ("٥", None), ("", None),
        ("一百", None), ("9" * 14, None), ("0x10", None), ("1 000", None),
    ],
)  # fmt: skip
def test_an_amount_in_yuan_is_exact_or_nothing(text, fen):
    assert files.read_money(text, "yuan") == fen


@pytest.mark.parametrize(("text", "fen"), [("1234", 1234), ("1,234", 1234), ("12.3", None), ("12.00", None), ("-7", -7)])
def test_an_amount_in_fen_has_no_decimals(text, fen):
    assert files.read_money(text, "fen") == fen


@settings(max_examples=100, deadline=None)
@given(fen=st.integers(0, 10**12), unit=st.sampled_from(files.UNITS))
def test_every_amount_written_is_the_amount_read(fen, unit):
    assert files.read_money(files.money(fen, unit), unit) == fen


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-05", 5), ("2026/3/5", 5), ("2026.03.05", 5), ("2026年3月5日", 5), ("20260305", 5), ("2026-3-5 9:05", 5),
        ("20260305120000", 5), ("2026-03-05T23:59:59.123", 5), ("2026-03/05", None), ("2026115", None), ("26-03-05", None),
        ("2026-13-01", None), ("2026-02-30", None), ("1926-03-05", None), ("9999-03-05", None), ("2026-03-05x", None), ("", None),
    ],
)  # fmt: skip
def test_a_date_is_one_day_or_nothing(text, day):
    assert files.read_date(text) == (day and date(2026, 3, day))


@settings(max_examples=150, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: (HEAD + text).encode("gb18030", "ignore"))))
def test_no_bytes_make_it_stumble_and_every_row_is_answered_for(content):
    chosen = template("通用回盘")
    parsed = parse(content, chosen)
    assert all(fault.code in SENTENCES for fault in parsed.faults)
    if not any(fault.row <= 1 for fault in parsed.faults):
        lines = content.decode("gb18030").replace("\r\n", "\n").replace("\r", "\n").split("\n")[1:]
        said = {n for n, line in enumerate(lines, 2) if line.replace(",", "").replace('"', "").strip()}
        answered = {r.row for r in parsed.records} | {f.row for f in parsed.faults}
        left = {n for n in said - answered if n != len(lines) + 1}
        assert all(not any(files._tidy(c) for c in lines[n - 2].split(",")) or "合计" in lines[n - 2] for n in left)


# --- small -----------------------------------------------------------------------------------------------------


def test_card_numbers_are_taken_out_of_a_text():
    assert files.masked(f"转给{CARD}，单号123456789012") == "转给****0004，单号123456789012"
    assert files.masked("1" * 20) == "1" * 20


def test_a_name_is_the_same_with_another_dot_or_wide_letters():
    assert files.tidy_name("阿依古丽•买买提") == files.tidy_name("阿依古丽 . 买买提") == "阿依古丽·买买提"


def test_what_every_template_can_carry():
    assert files.writable("某银行海盐支行") and files.writable("中国农业银行(海盐)")
    assert not any(files.writable(text) for text in ("", "a|b", "a\tb", "=1", "甲;乙", "-1"))


def test_every_code_has_a_sentence():
    """Faults are made with the code as the last word; none may be without one."""
    said = set()
    for node in ast.walk(ast.parse(inspect.getsource(files))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            word = node.value
            if word.split("_")[0] in ("template", "batch", "file", "row", "cell", "txn", "amount", "date", "status", "seq") and "_" in word and word.isidentifier():
                said.add(word)
    said -= {"amount_in", "amount_out"}
    assert len(said) > 25
    assert {word for word in said if word not in SENTENCES} == set()
