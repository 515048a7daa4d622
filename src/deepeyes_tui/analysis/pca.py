"""Principal axes of many points, approximately: a randomised range finder on a sample."""

from __future__ import annotations

import numpy as np

from deepeyes_tui.analysis.compiled import in_chunks
from deepeyes_tui.analysis.graph import Floats

SAMPLE = 4096
ROUNDS = 3
EXTRA = 10
_ROWS = 4096


def principal_axes(points: Floats, count: int, *, seed: int = 0) -> tuple[Floats, Floats]:
    """Mean (D,) and `count` orthonormal axes (D, count) of a sample of `points` (N, D), strongest first.

    Subspace iteration from a random start (Halko, Martinsson, Tropp 2011, algorithm 4.4).
    """
    stride = -(-len(points) // SAMPLE)
    sample = points[::stride]
    mean = sample.mean(axis=0)
    sample = sample - mean
    width = min(count + EXTRA, points.shape[1])
    axes = np.random.default_rng(seed).standard_normal((points.shape[1], width), dtype=np.float32)
    for _ in range(ROUNDS):
        axes = np.linalg.qr(sample.T @ (sample @ axes))[0]
    _, _, turned = np.linalg.svd(np.linalg.qr(sample @ axes)[1])
    return mean, np.ascontiguousarray((axes @ turned.T)[:, :count])


def projected(points: Floats, count: int, *, seed: int = 0) -> Floats:
    """(N, count) coordinates along the principal axes, centred; all D of them, only centred, where D <= count."""
    if points.shape[1] <= count:
        centred: Floats = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
        return centred
    mean, axes = principal_axes(points, count, seed=seed)
    offset = mean @ axes
    return np.concatenate(in_chunks(lambda first, last: points[first:last] @ axes - offset, len(points), _ROWS))
