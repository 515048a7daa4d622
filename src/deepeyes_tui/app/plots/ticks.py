"""Round numbers for axes."""

from __future__ import annotations

import math
from typing import Final

STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
ENDS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)


def tick_step(span: float, most: int) -> float:
    """Return the smallest round step that parts `span` into at most `most` pieces."""
    if not (math.isfinite(span) and span > 0):
        return 1.0
    least = span / max(most, 1)
    unit = 10.0 ** math.floor(math.log10(least))
    return next((step * unit for step in STEPS if step * unit >= least * (1 - 1e-9)), 10 * unit)


def ticks(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of `step` in `[low, high]`, at most a thousand."""
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [number * step for number in range(first, min(last, first + 1000) + 1)]


def x_axis_end(step: int) -> int:
    """Return where an axis of steps should end: rounded up so coarsely that it moves seldom, at least 10."""
    step = max(int(step), 10)
    unit = 10 ** (len(str(step)) - 1)
    return next(int(end * unit) for end in ENDS if end * unit >= step)
