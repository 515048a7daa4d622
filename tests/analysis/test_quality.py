"""Quality of projections against scikit-learn, and by meaning."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from deepeyes_tui.analysis.quality import AT_ONCE, finish_distances, measure_rows, projection_quality


def cloud(n, dimensions, seed=0):
    random = np.random.default_rng(seed)
    centres = random.standard_normal((5, dimensions)) * 2
    high = centres[random.integers(0, 5, n)] + random.standard_normal((n, dimensions))
    low = high[:, :2] + 0.3 * random.standard_normal((n, 2))
    return high.astype(np.float32), low.astype(np.float32)


@pytest.mark.parametrize(("n", "dimensions", "k"), [(4, 3, 1), (25, 5, 12), (400, 30, 10), (301, 60, 1), (500, 7, 25)])
def test_means_equal_those_of_sklearn(n, dimensions, k):
    high, low = cloud(n, dimensions)
    quality = projection_quality(high, low, k)
    assert quality.mean_trustworthiness == pytest.approx(trustworthiness(high, low, n_neighbors=k), abs=1e-5)
    assert quality.mean_continuity == pytest.approx(trustworthiness(low, high, n_neighbors=k), abs=1e-5)


def test_more_points_than_are_held_at_once():
    high, low = cloud(AT_ONCE + 300, 4)
    quality = projection_quality(high, low)
    assert quality.mean_trustworthiness == pytest.approx(trustworthiness(high, low, n_neighbors=10), abs=1e-5)


def test_one_call_compiles_all():
    projection_quality(*cloud(5, 3))
    for high, low in (cloud(AT_ONCE + 5, 2), cloud(40, 300)):
        high.flags.writeable = False
        projection_quality(np.asfortranarray(high), low.astype(np.float64), k=3)
    assert len(measure_rows.signatures) == len(finish_distances.signatures) == 1


def test_far_from_the_origin_it_is_as_exact():
    high, low = cloud(200, 20)
    far = projection_quality(high.astype(np.float64) + 1e6, low)
    np.testing.assert_allclose(far.trustworthiness, projection_quality(high, low).trustworthiness, atol=1e-6)


def plain_neighbours(points, k):
    d = ((points[:, None].astype(np.float64) - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(d, np.inf)
    return d.argsort(axis=1, kind="stable")[:, :k], d.argsort(axis=1, kind="stable").argsort(axis=1) + 1


def test_each_point_equals_the_formula_and_names_its_neighbours():
    n, k = 60, 7
    high, low = cloud(n, 6)
    near_high, rank_high = plain_neighbours(high, k)
    near_low, rank_low = plain_neighbours(low, k)
    quality = projection_quality(high, low, k)
    for i in range(n):
        false = [j for j in near_low[i] if j not in near_high[i]]
        missing = [j for j in near_high[i] if j not in near_low[i]]
        assert quality.false_neighbours[i].tolist() == false + [-1] * (k - len(false))
        assert quality.missing_neighbours[i].tolist() == missing + [-1] * (k - len(missing))
        scale = 2 / (k * (2 * n - 3 * k - 1))
        assert quality.trustworthiness[i] == pytest.approx(1 - scale * sum(rank_high[i, j] - k for j in false))
        assert quality.continuity[i] == pytest.approx(1 - scale * sum(rank_low[i, j] - k for j in missing))


def test_the_same_picture_is_faithful_and_a_folded_one_is_not():
    random = np.random.default_rng(1)
    flat = random.random((300, 2))
    same = projection_quality(flat, flat * 3 + 1)
    assert same.trustworthiness.min() == same.continuity.min() == 1
    assert (same.false_neighbours == -1).all()
    folded = projection_quality(flat, np.abs(flat - 0.5))
    assert folded.mean_trustworthiness < 0.9 < folded.mean_continuity
    torn = projection_quality(flat, flat + 5 * (flat[:, :1] > 0.5))
    edge = np.abs(flat[:, 0] - 0.5) < 0.05
    assert torn.continuity[edge].mean() < torn.continuity[~edge].mean()


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_points_are_faithful(n):
    high, low = cloud(n, 3)
    quality = projection_quality(high, low)
    assert quality.trustworthiness.tolist() == [1] * n
    assert quality.false_neighbours.shape == (n, 0)
    assert quality.mean_trustworthiness == quality.mean_continuity == 1


@pytest.mark.parametrize("n", [4, 5, 11, 19, 20, 21])
def test_with_few_points_k_is_lowered(n):
    high, low = cloud(n, 3)
    quality = projection_quality(high, low, k=10)
    used = min(10, (n - 1) // 2)
    assert quality.missing_neighbours.shape == (n, used)
    assert quality.mean_trustworthiness == pytest.approx(trustworthiness(high, low, n_neighbors=used), abs=1e-5)
    assert quality.trustworthiness.min() >= 0


def test_identical_points_are_finite():
    one = np.full((30, 5), 0.1)
    quality = projection_quality(one, np.zeros((30, 2)))
    assert quality.trustworthiness.tolist() == [1] * 30
    spread = projection_quality(one, cloud(30, 2)[1])
    assert np.isfinite(spread.continuity).all()
    assert ((spread.trustworthiness >= 0) & (spread.trustworthiness <= 1)).all()


@pytest.mark.parametrize(
    ("high", "low"),
    [(np.ones((5, 3)), np.ones((4, 2))), (np.full((5, 3), np.nan), np.ones((5, 2))), (np.ones(5), np.ones(5))],
)
def test_what_cannot_be_compared_is_refused(high, low):
    with pytest.raises(ValueError, match="points"):
        projection_quality(high, low)
