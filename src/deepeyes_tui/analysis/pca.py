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
    axes = orthonormal(np.random.default_rng(seed).standard_normal((points.shape[1], width), dtype=np.float32))
    for _ in range(ROUNDS):
        axes = orthonormal(sample.T @ (sample @ axes))
    spread = (sample @ axes).astype(np.float64)
    _, turn = np.linalg.eigh(spread.T @ spread)
    return mean, np.ascontiguousarray(axes @ turn[:, : -count - 1 : -1].astype(np.float32))


def orthonormal(columns: Floats) -> Floats:
    """Orthonormal columns of the same span, by the eigenvectors of their products; zero where the span has less."""
    wide = columns.astype(np.float64)
    wide /= float(np.abs(wide).max()) or 1.0
    strength, turn = np.linalg.eigh(wide.T @ wide)
    usable = strength > strength[-1] * 1e-13
    scale = np.where(usable, 1.0 / np.sqrt(np.where(usable, strength, 1.0)), 0.0)
    basis: Floats = (wide @ (turn * scale)).astype(np.float32)
    return basis


def projected(points: Floats, count: int, *, seed: int = 0) -> Floats:
    """(N, count) coordinates along the principal axes, centred; all D of them, only centred, where D <= count."""
    if points.shape[1] <= count:
        centred: Floats = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
        return centred
    mean, axes = principal_axes(points, count, seed=seed)
    offset = mean @ axes
    return np.concatenate(in_chunks(lambda first, last: points[first:last] @ axes - offset, len(points), _ROWS))
