"""Which label a filter stands for (DeepEyes, equation 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FILTERS_AT_ONCE = 256
"""Filters whose logarithms are taken together: bounds the memory with thousands of labels."""


def label_association(activations: ArrayLike, labels: ArrayLike, classes: int) -> NDArray[np.float32]:
    """Return `t (F, C)`: the sum of each filter's activations `(S, F)` over the instances of each label.

    `labels (S,)` are below `classes`; negative ones are unknown and left out. Raises ValueError where they do not fit.
    """
    a, known = np.asarray(activations), np.asarray(labels, np.int64)
    if a.ndim != 2 or known.shape != a.shape[:1]:
        raise ValueError(f"a label per instance is needed: activations are {a.shape}, labels {known.shape}")
    if known.max(initial=-1) >= classes:
        raise ValueError(f"label {known.max()} is not one of {classes} classes")
    order = np.argsort(known, kind="stable")[np.count_nonzero(known < 0) :]
    present, starts = np.unique(known[order], return_index=True)
    association = np.zeros((a.shape[1], classes), np.float32)
    if len(present):
        association[:, present] = np.add.reduceat(a[order], starts, axis=0, dtype=np.float64).T
    return association


def strongest_label(association: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return from `t (F, C)` each filter's label `(F,)` and the strength of their association `(F,)`.

    The label has the largest sum. The strength is 1 over the perplexity of `t / sum(t)`: 1 for a filter that fires on
    one label alone, `1 / C` for one that fires on all alike (DeepEyes, section 4.5). Without any, -1 and 0.
    """
    t = np.asarray(association)
    if t.ndim != 2:
        raise ValueError(f"associations have the shape (filters, labels), not {t.shape}")
    label, strength = np.full(len(t), -1, np.int32), np.zeros(len(t), np.float32)
    if t.shape[1]:
        for start in range(0, len(t), FILTERS_AT_ONCE):
            part = slice(start, start + FILTERS_AT_ONCE)
            label[part], strength[part] = _strongest(t[part].astype(np.float64))
    return label, strength


def _strongest(t: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    total = t.sum(axis=1, keepdims=True)  # (F, 1)
    some = total[:, 0] > 0
    share = np.divide(t, total, out=np.zeros_like(t), where=total > 0)
    entropy = -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1)  # (F,)
    return np.where(some, t.argmax(axis=1), -1), np.where(some, np.exp(-entropy), 0)
