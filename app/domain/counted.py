"""Sentences with counts: ``{days:day|days}`` says "1 day" and "2 days". English needs it; Chinese has one form for both."""

from collections.abc import Mapping
from string import Formatter
from typing import Any


class _Counted(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        one, two_forms, more = format_spec.partition("|")
        if not two_forms:
            return super().format_field(value, format_spec)
        return f"{value} {one if str(value) == '1' else more}"


_COUNTED = _Counted()


def filled(text: str, facts: Mapping[str, Any]) -> str:
    """``text`` with ``{name}`` filled from ``facts``; ``{name:day|days}`` is the number and the word for so many.

    Raises:
        KeyError: a fact is missing, unless ``facts`` has something for it.
    """
    return _COUNTED.vformat(text, (), facts)
