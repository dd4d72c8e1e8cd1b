"""The frame intake: a bounded wait in front of the recogniser, newest frame of a stream first.

Measured (reliability.md 2.3): one session, one thread a core, at most one waiting frame per stream and a
global cap keep p99 near the model's own time under overload; an unbounded queue answers everybody late.

    submit(stream, work)
      a thread is free          -> runs now; its computing part waits for a core (``computing``)
      this stream waits already -> its older frame is answered ``superseded`` (409), the newer takes its place
      room in the waiting line  -> waits its turn, oldest first
      no room                   -> Busy (503) at once, with Retry-After

Frames are not passages: a superseded or refused frame was never acknowledged, so nothing is lost.

    run(work)
      cards and look-ups: short, in threads of their own, never shed for frames; a database that does not answer
      holds those threads and no others, and whoever waits for one is told so in time
"""

import asyncio
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from app.errors import Busy, Conflict

T = TypeVar("T")

SHORT_THREADS = 16
"""Cards and look-ups in a thread at once. SQLite has one writer anyway, and PostgreSQL's pool holds twice this."""
SHORT_MAX = 128
"""Cards and look-ups in a thread or waiting for one; one more is refused at once."""


@dataclass(slots=True)
class _Waiting:
    work: Callable[[], Any]
    answer: asyncio.Future[Any]


class Intake:
    """A bounded executor that lives on one event loop.

    Args:
        threads: works computing at once; 0 = one a core.
        ahead: works begun beside those: one reads its gate's papers or waits for the disk while the cores compute. Without it a
            core does nothing while a passage is written and until the next frame is handed over.
        waiting_max: works waiting at most, over all streams.
        wait_seconds_max: longest from submission to answer; then ``Busy("decision_late")``. Work that has
            begun is finished all the same: a retry finds its passage recorded.
    """

    def __init__(self, *, threads: int, waiting_max: int, wait_seconds_max: float, ahead: int = 0) -> None:
        cores = threads or os.cpu_count() or 1
        self.threads = cores + ahead
        """Works that may be in a thread at once."""
        self.computing = threading.BoundedSemaphore(cores)
        """Held by a work while it computes: never more at once than there are cores for it."""
        self._waiting_max = waiting_max
        self._wait_seconds_max = wait_seconds_max
        self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix="recognise")
        self._short_executor = ThreadPoolExecutor(SHORT_THREADS, thread_name_prefix="short")
        self._short: set[Future[Any]] = set()
        self._running: set[asyncio.Future[Any]] = set()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._closed = False

    @property
    def running(self) -> int:
        """Works in a thread now."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Works in the line now."""
        return len(self._waiting)

    def check_room(self, stream: str) -> None:
        """Say at once what ``submit`` would say, before anything was spent on the frame.

        Raises:
            Busy: ``busy``, the line is full and this stream has no place in it.
        """
        full = self.running >= self.threads and len(self._waiting) >= self._waiting_max
        if full and stream not in self._waiting:
            raise Busy("busy", "the waiting line is full", retry_after_s=1)

    async def submit(self, stream: str, work: Callable[[], T], *, seconds_max: float | None = None) -> T:
        """Run ``work`` in a thread and return its result.

        Args:
            seconds_max: longest wait, when it is to be shorter than ``wait_seconds_max``.

        Raises:
            Conflict: ``superseded``, a newer frame of the same stream came while this one waited.
            Busy: ``busy`` the line is full; ``decision_late`` the wait was too long; ``stopping``.
        """
        if self._closed:
            raise Busy("stopping", retry_after_s=2)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        item = _Waiting(work, answer)
        if self.running < self.threads:
            self._start(item)
        else:
            older = self._waiting.get(stream)
            if older is not None:
                # The place in the line is kept: a gate that sends often must not go to its end with every frame.
                if not older.answer.done():
                    older.answer.set_exception(Conflict("superseded", "a newer frame of this stream"))
            else:
                self.check_room(stream)
            self._waiting[stream] = item
        try:
            # shield: the thread cannot be stopped, and its passage must still be recorded.
            async with asyncio.timeout(self._seconds(seconds_max)):
                return await asyncio.shield(answer)
        except TimeoutError:
            if self._waiting.get(stream) is item:
                del self._waiting[stream]
            raise Busy("decision_late", "no decision within the deadline", retry_after_s=1) from None
        except asyncio.CancelledError:
            if self._waiting.get(stream) is item:
                del self._waiting[stream]
            raise

    async def run(self, work: Callable[[], T], *, seconds_max: float | None = None) -> T:
        """Run short work in a thread kept apart from the frames' and return its result.

        Raises:
            Busy: ``busy`` too many wait already; ``decision_late`` the wait was too long; ``stopping``. Work that
                had begun is finished all the same; work that had not never runs.
        """
        if self._closed:
            raise Busy("stopping", retry_after_s=2)
        if len(self._short) >= SHORT_MAX:
            raise Busy("busy", "too many cards and look-ups", retry_after_s=1)
        job = self._short_executor.submit(work)
        self._short.add(job)
        job.add_done_callback(self._short.discard)
        try:
            # What is cancelled here is the waiting, and the work only while no thread has taken it. Not ``wait_for``: before
            # Python 3.12 it keeps a cancellation to itself that comes in the moment the work ends, and a stop waits for ever.
            async with asyncio.timeout(self._seconds(seconds_max)):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            if not job.cancel() and job.done() and not job.cancelled():
                # The work itself ran out of time, or ended in the same moment.
                return job.result()
            raise Busy("decision_late", "no answer within the deadline", retry_after_s=1) from None

    def _seconds(self, seconds_max: float | None) -> float:
        if seconds_max is None:
            return self._wait_seconds_max
        return max(0.0, min(seconds_max, self._wait_seconds_max))

    def _start(self, item: _Waiting) -> None:
        job = asyncio.get_running_loop().run_in_executor(self._executor, item.work)
        self._running.add(job)
        job.add_done_callback(lambda done: self._finish(item, done))

    def _finish(self, item: _Waiting, done: asyncio.Future[Any]) -> None:
        self._running.discard(done)
        if not item.answer.done():
            error = done.exception()
            if error is not None:
                item.answer.set_exception(error)
                # Asked for here, so that an answer nobody waits for any more is not reported as forgotten.
                item.answer.exception()
            else:
                item.answer.set_result(done.result())
        elif not done.cancelled():
            done.exception()
        while self._waiting and self.running < self.threads:
            _, following = self._waiting.popitem(last=False)
            if not following.answer.done():
                self._start(following)

    async def close(self) -> None:
        """Take nothing more, finish what runs and waits, then end the threads."""
        self._closed = True
        while self._running or self._waiting or self._short:
            await asyncio.sleep(0.01)
        self._executor.shutdown(wait=True)
        self._short_executor.shutdown(wait=True)
