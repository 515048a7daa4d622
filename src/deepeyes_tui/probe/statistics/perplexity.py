"""Perplexity histograms (DeepEyes, section 4.2): how specifically a layer responds, over a sliding window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.snapshot import PERPLEXITY_BINS
from deepeyes_tui.probe.statistics.origins import Origins, taken

WINDOW = 10
"""Observed steps in a window."""


class PerplexityWindows:
    """The counts of the last two windows of observed steps: `(2 WINDOW, L, BINS + 1)`, undetected last."""

    def __init__(self, layers: int) -> None:
        self._ring = np.zeros((2 * WINDOW, layers, PERPLEXITY_BINS + 1), np.float32)
        self.observed = 0

    def update(self, bins: NDArray[np.float32]) -> None:
        """Add the counts `(L, BINS + 1)` of one observed step."""
        self._ring[self.observed % (2 * WINDOW)] = bins
        self.observed += 1

    def windows(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the window before (empty at first) and the current one, `(W, L, BINS + 1)`, oldest step first."""
        held = min(self.observed, 2 * WINDOW)
        order = np.arange(self.observed - held, self.observed) % (2 * WINDOW)
        both = self._ring[order]
        return both[:-WINDOW], both[-WINDOW:]

    def carry(self, before: PerplexityWindows, origins: Origins) -> None:
        """Take over the windows of the layers whose filters are the same; perplexities of other ones say nothing."""
        self._ring, self.observed = taken(before._ring, origins.whole, 0, axis=1), before.observed


def shares(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn counts `(W, L, BINS + 1)` into shares `(L, BINS + 1)` of all instances of the window; 0 where none."""
    total = counts.sum(0)
    return np.asarray(total / np.maximum(total.sum(-1, keepdims=True), 1), np.float32)
