"""A neighbour graph made better by asking the neighbours for theirs (Dong, Moses, Li 2011), row by row."""

from __future__ import annotations

import numpy as np

from deepeyes_tui.analysis.compiled import in_chunks
from deepeyes_tui.analysis.graph import Csr, Floats, Ints
from deepeyes_tui.analysis.nearest import one_round

BREADTH = 20
_ROWS = 2048


def refine_neighbors(points: Floats, indices: Ints, *, room: int | None = None, breadth: int = BREADTH) -> Ints:
    """One round: the neighbours `indices` (N, K; -1 for none) of `points` (N, D) measured anew,
    and nearer ones that are found on the way.

    Returns (N, room), nearest first, -1 where there are fewer; `room` is K if not given.
    Of every row the first `breadth` neighbours are asked for theirs, and so are the points that have it among theirs.
    """
    breadth = min(breadth, indices.shape[1])
    reverse = _reverse(indices[:, :breadth])
    known = np.require(indices, np.int32, ["C", "W"])

    def rows(first: int, last: int) -> Ints:
        found = np.empty((last - first, room or known.shape[1]), np.int32)
        one_round(points, known, reverse.indptr, reverse.indices, breadth, first, last, found)
        return found

    return np.concatenate(in_chunks(rows, len(points), _ROWS))


def _reverse(indices: Ints) -> Csr:
    """For every point the rows that name it."""
    count, breadth = indices.shape
    starts = np.arange(count + 1, dtype=np.int64) * breadth
    graph = Csr(starts, indices.ravel(), np.zeros(indices.size, np.float32), count)
    return graph.only(graph.indices >= 0).transposed()
