"""What a gate's own numbering says."""

from app.domain.events import Missing, missing, takes_pictures
from app.domain.facts import Channel


def test_numbers_that_never_came_are_counted_within_one_start():
    assert missing(["a:1", "a:2", "a:5", "b:9", "b:10"]) == Missing(2, 1)


def test_order_and_resending_make_no_gap():
    assert missing(["a:3", "a:1", "a:2", "a:2"]) == Missing(0, 0)


def test_keys_without_numbers_say_nothing():
    assert missing(["card-1", "a:", ":", "a:x", "wang-in-2026-03-01T00:00:00+00:00"]) == Missing(0, 0)


def test_whoever_recorded_a_face_takes_pictures():
    assert takes_pictures([Channel.CARD, Channel.FACE]) and takes_pictures({"face"})
    assert not takes_pictures([Channel.CARD, Channel.CODE, Channel.ID_CARD]) and not takes_pictures([])
