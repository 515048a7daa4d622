"""What each ink looks like on a theme, in as many colours as the terminal has."""

from __future__ import annotations

import itertools
from enum import StrEnum
from typing import Final

from rich.style import Style

from deepeyes_tui.app.plots import color_tables
from deepeyes_tui.app.plots.inks import INK_BITS, LABELS, LEVELS, MORE_LABELS, Ink, Look
from deepeyes_tui.app.plots.pixels import pixels_256, pixels_ansi, true_pixels

MOST_STYLES: Final = 8192


class Theme(StrEnum):
    """What the colours are chosen for: a dark ground, a light one, or the terminal's own sixteen colours."""

    DARK = "dark"
    LIGHT = "light"
    ANSI = "ansi"


class Depth(StrEnum):
    """How many colours the terminal has."""

    TRUECOLOR = "truecolor"
    C256 = "256"
    C16 = "16"
    NONE = "none"


NAMED_ANSI: Final = {
    Ink.MUTED: "bright_black",
    Ink.FAINT: "bright_black",
    Ink.ACCENT: "blue",
    Ink.UP: "green",
    Ink.DOWN: "red",
    Ink.WARNING: "yellow",
    Ink.ERROR: "red",
    Ink.GOOD: "green",
    Ink.TRAINING: "blue",
    Ink.VALIDATION: "yellow",
    Ink.BAR: "cyan",
    Ink.UNDETECTED: "magenta",
    Ink.CURSOR: "cyan",
    Ink.ON_LOW: "bright_white",
    Ink.ON_HIGH: "black",
    Ink.MARKED: "bright_white",
    Ink.POINTER: "bright_cyan",
    Ink.GREYED: "bright_black",
    Ink.FALSE_NEIGHBOURS: "magenta",
    Ink.TEARS: "green",
    Ink.BOTH_WRONG: "bright_red",
}
RAMPS_ANSI: Final = {
    Ink.MAXIMUM: ["blue", "bright_blue", "cyan", "bright_green", "bright_yellow"],
    Ink.FREQUENCY: ["red", "bright_red", "bright_magenta", "bright_yellow"],
}
"""From dark to bright, whichever of the usual sixteen colours a terminal has."""
LABELS_ANSI: Final = (
    "magenta",
    "yellow",
    "red",
    "blue",
    "cyan",
    "green",
    "bright_magenta",
    "bright_green",
    "bright_red",
    "bright_blue",
    "bright_cyan",
    "bright_yellow",
)
"""For more than ten labels all twelve, in turn."""
SIZE: Final = len(color_tables.DARK.split())


def _ansi_table() -> list[str]:
    names = ["default"] * SIZE
    for ink, name in NAMED_ANSI.items():
        names[ink] = name
    names[Ink.LABEL : Ink.LABEL + LABELS] = LABELS_ANSI[:LABELS]
    names[Ink.LABELS_MORE : Ink.LABELS_MORE + MORE_LABELS] = itertools.islice(itertools.cycle(LABELS_ANSI), MORE_LABELS)
    for ramp, faded in ((Ink.MAXIMUM, Ink.MAXIMUM_FADED), (Ink.FREQUENCY, Ink.FREQUENCY_FADED)):
        own = [RAMPS_ANSI[ramp][level * len(RAMPS_ANSI[ramp]) // LEVELS] for level in range(LEVELS)]
        names[ramp : ramp + LEVELS] = own
        names[faded : faded + 3 * LEVELS] = ["bright_black"] * 2 * LEVELS + own
    return names


def _table(theme: Theme, depth: Depth) -> list[str]:
    """Return a colour an ink as rich reads it; `default` where there is none."""
    if depth is Depth.NONE:
        return ["default"] * SIZE
    if depth is Depth.C16 or theme is Theme.ANSI:
        return _ansi_table()
    tables = {
        (Theme.DARK, Depth.TRUECOLOR): color_tables.DARK,
        (Theme.DARK, Depth.C256): color_tables.DARK_256,
        (Theme.LIGHT, Depth.TRUECOLOR): color_tables.LIGHT,
        (Theme.LIGHT, Depth.C256): color_tables.LIGHT_256,
    }
    return [f"#{color}" for color in tables[theme, depth].split()]


def _pixels(theme: Theme, depth: Depth) -> list[str]:
    """Return what the colours of pictures look like; nothing without colours."""
    if depth is Depth.NONE:
        return []
    if depth is Depth.C16 or theme is Theme.ANSI:
        return pixels_ansi()
    return true_pixels() if depth is Depth.TRUECOLOR else pixels_256()


class Palette:
    """Styles for canvases, from a table that is filled as it is used.

    In sixteen colours or none, `SELECTED`, `CURSOR` and `BRUSH_EDGE` are shown by reversing, `BRUSH` by nothing. A
    faint text stays readable only where `FAINT` is used for lines, not for words.
    """

    def __init__(self, theme: Theme = Theme.DARK, depth: Depth = Depth.TRUECOLOR) -> None:
        self.theme = theme
        self.depth = depth
        self._colors = _table(theme, depth)
        self._reverses = depth in (Depth.NONE, Depth.C16) or theme is Theme.ANSI
        self._styles: dict[int, Style] = {}

    def color(self, ink: int) -> str:
        """Return an ink's colour as `#rrggbb`, as the name or number of an ANSI colour, or `default`."""
        if ink >= Ink.PIXEL:
            pixels = _pixels(self.theme, self.depth)
            return pixels[ink - Ink.PIXEL] if ink - Ink.PIXEL < len(pixels) else "default"
        return self._colors[ink] if 0 <= ink < SIZE else "default"

    def style(self, ink: int, ground: int = Ink.DEFAULT, look: int = Look.PLAIN) -> Style:
        """Return the style of a cell; never None. `DEFAULT` leaves the widget's own colour."""
        key = ink | ground << INK_BITS | look << 2 * INK_BITS
        style = self._styles.get(key)
        if style is None:
            if len(self._styles) >= MOST_STYLES:
                self._styles.clear()
            style = self._styles[key] = self._make(ink, ground, look)
        return style

    def _make(self, ink: int, ground: int, look: int) -> Style:
        chosen = Ink.SELECTED, Ink.CURSOR
        reversing = self._reverses and ground in (*chosen, Ink.BRUSH_EDGE)
        reverse = bool(look & Look.REVERSE) or ink in chosen or reversing
        if ground in chosen and not self._reverses and ink == Ink.DEFAULT:
            ink = Ink.ON_CURSOR
        plain_ink = ink in (Ink.DEFAULT, *chosen, Ink.ON_CURSOR) and not (ink == Ink.ON_CURSOR and not self._reverses)
        plain_ground = ground == Ink.DEFAULT or reversing
        return Style(
            color=None if plain_ink else self._named(ink),
            bgcolor=None if plain_ground else self._named(ground),
            bold=bool(look & Look.BOLD) or Ink.CURSOR in (ink, ground) or None,
            dim=bool(look & Look.DIM) or None,
            reverse=reverse or None,
            underline=bool(look & Look.UNDERLINE) or None,
        )

    def _named(self, ink: int) -> str | None:
        color = self.color(ink)
        return None if color == "default" else color
