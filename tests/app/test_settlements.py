"""Who left, what he still gets, and how long it has been owed."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from app import bank, ledger, payroll, projection, settlements, sharing, sheets
from app import terms as agreed
from app.errors import ServiceError
from app.store import bank as held
from app.store import money, terms, timekeeping
from app.store import sheets as store
from app.tables import JournalEntry, SettlementRow
from tests.books import Books, Earned
from tests.payday import APRIL, FEBRUARY, MARCH, at, desk  # noqa: F401 (fixture)


def refused(call, *values, **named) -> str:
    with pytest.raises(ServiceError) as answer:
        call(*values, **named)
    return answer.value.code


def settle(payday, member):
    return payday.run(settlements.settle, engagement_id=member.engagement_id)


def pay(payday, member, fen: int, month: date = MARCH, key: str = "cash-0001") -> int:
    values = {"worker_id": member.id, "amount_fen": fen, "paid_on": payday.now.date(), "for_month": month}
    return payday.run(payroll.record_payment, channel="cash", idempotency_key=key, **values).payment.id


def sign(payday, info, verdict: str = "agree", **values):
    if verdict == "agree":
        values.setdefault("evidence", [payday.proof()])
    values = {"content_hash": info.content_hash, "method": "paper", "reason": "还差两天"} | values
    return payday.run(settlements.confirm, settlement_id=info.id, verdict=verdict, **values)


def state(payday, member) -> tuple[str, int]:
    found = payday.ask(settlements.exits, payday.site.id, payday.now)
    one = next(e for e in found if e.statement.place.id == member.engagement_id)
    return str(one.state), one.owed_fen


@pytest.fixture
def gone(payday, people_on_site):
    """Wang worked two days of March and one of April, and left on the 2nd of April; March is closed."""
    wang = people_on_site.wang
    payday.works(wang, 3, 4)
    payday.whole_month()
    payday.works(wang, 1, month=4)
    payday.leaves(wang, date(2026, 4, 2))
    payday.now = at(10, month=4)
    return wang


def test_a_settlement_has_every_month_closed_or_not(payday, gone):
    info = settle(payday, gone).settlement
    assert (info.accrued_fen, info.withheld_fen, info.paid_fen, info.owed_fen) == (1200_00, 0, 0, 1200_00)
    assert [(m["month"], m["gross_fen"], m["posted"]) for m in info.months] == [
        ("2026-03-01", 800_00, True), ("2026-04-01", 400_00, False),
    ]  # fmt: skip
    assert payday.ask(lambda db: db.execute(sa.select(JournalEntry.action)).scalars().all())[-1] == "settlement_made"


def test_settled_twice_is_settled_once(payday, gone):
    first = settle(payday, gone)
    again = settle(payday, gone)
    assert (first.created, again.created, again.settlement) == (True, False, first.settlement)
    assert payday.ask(lambda db: db.execute(sa.select(sa.func.count(SettlementRow.id))).scalar()) == 1


def test_who_has_not_left_is_not_settled(payday, gone, people_on_site):
    assert refused(settle, payday, people_on_site.li) == "settlement_not_exited"
    payday.leaves(people_on_site.li, date(2026, 4, 11))
    assert refused(settle, payday, people_on_site.li) == "settlement_not_exited"
    payday.now = at(11, month=4)
    assert settle(payday, people_on_site.li).settlement.owed_fen == 0
    assert refused(settle, payday, people_on_site.zhao) == "engagement_unknown"


def test_undecided_days_are_decided_before_settling(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3)
    payday.works(wang, 4, go=None)
    payday.leaves(wang, date(2026, 3, 5))
    with pytest.raises(ServiceError) as answer:
        settle(payday, wang)
    assert (answer.value.code, answer.value.facts) == ("settlement_undecided", {"count": 1})


def test_a_correction_that_waits_is_decided_before_settling(payday, gone):
    with payday.database.write() as db:
        timekeeping.add_correction(
            db, project_id=payday.site.id, worker_id=gone.id, work_date=date(2026, 3, 10), kind="set_day", minutes=540,
            day_milli=1000, reason="dispute", note="", evidence=[], requested_by="ban", requested_at=payday.now,
        )  # fmt: skip
    assert refused(settle, payday, gone) == "settlement_undecided"


def test_advances_are_set_against_open_months_once(payday, gone):
    with payday.database.write() as db:
        terms.add_advance(
            db, engagement_id=gone.engagement_id, amount_fen=100_00, paid_on=date(2026, 4, 1), channel="cash", proof="signed",
            reference=None, evidence=(), recorded_by="wu", now=payday.now,
        )  # fmt: skip
    info = settle(payday, gone).settlement
    assert (info.accrued_fen, info.withheld_fen, info.owed_fen) == (1200_00, 100_00, 1100_00)


def test_an_advance_is_not_taken_from_two_open_months(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3)
    payday.works(wang, 1, month=4)
    with payday.database.write() as db:
        terms.add_advance(
            db, engagement_id=wang.engagement_id, amount_fen=300_00, paid_on=date(2026, 3, 5), channel="cash", proof="signed",
            reference=None, evidence=(), recorded_by="wu", now=payday.now,
        )  # fmt: skip
    payday.leaves(wang, date(2026, 4, 2))
    info = settle(payday, wang).settlement
    assert [(m["gross_fen"], m["withheld_fen"]) for m in info.months] == [(400_00, 300_00), (400_00, 0)]


def test_the_worker_signs_exactly_what_he_saw(payday, gone):
    info = settle(payday, gone).settlement
    assert refused(sign, payday, info, content_hash="0" * 64) == "line_changed"
    first = sign(payday, info, evidence=[payday.proof()])
    assert first.created and first.confirmation.worker_id == gone.id
    assert refused(payday.run, settlements.confirm, settlement_id=999, content_hash="", verdict="agree", method="paper") == "settlement_unknown"


def test_payment_finishes_a_settlement_and_does_not_make_it_stale(payday, gone):
    assert state(payday, gone) == ("missing", 1200_00)
    info = settle(payday, gone).settlement
    assert state(payday, gone) == ("unsigned", 1200_00)
    sign(payday, info)
    assert state(payday, gone) == ("owed", 1200_00)
    pay(payday, gone, 800_00)
    pay(payday, gone, 400_00, APRIL, "cash-0002")
    assert state(payday, gone) == ("done", 0)
    assert payday.ask(settlements.exits, payday.site.id, payday.now, open_only=True) == ()
    seen = payday.ask(settlements.view, payday.site.id, info.id, payday.now)
    assert (seen.settlement.owed_fen, seen.owed_now_fen, seen.paid_since_fen) == (1200_00, 0, 1200_00)
    assert "王建国" not in repr(seen)


def test_a_returned_payment_is_owed_again(payday, gone):
    info = settle(payday, gone).settlement
    sign(payday, info)
    first = pay(payday, gone, 800_00)
    assert state(payday, gone) == ("owed", 400_00)
    payday.run(payroll.reverse_payment, payment_id=first)
    assert state(payday, gone) == ("owed", 1200_00)


def test_too_much_for_one_month_does_not_pay_another(payday, gone):
    pay(payday, gone, 1000_00)
    found = payday.ask(settlements.statement, payday.site.id, gone.engagement_id, payday.now)
    assert [(m.owed_fen, m.overpaid_fen) for m in found.months] == [(0, 200_00), (400_00, 0)]
    assert (found.settlement.paid_fen, found.settlement.owed_fen) == (1000_00, 400_00)


def test_a_day_that_comes_later_makes_it_stale(payday, gone):
    info = settle(payday, gone).settlement
    sign(payday, info)
    payday.works(gone, 20)
    assert state(payday, gone) == ("stale", 1600_00)
    assert refused(sign, payday, info) == "settlement_stale"
    second = settle(payday, gone)
    assert second.created and second.settlement.owed_fen == 1600_00
    assert state(payday, gone) == ("unsigned", 1600_00)
    assert refused(sign, payday, info) == "settlement_stale"


def test_closing_the_last_month_changes_nothing_about_a_settlement(payday, gone):
    info = settle(payday, gone).settlement
    sign(payday, info)
    payday.whole_month(APRIL)
    assert state(payday, gone) == ("owed", 1200_00)


def test_a_dispute_stays_open(payday, gone):
    info = settle(payday, gone).settlement
    sign(payday, info, "dispute", claimed_fen=2000_00)
    assert state(payday, gone) == ("disputed", 1200_00)
    sign(payday, info)
    assert state(payday, gone) == ("owed", 1200_00)


def test_a_line_changed_by_hand_is_not_settled_and_hides_nobody_elses_arrears(payday, gone, people_on_site, behind_the_walls):
    behind_the_walls("UPDATE payroll_line SET gross_fen = gross_fen - 100, net_fen = net_fen - 100")
    assert refused(settle, payday, gone) == "line_tampered"
    assert sum(d.owed_fen for d in payday.ask(settlements.dues, payday.site.id, payday.now)) == 1199_00


def test_a_settlement_of_another_project_is_unknown(payday, gone, people_on_site):
    info = settle(payday, gone).settlement
    assert refused(payday.ask, settlements.view, people_on_site.b.id, info.id, payday.now) == "settlement_unknown"


# --- arrears -------------------------------------------------------------------------------------------------


def test_what_is_owed_is_told_by_worker_team_company_and_project(payday, gone, people_on_site):
    payday.now = at(20, month=4)
    found = payday.ask(settlements.dues, payday.site.id, payday.now)
    # No calendar was imported: the 15th as it is.
    assert [(d.month, d.owed_fen, d.due_on) for d in found] == [
        (MARCH, 800_00, date(2026, 4, 15)), (APRIL, 400_00, date(2026, 5, 15)),
    ]  # fmt: skip
    subjects = {"worker": gone.id, "team": payday.site.team_id, "company": payday.site.company_id, "project": payday.site.id}
    names = {"worker": "王建国", "team": "钢筋一班", "company": "海盐建设总包有限公司", "project": "嘉禾一期"}
    for by, subject in subjects.items():
        (line,) = payday.ask(settlements.arrears, payday.site.id, payday.now, by=by)
        assert (line.subject_id, line.name) == (subject, names[by])
        assert (line.arrears.owed_fen, line.arrears.overdue_fen, line.arrears.workers) == (1200_00, 800_00, 1)
        assert "王建国" not in repr(line)
    with pytest.raises(ValueError):
        payday.ask(settlements.arrears, payday.site.id, payday.now, by="moon")


def test_arrears_of_a_projection_are_those_of_the_facts(payday, gone, people_on_site):
    before = payday.ask(settlements.dues, payday.site.id, payday.now)
    projection.refresh(payday.database, payday.site.id, now=payday.now)
    assert payday.ask(settlements.dues, payday.site.id, payday.now) == before
    # A passage the projection has not seen counts all the same.
    payday.works(gone, 20)
    assert sum(d.owed_fen for d in payday.ask(settlements.dues, payday.site.id, payday.now)) == 1600_00


def test_the_pay_day_moves_to_the_working_day_before(payday, gone):
    with payday.database.write() as db:
        days = [
            timekeeping.CalendarDay(date(2026, 3, 1) + timedelta(days=n), "workday")
            for n in range(120)
            if date(2026, 3, 1) + timedelta(days=n) != date(2026, 4, 15)
        ]
        days.append(timekeeping.CalendarDay(date(2026, 4, 15), "rest"))
        timekeeping.add_calendar_days(db, days, source="测试", by="gao", now=payday.now)
    found = payday.ask(settlements.dues, payday.site.id, payday.now)
    assert {d.month: d.due_on for d in found}[MARCH] == date(2026, 4, 14)


def test_nobody_owed_nothing_due(payday):
    (line,) = payday.ask(settlements.arrears, payday.site.id, payday.now)
    assert line.arrears.owed_fen == 0
    assert payday.ask(settlements.arrears, payday.site.id, payday.now, by="worker") == ()


def test_what_an_agreed_negative_line_took_back_is_withheld_where_it_was_taken(payday, people_on_site):
    wang = people_on_site.wang
    books = Books(people_on_site, payday.now)
    with payday.database.write() as db:
        books.close(db, FEBRUARY, [Earned(wang, 500_00)])
        books.pay(db, wang, 500_00, for_month=FEBRUARY)
        books.close(db, MARCH, [Earned(wang, -300_00, origin=FEBRUARY), Earned(wang, 200_00)])
    months, _ = payday.ask(settlements.months_of, payday.site.id, payday.now)
    assert [(m.month, m.gross_fen, m.withheld_fen, m.paid_fen, m.owed_fen, m.overpaid_fen) for m in months] == [
        (FEBRUARY, 400_00, 0, 500_00, 0, 100_00), (MARCH, 200_00, 200_00, 0, 0, 0),
    ]  # fmt: skip


def test_money_for_a_month_without_work_is_shown_and_pays_nothing_else(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3)
    pay(payday, wang, 500_00, APRIL)
    months, _ = payday.ask(settlements.months_of, payday.site.id, payday.now)
    assert [(m.month, m.owed_fen, m.overpaid_fen) for m in months] == [(MARCH, 400_00, 0), (APRIL, 0, 500_00)]
    assert payday.ask(store.payable_lines, payday.site.id) == ()


def travel(payday, member) -> None:
    """88 yuan for his way home, agreed on for the 1st of April."""
    payday.run(agreed.add_allowance, engagement_id=member.engagement_id, kind="travel", per="once", amount_fen=88_00, valid_from=date(2026, 4, 1))


# --- paid before the month closes --------------------------------------------------------------------------------


def release(payday, info, by: str = "chen"):
    return payday.run(settlements.pay_out, settlement_id=info.id, by=by)


@pytest.fixture
def special(payday, vault):
    """An account with money, and a card."""
    with payday.database.write() as db:
        books = Books(payday.cast, payday.now)
        account = books.account(db, 1_000_000_00)
        bank.seed_templates(db, by="wu", now=payday.now)
        card_of(db, vault, payday, payday.cast.wang)
    return account


def card_of(db, vault, payday, member) -> None:
    bank.set_card(
        db, vault, project_id=payday.site.id, worker_id=member.id, holder_name=member.name, number="6217000000000000004", bank_name="B", bank_code=None,
        by="wu", now=payday.now,
    )  # fmt: skip


def batch(payday, vault, month):
    """Made, approved, sent, and every transfer arrived."""
    with payday.database.write() as db:
        template = next(t.id for t in held.templates(db) if t.name == "通用代发")
        told = {"project_id": payday.site.id, "now": payday.now}
        made = bank.make_batch(db, vault, month=month, template_id=template, by="wu", **told).batch
        bank.approve_batch(db, batch_id=made.id, by="chen", **told)
        bank.send_batch(db, batch_id=made.id, by="wu", **told)
        answer = next(t.id for t in held.templates(db) if t.name == "通用回盘")
        items = held.items(db, made.id)
        rows = "".join(f"{i.seq},{made.batch_no}-{i.seq:04d},,,{i.amount_fen / 100:.2f},成功,,R{made.id}{i.seq},{payday.now.date()}\r\n" for i in items)
        head = "序号,流水标识,收款户名,收款账号,金额(元),状态,失败原因,银行流水号,交易日期\r\n"
        done = bank.import_results(db, batch_id=made.id, template_id=answer, content=(head + rows).encode("gb18030"), by="wu", **told)
        assert not done.faults and done.arrived == len(items)
    return made


def wrong(payday) -> list[str]:
    with payday.database.read() as db:
        return [f"{a.code} {a.subject}" for a in ledger.assertions(db, payday.site.id, payday.now) if not a.holds]


def paid(payday, member) -> int:
    with payday.database.read() as db:
        return sum(p.amount_fen for p in money.payments(db, payday.site.id) if p.worker_id == member.id)


@pytest.fixture
def released(payday, gone, special):
    info = settle(payday, gone).settlement
    sign(payday, info)
    return release(payday, info)


def test_last_wages_are_paid_at_once_and_not_again_when_the_month_closes(payday, vault, gone, released):
    payday.works(payday.cast.li, 5, 6, month=4)
    (line,) = payday.ask(store.lines, released.id)
    assert (line.content.origin_month, line.content.net_fen) == (APRIL, 400_00)
    made = batch(payday, vault, APRIL)
    assert (made.total_fen, paid(payday, gone), wrong(payday)) == (400_00, 400_00, [])
    # The wages of March are on the line of the closed month, and go with its own batch.
    payday.says(next(p for p in payday.ask(lambda db: [store.line(db, x.line_id) for x in store.payable_lines(db, payday.site.id) if x.month == MARCH and x.worker_id == gone.id])))
    batch(payday, vault, MARCH)
    assert state(payday, gone) == ("done", 0)
    sheet = payday.whole_month(APRIL)
    assert {line.content.worker_id for line in payday.ask(store.lines, sheet.id)} == {payday.cast.li.id}
    assert (paid(payday, gone), wrong(payday), state(payday, gone)) == (1200_00, [], ("done", 0))
    assert payday.ask(lambda db: ledger.balance(db, f"wages_payable:e{gone.engagement_id}")) == 0
    assert [x.open_fen for x in payday.ask(store.payable_lines, payday.site.id) if x.worker_id == gone.id] == [0, 0]


def test_a_day_found_after_the_settlement_is_paid_with_the_month_as_the_difference(payday, vault, gone, released):
    batch(payday, vault, APRIL)
    payday.works(payday.cast.li, 5, month=4)
    travel(payday, gone)
    sheet = payday.whole_month(APRIL)
    lines = {line.content.worker_id: line.content for line in payday.ask(store.lines, sheet.id)}
    assert (lines[gone.id].gross_fen, lines[gone.id].origin_month) == (88_00, APRIL)
    assert wrong(payday) == []
    assert payday.ask(lambda db: ledger.balance(db, f"wages_payable:e{gone.engagement_id}")) == -(800_00 + 88_00)


def test_a_month_in_which_only_somebody_was_settled_closes_and_is_posted(payday, vault, gone, released):
    batch(payday, vault, APRIL)
    payday.now = at(2, month=5)
    payday.lock(APRIL)
    payday.close(APRIL)
    assert wrong(payday) == []


def test_advances_are_taken_back_on_the_final_sheet_once(payday, vault, gone, special):
    with payday.database.write() as db:
        Books(payday.cast, payday.now).advance(db, gone, 100_00)
    info = settle(payday, gone).settlement
    sign(payday, info)
    (line,) = payday.ask(store.lines, release(payday, info).id)
    assert (line.content.gross_fen, line.content.advances_fen, line.content.net_fen) == (400_00, 100_00, 300_00)
    assert state(payday, gone)[1] == 800_00 + 300_00
    payday.works(payday.cast.li, 5, month=4)
    payday.whole_month(APRIL)
    assert wrong(payday) == []


def test_nothing_is_released_without_the_workers_word_another_hand_and_something_to_pay(payday, gone, special):
    info = settle(payday, gone).settlement
    assert refused(release, payday, info) == "settlement_unsigned"
    sign(payday, info, "dispute", claimed_fen=1500_00)
    assert refused(release, payday, info) == "settlement_disputed"
    sign(payday, info)
    assert refused(release, payday, info, by="wu") == "settlement_own"
    release(payday, info)
    assert refused(release, payday, info) == "settlement_on_lines"
    assert state(payday, gone) == ("owed", 1200_00)


def test_a_settlement_that_is_stale_or_of_a_locked_month_is_not_released(payday, gone, special):
    info = settle(payday, gone).settlement
    sign(payday, info)
    travel(payday, gone)
    assert refused(release, payday, info) == "settlement_stale"


def test_a_month_shared_over_processes_knows_who_was_settled_before_it_closed(payday, settings, gone, released, monkeypatch):
    monkeypatch.setattr(sharing, "PARTS_MIN", 1)
    helpers = sharing.Sharing(sharing.forking(sheets.reckoner(settings)), 2)
    for found_later in (False, True):
        if found_later:
            travel(payday, gone)
        with payday.database.read() as db:
            whole, shared = (sheets.derive(db, payday.site.id, APRIL, at(3, month=5), sharing=by) for by in (None, helpers))
        assert shared == whole
        assert shared.mark == whole.mark
    assert whole.lines, "the difference is on a line"


# --- what is kept of what everybody is owed --------------------------------------------------------------------


def test_what_is_owed_is_worked_out_once_and_anew_when_money_or_a_word_moves(payday, monkeypatch):
    payday.works(payday.cast.wang, 3, 4)
    payday.whole_month(sign=False)
    asked = []
    real = settlements._owed
    monkeypatch.setattr(settlements, "_owed", lambda *a: asked.append(1) or real(*a))

    def owed() -> int:
        [whole] = payday.ask(settlements.owed_by, payday.site.id, payday.now)
        assert whole.arrears == payday.ask(settlements.arrears, payday.site.id, payday.now)[0].arrears
        return whole.arrears.owed_fen

    assert (owed(), owed(), len(asked)) == (800_00, 800_00, 1)
    payday.run(
        payroll.record_payment, worker_id=payday.cast.wang.id, amount_fen=300_00, paid_on=payday.now.date(), for_month=MARCH,
        channel="cash", idempotency_key="owing-0001",
    )  # fmt: skip
    assert (owed(), len(asked)) == (500_00, 2)
    payday.says(payday.line_of(payday.cast.wang))
    assert (owed(), len(asked)) == (500_00, 3)
    payday.works(payday.cast.wang, 1, month=4)
    assert (owed_then(payday, seconds=30), len(asked)) == (900_00, 4), "a gate sent what it had kept"
    assert (owed_then(payday, seconds=90), len(asked)) == (900_00, 4)
    assert (owed_then(payday, seconds=91), len(asked)) == (900_00, 5), "a minute long"
    payday.run(
        agreed.record_advance, engagement_id=payday.cast.wang.engagement_id, amount_fen=100_00, paid_on=date(2026, 4, 1), channel="cash",
        proof="signed", evidence=[payday.proof()],
    )  # fmt: skip
    assert (owed_then(payday, seconds=92), len(asked)) == (800_00, 6), "an advance moves no sheet and no payment"


def owed_then(payday, seconds: int) -> int:
    [whole] = payday.ask(settlements.owed_by, payday.site.id, payday.now + timedelta(seconds=seconds))
    return whole.arrears.owed_fen


def test_exits_read_from_what_is_kept_are_those_worked_out_from_the_facts(payday):
    payday.works(payday.cast.wang, 3, 4)
    payday.whole_month()
    payday.works(payday.cast.wang, 1, month=4)
    payday.works(payday.cast.li, 1, go=None, month=4)
    payday.leaves(payday.cast.wang, date(2026, 4, 2))
    payday.leaves(payday.cast.li, date(2026, 4, 2))
    payday.now = at(10, month=4)
    plain = payday.ask(settlements.exits, payday.site.id, payday.now)
    assert plain == payday.ask(settlements.exits, payday.site.id, payday.now, read=True) and len(plain) == 2
