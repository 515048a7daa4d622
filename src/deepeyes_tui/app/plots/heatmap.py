"""A heatmap of filters: a cell a filter, coloured by a value, sized by how recent it is."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.app.plots.blocks import Blocks, joined_blocks, make_blocks, readable_ink
from deepeyes_tui.app.plots.canvas import BLANK, CONTINUED, Canvas
from deepeyes_tui.app.plots.cells import Templates, templates
from deepeyes_tui.app.plots.glyphs import ALWAYS_ON, DEAD, Glyphs
from deepeyes_tui.app.plots.halves import draw_halves
from deepeyes_tui.app.plots.heatmap_layout import HeatmapLayout, layout_heatmap
from deepeyes_tui.app.plots.inks import LEVELS, TEXT_FROM, Ink, Look
from deepeyes_tui.app.plots.legend import draw_legend

__all__ = ["HeatmapLayout", "draw_heatmap", "draw_legend", "layout_heatmap"]

OLD: Final = 0.5
"""Below this reliability a glyph that says a value is dimmed."""

UPPER_HALF: Final = "▀"


def draw_heatmap(
    width: int,
    height: int,
    values: ArrayLike,
    *,
    reliability: ArrayLike,
    ramp: int,
    order: ArrayLike,
    top: float,
    dead: ArrayLike,
    always_on: ArrayLike,
    marked: ArrayLike,
    cursor: int | None,
    glyphs: Glyphs = Glyphs.BRAILLE,
    layout: HeatmapLayout | None = None,
    colour: bool = True,
) -> Canvas:
    """Draw `values (F,)` in the order `order (F,)`, `top` at the high end of `ramp`; the other arrays are `(F,)` too.

    Colour says the value, the size of the square (in half cells: nearness to the background) the reliability. Dead
    filters are crosses; filters that are always on carry a triangle, marked ones stand on a
    selected ground, the cursor has brackets. Without colour, and in ASCII, the glyph says the value (the height of
    its bar, or how dense it is) and old values are dim. A block of several filters shows the mean of what is known,
    the state of more than half of them, and is marked if one of them is.
    """
    canvas = Canvas(width, height)
    value = np.asarray(values, np.float64).ravel()
    if layout is None or layout.filters != value.size:
        layout = layout_heatmap(value.size, width, height, glyphs=glyphs, colour=colour)
    if not layout.blocks or not canvas.width or not canvas.height:
        return canvas
    blocks = make_blocks(value, layout, order, top, reliability, dead, always_on, marked)
    at = None if cursor is None or not 0 <= cursor < layout.filters else cursor // layout.filters_per_cell
    if not layout.half:
        shapes = templates(layout.cell_width, layout.cell_height, glyphs, colour)
        _draw_cells(canvas, layout, blocks, ramp, at, shapes)
    elif colour and glyphs is not Glyphs.ASCII:
        draw_halves(canvas, layout, blocks, ramp, at, glyphs)
    else:
        layout, blocks, at = joined_blocks(layout, blocks, at)
        _draw_cells(canvas, layout, blocks, ramp, at, templates(layout.cell_width, 1, glyphs, colour))
    return canvas


def _draw_cells(
    canvas: Canvas, layout: HeatmapLayout, blocks: Blocks, ramp: int, cursor: int | None, shapes: Templates
) -> None:
    """Draw a template a block: `(N, h, w)` arrays, put into their places at the end."""
    high, wide = layout.cell_height, layout.cell_width
    row, column = (high - 1) // 2, (wide - 1) // 2
    known, on = blocks.level >= 0, blocks.always_on & ~blocks.dead
    glyph = shapes.pick(blocks.level, blocks.reliability, blocks.marked)
    level = TEXT_FROM + blocks.level * (LEVELS - TEXT_FROM) // LEVELS if shapes.by_value else blocks.level
    shade = np.where(known, ramp + level, int(Ink.MUTED)).astype(np.uint16)
    ink = np.repeat(shade, high * wide).reshape(glyph.shape)
    ground, look = np.zeros_like(ink), np.zeros_like(ink)
    ground[blocks.marked] = Ink.SELECTED
    glyph[on, row, column] = ord(ALWAYS_ON[shapes.glyphs])
    if shapes.by_value:
        look[blocks.reliability < OLD] = Look.DIM
        look[on, row, column] = Look.BOLD
        ink[on, row, column] = Ink.WARNING
    else:
        ground[on, row, column] = shade[on]
        ink[on, row, column] = readable_ink(blocks.level[on])
    glyph[blocks.dead] = ord(" ")
    glyph[blocks.dead, row, column] = ord(DEAD[shapes.glyphs])
    ink[blocks.dead] = Ink.DOWN
    look[blocks.dead] = Look.PLAIN
    if cursor is not None and wide > 1:
        special = bool(blocks.dead[cursor] or on[cursor]) and wide == 2
        mark = glyph[cursor, row, 0] if special else ord("]")
        ground[cursor, :, 0] = ground[cursor, :, -1] = Ink.CURSOR
        look[cursor] = Look.UNDERLINE if blocks.marked[cursor] else Look.PLAIN
        glyph[cursor, :, 0], glyph[cursor, :, -1] = ord("["), ord("]")
        glyph[cursor, row, -1] = mark
        ink[cursor, :, 0] = ink[cursor, :, -1] = Ink.ON_CURSOR
        if high > 1 and not shapes.by_value:  # a square ends in the middle of its last row
            ends = np.s_[cursor, -1, :: wide - 1]
            glyph[ends], ink[ends] = ord(UPPER_HALF), Ink.POINTER
            ground[ends] = Ink.SELECTED if blocks.marked[cursor] else Ink.DEFAULT
    _put(canvas, layout, glyph, ink, ground, look)
    if cursor is not None and wide == 1:
        _brackets(canvas, *divmod(cursor, layout.columns))


def _put(canvas: Canvas, layout: HeatmapLayout, *cells: NDArray[Any]) -> None:
    """Put glyphs, inks, grounds and looks `(N, h, w)` of all blocks into their places, cut at the edges."""
    count, high, wide = cells[0].shape
    lines = -(-count // layout.columns)
    own = Canvas(layout.columns * wide, lines * high)
    targets: tuple[NDArray[Any], ...] = own.glyph, own.ink, own.ground, own.look
    for target, source in zip(targets, cells, strict=True):
        whole = np.zeros((lines * layout.columns, high, wide), source.dtype)
        whole[:count] = source
        whole = whole.reshape(lines, layout.columns, high, wide).transpose(0, 2, 1, 3)
        target[:] = whole.reshape(target.shape)
    own.glyph[own.glyph == CONTINUED] = BLANK
    canvas.paste(own, 0, 0)


def _brackets(canvas: Canvas, row: int, column: int) -> None:
    """Point at a cell one column wide from its neighbours' cells."""
    if row < canvas.height and column < canvas.width:
        canvas.ground[row, column] = Ink.CURSOR
        canvas.ink[row, column] = Ink.ON_CURSOR
    for place, bracket in ((column - 1, "["), (column + 1, "]")):
        canvas.text(row, place, bracket, Ink.ON_CURSOR, ground=Ink.CURSOR)
