"""A gate in software: takes pictures from a plan, sends them, and does not give up.

    python -m devices.sim --url http://127.0.0.1:8080 --plan plan.json --out results.jsonl

``Gate`` is one gate; the command plays a plan on as many as the plan names:

    {"devices": [{"device_id": "gate-1", "key_hex": "..."}],
     "frames": [{"label": "morning-1", "device_id": "gate-1", "path": "a.jpg", "kind": "frame"}, ...]}

Kinds of a plan's entry. What an honest gate does:

    frame       a picture, from ``path``; with ``captured_at_ms`` if the entry has it
    card        ``channel`` and ``value``
    garbage     properly signed, but no picture: the bytes of ``path``, or noise
    resend      the gate's previous event once more, as if the answer had been lost

What others do:

    replay      the previous delivery to the byte, old nonce and all
    conflict    the previous event's key with another body (``path``, or noise)
    forged      a picture signed with a key that is not the gate's
    tampered    a picture changed after it was signed

Every event is in the outbox before it is first sent, and leaves it only on an answer that the
service signed. Every half minute and at the end each gate says how much it still keeps. With ``--outbox FILE`` that survives a kill: started again with the same
``--outbox`` and ``--out``, the simulator sends what was left and goes on where it stopped.
One such file serves one plan. It holds faces and card numbers, readable by its owner only.

Neither keys, card values nor the service's sentences are ever printed or written to results.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import re
import secrets
import select
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from devices.base import BadSignature, Channel
from devices.dialects import frames

PLAN_SAYS = """a plan names the gates, with the id and key of the devices page, and what they send, one after the other:

    {"devices": [{"device_id": "gate-1", "key_hex": "64 hexadecimal digits"}],
     "frames": [{"label": "wang-1", "device_id": "gate-1", "kind": "frame", "path": "wang.jpg"},
                {"label": "li-1", "device_id": "gate-1", "kind": "card", "channel": "code", "value": "12345674"}]}

path is a JPEG picture, beside the plan or absolute. kind is frame (a picture), card (a card or a code), garbage or resend;
replay, conflict, forged and tampered are what an attacker sends.
"""

RETRY_AFTER_S_MAX = 60.0
HEARTBEAT_S = 30.0
ANSWER_BYTES_MAX = 1 << 20
KINDS = ("frame", "card", "garbage", "resend", "replay", "conflict", "forged", "tampered")
# Events with a key of their own, which a later resend can repeat.
_OWN = ("frame", "card", "garbage")
_WORD = re.compile("[A-Za-z0-9_.:-]{1,100}")
_NOISE = b"this is not a picture"
# Refusals that say "later", not "no".
_LATER = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class Event:
    """What the gate keeps until it is answered; it stays the same however often it is sent."""

    path: str = field(repr=False)
    event_key: str
    content_type: str = field(repr=False)
    body: bytes = field(repr=False)
    n: int | None = None
    """Its place in the plan, if it came from one."""
    label: str | None = None
    kind: str = "frame"
    captured_at_ms: int | None = None
    """When it happened, by the gate's clock; None: when it is stored."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one event. ``status`` is None when the gate's patience ended first."""

    n: int | None
    label: str | None
    kind: str
    device_id: str
    event_key: str
    status: int | None
    decision: str | None
    code: str | None
    recorded: bool | None
    repeated: bool | None
    event_id: str | None
    open: bool
    """Only ever True for an answer that is proven."""
    proven: bool
    """The service signed it, for this delivery."""
    attempts: int
    round_trip_ms: float | None
    """Of the delivery that was answered."""
    waited_ms: float
    """From the first attempt on, everything included."""


class Outbox:
    """Events not yet answered, oldest first; in memory, or in a file that survives a kill."""

    def __init__(self, file: str | os.PathLike[str] | None = None) -> None:
        if file is not None:
            # Before SQLite makes it, so that its journals inherit the mode as well.
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        # A test may build a gate in one thread and run it in another, one at a time.
        self._db = sqlite3.connect(
            ":memory:" if file is None else file, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, device_id TEXT NOT NULL,"
            " path TEXT NOT NULL, event_key TEXT NOT NULL, content_type TEXT NOT NULL,"
            " body BLOB NOT NULL, n INTEGER, label TEXT, kind TEXT NOT NULL, captured_at_ms INTEGER)"
        )
        # A file of an earlier version has no such column.
        with contextlib.suppress(sqlite3.OperationalError):
            self._db.execute("ALTER TABLE outbox ADD COLUMN captured_at_ms INTEGER")

    def add(self, device_id: str, event: Event) -> int:
        columns = asdict(event)
        row = self._db.execute(
            "INSERT INTO outbox (device_id, path, event_key, content_type, body, n, label, kind, captured_at_ms)"
            " VALUES (:device_id, :path, :event_key, :content_type, :body, :n, :label, :kind, :captured_at_ms)",
            {"device_id": device_id, **columns},
        )
        return int(row.lastrowid or 0)

    def stored(self, device_id: str) -> tuple[int, int | None]:
        """Return how many events of a gate wait, and when the oldest happened; 0 where that is not known."""
        count, oldest_ms = self._db.execute(
            "SELECT count(*), min(coalesce(captured_at_ms, 0)) FROM outbox WHERE device_id = ?", (device_id,)
        ).fetchone()
        return int(count), oldest_ms

    def remove(self, row_id: int) -> None:
        self._db.execute("DELETE FROM outbox WHERE id = ?", (row_id,))

    def waiting(self, device_id: str) -> list[tuple[int, Event]]:
        rows = self._db.execute(
            "SELECT id, path, event_key, content_type, body, n, label, kind, captured_at_ms FROM outbox"
            " WHERE device_id = ? ORDER BY id",
            (device_id,),
        )
        return [(row_id, Event(*columns)) for row_id, *columns in rows]

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def close(self) -> None:
        self._db.close()


class Gate:
    """One gate: numbers its events, keeps them, sends them until they are answered.

    Args:
        url: scheme, host and port of the service; signed paths start at its root.
        outbox: shared between gates if they are to share a file.
        patience_s: how long one event is tried before the gate turns to the next; it stays in
            the outbox. None: for ever.
        on_answer: called before the event leaves the outbox, so that a kill in between
            writes an answer twice rather than never.
        wait, now, jitter: the clocks and the chance, replaced in tests.
    """

    def __init__(
        self,
        url: str,
        device_id: str,
        key: bytes,
        *,
        outbox: Outbox | None = None,
        boot_id: str | None = None,
        timeout_s: float = 10.0,
        patience_s: float | None = 600.0,
        backoff_s: float = 0.2,
        backoff_max_s: float = 10.0,
        on_answer: Callable[[Answer], None] | None = None,
        wait: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        where = urlsplit(url)
        if where.scheme not in ("http", "https") or not where.hostname or where.path.strip("/"):
            raise ValueError("the url is scheme://host:port and nothing more")
        self._connect = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
        self._address = (where.hostname, where.port)
        self.device_id = device_id
        self._key = key
        self.outbox = Outbox() if outbox is None else outbox
        # A new one for each start: the count may begin at 1 again without naming an old event.
        self.boot_id = boot_id or secrets.token_hex(8)
        self._seq = count(1)
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._backoff_s = backoff_s
        self._backoff_max_s = backoff_max_s
        self._on_answer = on_answer
        self._wait, self._now, self._jitter = wait, now, jitter
        self._connection: http.client.HTTPConnection | None = None
        self._last: Event | None = None
        self._last_headers: dict[str, str] | None = None
        # Heartbeats are counted apart: a lost one must not look like a lost event.
        self._beat_boot_id, self._beats = secrets.token_hex(8), count(1)
        self._beat_at = time.monotonic()
        # A gate that cannot sign must say so before it takes an event.
        self._signed(frame_event(device_id, f"{self.boot_id}:0", b""), key)

    def __repr__(self) -> str:
        return f"Gate({self.device_id!r})"

    def next_key(self) -> str:
        return f"{self.boot_id}:{next(self._seq)}"

    def post_frame(
        self,
        jpeg: bytes,
        *,
        event_key: str | None = None,
        captured_at_ms: int | None = None,
        n: int | None = None,
        label: str | None = None,
        kind: str = "frame",
    ) -> Answer:
        event_key = event_key or self.next_key()
        # Stamped when it is stored: sent hours later it must not open the gate, nor be dated by its arrival.
        captured_at_ms = int(self._now() * 1000) if captured_at_ms is None else captured_at_ms
        return self.post(frame_event(self.device_id, event_key, jpeg, captured_at_ms, n, label, kind))

    def post_card(
        self,
        channel: Channel,
        value: str,
        *,
        event_key: str | None = None,
        captured_at_ms: int | None = None,
        n: int | None = None,
        label: str | None = None,
    ) -> Answer:
        event_key = event_key or self.next_key()
        captured_at_ms = int(self._now() * 1000) if captured_at_ms is None else captured_at_ms
        return self.post(card_event(self.device_id, event_key, channel, value, captured_at_ms, n, label))

    def resend_last(self, *, n: int | None = None, label: str | None = None) -> Answer:
        """Send the previous event again, as if its answer had been lost."""
        again = replace(self._previous(), n=n, label=label, kind="resend")
        return self.post(again)

    def replay_last(self, *, n: int | None = None, label: str | None = None) -> Answer:
        """Send the previous delivery to the byte, as one who overheard it would.

        After a restart the old headers are gone: the event is resent first, and that delivery replayed.
        """
        again = replace(self._previous(), n=n, label=label, kind="replay")
        if self._last_headers is None:
            self._deliver(replace(again, n=None, label=None, kind="resend"))
        headers = dict(self._last_headers or {})
        return self._deliver(again, sign=lambda _event: headers, honest=False)

    def conflict_last(self, body: bytes, *, n: int | None = None, label: str | None = None) -> Answer:
        """Send the previous event's key with another body."""
        other = replace(self._previous(), body=body, n=n, label=label, kind="conflict")
        return self._deliver(other, honest=False)

    def post_forged(self, jpeg: bytes, *, n: int | None = None, label: str | None = None) -> Answer:
        """Send a picture signed with a key that is not this gate's."""
        event = self._stranger(jpeg, n, label, "forged")
        key = secrets.token_bytes(32)
        return self._deliver(event, sign=lambda e: self._signed(e, key), honest=False)

    def post_tampered(self, jpeg: bytes, *, n: int | None = None, label: str | None = None) -> Answer:
        """Send a picture that was changed after it was signed."""
        event = self._stranger(jpeg + b"\0", n, label, "tampered")
        as_signed = self._stranger(jpeg, n, label, "tampered", event.event_key)
        return self._deliver(event, sign=lambda _e: self._signed(as_signed, self._key), honest=False)

    def remember(self, event: Event) -> None:
        """Take ``event`` for the previous one, after a restart; it is not sent."""
        self._last, self._last_headers = event, None

    def beat(self, *, every_s: float = 0.0) -> bool:
        """Say how much is stored, unless that was said less than ``every_s`` ago; True when the service heard it.

        One try: the next heartbeat says more than this one again.
        """
        if time.monotonic() - self._beat_at < every_s:
            return False
        self._beat_at = time.monotonic()
        stored, oldest_ms = self.outbox.stored(self.device_id)
        body = frames.heartbeat_body(stored, oldest_ms, int(self._now() * 1000))
        path, key = frames.heartbeats_path(self.device_id), f"{self._beat_boot_id}:{next(self._beats)}"
        event = Event(path, key, "application/json", body, kind="heartbeat")
        headers = self._signed(event, self._key)
        try:
            status, reply_headers, answer = self._exchange(event, headers)
        except (OSError, http.client.HTTPException):
            self.close()
            return False
        return status == 200 and self._read(headers, event, reply_headers, answer)[0]

    def drain(self) -> list[Answer]:
        """Send what an earlier life of this gate left in the outbox, oldest first."""
        return [self._settle(row_id, event) for row_id, event in self.outbox.waiting(self.device_id)]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _previous(self) -> Event:
        if self._last is None:
            raise LookupError("this gate has not sent anything yet")
        return self._last

    def _stranger(
        self, jpeg: bytes, n: int | None, label: str | None, kind: str, event_key: str | None = None
    ) -> Event:
        # A boot id of its own: an attacker's event must not make a gap in the gate's numbers.
        event_key = event_key or f"{secrets.token_hex(8)}:1"
        return frame_event(self.device_id, event_key, jpeg, n=n, label=label, kind=kind)

    def post(self, event: Event) -> Answer:
        """Store one of this gate's own events, then send it.

        Raises:
            ValueError: its key or path is not of the contract's form; it is not stored.
        """
        self._signed(event, self._key)
        if event.captured_at_ms is None:
            event = replace(event, captured_at_ms=int(self._now() * 1000))
        return self._settle(self.outbox.add(self.device_id, event), event)

    def _settle(self, row_id: int, event: Event) -> Answer:
        self._last = event
        answer = self._deliver(event)
        # A refusal that anyone on the wire could have written must not delete an attendance:
        # it ends this attempt, and the event is tried again at the next start.
        if answer.proven:
            self.outbox.remove(row_id)
        return answer

    def _signed(self, event: Event, key: bytes) -> dict[str, str]:
        # The time and the nonce are of this delivery: the service's window is about the
        # request, so an event that waited for hours is not refused for its age.
        return frames.sign_request(
            key,
            path=event.path,
            event_key=event.event_key,
            body=event.body,
            timestamp_ms=int(self._now() * 1000),
        )

    def _deliver(
        self,
        event: Event,
        *,
        sign: Callable[[Event], dict[str, str]] | None = None,
        honest: bool = True,
    ) -> Answer:
        """Send until the answer is final: a proven 2xx, or a refusal that does not say "later".

        Anything else is tried again: 5xx, 429, no connection, and a 2xx without a good
        signature, which may come from someone who wants to open the gate or lose the event.
        Whoever is not honest takes any answer, for he cannot expect a signed one.
        """
        began = time.monotonic()
        for attempt in count(1):
            headers = sign(event) if sign else self._signed(event, self._key)
            if honest:
                self._last_headers = headers
            sent = time.monotonic()
            retry_after_s = 0.0
            code = "no_answer"
            try:
                status, reply_headers, body = self._exchange(event, headers)
            except (OSError, http.client.HTTPException):
                self.close()
            else:
                proven, reply = self._read(headers, event, reply_headers, body)
                decided = proven and "decision" in reply
                final = (200 <= status < 300 and (decided or not honest)) or (
                    400 <= status < 500 and status not in _LATER
                )
                if final:
                    return self._finish(event, status, proven, reply, attempt, sent, began)
                code = "reply_unproven" if status < 300 else _word(reply.get("code")) or f"status_{status}"
                retry_after_s = _retry_after_s(reply_headers.get("Retry-After"), self._now())
            backoff_s = min(self._backoff_max_s, self._backoff_s * 2 ** min(attempt - 1, 30))
            # Half of it by chance: gates that lost the service together must not return together.
            pause_s = max(retry_after_s, backoff_s * self._jitter(0.5, 1.0))
            spent_s = time.monotonic() - began
            if self._patience_s is not None and spent_s + pause_s > self._patience_s:
                return self._finish(event, None, False, {"code": code}, attempt, None, began)
            self._wait(pause_s)
        raise AssertionError("unreachable")

    def _exchange(self, event: Event, headers: dict[str, str]) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._connection is None:
            self._connection = self._connect(*self._address, timeout=self._timeout_s)
        connection = self._connection
        if connection.sock is None:
            connection.connect()
            # Without this the last small packet of a request waits for the other's delayed ACK.
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif _closed_by_service(connection.sock):
            # Servers close an idle connection after a few seconds; a gate at lunch time is idle.
            connection.close()
            return self._exchange(event, headers)
        # The service may refuse a head and hang up before it has read the body; its answer may
        # be waiting all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(
                "POST", event.path, event.body, {**headers, "Content-Type": event.content_type}
            )
        response = connection.getresponse()
        body = response.read(ANSWER_BYTES_MAX)
        if response.will_close or not response.isclosed():
            connection.close()
        return response.status, response.headers, body

    def _read(
        self, headers: dict[str, str], event: Event, reply_headers: http.client.HTTPMessage, body: bytes
    ) -> tuple[bool, dict[str, Any]]:
        """Return whether the service signed this answer, and what it says."""
        try:
            reply = json.loads(body)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            return False, {}
        if isinstance(reply.get("error"), dict):
            # A refusal says its code one level down.
            reply = {"code": reply["error"].get("code")}
        try:
            frames.verify_reply(
                self._key,
                nonce=headers["X-Nonce"],
                event_key=event.event_key,
                body=body,
                signature=reply_headers.get(frames.REPLY_SIGNATURE),
            )
        except BadSignature:
            return False, reply
        return True, reply

    def _finish(
        self,
        event: Event,
        status: int | None,
        proven: bool,
        reply: dict[str, Any],
        attempts: int,
        sent: float | None,
        began: float,
    ) -> Answer:
        ended = time.monotonic()
        opened = proven and status is not None and status < 300 and reply.get("open") is True
        answer = Answer(
            n=event.n,
            label=event.label,
            kind=event.kind,
            device_id=self.device_id,
            event_key=event.event_key,
            status=status,
            decision=_word(reply.get("decision")),
            code=_word(reply.get("code")),
            recorded=_flag(reply.get("recorded")),
            repeated=_flag(reply.get("repeated")),
            event_id=_word(reply.get("event_id")),
            open=opened,
            proven=proven,
            attempts=attempts,
            round_trip_ms=None if sent is None else round((ended - sent) * 1000, 1),
            waited_ms=round((ended - began) * 1000, 1),
        )
        if self._on_answer is not None:
            self._on_answer(answer)
        return answer


def frame_event(
    device_id: str,
    event_key: str,
    jpeg: bytes,
    captured_at_ms: int | None = None,
    n: int | None = None,
    label: str | None = None,
    kind: str = "frame",
) -> Event:
    content_type, body = frames.frame_body(jpeg, captured_at_ms)
    return Event(frames.frames_path(device_id), event_key, content_type, body, n, label, kind, captured_at_ms)


def card_event(
    device_id: str,
    event_key: str,
    channel: Channel,
    value: str,
    captured_at_ms: int | None = None,
    n: int | None = None,
    label: str | None = None,
) -> Event:
    body = frames.card_body(channel, value, captured_at_ms)
    return Event(frames.cards_path(device_id), event_key, "application/json", body, n, label, "card", captured_at_ms)


def _closed_by_service(sock: socket.socket) -> bool:
    """True when an idle kept-alive connection has something to read: its end, or bytes nobody asked for."""
    return bool(select.select([sock], [], [], 0)[0])


def _word(value: object) -> str | None:
    """Return a code or an id from an answer, or None: what anybody could have sent stays off the terminal."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _retry_after_s(value: str | None, now: float) -> float:
    """Read Retry-After, in seconds or as a date; nonsense is zero and no service may send a gate to sleep."""
    if not value:
        return 0.0
    try:
        wait_s = float(value) if value.strip().isdecimal() else parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wait_s, 0.0), RETRY_AFTER_S_MAX)


class BadPlan(Exception):
    """The plan cannot be played; the message says which entry, never a key or a value."""


@dataclass(frozen=True, slots=True)
class Plan:
    keys: dict[str, bytes] = field(repr=False)
    entries: list[dict[str, Any]] = field(repr=False)
    folder: Path
    """Paths of entries are relative to the plan."""


def read_plan(file: Path) -> Plan:
    """Read and check a whole plan before anything of it is sent.

    Raises:
        BadPlan
    """
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
        keys = {device["device_id"]: bytes.fromhex(device["key_hex"]) for device in plan["devices"]}
        entries = list(plan["frames"])
    except OSError:
        raise BadPlan("the plan cannot be opened") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadPlan("the plan is not the JSON described in devices.sim") from None
    begun: set[str] = set()
    for n, entry in enumerate(entries):
        device_id = entry.get("device_id") if isinstance(entry, dict) else None
        if not isinstance(device_id, str) or device_id not in keys:
            raise BadPlan(f"entry {n}: no such device in the plan")
        kind = entry.setdefault("kind", "frame")
        if kind not in KINDS:
            raise BadPlan(f"entry {n}: the kind is one of {', '.join(KINDS)}")
        if kind == "card" and not (
            isinstance(entry.get("channel"), str) and isinstance(entry.get("value"), str)
        ):
            raise BadPlan(f"entry {n}: a card has a channel and a value")
        if kind in ("frame", "forged", "tampered") and "path" not in entry:
            raise BadPlan(f"entry {n}: a {kind} has a path")
        if "path" in entry and not (file.parent / str(entry["path"])).is_file():
            raise BadPlan(f"entry {n}: no such file")
        if kind in _OWN:
            begun.add(entry["device_id"])
        elif kind in ("resend", "replay", "conflict") and entry["device_id"] not in begun:
            raise BadPlan(f"entry {n}: a {kind} needs an earlier event of its gate")
    return Plan(keys, entries, file.parent)


def play(
    plan: Plan,
    url: str,
    *,
    rate: float = 2.0,
    results: TextIO | None = None,
    answered: Mapping[int, str] | None = None,
    outbox: Outbox | None = None,
    progress: TextIO | None = None,
    heartbeat_s: float = HEARTBEAT_S,
    **gate_settings: Any,
) -> list[Answer]:
    """Send a plan's entries in order and return what became of them.

    Args:
        rate: entries a second, at most; 0 is as fast as they are answered.
        results: gets one JSON line an answer, at once.
        answered: place in the plan to event key, for what an earlier run has answered; left out.
        outbox: what is waiting in it is sent first.
        heartbeat_s: seconds between two heartbeats of a gate; each sends one more at the end.
        progress: gets ``progress <done>/<all> <status> <decision or code> <ms>`` an answer.
    """
    outbox = Outbox() if outbox is None else outbox
    done = dict(answered or {})
    answers: list[Answer] = []

    def note(answer: Answer) -> None:
        answers.append(answer)
        if answer.n is not None:
            done[answer.n] = answer.event_key
        if results is not None:
            print(json.dumps(asdict(answer), ensure_ascii=False), file=results, flush=True)
        if progress is not None:
            print(
                f"progress {len(done)}/{len(plan.entries)} {answer.status or '-'}"
                f" {answer.decision or answer.code or '-'} {answer.round_trip_ms or 0:.0f}ms",
                file=progress,
                flush=True,
            )

    gates = {
        device_id: Gate(url, device_id, key, outbox=outbox, on_answer=note, **gate_settings)
        for device_id, key in plan.keys.items()
    }
    try:
        for gate in gates.values():
            gate.drain()
        started, sent = time.monotonic(), 0
        for n, entry in enumerate(plan.entries):
            gate = gates[entry["device_id"]]
            if n in done:
                if entry["kind"] in _OWN:
                    gate.remember(_own_event(entry, n, done[n], plan.folder))
                continue
            if rate > 0:
                time.sleep(max(0.0, started + sent / rate - time.monotonic()))
            sent += 1
            _play_entry(gate, n, entry, plan.folder)
            for other in gates.values():
                other.beat(every_s=heartbeat_s)
        for gate in gates.values():
            gate.beat()
    finally:
        for gate in gates.values():
            gate.close()
    return answers


def _own_event(entry: dict[str, Any], n: int, event_key: str, folder: Path) -> Event:
    named = {"captured_at_ms": entry.get("captured_at_ms"), "n": n, "label": entry.get("label")}
    if entry["kind"] == "card":
        return card_event(entry["device_id"], event_key, entry["channel"], entry["value"], **named)
    content = _content(entry, folder)
    return frame_event(entry["device_id"], event_key, content, kind=entry["kind"], **named)


def _content(entry: dict[str, Any], folder: Path) -> bytes:
    return (folder / entry["path"]).read_bytes() if "path" in entry else _NOISE


def _play_entry(gate: Gate, n: int, entry: dict[str, Any], folder: Path) -> Answer:
    named = {"n": n, "label": entry.get("label")}
    match entry["kind"]:
        case "resend":
            return gate.resend_last(**named)
        case "replay":
            return gate.replay_last(**named)
        case "conflict":
            return gate.conflict_last(_content(entry, folder), **named)
        case "forged":
            return gate.post_forged(_content(entry, folder), **named)
        case "tampered":
            return gate.post_tampered(_content(entry, folder), **named)
        case _:
            return gate.post(_own_event(entry, n, gate.next_key(), folder))


def _answered(file: Path) -> dict[int, str]:
    """Return which entries an earlier run has answered; a line cut by the kill counts as not written."""
    keys: dict[int, str] = {}
    for line in file.read_bytes().splitlines() if file.exists() else ():
        try:
            answer = json.loads(line)
            if answer["status"] is not None:
                keys[int(answer["n"])] = str(answer["event_key"])
        except (ValueError, KeyError, TypeError):
            continue
    return keys


def main(argv: list[str] | None = None) -> int:
    """Return 0 when every entry was answered, 1 when not, 2 when the plan or the options are no good."""
    parser = argparse.ArgumentParser(
        prog="python -m devices.sim", description="Play a plan of gate events.", epilog=PLAN_SAYS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", required=True, help="scheme://host:port of the service")
    parser.add_argument("--plan", required=True, type=Path, help="JSON file: which gates send which pictures, in order; see below")
    parser.add_argument("--rate", type=float, default=2.0, help="entries a second; 0: no limit (default 2)")
    parser.add_argument("--out", type=Path, help="one JSON line an answer; standard output if left out")
    parser.add_argument("--outbox", type=Path, help="SQLite file that lets a killed gate go on")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds per event (default 600)")
    options = parser.parse_args(argv)
    outbox = results = None
    try:
        plan = read_plan(options.plan)
        resuming = options.outbox is not None and options.out is not None
        answered = _answered(options.out) if resuming else {}
        outbox = Outbox(options.outbox)
        results = _appending(options.out, resuming) if options.out else sys.stdout
        began = datetime.now(UTC)
        answers = play(
            plan,
            options.url,
            rate=options.rate,
            results=results,
            answered=answered,
            outbox=outbox,
            progress=sys.stderr,
            patience_s=options.patience,
        )
    except (BadPlan, ValueError) as refused:
        print(f"devices.sim: {refused}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        if outbox is not None:
            outbox.close()
        if results is not None and results is not sys.stdout:
            results.close()
    took_s = (datetime.now(UTC) - began).total_seconds()
    unanswered = sum(answer.status is None for answer in answers)
    print(f"done {len(answers)} answers, {unanswered} without, {took_s:.1f}s", file=sys.stderr, flush=True)
    return 1 if unanswered else 0


def _appending(file: Path, resuming: bool) -> TextIO:
    results = file.open("a" if resuming else "w", encoding="utf-8")
    if resuming and results.tell() and not file.read_bytes().endswith(b"\n"):
        results.write("\n")
    return results


if __name__ == "__main__":
    sys.exit(main())
