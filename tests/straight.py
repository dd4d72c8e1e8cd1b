"""A client that calls the application straight: one hand-over to the event loop a request.

``TestClient`` hands over eight times, and outside ``with`` starts a loop and a thread for every request: 3 ms of processor
time each, in a suite that asks some twenty thousand times. It is still what streams and web sockets are tried with: here an
answer is whole, or none.
"""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from urllib.parse import unquote

import httpx2
from anyio import Event
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI


@cache
def _loop() -> BlockingPortal:
    """The event loop of this process, in a thread of its own: a test's thread may have one that runs already."""
    kept = ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(start_blocking_portal())


class Straight(httpx2.BaseTransport):
    """Args:
    raises: let through what the application raises, after its 500.
    """

    def __init__(self, app: FastAPI, *, raises: bool) -> None:
        self._app, self._raises = app, raises

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, whole."""
        return _loop().call(self._answer, request, request.read())

    async def _answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        url, head, said, waits, told = request.url, {}, [], [body], Event()
        scope = {
            "type": "http", "http_version": "1.1", "method": request.method, "scheme": url.scheme, "path": unquote(url.path),
            "raw_path": url.raw_path.split(b"?", 1)[0], "root_path": "", "query_string": url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw], "client": ("testclient", 50000),
            "server": (url.host, url.port or 80), "extensions": {}, "state": {},
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            if waits:
                return {"type": "http.request", "body": waits.pop()}
            # Whoever hangs up before he was told everything is told nothing more.
            await told.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                head.update(status_code=message["status"], headers=message["headers"])
            else:
                said.append(message.get("body", b""))
                if not message.get("more_body"):
                    told.set()

        try:
            await self._app(scope, receive, send)
        except Exception:
            if self._raises or not head:
                raise
        return httpx2.Response(**head, content=b"".join(said))


class Client(httpx2.Client):
    """Asks an application as ``TestClient`` does; follows no redirect."""

    def __init__(self, app: FastAPI, *, raises: bool = True, headers: dict[str, str] | None = None) -> None:
        told = {"user-agent": "testclient", **{name.lower(): value for name, value in (headers or {}).items()}}
        super().__init__(transport=Straight(app, raises=raises), base_url="http://testserver", headers=told)
        self.app = app


@contextmanager
def living(app: FastAPI) -> Iterator[None]:
    """The application between its start and its stop."""
    with _loop().wrap_async_context_manager(app.router.lifespan_context(app)):
        yield
