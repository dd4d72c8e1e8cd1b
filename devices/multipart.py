"""Split a multipart body the way gates really send them.

General parsers lose pictures silently when the last boundary is missing, the type is not
``form-data`` or a part has no ``Content-Disposition`` (measured, devices.md 1.1). Here every
byte of the body is either in a part, or part of the framing, or the reason for a refusal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from devices.base import BadPayload

PARTS_MAX = 16
HEADER_BYTES_MAX = 8192
# RFC 2046 allows 70; firmware that prints a whole random string goes a little further.
BOUNDARY_BYTES_MAX = 200
PREAMBLE_BYTES_MAX = 1024

_BLANK = b" \t\r\n"
_NAME = re.compile(r';\s*name\s*=\s*(?:"([^"]*)"|([^;\s"]+))', re.IGNORECASE)
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]*)"|([^;\s"]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part; ``content`` may be a face or a card, so neither is shown."""

    headers: dict[str, str] = field(repr=False)
    """Names in lower case."""
    content: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty when the part does not say."""
        return media_type(self.headers.get("content-type", ""))

    @property
    def name(self) -> str:
        found = _NAME.search(self.headers.get("content-disposition", ""))
        return (found[1] or found[2] or "") if found else ""


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def boundary_of(content_type: str) -> str | None:
    """Return the boundary a Content-Type names, or None."""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2] or None) if found else None


def split(body: bytes, boundary: str | None = None) -> list[Part]:
    """Return the parts of ``body`` in order.

    Lines may end in CRLF or LF. A part's Content-Length is believed only if a boundary or the
    end of the body follows it. Without a last boundary the last part reaches to the end.

    Args:
        body: the whole body.
        boundary: what the Content-Type said, if anything. Only used when the body does not
            begin with a boundary line: the body is covered by the gate's signature, the
            Content-Type is not.

    Raises:
        BadPayload: no boundary, a part that is cut off or whose length is wrong, unreadable
            part headers, more than PARTS_MAX parts, anything but blanks after the last boundary.
    """
    delimiter, pos, last = _opening(body, boundary)
    parts: list[Part] = []
    # The line end in front of a boundary belongs to the boundary. A picture sent with LF lines
    # may itself end in a CR, so the CR is taken off only where lines end in CRLF.
    crlf = body[pos - 2 : pos] == b"\r\n"
    while not last and body[pos:].strip(_BLANK):
        if len(parts) == PARTS_MAX:
            raise BadPayload("body", "parts_too_many")
        headers, start = _headers(body, pos)
        length = headers.get("content-length")
        if length is not None:
            end, pos, last = _after_length(body, start, length, delimiter)
        else:
            end, pos, last = _next_boundary(body, start, delimiter, crlf)
        parts.append(Part(headers, body[start:end]))
    if body[pos:].strip(_BLANK):
        # A boundary look-alike inside a picture ends up here: better refused than half a face.
        raise BadPayload("body", "bytes_after_last_boundary")
    return parts


def _opening(body: bytes, boundary: str | None) -> tuple[bytes, int, bool]:
    """Find the first boundary line: what a boundary looks like, where its line ends, is it the last."""
    start = len(body) - len(body.lstrip(_BLANK))
    line = body[start : start + BOUNDARY_BYTES_MAX + 4].partition(b"\n")[0].rstrip(_BLANK)
    if line.startswith(b"--"):
        delimiter = line
        if len(delimiter) > BOUNDARY_BYTES_MAX or not delimiter.strip(b"-") or not _printable(delimiter):
            raise BadPayload("body", "boundary_malformed")
    elif boundary and boundary.isascii() and boundary.isprintable() and len(boundary) <= BOUNDARY_BYTES_MAX:
        delimiter = b"--" + boundary.rstrip().encode("ascii")
    else:
        raise BadPayload("body", "boundary_missing")
    found = re.compile(rb"(?:\A|\n)[ \t\r]*" + _line(delimiter)).search(body)
    if found is None or found.start() > start + PREAMBLE_BYTES_MAX:
        raise BadPayload("body", "boundary_missing")
    return delimiter, found.end(), found[1] is not None


def _printable(line: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in line)


def _line(delimiter: bytes) -> bytes:
    """A pattern for the boundary line; group 1 is there when it is the last one."""
    return re.escape(delimiter) + rb"(--)?[ \t]{0,16}(?:\r?\n|\Z)"


def _headers(body: bytes, pos: int) -> tuple[dict[str, str], int]:
    headers: dict[str, str] = {}
    limit = pos + HEADER_BYTES_MAX
    while True:
        end = body.find(b"\n", pos, limit)
        if end < 0:
            raise BadPayload("part", "part_headers_cut" if len(body) < limit else "part_headers_too_long")
        line = body[pos:end].rstrip(b"\r").decode("latin-1")
        pos = end + 1
        if not line:
            return headers, pos
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name:
            raise BadPayload("part", "part_header_malformed")
        if headers.setdefault(name, value.strip()) != value.strip():
            raise BadPayload("part", "part_header_repeated")


def _after_length(body: bytes, start: int, length: str, delimiter: bytes) -> tuple[int, int, bool]:
    if not re.fullmatch("[0-9]{1,12}", length):
        raise BadPayload("part", "part_length_malformed")
    end = start + int(length)
    if end > len(body):
        raise BadPayload("part", "part_cut")
    if not body[end:].strip(_BLANK):
        return end, len(body), True
    found = re.compile(rb"(?:\r?\n)?" + _line(delimiter)).match(body, end)
    if found is None:
        raise BadPayload("part", "part_length_wrong")
    return end, found.end(), found[1] is not None


def _next_boundary(body: bytes, start: int, delimiter: bytes, crlf: bool) -> tuple[int, int, bool]:
    # From one byte before: an empty part has its boundary right after the blank line.
    found = re.compile(rb"\n" + _line(delimiter)).search(body, start - 1)
    if found is None:
        return len(body), len(body), True
    end = found.start()
    if crlf and body[end - 1 : end] == b"\r":
        end -= 1
    return max(end, start), found.end(), found[1] is not None
