"""One arrangement laid over another, so that pictures can be compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.analysis.graph import Floats
from deepeyes_tui.analysis.tsne import checked_start


def align(
    moving: ArrayLike,
    fixed: ArrayLike,
    moving_shared: ArrayLike | None = None,
    fixed_shared: ArrayLike | None = None,
    *,
    resize: bool = True,
) -> Floats:
    """`moving` (n, 2) turned, mirrored, scaled and shifted as near to `fixed` (m, 2) as it can be (Procrustes).

    What belongs together: the points `moving_shared` of `moving` (masks or indices) and `fixed_shared` of `fixed`, in
    order; all with all if not given, and the same of both if only one is. Without shared points nothing moves.
    `resize=False` keeps the size. Raises ValueError for other shapes.
    """
    places, target = (checked_start(given, len(np.asarray(given))) for given in (moving, fixed))
    ours = _positions(moving_shared, len(places))
    theirs = ours if fixed_shared is None else _positions(fixed_shared, len(target))
    if len(ours) != len(theirs) or (len(theirs) and theirs.max() >= len(target)):
        raise ValueError(f"{len(ours)} shared points cannot be laid over {len(theirs)} of {len(target)}")
    if not len(ours):
        return places
    here, there = places[ours].astype(np.float64), target[theirs].astype(np.float64)
    center, goal = here.mean(axis=0), there.mean(axis=0)
    left, strength, right = np.linalg.svd((here - center).T @ (there - goal))
    size = float(np.square(here - center).sum())
    scale = strength.sum() / size if resize and size > 0.0 and strength.sum() > 0.0 else 1.0
    aligned: Floats = ((places - center) @ (left @ right) * scale + goal).astype(np.float32)
    return aligned


def _positions(shared: ArrayLike | None, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Indices of a mask or of indices; all of `count` if None."""
    if shared is None:
        return np.arange(count)
    given = np.asarray(shared)
    chosen = np.flatnonzero(given) if given.dtype == np.bool_ else given.astype(np.int64).ravel()
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < max(count, 1):
        raise ValueError(f"shared points must be among 0..{count - 1}")
    return chosen
