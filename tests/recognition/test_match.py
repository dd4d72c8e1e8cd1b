import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognition import LOOKS_MAX, Gallery, alike_of, best_match, looks_of, mean_template
from recognition.shortlist import Shortlist
from recognition.synthetic import embedding_of


def gallery(*rows, metric="euclidean", contract="c"):
    """(key, vector) rows."""
    vectors = np.array([vector for _, vector in rows], np.float32).reshape(len(rows), -1)
    return Gallery(tuple(key for key, _ in rows), vectors, contract, metric)


def match(query, among):
    return best_match(np.array(query, np.float32), among, contract_id="c")


def test_the_nearest_is_named_with_its_lead():
    found = match([1, 0], gallery((7, [1, 0.3]), (9, [1, 0.5])))
    assert found.key == 7
    assert found.similarity == pytest.approx(0.7) and found.margin == pytest.approx(0.2)


def test_the_same_vector_has_similarity_one():
    # Float32 cancellation would put it at 0.9995: squares of two nearly equal lengths.
    vector = embedding_of(3) * 1.4
    found = match(vector, gallery((1, vector), (2, -vector)))
    assert (found.key, found.similarity, found.margin) == (1, 1.0, 2.0)


def test_nobody_else_means_a_margin_of_two_and_nobody_at_all_none():
    assert match([1, 0], gallery((1, [0.9, 0]), (1, [0.8, 0]))).margin == 2.0
    assert best_match(np.zeros(2, np.float32), Gallery((), np.zeros((0, 2), np.float32), "c"), contract_id="c") is None


def test_a_tie_has_no_margin_and_the_order_decides_nothing():
    rows = [(5, [1, 0.3]), (3, [1, -0.3]), (9, [1, 0.3])]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        found = match([1, 0], gallery(*(rows[at] for at in order)))
        assert (found.key, found.margin) == (3, 0.0)


def test_equal_templates_tie_exactly_wherever_they_stand():
    # A matrix product sums rows at its ragged end in another order than the others.
    generator = np.random.default_rng(5)
    for count in (2, 3, 5, 17, 33, 1001):
        templates = generator.normal(size=(count, 128)).astype(np.float32)
        twin = templates[0] * np.float32(0.9)
        templates[0] = templates[-1] = twin
        query = twin + np.float32(0.01) * generator.normal(size=128).astype(np.float32)
        found = best_match(query, Gallery(tuple(range(count)), templates, "c"), contract_id="c")
        assert (found.key, found.margin) == (0, 0.0)


def test_the_other_templates_of_the_same_key_are_no_rivals():
    found = match([1, 0], gallery((1, [1, 0]), (1, [1, 0.05]), (2, [1, 0.4])))
    assert found.key == 1 and found.margin == pytest.approx(0.4)


def test_it_agrees_with_comparing_one_by_one():
    generator = np.random.default_rng(2)
    keys = tuple(int(key) for key in generator.integers(0, 40, 300))
    templates = generator.normal(size=(300, 16)).astype(np.float32) * np.float32(0.3)
    among = Gallery(keys, templates, "c")
    for _ in range(50):
        query = generator.normal(size=16).astype(np.float32) * np.float32(0.3)
        best = {}
        for key, template in zip(keys, templates, strict=True):
            distance = float(np.linalg.norm(template.astype(np.float64) - query))
            best[key] = max(best.get(key, -9.0), max(-1.0, 1 - distance))
        first, second = sorted(best, key=lambda key: -best[key])[:2]
        found = best_match(query, among, contract_id="c")
        assert found.key == first
        assert found.similarity == pytest.approx(best[first]) and found.margin == pytest.approx(best[first] - best[second])


def test_cosine_packs_compare_directions():
    found = match([0.6, 0.8], gallery((1, [0.6, 0.8]), (2, [1, 0]), metric="cosine"))
    assert found.similarity == pytest.approx(1.0) and found.similarity <= 1.0
    assert found.margin == pytest.approx(0.4)


def test_what_cannot_be_compared_is_refused():
    good = gallery((1, [1, 0]))
    for query, among, contract in (
        ([1, 0, 0], good, "c"),
        ([[1, 0]], good, "c"),
        ([np.nan, 0], good, "c"),
        ([np.inf, 0], good, "c"),
        ([1, 0], good, "another pack"),
        ([1, 1], gallery((1, [1, 0]), metric="cosine"), "c"),
    ):
        with pytest.raises(ValueError):
            best_match(np.array(query, np.float32), among, contract_id=contract)
    with pytest.raises(ValueError):
        best_match(np.array([1.0, 0.0]), good, contract_id="c")


def test_a_gallery_that_makes_no_sense_is_refused():
    whole = np.ones((2, 4), np.float32)
    for keys, templates, metric in (
        ((1,), whole, "euclidean"),
        ((1, 2), whole.astype(np.float64), "euclidean"),
        ((1, 2), np.full((2, 4), np.nan, np.float32), "euclidean"),
        ((1, 2), whole, "cosine"),
        ((1, 2), whole, "manhattan"),
        ((1, 2), np.ones(4, np.float32), "euclidean"),
    ):
        with pytest.raises(ValueError):
            Gallery(keys, templates, "c", metric)


def test_a_gallery_does_not_change_when_its_source_does():
    source = np.array([[1, 0]], np.float32)
    among = Gallery((1,), source, "c")
    source[:] = 5
    assert match([1, 0], among).similarity == 1.0


def test_the_mean_of_several_photographs_keeps_its_length_unless_the_metric_is_cosine():
    assert mean_template([np.array([2, 0], np.float32), np.array([0, 2], np.float32)]).tolist() == [1, 1]
    unit = mean_template([np.array([1, 0], np.float32), np.array([0, 1], np.float32)], "cosine")
    assert unit.dtype == np.float32 and np.linalg.norm(unit) == pytest.approx(1)
    for bad in ([], [np.array([np.nan])], [np.zeros((2, 2))]):
        with pytest.raises(ValueError):
            mean_template(bad)
    with pytest.raises(ValueError):
        mean_template([np.array([1.0, 0]), np.array([-1.0, 0])], "cosine")


# --- several photographs of one person ------------------------------------------------------------------------


def near(*offsets: float) -> list[np.ndarray]:
    """One embedding for each offset along one direction."""
    return [np.array([offset, 1.0, 0.0, 0.0], np.float32) for offset in offsets]


@pytest.mark.parametrize(
    ("offsets", "templates", "set_aside", "differs"),
    [
        ((0.0,), [0.0], None, None),
        ((0.0, 0.2), [0.1], None, None),
        ((0.0, 0.7), [0.35], None, 0),
        ((0.0, 0.1, 0.9), [1.0 / 3], None, 2),
        ((0.0, 0.1, 0.2, 0.9), [0.1], 3, None),
        ((0.0, 0.1, 0.9, 1.0), [0.5], None, 0),
        ((0.0, 0.0, 0.0, 0.0, 0.4), [0.08], None, None),
        ((0.0, 0.0, 0.0, 0.0, 0.49), [0.098, 0.49], None, None),
    ],
)
def test_photographs_become_a_mean_and_other_looks(offsets, templates, set_aside, differs):
    looks = looks_of(near(*offsets), "euclidean", 0.5)
    assert looks.templates[:, 0].tolist() == pytest.approx(templates, abs=1e-6)
    assert (looks.set_aside, looks.differs) == (set_aside, differs)


@given(st.lists(st.lists(st.floats(-1, 1), min_size=3, max_size=3), min_size=1, max_size=10))
def test_the_looks_of_a_person_are_few_and_every_one_is_near_a_photograph_of_his(rows):
    embeddings = [np.array(row, np.float32) for row in rows]
    looks = looks_of(embeddings, "euclidean", 0.5)
    assert 1 <= len(looks.templates) <= LOOKS_MAX and np.isfinite(looks.templates).all()
    assert looks.set_aside is None or (looks.differs is None and len(rows) >= 4)
    used = [e for at, e in enumerate(embeddings) if at != looks.set_aside]
    if looks.differs is None:
        assert np.allclose(looks.templates[0], np.mean(used, 0), atol=1e-5)
        for extra in looks.templates[1:]:
            assert min(float(np.linalg.norm(extra - e)) for e in used) <= 0.51


def _many(count, dimension=512, seed=3):
    """``count`` templates of length 1, among them pairs of near twins and some of one or two large numbers."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, dimension))
    rows[::7] = rows[1 : 1 + len(rows[::7])] + 0.02 * generator.normal(size=rows[::7].shape)
    rows[::101] *= generator.random(size=rows[::101].shape) < 0.02
    rows[::101, 0] += 1.0
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), generator


def test_of_thousands_the_nearest_and_the_next_are_those_that_floats_name():
    # A large roster is looked through in whole numbers first; what is named is what an exact look at everybody names.
    rows, generator = _many(3000)
    keys = tuple(int(key) for key in generator.integers(0, 1500, len(rows)))
    large = Gallery(keys, rows, "c", "cosine")
    assert large._shortlist is not None
    wide = rows.astype(np.float64)
    for at in range(300):
        query = rows[at] + (0.0, 0.02, 0.5)[at % 3] * generator.normal(size=512).astype(np.float32) / np.float32(22.6)
        query = (query / np.linalg.norm(query)).astype(np.float32)
        exact = np.clip(wide @ query.astype(np.float64), -1.0, 1.0)
        best = int(np.argmax(exact))
        other = max(value for value, key in zip(exact, keys, strict=True) if key != keys[best])
        found = best_match(query, large, contract_id="c")
        assert found.key == keys[best]
        assert found.similarity == pytest.approx(exact[best], abs=1e-9)
        assert found.margin == pytest.approx(exact[best] - other, abs=1e-9)


def test_what_rounding_can_take_is_never_understated():
    rows, generator = _many(2100)
    shortlist = Shortlist(rows)
    for scale in (1.0, 1e-3, 40.0):
        query = (scale * rows[5] + scale * 0.1 * generator.normal(size=512)).astype(np.float32)
        quick, doubt = shortlist.products(query)
        assert (np.abs(rows.astype(np.float64) @ query.astype(np.float64) - quick) <= doubt).all()
        assert np.median(doubt) < 0.05 * np.linalg.norm(query)
    # Where nothing was to be rounded nothing is in doubt, also at the ends of the range.
    ends = np.array([[1, -1] * 256, [-1, 1] * 256, [1, 1] * 256], np.float32)
    quick, _ = Shortlist(ends).products(ends[0])
    assert quick == pytest.approx([512, -512, 0], abs=1e-3)


def test_the_order_of_a_large_roster_decides_nothing():
    rows, generator = _many(2100)
    rows[40] = rows[2000]
    order = generator.permutation(len(rows))
    found = {
        best_match(rows[40], Gallery(tuple(int(at) for at in keys), rows[keys], "c", "cosine"), contract_id="c")
        for keys in (np.arange(len(rows)), order)
    }
    assert {(match.key, match.margin) for match in found} == {(40, 0.0)}


def test_the_same_picture_again_is_alike_and_another_of_the_person_is_not():
    face = np.zeros(128, np.float32)
    moved = lambda by: face + by * np.eye(128, dtype=np.float32)[1]  # noqa: E731 - a word for the lines below
    assert alike_of([face, face, moved(0.1)], "euclidean") == (1, 2)
    assert alike_of([face, moved(0.29), moved(0.58)], "euclidean") == (), "never nearer than .29: two photographs"
    assert alike_of([face], "euclidean") == alike_of([], "euclidean") == ()
