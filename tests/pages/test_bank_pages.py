"""The bank's side on the pages: made, approved by another, sent, answered, what came back paid again; the statement."""

import re

import pytest

from app import access, bank
from app.store import bank as held
from tests.app.test_bank import ACCOUNT, CARD_LI, CARD_WANG, HEAD, STATEMENT, answer, desk  # noqa: F401 - the fixture desk


@pytest.fixture
def place(desk, clock, client_of, people_on_site, database, settings):  # noqa: F811
    """(desk, path of the account, login -> a client)."""
    clock.advance(seconds=(desk.now - clock()).total_seconds())

    def signed_in(login):
        client = client_of(None)
        with database.write() as db:
            token = access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=clock())
        client.cookies.set(access.COOKIE, token)
        return client

    return desk, f"/projects/{people_on_site.a.id}/account", signed_in


def batches(desk):  # noqa: F811
    return desk.ask(held.batches, desk.project_id)


def return_file(desk, batch, *states, **more):  # noqa: F811
    rows = [answer(batch, item, state, **more) for item, state in zip(desk.items(batch), states, strict=True)]
    return {"file": ("back.csv", (HEAD + "".join(rows)).encode("gb18030"), "text/csv")}


def test_a_batch_goes_from_hand_to_hand_and_what_came_back_goes_out_again(place):
    desk, path, client_of = place  # noqa: F811
    wu, chen = client_of("wu"), client_of("chen")
    form = {"month": "2026-03", "template_id": desk.template()}
    assert "制单</button>" in wu.get(path).text and "制单</button>" not in chen.get(path).text
    assert chen.post(f"{path}/batches", data=form).status_code == 403
    made = wu.post(f"{path}/batches", data=form)
    twice = wu.post(f"{path}/batches", data=form)
    assert made.status_code == twice.status_code == 303 and made.headers["location"] == twice.headers["location"]
    [batch] = batches(desk)
    own = f"{path}/batches/{batch.id}"

    # Whoever made it does not approve it, nobody sends it unapproved, and there is no file yet.
    assert "复核通过" not in wu.get(own).text and "制单人不能复核" in wu.get(own).text
    assert wu.post(f"{own}/approve").status_code == 403
    early = wu.post(f"{own}/send")
    assert early.status_code == 409 and 'role="alert"' in early.text
    assert "/file" not in wu.get(own).text
    assert "复核通过" in chen.get(own).text
    assert chen.post(f"{own}/approve").status_code == 303 and chen.post(f"{own}/approve").status_code == 303
    assert chen.post(f"{own}/send").status_code == 403
    assert wu.post(f"{own}/send").status_code == 303
    assert f"/batches/{batch.id}/file" in wu.get(own).text and "撤回批次" not in wu.get(own).text
    assert wu.get(f"/v1/projects/{desk.project_id}/batches/{batch.id}/file").status_code == 200

    shape = {"template_id": desk.template("通用回盘")}
    odd = wu.post(f"{own}/results", data=shape, files=return_file(desk, batch, "成功", "失败", amount="1.00"))
    assert odd.status_code == 200 and odd.text.count("金额与送出的不符") == 2
    done = wu.post(f"{own}/results", data=shape, files=return_file(desk, batch, "成功", "退票", reason="账户已销户"))
    assert "成功 1 笔" in done.text and "退回 1 笔" in done.text and "为这几笔重新制单" in done.text
    again = wu.post(f"{own}/results", data=shape, files=return_file(desk, batch, "成功", "退票", reason="账户已销户"))
    assert "先前已知 2 笔" in again.text
    assert "为这几笔重新制单" not in chen.get(own).text

    fields = dict(re.findall(r'name="(month|template_id|line)" value="([^"]+)"', wu.get(own).text))
    second = wu.post(f"{own}/again", data=fields)
    assert second.status_code == 303 and len(batches(desk)) == 2
    assert wu.post(f"{own}/again", data=fields).headers["location"] == second.headers["location"] and len(batches(desk)) == 2
    newer = batches(desk)[1]
    assert desk.items(newer)[0].retry_of == desk.items(batch)[1].id
    assert f"已列入 {newer.batch_no} 重发" in wu.get(own).text
    assert f"补发 {batch.batch_no} 的退款" in chen.get(second.headers["location"]).text


def test_who_is_left_out_is_named_with_the_reason(place, people_on_site):
    desk, path, client_of = place  # noqa: F811
    with desk.database.read() as db:
        card = held.cards(db, [people_on_site.li.id])[people_on_site.li.id]
    desk.run(bank.void, kind="bank_card", row_id=card.id, reason="卡已挂失")
    wu = client_of("wu")
    own = wu.post(f"{path}/batches", data={"month": "2026-03", "template_id": desk.template()}).headers["location"]
    shown = wu.get(own).text
    assert "本月未列入的人" in shown and "未登记工资卡" in shown and "李秀英" in shown
    [batch] = batches(desk)
    assert batch.count == 1
    assert wu.post(f"{path}/batches/{batch.id}/withdraw").status_code == 303
    assert "已撤回" in wu.get(own).text and "王建国" in wu.get(own).text
    for digits in (CARD_LI, CARD_WANG, ACCOUNT):
        assert digits not in shown and digits not in wu.get(path).text


def test_what_cannot_be_a_batch_is_refused_on_the_page(place):
    desk, path, client_of = place  # noqa: F811
    wu = client_of("wu")
    form = {"month": "2026-03", "template_id": desk.template()}
    for change, status in [({"month": "x"}, 400), ({"template_id": "x"}, 400), ({"template_id": 999_999}, 404), ({"line": "x"}, 400),
                           ({"line": "999999"}, 422), ({"month": "2026-02"}, 409), ({"on_behalf_of": "1"}, 422)]:  # fmt: skip
        reply = wu.post(f"{path}/batches", data=form | change)
        assert reply.status_code == status and 'role="alert"' in reply.text, change
    assert batches(desk) == []
    assert wu.get(f"{path}/batches/999999").status_code == 404
    assert client_of("zhou").get(path).status_code == 404
    nothing = wu.post(f"{path}/statement", data={"template_id": desk.template("通用对账单")})
    assert nothing.status_code == 400 and "请先选择文件" in nothing.text


def test_funding_is_planned_arrives_once_and_a_wrong_plan_is_voided(place):
    desk, path, client_of = place  # noqa: F811
    wu, lin = client_of("wu"), client_of("lin")
    plan = {"month": "2026-03", "due_on": "2026-04-01", "amount": "120,000.00"}
    assert lin.post(f"{path}/plan", data=plan).status_code == 403 and "登记计划" not in lin.get(path).text
    assert wu.post(f"{path}/plan", data=plan).status_code == 303
    twice = wu.post(f"{path}/plan", data=plan)
    assert twice.status_code == 409 and 'role="alert"' in twice.text
    assert "¥20,000.00" in lin.get(path).text
    arrived = {"received_on": "2026-04-05", "amount": "20000", "reference": "FUND-2"}
    assert wu.post(f"{path}/receipts", data=arrived).status_code == wu.post(f"{path}/receipts", data=arrived).status_code == 303
    assert lin.get(path).text.count("FUND-2") == 1
    assert wu.post(f"{path}/receipts", data=arrived | {"amount": "1"}).status_code == 409
    for wrong in ({"amount": "1.234"}, {"amount": "-5"}, {"amount": ""}, {"received_on": "x"}, {"reference": " "}):
        reply = wu.post(f"{path}/receipts", data=arrived | wrong)
        assert reply.status_code in (400, 422) and 'role="alert"' in reply.text
    [line] = desk.ask(bank.funding, desk.project_id, desk.now)
    assert wu.post(f"{path}/plan/void", data={"plan_id": line.plan_id, "reason": ""}).status_code == 422
    assert wu.post(f"{path}/plan/void", data={"plan_id": line.plan_id, "reason": "金额录错"}).status_code == 303
    assert desk.ask(bank.funding, desk.project_id, desk.now) == ()


def test_a_statement_is_taken_in_and_a_line_nobody_knows_gets_its_name(place):
    desk, path, client_of = place  # noqa: F811
    wu, own = client_of("wu"), f"{path}/statement"

    def file(*lines):
        return {"file": ("s.csv", (STATEMENT + "".join(f"{line}\r\n" for line in lines)).encode("gb18030"), "text/csv")}

    shape = {"template_id": desk.template("通用对账单")}
    assert "尚未导入对账单" in wu.get(own).text
    broken = wu.post(own, data=shape, files=file("FUND-1,2026-03-20,100000.00,,99.00,某建设,,拨款"))
    assert broken.status_code == 200 and "一行也没有导入" in broken.text and desk.kept() == []
    good = file("FUND-1,2026-03-20,100000.00,,100000.00,某建设,,拨款", "T2,2026-03-25,,30.00,99970.00,某人,,转账")
    taken = wu.post(own, data=shape, files=good)
    assert "新导入 2 行" in taken.text and "先前已有 2 行" in wu.post(own, data=shape, files=good).text
    line = next(each for each in desk.kept() if each.bank_txn_id == "T2")
    assert f'action="{own}/{line.id}/matches"' in wu.get(own).text and "matches" not in client_of("lin").get(own).text
    assert client_of("chen").post(f"{own}/{line.id}/matches", data={"was": "fee:"}).status_code == 403
    assert wu.post(f"{own}/{line.id}/matches", data={"was": "interest:"}).status_code == 422
    assert wu.post(f"{own}/{line.id}/matches", data={"was": "item_result:x"}).status_code == 404
    for _ in range(2):
        assert wu.post(f"{own}/{line.id}/matches", data={"was": "fee:"}).status_code == 303
    assert "对账单上每一笔都有对应" in wu.get(own).text


def test_the_account_is_recorded_on_its_page_and_batches_have_a_shape(client_of, people_on_site, database):
    wu, path = client_of("wu"), f"/projects/{people_on_site.a.id}/account"
    assert 'name="number"' in wu.get(path).text and 'name="number"' not in client_of("chen").get(path).text
    form = {
        "bank": "海盐农商银行", "number": "99000000000000000001", "opened_on": "2026-03-02", "opening": "1,000.50",
        "party_general_contractor": "海盐建设总包有限公司", "signed_general_contractor": "2026-03-02", "party_owner": "业主", "party_bank": "",
    }  # fmt: skip
    for wrong in ({"number": "12"}, {"opened_on": "2027-01-01"}, {"opening": "-1"}, {"opened_on": ""}):
        refused = wu.post(f"{path}/open", data=form | wrong)
        assert refused.status_code in (400, 422) and 'role="alert"' in refused.text, wrong
    with database.read() as db:
        assert held.live_account(db, people_on_site.a.id) is None
    assert "done=account_opened" in wu.post(f"{path}/open", data=form).headers["location"]
    with database.read() as db:
        account = held.live_account(db, people_on_site.a.id)
        assert (account.last4, account.opening_fen) == ("0001", 1000_50)
        assert {p["role"]: bool(p["signed_on"]) for p in account.parties} == {"general_contractor": True, "owner": False}
        assert {t.use for t in held.templates(db)} == {"batch", "return", "statement"}
    shown = wu.get(path).text
    assert 'name="opened_on"' not in shown and "尚未签字" in shown and "缺少开户银行" in shown
    assert wu.post(f"{path}/open", data=form).status_code == 409


def test_his_wage_card_is_recorded_on_his_page(client_of, people_on_site, database):
    wang, li = people_on_site.wang, people_on_site.li
    wu, path = client_of("wu"), f"/projects/{people_on_site.a.id}/workers/{wang.id}"
    assert "没有工资卡不能代发" in wu.get(path).text
    for number, status in (("123", 422), ("", 422)):
        refused = wu.post(f"{path}/card", data={"number": number, "bank": "某银行"})
        assert refused.status_code == status and 'role="alert"' in refused.text
    assert "done=card_kept" in wu.post(f"{path}/card", data={"number": CARD_WANG, "bank": "某银行"}).headers["location"]
    for login, form in (("wu", True), ("chen", False), ("lin", False)):
        shown = client_of(login).get(path).text
        assert f"****{CARD_WANG[-4:]}" in shown and CARD_WANG not in shown, login
        assert ('action="' + path + '/card"' in shown) == form
    # Another man's card, and one whose check digit is wrong.
    assert wu.post(f"/projects/{people_on_site.a.id}/workers/{li.id}/card", data={"number": CARD_WANG, "bank": "某银行"}).status_code == 409
    odd = CARD_WANG[:-1] + str((int(CARD_WANG[-1]) + 1) % 10)
    assert "done=card_odd" in wu.post(f"{path}/card", data={"number": odd, "bank": "某银行"}).headers["location"]
    with database.read() as db:
        assert held.cards(db, [wang.id, li.id])[wang.id].last4 == odd[-4:] and li.id not in held.cards(db, [li.id])
