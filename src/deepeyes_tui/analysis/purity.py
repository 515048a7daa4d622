"""How well a layer's input keeps labels apart: the purity of neighbourhoods (T5), comparable between layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.analysis.compiled import in_chunks, kernel
from deepeyes_tui.analysis.quality import CHUNK, centred, distances, find_nearest

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]
Indices = NDArray[np.int32]

MOST = 2000
"""Instances that are used: more do not change the value, but would cost by their square."""
FEWEST = 3
CONFUSIONS = 10
UNKNOWN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Purity:
    """The share of nearest neighbours that bear an instance's own label, NaN where it is not known.

    `error` is the standard error of `value`; `chance` the purity that labels thrown at random would have. `by_label`
    `(C,)` is NaN for labels without instances. `confusions` lists `(label, label, share of all neighbours)` for the
    pairs of labels most mixed, worst first. `instances` counts those used.
    """

    value: float
    error: float
    chance: float
    by_label: Doubles
    confusions: tuple[tuple[int, int, float], ...]
    instances: int


def label_purity(points: ArrayLike, labels: ArrayLike, groups: ArrayLike, k: int = 10, *, seed: int = 0) -> Purity:
    """Return the purity of the `k` nearest neighbours of `points (n, D)` with `labels (n,)`.

    `groups (n,)` number the inputs that instances were cut from: those of one input are no neighbours, and as they are
    correlated each input counts once, in the value and in its error. Instances with a negative label or coordinates
    that are not finite are left out, and at most 2000, drawn by `seed`, are used. NaN for fewer than three; 1 where
    there is one label. Raises ValueError for shapes that do not match.
    """
    p, label, group = np.asarray(points), np.asarray(labels, np.int64), np.asarray(groups)
    if p.ndim != 2 or label.shape != p.shape[:1] or group.shape != p.shape[:1]:
        raise ValueError(f"each point needs a label and a group: {p.shape}, {label.shape}, {group.shape}")
    classes = int(label.max(initial=-1)) + 1
    used = _draw(np.flatnonzero((label >= 0) & np.isfinite(p).all(axis=1)), seed)
    p, label = p[used], label[used]
    group = np.unique(group[used], return_inverse=True)[1].astype(np.int64)
    if len(used) < FEWEST:
        return Purity(UNKNOWN, UNKNOWN, UNKNOWN, np.full(classes, UNKNOWN), (), len(used))
    near = _neighbours(centred(p), group, max(min(k, len(used) - 1), 1))
    return _summarize(near, label, group, classes)


def own_label_shares(points: ArrayLike, labels: ArrayLike, groups: ArrayLike, k: int = 10) -> Doubles:
    """Return of each of `points (n, D)` the share of its `k` nearest neighbours of other groups with its label, `(n,)`.

    NaN where there are none. For comparing two representations of the same instances; as many points as are given are
    used, at a cost of their square.
    """
    label, group = np.asarray(labels, np.int64), np.unique(groups, return_inverse=True)[1].astype(np.int64)
    near = _neighbours(centred(points), group, max(min(k, len(label) - 1), 1))
    found = near >= 0
    same = found & (label[near] == label[:, None])
    with np.errstate(invalid="ignore"):
        return np.asarray(same.sum(axis=1) / found.sum(axis=1))


def _draw(usable: Numbers, seed: int) -> Numbers:
    if len(usable) <= MOST:
        return usable
    return np.sort(np.random.default_rng(seed).choice(usable, MOST, replace=False))


def _neighbours(points: Doubles, group: Numbers, k: int) -> Indices:
    near = np.empty((len(points), k), np.int32)
    apart = distances(points, slice(None))
    in_chunks(lambda first, last: find_strangers(apart, group, near, first, last), len(points), CHUNK)
    return near


@kernel
def find_strangers(distance: Floats, group: Numbers, near: Indices, first: int, last: int) -> None:
    """Fill rows of `near (n, k)` with the nearest points of other groups, whose `distance (n, n)` is overwritten."""
    values = np.empty(near.shape[1], np.float32)
    for i in range(first, last):
        for j in range(len(group)):
            if group[j] == group[i]:
                distance[i, j] = np.inf
        find_nearest(distance[i], near[i], values)


def _summarize(near: Indices, label: Numbers, group: Numbers, classes: int) -> Purity:
    found = near >= 0
    same = found & (label[near] == label[:, None])
    judged = found.any(axis=1)
    share = same.sum(axis=1)[judged] / found.sum(axis=1)[judged]  # (m,)
    counts = np.bincount(label, minlength=classes) / len(label)
    value, error = _mean_of_groups(share, group[judged])
    if np.count_nonzero(counts) == 1:
        value, error = 1.0, 0.0
    by_label = np.full(classes, UNKNOWN)
    for number in np.unique(label[judged]):
        own = label[judged] == number
        by_label[number] = _mean_of_groups(share[own], group[judged][own])[0]
    return Purity(value, error, float((counts**2).sum()), by_label, _confusions(near, label, classes), len(label))


def _mean_of_groups(share: Doubles, group: Numbers) -> tuple[float, float]:
    """Return the mean of the groups' means and its standard error, NaN for fewer than one and two groups."""
    sizes = np.bincount(group)
    means = np.bincount(group, share)[sizes > 0] / sizes[sizes > 0]
    if not len(means):
        return UNKNOWN, UNKNOWN
    error = float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else UNKNOWN
    return float(means.mean()), error


def _confusions(near: Indices, label: Numbers, classes: int) -> tuple[tuple[int, int, float], ...]:
    one, other = np.repeat(label, near.shape[1]), label[near].ravel()
    found = near.ravel() >= 0
    mixed = found & (one != other)
    pairs, count = np.unique(
        np.minimum(one, other)[mixed] * classes + np.maximum(one, other)[mixed], return_counts=True
    )
    worst = np.argsort(-count, kind="stable")[:CONFUSIONS]
    total = max(np.count_nonzero(found), 1)
    return tuple(
        (int(p // classes), int(p % classes), float(c / total)) for p, c in zip(pairs[worst], count[worst], strict=True)
    )
