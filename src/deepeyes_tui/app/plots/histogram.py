"""Perplexity histograms and their change, aligned column by column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.app.plots.canvas import BLANK, Canvas
from deepeyes_tui.app.plots.glyphs import DOTTED, RISING, Codes, Glyphs, codes
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent, short

Float = NDArray[np.float64]

GUTTER: Final = 6
GUTTER_FROM: Final = 36
"""Narrower plots have no labels at the left."""
MOST: Final = 1e6
"""Shares beyond this are nonsense, and cut to it."""
LEAST_CHANGE: Final = 0.02
"""A scale of its own never blows up less than this to the full height."""
UP: Final = {Glyphs.BRAILLE: codes(" ▁▄█"), Glyphs.BLOCK: codes(" ▁▄█"), Glyphs.ASCII: codes(" +++")}
DOWN: Final = {Glyphs.BRAILLE: codes(" ▔▀█"), Glyphs.BLOCK: codes(" ▔▀█"), Glyphs.ASCII: codes(" ---")}
STEPS: Final = np.array([0, 1, 4, 8])
"""Eighths of a cell that the glyphs of a change fill."""


@dataclass(frozen=True, eq=False)
class BinColumns:
    """Where the bins of a plot lie. Bar `i` takes the columns `[edges[i], edges[i + 1])`, and stands for `merged` of
    `bins` neighbours; the bar of what is undetected takes `[apart, apart + apart_width)`.
    """

    bins: int
    merged: int
    edges: NDArray[np.intp]
    apart: int
    apart_width: int

    @property
    def bars(self) -> int:
        """How many bars there are."""
        return self.edges.size - 1

    @property
    def first(self) -> int:
        """The first bar's left column."""
        return int(self.edges[0])

    @property
    def last(self) -> int:
        """The column behind the last bar."""
        return int(self.edges[-1])

    def sums(self, values: ArrayLike) -> Float:
        """Return the sum of each bar's bins, `(bars,)`; missing and non-finite values count nothing."""
        given = np.asarray(values, np.float64).ravel()[: self.bars * self.merged]
        whole = np.zeros(self.bars * self.merged)
        whole[: given.size] = np.where(np.isfinite(given), np.clip(given, -MOST, MOST), 0.0)
        sums: Float = whole.reshape(self.bars, self.merged).sum(axis=1)
        return sums

    def spread(self, bars: NDArray[np.intp], apart: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return a height per column `(width,)`, and which columns belong to what is undetected."""
        heights, special = np.zeros(width, np.intp), np.zeros(width, bool)
        special[self.apart : self.apart + self.apart_width] = True
        heights[special] = apart
        heights[self.first : self.last] = np.repeat(bars, np.diff(self.edges))
        return heights, special


def bin_columns(width: int, bins: int = 30) -> BinColumns:
    """Return where `bins` bins lie in `width` columns: equally many bins a bar, bars as even as columns allow."""
    gutter = GUTTER if width >= GUTTER_FROM else 0
    apart_width = min(1 + (width >= GUTTER_FROM) + (width >= 2 * GUTTER_FROM), max(width, 0))
    first = min(gutter + apart_width + 1, max(width, 0))
    room = width - first
    if room <= 0 or bins <= 0:
        return BinColumns(max(bins, 0), 1, np.array([first]), gutter, apart_width)
    least = math.ceil(bins / room)
    merged = next((n for n in range(least, 2 * least) if bins % n == 0), least)
    edges = first + np.rint(np.linspace(0, room, math.ceil(bins / merged) + 1)).astype(np.intp)
    return BinColumns(bins, merged, edges, gutter, apart_width)


def bin_at(column: int, width: int, bins: int = 30) -> tuple[int, int] | None:
    """Return the bins `[first, last)` that a column shows; None beside the bars."""
    layout = bin_columns(width, bins)
    if not layout.first <= column < layout.last:
        return None
    bar = int(np.searchsorted(layout.edges, column, side="right")) - 1
    return bar * layout.merged, min((bar + 1) * layout.merged, bins)


def draw_histogram(
    width: int,
    height: int,
    shares: ArrayLike,
    *,
    undetected: float,
    low: float = 1.0,
    high: float,
    ink: int = Ink.BAR,
    glyphs: Glyphs = Glyphs.BRAILLE,
    axis: bool = True,
    scale: float | None = None,
) -> Canvas:
    """Draw shares of instances, `(bins,)` over `[low, high]`; `scale` is the share of a full bar (else the highest).

    What is undetected stands apart at the left, in another texture, and on a scale of its own: full is 100 %.
    """
    canvas = Canvas(width, height)
    layout = bin_columns(canvas.width, np.size(shares))
    rows = canvas.height - (1 if axis and canvas.height >= 2 else 0)
    if not rows or not canvas.width:
        return canvas
    bars = np.maximum(layout.sums(shares), 0)
    top = scale if scale is not None and math.isfinite(scale) and scale > 0 else float(bars.max(initial=0))
    apart = int(eighths(np.array([undetected]), 1.0, rows)[0])
    heights, special = layout.spread(eighths(bars, top, rows), apart, canvas.width)
    fill = np.clip(heights - 8 * np.arange(rows - 1, -1, -1)[:, None], 0, 8)
    canvas.glyph[:rows] = np.where(special, DOTTED[glyphs][fill], RISING[glyphs][fill])
    canvas.ink[:rows] = np.where(fill > 0, np.where(special, int(Ink.UNDETECTED), ink), int(Ink.DEFAULT))
    if layout.apart and rows >= 2:
        canvas.text(0, 0, percent(top, ascii=glyphs is Glyphs.ASCII).rjust(GUTTER - 1)[: GUTTER - 1], Ink.MUTED)
    if rows < canvas.height:
        _axis(canvas, layout, undetected, low, high, glyphs)
    return canvas


def draw_changes(
    width: int,
    height: int,
    changes: ArrayLike,
    *,
    undetected_change: float,
    glyphs: Glyphs = Glyphs.BRAILLE,
    scale: float | None = None,
) -> Canvas:
    """Draw changes of shares, `(bins,)`: up from a middle line, or down from it, in columns as `draw_histogram`'s.

    `scale` is the change of a full bar, the same for what is undetected (default: the largest, at least 2 %).
    """
    canvas = Canvas(width, height)
    layout = bin_columns(canvas.width, np.size(changes))
    above, below = (canvas.height + 1) // 2, canvas.height // 2
    if not canvas.height or not canvas.width:
        return canvas
    bars, apart = layout.sums(changes), undetected_change if math.isfinite(undetected_change) else 0.0
    widest = max(float(np.abs(bars).max(initial=0)), abs(apart), LEAST_CHANGE)
    top = scale if scale is not None and math.isfinite(scale) and scale > 0 else widest
    for sign, rows in ((1, above), (-1, below)):
        part = eighths(np.append(bars, apart) * sign, top, rows)
        heights, _ = layout.spread(part[:-1], int(part[-1]), canvas.width)
        _half(canvas, heights, above, sign, rows, glyphs)
    _middle(canvas, layout, above - 1, glyphs)
    if layout.apart and canvas.height >= 2:
        plain = glyphs is Glyphs.ASCII
        canvas.text(0, 0, f"+{percent(top, ascii=plain)}".rjust(GUTTER - 1)[: GUTTER - 1], Ink.MUTED)
        canvas.text(canvas.height - 1, 0, f"-{percent(top, ascii=plain)}".rjust(GUTTER - 1)[: GUTTER - 1], Ink.MUTED)
    return canvas


def eighths(values: Float, top: float, rows: int) -> NDArray[np.intp]:
    """Return bar heights in eighths of a cell, for `rows` cells: at least one for any positive value."""
    if not top > 0:
        return np.zeros(values.shape, np.intp)
    finite = np.where(np.isfinite(values), values, 0.0)
    with np.errstate(over="ignore"):
        height = np.rint(np.clip(finite / top, 0, 1) * 8 * rows).astype(np.intp)
    return np.where((finite > 0) & (rows > 0), np.maximum(height, 1), height)


def _half(canvas: Canvas, heights: NDArray[np.intp], middle: int, sign: int, rows: int, glyphs: Glyphs) -> None:
    """Draw the bars on one side of the middle line."""
    distance = np.arange(rows)
    fill = np.clip(heights - 8 * distance[:, None], 0, 8)
    glyph: Codes = (UP if sign > 0 else DOWN)[glyphs][np.searchsorted(STEPS, fill, side="right") - 1]
    drawn = np.s_[middle - 1 - distance] if sign > 0 else np.s_[middle + distance]
    canvas.glyph[drawn] = glyph
    canvas.ink[drawn] = np.where(fill > 0, int(Ink.UP if sign > 0 else Ink.DOWN), int(Ink.DEFAULT))


def _middle(canvas: Canvas, layout: BinColumns, row: int, glyphs: Glyphs) -> None:
    """Draw the middle line where no bar stands on it."""
    ours = np.zeros(canvas.width, bool)
    ours[layout.first : layout.last] = True
    ours[layout.apart : layout.apart + layout.apart_width] = True
    free = ours & (canvas.glyph[row] == BLANK)
    canvas.glyph[row, free] = ord("_" if glyphs is Glyphs.ASCII else "▁")
    canvas.ink[row, free] = Ink.FAINT


def _axis(canvas: Canvas, layout: BinColumns, undetected: float, low: float, high: float, glyphs: Glyphs) -> None:
    row, plain = canvas.height - 1, glyphs is Glyphs.ASCII
    sign = "0" if plain else "∅"
    if layout.apart:
        text = percent(undetected, ascii=plain)[: GUTTER - 1]
        canvas.text(row, layout.apart - 1 - len(text), text, Ink.UNDETECTED)
    canvas.text(row, layout.apart, sign, Ink.UNDETECTED)
    first, last = short(low, ascii=plain), short(high, ascii=plain)
    if layout.first + len(first) <= canvas.width:
        canvas.text(row, layout.first, first, Ink.MUTED)
    if layout.last - len(last) > layout.first + len(first):
        canvas.text(row, layout.last - len(last), last, Ink.MUTED)
    middle = short(round((low + high) / 2) if high - low >= 8 and math.isfinite(low + high) else math.nan, ascii=plain)
    start = (layout.first + layout.last - len(middle)) // 2
    if layout.last - layout.first >= 24 and middle[0].isdigit():
        canvas.text(row, start, middle, Ink.MUTED)
