"""Frequency of activation: share of instances on which a filter exceeds half the layer's maximum (section 4.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.probe.statistics.origins import Origins, taken
from deepeyes_tui.probe.statistics.spans import LayerSpans

HALF_LIFE = 100.0
"""Observed steps after which an instance counts half: filters are not the same from step to step."""
ALWAYS_ON_ABOVE = 0.95


class ActivationFrequency:
    """Sums that decay with each observed step of their layer."""

    def __init__(self, spans: LayerSpans, half_life: float = HALF_LIFE) -> None:
        self._spans = spans
        self._keep = np.float32(0.5 ** (1 / half_life))
        self._active = np.zeros(spans.filters, np.float32)
        self._instances = np.zeros(spans.layers, np.float32)

    def update(self, active: NDArray[np.float32], instances: NDArray[np.float32]) -> None:
        """Add counts of active instances `(F,)` out of `instances (L,)`; layers without any do not decay."""
        keep = np.where(instances > 0, self._keep, np.float32(1))
        self._active *= self._spans.spread(keep)
        self._active += active
        self._instances = self._instances * keep + instances

    def reset(self, layer: int) -> None:
        """Start one layer anew, as when the maximum it is measured against is reset."""
        self._active[self._spans.of(layer)] = 0
        self._instances[layer] = 0

    def shares(self) -> NDArray[np.float32]:
        """Return the frequency of each filter, `(F,)` in [0, 1]."""
        return np.asarray(self._active / np.maximum(self._spans.spread(self._instances), 1e-9), np.float32)

    def carry(self, before: ActivationFrequency, origins: Origins) -> None:
        """Take over what is known of the filters that were there before. A layer with new filters is counted anew."""
        whole = self._spans.largest(origins.filters < 0) == 0
        self._active = np.where(self._spans.spread(whole), taken(before._active, origins.filters, 0), np.float32(0))
        self._instances = np.where(whole, taken(before._instances, origins.layers, 0), np.float32(0))
