"""Wage months: open, locked, closed, and what stands in the way, by name."""

import threading
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app import access, ledger, periods, sheets
from app import timekeeping as desk_of_days
from app.errors import BadRequest, Conflict, NotFound
from app.store import gates, people, timekeeping
from app.store import sheets as store
from app.tables import JournalEntry, LedgerTxn
from tests.app.test_permissions import client, quick_passwords  # noqa: F401 (fixtures)
from tests.payday import APRIL, FEBRUARY, MARCH, MAY, at, desk  # noqa: F401 (fixture)


def refused(call, *values, **named) -> str:
    with pytest.raises(Conflict) as answer:
        call(*values, **named)
    return answer.value.code


def journal(payday) -> list[tuple]:
    return payday.ask(lambda db: db.execute(sa.select(JournalEntry.action, JournalEntry.object)).all())


# --- locking -------------------------------------------------------------------------------------------------


def test_a_month_that_is_not_over_is_not_locked(payday):
    payday.now = at(31, "23:59")
    assert payday.blockers() == [("month_not_over", "period", "2026-03-01", APRIL)]
    assert refused(payday.run, periods.lock, month=MARCH) == "period_blocked"


def test_the_last_night_of_a_month_ends_at_the_cutover(payday):
    payday.now = at(1, "03:59", month=4)
    assert [b[0] for b in payday.blockers()] == ["month_not_over"]
    payday.now = at(1, "04:00", month=4)
    assert payday.blockers() == []


def test_a_decided_month_is_locked_by_the_labour_officer(payday, people_on_site):
    payday.works(people_on_site.wang, 3, 4)
    period = payday.lock()
    assert (period.state, period.locked_by, period.locked_at) == ("locked", "wu", payday.now)
    assert journal(payday)[-1] == ("period_locked", "pay_period:2026-03")


def test_locked_twice_is_locked_once(payday):
    first = payday.lock()
    payday.now += timedelta(hours=1)
    assert payday.run(periods.lock, by="chen", month=date(2026, 3, 17)) == first
    assert [line for line in journal(payday) if line[0] == "period_locked"] == [("period_locked", "pay_period:2026-03")]


def test_a_month_in_which_nobody_was_engaged_is_not_locked(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    assert refused(payday.run, periods.lock, month=FEBRUARY) == "period_empty"
    assert payday.ask(periods.peopled, payday.site.id, [FEBRUARY, MARCH, APRIL]) == {MARCH, APRIL}
    assert payday.lock().state == "locked"


def test_a_forgotten_exit_blocks_by_worker_and_date(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.works(people_on_site.wang, 5, go=None)
    payday.gates_report()
    assert payday.blockers() == [("day_undecided", "worker", people_on_site.wang.id, date(2026, 3, 5))]
    with pytest.raises(Conflict) as answer:
        payday.lock()
    assert (answer.value.code, answer.value.facts) == ("period_blocked", {"count": 1, "first": "day_undecided"})


def test_a_day_without_a_rate_blocks(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    with payday.database.write() as db:
        people.void_terms(db, people_on_site.wang.terms_id, payday.now)
    payday.gates_report()
    assert payday.blockers() == [("day_without_terms", "worker", people_on_site.wang.id, date(2026, 3, 3))]


def test_a_correction_that_waits_blocks(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    with payday.database.write() as db:
        correction_id = timekeeping.add_correction(
            db, project_id=payday.site.id, worker_id=people_on_site.wang.id, work_date=date(2026, 3, 10),
            kind="add_session", in_at=at(10, "08:00"), out_at=at(10, "17:00"), reason="other_gate", note="", evidence=[],
            requested_by="ban", requested_at=payday.now,
        )  # fmt: skip
    payday.gates_report()
    assert payday.blockers() == [("correction_pending", "correction", correction_id, date(2026, 3, 10))]
    assert payday.blockers(FEBRUARY) == []
    with payday.database.write() as db:
        timekeeping.add_step(db, correction_id, act="rejected", note="", by="wu", now=payday.now)
    assert payday.blockers() == []


def test_a_gate_that_may_still_keep_events_blocks(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    devices = [payday.site.entrance.device_id, payday.site.exit.device_id]
    assert payday.blockers() == [("gate_silent", "device", d, None) for d in sorted(devices)]
    payday.gates_report(at(31, "23:00"))
    assert {b[2] for b in payday.blockers()} == set(devices)
    payday.gates_report(at(1, "04:00", month=4))
    assert payday.blockers() == []


def test_a_gate_that_was_taken_out_of_service_does_not_block(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.gates_report(at(31, "23:00"))
    with payday.database.write() as db:
        for post in (payday.site.entrance, payday.site.exit):
            gates.disable_device(db, post.device_id, payday.now)
    assert payday.blockers() == []


def test_measured_work_that_waits_for_the_supervisor_blocks(payday):
    from app.store import terms

    with payday.database.write() as db:
        measure_id = terms.add_measure(
            db, project_id=payday.site.id, team_id=payday.site.team_id, month=MARCH, measured_on=date(2026, 3, 30),
            item="钢筋绑扎", unit="t", quantity_milli=1000, unit_price_fen=900_00, percent=100, split_by="days", shares=(),
            evidence=(), recorded_by="wu", now=payday.now,
        )  # fmt: skip
    assert payday.blockers() == [("measure_pending", "measure", measure_id, MARCH)]
    with payday.database.write() as db:
        terms.accept_measure(db, measure_id, accepted=False, note="", by="chen", now=payday.now)
    assert payday.blockers() == []


def test_a_date_no_notice_was_imported_for_blocks_terms_that_need_it(payday, people_on_site):
    with payday.database.write() as db:
        people.void_terms(db, people_on_site.wang.terms_id, payday.now)
        people.add_terms(
            db, engagement_id=people_on_site.wang.engagement_id, kind="day", rate_fen=400_00, valid_from=MARCH,
            valid_to=None, recorded_by="wu", now=payday.now, overtime_rule="law", relation="labour_contract",
        )  # fmt: skip
    payday.works(people_on_site.wang, 3, 4)
    payday.gates_report()
    assert payday.blockers() == [
        ("calendar_missing", "project", payday.site.id, date(2026, 3, day)) for day in (3, 4)
    ]


def test_a_month_out_of_range_is_refused(payday):
    for month in (date(1999, 12, 1), date(2100, 1, 1)):
        with pytest.raises(BadRequest):
            payday.run(periods.lock, month=month)
    with pytest.raises(NotFound):
        payday.run(periods.lock, project_id=999, month=MARCH)


# --- closing -------------------------------------------------------------------------------------------------


def test_a_month_is_closed_when_everybody_is_on_an_approved_sheet(payday, people_on_site):
    payday.works(people_on_site.wang, 3, 4)
    payday.works(people_on_site.li, 3)
    payday.lock()
    team = ("team", payday.site.team_id, None)
    assert payday.blockers() == [("sheet_missing", *team)]
    payday.draft()
    assert payday.blockers() == [("sheet_not_approved", *team)]
    payday.through()
    assert payday.blockers() == []
    period = payday.close()
    assert (period.state, period.closed_by, len(period.digest)) == ("closed", "chen", 64)
    assert payday.blockers() == []
    assert journal(payday)[-1] == ("period_closed", "pay_period:2026-03")


def test_closing_posts_every_line_to_the_ledger(payday, people_on_site):
    payday.works(people_on_site.wang, 3, 4)
    payday.works(people_on_site.li, 3)
    payday.whole_month()
    wages = payday.ask(ledger.balances, payday.site.id, "wages_payable")
    assert wages == {people_on_site.wang.engagement_id: -800_00, people_on_site.li.engagement_id: -400_00}
    assert payday.ask(ledger.balance, f"labour_cost:c{payday.site.project_company_id}") == 1200_00
    assert [a for a in payday.ask(ledger.assertions, payday.site.id, payday.now) if not a.holds] == []


def test_closed_twice_is_closed_once(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.whole_month()
    first = payday.ask(store.period, payday.site.id, MARCH)
    payday.now += timedelta(days=1)
    assert payday.close() == first == payday.run(periods.lock, month=MARCH)
    assert payday.ask(lambda db: db.execute(sa.select(sa.func.count(LedgerTxn.id))).scalar()) == 1


def test_an_open_month_is_not_closed(payday):
    assert refused(payday.close) == "period_not_locked"


def test_a_fact_that_comes_after_approval_makes_the_sheet_stale(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    payday.draft()
    payday.through()
    payday.works(people_on_site.wang, 4)
    assert payday.blockers() == [("sheet_stale", "team", payday.site.team_id, None)]
    assert refused(payday.close) == "period_blocked"
    payday.draft()
    payday.through()
    assert payday.close().state == "closed"


def test_work_that_was_voided_leaves_an_empty_sheet_and_the_month_closes(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    payday.draft()
    with payday.database.write() as db:
        correction_id = timekeeping.add_correction(
            db, project_id=payday.site.id, worker_id=people_on_site.wang.id, work_date=date(2026, 3, 3), kind="set_day",
            minutes=0, day_milli=0, reason="dispute", note="", evidence=[], requested_by="ban", requested_at=payday.now,
        )  # fmt: skip
        for act, by in (("leader_ok", "li"), ("officer_ok", "wu")):
            timekeeping.add_step(db, correction_id, act=act, note="", by=by, now=payday.now)
        timekeeping.mark_stale(db, payday.site.id, people_on_site.wang.id, date(2026, 3, 3), date(2026, 3, 4))
    assert [b[0] for b in payday.blockers()] == ["sheet_stale"]
    assert payday.lines(payday.draft()) == ()
    assert payday.blockers() == []
    assert payday.close().state == "closed"


def test_months_close_in_order(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.works(people_on_site.wang, 3, month=4)
    payday.lock(MARCH)
    payday.lock(APRIL)
    payday.draft(APRIL)
    payday.through(APRIL)
    assert ("earlier_month_open", "period", "2026-03-01", MARCH) in payday.blockers(APRIL)
    assert refused(payday.close, APRIL) == "period_blocked"
    payday.draft(MARCH)
    payday.through(MARCH)
    payday.close(MARCH)
    assert payday.blockers(APRIL) == []
    assert payday.close(APRIL).state == "closed"


def test_a_month_in_which_nobody_worked_is_closed_with_the_next(payday, people_on_site):
    payday.works(people_on_site.wang, 3, month=4)
    payday.whole_month(APRIL)
    assert payday.ask(store.period_state, payday.site.id, MARCH) == "closed"
    # What comes for it after all is back pay, and nothing is posted to it any more.
    payday.works(people_on_site.wang, 5, month=3)
    payday.lock(MAY)
    lines = payday.lines(payday.draft(MAY))
    assert [(line.content.origin_month, line.content.gross_fen) for line in lines] == [(MARCH, 400_00)]


def test_a_month_somebody_locked_is_closed_by_itself(payday, people_on_site):
    payday.works(people_on_site.li, 3, month=4)
    payday.lock(MARCH)
    payday.lock(APRIL)
    payday.draft(APRIL)
    payday.through(APRIL)
    assert payday.blockers(APRIL) == [("earlier_month_open", "period", "2026-03-01", MARCH)]
    payday.close(MARCH)
    assert payday.close(APRIL).state == "closed"


def test_work_that_nobody_could_price_yet_is_not_an_empty_month(payday, people_on_site):
    wang = people_on_site.wang
    with payday.database.write() as db:
        people.void_terms(db, wang.terms_id, payday.now)
        people.add_terms(
            db, engagement_id=wang.engagement_id, kind="day", rate_fen=400_00, valid_from=MARCH, valid_to=APRIL,
            recorded_by="wu", now=payday.now, overtime_rule="law", relation="labour_contract",
        )  # fmt: skip
    payday.works(wang, 3)
    payday.works(people_on_site.li, 3, month=4)
    payday.lock(APRIL)
    payday.draft(APRIL)
    payday.through(APRIL)
    assert payday.blockers(APRIL) == [("earlier_month_open", "period", "2026-03-01", MARCH)]


def test_an_empty_month_is_closed_without_a_sheet(payday):
    payday.lock()
    assert payday.close().digest == payday.ask(store.period, payday.site.id, MARCH).digest


def test_a_closed_month_never_reopens(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.whole_month()
    for state in ("open", "locked"):
        with pytest.raises(DBAPIError), payday.database.write() as db:
            db.execute(sa.text("UPDATE pay_period SET state = :state"), {"state": state})
    with pytest.raises(DBAPIError), payday.database.write() as db:
        db.execute(sa.text("DELETE FROM pay_period"))
    assert refused(payday.draft) == "period_closed"


def test_two_desks_that_close_at_once_close_once(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    payday.draft()
    payday.through()
    answers, line = [], threading.Barrier(2)

    def clerk(by):
        line.wait()
        answers.append(periods.close_month(payday.database, payday.site.id, MARCH, by=by, now=payday.now))

    desks = [threading.Thread(target=clerk, args=(by,)) for by in ("chen", "zhou")]
    for one in desks:
        one.start()
    for one in desks:
        one.join()
    assert len(answers) == 2 and answers[0] == answers[1]
    assert payday.ask(lambda db: db.execute(sa.select(sa.func.count(LedgerTxn.id))).scalar()) == 1
    assert [line for line in journal(payday) if line[0] == "period_closed"] == [("period_closed", "pay_period:2026-03")]


def test_what_arrives_while_the_desk_computes_is_noticed(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    payday.draft()
    payday.through()
    fresh = payday.ask(sheets.derive, payday.site.id, MARCH, payday.now)
    payday.works(people_on_site.wang, 4)
    assert refused(payday.run, periods.close, month=MARCH, fresh=fresh) == "period_blocked"


def test_what_was_worked_out_before_is_used_when_nothing_happened(payday, people_on_site, monkeypatch):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    payday.draft()
    payday.through()
    fresh = payday.ask(sheets.derive, payday.site.id, MARCH, payday.now)
    monkeypatch.setattr(sheets, "derive", lambda *_, **__: pytest.fail("worked out twice"))
    assert payday.run(periods.close, month=MARCH, fresh=fresh).state == "closed"


def test_a_line_that_was_changed_by_hand_stops_the_close(payday, people_on_site, behind_the_walls):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    payday.draft()
    payday.through()
    behind_the_walls("UPDATE payroll_line SET gross_fen = gross_fen + 100, net_fen = net_fen + 100")
    assert payday.blockers() == [("sheet_tampered", "team", payday.site.team_id, None)]


def test_a_line_that_was_added_by_hand_stops_the_close(payday, people_on_site, behind_the_walls):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    payday.draft()
    payday.through()
    columns = "sheet_id, worker_id, origin_month, day_milli, minutes, overtime_minutes, gross_fen, deductions_fen, advances_fen, net_fen, items, line_hash"
    behind_the_walls(
        f"INSERT INTO payroll_line (engagement_id, {columns}) SELECT {people_on_site.li.engagement_id}, {columns} FROM payroll_line"
    )
    assert [b[0] for b in payday.blockers()] == ["sheet_tampered"]


# --- the list of months --------------------------------------------------------------------------------------


def test_every_month_since_the_first_fact_is_listed_with_its_state(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.whole_month()
    payday.works(people_on_site.wang, 3, month=4)
    payday.now = at(10, month=5)
    payday.gates_report()
    payday.run(periods.lock, month=APRIL)
    payday.draft(APRIL)
    found = payday.ask(periods.overview, payday.site.id, payday.now)
    assert [(m.period.month, m.period.state, m.sheets, m.approved, m.net_fen) for m in found] == [
        (MARCH, "closed", 1, 1, 400_00), (APRIL, "locked", 1, 0, 400_00), (MAY, "open", 0, 0, 0),
    ]  # fmt: skip


# --- a month that was worked out is kept -------------------------------------------------------------------------


@pytest.fixture
def months(payday, people_on_site) -> sheets.Months:
    payday.works(people_on_site.wang, 3, 4)
    payday.now = at(10, month=4)
    payday.gates_report()
    return sheets.Months()


def _known(payday, months):
    return payday.ask(months.known, payday.site.id, MARCH, payday.now)


def test_a_month_is_worked_out_once_from_the_lock_to_the_last_step(payday, months, monkeypatch):
    fresh = months.fresh(payday.database, payday.site.id, MARCH, payday.now)
    monkeypatch.setattr(sheets, "derive", lambda *_, **__: pytest.fail("worked out twice"))
    told = {"project_id": payday.site.id, "now": payday.now, "fresh": fresh}
    with payday.database.write() as db:
        periods.lock(db, month=MARCH, by="wu", **told)
        sheet = sheets.draft(db, month=MARCH, team_id=payday.site.team_id, by="sun", **told).sheet
        sheets.submit(db, sheet_id=sheet.id, by="sun", **told)
        sheets.check(db, sheet_id=sheet.id, by="wu", **told)
    assert _known(payday, months) is fresh


def test_the_gates_of_today_do_not_make_a_month_that_is_over_new(payday, months, people_on_site):
    fresh = months.fresh(payday.database, payday.site.id, MARCH, payday.now)
    payday.works(people_on_site.wang, 10, month=4)
    assert _known(payday, months) is fresh


def test_a_late_passage_of_the_month_a_correction_and_new_terms_do(payday, months, people_on_site):
    for happens in (
        lambda: payday.works(people_on_site.wang, 5),
        lambda: payday.works(people_on_site.wang, 28, month=2),
        lambda: payday.run(
            desk_of_days.add_mark, kind="rain", from_on=date(2026, 3, 9), to_on=date(2026, 3, 10), pay_permille=0, note="暴雨", by="wu"
        ),
    ):
        months.fresh(payday.database, payday.site.id, MARCH, payday.now)
        assert _known(payday, months) is not None
        happens()
        assert _known(payday, months) is None


def test_a_month_just_over_is_kept_for_a_moment_only(payday, people_on_site):
    payday.works(people_on_site.wang, 31)
    payday.now = at(1, month=4)
    months = sheets.Months()
    fresh = months.fresh(payday.database, payday.site.id, MARCH, payday.now)
    payday.now += timedelta(seconds=30)
    assert _known(payday, months) is fresh
    payday.now += timedelta(minutes=5)
    assert _known(payday, months) is None, "somebody inside at midnight may have missed his exit by now"


def test_no_more_than_two_months_are_kept(payday, months):
    for month in (date(2026, 1, 1), date(2026, 2, 1), MARCH):
        months.fresh(payday.database, payday.site.id, month, payday.now)
    kept = [m for m in (date(2026, 1, 1), date(2026, 2, 1), MARCH) if payday.ask(months.known, payday.site.id, m, payday.now)]
    assert kept == [date(2026, 2, 1), MARCH]


def test_nothing_is_worked_out_before_a_write_that_will_be_refused(payday, months, monkeypatch):
    monkeypatch.setattr(sheets, "derive", lambda *_, **__: pytest.fail("for nothing"))
    assert months.before(payday.database, payday.site.id, APRIL, payday.now) is None


def test_the_outlook_of_a_page_says_what_the_act_would_say(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.works(people_on_site.li, 4, go=None)
    payday.now = at(10, month=4)
    outlook = lambda: payday.ask(periods.outlook, payday.site.id, MARCH, payday.now)  # noqa: E731
    exact = lambda: payday.ask(periods.blockers, payday.site.id, MARCH, payday.now)  # noqa: E731
    assert outlook() == exact() != ()
    payday.gates_report()
    assert [b.code for b in outlook()] == ["day_undecided"]


def test_the_outlook_of_a_locked_month_names_the_teams_without_an_approved_sheet(payday, people_on_site):
    payday.works(people_on_site.wang, 3)
    payday.lock()
    assert [b.code for b in payday.ask(periods.outlook, payday.site.id, MARCH, payday.now)] == ["sheet_missing"]
    payday.draft()
    assert [b.code for b in payday.ask(periods.outlook, payday.site.id, MARCH, payday.now)] == ["sheet_not_approved"]
    payday.through()
    assert payday.ask(periods.outlook, payday.site.id, MARCH, payday.now) == ()


def test_a_gate_is_not_held_up_while_a_month_is_worked_out(client, payday, people_on_site, settings, clock, monkeypatch):  # noqa: F811
    payday.works(people_on_site.wang, 3)
    payday.now = at(10, month=4)
    payday.gates_report()
    clock.advance(seconds=(payday.now - clock()).total_seconds())
    with payday.database.write() as db:
        token = access.begin_session(db, settings, account_id=people_on_site.wu, now=payday.now)
    computed = sheets.derive
    written, days = [], iter((11, 12))

    def slowly(*values, **named):
        # A gate in the middle of it: it would wait, and be told that the service is busy.
        day = next(days)
        gate = threading.Thread(target=lambda: written.append(payday.works(people_on_site.wang, day, month=4)))
        gate.start()
        gate.join(4)
        assert written, "the gate waits"
        return computed(*values, **named)

    monkeypatch.setattr(sheets, "derive", slowly)
    for n, act in enumerate(("lock", "sheets")):
        written.clear()
        client.app.state.months = sheets.Months()
        answer = client.post(
            f"/v1/projects/{payday.site.id}/months/2026-03/{act}", json={},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"not-held-up-{n}"},
        )  # fmt: skip
        assert answer.status_code in (200, 201), answer.text
        assert written
