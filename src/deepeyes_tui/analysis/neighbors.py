"""The nearest neighbours of every point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.analysis.cells import nearest_cells, partition, search_all, search_cells
from deepeyes_tui.analysis.compiled import in_chunks
from deepeyes_tui.analysis.descent import refine_neighbors
from deepeyes_tui.analysis.graph import Floats, Ints
from deepeyes_tui.analysis.nearest import rank_exactly
from deepeyes_tui.analysis.pca import projected
from deepeyes_tui.analysis.points import checked_points, power_of_two
from deepeyes_tui.analysis.progress import Progress, part_of, report, rising

PAIRWISE = 5000
"""Up to so many points every pair is measured."""
PROJECTED_FROM, PROJECTED_TO = 128, 50
"""Points of so many dimensions are searched along so many principal axes."""
CELL, BESIDE = 128, 24
"""Points of a cell, and the cells that are looked through for it."""
_ROWS = 512


def nearest_neighbors(
    points: ArrayLike, k: int, *, metric: str = "euclidean", seed: int = 0, progress: Progress | None = None
) -> tuple[Ints, Floats]:
    """The `k` nearest others of each of `points` (N, D): numbers (N, k) and squared distances (N, k), nearest first.

    Euclidean: candidates in the space of the principal axes, ranked by their true distances. Any other metric of
    pynndescent's: by every pair, and above 5000 points by pynndescent itself, which compiles for half a minute. Raises
    ValueError for bad points, for `k` outside 1..N - 1, and for an unknown metric; Stopped when `progress` answers
    True.
    """
    checked = checked_points(points, least=2)
    if not 1 <= k < len(checked):
        raise ValueError(f"neighbours must be 1..{len(checked) - 1} for {len(checked)} points, not {k}")
    if metric != "euclidean":
        report(progress, "neighbours", 0.0)
        return _neighbors_by_metric(checked, k, metric, seed)
    scale = power_of_two(checked)
    checked = checked if scale == 1.0 else checked / np.float32(scale)
    indices, squares = _euclidean(checked, k, seed, rising(progress))
    largest = np.finfo(np.float32).max
    return indices, squares if scale == 1.0 else np.minimum(squares * scale**2, largest).astype(np.float32)


def _euclidean(points: Floats, k: int, seed: int, progress: Progress | None) -> tuple[Ints, Floats]:
    report(progress, "neighbours", 0.0)
    far = points.shape[1] >= PROJECTED_FROM
    space = projected(points, PROJECTED_TO if far else points.shape[1], seed=seed)
    room = min(candidate_count(k, far), len(points) - 1)
    search = part_of(progress, 0.0, 0.7)
    if len(points) <= PAIRWISE:
        order = np.arange(len(points), dtype=np.int32)
        candidates = search_all(space, room, search)
    else:
        order, candidates = _by_cells(space, k, room, seed, search)
    return ranked(points, order, candidates, k, part_of(progress, 0.7, 1.0))


def candidate_count(k: int, far: bool) -> int:
    """How many candidates are ranked for `k` neighbours; more where they were found by a part of the coordinates."""
    return max(2 * k, 60) if far else k + 10


def _by_cells(space: Floats, k: int, room: int, seed: int, progress: Progress | None) -> tuple[Ints, Ints]:
    """The order in which rows are best gone through, and candidates (N, room) of the rows in that order."""
    cells = partition(space, -(-len(space) // CELL), seed=seed)
    near = np.ascontiguousarray(space[cells.order])
    beside = nearest_cells(cells.centres, BESIDE)
    found = search_cells(near, cells.starts, beside, max(8, 2 * k // 3), progress)
    found = refine_neighbors(near, found, room=room)
    return cells.order, np.where(found < 0, -1, cells.order[found])


def ranked(
    points: Floats, order: Ints, candidates: Ints, k: int, progress: Progress | None = None
) -> tuple[Ints, Floats]:
    """The `k` nearest of the `candidates` (N, C) of the points `order` (N,): numbers and squared distances by point."""
    indices = np.empty((len(points), k), np.int32)
    squares = np.empty((len(points), k), np.float32)

    def rows(first: int, last: int) -> None:
        found = np.zeros((last - first, k), np.int32)
        distances = np.zeros((last - first, k), np.float32)
        rank_exactly(points, order[first:last], candidates[first:last], found, distances)
        indices[order[first:last]] = found
        squares[order[first:last]] = distances
        report(progress, "neighbours", last / len(points))

    in_chunks(rows, len(points), _ROWS)
    return indices, squares


def _neighbors_by_metric(points: Floats, k: int, metric: str, seed: int) -> tuple[Ints, Floats]:
    """pynndescent depends on scikit-learn, so both are there or none."""
    try:
        import pynndescent
        from sklearn.neighbors import VALID_METRICS, NearestNeighbors
    except ImportError:
        raise ValueError(f"the metric {metric!r} needs pynndescent: install deepeyes_tui[metrics]") from None
    if metric not in pynndescent.distances.named_distances:
        raise ValueError(f"there is no metric {metric!r}")
    if len(points) <= PAIRWISE and metric in VALID_METRICS["brute"]:
        every_pair = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(points)
        distances, indices = every_pair.kneighbors()
        return indices.astype(np.int32), np.square(distances).astype(np.float32)
    index: Any = pynndescent.NNDescent(points, metric=metric, n_neighbors=k + 1, random_state=seed)
    indices, distances = index.neighbor_graph
    return _without_self(np.asarray(indices), np.asarray(distances), k)


def _without_self(indices: Ints, distances: Floats, k: int) -> tuple[Ints, Floats]:
    """Drop the point itself, wherever it stands, or else the last."""
    rows = np.arange(len(indices))
    itself = indices == rows[:, None]
    itself[~itself.any(axis=1), -1] = True
    kept = indices[~itself].reshape(-1, k).astype(np.int32)
    return kept, np.square(distances[~itself].reshape(-1, k)).astype(np.float32)
