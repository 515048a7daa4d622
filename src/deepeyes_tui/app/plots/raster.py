"""Dots on a finer grid than the cells, and the glyphs that show them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.canvas import BLANK
from deepeyes_tui.app.plots.glyphs import Codes, Glyphs, codes

Dots = NDArray[np.intp]

DOTS: Final = {Glyphs.BRAILLE: (2, 4), Glyphs.BLOCK: (1, 2), Glyphs.ASCII: (1, 1)}
"""Dots a cell has, across and down."""
BRAILLE: Final = 0x2800
BITS: Final = {
    Glyphs.BRAILLE: np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8),
    Glyphs.BLOCK: np.array([[1], [2]], np.uint8),
    Glyphs.ASCII: np.array([[1]], np.uint8),
}
HALVES: Final = codes(" ▀▄█")


def cell_bits(width: int, height: int, x: Dots, y: Dots, glyphs: Glyphs) -> NDArray[np.uint8]:
    """Return the dots of every cell as bits, `(height, width)`. `x`, `y (N,)` count dots from the upper left."""
    across, down = DOTS[glyphs]
    bits = np.zeros((height, width), np.uint8)
    inside = (x >= 0) & (x < width * across) & (y >= 0) & (y < height * down)
    x, y = x[inside], y[inside]
    np.bitwise_or.at(bits, (y // down, x // across), BITS[glyphs][y % down, x % across])
    return bits


def bit_glyphs(bits: NDArray[np.uint8], glyphs: Glyphs, letter: str = "*") -> Codes:
    """Return the glyphs that show the dots of cells; `letter` stands for a dot in ASCII."""
    if glyphs is Glyphs.BRAILLE:
        return np.where(bits > 0, BRAILLE + bits.astype(np.uint32), BLANK).astype(np.uint32)
    if glyphs is Glyphs.BLOCK:
        return HALVES[bits]
    return np.where(bits > 0, ord(letter), BLANK).astype(np.uint32)


def path(x: Dots, y: Dots, joined: NDArray[np.bool_]) -> tuple[Dots, Dots]:
    """Return the dots of a line through `(N,)` points, in order; `joined (N - 1,)` says which neighbours are linked."""
    if x.size < 2:
        return x, y
    dx, dy = np.diff(x), np.diff(y)
    steps = np.where(joined, np.maximum(np.abs(dx), np.abs(dy)), 1)
    steps = np.append(np.maximum(steps, 1), 1)
    start = np.repeat(np.arange(x.size), steps)
    along = np.arange(start.size) - np.repeat(np.cumsum(steps) - steps, steps)
    slope_x, slope_y = np.append(dx, 0) / steps, np.append(dy, 0) / steps
    return (
        np.rint(x[start] + along * slope_x[start]).astype(np.intp),
        np.rint(y[start] + along * slope_y[start]).astype(np.intp),
    )


def thin(x: Dots, y: Dots, joined: NDArray[np.bool_]) -> tuple[Dots, Dots, NDArray[np.bool_]]:
    """Return at most four points a dot column (first, lowest, highest, last) that draw the same line.

    `x (N,)` must rise or stay. Columns with a gap inside are left as they are by keeping the gap at their end.
    """
    if x.size < 2:
        return x, y, joined
    starts = np.flatnonzero(np.append(True, np.diff(x) != 0))
    ends = np.append(starts[1:], x.size) - 1
    low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    columns = np.repeat(x[starts], 4)
    rows = np.stack([y[starts], low, high, y[ends]], axis=1).ravel()
    links = np.ones(columns.size, bool)
    links[3:-1:4] = joined[ends[:-1]]
    return columns, rows, links[:-1]
