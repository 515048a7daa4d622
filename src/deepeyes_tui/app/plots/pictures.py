"""Pictures as half blocks, or by density, and where in the input a receptive field lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.cells import DENSITY
from deepeyes_tui.app.plots.glyphs import Codes, Glyphs, codes
from deepeyes_tui.app.plots.inks import Ink, Look, pixel_ink
from deepeyes_tui.app.plots.marks import BOXES
from deepeyes_tui.app.plots.pixels import LUMA
from deepeyes_tui.app.plots.raster import HALVES

Pixels = NDArray[np.uint8]
Float = NDArray[np.float64]

SHADES: Final = codes(" " + DENSITY)
"""From black to white where there are no colours: white has the most ink."""


def as_pixels(pixels: ArrayLike) -> Pixels:
    """Return a picture as `(h, w, 1 | 3) uint8`; raise ValueError for other shapes and types."""
    given = np.asarray(pixels)
    if given.dtype != np.uint8:
        raise ValueError(f"a picture has pixels of uint8, not {given.dtype}")
    if given.ndim == 2:
        given = given[:, :, None]
    if given.ndim != 3 or given.shape[2] not in (1, 3):
        raise ValueError(f"a picture has the shape (h, w), (h, w, 1) or (h, w, 3), not {given.shape}")
    return given


def image_size(h: int, w: int, max_width: int, max_height: int) -> tuple[int, int]:
    """Return columns and rows of a picture of `h x w` pixels; a cell is two square pixels high.

    The largest whole enlargement that fits; a larger picture is reduced to the room. (0, 0) without pixels or room.
    """
    if min(h, w, max_width, max_height) <= 0:
        return 0, 0
    times = min(max_width // w, 2 * max_height // h)
    if times:
        return w * times, -(-h * times // 2)
    part = min(max_width / w, 2 * max_height / h)
    return max(int(w * part + 1e-9), 1), -(-max(int(h * part + 1e-9), 1) // 2)


def draw_image(
    pixels: ArrayLike, width: int, height: int, glyphs: Glyphs = Glyphs.BRAILLE, colour: bool = True
) -> Canvas:
    """Draw a picture `(h, w)`, `(h, w, 1)` or `(h, w, 3)` of uint8 on a canvas of its `image_size`.

    Each cell shows two pixels, in 16 steps of red, green and blue; without colour, and in ASCII, how bright they are.
    Raises ValueError for other shapes and types.
    """
    given = as_pixels(pixels)
    columns, rows = image_size(given.shape[0], given.shape[1], width, height)
    canvas = Canvas(columns, rows)
    if not columns:
        return canvas
    sized = _resized(given, columns, rows)  # (2 rows or one less, columns, 1 | 3)
    if glyphs is Glyphs.ASCII or not colour:
        canvas.glyph[:] = _shades(sized, rows)
        return canvas
    ink = pixel_ink(*np.moveaxis(np.broadcast_to(sized, (*sized.shape[:2], 3)), 2, 0))
    canvas.glyph[:] = HALVES[1]
    canvas.ink[:] = ink[::2]
    canvas.ground[: len(ink) // 2] = ink[1::2]
    return canvas


def _resized(pixels: Pixels, columns: int, rows: int) -> Pixels:
    """Return a picture whose width is `columns` and whose height is two pixels a row, or one less."""
    h, w = pixels.shape[:2]
    if columns >= w and 2 * rows >= h:
        times = columns // w
        return pixels.repeat(times, axis=0).repeat(times, axis=1)
    lines = min(max(round(h * columns / w), 2 * rows - 1), 2 * rows)
    down, across = _means(h, lines), _means(w, columns)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float64)
    reduced: Float = down @ planes @ across.T  # (C, lines, columns)
    sized: Pixels = np.clip(np.rint(reduced), 0, 255).astype(np.uint8)
    return sized.transpose(1, 2, 0)


def _means(size: int, parts: int) -> Float:
    """Return weights `(parts, size)` that take the mean of equal parts of a line; each row sums to 1."""
    edges = np.linspace(0, size, parts + 1)
    left, right = edges[:-1, None], edges[1:, None]
    place = np.arange(size)
    covered: Float = np.clip(np.minimum(right, place + 1) - np.maximum(left, place), 0, None)
    covered /= covered.sum(axis=1, keepdims=True)
    return covered


def _shades(pixels: Pixels, rows: int) -> Codes:
    """Return the density of the mean of each pair of lines, `(rows, columns)`."""
    weights = LUMA if pixels.shape[2] == 3 else LUMA.sum(keepdims=True)
    light = pixels @ weights / LUMA.sum()
    even = np.vstack([light, light[-1:]])[: 2 * rows]
    shade: Codes = SHADES[((even[::2] + even[1::2]) / 2 * len(SHADES) / 256).astype(np.intp)]
    return shade


def draw_frame_in(
    outer: Sequence[int], box: Sequence[int], width: int, height: int, glyphs: Glyphs = Glyphs.BRAILLE
) -> Canvas:
    """Draw an input of `outer (H, W)` pixels as an outline, and the box `(y, x, h, w)` in it as a filled area.

    What of the box lies outside the input is not drawn. Raises ValueError if either has another number of sides.
    """
    if len(outer) != 2 or len(box) != 4:
        raise ValueError(f"an input is (H, W) and a box (y, x, h, w), not {tuple(outer)} and {tuple(box)}")
    h, w = outer
    part = min((width - 2) / w, 2 * (height - 2) / h) if min(h, w) > 0 else 0.0
    if min(width, height) < 3 or part <= 0:
        return Canvas(0, 0)
    columns, rows = max(round(w * part), 1), max(round(h * part / 2), 1)
    canvas = Canvas(columns + 2, rows + 2)
    upper_left, line, upper_right, side, lower_left, lower_right = tuple(BOXES[glyphs])
    canvas.text(0, 0, upper_left + line * columns + upper_right, Ink.MUTED)
    for row in range(1, rows + 1):
        canvas.text(row, 0, side, Ink.MUTED)
        canvas.text(row, columns + 1, side, Ink.MUTED)
    canvas.text(rows + 1, 0, lower_left + line * columns + lower_right, Ink.MUTED)
    y, x, high, wide = box
    down = _touched(y, high, h, 2 * rows).reshape(rows, 2)
    across = _touched(x, wide, w, columns)
    halves = (down @ np.array([1, 2]))[:, None] * across
    shape = np.where(halves > 0, ord("#"), ord(" ")) if glyphs is Glyphs.ASCII else HALVES[halves]
    canvas.glyph[1:-1, 1:-1] = shape
    canvas.ink[1:-1, 1:-1] = np.where(halves > 0, int(Ink.ACCENT), int(Ink.DEFAULT))
    canvas.look[1:-1, 1:-1] = np.where(halves > 0, int(Look.BOLD), int(Look.PLAIN))
    return canvas


def _touched(start: float, length: float, size: int, parts: int) -> NDArray[np.bool_]:
    """Return which of `parts` equal parts of a line of `size` have most of their own in a stretch: at least one."""
    low, high = (min(max(edge, 0), size) * parts / size for edge in (start, start + length))
    place = np.arange(parts)
    touched: NDArray[np.bool_] = np.minimum(high, place + 1) - np.maximum(low, place) >= 0.5
    if high > low and not touched.any():
        touched[min(int((low + high) / 2), parts - 1)] = True
    return touched
