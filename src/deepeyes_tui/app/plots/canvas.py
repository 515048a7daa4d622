"""A grid of character cells that plots draw on and widgets turn into strips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from deepeyes_tui.app.plots.inks import Ink, Look

StyleOf = Callable[[int, int, int], Style]
"""Ink of the glyph, ink of the background (DEFAULT: the widget's own), look -> a style from a table."""

BLANK = ord(" ")
CONTINUED = 0


class Canvas:
    """`height x width` cells. Arrays `glyph (H, W) uint32`, `ink`, `ground`, `look (H, W) uint8` may be written to.

    A glyph two cells wide is followed by a cell `CONTINUED`.
    """

    __slots__ = ("glyph", "ground", "ink", "look")

    def __init__(self, width: int, height: int) -> None:
        shape = (max(height, 0), max(width, 0))
        self.glyph: NDArray[np.uint32] = np.full(shape, BLANK, np.uint32)
        self.ink: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.ground: NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.look: NDArray[np.uint8] = np.zeros(shape, np.uint8)

    @property
    def width(self) -> int:
        """Columns."""
        return self.glyph.shape[1]

    @property
    def height(self) -> int:
        """Rows."""
        return self.glyph.shape[0]

    def text(
        self, row: int, column: int, text: str, ink: int = Ink.DEFAULT, look: int = Look.PLAIN, ground: int = Ink.DEFAULT
    ) -> int:
        """Write `text` from a cell on, cut at the edges; return the column behind it."""
        for character in text:
            wide = cell_len(character)
            if wide == 0 or character < " ":
                continue
            if 0 <= row < self.height and column >= 0 and column + wide <= self.width:
                here = slice(column, column + wide)
                self.glyph[row, here] = CONTINUED
                self.glyph[row, column] = ord(character)
                self.ink[row, here], self.look[row, here], self.ground[row, here] = ink, look, ground
            column += wide
        return column

    def paste(self, other: Canvas, row: int, column: int) -> None:
        """Copy another canvas onto this one, its upper left corner at a cell, cut at the edges."""
        height, width = min(other.height, self.height - row), min(other.width, self.width - column)
        if height <= 0 or width <= 0:
            return
        here, there = np.s_[row : row + height, column : column + width], np.s_[:height, :width]
        for name in self.__slots__:
            getattr(self, name)[here] = getattr(other, name)[there]

    def lines(self) -> list[str]:
        """Return the rows as plain text, for tests, text twins and terminals without colour."""
        return ["".join(map(chr, row[row != CONTINUED])) for row in self.glyph]

    def strips(self, style_of: StyleOf) -> list[Strip]:
        """Return a strip a row; runs of cells that look the same share one segment."""
        key = self.ink.astype(np.uint32) | self.ground.astype(np.uint32) << 8 | self.look.astype(np.uint32) << 16
        return [self._strip(row, style_of, key) for row in range(self.height)]

    def _strip(self, row: int, style_of: StyleOf, key: NDArray[np.uint32]) -> Strip:
        keys, glyphs = key[row], self.glyph[row]
        ends = [*(np.flatnonzero(np.diff(keys)) + 1).tolist(), self.width]
        segments, start = [], 0
        for end in ends:
            run = glyphs[start:end]
            k = int(keys[start]) if self.width else 0
            text = "".join(map(chr, run[run != CONTINUED].tolist()))
            segments.append(Segment(text, style_of(k & 255, k >> 8 & 255, k >> 16)))
            start = end
        return Strip(segments, self.width)

    def changed_rows(self, before: Canvas | None) -> NDArray[np.intp]:
        """Return the numbers of the rows that differ from another canvas: all of them if its size does."""
        if before is None or before.glyph.shape != self.glyph.shape:
            return np.arange(self.height)
        differs = np.zeros(self.height, bool)
        for name in self.__slots__:
            differs |= (getattr(self, name) != getattr(before, name)).any(axis=1)
        return np.flatnonzero(differs)
