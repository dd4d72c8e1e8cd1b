"""Attendance and money from the shell: the same use cases, asked by the same accounts."""

import json
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from app import bank, cli
from app.store import people
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
    assert muster("month", "show", "A", "2026-03", "--by", "wu").splitlines()[-1] == "0"
    muster("month", "lock", "A", "2026-03", "--by", "wu")
    muster("sheet", "draft", "A", "2026-03", "--by", "wu")
    (told,) = json.loads(muster("sheet", "list", "A", "2026-03", "--by", "wu", "--json"))
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
