"""A Textual app that draws only what changed, and only as fast as its terminal can take it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast

from rich.console import RenderableType
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.screen import Screen

from deepeyes_tui.app.output import Frame, Output, Patch
from deepeyes_tui.app.pacing import Pacer
from deepeyes_tui.app.plots.palette import Depth
from deepeyes_tui.app.terminal import Terminal

UNFOCUSED_INTERVAL = 1.0
"""Seconds between two pictures while the terminal says that nobody looks at it."""
CURSOR_QUESTION = "\x1b[6n"


class PacedApp(App[None], inherit_bindings=False):
    """Sends pictures of data when `may_draw`; what a key changes is sent at once."""

    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False

    def __init__(self, terminal: Terminal, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._looked_at, self._drawn_at = True, 0.0
        self._asks_when_drawn = False
        self.depth = Depth(terminal.depth)
        self.pacer = Pacer(self._ask_terminal if terminal.asks else None, terminal.kbps, clock)
        system = self.console._color_system if self.depth is not Depth.NONE else None
        self.output = Output(system, self.pacer.bucket.spend)

    def may_draw(self) -> bool:
        """Return whether a picture of new data may be sent now; if so, it is counted as sent."""
        now = self._clock()
        if not self.pacer.ready() or (not self._looked_at and now - self._drawn_at < UNFOCUSED_INTERVAL):
            return False
        self._drawn_at, self._asks_when_drawn = now, True
        return True

    def send_patch(self, screen: Screen[object], patch: Patch) -> bool:
        """Send changed cells of a screen, unless something lies over it or all of it is about to be sent."""
        if screen is not self.screen or screen._layout_required or self._batch_count:
            return False
        self._display(screen, cast("RenderableType", Frame(patch, self.output)))
        return True

    def _ask_terminal(self) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(CURSOR_QUESTION)

    def on_cursor_position(self, _: events.CursorPosition) -> None:
        """The terminal has drawn everything that was sent."""
        self.pacer.answered()

    def on_app_blur(self) -> None:
        """Draw less often: nobody looks."""
        self._looked_at = False

    def on_app_focus(self) -> None:
        """Draw as often as usual."""
        self._looked_at = True

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, ChopsUpdate | LayoutUpdate):
            renderable = cast("RenderableType", Frame(renderable, self.output))
        super()._display(screen, renderable)
        if self._asks_when_drawn and renderable is not None and not self.is_headless:
            self._asks_when_drawn = False
            self.pacer.sent()
