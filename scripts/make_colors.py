"""Write `plots/color_tables.py`: every ink's colour on a dark and a light background, and its nearest of 256.

python scripts/make_colors.py        (needs `cmap`)
"""

from __future__ import annotations

from pathlib import Path

from cmap import Colormap
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from rich.palette import Palette

from deepeyes_tui.app.plots.inks import FADES, LEVELS, Ink

TARGET = Path(__file__).parents[1] / "src/deepeyes_tui/app/plots/color_tables.py"
SIZE = int(Ink.FREQUENCY_FADED) + FADES * LEVELS
GROUND = {"DARK": "#0e1116", "LIGHT": "#fbfbfa"}
KEEPS = (0.34, 0.52, 0.75)
NAMED = {
    "DARK": {
        Ink.DEFAULT: "#d6dbe1",
        Ink.MUTED: "#8d96a1",
        Ink.FAINT: "#464d57",
        Ink.ACCENT: "#6cb0f5",
        Ink.TITLE: "#eef1f4",
        Ink.UP: "#00b383",
        Ink.DOWN: "#e06a12",
        Ink.WARNING: "#e6b450",
        Ink.ERROR: "#ff7a70",
        Ink.GOOD: "#5fce7c",
        Ink.TRAINING: "#5fb0ff",
        Ink.VALIDATION: "#ffb454",
        Ink.BAR: "#86a9cf",
        Ink.UNDETECTED: "#d99ae0",
        Ink.SELECTED: "#f4f6f8",
        Ink.CURSOR: "#4fe3ff",
        Ink.ON_LOW: "#ffffff",
        Ink.ON_HIGH: "#000000",
        Ink.ON_CURSOR: "#000000",
    },
    "LIGHT": {
        Ink.DEFAULT: "#24292f",
        Ink.MUTED: "#626a73",
        Ink.FAINT: "#c3c8ce",
        Ink.ACCENT: "#0b63c4",
        Ink.TITLE: "#14181d",
        Ink.UP: "#007a59",
        Ink.DOWN: "#b54a00",
        Ink.WARNING: "#8a6100",
        Ink.ERROR: "#c4221b",
        Ink.GOOD: "#1a7434",
        Ink.TRAINING: "#0b63c4",
        Ink.VALIDATION: "#a45400",
        Ink.BAR: "#4f7199",
        Ink.UNDETECTED: "#8f3f9b",
        Ink.SELECTED: "#14181d",
        Ink.CURSOR: "#d1006f",
        Ink.ON_LOW: "#000000",
        Ink.ON_HIGH: "#ffffff",
        Ink.ON_CURSOR: "#ffffff",
    },
}
LABELS = {
    "DARK": [
        "#c527ff",
        "#fafc16",
        "#d9522a",
        "#97a5f9",
        "#61eefd",
        "#d0ffd0",
        "#a7c555",
        "#938a75",
        "#d3a7ba",
        "#5a859c",
    ],
    "LIGHT": [color.hex for color in Colormap("petroff10").iter_colors()],
}
RAMPS = {
    Ink.MAXIMUM: ("viridis", 0.0, Ink.MAXIMUM_FADED),
    Ink.FREQUENCY: ("inferno", 0.15, Ink.FREQUENCY_FADED),
}
RAMPS_256 = {
    Ink.MAXIMUM: """5f005f 5f005f 5f0087 5f0087 005f87 005f87 008787 008787
                    00af87 00af87 5fd75f 5fd75f 87d75f afd75f d7d700 ffff00""",
    Ink.FREQUENCY: """5f005f 5f005f 87005f 87005f af005f af005f d7005f d7005f
                      ff5f00 ff5f00 ff8700 ff8700 ffaf00 ffd700 ffff5f ffffaf""",
}
"""Chosen by hand: the nearest colours are partly grey, and not ordered by lightness."""

NAMED_256 = {"DARK": {}, "LIGHT": {Ink.UP: "#008700", Ink.GOOD: "#008700"}}
"""Instead of a nearest colour that is too weak for text."""


def blend(color: str, ground: str, keep: float) -> str:
    """Return `keep` of a colour over a ground."""
    pairs = zip(bytes.fromhex(color[1:7]), bytes.fromhex(ground[1:7]), strict=True)
    return "#" + "".join(f"{round(keep * c + (1 - keep) * g):02x}" for c, g in pairs)


def ramp(name: str, start: float, theme: str) -> list[str]:
    """Return the colours of a ramp; its high end stands out from the ground, its low end is near it."""
    places = [start + (1 - start) * level / (LEVELS - 1) for level in range(LEVELS)]
    return [Colormap(name)(place).hex for place in (places if theme == "DARK" else places[::-1])]


def table(theme: str) -> list[str]:
    """Return the colour of every ink on one ground; unused places take the default colour."""
    ground, named = GROUND[theme], NAMED[theme]
    colors = [named[Ink.DEFAULT]] * SIZE
    for ink, color in named.items():
        colors[ink] = color
    colors[Ink.MARKED], colors[Ink.POINTER] = named[Ink.SELECTED], named[Ink.CURSOR]
    for number, color in enumerate(LABELS[theme]):
        colors[Ink.LABEL + number] = color
    for ink, (name, start, faded) in RAMPS.items():
        own = ramp(name, start, theme)
        colors[ink : ink + LEVELS] = own
        for fade, keep in enumerate(KEEPS):
            first = faded + fade * LEVELS
            colors[first : first + LEVELS] = [blend(color, ground, keep) for color in own]
    return [color[:7].lower() for color in colors]


def steady_256() -> list[ColorTriplet]:
    """Return the colours of xterm's 256 that rich reduces to themselves."""
    steady = []
    for number in range(16, 256):
        triplet = Color.from_ansi(number).get_truecolor()
        if Color.from_triplet(triplet).downgrade(ColorSystem.EIGHT_BIT).number == number:
            steady.append(triplet)
    return steady


def reduced(colors: list[str], theme: str) -> list[str]:
    """Return the nearest steady colours, ramps by hand."""
    steady = steady_256()
    palette = Palette([tuple(triplet) for triplet in steady])
    nearest = [steady[palette.match(ColorTriplet(*bytes.fromhex(color[1:])))].hex for color in colors]
    for ink, color in NAMED_256[theme].items():
        nearest[ink] = color
    for ink, text in RAMPS_256.items():
        own = [f"#{color}" for color in text.split()]
        assert {ColorTriplet(*bytes.fromhex(color[1:])) for color in own} <= set(steady)
        nearest[ink : ink + LEVELS] = own if theme == "DARK" else own[::-1]
    return nearest


def lines(name: str, colors: list[str]) -> str:
    """Return a table as source text, sixteen colours a line."""
    bare = [color.removeprefix("#") for color in colors]
    rows = "\n".join(" ".join(bare[first : first + LEVELS]) for first in range(0, SIZE, LEVELS))
    return f'{name}: Final = """\n{rows}\n"""\n'


def main() -> None:
    """Write the tables."""
    text = '"""Colours by ink, red-green-blue. Written by `scripts/make_colors.py`; do not edit."""\n\n'
    text += "from __future__ import annotations\n\nfrom typing import Final\n\n"
    text += "".join(f'{theme}_GROUND: Final = "{color}"\n' for theme, color in GROUND.items())
    for theme in GROUND:
        colors = table(theme)
        text += lines(theme, colors) + lines(f"{theme}_256", reduced(colors, theme))
    TARGET.write_text(text)


if __name__ == "__main__":
    main()
