"""Calendar, policies, corrections, marks, evidence: what is asked, who agrees, and what is refused."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app import payroll, projection, sheets, timekeeping
from app.db import Database
from app.domain.facts import AttendancePolicy, DayKind
from app.domain.timesheet import work_days
from app.errors import Conflict, Forbidden, NotFound, ServiceError, TooLarge, Unusable
from app.store import accounts, audit, money, people, terms
from app.store import timekeeping as held
from app.tables import CalendarDayRow, PayPeriod, StaleDay
from app.vault import Vault
from app.wording import NAMES
from app.wording import timekeeping as words
from tests.cast import Cast, add_member, id_number, pass_through

WORKDAY, MAKEUP, REST = DayKind.WORKDAY, DayKind.MAKEUP, DayKind.REST
ADJUST, STATUTORY = DayKind.ADJUST_REST, DayKind.STATUTORY
JPEG = b"\xff\xd8\xff\xe0 a signed list \xff\xd9"


def at(day: int, clock: str, month: int = 3) -> datetime:
    """The instant of a wall clock on site."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, month, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.fixture
def desk(database: Database, vault: Vault, now: datetime, people_on_site: Cast) -> "Desk":
    return Desk(database, vault, now, people_on_site)


class Desk:
    """Everybody who keeps the days of project A: Wu asks, Tang leads the team, Lu is another labour officer."""

    def __init__(self, database: Database, vault: Vault, now: datetime, site: Cast) -> None:
        self.database, self.vault, self.now, self.site = database, vault, now, site

    def ask(self, **changed: object) -> int:
        given = {
            "project_id": self.site.a.id, "worker_id": self.site.wang.id, "work_date": date(2026, 3, 30),
            "kind": "missing_out", "out_at": at(30, "17:30"), "reason": "forgot", "by": "wu", "now": self.now,
        }  # fmt: skip
        with self.database.write() as db:
            return timekeeping.request_correction(db, **{**given, **changed})

    def say(self, correction_id: int, act: str, by: str, **more: object) -> str:
        with self.database.write() as db:
            return timekeeping.decide_correction(
                db, project_id=self.site.a.id, correction_id=correction_id, act=act, by=by, now=self.now, **more
            ).state

    def paper(self, content: bytes = JPEG, **changed: object) -> int:
        given = {"name": "名单.jpg", "media_type": "image/jpeg", "by": "wu", "project_id": self.site.a.id}
        with self.database.write() as db:
            return timekeeping.put_evidence(db, self.vault, content=content, now=self.now, **{**given, **changed})

    def mark(self, **changed: object) -> int:
        given = {"kind": "rain", "from_on": date(2026, 3, 10), "to_on": date(2026, 3, 12), "pay_permille": 0}
        with self.database.write() as db:
            return timekeeping.add_mark(db, project_id=self.site.a.id, by="wu", now=self.now, **{**given, **changed})

    def policy(self, **changed: object) -> int:
        given = {"rules": {}, "valid_from": date(2026, 3, 1)}
        with self.database.write() as db:
            return timekeeping.add_policy(db, project_id=self.site.a.id, by="wu", now=self.now, **{**given, **changed})

    def close(self, month: date) -> None:
        with self.database.write() as db:
            db.execute(sa.insert(PayPeriod).values(project_id=self.site.a.id, month=month, state="open"))
            db.execute(sa.update(PayPeriod).values(state="locked", locked_by="wu", locked_at=self.now))
            db.execute(
                sa.update(PayPeriod).values(state="closed", closed_by="chen", closed_at=self.now, digest="0" * 64)
            )

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


# --- the calendar ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [2025, 2026])
def test_a_year_has_13_statutory_days_and_248_workdays(year: int):
    count = Counter(kind for _, kind, _ in timekeeping.year_from_holidays(year))
    assert count[STATUTORY] == 13
    assert count[WORKDAY] + count[MAKEUP] == 248
    assert sum(count.values()) == 365


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2025, 1, 26), MAKEUP), (date(2025, 2, 2), REST), (date(2025, 2, 3), ADJUST), (date(2025, 1, 28), STATUTORY),
        (date(2025, 5, 31), STATUTORY), (date(2025, 6, 2), ADJUST), (date(2025, 10, 6), STATUTORY),
        (date(2026, 2, 14), MAKEUP), (date(2026, 4, 5), STATUTORY), (date(2026, 4, 6), ADJUST),
        (date(2026, 5, 2), STATUTORY), (date(2026, 10, 3), STATUTORY), (date(2026, 3, 3), WORKDAY), (date(2026, 3, 8), REST),
    ],
)  # fmt: skip
def test_a_moved_day_off_is_no_statutory_day_and_a_statutory_day_on_a_weekend_is_one(day: date, kind: DayKind):
    assert next(k for d, k, _ in timekeeping.year_from_holidays(day.year) if d == day) is kind


def test_a_year_before_2025_has_11_statutory_days():
    assert sum(kind is STATUTORY for _, kind, _ in timekeeping.year_from_holidays(2024)) == 11


def test_a_year_whose_notice_is_not_out_is_refused():
    with refused(Unusable, "calendar_year_provisional") as error:
        timekeeping.year_from_holidays(2027)
    assert error.value.facts == {"year": 2027}


@pytest.mark.parametrize("year", [0, 1900, 2007, 2100, 10**9])
def test_a_year_nobody_knows_is_refused(year: int):
    with refused(Unusable, "calendar_year_unknown"):
        timekeeping.year_from_holidays(year)


def calendar_rows(database: Database) -> int:
    with database.read() as db:
        return db.execute(sa.select(sa.func.count()).select_from(CalendarDayRow)).scalar_one()


def test_seeding_twice_writes_nothing_the_second_time(desk: Desk):
    for written in (730, 0):
        with desk.database.write() as db:
            report = timekeeping.seed_calendar(db, years=[2025, 2026], by="gao", now=desk.now)
        assert (report.rows_total, report.written, report.unchanged) == (730, written, 730 - written)
    assert calendar_rows(desk.database) == 730
    with desk.database.read() as db:
        known = held.calendar(db, date(2026, 9, 30), date(2026, 10, 5))
    assert list(known.values()) == [WORKDAY, STATUTORY, STATUTORY, STATUTORY, REST]


def test_a_year_that_is_refused_leaves_nothing_of_the_others(desk: Desk):
    with refused(Unusable, "calendar_year_provisional"), desk.database.write() as db:
        timekeeping.seed_calendar(db, years=[2026, 2027], by="gao", now=desk.now)
    assert calendar_rows(desk.database) == 0


def importing(desk: Desk, *rows: tuple, **more: object) -> timekeeping.CalendarReport:
    with desk.database.write() as db:
        return timekeeping.import_calendar(db, rows=rows, source="国办通知", by="gao", now=desk.now, **more)


def test_a_notice_is_read_as_people_write_it(desk: Desk):
    report = importing(
        desk, ("日期", "类型", "名称"), (), ("2027-01-01", "法定节假日", "元旦"), (date(2027, 1, 2), "rest", None),
        (datetime(2027, 1, 3, 0, 0, tzinfo=UTC), "调休上班", ""), ("2027年1月4日", " adjust_rest "), ("2027/1/5", "WORKDAY", ""),
    )  # fmt: skip
    assert (report.rows_total, report.written, report.faults) == (5, 5, ())
    with desk.database.read() as db:
        days = held.calendar_days(db, date(2027, 1, 1), date(2027, 2, 1))
    assert [day.kind for day in days.values()] == [STATUTORY, REST, MAKEUP, ADJUST, WORKDAY]
    assert days[date(2027, 1, 1)].name == "元旦"


def test_a_correction_of_the_notice_counts_from_now_on(desk: Desk):
    importing(desk, ("2027-01-04", "workday", ""), ("2027-01-05", "workday", ""))
    report = importing(desk, ("2027-01-04", "adjust_rest", ""), ("2027-01-05", "workday", ""))
    assert (report.written, report.unchanged) == (1, 1)
    with desk.database.read() as db:
        assert held.calendar(db, date(2027, 1, 4), date(2027, 1, 6)) == {date(2027, 1, 4): ADJUST, date(2027, 1, 5): WORKDAY}


def test_one_wrong_row_keeps_the_whole_notice_out_and_is_named(desk: Desk):
    report = importing(
        desk, ("2027-01-01", "statutory", "元旦"), ("2027-02-30", "rest", ""), ("soon", "rest", ""), ("2027-01-02", "holiday", ""),
        ("2027-01-01", "rest", ""), ("2027-01-06", "rest", "节" * 41), (20270107, "rest", ""), ("0001-01-01", "rest", ""),
    )  # fmt: skip
    assert [(fault.row, fault.code) for fault in report.faults] == [
        (2, "calendar_date_wrong"), (3, "calendar_date_wrong"), (4, "calendar_kind_unknown"), (5, "calendar_date_twice"),
        (6, "calendar_name_wrong"), (7, "calendar_date_wrong"), (8, "calendar_date_wrong"),
    ]  # fmt: skip
    assert report.written == 0 and calendar_rows(desk.database) == 0


def test_an_empty_notice_is_refused(desk: Desk):
    for rows in ((), (("日期", "类型"),), (("", None),)):
        with refused(Unusable, "calendar_no_rows"):
            importing(desk, *rows)


def test_a_notice_that_names_only_what_is_special_fills_its_year(desk: Desk):
    special = [
        (day.isoformat(), kind.value, name)
        for day, kind, name in timekeeping.year_from_holidays(2026)
        if kind in (STATUTORY, ADJUST, MAKEUP)
    ]
    assert importing(desk, *special, fill_year=2026).written == 365
    with desk.database.read() as db:
        known = held.calendar(db, date(2026, 1, 1), date(2027, 1, 1))
    assert known == {day: kind for day, kind, _ in timekeeping.year_from_holidays(2026)}
    with refused(Unusable, "calendar_statutory_count") as error:
        importing(desk, *special[1:], fill_year=2026)
    assert error.value.facts == {"year": 2026, "wanted": 13, "found": 12}


def test_a_date_without_a_row_is_unknown(desk: Desk):
    importing(desk, ("2027-01-04", "workday", ""))
    with desk.database.read() as db:
        assert held.calendar(db, date(2027, 1, 1), date(2027, 2, 1)) == {date(2027, 1, 4): WORKDAY}


def test_a_new_calendar_makes_the_months_it_names_stale_on_every_project(desk: Desk):
    importing(desk, ("2027-01-20", "workday", ""), ("2027-02-05", "workday", ""))
    assert desk.stale() == [(None, date(2027, 1, 1), date(2027, 3, 1))] * 2
    importing(desk, ("2027-01-20", "workday", ""))
    assert len(desk.stale()) == 2, "nothing new, nothing stale"


# --- policies -------------------------------------------------------------------------------------------------


def test_a_policy_is_kept_whole_and_comes_back_as_it_was(desk: Desk):
    rules = {
        "fold_seconds": 60, "cutover_minutes": 720, "session_max_minutes": 1080, "work_date_rule": "most",
        "breaks": [["11:30", "12:30"], ["18:00", "18:30"]], "units": [[0, 0], [210, 500], [450, 1000]],
        "standard_minutes": 540, "overtime_step_minutes": 15, "night_from": "21:00", "night_to": "05:00",
    }  # fmt: skip
    added = desk.policy(rules=rules, team_id=desk.site.a.team_id)
    with desk.database.read() as db:
        [scoped] = held.policies(db, desk.site.a.id)
        [row] = held.policy_rows(db, desk.site.a.id)
    assert (scoped.id, scoped.team_id, scoped.company_id) == (added, desk.site.a.team_id, None)
    assert scoped.policy.cutover == timedelta(hours=12) and scoped.policy.breaks[0].ends.hour == 12
    assert held.rules_of(scoped.policy) == {**held.rules_of(AttendancePolicy()), **rules} == row.rules
    assert scoped.policy.time_zone == "Asia/Shanghai"


def test_the_default_written_down_is_the_default():
    policy = AttendancePolicy(version=7)
    assert held.policy_of(held.rules_of(policy), version=7, time_zone="Asia/Shanghai") == policy
    assert held.policy_of({}, version=7, time_zone="Asia/Shanghai") == policy


def test_versions_begin_after_the_default_and_count_within_the_project(desk: Desk):
    desk.policy(valid_to=date(2026, 4, 1))
    desk.policy(team_id=desk.site.a.team_id)
    with desk.database.write() as db:
        timekeeping.add_policy(
            db, project_id=desk.site.b.id, rules={}, valid_from=date(2026, 3, 1), by="wu", now=desk.now
        )
        assert [p.policy.version for p in held.policies(db, desk.site.a.id)] == [2, 3]
        assert [p.policy.version for p in held.policies(db, desk.site.b.id)] == [2]


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"fold": 60}, "policy_field_unknown"),
        ({"fold_seconds": -1}, "policy_number_wrong"),
        ({"fold_seconds": 1801}, "policy_number_wrong"),
        ({"fold_seconds": True}, "policy_number_wrong"),
        ({"fold_seconds": 60.0}, "policy_number_wrong"),
        ({"fold_seconds": None}, "policy_number_wrong"),
        ({"session_max_minutes": 2161}, "policy_number_wrong"),
        ({"cutover_minutes": "240"}, "policy_number_wrong"),
        ({"overtime_step_minutes": 0}, "policy_number_wrong"),
        ({"standard_minutes": 59}, "policy_number_wrong"),
        ({"session_min_minutes": 120, "session_max_minutes": 60}, "policy_lengths_wrong"),
        ({"work_date_rule": "exit"}, "policy_work_date_rule_unknown"),
        ({"breaks": [["12:00", "12:00"]]}, "policy_breaks_wrong"),
        ({"breaks": [["12:00", "13:00"], ["12:30", "14:00"]]}, "policy_breaks_wrong"),
        ({"breaks": [["24:00", "25:00"]]}, "policy_breaks_wrong"),
        ({"breaks": [["12:00"]]}, "policy_breaks_wrong"),
        ({"breaks": "12:00-13:00"}, "policy_breaks_wrong"),
        ({"breaks": [[n, n] for n in range(7)]}, "policy_breaks_wrong"),
        ({"units": []}, "policy_units_wrong"),
        ({"units": [[60, 500]]}, "policy_units_wrong"),
        ({"units": [[0, 0], [0, 500]]}, "policy_units_wrong"),
        ({"units": [[0, 500], [60, 250]]}, "policy_units_wrong"),
        ({"units": [[0, 0], [60, 2001]]}, "policy_units_wrong"),
        ({"units": [[0, 0.5]]}, "policy_units_wrong"),
        ({"night_from": "22:00", "night_to": "22:00"}, "policy_night_wrong"),
        ({"night_from": "9pm"}, "policy_night_wrong"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rules: dict, code: str):
    with refused(Unusable, code):
        timekeeping.check_rules(rules)


def test_two_policies_of_one_scope_never_hold_at_once(desk: Desk):
    first = desk.policy(valid_to=date(2026, 4, 1))
    desk.policy(valid_from=date(2026, 4, 1))
    desk.policy(team_id=desk.site.a.team_id)
    desk.policy(project_company_id=desk.site.a.project_company_id)
    for changed in (
        {"valid_from": date(2026, 2, 1), "valid_to": date(2026, 3, 2)}, {"valid_from": date(2026, 5, 1)},
        {"team_id": desk.site.a.team_id, "valid_from": date(2026, 6, 1)},
        {"project_company_id": desk.site.a.project_company_id},
    ):  # fmt: skip
        with refused(Conflict, "policy_overlaps"):
            desk.policy(**changed)
    with desk.database.write() as db:
        timekeeping.void_policy(db, project_id=desk.site.a.id, policy_id=first, by="wu", now=desk.now)
    desk.policy(valid_to=date(2026, 4, 1))


def test_a_policy_of_a_company_names_the_company_as_engagements_do(desk: Desk):
    desk.policy(project_company_id=desk.site.a.project_company_id)
    with desk.database.read() as db:
        [scoped] = held.policies(db, desk.site.a.id)
        [engagement] = people.engagements_of(db, desk.site.a.id, desk.site.wang.id)
    assert scoped.company_id == engagement.company_id == desk.site.a.company_id


def test_a_policy_of_two_scopes_or_of_strangers_is_refused(desk: Desk):
    with refused(Unusable, "policy_scope_wrong"):
        desk.policy(team_id=desk.site.a.team_id, project_company_id=desk.site.a.project_company_id)
    with refused(NotFound, "team_unknown"):
        desk.policy(team_id=desk.site.b.team_id)
    with refused(NotFound, "project_company_unknown"):
        desk.policy(project_company_id=desk.site.b.project_company_id)
    with refused(Unusable, "dates_wrong"):
        desk.policy(valid_to=date(2026, 3, 1))


def test_a_policy_ends_once(desk: Desk):
    added = desk.policy()
    about = {"project_id": desk.site.a.id, "policy_id": added, "by": "wu", "now": desk.now}
    with desk.database.write() as db:
        timekeeping.end_policy(db, valid_to=date(2026, 5, 1), **about)
        timekeeping.end_policy(db, valid_to=date(2026, 5, 1), **about)
        with refused(Conflict, "policy_ended"):
            timekeeping.end_policy(db, valid_to=date(2026, 6, 1), **about)
        timekeeping.void_policy(db, **about)
        for again in (timekeeping.void_policy, lambda db, **a: timekeeping.end_policy(db, valid_to=date(2026, 5, 1), **a)):
            with refused(Conflict, "policy_voided"):
                again(db, **about)
    with desk.database.write() as db, refused(NotFound, "policy_unknown"):
        timekeeping.void_policy(db, project_id=desk.site.b.id, policy_id=added, by="wu", now=desk.now)


def test_no_policy_reaches_into_a_closed_month(desk: Desk):
    old = desk.policy(valid_from=date(2026, 1, 1))
    desk.close(date(2026, 2, 1))
    about = {"project_id": desk.site.a.id, "policy_id": old, "by": "wu", "now": desk.now}
    with refused(Conflict, "policy_month_closed"):
        desk.policy(valid_from=date(2026, 2, 28), team_id=desk.site.a.team_id)
    with desk.database.write() as db:
        with refused(Conflict, "policy_month_closed"):
            timekeeping.void_policy(db, **about)
        with refused(Conflict, "policy_month_closed"):
            timekeeping.end_policy(db, valid_to=date(2026, 2, 28), **about)
        timekeeping.end_policy(db, valid_to=date(2026, 3, 1), **about)
    desk.policy(valid_from=date(2026, 3, 1))


# --- corrections ----------------------------------------------------------------------------------------------


def test_a_correction_counts_when_leader_and_labour_officer_agreed(desk: Desk):
    asked = desk.ask()
    with desk.database.read() as db:
        assert [one.id for one in timekeeping.pending(db, desk.site.a.id)] == [asked]
    assert desk.say(asked, "leader_ok", "tang") == "leader_ok"
    with desk.database.read() as db:
        assert held.corrections(db, desk.site.a.id) == ()
    assert desk.say(asked, "officer_ok", "lu") == "approved"
    with desk.database.read() as db:
        [fact] = held.corrections(db, desk.site.a.id)
        assert timekeeping.pending(db, desk.site.a.id) == ()
        info = held.correction(db, desk.site.a.id, asked)
    assert (fact.id, fact.worker_id, fact.work_date, fact.kind, fact.out_at) == (
        asked, desk.site.wang.id, date(2026, 3, 30), "missing_out", at(30, "17:30"),
    )  # fmt: skip
    assert [(step.act, step.by) for step in info.steps] == [("leader_ok", "tang"), ("officer_ok", "lu")]


def test_an_agreed_exit_makes_an_undecided_day_whole(desk: Desk):
    with desk.database.write() as db:
        pass_through(db, desk.site.a, "in", desk.site.wang.id, at(30, "07:30"))

    def day() -> tuple[str, int, int | None, tuple[int, ...]]:
        with desk.database.read() as db:
            bundle = money.project_month(db, desk.site.a.id, date(2026, 3, 1), desk.now + timedelta(days=1))
        [found] = work_days(bundle)
        return str(found.day.state), found.day.minutes, found.day.day_milli, found.correction_ids

    assert day() == ("undecided", 0, None, ())
    asked = desk.ask()
    desk.say(asked, "leader_ok", "tang")
    assert day() == ("undecided", 0, None, ()), "one word is not enough"
    desk.say(asked, "officer_ok", "lu")
    assert day() == ("worked", 600, 1000, (asked,))


def test_a_policy_and_a_mark_reach_the_days(desk: Desk):
    with desk.database.write() as db:
        for who, way, clock in ((desk.site.wang, "in", "07:30"), (desk.site.wang, "out", "17:30")):
            pass_through(db, desk.site.a, way, who.id, at(30, clock))
    desk.policy(rules={"breaks": [["12:00", "13:00"]]}, team_id=desk.site.a.team_id, valid_from=date(2026, 3, 30))
    desk.mark(kind="leave", worker_id=desk.site.li.id, from_on=date(2026, 3, 30), to_on=date(2026, 3, 31))
    with desk.database.read() as db:
        days = work_days(money.project_month(db, desk.site.a.id, date(2026, 3, 1), desk.now))
    assert [(d.worker_id, str(d.day.state), d.day.minutes, d.mark and d.mark.kind) for d in days] == [
        (desk.site.wang.id, "worked", 540, None), (desk.site.li.id, "off", 0, "leave"),
    ]  # fmt: skip
    assert days[0].policy_version == held.FIRST_VERSION


def test_nobody_agrees_to_what_he_asked_for_and_nobody_agrees_twice(desk: Desk):
    asked = desk.ask()
    with refused(Forbidden, "correction_same_person"):
        desk.say(asked, "leader_ok", "wu")
    with refused(Forbidden, "correction_same_person"):
        desk.say(asked, "rejected", "wu", note="no")
    desk.say(asked, "leader_ok", "tang")
    for by in ("tang", "wu"):
        with refused(Forbidden, "correction_same_person"):
            desk.say(asked, "officer_ok", by)


def hire(desk: Desk, login: str, role: str, **more: object) -> int:
    """One more account with a role on project A."""
    with desk.database.write() as db:
        account = accounts.add_account(db, login=login, name=login, password_hash="x", language="zh", now=desk.now)
        accounts.add_membership(db, account_id=account, role=role, project_id=desk.site.a.id, **more)
        return account


def who(desk: Desk, correction_id: int) -> str:
    with desk.database.read() as db:
        return timekeeping.awaited(db, desk.site.a.id, [held.correction(db, desk.site.a.id, correction_id)])[correction_id].who


def test_what_the_only_officer_asked_for_the_manager_agrees_to_for_her_and_the_journal_says_so(desk: Desk):
    asked = desk.ask()
    with desk.database.read() as db:
        assert timekeeping.words_to_come(db, desk.site.a.id, held.correction(db, desk.site.a.id, asked)) == ("manager", "manager_for_officer")
    assert who(desk, asked) == "manager"
    desk.say(asked, "leader_ok", "chen")
    assert who(desk, asked) == "manager_for_officer"
    with refused(Forbidden, "correction_same_person"):
        desk.say(asked, "officer_ok", "wu", stands_in=True)
    assert desk.say(asked, "officer_ok", "chen", stands_in=True) == "approved"
    with desk.database.read() as db:
        assert [(s.act, s.by, s.stood_in_as) for s in held.correction(db, desk.site.a.id, asked).steps] == [
            ("leader_ok", "chen", None), ("officer_ok", "chen", "manager"),
        ]  # fmt: skip
        line = next(one for one in accounts.journal_lines(db, desk.site.a.id) if one.action == "correction.officer_ok")
        [change] = audit.beside(db, desk.site.a.id, date(2026, 3, 1), desk.now, area_code="330424", time_zone="Asia/Shanghai").changes
    assert (line.actor, line.facts) == ("chen", {"stood_in_as": "manager", "both_words": True})
    assert change.approved_by == ("chen",), "the audit takes a word in place of another's for what it is"


def test_nobody_stands_in_where_another_officer_is_there(desk: Desk):
    lu = hire(desk, "lu", "labour_officer")
    asked = desk.ask()
    desk.say(asked, "leader_ok", "chen")
    assert who(desk, asked) == "officer"
    with refused(Forbidden, "correction_same_person"):
        desk.say(asked, "officer_ok", "chen", stands_in=True)
    with desk.database.write() as db:
        accounts.disable_account(db, lu, desk.now)
    assert who(desk, asked) == "manager_for_officer", "whose account is closed cannot agree"


def test_of_two_managers_the_other_one_stands_in(desk: Desk):
    hire(desk, "du", "manager")
    asked = desk.ask()
    desk.say(asked, "leader_ok", "chen")
    with refused(Forbidden, "correction_same_person"):
        desk.say(asked, "officer_ok", "chen", stands_in=True)
    assert desk.say(asked, "officer_ok", "du", stands_in=True) == "approved"


def test_what_the_only_manager_asked_for_the_officer_agrees_to_for_the_leader(desk: Desk):
    asked = desk.ask(by="chen")
    assert who(desk, asked) == "officer_for_leader"
    assert desk.say(asked, "leader_ok", "wu", stands_in=True) == "leader_ok"
    assert who(desk, asked) == "officer"
    assert desk.say(asked, "officer_ok", "wu") == "approved"
    hire(desk, "tang", "team_leader", team_id=desk.site.a.team_id)
    later = desk.ask(by="chen", out_at=at(30, "18:00"))
    assert who(desk, later) == "leader_or_manager"
    with refused(Forbidden, "not_allowed"):
        desk.say(later, "leader_ok", "wu", stands_in=True)


def test_what_a_guard_or_a_leader_asked_for_needs_both_as_ever(desk: Desk):
    asked = desk.ask(by="ma")
    with refused(Forbidden, "not_allowed"):
        desk.say(asked, "leader_ok", "wu", stands_in=True)
    desk.say(asked, "leader_ok", "chen")
    with refused(Forbidden, "correction_same_person"):
        desk.say(asked, "officer_ok", "chen", stands_in=True)
    assert who(desk, asked) == "officer" and desk.say(asked, "officer_ok", "wu") == "approved"


def test_without_a_manager_what_the_officer_asked_for_waits_for_somebody_to_be_named(desk: Desk):
    with desk.database.write() as db:
        accounts.disable_account(db, desk.site.chen, desk.now)
    assert who(desk, desk.ask()) == "nobody"


def test_the_leader_comes_first_and_each_word_is_said_once(desk: Desk):
    asked = desk.ask()
    with refused(Conflict, "correction_order"):
        desk.say(asked, "officer_ok", "lu")
    desk.say(asked, "leader_ok", "tang")
    with refused(Conflict, "correction_decided"):
        desk.say(asked, "leader_ok", "lu")
    desk.say(asked, "officer_ok", "lu")
    for act in ("leader_ok", "officer_ok", "rejected", "withdrawn"):
        with refused(Conflict, "correction_decided"):
            desk.say(asked, act, "wu" if act == "withdrawn" else "ma", note="late")


def test_only_who_asked_withdraws_and_a_refusal_needs_its_reason(desk: Desk):
    asked = desk.ask()
    with refused(Forbidden, "correction_same_person"):
        desk.say(asked, "withdrawn", "tang")
    with refused(Unusable, "text_missing"):
        desk.say(asked, "rejected", "tang")
    with refused(Unusable, "correction_act_unknown"):
        desk.say(asked, "approved", "tang")
    assert desk.say(asked, "rejected", "tang", note="他那天没来") == "rejected"
    assert desk.say(desk.ask(), "withdrawn", "wu") == "withdrawn"
    with desk.database.read() as db:
        assert held.corrections(db, desk.site.a.id) == () == timekeeping.pending(db, desk.site.a.id)


def test_two_officers_decide_at_once_and_one_of_them_is_told(desk: Desk):
    asked = desk.ask()
    desk.say(asked, "leader_ok", "tang")
    said: list[str] = []

    def refuse() -> None:
        try:
            said.append(desk.say(asked, "rejected", "chen", note="他那天没来"))
        except Conflict as error:
            said.append(error.code)

    other = threading.Thread(target=refuse)
    with desk.database.write() as db:
        timekeeping.decide_correction(
            db, project_id=desk.site.a.id, correction_id=asked, act="officer_ok", by="lu", now=desk.now
        )
        # The other has the paper on his desk already; this word is not yet on record.
        other.start()
        other.join(0.3)
    other.join()
    assert said == ["correction_decided"]
    with desk.database.read() as db:
        assert held.correction(db, desk.site.a.id, asked).state == "approved"


def test_requests_at_once_do_not_pass_the_limit_together(desk: Desk):
    for day in (28, 29):
        desk.ask(work_date=date(2026, 3, day), out_at=at(day, "17:30"))
    codes: list[str] = []
    begin = threading.Barrier(2)

    def ask(day: int) -> None:
        begin.wait()
        try:
            desk.ask(work_date=date(2026, 3, day), out_at=at(day, "18:00"))
            codes.append("asked")
        except Conflict as error:
            codes.append(error.code)

    both = [threading.Thread(target=ask, args=(day,)) for day in (30, 31)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(codes) == ["asked", "correction_limit_reached"]


def test_three_days_to_ask_and_then_only_the_whole_day(desk: Desk):
    desk.ask(work_date=date(2026, 3, 28), out_at=at(28, "17:30"))
    late = {"work_date": date(2026, 3, 27), "out_at": at(27, "17:30")}
    with refused(Unusable, "correction_too_late") as error:
        desk.ask(**late)
    assert error.value.facts == {"days": 3}
    desk.ask(
        work_date=date(2026, 3, 27), out_at=None, kind="set_day", minutes=480, day_milli=1000, reason="dispute",
        evidence=[desk.paper()],
    )  # fmt: skip


def test_the_county_sets_how_long_and_how_often(desk: Desk):
    with desk.database.write() as db:
        for key, value in (("correction_days", 10), ("correction_limit_month", 1)):
            terms.add_area_rule(
                db, area_code="3304", key=key, value=value, valid_from=date(2026, 1, 1), source="县局", by="gao", now=desk.now
            )
    desk.ask(work_date=date(2026, 3, 21), out_at=at(21, "17:30"))
    with refused(Conflict, "correction_limit_reached"):
        desk.ask()


def test_three_a_month_for_one_worker_refused_and_broken_gates_not_counted(desk: Desk):
    desk.say(desk.ask(), "withdrawn", "wu")
    desk.ask(reason="gate_broken")
    desk.ask(reason="gate_broken", kind="missing_in", out_at=None, in_at=at(30, "07:30"))
    for day in (28, 29, 31):
        desk.ask(work_date=date(2026, 3, day), out_at=at(day, "17:30"))
    with refused(Conflict, "correction_limit_reached") as error:
        desk.ask(work_date=date(2026, 3, 29), out_at=at(29, "18:30"))
    assert error.value.facts == {"limit": 3}
    desk.ask(worker_id=desk.site.li.id)
    desk.ask(work_date=date(2026, 3, 29), out_at=at(29, "18:30"), reason="gate_broken")


def test_the_same_is_not_asked_twice_unless_it_was_refused(desk: Desk):
    asked = desk.ask()
    with refused(Conflict, "correction_waiting"):
        desk.ask()
    desk.say(asked, "rejected", "tang", note="问清楚再来")
    desk.ask()


WRONG_CORRECTIONS = [
    ({"kind": "add_day"}, "correction_kind_unknown"),
    ({"reason": "because"}, "correction_reason_unknown"),
    ({"out_at": None}, "correction_fields_wrong"),
    ({"in_at": at(30, "07:00")}, "correction_fields_wrong"),
    ({"minutes": 480}, "correction_fields_wrong"),
    ({"kind": "set_day", "out_at": None, "minutes": 480}, "correction_fields_wrong"),
    ({"kind": "set_day", "out_at": None, "minutes": 1441, "day_milli": 1000}, "number_wrong"),
    ({"kind": "set_day", "out_at": None, "minutes": 480, "day_milli": 2001}, "number_wrong"),
    ({"kind": "set_day", "out_at": None, "minutes": 480, "day_milli": -1}, "number_wrong"),
    ({"kind": "set_day", "out_at": None, "minutes": 480, "day_milli": 1000}, "evidence_needed"),
    ({"kind": "add_session", "in_at": at(30, "07:00")}, "evidence_needed"),
    ({"kind": "add_session", "in_at": at(30, "18:00")}, "correction_session_wrong"),
    ({"kind": "add_session", "in_at": at(30, "17:30")}, "correction_session_wrong"),
    ({"kind": "add_session", "in_at": at(30, "04:00"), "out_at": at(30, "20:30")}, "correction_session_wrong"),
    ({"kind": "missing_in", "out_at": None, "in_at": at(31, "07:00")}, "correction_other_day"),
    ({"kind": "missing_in", "out_at": None, "in_at": at(30, "03:59")}, "correction_other_day"),
    ({"out_at": at(29, "23:59")}, "correction_other_day"),
    ({"out_at": at(30, "00:00")}, "correction_other_day"),
    ({"work_date": date(2026, 4, 1), "out_at": at(1, "17:00", 4)}, "correction_in_future"),
    ({"work_date": date(2026, 3, 31), "out_at": at(31, "20:01")}, "correction_in_future"),
    ({"out_at": datetime(2026, 3, 30, 17, 30)}, "instant_naive"),  # noqa: DTZ001
    ({"work_date": date(2026, 2, 28), "out_at": at(28, "17:00", 2)}, "correction_not_engaged"),
    ({"note": "长" * 501}, "text_long"),
    ({"note": "a\x00b"}, "text_malformed"),
    ({"evidence": [1] + list(range(2, 30))}, "evidence_too_many"),
]  # fmt: skip


def test_a_correction_that_cannot_be_is_refused(desk: Desk):
    refuse_all(desk.ask, WRONG_CORRECTIONS)
    with desk.database.read() as db:
        assert timekeeping.pending(db, desk.site.a.id) == ()


def test_a_night_shift_is_corrected_on_the_date_it_began(desk: Desk):
    desk.ask(out_at=at(31, "06:10"))
    desk.ask(kind="missing_in", out_at=None, in_at=at(31, "01:00"))
    with refused(Unusable, "correction_other_day"):
        desk.ask(work_date=date(2026, 3, 28), out_at=at(29, "20:01"))


def test_a_teams_later_cutover_moves_the_date_of_its_nights(desk: Desk):
    entry = {"kind": "missing_in", "out_at": None, "in_at": at(31, "07:00")}
    with refused(Unusable, "correction_other_day"):
        desk.ask(**entry)
    desk.policy(rules={"cutover_minutes": 720}, team_id=desk.site.a.team_id)
    desk.ask(**entry)


def test_papers_of_nobody_or_of_another_project_are_unknown(desk: Desk):
    foreign = desk.paper(project_id=desk.site.b.id)
    for ids in ([foreign], [999], [-1], ["1"], [2**70]):
        with refused(NotFound, "evidence_unknown"):
            desk.ask(evidence=ids)
    with refused(NotFound, "worker_not_on_project"):
        desk.ask(worker_id=desk.site.zhao.id)


def test_a_passage_that_was_not_him_is_struck_out_however_late(desk: Desk):
    with desk.database.write() as db:
        mine = pass_through(db, desk.site.a, "in", desk.site.wang.id, at(10, "07:30"))
        other = pass_through(db, desk.site.a, "in", desk.site.li.id, at(10, "07:30"))
        stranger = pass_through(db, desk.site.a, "in", None, at(10, "07:31"), verdict="refuse", code="face_unknown")
        asked = pass_through(db, desk.site.a, "in", desk.site.wang.id, at(10, "07:40"), verdict="ask", code="needs_confirmation")
        elsewhere = pass_through(db, desk.site.b, "in", desk.site.wang.id, at(10, "07:30"))
    strike = {"kind": "void_passage", "out_at": None, "reason": "dispute", "work_date": date(2026, 3, 10)}
    for passage in (other, stranger, asked):
        with refused(Unusable, "correction_passage_wrong"):
            desk.ask(**strike, passage_id=passage.id)
    with refused(NotFound, "passage_unknown"):
        desk.ask(**strike, passage_id=elsewhere.id)
    with refused(Unusable, "correction_other_day"):
        desk.ask(**{**strike, "work_date": date(2026, 3, 11)}, passage_id=mine.id)
    desk.ask(**strike, passage_id=mine.id)


def test_a_passage_put_down_to_somebody_else_is_put_right_for_both(desk: Desk):
    a, wang, li = desk.site.a, desk.site.wang, desk.site.li
    with desk.database.write() as db:
        pass_through(db, a, "in", wang.id, at(10, "07:30"))
        pass_through(db, a, "in", li.id, at(10, "07:31"))
        mine = pass_through(db, a, "out", wang.id, at(10, "16:30"))
        taken = pass_through(db, a, "out", wang.id, at(10, "17:00"))
        pass_through(db, a, "out", li.id, at(11, "17:00"))

    def seen() -> dict:
        with desk.database.read() as db:
            found = {
                w: {d.work_date.day: (d.state, d.minutes) for d in projection.worker_days(db, a.id, w, date(2026, 3, 1), date(2026, 4, 1), desk.now)}
                for w in (wang.id, li.id)
            }
            whole = {(d.worker_id, d.work_date.day): (d.day.state, d.day.minutes) for d in payroll.work_days_of(db, a.id, date(2026, 3, 1), desk.now)}
        assert whole == {(w, day): told for w, days in found.items() for day, told in days.items()}
        return found

    projection.refresh(desk.database, a.id, now=desk.now)
    assert seen() == {wang.id: {10: ("undecided", 540)}, li.id: {10: ("undecided", 0), 11: ("undecided", 0)}}
    fix = {
        "kind": "wrong_person", "out_at": None, "worker_id": li.id, "reason": "dispute", "work_date": date(2026, 3, 10),
        "passage_id": taken.id,
    }  # fmt: skip
    with refused(Unusable, "evidence_needed"):
        desk.ask(**fix)
    fix |= {"evidence": [desk.paper()]}
    with refused(Unusable, "correction_passage_wrong"):
        desk.ask(**fix | {"worker_id": wang.id})
    with refused(Unusable, "correction_fields_wrong"):
        desk.ask(**fix | {"minutes": 1})
    asked = desk.ask(**fix)
    with refused(Forbidden, "correction_same_person"):
        desk.say(asked, "leader_ok", "wu")
    desk.say(asked, "leader_ok", "tang")
    desk.say(asked, "officer_ok", "lu")
    assert {worker for worker, _, _ in desk.stale()} == {wang.id, li.id}
    after = {wang.id: {10: ("worked", 540)}, li.id: {10: ("worked", 569), 11: ("undecided", 0)}}
    assert seen() == after
    projection.refresh(desk.database, a.id, now=desk.now)
    assert seen() == after
    with desk.database.read() as db:
        (month,) = payroll.wages_of_worker(db, a.id, li.id, desk.now).months
        assert [p.id for p in month.days[0].passages][-1] == taken.id
        assert month.days[0].work.correction_ids == (asked,)
        told = sheets._month_json(db, a.id, li.id, date(2026, 3, 1), desk.now)["days"][0]["sessions"][0]["passages"]
        assert told[-1] == told[-1] | {"id": taken.id, "direction": "out"}
    # It is his now: he may have it struck out, and whom the gate named may not.
    strike = {"kind": "void_passage", "out_at": None, "reason": "dispute", "work_date": date(2026, 3, 10)}
    with refused(Unusable, "correction_passage_wrong"):
        desk.ask(**strike, passage_id=taken.id)
    desk.ask(**strike, passage_id=taken.id, worker_id=li.id)
    desk.ask(**strike, passage_id=mine.id)


def test_a_leader_speaks_for_his_own_team_only(desk: Desk):
    mine, others = {desk.site.a.team_id}, {desk.site.a.team_id + 1000}
    with refused(Forbidden, "not_own_team"):
        desk.ask(teams=others)
    asked = desk.ask(teams=mine)
    with refused(Forbidden, "not_own_team"):
        desk.say(asked, "leader_ok", "tang", teams=others)
    with desk.database.read() as db:
        assert timekeeping.pending(db, desk.site.a.id, teams=others) == ()
        assert len(timekeeping.pending(db, desk.site.a.id, teams=mine)) == 1
        assert timekeeping.pending(db, desk.site.a.id, month=date(2026, 2, 9)) == ()
        assert len(timekeeping.pending(db, desk.site.a.id, month=date(2026, 3, 9))) == 1
    desk.say(asked, "leader_ok", "tang", teams=mine)


def test_an_approved_correction_makes_the_day_and_its_neighbours_stale(desk: Desk):
    asked = desk.ask()
    desk.say(asked, "leader_ok", "tang")
    assert desk.stale() == [], "nothing counts yet"
    desk.say(asked, "officer_ok", "lu")
    assert desk.stale() == [(desk.site.wang.id, date(2026, 3, 29), date(2026, 4, 1))]


def test_corrections_of_another_project_are_unknown(desk: Desk):
    asked = desk.ask()
    with refused(NotFound, "correction_unknown"), desk.database.write() as db:
        timekeeping.decide_correction(
            db, project_id=desk.site.b.id, correction_id=asked, act="leader_ok", by="tang", now=desk.now
        )


# --- marks ----------------------------------------------------------------------------------------------------


def test_a_mark_holds_for_a_worker_a_team_or_the_whole_project(desk: Desk):
    desk.mark()
    desk.mark(kind="leave", worker_id=desk.site.wang.id, pay_permille=500)
    desk.mark(kind="stoppage", team_id=desk.site.a.team_id, pay_permille=1000)
    with desk.database.read() as db:
        found = [(m.kind, m.worker_id, m.team_id, m.pay_permille) for m in held.marks(db, desk.site.a.id)]
    assert found == [
        ("rain", None, None, 0), ("leave", desk.site.wang.id, None, 500), ("stoppage", None, desk.site.a.team_id, 1000),
    ]  # fmt: skip
    assert desk.stale() == [
        (None, date(2026, 3, 10), date(2026, 3, 12)), (desk.site.wang.id, date(2026, 3, 10), date(2026, 3, 12)),
        (None, date(2026, 3, 10), date(2026, 3, 12)),
    ]  # fmt: skip


def test_a_voided_mark_holds_no_more_and_makes_room(desk: Desk):
    added = desk.mark()
    with refused(Conflict, "mark_overlaps"):
        desk.mark(from_on=date(2026, 3, 11), to_on=date(2026, 3, 20))
    void = {"project_id": desk.site.a.id, "mark_id": added, "by": "wu", "now": desk.now}
    with desk.database.write() as db:
        with refused(Unusable, "text_missing"):
            timekeeping.void_mark(db, reason=" ", **void)
        timekeeping.void_mark(db, reason="没有下雨", **void)
    with desk.database.write() as db, refused(NotFound, "mark_unknown"):
        timekeeping.void_mark(db, reason="again", **void)
    with desk.database.read() as db:
        assert held.marks(db, desk.site.a.id) == ()
    desk.mark(from_on=date(2026, 3, 11), to_on=date(2026, 3, 20))
    assert len(desk.stale()) == 3


WRONG_MARKS = [
    ({"kind": "holiday"}, "mark_kind_unknown"),
    ({"to_on": date(2026, 3, 10)}, "dates_wrong"),
    ({"from_on": date(1999, 12, 31)}, "dates_wrong"),
    ({"to_on": date(2027, 3, 12)}, "mark_too_long"),
    ({"pay_permille": 1001}, "number_wrong"),
    ({"pay_permille": -1}, "number_wrong"),
    ({"pay_permille": 0.5}, "number_wrong"),
]


def test_a_mark_that_cannot_be_is_refused(desk: Desk):
    refuse_all(desk.mark, WRONG_MARKS)


def test_a_mark_for_strangers_is_refused(desk: Desk):
    with refused(Unusable, "mark_scope_wrong"):
        desk.mark(worker_id=desk.site.wang.id, team_id=desk.site.a.team_id)
    with refused(NotFound, "team_unknown"):
        desk.mark(team_id=desk.site.b.team_id)
    with refused(NotFound, "worker_not_on_project"):
        desk.mark(worker_id=desk.site.zhao.id)


# --- evidence -------------------------------------------------------------------------------------------------


def test_a_paper_is_sealed_and_opened_again_for_who_may(desk: Desk):
    added = desk.paper()
    with desk.database.write() as db:
        kept = held.evidence(db, desk.site.a.id, added)
        opened = timekeeping.get_evidence(
            db, desk.vault, project_id=desk.site.a.id, evidence_id=added, by="chen", now=desk.now
        )
        lines = [line.action for line in accounts.journal_lines(db, desk.site.a.id, 2)]
    assert JPEG not in kept.content_sealed
    assert (opened.name, opened.media_type, opened.content) == ("名单.jpg", "image/jpeg", JPEG)
    assert lines == ["evidence.read", "evidence.added"]


def test_the_same_paper_twice_is_one(desk: Desk):
    assert desk.paper() == desk.paper(name="again.jpg") != desk.paper(project_id=desk.site.b.id)


def test_who_sees_a_part_of_the_project_sees_his_own_papers(desk: Desk):
    added = desk.paper(by="tang")
    get = {"project_id": desk.site.a.id, "evidence_id": added, "now": desk.now}
    with desk.database.write() as db:
        assert timekeeping.get_evidence(db, desk.vault, **get, own_only=True, by="tang").content == JPEG
        with refused(NotFound, "evidence_unknown"):
            timekeeping.get_evidence(db, desk.vault, **get, own_only=True, by="deng")
        with refused(NotFound, "evidence_unknown"):
            timekeeping.get_evidence(db, desk.vault, **{**get, "project_id": desk.site.b.id}, by="zhou")


NO_PAPERS = [
    (b"", {}, Unusable, "evidence_empty"),
    (b"GIF89a", {}, Unusable, "evidence_type_unknown"),
    (JPEG, {"media_type": "image/png"}, Unusable, "evidence_type_unknown"),
    (JPEG, {"media_type": "text/html"}, Unusable, "evidence_type_unknown"),
    (JPEG + bytes(8 * 1024**2), {}, TooLarge, "evidence_too_large"),
    (JPEG, {"name": ""}, Unusable, "text_missing"),
    (JPEG, {"name": "a\x00.jpg"}, Unusable, "text_malformed"),
    (JPEG, {"project_id": 999}, NotFound, "project_unknown"),
]


def test_a_file_that_is_no_paper_is_refused(desk: Desk):
    for content, changed, wanted, code in NO_PAPERS:
        with refused(wanted, code):
            desk.paper(content, **changed)


def test_a_papers_name_loses_its_folders(desk: Desk):
    for name in ("../../etc/名单.pdf", "C:\\桌面\\名单.pdf"):
        added = desk.paper(b"%PDF-1.7 " + name.encode(), name=name, media_type="application/pdf")
        with desk.database.read() as db:
            assert held.evidence(db, desk.site.a.id, added).name == "名单.pdf"


def test_no_name_and_no_note_is_in_the_journal(desk: Desk):
    asked = desk.ask(note="王建国说的", evidence=[desk.paper(name="王建国.jpg")])
    desk.say(asked, "rejected", "tang", note="王建国没来")
    desk.mark(worker_id=desk.site.wang.id, kind="leave", note="王建国请假")
    with desk.database.read() as db:
        lines = accounts.journal_lines(db, desk.site.a.id, 100)
    assert len(lines) == 4
    assert not any("王" in f"{line.object}{line.facts}" for line in lines)


def test_a_mans_team_of_that_day_decides_after_a_transfer(desk: Desk):
    with desk.database.write() as db:
        second = people.add_team(
            db, project_id=desk.site.a.id, project_company_id=desk.site.a.project_company_id, name="木工班", trade=None
        )
        member = add_member(db, desk.vault, desk.now, desk.site.a, "孙大山", id_number(date(1992, 5, 1), 11))
        people.exit_engagement(db, member.engagement_id, date(2026, 3, 31))
        people.add_engagement(
            db, worker_id=member.id, project_id=desk.site.a.id, project_company_id=desk.site.a.project_company_id,
            team_id=second, trade=None, entry_on=date(2026, 3, 31), now=desk.now,
        )  # fmt: skip
    desk.ask(worker_id=member.id, teams={desk.site.a.team_id})
    later = {"worker_id": member.id, "work_date": date(2026, 3, 31), "out_at": at(31, "17:00")}
    with refused(Forbidden, "not_own_team"):
        desk.ask(**later, teams={desk.site.a.team_id})
    desk.ask(**later, teams={second})


def test_every_kind_reason_and_state_has_its_name():
    wanted = [f"day_kind.{kind}" for kind in DayKind] + [f"correction_reason.{reason}" for reason in timekeeping.REASONS]
    assert [key for key in wanted if key not in NAMES] == []
    assert words.day_kind("调休上班") == "makeup" and words.day_kind("Rest") == "rest" and words.day_kind("元旦") is None
