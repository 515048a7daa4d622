"""One picture of the screen as text, with colours or without, for standard output."""

from __future__ import annotations

from rich.color import ColorSystem

from deepeyes_tui.app.output import RESET, codes_of
from deepeyes_tui.app.picture import draw_picture
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.terminal import Terminal
from deepeyes_tui.app.themes import base_style, usable

SYSTEMS = {
    Depth.TRUECOLOR: ColorSystem.TRUECOLOR,
    Depth.C256: ColorSystem.EIGHT_BIT,
    Depth.C16: ColorSystem.STANDARD,
    Depth.NONE: None,
}


def still(scene: Scene, size: tuple[int, int], terminal: Terminal, theme: str, plain: bool) -> str:
    """Return the screen at a size in cells, `plain` without any escape sequence."""
    canvas = draw_picture(scene, *size).canvas
    if plain:
        return "".join(f"{line.rstrip()}\n" for line in canvas.lines())
    depth = Depth(terminal.depth)
    look = Theme(theme) if Theme(theme) in usable(depth) else Theme.ANSI
    palette = Palette(look, depth)
    base, codes = base_style(look, palette), codes_of(SYSTEMS[depth])
    rows = []
    for strip in canvas.strips(lambda ink, ground, look: base + palette.style(ink, ground, look)):
        parts = [f"\x1b[0;{codes(segment.style)}m{segment.text}" for segment in strip]
        rows.append("".join(parts).replace("\x1b[0;m", RESET) + f"{RESET}\n")
    return "".join(rows)
