"""What the colours and letters of a map mean: labels, intensities, how true a place is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from string import ascii_letters, digits
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from rich.cells import cell_len

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.cells import DENSITY
from deepeyes_tui.app.plots.glyphs import Codes, Glyphs, codes
from deepeyes_tui.app.plots.inks import LEVELS, Ink, Inks, Look, intensity_inks
from deepeyes_tui.app.plots.numbers import printable, short

LETTERS: Final = digits + ascii_letters
NO_LABEL: Final = "o"
LONGEST_NAME: Final = 16
GAP: Final = 2
SWATCH: Final = "■ "
ASCII_SWATCH: Final = "# "
QUALITY: Final = (Ink.FAITHFUL, Ink.FALSE_NEIGHBOURS, Ink.TEARS, Ink.BOTH_WRONG)
"""The inks of a point's place: 0 faithful, 1 false neighbours, 2 tears, 3 both."""
QUALITY_LETTERS: Final = ".ftX"
QUALITY_NAMES: Final = (("faithful", "false neighbours", "tears", "both wrong"), ("true", "false", "tears", "both"))
"""In full, and where there is less room."""


def label_letters(numbers: ArrayLike) -> Codes:
    """Return the letter of each label number as code points: digits, small and capital letters, then from the first.

    Below 0, no label, it is `o`.
    """
    number = np.asarray(numbers, np.int64)
    letters: Codes = np.where(number < 0, ord(NO_LABEL), codes(LETTERS)[number % len(LETTERS)]).astype(np.uint32)
    return letters


def label_letter(number: int) -> str:
    """Return the letter of one label (see `label_letters`)."""
    return chr(int(label_letters(number)))


def quality_inks(kinds: ArrayLike) -> Inks:
    """Return the ink of each kind of place: 0 faithful, 1 false neighbours, 2 tears, 3 both."""
    inks: Inks = np.array(QUALITY, np.uint16)[np.asarray(kinds, np.intp)]
    return inks


def quality_letters(kinds: ArrayLike) -> Codes:
    """Return the letter of each kind of place (see `quality_inks`)."""
    letters: Codes = codes(QUALITY_LETTERS)[np.asarray(kinds, np.intp)]
    return letters


def draw_labels(
    width: int,
    rows: int,
    names: Sequence[str],
    counts: Sequence[int],
    inks: Sequence[int],
    letters: Sequence[str],
    *,
    focus: Collection[int] | None = None,
    order: Sequence[int] | None = None,
    glyphs: Glyphs = Glyphs.BRAILLE,
    colour: bool = True,
) -> Canvas:
    """Draw letter, name and count of each label, in columns, row by row, with swatches if all have room with them.

    What has no room is counted. `order` says which labels are shown and which first; those outside `focus` are grey.
    Raises ValueError if the lengths of names, counts, inks and letters differ, or if `order` has a number that is no
    label's.
    """
    canvas = Canvas(width, rows)
    if not len(names) == len(counts) == len(inks) == len(letters):
        raise ValueError(f"{len(names)} labels need as many counts, inks and letters")
    shown = list(range(len(names)) if order is None else order)
    if any(not 0 <= number < len(names) for number in shown):
        raise ValueError(f"the order of {len(names)} labels has a number that is none of them")
    entries = {n: _entry(names[n], letters[n], counts[n], glyphs) for n in shown}
    longest = max(map(cell_len, entries.values()), default=1)
    swatch = (ASCII_SWATCH if glyphs is Glyphs.ASCII else SWATCH) if colour else ""
    if len(shown) > canvas.height * _across(canvas, longest + len(swatch)):
        swatch = ""
    wide = longest + len(swatch)
    across = _across(canvas, wide)
    room = across * canvas.height
    more = len(shown) - room + 1 if len(shown) > room else 0
    for place, number in enumerate(shown[: max(len(shown) - more, 0)]):
        row, column = place // across, place % across * (wide + GAP)
        quiet = focus is not None and number not in focus
        look = Look.DIM if quiet and not colour else Look.PLAIN
        column = canvas.text(row, column, swatch + letters[number], Ink.GREYED if quiet else int(inks[number]), look)
        rest = entries[number].removeprefix(letters[number])
        canvas.text(row, column, rest, Ink.GREYED if quiet else Ink.DEFAULT, look)
    if more and room:
        column, said = (room - 1) % across * (wide + GAP), f"+ {more} more"
        said = said if column + len(said) <= canvas.width else f"+{more}"
        canvas.text((room - 1) // across, column, said, Ink.MUTED)
    return canvas


def _entry(name: str, letter: str, count: int, glyphs: Glyphs) -> str:
    """Return the text of a label; a name that is its letter is written once."""
    plain = glyphs is Glyphs.ASCII
    name = printable(name, LONGEST_NAME, plain)
    number = short(count, ascii=plain)
    return f"{letter}: {number}" if name == letter else " ".join(filter(None, (letter, name, number)))


def _across(canvas: Canvas, wide: int) -> int:
    """Return how many entries stand side by side: at least one, cut at the edge."""
    return max((canvas.width + GAP) // (wide + GAP), 1)


def draw_intensity(
    width: int,
    *,
    ramp: int,
    low: float,
    high: float,
    title: str = "",
    glyphs: Glyphs = Glyphs.BRAILLE,
    colour: bool = True,
) -> Canvas:
    """Draw the title, the low end, the colours of `intensity_inks`, and the high end.

    In ASCII and without colour, letters take the place of blocks (see `density_letters`).
    """
    canvas, plain = Canvas(width, 1), glyphs is Glyphs.ASCII
    spelled = plain or not colour
    shapes = DENSITY if spelled else "█" * LEVELS
    first, last = short(low, ascii=plain), short(high, ascii=plain)
    room = canvas.width - len(first) - len(last) - len(shapes) - 2
    column = canvas.text(0, 0, printable(title, max(room - 1, 0), plain), Ink.TITLE)
    column = canvas.text(0, column + (column > 0), first + " ", Ink.MUTED)
    for number, shape in enumerate(shapes):
        column = canvas.text(0, column, shape, int(intensity_inks(number * (LEVELS - 1) // (len(shapes) - 1), ramp)))
    canvas.text(0, column, " " + last, Ink.MUTED)
    return canvas


def draw_quality(width: int, *, glyphs: Glyphs = Glyphs.BRAILLE, colour: bool = True) -> Canvas:
    """Draw what colours and letters say about the places of points; shorter words where there is less room."""
    canvas = Canvas(width, 1)
    swatch = (ASCII_SWATCH if glyphs is Glyphs.ASCII else SWATCH) if colour else ""
    lengths = [sum(len(swatch) + len(name) + 2 + GAP for name in names) - GAP for names in QUALITY_NAMES]
    names = QUALITY_NAMES[0 if lengths[0] <= canvas.width else 1]
    column = 0
    for ink, letter, name in zip(QUALITY, QUALITY_LETTERS, names, strict=True):
        column = canvas.text(0, column, swatch + letter, ink)
        column = canvas.text(0, column + 1, name, Ink.MUTED) + GAP
    return canvas
