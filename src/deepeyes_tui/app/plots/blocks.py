"""What the cells of a heatmap show, in the order they stand in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepeyes_tui.app.plots.heatmap_layout import HeatmapLayout
from deepeyes_tui.app.plots.inks import LEVELS, Ink

Float = NDArray[np.float64]
Flag = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Blocks:
    """What each block shows, `(N,)` each: `level` of the ramp (-1: not known), reliability in `[0, 1]`, marks."""

    level: Places
    reliability: Float
    dead: Flag
    always_on: Flag
    marked: Flag


def _sized(values: ArrayLike, size: int, dtype: Any) -> NDArray[Any]:
    """Return an array of exactly `size` values, filled with zeros."""
    given = np.asarray(values).ravel()[:size].astype(dtype)
    return given if given.size == size else np.append(given, np.zeros(size - given.size, dtype))


def make_blocks(
    value: Float,
    layout: HeatmapLayout,
    order: ArrayLike,
    top: float,
    reliability: ArrayLike,
    dead: ArrayLike,
    always_on: ArrayLike,
    marked: ArrayLike,
) -> Blocks:
    """Put `(F,)` arrays in order, and join the filters of a block (see `draw_heatmap`)."""
    size, per = value.size, layout.filters_per_cell
    places = np.asarray(order).ravel()
    if places.size != size or places.dtype.kind not in "iu" or places.min() < 0 or places.max() >= size:
        places = np.arange(size)
    flags = [_sized(flag, size, bool)[places] for flag in (dead, always_on, marked)]
    value, recent = value[places], np.clip(np.nan_to_num(_sized(reliability, size, np.float64)[places]), 0, 1)
    if per > 1:
        starts = np.arange(0, size, per)
        count = np.diff(np.append(starts, size))
        known = np.isfinite(value)
        with np.errstate(all="ignore"):
            value = np.add.reduceat(np.where(known, value, 0.0), starts) / np.add.reduceat(known.astype(float), starts)
        recent = np.add.reduceat(recent, starts) / count
        sums = [np.add.reduceat(flag.astype(np.intp), starts) for flag in flags]
        flags = [2 * sums[0] > count, 2 * sums[1] > count, sums[2] > 0]
    return Blocks(_levels(value, top), recent, *flags)


def _levels(value: Float, top: float) -> Places:
    """Return the level of each value, -1 for NaN."""
    with np.errstate(all="ignore"):
        place = value / top * LEVELS if math.isfinite(top) and top > 0 else np.where(np.isnan(value), np.nan, 0.0)
    known = ~np.isnan(value)
    return np.where(known, np.clip(np.nan_to_num(place), 0, LEVELS - 1), -1).astype(np.intp)


def joined_blocks(
    layout: HeatmapLayout, blocks: Blocks, cursor: int | None
) -> tuple[HeatmapLayout, Blocks, int | None]:
    """Make whole cells of half cells, for terminals that cannot show these: each has the higher value of its two."""
    columns = layout.columns
    lines, rest = divmod(blocks.level.size, columns)
    count = lines // 2 * columns + (columns if lines % 2 else rest)
    upper = np.arange(count) // columns * 2 * columns + np.arange(count) % columns
    lower = np.where(upper + columns < blocks.level.size, upper + columns, upper)
    joined = Blocks(
        np.maximum(blocks.level[upper], blocks.level[lower]),
        np.maximum(blocks.reliability[upper], blocks.reliability[lower]),
        blocks.dead[upper] & blocks.dead[lower],
        blocks.always_on[upper] | blocks.always_on[lower],
        blocks.marked[upper] | blocks.marked[lower],
    )
    if cursor is not None:
        cursor = cursor // columns // 2 * columns + cursor % columns
    whole = HeatmapLayout(count, columns, -(-count // columns), layout.cell_width, 1)
    return whole, joined, cursor


def readable_ink(level: NDArray[Any]) -> Places:
    """Return the ink of a text on a level of a ramp."""
    return np.where(level < LEVELS // 2, int(Ink.ON_LOW), int(Ink.ON_HIGH))
