"""Frames of one stay are told once; a refusal is his who passes the same gate next; a template may wear out."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.review import (
    APPEARANCE_GAP,
    REFUSALS_RISING,
    SIMILARITY_FALLING,
    Seen,
    advise,
    appearances,
    stretches,
    whose_tries,
)

START = datetime(2026, 3, 5, 7, tzinfo=UTC)
WANG, LI = 1, 2


def refused(id_: int, second: float, gate: int = 1, similarity: float | None = 0.4) -> Seen:
    return Seen(id_, gate, START + timedelta(seconds=second), False, "face_unknown", True, None, similarity, 0.5, "c1")


def passed(id_: int, second: float, worker: int, gate: int = 1, similarity: float | None = 0.7, by_face: bool = True) -> Seen:
    return Seen(id_, gate, START + timedelta(seconds=second), True, "admitted", by_face, worker, similarity, 0.5, "c1")


def ids(appearance) -> list[int]:
    return [p.id for p in appearance.passages]


def test_five_frames_of_one_stay_are_one_appearance():
    told = appearances([refused(n, n * 0.5) for n in range(5)])
    assert [ids(a) for a in told] == [[0, 1, 2, 3, 4]]


def test_a_silence_or_another_gate_begins_another_one():
    told = appearances([refused(1, 0), refused(2, 5), refused(3, 26), refused(4, 3, gate=2)])
    assert [ids(a) for a in told] == [[4], [1, 2], [3]]


def test_the_frame_nearest_to_somebody_stands_for_all():
    told = appearances([refused(1, 0, similarity=0.41), refused(2, 1, similarity=0.48), refused(3, 2, similarity=None)])
    assert told[0].best.id == 2


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 3)), max_size=40))
def test_every_refusal_stands_in_exactly_one_appearance_and_silences_lie_between_them(frames):
    passages = [refused(n, second, gate) for n, (second, gate) in enumerate(frames)]
    told = appearances(passages)
    assert sorted(p.id for a in told for p in a.passages) == [p.id for p in passages]
    for gate in {1, 2, 3}:
        own = sorted((a for a in told if a.first.gate_id == gate), key=lambda a: a.first.at)
        for one, after in zip(own, own[1:], strict=False):
            assert after.first.at - one.last.at > APPEARANCE_GAP
        for one in own:
            for before, then in zip(one.passages, one.passages[1:], strict=False):
                assert then.at - before.at <= APPEARANCE_GAP


def test_who_is_let_in_seconds_later_was_it_who_tried():
    tries = whose_tries([refused(1, 0), refused(2, 4), passed(3, 9, WANG, by_face=False, similarity=None)])
    assert [p.id for p in tries[WANG]] == [1, 2]


def test_a_try_before_another_mans_admission_is_that_mans():
    tries = whose_tries([refused(1, 0), passed(2, 2, LI), passed(3, 4, WANG)])
    assert [p.id for p in tries[LI]] == [1] and WANG not in tries


def test_who_comes_later_or_at_another_gate_did_not_try():
    assert whose_tries([refused(1, 0), passed(2, 31, WANG)]) == {}
    assert whose_tries([refused(1, 0, gate=2), passed(2, 3, WANG, gate=1)]) == {}
    assert whose_tries([refused(1, 0)]) == {}


def test_only_the_seconds_after_a_refusal_are_looked_at_and_nothing_is_missed():
    passages = [refused(1, 0), refused(2, 10), refused(3, 100)]
    assert stretches(passages) == [
        (START, START + timedelta(seconds=40)), (START + timedelta(seconds=100), START + timedelta(seconds=130)),
    ]
    assert stretches([]) == []


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 2), st.booleans()), max_size=40))
def test_admissions_outside_those_stretches_change_nothing(frames):
    passages = [passed(n, s, WANG, gate) if lets else refused(n, s, gate) for n, (s, gate, lets) in enumerate(frames)]
    turned = sorted((p for p in passages if not p.admitted), key=lambda p: p.at)
    near = [p for p in passages if p.admitted and any(a <= p.at <= b for a, b in stretches(turned))]
    assert {w: {p.id for p in t} for w, t in whose_tries([*turned, *near]).items()} == {
        w: {p.id for p in t} for w, t in whose_tries(passages).items()
    }


def month(similarity: float, count: int = 12, contract: str = "c1") -> list[Seen]:
    return [
        Seen(n, 1, START + timedelta(days=n), True, "admitted", True, WANG, similarity, 0.5, contract) for n in range(count)
    ]


def codes(*args, **kwargs) -> list[str]:
    return [a.code for a in advise(*args, contract_id="c1", **kwargs)]


def test_a_face_that_fits_less_and_less_is_asked_for_a_new_photograph():
    assert codes(month(0.72), month(0.58), 0, 0) == [SIMILARITY_FALLING]
    assert codes(month(0.72), month(0.70), 0, 0) == []
    # A fall that leaves most of the lead is a change of season, not of the face.
    assert codes(month(0.82), month(0.76), 0, 0) == []


def test_a_face_that_only_just_passes_is_asked_also_without_a_month_before():
    assert codes([], month(0.52), 0, 0) == [SIMILARITY_FALLING]


def test_three_admissions_say_nothing():
    assert codes(month(0.8), month(0.51, 3), 0, 3) == []


def test_similarities_of_another_pack_are_not_compared():
    assert codes(month(0.9, contract="c0"), month(0.62), 0, 0) == []
    assert codes(month(0.72), month(0.51, contract="c2"), 0, 0) == []


def test_refusals_that_grow_are_told_and_those_that_always_were_are_not():
    assert codes(month(0.7), month(0.7), 1, 7) == [REFUSALS_RISING]
    assert codes(month(0.7), month(0.7), 7, 7) == []
    assert codes([], month(0.7), 0, 6) == [REFUSALS_RISING]
    assert codes(month(0.7), month(0.7), 0, 3) == []
