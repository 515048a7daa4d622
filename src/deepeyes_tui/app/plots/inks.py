"""The colours a plot may use, by what they mean. A palette (theme, colour depth) says what each looks like."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

LEVELS = 16
"""Colours of a ramp, from its low to its high end."""
FADES = 3
"""Steps between a ramp's own colours and the background: 0 is the faintest."""

INK_BITS: Final = 13
"""Bits of an ink where a style is packed into one number."""
MOST_INKS: Final = 1 << INK_BITS

TEXT_FROM: Final = 6
"""The lowest level of a ramp whose colour is strong enough for a letter."""


class Ink(IntEnum):
    """An index into a palette. Ramps take `LEVELS` indices, faded ramps `FADES * LEVELS`, labels ten.

    `ON_LOW` and `ON_HIGH` are for text on the lower and upper half of a ramp, `ON_CURSOR` for text on `CURSOR`;
    `MARKED` and `POINTER` are the colours of the selection and the cursor for half blocks.
    As a ground, `SELECTED` and `CURSOR` are shown by reversing where there are no colours.
    """

    DEFAULT = 0
    MUTED = 1
    FAINT = 2
    ACCENT = 3
    TITLE = 4
    UP = 5
    DOWN = 6
    WARNING = 7
    ERROR = 8
    GOOD = 9
    TRAINING = 10
    VALIDATION = 11
    BAR = 12
    UNDETECTED = 13
    SELECTED = 14
    CURSOR = 15
    ON_LOW = 16
    ON_HIGH = 17
    ON_CURSOR = 18
    MARKED = 19
    POINTER = 20
    MAXIMUM = 32
    FREQUENCY = 48
    LABEL = 64
    MAXIMUM_FADED = 80
    FREQUENCY_FADED = 128


FADED: Final = {Ink.MAXIMUM: Ink.MAXIMUM_FADED, Ink.FREQUENCY: Ink.FREQUENCY_FADED}
"""The faded colours of each ramp."""


class Look(IntFlag):
    """How a cell is written, beside its colours."""

    PLAIN = 0
    BOLD = 1
    DIM = 2
    REVERSE = 4
    UNDERLINE = 8
