"""Curves over the steps of a training, with axes and a legend."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.flags import Flag, placed
from deepeyes_tui.app.plots.glyphs import CROSS, Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent as as_percent
from deepeyes_tui.app.plots.numbers import printable, short
from deepeyes_tui.app.plots.raster import DOTS, bit_glyphs, cell_bits, path, thin
from deepeyes_tui.app.plots.ticks import tick_step, ticks, x_axis_end

__all__ = ["Curve", "draw_curves", "x_axis_end"]

Float = NDArray[np.float64]
Pairs = tuple[float, float]

FAR: Final = 1e200
TAIL: Final = 0.05
REACH: Final = 6.0
FEWEST: Final = 8
DOT_EVERY: Final = 3
"""A dotted curve shows every third dot of its line."""
NAME_LENGTHS: Final = (24, 10, 5, 0)
"""Cells for a curve's name in the legend: the first that lets all curves in."""
MARK_EVERY: Final = 4
MOST_STEPS: Final = 1e15
"""Axes of steps end here."""
DOTS_IN: Final = np.array([number.bit_count() for number in range(256)], np.uint8)
"""Dots of a cell, by its bits."""


@dataclass(frozen=True)
class Curve:
    """One curve: `x (N,)` rising steps, `y (N,)` values, `nonfinite (N,)` counts of NaN and inf at each point.

    A curve with a marker, or in `Ink.VALIDATION`, is dotted, and some of its points are marked.
    """

    name: str
    x: NDArray[Any]
    y: NDArray[Any]
    nonfinite: NDArray[Any]
    ink: int
    marker: str = ""

    @property
    def dotted(self) -> bool:
        """Whether the curve is told apart by its texture."""
        return bool(self.marker) or self.ink == Ink.VALIDATION


@dataclass(frozen=True)
class Points:
    """A curve as it is drawn: finite numbers within `FAR`. `joined[i]`: nothing was lost between `i` and `i + 1`."""

    curve: Curve
    x: Float
    y: Float
    joined: NDArray[np.bool_]
    lost_x: Float
    lost: int


@dataclass(frozen=True)
class Frame:
    """Where the axes lie: the plot's cells and the numbers at its edges."""

    top: int
    left: int
    width: int
    height: int
    x_end: float
    low: float
    high: float
    log: bool

    def column(self, x: Float, dots: int = 1) -> NDArray[np.intp]:
        """Return the dot column of steps, from the plot's left edge."""
        last = max(self.width * dots - 1, 0)
        with np.errstate(over="ignore"):
            return np.rint(np.clip(x / self.x_end, -1, 2) * last).astype(np.intp)

    def row(self, y: Float, dots: int = 1) -> NDArray[np.intp]:
        """Return the dot row of values (logarithms on a log axis), from the plot's upper edge; beyond: clipped."""
        last = max(self.height * dots - 1, 0)
        span = self.high - self.low
        return np.rint((1 - np.clip((y - self.low) / span, 0, 1)) * last).astype(np.intp)


def draw_curves(
    width: int,
    height: int,
    curves: Sequence[Curve],
    *,
    title: str = "",
    x_max: float | None = None,
    y_range: Pairs | None = None,
    y_log: bool = False,
    glyphs: Glyphs = Glyphs.BRAILLE,
    percent: bool = False,
    marks: Sequence[float] = (),
    flags: Sequence[Flag] = (),
    at: float | None = None,
) -> Canvas:
    """Draw curves: legend with last values above, values at the left, steps below, a broken line at each of `marks`.

    Without `y_range`, the axis spans all values unless a few lie so far off that they would flatten the others: what
    lies more than `REACH` times the distance of the 5th to the 95th percentile beyond these is clipped (and all that
    `y_range` leaves out), and marked by an arrow at the edge. Values that are NaN or infinite are marked by crosses
    at the lower edge, and counted in the title; on a log axis, values up to 0 are left out. Each of `flags` is a broken
    line with its sign on the axis of steps, or above where that has no line of its own. `at` a step a cursor stands,
    and the legend tells the values of then instead of the last ones.
    """
    canvas = Canvas(width, height)
    shown = [_points(curve, y_log) for curve in curves]
    body = 1 if height >= 3 else 0
    if body:
        _legend(canvas, title, shown, glyphs, percent, at)
    if not any(points.x.size or points.lost for points in shown):
        _sentence(canvas, body, "no values yet")
        return canvas
    frame = _frame(canvas, shown, body, x_max, y_range, y_log, percent, glyphs)
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


def _points(curve: Curve, log: bool) -> Points:
    size = min(np.size(curve.x), np.size(curve.y))
    x, y = (np.asarray(a, np.float64).ravel()[:size] for a in (curve.x, curve.y))
    told = np.zeros(size)
    given = np.asarray(curve.nonfinite, np.float64).ravel()[:size]
    told[: given.size] = np.clip(np.nan_to_num(given, nan=0, posinf=0, neginf=0), 0, 1e12)
    broken = ~np.isfinite(y)
    lost = np.where(broken, np.maximum(told, 1), told) * np.isfinite(x)
    keep = ~broken & np.isfinite(x) & (np.abs(x) < FAR) & (np.abs(y) < FAR)
    if log:
        keep &= y > 1 / FAR
    index = np.flatnonzero(keep)
    value = np.log10(y[index]) if log else y[index]
    return Points(curve, x[index], value, np.diff(index) == 1, x[lost > 0], int(lost.sum()))


def robust_bounds(values: Float) -> Pairs:
    """Return the least and greatest value that are not far off the others (see `draw_curves`)."""
    if values.size < FEWEST:
        return float(values.min()), float(values.max())
    ordered = np.sort(values)
    low, high = ordered[math.ceil(TAIL * (values.size - 1))], ordered[math.floor((1 - TAIL) * (values.size - 1))]
    reach = REACH * max(high - low, 0.01 * abs(high), 1e-12)
    near = ordered[(ordered >= low - reach) & (ordered <= high + reach)]
    return float(near[0]), float(near[-1])


def _given(pair: Pairs | None, log: bool) -> Pairs | None:
    """Return the range that was asked for, if it can be drawn; logarithms on a log axis."""
    if pair is None or not -FAR < pair[0] < pair[1] < FAR or (log and pair[0] <= 1 / FAR):
        return None
    return (math.log10(pair[0]), math.log10(pair[1])) if log else pair


def _bounds(shown: Sequence[Points], given: Pairs | None, log: bool, rows: int) -> tuple[float, float, float]:
    """Return the axis' ends and the step of its ticks; logarithms on a log axis."""
    fixed = _given(given, log)
    values = np.concatenate([points.y for points in shown])
    low, high = fixed or (robust_bounds(values) if values.size else (0.0, 1.0))
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        room = 0.5 if log else max(abs(high) * 0.1, 1e-6)
        low, high = low - room, high + room
    step = tick_step(high - low, max(min(rows // 3, 6), 1))
    if log and high - low > 1:
        step = float(math.ceil(step))
    if not fixed:
        unit = min(step, 1.0) if log else step
        low, high = unit * math.floor(low / unit + 1e-6), unit * math.ceil(high / unit - 1e-6)
    return low, high, step


def _frame(
    canvas: Canvas,
    shown: Sequence[Points],
    top: int,
    x_max: float | None,
    y_range: Pairs | None,
    log: bool,
    percent: bool,
    glyphs: Glyphs,
) -> Frame:
    """Draw the axes; return what is left for the curves."""
    below = 2 if canvas.height - top >= 8 else 1 if canvas.height - top >= 3 else 0
    rows = canvas.height - top - below
    low, high, step = _bounds(shown, y_range, log, rows)
    places = ticks(low, high, step)
    labels = [_value(10.0 ** min(max(place, -300), 300) if log else place, percent, glyphs, step) for place in places]
    left = max(map(len, labels), default=0)
    left = left if canvas.width >= left + 10 else 0
    last = max((float(points.x.max()) for points in shown if points.x.size), default=0.0)
    known = x_max is not None and math.isfinite(x_max) and x_max > 0
    end = min(x_max or 0, MOST_STEPS) if known else x_axis_end(math.ceil(min(last, MOST_STEPS)))
    axis = 1 if left else 0
    frame = Frame(top, left + axis, canvas.width - left - axis, rows, float(end), low, high, log)
    if frame.width > 0 and frame.height > 0:
        _y_axis(canvas, frame, places, labels, glyphs)
        if below:
            _x_axis(canvas, frame, below, glyphs)
    return frame


def _value(value: float, percent: bool, glyphs: Glyphs, step: float) -> str:
    plain = glyphs is Glyphs.ASCII
    if abs(value) < step * 1e-6 and not percent:
        value = 0.0
    return as_percent(value, ascii=plain) if percent else short(value, ascii=plain)


def _y_axis(canvas: Canvas, frame: Frame, places: list[float], labels: list[str], glyphs: Glyphs) -> None:
    if not frame.left:
        return
    line, tick = "||" if glyphs is Glyphs.ASCII else "│┤"
    rows = slice(frame.top, frame.top + frame.height)
    canvas.glyph[rows, frame.left - 1], canvas.ink[rows, frame.left - 1] = ord(line), Ink.FAINT
    taken = frame.top + frame.height
    for place, label in zip(places, labels, strict=True):
        row = frame.top + int(frame.row(np.array([place], np.float64))[0])
        if row >= taken:
            continue
        canvas.text(row, frame.left - 1 - len(label), label, Ink.MUTED)
        canvas.text(row, frame.left - 1, tick, Ink.FAINT)
        taken = row


def _x_axis(canvas: Canvas, frame: Frame, below: int, glyphs: Glyphs) -> None:
    row = frame.top + frame.height
    corner, line, tick = "+-+" if glyphs is Glyphs.ASCII else "└─┬"
    if below == 2:
        canvas.text(row, frame.left - 1, corner + line * frame.width, Ink.FAINT)
    free = 0
    step = math.ceil(tick_step(frame.x_end, max(frame.width // 12, 1)))
    for place in ticks(0, frame.x_end, step):
        column = frame.left + int(frame.column(np.array([place], np.float64))[0])
        label = short(place, ascii=glyphs is Glyphs.ASCII)
        start = min(max(column - len(label) // 2, 0), canvas.width - len(label))
        if start < free:
            continue
        canvas.text(row + below - 1, start, label, Ink.MUTED)
        if below == 2:
            canvas.text(row, column, tick, Ink.FAINT)
        free = start + len(label) + 1


def _marker(curve: Curve, glyphs: Glyphs) -> str:
    if glyphs is Glyphs.ASCII:
        return curve.marker if " " < curve.marker <= "~" and len(curve.marker) == 1 else "o"
    return curve.marker[:1] or "▪"


def _lines(canvas: Canvas, frame: Frame, shown: Sequence[Points], glyphs: Glyphs) -> None:
    """Draw all curves. Where they share a cell, all their dots are seen, in the colour of the one with most."""
    inside = np.s_[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width]
    glyph, ink = canvas.glyph[inside], canvas.ink[inside]
    whole = np.zeros((frame.height, frame.width), np.uint8)
    most = np.zeros_like(whole)
    for points in shown:
        if points.x.size:
            bits = _bits(frame, points, glyphs)
            count = DOTS_IN[bits]
            ours, drawn = (bits > 0) & (count >= most), bits > 0
            whole |= bits
            letter = _marker(points.curve, glyphs) if points.curve.dotted else "*"
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
    glyph[row[first], column[first]] = ord(_marker(points.curve, glyphs))
    ink[row[first], column[first]] = points.curve.ink


def _beyond(canvas: Canvas, frame: Frame, shown: Sequence[Points], glyphs: Glyphs) -> None:
    """Mark what is clipped at the upper and lower edge, and what is not a number."""
    up, down, lost = "^vx" if glyphs is Glyphs.ASCII else ("▲", "▼", CROSS)
    slack = 1e-9 * max(abs(frame.low), abs(frame.high))
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


def _legend(
    canvas: Canvas, title: str, shown: Sequence[Points], glyphs: Glyphs, percent: bool, at: float | None
) -> None:
    """Write title, each curve's mark, name and last value, and the count of what is not a number."""
    plain = glyphs is Glyphs.ASCII
    column = canvas.text(0, 0, printable(title, canvas.width, plain), Ink.TITLE, Look.BOLD)
    room = canvas.width - column
    choices = [list(_entries(shown, glyphs, percent, length, at)) for length in NAME_LENGTHS]
    fitting = (entries for entries in choices if sum(len(text) + 2 for text, _ in entries) <= room)
    for text, ink in next(fitting, choices[-1]):
        column = column + 2 if column else 0
        if column + len(text) > canvas.width:
            return
        column = canvas.text(0, column, text, ink)


def _entries(
    shown: Sequence[Points], glyphs: Glyphs, percent: bool, length: int, at: float | None
) -> Iterator[tuple[str, int]]:
    """Return the parts of the legend with their inks, names in at most `length` cells."""
    plain = glyphs is Glyphs.ASCII
    if lost := sum(points.lost for points in shown):
        yield f"{short(lost, ascii=plain)} NaN/inf", Ink.ERROR
    for points in shown:
        curve = points.curve
        mark = _marker(curve, glyphs) if curve.dotted else "*" if plain else "━"
        last = _value_at(curve, at)
        value = as_percent(last, ascii=plain) if percent else short(last, ascii=plain)
        yield " ".join(filter(None, (mark, printable(curve.name, length, plain), value))), curve.ink


def _value_at(curve: Curve, at: float | None) -> float:
    """Return the value of a curve at a step, the newest one up to it; without a step the last; NaN without any."""
    y = np.asarray(curve.y).ravel()
    place = len(y) if at is None else int(np.searchsorted(np.asarray(curve.x).ravel()[: len(y)], at, "right"))
    return float(y[place - 1]) if place else math.nan


def _sentence(canvas: Canvas, row: int, text: str) -> None:
    middle = row + max(canvas.height - row - 1, 0) // 2
    text = text[: canvas.width]
    canvas.text(middle, (canvas.width - len(text)) // 2, text, Ink.MUTED)
