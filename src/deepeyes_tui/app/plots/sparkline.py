"""A few values in one row of text."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from deepeyes_tui.app.plots.glyphs import Glyphs

BLOCKS: Final = "▁▂▃▄▅▆▇█"
LETTERS: Final = "_.,-=+*#"
BELOW: Final = 2
"""Glyphs kept for values under a threshold."""


def sparkline(
    values: ArrayLike,
    width: int,
    *,
    low: float = 0.0,
    high: float,
    glyphs: Glyphs = Glyphs.BRAILLE,
    threshold: float | None = None,
) -> str:
    """Return the last `width` of `values (N,)`, the newest at the right; NaN is a blank.

    With a threshold, what lies under it takes the two lowest glyphs and everything else a higher one, so that the
    crossing is seen whatever the scale.
    """
    width = max(width, 0)
    recent = np.asarray(values, np.float64).ravel()[-width:] if width else np.empty(0)
    table = LETTERS if glyphs is Glyphs.ASCII else BLOCKS
    if threshold is None or not low < threshold < high:
        level = _levels(recent, low, high, len(table))
    else:
        above = BELOW + _levels(recent, threshold, high, len(table) - BELOW)
        level = np.where(recent < threshold, _levels(recent, low, threshold, BELOW), above)
    known = ~np.isnan(recent)
    text = "".join(table[n] if ok else " " for n, ok in zip(level.tolist(), known.tolist(), strict=True))
    return text.rjust(width)


def _levels(values: np.ndarray, low: float, high: float, count: int) -> np.ndarray:
    """Return levels `0 .. count - 1`; infinite values take the ends."""
    with np.errstate(all="ignore"):
        place = (values - low) / (high - low) if high > low else np.zeros_like(values)
        return np.nan_to_num(np.clip(place * count, 0, count - 1)).astype(np.intp)
