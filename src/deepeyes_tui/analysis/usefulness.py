"""What a layer does to its input: label purity before and behind it, whether it merely passes it on (T5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.purity import own_label_shares
from deepeyes_tui.link.findings import Purities

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]

UNKNOWN = float("nan")
MOST = 1000
"""Instances whose neighbours are compared: an error of a hundredth, at a quarter of the cost of twice as many."""
FEWEST_INPUTS = 20
LEAST_SOURCES = 4
"""Values of the input that a layer passes on: filters that all follow the same few are redundant, not copies."""
COORDINATES = 96
"""Values of a layer's input whose covariances tell it from another's."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What enters a layer: the mean and covariance of some of its `size` values. `entering` and `leaving` are standard
    deviations, of a value on the way in and out: constants say nothing.
    """

    layer: str
    size: int
    mean: Doubles
    covariance: Doubles
    entering: float
    leaving: float


def purities(patches: Floats, activations: Floats, labels: Numbers, inputs: Numbers) -> Purities:
    """Return how well labels are kept apart before and behind a layer, on the same instances, each input counting once.

    `patches (S, D)` are the layer's input, `activations (S, F)` its output. NaN with fewer than two labels or twenty
    inputs.
    """
    used = np.flatnonzero((labels >= 0) & np.isfinite(patches).all(axis=1))[-MOST:]
    label, group = labels[used], np.unique(inputs[used], return_inverse=True)[1]
    if len(np.unique(label)) < 2 or group.max(initial=-1) + 1 < FEWEST_INPUTS:
        return Purities()
    before, after = (own_label_shares(points[used], label, group) for points in (patches, activations))
    chance = float(((np.bincount(label) / len(label)) ** 2).sum())
    return Purities(*_mean(before, group), *_mean(after, group), *_mean(after - before, group), chance)


def _mean(values: Doubles, group: Numbers) -> tuple[float, float]:
    """Return the mean over groups, and its standard error."""
    known = np.isfinite(values)
    size = np.bincount(group[known])
    means = np.bincount(group[known], values[known])[size > 0] / size[size > 0]
    if len(means) < 2:
        return UNKNOWN, UNKNOWN
    return float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))


def copied_share(patches: Floats, activations: Floats, likeness: float) -> float:
    """Return how much of a layer's output is copied from its input, as a share of the output's variance.

    That of the filters of `activations (S, F)` which pass on one value of `patches (S, D)` each, as it is, rectified or
    without its sign: whose squared correlation with it is at least `likeness`; 0 where they follow fewer than four
    values. NaN where nothing varies.
    """
    spread = activations.var(axis=0, dtype=np.float64)
    if len(activations) < 3 or not spread.sum():
        return UNKNOWN
    wanted = _standardised(activations)
    best, source = np.zeros(len(spread)), np.zeros(len(spread), np.int64)
    for values in (patches, np.maximum(patches, 0), np.abs(patches)):
        alike = (wanted.T @ _standardised(values)) / len(patches)  # (F, D)
        nearest = alike.argmax(axis=1)
        value = alike[np.arange(len(nearest)), nearest]
        better = value > best
        best, source = np.where(better, value, best), np.where(better, nearest, source)
    copies = best**2 >= likeness
    if len(np.unique(source[copies])) < LEAST_SOURCES:
        return 0.0
    return float(spread[copies].sum() / spread.sum())


def _standardised(values: Floats) -> Floats:
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    return np.asarray(centred / np.where(spread > 0, spread, np.inf), np.float32)


def entry_of(layer: str, patches: Floats, activations: Floats) -> Entry:
    """Return what enters and leaves a layer, in few numbers; of layers as wide, the same values are compared."""
    width = patches.shape[1]
    chosen = np.sort(np.random.default_rng(width).permutation(width)[:COORDINATES])
    some = patches[:, chosen].astype(np.float64)
    centred = some - some.mean(axis=0)
    covariance = centred.T @ centred / max(len(some), 1)
    entering = float(np.sqrt(np.diagonal(covariance).mean()))
    leaving = float(np.sqrt(activations.var(axis=0, dtype=np.float64).mean()))
    return Entry(layer, width, some.mean(axis=0), covariance, entering, leaving)


def stream_before(entries: Sequence[Entry], place: int, likeness: float) -> tuple[str, float]:
    """Return the layer whose input the layer behind `place` gets again, and the size of what the one at `place` added
    to it, as a share; no name where the input has become another.

    Looks back over the layers of one block. The inputs are the same when their covariances correlate by `likeness` or
    more, and their sizes and means do not differ by more than a tenth.
    """
    if place + 1 >= len(entries):
        return "", UNKNOWN
    after = entries[place + 1]
    added = entries[place].leaving / after.entering if after.entering > 0 else UNKNOWN
    for before in reversed(entries[max(place - 3, 0) : place + 1]):
        if before.size == after.size and _same(before, after, likeness):
            return before.layer, added
    return "", added


def _same(one: Entry, other: Entry, likeness: float) -> bool:
    lengths = [float(np.linalg.norm(entry.covariance)) for entry in (one, other)]
    if min(lengths) <= 0 or len(one.mean) < 2:
        return False
    alike = float((one.covariance * other.covariance).sum()) / (lengths[0] * lengths[1])
    apart = float(np.linalg.norm(one.mean - other.mean))
    size = max(one.entering, other.entering) * np.sqrt(len(one.mean))
    return alike >= likeness and apart <= 0.1 * size and abs(one.entering - other.entering) <= 0.1 * other.entering
