"""How what the ranks merge is laid out: two vectors an observed step, of the same lengths on every rank.

The first holds maxima: of each layer the largest activation of each filter, and the largest of each of its calls. The
second holds sums, counted against the peaks that the first has brought: of each layer its counts and in how many
instances each filter was active; and the values of the curves since the step observed before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.probe.observation import COUNTS, Observation
from deepeyes_tui.probe.observer import MOST_CALLS
from deepeyes_tui.probe.ranks.group import Vector

CURVES = ("loss", "accuracy")
"""Curves whose values are the means over the ranks."""
MOST_STEPS = 512
"""Steps between two that are observed, at most: as many values of a curve are merged at a time."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one of `CURVES`."""

    curve: str
    step: int
    value: float


class Layout:
    """`sizes (L,)`: filters of each layer, `F` in all."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = list(sizes)
        self._ends = np.cumsum([0, *sizes])
        self.filters, self.layers = int(self._ends[-1]), len(self.sizes)

    def own(self, number: int) -> slice:
        """Return where the filters of a layer lie among all."""
        return slice(int(self._ends[number]), int(self._ends[number + 1]))

    def maxima(self, tops: Mapping[int, NDArray[np.float32]], every: int) -> Vector:
        """Return the first vector, from the largest activations `(calls, F)` of the layers that ran; `every` is how
        many steps this rank wants from one observation to the next.
        """
        vector = np.zeros(self.filters + self.layers * MOST_CALLS + 1, np.float32)
        peaks = vector[self.filters : -1].reshape(self.layers, MOST_CALLS)
        for number, calls in tops.items():
            vector[self.own(number)] = calls.max(0)
            peaks[number, : len(calls)] = calls.max(1)
        vector[-1] = every
        return vector

    def peaks(self, merged: Vector, known: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the largest activations `(L, MOST_CALLS)` of each layer up to each of its calls, those `known (L,)`
        from before among them.
        """
        calls = merged[self.filters : -1].reshape(self.layers, MOST_CALLS)
        return np.asarray(np.maximum.accumulate(np.maximum(calls, known[:, None]), axis=1))

    def sums(self, step: int, counts: Mapping[int, NDArray[np.float32]], values: Sequence[Value]) -> Vector:
        """Return the second vector of a step, from those of the layers that ran (`observation.reduce_activations`)."""
        vector = np.zeros(self.layers * COUNTS + self.filters + 2 * len(CURVES) * MOST_STEPS, np.float32)
        table, active, curves = self._parts(vector)
        for number, one in counts.items():
            table[number] = one[:COUNTS]
            active[self.own(number)] = one[COUNTS + self.sizes[number] :]
        for value in (one for one in values if one.step > step - MOST_STEPS):
            curves[CURVES.index(value.curve), value.step % MOST_STEPS] += value.value, 1
        return vector

    def observation(self, step: int, maxima: Vector, sums: Vector) -> Observation:
        """Return what all ranks have seen on a step."""
        table, active, _ = self._parts(sums)
        counts = table[:, 0], table[:, 1], table[:, 2], table[:, 3:]
        return Observation(step, *counts, maxima[: self.filters], active)

    def values(self, sums: Vector, after: int, step: int) -> list[Value]:
        """Return the means over the ranks that gave a value, from the step behind `after` to `step`."""
        curves = self._parts(sums)[2]
        found = []
        for number in range(max(after + 1, step + 1 - MOST_STEPS), step + 1):
            for name, (total, count) in zip(CURVES, curves[:, number % MOST_STEPS], strict=True):
                if count:
                    found.append(Value(name, number, float(total / count)))
        return found

    def _parts(self, vector: Vector) -> tuple[Vector, Vector, Vector]:
        counts, active = self.layers * COUNTS, self.filters
        table = vector[:counts].reshape(self.layers, COUNTS)
        curves = vector[counts + active :].reshape(len(CURVES), MOST_STEPS, 2)
        return table, vector[counts : counts + active], curves
