"""The wage account's book, the roster and the register of entries and exits, as printed."""

from dataclasses import replace
from datetime import date

from app.forms.account import AccountHead, AccountLine, account_book
from app.forms.people import Move, PeopleHead, Person, moves_sheet, people_sheet
from tests.forms.site import ENGLISH, NAMES, NASTY, STAMP, TRADES, Opened

ACCOUNT = AccountHead("锦江区东湖片区安置房二期工程", "中国建设银行成都锦江支行", "5105014200********", date(2026, 3, 1), date(2026, 3, 31), 1_000_050)


def movements() -> list[AccountLine]:
    balance, lines = ACCOUNT.opening_fen, []
    for at in range(25):
        into, out = (50_000_000, 0) if at % 8 == 0 else (0, 654_321 + at)
        balance += into - out
        lines.append(AccountLine(date(2026, 3, 1 + at), "人工费拨付" if into else "代发工资", "成都锦江城投建设有限公司" if into else NAMES[at],
                                 f"2026031000{at:08d}", into, out, balance, "" if at == 6 else "3月批次-01" if out else "拨付 03-01"))  # fmt: skip
    return lines


def people() -> list[Person]:
    return [
        Person(name, f"51102319800101{at:03d}X", TRADES[at % 5], "四川宏远建筑劳务有限公司", "钢筋一班", date(2026, 2, 20), "F" if at == 23 else "M", "汉",
               "四川省资中县球溪镇高楼村3组12号", f"138{at:08d}", "中级", at == 0, f"HT-2026-{at:04d}", "以完成任务为期限", date(2026, 2, 20), "300.00 元/日",
               "中国建设银行成都锦江支行", f"6217003810001234{at:03d}", date(2026, 2, 21), "工伤", f"李梅 139{at:08d}", date(2026, 3, 20) if at == 3 else None)
        for at, name in enumerate(NAMES)
    ]  # fmt: skip


HEAD = PeopleHead("锦江区东湖片区安置房二期工程", "中国建筑第八工程局有限公司", "四川宏远建筑劳务有限公司", date(2026, 3, 16), date(2026, 3, 22))
MOVES = [Move(name, f"511023********{at:03d}X", TRADES[at % 5], date(2026, 2, 20), date(2026, 3, 20) if at % 2 else None, at % 2 == 0, at % 2 == 1, 29, True, True,
              "已结清" if at % 2 else "", "", True if at % 2 else None) for at, name in enumerate(NAMES)]  # fmt: skip


def test_the_closing_balance_follows_from_the_opening_one():
    lines = movements()
    opened = Opened(account_book(ACCOUNT, lines, STAMP))
    assert opened.prints_as_a_form()
    closing = opened.find("期末余额")[0]
    formula, stored = opened.formulas_found()[f"专户台账!H{closing}"]
    assert stored == lines[-1].balance_fen / 100
    opening, total = opened.find("期初余额")[0], opened.find("合计")[0]
    assert formula == f"=H{opening}+F{total}-G{total}"
    first = opened.find(1)[0]
    assert opened.sheet().cell(total, 6).value == sum(value or 0 for value in opened.column("收入", first, 25))
    assert round(opened.sheet().cell(total, 7).value * 100) == sum(line.out_fen for line in lines)


def test_an_unmatched_line_and_a_broken_balance_are_coloured_each_once():
    lines = movements()
    lines[10] = replace(lines[10], out_fen=lines[10].out_fen + 1)
    opened = Opened(account_book(ACCOUNT, lines, STAMP))
    first = opened.find(1)[0]
    assert [row for row in range(25) if opened.sheet().cell(first + row, 3).fill.fgColor.rgb == "FFFCE4D6"] == [6, 10]
    assert opened.column("对应记录", first + 6, 1) == ["未对上"]


def test_the_roster_has_every_column_and_keeps_numbers_as_text():
    opened = Opened(people_sheet(HEAD, people(), STAMP))
    assert opened.prints_as_a_form()
    row = opened.find("王建国")[0]
    head = [opened.sheet().cell(row - 1, col).value for col in range(1, 25)]
    assert head[0] == "序号" and head[18] == "工资卡号" and head[23] == "备注" and None not in head
    assert opened.column("工资卡号", row, 1) == ["6217003810001234000"]
    assert opened.column("是否班组长", row, 2) == ["是", None]


def test_who_came_and_who_left_stand_in_their_own_columns():
    opened = Opened(moves_sheet(HEAD, MOVES, STAMP))
    assert opened.prints_as_a_form()
    row = opened.find("王建国")[0]
    assert opened.column("进场农民工姓名", row, 2) == ["王建国", None]
    assert opened.column("离场农民工姓名", row, 2) == [None, "李铁柱"]
    assert opened.find("进场 13 人，离场 12 人。")


def test_nothing_anybody_typed_is_a_formula():
    nasty = NASTY[0]
    lines = [replace(movements()[0], summary=nasty, party=nasty, flow_no=nasty, matched=nasty)]
    assert len(Opened(account_book(replace(ACCOUNT, bank=nasty), lines, STAMP)).formulas_found()) == 3
    assert not Opened(people_sheet(HEAD, [replace(people()[0], name=nasty, address=nasty, emergency=nasty)], STAMP)).formulas_found()
    assert not Opened(moves_sheet(HEAD, [replace(MOVES[0], name=nasty, settled=nasty)], ENGLISH)).formulas_found()
