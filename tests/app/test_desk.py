"""The enrolment desk: a number is read as it is typed, each step is saved by itself, and what is missing stays on the list."""

import base64
from datetime import date, timedelta

import pytest

from app import desk, enrolment, papers, terms
from app.db import Database
from app.domain.facts import Engagement
from app.errors import Conflict, NotFound, Unusable
from app.settings import Settings
from app.store import people, timekeeping
from app.store import roster as rows
from app.vault import Vault
from recognition.synthetic import SyntheticEngine, draw_face
from tests import cast
from tests.cast import Cast, id_number
from tests.faces import enrol_drawn
from tests.pages.test_me_pages import signature

NEW = id_number(date(1991, 3, 4), 91)
PNG = signature()


class Desk:
    def __init__(self, database: Database, vault: Vault, site: Cast, now) -> None:
        self.database, self.vault, self.site, self.now = database, vault, site, now
        self.settings = Settings(environment="test")
        self.on = now.date()

    def look(self, number: str) -> desk.Found:
        with self.database.read() as db:
            return desk.look_up(db, self.vault, self.settings, project_id=self.site.a.id, id_number=number, now=self.now)

    def enter(self, number: str = NEW, name: str = "石大勇", **changed) -> int:
        told = {"team_id": self.site.a.team_id, "entry_on": self.on, **changed}
        with self.database.write() as db:
            return desk.enter(
                db, self.vault, self.settings, project_id=self.site.a.id, id_number=number, name=name, now=self.now, by="wu", **told
            ).worker_id

    def word(self, worker_id: int, *scope: str, **changed) -> int:
        told = {"notice_version": enrolment.NOTICE_VERSION, "method": "screen", **changed}
        with self.database.write() as db:
            return desk.word(
                db, self.vault, project_id=self.site.a.id, worker_id=worker_id, scope=scope, now=self.now, by="wu", **told
            )

    def agree(self, worker_id: int, **changed) -> int:
        told = {"kind": "day", "rate_fen": 350_00, "unit": None, "overtime_rule": "none", "relation": "labour_contract", "valid_from": self.on}
        with self.database.write() as db:
            return desk.agree(
                db, self.vault, project_id=self.site.a.id, worker_id=worker_id, now=self.now, by="wu", **{**told, **changed}
            )

    def lacks(self, worker_id: int, project: cast.Site | None = None) -> set[str]:
        with self.database.read() as db:
            return set(rows.lacks_of(db, (project or self.site.a).id, worker_id, self.on))


@pytest.fixture
def at(database: Database, vault: Vault, people_on_site: Cast, now) -> Desk:
    return Desk(database, vault, people_on_site, now)


# --- the number ------------------------------------------------------------------------------------------------


def test_a_number_says_who_he_is_before_anything_is_entered(at):
    found = at.look(NEW.lower().replace("1991", " 1991"))
    assert (found.sex, found.birth_on, found.years, found.worker_id, found.engaged) == ("M", date(1991, 3, 4), 35, None, False)
    assert not found.minor and not found.over_age


@pytest.mark.parametrize(
    ("born", "order", "minor", "over"),
    [
        (date(2009, 1, 1), 11, True, False),
        (date(2008, 3, 31), 11, False, False),
        (date(1966, 3, 31), 11, False, True),
        (date(1966, 5, 1), 11, False, False),
        (date(1971, 3, 31), 12, False, True),
        (date(1971, 5, 1), 12, False, False),
    ],
)
def test_too_young_for_dangerous_work_and_too_old_for_many_sites_is_told_and_not_barred(at, born, order, minor, over):
    found = at.look(id_number(born, order))
    assert (found.minor, found.over_age) == (minor, over)


@pytest.mark.parametrize(
    ("number", "code"),
    [(NEW[:-1] + ("0" if NEW[-1] != "0" else "1"), "id_check_digit"), (id_number(date(2011, 1, 1), 5), "id_under_age"), ("12", "id_length")],
)
def test_a_number_that_cannot_be_right_or_is_a_childs_is_refused_at_once(at, number, code):
    with pytest.raises(Unusable, match=code):
        at.look(number)
    with pytest.raises(Unusable, match=code):
        at.enter(number)


def test_whoever_is_here_already_is_found_and_not_entered_twice(at):
    found = at.look(cast.WANG_ID)
    assert (found.worker_id, found.engaged) == (at.site.wang.id, True) and isinstance(found.engagement, Engagement)
    assert at.enter(cast.WANG_ID, "王建国") == at.site.wang.id
    with at.database.read() as db:
        assert len(people.engagements_of(db, at.site.a.id, at.site.wang.id)) == 1


def test_the_number_of_somebody_engaged_is_not_taken_under_another_name(at):
    with pytest.raises(Conflict, match="worker_name_differs"):
        at.enter(cast.WANG_ID, "石大勇")
    assert at.enter(cast.WANG_ID, " 王建国 ") == at.site.wang.id


def test_whoever_comes_back_is_the_same_man_with_a_second_time_here(at):
    with at.database.write() as db:
        papers.exit_worker(db, project_id=at.site.a.id, worker_id=at.site.wang.id, exit_on=at.on - timedelta(days=3), now=at.now, by="wu")
    found = at.look(cast.WANG_ID)
    assert (found.worker_id, found.engaged) == (at.site.wang.id, False)
    assert at.enter(cast.WANG_ID, "王建国") == at.site.wang.id
    with at.database.read() as db:
        assert len(people.engagements_of(db, at.site.a.id, at.site.wang.id)) == 2


def test_whoever_is_known_elsewhere_keeps_his_name(at):
    assert at.look(cast.ZHAO_ID).engagement is None
    with pytest.raises(Conflict, match="worker_name_differs"):
        at.enter(cast.ZHAO_ID, "王铁柱")
    assert at.enter(cast.ZHAO_ID, "赵铁柱") == at.site.zhao.id


# --- each step by itself -----------------------------------------------------------------------------------------


def test_what_was_done_is_saved_and_what_is_missing_stands_on_the_list(at, settings):
    worker = at.enter()
    assert at.lacks(worker) == {"terms", "word", "way"}
    at.word(worker, "capture", "template")
    assert at.lacks(worker) == {"terms", "face", "way"}
    enrol_drawn(at.database, at.vault, SyntheticEngine(), at.site.a.id, worker, 5, at.now)
    assert at.lacks(worker) == {"terms", "way"}
    with at.database.write() as db:
        papers.issue_code(db, at.vault, project_id=at.site.a.id, worker_id=worker, now=at.now, by="wu")
    assert at.lacks(worker) == {"terms"}
    at.agree(worker)
    assert at.lacks(worker) == set()


def test_a_refusal_is_an_answer_and_asks_for_no_photograph(at):
    worker = at.enter()
    at.word(worker)
    assert at.lacks(worker) == {"terms", "way"}
    with at.database.read() as db:
        latest = people.latest_consent(db, at.site.a.id, worker)
        assert latest.declined and not latest.scope
        with pytest.raises(Unusable, match="consent_missing"):
            enrolment.check_may_enrol(db, project_id=at.site.a.id, worker_id=worker, consent=None, now=at.now)


def test_half_a_consent_is_none(at):
    worker = at.enter()
    with pytest.raises(Unusable, match="consent_missing"):
        at.word(worker, "capture", "image_retention")
    assert "word" in at.lacks(worker)


def test_a_signature_is_kept_sealed_with_what_was_signed(at):
    worker = at.enter()
    at.word(worker, "capture", "template", signature=PNG)
    terms_id = at.agree(worker, signature=PNG)
    with at.database.read() as db:
        evidence = people.latest_consent(db, at.site.a.id, worker).evidence_id
        kept = timekeeping.evidence(db, at.site.a.id, evidence)
        assert (kept.media_type, kept.recorded_by) == ("image/png", "wu")
        assert b"PNG" not in kept.content_sealed
        [agreed] = people.terms(db, at.site.a.id, worker_id=worker)
        assert agreed.id == terms_id


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("data:image/png;base64,%%%", "malformed"), ("javascript:1", "malformed"), ("data:image/png;base64,R0lGODlh", "malformed"),
        ("data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nno picture").decode(), "malformed"),
        (signature(strokes=0), "empty"), (PNG + "A" * 300_000, "malformed"),
    ],
)  # fmt: skip
def test_what_is_no_signature_is_refused_and_nothing_is_recorded(at, sent, code):
    worker = at.enter()
    for step in (lambda: at.word(worker, "capture", "template", signature=sent), lambda: at.agree(worker, signature=sent)):
        with pytest.raises(Unusable, match=f"drawing_{code}"):
            step()
    assert {"word", "terms"} <= at.lacks(worker)


def test_who_is_not_on_the_project_has_no_desk_here(at):
    for step in (lambda: at.word(at.site.zhao.id), lambda: at.agree(at.site.zhao.id)):
        with pytest.raises(NotFound, match="worker_not_on_project"):
            step()


def test_pay_that_begins_with_his_first_day_to_come_is_not_missing(at):
    worker = at.enter(entry_on=at.on + timedelta(days=10))
    at.agree(worker, valid_from=at.on + timedelta(days=10))
    assert "terms" not in at.lacks(worker)


def test_a_rise_at_the_desk_changes_the_rate_and_nothing_else(at):
    worker = at.site.wang
    agreed = {"minutes_per_day": 540, "overtime_rule": "units", "overtime_unit_minutes": 360, "relation": "labour_contract",
              "hours_system": "comprehensive", "month_method": "forward"}  # fmt: skip
    with at.database.write() as db:
        terms.agree(
            db, project_id=at.site.a.id, engagement_id=worker.engagement_id, kind="month", rate_fen=8000_00,
            valid_from=at.on - timedelta(days=9), by="wu", now=at.now, **agreed,
        )  # fmt: skip
    said = {"kind": "month", "overtime_rule": "units", "relation": "labour_contract"}
    at.agree(worker.id, rate_fen=9000_00, **said)
    with at.database.read() as db:
        held = sorted(people.terms(db, at.site.a.id, worker_id=worker.id), key=lambda t: t.valid_from)
    before, after = held[-2:]
    assert (before.rate_fen, after.rate_fen, after.valid_from) == (8000_00, 9000_00, at.on)
    assert {name: getattr(after, name) for name in agreed} == agreed
    with pytest.raises(Conflict, match="terms_same"):
        at.agree(worker.id, rate_fen=9000_00, **said)


def test_a_floor_under_piece_work_stays_with_piece_work(at):
    worker = at.site.wang
    with at.database.write() as db:
        terms.agree(
            db, project_id=at.site.a.id, engagement_id=worker.engagement_id, kind="piece", rate_fen=800_00, unit="吨",
            hour_floor_fen=30_00, minutes_per_day=540, valid_from=at.on - timedelta(days=9), by="wu", now=at.now,
        )  # fmt: skip
    at.agree(worker.id, kind="piece", rate_fen=850_00, unit="吨", valid_from=at.on - timedelta(days=1))
    at.agree(worker.id, kind="day", rate_fen=400_00)
    with at.database.read() as db:
        held = sorted(people.terms(db, at.site.a.id, worker_id=worker.id), key=lambda t: t.valid_from)
    assert [(str(t.kind), t.rate_fen, t.hour_floor_fen, t.minutes_per_day) for t in held[-2:]] == [
        ("piece", 850_00, 30_00, 540), ("day", 400_00, None, 540)
    ]  # fmt: skip


# --- the list ----------------------------------------------------------------------------------------------------


def test_who_has_left_lacks_nothing_and_others_are_counted_once(at):
    worker = at.enter()
    wanted = rows.Wanted(at.on)
    with at.database.write() as db:
        before = rows.lacking(db, at.site.a.id, wanted)
        assert rows.count(db, at.site.a.id, wanted) == 3 and before["any"] == 3 and before["terms"] == 1
        papers.exit_worker(db, project_id=at.site.a.id, worker_id=worker, exit_on=at.on + timedelta(days=1), now=at.now, by="wu")
        tomorrow = rows.Wanted(at.on + timedelta(days=1))
        assert rows.count(db, at.site.a.id, tomorrow) == 2
        assert rows.lacking(db, at.site.a.id, tomorrow)["terms"] == 0
        [left] = rows.rows(db, at.site.a.id, rows.Wanted(at.on + timedelta(days=1), "left"))
        assert (left.worker_id, left.lacks) == (worker, ())
    assert at.lacks(worker) and not at.lacks(worker, at.site.b), "of another project nobody is listed"


def test_people_stand_by_pinyin_and_teams_before_names(at):
    with at.database.write() as db:
        second = papers.add_team(
            db, project_id=at.site.a.id, project_company_id=at.site.a.project_company_id, name="安装班", trade=None, now=at.now, by="wu"
        )
    zhao, bai = at.enter(id_number(date(1990, 1, 1), 401), "赵一"), at.enter(id_number(date(1990, 1, 1), 402), "白二")
    last = at.enter(id_number(date(1990, 1, 1), 403), "周三", team_id=second)
    with at.database.read() as db:
        names = [place.name for place in rows.by_name(db, at.site.a.id, "name")]
        teams = [place.worker_id for place in rows.by_name(db, at.site.a.id)]
    # Bái, Lǐ, Wáng, Zhào, Zhōu: by the code of their characters 李 and 王 would stand before 白, and 周 before all of them.
    assert [name[0] for name in names] == ["白", "李", "王", "赵", "周"]
    assert teams[0] == last and teams.index(bai) < teams.index(zhao)


def test_the_list_is_searched_filtered_ordered_and_cut_by_the_database(at):
    worker = at.enter(trade="普工")
    with at.database.read() as db:

        def ids(descending=False, offset=0, limit=50, **wanted) -> list[int]:
            found = rows.rows(db, at.site.a.id, rows.Wanted(at.on, **wanted), descending=descending, offset=offset, limit=limit)
            return [row.worker_id for row in found]

        everybody = ids()
        assert sorted(everybody) == sorted([at.site.wang.id, at.site.li.id, worker]) == sorted(rows.ids(db, at.site.a.id, rows.Wanted(at.on)))
        assert ids(limit=1) + ids(offset=1, limit=1) + ids(offset=2) == everybody
        assert ids(descending=True) == everybody[::-1]
        assert ids()[-1] == worker == ids(True)[0]
        assert ids(text="石") == [worker] == ids(lacks="terms") and ids(text="%") == [] == ids(lacks="face")
        assert ids(trade="labourer") == [worker] and rows.trades(db, at.site.a.id) == sorted(["labourer", "钢筋工"])
        assert ids(team_id=at.site.a.team_id + 999) == [] == ids(company_id=at.site.b.project_company_id)
        assert sorted(ids(company_id=at.site.a.project_company_id)) == sorted(everybody)


# --- advice before the photograph ----------------------------------------------------------------------------------


def test_advice_says_what_enrolment_would_say(settings):
    engine = SyntheticEngine()
    good = enrolment.advise(engine, settings, draw_face(7))
    assert good.codes == () and all(0 <= side <= 1 for side in good.box)
    for drawn, code in (({"dark": True}, "face_too_dark"), ({"blurred": True}, "face_blurred"), ({"faces": 0}, "no_face"), ({"faces": 2}, "several_faces")):
        assert enrolment.advise(engine, settings, draw_face(7, **drawn)).codes[:1] == (code,)
    with pytest.raises(Unusable, match="not_jpeg"):
        enrolment.advise(engine, settings, b"GIF89a")
