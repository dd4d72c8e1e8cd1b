"""ASGI middleware every request passes: request id, one access line, a cap on the body and on its patience.

Plain ASGI, because a body must be counted while it arrives and before anything reads it; a polite
``Content-Length`` above the cap is refused before the first byte.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ServiceError
from app.observing import Metrics, log
from app.wording import sentence


def error_body(code: str, language: str = "zh", **facts: object) -> dict[str, object]:
    """The JSON shape of every refusal: ``{"error": {"code", "message", "facts"?}}``."""
    # A fact may quote a field of the request, and half a surrogate out of JSON is not UTF-8.
    facts = json.loads(json.dumps(facts, ensure_ascii=False).encode("utf-8", "replace"))
    said: dict[str, object] = {"code": code, "message": sentence(code, language, **facts)}
    if facts:
        said["facts"] = facts
    return {"error": said}


def language_of(request: Request) -> str:
    """The reader's language: the page's cookie, then Accept-Language, then the service's default."""
    chosen = request.cookies.get("muster_language")
    if chosen in ("zh", "en"):
        return chosen
    accepted = request.headers.get("accept-language", "").lower()
    for part in accepted.split(","):
        tag = part.split(";")[0].strip()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    settings = getattr(request.app.state, "settings", None)
    return settings.default_language if settings else "zh"


def about(request: Request, thing: str, number: int) -> None:
    """Note that what a query chose is all that is shown, for the line of whoever looks at it (``app.views``)."""
    request.scope["muster_about"] = f"{thing}:{number}"


LARGE_MAX = 4
"""Large bodies (enrolments, rosters) that arrive at once in one process."""
PATH_CHARACTERS_MAX = 1024


class BodyLimit:
    """Refuse a body above the cap of its path (413) and one that takes too long to arrive (408).

    Args:
        limit_of: path -> largest body in bytes.
        seconds_max: longest time from the first to the last byte of a body.
        stranger_max: largest body of a request that shows no sign-in at all.
    """

    def __init__(
        self, app: ASGIApp, *, limit_of: Callable[[str], int], seconds_max: float, stranger_max: int
    ) -> None:
        self.app = app
        self.stranger_max = stranger_max
        self.large = 0
        self.limit_of = limit_of
        self.seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        limit = self.limit_of(scope["path"])
        if limit > self.stranger_max and not scope["path"].startswith("/v1/devices/"):
            # A form is read before its route asks who sent it: nobody in particular may send a large one.
            if b"authorization" not in headers and b"muster_session=" not in headers.get(b"cookie", b""):
                limit = self.stranger_max
            else:
                await self._one_of_few(scope, receive, send, limit, headers)
                return
        await self._counted(scope, receive, send, limit, headers)

    async def _one_of_few(
        self, scope: Scope, receive: Receive, send: Send, limit: int, headers: dict[bytes, bytes]
    ) -> None:
        """Large bodies, a few at a time: they are held in memory."""
        if self.large >= LARGE_MAX:
            body = json.dumps(error_body("busy"), ensure_ascii=False).encode()
            head = [(b"content-type", b"application/json"), (b"retry-after", b"5"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 503, "headers": head})
            await send({"type": "http.response.body", "body": body})
            return
        self.large += 1
        try:
            await self._counted(scope, receive, send, limit, headers)
        finally:
            self.large -= 1

    async def _counted(
        self, scope: Scope, receive: Receive, send: Send, limit: int, headers: dict[bytes, bytes]
    ) -> None:
        answered = False
        started = False

        async def refuse(status: int, code: str, **facts: object) -> None:
            nonlocal answered
            answered = True
            body = json.dumps(error_body(code, **facts), ensure_ascii=False).encode()
            # The rest of the body is not read: closing is the only way to stop it.
            head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": status, "headers": head})
            await send({"type": "http.response.body", "body": body})

        if len(scope["path"]) > PATH_CHARACTERS_MAX:
            await refuse(404, "page_unknown")
            return
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit() or len(announced) > 18:
            await refuse(400, "request_malformed", field="Content-Length")
            return
        if int(announced) > limit:
            await refuse(413, "body_too_large", limit=limit)
            return

        counted = 0
        deadline: float | None = None
        complete = False

        async def counted_receive() -> Message:
            nonlocal counted, deadline, complete
            if answered:
                return {"type": "http.disconnect"}
            if complete:
                return await receive()
            if deadline is None:
                deadline = asyncio.get_running_loop().time() + self.seconds_max
            try:
                # Not wait_for, which makes a task of every piece of a body.
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                if not started:
                    await refuse(408, "body_late")
                return {"type": "http.disconnect"}
            if message["type"] == "http.request":
                counted += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if counted > limit and not started:
                    await refuse(413, "body_too_large", limit=limit)
                    return {"type": "http.disconnect"}
            return message

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if answered:
                return
            started = True
            await send(message)

        await self.app(scope, counted_receive, guarded_send)


class AccessLine:
    """Give each request an id, answer it in ``X-Request-Id``, and write one line when it ends."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        status = 0
        began = time.perf_counter()

        async def marked_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, marked_send)
            finally:
                seconds = time.perf_counter() - began
                # The route's pattern, not the path: a path may hold an id somebody typed.
                route = getattr(scope.get("route"), "path", None) or "-"
                self.metrics.request_seconds.labels(route, f"{status // 100}xx" if status else "none").observe(seconds)
                if route not in ("/healthz", "/metrics", "/readyz"):
                    log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def refusal(error: ServiceError, language: str) -> tuple[int, dict[str, object], dict[str, str]]:
    """(status, JSON body, headers) of a refusal."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return error.status, error_body(error.code, language, **error.facts), headers
