"""The worker: turns, failures, and what the jobs do."""

import re
import threading
import time
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from app import access, enrolment, jobs, ledger, oversight, timekeeping
from app.jobs import JOBS, Job, JobFailed
from app.store import accounts, gates
from app.store import people as persons
from app.store import timekeeping as held
from app.tables import DeviceNonce, FaceTemplate, Schedule, SignIn, SignInAttempt
from recognition.synthetic import SyntheticEngine
from tests.books import Books, Earned
from tests.cast import pass_through
from tests.faces import enrol_drawn

HOUR = timedelta(hours=1)


def job(work=lambda database, settings, now: "done", name="test", turn_max=timedelta(minutes=10)) -> Job:
    return Job(name, HOUR, turn_max, work)


def row(database, name="test"):
    with database.read() as db:
        columns = (Schedule.next_at, Schedule.claimed_until, Schedule.last_result)
        return db.execute(sa.select(*columns).where(Schedule.name == name)).one()


# --- turns ---------------------------------------------------------------------------------------------------


def test_a_job_runs_at_once_and_then_every_hour(database, settings, clock):
    done = []
    each = job(lambda database, settings, now: done.append(now) or "done")
    for _ in range(13):
        jobs.take_turn(each, database, settings, clock())
        clock.advance(minutes=10)
    assert [at.hour for at in done] == [12, 13, 14]


def test_two_workers_never_do_the_same_turn(database, settings, now):
    turns = []
    together = threading.Barrier(6, timeout=20)

    def work(database, settings, now):
        turns.append(now)
        time.sleep(0.05)
        return "done"

    each = job(work)

    def worker():
        for n in range(5):
            together.wait()
            jobs.take_turn(each, database, settings, now + n * HOUR)

    threads = [threading.Thread(target=worker) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert turns == [now + n * HOUR for n in range(5)]


def test_only_one_of_two_claims_holds(database, now):
    with database.write() as db:
        assert jobs.claim(db, job(), now)
    with database.write() as db:
        assert not jobs.claim(db, job(), now)
        assert not jobs.claim(db, job(), now, when_due=False)


def test_a_job_that_is_not_due_is_not_claimed(database, settings, now):
    jobs.take_turn(job(), database, settings, now)
    with database.write() as db:
        assert not jobs.claim(db, job(), now + HOUR - timedelta(seconds=1))
        assert jobs.claim(db, job(), now + HOUR)


def test_a_worker_that_died_in_its_turn_loses_it_after_a_while(database, settings, clock):
    each = job(turn_max=timedelta(minutes=10))
    with database.write() as db:
        assert jobs.claim(db, each, clock())
    clock.advance(minutes=9)
    assert jobs.take_turn(each, database, settings, clock()) is None
    clock.advance(minutes=1)
    assert jobs.take_turn(each, database, settings, clock()) == "done"


def test_whoever_was_overtaken_does_not_give_back_the_others_turn(database, settings, clock):
    def slow(database, settings, now):
        clock.advance(minutes=11)
        with database.write() as db:
            assert jobs.claim(db, each, clock()), "somebody else takes the turn meanwhile"
        return "too late"

    each = job(slow, turn_max=timedelta(minutes=10))
    jobs.take_turn(each, database, settings, clock())
    assert row(database).claimed_until == clock() + timedelta(minutes=10)
    assert row(database).last_result is None


def test_a_failing_job_is_tried_again_soon_and_says_nothing_personal(database, settings, now):
    def broken(database, settings, now):
        raise ValueError("王建国 330424198506120011")

    with capture_logs() as said:
        assert jobs.take_turn(job(broken), database, settings, now) == "failed: ValueError"
    assert row(database).next_at == now + jobs.RETRY
    assert row(database).claimed_until is None
    assert [line["event"] for line in said] == ["job_failed"] and "王建国" not in str(said)


def test_one_jobs_failure_is_no_others(database, settings, now, monkeypatch):
    done = []
    stop = threading.Event()

    def broken(database, settings, now):
        raise OSError("no disk")

    def last(database, settings, now):
        done.append("c")
        stop.set()
        return "done"

    made = {
        "a": job(broken, "a"),
        "b": job(lambda database, settings, now: done.append("b") or "done", "b"),
        "c": job(last, "c"),
    }
    monkeypatch.setattr(jobs, "JOBS", made)
    jobs.run_forever(database, settings, stop, lambda: now, tick_seconds=0.01)
    assert done == ["b", "c"]


def test_a_worker_outlives_a_database_that_is_away(database, settings, now, monkeypatch):
    stop, tries = threading.Event(), []

    def away(*args, **kwargs):
        tries.append(1)
        if len(tries) == 3:
            stop.set()
        raise OSError("connection lost")

    monkeypatch.setattr(jobs, "take_turn", away)
    jobs.run_forever(database, settings, stop, lambda: now, tick_seconds=0.001)
    assert len(tries) >= 3


def test_a_worker_stops_when_it_is_told_to(database, settings, now):
    stop = threading.Event()
    thread = threading.Thread(target=jobs.run_forever, args=(database, settings, stop, lambda: now))
    thread.start()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_job_asked_for_by_name_runs_although_it_is_not_due(database, settings, people_on_site, now):
    assert re.fullmatch(r"2 projects, 6 months, \d+ findings, 0 failed", jobs.run_once("audit", database, settings, now))
    assert jobs.run_once("audit", database, settings, now)
    with pytest.raises(KeyError):
        jobs.run_once("nonsense", database, settings, now)


# --- what they do --------------------------------------------------------------------------------------------


def test_the_audit_says_how_much_of_it_failed(database, settings, now, monkeypatch):
    monkeypatch.setattr(oversight, "audit_all", lambda database, as_of, changed_only: oversight.AuditedAll(3, 4, 7, 2))
    with pytest.raises(JobFailed) as failed:
        JOBS["audit"].work(database, settings, now)
    assert str(failed.value) == "3 projects, 4 months, 7 findings, 2 failed"


def test_old_nonces_attempts_and_sign_ins_go_and_live_ones_stay(database, settings, people_on_site, now):
    device_id = people_on_site.a.entrance.device_id
    with database.write() as db:
        for minutes, nonce in ((0, "new"), (9, "still in the window twice over"), (21, "old")):
            gates.use_nonce(db, device_id, nonce, now - timedelta(minutes=minutes))
        for minutes in (0, 4, 11):
            accounts.add_attempt(
                db, login_index="x", address="y", succeeded=False, now=now - timedelta(minutes=minutes)
            )
        for days in (29, 31):
            # Where a login is known outlives the failures.
            accounts.add_attempt(db, login_index="x", address="y", succeeded=True, now=now - timedelta(days=days))
        live = access.begin_session(db, settings, account_id=people_on_site.wu, now=now)
        access.begin_session(db, settings, account_id=people_on_site.wu, now=now - timedelta(hours=13))
    assert jobs.run_once("purge", database, settings, now) == "1 nonces, 3 sign-ins and attempts"
    with database.read() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(DeviceNonce)).scalar_one() == 2
        assert db.execute(sa.select(sa.func.count()).select_from(SignInAttempt)).scalar_one() == 3
        assert db.execute(sa.select(SignIn.token_sha256)).scalars().all() == [access.token_sha256(live)]


def test_a_house_of_the_first_day_has_the_calendar_that_multiples_go_by_and_a_notice_stays(database, settings):
    """Nobody thinks of a calendar on the first day; without one the statutory multiples earn nothing."""
    on = datetime(2026, 11, 29, 1, tzinfo=UTC)
    with database.write() as db:
        timekeeping.import_calendar(db, rows=[("2025-10-09", "workday", "")], source="县里的通知", by="gao", now=on)
    assert jobs.run_once("calendar", database, settings, on) == "calendar of 2026 written"
    with database.read() as db:
        known = held.calendar_days(db, date(2025, 1, 1), date(2028, 1, 1))
    assert len(known) == 1 + 365, "what somebody began is his; the notice of 2027 is not out"
    assert jobs.run_once("calendar", database, settings, on + timedelta(days=1)) == "nothing missing that is known"


def test_a_whole_chain_is_found_whole(database, settings, people_on_site, now):
    with database.write() as db:
        pass_through(db, people_on_site.a, "in", people_on_site.wang.id, datetime(2026, 3, 3, tzinfo=UTC))
    assert jobs.run_once("verify", database, settings, now) == "2 chains, 0 broken, 0 not checked"


def test_a_broken_chain_is_loud_and_journalled(database, settings, people_on_site, now, behind_the_walls):
    with database.write() as db:
        for day in (3, 4, 5):
            pass_through(db, people_on_site.a, "in", people_on_site.wang.id, datetime(2026, 3, day, tzinfo=UTC))
    behind_the_walls(f"UPDATE passage SET worker_id = {people_on_site.li.id} WHERE seq = 2")
    with capture_logs() as said:
        assert jobs.run_once("verify", database, settings, now) == "2 chains, 1 broken, 0 not checked"
    assert [(line["event"], line["log_level"]) for line in said][0] == ("chain_broken", "error")
    with database.read() as db:
        (line,) = accounts.journal_lines(db, people_on_site.a.id)
    assert (line.action, line.object, line.actor) == ("chain_broken", "passage_seq:2", "worker")
    assert line.facts["faults"] >= 1


def test_a_broken_chain_is_looked_at_again_tomorrow_and_journalled_once(database, settings, people_on_site, now, behind_the_walls):
    with database.write() as db:
        for day in (3, 4, 5):
            pass_through(db, people_on_site.a, "in", people_on_site.wang.id, datetime(2026, 3, day, tzinfo=UTC))
    behind_the_walls(f"UPDATE passage SET worker_id = {people_on_site.li.id} WHERE seq = 2")
    verify = jobs.JOBS["verify"]
    assert jobs.take_turn(verify, database, settings, now) == "2 chains, 1 broken, 0 not checked"
    assert jobs.take_turn(verify, database, settings, now + verify.every - timedelta(minutes=1)) is None
    with capture_logs() as said:
        assert jobs.take_turn(verify, database, settings, now + verify.every) == "2 chains, 1 broken, 0 not checked"
    assert ("chain_broken", "error") in [(line["event"], line["log_level"]) for line in said], "as long as it is broken"

    behind_the_walls(f"UPDATE passage SET worker_id = {people_on_site.li.id} WHERE seq = 1")
    jobs.take_turn(verify, database, settings, now + 2 * verify.every)
    with database.read() as db:
        lines = accounts.journal_lines(db, people_on_site.a.id)
    assert [line.object for line in lines] == ["passage_seq:1", "passage_seq:2"], "once each"


def test_a_chain_that_cannot_be_read_does_not_hide_the_others(database, settings, people_on_site, now, monkeypatch):
    real = gates.verify_chain

    def broken(db, project_id):
        if project_id == people_on_site.a.id:
            raise OSError("page 7")
        return real(db, project_id)

    monkeypatch.setattr(gates, "verify_chain", broken)
    assert jobs.run_once("verify", database, settings, now) == "failed: 2 chains, 0 broken, 1 not checked"


@pytest.fixture
def enrolled(database, vault, people_on_site, now):
    """Wang, Li and Zhao with their faces; Wang's last day was 2026-03-20."""
    site = people_on_site
    for number, (place, member) in enumerate(((site.a, site.wang), (site.a, site.li), (site.b, site.zhao)), 1):
        enrol_drawn(database, vault, SyntheticEngine(), place.id, member.id, number, now)
    with database.write() as db:
        persons.exit_engagement(db, site.wang.engagement_id, date(2026, 3, 21))
    return site


def reasons(database):
    with database.read() as db:
        return db.execute(sa.select(FaceTemplate.erased_reason).order_by(FaceTemplate.worker_id)).scalars().all()


def test_faces_of_those_who_left_are_erased_a_month_later_and_the_job_says_how_many(database, settings, clock, enrolled):
    clock.now = datetime(2026, 4, 18, 12, tzinfo=UTC)
    nothing = "0 templates, 0 photographs erased (0 exited, 0 withdrawn), 3 faces enrolled"
    assert jobs.run_once("retention", database, settings, clock()) == nothing
    clock.advance(days=1)
    done = "1 templates, 0 photographs erased (1 exited, 0 withdrawn), 2 faces enrolled"
    assert jobs.run_once("retention", database, settings, clock()) == done
    assert reasons(database) == ["exited", None, None]
    again = "0 templates, 0 photographs erased (0 exited, 0 withdrawn), 2 faces enrolled"
    assert jobs.run_once("retention", database, settings, clock()) == again
    assert row(database, "retention").next_at == clock() + timedelta(days=1)


def test_more_faces_than_one_transaction_takes_are_all_erased(database, settings, enrolled, monkeypatch):
    monkeypatch.setattr(jobs, "FACES_AT_ONCE", 1)
    with database.write() as db:
        persons.exit_engagement(db, enrolled.li.engagement_id, date(2026, 3, 21))
    said = jobs.run_once("retention", database, settings, datetime(2026, 6, 1, tzinfo=UTC))
    assert said == "2 templates, 0 photographs erased (2 exited, 0 withdrawn), 1 faces enrolled"


def test_one_projects_trouble_does_not_keep_anothers_faces(database, settings, enrolled, monkeypatch):
    real = enrolment.overdue

    def broken(db, *, project_id, **asked):
        if project_id == enrolled.b.id:
            raise OSError("page 7")
        return real(db, project_id=project_id, **asked)

    monkeypatch.setattr(enrolment, "overdue", broken)
    said = jobs.run_once("retention", database, settings, datetime(2026, 6, 1, tzinfo=UTC))
    assert said == (
        "failed: 1 templates, 0 photographs erased (1 exited, 0 withdrawn), 2 faces enrolled,"
        " 0 workers' faces still there, 1 projects failed"
    )
    assert reasons(database) == ["exited", None, None]


def test_a_face_that_is_still_there_after_erasing_is_a_failure(database, settings, enrolled, monkeypatch):
    monkeypatch.setattr(persons, "erase_templates", lambda *args: 0)
    said = jobs.run_once("retention", database, settings, datetime(2026, 6, 1, tzinfo=UTC))
    assert said.startswith("failed: ") and "1 workers' faces still there" in said


@pytest.mark.parametrize(("warn_min", "warned"), [(4, []), (3, [("faces_near_filing", "warning", 3)])])
def test_a_warning_comes_before_the_number_that_must_be_filed(database, settings, now, enrolled, warn_min, warned):
    with capture_logs() as said:
        jobs.run_once("retention", database, settings.model_copy(update={"faces_warn_min": warn_min}), now)
    heard = [(line["event"], line["log_level"], line["enrolled"]) for line in said if line["event"] != "job_done"]
    assert heard == warned


# --- books ---------------------------------------------------------------------------------------------------


@pytest.fixture
def books(database, people_on_site, now):
    books = Books(people_on_site, now)
    with database.write() as db:
        books.close(db, date(2026, 2, 1), [Earned(people_on_site.wang, 700), Earned(people_on_site.li, 400)])
    return books


def test_books_that_hold_are_quiet(books, database, settings, now):
    with capture_logs() as said:
        assert jobs.run_once("books", database, settings, now) == "2 ledgers, 0 wrong, 0 not checked"
    assert [line["event"] for line in said] == ["job_done"]


def test_books_that_do_not_hold_are_loud_every_night_and_journalled_once(
    books, database, settings, now, behind_the_walls
):
    behind_the_walls("UPDATE payroll_line SET day_milli = 1 WHERE id = 1")
    check = jobs.JOBS["books"]
    for night in range(2):
        with capture_logs() as said:
            assert jobs.take_turn(check, database, settings, now + night * check.every) == "2 ledgers, 1 wrong, 0 not checked"
        loud = next(line for line in said if line["event"] == "books_wrong")
        assert (loud["log_level"], loud["code"], loud["subject"]) == ("error", "line_hash", "line:1")
    with database.read() as db:
        (line,) = accounts.journal_lines(db, books.project_id)
    assert (line.action, line.object, line.actor) == ("books_wrong", "line_hash line:1", "worker")
    assert line.facts == {"assertions": 1}


def test_books_that_cannot_be_read_do_not_hide_the_others(books, database, settings, now, monkeypatch):
    real = ledger.assertions

    def broken(db, project_id, now):
        if project_id == books.project_id:
            raise OSError("page 7")
        return real(db, project_id, now)

    monkeypatch.setattr(ledger, "assertions", broken)
    assert jobs.run_once("books", database, settings, now) == "failed: 2 ledgers, 0 wrong, 1 not checked"
