"""Shapes in a cell, as how much of each pixel they cover: `(height, width) float32` from 0 to 1.

Coordinates are pixels from the upper left corner of the cell, x to the right, y downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Coverage = NDArray[np.float32]
Point = tuple[float, float]
Size = tuple[int, int]
"""Width and height in pixels."""


def nothing(size: Size) -> Coverage:
    """Return a cell without ink."""
    return np.zeros((size[1], size[0]), np.float32)


def rectangle(size: Size, left: float, top: float, right: float, bottom: float) -> Coverage:
    """Return a rectangle; a pixel that it covers in part takes that part."""
    return np.outer(_span(size[1], top, bottom), _span(size[0], left, right)).astype(np.float32)


def disc(size: Size, centre: Point, radius: float) -> Coverage:
    """Return a filled circle."""
    return _soft(radius - _distance(size, centre, centre))


def ring(size: Size, centre: Point, radius: float, thickness: float) -> Coverage:
    """Return a circle's line; `radius` is that of its middle."""
    return _soft(thickness / 2 - np.abs(_distance(size, centre, centre) - radius))


def stroke(size: Size, points: Sequence[Point], thickness: float) -> Coverage:
    """Return a line along two or more points, its ends round."""
    ways = [_distance(size, one, other) for one, other in pairwise(points)]
    return _soft(thickness / 2 - np.minimum.reduce(ways))


def polygon(size: Size, points: Sequence[Point]) -> Coverage:
    """Return a filled convex polygon; its corners go clockwise as seen on the screen."""
    x, y = _pixels(size)
    inside = np.full((size[1], size[0]), np.inf)
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        across = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        inside = np.minimum(inside, across / np.hypot(x2 - x1, y2 - y1))
    return _soft(inside)


def _pixels(size: Size) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.ogrid[: size[1], : size[0]]
    return x + 0.5, y + 0.5


def _span(length: int, start: float, stop: float) -> NDArray[np.float64]:
    edges = np.arange(length)
    covered: NDArray[np.float64] = np.clip(np.minimum(edges + 1, stop) - np.maximum(edges, start), 0, 1)
    return covered


def _distance(size: Size, one: Point, other: Point) -> NDArray[np.float64]:
    """Return how far each pixel's centre is from the line between two points, `(height, width)`."""
    x, y = _pixels(size)
    dx, dy = other[0] - one[0], other[1] - one[1]
    along = ((x - one[0]) * dx + (y - one[1]) * dy) / (dx * dx + dy * dy or 1)
    part = np.clip(along, 0, 1)
    return np.hypot(x - one[0] - part * dx, y - one[1] - part * dy)


def _soft(depth: NDArray[np.float64]) -> Coverage:
    """Return the coverage of pixels whose centres lie so deep inside a shape; an edge is one pixel wide."""
    return np.clip(depth + 0.5, 0, 1).astype(np.float32)
