"""What stands on a payroll line, who signs it, and what may be paid of it."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import sheet
from app.domain.sheet import Act, Confirmation, ItemKind, LineItem, Method, SheetState, Step, Taken, Verdict
from app.domain.wages import Component, MonthWage, WageItem

FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)
RATE = 400_00


def day(number: int, *, milli: int = 1000, rate: int = RATE, terms: int = 5, passages: tuple[int, ...] = ()) -> WageItem:
    return WageItem(
        component=Component.BASE, work_date=date(2026, 3, number), quantity=milli, unit="milli_day", rate_fen=rate,
        per=1000, permille=1000, amount_fen=(rate * milli + 500) // 1000, terms_id=terms,
        evidence=tuple(("passage", p) for p in passages),
    )  # fmt: skip


def month(*items: WageItem, engagement: int | None = 1, worker: int = 7, of: date = MARCH) -> MonthWage:
    return MonthWage(
        worker_id=worker, engagement_id=engagement, team_id=3, month=of, accruals=(), items=items,
        gross_fen=sum(i.amount_fen for i in items), day_milli=sum(i.quantity for i in items if i.unit == "milli_day"),
        minutes=540 * len(items), overtime_minutes=60 * len(items), undecided_days=0, undecided_fen_max=0, no_terms_days=0,
    )  # fmt: skip


def line(*items: WageItem, taken: tuple[Taken, ...] = (), **of):
    return sheet.regular_line(1, month(*items, **of), taken)


def back(current: MonthWage, *posted, moved=()):
    return sheet.back_pay_line(1, current, posted, moved=moved)


def told(content) -> list[tuple[str, int | None, int]]:
    return [(str(i.kind), i.work_date.day if i.work_date else None, i.amount_fen) for i in content.items]


# --- lines ---------------------------------------------------------------------------------------------------


def test_a_line_is_days_times_rate_less_what_is_withheld():
    taken = (Taken(ItemKind.DEDUCTION, 11, "income_tax", 20_00), Taken(ItemKind.ADVANCE, 12, "", 300_00, date(2026, 3, 9)))
    content = line(day(3), day(4, milli=500), taken=taken)
    assert (content.gross_fen, content.deductions_fen, content.advances_fen, content.net_fen) == (600_00, 20_00, 300_00, 280_00)
    assert told(content) == [("wage", 3, 400_00), ("wage", 4, 200_00), ("deduction", None, -20_00), ("advance", 9, -300_00)]
    assert (content.day_milli, content.adds_up) == (1500, True)


def test_no_more_is_withheld_than_was_earned():
    with pytest.raises(ValueError):
        line(day(3), taken=(Taken(ItemKind.ADVANCE, 12, "", 400_01),))
    with pytest.raises(ValueError):
        line(day(3), taken=(Taken(ItemKind.ADVANCE, 12, "", -1),))


def test_a_line_belongs_to_an_engagement():
    with pytest.raises(ValueError):
        line(day(3), engagement=None)


def test_nothing_withheld_is_not_written():
    assert told(line(day(3), taken=(Taken(ItemKind.ADVANCE, 12, "", 0),))) == [("wage", 3, 400_00)]


def test_items_are_read_back_as_they_were_written():
    content = line(
        day(3, passages=(1, 2)), day(4, milli=250), taken=(Taken(ItemKind.ADVANCE, 12, "", 5_00, date(2026, 3, 9)),)
    )
    changed = back(month(day(3), day(5)), content)
    mixed = replace(content.items[0], evidence=(("passage", 1), ("passage", 2), ("correction", 3), ("passage", 4)))
    for item in (*content.items, *changed.items, mixed):
        assert LineItem.from_json(item.to_json()) == item
    assert mixed.to_json()["evidence"] == [["passage", 1, 2], ["correction", 3], ["passage", 4]]


@pytest.mark.parametrize("stored", [{}, {"kind": "gift", "code": "", "amount_fen": 1}, {"kind": "wage", "code": "", "amount_fen": 1, "x": 2}, []])
def test_what_was_never_written_cannot_be_read(stored):
    with pytest.raises((ValueError, TypeError, KeyError)):
        LineItem.from_json(stored)


def test_the_columns_are_the_sums_of_the_items():
    content = line(day(3), day(4), taken=(Taken(ItemKind.DEDUCTION, 1, "damage", 5_00), Taken(ItemKind.ADVANCE, 2, "", 7_00)))
    assert content.adds_up
    for column in ("gross_fen", "deductions_fen", "advances_fen", "net_fen"):
        assert not replace(content, **{column: getattr(content, column) + 1}).adds_up, column


# --- the hash ------------------------------------------------------------------------------------------------


def test_the_same_content_has_the_same_hash():
    assert sheet.line_hash(line(day(3), day(4))) == sheet.line_hash(line(day(3), day(4)))


def test_one_more_passage_of_the_same_day_or_the_same_rate_recorded_again_needs_no_new_signature():
    assert sheet.line_hash(line(day(3, passages=(1, 2)))) == sheet.line_hash(line(day(3, passages=(1, 2, 9))))
    assert sheet.line_hash(line(day(3, terms=5))) == sheet.line_hash(line(day(3, terms=6)))


@pytest.mark.parametrize(
    "change",
    [
        {"project_id": 2}, {"engagement_id": 2}, {"worker_id": 8}, {"origin_month": FEBRUARY}, {"day_milli": 999},
        {"minutes": 1}, {"overtime_minutes": 1}, {"gross_fen": 1}, {"deductions_fen": 1}, {"advances_fen": 1},
        {"net_fen": 1}, {"items": ()},
    ],
)  # fmt: skip
def test_whatever_the_worker_sees_is_in_the_hash(change):
    content = line(day(3))
    assert sheet.line_hash(replace(content, **change)) != sheet.line_hash(content)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": ItemKind.MOVED}, {"code": "overtime"}, {"amount_fen": 1}, {"work_date": date(2026, 3, 4)}, {"quantity": 999},
        {"unit": "minute"}, {"rate_fen": 1}, {"per": 60}, {"permille": 1500}, {"takes_back": True},
    ],
)  # fmt: skip
def test_whatever_stands_on_an_item_is_in_the_hash(change):
    content = line(day(3))
    other = replace(content, items=(replace(content.items[0], **change),))
    assert sheet.line_hash(other) != sheet.line_hash(content)


def test_another_advance_of_the_same_sum_is_another_line():
    one, other = (line(day(3), taken=(Taken(ItemKind.ADVANCE, i, "", 5_00, date(2026, 3, 9)),)) for i in (12, 13))
    assert sheet.line_hash(one) != sheet.line_hash(other)


def test_the_fingerprint_of_a_sheet_knows_every_line_and_no_order():
    lines = [(1, MARCH, "a" * 64), (2, MARCH, "b" * 64), (2, FEBRUARY, "c" * 64)]
    assert sheet.digest(lines) == sheet.digest(reversed(lines))
    assert len({sheet.digest(lines), sheet.digest(lines[:2]), sheet.digest(()), sheet.digest([*lines[:2], (2, FEBRUARY, "d" * 64)])}) == 4


# --- back pay ------------------------------------------------------------------------------------------------


def test_a_day_that_came_after_the_close_is_back_pay():
    content = back(month(day(3), day(4), day(5, milli=500)), line(day(3), day(4)))
    assert told(content) == [("wage", 5, 200_00), ("posted", None, 0)]
    assert (content.gross_fen, content.net_fen, content.day_milli, content.minutes) == (200_00, 200_00, 500, 540)
    assert content.adds_up


def test_a_month_that_comes_out_the_same_gives_no_line():
    assert back(month(day(3, passages=(9,))), line(day(3))) is None


def test_a_day_that_was_not_his_after_all_is_a_negative_line():
    content = back(month(day(3)), line(day(3), day(4)))
    assert told(content) == [("wage", 4, -400_00), ("posted", None, 0)]
    assert (content.net_fen, content.day_milli, content.items[0].takes_back) == (-400_00, -1000, True)


def test_a_raise_for_days_already_posted_shows_both_rates():
    content = back(month(day(3, rate=450_00)), line(day(3)))
    assert told(content) == [("wage", 3, 450_00), ("wage", 3, -400_00), ("posted", None, 0)]
    assert content.net_fen == 50_00


def test_a_second_difference_says_what_came_since_the_first():
    first = line(day(3))
    second = back(month(day(3), day(4)), first)
    third = back(month(day(3), day(4), day(5)), first, second)
    assert told(third) == [("wage", 5, 400_00), ("posted", None, 0)]
    assert back(month(day(3), day(4), day(5)), first, second, third) is None


def test_a_difference_that_comes_and_goes_and_comes_needs_a_new_signature_each_time():
    posted = [line(day(3))]
    hashes = set()
    for current in (month(day(3), day(4)), month(day(3)), month(day(3), day(4)), month(day(3))):
        content = back(current, *posted)
        posted.append(content)
        hashes.add(sheet.line_hash(content))
    assert len(hashes) == 4
    assert [c.net_fen for c in posted] == [400_00, 400_00, -400_00, 400_00, -400_00]


def test_what_was_withheld_on_the_posted_line_is_not_touched():
    posted = line(day(3), taken=(Taken(ItemKind.ADVANCE, 12, "", 100_00),))
    assert told(back(month(day(3), day(4)), posted)) == [("wage", 4, 400_00), ("posted", None, 0)]


def test_days_moved_to_another_team_are_not_paid_twice():
    current = month(day(3), day(4), engagement=2)
    assert back(current, moved=[(1, 800_00)]) is None
    content = back(current, moved=[(1, 400_00)])
    assert told(content) == [("wage", 3, 400_00), ("wage", 4, 400_00), ("moved", None, -400_00), ("posted", None, 0)]
    assert content.adds_up and content.net_fen == 400_00
    # Once the other line was taken back, what was held for it is due.
    assert told(back(current, content)) == [("moved", None, 400_00), ("posted", None, 0)]


def test_back_pay_compares_a_month_with_itself():
    with pytest.raises(ValueError):
        back(month(day(3)), line(day(3), engagement=2))
    with pytest.raises(ValueError):
        back(month(day(3), engagement=None))
    with pytest.raises(ValueError):
        back(month(day(3)), replace(line(day(4)), gross_fen=1))


days_ = st.lists(
    st.tuples(st.integers(1, 28), st.sampled_from([250, 500, 750, 1000]), st.sampled_from([RATE, 450_00])),
    max_size=8,
).map(lambda found: month(*(day(n, milli=m, rate=r) for n, m, r in found)))


@given(st.lists(days_, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_whatever_changes_after_the_close_all_lines_together_are_the_month_as_it_is(states):
    posted = [sheet.regular_line(1, states[0])]
    for current in states[1:]:
        content = back(current, *posted)
        if content is None:
            assert current.gross_fen == sum(c.gross_fen for c in posted)
            continue
        assert content.adds_up
        posted.append(content)
        assert sum(c.gross_fen for c in posted) == current.gross_fen
        assert sum(c.day_milli for c in posted) == current.day_milli


# --- the steps -----------------------------------------------------------------------------------------------

MONDAY = date(2026, 4, 6)


def steps(*done: str, on: date = MONDAY) -> list[Step]:
    """``"submitted:sun"``: by whom, all on one day."""
    made = []
    for word in done:
        act, by = word.split(":")
        made.append(Step(Act(act), by, datetime(on.year, on.month, on.day, 4, tzinfo=UTC), on))
    return made


def refused(done: list[Step], act: str, by: str, *, on: date = MONDAY, days: int = 3) -> str | None:
    found = sheet.refusal(done, Act(act), by=by, on=on, publicity_days=days)
    return found.code if found else None


WHOLE = ("submitted:sun", "checked:wu", "publicised:wu", "approved:chen")


def test_a_sheet_goes_from_draft_to_approved_step_by_step():
    states = [sheet.state_of(steps(*WHOLE[:n])) for n in range(5)]
    assert states == [SheetState.DRAFT, SheetState.SUBMITTED, SheetState.CHECKED, SheetState.PUBLICISED, SheetState.APPROVED]


@pytest.mark.parametrize("done", range(4))
def test_no_step_is_jumped(done):
    for act, by in (word.split(":") for word in WHOLE[done + 1 :]):
        assert refused(steps(*WHOLE[:done]), act, by) == "sheet_order"


def test_a_step_is_done_once():
    assert refused(steps(*WHOLE[:2]), "submitted", "li") == "sheet_act_done"


def test_who_submitted_does_not_check_and_who_checked_does_not_approve():
    assert refused(steps("submitted:wu"), "checked", "wu") == "sheet_same_person"
    assert refused(steps("submitted:wu"), "checked", "li") is None
    out = MONDAY.replace(day=30)
    assert refused(steps(*WHOLE[:3]), "approved", "sun", on=out) == "sheet_same_person"
    assert refused(steps(*WHOLE[:3]), "approved", "wu", on=out) == "sheet_same_person"
    assert refused(steps(*WHOLE[:3]), "approved", "chen", on=out) is None


def test_a_sheet_hangs_out_for_three_days():
    done = steps(*WHOLE[:3])
    assert [refused(done, "approved", "chen", on=MONDAY.replace(day=d)) for d in (6, 7, 8, 9)] == ["sheet_too_early"] * 3 + [None]
    found = sheet.refusal(done, Act.APPROVED, by="chen", on=MONDAY)
    assert found.facts == {"from_on": "2026-04-09"}
    assert refused(done, "approved", "chen", days=0) is None


def test_a_sheet_is_sent_back_between_submission_and_approval():
    assert refused([], "returned", "wu") == "sheet_order"
    for n in (1, 2, 3):
        assert refused(steps(*WHOLE[:n]), "returned", "wu") is None
    assert refused(steps(*WHOLE), "returned", "wu") == "sheet_order"


@pytest.mark.parametrize("act", list(Act))
def test_a_version_that_was_sent_back_has_ended(act):
    done = steps("submitted:sun", "returned:wu")
    assert sheet.state_of(done) is SheetState.RETURNED
    assert refused(done, act, "chen") == "sheet_returned"


def test_buttons_say_why_not():
    found = dict(sheet.choices(steps("submitted:wu"), by="wu", on=MONDAY))
    assert {act: r.code if r else None for act, r in found.items()} == {
        Act.SUBMITTED: "sheet_act_done", Act.CHECKED: "sheet_same_person", Act.PUBLICISED: "sheet_order",
        Act.APPROVED: "sheet_order", Act.RETURNED: None,
    }  # fmt: skip


# --- what may be paid ----------------------------------------------------------------------------------------


def word(verdict: str, claimed: int | None = None, method: str = "paper") -> Confirmation:
    return Confirmation(1, 7, "a" * 64, Verdict(verdict), claimed, "", Method(method), (1,), "wu", datetime(2026, 4, 7, tzinfo=UTC))


def test_what_is_signed_is_paid_and_what_is_not_is_held():
    assert sheet.payable(280_00, word("agree")) == (280_00, 0)
    assert sheet.payable(280_00, word("agree", method="unreachable")) == (280_00, 0)
    assert sheet.payable(280_00, None) == (0, 280_00)


def test_a_dispute_holds_only_the_difference():
    assert sheet.payable(280_00, word("dispute", 200_00)) == (200_00, 80_00)
    # He says it is too little: nobody disputes what is there.
    assert sheet.payable(280_00, word("dispute", 500_00)) == (280_00, 0)


@pytest.mark.parametrize("said", [None, word("agree"), word("dispute", 5)])
def test_a_line_of_nothing_or_less_pays_nothing(said):
    assert sheet.payable(0, said) == (0, 0) == sheet.payable(-1, said)


@given(st.integers(1, 10**9), st.one_of(st.none(), st.integers(0, 10**9)))
def test_payable_and_held_are_the_net(net, claimed):
    said = None if claimed is None else word("dispute", claimed)
    pay, held = sheet.payable(net, said)
    assert pay + held == net and pay >= 0 and held >= 0


def test_only_his_own_written_word_gives_something_up():
    assert word("agree").consents
    assert not word("agree", method="unreachable").consents
    assert not word("dispute", 1).consents


APRIL, MAY = date(2026, 4, 1), date(2026, 5, 1)


def test_an_agreed_negative_line_is_taken_from_the_same_month_first_and_then_from_later_ones():
    lines = [(1, MARCH, MARCH, 500_00), (2, APRIL, MARCH, -700_00), (3, APRIL, APRIL, 400_00), (4, MAY, MAY, 900_00)]
    assert sheet.recoveries(lines) == {3: 400_00, 4: 300_00}
    assert sheet.recoveries(reversed(lines)) == {3: 400_00, 4: 300_00}


def test_earlier_months_are_not_touched_by_a_later_negative_line():
    assert sheet.recoveries([(1, MARCH, MARCH, 500_00), (2, APRIL, MARCH, -700_00)]) == {}


@given(st.lists(st.tuples(st.sampled_from([MARCH, APRIL, MAY]), st.integers(-500, 500)), max_size=8))
def test_no_line_gives_more_than_it_has_and_all_give_no_more_than_is_asked(found):
    lines = [(i, m, m, net) for i, (m, net) in enumerate(found, 1)]
    taken = sheet.recoveries(lines)
    nets = {i: net for i, _, _, net in lines}
    assert all(0 < fen <= nets[i] for i, fen in taken.items())
    assert sum(taken.values()) <= -sum(net for net in nets.values() if net < 0)


def test_money_received_outside_the_account_is_set_against_the_lines_in_order():
    assert sheet.allocate_outside([(1, 300), (2, 500)], 400) == {1: 300, 2: 100}
    assert sheet.allocate_outside([(1, 300), (2, -50), (3, 500)], 5000) == {1: 300, 3: 500}
    assert sheet.allocate_outside([(1, 300)], 0) == {} == sheet.allocate_outside([(1, 300)], -10)


# --- the code on a slip --------------------------------------------------------------------------------------

MAC = "9f" * 32


def test_a_slip_code_is_read_as_it_was_written():
    code = sheet.slip_code(12, MAC)
    assert code == "00000-0CKYF-SZ7WS"
    assert sheet.read_slip_code(code) == (12, sheet.mac_bits(MAC))


@given(st.integers(1, 2**35 - 1), st.binary(min_size=32, max_size=32))
def test_every_slip_code_comes_back(line_id, mac):
    code = sheet.slip_code(line_id, mac.hex())
    assert sheet.read_slip_code(code) == (line_id, sheet.mac_bits(mac.hex()))
    assert set(code) <= set(sheet.ALPHABET) | {"-"}


def test_a_code_may_be_typed_carelessly():
    code = sheet.slip_code(35, MAC)
    careless = f"  {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    assert sheet.read_slip_code(careless) == sheet.read_slip_code(code)


def test_one_wrong_character_is_noticed_wherever_it_is():
    code = sheet.slip_code(123_456, MAC).replace("-", "")
    for place in range(len(code)):
        for other in sheet.ALPHABET:
            if other != code[place]:
                with pytest.raises(ValueError):
                    sheet.read_slip_code(code[:place] + other + code[place + 1 :])


def test_two_swapped_characters_are_noticed():
    code = sheet.slip_code(987_654_321, MAC).replace("-", "")
    for place in range(len(code) - 1):
        if code[place] != code[place + 1]:
            with pytest.raises(ValueError):
                sheet.read_slip_code(code[:place] + code[place + 1] + code[place] + code[place + 2 :])


@pytest.mark.parametrize("text", ["", "0", "0" * 14, "0" * 16, "U" * 15, "工资条" * 5, "\x00" * 15])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(ValueError):
        sheet.read_slip_code(text)


@pytest.mark.parametrize(("line_id", "mac"), [(0, MAC), (2**35, MAC), (-1, MAC), (1, "abc"), (1, "z" * 64)])
def test_a_code_is_made_of_a_line_and_a_hash(line_id, mac):
    with pytest.raises(ValueError):
        sheet.slip_code(line_id, mac)


def test_another_key_gives_another_code():
    assert sheet.slip_code(12, MAC) != sheet.slip_code(12, "8e" * 32)
