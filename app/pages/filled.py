"""What people fill in: amounts, clocks, files and row numbers of a posted form, read strictly."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData, UploadFile

from app import timekeeping
from app.errors import BadRequest, Conflict, TooLarge, Unusable
from app.fields import check_day, read_month
from app.pages import lines
from app.pages.page import ID_MAX, Ask
from app.store import requests

AMOUNT = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?")
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
DECIMAL = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,3}))?")
KEY = re.compile(r"[!-~]{8,64}")


def asked_month(text: str, default: date) -> date:
    """The month a query string names.

    Raises:
        BadRequest: ``month_malformed``, ``month_out_of_range``.
    """
    return read_month(text) if text else default


def fen(text: str) -> int | None:
    """``1,234.50`` in yuan -> fen; None for what is no amount."""
    match = AMOUNT.fullmatch(text.replace(",", "").strip("¥ "))
    if match is None:
        return None
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def milli(text: str, field: str) -> int:
    """``7.5`` -> 7500 thousandths.

    Raises:
        BadRequest: ``request_malformed``.
    """
    match = DECIMAL.fullmatch(text.strip())
    if match is None:
        raise BadRequest("request_malformed", field=field)
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))


def day(text: str, field: str) -> date:
    """``2026-03-05``.

    Raises:
        BadRequest: ``request_malformed``.
        Unusable: ``date_out_of_range``.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise BadRequest("request_malformed", field=field) from None
    return check_day(found)


def clock(text: str, on: date, ask: Ask, field: str) -> datetime:
    """``07:58`` on a date of the project's own calendar, as an instant.

    Raises:
        BadRequest: ``request_malformed``.
    """
    match = CLOCK.fullmatch(text.strip())
    if match is None:
        raise BadRequest("request_malformed", field=field)
    return datetime(on.year, on.month, on.day, int(match[1]), int(match[2]), tzinfo=ZoneInfo(ask.project.time_zone))


def number(values: FormData, name: str) -> int:
    """A row's number.

    Raises:
        BadRequest: ``request_malformed``.
    """
    text = lines.form(values, name)
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(ID_MAX)) and int(text) <= ID_MAX):
        raise BadRequest("request_malformed", field=name)
    return int(text)


def next_day(on: date, values: FormData, name: str) -> date:
    """``on``, or the day after it when the box ``name`` is ticked."""
    return on + timedelta(days=1) if lines.form(values, name) else on


def scan(ask: Ask, file: object) -> list[int]:
    """The paper of a form, sealed: its id; nothing when none was chosen.

    Raises:
        Unusable, TooLarge: as ``timekeeping.put_evidence``.
    """
    if not isinstance(file, UploadFile) or not file.filename:
        return []
    content = file.file.read(timekeeping.EVIDENCE_BYTES_MAX + 1)
    if not content:
        raise Unusable("evidence_empty")
    return [
        timekeeping.put_evidence(
            ask.db, ask.state.vault, project_id=ask.project.id, name=file.filename, media_type=file.content_type or "",
            content=content, by=ask.person.login, now=ask.now,
        )
    ]  # fmt: skip


def content(file: object, limit: int) -> bytes:
    """The bytes of a chosen file.

    Raises:
        BadRequest: ``file_missing``: none was chosen, or it is empty.
        TooLarge: ``body_too_large``.
    """
    if not isinstance(file, UploadFile) or not file.filename:
        raise BadRequest("file_missing")
    found = file.file.read(limit + 1)
    if not found:
        raise BadRequest("file_missing")
    if len(found) > limit:
        raise TooLarge("body_too_large", limit=limit)
    return found


def once(ask: Ask, values: FormData, work: Callable[[], object]) -> bool:
    """Do ``work`` unless this form did before: a form has a ``key``, sent twice it is one record. True when it was done now.

    Raises:
        BadRequest: ``key_malformed``.
        Conflict: ``form_used``, the key was sent with something else; ``write_running``.
        ServiceError: what ``work`` raises.
    """
    key = lines.form(values, "key")
    if not KEY.fullmatch(key):
        raise BadRequest("key_malformed")
    path = ask.request.url.path
    # The forms of a page share its key, and each is sent once.
    key = f"{key}/{path.rpartition('/')[2]}"[:96]
    told = sha256(path.encode())
    for name, value in sorted(((n, v) for n, v in values.multi_items() if n != "key"), key=lambda item: item[0]):
        told.update((f"\n{name}={value}" if isinstance(value, str) else f"\n{name}:{value.filename} {value.size}").encode())
    digest = ask.state.vault.index("request", told.hexdigest())
    before = requests.answered(ask.db, ask.person.login, key)
    if before is not None:
        if before.request_sha256 != digest:
            raise Conflict("form_used")
        return False
    work()
    if not requests.add_answer(
        ask.db, actor=ask.person.login, key=key, request_sha256=digest, status=303, answer=None, now=ask.now
    ):
        raise Conflict("write_running")
    return True
