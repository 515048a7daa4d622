"""Letters as pixels, with the font that comes with Pillow; what it lacks is a box."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from deepeyes_tui.app.png.ink import Coverage, Point, Size, disc, nothing, stroke

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

BASELINE: Final = 0.3125
"""From the middle of the cell to the line that letters stand on, in sizes of the font."""
SHARPER: Final = 6
"""How many times larger a letter is drawn that is then made narrower."""
NARROW, NARROW_BOLD = 1, 4
"""What such a letter's lines gain on each side before, so that they are not thinner than others."""
NO_CHARACTER: Final = "\U0010ffff"
"""Stands for nothing in any font: it gives the font's sign of what it lacks."""
ACCENTS: Final[dict[str, tuple[tuple[Point, ...], ...]]] = {
    "\u0300": (((-0.5, -0.4), (0.3, 0.4)),),
    "\u0301": (((0.5, -0.4), (-0.3, 0.4)),),
    "\u0302": (((-0.6, 0.4), (0, -0.4), (0.6, 0.4)),),
    "\u0303": (((-0.7, 0.3), (-0.3, -0.2), (0.3, 0.2), (0.7, -0.3)),),
    "\u0304": (((-0.6, 0), (0.6, 0)),),
    "\u0307": (((0, 0), (0, 0)),),
    "\u0308": (((-0.5, 0), (-0.5, 0)), ((0.5, 0), (0.5, 0))),
    "\u030a": (((-0.4, 0), (0, -0.5), (0.4, 0), (0, 0.5), (-0.4, 0)),),
    "\u030c": (((-0.6, -0.4), (0, 0.4), (0.6, -0.4)),),
    "\u0327": (((0, -0.5), (0.2, 0), (-0.3, 0.5)),),
}
"""Combining character -> lines around its middle, in half widths of a cell; y goes downwards."""
BELOW: Final = frozenset("\u0327")
ACCENT_ROOM: Final = 0.2
"""From a letter to the middle of its accent, in widths of a cell."""


def letter(character: str, size: Size, bold: bool = False) -> Coverage:
    """Return a character in the middle of a cell; nothing for one that is blank or has no shape of its own."""
    if unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Me"):
        return nothing(size)
    if unicodedata.decomposition(character).startswith("<wide>"):
        character = unicodedata.normalize("NFKC", character)
    base, *accents = list(unicodedata.normalize("NFD", character))
    if not _known(base, _points(size)) or not ACCENTS.keys() >= set(accents):
        return unknown(size)
    cell = _letter(base, size, bold)
    for accent in accents:
        cell = np.maximum(cell, _accent(accent, cell, size))
    return cell


def unknown(size: Size) -> Coverage:
    """Return the box for what cannot be shown."""
    width, height = size
    left, top, right, bottom = 1.5, height * 0.2 + 0.5, width - 1.5, height * 0.8 - 0.5
    return stroke(size, ((left, top), (right, top), (right, bottom), (left, bottom), (left, top)), 1)


def _points(size: Size) -> int:
    """Return the size of the font for a cell: its figures fill it, and what hangs below the line is inside."""
    return max(int(min(size[0] * 1.6, size[1] * 0.8)), 1)


@lru_cache(maxsize=8)
def _font(points: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(points)


@lru_cache(maxsize=4096)
def _known(character: str, points: int) -> bool:
    font = _font(points)
    return bytes(font.getmask(character)) != bytes(font.getmask(NO_CHARACTER))


def _letter(character: str, size: Size, bold: bool) -> Coverage:
    """Return a letter; one that is wider than the cell is made narrower, so that a gap of a pixel stays."""
    from PIL.Image import Resampling

    width, height = size
    ink = _sheet(character, size)
    narrow = ink.width >= width
    if narrow:
        large = _sheet(character, (SHARPER * width, SHARPER * height), NARROW_BOLD if bold else NARROW)
        ink = large.resize((width - 1, height), resample=Resampling.BOX)
    cell, left = nothing(size), (width - ink.width + 1) // 2
    cell[:, left : left + ink.width] = np.asarray(ink, np.float32) / 255
    if bold and not narrow:
        cell[:, 1:] = np.maximum(cell[:, 1:], cell[:, :-1].copy())
    return cell


def _sheet(character: str, size: Size, outline: int = 0) -> Image:
    """Return a letter as high as its cell and as wide as its ink; `outline` makes its lines wider on each side."""
    from PIL import Image, ImageDraw

    points, height = _points(size), size[1]
    sheet = Image.new("L", (4 * points, height))
    start = points, height / 2 + points * BASELINE
    ImageDraw.Draw(sheet).text(start, character, 255, _font(points), anchor="ls", stroke_width=outline)
    inked = sheet.getbbox() or (0, 0, 1, 0)
    return sheet.crop((inked[0], 0, inked[2], height))


def _accent(accent: str, letter: Coverage, size: Size) -> Coverage:
    rows = np.flatnonzero(letter.any(axis=1))
    room, unit = ACCENT_ROOM * size[0], size[0] / 2
    y = rows[-1] + room if accent in BELOW else rows[0] - room
    moved = [[(unit + dx * unit, y + dy * unit * 0.8) for dx, dy in path] for path in ACCENTS[accent]]
    parts = [
        disc(size, path[0], 1) if path[0] == path[-1] and len(path) == 2 else stroke(size, path, 1.2) for path in moved
    ]
    together: Coverage = np.maximum.reduce(parts)
    return together
