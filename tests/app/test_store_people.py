"""The roster: a man is one man, engaged once at a time, under one agreement at a time."""

import threading
from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.errors import BadRequest, Conflict, NotFound
from app.store import people
from app.tables import Engagement, FacePhoto, FaceTemplate, WageTerm
from tests.cast import RATE_FEN, add_member, id_number

D = date


def code(raised) -> str:
    return raised.value.code


# --- projects, companies, teams ----------------------------------------------------------------------------


def test_a_project_is_found_by_its_number_and_its_code(database, people_on_site, now):
    a, b = people_on_site.a, people_on_site.b
    with database.write() as db:
        assert people.project(db, a.id) == people.project_by_code(db, "A")
        assert [p.id for p in people.projects(db, None)] == [a.id, b.id]
        assert [p.id for p in people.projects(db, [b.id])] == [b.id]
        assert people.projects(db, []) == []
        people.set_confirm_face(db, a.id, True)
        assert people.project(db, a.id).confirm_face
        with pytest.raises(NotFound):
            people.project(db, 99)
        with pytest.raises(NotFound):
            people.project_by_code(db, "Z")
        with pytest.raises(Conflict) as taken:
            people.add_project(db, code="A", name="x", area_code="1", address=None, time_zone="Asia/Shanghai",
                               language="zh", confirm_face=False, is_demonstration=False, now=now)
    assert code(taken) == "project_code_taken"


def test_a_company_that_comes_twice_is_one_company(database, now):
    with database.write() as db:
        one = people.add_company(db, uscc="91330424MA0000001P", name="海盐总包", now=now)
        assert people.add_company(db, uscc="91330424MA0000001P", name="海盐总包（新名）", now=now) == one
        nameless = people.add_company(db, uscc=None, name="海盐总包", now=now)
        assert nameless != one
        assert people.add_company(db, uscc=None, name="海盐总包", now=now) == nameless
        assert people.add_company(db, uscc=None, name="别的", now=now) not in (one, nameless)


def test_a_team_belongs_to_a_company_of_the_project(database, people_on_site):
    a, b = people_on_site.a, people_on_site.b
    with database.write() as db:
        again = people.add_team(db, project_id=a.id, project_company_id=a.project_company_id, name="钢筋一班", trade=None)
        assert again == a.team_id
        assert [t.id for t in people.teams(db, a.id)] == [a.team_id]
        assert [c.id for c in people.project_companies(db, a.id)] == [a.project_company_id]
        with pytest.raises(NotFound):
            people.add_team(db, project_id=a.id, project_company_id=b.project_company_id, name="x", trade=None)


# --- workers and engagements -------------------------------------------------------------------------------


def test_a_man_entered_twice_is_one_man(database, vault, people_on_site, now):
    cast = people_on_site
    with pytest.raises(Conflict) as known, database.write() as db:
        add_member(db, vault, now, cast.b, "王建国", cast.wang.id_number)
    assert code(known) == "worker_known"
    with database.read() as db:
        assert people.find_worker(db, vault.index("id_number", cast.wang.id_number)) == cast.wang.id
        assert people.find_worker(db, vault.index("id_number", "x")) is None


def engage(db, cast, now, worker, entry_on, exit_on=None, site=None):
    site = site or cast.a
    return people.add_engagement(
        db, worker_id=worker.id, project_id=site.id, project_company_id=site.project_company_id, team_id=site.team_id,
        trade=None, entry_on=entry_on, exit_on=exit_on, now=now)


def test_a_man_is_engaged_once_at_a_time_on_a_project(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        for entry_on, exit_on in ((D(2026, 4, 1), None), (D(2026, 2, 1), D(2026, 3, 2)), (D(2026, 1, 1), None)):
            with pytest.raises(Conflict) as overlap:
                engage(db, cast, now, cast.wang, entry_on, exit_on)
            assert code(overlap) == "engagement_overlaps"
        # Up to the day before, on another project, and again after he left.
        engage(db, cast, now, cast.wang, D(2026, 2, 1), D(2026, 3, 1))
        engage(db, cast, now, cast.wang, D(2026, 3, 1), site=cast.b)
        people.exit_engagement(db, cast.wang.engagement_id, D(2026, 3, 20))
        engage(db, cast, now, cast.wang, D(2026, 3, 20))
        assert len(people.engagements_of(db, cast.a.id, cast.wang.id)) == 3
        assert {e.company_id for e in people.engagements(db, cast.a.id)} == {cast.a.company_id}


def test_an_exit_is_recorded_once(database, people_on_site):
    id_ = people_on_site.wang.engagement_id
    with database.write() as db:
        with pytest.raises(BadRequest):
            people.exit_engagement(db, id_, D(2026, 3, 1))
        people.exit_engagement(db, id_, D(2026, 3, 20))
        people.exit_engagement(db, id_, D(2026, 3, 20))
        with pytest.raises(Conflict):
            people.exit_engagement(db, id_, D(2026, 3, 21))
        with pytest.raises(NotFound):
            people.exit_engagement(db, 99, D(2026, 3, 21))


def test_a_team_of_another_project_takes_nobody(database, people_on_site, now):
    cast = people_on_site
    with pytest.raises(NotFound), database.write() as db:
        people.add_engagement(
            db, worker_id=cast.zhao.id, project_id=cast.a.id, project_company_id=cast.a.project_company_id,
            team_id=cast.b.team_id, trade=None, entry_on=D(2026, 3, 1), now=now)


@pytest.mark.parametrize("values", [{"entry_on": D(2026, 3, 15)}, {"entry_on": D(2026, 1, 1), "exit_on": D(2026, 3, 2)}])
def test_the_database_itself_refuses_two_engagements_at_a_time(database, people_on_site, now, values):
    cast = people_on_site
    row = {"worker_id": cast.wang.id, "project_id": cast.a.id, "project_company_id": cast.a.project_company_id,
           "team_id": cast.a.team_id, "created_at": now, **values}
    with pytest.raises(DBAPIError, match="engagements overlap"), database.write() as db:
        db.execute(sa.insert(Engagement.__table__).values(**row))
    with pytest.raises(DBAPIError, match="engagements overlap"), database.write() as db:
        other = engage(db, cast, now, cast.wang, D(2026, 1, 1), D(2026, 2, 1))
        db.execute(sa.update(Engagement.__table__).where(Engagement.id == other).values(exit_on=None))


# --- terms -------------------------------------------------------------------------------------------------


def agree(db, worker, now, valid_from, valid_to=None, rate_fen=450_00, supersedes_id=None):
    return people.add_terms(
        db, engagement_id=worker.engagement_id, kind="day", rate_fen=rate_fen, valid_from=valid_from, valid_to=valid_to,
        recorded_by="wu", now=now, supersedes_id=supersedes_id)


def test_a_raise_ends_the_old_terms_and_begins_new_ones(database, people_on_site, now):
    wang = people_on_site.wang
    with database.write() as db:
        with pytest.raises(Conflict) as overlap:
            agree(db, wang, now, D(2026, 4, 1))
        assert code(overlap) == "terms_overlap"
        people.end_terms(db, wang.terms_id, D(2026, 4, 1))
        new = agree(db, wang, now, D(2026, 4, 1))
        assert [(t.id, t.rate_fen, t.worker_id) for t in people.terms(db, people_on_site.a.id) if t.worker_id == wang.id] == [
            (wang.terms_id, RATE_FEN, wang.id), (new, 450_00, wang.id)]
        for wrong in (lambda: people.end_terms(db, wang.terms_id, D(2026, 5, 1)), lambda: agree(db, wang, now, D(2026, 5, 1))):
            with pytest.raises(Conflict):
                wrong()
        with pytest.raises(BadRequest):
            people.end_terms(db, new, D(2026, 4, 1))
        rate = {r.worker_id: r.rate_fen for r in people.workers(db, people_on_site.a.id, today=D(2026, 4, 1))}
        assert rate[wang.id] == 450_00
        rate = {r.worker_id: r.rate_fen for r in people.workers(db, people_on_site.a.id, today=D(2026, 3, 31))}
        assert rate[wang.id] == RATE_FEN


def test_terms_agreed_by_mistake_are_voided_and_superseded(database, people_on_site, now):
    wang = people_on_site.wang
    with database.write() as db:
        people.void_terms(db, wang.terms_id, now)
        new = agree(db, wang, now, D(2026, 3, 1), supersedes_id=wang.terms_id)
        assert [t.id for t in people.terms(db, people_on_site.a.id) if t.worker_id == wang.id] == [new]
        with pytest.raises(Conflict):
            people.void_terms(db, wang.terms_id, now)
        with pytest.raises(NotFound):
            people.void_terms(db, 99, now)


@pytest.mark.parametrize("change", [
    "rate_fen = 1", "kind = 'hour'", "valid_from = '2026-02-01'", "recorded_by = 'x'", "recorded_at = '2020-01-01'",
    "supersedes_id = id", "engagement_id = {other}", "voided_at = NULL", "valid_to = '2026-06-01'"])
def test_what_was_agreed_is_never_edited(database, people_on_site, now, change):
    wang = people_on_site.wang
    with database.write() as db:
        people.end_terms(db, wang.terms_id, D(2026, 5, 1))
        people.void_terms(db, wang.terms_id, now)
    statement = f"UPDATE wage_term SET {change.format(other=people_on_site.li.engagement_id)} WHERE id = {wang.terms_id}"
    with pytest.raises(DBAPIError, match="never edited"), database.write() as db:
        db.execute(sa.text(statement))
    with pytest.raises(DBAPIError, match="never deleted"), database.write() as db:
        db.execute(sa.text(f"DELETE FROM wage_term WHERE id = {wang.terms_id}"))


def test_the_database_itself_refuses_two_terms_at_a_time(database, people_on_site, now):
    row = {"engagement_id": people_on_site.wang.engagement_id, "kind": "day", "rate_fen": 1, "valid_from": D(2026, 4, 1),
           "recorded_at": now, "recorded_by": "wu"}
    with pytest.raises(DBAPIError, match="terms overlap"), database.write() as db:
        db.execute(sa.insert(WageTerm.__table__).values(**row))


@pytest.mark.parametrize("through_the_store", [True, False], ids=["by the store", "by the trigger alone"])
def test_two_offices_that_agree_at_once_do_not_both_win(database, people_on_site, now, through_the_store):
    # Each looks before the other has committed; only a lock on the engagement makes the second one see.
    wang = people_on_site.wang
    with database.write() as db:
        people.void_terms(db, wang.terms_id, now)
    lost = []

    def agree_now(db) -> None:
        if through_the_store:
            agree(db, wang, now, D(2026, 3, 1))
        else:
            db.execute(sa.insert(WageTerm.__table__).values(
                engagement_id=wang.engagement_id, kind="day", rate_fen=1, valid_from=D(2026, 3, 1), recorded_at=now,
                recorded_by="wu"))

    def the_other_office() -> None:
        try:
            with database.write() as db:
                agree_now(db)
        except (Conflict, DBAPIError) as error:
            lost.append(error)

    other = threading.Thread(target=the_other_office)
    with database.write() as db:
        agree_now(db)
        other.start()
        # Long enough for the other to look; it must wait for this commit before it answers.
        other.join(0.3)
        assert other.is_alive()
    other.join()
    assert [type(error) for error in lost] == [Conflict if through_the_store else IntegrityError]
    with database.read() as db:
        assert len([t for t in people.terms(db, people_on_site.a.id) if t.worker_id == wang.id]) == 1


# --- consent and faces -------------------------------------------------------------------------------------


def consent(db, cast, worker, now, act="give"):
    return people.add_consent(
        db, worker_id=worker.id, project_id=cast.a.id, act=act, scope=["capture", "template"], notice_version="2026-1",
        method="paper", at=now, recorded_by="wu", now=now)


def enrol(db, cast, worker, now, template=b"t", contract_id="c1"):
    return people.add_template(
        db, worker_id=worker.id, project_id=cast.a.id, consent_id=consent(db, cast, worker, now), contract_id=contract_id,
        pack_id="p", template_sealed=template, photographs=3, now=now)


def test_the_latest_act_is_the_workers_word(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        assert people.latest_consent(db, cast.a.id, cast.wang.id) is None
        consent(db, cast, cast.wang, now)
        assert people.latest_consent(db, cast.a.id, cast.wang.id).given
        assert people.latest_consent(db, cast.a.id, cast.wang.id).scope == ("capture", "template")
        consent(db, cast, cast.wang, now, act="withdraw")
        assert not people.latest_consent(db, cast.a.id, cast.wang.id).given
        assert people.latest_consent(db, cast.b.id, cast.wang.id) is None


def test_whoever_withdraws_is_not_in_the_gallery_and_whoever_gives_again_is(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        enrol(db, cast, cast.wang, now, b"wang")
        enrol(db, cast, cast.li, now, b"li")
        assert people.templates(db, cast.a.id, "c1") == [(cast.wang.id, b"wang"), (cast.li.id, b"li")]
        assert people.templates(db, cast.a.id, "c2") == people.templates(db, cast.b.id, "c1") == []
        consent(db, cast, cast.wang, now, act="withdraw")
        assert people.templates(db, cast.a.id, "c1") == [(cast.li.id, b"li")]
        consent(db, cast, cast.wang, now)
        assert len(people.templates(db, cast.a.id, "c1")) == 2


def test_a_new_enrolment_erases_the_one_before(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        first = enrol(db, cast, cast.wang, now, b"first")
        enrol(db, cast, cast.wang, now, b"other pack", contract_id="c2")
        enrol(db, cast, cast.wang, now, b"second")
        assert people.templates(db, cast.a.id, "c1") == [(cast.wang.id, b"second")]
        assert people.templates(db, cast.a.id, "c2") == [(cast.wang.id, b"other pack")]
        row = db.execute(sa.select(FaceTemplate.template_sealed, FaceTemplate.erased_reason).where(FaceTemplate.id == first)).one()
        assert tuple(row) == (None, "replaced")


def test_an_erased_face_leaves_the_row_and_nothing_else(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        id_ = enrol(db, cast, cast.wang, now, b"wang")
        people.add_photo(db, template_id=id_, worker_id=cast.wang.id, photo_sealed=b"photo", sha256="0" * 64, now=now)
        enrol(db, cast, cast.li, now, b"li")
        assert [r.has_template for r in people.workers(db, cast.a.id, today=D(2026, 3, 31))] == [True, True]
        assert people.erase_templates(db, cast.b.id, cast.wang.id, "withdrawn", now) == 0
        assert people.erase_templates(db, None, cast.wang.id, "withdrawn", now) == 1
        assert people.erase_templates(db, None, cast.wang.id, "withdrawn", now) == 0
        assert people.templates(db, cast.a.id, "c1") == [(cast.li.id, b"li")]
        assert [r.has_template for r in people.workers(db, cast.a.id, today=D(2026, 3, 31))] == [False, True]
        assert db.execute(sa.select(FacePhoto.photo_sealed, FacePhoto.erased_at)).one() == (None, now)


def test_every_change_of_a_gallery_shows_in_its_version(database, people_on_site, now):
    cast = people_on_site
    seen = []
    steps = (
        lambda db: None,
        lambda db: enrol(db, cast, cast.wang, now),
        lambda db: enrol(db, cast, cast.wang, now, b"again"),
        lambda db: consent(db, cast, cast.wang, now, act="withdraw"),
        lambda db: people.erase_templates(db, cast.a.id, cast.wang.id, "withdrawn", now),
    )
    with database.write() as db:
        for step in steps:
            step(db)
            seen.append(people.gallery_version(db, cast.a.id, "c1"))
            assert people.gallery_version(db, cast.a.id, "c1") == seen[-1]
    assert len(set(seen)) == len(steps)


# --- credentials -------------------------------------------------------------------------------------------


def test_a_card_is_one_mans_until_it_is_taken_back(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        def give(worker, site=cast.a):
            return people.add_credential(
                db, worker_id=worker.id, project_id=site.id, channel="card", value_index="i" * 64, now=now)

        card = give(cast.wang)
        with pytest.raises(Conflict) as taken:
            give(cast.li)
        assert code(taken) == "credential_taken"
        give(cast.zhao, cast.b)
        assert people.worker_by_credential(db, cast.a.id, "card", "i" * 64) == cast.wang.id
        assert people.worker_by_credential(db, cast.a.id, "code", "i" * 64) is None
        people.revoke_credential(db, card, now)
        assert people.worker_by_credential(db, cast.a.id, "card", "i" * 64) is None
        give(cast.li)
        assert people.worker_by_credential(db, cast.a.id, "card", "i" * 64) == cast.li.id
        assert people.worker_by_credential(db, cast.b.id, "card", "i" * 64) == cast.zhao.id


def test_the_roster_shows_who_is_there_and_who_was(database, vault, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        people.exit_engagement(db, cast.li.engagement_id, D(2026, 3, 20))
        add_member(db, vault, now, cast.a, "孙大", id_number(D(1980, 1, 1), 5), entry_on=D(2026, 4, 1))
        rows = people.workers(db, cast.a.id, today=D(2026, 3, 31))
        assert [(r.name, r.exit_on, r.rate_fen) for r in rows] == [
            ("王建国", None, RATE_FEN), ("李秀英", D(2026, 3, 20), RATE_FEN), ("孙大", None, None)]
        assert rows[0].team_name == "钢筋一班"
        assert [r.worker_id for r in people.workers(db, cast.b.id, today=D(2026, 3, 31))] == [cast.zhao.id]
