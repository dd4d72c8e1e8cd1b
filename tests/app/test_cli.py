"""The shell: what ``muster verify`` prints about the books, and when it fails. Chains: tests/test_faults.py."""

import json
import secrets
from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from app import access, cli, seals, second_step
from app.db import DatabaseWrong
from app.domain import totp
from app.settings import Settings
from app.store import accounts, append, terms
from app.tables import CalendarDayRow
from app.vault import KEY_FILE, VaultError
from tests.books import FEBRUARY, Books, Earned


@pytest.fixture
def muster(settings, monkeypatch, now):
    """Run a command in this process, with the test's settings and clock."""
    given = settings.model_copy(update={"key_hex": SecretStr(bytes(range(32)).hex())})
    monkeypatch.setattr(cli, "read_settings", lambda: given)
    monkeypatch.setattr(cli, "now", lambda: now)
    return lambda *arguments: CliRunner().invoke(cli.app, arguments)


@pytest.fixture
def books(database, people_on_site, now) -> Books:
    books = Books(people_on_site, now)
    with database.write() as db:
        special = books.account(db, 1_000)
        one, two = books.close(db, FEBRUARY, [Earned(books.cast.wang, 600), Earned(books.cast.li, 400)])
        first, _ = books.batch(db, special, [(one, 600), (two, 400)])
        books.answer(db, first, "success")
    return books


def test_the_second_step_is_set_up_at_the_shell(settings, database, people_on_site, now, monkeypatch, caplog):
    secret, given = bytes(range(20)), settings.model_copy(update={"key_hex": SecretStr(bytes(range(32)).hex())})
    monkeypatch.setattr(cli, "read_settings", lambda: given)
    monkeypatch.setattr(cli, "now", lambda: now)
    monkeypatch.setattr(second_step, "secrets", SimpleNamespace(token_bytes=lambda _size: secret, choice=secrets.choice))
    right = totp.code_of(secret, int(now.timestamp()) // 30)
    wrong = CliRunner().invoke(cli.app, ["user", "second-step", "wu"], input="000000\n" if right != "000000" else "111111\n")
    assert wrong.exit_code != 0
    done = CliRunner().invoke(cli.app, ["user", "second-step", "wu"], input=f"{right}\n")
    assert done.exit_code == 0, done.output
    address, typed, *codes = done.stdout.split("\n")[:12]
    assert address.startswith("otpauth://totp/Muster:wu?secret=AAAQ") and typed == totp.secret_text(secret) and len(set(codes)) == 10
    with database.read() as db:
        assert second_step.is_on(db, people_on_site.wu)
        said = [(line.actor, line.action, str(line.facts)) for line in accounts.journal_lines(db, None)]
    assert ("command line", "second_step_on", "{}") in said
    assert not any(word in caplog.text + done.stderr for word in (typed, typed.replace(" ", ""), *codes))
    assert CliRunner().invoke(cli.app, ["user", "second-step", "wu"], input=f"{right}\n").exit_code != 0, "it is on already"


def test_books_that_hold_are_told_assertion_by_assertion(books, muster):
    done = muster("verify")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert sum(line.startswith("ok      A  ") for line in lines) == sum(line.startswith("ok      B  ") for line in lines) == 21
    assert "FAILED" not in done.output and "42 assertions, 0 failed" in done.output
    assert any(line.startswith("ok      A  ledger_special_account  expected 400 fen, found 400 fen  ") for line in lines)


CHANGES = {
    "a leg": (
        "UPDATE ledger_leg SET amount_fen = 401 WHERE amount_fen = 400",
        "FAILED  A  ledger_wages_payable  wages_payable:e2  expected 0 fen, found -1 fen",
    ),
    "a line": (
        "UPDATE payroll_line SET gross_fen = 401, net_fen = 401 WHERE gross_fen = 400",
        "FAILED  A  line_hash  line:2  ",
    ),
    "an item": (
        "UPDATE payment_item SET amount_fen = 399 WHERE amount_fen = 400",
        "FAILED  A  ledger_transit  transit:s1  expected 399 fen, found 400 fen",
    ),
    "a result": (
        "UPDATE item_result SET status = 'failed'",
        "FAILED  A  ledger_settled_once  item:1  expected 0 fen, found 600 fen",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_behind_the_walls_fails_by_name(books, muster, behind_the_walls, what):
    statement, said = CHANGES[what]
    behind_the_walls(statement)
    done = muster("verify")
    assert done.exit_code == 1
    assert said in done.output
    assert "王" not in done.output


@pytest.mark.parametrize(("table", "statement"), [
    ("wage_term", "UPDATE wage_term SET rate_fen = rate_fen + 1 WHERE id = 1"),
    ("worker", "UPDATE worker SET name = '李' WHERE id = 1"),
    ("area_rule", "UPDATE area_rule SET value = '[1]'"),
    ("calendar_day", "DELETE FROM calendar_day"),
])  # fmt: skip
def test_any_sealed_fact_that_was_changed_behind_the_walls_fails_by_table(books, muster, database, vault, now, behind_the_walls, table, statement):
    with database.write() as db:
        append(db, CalendarDayRow.__table__, day_on=FEBRUARY, kind="workday", name="", source="s", recorded_by="gao", recorded_at=now)
        terms.add_area_rule(db, area_code="330424", key="minimum_wage_month_fen", value=1, valid_from=FEBRUARY, source="s", by="gao", now=now)
    seals.seal(database, vault, now)
    assert muster("verify").exit_code == 0
    behind_the_walls(statement)
    done = muster("verify")
    assert done.exit_code == 1
    assert f"FAILED  facts_sealed  {table} rows " in done.output


def test_a_machine_reads_the_same(books, muster, behind_the_walls):
    behind_the_walls("UPDATE ledger_leg SET amount_fen = 401 WHERE amount_fen = 400")
    done = muster("verify", "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert report["faults"] == []
    assert all(told["sentence"] != told["code"] for told in report["assertions"])
    failed = [told for told in report["assertions"] if not told["holds"]]
    del failed[0]["sentence"]
    assert failed[0] == {
        "project": "A", "code": "ledger_legs_sum", "holds": False, "expected_fen": 0, "found_fen": 2, "subject": ""
    }  # fmt: skip
    assert {told["project"] for told in failed} == {"A"}


# --- accounts -------------------------------------------------------------------------------------------------


def test_a_team_leader_and_a_subcontractor_are_given_their_part(people_on_site, database, muster, tmp_path):
    site, secret = people_on_site.a, tmp_path / "password"
    secret.write_text("left boot, right boot")
    project = ("--project", site.code)
    made = muster(
        "user", "add", "tang", "--name", "唐班长", "--role", "team_leader", *project, "--team", str(site.team_id),
        "--password-file", str(secret),
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    more = muster("user", "role", "tang", "--role", "subcontractor", *project, "--company", str(site.project_company_id))
    assert more.exit_code == 0, more.output
    with database.read() as db:
        tang = access.person_of_account(db, accounts.account_by_login(db, "tang").id)
    assert [(m.role, m.project_company_id, m.team_id) for m in tang.memberships] == [
        ("team_leader", None, site.team_id), ("subcontractor", site.project_company_id, None),
    ]  # fmt: skip
    assert muster("user", "role", "tang", "--role", "team_leader", *project).exit_code != 0, "a leader of no team"


def test_no_new_key_is_made_for_a_database_that_was_filled_with_another(people_on_site, settings, monkeypatch):
    assert settings.key_hex is None
    monkeypatch.setattr(cli, "read_settings", lambda: settings)
    done = CliRunner().invoke(cli.app, ["verify"])
    assert isinstance(done.exception, VaultError) and "put its copy back" in str(done.exception)
    assert not (settings.data_dir / KEY_FILE).exists()


def test_where_nothing_is_yet_a_command_says_so_and_leaves_nothing_behind(monkeypatch, tmp_path):
    empty = Settings(environment="test", data_dir=tmp_path / "nowhere")
    monkeypatch.setattr(cli, "read_settings", lambda: empty)
    done = CliRunner().invoke(cli.app, ["verify"])
    assert isinstance(done.exception, DatabaseWrong) and "muster serve" in str(done.exception)
    assert not empty.data_dir.exists()
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere" / "muster.db").touch()
    done = CliRunner().invoke(cli.app, ["user", "list"])
    assert isinstance(done.exception, DatabaseWrong) and [f.name for f in empty.data_dir.iterdir() if f.name == KEY_FILE] == []


def test_a_database_of_an_older_version_is_named_and_not_a_traceback(people_on_site, database, behind_the_walls, muster):
    with database.read() as db:
        head = db.connection().exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    behind_the_walls("UPDATE alembic_version SET version_num = 'of last year'")
    behind_the_walls("ALTER TABLE journal_entry RENAME TO entry_of_last_year")
    try:
        done = muster("verify")
        assert isinstance(done.exception, DatabaseWrong) and "run `muster migrate`" in str(done.exception), done.exception
    finally:
        # A server's tables are those of the next test, too.
        behind_the_walls("ALTER TABLE entry_of_last_year RENAME TO journal_entry")
        behind_the_walls(f"UPDATE alembic_version SET version_num = '{head}'")
