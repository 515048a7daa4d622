"""Cells of a heatmap that show two filters, the upper and the lower half of a block."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.blocks import Blocks, Flag, readable_ink
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.glyphs import DEAD, Glyphs
from deepeyes_tui.app.plots.heatmap_layout import HeatmapLayout
from deepeyes_tui.app.plots.inks import FADED, FADES, LEVELS, Ink
from deepeyes_tui.app.plots.raster import HALVES

Cells = NDArray[np.uint16]

FLANK: Final = 2
"""Columns at either side of a half cell that point at it."""
ON_EITHER: Final = {(True, False): "▲", (False, True): "▼", (True, True): "!"}
"""The mark of a cell whose upper, lower, or both filters are always on."""


def draw_halves(
    canvas: Canvas, layout: HeatmapLayout, blocks: Blocks, ramp: int, cursor: int | None, glyphs: Glyphs
) -> None:
    """Draw two lines of blocks a row. In cells two columns wide, marks take the left column, colours keep the right."""
    wide = layout.cell_width
    shades = _pairs(_shades(blocks, ramp), layout)  # (R, 2, C)
    marked, dead = _pairs(blocks.marked, layout), _pairs(blocks.dead, layout)
    on = _pairs(blocks.always_on & ~blocks.dead, layout)
    image = np.repeat(shades, wide, axis=2)
    image[:, :, ::wide][marked] = Ink.MARKED
    upper, lower = image[:, 0], image[:, 1]
    own = Canvas(image.shape[2], image.shape[0])
    own.glyph[:] = HALVES[(upper > 0) + 2 * ((upper == 0) & (lower > 0))]
    own.ink[:] = np.where(upper > 0, upper, lower)
    own.ground[:] = np.where(upper > 0, lower, 0)
    crossed = dead[:, 0] | dead[:, 1]
    _triangles(own, wide, shades, on & ~crossed[:, None], marked)
    _crosses(own, wide, shades.max(axis=1)[crossed], (marked[:, 0] | marked[:, 1])[crossed], crossed, glyphs)
    canvas.paste(own, 0, 0)
    if cursor is not None:
        _flanks(canvas, layout, cursor)


def _crosses(own: Canvas, wide: int, living: Cells, marked: Flag, crossed: Flag, glyphs: Glyphs) -> None:
    """Mark cells with dead filters; in cells one column wide, the ground is the colour of the living half."""
    ground = living if wide == 1 else np.zeros_like(living)
    own.glyph[:, ::wide][crossed] = ord(DEAD[glyphs])
    strong = (ground > 0) & (ground < Ink.LABEL) & ~marked
    own.ink[:, ::wide][crossed] = np.where(strong, readable_ink(ground % LEVELS), int(Ink.DOWN))
    own.ground[:, ::wide][crossed] = np.where(marked, int(Ink.SELECTED), ground)


def _triangles(own: Canvas, wide: int, shades: Cells, on: Flag, marked: Flag) -> None:
    """Mark cells with filters that are always on: the triangle points to the half, its ground is that half's colour."""
    for (upper, lower), mark in ON_EITHER.items():
        here = (on[:, 0] == upper) & (on[:, 1] == lower)
        shade = shades[:, 0 if upper else 1][here]
        own.glyph[:, ::wide][here] = ord(mark)
        chosen = ((marked[:, 0] & on[:, 0]) | (marked[:, 1] & on[:, 1]))[here]
        own.ground[:, ::wide][here] = np.where(chosen, int(Ink.SELECTED), shade)
        strong = np.where(shade < Ink.LABEL, readable_ink(shade % LEVELS), int(Ink.WARNING))
        own.ink[:, ::wide][here] = np.where(chosen, int(Ink.DEFAULT), strong)


def _shades(blocks: Blocks, ramp: int) -> Cells:
    """Return the ink of each block, `(N,)`: fainter the less reliable it is, nothing for dead ones."""
    step = np.minimum((blocks.reliability * (FADES + 1)).astype(np.intp), FADES)
    first = np.where(step == FADES, ramp, FADED[Ink(ramp)] + step * LEVELS)
    shade = np.where(blocks.level >= 0, first + blocks.level, int(Ink.FAINT))
    return np.where(blocks.dead, 0, shade).astype(np.uint16)


def _pairs(values: NDArray[Any], layout: HeatmapLayout) -> NDArray[Any]:
    """Return the upper and lower half of each cell, `(R, 2, C)`; nothing behind the last block."""
    rows = -(-values.size // (2 * layout.columns))
    whole = np.zeros(2 * rows * layout.columns, values.dtype)
    whole[: values.size] = values
    return whole.reshape(rows, 2, layout.columns)


def _flanks(canvas: Canvas, layout: HeatmapLayout, cursor: int) -> None:
    """Point at a half cell from both sides: bright halves on a dark ground, level with it."""
    line, column = divmod(cursor, layout.columns)
    glyph = "▄" if line % 2 else "▀"
    for place in (column * layout.cell_width - FLANK, (column + 1) * layout.cell_width):
        canvas.text(line // 2, place, glyph * FLANK, Ink.POINTER, ground=Ink.ON_CURSOR)
