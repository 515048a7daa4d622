"""A grid of character cells that plots draw on and widgets turn into strips."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from deepeyes_tui.app.plots.inks import INK_BITS, MOST_INKS, Ink, Look

StyleOf = Callable[[int, int, int], Style]
"""Ink of the glyph, ink of the background (DEFAULT: the widget's own), look -> a style from a table."""

BLANK = ord(" ")
CONTINUED = 0
WIDE_MARK = chr(CONTINUED)


def style_parts(key: int) -> tuple[int, int, int]:
    """Return ink, ground and look of a number from `Canvas.style_keys`."""
    return key & MOST_INKS - 1, key >> INK_BITS & MOST_INKS - 1, key >> 2 * INK_BITS


@lru_cache(maxsize=4096)
def _single_width(text: str) -> bool:
    """Return whether each character takes one cell."""
    return all(character >= " " and cell_len(character) == 1 for character in text)


class Canvas:
    """`height x width` cells. Arrays `glyph (H, W) uint32`, `ink`, `ground (H, W) uint16`, `look (H, W) uint8` may be
    written to.

    A glyph two cells wide is followed by a cell `CONTINUED`.
    """

    __slots__ = ("glyph", "ground", "ink", "look")

    def __init__(self, width: int, height: int) -> None:
        shape = (max(height, 0), max(width, 0))
        self.glyph: NDArray[np.uint32] = np.full(shape, BLANK, np.uint32)
        self.ink: NDArray[np.uint16] = np.zeros(shape, np.uint16)
        self.ground: NDArray[np.uint16] = np.zeros(shape, np.uint16)
        self.look: NDArray[np.uint8] = np.zeros(shape, np.uint8)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.glyph.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.glyph.shape[0])

    def text(
        self,
        row: int,
        column: int,
        text: str,
        ink: int = Ink.DEFAULT,
        look: int = Look.PLAIN,
        ground: int = Ink.DEFAULT,
    ) -> int:
        """Write `text` from a cell on, cut at the edges; return the column behind it."""
        if _single_width(text):
            codes = np.frombuffer(text.encode("utf-32-le"), "<u4")
            first, last = max(column, 0), min(column + codes.size, self.width)
            self._write(row, first, last, codes[first - column : last - column], (ink, look, ground))
            return column + codes.size
        for character in text:
            wide = cell_len(character)
            if wide == 0 or character < " ":
                continue
            if column >= 0 and column + wide <= self.width:
                self._write(row, column, column + wide, [ord(character), CONTINUED][:wide], (ink, look, ground))
            column += wide
        return column

    def _write(self, row: int, first: int, last: int, glyphs: ArrayLike, style: tuple[int, int, int]) -> None:
        if not (0 <= row < self.height and first < last):
            return
        self._part(row, first)
        self._part(row, last)
        here = slice(first, last)
        self.glyph[row, here] = glyphs
        self.ink[row, here], self.look[row, here], self.ground[row, here] = style

    def _part(self, row: int, column: int) -> None:
        """Blank a wide glyph that lies across the left edge of a cell."""
        if 0 < column < self.width and self.glyph[row, column] == CONTINUED:
            self.glyph[row, column - 1 : column + 1] = BLANK

    def paste(self, other: Canvas, row: int, column: int) -> None:
        """Copy another canvas onto this one, its upper left corner at a cell, cut at the edges."""
        top, left = max(row, 0), max(column, 0)
        bottom, right = min(row + other.height, self.height), min(column + other.width, self.width)
        if bottom <= top or right <= left:
            return
        for line in range(top, bottom):
            self._part(line, left)
            self._part(line, right)
        here, there = np.s_[top:bottom, left:right], np.s_[top - row : bottom - row, left - column : right - column]
        for name in self.__slots__:
            getattr(self, name)[here] = getattr(other, name)[there]

    def lines(self) -> list[str]:
        """Return the rows as plain text, for tests, text twins and terminals without colour."""
        return ["".join(map(chr, row[row != CONTINUED])) for row in self.glyph]

    def style_keys(self) -> NDArray[np.uint32]:
        """Return how each cell looks as one number, `(H, W)`; `style_parts` takes it apart."""
        keys: NDArray[np.uint32] = self.look.astype(np.uint32)
        for part in (self.ground, self.ink):
            keys <<= np.uint32(INK_BITS)
            keys |= part
        return keys

    def strips(self, style_of: StyleOf) -> list[Strip]:
        """Return a strip a row; runs of cells that look the same share one segment."""
        if not self.width:
            return [Strip([], 0) for _ in range(self.height)]
        key = self.style_keys()
        styles = {k: style_of(*style_parts(k)) for k in np.unique(key).tolist()}
        return [self._strip(row, styles, key[row]) for row in range(self.height)]

    def _strip(self, row: int, styles: dict[int, Style], keys: NDArray[np.uint32]) -> Strip:
        text = self.glyph[row].astype("<u4").tobytes().decode("utf-32-le", "replace")
        starts = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist()]
        runs = zip(starts, [*starts[1:], self.width], keys[starts].tolist(), strict=True)
        segments = [Segment(text[start:end], styles[k]) for start, end, k in runs]
        if WIDE_MARK in text:
            segments = [Segment(segment.text.replace(WIDE_MARK, ""), segment.style) for segment in segments]
        return Strip(segments, self.width)

    def changed_rows(self, before: Canvas | None) -> NDArray[np.intp]:
        """Return the numbers of the rows that differ from another canvas: all of them if its size does."""
        if before is None or before.glyph.shape != self.glyph.shape:
            return np.arange(self.height)
        differs = np.zeros(self.height, bool)
        for name in self.__slots__:
            differs |= (getattr(self, name) != getattr(before, name)).any(axis=1)
        return np.flatnonzero(differs)
