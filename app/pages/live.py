"""The stream of the gate's screen: a tail of the passages in the database, as server-sent events.

Nothing is broadcast inside a process: each process follows each watched project's own numbering, which has no
gap and becomes visible in order (the chain's head row puts writers in a line). So a passage recorded by any
process reaches every screen, and a screen that comes back to any process resumes after its ``Last-Event-ID``.

    passage   a row and the large panel; id = the passage's number
    asks      every card that waits for a person; sent when it changes, so a screen is never left with an old one
    beat      nothing new; the screen knows the connection lives

One look a project and process every quarter of a second, however many screens there are.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sse_starlette.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app import access
from app.db import Database
from app.errors import ServiceError
from app.pages import gate, page
from app.pages.page import HEADERS, Ask
from app.store import gates
from app.store.gates import PassageRecord

EVERY_SECONDS = 0.25
REVIEWS_EVERY_SECONDS = 1.0
BEAT_SECONDS = 8.0
GUARD_SECONDS = 15.0
"""How long a screen may go on after its reader was signed out or lost his role."""
RETRY_MS = 1000
BEHIND_MAX = 50
"""A screen that was away longer than this many passages gets the last ones; the rest are on the worker's page."""


@dataclass
class _Tail:
    """What one process knows of one project's end."""

    seq: int
    recent: deque[PassageRecord] = field(default_factory=lambda: deque(maxlen=BEHIND_MAX))
    asking: tuple[int, ...] = ()
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    screens: int = 0
    task: asyncio.Task | None = None


class Live:
    """Follows the watched projects of one process. Lives on one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tails: dict[int, _Tail] = {}

    async def watch(self, project_id: int, seq: int) -> "_Tail":
        """Begin to follow a project, or join who does."""
        tail = self._tails.get(project_id)
        if tail is None:
            tail = self._tails[project_id] = _Tail(seq)
            tail.task = asyncio.create_task(self._follow(project_id, tail))
        tail.screens += 1
        return tail

    def leave(self, project_id: int) -> None:
        """A screen closed; the last one switches off the light."""
        tail = self._tails[project_id]
        tail.screens -= 1
        if tail.screens == 0:
            tail.task.cancel()
            del self._tails[project_id]

    async def _follow(self, project_id: int, tail: _Tail) -> None:
        looks = 0
        while True:
            try:
                whole = looks % round(REVIEWS_EVERY_SECONDS / EVERY_SECONDS) == 0
                fresh, asking = await run_in_threadpool(self._look, project_id, tail.seq, whole)
            except ServiceError:
                # The storage is busy: look again; the numbering loses nothing.
                fresh, asking = [], None
            looks += 1
            if fresh:
                tail.seq = fresh[-1].seq
                tail.recent.extend(fresh)
            if fresh or (asking is not None and asking != tail.asking):
                tail.asking = tail.asking if asking is None else asking
                done, tail.changed = tail.changed, asyncio.Event()
                done.set()
            await asyncio.sleep(EVERY_SECONDS)

    def _look(self, project_id: int, seq: int, whole: bool) -> tuple[list[PassageRecord], tuple[int, ...] | None]:
        with self._database.read() as db:
            fresh = gates.passages_after(db, project_id, seq, BEHIND_MAX)
            whole = whole or any(record.verdict == "ask" for record in fresh)
            asking = tuple(record.id for record in gates.asking(db, project_id)) if whole else None
            return fresh, asking


async def stream(request: Request) -> EventSourceResponse:
    """``GET /projects/{id}/gate/stream``: begins after ``Last-Event-ID``, else after ``?after=``."""
    project_id = int(request.path_params["project_id"])
    language = page.language(request)
    after = _number(request.headers.get("last-event-id")) or page.whole_number(request.query_params.get("after")) or 0
    seq, last = await run_in_threadpool(_open, request, project_id, after)
    state = request.app.state
    if not hasattr(state, "live"):
        state.live = Live(state.database)
    events = _events(request, state.live, project_id, language, seq, last)
    headers = {**HEADERS, "Cache-Control": "no-store"}
    return EventSourceResponse(events, headers=headers, ping=60)


async def _events(
    request: Request, live: Live, project_id: int, language: str, seq: int, last: int
) -> AsyncIterator[ServerSentEvent]:
    loop = asyncio.get_running_loop()
    tail = await live.watch(project_id, last)
    asking: tuple[int, ...] | None = None
    guarded_at = beat_at = loop.time()
    yield ServerSentEvent(event="beat", data="", retry=RETRY_MS)
    try:
        while True:
            changed = tail.changed
            if tail.seq > seq or tail.asking != asking:
                now_asking = tail.asking if tail.asking != asking else None
                known = [r for r in tail.recent if r.seq > seq]
                whole = bool(known) and known[0].seq == seq + 1
                try:
                    made = await run_in_threadpool(
                        _made, request, project_id, language, seq, known if whole else None, now_asking
                    )
                except ServiceError:
                    # Signed out, or the storage is busy: the browser comes back by itself and is asked again.
                    return
                for number, event, data in made:
                    yield ServerSentEvent(event=event, data=data, id=None if number is None else str(number))
                    seq = max(seq, number or 0)
                asking = tail.asking if now_asking is None else now_asking
                beat_at = loop.time()
            elif loop.time() - beat_at >= BEAT_SECONDS:
                beat_at = loop.time()
                yield ServerSentEvent(event="beat", data="")
            if loop.time() - guarded_at >= GUARD_SECONDS:
                guarded_at = loop.time()
                try:
                    await run_in_threadpool(_open, request, project_id, seq)
                except ServiceError as error:
                    if error.status != 503:
                        return
            try:
                await asyncio.wait_for(changed.wait(), 1.0)
            except TimeoutError:
                continue
    finally:
        live.leave(project_id)


def _ask(request: Request, db, project_id: int, language: str) -> Ask:
    now = page.now_of(request)
    person = access.person_of_request(request, db, now)
    project = access.require_on(db, person, "gate.watch", project_id)
    return Ask(request, db, person, project, language, now)


def _open(request: Request, project_id: int, after: int) -> tuple[int, int]:
    """Guard the stream; (number it begins after, number the project is at)."""
    if project_id > page.ID_MAX:
        project_id = 0
    with request.app.state.database.read() as db:
        _ask(request, db, project_id, "zh")
        last = gates.last_seq(db, project_id)
    # A number from another database, or from too long ago, begins where it makes sense.
    return max(min(after, last), last - BEHIND_MAX), last


def _made(
    request: Request,
    project_id: int,
    language: str,
    seq: int,
    known: list[PassageRecord] | None,
    asking: tuple[int, ...] | None,
) -> list[tuple[int | None, str, str]]:
    """(id, event, data) of what this screen has not been told."""
    told: list[tuple[int | None, str, str]] = []
    with request.app.state.database.read() as db:
        ask = _ask(request, db, project_id, language)
        reads = gate.reader(ask)
        fresh = gates.passages_after(db, project_id, seq, BEHIND_MAX) if known is None else known
        for record in fresh:
            line = reads.line(record)
            data = {
                "row": page.piece(language, gate.PARTS, "row", line),
                "panel": page.piece(language, gate.PARTS, "panel", line, gate.lines.advice(line.code, language)),
            }
            told.append((record.seq, "passage", json.dumps(data, ensure_ascii=False)))
        if asking is not None:
            cards = reads.cards(gates.asking(db, project_id), ask.may("gate.confirm"))
            html = page.piece(language, gate.PARTS, "asks", cards)
            told.append((None, "asks", json.dumps({"html": html}, ensure_ascii=False)))
    return told


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


