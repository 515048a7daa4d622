"""The levels of an Input Map: from the coarsest landmarks down to every instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.hierarchy import build_hierarchy
from deepeyes_tui.analysis.refresh import refresh
from deepeyes_tui.analysis.scales import Hierarchy, Subset
from deepeyes_tui.analysis.tsne import embed_points

Places = NDArray[np.float32]
Watch = Callable[[int, Places], bool]
Progress = Callable[[str, float], bool]

DIRECT_UP_TO = 2000
"""Instances that are laid out without a hierarchy."""
SHOWN = 1000
"""Points of the coarsest level at most: more than that is not seen in a terminal."""
KEPT = 0.2
"""Of a scale's points, those that are landmarks of the next."""
MOST_SCALES = 5
COLD, WARM = 1000, 200
"""Iterations of a layout from nothing, and of one that starts from places that are about right."""


def iterations_of(start: Places | None) -> int:
    """Return how many iterations a layout takes."""
    return COLD if start is None else WARM


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One picture's points. `points (n,)` are rows of the sample, `members (S,)` the point that stands for each
    instance or -1. `embed(start, watch)` lays them out; `drill_in(selected, places)` leads to the next finer level.
    The coarsest level has the whole `hierarchy`.
    """

    points: NDArray[np.int64]
    weights: NDArray[np.float32]
    members: NDArray[np.int32]
    level: int
    levels: int
    start: Places | None
    embed: Callable[[Places | None, Watch], Places]
    drill_in: Callable[[NDArray[np.intp], Places], Level] | None = None
    hierarchy: Hierarchy | None = None


def top_level(
    patches: NDArray[np.float32],
    ids: NDArray[np.int64],
    progress: Progress,
    before: tuple[Level, NDArray[np.int64]] | None = None,
    seed: int = 0,
) -> Level:
    """Return the coarsest level over instances with `patches (S, D)` and `ids (S,)`.

    `before` is the coarsest level of an earlier reading, with its ids: what is in both is not looked for again, and
    most landmarks stay. Raises Stopped when `progress` says so.
    """
    if len(patches) <= DIRECT_UP_TO:
        return _flat(patches, seed)
    scales = scales_for(len(patches))
    old = before[0].hierarchy if before is not None else None
    if before is None or old is None or old.points.shape[1] != patches.shape[1]:
        return _whole(build_hierarchy(patches, scales=scales, seed=seed, progress=progress))
    return _whole(refresh(old, before[1], patches, ids, scales=scales, progress=progress))


def scales_for(count: int) -> int:
    """Return how many scales it takes until no more than `SHOWN` points are left."""
    return next((s for s in range(1, MOST_SCALES) if count * KEPT ** (s - 1) <= SHOWN), MOST_SCALES)


def _flat(patches: NDArray[np.float32], seed: int) -> Level:
    count = len(patches)

    def embed(start: Places | None, watch: Watch) -> Places:
        return embed_points(patches, iterations=iterations_of(start), start=start, callback=watch, seed=seed)

    everything = np.arange(count)
    return Level(everything, np.ones(count, np.float32), everything.astype(np.int32), 0, 1, None, embed)


def _whole(hierarchy: Hierarchy) -> Level:
    scale = len(hierarchy.scales) - 1
    landmarks = hierarchy.scales[scale]

    def embed(start: Places | None, watch: Watch) -> Places:
        return hierarchy.embed(scale, iterations_of(start), start=start, callback=watch)

    return Level(
        landmarks.landmarks,
        landmarks.weights.astype(np.float32),
        hierarchy.representative(scale),
        scale,
        scale + 1,
        None,
        embed,
        (lambda selected, places: _part(hierarchy.drill_in(scale, selected, start=places), scale)) if scale else None,
        hierarchy,
    )


def _part(subset: Subset, levels: int) -> Level:
    level = subset.scale

    def embed(start: Places | None, watch: Watch) -> Places:
        return subset.embed(iterations_of(start), start=start, callback=watch)

    return Level(
        subset.points,
        subset.weights.astype(np.float32),
        subset.members,
        level,
        levels + 1,
        subset.start,
        embed,
        (lambda selected, places: _part(subset.drill_in(selected, start=places), levels)) if level else None,
    )
