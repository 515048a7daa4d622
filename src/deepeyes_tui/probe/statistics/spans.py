"""Which stretch of a flat array over all filters belongs to which layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


class LayerSpans:
    """`sizes (L,)` filters a layer, `F` in all."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = np.asarray(sizes, np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)
        self.layers, self.filters = len(self.sizes), int(self.sizes.sum())

    def of(self, layer: int) -> slice:
        """Return the stretch of one layer."""
        return slice(int(self.offsets[layer]), int(self.offsets[layer] + self.sizes[layer]))

    def spread(self, per_layer: NDArray[Scalar]) -> NDArray[Scalar]:
        """Give each filter the value of its layer: `(L,) -> (F,)`."""
        return np.repeat(per_layer, self.sizes)

    def largest(self, per_filter: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return the largest value of each layer: `(F,) -> (L,)`."""
        if self.layers == 0:
            return per_filter[:0]
        return np.maximum.reduceat(per_filter, self.offsets)
