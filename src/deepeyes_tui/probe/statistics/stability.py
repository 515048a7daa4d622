"""Stability of a layer: how far its perplexity histogram moves from window to window, beyond sampling noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.link.snapshot import STABILITY_HISTORY, STABLE_BELOW, STABLE_WINDOWS
from deepeyes_tui.probe.statistics.origins import Origins, taken

LEAST_COUNT = 5
"""Instances that make a bin count as used."""
QUANTILE_95 = 1.645


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence in bits, in [0, 1], of counts along the last axis; NaN if one is empty."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = _normalised(p), _normalised(q)
        middle = (one + other) / 2
        divergence = (_relative_entropy(one, middle) + _relative_entropy(other, middle)) / 2
    return np.clip(divergence, 0, 1)


def _normalised(counts: ArrayLike) -> NDArray[np.float64]:
    counts = np.asarray(counts, np.float64)
    return np.asarray(counts / counts.sum(-1, keepdims=True))


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    terms = np.where(p == 0, 0.0, p * np.log2(p / q))
    return np.asarray(terms.sum(-1))


def window_distance(before: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon distance of two windows of counts `(W, L, B)`, less what noise explains: `(L,)`.

    The noise is taken from the data: between the even and the odd steps of one window only sampling differs. A
    divergence between samples falls as `1/n + 1/m`, so that of two half windows is twice that of two whole ones. What
    is subtracted is the noise's 95 % quantile: divergences of samples follow a chi-square law, one degree of freedom
    less than there are bins in use.
    """
    both = before.sum(0) + now.sum(0)
    moved = jensen_shannon(before.sum(0), now.sum(0))
    halves = [jensen_shannon(w[::2].sum(0), w[1::2].sum(0)) for w in (before, now)]
    freedom = np.maximum((both >= LEAST_COUNT).sum(-1) - 1, 1)
    noise = (halves[0] + halves[1]) / 4 * (1 + QUANTILE_95 * np.sqrt(2 / freedom))
    return np.asarray(np.sqrt(np.maximum(moved - noise, 0)))


class Stability:
    """Distances of consecutive windows, newest last, and the step since which a layer has been stable."""

    def __init__(self, layers: int) -> None:
        self.history = np.full((layers, STABILITY_HISTORY), np.nan, np.float32)
        self.since = np.full(layers, -1, np.int64)
        self._quiet = np.zeros(layers, np.int64)
        self._quiet_from = np.full(layers, -1, np.int64)

    def update(self, before: NDArray[np.float32], now: NDArray[np.float32], started: int) -> None:
        """Add the distance of two full windows `(W, L, B)`; the later one started at step `started`."""
        distance = window_distance(before, now)
        self.history = np.roll(self.history, -1, axis=1)
        self.history[:, -1] = distance
        quiet = distance < STABLE_BELOW
        self._quiet_from = np.where(quiet & (self._quiet == 0), started, self._quiet_from)
        self._quiet = np.where(quiet, self._quiet + 1, 0)
        self.since = np.where(self._quiet >= STABLE_WINDOWS, self._quiet_from, -1)

    def carry(self, before: Stability, origins: Origins) -> None:
        """Take over what is known of the layers whose filters are the same."""
        self.history = taken(before.history, origins.whole, float("nan"))
        self.since = taken(before.since, origins.whole, -1)
        self._quiet = taken(before._quiet, origins.whole, 0)
        self._quiet_from = taken(before._quiet_from, origins.whole, -1)
