"""The Filter Map's layout: alike filters together, whatever their number."""

from __future__ import annotations

import numpy as np
import pytest

from deepeyes_tui.analysis.filter_map import embed_similarities, scaled


def planted(filters, groups, seed=0):
    """Weighted Jaccard similarities of filters that activate like one of a few others."""
    random = np.random.default_rng(seed)
    home = np.arange(filters) % groups
    activations = (random.random((groups, 40)) ** 4)[home] + 0.1 * random.random((filters, 40))
    smaller = np.minimum(activations[:, None], activations[None]).sum(axis=2)
    return smaller / np.maximum(activations[:, None], activations[None]).sum(axis=2), home


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 9, 16, 60])
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_any_number_of_filters_that_are_all_alike(count, value):
    phi = np.full((count, count), value)
    np.fill_diagonal(phi, 1.0)
    places = embed_similarities(phi)
    assert places.shape == (count, 2)
    assert places.dtype == np.float32
    assert np.isfinite(places).all()


@pytest.mark.parametrize("count", [20, 120])
def test_groups_come_apart(count):
    phi, home = planted(count, 4)
    places = embed_similarities(phi)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (home[distances.argmin(axis=1)] == home).mean() > 0.95


def test_few_filters_lie_at_their_distances():
    places = np.array([[0.0, 0.0], [0.3, 0.0], [0.0, 0.4], [0.2, 0.2]])
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    found = embed_similarities(1.0 - distances)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found[None], axis=2), distances, atol=1e-3)


def test_scaling_finds_a_plane():
    places = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    found = scaled(distances)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found[None], axis=2), distances, atol=1e-2)


def test_a_start_is_kept_to():
    phi, _ = planted(100, 4)
    places = embed_similarities(phi)
    iterations = []
    again = embed_similarities(phi, start=places, callback=lambda iteration, _: iterations.append(iteration))
    assert iterations[0] <= 10
    assert iterations[-1] < 500
    assert np.median(np.linalg.norm(again - places, axis=1)) < 0.2 * places.std()
    few = embed_similarities(phi[:4, :4])
    mirrored = embed_similarities(phi[:4, :4], start=few * [-1, 1])
    np.testing.assert_allclose(mirrored, few * [-1, 1], atol=1e-4)


def test_a_callback_stops_it():
    seen = []
    phi, _ = planted(30, 3)
    places = embed_similarities(phi, callback=lambda iteration, now: seen.append(now) or len(seen) == 2)
    assert len(seen) == 2
    assert (places == seen[-1]).all()


@pytest.mark.parametrize("phi", [np.zeros((2, 3)), np.zeros(4), np.zeros((0, 0)), np.full((3, 3), np.nan)])
def test_bad_similarities_are_named(phi):
    with pytest.raises(ValueError, match="similarities must be"):
        embed_similarities(phi)
