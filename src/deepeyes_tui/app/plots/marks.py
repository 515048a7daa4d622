"""What is drawn over a map without hiding its points: lines between them, the cursor, the rectangle of a brush."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.app.plots.canvas import BLANK, Canvas
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.raster import DOTS, bit_glyphs, cell_bits, path
from deepeyes_tui.app.plots.view import Cell, Float, View, as_points, units

BOXES: Final = {Glyphs.BRAILLE: "┌─┐│└┘", Glyphs.BLOCK: "┌─┐│└┘", Glyphs.ASCII: "+-+|++"}
"""Corners and sides: upper left, across, upper right, down, lower left, lower right."""
JOINT: Final = "▪"
"""A cell that is filled, where its ground is needed for a mark."""
FULL: Final = ord("█")
HALF_BLOCKS: Final = (ord("▀"), ord("▄"))
GROUNDS: Final = (Ink.DEFAULT, Ink.BRUSH, Ink.BRUSH_EDGE, Ink.CURSOR)
LINE: Final = {Glyphs.BRAILLE: "·", Glyphs.BLOCK: "·", Glyphs.ASCII: "'"}
"""A cell that a line goes through, where there are no finer dots: half blocks would be as heavy as points."""


def draw_lines(
    canvas: Canvas, points: ArrayLike, pairs: ArrayLike, view: View, ink: int, glyphs: Glyphs = Glyphs.BRAILLE
) -> None:
    """Join pairs `(m, 2)` of the numbers of `points (n, 2)` by thin lines, in cells that are still free.

    Pairs of points that are not there are left out. Raises ValueError for other shapes.
    """
    given = as_points(points)
    pair = np.asarray(pairs, np.intp)
    if pair.size and (pair.ndim != 2 or pair.shape[1] != 2):
        raise ValueError(f"pairs must have the shape (m, 2), not {pair.shape}")
    pair = pair.reshape(-1, 2)
    pair = pair[((pair >= 0) & (pair < len(given))).all(axis=1)]
    ends = units(given, view, canvas.width, canvas.height)[pair]  # (m, 2, 2)
    ends = _clipped(ends[~np.isnan(ends).any(axis=(1, 2))], np.array([canvas.width, 2 * canvas.height], np.float64))
    if not ends.size:
        return
    grid = Glyphs.BRAILLE if glyphs is Glyphs.BRAILLE else Glyphs.ASCII
    across, down = DOTS[grid]
    dots = np.floor(ends * (across, down / 2)).astype(np.intp).reshape(-1, 2)
    joined = np.arange(len(dots) - 1) % 2 == 0
    bits = cell_bits(canvas.width, canvas.height, *path(dots[:, 0], dots[:, 1], joined), grid)
    free = (canvas.glyph == BLANK) & (bits > 0)
    canvas.glyph[free] = bit_glyphs(bits, grid, LINE[glyphs])[free]
    canvas.ink[free] = ink


def _clipped(ends: Float, room: Float) -> Float:
    """Return the parts of lines `(m, 2, 2)` that lie in `[0, room]` (Liang and Barsky 1984)."""
    start, step = ends[:, 0], ends[:, 1] - ends[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = np.stack([-start / step, (room - start) / step])  # (2, m, 2)
    flat = step == 0
    within = (start >= 0) & (start <= room)
    enter = np.where(flat, np.where(within, 0.0, np.inf), bounds.min(axis=0)).max(axis=1).clip(0)
    leave = np.where(flat, 1.0, bounds.max(axis=0)).min(axis=1).clip(None, 1)
    seen = enter <= leave
    start, step = start[seen], step[seen]
    return np.stack([start + step * enter[seen, None], start + step * leave[seen, None]], axis=1)


def draw_cursor(canvas: Canvas, column: int, row: int) -> None:
    """Put a cell on the cursor's ground, between brackets where its neighbours are free; outside, nothing."""
    if not (0 <= row < canvas.height and 0 <= column < canvas.width):
        return
    _lay(canvas, np.s_[row : row + 1, column : column + 1], Ink.CURSOR)
    canvas.ink[row, column] = Ink.ON_CURSOR
    canvas.look[row, column] = Look.PLAIN
    for place, bracket in ((column - 1, "["), (column + 1, "]")):
        if 0 <= place < canvas.width and canvas.glyph[row, place] == BLANK:
            canvas.text(row, place, bracket, Ink.POINTER, Look.BOLD, int(canvas.ground[row, place]))


def draw_rectangle(canvas: Canvas, corner: Cell, other: Cell, glyphs: Glyphs = Glyphs.BRAILLE) -> None:
    """Tint the cells between two corners `(column, row)`, both included, and draw its edge where cells are free."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(corner, other, strict=True))
    rows, columns = np.ogrid[: canvas.height, : canvas.width]
    across, down = (columns >= left) & (columns <= right), (rows >= top) & (rows <= bottom)
    edge = across & down & ((columns == left) | (columns == right) | (rows == top) | (rows == bottom))
    canvas.ground[across & down & ~edge & (canvas.ground == 0)] = Ink.BRUSH
    free = edge & (canvas.glyph == BLANK)
    canvas.glyph[free] = _outline(rows, columns, (left, top, right, bottom), glyphs)[free]
    canvas.ink[free], canvas.ground[free] = Ink.POINTER, Ink.BRUSH
    _lay(canvas, edge & ~free, Ink.BRUSH_EDGE)


def _outline(
    rows: NDArray[np.intp], columns: NDArray[np.intp], box: tuple[int, int, int, int], glyphs: Glyphs
) -> NDArray[np.uint32]:
    """Return the glyph that each cell of a canvas would have on the edge of a box: left, top, right, bottom."""
    left, top, right, bottom = box
    upper_left, line, upper_right, side, lower_left, lower_right = map(ord, BOXES[glyphs])
    glyph = np.where((rows == top) | (rows == bottom), line, side)
    corners = ((left, top, upper_left), (right, top, upper_right), (left, bottom, lower_left))
    for column, row, shape in (*corners, (right, bottom, lower_right)):
        glyph = np.where((columns == column) & (rows == row), shape, glyph)
    return glyph.astype(np.uint32)


def _lay(canvas: Canvas, cells: Any, ground: int) -> None:
    """Lay a ground under cells; blocks that would hide it, or have another point's colour as theirs, become squares."""
    shape = canvas.glyph[cells]
    halves = np.isin(shape, HALF_BLOCKS) & ~np.isin(canvas.ground[cells], GROUNDS)
    canvas.glyph[cells] = np.where(halves | (shape == FULL), ord(JOINT), shape)
    canvas.ground[cells] = ground
