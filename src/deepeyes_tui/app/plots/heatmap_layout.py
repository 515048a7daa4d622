"""Where the filters of a heatmap stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from deepeyes_tui.app.plots.glyphs import Glyphs

HALVES_FROM: Final = 1000
"""From so many filters on, two of them share a cell."""
LARGEST: Final = 4
"""Rows of the largest cell; a cell is twice as wide as high."""
EVEN: Final = 8
"""Rows of cells hold a multiple of this where there is room."""


@dataclass(frozen=True)
class HeatmapLayout:
    """Where filters stand: `columns x rows` blocks of `filters_per_cell` places each, in reading order.

    A block takes `cell_width x cell_height` cells, or, with `half`, `cell_width` columns and half a row.
    """

    filters: int
    columns: int
    rows: int
    cell_width: int
    cell_height: int
    half: bool = False
    filters_per_cell: int = 1

    @property
    def blocks(self) -> int:
        """How many blocks hold filters."""
        return -(-self.filters // self.filters_per_cell) if self.columns else 0

    @property
    def height(self) -> int:
        """Rows of the screen that hold filters."""
        used = -(-self.blocks // self.columns) if self.columns else 0
        return -(-used // 2) if self.half else used * self.cell_height

    def place_at(self, row: int, column: int) -> int | None:
        """Return the (first) place that stands at a cell, None where none does; of two halves the upper."""
        if row < 0 or column < 0 or column >= self.columns * self.cell_width:
            return None
        line = 2 * row if self.half else row // self.cell_height
        block = line * self.columns + column // self.cell_width
        return block * self.filters_per_cell if block < self.blocks else None

    def cell_of(self, place: int) -> tuple[int, int]:
        """Return row and column of the upper left cell of a place's block."""
        if not self.columns:
            return 0, 0
        line, column = divmod(max(place, 0) // self.filters_per_cell, self.columns)
        return (line // 2 if self.half else line * self.cell_height), column * self.cell_width

    def move(self, place: int, dx: int, dy: int, filters: int | None = None) -> int:
        """Return the place `dx` blocks on in reading order and `dy` rows below; never outside `filters`."""
        last = (self.filters if filters is None else min(filters, self.filters)) - 1
        if last < 0 or not self.columns:
            return 0
        step = self.filters_per_cell
        block, last_block = min(max(place, 0), last) // step, last // step
        block = min(max(block + dx, 0), last_block)
        down = block + dy * self.columns
        if down < 0:
            down = down % self.columns
        elif down > last_block:
            lines = (last_block - block) // self.columns
            short_of_end = block // self.columns + lines < last_block // self.columns
            down = last_block if short_of_end else block + lines * self.columns
        return min(down * step, last)


def layout_heatmap(
    filters: int, width: int, height: int, *, glyphs: Glyphs = Glyphs.BRAILLE, colour: bool = True
) -> HeatmapLayout:
    """Fit filters into an area: in large cells, in cells two columns wide, two in a cell, or several in a block.

    Half cells need blocks and colour: without them, cells one column wide come before blocks of several filters.
    """
    if filters <= 0 or width <= 0 or height <= 0:
        return HeatmapLayout(max(filters, 0), 0, 0, 1, 1)
    halves = colour and glyphs is not Glyphs.ASCII
    sizes = [(2 * rows, rows) for rows in range(LARGEST, 0, -1)] + ([] if halves else [(1, 1)])
    if filters < HALVES_FROM or not halves:
        for across, down in sizes:
            columns, rows = width // across, height // down
            if columns * rows >= filters:
                return HeatmapLayout(filters, _even(filters, columns, rows), rows, across, down)
    if halves and (width // 2) * height * 2 >= filters:
        return HeatmapLayout(filters, _even(filters, width // 2, 2 * height), 2 * height, 2, 1, half=True)
    rows = 2 * height if halves else height
    per_cell = math.ceil(filters / (width * rows))
    columns = _even(math.ceil(filters / per_cell), width, rows)
    return HeatmapLayout(filters, columns, rows, 1, 1, halves, per_cell)


def _even(filters: int, columns: int, rows: int) -> int:
    """Return the columns to use: a multiple of `EVEN` if that fits."""
    even = columns - columns % EVEN
    return even if even and even * rows >= filters else columns
