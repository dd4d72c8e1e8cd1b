"""Pay agreed, given and withheld: what holds from when, who may say so, and what is refused."""

import threading
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from app import ledger, papers, terms
from app.db import Database
from app.domain.facts import Allowance, Measure, PayKind, Terms
from app.errors import Conflict, Forbidden, NotFound, ServiceError, Unusable
from app.settings import Settings
from app.store import accounts, people, timekeeping
from app.store import terms as held
from app.tables import PayPeriod, PayrollLine, PayrollSheet, StaleDay, Voiding, WageTerm
from app.vault import Vault
from app.wording import NAMES
from app.wording import terms as words
from tests.cast import Cast, id_number

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


@pytest.fixture
def desk(database: Database, vault: Vault, settings: Settings, now: datetime, people_on_site: Cast) -> "Desk":
    return Desk(database, vault, settings, now, people_on_site)


class Desk:
    """The labour officer's desk on project A; Chen, the manager, accepts work."""

    def __init__(self, database: Database, vault: Vault, settings: Settings, now: datetime, site: Cast) -> None:
        self.database, self.vault, self.settings, self.now, self.site = database, vault, settings, now, site
        self.project_id, self.wang, self.li = site.a.id, site.wang.engagement_id, site.li.engagement_id

    def _do(self, use_case: Any, given: dict[str, Any], changed: dict[str, Any]) -> Any:
        with self.database.write() as db:
            return use_case(db, **{"project_id": self.project_id, "by": "wu", "now": self.now, **given, **changed})

    def agree(self, **changed: object) -> int:
        given = {"engagement_id": self.wang, "kind": "day", "rate_fen": 450_00, "valid_from": date(2026, 3, 16)}
        return self._do(terms.agree, given, changed)

    def terms(self) -> list[tuple[str, int, date, date | None]]:
        with self.database.read() as db:
            mine = people.terms(db, self.project_id, self.wang)
        return [(str(t.kind), t.rate_fen, t.valid_from, t.valid_to) for t in sorted(mine, key=lambda t: t.valid_from)]

    def allow(self, **changed: object) -> int:
        given = {
            "engagement_id": self.wang, "kind": "meal", "per": "day", "amount_fen": 20_00, "valid_from": MARCH,
        }  # fmt: skip
        return self._do(terms.add_allowance, given, changed)

    def advance(self, **changed: object) -> int:
        given = {
            "engagement_id": self.wang, "amount_fen": 500_00, "paid_on": date(2026, 3, 20), "channel": "cash",
            "proof": "none",
        }  # fmt: skip
        return self._do(terms.record_advance, given, changed)

    def deduct(self, **changed: object) -> int:
        given = {
            "engagement_id": self.wang, "month": date(2026, 3, 9), "kind": "income_tax", "amount_fen": 30_00,
            "basis": "个税申报表 2026-03",
        }  # fmt: skip
        return self._do(terms.record_deduction, given, changed)

    def measure(self, **changed: object) -> int:
        given = {
            "team_id": self.site.a.team_id, "month": date(2026, 3, 9), "measured_on": date(2026, 3, 31), "item": "绑扎",
            "unit": "t", "quantity_milli": 12_500, "unit_price_fen": 800_00,
        }  # fmt: skip
        return self._do(terms.add_measure, given, changed)

    def accept(self, measure_id: int, **changed: object) -> None:
        self._do(terms.accept_measure, {"measure_id": measure_id, "accepted": True, "by": "chen"}, changed)

    def void(self, kind: str, row_id: int, **changed: object) -> None:
        self._do(terms.void, {"kind": kind, "row_id": row_id, "reason": "登记错了"}, changed)

    def paper(self) -> int:
        with self.database.write() as db:
            return timekeeping.put_evidence(
                db, project_id=self.project_id, sha256="0" * 64, name="收据.jpg", media_type="image/jpeg", size=3,
                content_sealed=b"x", by="wu", now=self.now,
            )  # fmt: skip

    def post(self, month: date, *items: dict[str, Any], engagement_id: int | None = None) -> None:
        """Put items on a line of a sheet of a month and close it, past every use case."""
        with self.database.write() as db:
            period = {"project_id": self.project_id, "month": month}
            db.execute(sa.insert(PayPeriod).values(**period, state="open"))
            sheet = db.execute(
                sa.insert(PayrollSheet).values(
                    **period, project_company_id=self.site.a.project_company_id, team_id=self.site.a.team_id,
                    kind="regular", version=1, digest="0" * 64, drafted_by="wu", drafted_at=self.now,
                )
            ).inserted_primary_key[0]  # fmt: skip
            withheld = {
                kind: -sum(item["amount_fen"] for item in items if item["kind"] == kind) for kind in ("deduction", "advance")
            }
            db.execute(
                sa.insert(PayrollLine).values(
                    sheet_id=sheet, engagement_id=engagement_id or self.wang, worker_id=self.site.wang.id,
                    origin_month=month, day_milli=0, minutes=0, overtime_minutes=0, gross_fen=1000_00,
                    deductions_fen=withheld["deduction"], advances_fen=withheld["advance"],
                    net_fen=1000_00 - sum(withheld.values()), items=list(items), line_hash="0" * 64,
                )
            )  # fmt: skip
            db.execute(sa.update(PayPeriod).values(state="locked", locked_by="wu", locked_at=self.now))
            closed = {"state": "closed", "closed_by": "chen", "closed_at": self.now, "digest": "0" * 64}
            db.execute(sa.update(PayPeriod).where(PayPeriod.month == month).values(**closed))

    def stale(self) -> list[tuple[int | None, date, date | None]]:
        with self.database.read() as db:
            rows = db.execute(sa.select(StaleDay.worker_id, StaleDay.from_on, StaleDay.to_on).order_by(StaleDay.id))
            return [tuple(row) for row in rows]


def refused(wanted: type[ServiceError], code: str):
    return pytest.raises(wanted, match=f"^{code}")


def refuse_all(do: Callable[..., Any], cases: list[tuple[dict[str, Any], str]]) -> None:
    """Do it with each change, and look for the code of its refusal."""
    for changed, code in cases:
        try:
            do(**changed)
        except Unusable as error:
            assert error.code == code, changed
        else:
            pytest.fail(f"accepted: {changed}")


# --- terms ----------------------------------------------------------------------------------------------------


def test_pay_may_be_agreed_in_all_four_ways(desk: Desk):
    paper = desk.paper()
    desk.agree(
        kind="month", rate_fen=8000_00, relation="labour_contract", overtime_rule="law", hours_system="comprehensive",
        month_method="forward", minutes_per_day=540, paper_id=paper,
    )  # fmt: skip
    desk.agree(kind="hour", rate_fen=50_00, valid_from=APRIL)
    desk.agree(kind="piece", rate_fen=800_00, unit="吨", hour_floor_fen=30_00, valid_from=date(2026, 5, 1))
    desk.agree(kind="day", overtime_rule="units", overtime_unit_minutes=360, valid_from=date(2026, 6, 1))
    with desk.database.read() as db:
        mine = people.terms(db, desk.project_id, desk.wang)
        mine_papers = sa.select(WageTerm.paper_id).filter_by(engagement_id=desk.wang).order_by(WageTerm.id)
        papers_of = db.execute(mine_papers).scalars().all()
    assert [(t.kind, t.rate_fen, t.unit, t.overtime_rule, t.overtime_unit_minutes, t.hour_floor_fen) for t in mine] == [
        ("day", 400_00, None, "none", 480, None), ("month", 8000_00, None, "law", 480, None),
        ("hour", 50_00, None, "none", 480, None), ("piece", 800_00, "吨", "none", 480, 30_00),
        ("day", 450_00, None, "units", 360, None),
    ]  # fmt: skip
    month = mine[1]
    assert isinstance(month.kind, PayKind)
    assert (month.relation, month.hours_system, month.month_method, month.minutes_per_day) == (
        "labour_contract", "comprehensive", "forward", 540,
    )  # fmt: skip
    assert papers_of == [None, paper, None, None, None]


def test_what_is_in_the_store_is_every_field_of_the_terms(desk: Desk):
    fields = set(Terms.__slots__) - {"id", "engagement_id", "worker_id", "valid_from", "valid_to"}
    assert fields == set(people.AGREED) == terms.check_agreed(kind="day", rate_fen=1).keys()


def test_a_change_of_kind_leaves_the_days_before_it_alone(desk: Desk):
    desk.agree(kind="month", rate_fen=8000_00)
    assert desk.terms() == [("day", 400_00, MARCH, date(2026, 3, 16)), ("month", 8000_00, date(2026, 3, 16), None)]


def test_terms_for_a_time_come_back_to_what_held_before(desk: Desk):
    desk.agree(rate_fen=600_00, valid_from=date(2026, 3, 10), valid_to=date(2026, 3, 20))
    assert desk.terms() == [
        ("day", 400_00, MARCH, date(2026, 3, 10)), ("day", 600_00, date(2026, 3, 10), date(2026, 3, 20)),
        ("day", 400_00, date(2026, 3, 20), None),
    ]  # fmt: skip


def test_terms_for_a_time_cut_everything_they_meet(desk: Desk):
    for rate, day in ((410_00, 10), (420_00, 12), (430_00, 14), (440_00, 20)):
        desk.agree(rate_fen=rate, valid_from=date(2026, 3, day))
    desk.agree(rate_fen=999_00, valid_from=date(2026, 3, 11), valid_to=date(2026, 3, 16))
    assert desk.terms() == [
        ("day", 400_00, MARCH, date(2026, 3, 10)), ("day", 410_00, date(2026, 3, 10), date(2026, 3, 11)),
        ("day", 999_00, date(2026, 3, 11), date(2026, 3, 16)), ("day", 430_00, date(2026, 3, 16), date(2026, 3, 20)),
        ("day", 440_00, date(2026, 3, 20), None),
    ]  # fmt: skip


def test_what_is_recorded_again_keeps_all_that_was_agreed_and_its_paper(desk: Desk):
    first = desk.agree(
        kind="month", rate_fen=8000_00, relation="labour_contract", overtime_rule="law", valid_from=MARCH,
        paper_id=desk.paper(),
    )  # fmt: skip
    desk.agree(rate_fen=1, valid_from=date(2026, 3, 10), valid_to=date(2026, 3, 11))
    with desk.database.read() as db:
        rows = {r.id: r for r in db.execute(sa.select(*WageTerm.__table__.c).where(WageTerm.voided_at.is_(None)))}
        former = db.execute(sa.select(*WageTerm.__table__.c).where(WageTerm.id == first)).one()
    again = next(row for row in rows.values() if row.valid_from == date(2026, 3, 11))
    own = {"id", "valid_from", "valid_to", "supersedes_id", "voided_at", "recorded_at", "recorded_by"}
    assert again.supersedes_id == first
    assert {k: v for k, v in again._mapping.items() if k not in own} == {k: v for k, v in former._mapping.items() if k not in own}


def test_exactly_the_same_terms_are_refused(desk: Desk):
    with refused(Conflict, "terms_same"):
        desk.agree(rate_fen=400_00)
    desk.agree(rate_fen=400_00, overtime_rule="law")
    with refused(Conflict, "terms_same"):
        desk.agree(rate_fen=400_00, overtime_rule="law", valid_from=date(2026, 3, 20))


WRONG_TERMS = [
    ({"kind": "week"}, "pay_kind_unknown"),
    ({"rate_fen": 0}, "day_rate_wrong"),
    ({"rate_fen": -1}, "day_rate_wrong"),
    ({"rate_fen": 10_000_001}, "day_rate_wrong"),
    ({"kind": "hour", "rate_fen": 0}, "rate_wrong"),
    ({"kind": "hour", "rate_fen": 1_000_001}, "rate_wrong"),
    ({"kind": "month", "rate_fen": 100_000_001}, "rate_wrong"),
    ({"kind": "month", "rate_fen": 8000.0}, "rate_wrong"),
    ({"kind": "piece"}, "terms_unit_needed"),
    ({"kind": "piece", "unit": " "}, "terms_unit_needed"),
    ({"kind": "piece", "unit": "很长很长很长很长很长很长很长很长的单位"}, "text_long"),
    ({"unit": "t"}, "terms_unit_unused"),
    ({"hour_floor_fen": 30_00}, "terms_floor_unused"),
    ({"kind": "piece", "unit": "t", "hour_floor_fen": 0}, "floor_wrong"),
    ({"minutes_per_day": 59}, "number_wrong"),
    ({"minutes_per_day": 1441}, "number_wrong"),
    ({"overtime_unit_minutes": 0}, "number_wrong"),
    ({"overtime_rule": "double"}, "overtime_rule_unknown"),
    ({"relation": "friend"}, "relation_unknown"),
    ({"hours_system": "night"}, "hours_system_unknown"),
    ({"month_method": "half"}, "month_method_unknown"),
    ({"valid_from": date(2026, 2, 28)}, "terms_before_entry"),
    ({"valid_to": date(2026, 3, 16)}, "dates_wrong"),
    ({"valid_from": date(1, 1, 1)}, "dates_wrong"),
]


def test_terms_that_cannot_be_are_refused(desk: Desk):
    before = desk.terms()
    refuse_all(desk.agree, WRONG_TERMS)
    assert desk.terms() == before and desk.stale() == []


def test_terms_of_strangers_are_unknown(desk: Desk):
    with refused(NotFound, "engagement_unknown"):
        desk.agree(engagement_id=desk.site.zhao.engagement_id)
    with refused(NotFound, "evidence_unknown"):
        desk.agree(paper_id=999)
    with desk.database.write() as db:
        people.exit_engagement(db, desk.wang, date(2026, 3, 16))
    with refused(Unusable, "terms_after_exit"):
        desk.agree()


def test_terms_of_the_past_make_whole_months_stale(desk: Desk):
    desk.agree()
    desk.agree(rate_fen=1, valid_from=date(2026, 3, 20), valid_to=date(2026, 3, 21))
    worker = desk.site.wang.id
    assert desk.stale() == [(worker, MARCH, None), (worker, MARCH, APRIL)]


def test_voided_terms_were_never_agreed_and_it_is_known_why(desk: Desk):
    added = desk.agree()
    with desk.database.write() as db:
        void = {"project_id": desk.project_id, "terms_id": added, "by": "wu", "now": desk.now}
        with refused(Unusable, "text_missing"):
            terms.void_terms(db, reason="", **void)
        terms.void_terms(db, reason="签错人了", **void)
        with refused(NotFound, "terms_unknown"):
            terms.void_terms(db, reason="again", **void)
        row = db.execute(sa.select(Voiding.kind, Voiding.row_id, Voiding.reason, Voiding.by)).one()
    assert row == ("wage_term", added, "签错人了", "wu")
    assert desk.terms() == [("day", 400_00, MARCH, date(2026, 3, 16))]
    desk.agree(rate_fen=470_00)


def test_two_officers_agree_at_once_and_the_terms_never_overlap(desk: Desk):
    begin, codes = threading.Barrier(2), []

    def change(rate_fen: int, day: int) -> None:
        begin.wait()
        desk.agree(rate_fen=rate_fen, valid_from=date(2026, 3, day))
        codes.append("agreed")

    both = [threading.Thread(target=change, args=pair) for pair in ((450_00, 10), (470_00, 20))]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert codes == ["agreed", "agreed"]
    assert desk.terms() == [
        ("day", 400_00, MARCH, date(2026, 3, 10)), ("day", 450_00, date(2026, 3, 10), date(2026, 3, 20)),
        ("day", 470_00, date(2026, 3, 20), None),
    ]  # fmt: skip


def test_a_day_rate_is_changed_and_the_rest_of_the_terms_stays(desk: Desk):
    desk.agree(overtime_rule="law", relation="labour_contract", valid_from=MARCH)
    with desk.database.write() as db:
        change = {"project_id": desk.project_id, "worker_id": desk.site.wang.id, "by": "wu", "now": desk.now}
        papers.change_terms(db, rate_fen=480_00, valid_from=date(2026, 3, 16), **change)
        last = max(people.terms(db, desk.project_id, desk.wang), key=lambda t: t.valid_from)
        assert (last.rate_fen, last.overtime_rule, last.relation) == (480_00, "law", "labour_contract")
        terms.agree(
            db, project_id=desk.project_id, engagement_id=desk.wang, kind="month", rate_fen=8000_00, valid_from=APRIL,
            by="wu", now=desk.now,
        )  # fmt: skip
        with refused(Conflict, "terms_not_by_day"):
            papers.change_terms(db, rate_fen=480_00, valid_from=date(2026, 4, 10), **change)


@pytest.mark.parametrize(
    ("given", "kind", "unit"), [({}, "day", None), ({"pay_kind": "month"}, "month", None), ({"pay_kind": "piece", "unit": "m³"}, "piece", "m³")]
)
def test_a_worker_is_entered_with_his_kind_of_pay(desk: Desk, given: dict, kind: str, unit: str | None):
    about = {
        "project_id": desk.project_id, "team_id": desk.site.a.team_id, "name": "孙大山", "entry_on": date(2026, 3, 10),
        "id_number": id_number(date(1992, 5, 1), 11), "day_rate_fen": 380_00, "now": desk.now, "by": "wu",
    }  # fmt: skip
    with desk.database.write() as db:
        entered = papers.enter_worker(db, desk.vault, desk.settings, **about, **given)
        [agreed] = people.terms(db, desk.project_id, entered.engagement_id)
    assert (agreed.kind, agreed.unit, agreed.rate_fen) == (kind, unit, 380_00)
    assert desk.stale() == [(entered.worker_id, MARCH, None)]
    with desk.database.write() as db:
        papers.exit_worker(
            db, project_id=desk.project_id, worker_id=entered.worker_id, exit_on=date(2026, 3, 20), now=desk.now, by="wu"
        )
    assert desk.stale()[1:] == [(entered.worker_id, MARCH, None)]


# --- allowances -----------------------------------------------------------------------------------------------


def test_an_allowance_runs_until_it_is_ended(desk: Desk):
    added = desk.allow()
    desk.allow(kind="other", per="once", amount_fen=100_00)
    desk.allow(kind="other", per="once", amount_fen=100_00)
    ended = desk._do(terms.end_allowance, {"allowance_id": added, "valid_to": date(2026, 3, 21)}, {})
    with desk.database.read() as db:
        found = held.allowances(db, desk.project_id)
    assert [(a.kind, a.per, a.amount_fen, a.valid_to) for a in found] == [
        ("other", "once", 100_00, None), ("other", "once", 100_00, None), ("meal", "day", 20_00, date(2026, 3, 21)),
    ]  # fmt: skip
    assert isinstance(found[0], Allowance) and found[-1].id == ended
    with refused(Conflict, "allowance_ended"):
        desk._do(terms.end_allowance, {"allowance_id": ended, "valid_to": date(2026, 3, 25)}, {})
    desk.allow(valid_from=date(2026, 3, 21), amount_fen=25_00)
    worker = desk.site.wang.id
    assert desk.stale()[:2] == [(worker, MARCH, None), (worker, MARCH, APRIL)]


def test_two_allowances_of_one_kind_never_run_at_once(desk: Desk):
    desk.allow(valid_to=date(2026, 3, 20))
    with refused(Conflict, "allowance_overlaps"):
        desk.allow(valid_from=date(2026, 3, 19))
    desk.allow(valid_from=date(2026, 3, 20))
    desk.allow(kind="heat")
    desk.allow(per="month")
    desk.allow(engagement_id=desk.li)


WRONG_ALLOWANCES = [
    ({"kind": "gift"}, "allowance_kind_unknown"),
    ({"per": "week"}, "allowance_per_unknown"),
    ({"amount_fen": 0}, "amount_wrong"),
    ({"amount_fen": -1}, "amount_wrong"),
    ({"amount_fen": 100_000_000}, "amount_wrong"),
    ({"amount_fen": True}, "amount_wrong"),
    ({"valid_to": MARCH}, "dates_wrong"),
    ({"per": "once", "valid_to": APRIL}, "dates_wrong"),
    ({"valid_from": date(2026, 2, 28)}, "outside_engagement"),
    ({"note": "长" * 501}, "text_long"),
]


def test_an_allowance_that_cannot_be_is_refused(desk: Desk):
    refuse_all(desk.allow, WRONG_ALLOWANCES)


# --- advances -------------------------------------------------------------------------------------------------


def test_an_advance_is_in_the_books_when_it_is_recorded_and_out_when_it_is_voided(desk: Desk):
    paper = desk.paper()
    signed = desk.advance(proof="signed", evidence=[paper])
    desk.advance(amount_fen=200_00, channel="bank", proof="bank", reference="20260320-7")
    unproved = desk.advance(amount_fen=100_00, paid_on=date(2026, 3, 2))
    with desk.database.read() as db:
        found = held.advances(db, desk.project_id)
        assert ledger.balances(db, desk.project_id, "advance") == {desk.wang: 800_00}
    assert [(a.amount_fen, a.proved, a.applied_fen) for a in found] == [(100_00, False, 0), (500_00, True, 0), (200_00, True, 0)]
    desk.void("advance", signed)
    desk.void("advance", unproved)
    with desk.database.read() as db:
        assert ledger.balances(db, desk.project_id, "advance") == {desk.wang: 200_00}
        assert [a.amount_fen for a in held.advances(db, desk.project_id)] == [200_00]
        assert sum(ledger.balances(db, desk.project_id, "off_account").values()) == -200_00


WRONG_ADVANCES = [
    ({"amount_fen": 0}, "amount_wrong"),
    ({"paid_on": date(2026, 4, 1)}, "advance_in_future"),
    ({"paid_on": date(2026, 2, 28)}, "outside_engagement"),
    ({"channel": "wechat"}, "advance_channel_unknown"),
    ({"proof": "witness"}, "advance_proof_unknown"),
    ({"proof": "bank", "reference": "1"}, "advance_proof_wrong"),
    ({"channel": "account", "proof": "none"}, "advance_proof_wrong"),
    ({"channel": "bank", "proof": "bank"}, "advance_reference_needed"),
    ({"channel": "bank", "proof": "bank", "reference": "1" * 101}, "text_long"),
    ({"proof": "signed"}, "evidence_needed"),
]


def test_an_advance_that_cannot_be_is_refused(desk: Desk):
    refuse_all(desk.advance, WRONG_ADVANCES)
    with desk.database.read() as db:
        assert held.advances(db, desk.project_id) == () and ledger.balances(db, desk.project_id, "advance") == {}


# --- deductions -----------------------------------------------------------------------------------------------


def test_a_deduction_names_its_kind_and_its_paper(desk: Desk):
    desk.deduct()
    desk.deduct(kind="damage", amount_fen=200_00, basis="损坏电钻，本人书面承认", evidence=[desk.paper()])
    with desk.database.read() as db:
        assert [(d.kind, d.month, d.amount_fen) for d in held.deductions(db, desk.project_id, MARCH)] == [
            ("income_tax", MARCH, 30_00), ("damage", MARCH, 200_00),
        ]  # fmt: skip
        assert held.deductions(db, desk.project_id, APRIL) == ()


def test_a_fine_a_deposit_and_a_fee_are_no_deductions(desk: Desk):
    paper = desk.paper()
    kinds = ("fine", "deposit", "management_fee", "quality", "", "罚款")
    refuse_all(desk.deduct, [({"kind": kind, "evidence": [paper]}, "deduction_kind_unknown") for kind in kinds])


WRONG_DEDUCTIONS = [
    ({"amount_fen": 0}, "amount_wrong"),
    ({"amount_fen": -30_00}, "amount_wrong"),
    ({"basis": ""}, "deduction_basis_needed"),
    ({"basis": "见单"}, "deduction_basis_needed"),
    ({"kind": "court_order"}, "evidence_needed"),
    ({"kind": "damage"}, "evidence_needed"),
    ({"kind": "agreed"}, "evidence_needed"),
    ({"month": date(2026, 2, 1)}, "outside_engagement"),
    ({"month": date(2026, 5, 1)}, "deduction_month_wrong"),
    ({"month": date(1999, 5, 1)}, "deduction_month_wrong"),
]


def test_a_deduction_without_a_ground_is_refused(desk: Desk):
    refuse_all(desk.deduct, WRONG_DEDUCTIONS)


def test_a_deduction_for_a_closed_month_is_entered_for_an_open_one(desk: Desk):
    desk.post(MARCH)
    with refused(Conflict, "deduction_month_closed"):
        desk.deduct()
    desk.deduct(month=APRIL)


# --- measures -------------------------------------------------------------------------------------------------


def test_measured_work_waits_for_somebody_elses_word(desk: Desk):
    added = desk.measure(split_by="shares", shares=[(desk.li, 1), (desk.wang, 3)])
    with desk.database.read() as db:
        [fact] = held.measures(db, desk.project_id, MARCH)
    assert isinstance(fact, Measure)
    assert (fact.accepted, fact.shares, fact.month) == (None, ((desk.wang, 3), (desk.li, 1)), MARCH)
    with refused(Forbidden, "measure_same_person"):
        desk.accept(added, by="wu")
    with refused(Unusable, "text_missing"):
        desk.accept(added, accepted=False)
    desk.accept(added)
    with refused(Conflict, "measure_decided"):
        desk.accept(added, accepted=False, note="wrong after all")
    with desk.database.read() as db:
        [fact] = held.measures(db, desk.project_id)
        assert held.measures(db, desk.project_id, APRIL) == ()
        info = held.measure(db, desk.project_id, added)
    assert fact.accepted is True and info.accepted_by == "chen"
    assert desk.stale() == [(None, MARCH, APRIL)] * 2


def test_work_that_was_refused_stays_refused(desk: Desk):
    added = desk.measure()
    desk.accept(added, accepted=False, note="间距超差")
    with desk.database.read() as db:
        assert held.measure(db, desk.project_id, added).accepted is False


def test_two_supervisors_accept_at_once_and_one_is_told(desk: Desk):
    added = desk.measure()
    begin, codes = threading.Barrier(2), []

    def accept(by: str, accepted: bool) -> None:
        begin.wait()
        try:
            desk.accept(added, by=by, accepted=accepted, note="看过了")
            codes.append("said")
        except Conflict as error:
            codes.append(error.code)

    both = [threading.Thread(target=accept, args=pair) for pair in (("chen", True), ("zhou", False))]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(codes) == ["measure_decided", "said"]


WRONG_MEASURES = [
    ({"quantity_milli": 0}, "number_wrong"),
    ({"quantity_milli": 12.5}, "number_wrong"),
    ({"unit_price_fen": 0}, "number_wrong"),
    ({"quantity_milli": 10**12, "unit_price_fen": 100_000_000}, "measure_too_large"),
    ({"percent": 120}, "measure_percent_wrong"),
    ({"percent": 99}, "measure_percent_wrong"),
    ({"split_by": "equal"}, "measure_split_unknown"),
    ({"split_by": "shares"}, "measure_shares_wrong"),
    ({"shares": [(1, 1)]}, "measure_shares_wrong"),
    ({"split_by": "shares", "shares": [(1, 1), (1, 2)]}, "measure_shares_wrong"),
    ({"split_by": "shares", "shares": [(1, 0)]}, "number_wrong"),
    ({"split_by": "shares", "shares": [(1, 1), (999, 1)]}, "measure_shares_foreign"),
    ({"measured_on": date(2026, 2, 28)}, "measure_month_wrong"),
    ({"measured_on": date(2026, 4, 1)}, "measure_month_wrong"),
    ({"item": " "}, "text_missing"),
    ({"unit": ""}, "text_missing"),
]


def test_measured_work_that_cannot_be_is_refused(desk: Desk):
    refuse_all(desk.measure, WRONG_MEASURES)


def test_shares_name_people_who_were_of_the_team_that_month(desk: Desk):
    with desk.database.write() as db:
        people.exit_engagement(db, desk.li, date(2026, 3, 2))
    both = {"split_by": "shares", "shares": [(desk.wang, 1), (desk.li, 1)]}
    desk.measure(**both)
    with desk.database.write() as db:
        other = people.add_team(
            db, project_id=desk.project_id, project_company_id=desk.site.a.project_company_id, name="木工班", trade=None
        )
    with refused(Unusable, "measure_shares_foreign"):
        desk.measure(**both, team_id=other)
    with refused(Unusable, "measure_shares_foreign"):
        desk.measure(**both, month=APRIL, measured_on=APRIL, now=desk.now.replace(month=4, day=2))


def test_a_subcontractor_measures_the_work_of_his_own_teams(desk: Desk):
    with refused(Forbidden, "not_own_team"):
        desk.measure(teams=set())
    added = desk.measure(teams={desk.site.a.team_id})
    with refused(Forbidden, "not_own_team"):
        desk.void("work_measure", added, teams={999})
    desk.void("work_measure", added, teams={desk.site.a.team_id})
    with refused(NotFound, "team_unknown"):
        desk.measure(team_id=desk.site.b.team_id)


# --- voiding --------------------------------------------------------------------------------------------------


def test_a_mistake_stays_on_record_and_counts_no_more(desk: Desk):
    rows = {
        "allowance": desk.allow(), "advance": desk.advance(), "deduction": desk.deduct(), "work_measure": desk.measure(),
    }  # fmt: skip
    for kind, row_id in rows.items():
        desk.void(kind, row_id)
        with refused(NotFound, "paper_unknown"):
            desk.void(kind, row_id)
    with desk.database.read() as db:
        assert not held.allowances(db, desk.project_id) + held.advances(db, desk.project_id)
        assert not held.deductions(db, desk.project_id) + held.measures(db, desk.project_id)
        assert {kind for kind, in db.execute(sa.select(Voiding.kind))} == rows.keys()
        why = held.voidings(db, "deduction", [rows["deduction"]])[rows["deduction"]]
    assert (why.reason, why.by) == ("登记错了", "wu")
    with refused(NotFound, "paper_unknown"):
        desk.accept(rows["work_measure"])


def test_what_another_project_recorded_is_not_voided_here(desk: Desk):
    for kind, row_id in (("allowance", desk.allow()), ("advance", desk.advance()), ("work_measure", desk.measure())):
        with refused(NotFound, "paper_unknown"):
            desk.void(kind, row_id, project_id=desk.site.b.id)
    with refused(Unusable, "paper_kind_unknown"):
        desk.void("payment", 1)
    with refused(Unusable, "text_missing"):
        desk.void("allowance", 1, reason="")


def test_what_stands_on_a_posted_line_is_not_voided(desk: Desk):
    allowance, advance, deduction, measure = desk.allow(), desk.advance(), desk.deduct(), desk.measure()
    free = desk.allow(kind="heat"), desk.advance(), desk.deduct(), desk.measure()
    wage = {"kind": "wage", "code": "allowance"}
    desk.post(
        MARCH,
        {**wage, "amount_fen": 600_00, "evidence": [["passage", free[0]], ["allowance", allowance]]},
        {**wage, "code": "piece", "amount_fen": 400_00, "evidence": [["measure", measure]]},
        {"kind": "deduction", "code": "income_tax", "amount_fen": -30_00, "row_id": deduction},
        {"kind": "advance", "code": "", "amount_fen": -500_00, "row_id": advance},
    )
    kinds = ("allowance", "advance", "deduction", "work_measure")
    for kind, row_id in zip(kinds, (allowance, advance, deduction, measure), strict=True):
        with refused(Conflict, "paper_posted"):
            desk.void(kind, row_id)
    with desk.database.read() as db:
        assert [d.applied_fen for d in held.deductions(db, desk.project_id)] == [30_00, 0]
        assert [a.applied_fen for a in held.advances(db, desk.project_id)] == [500_00, 0]
    april = desk.now.replace(month=4, day=2)
    for kind, row_id in zip(kinds, free, strict=True):
        desk.void(kind, row_id, now=april)


def test_a_posted_allowance_may_end_with_the_month_but_not_within_it(desk: Desk):
    added = desk.allow()
    desk.post(MARCH, {"kind": "wage", "code": "allowance", "amount_fen": 1000_00, "evidence": [["allowance", added]]})
    end = {"allowance_id": added}
    with refused(Conflict, "paper_posted"):
        desk._do(terms.end_allowance, {**end, "valid_to": date(2026, 3, 31)}, {})
    desk._do(terms.end_allowance, {**end, "valid_to": APRIL}, {})


# --- county rules ---------------------------------------------------------------------------------------------


def write(desk: Desk, key: str, value: Any, area_code: str = "", valid_from: date = date(2026, 1, 1), **more: Any) -> int:
    with desk.database.write() as db:
        return terms.write_area_rule(
            db, **{"area_code": area_code, "key": key, "value": value, "valid_from": valid_from, "source": "县人社局通知",
                   "by": "gao", "now": desk.now, **more}
        )  # fmt: skip


def value(desk: Desk, key: str, on: date = MARCH, area_code: str = "330424") -> Any:
    with desk.database.read() as db:
        return held.area_value(db, area_code, key, on)


def test_the_longest_prefix_and_the_latest_date_count(desk: Desk):
    key = "minimum_wage_month_fen"
    assert value(desk, key) is None
    write(desk, key, 2010_00)
    write(desk, key, 2260_00, "330424")
    write(desk, key, 2490_00, "33", valid_from=date(2026, 2, 1))
    write(desk, key, 2360_00, "330424", valid_from=date(2026, 4, 1))
    assert value(desk, key) == 2260_00
    assert value(desk, key, on=date(2026, 4, 1)) == 2360_00
    assert value(desk, key, area_code="330424100") == 2260_00
    assert value(desk, key, area_code="330411") == 2490_00
    assert value(desk, key, area_code="330411", on=date(2026, 1, 31)) == 2010_00
    assert value(desk, key, area_code="110000") == 2010_00
    write(desk, key, 2300_00, "330424")
    assert value(desk, key) == 2300_00, "a correction of the same date"


def test_days_have_a_default_and_parties_are_a_list(desk: Desk):
    assert [value(desk, key) for key in ("publicity_days", "correction_days", "correction_limit_month")] == [3, 3, 3]
    write(desk, "publicity_days", 0)
    assert value(desk, "publicity_days") == 0
    write(desk, "agreement_parties", ["owner", "general_contractor", "bank"])
    assert value(desk, "agreement_parties") == ["owner", "general_contractor", "bank"]


WRONG_RULES = [
    ("minimum_wage", 1, "area_key_unknown"),
    ("publicity_days", 32, "number_wrong"),
    ("publicity_days", "3", "number_wrong"),
    ("minimum_wage_hour_fen", 0, "number_wrong"),
    ("agreement_parties", [], "area_parties_wrong"),
    ("agreement_parties", ["owner", "owner"], "area_parties_wrong"),
    ("agreement_parties", ["landlord"], "area_parties_wrong"),
    ("agreement_parties", "owner", "area_parties_wrong"),
    ("agreement_parties", [["owner"]], "area_parties_wrong"),
]


def test_a_county_rule_that_cannot_be_is_refused(desk: Desk):
    refuse_all(
        lambda key, value: write(desk, key, value), [({"key": key, "value": value}, code) for key, value, code in WRONG_RULES]
    )


def test_a_county_rule_names_its_area_its_day_and_its_source(desk: Desk):
    for changed, code in (
        ({"area_code": "3"}, "area_prefix_malformed"), ({"area_code": "33x"}, "area_prefix_malformed"),
        ({"valid_from": date(1999, 1, 1)}, "dates_wrong"), ({"source": ""}, "text_missing"),
    ):  # fmt: skip
        with refused(Unusable, code):
            write(desk, "publicity_days", 3, **changed)


def test_a_town_is_named_by_its_nine_digits(desk: Desk):
    for changed, value, code in (
        ({"area_code": "330424"}, "武原街道", "area_town_malformed"), ({"area_code": ""}, "武原街道", "area_town_malformed"),
        ({"area_code": "330424100"}, "", "text_missing"), ({"area_code": "330424100"}, 7, "text_missing"), ({"area_code": "330424100"}, "镇" * 41, "text_long"),
    ):  # fmt: skip
        with refused(Unusable, code):
            write(desk, "town_name", value, **changed)
    write(desk, "town_name", "武原镇", area_code="330424100", valid_from=date(2020, 1, 1))
    write(desk, "town_name", "武原街道", area_code="330424100", valid_from=date(2026, 1, 1))
    with desk.database.read() as db:
        assert held.town_names(db, ["330424100", "330424101"], date(2026, 3, 1)) == {"330424100": "武原街道"}
        assert held.town_names(db, ["330424100"], date(2025, 3, 1)) == {"330424100": "武原镇"}


# --- words ----------------------------------------------------------------------------------------------------


def test_every_kind_has_its_name():
    wanted = [f"pay_kind.{kind}" for kind in PayKind] + [f"allowance_kind.{kind}" for kind in terms.ALLOWANCE_KINDS]
    wanted += [f"area_key.{key}" for key in (*terms.AREA_NUMBERS, "agreement_parties")]
    assert [key for key in wanted if key not in NAMES] == []
    assert [words.pay_kind(said) for said in ("计件", "Month", "点工", "周薪")] == ["piece", "month", "day", None]


def test_the_journal_holds_ids_and_codes_only(desk: Desk):
    desk.allow(note="王建国")
    desk.deduct(basis="王建国签字的单子")
    desk.void("allowance", 1, reason="王建国不要")
    with desk.database.read() as db:
        lines = accounts.journal_lines(db, desk.project_id, 10)
    assert [line.action for line in lines] == ["allowance.voided", "deduction.recorded", "allowance.added"]
    assert not any("王" in f"{line.object}{line.facts}" for line in lines)
