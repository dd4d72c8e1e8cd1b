"""What the rules read beside days and wages, out of a real house."""

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from app import oversight
from app.domain.audit import run
from app.store import audit, terms
from app.tables import BankCard, FacePolicyRow, IdentityCheck
from tests.app.test_bank import FUNDED, MARCH, answer, desk  # noqa: F401 - a fixture
from tests.cast import add_member, id_number, pass_through

APRIL = date(2026, 4, 1)


def gathered(desk, month=MARCH):  # noqa: F811
    with desk.database.read() as db:
        return audit.beside(db, desk.project_id, month, desk.now, area_code="330424", time_zone="Asia/Shanghai")


def test_a_paid_month_is_gathered_line_by_line(desk):  # noqa: F811
    batch = desk.sent()
    wang, li = desk.items(batch)
    desk.results(batch, answer(batch, wang, "成功"), answer(batch, li, "失败", reason="账号不存在"))
    found = gathered(desk)
    assert found.gathered
    assert [(x.worker_id, x.net_fen, x.verdict, x.signed_other_id) for x in found.lines] == [
        (desk.cast.wang.id, 1200_00, "agree", None), (desk.cast.li.id, 800_00, "agree", None),
    ]  # fmt: skip
    assert [(t.worker_id, t.amount_fen, t.holder_is_worker, t.sent_on is not None, t.arrived_on, t.code is None) for t in found.transfers] == [
        (desk.cast.wang.id, 1200_00, True, True, date(2026, 4, 5), True),
        (desk.cast.li.id, 800_00, True, True, None, False),
    ]
    [made] = found.batches
    assert (made.count, made.total_fen, made.items, made.items_fen, made.lines_above, made.made_by) == (2, 2000_00, 2, 2000_00, 0, "wu")
    assert [a.act for a in made.acts] == ["approved", "sent"]
    assert found.account.parties == ("owner", "general_contractor", "bank") or set(found.account.parties) >= {"owner", "bank"}
    assert [fen for _, _, fen in found.funding] == [100_000_00]
    assert found.year_paid == {desk.cast.wang.id: 1200_00}
    assert found.period_closed_on is not None
    assert len(found.labour_officers) == 1
    assert {p.worker_id for p in found.people} >= {desk.cast.wang.id, desk.cast.li.id}
    assert [c.replaces_id for c in found.cards] == [None, None]


def test_money_that_left_the_account_is_told_with_what_it_was(desk):  # noqa: F811
    before = gathered(desk, APRIL)
    assert before.account.balance_fen is None and before.debits == ()
    desk.statement(FUNDED, "X,2026-04-05,,30.00,99970.00,某某,,往来款")
    found = gathered(desk, APRIL)
    assert [(d.amount_fen, d.kind) for d in found.debits] == [(30_00, None)]
    assert found.account.balance_fen == 99_970_00
    assert gathered(desk, MARCH).debits == ()


def test_every_passage_leaves_its_trace(database, people_on_site, now):
    site = people_on_site.a
    with database.write() as db:
        for n in range(3):
            pass_through(db, site, "in", people_on_site.wang.id, now - timedelta(minutes=n), event_key=f"b1:{n}")
        pass_through(db, site, "in", people_on_site.wang.id, now - timedelta(days=60), event_key="b0:1")
    with database.read() as db:
        found = audit.beside(db, site.id, MARCH, now, area_code="330424", time_zone="Asia/Shanghai")
    assert sorted(t.event_key for t in found.traces) == ["b1:0", "b1:1", "b1:2"]
    assert found.last_passage_at == now
    assert found.started_on == MARCH


def test_limits_are_of_the_longest_prefix_and_the_latest_day(database, now):
    with database.write() as db:
        for area, key, value, since in (
            ("", "audit.late_red_days", 9, MARCH), ("3304", "audit.late_red_days", 5, MARCH), ("3304", "audit.late_red_days", 4, APRIL),
            ("", "minimum_wage_month_fen", 2010_00, MARCH), ("330424", "minimum_wage_month_fen", 2260_00, MARCH), ("", "publicity_days", 5, MARCH),
        ):  # fmt: skip
            terms.add_area_rule(db, area_code=area, key=key, value=value, valid_from=since, source="x", by="gao", now=now)
    with database.read() as db:
        here, later, elsewhere, before = (
            audit.limits(db, area, on) for area, on in (("330424", MARCH), ("330424", APRIL), ("110101", MARCH), ("330424", date(2026, 2, 1)))
        )
    assert (here["late_red_days"], later["late_red_days"], elsewhere["late_red_days"], before["late_red_days"]) == (5, 4, 9, 7)
    assert (here.minimum_wage_fen, elsewhere.minimum_wage_fen, before.minimum_wage_fen) == (2260_00, 2010_00, None)
    assert here["publicity_days"] == 5
    assert len({here.version, later.version, elsewhere.version, before.version}) == 4


def test_the_county_sees_who_is_on_two_sites_and_whose_card_is_anothers(database, vault, people_on_site, now):
    a, b = people_on_site.a, people_on_site.b
    with database.write() as db:
        from app.store import people

        people.add_engagement(
            db, worker_id=people_on_site.wang.id, project_id=b.id, project_company_id=b.project_company_id, team_id=b.team_id,
            trade="木工", entry_on=MARCH, now=now,
        )  # fmt: skip
        pass_through(db, a, "in", people_on_site.wang.id, now - timedelta(hours=2))
        pass_through(db, b, "in", people_on_site.wang.id, now - timedelta(hours=2) + timedelta(minutes=5))
        for worker in (people_on_site.li.id, people_on_site.zhao.id):
            db.execute(
                sa.insert(BankCard).values(
                    worker_id=worker, holder_name="x", number_sealed=b"x", number_index="same", last4="0001", bank_name="x", recorded_by="wu",
                    recorded_at=now,
                )
            )
        double = add_member(db, vault, now, b, "李秀英", id_number(date(1990, 11, 3), 4))
    with database.read() as db:
        findings = {p: oversight.examine(oversight.gather(db, p, MARCH, now)) for p in (a.id, b.id)}
    who = {p: {(f.rule, f.subject_id) for f in of} for p, of in findings.items()}
    for project_id in (a.id, b.id):
        assert {("engaged_twice", people_on_site.wang.id), ("in_two_places", people_on_site.wang.id)} <= who[project_id]
        assert not any(rule == "rule_failed" for rule, _ in who[project_id])
    assert ("shared_card", people_on_site.li.id) in who[a.id] and ("shared_card", people_on_site.zhao.id) in who[b.id]
    assert ("possible_same_person", people_on_site.li.id) in who[a.id] and ("possible_same_person", double.id) in who[b.id]


def test_a_newer_card_of_his_own_is_no_shared_card(database, people_on_site, now):
    with database.write() as db:
        for worker, number in ((people_on_site.li.id, "same"), (people_on_site.zhao.id, "same"), (people_on_site.zhao.id, "own")):
            db.execute(
                sa.insert(BankCard).values(
                    worker_id=worker, holder_name="x", number_sealed=b"x", number_index=number, last4="0001", bank_name="x", recorded_by="wu",
                    recorded_at=now,
                )
            )
    with database.read() as db:
        assert audit.county_month(db, {people_on_site.a.id, people_on_site.b.id}, MARCH, now).cards == ()


def test_faces_compared_with_cards_and_with_each_other_are_read(database, people_on_site, now):
    a, wang, li = people_on_site.a, people_on_site.wang.id, people_on_site.li.id
    with database.write() as db:
        db.execute(
            sa.insert(FacePolicyRow).values(
                project_id=a.id, review_pictures="off", review_days=1, identity_check="observe", card_and_face=False, ground="x",
                decided_by="chen", decided_at=now,
            )
        )
        db.execute(
            sa.insert(IdentityCheck).values(
                project_id=a.id, worker_id=wang, outcome="different", similarity=0.1, similarity_min=0.5, contract_id="c", live_sha256="x",
                portrait_index="y", made_by="wu", made_at=now,
            )
        )
    with database.read() as db:
        found = audit.beside(db, a.id, MARCH, now, area_code="330424", time_zone="Asia/Shanghai")
        assert audit.county_month(db, {a.id}, MARCH, now).twins == ()
    assert found.identity_wanted
    assert {worker: is_he for worker, (_, is_he) in found.identity.items()} == {wang: False}
    assert li not in found.identity


@pytest.mark.parametrize("project", ["a", "b"])
def test_a_project_is_gathered_in_a_few_statements_however_many_people_it_has(database, vault, people_on_site, now, project):
    """Set-wise: the number of statements is the same for two workers and for twelve."""
    site = getattr(people_on_site, project)

    def statements() -> int:
        seen = []
        with database.read() as db:
            bind = db.get_bind()
            listen = lambda *_: seen.append(1)  # noqa: E731
            sa.event.listen(bind, "before_cursor_execute", listen)
            try:
                run(*(lambda g: (g.month,))(oversight.gather(db, site.id, MARCH, now)))
            finally:
                sa.event.remove(bind, "before_cursor_execute", listen)
        return len(seen)

    statements()  # the connection's first transaction says what it is for
    few = statements()
    with database.write() as db:
        for n in range(10):
            member = add_member(db, vault, now, site, "钱七", id_number(date(1981, 1, 1 + n), 5))
            pass_through(db, site, "in", member.id, datetime(2026, 3, 5, 0, n, tzinfo=UTC))
    assert statements() == few <= 60
