"""Numbers a gate left out."""

import pytest

from app.domain.gaps import missing


@pytest.mark.parametrize(
    ("events", "n"),
    [
        ([], 0),
        ([("east", "b1:4"), ("east", "b1:5"), ("east", "b1:6")], 0),
        ([("east", "b1:4"), ("east", "b1:9"), ("east", "b1:5")], 3),
        ([("east", "b1:4"), ("east", "b2:90")], 0),
        ([("east", "b1:1"), ("west", "b1:5")], 0),
        ([("east", "b1:1"), ("east", "b1:1"), ("east", "b1:3")], 1),
        ([("east", "card-77"), ("east", ":3"), ("east", "b1:x"), ("east", "b1:³")], 0),
    ],
    ids=["nothing", "in order", "out of order", "started anew", "two devices", "sent twice", "no numbers"],
)
def test_what_never_came_between_the_first_and_the_last_of_a_start(events, n):
    assert missing(events) == n
