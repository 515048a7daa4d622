"""How alike filters respond: weighted Jaccard similarity (DeepEyes, equation 1), at once or batch by batch."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.analysis.compiled import in_chunks, kernel, summing_kernel

Floats = NDArray[np.float32]

ROWS, COLUMNS = 128, 128
"""Filters of a tile: its sums stay in the second-level cache, and a row of them in the first."""
MIRRORED = 32
"""Filters of a tile that is written together with its mirror."""
STEP = 8
"""Instances that are added up in registers before a sum in a tile is touched."""
BLOCK = 1024
"""Instances after which a tile is added to the totals, which keeps float32 exact enough."""
LARGEST = 1e30
"""Sums of activations up to this fit float32."""
WORTH_A_THREAD = 1 << 24
"""Minima that take about a millisecond: less is not worth handing to another thread."""


def weighted_jaccard(activations: ArrayLike) -> Floats:
    """Return `phi (F, F)`: `sum min(a_i, a_j) / sum max(a_i, a_j)` over the instances of `activations (S, F)`.

    0 where both filters are dead, 1 on the diagonal of living ones. Activations are rectified: raises ValueError for
    negative, NaN or infinite ones.
    """
    checked = _checked(activations)
    phi = np.zeros((checked.shape[1],) * 2, np.float32)
    _add_minima(checked, phi)
    _divide_minima(phi, checked.sum(axis=0, dtype=np.float64))
    return phi


class JaccardSums:
    """The sums behind the similarities of `filters` filters, in two buckets, so that old instances can be forgotten.

    `sum max = sum a_i + sum a_j - sum min`: only the minima need a sum per pair, and only for `i <= j`.
    """

    def __init__(self, filters: int) -> None:
        self.filters = filters
        self._minima = [np.zeros((filters, filters), np.float32) for _ in range(2)]  # older, newer
        self._totals = np.zeros((2, filters))
        self._instances = [0, 0]

    @property
    def instances(self) -> int:
        """Instances that the similarities rest on."""
        return sum(self._instances)

    def update(self, activations: ArrayLike) -> None:
        """Add instances, `(S, F)`. Raises ValueError for another F and for negative, NaN or infinite activations."""
        checked = _checked(activations)
        if checked.shape[1] != self.filters:
            raise ValueError(f"activations of {checked.shape[1]} filters cannot be added to those of {self.filters}")
        _add_minima(checked, self._minima[1])
        self._totals[1] += checked.sum(axis=0, dtype=np.float64)
        self._instances[1] += len(checked)

    def merge(self, other: JaccardSums) -> None:
        """Add what another one, of as many filters, has seen. Raises ValueError."""
        if other.filters != self.filters:
            raise ValueError(f"sums of {other.filters} filters cannot be added to those of {self.filters}")
        for own, others in zip(self._minima, other._minima, strict=True):
            own += others
        self._totals += other._totals
        self._instances = [own + others for own, others in zip(self._instances, other._instances, strict=True)]

    def forget(self) -> None:
        """Drop the older bucket: what was seen before the last call. The newer one takes its place."""
        self._minima.reverse()
        self._minima[1].fill(0)
        self._totals = np.stack([self._totals[1], np.zeros(self.filters)])
        self._instances = [self._instances[1], 0]

    def similarity(self) -> Floats:
        """Return `phi (F, F)` over both buckets, symmetric, in [0, 1]."""
        phi = self._minima[0] + self._minima[1]
        _divide_minima(phi, self._totals.sum(axis=0))
        return phi


def _checked(activations: ArrayLike) -> Floats:
    a = np.require(activations, np.float32, ["C", "W"])  # what kernels are compiled for
    if a.ndim != 2:
        raise ValueError(f"activations have the shape (instances, filters), not {a.shape}")
    if a.size and not (a.min() >= 0 and a.max() < LARGEST):  # NaN fails both
        raise ValueError(f"activations must be at least 0, finite and below {LARGEST:g}: rectify them first")
    return a


def _add_minima(activations: Floats, minima: Floats) -> None:
    for start in range(0, len(activations), BLOCK):
        _add_block(activations[start : start + BLOCK], minima)


def _add_block(activations: Floats, minima: Floats) -> None:
    rows = _rows(minima, ROWS, len(activations))
    in_chunks(lambda first, last: add_minima(activations, minima, first, last), *rows)


def _divide_minima(phi: Floats, totals: NDArray[np.float64]) -> None:
    in_chunks(lambda first, last: divide_minima(phi, totals, first, last), *_rows(phi, MIRRORED, 1))


def _rows(pairs: Floats, height: int, instances: int) -> tuple[int, int]:
    """Return how many rows of tiles of a height cover `pairs (F, F)`, and how many of them are enough for a thread."""
    return -(-len(pairs) // height), max(1, WORTH_A_THREAD // max(height * len(pairs) * instances, 1))


@njit(inline="always")
def _smaller(one: np.float32, other: np.float32) -> np.float32:
    return one if one < other else other


@summing_kernel
def add_minima(activations: Floats, minima: Floats, first: int, last: int) -> None:
    """Add `sum_s min(a_si, a_sj)` of `activations (S, F)` to `minima (F, F)` for some rows of tiles, where `i <= j`.

    What is left of the diagonal is of no meaning.
    """
    for top in range(first * ROWS, last * ROWS, ROWS):
        for left in range(top // COLUMNS * COLUMNS, activations.shape[1], COLUMNS):
            _add_tile(activations, top, left, minima)


@summing_kernel
def _add_tile(activations: Floats, top: int, left: int, minima: Floats) -> None:
    filters = activations.shape[1]
    height, width = min(ROWS, filters - top), min(COLUMNS, filters - left)
    sums = np.zeros((ROWS, COLUMNS), np.float32)
    rows = np.zeros((ROWS, STEP), np.float32)
    columns = np.zeros((STEP, COLUMNS), np.float32)
    for start in range(0, len(activations), STEP):
        for s in range(STEP):
            for i in range(height):
                rows[i, s] = activations[start + s, top + i] if start + s < len(activations) else 0
            for j in range(width):
                columns[s, j] = activations[start + s, left + j] if start + s < len(activations) else 0
        for i in range(height):
            _add_step(rows[i], columns, sums[i])
    for i in range(height):
        for j in range(width):
            minima[top + i, left + j] += sums[i, j]


@summing_kernel
def _add_step(row: Floats, columns: Floats, sums: Floats) -> None:
    """Add eight instances to the sums of one filter with `COLUMNS` others; written out, so that it is one loop."""
    a, b, c, d, e, f, g, h = row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]
    for j in range(COLUMNS):
        one = _smaller(a, columns[0, j]) + _smaller(b, columns[1, j])
        two = _smaller(c, columns[2, j]) + _smaller(d, columns[3, j])
        three = _smaller(e, columns[4, j]) + _smaller(f, columns[5, j])
        four = _smaller(g, columns[6, j]) + _smaller(h, columns[7, j])
        sums[j] += (one + two) + (three + four)


@kernel
def divide_minima(phi: Floats, totals: NDArray[np.float64], first: int, last: int) -> None:
    """Turn the minima of some rows of tiles of `phi (F, F)`, where `i <= j`, into similarities by the sums `(F,)`.

    Mirrors them below the diagonal, where no other row of tiles reads or writes.
    """
    filters = len(phi)
    for top in range(first * MIRRORED, min(last * MIRRORED, filters), MIRRORED):
        for left in range(top, filters, MIRRORED):
            for i in range(top, min(top + MIRRORED, filters)):
                for j in range(max(i, left), min(left + MIRRORED, filters)):
                    both = totals[i] + totals[j]
                    ratio = 1.0 if i == j else min(phi[i, j] / (both - phi[i, j]), 1.0)
                    phi[i, j] = phi[j, i] = ratio if both > 0 else 0.0
