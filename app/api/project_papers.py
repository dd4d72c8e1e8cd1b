"""Papers of a project: works contract, wage deposit or guarantee, notice board, key posts.

    GET|POST /v1/projects/{id}/papers
    POST     /v1/projects/{id}/papers/{paper_id}/void

Every write takes an ``Idempotency-Key``; nothing is edited.
"""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from app import access, project_papers
from app.api.access import ROW_ID_MAX, Now, Someone, refusals
from app.api.once import WriteKey
from app.api.timekeeping import OF_PROJECT, Added, Reason, RowIdField
from app.api.wages import ProjectId
from app.db import Reading, Tx

router = APIRouter(tags=["papers"])

PaperId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the paper", examples=[3])]
WRITES = (*OF_PROJECT, (400, "key_malformed"), (409, "key_reused"))


class BoardIn(BaseModel):
    """维权信息告示牌: what it shows."""

    parties: StrictBool = Field(description="Owner, contractor, subcontractors, regulator, labour officer: names and phones")
    pay: StrictBool = Field(description="Local minimum wage and pay day")
    contacts: StrictBool = Field(description="Complaint phones, arbitration, legal aid")
    pay_day: StrictInt | None = Field(None, description="As the board says")
    minimum_wage_fen: StrictInt | None = Field(None, description="As the board says")


class PaperIn(BaseModel):
    """A paper of the project."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"kind": "deposit_guarantee", "from_on": "2026-03-01", "to_on": "2027-03-01", "amount_fen": 300000000}
        }
    )
    kind: str = Field(max_length=24, description="works_contract, deposit, deposit_guarantee, notice_board or key_post")
    from_on: date = Field(description="Date of the contract; first day it holds")
    to_on: date | None = Field(None, description="First day it no longer holds; planned completion for the works contract")
    amount_fen: StrictInt | None = None
    worker_id: RowIdField | None = Field(None, description="Who holds the post")
    post: str | None = Field(None, max_length=32, description="project_manager, safety_officer, labour_officer, chief_supervisor, ...")
    board: BoardIn | None = None
    evidence: list[RowIdField] = Field(default_factory=list, max_length=50)


class PaperOut(BaseModel):
    """A paper that was not voided."""

    id: int
    kind: str
    from_on: date
    to_on: date | None
    amount_fen: int | None
    worker_id: int | None
    detail: dict[str, Any]


@router.get("/v1/projects/{project_id}/papers", summary="Papers of a project", responses=refusals(*OF_PROJECT))
def list_papers(person: Someone, db: Reading, project_id: ProjectId) -> list[PaperOut]:
    """Those that were not voided, in the order they were recorded."""
    access.require_on(db, person, "findings.read", project_id)
    return [
        PaperOut(
            id=p.id, kind=p.kind, from_on=p.from_on, to_on=p.to_on, amount_fen=p.amount_fen, worker_id=p.worker_id, detail=dict(p.detail)
        )
        for p in project_papers.listed(db, project_id)
    ]


@router.post(
    "/v1/projects/{project_id}/papers", summary="Record a paper", status_code=201, response_model=Added,
    responses=refusals(*WRITES, (404, "evidence_unknown"), (422, "paper_fields_wrong")),
)  # fmt: skip
def record_paper(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, body: PaperIn) -> Response:
    """Nothing is edited: a new guarantee is a new paper, a mistake is voided."""
    access.require_on(db, person, "papers.write", project_id)
    said = body.model_dump()
    return key.once(db, now, lambda: Added(id=project_papers.record(db, project_id=project_id, by=person.login, now=now, **said)))


@router.post(
    "/v1/projects/{project_id}/papers/{paper_id}/void", summary="Void a paper", status_code=200, response_model=Added,
    responses=refusals(*WRITES, (404, "project_paper_unknown"), (409, "row_voided")),
)  # fmt: skip
def void_paper(person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, paper_id: PaperId, body: Reason) -> Response:
    """It was a mistake: it stays and does not count."""
    access.require_on(db, person, "papers.write", project_id)

    def work() -> Added:
        project_papers.void(db, project_id=project_id, paper_id=paper_id, reason=body.reason, by=person.login, now=now)
        return Added(id=paper_id)

    return key.once(db, now, work, status=200)
