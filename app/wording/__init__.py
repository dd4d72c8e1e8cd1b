"""Codes to sentences, in Chinese and English: for gate screens, pages, API replies and forms.

One table a room, merged here; a code that stands in two tables is a programmer error found at import. A
sentence may name facts in braces (``{limit}``, ``{days:day|days}``: ``app.domain.counted``); a fact that is missing shows as
``…`` rather than failing at the gate. Codes never change once released; sentences may.
"""

from typing import Any

from app.domain.counted import filled
from app.wording import (
    access,
    bank,
    exports,
    faces,
    forms,
    gate,
    journal,
    ledger,
    limits,
    money,
    papers,
    service,
    sheets,
    terms,
    timekeeping,
    wages,
)

LANGUAGES = ("zh", "en")


class _Gaps(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


def _merged(*tables: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    merged: dict[str, tuple[str, str]] = {}
    for table in tables:
        twice = merged.keys() & table.keys()
        if twice:
            raise ValueError(f"codes worded twice: {sorted(twice)}")
        merged |= table
    return merged


SENTENCES = _merged(service.SENTENCES, gate.SENTENCES, papers.SENTENCES, access.SENTENCES, money.SENTENCES, terms.SENTENCES, timekeeping.SENTENCES, sheets.SENTENCES, ledger.SENTENCES, bank.SENTENCES, exports.SENTENCES, forms.SENTENCES, wages.SENTENCES, faces.SENTENCES)
"""code -> (Chinese, English): what is said to a person."""

NAMES = _merged(gate.NAMES, papers.NAMES, access.NAMES, money.NAMES, terms.NAMES, timekeeping.NAMES, sheets.NAMES, ledger.NAMES, bank.NAMES, exports.NAMES, wages.NAMES, faces.NAMES, limits.NAMES, journal.NAMES)
"""Short names of codes, roles, channels and states as labels; keys are ``kind.value`` (``role.manager``)."""


def sentence(code: str, language: str = "zh", **facts: Any) -> str:
    """The sentence for a code in ``language`` (zh or en), filled with ``facts``.

    An unknown code is said as itself: a gate must answer even when a word is missing (a test finds those).
    """
    pair = SENTENCES.get(code)
    if pair is None:
        return code
    return filled(pair[LANGUAGES.index(language) if language in LANGUAGES else 0], _Gaps(facts))


def name(key: str, language: str = "zh") -> str:
    """The label of ``kind.value`` in ``language``; the bare value when there is none."""
    pair = NAMES.get(key)
    if pair is None:
        return key.partition(".")[2]
    return pair[LANGUAGES.index(language) if language in LANGUAGES else 0]
