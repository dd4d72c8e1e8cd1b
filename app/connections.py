"""The server's side of a connection: one that does not finish asking is closed.

uvicorn waits for a request's head as long as the connection lives (its own keep-alive limit begins after an answer
and ends with the next byte), and ``app.web`` sees a request only when its head is whole.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def closing_after(seconds: float) -> type[H11Protocol]:
    """uvicorn's protocol for HTTP/1.1, which closes a connection whose next head is not whole in time.

    Args:
        seconds: from the connection's first moment, and from the first byte of every later head.
    """

    class Protocol(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._late is not None:
                self._late.cancel()
            super().connection_lost(exc)

        def _watch(self) -> None:
            # IDLE: between two requests, or in the middle of a head.
            if self.conn.their_state is not h11.IDLE:
                if self._late is not None:
                    self._late.cancel()
                self._late = None
            elif self._late is None:
                # Not again at each byte: a head that comes in drops has no longer than one that does not come.
                self._late = self.loop.call_later(seconds, self._close_if_late)

        def _close_if_late(self) -> None:
            self._late = None
            if self.conn.their_state is h11.IDLE:
                self.transport.close()

    return Protocol
