"""The special account, wage cards, batches, results and statements.

    GET|POST /v1/projects/{id}/special-account, GET .../gaps, GET .../reconciliation, GET .../statement
    GET  /v1/projects/{id}/funding; POST /v1/projects/{id}/funding-plan, /v1/projects/{id}/funding-receipts
    POST /v1/projects/{id}/bank-voidings                           take a card, a plan or the account back
    POST /v1/projects/{id}/workers/{worker_id}/card
    GET|POST /v1/file-templates
    GET  /v1/projects/{id}/payable?month=
    GET|POST /v1/projects/{id}/batches, GET .../{batch_id}, POST .../{batch_id}/acts, GET .../{batch_id}/file
    GET  /v1/projects/{id}/batches/{batch_id}/answer-form?template_id=
    POST /v1/projects/{id}/batches/{batch_id}/results              the bank's return file
    POST /v1/projects/{id}/statement                               对账单
    POST /v1/projects/{id}/statement/{line_id}/matches
    GET  /v1/projects/{id}/ledger                                  balances and standing assertions

Every write takes an ``Idempotency-Key``. Card and account numbers go in and never come out, but in the batch file.
"""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from app import access, bank, ledger
from app.api.access import NOBODY, NOT_ALLOWED, Now, Someone, refusals
from app.api.once import WriteKey
from app.api.sheets import WRITES
from app.api.timekeeping import OF_PROJECT, Added, RowIdField, RowIdPath
from app.api.wages import ProjectId, WorkerId
from app.db import Reading, Tx
from app.domain.ledger import AccountKind
from app.errors import NotFound
from app.fields import read_month
from app.forms.bank import answer_workbook, read_workbook, write_workbook
from app.store import bank as held

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
router = APIRouter(tags=["bank"])

Fen = Annotated[StrictInt, Field(gt=0, le=10**12)]


def _account(found: held.AccountInfo) -> dict[str, Any]:
    """Without its number."""
    return {
        name: value for name, value in asdict(found).items() if name not in ("number_sealed", "number_index")
    }


# --- account ---------------------------------------------------------------------------------------------------


class PartyIn(BaseModel):
    """Who signed the agreement."""

    role: str = Field(max_length=32)
    name: str = Field(max_length=200)
    signed_on: date | None = None
    bears_fees: bool = False
    """The agreement lets him bear the bank's fees."""


class AccountIn(BaseModel):
    """A special account."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "company_id": 2, "bank_name": "某银行海盐支行", "number": "33050163704200000123", "opened_on": "2026-02-01",
                "parties": [{"role": "owner", "name": "某建设单位", "signed_on": "2026-02-01"}],
            }
        }
    )  # fmt: skip
    company_id: RowIdField = Field(description="Of the general contractor")
    bank_name: str = Field(max_length=200)
    number: str = Field(max_length=64)
    opened_on: date
    name: str | None = Field(None, max_length=300)
    opening_fen: StrictInt = Field(0, ge=0, le=10**12)
    parties: list[PartyIn] = Field(default_factory=list, max_length=12)
    evidence: list[RowIdField] = Field(default_factory=list, max_length=10)


@router.get("/v1/projects/{project_id}/special-account", summary="Special account", responses=refusals(*OF_PROJECT, (404, "special_account_missing")))
def show_account(person: Someone, db: Reading, project_id: ProjectId) -> dict[str, Any]:
    """The live one, its number by the last four digits."""
    access.require_on(db, person, "bank.read", project_id)
    found = held.live_account(db, project_id)
    if found is None:
        raise NotFound("special_account_missing")
    return _account(found) | {"balance_fen": ledger.balance(db, f"special_account:s{found.id}")}


@router.post(
    "/v1/projects/{project_id}/special-account", summary="Open the special account", status_code=201, response_model=Added,
    responses=refusals(*WRITES, (409, "special_account_exists")),
)  # fmt: skip
def open_account(request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: AccountIn) -> Response:
    """Of the general contractor; who must sign the agreement is the county's configuration."""
    access.require_on(db, person, "bank.write", project_id)
    vault = request.app.state.vault
    return key.once(
        db, now, lambda: Added(id=bank.open_account(db, vault, project_id=project_id, by=person.login, now=now, **body.model_dump()))
    )


@router.get("/v1/projects/{project_id}/special-account/gaps", summary="What the account lacks", responses=refusals(*OF_PROJECT))
def account_gaps(person: Someone, db: Reading, now: Now, project_id: ProjectId) -> list[bank.Gap]:
    """Parties that did not sign, funding that is late, a balance below what is owed."""
    access.require_on(db, person, "bank.read", project_id)
    return list(bank.account_gaps(db, project_id, now))


@router.get(
    "/v1/projects/{project_id}/special-account/reconciliation", summary="Statement against ledger",
    responses=refusals(*OF_PROJECT, (404, "special_account_missing")),
)  # fmt: skip
def reconciliation(
    person: Someone, db: Reading, now: Now, project_id: ProjectId,
    as_of: Annotated[date | None, Query(description="The project's date it is for; today when left out")] = None,
) -> dict[str, Any]:  # fmt: skip
    """Both balances, what is in transit, lines nobody knows, documents the bank does not show, wages paid outside."""
    access.require_on(db, person, "bank.read", project_id)
    found = bank.reconcile(db, project_id, now, as_of=as_of)
    return {
        "account": _account(found.account), "as_of": found.as_of, "statement_on": found.statement_on,
        "statement_fen": found.statement_fen, "ledger_fen": found.ledger_fen, "difference_fen": found.difference_fen,
        "transit_fen": found.transit_fen, "outside_fen": found.outside_fen,
        "unmatched": [_line(line) for line in found.unmatched],
        "not_on_statement": [{"kind": d.kind, "id": d.id, "on": d.on, "amount_fen": d.amount_fen} for d in found.not_on_statement],
    }  # fmt: skip


def _line(line: held.StatementInfo) -> dict[str, Any]:
    return {name: value for name, value in asdict(line).items() if name != "counterparty_index"}


@router.get("/v1/projects/{project_id}/statement", summary="Statement", responses=refusals(*OF_PROJECT, (404, "special_account_missing")))
def list_statement(person: Someone, db: Reading, project_id: ProjectId) -> list[dict[str, Any]]:
    """Every line in order, with what it was."""
    access.require_on(db, person, "bank.read", project_id)
    found = held.live_account(db, project_id)
    if found is None:
        raise NotFound("special_account_missing")
    return [_line(line) for line in held.statement(db, found.id)]


class FundedOut(BaseModel):
    """A line of the funding plan with what arrived of it."""

    model_config = ConfigDict(from_attributes=True)
    plan_id: int
    month: date
    due_on: date
    agreed_fen: int
    received_fen: int
    short_fen: int
    late: bool


@router.get(
    "/v1/projects/{project_id}/funding", summary="Funding plan and what arrived", responses=refusals(*OF_PROJECT, (404, "special_account_missing"))
)
def list_funding(person: Someone, db: Reading, now: Now, project_id: ProjectId) -> list[FundedOut]:
    """人工费拨付情况: the earliest due day first; receipts fill the plans in that order."""
    access.require_on(db, person, "bank.read", project_id)
    return [FundedOut.model_validate(line) for line in bank.funding(db, project_id, now)]


class BankVoidingIn(BaseModel):
    """What was a mistake and why."""

    model_config = ConfigDict(json_schema_extra={"example": {"kind": "bank_card", "row_id": 4, "reason": "登记错人"}})
    kind: Literal["bank_card", "funding_plan", "special_account"]
    row_id: RowIdField
    reason: str = Field(max_length=500)


@router.post(
    "/v1/projects/{project_id}/bank-voidings", summary="Take a card, a plan or the account back", status_code=201, response_model=Added,
    responses=refusals(*WRITES, (404, "paper_unknown"), (409, "card_in_batch"), (409, "account_used"), (409, "row_voided")),
)  # fmt: skip
def void(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: BankVoidingIn) -> Response:
    """The row stays and does not count. A batch is withdrawn, not voided."""
    access.require_on(db, person, "bank.write", project_id)

    def work() -> Added:
        bank.void(db, project_id=project_id, by=person.login, now=now, **body.model_dump())
        return Added(id=body.row_id)

    return key.once(db, now, work)


class PlanIn(BaseModel):
    """What the owner agreed to fund."""

    model_config = ConfigDict(json_schema_extra={"example": {"month": "2026-03", "due_on": "2026-04-12", "agreed_fen": 50000000}})
    month: str = Field(max_length=10)
    due_on: date
    agreed_fen: Fen


@router.post(
    "/v1/projects/{project_id}/funding-plan", summary="Plan funding", status_code=201, response_model=Added, responses=refusals(*WRITES)
)
def add_plan(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: PlanIn) -> Response:
    """人工费拨付计划."""
    access.require_on(db, person, "bank.write", project_id)
    content = body.model_dump() | {"month": read_month(body.month)}
    return key.once(db, now, lambda: Added(id=bank.add_plan(db, project_id=project_id, by=person.login, now=now, **content)))


class ReceiptIn(BaseModel):
    """Labour cost that arrived."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"received_on": "2026-04-11", "amount_fen": 50000000, "reference": "2026041100031"}}
    )
    received_on: date
    amount_fen: Fen
    reference: str = Field(max_length=100)


@router.post(
    "/v1/projects/{project_id}/funding-receipts", summary="Record funding", status_code=201, response_model=Added,
    responses=refusals(*WRITES, (409, "receipt_conflict")),
)  # fmt: skip
def add_receipt(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: ReceiptIn) -> Response:
    """人工费到账."""
    access.require_on(db, person, "bank.write", project_id)
    return key.once(
        db, now, lambda: Added(id=bank.record_receipt(db, project_id=project_id, by=person.login, now=now, **body.model_dump()))
    )


# --- cards and templates -----------------------------------------------------------------------------------------


class CardIn(BaseModel):
    """A wage card."""

    model_config = ConfigDict(json_schema_extra={"example": {"number": "6217000000000000004", "bank_name": "某银行海盐支行"}})
    number: str = Field(max_length=64)
    bank_name: str = Field(max_length=200)
    holder_name: str | None = Field(None, max_length=100)
    bank_code: str | None = Field(None, max_length=20)


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/card", summary="Record a wage card", status_code=201,
    response_model=bank.CardSet, responses=refusals(*WRITES, (409, "card_of_another")),
)  # fmt: skip
def set_card(
    request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, worker_id: WorkerId, body: CardIn
) -> Response:
    """The worker's own; the newest is paid to."""
    access.require_on(db, person, "bank.write", project_id)
    vault = request.app.state.vault
    return key.once(
        db, now,
        lambda: bank.set_card(db, vault, project_id=project_id, worker_id=worker_id, by=person.login, now=now, **body.model_dump()),
    )  # fmt: skip


@router.get("/v1/file-templates", summary="File templates", responses=refusals(NOBODY))
def list_templates(person: Someone, db: Reading) -> list[held.TemplateInfo]:
    """The newest of each name."""
    del person
    return held.templates(db)


class TemplateIn(BaseModel):
    """How a bank wants or writes a file."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "某银行代发", "use": "batch",
                "spec": {
                    "encoding": "gb18030", "delimiter": "comma", "unit": "yuan", "header": True,
                    "columns": [{"field": "payee_name", "title": "户名"}, {"field": "account_number", "title": "账号"}, {"field": "amount", "title": "金额"}],
                },
            }
        }
    )  # fmt: skip
    name: str = Field(max_length=100)
    use: Literal["batch", "return", "statement"]
    spec: dict[str, Any] = Field(max_length=20)


@router.post(
    "/v1/file-templates", summary="Add a file template", status_code=201, response_model=Added,
    responses=refusals(NOBODY, NOT_ALLOWED, (409, "key_reused"), (422, "template_field_missing")),
)  # fmt: skip
def add_template(person: Someone, db: Tx, key: WriteKey, now: Now, body: TemplateIn) -> Response:
    """Columns, header, encoding and unit are data; the newest of a name counts."""
    access.require(person, "area.write")
    return key.once(db, now, lambda: Added(id=bank.add_template(db, by=person.login, now=now, **body.model_dump())))


# --- batches ---------------------------------------------------------------------------------------------------


class ReadyOut(BaseModel):
    """A line with money to pay."""

    line_id: int
    worker_id: int
    name: str
    month: date
    origin_month: date
    net_fen: int
    owed_fen: int
    amount_fen: int = Field(description="What the next batch would carry")
    card_last4: str | None
    reason: str | None = Field(description="Why it cannot go: no_card, unsigned, held, on_its_way")


def _ready(ready: bank.Ready) -> ReadyOut:
    line = ready.line
    return ReadyOut(
        line_id=line.line_id, worker_id=line.worker_id, name=ready.name, month=line.month, origin_month=line.origin_month,
        net_fen=line.net_fen, owed_fen=line.owed_fen, amount_fen=ready.amount_fen,
        card_last4=None if ready.card is None else ready.card.last4, reason=ready.reason,
    )  # fmt: skip


@router.get("/v1/projects/{project_id}/payable", summary="What can be paid", responses=refusals(*OF_PROJECT, (400, "month_malformed")))
def list_payable(
    person: Someone, db: Reading, project_id: ProjectId, month: Annotated[str | None, Query(max_length=10)] = None
) -> list[ReadyOut]:
    """Lines of closed months that are not wholly paid, and what is in their way."""
    access.require_on(db, person, "bank.read", project_id)
    return [_ready(r) for r in bank.payable(db, project_id, None if month is None else read_month(month))]


class BatchIn(BaseModel):
    """Which month goes, by which template."""

    model_config = ConfigDict(json_schema_extra={"example": {"month": "2026-03", "template_id": 2}})
    month: str = Field(max_length=10)
    template_id: RowIdField
    lines: list[RowIdField] | None = Field(None, max_length=20000)
    on_behalf_of: RowIdField | None = Field(None, description="The defaulting company on the project (先行清偿)")


class BatchOut(BaseModel):
    """A batch."""

    batch: held.BatchInfo
    state: str
    left_out: list[ReadyOut] = Field(default_factory=list)


@router.get("/v1/projects/{project_id}/batches", summary="Batches", responses=refusals(*OF_PROJECT))
def list_batches(person: Someone, db: Reading, project_id: ProjectId) -> list[BatchOut]:
    """Oldest first."""
    access.require_on(db, person, "bank.read", project_id)
    return [BatchOut(batch=b, state=b.state) for b in held.batches(db, project_id)]


@router.post(
    "/v1/projects/{project_id}/batches", summary="Make a batch", status_code=201, response_model=BatchOut,
    responses=refusals(*WRITES, (409, "batch_empty")),
)  # fmt: skip
def make_batch(request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: BatchIn) -> Response:
    """Freezes transfers and file; what cannot go is listed with its reason."""
    access.require_on(db, person, "batches.make", project_id)
    vault = request.app.state.vault
    content = body.model_dump() | {"month": read_month(body.month)}

    def work() -> BatchOut:
        made = bank.make_batch(db, vault, project_id=project_id, write_workbook=write_workbook, by=person.login, now=now, **content)
        return BatchOut(batch=made.batch, state=made.batch.state, left_out=[_ready(r) for r in made.left_out])

    return key.once(db, now, work)


class ItemOut(BaseModel):
    """One transfer."""

    id: int
    seq: int
    line_id: int
    worker_id: int
    amount_fen: int
    state: str
    code: str | None = Field(description="Why it failed or came back")
    retry_of: int | None


class BatchDetailOut(BaseModel):
    """A batch with its transfers."""

    batch: held.BatchInfo
    state: str
    items: list[ItemOut]


@router.get(
    "/v1/projects/{project_id}/batches/{batch_id}", summary="A batch", responses=refusals(*OF_PROJECT, (404, "batch_unknown"))
)
def show_batch(person: Someone, db: Reading, project_id: ProjectId, batch_id: RowIdPath) -> BatchDetailOut:
    """With each transfer and what the bank said of it."""
    access.require_on(db, person, "bank.read", project_id)
    batch = held.batch(db, project_id, batch_id)
    items = [
        ItemOut(
            id=i.id, seq=i.seq, line_id=i.line_id, worker_id=i.worker_id, amount_fen=i.amount_fen, state=i.state,
            code=next((r[1] for r in reversed(i.results) if r[1]), None), retry_of=i.retry_of,
        )
        for i in held.items(db, batch_id)
    ]  # fmt: skip
    return BatchDetailOut(batch=batch, state=batch.state, items=items)


class BatchActIn(BaseModel):
    """A step of a batch."""

    model_config = ConfigDict(json_schema_extra={"example": {"act": "approved"}})
    act: Literal["approved", "sent", "withdrawn"]


_BATCH_ACTS = {
    "approved": ("batches.approve", bank.approve_batch),
    "sent": ("batches.make", bank.send_batch),
    "withdrawn": ("batches.make", bank.withdraw_batch),
}


@router.post(
    "/v1/projects/{project_id}/batches/{batch_id}/acts", summary="Approve, send or withdraw", status_code=201,
    response_model=held.BatchInfo, responses=refusals(*WRITES, (403, "batch_own"), (409, "batch_not_approved")),
)  # fmt: skip
def batch_act(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, batch_id: RowIdPath, body: BatchActIn) -> Response:
    """Approved by another login than the one that made it."""
    action, step = _BATCH_ACTS[body.act]
    access.require_on(db, person, action, project_id)
    return key.once(db, now, lambda: step(db, project_id=project_id, batch_id=batch_id, by=person.login, now=now))


@router.get(
    "/v1/projects/{project_id}/batches/{batch_id}/file", summary="The file for the bank", response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **refusals(*OF_PROJECT, (409, "batch_not_sent"))},
)  # fmt: skip
def batch_file(request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, batch_id: RowIdPath) -> Response:
    """Byte for byte as it was made; taking it is journalled."""
    access.require_on(db, person, "batches.make", project_id)
    name, content = bank.batch_file(db, request.app.state.vault, project_id=project_id, batch_id=batch_id, by=person.login, now=now)
    return Response(
        content, media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{_ascii(name)}"', "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )  # fmt: skip


@router.get(
    "/v1/projects/{project_id}/batches/{batch_id}/answer-form", summary="An empty return file to fill in", response_class=Response,
    responses={200: {"content": {XLSX: {}}}, **refusals(*OF_PROJECT, (409, "batch_not_sent"), (404, "template_unknown"))},
)  # fmt: skip
def answer_form(
    request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, batch_id: RowIdPath, template_id: Annotated[int, Query(ge=1)],
) -> Response:  # fmt: skip
    """For a bank that answers on paper: every transfer of the batch, its answer left to a list; taking it is journalled."""
    access.require_on(db, person, "batches.make", project_id)
    name, content = bank.answer_form(
        db, request.app.state.vault, project_id=project_id, batch_id=batch_id, template_id=template_id, write=answer_workbook,
        by=person.login, now=now,
    )  # fmt: skip
    return Response(
        content, media_type=XLSX,
        headers={"Content-Disposition": f'attachment; filename="{_ascii(name)}"', "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )  # fmt: skip


def _ascii(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)


@router.post(
    "/v1/projects/{project_id}/batches/{batch_id}/results", summary="The bank's return file", status_code=201,
    response_model=bank.Results, responses=refusals(*WRITES, (409, "batch_not_sent")),
)  # fmt: skip
def import_results(
    person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, batch_id: RowIdPath,
    template_id: Annotated[int, Form(ge=1)], file: Annotated[UploadFile, File(description="As the bank wrote it")],
) -> Response:  # fmt: skip
    """Good rows count, the others are named by row; the same file again does nothing."""
    access.require_on(db, person, "bank.write", project_id)
    content = file.file.read(bank.FILE_BYTES_MAX + 1)
    return key.once(
        db, now,
        lambda: bank.import_results(
            db, project_id=project_id, batch_id=batch_id, template_id=template_id, content=content, read_workbook=read_workbook,
            by=person.login, now=now,
        ),
    )  # fmt: skip


@router.post(
    "/v1/projects/{project_id}/statement", summary="Import a statement", status_code=201, response_model=bank.StatementReport,
    responses=refusals(*WRITES, (404, "special_account_missing")),
)  # fmt: skip
def import_statement(
    request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId,
    template_id: Annotated[int, Form(ge=1)], file: Annotated[UploadFile, File(description="As the bank wrote it")],
) -> Response:  # fmt: skip
    """All of it or nothing: the chain of balances has no hole."""
    access.require_on(db, person, "bank.write", project_id)
    content = file.file.read(bank.FILE_BYTES_MAX + 1)
    vault = request.app.state.vault
    return key.once(
        db, now,
        lambda: bank.import_statement(
            db, vault, project_id=project_id, template_id=template_id, content=content, read_workbook=read_workbook, by=person.login, now=now,
        ),
    )  # fmt: skip


class MatchIn(BaseModel):
    """What a statement line was."""

    model_config = ConfigDict(json_schema_extra={"example": {"kind": "fee"}})
    kind: str = Field(max_length=16)
    document_id: RowIdField | None = None


@router.post(
    "/v1/projects/{project_id}/statement/{line_id}/matches", summary="Say what a line was", status_code=201, response_model=Added,
    responses=refusals(*WRITES, (404, "statement_line_unknown")),
)  # fmt: skip
def set_match(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, line_id: RowIdPath, body: MatchIn) -> Response:
    """A document of ours, a fee, a fee given back, interest, or nothing we know."""
    access.require_on(db, person, "bank.write", project_id)

    def work() -> Added:
        bank.set_match(
            db, project_id=project_id, line_id=line_id, kind=body.kind, document_id=body.document_id, by=person.login, now=now
        )
        return Added(id=line_id)

    return key.once(db, now, work)


# --- ledger ----------------------------------------------------------------------------------------------------


@router.get("/v1/projects/{project_id}/ledger", summary="Balances and assertions", responses=refusals(*OF_PROJECT))
def show_ledger(person: Someone, db: Reading, now: Now, project_id: ProjectId) -> dict[str, Any]:
    """Balances by kind of account (debit is positive), and what must hold in the books."""
    access.require_on(db, person, "bank.read", project_id)
    return {
        "balances": {str(kind): ledger.balances(db, project_id, kind) for kind in AccountKind},
        "assertions": [asdict(a) for a in ledger.assertions(db, project_id, now)],
    }
