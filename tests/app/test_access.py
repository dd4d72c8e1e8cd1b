"""Accounts, roles, sign-ins, and the guard against other sites' forms."""

import asyncio
import threading

import pytest
import sqlalchemy as sa

from app import access
from app.access import ACTIONS, SERVICE_ACTIONS, Membership, Person, Role, SameOrigin
from app.errors import BadRequest, Busy, Conflict, Forbidden, NotFound, TooMany, Unauthorised
from app.store import accounts, people
from app.tables import JournalEntry, SignIn, SignInAttempt
from app.wording import NAMES, SENTENCES
from tests.app.test_permissions import quick_passwords  # noqa: F401 - a fixture
from tests.cast import PASSWORD

pytestmark = pytest.mark.usefixtures("quick_passwords")

FULL_EFFORT = access.PASSWORDS

A, B = 1, 2
AREA_A, AREA_B = "330424", "330411"


def person(*memberships: Membership) -> Person:
    return Person(1, "somebody", "某人", "zh", memberships)


def manager(project_id: int = A) -> Person:
    return person(Membership(Role.MANAGER, project_id))


def inspector(area: str | None = AREA_A) -> Person:
    return person(Membership(Role.INSPECTOR, area_code=area))


# --- who may what --------------------------------------------------------------------------------------------


def test_nobody_is_asked_to_sign_in():
    with pytest.raises(Unauthorised) as refused:
        access.require(None, "wages.read", A, AREA_A)
    assert refused.value.code == "sign_in_needed"


def test_a_manager_reads_the_wages_of_his_own_project():
    assert access.require(manager(), "wages.read", A, AREA_A).login == "somebody"


def test_a_project_of_others_does_not_exist():
    with pytest.raises(NotFound) as refused:
        access.require(manager(B), "wages.read", A, AREA_A)
    assert refused.value.code == "project_unknown"


def test_a_guard_knows_his_project_but_may_not_read_its_wages():
    with pytest.raises(Forbidden) as refused:
        access.require(person(Membership(Role.GUARD, A)), "wages.read", A, AREA_A)
    assert refused.value.code == "not_allowed"


def test_an_administrator_sees_no_names_faces_attendance_or_wages():
    administrator = person(Membership(Role.ADMINISTRATOR))
    reading = {"papers.read", "papers.write", "enrol", "gate.watch", "gate.confirm", "attendance.read", "wages.read"}
    for action in reading | {"payments.write", "findings.read", "findings.decide"}:
        with pytest.raises(Forbidden):
            access.require(administrator, action, A, AREA_A)
    for action in SERVICE_ACTIONS - {"county.read", "own.read", "own.write"}:
        access.require(administrator, action)
    for action in ("county.read", "own.read", "own.write"):
        with pytest.raises(Forbidden):
            access.require(administrator, action)
    access.require(administrator, "devices.write", A, AREA_A)


def test_an_inspector_reads_the_projects_whose_area_code_begins_with_his():
    assert access.may(inspector("3304"), "wages.read", A, AREA_A)
    assert access.may(inspector("330424"), "wages.read", A, "330424100")
    assert not access.may(inspector("330424"), "wages.read", B, AREA_B)
    assert not access.may(inspector("330424100"), "wages.read", A, "330424")


@pytest.mark.parametrize("area", ["", None])
def test_an_inspector_without_an_area_inspects_nothing(area):
    with pytest.raises(NotFound):
        access.require(inspector(area), "wages.read", A, AREA_A)


def test_an_inspector_writes_nothing_but_decisions():
    may = {action for action in ACTIONS if action not in SERVICE_ACTIONS and access.may(inspector(), action, A, AREA_A)}
    assert may == {
        "project.read", "papers.read", "gate.watch", "attendance.read", "wages.read", "findings.read",
        "findings.decide", "findings.close", "findings.notify", "decisions.read", "journal.read", "identity.reveal", "audits.run", "corrections.read", "sheets.read", "bank.read", "exports.make", "objections.read",
    }  # fmt: skip


def test_whoever_records_money_closes_no_finding():
    assert not ACTIONS["payments.write"] & ACTIONS["findings.close"]


@pytest.mark.parametrize(
    ("made", "checked"),
    [("sheets.draft", "sheets.approve"), ("batches.make", "batches.approve"), ("periods.write", "periods.close"),
     ("measures.write", "measures.accept"), ("corrections.officer", "corrections.leader")],
)  # fmt: skip
def test_no_role_checks_what_it_makes(made: str, checked: str):
    assert not ACTIONS[made] & ACTIONS[checked]


def test_a_subcontractor_and_a_team_leader_read_nothing_of_the_whole_project():
    for role, part in ((Role.SUBCONTRACTOR, {"project_company_id": 7}), (Role.TEAM_LEADER, {"team_id": 3})):
        one = person(Membership(role, A, **part))
        may = {action for action in ACTIONS if action not in SERVICE_ACTIONS and access.may(one, action, A, AREA_A)}
        assert {"project.read", "corrections.request", "corrections.read", "sheets.read"} <= may
        assert not may & {"papers.read", "papers.write", "attendance.read", "wages.read", "bank.read", "payments.write"}
        assert not access.may(one, "project.read", B, AREA_B)


@pytest.fixture
def parts(database, people_on_site, now):
    """Two companies and three teams on A; (project, ids of its companies and teams)."""
    site = people_on_site.a
    with database.write() as db:
        labour = people.add_project_company(
            db, project_id=site.id, company_id=people.add_company(db, uscc=None, name="劳务公司", now=now),
            role="labour_subcontractor", entry_on=now.date(),
        )  # fmt: skip
        teams = [
            people.add_team(db, project_id=site.id, project_company_id=labour, name=name, trade=None) for name in "甲乙"
        ]
        return people.project(db, site.id), labour, site.project_company_id, teams, site.team_id


def test_a_subcontractor_reaches_his_company_and_a_leader_his_team(database, parts):
    project, labour, general, (first, second), third = parts
    several = Membership(Role.TEAM_LEADER, project.id, team_id=third)
    reach = {
        "subcontractor": person(Membership(Role.SUBCONTRACTOR, project.id, project_company_id=labour)),
        "leader": person(Membership(Role.TEAM_LEADER, project.id, team_id=first)),
        "leader of two": person(Membership(Role.TEAM_LEADER, project.id, team_id=first), several),
        "both": person(Membership(Role.SUBCONTRACTOR, project.id, project_company_id=labour), several),
        "manager": person(Membership(Role.MANAGER, project.id)),
        "elsewhere": person(Membership(Role.TEAM_LEADER, 999, team_id=first)),
    }
    with database.read() as db:
        teams = {name: access.teams_of(db, one, project) for name, one in reach.items()}
        companies = {name: access.companies_of(one, project) for name, one in reach.items()}
    assert teams == {
        "subcontractor": {first, second}, "leader": {first}, "leader of two": {first, third},
        "both": {first, second, third}, "manager": None, "elsewhere": frozenset(),
    }  # fmt: skip
    assert companies == {
        "subcontractor": {labour}, "leader": frozenset(), "leader of two": frozenset(), "both": {labour},
        "manager": None, "elsewhere": frozenset(),
    }  # fmt: skip


def test_a_guard_who_leads_a_team_leads_no_other(database, parts):
    project, _, _, (first, _), _ = parts
    both = person(Membership(Role.GUARD, project.id), Membership(Role.TEAM_LEADER, project.id, team_id=first))
    officer = person(Membership(Role.LABOUR_OFFICER, project.id), Membership(Role.TEAM_LEADER, project.id, team_id=first))
    with database.read() as db:
        assert access.teams_of(db, both, project, "corrections.leader") == {first}
        assert access.teams_of(db, both, project) == {first}
        # A labour officer may not agree as a leader, so there he leads his own team only.
        assert access.teams_of(db, officer, project, "corrections.leader") == {first}
        assert access.teams_of(db, officer, project, "corrections.officer") is None


def test_a_role_of_a_part_is_given_with_its_part_and_kept(database, people_on_site, parts, now):
    project, labour, _, (first, second), _ = parts
    with database.write() as db:
        access.create_account(db, login="tang", name="唐班长", password="a long password", now=now)
        for team in (first, second, first):
            access.add_role(db, login="tang", role="team_leader", project_id=project.id, team_id=team, now=now)
        access.add_role(db, login="tang", role="subcontractor", project_id=project.id, project_company_id=labour, now=now)
        tang = access.person_of_account(db, accounts.account_by_login(db, "tang").id)
    assert [(m.role, m.project_company_id, m.team_id) for m in tang.memberships] == [
        ("team_leader", None, first), ("team_leader", None, second), ("subcontractor", labour, None),
    ]  # fmt: skip
    assert access.view_of(tang, project) == "staff"


@pytest.mark.parametrize(
    ("role", "part", "code"),
    [
        ("team_leader", {}, "role_part_wrong"),
        ("team_leader", {"project_company_id": 1}, "role_part_wrong"),
        ("subcontractor", {"team_id": 1}, "role_part_wrong"),
        ("manager", {"team_id": 1}, "role_part_wrong"),
        ("team_leader", {"team_id": 999}, "team_unknown"),
        ("subcontractor", {"project_company_id": 999}, "project_company_unknown"),
    ],
)
def test_a_role_of_a_part_that_is_not_there_is_refused(database, people_on_site, now, role, part, code):
    with pytest.raises((BadRequest, NotFound)) as refused, database.write() as db:
        access.add_role(db, login="wu", role=role, project_id=people_on_site.a.id, **part, now=now)
    assert refused.value.code == code


def test_roles_on_one_project_give_nothing_on_another():
    both = person(Membership(Role.LABOUR_OFFICER, A), Membership(Role.GUARD, B))
    assert access.may(both, "payments.write", A, AREA_A)
    assert not access.may(both, "payments.write", B, AREA_B)


def test_an_action_nobody_wrote_down_is_a_programmers_error():
    with pytest.raises(KeyError):
        access.require(manager(), "wages.raed", A, AREA_A)


def test_an_action_of_a_project_is_never_asked_without_one():
    with pytest.raises(ValueError):
        access.require(person(Membership(Role.ADMINISTRATOR)), "wages.read")


def test_a_project_role_gives_nothing_in_the_service():
    for action in SERVICE_ACTIONS:
        with pytest.raises(Forbidden):
            access.require(manager(), action, A, AREA_A)


def test_every_role_has_a_name_in_both_languages():
    assert {f"role.{role}" for role in Role} <= NAMES.keys()


def test_how_much_of_a_name_one_is_shown_follows_from_the_role(database, people_on_site):
    with database.read() as db:
        project = people.project(db, people_on_site.a.id)
        views = {
            login: access.view_of(access.person_of_account(db, getattr(people_on_site, login)), project)
            for login in ("chen", "wu", "ma", "lin", "gao", "zhou")
        }
    assert views == {"chen": "staff", "wu": "staff", "ma": "guard", "lin": "bureau", "gao": "guard", "zhou": "guard"}


def test_everybody_sees_his_own_projects(database, people_on_site):
    with database.read() as db:
        seen = {
            login: [p.code for p in access.projects_of(db, access.person_of_account(db, getattr(people_on_site, login)))]
            for login in ("chen", "zhou", "ma", "lin", "gao")
        }
    assert seen == {"chen": ["A"], "zhou": ["B"], "ma": ["A"], "lin": ["A"], "gao": ["A", "B"]}


def test_a_project_is_not_read_for_somebody_who_is_nobody(database, people_on_site):
    with database.read() as db:
        for project_id in (people_on_site.a.id, 999):
            with pytest.raises(Unauthorised):
                access.require_on(db, None, "wages.read", project_id)


# --- signing in ----------------------------------------------------------------------------------------------


@pytest.fixture
def sign_in(database, settings, people_on_site, clock):
    def call(login="wu", password=PASSWORD, address="10.0.0.7"):
        return access.sign_in(database, settings, login=login, password=password, address=address, now=clock())

    return call


def test_a_password_becomes_a_token_that_stands_for_its_owner(database, sign_in, clock):
    token = sign_in()
    with database.read() as db:
        who = access.who(db, token, clock())
    assert (who.login, [m.role for m in who.memberships]) == ("wu", [Role.LABOUR_OFFICER])


def test_a_login_may_be_typed_with_capitals_spaces_and_full_width_letters(sign_in):
    assert sign_in(login="  ＷＵ ")


def test_only_the_hash_of_a_token_is_stored(database, sign_in):
    token = sign_in()
    with database.read() as db:
        stored = db.execute(sa.select(SignIn.token_sha256)).scalars().all()
    assert stored == [access.token_sha256(token)] and token not in stored


@pytest.mark.parametrize(
    ("login", "password"),
    [("wu", "wrong boot"), ("nobody", PASSWORD), ("", ""), ("wu", "\ud800"), ("\ud800", PASSWORD), ("w\x00u", PASSWORD), ("x" * 10_000, PASSWORD)],
)
def test_a_wrong_login_and_a_wrong_password_are_answered_alike(sign_in, login, password):
    with pytest.raises(Unauthorised) as refused:
        sign_in(login=login, password=password)
    assert (refused.value.code, refused.value.facts) == ("sign_in_wrong", {})


def test_a_login_that_does_not_exist_costs_the_same_work(sign_in, monkeypatch):
    checked = []
    hasher = access.PASSWORDS.current_hasher
    monkeypatch.setattr(type(hasher), "verify", lambda self, password, hash: checked.append(hash) or False)
    for login in ("nobody", "wu"):
        with pytest.raises(Unauthorised):
            sign_in(login=login)
    assert len(checked) == 2


def test_a_failed_attempt_stays_recorded_although_the_request_is_refused(database, sign_in):
    with pytest.raises(Unauthorised):
        sign_in(password="wrong boot")
    with database.read() as db:
        assert db.execute(sa.select(SignInAttempt.succeeded)).scalars().all() == [False]


def test_after_five_failures_of_a_login_even_the_right_password_must_wait(sign_in, clock):
    for _ in range(5):
        with pytest.raises(Unauthorised):
            sign_in(password="wrong boot")
    with pytest.raises(TooMany) as refused:
        sign_in()
    assert refused.value.code == "sign_in_too_often"
    assert refused.value.retry_after_s == 300
    clock.advance(minutes=5, seconds=1)
    assert sign_in()


def test_failures_from_everywhere_slow_a_login_and_lock_nobody_out(sign_in, clock):
    for n in range(5):
        with pytest.raises(Unauthorised):
            sign_in(password="wrong boot", address=f"10.0.0.{n}")
    for n in range(6, 9):
        clock.advance(seconds=4)
        with pytest.raises(TooMany) as refused:
            sign_in(password="wrong boot", address=f"10.0.0.{n}")
        assert (refused.value.code, refused.value.retry_after_s) == ("sign_in_slowed", 6)
        clock.advance(seconds=6)
        with pytest.raises(Unauthorised):
            sign_in(password="wrong boot", address=f"10.0.0.{n}")
    clock.advance(seconds=10)
    assert sign_in(address="10.0.0.99"), "ten seconds, and the right password is heard"


def test_a_thousand_addresses_guess_no_more_than_a_try_in_ten_seconds(sign_in, clock, monkeypatch):
    looked_at = []
    monkeypatch.setattr(access, "_matches", lambda password, stored: (looked_at.append(password), (False, None))[1])
    for n in range(300):
        clock.advance(seconds=1)
        with pytest.raises((Unauthorised, TooMany)):
            sign_in(password=f"guess {n}", address=f"10.0.{n // 250}.{n % 250}")
    assert len(looked_at) <= 5 + 30


def test_strangers_do_not_keep_the_owner_from_where_he_is_known(sign_in, clock):
    assert sign_in(address="10.0.0.7")
    clock.advance(days=29)
    for n in range(5):
        with pytest.raises(Unauthorised):
            sign_in(password="wrong boot", address=f"10.9.0.{n}")
    with pytest.raises(TooMany):
        sign_in(address="10.0.0.8")
    assert sign_in(address="10.0.0.7"), "at once"


def test_who_guesses_at_the_same_address_does_not_keep_the_owner_out(sign_in, clock):
    """Everybody of a site office has one address."""
    assert sign_in()
    for n in range(5):
        with pytest.raises(Unauthorised):
            sign_in(login=f"guess{n}")
    with pytest.raises(TooMany):
        sign_in(login="chen")
    assert sign_in()


def test_where_one_is_known_five_failures_must_wait_all_the_same(sign_in, clock):
    assert sign_in()
    for _ in range(5):
        with pytest.raises(Unauthorised):
            sign_in(password="wrong boot")
    with pytest.raises(TooMany) as refused:
        sign_in()
    assert refused.value.code == "sign_in_too_often"


def test_where_a_login_was_known_is_forgotten_after_thirty_days(sign_in, clock):
    assert sign_in(address="10.0.0.7")
    clock.advance(days=30, seconds=1)
    for n in range(5):
        with pytest.raises(Unauthorised):
            sign_in(password="wrong boot", address=f"10.9.0.{n}")
    with pytest.raises(TooMany) as refused:
        sign_in(address="10.0.0.7")
    assert refused.value.code == "sign_in_slowed"


def test_after_five_failures_an_address_must_wait_whatever_the_login(sign_in):
    for n in range(5):
        with pytest.raises(Unauthorised):
            sign_in(login=f"guess{n}")
    with pytest.raises(TooMany):
        sign_in(login="chen")
    assert sign_in(login="chen", address="10.0.0.8")


def test_going_on_guessing_does_not_keep_the_owner_out_for_ever(sign_in, clock):
    for _ in range(5):
        with pytest.raises(Unauthorised):
            sign_in(password="wrong boot")
    for _ in range(5):
        clock.advance(seconds=59)
        with pytest.raises(TooMany):
            sign_in(password="wrong boot")
    clock.advance(seconds=6)
    # The five failures are out of the window, and what was refused meanwhile was not counted.
    assert sign_in()


def test_a_success_clears_the_failures_of_the_login_before_it(sign_in):
    for address in ("10.0.0.1", "10.0.0.2"):
        for _ in range(4):
            with pytest.raises(Unauthorised):
                sign_in(password="wrong boot", address=address)
        assert sign_in(address="10.0.0.3")


def test_guesses_sent_at_once_are_counted_one_by_one(sign_in, monkeypatch, database_kind):
    monkeypatch.setattr(access, "_matches", lambda password, stored: (False, None))
    codes = []

    def guess():
        try:
            sign_in(password="wrong boot")
        except (Unauthorised, TooMany, Busy) as error:
            codes.append(error.code)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == 12
    if database_kind == "sqlite":
        assert codes.count("sign_in_wrong") == 5
    with pytest.raises(TooMany):
        sign_in()


def test_no_transaction_is_open_while_a_password_is_checked(database, sign_in, monkeypatch):
    real = access._matches

    def meanwhile(password, stored):
        with database.write() as db:
            db.execute(sa.text("UPDATE schedule SET last_result = 'a gate could write'"))
        return real(password, stored)

    monkeypatch.setattr(access, "_matches", meanwhile)
    assert sign_in()


def test_too_many_checks_at_once_are_put_off(sign_in, monkeypatch):
    monkeypatch.setattr(access, "_HASHES_AT_ONCE", threading.BoundedSemaphore(1))
    monkeypatch.setattr(access, "_HASH_WAIT_SECONDS", 0.01)
    access._HASHES_AT_ONCE.acquire()
    with pytest.raises(Busy) as refused:
        sign_in()
    assert refused.value.code == "sign_in_busy"


def test_a_hash_made_with_less_effort_is_made_anew(database, sign_in, people_on_site, monkeypatch):
    monkeypatch.setattr(access, "PASSWORDS", FULL_EFFORT)
    with database.read() as db:
        before = accounts.account(db, people_on_site.wu).password_hash
    sign_in()
    with database.read() as db:
        after = accounts.account(db, people_on_site.wu).password_hash
    assert after != before and "m=65536" in after
    assert sign_in()


def test_a_session_ends_after_its_hours(database, sign_in, clock):
    token = sign_in()
    clock.advance(hours=12, seconds=-1)
    with database.read() as db:
        assert access.who(db, token, clock())
        clock.advance(seconds=1)
        assert access.who(db, token, clock()) is None


def test_signing_out_ends_the_session_and_no_other(database, sign_in, clock):
    first, second = sign_in(), sign_in()
    with database.write() as db:
        access.sign_out(db, first, clock())
        access.sign_out(db, "never given", clock())
    with database.read() as db:
        assert access.who(db, first, clock()) is None
        assert access.who(db, second, clock()).login == "wu"


@pytest.mark.parametrize("token", ["", "x", "x" * 100_000, "令牌", "\ud800"])
def test_rubbish_for_a_token_is_nobody(database, people_on_site, now, token):
    with database.read() as db:
        assert access.who(db, token, now) is None


def test_a_disabled_account_is_out_at_once_and_stays_out(database, sign_in, clock):
    token = sign_in()
    with database.write() as db:
        access.disable_account(db, login="wu", by="gao", now=clock())
    with database.read() as db:
        assert access.who(db, token, clock()) is None
    with pytest.raises(Unauthorised):
        sign_in()


# --- accounts ------------------------------------------------------------------------------------------------


@pytest.fixture
def create(database, now):
    def call(**values):
        values = {"login": "sun", "name": "孙芳", "password": "ten letters", "by": "gao", "now": now} | values
        with database.write() as db:
            return access.create_account(db, **values)

    return call


def test_an_account_is_made_and_signs_in(database, settings, create, now):
    create(login="Sun.Fang")
    assert access.sign_in(database, settings, login="sun.fang", password="ten letters", address="x", now=now)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"login": ""}, "login_malformed"),
        ({"login": "孙芳"}, "login_malformed"),
        ({"login": "a b"}, "login_malformed"),
        ({"login": "x" * 65}, "login_malformed"),
        ({"login": "sun\n"}, None),
        ({"login": "su\x00n"}, "login_malformed"),
        ({"name": " "}, "account_name_wrong"),
        ({"name": "x" * 101}, "account_name_wrong"),
        ({"name": "孙\x00芳"}, "account_name_wrong"),
        ({"name": "孙\ud800"}, "account_name_wrong"),
        ({"language": "fr"}, "language_unknown"),
        ({"password": "nine char"}, "password_too_short"),
        ({"password": "x" * 201}, "password_too_long"),
        ({"login": "sun.fang.x", "password": "SUN.FANG.X"}, "password_is_login"),
    ],
)
def test_what_an_account_cannot_be(create, values, code):
    if code is None:
        assert create(**values)
        return
    with pytest.raises(BadRequest) as refused:
        create(**values)
    assert refused.value.code == code
    assert not any(str(v) in str(refused.value) for v in values.values() if str(v).strip())


def test_a_login_is_taken_once(create):
    create()
    with pytest.raises(Conflict) as refused:
        create(login=" SUN ")
    assert refused.value.code == "login_taken"


def test_a_new_password_ends_the_sessions_of_the_old(database, settings, create, now):
    create()
    token = access.sign_in(database, settings, login="sun", password="ten letters", address="x", now=now)
    with database.write() as db:
        access.set_password(db, login="sun", password="other letters", by="gao", now=now)
    with database.read() as db:
        assert access.who(db, token, now) is None
    with pytest.raises(Unauthorised):
        access.sign_in(database, settings, login="sun", password="ten letters", address="x", now=now)
    assert access.sign_in(database, settings, login="sun", password="other letters", address="x", now=now)


@pytest.mark.parametrize(
    ("reach", "code"),
    [
        ({"role": "king"}, "role_unknown"),
        ({"role": "manager"}, "role_reach_wrong"),
        ({"role": "guard", "area_code": "330424"}, "role_reach_wrong"),
        ({"role": "inspector"}, "role_reach_wrong"),
        ({"role": "inspector", "area_code": ""}, "role_reach_wrong"),
        ({"role": "inspector", "area_code": "%"}, "area_code_malformed"),
        ({"role": "inspector", "area_code": "3"}, "area_code_malformed"),
        ({"role": "inspector", "area_code": "３３"}, "area_code_malformed"),
        ({"role": "administrator", "project_id": 1}, "role_reach_wrong"),
        ({"role": "manager", "project_id": 999}, "project_unknown"),
    ],
)
def test_a_role_reaches_what_it_is_for_and_nothing_else(database, people_on_site, now, reach, code):
    with database.write() as db, pytest.raises((BadRequest, NotFound)) as refused:
        access.add_role(db, login="wu", by="gao", now=now, **reach)
    assert refused.value.code == code


def test_the_same_role_given_twice_is_held_once(database, people_on_site, now):
    for _ in range(2):
        with database.write() as db:
            access.add_role(db, login="lin", role="inspector", area_code="330411", by="gao", now=now)
    with database.read() as db:
        held = accounts.memberships(db, people_on_site.lin)
    assert sorted(m.area_code for m in held) == ["330411", "330424"]


def test_a_role_taken_back_is_gone_at_the_next_request(database, people_on_site, now):
    with database.write() as db:
        (held,) = accounts.memberships(db, people_on_site.wu)
        access.remove_role(db, login="wu", role_id=held.id, by="gao", now=now)
        with pytest.raises(NotFound):
            access.remove_role(db, login="wu", role_id=held.id, by="gao", now=now)
    with database.read() as db:
        assert access.person_of_account(db, people_on_site.wu).memberships == ()


def test_the_last_administrator_stays(database, people_on_site, now):
    with database.write() as db:
        (role,) = accounts.memberships(db, people_on_site.gao)
        for refused in (
            lambda: access.disable_account(db, login="gao", by="cli", now=now),
            lambda: access.remove_role(db, login="gao", role_id=role.id, by="cli", now=now),
        ):
            with pytest.raises(Conflict) as error:
                refused()
            assert error.value.code == "last_administrator"
        access.add_role(db, login="chen", role="administrator", by="cli", now=now)
        access.disable_account(db, login="gao", by="cli", now=now)
        with pytest.raises(Conflict) as error:
            access.disable_account(db, login="chen", by="cli", now=now)
        assert error.value.code == "last_administrator", "one who is disabled does not count"
        access.remove_role(db, login="gao", role_id=role.id, by="cli", now=now)
        access.disable_account(db, login="wu", by="cli", now=now)


def test_two_administrators_who_put_each_other_out_at_once_are_one_too_many(database, people_on_site, now):
    with database.write() as db:
        access.add_role(db, login="chen", role="administrator", by="cli", now=now)
    begun, said = threading.Event(), []

    def meanwhile() -> None:
        begun.wait(10)
        try:
            with database.write() as db:
                access.disable_account(db, login="gao", by="chen", now=now)
        except Conflict as error:
            said.append(error.code)

    other = threading.Thread(target=meanwhile)
    other.start()
    with database.write() as db:
        access.disable_account(db, login="chen", by="gao", now=now)
        begun.set()
        other.join(0.5)
    other.join()
    assert said == ["last_administrator"]


def test_an_administrator_does_not_lock_himself_out(database, people_on_site, now):
    with database.write() as db:
        (held,) = accounts.memberships(db, people_on_site.gao)
        with pytest.raises(Conflict):
            access.remove_role(db, login="gao", role_id=held.id, by="gao", now=now)
        with pytest.raises(Conflict):
            access.disable_account(db, login="gao", by="gao", now=now)


def test_what_is_done_to_accounts_is_journalled_without_names_or_passwords(database, people_on_site, create, now):
    create()
    with database.write() as db:
        access.add_role(db, login="sun", role="guard", project_id=people_on_site.a.id, by="gao", now=now)
        access.set_password(db, login="sun", password="other letters", by="gao", now=now)
        lines = db.execute(sa.select(JournalEntry.actor, JournalEntry.action, JournalEntry.object, JournalEntry.facts)).all()
    assert [line.action for line in lines] == ["account_created", "role_given", "password_set"]
    assert {line.actor for line in lines} == {"gao"}
    assert not any(word in str(line) for line in lines for word in ("孙芳", "letters"))


# --- other sites' forms --------------------------------------------------------------------------------------


def passes(method="POST", path="/v1/accounts", cookie=True, **headers) -> bool:
    """True when a request with these headers reaches the application behind the guard."""
    reached = []

    async def behind(scope, receive, send):
        reached.append(scope["path"])

    sent = [(b"host", b"muster.example:8080")]
    if cookie:
        sent.append((b"cookie", b"other=1; muster_session=abc"))
    sent += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": method, "path": path, "headers": sent, "query_string": b"",
        "app": type("App", (), {"state": type("State", (), {})()}),
    }  # fmt: skip
    answers = []

    async def send(message):
        answers.append(message)

    asyncio.run(SameOrigin(behind)(scope, None, send))
    if not reached:
        assert answers[0]["status"] == 403 and b'"cross_site"' in answers[1]["body"]
    return bool(reached)


def test_our_own_pages_pass():
    assert passes(sec_fetch_site="same-origin", origin="http://muster.example:8080")
    assert passes(sec_fetch_site="none")
    assert passes(origin="https://MUSTER.example:8080")


def test_a_script_with_the_cookie_and_no_browser_headers_passes():
    assert passes()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post-ish"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://muster.example:8080"},
        {"sec_fetch_site": ""},
        {"origin": "http://evil.example"},
        {"origin": "http://muster.example"},
        {"origin": "http://muster.example:8080.evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec_fetch_site": "same-origin", "origin": "http://evil.example"},
    ],
)
def test_another_sites_form_is_refused(method, headers):
    assert not passes(method, **headers)


def test_reading_passes_from_anywhere():
    assert passes("GET", sec_fetch_site="cross-site", origin="http://evil.example")


def test_gates_and_bearer_callers_carry_no_cookie_and_pass():
    assert passes(cookie=False, path="/v1/devices/gate-a-in/frames", origin="http://kiosk.example")
    assert passes(cookie=False, authorization="Bearer abc", origin="http://evil.example")


def test_nobody_is_signed_in_as_somebody_else_by_a_foreign_form():
    assert not passes(cookie=False, path="/v1/sign-in", sec_fetch_site="cross-site")
    assert not passes(cookie=False, path="/sign-in", origin="http://evil.example")


# --- words ---------------------------------------------------------------------------------------------------


def test_every_refusal_of_this_room_has_a_sentence():
    import ast
    import inspect

    from app import oversight, payroll

    used = set()
    refusals = {"BadRequest", "Busy", "Conflict", "Forbidden", "NotFound", "TooMany", "Unauthorised"}
    for module in (access, payroll, oversight):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in refusals:
                used.add(node.args[0].value)
    assert len(used) > 25
    assert used <= SENTENCES.keys()
