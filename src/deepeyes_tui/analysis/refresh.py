"""A hierarchy made anew after its instances have changed in part, as like the one before as they allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.analysis import neighbors as search
from deepeyes_tui.analysis.cells import search_all
from deepeyes_tui.analysis.descent import refine_neighbors
from deepeyes_tui.analysis.graph import Floats, Ints, Longs
from deepeyes_tui.analysis.hierarchy import from_neighbors
from deepeyes_tui.analysis.pca import projected
from deepeyes_tui.analysis.points import checked_points, power_of_two
from deepeyes_tui.analysis.progress import Progress, part_of, report, rising
from deepeyes_tui.analysis.scales import Hierarchy

KNOWN = 0.5
"""With fewer of the instances known than this, neighbours are looked for from nothing."""


def refresh(
    old: Hierarchy,
    old_ids: ArrayLike,
    new_points: ArrayLike,
    new_ids: ArrayLike,
    *,
    scales: int = 3,
    progress: Progress | None = None,
) -> Hierarchy:
    """The hierarchy of `new_points` (N, D); ids, int64, tell which of them were points of `old`, if only elsewhere.

    The old neighbour graph is measured anew and refined once, and the old landmarks count double, so that most stay.
    Raises ValueError as `build_hierarchy`, and for ids that do not fit their points or are not unique; Stopped when
    `progress` answers True.
    """
    points = checked_points(new_points, least=3)
    before = row_of(old_ids, new_ids, old.points_count, len(points))
    k = min(old.neighbors.shape[1], len(points) - 1)
    looking = rising(part_of(progress, 0.0, 0.6))
    if _from_nothing(old, points, before):
        indices, squares = search.nearest_neighbors(points, k, metric=old.metric, seed=old.seed, progress=looking)
    else:
        indices, squares = _measured_anew(old, points, before, k, looking)
    kept = [np.flatnonzero(np.isin(before, level.landmarks)) for level in old.scales]
    return from_neighbors(
        points, indices, squares, scales=scales, metric=old.metric, seed=old.seed, kept=kept, progress=progress
    )


def row_of(old_ids: ArrayLike, new_ids: ArrayLike, old_count: int, new_count: int) -> Longs:
    """(N,) the old row of every new one, -1 for none. Raises ValueError for ids that do not fit or are not unique."""
    old, new = (checked_ids(ids, count) for ids, count in ((old_ids, old_count), (new_ids, new_count)))
    order = np.argsort(old)
    place = np.minimum(np.searchsorted(old, new, sorter=order), len(old) - 1)
    rows: Longs = np.where(old[order[place]] == new, order[place], -1)
    return rows


def checked_ids(ids: ArrayLike, count: int) -> Longs:
    """`ids` (count,) as int64. Raises ValueError when there are more or fewer, or one comes twice."""
    given = np.asarray(ids)
    if given.shape != (count,) or given.dtype.kind not in "iu":
        raise ValueError(f"{count} points need {count} whole numbers as ids, not {given.dtype} {given.shape}")
    if len(np.unique(given)) < count:
        raise ValueError("an id stands for one point only")
    return given.astype(np.int64)


def _from_nothing(old: Hierarchy, points: Floats, before: Longs) -> bool:
    """So few points that every pair is measured, so many new ones, or a metric that is not ours."""
    few = len(points) <= search.PAIRWISE or (before >= 0).mean() < KNOWN
    return few or old.metric != "euclidean" or power_of_two(points) != 1.0


def _measured_anew(
    old: Hierarchy, points: Floats, before: Longs, k: int, progress: Progress | None
) -> tuple[Ints, Floats]:
    report(progress, "neighbours", 0.0)
    far = points.shape[1] >= search.PROJECTED_FROM
    space = projected(points, search.PROJECTED_TO if far else points.shape[1], seed=old.seed)
    known = _renumbered(old.neighbors, before)
    new = np.flatnonzero(before < 0).astype(np.int32)
    if len(new):
        known[new, :k] = search_all(space, k, part_of(progress, 0.0, 0.4), rows=new)
    candidates = refine_neighbors(space, known, room=search.candidate_count(k, far))
    return search.ranked(points, np.arange(len(points), dtype=np.int32), candidates, k, part_of(progress, 0.5, 1.0))


def _renumbered(neighbors: Ints, before: Longs) -> Ints:
    """(N, k) the old neighbours by their new rows, those that are left first; -1 for the others."""
    now = np.full(len(neighbors), -1, np.int32)
    now[before[before >= 0]] = np.flatnonzero(before >= 0)
    known = now[neighbors[before]]
    known[before < 0] = -1
    gone = np.argsort(known < 0, axis=1, kind="stable")
    return np.take_along_axis(known, gone, axis=1)
