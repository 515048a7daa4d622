"""Small curves of signals, with the stretch that an instance sees set off from what lies about it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.raster import DOTS, bit_glyphs, cell_bits, path

Floats = NDArray[np.float64]

CHANNELS: Final = (Ink.TRAINING, Ink.VALIDATION, Ink.BAR)
LETTERS: Final = "*+o"
MARGIN: Final = 0.02
"""Of the values at either end that may lie beyond the scale."""


def scale_of(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the least and the greatest of values, but for a few far off; equal ones get room about them."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return 0.0, 1.0
    low, high = np.quantile(finite, (MARGIN, 1 - MARGIN)) if finite.size > 500 else (finite.min(), finite.max())
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        room = max(abs(high) * 0.1, 1e-6)
        return float(low - room), float(high + room)
    return float(low), float(high)


def draw_signal(
    values: NDArray[np.float32],
    width: int,
    height: int,
    scale: tuple[float, float],
    *,
    own: tuple[float, float] = (0.0, 1.0),
    spread: NDArray[np.float32] | None = None,
    glyphs: Glyphs = Glyphs.BRAILLE,
) -> Canvas:
    """Draw channels `(C, W)` as curves over the whole width; NaN is a gap, what lies beyond the scale at its edge.

    `own` is the stretch that the instance sees, as shares of the width: bold, the rest is grey. A `spread (C, W)` is
    drawn as a faint band about the curves.
    """
    canvas = Canvas(width, height)
    if spread is not None:
        for channel, around in zip(values, spread, strict=True):
            _band(canvas, channel - around, channel + around, scale, glyphs)
    for number, channel in enumerate(values):
        _curve(canvas, channel, scale, CHANNELS[number % len(CHANNELS)], LETTERS[number % len(LETTERS)], own, glyphs)
    return canvas


def _dots(
    values: NDArray[np.float32], width: int, height: int, scale: tuple[float, float], glyphs: Glyphs
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return column and row of each value's dot, and which values there are."""
    across, down = DOTS[glyphs]
    known = np.isfinite(values)
    share = (np.where(known, values, scale[0]).astype(np.float64) - scale[0]) / (scale[1] - scale[0])
    x = np.rint(np.linspace(0, max(width * across - 1, 0), len(values))).astype(np.intp)
    y = np.rint((1 - np.clip(share, 0, 1)) * max(height * down - 1, 0)).astype(np.intp)
    return x, y, known


def _curve(
    canvas: Canvas,
    values: NDArray[np.float32],
    scale: tuple[float, float],
    ink: int,
    letter: str,
    own: tuple[float, float],
    glyphs: Glyphs,
) -> None:
    x, y, known = _dots(values, canvas.width, canvas.height, scale, glyphs)
    linked = np.diff(np.flatnonzero(known)) == 1
    bits = cell_bits(canvas.width, canvas.height, *path(x[known], y[known], linked), glyphs)
    drawn = bits > 0
    column = np.arange(canvas.width)
    first, last = int(own[0] * canvas.width), max(int(np.ceil(own[1] * canvas.width)), int(own[0] * canvas.width) + 1)
    mine = np.broadcast_to((column >= first) & (column < last), drawn.shape)
    canvas.glyph[drawn] = bit_glyphs(bits, glyphs, letter)[drawn]
    canvas.ink[drawn & mine], canvas.look[drawn & mine] = ink, Look.BOLD
    canvas.ink[drawn & ~mine], canvas.look[drawn & ~mine] = Ink.MUTED, Look.PLAIN


def _band(
    canvas: Canvas, low: NDArray[np.float32], high: NDArray[np.float32], scale: tuple[float, float], glyphs: Glyphs
) -> None:
    x, bottom, known = _dots(low, canvas.width, canvas.height, scale, glyphs)
    top = _dots(high, canvas.width, canvas.height, scale, glyphs)[1]
    rows = np.arange(canvas.height * DOTS[glyphs][1])[:, None]
    y, number = np.nonzero((rows >= top) & (rows <= bottom) & known)
    bits = cell_bits(canvas.width, canvas.height, x[number], y, glyphs)
    drawn = bits > 0
    canvas.glyph[drawn] = bit_glyphs(bits, glyphs, ".")[drawn]
    canvas.ink[drawn] = Ink.FAINT
