"""Which colour a project has (红黄绿), and why. Pure.

    colour_of    findings that still fire, counted by rule, and what is owed past its pay day  ->  Colour

Red: a red finding waits for an answer, or any finding is past its deadline or was escalated. Yellow: something waits, or an answer
has not been checked. Green: nothing does. Grey: nobody has looked. The reason is the one thing to look at first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.casework import ANSWERS, UNANSWERED, State


class Level(StrEnum):
    """Of a project."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"
    GREY = "grey"


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one rule on a project that still fire, of one severity and state."""

    rule: str
    severity: str
    state: str
    count: int
    overdue: int
    first_id: int
    of_people: bool = True
    """About a worker or a team, not about a paper of the project: somebody's wages come before a missing file."""


@dataclass(frozen=True, slots=True)
class Colour:
    """A project's colour and the reason."""

    level: Level
    rule: str = ""
    """Of the reason; empty for green and grey."""
    count: int = 0
    """Findings of that rule that make the colour."""
    finding_id: int = 0
    """The oldest of them."""
    red: int = 0
    """Red findings that wait for an answer."""
    yellow: int = 0
    """Yellow ones, and red ones that are answered and not checked."""
    overdue: int = 0


_ORDER = {Level.RED: 0, Level.YELLOW: 1, Level.GREEN: 2, Level.GREY: 3}


def colour_of(groups: Iterable[Group], *, looked: bool) -> Colour:
    """Return a project's colour with its reason: what is escalated or overdue first, then the worst,
    then what is about people, then the most.

    Args:
        looked: the rules have run over the project at least once.
    """
    making: list[tuple[tuple, Group, Level]] = []
    red = yellow = overdue = 0
    for group in groups:
        overdue += group.overdue
        level = _level(group)
        if group.severity == "red" and group.state in UNANSWERED:
            red += group.count
        elif level is Level.YELLOW:
            yellow += group.count
        if level in (Level.RED, Level.YELLOW):
            urgent = group.state == State.ESCALATED or group.overdue > 0
            order = (_ORDER[level], not urgent, group.severity != "red", not group.of_people, -group.count, group.rule, group.first_id)
            making.append((order, group, level))
    if not making:
        return Colour(Level.GREEN if looked else Level.GREY)
    _, first, level = min(making, key=lambda each: each[0])
    same = [group for _, group, its in making if group.rule == first.rule and its is level]
    return Colour(
        level, first.rule, sum(g.count for g in same), min(g.first_id for g in same), red, yellow, overdue
    )


def _level(group: Group) -> Level:
    if group.state in UNANSWERED:
        if group.severity == "red" or group.overdue or group.state == State.ESCALATED:
            return Level.RED
        return Level.YELLOW if group.severity == "yellow" else Level.GREEN
    return Level.YELLOW if group.state in ANSWERS and group.severity != "info" else Level.GREEN


def worst_first(colour: Colour) -> tuple[int, int, int]:
    """Return the key that puts the worst project first."""
    return (_ORDER[colour.level], -colour.overdue, -colour.red)
