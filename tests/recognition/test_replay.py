"""The same picture at another moment is a replay; the same man is not."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest

from recognition import Gallery, decode_jpeg
from recognition.replay import EACH_MAX, Recent, picture_print
from recognition.synthetic import draw_face, embedding_of

NOON = datetime(2026, 3, 31, 4, 0, tzinfo=UTC)
ME, HIM = ("site", 1), ("site", 2)


def drawn(person: int, **kind) -> np.ndarray:
    return picture_print(decode_jpeg(draw_face(person, **kind), pixels_max=10**7))


def ask(recent: Recent, seconds: float, embedding=None, look=None, who=ME, contract="c", frame=None):
    embedding = embedding_of(1) if embedding is None else embedding
    return recent.seen_before(
        who, embedding, drawn(1) if look is None else look, frame=frame or f"f{seconds}", contract_id=contract, metric="euclidean",
        at=NOON + timedelta(seconds=seconds),
    )  # fmt: skip


def test_the_same_picture_an_hour_later_is_a_replay():
    recent = Recent()
    assert ask(recent, 0) is None
    assert ask(recent, 3600) == NOON


def test_the_very_same_picture_is_left_to_whoever_knows_what_was_recorded():
    recent = Recent()
    ask(recent, 0, frame="same")
    assert ask(recent, 3600, frame="same") is None


def test_a_man_who_stands_still_for_minutes_replays_nothing():
    recent = Recent()
    assert [ask(recent, second) for second in range(0, 300, 3)] == [None] * 100


def test_the_same_man_another_time_is_no_replay():
    recent = Recent()
    ask(recent, 0)
    assert ask(recent, 3600, embedding=embedding_of(1, variant=1)) is None


def test_the_same_face_before_another_background_is_no_replay():
    recent = Recent()
    ask(recent, 0)
    assert ask(recent, 3600, look=drawn(1, size=(480, 640))) is None


def test_a_picture_written_anew_looks_the_same():
    picture = decode_jpeg(draw_face(1), pixels_max=10**7)
    again = decode_jpeg(cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes(), pixels_max=10**7)
    assert np.unpackbits(picture_print(picture) ^ picture_print(again)).sum() <= 3


def test_nothing_is_compared_across_people_or_packs():
    recent = Recent()
    ask(recent, 0)
    assert ask(recent, 3600, who=HIM) is None
    assert ask(recent, 3700, contract="other") is None


def test_nothing_is_remembered_longer_than_a_day_or_beyond_its_number():
    recent = Recent()
    ask(recent, 0)
    assert ask(recent, 25 * 3600) is None
    for n in range(3 * EACH_MAX):
        ask(recent, 26 * 3600 + 60 * n, embedding=embedding_of(1, variant=n % 60 + 1))
    assert len(recent._people[ME].frames) == EACH_MAX


def test_who_is_not_in_the_gallery_any_more_is_forgotten():
    recent = Recent()
    ask(recent, 0), ask(recent, 0, who=HIM)
    rest = Gallery((2,), embedding_of(2)[None], "c")
    recent.hold("site", rest)
    assert set(recent._people) == {HIM}


@pytest.mark.parametrize("other", ["other site", 7])
def test_another_projects_gallery_forgets_nobody_here(other):
    recent = Recent()
    ask(recent, 0)
    recent.hold(other, Gallery((), np.zeros((0, 128), np.float32), "c"))
    assert set(recent._people) == {ME}
