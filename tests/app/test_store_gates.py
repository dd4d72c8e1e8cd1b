"""Passages: recorded once each, in a line without gaps, and never changed unnoticed."""

import threading
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from app.domain import chain
from app.domain.facts import Channel, Direction, Verdict
from app.errors import Conflict, NotFound
from app.store import gates, money, people
from app.store.gates import AlreadyRecorded
from app.tables import PassageRow
from tests.cast import pass_through

HOUR = timedelta(hours=1)


def faults(database, project_id, held=None):
    with database.read() as db:
        return [(f.seq, f.kind) for f in gates.verify_chain(db, project_id, held)]


@pytest.fixture
def ten(database, people_on_site, now):
    """Ten passages of Wang on project A; returns the cast."""
    cast = people_on_site
    with database.write() as db:
        for number in range(10):
            pass_through(db, cast.a, "in" if number % 2 == 0 else "out", cast.wang.id, now + number * HOUR)
    return cast


# --- recorded once -----------------------------------------------------------------------------------------


def test_what_is_recorded_comes_back_as_it_was(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        given = gates.add_passage(
            db, project_id=cast.a.id, device_id=cast.a.entrance.device_id, gate_id=cast.a.entrance.gate_id,
            direction=Direction.IN, event_key="e1", content_sha256="0" * 64, worker_id=cast.wang.id,
            channel=Channel.FACE, verdict=Verdict.ADMIT, code="admitted",
            captured_at=now.astimezone(timezone(timedelta(hours=8))), received_at=now, occurred_at=now,
            similarity=1, margin=0.1 + 0.2, similarity_min=0.4, margin_min=1e-17, contract_id="c",
            quality={"sharpness": 0.1, "清晰": [1, 2.0, None]})
    with database.read() as db:
        assert gates.passage_by_event(db, cast.a.entrance.device_id, "e1") == given
        assert gates.passages_after(db, cast.a.id, 0, 10) == [given]
        assert gates.head(db, cast.a.id) == (1, given.hash)
        assert gates.last_seq(db, cast.a.id) == 1
    assert given.seq == 1
    assert given.prev_hash == chain.GENESIS
    assert faults(database, cast.a.id) == []


def test_an_event_sent_again_is_the_same_passage(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        first = pass_through(db, cast.a, "in", cast.wang.id, now, event_key="e1")
        with pytest.raises(AlreadyRecorded) as again:
            pass_through(db, cast.a, "in", cast.wang.id, now + HOUR, event_key="e1")
        assert again.value.record == first
        # The transaction goes on.
        second = pass_through(db, cast.a, "in", cast.wang.id, now + HOUR, event_key="e2")
        # Another device may use the same key.
        third = pass_through(db, cast.a, "out", cast.wang.id, now + 2 * HOUR, event_key="e1")
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]


def test_a_passage_of_no_project_is_refused(database, people_on_site, now):
    with pytest.raises(NotFound), database.write() as db:
        gates.add_passage(
            db, project_id=99, device_id="x", gate_id=1, direction="in", event_key="e", content_sha256="", worker_id=None,
            channel="face", verdict="refuse", code="x", captured_at=None, received_at=now, occurred_at=now)


def test_eight_gates_at_once_leave_no_gap_and_no_twin(database, people_on_site, now):
    cast = people_on_site
    events = [f"e{n}" for n in range(25)]
    done, trouble = [], []

    def gate(shift: int) -> None:
        # Everyone sends every event, each beginning elsewhere: the worst an impatient network can do.
        for event_key in events[shift * 3 :] + events[: shift * 3]:
            try:
                with database.write() as db:
                    done.append(pass_through(db, cast.a, "in", cast.wang.id, now, event_key=event_key).seq)
            except AlreadyRecorded:
                pass
            except Exception as error:  # noqa: BLE001 - a thread's error must reach the test
                trouble.append(error)

    threads = [threading.Thread(target=gate, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert sorted(done) == list(range(1, 26))
    with database.read() as db:
        found = gates.passages_after(db, cast.a.id, 0, 1000)
    assert [p.seq for p in found] == list(range(1, 26))
    assert {p.event_key for p in found} == set(events)
    assert faults(database, cast.a.id) == []


def test_a_picture_seen_before_is_found_without_walking_along_all_passages(database, people_on_site, now):
    # Every new picture is asked for while the write lock is held: on a site's third year as quickly as on its first day.
    cast = people_on_site
    with database.write() as db:
        first = pass_through(db, cast.a, "in", cast.wang.id, now, event_key="bootboot:1", frame_sha256="ab" * 32)
        pass_through(db, cast.a, "in", cast.wang.id, now, event_key="bootboot:2", frame_sha256="ab" * 32)
        pass_through(db, cast.b, "in", cast.zhao.id, now, event_key="bootboot:3", frame_sha256="cd" * 32)
    asked = []
    with database.read() as db:
        bind = db.get_bind()
        hear = lambda *said: asked.append(said[2:4])  # noqa: E731
        sa.event.listen(bind, "before_cursor_execute", hear)
        try:
            assert gates.passage_by_frame(db, cast.a.id, "ab" * 32) == first.id
        finally:
            sa.event.remove(bind, "before_cursor_execute", hear)
        assert gates.passage_by_frame(db, cast.a.id, "cd" * 32) is None
        if bind.dialect.name == "sqlite":
            statement, values = asked[-1]
            plan = db.connection().exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values).fetchall()
            assert [row[-1] for row in plan] == [
                "SEARCH passage USING COVERING INDEX ix_passage_frame (project_id=? AND frame_sha256=?)"
            ]


def test_projects_have_chains_of_their_own(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        pass_through(db, cast.a, "in", cast.wang.id, now)
        pass_through(db, cast.b, "in", cast.zhao.id, now)
        pass_through(db, cast.a, "out", cast.wang.id, now)
    with database.read() as db:
        assert [gates.last_seq(db, site.id) for site in (cast.a, cast.b)] == [2, 1]
        assert {p.worker_id for p in gates.passages_after(db, cast.b.id, 0, 10)} == {cast.zhao.id}
        assert {p.worker_id for p in gates.passages(db, cast.b.id, None, now + HOUR)} == {cast.zhao.id}
    assert faults(database, cast.a.id) == faults(database, cast.b.id) == []


def test_a_transaction_that_fails_leaves_no_hole(database, people_on_site, now):
    cast = people_on_site
    with pytest.raises(RuntimeError), database.write() as db:
        pass_through(db, cast.a, "in", cast.wang.id, now)
        raise RuntimeError
    with database.write() as db:
        assert pass_through(db, cast.a, "in", cast.wang.id, now).seq == 1


# --- changed unnoticed? ------------------------------------------------------------------------------------

TAMPERING = [
    ("another man", "UPDATE passage SET worker_id = {li} WHERE seq = 4", [(4, "edited")]),
    ("a refusal that becomes an admission", "UPDATE passage SET code = 'x', verdict = 'refuse' WHERE seq = 1", [(1, "edited")]),
    ("another salt", "UPDATE passage SET salt = prev.salt FROM (SELECT salt FROM passage WHERE seq = 3) prev WHERE seq = 5", [(5, "edited")]),
    ("a row gone", "DELETE FROM passage WHERE seq = 4", [(4, "missing")]),
    ("three rows gone", "DELETE FROM passage WHERE seq IN (4, 5, 6)", [(4, "missing")]),
    ("the first row gone", "DELETE FROM passage WHERE seq = 1", [(1, "missing")]),
    ("the last rows gone", "DELETE FROM passage WHERE seq >= 9", [(9, "truncated")]),
    ("everything gone", "DELETE FROM passage", [(1, "truncated")]),
    ("the end moved back", "UPDATE chain_head SET seq = 9 WHERE project_id = {a}", [(10, "inserted")]),
    ("another end", "UPDATE chain_head SET hash = '{zero}' WHERE project_id = {a}", [(10, "head_wrong")]),
    ("the end gone", "DELETE FROM chain_head WHERE project_id = {a}", [(10, "head_missing")]),
    ("a hash that is none", "UPDATE passage SET prev_hash = 'nonsense' WHERE seq = 6", [(6, "relinked"), (6, "edited")]),
]


@pytest.mark.parametrize(("statement", "expected"), [t[1:] for t in TAMPERING], ids=[t[0] for t in TAMPERING])
def test_whoever_touches_a_passage_is_found_out(database, ten, behind_the_walls, statement, expected):
    assert faults(database, ten.a.id) == []
    behind_the_walls(statement.format(li=ten.li.id, a=ten.a.id, zero="0" * 64))
    assert faults(database, ten.a.id) == expected


def test_two_passages_that_changed_places_are_found_out(database, ten, behind_the_walls):
    behind_the_walls("UPDATE passage SET seq = -seq WHERE seq IN (4, 7)")
    behind_the_walls("UPDATE passage SET seq = CASE seq WHEN -4 THEN 7 ELSE 4 END WHERE seq < 0")
    assert {seq for seq, _ in faults(database, ten.a.id)} >= {4, 7}


def test_a_passage_put_in_later_is_found_out(database, ten, behind_the_walls):
    columns = [c.name for c in PassageRow.__table__.c if c.name not in ("id", "seq", "event_key")]
    behind_the_walls(
        f"INSERT INTO passage (id, seq, event_key, {', '.join(columns)}) "
        f"SELECT 1000, 11, 'forged', {', '.join(columns)} FROM passage WHERE seq = 10")
    assert {kind for seq, kind in faults(database, ten.a.id) if seq == 11} == {"relinked", "edited", "inserted"}


@pytest.mark.parametrize("column", [c.name for c in PassageRow.__table__.c if c.name != "id"])
def test_no_column_of_a_passage_can_be_changed_unnoticed(database, ten, behind_the_walls, column):
    kind = PassageRow.__table__.c[column].type
    if isinstance(kind, sa.LargeBinary):
        value = "X'00'" if database.engine.dialect.name == "sqlite" else "'\\x00'"
    elif isinstance(kind, sa.Float | sa.BigInteger | sa.Integer) or column in ("seq", "project_id", "gate_id", "worker_id"):
        value = "98"
    elif "at" in column.split("_"):
        value = "'2026-04-01 00:00:00.000001'"
    elif column in ("quality", "basis"):
        value = "'{\"a\": 1}'"
    else:
        value = "'othr'"
    behind_the_walls(f"UPDATE passage SET {column} = {value} WHERE seq = 5")
    assert {seq for seq, _ in faults(database, ten.a.id)} & {5, 98}


def test_a_chain_written_anew_fails_against_the_head_that_was_given_away(database, ten, behind_the_walls):
    with database.read() as db:
        held = gates.head(db, ten.a.id)
        rows = gates.passages_after(db, ten.a.id, 0, 100)
    last = chain.GENESIS
    for row in rows:
        fields = {name: getattr(row, name) for name in gates._CHAINED}
        fields["worker_id"] = ten.li.id
        fresh = chain.link(last, row.seq, "passage", chain.commitment(row.salt, gates.committed(fields)))
        behind_the_walls(
            f"UPDATE passage SET worker_id = {ten.li.id}, prev_hash = '{last}', hash = '{fresh}' WHERE id = {row.id}")
        last = fresh
    behind_the_walls(f"UPDATE chain_head SET hash = '{last}' WHERE project_id = {ten.a.id}")
    assert faults(database, ten.a.id) == []
    assert faults(database, ten.a.id, held) == [(10, "rewritten")]


OF_0002 = (
    "project_id", "device_id", "gate_id", "direction", "event_key", "content_sha256", "worker_id", "channel", "verdict", "code",
    "captured_at", "received_at", "occurred_at", "similarity", "margin", "similarity_min", "margin_min", "contract_id", "quality",
)  # fmt: skip
"""What a link committed to before passages kept their picture's digest, liveness and basis."""


@pytest.mark.parametrize(
    "filled", ["frame_sha256 = 'f'", "liveness = 0.99", "liveness_min = 0.1", "basis = '{\"votes\": 9}'"]
)
def test_passages_of_an_older_muster_verify_and_cannot_be_filled_in(database, ten, behind_the_walls, filled):
    with database.read() as db:
        rows = gates.passages_after(db, ten.a.id, 0, 100)
    last = chain.GENESIS
    for row in rows:
        old = {name: getattr(row, name) for name in OF_0002}
        fresh = chain.link(last, row.seq, "passage", chain.commitment(row.salt, old))
        assert fresh == row.hash, "an empty field that came later changes nothing"
        last = fresh
    assert faults(database, ten.a.id) == []
    behind_the_walls(f"UPDATE passage SET {filled} WHERE seq = 3")
    assert faults(database, ten.a.id) == [(3, "edited")]


# --- the walls ---------------------------------------------------------------------------------------------


FIRST_HOUSE = ("passage", "passage_review", "payment", "consent", "finding_decision", "journal_entry")
"""Those that came later are tried in test_walls.py."""


@pytest.mark.parametrize("table", FIRST_HOUSE)
def test_facts_are_never_changed_or_deleted(database, ten, now, table):
    cast = ten
    with database.write() as db:
        asked = pass_through(db, cast.a, "in", cast.wang.id, now, verdict="ask", code="needs_confirmation", event_key="ask")
        gates.add_review(db, project_id=cast.a.id, passage_id=asked.id, confirmed=True, by="ma", now=now)
        money.add_payment(
            db, project_id=cast.a.id, worker_id=cast.wang.id, amount_fen=1, paid_on=date(2026, 3, 31),
            for_month=date(2026, 3, 1), channel="bank", reference=None, reverses_id=None, idempotency_key="k" * 8,
            recorded_by="wu", now=now)
        people.add_consent(
            db, worker_id=cast.wang.id, project_id=cast.a.id, act="give", scope=[], notice_version="1", method="paper",
            at=now, recorded_by="wu", now=now)
        db.execute(sa.text(
            "INSERT INTO finding (project_id, key, rule, severity, subject_kind, subject_id, month, evidence, facts, "
            "evidence_digest, first_seen_at, last_seen_at) VALUES (:p, 'k', 'r', 'red', 'worker', 1, '2026-03-01', "
            "'[]', '{}', 'd', '2026-03-31 12:00:00', '2026-03-31 12:00:00')"), {"p": cast.a.id})
        db.execute(sa.text(
            "INSERT INTO finding_decision (finding_id, evidence_digest, state, note, decided_by, decided_at) "
            "SELECT id, 'd', 's', 'n', 'wu', '2026-03-31 12:00:00' FROM finding"))
        db.execute(sa.text(
            "INSERT INTO journal_entry (at, actor, action, object, facts) VALUES ('2026-03-31 12:00:00', 'wu', 'x', 'y', '{}')"))
    statements = [f"UPDATE {table} SET id = id", f"DELETE FROM {table}"]
    if database.engine.dialect.name == "postgresql":
        statements.append(f"TRUNCATE {table} CASCADE")
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), database.write() as db:
            assert db.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one() > 0
            db.execute(sa.text(statement))


@pytest.mark.parametrize("values", [{"seq": 12}, {"seq": 5}, {"prev_hash": "0" * 64}, {"project_id": 99}])
def test_a_passage_that_does_not_continue_the_chain_is_refused(database, ten, values):
    with pytest.raises(DBAPIError), database.write() as db:
        last = dict(db.execute(sa.select(PassageRow.__table__).where(PassageRow.seq == 10)).one()._mapping)
        last |= {"id": None, "seq": 11, "prev_hash": last["hash"], "event_key": "forged", **values}
        del last["id"]
        db.execute(sa.insert(PassageRow.__table__).values(**last))


@pytest.mark.parametrize("statement", [
    "UPDATE chain_head SET seq = seq - 1", "UPDATE chain_head SET seq = seq + 1",
    "UPDATE chain_head SET hash = 'x'", "DELETE FROM chain_head"])
def test_the_end_of_a_chain_moves_with_its_passages_only(database, ten, statement):
    with pytest.raises(DBAPIError, match="end of a chain"), database.write() as db:
        db.execute(sa.text(statement))


# --- reviews, devices, nonces ------------------------------------------------------------------------------


def test_a_passage_that_asked_counts_when_a_person_confirmed_it(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        plain = pass_through(db, cast.a, "out", cast.wang.id, now)
        yes = pass_through(db, cast.a, "in", cast.wang.id, now, verdict="ask", code="needs_confirmation")
        no = pass_through(db, cast.a, "in", cast.li.id, now, verdict="ask", code="needs_confirmation")
        open_ = pass_through(db, cast.a, "in", cast.zhao.id, now, verdict="ask", code="needs_confirmation")
        gates.add_review(db, project_id=cast.a.id, passage_id=yes.id, confirmed=True, by="ma", now=now)
        gates.add_review(db, project_id=cast.a.id, passage_id=no.id, confirmed=False, by="ma", now=now)
        with pytest.raises(Conflict) as decided:
            gates.add_review(db, project_id=cast.a.id, passage_id=yes.id, confirmed=False, by="ma", now=now)
        with pytest.raises(Conflict) as not_asking:
            gates.add_review(db, project_id=cast.a.id, passage_id=plain.id, confirmed=True, by="ma", now=now)
        with pytest.raises(NotFound):
            gates.add_review(db, project_id=cast.b.id, passage_id=open_.id, confirmed=True, by="ma", now=now)
    assert (decided.value.code, not_asking.value.code) == ("passage_decided", "passage_not_asking")
    with database.read() as db:
        counts = {p.id: p.counts for p in gates.passages(db, cast.a.id, None, now + HOUR)}
        assert [p.id for p in gates.asking(db, cast.a.id)] == [open_.id]
    assert counts == {yes.id: True, no.id: False, open_.id: False, plain.id: True}


def test_passages_come_in_the_order_they_happened(database, people_on_site, now):
    cast = people_on_site
    with database.write() as db:
        late = pass_through(db, cast.a, "out", cast.wang.id, now + HOUR)
        early = pass_through(db, cast.a, "in", cast.wang.id, now)
        at_end = pass_through(db, cast.a, "in", cast.wang.id, now + 2 * HOUR)
    with database.read() as db:
        assert [p.id for p in gates.passages(db, cast.a.id, now, now + 2 * HOUR)] == [early.id, late.id]
        assert [p.id for p in gates.passages(db, cast.a.id, now + HOUR, now + 3 * HOUR)] == [late.id, at_end.id]
        assert [p.id for p in gates.passages_after(db, cast.a.id, 1, 1)] == [early.id]


def test_a_signed_request_is_good_once(database, people_on_site, now):
    a, b = people_on_site.a.entrance.device_id, people_on_site.b.entrance.device_id
    with database.write() as db:
        assert gates.use_nonce(db, a, "n1", now)
        assert not gates.use_nonce(db, a, "n1", now + HOUR)
        assert gates.use_nonce(db, b, "n1", now)
        assert gates.nonce_seen(db, a, "n1")
        assert not gates.nonce_seen(db, a, "n2")
        assert gates.purge_nonces(db, now) == 0
        assert gates.purge_nonces(db, now + HOUR) == 2
        assert gates.use_nonce(db, a, "n1", now)


def test_a_gate_is_given_a_new_key_while_the_old_one_still_works(database, people_on_site, now):
    id_ = people_on_site.a.entrance.device_id
    with database.write() as db:
        first = gates.device(db, id_).key_sealed
        gates.rotate_device_key(db, id_, b"second")
        assert (gates.device(db, id_).key_sealed, gates.device(db, id_).key_previous_sealed) == (b"second", first)
        gates.rotate_device_key(db, id_, b"third")
        assert gates.device(db, id_).key_previous_sealed == b"second"
        gates.forget_previous_key(db, id_, b"second")
        assert gates.device(db, id_).key_previous_sealed == b"second", "a newer key came meanwhile"
        gates.forget_previous_key(db, id_, gates.device(db, id_).key_sealed)
        assert gates.device(db, id_).key_previous_sealed is None
        gates.seen(db, id_, now)
        gates.seen(db, id_, now - HOUR)
        assert gates.device(db, id_).last_seen_at == now
        gates.disable_device(db, id_, now)
        assert gates.device(db, id_).disabled_at == now
        assert gates.find_device(db, "nobody") is None
        for unknown in (lambda: gates.device(db, "nobody"), lambda: gates.rotate_device_key(db, "nobody", b"")):
            with pytest.raises(NotFound):
                unknown()
        with pytest.raises(NotFound):
            gates.add_device(db, device_id="new", project_id=people_on_site.b.id, gate_id=people_on_site.a.entrance.gate_id,
                             name="x", key_sealed=b"", now=now)
        with pytest.raises(Conflict):
            gates.add_gate(db, project_id=people_on_site.a.id, name="大门入口", direction="in")


def test_a_worker_stands_at_the_gate_as_his_papers_say(database, people_on_site, now):
    cast = people_on_site
    today = date(2026, 3, 31)
    with database.write() as db:
        assert gates.standing(db, cast.a.id, cast.wang.id, today).engaged
        assert not gates.standing(db, cast.a.id, cast.zhao.id, today).engaged
        assert not gates.standing(db, cast.a.id, cast.wang.id, date(2026, 2, 28)).engaged
        people.exit_engagement(db, cast.wang.engagement_id, today)
        left = gates.standing(db, cast.a.id, cast.wang.id, today)
        assert (left.engaged, left.exited) == (False, True)
        assert gates.standing(db, cast.a.id, cast.wang.id, date(2026, 3, 30)).engaged
        for act, withdrawn in (("give", False), ("withdraw", True), ("give", False)):
            people.add_consent(db, worker_id=cast.li.id, project_id=cast.a.id, act=act, scope=["capture", "template"],
                               notice_version="1", method="paper", at=now, recorded_by="wu", now=now)
            assert gates.standing(db, cast.a.id, cast.li.id, today).consent_withdrawn is withdrawn


def test_no_name_and_no_key_shows_in_what_the_store_gives(database, people_on_site):
    with database.read() as db:
        shown = repr([people.worker(db, people_on_site.wang.id), people.workers(db, people_on_site.a.id, today=date(2026, 3, 31)),
                      gates.devices(db, people_on_site.a.id)])
    assert "王建国" not in shown
    assert "sealed" not in shown


# --- the canonical form ------------------------------------------------------------------------------------

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8)


@effort(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(), values, max_size=5), st.randoms())
@example({"a": 1, "b": [-0.0, 1e300, 5e-324]}, None)
def test_the_same_facts_are_written_the_same_way(fields, random):
    import json

    names = list(fields)
    if random is not None:
        random.shuffle(names)
    assert chain.canonical({n: fields[n] for n in names}) == chain.canonical(fields)
    assert chain.canonical(json.loads(chain.canonical(fields))) == chain.canonical(fields)


def test_an_instant_is_written_in_utc_whatever_it_was_said_in():
    utc = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert chain.canonical({"at": utc}) == b'{"at":"2026-03-31T12:00:00.000000Z"}'
    assert chain.canonical({"at": utc.astimezone(timezone(timedelta(hours=8)))}) == chain.canonical({"at": utc})
    with pytest.raises(TypeError):
        chain.canonical({"at": utc.replace(tzinfo=None)})
    with pytest.raises(ValueError):
        chain.canonical({"x": float("nan")})


def test_a_link_is_what_it_was_in_the_first_release():
    # Chains of years ago must verify: a change of these bytes is a change of every site's history.
    committed = chain.commitment(bytes(16), {"worker_id": 1, "code": "admitted"})
    assert chain.link(chain.GENESIS, 1, "passage", committed) == "457375ce5ca2bebc0585318293b599b199a3950ef960dbf1866410040d00c1f4"
