"""What the selected instances and filters are within a sample: rows, shares, means. Pure functions of arrays."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.maps import InputMap
from deepeyes_tui.app.selection import Marks
from deepeyes_tui.link.maps import Sample

HALF = 0.5
"""Share of the instances behind a landmark from which on it is shown as selected."""

Rows = NDArray[np.intp]
Float = NDArray[np.float32]


@lru_cache(maxsize=4)
def flags_of(sample: Sample, chosen: Marks) -> NDArray[np.bool_]:
    """Return which instances of a sample are selected, `(S,)`."""
    wanted = np.fromiter(chosen, np.int64, len(chosen))
    flags: NDArray[np.bool_] = np.isin(sample.ids, wanted)
    flags.flags.writeable = False
    return flags


@lru_cache(maxsize=4)
def mean_activation(sample: Sample, chosen: Marks) -> Float:
    """Return the mean activation of each filter over the selected instances, `(F,)`; NaN without any."""
    rows = np.flatnonzero(flags_of(sample, chosen))
    if not len(rows):
        return np.full(sample.filters, np.nan, np.float32)
    return np.asarray(sample.activations[rows].mean(axis=0, dtype=np.float32))


@lru_cache(maxsize=4)
def strongest(sample: Sample) -> Float:
    """Return the largest activation of each filter in a sample, `(F,)`."""
    return np.asarray(sample.activations.max(axis=0, initial=0), np.float32)


def intensity(sample: Sample, filters: tuple[int, ...], rows: Rows | NDArray[np.int64]) -> Float:
    """Return how strongly any of some filters fires on instances, `(n,)` in [0, 1] of each filter's own maximum."""
    known = [i for i in filters if i < sample.filters]
    if not known or not len(rows):
        return np.zeros(len(rows), np.float32)
    top = np.maximum(strongest(sample)[known], np.float32(1e-12))
    values = sample.activations[np.asarray(rows)[:, None], known].astype(np.float32)
    return np.asarray((values / top).max(axis=1), np.float32)


@lru_cache(maxsize=4)
def point_flags(shown: InputMap, chosen: Marks) -> NDArray[np.bool_]:
    """Return which points of a map are selected, `(n,)`: half or more of the instances that they stand for are."""
    members, flags = shown.shape.members, flags_of(shown.sample, chosen)
    known = members >= 0
    count = np.bincount(members[known], minlength=len(shown.shape.points))
    selected = np.bincount(members[known & flags], minlength=len(shown.shape.points))
    own = flags[shown.shape.points]
    return np.where(count > 0, selected >= HALF * np.maximum(count, 1), own)


def behind(shown: InputMap, points: Rows) -> Marks:
    """Return the ids of the instances that some points of a map stand for, their own among them."""
    rows = np.flatnonzero(np.isin(shown.shape.members, points))
    return frozenset(shown.sample.ids[np.union1d(rows, shown.shape.points[points])].tolist())


def row_of(sample: Sample, id: int | None) -> int | None:
    """Return the row of an instance in a sample, if it is there."""
    if id is None:
        return None
    row = int(np.searchsorted(sample.ids, id))
    return row if row < sample.size and sample.ids[row] == id else None


def rank_of(sample: Sample, row: int, filter: int) -> int:
    """Return which place an instance has among all by the activation of a filter, 1 for the strongest."""
    values = sample.activations[:, filter]
    return int((values > values[row]).sum()) + 1


def stretch(values: Float) -> Float:
    """Spread errors (0 at best) over [0, 1] for an overlay: their 95th percentile and all above become 1.

    In the manner of CheckViz (Lespinats and Aupetit 2011). Where hardly any value is above 0, those become 1.
    """
    v = np.asarray(values, np.float64)
    top = float(np.percentile(v, 95)) if v.size else 0.0
    return np.asarray(np.clip(v / top, 0, 1) if top > 0 else v > 0, np.float32)
