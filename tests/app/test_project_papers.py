"""Papers of a project are recorded, voided, and read by the rules."""

from datetime import date

import pytest

from app import oversight, project_papers
from app.errors import Conflict, NotFound, ServiceError
from tests.cast import pass_through

MARCH = date(2026, 3, 1)
BOARD = {"parties": True, "pay": True, "contacts": True, "pay_day": 15}


@pytest.fixture
def record(database, people_on_site, now):
    def call(kind="deposit", **values):
        values = {"project_id": people_on_site.a.id, "from_on": MARCH, "by": "wu", "now": now} | values
        with database.write() as db:
            return project_papers.record(db, kind=kind, **values)

    return call


@pytest.fixture
def listed(database, people_on_site):
    def call():
        with database.read() as db:
            return project_papers.listed(db, people_on_site.a.id)

    return call


def test_every_kind_is_recorded_as_it_was_said(record, listed, people_on_site):
    record("works_contract", amount_fen=10**12, to_on=date(2027, 6, 1))
    record("deposit", amount_fen=2 * 10**10)
    record("deposit_guarantee", amount_fen=2 * 10**10, to_on=date(2027, 3, 1))
    record("notice_board", board=BOARD)
    record("key_post", worker_id=people_on_site.wang.id, post="safety_officer")
    assert [(p.kind, p.amount_fen, p.to_on, p.worker_id, dict(p.detail)) for p in listed()] == [
        ("works_contract", 10**12, date(2027, 6, 1), None, {}),
        ("deposit", 2 * 10**10, None, None, {}),
        ("deposit_guarantee", 2 * 10**10, date(2027, 3, 1), None, {}),
        ("notice_board", None, None, None, BOARD),
        ("key_post", None, None, people_on_site.wang.id, {"post": "safety_officer"}),
    ]


@pytest.mark.parametrize(
    ("kind", "values", "code"),
    [
        ("permit", {}, "project_paper_kind_unknown"),
        ("deposit", {}, "paper_fields_wrong"),
        ("deposit", {"amount_fen": 1, "post": "safety_officer"}, "paper_fields_wrong"),
        ("deposit", {"amount_fen": 0}, "number_wrong"),
        ("deposit", {"amount_fen": True}, "number_wrong"),
        ("deposit", {"amount_fen": 10**14}, "number_wrong"),
        ("deposit_guarantee", {"amount_fen": 1}, "paper_fields_wrong"),
        ("deposit_guarantee", {"amount_fen": 1, "to_on": MARCH}, "dates_wrong"),
        ("notice_board", {}, "paper_fields_wrong"),
        ("notice_board", {"board": {"parties": 1}}, "board_wrong"),
        ("notice_board", {"board": {"colour": True}}, "board_wrong"),
        ("notice_board", {"board": BOARD | {"pay_day": 32}}, "number_wrong"),
        ("notice_board", {"board": BOARD, "amount_fen": 5}, "paper_fields_wrong"),
        ("key_post", {"worker_id": 1}, "paper_fields_wrong"),
        ("key_post", {"worker_id": 1, "post": "cook"}, "post_unknown"),
        ("key_post", {"worker_id": 999, "post": "safety_officer"}, "worker_unknown"),
        ("deposit", {"amount_fen": 1, "evidence": [999]}, "evidence_unknown"),
        ("deposit", {"amount_fen": 1, "project_id": 999}, "project_unknown"),
    ],
)
def test_what_is_no_paper_is_refused_and_nothing_is_kept(record, listed, kind, values, code):
    with pytest.raises(ServiceError) as refused:
        record(kind, **values)
    assert refused.value.code == code
    assert listed() == ()


def test_a_paper_is_voided_once_with_a_reason(database, record, listed, people_on_site, now):
    paper = record(amount_fen=5)

    def void(reason="录错", project_id=people_on_site.a.id):
        with database.write() as db:
            project_papers.void(db, project_id=project_id, paper_id=paper, reason=reason, by="wu", now=now)

    for wrong, error in (({"reason": "  "}, ServiceError), ({"project_id": people_on_site.b.id}, NotFound)):
        with pytest.raises(error):
            void(**wrong)
    assert len(listed()) == 1
    void()
    assert listed() == ()
    with pytest.raises(Conflict):
        void()


def test_the_audit_reads_them(database, record, people_on_site, now):
    with database.write() as db:
        for hour in (0, 9):
            pass_through(db, people_on_site.a, "out" if hour else "in", people_on_site.wang.id, now.replace(day=5, hour=hour))

    def rules():
        with database.read() as db:
            return {f.rule for f in oversight.examine(oversight.gather(db, people_on_site.a.id, MARCH, now))}

    assert {"board_incomplete", "deposit_missing"} <= rules()
    record("notice_board", board=BOARD)
    record("deposit", amount_fen=10**9)
    assert not {"board_incomplete", "deposit_missing", "rule_failed"} & rules()
