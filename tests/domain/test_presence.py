"""A man before a camera: few passages, none of anybody left out."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.presence import AGAIN, GONE, LINGER, Presence, Seen, Turn

NOON = datetime(2026, 3, 31, 4, 0, tzinfo=UTC)
WANG, LI = 1, 2


def passages(pictures: list[tuple[float, Seen]], *, folds: bool = True) -> list[tuple[float, int | str]]:
    """(seconds, worker or code) of every picture that becomes a passage."""
    presence, found = Presence(), []
    for seconds, seen in pictures:
        at = NOON + timedelta(seconds=seconds)
        turn = presence.turn(seen, at)
        if turn is Turn.RECORD or (turn is Turn.REPEAT and folds):
            presence.record(seen, at)
            found.append((seconds, seen.worker_id or seen.code))
    return found


def named(worker: int, track: int | None = None) -> Seen:
    return Seen("admitted", worker, track)


def refused(code: str = "face_unknown", track: int | None = None) -> Seen:
    return Seen(code, None, track)


NOBODY = Seen("no_face", None, None, nobody=True)


def test_a_worker_is_recorded_with_the_first_picture_that_names_him():
    assert passages([(0, NOBODY), (0.2, refused("face_turned")), (0.4, named(WANG)), (0.6, named(WANG))]) == [(0.4, WANG)]


def test_a_man_who_stands_there_for_five_minutes_is_five_passages_that_fold_into_one():
    found = passages([(n / 5, named(WANG)) for n in range(300 * 5)])
    assert [worker for _s, worker in found] == [WANG] * 5
    gaps = [later - earlier for (earlier, _), (later, _) in zip(found, found[1:], strict=False)]
    assert max(gaps) <= AGAIN.total_seconds() + 1 < 120


def test_where_attendance_does_not_fold_he_is_one():
    assert passages([(n / 5, named(WANG)) for n in range(300 * 5)], folds=False) == [(0, WANG)]


def test_who_was_away_and_comes_back_is_a_new_passage():
    away = GONE.total_seconds() + 0.1
    assert passages([(0, named(WANG)), (away, named(WANG))]) == [(0, WANG), (away, WANG)]


def test_the_second_man_is_never_hidden_by_the_first():
    pictures = [(n / 5, named(WANG if n % 2 else LI)) for n in range(20)]
    assert passages(pictures) == [(0, LI), (0.2, WANG)]


def test_a_stranger_is_recorded_when_he_stays_and_not_when_he_walks_by():
    linger = LINGER.total_seconds()
    assert passages([(n / 5, refused(track=7)) for n in range(5)]) == []
    assert passages([(n / 5, refused(track=7)) for n in range(50)]) == [(linger, "face_unknown")]
    two = [(n / 5, refused(track=7 + n % 2)) for n in range(50)]
    assert len(passages(two)) == 2, "two strangers at once are two"


def test_the_back_of_a_worker_who_walks_on_is_no_stranger():
    assert passages([(0, named(WANG, 3)), *((n / 5, refused(track=3)) for n in range(1, 60))]) == [(0, WANG)]
    assert passages([(0, named(WANG)), *((n / 5, refused("face_turned")) for n in range(1, 40))]) == [(0, WANG)]


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from([WANG, LI, 3, None]), st.sampled_from([None, 1, 2])), max_size=80))
def test_nobody_who_was_named_is_without_a_passage_and_none_is_doubled_within_sight(steps):
    seconds, pictures = 0.0, []
    for wait, worker, track in steps:
        seconds += wait
        pictures.append((seconds, named(worker, track) if worker else refused(track=track)))
    found = passages(pictures)
    for worker in {seen.worker_id for _s, seen in pictures} - {None}:
        times = [s for s, seen in pictures if seen.worker_id == worker]
        recorded = [s for s, who in found if who == worker]
        assert recorded and recorded[0] == times[0], "his first picture is his passage"
        for before, now in zip(times, times[1:], strict=False):
            if now - before > GONE.total_seconds() and not any(
                before < s < now and seen.worker_id is None and seen.track is not None for s, seen in pictures
            ):
                assert now in recorded, "he had left and came back"
        for before, now in zip(recorded, recorded[1:], strict=False):
            assert now - before > min(GONE, AGAIN).total_seconds()
