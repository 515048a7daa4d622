"""What the inks of pictures look like in truecolor, in 256 and in sixteen colours."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet

from deepeyes_tui.app.plots.inks import PIXEL_LEVELS

Colors = NDArray[np.int64]

GREYS_ANSI: Final = ("black", "bright_black", "white", "bright_white")
OWN: Final = 16
"""The first of xterm's 256 colours that no theme of the terminal changes."""
DARK_TO: Final = (30, 120, 210)
"""The luminances, of 255, between the greys of sixteen colours."""
LUMA: Final = np.array([299, 587, 114])
"""What red, green and blue give to luminance, in thousandths (ITU-R BT.601)."""


@lru_cache(maxsize=1)
def steady_256() -> tuple[ColorTriplet, ...]:
    """Return the colours of xterm's 256 that rich reduces to themselves."""
    steady = []
    for number in range(OWN, 256):
        triplet = Color.from_ansi(number).get_truecolor()
        if Color.from_triplet(triplet).downgrade(ColorSystem.EIGHT_BIT).number == number:
            steady.append(triplet)
    return tuple(steady)


def cube() -> Colors:
    """Return the colours of the cube in the order of their inks, `(PIXEL_LEVELS ** 3, 3)`, 0 to 255."""
    places = np.indices((PIXEL_LEVELS,) * 3).reshape(3, -1).T
    return places * (255 // (PIXEL_LEVELS - 1))


def hex_of(colors: Colors) -> list[str]:
    """Return `#rrggbb` for each of `(N, 3)` colours."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colors.tolist()]


@lru_cache(maxsize=1)
def true_pixels() -> list[str]:
    """Return the cube as it is."""
    return hex_of(cube())


@lru_cache(maxsize=1)
def pixels_256() -> list[str]:
    """Return the nearest of xterm's 256 for the cube, by number: rich would take another for a light grey."""
    xterm = np.array([Color.from_ansi(number).get_truecolor() for number in range(OWN, 256)], np.int64)
    colors = cube()
    distance = _squares(xterm) + _squares(colors)[:, None] - 2 * colors @ xterm.T  # (4096, 240)
    return [f"color({OWN + place})" for place in distance.argmin(axis=1).tolist()]


@lru_cache(maxsize=1)
def pixels_ansi() -> list[str]:
    """Return one of four greys for each colour of the cube, by its luminance."""
    luminance = cube() @ LUMA // 1000
    return [GREYS_ANSI[place] for place in np.searchsorted(DARK_TO, luminance).tolist()]


def _squares(colors: Colors) -> Colors:
    squares: Colors = (colors**2).sum(axis=1)
    return squares
