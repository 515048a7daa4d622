"""What the colours and letters of a map mean: labels, intensities, how true a place is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
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

Place = tuple[int, int]
"""Row and column."""
LETTERS: Final = digits + ascii_letters
NO_LABEL: Final = "o"
LONGEST_NAME: Final = 16
GAP: Final = 2
EXACT_BELOW: Final = 10_000
"""Counts under it are written in full: they are as short."""
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
    """Draw letter, name and count of each label, row by row: in columns and with swatches if all have room so, else
    without swatches, without columns, without counts.

    What has no room then is counted. `order` says which labels are shown and which first; those outside `focus` are
    grey.
    Raises ValueError if the lengths of names, counts, inks and letters differ, or if `order` has a number that is no
    label's.
    """
    canvas = Canvas(width, rows)
    if not len(names) == len(counts) == len(inks) == len(letters):
        raise ValueError(f"{len(names)} labels need as many counts, inks and letters")
    shown = list(range(len(names)) if order is None else order)
    if any(not 0 <= number < len(names) for number in shown):
        raise ValueError(f"the order of {len(names)} labels has a number that is none of them")
    parts = [Part(letters[n], _rest(names[n], letters[n], counts[n], glyphs)) for n in shown]
    swatch = (ASCII_SWATCH if glyphs is Glyphs.ASCII else SWATCH) if colour else ""
    parts, places = _laid(canvas, parts, [_named(names[n], letters[n], glyphs) for n in shown], swatch)
    for number, part, (row, column) in zip(shown, parts, places, strict=False):
        quiet = focus is not None and number not in focus
        look = Look.DIM if quiet and not colour else Look.PLAIN
        column = canvas.text(row, column, part.coloured, Ink.GREYED if quiet else int(inks[number]), look)
        canvas.text(row, column, part.rest, Ink.GREYED if quiet else Ink.DEFAULT, look)
    if (more := len(shown) - len(places)) and canvas.height:
        _more(canvas, more, max(len(part) for part in parts))
    return canvas


@dataclass(frozen=True, slots=True)
class Part:
    """The text of a label: what has its colour, and the rest."""

    coloured: str
    rest: str

    def __len__(self) -> int:
        return cell_len(self.coloured) + cell_len(self.rest)


def _laid(canvas: Canvas, parts: list[Part], named: list[Part], swatch: str) -> tuple[list[Part], list[Place]]:
    """Return the texts of labels and where they stand: the longest texts with which all have room."""
    swatched = [Part(swatch + part.coloured, part.rest) for part in parts]
    for shown, places in ((swatched, _grid), (parts, _grid), (parts, _flow), (named, _flow)):
        if len(found := places(canvas, shown)) == len(shown):
            return shown, found
    return parts, _grid(canvas, parts)[:-1]


def _grid(canvas: Canvas, parts: list[Part]) -> list[Place]:
    """Return the places of texts in columns of one width, as many as there is room for."""
    wide = max(map(len, parts), default=1)
    across = _across(canvas, wide)
    seen = range(min(len(parts), across * canvas.height))
    return [(place // across, place % across * (wide + GAP)) for place in seen]


def _flow(canvas: Canvas, parts: list[Part]) -> list[Place]:
    """Return the places of texts one behind the other, as many as there is room for."""
    places, row, column = [], 0, 0
    for part in parts:
        if column and column + len(part) > canvas.width:
            row, column = row + 1, 0
        if row == canvas.height or len(part) > canvas.width:
            break
        places.append((row, column))
        column += len(part) + GAP
    return places


def _more(canvas: Canvas, more: int, wide: int) -> None:
    """Count at the last place of a grid what has no room."""
    column, said = (_across(canvas, wide) - 1) * (wide + GAP), f"+ {more} more"
    said = said if column + len(said) <= canvas.width else f"+{more}"
    canvas.text(canvas.height - 1, column, said, Ink.MUTED)


def _named(name: str, letter: str, glyphs: Glyphs) -> Part:
    """Return letter and name of a label; a name that is its letter is written once."""
    name = printable(name, LONGEST_NAME, glyphs is Glyphs.ASCII)
    return Part(letter, f" {name}" if name and name != letter else "")


def _rest(name: str, letter: str, count: int, glyphs: Glyphs) -> str:
    """Return name and count of a label, for behind its letter."""
    number = f"{count:,}" if count < EXACT_BELOW else short(count, ascii=glyphs is Glyphs.ASCII)
    named = _named(name, letter, glyphs).rest
    return f"{named} {number}" if named or name != letter else f": {number}"


def _across(canvas: Canvas, wide: int) -> int:
    """Return how many texts stand side by side: at least one, cut at the edge."""
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
