"""Neighbours: against every pair measured, on clusters, duplicates and odd scales."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from deepeyes_tui.analysis import neighbors
from deepeyes_tui.analysis.descent import refine_neighbors
from deepeyes_tui.analysis.neighbors import _without_self, nearest_neighbors
from deepeyes_tui.analysis.pca import principal_axes
from deepeyes_tui.analysis.progress import Stopped


def by_every_pair(points, k):
    """Squared distances and numbers, by NumPy in double precision."""
    squares = np.square(points[:, None].astype(float) - points[None].astype(float)).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(squares, order, axis=1)


def recall(found, true):
    return np.mean([len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, true, strict=True)])


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 120), st.integers(1, 20), st.integers(0, 2**31), st.booleans())
def test_distances_are_those_of_every_pair(count, dimensions, seed, duplicates):
    random = np.random.default_rng(seed)
    points = random.integers(0, 3, (count, dimensions)) if duplicates else random.normal(size=(count, dimensions))
    k = int(random.integers(1, count))
    indices, squares = nearest_neighbors(points.astype(np.float32), k)
    _, true = by_every_pair(points.astype(np.float32), k)
    np.testing.assert_allclose(squares, true, rtol=1e-4, atol=1e-5)
    assert (indices != np.arange(count)[:, None]).all()
    assert all(len(set(row)) == k for row in indices.tolist())


def test_nearest_first_and_self_left_out():
    points = np.array([[0.0], [1.0], [3.0], [7.0]], np.float32)
    indices, squares = nearest_neighbors(points, 2)
    assert indices.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert squares.tolist() == [[1.0, 9.0], [1.0, 4.0], [4.0, 9.0], [16.0, 36.0]]


@pytest.mark.parametrize("dimensions", [8, 200])
def test_cells_find_nearly_all(monkeypatch, dimensions):
    random = np.random.default_rng(0)
    hidden = random.normal(size=(4000, 8)) @ random.normal(size=(8, dimensions))
    points = (np.tanh(hidden / 4) + 0.01 * random.normal(size=hidden.shape)).astype(np.float32)
    true = NearestNeighbors(n_neighbors=11, algorithm="brute").fit(points).kneighbors(points)[1][:, 1:]
    monkeypatch.setattr(neighbors, "PAIRWISE", 1000)
    found, squares = nearest_neighbors(points, 10)
    assert recall(found, true) > 0.95
    assert (np.diff(squares, axis=1) >= 0.0).all()


def test_a_round_of_refining_finds_most_of_what_was_forgotten():
    random = np.random.default_rng(0)
    points = random.normal(size=(2000, 5)).astype(np.float32)
    true, _ = nearest_neighbors(points, 10)
    worse = true.copy()
    worse[:, 5:] = random.integers(0, 2000, (2000, 5))
    refined = refine_neighbors(points, worse)
    assert recall(worse, true) < 0.6
    assert recall(refined, true) > 0.85
    assert (refined != np.arange(2000)[:, None]).all()


def test_many_identical_points_through_cells(monkeypatch):
    monkeypatch.setattr(neighbors, "PAIRWISE", 500)
    points = np.ones((3000, 4), np.float32)
    points[:10] = 2.0
    indices, squares = nearest_neighbors(points, 5)
    assert (squares == 0.0).all()
    assert (indices >= 0).all()


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e18])
def test_odd_scales_have_the_same_neighbours(scale):
    points = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    plain, squares = nearest_neighbors(points, 5)
    scaled, larger = nearest_neighbors(points * np.float32(scale), 5)
    assert recall(scaled, plain) == 1.0
    assert np.isfinite(larger).all()
    if 1e-15 < scale < 1e15:
        np.testing.assert_allclose(larger, squares * scale**2, rtol=1e-3)


def test_small_differences_beside_a_large_offset():
    points = np.random.default_rng(0).normal(size=(100, 3))
    plain, _ = nearest_neighbors(points, 5)
    shifted, _ = nearest_neighbors(points + 1e6, 5)
    assert recall(shifted, plain) > 0.99


def test_principal_axes_are_those_of_the_covariance():
    random = np.random.default_rng(0)
    points = (random.normal(size=(1000, 30)) * np.geomspace(10, 0.1, 30)).astype(np.float32)
    mean, axes = principal_axes(points, 3)
    _, vectors = np.linalg.eigh(np.cov(points.T))
    overlap = np.abs(axes.T @ vectors[:, ::-1][:, :3])
    np.testing.assert_allclose(np.diag(overlap), 1.0, atol=1e-3)
    np.testing.assert_allclose(mean, points.mean(axis=0), atol=1e-4)


def test_another_metric_by_every_pair():
    points = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    indices, squares = nearest_neighbors(points, 5, metric="manhattan")
    distances = np.abs(points[:, None] - points[None]).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    assert recall(indices, np.argsort(distances, axis=1)[:, :5]) > 0.99
    np.testing.assert_allclose(squares, np.take_along_axis(distances, indices, axis=1) ** 2, rtol=1e-3)


def test_the_point_itself_is_dropped_wherever_it_stands():
    found = np.array([[0, 1, 2], [0, 1, 2], [1, 0, 3]], np.int32)
    indices, squares = _without_self(found, np.array([[0.0, 1.0, 2.0]] * 3, np.float32), 2)
    assert indices.tolist() == [[1, 2], [0, 2], [1, 0]]
    assert squares.tolist() == [[1.0, 4.0], [0.0, 4.0], [0.0, 1.0]]


def test_without_pynndescent_a_metric_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name == "pynndescent":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ValueError, match=r"install deepeyes_tui\[metrics\]"):
        nearest_neighbors(np.eye(5), 2, metric="cosine")


@pytest.mark.parametrize(
    ("points", "k", "words"),
    [
        (np.zeros(5), 1, "2 dimensions"),
        (np.zeros((5, 0)), 1, "coordinate"),
        (np.zeros((5, 2)), 5, "1..4"),
        (np.zeros((5, 2)), 0, "1..4"),
        (np.array([[0.0], [np.nan], [1.0]]), 1, "finite"),
        (np.array([[0.0], [np.inf], [1.0]]), 1, "finite"),
    ],
)
def test_bad_points_are_named(points, k, words):
    with pytest.raises(ValueError, match=words):
        nearest_neighbors(points, k)


def test_progress_rises_and_stops():
    shares = []
    nearest_neighbors(np.random.default_rng(0).random((3000, 3)), 5, progress=lambda stage, share: shares.append(share))
    assert len(shares) > 2
    assert 0.0 <= min(shares) <= max(shares) <= 1.0
    with pytest.raises(Stopped):
        nearest_neighbors(np.zeros((10, 3)), 5, progress=lambda stage, share: True)
