"""Findings are looked for, listed and decided."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from app import access, oversight, papers, payroll, terms, timekeeping
from app.domain import audit
from app.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorised, Unusable
from app.oversight import State
from app.store import accounts, findings, money, moved, people, sheets
from app.store.bearing import SEEN
from tests.app.test_payroll import pay  # noqa: F401 - a fixture
from tests.cast import pass_through

FEBRUARY = date(2026, 2, 1)
MARCH = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def one_rule(monkeypatch):
    """What becomes of a finding is shown by one rule; what each rule finds is in tests/domain."""
    monkeypatch.setattr(
        oversight, "run", lambda month, **beside: audit.run(month, [audit.RULES["paid_without_work"]], **beside)
    )


@pytest.fixture
def paid_for_nothing(database, people_on_site, pay, now):  # noqa: F811
    """A payment for February, in which nobody worked, and the finding it makes."""
    pay(for_month=FEBRUARY)
    oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
    with database.read() as db:
        (finding,) = findings.findings(db, people_on_site.a.id)
    return finding


@pytest.fixture
def decide(database, people_on_site, paid_for_nothing, now):
    def call(login, state, note="见附件说明", finding_id=None, evidence=None, due_on=None):
        with database.write() as db:
            person = access.person_of_account(db, getattr(people_on_site, login)) if login else None
            if evidence is None:
                evidence = [("payment", money.payments(db, people_on_site.a.id)[0].id)] if state == "verified_closed" else []
            return oversight.decide(
                db, person, finding_id or paid_for_nothing.id, state, note, evidence=evidence, due_on=due_on, now=now
            )

    return call


# --- looking -------------------------------------------------------------------------------------------------


def test_a_payment_without_work_is_found_and_found_again(database, people_on_site, pay, now):  # noqa: F811
    pay(for_month=FEBRUARY)
    first = oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
    again = oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now + timedelta(hours=1))
    assert (first.found, first.new, first.seen_again) == (1, 1, 0)
    assert (again.found, again.new, again.seen_again) == (1, 0, 1)


def test_an_audit_inside_a_transaction_and_one_on_its_own_find_the_same(database, people_on_site, pay, now):  # noqa: F811
    pay(for_month=FEBRUARY)
    with database.write() as db:
        inside = oversight.run_audit(db, people_on_site.a.id, FEBRUARY, now)
    alone = oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
    assert inside.found == alone.found == alone.seen_again == 1


def test_a_finding_that_stops_firing_is_cleared_not_gone(database, people_on_site, paid_for_nothing, now):
    from app import payroll

    with database.write() as db:
        payment = money.payments(db, people_on_site.a.id)[0]
        payroll.reverse_payment(db, project_id=people_on_site.a.id, payment_id=payment.id, by="wu", now=now)
    done = oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
    assert (done.found, done.cleared) == (0, 1)
    with database.read() as db:
        (line,) = oversight.findings_of(db, people_on_site.a.id)
        assert line.finding.cleared_at == now
        assert oversight.findings_of(db, people_on_site.a.id, open_only=True) == []


@pytest.mark.parametrize(("month", "code"), [(date(2026, 4, 1), "month_in_future"), (date(1999, 1, 1), "month_out_of_range")])
def test_a_month_that_cannot_be_audited(database, people_on_site, now, month, code):
    with pytest.raises(BadRequest) as refused:
        oversight.audit_project(database, people_on_site.a.id, month, now)
    assert refused.value.code == code


def test_a_project_nobody_knows_is_not_audited(database, people_on_site, now):
    with pytest.raises(NotFound):
        oversight.audit_project(database, 999, MARCH, now)


def test_every_project_is_audited_for_this_month_and_the_two_before(database, people_on_site, pay, now):  # noqa: F811
    pay(for_month=FEBRUARY)
    done = oversight.audit_all(database, now)
    assert (done.projects, done.months, done.found, done.failed) == (2, 6, 1, 0)


def test_what_was_audited_today_and_has_not_moved_is_left_alone_until_tomorrow(database, people_on_site, pay, now):  # noqa: F811
    oversight.audit_all(database, now)
    hour = timedelta(hours=1)
    assert oversight.audit_all(database, now + hour, changed_only=True).months == 0
    pay(for_month=FEBRUARY)
    again = oversight.audit_all(database, now + 2 * hour, changed_only=True)
    assert (again.months, again.found) == (2, 1), "the month that was paid for and the one after it, of one project"
    assert oversight.audit_all(database, now + 3 * hour, changed_only=True).months == 0
    assert oversight.audit_all(database, now + 24 * hour, changed_only=True).months == 6


def test_who_only_looks_makes_nobody_work_a_month_out_again(database, people_on_site, now):
    """What was kept of wages and audits holds when somebody looked, and not when somebody wrote."""
    with database.read() as db:
        project = people.project(db, people_on_site.a.id)
        wages, rules = sheets.facts_mark(db, project.id), moved.mark(db, project.id)
    for action, bears_on_wages, bears_on_rules in (
        *((action, False, False) for action in (*SEEN, "sign_in", "finding_decided")),
        ("batch.sent", False, True),
        ("worker.left", True, True),
    ):
        with database.write() as db:
            accounts.journal(db, at=now, actor="wu", action=action, project_id=project.id, object="worker:1", facts={})
        with database.read() as db:
            assert (sheets.facts_mark(db, project.id) != wages) is bears_on_wages, action
            upto = moved.mark(db, project.id)
            assert moved.touched(db, project, rules, upto).concerns(MARCH) is bears_on_rules, action
            rules = upto


@pytest.fixture
def touches(database, people_on_site, now):
    """Months of January to April 2026 that are audited again after something was done on the first project."""

    def call(do):
        with database.read() as db:
            project = people.project(db, people_on_site.a.id)
            since = moved.mark(db, project.id)
        with database.write() as db:
            do(db)
        with database.read() as db:
            found = moved.touched(db, project, since, moved.Mark.read(str(moved.mark(db, project.id))))
        return [n for n in (1, 2, 3, 4) if found.concerns(date(2026, n, 1))]

    return call


def at(month, day, hour=8):
    return datetime(2026, month, day, hour, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_what_passed_today_makes_no_month_of_before_be_looked_at_again(people_on_site, touches):
    wang = people_on_site.wang.id
    site = people_on_site.a
    assert touches(lambda db: pass_through(db, site, "in", wang, at(3, 20))) == [1, 2, 3, 4], "the first anybody heard of"
    assert touches(lambda db: pass_through(db, site, "in", wang, at(3, 30))) == [3, 4]
    assert touches(lambda db: None) == []
    assert touches(lambda db: pass_through(db, people_on_site.b, "in", people_on_site.zhao.id, at(3, 30))) == []
    assert touches(lambda db: pass_through(db, site, "out", wang, at(3, 1, 5))) == [2, 3, 4], "of a night that began in February"
    assert touches(lambda db: pass_through(db, site, "in", wang, at(2, 10))) == [2, 3], "a gate that was offline; wages of March are held against them"


def test_a_month_that_ended_in_silence_is_looked_at_again_when_somebody_comes(people_on_site, touches):
    touches(lambda db: pass_through(db, people_on_site.a, "in", people_on_site.wang.id, at(2, 10)))
    assert touches(lambda db: pass_through(db, people_on_site.a, "in", people_on_site.wang.id, at(4, 20))) == [2, 3, 4]
    assert touches(lambda db: pass_through(db, people_on_site.a, "out", people_on_site.wang.id, at(4, 20, 17))) == [4]


def test_at_a_two_way_lane_every_later_month_is_looked_at_again(people_on_site, touches):
    def two_way(db):
        papers.add_gate(db, project_id=people_on_site.a.id, name="小门", direction="both", by="wu", now=at(3, 1))

    touches(lambda db: pass_through(db, people_on_site.a, "in", people_on_site.wang.id, at(3, 20)))
    assert touches(two_way) == [1, 2, 3, 4]
    assert touches(lambda db: pass_through(db, people_on_site.a, "in", people_on_site.wang.id, at(2, 10))) == [2, 3, 4]


def test_what_is_written_about_one_month_touches_that_month(people_on_site, touches, now):
    site, li = people_on_site.a.id, people_on_site.li.id

    def line(action, about):
        return lambda db: accounts.journal(db, at=now, actor="wu", action=action, project_id=site, object=about, facts={})

    assert touches(line("period_locked", "pay_period:2026-02")) == [2]
    assert touches(line("period_closed", "pay_period:2026-02")) == [2, 3], "what is earned in February is looked at in March"
    assert touches(line("worker.left", "worker:7")) == [1, 2, 3, 4]
    assert touches(line("statement.imported", "special_account:1")) == [1, 2, 3, 4]
    assert touches(line("sheet_checked", "payroll_sheet:999")) == [1, 2, 3, 4], "a sheet nobody finds"
    assert touches(line("batch.results", "payment_batch:1")) == [1, 2, 3, 4]

    def leave(db):
        timekeeping.add_mark(
            db, project_id=site, kind="leave", worker_id=li, from_on=date(2026, 1, 30), to_on=date(2026, 2, 2), pay_permille=0, note="",
            by="wu", now=now,
        )  # fmt: skip

    assert touches(leave) == [1, 2, 3]


def test_a_new_number_of_the_area_touches_its_projects_only(people_on_site, touches, now):
    def number(area):
        return lambda db: terms.write_area_rule(
            db, area_code=area, key="minimum_wage_month_fen", value=226000, valid_from=date(2026, 3, 1), source="通知", by="gao", now=now
        )

    assert touches(number("3304")) == [1, 2, 3, 4]
    assert touches(number("51")) == []


def test_a_finding_of_an_old_month_is_cleared_once_it_has_been_put_right(database, people_on_site, pay, now):  # noqa: F811
    paid = pay(for_month=FEBRUARY).payment.id
    oversight.audit_all(database, now)
    much_later = now + timedelta(days=200)
    assert oversight.audit_all(database, much_later).months == 6, "nothing has moved in the old month"
    with database.write() as db:
        payroll.reverse_payment(
            db, project_id=people_on_site.a.id, payment_id=paid, by="wu", now=much_later
        )
    assert oversight.audit_all(database, much_later, changed_only=True).months == 4, "the old month and the three new ones of the project"
    with database.read() as db:
        assert [f.cleared_at is not None for f in findings.findings(db, people_on_site.a.id, FEBRUARY)] == [True]


def test_one_failing_project_is_logged_and_the_rest_go_on(database, people_on_site, pay, now, monkeypatch):  # noqa: F811
    pay(for_month=FEBRUARY, project_id=people_on_site.b.id, worker_id=people_on_site.zhao.id)
    real = money.project_month

    def broken(db, project_id, month, as_of):
        if project_id == people_on_site.a.id:
            raise ValueError("王建国 330424198506120011")
        return real(db, project_id, month, as_of)

    monkeypatch.setattr(money, "project_month", broken)
    with capture_logs() as said:
        done = oversight.audit_all(database, now)
    assert (done.projects, done.months, done.found, done.failed) == (2, 3, 1, 3)
    assert [line["event"] for line in said] == ["audit_failed"] * 3
    assert "王建国" not in str(said) and "3304241985" not in str(said)


def test_no_transaction_is_open_while_the_rules_think(database, people_on_site, now, monkeypatch):
    real = oversight.run

    def meanwhile(bundle, **beside):
        with database.write() as db:
            accounts.journal(db, at=now, actor="gate", action="wrote", project_id=None, object="x", facts={})
        return real(bundle, **beside)

    monkeypatch.setattr(oversight, "run", meanwhile)
    oversight.audit_project(database, people_on_site.a.id, MARCH, now)


# --- listing -------------------------------------------------------------------------------------------------


def test_a_finding_is_told_in_the_readers_language(database, people_on_site, paid_for_nothing):
    with database.read() as db:
        (zh,) = oversight.findings_of(db, people_on_site.a.id)
        (en,) = oversight.findings_of(db, people_on_site.a.id, month=date(2026, 2, 14), language="en")
        assert oversight.findings_of(db, people_on_site.a.id, month=MARCH) == []
    assert "500.00" in zh.sentence and "500.00" in en.sentence
    assert zh.title == "有发薪无考勤" and en.title == "Paid without work"


def test_a_finding_of_a_rule_that_is_gone_is_still_listed(database, people_on_site, paid_for_nothing, behind_the_walls):
    behind_the_walls("UPDATE finding SET rule = 'retired_rule'")
    with database.read() as db:
        (line,) = oversight.findings_of(db, people_on_site.a.id)
    assert (line.title, line.sentence, line.state) == ("retired_rule", "", State.OPEN)


# --- deciding ------------------------------------------------------------------------------------------------


def test_a_finding_goes_from_open_to_rectified_to_closed_by_two_people(decide):
    assert decide("wu", "rectified", "差额已补发").state is State.RECTIFIED
    closed = decide("lin", "verified_closed", "已核对银行回单")
    assert (closed.state, closed.finding.decided_by) == (State.VERIFIED_CLOSED, "lin")


def test_a_finding_is_not_closed_that_nobody_has_answered_for(decide):
    with pytest.raises(Conflict) as refused:
        decide("lin", "verified_closed")
    assert (refused.value.code, refused.value.facts) == ("decision_order", {"state": "open", "wanted": "verified_closed"})


@pytest.mark.parametrize("answer", ["explained", "rectified"])
def test_whoever_answered_for_it_does_not_close_it(decide, answer):
    decide("chen", answer)
    with pytest.raises(Forbidden) as refused:
        decide("chen", "verified_closed")
    assert refused.value.code == "decision_same_person"
    assert decide("lin", "verified_closed").state is State.VERIFIED_CLOSED


def test_an_answer_by_somebody_else_in_between_does_not_free_the_first(decide):
    decide("chen", "explained")
    decide("wu", "rectified")
    with pytest.raises(Forbidden):
        decide("chen", "verified_closed")


def test_a_labour_officer_answers_and_does_not_close(decide):
    decide("chen", "explained")
    with pytest.raises(Forbidden) as refused:
        decide("wu", "verified_closed")
    assert refused.value.code == "not_allowed"


def test_a_finding_is_told_to_the_project_with_a_day_and_closed_by_the_bureau(database, people_on_site, decide):
    due_on = date(2026, 4, 10)
    line = decide("lin", "notified", "请于期限内补发并附回单", due_on=due_on)
    assert (line.state, line.finding.due_on, line.finding.in_hand) == (State.NOTIFIED, due_on, True)
    assert not line.finding.is_overdue(due_on) and line.finding.is_overdue(due_on + timedelta(days=1))
    decide("wu", "rectified", "差额已补发")
    with pytest.raises(Forbidden) as refused:
        decide("chen", "verified_closed")
    assert refused.value.code == "decision_bureau_only"
    assert decide("lin", "verified_closed").state is State.VERIFIED_CLOSED
    with database.read() as db:
        told = oversight.history(db, line.finding.id)
        written = [x.facts for x in accounts.journal_lines(db, people_on_site.a.id) if x.action == "finding_decided"]
    assert [(d.state, d.due_on, bool(d.evidence)) for d in told] == [
        ("notified", due_on, False), ("rectified", None, False), ("verified_closed", None, True)]
    assert written[-1] == {"from": "open", "to": "notified", "due_on": "2026-04-10"}


@pytest.mark.parametrize(
    ("due_on", "code"),
    [(None, "decision_deadline_needed"), (date(2026, 3, 31), "decision_deadline_wrong"), (date(2028, 1, 1), "decision_deadline_wrong")],
)
def test_a_notice_without_a_day_to_come_is_refused(decide, due_on, code):
    with pytest.raises(BadRequest) as refused:
        decide("lin", "notified", due_on=due_on)
    assert refused.value.code == code


def test_a_finding_is_closed_with_evidence_of_this_project_only(database, people_on_site, decide, pay):  # noqa: F811
    other = pay(project_id=people_on_site.b.id, worker_id=people_on_site.zhao.id, idempotency_key="pay-000b").payment.id
    decide("wu", "rectified")
    for evidence, kind, code in (
        ([], BadRequest, "decision_evidence_needed"),
        ([("payment", other)], NotFound, "evidence_unknown"),
        ([("file", 999)], NotFound, "evidence_unknown"),
        ([("file", 2**63)], NotFound, "evidence_unknown"),
        ([("word", 1)], Unusable, "decision_evidence_kind"),
        ([("file", n) for n in range(1, 22)], Unusable, "evidence_too_many"),
    ):
        with pytest.raises(kind) as refused:
            decide("lin", "verified_closed", evidence=evidence)
        assert refused.value.code == code


def test_a_finding_that_stopped_firing_can_still_be_closed_and_fires_again_as_the_same(
    database, people_on_site, decide, paid_for_nothing, pay, now  # noqa: F811
):
    """The transfer came back, the bureau closed; then the same money went out again."""
    from app import payroll

    decide("wu", "rectified")
    with database.write() as db:
        payroll.reverse_payment(
            db, project_id=people_on_site.a.id, payment_id=money.payments(db, people_on_site.a.id)[0].id, by="wu", now=now
        )
    assert oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now).cleared == 1
    closed = decide("lin", "verified_closed")
    assert (closed.state, closed.finding.cleared_at) == (State.VERIFIED_CLOSED, now)
    later = now + timedelta(days=1)
    pay(for_month=FEBRUARY, idempotency_key="pay-again")
    assert oversight.audit_project(database, people_on_site.a.id, FEBRUARY, later).reopened == 1
    with database.read() as db:
        (line,) = oversight.findings_of(db, people_on_site.a.id, open_only=True)
    assert (line.finding.id, line.state, line.finding.reopened_at) == (paid_for_nothing.id, State.OPEN, later)
    assert line.finding.is_stale and line.finding.first_seen_at == paid_for_nothing.first_seen_at


def test_what_was_closed_and_fires_again_unchanged_is_open_again(database, people_on_site, decide, paid_for_nothing, now):
    decide("wu", "explained")
    decide("lin", "verified_closed")
    with database.write() as db:
        findings.keep_findings(db, people_on_site.a.id, FEBRUARY, [], now)
    oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
    with database.read() as db:
        (line,) = oversight.findings_of(db, people_on_site.a.id)
    assert (line.state, line.finding.evidence_digest) == (State.OPEN, paid_for_nothing.evidence_digest)
    assert decide("wu", "explained").state is State.EXPLAINED


def test_where_a_finding_stands_in_its_row_is_what_its_decisions_come_to(database, people_on_site, decide, pay, now):  # noqa: F811
    """Whatever the order of decisions and runs: the row is never anything else."""
    import random

    chance = random.Random(7)
    steps = [("lin", "notified"), ("wu", "explained"), ("chen", "rectified"), ("lin", "escalated"), ("lin", "verified_closed")]
    moved = 0
    for turn in range(60):
        luck = chance.random()
        if luck < 0.15:
            pay(for_month=FEBRUARY, amount_fen=turn + 1, idempotency_key=f"pay-1{turn:03d}")
        if luck < 0.3:
            oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
        elif luck < 0.4:
            with database.write() as db:
                findings.keep_findings(db, people_on_site.a.id, FEBRUARY, [], now)
        else:
            login, state = chance.choice(steps)
            try:
                decide(login, state, due_on=date(2026, 4, 10) if state == "notified" else None)
                moved += 1
            except (Conflict, Forbidden):
                pass
        with database.read() as db:
            (info,) = findings.findings(db, people_on_site.a.id)
            here = findings.standing_of(db, info)
        assert (info.state, info.in_hand, info.due_on) == (here.state, here.in_hand, here.due_on)
        assert info.is_stale == here.is_stale
    assert moved > 10


def test_what_is_closed_stays_closed(decide):
    decide("wu", "explained")
    decide("chen", "verified_closed")
    for login, state in (("wu", "explained"), ("chen", "rectified"), ("lin", "verified_closed")):
        with pytest.raises(Conflict):
            decide(login, state)


def test_a_finding_whose_evidence_changed_is_open_again(database, people_on_site, decide, pay, now):  # noqa: F811
    decide("wu", "explained")
    decide("chen", "verified_closed")
    pay(for_month=FEBRUARY, amount_fen=1, idempotency_key="pay-0002")
    oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
    with database.read() as db:
        (line,) = oversight.findings_of(db, people_on_site.a.id, open_only=True)
        assert line.state is State.OPEN
        assert [d.state for d in oversight.history(db, line.finding.id)] == ["explained", "verified_closed"]
    # Chen closed the old evidence; of the new he may give the answer, and then somebody else closes it.
    decide("chen", "explained")
    with pytest.raises(Forbidden):
        decide("chen", "verified_closed")


def test_whoever_answered_for_the_old_evidence_may_check_the_answer_about_the_new(
    database, people_on_site, decide, pay, now  # noqa: F811
):
    decide("chen", "explained")
    pay(for_month=FEBRUARY, amount_fen=1, idempotency_key="pay-0002")
    oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
    decide("wu", "rectified")
    assert decide("chen", "verified_closed").state is State.VERIFIED_CLOSED


@pytest.mark.parametrize(
    ("state", "note", "code"),
    [
        ("open", "见附件说明", "decision_unknown"),
        ("dismissed", "见附件说明", "decision_unknown"),
        ("explained", "", "decision_note_needed"),
        ("explained", " \n ok ", "decision_note_needed"),
        ("explained", "x" * 2001, "decision_note_long"),
        ("explained", "见附件\x00说明", "decision_note_long"),
        ("explained", "见附件说明\ud800", "decision_note_long"),
    ],
)
def test_what_is_no_decision(decide, state, note, code):
    with pytest.raises(BadRequest) as refused:
        decide("wu", state, note)
    assert refused.value.code == code


def test_a_note_may_have_lines(decide):
    assert decide("wu", "explained", "第一行\n第二行").finding.note == "第一行\n第二行"


def test_others_findings_do_not_exist(decide):
    for login, finding_id in (("zhou", None), ("wu", 999)):
        with pytest.raises(NotFound) as refused:
            decide(login, "explained", finding_id=finding_id)
        assert refused.value.code == "finding_unknown"
    with pytest.raises(Unauthorised):
        decide(None, "explained")
    with pytest.raises(Forbidden):
        decide("ma", "explained")


def test_a_decision_is_journalled_without_its_words(database, people_on_site, decide):
    decide("wu", "explained", "王建国的预支工资")
    with database.read() as db:
        (line,) = [x for x in accounts.journal_lines(db, people_on_site.a.id) if x.action == "finding_decided"]
    assert (line.actor, line.facts) == ("wu", {"from": "open", "to": "explained"})
