"""From a closed month to the bank and back over HTTP, with Excel files; and down again from the payment."""

import io
from datetime import date

import openpyxl
import pytest

from app import access, bank
from app.domain.bank_files import BUILT_IN
from app.store import people
from tests.app.test_permissions import client, quick_passwords  # noqa: F401 - fixtures
from tests.forms.test_roster_file import workbook
from tests.payday import MARCH, Payday

EXCEL = {name: {**BUILT_IN[name][1], "workbook": True} for name in ("通用代发", "通用回盘", "通用对账单")}
CARD = "6217000000000000004"


@pytest.fixture
def payday(database, vault, people_on_site) -> Payday:
    desk = Payday(database, vault, people_on_site)
    desk.works(desk.cast.wang, 3, 4)
    desk.whole_month()
    with database.write() as db:
        contractor = people.add_company(db, uscc=None, name="某建设集团", now=desk.now)
        people.add_project_company(
            db, project_id=desk.site.id, company_id=contractor, role="general_contractor", entry_on=date(2026, 1, 1)
        )
        bank.open_account(
            db, vault, project_id=desk.site.id, company_id=contractor, bank_name="某银行", number="3305016370420000",
            opened_on=date(2026, 2, 1), opening_fen=5000_00, by="wu", now=desk.now,
        )  # fmt: skip
    return desk


@pytest.fixture
def call(client, payday, settings, monkeypatch):  # noqa: F811
    """Ask as somebody, at the desk's time; every write with a key of its own."""
    client.app.state.clock = lambda: payday.now
    turns = iter(range(1000))

    def ask(by: str, method: str, path: str, status: int = 200, *, key: str | None = None, **content):
        with payday.database.write() as db:
            token = access.begin_session(db, settings, account_id=getattr(payday.cast, by), now=payday.now)
        head = {"Authorization": f"Bearer {token}", "Idempotency-Key": key or f"bank-test-{next(turns):04d}"}
        at = path if path.startswith("/v1") else f"/v1/projects/{payday.site.id}{path}"
        answer = client.request(method, at, headers=head, **content)
        assert answer.status_code == status, answer.text
        return answer

    return ask


def test_a_month_goes_to_the_bank_and_back_in_excel_and_the_payment_answers_why(call, payday):
    wang = payday.cast.wang
    ids = {}
    for name, use in (("通用代发", "batch"), ("通用回盘", "return"), ("通用对账单", "statement")):
        spec = EXCEL[name]
        ids[use] = call("gao", "POST", "/v1/file-templates", 201, json={"name": f"{name} Excel", "use": use, "spec": spec}).json()["id"]
    card = call("wu", "POST", f"/workers/{wang.id}/card", 201, json={"number": CARD, "bank_name": "某银行"}).json()["card_id"]
    body = {"month": "2026-03", "template_id": ids["batch"]}
    made = call("wu", "POST", "/batches", 201, key="one-batch", json=body).json()["batch"]
    assert call("wu", "POST", "/batches", 201, key="one-batch", json=body).json()["batch"]["id"] == made["id"]
    # A card that a batch waits to pay to cannot be voided.
    wrong = {"kind": "bank_card", "row_id": card, "reason": "登记错人"}
    assert call("wu", "POST", "/bank-voidings", 409, json=wrong).json()["error"]["code"] == "card_in_batch"
    call("chen", "POST", f"/batches/{made['id']}/acts", 201, json={"act": "approved"})
    call("wu", "POST", f"/batches/{made['id']}/acts", 201, json={"act": "sent"})
    file = call("wu", "GET", f"/batches/{made['id']}/file")
    cells = list(openpyxl.load_workbook(io.BytesIO(file.content)).active.iter_rows(values_only=True))
    assert "xlsx" in file.headers["content-disposition"] and any(CARD in row for row in cells)
    head, on = list(BUILT_IN["通用回盘"][1]["columns"]), f"{payday.now:%Y-%m-%d}"
    values = {"seq": "1", "reference": f"{made['batch_no']}-0001", "payee_name": "王建国", "amount": "800.00", "status": "成功",
              "bank_ref": "B1", "happened_on": on}  # fmt: skip
    back = workbook([c["title"] for c in head], [values.get(c["field"], "") for c in head], ["2", f"{made['batch_no']}-0009", *[""] * (len(head) - 2)])
    send = {"files": {"file": ("back.xlsx", back)}, "data": {"template_id": ids["return"]}}
    done = call("wu", "POST", f"/batches/{made['id']}/results", 201, **send).json()
    assert (done["rows_total"], done["arrived"], [fault["row"] for fault in done["faults"]][:1]) == (2, 1, [3])
    assert call("wu", "POST", f"/batches/{made['id']}/results", 201, **send).json()["known"] == 1
    assert call("wu", "POST", f"/batches/{made['id']}/results", 422, files={"file": ("a.xlsx", b"no")}, data={"template_id": ids["return"]}).json()[
        "error"]["code"] == "workbook_not_xlsx"  # fmt: skip
    head = BUILT_IN["通用对账单"][1]["columns"]
    values = {"bank_txn_id": "B1", "booked_on": on, "amount_out": "800.00", "balance_after": "4200.00", "memo": "工资"}
    statement = workbook([c["title"] for c in head], [values.get(c["field"], "") for c in head])
    taken = call("wu", "POST", "/statement", 201, files={"file": ("s.xlsx", statement)}, data={"template_id": ids["statement"]}).json()
    assert (taken["written"], taken["matched"], taken["faults"]) == (1, 1, [])
    for as_of, ledger in ((on, 4200_00), ("2026-03-15", 5000_00)):
        told = call("wu", "GET", f"/special-account/reconciliation?as_of={as_of}").json()
        assert (told["as_of"], told["ledger_fen"]) == (as_of, ledger) and not told["difference_fen"]

    why = call("wu", "GET", "/why?payment_id=1").json()
    line, (transfer,) = why["line"], why["transfers"]
    assert (why["payment"]["amount_fen"], transfer["batch_id"], transfer["line_id"]) == (800_00, made["id"], line["id"])
    days = [day for day in why["days"] if day["items"]]
    assert sum(item["amount_fen"] for day in days for item in day["items"]) == line["net_fen"] == 800_00
    seen = {p["id"] for day in days for session in day["sessions"] for p in session["passages"]}
    grounds = {ground for item in line["items"] for kind, *of in item["evidence"] if kind == "passage" for ground in of}
    assert len(seen) == 4 and grounds == seen, "each fen names the passages it rests on"
    assert {item["row_id"] for item in line["items"]} == {term["id"] for term in why["terms"]}
    by_line = call("wu", "GET", f"/why?line_id={line['id']}").json()
    by_day = call("wu", "GET", f"/why?worker_id={wang.id}&on=2026-03-03").json()
    assert by_line["transfers"] == by_day["transfers"] == why["transfers"] and by_day["line"] == line
    for wrong in ("", "?payment_id=1&line_id=1", "?on=2026-03-03", f"?worker_id={wang.id}"):
        assert call("wu", "GET", f"/why{wrong}", 400).json()["error"]["code"] == "why_needs_one"


def test_funding_is_planned_received_and_told(call):
    plan = {"month": "2026-03", "due_on": "2026-04-12", "agreed_fen": 500_00}
    added = call("wu", "POST", "/funding-plan", 201, json=plan).json()["id"]
    call("wu", "POST", "/funding-receipts", 201, json={"received_on": "2026-04-02", "amount_fen": 200_00, "reference": "R1"})
    (told,) = call("wu", "GET", "/funding").json()
    assert (told["plan_id"], told["received_fen"], told["short_fen"], told["late"]) == (added, 200_00, 300_00, False)
    void = {"kind": "funding_plan", "row_id": added, "reason": "填错"}
    call("wu", "POST", "/bank-voidings", 201, key="void-plan", json=void)
    call("wu", "POST", "/bank-voidings", 201, key="void-plan", json=void)
    assert call("wu", "GET", "/funding").json() == []


def test_a_slip_tells_a_stranger_his_masked_name_month_net_and_nothing_else(call, client, payday):  # noqa: F811
    line = payday.line_of(payday.cast.wang)
    code = call("wu", "GET", f"/lines/{line.id}/slip").json()["code"]
    told = client.get(f"/v1/slips/{code}").json()
    assert told == {
        "genuine": True, "is_current": True, "name_masked": told["name_masked"], "month": "2026-03-01", "origin_month": "2026-03-01",
        "net_fen": 800_00,
    }  # fmt: skip
    assert "建国" not in told["name_masked"]
    page = client.get(f"/v1/slips/{code}", headers={"Accept": "text/html,*/*", "Accept-Language": "zh"})
    assert "属实" in page.text and "800.00" in page.text and "建国" not in page.text
    assert client.get(f"/v1/slips/{code[:-1]}{'0' if code[-1] != '0' else '1'}").status_code == 400


def test_the_slips_carry_the_address_the_service_is_known_by(call, client, payday):  # noqa: F811
    sheet = payday.latest(MARCH)
    book = openpyxl.load_workbook(io.BytesIO(call("wu", "GET", f"/forms/slips?sheet_id={sheet.id}").content))
    told = " ".join(str(cell) for row in book.active.iter_rows(values_only=True) for cell in row if cell)
    assert "http://testserver/v1/slips/" in told
