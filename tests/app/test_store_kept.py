"""What a process keeps of its answers about money holds exactly until a fact is written."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import app.store.kept as store
from app import bank, payroll
from app.store import accounts
from app.store.kept import kept, kept_of_each
from app.views import VIEWED
from tests.cast import pass_through
from tests.payday import MARCH, at, desk  # noqa: F401 - the fixture payday


def counted():
    asked = []

    def ask() -> int:
        asked.append(1)
        return len(asked)

    return ask


def read(database, ask, key="sum", *, project_id=1, at=None):
    with database.read() as db:
        return kept(db, project_id, key, ask, at=at)


def test_an_answer_is_worked_out_once_until_something_is_written(database, people_on_site, now):
    ask = counted()
    assert [read(database, ask), read(database, ask), read(database, ask, "another")] == [1, 1, 2]
    with database.write() as db:
        accounts.journal(db, at=now, actor="wu", action="batch.made", project_id=people_on_site.a.id, object="payment_batch:1", facts={})
    assert [read(database, ask), read(database, ask)] == [3, 3]


def moves(database, now, action, project_id) -> None:
    with database.write() as db:
        accounts.journal(db, at=now, actor="wu", action=action, project_id=project_id, object="x:1", facts={})


def test_only_what_bears_on_the_wages_or_money_of_the_project_moves_its_mark(database, people_on_site, now):
    ask, own, other = counted(), people_on_site.a.id, people_on_site.b.id
    before = read(database, ask, project_id=own)
    for action, project_id in (("batch.made", other), ("role_given", own), ("account_disabled", None), ("twin.decided", None), (VIEWED, own)):
        moves(database, now, action, project_id)
        assert read(database, ask, project_id=own) == before, (action, project_id)
    for times, (action, project_id) in enumerate((("line_signed", own), ("calendar.imported", None), ("payment_recorded", own)), 1):
        moves(database, now, action, project_id)
        assert read(database, ask, project_id=own) == before + times, (action, project_id)


def test_an_answer_that_rests_on_passages_is_kept_for_a_minute_and_given_up_when_one_of_before_comes(database, people_on_site, now):
    ask, site = counted(), people_on_site.a

    def asked(seconds: int) -> int:
        return read(database, ask, project_id=site.id, at=now + timedelta(seconds=seconds))

    assert [asked(0), asked(60), asked(61), asked(60)] == [1, 1, 2, 3], "as of an instant; never one that is still to come"
    with database.write() as db:
        pass_through(db, site, "in", people_on_site.wang.id, now + timedelta(seconds=70))
    assert asked(90) == 3, "a passage of later says nothing about then"
    with database.write() as db:
        pass_through(db, site, "in", people_on_site.li.id, now - timedelta(days=3))
    assert asked(91) == 4, "a gate sent what it had kept"


def test_who_is_inside_is_counted_anew_after_any_passage_and_with_the_minute(database, people_on_site, now):
    ask, site = counted(), people_on_site.a

    def asked(seconds: int) -> int:
        with database.read() as db:
            return kept(db, site.id, "inside", ask, at=now.replace(second=10) + timedelta(seconds=seconds), any_passage=True)

    assert [asked(0), asked(45), asked(49), asked(50), asked(51)] == [1, 1, 1, 2, 2], "whoever is inside too long goes by the clock"
    with database.write() as db:
        pass_through(db, site, "in", people_on_site.wang.id, now.replace(second=10) + timedelta(seconds=52))
    assert asked(51) == 3, "a gate's clock may be ahead of ours: he is inside all the same"


def test_of_a_county_only_the_projects_whose_mark_moved_are_asked_again(database, people_on_site):
    asked = []

    def read_each(marks):
        with database.read() as db:
            return kept_of_each(db, "owing", marks, lambda some: asked.append(sorted(some)) or {p: (p, marks[p]) for p in some})

    assert read_each({1: "a", 2: "a"}) == {1: (1, "a"), 2: (2, "a")}
    assert read_each({1: "a", 2: "b", 3: "a"}) == {1: (1, "a"), 2: (2, "b"), 3: (3, "a")}
    assert read_each({2: "b"}) == {2: (2, "b")} and asked == [[1, 2], [2, 3]]


def test_four_who_ask_at_once_wait_for_one_sum(database, people_on_site):
    asked, begun, go_on = [], threading.Event(), threading.Event()

    def ask() -> int:
        asked.append(1)
        begun.set()
        assert go_on.wait(10)
        return len(asked)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(read, database, ask)
        assert begun.wait(10)
        others = [pool.submit(read, database, ask) for _ in range(3)]
        waited_until(lambda: sum(waiting for _, waiting in store._ASKING.values()) == 4)
        go_on.set()
        assert [each.result(10) for each in (first, *others)] == [1, 1, 1, 1]
    assert not store._ASKING


def waited_until(true) -> None:
    until = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_somebody_who_only_looks_makes_nobody_add_up_again(database, people_on_site, now):
    ask = counted()
    read(database, ask)
    with database.write() as db:
        accounts.journal(db, at=now, actor="wu", action=VIEWED, project_id=people_on_site.a.id, object="worker:1", facts={})
    assert read(database, ask) == 1


def test_who_writes_is_told_what_is_so_now(database, people_on_site):
    ask = counted()
    read(database, ask)
    with database.write() as db:
        assert kept(db, people_on_site.a.id, "sum", ask) == 2


def test_a_payment_is_in_what_can_be_paid_at_once(payday, database):
    payday.works(payday.cast.wang, 3)
    payday.whole_month()
    with database.read() as db:
        (before, *_) = bank.payable(db, payday.site.id, MARCH)
    with database.write() as db:
        payroll.record_payment(
            db, project_id=payday.site.id, worker_id=before.line.worker_id, amount_fen=100_00, paid_on=at(1, month=4).date(), for_month=MARCH,
            channel="cash", idempotency_key="kept-and-paid", by="wu", now=payday.now,
        )  # fmt: skip
    with database.read() as db:
        (after, *_) = bank.payable(db, payday.site.id, MARCH)
    assert after.line.owed_fen == before.line.owed_fen - 100_00
