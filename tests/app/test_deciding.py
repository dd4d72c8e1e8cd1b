"""The rules of a project's gates: who may say them is tried elsewhere; what makes sense, and what they looked like, here."""

from datetime import timedelta

import pytest

from app import deciding
from app.errors import Conflict, NotFound, Unusable
from app.settings import Settings
from app.store import accounts, decisions, gates
from app.store.decisions import PolicyRow
from tests.cast import pass_through

SERVICE = Settings(environment="test", stranger_max=0.02, votes_min=3)


def say(database, site, now, *, ready=False, **said):
    with database.write() as db:
        return deciding.set_policy(db, SERVICE, project_id=site.id, said=PolicyRow(**said), liveness_ready=ready, now=now, by="chen")


def test_a_project_without_a_word_of_its_own_has_the_services(database, people_on_site):
    with database.read() as db:
        rules, said = deciding.policy(db, SERVICE, people_on_site.a.id)
    assert (rules.stranger_max, rules.votes_min, rules.liveness, rules.replay) == (0.02, 3, "off", "enforce")
    assert said == PolicyRow()


def test_a_projects_own_word_holds_there_only_and_who_said_it_is_kept(database, people_on_site, now):
    rules = say(database, people_on_site.a, now, stranger_max=0.001, replay="observe")
    assert (rules.stranger_max, rules.votes_min, rules.replay) == (0.001, 3, "observe")
    say(database, people_on_site.a, now, votes_min=1)
    with database.read() as db:
        assert decisions.policy(db, people_on_site.a.id) == PolicyRow(votes_min=1), "what is left out goes back"
        assert decisions.policy(db, people_on_site.b.id) == PolicyRow()
        line = accounts.journal_lines(db, people_on_site.a.id)[0]
    assert (line.actor, line.action) == ("chen", "decision_policy.set") and line.facts["before"]["stranger_max"] == 0.001 and line.facts["after"]["votes_min"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"stranger_max": 0.0}, {"stranger_max": 0.5}, {"stranger_max": float("nan")}, {"votes_min": 0}, {"votes_min": 9},
        {"track_seconds": 0.0}, {"track_seconds": 31.0}, {"liveness": "maybe"}, {"replay": ""},
    ],
)  # fmt: skip
def test_a_rule_out_of_its_range_is_refused(database, people_on_site, now, wrong):
    with pytest.raises(Unusable, match="decision_policy_wrong"):
        say(database, people_on_site.a, now, **wrong)


def test_liveness_is_not_enforced_where_nothing_could_say_who_is_alive(database, people_on_site, now):
    with pytest.raises(Conflict, match="liveness_not_ready"):
        say(database, people_on_site.a, now, liveness="enforce")
    assert say(database, people_on_site.a, now, liveness="observe").liveness == "observe"
    assert say(database, people_on_site.a, now, liveness="enforce", ready=True).liveness == "enforce"
    with database.read() as db:
        assert decisions.enforcing(db, "liveness") == [people_on_site.a.id]


@pytest.mark.parametrize(("word", "projects"), [("enforce", []), ("off", [4])])
def test_a_service_that_promises_liveness_without_a_model_does_not_start(word, projects):
    settings = Settings(environment="test", liveness=word)
    with pytest.raises(deciding.LivenessNotReady, match="muster liveness add"):
        deciding.check_liveness(settings, projects, ready=False)
    deciding.check_liveness(settings, projects, ready=True)


@pytest.mark.parametrize("word", ["off", "observe"])
def test_a_service_that_promises_nothing_starts_without_a_model(word):
    deciding.check_liveness(Settings(environment="test", liveness=word), [], ready=False)


def test_an_unknown_project_or_gate_is_not_found(database, people_on_site, now):
    with pytest.raises(NotFound), database.read() as db:
        deciding.policy(db, SERVICE, 999)
    with pytest.raises(NotFound, match="gate_unknown"), database.write() as db:
        deciding.set_face_px(
            db, project_id=people_on_site.a.id, gate_id=people_on_site.b.entrance.gate_id, face_px_min=90, now=now, by="chen"
        )


@pytest.mark.parametrize("wrong", [0, 5, 5000])
def test_a_face_of_no_sensible_size_is_refused(database, people_on_site, now, wrong):
    with pytest.raises(Unusable), database.write() as db:
        deciding.set_face_px(
            db, project_id=people_on_site.a.id, gate_id=people_on_site.a.entrance.gate_id, face_px_min=wrong, now=now, by="chen"
        )


def test_the_inspector_sees_what_every_gate_answered_and_no_name(database, people_on_site, now):
    site = people_on_site.a
    with database.write() as db:
        for n, (similarity, liveness, code) in enumerate([(0.62, 0.97, "admitted"), (0.31, 0.12, "face_unknown"), (-0.2, None, "replay")]):
            gates.add_passage(
                db, project_id=site.id, device_id=site.entrance.device_id, gate_id=site.entrance.gate_id, direction="in",
                event_key=f"s{n}", content_sha256="0" * 64, worker_id=None, channel="face", verdict="refuse", code=code,
                captured_at=None, received_at=now, occurred_at=now, similarity=similarity, liveness=liveness,
                basis={"liveness": {"state": "live" if liveness else "failed", "model": "m@1"}, **({"same_picture_as": 1} if n == 2 else {})},
            )  # fmt: skip
        pass_through(db, site, "out", people_on_site.wang.id, now)
    with database.read() as db:
        found = deciding.scores(db, site.id, now - timedelta(days=1), now + timedelta(seconds=1))
    entrance = next(gate for gate in found if gate.gate_id == site.entrance.gate_id)
    assert entrance.frames == 3 and entrance.codes == {"admitted": 1, "face_unknown": 1, "replay": 1}
    assert {at: n for at, n in enumerate(entrance.similarity) if n} == {0: 1, 6: 1, 12: 1}
    assert {at: n for at, n in enumerate(entrance.liveness) if n} == {2: 1, 19: 1}
    assert entrance.liveness_states == {"live": 2, "failed": 1} and entrance.liveness_models == {"m@1": 3}
    assert entrance.repeated_pictures == 1
    with database.read() as db:
        assert all(gate.frames == 0 for gate in deciding.scores(db, site.id, now - timedelta(days=2), now))


@pytest.mark.parametrize("days", [0, -1, 40])
def test_scores_of_no_time_or_of_too_long_a_time_are_refused(database, people_on_site, now, days):
    with pytest.raises(Unusable, match="scores_range_wrong"), database.read() as db:
        deciding.scores(db, people_on_site.a.id, now, now + timedelta(days=days))
