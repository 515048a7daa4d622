"""What draws landmarks together: half their areas, half their own distances."""

import numpy as np
import pytest

from deepeyes_tui.analysis.attraction import attraction
from deepeyes_tui.analysis.graph import Csr
from deepeyes_tui.analysis.neighbors import nearest_neighbors
from deepeyes_tui.analysis.transitions import point_transitions


def ring_of(count):
    """Every point leads to the next."""
    return Csr(
        np.arange(count + 1), (np.arange(1, count + 1) % count).astype(np.int32), np.ones(count, np.float32), count
    )


@pytest.mark.parametrize("scale", [1.0, 1e-20, 1e15])
def test_it_is_the_mean_of_both(scale):
    points = np.random.default_rng(0).random((60, 5)).astype(np.float32) * np.float32(scale)
    direct = point_transitions(*nearest_neighbors(points, 30))
    mixed = attraction(ring_of(60), points)
    assert np.allclose(mixed.dense(), (ring_of(60).dense() + direct.dense()) / 2, atol=1e-6)
    assert np.allclose(mixed.row_sums(), 1, atol=1e-5)


def test_many_coordinates_have_nearly_the_same_neighbours():
    random = np.random.default_rng(1)
    points = (random.normal(size=(400, 12)) @ random.normal(size=(12, 500))).astype(np.float32)
    exact = point_transitions(*nearest_neighbors(points, 30)).dense()
    found = 2 * attraction(ring_of(400), points).dense() - ring_of(400).dense()
    assert ((found > 0) & (exact > 0)).sum() > 0.95 * (exact > 0).sum()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_points(count):
    mixed = attraction(ring_of(count), np.zeros((count, 3), np.float32))
    assert np.isfinite(mixed.data).all()
