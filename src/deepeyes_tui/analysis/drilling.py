"""What a selection of landmarks stands for at the scale below, and where its points are put at first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.analysis.graph import Csr, Floats, Ints, Longs, summed
from deepeyes_tui.analysis.pca import principal_axes


def checked_selection(selected: ArrayLike, count: int) -> Longs:
    """Ascending positions, each once. Raises ValueError for none, or for one outside 0..count - 1."""
    chosen = np.unique(np.asarray(selected))
    if not len(chosen):
        raise ValueError("nothing is selected")
    if chosen.dtype.kind not in "iu" or chosen[0] < 0 or chosen[-1] >= count:
        raise ValueError(f"a selection holds positions 0..{count - 1}")
    return chosen.astype(np.int64)


def share_of(influence: Csr, chosen: Longs) -> NDArray[np.float64]:
    """(L below,) how much of every finer point the landmarks `chosen` stand for together."""
    mask = np.zeros(influence.columns, np.float32)
    mask[chosen] = 1.0
    return summed(influence.row_numbers(), influence.data * mask[influence.indices], influence.shape[0])


def parents_places(influence: Csr, chosen: Longs, places: Floats, inside: Longs) -> Floats:
    """(n, 2) the mean place of the `chosen` landmarks that stand for each of the finer points `inside`."""
    rows = influence.rows_at(inside)
    mask = np.zeros(influence.columns, np.float32)
    mask[chosen] = 1.0
    shares = rows.data * mask[rows.indices]
    numbers = rows.row_numbers()
    total = summed(numbers, shares, len(inside))
    centre = places[chosen].mean(axis=0, dtype=np.float64)
    offsets = places[rows.indices] - centre
    means = [summed(numbers, shares * offsets[:, axis], len(inside)) for axis in (0, 1)]
    parents: Floats = (centre + np.stack(means, axis=1) / np.where(total > 0, total, 1.0)[:, None]).astype(np.float32)
    return parents


def heaviest(matrix: Csr) -> Ints:
    """(rows,) the column of the largest entry of every row, the first of equals; rows must not be empty."""
    largest = np.maximum.reduceat(matrix.data, matrix.indptr[:-1])
    top = matrix.data == np.repeat(largest, np.diff(matrix.indptr))
    columns = np.where(top, matrix.indices, matrix.columns)
    return np.minimum.reduceat(columns, matrix.indptr[:-1]).astype(np.int32)


def first_places(points: Floats, *, seed: int) -> Floats:
    """(L, 2) along the two principal axes: the same points start, and end, in the same arrangement."""
    count = min(2, points.shape[1])
    mean, axes = principal_axes(points, count, seed=seed)
    places = np.zeros((len(points), 2), np.float32)
    places[:, :count] = (points - mean) @ axes
    return places
