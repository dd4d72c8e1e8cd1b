"""Names that are probably one name: a team written with another numeral, a company without a word of its full name.

    team_like, company_like     the name among those known that somebody probably meant

A guess for a person to look at, never a decision: two teams may differ by one letter.
"""

import re
from collections.abc import Iterable

_DIGITS = {sign: at for at, sign in enumerate("零一二三四五六七八九")} | {"两": 2}
_ENDS = re.compile(r"(班组|小组|作业队|施工队|班|组|队|crew|team|gang)$")
_FORMS = re.compile(r"(股份有限公司|有限责任公司|有限公司|集团公司|公司|集团|co\.?,?ltd\.?)$")
LETTERS_MIN = 4
"""Of a name that may be one letter off: 木工一班 and 瓦工一班 are two teams."""
PART_MIN = 3
"""Letters that say which company is meant: 恒远劳 does, 劳务 does not."""


def team_like(name: str, known: Iterable[str]) -> str | None:
    """The team among ``known`` that ``name`` probably means; None when there is none, or when it is one of them."""
    known = list(known)
    if name in known:
        return None
    said = _team(name)
    equal = [each for each in known if _team(each) == said]
    return next(iter(equal), None) or next((each for each in known if _one_off(said, _team(each))), None)


def company_like(name: str, known: Iterable[str]) -> str | None:
    """The company among ``known`` that ``name`` probably means; None when there is none, or when it is one of them."""
    known = list(known)
    if name in known:
        return None
    said = _company(name)
    found = [(_steps(said, _company(each)), each) for each in known]
    near = [one for one in found if one[0] <= 2 and len(said) > LETTERS_MIN or _within(said, _company(one[1]))]
    return min(near)[1] if near else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _team(name: str) -> str:
    said = re.sub("[零一二三四五六七八九十两]+", lambda match: _number(match[0]), _plain(name).replace("第", ""))
    return _ENDS.sub("", said)


def _company(name: str) -> str:
    return _FORMS.sub("", _plain(name))


def _number(said: str) -> str:
    tens, ten, ones = said.rpartition("十")
    if not ten:
        return "".join(str(_DIGITS[sign]) for sign in said)
    if len(tens) > 1 or len(ones) > 1:
        return said
    return str(_DIGITS.get(tens, 1) * 10 + _DIGITS.get(ones, 0))


def _one_off(a: str, b: str) -> bool:
    # 钢筋一班 and 钢筋二班 are two teams, however alike.
    if re.findall(r"\d+", a) != re.findall(r"\d+", b):
        return False
    return max(len(a), len(b)) >= LETTERS_MIN and _steps(a, b) <= 1


def _within(a: str, b: str) -> bool:
    """The letters of the shorter stand in the longer, in their order."""
    short, long = sorted((a, b), key=len)
    letters = iter(long)
    return len(short) >= PART_MIN and all(letter in letters for letter in short)


def _steps(a: str, b: str) -> int:
    """How many letters are to be changed, added, left out or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        older, before, row = before, row, [i]
        for j, right in enumerate(b, start=1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right)))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]
