"""Every write takes an ``Idempotency-Key``, or says why it does not need one."""

from datetime import date

from tests.app.test_api_papers import House, house, roster_file  # noqa: F401 (fixture)
from tests.cast import id_number

SECRET = "its answer holds a key, code or password that is shown once and kept nowhere"
OWN = "has an event key of its own, within its signature"
READS = "writes nothing but a line of the journal"
SAME = "the same again is the same: nothing is done twice"

WITHOUT: dict[tuple[str, str], str] = {
    ("POST", "/v1/sign-in"): SECRET,
    ("POST", "/v1/sign-in/code"): SECRET,
    ("DELETE", "/v1/sign-in"): SAME,
    ("POST", "/v1/accounts/{login}/password"): SECRET,
    ("POST", "/v1/devices/{device_id}/frames"): OWN,
    ("POST", "/v1/devices/{device_id}/cards"): OWN,
    ("POST", "/v1/devices/{device_id}/heartbeats"): OWN,
    ("POST", "/v1/projects/{project_id}/devices"): SECRET,
    ("POST", "/v1/projects/{project_id}/devices/{device_id}/rotate"): SECRET,
    ("POST", "/v1/projects/{project_id}/workers"): f"{SECRET}; a second one is refused: engagement_overlaps",
    ("POST", "/v1/projects/{project_id}/workers/{worker_id}/credentials"): SECRET,
    ("DELETE", "/v1/projects/{project_id}/credentials/{credential_id}"): SECRET,
    ("POST", "/v1/projects/{project_id}/workers/{worker_id}/consents/withdraw"): SECRET,
    ("POST", "/v1/projects/{project_id}/workers/{worker_id}/sign-in-code"): SECRET,
    ("POST", "/v1/me/face/withdraw"): SECRET,
    ("POST", "/v1/me/second-step"): SECRET,
    ("POST", "/v1/me/second-step/confirm"): SECRET,
    ("POST", "/v1/me/second-step/codes"): SECRET,
    ("POST", "/v1/me/second-step/remove"): f"{SAME}: a code is good once",
    ("POST", "/v1/projects/{project_id}/workers/search"): READS,
    ("POST", "/v1/projects/{project_id}/workers/{worker_id}/identity"): READS,
    ("POST", "/v1/projects/{project_id}/journal/extract"): READS,
    ("POST", "/v1/projects/{project_id}/evidence"): f"{SAME}: a file is known by its digest",
    ("POST", "/v1/projects/{project_id}/payments/{payment_id}/reverse"): f"{SAME}: a payment is taken back once",
    ("POST", "/v1/projects/{project_id}/audits"): f"{SAME}: a finding has a fingerprint",
    ("POST", "/v1/findings/{finding_id}/decisions"): f"{SAME}: a step is done once",
    ("POST", "/v1/projects/{project_id}/workers/{worker_id}/enrolment"): "the newer template takes the older one's place",
    ("POST", "/v1/projects/{project_id}/workers/{worker_id}/identity-checks"): "the latest comparison counts",
    ("POST", "/v1/projects/{project_id}/identity-checks/{check_id}/override"): f"{SAME}: a check is vouched for once",
    ("POST", "/v1/twins/{twin_id}/reviews"): "the latest word about a pair counts",
    ("POST", "/v1/projects/{project_id}/face-review"): "the latest word about a frame counts",
    ("PUT", "/v1/projects/{project_id}/face-policy"): "says the whole rule, the latest counts",
    ("PUT", "/v1/projects/{project_id}/decisions/policy"): "says the whole rule, the latest counts",
    ("PATCH", "/v1/projects/{project_id}/gates/{gate_id}"): "says what holds, the latest counts",
    ("POST", "/v1/projects/{project_id}/gates/{gate_id}/retire"): "retired is retired",
    ("PUT", "/v1/projects/{project_id}/gates/{gate_id}/face"): "says the whole rule, the latest counts",
    ("POST", "/v1/projects/{project_id}/cameras"): "a second one of the name is refused",
    ("PATCH", "/v1/projects/{project_id}/cameras/{camera_id}"): SAME,
    ("DELETE", "/v1/projects/{project_id}/cameras/{camera_id}"): SAME,
    ("POST", "/v1/pack-change"): "one change at a time: a second is refused",
    ("POST", "/v1/pack-change/steps"): "a step that was taken is refused",
}
"""Writes that take no key -> why."""


def writes(app) -> dict[tuple[str, str], bool]:
    """(method, path) of every documented write -> whether it takes the key."""
    found = {}
    for path, operations in app.openapi()["paths"].items():
        for method, told in operations.items():
            if method in ("post", "put", "patch", "delete"):
                headers = {p["name"].lower() for p in told.get("parameters", ()) if p["in"] == "header"}
                found[method.upper(), path] = "idempotency-key" in headers
    return found


def test_every_write_takes_a_key_or_says_why_not(house: House):  # noqa: F811
    found = writes(house.client.app)
    assert len(found) > 60
    without = {write for write, takes in found.items() if not takes}
    frames = {write for write in WITHOUT if write[1].endswith("/frames")}
    assert without - WITHOUT.keys() == set(), "a new write takes no Idempotency-Key: use WriteKey or keyed, or say here why not"
    assert WITHOUT.keys() - without - frames == set(), "these take one by now"
    assert all(WITHOUT.values())


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def test_papers_may_be_sent_again_and_the_answer_is_the_first(house: House):  # noqa: F811
    body = {"project_company_id": house.site.a.project_company_id, "name": "抹灰二班"}
    first = house.ask("wu", "POST", "/teams", json=body, headers=keyed("team-0001"))
    again = house.ask("wu", "POST", "/teams", json=body, headers=keyed("team-0001"))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert first.json() == again.json() and again.headers["Idempotency-Replayed"] == "true"
    assert house.refused("wu", "POST", "/teams", json=body | {"name": "抹灰三班"}, headers=keyed("team-0001")) == (409, "key_reused")
    assert house.ok("wu", "POST", "/teams", 201, json=body) == first.json(), "without a key it is as it was"


def test_an_exit_sent_again_is_no_second_exit(house: House):  # noqa: F811
    url, body = house.worker(house.site.wang.id, "/exit"), {"exit_on": "2026-04-01"}
    answers = [house.ok("wu", "POST", url, json=body, headers=keyed("exit-0001")) for _ in range(2)]
    assert answers[0] == answers[1]
    assert house.refused("wu", "POST", url, json={"exit_on": "2026-04-02"}, headers=keyed("exit-0001")) == (409, "key_reused")


def test_an_answer_without_a_body_has_none_again_and_the_right_is_asked_before_the_key(house: House):  # noqa: F811
    for _ in range(2):
        done = house.ask("gao", "POST", "/v1/accounts/lin/disable", headers=keyed("disable-0001"))
        assert (done.status_code, done.content) == (204, b""), done.text
    assert house.refused("wu", "POST", "/v1/accounts/lin/disable", headers=keyed("disable-0001"))[0] == 403
    assert house.refused("gao", "POST", "/teams", json={"project_company_id": 1, "name": "x"}, headers=keyed("disable-0001"))[0] == 403


def test_a_roster_sent_again_by_key_is_answered_as_it_was(house: House):  # noqa: F811
    file = roster_file(["周新", id_number(date(1991, 3, 2), 44), house_company(house), "总承包", "木工班", 380, "2026-03-10"])
    said = {"files": {"file": file}, "headers": keyed("roster-0001")}
    first = house.ok("wu", "POST", "/roster", **said)
    assert house.ok("wu", "POST", "/roster", **said) == first
    del said["headers"]
    assert house.ok("wu", "POST", "/roster", **said) != first, "without the key it says that everybody is there already"


def house_company(house: House) -> str:  # noqa: F811
    return house.ok("wu", "GET", "/companies")[0]["name"]
