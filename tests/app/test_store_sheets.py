"""What stands on the sheets of closed months, and what of it may go out."""

from dataclasses import replace
from datetime import date

import pytest

from app.domain.sheet import ItemKind
from app.store import money, sheets
from tests.books import Books, Earned

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


@pytest.fixture
def books(people_on_site, now) -> Books:
    return Books(people_on_site, now)


def sign(db, books, line_id: int, verdict: str = "agree", claimed_fen: int | None = None) -> None:
    line = sheets.line(db, line_id)
    sheets.add_confirmation(
        db, project_id=books.project_id, worker_id=line.content.worker_id, subject="line", content_hash=line.line_hash,
        verdict=verdict, claimed_fen=claimed_fen, reason="", method="paper", evidence=[1], by="wu", now=books.now,
    )  # fmt: skip


def payable(db, books, **only) -> dict[int, sheets.PayableLine]:
    found = {line.line_id: line for line in sheets.payable_lines(db, books.project_id, **only)}
    for line in found.values():
        if line.net_fen > 0:
            assert line.payable_fen + line.held_fen + line.recovered_fen == line.net_fen
        assert line.outside_fen <= line.paid_fen <= line.sent_fen
    if not only:
        left = {line.line_id: line for line in sheets.unsettled_lines(db, books.project_id)}
        assert left == {line_id: found[line_id] for line_id in left}
        plain = [line for line_id, line in found.items() if line_id not in left]
        assert all(line.paid_fen == line.net_fen >= 0 == line.owed_fen == line.outside_fen == line.recovered_fen for line in plain)
    return found


def told(line: sheets.PayableLine) -> tuple[int, int, int, int]:
    """Sent, arrived, may still go, not received."""
    return line.sent_fen, line.paid_fen, line.open_fen, line.owed_fen


def test_a_transfer_counts_from_the_batch_until_it_comes_back(database, books, people_on_site):
    with database.write() as db:
        (line,) = books.close(db, FEBRUARY, [Earned(people_on_site.wang, 500_00)])
        sign(db, books, line)
        assert told(payable(db, books)[line]) == (0, 0, 500_00, 500_00)
        special = books.account(db, 1000_00)
        (item,) = books.batch(db, special, [(line, 500_00)], send=False)
        # Made and not sent: no other desk may send it as well.
        assert told(payable(db, books)[line]) == (500_00, 0, 0, 500_00)
        books.answer(db, item, "success")
        # The payment that follows from the transfer is not money from outside as well.
        money.add_payment(
            db, project_id=books.project_id, worker_id=people_on_site.wang.id, amount_fen=500_00, paid_on=MARCH,
            for_month=FEBRUARY, channel="account", reference=None, reverses_id=None, idempotency_key="item:1",
            recorded_by="wu", now=books.now, item_id=item.item_id,
        )  # fmt: skip
        assert told(payable(db, books)[line]) == (500_00, 500_00, 0, 0)
        books.answer(db, item, "returned")
        assert told(payable(db, books)[line]) == (0, 0, 500_00, 500_00)


def test_a_failed_transfer_may_go_again(database, books, people_on_site):
    with database.write() as db:
        (line,) = books.close(db, FEBRUARY, [Earned(people_on_site.wang, 500_00)])
        sign(db, books, line)
        (item,) = books.batch(db, books.account(db), [(line, 500_00)])
        books.answer(db, item, "failed")
        assert told(payable(db, books)[line]) == (0, 0, 500_00, 500_00)


def test_cash_is_set_against_what_the_bank_has_not_carried(database, books, people_on_site):
    wang = people_on_site.wang
    with database.write() as db:
        (first,) = books.close(db, JANUARY, [Earned(wang, 400_00)])
        (back, regular) = books.close(db, FEBRUARY, [Earned(wang, 300_00, origin=JANUARY), Earned(wang, 200_00)])
        for line in (first, back, regular):
            sign(db, books, line)
        special = books.account(db, 1000_00)
        (item,) = books.batch(db, special, [(first, 400_00)])
        books.answer(db, item, "success")
        books.pay(db, wang, 100_00, for_month=JANUARY)
        found = payable(db, books)
        assert [told(found[line]) for line in (first, back, regular)] == [
            (400_00, 400_00, 0, 0), (100_00, 100_00, 200_00, 200_00), (0, 0, 200_00, 200_00),
        ]  # fmt: skip
        # Ever so much for January pays nothing of February.
        books.pay(db, wang, 900_00, for_month=JANUARY)
        found = payable(db, books)
        assert [told(found[line])[2:] for line in (first, back, regular)] == [(0, 0), (0, 0), (200_00, 200_00)]
        assert sheets.paid_outside(db, books.project_id) == {(wang.id, JANUARY): 1000_00}


def test_cash_that_came_back_does_not_count(database, books, people_on_site):
    wang = people_on_site.wang
    with database.write() as db:
        (line,) = books.close(db, FEBRUARY, [Earned(wang, 400_00)])
        sign(db, books, line)
        paid = books.pay(db, wang, 100_00, for_month=FEBRUARY)
        books.pay(db, wang, -100_00, for_month=FEBRUARY, reverses_id=paid)
        assert told(payable(db, books)[line]) == (0, 0, 400_00, 400_00)


def test_what_was_paid_beside_a_line_below_nothing_is_not_plainly_paid(database, books, people_on_site):
    wang, li = people_on_site.wang, people_on_site.li
    with database.write() as db:
        special = books.account(db, 10_000_00)
        lines = books.close(db, FEBRUARY, [Earned(wang, 500_00), Earned(li, 500_00)])
        for item in books.batch(db, special, [(line, 500_00) for line in lines]):
            books.answer(db, item, "success")
        assert sheets.unsettled_lines(db, books.project_id) == ()
        books.close(db, MARCH, [Earned(wang, -100_00, origin=FEBRUARY)])
        assert [line.worker_id for line in sheets.unsettled_lines(db, books.project_id)] == [wang.id, wang.id]
        payable(db, books)


def test_only_the_newest_version_of_a_closed_month_is_posted(database, books, people_on_site):
    wang, li = people_on_site.wang, people_on_site.li
    with database.write() as db:
        books.sheet(db, FEBRUARY, [Earned(wang, 999_00), Earned(li, 1_00)])
        assert sheets.posted_sums(db, books.project_id, [wang.engagement_id]) == {}
        books.close(db, FEBRUARY, [Earned(wang, 500_00, deductions_fen=20_00, advances_fen=30_00)])
        books.sheet(db, MARCH, [Earned(wang, 700_00)])
        assert sheets.posted_sums(db, books.project_id, [wang.engagement_id]) == {(wang.engagement_id, FEBRUARY): (1000, 500_00)}
        assert sheets.posted_totals(db, books.project_id) == {FEBRUARY: (500_00, 450_00)}
        assert [line.content.net_fen for line in sheets.posted_lines(db, books.project_id)] == [450_00]
        assert sheets.posted_lines(db, books.project_id, month=MARCH) == ()
        assert sheets.posted_lines(db, books.project_id, engagements=[li.engagement_id]) == ()
        assert sheets.applied(db, books.project_id) == {("deduction", 1): 20_00, ("advance", 1): 30_00}
        assert [p.net_fen for p in payable(db, books).values()] == [450_00]
        assert payable(db, books, workers=[li.id]) == {}


def test_the_latest_word_counts(database, books, people_on_site):
    with database.write() as db:
        (line,) = books.close(db, FEBRUARY, [Earned(people_on_site.wang, 500_00)])
        sign(db, books, line, "dispute", 100_00)
        assert (payable(db, books)[line].payable_fen, payable(db, books)[line].held_fen) == (100_00, 400_00)
        sign(db, books, line)
        assert payable(db, books)[line].held_fen == 0
        hash_ = sheets.line(db, line).line_hash
        assert sheets.confirmations(db, books.project_id, "settlement", [hash_]) == {}
        assert len(sheets.confirmations_of_worker(db, books.project_id, people_on_site.wang.id)) == 2


def test_an_agreed_negative_line_is_recovered_before_the_bank_is_asked(database, books, people_on_site):
    wang = people_on_site.wang
    with database.write() as db:
        books.close(db, FEBRUARY, [Earned(wang, 500_00)])
        less, regular = books.close(db, MARCH, [Earned(wang, -300_00, origin=FEBRUARY), Earned(wang, 200_00)])
        for line in sheets.posted_lines(db, books.project_id):
            sign(db, books, line.id)
        found = payable(db, books)
        assert (found[less].payable_fen, found[less].owed_fen) == (0, 0)
        assert (found[regular].payable_fen, found[regular].recovered_fen, found[regular].owed_fen) == (0, 200_00, 0)


def test_a_line_whose_items_nobody_can_read_is_not_true(database, books, people_on_site, behind_the_walls):
    with database.write() as db:
        (line,) = books.close(db, FEBRUARY, [Earned(people_on_site.wang, 500_00)])
        assert sheets.line(db, line).is_true
    for broken in ('[{"kind": "gift"}]', "[1]", "{}", '"x"'):
        behind_the_walls(f"UPDATE payroll_line SET items = '{broken}'")
        with database.read() as db:
            assert not sheets.line(db, line).is_true


def test_whatever_the_line_says_is_what_was_written(database, books, people_on_site):
    earned = Earned(people_on_site.wang, 500_00, deductions_fen=20_00)
    with database.write() as db:
        (line,) = books.close(db, FEBRUARY, [earned])
        stored = sheets.line(db, line)
        assert stored.content == books.content(FEBRUARY, earned)
        assert not replace(stored, content=replace(stored.content, minutes=1)).is_true
        assert [i.kind for i in stored.content.items] == [ItemKind.WAGE, ItemKind.DEDUCTION]
