"""A gate camera in software that streams: shows pictures over a WebSocket and keeps what was not answered.

    python -m devices.sim_stream --url ws://127.0.0.1:8080 --device gate-1 --key-file gate-1.key --pictures folder --fps 5

Plays the JPEGs of a folder in the order of their names, as a camera would: what comes while there is no credit takes the
place of what waited. What was sent and not answered is sent again after a reconnection, as the same event. One JSON line an
answer on standard output; no key, no picture and no sentence of the service is ever printed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from devices.base import BadSignature
from devices.dialects import frames
from devices.links.websocket import GateEnd, handshake, stream_path

BACKOFF_S, BACKOFF_MAX_S = 0.2, 10.0
MESSAGE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture the gate has numbered; it stays the same however often it is sent."""

    seq: int
    jpeg: bytes = field(repr=False)
    captured_ms: int


class StreamGate:
    """One gate that streams. Not for threads.

    Args:
        url: ws:// or wss://, host and port of the service.
        looks: every picture is one of many, not an event of its own.
        now, wait, jitter: the clock, the pause and the chance, replaced in tests.
    """

    def __init__(
        self,
        url: str,
        device_id: str,
        key: bytes,
        *,
        boot_id: str | None = None,
        looks: bool = False,
        timeout_s: float = 10.0,
        now: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._url, self.device_id, self._key = url.rstrip("/"), device_id, key
        self.boot_id = boot_id or secrets.token_hex(8)
        self._looks = looks
        self._timeout_s, self._now, self._wait, self._jitter = timeout_s, now, wait, jitter
        self._opened = contextlib.ExitStack()
        self._socket: ClientConnection | None = None
        self._end: GateEnd | None = None
        self._seq, self._failures = 0, 0
        self._newest: Shown | None = None
        self._again: list[Shown] = []
        self._again_at = 0.0
        self._under_way: dict[str, Shown] = {}
        self.credits = 0
        self.dropped = 0
        """Pictures that were never sent: a newer one took their place."""
        self.closed: tuple[int, str] | None = None
        """Close code and reason of the connection that ended last."""

    def __repr__(self) -> str:
        return f"StreamGate({self.device_id!r})"

    def show(self, jpeg: bytes, captured_ms: int | None = None) -> str:
        """Take a picture to be sent as soon as there is a credit; return its event key."""
        if self._newest is not None:
            self.dropped += 1
        self._seq += 1
        self._newest = Shown(self._seq, jpeg, int(self._now() * 1000) if captured_ms is None else captured_ms)
        return f"{self.boot_id}:{self._seq}"

    @property
    def unanswered(self) -> int:
        """Pictures sent and not answered, or waiting to be."""
        return len(self._under_way) + len(self._again) + (self._newest is not None)

    def turn(self, seconds: float) -> list[dict[str, Any]]:
        """Connect if need be, send what there are credits for, and return what the service said within ``seconds``.

        Raises:
            InvalidStatus: the service does not let this gate in (401, 403): trying again will not help.
        """
        if self._socket is None and not self._connected():
            return []
        heard: list[dict[str, Any]] = []
        deadline = time.monotonic() + seconds
        try:
            while True:
                self._send()
                remaining = deadline - time.monotonic()
                # What has come is read even when there is no time to wait for more.
                said = self._end.read(str(self._socket.recv(timeout=max(remaining, 0.0))))
                self._take(said)
                heard.append(said)
        except TimeoutError:
            pass
        except (ConnectionClosed, OSError, BadSignature) as error:
            self._lost(error)
        return heard

    def settle(self, seconds: float) -> list[dict[str, Any]]:
        """Turn until everything shown is answered, at most ``seconds`` long."""
        heard: list[dict[str, Any]] = []
        deadline = time.monotonic() + seconds
        while self.unanswered and time.monotonic() < deadline:
            heard += self.turn(min(0.05, max(0.0, deadline - time.monotonic())))
        return heard

    def beat(self) -> None:
        """Say how much waits. Lost with the connection: the next heartbeat says more."""
        if self._socket is None:
            return
        kept = [*self._under_way.values(), *self._again, *([self._newest] if self._newest else [])]
        now_ms = int(self._now() * 1000)
        oldest_ms = min((shown.captured_ms for shown in kept), default=None)
        with contextlib.suppress(ConnectionClosed, OSError):
            self._socket.send(self._end.heartbeat(frames.heartbeat_body(len(kept), oldest_ms, now_ms), seq=0, sent_ms=now_ms))

    def cut(self) -> None:
        """Lose the connection without a word, as a cable does."""
        if self._socket is not None:
            self._socket.socket.close()
            self._lost(OSError("cut"))

    def close(self) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            self._opened.close()
        self._socket = None

    def __enter__(self) -> StreamGate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connected(self) -> bool:
        nonce = frames.new_nonce()
        headers = handshake(
            self._key, device_id=self.device_id, boot_id=self.boot_id, timestamp_ms=int(self._now() * 1000), nonce=nonce
        )
        try:
            self._socket = self._opened.enter_context(connect(
                self._url + stream_path(self.device_id), additional_headers=headers, compression=None, proxy=None,
                open_timeout=self._timeout_s, close_timeout=1, max_size=MESSAGE_BYTES_MAX, max_queue=None,
            ))  # fmt: skip
        except InvalidStatus as refused:
            if refused.response.status_code in (401, 403):
                raise
            return self._pause()
        except (OSError, InvalidHandshake, InvalidMessage, EOFError):
            return self._pause()
        self._end = GateEnd(self.device_id, self.boot_id, nonce, self._key)
        self.credits = 0
        self._again = sorted([*self._under_way.values(), *self._again], key=lambda shown: shown.seq)
        self._under_way, self._again_at = {}, 0.0
        return True

    def _pause(self) -> bool:
        self._failures += 1
        # Half of it by chance: gates that lost the service together must not return together.
        self._wait(min(BACKOFF_MAX_S, BACKOFF_S * 2 ** min(self._failures, 10)) * self._jitter(0.5, 1.0))
        return False

    def _send(self) -> None:
        while self.credits > 0:
            # What was refused for now comes before what is new, but not before it is due.
            if self._again and time.monotonic() >= self._again_at:
                shown = self._again.pop(0)
            elif self._newest is not None:
                shown, self._newest = self._newest, None
            else:
                return
            self.credits -= 1
            self._under_way[f"{self.boot_id}:{shown.seq}"] = shown
            self._socket.send(
                self._end.frame(shown.jpeg, seq=shown.seq, captured_ms=shown.captured_ms, sent_ms=int(self._now() * 1000), look=self._looks)
            )

    def _take(self, said: dict[str, Any]) -> None:
        self._failures = 0
        self.credits += int(said.get("credits", 0))
        shown = self._under_way.pop(str(said.get("event_key")), None)
        if shown is not None and said["kind"] == "refusal" and not said["final"]:
            self._again.append(shown)
            self._again_at = time.monotonic() + said["retry_after_ms"] / 1000

    def _lost(self, error: Exception) -> None:
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            self.closed = (error.rcvd.code, error.rcvd.reason)
        self.close()
        self.credits = 0


def main(argv: list[str] | None = None) -> int:
    """Return 0 when everything shown was answered or dropped, 1 when not, 2 when the service lets nobody in."""
    parser = argparse.ArgumentParser(prog="python -m devices.sim_stream", description="Stream pictures as a gate camera does.")
    parser.add_argument("--url", required=True, help="ws://host:port of the service")
    parser.add_argument("--device", required=True)
    parser.add_argument("--key-file", required=True, type=Path, help="file with the device's key in hex")
    parser.add_argument("--pictures", required=True, type=Path, help="folder of JPEGs, played in the order of their names")
    parser.add_argument("--fps", type=float, default=5.0, help="pictures a second (default 5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to play (default 10)")
    options = parser.parse_args(argv)
    pictures = [file.read_bytes() for file in sorted(options.pictures.glob("*.jp*g"))]
    if not pictures or options.fps <= 0:
        print("devices.sim_stream: no JPEG in that folder, or no rate", file=sys.stderr)
        return 2
    key = bytes.fromhex(options.key_file.read_text().strip())
    began = time.monotonic()
    with StreamGate(options.url, options.device, key, looks=True) as gate:
        try:
            for number, jpeg in enumerate(cycle(pictures)):
                due = began + number / options.fps
                if due - began > options.seconds:
                    break
                _print(gate.turn(max(0.0, due - time.monotonic())))
                gate.show(jpeg)
            _print(gate.settle(10.0))
        except InvalidStatus as refused:
            print(f"devices.sim_stream: the service says {refused.response.status_code}", file=sys.stderr)
            return 2
        print(f"done: {number} shown, {gate.dropped} dropped, {gate.unanswered} unanswered", file=sys.stderr)
        return 1 if gate.unanswered else 0


def _print(heard: list[dict[str, Any]]) -> None:
    for said in heard:
        kept = ("kind", "event_key", "decision", "code", "open", "recorded", "repeated", "credits", "final")
        print(json.dumps({name: said[name] for name in kept if name in said}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
