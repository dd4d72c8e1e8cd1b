"""One face under two ID numbers: looked for where a county ordered it, shown to whom it concerns, accusing nobody."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from app import access, enrolment, jobs, terms, twins
from app.errors import BadRequest, Forbidden, NotFound
from app.store import accounts, people
from app.store import twins as held
from app.tables import Twin, TwinSearch
from recognition.limits import Curve, FarPoint
from recognition.synthetic import PACK, SyntheticEngine, draw_face
from tests.cast import PASSWORD_HASH, Cast, add_member, id_number

WANG, LI, ZHAO = 1, 2, 3
POINTS = (FarPoint(1e-1, 0.20), FarPoint(1e-3, 0.40), FarPoint(1e-6, 0.62), FarPoint(1e-9, 0.80))
CURVED = replace(PACK, curve=Curve(POINTS, 1e-5, "pack"))


@pytest.fixture
def county(database, vault, settings, people_on_site: Cast, now):
    class County:
        cast = people_on_site

        def __init__(self) -> None:
            self.database = database
            self.order = iter(range(40, 90))

        def enrol(self, site, worker_id: int, person: int, notice: str = "face-2", **drawn) -> None:
            examined = enrolment.examine(SyntheticEngine(), settings, [draw_face(person, **drawn)])
            consent = enrolment.ConsentGiven(("capture", "template"), notice, "screen", now)
            with database.write() as db:
                enrolment.keep_template(
                    db, vault, examined, project_id=site.id, worker_id=worker_id, consent=consent, now=now, by="wu"
                )

        def newcomer(self, site, name: str, person: int, **drawn) -> int:
            with database.write() as db:
                member = add_member(db, vault, now, site, name, id_number(date(1990, 1, 1), next(self.order)))
            self.enrol(site, member.id, person, **drawn)
            return member.id

        def orders(self, area: str = "3304", false_pairs: int = 1, valid_from: date = date(2026, 1, 1)) -> None:
            with database.write() as db:
                terms.write_area_rule(
                    db, area_code=area, key=held.RULE, value=false_pairs, valid_from=valid_from, source="县人社局通知 2026-3",
                    by="gao", now=now,
                )

        def search(self, area: str = "3304", pack=CURVED, seconds_max: float = 60, **more) -> twins.Searched:
            return twins.search(
                database, vault, pack, area_code=area, false_pairs_max=1, now=now, seconds_max=seconds_max, **more
            )

        def pairs(self) -> set[tuple[int, int]]:
            with database.read() as db:
                return {tuple(row) for row in db.execute(sa.select(Twin.low_worker_id, Twin.high_worker_id))}

        def inspector(self, area: str) -> access.Person:
            with database.write() as db:
                account = accounts.add_account(db, login=f"insp{area}", name="监察", password_hash=PASSWORD_HASH, now=now)
                accounts.add_membership(db, account_id=account, role="inspector", area_code=area)
                return access.person_of_account(db, account)

        def seen_by(self, person: access.Person) -> list[twins.Pair]:
            with database.read() as db:
                return twins.twins_of(db, person)

    return County()


@pytest.fixture
def twice(county):
    """Wang of A is registered on B under another ID number."""
    county.enrol(county.cast.a, county.cast.wang.id, WANG)
    county.enrol(county.cast.a, county.cast.li.id, LI)
    county.other = county.newcomer(county.cast.b, "王建军", WANG, variant=1)
    county.enrol(county.cast.b, county.cast.zhao.id, ZHAO)
    return county


# --- the limit -------------------------------------------------------------------------------------------------


def test_the_more_templates_the_more_alike_two_must_be():
    few, many = twins.limit_for(CURVED, 100, 1), twins.limit_for(CURVED, 10_000, 1)
    assert (few.far, many.far) == (1 / 4950, 1 / 49_995_000)
    assert few.similarity_min < many.similarity_min
    assert (few.measured, many.measured) == (True, False), "beyond what was measured it is drawn on, and said so"
    assert twins.limit_for(CURVED, 10_000, 100).similarity_min < many.similarity_min


def test_it_is_never_looser_than_the_packs_largest_roster_and_a_pack_without_rates_says_so():
    assert twins.limit_for(CURVED, 2, 1).similarity_min == 0.60
    assert twins.limit_for(PACK, 100, 1) == twins.Limit(0.60, None, False)


# --- the search ------------------------------------------------------------------------------------------------


def test_one_face_under_two_numbers_is_found_once_and_stays_found(twice):
    assert twice.search() == twins.Searched(4, 4, 1, True)
    assert twice.pairs() == {tuple(sorted((twice.cast.wang.id, twice.other)))}
    assert twice.search() == twins.Searched(4, 0, 0, True), "nothing is new"


def test_who_comes_later_is_compared_with_everybody(twice):
    twice.search()
    third = twice.newcomer(twice.cast.a, "王小三", WANG, variant=2)
    assert twice.search() == twins.Searched(5, 1, 2, True)
    assert {pair for pair in twice.pairs() if third in pair} == {(twice.cast.wang.id, third), (twice.other, third)}


def test_a_man_on_two_projects_is_not_his_own_twin(county, database, now):
    wang, b = county.cast.wang.id, county.cast.b
    with database.write() as db:
        people.add_engagement(
            db, worker_id=wang, project_id=b.id, project_company_id=b.project_company_id, team_id=b.team_id, trade=None,
            entry_on=date(2026, 3, 1), now=now,
        )
    county.enrol(county.cast.a, wang, WANG)
    county.enrol(b, wang, WANG, variant=3)
    assert county.search() == twins.Searched(2, 2, 0, True)


def test_stopped_after_a_stretch_it_goes_on_and_finds_the_same(twice, monkeypatch):
    monkeypatch.setattr(twins, "CHUNK", 1)
    ticks = iter(range(100))
    assert twice.search(seconds_max=2, clock=lambda: next(ticks)) == twins.Searched(4, 2, 0, False)
    assert twice.search() == twins.Searched(4, 2, 1, True)
    assert twice.pairs() == {tuple(sorted((twice.cast.wang.id, twice.other)))}


def test_only_whose_notice_told_them_of_it_and_who_has_not_taken_his_word_back_is_searched(twice, database, now):
    twice.newcomer(twice.cast.a, "王老四", WANG, variant=4, notice="face-1")
    with database.write() as db:
        enrolment.withdraw_consent(db, project_id=twice.cast.a.id, worker_id=twice.cast.wang.id, now=now, by="wu")
    assert twice.search() == twins.Searched(3, 3, 0, True)


def test_another_area_and_another_model_are_not_looked_at(twice):
    assert twice.search(area="330424") == twins.Searched(2, 2, 0, True)
    assert twice.search(pack=replace(CURVED, contract_id="another")) == twins.Searched(0, 0, 0, True)


def test_a_template_that_does_not_open_stops_nobody(twice, behind_the_walls):
    behind_the_walls(f"UPDATE face_template SET template_sealed = template_sealed || '\\x00' WHERE worker_id = {twice.cast.li.id}"
                     if twice.database.engine.dialect.name == "postgresql"
                     else f"UPDATE face_template SET template_sealed = x'00' WHERE worker_id = {twice.cast.li.id}")
    assert twice.search().found == 1


def test_the_worker_searches_where_a_county_ordered_it_and_nowhere_else(twice, database, settings, vault, now, monkeypatch):
    monkeypatch.setattr(jobs, "open_vault", lambda _settings: vault)
    monkeypatch.setattr(jobs, "load_pack_of", lambda _settings, _pack: CURVED)
    run = lambda minutes: jobs.run_once("twins", database, settings, now + timedelta(minutes=minutes))  # noqa: E731
    assert run(0) == "ordered nowhere"
    twice.orders()
    assert run(90) == "3304: 4 new of 4, 1 pairs"
    assert run(180) == "3304: 0 new of 4, 0 pairs"
    twice.orders(false_pairs=0, valid_from=date(2026, 3, 2))
    assert run(270) == "ordered nowhere", "called off"


def test_a_looser_order_looks_at_everything_again(twice, database):
    twice.search()
    with database.write() as db:
        last = held.last_search(db, "3304", CURVED.contract_id)
        values = {name: getattr(last, name) for name in last.__slots__ if name != "id"}
        held.add_search(db, **{**values, "similarity_min": 0.95})
    assert twice.search() == twins.Searched(4, 4, 0, True)


def test_what_a_search_was_is_written_down_and_never_changed(twice, database):
    twice.search()
    with database.read() as db:
        [row] = db.execute(sa.select(TwinSearch.__table__)).all()
    assert (row.templates, row.fresh, row.found, row.area_code) == (4, 4, 1, "3304")
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), database.write() as db:
        db.execute(sa.text("UPDATE twin SET similarity = 0"))


# --- who sees it -----------------------------------------------------------------------------------------------


def test_an_inspector_of_both_areas_sees_both_names_and_decides(twice, database, now):
    twice.search()
    person = twice.inspector("3304")
    [pair] = twice.seen_by(person)
    assert {side.name for side in pair.sides} == {"王建国", "王建军"} and pair.may_decide
    with database.write() as db:
        decided = twins.decide(db, person, pair.twin.id, "different_people", "双胞胎，户口簿已核对", now=now)
        assert (decided.twin.verdict, decided.twin.decided_by) == ("different_people", person.login)
        again = twins.decide(db, person, pair.twin.id, "same_person", "户口簿系伪造", now=now)
        assert again.twin.verdict == "same_person", "the latest word holds"
        for verdict, note, code in (("guilty", "有依据的", "twin_verdict_unknown"), ("open", " ", "decision_note_needed")):
            with pytest.raises(BadRequest, match=code):
                twins.decide(db, person, pair.twin.id, verdict, note, now=now)


def test_no_name_crosses_an_area_and_no_other_areas_inspector_decides(twice, database, now):
    twice.search()
    here, there, nowhere = twice.inspector("330424"), twice.inspector("330411"), twice.inspector("330483")
    for person, own, other in ((here, "王建国", "王建军"), (there, "王建军", "王建国")):
        [pair] = twice.seen_by(person)
        assert own in {side.name for side in pair.sides} and other not in repr(pair)
        hidden = next(side for side in pair.sides if side.worker_id is None)
        assert (hidden.name, hidden.projects) == ("", ()) and hidden.elsewhere in (("330411",), ("330424",))
        with pytest.raises(Forbidden, match="twin_other_area"), database.write() as db:
            twins.decide(db, person, pair.twin.id, "open", "正在联系当地", now=now)
    assert twice.seen_by(nowhere) == []
    with pytest.raises(NotFound, match="twin_unknown"), database.write() as db:
        twins.decide(db, nowhere, pair.twin.id, "open", "正在联系当地", now=now)


def test_the_sentence_says_how_many_pairs_are_false(twice):
    twice.search()
    [pair] = twice.seen_by(twice.inspector("3304"))
    facts = twins.sentence_facts(pair.twin)
    assert (facts["templates"], facts["false_pairs"]) == (4, "1.0")
    assert twins.sentence_facts(replace(pair.twin, far=None))["false_pairs"] == "?"
