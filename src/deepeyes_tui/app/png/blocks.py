"""Braille and block elements as pixels; neighbours join without gaps."""

from __future__ import annotations

from typing import Final

from deepeyes_tui.app.png.ink import Coverage, Size, disc, nothing, rectangle

BRAILLE: Final = range(0x2800, 0x2900)
BLOCKS: Final = range(0x2580, 0x25A0)
DOTS: Final = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of the dot of each bit of a braille pattern (Unicode 16, chapter 21)."""
DOT: Final = 0.35
"""Radius of a dot, in parts of the room that it has: dots are told apart, and a full row reads as a line."""

WHOLE: Final = (0.0, 0.0, 1.0, 1.0)
HALF_UPPER, HALF_RIGHT = (0.0, 0.0, 1.0, 0.5), (0.5, 0.0, 1.0, 1.0)
EIGHTH_UPPER, EIGHTH_RIGHT = (0.0, 0.0, 1.0, 0.125), (0.875, 0.0, 1.0, 1.0)
RECTANGLES: Final = {
    **{0x2580 + k: (0.0, 1 - k / 8, 1.0, 1.0) for k in range(1, 9)},
    **{0x2590 - k: (0.0, 0.0, k / 8, 1.0) for k in range(1, 8)},
    **{0x2580: HALF_UPPER, 0x2590: HALF_RIGHT, 0x2594: EIGHTH_UPPER, 0x2595: EIGHTH_RIGHT},
}
"""Left, top, right and bottom in parts of the cell."""
SHADES: Final = {0x2591: 0.25, 0x2592: 0.5, 0x2593: 0.75}
QUARTERS: Final = ((0.0, 0.0, 0.5, 0.5), (0.5, 0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 1.0), (0.5, 0.5, 1.0, 1.0))
QUADRANTS: Final = dict(
    enumerate(((2,), (3,), (0,), (0, 2, 3), (0, 3), (0, 1, 2), (0, 1, 3), (1,), (1, 2), (1, 2, 3)), 0x2596)
)
"""Which of the `QUARTERS` are filled."""


def block(code: int, size: Size) -> Coverage:
    """Return a block element, its code one of `BLOCKS`."""
    if code in QUADRANTS:
        return sum((_part(size, QUARTERS[number]) for number in QUADRANTS[code]), nothing(size))
    return _part(size, RECTANGLES.get(code, WHOLE)) * SHADES.get(code, 1)


def braille(code: int, size: Size) -> Coverage:
    """Return a braille pattern, its code one of `BRAILLE`."""
    across, down = size[0] / 2, size[1] / 4
    radius = DOT * min(across, down)
    cell = nothing(size)
    for bit, (column, row) in enumerate(DOTS):
        if code >> bit & 1:
            cell += disc(size, ((column + 0.5) * across, (row + 0.5) * down), radius)
    return cell


def _part(size: Size, edges: tuple[float, float, float, float]) -> Coverage:
    (width, height), (left, top, right, bottom) = size, edges
    return rectangle(size, left * width, top * height, right * width, bottom * height)
