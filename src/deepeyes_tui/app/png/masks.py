"""A cell's glyph as pixels, whichever way it is drawn."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.png.blocks import BLOCKS, BRAILLE, block, braille
from deepeyes_tui.app.png.ink import Coverage, Size
from deepeyes_tui.app.png.lines import LINES, line
from deepeyes_tui.app.png.symbols import SYMBOLS, symbol
from deepeyes_tui.app.png.text import letter

MOST_MASKS = 8192
UNDERLINE = 0.9
"""Where the line under a text is, in heights of a cell."""

Mask = NDArray[np.uint8]


class Part(IntEnum):
    """Which part of a glyph a cell shows: all, or a half of one that is two cells wide."""

    WHOLE = 0
    LEFT = 1
    RIGHT = 2


class Drawn(NamedTuple):
    """What decides a cell's pixels, its colours aside."""

    code: int
    part: Part
    bold: bool
    underline: bool


@lru_cache(maxsize=MOST_MASKS)
def mask_of(drawn: Drawn, size: Size) -> Mask:
    """Return how much of each pixel has the glyph's colour, `(height, width)`, 0 to 255; read-only."""
    width, height = size
    cell = _glyph(drawn.code, size if drawn.part is Part.WHOLE else (2 * width, height), drawn.bold)
    cell = cell[:, width:] if drawn.part is Part.RIGHT else cell[:, :width]
    mask: Mask = np.rint(255 * np.clip(cell, 0, 1)).astype(np.uint8)
    if drawn.underline:
        thin = max(height // 20, 1)
        top = int(height * UNDERLINE)
        mask[top : top + thin] = 255
    mask.setflags(write=False)
    return mask


def _glyph(code: int, size: Size, bold: bool) -> Coverage:
    """Return a glyph; letters alone are bold, lines and blocks would not join any more."""
    for codes, draw in ((BRAILLE, braille), (BLOCKS, block), (LINES, line), (SYMBOLS, symbol)):
        if code in codes:
            return draw(code, size)
    return letter(chr(code), size, bold)
