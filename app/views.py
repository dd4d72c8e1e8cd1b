"""Whoever looks at a worker's data leaves a line in the journal (查看留痕), although what he looks at is read beside the gates.

    SHOWS, SHOWS_NONE   every route by its path: what of workers it shows, or why it shows nothing of them
    Views               the lines that wait; written in one transaction a moment later
    LeaveTrace          ASGI middleware: no answer with a worker's data goes out before its line is in the queue

A page is answered from a snapshot, often by a reader process, which writes nothing. So the answer says who was answered
(``access.person_of_request`` notes it in the scope, a reader hands it on with the answer's head), the listening process puts
the line in a queue before the first byte goes out, and a task writes what waits at most a second later, in one
transaction. Nothing is written, and nothing waits for a write, between a request and its answer.

One line says who (login), what (``VIEWED``), of whom (``worker:7``, ``team:3``, ``sheet:12`` ... or ``workers`` for a list of a
project), which kinds of data, and when. The path says of whom. A query says it only where the route notes in the scope that it
showed nothing else (``ABOUT``): what a page ignores, or shows beside more, narrows no line. The same person who sees the same kinds of the same object again within ``AGAIN`` is
on that line; what he sees after it is a new one. There is nothing of the worker in the line but his number.

The queue holds ``WAITING_MAX`` lines and is written out at a graceful stop. What a process that is killed loses is what was
seen in its last second, or since the database stopped taking writes. When lines wait longer than ``LATE_S``, or the queue is
full, nobody is shown a worker's data: 503 ``journal_unavailable``. Gates go on: a frame's answer is no view.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db import Database
from app.errors import Busy, ServiceError
from app.observing import log
from app.store import accounts, second_steps

VIEWED = "personal_data.viewed"
"""Action of a line."""
AGAIN = timedelta(minutes=10)
"""So long the same look is the same line."""
SEEN_EVERY = timedelta(minutes=5)
"""So long a session that goes on is not written down again."""
PAUSE_S = 0.5
"""Between two writes."""
LATE_S = 15.0
"""Longest a line may wait before answers are refused; a locked database is free again sooner."""
WAITING_MAX = 5_000
AT_ONCE_MAX = 500
"""Lines of one transaction: some 0.1 s, during which a gate waits."""
STOP_S = 5.0
"""Longest a stop tries to write what waits."""

_PROJECT, _API = "/projects/{project_id:int}", "/v1/projects/{project_id}"
_ONE = _API + "/workers/{worker_id}"

SHOWS: dict[str, str] = {
    # --- pages ---
    _PROJECT: "names days",
    _PROJECT + "/today/lists": "names days",
    _PROJECT + "/gate": "names days",
    _PROJECT + "/gate/stream": "names days",
    _PROJECT + "/workers": "names numbers",
    _PROJECT + "/workers/roster": "names credentials",
    _PROJECT + "/workers/{worker_id:int}": "names numbers days wages",
    _PROJECT + "/enrol": "names",
    _PROJECT + "/enrol/number": "names",
    _PROJECT + "/enrol/{worker_id:int}": "names numbers wages consent credentials",
    _PROJECT + "/corrections": "names days",
    _PROJECT + "/marks": "names days",
    _PROJECT + "/grid": "names days",
    _PROJECT + "/grid/{worker_id:int}": "names days",
    _PROJECT + "/payroll": "names wages",
    _PROJECT + "/payroll/{sheet_id:int}": "names wages",
    _PROJECT + "/payroll/{sheet_id:int}/sign": "names wages",
    _PROJECT + "/objections": "names days wages",
    _PROJECT + "/workers/{worker_id:int}/phone": "names",
    _PROJECT + "/account": "names wages",
    _PROJECT + "/account/statement": "names wages",
    _PROJECT + "/account/batches/{batch_id:int}": "names wages",
    _PROJECT + "/exits": "names wages",
    _PROJECT + "/arrears": "names wages",
    _PROJECT + "/three-way": "names days wages",
    _PROJECT + "/three-way/{worker_id:int}": "names numbers days wages",
    _PROJECT + "/findings": "names days wages",
    _PROJECT + "/signals": "names days",
    _PROJECT + "/review": "names faces",
    _PROJECT + "/journal": "journal",
    "/county/twins": "names numbers faces",
    # --- workers ---
    _API + "/workers": "names numbers",
    _API + "/workers/search": "names numbers",
    _ONE + "/credentials": "credentials",
    _ONE + "/consent": "consent",
    _ONE + "/identity-checks": "faces",
    _API + "/face-review": "names faces",
    _API + "/face-advice": "names faces",
    _API + "/pack-change": "names faces",
    "/v1/twins": "names numbers faces",
    # --- days ---
    _API + "/days": "days",
    _API + "/dates/{on}/days": "names days",
    _ONE + "/days": "names days",
    _API + "/corrections": "days",
    _API + "/marks": "days",
    _API + "/headcount": "days",
    # --- wages ---
    _API + "/wages": "names wages",
    _ONE + "/wages": "wages",
    _API + "/terms": "wages",
    _API + "/allowances": "wages",
    _API + "/advances": "wages",
    _API + "/deductions": "wages",
    _API + "/measures": "wages",
    _API + "/months/{month}/blockers": "wages",
    _API + "/months/{month}/unsigned": "names wages",
    _API + "/sheets/{sheet_id}": "names wages",
    _API + "/lines/{line_id}/slip": "names wages",
    _API + "/back-pay-proposals": "wages",
    _API + "/why": "days wages",
    _API + "/settlements": "names wages",
    _API + "/arrears": "wages",
    _API + "/payable": "wages",
    _API + "/batches/{batch_id}": "wages",
    _API + "/statement": "wages",
    # --- the inspector's ---
    _API + "/findings": "days wages",
    _API + "/findings/{finding_id}": "names days wages",
    _API + "/three-way": "names days wages",
    _API + "/three-way/{worker_id}": "names numbers days wages",
    # --- the journal names people, and by its lines who worked where ---
    _API + "/journal": "journal",
    "/v1/journal": "journal",
    "/journal": "journal",
    # --- his own: a code that somebody else used for him is found out here ---
    "/v1/me/work": "names",
    "/v1/me/days": "days",
    "/v1/me/wages": "wages",
    "/v1/me/slips": "names wages",
    "/v1/me/lines": "days wages",
    "/v1/me/objections": "days wages",
    "/v1/me/face": "consent faces",
    "/me": "names days wages",
    "/me/days": "days wages",
    "/me/wages": "wages",
    "/me/sheets": "wages",
    "/me/sheets/{line_id:int}": "names wages",
    "/me/objections": "days wages",
    "/me/face": "consent faces",
}
"""Path of a route -> kinds of personal data in its answer. A route that is neither here nor in ``SHOWS_NONE`` is taken to show
everything (``EVERYTHING``), and a test fails."""

SHOWS_POSTED = frozenset({_API + "/workers/search", _PROJECT + "/enrol/number"})
"""Writes that only read. Every other write leaves a line of its own and answers with what was sent."""

_TAKEN = "journals who takes it, in the transaction that answers"
_NOBODY = "of the project, its companies or its money as a whole; nobody in it"
_SERVICE = "of the service; no worker in it"

SHOWS_NONE: dict[str, str] = {
    "/": "a list of projects",
    "/county": "projects as a whole",
    "/v1/county": "projects as a whole",
    "/sign-in": "a form",
    "/account": "one's own account",
    "/accounts": "accounts of those who sign in, to the administrator",
    "/accounts/{account_id:int}": "an account of somebody who signs in, to the administrator",
    "/sign-ins": "accounts that signed in, to the administrator and the data-protection officer",
    _PROJECT + "/people": "accounts of those who sign in; workers are counted only",
    "/v1/me/sessions": "one's own sessions",
    "/v1/me/sign-ins": "one's own sign-ins",
    "/v1/sign-ins": "accounts that signed in, to the administrator and the data-protection officer",
    _PROJECT + "/rules": "rules and limits; nobody in them",
    _PROJECT + "/devices": "gates, devices and cameras; counts only",
    _PROJECT + "/screens": "screens of the project",
    _PROJECT + "/wall": "heads by company and team",
    _PROJECT + "/today/stream": "heads by company and team",
    _PROJECT + "/passages/{passage_id:int}/photo": _TAKEN,
    "/screen": "a gate's screen before anybody passes, the wall's counts, or a form",
    "/screen/stream": "at the gate, to whoever stands there: a masked name for seconds; or counts",
    "/screen/photo/{passage_id:int}": _TAKEN,
    "/projects/new": "a form",
    _PROJECT + "/setup": "companies, teams and counts",
    "/me/enter": "a form",
    _PROJECT + "/settings": "gates, cameras and rules of the project",
    _PROJECT + "/charts/teams": "heads by team",
    _PROJECT + "/charts/week": "heads by day",
    _PROJECT + "/charts/arrears": "sums of the project by month",
    _PROJECT + "/charts/owing": "sums of the project by month",
    "/healthz": _SERVICE,
    "/readyz": _SERVICE,
    "/metrics": _SERVICE,
    "/openapi.json": _SERVICE,
    "/v1/me": "who he is himself",
    "/v1/accounts": "accounts of those who sign in, to the administrator",
    "/v1/projects": _NOBODY,
    _API: _NOBODY,
    _API + "/companies": _NOBODY,
    _API + "/teams": _NOBODY,
    _API + "/gates": _NOBODY,
    _API + "/devices": _NOBODY,
    _API + "/cameras": _NOBODY,
    _API + "/papers": _NOBODY,
    _API + "/policies": _NOBODY,
    _API + "/months": _NOBODY,
    _API + "/sheets": "heads of sheets: team, month, state, sums",
    _API + "/face-policy": _NOBODY,
    _API + "/decisions/policy": _NOBODY,
    _API + "/decisions/scores": "how alike faces were, by gate; nobody named",
    _API + "/special-account": _NOBODY,
    _API + "/special-account/gaps": _NOBODY,
    _API + "/special-account/reconciliation": _NOBODY,
    _API + "/funding": _NOBODY,
    _API + "/batches": "batches: month, count, sum, state",
    _API + "/ledger": "balances of the books",
    _API + "/passages/{passage_id}/picture": _TAKEN,
    _API + "/evidence/{evidence_id}": _TAKEN,
    _API + "/batches/{batch_id}/file": _TAKEN,
    _API + "/batches/{batch_id}/answer-form": _TAKEN,
    **{
        f"{_API}/forms/{form}": _TAKEN
        for form in ("attendance", "payroll", "slips", "roster", "moves", "movement", "ledger", "account", "settlement", "three-way", "findings")
    },
    _API + "/tasks": "one's own long work: what was asked for, and how far it is",
    _API + "/tasks/{task_id}": "one's own long work: what was asked for, and how far it is",
    _API + "/tasks/{task_id}/file": _TAKEN,
    _PROJECT + "/tasks": "one's own long work: what was asked for, and how far it is",
    _PROJECT + "/tasks/piece": "one's own long work: what was asked for, and how far it is",
    "/v1/me/slips/{line_id}/file": _TAKEN,
    "/v1/county/forms/projects": _TAKEN,
    "/v1/slips/{code}": "asked by whoever holds the slip, who signs in as nobody: a masked name and whether the slip is true",
    "/v1/journal/head": "a number and a hash",
    "/v1/pack-change": _SERVICE,
    "/v1/file-templates": _SERVICE,
    "/v1/calendar": _SERVICE,
    "/v1/area-rules": _SERVICE,
    "/v1/notices/face": _SERVICE,
    "/v1/roster/template": "an empty table",
    "/v1/imports/{table}/template": "an empty table",
}  # fmt: skip
"""Path of a route that is read -> why nobody's data is in it."""

EVERYTHING = "names numbers days wages faces"

_THINGS = (("worker_id", "worker"), ("line_id", "line"), ("sheet_id", "sheet"), ("finding_id", "finding"), ("batch_id", "payment_batch"))
"""Names in a path -> what the line calls the thing; the narrowest first."""

LOGIN, SHOWN, OF, ABOUT = "muster_login", "muster_shown", "muster_of", "muster_about"
"""Keys of a request's scope: who is answered; path of another page that is shown; (project, worker) pairs whom it is
about, where the address does not say; the one thing a query chose (``team:3``), noted by ``app.web.about``."""


@dataclass(frozen=True, slots=True)
class View:
    """One look: a line of the journal to be."""

    actor: str
    project_id: int | None
    object: str
    kinds: str
    """Words of ``SHOWS``, in its order."""


def views_of(scope: Mapping[str, Any], status: int) -> list[View]:
    """What an answered request showed to whom; nothing for who is nobody, for refusals and for routes that show nobody.

    Args:
        scope: of the request, after its route answered.
        status: of the answer.
    """
    login, other = scope.get(LOGIN), scope.get(SHOWN)
    if login is None or not (200 <= status < 300 or other):
        return []
    path = other or getattr(scope.get("route"), "path", None)
    if path is None or path in SHOWS_NONE:
        return []
    if scope["method"] != "GET" and not other and path not in SHOWS_POSTED:
        return []
    kinds = SHOWS.get(path, EVERYTHING)
    if (of := scope.get(OF)) is not None:
        return [View(login, project, f"worker:{worker}", kinds) for project, worker in of]
    named = scope.get("path_params", {})
    project_id = named.get("project_id")
    if kinds == "journal" or project_id is None:
        return [View(login, None if project_id is None else int(project_id), path.rpartition("/")[2], kinds)]
    # Of a form that shows its page again, only what that page's own path names.
    one = next((f"{thing}:{int(named[name])}" for name, thing in _THINGS if name in named and f"{{{name}" in path), None)
    return [View(login, int(project_id), one or scope.get(ABOUT, "workers"), kinds)]


class Views:
    """Lines that wait to be written. ``note`` belongs to one event loop; ``start`` and ``close`` are its lifespan's.

    Args:
        database: where the journal is.
        now: the instant; aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now
        self._seen: dict[View, datetime] = {}
        self._waiting: list[tuple[float, datetime, View]] = []
        self._present: dict[str, datetime] = {}
        self._told: dict[str, datetime] = {}
        self._came: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._swept: datetime | None = None

    @property
    def waiting(self) -> int:
        """Lines that are not written yet."""
        return len(self._waiting)

    @property
    def refusing(self) -> bool:
        """True while lines cannot be written: nothing that needs one may be shown."""
        if len(self._waiting) >= WAITING_MAX:
            return True
        return self._task is not None and bool(self._waiting) and time.monotonic() - self._waiting[0][0] > LATE_S

    def note(self, views: list[View]) -> None:
        """Put looks in the queue, save those that are on a line already.

        Raises:
            Busy: ``journal_unavailable``.
        """
        if not views:
            return
        if self.refusing:
            raise Busy("journal_unavailable", "lines of the journal wait too long", retry_after_s=5)
        at = self._now()
        for view in views:
            last = self._seen.get(view)
            if last is None or at - last >= AGAIN:
                self._seen[view] = at
                self._waiting.append((time.monotonic(), at, view))
                if self._came is not None:
                    self._came.set()

    def present(self, token_sha256: str) -> None:
        """A session was answered: its owner reads when, to ``SEEN_EVERY``, in the list of his sessions."""
        at = self._now()
        last = self._told.get(token_sha256)
        if last is None or at - last >= SEEN_EVERY:
            self._told[token_sha256] = self._present[token_sha256] = at
            if self._came is not None:
                self._came.set()

    def start(self) -> None:
        """Begin to write what comes."""
        self._came = asyncio.Event()
        if self._waiting:
            self._came.set()
        self._task = asyncio.create_task(self._write_on(self._came))

    async def close(self) -> None:
        """Write what waits and end; what cannot be written is lost, and the log says how many."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = self._came = None
        deadline = time.monotonic() + STOP_S
        while (self._waiting or self._present) and time.monotonic() < deadline:
            if not await self._write_some():
                await asyncio.sleep(PAUSE_S)
        if self._waiting:
            log.error("views_lost", lines=len(self._waiting))

    async def _write_on(self, came: asyncio.Event) -> None:
        while True:
            await came.wait()
            came.clear()
            await asyncio.sleep(PAUSE_S)
            while self._waiting or self._present:
                # To its end: a line that is half written when a stop comes would be written twice.
                writing = asyncio.ensure_future(self._write_some())
                try:
                    done = await asyncio.shield(writing)
                except asyncio.CancelledError:
                    await writing
                    raise
                if not done:
                    await asyncio.sleep(PAUSE_S)
            self._sweep()

    async def _write_some(self) -> bool:
        some, present = self._waiting[:AT_ONCE_MAX], dict(self._present)
        try:
            await run_in_threadpool(self._write, some, present)
        except Exception as error:  # noqa: BLE001 - whatever it is, the lines stay and are tried again
            log.error("views_not_journalled", error=type(error).__name__, waiting=len(self._waiting))
            return False
        del self._waiting[: len(some)]
        for token_sha256, at in present.items():
            if self._present.get(token_sha256) == at:
                del self._present[token_sha256]
        return True

    def _write(self, some: list[tuple[float, datetime, View]], present: dict[str, datetime]) -> None:
        with self._database.write() as db:
            second_steps.seen(db, present)
            for _, at, view in some:
                accounts.journal(
                    db, at=at, actor=view.actor, action=VIEWED, project_id=view.project_id, object=view.object, facts={"shown": view.kinds}
                )

    def _sweep(self) -> None:
        at = self._now()
        if self._swept is None or at - self._swept >= AGAIN:
            self._swept = at
            self._seen = {view: last for view, last in self._seen.items() if at - last < AGAIN}
            self._told = {token: last for token, last in self._told.items() if at - last < SEEN_EVERY}


class LeaveTrace:
    """ASGI middleware: an answer with workers' data goes out when its line is in the queue, or not at all.

    Args:
        views: the queue.
        refuse: what to say instead.
        session_of: the hash of the token a request carries; None without one.
    """

    def __init__(
        self, app: ASGIApp, *, views: Views, refuse: Callable[[Scope, ServiceError], Awaitable[ASGIApp]],
        session_of: Callable[[Scope], str | None],
    ) -> None:  # fmt: skip
        self.app, self._views, self._refuse, self._session_of = app, views, refuse, session_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = False
        noted: list[View] = []
        noted_at = 0.0

        async def traced(message: Message) -> None:
            nonlocal refused, noted, noted_at
            if refused:
                return
            if message["type"] == "http.response.start":
                noted, noted_at = views_of(scope, message["status"]), time.monotonic()
                if scope.get(LOGIN) is not None and (session := self._session_of(scope)) is not None:
                    self._views.present(session)
                try:
                    self._views.note(noted)
                except ServiceError as error:
                    refused = True
                    await (await self._refuse(scope, error))(scope, receive, send)
                    return
            elif noted and time.monotonic() - noted_at > AGAIN.total_seconds():
                # A stream that is still looked at. It has begun, so it is not refused; it ends with its session.
                noted_at = time.monotonic()
                with contextlib.suppress(ServiceError):
                    self._views.note(noted)
            await send(message)

        await self.app(scope, receive, traced)
