"""A grid of equal pictures with a line under each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from numpy.typing import ArrayLike

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.plots.pictures import as_pixels, draw_image, image_size

GAP: Final = 1
"""Columns at both sides of a tile, shared with its neighbour: here stand the marks."""
CAPTION: Final = 1
LEAST_SIDE: Final = 14
"""Pictures are not reduced to fewer columns than this to make room for more of them."""
SIDES: Final = {Glyphs.BRAILLE: "▐▌", Glyphs.BLOCK: "▐▌", Glyphs.ASCII: "[]"}
"""What stands at the left and the right of a tile under the cursor."""
TICK: Final = "*"


@dataclass(frozen=True, slots=True)
class TileLayout:
    """Which tile is where: `shown` tiles in `columns x rows`, each `tile_width x tile_height` with its caption."""

    shown: int
    columns: int
    rows: int
    tile_width: int
    tile_height: int

    @property
    def picture(self) -> tuple[int, int]:
        """Columns and rows of a tile's picture."""
        return self.tile_width, self.tile_height - CAPTION

    def place(self, number: int) -> tuple[int, int]:
        """Return row and column of the upper left cell of a tile."""
        row, column = divmod(number, max(self.columns, 1))
        return row * self.tile_height, GAP + column * (self.tile_width + GAP)

    def cell_at(self, row: int, column: int) -> int | None:
        """Return the number of the tile in a cell; None between and beside them."""
        if not self.shown or row < 0 or column < GAP:
            return None
        across, inner = divmod(column - GAP, self.tile_width + GAP)
        number = row // self.tile_height * self.columns + across
        return number if inner < self.tile_width and across < self.columns and number < self.shown else None

    def move(self, number: int, dx: int, dy: int) -> int:
        """Return the tile some steps to the right and down, or the last one on the way."""
        if not self.shown:
            return 0
        number = min(max(number + dx, 0), self.shown - 1)
        column = number % self.columns
        lowest = (self.shown - 1 - column) // self.columns
        return min(max(number // self.columns + dy, 0), lowest) * self.columns + column


def tile_layout(count: int, h: int, w: int, width: int, height: int) -> TileLayout:
    """Return how to lay `count` pictures of `h x w` pixels into a room of cells.

    The largest pictures of which all fit; if that would make them too small, as many as fit.
    """
    best = TileLayout(0, 0, 0, 0, CAPTION)
    for columns, rows in _sizes(h, w, width - 2 * GAP, height - CAPTION):
        across, down = (width - GAP) // (columns + GAP), height // (rows + CAPTION)
        shown = min(across * down, max(count, 0))
        if shown > best.shown:
            best = TileLayout(shown, across, down, columns, rows + CAPTION)
    return best


def _sizes(h: int, w: int, width: int, height: int) -> list[tuple[int, int]]:
    """Return columns and rows that a picture may take, the largest first."""
    largest, lines = image_size(h, w, width, height)
    if not largest:
        return []
    enlarged = [image_size(h, w, w * times, h * times) for times in range(largest // w, 0, -1)]
    first = min(largest, w) - (1 if enlarged else 0)
    reduced = [image_size(h, w, columns, lines) for columns in range(first, min(LEAST_SIDE, w) - 1, -1)]
    return [*enlarged, *reduced] or [(largest, lines)]


def draw_tiles(
    images: Sequence[ArrayLike | Canvas],
    captions: Sequence[str],
    width: int,
    height: int,
    *,
    cursor: int | None = None,
    marked: Collection[int] = (),
    layout: TileLayout | None = None,
    inks: Sequence[int] | None = None,
    glyphs: Glyphs = Glyphs.BRAILLE,
    colour: bool = True,
) -> Canvas:
    """Draw pictures of one size (see `draw_image`), as many as fit, with the caption of each in its ink. What is drawn
    already is taken as it is, and needs a layout.

    The tile under the cursor stands between two bars, its caption on the cursor's ground; captions of marked ones stand
    on the selection's and carry an asterisk. Raises ValueError if there are fewer captions or inks than images.
    """
    canvas = Canvas(width, height)
    if len(captions) < len(images) or (inks is not None and len(inks) < len(images)):
        raise ValueError(f"{len(images)} pictures need a caption, and an ink if any, each")
    if not images:
        return canvas
    if layout is None:
        h, w = as_pixels(images[0]).shape[:2]  # type: ignore[arg-type]
        layout = tile_layout(len(images), h, w, canvas.width, canvas.height)
    for number in range(min(layout.shown, len(images))):
        row, column = layout.place(number)
        image = images[number]
        drawn = image if isinstance(image, Canvas) else draw_image(image, *layout.picture, glyphs, colour)
        canvas.paste(drawn, row, column)
        ink = Ink.MUTED if inks is None else inks[number]
        at = row + layout.tile_height - CAPTION, column
        _caption(canvas, at, layout, captions[number], ink, number == cursor, number in marked, glyphs)
        if number == cursor:
            _bars(canvas, layout, row, column, glyphs)
    return canvas


def _caption(
    canvas: Canvas,
    at: tuple[int, int],
    layout: TileLayout,
    text: str,
    ink: int,
    under: bool,
    marked: bool,
    glyphs: Glyphs,
) -> None:
    wide = layout.tile_width
    text = printable(TICK * marked + text, wide, glyphs is Glyphs.ASCII)
    ground = Ink.CURSOR if under else Ink.SELECTED if marked else Ink.DEFAULT
    if ground:
        canvas.text(*at, " " * wide, ground=ground)
        ink = Ink.DEFAULT
    canvas.text(*at, text, ink, Look.PLAIN, ground)


def _bars(canvas: Canvas, layout: TileLayout, row: int, column: int, glyphs: Glyphs) -> None:
    for line in range(row, row + layout.tile_height):
        for place, bar in zip((column - 1, column + layout.tile_width), SIDES[glyphs], strict=True):
            canvas.text(line, place, bar, Ink.POINTER, Look.BOLD)
