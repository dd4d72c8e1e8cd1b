"""A payroll sheet from attendance to the worker's signature, his slip, and the answer to "why this sum?"."""

import json
import threading
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from app import ledger, payroll, projection, sheets
from app import timekeeping as timekeeping_desk
from app.domain.sheet import Act, SheetState
from app.errors import Forbidden, ServiceError
from app.store import money, people, terms, timekeeping
from app.store import sheets as store
from app.tables import JournalEntry, PayrollSheet, WorkerConfirmation
from tests.books import Books
from tests.payday import APRIL, MARCH, MAY, at, desk  # noqa: F401 (fixture)


def refused(call, *values, **named) -> str:
    with pytest.raises(ServiceError) as answer:
        call(*values, **named)
    return answer.value.code


def told(lines) -> list[tuple[int, str, int, int]]:
    """(worker, origin month, man-days, net)."""
    return [
        (line.content.worker_id, f"{line.content.origin_month:%m}", line.content.day_milli, line.content.net_fen)
        for line in lines
    ]


def actions(payday) -> list[str]:
    return list(payday.ask(lambda db: db.execute(sa.select(JournalEntry.action)).scalars()))


def set_day(payday, member, day: int, *, milli: int, month: int = 3) -> int:
    """A correction that leader and officer agreed to."""
    with payday.database.write() as db:
        correction_id = timekeeping.add_correction(
            db, project_id=payday.site.id, worker_id=member.id, work_date=date(2026, month, day), kind="set_day",
            minutes=milli * 540 // 1000, day_milli=milli, reason="dispute", note="", evidence=[], requested_by="ban",
            requested_at=payday.now,
        )  # fmt: skip
        for act, by in (("leader_ok", "li"), ("officer_ok", "wu")):
            timekeeping.add_step(db, correction_id, act=act, note="", by=by, now=payday.now)
        timekeeping.mark_stale(db, payday.site.id, member.id, date(2026, month, day), date(2026, month, day) + timedelta(days=1))
    return correction_id


def advance(payday, member, fen: int, on: date, proof: str = "signed") -> int:
    with payday.database.write() as db:
        return terms.add_advance(
            db, engagement_id=member.engagement_id, amount_fen=fen, paid_on=on, channel="cash", proof=proof, reference=None,
            evidence=(), recorded_by="wu", now=payday.now,
        )  # fmt: skip


def deduct(payday, member, fen: int, kind: str, month: date = MARCH) -> int:
    with payday.database.write() as db:
        return terms.add_deduction(
            db, engagement_id=member.engagement_id, month=month, kind=kind, amount_fen=fen, basis="协议", evidence=(),
            recorded_by="wu", now=payday.now,
        )  # fmt: skip


# --- the month of a team -------------------------------------------------------------------------------------


def test_the_month_of_a_team_from_the_gate_to_the_closed_books(payday, people_on_site):
    wang, li = people_on_site.wang, people_on_site.li
    payday.works(wang, 3, 4, 5)
    payday.works(li, 3)
    payday.works(li, 4, go="12:00")
    payday.lock()
    sheet = payday.draft()
    assert told(payday.lines()) == [(wang.id, "03", 3000, 1200_00), (li.id, "03", 1500, 600_00)]
    payday.step(sheets.submit, "sun", sheet)
    payday.step(sheets.check, "wu", sheet)
    payday.step(sheets.publicise, "wu", sheet)
    payday.says(payday.line_of(wang))
    payday.says(payday.line_of(li), "dispute", claimed_fen=800_00)
    payday.now += timedelta(days=3)
    payday.step(sheets.approve, "chen", sheet)
    payday.close()
    lines = {line.worker_id: line for line in payday.ask(store.payable_lines, payday.site.id)}
    assert [(lines[m.id].payable_fen, lines[m.id].held_fen) for m in (wang, li)] == [(1200_00, 0), (600_00, 0)]
    assert [a for a in payday.ask(ledger.assertions, payday.site.id, payday.now) if not a.holds] == []
    assert [a for a in actions(payday) if a.startswith(("sheet", "line", "period"))] == [
        "period_locked", "sheet_drafted", "sheet_submitted", "sheet_checked", "sheet_publicised", "line_signed",
        "line_disputed", "sheet_approved", "period_closed",
    ]  # fmt: skip


def test_a_sheet_is_not_drafted_before_the_month_is_locked(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    assert refused(payday.draft) == "period_not_locked"


def test_a_team_without_wages_has_no_sheet(payday, people_on_site):
    payday.lock()
    assert refused(payday.draft) == "sheet_empty"
    assert refused(payday.draft, team_id=999) == "team_unknown"
    assert refused(payday.draft, team_id=people_on_site.b.team_id) == "team_unknown"


def test_a_month_nobody_earned_anything_in_has_nothing_to_draft(payday):
    payday.lock()
    assert refused(payday.run, sheets.draft_all, month=MARCH) == "sheets_none"


def test_drafting_again_without_news_is_the_same_version(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    first = payday.draft()
    payday.now += timedelta(hours=1)
    again = payday.run(sheets.draft, month=MARCH, team_id=payday.site.team_id)
    assert (again.sheet, again.created) == (first, False)
    assert actions(payday).count("sheet_drafted") == 1


def test_news_make_a_new_version_and_the_old_one_stands_as_it_was(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    first = payday.draft()
    before = payday.lines(first)
    payday.works(people_on_site.wang, 4)
    second = payday.draft()
    assert (first.version, second.version) == (1, 2)
    assert payday.lines(first) == before
    assert told(payday.lines(second)) == [(people_on_site.wang.id, "03", 2000, 800_00)]
    assert refused(payday.step, sheets.submit, "sun", first) == "sheet_superseded"


def test_every_team_is_drafted_at_once_from_one_look_at_the_facts(payday, people_on_site):
    team = payday.team("木工二班")
    zhou = payday.hire("周木", 11, team_id=team)
    payday.works(people_on_site.wang, 3)
    payday.works(zhou, 3, 4)
    payday.lock()
    fresh = payday.ask(sheets.derive, payday.site.id, MARCH, payday.now)
    drafted = payday.run(sheets.draft_all, month=MARCH, fresh=fresh)
    assert [(d.sheet.team_id, d.created) for d in drafted] == [(payday.site.team_id, True), (team, True)]
    assert [d.created for d in payday.run(sheets.draft_all, month=MARCH)] == [False, False]
    for one in (payday.site.team_id, team):
        alone = payday.ask(sheets.derive, payday.site.id, MARCH, payday.now, teams={one})
        assert (alone.lines, alone.hashes) == ({one: fresh.lines[one]}, {k: h for k, h in fresh.hashes.items() if k in alone.hashes})
    assert told(payday.lines(payday.latest(team_id=team))) == [(zhou.id, "03", 2000, 800_00)]


def test_two_desks_that_draft_at_once_make_one_version(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    answers, line = [], threading.Barrier(2)

    def clerk(by):
        line.wait()
        answers.append(payday.run(sheets.draft, by=by, month=MARCH, team_id=payday.site.team_id))

    desks = [threading.Thread(target=clerk, args=(by,)) for by in ("sun", "wu")]
    for one in desks:
        one.start()
    for one in desks:
        one.join()
    assert sorted(d.created for d in answers) == [False, True]
    assert len(payday.ask(store.versions, payday.site.team_id, MARCH, "regular")) == 1


def test_work_after_the_exit_stands_on_his_last_teams_sheet(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3, 5)
    payday.leaves(wang, date(2026, 3, 4))
    assert told(payday.lines(payday.locked_and_drafted())) == [(wang.id, "03", 2000, 800_00)]
    assert payday.line_of(wang).content.engagement_id == wang.engagement_id


# --- what is withheld ----------------------------------------------------------------------------------------


def test_an_advance_is_taken_back_and_what_the_month_cannot_bear_is_carried(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3, 4)
    first = advance(payday, wang, 500_00, date(2026, 3, 5))
    advance(payday, wang, 900_00, date(2026, 3, 9), proof="none")
    later = advance(payday, wang, 600_00, date(2026, 3, 20))
    payday.whole_month()
    content = payday.line_of(wang).content
    assert (content.gross_fen, content.advances_fen, content.net_fen) == (800_00, 800_00, 0)
    assert [(i.row_id, i.amount_fen) for i in content.items if i.kind == "advance"] == [(first, -500_00), (later, -300_00)]
    assert payday.ask(store.applied, payday.site.id) == {("advance", first): 500_00, ("advance", later): 300_00}
    payday.works(wang, 1, month=4)
    payday.lock(APRIL)
    payday.draft(APRIL)
    assert [(i.row_id, i.amount_fen) for i in payday.line_of(wang, APRIL).content.items if i.kind == "advance"] == [(later, -300_00)]


def test_an_advance_given_after_the_month_waits_for_the_next(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    advance(payday, people_on_site.wang, 100_00, APRIL)
    payday.lock()
    payday.draft()
    assert payday.line_of(people_on_site.wang).content.advances_fen == 0


def test_damage_is_capped_and_waits_for_the_countys_minimum_wage(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, *range(2, 27))
    deduct(payday, wang, 3000_00, "damage")
    payday.lock()
    fresh = payday.ask(sheets.derive, payday.site.id, MARCH, payday.now)
    assert "minimum_wage_unknown" in {p.code for p in fresh.problems}
    assert payday.draft() and payday.line_of(wang).content.deductions_fen == 0
    with payday.database.write() as db:
        terms.add_area_rule(
            db, area_code="3304", key="minimum_wage_month_fen", value=2260_00, valid_from=date(2024, 1, 1), source="通知",
            by="gao", now=payday.now,
        )  # fmt: skip
    payday.draft()
    content = payday.line_of(wang).content
    # 25 days x 400.00; a fifth of it.
    assert (content.gross_fen, content.deductions_fen, content.net_fen) == (10_000_00, 2000_00, 8000_00)
    payday.through()
    payday.close()
    payday.works(wang, *range(1, 11), month=4)
    payday.lock(APRIL)
    payday.draft(APRIL)
    # What March could not bear is carried: a fifth of 4000.00.
    assert payday.line_of(wang, APRIL).content.deductions_fen == 800_00


# --- the steps -----------------------------------------------------------------------------------------------


@pytest.fixture
def drafted(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.works(people_on_site.li, 3)
    return payday.locked_and_drafted()


def test_who_submits_does_not_check_and_nobody_approves_his_own(payday, drafted):
    payday.step(sheets.submit, "wu", drafted)
    with pytest.raises(Forbidden) as answer:
        payday.step(sheets.check, "wu", drafted)
    assert answer.value.code == "sheet_same_person"
    payday.step(sheets.check, "lin", drafted)
    payday.step(sheets.publicise, "lin", drafted)
    payday.now += timedelta(days=3)
    for by in ("wu", "lin"):
        assert refused(payday.step, sheets.approve, by, drafted) == "sheet_same_person"
    assert sheets.state_of(payday.step(sheets.approve, "chen", drafted)) is SheetState.APPROVED


def test_steps_come_in_order(payday, drafted):
    for use_case in (sheets.check, sheets.publicise, sheets.approve):
        assert refused(payday.step, use_case, "chen", drafted) == "sheet_order"


def test_a_double_click_is_one_step(payday, drafted):
    first = payday.step(sheets.submit, "sun", drafted)
    assert payday.step(sheets.submit, "sun", drafted) == first
    assert refused(payday.step, sheets.submit, "wu", drafted) == "sheet_act_done"
    assert actions(payday).count("sheet_submitted") == 1


def test_a_sheet_hangs_out_as_long_as_the_county_says(payday, drafted):
    for use_case, by in ((sheets.submit, "sun"), (sheets.check, "wu"), (sheets.publicise, "wu")):
        payday.step(use_case, by, drafted)
    assert refused(payday.step, sheets.approve, "chen", drafted) == "sheet_too_early"
    with payday.database.write() as db:
        terms.add_area_rule(
            db, area_code="33", key="publicity_days", value=5, valid_from=MARCH, source="通知", by="gao", now=payday.now
        )
    payday.now += timedelta(days=4)
    assert refused(payday.step, sheets.approve, "chen", drafted) == "sheet_too_early"
    payday.now += timedelta(days=1)
    payday.step(sheets.approve, "chen", drafted)


def test_a_sheet_sent_back_ends_its_version_even_when_nothing_changes(payday, drafted):
    assert refused(payday.step, sheets.send_back, "wu", drafted, note="") == "sheet_note_needed"
    payday.step(sheets.submit, "sun", drafted)
    payday.step(sheets.send_back, "wu", drafted, note="单价不对")
    assert refused(payday.step, sheets.check, "wu", drafted) == "sheet_returned"
    second = payday.draft()
    assert (second.version, second.digest) == (2, drafted.digest)


def test_a_stale_sheet_is_neither_checked_nor_approved(payday, drafted, people_on_site):
    payday.step(sheets.submit, "sun", drafted)
    payday.works(people_on_site.wang, 4)
    assert refused(payday.step, sheets.check, "wu", drafted) == "sheet_stale"


def test_a_sheet_of_another_project_is_unknown(payday, drafted, people_on_site):
    assert refused(payday.step, sheets.submit, "sun", drafted, project_id=people_on_site.b.id) == "sheet_unknown"
    assert refused(payday.run, sheets.submit, sheet_id=999) == "sheet_unknown"


def test_a_note_is_short_and_readable(payday, drafted):
    for note in ("x" * 2001, "a\x00b", "a\ud800"):
        assert refused(payday.step, sheets.submit, "sun", drafted, note=note) == "sheet_note_wrong"


def test_a_row_changed_by_hand_is_not_checked(payday, drafted, behind_the_walls):
    payday.step(sheets.submit, "sun", drafted)
    behind_the_walls("UPDATE payroll_line SET items = '[]'")
    assert refused(payday.step, sheets.check, "wu", drafted) == "line_tampered"


def test_buttons_say_why_not(payday, drafted):
    payday.step(sheets.submit, "wu", drafted)
    found = payday.ask(sheets.choices, project_id=payday.site.id, sheet_id=drafted.id, by="wu", now=payday.now)
    assert {str(act): r.code for act, r in found.items() if r} == {
        "submitted": "sheet_act_done", "checked": "sheet_same_person", "publicised": "sheet_order", "approved": "sheet_order",
    }  # fmt: skip
    assert found[Act.RETURNED] is None


# --- reading -------------------------------------------------------------------------------------------------


def read(payday, sheet, **values):
    return payday.ask(sheets.view, project_id=payday.site.id, sheet_id=sheet.id, now=payday.now, **values)


def test_a_sheet_is_read_beside_what_the_gate_says_now(payday, drafted, people_on_site):
    shown = read(payday, drafted)
    assert (shown.is_stale, shown.gross_fen, shown.net_fen, shown.state) == (False, 800_00, 800_00, SheetState.DRAFT)
    payday.works(people_on_site.wang, 4)
    shown = read(payday, drafted)
    assert [(one.line.content.day_milli, one.day_milli_now, one.is_stale) for one in shown.lines] == [
        (1000, 2000, True), (1000, 1000, False),
    ]  # fmt: skip
    assert shown.is_stale
    assert not read(payday, drafted, compare=False).is_stale


def test_a_line_that_would_come_or_go_now_is_told(payday, drafted, people_on_site):
    new = payday.hire("新工人", 21)
    payday.works(new, 5)
    set_day(payday, people_on_site.li, 3, milli=0)
    shown = read(payday, drafted)
    assert [content.worker_id for content in shown.coming] == [new.id]
    assert [(one.line.content.worker_id, one.day_milli_now, one.is_stale) for one in shown.lines] == [
        (people_on_site.wang.id, 1000, False), (people_on_site.li.id, None, True),
    ]  # fmt: skip


def test_what_was_not_paid_before_is_carried_in(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3, 4)
    payday.whole_month()
    payday.works(wang, 1, month=4)
    with payday.database.write() as db:
        payroll.record_payment(
            db, project_id=payday.site.id, worker_id=wang.id, amount_fen=300_00, paid_on=date(2026, 4, 2), for_month=MARCH,
            channel="cash", idempotency_key="cash-0001", by="wu", now=payday.now,
        )  # fmt: skip
    payday.lock(APRIL)
    one = read(payday, payday.draft(APRIL)).lines[0]
    assert (one.carried_in_fen, one.line.content.net_fen, one.unpaid_fen) == (500_00, 400_00, 900_00)
    march = read(payday, payday.latest(MARCH)).lines[0]
    assert (march.paid_fen, march.unpaid_fen, march.is_stale) == (300_00, 500_00, False)


def test_the_list_of_sheets_says_how_many_have_signed(payday, drafted, people_on_site):
    payday.step(sheets.submit, "sun", drafted)
    payday.says(payday.line_of(people_on_site.wang))
    (one,) = payday.ask(sheets.sheets_of, payday.site.id, MARCH)
    assert (one.lines, one.agreed, one.disputed, one.unsigned, one.net_fen) == (2, 1, 0, 1, 800_00)
    (waiting,) = payday.ask(sheets.unsigned, payday.site.id, MARCH)
    assert (waiting.worker_id, waiting.name, waiting.net_fen) == (people_on_site.li.id, "李秀英", 400_00)
    assert "李秀英" not in repr(waiting)


# --- signatures ----------------------------------------------------------------------------------------------


@pytest.fixture
def submitted(payday, drafted):
    return payday.step(sheets.submit, "sun", drafted)


def test_a_changed_line_needs_a_new_signature_and_an_unchanged_one_keeps_its_own(payday, submitted, people_on_site):
    wang, li = people_on_site.wang, people_on_site.li
    payday.says(payday.line_of(wang))
    payday.says(payday.line_of(li))
    payday.works(wang, 4)
    payday.draft()
    shown = {one.line.content.worker_id: one for one in read(payday, payday.latest()).lines}
    assert shown[wang.id].confirmation is None and shown[li.id].confirmation is not None
    assert [u.worker_id for u in payday.ask(sheets.unsigned, payday.site.id, MARCH)] == [wang.id]


def test_what_the_worker_saw_must_be_what_stands_there(payday, submitted, people_on_site):
    line = payday.line_of(people_on_site.wang)
    payday.works(people_on_site.wang, 4)
    payday.draft()
    assert refused(payday.says, line) == "line_changed"
    assert refused(payday.says, payday.line_of(people_on_site.wang), line_hash="0" * 64) == "line_changed"


def test_a_draft_is_not_signed(payday, drafted, people_on_site):
    assert refused(payday.says, payday.line_of(people_on_site.wang)) == "sheet_not_submitted"


def test_a_line_changed_by_hand_is_not_signed(payday, submitted, people_on_site, behind_the_walls):
    line = payday.line_of(people_on_site.wang)
    behind_the_walls("UPDATE payroll_line SET net_fen = 1, gross_fen = 1")
    assert refused(payday.says, line) == "line_tampered"


def test_signed_twice_is_signed_once(payday, submitted, people_on_site):
    line, proof = payday.line_of(people_on_site.wang), payday.proof()
    first = payday.says(line, evidence=[proof])
    assert payday.says(line, evidence=[proof]) == first
    assert payday.ask(lambda db: db.execute(sa.select(sa.func.count(WorkerConfirmation.id))).scalar()) == 1


def test_a_dispute_holds_only_the_difference_and_ends_with_a_signature(payday, submitted, people_on_site):
    line = payday.line_of(people_on_site.wang)
    payday.says(line, "dispute", claimed_fen=300_00)
    shown = read(payday, submitted).lines[0]
    assert (shown.payable_fen, shown.held_fen) == (300_00, 100_00)
    payday.says(line)
    shown = read(payday, submitted).lines[0]
    assert (shown.payable_fen, shown.held_fen) == (400_00, 0)


CANNOT_BE = [
    ({"verdict": "perhaps"}, "verdict_unknown"),
    ({"method": "telepathy"}, "method_unknown"),
    ({"evidence": []}, "signature_evidence_needed"),
    ({"evidence": list(range(1, 22))}, "signature_evidence_many"),
    ({"evidence": [999]}, "evidence_unknown"),
    ({"verdict": "dispute"}, "claim_needed"),
    ({"verdict": "dispute", "claimed_fen": -1}, "claim_wrong"),
    ({"verdict": "dispute", "claimed_fen": 400_00}, "claim_wrong"),
    ({"verdict": "dispute", "claimed_fen": 100_000_000}, "claim_wrong"),
    ({"verdict": "dispute", "claimed_fen": 1.5}, "claim_wrong"),
    ({"verdict": "dispute", "claimed_fen": True}, "claim_wrong"),
    ({"verdict": "dispute", "claimed_fen": 1, "reason": "no"}, "sheet_note_needed"),
    ({"verdict": "dispute", "claimed_fen": 1, "method": "unreachable"}, "unreachable_disputes"),
    ({"line_id": 999}, "line_unknown"),
]


def test_a_word_that_cannot_be(payday, submitted, people_on_site):
    line = payday.line_of(people_on_site.wang)
    whole = {
        "line_id": line.id, "line_hash": line.line_hash, "verdict": "agree", "method": "paper", "evidence": [payday.proof()],
        "reason": "少算了两天",
    }  # fmt: skip
    assert [refused(payday.run, sheets.confirm, **(whole | values)) for values, _ in CANNOT_BE] == [code for _, code in CANNOT_BE]
    assert payday.ask(lambda db: db.execute(sa.select(sa.func.count(WorkerConfirmation.id))).scalar()) == 0


def test_somebody_who_cannot_be_reached_is_paid_on_evidence(payday, submitted, people_on_site):
    line = payday.line_of(people_on_site.wang)
    assert refused(payday.says, line, method="unreachable", evidence=[]) == "signature_evidence_needed"
    payday.says(line, method="unreachable")
    assert read(payday, submitted).lines[0].payable_fen == 400_00


def test_evidence_of_another_project_proves_nothing(payday, submitted, people_on_site):
    with payday.database.write() as db:
        theirs = timekeeping.put_evidence(
            db, project_id=people_on_site.b.id, sha256="f" * 64, name="x", media_type="image/jpeg", size=1, content_sealed=b"x",
            by="zhou", now=payday.now,
        )  # fmt: skip
    assert refused(payday.says, payday.line_of(people_on_site.wang), evidence=[theirs]) == "evidence_unknown"


def test_payment_waits_for_the_signature_and_approval_does_not(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.whole_month(sign=False)
    (line,) = payday.ask(store.payable_lines, payday.site.id)
    assert (line.payable_fen, line.held_fen, line.open_fen, line.owed_fen) == (0, 400_00, 0, 400_00)
    payday.says(payday.line_of(people_on_site.wang))
    (line,) = payday.ask(store.payable_lines, payday.site.id)
    assert (line.payable_fen, line.held_fen, line.open_fen) == (400_00, 0, 400_00)


def test_cash_in_hand_is_not_paid_a_second_time(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3)
    with payday.database.write() as db:
        payroll.record_payment(
            db, project_id=payday.site.id, worker_id=wang.id, amount_fen=150_00, paid_on=date(2026, 4, 1), for_month=MARCH,
            channel="cash", idempotency_key="cash-0001", by="wu", now=payday.now,
        )  # fmt: skip
    payday.whole_month()
    (line,) = payday.ask(store.payable_lines, payday.site.id)
    assert (line.sent_fen, line.outside_fen, line.open_fen, line.owed_fen) == (150_00, 150_00, 250_00, 250_00)


# --- after the close -----------------------------------------------------------------------------------------


@pytest.fixture
def closed(payday, people_on_site):
    payday.works(people_on_site.wang, 3, 4)
    payday.works(people_on_site.li, 3)
    payday.whole_month()
    return payday.lines(payday.latest(MARCH))


def test_a_late_replay_is_back_pay_in_the_next_month_and_changes_nothing_that_is_closed(payday, closed, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 10)
    payday.works(wang, 1, month=4)
    payday.lock(APRIL)
    payday.draft(APRIL)
    assert told(payday.lines(payday.latest(APRIL))) == [(wang.id, "03", 1000, 400_00), (wang.id, "04", 1000, 400_00)]
    assert payday.lines(payday.latest(MARCH)) == closed
    payday.through(APRIL)
    for line in payday.lines(payday.latest(APRIL)):
        payday.says(line)
    payday.close(APRIL)
    own = [wang.engagement_id, people_on_site.li.engagement_id]
    assert {key: fen for key, (_, fen) in payday.ask(store.posted_sums, payday.site.id, own).items()} == {
        (wang.engagement_id, MARCH): 1200_00,
        (wang.engagement_id, APRIL): 400_00,
        (people_on_site.li.engagement_id, MARCH): 400_00,
    }
    assert [a for a in payday.ask(ledger.assertions, payday.site.id, payday.now) if not a.holds] == []
    # And it is back pay once.
    payday.lock(MAY)
    assert refused(payday.draft, MAY) == "sheet_empty"


def test_a_correction_after_the_close_is_back_pay(payday, closed, people_on_site):
    set_day(payday, people_on_site.li, 12, milli=500)
    payday.lock(APRIL)
    payday.draft(APRIL)
    line = payday.line_of(people_on_site.li, APRIL, MARCH)
    assert (line.content.net_fen, [(i.kind, i.amount_fen) for i in line.content.items]) == (200_00, [("wage", 200_00), ("posted", 0)])


def test_the_projection_hides_no_back_pay(payday, closed, people_on_site):
    """Sums of closed months come from the projection: whatever changes a fact must reach it."""
    wang, li = people_on_site.wang, people_on_site.li
    projection.refresh(payday.database, payday.site.id, now=payday.now)
    payday.works(wang, 10)
    asked = payday.run(
        timekeeping_desk.request_correction, by="ban", worker_id=li.id, work_date=date(2026, 3, 12), kind="set_day",
        minutes=270, day_milli=500, reason="dispute", evidence=[payday.proof()],
    )  # fmt: skip
    for act, by in (("leader_ok", "zu"), ("officer_ok", "wu")):
        payday.run(timekeeping_desk.decide_correction, by=by, correction_id=asked, act=act)
    payday.lock(APRIL)
    assert told(payday.lines(payday.draft(APRIL))) == [(wang.id, "03", 1000, 400_00), (li.id, "03", 500, 200_00)]


def test_a_raise_agreed_late_is_back_pay_with_both_rates(payday, closed, people_on_site):
    wang = people_on_site.wang
    with payday.database.write() as db:
        people.void_terms(db, wang.terms_id, payday.now)
        people.add_terms(
            db, engagement_id=wang.engagement_id, kind="day", rate_fen=450_00, valid_from=MARCH, valid_to=None,
            recorded_by="wu", now=payday.now, supersedes_id=wang.terms_id,
        )  # fmt: skip
        timekeeping.mark_stale(db, payday.site.id, wang.id, MARCH, None)
    payday.lock(APRIL)
    payday.draft(APRIL)
    content = payday.line_of(wang, APRIL, MARCH).content
    assert sorted(i.amount_fen for i in content.items) == [-400_00, -400_00, 0, 450_00, 450_00]
    assert (content.net_fen, content.day_milli) == (100_00, 0)


def test_what_was_paid_too_much_is_taken_back_only_with_his_word(payday, closed, people_on_site):
    wang = people_on_site.wang
    set_day(payday, wang, 4, milli=0)
    payday.works(wang, 1, 2, month=4)
    payday.lock(APRIL)
    payday.draft(APRIL)
    assert told(payday.lines(payday.latest(APRIL))) == [(wang.id, "04", 2000, 800_00)]
    shown = read(payday, payday.latest(APRIL))
    (proposal,) = shown.proposals
    assert (proposal.content.net_fen, proposal.content.origin_month, proposal.confirmation) == (-400_00, MARCH, None)
    assert payday.ask(sheets.proposals, payday.site.id, payday.now) == shown.proposals

    def agrees(**values):
        values = {
            "engagement_id": wang.engagement_id, "origin_month": MARCH, "line_hash": proposal.line_hash, "method": "paper",
            "evidence": [payday.proof()],
        } | values  # fmt: skip
        return payday.run(sheets.consent, **values)

    assert refused(agrees, method="unreachable") == "consent_not_written"
    assert refused(agrees, line_hash="0" * 64) == "line_changed"
    assert refused(agrees, engagement_id=people_on_site.li.engagement_id) == "proposal_unknown"
    assert refused(agrees, engagement_id=999) == "proposal_unknown"
    agrees(verdict="dispute", claimed_fen=0, reason="那天我来了", evidence=[])
    payday.draft(APRIL)
    assert len(payday.lines(payday.latest(APRIL))) == 1
    scan = [payday.proof()]
    assert [agrees(evidence=scan).created for _ in range(2)] == [True, False]
    payday.draft(APRIL)
    assert told(payday.lines(payday.latest(APRIL))) == [(wang.id, "03", -1000, -400_00), (wang.id, "04", 2000, 800_00)]
    assert read(payday, payday.latest(APRIL)).proposals == ()
    payday.through(APRIL)
    # His consent is not overwritten by somebody who says he cannot be reached.
    assert refused(payday.says, payday.line_of(wang, APRIL, MARCH), method="unreachable") == "consent_not_written"
    payday.says(payday.line_of(wang, APRIL))
    payday.close(APRIL)
    april = [line for line in payday.ask(store.payable_lines, payday.site.id) if line.month == APRIL]
    assert [(p.net_fen, p.payable_fen, p.recovered_fen, p.open_fen) for p in april] == [(-400_00, 0, 0, 0), (800_00, 400_00, 400_00, 400_00)]
    # March's 800.00 and 400.00 of April.
    assert payday.ask(ledger.balance, f"wages_payable:e{wang.engagement_id}") == -1200_00


def test_a_move_to_another_team_recorded_late_is_not_paid_twice(payday, closed, people_on_site):
    """His days of March lie under the old team in the books; under the new one they are owed only once."""
    wang = people_on_site.wang
    team = payday.team("木工二班")
    with payday.database.write() as db:
        people.exit_engagement(db, wang.engagement_id, date(2026, 3, 4))
        moved = people.add_engagement(
            db, worker_id=wang.id, project_id=payday.site.id, project_company_id=payday.site.project_company_id, team_id=team,
            trade="木工", entry_on=date(2026, 3, 4), now=payday.now,
        )  # fmt: skip
        people.add_terms(
            db, engagement_id=moved, kind="day", rate_fen=450_00, valid_from=date(2026, 3, 4), valid_to=None,
            recorded_by="wu", now=payday.now,
        )  # fmt: skip
        timekeeping.mark_stale(db, payday.site.id, wang.id, MARCH, None)
    payday.lock(APRIL)
    payday.draft(APRIL, team_id=team)
    (line,) = payday.lines(payday.latest(APRIL, team))
    # 4 March: 450.00 with the new team, of which 400.00 were posted with the old one.
    assert (line.content.engagement_id, line.content.net_fen) == (moved, 50_00)
    assert [(i.kind, i.amount_fen) for i in line.content.items] == [("wage", 450_00), ("moved", -400_00), ("posted", 0)]
    (proposal,) = payday.ask(sheets.proposals, payday.site.id, payday.now)
    assert (proposal.content.engagement_id, proposal.content.net_fen) == (wang.engagement_id, -400_00)


def test_a_posted_line_changed_by_hand_stops_the_next_draft(payday, closed, people_on_site, behind_the_walls):
    payday.works(people_on_site.wang, 1, month=4)
    payday.lock(APRIL)
    behind_the_walls("UPDATE payroll_line SET gross_fen = gross_fen - 100, net_fen = net_fen - 100")
    assert refused(payday.draft, APRIL) == "line_tampered"
    # Reading goes on, and shows which line it is.
    assert payday.ask(sheets.proposals, payday.site.id, payday.now) == ()
    assert [one.is_true for one in read(payday, payday.latest(MARCH)).lines] == [False, False]


# --- slips ---------------------------------------------------------------------------------------------------


def slip(payday, line):
    return payday.ask(sheets.slip, payday.vault, project_id=payday.site.id, line_id=line.id)


def verify(payday, code):
    return payday.ask(sheets.verify_slip, payday.vault, code)


def test_a_printed_slip_can_be_asked_about(payday, closed, people_on_site):
    line = payday.line_of(people_on_site.wang)
    paper = slip(payday, line)
    assert (paper.name, paper.team_name, paper.month, paper.unpaid_fen) == ("王建国", "钢筋一班", MARCH, 800_00)
    answer = verify(payday, paper.code.lower().replace("-", " "))
    assert (answer.net_fen, answer.project_name, answer.month, answer.is_current) == (800_00, "嘉禾一期", MARCH, True)
    assert answer.name_masked != "王建国" and answer.name_masked.startswith("王")
    assert "王建国" not in repr(paper)


def test_a_slip_that_was_made_up_is_unknown(payday, closed, people_on_site):
    code = slip(payday, payday.line_of(people_on_site.wang)).code
    from app.domain.sheet import slip_code

    line_id = payday.line_of(people_on_site.wang).id
    assert refused(verify, payday, slip_code(line_id, "ab" * 32)) == "slip_unknown"
    assert refused(verify, payday, slip_code(999, "ab" * 32)) == "slip_unknown"
    assert refused(verify, payday, code[:-1] + ("0" if code[-1] != "0" else "1")) == "slip_code_malformed"
    for text in ("", "工资", "x" * 500, "\x00"):
        assert refused(verify, payday, text) == "slip_code_malformed"


def test_a_slip_of_a_line_changed_by_hand_says_so(payday, closed, people_on_site, behind_the_walls):
    code = slip(payday, payday.line_of(people_on_site.wang)).code
    behind_the_walls("UPDATE payroll_line SET net_fen = 1, gross_fen = 1")
    assert refused(verify, payday, code) == "line_tampered"
    assert refused(slip, payday, payday.line_of(people_on_site.wang)) == "line_tampered"


def test_a_slip_of_a_line_whose_hash_was_changed_too_is_none_of_ours(payday, closed, people_on_site, behind_the_walls):
    code = slip(payday, payday.line_of(people_on_site.wang)).code
    behind_the_walls("UPDATE payroll_line SET line_hash = '" + "0" * 64 + "'")
    assert refused(verify, payday, code) == "slip_unknown"


def test_there_is_no_slip_before_approval(payday, submitted, people_on_site):
    assert refused(slip, payday, payday.line_of(people_on_site.wang)) == "sheet_not_approved"


# --- why? ----------------------------------------------------------------------------------------------------


def test_one_answer_goes_from_the_line_down_to_the_passages(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3)
    correction_id = set_day(payday, wang, 5, milli=500)
    payday.whole_month()
    line = payday.line_of(wang)
    answer = payday.ask(sheets.why, project_id=payday.site.id, line_id=line.id, now=payday.now)
    assert json.loads(json.dumps(answer)) == answer
    assert (answer["line"]["net_fen"], answer["line"]["is_true"], answer["line"]["confirmation"]["verdict"]) == (600_00, True, "agree")
    days = {d["work_date"]: d for d in answer["days"]}
    (session,) = days["2026-03-03"]["sessions"]
    assert [(p["direction"], p["at"]) for p in session["passages"]] == [
        ("in", at(3, "08:00").isoformat()), ("out", at(3, "17:00").isoformat()),
    ]  # fmt: skip
    assert (days["2026-03-03"]["amount_fen"], days["2026-03-05"]["amount_fen"]) == (400_00, 200_00)
    assert days["2026-03-05"]["correction_ids"] == [correction_id]
    assert [(c["id"], c["state"]) for c in answer["corrections"]] == [(correction_id, "approved")]
    assert [(t["id"], t["rate_fen"]) for t in answer["terms"]] == [(wang.terms_id, 400_00)]
    assert answer["terms"][0]["id"] in {i["row_id"] for i in answer["line"]["items"]}


def test_one_answer_goes_from_a_day_down_to_its_passages_and_up_to_its_line(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3, 4)
    correction_id = set_day(payday, wang, 5, milli=500)
    payday.whole_month()

    def day(on):
        return payday.ask(sheets.why, project_id=payday.site.id, worker_id=wang.id, on=date(2026, 3, on), now=payday.now)

    answer = day(4)
    assert json.loads(json.dumps(answer)) == answer
    (told,) = answer["days"]
    assert (told["work_date"], told["amount_fen"], len(told["sessions"][0]["passages"])) == ("2026-03-04", 400_00, 2)
    assert answer["corrections"] == [] and [t["id"] for t in answer["terms"]] == [wang.terms_id]
    assert answer["line"]["id"] == payday.line_of(wang).id
    assert [c["id"] for c in day(5)["corrections"]] == [correction_id]
    assert day(20)["days"] == [] or day(20)["days"][0]["sessions"] == []
    assert refused(payday.ask, sheets.why, project_id=people_on_site.b.id, worker_id=wang.id, on=MARCH, now=payday.now) == "worker_not_on_project"
    with pytest.raises(ValueError, match="why is asked"):
        payday.ask(sheets.why, project_id=payday.site.id, worker_id=wang.id, now=payday.now)


def test_one_answer_goes_from_a_payment_in_cash_to_the_days_of_its_month(payday, people_on_site):
    wang = people_on_site.wang
    payday.works(wang, 3)
    payment = payday.run(
        payroll.record_payment, worker_id=wang.id, amount_fen=100_00, paid_on=date(2026, 4, 1), for_month=MARCH,
        channel="cash", idempotency_key="cash-0001",
    ).payment  # fmt: skip
    answer = payday.ask(sheets.why, project_id=payday.site.id, payment_id=payment.id, now=payday.now)
    assert (answer["payment"]["amount_fen"], answer["transfers"], answer["line"]) == (100_00, [], None)
    assert [d["work_date"] for d in answer["days"]] == ["2026-03-03"]
    payday.whole_month()
    answer = payday.ask(sheets.why, project_id=payday.site.id, payment_id=payment.id, now=payday.now)
    assert (answer["line"]["id"], answer["transfers"]) == (payday.line_of(wang).id, []), "set against the line of its month"


def test_one_answer_goes_from_a_transfer_that_came_back_to_its_line(payday, closed, people_on_site):
    wang = people_on_site.wang
    books, line = Books(people_on_site, payday.now), payday.line_of(wang)
    with payday.database.write() as db:
        (item,) = books.batch(db, books.account(db, 1000_00), [(line.id, 800_00)])
        books.answer(db, item, "success", date(2026, 4, 14))
        first, _ = money.add_payment(
            db, project_id=payday.site.id, worker_id=wang.id, amount_fen=800_00, paid_on=date(2026, 4, 14), for_month=MARCH,
            channel="account", reference=None, reverses_id=None, idempotency_key=f"item:{item.item_id}", recorded_by="wu",
            now=payday.now, item_id=item.item_id,
        )  # fmt: skip
        books.answer(db, item, "returned", date(2026, 4, 16))
        back, _ = money.add_payment(
            db, project_id=payday.site.id, worker_id=wang.id, amount_fen=-800_00, paid_on=date(2026, 4, 16), for_month=MARCH,
            channel="account", reference=None, reverses_id=first, idempotency_key=f"back:{item.item_id}", recorded_by="wu",
            now=payday.now,
        )  # fmt: skip
    for payment_id in (first, back):
        answer = payday.ask(sheets.why, project_id=payday.site.id, payment_id=payment_id, now=payday.now)
        (transfer,) = answer["transfers"]
        assert (transfer["item_id"], transfer["amount_fen"], transfer["batch_acts"]) == (item.item_id, 800_00, ["sent"])
        assert [(r["status"], r["on"]) for r in transfer["results"]] == [("success", "2026-04-14"), ("returned", "2026-04-16")]
        assert (answer["line"]["id"], len(answer["days"]), json.loads(json.dumps(answer))) == (line.id, 2, answer)


def test_why_is_asked_of_one_thing_of_this_project(payday, closed, people_on_site):
    line = payday.line_of(people_on_site.wang)
    with pytest.raises(ValueError):
        payday.ask(sheets.why, project_id=payday.site.id, now=payday.now)
    assert refused(payday.ask, sheets.why, project_id=people_on_site.b.id, line_id=line.id, now=payday.now) == "line_unknown"
    assert refused(payday.ask, sheets.why, project_id=payday.site.id, payment_id=999, now=payday.now) == "payment_unknown"


# --- frozen --------------------------------------------------------------------------------------------------


def test_frozen_rows_refuse_changes(payday, submitted, people_on_site):
    payday.says(payday.line_of(people_on_site.wang))
    for table in ("payroll_sheet", "payroll_line", "sheet_act", "worker_confirmation"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id + 1000"):
            with pytest.raises(sa.exc.DBAPIError), payday.database.write() as db:
                db.execute(sa.text(statement))
    assert payday.ask(lambda db: db.execute(sa.select(sa.func.count(PayrollSheet.id))).scalar()) == 1


