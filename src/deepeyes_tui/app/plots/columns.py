"""Rows of a table in a line each: the columns in which a row differs most from the others come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable, short

LONGEST_NAME = 16
BAR = 10
"""Columns of a bar to each side."""
MOST = 3.0
"""Standard deviations that a whole bar stands for."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a row holds in one column: its value, and how many standard deviations it lies off the mean."""

    name: str
    value: float
    score: float


def scores(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return z-scores of `values (S, D)` over the instances; 0 where a column does not vary, NaN where it is NaN."""
    finite = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    some = np.isfinite(finite)
    count = np.maximum(some.sum(axis=0), 1)
    mean = np.where(some, finite, 0).sum(axis=0) / count
    spread = np.sqrt((np.where(some, finite - mean, 0) ** 2).sum(axis=0) / count)
    varies = spread > 1e-9 * np.maximum(np.abs(mean), 1e-300)
    return np.where(varies, (finite - mean) / np.where(varies, spread, 1), finite * 0).astype(np.float32)


def ranked(
    names: Sequence[str], values: NDArray[np.float32], score: NDArray[np.float32], most: int | None = None
) -> list[Column]:
    """Return the columns of one row `(D,)`, those that differ most from the mean first, NaN before all."""
    order = np.argsort(-np.nan_to_num(np.abs(score), nan=np.inf), kind="stable")[:most]
    return [Column(column_name(names, int(i)), float(values[i]), float(score[i])) for i in order]


def column_name(names: Sequence[str], number: int) -> str:
    """Return a column's name as it was told, else `c` and its number."""
    return names[number] if number < len(names) else f"c{number}"


def words_of(column: Column, ascii: bool = False) -> tuple[str, str]:
    """Return a column's name with its score, and its value."""
    score = "" if np.isnan(column.score) else f" {column.score:+.1f}"
    return f"{printable(column.name, LONGEST_NAME, ascii)}{score}", short(column.value, ascii=ascii)


def draw_columns(width: int, columns: Sequence[Column], ascii: bool = False) -> Canvas:
    """Draw as many columns of one row as fit into a line: name, score, and value in brackets."""
    canvas, at = Canvas(width, 1), 0
    for column in columns:
        said, value = words_of(column, ascii)
        if at + len(said) + len(value) + 3 > width:
            break
        look = Look.BOLD if abs(column.score) >= 2 else Look.PLAIN
        at = canvas.text(0, at, said, Ink.DEFAULT, look)
        at = canvas.text(0, at, f" ({value})", Ink.MUTED) + 2
    return canvas


def draw_bars(width: int, height: int, columns: Sequence[Column], ascii: bool = False) -> Canvas:
    """Draw a line a column: name, score, value, and how far and to which side it lies off the mean as a bar."""
    canvas = Canvas(width, height)
    wide = min(max((len(words_of(column, ascii)[0]) for column in columns), default=0), LONGEST_NAME + 7)
    for row, column in enumerate(columns[:height]):
        said, value = words_of(column, ascii)
        at = canvas.text(row, 0, said.ljust(wide + 1))
        at = canvas.text(row, at, value.rjust(7), Ink.MUTED) + 1
        _bar(canvas, row, at, column.score, ascii)
    return canvas


def _bar(canvas: Canvas, row: int, left: int, score: float, ascii: bool) -> None:
    length = 0 if np.isnan(score) else min(round(abs(score) / MOST * BAR), BAR)
    middle = left + BAR
    canvas.text(row, middle, "|" if ascii else "│", Ink.MUTED)
    start = middle + 1 if score > 0 else middle - length
    canvas.text(row, start, ("#" if ascii else "█") * length, Ink.UP if score > 0 else Ink.DOWN)
