"""Two runs in numbers, one beneath the other."""

from __future__ import annotations

import math

from rich.cells import cell_len

from deepeyes_tui.app.beside import Beside, beside_of
from deepeyes_tui.app.panes.base import write
from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import percent, printable, short, unknown
from deepeyes_tui.app.scene import Scene

HEADS = ("step", "loss", "accuracy", "dead", "parameters", "steps/s")
ROWS = 3
SIGN, VALIDATION_SIGN = "+", "x"
"""Marks of the other run's curves, training and validation."""
MOST_NAME = 24


def compared(scene: Scene) -> tuple[Beside, Beside] | None:
    """Return this run and the other one; None where there is none."""
    if scene.beside is None:
        return None
    return beside_of(scene.run, scene.sentence, scene.snapshot), scene.beside


def number_cells(run: Beside, ascii: bool) -> list[str]:
    """Return the numbers of a run under `HEADS`."""
    status = run.status
    if status is None:
        return [unknown(ascii)] * len(HEADS)
    return [
        f"{status.step:,}",
        short(status.loss, ascii=ascii),
        f"{status.accuracy:.1%}" if math.isfinite(status.accuracy) else unknown(ascii),
        percent(run.dead, ascii=ascii),
        short(run.parameters, ascii=ascii),
        short(status.steps_per_second, ascii=ascii),
    ]


def draw_two_runs(canvas: Canvas, top: int, scene: Scene) -> None:
    """Write `ROWS` rows: heads, this run, the other one; columns from the right are left out where there is no room."""
    pair = compared(scene)
    if pair is None:
        return
    names = [printable(run.run, MOST_NAME, scene.ascii) for run in pair]
    numbers = [number_cells(run, scene.ascii) if run.status is not None else [""] * len(HEADS) for run in pair]
    rows = [list(HEADS), *numbers]
    column = first = 3 + max(cell_len(name) for name in names) + 2
    own = "*" if scene.ascii else "━"
    for row, (sign, name, ink) in enumerate(((own, names[0], Ink.TRAINING), (SIGN, names[1], Ink.UP)), top + 1):
        write(canvas, row, 1, [(sign, ink, Look.BOLD), (f" {name}", Ink.TITLE)])
    for cells in zip(*rows, strict=True):
        width = max(map(cell_len, cells))
        if column + width > canvas.width - 1:
            break
        for row, cell in enumerate(cells, top):
            canvas.text(row, column, cell.rjust(width), Ink.MUTED if row == top else Ink.DEFAULT)
        column += width + 2
    if pair[1].status is None:
        room = max(canvas.width - first - 1, 0)
        canvas.text(top + 2, first, printable(pair[1].sentence, room, scene.ascii), Ink.WARNING)
