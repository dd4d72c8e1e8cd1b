"""Tables that come in from Excel: good rows count, every other one is named, and the same file again changes nothing."""

import io
import json
from datetime import date

import openpyxl
import pytest
import sqlalchemy as sa

from app import access, imports
from app.store import bank, people, terms, timekeeping
from app.tables import JournalEntry, WriteRequest
from tests.app.test_permissions import client, quick_passwords  # noqa: F401 - fixtures
from tests.cast import LI_ID, WANG_ID, ZHAO_ID
from tests.forms.test_roster_file import workbook

WORK = ["序号", "班组", "所属月份", "计量日期", "分项工程", "计量单位", "工程量", "单价(元)", "计价比例(%)", "分配方式"]
SHARES = ["序号", "身份证号", "份额"]
CARDS = ["姓名", "身份证号", "银行卡号", "开户行"]
CARD, OTHER_CARD = "6217000000000000004", "6217000000000000012"


@pytest.fixture
def team(database, people_on_site) -> str:
    with database.read() as db:
        return next(t.name for t in people.teams(db, people_on_site.a.id) if t.id == people_on_site.a.team_id)


@pytest.fixture
def send(client, database, settings, people_on_site, clock):  # noqa: F811
    """Post a file as somebody; the answer."""
    keys = iter(range(1000))

    def call(path: str, content: bytes, *, by: str = "wu", key: str | None = None, status: int = 201, **form):
        with database.write() as db:
            token = access.begin_session(db, settings, account_id=getattr(people_on_site, by), now=clock())
        at = path if path.startswith("/v1") else f"/v1/projects/{people_on_site.a.id}{path}"
        head = {"Authorization": f"Bearer {token}", "Idempotency-Key": key or f"import-{next(keys):04d}"}
        answer = client.post(at, files={"file": ("table.xlsx", content)}, data=form, headers=head)
        assert answer.status_code == status, answer.text
        return answer.json()

    return call


def told(report: dict) -> list[tuple]:
    return [(fault["sheet"], fault["row"], fault["column"], fault["code"]) for fault in report["faults"]]


def counts(report: dict) -> tuple[int, int, int, int]:
    return report["rows_total"], report["entered"], report["already_there"], report["faulty"]


def measured(team: str) -> bytes:
    ton = [1, team, "2026-02", "2026-02-28", "底板钢筋", "吨", 12.345, 650, None, None]
    return workbook(
        sheets={
            "计量": [
                WORK, ton, [2, "没有的班组", *ton[2:]], [3, *ton[1:6], "约12", *ton[7:]], [4, team, "2099-01", "2099-01-31", *ton[4:]],
                [5, team, "2026-03", "2026-03-02", "砌筑", "m3", 10, 80, None, "按约定份额"],
                [6, team, "2026-03", "2026-03-03", "抹灰", "m2", 10, 80, None, "按约定份额"],
            ],
            "份额": [SHARES, [5, WANG_ID, 3], [5, LI_ID, 2], [6, ZHAO_ID, 1], [9, WANG_ID, 1]],
        }
    )  # fmt: skip


def test_good_works_are_recorded_and_every_other_row_is_named(send, team, database, people_on_site):
    report = send("/imports/measures", measured(team))
    assert counts(report) == (7, 2, 0, 5)
    assert told(report) == [
        ("计量", 3, "team", "team_unknown"), ("计量", 4, "quantity_milli", "number_malformed"),
        ("计量", 5, "measured_on", "measure_month_wrong"), ("份额", 4, "id_number", "measure_shares_foreign"),
        ("份额", 5, "no", "measure_no_unknown"),
    ]  # fmt: skip
    with database.read() as db:
        rows = terms.measure_rows(db, people_on_site.a.id)
    assert [(m.item, m.quantity_milli, m.unit_price_fen) for m in rows] == [("底板钢筋", 12_345, 650_00), ("砌筑", 10_000, 80_00)]
    assert dict(rows[1].shares) == {people_on_site.wang.engagement_id: 3, people_on_site.li.engagement_id: 2}
    assert sorted(report["ids"]) == sorted(m.id for m in rows)


def test_the_same_file_again_records_nothing_and_two_equal_rows_are_two_works(send, team):
    send("/imports/measures", measured(team))
    assert counts(send("/imports/measures", measured(team))) == (7, 0, 2, 5)
    row = [1, team, "2026-02", "2026-02-20", "清理", "次", 1, 100, None, None]
    twice = workbook(sheets={"计量": [WORK, row, [2, *row[1:]]]})
    assert counts(send("/imports/measures", workbook(sheets={"计量": [WORK, row]}))) == (1, 1, 0, 0)
    assert counts(send("/imports/measures", twice)) == (2, 1, 1, 0)
    assert counts(send("/imports/measures", twice)) == (2, 0, 2, 0)


def test_a_dry_run_tells_the_same_and_leaves_nothing(send, team, database, people_on_site):
    dry = send("/imports/measures", measured(team), dry_run="true")
    assert counts(dry) == (7, 2, 0, 5) and dry["dry_run"] and dry["ids"] == []
    cards = workbook(sheets={"工资卡": [CARDS, ["王建国", WANG_ID, CARD, "某银行"]]})
    assert counts(send("/imports/cards", cards, dry_run="true")) == (1, 1, 0, 0)
    with database.read() as db:
        assert terms.measure_rows(db, people_on_site.a.id) == []
        assert bank.cards(db, [people_on_site.wang.id]) == {}
        assert not db.scalar(sa.select(sa.func.count()).select_from(JournalEntry).where(JournalEntry.action.like("%imported")))


def test_one_key_is_one_import_and_another_file_under_it_is_refused(send, team, database, people_on_site):
    file = measured(team)
    first = send("/imports/measures", file, key="march-measures")
    assert send("/imports/measures", file, key="march-measures") == first
    other = workbook(sheets={"计量": [WORK, [1, team, "2026-02", "2026-02-20", "清理", "次", 1, 100, None, None]]})
    assert send("/imports/measures", other, key="march-measures", status=409)["error"]["code"] == "key_reused"
    with database.read() as db:
        assert len(terms.measure_rows(db, people_on_site.a.id)) == 2


def test_a_subcontractor_measures_his_own_teams_only(database, vault, people_on_site, now, team):
    from app.forms.measures import read_measures

    with database.write() as db:
        report = imports.import_measures(
            db, vault, project_id=people_on_site.a.id, file=read_measures(measured(team), bytes_max=10**7), teams=frozenset(),
            by="sun", now=now,
        )  # fmt: skip
    assert report.entered == 0 and {"not_own_team"} <= {fault.code for fault in report.faults}


def test_cards_are_found_by_id_number_and_no_number_comes_out_again(send, database, vault, people_on_site):
    book = workbook(
        sheets={
            "工资卡": [
                CARDS, ["王建国", WANG_ID, CARD, "某银行"], ["李四", LI_ID, OTHER_CARD, "某银行"], ["赵铁柱", ZHAO_ID, "6217000000000000020", "某银行"],
                ["某人", "990000199001010017", 6217000000000000038, "某银行"],
            ]
        }
    )  # fmt: skip
    report = send("/imports/cards", book)
    assert counts(report) == (4, 1, 0, 3)
    assert told(report) == [
        ("工资卡", 3, "name", "name_differs"), ("工资卡", 4, "id_number", "worker_not_on_project"), ("工资卡", 5, "card", "cell_as_number"),
    ]  # fmt: skip
    with database.read() as db:
        card = bank.cards(db, [people_on_site.wang.id])[people_on_site.wang.id]
        kept = " ".join(map(str, db.execute(sa.select(WriteRequest.answer, WriteRequest.request_sha256))))
        journal = " ".join(map(str, db.execute(sa.select(JournalEntry.facts, JournalEntry.object))))
    assert card.last4 == CARD[-4:] and CARD.encode() not in card.number_sealed
    opened = vault.open(card.number_sealed, table="bank_card", column="number_sealed", owner=f"{card.worker_id}:{card.number_index}")
    assert opened.decode() == CARD
    for secret in (CARD, OTHER_CARD, WANG_ID, "王建国"):
        assert secret not in kept + journal + json.dumps(report, ensure_ascii=False)
    assert counts(send("/imports/cards", book)) == (4, 0, 1, 3)


def test_the_digest_of_a_write_is_keyed(send, database, vault):
    """Whoever holds the database alone must not be able to try card numbers out against it."""
    from hashlib import sha256

    book = workbook(sheets={"工资卡": [CARDS, ["王建国", WANG_ID, CARD, "某银行"]]})
    send("/imports/cards", book)
    path = "/imports/cards"
    with database.read() as db:
        (digest,) = db.scalars(sa.select(WriteRequest.request_sha256))
    plain = sha256()
    plain.update(f"POST\n/v1/projects/1{path}\n\n".encode())
    plain.update(b"file:table.xlsx\n")
    plain.update(book)
    assert digest == vault.index("request", plain.hexdigest()) != plain.hexdigest()


def test_a_calendar_is_written_whole_or_not_at_all(send, database):
    head = ["日期", "类型", "名称"]
    good, bad = [date(2027, 1, 1), "法定节假日", "元旦"], ["2027-01-40", "休息日", ""]
    report = send("/v1/imports/calendar", workbook(sheets={"日历": [head, good, bad]}), by="gao", source="通知")
    assert counts(report) == (2, 0, 0, 2) and told(report) == [("日历", 3, "day_on", "date_wrong")]
    right = workbook(sheets={"日历": [head, good, [date(2027, 1, 2), "调休放假", "元旦"]]})
    assert counts(send("/v1/imports/calendar", right, by="gao", source="通知", dry_run="true")) == (2, 2, 0, 0)
    with database.read() as db:
        assert timekeeping.calendar_days(db, date(2027, 1, 1), date(2027, 2, 1)) == {}
    assert counts(send("/v1/imports/calendar", right, by="gao", source="通知")) == (2, 2, 0, 0)
    assert counts(send("/v1/imports/calendar", right, by="gao", source="通知")) == (2, 0, 2, 0)
    with database.read() as db:
        assert len(timekeeping.calendar_days(db, date(2027, 1, 1), date(2027, 2, 1))) == 2


@pytest.mark.parametrize("path", ["/imports/measures", "/imports/cards", "/v1/imports/calendar"])
def test_what_is_no_workbook_is_one_refusal(send, path):
    by = "gao" if path.startswith("/v1") else "wu"
    assert send(path, b"hello", by=by, source="通知", status=422)["error"]["code"] == "workbook_not_xlsx"
    assert send(path, b"", by=by, source="通知", status=422)["error"]["code"] == "workbook_empty_file"


@pytest.mark.parametrize("table", ["measures", "cards", "calendar"])
def test_an_empty_table_to_fill_in_is_one_the_import_reads(client, database, settings, people_on_site, clock, send, table):  # noqa: F811
    with database.write() as db:
        token = access.begin_session(db, settings, account_id=people_on_site.wu, now=clock())
    answer = client.get(f"/v1/imports/{table}/template", headers={"Authorization": f"Bearer {token}"})
    assert openpyxl.load_workbook(io.BytesIO(answer.content)).sheetnames
    path = "/v1/imports/calendar" if table == "calendar" else f"/imports/{table}"
    said = send(path, answer.content, by="gao" if table == "calendar" else "wu", source="通知", status=422)
    assert said["error"]["code"] == "workbook_no_rows"
