"""What draws landmarks to each other in a picture: their areas of influence, and how near they are themselves."""

from __future__ import annotations

import numpy as np

from deepeyes_tui.analysis.cells import search_all
from deepeyes_tui.analysis.graph import Csr, Floats, Ints, product
from deepeyes_tui.analysis.neighbors import PAIRWISE, nearest_neighbors, ranked
from deepeyes_tui.analysis.points import power_of_two
from deepeyes_tui.analysis.transitions import point_transitions

SHARE_OF_AREAS = 0.5
NEIGHBORS = 30
AXES = 64
CANDIDATES = 2
"""Times as many as neighbours: random axes find nearly all of them."""


def attraction(transitions: Csr, points: Floats, *, metric: str = "euclidean", seed: int = 0) -> Csr:
    """Half of the `transitions` (L, L) between landmarks, half of those between the nearest of their `points` (L, D).

    Walks blur which landmarks are the nearest ones: with areas of influence alone (Pezzotti et al. 2016, section 4.4) a
    picture keeps 4 of 100 neighbours fewer. The second half is T_0 of the landmarks by themselves. Rows sum to 1.
    """
    count = transitions.columns
    nearest = min(NEIGHBORS, count - 1)
    if nearest < 1:
        return transitions
    return _mean(transitions, point_transitions(*_nearest(points, nearest, metric, seed)))


def _nearest(points: Floats, k: int, metric: str, seed: int) -> tuple[Ints, Floats]:
    """Neighbours; of few points with many coordinates, candidates along random axes, ranked exactly."""
    count, coordinates = points.shape
    unfit = count > PAIRWISE or coordinates <= 2 * AXES
    if unfit or metric != "euclidean" or power_of_two(points) != 1.0:
        return nearest_neighbors(points, k, metric=metric, seed=seed)
    axes = np.random.default_rng(seed).standard_normal((coordinates, AXES), dtype=np.float32)
    mean = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    candidates = search_all((points - mean) @ axes, min(CANDIDATES * k, count - 1), None)
    return ranked(points, np.arange(count, dtype=np.int32), candidates, k)


def _mean(one: Csr, other: Csr) -> Csr:
    """Weighted mean of two square matrices, as a product with the rows that pick from both."""
    count = one.columns
    both = Csr(
        np.concatenate([one.indptr, one.indptr[-1] + other.indptr[1:]]),
        np.concatenate([one.indices, other.indices]),
        np.concatenate([one.data, other.data]),
        count,
    )
    rows = np.arange(count, dtype=np.int32)
    shares = np.tile(np.array([SHARE_OF_AREAS, 1 - SHARE_OF_AREAS], np.float32), count)
    picking = Csr(2 * np.arange(count + 1), np.stack([rows, rows + count], axis=1).ravel(), shares, 2 * count)
    return product(picking, both)
