"""What the colours and shapes of a heatmap mean, in a row or two."""

from __future__ import annotations

from typing import Final

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.cells import DENSITY, PAIRS, UNKNOWN
from deepeyes_tui.app.plots.glyphs import ALWAYS_ON, DEAD, Glyphs
from deepeyes_tui.app.plots.inks import FADED, FADES, LEVELS, TEXT_FROM, Ink, Look
from deepeyes_tui.app.plots.numbers import percent, printable, short

LATE: Final = "last step at 80 % of the maximum"
GAP: Final = 3


def draw_legend(
    width: int,
    *,
    ramp: int,
    low: float,
    high: float,
    unit: str = "",
    glyphs: Glyphs = Glyphs.BRAILLE,
    colour: bool = True,
    half: bool = False,
    unseen: bool = False,
    rows: int = 1,
) -> Canvas:
    """Draw the ramp with its ends, the marks, and what the size (in half cells: the faintness) says.

    With `unseen`, the mark of what is not known is among them.

    One row holds as much as fits; with `rows=2` the size has the second row to itself. `unit` `%` writes shares of 1.
    """
    canvas = Canvas(width, max(rows, 1))
    column = _ramp(canvas, ramp, low, high, unit, glyphs, colour)
    marks = [(UNKNOWN, "not known yet", Ink.MUTED)] if unseen else []
    marks += [(DEAD[glyphs], "dead", Ink.DOWN), (ALWAYS_ON[glyphs], "always on", Ink.WARNING)]
    for mark, name, ink in marks:
        if column + GAP + len(name) + 2 <= canvas.width:
            column = canvas.text(0, column + GAP, mark, ink)
            column = canvas.text(0, column + 1, name, Ink.MUTED)
    _sizes(canvas, 0 if rows < 2 else 1, column + GAP if rows < 2 else 0, ramp, glyphs, colour, half)
    return canvas


def _ramp(canvas: Canvas, ramp: int, low: float, high: float, unit: str, glyphs: Glyphs, colour: bool) -> int:
    plain = glyphs is Glyphs.ASCII
    first, last = (percent(n, ascii=plain) if unit == "%" else short(n, ascii=plain) for n in (low, high))
    if unit and unit != "%":
        last += " " + printable(unit, 16, plain)
    by_value = plain or not colour
    shapes = (DENSITY if plain else "▁▂▃▄▅▆▇") if by_value else "█" * LEVELS
    first_level = TEXT_FROM if by_value else 0
    column = canvas.text(0, 0, first + " ", Ink.MUTED)
    for number, shape in enumerate(shapes):
        column = canvas.text(
            0, column, shape, ramp + first_level + number * (LEVELS - 1 - first_level) // (len(shapes) - 1)
        )
    return canvas.text(0, column, " " + last, Ink.MUTED)


def _sizes(canvas: Canvas, row: int, column: int, ramp: int, glyphs: Glyphs, colour: bool, half: bool) -> None:
    """Write the meaning of size, faintness or dimness, in as many words as fit."""
    top = int(ramp) + LEVELS - 1
    by_look = glyphs is Glyphs.ASCII or not colour
    if by_look:
        shape = "#" if glyphs is Glyphs.ASCII else "▅"
        word, samples = "dim", [(shape, top, int(Look.DIM)), (shape, top, int(Look.PLAIN))]
    elif half:
        word = "faint"
        samples = [("█", FADED[Ink(ramp)] + step * LEVELS + LEVELS - 1, 0) for step in range(FADES)] + [("█", top, 0)]
    else:
        word, samples = "size", [(pair.strip(), top, 0) for pair in PAIRS]
    length = sum(len(text) + 1 for text, _, _ in samples)
    # Two looks of one shape are no two shapes: where only little fits, words say which is which.
    least = ("dim: old ", "") if by_look else ("old ", "new")
    for before, after in ((f"{word}: {LATE}  long ago ", "now"), (f"{word}: {LATE} ", ""), least):
        if column + len(before) + length + len(after) <= canvas.width:
            column = canvas.text(row, column, before, Ink.MUTED)
            for text, ink, look in samples:
                column = canvas.text(row, column, text, ink, look) + 1
            canvas.text(row, column, after, Ink.MUTED)
            return
