"""The axes of a plot of curves: where they end, what is written at them, which cell a number falls into."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.curve_points import FAR, Float, Points
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent as as_percent
from deepeyes_tui.app.plots.numbers import short
from deepeyes_tui.app.plots.ticks import tick_step, ticks, x_axis_end

Range = tuple[float, float]
"""The least and the greatest value."""

TAIL: Final = 0.05
"""The share of values at either end that says nothing of how far the rest reaches."""
REACH: Final = 6.0
"""Times the distance of the tails from one another that a value lies beyond them to be far off."""
FEWEST: Final = 8
"""Below so many values none is far off."""
MOST_STEPS: Final = 1e15
"""Axes of steps end here."""


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


def draw_axes(
    canvas: Canvas,
    shown: Sequence[Points],
    top: int,
    *,
    x_max: float | None,
    y_range: Range | None,
    log: bool,
    percent: bool,
    glyphs: Glyphs,
) -> Frame:
    """Draw the axes from row `top` on; return what is left for the curves."""
    below = 2 if canvas.height - top >= 8 else 1 if canvas.height - top >= 3 else 0
    rows = canvas.height - top - below
    low, high, step = _bounds(shown, y_range, log, rows)
    places = ticks(low, high, step)
    labels = [_label(10.0 ** min(max(place, -300), 300) if log else place, percent, glyphs, step) for place in places]
    left = max(map(len, labels), default=0)
    left = left + 1 if left and canvas.width >= left + 10 else 0
    frame = Frame(top, left, canvas.width - left, rows, _x_end(shown, x_max), low, high)
    if frame.width > 0 and frame.height > 0:
        _y_axis(canvas, frame, places, labels, glyphs)
        if below:
            _x_axis(canvas, frame, below, glyphs)
    return frame


def robust_bounds(values: Float) -> Range:
    """Return the least and greatest value that are not far off the others.

    Far off is what lies more than `REACH` times the distance of the 5th to the 95th percentile beyond these.
    """
    if values.size < FEWEST:
        return float(values.min()), float(values.max())
    ordered = np.sort(values)
    low, high = ordered[math.ceil(TAIL * (values.size - 1))], ordered[math.floor((1 - TAIL) * (values.size - 1))]
    reach = REACH * max(high - low, 0.01 * abs(high), 1e-12)
    near = ordered[(ordered >= low - reach) & (ordered <= high + reach)]
    return float(near[0]), float(near[-1])


def _bounds(shown: Sequence[Points], given: Range | None, log: bool, rows: int) -> tuple[float, float, float]:
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


def _given(pair: Range | None, log: bool) -> Range | None:
    """Return the range that was asked for, if it can be drawn; logarithms on a log axis."""
    if pair is None or not -FAR < pair[0] < pair[1] < FAR or (log and pair[0] <= 1 / FAR):
        return None
    return (math.log10(pair[0]), math.log10(pair[1])) if log else pair


def _x_end(shown: Sequence[Points], x_max: float | None) -> float:
    """Return where the axis of steps ends: at `x_max` if that can be, else behind the last point."""
    if x_max is not None and math.isfinite(x_max) and x_max > 0:
        return float(min(x_max, MOST_STEPS))
    last = max((float(points.x.max()) for points in shown if points.x.size), default=0.0)
    return float(x_axis_end(math.ceil(min(last, MOST_STEPS))))


def _label(value: float, percent: bool, glyphs: Glyphs, step: float) -> str:
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
