"""Refreshing: the same landmarks and places as far as the instances are the same."""

from __future__ import annotations

import numpy as np
import pytest

from deepeyes_tui.analysis import neighbors
from deepeyes_tui.analysis.carry import carry_positions
from deepeyes_tui.analysis.hierarchy import build_hierarchy
from deepeyes_tui.analysis.neighbors import nearest_neighbors
from deepeyes_tui.analysis.procrustes import align
from deepeyes_tui.analysis.refresh import refresh


@pytest.fixture(scope="module")
def points():
    random = np.random.default_rng(0)
    home = random.integers(0, 6, 3600)
    return (random.normal(size=(6, 8))[home] * 3 + random.normal(size=(3600, 8))).astype(np.float32)


@pytest.fixture(scope="module")
def old(points):
    return build_hierarchy(points[:3000])


IDS = np.arange(100, 3100)


def changed(points):
    """A fifth of the instances replaced, all moved a little, in another order."""
    random = np.random.default_rng(1)
    rows = random.permutation(np.arange(600, 3600))
    return points[rows] + 0.1 * random.normal(size=(3000, 8)).astype(np.float32), rows + 100


@pytest.mark.parametrize("pairwise", [10_000, 1000])
def test_neighbors_are_those_of_the_new_points(monkeypatch, points, old, pairwise):
    monkeypatch.setattr(neighbors, "PAIRWISE", pairwise)
    moved, ids = changed(points)
    new = refresh(old, IDS, moved, ids)
    monkeypatch.setattr(neighbors, "PAIRWISE", 10_000)
    true, _ = nearest_neighbors(moved, 10)
    kept = [len(np.intersect1d(a, b)) / 10 for a, b in zip(new.neighbors, true, strict=True)]
    assert np.mean(kept) > 0.95
    for scale in new.scales:
        np.testing.assert_allclose(scale.transitions.row_sums(), 1.0, atol=1e-5)
        assert scale.weights.sum() == pytest.approx(3000)


def test_most_landmarks_stay(points, old):
    moved, ids = changed(points)
    new, cold = refresh(old, IDS, moved, ids), build_hierarchy(moved)
    before = IDS[old.scales[1].landmarks]
    before = before[np.isin(before, ids)]
    stay, cold_stay = (np.isin(before, ids[h.scales[1].landmarks]).mean() for h in (new, cold))
    assert stay > 0.85
    assert stay > cold_stay + 0.1


def test_the_same_points_make_the_same_hierarchy(points, old):
    new = refresh(old, IDS, points[:3000], IDS)
    assert np.isin(old.scales[2].landmarks, new.scales[2].landmarks).mean() > 0.95


def test_other_points_altogether_are_a_new_hierarchy(points, old):
    new = refresh(old, IDS, points[:1000] + 1, np.arange(9000, 10_000))
    assert new.points_count == 1000
    assert np.isfinite(carry_positions(old, old.embed(2, 20), IDS, new, np.arange(9000, 10_000))).all()


def test_kept_landmarks_keep_their_places(points, old):
    moved, ids = changed(points)
    new = refresh(old, IDS, moved, ids)
    places = old.embed(2, 300)
    start = carry_positions(old, places, IDS, new, ids)
    there = {int(number): place for number, place in zip(IDS[old.scales[2].landmarks], places, strict=True)}
    landmarks = ids[new.scales[2].landmarks]
    kept = [at for at, number in enumerate(landmarks) if int(number) in there]
    assert len(kept) > 50
    assert all((start[at] == there[int(landmarks[at])]).all() for at in kept)
    assert np.isfinite(start).all()
    spread = np.sqrt(np.square(places).sum(axis=1).mean())
    settled = new.embed(2, 50, start=start)
    assert np.median(np.linalg.norm(settled[kept] - start[kept], axis=1)) < 0.2 * spread
    assert (np.abs(start) <= np.abs(places).max() + 1e-4).all()


def test_ids_that_do_not_fit_are_named(points, old):
    with pytest.raises(ValueError, match="one point only"):
        refresh(old, IDS, points[:3000], np.zeros(3000, int))
    with pytest.raises(ValueError, match="3000 points need 3000"):
        refresh(old, IDS[:-1], points[:3000], IDS)
    with pytest.raises(ValueError, match="whole numbers"):
        refresh(old, IDS, points[:3000], IDS.astype(float))


def test_aligning_undoes_turning_mirroring_scaling_and_shifting():
    random = np.random.default_rng(0)
    places = random.normal(size=(40, 2)).astype(np.float32)
    turn = np.array([[np.cos(2.0), -np.sin(2.0)], [np.sin(2.0), np.cos(2.0)]]) @ np.diag([1, -1])
    moved = (places @ turn * 3 + [5, -7]).astype(np.float32)
    np.testing.assert_allclose(align(moved, places), places, atol=1e-4)
    mask = random.random(40) < 0.5
    moved[~mask] += 100
    np.testing.assert_allclose(align(moved, places, mask)[mask], places[mask], atol=1e-4)
    order = np.flatnonzero(mask)
    np.testing.assert_allclose(align(moved, places[order], order, np.arange(len(order)))[mask], places[mask], atol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_aligning_few_points(count):
    moved = align(np.ones((5, 2)), np.zeros((5, 2)), np.arange(count))
    assert np.isfinite(moved).all()
    assert (moved == (1.0 if count == 0 else 0.0)).all()


def test_aligning_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="shared points must be"):
        align(np.zeros((3, 2)), np.zeros((3, 2)), [5])
    with pytest.raises(ValueError, match="cannot be laid over"):
        align(np.zeros((5, 2)), np.zeros((3, 2)))
