"""From a closed month to the worker's card, back from the bank, and against the statement."""

import ast
import inspect
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import bank, ledger, papers, payroll, terms
from app.db import Database
from app.domain import bank_files as files
from app.domain.ledger import AccountKind
from app.errors import Conflict, ServiceError
from app.forms.bank import answer_workbook, read_workbook
from app.store import bank as held
from app.store import money, people, sheets
from app.tables import BankCard, ItemResult, JournalEntry, PaymentBatch, PaymentItem, StatementLine
from app.vault import Vault
from app.wording import NAMES, SENTENCES
from tests.books import MARCH, Books, Earned
from tests.cast import Cast, Member, add_member, id_number
from tests.payday import at

CARDS = ["6217000000000000004", "6222020000000000000", "6217000000000000012", "6217000000000000020", "6217000000000000038"]
CARD_WANG, CARD_LI = CARDS[:2]
ACCOUNT = "33050163704200000123"
TODAY = date(2026, 4, 5)
APRIL = date(2026, 4, 1)


@pytest.fixture(autouse=True)
def _reconciled_twice(monkeypatch):
    """Whoever sets a statement against the ledger here does it both ways: from what does not meet, and from every line."""
    quick = bank._reconciled

    def both(db, project, live, as_of):
        found = quick(db, project, live, as_of)
        assert found == bank._reconciled_then(db, project, live, as_of)
        return found

    monkeypatch.setattr(bank, "_reconciled", both)


@dataclass
class Desk:
    """The desk of project A in April: March is closed and signed, the account holds 100,000 yuan, everybody has a card."""

    database: Database
    vault: Vault
    cast: Cast
    now: datetime
    lines: dict[int, int]
    """Worker -> his line of March."""

    @property
    def project_id(self) -> int:
        return self.cast.a.id

    def run(self, use_case, by: str = "wu", **values: Any) -> Any:
        """Do something in a transaction of its own."""
        with self.database.write() as db:
            return self.do(db, use_case, by, **values)

    def do(self, db, use_case, by: str = "wu", **values: Any) -> Any:
        vault = (self.vault,) if "vault" in inspect.signature(use_case).parameters else ()
        return use_case(db, *vault, **{"project_id": self.project_id, "by": by, "now": self.now} | values)

    def ask(self, question, *values: Any, **named: Any) -> Any:
        with self.database.read() as db:
            return question(db, *values, **named)

    def template(self, name: str = "通用代发") -> int:
        return next(t.id for t in self.ask(held.templates) if t.name == name)

    def says(self, member: Member, verdict: str, claimed_fen: int | None = None) -> None:
        """The worker's word on his line."""
        with self.database.write() as db:
            sign(db, self, self.lines[member.id], verdict, claimed_fen)

    # --- batches

    def make(self, **values: Any) -> bank.Made:
        return self.run(bank.make_batch, **{"month": MARCH, "template_id": self.template()} | values)

    def sent(self, **values: Any) -> held.BatchInfo:
        batch = self.make(**values).batch
        self.run(bank.approve_batch, by="chen", batch_id=batch.id)
        return self.run(bank.send_batch, batch_id=batch.id)

    def items(self, batch) -> list[held.ItemInfo]:
        return self.ask(held.items, batch.id)

    def results(self, batch, *lines: str, head: str | None = None, name: str = "通用回盘") -> bank.Results:
        content = ((HEAD if head is None else head) + "".join(lines)).encode("gb18030")
        return self.run(bank.import_results, batch_id=batch.id, template_id=self.template(name), content=content)

    def statement(self, *lines: str) -> bank.StatementReport:
        content = (STATEMENT + "".join(f"{line}\r\n" for line in lines)).encode("gb18030")
        return self.run(bank.import_statement, template_id=self.template("通用对账单"), content=content)

    def reconcile(self, **values: Any) -> bank.Reconciliation:
        return self.ask(bank.reconcile, self.project_id, self.now, **values)

    def kept(self) -> list[held.StatementInfo]:
        with self.database.read() as db:
            return held.statement(db, held.live_account(db, self.project_id).id)

    # --- what came of it

    def books(self) -> dict[str, int]:
        with self.database.read() as db:
            return self.balances(db)

    def balances(self, db) -> dict[str, int]:
        account = held.live_account(db, self.project_id).id
        return {
            "account": ledger.balance(db, f"special_account:s{account}"),
            "transit": ledger.balance(db, f"transit:s{account}"),
            "wang": ledger.balance(db, f"wages_payable:e{self.cast.wang.engagement_id}"),
            "li": ledger.balance(db, f"wages_payable:e{self.cast.li.engagement_id}"),
        }

    def fees(self) -> int:
        """What the contractor owes the account."""
        return self.ask(ledger.balance, f"bank_fee:c{self.cast.a.project_company_id}")

    def interest(self) -> int:
        return self.ask(ledger.balance, f"interest:p{self.project_id}")

    def wrong(self) -> list[str]:
        with self.database.read() as db:
            return [a.code for a in ledger.assertions(db, self.project_id, self.now) if not a.holds]

    def paid(self, worker_id: int) -> list[int]:
        return sorted(p.amount_fen for p in self.ask(money.payments, self.project_id) if p.worker_id == worker_id)


def sign(db, desk: Desk, line_id: int, verdict: str = "agree", claimed_fen: int | None = None) -> None:
    line = sheets.line(db, line_id)
    sheets.add_confirmation(
        db, project_id=desk.project_id, worker_id=line.content.worker_id, subject="line", content_hash=line.line_hash,
        verdict=verdict, claimed_fen=claimed_fen, reason="", method="paper", evidence=[], by="wu", now=desk.now,
    )  # fmt: skip


def open_desk(database: Database, vault: Vault, cast: Cast, earned: list[Earned], *, sign_all: bool = True) -> Desk:
    desk = Desk(database, vault, cast, at(5, month=4), {})
    with database.write() as db:
        ids = Books(cast, desk.now).close(db, MARCH, earned)
        desk.lines = {e.member.id: line for e, line in zip(earned, ids, strict=True)}
        for line_id in ids if sign_all else ():
            sign(db, desk, line_id)
        bank.seed_templates(db, by="gao", now=desk.now)
        desk.do(
            db, bank.open_account, company_id=cast.a.company_id, bank_name="某银行海盐支行", number=ACCOUNT,
            opened_on=date(2026, 2, 1), parties=[{"role": r, "name": r, "signed_on": "2026-02-01"} for r in bank.PARTIES],
        )  # fmt: skip
        desk.do(db, bank.record_receipt, received_on=date(2026, 3, 20), amount_fen=100_000_00, reference="FUND-1")
        for e, number in zip(earned, CARDS, strict=False):
            desk.do(db, bank.set_card, worker_id=e.member.id, number=number, bank_name="某银行")
    return desk


@pytest.fixture
def desk(database, vault, people_on_site) -> Desk:
    cast = people_on_site
    return open_desk(database, vault, cast, [Earned(cast.wang, 1200_00), Earned(cast.li, 800_00)])


def refused(call, *values, **named) -> str:
    with pytest.raises(ServiceError) as answer:
        call(*values, **named)
    assert answer.value.code in SENTENCES
    return answer.value.code


HEAD = "序号,流水标识,收款户名,金额(元),状态,失败原因,银行流水号,交易日期\r\n"


def answer(batch, item, status: str, *, amount: str | None = None, reason: str = "", ref: str | None = None, on: str = "2026-04-05"):
    yuan = amount or files.money(item.amount_fen, "yuan")
    ref = f"B{item.id}{status}" if ref is None else ref
    return f"{item.seq},{batch.batch_no}-{item.seq:04d},某某,{yuan},{status},{reason},{ref},{on}\r\n"


def faults(done) -> list[tuple[int, str]]:
    assert all(fault.code in SENTENCES for fault in done.faults)
    return [(fault.row, fault.code) for fault in done.faults]


# --- the account -----------------------------------------------------------------------------------------------


def test_the_account_is_named_after_contractor_and_project(desk):
    live = desk.ask(held.live_account, desk.project_id)
    assert live.name == "海盐建设总包有限公司嘉禾一期农民工工资专用账户"
    assert (live.last4, ACCOUNT in repr(live)) == ("0123", False)
    assert gaps(desk, desk.project_id) == []


def opened(desk, **values) -> int:
    """Another project's account: project A has one."""
    return desk.run(
        bank.open_account,
        **{"project_id": desk.cast.b.id, "company_id": desk.cast.b.company_id, "bank_name": "某银行", "number": "１２３４ 5678-9",
           "opened_on": APRIL} | values,
    )  # fmt: skip


WRONG_ACCOUNTS = [
    ({"number": "1234567"}, "account_number_wrong"),
    ({"number": "12345678x"}, "account_number_wrong"),
    ({"opened_on": date(2026, 4, 6)}, "date_in_future"),
    ({"opened_on": date(1900, 1, 1)}, "dates_wrong"),
    ({"opening_fen": -1}, "amount_wrong"),
    ({"opening_fen": 0.5}, "amount_wrong"),
    ({"bank_name": " "}, "text_missing"),
    ({"bank_name": "某\x00"}, "text_malformed"),
    ({"company_id": 999}, "account_company_wrong"),
    ({"parties": [{"role": ["bank"], "name": "x"}]}, "party_unknown"),
    ({"parties": [{"role": "bank", "name": "x", "signed_on": "2026-02-30"}]}, "party_unknown"),
    ({"parties": [{"role": "supervisor", "name": "x"}]}, "party_not_asked_for"),
    ({"parties": [{"role": "bank", "name": "x"}] * 2}, "party_twice"),
    ({"parties": [{"role": "bank"}]}, "text_missing"),
    ({"evidence": [999]}, "evidence_unknown"),
    ({"project_id": 999}, "project_unknown"),
]


def test_an_account_that_cannot_be_is_refused(desk):
    for change, code in WRONG_ACCOUNTS:
        assert refused(opened, desk, **change) == code


def test_a_project_has_one_account(desk):
    assert refused(opened, desk, project_id=desk.project_id, company_id=desk.cast.a.company_id) == "special_account_exists"


def gaps(desk, project_id: int) -> list[tuple[str, str | None]]:
    found = desk.ask(bank.account_gaps, project_id, desk.now)
    assert all(gap.code in SENTENCES for gap in found)
    return [(gap.code, gap.role) for gap in found]


def test_who_signs_the_agreement_is_the_countys_to_say(desk):
    assert gaps(desk, desk.cast.b.id) == [("account_missing", None)]
    with desk.database.write() as db:
        terms.write_area_rule(
            db, area_code="3304", key="agreement_parties", value=["owner", "general_contractor", "bank", "regulator"],
            valid_from=date(2026, 1, 1), source="县人社局", by="gao", now=desk.now,
        )  # fmt: skip
    assert gaps(desk, desk.project_id) == [("party_missing", "regulator")]
    signed = [{"role": role, "name": role, "signed_on": date(2026, 4, 1)} for role in ("owner", "bank", "regulator")]
    opened(desk, parties=[*signed, {"role": "general_contractor", "name": "x", "signed_on": None}], name="工资户")
    assert gaps(desk, desk.cast.b.id) == [("account_name_differs", None), ("party_not_signed", "general_contractor")]


def test_an_account_opened_by_mistake_is_voided_and_one_with_money_on_it_is_not(desk):
    account = opened(desk, opening_fen=500_00)
    with desk.database.read() as db:
        assert ledger.balance(db, f"special_account:s{account}") == 500_00
    desk.run(bank.void, project_id=desk.cast.b.id, kind="special_account", row_id=account, reason="录错")
    with desk.database.read() as db:
        assert ledger.balance(db, f"special_account:s{account}") == 0
        assert [a for a in ledger.assertions(db, desk.cast.b.id, desk.now) if not a.holds] == []
    again = opened(desk)
    assert refused(desk.run, bank.void, kind="special_account", row_id=again, reason="x") == "paper_unknown"
    live = desk.ask(held.live_account, desk.project_id).id
    assert refused(desk.run, bank.void, kind="special_account", row_id=live, reason="x") == "account_used"
    assert refused(desk.run, bank.void, kind="payment", row_id=1, reason="x") == "paper_kind_unknown"
    assert refused(desk.run, bank.void, kind="bank_card", row_id=999, reason="x") == "paper_unknown"
    assert refused(desk.run, bank.void, kind="bank_card", row_id=1, reason=" ") == "text_missing"


# --- funding ---------------------------------------------------------------------------------------------------


def test_funding_is_held_against_its_plan(desk):
    plan = desk.run(bank.add_plan, month=date(2026, 3, 9), due_on=date(2026, 3, 31), agreed_fen=150_000_00)
    (line,) = desk.ask(bank.funding, desk.project_id, desk.now)
    assert (line.plan_id, line.month, line.received_fen, line.short_fen, line.late) == (plan, MARCH, 100_000_00, 50_000_00, True)
    assert gaps(desk, desk.project_id) == [("funding_short", None)]
    assert refused(desk.run, bank.add_plan, month=MARCH, due_on=TODAY, agreed_fen=1) == "funding_plan_exists"
    desk.run(bank.void, kind="funding_plan", row_id=plan, reason="金额有误")
    desk.run(bank.add_plan, month=MARCH, due_on=TODAY, agreed_fen=1)
    assert refused(desk.run, bank.void, kind="funding_plan", row_id=plan, reason="x") == "paper_unknown"
    assert refused(desk.run, bank.add_plan, month=APRIL, due_on=TODAY, agreed_fen=0) == "amount_wrong"


def test_the_same_receipt_twice_is_one_and_another_under_its_number_is_refused(desk):
    same = {"received_on": date(2026, 3, 20), "amount_fen": 100_000_00, "reference": "FUND-1"}
    desk.run(bank.record_receipt, **same)
    assert desk.books()["account"] == 100_000_00
    assert refused(desk.run, bank.record_receipt, **same | {"amount_fen": 1}) == "receipt_conflict"
    assert refused(desk.run, bank.record_receipt, **same | {"received_on": date(2026, 4, 6)}) == "date_in_future"
    assert refused(desk.run, bank.record_receipt, **same, project_id=desk.cast.b.id) == "special_account_missing"


def test_money_that_stays_away_for_a_month_is_a_gap(desk):
    desk.now = at(21, month=4)
    assert ("funding_late", None) in gaps(desk, desk.project_id)


# --- cards -----------------------------------------------------------------------------------------------------


def set_card(desk, number: str, member: Member | None = None, **values):
    worker = (member or desk.cast.li).id
    return desk.run(bank.set_card, **{"worker_id": worker, "number": number, "bank_name": "某银行"} | values)


WRONG_CARDS = [
    ({"number": "62170000"}, "card_number_wrong"),
    ({"number": "6217x00000000000004"}, "card_number_wrong"),
    ({"number": "6" * 20}, "card_number_wrong"),
    ({"holder_name": "别人"}, "card_holder_differs"),
    ({"bank_code": "12345"}, "bank_code_wrong"),
    ({"bank_name": ""}, "text_missing"),
    ({"bank_name": "=cmd()"}, "bank_name_wrong"),
    ({"bank_name": "甲;乙"}, "bank_name_wrong"),
    ({"worker_id": 999}, "worker_not_on_project"),
    ({"project_id": 999}, "worker_not_on_project"),
]


def test_a_card_that_cannot_be_paid_to_is_refused(desk):
    for change, code in WRONG_CARDS:
        assert refused(set_card, desk, **{"number": CARDS[2]} | change) == code


def test_a_card_is_one_workers_even_when_he_has_a_newer_one(desk):
    assert refused(set_card, desk, CARD_WANG) == "card_of_another"
    first = desk.ask(held.cards, [desk.cast.wang.id])[desk.cast.wang.id]
    newer = set_card(desk, CARDS[2], desk.cast.wang)
    assert newer.created and refused(set_card, desk, CARD_WANG) == "card_of_another"
    desk.run(bank.void, kind="bank_card", row_id=first.id, reason="不是他的卡")
    assert set_card(desk, CARD_WANG).created
    assert refused(desk.run, bank.void, kind="bank_card", row_id=first.id, reason="x") == "row_voided"


def test_the_same_card_again_is_the_one_that_is_there_and_a_check_digit_is_only_a_warning(desk):
    spaced = f" {CARD_LI[:4]}-{CARD_LI[4:8]}  {CARD_LI[8:]}".translate({ord(str(n)): 0xFF10 + n for n in range(10)})
    assert not set_card(desk, spaced, holder_name="李 秀英").created
    odd = set_card(desk, "6217000000000000005", bank_code="102335600123")
    assert (odd.created, odd.warnings) == (True, ("bank_card_check_digit",))


def test_two_desks_on_two_projects_cannot_give_one_card_to_two_workers(desk, monkeypatch):
    barrier, said = threading.Barrier(2), []
    holders = held.holders

    def slowly(db, index):
        found = holders(db, index)
        time.sleep(0.2)
        return found

    monkeypatch.setattr(held, "holders", slowly)

    def record(project_id: int, member: Member) -> None:
        barrier.wait()
        try:
            said.append(set_card(desk, CARDS[4], member, project_id=project_id).created)
        except ServiceError as error:
            said.append(error.code)

    desks = [threading.Thread(target=record, args=who) for who in ((desk.project_id, desk.cast.li), (desk.cast.b.id, desk.cast.zhao))]
    for thread in desks:
        thread.start()
    for thread in desks:
        thread.join()
    assert sorted(said, key=str) == [True, "card_of_another"]


# --- templates -------------------------------------------------------------------------------------------------


def test_the_newest_template_of_a_name_counts_and_the_built_in_ones_come_once(desk):
    assert desk.run(lambda db, **_: bank.seed_templates(db, by="gao", now=desk.now)) == 0
    spec = {"columns": files.BUILT_IN["三列代发"][1]["columns"], "delimiter": "tab"}
    add = {"name": "三列代发", "use": "batch", "spec": spec}
    mine = desk.run(lambda db, by, now, **_: bank.add_template(db, **add, by=by, now=now))
    assert desk.template("三列代发") == mine
    for bad, code in (({"use": "x"}, "template_use_unknown"), ({"spec": {}}, "template_columns_wrong"), ({"name": " "}, "text_missing")):
        assert refused(desk.run, lambda db, by, now, bad=bad, **_: bank.add_template(db, **add | bad, by=by, now=now)) == code
    batch = desk.sent(template_id=mine)
    name, content = desk.run(bank.batch_file, batch_id=batch.id)
    assert name == "A-202603-01.txt" and content.decode("gb18030").splitlines()[1] == f"王建国\t{CARD_WANG}\t1200.00"


def test_a_template_is_for_one_kind_of_file(desk):
    assert refused(desk.make, template_id=desk.template("通用回盘")) == "template_use_wrong"
    assert refused(desk.make, template_id=999) == "template_unknown"


def test_a_workbook_is_written_and_read_by_who_can(desk):
    spec = {"columns": files.BUILT_IN["三列代发"][1]["columns"], "workbook": True}
    mine = desk.run(lambda db, by, now, **_: bank.add_template(db, name="表格", use="batch", spec=spec, by=by, now=now))
    assert refused(desk.make, template_id=mine) == "template_workbook"
    batch = desk.sent(template_id=mine, write_workbook=lambda cells: repr(cells).encode())
    name, content = desk.run(bank.batch_file, batch_id=batch.id)
    assert name.endswith(".xlsx") and ast.literal_eval(content.decode())[1] == ["王建国", CARD_WANG, "1200.00"]
    spec = files.BUILT_IN["通用回盘"][1] | {"workbook": True}
    back = desk.run(lambda db, by, now, **_: bank.add_template(db, name="回盘表", use="return", spec=spec, by=by, now=now))
    wanted = {"batch_id": batch.id, "template_id": back, "content": b"PK"}
    assert refused(desk.run, bank.import_results, **wanted) == "template_workbook"
    rows = [HEAD.strip().split(","), [1, f"{batch.batch_no}-0001", "王建国", 1200.0, "成功", None, "X1", TODAY]]
    assert desk.run(bank.import_results, **wanted, read_workbook=lambda _: rows).arrived == 1


# --- making and sending ----------------------------------------------------------------------------------------


def test_lines_batch_file_and_ledger_are_one_sum(desk):
    ready = desk.ask(bank.payable, desk.project_id)
    made = desk.make()
    assert sum(r.amount_fen for r in ready) == made.batch.total_fen == 2000_00
    assert (made.batch.count, made.batch.batch_no, made.left_out) == (2, "A-202603-01", ())
    assert desk.books()["transit"] == 0
    desk.run(bank.approve_batch, by="chen", batch_id=made.batch.id)
    desk.run(bank.send_batch, batch_id=made.batch.id)
    name, content = desk.run(bank.batch_file, batch_id=made.batch.id)
    parsed = files.parse(content, files.Template.of(*files.BUILT_IN["通用代发"]))
    assert (name, parsed.faults) == ("A-202603-01.csv", ())
    assert sum(r.values["amount"] for r in parsed.records) == 2000_00
    assert {r.values["account_number"] for r in parsed.records} == {CARD_WANG, CARD_LI}
    assert [r.values["reference"] for r in parsed.records] == ["A-202603-01-0001", "A-202603-01-0002"]
    assert {r.values["purpose"] for r in parsed.records} == {"工资202603A-202603-01"}
    assert desk.books() == {"account": 100_000_00, "transit": -2000_00, "wang": 0, "li": 0}
    assert desk.run(bank.batch_file, batch_id=made.batch.id) == (name, content)
    assert not desk.wrong()


def test_whoever_made_a_batch_cannot_approve_it_and_it_goes_nowhere_before(desk):
    batch = desk.make().batch
    assert refused(desk.run, bank.approve_batch, by="wu", batch_id=batch.id) == "batch_own"
    assert refused(desk.run, bank.send_batch, batch_id=batch.id) == "batch_not_approved"
    assert refused(desk.run, bank.batch_file, batch_id=batch.id) == "batch_not_sent"
    assert refused(desk.run, bank.approve_batch, by="zhou", batch_id=batch.id, project_id=desk.cast.b.id) == "batch_unknown"
    assert refused(desk.results, batch, HEAD) == "batch_not_sent"


def test_a_file_that_can_still_be_withdrawn_is_given_to_nobody(desk):
    batch = desk.make().batch
    desk.run(bank.approve_batch, by="chen", batch_id=batch.id)
    assert refused(desk.run, bank.batch_file, batch_id=batch.id) == "batch_not_sent"
    desk.run(bank.withdraw_batch, batch_id=batch.id)
    assert refused(desk.run, bank.batch_file, batch_id=batch.id) == "batch_withdrawn"
    assert refused(desk.run, bank.send_batch, batch_id=batch.id) == "batch_withdrawn"


def test_every_step_is_taken_once(desk):
    batch = desk.make().batch
    for _ in range(2):
        assert desk.run(bank.approve_batch, by="chen", batch_id=batch.id).state == "approved"
    for _ in range(2):
        assert desk.run(bank.send_batch, batch_id=batch.id).state == "sent"
    assert desk.books()["transit"] == -2000_00
    assert desk.run(bank.approve_batch, by="chen", batch_id=batch.id).state == "sent"
    assert refused(desk.run, bank.withdraw_batch, batch_id=batch.id) == "batch_sent"


def test_what_is_in_a_batch_cannot_go_in_a_second_one(desk):
    desk.make()
    assert refused(desk.make) == "batch_empty"
    assert {r.reason for r in desk.ask(bank.payable, desk.project_id)} == {"on_its_way"}


def test_two_desks_at_once_make_one_batch(desk):
    barrier, said, template = threading.Barrier(2), [], desk.template()

    def make() -> None:
        barrier.wait()
        try:
            said.append(desk.make(template_id=template).batch.total_fen)
        except ServiceError as error:
            said.append(error.code)

    desks = [threading.Thread(target=make) for _ in range(2)]
    for thread in desks:
        thread.start()
    for thread in desks:
        thread.join()
    assert sorted(said, key=str) == [2000_00, "batch_empty"]


def test_a_withdrawn_batch_gives_its_lines_back(desk):
    batch = desk.make().batch
    desk.run(bank.withdraw_batch, batch_id=batch.id)
    again = desk.sent()
    assert (again.batch_no, again.total_fen) == ("A-202603-02", 2000_00)
    assert refused(desk.run, bank.approve_batch, by="chen", batch_id=batch.id) == "batch_withdrawn"


def test_part_of_the_lines_can_go_first(desk):
    first = desk.sent(lines=[desk.lines[desk.cast.li.id]])
    assert (first.count, first.total_fen) == (1, 800_00)
    second = desk.sent()
    assert (second.count, second.total_fen) == (1, 1200_00)
    assert desk.books()["transit"] == -2000_00 and not desk.wrong()


WRONG_BATCHES = [
    ({"lines": [999]}, "batch_line_wrong"),
    ({"lines": []}, "batch_empty"),
    ({"month": APRIL}, "batch_empty"),
    ({"on_behalf_of": 999}, "company_unknown"),
    ({"project_id": 999}, "project_unknown"),
    ({"project_id": 2}, "special_account_missing"),
]


def test_a_batch_of_nothing_or_of_others_is_refused(desk):
    for values, code in WRONG_BATCHES:
        assert refused(desk.make, **values) == code


def test_an_account_without_the_money_sends_nothing(desk):
    desk.run(
        terms.record_advance, engagement_id=desk.cast.wang.engagement_id, amount_fen=98_000_01, paid_on=date(2026, 3, 20),
        channel="account", proof="bank", reference="OUT-1",
    )  # fmt: skip
    batch = desk.make().batch
    desk.run(bank.approve_batch, by="chen", batch_id=batch.id)
    assert refused(desk.run, bank.send_batch, batch_id=batch.id) == "batch_short"
    assert desk.books()["transit"] == 0


def test_money_on_its_way_is_not_spent_twice(desk):
    desk.run(
        terms.record_advance, engagement_id=desk.cast.wang.engagement_id, amount_fen=98_500_00, paid_on=date(2026, 3, 20),
        channel="account", proof="bank", reference="OUT-1",
    )  # fmt: skip
    desk.sent(lines=[desk.lines[desk.cast.wang.id]])
    batch = desk.make().batch
    desk.run(bank.approve_batch, by="chen", batch_id=batch.id)
    assert refused(desk.run, bank.send_batch, batch_id=batch.id) == "batch_short"


# --- why a line cannot go ----------------------------------------------------------------------------------------


def left_out(desk) -> dict[int, str | None]:
    found = desk.ask(bank.payable, desk.project_id)
    assert all(ready.reason is None or ready.reason in SENTENCES for ready in found)
    return {ready.line.worker_id: ready.reason for ready in found}


def test_a_worker_without_a_card_is_listed_and_the_others_are_paid(desk):
    card = desk.ask(held.cards, [desk.cast.li.id])[desk.cast.li.id]
    desk.run(bank.void, kind="bank_card", row_id=card.id, reason="卡已注销")
    made = desk.make()
    assert made.batch.total_fen == 1200_00
    assert [(r.line.worker_id, r.reason, r.amount_fen) for r in made.left_out] == [(desk.cast.li.id, "no_card", 0)]


def test_an_unsigned_line_waits_and_a_dispute_holds_only_the_difference(database, vault, people_on_site):
    cast = people_on_site
    desk = open_desk(database, vault, cast, [Earned(cast.wang, 1200_00), Earned(cast.li, 800_00)], sign_all=False)
    assert left_out(desk) == {cast.wang.id: "unsigned", cast.li.id: "unsigned"}
    assert refused(desk.make) == "batch_empty"
    desk.says(cast.wang, "dispute", 1000_00)
    first = desk.sent()
    assert first.total_fen == 1000_00
    assert left_out(desk)[cast.wang.id] == "on_its_way"
    (item,) = desk.items(first)
    desk.results(first, answer(first, item, "成功"))
    assert left_out(desk)[cast.wang.id] == "held"
    desk.says(cast.wang, "agree")
    second = desk.make().batch
    (rest,) = desk.items(second)
    assert (rest.amount_fen, rest.retry_of) == (200_00, None)


def test_a_name_no_file_can_carry_does_not_stop_the_others(desk):
    with desk.database.write() as db:
        db.execute(sa.insert(BankCard).values(
            worker_id=desk.cast.li.id, holder_name="=HYPERLINK(1)", number_sealed=b"s", number_index="i", last4="0000",
            bank_name="某银行", bank_code=None, recorded_by="wu", recorded_at=desk.now,
        ))  # fmt: skip
    assert left_out(desk)[desk.cast.li.id] == "name_unwritable"
    assert desk.make().batch.total_fen == 1200_00


def test_cash_paid_outside_the_account_is_not_paid_again(desk):
    cash(desk, desk.cast.wang, 200_00)
    assert desk.make().batch.total_fen == 1800_00
    assert not desk.wrong()


def cash(desk, member: Member, fen: int) -> None:
    desk.run(
        payroll.record_payment, worker_id=member.id, amount_fen=fen, paid_on=date(2026, 4, 1), for_month=MARCH, channel="cash",
        idempotency_key=f"cash-{member.id}-{fen}",
    )  # fmt: skip


@pytest.mark.parametrize("what", ["dispute", "cash", "new card", "no card"])
def test_what_changed_since_a_batch_was_made_stops_it(desk, what):
    batch = desk.make().batch
    desk.run(bank.approve_batch, by="chen", batch_id=batch.id)
    card = desk.ask(held.cards, [desk.cast.wang.id])[desk.cast.wang.id]
    if what == "dispute":
        desk.says(desk.cast.wang, "dispute", 1000_00)
    elif what == "cash":
        cash(desk, desk.cast.wang, 1200_00)
    elif what == "new card":
        set_card(desk, CARDS[2], desk.cast.wang)
    else:
        assert refused(desk.run, bank.void, kind="bank_card", row_id=card.id, reason="挂失") == "card_in_batch"
        with desk.database.write() as db:
            terms.held.void(db, "bank_card", card.id, "挂失", "wu", desk.now)
    assert refused(desk.run, bank.send_batch, batch_id=batch.id) == "batch_stale"
    desk.run(bank.withdraw_batch, batch_id=batch.id)
    again = desk.make().batch
    assert refused(desk.run, bank.approve_batch, batch_id=again.id) == "batch_own"
    assert again.total_fen == {"dispute": 1800_00, "cash": 800_00, "new card": 2000_00, "no card": 800_00}[what]
    desk.run(bank.approve_batch, by="chen", batch_id=again.id)
    desk.run(bank.send_batch, batch_id=again.id)
    assert not desk.wrong()


def test_a_file_changed_in_the_database_is_never_given_out(desk, behind_the_walls):
    batch = desk.sent()
    behind_the_walls(f"UPDATE payment_batch SET file_sha256 = 'x' WHERE id = {batch.id}")
    assert refused(desk.run, bank.batch_file, batch_id=batch.id) == "batch_file_changed"


def test_a_project_code_no_bank_can_carry_becomes_one_it_can(desk, behind_the_walls):
    behind_the_walls(f"UPDATE project SET code = '海盐,1 期=\"{'x' * 40}' WHERE id = {desk.project_id}")
    assert desk.make().batch.batch_no == f"海盐1期{'x' * 12}_{desk.project_id}-202603-01"


# --- results ---------------------------------------------------------------------------------------------------


def test_what_arrives_is_paid_and_leaves_the_account(desk):
    batch = desk.sent()
    done = desk.results(batch, *(answer(batch, item, "成功") for item in desk.items(batch)))
    assert (done.rows_total, done.arrived, done.failed, done.faults) == (2, 2, 0, ())
    assert desk.books() == {"account": 98_000_00, "transit": 0, "wang": 0, "li": 0}
    paid = desk.ask(money.payments, desk.project_id, MARCH)
    assert [(p.worker_id, p.amount_fen, p.channel, p.paid_on) for p in paid] == [
        (desk.cast.wang.id, 1200_00, "account", TODAY), (desk.cast.li.id, 800_00, "account", TODAY),
    ]  # fmt: skip
    assert not desk.ask(bank.payable, desk.project_id)
    assert not desk.wrong()


def test_a_failed_transfer_is_owed_again_at_once_and_paid_again(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    done = desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "失败", reason="账号不存在", on=""))
    assert (done.arrived, done.failed) == (1, 1)
    assert (desk.books()["li"], desk.books()["transit"]) == (-800_00, 0)
    assert desk.items(batch)[1].results[0][1] == "account_unknown"
    set_card(desk, CARDS[2])
    again = desk.sent()
    (item,) = desk.items(again)
    assert (item.amount_fen, item.retry_of) == (800_00, li.id)
    desk.results(again, answer(again, item, "成功"))
    assert desk.books() == {"account": 98_000_00, "transit": 0, "wang": 0, "li": 0}
    assert not desk.wrong()


def test_money_that_came_back_after_it_arrived_is_owed_again(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "成功"))
    done = desk.results(batch, answer(batch, li, "退回", reason="账户冻结"))
    assert done.returned == 1
    assert desk.books() == {"account": 98_800_00, "transit": 0, "wang": 0, "li": -800_00}
    assert desk.paid(desk.cast.li.id) == [-800_00, 800_00]
    assert [r.line.worker_id for r in desk.ask(bank.payable, desk.project_id)] == [desk.cast.li.id]
    assert not desk.wrong()
    again = desk.make().batch
    assert [item.retry_of for item in desk.items(again)] == [li.id]


def test_a_payment_of_a_batch_is_reversed_by_the_bank_alone(desk):
    batch = desk.sent()
    desk.results(batch, *(answer(batch, item, "成功") for item in desk.items(batch)))
    payment = desk.ask(money.payments, desk.project_id)[0]
    assert refused(desk.run, payroll.reverse_payment, payment_id=payment.id) == "payment_of_batch"


def test_a_second_try_that_was_withdrawn_leaves_the_first_to_be_tried_again(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "失败"))
    second = desk.make().batch
    desk.run(bank.withdraw_batch, batch_id=second.id)
    third = desk.make().batch
    assert [item.retry_of for item in desk.items(third)] == [desk.items(second)[0].id]
    assert [item.retry_of for item in desk.items(second)] == [li.id]


def test_what_a_second_try_brought_is_not_tried_again_with_what_comes_later(desk):
    desk.says(desk.cast.wang, "dispute", 1000_00)
    first = desk.sent(lines=[desk.lines[desk.cast.wang.id]])
    desk.results(first, answer(first, desk.items(first)[0], "失败"))
    second = desk.sent(lines=[desk.lines[desk.cast.wang.id]])
    desk.results(second, answer(second, desk.items(second)[0], "成功"))
    desk.says(desk.cast.wang, "agree")
    third = desk.make(lines=[desk.lines[desk.cast.wang.id]]).batch
    assert [(item.amount_fen, item.retry_of) for item in desk.items(third)] == [(200_00, None)]


def test_a_return_may_carry_the_number_of_the_transfer(desk):
    batch = desk.sent()
    wang, _ = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功", ref="X1"))
    done = desk.results(batch, answer(batch, wang, "退票", ref="X1"))
    assert (done.returned, done.faults, desk.books()["wang"]) == (1, (), -1200_00)


def test_the_same_return_file_twice_pays_nobody_twice(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    lines = [answer(batch, wang, "成功"), answer(batch, li, "失败")]
    desk.results(batch, *lines)
    before = desk.books()
    done = desk.results(batch, *lines)
    assert (done.arrived, done.failed, done.known, done.faults) == (0, 0, 2, ())
    assert desk.books() == before
    with desk.database.read() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(ItemResult)).scalar() == 2


@pytest.mark.parametrize("order", [["退票"], ["退票", "退票"], ["退票", "失败"], ["失败", "退票"], ["退票", "成功"], ["成功", "退票", "成功", "退票"]])
def test_the_banks_word_in_any_order_leaves_him_owed_or_paid_once(desk, order):
    batch = desk.sent()
    wang, _ = desk.items(batch)
    for status in order:
        assert not desk.results(batch, answer(batch, wang, status)).faults
    assert (desk.books()["wang"], desk.books()["transit"], sum(desk.paid(desk.cast.wang.id))) == (-1200_00, -800_00, 0)
    assert not desk.wrong()


def test_a_row_that_cannot_be_right_is_named_and_the_good_one_counts(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    good = answer(batch, wang, "成功")
    wrong = [
        (answer(batch, wang, "成功", amount="1.00"), "result_amount_differs"),
        (answer(batch, wang, "成功", amount="1200.001"), "amount_unreadable"),
        (answer(batch, wang, "大概吧"), "status_unknown"),
        (answer(batch, wang, "成功", on="2026-04-06"), "date_in_future"),
        (answer(batch, wang, "成功", on="2026-04-04"), "result_before_sent"),
        (answer(batch, wang, "成功", on=""), "date_missing"),
        (answer(batch, wang, "成功", ref="X" * 65), "cell_too_long"),
        (good.replace(f"{batch.batch_no}-", "OTHER-"), "result_item_unknown"),
        (good.replace("-0001,", "-0009,"), "result_item_unknown"),
        (good.replace("-0001,", "-00x1,"), "result_item_unknown"),
        (good.replace("-0001,", f"-{'9' * 300},"), "result_item_unknown"),
    ]
    done = desk.results(batch, *(line for line, _ in wrong), answer(batch, li, "成功"))
    assert faults(done) == [(row, code) for row, (_, code) in enumerate(wrong, 2)]
    assert (done.rows_total, done.arrived, desk.books()["transit"]) == (12, 1, -1200_00)


def test_a_result_that_contradicts_an_earlier_one_changes_nothing(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "失败"), answer(batch, li, "成功"))
    before = desk.books()
    done = desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "失败"))
    assert faults(done) == [(2, "result_contradicts"), (3, "result_contradicts")]
    assert desk.books() == before and not desk.wrong()


def test_a_second_number_of_the_bank_for_one_transfer_is_told(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功", ref="X1"))
    done = desk.results(batch, answer(batch, wang, "成功", ref="X2"), answer(batch, li, "成功", ref="X1"))
    assert faults(done) == [(2, "result_ref_differs"), (3, "bank_ref_used")]


def test_a_bank_that_repeats_no_reference_is_followed_by_number_and_name(desk):
    spec = {"columns": [{"field": n, "title": n} for n in ("seq", "payee_name", "amount", "status")]}
    desk.run(lambda db, by, now, **_: bank.add_template(db, name="旧回盘", use="return", spec=spec, by=by, now=now))
    one, two = desk.sent(lines=[desk.lines[desk.cast.wang.id]]), desk.sent()
    head = "seq,payee_name,amount,status\r\n"
    assert faults(desk.results(two, "1,王建国,800.00,成功\r\n", head=head, name="旧回盘")) == [(2, "result_name_differs")]
    assert faults(desk.results(one, "2,王建国,1200.00,成功\r\n", head=head, name="旧回盘")) == [(2, "result_item_unknown")]
    assert desk.results(one, "1,王 建国,1200.00,成功\r\n", head=head, name="旧回盘").arrived == 1
    assert faults(desk.results(two, "1,王 建国,1200.00,成功\r\n", head=head, name="旧回盘")) == [(2, "file_of_another_batch")]
    assert desk.books()["transit"] == -800_00


def test_a_file_that_is_none_changes_nothing(desk):
    batch = desk.sent()
    junk = [b"", b"\xff\xfe\x00", b"\x80\x81", b"a" * 1000, b'"' * 9, b"," * 300_000, b"\r\n" * 50_000, b"PK\x03\x04"]
    for name, use_case, more in (
        ("通用回盘", bank.import_results, {"batch_id": batch.id}),
        ("通用对账单", bank.import_statement, {}),
    ):
        chosen = desk.template(name)
        for content in junk:
            assert faults(desk.run(use_case, template_id=chosen, content=content, **more))
        huge = b"x" * (bank.FILE_BYTES_MAX + 1)
        assert refused(desk.run, use_case, template_id=chosen, content=huge, **more) == "file_too_large"
    assert desk.books()["transit"] == -2000_00 and desk.kept() == []


def test_wages_paid_for_a_defaulting_subcontractor_are_owed_by_it(database, vault, people_on_site):
    cast = people_on_site
    with database.write() as db:
        company = people.add_company(db, uscc=None, name="某劳务公司", now=at(1, month=4))
        sub = people.add_project_company(
            db, project_id=cast.a.id, company_id=company, role="labour_subcontractor", entry_on=MARCH
        )
        team = people.add_team(db, project_id=cast.a.id, project_company_id=sub, name="木工班", trade=None)
    theirs = replace(cast, a=replace(cast.a, project_company_id=sub, team_id=team))
    desk = open_desk(database, vault, theirs, [Earned(cast.wang, 1200_00), Earned(cast.li, 800_00)])
    assert refused(desk.make, on_behalf_of=cast.a.project_company_id) == "on_behalf_own"
    batch = desk.sent(on_behalf_of=sub)
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "成功"))
    with database.read() as db:
        assert ledger.balances(db, cast.a.id, AccountKind.SUB_RECEIVABLE) == {sub: 2000_00}
    desk.results(batch, answer(batch, li, "退票"))
    with database.read() as db:
        assert ledger.balances(db, cast.a.id, AccountKind.SUB_RECEIVABLE) == {sub: 1200_00}
    assert not desk.wrong()


FATES = {"failed": ["失败"], "arrived": ["成功"], "came back": ["成功", "退票"]}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_results_in_any_order_and_any_number_of_files_end_the_same_and_everybody_is_paid_at_last(desk_of_four, data):
    """Every example is undone at its end."""
    desk = desk_of_four
    batch_template, back = desk.template(), desk.template("通用回盘")
    with desk.database.write() as db:
        total = sum(r.amount_fen for r in bank.payable(db, desk.project_id))
        account = held.live_account(db, desk.project_id).id
        for turn in range(3):
            batch = desk.do(db, bank.make_batch, month=MARCH, template_id=batch_template).batch
            desk.do(db, bank.approve_batch, "chen", batch_id=batch.id)
            batch = desk.do(db, bank.send_batch, batch_id=batch.id)
            of = held.items(db, batch.id)
            fate = {i.seq: "arrived" if turn == 2 else data.draw(st.sampled_from(sorted(FATES))) for i in of}
            rows = [answer(batch, i, status) for i in of for status in FATES[fate[i.seq]]]
            rows = data.draw(st.permutations(rows + data.draw(st.lists(st.sampled_from(rows), max_size=3))))
            cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3)))
            for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
                if start < end:
                    content = (HEAD + "".join(rows[start:end])).encode("gb18030")
                    done = desk.do(db, bank.import_results, batch_id=batch.id, template_id=back, content=content)
                    assert not done.faults
            assert ledger.balance(db, f"transit:s{account}") == 0
            paid: dict[int, int] = defaultdict(int)
            for payment in money.payments(db, desk.project_id):
                paid[payment.worker_id] += payment.amount_fen
            assert ledger.balance(db, f"special_account:s{account}") == 100_000_00 - sum(paid.values())
            for item in of:
                owed = -ledger.balance(db, f"wages_payable:e{item.engagement_id}")
                assert (owed, paid[item.worker_id]) == ((0, item.amount_fen) if fate[item.seq] == "arrived" else (item.amount_fen, 0))
            assert sum(r.amount_fen for r in bank.payable(db, desk.project_id)) == total - sum(paid.values())
            assert all(a.holds for a in ledger.assertions(db, desk.project_id, desk.now))
            if all(f == "arrived" for f in fate.values()):
                break
        assert not bank.payable(db, desk.project_id)
        db.rollback()


@pytest.fixture
def desk_of_four(database, vault, people_on_site) -> Desk:
    cast = people_on_site
    members = [cast.wang, cast.li]
    with database.write() as db:
        for order, name in ((11, "孙大海"), (12, "周小山")):
            members.append(add_member(db, vault, at(1), cast.a, name, id_number(date(1980, 1, 1), order)))
    return open_desk(database, vault, cast, [Earned(m, fen) for m, fen in zip(members, (1200_00, 800_00, 1, 333_33), strict=True)])


def test_an_empty_return_file_is_filled_in_and_taken_back_for_a_bank_that_answers_on_paper(desk):
    batch = desk.make().batch
    asked = {"batch_id": batch.id, "template_id": desk.template("通用回盘"), "write": answer_workbook}
    with pytest.raises(Conflict, match="batch_not_sent"):
        desk.run(bank.answer_form, **asked)
    desk.run(bank.approve_batch, by="chen", batch_id=batch.id)
    desk.run(bank.send_batch, batch_id=batch.id)
    name, content = desk.run(bank.answer_form, **asked)
    assert name == f"{batch.batch_no}-answer.xlsx"
    told = [str(cell) for line in read_workbook(content) for cell in line if cell]
    assert {f"{batch.batch_no}-0001", f"{batch.batch_no}-0002", "1200.00", "800.00"} <= set(told)


# --- statement -------------------------------------------------------------------------------------------------

STATEMENT = "交易流水号,记账日期,收入,支出,余额,对方户名,对方账号,摘要\r\n"
FUNDED = "FUND-1,2026-03-20,100000.00,,100000.00,某建设单位,,人工费"


def test_the_statement_finds_every_document_and_lines_batch_file_and_bank_are_one_sum(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功", ref="T1"), answer(batch, li, "成功", ref="T2"))
    done = desk.statement(
        FUNDED, f"T1,2026-04-05,,1200.00,98800.00,王,{CARD_WANG},工资", f"T9,2026-04-05,,800.00,98000.00,李,{CARD_LI},工资"
    )
    assert (done.rows_total, done.written, done.matched, done.faults) == (3, 3, 3, ())
    found = desk.reconcile()
    assert (found.difference_fen, found.transit_fen, found.unmatched, found.not_on_statement) == (0, 0, (), ())
    assert (found.statement_fen, found.ledger_fen, found.statement_on) == (98_000_00, 98_000_00, TODAY)
    assert -sum(line.amount_fen for line in desk.kept() if line.amount_fen < 0) == batch.total_fen == 2000_00
    assert not desk.wrong()


def test_results_that_come_after_the_statement_find_their_lines(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    done = desk.statement(
        FUNDED, f"T1,2026-04-05,,1200.00,98800.00,王,{CARD_WANG},", f"T9,2026-04-05,,800.00,98000.00,李,{CARD_LI},"
    )
    assert (done.matched, len(desk.reconcile().unmatched)) == (1, 2)
    desk.results(batch, answer(batch, wang, "成功", ref="T1"), answer(batch, li, "成功", ref=""))
    assert desk.reconcile().unmatched == ()


def test_funding_recorded_after_the_statement_finds_its_line(desk):
    desk.statement(FUNDED, "F2,2026-03-28,50.00,,100050.00,,,人工费 NR-88 收讫")
    assert [line.bank_txn_id for line in desk.reconcile().unmatched] == ["F2"]
    desk.run(bank.record_receipt, received_on=date(2026, 3, 28), amount_fen=50_00, reference="NR-88")
    assert desk.reconcile().unmatched == ()


def test_money_that_went_to_nobody_we_know_is_shown_first(desk):
    desk.statement(FUNDED, "I1,2026-03-25,1.23,,100001.23,,,结息", "X1,2026-03-26,,5000.00,95001.23,某贸易公司,110011001100110011,材料款")
    found = desk.reconcile()
    assert [line.bank_txn_id for line in found.unmatched] == ["X1"]
    assert [line.bank_txn_id for line in found.to_nobody] == ["X1"]
    assert (found.own_fen, found.difference_fen) == (1_23, -5000_00)
    assert "ledger_statement" in desk.wrong()


# --- the bank's own --------------------------------------------------------------------------------------------

OWN = ("I1,2026-03-21,1.23,,100001.23,,,一季度结息", "E1,2026-03-25,,12.50,99988.73,,,账户管理费")


def test_fees_and_interest_are_in_the_books_and_the_balance_is_the_banks(desk):
    done = desk.statement(FUNDED, *OWN)
    assert (done.matched, [line.kind for line in desk.kept()]) == (3, ["funding_receipt", "interest", "fee"])
    found = desk.reconcile()
    assert (found.difference_fen, found.own_fen, found.unmatched) == (0, 1_23 - 12_50, ())
    assert found.ledger_fen == found.statement_fen == 99_988_73
    assert (desk.fees(), desk.interest(), desk.books()["account"]) == (12_50, -1_23, 99_988_73)
    assert not desk.wrong()


def test_a_fee_that_was_no_fee_is_taken_back_and_one_given_back_too(desk):
    desk.statement(FUNDED, *OWN, "E2,2026-03-26,12.50,,100001.23,,,账户管理费退回")
    assert [line.kind for line in desk.kept()][2:] == ["fee", "fee_refund"]
    assert (desk.fees(), desk.wrong()) == (0, [])
    desk.run(bank.set_match, line_id=desk.kept()[2].id, kind="unknown")
    assert (desk.fees(), desk.wrong()) == (-12_50, ["ledger_statement"])
    for _ in range(2):
        desk.run(bank.set_match, line_id=desk.kept()[2].id, kind="fee")
    assert (desk.fees(), desk.wrong()) == (0, [])


def test_what_names_an_account_or_is_large_or_goes_the_other_way_is_not_taken_for_the_banks_own(desk):
    desk.statement(
        FUNDED, f"E1,2026-03-25,,10.00,99990.00,,{CARD_WANG},手续费", "E2,2026-03-25,,500.01,99489.99,,,手续费", "E3,2026-03-25,1.00,,99490.99,,,手续费",
        "E4,2026-03-25,,1.00,99489.99,,,利息",
    )  # fmt: skip
    assert [line.kind for line in desk.kept()] == ["funding_receipt", None, None, None, None]


@pytest.mark.parametrize(("county", "agreed", "bearer"), [
    (None, None, "general_contractor"), ("owner", None, "owner"), ("owner", "general_contractor", "general_contractor"), (None, "owner", "owner"),
])  # fmt: skip
def test_who_bears_a_fee_follows_the_agreement_then_the_county_then_the_contractor(desk, county, agreed, bearer):
    with desk.database.write() as db:
        owner = papers.add_company_to_project(db, project_id=desk.project_id, name="某开发有限公司", role="owner", uscc=None, entry_on=date(2026, 1, 1), by="wu", now=desk.now)
        if county:
            terms.write_area_rule(db, area_code="33", key="account_fee_bearer", value=county, valid_from=date(2026, 1, 1), source="s", by="gao", now=desk.now)
        live = held.live_account(db, desk.project_id)
        account = replace(live, parties=tuple({**p, "bears_fees": True} if p["role"] == agreed else p for p in ({"role": "owner"}, {"role": "general_contractor"})))
        ours = {"owner": owner, "general_contractor": desk.cast.a.project_company_id}
        assert bank.fee_bearer(db, people.project(db, desk.project_id), account, date(2026, 3, 25)) == ours[bearer]


def test_a_fee_whose_bearer_is_not_on_the_project_is_refused_and_loses_nothing(desk):
    with desk.database.write() as db:
        terms.write_area_rule(db, area_code="", key="account_fee_bearer", value="owner", valid_from=date(2026, 1, 1), source="s", by="gao", now=desk.now)
    with pytest.raises(Conflict) as refused:
        desk.statement(FUNDED, *OWN)
    assert (refused.value.code, desk.kept()) == ("fee_bearer_missing", [])


# --- the same day ------------------------------------------------------------------------------------------------


def test_a_statement_of_noon_stays_right_when_transfers_arrive_in_the_afternoon(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功", ref="T1"))
    desk.statement(FUNDED, f"T1,2026-04-05,,1200.00,98800.00,王,{CARD_WANG},工资")
    assert not desk.wrong()
    desk.results(batch, answer(batch, li, "成功", ref="T2"))
    found = desk.reconcile()
    assert (found.difference_fen, desk.wrong()) == (0, [])
    assert [(d.kind, d.amount_fen) for d in found.not_on_statement] == [("item_result", -800_00)]
    desk.statement(f"T2,2026-04-05,,800.00,98000.00,李,{CARD_LI},工资")
    assert (desk.reconcile().difference_fen, desk.reconcile().not_on_statement, desk.wrong()) == (0, (), [])


def test_a_batch_booked_in_one_sum_at_noon_is_right_before_and_after_the_bank_answers(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.statement(FUNDED, f"S1,2026-04-05,,2000.00,98000.00,代发,,工资202603{batch.batch_no}")
    assert (desk.reconcile().difference_fen, desk.wrong()) == (0, [])
    desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "失败"))
    assert (desk.reconcile().difference_fen, desk.wrong()) == (0, [])
    desk.statement(f"S2,2026-04-05,800.00,,98800.00,退,,{batch.batch_no} 退回")
    assert (desk.reconcile().difference_fen, desk.wrong()) == (0, [])


def test_a_day_in_the_past_is_answered_as_it_was(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.statement(FUNDED)
    desk.now += timedelta(days=2)
    desk.results(batch, answer(batch, wang, "成功", on="2026-04-06"), answer(batch, li, "失败", on="2026-04-07"))
    cash(desk, desk.cast.li, 800_00)
    asked = [desk.reconcile(as_of=date(2026, month, day)) for month, day in ((2, 1), (3, 31), (4, 5), (4, 6), (4, 7))]
    assert [r.transit_fen for r in asked] == [0, 0, 2000_00, 800_00, 0]
    assert [r.ledger_fen for r in asked] == [0, 100_000_00, 100_000_00, 98_800_00, 98_800_00]
    assert [r.statement_fen for r in asked] == [None, *[100_000_00] * 4]
    assert [r.difference_fen for r in asked] == [None, 0, 0, 0, 0]
    assert [r.outside_fen for r in asked] == [0, 0, 800_00, 800_00, 800_00]
    assert desk.reconcile().transit_fen == -desk.books()["transit"] == 0


def test_wages_the_bank_does_not_show_are_listed(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功", ref="T1"), answer(batch, li, "成功", ref="T2"))
    desk.statement(FUNDED, f"T1,2026-04-05,,1200.00,98800.00,王,{CARD_WANG},")
    found = desk.reconcile()
    assert [(d.kind, d.amount_fen) for d in found.not_on_statement] == [("item_result", -800_00)]
    assert found.difference_fen == 0, "the bank may show it later that day"
    desk.now += timedelta(days=1)
    desk.statement("E1,2026-04-06,,1.00,98799.00,,,手续费")
    assert desk.reconcile().difference_fen == 800_00
    assert desk.wrong() == ["ledger_statement"]


def test_a_bank_that_books_a_batch_in_one_sum_is_understood(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "失败"))
    done = desk.statement(
        FUNDED, f"S1,2026-04-05,,2000.00,98000.00,代发,,工资202603{batch.batch_no}", f"S2,2026-04-05,800.00,,98800.00,退,,{batch.batch_no} 退回"
    )
    assert done.matched == 3
    assert [line.kind for line in desk.kept()] == ["funding_receipt", "batch", "batch_return"]
    found = desk.reconcile()
    assert (found.difference_fen, found.unmatched, found.not_on_statement) == (0, (), ())
    assert not desk.wrong()


def test_a_statement_with_a_hole_is_refused_whole_and_the_row_is_named(desk):
    done = desk.statement(FUNDED, "T1,2026-04-05,,1200.00,98700.00,王,,工资", "T2,2026-04-05,1.00,,98701.00,,,")
    assert (done.written, faults(done)) == (0, [(3, "balance_chain_broken")])
    assert desk.reconcile().statement_fen is None
    done = desk.statement(FUNDED, "T1,2026-04-05,,一千,98700.00,王,,工资")
    assert (done.rows_total, done.written, faults(done)) == (2, 0, [(3, "amount_unreadable")])


def test_overlapping_statements_add_only_what_is_new_and_newest_first_is_understood(desk):
    desk.statement(FUNDED)
    done = desk.statement("F2,2026-03-28,50.00,,100050.00,,,补", FUNDED)
    assert (done.written, done.known) == (1, 1)
    done = desk.statement("F4,2026-03-30,1.00,,100052.00,,,", "F3,2026-03-29,1.00,,100051.00,,,")
    assert (done.written, done.faults) == (2, ())
    done = desk.statement("F4,2026-03-30,1.00,,100052.00,,,", "F3,2026-03-29,1.00,,100051.00,,,")
    assert (done.written, done.known, done.faults) == (0, 2, ())
    assert [(line.seq, line.bank_txn_id) for line in desk.kept()] == [(1, "FUND-1"), (2, "F2"), (3, "F3"), (4, "F4")]


def test_a_statement_line_that_cannot_be_right_refuses_the_file(desk):
    desk.statement(FUNDED)
    for lines, fault in (
        ([FUNDED.replace("100000.00", "100001.00")], (2, "statement_line_differs")),
        (["B,2026-03-10,1.00,,100001.00,,,"], (2, "statement_date_back")),
        (["B,2026-04-06,1.00,,100001.00,,,"], (2, "date_in_future")),
        (["B,2026-04-05,1.00,,100001.00,,,", "B,2026-04-05,1.00,,100002.00,,,"], (3, "txn_id_twice")),
        ([f"{'B' * 65},2026-04-05,1.00,,100001.00,,,"], (2, "cell_too_long")),
        (["B,2026-04-05,1.00,,9999999999999999.00,,,"], (2, "amount_unreadable")),
    ):
        done = desk.statement(*lines)
        assert (done.written, faults(done)) == (0, [fault])
    assert len(desk.kept()) == 1


def test_card_numbers_of_a_statement_are_kept_only_by_their_last_digits(desk):
    desk.statement(FUNDED, f"X1,2026-03-26,,5.00,99995.00,某 {CARD_WANG},{CARD_LI},转 {CARD_WANG} 用")
    with desk.database.read() as db:
        told = str(db.execute(sa.select(StatementLine.__table__)).all())
    assert CARD_WANG not in told and CARD_LI not in told and "****0004" in told and "'0000'" in told


def test_a_line_is_matched_by_hand_with_what_it_can_be(desk):
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.statement(
        FUNDED, "T1,2026-04-05,,1200.00,98800.00,王,110011001100110011,", "T2,2026-04-05,,1200.00,97600.00,,,",
        "T3,2026-04-05,,500.01,97099.99,,,",
    )  # fmt: skip
    desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "成功"))
    result = desk.items(batch)[0].results[0][3]
    with desk.database.write() as db:
        # The line without an account fitted Wang's wages; a person says otherwise.
        assert [line.kind for line in held.statement(db, held.live_account(db, desk.project_id).id)][2] == "item_result"
    first, second, third = (line.id for line in desk.kept()[1:])
    by_hand = {"kind": "item_result", "document_id": result}
    assert refused(desk.run, bank.set_match, line_id=first, **by_hand) == "document_matched"
    desk.run(bank.set_match, line_id=second, kind="unknown")
    desk.run(bank.set_match, line_id=first, **by_hand)
    desk.run(bank.set_match, line_id=first, **by_hand)
    for line_id, values, code in (
        (999, by_hand, "statement_line_unknown"),
        (second, by_hand, "document_matched"),
        (third, by_hand, "match_amount_differs"),
        (third, {"kind": "item_result", "document_id": 999}, "document_unknown"),
        (third, {"kind": "item_result"}, "document_unknown"),
        (third, {"kind": "gift"}, "match_kind_unknown"),
        (third, {"kind": "interest"}, "match_sign_wrong"),
        (third, {"kind": "fee"}, "match_fee_too_large"),
        (desk.kept()[0].id, {"kind": "fee"}, "match_sign_wrong"),
    ):
        assert refused(desk.run, bank.set_match, line_id=line_id, **values) == code
    assert [line.bank_txn_id for line in desk.reconcile().to_nobody] == ["T2", "T3"]
    with desk.database.read() as db:
        assert db.execute(sa.select(sa.func.count()).where(JournalEntry.action == "statement.matched")).scalar() == 2


# --- the desk's own record -------------------------------------------------------------------------------------


def test_no_card_or_account_number_is_in_the_journal_or_in_the_open(desk):
    batch = desk.sent()
    desk.run(bank.batch_file, batch_id=batch.id)
    desk.results(batch, *(answer(batch, item, "成功") for item in desk.items(batch)))
    desk.statement(FUNDED)
    with desk.database.read() as db:
        lines = db.execute(sa.select(JournalEntry.action, JournalEntry.object, JournalEntry.facts)).all()
        told = " ".join(map(str, lines))
        open_rows = str([db.execute(sa.select(table.__table__)).all() for table in (BankCard, PaymentBatch, PaymentItem)])
    assert {line.action for line in lines} >= {
        "special_account.opened", "funding.received", "bank_card.set", "file_template.added", "batch.made", "batch.approved",
        "batch.sent", "batch.file_taken", "batch.results", "statement.imported",
    }  # fmt: skip
    for number in (CARD_WANG, CARD_LI, ACCOUNT):
        assert number not in told and number not in open_rows


def test_a_new_master_key_opens_cards_accounts_and_files(desk, database):
    batch = desk.sent()
    before = desk.run(bank.batch_file, batch_id=batch.id)
    fresh = Vault.of([bytes(range(1, 33)), bytes(range(32))])
    counts = fresh.rotate(database)
    assert (counts["bank_card.number_sealed"], counts["special_account.number_sealed"], counts["payment_batch.file_sealed"]) == (2, 1, 1)
    desk.vault = Vault.of([bytes(range(1, 33))])
    assert desk.run(bank.batch_file, batch_id=batch.id) == before


def test_every_code_and_name_is_worded():
    source = inspect.getsource(bank) + inspect.getsource(bank.rules)
    said = set(re.findall(r'(?:return|Gap\(|reason =|(?:line|torn|\]).id,|"",) ?"([a-z]+(?:_[a-z]+)*)"', source))
    assert said >= {"account_missing", "no_card", "result_ref_differs", "statement_date_back", "date_in_future"}
    assert {code for code in said - {*bank.OWN_KINDS} if code not in SENTENCES} == set()
    assert {f"statement_kind.{kind}" for kind in bank.MATCH_KINDS} <= NAMES.keys()
    assert {f"bank_reason.{reason}" for reason in files.REASONS.values()} <= NAMES.keys()
