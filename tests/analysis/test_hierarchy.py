"""Hierarchies: what always holds, and kernels against plain NumPy."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepeyes_tui.analysis.graph import Csr, pointers, product, restricted
from deepeyes_tui.analysis.hierarchy import Stopped, build_hierarchy
from deepeyes_tui.analysis.neighbors import nearest_neighbors
from deepeyes_tui.analysis.transitions import LEAST_SHARE, landmark_transitions, point_transitions
from deepeyes_tui.analysis.walks import covering, influence, visits


def sparse(dense):
    rows, columns = np.nonzero(dense)
    counts = np.bincount(rows, minlength=len(dense))
    return Csr(pointers(counts), columns.astype(np.int32), dense[rows, columns].astype(np.float32), dense.shape[1])


def blobs(count, dimensions, clusters, seed=0, spread=0.3):
    random = np.random.default_rng(seed)
    home = random.integers(0, clusters, count)
    centres = random.normal(size=(clusters, dimensions)) * 4
    return (centres[home] + spread * random.normal(size=(count, dimensions))).astype(np.float32), home


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 300), st.integers(1, 20), st.integers(0, 2**31), st.sampled_from(["normal", "few", "same"]))
def test_what_always_holds(count, dimensions, seed, kind):
    random = np.random.default_rng(seed)
    points = {
        "normal": random.normal(size=(count, dimensions)),
        "few": random.integers(0, 2, (count, dimensions)).astype(float),
        "same": np.zeros((count, dimensions)),
    }[kind]
    hierarchy = build_hierarchy(points, seed=seed % 1000)
    for number, scale in enumerate(hierarchy.scales):
        landmarks = len(scale.landmarks)
        assert landmarks == count if number == 0 else landmarks >= 50
        np.testing.assert_allclose(scale.transitions.row_sums(), 1.0, atol=1e-5)
        assert (scale.transitions.row_numbers() != scale.transitions.indices).all()
        assert scale.weights.sum() == pytest.approx(count, rel=1e-5)
        np.testing.assert_allclose(hierarchy.influence_on(number).row_sums(), 1.0, atol=1e-5)
        assert hierarchy.influence_on(number).shape == (count, landmarks)
        if scale.influence is not None:
            np.testing.assert_allclose(scale.influence.row_sums(), 1.0, atol=1e-5)
            assert (hierarchy.scales[number - 1].landmarks[scale.within] == scale.landmarks).all()
    top = len(hierarchy.scales) - 1
    places = hierarchy.embed(top, 20)
    assert places.dtype == np.float32
    assert places.shape == (len(hierarchy.scales[top].landmarks), 2)
    assert np.isfinite(places).all()


@pytest.mark.parametrize("perplexity", [2.0, 5.0, 9.0])
def test_point_transitions_are_those_of_bisection(perplexity):
    points = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    indices, squares = nearest_neighbors(points, 15)
    shares = point_transitions(indices, squares, perplexity=perplexity).data.reshape(60, 15)
    for row, distances in zip(shares, squares.astype(float), strict=True):
        low, high = 0.0, 1e6
        for _ in range(200):
            middle = (low + high) / 2
            p = np.exp(-middle * (distances - distances.min()))
            p /= p.sum()
            entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
            low, high = (middle, high) if entropy > np.log(perplexity) else (low, middle)
        np.testing.assert_allclose(row, p, atol=1e-4)


def test_equal_distances_are_equally_likely():
    indices = np.array([[1, 2, 3]], np.int32)
    assert point_transitions(indices, np.full((1, 3), 4.0, np.float32)).data == pytest.approx(1 / 3)
    nearer = np.array([[0.0, 0.0, 1e30]], np.float32)
    assert point_transitions(indices, nearer, perplexity=1.0).data == pytest.approx([0.5, 0.5, 0.0])


def test_areas_of_influence_are_probabilities_of_absorption():
    random = np.random.default_rng(0)
    dense = random.random((12, 12)) * (random.random((12, 12)) < 0.4)
    dense[np.arange(12), (np.arange(12) + 1) % 12] += 0.2  # a ring, so that all is reached
    np.fill_diagonal(dense, 0.0)
    dense /= dense.sum(axis=1, keepdims=True)
    landmarks = np.array([2, 5, 11])
    others = np.setdiff1d(np.arange(12), landmarks)
    absorbed = np.zeros((12, 3))  # from each point, already there where it is a landmark
    absorbed[landmarks] = np.eye(3)
    absorbed[others] = np.linalg.solve(np.eye(9) - dense[np.ix_(others, others)], dense[np.ix_(others, landmarks)])
    exact = dense @ absorbed  # at least one step
    goals = np.full(12, 2, np.int32)
    drawn = np.mean([influence(sparse(dense), landmarks, goals, seed=seed).dense() for seed in range(100)], axis=0)
    np.testing.assert_allclose(drawn, exact, atol=0.025)  # 10,000 walks: 5 standard errors


def test_a_point_that_no_walk_leaves_belongs_to_its_goal():
    dense = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], np.float32)
    graph = sparse(dense)
    ranked = np.array([0, 1, 2, 3], np.int32)
    goals = covering(graph.transposed(), ranked, 1)
    assert goals.tolist() == [0, 0, 2, 2]
    area = influence(graph, np.array([0]), np.zeros(4, np.int32), seed=0).dense()
    assert area.tolist() == [[1.0]] * 4


def test_visits_are_the_products_with_the_transposed_matrix():
    random = np.random.default_rng(0)
    dense = random.random((30, 30)).astype(np.float32)
    dense /= dense.sum(axis=1, keepdims=True)
    expected = np.linalg.matrix_power(dense.T.astype(float), 16) @ np.ones(30)
    np.testing.assert_allclose(visits(sparse(dense).transposed()), expected, rtol=1e-4)


def test_landmark_transitions_are_those_of_the_formula():
    random = np.random.default_rng(0)
    areas = random.dirichlet(np.full(6, 0.3), 40)
    weights = random.random(40) * 3
    pruned = np.where(areas >= LEAST_SHARE, areas, 0.0)
    expected = pruned.T @ (weights[:, None] * pruned)
    np.fill_diagonal(expected, 0.0)
    expected /= expected.sum(axis=1, keepdims=True)
    expected[expected < 0.001] = 0.0
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(landmark_transitions(sparse(areas), weights).dense(), expected, atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31))
def test_sparse_matrices_are_matrices(rows, middle, columns, seed):
    random = np.random.default_rng(seed)
    left, right = (
        random.integers(1, 5, shape) * (random.random(shape) < 0.3) for shape in ((rows, middle), (middle, columns))
    )
    assert (product(sparse(left), sparse(right)).dense() == left @ right).all()
    assert (sparse(left).transposed().dense() == left.T).all()
    square = random.integers(0, 3, (rows, rows))
    kept = np.flatnonzero(random.random(rows) < 0.5)
    assert (restricted(sparse(square), kept).dense() == square[np.ix_(kept, kept)]).all()


def test_planted_clusters_stay_apart_at_every_scale():
    points, home = blobs(4000, 10, 5)
    hierarchy = build_hierarchy(points)
    for number, scale in enumerate(hierarchy.scales):
        across = (
            home[scale.landmarks][scale.transitions.row_numbers()] != home[scale.landmarks[scale.transitions.indices]]
        )
        assert scale.transitions.data[across].sum() < 0.01 * scale.transitions.data.sum()
        assert (home[scale.landmarks[hierarchy.representative(number)]] == home).mean() > 0.99
    top = len(hierarchy.scales) - 1
    places, where = hierarchy.embed(top), home[hierarchy.scales[top].landmarks]
    centres = np.array([places[where == cluster].mean(axis=0) for cluster in range(5)])
    nearest = np.square(places[:, None] - centres[None]).sum(axis=2).argmin(axis=1)
    assert (nearest == where).mean() > 0.99


def test_a_fifth_of_the_landmarks_at_each_scale():
    sizes = [len(scale.landmarks) for scale in build_hierarchy(blobs(2500, 5, 3)[0], scales=9).scales]
    assert sizes[:3] == pytest.approx([2500, 500, 100], rel=0.02)
    assert len(sizes) == 3


def test_progress_tells_all_stages_and_stops_at_any():
    points, _ = blobs(1500, 5, 3)
    told = []
    build_hierarchy(points, progress=lambda stage, share: told.append((stage, share)))
    shares = [share for _, share in told]
    assert shares[-1] == 1.0
    assert all(before <= after for before, after in pairwise(shares))
    assert {"neighbours", "scale 1", "scale 2", "hierarchy"} <= {stage for stage, _ in told}
    for last in ("neighbours", "scale 2", "hierarchy"):
        with pytest.raises(Stopped, match=last):
            build_hierarchy(points, progress=lambda stage, share, last=last: stage == last)


@pytest.mark.parametrize(
    ("points", "options", "words"),
    [
        (np.zeros((2, 3)), {}, "at least 3 points"),
        (np.zeros(9), {}, "2 dimensions"),
        (np.full((9, 2), np.nan), {}, "finite"),
        (np.full((9, 2), -np.inf), {}, "finite"),
        (np.zeros((9, 2)), {"scales": 0}, "at least 1 scale"),
        (np.zeros((9, 2)), {"neighbors": 0}, "at least 1 neighbour"),
        (np.zeros((9, 2)), {"metric": "nonsense"}, "no metric 'nonsense'"),
    ],
)
def test_bad_input_is_named_in_a_sentence(points, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        build_hierarchy(points, **options)
    assert "\n" not in str(caught.value)


BITS = """
import hashlib, numpy as np
from deepeyes_tui.analysis import neighbors
from deepeyes_tui.analysis.hierarchy import build_hierarchy
neighbors.PAIRWISE = 3000
random = np.random.default_rng(0)
points = random.normal(size=(6000, 140)).astype(np.float32) * np.geomspace(4, 0.1, 140).astype(np.float32)
hierarchy = build_hierarchy(points)
digest = hashlib.sha256()
for scale in hierarchy.scales:
    for array in (scale.landmarks, scale.weights, scale.transitions.indices, scale.transitions.data):
        digest.update(array.tobytes())
digest.update(hierarchy.influence_on(2).data.tobytes())
digest.update(hierarchy.embed(2, 50).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.process
def test_the_same_bits_at_any_number_of_threads():
    told = [
        subprocess.run(
            [sys.executable, "-c", BITS],
            env={**os.environ, "NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert len(told[0].strip()) == 64
    assert told[0] == told[1]
