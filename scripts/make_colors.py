"""Write `plots/color_tables.py`: every ink's colour on a dark and a light background, and its nearest of 256.

python scripts/make_colors.py        (needs `cmap`)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cmap import Colormap
from numpy.typing import NDArray
from rich.color_triplet import ColorTriplet
from rich.palette import Palette

from deepeyes_tui.app.plots.inks import LEVELS, MORE_LABELS, Ink
from deepeyes_tui.app.plots.pixels import hex_of, steady_256

TARGET = Path(__file__).parents[1] / "src/deepeyes_tui/app/plots/color_tables.py"
SIZE = int(Ink.LABELS_MORE) + 2 * LEVELS
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
        Ink.GREYED: "#626c78",
        Ink.FAITHFUL: "#98a2ae",
        Ink.FALSE_NEIGHBOURS: "#b77dff",
        Ink.TEARS: "#3fd98a",
        Ink.BOTH_WRONG: "#ff4d3d",
        Ink.BRUSH: "#1b2738",
        Ink.BRUSH_EDGE: "#2a3f59",
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
        Ink.GREYED: "#b9bfc6",
        Ink.FAITHFUL: "#868e97",
        Ink.FALSE_NEIGHBOURS: "#8127c9",
        Ink.TEARS: "#12863a",
        Ink.BOTH_WRONG: "#000000",
        Ink.BRUSH: "#e6eef9",
        Ink.BRUSH_EDGE: "#cddff5",
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

NAMED_256 = {
    "DARK": {Ink.FAITHFUL: "#949494", Ink.BRUSH: "#1c1c1c", Ink.BRUSH_EDGE: "#3a3a3a"},
    "LIGHT": {
        Ink.UP: "#008700",
        Ink.GOOD: "#008700",
        Ink.GREYED: "#afafd7",
        Ink.BRUSH: "#d7ffff",
        Ink.BRUSH_EDGE: "#afd7ff",
    },
}
"""Instead of a nearest colour that is too weak for text, or too strong for a ground."""


def blend(color: str, ground: str, keep: float) -> str:
    """Return `keep` of a colour over a ground."""
    pairs = zip(bytes.fromhex(color[1:7]), bytes.fromhex(ground[1:7]), strict=True)
    return "#" + "".join(f"{round(keep * c + (1 - keep) * g):02x}" for c, g in pairs)


def ramp(name: str, start: float, theme: str) -> list[str]:
    """Return the colours of a ramp; its high end stands out from the ground, its low end is near it."""
    places = [start + (1 - start) * level / (LEVELS - 1) for level in range(LEVELS)]
    return [Colormap(name)(place).hex for place in (places if theme == "DARK" else places[::-1])]


def lab(colors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `(N, 3)` colours of 0 to 255 in Oklab (Ottosson 2020), in which distances are as they are seen."""
    part = colors / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array([[0.4122, 0.2119, 0.0883], [0.5363, 0.6807, 0.2817], [0.0514, 0.1074, 0.6300]])
    mixed = np.array([[0.2105, 1.9780, 0.0259], [0.7936, -2.4286, 0.7828], [-0.0041, 0.4506, -0.8087]])
    return np.cbrt(cones) @ mixed


def far_apart(theme: str) -> list[str]:
    """Return colours of which each is as far as can be from those before it, the ground and grey (Glasbey 2007)."""
    steps = np.linspace(0, 255, 18).astype(np.int64)
    candidates = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    lightness = lab(candidates)[:, 0]
    candidates = candidates[lightness > 0.62 if theme == "DARK" else (lightness > 0.35) & (lightness < 0.68)]
    taken = [GROUND[theme], NAMED[theme][Ink.GREYED], NAMED[theme][Ink.DEFAULT]]
    near = np.array([list(bytes.fromhex(color[1:])) for color in taken])
    chosen: list[int] = []
    distance = np.linalg.norm(lab(candidates)[:, None] - lab(near), axis=2).min(axis=1)
    for _ in range(MORE_LABELS):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(lab(candidates) - lab(candidates[chosen[-1:]]), axis=1))
    return hex_of(candidates[chosen])


def table(theme: str) -> list[str]:
    """Return the colour of every ink on one ground; unused places take the default colour."""
    ground, named = GROUND[theme], NAMED[theme]
    colors = [named[Ink.DEFAULT]] * SIZE
    for ink, color in named.items():
        colors[ink] = color
    colors[Ink.MARKED], colors[Ink.POINTER] = named[Ink.SELECTED], named[Ink.CURSOR]
    for first, labels in ((Ink.LABEL, LABELS[theme]), (Ink.LABELS_MORE, far_apart(theme))):
        colors[first : first + len(labels)] = labels
    for ink, (name, start, faded) in RAMPS.items():
        own = ramp(name, start, theme)
        colors[ink : ink + LEVELS] = own
        for fade, keep in enumerate(KEEPS):
            first = faded + fade * LEVELS
            colors[first : first + LEVELS] = [blend(color, ground, keep) for color in own]
    return [color[:7].lower() for color in colors]


def each_its_own(colors: list[str]) -> list[str]:
    """Return for each colour the nearest steady one that no colour before it has taken."""
    steady = np.array(steady_256(), np.int64)
    chosen: list[int] = []
    for color in colors:
        distance = np.linalg.norm(lab(steady) - lab(np.array([list(bytes.fromhex(color[1:]))])), axis=1)
        distance[chosen] = np.inf
        chosen.append(int(distance.argmin()))
    return hex_of(steady[chosen])


def reduced(colors: list[str], theme: str) -> list[str]:
    """Return the nearest steady colours, ramps by hand."""
    steady = steady_256()
    palette = Palette([tuple(triplet) for triplet in steady])
    nearest = [steady[palette.match(ColorTriplet(*bytes.fromhex(color[1:])))].hex for color in colors]
    for ink, color in NAMED_256[theme].items():
        assert ColorTriplet(*bytes.fromhex(color[1:])) in steady
        nearest[ink] = color
    more = slice(Ink.LABELS_MORE, Ink.LABELS_MORE + MORE_LABELS)
    nearest[more] = each_its_own(colors[more])
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
