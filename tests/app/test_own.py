"""A worker signs in by a code of one use and reads himself; a full number is shown for a purpose that is written down."""

from datetime import date, timedelta

import pytest

from app import access, inspection
from app.access import Role
from app.errors import BadRequest, Conflict, Forbidden, NotFound, TooMany, Unauthorised
from app.store import accounts
from tests import cast

MARCH = date(2026, 3, 1)
CODE = access._code_sha256


@pytest.fixture
def issue(database, people_on_site, now):
    def call(login="wu", worker=None, at=None):
        with database.write() as db:
            person = access.person_of_account(db, getattr(people_on_site, login))
            worker_id = (worker or people_on_site.wang).id
            return access.issue_code(db, person, project_id=people_on_site.a.id, worker_id=worker_id, now=at or now)[0]

    return call


@pytest.fixture
def enter(database, settings, now):
    def call(code, address="10.0.0.1", at=None):
        token = access.sign_in_by_code(database, settings, code=code, address=address, now=at or now)
        with database.read() as db:
            return access.who(db, token, at or now)

    return call


def test_a_code_lets_the_worker_in_once_and_nobody_else(database, people_on_site, issue, enter):
    code = issue()
    wang = enter(code.lower().replace("-", " "))
    assert (wang.login, wang.name) == (f"worker.{people_on_site.wang.id}", "王建国")
    assert access.own(wang) == (people_on_site.a.id, people_on_site.wang.id)
    with pytest.raises(Unauthorised) as refused:
        enter(code)
    assert refused.value.code == "code_wrong"
    with database.read() as db:
        said = [(x.actor, x.action, x.object) for x in accounts.journal_lines(db, people_on_site.a.id)]
    assert ("wu", "code_issued", f"worker:{people_on_site.wang.id}") in said
    assert code not in str(said) and code.replace("-", "") not in str(said)


def test_a_code_is_good_for_half_an_hour_and_a_new_one_ends_the_old(issue, enter, now):
    old, new = issue(), issue()
    with pytest.raises(Unauthorised):
        enter(old)
    with pytest.raises(Unauthorised):
        enter(new, at=now + timedelta(minutes=access.CODE_MINUTES))
    assert enter(new, at=now + timedelta(minutes=access.CODE_MINUTES, seconds=-1)).login


def test_guessing_codes_ends_soon(enter, issue):
    code = issue()
    for _ in range(5):
        with pytest.raises(Unauthorised):
            enter("22222-22222", address="10.9.9.9")
    with pytest.raises(TooMany):
        enter(code, address="10.9.9.9")
    assert enter(code, address="10.0.0.2"), "somebody else's guesses keep nobody out"


def test_a_worker_signs_in_a_second_time_as_the_same_account(database, issue, enter):
    first, second = enter(issue()), enter(issue())
    assert first.account_id == second.account_id and len(second.memberships) == 1


def test_a_worker_without_a_password_is_no_way_in(database, settings, issue, enter, now):
    wang = enter(issue())
    for password in ("!", "", "!!!!!!!!!!"):
        with pytest.raises(Unauthorised):
            access.sign_in(database, settings, login=wang.login, password=password, address="10.0.0.7", now=now)


def test_only_the_labour_officer_makes_codes_and_only_for_his_workers(issue, people_on_site):
    for login, refused in (("chen", Forbidden), ("ma", Forbidden), ("lin", Forbidden), ("zhou", NotFound)):
        with pytest.raises(refused):
            issue(login)
    with pytest.raises(NotFound) as unknown:
        issue("wu", people_on_site.zhao)
    assert unknown.value.code == "worker_not_on_project"


def test_nobody_is_made_a_worker_by_hand(database, people_on_site, now):
    with database.write() as db, pytest.raises(BadRequest) as refused:
        access.add_role(db, login="ma", role="worker", project_id=people_on_site.a.id, by="gao", now=now)
    assert refused.value.code == "role_by_code"


def test_a_workers_account_holds_no_other_role_and_has_no_password(database, issue, enter, people_on_site, now):
    # The labour officer makes the code it opens by: he would pass his own papers in the worker's name.
    wang = enter(issue())
    with database.write() as db, pytest.raises(BadRequest) as given:
        access.add_role(db, login=wang.login, role="guard", project_id=people_on_site.a.id, by="gao", now=now)
    with database.write() as db, pytest.raises(BadRequest) as set_:
        access.set_password(db, login=wang.login, password="a long sentence", by="gao", now=now)
    assert (given.value.code, set_.value.code) == ("role_by_code", "role_by_code")


def test_nobody_takes_a_workers_login_before_he_comes(database, people_on_site, issue, enter, now):
    login = f"worker.{people_on_site.wang.id}"
    with database.write() as db, pytest.raises(Conflict) as refused:
        access.create_account(db, login=login, name="某某", password="a long sentence", by="gao", now=now)
    assert refused.value.code == "login_taken"
    with database.write() as db:
        accounts.add_account(db, login=login, name="某某", password_hash=access.hashed(login, "a long sentence"), language="zh", now=now)
    with pytest.raises(Unauthorised):
        enter(issue())


def test_a_worker_may_nothing_but_his_own(issue, enter, people_on_site):
    wang = enter(issue())
    may = {action for action in access.ACTIONS if access.may(wang, action, people_on_site.a.id, "330424")}
    assert may == {"own.read", "own.write"}
    with pytest.raises(NotFound):
        access.own(wang, people_on_site.b.id)


def test_a_data_protection_officer_reads_who_looked_and_no_wages(people_on_site):
    officer = access.Person(9, "shen", "沈", "zh", (access.Membership(Role.DATA_OFFICER),))
    may = {action for action in access.ACTIONS if access.may(officer, action, people_on_site.a.id, "330424")}
    assert may == {"project.read", "journal.read", "journal.service", "access.read"}


# --- over HTTP -----------------------------------------------------------------------------------------------


@pytest.fixture
def wangs(database, settings, vault, people_on_site, clock, now, issue):
    from starlette.testclient import TestClient

    from app.main import create_app

    with database.write() as db:
        for worker, day in ((people_on_site.wang, 2), (people_on_site.li, 3)):
            at = now.replace(day=day, hour=0, minute=0)
            cast.pass_through(db, people_on_site.a, "in", worker.id, at)
            cast.pass_through(db, people_on_site.a, "out", worker.id, at + timedelta(hours=9, minutes=30))
    app = create_app(settings.model_copy(update={"pack_id": "none"}), database=database, vault=vault)
    app.state.clock = clock
    client = TestClient(app)
    token = client.post("/v1/sign-in/code", json={"code": issue()}).json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_he_reads_his_own_days_wages_slips_and_face(wangs, people_on_site):
    (work,) = wangs.get("/v1/me/work").json()
    assert (work["name"], work["team"]) == ("王建国", "钢筋一班")
    days = wangs.get("/v1/me/days?month=2026-03").json()
    assert [(d["work_date"], d["day_milli"], d["amount_fen"]) for d in days] == [("2026-03-02", 1000, 400_00)]
    (month,) = wangs.get("/v1/me/wages").json()
    assert (month["month"], month["accrued_fen"], month["owed_fen"]) == ("2026-03-01", 400_00, 400_00)
    assert wangs.get("/v1/me/slips?month=2026-03").json() == []
    assert wangs.get("/v1/me/face").json()["consent"] is None
    assert "李秀英" not in str([wangs.get(f"/v1/me/{p}").json() for p in ("work", "days?month=2026-03", "wages", "face")])


def test_he_reaches_nobody_elses(wangs, people_on_site):
    project = people_on_site.a.id
    for path in (f"/v1/projects/{project}/wages", f"/v1/projects/{project}/workers/{people_on_site.wang.id}/wages", f"/v1/projects/{project}/days?month=2026-03"):
        assert wangs.get(path).status_code == 403, path
    assert wangs.get(f"/v1/projects/{people_on_site.b.id}/wages").status_code == 404
    assert wangs.get(f"/v1/me/days?month=2026-03&project_id={people_on_site.b.id}").status_code == 404


# --- a number in full ----------------------------------------------------------------------------------------


@pytest.fixture
def reveal(database, vault, people_on_site, now):
    def call(purpose="complaint", note="投诉 2026-041 号", worker=None):
        with database.write() as db:
            return inspection.reveal(
                db, vault, project_id=people_on_site.a.id, worker_id=(worker or people_on_site.wang).id, purpose=purpose, note=note,
                by="lin", now=now,
            )  # fmt: skip

    return call


def test_a_full_number_is_shown_for_a_purpose_and_journalled(database, people_on_site, reveal, now):
    found = reveal(note=f"投诉 2026-041 号 {cast.WANG_ID}")
    assert (found.id_number, found.phone) == (cast.WANG_ID, "13900000001") and cast.WANG_ID not in repr(found)
    with database.read() as db:
        line = accounts.journal_lines(db, people_on_site.a.id)[0]
    assert (line.actor, line.action, line.object, line.at) == ("lin", "identity.revealed", f"worker:{people_on_site.wang.id}", now)
    assert line.facts == {"purpose": "complaint", "note": "投诉 2026-041 号 …"}, "no number is kept in the journal"


@pytest.mark.parametrize(
    ("purpose", "note", "code"),
    [("", "投诉核对本人", "purpose_unknown"), ("curiosity", "投诉核对本人", "purpose_unknown"), ("complaint", "  x ", "purpose_note_needed"),
     ("complaint", "x" * 201, "purpose_note_needed"), ("complaint", "核对\x00本人", "purpose_note_needed")],
)  # fmt: skip
def test_without_a_purpose_nothing_is_shown(database, people_on_site, reveal, purpose, note, code):
    with pytest.raises(BadRequest) as refused:
        reveal(purpose, note)
    assert refused.value.code == code
    with database.read() as db:
        assert "identity.revealed" not in {line.action for line in accounts.journal_lines(db, people_on_site.a.id)}


def test_another_projects_worker_has_no_number_here(reveal, people_on_site):
    with pytest.raises(NotFound):
        reveal(worker=people_on_site.zhao)
