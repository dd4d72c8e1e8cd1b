"""The three-way check and a worker's strip as pages."""

from datetime import UTC, datetime, timedelta

import pytest

from app import payroll
from tests import cast


@pytest.fixture
def worked(database, people_on_site, now):
    """Wang worked on 2 and 3 March; Li was paid and did not come."""
    with database.write() as db:
        for day in (2, 3):
            at = datetime(2026, 3, day, tzinfo=UTC)
            cast.pass_through(db, people_on_site.a, "in", people_on_site.wang.id, at)
            cast.pass_through(db, people_on_site.a, "out", people_on_site.wang.id, at + timedelta(hours=9, minutes=30))
        payroll.record_payment(
            db, project_id=people_on_site.a.id, worker_id=people_on_site.li.id, amount_fen=500_00, paid_on=now.date(),
            for_month=now.date().replace(day=1), channel="cash", reference=None, idempotency_key="march-li-1", by="wu", now=now,
        )  # fmt: skip


@pytest.fixture
def page(people_on_site):
    return f"/projects/{people_on_site.a.id}/three-way"


def test_the_check_names_who_differs_and_leads_to_his_strip(client_of, people_on_site, worked, page):
    told = client_of("lin").get(f"{page}?month=2026-03").text
    assert "有发薪无考勤" in told and "李秀英" in told and f"{page}/{people_on_site.li.id}?month=2026-03" in told
    assert "王建国" not in told, "nothing of his differs before the pay day"
    assert "王建国" in client_of("lin").get(f"{page}?month=2026-03&kind=all").text
    assert "王建国" not in client_of("lin").get(f"{page}?month=2026-03&kind=paid_without_work").text
    assert "三方一致" in client_of("lin").get(f"{page}?month=2026-03&kind=overpaid").text


def test_the_strip_opens_a_day_down_to_its_passages(client_of, people_on_site, worked, page):
    strip = f"{page}/{people_on_site.wang.id}?month=2026-03"
    closed = client_of("lin").get(strip).text
    assert "2026-03-02" in closed and 'id="opened"' not in closed and cast.WANG_ID not in closed
    told = client_of("lin").get(f"{strip}&day=2026-03-02").text
    for said in ("08:00:00", "17:30:00", "大门入口", "1.0 工日 × 400.00", "存证哈希", "工资约定"):
        assert said in told, said
    for odd in ("2026-03-09", "x", "2026-13-01"):
        assert 'id="opened"' not in client_of("lin").get(f"{strip}&day={odd}").text


def test_a_worker_of_another_project_has_no_strip_here(client_of, people_on_site, worked, page):
    assert client_of("lin").get(f"{page}/{people_on_site.zhao.id}?month=2026-03").status_code == 404


@pytest.mark.parametrize(("month", "status"), [("2026-05", 400), ("x", 400), ("1999-01", 400), ("", 200), ("2026-02", 200)])
def test_months_that_cannot_be_compared(client_of, people_on_site, worked, page, month, status):
    assert client_of("chen").get(f"{page}?month={month}").status_code == status


def test_the_check_as_a_file_is_journalled(client_of, database, people_on_site, worked, page):
    from app.store import accounts

    told = client_of("lin").get(f"/v1/projects/{people_on_site.a.id}/forms/three-way?month=2026-03")
    assert told.status_code == 200 and told.content[:2] == b"PK"
    with database.read() as db:
        line = next(x for x in accounts.journal_lines(db, people_on_site.a.id) if x.action == "form.exported")
    assert (line.actor, line.object, line.facts["month"]) == ("lin", "form:three_way", "2026-03")


def test_the_county_is_added_up_by_town_and_taken_away_as_a_file(client_of, database, people_on_site, worked, now):
    from app import papers, terms
    from app.store import accounts

    desk = client_of("lin")
    assert "按镇街" not in desk.get("/county").text, "no project names its town"
    with database.write() as db:
        papers.set_town(db, project_id=people_on_site.a.id, area_code="330424100", by="wu", now=now)
        terms.write_area_rule(
            db, area_code="330424100", key="town_name", value="武原街道", valid_from=now.date(), source="行政区划", by="gao", now=now
        )
    told = desk.get("/county").text
    assert "按镇街" in told and "武原街道" in told and "town=330424100" in told
    with database.write() as db:
        papers.create_project(db, code="HY-9", name="没有镇街的项目", area_code="330424", now=now, by="gao")
    for query, seen in (("", (True, True)), ("?town=330424100", (True, False)), ("?town=0", (False, True)), ("?town=990000000", (True, True))):
        told = desk.get(f"/county{query}").text
        assert (">A · 武原街道<" in told, "没有镇街的项目" in told) == seen, query
    file = desk.get("/v1/county/forms/projects?language=zh")
    assert file.status_code == 200 and file.content[:2] == b"PK"
    with database.read() as db:
        line = next(x for x in accounts.journal_page(db, None) if x.action == "form.exported")
    assert (line.actor, line.object, line.facts["area"]) == ("lin", "form:county", "330424")
    assert client_of("wu").get("/v1/county/forms/projects").status_code == 403
