"""The frame intake under more frames than it can take."""

import asyncio
import threading
import time

import pytest

from app.errors import Busy, Conflict
from app.intake import Intake


def run(story):
    """Run an async story to its end."""
    return asyncio.run(story)


class Work:
    """Work that waits until it is let go, and says that it ran."""

    def __init__(self, name: str, done: list[str]) -> None:
        self.name = name
        self.done = done
        self.go = threading.Event()

    def __call__(self) -> str:
        assert self.go.wait(5)
        self.done.append(self.name)
        return self.name


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_newer_frame_of_the_same_gate_takes_the_older_ones_place():
    async def story():
        intake = Intake(threads=1, waiting_max=4, wait_seconds_max=5)
        done: list[str] = []
        first, older, newer = (Work(name, done) for name in ("first", "older", "newer"))
        running = asyncio.create_task(intake.submit("east", first))
        await settled()
        waiting = asyncio.create_task(intake.submit("east", older))
        await settled()
        replacing = asyncio.create_task(intake.submit("east", newer))
        with pytest.raises(Conflict) as refused:
            await waiting
        assert refused.value.code == "superseded"
        for work in (first, older, newer):
            work.go.set()
        assert await running == "first"
        assert await replacing == "newer"
        assert done == ["first", "newer"], "the older frame was never looked at"
        await intake.close()

    run(story())


def test_a_full_line_is_refused_at_once_with_a_time_to_come_back():
    async def story():
        intake = Intake(threads=1, waiting_max=2, wait_seconds_max=5)
        work = Work("x", [])
        held = [asyncio.create_task(intake.submit(stream, work)) for stream in ("a", "b", "c")]
        await settled()
        began = time.perf_counter()
        with pytest.raises(Busy) as refused:
            await intake.submit("d", work)
        assert refused.value.code == "busy" and refused.value.retry_after_s
        assert time.perf_counter() - began < 0.5
        work.go.set()
        assert await asyncio.gather(*held) == ["x"] * 3, "those who were let into the line are served"
        await intake.close()

    run(story())


def test_the_line_is_served_oldest_first():
    async def story():
        intake = Intake(threads=1, waiting_max=8, wait_seconds_max=5)
        done: list[str] = []
        works = [Work(name, done) for name in "abcd"]
        tasks = []
        for work in works:
            tasks.append(asyncio.create_task(intake.submit(work.name, work)))
            await settled()
        for work in works:
            work.go.set()
        await asyncio.gather(*tasks)
        assert done == list("abcd")
        await intake.close()

    run(story())


def test_a_decision_that_takes_too_long_is_refused_but_its_work_is_finished():
    async def story():
        intake = Intake(threads=1, waiting_max=1, wait_seconds_max=0.05)
        done: list[str] = []
        slow = Work("slow", done)
        with pytest.raises(Busy) as refused:
            await intake.submit("a", slow)
        assert refused.value.code == "decision_late"
        slow.go.set()
        await intake.close()
        assert done == ["slow"], "what has begun is recorded; the gate's retry finds it"

    run(story())


def test_work_that_fails_tells_the_one_who_waits_and_the_next_is_served():
    async def story():
        intake = Intake(threads=1, waiting_max=1, wait_seconds_max=5)

        def fails() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError):
            await intake.submit("a", fails)
        assert await intake.submit("a", lambda: "next") == "next"
        await intake.close()

    run(story())


def test_a_stop_finishes_what_runs_and_what_waits():
    async def story():
        intake = Intake(threads=1, waiting_max=4, wait_seconds_max=5)
        done: list[str] = []
        works = [Work(name, done) for name in "abc"]
        tasks = [asyncio.create_task(intake.submit(work.name, work)) for work in works]
        await settled()
        closing = asyncio.create_task(intake.close())
        await settled()
        with pytest.raises(Busy):
            await intake.submit("late", works[0])
        for work in works:
            work.go.set()
        await closing
        assert await asyncio.gather(*tasks) == list("abc")

    run(story())


def test_while_one_work_writes_the_next_one_computes_and_never_more_than_there_are_cores():
    # A core that waits for the disk is a core that recognises nobody.
    async def story():
        intake = Intake(threads=1, waiting_max=4, wait_seconds_max=5, ahead=1)
        writing, written = threading.Event(), threading.Event()
        computing, most = 0, 0

        def work(number: int) -> int:
            nonlocal computing, most
            with intake.computing:
                computing += 1
                most = max(most, computing)
                time.sleep(0.02)
                computing -= 1
            if number == 0:
                writing.set()
                # The first is still at the disk when the second has long been computed.
                assert written.wait(5)
            else:
                assert writing.wait(5)
                written.set()
            return number

        answers = [asyncio.ensure_future(intake.submit(f"gate-{number}", lambda n=number: work(n))) for number in (0, 1)]
        assert await asyncio.gather(*answers) == [0, 1]
        assert most == 1
        await intake.close()

    run(story())


def test_whoever_is_told_to_stop_in_the_moment_his_look_up_ends_stops():
    async def story():
        intake = Intake(threads=1, waiting_max=1, wait_seconds_max=5)
        begun, go_on = threading.Event(), threading.Event()

        def work():
            begun.set()
            go_on.wait(5)

        async def follows():
            while True:
                await intake.run(work)
                await asyncio.sleep(60)

        task = asyncio.create_task(follows())
        while not begun.is_set():
            await asyncio.sleep(0.001)
        go_on.set()
        # The work has ended and its answer lies in the loop, unread, when the stop comes.
        time.sleep(0.05)
        asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(task.cancel))
        done, _ = await asyncio.wait({task}, timeout=3)
        assert task in done and task.cancelled()
        await intake.close()

    run(story())
