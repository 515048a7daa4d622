"""From points to a hierarchy of landmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.analysis.graph import Floats, Ints, Longs, summed
from deepeyes_tui.analysis.neighbors import nearest_neighbors
from deepeyes_tui.analysis.points import checked_points
from deepeyes_tui.analysis.progress import Progress, Stopped, part_of, report
from deepeyes_tui.analysis.scales import Hierarchy, Scale, Subset
from deepeyes_tui.analysis.transitions import landmark_transitions, point_transitions, with_isolated_joined
from deepeyes_tui.analysis.walks import covering, influence, visits

__all__ = ["Hierarchy", "Scale", "Stopped", "Subset", "build_hierarchy", "from_neighbors"]

SHARE = 0.2
"""Landmarks among the points of the scale below."""
LEAST = 50
"""A scale of fewer landmarks is not made."""
KEPT = 2.0
"""How much more a landmark counts that was one before, so that pictures do not jump."""


def build_hierarchy(
    points: ArrayLike,
    *,
    scales: int = 3,
    neighbors: int = 30,
    metric: str = "euclidean",
    seed: int = 0,
    progress: Progress | None = None,
) -> Hierarchy:
    """The hierarchy of `points` (N, D), of `scales` scales, or fewer where the next would have under 50 landmarks.

    Each scale has a fifth of the landmarks of the one below. The same `seed` gives the same bits. Raises ValueError:
    fewer than 3 points, not two-dimensional, not finite, no scale, an unknown metric; Stopped when `progress`
    answers True.
    """
    checked = checked_points(points, least=3)
    if scales < 1:
        raise ValueError(f"a hierarchy has at least 1 scale, not {scales}")
    if neighbors < 1:
        raise ValueError(f"a point needs at least 1 neighbour, not {neighbors}")
    k = min(neighbors, len(checked) - 1)
    indices, squares = nearest_neighbors(checked, k, metric=metric, seed=seed, progress=part_of(progress, 0.0, 0.6))
    return from_neighbors(checked, indices, squares, scales=scales, metric=metric, seed=seed, progress=progress)


def from_neighbors(
    points: Floats,
    indices: Ints,
    squares: Floats,
    *,
    scales: int,
    metric: str,
    seed: int,
    kept: Sequence[Longs] = (),
    progress: Progress | None = None,
) -> Hierarchy:
    """The hierarchy on known neighbours (N, k) and squared distances;
    points in `kept[s]` count double as landmarks of scale s."""
    count = len(points)
    everyone = np.arange(count, dtype=np.int64)
    transitions = point_transitions(indices, squares)
    levels = [Scale(everyone, np.ones(count), transitions, everyone, None)]
    while len(levels) < scales and round(SHARE * len(levels[-1].landmarks)) >= LEAST:
        number = len(levels)
        report(progress, f"scale {number}", 0.6 + 0.4 * (number - 1) / (scales - 1))
        before = kept[number] if number < len(kept) else None
        levels.append(next_scale(levels[-1], points, before, seed + number))
    report(progress, "hierarchy", 1.0)
    return Hierarchy(points, indices, levels, metric, seed)


def next_scale(below: Scale, points: Floats, kept: Longs | None, seed: int) -> Scale:
    """The landmarks among those of the scale `below`, and what they stand for."""
    backward = below.transitions.transposed()
    ranked = _ranked(visits(backward), below.landmarks, kept)
    goals = covering(backward, ranked, round(SHARE * len(ranked)))
    within = np.flatnonzero(goals == np.arange(len(goals)))
    areas = influence(below.transitions, within, goals, seed=seed)
    weights = summed(areas.indices, areas.data * below.weights[areas.row_numbers()], len(within))
    landmarks = below.landmarks[within]
    transitions = with_isolated_joined(landmark_transitions(areas, below.weights), points[landmarks])
    return Scale(landmarks, weights, transitions, within, areas)


def _ranked(visited: Floats, landmarks: Longs, kept: Longs | None) -> Ints:
    """All positions, the most visited first."""
    if kept is not None:
        visited = np.where(np.isin(landmarks, kept), np.float32(KEPT) * visited, visited)
    return np.argsort(-visited, kind="stable").astype(np.int32)
