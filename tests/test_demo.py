"""The demonstration: a closed month whose amounts reconcile, at any date, and the command that shows it."""

import html
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import access, ledger, oversight, sheets
from app.db import Database
from app.demo import payday
from app.domain.audit import RULES
from app.main import create_app
from app.settings import Settings
from app.store import accounts, gates, people
from app.store import bank as held
from app.store import sheets as store
from app.store import timekeeping as kept
from app.vault import Vault
from tests.service import ROOT

KEYS = (
    "closed_month", "sheets", "signed", "disputed", "batch_fen", "returned_fen", "owed_after_bank_fen", "assertions",
)  # fmt: skip
OLD_KEYS = (
    "enrolled", "frames", "admitted", "wrong_person", "stranger_admitted", "refused", "duplicates_recorded", "headcount",
    "owed_fen", "findings", "decision_ms", "database",
)  # fmt: skip


def reconciles(told: dict[str, Any]) -> None:
    """One transfer came back and is owed again; everything else arrived; the bank and the ledger say the same."""
    assert told["posted_net_fen"] == told["arrived_fen"] + told["owed_after_bank_fen"]
    assert told["batch_fen"] == told["arrived_fen"] + told["returned_fen"]
    assert told["owed_after_bank_fen"] == told["returned_fen"] + told["held_fen"]
    assert told["account_fen"] == told["statement_fen"] == payday.FUNDED_FEN - payday.ADVANCE_FEN - told["arrived_fen"]
    assert told["returned_fen"] > 0 and told["arrived_fen"] > 0
    assert (told["sheets"], told["signed"], told["disputed"]) == (2, 5, 1)
    assert told["assertions"]["held"] > 0 and told["assertions"]["failed"] == 0


@pytest.mark.slow
def test_the_closed_month_goes_from_the_gate_to_the_reconciled_account(database: Database, vault: Vault, settings: Settings):
    now = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    made, passwords = payday.lay(database, vault, settings, now=now)
    with database.read() as db:
        told = payday.sum_up(db, made, now)
        assert told["closed_month"] == "2026-09"
        reconciles(told)
        assert [a for a in ledger.assertions(db, made.project_id, now) if not a.holds] == []
        assert list(gates.verify_chain(db, made.project_id)) == []

        # Every step was somebody's whose part it is.
        steps = {sheet.team_id: {s.act: s.by for s in sheet.steps} for sheet in store.latest_sheets(db, made.project_id, made.closed)}
        both = {"checked": "demo", "publicised": "demo", "approved": "manager"}
        assert steps == {
            made.team_ids[0]: {"submitted": "subcontractor", **both},
            made.team_ids[1]: {"submitted": "clerk", **both},
        }
        (batch,) = held.batches(db, made.project_id)
        assert batch.made_by == "demo" and [(a.act, a.by) for a in batch.acts] == [("approved", "manager"), ("sent", "demo")]
        (correction,) = kept.corrections_of(
            db, made.project_id, made.closed, made.month, made.worker_ids[payday.FORGOT]
        )
        assert [correction.requested_by, *(s.by for s in correction.steps)] == ["subcontractor", "leader", "demo"]
        assert set(passwords) == {"demo", "manager", "clerk", "subcontractor", "leader", "inspector"}

        # Paid by the day, by the hour under the law, and by the month; an advance was taken back.
        lines = [line.content for line in store.posted_lines(db, made.project_id, month=made.closed)]
        of_worker = {line.worker_id: line for line in lines}
        of = {n: of_worker[worker_id] for n, worker_id in enumerate(made.worker_ids)}
        kinds = {t.id: t.kind for t in people.terms(db, made.project_id)}
        paid_by = {n: {str(kinds[i.row_id]) for i in line.items if i.kind == "wage"} for n, line in of.items()}
        assert paid_by == {0: {"day"}, 1: {"day"}, 2: {"hour"}, 3: {"day"}, 4: {"month"}, 5: {"day"}}
        assert {n: line.advances_fen for n, line in of.items() if line.advances_fen} == {payday.ADVANCED: payday.ADVANCE_FEN}
        assert sum(team.net_fen for team in sheets.sheets_of(db, made.project_id, made.closed)) == told["posted_net_fen"]


@pytest.mark.slow
def test_the_past_month_still_shows_what_the_audit_finds(database: Database, vault: Vault, settings: Settings):
    now = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    made, _ = payday.lay(database, vault, settings, now=now)
    with database.write() as db:
        oversight.run_audit(db, made.project_id, made.month, now)
        found = oversight.findings_of(db, made.project_id, open_only=True, language="zh")
        per_rule = Counter(line.finding.rule for line in found)
    first = ("paid_without_work", "worked_without_pay", "underpaid", "undecided_days", "passage_outside_engagement")
    assert [per_rule[name] for name in first] == [1] * 5
    # The seeded passages carry scores: nothing looks made up that was not planted.
    assert not set(per_rule) & {"rule_failed", *(name for name, rule in RULES.items() if rule.suspicion)}

    # As inspector: the red project's reason, the finding it names, the evidence it rests on.
    app = create_app(settings.model_copy(update={"pack_id": "none"}), database=database, vault=vault)
    app.state.clock = lambda: now
    client = TestClient(app, headers={"Accept": "text/html"})
    with database.write() as db:
        account = accounts.account_by_login(db, payday.INSPECTOR)
        client.cookies.set(access.COOKIE, access.begin_session(db, settings, account_id=account.id, now=now))
    county = client.get("/county").text
    assert '<tr class="level red">' in county
    reason = html.unescape(re.search(r'<td class="all"><a href="([^"]+)"', county)[1])
    finding = client.get(reason).text
    assert f'id="{reason.partition("#")[2]}"' in finding
    evidence = html.unescape(re.search(r'href="(/projects/\d+/(?:workers|three-way)/[^"]+#[^"]+)"', finding)[1])
    shown = client.get(evidence)
    assert shown.status_code == 200 and f'id="{evidence.partition("#")[2]}"' in shown.text


@pytest.mark.slow
@pytest.mark.parametrize("today", [(2026, 1, 5), (2026, 3, 20), (2026, 12, 31), (2031, 3, 17)], ids=str)
def test_it_reconciles_at_any_date_also_when_the_calendar_is_not_out(
    database: Database, database_kind: str, vault: Vault, settings: Settings, today: tuple[int, int, int]
):
    if database_kind != "sqlite":
        pytest.skip("the same statements as above")
    now = datetime(*today, 3, 0, tzinfo=UTC)
    made, _ = payday.lay(database, vault, settings, now=now)
    with database.read() as db:
        reconciles(payday.sum_up(db, made, now))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_printed_lines_name_the_month_the_amounts_and_nobody_in_full(language: str):
    told = {
        "closed_month": "2026-09", "sheets": 2, "signed": 5, "disputed": 1, "posted_net_fen": 300_00, "batch_fen": 300_00,
        "arrived_fen": 200_00, "returned_fen": 100_00, "held_fen": 0, "owed_after_bank_fen": 100_00,
        "returned_to": ["李*英"], "account_fen": 700_00, "statement_fen": 700_00, "assertions": {"held": 19, "failed": 0},
    }  # fmt: skip
    said = "\n".join(f"{what} {how}" for what, how in payday.lines(told, language))
    for part in ("2026-09", "¥300.00", "¥200.00", "¥100.00", "李*英", "¥700.00 =", "19"):
        assert part in said
    assert ("已锁定" in said) == (language == "zh") and ("closed" in said) == (language == "en")
    assert "≠" in "\n".join(how for _, how in payday.lines(told | {"statement_fen": 1}, language))


# --- the command -----------------------------------------------------------------------------------------------


def muster(data_dir: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments], cwd=ROOT, env=variables | {"MUSTER_DATA_DIR": str(data_dir), **more},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_sums_up_and_verify_holds_on_what_it_left(tmp_path: Path):
    if not (ROOT / "models" / "dlib-resnet-v1").is_dir():
        pytest.skip("no model pack: make pack")
    done = muster(tmp_path, "demo", "--once", "--json", "--rate", "30", "--port", "0")
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert set(summary) >= {*KEYS, *OLD_KEYS}
    reconciles(summary)
    # It ends with the county page: one project red, for a reason that is about somebody's wages or days.
    assert summary["county_url"].endswith("/county") and summary["county_level"] == "red"
    assert summary["county_reason"] in {"paid_without_work", "worked_without_pay", "underpaid", "passage_outside_engagement"}
    assert (summary["wrong_person"], summary["stranger_admitted"], summary["duplicates_recorded"]) == (0, 0, 0)
    checked = muster(tmp_path / "demonstration", "verify", "--json", MUSTER_ENVIRONMENT="demonstration")
    assert checked.returncode == 0, checked.stdout
    report = json.loads(checked.stdout)
    assert report["projects"] == 1 and report["passages"] > 0 and report["faults"] == []
    assert len([told for told in report["assertions"] if told["holds"]]) == summary["assertions"]["held"]
