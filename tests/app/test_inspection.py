"""What the bureau looks at: the three sides of a closed month, one worker's strip, a county in colours."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app import inspection, oversight, papers, payroll, projection, terms
from app.domain.colour import Level
from app.domain.threeway import Difference
from app.errors import BadRequest, NotFound, ServiceError
from app.store import people
from tests.app.test_payroll import pay  # noqa: F401 - a fixture
from tests.cast import pass_through

MARCH = date(2026, 3, 1)
LATER = datetime(2026, 4, 20, 4, tzinfo=UTC)


def work(database, site, worker, *days: int) -> None:
    with database.write() as db:
        for day in days:
            at = datetime(2026, 3, day, tzinfo=UTC)
            pass_through(db, site, "in", worker.id, at)
            pass_through(db, site, "out", worker.id, at + timedelta(hours=9, minutes=30))


@pytest.fixture
def march(database, people_on_site, pay):  # noqa: F811
    """Wang works three days and is paid two; Li is paid and does not come."""
    work(database, people_on_site.a, people_on_site.wang, 3, 4, 5)
    pay(worker_id=people_on_site.wang.id, amount_fen=800_00, paid_on=MARCH, for_month=MARCH, idempotency_key="pay-wang")
    pay(worker_id=people_on_site.li.id, amount_fen=500_00, paid_on=MARCH, for_month=MARCH, idempotency_key="pay-li-1")


@pytest.mark.parametrize("projected", [False, True])
def test_gate_sheet_and_bank_are_compared_person_by_person(database, people_on_site, march, projected):
    if projected:
        projection.refresh(database, people_on_site.a.id, now=LATER)
    with database.read() as db:
        told = inspection.three_way(db, people_on_site.a.id, MARCH, LATER)
    check = told.check
    assert (told.due_on, check.is_due, check.has_sheet) == (date(2026, 4, 15), True, False)
    assert (check.gate.people, check.gate.day_milli, check.gate.fen) == (1, 3000, 1200_00)
    assert (check.bank.people, check.bank.fen, check.outside_fen) == (2, 1300_00, 1300_00)
    by_worker = {row.worker_id: row for row in check.rows}
    assert by_worker[people_on_site.wang.id].differences == (Difference.NOT_ON_SHEET, Difference.UNDERPAID, Difference.OUTSIDE)
    assert by_worker[people_on_site.li.id].differences == (Difference.PAID_WITHOUT_WORK, Difference.OUTSIDE)


def test_one_workers_check_is_his_row_of_the_projects(database, people_on_site, march):
    with database.read() as db:
        whole = inspection.three_way(db, people_on_site.a.id, MARCH, LATER).check
        for row in whole.rows:
            assert inspection.three_way(db, people_on_site.a.id, MARCH, LATER, worker_id=row.worker_id).check.rows == (row,)


def test_a_month_that_has_not_begun_is_not_compared(database, people_on_site):
    with database.read() as db:
        for month, code in ((date(2026, 5, 1), "month_in_future"), (date(1999, 1, 1), "month_out_of_range")):
            with pytest.raises(BadRequest) as refused:
                inspection.three_way(db, people_on_site.a.id, month, LATER)
            assert refused.value.code == code
        with pytest.raises(NotFound):
            inspection.three_way(db, 999, MARCH, LATER)


def test_a_strip_has_everything_the_month_rests_on(database, people_on_site, march):
    oversight.audit_project(database, people_on_site.a.id, MARCH, LATER)
    with database.read() as db:
        told = inspection.strip(db, people_on_site.a.id, people_on_site.wang.id, MARCH, LATER)
        assert inspection.strip(db, people_on_site.a.id, people_on_site.li.id, MARCH, LATER).days == ()
        with pytest.raises(NotFound) as refused:
            inspection.strip(db, people_on_site.a.id, people_on_site.zhao.id, MARCH, LATER)
    assert refused.value.code == "worker_not_on_project"
    assert [(d["work_date"], d["day_milli"], d["amount_fen"]) for d in told.days] == [
        ("2026-03-03", 1000, 400_00), ("2026-03-04", 1000, 400_00), ("2026-03-05", 1000, 400_00)]
    assert all(len(session["passages"]) == 2 for day in told.days for session in day["sessions"])
    assert [t["rate_fen"] for t in told.terms] == [400_00]
    assert [p.amount_fen for p in told.payments] == [800_00]
    assert "underpaid" in [f.rule for f in told.findings]


# --- the county ----------------------------------------------------------------------------------------------


def county(database, now=LATER):
    with database.read() as db:
        return inspection.county(db, people.projects(db, None), now)


def test_the_county_has_the_worst_project_first_and_says_why(database, people_on_site, march):
    oversight.audit_project(database, people_on_site.a.id, MARCH, LATER)
    projection.refresh(database, people_on_site.a.id, now=LATER)
    first, second = county(database)
    assert (first.project.id, first.colour.level) == (people_on_site.a.id, Level.RED)
    assert first.colour.red >= 2 and first.colour.rule and first.colour.finding_id
    # Four hundred yuan of Wang's; what Li got for nothing pays for nobody.
    assert (first.overdue_fen, first.overdue_workers, first.oldest) == (400_00, 1, MARCH)
    assert first.people == 2 and first.last_seen_at == datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
    assert (second.colour.level, second.overdue_fen, second.oldest) == (Level.GREY, 0, None)


def test_a_town_has_the_sums_of_its_projects(database, people_on_site, march):
    a, b = people_on_site.a.id, people_on_site.b.id
    oversight.audit_project(database, a, MARCH, LATER)
    projection.refresh(database, a, now=LATER)
    with database.write() as db:
        papers.set_town(db, project_id=a, area_code="330424100001", by="wu", now=LATER)
        pass_through(db, people_on_site.a, "in", people_on_site.wang.id, LATER - timedelta(minutes=5))
        pass_through(db, people_on_site.a, "out", people_on_site.wang.id, LATER - timedelta(minutes=1))
        pass_through(db, people_on_site.a, "in", None, LATER, verdict="refuse", code="no_match")
        terms.write_area_rule(
            db, area_code="330424100", key="town_name", value="武原街道", valid_from=date(2026, 1, 1), source="行政区划", by="gao", now=LATER
        )
    lines = county(database)
    named, unnamed = inspection.towns(lines)
    assert (named.code, named.name, named.projects, named.levels) == ("330424100", "武原街道", 1, {Level.RED: 1})
    assert (named.people, named.seen_today, named.overdue_fen, named.owing) == (2, 1, 400_00, 1), "a stranger is nobody who came"
    assert (unnamed.code, unnamed.name, unnamed.levels) == ("", "", {Level.GREY: 1})
    assert {line.project.id: line.town for line in lines} == {a: "330424100", b: ""}


def test_a_project_is_not_moved_into_another_county(database, people_on_site):
    a = people_on_site.a.id
    for area, code in (("33042", "project_area_malformed"), ("51010400", "project_area_malformed"), ("999999", "project_area_unknown"), ("330000", "project_area_unknown"), ("510104", "project_area_elsewhere")):
        with database.write() as db, pytest.raises(ServiceError) as refused:
            papers.set_town(db, project_id=a, area_code=area, by="wu", now=LATER)
        assert refused.value.code == code


def test_wages_that_are_not_due_are_not_overdue(database, people_on_site, march):
    now = datetime(2026, 4, 15, 4, tzinfo=UTC)
    projection.refresh(database, people_on_site.a.id, now=now)
    assert county(database, now)[0].overdue_fen == 0


def test_a_county_owes_what_its_workers_accounts_say(database, people_on_site, march):
    projection.refresh(database, people_on_site.a.id, now=LATER)
    with database.read() as db:
        accounts = payroll.accounts_of(db, people_on_site.a.id, LATER)
    owed = sum(line.owed_fen for months in accounts.values() for line in months if line.month == MARCH)
    assert county(database)[0].overdue_fen == owed


def test_what_has_not_been_worked_out_is_not_said_to_be_nothing(database, people_on_site, march):
    assert county(database)[0].overdue_fen is None


def test_a_county_without_projects_is_empty(database):
    with database.read() as db:
        assert inspection.county(db, [], LATER) == []
