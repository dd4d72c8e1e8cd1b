"""Attendance, wages, payments and findings, over HTTP."""

import pytest

from app import access
from tests.app.test_api_access import code
from tests.app.test_payroll import work
from tests.app.test_permissions import client, quick_passwords  # noqa: F401 - fixtures


@pytest.fixture
def wu(database, settings, people_on_site, now) -> dict[str, str]:
    return _bearer(database, settings, people_on_site.wu, now)


@pytest.fixture
def lin(database, settings, people_on_site, now) -> dict[str, str]:
    return _bearer(database, settings, people_on_site.lin, now)


def _bearer(database, settings, account_id, now):
    with database.write() as db:
        return {"Authorization": "Bearer " + access.begin_session(db, settings, account_id=account_id, now=now)}


@pytest.fixture
def base(people_on_site) -> str:
    return f"/v1/projects/{people_on_site.a.id}"


@pytest.fixture
def pay(client, base, wu, people_on_site):  # noqa: F811
    def call(key="pay-0001", **values):
        body = {
            "worker_id": people_on_site.wang.id, "amount_fen": 300_00, "paid_on": "2026-03-31", "for_month": "2026-03",
            "channel": "bank", "reference": "0331-01",
        } | values  # fmt: skip
        headers = wu | ({} if key is None else {"Idempotency-Key": key})
        return client.post(f"{base}/payments", json=body, headers=headers)

    return call


def test_two_days_a_payment_and_what_is_owed(client, database, people_on_site, base, wu, pay):  # noqa: F811
    with database.write() as db:
        work(db, people_on_site.a, people_on_site.wang, 3)
        work(db, people_on_site.a, people_on_site.wang, 4)
    paid = pay()
    assert (paid.status_code, paid.json()["amount_fen"], paid.json()["for_month"]) == (201, 300_00, "2026-03-01")
    told = client.get(f"{base}/wages", headers=wu).json()
    row = next(r for r in told["rows"] if r["worker_id"] == people_on_site.wang.id)
    assert row == {
        "worker_id": people_on_site.wang.id, "name": "王建国", "team": "钢筋一班", "day_milli": 2000,
        "undecided_days": 0, "no_terms_days": 0, "accrued_fen": 800_00, "paid_fen": 300_00, "owed_fen": 500_00,
        "overpaid_fen": 0, "withheld_fen": 0,
    }  # fmt: skip


def test_why_it_is_the_sum(client, database, people_on_site, base, wu, pay):  # noqa: F811
    with database.write() as db:
        work(db, people_on_site.a, people_on_site.wang, 3, "08:00", "14:00")
        work(db, people_on_site.a, people_on_site.wang, 4, go=None)
    paid = pay().json()
    told = client.get(f"{base}/workers/{people_on_site.wang.id}/wages", headers=wu).json()
    (month,) = told["months"]
    settled, open_ = month["days"]
    assert (settled["minutes"], settled["day_milli"], settled["rate_fen"], settled["amount_fen"]) == (360, 750, 400_00, 300_00)
    assert settled["terms"]["id"] == people_on_site.wang.terms_id
    assert [p["id"] for p in settled["passages"]] == settled["sessions"][0]["passage_ids"]
    assert (open_["state"], open_["amount_fen"], open_["loose"][0]["reason"]) == ("undecided", 0, "missing_out")
    [item] = settled["items"]
    assert (item["component"], item["formula"], item["amount_fen"]) == ("base", "0.75 工日 × 400.00", 300_00)
    assert [e["id"] for e in item["evidence"]] == [p["id"] for p in settled["passages"]]
    assert (open_["items"], open_["amount_max_fen"], month["items"], month["measures"]) == ([], 400_00, [], [])
    assert month["problems"] == [{"code": "undecided_day", "on": "2026-03-04"}]
    assert month["payments"] == [paid]
    assert (told["time_zone"], told["sums"]["undecided_days"]) == ("Asia/Shanghai", 1)


def test_a_payment_sent_again_after_a_lost_answer_is_recorded_once(pay):
    first, again = pay(), pay()
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert code(pay(amount_fen=1)) == (409, "payment_conflict")


def test_a_payment_without_a_key_is_refused(pay):
    assert code(pay(key=None)) == (422, "request_invalid")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"amount_fen": 300.5}, (422, "request_invalid")),
        ({"amount_fen": 300.0}, (422, "request_invalid")),
        ({"amount_fen": "300"}, (422, "request_invalid")),
        ({"amount_fen": True}, (422, "request_invalid")),
        ({"amount_fen": None}, (422, "request_invalid")),
        ({"amount_fen": 10**30}, (400, "amount_wrong")),
        ({"amount_fen": -5}, (400, "amount_wrong")),
        ({"for_month": "2026-3"}, (400, "month_malformed")),
        ({"for_month": "2026-13"}, (400, "month_malformed")),
        ({"for_month": "0000-01"}, (400, "month_malformed")),
        ({"for_month": "9999-12"}, (400, "month_out_of_range")),
        ({"for_month": "2026-04"}, (400, "month_in_future")),
        ({"for_month": "２０２６-03"}, (400, "month_malformed")),
        ({"paid_on": "31.3.2026"}, (422, "request_invalid")),
        ({"paid_on": "9999-12-31"}, (400, "paid_on_in_future")),
        ({"channel": "gold"}, (400, "payment_channel_unknown")),
        ({"reference": "a\x00b"}, (400, "reference_wrong")),
        ({"worker_id": 999}, (404, "worker_not_on_project")),
        ({"worker_id": 2**63}, (422, "request_invalid")),
        ({"worker_id": 0}, (422, "request_invalid")),
        ({"key": "短" }, None),
    ],
)  # fmt: skip
def test_a_payment_that_cannot_be(pay, values, expected):
    if expected is None:
        assert code(pay(key="reverse:1")) == (400, "key_malformed")
        return
    assert code(pay(**values)) == expected


def test_a_returned_transfer(client, base, wu, pay):  # noqa: F811
    paid = pay().json()
    first = client.post(f"{base}/payments/{paid['id']}/reverse", headers=wu)
    again = client.post(f"{base}/payments/{paid['id']}/reverse", headers=wu, json={})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (first.json()["amount_fen"], first.json()["reverses_id"]) == (-300_00, paid["id"])
    back = first.json()["id"]
    assert code(client.post(f"{base}/payments/{back}/reverse", headers=wu)) == (409, "payment_is_reversal")
    assert code(client.post(f"{base}/payments/999/reverse", headers=wu)) == (404, "payment_unknown")


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-03-31T12:04:00Z", 200),
        ("2026-03-31T20:00:00%2B08:00", 200),
        ("2026-03-31T12:06:00Z", (400, "as_of_in_future")),
        ("9999-12-31T23:59:59Z", (400, "as_of_in_future")),
        ("9999-12-31T23:59:59-14:00", (400, "as_of_in_future")),
        ("0001-01-01T00:00:00%2B14:00", (400, "as_of_out_of_range")),
        ("1999-12-31T00:00:00Z", (400, "as_of_out_of_range")),
        ("2026-03-31T12:00:00", (422, "request_invalid")),
        ("yesterday", (422, "request_invalid")),
    ],
)
def test_the_instant_a_question_is_about(client, base, wu, as_of, expected):  # noqa: F811
    for path in (f"{base}/wages?as_of={as_of}", f"{base}/headcount?as_of={as_of}", f"{base}/days?month=2026-03&as_of={as_of}"):
        response = client.get(path, headers=wu)
        assert (response.status_code if expected == 200 else code(response)) == expected


def test_headcount_and_days(client, database, people_on_site, base, wu):  # noqa: F811
    with database.write() as db:
        work(db, people_on_site.a, people_on_site.wang, 31)
        work(db, people_on_site.a, people_on_site.li, 31, go=None)
    counted = client.get(f"{base}/headcount", headers=wu).json()
    assert counted == {"as_of": "2026-03-31T12:00:00Z", "on_site": 1, "came_today": 2, "roster": 2}
    days = client.get(f"{base}/days?month=2026-03", headers=wu).json()
    assert [(d["worker_id"], d["work_date"], d["state"], d["day_milli"]) for d in days] == [
        (people_on_site.wang.id, "2026-03-31", "worked", 1000), (people_on_site.li.id, "2026-03-31", "present", None),
    ]  # fmt: skip
    assert code(client.get(f"{base}/days?month=March", headers=wu)) == (400, "month_malformed")


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999", "x", "1.5", "%00"])
def test_an_id_that_is_none(client, wu, number):  # noqa: F811
    for path in (f"/v1/projects/{number}/wages", f"/v1/projects/1/workers/{number}/wages"):
        assert code(client.get(path, headers=wu)) == (422, "request_invalid")


def test_a_finding_from_the_audit_to_its_closing(client, base, wu, lin, pay):  # noqa: F811
    pay(for_month="2026-02")
    found = client.post(f"{base}/audits", json={"month": "2026-02"}, headers=wu).json()
    assert found["found"] == found["new"] >= 1
    (finding,) = [f for f in client.get(f"{base}/findings?open_only=true", headers=lin).json() if f["rule"] == "paid_without_work"]
    assert (finding["amount_fen"], finding["thresholds"][:4], finding["detected"]) == (300_00, "2026", None)
    assert finding["laws"] and all(law.startswith("《") for law in finding["laws"])
    assert (finding["rule"], finding["state"], finding["facts"]["paid_fen"]) == ("paid_without_work", "open", 300_00)
    decisions = f"/v1/findings/{finding['id']}/decisions"
    explained = client.post(decisions, json={"state": "explained", "note": "二月预支，见借条"}, headers=wu)
    assert (explained.status_code, explained.json()["state"], explained.json()["decided_by"]) == (201, "explained", "wu")
    closed = client.post(decisions, json={"state": "verified_closed", "note": "已核对借条", "evidence": finding["evidence"]}, headers=lin)
    assert closed.json()["state"] == "verified_closed"
    still = client.get(f"{base}/findings?month=2026-02&open_only=true", headers=lin).json()
    assert "paid_without_work" not in {f["rule"] for f in still}


def test_what_no_audit_and_no_decision_can_be(client, base, wu):  # noqa: F811
    assert code(client.post(f"{base}/audits", json={"month": "2026-04"}, headers=wu)) == (400, "month_in_future")
    assert code(client.post(f"{base}/audits", json={"month": "x"}, headers=wu)) == (400, "month_malformed")
    assert code(client.get(f"{base}/findings?month=x", headers=wu)) == (400, "month_malformed")
    missing = client.post("/v1/findings/999/decisions", json={"state": "explained", "note": "见附件"}, headers=wu)
    assert code(missing) == (404, "finding_unknown")


def test_a_commit_that_fails_is_not_told_as_recorded(client, database, pay):  # noqa: F811
    from sqlalchemy import event

    def disk_full(_connection):
        raise OSError(28, "No space left on device")

    event.listen(database.engine, "commit", disk_full)
    try:
        refused = pay()
    finally:
        event.remove(database.engine, "commit", disk_full)
    assert code(refused) == (503, "storage_unavailable")
    assert pay().status_code == 201
