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
_WHOLE = np.int32(1 << 24)


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
    table = np.empty((len(indices), 3), np.int32)

    def tables(first: int, last: int) -> None:
        _fill_table(indptr, indices, transitions.data, number, first, last, table)

    def rows(first: int, last: int) -> tuple[Ints, Ints, Floats]:
        found: tuple[Ints, Ints, Floats] = _walk(indptr, table, number[goals[first:last]], seed, first, last, count)
        return found

    count = len(landmarks)
    in_chunks(tables, transitions.columns, 4 * _ROWS)
    return stacked(in_chunks(rows, transitions.columns, _ROWS), count)


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
def _fill_table(indptr: Longs, indices: Ints, data: Floats, number: Ints, first: int, last: int, table: Ints) -> None:
    """Alias tables of rows first..last, for drawing an entry in constant time (Walker 1977; Vose 1991).

    For every entry the share, of 2^24, that keeps it, where it leads, and where its alias leads: -1 - n to landmark n.
    """
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
            goal = indices[start + column]
            table[start + column, 0] = _WHOLE
            table[start + column, 1] = goal if number[goal] < 0 else -1 - number[goal]
            table[start + column, 2] = table[start + column, 1]
            scaled[column] = data[start + column] * count
            if scaled[column] < 1.0:
                poor[poor_count] = column
                poor_count += 1
            else:
                rich[rich_count] = column
                rich_count += 1
        while poor_count > 0 and rich_count > 0:
            poor_count -= 1
            small, large = poor[poor_count], rich[rich_count - 1]
            table[start + small, 0] = np.int32(scaled[small] * _WHOLE)
            table[start + small, 2] = table[start + large, 1]
            scaled[large] -= np.float32(1.0) - scaled[small]
            if scaled[large] < 1.0:
                rich_count -= 1
                poor[poor_count] = large
                poor_count += 1


@kernel
def _walk(
    indptr: Longs, table: Ints, goals: Ints, seed: int, first: int, last: int, landmarks: int
) -> tuple[Ints, Ints, Floats]:
    """Rows first..last of the areas of influence: entries of each, landmarks, shares.

    All walks of a point take each step together, so that their memory is fetched together.
    """
    counts = np.zeros(last - first, np.int32)
    found = np.empty((last - first) * WALKS, np.int32)
    shares = np.empty((last - first) * WALKS, np.float32)
    place = np.full(landmarks, -1, np.int64)
    at = np.empty(WALKS, np.int32)
    end = 0
    for row in range(first, last):
        begin = end
        state = seeded(seed, row)
        at[:] = row
        under_way = WALKS
        for _ in range(LONGEST):
            left = 0
            for walk in range(under_way):
                state = advanced(state)
                bits = mixed(state)
                start = indptr[at[walk]]
                count = np.uint64(indptr[at[walk] + 1] - start)
                entry = start + np.int64(((bits >> _32) * count) >> _32)
                goal = table[entry, 1] if np.int32(bits & _LOW_24) < table[entry, 0] else table[entry, 2]
                if goal >= 0:
                    at[left] = goal
                    left += 1
                    continue
                landmark = -1 - goal
                if place[landmark] < begin:
                    place[landmark] = end
                    found[end] = landmark
                    shares[end] = 0.0
                    end += 1
                shares[place[landmark]] += 1.0
            under_way = left
            if under_way == 0:
                break
        if under_way == WALKS:
            found[end] = goals[row - first]
            shares[end] = 1.0
            end += 1
            under_way = WALKS - 1
        for entry in range(begin, end):
            shares[entry] /= WALKS - under_way
        counts[row - first] = end - begin
    return counts, found[:end].copy(), shares[:end].copy()
