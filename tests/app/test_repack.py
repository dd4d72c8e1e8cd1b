"""The model is changed: two sets of templates side by side, nobody compared across them, back and forth, resumable."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from app import enrolment, jobs, main, repack
from app.engines import AtWork
from app.errors import Conflict, Unusable
from app.galleries import Galleries
from app.house import House
from app.intake import Intake
from app.main import create_app
from app.observing import Metrics
from app.store import packs, people
from app.tables import FacePhoto, FaceTemplate
from app.wording import notices
from recognition import best_match
from recognition.face import Analysis
from recognition.synthetic import PACK, SyntheticEngine, draw_face, embedding_of
from tests.app.test_gate import Camera
from tests.cast import Cast

WANG, LI = 1, 2
NEW = replace(PACK, pack_id="synthetic-new", contract_id="synthetic-new-1")


class NewEngine(SyntheticEngine):
    """Another pack: the same faces, other numbers."""

    def __init__(self) -> None:
        self.pack = NEW

    def analyse(self, image, *, purpose, **how) -> Analysis:
        seen = super().analyse(image, purpose=purpose, **how)
        turn = lambda face: face if face is None or face.embedding is None else replace(face, embedding=np.roll(face.embedding, 1))  # noqa: E731
        return replace(seen, faces=tuple(turn(f) for f in seen.faces), subject=turn(seen.subject))


OLD_ENGINE, NEW_ENGINE = SyntheticEngine(), NewEngine()


@pytest.fixture
def desk(database, vault, settings, people_on_site: Cast, now):
    class Desk:
        cast, site = people_on_site, people_on_site.a

        def __init__(self) -> None:
            self.database = database

        def enrol(self, worker_id: int, person: int, *, kept: bool, beside=None, engine=OLD_ENGINE) -> None:
            scope = ("capture", "template", *(("image_retention",) if kept else ()))
            consent = enrolment.ConsentGiven(scope, notices.FACE_CURRENT, "screen", now)
            photographs = [draw_face(person), draw_face(person, variant=1)]
            examined = enrolment.examine(engine, settings, photographs)
            other = enrolment.examine_kept(beside, settings, photographs) if beside else None
            with database.write() as db:
                enrolment.enrol(
                    db, vault, examined, project_id=self.site.id, worker_id=worker_id, consent=consent, beside=other,
                    now=now, by="wu",
                )

        def start(self) -> int:
            with database.write() as db:
                return repack.start(db, from_pack=PACK, to_pack=NEW, by="gao", now=now)

        def work(self, seconds_max: float = 60, clock=None) -> repack.Worked:
            more = {"clock": clock} if clock else {}
            return repack.work(database, vault, settings, NEW_ENGINE, now=now, seconds_max=seconds_max, **more)

        def step(self, name: str, at=now, **more):
            with database.write() as db:
                return getattr(repack, name)(db, by="gao", now=at, **more)

        def known(self, pack, person: int):
            with database.read() as db:
                gallery = Galleries(vault, pack).of(db, self.site.id)
            query = embedding_of(person)
            match = best_match(np.roll(query, 1) if pack is NEW else query, gallery, contract_id=pack.contract_id)
            return match.key if match and match.similarity >= 0.5 else None

        def live(self) -> dict[str, int]:
            with database.read() as db:
                rows = db.execute(
                    sa.select(FaceTemplate.contract_id, sa.func.count()).where(FaceTemplate.erased_at.is_(None)).group_by(FaceTemplate.contract_id)
                )
                return {row[0]: row[1] for row in rows}

        def progress(self) -> repack.Progress:
            with database.read() as db:
                return repack.progress(db)

        def in_force(self, at=now, configured="synthetic") -> str:
            with database.read() as db:
                return repack.in_force(db, settings.model_copy(update={"pack_id": configured}), at).pack_id

    return Desk()


@pytest.fixture
def both(desk):
    """Wang's photographs were kept, Li's were not; a change is open."""
    desk.enrol(desk.cast.wang.id, WANG, kept=True)
    desk.enrol(desk.cast.li.id, LI, kept=False)
    desk.start()
    return desk


def test_kept_photographs_become_new_templates_and_the_others_must_come_again(both):
    told = both.progress().projects[0]
    assert (told.ready, told.to_work_out, [b.worker_id for b in told.must_come]) == (0, 1, [both.cast.li.id])
    assert both.work() == repack.Worked(embedded=1, unusable=0, done=True)
    told = both.progress().projects[0]
    assert (told.ready, told.to_work_out, [b.worker_id for b in told.must_come]) == (1, 0, [both.cast.li.id])
    assert both.live() == {PACK.contract_id: 2, NEW.contract_id: 1}
    assert (both.known(PACK, WANG), both.known(PACK, LI)) == (both.cast.wang.id, both.cast.li.id), "the gates go on"
    assert (both.known(NEW, WANG), both.known(NEW, LI)) == (both.cast.wang.id, None)
    assert both.work() == repack.Worked(0, 0, True), "a second time there is nothing to do"


def test_nothing_is_compared_across_contracts(both, database, vault, now):
    both.work()
    with database.read() as db:
        new = Galleries(vault, NEW).of(db, both.site.id)
        old = Galleries(vault, PACK).of(db, both.site.id)
    assert (new.keys, set(old.keys)) == ((both.cast.wang.id,), {both.cast.wang.id, both.cast.li.id})
    with pytest.raises(ValueError, match="cannot be compared"):
        best_match(embedding_of(WANG), new, contract_id=PACK.contract_id)
    with pytest.raises(ValueError, match="for a change to"):
        repack.work(database, vault, None, OLD_ENGINE, now=None, seconds_max=1)


def test_who_enrols_meanwhile_is_measured_by_both(both):
    both.enrol(both.cast.li.id, LI, kept=False, beside=NEW_ENGINE)
    both.work()
    assert both.progress().must_come == 0
    assert both.known(NEW, LI) == both.known(PACK, LI) == both.cast.li.id


def test_work_stops_after_its_time_and_goes_on_where_it_was(desk, database, vault, now):
    desk.enrol(desk.cast.wang.id, WANG, kept=True)
    desk.enrol(desk.cast.li.id, LI, kept=True)
    desk.start()
    ticks = iter(range(100))
    assert desk.work(1, clock=lambda: next(ticks)) == repack.Worked(1, 0, False)
    assert desk.work() == repack.Worked(1, 0, True)


def test_photographs_the_new_model_cannot_use_are_named_once_and_he_must_come(both, monkeypatch):
    monkeypatch.setattr(NEW_ENGINE, "pack", NEW)
    monkeypatch.setattr(NEW_ENGINE, "analyse", lambda image, *, purpose: Analysis((), "no_face", None, 100.0, {}), raising=False)
    assert both.work() == repack.Worked(0, 1, True)
    assert {(b.worker_id, b.fault) for b in both.progress().projects[0].must_come} == {
        (both.cast.wang.id, "no_face"), (both.cast.li.id, None),
    }
    assert both.work() == repack.Worked(0, 0, True)


def test_who_takes_his_word_back_meanwhile_gets_no_new_template(both, database, vault, settings, now):
    with database.read() as db:
        change = packs.latest(db)
        [one] = packs.next_behind(db, change, 0, 10)
    with database.write() as db:
        enrolment.withdraw_consent(db, project_id=both.site.id, worker_id=both.cast.wang.id, now=now, by="wu")
    assert repack._embed(database, vault, settings, NEW_ENGINE, change, one, now) is None
    assert both.live() == {PACK.contract_id: 1}
    assert [b.worker_id for b in both.progress().projects[0].must_come] == [both.cast.li.id]


def test_a_switch_says_who_would_be_left_and_may_be_for_later(both, now):
    both.work()
    with pytest.raises(Conflict, match="pack_change_gaps") as gaps:
        both.step("switch")
    assert gaps.value.facts == {"workers": 1}
    tonight = now + timedelta(hours=8)
    with pytest.raises(Unusable, match="pack_change_past"):
        _switch(both, now, now - timedelta(seconds=1))
    _switch(both, now, tonight)
    assert both.in_force(now) == "synthetic"
    assert both.in_force(tonight) == "synthetic-new"
    assert both.in_force(tonight, configured="synthetic-new") == "synthetic-new"
    assert both.in_force(now, configured="synthetic-new") == "synthetic"
    assert both.in_force(tonight, configured="another") == "another"


def _switch(both, now, moment=None):
    with both.database.write() as db:
        return repack.switch(db, at=moment, with_gaps=True, by="gao", now=now)


def test_there_and_back_again_loses_nothing(both, now):
    both.work()
    _switch(both, now)
    assert both.in_force() == "synthetic-new"
    with pytest.raises(Conflict, match="pack_change_switched"):
        _switch(both, now)
    both.step("roll_back")
    assert both.in_force() == "synthetic"
    with pytest.raises(Conflict, match="pack_change_not_switched"):
        both.step("roll_back")
    assert both.live() == {PACK.contract_id: 2, NEW.contract_id: 1}


def photographs(database) -> list[tuple[int, bool]]:
    with database.read() as db:
        return [(r.template_id, r.photo_sealed is not None) for r in db.execute(sa.select(FacePhoto.template_id, FacePhoto.photo_sealed).order_by(FacePhoto.id))]


def test_only_photographs_kept_with_a_workers_word_set_the_scales_of_a_quicker_pack(both, database, vault, now):
    cast = both.cast
    with database.read() as db:
        found = packs.kept_photographs(db, both.site.id, 10)
        assert [worker_id for worker_id, _ in found] == [cast.wang.id] * 2, "Li gave no word for his"
        assert len(packs.kept_photographs(db, both.site.id, 1)) == 1
        assert packs.kept_photographs(db, cast.b.id, 10) == []
    owner = f"{both.site.id}:{cast.wang.id}"
    assert all(vault.open(sealed, table="face_photo", column="photo_sealed", owner=owner).startswith(b"\xff\xd8") for _, sealed in found)
    with database.write() as db:
        people.erase_templates(db, both.site.id, cast.wang.id, "withdrawn", now)
    with database.read() as db:
        assert packs.kept_photographs(db, both.site.id, 10) == []


def test_a_finished_change_erases_the_old_templates_and_keeps_the_photographs_of_who_agreed(both, database, vault, now):
    both.work()
    with pytest.raises(Conflict, match="pack_change_not_switched"):
        repack.finish(database, configured="synthetic-new", by="gao", now=now)
    _switch(both, now)
    with pytest.raises(Conflict, match="pack_change_configured"):
        repack.finish(database, configured="synthetic", by="gao", now=now)
    assert repack.finish(database, configured="synthetic-new", by="gao", now=now) == 2
    assert repack.finish(database, configured="synthetic-new", by="gao", now=now) == 0, "called again it does what is left"
    assert both.live() == {NEW.contract_id: 1}
    with database.read() as db:
        new = db.execute(sa.select(FaceTemplate.id).where(FaceTemplate.contract_id == NEW.contract_id)).scalar_one()
        sealed = packs.photographs(db, new)
    assert [template for template, kept in photographs(database) if kept] == [new, new]
    owner = f"{both.site.id}:{both.cast.wang.id}"
    assert vault.open(sealed[0], table="face_photo", column="photo_sealed", owner=owner).startswith(b"\xff\xd8")
    assert both.in_force(configured="synthetic-new") == "synthetic-new"
    with database.read() as db:
        assert people.foreign_templates(db, both.site.id, NEW.contract_id) == 0
    # ... and the next change begins from there.
    with database.write() as db:
        repack.start(db, from_pack=NEW, to_pack=PACK, by="gao", now=now)


def test_an_abandoned_change_leaves_the_house_as_it_was(both, database, now):
    both.work()
    _switch(both, now)
    with pytest.raises(Conflict, match="pack_change_switched"):
        repack.abandon(database, by="gao", now=now)
    both.enrol(both.cast.li.id, LI, kept=True, engine=NEW_ENGINE, beside=OLD_ENGINE)
    both.step("roll_back")
    assert repack.abandon(database, by="gao", now=now) == 2
    assert both.live() == {PACK.contract_id: 2}
    assert (both.known(PACK, WANG), both.known(PACK, LI)) == (both.cast.wang.id, both.cast.li.id)
    assert sum(kept for _, kept in photographs(database)) == 4, "also of whom the new pack enrolled"
    with pytest.raises(Conflict, match="pack_change_none"):
        both.step("roll_back")


def test_one_change_at_a_time_and_none_to_the_same_templates(both, database, now):
    with pytest.raises(Conflict, match="pack_change_open"):
        both.start()
    repack.abandon(database, by="gao", now=now)
    with pytest.raises(Unusable, match="pack_change_same"), database.write() as db:
        repack.start(db, from_pack=PACK, to_pack=replace(PACK, pack_id="other"), by="gao", now=now)


def test_whoever_is_not_enrolled_for_the_pack_at_work_is_counted_once(both, database):
    both.work()
    with database.read() as db:
        assert people.foreign_templates(db, both.site.id, PACK.contract_id) == 0
        assert people.foreign_templates(db, both.site.id, NEW.contract_id) == 1


def test_a_gate_uses_the_pack_in_force_and_a_gallery_is_not_read_again_for_the_other(both, database, vault, settings, now):
    engine_and_galleries = (OLD_ENGINE, Galleries(vault, PACK))
    at_work = AtWork(vault, *engine_and_galleries)
    house = House(
        settings=settings, database=database, vault=vault, engine=OLD_ENGINE, galleries=engine_and_galleries[1],
        intake=Intake(threads=1, waiting_max=1, wait_seconds_max=1), metrics=Metrics(), at_work=at_work,
    )
    gate = Camera(house, both.site.entrance)
    assert gate.shows(draw_face(WANG), now).code == "admitted"
    with database.read() as db:
        before = engine_and_galleries[1].of(db, both.site.id)
    both.work()
    with database.read() as db:
        assert engine_and_galleries[1].of(db, both.site.id) is before
    assert at_work.set(NEW_ENGINE, OLD_ENGINE)
    then = now + timedelta(minutes=5)
    assert gate.shows(draw_face(WANG, variant=3), then).code == "admitted"
    assert gate.shows(draw_face(LI), then + timedelta(minutes=1)).code == "face_unknown", "by card until he comes"
    assert not at_work.set(NEW_ENGINE, None)


def test_a_running_service_follows_a_switch_and_the_way_back(both, database, vault, settings, now, monkeypatch):
    made = {"synthetic": SyntheticEngine, "synthetic-new": NewEngine}
    monkeypatch.setattr(main, "load_engine", lambda _settings, pack_id=None: made[pack_id]())
    app = create_app(settings.model_copy(update={"pack_id": "synthetic"}), database=database, vault=vault)
    assert not main.follow_pack(app, now)
    assert app.state.house.at_work.beside.pack is NEW
    both.work()
    _switch(both, now, now + timedelta(minutes=5))
    assert not main.follow_pack(app, now + timedelta(minutes=4))
    assert main.follow_pack(app, now + timedelta(minutes=5))
    assert app.state.engine.pack is NEW and app.state.house.now().engine.pack is NEW
    both.step("roll_back", at=now + timedelta(minutes=6))
    assert main.follow_pack(app, now + timedelta(minutes=6))
    assert app.state.engine.pack is PACK


def test_a_pack_that_does_not_load_leaves_the_gates_the_one_they_have(both, database, vault, settings, now, monkeypatch):
    def load(_settings, pack_id=None):
        if pack_id != "synthetic":
            raise RuntimeError("damaged")
        return SyntheticEngine()

    monkeypatch.setattr(main, "load_engine", load)
    app = create_app(settings.model_copy(update={"pack_id": "synthetic"}), database=database, vault=vault)
    _switch(both, now)
    assert not main.follow_pack(app, now)
    assert app.state.engine.pack.pack_id == "synthetic"


def test_the_worker_does_a_stretch_a_minute(both, database, settings, now, monkeypatch, vault):
    monkeypatch.setattr(jobs, "load_engine", lambda _settings, _pack_id: NEW_ENGINE)
    monkeypatch.setattr(jobs, "open_vault", lambda _settings: vault)
    assert jobs.run_once("repack", database, settings, now) == "1 template, 0 unusable, done"
    assert jobs.run_once("repack", database, settings, now + timedelta(minutes=2)) == "nothing to work out"


def test_the_whole_change_from_the_shell(both, database, settings, now, monkeypatch, vault):
    from typer.testing import CliRunner

    from app import cli, engines

    made = {"synthetic": SyntheticEngine, "synthetic-new": NewEngine}
    current = {"pack": "synthetic"}
    given = settings.model_copy(update={"pack_id": "synthetic"})
    monkeypatch.setattr(engines, "load_engine", lambda _settings, pack_id=None: made[pack_id]())
    monkeypatch.setattr(cli, "read_settings", lambda: given.model_copy(update={"pack_id": current["pack"]}))
    monkeypatch.setattr(cli, "now", lambda: now)
    monkeypatch.setattr("app.vault.open_vault", lambda _settings: vault)
    repack.abandon(database, by="gao", now=now)

    def muster(*arguments: str) -> str:
        done = CliRunner().invoke(cli.app, ["pack", "change", *arguments])
        if isinstance(done.exception, Conflict | Unusable):
            return done.exception.code
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output.strip()

    assert muster("start", "synthetic-new", "--by", "gao") == "synthetic -> synthetic-new: 1 can be worked out, 1 must come again"
    assert muster("run") == "1 template, 0 workers' photographs unusable"
    assert f'"must_come_worker_ids": [{both.cast.li.id}]' in muster("status", "--json")
    assert muster("switch", "--by", "gao") == "pack_change_gaps"
    assert muster("switch", "--by", "gao", "--with-gaps").startswith("synthetic-new from")
    assert muster("back", "--by", "gao") == "synthetic again"
    muster("switch", "--by", "gao", "--with-gaps")
    assert muster("finish", "--by", "gao") == "pack_change_configured"
    current["pack"] = "synthetic-new"
    assert muster("finish", "--by", "gao") == "2 old templates erased"
    assert muster("abandon", "--by", "gao") == "pack_change_none"
