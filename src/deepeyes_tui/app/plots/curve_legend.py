"""The row above a plot of curves: its title, and each curve's mark, name and value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.curve_points import Points
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent as as_percent
from deepeyes_tui.app.plots.numbers import printable, short

NAME_LENGTHS: Final = (24, 10, 5, 0)
"""Cells for a curve's name: the first that lets all curves in."""


def draw_curve_legend(
    canvas: Canvas, title: str, shown: Sequence[Points], *, glyphs: Glyphs, percent: bool, at: float | None
) -> None:
    """Write title, the count of what is not a number, and each curve's mark, name and value.

    The values are those at step `at`, without one the last.
    """
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
        mark = curve.marker_in(glyphs) if curve.dotted else "*" if plain else "━"
        value = curve.value_at(at)
        number = as_percent(value, ascii=plain) if percent else short(value, ascii=plain)
        yield " ".join(filter(None, (mark, printable(curve.name, length, plain), number))), curve.ink
