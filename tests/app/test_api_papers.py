"""The papers and enrolment routes: JSON in and out, who may, and nothing that is a 500."""

import io
import json
from collections.abc import Iterator
from datetime import date, datetime

import openpyxl
import pytest
from fastapi.testclient import TestClient

from app import access, terms
from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.store import accounts
from app.vault import Vault
from app.wording import SENTENCES
from recognition.synthetic import SyntheticEngine, draw_face
from tests.cast import LI_ID, WANG_ID, Cast, id_number

SUN_ID = id_number(date(1992, 5, 1), 11)
SUN = {"name": "孙大山", "id_number": SUN_ID, "day_rate_fen": 38000, "entry_on": "2026-03-10"}
CONSENT = {"scope": ["capture", "template"], "notice_version": "face-1", "method": "screen"}
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class House:
    """The whole application, asked by one person after another."""

    def __init__(self, client: TestClient, site: Cast, tokens: dict[str, str]) -> None:
        self.client, self.site, self.tokens = client, site, tokens
        self.at = f"/v1/projects/{site.a.id}"

    def ask(self, who: str | None, method: str, path: str, **said: object):
        headers = {"Accept-Language": "en", **said.pop("headers", {})}
        if who:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        url = path if path.startswith("/v1") else self.at + path
        return self.client.request(method, url, headers=headers, **said)

    def ok(self, who: str, method: str, path: str, status: int = 200, **said: object):
        answer = self.ask(who, method, path, **said)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def refused(self, who: str | None, method: str, path: str, **said: object) -> tuple[int, str]:
        answer = self.ask(who, method, path, **said)
        error = answer.json()["error"]
        assert error["code"] in SENTENCES and error["message"] != error["code"]
        assert answer.status_code < 500
        return answer.status_code, error["code"]

    def worker(self, worker_id: int, rest: str) -> str:
        return f"/workers/{worker_id}{rest}"


@pytest.fixture
def house(database: Database, vault: Vault, settings: Settings, people_on_site: Cast, now: datetime) -> Iterator[House]:
    app = create_app(settings, engine=SyntheticEngine(), database=database, vault=vault)
    app.state.clock = lambda: now
    with database.write() as db:
        tokens = {
            login: access.begin_session(db, settings, account_id=getattr(people_on_site, login), now=now)
            for login in ("chen", "zhou", "wu", "ma", "lin", "gao")
        }
    with TestClient(app, raise_server_exceptions=False) as client:
        yield House(client, people_on_site, tokens)


def roster_file(*rows: list) -> tuple[str, bytes, str]:
    book = openpyxl.Workbook()
    book.active.title = "花名册"
    for line in ([["姓名", "身份证号", "单位", "参建类型", "班组", "日工资", "进场日期"], *rows]):
        book.active.append(line)
    out = io.BytesIO()
    book.save(out)
    return "roster.xlsx", out.getvalue(), EXCEL


def photographs(*pictures: bytes) -> list:
    return [("photographs", (f"{at}.jpg", picture, "image/jpeg")) for at, picture in enumerate(pictures)]


# --- projects and their frame ---------------------------------------------------------------------------------


def test_a_project_is_created_filled_and_read_back(house: House):
    created = house.ok("gao", "POST", "/v1/projects", 201, json={"code": "P-9", "name": "新项目", "area_code": "330424"})
    assert house.ok("gao", "GET", f"/v1/projects/{created['id']}")["code"] == "P-9"
    assert house.ok("wu", "GET", "/v1/projects") == [house.ok("wu", "GET", house.at)]
    company = house.ok("wu", "POST", "/companies", 201, json={
        "name": "海盐劳务", "uscc": "9144030071526726XG", "role": "labour_subcontractor", "entry_on": "2026-03-01"})
    team = house.ok("wu", "POST", "/teams", 201, json={"project_company_id": company["id"], "name": "木工一班", "trade": "木工"})
    assert [c["name"] for c in house.ok("chen", "GET", "/companies")][-1] == "海盐劳务"
    assert house.ok("lin", "GET", "/teams")[-1] | {"company_name": ""} == {
        "id": team["id"], "project_company_id": company["id"], "name": "木工一班", "trade": "carpenter", "company_name": ""}
    assert house.ok("chen", "PATCH", "", json={"confirm_face": True})["confirm_face"] is True


def test_a_worker_is_entered_shown_changed_and_leaves(house: House):
    entered = house.ok("wu", "POST", "/workers", 201, json={**SUN, "team_id": house.site.a.team_id})
    assert len(entered["code"]) == 11 and entered["known"] is False
    him = house.worker(entered["worker_id"], "")
    assert house.ok("wu", "PATCH", him + "/terms", json={"day_rate_fen": 40000, "valid_from": "2026-03-20"})["terms_id"]
    line = house.ok("wu", "GET", "/workers?name=孙")["workers"][0]
    assert (line["day_rate_fen"], line["id_number"], line["has_template"]) == (40000, f"99{'*' * 14}{SUN_ID[-2:]}", False)
    assert house.ok("wu", "POST", him + "/exit", json={"exit_on": "2026-03-31"})["engagement_id"] == entered["engagement_id"]
    assert house.ok("wu", "GET", "/workers?present_only=true")["total"] == 2


def test_the_bureau_reads_more_of_a_number_than_the_site_and_nobody_all_of_it(house: House):
    site, bureau = (house.ok(who, "GET", "/workers?size=1")["workers"][0]["id_number"] for who in ("chen", "lin"))
    assert (site, bureau) == (f"99{'*' * 14}{WANG_ID[-2:]}", f"{WANG_ID[:6]}********{WANG_ID[-4:]}")


def test_a_worker_is_found_by_his_id_number_in_a_body_not_in_a_url(house: House):
    found = house.ok("wu", "POST", "/workers/search", json={"id_number": LI_ID})
    assert [line["name"] for line in found["workers"]] == ["李秀英"]
    assert house.ok("wu", "POST", "/workers/search", json={"id_number": "nobody"})["total"] == 0


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"id_number": SUN_ID[:-1]}, 422, "id_length"), ({"id_number": WANG_ID}, 409, "worker_name_differs"),
        ({"team_id": 10**18}, 404, "team_unknown"), ({"team_id": 10**30}, 422, "request_invalid"),
        ({"day_rate_fen": 1.5}, 422, "request_invalid"), ({"day_rate_fen": 0}, 422, "day_rate_wrong"),
        ({"day_rate_fen": 10**30}, 422, "day_rate_wrong"), ({"name": "孙\x00"}, 422, "text_malformed"),
        ({"name": ""}, 422, "text_missing"), ({"entry_on": "yesterday"}, 422, "request_invalid"),
        ({"exit_on": "2026-03-10"}, 400, "exit_before_entry"), ({"surprise": 1}, 422, "request_invalid"),
    ],
)
def test_a_wrong_field_of_a_worker_is_a_sentence_and_never_quotes_him(house: House, changed: dict, status: int, code: str):
    body = {**SUN, "team_id": house.site.a.team_id, **changed}
    answer = house.ask("wu", "POST", "/workers", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert SUN_ID[:-1] not in answer.text and "孙大山" not in answer.text


@pytest.mark.parametrize("name", ["孙\U00020bb7", "孙\U0002ebf5", "孙\U00031355", "孙\ue863"])
def test_a_rare_character_of_a_name_is_no_obstacle(house: House, name: str):
    added = house.ok("wu", "POST", "/workers", 201, json={**SUN, "name": name, "team_id": house.site.a.team_id})
    [shown] = [w["name"] for w in house.ok("wu", "GET", "/workers")["workers"] if w["worker_id"] == added["worker_id"]]
    assert shown == name


def test_half_a_surrogate_in_a_name_is_refused_in_words(house: House):
    body = json.dumps({**SUN, "team_id": house.site.a.team_id}).replace("\\u5b59", "\\ud800")
    status, code = house.refused("wu", "POST", "/workers", content=body, headers={"Content-Type": "application/json"})
    assert (status, code) in ((422, "text_malformed"), (422, "request_invalid"))


def test_a_refusal_that_quotes_half_a_surrogate_can_be_said(house: House):
    columns = [{"field": field, "title": field} for field in ("payee_name", "account_number", "amount", "CUT")]
    spec = {"encoding": "utf-8", "delimiter": "comma", "unit": "yuan", "header": True, "columns": columns}
    body = json.dumps({"name": "某银行", "use": "batch", "spec": spec}).replace("CUT", "\\ud800")
    head = {"Content-Type": "application/json", "Idempotency-Key": "half-a-surrogate"}
    said = house.ask("gao", "POST", "/v1/file-templates", content=body, headers=head)
    assert (said.status_code, said.json()["error"]["facts"]) == (422, {"what": "?"}), said.text


def test_cards_and_codes_are_given_listed_and_taken_back(house: House):
    wang = house.worker(house.site.wang.id, "/credentials")
    card = house.ok("wu", "POST", wang, 201, json={"channel": "card", "value": "0012345678"})
    assert card == {"channel": "card", "code": None}
    code = house.ok("wu", "POST", wang, 201, json={"channel": "code"})["code"]
    listed = house.ok("wu", "GET", wang)
    assert [one["channel"] for one in listed] == ["card", "code"] and code not in json.dumps(listed)
    assert house.ok("wu", "DELETE", f"/credentials/{listed[0]['id']}") == {"code": None}
    assert house.ok("wu", "DELETE", f"/credentials/{listed[1]['id']}")["code"], "his last way in is replaced"
    assert house.refused("wu", "DELETE", "/credentials/99999") == (404, "credential_missing")
    assert house.refused("wu", "POST", wang, json={"channel": "card"}) == (422, "card_wrong")
    assert house.refused("wu", "POST", wang, json={"channel": "face"}) == (422, "request_invalid")


def test_a_device_is_told_its_key_once(house: House):
    gate = house.ok("chen", "POST", "/gates", 201, json={"name": "西门", "direction": "both"})
    added = house.ok("chen", "POST", "/devices", 201, json={"gate_id": gate["id"], "name": "西门机", "device_id": "west-1"})
    rotated = house.ok("gao", "POST", "/devices/west-1/rotate")
    assert len(bytes.fromhex(added["key_hex"])) == 32 and rotated["key_hex"] != added["key_hex"]
    shown = json.dumps([house.ok("wu", "GET", "/devices"), house.ok("ma", "GET", "/gates")])
    assert "west-1" in shown and added["key_hex"] not in shown
    house.ok("chen", "POST", "/devices/west-1/disable", 204)
    assert [d["disabled_at"] is not None for d in house.ok("wu", "GET", "/devices") if d["id"] == "west-1"] == [True]
    assert house.refused("chen", "POST", "/devices/gate-b-in/rotate") == (404, "device_unknown")


# --- the roster file ------------------------------------------------------------------------------------------


def test_a_roster_file_is_imported_and_each_bad_row_named(house: House):
    file = roster_file(
        ["孙大山", SUN_ID, "海盐劳务", "劳务分包", "木工一班", 380, "2026-03-10"],
        ["王建国", WANG_ID, "海盐建设总包有限公司", None, "钢筋一班", 410, "2026-03-01"],
        ["周小明", 990424198506120017, "海盐劳务", "劳务分包", "木工一班", "380.005", "去年"],
    )
    tried = house.ok("wu", "POST", "/roster", files={"file": file}, data={"dry_run": "true"})
    assert (tried["dry_run"], tried["entered"], tried["codes"]) == (True, 1, [])
    report = house.ok("wu", "POST", "/roster", files={"file": file})
    assert (report["rows_total"], report["entered"], report["already_there"], report["faulty"]) == (3, 1, 1, 1)
    assert [(f["row"], f["column"], f["code"]) for f in report["faults"]] == [
        (4, "id_number", "id_number_as_number"), (4, "day_rate", "money_decimals"), (4, "entry_on", "date_wrong")]
    assert "format the column as text" in report["faults"][0]["sentence"]
    assert [d["code"] for d in report["differences"]] == ["rate_differs"]
    assert [c["row"] for c in report["codes"]] == [2]
    again = house.ok("wu", "POST", "/roster", files={"file": file})
    assert (again["entered"], again["already_there"], again["faulty"]) == (0, 2, 1)


def test_a_file_that_is_no_roster_is_refused_in_words(house: House):
    for content, code in ((b"", "roster_empty_file"), (b"hello", "roster_not_xlsx"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "roster_old_format")):
        assert house.refused("wu", "POST", "/roster", files={"file": ("x.xlsx", content, EXCEL)}) == (422, code)
    assert house.refused("wu", "POST", "/roster", data={"dry_run": "true"}) == (422, "request_invalid")
    large = ("x.xlsx", bytes(8 * 1024**2), EXCEL)
    assert house.refused("wu", "POST", "/roster", files={"file": large}) == (413, "body_too_large")


def test_the_empty_workbook_can_be_had(house: House):
    answer = house.ask("wu", "GET", "/v1/roster/template?language=en")
    assert answer.headers["content-type"] == EXCEL and answer.content[:2] == b"PK"


def test_the_empty_workbook_of_a_project_offers_its_teams_to_whoever_keeps_its_papers(house: House):
    path = f"/v1/roster/template?project_id={house.site.a.id}"
    book = openpyxl.load_workbook(io.BytesIO(house.ask("wu", "GET", path).content))
    assert "钢筋一班" in [cell.value for cell in book["填写说明"]["F"]]
    assert house.ask("zhou", "GET", path).status_code in (403, 404)


# --- consent and face -----------------------------------------------------------------------------------------


def test_anybody_may_read_the_notice_in_either_language(house: House):
    zh = house.client.get("/v1/notices/face?language=zh").json()
    en = house.client.get("/v1/notices/face?language=en").json()
    assert zh["version"] == en["version"] == "face-3" and len(zh["paragraphs"]) == len(en["paragraphs"]) >= 6
    assert "same" in json.dumps(en) and "照样" in json.dumps(zh, ensure_ascii=False)
    assert set(zh["scopes"]) == {"capture", "template", "site_storage", "net_transfer", "image_retention"}
    # What somebody agreed to earlier can still be read.
    assert house.client.get("/v1/notices/face?version=face-1").json()["version"] == "face-1"
    assert house.refused(None, "GET", "/v1/notices/face?version=face-0") == (404, "notice_unknown")


def test_a_worker_is_enrolled_with_consent_and_photographs_in_one_request(house: House):
    him = house.worker(house.site.wang.id, "/enrolment")
    said = house.ok("wu", "POST", him, 201, files=photographs(draw_face(1), draw_face(1, variant=1)), data=CONSENT)
    assert (said["photographs"], said["advised_more"]) == (2, 1)
    latest = house.ok("chen", "GET", house.worker(house.site.wang.id, "/consent"))
    assert (latest["act"], latest["scope"], latest["recorded_by"]) == ("give", ["capture", "template"], "wu")
    assert house.ok("wu", "GET", "/workers?name=王")["workers"][0]["has_template"] is True


def test_a_large_photograph_never_touches_the_disk(house: House, monkeypatch: pytest.MonkeyPatch):
    import tempfile

    def touched(*_args: object, **_kwargs: object):
        raise AssertionError("a photograph was written to a temporary file")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", touched)
    large = draw_face(1) + b"\xff\xd9" + bytes(3 * 1024**2)
    answer = house.ask("wu", "POST", house.worker(house.site.wang.id, "/enrolment"), files=photographs(large), data=CONSENT)
    assert answer.status_code == 201, answer.text


def test_consent_may_be_recorded_first_and_taken_back_later(house: House):
    him = house.worker(house.site.wang.id, "")
    assert house.ok("wu", "GET", him + "/consent") is None
    assert house.refused("wu", "POST", him + "/enrolment", files=photographs(draw_face(1))) == (422, "consent_missing")
    house.ok("wu", "POST", him + "/consents", 201, json=CONSENT)
    house.ok("wu", "POST", him + "/enrolment", 201, files=photographs(draw_face(1)))
    back = house.ok("wu", "POST", him + "/consents/withdraw", json={"method": "spoken"})
    assert (back["templates_erased"], back["already"], len(back["code"])) == (1, False, 11)
    assert house.ok("wu", "POST", him + "/consents/withdraw") == {"templates_erased": 0, "already": True, "code": None}
    assert house.ok("wu", "GET", "/workers?name=王")["workers"][0]["has_template"] is False


def test_a_photograph_that_cannot_be_used_is_named_in_the_refusal(house: House):
    answer = house.ask(
        "wu", "POST", house.worker(house.site.wang.id, "/enrolment"), data=CONSENT,
        files=photographs(draw_face(1), draw_face(1, blurred=True), b"GIF89a"),
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "face_blurred"
    assert answer.json()["error"]["facts"] == {"photograph": 2, "photographs": [[2, "face_blurred"], [3, "not_jpeg"]]}


def test_enrolment_refusals_are_sentences(house: House):
    him = house.worker(house.site.wang.id, "/enrolment")
    one = photographs(draw_face(1))
    assert house.refused("wu", "POST", him, data=CONSENT) == (422, "request_invalid")
    assert house.refused("wu", "POST", him, files=one, data={**CONSENT, "scope": ["capture"]}) == (422, "consent_missing")
    assert house.refused("wu", "POST", him, files=one, data={**CONSENT, "scope": ["all"]}) == (422, "consent_scope_unknown")
    assert house.refused("wu", "POST", him, files=one, data={"scope": ["capture", "template"]}) == (422, "request_invalid")
    assert house.refused("wu", "POST", him, files=one, data={**CONSENT, "at": "2026-03-31T12:00:00"}) == (422, "request_invalid")
    assert house.refused("wu", "POST", him, files=one, data={**CONSENT, "at": "2027-01-01T00:00:00Z"}) == (422, "consent_in_future")
    assert house.refused("wu", "POST", him, files=photographs(draw_face(1, faces=0)), data=CONSENT) == (422, "no_face")
    assert house.refused("wu", "POST", him, files=photographs(draw_face(1), draw_face(9)), data=CONSENT)[1] == "photographs_differ"
    assert house.refused("wu", "POST", him, content=b"--x", headers={"Content-Type": "multipart/form-data; boundary=x"})[0] in (400, 422)
    zhao = house.worker(house.site.zhao.id, "/enrolment")
    assert house.refused("wu", "POST", zhao, files=one, data=CONSENT) == (404, "worker_not_on_project")
    house.ok("wu", "POST", him, 201, files=one, data=CONSENT)
    li = house.worker(house.site.li.id, "/enrolment")
    answer = house.ask("wu", "POST", li, files=photographs(draw_face(1, twin=1.0)), data=CONSENT)
    assert answer.json()["error"]["code"] == "too_like_another" and "facts" not in answer.json()["error"]


# --- what is said about it -------------------------------------------------------------------------------------


def test_every_route_has_a_summary_an_answer_and_its_refusals_in_the_openapi(house: House):
    paths = house.client.get("/openapi.json").json()["paths"]
    mine = [
        (method, path, route) for path, methods in paths.items() for method, route in methods.items()
        if set(route.get("tags", ())) & {"papers", "enrolment"}
    ]
    assert len(mine) >= 28
    for method, path, route in mine:
        assert route["summary"] and route["description"], (method, path)
        assert path == "/v1/notices/face" or "401" in route["responses"], (method, path)


def test_no_answer_and_no_journal_line_holds_a_whole_id_number(house: House, database: Database):
    house.ok("wu", "POST", "/workers", 201, json={**SUN, "team_id": house.site.a.team_id})
    said = json.dumps([house.ok(who, "GET", "/workers") for who in ("wu", "chen", "lin")])
    with database.read() as db:
        said += json.dumps([[line.object, line.facts] for line in accounts.journal_lines(db, None, 100)])
    for number in (WANG_ID, LI_ID, SUN_ID):
        assert number not in said


# --- what nobody says of a wage ------------------------------------------------------------------------------------


def test_what_nobody_says_of_a_wage_is_the_same_by_api_as_at_the_desk(house: House):
    said = dict(terms.UNSAID)
    entered = house.ok("wu", "POST", "/workers", 201, json={**SUN, "team_id": house.site.a.team_id})

    def agreed() -> list[dict[str, str]]:
        found = house.ok("wu", "GET", f"/terms?engagement_id={entered['engagement_id']}")
        return [{name: one[name] for name in said} for one in found]

    assert agreed() == [said]
    where = f"/engagements/{entered['engagement_id']}/terms"
    month = {"kind": "month", "rate_fen": 900_000}
    house.ok("wu", "POST", where, 201, json={**month, "valid_from": "2026-04-01"}, headers={"Idempotency-Key": "april-terms"})
    assert agreed() == [said, said]
    other = {"overtime_rule": "units", "relation": "work_agreement"}
    house.ok("wu", "POST", where, 201, json={**month, "valid_from": "2026-05-01", **other}, headers={"Idempotency-Key": "may-terms"})
    assert agreed() == [said, said, other]
    [first] = [t["id"] for t in house.ok("wu", "GET", "/terms") if t["engagement_id"] == entered["engagement_id"] and t["valid_from"] == SUN["entry_on"]]
    house.ok("wu", "POST", f"/terms/{first}/void", 200, json={"reason": "录错"}, headers={"Idempotency-Key": "void-terms"})
    house.ok("wu", "PATCH", f"/workers/{entered['worker_id']}/terms", 200, json={"day_rate_fen": 400_00, "valid_from": SUN["entry_on"]})
    assert agreed()[0] == said, "a rate where nothing was agreed"


def test_a_worker_is_entered_by_api_with_what_was_signed(house: House):
    other = {"overtime_rule": "none", "relation": "work_agreement"}
    entered = house.ok("wu", "POST", "/workers", 201, json={**SUN, **other, "team_id": house.site.a.team_id})
    [agreed] = house.ok("wu", "GET", f"/terms?engagement_id={entered['engagement_id']}")
    assert {name: agreed[name] for name in other} == other
    wrong = {**SUN, "overtime_rule": "x", "id_number": id_number(date(1991, 1, 1), 5), "team_id": house.site.a.team_id}
    assert house.refused("wu", "POST", "/workers", json=wrong)[1] == "overtime_rule_unknown"
