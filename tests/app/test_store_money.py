"""Payments are recorded once; a bundle holds every fact of a month and none of another project."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app.domain import chain
from app.domain.audit.rule import Finding, Severity
from app.domain.facts import DayKind
from app.errors import Conflict, NotFound
from app.store import accounts, findings, gates, money, terms, timekeeping
from app.tables import ChainHead, PassageRow, Project
from tests.cast import add_member, id_number, pass_through

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


def pay(db, cast, now, key="key-0001", **values):
    given = {"worker_id": cast.wang.id, "amount_fen": 1000_00, "paid_on": date(2026, 3, 31), "for_month": MARCH,
             "channel": "bank", "reference": None, "reverses_id": None, **values}
    return money.add_payment(
        db, project_id=cast.a.id, idempotency_key=key, recorded_by="wu", now=now, **given)


def test_a_payment_said_twice_is_paid_once(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        id_, created = pay(db, cast, now)
        assert created
        assert pay(db, cast, now + timedelta(days=1)) == (id_, False)
        assert len(money.payments(db, cast.a.id)) == 1
        for other in ({"amount_fen": 1}, {"worker_id": cast.li.id}, {"for_month": APRIL}, {"channel": "cash"}, {"reference": "x"}):
            with pytest.raises(Conflict) as conflict:
                pay(db, cast, now, **other)
            assert conflict.value.code == "payment_conflict"
        second, created = pay(db, cast, now, key="key-0002")
        assert created
        assert [p.id for p in money.payments(db, cast.a.id, MARCH)] == [id_, second]
        assert money.payments(db, cast.a.id, APRIL) == money.payments(db, cast.b.id) == ()


def test_a_transfer_comes_back_once_and_to_whom_it_was(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        first, _ = pay(db, cast, now)
        back = {"amount_fen": -1000_00, "reverses_id": first}
        with pytest.raises(NotFound):
            pay(db, cast, now, key="key-back", worker_id=cast.li.id, **back)
        id_, created = pay(db, cast, now, key="key-back", **back)
        assert created
        assert money.payment(db, cast.a.id, id_).reverses_id == first
        with pytest.raises(Conflict) as twice:
            pay(db, cast, now, key="key-back-2", **back)
        assert twice.value.code == "payment_reversed"
        with pytest.raises(NotFound):
            money.payment(db, cast.b.id, id_)
    with pytest.raises(DBAPIError), database.write() as db:
        pay(db, cast, now, key="key-zero", amount_fen=0)
    with pytest.raises(DBAPIError), database.write() as db:
        pay(db, cast, now, key="key-minus", amount_fen=-5)


def test_a_payment_of_a_batch_names_its_item(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        id_, _ = pay(db, cast, now, channel="account", item_id=7)
        assert pay(db, cast, now, channel="account", item_id=7) == (id_, False)
        with pytest.raises(Conflict, match="payment_conflict"):
            pay(db, cast, now, channel="account", item_id=8)
        assert money.payment(db, cast.a.id, id_).item_id == 7


def everything(db, cast, now):
    """One of each fact beside passages, on project A; and one of each that does not count."""
    by = {"recorded_by": "wu", "now": now}
    days = [timekeeping.CalendarDay(date(2026, 1, 1) + timedelta(days=n), DayKind.WORKDAY) for n in range(200)]
    timekeeping.add_calendar_days(db, days, source="test", by="gao", now=now)
    about = {"project_id": cast.a.id, "project_company_id": None, "team_id": None, "valid_to": None, **by}
    timekeeping.add_policy(db, **about, rules={"fold_seconds": 7}, valid_from=MARCH)
    voided = timekeeping.add_policy(db, **{**about, "team_id": cast.a.team_id}, rules={}, valid_from=MARCH)
    timekeeping.void_policy(db, voided, "wu", now)
    found = {}
    for acts in (("leader_ok", "officer_ok"), ("leader_ok",)):
        found["correction"] = timekeeping.add_correction(
            db, project_id=cast.a.id, worker_id=cast.wang.id, work_date=date(2026, 3, 3), kind="missing_out", in_at=None,
            out_at=now, passage_id=None, minutes=None, day_milli=None, reason="forgot", note="", evidence=[],
            requested_by="wu", requested_at=now,
        )  # fmt: skip
        for act in acts:
            timekeeping.add_step(db, found["correction"], act=act, note="", by=act, now=now)
    for void in (False, True):
        rows = {
            "day_mark": timekeeping.add_mark(
                db, project_id=cast.a.id, team_id=None, worker_id=None, kind="rain", from_on=date(2026, 3, 9),
                to_on=date(2026, 3, 10), pay_permille=500, note="", evidence=[], **by,
            ),
            "allowance": terms.add_allowance(
                db, engagement_id=cast.wang.engagement_id, kind="meal", per="day", amount_fen=20_00, valid_from=MARCH,
                valid_to=None, note="", **by,
            ),
            "work_measure": terms.add_measure(
                db, project_id=cast.a.id, team_id=cast.a.team_id, month=MARCH, measured_on=MARCH, item="绑扎", unit="t",
                quantity_milli=1, unit_price_fen=1, percent=100, split_by="shares",
                shares=[(cast.wang.engagement_id, 1)], evidence=[], **by,
            ),
        }  # fmt: skip
        for kind, row_id in rows.items() if void else ():
            terms.void(db, kind, row_id, "mistake", "wu", now)


def test_a_bundle_holds_everything_that_counts_and_the_calendar_around_it(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        everything(db, cast, now)
        db.execute(sa.update(Project).where(Project.id == cast.a.id).values(pay_day=10))
    with database.read() as db:
        month, whole, few = (
            money.project_month(db, cast.a.id, MARCH, now), money.project_to_date(db, cast.a.id, now),
            money.project_facts(db, cast.a.id, MARCH, now),
        )  # fmt: skip
        other = money.project_month(db, cast.b.id, MARCH, now)
    for bundle in (month, whole, few):
        assert [p.policy.fold for p in bundle.policies] == [timedelta(seconds=7)]
        assert [(c.kind, c.work_date) for c in bundle.corrections] == [("missing_out", date(2026, 3, 3))]
        assert [(m.kind, m.pay_permille) for m in bundle.marks] == [("rain", 500)]
        assert [(a.kind, a.amount_fen) for a in bundle.allowances] == [("meal", 20_00)]
        assert [(m.item, m.shares) for m in bundle.measures] == [("绑扎", ((cast.wang.engagement_id, 1),))]
        assert {t.overtime_rule for t in bundle.terms} == {"none"} and bundle.pay_day == 10
        # From forty days before the first entry to forty days after the month.
        assert min(bundle.calendar) == MARCH - timedelta(days=40)
        assert max(bundle.calendar) == APRIL + timedelta(days=39)
    assert not (other.policies or other.corrections or other.marks or other.allowances or other.measures)
    assert few.passages == () == few.payments


def test_a_bundle_asks_as_much_for_twenty_workers_as_for_two(database, people_on_site, vault, now):
    cast, asked = people_on_site, []

    def count() -> int:
        asked.clear()
        with database.read() as db:
            sa.event.listen(db.get_bind(), "before_cursor_execute", hear)
            try:
                money.project_month(db, cast.a.id, MARCH, now)
            finally:
                sa.event.remove(db.get_bind(), "before_cursor_execute", hear)
        assert asked
        return len(asked)

    def hear(*args: object) -> None:
        asked.append(args[2])

    with database.write() as db:
        everything(db, cast, now)
    count()  # the connection's first transaction says what it is for
    few = count()
    with database.write() as db:
        for n in range(18):
            add_member(db, vault, now, cast.a, "孙大山", id_number(date(1992, 5, 1), 2 * n + 11))
    assert count() == few < 25


def test_a_month_holds_its_facts_and_a_day_more_at_each_end(database, people_on_site):
    cast = people_on_site
    # Shanghai's March begins on 28 February 16:00 UTC.
    inside = [datetime(2026, 2, 27, 16, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC), datetime(2026, 4, 1, 15, 59, tzinfo=UTC)]
    outside = [datetime(2026, 2, 27, 15, 59, tzinfo=UTC), datetime(2026, 4, 1, 16, tzinfo=UTC)]
    later = datetime(2026, 6, 1, tzinfo=UTC)
    with database.write() as db:
        for at in inside + outside:
            pass_through(db, cast.a, "in", cast.wang.id, at)
        pass_through(db, cast.b, "in", cast.zhao.id, inside[1])
        pay(db, cast, later)
        pay(db, cast, later, key="key-april", for_month=APRIL)
    with database.read() as db:
        month = money.project_month(db, cast.a.id, date(2026, 3, 17), later)
        assert [p.occurred_at for p in month.passages] == inside
        assert month.month == MARCH
        assert {e.worker_id for e in month.engagements} == {t.worker_id for t in month.terms} == {cast.wang.id, cast.li.id}
        assert [p.for_month for p in month.payments] == [MARCH]
        assert month.policy.time_zone == "Asia/Shanghai"
        # The answer for an earlier instant knows nothing of what came after it.
        early = money.project_month(db, cast.a.id, MARCH, inside[1])
        assert [p.occurred_at for p in early.passages] == inside[:2]
        whole = money.project_to_date(db, cast.a.id, later)
        assert len(whole.passages) == 5
        assert len(whole.payments) == 2
        assert whole.month == date(2026, 6, 1)
        assert [p.worker_id for p in money.project_to_date(db, cast.b.id, later).passages] == [cast.zhao.id]
        with pytest.raises(NotFound):
            money.project_month(db, 99, MARCH, later)


# --- findings ----------------------------------------------------------------------------------------------


def found(key: str, digest: str = "d1", month: date = MARCH) -> Finding:
    return Finding(rule="paid_without_work", severity=Severity.RED, subject_kind="worker", subject_id=1, month=month,
                   evidence=(("payment", 7),), facts={"amount_fen": 5}, key=key, evidence_digest=digest)


def test_a_night_worker_at_a_two_way_lane_keeps_his_days_at_the_turn_of_the_month(database, people_on_site, now):
    """He is inside whenever a window could open; the month's days must be those of the whole history."""
    from app.domain.audit.rule import reckon

    a, wang = people_on_site.a, people_on_site.wang
    with database.write() as db:
        lane = gates.add_gate(db, project_id=a.id, name="双向通道", direction="both")
        for evening in range(20, 36):
            at = datetime(2026, 3, 1, 11, tzinfo=UTC) + timedelta(days=evening - 1)
            for hour in (0, 11):
                moment = at + timedelta(hours=hour)
                gates.add_passage(
                    db, project_id=a.id, device_id=a.entrance.device_id, gate_id=lane, direction="both",
                    event_key=f"night-{moment.isoformat()}", content_sha256="0" * 64, worker_id=wang.id, channel="card",
                    verdict="admit", code="admitted", captured_at=moment, received_at=moment, occurred_at=moment,
                )
    as_of = datetime(2026, 4, 20, tzinfo=UTC)
    with database.read() as db:
        whole = {d.work_date: d for d in reckon(money.project_to_date(db, a.id, as_of)).days}
        april = reckon(money.project_month(db, a.id, date(2026, 4, 1), as_of)).days
    days = {d.work_date: (d.state, d.minutes) for d in april if d.work_date.month == 4}
    assert days and days == {on: (d.state, d.minutes) for on, d in whole.items() if on.month == 4 and on in days}
    assert {minutes for _state, minutes in days.values()} == {660}


def test_tonights_findings_meet_last_nights(database, people_on_site, now):
    project = people_on_site.a.id
    with database.write() as db:
        assert findings.keep_findings(db, project, MARCH, [found("a"), found("b")], now) == findings.Kept(2, 0, 0, 0)
        later = now + timedelta(days=1)
        assert findings.keep_findings(db, project, MARCH, [found("a"), found("c")], later) == findings.Kept(1, 1, 1, 0)
        # Another month and another project clear nothing here.
        assert findings.keep_findings(db, project, APRIL, [], later) == findings.Kept(0, 0, 0, 0)
        assert findings.keep_findings(db, people_on_site.b.id, MARCH, [], later) == findings.Kept(0, 0, 0, 0)
        rows = {f.key: f for f in findings.findings(db, project)}
        assert {k: (f.first_seen_at, f.last_seen_at, f.cleared_at) for k, f in rows.items()} == {
            "a": (now, later, None), "b": (now, now, later), "c": (later, later, None)}
        assert rows["a"].evidence == (("payment", 7),)
        assert findings.keep_findings(db, project, MARCH, [found("b")], later) == findings.Kept(0, 0, 2, 1)
        assert [f.key for f in findings.findings(db, project, MARCH, open_only=True)] == ["b"]
        for wrong in ([found("x"), found("x")], [found("x", month=APRIL)]):
            with pytest.raises(ValueError):
                findings.keep_findings(db, project, MARCH, wrong, now)
        with pytest.raises(NotFound):
            findings.keep_findings(db, 99, MARCH, [], now)


def test_a_decision_stays_with_its_finding_until_the_evidence_changes(database, people_on_site, now):
    project = people_on_site.a.id
    with database.write() as db:
        findings.keep_findings(db, project, MARCH, [found("a")], now)
        [one] = findings.findings(db, project, open_only=True)
        findings.decide_finding(db, project_id=project, finding_id=one.id, state="acknowledged", note="看一下", by="lin", now=now)
        findings.decide_finding(db, project_id=project, finding_id=one.id, state="explained", note="补发", by="lin", now=now)
        findings.keep_findings(db, project, MARCH, [found("a")], now)
        decided = findings.finding(db, project, one.id)
        assert (decided.state, decided.decided, decided.note, decided.is_stale) == ("explained", "explained", "补发", False)
        assert [d.state for d in findings.decisions(db, one.id)] == ["acknowledged", "explained"]
        assert findings.findings(db, project, open_only=True) == []
        findings.keep_findings(db, project, MARCH, [found("a", "d2")], now)
        [again] = findings.findings(db, project, open_only=True)
        assert again.is_stale
        with pytest.raises(NotFound):
            findings.decide_finding(db, project_id=people_on_site.b.id, finding_id=one.id, state="x", note="", by="zhou", now=now)


# --- accounts ----------------------------------------------------------------------------------------------


def test_a_session_ends_when_it_is_over_revoked_or_the_account_is_closed(database, people_on_site, now):
    hour = timedelta(hours=1)
    with database.write() as db:
        for token in ("a" * 64, "b" * 64):
            accounts.add_sign_in(db, token_sha256=token, account_id=people_on_site.chen, now=now, expires_at=now + hour)
        assert accounts.signed_in(db, "a" * 64, now)[0].id == people_on_site.chen
        assert accounts.signed_in(db, "a" * 64, now + hour) is None
        assert accounts.signed_in(db, "c" * 64, now) is None
        accounts.revoke_sign_in(db, "a" * 64, now)
        assert accounts.signed_in(db, "a" * 64, now) is None
        assert accounts.signed_in(db, "b" * 64, now) is not None
        accounts.disable_account(db, people_on_site.chen, now)
        assert accounts.signed_in(db, "b" * 64, now) is None
        assert accounts.purge_sign_ins(db, now + 2 * hour, now) == 2


def test_roles_are_given_once_even_where_a_reach_is_missing(database, people_on_site):
    with database.write() as db:
        for _ in range(2):
            accounts.add_membership(db, account_id=people_on_site.gao, role="administrator")
        [role] = accounts.memberships(db, people_on_site.gao)
        assert (role.role, role.project_id, role.area_code) == ("administrator", None, None)
        accounts.remove_membership(db, role.id)
        assert accounts.memberships(db, people_on_site.gao) == []
        with pytest.raises(Conflict):
            accounts.add_account(db, login="chen", name="x", password_hash="x", now=datetime.now(UTC))


def test_failed_tries_count_until_the_next_success_and_by_address(database, now):
    minute = timedelta(minutes=1)

    def tried(db, login, succeeded, at=now, address="1.2.3.4"):
        accounts.add_attempt(db, login_index=login, address=address, succeeded=succeeded, now=at)

    with database.write() as db:
        for _ in range(3):
            tried(db, "chen", False)
        assert accounts.attempts_failed(db, "chen", now - minute) == 3
        assert accounts.attempts_failed(db, "chen", now + minute) == 0
        assert accounts.attempts_failed(db, "zhou", now - minute) == 0
        assert accounts.attempts_failed(db, "chen", now - minute, address="1.2.3.4") == 3
        assert accounts.attempts_failed(db, "chen", now - minute, address="5.6.7.8") == 0
        assert accounts.attempts_failed(db, "zhou", now - minute, address="1.2.3.4") == 0
        assert accounts.address_failed(db, "1.2.3.4", now - minute) == 3
        assert accounts.last_attempt_at(db, "chen") == now
        assert accounts.last_attempt_at(db, "zhou") is None
        assert not accounts.signed_in_from(db, "chen", "1.2.3.4", now - minute)
        tried(db, "chen", True, address="5.6.7.8")
        assert accounts.attempts_failed(db, "chen", now - minute) == 0
        assert accounts.attempts_failed(db, "chen", now - minute, address="1.2.3.4") == 3, "a success elsewhere is no success here"
        tried(db, "chen", True)
        assert accounts.attempts_failed(db, "chen", now - minute, address="1.2.3.4") == 0
        assert accounts.address_failed(db, "1.2.3.4", now - minute) == 2
        assert accounts.signed_in_from(db, "chen", "1.2.3.4", now - minute)
        assert not accounts.signed_in_from(db, "chen", "1.2.3.4", now + minute)
        # Three failures go; where a login is known stays longer.
        assert accounts.purge_sign_ins(db, now + minute, now) == 3
        assert accounts.purge_sign_ins(db, now + minute, now + minute) == 2


def test_the_journal_tells_who_did_what(database, people_on_site, now):
    with database.write() as db:
        accounts.journal(db, at=now, actor="wu", action="x", project_id=people_on_site.a.id, object="worker:1", facts={"n": 1})
        accounts.journal(db, at=now, actor="gao", action="y", project_id=None, object="account:1", facts={})
        assert [line.actor for line in accounts.journal_lines(db, None)] == ["gao", "wu"]
        assert [line.facts for line in accounts.journal_lines(db, people_on_site.a.id)] == [{"n": 1}]


# --- speed -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_month_of_passages_is_gathered_and_verified_in_seconds(database, people_on_site, now, capsys):
    """250 workers, 30 days, 4 passages: 30,000. The bounds are ten times what is measured, for slow machines; the months of
    5,000 workers are measured by ``bench.wages``, and verifying takes as long for each link, however many there are."""
    cast = people_on_site
    rows, last = [], chain.GENESIS
    start = datetime(2026, 3, 1, tzinfo=UTC)
    for seq in range(1, 30_001):
        at = start + timedelta(seconds=80 * seq)
        fields = dict.fromkeys(gates._CHAINED)
        fields |= {"project_id": cast.a.id, "device_id": cast.a.entrance.device_id, "gate_id": cast.a.entrance.gate_id,
                   "direction": "in", "event_key": f"e{seq}", "content_sha256": "0" * 64, "worker_id": cast.wang.id,
                   "channel": "face", "verdict": "admit", "code": "admitted", "captured_at": at, "received_at": at,
                   "occurred_at": at, "similarity": 0.61, "margin": 0.2, "similarity_min": 0.5, "margin_min": 0.1,
                   "contract_id": "c" * 64, "quality": {"sharpness": 0.5, "face_pixels": 140}}
        salt = seq.to_bytes(16, "big")
        hash_ = chain.link(last, seq, "passage", chain.commitment(salt, gates.committed(fields)))
        rows.append({**fields, "seq": seq, "salt": salt, "prev_hash": last, "hash": hash_})
        last = hash_
    with database.write() as db:
        if database.engine.dialect.name == "postgresql":
            db.execute(sa.text("SET LOCAL session_replication_role = replica"))
        else:
            for name in db.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
                db.execute(sa.text(f"DROP TRIGGER {name}"))
        for first in range(0, len(rows), 10_000):
            db.execute(sa.insert(PassageRow.__table__), rows[first : first + 10_000])
        db.execute(sa.update(ChainHead.__table__).where(ChainHead.project_id == cast.a.id).values(seq=30_000, hash=last))
    with database.read() as db:
        began = time.perf_counter()
        month = money.project_month(db, cast.a.id, MARCH, now)
        gathered_s = time.perf_counter() - began
        began = time.perf_counter()
        assert list(gates.verify_chain(db, cast.a.id)) == []
        verified_s = time.perf_counter() - began
    assert len(month.passages) == 30_000
    with capsys.disabled():
        print(f"\n[{database.engine.dialect.name}] 30,000 passages: gathered {gathered_s:.2f} s, verified {verified_s:.2f} s")
    assert gathered_s < 2.5
    assert verified_s < 10
