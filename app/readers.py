"""Processes that answer pages and reads, so that the gates' process has its time for the gates.

    Readers    the gates' process: hands a request out, takes the answer back; it listens, logs and counts as ever;
               ``help`` has the keeper fork a helper for a long computation (``app.sharing``)
    start      forks a keeper, before this process has any thread; the keeper forks the readers and those beside them (``app.clerk``), and
               replaces one that dies

A request goes to a reader whole and comes back whole, over a socket of the reader's own. A reader works on one request
at a time: what takes longer than ``SLOW_S`` gets company, so that a long report holds up nobody. Within a reader nothing
goes from thread to thread; that cost a short read more than its rows.

Where no reader can take a request (none runs, all are busy for ``PATIENCE_S``), the gates' process answers it itself, as it
does when it has no readers at all. A request during which its reader died is given to one other; it is never brought to
the gates' process, which it might take down too.
"""

import asyncio
import contextlib
import os
import pickle
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import structlog
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Busy, ServiceError
from app.memory import settle
from app.observing import Metrics, log
from app.sharing import Work, answer

THREADS = 4
"""Requests in one reader at once, all but one of them slow."""
SLOW_S = 0.05
PATIENCE_S = 1.0
"""Longest wait for a reader; then the gates' process answers."""
LINE_MAX = 256
"""Requests waiting for a reader; one more is answered by the gates' process."""
TRIES_MAX = 2
"""Readers that may die of one request."""
PIECE_BYTES = 48 * 1024
"""Of an answer in one message; well below what the kernel takes at once (net.core.wmem_default)."""
MESSAGE_BYTES_MAX = 192 * 1024
RESTART_S = 1.0
"""A reader that dies younger than this is not replaced sooner: one that cannot start must not keep a core busy."""
STOP_S = 2.0

_PASSED_ON = ("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path", "headers", "client", "server")
_NOTED = ("muster_login", "muster_of", "muster_about")
_HEAD, _PIECE, _END = b"hpe"
_ID_BYTES = 8


@dataclass(slots=True)
class Answer:
    """What a reader said."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    refused: str | None = None
    """Code of the refusal, for the counters."""
    seen_by: dict[str, Any] = field(default_factory=dict)
    """What the route noted in the scope about who is answered, for the journal (``_NOTED``)."""
    pieces: list[bytes] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Asked:
    number: int
    message: bytes
    told: "asyncio.Future[Answer | None]"
    """None: no reader takes it."""
    answer: Answer = field(default_factory=Answer)
    tries: int = 0
    slow: bool = False
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True, eq=False)
class _Channel:
    socket: socket.socket
    running: dict[int, _Asked] = field(default_factory=dict)

    @property
    def free(self) -> bool:
        return len(self.running) < THREADS and all(asked.slow for asked in self.running.values())


# --- the gates' process --------------------------------------------------------------------------------------


class Readers:
    """The readers as the gates' process has them. Lives on one event loop, from ``open`` to ``close``.

    Args:
        control: the keeper sends each new reader's socket through it; it ends when the keeper does.
        wishes: the keeper takes a helper's socket from it.
        keeper: process id.
    """

    def __init__(self, control: socket.socket, wishes: socket.socket, keeper: int) -> None:
        self._control, self._wishes, self._keeper = control, wishes, keeper
        self._channels: list[_Channel] = []
        self._line: deque[_Asked] = deque()
        self._number = 0
        control.setblocking(False)

    @property
    def running(self) -> int:
        """Readers that take requests now."""
        return len(self._channels)

    def open(self) -> None:
        """Begin to take the readers the keeper sends."""
        asyncio.get_running_loop().add_reader(self._control, self._on_control)

    async def ask(self, scope: Scope, request_id: str) -> Answer | None:
        """Have a reader answer a request without a body; None when none takes it.

        Raises:
            Busy: ``busy``, two readers died of it.
        """
        if not self._channels or len(self._line) >= LINE_MAX:
            return None
        self._number += 1
        loop = asyncio.get_running_loop()
        said = pickle.dumps(([scope.get(name) for name in _PASSED_ON], request_id), pickle.HIGHEST_PROTOCOL)
        message = self._number.to_bytes(_ID_BYTES) + said
        if len(message) > MESSAGE_BYTES_MAX:
            return None
        asked = _Asked(self._number, message, loop.create_future())
        self._line.append(asked)
        self._hand_out()
        patience = loop.call_later(PATIENCE_S, self._give_up, asked)
        try:
            return await asked.told
        finally:
            patience.cancel()

    async def close(self) -> None:
        """End the readers and their keeper."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control)
        for channel in list(self._channels):
            self._lose(channel)
        self._wishes.close()
        self._control.close()  # its end tells the keeper
        deadline = loop.time() + STOP_S
        while os.waitpid(self._keeper, os.WNOHANG) == (0, 0):
            if loop.time() > deadline:
                os.kill(self._keeper, signal.SIGKILL)
            await asyncio.sleep(0.005)

    def help(self, channel: socket.socket, _not_its: Any = None) -> None:
        """Have a helper forked that answers on ``channel``, for ``app.sharing``. From any thread.

        Raises:
            OSError: the keeper is gone.
        """
        socket.send_fds(self._wishes, [b"h"], [channel.fileno()])

    def _hand_out(self) -> None:
        while self._line:
            free = [channel for channel in self._channels if channel.free]
            if not free:
                return
            channel = min(free, key=lambda c: len(c.running))
            asked = self._line.popleft()
            if asked.told.done():
                continue
            try:
                channel.socket.send(asked.message)
            except OSError:
                # Full, or lost: in the second case the end is read next.
                self._tell(asked, None)
                continue
            channel.running[asked.number] = asked
            asked.slow = False
            asked.timer = asyncio.get_running_loop().call_later(SLOW_S, self._mark_slow, asked)

    def _mark_slow(self, asked: _Asked) -> None:
        asked.slow = True
        self._hand_out()

    def _give_up(self, asked: _Asked) -> None:
        if asked in self._line:
            self._line.remove(asked)
            self._tell(asked, None)

    def _on_control(self) -> None:
        try:
            _, numbers, _, _ = socket.recv_fds(self._control, 1, 1)
        except BlockingIOError:
            return
        except OSError:
            numbers = []
        loop = asyncio.get_running_loop()
        if not numbers:
            loop.remove_reader(self._control)
            log.error("keeper_of_readers_lost")
            return
        channel = _Channel(socket.socket(fileno=numbers[0]))
        channel.socket.setblocking(False)
        self._channels.append(channel)
        loop.add_reader(channel.socket, self._on_message, channel)
        self._hand_out()

    def _on_message(self, channel: _Channel) -> None:
        # Not for ever: other sockets wait.
        for _ in range(16):
            try:
                message = channel.socket.recv(MESSAGE_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                log.error("reader_lost", requests=len(channel.running))
                self._lose(channel)
                return
            self._on_part(channel, int.from_bytes(message[1 : 1 + _ID_BYTES]), message[0], message[1 + _ID_BYTES :])

    def _on_part(self, channel: _Channel, number: int, kind: int, content: bytes) -> None:
        asked = channel.running[number]
        if kind == _HEAD:
            asked.answer.status, asked.answer.headers, asked.answer.refused, asked.answer.seen_by = pickle.loads(content)
        elif kind == _PIECE:
            asked.answer.pieces.append(content)
        else:
            del channel.running[number]
            self._tell(asked, asked.answer)
            self._hand_out()

    def _lose(self, channel: _Channel) -> None:
        asyncio.get_running_loop().remove_reader(channel.socket)
        channel.socket.close()
        self._channels.remove(channel)
        for asked in channel.running.values():
            if asked.timer is not None:
                asked.timer.cancel()
            asked.tries += 1
            asked.answer = Answer()
            if asked.tries < TRIES_MAX and self._channels:
                self._line.appendleft(asked)
            else:
                self._tell(asked, Busy("busy", "the reader died", retry_after_s=1))
        channel.running.clear()
        if self._channels:
            self._hand_out()
        while self._line and not self._channels:
            asked = self._line.popleft()
            self._tell(asked, Busy("busy", "the reader died", retry_after_s=1) if asked.tries else None)

    def _tell(self, asked: _Asked, what: Answer | ServiceError | None) -> None:
        if asked.timer is not None:
            asked.timer.cancel()
        if asked.told.done():
            return
        if isinstance(what, ServiceError):
            asked.told.set_exception(what)
        else:
            asked.told.set_result(what)


class ByReaders:
    """ASGI middleware: a GET of a route that only reads is answered by a reader.

    Args:
        routes: every route of the application, in its order.
        reads: which of them a reader may answer.
        refuse: what to say when a request is lost.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        readers: Readers,
        routes: list[Any],
        reads: Callable[[Any], bool],
        metrics: Metrics,
        refuse: Callable[[Scope, ServiceError], Awaitable[ASGIApp]],
    ) -> None:
        self.app, self._readers, self._metrics, self._refuse = app, readers, metrics, refuse
        self._routes = [(route, reads(route)) for route in routes if "GET" in (getattr(route, "methods", None) or ("GET",))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._of(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if route is None:
            await self.app(scope, receive, send)
            return
        try:
            answer = await self._readers.ask(scope, structlog.contextvars.get_contextvars().get("request_id", ""))
        except ServiceError as error:
            scope["route"] = route
            await (await self._refuse(scope, error))(scope, receive, send)
            return
        if answer is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route
        scope.update(answer.seen_by)
        if answer.refused:
            self._metrics.refused.labels(answer.refused).inc()
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        for piece in answer.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _of(self, scope: Scope) -> Any:
        """The route that answers, when a reader may; None otherwise."""
        for route, reads in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                if reads:
                    scope["path_params"] = found.get("path_params", {})
                return route if reads else None
        return None


# --- keeper and readers --------------------------------------------------------------------------------------


def start(count: int, build: Callable[[], ASGIApp], work: Work, beside: Sequence[Callable[[], None]]) -> Readers:
    """Fork a keeper that forks ``count`` readers and those beside them. Call while this process has one thread.

    Args:
        count: 0 for no readers; then the gates' process answers everything.
        build: makes the application that a reader asks; called in the keeper, once.
        work: what a helper does.
        beside: what the others do for ever, a process each (``app.clerk``); begun anew when it dies.
    """
    assert threading.active_count() == 1, "a fork copies one thread and the locks of all"
    (ours, its), (wish, wishes) = (socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2))
    keeper = os.fork()
    if keeper:
        its.close()
        wishes.close()
        return Readers(ours, wish, keeper)
    ours.close()
    wish.close()
    return _leave_when_done(lambda: _keep(its, wishes, count, build, work, beside))


def _leave_when_done(work: Callable[[], None]) -> NoReturn:
    """Work and end, without what the parent had planned for its own end."""
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:  # noqa: BLE001 - it is said; a traceback might quote what was asked
        log.error("reader_ended", error=type(error).__name__)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _keep(
    control: socket.socket, wishes: socket.socket, count: int, build: Callable[[], ASGIApp], work: Work, beside: Sequence[Callable[[], None]]
) -> None:
    # A signal to the whole group is for the gates' process: it finishes what it has begun, and then tells us.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    app = build() if count else None
    settle()
    kept: dict[int, tuple[int, float, Callable[[], None]]] = {}
    waits = selectors.DefaultSelector()
    waits.register(control, selectors.EVENT_READ)
    waits.register(wishes, selectors.EVENT_READ)
    helping: dict[int, int] = {}

    def forked(what: Callable[[], None], *not_its: socket.socket) -> tuple[int, int]:
        pid = os.fork()
        if not pid:
            for other in (control, wishes, *not_its):
                other.close()
            waits.close()
            _leave_when_done(what)
        end = os.pidfd_open(pid)
        waits.register(end, selectors.EVENT_READ)
        return end, pid

    def help_() -> None:
        _, numbers, _, _ = socket.recv_fds(wishes, 1, 1)
        if not numbers:
            waits.unregister(wishes)
            return
        with socket.socket(fileno=numbers[0]) as channel:
            end, pid = forked(lambda: answer(channel, work))
        helping[end] = pid

    def fork_beside(what: Callable[[], None]) -> None:
        end, pid = forked(what)
        kept[end] = pid, time.monotonic(), lambda: fork_beside(what)

    def fork_reader() -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end, pid = forked(lambda: _read(its, app), ours)
        its.close()
        kept[end] = pid, time.monotonic(), fork_reader
        with contextlib.suppress(OSError):  # the gates' process has gone: that is read next
            socket.send_fds(control, [b"r"], [ours.fileno()])
        ours.close()

    for each in beside:
        fork_beside(each)
    for _ in range(count):
        fork_reader()
    while True:
        for key, _ in waits.select():
            if key.fileobj is wishes:
                help_()
                continue
            if key.fileobj is control:
                children = [*(pid for pid, _, _ in kept.values()), *helping.values()]
                for pid in children:
                    # Readers and helpers write nothing; what the clerk or a job is at is taken up again.
                    os.kill(pid, signal.SIGKILL)
                for pid in children:
                    os.waitpid(pid, 0)
                return
            waits.unregister(key.fd)
            os.close(key.fd)
            if key.fd in helping:
                os.waitpid(helping.pop(key.fd), 0)
                continue
            pid, began, fork_again = kept.pop(key.fd)
            os.waitpid(pid, 0)
            time.sleep(max(0.0, RESTART_S - (time.monotonic() - began)))
            fork_again()


def _read(channel: socket.socket, app: ASGIApp) -> None:
    """Answer requests until the gates' process ends the socket."""
    stay_in_thread()
    threads = [threading.Thread(target=_answer_all, args=(channel, app), daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def stay_in_thread() -> None:
    """Let this process run plain functions where they are called.

    FastAPI gives every plain function to a thread, so that an event loop never waits. A reader's loops have one request
    each, and nobody else to wait for.
    """
    import anyio.to_thread

    async def run_sync(work: Callable[..., Any], *args: Any, **_: Any) -> Any:
        return work(*args)

    anyio.to_thread.run_sync = run_sync


def _answer_all(channel: socket.socket, app: ASGIApp) -> None:
    with asyncio.Runner() as runner:
        while True:
            message = channel.recv(MESSAGE_BYTES_MAX)
            if not message:
                return
            number = message[:_ID_BYTES]
            passed_on, request_id = pickle.loads(message[_ID_BYTES:])
            scope = {**dict(zip(_PASSED_ON, passed_on, strict=True)), "state": {}}
            said = runner.run(_answered(app, scope, request_id))
            if said.status == 0:
                # It never began to answer: the log has why.
                said.status = 500
            channel.send(bytes([_HEAD]) + number + pickle.dumps((said.status, said.headers, said.refused, said.seen_by), pickle.HIGHEST_PROTOCOL))
            for whole in said.pieces:
                for at in range(0, len(whole), PIECE_BYTES):
                    channel.send(bytes([_PIECE]) + number + whole[at : at + PIECE_BYTES])
            channel.send(bytes([_END]) + number)


async def _answered(app: ASGIApp, scope: dict[str, Any], request_id: str) -> Answer:
    answer = Answer(status=0)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        elif message.get("body"):
            answer.pieces.append(message["body"])

    with structlog.contextvars.bound_contextvars(request_id=request_id), contextlib.suppress(Exception):
        # An error nobody foresaw is answered and logged, and raised once more for the server's own log.
        await app(scope, receive, send)
    answer.refused = scope.get("muster_refused")
    answer.seen_by = {name: scope[name] for name in _NOTED if name in scope}
    return answer
