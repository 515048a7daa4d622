"""Filters that are alike beyond the error of the measurement (T4)."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.redundancy import redundant_groups, redundant_pairs
from deepeyes_tui.findings.limits import REACH

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

AT_ONCE = 64
"""Pairs whose minima are held at a time."""
MOST_PAIRS = 20_000
"""Of a layer, the most alike first: a layer of more is redundant with fewer too."""


def surely_alike(
    activations: Floats, inputs: Numbers, phi: Floats, dead: NDArray[np.bool_], threshold: float, doubt: float
) -> tuple[Numbers, ...]:
    """Return the groups of filters linked by similarities that are at least `threshold`; any false one with a
    probability of `doubt`.

    `activations (S, F)` of instances cut from `inputs (S,)`, `phi (F, F)` their weighted Jaccard similarity (DeepEyes,
    equation 1). Its error is that of a ratio of sums over inputs, as instances of one input resemble each other. In
    each group the filter that responds most comes first, the others ascend.
    """
    living = np.flatnonzero(~dead)
    one, other, value = redundant_pairs(phi[np.ix_(living, living)], threshold - REACH, MOST_PAIRS)
    one, other = living[one], living[other]
    sure = np.eye(len(phi), dtype=np.float32)
    if len(one):
        least = value - NormalDist().inv_cdf(1 - doubt / len(one)) * similarity_errors(activations, inputs, one, other)
        kept = least >= threshold
        sure[one[kept], other[kept]] = sure[other[kept], one[kept]] = 1.0
    total = activations.sum(axis=0, dtype=np.float64)
    return tuple(_strongest_first(group, total) for group in redundant_groups(sure, 0.5, dead))


def similarity_errors(activations: Floats, inputs: Numbers, one: Numbers, other: Numbers) -> NDArray[np.float64]:
    """Return the standard errors `(P,)` of the similarities of pairs of filters `one (P,)` and `other (P,)`.

    Of a ratio `R = sum x / sum y` over independent inputs it is `sqrt(sum (x - R y)^2) / sum y`.
    """
    order = np.argsort(inputs, kind="stable")
    starts = np.unique(inputs[order], return_index=True)[1]
    a = activations[order]
    errors = np.empty(len(one))
    for first in range(0, len(one), AT_ONCE):
        i, j = one[first : first + AT_ONCE], other[first : first + AT_ONCE]
        least, most = np.minimum(a[:, i], a[:, j]), np.maximum(a[:, i], a[:, j])  # (S, P)
        x = np.add.reduceat(least, starts, axis=0, dtype=np.float64)  # (inputs, P)
        y = np.add.reduceat(most, starts, axis=0, dtype=np.float64)
        whole = y.sum(axis=0)
        rest = x - x.sum(axis=0) / whole * y
        errors[first : first + AT_ONCE] = np.sqrt((rest**2).sum(axis=0)) / whole
    return errors


def _strongest_first(group: Numbers, total: NDArray[np.float64]) -> Numbers:
    kept = group[np.argmax(total[group])]
    return np.concatenate([[kept], group[group != kept]])
