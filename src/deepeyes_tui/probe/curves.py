"""Curves of any length in bounded room: neighbouring points are averaged when the room is full."""

from __future__ import annotations

import math

import numpy as np

from deepeyes_tui.link.snapshot import Series

CAPACITY = 1024


class ThinnedCurve:
    """At most `capacity` points, an even number; each averages `stride` values, which doubles when they no longer fit.

    Values that are not finite are counted, and kept out of the averages.
    """

    def __init__(self, name: str, capacity: int = CAPACITY) -> None:
        self.name = name
        self.capacity = capacity = capacity // 2 * 2
        self.stride = 1
        self._step = np.zeros(capacity, np.int64)
        self._sum = np.zeros(capacity, np.float64)
        self._finite = np.zeros(capacity, np.int64)
        self._nonfinite = np.zeros(capacity, np.int64)
        self._points = 0
        self._in_last = 0

    def add(self, step: int, value: float) -> None:
        """Add one value."""
        if self._points == 0 or self._in_last >= self.stride:
            self._open_point()
        last = self._points - 1
        self._step[last] = step
        if math.isfinite(value):
            self._sum[last] += value
            self._finite[last] += 1
        else:
            self._nonfinite[last] += 1
        self._in_last += 1

    def series(self) -> Series:
        """Return the curve so far, as it is shown."""
        held = slice(0, self._points)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = self._sum[held] / self._finite[held]
        return Series(self.name, self._step[held].copy(), value.astype(np.float32), self._nonfinite[held].copy())

    def _open_point(self) -> None:
        if self._points == self.capacity:
            self._halve()
        self._points += 1
        self._in_last = 0

    def _halve(self) -> None:
        half = self.capacity // 2
        self._step[:half] = self._step[1 : 2 * half : 2]
        for array in (self._sum, self._finite, self._nonfinite):
            array[:half] = array[: 2 * half : 2] + array[1 : 2 * half : 2]
            array[half:] = 0
        self._points = half
        self.stride *= 2
