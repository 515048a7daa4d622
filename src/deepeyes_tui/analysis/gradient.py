"""The gradient of t-SNE and the descent along it, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.analysis.compiled import kernel, summing_kernel
from deepeyes_tui.analysis.graph import Floats, Ints, Longs

Unsigned = NDArray[np.uint32]

_SMALLEST_GAIN = np.float32(0.01)


@kernel
def both_ways(
    indptr: Longs, indices: Ints, data: Floats, back_indptr: Longs, back_indices: Ints, back_data: Floats
) -> tuple[Longs, Ints, Floats]:
    """T + T^T."""
    count = len(indptr) - 1
    starts = np.zeros(count + 1, np.int64)
    found = np.empty(2 * len(indices), np.int32)
    values = np.empty(2 * len(indices), np.float32)
    place = np.full(count, -1, np.int64)  # where in the output a column of the current row is
    end = 0
    for row in range(count):
        start = end
        for entry in range(indptr[row], indptr[row + 1]):
            place[indices[entry]] = end
            found[end] = indices[entry]
            values[end] = data[entry]
            end += 1
        for entry in range(back_indptr[row], back_indptr[row + 1]):
            column = back_indices[entry]
            if place[column] >= start:
                values[place[column]] += back_data[entry]
            else:
                found[end] = column
                values[end] = back_data[entry]
                end += 1
        starts[row + 1] = end
    return starts, found[:end].copy(), values[:end].copy()


@summing_kernel
def repel(x: Floats, y: Floats, force_x: Floats, force_y: Floats) -> float:
    """Write `sum_j q_ij^2 (y_i - y_j)` with q = 1 / (1 + d2) of every point; returns Z, the sum of q over i != j."""
    count = len(x)
    total = 0.0
    for i in range(count):
        sum_x, sum_y, sum_q = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        xi, yi = x[i], y[i]
        for j in range(count):
            dx = xi - x[j]
            dy = yi - y[j]
            q = np.float32(1.0) / (np.float32(1.0) + dx * dx + dy * dy)
            sum_q += q
            sum_x += q * q * dx
            sum_y += q * q * dy
        force_x[i] = sum_x
        force_y[i] = sum_y
        total += float(sum_q)
    return total - count


@summing_kernel
def attract(
    indptr: Longs,
    indices: Unsigned,
    p: Floats,
    x: Floats,
    y: Floats,
    scale: np.float32,
    force_x: Floats,
    force_y: Floats,
) -> None:
    """Add `scale sum_j p_ij q_ij (y_i - y_j)` of every point; unsigned indices let several be fetched at once."""
    for i in range(len(x)):
        columns, shares = indices[indptr[i] : indptr[i + 1]], p[indptr[i] : indptr[i + 1]]
        sum_x, sum_y = np.float32(0.0), np.float32(0.0)
        xi, yi = x[i], y[i]
        for entry in range(len(columns)):
            dx = xi - x[columns[entry]]
            dy = yi - y[columns[entry]]
            pull = shares[entry] / (np.float32(1.0) + dx * dx + dy * dy)
            sum_x += pull * dx
            sum_y += pull * dy
        force_x[i] += scale * sum_x
        force_y[i] += scale * sum_y


@summing_kernel
def descend(
    indptr: Longs,
    indices: Unsigned,
    p: Floats,
    places: Floats,
    velocity: Floats,
    gains: Floats,
    force: Floats,
    exaggeration: np.float32,
    momentum: np.float32,
    eta: np.float32,
    steps: int,
) -> None:
    """Steps against the gradient `4 sum_j (p_ij - q_ij / Z) q_ij (y_i - y_j)`, with momentum and gains (Jacobs 1988).

    Arrays are (2, n) and are written to; the places stay centred.
    """
    count = places.shape[1]
    for _ in range(steps):
        total = repel(places[0], places[1], force[0], force[1])
        share = np.float32(-1.0 / max(total, 1e-30))
        for axis in range(2):
            for i in range(count):
                force[axis, i] *= share
        attract(indptr, indices, p, places[0], places[1], exaggeration, force[0], force[1])
        for axis in range(2):
            mean = np.float32(0.0)
            for i in range(count):
                gain = gains[axis, i]
                same = (force[axis, i] > 0.0) == (velocity[axis, i] > 0.0)
                gain = max(gain * np.float32(0.8), _SMALLEST_GAIN) if same else gain + np.float32(0.2)
                gains[axis, i] = gain
                velocity[axis, i] = momentum * velocity[axis, i] - np.float32(4.0) * eta * gain * force[axis, i]
                places[axis, i] += velocity[axis, i]
                mean += places[axis, i]
            mean /= np.float32(count)
            for i in range(count):
                places[axis, i] -= mean
