"""Which states stay: many of the newest, many of the first, and some of all that lies between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.snapshot import Flag, Int

EVEN = 8
"""Times the density: states that lie evenly over the whole run, at most."""


def keeps(numbers: Int, newest: int, density: int) -> Flag:
    """Return which of the states `numbers (N,)`, counted from 0 on, stay once there is a state `newest`.

    A state stays if its number can be divided by 2^level, where the level rises with its distance from the first,
    with its distance from the newest, and with the length of the run; the smallest of the three counts. None of
    them falls while a run gets longer or the density lower, so what is dropped is never missed later.
    """
    first = _levels(numbers, density)
    last = _levels(newest - numbers, density)
    even = _levels(np.array([newest]), density * EVEN // 2)
    level = np.minimum(np.minimum(first, last), even)
    return np.asarray(numbers % (1 << level) == 0)


def _levels(distance: Int, density: int) -> NDArray[np.int64]:
    """Return 0 up to `2 * density`, and one more for every doubling of the distance, `(N,)`."""
    ratio = np.maximum(distance, 1) / max(density, 1)
    return np.maximum(np.floor(np.log2(ratio)), 0).astype(np.int64)
