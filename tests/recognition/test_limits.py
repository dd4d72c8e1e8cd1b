"""Limits stated as false-accept rates: a larger roster and a stricter project need more similarity, never less."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition.limits import Curve, FarPoint, limits_for
from recognition.synthetic import PACK

LFW = Curve(
    (FarPoint(7e-3, 0.400), FarPoint(1e-3, 0.451), FarPoint(1e-4, 0.511), FarPoint(1e-5, 0.571), FarPoint(1e-6, 0.632)),
    1e-4, "pack",
)  # fmt: skip
STATED = replace(PACK, curve=LFW)


@pytest.mark.parametrize(
    ("far", "similarity"), [(1e-3, 0.451), (1e-4, 0.511), (1e-5, 0.571), (3.162e-5, 0.541), (1e-7, 0.693), (7e-2, 0.339)]
)
def test_a_curve_is_read_between_its_points_and_drawn_on_beyond_them(far, similarity):
    assert LFW.similarity_at(far) == pytest.approx(similarity, abs=2e-3)
    assert LFW.far_at(LFW.similarity_at(far)) == pytest.approx(far, rel=1e-6)


@pytest.mark.parametrize(
    "points", [((1e-3, 0.4),), ((1e-3, 0.4), (1e-4, 0.4)), ((1e-3, 0.4), (1e-4, 0.3)), ((0.0, 0.5), (1e-3, 0.4)), ((1e-3, 0.4), (1e-4, 1.5))]
)
def test_a_curve_that_does_not_fall_is_none(points):
    with pytest.raises(ValueError):
        Curve(tuple(FarPoint(*p) for p in points), 1e-3, "pack")


@pytest.mark.parametrize(
    ("templates", "similarity_min", "sure_min"),
    [(1, 0.5, 0.5), (8, 0.5, 0.505), (100, 0.511, 0.571), (150, 0.525, 0.582), (1000, 0.571, 0.632), (10_000, 0.632, 0.693)],
)
def test_both_the_packs_table_and_its_curve_must_hold(templates, similarity_min, sure_min):
    found = limits_for(STATED, templates)
    assert (found.similarity_min, found.sure_min) == pytest.approx((similarity_min, sure_min), abs=2e-3)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(1e-6, 0.2), st.floats(1e-6, 0.2))
def test_a_larger_roster_or_a_stricter_project_never_needs_less(one, other, loose, strict):
    (one, other), (strict, loose) = sorted((one, other)), sorted((strict, loose))
    for pack in (STATED, PACK):
        easy, hard = limits_for(pack, one, stranger_max=loose), limits_for(pack, other, stranger_max=strict)
        assert easy.similarity_min <= hard.similarity_min
        for found in (easy, hard):
            assert found.similarity_min <= found.sure_min <= 1.0
            assert found.similarity_min >= PACK.thresholds_for(1).similarity_min


@given(st.integers(1, 10**6), st.floats(1e-6, 0.2))
def test_a_strangers_frame_is_taken_for_somebody_at_most_as_often_as_the_project_allows(templates, stranger_max):
    found = limits_for(STATED, templates, stranger_max=stranger_max)
    if found.similarity_min < 1.0:
        assert templates * LFW.far_at(found.similarity_min) <= stranger_max * (1 + 1e-6)


def test_what_was_measured_here_only_tightens_a_pack_that_was_measured_too():
    lax = Curve((FarPoint(1e-3, 0.1), FarPoint(1e-6, 0.2)), 1e-3, "machine")
    strict = Curve((FarPoint(1e-3, 0.6), FarPoint(1e-6, 0.9)), 1e-3, "machine")
    pack = limits_for(STATED, 200)
    assert limits_for(replace(STATED, machine_curve=lax), 200).similarity_min == pack.similarity_min
    tightened = limits_for(replace(STATED, machine_curve=strict), 200)
    assert tightened.similarity_min > pack.similarity_min and tightened.source == "machine"


def test_a_pack_nobody_measured_goes_by_what_was_measured_here():
    here = Curve((FarPoint(1e-3, 0.2), FarPoint(1e-6, 0.3)), 1e-3, "machine")
    imported = replace(PACK, calibrated=False, machine_curve=here)
    assert limits_for(imported, 100).similarity_min == pytest.approx(here.similarity_at(1e-4))
    assert limits_for(replace(PACK, calibrated=False), 100).source == "rows"


@pytest.mark.parametrize("wrong", [0.0, 0.5, -1.0, float("nan")])
def test_a_chance_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):
        limits_for(PACK, 10, stranger_max=wrong)
