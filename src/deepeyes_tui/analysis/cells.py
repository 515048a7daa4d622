"""Where to look for neighbours: every point among all the others, or within cells of points and those beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepeyes_tui.analysis.compiled import in_chunks
from deepeyes_tui.analysis.graph import Floats, Ints, Longs, pointers
from deepeyes_tui.analysis.nearest import keep_nearest
from deepeyes_tui.analysis.progress import Progress, report

ROUNDS = 4
TRAINING = 16
"""Points for each cell from which the cells' centres are found."""
BLOCK = 1 << 20
"""Products that are held at once by a thread: what stays in a cache."""


@dataclass(frozen=True, eq=False)
class Cells:
    """A partition of points: `order` lists them cell by cell, cell c from starts[c] to starts[c + 1]."""

    order: Ints  # (N,)
    starts: Longs  # (C + 1,)
    centres: Floats  # (C, d)


def partition(points: Floats, cells: int, *, seed: int = 0) -> Cells:
    """About `cells` cells around centres found by k-means (Lloyd 1982); the far too large are cut into equal parts."""
    picked = np.random.default_rng(seed).permutation(len(points))[: TRAINING * cells]
    sample = points[np.sort(picked)]
    centres = sample[:: max(1, len(sample) // cells)][:cells].copy()
    for _ in range(ROUNDS):
        centres = _means(sample, closest(sample, centres), centres)
    home = closest(points, centres)
    largest = 4 * -(-len(points) // cells)
    order = np.argsort(home, kind="stable").astype(np.int32)
    counts = np.bincount(home, minlength=len(centres))
    parts = -(-counts // largest)  # none for an empty cell
    sizes = [
        len(part) for count, cut in zip(counts, parts, strict=True) for part in np.array_split(range(count), cut or 1)
    ]
    return Cells(order, pointers(np.array(sizes)), np.repeat(centres, np.maximum(parts, 1), axis=0))


def _means(points: Floats, home: Ints, centres: Floats) -> Floats:
    """The mean of the points of every cell; an empty one keeps its centre."""
    order = np.argsort(home, kind="stable")
    counts = np.bincount(home, minlength=len(centres))
    filled = counts > 0
    means = centres.copy()
    means[filled] = np.add.reduceat(points[order], pointers(counts)[:-1][filled]) / counts[filled, None]
    return means


def closest(points: Floats, centres: Floats) -> Ints:
    """The nearest centre of every point."""
    norms = np.square(centres).sum(axis=1)

    def home(first: int, last: int) -> Ints:
        found: Ints = (norms - 2 * (points[first:last] @ centres.T)).argmin(axis=1).astype(np.int32)
        return found

    return np.concatenate(in_chunks(home, len(points), 4096))


def search_all(points: Floats, count: int, progress: Progress | None = None, *, rows: Ints | None = None) -> Ints:
    """The `count` nearest others of every point (N, count), or of some `rows` (n,), every pair measured."""
    norms = np.square(points).sum(axis=1)
    ids = np.arange(len(points), dtype=np.int32)
    rows = ids if rows is None else rows
    at_once = max(16, min(256, BLOCK // len(points)))
    turned = np.ascontiguousarray(points.T)

    def block(first: int, last: int) -> Ints:
        found = np.empty((last - first, count), np.int32)
        own = rows[first:last]
        keep_nearest((-2 * points[own]) @ turned, norms, ids, own, found)
        report(progress, "neighbours", last / len(rows))
        return found

    return np.concatenate(in_chunks(block, len(rows), at_once))


def search_cells(points: Floats, starts: Longs, beside: Ints, count: int, progress: Progress | None = None) -> Ints:
    """The `count` nearest of every point (N, count; -1 for none) within the cells `beside` (C, B) its own.

    `points` (N, d) lie cell by cell, cell c from starts[c] to starts[c + 1].
    """
    norms = np.square(points).sum(axis=1)

    def cell(number: int, _: int) -> Ints:
        ids = np.concatenate([np.arange(starts[c], starts[c + 1], dtype=np.int32) for c in beside[number]])
        first, last = starts[number], starts[number + 1]
        others = np.ascontiguousarray(points[ids].T)
        found = np.empty((last - first, count), np.int32)
        own = np.arange(first, last, dtype=np.int32)
        keep_nearest((-2 * points[first:last]) @ others, norms[ids], ids, own, found)
        report(progress, "neighbours", last / len(points))
        return found

    return np.concatenate(in_chunks(cell, len(starts) - 1, 1))


def nearest_cells(centres: Floats, count: int) -> Ints:
    """The `count` nearest cells of every cell, itself first or as near: (C, count)."""
    norms = np.square(centres).sum(axis=1)
    distances = norms - 2 * (centres @ centres.T)
    np.fill_diagonal(distances, -np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :count].astype(np.int32)
