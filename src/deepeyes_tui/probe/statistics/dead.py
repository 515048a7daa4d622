"""Dead filters: no activation worth the name over a window of observed steps (DeepEyes, T2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.snapshot import LEAST_WINDOW
from deepeyes_tui.probe.statistics.origins import Origins, taken
from deepeyes_tui.probe.statistics.spans import LayerSpans

DEAD_BELOW = 1e-3
"""Of the layer's own maximum over the window."""
BUCKET = 50
"""Observed steps a bucket; the window is the current and the last bucket."""


class DeadFilters:
    """Maxima over the last one to two buckets of observed steps, per layer: `window (L,)` says over how many."""

    def __init__(self, spans: LayerSpans) -> None:
        self._spans = spans
        self._current = np.zeros(spans.filters, np.float32)
        self._last = np.zeros(spans.filters, np.float32)
        self._steps = np.zeros(spans.layers, np.int64)
        self._last_steps = np.zeros(spans.layers, np.int64)

    @property
    def window(self) -> NDArray[np.int64]:
        """Observed steps that the verdict rests on, `(L,)`."""
        return self._steps + self._last_steps

    def update(self, maximum: NDArray[np.float32], ran: NDArray[np.bool_]) -> None:
        """Add the maxima `(F,)` of one observed step; `ran (L,)` says which layers took part."""
        full = ran & (self._steps >= BUCKET)
        if full.any():
            turned = self._spans.spread(full)
            self._last[turned], self._current[turned] = self._current[turned], 0
            self._last_steps[full], self._steps[full] = self._steps[full], 0
        np.maximum(self._current, maximum, out=self._current)
        self._steps += ran

    def flags(self) -> NDArray[np.bool_]:
        """Return which filters are dead, `(F,)`: all of them in a layer that gives nothing but zeros."""
        reached = np.maximum(self._current, self._last)
        floor = DEAD_BELOW * self._spans.largest(reached)
        judged = self._spans.spread(self.window >= LEAST_WINDOW)
        return np.asarray((reached <= self._spans.spread(floor)) & judged)

    def carry(self, before: DeadFilters, origins: Origins) -> None:
        """Take over what is known of the filters that were there before. A layer with new filters is judged anew."""
        self._current = taken(before._current, origins.filters, 0)
        self._last = taken(before._last, origins.filters, 0)
        whole = self._spans.largest(origins.filters < 0) == 0
        self._steps = np.where(whole, taken(before._steps, origins.layers, 0), 0)
        self._last_steps = np.where(whole, taken(before._last_steps, origins.layers, 0), 0)
