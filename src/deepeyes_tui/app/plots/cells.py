"""The shapes of a heatmap's cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.glyphs import RISING, Codes, Glyphs, codes
from deepeyes_tui.app.plots.inks import LEVELS
from deepeyes_tui.app.plots.raster import HALVES

PAIRS: Final = ("· ", "▪ ", "■ ", "▐▌", "██")
"""Sizes of a cell of two columns, the smallest first."""
SINGLES: Final = "·▪■█"
DENSITY: Final = ".:-=+*#%@"
"""From little to much; a blank is left for "nothing here"."""
UNKNOWN: Final = "?"


@dataclass(frozen=True)
class Templates:
    """Glyphs of a cell, `shapes (N, height, width)`: by size, or by value if `by_value`."""

    shapes: Codes
    by_value: bool
    glyphs: Glyphs

    def pick(self, level: NDArray[np.intp], reliability: NDArray[np.float64], marked: NDArray[np.bool_]) -> Codes:
        """Return the glyphs of cells, `(len(level), height, width)`; what is marked leaves some of its ground free."""
        count = self.shapes.shape[0]
        if self.by_value:
            chosen: Codes = self.shapes[np.maximum(level, 0) * count // LEVELS]
        else:
            size = np.minimum((reliability * count).astype(np.intp), count - 1)
            chosen = self.shapes[np.where(marked, np.minimum(size, max(count - 2, 0)), size)]
        chosen[level < 0] = ord(" ")
        chosen[level < 0, (chosen.shape[1] - 1) // 2, (chosen.shape[2] - 1) // 2] = ord(UNKNOWN)
        return chosen


@lru_cache(maxsize=64)
def templates(width: int, height: int, glyphs: Glyphs, colour: bool) -> Templates:
    """Return the shapes of a cell of `width x height`."""
    if glyphs is Glyphs.ASCII:
        return Templates(_dense(width, height), True, glyphs)
    if not colour:
        return Templates(_bars(width, height), True, glyphs)
    return Templates(_squares(width, height), False, glyphs)


def _dense(width: int, height: int) -> Codes:
    shapes = np.full((len(DENSITY), height, width), ord(" "), np.uint32)
    shapes[:, :, : max(width - 1, 1)] = codes(DENSITY)[:, None, None]
    return shapes


def _bars(width: int, height: int) -> Codes:
    """Return bars of one eighth up to all but one, so that a reversed one is seen as well."""
    eighths = np.arange(1, 8 * height)
    fill = np.clip(eighths[:, None] - 8 * np.arange(height - 1, -1, -1), 0, 8)
    shapes = np.full((eighths.size, height, width), ord(" "), np.uint32)
    shapes[:, :, : max(width - 1, 1)] = RISING[Glyphs.BLOCK][fill][:, :, None]
    return shapes


def _squares(width: int, height: int) -> Codes:
    """Return squares, from a dot to the whole cell; large cells keep a gap to their neighbours."""
    if height == 1:
        texts = PAIRS if width == 2 else tuple(SINGLES)
        return np.stack([codes(text.ljust(width)[:width]) for text in texts])[:, None, :]
    side = 2 * height - 1
    shapes = np.full((height, height, width), ord(" "), np.uint32)
    for number in range(height):
        dots = np.zeros((2 * height, width), np.intp)
        inset = (side - (2 * number + 1)) // 2
        dots[inset : side - inset, inset : side - inset] = 1
        shapes[number] = HALVES[dots[::2] + 2 * dots[1::2]]
    return shapes
