"""Curves over the steps of a training, with axes and a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.curve_axes import Frame, Range, draw_axes
from deepeyes_tui.app.plots.curve_legend import draw_curve_legend
from deepeyes_tui.app.plots.curve_points import Curve, Float, Points, points_of
from deepeyes_tui.app.plots.flags import Flag, placed
from deepeyes_tui.app.plots.glyphs import CROSS, Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.raster import DOTS, bit_glyphs, cell_bits, path, thin

DOT_EVERY: Final = 3
"""A dotted curve shows every third dot of its line."""
MARK_EVERY: Final = 4
"""Columns of which one at most has a marker of the same curve."""
SLACK: Final = 1e-6
"""Of an axis' ends, by which a value may lie beyond them: values are kept in single precision, ends are not."""
DOTS_IN: Final = np.array([number.bit_count() for number in range(256)], np.uint8)
"""Dots of a cell, by its bits."""


def draw_curves(
    width: int,
    height: int,
    curves: Sequence[Curve],
    *,
    title: str = "",
    x_max: float | None = None,
    y_range: Range | None = None,
    y_log: bool = False,
    glyphs: Glyphs = Glyphs.BRAILLE,
    percent: bool = False,
    marks: Sequence[float] = (),
    flags: Sequence[Flag] = (),
    at: float | None = None,
) -> Canvas:
    """Draw curves: legend with last values above, values at the left, steps below, a broken line at each of `marks`.

    Without `y_range`, the axis of values ends at the `robust_bounds` of all. What lies beyond its ends is clipped, and
    marked by an arrow at the edge. Values that are NaN or infinite are marked by crosses at the lower edge, and counted
    in the legend; on a log axis, values up to 0 are left out. Each of `flags` is a broken line with its sign on the
    axis of steps, or above where that has no line of its own. `at` a step a cursor stands, and the legend tells the
    values of then instead of the last ones.
    """
    canvas = Canvas(width, height)
    shown = [points_of(curve, y_log) for curve in curves]
    body = 1 if height >= 3 else 0
    if body:
        draw_curve_legend(canvas, title, shown, glyphs=glyphs, percent=percent, at=at)
    if not any(points.x.size or points.lost for points in shown):
        _sentence(canvas, body, "no values yet")
        return canvas
    frame = draw_axes(canvas, shown, body, x_max=x_max, y_range=y_range, log=y_log, percent=percent, glyphs=glyphs)
    if frame.width <= 0 or frame.height <= 0:
        return canvas
    signs = _signs(frame, flags)
    _marks(canvas, frame, marks, glyphs)
    _upright(canvas, frame, np.array([column for column, _ in signs], np.intp), glyphs)
    _lines(canvas, frame, shown, glyphs)
    if at is not None:
        _cursor(canvas, frame, at, glyphs)
    _beyond(canvas, frame, shown, glyphs)
    _flags(canvas, frame, signs)
    return canvas


def _lines(canvas: Canvas, frame: Frame, shown: Sequence[Points], glyphs: Glyphs) -> None:
    """Draw all curves. Where they share a cell, all their dots are seen, in the colour of the one with most; dotted
    ones leave the cells of a line to it, but for their markers.
    """
    inside = np.s_[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width]
    glyph, ink = canvas.glyph[inside], canvas.ink[inside]
    whole = np.zeros((frame.height, frame.width), np.uint8)
    most, lined = np.zeros_like(whole), np.zeros(whole.shape, bool)
    for points in sorted(shown, key=lambda points: points.curve.dotted):
        if points.x.size:
            bits = _bits(frame, points, glyphs)
            if points.curve.dotted:
                bits = np.where(lined, 0, bits).astype(np.uint8)
            else:
                lined |= bits > 0
            count = DOTS_IN[bits]
            ours, drawn = (bits > 0) & (count >= most), bits > 0
            whole |= bits
            letter = points.curve.marker_in(glyphs) if points.curve.dotted else "*"
            changed = ours if glyphs is Glyphs.ASCII else drawn
            glyph[changed] = bit_glyphs(whole[changed], glyphs, letter)
            ink[ours], most[ours] = points.curve.ink, count[ours]
    for points in shown:
        if points.x.size and points.curve.dotted:
            _markers(glyph, ink, frame, points, glyphs)


def _bits(frame: Frame, points: Points, glyphs: Glyphs) -> NDArray[np.uint8]:
    """Return the dots of one curve by cell."""
    across, down = DOTS[glyphs]
    x, y = frame.column(points.x, across), frame.row(points.y, down)
    if (np.diff(x) < 0).any():
        x = np.maximum.accumulate(x)
    x, y = path(*thin(x, y, points.joined))
    if points.curve.dotted and glyphs is not Glyphs.ASCII:
        x, y = x[::DOT_EVERY], y[::DOT_EVERY]
    return cell_bits(frame.width, frame.height, x, y, glyphs)


def _markers(glyph: NDArray[np.uint32], ink: NDArray[np.uint16], frame: Frame, points: Points, glyphs: Glyphs) -> None:
    """Mark points of a dotted curve, at most one in `MARK_EVERY` columns."""
    column, row = frame.column(points.x), frame.row(points.y)
    first = np.append(True, np.diff(column // MARK_EVERY) != 0) & (column >= 0) & (column < frame.width)
    glyph[row[first], column[first]] = ord(points.curve.marker_in(glyphs))
    ink[row[first], column[first]] = points.curve.ink


def _beyond(canvas: Canvas, frame: Frame, shown: Sequence[Points], glyphs: Glyphs) -> None:
    """Mark what is clipped at the upper and lower edge, and what is not a number."""
    up, down, lost = "^vx" if glyphs is Glyphs.ASCII else ("▲", "▼", CROSS)
    slack = SLACK * max(abs(frame.low), abs(frame.high))
    bottom = frame.top + frame.height - 1
    for points in shown:
        ink = points.curve.ink
        _edge(canvas, frame, frame.top, points.x[points.y > frame.high + slack], up, ink)
        _edge(canvas, frame, bottom, points.x[points.y < frame.low - slack], down, ink)
    for points in shown:
        _edge(canvas, frame, bottom, points.lost_x, lost, Ink.ERROR)


def _edge(canvas: Canvas, frame: Frame, row: int, x: Float, glyph: str, ink: int) -> None:
    column = frame.column(x)
    column = frame.left + column[(column >= 0) & (column < frame.width)]
    canvas.glyph[row, column], canvas.ink[row, column] = ord(glyph), ink


def _marks(canvas: Canvas, frame: Frame, marks: Sequence[float], glyphs: Glyphs) -> None:
    x = np.asarray(marks, np.float64).ravel()
    column = frame.column(x[np.isfinite(x)])
    _upright(canvas, frame, column[(column >= 0) & (column < frame.width)], glyphs)


def _upright(canvas: Canvas, frame: Frame, column: NDArray[np.intp], glyphs: Glyphs) -> None:
    """Draw broken lines at columns of the plot."""
    rows = slice(frame.top, frame.top + frame.height)
    canvas.glyph[rows, frame.left + column] = ord(":" if glyphs is Glyphs.ASCII else "┊")
    canvas.ink[rows, frame.left + column] = Ink.MUTED


def _cursor(canvas: Canvas, frame: Frame, at: float, glyphs: Glyphs) -> None:
    """Draw a line at a step, through what is free, and tint its column."""
    column = frame.left + int(frame.column(np.array([at], np.float64))[0])
    if not frame.left <= column < frame.left + frame.width:
        return
    rows = slice(frame.top, frame.top + frame.height)
    free = canvas.glyph[rows, column] == ord(" ")
    canvas.glyph[rows, column][free] = ord("|" if glyphs is Glyphs.ASCII else "│")
    canvas.ink[rows, column][free] = Ink.POINTER
    canvas.ground[rows, column] = Ink.BRUSH


def _signs(frame: Frame, flags: Sequence[Flag]) -> list[tuple[int, str]]:
    known = [flag for flag in flags if math.isfinite(flag.x)]
    column = frame.column(np.array([flag.x for flag in known], np.float64))
    return placed(column.tolist(), [flag.sign for flag in known], frame.width)


def _flags(canvas: Canvas, frame: Frame, signs: Sequence[tuple[int, str]]) -> None:
    """Write the signs on the axis' line, or at the upper edge of the plot where there is none."""
    bottom = frame.top + frame.height
    row = bottom if canvas.height - bottom >= 2 else frame.top
    for column, sign in signs:
        start = frame.left + min(column, max(frame.width - len(sign), 0))
        canvas.text(row, start, sign, Ink.ACCENT, Look.BOLD)


def _sentence(canvas: Canvas, row: int, text: str) -> None:
    middle = row + max(canvas.height - row - 1, 0) // 2
    text = text[: canvas.width]
    canvas.text(middle, (canvas.width - len(text)) // 2, text, Ink.MUTED)
