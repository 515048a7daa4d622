"""The colours a plot may use, by what they mean. A palette (theme, colour depth) says what each looks like."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Inks = NDArray[np.uint16]

LEVELS = 16
"""Colours of a ramp, from its low to its high end."""
FADES = 3
"""Steps between a ramp's own colours and the background: 0 is the faintest."""

INK_BITS: Final = 13
"""Bits of an ink where a style is packed into one number."""
MOST_INKS: Final = 1 << INK_BITS

TEXT_FROM: Final = 6
"""The lowest level of a ramp whose colour is strong enough for a letter."""
POINT_FROM: Final = 3
"""The lowest level of a ramp whose colour is strong enough for a few dots."""


class Ink(IntEnum):
    """An index into a palette. Ramps take `LEVELS` indices, faded ramps `FADES * LEVELS`, labels ten and 24.

    `ON_LOW` and `ON_HIGH` are for text on the lower and upper half of a ramp, `ON_CURSOR` for text on `CURSOR`;
    `MARKED` and `POINTER` are the colours of the selection and the cursor for half blocks.
    As a ground, `SELECTED`, `CURSOR` and `BRUSH_EDGE` are shown by reversing where there are no colours. `GREYED` is a
    point that is not in question. `FAITHFUL` to `BOTH_WRONG` say how true a point's place is (CheckViz, Lespinats and
    Aupetit 2011: white, purple, green, black on paper). For white, which is as quiet as its paper, there is grey; for
    black, on a dark ground, red. `PIXEL` begins a cube of colours of pictures.
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
    GREYED = 21
    FAITHFUL = 22
    FALSE_NEIGHBOURS = 23
    TEARS = 24
    BOTH_WRONG = 25
    BRUSH = 26
    BRUSH_EDGE = 27
    MAXIMUM = 32
    FREQUENCY = 48
    LABEL = 64
    MAXIMUM_FADED = 80
    FREQUENCY_FADED = 128
    LABELS_MORE = 176
    PIXEL = 4096


FADED: Final = {Ink.MAXIMUM: Ink.MAXIMUM_FADED, Ink.FREQUENCY: Ink.FREQUENCY_FADED}
"""The faded colours of each ramp."""

LABELS: Final = 10
"""Labels that `Ink.LABEL` has colours for; all of them differ for every kind of colour vision."""
MORE_LABELS: Final = 24
"""Colours of `Ink.LABELS_MORE`; not all are told apart by everybody, so letters go with them."""
PIXEL_LEVELS: Final = 16
"""Steps of red, green and blue from `Ink.PIXEL` on."""


class Look(IntFlag):
    """How a cell is written, beside its colours."""

    PLAIN = 0
    BOLD = 1
    DIM = 2
    REVERSE = 4
    UNDERLINE = 8


def label_inks(numbers: ArrayLike, count: int) -> Inks:
    """Return the ink of each label number of `count` labels, in the shape of `numbers`; below 0, no label: `MUTED`.

    Up to ten labels take `LABEL`; of more, each takes one of `LABELS_MORE`, again from the first after the 24th.
    """
    number = np.asarray(numbers, np.int64)
    first, colours = (Ink.LABEL, LABELS) if count <= LABELS else (Ink.LABELS_MORE, MORE_LABELS)
    return np.where(number < 0, int(Ink.MUTED), first + number % colours).astype(np.uint16)


def label_ink(number: int, count: int) -> int:
    """Return the ink of one label (see `label_inks`)."""
    return int(label_inks(number, count))


def pixel_ink(red: NDArray[np.uint8], green: NDArray[np.uint8], blue: NDArray[np.uint8]) -> Inks:
    """Return the nearest ink of the `PIXEL` cube for colours of 0 to 255, in the arrays' common shape."""
    levels = [(np.asarray(part, np.uint16) * (PIXEL_LEVELS - 1) + 127) // 255 for part in (red, green, blue)]
    return (Ink.PIXEL + (levels[0] * PIXEL_LEVELS + levels[1]) * PIXEL_LEVELS + levels[2]).astype(np.uint16)


def intensity_levels(values: ArrayLike, top: float) -> NDArray[np.intp]:
    """Return levels 0 to 15 for values from 0 to `top`; -1 for what is not a number."""
    value = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        place = value / top * LEVELS if np.isfinite(top) and top > 0 else np.zeros_like(value)
    level = np.clip(np.nan_to_num(place), 0, LEVELS - 1).astype(np.intp)
    return np.where(np.isnan(value), -1, level)


def intensity_inks(levels: ArrayLike, ramp: int) -> Inks:
    """Return the ink of a point for each level of a ramp, 0 to 15, its faintest colours left out; below 0: `GREYED`."""
    level = np.asarray(levels, np.intp)
    strong = POINT_FROM + np.minimum(level, LEVELS - 1) * (LEVELS - 1 - POINT_FROM) // (LEVELS - 1)
    return np.where(level < 0, int(Ink.GREYED), ramp + strong).astype(np.uint16)
