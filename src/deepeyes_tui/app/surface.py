"""The widget that shows the scene. All panes are on one surface: each picture is compared with the last as a whole,
and only spans of cells that differ are sent, also when another view is opened.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rich.style import Style
from textual.events import Resize
from textual.filter import LineFilter
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from deepeyes_tui.app.layout import Arrangement
from deepeyes_tui.app.output import Patch, Span
from deepeyes_tui.app.picture import Painter
from deepeyes_tui.app.plots.canvas import CONTINUED, Canvas
from deepeyes_tui.app.plots.palette import MOST_STYLES, Palette
from deepeyes_tui.app.room import Room
from deepeyes_tui.app.scene import Scene

BRIDGE = 8
"""Equal cells between two spans that cost no more to send than to jump over."""


class Surface(Widget):
    """Draws `scene` when it changes, and nothing otherwise."""

    DEFAULT_CSS = "Surface { width: 100%; height: 100%; }"

    scene: reactive[Scene] = reactive(Scene, repaint=False, init=False)

    def __init__(self, palette: Palette, base: Style, send: Callable[[Patch], bool]) -> None:
        super().__init__()
        self._send = send
        self._styles_of: dict[tuple[int, int, int], Style] = {}
        self._painter = Painter()
        self._canvas: Canvas | None = None
        self._strips: dict[int, Strip] = {}
        self.palette, self.base = palette, base
        self.arrangement: Arrangement | None = None

    def use(self, palette: Palette, base: Style) -> None:
        """Draw with other colours from now on; `base` is laid under every style."""
        self.palette, self.base = palette, base
        self._styles_of.clear()
        self._canvas = None
        self._draw()

    @property
    def room(self) -> Room:
        """The room of the pane in focus."""
        width, height = self.size
        box = self.arrangement.panes.get(self.scene.desk.focus) if self.arrangement else None
        if box is None or self.scene.desk.help or self.scene.desk.proposal is not None:
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
        if self._canvas is None or y >= self._canvas.height:
            return Strip.blank(self.size.width, self.base)
        if y not in self._strips:
            self._strips[y] = row_of(self._canvas, y).strips(self._style)[0]
        return self._strips[y]

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
            self._strips.clear()
            self.refresh()
            return
        spans = changed_spans(before, picture.canvas)
        if not spans:
            return
        for y, _, _ in spans:
            self._strips.pop(y, None)
        # What textual keeps of the old rows; they are asked for again when something is laid over the surface.
        self._styles_cache.clear()
        if not self._send(Patch(picture.canvas, spans, self._style)):
            self.refresh(*(Region(x1, y, x2 - x1, 1) for y, x1, x2 in spans))

    def _style(self, ink: int, ground: int, look: int) -> Style:
        key = ink, ground, look
        style = self._styles_of.get(key)
        if style is None:
            if len(self._styles_of) >= MOST_STYLES:
                self._styles_of.clear()
            style = self._styles_of[key] = self.base + self.palette.style(ink, ground, look)
        return style


def row_of(canvas: Canvas, y: int) -> Canvas:
    """Return a canvas of one row of another."""
    part = Canvas(canvas.width, 1)
    for name in canvas.__slots__:
        getattr(part, name)[0] = getattr(canvas, name)[y]
    return part


def changed_spans(before: Canvas, after: Canvas) -> list[Span]:
    """Return row, first column and the one behind the last of what differs between two canvases of one size."""
    differs = np.zeros(after.glyph.shape, bool)
    for name in after.__slots__:
        differs |= getattr(before, name) != getattr(after, name)
    # Both halves of a glyph two cells wide change together.
    halves = (before.glyph == CONTINUED) | (after.glyph == CONTINUED)
    differs[:, :-1] |= halves[:, 1:] & differs[:, 1:]
    differs[:, 1:] |= halves[:, 1:] & differs[:, :-1]
    rows, columns = np.nonzero(differs)
    if not len(rows):
        return []
    ends = np.flatnonzero((np.diff(rows) > 0) | (np.diff(columns) > BRIDGE))
    starts, stops = np.concatenate(([0], ends + 1)), np.concatenate((ends, [len(rows) - 1]))
    return list(zip(rows[starts].tolist(), columns[starts].tolist(), (columns[stops] + 1).tolist(), strict=True))
