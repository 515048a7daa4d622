"""A list to choose from, over the panes."""

from __future__ import annotations

from deepeyes_tui.app.chooser import Chooser
from deepeyes_tui.app.panes.base import window, write
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable

MOST_NAME = 40
TOP = 2
"""Rows above the items."""


def draw_chooser(chooser: Chooser, width: int, height: int, ascii: bool) -> Canvas:
    """Draw the items around the cursor; what holds now has a star before it."""
    canvas = Canvas(width, height)
    canvas.text(0, 0, ("=" if ascii else "━") * width, Ink.ACCENT)
    write(canvas, 0, 1, [(f" {chooser.about} ", Ink.ACCENT, Look.BOLD)])
    names = [printable(item.name, MOST_NAME, ascii) for item in chooser.items]
    column = 6 + max(map(len, names))
    for row, place in enumerate(window(chooser.row, len(names), height - TOP), TOP):
        item, here = chooser.items[place], place == chooser.row
        if here:
            canvas.text(row, 0, ">" if ascii else "▸", Ink.ACCENT, Look.BOLD)
        canvas.text(row, 2, "*" if item.here else " ", Ink.GOOD)
        look = Look.BOLD | Look.REVERSE if here else Look.PLAIN
        canvas.text(row, 4, names[place], Ink.TITLE, look)
        canvas.text(row, column, printable(item.more, max(width - column - 1, 0), ascii), Ink.MUTED)
    return canvas


def chooser_row(chooser: Chooser, height: int, row: int) -> int | None:
    """Return the place of the item that is drawn in a row, if one is."""
    seen = window(chooser.row, len(chooser.items), height - TOP)
    return seen[row - TOP] if TOP <= row < TOP + len(seen) else None
