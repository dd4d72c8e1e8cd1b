"""One long computation over several processes, when there are any to be had; else in this one, with the same result.

    Sharing    forks helpers for as long as one computation lasts and gives them its parts, a part at a time

A helper is forked by this process while it has one thread (a command), or by the keeper of the readers (the service, which
has many). It says nothing but results: whatever it cannot do (it died, the facts moved on under it, no process could be
made) is done here, where a refusal or an error then shows as it would have without helpers.
"""

import contextlib
import os
import pickle
import selectors
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from app.observing import log

Work = Callable[..., Any]
"""What a helper does with a part: (shared, part) -> result, or None when it should be done by who asks."""

Tell = Callable[[str, int, int], None]
"""Told how far a long computation is: the stage, how many are done, of how many."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""


PARTS_MIN = 4
"""Fewer are done here: a process costs more."""

Fork = Callable[[socket.socket, Sequence[socket.socket]], int | None]

_LENGTH = struct.Struct("!Q")


class Sharing:
    """Where helpers come from.

    Args:
        fork: (socket, sockets that are not for it) makes a process that answers on the other end of a socket; returns its id
            when it is a child of this one. Raises OSError when it cannot.
        count: helpers at once; with fewer than two nothing is shared.
    """

    def __init__(self, fork: Fork, count: int) -> None:
        self._fork, self._count = fork, count

    def over(self, shared: Any, parts: Sequence[Any], here: Callable[[Any], Any]) -> Iterator[Any]:
        """Give the result of each part, in no particular order.

        Args:
            shared: sent to every helper with its part.
            here: does a part in this process.
        """
        left = deque(parts)
        if self._count > 1 and len(left) >= PARTS_MIN:
            helpers = self._helpers(min(self._count, len(left)))
            try:
                yield from _by([channel for channel, _ in helpers], shared, left)
            finally:
                for channel, _ in helpers:
                    channel.close()
                for _, pid in helpers:
                    if pid is not None:
                        os.waitpid(pid, 0)
        while left:
            yield here(left.popleft())

    def _helpers(self, count: int) -> list[tuple[socket.socket, int | None]]:
        found = []
        for _ in range(count):
            ours, its = socket.socketpair()
            try:
                found.append((ours, self._fork(its, [ours, *(channel for channel, _ in found)])))
            except OSError as error:
                log.warning("helper_not_made", error=type(error).__name__)
                ours.close()
            finally:
                its.close()
        return found


def _by(helpers: Sequence[socket.socket], shared: Any, left: deque[Any]) -> Iterator[Any]:
    """Results of what helpers could do; what they could not is in ``left`` when this ends."""
    given: dict[socket.socket, Any] = {}
    undone = []
    with selectors.DefaultSelector() as waits:

        def give(helper: socket.socket) -> None:
            if not left:
                return
            part = left.popleft()
            try:
                _send(helper, (shared, part))
            except OSError:
                undone.append(part)
                return
            given[helper] = part
            waits.register(helper, selectors.EVENT_READ)

        for helper in helpers:
            give(helper)
        while given:
            for key, _ in waits.select():
                helper: Any = key.fileobj
                waits.unregister(helper)
                part = given.pop(helper)
                try:
                    result = _receive(helper)
                except (OSError, EOFError):
                    log.warning("helper_lost")
                    undone.append(part)
                    continue
                give(helper)
                if result is None:
                    undone.append(part)
                else:
                    yield result
    left.extend(undone)


def forking(work: Work) -> Fork:
    """Fork helpers from this very process, for ``Sharing``; only while it has one thread."""

    def fork(channel: socket.socket, not_its: Sequence[socket.socket]) -> int:
        if threading.active_count() > 1:
            raise OSError("a fork copies one thread and the locks of all")
        pid = os.fork()
        if not pid:
            for other in not_its:
                # Else it would hold its own line open for ever.
                other.close()
            answer(channel, work)
        return pid

    return fork


def answer(channel: socket.socket, work: Work) -> NoReturn:
    """Be a helper until who asked closes the socket."""
    with contextlib.suppress(BaseException):
        while True:
            shared, part = _receive(channel)
            try:
                result = work(shared, part)
            except Exception as error:  # noqa: BLE001 - done once more by who asked, who says what is wrong
                log.warning("part_not_done", error=type(error).__name__)
                result = None
            _send(channel, result)
    # Nothing of the parent's is tidied up here: its connections are its own.
    os._exit(0)


def _send(channel: socket.socket, value: Any) -> None:
    said = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    channel.sendall(_LENGTH.pack(len(said)))
    channel.sendall(said)


def _receive(channel: socket.socket) -> Any:
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size))
    return pickle.loads(_exactly(channel, length))


def _exactly(channel: socket.socket, length: int) -> bytearray:
    said = bytearray(length)
    view, at = memoryview(said), 0
    while at < length:
        got = channel.recv_into(view[at:])
        if not got:
            raise EOFError
        at += got
    return said
