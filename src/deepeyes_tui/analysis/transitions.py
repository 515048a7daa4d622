"""Transition matrices: how likely a step from one point to another is, at the finest scale and among landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.compiled import in_chunks, kernel
from deepeyes_tui.analysis.graph import Csr, Floats, Ints, pointers, product

LEAST_SHARE = 0.025
"""Fewer than 2.5 of 100 walks are noise to a landmark's neighbourhood: without them more neighbours are kept."""
LEAST_TRANSITION = 0.001
_ROWS = 2048
_ROUNDS = 60


def point_transitions(indices: Ints, squares: Floats, *, perplexity: float | None = None) -> Csr:
    """T_0 (N, N) of the neighbours `indices` (N, k) at squared distances (N, k); a perplexity of k / 3 if not given.

    `p_ij = exp(-b_i d2_ij) / sum`, with `b_i` such that the entropy of the row is the logarithm of the perplexity
    (van der Maaten, Hinton 2008; Pezzotti et al. 2016, section 4). A row that cannot reach it is as near as it can be:
    uniform over its nearest.
    """
    count, k = indices.shape
    entropy = np.float32(np.log(max(1.0, min(perplexity or k / 3, k))))
    shares = np.empty((count, k), np.float32)
    in_chunks(lambda first, last: fill_shares(squares[first:last], entropy, shares[first:last]), count, _ROWS)
    return Csr(np.arange(count + 1, dtype=np.int64) * k, indices.ravel(), shares.ravel(), count)


def landmark_transitions(influence: Csr, weights: NDArray[np.float64]) -> Csr:
    """T_s (L_s, L_s) of the areas of influence I_s (L_{s-1}, L_s): landmarks are near where their areas overlap.

    `T(a, b) ~ sum_i w(i) I(i, a) I(i, b)`, a != b, by the `weights` (L_{s-1},) (Pezzotti et al. 2016, equation 9).
    Rows sum to 1; a landmark that shares its area with none has an empty row.
    """
    pruned = influence.only(influence.data >= LEAST_SHARE)
    weighted = Csr(
        pruned.indptr, pruned.indices, (pruned.data * weights[pruned.row_numbers()]).astype(np.float32), pruned.columns
    )
    overlap = product(weighted.transposed(), pruned)
    overlap = overlap.only(overlap.row_numbers() != overlap.indices).normalised()
    return overlap.only(overlap.data >= LEAST_TRANSITION).normalised()


def with_isolated_joined(transitions: Csr, points: Floats, *, links: int = 3) -> Csr:
    """Every row that is empty leads to its nearest `points` (L, D) instead, so that nothing floats away."""
    count = transitions.columns
    empty = np.flatnonzero(np.diff(transitions.indptr) == 0)
    links = min(links, count - 1)
    if not len(empty) or links < 1:
        return transitions
    indices = np.insert(transitions.indices, np.repeat(transitions.indptr[empty], links), 0)
    data = np.insert(transitions.data, np.repeat(transitions.indptr[empty], links), np.float32(1 / links))
    counts = np.diff(transitions.indptr)
    counts[empty] = links
    starts = pointers(counts)
    for row in empty:
        distances = np.square(points - points[row]).sum(axis=1)
        distances[row] = np.inf
        indices[starts[row] : starts[row + 1]] = np.argsort(distances, kind="stable")[:links]
    return Csr(starts, indices, data, count)


@kernel
def fill_shares(squares: Floats, entropy: np.float32, shares: Floats) -> None:
    """Rows of T_0 from rows of squared distances, by Newton's method between bounds."""
    rows, count = squares.shape
    gaps = np.empty(count, np.float64)
    for row in range(rows):
        nearest, mean = squares[row, 0], 0.0
        for column in range(count):
            nearest = min(nearest, squares[row, column])
        for column in range(count):
            gaps[column] = squares[row, column] - nearest
            mean += gaps[column] / count
        if not 0.0 < mean < np.inf:
            shares[row] = 1.0 / count
            continue
        low, high, sharpness = 0.0, np.inf, 1.0
        for _ in range(_ROUNDS):
            total, first, second = 0.0, 0.0, 0.0
            for column in range(count):
                gap = gaps[column] / mean
                share = np.exp(-sharpness * gap)
                total += share
                first += share * gap
                second += share * gap * gap
            first /= total
            spread = second / total - first * first
            excess = np.log(total) + sharpness * first - entropy
            if abs(excess) < 1e-5:
                break
            if excess > 0.0:
                low = sharpness
            else:
                high = sharpness
            step = sharpness + excess / max(sharpness * spread, 1e-30)
            if low < step < high:
                sharpness = step
            elif high < np.inf:
                sharpness = 0.5 * (low + high)
            else:
                sharpness *= 2.0
        total = 0.0
        for column in range(count):
            gaps[column] = np.exp(-sharpness * gaps[column] / mean)
            total += gaps[column]
        for column in range(count):
            shares[row, column] = gaps[column] / total
