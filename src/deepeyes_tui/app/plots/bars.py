"""Horizontal bars with their names and values, to compare layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.cells import cell_len

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.glyphs import Glyphs, codes
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent as as_percent
from deepeyes_tui.app.plots.numbers import printable, short

FILLING: Final = codes(" ▏▎▍▌▋▊▉█")
"""Nine fillings of a cell from the left, in eighths."""
SHORTEST: Final = 4
"""Columns under which a bar is left out, so that the numbers are read."""


def draw_bars(
    width: int,
    height: int,
    values: ArrayLike,
    names: Sequence[str],
    inks: int | Sequence[int] = Ink.BAR,
    *,
    errors: ArrayLike | None = None,
    top: float | None = None,
    percent: bool = False,
    glyphs: Glyphs = Glyphs.BRAILLE,
) -> Canvas:
    """Draw `values (n,)` one a row: name, bar, value, and the error `(n,)` behind it; what has no row is counted.

    A full bar is `top`: by default 1 for shares (`percent`), else the highest value. What is not a number has no bar.
    Raises ValueError if the lengths differ.
    """
    canvas = Canvas(width, height)
    given = np.asarray(values, np.float64).ravel()
    spread = np.full(given.size, np.nan) if errors is None else np.asarray(errors, np.float64).ravel()
    ink = [inks] * given.size if isinstance(inks, int) else list(inks)
    if not given.size == len(names) == spread.size == len(ink):
        raise ValueError(f"{given.size} bars need as many names, inks and errors")
    plain, shown = glyphs is Glyphs.ASCII, given.size if given.size <= canvas.height else max(canvas.height - 1, 0)
    pairs = zip(given[:shown].tolist(), spread[:shown].tolist(), strict=True)
    texts = [_value(value, error, percent, plain) for value, error in pairs]
    titles = [printable(name, max(canvas.width // 3, 1), plain) for name in names[:shown]]
    left = max(map(cell_len, titles), default=-1) + 1
    room = canvas.width - left - max(map(len, texts), default=0) - 1
    room = room if room >= SHORTEST else -1
    length = _eighths(given[:shown], top if top is not None else 1.0 if percent else None, room)
    for row, (title, text) in enumerate(zip(titles, texts, strict=True)):
        canvas.text(row, 0, title, Ink.MUTED)
        _bar(canvas, row, left, int(length[row]), ink[row], plain)
        canvas.text(row, left + room + 1, text)
    if shown < given.size:
        canvas.text(shown, 0, f"+ {given.size - shown} more", Ink.MUTED)
    return canvas


def _value(value: float, error: float, percent: bool, plain: bool) -> str:
    """Return a value as it is written, with its error if there is one."""
    text = as_percent(value, ascii=plain) if percent else short(value, ascii=plain)
    if not (math.isfinite(error) and math.isfinite(value)):
        return text
    sign = " +-" if plain else " ±"
    return text + sign + (as_percent(abs(error), ascii=plain) if percent else short(abs(error), ascii=plain))


def _eighths(values: NDArray[np.float64], top: float | None, room: int) -> NDArray[np.intp]:
    """Return the lengths of bars in eighths of a column; a bar of any length is seen."""
    known = np.nan_to_num(np.where(np.isinf(values), np.nan, values))
    full = float(known.max(initial=0)) if top is None else top
    if not (math.isfinite(full) and full > 0):
        return np.zeros(values.size, np.intp)
    length: NDArray[np.intp] = np.rint(np.clip(known, 0, full) / full * 8 * max(room, 0)).astype(np.intp)
    return np.where((known > 0) & (room > 0), np.maximum(length, 1), length)


def _bar(canvas: Canvas, row: int, left: int, length: int, ink: int, plain: bool) -> None:
    whole, rest = divmod(length, 8)
    if plain:
        canvas.text(row, left, "#" * max(whole + (rest >= 4), length > 0), ink)
        return
    canvas.text(row, left, "█" * whole + (chr(FILLING[rest]) if rest else ""), ink)
