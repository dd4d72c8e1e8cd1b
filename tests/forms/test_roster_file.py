"""Excel rosters in and out: every row comes back, as values or with its faults."""

import io
import time
import zipfile
from datetime import date, datetime

import openpyxl
import pytest

from app.errors import TooLarge, Unusable
from app.forms import roster
from app.forms.roster import CellFault, Roster, RosterRow, read_roster
from app.wording import LANGUAGES, SENTENCES, sentence
from tests.cast import LI_ID, WANG_ID, ZHAO_ID, id_number

MARCH_1 = datetime(2026, 3, 1)  # noqa: DTZ001 - cells of Excel have no zone
HEADINGS = ["序号", "姓名", "身份证号", "手机号", "单位", "统一社会信用代码", "参建类型", "班组", "工种", "日工资(元)", "进场日期", "退场日期", "卡号"]
WANG = [1, "王建国", WANG_ID, "13800000000", "海盐建筑劳务有限公司", "9144030071526726XG", "劳务分包", "钢筋一班", "钢筋工", 350, "2026-03-01", None, "0012345678"]
COLUMN = {name: at for at, name in enumerate(
    ["number", "name", "id_number", "phone", "company", "uscc", "role", "team", "trade", "day_rate", "entry_on", "exit_on", "card"]
)}


def workbook(*rows: list, sheets: dict[str, list[list]] | None = None, hidden: tuple[str, ...] = ()) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in (sheets or {"花名册": list(rows)}).items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
        if title in hidden:
            sheet.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(content: bytes, **limits: int) -> Roster:
    return read_roster(content, **{"bytes_max": 8 * 1024**2, **limits})


def row(**changed: object) -> RosterRow:
    """The one row of a file that holds Wang, with some cells otherwise."""
    line = list(WANG)
    for column, value in changed.items():
        line[COLUMN[column]] = value
    return read(workbook(HEADINGS, line)).rows[0]


def faults(**changed: object) -> list[tuple[str, str]]:
    return [(fault.column, fault.code) for fault in row(**changed).faults]


def refused(content: bytes, **limits: int) -> str:
    with pytest.raises((Unusable, TooLarge)) as error:
        read(content, **limits)
    return error.value.code


def test_a_row_comes_back_as_it_was_written():
    assert row() == RosterRow(
        sheet="花名册", number=2, name="王建国", id_number=WANG_ID, phone="13800000000", company="海盐建筑劳务有限公司",
        uscc="9144030071526726XG", role="labour_subcontractor", team="钢筋一班", trade="steel_fixer",
        day_rate_fen=350_00, entry_on=date(2026, 3, 1), card="0012345678",
    )


def test_english_headings_are_read_too():
    headings = ["No", "Name", "ID Number", "Company", "Team", "Day rate (yuan)", "Entry date", "Role"]
    line = [1, "Wang Jian Guo", WANG_ID, "Haiyan Labour", "Steel 1", "350.50", "2026/03/01", "Labour subcontractor"]
    found = read(workbook(headings, line)).rows[0]
    assert (found.name, found.role, found.day_rate_fen, found.faults) == ("Wang Jian Guo", "labour_subcontractor", 350_50, ())


def test_the_heading_row_may_stand_below_a_title_and_blank_lines():
    found = read(workbook(["海盐一期花名册"], [], ["填报单位：", "总包"], HEADINGS, WANG))
    assert [(line.number, line.name) for line in found.rows] == [(5, "王建国")]


def test_a_heading_row_below_the_tenth_is_not_found():
    assert refused(workbook(*[["x"]] * 10, HEADINGS, WANG)) == "roster_no_headings"


def test_missing_columns_are_one_clear_fault():
    with pytest.raises(Unusable) as error:
        read(workbook([h for h in HEADINGS if h not in ("班组", "进场日期")], WANG))
    assert error.value.code == "roster_column_missing"
    said = sentence(error.value.code, **error.value.facts)
    assert "班组" in said and "进场日期" in said and "姓名" not in said


def test_two_columns_of_the_same_meaning_are_refused():
    assert refused(workbook([*HEADINGS, "联系电话"], [*WANG, "13900000000"])) == "roster_heading_twice"


@pytest.mark.parametrize(
    "written",
    ["2026-3-1", "2026-03-01", "2026/03/01", "2026.3.1", "20260301", 20260301, "2026年3月1日", "２０２６－０３－０１", " 2026-03-01 ",
     "2026-03-01 00:00:00", MARCH_1, date(2026, 3, 1), 46082],
)
def test_dates_are_read_however_they_are_written(written: object):
    assert row(entry_on=written).entry_on == date(2026, 3, 1)


@pytest.mark.parametrize("written", ["2026-02-30", "26-3-1", "三月一日", 12, "2026-13-01", True, "1899-01-01", 1e300])
def test_a_date_that_cannot_be_one_is_a_fault(written: object):
    assert faults(entry_on=written) == [("entry_on", "date_wrong")]


def test_the_exit_in_a_roster_is_the_last_day_on_site():
    assert row(exit_on="2026-03-31").exit_on == date(2026, 4, 1)
    assert faults(exit_on="2026-03-01") == []
    assert faults(exit_on="2026-02-28") == [("exit_on", "exit_before_entry")]


@pytest.mark.parametrize(
    ("written", "fen"),
    [(350, 350_00), (350.5, 350_50), ("350", 350_00), ("350.05", 350_05), ("¥350", 350_00), ("1,200.00元", 1200_00),
     ("350元/天", 350_00), ("３５０", 350_00), (350.09999999999997, 350_10), ("350.000", 350_00), (0.01, 1)],
)
def test_money_is_exact_to_the_fen(written: object, fen: int):
    assert row(day_rate=written).day_rate_fen == fen


@pytest.mark.parametrize(
    ("written", "code"),
    [("350.005", "money_decimals"), (350.005, "money_decimals"), ("0", "money_not_positive"), ("-5", "money_not_positive"),
     ("三百五", "money_wrong"), ("1,20", "money_wrong"), ("3e2", "money_wrong"), (True, "money_wrong"), (1e9, "money_too_large"),
     ("100000.01", "money_too_large"), ("9" * 40, "money_wrong"), ("NaN", "money_wrong"), (MARCH_1, "money_wrong")],
)
def test_money_is_never_rounded_or_guessed(written: object, code: str):
    assert faults(day_rate=written) == [("day_rate", code)]


@pytest.mark.parametrize("written", [990424198506120017, 9.90424198506120e17, "9.90424E+17", "1.10105E+17"])
def test_an_id_number_that_excel_made_a_number_is_said_so(written: object):
    assert faults(id_number=written) == [("id_number", "id_number_as_number")]


def test_full_width_characters_and_stray_blanks_are_put_right():
    found = row(name=" 王　建国\u200b ", id_number="　" + WANG_ID.translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"}) + " ",
                team="钢筋一班\u00a0", phone=13800000000.0, card=12345678)
    assert (found.name, found.id_number, found.team, found.phone, found.card) == ("王建国", WANG_ID, "钢筋一班", "13800000000", "12345678")


@pytest.mark.parametrize("dot", ["·", "•", "・", "‧"])
def test_the_dot_in_a_minority_name_is_one_dot(dot: str):
    assert row(name=f"阿依古丽{dot}买买提").name == "阿依古丽·买买提"


@pytest.mark.parametrize(
    ("column", "written", "code"),
    [("name", None, "cell_missing"), ("name", "  ", "cell_missing"), ("name", 123, "name_wrong"), ("name", "王1", "name_wrong"),
     ("name", "王" * 101, "text_too_long"), ("phone", "1380000", "phone_wrong"), ("phone", "13800000000/13900000000", "phone_wrong"),
     ("uscc", "9144030071526726XX", "uscc_check_digit"), ("role", "朋友", "company_role_unknown"), ("team", None, "cell_missing"),
     ("team", "班" * 101, "text_too_long"), ("card", "12", "card_wrong"), ("card", 1234567890123456789, "cell_as_number"),
     ("company", True, "cell_not_text"), ("team", "#REF!", "cell_error")],
)
def test_each_cell_says_what_is_wrong_with_it(column: str, written: object, code: str):
    assert faults(**{column: written}) == [(column, code)]


def test_one_row_may_have_several_faults():
    assert faults(name=None, day_rate="x", entry_on="y") == [("name", "cell_missing"), ("day_rate", "money_wrong"), ("entry_on", "date_wrong")]


def test_a_person_written_twice_is_a_fault_of_the_later_row():
    found = read(workbook(HEADINGS, WANG, [2, "王建国", *WANG[2:]]))
    assert found.rows[0].faults == ()
    assert found.rows[1].faults == (CellFault("id_number", "row_repeated", {"sheet": "花名册", "first_row": 2}),)


def test_a_card_written_twice_is_a_fault_of_the_later_row():
    found = read(workbook(HEADINGS, WANG, [2, "李秀英", LI_ID, *WANG[3:]]))
    assert [f.code for f in found.rows[1].faults] == ["card_repeated"]


def test_blank_rows_and_rows_with_only_a_serial_number_are_nobody():
    found = read(workbook(HEADINGS, WANG, [], ["  "], [2], [3, "李秀英", LI_ID]))
    assert [line.number for line in found.rows] == [2, 6]


def test_every_visible_sheet_with_headings_is_read_and_the_others_are_named():
    found = read(workbook(
        sheets={"一班": [HEADINGS, WANG], "二班": [HEADINGS, [2, "李秀英", LI_ID, *WANG[3:12], None]], "说明": [["请填写"]],
                "旧": [HEADINGS, [3, "赵铁柱", ZHAO_ID, *WANG[3:]]]},
        hidden=("旧",),
    ))
    assert [(line.sheet, line.name) for line in found.rows] == [("一班", "王建国"), ("二班", "李秀英")]
    assert (found.sheets_read, found.sheets_left_out) == (("一班", "二班"), ("说明", "旧"))


def test_a_formula_counts_as_its_last_value_and_one_without_a_value_is_a_fault():
    content = workbook(HEADINGS, [*WANG[:9], "=300+50", *WANG[10:]])
    assert [(f.column, f.code) for f in read(content).rows[0].faults] == [("day_rate", "formula_without_value")]
    calculated = _replace(content, "xl/worksheets/sheet1.xml", b"<f>300+50</f><v />", b"<f>300+50</f><v>350</v>")
    assert read(calculated).rows[0].day_rate_fen == 350_00


def _replace(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy:
        for info in archive.infolist():
            text = archive.read(info)
            if info.filename == part:
                assert old in text
                text = text.replace(old, new)
            copy.writestr(info.filename, text)
    return out.getvalue()


# --- files that are no rosters --------------------------------------------------------------------------------


def test_files_that_are_not_workbooks_are_named_for_what_they_are():
    assert refused(b"") == "roster_empty_file"
    assert refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)) == "roster_old_format"
    assert refused("姓名,身份证号".encode()) == "roster_not_xlsx"
    assert refused(b"PK\x03\x04" + bytes(40)) == "roster_not_xlsx"
    assert refused(workbook(HEADINGS, WANG), bytes_max=1000) == "roster_too_large"
    assert refused(workbook(["随便"], ["什么"])) == "roster_no_headings"
    assert refused(workbook(HEADINGS)) == "roster_no_rows"


def test_another_zip_is_not_a_workbook():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert refused(out.getvalue()) == "roster_not_xlsx"


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", bytes(roster.UNPACKED_BYTES_MAX + 1))
    began = time.monotonic()
    assert refused(out.getvalue()) == "roster_unpacks_too_large"
    assert time.monotonic() - began < 1


def test_a_size_that_lies_does_not_help_a_bomb():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", bytes(1_000_000))
    lying = out.getvalue().replace((1_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert refused(lying) == "roster_not_xlsx"


def test_a_document_type_with_entities_is_refused():
    content = workbook(HEADINGS, WANG)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet '
    assert refused(_replace(content, "xl/worksheets/sheet1.xml", b"<worksheet ", bomb)) == "roster_not_xlsx"


def test_a_file_cut_or_damaged_at_any_byte_is_refused_in_words():
    content = workbook(HEADINGS, WANG)
    for at in range(0, len(content), 97):
        for damaged in (content[:at], content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]):
            try:
                read(damaged)
            except (Unusable, TooLarge) as error:
                assert error.code in SENTENCES


def test_more_people_than_a_file_may_hold_are_refused_not_cut_off():
    lines = [[at, f"王{chr(0x4E00 + at)}", id_number(date(1990, 1, 1), at), *WANG[3:12], None] for at in range(1, 12)]
    assert refused(workbook(HEADINGS, *lines), rows_max=10) == "roster_too_many_rows"
    assert len(read(workbook(HEADINGS, *lines), rows_max=11).rows) == 11


SHEET, STRINGS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        (STRINGS, b"</sst>", b"<si/>" * 400_000 + b"</sst>"),
        (STRINGS, b"</sst>", ("<x:si/>" * 400_000).encode() + b"</sst>"),
        (SHEET, b"</sheetData>", b"<row>" + b"<c/>" * 600_000 + b"</row></sheetData>"),
        (SHEET, b"</sheetData>", b"<row><c><is>" + b"</is></c><c><is>" * 400_000 + b"</is></c></row></sheetData>"),
        (SHEET, b"</sheetData>", b'<row r="1"/>' * 1_200_000 + b"</sheetData>"),
        (SHEET, b"</sheetData>", b"<row>" + b"<v/>" * 1_600_000 + b"</row></sheetData>"),
        (STYLES, b"</cellXfs>", b"<xf/>" * 150_000 + b"</cellXfs>"),
        (STYLES, b"</cellXfs>", b'<xf x="' + b"A1 " * 1_500_000 + b'"/></cellXfs>'),
        (STYLES, b"</cellXfs>", b'<numFmt formatCode="' + b"[" * 300 + b'"/></cellXfs>'),
    ],
    ids=["strings", "strings_prefixed", "cells", "inline_strings", "rows", "values", "styles", "attributes", "format"],
)
def test_a_small_file_of_very_many_elements_is_refused_before_anything_is_made_of_them(
    part: str, old: bytes, new: bytes, monkeypatch: pytest.MonkeyPatch
):
    # Our own empty workbook keeps its strings apart, as Excel does.
    bomb = _replace(roster.roster_workbook("zh"), part, old, new)
    assert len(bomb) < 300_000
    monkeypatch.setattr(roster, "_Reader", lambda content: pytest.fail("openpyxl was given it"))
    assert refused(bomb) == "roster_unpacks_too_large"


def test_a_bomb_need_not_be_utf_8_nor_called_xml():
    text = ("<sst>" + "<si/>" * 400_000 + "</sst>").encode("utf-16")
    out = io.BytesIO(workbook(HEADINGS, WANG))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/strings.bin", text)
    assert refused(out.getvalue()) == "roster_unpacks_too_large"


def test_the_largest_roster_is_within_the_limits():
    assert roster.ELEMENTS_MAX["c"] > roster.ROWS_MAX * len(HEADINGS) * 1.5
    assert roster.ELEMENTS_MAX["string"] > roster.ROWS_MAX * len(HEADINGS)
    assert roster.ELEMENTS_MAX["content"] > roster.ROWS_MAX * len(HEADINGS) * 3
    assert roster.ELEMENTS_MAX["row"] > roster.EXCEL_ROWS


@pytest.mark.parametrize("number", ["1048577", "2000000000", "1e300", "0", "x"])
def test_a_row_below_the_last_one_is_not_walked_to(number: str):
    far = f'<row r="{number}"><c><v>1</v></c></row></sheetData>'.encode()
    assert refused(_replace(workbook(HEADINGS, WANG), SHEET, b"</sheetData>", far)) == "roster_not_xlsx"


def test_sheet_after_sheet_of_blank_rows_is_not_walked():
    content = workbook(sheets={f"{at}班": [HEADINGS, WANG] for at in range(5)})
    for at in range(1, 6):
        content = _replace(content, f"xl/worksheets/sheet{at}.xml", b"</sheetData>", b'<row r="1048576"/></sheetData>')
    assert refused(content) == "roster_unpacks_too_large"


def test_two_sheets_of_one_part_are_refused():
    content = workbook(sheets={"一班": [HEADINGS, WANG], "二班": [HEADINGS, WANG]})
    assert refused(_replace(content, "xl/_rels/workbook.xml.rels", b"sheet2.xml", b"sheet1.xml")) == "roster_not_xlsx"


def test_a_formula_is_found_in_cells_that_say_where_they_are_and_in_cells_that_do_not():
    content = workbook(HEADINGS, [*WANG[:9], "=300+50", "=1", *WANG[11:]])
    bare = _replace(_replace(content, SHEET, b'<c r="J2"', b"<c"), SHEET, b'<c r="K2"', b"<c")
    for file in (content, bare):
        found = [(f.column, f.code) for f in read(file).rows[0].faults]
        assert found == [("day_rate", "formula_without_value"), ("entry_on", "formula_without_value")]


def test_a_formula_that_every_row_shares_is_not_worked_out():
    """openpyxl would translate its text for each cell: a megabyte for each of a hundred thousand."""
    shared = b'<c r="J2"><f t="shared" si="0" ref="J2:J3">' + b"A1+" * 1_000_000 + b"A1</f><v>350</v></c>"
    content = _replace(workbook(HEADINGS, WANG), SHEET, b'<c r="J2" t="n"><v>350</v></c>', shared)
    more = "".join(f'<row r="{at}"><c r="J{at}"><f t="shared" si="0"/></c></row>' for at in range(3, 1000)).encode()
    found = read(_replace(content, SHEET, b"</sheetData>", more + b"</sheetData>"))
    assert found.rows[0].day_rate_fen == 350_00
    assert ("day_rate", "formula_without_value") in [(f.column, f.code) for f in found.rows[-1].faults]


def test_a_stray_cell_in_the_last_row_of_excel_costs_little():
    content = _replace(workbook(HEADINGS, WANG), "xl/worksheets/sheet1.xml", b"</sheetData>",
                       b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    began = time.monotonic()
    assert len(read(content).rows) == 1
    assert time.monotonic() - began < 10, "0.6 s on a quiet machine; without the short cut half a minute"


# --- the empty workbook ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_empty_workbook_is_read_once_somebody_is_in_it(language: str):
    content = roster.roster_workbook(language)
    assert refused(content) == "roster_no_rows"
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet, notes = book.worksheets
    for at, column in enumerate(roster._TEMPLATE, start=1):
        sheet.cell(2, at, WANG[COLUMN[column]] if column in COLUMN else None)
    assert notes.max_row == len(roster._TEMPLATE) + 1
    out = io.BytesIO()
    book.save(out)
    found = read(out.getvalue())
    assert found.rows[0].faults == () and found.rows[0].name == "王建国"
    assert found.sheets_left_out == (notes.title,)


def test_the_empty_workbook_keeps_id_numbers_as_text_and_offers_roles():
    sheet = openpyxl.load_workbook(io.BytesIO(roster.roster_workbook("zh"))).worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    assert sheet.column_dimensions["B"].width > 18 and headings[1] == "身份证号"
    rules = {headings[ord(str(rule.sqref)[0]) - ord("A")]: rule for rule in sheet.data_validations.dataValidation}
    assert "劳务分包" in rules["参建类型"].formula1 and rules["日工资(元)"].type == "decimal"
    assert rules["计薪方式"].formula1 == '"计日,计时,月薪,计件"' and rules["加班怎么算"].formula1 == '"法定倍数,加班折工,不计价"'
    assert rules["签的是"].formula1 == '"劳动合同,用工书面协议"'


def test_the_empty_workbook_is_the_same_every_time():
    assert roster.roster_workbook("zh") == roster.roster_workbook("zh")


# --- kinds of pay ---------------------------------------------------------------------------------------------

PAID = [*HEADINGS, "计薪方式", "计量单位"]


@pytest.mark.parametrize(
    ("written", "unit", "kind"),
    [(None, None, "day"), ("计日", "", "day"), ("点工", None, "day"), ("计时", None, "hour"), ("月薪", None, "month"),
     ("计件", "吨", "piece"), ("Piece", "m3", "piece"), (" 包 工", "m²", None)],
)  # fmt: skip
def test_a_roster_may_say_how_each_man_is_paid(written: str | None, unit: str | None, kind: str | None):
    found = read(workbook(PAID, [*WANG, written, unit])).rows[0]
    if kind is None:
        assert [(fault.column, fault.code) for fault in found.faults] == [("pay_kind", "pay_kind_unknown")]
        return
    assert (found.pay_kind, found.unit or None, found.day_rate_fen, found.faults) == (kind, unit or None, 350_00, ())


@pytest.mark.parametrize(
    ("overtime", "signed", "found"),
    [(None, None, (None, None)), ("法定倍数", "劳动合同", ("law", "labour_contract")), ("加班折工", "用工书面协议", ("units", "work_agreement")),
     ("Not priced", "Work agreement", ("none", "work_agreement")), ("law", "labour_contract", ("law", "labour_contract"))],
)  # fmt: skip
def test_a_roster_may_say_how_overtime_is_paid_and_what_was_signed(overtime: str | None, signed: str | None, found: tuple):
    one = read(workbook([*HEADINGS, "加班怎么算", "签的是"], [*WANG, overtime, signed])).rows[0]
    assert ((one.overtime_rule, one.relation), one.faults) == (found, ())


def test_what_nobody_can_sign_is_named():
    one = read(workbook([*HEADINGS, "加班怎么算", "签的是"], [*WANG, "看情况", "口头"])).rows[0]
    assert [(fault.column, fault.code) for fault in one.faults] == [
        ("overtime_rule", "overtime_rule_unknown"), ("relation", "relation_unknown")
    ]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_empty_workbook_offers_is_understood(language: str):
    sheet = openpyxl.load_workbook(io.BytesIO(roster.roster_workbook(language))).worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    assert [roster._BY_HEADING[roster._heading(heading)] for heading in headings] == list(roster._TEMPLATE)
    for rule in sheet.data_validations.dataValidation:
        column = roster._TEMPLATE[ord(str(rule.sqref)[0]) - ord("A")]
        if rule.type == "list" and column != "trade":
            for said in rule.formula1.strip('"').split(","):
                assert roster._READERS[column](said, MARCH_1)[1], (column, said)


def test_a_roster_that_does_not_say_pays_by_the_day():
    assert (row().pay_kind, row().unit, row().company) == ("day", None, "海盐建筑劳务有限公司")


def test_a_unit_that_is_too_long_is_named():
    found = read(workbook(PAID, [*WANG, "计件", "平" * 17])).rows[0]
    assert [(fault.column, fault.code) for fault in found.faults] == [("unit", "text_too_long")]


def test_the_empty_workbook_offers_the_companies_and_teams_there_are_and_a_new_one_may_be_typed():
    companies = [f"海盐第{n}建筑劳务有限责任公司" for n in range(40)]
    content = roster.roster_workbook("zh", companies=companies, teams=["钢筋一班"])
    book = openpyxl.load_workbook(io.BytesIO(content))
    rules = {str(rule.sqref): rule for rule in book.worksheets[0].data_validations.dataValidation}
    assert rules["D2:D2001"].formula1.lstrip("=") == "'填写说明'!$E$2:$E$41" and rules["D2:D2001"].errorStyle == "warning"
    assert rules["G2:G2001"].formula1.lstrip("=") == "'填写说明'!$F$2:$F$2"
    assert [book["填写说明"].cell(line, 5).value for line in (2, 41)] == [companies[0], companies[-1]]
    with pytest.raises(Unusable, match="nobody below"):
        read(content)


def test_a_bare_sheet_of_the_oldest_excel_says_how_to_save_it():
    assert refused(b"\x09\x08\x08\x00\x00\x05\x10\x00" + bytes(600)) == "roster_old_format"
    assert ".xlsx" in sentence("roster_old_format", "zh") and "另存为" in sentence("roster_not_xlsx", "zh")
