"""Whose turn it is."""

from datetime import timedelta

from app.store import schedule

MINUTE = timedelta(minutes=1)


def test_a_job_that_was_never_run_is_due_now_and_is_entered_once(database, now):
    with database.write() as db:
        assert schedule.next_at(db, "x") is None
        assert schedule.claim(db, "x", now=now, until=now + MINUTE)
        assert schedule.next_at(db, "x") == now


def test_a_turn_belongs_to_one_until_it_is_given_back_or_its_time_is_up(database, now):
    with database.write() as db:
        assert schedule.claim(db, "x", now=now, until=now + MINUTE)
        assert not schedule.claim(db, "x", now=now, until=now + MINUTE, when_due=False)
        assert schedule.claim(db, "y", now=now, until=now + MINUTE), "another job is another turn"
        assert schedule.claim(db, "x", now=now + MINUTE, until=now + 2 * MINUTE), "its time is up"
        schedule.finish(db, "x", claimed_until=now + 2 * MINUTE, next_at=now + 9 * MINUTE, result="done" * 99)
        assert not schedule.claim(db, "x", now=now + 8 * MINUTE, until=now + 10 * MINUTE), "not due"
        assert schedule.claim(db, "x", now=now + 8 * MINUTE, until=now + 10 * MINUTE, when_due=False)


def test_only_ones_own_claim_is_given_back(database, now):
    with database.write() as db:
        assert schedule.claim(db, "x", now=now, until=now + MINUTE)
        schedule.finish(db, "x", claimed_until=now + 2 * MINUTE, next_at=now + 9 * MINUTE, result="not mine")
        assert schedule.next_at(db, "x") == now
