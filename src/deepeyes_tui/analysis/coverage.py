"""What a layer's filters reach: how widely each fires, and which instances none of them detects (T3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNDETECTED_BELOW = 1e-6
"""Of the layer's largest activation."""


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
    a = _rectified(activations)
    peak = float(a.max(initial=0.0))
    seen = ~undetected(a, peak)
    perplexity = np.full(len(a), np.nan, np.float32)
    scaled = a[seen] / np.float32(peak if peak > 0 else 1)
    total = scaled.sum(axis=1, dtype=np.float64)  # (S,)
    logarithms = scaled * np.log(np.where(scaled > 0, scaled, 1))
    perplexity[seen] = np.exp(np.log(total) - logarithms.sum(axis=1, dtype=np.float64) / total)
    return perplexity


def _rectified(activations: ArrayLike) -> NDArray[np.float32]:
    """Return activations `(S, F)` with 0 for what is negative or not finite. Raises ValueError for other shapes."""
    a = np.asarray(activations, np.float32)
    if a.ndim != 2:
        raise ValueError(f"activations have the shape (instances, filters), not {a.shape}")
    return np.where((a > 0) & (a < np.inf), a, np.float32(0))
