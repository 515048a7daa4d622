"""Marks, arrows and signs as pixels: those that the screen uses and few fonts have alike.

Coordinates: the middle of the cell is 0, 0; half its width is 1; y goes downwards, to 2 at the lower edge.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from deepeyes_tui.app.png.ink import Coverage, Point, Size, disc, nothing, polygon, ring, stroke

Path = tuple[Point, ...]

LEFT: Final[Path] = ((-0.85, 0), (0.85, 0))
TIP_LEFT: Final[Path] = ((-0.3, -0.6), (-0.85, 0), (-0.3, 0.6))
TIP_RIGHT: Final[Path] = ((0.3, -0.6), (0.85, 0), (0.3, 0.6))
UPRIGHT: Final[Path] = ((0, -1.2), (0, 1.2))
TIP_UP: Final[Path] = ((-0.6, -0.6), (0, -1.2), (0.6, -0.6))
TIP_DOWN: Final[Path] = ((-0.6, 0.6), (0, 1.2), (0.6, 0.6))

STROKES: Final[dict[str, tuple[Path, ...]]] = {
    "\N{MULTIPLICATION SIGN}": (((-0.6, -0.6), (0.6, 0.6)), ((-0.6, 0.6), (0.6, -0.6))),
    "✗": (((-0.7, -1), (0.7, 1)), ((-0.7, 1), (0.7, -1))),
    "✓": (((-0.8, 0.2), (-0.25, 0.9), (0.8, -0.9)),),
    "\N{MINUS SIGN}": (((-0.7, 0), (0.7, 0)),),
    "\N{EN DASH}": (((-0.7, 0), (0.7, 0)),),
    "—": (((-1, 0), (1, 0)),),
    "‖": (((-0.4, -1.2), (-0.4, 1.2)), ((0.4, -1.2), (0.4, 1.2))),
    "←": (LEFT, TIP_LEFT),
    "→": (LEFT, TIP_RIGHT),
    "↔": (LEFT, TIP_LEFT, TIP_RIGHT),
    "↑": (UPRIGHT, TIP_UP),
    "↓": (UPRIGHT, TIP_DOWN),
    "↕": (UPRIGHT, TIP_UP, TIP_DOWN),
    "≤": (((0.7, -0.9), (-0.7, -0.2), (0.7, 0.5)), ((-0.7, 0.95), (0.7, 0.95))),
    "≥": (((-0.7, -0.9), (0.7, -0.2), (-0.7, 0.5)), ((-0.7, 0.95), (0.7, 0.95))),
    "≠": (((-0.7, -0.3), (0.7, -0.3)), ((-0.7, 0.3), (0.7, 0.3)), ((-0.4, 0.9), (0.4, -0.9))),
    "≈": tuple(((-0.7, y + 0.15), (-0.3, y - 0.15), (0.3, y + 0.15), (0.7, y - 0.15)) for y in (-0.3, 0.35)),
    "∅": (((-0.65, 0.85), (0.65, -0.85)),),
}
CIRCLES: Final[dict[str, tuple[tuple[float, float, float], ...]]] = {
    "○": ((0, 0, 0.65),),
    "∅": ((0, 0, 0.6),),
    "∞": ((-0.42, 0, 0.42), (0.42, 0, 0.42)),
}
"""Middle and radius of lines that are circles."""
DISCS: Final = {"●": 0.8, "•": 0.45, "·": 0.25}
POLYGONS: Final[dict[str, Path]] = {
    "■": ((-0.75, -0.75), (0.75, -0.75), (0.75, 0.75), (-0.75, 0.75)),
    "▪": ((-0.4, -0.4), (0.4, -0.4), (0.4, 0.4), (-0.4, 0.4)),
    "▲": ((0, -0.85), (0.95, 0.85), (-0.95, 0.85)),
    "▼": ((-0.95, -0.85), (0.95, -0.85), (0, 0.85)),
    "▶": ((-0.8, -0.95), (0.9, 0), (-0.8, 0.95)),
    "◀": ((0.8, -0.95), (0.8, 0.95), (-0.9, 0)),
    "▴": ((0, -0.55), (0.6, 0.5), (-0.6, 0.5)),
    "▾": ((-0.6, -0.5), (0.6, -0.5), (0, 0.55)),
    "▸": ((-0.5, -0.75), (0.65, 0), (-0.5, 0.75)),
    "◂": ((0.5, -0.75), (0.5, 0.75), (-0.65, 0)),
    "◆": ((0, -0.95), (0.95, 0), (0, 0.95), (-0.95, 0)),
}
SYMBOLS: Final = frozenset(map(ord, STROKES | CIRCLES | DISCS | POLYGONS))
THICKNESS: Final = 0.14
"""Of a line, in widths of a cell."""


def symbol(code: int, size: Size) -> Coverage:
    """Return a sign, its code one of `SYMBOLS`."""
    character, unit = chr(code), min(size[0] / 2, size[1] / 4)
    thickness = max(2 * unit * THICKNESS, 1)

    def at(x: float, y: float) -> Point:
        return size[0] / 2 + x * unit, size[1] / 2 + y * unit

    parts = [stroke(size, [at(*point) for point in path], thickness) for path in STROKES.get(character, ())]
    parts += [ring(size, at(x, y), radius * unit, thickness) for x, y, radius in CIRCLES.get(character, ())]
    if character in DISCS:
        parts.append(disc(size, at(0, 0), DISCS[character] * unit))
    if character in POLYGONS:
        parts.append(polygon(size, [at(*point) for point in POLYGONS[character]]))
    together: Coverage = np.maximum.reduce([nothing(size), *parts])
    return together
