"""t-SNE: its gradient, where it starts and stops, and what it separates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.analysis.gradient import attract, repel
from deepeyes_tui.analysis.graph import Csr, pointers
from deepeyes_tui.analysis.tsne import embed_graph, embed_points, parted, small, symmetric


def whole(dense):
    """A matrix with all its entries, in rows."""
    count = len(dense)
    indices = np.tile(np.arange(count, dtype=np.int32), count)
    return Csr(pointers(np.full(count, count)), indices, dense.astype(np.float32).ravel(), count)


def divergence(p, places):
    """Kullback-Leibler divergence of Q from P, in double precision."""
    squares = np.square(places[:, None] - places[None]).sum(axis=2)
    q = 1.0 / (1.0 + squares)
    np.fill_diagonal(q, 0.0)
    q /= q.sum()
    used = p > 0
    return (p[used] * np.log(p[used] / q[used])).sum()


def gradient(p, places):
    """The kernels' gradient of the divergence, (n, 2)."""
    x, y = np.ascontiguousarray(places.T, np.float32)
    force_x, force_y, joint = np.zeros_like(x), np.zeros_like(y), whole(p)
    total = repel(x, y, force_x, force_y)
    force_x /= -total
    force_y /= -total
    attract(joint.indptr, joint.indices.view(np.uint32), joint.data, x, y, np.float32(1.0), force_x, force_y)
    return 4.0 * np.stack([force_x, force_y], axis=1)


@pytest.mark.parametrize("count", [2, 3, 17, 40])
def test_the_gradient_is_that_of_the_divergence(count):
    random = np.random.default_rng(count)
    p = random.random((count, count))
    p = np.triu(p, 1) + np.triu(p, 1).T
    p /= p.sum()
    places = random.normal(size=(count, 2)).astype(np.float32).astype(float)
    expected = np.zeros_like(places)
    for at in np.ndindex(places.shape):
        step = np.zeros_like(places)
        step[at] = 1e-5
        expected[at] = (divergence(p, places + step) - divergence(p, places - step)) / 2e-5
    np.testing.assert_allclose(gradient(p, places), expected, atol=1e-5)


def test_p_is_symmetric_and_sums_to_one():
    random = np.random.default_rng(0)
    dense = random.random((20, 20))
    np.fill_diagonal(dense, 0.0)
    joint = symmetric(whole(dense)).dense()
    np.testing.assert_allclose(joint, (dense + dense.T) / (2 * dense.sum()), rtol=1e-4)


def test_embedding_lessens_the_divergence():
    random = np.random.default_rng(0)
    dense = random.random((30, 30)) ** 6
    np.fill_diagonal(dense, 0.0)
    start = random.normal(size=(30, 2)).astype(np.float32)
    p = symmetric(whole(dense)).dense().astype(float)
    places = embed_graph(whole(dense), 300, start=start, warm=True)
    assert divergence(p, places.astype(float)) < 0.6 * divergence(p, start.astype(float))


def test_planted_clusters_come_apart():
    random = np.random.default_rng(0)
    home = random.integers(0, 4, 400)
    points = random.normal(size=(4, 20))[home] * 3 + 0.3 * random.normal(size=(400, 20))
    places = embed_points(points)
    centres = np.array([places[home == cluster].mean(axis=0) for cluster in range(4)])
    nearest = np.square(places[:, None] - centres[None]).sum(axis=2).argmin(axis=1)
    assert (nearest == home).mean() > 0.99


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 2**31), st.booleans())
def test_any_points_have_finite_places(count, dimensions, seed, same):
    random = np.random.default_rng(seed)
    points = (
        np.zeros((count, dimensions)) if same else random.normal(size=(count, dimensions)) * 10.0 ** (seed % 30 - 15)
    )
    places = embed_points(points, 100)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert np.abs(places).max() < 1e4


def test_a_callback_sees_early_pictures_and_stops():
    points = np.random.default_rng(0).normal(size=(100, 5))
    seen = []

    def watch(iteration, places):
        seen.append((iteration, places))
        return iteration >= 30

    places = embed_points(points, 500, callback=watch)
    assert [iteration for iteration, _ in seen] == [10, 20, 30]
    assert (places == seen[-1][1]).all()
    assert (seen[0][1] != seen[1][1]).any()


def test_callbacks_come_as_often_as_asked_and_at_the_end():
    seen = []
    points = np.random.default_rng(0).normal(size=(20, 3))
    embed_points(points, 25, callback=lambda iteration, places: seen.append(iteration), callback_every=7)
    assert seen == [7, 14, 21, 25]


def test_a_warm_start_stays_where_it_is():
    points = np.random.default_rng(0).normal(size=(300, 5))
    places = embed_points(points)
    again = embed_points(points, 50, start=places)
    shift = np.linalg.norm(again - places, axis=1)
    assert np.median(shift) < 0.03 * np.linalg.norm(places, axis=1).mean()


def test_the_same_seed_gives_the_same_bits():
    points = np.random.default_rng(0).normal(size=(200, 5))
    assert embed_points(points, 100).tobytes() == embed_points(points, 100).tobytes()


def test_points_in_one_place_are_parted():
    places = np.array([[0.0, 0.0], [0.0, 0.0], [4.0, 0.0]], np.float32)
    assert len(np.unique(parted(places), axis=0)) == 3
    np.testing.assert_allclose(parted(places), places, atol=0.05)
    assert (parted(places[1:]) == places[1:]).all()
    assert len(np.unique(small(np.zeros((50, 2), np.float32)), axis=0)) == 50


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"perplexity": 0.5}, "perplexity"),
        ({"perplexity": float("nan")}, "perplexity"),
        ({"start": np.zeros((4, 2))}, r"start must be \(5, 2\)"),
        ({"start": np.full((5, 2), np.nan)}, "finite"),
        ({"callback_every": 0}, "callback_every"),
    ],
)
def test_bad_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        embed_points(np.eye(5), 10, **options)
