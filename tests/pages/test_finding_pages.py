"""The inbox of findings: views, conditions, and a decision with its evidence."""

import re
from datetime import date, timedelta

import pytest

from app import oversight, payroll
from app.domain.casework import State
from app.store import findings

FEBRUARY = date(2026, 2, 1)
PDF = ("回单.pdf", b"%PDF-1.7 a receipt", "application/pdf")


@pytest.fixture
def found(database, people_on_site, now):
    """A payment for February, in which nobody worked."""
    with database.write() as db:
        payroll.record_payment(
            db, project_id=people_on_site.a.id, worker_id=people_on_site.wang.id, amount_fen=500_00, paid_on=date(2026, 3, 1),
            for_month=FEBRUARY, channel="bank", reference=None, idempotency_key="february-1", by="wu", now=now,
        )  # fmt: skip
    oversight.audit_project(database, people_on_site.a.id, FEBRUARY, now)
    with database.read() as db:
        return findings.findings(db, people_on_site.a.id)[0].id


@pytest.fixture
def inbox(people_on_site):
    return f"/projects/{people_on_site.a.id}/findings"


def test_a_finding_is_notified_answered_and_closed_with_a_file(client_of, database, people_on_site, found, inbox, now):
    lin, wu = client_of("lin"), client_of("wu")
    form = lin.get(f"{inbox}?finding={found}").text
    proposed = re.search(r'name="due_on" type="date" min="[^"]+" value="([^"]+)"', form)[1]
    assert date.fromisoformat(proposed) > now.date()
    sent = {"state": "notified", "note": "请在期限内说明", "due_on": proposed}
    reply = lin.post(f"{inbox}/{found}/decisions?state=waiting", data=sent)
    assert reply.headers["location"] == f"{inbox}?state=waiting&finding={found}&done=decided#f-{found}"
    assert f"答复期限 {proposed}" in wu.get(f"{inbox}?finding={found}").text
    wu.post(f"{inbox}/{found}/decisions", data={"state": "rectified", "note": "已由银行退回"}, files={"file": PDF})
    told = lin.get(f"{inbox}?finding={found}").text
    assert "已由银行退回" in told and "回单.pdf" in told
    evidence = re.findall(r'name="evidence" value="([^"]+)"', told)
    assert {each.partition(":")[0] for each in evidence} == {"file", "payment"}
    closing = {"state": "verified_closed", "note": "回单已核对", "evidence": evidence[:1]}
    assert lin.post(f"{inbox}/{found}/decisions", data=closing).status_code == 303
    with database.read() as db:
        assert findings.finding(db, people_on_site.a.id, found).state == State.VERIFIED_CLOSED


def test_a_refused_decision_comes_back_with_what_was_typed_and_keeps_no_file(client_of, database, found, inbox, people_on_site):
    wu, lin = client_of("wu"), client_of("lin")
    wu.post(f"{inbox}/{found}/decisions", data={"state": "rectified", "note": "已由银行退回"})
    reply = lin.post(f"{inbox}/{found}/decisions", data={"state": "verified_closed", "note": "我看可以了"})
    assert reply.status_code == 400 and "核销须附依据" in reply.text and "我看可以了" in reply.text
    late = {"state": "notified", "note": "请尽快说明", "due_on": "2020-01-01"}
    assert lin.post(f"{inbox}/{found}/decisions", data=late, files={"file": PDF}).status_code == 400
    for odd in ("payment", "payment:x", "payment:" + "9" * 30, "word:1"):
        reply = lin.post(f"{inbox}/{found}/decisions", data={"state": "verified_closed", "note": "我看可以了", "evidence": odd})
        assert reply.status_code in (400, 422), odd
    from sqlalchemy import func, select

    from app.tables import EvidenceFile

    with database.read() as db:
        assert db.execute(select(func.count()).select_from(EvidenceFile)).scalar_one() == 0


def test_whoever_may_not_take_a_step_is_not_offered_it(client_of, found, inbox):
    wu, chen = client_of("wu"), client_of("chen")
    offered = lambda client: re.findall(r'<option value="(\w+)"[^>]*>', client.get(f"{inbox}?finding={found}").text.split("decisions")[1])  # noqa: E731
    assert offered(wu) == ["explained", "rectified"]
    wu.post(f"{inbox}/{found}/decisions", data={"state": "explained", "note": "见附件说明"})
    assert offered(wu) == ["rectified"]
    assert offered(chen) == ["rectified", "verified_closed"]
    assert wu.post(f"{inbox}/{found}/decisions", data={"state": "verified_closed", "note": "见附件说明"}).status_code == 403


@pytest.mark.parametrize(
    ("view", "shown"), [("", True), ("waiting", True), ("overdue", False), ("answered", False), ("closed", False), ("cleared", False), ("x", True)]
)
def test_the_views_of_the_inbox(client_of, found, inbox, view, shown):
    assert (f'id="f-{found}"' in client_of("lin").get(f"{inbox}?state={view}").text) == shown


def test_an_overdue_notice_is_in_sight(client_of, database, people_on_site, found, inbox, clock, now, settings):
    from app import access

    lin = client_of("lin")
    lin.post(f"{inbox}/{found}/decisions", data={"state": "notified", "note": "请尽快说明", "due_on": f"{now.date() + timedelta(days=2)}"})
    later = clock.advance(hours=24 * 4)
    with database.write() as db:
        token = access.begin_session(db, settings, account_id=people_on_site.lin, now=later)
    lin.cookies.set(access.COOKIE, token)
    told = lin.get(f"{inbox}?state=overdue").text
    assert f'id="f-{found}"' in told and '<span class="state bad">已逾期</span>' in told


@pytest.mark.parametrize("condition", ["rule=paid_without_work", "severity=red", "month=2026-02", "worker={wang}"])
def test_conditions_leave_what_they_say(client_of, found, inbox, condition, people_on_site):
    told = client_of("chen").get(f"{inbox}?{condition.format(wang=people_on_site.wang.id)}").text
    assert f'id="f-{found}"' in told
    other = client_of("chen").get(f"{inbox}?rule=underpaid&severity=yellow&worker=9999").text
    assert f'id="f-{found}"' not in other


def test_the_list_is_taken_away_with_what_was_decided(client_of, people_on_site, found, inbox):
    import io

    import openpyxl

    client_of("wu").post(f"{inbox}/{found}/decisions", data={"state": "explained", "note": "见附件说明"})
    lin = client_of("lin")
    assert "/forms/findings?" in lin.get(inbox).text
    reply = lin.get(f"/v1/projects/{people_on_site.a.id}/forms/findings?month=2026-02")
    told = [cell for row in openpyxl.load_workbook(io.BytesIO(reply.content)).active.iter_rows(values_only=True) for cell in row if cell]
    assert "有发薪无考勤" in told and any("见附件说明" in str(cell) and "wu" in str(cell) for cell in told) and "王建国" in told
