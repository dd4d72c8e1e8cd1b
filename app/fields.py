"""What a form, a file or a command may say about a person or a project: each field checked the same way everywhere.

Each function returns the tidy value or raises ``Unusable`` with a code that says which field and why.
"""

import re
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain import identity
from app.domain.identity import NumberWrong
from app.domain.workdays import EARLIEST, LATEST, parse_month
from app.errors import BadRequest, Unusable
from app.forms.roster import RATE_FEN_MAX, clean_text, tidy_text
from app.settings import Settings
from app.wording import papers as words

NOTE_MAX = 500


def check_note(note: str, name: str) -> str:
    """A note; it may be empty."""
    return check_text(note, name, NOTE_MAX) if note.strip() else ""


def check_number(number: Any, name: str, least: int, greatest: int) -> None:
    """A whole number within its range; True is none."""
    if type(number) is not int or not least <= number <= greatest:
        raise Unusable("number_wrong", field=name, least=least, greatest=greatest)


def check_dates(first: date, end: date | None) -> None:
    """A half-open range of dates; None is no end."""
    if not EARLIEST <= first < LATEST or (end is not None and not first < end <= LATEST):
        raise Unusable("dates_wrong")


def check_day(day: date) -> date:
    """A date that can be reckoned with."""
    if not EARLIEST <= day < LATEST:
        raise Unusable("date_out_of_range")
    return day


def read_month(text: str) -> date:
    """``2026-03``, as somebody wrote it, as the first day of that month.

    Raises:
        BadRequest: ``month_malformed``, ``month_out_of_range``.
    """
    try:
        month = parse_month(text)
    except ValueError:
        raise BadRequest("month_malformed") from None
    if not EARLIEST <= month < LATEST:
        raise BadRequest("month_out_of_range")
    return month


def project_today(time_zone: str, now: datetime) -> date:
    return now.astimezone(ZoneInfo(time_zone)).date()


def check_area(code: str) -> str:
    """An area code (行政区划代码): a county's six digits, a town's nine, a village's twelve.

    Only its structure and province are known here: no list of counties is kept, they change every year.
    """
    if not re.fullmatch(r"[0-9]{6}(?:[0-9]{3}){0,2}", code):
        raise Unusable("project_area_malformed")
    # No place lies in a province and in no prefecture of it; counties governed by a province have 90.
    if code[:2] not in identity.PROVINCES or code[2:4] == "00":
        raise Unusable("project_area_unknown")
    return code


def check_zone(time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        raise Unusable("time_zone_unknown") from None


_RARE = re.compile("[\ue000-\uf8ff\U00020000-\U0003fffd]")
"""Rare characters of names (生僻字): newer than this Python's Unicode, or the private ones of older ID systems."""


def check_text(text: str, name: str, length_max: int) -> str:
    """What somebody says in his own words, as he wrote it: a Chinese sentence keeps its signs."""
    return _checked(tidy_text(text), name, length_max)


def check_label(text: str, name: str, length_max: int) -> str:
    """A name or number that is compared and looked up: however it was typed, its letters, digits and signs are the narrow ones."""
    return _checked(clean_text(text), name, length_max)


def _checked(said: str, name: str, length_max: int) -> str:
    if not said:
        raise Unusable("text_missing", field=name)
    if len(said) > length_max:
        raise Unusable("text_long", field=name, limit=length_max)
    if not _RARE.sub("字", said).isprintable():
        # A zero byte ends a PostgreSQL text, half a surrogate cannot be written at all.
        raise Unusable("text_malformed", field=name)
    return said


def check_name(name: str) -> str:
    said = check_label(name, "name", 100)
    if any(sign.isdigit() for sign in said) or not any(sign.isalpha() for sign in said):
        raise Unusable("name_wrong")
    return said


def check_trade(trade: str | None) -> str | None:
    return words.trade(check_label(trade, "trade", 50)) if trade and trade.strip() else None


def check_id_number(id_number: str, today: date, settings: Settings) -> identity.IdNumber:
    try:
        return identity.check_id_number(id_number, today=today, allow_test=settings.environment != "production")
    except NumberWrong as wrong:
        raise Unusable(wrong.code) from None


def check_uscc(uscc: str | None) -> str | None:
    if uscc is None or not uscc.strip():
        return None
    try:
        return identity.check_uscc(uscc)
    except NumberWrong as wrong:
        raise Unusable(wrong.code) from None


def check_phone(phone: str | None) -> str | None:
    if phone is None or not phone.strip():
        return None
    try:
        return identity.check_phone(phone)
    except NumberWrong as wrong:
        raise Unusable(wrong.code) from None


def check_card(card: str | None) -> str | None:
    if card is None or not card.strip():
        return None
    said = re.sub(r"\s", "", clean_text(card))
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,64}", said):
        raise Unusable("card_wrong")
    return said


def check_rate(rate_fen: int) -> None:
    if not 0 < rate_fen <= RATE_FEN_MAX:
        raise Unusable("day_rate_wrong", limit=RATE_FEN_MAX // 100)


def shown_yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
