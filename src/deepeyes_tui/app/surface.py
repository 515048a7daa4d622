"""The widget that shows the scene. All panes are on one surface: each picture is compared with the last as a whole,
and only spans of cells that differ are sent, also when another view is opened.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.style import Style
from textual.events import Resize
from textual.filter import LineFilter
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from deepeyes_tui.app.layout import Arrangement
from deepeyes_tui.app.moves import Room
from deepeyes_tui.app.picture import Painter
from deepeyes_tui.app.plots.canvas import CONTINUED, Canvas
from deepeyes_tui.app.plots.palette import Palette
from deepeyes_tui.app.scene import Scene

BRIDGE = 8
"""Equal cells between two spans that cost no more to send than to jump over."""


class Surface(Widget):
    """Draws `scene` when it changes, and nothing otherwise."""

    DEFAULT_CSS = "Surface { width: 100%; height: 100%; }"

    scene: reactive[Scene] = reactive(Scene, repaint=False, init=False)

    def __init__(self, palette: Palette, base: Style) -> None:
        super().__init__()
        self._styles_of: dict[tuple[int, int, int], Style] = {}
        self._painter = Painter()
        self._canvas: Canvas | None = None
        self._strips: list[Strip] = []
        self._palette, self._base = palette, base
        self.arrangement: Arrangement | None = None

    def use(self, palette: Palette, base: Style) -> None:
        """Draw with other colours from now on; `base` is laid under every style."""
        self._palette, self._base = palette, base
        self._styles_of.clear()
        self._canvas = None
        self._draw()

    @property
    def room(self) -> Room:
        """The room of the pane in focus."""
        width, height = self.size
        box = self.arrangement.panes.get(self.scene.desk.focus) if self.arrangement else None
        if box is None or self.scene.desk.help:
            return Room(width, max(height - 5, 1))
        return Room(box.width, box.height - 1)

    @property
    def canvas(self) -> Canvas:
        """What is shown."""
        return self._canvas if self._canvas is not None else Canvas(0, 0)

    def watch_scene(self) -> None:
        """Show another scene."""
        self._draw()

    def on_resize(self, _: Resize) -> None:
        """Draw everything anew."""
        self._canvas = None
        self._draw()

    def render_line(self, y: int) -> Strip:
        """Return a row of the picture; before there is one, an empty row."""
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self._base)

    def get_line_filters(self) -> list[LineFilter]:
        """Return nothing: the styles are already what the terminal can show."""
        return []

    def _draw(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        picture = self._painter.draw(self.scene, width, height)
        self.arrangement = picture.arrangement
        before, self._canvas = self._canvas, picture.canvas
        if before is None or before.glyph.shape != picture.canvas.glyph.shape:
            self._strips = picture.canvas.strips(self._style)
            self.refresh()
            return
        spans = list(changed_spans(before, picture.canvas))
        rows = sorted({y for y, _, _ in spans})
        for y, strip in zip(rows, rows_of(picture.canvas, rows).strips(self._style), strict=True):
            self._strips[y] = strip
        if spans:
            self.refresh(*(Region(x1, y, x2 - x1, 1) for y, x1, x2 in spans))

    def _style(self, ink: int, ground: int, look: int) -> Style:
        key = ink, ground, look
        style = self._styles_of.get(key)
        if style is None:
            style = self._styles_of[key] = self._base + self._palette.style(ink, ground, look)
        return style


def rows_of(canvas: Canvas, rows: list[int]) -> Canvas:
    """Return a canvas of some rows of another."""
    part = Canvas(canvas.width, len(rows))
    for name in canvas.__slots__:
        getattr(part, name)[:] = getattr(canvas, name)[rows]
    return part


def changed_spans(before: Canvas, after: Canvas) -> Iterator[tuple[int, int, int]]:
    """Yield row, first column and the one behind the last of what differs between two canvases of one size."""
    differs = np.zeros(after.glyph.shape, bool)
    for name in after.__slots__:
        differs |= getattr(before, name) != getattr(after, name)
    for y in np.flatnonzero(differs.any(axis=1)).tolist():
        columns = np.flatnonzero(differs[y])
        ends = np.flatnonzero(np.diff(columns) > BRIDGE)
        starts = [int(columns[0]), *columns[ends + 1].tolist()]
        stops = [*(columns[ends] + 1).tolist(), int(columns[-1]) + 1]
        for x1, x2 in zip(starts, stops, strict=True):
            yield y, x1 - _within_wide(before, after, y, x1), x2 + _within_wide(before, after, y, x2)


def _within_wide(before: Canvas, after: Canvas, y: int, x: int) -> bool:
    """Return whether a cell is the second half of a glyph two cells wide, before or now."""
    return 0 < x < after.width and CONTINUED in (before.glyph[y, x], after.glyph[y, x])
