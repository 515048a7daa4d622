"""Points of a map as dots: the stencil says the size, the colour of a cell what most of its points are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.cells import DENSITY
from deepeyes_tui.app.plots.glyphs import Codes, Glyphs, codes
from deepeyes_tui.app.plots.inks import LEVELS, MOST_INKS, Ink, Look
from deepeyes_tui.app.plots.raster import BITS, DOTS, HALVES, bit_glyphs
from deepeyes_tui.app.plots.view import (
    Float,
    Places,
    View,
    as_points,
    fit,
    inside,
    nearest_in_direction,
    nearest_point,
    panned,
    place,
    spot,
    units,
    zoomed,
)

__all__ = [
    "View",
    "density_letters",
    "draw_scatter",
    "fit",
    "inside",
    "nearest_in_direction",
    "nearest_point",
    "panned",
    "place",
    "spot",
    "zoomed",
]

SIZES: Final = 5
SIZE: Final = 1
"""The size of a point where none is given."""
PAIR: Final = ((0, 0), (0, 1))
SQUARE: Final = (*PAIR, (1, 0), (1, 1))
PLUS: Final = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
BLOCK: Final = tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1))
STENCILS: Final = {
    Glyphs.BRAILLE: (((0, 0),), PAIR, SQUARE, PLUS, BLOCK),
    Glyphs.BLOCK: (((0, 0),), ((0, 0),), PAIR, PAIR, SQUARE),
    Glyphs.ASCII: (((0, 0),),) * SIZES,
}
"""Dots of each size, right and down from the point's own; half blocks are large, and so have three sizes."""
SIZE_LETTERS: Final = codes(".:oO@")
"""Sizes where a cell has one letter."""
MOST_COUNTERS: Final = 500_000
"""With more kinds of points in more cells than this, sorting is the faster way to count."""
QUIET: Final = "."
"""The letter of points that are not in question."""


@dataclass(frozen=True)
class Marks:
    """What is drawn for each point, in order of priority: `(n,)` each."""

    ink: Places
    size: Places
    priority: Places
    letter: Codes


def density_letters(level: ArrayLike) -> Codes:
    """Return a letter for each level of a ramp, 0 to 15: the denser, the higher."""
    number = np.clip(np.asarray(level, np.intp), 0, LEVELS - 1)
    letters: Codes = codes(DENSITY)[number * len(DENSITY) // LEVELS]
    return letters


def draw_scatter(
    width: int,
    height: int,
    points: ArrayLike,
    view: View,
    *,
    ink: ArrayLike,
    size: ArrayLike | None = None,
    priority: ArrayLike | None = None,
    letter: ArrayLike | None = None,
    glyphs: Glyphs = Glyphs.BRAILLE,
    colour: bool = True,
    letters: bool = False,
) -> Canvas:
    """Draw `points (n, 2)` with an ink each, `(n,)`; what lies outside and what is not a number is left out.

    `size` is 0 to 4 (1, 2, 4, 5, 9 dots). A cell shows its points of the highest `priority` (a whole number) alone,
    in the ink that most of their dots have; the upper and lower half of a block count as cells of their own.
    In ASCII, without colour, and with `letters`, a cell shows the `letter` (code points) of most of its points instead
    of dots; points in `GREYED` stay dots, dim without colour. Without letters, ASCII tells sizes. Raises ValueError if
    lengths differ.
    """
    canvas = Canvas(width, height)
    given = as_points(points)
    places = units(given, view, canvas.width, canvas.height)
    shown = np.flatnonzero(~np.isnan(places[:, 0]))
    marks = _marks(len(given), ink, size, priority, letter)
    order = shown[np.argsort(marks.priority[shown], kind="stable")]
    marks = Marks(marks.ink[order], marks.size[order], marks.priority[order], marks.letter[order])
    spelled = letter is not None and (letters or not colour or glyphs is Glyphs.ASCII)
    if glyphs is Glyphs.BLOCK and not spelled:
        _draw_halves(canvas, places[order], marks)
    else:
        _draw_cells(canvas, places[order], marks, glyphs, spelled)
    if not colour:
        canvas.look[canvas.ink == Ink.GREYED] = Look.DIM
    return canvas


def _marks(
    count: int, ink: ArrayLike, size: ArrayLike | None, priority: ArrayLike | None, letter: ArrayLike | None
) -> Marks:
    sized = np.clip(_each(count, "size", SIZE if size is None else size), 0, SIZES - 1)
    spelled = SIZE_LETTERS[sized] if letter is None else _each(count, "letter", letter).astype(np.uint32)
    inks = np.clip(_each(count, "ink", ink), 0, MOST_INKS - 1)
    return Marks(inks, sized, _each(count, "priority", 0 if priority is None else priority), spelled)


def _each(count: int, name: str, values: ArrayLike) -> Places:
    """Return a whole number for each point; one number stands for all."""
    given: NDArray[Any] = np.asarray(values)
    if given.ndim == 0:
        given = np.full(count, given)
    if given.shape != (count,):
        raise ValueError(f"{name} must have one value for each of {count} points, not the shape {given.shape}")
    return given.astype(np.intp)


def _dots(places: Float, size: Places, glyphs: Glyphs, columns: int, rows: int) -> tuple[Places, Places, Places]:
    """Return across, down, and the number of the point of every dot in the picture, in the order of the points."""
    across, down = DOTS[glyphs]
    grid = np.floor(np.clip(places * (across, down / 2), -9, 9 + max(columns, rows))).astype(np.intp)
    counts, first, dx, dy = _stencils(glyphs)
    count = counts[size]
    number: Places = np.repeat(np.arange(len(size)), count)
    dot = np.arange(number.size)
    dot += np.take(first[size] - (np.cumsum(count) - count), number)
    x, y = np.take(grid[:, 0], number), np.take(grid[:, 1], number)
    x += np.take(dx, dot)
    y += np.take(dy, dot)
    seen = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    return (x, y, number) if seen.all() else (x[seen], y[seen], number[seen])


@cache
def _stencils(glyphs: Glyphs) -> tuple[Places, Places, Places, Places]:
    """Return how many dots each size has and where they begin in the lists of steps to the right and down."""
    stencils = STENCILS[glyphs]
    counts = np.array([len(stencil) for stencil in stencils])
    steps = np.array([step for stencil in stencils for step in stencil])
    return counts, np.cumsum(counts) - counts, steps[:, 0].copy(), steps[:, 1].copy()


def _winners(
    cell: Places, number: Places, kind: Places, priority: Places, cells: int
) -> tuple[Places, NDArray[np.bool_]]:
    """Return the most frequent kind among the highest priority of each cell, `(cells,)`, -1 for empty ones.

    Dots are given by their cell and the number of their point, points by kind and priority, which must rise. Also
    returns which dots count. Of equally many, the higher kind wins.
    """
    top = np.full(cells, np.iinfo(np.intp).min)
    above = priority[number]
    top[cell] = above
    counts = above == top[cell]
    kinds, which = np.unique(kind, return_inverse=True)
    found, votes = _tally((which * cells)[number[counts]] + cell[counts], kinds.size * cells)
    rising = found[np.argsort(votes, kind="stable")]
    winner = np.full(cells, -1)
    winner[rising % cells] = kinds[rising // cells]
    return winner, counts


def _tally(values: Places, end: int) -> tuple[Places, Places]:
    """Return the values below `end` that occur, rising, and how often each does."""
    if end > MOST_COUNTERS:
        found, votes = np.unique(values, return_counts=True)
        return found, votes
    counters = np.bincount(values, minlength=end)
    occurring = np.flatnonzero(counters)
    return occurring, counters[occurring]


def _draw_cells(canvas: Canvas, places: Float, marks: Marks, glyphs: Glyphs, spelled: bool) -> None:
    """Draw dots, and letters instead of them where there is one for each point."""
    across, down = DOTS[glyphs]
    x, y, number = _dots(places, marks.size, glyphs, canvas.width * across, canvas.height * down)
    cell = y // down * canvas.width + x // across
    by_letter = spelled or glyphs is Glyphs.ASCII
    kind = marks.ink + MOST_INKS * marks.letter.astype(np.intp) if by_letter else marks.ink
    winner, counts = _winners(cell, number, kind, marks.priority, canvas.width * canvas.height)
    winner = winner.reshape(canvas.height, canvas.width)
    filled = winner >= 0
    canvas.ink[filled] = (winner % MOST_INKS)[filled]
    canvas.glyph[:] = _shapes(canvas, x[counts], y[counts], glyphs)
    if by_letter:
        named = filled & ((canvas.ink != Ink.GREYED) | (glyphs is Glyphs.ASCII))
        canvas.glyph[named] = (winner // MOST_INKS)[named]
        if glyphs is Glyphs.ASCII:
            canvas.glyph[filled & (canvas.ink == Ink.GREYED)] = ord(QUIET)


def _shapes(canvas: Canvas, x: Places, y: Places, glyphs: Glyphs) -> Codes:
    """Return the glyphs that show dots, `(H, W)`."""
    across, down = DOTS[glyphs]
    lit = np.zeros((canvas.height * down, canvas.width * across), np.uint8)
    lit[y, x] = 1
    split = lit.reshape(canvas.height, down, canvas.width, across)
    bits: NDArray[np.uint8] = np.einsum("hdwa,da->hw", split, BITS[glyphs])
    return bit_glyphs(bits, glyphs)


def _draw_halves(canvas: Canvas, places: Float, marks: Marks) -> None:
    """Draw half blocks, each half in its own colour."""
    x, y, number = _dots(places, marks.size, Glyphs.BLOCK, canvas.width, 2 * canvas.height)
    winner, _ = _winners(y * canvas.width + x, number, marks.ink, marks.priority, 2 * canvas.glyph.size)
    upper, lower = winner.reshape(canvas.height, 2, canvas.width).transpose(1, 0, 2)
    alike = upper == lower
    canvas.glyph[:] = HALVES[(upper >= 0) + 2 * ((lower >= 0) & (alike | (upper < 0)))]
    canvas.ink[:] = np.where(upper >= 0, upper, np.maximum(lower, 0))
    canvas.ground[:] = np.where((upper >= 0) & (lower >= 0) & ~alike, lower, 0)
