"""Excel tables that come in, beside the roster: measured work, wage cards, the statutory calendar.

    POST /v1/projects/{id}/imports/measures      计量
    POST /v1/projects/{id}/imports/cards         工资卡
    POST /v1/imports/calendar                    法定日历
    GET  /v1/imports/{table}/template            an empty one to fill in

Good rows count and every other one is named by sheet, row and reason; of a calendar all rows count or none. Each takes an
``Idempotency-Key`` and a ``dry_run``, which tells the same and writes nothing.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict

from app import access, imports
from app.api.access import NOBODY, NOT_ALLOWED, Now, Someone, refusals
from app.api.once import WriteKey
from app.api.papers import EXCEL
from app.api.timekeeping import OF_PROJECT
from app.api.wages import ProjectId
from app.db import Tx
from app.forms import calendar as calendar_form
from app.forms import cards as cards_form
from app.forms import measures as measures_form
from app.web import language_of

router = APIRouter(tags=["imports"])

Upload = Annotated[UploadFile, File(description="xlsx, headings within the first ten rows")]
DryRun = Annotated[bool, Form(description="Report only, write nothing")]

_EMPTY = {
    "measures": measures_form.measures_workbook,
    "cards": cards_form.cards_workbook,
    "calendar": calendar_form.calendar_workbook,
}


class RowOut(BaseModel):
    """Where something is and what it is."""

    sheet: str
    row: int
    column: str
    code: str
    sentence: str


class ImportOut(BaseModel):
    """What became of every row: ``rows_total`` is ``entered + already_there + faulty``."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "rows_total": 3, "entered": 1, "already_there": 1, "faulty": 1,
                "faults": [{"sheet": "计量", "row": 4, "column": "team", "code": "team_unknown", "sentence": "本项目没有这个班组"}],
                "warnings": [], "ids": [17], "sheets_read": ["计量"], "dry_run": False,
            }
        }
    )  # fmt: skip
    rows_total: int
    entered: int
    already_there: int
    faulty: int
    faults: list[RowOut]
    warnings: list[RowOut]
    ids: list[int]
    sheets_read: list[str]
    dry_run: bool


WRITES = ((400, "key_malformed"), (409, "key_reused"), (413, "workbook_too_large"), (422, "workbook_not_xlsx"), (422, "workbook_no_headings"))


def _content(request: Request, file: UploadFile) -> dict[str, Any]:
    limit = request.app.state.settings.roster_file_bytes_max
    return {"content": file.file.read(limit + 1), "bytes_max": limit, "rows_max": imports.ROWS_MAX}


@router.post(
    "/v1/projects/{project_id}/imports/measures", summary="Import measured work", status_code=201, response_model=ImportOut,
    responses=refusals(*OF_PROJECT, *WRITES),
)  # fmt: skip
def import_measures(
    request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, file: Upload, dry_run: DryRun = False
) -> Response:
    """What each team did and, where agreed, each worker's share; a subcontractor's own teams only. Paid when accepted."""
    project = access.require_on(db, person, "measures.write", project_id)
    teams = access.teams_of(db, person, project, "measures.write")
    vault, language = request.app.state.vault, language_of(request)

    def work() -> dict[str, Any]:
        found = measures_form.read_measures(**_content(request, file))
        return imports.import_measures(
            db, vault, project_id=project_id, file=found, teams=teams, dry_run=dry_run, by=person.login, now=now
        ).as_json(language)

    return key.once(db, now, work)


@router.post(
    "/v1/projects/{project_id}/imports/cards", summary="Import wage cards", status_code=201, response_model=ImportOut,
    responses=refusals(*OF_PROJECT, *WRITES),
)  # fmt: skip
def import_cards(
    request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, project_id: ProjectId, file: Upload, dry_run: DryRun = False
) -> Response:
    """Found by ID number, sealed one by one; neither number comes out again."""
    access.require_on(db, person, "bank.write", project_id)
    vault, language = request.app.state.vault, language_of(request)

    def work() -> dict[str, Any]:
        found = cards_form.read_cards(**_content(request, file))
        return imports.import_cards(
            db, vault, project_id=project_id, file=found, dry_run=dry_run, by=person.login, now=now
        ).as_json(language)

    return key.once(db, now, work)


@router.post(
    "/v1/imports/calendar", summary="Import the statutory calendar from Excel", status_code=201, response_model=ImportOut,
    responses=refusals(NOBODY, NOT_ALLOWED, *WRITES, (422, "calendar_statutory_count")),
)  # fmt: skip
def import_calendar(
    request: Request, person: Someone, db: Tx, key: WriteKey, now: Now, file: Upload,
    source: Annotated[str, Form(max_length=120, description="The notice, in words")],
    fill_year: Annotated[int | None, Form(ge=2000, le=2100, description="Write the dates of that year the notice does not name")] = None,
    dry_run: DryRun = False,
) -> Response:  # fmt: skip
    """All rows or none: a month is not priced by half a notice."""
    access.require(person, "calendar.write")
    language = language_of(request)

    def work() -> dict[str, Any]:
        found = calendar_form.read_calendar(**_content(request, file))
        return imports.import_calendar(
            db, file=found, source=source, fill_year=fill_year, dry_run=dry_run, by=person.login, now=now
        ).as_json(language)

    return key.once(db, now, work)


@router.get(
    "/v1/imports/{table}/template", summary="An empty table to fill in", response_class=Response,
    responses={200: {"content": {EXCEL: {}}, "description": "xlsx"}, **refusals(NOBODY)},
)  # fmt: skip
def template(request: Request, person: Someone, table: Literal["measures", "cards", "calendar"]) -> Response:
    """With the headings the import reads, drop-downs and notes."""
    access.signed_in(person)
    return Response(
        _EMPTY[table](language_of(request)), media_type=EXCEL,
        headers={"Content-Disposition": f'attachment; filename="{table}.xlsx"', "X-Content-Type-Options": "nosniff"},
    )  # fmt: skip
