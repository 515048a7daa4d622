"""The data of curves: as it is given, and as much of it as can be drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.inks import Ink

Float = NDArray[np.float64]

FAR: Final = 1e200
"""Numbers from here on, and on a log axis those below its inverse, are not drawn."""


@dataclass(frozen=True)
class Curve:
    """One curve: `x (N,)` rising steps, `y (N,)` values, `nonfinite (N,)` counts of NaN and inf at each point.

    A curve with a marker, or in `Ink.VALIDATION`, is dotted, and some of its points are marked.
    """

    name: str
    x: NDArray[Any]
    y: NDArray[Any]
    nonfinite: NDArray[Any]
    ink: int
    marker: str = ""

    @property
    def dotted(self) -> bool:
        """Whether the curve is told apart by its texture."""
        return bool(self.marker) or self.ink == Ink.VALIDATION

    def marker_in(self, glyphs: Glyphs) -> str:
        """Return the one character that marks points of the curve, should it be dotted."""
        if glyphs is Glyphs.ASCII:
            return self.marker if " " < self.marker <= "~" and len(self.marker) == 1 else "o"
        return self.marker[:1] or "▪"

    def value_at(self, step: float | None) -> float:
        """Return the newest value up to a step; without a step the last; NaN where there is none."""
        y = np.asarray(self.y).ravel()
        place = len(y) if step is None else int(np.searchsorted(np.asarray(self.x).ravel()[: len(y)], step, "right"))
        return float(y[place - 1]) if place else math.nan


@dataclass(frozen=True)
class Points:
    """A curve as it is drawn: finite numbers within `FAR`. `joined[i]`: nothing was lost between `i` and `i + 1`.

    `y` are logarithms on a log axis. `lost_x` are the steps with values that are not finite, `lost` how many such.
    """

    curve: Curve
    x: Float
    y: Float
    joined: NDArray[np.bool_]
    lost_x: Float
    lost: int


def points_of(curve: Curve, log: bool) -> Points:
    """Return what can be drawn of a curve; on a log axis, values up to 0 are left out."""
    size = min(np.size(curve.x), np.size(curve.y))
    x, y = (np.asarray(a, np.float64).ravel()[:size] for a in (curve.x, curve.y))
    told = np.zeros(size)
    given = np.asarray(curve.nonfinite, np.float64).ravel()[:size]
    told[: given.size] = np.clip(np.nan_to_num(given, nan=0, posinf=0, neginf=0), 0, 1e12)
    broken = ~np.isfinite(y)
    lost = np.where(broken, np.maximum(told, 1), told) * np.isfinite(x)
    keep = ~broken & np.isfinite(x) & (np.abs(x) < FAR) & (np.abs(y) < FAR)
    if log:
        keep &= y > 1 / FAR
    index = np.flatnonzero(keep)
    value = np.log10(y[index]) if log else y[index]
    return Points(curve, x[index], value, np.diff(index) == 1, x[lost > 0], int(lost.sum()))
