"""The three themes: colours of plots, and of what textual draws itself, kept together."""

from __future__ import annotations

from rich.style import Style
from textual.theme import Theme as TextualTheme

from deepeyes_tui.app.plots.color_tables import DARK_GROUND, LIGHT_GROUND
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme

GROUNDS = {Theme.DARK: DARK_GROUND, Theme.LIGHT: LIGHT_GROUND}
PANELS = {Theme.DARK: "#1a1f27", Theme.LIGHT: "#eeeeec"}
COLOURED = (Depth.TRUECOLOR, Depth.C256)


def usable(depth: Depth) -> tuple[Theme, ...]:
    """Return the themes that a terminal can show: with few colours only its own."""
    return tuple(Theme) if depth in COLOURED else (Theme.ANSI,)


def next_theme(theme: Theme, depth: Depth) -> Theme:
    """Return the theme after this one."""
    themes = usable(depth)
    return themes[(themes.index(theme) + 1) % len(themes)]


def base_style(theme: Theme, palette: Palette) -> Style:
    """Return what lies under every style: text and ground, or nothing where both are the terminal's own."""
    if theme is Theme.ANSI:
        return Style()
    return Style(color=palette.color(Ink.DEFAULT), bgcolor=GROUNDS[theme])


def textual_theme(theme: Theme, palette: Palette) -> TextualTheme | None:
    """Return what textual's own widgets look like; None: its theme of the terminal's own colours."""
    if theme is Theme.ANSI:
        return None
    return TextualTheme(
        name=f"deepeyes-{theme}",
        primary=palette.color(Ink.ACCENT),
        accent=palette.color(Ink.ACCENT),
        warning=palette.color(Ink.WARNING),
        error=palette.color(Ink.ERROR),
        success=palette.color(Ink.GOOD),
        foreground=palette.color(Ink.DEFAULT),
        background=GROUNDS[theme],
        surface=PANELS[theme],
        panel=PANELS[theme],
        dark=theme is Theme.DARK,
    )
