"""Live screens follow the database: nothing is missed, nothing is told twice, and a kind of screen is rendered once."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app import gate as gate_uses
from app import review
from app.errors import Busy
from app.pages import gate, live, today
from app.pages import screen as screen_page
from app.pages.kinds import Kind
from app.pages.live import Live, _Stream
from app.store import gates
from tests.cast import pass_through


@pytest.fixture
def follow(database, clock, monkeypatch):
    """(kind, after) -> a stream's events as (name, number, data), of one process."""
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(live, "WHOLE_SECONDS", 0.05)
    monkeypatch.setattr(live, "COUNT_SECONDS", 0.0)
    monkeypatch.setattr(live, "RESTS", 0)
    made: list[Live] = []

    async def open_(kind: Kind, after: int, *, may=lambda _db, _now: True, who="ma") -> AsyncIterator[tuple]:
        if not made:
            made.append(Live(database, clock))
        with database.read() as db:
            reached = gates.last_seq(db, kind.project_id)
        async with contextlib.aclosing(made[0].events(_Stream(kind, may, who), after, reached)) as events:
            async for raw in events:
                told = dict(line.split(": ", 1) for line in raw.decode().strip().split("\r\n"))
                yield told["event"], int(told["id"]) if "id" in told else None, json.loads(told["data"])

    open_.live = made
    return open_


def desk(site, **more) -> Kind:
    return Kind("desk", site.id, "zh", **{"confirm": True, **more})


def passes(database, site, worker_id, at, **told) -> int:
    with database.write() as db:
        return pass_through(db, site, told.pop("direction", "in"), worker_id, at, **told).seq


async def until(stream, wanted, most: float = 5.0) -> list:
    """What a stream says until ``wanted`` holds of all of it."""
    heard = []
    async with asyncio.timeout(most):
        async for told in stream:
            heard.append(told)
            if wanted(heard):
                return heard
    raise AssertionError(f"the stream ended: {[name for name, *_ in heard]}")


ASKS = {"verdict": "ask", "code": "needs_confirmation", "channel": "face"}


def decide(database, site, seq: int, at, confirmed: bool = True) -> None:
    """The guard says whether it was him."""
    with database.write() as db:
        [asked] = gates.passages_after(db, site.id, seq - 1, 1)
        gate_uses.confirm(db, project_id=site.id, passage_id=asked.id, confirmed=confirmed, by="ma", now=at)


def numbers(heard) -> list[int]:
    return [seq for name, seq, _ in heard if name == "passage"]


def test_a_screen_that_was_away_is_told_what_it_missed_and_then_what_comes(database, people_on_site, follow, now):
    site, told = people_on_site.a, []

    async def watch():
        stream = follow(desk(site), told[1])
        await until(stream, lambda heard: numbers(heard) == told[2:4] and heard[-1][0] == "strangers")
        told.append(await asyncio.to_thread(passes, database, site, people_on_site.li.id, now))
        assert numbers(await until(stream, lambda heard: bool(numbers(heard)))) == told[4:]
        await stream.aclose()

    told += [passes(database, site, people_on_site.wang.id, now - timedelta(minutes=9 - n)) for n in range(4)]
    asyncio.run(watch())


def test_a_commit_that_comes_late_is_not_passed_over(database, database_kind, people_on_site, follow, now):
    """Whoever appends holds the chain until he has committed: the number after his is not given out before."""
    if database_kind == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    site = people_on_site.a
    appended, commit, second_done = threading.Event(), threading.Event(), threading.Event()
    seqs: dict[str, int] = {}

    def slow() -> None:
        with database.write() as db:
            seqs["slow"] = pass_through(db, site, "in", people_on_site.wang.id, now).seq
            appended.set()
            assert commit.wait(10)

    def quick() -> None:
        assert appended.wait(10)
        seqs["quick"] = passes(database, site, people_on_site.li.id, now)
        second_done.set()

    async def watch():
        stream = follow(desk(site), 0)
        threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(appended.wait, 10)
        # The tail looks many times while the first is not committed; the second must not be ahead of it.
        await asyncio.sleep(0.3)
        assert not second_done.is_set()
        commit.set()
        heard = await until(stream, lambda heard: len(numbers(heard)) == 2)
        for thread in threads:
            await asyncio.to_thread(thread.join)
        await stream.aclose()
        return numbers(heard)

    assert asyncio.run(watch()) == [seqs["slow"], seqs["quick"]] == sorted(seqs.values())


def test_screens_of_a_kind_are_told_the_same_bytes_and_rendered_once(database, people_on_site, follow, now, monkeypatch):
    site, rendered = people_on_site.a, []
    whole = gate.events
    monkeypatch.setattr(gate, "events", lambda db, kind, records, at: rendered.extend((kind, r.seq) for r in records) or whole(db, kind, records, at))

    async def watch():
        kinds = [desk(site)] * 5 + [desk(site, view="staff", links=True)] * 3
        streams = [follow(kind, 0) for kind in kinds]
        for stream in streams:
            await until(stream, lambda heard: heard[-1][0] == "strangers")
        rendered.clear()
        seq = await asyncio.to_thread(passes, database, site, people_on_site.wang.id, now)
        heard = await asyncio.gather(*(until(stream, lambda heard: bool(numbers(heard))) for stream in streams))
        for stream in streams:
            await stream.aclose()
        return seq, [next(data for name, _, data in one if name == "passage") for one in heard]

    seq, told = asyncio.run(watch())
    assert sorted(rendered, key=str) == sorted([(desk(site), seq), (desk(site, view="staff", links=True), seq)], key=str)
    assert told[0] == told[4] != told[5] == told[7]
    assert "王*国" in told[0]["row"] and "王建国" in told[5]["row"], "each role's own masking"


def test_a_guards_word_changes_the_row_and_the_screen(database, people_on_site, follow, now):
    site = people_on_site.a
    screen = Kind("screen", site.id, "zh", site.entrance.gate_id)

    async def watch():
        streams = [follow(desk(site), 0), follow(screen, 0)]
        await until(streams[0], lambda heard: heard[-1][0] == "strangers")
        await until(streams[1], lambda heard: heard[-1][0] == "counts")
        seq = await asyncio.to_thread(passes, database, site, people_on_site.wang.id, now, **ASKS)
        waits = (await until(streams[1], lambda heard: heard[-1][0] == "verdict"))[-1][2]
        await until(streams[0], lambda heard: "asks" in [name for name, *_ in heard])
        await asyncio.to_thread(decide, database, site, seq, now)
        changed = (await until(streams[0], lambda heard: heard[-1][0] == "changed"))[-1][2]
        passes_now = (await until(streams[1], lambda heard: heard[-1][0] == "verdict"))[-1][2]
        for stream in streams:
            await stream.aclose()
        return waits, changed, passes_now

    waits, changed, passes_now = asyncio.run(watch())
    assert waits["tone"] == "ask" and passes_now["tone"] == "admit" and "请通行" in passes_now["html"]
    assert "已确认放行" in changed["row"]


def test_what_the_guard_says_of_who_has_waited_long_before_anybody_watched_reaches_both(database, people_on_site, follow, clock, now):
    site, screen = people_on_site.a, Kind("screen", people_on_site.a.id, "zh", people_on_site.a.entrance.gate_id)
    seq = passes(database, site, people_on_site.wang.id, now - timedelta(minutes=4), **ASKS)
    for n in range(2 * live.ROWS):
        # So many stood at the other gate since: he is on no row any more, and among those who wait all the same.
        passes(database, site, people_on_site.li.id, now - timedelta(seconds=200 - n), direction="out")

    async def watch():
        streams = [follow(desk(site), seq + 2 * live.ROWS), follow(screen, seq + 2 * live.ROWS)]
        await until(streams[0], lambda heard: heard[-1][0] == "strangers")
        await until(streams[1], lambda heard: heard[-1][0] == "counts")
        # Those who wait are known from the process's first whole look on, within a second; a busy machine takes it later than the opening.
        while follow.live[0]._tails[site.id].known.asking is None:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(decide, database, site, seq, now)
        changed = (await until(streams[0], lambda heard: heard[-1][0] == "changed"))[-1][2]
        shown = (await until(streams[1], lambda heard: heard[-1][0] == "verdict"))[-1][2]
        for stream in streams:
            await stream.aclose()
        return changed, shown

    changed, shown = asyncio.run(watch())
    assert changed["seq"] == seq and "已确认放行" in changed["row"] and shown["tone"] == "admit"


def test_a_screen_says_no_word_about_who_has_gone_to_who_stands_there_now(database, people_on_site, follow, clock, now):
    site, screen = people_on_site.a, Kind("screen", people_on_site.a.id, "zh", people_on_site.a.entrance.gate_id)
    long_ago = passes(database, site, people_on_site.wang.id, now - timedelta(minutes=2), **ASKS)
    just_now = passes(database, site, people_on_site.li.id, now - timedelta(seconds=40), **ASKS)
    passes(database, site, people_on_site.li.id, now - timedelta(seconds=20))

    async def watch():
        stream = follow(screen, 3)
        await until(stream, lambda heard: heard[-1][0] == "counts")
        await asyncio.to_thread(decide, database, site, long_ago, now)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(decide, database, site, just_now, now)
        heard = await until(stream, lambda heard: heard[-1][0] == "verdict")
        await stream.aclose()
        return [data["html"] for name, _, data in heard if name == "verdict"]

    [shown] = asyncio.run(watch())
    assert "李*英" in shown


def test_a_desk_that_opens_late_is_told_what_was_said_since_its_page_was_made(database, people_on_site, follow, now):
    site = people_on_site.a
    seq = passes(database, site, people_on_site.wang.id, now - timedelta(minutes=4), **ASKS)
    decide(database, site, seq, now, confirmed=False)

    async def watch():
        stream = follow(desk(site), seq)
        heard = await until(stream, lambda heard: heard[-1][0] == "strangers")
        await stream.aclose()
        return [data for name, _, data in heard if name == "changed"]

    assert [told["seq"] for told in asyncio.run(watch())] == [seq]


@pytest.mark.parametrize("where", [(gate, "events"), (gate, "parts"), (screen_page, "verdicts"), (today, "counts")])
def test_a_look_that_fails_tells_everything_at_the_next(where, database, people_on_site, follow, now, monkeypatch):
    """A decision is found once: a busy storage while it is rendered must not lose it for good."""
    site = people_on_site.a
    screen = Kind("screen", site.id, "zh", site.entrance.gate_id)
    seq = passes(database, site, people_on_site.wang.id, now, **ASKS)
    module, name = where
    whole, failing = getattr(module, name), threading.Event()

    def busy(*told, **more):
        if failing.is_set():
            failing.clear()
            raise Busy("storage_busy")
        return whole(*told, **more)

    async def watch():
        kinds = [desk(site), screen, Kind("counts", site.id, "zh")]
        streams = [follow(kind, seq) for kind in kinds]
        for stream, last in zip(streams, ("strangers", "counts", "counts"), strict=True):
            await until(stream, lambda heard, last=last: heard[-1][0] == last)
        await asyncio.sleep(0.2)
        monkeypatch.setattr(module, name, busy)
        failing.set()
        await asyncio.to_thread(decide, database, site, seq, now)
        for stream, wanted in zip(streams, ({"changed", "asks"}, {"verdict", "counts"}, {"counts"}), strict=True):
            await until(stream, lambda heard, wanted=wanted: wanted <= {name for name, *_ in heard})
            await stream.aclose()

    asyncio.run(watch())
    assert not failing.is_set(), "it has failed once"


@pytest.mark.parametrize("how", ["let_in", "decided"])
def test_a_stranger_who_is_none_any_more_leaves_the_list(how, database, people_on_site, follow, now, monkeypatch):
    monkeypatch.setattr(live, "RELIST_SECONDS", 0.1)
    site = people_on_site.a
    passes(database, site, None, now - timedelta(seconds=20), verdict="refuse", code="face_unknown", channel="face")

    def decided() -> None:
        with database.write() as db:
            [stranger] = gates.passages_after(db, site.id, 0, 1)
            review.decide(db, project_id=site.id, passage_ids=[stranger.id], verdict="assigned", worker_id=people_on_site.wang.id, by="wu", now=now)

    async def watch():
        stream = follow(desk(site), 1)
        before = (await until(stream, lambda heard: heard[-1][0] == "strangers"))[-1][2]["html"]
        # The first look tells them once more; nothing else is said of them before something happens.
        await asyncio.sleep(0.3)
        await (asyncio.to_thread(passes, database, site, people_on_site.wang.id, now) if how == "let_in" else asyncio.to_thread(decided))
        after = (await until(stream, lambda heard: heard[-1][0] == "strangers" and heard[-1][2]["html"] != before))[-1][2]["html"]
        await stream.aclose()
        return before, after

    before, after = asyncio.run(watch())
    assert "1 帧" in before and "最近 24 小时没有未识别的人" in after


def test_a_gates_screen_shows_its_own_gate_and_this_moment_only(database, people_on_site, follow, now):
    site = people_on_site.a
    screen = Kind("screen", site.id, "zh", site.entrance.gate_id)
    passes(database, site, people_on_site.wang.id, now - timedelta(seconds=3))
    passes(database, site, people_on_site.wang.id, now - timedelta(seconds=40))

    async def watch():
        stream = follow(screen, 0)
        heard = await until(stream, lambda heard: heard[-1][0] == "counts")
        verdicts = [data for name, _, data in heard if name == "verdict"]
        assert [data["now_ms"] - data["at_ms"] for data in verdicts] == [3000], "what is older than some seconds is past"
        assert "王*国" in verdicts[0]["html"] and "王建国" not in json.dumps(heard, ensure_ascii=False)
        await asyncio.to_thread(passes, database, site, people_on_site.li.id, now, direction="out")
        await asyncio.to_thread(passes, database, site, people_on_site.li.id, now - timedelta(hours=2))
        seq = await asyncio.to_thread(passes, database, site, None, now, verdict="refuse", code="face_turned", channel="face")
        [(_, number, refused)] = [told for told in await until(stream, lambda heard: heard[-1][0] == "verdict") if told[0] == "verdict"]
        await stream.aclose()
        return number == seq, refused

    is_his, refused = asyncio.run(watch())
    assert is_his and refused["tone"] == "refuse" and "安全帽抬高" in refused["html"]


def test_the_counts_follow_and_name_nobody(database, people_on_site, follow, now):
    site = people_on_site.a

    async def watch():
        stream = follow(Kind("counts", site.id, "en"), 0)
        first = (await until(stream, lambda heard: heard[-1][0] == "counts"))[-1][2]
        await asyncio.to_thread(passes, database, site, people_on_site.wang.id, now)
        second = (await until(stream, lambda heard: heard[-1][0] == "counts" and heard[-1][2] != first))[-1][2]
        await stream.aclose()
        return first, second

    first, second = asyncio.run(watch())
    assert (first["figures"]["on_site"], second["figures"]["on_site"], second["figures"]["absent"]) == (0, 1, 1)
    assert "王" not in second["wall"].replace("王家", "") and "On site" in second["wall"]


def test_who_changes_places_with_another_of_his_team_is_told_though_no_number_changes(database, people_on_site, follow, clock, now):
    site, wang, li = people_on_site.a, people_on_site.wang.id, people_on_site.li.id
    for worker, hours in ((wang, 3), (li, 2)):
        passes(database, site, worker, now - timedelta(hours=hours))
    passes(database, site, li, now - timedelta(hours=1), direction="out")

    async def watch():
        stream = follow(Kind("counts", site.id, "en"), 0)
        first = (await until(stream, lambda heard: heard[-1][0] == "counts"))[-1][2]

        def change():
            with database.write() as db:
                for worker, direction in ((wang, "out"), (li, "in")):
                    pass_through(db, site, direction, worker, now - timedelta(seconds=9))

        await asyncio.to_thread(change)
        second = (await until(stream, lambda heard: heard[-1][0] == "counts" and heard[-1][2]["stand"] != first["stand"]))[-1][2]
        await stream.aclose()
        return first, second

    first, second = asyncio.run(watch())
    assert first["figures"] == second["figures"] and second["figures"]["on_site"] == 1


def test_the_wall_says_that_the_gates_fell_silent_though_nobody_passes(database, people_on_site, follow, clock, now, monkeypatch):
    monkeypatch.setattr(live, "RECOUNT_SECONDS", 0.1)
    site = people_on_site.a
    with database.write() as db:
        gates.seen(db, site.entrance.device_id, now)

    async def watch():
        stream = follow(Kind("counts", site.id, "zh"), 0)
        before = (await until(stream, lambda heard: heard[-1][0] == "counts"))[-1][2]["wall"]
        clock.advance(minutes=6)
        after = (await until(stream, lambda heard: heard[-1][0] == "counts" and "截至 20:06" in heard[-1][2]["wall"]))[-1][2]["wall"]
        await stream.aclose()
        return before, after

    before, after = asyncio.run(watch())
    assert "闸机在线 1 / 2" in before and "闸机在线 0 / 2" in after


def test_who_may_look_no_longer_is_told_nothing_more(database, people_on_site, follow, now, monkeypatch):
    monkeypatch.setattr(live, "GUARD_SECONDS", 0.05)
    site, signed_in = people_on_site.a, [True]

    async def watch():
        kept, ended = follow(desk(site), 0), follow(desk(site), 0, may=lambda _db, _now: signed_in[0], who="wu")
        for stream in (kept, ended):
            await until(stream, lambda heard: heard[-1][0] == "strangers")
        signed_in[0] = False
        with pytest.raises(AssertionError, match="ended"):
            await until(ended, lambda heard: False)
        await asyncio.to_thread(passes, database, site, people_on_site.wang.id, now)
        assert numbers(await until(kept, lambda heard: bool(numbers(heard))))
        await kept.aclose()
        assert follow.live[0].open == 0, "the last one switches off the light"

    asyncio.run(watch())


def test_a_line_that_cannot_keep_up_is_cut_and_the_others_go_on(database, people_on_site, follow, now, monkeypatch):
    monkeypatch.setattr(live, "QUEUE_MAX", 10)
    site = people_on_site.a

    async def watch():
        slow, quick = follow(desk(site), 0), follow(desk(site), 0)
        for stream in (slow, quick):
            await until(stream, lambda heard: heard[-1][0] == "strangers")
        heard = []
        for n in range(12):
            await asyncio.to_thread(passes, database, site, people_on_site.wang.id, now + timedelta(seconds=n))
            heard += numbers(await until(quick, lambda told: bool(numbers(told))))
        assert heard == list(range(1, 13))
        with pytest.raises(AssertionError, match="ended"):
            await until(slow, lambda heard: False)
        await quick.aclose()

    asyncio.run(watch())


def test_a_screen_of_a_new_kind_that_comes_during_a_look_misses_nothing_of_it(database, people_on_site, follow, now, monkeypatch):
    """A passage is committed after the new screen has come and before the look that does not know it reads."""
    site, whole = people_on_site.a, gates.passages_after
    looking, read_on, told = threading.Event(), threading.Event(), []

    def late(db, project_id, seq, limit):
        if told == []:
            told.append(None)
            looking.set()
            read_on.wait(5)
            told[0] = passes(database, site, people_on_site.wang.id, now)
        return whole(db, project_id, seq, limit)

    async def watch():
        streams = [follow(desk(site), 0), follow(desk(site, view="staff", links=True), 0)]
        await until(streams[0], lambda heard: heard[-1][0] == "strangers")
        monkeypatch.setattr(gates, "passages_after", late)
        await asyncio.to_thread(looking.wait, 5)
        new = asyncio.create_task(until(streams[1], lambda heard: bool(numbers(heard))))
        # Long enough to open, were it not to wait for the look.
        await asyncio.sleep(0.4)
        read_on.set()
        heard = await new, await until(streams[0], lambda heard: bool(numbers(heard)))
        for stream in streams:
            await stream.aclose()
        return [numbers(one) for one in heard]

    assert asyncio.run(watch()) == [[told[0]], [told[0]]]


def test_the_screens_that_are_open_are_counted_by_the_event_loop_alone(database, people_on_site, follow, now):
    """A screen that comes or goes while another thread goes through them would cut them all."""
    site, threads = people_on_site.a, set()

    class Streams(set):
        def __iter__(self):
            threads.add(threading.current_thread())
            return super().__iter__()

    async def watch():
        stream = follow(desk(site), 0)
        await until(stream, lambda heard: heard[-1][0] == "strangers")
        [tail] = follow.live[0]._tails.values()
        tail.streams = Streams(tail.streams)
        seq = await asyncio.to_thread(passes, database, site, people_on_site.wang.id, now)
        await until(stream, lambda heard: numbers(heard) == [seq])
        await stream.aclose()
        return threading.current_thread()

    assert asyncio.run(watch()) in threads and len(threads) == 1


def test_what_comes_while_a_screen_looks_back_is_told_once(database, people_on_site, follow, now, monkeypatch):
    site, whole = people_on_site.a, Live.opening

    def meanwhile(self, kind, after):
        seq = passes(database, site, people_on_site.wang.id, now)
        [waiting] = self._tails[site.id].streams
        deadline = time.monotonic() + 5
        while not any(told and told.seq == seq for told in list(waiting.queue._queue)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return whole(self, kind, after)

    monkeypatch.setattr(Live, "opening", meanwhile)

    async def watch():
        stream = follow(desk(site), 0)
        heard = await until(stream, lambda heard: heard[-1][0] == "strangers")
        monkeypatch.undo()
        later = await asyncio.to_thread(passes, database, site, people_on_site.li.id, now)
        heard += await until(stream, lambda told: later in numbers(told))
        await stream.aclose()
        return numbers(heard), later

    heard, later = asyncio.run(watch())
    assert heard == [later - 1, later]
