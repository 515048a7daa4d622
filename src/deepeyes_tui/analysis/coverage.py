"""What a layer's filters reach: how widely each fires, and which instances none of them detects (T3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.analysis.compiled import in_chunks, kernel

UNDETECTED_BELOW = 1e-6
"""Of the layer's largest activation."""
ROWS = 1024
"""Instances that one thread takes at a time."""


def filter_coverage(activations: ArrayLike, share: float = 0.5) -> NDArray[np.float32]:
    """Return on what share of the instances of `activations (S, F)` each filter exceeds `share` of its own maximum.

    `(F,)`, 0 for a filter that never fires.
    """
    a = _rectified(activations)
    if not len(a):
        return np.zeros(a.shape[1], np.float32)
    top = a.max(axis=0)  # (F,)
    fires = (a > share * top) & (top > 0)
    return np.asarray(np.count_nonzero(fires, axis=0) / len(a), np.float32)


def undetected(activations: ArrayLike, peak: float) -> NDArray[np.bool_]:
    """Return which instances no filter detects, `(S,)`: their activations sum to 1e-6 of the layer's `peak` or less."""
    total = _rectified(activations).sum(axis=1, dtype=np.float64)
    return np.asarray(total <= UNDETECTED_BELOW * peak)


def instance_perplexity(activations: ArrayLike) -> NDArray[np.float32]:
    """Return each instance's perplexity `exp(-sum p ln p)`, `p = a / sum(a)`, `(S,)` in [1, F] (DeepEyes, section 4.2).

    NaN for instances that are undetected by the measure of the largest activation given.
    """
    a = np.ascontiguousarray(activations, np.float32)
    if a.ndim != 2:
        raise ValueError(f"activations have the shape (instances, filters), not {a.shape}")
    total, perplexity = np.zeros(len(a)), np.empty(len(a), np.float32)
    peak = max(in_chunks(lambda first, last: _spread(a, total, perplexity, first, last), len(a), ROWS), default=0.0)
    perplexity[total <= UNDETECTED_BELOW * peak] = np.nan
    return perplexity


@kernel
def _spread(
    a: NDArray[np.float32], total: NDArray[np.float64], perplexity: NDArray[np.float32], first: int, last: int
) -> float:
    """Fill in the sum and the perplexity of each instance; return the largest activation."""
    peak = 0.0
    for row in range(first, last):
        entropy = 0.0
        for column in range(a.shape[1]):
            value = float(a[row, column])
            if 0.0 < value < np.inf:
                total[row] += value
                entropy -= value * np.log(value)
                peak = max(peak, value)
        perplexity[row] = np.exp(np.log(total[row]) + entropy / total[row])
    return peak


def _rectified(activations: ArrayLike) -> NDArray[np.float32]:
    """Return activations `(S, F)` with 0 for what is negative or not finite. Raises ValueError for other shapes."""
    a = np.asarray(activations, np.float32)
    if a.ndim != 2:
        raise ValueError(f"activations have the shape (instances, filters), not {a.shape}")
    return np.where((a > 0) & (a < np.inf), a, np.float32(0))
