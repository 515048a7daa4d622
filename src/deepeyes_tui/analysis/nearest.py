"""Kernels that keep the nearest candidates: from blocks of squared distances, and exactly in the full space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.compiled import kernel, summing_kernel
from deepeyes_tui.analysis.graph import Floats, Ints

_STEP = 16


@summing_kernel
def squared_distance(one: Floats, other: Floats) -> np.float32:
    """Between two points (D,)."""
    total = np.float32(0.0)
    for axis in range(len(one)):
        difference = one[axis] - other[axis]
        total += difference * difference
    return total


@kernel
def _sift(values: Floats, ids: Ints, size: int, value: np.float32, number: int) -> None:
    """Put `value` in place of the largest of a heap of `size`."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and values[child + 1] > values[child]:
            child += 1
        if values[child] <= value:
            break
        values[at] = values[child]
        ids[at] = ids[child]
        at = child
    values[at] = value
    ids[at] = number


@kernel
def _offer(
    line: Floats, norms: Floats, ids: Ints, own: int, first: int, last: int, values: Floats, numbers: Ints
) -> None:
    """Candidates first..last, to a heap of the nearest."""
    for candidate in range(first, last):
        value = line[candidate] + norms[candidate]
        if value < values[0] and ids[candidate] != own:
            _sift(values, numbers, len(values), value, ids[candidate])


@kernel
def keep_nearest(products: Floats, norms: Floats, ids: Ints, own: Ints, found: Ints) -> None:
    """The nearest candidates of each row, nearest first, itself left out: `found` (rows, K), -1 where there are fewer.

    `products` (rows, C) are -2 x.y and `norms` (C,) y.y, so that their sum ranks the candidates `ids` (C,) of a row
    whose own number is in `own` (rows,).
    """
    count, room = products.shape[1], found.shape[1]
    values = np.empty(room, np.float32)
    numbers = np.empty(room, np.int32)
    for row in range(products.shape[0]):
        values[:] = np.inf
        numbers[:] = -1
        line = products[row]
        whole = count - count % _STEP
        for start in range(0, whole, _STEP):
            limit = values[0]
            nearer = np.int32(0)
            for step in range(_STEP):
                nearer += np.int32(line[start + step] + norms[start + step] < limit)
            if nearer:
                _offer(line, norms, ids, own[row], start, start + _STEP, values, numbers)
        _offer(line, norms, ids, own[row], whole, count, values, numbers)
        for size in range(room - 1, -1, -1):
            found[row, size] = numbers[0]
            _sift(values, numbers, size, values[size], numbers[size])


@kernel
def insert(values: Floats, ids: Ints, filled: int, value: np.float32, number: int) -> int:
    """Keep a list sorted by value, then number; what falls off its end is lost. Returns how many it holds."""
    room = len(values)
    if filled == room:
        if value > values[room - 1] or (value == values[room - 1] and number > ids[room - 1]):
            return filled
        filled -= 1
    at = filled
    while at > 0 and (values[at - 1] > value or (values[at - 1] == value and ids[at - 1] > number)):
        values[at] = values[at - 1]
        ids[at] = ids[at - 1]
        at -= 1
    values[at] = value
    ids[at] = number
    return filled + 1


@kernel
def rank_exactly(points: Floats, rows: Ints, candidates: Ints, found: Ints, distances: Floats) -> None:
    """The nearest of the `candidates` (n, C; -1 for none) of the points `rows` (n,), by their true distances.

    Fills `found` and `distances` (n, k) with numbers and squared distances, nearest first, ties by number.
    """
    for at in range(len(rows)):
        filled = 0
        for column in range(candidates.shape[1]):
            other = candidates[at, column]
            if other >= 0:
                value = squared_distance(points[rows[at]], points[other])
                filled = insert(distances[at], found[at], filled, value, other)


@kernel
def one_round(
    points: Floats,
    known: Ints,
    reverse_starts: NDArray[np.int64],
    reverse: Ints,
    breadth: int,
    first: int,
    last: int,
    found: Ints,
) -> None:
    """The `known` (N, K; -1 for none) and their neighbours, both ways: `found` (last - first, R) for rows first..last.

    `reverse` holds the rows in whose first `breadth` a point is; at most `breadth` of them are asked.
    """
    room = found.shape[1]
    seen = np.full(len(points), -1, np.int32)
    values = np.empty(room, np.float32)
    asked = np.empty(2 * breadth, np.int32)
    for row in range(first, last):
        seen[row] = row
        filled, asking = 0, 0
        list_ids = found[row - first]
        for column in range(known.shape[1]):
            other = known[row, column]
            if other >= 0 and seen[other] != row:
                seen[other] = row
                filled = insert(values, list_ids, filled, squared_distance(points[row], points[other]), other)
                if column < breadth:
                    asked[asking] = other
                    asking += 1
        for entry in range(reverse_starts[row], min(reverse_starts[row + 1], reverse_starts[row] + breadth)):
            asked[asking] = reverse[entry]
            asking += 1
        for number in range(asking):
            middle = asked[number]
            for column in range(-1, breadth):
                other = middle if column < 0 else known[middle, column]
                if other >= 0 and seen[other] != row:
                    seen[other] = row
                    filled = insert(values, list_ids, filled, squared_distance(points[row], points[other]), other)
        for column in range(filled, room):
            list_ids[column] = -1
