"""Papers that leave the house: the sums of the sheet, the end of the chain in the footer, and who took them."""

import io
from dataclasses import replace
from datetime import date

import openpyxl
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app import access, exports, payroll, settlements
from app.errors import Conflict
from app.main import create_app
from app.store import accounts, gates, journal, people
from app.tables import ExportRecord, JournalEntry
from tests.cast import WANG_ID
from tests.payday import MARCH, Payday


@pytest.fixture
def payday(database, vault, people_on_site) -> Payday:
    """March is closed and signed: Wang worked three days, Li two."""
    desk = Payday(database, vault, people_on_site)
    desk.works(desk.cast.wang, 3, 4, 5)
    desk.works(desk.cast.li, 3, 4)
    desk.whole_month(MARCH)
    return desk


def taken(payday, use_case, **values) -> tuple[exports.File, openpyxl.Workbook]:
    with payday.database.write() as db:
        given = {"project_id": payday.site.id, "by": "wu", "now": payday.now, "full": True}
        file = use_case(db, payday.vault, **given | values)
        exports.note(db, file)
    return file, openpyxl.load_workbook(io.BytesIO(file.content))


def text(book) -> str:
    return " ".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell is not None)


def test_the_month_grid_has_a_mark_for_every_day_and_the_times_behind_it(payday):
    _, book = taken(payday, exports.attendance, team_id=payday.site.team_id, month=MARCH)
    told = text(book)
    assert told.count("√") >= 5 and "王建国" in told and WANG_ID in told
    assert len(book.sheetnames) == 3


@pytest.mark.parametrize("shape", exports.PAYROLL_SHAPES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_shape_of_the_sheet_sums_to_the_sheet(payday, shape, language):
    sheet = payday.latest()
    file, _ = taken(payday, exports.payroll, sheet_id=sheet.id, shape=shape, language=language)
    values = openpyxl.load_workbook(io.BytesIO(file.content), data_only=True)
    cells = [cell for page in values for row in page.iter_rows(values_only=True) for cell in row if isinstance(cell, (int, float))]
    assert 2000 in cells, "the total of the sheet"
    assert (WANG_ID in text(values)) == (shape in ("short", "statutory"))


def test_a_slip_has_its_code_and_an_export_its_row_and_the_end_of_the_chain(payday):
    file, book = taken(payday, exports.slips, sheet_id=payday.latest().id)
    assert "3.0 工日 × 400.00" in text(book) and "1200" in text(book).replace(",", "").replace(".00", "")
    with payday.database.read() as db:
        row = db.execute(sa.select(ExportRecord.form, ExportRecord.file_sha256, ExportRecord.head_hash, ExportRecord.by)).one()
        told = " ".join(map(str, db.execute(sa.select(JournalEntry.facts))))
        assert tuple(row) == ("slips", file.sha256, gates.head(db, payday.site.id)[1], "wu")
    assert "王建国" not in told and WANG_ID not in told


def test_whoever_is_not_the_labour_officer_takes_masked_numbers(payday):
    _, book = taken(payday, exports.roster, full=False)
    assert WANG_ID not in text(book) and "王建国" in text(book)


def test_the_roster_says_what_the_rate_is_for(payday):
    _, book = taken(payday, exports.roster)
    assert "400.00 元/工日" in text(book)
    _, book = taken(payday, exports.roster, language="en")
    assert "400.00 yuan a day" in text(book)


def test_every_exported_form_has_the_head_of_the_journal_in_its_foot(payday):
    with payday.database.read() as db:
        head = journal.head(db)
    _, book = taken(payday, exports.roster)
    assert f"{head.seq}:{head.hash}" in book.worksheets[0].oddFooter.right.text
    with payday.database.read() as db:
        assert journal.verify(db, (head.seq, head.hash)) == []


def test_who_came_and_who_left_and_the_paper_of_his_settlement(payday):
    payday.leaves(payday.cast.wang, date(2026, 4, 1))
    _, book = taken(payday, exports.moves, from_on=date(2026, 3, 1), to_on=date(2026, 5, 1))
    assert "王建国" in text(book)
    with payday.database.write() as db:
        made = settlements.settle(db, project_id=payday.site.id, engagement_id=payday.cast.wang.engagement_id, by="wu", now=payday.now)
    _, book = taken(payday, exports.settlement, settlement_id=made.settlement.id)
    assert "1200" in text(book).replace(",", "").replace(".00", "")


def rows_of(payday, use_case, **values) -> list[tuple]:
    file, _ = taken(payday, use_case, **values)
    book = openpyxl.load_workbook(io.BytesIO(file.content), data_only=True)
    return [row for sheet in book for row in sheet.iter_rows(values_only=True)]


def test_the_movement_of_a_month_is_who_was_there_came_left_and_stays(payday):
    payday.leaves(payday.cast.wang, date(2026, 4, 10))
    payday.leaves(payday.cast.li, date(2026, 6, 1))
    payday.hire("孙大山", 12, entry_on=date(2026, 4, 20))
    (row,) = [r for r in rows_of(payday, exports.movement, month=date(2026, 4, 15)) if r[0] == 1]
    assert [cell for cell in row if isinstance(cell, (int, float))] == [1, 2, 1, 1, 2]
    (row,) = [r for r in rows_of(payday, exports.movement, month=date(2026, 5, 1)) if r[0] == 1]
    assert [cell for cell in row if isinstance(cell, (int, float))] == [1, 2, 0, 0, 2]


def test_the_ledger_of_a_year_tells_each_worker_what_was_due_paid_and_is_owed(payday):
    def pay(member, amount_fen, month, key):
        return payday.run(
            payroll.record_payment, worker_id=member.id, amount_fen=amount_fen, paid_on=date(2026, 4, 2), for_month=month,
            channel="bank", reference=f"凭证{key}", idempotency_key=f"ledger-{key}",
        ).payment.id  # fmt: skip

    pay(payday.cast.wang, 500_00, MARCH, "one")
    taken_back = pay(payday.cast.wang, 100_00, MARCH, "two")
    payday.run(payroll.reverse_payment, payment_id=taken_back)
    pay(payday.cast.li, 30_00, date(2026, 4, 1), "three")
    rows = rows_of(payday, exports.ledger, year=2026)
    told = {row[0]: row for row in rows if row[0] in ("2026-03", "2026-04")}
    wang = next(r for r in rows if r[0] == "2026-03" and 1200 in r)
    assert wang[-4] == 500 and wang[-2] == 700 and "凭证one" in wang[-3] and "凭证two" not in wang[-3]
    assert "专户外" in wang[-3], "how it was paid"
    # Money for a month that is not closed stands there too.
    assert told["2026-04"][-4] == 30 and told["2026-04"][-1] == "未结账"
    assert [row[-2] for row in rows if row[0] == "合计"] == [800, 700], "what was paid for April takes nothing from March"
    with pytest.raises(Conflict, match="ledger_empty"):
        rows_of(payday, exports.ledger, year=2019)
    # What a year leaves owed is brought over into the next.
    later = rows_of(payday, exports.ledger, year=2027)
    assert sorted(row[-2] for row in later if isinstance(row[-2], (int, float)) and row[0] not in ("合计",)) == [700, 800]


def test_every_form_says_who_took_it_and_where_the_chain_ended(payday):
    for use_case, values in ((exports.movement, {"month": MARCH}), (exports.ledger, {"year": 2026})):
        file, book = taken(payday, use_case, **values)
        with payday.database.read() as db:
            head = gates.head(db, payday.site.id)[1]
            row = db.execute(sa.select(ExportRecord.file_sha256, ExportRecord.head_hash).order_by(ExportRecord.id.desc()).limit(1)).one()
        assert tuple(row) == (file.sha256, head)
        assert all(head[:8] in (page.oddFooter.left.text or "") + (page.oddFooter.center.text or "") + (page.oddFooter.right.text or "") for page in book)


@pytest.mark.parametrize("form", ["roster", "own_slip"])
def test_no_gate_waits_for_a_paper_that_is_worked_out(payday, settings, vault, monkeypatch, form):
    """A year of a large site is seconds of work; a passage is written meanwhile, and the paper is noted after it."""
    app = create_app(settings.model_copy(update={"pack_id": "none"}), database=payday.database, vault=vault)
    app.state.clock = lambda: payday.now
    login, account_id, path = "wu", payday.cast.wu, f"/v1/projects/{payday.site.id}/forms/roster"
    with payday.database.write() as db:
        if form == "own_slip":
            login, path = "worker.1", f"/v1/me/slips/{payday.line_of(payday.cast.wang).id}/file"
            account_id = accounts.add_account(db, login=login, name="工", password_hash=access.NO_PASSWORD, now=payday.now)
            accounts.add_membership(db, account_id=account_id, role="worker", project_id=payday.site.id, worker_id=payday.cast.wang.id)
        token = access.begin_session(db, settings, account_id=account_id, now=payday.now)
    real, written = getattr(exports, form), []

    def slow(db, *args, **given):
        found = real(db, *args, **given)
        # With the write lock held by the paper this would wait for it, in vain.
        payday.works(payday.cast.li, 28)
        written.append(found.sha256)
        return found

    if form in exports.FORMS:
        monkeypatch.setitem(exports.FORMS, form, replace(exports.FORMS[form], make=slow))
    else:
        monkeypatch.setattr(exports, form, slow)
    client = TestClient(app)
    took = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert took.status_code == 200 and written
    with payday.database.read() as db:
        line = next(line for line in accounts.journal_lines(db, payday.site.id) if line.action == "form.exported")
    assert (line.actor, line.facts["sha256"]) == (login, written[0])


def test_a_workers_own_slip_reads_nobody_elses_papers(payday, monkeypatch):
    real, read = people.workers, []
    monkeypatch.setattr(people, "workers", lambda *args, **named: read.extend(found := real(*args, **named)) or found)
    line, wang = payday.line_of(payday.cast.wang), payday.cast.wang.id
    given = {"project_id": payday.site.id, "worker_id": wang, "line_id": line.id, "by": "worker.1", "now": payday.now}
    assert payday.ask(exports.own_slip, payday.vault, **given).content
    assert {row.worker_id for row in read} == {wang}
