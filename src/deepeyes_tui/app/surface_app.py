"""A Textual app whose screen is one surface: the scene on it, the theme it is drawn in, pictures of it."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult

from deepeyes_tui.app.paced import PacedApp
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.plots.palette import Palette, Theme
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.surface import Surface
from deepeyes_tui.app.terminal import Terminal
from deepeyes_tui.app.themes import base_style, textual_theme, usable


class SurfaceApp(PacedApp, inherit_bindings=False):
    """Shows a scene in the colours of a theme, or in the terminal's own where it has too few for that."""

    CSS = "Screen { overflow: hidden; }"

    def __init__(self, terminal: Terminal, theme: Theme, clock: Callable[[], float]) -> None:
        super().__init__(terminal, clock)
        self.look = theme if theme in usable(self.depth) else Theme.ANSI
        palette = Palette(self.look, self.depth)
        self.surface = Surface(
            palette, base_style(self.look, palette), lambda patch: self.send_patch(self.surface.screen, patch)
        )
        self.surface.can_focus = True

    @property
    def scene(self) -> Scene:
        """What is shown."""
        return self.surface.scene

    @scene.setter
    def scene(self, scene: Scene) -> None:
        self.surface.scene = scene

    def compose(self) -> ComposeResult:
        """Return the one widget."""
        yield self.surface

    def use_theme(self, theme: Theme) -> None:
        """Draw with the colours of a theme."""
        self.look = theme
        palette = Palette(theme, self.depth)
        self.surface.use(palette, base_style(theme, palette))
        self._theme_widgets()

    def _theme_widgets(self) -> None:
        """Have textual's own widgets, which may lie over the surface, drawn with the same colours."""
        theme = textual_theme(self.look, Palette(self.look, self.depth))
        if theme is not None and theme.name not in self.available_themes:
            self.register_theme(theme)
        self.theme = theme.name if theme is not None else "ansi-dark"

    def redraw(self) -> None:
        """Send all of the screen again, whatever the terminal shows."""
        self.output.forget()
        self.refresh(repaint=True)

    def screen_svg(self) -> str:
        """Return a picture of the screen."""
        svg = self.export_screenshot(title=printable(self.scene.run, 60))
        # Some programs drop the spaces at the beginning of a text.
        return svg.replace("<text ", '<text xml:space="preserve" ')

    def screen_png(self) -> bytes:
        """Return a picture of the surface in pixels; nothing where none can be made."""
        from deepeyes_tui.app.png import png_available, png_of

        if not (png_available() and self.surface.canvas.glyph.size):
            return b""
        return png_of(self.surface.canvas, self.surface.palette, self.surface.base)
