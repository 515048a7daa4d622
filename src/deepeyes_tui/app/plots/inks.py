"""The colours a plot may use, by what they mean. A palette (theme, colour depth) says what each looks like."""

from __future__ import annotations

from enum import IntEnum, IntFlag

LEVELS = 16


class Ink(IntEnum):
    """An index into a palette. Ramps take `LEVELS` indices from their first one, labels ten."""

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
    MAXIMUM = 32
    FREQUENCY = 48
    LABEL = 64


class Look(IntFlag):
    """How a cell is written, beside its colours."""

    PLAIN = 0
    BOLD = 1
    DIM = 2
    REVERSE = 4
    UNDERLINE = 8
