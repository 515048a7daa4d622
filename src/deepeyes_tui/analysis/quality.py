"""How true a picture is: trustworthiness and continuity of every point, and which neighbours are false or missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.analysis.compiled import in_chunks, kernel

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int32]

FEWEST = 4
"""Points from which a neighbourhood can be wrong by this measure."""
AT_ONCE = 2048
"""Rows of a distance matrix held at a time."""
CHUNK = 128
"""Rows that a thread takes at a time."""
ROUNDING = 1e-12
"""A squared distance below this share of the squared lengths is a rounding error: the points coincide."""


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """What a picture of `n` points keeps of their `k` nearest neighbours.

    `trustworthiness` and `continuity` `(n,)` are in [0, 1], 1 without a false or a missing neighbour. A false neighbour
    is near in the picture alone, a missing one in the data alone; `(n, k)`, nearest first, -1 where there are fewer.
    """

    trustworthiness: Floats
    continuity: Floats
    false_neighbours: Indices
    missing_neighbours: Indices

    @property
    def mean_trustworthiness(self) -> float:
        """Trustworthiness of the whole picture; 1 without points."""
        return float(self.trustworthiness.mean(dtype=np.float64)) if len(self.trustworthiness) else 1.0

    @property
    def mean_continuity(self) -> float:
        """Continuity of the whole picture; 1 without points."""
        return float(self.continuity.mean(dtype=np.float64)) if len(self.continuity) else 1.0


def projection_quality(high: ArrayLike, low: ArrayLike, k: int = 10) -> Quality:
    """Compare the neighbours of points `high (n, D)` with those of their places `low (n, 2)` (Venna and Kaski 2001).

    `T_i = 1 - 2 / (k (2n - 3k - 1)) sum (r_high(i, j) - k)` over the false neighbours `j` of `i`, where `r_high` is the
    rank of `j` by its distance to `i`; continuity with the spaces swapped. Equally far points rank by number. `k` is
    lowered to less than `n / 2`; fewer than four points are all faithful. Raises ValueError for values that are not
    finite and for shapes that do not match.
    """
    data, places = centred(high), centred(low)
    if len(data) != len(places):
        raise ValueError(f"{len(data)} points need as many places, not {len(places)}")
    n = len(data)
    k = max(min(k, (n - 1) // 2), 0) if n >= FEWEST else 0
    excess, wrong = np.zeros((n, 2)), np.full((n, 2, k), -1, np.int32)
    for start in range(0, n if k else 0, AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        _measure(distances(data, rows), distances(places, rows), start, excess[rows], wrong[rows])
    true = (1 - 2 / max(k * (2 * n - 3 * k - 1), 1) * excess).astype(np.float32)
    return Quality(true[:, 0], true[:, 1], wrong[:, 0], wrong[:, 1])


def centred(points: ArrayLike) -> Doubles:
    """Return points `(n, D)` about their mean, which keeps squared distances exact. Raises ValueError."""
    p = np.array(points, np.float64)
    if p.ndim != 2 or not np.isfinite(p).all():
        raise ValueError(f"points have the shape (points, dimensions) and finite coordinates; these are {p.shape}")
    p -= p.mean(axis=0) if len(p) else 0
    return p


def distances(points: Doubles, rows: slice) -> Floats:
    """Return the squared distances of some of the points `(n, D)`, about their mean, to all of them, `(rows, n)`."""
    squares = np.einsum("ij,ij->i", points, points)
    own, products = squares[rows], points[rows] @ points.T
    out = np.empty(products.shape, np.float32)
    in_chunks(lambda first, last: finish_distances(products, own, squares, out, first, last), len(out), CHUNK)
    return out


@kernel
def finish_distances(products: Doubles, own: Doubles, squares: Doubles, out: Floats, first: int, last: int) -> None:
    """Fill rows of `out (m, n)` with squared distances, from the inner products `(m, n)` and the squared lengths."""
    for i in range(first, last):
        for j in range(out.shape[1]):
            both = own[i] + squares[j]
            d = both - 2 * products[i, j]
            out[i, j] = d if d > ROUNDING * both else 0.0


def _measure(high: Floats, low: Floats, start: int, excess: Doubles, wrong: Indices) -> None:
    in_chunks(lambda first, last: measure_rows(high, low, start, excess, wrong, first, last), len(high), CHUNK)


@kernel
def measure_rows(high: Floats, low: Floats, start: int, excess: Doubles, wrong: Indices, first: int, last: int) -> None:
    """Fill the sums of `r - k` `(m, 2)` and who is wrong `(m, 2, k)` for rows of the distances `(m, n)`.

    Row 0 is point `start`; its distance to itself is overwritten.
    """
    k = wrong.shape[2]
    near_high, near_low, values = np.empty(k, np.int32), np.empty(k, np.int32), np.empty(k, np.float32)
    for i in range(first, last):
        high[i, start + i] = low[i, start + i] = np.inf
        find_nearest(high[i], near_high, values)
        find_nearest(low[i], near_low, values)
        excess[i, 0] = _intruders(high[i], near_high, near_low, wrong[i, 0])
        excess[i, 1] = _intruders(low[i], near_low, near_high, wrong[i, 1])


@kernel
def find_nearest(row: Floats, numbers: Indices, values: Floats) -> None:
    """Fill `numbers (k,)` and `values (k,)` with the smallest finite values of a row, smallest first.

    -1 and infinity where there are fewer.
    """
    last = len(numbers) - 1
    for place in range(last + 1):
        numbers[place], values[place] = -1, np.inf
    for j in range(len(row)):
        if row[j] < values[last]:
            place = last
            while place > 0 and row[j] < values[place - 1]:
                values[place], numbers[place] = values[place - 1], numbers[place - 1]
                place -= 1
            values[place], numbers[place] = row[j], j


@kernel
def _intruders(row: Floats, own: Indices, shown: Indices, wrong: Indices) -> float:
    """Note which of the `shown` are not among the `own` neighbours; return by how much their ranks exceed k."""
    found, excess = 0, 0.0
    for j in shown:
        familiar = False
        for number in own:
            familiar |= number == j
        if not familiar:
            wrong[found] = j
            found += 1
            excess += _rank(row, j) - len(own)
    return excess


@kernel
def _rank(row: Floats, j: int) -> int:
    """Return the rank of entry `j`, 1 for the smallest; equal ones rank by number."""
    value, before = row[j], np.int32(1)
    for m in range(j):
        before = np.int32(before + (row[m] <= value))  # 32 bits: twice as many at a time
    for m in range(j + 1, len(row)):
        before = np.int32(before + (row[m] < value))
    return int(before)
