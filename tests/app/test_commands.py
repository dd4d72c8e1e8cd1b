"""Attendance and money from the shell: the same use cases, asked by the same accounts."""

import json
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from app import bank, cli, commands, exports, sheets, terms
from app.store import people, timekeeping
from tests.app.test_permissions import client, quick_passwords  # noqa: F401 - fixtures
from tests.cast import WANG_ID, id_number
from tests.forms.test_roster_file import workbook
from tests.payday import MARCH, Payday, at


@pytest.fixture
def payday(database, vault, people_on_site) -> Payday:
    return Payday(database, vault, people_on_site)


@pytest.fixture
def muster(settings, monkeypatch, payday):
    """Run a command in this process, with the test's settings and the desk's clock."""
    given = settings.model_copy(update={"key_hex": SecretStr(bytes(range(32)).hex())})
    monkeypatch.setattr(cli, "read_settings", lambda: given)
    monkeypatch.setattr(cli, "now", lambda: payday.now)

    def run(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli.app, list(map(str, arguments)))
        code = done.exit_code if done.exception is None or isinstance(done.exception, SystemExit) else getattr(done.exception, "code", done.exception)
        assert code == status, done.output
        return done.output

    return run


def test_a_year_of_the_calendar_is_written_once(muster):
    first = json.loads(muster("calendar", "seed", 2026, "--by", "gao", "--json"))
    again = json.loads(muster("calendar", "seed", 2026, "--by", "gao", "--json"))
    assert (first["written"], again["written"], again["unchanged"]) == (365, 0, 365)


def test_a_notice_with_a_line_that_cannot_be_read_is_refused_whole(muster, tmp_path):
    notice = tmp_path / "notice.csv"
    notice.write_text("2027-01-01,statutory,元旦\n2027-01-40,rest,\n", encoding="utf-8")
    muster("calendar", "import", notice, "--by", "gao", "--source", "通知", status=1)
    notice.write_text("2027-01-01,statutory,元旦\n", encoding="utf-8")
    assert "written=1" in muster("calendar", "import", notice, "--by", "gao", "--source", "通知")


def test_papers_of_a_project_are_recorded_listed_and_voided(muster):
    until = ("--from", "2026-03-01", "--to", "2027-03-01", "--amount-fen", 300_000_000)
    assert "id=1" in muster("paper", "add", "A", "deposit_guarantee", *until, "--by", "wu")
    muster("paper", "add", "A", "notice_board", "--from", "2026-03-01", "--board", '{"pay": true, "pay_day": 15}', "--by", "wu")
    muster("paper", "add", "A", "notice_board", "--from", "2026-03-01", "--board", "{pay", "--by", "wu", status="board_wrong")
    muster("paper", "add", "A", "notice_board", "--from", "2026-03-01", "--board", "[1]", "--by", "wu", status="board_wrong")
    muster("paper", "add", "A", "deposit", "--from", "3 March", "--amount-fen", 5, "--by", "wu", status="dates_wrong")
    muster("paper", "add", "A", "deposit", "--from", "2026-03-01", "--amount-fen", 5, "--by", "chen", status="not_allowed")
    assert [p["kind"] for p in json.loads(muster("paper", "list", "A", "--by", "lin", "--json"))] == ["deposit_guarantee", "notice_board"]
    muster("paper", "void", "A", 1, "--by", "wu", "--reason", "录错")
    muster("paper", "void", "A", 1, "--by", "wu", "--reason", "录错", status="row_voided")
    assert [p["id"] for p in json.loads(muster("paper", "list", "A", "--by", "wu", "--json"))] == [2]


def test_a_county_sets_a_limit_of_the_audit(muster):
    said = ("--valid-from", "2026-01-01", "--source", "通知", "--by", "gao")
    assert "id=" in muster("area", "set", "audit.late_red_days", 5, "--area", "3304", *said)
    muster("area", "set", "audit.no_such_limit", 5, "--area", "3304", *said, status="area_key_unknown")
    muster("area", "set", "audit.late_red_days", '"soon"', "--area", "3304", *said, status="number_wrong")


def test_the_shell_asks_who_may_too(muster):
    muster("calendar", "seed", 2026, "--by", "wu", status="not_allowed")
    muster("month", "lock", "A", "2026-03", "--by", "ma", status="not_allowed")
    muster("month", "show", "A", "--by", "nobody", status="account_unknown")
    muster("month", "show", "A", "2026-13", "--by", "wu", status="month_malformed")


def test_a_month_goes_from_the_shell_to_the_bank_and_back(muster, payday, tmp_path):
    payday.works(payday.cast.wang, 3, 4)
    payday.gates_report()
    with payday.database.write() as db:
        bank.seed_templates(db, by="wu", now=payday.now)
        contractor = people.add_company(db, uscc=None, name="某建设集团", now=payday.now)
        people.add_project_company(
            db, project_id=payday.site.id, company_id=contractor, role="general_contractor", entry_on=date(2026, 1, 1)
        )
        bank.open_account(
            db, payday.vault, project_id=payday.site.id, company_id=contractor, bank_name="某银行", number="3305016370420000",
            opened_on=date(2026, 2, 1), opening_fen=5000_00, by="wu", now=payday.now,
        )  # fmt: skip
        bank.set_card(
            db, payday.vault, project_id=payday.site.id, worker_id=payday.cast.wang.id, number="6217000000000000004",
            bank_name="某银行", by="wu", now=payday.now,
        )  # fmt: skip
    muster("month", "refresh", "A")
    muster("calendar", "seed", 2026, "--by", "gao")
    assert muster("month", "show", "A", "2026-03", "--by", "wu").startswith("没有未办结")
    muster("month", "lock", "A", "2026-03", "--by", "wu")
    muster("sheet", "draft", "A", "2026-03", "--by", "wu")
    (told,) = json.loads(muster("sheet", "list", "A", "2026-03", "--by", "wu", "--json"))
    listed = muster("sheet", "list", "A", "2026-03", "--by", "wu")
    assert all(word in listed for word in ("disputed", "net", "2026-03", f"0/{told['lines']}")), "no column is cut on a short line"
    assert "…" not in listed
    assert (told["net_fen"], told["lines"]) == (800_00, 1)
    payday.through(MARCH)
    payday.says(payday.line_of(payday.cast.wang))
    muster("month", "close", "A", "2026-03", "--by", "wu", status="not_allowed")
    muster("month", "close", "A", "2026-03", "--by", "chen")
    templates = {t["name"]: t["id"] for t in json.loads(muster("bank", "templates", "--json"))}
    batch = json.loads(muster("bank", "batch", "A", "2026-03", "--by", "wu", "--template", templates["通用代发"], "--json"))
    muster("bank", "step", "A", batch["id"], "approved", "--by", "chen")
    muster("bank", "step", "A", batch["id"], "sent", "--by", "wu")
    path = muster("bank", "file", "A", batch["id"], tmp_path, "--by", "wu").replace("\n", "").strip()
    reference = Path(path).read_text(encoding="gb18030").splitlines()[1].split(",")[-1]
    answer = tmp_path / "answer.csv"
    answer.write_text(
        f"序号,流水标识,收款户名,金额(元),状态,失败原因,银行流水号,交易日期\n1,{reference},王,800.00,成功,,B1,{payday.now:%Y-%m-%d}\n", encoding="gb18030"
    )
    done = json.loads(muster("bank", "results", "A", batch["id"], answer, "--by", "wu", "--template", templates["通用回盘"], "--json"))
    assert done["arrived"] == 1
    statement = tmp_path / "statement.csv"
    statement.write_text(
        f"交易流水号,记账日期,收入,支出,余额,对方户名,对方账号,摘要\nB1,{payday.now:%Y-%m-%d},,800.00,4200.00,王,,工资\n", encoding="gb18030"
    )
    muster("bank", "statement", "A", statement, "--by", "wu", "--template", templates["通用对账单"])
    assert json.loads(muster("bank", "reconcile", "A", "--by", "wu", "--json"))["ledger_fen"] == 4200_00
    why = json.loads(muster("sheet", "why", "A", "--by", "wu", "--payment", 1))
    assert str(payday.cast.wang.id) in json.dumps(why)
    muster("verify")
    assert payday.now > at(2, month=4)


def rows(*lines) -> bytes:
    return workbook(sheets={"表": [list(line) for line in lines]})


def test_tables_come_in_from_the_shell_and_a_bad_row_is_named(muster, payday, tmp_path):
    with payday.database.read() as db:
        team = next(t.name for t in people.teams(db, payday.site.id) if t.id == payday.site.team_id)
    head = ["班组", "所属月份", "计量日期", "分项工程", "计量单位", "工程量", "单价(元)"]
    file = tmp_path / "measures.xlsx"
    file.write_bytes(rows(head, [team, "2026-03", "2026-03-28", "钢筋", "吨", 2, 650], ["无此班组", "2026-03", "2026-03-28", "钢筋", "吨", 2, 650]))
    said = json.loads(muster("import", "measures", "A", file, "--by", "wu", "--dry-run", "--json", status=1))
    assert (said["entered"], said["faulty"], said["dry_run"]) == (1, 1, True)
    told = muster("import", "measures", "A", file, "--by", "wu", status=1)
    assert "2 rows: 1 entered, 0 already there, 1 faulty" in told and "row 3 team" in told
    muster("import", "measures", "A", file, "--by", "lin", status="not_allowed")
    cards = tmp_path / "cards.xlsx"
    cards.write_bytes(rows(["姓名", "身份证号", "银行卡号", "开户行"], ["王建国", WANG_ID, "6217000000000000004", "某银行"]))
    assert json.loads(muster("import", "cards", "A", cards, "--by", "wu", "--json"))["entered"] == 1
    notice = tmp_path / "notice.xlsx"
    notice.write_bytes(rows(["日期", "类型", "名称"], [date(2027, 1, 1), "法定节假日", "元旦"]))
    for dry, written in (("--dry-run", 0), (None, 1)):
        muster("calendar", "import", notice, "--by", "gao", "--source", "通知", *filter(None, [dry]))
        with payday.database.read() as db:
            assert len(timekeeping.calendar_days(db, date(2027, 1, 1), date(2028, 1, 1))) == written
    for table in ("measures", "cards", "calendar"):
        muster("import", "template", table, tmp_path / f"empty-{table}.xlsx")


def test_a_correction_goes_from_the_shell_past_three_people(muster, payday):
    payday.works(payday.cast.wang, 30, go=None)
    asked = muster("correction", "ask", "A", payday.cast.wang.id, "2026-03-30", "missing_out", "--by", "wu", "--reason", "forgot", "--out-at",
                   "2026-03-30T17:00+08:00", "--evidence", payday.proof()).split()[-1]  # fmt: skip
    assert [c["id"] for c in json.loads(muster("correction", "list", "A", "--by", "wu", "--json"))] == [int(asked)]
    muster("correction", "step", "A", asked, "leader_ok", "--by", "ma", status="not_allowed")
    muster("correction", "step", "A", asked, "guess", "--by", "wu", status="act_unknown")
    muster("correction", "step", "A", asked, "leader_ok", "--by", "chen")
    muster("correction", "step", "A", asked, "officer_ok", "--by", "wu", status="correction_same_person")
    assert "withdrawn" in muster("correction", "step", "A", asked, "withdrawn", "--by", "wu")


def test_a_worker_entered_from_the_shell_has_the_terms_the_desk_offers_unless_others_are_said(muster, payday, monkeypatch):
    for order, (options, agreed) in enumerate((((), terms.UNSAID), (("--overtime", "units", "--relation", "work_agreement"), None)), start=1):
        monkeypatch.setattr(cli, "_secret", lambda *_, order=order, **__: id_number(date(1992, 5, 1), 20 + order))
        told = muster(
            "project", "worker", "A", "--team", payday.site.team_id, "--name", "孙大山", "--day-rate", "380", "--entry-on", "2026-03-10",
            "--json", *options,
        )  # fmt: skip
        [found] = json.loads(muster("terms", "list", "A", json.loads(told)["engagement_id"], "--by", "wu", "--json"))
        expected = agreed or {"overtime_rule": "units", "relation": "work_agreement"}
        assert {name: found[name] for name in expected} == expected


def test_terms_a_settlement_and_arrears_from_the_shell(muster, payday):
    payday.works(payday.cast.wang, 3)
    added = muster("terms", "agree", "A", payday.cast.wang.engagement_id, "hour", "--yuan", "50", "--from", "2026-03-20", "--by", "wu").split()[-1]
    listed = json.loads(muster("terms", "list", "A", payday.cast.wang.engagement_id, "--by", "wu", "--json"))
    assert [(t["kind"], t["rate_fen"]) for t in listed] == [("day", 400_00), ("hour", 50_00)]
    assert {name: listed[-1][name] for name in terms.UNSAID} == terms.UNSAID, "what nobody says is what the desk offers"
    muster("terms", "void", "A", added, "--by", "wu", "--reason", "录入错误")
    muster("terms", "agree", "A", 999, "hour", "--yuan", "50", "--from", "tomorrow", "--by", "wu", status="dates_wrong")
    payday.whole_month()
    payday.leaves(payday.cast.wang, date(2026, 4, 1))
    made = muster("settlement", "make", "A", payday.cast.wang.engagement_id, "--by", "wu").split()
    assert made[0] == "settlement"
    muster("settlement", "word", "A", made[1], "agree", "--hash", made[3], "--evidence", payday.proof(), "--by", "wu")
    assert json.loads(muster("settlement", "list", "A", "--by", "wu", "--json"))
    listed = muster("settlement", "list", "A", "--by", "wu")
    assert "王建国" in listed and "2026-04-01" in listed and "400.00" in listed and "statement=" not in listed
    (line,) = json.loads(muster("arrears", "A", "--of", "worker", "--by", "wu", "--json"))
    assert (line["subject_id"], line["arrears"]["owed_fen"]) == (payday.cast.wang.id, 400_00)
    muster("arrears", "A", "--of", "street", "--by", "wu", status="side_unknown")


def test_every_paper_is_written_from_the_shell_and_readable_by_nobody_else(muster, payday, tmp_path):
    payday.works(payday.cast.wang, 3)
    sheet = payday.whole_month()
    wanted = {
        "attendance": ["--team", payday.site.team_id, "--month", "2026-03"], "payroll": ["--sheet", sheet.id], "slips": ["--sheet", sheet.id],
        "roster": [], "moves": ["--from", "2026-03-01", "--to", "2026-04-01"], "movement": ["--month", "2026-03"], "ledger": ["--year", 2026],
        "three-way": ["--month", "2026-03"], "findings": [],
    }  # fmt: skip
    for form, options in wanted.items():
        path = Path(muster("export", "A", form, tmp_path, "--by", "wu", *options).strip())
        assert openpyxl.load_workbook(path).sheetnames and path.stat().st_mode & 0o077 == 0
    muster("export", "A", "ledger", tmp_path, "--by", "wu", status="form_needs")
    muster("export", "A", "poem", tmp_path, "--by", "wu", status="form_unknown")
    muster("export", "A", "roster", tmp_path, "--by", "ma", status="not_allowed")


def test_every_form_of_exports_has_a_command_and_a_route(client):  # noqa: F811
    """One that is added must be reachable both ways."""
    forms = {
        name for name, said in vars(exports).items()
        if callable(said) and getattr(said, "__module__", "") == exports.__name__ and getattr(said, "__annotations__", {}).get("return") is exports.File
        and not name.startswith("_")
    }  # fmt: skip
    paths = client.app.openapi()["paths"]
    served = {path.rsplit("/", 1)[1].replace("-", "_") for path in paths if path.startswith("/v1/projects/") and "/forms/" in path}
    # The county's list is of no project: its own route, and ``muster area export``.
    assert "/v1/county/forms/projects" in paths and "county" in forms
    # A worker's own slip is his own: a route of his, and nothing for whoever has the shell.
    assert "/v1/me/slips/{line_id}/file" in paths
    assert forms - {"county", "own_slip"} == served == {form.replace("-", "_") for form in commands._NEEDS} and len(forms) >= 9


def test_an_inspector_takes_the_list_of_his_area_from_the_shell(muster, payday, tmp_path):
    told = muster("area", "export", tmp_path, "--by", "lin").strip().splitlines()[-1]
    book = openpyxl.load_workbook(told)
    assert book.sheetnames == ["项目清单", "分镇街汇总"] and "330424" in told
    muster("area", "export", tmp_path, "--by", "wu", status="not_allowed")


def test_a_day_of_rain_an_allowance_an_advance_a_deduction_and_measured_work_from_the_shell(muster, payday):
    wang, li = payday.cast.wang.engagement_id, payday.cast.li.engagement_id
    payday.works(payday.cast.wang, 3)
    payday.works(payday.cast.li, 3)
    by = ("--by", "wu")
    rain = muster("mark", "add", "A", "rain", "--from", "2026-03-04", "--to", "2026-03-05", "--percent", "50", "--note", "暴雨", *by).split()[-1]
    muster("pay", "allowance", "A", wang, "heat", "day", "--yuan", "15", "--from", "2026-03-01", *by)
    muster("pay", "advance", "A", wang, "--yuan", "100", "--on", "2026-03-05", "--channel", "bank", "--proof", "bank", "--reference", "B-1", *by)
    wrong = muster("pay", "advance", "A", li, "--yuan", "70", "--on", "2026-03-05", "--channel", "bank", "--proof", "bank", "--reference", "B-2", *by).split()[-1]
    muster("pay", "deduction", "A", wang, "2026-03", "damage", "--yuan", "30", "--basis", "赔偿协议", "--evidence", payday.proof(), *by)
    measure = muster(
        "pay", "measure", "A", payday.site.team_id, "2026-03", "模板", "--quantity", "12.5", "--unit", "m2", "--yuan", "38", "--on", "2026-03-31", *by
    ).split()[-1]
    muster("pay", "measure", "A", payday.site.team_id, "2026-03", "模板", "--quantity", "twelve", "--unit", "m2", "--yuan", "38", "--on", "2026-03-31", *by, status="quantity_wrong")
    muster("pay", "accept", "A", measure, "--by", "chen")
    muster("pay", "void", "A", "advance", wrong, "--reason", "录入错误", *by)
    assert {line.content.worker_id: line.content.advances_fen for line in _lines(payday)} == {payday.cast.wang.id: 100_00, payday.cast.li.id: 0}
    (own,) = [line.content for line in _lines(payday) if line.content.worker_id == payday.cast.wang.id]
    assert own.gross_fen == 400_00 + 200_00 + 15_00, "a day, half a day of rain, one hot day"
    muster("mark", "void", "A", rain, "--reason", "没有下雨", *by)


def _lines(payday):
    if payday.ask(lambda db: sheets.sheets_of(db, payday.site.id)) == ():
        payday.locked_and_drafted()
    return payday.lines()


def test_measured_work_is_accepted_by_the_manager_and_nobody_below(muster, payday):
    measure = muster(
        "pay", "measure", "A", payday.site.team_id, "2026-03", "砌墙", "--quantity", "3", "--unit", "m3", "--yuan", "200", "--on", "2026-03-31", "--by", "wu"
    ).split()[-1]
    muster("pay", "accept", "A", measure, "--by", "wu", status="not_allowed")


def test_the_special_account_is_opened_once_and_what_is_in_the_way_is_said(muster, payday, monkeypatch):
    monkeypatch.setattr(cli, "_secret", lambda *_, **__: "33050163704200000123")
    opened = ("bank", "open", "A", "--bank", "某银行", "--on", "2026-02-01", "--by", "wu")
    assert muster(*opened).startswith("account ")
    muster(*opened, status="special_account_exists")
    payday.works(payday.cast.wang, 3)
    payday.now = at(10, month=4)
    assert "还有 2 项未办结" in muster("month", "show", "A", "2026-03", "--by", "wu"), "two gates have not said that they sent all"
    payday.gates_report()
    assert "没有未办结的事项" in muster("month", "show", "A", "2026-03", "--by", "wu")
