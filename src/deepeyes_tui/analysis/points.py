"""Points as every part of the analysis takes them: checked, float32, of a size whose squares can be summed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.analysis.graph import Floats

_LARGEST, _SMALLEST = 1e15, 1e-15


def checked_points(points: ArrayLike, *, least: int = 1) -> Floats:
    """`points` (N, D) as a C-contiguous float32 array, the same one where it already is.

    Raises ValueError: not two-dimensional, fewer than `least` points, no dimension, not finite.
    """
    given = np.asarray(points)
    if given.ndim != 2:
        raise ValueError(f"points must have 2 dimensions (points, coordinates), not {given.ndim}")
    if len(given) < least:
        raise ValueError(f"at least {least} points are needed, not {len(given)}")
    if given.shape[1] == 0:
        raise ValueError("points must have at least one coordinate")
    if given.size and not np.isfinite([given.min(), given.max()]).all():
        raise ValueError("points must be finite: there is a NaN or an infinity among them")
    return np.require(_as_float32(given), np.float32, ["C", "W"])


def _as_float32(points: NDArray[Any]) -> NDArray[Any]:
    """Without losing small differences beside a large offset, nor overflow of their squares."""
    if points.dtype != np.float32 and points.dtype.kind == "f":
        points = points - points.mean(axis=0)
    return points


def power_of_two(points: NDArray[Any]) -> float:
    """What to divide by so that squares neither overflow nor vanish; 1 for all usual points. Exact in floats."""
    size = max(abs(float(points.min())), abs(float(points.max()))) if points.size else 0.0
    if size == 0.0 or _SMALLEST < size < _LARGEST:
        return 1.0
    return float(2.0 ** np.floor(np.log2(size)))
