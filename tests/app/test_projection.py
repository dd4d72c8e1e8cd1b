"""Days and months worked out ahead: the same answer as from the facts, whatever happened since."""

import random
from collections import Counter
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import payroll, projection, terms, timekeeping
from app.db import Database
from app.store import projection as rows
from app.tables import AttendanceDay, MonthWageRow, StaleDay
from tests.cast import Cast, pass_through
from tests.payday import MARCH, at

APRIL = date(2026, 4, 1)
NOW = at(2, month=4)


@pytest.fixture
def cast(people_on_site) -> Cast:
    return people_on_site


def come(database: Database, cast: Cast, who, day: int, come_at: str = "08:00", go_at: str | None = "17:00", month: int = 3) -> None:
    with database.write() as db:
        pass_through(db, cast.a, "in", who.id, at(day, come_at, month))
        if go_at:
            pass_through(db, cast.a, "out", who.id, at(day, go_at, month))


def written(database: Database) -> list[tuple]:
    """What the rows say, without when they were written."""
    with database.read() as db:
        found = db.execute(
            sa.select(
                AttendanceDay.worker_id, AttendanceDay.work_date, AttendanceDay.state, AttendanceDay.minutes, AttendanceDay.day_milli,
                AttendanceDay.amount_fen, AttendanceDay.detail, AttendanceDay.digest,
            ).order_by(AttendanceDay.worker_id, AttendanceDay.work_date)
        )  # fmt: skip
        months = db.execute(
            sa.select(MonthWageRow.worker_id, MonthWageRow.month, MonthWageRow.gross_fen, MonthWageRow.digest).order_by(
                MonthWageRow.worker_id, MonthWageRow.month, MonthWageRow.engagement_id
            )
        )
        return [*map(tuple, found), *map(tuple, months)]


def live(database: Database, cast: Cast, now=NOW) -> list[tuple]:
    """The same, from nothing: the projection thrown away and made again."""
    with database.write() as db:
        rows.forget(db, cast.a.id)
    projection.refresh(database, cast.a.id, now=now)
    return written(database)


def test_a_day_is_in_its_row_and_a_second_refresh_writes_nothing(database, cast):
    come(database, cast, cast.wang, 3)
    first = projection.refresh(database, cast.a.id, now=NOW)
    again = projection.refresh(database, cast.a.id, now=NOW)
    assert (first.days_written, again.workers, again.days_written) == (1, 0, 0)
    with database.read() as db:
        (line,) = projection.worker_days(db, cast.a.id, cast.wang.id, MARCH, APRIL, NOW)
    assert (line.state, line.minutes, line.day_milli, line.amount_fen, line.rev) == ("worked", 540, 1000, 400_00, 1)
    assert line.detail["items"][0]["component"] == "base" and len(line.detail["passages"]) == 2


def test_what_the_rows_do_not_know_yet_is_in_the_answer_all_the_same(database, cast):
    come(database, cast, cast.wang, 3)
    projection.refresh(database, cast.a.id, now=NOW)
    come(database, cast, cast.wang, 4)
    come(database, cast, cast.li, 3)
    with database.read() as db:
        mine = projection.worker_days(db, cast.a.id, cast.wang.id, MARCH, APRIL, NOW)
        third = projection.days_on(db, cast.a.id, date(2026, 3, 3), NOW)
        sums = {m.worker_id: m.gross_fen for m in projection.wages_of_month(db, cast.a.id, MARCH, NOW)}
    assert [(d.work_date.day, d.day_milli) for d in mine] == [(3, 1000), (4, 1000)]
    assert [d.worker_id for d in third] == [cast.wang.id, cast.li.id]
    assert (sums[cast.wang.id], sums[cast.li.id]) == (800_00, 400_00)


def test_a_late_passage_rebuilds_its_day_and_its_revision_says_so(database, cast):
    come(database, cast, cast.wang, 3, go_at=None)
    projection.refresh(database, cast.a.id, now=NOW)
    with database.write() as db:
        pass_through(db, cast.a, "out", cast.wang.id, at(3, "17:00"))
    projection.refresh(database, cast.a.id, now=NOW)
    with database.read() as db:
        (line,) = rows.days_of(db, cast.a.id, [cast.wang.id], MARCH, APRIL)
    assert (line.state, line.day_milli, line.rev) == ("worked", 1000, 2)


def test_where_nothing_happened_a_refresh_writes_nothing(database, cast):
    come(database, cast, cast.wang, 3)
    projection.refresh(database, cast.a.id, now=NOW)

    def mark():
        with database.read() as db:
            return rows.marks_of_each(db, [cast.a.id, cast.b.id])

    before = mark()
    assert projection.refresh(database, cast.a.id, now=NOW + timedelta(minutes=1)).workers == 0 and mark() == before
    come(database, cast, cast.li, 4)
    projection.refresh(database, cast.a.id, now=NOW + timedelta(minutes=1))
    assert mark() != before and cast.b.id not in mark()


def test_somebody_inside_becomes_a_missed_exit_by_the_passing_of_time_alone(database, cast):
    come(database, cast, cast.wang, 3, go_at=None)
    projection.refresh(database, cast.a.id, now=at(3, "10:00"))
    later = at(4, "10:00")
    with database.read() as db:
        (shown,) = projection.days_on(db, cast.a.id, date(2026, 3, 3), later)
    assert shown.state == "undecided"
    projection.refresh(database, cast.a.id, now=later)
    with database.read() as db:
        assert [d.state for d in rows.days_of(db, cast.a.id, [cast.wang.id], MARCH, APRIL)] == ["undecided"]


def test_which_days_time_has_changed_is_asked_of_an_index_and_not_of_a_year_of_days(database, cast, database_kind):
    if database_kind == "postgresql":
        pytest.skip("PostgreSQL plans by what stands in the table")
    asked = []
    with database.read() as db:
        bind = db.get_bind()
        hear = lambda *said: asked.append(said[2:4])  # noqa: E731
        sa.event.listen(bind, "before_cursor_execute", hear)
        try:
            assert rows.expired(db, cast.a.id, NOW) == {}
        finally:
            sa.event.remove(bind, "before_cursor_execute", hear)
        statement, values = asked[-1]
        plan = db.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values).fetchall()
    assert [row[-1].split(" (")[0] for row in plan] == ["SEARCH attendance_day USING INDEX ix_attendance_day_alive"]


def test_a_raise_a_mark_and_a_rule_make_their_days_stale(database, cast):
    come(database, cast, cast.wang, 3)
    come(database, cast, cast.wang, 20)
    projection.refresh(database, cast.a.id, now=NOW)
    with database.write() as db:
        given = {"project_id": cast.a.id, "by": "wu", "now": NOW}
        terms.agree(db, engagement_id=cast.wang.engagement_id, kind="day", rate_fen=500_00, valid_from=date(2026, 3, 15), **given)
        timekeeping.add_mark(db, kind="rain", from_on=date(2026, 3, 9), to_on=date(2026, 3, 10), pay_permille=500, note="暴雨", **given)
        timekeeping.add_policy(db, rules={"units": [[0, 0], [600, 1000]]}, valid_from=date(2026, 3, 3), valid_to=date(2026, 3, 4), **given)
    projection.refresh(database, cast.a.id, now=NOW)
    kept = written(database)
    mine = {row[1].day: (row[4], row[5]) for row in kept if row[0] == cast.wang.id and len(row) == 8}
    assert mine == {3: (0, None), 9: (0, 200_00), 20: (1000, 500_00)}
    with database.read() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(StaleDay)).scalar() == 0
    assert kept == live(database, cast)


def test_an_older_refresh_that_was_overtaken_writes_nothing_more(database, cast, monkeypatch):
    come(database, cast, cast.wang, 3)
    whole = projection._work_out

    def overtaken(*values):
        found = whole(*values)
        monkeypatch.setattr(projection, "_work_out", whole)
        come(database, cast, cast.wang, 4)
        projection.refresh(database, cast.a.id, now=NOW)
        return found

    monkeypatch.setattr(projection, "_work_out", overtaken)
    assert projection.refresh(database, cast.a.id, now=NOW).overtaken
    assert [row[1].day for row in written(database) if len(row) == 8] == [3, 4]


def test_a_page_of_a_day_goes_on_where_the_last_one_ended(database, cast):
    for who in (cast.wang, cast.li):
        come(database, cast, who, 3)
    with database.read() as db:
        for refreshed in (False, True):
            if refreshed:
                projection.refresh(database, cast.a.id, now=NOW)
            first = projection.days_on(db, cast.a.id, date(2026, 3, 3), NOW, limit=1)
            second = projection.days_on(db, cast.a.id, date(2026, 3, 3), NOW, after=first[-1].worker_id, limit=1)
            assert [d.worker_id for d in (*first, *second)] == [cast.wang.id, cast.li.id]


def test_measured_work_of_a_team_is_split_with_the_whole_team_even_for_one(database, cast):
    come(database, cast, cast.wang, 3)
    come(database, cast, cast.li, 3)
    come(database, cast, cast.li, 4)
    with database.write() as db:
        for member in (cast.wang, cast.li):
            terms.agree(
                db, project_id=cast.a.id, engagement_id=member.engagement_id, kind="piece", rate_fen=38_00, unit="m2",
                valid_from=MARCH, by="wu", now=NOW,
            )  # fmt: skip
        measure = terms.add_measure(
            db, project_id=cast.a.id, team_id=cast.a.team_id, month=MARCH, measured_on=date(2026, 3, 31), item="模板", unit="m2",
            quantity_milli=30_000, unit_price_fen=100_00, by="wu", now=NOW,
        )  # fmt: skip
        terms.accept_measure(db, project_id=cast.a.id, measure_id=measure, accepted=True, by="chen", now=NOW)
    with database.read() as db:
        alone = [m for w in projection.months(db, cast.a.id, from_month=MARCH, to_month=APRIL, as_of=NOW, workers=[cast.wang.id]) for m in w.months]
        assert {m.worker_id: m.gross_fen for m in alone} == {cast.wang.id: 1000_00, cast.li.id: 2000_00}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["wang", "li"]), st.integers(1, 9), st.sampled_from(["in", "out", "refresh", "raise"]), st.integers(0, 23)),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_after_any_story_the_rows_are_what_the_facts_say(database, cast, story):
    """Each example goes on in the days where the last one ended: what was there before is part of the story."""
    with database.read() as db:
        second = rows.chain_seq(db, cast.a.id)
    for second, (who, day, what, hour) in enumerate(story, second):  # noqa: B020 - each passage has a second of its own
        member = getattr(cast, who)
        if what == "refresh":
            projection.refresh(database, cast.a.id, now=NOW)
        elif what == "raise":
            with database.write() as db:
                day_on = date(2026, 3, day)
                held = [t for t in terms.people.terms(db, cast.a.id, member.engagement_id) if t.covers(day_on)]
                terms.agree(
                    db, project_id=cast.a.id, engagement_id=member.engagement_id, kind="day", rate_fen=held[0].rate_fen + 1_00,
                    valid_from=day_on, by="wu", now=NOW,
                )  # fmt: skip
        else:
            with database.write() as db:
                pass_through(db, cast.a, what, member.id, at(day) + timedelta(hours=hour - 12, seconds=second))
    projection.refresh(database, cast.a.id, now=NOW)
    kept = written(database)
    assert kept == live(database, cast)


def test_what_is_counted_from_the_rows_is_what_the_facts_say_whatever_came_since(database, cast, vault):
    """Passages, forgotten exits, corrections and a passage put right; the rows are refreshed now and then, never just before."""
    dice = random.Random(81)
    seen = set()
    given = {"project_id": cast.a.id, "by": "wu"}
    for turn in range(24):
        now = at(2 + turn // 3, f"{8 + turn % 3 * 5:02d}:30")
        day, who = dice.randint(max(1, turn // 3 - 1), 2 + turn // 3), dice.choice([cast.wang, cast.li])
        with database.write() as db:
            for hour in sorted(dice.sample(range(24), dice.randint(1, 3))):
                moment = at(day, f"{hour:02d}:00") + timedelta(seconds=turn)
                if moment <= now:
                    pass_through(db, cast.a, dice.choice(["in", "out"]), who.id, moment)
            if turn % 4 == 3:
                asked_at = at(day, "23:59") + timedelta(hours=1)
                what = {"kind": "add_session", "in_at": at(day, "08:00"), "out_at": at(day, "09:00")}
                if turn % 8 == 7:
                    what = {"kind": "set_day", "minutes": 480, "day_milli": 1000}
                paper = timekeeping.put_evidence(
                    db, vault, name="a.png", media_type="image/png", content=b"\x89PNG\r\n\x1a\n" + bytes([turn]) * 20, now=NOW, **given
                )
                asked = timekeeping.request_correction(
                    db, worker_id=who.id, work_date=at(day).date(), reason="gate_broken", note="闸机停电", evidence=[paper], now=asked_at,
                    **what, **given,
                )  # fmt: skip
                for act, by in (("leader_ok", "zhang"), ("officer_ok", "chen")):
                    timekeeping.decide_correction(db, project_id=cast.a.id, correction_id=asked, act=act, by=by, now=asked_at)
        if turn % 3 == 1:
            projection.refresh(database, cast.a.id, now=now)
            continue
        for moment in (now, now + timedelta(hours=dice.randint(1, 40)), NOW):
            with database.read() as db:
                assert projection.headcount(db, cast.a.id, moment) == payroll.headcount_of(db, cast.a.id, moment), (turn, moment)
                found = projection.counted(db, cast.a.id, MARCH, APRIL, moment)
                days = payroll.attendance_of(db, cast.a.id, MARCH, moment)
            assert {day: n for day, n in found.came.items() if n} == Counter(d.work_date for d in days), (turn, moment)
            undecided = sorted((d.work_date, d.worker_id) for d in days if d.state == "undecided")
            assert [pair[::-1] for pair in found.undecided] == undecided, (turn, moment)
            seen.add((bool(undecided), bool(found.came)))
    assert (True, True) in seen
