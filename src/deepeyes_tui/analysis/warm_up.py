"""Every kernel compiled, or loaded from disk, before anybody waits for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepeyes_tui.analysis.cells import nearest_cells, partition, search_cells
from deepeyes_tui.analysis.coverage import instance_perplexity
from deepeyes_tui.analysis.descent import refine_neighbors
from deepeyes_tui.analysis.filter_map import embed_similarities
from deepeyes_tui.analysis.hierarchy import build_hierarchy
from deepeyes_tui.analysis.neighbors import nearest_neighbors
from deepeyes_tui.analysis.progress import Progress, report
from deepeyes_tui.analysis.purity import label_purity
from deepeyes_tui.analysis.quality import projection_quality
from deepeyes_tui.analysis.similarity import weighted_jaccard

POINTS, DIMENSIONS = 600, 4


def warm_up(progress: Progress | None = None) -> None:
    """Run every kernel on a few points; `progress` is told "warming". Raises Stopped as it says."""
    points = np.random.default_rng(0).random((POINTS, DIMENSIONS), dtype=np.float32)
    steps: tuple[Callable[[], object], ...] = (
        lambda: nearest_neighbors(points, 5),
        lambda: _search(points),
        lambda: _map(points),
        lambda: embed_similarities(np.eye(10), iterations=1),
        lambda: _measure(points),
    )
    for done, step in enumerate(steps):
        report(progress, "warming", done / len(steps))
        step()
    report(progress, "warming", 1.0)


def _search(points: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    """Neighbours as they are found among very many points."""
    cells = partition(points, 8)
    near = points[cells.order]
    refine_neighbors(near, search_cells(near, cells.starts, nearest_cells(cells.centres, 3), 5))


def _map(points: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    """A hierarchy, an embedding, and a way into it."""
    hierarchy = build_hierarchy(points, scales=2)
    hierarchy.embed(1, iterations=1)
    hierarchy.influence_on(1)
    hierarchy.drill_in(1, [0, 1]).embed(iterations=1)


def _measure(points: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    """Similarities, and how pure and how true a map is."""
    weighted_jaccard(points)
    instance_perplexity(points)
    numbers = np.arange(len(points))
    label_purity(points, numbers % 2, numbers)
    projection_quality(points, points[:, :2])
