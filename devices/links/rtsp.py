"""A camera that is pulled over RTSP: its address, and the process that looks at it (devices.md 1.4).

    Address         an address somebody gave, checked: rtsp or rtsps, one host that is allowed, nothing that could be a command
    Puller          one connection to one camera, in a process of its own (``devices.links.rtsp_puller``)

Every connection has a process: whatever a stream makes the decoder do, it is killed and the service goes on. The process is
asked for a picture and answers with the newest one there is; nothing queues up between the camera and the question. It is
told the address on its standard input, never on its command line, and its error output goes nowhere: both could hold the
password.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import re
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

PORTS = {"rtsp": 554, "rtsps": 322}
ADDRESS_LENGTH_MAX = 500

PICTURE_BYTES_MAX = 16 * 1024 * 1024
SILENT_S = 5.0
"""The process says something every second; one that does not is hung in its decoder and killed."""

REASONS = (
    "camera_host_not_allowed", "host_unknown", "refused", "timed_out", "unauthorised", "not_found", "redirected",
    "certificate_wrong", "no_video", "no_frames", "unreadable", "ended", "hung", "puller_failed", "picture_frozen", "picture_late",
)  # fmt: skip
"""Why a camera is not live; codes, stable once released."""

MESSAGE = struct.Struct(">cI")
"""What the process writes: a kind, ``s`` what it knows or ``p`` a picture, and how many bytes follow."""
PICTURE = struct.Struct(">Qd?")
"""Before the JPEG: its number in the connection, the monotonic clock when it was taken, whether it is the same as for seconds."""

_TEXT = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class AddressWrong(ValueError):
    """``code`` is ``camera_address_malformed`` or ``camera_host_not_allowed``. Nothing of the address is in it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """Where a camera is. Only ``shown`` may be shown: the path of some makers holds the password too."""

    scheme: str
    host: str
    port: int
    user: str = field(repr=False)
    password: str = field(repr=False)
    target: str = field(repr=False)
    """Path and query."""

    @property
    def shown(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def read_address(text: str) -> Address:
    """Read an address as somebody typed it.

    Raises:
        AddressWrong: ``camera_address_malformed``: another scheme, no host, a character that no address has.
    """
    # A line end in an address would be a second command to the camera.
    if len(text) > ADDRESS_LENGTH_MAX or not _TEXT.fullmatch(text):
        raise AddressWrong("camera_address_malformed")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise AddressWrong("camera_address_malformed") from None
    if parts.scheme not in PORTS or parts.fragment or port == 0:
        raise AddressWrong("camera_address_malformed")
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host) or host.replace(".", "").isdigit():
            # 2130706433 and 127.1 are addresses to a C library, and no name to us.
            raise AddressWrong("camera_address_malformed") from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isprintable():
        raise AddressWrong("camera_address_malformed")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, host, port or PORTS[parts.scheme], user, password, target)


class AllowedHosts:
    """Hosts cameras may be at: addresses, networks (192.168.1.0/24) and names, comma-separated. Nothing else is ever connected to.

    Raises:
        ValueError: an entry is neither.
    """

    def __init__(self, text: str) -> None:
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._names: set[str] = set()
        for entry in filter(None, (part.strip().lower() for part in text.split(","))):
            try:
                self._networks.append(ipaddress.ip_network(entry))
            except ValueError:
                if not _HOST.fullmatch(entry) or entry.replace(".", "").isdigit():
                    raise ValueError(f"neither an address, a network nor a name: {entry}") from None
                self._names.add(entry)

    def check(self, address: Address) -> None:
        """Refuse a host that is not listed. A name is listed as itself: what it resolves to is nobody's permission.

        Raises:
            AddressWrong: ``camera_host_not_allowed``.
        """
        try:
            ip = ipaddress.ip_address(address.host)
        except ValueError:
            allowed = address.host.lower() in self._names
        else:
            # ::ffff:10.0.0.5 is 10.0.0.5.
            ip = getattr(ip, "ipv4_mapped", None) or ip
            allowed = any(ip in network for network in self._networks if network.version == ip.version)
        if not allowed:
            raise AddressWrong("camera_host_not_allowed")


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a picture that is looked at (ROI), in shares of its width and height, 0 to 1."""

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = 0 <= self.left < 1 and 0 <= self.top < 1 and self.left + self.width <= 1.0001 and self.top + self.height <= 1.0001
        if not inside or self.width < 0.05 or self.height < 0.05:
            raise ValueError("a region lies inside the picture and is at least a twentieth of it each way")


@dataclass(frozen=True, slots=True)
class Picture:
    """The newest picture of a camera when it was asked for."""

    number: int
    """Counts the pictures taken in this connection."""
    taken: float
    """``time.monotonic()`` when it was in front of the camera, as far as the stream lets one know."""
    frozen: bool
    """The same picture as for many seconds: whoever is on it need not be there."""
    jpeg: bytes = field(repr=False)


class Ended(Exception):
    """The connection is over; ``reason`` is one of ``REASONS``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Puller:
    """One connection to one camera.

    Args:
        ip: what the address's host resolved to; the only place the process connects to.
        pixels_max: larger pictures are made smaller.
        ca_file: certificates that rtsps cameras may show, instead of those the system's authorities signed.
        open_s: longest wait for the camera's answer to each question.
        read_s: longest silence of a camera that plays.
        frozen_s: from when on the same picture is called frozen.
    """

    def __init__(
        self, address: Address, *, ip: str, region: Region | None = None, pixels_max: int = 4_194_304, ca_file: str = "",
        open_s: float = 5.0, read_s: float = 2.0, frozen_s: float = 10.0,
    ) -> None:  # fmt: skip
        self._told = {
            "scheme": address.scheme, "ip": ip, "host": address.host, "port": address.port, "user": address.user,
            "password": address.password, "target": address.target, "pixels_max": pixels_max, "ca_file": ca_file,
            "region": None if region is None else [region.left, region.top, region.width, region.height],
            "open_s": open_s, "read_s": read_s, "frozen_s": frozen_s,
        }  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process; it connects by itself."""
        # Neither our settings nor our keys are its business.
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "devices.links.rtsp_puller", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, env=environment, start_new_session=True,
        )  # fmt: skip
        self._write(json.dumps(self._told).encode() + b"\n")

    async def newest(self) -> Picture:
        """Ask for a picture newer than the last; wait until there is one.

        Raises:
            Ended: the connection is over, or the process is.
        """
        self._write(b"?")
        while True:
            kind, content = await self._message()
            if kind == b"p":
                number, taken, frozen = PICTURE.unpack_from(content)
                return Picture(number, taken, frozen, content[PICTURE.size :])
            said: dict[str, Any] = json.loads(content)
            if "ended" in said:
                raise Ended(said["ended"] if said["ended"] in REASONS else "puller_failed")

    async def stop(self) -> None:
        """Kill the process; it holds nothing that is worth a farewell."""
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.close()
        await self._process.wait()

    async def _message(self) -> tuple[bytes, bytes]:
        reader = self._process.stdout
        try:
            async with asyncio.timeout(SILENT_S):
                kind, length = MESSAGE.unpack(await reader.readexactly(MESSAGE.size))
            if length > PICTURE_BYTES_MAX:
                raise Ended("puller_failed")
            async with asyncio.timeout(SILENT_S):
                return kind, await reader.readexactly(length)
        except TimeoutError:
            raise Ended("hung") from None
        except (asyncio.IncompleteReadError, ConnectionResetError):
            raise Ended("puller_failed") from None

    def _write(self, said: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(said)

