"""Which characters a terminal can be trusted with, and the tables that plots take theirs from."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]


class Glyphs(StrEnum):
    """Braille and blocks; blocks alone, for fonts without braille; printable ASCII alone."""

    BRAILLE = "braille"
    BLOCK = "block"
    ASCII = "ascii"


def codes(text: str) -> Codes:
    """Return the code points of a text, `(len,) uint32`."""
    return np.array([ord(character) for character in text], np.uint32)


RISING: Final = {
    Glyphs.BRAILLE: codes(" ▁▂▃▄▅▆▇█"),
    Glyphs.BLOCK: codes(" ▁▂▃▄▅▆▇█"),
    Glyphs.ASCII: codes(" ...:::##"),
}
"""Nine fillings of a cell from below, in eighths."""

DOTTED: Final = {
    Glyphs.BRAILLE: codes(" ⣀⣀⣀⣤⣤⣶⣶⣿"),
    Glyphs.BLOCK: codes(" ╻╻╻╻╻┃┃┃"),
    Glyphs.ASCII: codes(" ....||||"),
}
"""As `RISING`, told apart from it by its texture."""

CROSS: Final = "\N{MULTIPLICATION SIGN}"
DEAD: Final = {Glyphs.BRAILLE: CROSS, Glyphs.BLOCK: CROSS, Glyphs.ASCII: "x"}
ALWAYS_ON: Final = {Glyphs.BRAILLE: "▲", Glyphs.BLOCK: "▲", Glyphs.ASCII: "!"}
