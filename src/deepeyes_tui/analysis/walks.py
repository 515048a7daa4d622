"""Walks along the transitions: which points they pass most, and at which landmark they first arrive."""

from __future__ import annotations

import numpy as np

from deepeyes_tui.analysis.compiled import in_chunks, kernel, summing_kernel
from deepeyes_tui.analysis.graph import Csr, Floats, Ints, Longs, stacked
from deepeyes_tui.analysis.random import advanced, mixed, seeded

PRODUCTS = 16
WALKS = 100
LONGEST = 200
_ROWS = 2048
_32 = np.uint64(32)
_LOW_24 = np.uint64(0xFFFFFF)


def visits(backward: Csr) -> Floats:
    """(L,) how many walks of 16 steps, one from every point, end at each point; `backward` is T transposed.

    The expectation of the random walks by which HSNE finds landmarks (Pezzotti et al. 2016, section 4.1), exactly.
    """
    ending = np.ones(backward.shape[0], np.float32)
    for _ in range(PRODUCTS):
        parts = in_chunks(
            lambda first, last: _sums(backward.indptr, backward.indices, backward.data, ending, first, last),  # noqa: B023
            len(ending),
            8 * _ROWS,
        )
        ending = np.concatenate(parts)
    return ending


def covering(backward: Csr, ranked: Ints, count: int) -> Ints:
    """(L,) a landmark that every point can reach; a landmark has itself. `ranked` (L,) are all points, best first.

    Landmarks are the first `count`, and beyond them the best of those that reach none.
    """
    goals: Ints = _cover(backward.indptr, backward.indices, ranked, count)
    return goals


def influence(transitions: Csr, landmarks: Longs, goals: Ints, *, seed: int) -> Csr:
    """I (L_{s-1}, L_s): the share of 100 walks from every point that arrive first at each of the `landmarks`.

    At least one step, 200 at most; a point none of whose walks arrives belongs to its goal (`covering`).
    (Pezzotti et al. 2016, section 4.2.)
    """
    number = np.full(transitions.columns, -1, np.int32)
    number[landmarks] = np.arange(len(landmarks), dtype=np.int32)
    indptr, indices = transitions.indptr, transitions.indices
    keep, other = np.empty(len(indices), np.float32), np.empty(len(indices), np.int32)

    def tables(first: int, last: int) -> None:
        _fill_tables(indptr, transitions.data, first, last, keep, other)

    def rows(first: int, last: int) -> tuple[Ints, Ints, Floats]:
        found: tuple[Ints, Ints, Floats] = _walk(
            indptr, indices, keep, other, number, goals, len(landmarks), seed, first, last
        )
        return found

    in_chunks(tables, transitions.columns, 4 * _ROWS)
    return stacked(in_chunks(rows, transitions.columns, _ROWS), len(landmarks))


@summing_kernel
def _sums(indptr: Longs, indices: Ints, data: Floats, values: Floats, first: int, last: int) -> Floats:
    """Rows first..last of a matrix times `values`."""
    sums = np.empty(last - first, np.float32)
    for row in range(first, last):
        total = np.float32(0.0)
        for entry in range(indptr[row], indptr[row + 1]):
            total += data[entry] * values[indices[entry]]
        sums[row - first] = total
    return sums


@kernel
def _cover(indptr: Longs, indices: Ints, ranked: Ints, count: int) -> Ints:
    """Breadth first along T transposed, from all landmarks at once, then from each that has to be added."""
    goals = np.full(len(ranked), -1, np.int32)
    queue = np.empty(len(ranked), np.int32)
    begin, end = 0, 0
    for rank in range(len(ranked)):
        point = ranked[rank]
        if goals[point] < 0:
            goals[point] = point
            queue[end] = point
            end += 1
        while rank >= count - 1 and begin < end:
            middle = queue[begin]
            begin += 1
            for entry in range(indptr[middle], indptr[middle + 1]):
                before = indices[entry]
                if goals[before] < 0:
                    goals[before] = goals[middle]
                    queue[end] = before
                    end += 1
    return goals


@kernel
def _fill_tables(indptr: Longs, data: Floats, first: int, last: int, keep: Floats, other: Ints) -> None:
    """Alias tables of rows first..last, for drawing an entry in constant time (Walker 1977; Vose 1991)."""
    longest = 0
    for row in range(first, last):
        longest = max(longest, indptr[row + 1] - indptr[row])
    scaled = np.empty(longest, np.float32)
    poor = np.empty(longest, np.int32)
    rich = np.empty(longest, np.int32)
    for row in range(first, last):
        start, count = indptr[row], indptr[row + 1] - indptr[row]
        poor_count, rich_count = 0, 0
        for column in range(count):
            scaled[column] = data[start + column] * count
            keep[start + column] = 1.0
            other[start + column] = column
            if scaled[column] < 1.0:
                poor[poor_count] = column
                poor_count += 1
            else:
                rich[rich_count] = column
                rich_count += 1
        while poor_count > 0 and rich_count > 0:
            poor_count -= 1
            small, large = poor[poor_count], rich[rich_count - 1]
            keep[start + small] = scaled[small]
            other[start + small] = large
            scaled[large] -= np.float32(1.0) - scaled[small]
            if scaled[large] < 1.0:
                rich_count -= 1
                poor[poor_count] = large
                poor_count += 1


@kernel
def _arrival(
    indptr: Longs, indices: Ints, keep: Floats, other: Ints, number: Ints, start: int, state: np.uint64
) -> tuple[int, np.uint64]:
    """The first landmark on a walk from `start`, -1 for none, and the random state after it."""
    at = start
    for _ in range(LONGEST):
        state = advanced(state)
        bits = mixed(state)
        begin = indptr[at]
        count = np.uint64(indptr[at + 1] - begin)
        column = np.int64(((bits >> _32) * count) >> _32)
        if np.float32(bits & _LOW_24) * np.float32(2.0**-24) >= keep[begin + column]:
            column = np.int64(other[begin + column])
        at = indices[begin + column]
        if number[at] >= 0:
            return number[at], state
    return -1, state


@kernel
def _walk(
    indptr: Longs,
    indices: Ints,
    keep: Floats,
    other: Ints,
    number: Ints,
    goals: Ints,
    landmarks: int,
    seed: int,
    first: int,
    last: int,
) -> tuple[Ints, Ints, Floats]:
    """Rows first..last of the areas of influence: entries of each, landmarks, shares."""
    counts = np.zeros(last - first, np.int32)
    found = np.empty((last - first) * WALKS, np.int32)
    shares = np.empty((last - first) * WALKS, np.float32)
    place = np.full(landmarks, -1, np.int64)
    end = 0
    for row in range(first, last):
        begin, arrived = end, 0
        state = seeded(seed, row)
        for _ in range(WALKS):
            landmark, state = _arrival(indptr, indices, keep, other, number, row, state)
            if landmark < 0:
                continue
            arrived += 1
            if place[landmark] < begin:
                place[landmark] = end
                found[end] = landmark
                shares[end] = 0.0
                end += 1
            shares[place[landmark]] += 1.0
        if arrived == 0:
            found[end] = number[goals[row]]
            shares[end] = 1.0
            end += 1
            arrived = 1
        for entry in range(begin, end):
            shares[entry] /= arrived
        counts[row - first] = end - begin
    return counts, found[:end].copy(), shares[:end].copy()
