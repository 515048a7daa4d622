"""Instances as they cross the border: sampled receptive fields of one layer and all filters' activations on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.excerpts import Excerpts

LARGEST_THUMBNAIL = 32
"""Rows and columns of a thumbnail at most."""


MANY_LABELS, KEPT_LABELS = 4096, 60
"""Labels that maps can bear, and those that are kept of more: the most frequent."""
OTHER_LABEL = -2
"""Of a label that is not among the kept ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """The `S` newest instances of one layer with `F` filters, oldest first; all arrays are read-only.

    `generation` is that of the board's structure, `focused` whether the layer is in focus, `written` how many rows the
    ring ever took. `nonfinite` counts the rows whose activations or patches held NaN (now 0) or what float16 cannot
    hold (now its largest). Of more than `MANY_LABELS` labels the `KEPT_LABELS` most frequent are kept, the others are
    `OTHER_LABEL`. `input_size` is `(H, W)`, or `()` where the network's inputs are no pictures.
    """

    layer: str
    generation: int
    focused: bool
    written: int
    ids: NDArray[np.int64]  # (S,) running numbers in this ring, rising
    activations: NDArray[np.float16]  # (S, F), not negative
    patches: NDArray[np.float16]  # (S, D) the layer's own input there: channels, then kernel axes
    labels: NDArray[np.int32]  # (S,), -1 unknown, OTHER_LABEL of a vocabulary's rare ones
    steps: NDArray[np.int64]  # (S,)
    inputs: NDArray[np.int32]  # (S,) number of the input in its batch
    positions: NDArray[np.int16]  # (S, 2) row and column on the output grid, 0 where there is none
    boxes: NDArray[np.int16]  # (S, 4) y, x, height, width of the receptive field in the input, cut at its borders
    thumbnails: NDArray[np.uint8]  # (S, h, w, c) of the receptive field; (S, 0, 0, 0) where inputs are no pictures
    input_size: tuple[int, ...]
    nonfinite: int = 0
    excerpts: Excerpts = field(default_factory=Excerpts)

    def __len__(self) -> int:
        return len(self.ids)
