"""Who somebody says he is: ID numbers, organisation codes, bank cards, phones, and how much of each is shown.

Checks find slips of the pen; they prove nothing about a person. What is refused is refused with a stable code
and never with the number itself, so that an error may be logged.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

AGE_MIN = 16
"""Years completed; nobody younger is registered (domain.md 7.1)."""

PROVINCES = frozenset(
    f"{code}"
    for codes in (
        range(11, 16),
        range(21, 24),
        range(31, 38),
        range(41, 47),
        range(50, 55),
        range(61, 66),
        (71, 81, 82, 83),
    )
    for code in codes
)
"""First two digits of an administrative division (GB/T 2260); 81, 82 and 83 are the residence permits of Hong
Kong, Macao and Taiwan residents (domain.md 7.1)."""

PROVINCE_TEST = "99"
"""Assigned to nobody: numbers that can never be a real person's, for tests and demonstrations."""

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
"""Weights and check characters of GB 11643-1999 (ISO 7064, MOD 11-2)."""

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: no I, O, S, V, Z."""

# Only what a keyboard or a scan really produces. NFKC would also turn "²" into "2".
_NARROW = str.maketrans(
    {chr(c): chr(c - 0xFEE0) for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
)
_SPACES = re.compile(r"[\s\u200b\ufeff]+")


class NumberWrong(ValueError):
    """A number that cannot be right. ``code`` is stable; the number is never in the message."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class IdNumberWrong(NumberWrong):
    """An ID number that cannot be right.

    ``id_length``, ``id_characters``, ``id_check_digit``, ``id_region``, ``id_birth_date`` or ``id_under_age``.
    """


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A checked ID number and what it says. Its repr does not show the number."""

    normalised: str = field(repr=False)
    """18 characters: 17 digits and a digit or ``X``."""
    birth_on: date = field(repr=False)
    sex: str
    """``M`` or ``F``, by the 17th digit."""
    region: str = field(repr=False)
    """First six digits: where the number was issued."""


@dataclass(frozen=True, slots=True)
class BankCard:
    """A bank card number as digits, and what is odd about it."""

    normalised: str = field(repr=False)
    warning: str | None
    """``bank_card_check_digit`` when the Luhn sum is wrong. Passbooks fail it and are right, so it is only a
    warning (domain.md 7.4)."""


def check_id_number(text: str, *, today: date, allow_test: bool = False) -> IdNumber:
    """Read an 18-digit citizen identity number (GB 11643-1999).

    Full-width characters, white space anywhere and a lower-case x are put right first. The check digit is
    looked at before region and date, because one mistyped digit is the usual slip and breaks it for certain.

    Args:
        text: as typed or read from a card. Fifteen digits (ended in 2013) are refused.
        today: the date the age is for.
        allow_test: accept province 99, which is assigned to nobody.

    Raises:
        IdNumberWrong: ``id_length`` not 18 characters; ``id_characters`` not 17 digits and a digit or X;
            ``id_check_digit``; ``id_region`` no such province (a permanent residence permit of a foreigner
            begins with 9 and the province); ``id_birth_date`` no such date, or later than today;
            ``id_under_age`` younger than 16 today.
    """
    number = _normalised(text)
    if len(number) != 18:
        raise IdNumberWrong("id_length")
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise IdNumberWrong("id_characters")
    if id_check_digit(number[:17]) != number[17]:
        raise IdNumberWrong("id_check_digit")
    if not _is_region(number, allow_test=allow_test):
        raise IdNumberWrong("id_region")
    try:
        birth_on = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        # "from None": the original message quotes the digits.
        raise IdNumberWrong("id_birth_date") from None
    if birth_on > today:
        raise IdNumberWrong("id_birth_date")
    if age(birth_on, today) < AGE_MIN:
        raise IdNumberWrong("id_under_age")
    return IdNumber(number, birth_on, "M" if int(number[16]) % 2 else "F", number[:6])


def id_check_digit(digits: str) -> str:
    """Return the 18th character for the first 17 digits.

    Raises:
        ValueError: ``digits`` is not 17 ASCII digits.
    """
    if not re.fullmatch(r"[0-9]{17}", digits):
        raise ValueError("a check digit needs 17 digits")
    return _ID_CHECKS[sum(w * int(d) for w, d in zip(_ID_WEIGHTS, digits, strict=True)) % 11]


def _is_region(number: str, *, allow_test: bool) -> bool:
    if number[:2] in PROVINCES:
        return True
    if number[:2] == PROVINCE_TEST:
        return allow_test
    return number[0] == "9" and number[1:3] in PROVINCES


def age(birth_on: date, today: date) -> int:
    """Return completed years; somebody born on 29 February completes one on 1 March of a common year."""
    return today.year - birth_on.year - ((today.month, today.day) < (birth_on.month, birth_on.day))


def check_uscc(text: str) -> str:
    """Read a unified social credit code (统一社会信用代码, GB 32100-2015) and return it normalised.

    Raises:
        NumberWrong: ``uscc_length`` not 18; ``uscc_characters`` one of I, O, S, V, Z or no letter or digit;
            ``uscc_check_digit``.
    """
    code = _normalised(text)
    if len(code) != 18:
        raise NumberWrong("uscc_length")
    if any(c not in _USCC_ALPHABET for c in code):
        raise NumberWrong("uscc_characters")
    total = sum(pow(3, i, 31) * _USCC_ALPHABET.index(c) for i, c in enumerate(code[:17]))
    if _USCC_ALPHABET[-total % 31] != code[17]:
        raise NumberWrong("uscc_check_digit")
    return code


def check_bank_card(text: str) -> BankCard:
    """Read a personal bank card number.

    Raises:
        NumberWrong: ``bank_card_characters`` something that is not a digit; ``bank_card_length`` not 16 to 19.
    """
    number = _normalised(text).replace("-", "")
    if not re.fullmatch(r"[0-9]*", number):
        raise NumberWrong("bank_card_characters")
    if not 16 <= len(number) <= 19:
        raise NumberWrong("bank_card_length")
    return BankCard(number, None if _luhn(number) else "bank_card_check_digit")


def _luhn(number: str) -> bool:
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(number)))
    return sum(n // 10 + n % 10 for n in doubled) % 10 == 0


def check_phone(text: str) -> str:
    """Read a mainland mobile number and return its 11 digits; ``+86``, spaces and hyphens are dropped.

    Raises:
        NumberWrong: ``phone_wrong``.
    """
    number = _normalised(text).replace("-", "").removeprefix("+86")
    if not re.fullmatch(r"1[3-9][0-9]{9}", number):
        raise NumberWrong("phone_wrong")
    return number


def _normalised(text: str) -> str:
    return _SPACES.sub("", text.translate(_NARROW)).upper()


class View(StrEnum):
    """Who is looking: the class of role that decides how much is shown (domain.md 7.2)."""

    BUREAU = "bureau"
    """Labour bureau and industry regulator."""
    PROJECT = "project"
    """Project, company and team staff, and workers looking at others."""
    PUBLIC = "public"
    """Notice boards and gate screens: anybody may be standing there."""


def name_order(name: str) -> bytes:
    """Return what names are sorted by (按拼音): the 3,755 common characters of GB 2312 stand there by pinyin, its rarer ones
    after them by radical, and what it does not have at the end. A surname of two readings (单, 曾) stands by its commoner one."""
    return b"".join(_place(sign) for sign in name)


def _place(sign: str) -> bytes:
    try:
        return sign.encode("gb2312")
    except UnicodeEncodeError:
        return b"\xff" + sign.encode("gb18030", errors="replace")


def mask_name(name: str, view: View) -> str:
    """Return ``张*`` or ``张*三`` for staff, ``张**`` for the public.

    A name in segments (``阿依古丽·买买提``) keeps the first character of the first segment only. The public
    form always has two stars: it does not tell how long the name is.
    """
    name = name.strip()
    if not name:
        return ""
    if view is View.PUBLIC or any(dot in name for dot in "·•・．"):
        return name[0] + "**"
    if len(name) <= 2:
        return name[0] + "*" if len(name) == 2 else "*"
    return name[0] + "*" * (len(name) - 2) + name[-1]


def mask_id_number(number: str, view: View) -> str:
    """Return ``330424********001X`` for the bureau, ``33**************1X`` for a project, nothing for the public.

    A number that has not 18 characters (a passport) keeps its last two, whoever looks.
    """
    if view is View.PUBLIC:
        return ""
    if len(number) != 18:
        return _tail(number, 2)
    head, tail = (6, 4) if view is View.BUREAU else (2, 2)
    return number[:head] + "*" * (18 - head - tail) + number[-tail:]


def mask_phone(phone: str, view: View) -> str:
    """Return ``138****5678``, nothing for the public. A number of another length keeps its last four."""
    if view is View.PUBLIC:
        return ""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) == 11 else _tail(phone, 4)


def mask_bank_card(number: str, view: View) -> str:
    """Return ``**** 1234``, nothing for the public."""
    if view is View.PUBLIC or not number:
        return ""
    return f"**** {number[-4:]}" if len(number) > 8 else "****"


def _tail(text: str, kept: int) -> str:
    # Something shorter than twice what is kept would be shown more than hidden.
    return "*" * (len(text) - kept) + text[-kept:] if len(text) >= 2 * kept else "*" * len(text)
