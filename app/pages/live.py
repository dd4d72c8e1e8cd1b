"""Live screens: tails of the database, as server-sent events.

    desk      the guard's desk: passages, what asks, strangers, who was let in by hand
    screen    the screen of one gate: the verdict of this moment, and how many are on site
    counts    the page of today and the wall: heads, and nobody in them

Nothing is broadcast from process to process: each follows each watched project's own numbering, so a passage recorded by any
process reaches every screen, and a screen that comes back to any process resumes after its ``Last-Event-ID``. That numbering
has no gap and becomes visible in order, on PostgreSQL too, where row ids do not: who appends a passage holds its project's
chain (``store.gates.add_passage``) until he has committed, so number n + 1 is not given out while n may still come. What has no number (who waits, who was let in, how many are
here) is sent whole when it changes, so a screen is never left with an old one.

One look a project and process every quarter of a second, and one rendering for each kind of screen: language, role and gate.
The streams of a kind are handed the same bytes. Every stream is asked anew every few seconds whether its reader may
still look, in one snapshot for all of them.
"""

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy.orm import Session
from sse_starlette.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app import access, screens
from app.db import Database
from app.errors import ServiceError, TooMany, Unauthorised
from app.pages import gate, page, screen, today
from app.pages.heads import Heads, heads
from app.pages.kinds import Kind
from app.pages.page import HEADERS
from app.pages.shell import own_hash
from app.store import gates, people
from app.store.gates import PassageRecord

log = structlog.get_logger()
T = TypeVar("T")

EVERY_SECONDS = 0.25
WHOLE_SECONDS = 1.0
"""Between two looks at what has no number."""
COUNT_SECONDS = 2.0
"""Between two countings, at least."""
RESTS = 20
"""And so many times as long as one takes: counting takes a twentieth of a core at most."""
RECOUNT_SECONDS = 60.0
"""Without a passage time alone changes a count: a stay grows too long, a new work date begins, a gate falls silent."""
RELIST_SECONDS = 10.0
"""Without a passage a person's word changes the list of strangers, or their pictures' time is over."""
BEAT_SECONDS = 3.0
GUARD_SECONDS = 5.0
"""How long a screen may go on after its reader was signed out or lost his role."""
RETRY_MS = 1000
BEHIND_MAX = 50
"""A screen that was away longer than this many passages gets the last ones; the rest are on the worker's page."""
ROWS = 60
"""Passages a desk shows at most (gate.js): of those that asked it is told what people said."""
QUEUE_MAX = 128
"""Events that wait for a slow line; then it is cut, and comes back to where it was."""
STREAMS_MAX = 2000
"""Of one process: each is an open connection."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event, ready to be sent."""

    seq: int | None
    """Of a passage."""
    data: bytes


@dataclass(slots=True, eq=False)
class _Stream:
    kind: Kind
    may: Callable[[Session, datetime], bool]
    """Whether its reader may still look."""
    who: str
    """Whose it is: streams of one reader are asked about once."""
    queue: "asyncio.Queue[Told | None]" = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))

    def put(self, told: Told | None) -> None:
        try:
            self.queue.put_nowait(told)
        except asyncio.QueueFull:
            # Whoever cannot keep up comes back to where he was.
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)


@dataclass(frozen=True, slots=True)
class _Paced:
    """When something that takes its time was worked out last."""

    at: float = -math.inf
    took: float = 0.0
    dirty: bool = True
    """Something has happened since that may change it."""

    def due(self, at: float, idle_s: float) -> bool:
        """Time to work it out: soon when something has happened, else now and then."""
        since = at - self.at
        return since >= max(COUNT_SECONDS, RESTS * self.took) and (self.dirty or since >= idle_s)


def _again(pace: _Paced, happened: bool, at: float, idle_s: float, work: Callable[[], T]) -> tuple[T | None, _Paced]:
    """(what ``work`` gives, None when it is not time for it; the pace from now on)."""
    pace = replace(pace, dirty=pace.dirty or happened)
    if not pace.due(at, idle_s):
        return None, pace
    began = time.perf_counter()
    return work(), _Paced(at, time.perf_counter() - began, dirty=False)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was told last. Replaced as a whole by a look that has rendered everything new."""

    seq: int
    words: Mapping[int, bool | None] = field(default_factory=dict)
    """Id of a passage that asked and may still be shown -> what was told of it; None: that it waits."""
    asking: tuple[int, ...] | None = None
    hand: tuple | None = None
    heads: Heads | None = None
    counting: _Paced = _Paced()
    strangers: tuple | None = None
    listing: _Paced = _Paced()


@dataclass(slots=True)
class _Tail:
    """What one process knows of one project's end."""

    known: _Known
    streams: set[_Stream] = field(default_factory=set)
    """Of the event loop alone: no other thread reads them."""
    looking: frozenset[Kind] | None = None
    """Kinds a look that is under way renders for; None between looks."""
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    """No look is under way."""
    task: asyncio.Task | None = None


class Live:
    """Follows the watched projects of one process. Lives on one event loop.

    Args:
        now: the instant; aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now
        self._tails: dict[int, _Tail] = {}

    @property
    def open(self) -> int:
        """Streams that are open."""
        return sum(len(tail.streams) for tail in self._tails.values())

    def join(self, stream: _Stream, seq: int) -> None:
        """Begin to follow a project, or join who does."""
        project_id = stream.kind.project_id
        tail = self._tails.get(project_id)
        if tail is None:
            tail = self._tails[project_id] = _Tail(_Known(seq))
            tail.task = asyncio.create_task(self._follow(project_id, tail))
        tail.streams.add(stream)

    def leave(self, stream: _Stream) -> None:
        """A screen closed; the last one switches off the light."""
        tail = self._tails.get(stream.kind.project_id)
        if tail is None or stream not in tail.streams:
            return
        tail.streams.discard(stream)
        if not tail.streams:
            tail.task.cancel()
            del self._tails[stream.kind.project_id]

    # --- the tail ------------------------------------------------------------------------------------------

    async def _follow(self, project_id: int, tail: _Tail) -> None:
        loop = asyncio.get_running_loop()
        whole_at = beat_at = guard_at = loop.time()
        while True:
            now = loop.time()
            try:
                whole = now - whole_at >= WHOLE_SECONDS
                tail.looking = kinds = frozenset(stream.kind for stream in tail.streams)
                tail.looked.clear()
                try:
                    told = await run_in_threadpool(self._look, project_id, tail, kinds, whole, now)
                finally:
                    tail.looking = None
                    tail.looked.set()
                if whole:
                    whole_at = now
                for kind, events in told.items():
                    for stream in [s for s in tail.streams if s.kind == kind]:
                        for event in events:
                            stream.put(event)
                if now - beat_at >= BEAT_SECONDS:
                    beat_at = now
                    beat = Told(None, _event("beat", _beat(self._now())))
                    for stream in tail.streams:
                        stream.put(beat)
                if now - guard_at >= GUARD_SECONDS:
                    guard_at = now
                    for stream in await run_in_threadpool(self._gone, list(tail.streams)):
                        stream.put(None)
            except ServiceError:
                # The storage is busy: look again; the numbering loses nothing.
                pass
            except Exception as error:  # noqa: BLE001 - a screen that is told nothing must not look alive
                log.error("live_failed", error=type(error).__name__)
                for stream in list(tail.streams):
                    stream.put(None)
                await asyncio.sleep(1.0)
            await asyncio.sleep(EVERY_SECONDS)

    def _look(self, project_id: int, tail: _Tail, kinds: frozenset[Kind], whole: bool, at: float) -> dict[Kind, list[Told]]:
        """What is new since the last look, for each of these kinds of screen."""
        known, now = tail.known, self._now()
        with self._database.read() as db:
            fresh = gates.passages_after(db, project_id, known.seq, BEHIND_MAX)
            found = replace(known, seq=fresh[-1].seq) if fresh else known
            decided: list[PassageRecord] = []
            if whole or fresh:
                decided, found = _decided(db, project_id, found, fresh)
                if any(kind.what == "desk" for kind in kinds):
                    found = replace(found, hand=gate.hand_state(db, project_id, now))
            happened = bool(fresh or decided) or found.hand != known.hand
            if any(kind.what != "desk" for kind in kinds):
                counted, pace = _again(known.counting, happened, at, RECOUNT_SECONDS, lambda: heads(db, people.project(db, project_id), now))
                found = replace(found, heads=counted or known.heads, counting=pace)
            if any(kind.what == "desk" for kind in kinds):
                listed, pace = _again(known.listing, happened, at, RELIST_SECONDS, lambda: gate.stranger_state(db, project_id, now))
                found = replace(found, strangers=known.strangers if listed is None else listed, listing=pace)
            told: dict[Kind, list[Told]] = {}
            for kind in kinds:
                events = _passages(db, kind, fresh, now) + _changed(db, kind, decided, now)
                if kind.what == "desk":
                    events += _desk(
                        db, kind, now, asks=found.asking != known.asking, hand=found.hand != known.hand,
                        strangers=found.strangers != known.strangers,
                    )
                elif found.heads is not None and (known.heads is None or found.heads.told != known.heads.told):
                    events += _counts(kind, found.heads)
                if events:
                    told[kind] = events
        # Only what was rendered for everybody is behind us: a look that fails has told nothing.
        tail.known = found
        return told

    def _gone(self, streams: list[_Stream]) -> list[_Stream]:
        """Streams whose reader may look no longer."""
        may: dict[tuple[str, Kind], bool] = {}
        now = self._now()
        with self._database.read() as db:
            for stream in streams:
                key = (stream.who, stream.kind)
                if key not in may:
                    may[key] = stream.may(db, now)
        return [stream for stream in streams if not may[stream.who, stream.kind]]

    # --- one stream ----------------------------------------------------------------------------------------

    def heads_of(self, db: Session, project_id: int) -> Heads:
        """The heads as they were told last; counted now when nobody has."""
        tail = self._tails.get(project_id)
        known = tail.known.heads if tail is not None else None
        # A desk alone counts nobody: what was counted for a screen that closed since is old.
        if known is not None and self._now() - known.as_of <= timedelta(seconds=2 * RECOUNT_SECONDS):
            return known
        return heads(db, people.project(db, project_id), self._now())

    def opening(self, kind: Kind, after: int) -> tuple[int, list[Told]]:
        """(number it has reached, events) that a screen begins with: what it missed, and everything that has no number."""
        with self._database.read() as db:
            last = gates.last_seq(db, kind.project_id)
            # A number from another database, or from too long ago, begins where it makes sense.
            after = max(min(after, last), last - BEHIND_MAX)
            missed = gates.passages_after(db, kind.project_id, after, BEHIND_MAX) if after < last else []
            # What people said meanwhile about passages that stand on the screen already.
            said = [r for r in gates.asked(db, kind.project_id, after - ROWS, after) if r.confirmed is not None]
            told = _passages(db, kind, missed, self._now()) + _changed(db, kind, said, self._now())
            if kind.what == "desk":
                told += _desk(db, kind, self._now(), asks=True, hand=True, strangers=True)
            else:
                told += _counts(kind, self.heads_of(db, kind.project_id))
        return last, told

    async def events(self, stream: _Stream, after: int, reached: int) -> AsyncIterator[bytes]:
        """What one screen is sent, from now until it leaves."""
        # Joined before it looks back: what comes in between waits in its queue, and is told apart by its number.
        self.join(stream, reached)
        try:
            yield _event("beat", _beat(self._now()), retry=RETRY_MS)
            tail = self._tails[stream.kind.project_id]
            if tail.looking is not None and stream.kind not in tail.looking:
                # That look renders nothing for it, and what it finds is behind the tail then: looking back comes after it.
                await tail.looked.wait()
            try:
                seq, opening = await run_in_threadpool(self.opening, stream.kind, after)
            except ServiceError:
                return
            for told in opening:
                yield told.data
            while (told := await stream.queue.get()) is not None:
                if told.seq is not None:
                    if told.seq <= seq:
                        continue
                    seq = told.seq
                yield told.data
        finally:
            self.leave(stream)


def _passages(db: Session, kind: Kind, records: list[PassageRecord], now: datetime) -> list[Told]:
    if not records or kind.what == "counts":
        return []
    if kind.what == "screen":
        told = screen.verdicts(db, kind, records, now)
        return [Told(seq, _event("verdict", data, id_=seq)) for seq, data in told]
    return [Told(seq, _event("passage", data, id_=seq)) for seq, data in gate.events(db, kind, records, now)]


def _decided(db: Session, project_id: int, known: _Known, fresh: list[PassageRecord]) -> tuple[list[PassageRecord], _Known]:
    """(passages about which somebody has decided since, what is known now of those that asked)."""
    waiting = gates.asking(db, project_id)
    here = {record.id for record in waiting}
    # Who is no longer among those that wait was decided about, or is too far behind for any screen.
    gone = [id_ for id_, word in known.words.items() if word is None and id_ not in here]
    asked = {record.id: record for record in gates.asked(db, project_id, known.seq - ROWS, known.seq, gone)}
    told = {record.id for record in fresh}
    decided = [r for id_, r in asked.items() if r.confirmed is not None and known.words.get(id_) is None and id_ not in told]
    words = {r.id: r.confirmed for r in (*asked.values(), *waiting) if r.confirmed is not None or r.id in here or r.seq > known.seq - ROWS}
    return decided, replace(known, words=words, asking=tuple(record.id for record in waiting))


def _changed(db: Session, kind: Kind, decided: list[PassageRecord], now: datetime) -> list[Told]:
    if kind.what == "screen":
        return [Told(None, _event("verdict", data)) for _seq, data in screen.verdicts(db, kind, decided, now)]
    return [Told(None, _event("changed", data)) for _seq, data in gate.events(db, kind, decided, now)] if kind.what == "desk" else []


def _desk(db: Session, kind: Kind, now: datetime, *, asks: bool, hand: bool, strangers: bool) -> list[Told]:
    parts = {"asks": asks, "hand": hand, "strangers": strangers}
    wanted = [name for name, is_wanted in parts.items() if is_wanted]
    return [Told(None, _event(name, {"html": html})) for name, html in gate.parts(db, kind, wanted, now)]


def _counts(kind: Kind, counted: Heads) -> list[Told]:
    made = screen.count(kind, counted) if kind.what == "screen" else today.counts(kind, counted)
    return [Told(None, _event("counts", made))]


def _event(name: str, data: Any, *, id_: int | None = None, retry: int | None = None) -> bytes:
    said = json.dumps(data, ensure_ascii=False)
    return ServerSentEvent(event=name, data=said, id=None if id_ is None else str(id_), retry=retry).encode()


def _beat(now: datetime) -> dict[str, Any]:
    # A screen that nobody attends loads its page anew when the service has newer scripts than it.
    return {"now_ms": int(now.timestamp() * 1000), "own": own_hash()}


# --- routes ---------------------------------------------------------------------------------------------------


async def stream(request: Request) -> EventSourceResponse:
    """``GET /projects/{id}/gate/stream``: begins after ``Last-Event-ID``, else after ``?after=``."""
    return await _of_person(request, "desk", "gate.watch")


async def counts(request: Request) -> EventSourceResponse:
    """``GET /projects/{id}/today/stream``: heads, and nobody in them."""
    return await _of_person(request, "counts", "attendance.read")


async def of_screen(request: Request) -> EventSourceResponse:
    """``GET /screen/stream``: what the screen's own gate, or the wall, shows."""
    key = request.cookies.get(screens.COOKIE)
    language = page.screen_language(request) or page.language(request)

    def opened() -> tuple[Kind, int, int]:
        now = page.now_of(request)
        with request.app.state.database.read() as db:
            found = screens.screen_of(db, key)
            if found is None:
                raise Unauthorised("screen_unknown")
            reached = gates.last_seq(db, found.project_id)
        with contextlib.suppress(ServiceError), request.app.state.database.write() as db:
            screens.note(db, found, now)
        what = "counts" if found.gate_id is None else "screen"
        return Kind(what, found.project_id, language, found.gate_id), found.id, reached

    kind, screen_id, reached = await run_in_threadpool(opened)
    one = _Stream(kind, lambda db, _now: screens.screen_of(db, key) is not None, screens.actor(screen_id))
    return _response(request, one, reached)


async def _of_person(request: Request, what: str, action: str) -> EventSourceResponse:
    project_id = int(request.path_params["project_id"])
    token = access.token_of_request(request)
    language = page.language(request)

    def opened() -> tuple[Kind, int, int]:
        now = page.now_of(request)
        with request.app.state.database.read() as db:
            person = access.person_of_request(request, db, now)
            project = access.require_on(db, person, action, project_id if project_id <= page.ID_MAX else 0)
            kind = gate.kind_of(person, project, language) if what == "desk" else Kind(what, project.id, language)
            return kind, person.account_id, gates.last_seq(db, project.id)

    kind, account_id, reached = await run_in_threadpool(opened)

    def may(db: Session, now: datetime) -> bool:
        person = access.who(db, token, now) if token else None
        try:
            project = access.require_on(db, person, action, project_id)
        except ServiceError:
            return False
        # Somebody whose role has changed is shown something else: his screen comes back and is asked again.
        return what != "desk" or gate.kind_of(person, project, language) == kind

    return _response(request, _Stream(kind, may, f"{account_id} {access.token_sha256(token or '')}"), reached)


def _response(request: Request, one: _Stream, reached: int) -> EventSourceResponse:
    state = request.app.state
    if not hasattr(state, "live"):
        state.live = Live(state.database, lambda: page.now_of(request))
    if state.live.open >= STREAMS_MAX:
        raise TooMany("too_many_streams", retry_after_s=30)
    known = page.whole_number(request.query_params.get("after"))
    # A screen shows the verdict of this moment: what passed while nobody looked is past.
    after = _number(request.headers.get("last-event-id")) or (known if known is not None else reached)
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return EventSourceResponse(state.live.events(one, after, reached), headers=headers, ping=0)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
