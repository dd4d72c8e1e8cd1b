"""Every pair is looked at, the same as one by one, whatever precision the templates are kept in."""

import numpy as np
import pytest

from recognition import twins
from recognition.match import similarity_of
from recognition.twins import alike


def crowd(rng, count: int, dimension: int = 32, metric: str = "euclidean") -> np.ndarray:
    made = rng.normal(size=(count, dimension))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    if metric == "euclidean":
        made *= rng.uniform(1.2, 1.6, (count, 1))
    return made.astype(np.float32)


def one_by_one(fresh, every, least, metric) -> set[tuple[int, int]]:
    return {
        (i, j) for i, a in enumerate(fresh) for j, b in enumerate(every) if similarity_of(a, b, metric) >= least
    }


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("kept", [np.float32, np.float16])
@pytest.mark.parametrize("seed", range(4))
def test_the_blocks_find_what_one_by_one_finds(metric, kept, seed, monkeypatch):
    monkeypatch.setattr(twins, "FRESH_AT_ONCE", 7)
    monkeypatch.setattr(twins, "EVERY_AT_ONCE", 13)
    rng = np.random.default_rng(seed)
    every = crowd(rng, 90, metric=metric)
    # Some near others, at all distances from the limit.
    for at in range(0, 40, 2):
        every[at + 1] = every[at] + rng.normal(size=32).astype(np.float32) * rng.uniform(0.001, 0.12)
        if metric == "cosine":
            every[at + 1] /= np.linalg.norm(every[at + 1])
    fresh = every[:30].copy()
    least = 0.6
    expected = one_by_one(fresh, every, least, metric)
    assert len(expected) > 30, "more than each with itself"
    found = list(alike(fresh, every.astype(kept), least, metric, exact=lambda at: every[at]))
    assert {(f.fresh, f.every) for f in found} == expected
    assert all(f.similarity >= least for f in found)


def test_a_pair_exactly_at_the_limit_is_found():
    a = np.zeros((1, 4), np.float32)
    b = np.array([[0.5, 0, 0, 0]], np.float32)
    assert [f.similarity for f in alike(a, b, 0.5, "euclidean")] == [0.5]
    assert list(alike(a, b, 0.5 + 1e-9, "euclidean")) == []


def test_nobody_is_alike_in_an_empty_county():
    none = np.zeros((0, 4), np.float32)
    one = np.ones((1, 4), np.float32)
    assert list(alike(none, one, 0.5, "euclidean")) == list(alike(one, none, 0.5, "euclidean")) == []


def test_what_is_no_template_is_refused():
    good = np.ones((2, 4), np.float32)
    bad = good.copy()
    bad[1, 1] = np.nan
    for fresh, every, metric in (
        (bad, good, "euclidean"), (good, bad, "euclidean"), (good, np.ones((2, 5), np.float32), "euclidean"),
        (good.astype(np.float64), good, "euclidean"), (good, good, "manhattan"), (good, good.astype(np.float16), "euclidean"),
    ):
        with pytest.raises(ValueError):
            list(alike(fresh, every, 0.5, metric))
