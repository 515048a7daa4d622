"""A heatmap of filters: a cell a filter, coloured by a value, sized by how recent it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.app.plots.canvas import BLANK, CONTINUED, Canvas
from deepeyes_tui.app.plots.cells import Templates, templates
from deepeyes_tui.app.plots.glyphs import ALWAYS_ON, DEAD, Glyphs
from deepeyes_tui.app.plots.heatmap_layout import HeatmapLayout, layout_heatmap
from deepeyes_tui.app.plots.inks import FADED, FADES, LEVELS, TEXT_FROM, Ink, Look
from deepeyes_tui.app.plots.legend import draw_legend
from deepeyes_tui.app.plots.raster import HALVES

__all__ = ["HeatmapLayout", "draw_heatmap", "draw_legend", "layout_heatmap"]

Float = NDArray[np.float64]
Flag = NDArray[np.bool_]
Places = NDArray[np.intp]
Cells = NDArray[np.uint8]

OLD: Final = 0.5
"""Below this reliability a glyph that says a value is dimmed."""
FLANK: Final = 2
"""Columns at either side of a half cell that point at it."""
ON_EITHER: Final = {(True, False): "▲", (False, True): "▼", (True, True): "!"}
"""The mark of a cell whose upper, lower, or both filters are always on."""


@dataclass(frozen=True)
class Blocks:
    """What each block shows, `(N,)` each: `level` of the ramp (-1: not known), reliability in `[0, 1]`, marks."""

    level: Places
    reliability: Float
    dead: Flag
    always_on: Flag
    marked: Flag


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
    filters are crosses, in half cells holes; filters that are always on carry a triangle, marked ones stand on a
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
    blocks = _blocks(value, layout, order, top, reliability, dead, always_on, marked)
    at = None if cursor is None or not 0 <= cursor < layout.filters else cursor // layout.filters_per_cell
    if not layout.half:
        shapes = templates(layout.cell_width, layout.cell_height, glyphs, colour)
        _draw_cells(canvas, layout, blocks, ramp, at, shapes)
    elif colour and glyphs is not Glyphs.ASCII:
        _draw_halves(canvas, layout, blocks, ramp, at, glyphs)
    else:
        _draw_joined(canvas, layout, blocks, ramp, at, templates(layout.cell_width, 1, glyphs, colour))
    return canvas


def _sized(values: ArrayLike, size: int, dtype: Any) -> NDArray[Any]:
    """Return an array of exactly `size` values, filled with zeros."""
    given = np.asarray(values).ravel()[:size].astype(dtype)
    return given if given.size == size else np.append(given, np.zeros(size - given.size, dtype))


def _blocks(
    value: Float,
    layout: HeatmapLayout,
    order: ArrayLike,
    top: float,
    reliability: ArrayLike,
    dead: ArrayLike,
    always_on: ArrayLike,
    marked: ArrayLike,
) -> Blocks:
    size, per = value.size, layout.filters_per_cell
    places = np.asarray(order).ravel()
    if places.size != size or places.dtype.kind not in "iu" or places.min() < 0 or places.max() >= size:
        places = np.arange(size)
    flags = [_sized(flag, size, bool)[places] for flag in (dead, always_on, marked)]
    value, recent = value[places], np.clip(np.nan_to_num(_sized(reliability, size, np.float64)[places]), 0, 1)
    if per > 1:
        starts = np.arange(0, size, per)
        count = np.diff(np.append(starts, size))
        known = np.isfinite(value)
        with np.errstate(all="ignore"):
            value = np.add.reduceat(np.where(known, value, 0.0), starts) / np.add.reduceat(known.astype(float), starts)
        recent = np.add.reduceat(recent, starts) / count
        sums = [np.add.reduceat(flag.astype(np.intp), starts) for flag in flags]
        flags = [2 * sums[0] > count, 2 * sums[1] > count, sums[2] > 0]
    return Blocks(_levels(value, top), recent, *flags)


def _levels(value: Float, top: float) -> Places:
    """Return the level of each value, -1 for NaN."""
    with np.errstate(all="ignore"):
        place = value / top * LEVELS if math.isfinite(top) and top > 0 else np.where(np.isnan(value), np.nan, 0.0)
    known = ~np.isnan(value)
    return np.where(known, np.clip(np.nan_to_num(place), 0, LEVELS - 1), -1).astype(np.intp)


def _draw_cells(
    canvas: Canvas, layout: HeatmapLayout, blocks: Blocks, ramp: int, cursor: int | None, shapes: Templates
) -> None:
    """Draw a template a block: `(N, h, w)` arrays, put into their places at the end."""
    high, wide = layout.cell_height, layout.cell_width
    row, column = (high - 1) // 2, (wide - 1) // 2
    known, on = blocks.level >= 0, blocks.always_on & ~blocks.dead
    glyph = shapes.pick(blocks.level, blocks.reliability, blocks.marked)
    level = TEXT_FROM + blocks.level * (LEVELS - TEXT_FROM) // LEVELS if shapes.by_value else blocks.level
    shade = np.where(known, ramp + level, int(Ink.MUTED)).astype(np.uint8)
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
        ink[on, row, column] = _readable(blocks.level[on])
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


def _readable(level: NDArray[Any]) -> Places:
    """Return the ink of a text on a level of a ramp."""
    return np.where(level < LEVELS // 2, int(Ink.ON_LOW), int(Ink.ON_HIGH))


def _draw_halves(
    canvas: Canvas, layout: HeatmapLayout, blocks: Blocks, ramp: int, cursor: int | None, glyphs: Glyphs
) -> None:
    """Draw two lines of blocks a row. In cells two columns wide, marks take the left column, colours keep the right."""
    wide = layout.cell_width
    shades = _pairs(_shades(blocks, ramp), layout)  # (R, 2, C)
    marked, dead = _pairs(blocks.marked, layout), _pairs(blocks.dead, layout)
    on = _pairs(blocks.always_on & ~blocks.dead, layout)
    image = np.repeat(shades, wide, axis=2)
    image[:, :, ::wide][marked] = Ink.MARKED
    upper, lower = image[:, 0], image[:, 1]
    own = Canvas(image.shape[2], image.shape[0])
    own.glyph[:] = HALVES[(upper > 0) + 2 * ((upper == 0) & (lower > 0))]
    own.ink[:] = np.where(upper > 0, upper, lower)
    own.ground[:] = np.where(upper > 0, lower, 0)
    crossed = dead[:, 0] | dead[:, 1]
    _triangles(own, wide, shades, on & ~crossed[:, None])
    _crosses(own, wide, shades.max(axis=1)[crossed], (marked[:, 0] | marked[:, 1])[crossed], crossed, glyphs)
    canvas.paste(own, 0, 0)
    if cursor is not None:
        _flanks(canvas, layout, cursor)


def _crosses(own: Canvas, wide: int, living: Cells, marked: Flag, crossed: Flag, glyphs: Glyphs) -> None:
    """Mark cells with dead filters; in cells one column wide, the ground is the colour of the living half."""
    ground = living if wide == 1 else np.zeros_like(living)
    own.glyph[:, ::wide][crossed] = ord(DEAD[glyphs])
    own.ink[:, ::wide][crossed] = np.where(ground > 0, _readable(ground % LEVELS), int(Ink.DOWN))
    own.ground[:, ::wide][crossed] = np.where(marked, int(Ink.SELECTED), ground)


def _triangles(own: Canvas, wide: int, shades: Cells, on: Flag) -> None:
    """Mark cells with filters that are always on: the triangle points to the half, its ground is that half's colour."""
    for (upper, lower), mark in ON_EITHER.items():
        here = (on[:, 0] == upper) & (on[:, 1] == lower)
        shade = shades[:, 0 if upper else 1][here]
        own.glyph[:, ::wide][here] = ord(mark)
        own.ground[:, ::wide][here] = shade
        own.ink[:, ::wide][here] = np.where(shade < Ink.LABEL, _readable(shade % LEVELS), int(Ink.WARNING))


def _shades(blocks: Blocks, ramp: int) -> Cells:
    """Return the ink of each block, `(N,)`: fainter the less reliable it is, nothing for dead ones."""
    step = np.minimum((blocks.reliability * (FADES + 1)).astype(np.intp), FADES)
    first = np.where(step == FADES, ramp, FADED[Ink(ramp)] + step * LEVELS)
    shade = np.where(blocks.level >= 0, first + blocks.level, int(Ink.FAINT))
    return np.where(blocks.dead, 0, shade).astype(np.uint8)


def _pairs(values: NDArray[Any], layout: HeatmapLayout) -> NDArray[Any]:
    """Return the upper and lower half of each cell, `(R, 2, C)`; nothing behind the last block."""
    rows = -(-values.size // (2 * layout.columns))
    whole = np.zeros(2 * rows * layout.columns, values.dtype)
    whole[: values.size] = values
    return whole.reshape(rows, 2, layout.columns)


def _flanks(canvas: Canvas, layout: HeatmapLayout, cursor: int) -> None:
    """Point at a half cell from both sides: bright halves on a dark ground, level with it."""
    line, column = divmod(cursor, layout.columns)
    glyph = "▄" if line % 2 else "▀"
    for place in (column * layout.cell_width - FLANK, (column + 1) * layout.cell_width):
        canvas.text(line // 2, place, glyph * FLANK, Ink.POINTER, ground=Ink.ON_CURSOR)


def _draw_joined(
    canvas: Canvas, layout: HeatmapLayout, blocks: Blocks, ramp: int, cursor: int | None, shapes: Templates
) -> None:
    """Draw a layout of half cells where they cannot be drawn: each cell shows the higher value of its two."""
    columns = layout.columns
    lines, rest = divmod(blocks.level.size, columns)
    count = lines // 2 * columns + (columns if lines % 2 else rest)
    upper = np.arange(count) // columns * 2 * columns + np.arange(count) % columns
    lower = np.where(upper + columns < blocks.level.size, upper + columns, upper)
    joined = Blocks(
        np.maximum(blocks.level[upper], blocks.level[lower]),
        np.maximum(blocks.reliability[upper], blocks.reliability[lower]),
        blocks.dead[upper] & blocks.dead[lower],
        blocks.always_on[upper] | blocks.always_on[lower],
        blocks.marked[upper] | blocks.marked[lower],
    )
    if cursor is not None:
        cursor = cursor // columns // 2 * columns + cursor % columns
    whole = HeatmapLayout(count, columns, -(-count // columns), layout.cell_width, 1)
    _draw_cells(canvas, whole, joined, ramp, cursor, shapes)
