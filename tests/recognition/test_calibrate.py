"""Rates with their uncertainty: known answers, and promises that hold for any scores."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition.calibrate import (
    Scores,
    TooFewPictures,
    at_far,
    clopper_pearson,
    compare_all,
    det_points,
    det_svg,
    equal_error,
    fit_curve,
    similarities,
    upper_bound,
    wilson,
)


def scores(genuine=(0.8, 0.7, 0.9), impostor=(0.1, 0.2, 0.3), people=20) -> Scores:
    return Scores(np.array(genuine, float), np.array(impostor, float), people, 100)


def normal(n: int = 20_000, seed: int = 0) -> Scores:
    noise = np.random.default_rng(seed)
    return scores(noise.normal(0.7, 0.1, 500), noise.normal(0.1, 0.1, n))


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [  # scipy.stats.beta
        (0, 100, 0.0, 0.0362167), (1, 100, 0.0002531, 0.0544594), (50, 100, 0.3983211, 0.6016789), (100, 100, 0.9637833, 1.0),
        (3, 50_000, 1.23736e-5, 1.753353e-4), (5, 9, 0.2120085, 0.8630043),
    ],
)  # fmt: skip
def test_the_exact_interval_of_a_share(k, n, low, high):
    assert clopper_pearson(k, n) == pytest.approx((low, high), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(("k", "n", "low", "high"), [(10, 100, 0.0552, 0.1744), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)])
def test_wilsons_interval_of_a_share(k, n, low, high):
    assert wilson(k, n) == pytest.approx((low, high), abs=1e-4)


def test_none_of_n_seen_is_less_than_three_in_n():
    assert upper_bound(0, 1000) == pytest.approx(3 / 1000, rel=0.01)


@given(st.integers(0, 3000), st.integers(1, 3000))
def test_every_interval_holds_its_share(k, n):
    k = min(k, n)
    for low, high in (clopper_pearson(k, n), wilson(k, n)):
        assert 0.0 <= low <= k / n <= high <= 1.0
    assert k / n <= upper_bound(k, n) <= 1.0


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5)])
def test_a_share_that_is_none_is_refused(k, n):
    with pytest.raises(ValueError):
        clopper_pearson(k, n)
    assert clopper_pearson(0, 0) == wilson(0, 0) == (0.0, 1.0)


def test_pictures_are_compared_once_each_and_sorted_by_person():
    found = compare_all([np.array([0.0, 0]), np.array([0.1, 0]), np.array([1.0, 0])], ["a", "a", "b"], "euclidean")
    assert found.genuine.tolist() == pytest.approx([0.9])
    assert found.impostor.tolist() == pytest.approx([0.0, 0.1])
    assert (found.people, found.pictures) == (2, 3)


def test_a_cosine_is_a_cosine_whatever_the_length():
    assert similarities(np.array([[3.0, 0], [0, 2], [1, 1]]), "cosine")[0].tolist() == pytest.approx([1, 0, math.sqrt(0.5)])


def test_an_embedding_that_is_not_a_number_is_not_measured():
    with pytest.raises(ValueError):
        compare_all([np.array([np.nan, 0]), np.array([0.0, 1])], ["a", "b"], "euclidean")
    with pytest.raises(TooFewPictures):
        compare_all([np.array([1.0, 0])], ["a"], "euclidean")


def test_at_a_rate_only_so_many_strangers_pass():
    found = scores(genuine=np.linspace(0.4, 1, 61), impostor=np.linspace(-0.5, 0.499, 1000))
    point = at_far(found, 0.01)
    assert found.false_accepts(point.similarity_min).k == 10
    assert point.true_accepts.k == 52, "from 0.49 on"
    assert at_far(found, 1e-3).similarity_min > point.similarity_min
    assert at_far(found, 1e-4) is None, "a thousand pairs cannot show one in ten thousand"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=200), st.floats(0.001, 0.9))
def test_no_more_strangers_than_asked_for_ever_pass(impostor, far):
    point = at_far(scores(impostor=impostor), far)
    assert point is None or (np.array(impostor) >= point.similarity_min).mean() <= far


def test_equal_errors_of_scores_that_do_not_meet_are_none():
    at, rate = equal_error(scores())
    assert rate == 0.0 and 0.3 < at <= 0.7


def test_a_curve_is_on_the_safe_side_of_what_was_seen_and_near_it():
    found = normal()
    curve = fit_curve(found)
    for point in curve.points:
        assert (found.impostor >= point.similarity).mean() <= point.far
    # What a normal distribution of mean .1 and deviation .1 has at these rates; more may be asked, never less.
    for far, true in ((1e-2, 0.3326), (1e-3, 0.4090), (1e-4, 0.4719), (1e-5, 0.5265)):
        assert true - 0.002 <= curve.similarity_at(far) <= true + 0.12
    assert 1e-4 <= curve.measured_to <= 3e-4 and curve.source == "machine"


def test_fewer_pairs_ask_for_more_similarity():
    assert fit_curve(normal(500)).similarity_at(1e-4) > fit_curve(normal(50_000)).similarity_at(1e-4)


def test_too_few_people_or_pairs_give_no_curve():
    with pytest.raises(TooFewPictures):
        fit_curve(scores(impostor=np.linspace(0, 0.5, 1000), people=9))
    with pytest.raises(TooFewPictures):
        fit_curve(scores(impostor=np.linspace(0, 0.5, 199)))


@pytest.mark.parametrize("impostor", [np.full(500, 1.0), np.full(500, 0.3), np.full(500, -1.0), np.linspace(0.9, 1.0, 500)])
def test_strange_scores_give_a_curve_that_falls_or_none(impostor):
    if impostor.min() == 1.0:
        with pytest.raises(ValueError, match="no limit"):
            fit_curve(scores(impostor=impostor))
        return
    curve = fit_curve(scores(impostor=impostor))
    assert curve.similarity_at(1e-6) >= impostor.max()


def test_along_rising_similarity_fewer_pass_and_more_are_refused():
    points = det_points(normal(), limit=100)
    assert len(points) <= 102
    for (s, far, frr), (t, far2, frr2) in zip(points, points[1:], strict=False):
        assert s < t and far >= far2 and frr <= frr2


@pytest.mark.parametrize("found", [normal(), scores(), scores(genuine=[0.5], impostor=[0.4])])
def test_the_curve_is_a_picture_that_can_be_opened(found):
    drawn = det_svg([("a <pack> & another", found), ("b", found)], title="DET", marks=[("100", 0.3)])
    root = ElementTree.fromstring(drawn)
    assert root.tag.endswith("svg") and "nan" not in drawn.lower()
    assert "a <pack> & another" in "".join(root.itertext())
