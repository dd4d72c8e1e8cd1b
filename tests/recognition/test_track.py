"""Which frames belong together: one face, one gate, some seconds."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recognition.synthetic import embedding_of
from recognition.track import TRACKS_MAX, VOTES_MAX, Tracker

NOON = datetime(2026, 3, 31, 4, 0, tzinfo=UTC)


class Gate:
    def __init__(self, tracker: Tracker | None = None, gate: int = 1, contract: str = "c") -> None:
        self.tracker, self.gate, self.contract, self.frames = tracker or Tracker(), gate, contract, 0

    def sees(self, person: int, at: float, *, key: int | None = None, weight: float = 0.8, frame: str | None = None, variant: int = 0):
        self.frames += 1
        return self.tracker.see(
            self.gate, embedding_of(person, variant=variant), contract_id=self.contract, metric="euclidean", same_min=0.5,
            at=NOON + timedelta(seconds=at), frame=frame or f"f{self.frames}", key=key, weight=weight, seconds=3.0,
        )


def test_frames_of_one_face_within_seconds_are_one_track():
    gate = Gate()
    first = gate.sees(1, 0.0)
    assert [gate.sees(1, at, variant=n).number for n, at in ((1, 0.5), (2, 1.0), (3, 3.5))] == [first.number] * 3


def test_the_next_man_in_the_same_place_is_another_track():
    gate = Gate()
    assert gate.sees(1, 0.0, key=1).number != gate.sees(2, 0.1, key=2).number
    assert {v.key for v in gate.sees(1, 0.2, key=1).votes} == {1}


def test_who_comes_back_after_the_seconds_is_looked_at_anew():
    gate = Gate()
    first = gate.sees(1, 0.0)
    assert gate.sees(1, 3.1).number != first.number


def test_votes_count_only_so_many_seconds_back():
    gate = Gate()
    for at in (0.0, 1.0, 2.0, 4.0):
        track = gate.sees(1, at)
    assert sorted((v.at - NOON).total_seconds() for v in track.votes) == [1.0, 2.0, 4.0]


def test_tracks_of_two_gates_or_two_packs_never_meet():
    tracker = Tracker()
    numbers = {
        Gate(tracker, 1).sees(1, 0.0).number, Gate(tracker, 2).sees(1, 0.1).number, Gate(tracker, 1, "other").sees(1, 0.2).number
    }  # fmt: skip
    assert len(numbers) == 3


def test_one_picture_votes_once_however_often_it_is_sent():
    gate = Gate()
    for _ in range(5):
        track = gate.sees(1, 0.5, key=1, frame="same")
    assert len(track.votes) == 1


def test_a_frame_that_comes_late_on_its_way_still_counts():
    gate = Gate()
    gate.sees(1, 1.0)
    assert len(gate.sees(1, 0.5).votes) == 2


def test_what_is_kept_has_an_end():
    gate = Gate()
    for n in range(VOTES_MAX + 20):
        track = gate.sees(1, n * 0.01)
    assert len(track.votes) == VOTES_MAX
    for person in range(3 * TRACKS_MAX):
        gate.sees(person, 0.7)
    assert len(gate.tracker._gates[1]) == TRACKS_MAX


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_that_is_no_share_is_refused(weight):
    with pytest.raises(ValueError):
        Gate().sees(1, 0.0, weight=weight)


def test_an_embedding_that_is_not_a_number_joins_nothing():
    with pytest.raises(ValueError):
        Tracker().see(
            1, np.full(4, np.nan, np.float32), contract_id="c", metric="cosine", same_min=0.5, at=NOON, frame="f", key=None,
            weight=0.5, seconds=3,
        )  # fmt: skip
