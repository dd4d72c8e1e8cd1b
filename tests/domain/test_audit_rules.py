"""Every audit rule: it fires, it is silent just below, it excuses who is to be excused.

One row a rule. A row is three months: keywords of ``audit_month.found`` (or ``county``).
"""

import string
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import pytest

from app.domain import audit
from app.domain.audit import (
    COUNTY_RULES,
    LAWS,
    LIMITS,
    NOT_POSSIBLE,
    RULES,
    Beside,
    CountyMonth,
    Rule,
    Severity,
    Thresholds,
    cited,
    from_area,
    run,
    run_county,
    sentence,
)
from app.domain.audit.thresholds import VERSION
from app.domain.facts import DayKind, MarkKind, Measure, PayKind, Payment, ProjectMonth, Terms
from tests.domain.audit_month import (
    APRIL,
    MARCH,
    MAY,
    NOTICE,
    Batch,
    Card,
    Debit,
    Elsewhere,
    Held,
    Paper,
    Person,
    Sighting,
    SpecialAccount,
    Trace,
    act,
    at,
    beside,
    change,
    county,
    found,
    full,
    leave,
    line,
    march,
    sheet,
    transfer,
)
from tests.story import CAST, engagements, paid, project_month

WAGE = Thresholds(minimum_wage_fen=2260_00)
ACCOUNT = SpecialAccount(5, date(2026, 1, 10), ("owner", "general_contractor", "bank"))
TEN = [n for n in CAST if n != "feng"]


CARDS = "3 08:00 wang in g1 card\n3 08:01 li in g1 code\n3 17:00 wang out g1 id_card\n3 17:01 li out g1 card"


def days(who: str, first: int, count: int, gate: str = "g1") -> str:
    return "\n".join(full(who, day=first + n, gate=gate) for n in range(count))


def pay(who: str, fen: int, on: date, id: int = 1, channel: str = "account", **more) -> Payment:
    return Payment(id, CAST[who], fen, on, MARCH, channel, **more)


def hourly(*who: str) -> tuple[Terms, ...]:
    return tuple(Terms(90 + n, CAST[w], CAST[w], PayKind.HOUR, 30_00, date(2026, 1, 1)) for n, w in enumerate(who))


def trace(id: int, **more) -> Trace:
    values = {"device_id": "d1", "event_key": f"a1:{id}", "content": f"c{id}", "received_at": at(march(3))} | more
    return Trace(id, **values)


CASES: dict[str, tuple[dict, dict, dict]] = {
    # --- money
    "sheet_line_unpaid": (
        {"beside": beside(lines=(line(),), transfers=(transfer(code="account_unknown"),))},
        {"at": "04-15 23:00", "beside": beside(lines=(line(),))},
        {"beside": beside(lines=(line(),)), "payments": [pay("wang", 400_00, APRIL, channel="bank")], "story": full("wang"), "wang": 400_00},
    ),
    "paid_coverage": (
        {"story": full("wang", "li"), "payments": paid(li=1), "wang": 400_00, "li": 400_00},
        {"story": full("wang", "li"), "payments": paid(li=1, wang=1), "wang": 400_00, "li": 400_00},
        {"story": full("wang", "li"), "payments": paid(li=1), "wang": 400_00, "li": 400_00, "withheld": ((1, MARCH, 400_00),)},
    ),
    "no_account_payment": (
        {"story": full("wang"), "at": "05-01 00:00", "payments": [pay("wang", 1, APRIL, channel="cash")], "wang": 400_00},
        {"story": full("wang"), "at": "04-30 23:59", "wang": 400_00},
        {"story": full("wang"), "at": "05-01 00:00", "payments": [pay("wang", 1, date(2026, 4, 30))], "wang": 400_00},
    ),
    "paid_late": (
        {"payments": [pay("wang", 5, date(2026, 4, 16))]},
        {"payments": [pay("wang", 5, date(2026, 4, 15))]},
        {"payments": [pay("wang", 5, date(2026, 4, 16)), pay("wang", -5, date(2026, 4, 17), 2, reverses_id=1)]},
    ),
    "living_allowance": (
        {"story": full("wang"), "wang": 400_00, "payments": paid(wang=300_00), "beside": beside(before={1: (8000_00, 1000_00)})},
        {"story": full("wang"), "wang": 400_00, "payments": paid(wang=320_00), "beside": beside(before={1: (8000_00, 1000_00)})},
        {"story": full("wang"), "wang": 400_00, "payments": paid(wang=300_00), "beside": beside(before={1: (8000_00, 8000_00)})},
    ),
    "below_minimum_wage": (
        {"story": full("wang"), "wang": 103_90, "limits": WAGE},
        {"story": full("wang"), "wang": 103_91, "limits": WAGE},
        {"story": full("wang"), "wang": 50_00},
    ),
    "average_below_minimum": (
        {"story": days("wang", 2, 20), "payments": paid(wang=2259_99), "wang": 400_00, "limits": WAGE},
        {"story": days("wang", 2, 20), "payments": paid(wang=2260_00), "wang": 400_00, "limits": WAGE},
        {"story": days("wang", 2, 5), "payments": paid(wang=1000_00), "wang": 400_00, "limits": WAGE},
    ),
    "paid_to_another": (
        {"beside": beside(transfers=(transfer(holder_is_worker=False),))},
        {"beside": beside(transfers=(transfer(),))},
        {"beside": beside(transfers=(transfer(holder_is_worker=False, sent_on=None),))},
    ),
    "card_changed_before_pay": (
        {"beside": beside(cards=(Card(7, 1, date(2026, 4, 7), 6),), transfers=(transfer(),))},
        {"beside": beside(cards=(Card(7, 1, date(2026, 4, 6), 6),), transfers=(transfer(),))},
        {"beside": beside(cards=(Card(7, 1, date(2026, 4, 13), None),), transfers=(transfer(),))},
    ),
    "uniform_amounts": (
        {
            "story": "\n".join(days(w, 2, n + 1) for n, w in enumerate(TEN[:5])),
            "payments": paid(**dict.fromkeys(TEN[:5], 1000_00)), **dict.fromkeys(TEN[:5], 400_00),
        },
        {
            "story": "\n".join(days(w, 2, n + 1) for n, w in enumerate(TEN[:4])),
            "payments": paid(**dict.fromkeys(TEN[:4], 1000_00)), **dict.fromkeys(TEN[:4], 400_00),
        },
        {
            "story": "\n".join(days(w, 2, 2) for w in TEN[:5]),
            "payments": paid(**dict.fromkeys(TEN[:5], 800_00)), **dict.fromkeys(TEN[:5], 400_00),
        },
    ),
    "high_pay": (
        {"payments": [pay("wang", 50_000_01, APRIL)]},
        {"payments": [pay("wang", 50_000_00, APRIL)], "beside": beside(year_paid={1: 300_000_00})},
        {"payments": [pay("wang", 50_000_01, APRIL), pay("wang", -50_000_01, APRIL, 2, reverses_id=1)]},
    ),
    "unlawful_deduction": (
        {"beside": beside(lines=(line(net=799_99, gross_fen=1000_00, deductions_fen=200_01, capped_fen=200_01),))},
        {"beside": beside(lines=(line(net=800_00, gross_fen=1000_00, deductions_fen=200_00, capped_fen=200_00),))},
        {"beside": beside(lines=(line(net=500_00, gross_fen=1000_00, deductions_fen=500_00),))},
    ),
    "paid_unsigned": (
        {"beside": beside(lines=(line(verdict=None),), transfers=(transfer(arrived=APRIL),))},
        {"beside": beside(lines=(line(),), transfers=(transfer(arrived=APRIL),))},
        {"beside": beside(lines=(line(verdict=None),), transfers=(transfer(),))},
    ),
    "funding_late": (
        {"story": full("wang"), "beside": beside(account=ACCOUNT, funding=((9, date(2026, 3, 14), 1),))},
        {"story": full("wang"), "beside": beside(account=ACCOUNT, funding=((9, date(2026, 3, 15), 1),))},
        {"story": full("wang"), "beside": beside(account=replace(ACCOUNT, opened_on=date(2026, 3, 20)))},
    ),
    "funding_below_plan": (
        {"at": "11 00:00", "beside": beside(account=ACCOUNT, plans=((3, MARCH, march(10), 500_00),), funding=((9, march(10), 499_99), (8, march(11), 900_00)))},
        {"at": "11 00:00", "beside": beside(account=ACCOUNT, plans=((3, MARCH, march(10), 500_00),), funding=((9, march(10), 500_00),))},
        {"at": "10 23:00", "beside": beside(account=ACCOUNT, plans=((3, MARCH, march(10), 500_00),))},
    ),
    "balance_short": (
        {"at": "04-12 00:00", "beside": beside(lines=(line(),), account=replace(ACCOUNT, balance_fen=399_99, statement_line_id=3))},
        {"at": "04-12 00:00", "beside": beside(lines=(line(),), account=replace(ACCOUNT, balance_fen=400_00, statement_line_id=3))},
        {"at": "04-11 23:00", "beside": beside(lines=(line(),), account=replace(ACCOUNT, balance_fen=0, statement_line_id=3))},
    ),
    "money_left_account": (
        {"beside": beside(debits=(Debit(4, march(9), 5000_00, "unknown"),))},
        {"beside": beside(debits=(Debit(4, march(9), 5000_00, "item_result"),))},
        {"beside": beside(debits=(Debit(4, march(9), 5_00, "fee"),))},
    ),
    "paid_off_account": (
        {"payments": [pay("wang", 5, APRIL, channel="cash")]},
        {"payments": [pay("wang", 5, APRIL)]},
        {"payments": [pay("wang", 5, APRIL, channel="bank"), pay("wang", -5, APRIL, 2, channel="bank", reverses_id=1)]},
    ),
    "exited_unsettled": (
        {"story": full("wang"), "wang": 400_00, "engaged": engagements(["wang"], exit_on=march(5)), "calendar": NOTICE, "at": "8 00:00"},
        {"story": full("wang"), "wang": 400_00, "engaged": engagements(["wang"], exit_on=march(5)), "calendar": NOTICE, "at": "7 23:00"},
        {
            "story": full("wang"), "wang": 400_00, "engaged": engagements(["wang"], exit_on=march(5)),
            "beside": beside(settlements={1: (8, True)}),
        },
    ),
    "bank_mismatch": (
        {"beside": beside(batches=(Batch(1, 2, 800_00, 2, 799_99, 0, "wu"),))},
        {"beside": beside(batches=(Batch(1, 2, 800_00, 2, 800_00, 0, "wu"),))},
        {"beside": beside(batches=(Batch(1, 2, 800_00, 1, 400_00, 0, "wu", (act("withdrawn", APRIL),)),))},
    ),
    # --- days
    "worked_not_on_sheet": (
        {"story": full("wang"), "at": "04-10 00:00", "beside": beside(lines=(line(who="li"),))},
        {"story": full("wang"), "at": "04-09 23:00", "beside": beside()},
        {"story": full("wang"), "at": "04-10 00:00", "beside": beside(lines=(line(),))},
    ),
    "many_not_on_sheet": (
        {"story": full(*TEN), "beside": beside(lines=tuple(line(n, w) for n, w in enumerate(TEN[:6], 1)))},
        {
            "story": full(*TEN), "limits": Thresholds({"not_on_sheet_red_percent": 15}),
            "beside": beside(lines=tuple(line(n, w) for n, w in enumerate(TEN[:6], 1))),
        },
        {"story": full(*TEN), "payments": paid(**{TEN[6]: 1}), "beside": beside(lines=tuple(line(n, w) for n, w in enumerate(TEN[:6], 1)))},
    ),
    "sheet_days_above_gate": (
        {"story": full("wang"), "beside": beside(lines=(line(milli=1001),))},
        {"story": full("wang"), "beside": beside(lines=(line(milli=1000),))},
        {"story": full("wang"), "beside": beside(lines=(line(milli=5000, origin_month=date(2026, 2, 1)),))},
    ),
    "more_days_than_month": (
        {"beside": beside(lines=(line(milli=31_001),))},
        {"beside": beside(lines=(line(milli=31_000),))},
        {"beside": beside(lines=(line(milli=31_001, origin_month=date(2026, 2, 1)),))},
    ),
    "passage_during_stoppage": (
        {"story": full("wang"), "marks": (leave(MarkKind.STOPPAGE, 3),)},
        {"story": full("wang"), "marks": (leave(MarkKind.STOPPAGE, 4),)},
        {"story": full("wang"), "marks": (leave(MarkKind.RAIN, 3),)},
    ),
    "passage_on_leave": (
        {"story": full("wang"), "marks": (leave(MarkKind.LEAVE, 3, "wang"),)},
        {"story": full("wang"), "marks": (leave(MarkKind.LEAVE, 4, "wang"),)},
        {"story": full("wang"), "marks": (leave(MarkKind.REST, 3, "wang"),)},
    ),
    "stay_too_long": (
        {"story": "3 08:00 wang in g1\n4 00:01 wang out g1"},
        {"story": "3 08:00 wang in g1\n4 00:00 wang out g1"},
        {"story": "3 08:00 wang in g1"},
    ),
    "overtime_limit": (
        {"story": "3 07:00 wang in g1\n3 18:01 wang out g1"},
        {"story": "3 07:00 wang in g1\n3 18:00 wang out g1"},
        {"story": "3 07:00 feng in g1\n3 18:01 feng out g1"},
    ),
    "no_weekly_rest": (
        {"story": days("wang", 1, 28)},
        {"story": days("wang", 1, 27) + "\n" + days("wang", 29, 2)},
        {"story": days("wang", 1, 14) + "\n" + days("li", 15, 14)},
    ),
    "data_silence": (
        {"story": full("wang"), "at": "11 12:00", "beside": beside(last_passage_at=at(march(3)))},
        {"story": full("wang"), "at": "10 12:00", "beside": beside(last_passage_at=at(march(3)))},
        {"story": full("wang"), "at": "11 12:00", "beside": beside(last_passage_at=at(march(3))), "marks": (leave(MarkKind.STOPPAGE, 6),)},
    ),
    # --- people
    "refused_again": (
        {"story": "3 08:00 feng in g1 refused\n4 08:00 feng in g1 refused"},
        {"story": "3 08:00 feng in g1 refused\n3 09:00 feng in g1 refused"},
        {"story": "3 08:00 wang in g1 refused\n4 08:00 wang in g1 refused"},
    ),
    "no_agreement": (
        {"story": full("wang")},
        {"story": full("wang"), "wang": 400_00},
        {"story": "3 08:00 wang in g1"},
    ),
    "agreement_not_scanned": (
        {"story": full("wang"), "wang": 400_00, "beside": beside()},
        {"story": full("wang"), "wang": 400_00, "beside": beside(terms_scanned=frozenset({1}))},
        {"story": "3 08:00 wang in g1", "wang": 400_00, "beside": beside()},
    ),
    "under_age": (
        {"story": full("wang"), "beside": beside(people=(Person(1, date(2008, 3, 4), "M"),))},
        {"story": full("wang"), "beside": beside(people=(Person(1, date(2008, 3, 3), "M"),))},
        {"story": full("wang"), "beside": beside(people=(Person(2, date(2012, 3, 3), "M"),))},
    ),
    "over_age": (
        {"story": full("wang"), "beside": beside(people=(Person(1, date(1966, 3, 31), "M"),))},
        {"story": full("wang"), "beside": beside(people=(Person(1, date(1966, 4, 1), "M"),))},
        {"story": full("wang"), "beside": beside(people=(Person(2, date(1950, 4, 1), "M"),))},
    ),
    "template_left": (
        {"at": "04-03 00:00", "beside": beside(templates_left=((3, 1, march(3)),))},
        {"at": "04-02 23:00", "beside": beside(templates_left=((3, 1, march(3)),))},
        {"at": "04-03 00:00", "beside": beside(templates_left=((3, 1, APRIL),))},
    ),
    "key_post_absent": (
        {"story": days("wang", 1, 24), "calendar": NOTICE, "beside": beside(papers=(Paper(2, "key_post", MARCH, worker_id=1, detail={"post": "safety_officer"}),))},
        {"story": days("wang", 1, 25), "calendar": NOTICE, "beside": beside(papers=(Paper(2, "key_post", MARCH, worker_id=1, detail={"post": "safety_officer"}),))},
        {
            "story": days("wang", 1, 24), "calendar": NOTICE, "marks": (leave(MarkKind.LEAVE, 30, "wang"),),
            "beside": beside(papers=(Paper(2, "key_post", MARCH, worker_id=1, detail={"post": "safety_officer"}),)),
        },
    ),
    "labour_officer_missing": (
        {"story": full("wang"), "beside": beside()},
        {"story": full("wang"), "beside": beside(labour_officers=(4,))},
        {"story": full("wang"), "beside": beside(papers=(Paper(2, "key_post", MARCH, worker_id=2, detail={"post": "labour_officer"}),))},
    ),
    "identity_doubtful": (
        {"story": full("wang"), "beside": beside(identity={1: (6, False)})},
        {"story": full("wang"), "beside": beside(identity={1: (6, True)})},
        {"story": full("wang"), "beside": beside(identity={2: (6, False)})},
    ),
    "identity_unchecked": (
        {"story": full("wang"), "beside": beside(identity_wanted=True)},
        {"story": full("wang"), "beside": beside(identity_wanted=True, identity={1: (6, True)})},
        {"story": full("wang"), "beside": beside()},
    ),
    # --- process
    "same_hand": (
        {"beside": beside(changes=(change(1, "wang", 3, by="wu", ok=("liu", "wu")),))},
        {"beside": beside(changes=(change(1, "wang", 3),))},
        {"beside": beside(sheets=(sheet(act("submitted", APRIL, "liu"), act("approved", APRIL, "chen")),))},
    ),
    "changed_after_signature": (
        {"beside": beside(lines=(line(verdict=None, signed_other_id=4),))},
        {"beside": beside(lines=(line(verdict=None),))},
        {"beside": beside(lines=(line(verdict="agree", signed_other_id=4),))},
    ),
    "redrafted_after_publicity": (
        {"beside": beside(sheets=(sheet(published_before=3, version=2),))},
        {"beside": beside(sheets=(sheet(version=2),))},
        {"beside": beside(sheets=(sheet(act("publicised", APRIL), published_before=3, version=2),))},
    ),
    "many_corrections": (
        {"story": days("wang", 1, 20), "beside": beside(changes=tuple(change(n, "wang", n) for n in (1, 2, 3)))},
        {"story": days("wang", 1, 20), "beside": beside(changes=tuple(change(n, "wang", n) for n in (1, 2)))},
        {"story": days("wang", 1, 20), "beside": beside(changes=tuple(change(n, "wang", n, reason="gate_broken") for n in range(1, 6)))},
    ),
    "publicity_short": (
        {"beside": beside(sheets=(sheet(act("publicised", date(2026, 4, 6)), act("approved", date(2026, 4, 8))),))},
        {"beside": beside(sheets=(sheet(act("publicised", date(2026, 4, 6)), act("approved", date(2026, 4, 9))),))},
        {"beside": beside(sheets=(sheet(act("publicised", date(2026, 4, 6))),))},
    ),
    "closed_late": (
        {"story": full("wang"), "at": "04-21 00:00", "beside": beside()},
        {"story": full("wang"), "at": "04-20 23:00", "beside": beside()},
        {"story": full("wang"), "at": "05-21 00:00", "beside": beside(period_closed_on=date(2026, 4, 20))},
    ),
    "piece_without_measure": (
        {"story": full("wang"), "agreed": [Terms(9, 1, 1, PayKind.PIECE, 30_00, MARCH, unit="m2")]},
        {"story": full("wang"), "agreed": [Terms(9, 1, 1, PayKind.PIECE, 30_00, MARCH, unit="m2")], "at": "04-09 23:00"},
        {
            "story": full("wang"), "agreed": [Terms(9, 1, 1, PayKind.PIECE, 30_00, MARCH, unit="m2")],
            "measures": (Measure(1, 1, MARCH, "wall", "m2", 1000, 30_00, 100, "days", True),),
        },
    ),
    "no_special_account": (
        {"at": "20 12:00", "beside": beside(started_on=date(2026, 2, 17))},
        {"at": "19 12:00", "beside": beside(started_on=date(2026, 2, 17))},
        {"beside": beside(started_on=date(2026, 2, 1), account=ACCOUNT, parties_required=("owner", "general_contractor", "bank"))},
    ),
    "deposit_missing": (
        {"at": "30 12:00", "beside": beside(papers=(Paper(1, "works_contract", MARCH),))},
        {"at": "29 12:00", "beside": beside(papers=(Paper(1, "works_contract", MARCH),))},
        {"beside": beside(papers=(Paper(1, "works_contract", MARCH), Paper(2, "deposit_guarantee", MARCH, date(2026, 12, 1))))},
    ),
    "board_incomplete": (
        {"story": full("wang"), "beside": beside(papers=(Paper(2, "notice_board", MARCH, detail={"parties": True, "pay": True}),))},
        {
            "story": full("wang"),
            "beside": beside(papers=(Paper(2, "notice_board", MARCH, detail={"parties": True, "pay": True, "contacts": True, "pay_day": 15}),)),
        },
        {"beside": beside()},
    ),
    # --- gates
    "gate_silent": (
        {"story": "\n".join(full(*TEN, day=d) for d in (3, 4, 5)) + "\n3 06:00 wang in g2\n5 06:00 wang in g2", "limits": Thresholds({"gate_busy_passages": 6})},
        {"story": "\n".join(full(*TEN, day=d) for d in (3, 4, 5)) + "\n3 06:00 wang in g2\n5 06:00 wang in g2", "limits": Thresholds({"gate_busy_passages": 7})},
        {"story": "\n".join(full(*TEN, day=d) for d in (3, 4, 5)) + "\n5 06:00 wang in g2", "limits": Thresholds({"gate_busy_passages": 6})},
    ),
    "sequence_gap": (
        {"story": CARDS, "beside": beside(traces=(trace(1), trace(2), trace(4)))},
        {"story": CARDS, "beside": beside(traces=(trace(1), trace(2), trace(3)))},
        {"story": CARDS, "beside": beside(traces=(trace(1), trace(2), trace(4, event_key="b2:4")))},
    ),
    "device_clock_ahead": (
        {"story": full("wang"), "beside": beside(traces=(trace(1, captured_at=at(march(3), 8, 1, 1)),))},
        {"story": full("wang"), "beside": beside(traces=(trace(1, captured_at=at(march(3), 8, 1, 0)),))},
        {"story": full("wang"), "beside": beside(traces=(trace(1, captured_at=at(march(2))),))},
    ),
    "late_delivery": (
        {"story": full("wang"), "beside": beside(traces=(trace(1, received_at=at(march(10), 8, 0, 1)),))},
        {"story": full("wang"), "beside": beside(traces=(trace(1, received_at=at(march(10))),))},
        {"story": "3 08:00 wang in g1 refused", "beside": beside(traces=(trace(1, received_at=at(march(20))),))},
    ),
    "admitted_below_threshold": (
        {"story": full("wang"), "beside": beside(traces=(trace(1, similarity=0.499, similarity_min=0.5),))},
        {"story": full("wang"), "beside": beside(traces=(trace(1, similarity=0.5, similarity_min=0.5),))},
        {"story": "3 08:00 wang in g1 confirmed", "beside": beside(traces=(trace(1, similarity=0.4, similarity_min=0.5),))},
    ),
}

COUNTY_CASES: dict[str, tuple[dict, dict, dict]] = {
    "engaged_twice": (
        {"engagements": (Elsewhere(1, 1, 1, MARCH, None), Elsewhere(2, 1, 2, march(30), None))},
        {"engagements": (Elsewhere(1, 1, 1, MARCH, march(30)), Elsewhere(2, 1, 2, march(30), None))},
        {"engagements": (Elsewhere(1, 1, 1, MARCH, None), Elsewhere(2, 2, 2, MARCH, None))},
    ),
    "shared_card": (
        {"engagements": (Elsewhere(1, 1, 1, MARCH, None),), "cards": (Held(4, 1, 0), Held(5, 2, 0))},
        {"engagements": (Elsewhere(1, 1, 1, MARCH, None),), "cards": (Held(4, 1, 0), Held(5, 2, 1))},
        {"engagements": (Elsewhere(1, 1, 1, date(2026, 1, 1), MARCH),), "cards": (Held(4, 1, 0), Held(5, 2, 0))},
    ),
    "possible_same_person": (
        {"engagements": (Elsewhere(1, 1, 1, MARCH, None),), "doubles": ((1, 9),)},
        {"engagements": (Elsewhere(1, 2, 1, MARCH, None),), "doubles": ((1, 9),)},
        {"engagements": (Elsewhere(1, 1, 7, MARCH, None),), "doubles": ((1, 9),)},
    ),
    "one_face_twice": (
        {"engagements": (Elsewhere(1, 1, 1, MARCH, None),), "twins": ((3, 1, 9, None),)},
        {"engagements": (Elsewhere(1, 2, 1, MARCH, None),), "twins": ((3, 1, 9, None),)},
        {"engagements": (Elsewhere(1, 1, 1, MARCH, None),), "twins": ((3, 1, 9, "different_people"),)},
    ),
    "in_two_places": (
        {"sightings": (Sighting(1, 1, 1, at(march(3), 8)), Sighting(2, 1, 2, at(march(3), 8, 9, 59)))},
        {"sightings": (Sighting(1, 1, 1, at(march(3), 8)), Sighting(2, 1, 2, at(march(3), 8, 10)))},
        {"sightings": (Sighting(1, 1, 1, at(march(3), 8)), Sighting(2, 2, 2, at(march(3), 8, 1)))},
    ),
}


def said(rule: str, month: dict) -> list:
    month = dict(month)
    story = month.pop("story", "")
    return county(rule, **month) if rule in COUNTY_RULES else found(rule, story, **month)


EVERY = CASES | COUNTY_CASES


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_fires(rule):
    findings = said(rule, EVERY[rule][0])
    assert [f.rule for f in findings] in ([rule], [rule, rule]), [dict(f.facts) for f in findings]
    for finding in findings:
        assert finding.thresholds
        assert finding.evidence
        for language in ("zh", "en"):
            told = sentence(finding, language)
            assert told and "{" not in told


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_is_silent_just_below(rule):
    assert said(rule, EVERY[rule][1]) == []


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_excuses_who_is_to_be_excused(rule):
    assert said(rule, EVERY[rule][2]) == []


@pytest.mark.parametrize("rule", EVERY)
def test_the_facts_of_a_finding_are_the_values_of_its_sentence(rule):
    finding = said(rule, EVERY[rule][0])[0]
    for language in ("zh", "en"):
        wanted = {f for _, f, _, _ in string.Formatter().parse(audit.SENTENCES[rule][language][1]) if f}
        assert wanted <= set(finding.facts)
    assert all(isinstance(v, (int, str)) for v in finding.facts.values())


# --- severities that depend on how far it goes


@pytest.mark.parametrize(
    ("rule", "month", "severity"),
    [
        ("paid_late", {"payments": [pay("wang", 5, date(2026, 4, 22))], "at": "05-20 00:00"}, Severity.YELLOW),
        ("paid_late", {"payments": [pay("wang", 5, date(2026, 4, 23))], "at": "05-20 00:00"}, Severity.RED),
        ("sheet_days_above_gate", {"story": full("wang"), "beside": beside(lines=(line(milli=1001),))}, Severity.YELLOW),
        ("sheet_days_above_gate", {"beside": beside(lines=(line(milli=1000),))}, Severity.RED),
        ("no_agreement", {"story": full("wang"), "engaged": engagements(["wang"], entry_on=march(1)), "at": "31 12:00"}, Severity.YELLOW),
        ("no_agreement", {"story": full("wang"), "engaged": engagements(["wang"], entry_on=date(2026, 2, 28)), "at": "31 12:00"}, Severity.RED),
        ("under_age", {"story": full("wang"), "beside": beside(people=(Person(1, date(2010, 3, 3), "M"),))}, Severity.YELLOW),
        ("under_age", {"story": full("wang"), "beside": beside(people=(Person(1, date(2010, 3, 4), "M"),))}, Severity.RED),
        ("exited_unsettled", CASES["exited_unsettled"][0] | {"beside": beside(settlements={1: (8, False)})}, Severity.YELLOW),
        (
            "deposit_missing",
            {"beside": beside(papers=(Paper(1, "works_contract", date(2026, 1, 1)), Paper(2, "deposit_guarantee", date(2026, 1, 1), date(2026, 4, 20))))},
            Severity.YELLOW,
        ),
        (
            "key_post_absent",
            {
                "story": days("wang", 1, 18), "calendar": NOTICE,
                "beside": beside(papers=(Paper(2, "key_post", MARCH, worker_id=1, detail={"post": "project_manager"}),)),
            },
            Severity.RED,
        ),
    ],
)  # fmt: skip
def test_how_far_it_goes_makes_it_worse(rule, month, severity):
    [finding] = said(rule, month)
    assert finding.severity is severity


def test_one_person_under_two_names_is_red_once_an_inspector_has_said_so():
    month = {"engagements": (Elsewhere(1, 1, 1, MARCH, None),), "twins": ((3, 1, 9, "same_person"),)}
    assert [f.severity for f in said("one_face_twice", month)] == [Severity.RED]


@pytest.mark.parametrize(("sent_on", "code", "told"), [(12, "account_wrong", 0), (12, None, 1), (14, "account_wrong", 1)])
def test_a_card_is_no_suspicion_when_the_bank_had_sent_his_wages_back_from_the_old_one(sent_on, code, told):
    old = transfer(2, card_id=6, sent_on=date(2026, 4, sent_on), code=code)
    case = {"beside": beside(cards=(Card(7, 1, date(2026, 4, 13), 6),), transfers=(transfer(), old))}
    assert len(said("card_changed_before_pay", case)) == told


def test_money_and_the_last_good_day_stand_beside_the_finding():
    [late] = said("paid_late", CASES["paid_late"][0])
    assert (late.amount_fen, late.expected_on) == (5, date(2026, 4, 15))
    [short] = said("balance_short", CASES["balance_short"][0])
    assert short.amount_fen == 1


# --- the research


def research() -> set[str]:
    """Every id of domain.md 4.7 and attendance.md 5.4."""
    own = {"B": 8, "C": 6, "D": 6, "E": 7, "F": 10}
    return {f"A{n:02d}" for n in range(1, 39)} | {f"a:A{n}" for n in range(1, 14)} | {f"{g}{n}" for g, of in own.items() for n in range(1, of + 1)}


def test_every_line_of_the_research_has_a_rule_or_a_reason():
    answered = {id_ for rule in (*RULES.values(), *COUNTY_RULES.values()) for id_ in rule.answers}
    assert answered | set(NOT_POSSIBLE) == research()
    assert not answered & set(NOT_POSSIBLE)
    assert all(reason.endswith(".") for reason in NOT_POSSIBLE.values())


def test_every_basis_is_named_and_never_quoted():
    for rule in (*RULES.values(), *COUNTY_RULES.values()):
        for law in rule.law:
            assert cited(law, "zh").startswith("《") and cited(law, "en")
    assert cited("L724-31", "zh") == "《保障农民工工资支付条例》第31条（条文号待核对）"
    assert cited("L724-24", "zh") == "《保障农民工工资支付条例》第24条"
    assert max(len(cited(law, language)) for law in LAWS for language in ("zh", "en")) < 130


# --- limits


def test_an_area_sets_limits_and_a_finding_names_their_version():
    month = {"payments": [pay("wang", 5, date(2026, 4, 17))], "at": "05-20 00:00"}
    strict = from_area({"audit.late_red_days": 1, "audit.unknown_limit": 5, "minimum_wage_month_fen": 2260_00})
    assert strict.minimum_wage_fen == 2260_00 and strict["late_red_days"] == 1 and strict["late_red_days"] != LIMITS["late_red_days"].value
    [mild], [hard] = said("paid_late", month), said("paid_late", month | {"limits": strict})
    assert (mild.severity, hard.severity) == (Severity.YELLOW, Severity.RED)
    assert mild.thresholds == VERSION and hard.thresholds.startswith(f"{VERSION}+") and len(hard.thresholds) <= 40
    assert mild.key == hard.key
    assert from_area({"audit.late_red_days": "soon", "minimum_wage_month_fen": None}).version == VERSION
    with pytest.raises(ValueError, match="no such limit"):
        Thresholds({"lateness": 1})


def test_an_area_says_how_far_its_sites_lie_apart():
    month = dict(COUNTY_CASES["in_two_places"][1])
    assert said("in_two_places", month) == []
    assert {f.thresholds for f in said("in_two_places", month | {"limits": Thresholds({"travel_minutes": 30})})} != set()


def test_every_limit_has_a_source_and_is_read_by_a_rule():
    code = "".join(p.read_text(encoding="utf-8") for p in Path(audit.__file__).parent.glob("*.py") if p.name != "thresholds.py")
    assert all(limit.source for limit in LIMITS.values())
    assert [key for key in LIMITS if f'"{key}"' not in code] == []


# --- what holds for all of them


def everything() -> tuple[ProjectMonth, Beside]:
    """One month with something for nearly every rule."""
    months = [dict(fires) for fires, *_ in CASES.values()]
    together: dict[str, list] = {}
    for n, month in enumerate(months):
        for name in ("lines", "transfers", "sheets", "changes", "debits", "papers", "people", "batches", "cards"):
            for row in getattr(month.get("beside", beside()), name):
                together.setdefault(name, []).append(replace(row, id=row.id + 100 * n) if hasattr(row, "id") else row)
    people = {p.worker_id: p for p in together.pop("people")}
    story = "\n".join(full(*CAST, day=d) for d in range(2, 9)) + "\n11 08:00 wang in g1\n12 08:00 feng in g2 refused\n13 08:00 feng in g2 refused"
    month = project_month(
        story, at="05-20 00:00", wang=400_00, li=60_00, zhao=350_00, payments=paid(wang=100_00, li=420_00, sun=50_001_00),
        marks=(leave(MarkKind.LEAVE, 3, "li"),),
    )  # fmt: skip
    traces = tuple(trace(p.id, similarity=0.4 if p.id % 9 else None, similarity_min=0.5, event_key=f"b:{2 * p.id}") for p in month.passages)
    return month, beside(
        traces=traces, people=tuple(people.values()), account=ACCOUNT, started_on=date(2026, 1, 1), last_passage_at=at(march(13)),
        parties_required=("owner", "regulator"), identity_wanted=True, identity={2: (5, False)}, templates_left=((1, 3, march(2)),),
        before={1: (5000_00, 1000_00)}, **{name: tuple(rows) for name, rows in together.items()},
    )  # fmt: skip


def shuffled(value, rng):
    """The same facts in another order."""
    changed = {}
    for name in value.__dataclass_fields__:
        held = getattr(value, name)
        if isinstance(held, tuple) and len(held) > 1 and name not in ("parties_required",):
            changed[name] = tuple(rng.sample(held, len(held)))
        elif isinstance(held, dict) and len(held) > 1:
            changed[name] = dict(rng.sample(list(held.items()), len(held)))
    return replace(value, **changed)


def test_many_rules_find_something_and_none_fails():
    month, more = everything()
    answer = run(month, beside=more, limits=WAGE)
    assert "rule_failed" not in {f.rule for f in answer}
    assert len({f.rule for f in answer}) >= 35, sorted({f.rule for f in answer})
    assert len({f.key for f in answer}) == len(answer)
    assert answer == run(month, beside=more, limits=WAGE)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_facts_does_not_matter(seed):
    month, more = everything()
    rng = Random(seed)
    assert run(shuffled(month, rng), beside=shuffled(more, rng), limits=WAGE) == run(month, beside=more, limits=WAGE)


def test_the_order_of_facts_does_not_matter_across_projects():
    facts = CountyMonth(
        MARCH, at(MAY), frozenset({1, 2}),
        engagements=tuple(Elsewhere(n, 1 + n % 3, 1 + n % 2, MARCH, None) for n in range(1, 7)),
        sightings=tuple(Sighting(n, 1 + n % 3, 1 + n % 2, at(march(3), 8, n)) for n in range(1, 40)),
        cards=(Held(1, 1, 0), Held(2, 2, 0), Held(3, 3, 0)), twins=((1, 1, 2, None), (2, 2, 3, "same_person")), doubles=((1, 2), (1, 3)),
    )  # fmt: skip
    first = run_county(facts)
    assert {f.rule for of in first.values() for f in of} >= {"engaged_twice", "shared_card", "one_face_twice", "rule_failed"}
    good = replace(facts, doubles=((1, 2, 3),))
    assert "rule_failed" not in {f.rule for of in run_county(good).values() for f in of}
    for seed in range(4):
        assert run_county(shuffled(good, Random(seed))) == run_county(good)


def test_a_rule_across_projects_that_fails_is_a_finding_of_each_and_stops_nobody():
    def broken(_):
        raise KeyError("wang")
        yield

    rules = [Rule("broken", Severity.RED, "x", broken), COUNTY_RULES["shared_card"]]
    answer = run_county(CountyMonth(MARCH, at(MAY), frozenset({1, 2}), (Elsewhere(1, 1, 1, MARCH, None),), (), (Held(4, 1, 0), Held(5, 2, 0))), rules)
    assert {p: sorted(f.rule for f in of) for p, of in answer.items()} == {1: ["rule_failed", "shared_card"], 2: ["rule_failed"]}


def test_each_rule_may_fail_alone():
    """Facts no rule expects: whatever breaks, the others speak, and every failure is named."""
    month, more = everything()
    hollow = replace(more, lines=(None,), traces=(None,), sheets=(None,), papers=(None,))
    answer = run(month, beside=hollow)
    failed = {f.facts["failed_rule"] for f in answer if f.rule == "rule_failed"}
    assert failed and failed < set(RULES)
    assert {"worked_without_pay", "undecided_days", "paid_off_account"} <= {f.rule for f in answer}


def test_findings_hold_no_personal_data():
    month, more = everything()
    told = repr([(f.facts, f.evidence) for f in run(month, beside=more, limits=WAGE)])
    # The bundle itself has no names; dates of birth and logins are what it could leak.
    assert not any(p.birth_on.isoformat() in told for p in more.people)
    assert not any(f"'{login}'" in told for login in ("wu", "liu", "chen"))


# --- the other ways into a rule, and out of it

_AGAIN = (*engagements(["wang"], exit_on=march(5)), replace(engagements(["wang"], entry_on=march(5))[0], id=20))
_MANAGER = Paper(2, "key_post", MARCH, worker_id=1, detail={"post": "project_manager"})
_WHOLE_BOARD = {"parties": True, "pay": True, "contacts": True}
_CREW = list(TEN)


@pytest.mark.parametrize(
    ("rule", "month", "fires"),
    [
        ("sheet_line_unpaid", {"beside": beside(lines=(line(verdict=None),), sheets=(sheet(act("approved", APRIL)),))}, True),
        ("sheet_line_unpaid", {"beside": beside(lines=(line(verdict=None),), sheets=(sheet(),))}, False),
        ("sheet_line_unpaid", {"beside": beside(lines=(line(verdict="dispute"),), sheets=(sheet(act("approved", APRIL)),))}, False),
        ("living_allowance", {"story": full("wang"), "wang": 400_00, "payments": paid(wang=123_45), "beside": beside(before={1: (8000_00, 123_45)})}, True),
        ("living_allowance", {"story": full("wang"), "wang": 400_00, "payments": paid(wang=123_45), "beside": beside(before={1: (8000_00, 999_99)})}, False),
        (
            "uniform_amounts",
            {"agreed": hourly(*_CREW), "story": full(*_CREW), "payments": paid(**dict.fromkeys(_CREW, 100_00)), "limits": Thresholds({"round_lines_min": 7, "same_amount_workers": 50})},
            True,
        ),
        (
            "uniform_amounts",
            {"agreed": hourly(*_CREW), "story": full(*_CREW), "payments": paid(**{w: 100_00 + n // 4 for n, w in enumerate(_CREW)}), "limits": Thresholds({"round_lines_min": 7, "same_amount_workers": 50})},
            False,
        ),
        ("high_pay", {"payments": [pay("wang", 5, APRIL)], "beside": beside(year_paid={1: 300_000_01})}, True),
        ("unlawful_deduction", {"limits": WAGE, "beside": beside(lines=(line(net=2259_99, gross_fen=2300_00, deductions_fen=40_01, capped_fen=40_01),))}, True),
        ("unlawful_deduction", {"limits": WAGE, "beside": beside(lines=(line(net=2260_00, gross_fen=2300_00, deductions_fen=40_00, capped_fen=40_00),))}, False),
        ("exited_unsettled", {"story": full("wang"), "wang": 400_00, "engaged": _AGAIN}, False),
        ("exited_unsettled", {"story": full("wang"), "wang": 400_00, "engaged": _AGAIN[:1], "payments": paid(wang=400_00)}, False),
        ("bank_mismatch", {"beside": beside(batches=(Batch(1, 2, 800_00, 2, 800_00, 1, "wu"),))}, True),
        ("bank_mismatch", {"beside": beside(batches=(Batch(1, 3, 800_00, 2, 800_00, 0, "wu"),))}, True),
        ("key_post_absent", {"story": "", "calendar": NOTICE, "beside": beside(papers=(_MANAGER,))}, True),
        ("key_post_absent", {"story": "", "beside": beside(papers=(_MANAGER,))}, False),
        ("key_post_absent", {"story": days("wang", 1, 5), "calendar": NOTICE, "beside": beside(papers=(replace(_MANAGER, to_on=march(6)),))}, False),
        ("same_hand", {"beside": beside(changes=(change(1, "wang", 3, by="wu", ok=("liu", "liu")),))}, True),
        ("same_hand", {"beside": beside(sheets=(sheet(act("submitted", APRIL, "wu"), act("approved", APRIL, "wu")),))}, True),
        ("same_hand", {"beside": beside(sheets=(sheet(act("approved", APRIL, "liu")),))}, True),
        ("same_hand", {"beside": beside(batches=(Batch(1, 1, 5, 1, 5, 0, "wu", (act("approved", APRIL, "wu"),)),))}, True),
        ("same_hand", {"beside": beside(batches=(Batch(1, 1, 5, 1, 5, 0, "wu", (act("approved", APRIL, "chen"), act("sent", APRIL, "wu"))),))}, False),
        ("many_corrections", {"story": days("wang", 1, 6), "beside": beside(changes=tuple(change(n, "wang", n) for n in range(1, 5)))}, True),
        ("publicity_short", {"beside": beside(sheets=(sheet(act("approved", APRIL)),))}, True),
        ("publicity_short", {"beside": beside(sheets=(sheet(act("approved", APRIL), kind="final"),))}, False),
        ("closed_late", {"story": full("wang"), "at": "05-21 00:00", "beside": beside(period_closed_on=date(2026, 4, 21))}, True),
        (
            "piece_without_measure",
            {
                "story": full("wang"), "agreed": [Terms(9, 1, 1, PayKind.PIECE, 30_00, MARCH, unit="m2")],
                "measures": (Measure(1, 1, MARCH, "wall", "m2", 1000, 30_00, 100, "days", None),),
            },
            True,
        ),
        ("no_special_account", {"beside": beside(started_on=date(2026, 1, 1), account=ACCOUNT, parties_required=("owner", "regulator"))}, True),
        ("no_special_account", {"beside": beside(started_on=date(2026, 1, 1), papers=(Paper(1, "works_contract", march(10)),))}, False),
        ("no_special_account", {"beside": beside(started_on=date(2026, 1, 1), papers=(Paper(1, "notice_board", march(10)),))}, True),
        ("deposit_missing", {"beside": beside(started_on=date(2026, 1, 1), papers=(Paper(2, "deposit", MARCH),))}, False),
        ("deposit_missing", {"beside": beside(started_on=date(2026, 1, 1), papers=(Paper(2, "deposit_guarantee", MARCH, march(9)),))}, True),
        (
            "deposit_missing",
            {"beside": beside(papers=(Paper(1, "works_contract", date(2026, 1, 1), date(2026, 4, 10)), Paper(2, "deposit_guarantee", MARCH, date(2026, 4, 20))))},
            False,
        ),
        ("board_incomplete", {"story": full("wang"), "beside": beside()}, True),
        ("board_incomplete", {"story": full("wang"), "beside": beside(papers=(Paper(2, "notice_board", MARCH, detail=_WHOLE_BOARD | {"pay_day": 20}),))}, True),
        ("board_incomplete", {"story": full("wang"), "limits": WAGE, "beside": beside(papers=(Paper(2, "notice_board", MARCH, detail=_WHOLE_BOARD | {"minimum_wage_fen": 2010_00}),))}, True),
        ("board_incomplete", {"story": full("wang"), "limits": WAGE, "beside": beside(papers=(Paper(2, "notice_board", MARCH, detail=_WHOLE_BOARD | {"minimum_wage_fen": 2260_00}),))}, False),
        ("overtime_limit", {"story": "\n".join(f"{d} 07:00 wang in g1\n{d} 17:30 wang out g1" for d in range(1, 16))}, True),
        ("overtime_limit", {"story": "\n".join(f"{d} 07:00 wang in g1\n{d} 17:30 wang out g1" for d in range(1, 15))}, False),
        ("data_silence", {"at": "20 12:00", "beside": beside(), "calendar": dict.fromkeys(NOTICE, DayKind.REST)}, False),
        ("data_silence", {"at": "20 12:00", "engaged": (), "beside": beside()}, False),
        ("data_silence", {"at": "20 12:00", "engaged": engagements(["wang"], entry_on=march(14)), "beside": beside()}, False),
        ("labour_officer_missing", {"story": full("wang"), "beside": beside(papers=(_MANAGER,))}, True),
        (
            "labour_officer_missing",
            {"story": full("wang"), "beside": beside(papers=(Paper(2, "key_post", MARCH, march(9), worker_id=2, detail={"post": "labour_officer"}),))},
            True,
        ),
        ("average_below_minimum", {"story": days("wang", 2, 17), "payments": paid(wang=2259_99), "wang": 400_00, "limits": WAGE}, True),
        ("average_below_minimum", {"story": days("wang", 2, 16), "payments": paid(wang=2259_99), "wang": 400_00, "limits": WAGE}, False),
        ("average_below_minimum", {"story": days("wang", 2, 17), "payments": (), "wang": 400_00, "limits": WAGE}, False),
        ("over_age", {"story": full("wang"), "beside": beside(people=(Person(1, date(1971, 3, 31), "F"),))}, True),
        ("over_age", {"story": full("wang"), "beside": beside(people=(Person(1, date(1971, 3, 31), "M"),))}, False),
        # A device that takes pictures numbers those that show nobody, which are not recorded.
        ("sequence_gap", {"story": CARDS.replace("code", "refused"), "beside": beside(traces=(trace(1), trace(2), trace(4)))}, False),
        ("sequence_gap", {"story": CARDS.replace("code", "refused"), "beside": beside(traces=(trace(1), trace(2, device_id="d2"), trace(4)))}, True),
        ("refused_again", {"story": "3 08:00 feng in g1 refused\n3 09:00 feng in g1\n4 08:00 feng in g1 refused"}, False),
    ],
)  # fmt: skip
def test_the_other_ways_into_a_rule_and_out_of_it(rule, month, fires):
    assert bool(said(rule, month)) is fires


def test_a_change_of_site_is_no_double_whichever_row_came_first():
    for first, second in ((march(30), MARCH), (MARCH, march(30))):
        rows = (Elsewhere(1, 1, 1, first, None if first > second else march(30)), Elsewhere(2, 1, 2, second, None if second > first else march(30)))
        assert said("engaged_twice", {"engagements": rows}) == []


def test_more_than_fifty_people_and_a_silent_week_is_red():
    crowd = tuple(replace(engagements(["wang"])[0], id=n, worker_id=n) for n in range(1, 52))
    month = {"engaged": crowd, "at": "11 12:00", "beside": beside(last_passage_at=at(march(3)))}
    assert [f.severity for f in said("data_silence", month)] == [Severity.RED]
    assert [f.severity for f in said("data_silence", month | {"at": "5 12:00"})] == [Severity.YELLOW]
    assert said("data_silence", month | {"at": "4 12:00"}) == []


def test_money_at_stake_of_people_without_wages_is_what_is_owed_to_them():
    [short] = said("paid_coverage", CASES["paid_coverage"][0])
    assert (short.amount_fen, short.evidence) == (400_00, (("worker", 1),))


def test_what_shows_an_absent_manager_is_his_paper_and_his_passages():
    [absent] = said("key_post_absent", {"story": days("wang", 1, 5), "calendar": NOTICE, "beside": beside(papers=(_MANAGER,))})
    assert absent.evidence == (("paper", 2), *(("passage", n) for n in range(1, 11)))
    assert (absent.facts["came"], absent.facts["required"], absent.severity) == (5, 31, Severity.RED)
