"""Projects, companies, teams, workers, terms, cards, gates and devices. Money is integer fen (1 yuan = 100 fen).

    POST, GET   /v1/projects                                     GET, PATCH /v1/projects/{id}
    POST, GET   /v1/projects/{id}/companies
    POST, GET   /v1/projects/{id}/teams
    POST, GET   /v1/projects/{id}/workers                        names in full, numbers masked by role
    POST        /v1/projects/{id}/workers/search                 by a whole ID number, which must not stand in a URL
    PATCH       /v1/projects/{id}/workers/{worker_id}/terms
    POST        /v1/projects/{id}/workers/{worker_id}/exit
    POST, GET   /v1/projects/{id}/workers/{worker_id}/credentials
    DELETE      /v1/projects/{id}/credentials/{credential_id}
    POST        /v1/projects/{id}/roster                         an Excel file; GET /v1/roster/template
    POST, GET   /v1/projects/{id}/gates; PATCH /v1/projects/{id}/gates/{gate_id}, POST .../retire
    POST, GET   /v1/projects/{id}/devices                        POST .../{device_id}/rotate and /disable
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Path, Query, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from app import access, papers, terms
from app import roster as rosters
from app.api.access import NOBODY, NOT_ALLOWED, ROW_ID_MAX, UNKNOWN_PROJECT, Now, Someone, only, refusals
from app.api.once import SentKey, keyed
from app.db import Reading, Tx
from app.forms import roster as roster_form
from app.store import gates, people
from app.store import papers as kept
from app.web import language_of

router = APIRouter(tags=["papers"])

ProjectId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the project", examples=[1])]
WorkerId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the worker", examples=[7])]
DeviceId = Annotated[str, Path(max_length=40, description="Id of the device", examples=["gate-1-in"])]
RowId = Annotated[int, Field(ge=1, le=ROW_ID_MAX)]
GateId = Annotated[int, Path(ge=1, le=ROW_ID_MAX, description="Id of the gate", examples=[1])]
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OF_PROJECT = (NOBODY, NOT_ALLOWED, UNKNOWN_PROJECT)


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": fields}, from_attributes=True, extra="forbid")


class Added(BaseModel):
    """The id of what was added, or of what was there already."""

    model_config = _example(id=3)
    id: int


# --- projects ----------------------------------------------------------------------------------------------


class ProjectIn(BaseModel):
    """A new project."""

    model_config = _example(
        code="330424-2026-001", name="示例项目一期", area_code="330424", address="示例路 1 号",
        time_zone="Asia/Shanghai", language="zh", confirm_face=False,
    )
    code: str = Field(max_length=64, description="项目编码")
    name: str = Field(max_length=400)
    area_code: str = Field(max_length=12, description="Administrative division, 6 to 12 digits (行政区划代码)")
    address: str | None = Field(None, max_length=600)
    time_zone: str = Field("Asia/Shanghai", max_length=64, description="IANA name; its calendar decides the work date")
    language: Literal["zh", "en"] = Field("zh", description="Of the gate's display")
    confirm_face: bool = Field(False, description="A person confirms each face passage while a weak pack is active")


class ProjectOut(BaseModel):
    """A project."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": 1, "code": "330424-2026-001", "name": "示例项目一期", "area_code": "330424", "address": None,
                "time_zone": "Asia/Shanghai", "language": "zh", "confirm_face": False, "is_demonstration": False,
            }
        },
    )
    id: int
    code: str
    name: str
    area_code: str
    address: str | None
    time_zone: str
    language: str
    confirm_face: bool
    is_demonstration: bool


class ProjectChange(BaseModel):
    """What of a project may be changed."""

    model_config = _example(confirm_face=True)
    confirm_face: bool


@router.post(
    "/v1/projects", status_code=201, summary="Create a project",
    responses=refusals(NOBODY, NOT_ALLOWED, (409, "project_code_taken"), (422, "project_code_malformed")),
)
@keyed("projects.create", status=201)
def create_project(person: Someone, db: Tx, now: Now, body: ProjectIn) -> Added:
    """Add a project. Its people come afterwards; its roles are given with the accounts."""
    access.require(person, "projects.create")
    return Added(id=papers.create_project(db, **body.model_dump(), now=now, by=person.login))


@router.get("/v1/projects", summary="Projects I may know of", responses=refusals(NOBODY))
def list_projects(person: Someone, db: Reading) -> list[ProjectOut]:
    """In the order of their codes."""
    return [ProjectOut.model_validate(project) for project in access.projects_of(db, person)]


@router.get("/v1/projects/{project_id}", summary="One project", responses=refusals(*OF_PROJECT))
def show_project(person: Someone, db: Reading, project_id: ProjectId) -> ProjectOut:
    """Its name, code and place."""
    return ProjectOut.model_validate(access.require_on(db, person, "project.read", project_id))


@router.patch("/v1/projects/{project_id}", summary="Change how the gates behave", responses=refusals(*OF_PROJECT))
@keyed("devices.write")
def change_project(person: Someone, db: Tx, now: Now, project_id: ProjectId, body: ProjectChange) -> ProjectOut:
    """Say whether a person must confirm each face passage while a weak pack is active."""
    access.require_on(db, person, "devices.write", project_id)
    papers.set_confirm_face(db, project_id=project_id, confirm_face=body.confirm_face, now=now, by=person.login)
    return ProjectOut.model_validate(people.project(db, project_id))


# --- companies and teams -----------------------------------------------------------------------------------


class CompanyIn(BaseModel):
    """A company in a role."""

    model_config = _example(
        name="示例建筑劳务有限公司", uscc="9144030071526726XG", role="labour_subcontractor", entry_on="2026-03-01"
    )
    name: str = Field(max_length=400)
    uscc: str | None = Field(None, max_length=40, description="Unified social credit code (统一社会信用代码)")
    role: str = Field(max_length=32, description="owner, general_contractor, labour_subcontractor ... (参建类型)")
    entry_on: date


class CompanyOut(BaseModel):
    """A company in a role."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": 2, "company_id": 2, "name": "示例建筑劳务有限公司", "uscc": "9144030071526726XG",
                "role": "labour_subcontractor", "entry_on": "2026-03-01", "exit_on": None,
            }
        },
    )
    id: int = Field(description="Of the company's role on this project")
    company_id: int
    name: str
    uscc: str | None
    role: str
    entry_on: date
    exit_on: date | None


class TeamIn(BaseModel):
    """A new team."""

    model_config = _example(project_company_id=2, name="钢筋一班", trade="steel_fixer")
    project_company_id: RowId
    name: str = Field(max_length=200)
    trade: str | None = Field(None, max_length=100, description="Code or name of a trade (工种)")


class TeamOut(BaseModel):
    """A team."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": 4, "project_company_id": 2, "name": "钢筋一班", "trade": "steel_fixer",
                "company_name": "示例建筑劳务有限公司",
            }
        },
    )
    id: int
    project_company_id: int
    name: str
    trade: str | None
    company_name: str


@router.post(
    "/v1/projects/{project_id}/companies", status_code=201, summary="Add a company in a role",
    responses=refusals(
        *OF_PROJECT, (409, "company_differs"), (422, "company_role_unknown"), (422, "uscc_check_digit")
    ),
)
@keyed("papers.write", status=201)
def add_company(person: Someone, db: Tx, now: Now, project_id: ProjectId, body: CompanyIn) -> Added:
    """Adding the same company in the same role twice is adding it once."""
    access.require_on(db, person, "papers.write", project_id)
    added = papers.add_company_to_project(
        db, project_id=project_id, **body.model_dump(), now=now, by=person.login
    )
    return Added(id=added)


@router.get("/v1/projects/{project_id}/companies", summary="Companies", responses=refusals(*OF_PROJECT))
def list_companies(person: Someone, db: Reading, project_id: ProjectId) -> list[CompanyOut]:
    """In the order they came."""
    access.require_on(db, person, "papers.read", project_id)
    return [CompanyOut.model_validate(company) for company in people.project_companies(db, project_id)]


@router.post(
    "/v1/projects/{project_id}/teams", status_code=201, summary="Add a team",
    responses=refusals(*OF_PROJECT, (404, "project_company_unknown")),
)
@keyed("papers.write", status=201)
def add_team(person: Someone, db: Tx, now: Now, project_id: ProjectId, body: TeamIn) -> Added:
    """Adding a team of the same name to the same company twice is adding it once."""
    access.require_on(db, person, "papers.write", project_id)
    return Added(id=papers.add_team(db, project_id=project_id, **body.model_dump(), now=now, by=person.login))


@router.get("/v1/projects/{project_id}/teams", summary="Teams", responses=refusals(*OF_PROJECT))
def list_teams(person: Someone, db: Reading, project_id: ProjectId) -> list[TeamOut]:
    """In the order they came."""
    access.require_on(db, person, "papers.read", project_id)
    return [TeamOut.model_validate(team) for team in people.teams(db, project_id)]


# --- workers -----------------------------------------------------------------------------------------------


class WorkerIn(BaseModel):
    """A worker to enter: who he is, with which team, on what terms, and his card if he has one."""

    model_config = _example(
        name="王建国", id_number="990000199001010017", phone="13800000000", team_id=4, trade="steel_fixer",
        day_rate_fen=35000, entry_on="2026-03-01", card="0012345678",
    )
    name: str = Field(max_length=200)
    id_number: str = Field(max_length=40, repr=False, description="18 characters (GB 11643); kept encrypted")
    phone: str | None = Field(None, max_length=40, repr=False)
    team_id: RowId
    trade: str | None = Field(None, max_length=100)
    day_rate_fen: StrictInt = Field(description="Fen a man-day, above 0; never a fraction")
    entry_on: date
    exit_on: date | None = Field(None, description="First day no longer on the project")
    card: str | None = Field(None, max_length=80, repr=False, description="Without one he is given a code")
    overtime_rule: str = Field(terms.UNSAID["overtime_rule"], max_length=8, description="law, units or none")
    relation: str = Field(terms.UNSAID["relation"], max_length=16, description="labour_contract or work_agreement")


class EnteredOut(BaseModel):
    """A worker who was entered."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {"worker_id": 7, "engagement_id": 9, "terms_id": 9, "known": False, "code": "31415926535"}
        },
    )
    worker_id: int
    engagement_id: int
    terms_id: int
    known: bool = Field(description="Known before, from another project or an earlier time")
    code: str | None = Field(description="His code for the gate; shown this once. Null when he has a card")


class WorkerOut(BaseModel):
    """One engagement of the roster; numbers masked for the reader."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "worker_id": 7, "engagement_id": 9, "name": "王建国", "sex": "M", "id_number": "99**************17",
                "phone": "138****0000", "team_id": 4, "team": "钢筋一班", "company": "示例建筑劳务有限公司",
                "trade": "steel_fixer", "entry_on": "2026-03-01", "exit_on": None, "day_rate_fen": 35000,
                "has_template": True,
            }
        },
    )
    worker_id: int
    engagement_id: int
    name: str
    sex: str
    id_number: str
    phone: str
    team_id: int
    team: str
    company: str
    trade: str | None
    entry_on: date
    exit_on: date | None
    day_rate_fen: int | None
    has_template: bool


class WorkersOut(BaseModel):
    """A page of the roster."""

    model_config = ConfigDict(from_attributes=True)
    total: int
    page: int
    size: int
    workers: list[WorkerOut] = Field(validation_alias="lines")


class WorkerSearch(BaseModel):
    """Whom to look for."""

    model_config = _example(id_number="990000199001010017")
    id_number: str = Field(max_length=40, repr=False, description="The whole number; part of one finds nobody")


@router.post(
    "/v1/projects/{project_id}/workers", status_code=201, summary="Enter a worker",
    responses=refusals(
        *OF_PROJECT, (404, "team_unknown"), (409, "engagement_overlaps"), (409, "worker_name_differs"),
        (409, "credential_taken"), (422, "id_check_digit"), (422, "id_under_age"), (422, "day_rate_wrong"),
    ),
)
def enter_worker(request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, body: WorkerIn) -> EnteredOut:
    """Identity, time with a team, day rate, and a card or code: everything but a face, which nobody needs."""
    access.require_on(db, person, "papers.write", project_id)
    state = request.app.state
    entered = papers.enter_worker(
        db, state.vault, state.settings, project_id=project_id, **body.model_dump(), now=now, by=person.login
    )
    return EnteredOut.model_validate(entered)


@router.get("/v1/projects/{project_id}/workers", summary="The roster", responses=refusals(*OF_PROJECT))
def list_workers(
    request: Request,
    person: Someone,
    db: Reading,
    now: Now,
    project_id: ProjectId,
    team_id: Annotated[int | None, only("team")],
    name: Annotated[str | None, Query(max_length=100, description="Part of a name", examples=["王"])] = None,
    present_only: Annotated[bool, Query(description="Leave out who has left")] = False,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    size: Annotated[int, Query(ge=1, le=500)] = 50,
) -> WorkersOut:
    """In the order of entry. Project staff read `33**************1X`, the bureau `330424********001X`."""
    project = access.require_on(db, person, "papers.read", project_id)
    found = rosters.roster(
        db, request.app.state.vault, project_id=project_id, view=access.view_of(person, project), name=name,
        team_id=team_id, present_only=present_only, page=page, size=size, now=now,
    )
    return WorkersOut.model_validate(found)


@router.post(
    "/v1/projects/{project_id}/workers/search", summary="Find a worker by his ID number",
    responses=refusals(*OF_PROJECT),
)
def search_workers(
    request: Request, person: Someone, db: Reading, now: Now, project_id: ProjectId, body: WorkerSearch
) -> WorkersOut:
    """By the whole number, which is looked up by its keyed index. A POST, so that it stands in nobody's log."""
    project = access.require_on(db, person, "papers.read", project_id)
    found = rosters.roster(
        db, request.app.state.vault, project_id=project_id, view=access.view_of(person, project),
        id_number=body.id_number, now=now,
    )
    # The number found him, so the address does not name him to the journal.
    request.scope["muster_of"] = [(project_id, line.worker_id) for line in found.lines]
    return WorkersOut.model_validate(found)


class TermsChange(BaseModel):
    """Another day rate."""

    model_config = _example(day_rate_fen=38000, valid_from="2026-04-01")
    day_rate_fen: StrictInt = Field(description="Fen a man-day")
    valid_from: date = Field(description="First day of the new rate")


class TermsAdded(BaseModel):
    """The new terms."""

    model_config = _example(terms_id=12)
    terms_id: int


class ExitIn(BaseModel):
    """A worker leaves."""

    model_config = _example(exit_on="2026-06-01")
    exit_on: date = Field(description="First day no longer on the project (the last day was the day before)")


class ExitOut(BaseModel):
    """The engagement that ends."""

    model_config = _example(engagement_id=9, exit_on="2026-06-01")
    engagement_id: int
    exit_on: date


@router.patch(
    "/v1/projects/{project_id}/workers/{worker_id}/terms", summary="Change the day rate",
    responses=refusals(
        *OF_PROJECT, (404, "worker_not_on_project"), (409, "terms_same"), (422, "terms_before_entry"),
        (422, "terms_after_exit"), (422, "day_rate_wrong"),
    ),
)
@keyed("papers.write")
def change_terms(
    person: Someone, db: Tx, now: Now, project_id: ProjectId, worker_id: WorkerId, body: TermsChange
) -> TermsAdded:
    """New terms from a date on. What held before that date, and what begins later, stays."""
    access.require_on(db, person, "papers.write", project_id)
    added = papers.change_terms(
        db, project_id=project_id, worker_id=worker_id, rate_fen=body.day_rate_fen, valid_from=body.valid_from,
        now=now, by=person.login,
    )
    return TermsAdded(terms_id=added)


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/exit", summary="A worker leaves",
    responses=refusals(
        *OF_PROJECT, (400, "exit_before_entry"), (404, "worker_not_on_project"), (409, "exit_recorded")
    ),
)
@keyed("papers.write")
def exit_worker(person: Someone, db: Tx, now: Now, project_id: ProjectId, worker_id: WorkerId, body: ExitIn) -> ExitOut:
    """From that day on no gate admits him; what he earned stays."""
    access.require_on(db, person, "papers.write", project_id)
    ended = papers.exit_worker(
        db, project_id=project_id, worker_id=worker_id, exit_on=body.exit_on, now=now, by=person.login
    )
    return ExitOut(engagement_id=ended, exit_on=body.exit_on)


# --- cards and codes ---------------------------------------------------------------------------------------


class CredentialIn(BaseModel):
    """A card to give, or a code to make."""

    model_config = _example(channel="card", value="0012345678")
    channel: Literal["card", "code"]
    value: str | None = Field(None, max_length=80, repr=False, description="Number of the card; a code is made up")


class CredentialIssued(BaseModel):
    """What was given."""

    model_config = _example(channel="code", code="31415926535")
    channel: str
    code: str | None = Field(description="Shown this once; only its keyed index is kept. Null for a card")


class CredentialOut(BaseModel):
    """A card or code somebody holds; its value is not known here."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"example": {"id": 5, "channel": "card", "issued_at": "2026-03-01T00:00:00Z"}},
    )
    id: int
    channel: str
    issued_at: datetime


class CredentialRevoked(BaseModel):
    """What became of it."""

    model_config = _example(code=None)
    code: str | None = Field(description="A new code, shown this once, when it was his last way in without a face")


@router.post(
    "/v1/projects/{project_id}/workers/{worker_id}/credentials", status_code=201, summary="Give a card or a code",
    responses=refusals(
        *OF_PROJECT, (404, "worker_not_on_project"), (409, "credential_taken"), (422, "card_wrong")
    ),
)
def issue_credential(
    request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, worker_id: WorkerId, body: CredentialIn
) -> CredentialIssued:
    """The way in without a face, with the same standing. A new code ends the one before; cards go on working."""
    access.require_on(db, person, "papers.write", project_id)
    about = {"project_id": project_id, "worker_id": worker_id, "now": now, "by": person.login}
    code = None
    if body.channel == "code":
        code = papers.issue_code(db, request.app.state.vault, **about)
    else:
        papers.issue_card(db, request.app.state.vault, value=body.value or "", **about)
    return CredentialIssued(channel=body.channel, code=code)


@router.get(
    "/v1/projects/{project_id}/workers/{worker_id}/credentials", summary="Cards and codes of a worker",
    responses=refusals(*OF_PROJECT),
)
def list_credentials(person: Someone, db: Reading, project_id: ProjectId, worker_id: WorkerId) -> list[CredentialOut]:
    """The live ones, oldest first."""
    access.require_on(db, person, "papers.read", project_id)
    return [CredentialOut.model_validate(one) for one in kept.live_credentials(db, project_id, worker_id)]


@router.delete(
    "/v1/projects/{project_id}/credentials/{credential_id}", summary="Take a card or code back",
    responses=refusals(*OF_PROJECT, (404, "credential_missing")),
)
def revoke_credential(
    request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId,
    credential_id: Annotated[int, Path(ge=1, le=ROW_ID_MAX)],
) -> CredentialRevoked:
    """It stops working at once. A worker who would be left without a way in is given a new code."""
    access.require_on(db, person, "papers.write", project_id)
    code = papers.revoke_credential(
        db, request.app.state.vault, project_id=project_id, credential_id=credential_id, now=now, by=person.login
    )
    return CredentialRevoked(code=code)


# --- a whole roster ----------------------------------------------------------------------------------------


class RowReport(BaseModel):
    """Something to look at."""

    sheet: str
    row: int = Field(description="Number of the row in Excel")
    column: str = Field(description="name, id_number, company ...; empty for the whole row")
    code: str
    sentence: str = Field(description="In the reader's language")


class RowCode(BaseModel):
    """A code that was made for an entered worker; shown this once."""

    sheet: str
    row: int
    worker_id: int
    code: str


class RosterOut(BaseModel):
    """What became of every row: `rows_total` = `entered` + `already_there` + `faulty`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "rows_total": 3, "entered": 1, "already_there": 1, "faulty": 1,
                "faults": [
                    {"sheet": "花名册", "row": 4, "column": "id_number", "code": "id_check_digit",
                     "sentence": "身份证号校验位不符，请核对"}
                ],
                "differences": [
                    {"sheet": "花名册", "row": 3, "column": "day_rate", "code": "rate_differs",
                     "sentence": "日工资与已登记的 350.00 元不同，未更改；请在工资约定中修改"}
                ],
                "warnings": [
                    {"sheet": "花名册", "row": 2, "column": "day_rate", "code": "day_rate_high",
                     "sentence": "日工资达到 1500 元，是不是把月工资写成了日工资？"}
                ],
                "codes": [{"sheet": "花名册", "row": 2, "worker_id": 7, "code": "31415926535"}],
                "sheets_read": ["花名册"], "sheets_left_out": ["填写说明"], "dry_run": False,
            }
        }
    )
    rows_total: int
    entered: int
    already_there: int
    faulty: int
    faults: list[RowReport] = Field(description="At least one for each faulty row")
    differences: list[RowReport] = Field(description="People already there and recorded otherwise; nothing was changed")
    warnings: list[RowReport] = Field(description="Of rows that are entered: what was perhaps not meant")
    codes: list[RowCode]
    sheets_read: list[str]
    sheets_left_out: list[str] = Field(description="Hidden sheets, and sheets without a heading row")
    dry_run: bool


@router.post(
    "/v1/projects/{project_id}/roster", summary="Import an Excel roster", response_model=RosterOut,
    responses=refusals(
        *OF_PROJECT, (413, "roster_too_large"), (413, "roster_unpacks_too_large"), (422, "roster_not_xlsx"),
        (422, "roster_old_format"), (422, "roster_no_headings"), (422, "roster_column_missing"),
        (422, "roster_too_many_rows"),
    ),
)
def import_roster(
    request: Request,
    person: Someone,
    db: Reading,
    now: Now,
    project_id: ProjectId,
    file: Annotated[UploadFile, File(description="xlsx, headings within the first ten rows")],
    dry_run: Annotated[bool, Form(description="Report only, enter nobody")] = False,
    key: SentKey = None,
) -> Any:
    """Enter the good rows and name every other one. The same file a second time enters nobody.

    Entered in parts, so that the gates get their turn in between; what a failure leaves out, the same file
    sent again enters.
    """
    access.require_on(db, person, "papers.write", project_id)
    if key is not None and (told := key.told(db)) is not None:
        return told
    # Gives the connection back: reading and entering a large file takes longer than one may be held idle.
    db.rollback()
    state = request.app.state
    content = file.file.read(state.settings.roster_file_bytes_max + 1)
    sheet = roster_form.read_roster(content, bytes_max=state.settings.roster_file_bytes_max)
    report = rosters.import_roster_in_parts(
        state.database.write, state.vault, state.settings, project_id=project_id, sheet=sheet, dry_run=dry_run,
        now=now, by=person.login,
    )
    answer = RosterOut.model_validate(report.as_json(language_of(request)))
    if key is None:
        return answer
    # A failure in between leaves no answer: the same file sent again enters what was left out.
    with state.database.write() as kept_in:
        return key.once(kept_in, now, lambda: answer, status=200)


@router.get(
    "/v1/roster/template", summary="An empty Excel roster", response_class=Response,
    responses={200: {"content": {EXCEL: {}}, "description": "xlsx"}, **refusals(NOBODY)},
)
def roster_template(
    person: Someone,
    db: Reading,
    language: Annotated[Literal["zh", "en"], Query(description="Of the headings")] = "zh",
    project_id: Annotated[RowId | None, Query(description="Whose companies and teams are offered to choose from")] = None,
) -> Response:
    """Headings the import reads, drop-downs, formats that keep ID numbers whole, and a sheet of notes."""
    companies: list[str] = []
    teams: list[str] = []
    if project_id is not None:
        access.require_on(db, person, "papers.write", project_id)
        companies = list(dict.fromkeys(c.name for c in people.project_companies(db, project_id)))
        teams = list(dict.fromkeys(t.name for t in people.teams(db, project_id)))
    return Response(
        roster_form.roster_workbook(language, companies=companies, teams=teams), media_type=EXCEL,
        headers={"Content-Disposition": 'attachment; filename="roster.xlsx"'},
    )


# --- gates and devices -------------------------------------------------------------------------------------


class GateIn(BaseModel):
    """A new gate."""

    model_config = _example(name="大门入口", direction="in")
    name: str = Field(max_length=200)
    direction: str = Field(max_length=8, description="in, out or both")


class GateOut(BaseModel):
    """A gate."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"example": {"id": 1, "name": "大门入口", "direction": "in"}}
    )
    id: int
    name: str
    direction: str


class DeviceIn(BaseModel):
    """A new device."""

    model_config = _example(gate_id=1, name="入口 1 号机", device_id="gate-1-in")
    gate_id: RowId
    name: str = Field(max_length=200)
    device_id: str | None = Field(None, max_length=40, description="Made up when absent")


class DeviceKey(BaseModel):
    """A device's key; shown this once."""

    model_config = _example(device_id="gate-1-in", key_hex="00" * 32)
    device_id: str
    key_hex: str = Field(description="32 bytes for HMAC-SHA256; see *gates*")


class DeviceOut(BaseModel):
    """A device."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "id": "gate-1-in", "name": "入口 1 号机", "gate_id": 1, "gate_name": "大门入口", "direction": "in",
                "last_seen_at": "2026-03-31T11:59:30Z", "disabled_at": None,
            }
        },
    )
    id: str
    name: str
    gate_id: int
    gate_name: str
    direction: str
    last_seen_at: datetime | None
    disabled_at: datetime | None


@router.post(
    "/v1/projects/{project_id}/gates", status_code=201, summary="Add a gate",
    responses=refusals(*OF_PROJECT, (409, "gate_name_taken"), (422, "direction_unknown")),
)
@keyed("devices.write", status=201)
def add_gate(person: Someone, db: Tx, now: Now, project_id: ProjectId, body: GateIn) -> Added:
    """A lane people pass through."""
    access.require_on(db, person, "devices.write", project_id)
    return Added(id=papers.add_gate(db, project_id=project_id, **body.model_dump(), now=now, by=person.login))


class GateChange(BaseModel):
    """What is put right about a gate; what is absent stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "东门出口", "direction": "out"}})
    name: str | None = Field(None, max_length=200)
    direction: str | None = Field(None, max_length=8, description="in, out or both; only before anybody passed")


@router.patch(
    "/v1/projects/{project_id}/gates/{gate_id}", status_code=204, summary="Put a gate right",
    responses=refusals(
        *OF_PROJECT, (404, "gate_unknown"), (409, "gate_name_taken"), (409, "gate_direction_used"), (422, "direction_unknown")
    ),
)
def change_gate(person: Someone, db: Tx, now: Now, project_id: ProjectId, gate_id: GateId, body: GateChange) -> None:
    """Its name at any time; where it leads as long as nobody passed."""
    access.require_on(db, person, "devices.write", project_id)
    papers.change_gate(db, project_id=project_id, gate_id=gate_id, **body.model_dump(), now=now, by=person.login)


@router.post(
    "/v1/projects/{project_id}/gates/{gate_id}/retire", status_code=204, summary="Retire a gate nobody passed",
    responses=refusals(*OF_PROJECT, (404, "gate_unknown"), (409, "gate_used")),
)
def retire_gate(person: Someone, db: Tx, now: Now, project_id: ProjectId, gate_id: GateId) -> None:
    """It is listed no more, and its devices are switched off."""
    access.require_on(db, person, "devices.write", project_id)
    papers.retire_gate(db, project_id=project_id, gate_id=gate_id, now=now, by=person.login)


@router.get("/v1/projects/{project_id}/gates", summary="Gates", responses=refusals(*OF_PROJECT))
def list_gates(person: Someone, db: Reading, project_id: ProjectId) -> list[GateOut]:
    """In the order they were added."""
    access.require_on(db, person, "project.read", project_id)
    return [GateOut.model_validate(gate) for gate in gates.gates(db, project_id)]


@router.post(
    "/v1/projects/{project_id}/devices", status_code=201, summary="Add a device",
    responses=refusals(
        *OF_PROJECT, (404, "gate_unknown"), (409, "device_id_taken"), (422, "device_id_malformed")
    ),
)
def add_device(request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, body: DeviceIn) -> DeviceKey:
    """Its key is in this answer and never again."""
    access.require_on(db, person, "devices.write", project_id)
    added = papers.add_device(
        db, request.app.state.vault, project_id=project_id, **body.model_dump(), now=now, by=person.login
    )
    return DeviceKey(device_id=added.device_id, key_hex=added.key.hex())


@router.get("/v1/projects/{project_id}/devices", summary="Devices", responses=refusals(*OF_PROJECT))
def list_devices(person: Someone, db: Reading, project_id: ProjectId) -> list[DeviceOut]:
    """With when each was last heard."""
    access.require_on(db, person, "project.read", project_id)
    return [DeviceOut.model_validate(device) for device in gates.devices(db, project_id)]


@router.post(
    "/v1/projects/{project_id}/devices/{device_id}/rotate", summary="Give a device a new key",
    responses=refusals(*OF_PROJECT, (404, "device_unknown")),
)
def rotate_device_key(
    request: Request, person: Someone, db: Tx, now: Now, project_id: ProjectId, device_id: DeviceId
) -> DeviceKey:
    """The former key is accepted until the new one is used, for 7 days at most and never past another rotation."""
    access.require_on(db, person, "devices.write", project_id)
    key = papers.rotate_device_key(
        db, request.app.state.vault, device_id=device_id, project_id=project_id, now=now, by=person.login
    )
    return DeviceKey(device_id=device_id, key_hex=key.hex())


@router.post(
    "/v1/projects/{project_id}/devices/{device_id}/disable", status_code=204, summary="Stop listening to a device",
    responses=refusals(*OF_PROJECT, (404, "device_unknown")),
)
@keyed("devices.write", status=204)
def disable_device(person: Someone, db: Tx, now: Now, project_id: ProjectId, device_id: DeviceId) -> None:
    """What it recorded stays."""
    access.require_on(db, person, "devices.write", project_id)
    papers.disable_device(db, device_id=device_id, project_id=project_id, now=now, by=person.login)
