"""The colours of a cell in a picture: what a style looks like on a terminal."""

from __future__ import annotations

from typing import Final

from rich.color import Color, blend_rgb
from rich.color_triplet import ColorTriplet
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.palette import Palette, Theme
from deepeyes_tui.app.themes import GROUNDS

FADED: Final = 0.5
"""How far a dim text goes towards its ground."""
SIXTEEN: Final = {
    Theme.DARK: "16191f d0453f 4fae62 c9a23f 4f87dc b561c9 45b3bd c9ced6"
    " 7b848f ff7a70 7ddc90 ecc862 7fb2ff d98fe6 74dbe4 ffffff",
    Theme.LIGHT: "24292f b3261e 1a7434 8a6100 0b57b4 8127a0 0a7480 8a929b"
    " 626a73 d8352b 23903f a57400 1f6fd6 9c3fbd 0f8c9a 404750",
}
"""The terminal's own colours, normal and bright, red-green-blue."""


def terminal_of(theme: Theme) -> TerminalTheme:
    """Return a terminal for a theme: a light one for `LIGHT`, a dark one for all others."""
    own = Theme.LIGHT if theme is Theme.LIGHT else Theme.DARK
    colours: list[tuple[int, int, int]] = [_parts(f"#{colour}") for colour in SIXTEEN[own].split()]
    return TerminalTheme(_parts(GROUNDS[own]), _parts(Palette(own).color(Ink.DEFAULT)), colours[:8], colours[8:])


def colors_of(style: Style, terminal: TerminalTheme) -> tuple[ColorTriplet, ColorTriplet]:
    """Return the colours of a cell's glyph and of its ground."""
    default = Color.default()
    glyph = (style.color or default).get_truecolor(terminal, foreground=True)
    ground = (style.bgcolor or default).get_truecolor(terminal, foreground=False)
    if style.reverse:
        glyph, ground = ground, glyph
    return (blend_rgb(glyph, ground, FADED) if style.dim else glyph), ground


def _parts(colour: str) -> ColorTriplet:
    return Color.parse(colour).get_truecolor()
