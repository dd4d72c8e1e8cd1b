"""The guard lets somebody in by hand: his own fact with a reason, never a gate's passage, and no day's wage by itself."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from app import letting, papers, payroll, timekeeping
from app.errors import NotFound, Unusable
from app.store import gates, people
from tests import cast

MORNING = datetime(2026, 3, 30, 23, 5, tzinfo=UTC)
"""07:05 of the 31st on site."""


@pytest.fixture
def desk(database, vault, people_on_site, now):
    site = people_on_site.a
    with database.write() as db:
        code = papers.issue_code(db, vault, project_id=site.id, worker_id=people_on_site.wang.id, now=now, by="wu")

    def look(value=code, channel="code", at=MORNING):
        with database.read() as db:
            return letting.look(db, vault, project_id=site.id, channel=channel, value=value, now=at)

    def let(value=code, channel="code", direction="in", reason="not_recognised", note="", at=MORNING, by="ma", gate_id=None):
        gate_id = gate_id or (site.entrance if direction == "in" else site.exit).gate_id
        with database.write() as db:
            return letting.let(
                db, vault, project_id=site.id, gate_id=gate_id, channel=channel, value=value, direction=direction, reason=reason,
                note=note, by=by, now=at,
            )  # fmt: skip

    def agree(correction_id, at=MORNING + timedelta(hours=1)):
        for act, by in (("leader_ok", "chen"), ("officer_ok", "wu")):
            with database.write() as db:
                timekeeping.decide_correction(db, project_id=site.id, correction_id=correction_id, act=act, by=by, now=at)

    def on_site(at):
        with database.read() as db:
            return payroll.headcount_of(db, site.id, at).on_site


    def recent():
        with database.read() as db:
            return letting.recent(db, site.id, MORNING - timedelta(hours=8))

    return SimpleNamespace(
        look=look, let=let, agree=agree, on_site=on_site, recent=recent, code=code, site=site, wang=people_on_site.wang,
        li=people_on_site.li, zhao=people_on_site.zhao, database=database,
    )  # fmt: skip


def lines(desk, action: str) -> list:
    with desk.database.read() as db:
        return list(db.execute(sa.text("SELECT actor, object, facts FROM journal_entry WHERE action = :a ORDER BY id"), {"a": action}))


def test_a_code_at_the_desk_is_the_guards_fact_and_no_passage_of_the_gate(desk):
    before = gates_seq(desk)
    done = desk.let(reason="gate_broken")
    assert (done.worker_id, done.direction, done.channel, done.reason, done.let_by) == (desk.wang.id, "in", "code", "gate_broken", "ma")
    assert gates_seq(desk) == before, "the chain of passages is the gates' alone"
    assert [(row.actor, row.object) for row in lines(desk, "manual_passage.in")] == [("ma", f"worker:{desk.wang.id}")]


def gates_seq(desk) -> int:
    with desk.database.read() as db:
        return gates.last_seq(db, desk.site.id)


def test_it_counts_when_leader_and_officer_agreed_and_not_before(desk):
    done = desk.let()
    noon = MORNING + timedelta(hours=4)
    assert desk.on_site(noon) == () and [one.state for one in desk.recent()] == ["requested"]
    desk.agree(done.correction_id)
    assert desk.on_site(noon) == (desk.wang.id,) and [one.state for one in desk.recent()] == ["approved"]
    with desk.database.read() as db:
        asked = timekeeping.pending(db, desk.site.id)
        told = {c.id: c for c in timekeeping.of_month(db, desk.site.id, date(2026, 3, 1))}[done.correction_id]
    assert asked == () and (told.kind, told.reason, told.in_at, told.requested_by) == ("missing_in", "let_in", MORNING, "ma")


def test_the_guard_does_not_agree_to_his_own_word(desk):
    done = desk.let(by="chen")
    with pytest.raises(Exception, match="correction_same_person"), desk.database.write() as db:
        timekeeping.decide_correction(db, project_id=desk.site.id, correction_id=done.correction_id, act="leader_ok", by="chen", now=MORNING)


def test_pressed_twice_is_let_in_once(desk):
    first, again = desk.let(), desk.let(at=MORNING + timedelta(seconds=50))
    assert again == first and len(desk.recent()) == 1
    assert desk.let(at=MORNING + timedelta(minutes=5)).id != first.id


def test_whoever_comes_by_code_every_day_reaches_no_limit(desk):
    for day in range(8):
        assert desk.let(at=MORNING - timedelta(days=day)).worker_id == desk.wang.id


def test_who_was_let_in_by_hand_is_asked_for_in_two_statements_however_many_there_are(desk):
    done = [desk.let(at=MORNING + timedelta(minutes=5 * n), direction=("in", "out")[n % 2]) for n in range(6)]
    desk.agree(done[0].correction_id)
    with desk.database.read() as db:
        asked, bind = [], db.get_bind()
        hear = lambda _c, _cursor, statement, *_: asked.append(statement)  # noqa: E731
        sa.event.listen(bind, "before_cursor_execute", hear)
        try:
            told = letting.recent(db, desk.site.id, MORNING - timedelta(hours=8))
        finally:
            sa.event.remove(bind, "before_cursor_execute", hear)
    assert [(one.fact, one.state) for one in told] == [(one, "approved" if one is done[0] else "requested") for one in done[::-1]]
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 2


def test_nobodys_code_lets_nobody_in_and_leaves_a_line(desk):
    said = desk.let(value="00000000")
    assert (said.worker_id, said.code, said.may) == (None, "credential_unknown", False)
    assert desk.recent() == [] and len(lines(desk, "manual_passage.refused")) == 1
    assert "00000000" not in str(lines(desk, "manual_passage.refused"))


def test_who_has_left_is_refused_by_name_and_who_was_never_here_is_nobody(desk):
    with desk.database.write() as db:
        people.exit_engagement(db, desk.wang.engagement_id, date(2026, 3, 20))
    said = desk.let()
    assert (said.worker_id, said.code) == (desk.wang.id, "engagement_over")
    stranger = desk.look(value=cast.ZHAO_ID, channel="id_card")
    assert (stranger.worker_id, stranger.code) == (None, "not_engaged"), "who works elsewhere is none of this project's business"
    assert desk.look(value=cast.LI_ID.lower(), channel="id_card").worker_id == desk.li.id


def test_a_number_is_read_with_the_spaces_people_put_in(desk):
    spaced = " ".join((desk.code[:4], desk.code[4:])) + " "
    assert desk.look(value=spaced).worker_id == desk.wang.id


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"channel": "face"}, "desk_channel_unknown"), ({"value": "  "}, "desk_value_missing"), ({"value": "9" * 65}, "desk_value_missing"),
        ({"value": "12\x0034"}, "desk_value_missing"), ({"direction": "both"}, "desk_direction_wrong"), ({"reason": "likes_him"}, "desk_reason_unknown"),
        ({"reason": "other"}, "desk_note_needed"), ({"note": "x" * 3000}, "text_long"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(desk, changed, code):
    with pytest.raises(Unusable) as refused:
        desk.let(gate_id=desk.site.entrance.gate_id, **changed)
    assert refused.value.code == code and desk.recent() == []


def test_a_lane_of_another_project_is_none(desk, people_on_site):
    with pytest.raises(NotFound):
        desk.let(gate_id=people_on_site.b.entrance.gate_id)
    with pytest.raises(Unusable) as refused:
        desk.let(gate_id=desk.site.exit.gate_id)
    assert refused.value.code == "desk_direction_wrong", "nobody comes in by the exit"


def test_an_exit_by_hand_ends_the_night_it_began_in(desk):
    evening, dawn = datetime(2026, 3, 30, 12, 0, tzinfo=UTC), datetime(2026, 3, 30, 21, 30, tzinfo=UTC)
    with desk.database.write() as db:
        cast.pass_through(db, desk.site, "in", desk.wang.id, evening)
    assert desk.look(at=dawn).inside
    out = desk.let(direction="out", at=dawn)
    with desk.database.read() as db:
        [asked] = timekeeping.pending(db, desk.site.id)
    assert (asked.id, asked.kind, asked.work_date) == (out.correction_id, "missing_out", date(2026, 3, 30))
    assert not desk.look(at=dawn + timedelta(minutes=5)).inside, "he is out, as the guard says"


def test_who_was_let_in_by_hand_is_inside_for_the_guard(desk):
    desk.let()
    assert desk.look(at=MORNING + timedelta(hours=3)).inside
    assert not desk.look(at=MORNING + timedelta(days=1)).inside


def test_nobody_asks_for_that_reason_by_a_form(desk):
    with pytest.raises(Unusable) as refused, desk.database.write() as db:
        timekeeping.request_correction(
            db, project_id=desk.site.id, worker_id=desk.wang.id, work_date=date(2026, 3, 31), kind="missing_in", in_at=MORNING,
            reason="let_in", by="wu", now=MORNING,
        )
    assert refused.value.code == "correction_reason_unknown"
