"""Box drawing characters as pixels, after their names: which arms they have, and how heavy each is."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import numpy as np

from deepeyes_tui.app.png.ink import Coverage, Size, nothing, rectangle, stroke

LINES: Final = range(0x2500, 0x2580)
DIAGONALS: Final = {0x2571: (True, False), 0x2572: (False, True), 0x2573: (True, True)}
"""Whether there is a line that rises, and one that falls."""
SIDES: Final = {
    "LEFT": ("left",),
    "RIGHT": ("right",),
    "UP": ("up",),
    "DOWN": ("down",),
    "HORIZONTAL": ("left", "right"),
    "VERTICAL": ("up", "down"),
}
WEIGHTS: Final = {"LIGHT": 1, "SINGLE": 1, "HEAVY": 3, "DOUBLE": 3}
"""In lines of the light weight; a double line is two with one left out between."""
DASHES: Final = {"DOUBLE DASH": 2, "TRIPLE DASH": 3, "QUADRUPLE DASH": 4}
SOLID: Final = 0.6
"""Of a dash and the gap behind it, the part that is the dash."""

Arms = dict[str, str]
"""Side of the cell -> a word of `WEIGHTS`."""


def line(code: int, size: Size) -> Coverage:
    """Return a box drawing character, its code one of `LINES`; lines of neighbours meet."""
    thin = max(round(size[0] / 10), 1)
    if code in DIAGONALS:
        return _diagonals(size, *DIAGONALS[code], thin)
    name = unicodedata.name(chr(code)).removeprefix("BOX DRAWINGS ")
    dashes = re.search("|".join(DASHES), name)
    arms = arms_of(name.replace(dashes[0], "") if dashes else name)
    cell = _arms(size, {side: thin * WEIGHTS[word] for side, word in arms.items()})
    hollow = {side: thin for side, word in arms.items() if word == "DOUBLE"}
    if hollow:
        cell = np.maximum(cell - _arms(size, hollow), _arms(size, dict.fromkeys(arms.keys() - hollow.keys(), thin)))
    return cell * _gaps(size, DASHES[dashes[0]], "left" in arms) if dashes else cell


def arms_of(name: str) -> Arms:
    """Return the arms that a character has by its name, as `DOWN LIGHT AND RIGHT HEAVY`."""
    arms: Arms = {}
    weight = "LIGHT"
    for part in name.split(" AND "):
        words = part.split()
        weight = next((word for word in words if word in WEIGHTS), weight)
        arms.update((side, weight) for word in words for side in SIDES.get(word, ()))
    return arms


def _arms(size: Size, thick: dict[str, int]) -> Coverage:
    """Return arms from the sides to behind the middle, as far as the arms across them reach."""
    (width, height), cell = size, nothing(size)
    upright = max((thick[side] for side in ("up", "down") if side in thick), default=0)
    level = max((thick[side] for side in ("left", "right") if side in thick), default=0)
    for side, weight in thick.items():
        x, y = (width - weight) // 2, (height - weight) // 2
        near_x, near_y = (width - (upright or weight)) // 2, (height - (level or weight)) // 2
        far_x, far_y = near_x + (upright or weight), near_y + (level or weight)
        edges = {
            "left": (0, y, far_x, y + weight),
            "right": (near_x, y, width, y + weight),
            "up": (x, 0, x + weight, far_y),
            "down": (x, near_y, x + weight, height),
        }[side]
        cell = np.maximum(cell, rectangle(size, *edges))
    return cell


def _gaps(size: Size, dashes: int, level: bool) -> Coverage:
    """Return what is kept of a line that is broken into dashes: 1 along a dash, 0 between."""
    length = size[0] if level else size[1]
    kept = ((np.arange(length) + 0.5) * dashes / length % 1 < SOLID).astype(np.float32)
    return kept[None, :] if level else kept[:, None]


def _diagonals(size: Size, rises: bool, falls: bool, thin: int) -> Coverage:
    width, height = size
    cell = nothing(size)
    if rises:
        cell = np.maximum(cell, stroke(size, ((0, height), (width, 0)), thin))
    if falls:
        cell = np.maximum(cell, stroke(size, ((0, 0), (width, height)), thin))
    return cell
