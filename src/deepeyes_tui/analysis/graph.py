"""Sparse matrices by rows: transition matrices and areas of influence, and what is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.compiled import in_chunks, kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

ROWS_PER_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Csr:
    """A sparse matrix; row r has `data[indptr[r]:indptr[r + 1]]` in the columns `indices[...]`, in any order."""

    indptr: Longs  # (rows + 1,)
    indices: Ints  # (entries,)
    data: Floats  # (entries,)
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return len(self.indptr) - 1, self.columns

    def row_numbers(self) -> Longs:
        """The row of every entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def row_sums(self) -> NDArray[np.float64]:
        """(rows,)"""
        return summed(self.row_numbers(), self.data, self.shape[0])

    def dense(self) -> Floats:
        """The same matrix in full, (rows, columns)."""
        full = np.zeros(self.shape, np.float32)
        np.add.at(full, (self.row_numbers(), self.indices), self.data)
        return full

    def only(self, mask: NDArray[np.bool_]) -> Csr:
        """Without the entries outside `mask` (entries,)."""
        counts = np.bincount(self.row_numbers()[mask], minlength=self.shape[0])
        return Csr(pointers(counts), self.indices[mask], self.data[mask], self.columns)

    def normalised(self) -> Csr:
        """Every row that is not empty sums to 1."""
        sums = np.maximum(self.row_sums(), np.finfo(np.float32).tiny)
        data = (self.data / np.repeat(sums, np.diff(self.indptr))).astype(np.float32)
        return Csr(self.indptr, self.indices, data, self.columns)

    def rows_at(self, rows: Longs) -> Csr:
        """The rows at the given numbers, in that order."""
        counts = np.diff(self.indptr)[rows]
        starts = pointers(counts)
        entries = np.arange(starts[-1]) + np.repeat(self.indptr[rows] - starts[:-1], counts)
        return Csr(starts, self.indices[entries], self.data[entries], self.columns)

    def transposed(self) -> Csr:
        """Columns become rows, each in ascending order."""
        return Csr(*_transpose(self.indptr, self.indices, self.data, self.columns), len(self.indptr) - 1)


def pointers(counts: NDArray[np.integer]) -> Longs:
    """Where rows with `counts` entries start, and the end."""
    return np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))


def summed(numbers: NDArray[Any], values: NDArray[Any], count: int) -> NDArray[np.float64]:
    """(count,) the sum of the `values` under each of the `numbers`."""
    return np.bincount(numbers, values, count).astype(np.float64, copy=False)


def stacked(parts: list[tuple[Ints, Ints, Floats]], columns: int) -> Csr:
    """One matrix of chunks of rows: entries of each row, their columns, their values."""
    counts, indices, data = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Csr(pointers(counts), indices, data, columns)


def restricted(matrix: Csr, kept: Longs) -> Csr:
    """The rows and columns `kept` of a square matrix, renumbered 0..len(kept) - 1."""
    lookup = np.full(matrix.columns, -1, np.int32)
    lookup[kept] = np.arange(len(kept), dtype=np.int32)
    rows = matrix.rows_at(kept)
    inside = rows.only(lookup[rows.indices] >= 0)
    return Csr(inside.indptr, lookup[inside.indices], inside.data, len(kept))


def product(left: Csr, right: Csr) -> Csr:
    """`left @ right`."""

    def rows(first: int, last: int) -> tuple[Ints, Ints, Floats]:
        found: tuple[Ints, Ints, Floats] = _multiply(
            left.indptr, left.indices, left.data, right.indptr, right.indices, right.data, right.columns, first, last
        )
        return found

    return stacked(in_chunks(rows, left.shape[0], ROWS_PER_CHUNK), right.columns)


@kernel
def _transpose(indptr: Longs, indices: Ints, data: Floats, columns: int) -> tuple[Longs, Ints, Floats]:
    """Counting sort by column."""
    starts = np.zeros(columns + 1, np.int64)
    for entry in range(len(indices)):
        starts[indices[entry] + 1] += 1
    for column in range(columns):
        starts[column + 1] += starts[column]
    free = starts[:-1].copy()
    rows = np.empty(len(indices), np.int32)
    values = np.empty(len(indices), np.float32)
    for row in range(len(indptr) - 1):
        for entry in range(indptr[row], indptr[row + 1]):
            place = free[indices[entry]]
            free[indices[entry]] += 1
            rows[place] = row
            values[place] = data[entry]
    return starts, rows, values


@kernel
def _multiply(
    indptr: Longs,
    indices: Ints,
    data: Floats,
    right_indptr: Longs,
    right_indices: Ints,
    right_data: Floats,
    columns: int,
    first: int,
    last: int,
) -> tuple[Ints, Ints, Floats]:
    """Rows first..last of a product: entries of each, columns, values."""
    room = 0
    for entry in range(indptr[first], indptr[last]):
        room += right_indptr[indices[entry] + 1] - right_indptr[indices[entry]]
    counts = np.zeros(last - first, np.int32)
    found = np.empty(room, np.int32)
    values = np.empty(room, np.float32)
    place = np.full(columns, -1, np.int64)  # where in the output a column of the current row is
    end = 0
    for row in range(first, last):
        start = end
        for entry in range(indptr[row], indptr[row + 1]):
            middle = indices[entry]
            for other in range(right_indptr[middle], right_indptr[middle + 1]):
                column = right_indices[other]
                value = data[entry] * right_data[other]
                if place[column] >= start:
                    values[place[column]] += value
                else:
                    place[column] = end
                    found[end] = column
                    values[end] = value
                    end += 1
        counts[row - first] = end - start
    return counts, found[:end].copy(), values[:end].copy()
