"""A generated county: honest people are accused of nothing, and what is planted is found."""

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from app import ledger, oversight
from app.cli import app
from app.demo import county
from app.demo.violations import Planted, Violations
from app.store import findings, gates, people
from bench.audit import score, seen_in

PLAN = county.Plan(projects=2, workers=24, seed=7)


@pytest.fixture
def audited(database, vault, settings):
    """Generate a small county and audit both months of it."""

    def call(plan, planting=None):
        built = county.build(database, vault, settings, plan, planting=planting)
        for project in built.projects:
            for month in plan.months:
                oversight.audit_project(database, project, month, plan.as_of)
        return built

    return call


def test_honest_people_are_accused_of_nothing_and_their_books_hold(database, audited):
    built = audited(PLAN)
    assert (len(built.projects), built.workers, built.lines) == (2, 24, 48)
    assert built.passages > 24 * 4 * 2 * 20, "four passages a day, two months"
    with database.read() as db:
        assert [f.rule for project in built.projects for f in findings.findings(db, project)] == []
        for project in built.projects:
            assert list(gates.verify_chain(db, project)) == []
            assert [a.code for a in ledger.assertions(db, project, PLAN.as_of) if not a.holds] == []
        assert all(p.is_demonstration and p.code.startswith("GEN-") for p in people.projects(db, None))


def test_what_is_planted_is_found_and_nothing_else(database, audited):
    # Projects one to four: no deposit, no board, no labour officer, no scans; twenty-eight kinds on people and teams.
    plan = county.Plan(projects=4, workers=150, seed=11)
    built = audited(plan, Violations())
    scores, false, missed = score(built.planted, seen_in(database, built.projects))
    assert (false, missed) == ([], [])
    assert sum(s.planted > 0 for s in scores.values()) > 15


def test_a_county_is_generated_into_an_empty_database_only(database, vault, settings, people_on_site):
    with pytest.raises(county.NotEmpty):
        county.build(database, vault, settings, PLAN)


def test_a_finding_that_follows_from_a_violation_is_no_false_one():
    month = date(2026, 4, 1)
    planted = Planted("worked_without_pay", 1, "worker", 7, month, (("paid_coverage", month, None), ("sheet_line_unpaid", month, 7)))
    seen = {
        ("worked_without_pay", 1, "worker", 7, month),
        ("paid_coverage", 1, "project", 1, month),
        ("sheet_line_unpaid", 1, "worker", 7, month),
        ("sheet_line_unpaid", 1, "worker", 8, month),
        ("paid_coverage", 2, "project", 2, month),
    }
    scores, false, missed = score([planted], seen)
    assert false == [("paid_coverage", 2, "project", 2, month), ("sheet_line_unpaid", 1, "worker", 8, month)]
    assert missed == [] and scores["worked_without_pay"].recall == 1.0
    assert scores["paid_coverage"].precision == 0.5 and scores["paid_coverage"].recall is None


def test_production_generates_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MUSTER_ENVIRONMENT", "production")
    assert CliRunner().invoke(app, ["county", "generate"]).exit_code == 1
    assert not (tmp_path / "muster.db").exists()


def test_the_shell_generates_a_county_and_writes_the_truth_down(monkeypatch, tmp_path):
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MUSTER_ENVIRONMENT", "demonstration")
    monkeypatch.setenv("MUSTER_PACK_ID", "synthetic")
    truth = tmp_path / "truth.json"
    done = CliRunner().invoke(app, ["county", "generate", "--projects", "1", "--workers", "10", "--truth", str(truth), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.strip().splitlines()[-1])["workers"] == 10
    assert {"rule", "project_id", "month"} <= set(json.loads(truth.read_text())[0])
