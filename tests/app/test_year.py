"""A random half year on site: at every instant what was paid and what is owed is what was earned, to the fen.

Seeds are fixed, so that a failure is the same tomorrow; what happens is drawn: work, forgotten exits, late passages
after a month was closed, raises, corrections, advances, cash, disputes, transfers that fail or come back.
"""

import random
from datetime import date, timedelta

import pytest

from app import bank, ledger, payroll, terms
from app.store import bank as held
from app.store import people, sheets, timekeeping
from tests.cast import pass_through
from tests.payday import Payday, at

CARDS = ("6217000000000000004", "6222020000000000000")
HEAD = "序号,流水标识,收款户名,金额(元),状态,失败原因,银行流水号,交易日期\r\n"


@pytest.fixture
def desk(database, vault, people_on_site) -> Payday:
    desk = Payday(database, vault, people_on_site, now=at(2, month=3))
    with database.write() as db:
        bank.seed_templates(db, by="wu", now=desk.now)
        company = people.add_company(db, uscc=None, name="某建设集团", now=desk.now)
        people.add_project_company(
            db, project_id=desk.site.id, company_id=company, role="general_contractor", entry_on=date(2026, 1, 1)
        )
        bank.open_account(
            db, vault, project_id=desk.site.id, company_id=company, bank_name="某银行", number="3305016370420000",
            opened_on=date(2026, 2, 1), opening_fen=1_000_000_00, by="wu", now=desk.now,
        )  # fmt: skip
        for member, number in zip((desk.cast.wang, desk.cast.li), CARDS, strict=True):
            bank.set_card(
                db, vault, project_id=desk.site.id, worker_id=member.id, number=number, bank_name="某银行", by="wu", now=desk.now
            )
    return desk


def template(desk: Payday, name: str) -> int:
    return next(t.id for t in desk.ask(held.templates) if t.name == name)


def reconciled(desk: Payday) -> None:
    """Every fen that was ever earned is paid, on its way or owed; and the books say the same."""
    with desk.database.read() as db:
        assert [a.code for a in ledger.assertions(db, desk.site.id, desk.now, signed=False) if not a.holds] == []
        lines = sheets.posted_lines(db, desk.site.id)
        for member in (desk.cast.wang, desk.cast.li):
            mine = [line.content for line in lines if line.content.engagement_id == member.engagement_id]
            earned = sum(c.gross_fen - c.deductions_fen - c.advances_fen for c in mine)
            paid = sum(p.amount_fen for p in payroll.money.payments(db, desk.site.id) if p.worker_id == member.id)
            way = sum(i.amount_fen for i in held.unanswered(db, desk.site.id) if i.worker_id == member.id)
            owed = -ledger.balance(db, f"wages_payable:e{member.engagement_id}")
            assert earned == paid + way + owed, member.name
        for row in payroll.wages_of_project(db, desk.site.id, desk.now):
            assert row.accrued_fen - row.withheld_fen - row.paid_fen == row.owed_fen - row.overpaid_fen


def a_month(desk: Payday, dice: random.Random, month: int) -> None:
    """Work and everything else that happens before the month is over."""
    for member in (desk.cast.wang, desk.cast.li):
        for day in sorted(dice.sample(range(1, 29), dice.randint(2, 6))):
            hours = dice.choice([("08:00", "17:00"), ("08:00", "12:00"), ("19:00", "23:30"), ("06:00", "20:15")])
            desk.works(member, day, come=hours[0], go=hours[1], month=month)
    desk.now = max(desk.now, at(29, month=month))
    with desk.database.write() as db:
        who = dice.choice([desk.cast.wang, desk.cast.li])
        if dice.random() < 0.5:
            on = date(2026, month, dice.randint(1, 28))
            rate = next(t.rate_fen for t in people.terms(db, desk.site.id, who.engagement_id) if t.covers(on))
            terms.agree(
                db, project_id=desk.site.id, engagement_id=who.engagement_id, kind="day", rate_fen=rate + dice.randint(1, 5000),
                valid_from=on, by="wu", now=desk.now,
            )  # fmt: skip
        if dice.random() < 0.6:
            terms.record_advance(
                db, project_id=desk.site.id, engagement_id=who.engagement_id, amount_fen=dice.randint(1, 90_000),
                paid_on=date(2026, month, 20), channel="cash", proof="signed", evidence=[desk.proof(db)], by="wu", now=desk.now,
            )  # fmt: skip
        if dice.random() < 0.4:
            payroll.record_payment(
                db, project_id=desk.site.id, worker_id=who.id, amount_fen=dice.randint(1, 60_000), paid_on=date(2026, month, 25),
                for_month=date(2026, month, 1), channel=dice.choice(["cash", "bank"]), idempotency_key=f"cash-{month:04d}",
                by="wu", now=desk.now,
            )  # fmt: skip


def a_late_fact(desk: Payday, dice: random.Random, month: int) -> None:
    """A gate's store is found after the month was closed: passages nobody had seen."""
    member = dice.choice([desk.cast.wang, desk.cast.li])
    day, second = dice.randint(1, 28), dice.randrange(50)
    with desk.database.write() as db:
        for way, clock in (("in", "07:01"), ("out", "16:02")):
            pass_through(db, desk.site, way, member.id, at(day, clock, month) + timedelta(seconds=second))


def pay(desk: Payday, dice: random.Random, month: date) -> None:
    """What can be paid goes to the bank; the bank says yes, no, or yes and then no."""
    ready = [r for r in desk.ask(bank.payable, desk.site.id) if r.reason is None]
    for of in sorted({r.line.month for r in ready}):
        with desk.database.write() as db:
            made = bank.make_batch(
                db, desk.vault, project_id=desk.site.id, month=of, template_id=template(desk, "通用代发"), by="wu", now=desk.now
            )
            bank.approve_batch(db, project_id=desk.site.id, batch_id=made.batch.id, by="chen", now=desk.now)
            bank.send_batch(db, project_id=desk.site.id, batch_id=made.batch.id, by="wu", now=desk.now)
        reconciled(desk)
        rows, back = [], []
        for item in desk.ask(held.items, made.batch.id):
            fate = dice.choice(["成功", "成功", "成功", "失败", "退回", None])
            if fate is None:
                continue
            said = f"{item.seq},{made.batch.batch_no}-{item.seq:04d},某,{item.amount_fen / 100:.2f}"
            first = "成功" if fate == "退回" else fate
            rows.append(f"{said},{first},,R{item.id},{desk.now:%Y-%m-%d}\r\n")
            if fate == "退回":
                back.append(f"{said},退回,账户冻结,Q{item.id},{desk.now:%Y-%m-%d}\r\n")
        for part in (rows, rows, back):
            if part:
                done = desk.run(
                    bank.import_results, batch_id=made.batch.id, template_id=template(desk, "通用回盘"),
                    content=(HEAD + "".join(part)).encode("gb18030"),
                )  # fmt: skip
                assert done.faults == ()
                reconciled(desk)


@pytest.mark.parametrize("seed", [1, 20])
def test_paid_and_owed_is_what_was_earned_at_every_instant_of_half_a_year(desk, seed):
    dice = random.Random(seed)
    for month in range(3, 9):
        a_month(desk, dice, month)
        reconciled(desk)
        first = date(2026, month, 1)
        desk.whole_month(first)
        reconciled(desk)
        pay(desk, dice, first)
        if month > 3 and dice.random() < 0.7:
            a_late_fact(desk, dice, month - 1)
            reconciled(desk)
    with desk.database.read() as db:
        assert sum(line.content.origin_month < line.month for line in sheets.posted_lines(db, desk.site.id)) > 0
        assert timekeeping.watermark(db, desk.site.id) is not None
