"""Which part of a map is shown, and which point is where: points `(n, 2)` are x to the right and y downwards.

A cell is one unit wide and two high, as it is in terminals: a map is never stretched. What is not a number is nowhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Places = NDArray[np.intp]
Cell = tuple[int, int]
"""Column and row."""

MARGIN: Final = 0.04
"""Free room at each side of all points, as a share of their extent."""
FARTHEST: Final = 1e100
"""Coordinates beyond this are treated as not there."""
LEAST: Final = 1e-9
"""The least extent of a view, as a share of its distance from the origin."""
SIDEWAYS: Final = 2.0
"""How much worse it is to go astray than to go far when moving in a direction."""


@dataclass(frozen=True, slots=True)
class View:
    """The rectangle of a map, in the coordinates of its points, that is shown whole and in the middle."""

    left: float
    top: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """The point that is always in the middle of the picture."""
        return self.left + self.width / 2, self.top + self.height / 2


def as_points(points: ArrayLike) -> Float:
    """Return points as `(n, 2) float64`; raise ValueError for any other shape."""
    given = np.asarray(points, np.float64)
    if given.size == 0:
        return np.empty((0, 2))
    if given.ndim != 2 or given.shape[1] != 2:
        raise ValueError(f"points must have the shape (n, 2), not {given.shape}")
    return given


def _around(x: float, y: float, width: float, height: float) -> View:
    """Return the view of a size around a point, large enough to be divided into cells."""
    least = LEAST * max(abs(x), abs(y), LEAST)
    width, height = max(width, least), max(height, least)
    return View(x - width / 2, y - height / 2, width, height)


def fit(points: ArrayLike) -> View:
    """Return the view of all `points (n, 2)` with a margin; of none, and of one place, a view of side 1."""
    given = as_points(points)
    given = given[(np.abs(given) < FARTHEST).all(axis=1)]
    if not given.size:
        return View(-0.5, -0.5, 1.0, 1.0)
    low, high = given.min(axis=0), given.max(axis=0)
    side = float((high - low).max())
    x, y = ((low + high) / 2).tolist()
    if side <= LEAST * max(abs(x), abs(y)):
        return _around(x, y, 1.0, 1.0)
    width, height = (high - low).tolist()
    return _around(x, y, width + 2 * MARGIN * side, height + 2 * MARGIN * side)


def zoomed(view: View, factor: float, around: tuple[float, float] | None = None) -> View:
    """Return a view that shows everything `factor` times larger; a point stays where it is (default: the middle).

    Raises ValueError if the factor is not a positive number.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"a map is enlarged by a positive number, not by {factor}")
    x, y = around or view.middle
    cx, cy = view.middle
    width, height = (min(size / factor, FARTHEST) for size in (view.width, view.height))
    return _around(x + (cx - x) / factor, y + (cy - y) / factor, width, height)


def panned(view: View, dx: float, dy: float) -> View:
    """Return the view moved to the right and down, by shares of its own size."""
    return View(view.left + dx * view.width, view.top + dy * view.height, view.width, view.height)


def scale(view: View, width: int, height: int) -> float:
    """Return the units a map's coordinate 1 is long in a picture of `width x height` cells."""
    return min(max(width, 1) / max(view.width, 1 / FARTHEST), 2 * max(height, 1) / max(view.height, 1 / FARTHEST))


def units(points: Float, view: View, width: int, height: int) -> Float:
    """Return where points are in units from the upper left corner, `(n, 2)`, NaN where that is out of all bounds."""
    with np.errstate(all="ignore"):
        places: Float = (points - view.middle) * scale(view, width, height) + (width / 2, height)
        return np.where((np.abs(places) < FARTHEST).all(axis=1, keepdims=True), places, np.nan)


def place(points: ArrayLike, view: View, width: int, height: int) -> tuple[Places, Places]:
    """Return the column and row of each of `points (n, 2)`, `(n,)` each, -1 for what is outside."""
    x, y = units(as_points(points), view, width, height).T
    shown = (x >= 0) & (x < width) & (y >= 0) & (y < 2 * height)
    column, row = (np.where(shown, part, -1.0).astype(np.intp) for part in (x, y))
    return column, np.where(shown, row // 2, -1)


def spot(view: View, width: int, height: int, column: int, row: int) -> tuple[float, float]:
    """Return the point of the map in the middle of a cell."""
    per = scale(view, width, height)
    x, y = view.middle
    return x + (column + 0.5 - width / 2) / per, y + (2 * row + 1 - height) / per


def nearest_point(points: ArrayLike, view: View, width: int, height: int, column: int, row: int) -> int | None:
    """Return the number of the point in the picture that is nearest to the middle of a cell; None if there is none."""
    given = as_points(points)
    shown = np.flatnonzero(place(given, view, width, height)[0] >= 0)
    if not shown.size:
        return None
    away = units(given[shown], view, width, height) - (column + 0.5, 2 * row + 1)
    return int(shown[(away**2).sum(axis=1).argmin()])


def nearest_in_direction(
    points: ArrayLike, view: View, width: int, height: int, start: int, dx: int, dy: int
) -> int | None:
    """Return the point to go to from point `start` in a direction, in another cell; None if there is none.

    It lies in the picture, within 45 degrees of the direction: near, and rather straight ahead. Raises ValueError if
    there is no point `start`.
    """
    given = as_points(points)
    if not 0 <= start < len(given):
        raise ValueError(f"there is no point {start} among {len(given)}")
    length = math.hypot(dx, dy)
    column, row = place(given, view, width, height)
    places = units(given, view, width, height)
    if not length or np.isnan(places[start]).any():
        return None
    away = places - places[start]
    along = away @ np.array([dx, dy]) / length
    across = np.abs(away @ np.array([-dy, dx])) / length
    other = (column >= 0) & ((column != column[start]) | (row != row[start]))
    choice = np.flatnonzero(other & (along > 0) & (across <= along))
    return int(choice[(along + SIDEWAYS * across)[choice].argmin()]) if choice.size else None


def inside(points: ArrayLike, view: View, width: int, height: int, corner: Cell, other: Cell) -> NDArray[np.bool_]:
    """Return which points lie in the rectangle of cells between two corners, both included, `(n,)`."""
    column, row = place(points, view, width, height)
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(corner, other, strict=True))
    within: NDArray[np.bool_] = (column >= max(left, 0)) & (column <= right) & (row >= max(top, 0)) & (row <= bottom)
    return within
