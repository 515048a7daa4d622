"""Maximum activation of each filter and how recently it was reached (DeepEyes, section 4.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.probe.statistics.origins import Origins, taken

REACHED_SHARE = 0.8
"""`theta`: a step on which a filter comes to this share of its maximum confirms it."""


class MaximumActivation:
    """`value (F,)` since the last reset; `reached_step (F,)` the last step at `theta` of it, -1 for never."""

    def __init__(self, filters: int) -> None:
        self.value = np.zeros(filters, np.float32)
        self.reached_step = np.full(filters, -1, np.int64)

    def update(self, maximum: NDArray[np.float32], step: int) -> None:
        """Add the maxima `(F,)` of one observed step."""
        np.maximum(self.value, maximum, out=self.value)
        self.reached_step[(maximum >= REACHED_SHARE * self.value) & (maximum > 0)] = step

    def reset(self, where: slice) -> None:
        """Forget the maxima of some filters."""
        self.value[where] = 0
        self.reached_step[where] = -1

    def carry(self, before: MaximumActivation, origins: Origins) -> None:
        """Take over what is known of the filters that were there before."""
        self.value = taken(before.value, origins.filters, 0)
        self.reached_step = taken(before.reached_step, origins.filters, -1)
