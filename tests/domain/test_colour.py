"""Red, yellow, green, and the one thing to look at first."""

import pytest

from app.domain.colour import Colour, Group, Level, colour_of, worst_first


def group(rule="underpaid", severity="red", state="open", count=1, overdue=0, first_id=5) -> Group:
    return Group(rule, severity, state, count, overdue, first_id)


@pytest.mark.parametrize(
    ("groups", "level"),
    [
        ([], Level.GREEN),
        ([group()], Level.RED),
        ([group(state="notified")], Level.RED),
        ([group(state="escalated", severity="yellow")], Level.RED),
        ([group(severity="yellow", state="notified", overdue=1)], Level.RED),
        ([group(severity="yellow")], Level.YELLOW),
        ([group(state="rectified")], Level.YELLOW),
        ([group(state="verified_closed")], Level.GREEN),
        ([group(severity="info")], Level.GREEN),
        ([group(severity="info", state="explained")], Level.GREEN),
    ],
)
def test_the_colour_of_a_project(groups, level):
    assert colour_of(groups, looked=True).level is level


def test_a_project_nobody_has_looked_at_is_not_green():
    assert colour_of([], looked=False).level is Level.GREY
    assert colour_of([group()], looked=False).level is Level.RED


def test_the_reason_is_what_is_late_then_the_worst_then_the_most():
    late = group("undecided_days", "yellow", "notified", 2, overdue=1, first_id=9)
    many, few = group("underpaid", count=7), group("worked_without_pay", count=2)
    assert colour_of([many, few, late], looked=True).rule == "undecided_days"
    assert colour_of([few, many], looked=True).rule == "underpaid"
    assert colour_of([group("a", "yellow"), group("b", "yellow", count=3)], looked=True).rule == "b"


def test_wages_come_before_a_missing_paper():
    paper = Group("deposit_missing", "red", "open", 9, 0, 1, of_people=False)
    assert colour_of([paper, group("underpaid", count=1)], looked=True).rule == "underpaid"
    late = Group("deposit_missing", "red", "notified", 1, 1, 1, of_people=False)
    assert colour_of([late, group("underpaid", count=1)], looked=True).rule == "deposit_missing"


def test_the_count_is_of_everything_that_makes_the_colour_for_the_same_reason():
    told = colour_of(
        [group(count=2, first_id=8), group(state="notified", count=3, first_id=4), group(state="rectified", count=9, first_id=1)],
        looked=True,
    )
    assert told == Colour(Level.RED, "underpaid", 5, 4, red=5, yellow=9)


def test_the_worst_project_comes_first():
    red, late = Colour(Level.RED, "a", 1, 1, red=9), Colour(Level.RED, "a", 1, 1, red=1, overdue=1)
    assert sorted([Colour(Level.GREEN), Colour(Level.YELLOW), red, late], key=worst_first)[:2] == [late, red]
